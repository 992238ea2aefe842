//! `make prove`: the long proofs. Each prints its figures, and ends with 1 if they miss what is promised.

use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};
use vitrine_tests::prove::{Encoder, Limits, Playback, Player, ladder};

/// Parts of a third of a second, and of a fifth.
const USUAL: Duration = Duration::from_millis(333);
const SHORT: Duration = Duration::from_millis(200);

/// Real encoders, real players, minutes of playing.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// Which proof.
    #[command(subcommand)]
    proof: Proof,
    /// For how long each player watches.
    #[arg(long, global = true, default_value_t = 300, value_parser = clap::value_parser!(u64).range(5..))]
    seconds: u64,
    /// Only the runs with parts of so many milliseconds: 333 or 200.
    #[arg(long, global = true)]
    part_ms: Option<u128>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Subcommand)]
enum Proof {
    /// FFmpeg with OBS's settings; the watch page: no stall, under 2 s with parts of 1/3 s, under 1.3 s with 0.2 s.
    FfmpegHls,
    /// The same from a real OBS Studio with keyint=60.
    ObsHls,
    /// Shaka Player plays FFmpeg's show without a stall, under 3 s.
    Shaka,
    /// hls.js without the watch page around it plays FFmpeg's show without a stall, under 3 s.
    BareHls,
    /// 720p from FFmpeg with a flash and a beep: rungs cut at the same instants, picture and sound together at minute 1 and
    /// at the end, hls.js forced up and down each 5 s. Twice as long as the others: 10 minutes.
    Ladder,
    /// All of them.
    All,
}

impl Proof {
    const EACH: [Self; 5] = [
        Self::FfmpegHls,
        Self::ObsHls,
        Self::Shaka,
        Self::BareHls,
        Self::Ladder,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::FfmpegHls => "ffmpeg-hls",
            Self::ObsHls => "obs-hls",
            Self::Shaka => "shaka",
            Self::BareHls => "bare-hls",
            Self::Ladder => "ladder",
            Self::All => "all",
        }
    }

    fn runs(self) -> Vec<(Encoder, Player, Duration, Limits)> {
        // What the watch page promises; other players choose their distance to live themselves.
        let watched = |encoder| {
            vec![
                (encoder, Player::WatchPage, USUAL, Limits { latency_s: 2.0 }),
                (encoder, Player::WatchPage, SHORT, Limits { latency_s: 1.3 }),
            ]
        };
        let plain = |player| vec![(Encoder::Ffmpeg, player, USUAL, Limits { latency_s: 3.0 })];
        match self {
            Self::FfmpegHls => watched(Encoder::Ffmpeg),
            Self::ObsHls => watched(Encoder::Obs),
            Self::Shaka => plain(Player::Shaka),
            Self::BareHls => plain(Player::HlsJs),
            Self::Ladder | Self::All => Vec::new(),
        }
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let proofs = match arguments.proof {
        Proof::All => Proof::EACH.to_vec(),
        one => vec![one],
    };
    let mut kept = true;
    for proof in proofs {
        kept &= prove(proof, Duration::from_secs(arguments.seconds), arguments.part_ms).await;
    }
    if kept {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Runs a proof; whether it kept its limits.
async fn prove(proof: Proof, watched: Duration, part_ms: Option<u128>) -> bool {
    if proof == Proof::Ladder {
        println!("ladder: FFmpeg, flash and beep, {} s", 2 * watched.as_secs());
        let figures = ladder::run(2 * watched).await;
        println!("{figures}");
        return verdict(&figures.misses());
    }
    let mut kept = true;
    for (encoder, player, part_target, limits) in proof.runs() {
        let milliseconds = part_target.as_millis();
        if part_ms.is_some_and(|wanted| wanted != milliseconds) {
            continue;
        }
        println!(
            "{}: {encoder:?}, {player:?}, parts of {milliseconds} ms, {} s, latency under {} s",
            proof.name(),
            watched.as_secs(),
            limits.latency_s
        );
        let playback = Playback {
            name: format!("prove-{}-{milliseconds}ms", proof.name()),
            encoder,
            player,
            part_target,
            watched,
        };
        let figures = playback.run().await;
        print!("{figures}");
        kept &= verdict(&figures.misses(limits));
    }
    kept
}

fn verdict(misses: &[String]) -> bool {
    if misses.is_empty() {
        println!("  kept");
    } else {
        println!("  MISSED: {}", misses.join("; "));
    }
    misses.is_empty()
}
