//! Fetches and reads a rendition's parts and segments, in order.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::StatusCode;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use url::Url;

use super::{Figures, Shared};
use crate::client::{Answer, Client, ClientError};
use crate::conformance::cmaf::track::{MediaFacts, Track};
use crate::conformance::findings::Findings;
use crate::conformance::playlist::{Part, Segment};
use crate::conformance::rules::headers::{self, Kind};
use crate::conformance::rules::multivariant::Rendition;

/// Every so many parts one is fetched again, whole and in part.
const AGAIN: u64 = 8;
/// What is not there must be refused within this time.
const PROMPT: Duration = Duration::from_secs(5);

/// A request that runs.
pub(super) type Fetch = JoinHandle<Result<Answer, ClientError>>;

/// Something that a playlist lists.
#[derive(Debug)]
pub(super) enum Listed {
    /// A part, and the request for it, which its hint started if there was one.
    Part {
        segment: Segment,
        index: usize,
        part: Part,
        fetch: Fetch,
        since: Instant,
    },
    /// A whole segment, after its parts.
    Whole(Segment),
}

/// Reads what a playlist lists.
pub(super) struct MediaFollower {
    client: Client,
    base: Url,
    kind: Kind,
    shared: Arc<Shared>,
    track: Track,
    findings: Findings,
    figures: Figures,
}

impl MediaFollower {
    pub(super) fn new(client: Client, rendition: &Rendition, shared: Arc<Shared>) -> Self {
        Self {
            client,
            base: rendition.url.clone(),
            kind: if rendition.is_video {
                Kind::Video
            } else {
                Kind::Audio
            },
            shared,
            track: Track::new(&rendition.name, rendition.is_video),
            findings: Findings::at(format!("{} media", rendition.name)),
            figures: Figures::default(),
        }
    }

    /// Reads until nothing more is listed.
    pub(super) async fn run(mut self, mut queue: mpsc::Receiver<Listed>) -> (Findings, Figures, MediaFacts) {
        while let Some(listed) = queue.recv().await {
            match listed {
                Listed::Part {
                    segment, part, fetch, ..
                } if part.gap => self.gap_part(&segment, &part, fetch).await,
                Listed::Part {
                    segment,
                    index,
                    part,
                    fetch,
                    since,
                } => self.part(&segment, index, &part, fetch, since).await,
                Listed::Whole(segment) if segment.gap => self.gap_segment(&segment).await,
                Listed::Whole(segment) => self.whole(&segment).await,
            }
        }
        (self.findings, self.figures, self.track.into_facts())
    }

    async fn part(&mut self, segment: &Segment, index: usize, part: &Part, fetch: Fetch, since: Instant) {
        self.init(segment).await;
        let Some(answer) = self.fetched(&part.uri, fetch.await.ok()) else {
            self.track.lose();
            return;
        };
        self.figures.parts += 1;
        self.figures
            .part_after_listing
            .add(answer.whole_at.saturating_duration_since(since));
        self.figures.transfer.add(answer.whole_at - answer.first_byte_at);
        self.track.part(
            segment,
            index,
            part,
            &answer.body,
            &mut self.shared.messages(),
            &mut self.findings,
        );
        if self.figures.parts.is_multiple_of(AGAIN) {
            self.again(&part.uri, &answer.body).await;
        }
    }

    async fn whole(&mut self, segment: &Segment) {
        self.init(segment).await;
        let answer = self.get(&segment.uri, &[]).await;
        let Some(answer) = self.fetched(&segment.uri, answer) else {
            self.track.lose();
            return;
        };
        self.figures.segments += 1;
        self.track.whole(
            segment,
            &answer.body,
            &mut self.shared.messages(),
            &mut self.findings,
        );
    }

    async fn init(&mut self, segment: &Segment) {
        let Some(uri) = segment.map.as_deref().filter(|uri| self.track.needs_init(uri)) else {
            return;
        };
        let answer = self.get(uri, &[]).await;
        if let Some(answer) = self.fetched(uri, answer) {
            self.track.set_init(uri, &answer.body, &mut self.findings);
        }
    }

    /// Rule 106: a URL has the same bytes each time; rule 97: ranges are served.
    async fn again(&mut self, uri: &str, bytes: &Bytes) {
        let again = self.get(uri, &[]).await;
        let same = again
            .as_ref()
            .is_some_and(|again| again.as_ref().is_ok_and(|again| again.body == *bytes));
        self.findings
            .law(106, same, || format!("{uri} has other bytes when asked again"));
        let range = self.get(uri, &[("range", "bytes=8-15")]).await;
        let Some(Ok(range)) = range else {
            self.findings.broken(97, format!("{uri}: no answer to a range"));
            return;
        };
        let expected = format!("bytes 8-15/{}", bytes.len());
        let right = range.status == StatusCode::PARTIAL_CONTENT
            && range.header("content-range") == expected
            && bytes.get(8..16) == Some(&range.body[..]);
        self.findings.law(97, right, || {
            format!(
                "{uri}: {} {:?} for bytes 8-15",
                range.status,
                range.header("content-range")
            )
        });
    }

    /// Rules 71 and 87: a part that never was is refused, and not waited for.
    async fn gap_part(&mut self, segment: &Segment, part: &Part, fetch: Fetch) {
        self.figures.gaps += 1;
        self.track.gap(segment.msn, &mut self.shared.messages());
        let answer = tokio::time::timeout(PROMPT, fetch).await;
        let status = answer
            .ok()
            .and_then(Result::ok)
            .and_then(Result::ok)
            .map(|answer| answer.status);
        let refused = matches!(status, Some(StatusCode::NOT_FOUND | StatusCode::GONE));
        self.findings.law(71, refused, || {
            format!("gap part {} of segment {}: {status:?}", part.uri, segment.msn)
        });
    }

    async fn gap_segment(&mut self, segment: &Segment) {
        self.figures.gaps += 1;
        self.track.gap(segment.msn, &mut self.shared.messages());
        let answer = self.get(&segment.uri, &[]).await;
        let status = answer.and_then(Result::ok).map(|answer| answer.status);
        let refused = matches!(status, Some(StatusCode::NOT_FOUND | StatusCode::GONE));
        self.findings
            .law(87, refused, || format!("gap segment {}: {status:?}", segment.uri));
    }

    async fn get(&self, uri: &str, fields: &[(&str, &str)]) -> Option<Result<Answer, ClientError>> {
        let url = self.base.join(uri).ok()?;
        Some(self.client.get_with(url.as_str(), fields).await)
    }

    /// Rule 29: what is listed can be fetched.
    fn fetched(&mut self, uri: &str, answer: Option<Result<Answer, ClientError>>) -> Option<Answer> {
        let answer = match answer {
            Some(Ok(answer)) => answer,
            Some(Err(error)) => {
                self.findings.broken(29, error.to_string());
                return None;
            }
            None => {
                self.findings.broken(29, format!("{uri} could not be asked for"));
                return None;
            }
        };
        self.findings.law(29, answer.status == StatusCode::OK, || {
            format!("{uri} is listed, and answered {}", answer.status)
        });
        if answer.status != StatusCode::OK {
            return None;
        }
        headers::check(self.kind, 0, &answer, &mut self.findings);
        Some(answer)
    }
}
