//! FFmpeg as the sample show's encoder, which tells how far it is.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use super::picture;

/// Why there is no encoder.
#[derive(Debug, thiserror::Error)]
pub enum EncoderError {
    /// It does not start.
    #[error("ffmpeg does not start: {0}: install Debian's package ffmpeg")]
    Start(std::io::Error),
    /// Its log cannot be written.
    #[error("{}: {source}", path.display())]
    Log {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It ended.
    #[error("the encoder ended: see {}", log.display())]
    Ended {
        /// What it said.
        log: PathBuf,
    },
}

/// A running encoder; stopped when dropped.
#[derive(Debug)]
pub struct Encoder {
    _child: Child,
    progress: Lines<BufReader<ChildStdout>>,
    log: PathBuf,
}

impl Encoder {
    /// Publishes the sample show to `url` with OBS's usual settings: H.264 at 2.5 Mbit/s, a keyframe each 2 s, AAC at
    /// 128 kbit/s. `pictures` is the folder of the products' SVG files.
    ///
    /// # Errors
    /// [`EncoderError::Start`], [`EncoderError::Log`].
    pub fn start(url: &str, pictures: &Path, log: &Path) -> Result<Self, EncoderError> {
        let file = std::fs::File::create(log).map_err(|source| EncoderError::Log {
            path: log.to_owned(),
            source,
        })?;
        let keyframe_frames = (2 * picture::FRAME_RATE).to_string();
        let mut child = Command::new("ffmpeg")
            .args(["-hide_banner", "-nostdin", "-nostats", "-loglevel", "warning"])
            .args(["-progress", "pipe:1", "-stats_period", "0.03"])
            .args(["-filter_threads", "1", "-re", "-f", "lavfi", "-i"])
            .arg(picture::graph(pictures))
            .args(["-re", "-f", "lavfi", "-i", picture::SOUND])
            .args(["-c:v", "libx264", "-preset", "veryfast", "-tune", "zerolatency"])
            .args([
                "-g",
                &keyframe_frames,
                "-keyint_min",
                &keyframe_frames,
                "-sc_threshold",
                "0",
            ])
            .args(["-b:v", "2500k", "-maxrate", "2500k", "-bufsize", "5000k"])
            .args([
                "-c:a",
                "aac",
                "-b:a",
                "128k",
                "-flvflags",
                "no_duration_filesize",
                "-f",
                "flv",
                url,
            ])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(file)
            .kill_on_drop(true)
            .spawn()
            .map_err(EncoderError::Start)?;
        let ended = || EncoderError::Ended { log: log.to_owned() };
        let stdout = child.stdout.take().ok_or_else(ended)?;
        Ok(Self {
            _child: child,
            progress: BufReader::new(stdout).lines(),
            log: log.to_owned(),
        })
    }

    /// How much of the show it has sent, in seconds: the next answer within about a frame's time.
    ///
    /// # Errors
    /// [`EncoderError::Ended`].
    pub async fn position_s(&mut self) -> Result<f64, EncoderError> {
        while let Ok(Some(line)) = self.progress.next_line().await {
            let micros = line
                .strip_prefix("out_time_us=")
                .and_then(|text| text.parse::<f64>().ok());
            if let Some(micros) = micros {
                return Ok(micros / 1e6);
            }
        }
        Err(EncoderError::Ended {
            log: self.log.clone(),
        })
    }
}
