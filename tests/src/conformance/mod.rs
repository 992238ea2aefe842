//! A checker of running LL-HLS servers: follows every playlist by blocking reload, fetches everything that is listed,
//! and holds it against the rules of the checklist, whose numbers its findings carry.
//!
//! ```text
//! multivariant playlist ──► each media playlist ──► follow ──► rules, cmaf ──► Report
//! ```

pub mod attributes;
pub mod blocking;
pub mod cmaf;
pub mod findings;
pub mod follow;
pub mod playlist;
mod report;
pub mod rules;

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;

use http::StatusCode;
use tokio::sync::watch;
use tokio::task::JoinSet;
use url::Url;

use crate::client::{Client, ClientError};
use cmaf::messages::SeenMessage;
use cmaf::track::MediaFacts;
use findings::{Findings, Violation};
use follow::{Followed, Shared};
use rules::headers::{self, Kind};
use rules::multivariant::Multivariant;

/// Why nothing could be checked.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// Not a URL.
    #[error("{url}: {source}: give the URL of a multivariant playlist")]
    Url {
        /// As given.
        url: String,
        /// What is wrong.
        source: url::ParseError,
    },
    /// The server does not answer.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// There is no such playlist.
    #[error("{url} answered {status}: is the channel live?")]
    Status {
        /// What was asked for.
        url: String,
        /// The answer.
        status: StatusCode,
    },
    /// It is no multivariant playlist.
    #[error("{url} is not a multivariant playlist: give the URL that players are given")]
    NotMultivariant {
        /// What was asked for.
        url: String,
    },
}

/// What came of a check.
#[derive(Debug)]
pub struct Report {
    /// What was found.
    pub findings: Findings,
    /// Each rendition's name and figures.
    pub figures: Vec<(String, follow::Figures)>,
    /// Timed metadata, in the order of each rendition.
    pub messages: Vec<SeenMessage>,
    /// Why a rendition could not be followed to the end.
    pub failures: Vec<String>,
    /// Whether every playlist came to its end.
    pub ended: bool,
}

impl Report {
    /// Whether every rule held, and everything could be followed.
    pub fn is_clean(&self) -> bool {
        self.findings.count() == 0 && self.failures.is_empty()
    }

    /// What was broken.
    pub fn violations(&self) -> &[Violation] {
        self.findings.violations()
    }
}

/// Fetches and reads the multivariant playlist at `url`.
pub async fn multivariant(
    client: &Client,
    url: &str,
    findings: &mut Findings,
) -> Result<Multivariant, CheckError> {
    let base = Url::parse(url).map_err(|source| CheckError::Url {
        url: url.to_owned(),
        source,
    })?;
    let answer = client.get(url).await?;
    if answer.status != StatusCode::OK {
        return Err(CheckError::Status {
            url: url.to_owned(),
            status: answer.status,
        });
    }
    let text = headers::playlist_text(&answer, false, findings);
    // Its target duration is not known yet; ten seconds are the longest that a session may have.
    headers::check(Kind::PlainPlaylist, 10, &answer, findings);
    Multivariant::parse(&base, &text, findings).ok_or(CheckError::NotMultivariant { url: url.to_owned() })
}

/// Follows everything behind the multivariant playlist at `url` until `until` resolves or the show ends.
pub async fn check(
    client: &Client,
    url: &str,
    until: impl Future<Output = ()>,
) -> Result<Report, CheckError> {
    let mut findings = Findings::at("multivariant");
    let read = multivariant(client, url, &mut findings).await?;
    let shared = Arc::new(Shared::default());
    let (stop, stopped) = watch::channel(false);
    let mut followers = JoinSet::new();
    let others = read.renditions.len().saturating_sub(1);
    for rendition in read.renditions.clone() {
        let (client, shared, stopped) = (client.clone(), shared.clone(), stopped.clone());
        followers.spawn(async move {
            let name = rendition.name.clone();
            (
                name,
                follow::follow(client, rendition, others, shared, stopped).await,
            )
        });
    }
    let followed = until_done(followers, stop, until).await;
    let facts = read
        .renditions
        .iter()
        .filter_map(|rendition| {
            let (_, followed) = followed.iter().find(|(name, _)| *name == rendition.name)?;
            Some((rendition.url.to_string(), followed.media.clone()))
        })
        .collect();
    measured(client, url, target_duration_s(&followed), &facts, &mut findings).await;
    let mut report = Report {
        findings,
        figures: Vec::new(),
        messages: Vec::new(),
        failures: Vec::new(),
        ended: !followed.is_empty(),
    };
    for (name, followed) in followed {
        report.ended &= followed.ended;
        report.findings.merge(followed.findings);
        report.failures.extend(followed.failure);
        report.figures.push((name, followed.figures));
    }
    if let Some(shared) = Arc::into_inner(shared) {
        let (across, messages) = shared.into_inner();
        report.findings.merge(across.finish());
        let (seen, found) = messages.finish();
        report.messages = seen;
        report.findings.merge(found);
    }
    Ok(report)
}

/// What the multivariant playlist says after everything was seen, against what was seen.
async fn measured(
    client: &Client,
    url: &str,
    target_duration_s: u64,
    facts: &BTreeMap<String, MediaFacts>,
    findings: &mut Findings,
) {
    // After the end of a show its server may be gone too: nothing to compare.
    let Ok(read) = multivariant(client, url, findings).await else {
        return;
    };
    if let Ok(base) = Url::parse(url) {
        read.measured(&base, target_duration_s, facts, findings);
    }
    for playlist in &read.i_frames {
        i_frames(client, playlist, findings).await;
    }
}

/// An I-frame playlist, and the bytes that its newest line points at.
async fn i_frames(client: &Client, playlist: &Url, findings: &mut Findings) {
    let Ok(answer) = client.get(playlist.as_str()).await else {
        return;
    };
    findings.law(119, answer.status == StatusCode::OK, || {
        format!("{playlist} answered {}", answer.status)
    });
    if answer.status != StatusCode::OK {
        return;
    }
    let text = headers::playlist_text(&answer, false, findings);
    let frames = rules::iframes::read(&text, findings);
    let Some(newest) = frames.last() else { return };
    let Ok(url) = playlist.join(&newest.uri) else {
        return;
    };
    let range = newest.range();
    let (Ok(part), Ok(whole)) = (
        client.get_with(url.as_str(), &[("range", &range)]).await,
        client.get(url.as_str()).await,
    ) else {
        return;
    };
    findings.law(119, part.status == StatusCode::PARTIAL_CONTENT, || {
        format!("{url}: a range was answered with {}", part.status)
    });
    rules::iframes::bytes(newest, &part.body, &whole.body, findings);
}

fn target_duration_s(followed: &[(String, Followed)]) -> u64 {
    followed
        .iter()
        .map(|(_, followed)| followed.target_duration_s)
        .max()
        .unwrap_or_default()
}

/// Waits for the followers, and tells them to stop when `until` resolves.
async fn until_done(
    mut followers: JoinSet<(String, Followed)>,
    stop: watch::Sender<bool>,
    until: impl Future<Output = ()>,
) -> Vec<(String, Followed)> {
    let mut until = std::pin::pin!(until);
    let mut told = false;
    let mut done = Vec::new();
    loop {
        tokio::select! {
            () = &mut until, if !told => {
                told = true;
                stop.send_replace(true);
            }
            followed = followers.join_next() => match followed {
                Some(Ok(followed)) => done.push(followed),
                Some(Err(error)) => done.push((
                    "a rendition".to_owned(),
                    Followed { failure: Some(error.to_string()), ..Followed::default() },
                )),
                None => break,
            },
        }
    }
    done.sort_by(|(a, _), (b, _)| a.cmp(b));
    done
}
