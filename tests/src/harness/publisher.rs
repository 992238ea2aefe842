//! A running FFmpeg that publishes.

use std::path::PathBuf;
use std::process::{ChildStdin, Command, ExitStatus};
use std::time::Duration;

use rustix::process::Signal;

use super::{Process, Source, Vitrine};

/// FFmpeg says goodbye within this time, or the test fails.
const FAREWELL: Duration = Duration::from_secs(60);

/// FFmpeg, publishing. Dropped, it is killed.
#[derive(Debug)]
pub struct Publisher {
    process: Process,
}

impl Publisher {
    /// Publishes `source` to a channel of `vitrine`, by the channel's key.
    pub fn start(source: &Source, vitrine: &Vitrine, channel: &str) -> Self {
        Self::start_at(source, vitrine, &vitrine.publish_url(channel), channel)
    }

    /// Publishes `source` to any URL; the log is `ffmpeg-LABEL-N.log` among the server's.
    pub fn start_at(source: &Source, vitrine: &Vitrine, url: &str, label: &str) -> Self {
        let output = ["-flvflags", "no_duration_filesize", "-f", "flv", url];
        Self::run(source, vitrine, &output, label)
    }

    /// Publishes `source` as a transport stream to an `srt://` URL, by a stream id.
    pub fn start_srt(source: &Source, vitrine: &Vitrine, url: &str, stream_id: &str, label: &str) -> Self {
        let output = ["-f", "mpegts", "-srt_streamid", stream_id, url];
        Self::run(source, vitrine, &output, label)
    }

    /// Publishes the FLV file that is written to its input, as it comes.
    pub(super) fn fed(vitrine: &Vitrine, channel: &str) -> (Self, ChildStdin) {
        let url = vitrine.publish_url(channel);
        let output = ["-flvflags", "no_duration_filesize", "-f", "flv", &url];
        let (mut command, log) = Self::command(&Source::fed(), vitrine, &output, channel);
        let (process, input) = Process::start_fed(&mut command, &log);
        (Self { process }, input)
    }

    fn run(source: &Source, vitrine: &Vitrine, output: &[&str], label: &str) -> Self {
        let (mut command, log) = Self::command(source, vitrine, output, label);
        Self {
            process: Process::start(&mut command, &log),
        }
    }

    fn command(source: &Source, vitrine: &Vitrine, output: &[&str], label: &str) -> (Command, PathBuf) {
        let mut command = Command::new("ffmpeg");
        command
            .args(["-hide_banner", "-nostdin", "-nostats", "-loglevel", "info"])
            .args(source.arguments())
            .args(output);
        (command, vitrine.next_log(&format!("ffmpeg-{label}")))
    }

    /// What FFmpeg said so far.
    pub fn log(&self) -> String {
        self.process.log()
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Its exit status, if it has ended.
    pub fn exited(&mut self) -> Option<ExitStatus> {
        self.process.exited()
    }

    /// Waits until FFmpeg ends by itself; panics if it does not within `patience`.
    pub async fn ended(&mut self, patience: Duration) -> ExitStatus {
        self.process.ended(patience).await
    }

    /// Stops it as a broadcaster does: the stream is finished and unpublished.
    pub async fn stop(mut self) -> ExitStatus {
        self.process.signal(Signal::INT);
        self.process.ended(FAREWELL).await
    }

    /// Kills it in the middle of whatever it does (SIGKILL): the connection is cut.
    pub fn kill(self) {
        drop(self);
    }

    /// Freezes it (SIGSTOP): the connection stays, and is silent.
    pub fn freeze(&mut self) {
        self.process.signal(Signal::STOP);
    }

    /// Lets it go on after [`freeze`](Self::freeze).
    pub fn thaw(&mut self) {
        self.process.signal(Signal::CONT);
    }
}
