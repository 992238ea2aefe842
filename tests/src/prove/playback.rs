//! One player watches one encoder's show for minutes.

use std::time::Duration;

use super::Figures;
use crate::harness::{Obs, Publisher, Script, Source, Vitrine, clock};

/// The picture's frames a second.
const FPS: u32 = 30;
/// A browser starts, and finds the first frame, within this time.
const START: Duration = Duration::from_secs(90);

/// Who publishes. Both: 1280 by 720 at 30 frames a second, B-frames, a keyframe each 2 s, AAC at 48 kHz, a clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoder {
    /// FFmpeg with OBS's settings of x264.
    Ffmpeg,
    /// OBS Studio, with `keyint=60`.
    Obs,
}

/// What plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Player {
    /// The watch page: hls.js.
    WatchPage,
    /// hls.js as it comes.
    HlsJs,
    /// Shaka Player as it comes.
    Shaka,
}

/// One run.
#[derive(Debug, Clone)]
pub struct Playback {
    /// Its folder in `tests/out/`.
    pub name: String,
    /// Who publishes.
    pub encoder: Encoder,
    /// What plays.
    pub player: Player,
    /// The wished length of a part.
    pub part_target: Duration,
    /// For how long is watched.
    pub watched: Duration,
}

impl Player {
    fn argument(self) -> &'static str {
        match self {
            Self::WatchPage => "watch",
            Self::HlsJs => "hls",
            Self::Shaka => "shaka",
        }
    }

    fn url(self, vitrine: &Vitrine) -> String {
        match self {
            Self::WatchPage => vitrine.url("/watch/demo"),
            Self::HlsJs | Self::Shaka => vitrine.playlist("demo"),
        }
    }
}

impl Playback {
    /// Watches. Panics, as the harness does, if something does not start or the picture never comes.
    pub async fn run(&self) -> Figures {
        let vitrine = Vitrine::named(&self.name)
            .part_target_s(self.part_target.as_secs_f64())
            .start()
            .await;
        match self.encoder {
            Encoder::Ffmpeg => {
                let picture = Source::picture()
                    .size(1280, 720)
                    .preset("veryfast")
                    .bitrate_kbps(2500)
                    .with(&["-vf", &clock::overlay(1280, FPS)]);
                let publisher = Publisher::start(&picture, &vitrine, "demo");
                let figures = self.watch(&vitrine).await;
                publisher.stop().await;
                figures
            }
            Encoder::Obs => {
                let mut obs = Obs::start(&vitrine, "demo", "keyint=60");
                let figures = self.watch(&vitrine).await;
                obs.stop().await;
                if let Some(lagged) = obs.lagged_percent() {
                    println!("  OBS made {lagged} % of its frames too late");
                }
                figures
            }
        }
    }

    async fn watch(&self, vitrine: &Vitrine) -> Figures {
        vitrine.live("demo").await;
        let seconds = self.watched.as_secs().to_string();
        let picture = vitrine.folder().join("page.png").display().to_string();
        let player = self.player.argument();
        let url = self.player.url(vitrine);
        let arguments = [
            url.as_str(),
            &seconds,
            "--player",
            player,
            "--screenshot",
            &picture,
        ];
        let script = Script::start(vitrine, "play.mjs", &arguments);
        Figures::read(&script.figures(self.watched + START).await)
    }
}
