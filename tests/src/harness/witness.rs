//! A channel that must not notice what happens elsewhere.

use std::time::Duration;

use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::Vitrine;
use crate::conformance::{self, CheckError, Report};

/// A check that hangs is a failure too.
const PATIENCE: Duration = Duration::from_secs(60);

/// The checker, following a channel while a test does something else. Dropped, it stops.
#[derive(Debug)]
pub struct Witness {
    stop: oneshot::Sender<()>,
    check: JoinHandle<Result<Report, CheckError>>,
}

impl Witness {
    /// Follows every playlist of a live channel from now on.
    pub fn of(vitrine: &Vitrine, channel: &str) -> Self {
        let url = vitrine.playlist(channel);
        let (stop, stopped) = oneshot::channel::<()>();
        let check = tokio::spawn(async move {
            // A dropped sender stops the check as well.
            let until = async {
                let _ = stopped.await;
            };
            conformance::check(&url, until).await
        });
        Self { stop, check }
    }

    /// Stops following; what was seen.
    pub async fn report(self) -> Report {
        let _ = self.stop.send(());
        Self::result(self.check).await
    }

    /// Waits until the show ends; what was seen.
    pub async fn ended(self) -> Report {
        let report = Self::result(self.check).await;
        assert!(report.ended, "the show did not end:\n{report}");
        drop(self.stop);
        report
    }

    /// Stops following; panics if a rule was broken, or fewer than `parts` parts of each rendition came.
    pub async fn undisturbed(self, parts: u64) -> Report {
        let report = self.report().await;
        assert!(report.is_clean(), "the other channel was disturbed:\n{report}");
        for (name, figures) in &report.figures {
            assert!(
                figures.parts >= parts,
                "{name}: {} of {parts} parts\n{report}",
                figures.parts
            );
        }
        report
    }

    async fn result(check: JoinHandle<Result<Report, CheckError>>) -> Report {
        tokio::time::timeout(PATIENCE, check)
            .await
            .unwrap_or_else(|_| panic!("the check does not end"))
            .unwrap_or_else(|error| panic!("the check failed: {error}"))
            .unwrap_or_else(|error| panic!("nothing could be checked: {error}"))
    }
}
