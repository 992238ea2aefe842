//! Follows a rendition of a running server as a player does, and shows everything that comes to the rules.
//!
//! ```text
//! playlists: blocking reload, full and delta ──► rules::{version, history, delta, across}
//!        └─ listed parts and segments ──► media: fetched by hint ──► cmaf::Track
//! ```

mod figures;
mod gone;
mod media;
mod playlists;

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::{mpsc, watch};

pub use figures::{Figures, Samples};

use super::cmaf::messages::Messages;
use super::cmaf::track::MediaFacts;
use super::findings::Findings;
use super::rules::across::Across;
use super::rules::multivariant::Rendition;
use crate::client::Client;

/// Bounded: parts and segments that wait to be looked at. Full: the playlist is followed more slowly.
const MEDIA_QUEUE: usize = 1024;

/// What all followers of a presentation write to.
#[derive(Debug, Default)]
pub(super) struct Shared {
    across: Mutex<Across>,
    messages: Mutex<Messages>,
}

impl Shared {
    fn across(&self) -> MutexGuard<'_, Across> {
        self.across.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn messages(&self) -> MutexGuard<'_, Messages> {
        self.messages.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What both found, when no follower is left.
    pub(super) fn into_inner(self) -> (Across, Messages) {
        let across = self.across.into_inner();
        let messages = self.messages.into_inner();
        (
            across.unwrap_or_else(PoisonError::into_inner),
            messages.unwrap_or_else(PoisonError::into_inner),
        )
    }
}

/// What came of following a rendition.
#[derive(Debug, Default)]
pub struct Followed {
    /// What was found.
    pub findings: Findings,
    /// What was measured.
    pub figures: Figures,
    /// What its media was.
    pub media: MediaFacts,
    /// TARGETDURATION; 0 if no playlist came.
    pub target_duration_s: u64,
    /// Why following stopped early; nothing could be checked from there on.
    pub failure: Option<String>,
    /// Whether the playlist ended.
    pub ended: bool,
}

/// Follows `rendition` until `stop` turns true or the show ends. `others`: how many other media playlists there are.
pub(super) async fn follow(
    client: Client,
    rendition: Rendition,
    others: usize,
    shared: std::sync::Arc<Shared>,
    stop: watch::Receiver<bool>,
) -> Followed {
    let (items, queue) = mpsc::channel(MEDIA_QUEUE);
    let media = media::MediaFollower::new(client.clone(), &rendition, shared.clone());
    let media = tokio::spawn(media.run(queue));
    let mut followed = playlists::PlaylistFollower::new(client, rendition, others, shared, items)
        .run(stop)
        .await;
    match media.await {
        Ok((findings, figures, facts)) => {
            followed.media = facts;
            followed.findings.merge(findings);
            followed.figures.merge(figures);
        }
        Err(error) => {
            followed
                .failure
                .get_or_insert(format!("looking at media failed: {error}"));
        }
    }
    followed
}
