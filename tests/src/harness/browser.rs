//! The browser's scripts (`tests/browser/*.mjs`): real players in headless Chromium.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;

use super::{Process, Vitrine, until};

/// Node closes its browser within this time.
const FAREWELL: Duration = Duration::from_secs(10);

/// A running script. It prints JSON objects, one a line. Dropped, it is stopped with its browser.
#[derive(Debug)]
pub struct Script {
    name: String,
    process: Process,
}

impl Script {
    /// Starts a script by its name, `play.mjs`; its output goes to a log among the server's.
    pub fn start(vitrine: &Vitrine, name: &str, arguments: &[&str]) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("browser");
        let browser = folder.join("node_modules/playwright-core");
        assert!(
            browser.is_dir(),
            "{} is missing: run `make browser`, or `npm ci` in tests/browser",
            browser.display()
        );
        let mut command = Command::new("node");
        command.arg(folder.join(name)).args(arguments);
        let log = vitrine.next_log(name);
        Self {
            name: name.to_owned(),
            process: Process::start(&mut command, &log),
        }
    }

    /// Waits for the line whose `now` is `now`; panics if the script ends before, or does not say it within `patience`.
    pub async fn says(&mut self, now: &str, patience: Duration) -> Value {
        let what = format!("{} says {now:?}: see {}", self.name, self.log_path().display());
        until(&what, patience, async || {
            let ended = self.process.exited();
            let said = self.lines().into_iter().find(|line| line["now"] == now);
            assert!(
                said.is_some() || ended.is_none(),
                "{what}; it ended: {}",
                self.process.log()
            );
            said
        })
        .await
    }

    /// The newest object that it printed; `null` if none. Panics if it has ended.
    pub fn latest(&mut self) -> Value {
        let ended = self.process.exited();
        assert!(
            ended.is_none(),
            "{} ended with {ended:?}: {}",
            self.name,
            self.process.log()
        );
        // The last line may be half written.
        let log = self.process.log();
        log.lines().rev().find_map(object).unwrap_or_default()
    }

    /// Waits for its end, within `patience`; how it ended, and the last object that it printed, `null` if none.
    pub async fn ended(mut self, patience: Duration) -> (ExitStatus, Value) {
        let status = self.process.ended(patience).await;
        (status, self.lines().pop().unwrap_or_default())
    }

    /// As [`ended`](Self::ended), but panics with what it printed if it does not end well.
    pub async fn figures(self, patience: Duration) -> Value {
        let (name, log) = (self.name.clone(), self.log_path());
        let (status, figures) = self.ended(patience).await;
        let printed = std::fs::read_to_string(&log).unwrap_or_default();
        assert!(status.success(), "{name} ended with {status}: {printed}");
        assert!(figures.is_object(), "{name} printed no figures: {printed}");
        figures
    }

    /// Where its output is.
    pub fn log_path(&self) -> PathBuf {
        self.process.log_path().to_owned()
    }

    fn lines(&self) -> Vec<Value> {
        let log = self.process.log();
        log.lines().filter_map(object).collect()
    }
}

fn object(line: &str) -> Option<Value> {
    serde_json::from_str(line).ok().filter(Value::is_object)
}

impl Drop for Script {
    /// Node is asked first: killed, it would leave the browser's profile behind.
    fn drop(&mut self) {
        self.process.signal(Signal::TERM);
        let deadline = std::time::Instant::now() + FAREWELL;
        while self.process.exited().is_none() && std::time::Instant::now() < deadline {
            std::thread::sleep(super::POLL);
        }
    }
}
