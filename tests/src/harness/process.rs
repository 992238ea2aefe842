//! A program that is gone when its value is.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, kill_process, setrlimit};

use super::until;

/// A running program whose output goes to a log file. Dropped, it is killed and waited for.
#[derive(Debug)]
pub struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts `command` with both of its outputs in `log`, which is written anew.
    pub fn start(command: &mut Command, log: &Path) -> Self {
        Self::start_reading(command, Stdio::null(), log)
    }

    /// The same, with the way to its input.
    pub fn start_fed(command: &mut Command, log: &Path) -> (Self, ChildStdin) {
        let mut process = Self::start_reading(command, Stdio::piped(), log);
        let input = process.child.stdin.take();
        let input = input.unwrap_or_else(|| panic!("{:?} has no input", command.get_program()));
        (process, input)
    }

    fn start_reading(command: &mut Command, input: Stdio, log: &Path) -> Self {
        let fail = |what: &str, error: &dyn std::fmt::Display| -> ! {
            panic!("{what} for {:?}: {error}", command.get_program())
        };
        let file = File::create(log).unwrap_or_else(|error| fail(&log.display().to_string(), &error));
        let twin = file
            .try_clone()
            .unwrap_or_else(|error| fail("a second handle of the log", &error));
        command.stdin(input).stdout(file).stderr(twin);
        let child = command
            .spawn()
            .unwrap_or_else(|error| panic!("{:?} does not start: {error}", command.get_program()));
        Self {
            child,
            log: log.to_owned(),
        }
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Everything that it printed so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Where its log is.
    pub fn log_path(&self) -> &Path {
        &self.log
    }

    /// Its exit status, if it has ended.
    pub fn exited(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Sends it a signal, unless it has ended.
    pub fn signal(&mut self, signal: Signal) {
        // Not yet waited for, so the id is still its own.
        if self.exited().is_none()
            && let Some(pid) = i32::try_from(self.pid()).ok().and_then(Pid::from_raw)
        {
            let _ = kill_process(pid, signal);
        }
    }

    /// Waits for its end; panics if that does not come within `patience`.
    pub async fn ended(&mut self, patience: Duration) -> ExitStatus {
        let what = format!("the end of process {}: see {}", self.pid(), self.log.display());
        until(&what, patience, async || self.exited()).await
    }
}

/// Lets this program, and those it starts from now on, open as many files and connections as the system allows;
/// returns how many.
pub fn raise_open_files() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        ..limit
    };
    // Not being allowed to is no harm by itself: the caller looks at what it got.
    let _ = setrlimit(Resource::Nofile, raised);
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
