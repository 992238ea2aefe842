//! A real OBS Studio that publishes, without a desktop (`tests/obs/obs-push`).

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitStatus};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};

use super::{Process, Vitrine, clock};

/// OBS ends its stream, and everything it started is gone, within this time.
const FAREWELL: Duration = Duration::from_secs(20);
const FPS: u32 = 30;

/// OBS, publishing 1280 by 720 at 30 frames a second with a clock across the top. Dropped, it is killed.
#[derive(Debug)]
pub struct Obs {
    process: Process,
}

impl Obs {
    /// Publishes to a channel of `vitrine`. `x264` are options of OBS's encoder as its user types them, `keyint=60`;
    /// empty, a keyframe comes each 250 frames.
    pub fn start(vitrine: &Vitrine, channel: &str, x264: &str) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("obs/obs-push");
        let server = format!("rtmp://{}/live", vitrine.rtmp());
        let mut command = Command::new(script);
        command
            .args([&server, &vitrine.channel(channel).stream_key])
            .args(["--fps", &FPS.to_string(), "--x264", x264, "--strip"])
            .arg(clock::strip(FPS))
            // With all that it starts, so that nothing is left when the script is killed.
            .process_group(0);
        let log = vitrine.next_log(&format!("obs-{channel}"));
        Self {
            process: Process::start(&mut command, &log),
        }
    }

    /// What OBS logged so far.
    pub fn log(&self) -> String {
        self.process.log()
    }

    /// Frames that OBS made too late, in percent, as it tells at its end; none before.
    pub fn lagged_percent(&self) -> Option<f64> {
        let log = self.log();
        if !log.contains("Streaming Stop") {
            return None;
        }
        let line = log
            .lines()
            .find(|line| line.contains("lagged frames due to rendering"));
        let percent = line.map(|line| {
            line.rsplit_once('(')
                .and_then(|(_, rest)| rest.split_once('%'))
                .and_then(|(figure, _)| figure.parse().ok())
        });
        // Without late frames, OBS has no such line.
        percent.unwrap_or(Some(0.0))
    }

    /// Stops it as a broadcaster does: the stream is finished and unpublished.
    pub async fn stop(&mut self) -> ExitStatus {
        self.process.signal(Signal::TERM);
        self.process.ended(FAREWELL).await
    }
}

impl Drop for Obs {
    fn drop(&mut self) {
        if self.process.exited().is_none()
            && let Some(group) = i32::try_from(self.process.pid()).ok().and_then(Pid::from_raw)
        {
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}
