//! A channel that must not notice what happens elsewhere.

use std::time::Duration;

use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use url::Url;

use super::{Vitrine, until};
use crate::client::Client;
use crate::conformance::findings::Findings;
use crate::conformance::playlist::MediaPlaylist;
use crate::conformance::{self, CheckError, Report};

/// A check that hangs is a failure too.
const PATIENCE: Duration = Duration::from_secs(120);
/// A witness sees at least so many segments come.
const SEGMENTS: u64 = 2;

/// The checker, following a channel while a test does something else. Dropped, it stops.
#[derive(Debug)]
pub struct Witness {
    stop: oneshot::Sender<()>,
    check: JoinHandle<Result<Report, CheckError>>,
    client: Client,
    /// A media playlist, and the segment that was next in it at the beginning.
    began: (Url, u64),
}

impl Witness {
    /// Follows every playlist of a live channel from now on, by HTTP/1.1.
    pub async fn of(vitrine: &Vitrine, channel: &str) -> Self {
        Self::by(Client::http1(), vitrine, channel).await
    }

    /// The same by any client.
    pub async fn by(client: Client, vitrine: &Vitrine, channel: &str) -> Self {
        let url = vitrine.playlist(channel);
        let read = conformance::multivariant(&client, &url, &mut Findings::default())
            .await
            .unwrap_or_else(|error| panic!("{error}"));
        let playlist = read
            .renditions
            .first()
            .map(|rendition| rendition.url.clone())
            .unwrap_or_else(|| panic!("{url} names no playlist"));
        let began = next_segment(&client, &playlist).await.unwrap_or_default();
        let (stop, stopped) = oneshot::channel::<()>();
        let checking = client.clone();
        let check = tokio::spawn(async move {
            // A dropped sender stops the check as well.
            let until = async {
                let _ = stopped.await;
            };
            conformance::check(&checking, &url, until).await
        });
        Self {
            stop,
            check,
            client,
            began: (playlist, began),
        }
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

    /// Follows until two segments have come since the beginning; panics if a rule was broken, or they do not come.
    pub async fn undisturbed(self) -> Report {
        self.sees(SEGMENTS).await
    }

    /// The same with so many segments.
    pub async fn sees(self, segments: u64) -> Report {
        let (playlist, began) = &self.began;
        until(&format!("{segments} segments more"), PATIENCE, async || {
            let next = next_segment(&self.client, playlist).await?;
            (next >= began + segments).then_some(())
        })
        .await;
        let report = self.report().await;
        assert!(report.is_clean(), "the channel was disturbed:\n{report}");
        for (name, figures) in &report.figures {
            assert!(figures.segments >= segments, "{name} was hardly seen:\n{report}");
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

async fn next_segment(client: &Client, playlist: &Url) -> Option<u64> {
    let answer = client.get(playlist.as_str()).await.ok()?;
    let playlist = MediaPlaylist::parse(&answer.text(), &mut Findings::default());
    Some(playlist.next().0)
}
