//! The servers that the sample show runs on.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};

use super::DemoError;

/// A server that does not stop by itself within this time is killed.
const FAREWELL: Duration = Duration::from_secs(8);

/// A running program of this workspace; killed when dropped.
#[derive(Debug)]
pub struct Program {
    name: &'static str,
    child: Child,
    log: PathBuf,
}

impl Program {
    /// Starts the program that lies beside this one, with its defaults; its log is `{name}.log` in `logs`.
    ///
    /// # Errors
    /// [`DemoError::Start`].
    pub fn start(name: &'static str, logs: &Path) -> Result<Self, DemoError> {
        let log = logs.join(name).with_extension("log");
        let start = || {
            let file = std::fs::File::create(&log)?;
            Command::new(std::env::current_exe()?.with_file_name(name))
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(file)
                .kill_on_drop(true)
                .spawn()
        };
        let child = start().map_err(|source| DemoError::Start { name, source })?;
        Ok(Self { name, child, log })
    }

    /// Resolves when it ends, which it should not do: to why the show is over.
    pub async fn ended(&mut self) -> DemoError {
        let status = self.child.wait().await;
        let status = status.map_or_else(|error| error.to_string(), |status| status.to_string());
        DemoError::Ended {
            name: self.name,
            status,
            log: self.log.clone(),
        }
    }

    /// Asks it to stop (SIGTERM), and waits for it.
    pub async fn stop(mut self) {
        let pid = self
            .child
            .id()
            .and_then(|id| i32::try_from(id).ok())
            .and_then(Pid::from_raw);
        if let Some(pid) = pid {
            let _ = kill_process(pid, Signal::TERM);
        }
        let _ = tokio::time::timeout(FAREWELL, self.child.wait()).await;
    }
}
