//! What is known of a caller's connection.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::auth::Input;

/// Figures of one connection since it was opened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LinkStats {
    /// Round trip, smoothed.
    pub rtt_us: u64,
    /// Its variation.
    pub rtt_variation_us: u64,
    /// The latency agreed on.
    pub latency_ms: u64,
    /// Data packets received, those sent again with them.
    pub packets: u64,
    /// Their payload, in bytes.
    pub bytes: u64,
    /// Packets found missing when a later one came.
    pub missing: u64,
    /// Packets that came marked as sent again.
    pub retransmitted: u64,
    /// Packets given up: not there when their time came.
    pub lost: u64,
    /// Packets that had come before, or came too late.
    pub useless: u64,
    /// Packets that could not be decrypted, or should have been encrypted.
    pub undecryptable: u64,
    /// Packets for which there was no room, in the buffer or in the queue before it.
    pub overflowed: u64,
    /// Packets in the buffer, received or waited for.
    pub buffered: u64,
    /// Gaps in the transport stream itself.
    pub stream_gaps: u64,
}

/// The figures of one connection, as it goes on.
#[derive(Debug, Clone, Default)]
pub struct LinkMonitor(Arc<Mutex<LinkStats>>);

impl LinkMonitor {
    /// The figures now.
    pub fn read(&self) -> LinkStats {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn update(&self, stats: LinkStats) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = stats;
    }
}

/// What a connection publishes to: the channel, and which of its inputs.
pub type LinkTarget = (String, Input);

/// The open connections of a server.
#[derive(Debug, Clone, Default)]
pub struct Links(Arc<Mutex<BTreeMap<LinkTarget, LinkMonitor>>>);

impl Links {
    /// The figures of each input that is published to by SRT.
    pub fn read(&self) -> BTreeMap<LinkTarget, LinkStats> {
        let links = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let read = |(target, monitor): (&LinkTarget, &LinkMonitor)| (target.clone(), monitor.read());
        links.iter().map(read).collect()
    }

    /// The figures of one input.
    pub fn of(&self, channel: &str, input: Input) -> Option<LinkStats> {
        let links = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        links.get(&(channel.to_owned(), input)).map(LinkMonitor::read)
    }

    pub(super) fn open(&self, target: LinkTarget) -> LinkMonitor {
        let monitor = LinkMonitor::default();
        let mut links = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        links.insert(target, monitor.clone());
        monitor
    }

    pub(super) fn close(&self, target: &LinkTarget, monitor: &LinkMonitor) {
        let mut links = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // The input's next connection may be there already.
        if links
            .get(target)
            .is_some_and(|open| Arc::ptr_eq(&open.0, &monitor.0))
        {
            links.remove(target);
        }
    }
}
