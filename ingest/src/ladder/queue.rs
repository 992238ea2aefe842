//! Source frames on their way to a decoder.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use vitrine_packager::media::Frame;

/// Frames that may wait: over eight seconds of 60 a second.
const MAX_FRAMES: usize = 512;
/// Bytes that may wait: over ten seconds of 50 Mbit/s.
const MAX_BYTES: usize = 64 << 20;

/// Bounded: 512 frames and 64 MiB. Full: the older half is left out, on to the next IDR; where none is left, all of them and what
/// comes until the next IDR, so that a decoder never sees a picture whose references are missing.
///
/// Whoever pushes never waits for whoever pops: the lock is held for moving frames only.
#[derive(Debug, Default)]
pub(super) struct SourceQueue {
    state: Mutex<State>,
    wakes: Condvar,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Waiting>,
    bytes: usize,
    /// Frames are left out until the next IDR.
    skipping: bool,
    closed: bool,
}

/// A frame that waits.
#[derive(Debug)]
pub(super) struct Waiting {
    pub frame: Frame,
    pub since: Instant,
}

impl SourceQueue {
    /// Takes a frame; returns how many were left out for it, itself perhaps among them.
    pub(super) fn push(&self, frame: Frame, since: Instant) -> u64 {
        let mut state = self.lock();
        if state.closed {
            return 0;
        }
        let mut left_out = 0;
        if state.is_full() {
            left_out += state.make_room();
            state.skipping |= state.waiting.is_empty();
        }
        if state.skipping && !frame.is_idr {
            return left_out + 1;
        }
        state.skipping = false;
        state.bytes += frame.data.len();
        state.waiting.push_back(Waiting { frame, since });
        drop(state);
        self.wakes.notify_one();
        left_out
    }

    /// The next frame; waits for it. `None` once the queue is closed and empty.
    pub(super) fn pop(&self) -> Option<Waiting> {
        let mut state = self.lock();
        loop {
            if let Some(waiting) = state.waiting.pop_front() {
                state.bytes = state.bytes.saturating_sub(waiting.frame.data.len());
                return Some(waiting);
            }
            if state.closed {
                return None;
            }
            state = self.wakes.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// How much of the show has come in after a frame of that stamp, in milliseconds.
    pub(super) fn behind_ms(&self, dts_ms: i64) -> i64 {
        let state = self.lock();
        let newest = state.waiting.back();
        newest.map_or(0, |newest| newest.frame.dts_ms.saturating_sub(dts_ms))
    }

    /// Takes nothing more; what waits still comes out.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.wakes.notify_all();
    }

    /// Takes nothing more, and forgets what waits.
    pub(super) fn abandon(&self) {
        let mut state = self.lock();
        state.closed = true;
        state.waiting.clear();
        drop(state);
        self.wakes.notify_all();
    }

    /// How many frames wait.
    pub(super) fn len(&self) -> usize {
        self.lock().waiting.len()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics with the lock held; a queue is whole at each of its lines.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn is_full(&self) -> bool {
        self.waiting.len() >= MAX_FRAMES || self.bytes >= MAX_BYTES
    }

    /// Leaves out the older half and what depends on it, or everything; returns how many frames that were.
    fn make_room(&mut self) -> u64 {
        let half = self.waiting.len().div_ceil(2);
        let newer = self.waiting.iter().skip(half);
        let keep_from = newer.take_while(|waiting| !waiting.frame.is_idr).count() + half;
        let left_out = self.waiting.drain(..keep_from).count();
        self.bytes = self.waiting.iter().map(|waiting| waiting.frame.data.len()).sum();
        left_out as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use vitrine_packager::media::{TrackKind, WallTime};

    fn frame(dts_ms: i64, is_idr: bool, size: usize) -> Frame {
        Frame {
            track: TrackKind::Video,
            dts_ms,
            pts_ms: dts_ms,
            is_idr,
            data: Bytes::from(vec![0; size]),
            received: WallTime(0),
        }
    }

    /// Pushes frames 0 to `count` with IDRs at the multiples of `gop`; returns how many were left out, and what waits.
    fn fill(count: i64, gop: i64, size: usize) -> (u64, Vec<i64>) {
        let queue = SourceQueue::default();
        let left_out = (0..count)
            .map(|n| queue.push(frame(n, n % gop == 0, size), Instant::now()))
            .sum();
        queue.close();
        let waiting = std::iter::from_fn(|| queue.pop()).map(|waiting| waiting.frame.dts_ms);
        (left_out, waiting.collect())
    }

    #[test]
    fn what_fits_comes_out_as_it_went_in() {
        assert_eq!(fill(512, 60, 1000), (0, (0..512).collect()));
    }

    #[test]
    fn a_full_queue_goes_on_at_an_idr_of_its_newer_half() {
        assert_eq!(fill(520, 60, 1000), (300, (300..520).collect()));
        assert_eq!(fill(66, 8, 1 << 20), (32, (32..66).collect()), "full of bytes");
    }

    #[test]
    fn a_full_queue_without_another_idr_waits_for_the_next() {
        let (left_out, waiting) = fill(1001, 1000, 10);
        assert_eq!((left_out, waiting), (1000, vec![1000]));
    }

    #[test]
    fn audio_loses_its_older_half() {
        assert_eq!(fill(600, 1, 10), (256, (256..600).collect()));
    }

    #[test]
    fn what_came_after_a_frame_is_known() {
        let queue = SourceQueue::default();
        for n in 0..4 {
            queue.push(frame(n * 40, n == 0, 1), Instant::now());
        }
        let behind = [(); 4].map(|()| {
            let dts_ms = queue.pop().unwrap().frame.dts_ms;
            queue.behind_ms(dts_ms)
        });
        assert_eq!(behind, [120, 80, 40, 0]);
    }

    #[test]
    fn an_abandoned_queue_is_empty_and_takes_nothing() {
        let queue = SourceQueue::default();
        queue.push(frame(0, true, 1), Instant::now());
        assert_eq!(queue.len(), 1);
        queue.abandon();
        queue.push(frame(1, true, 1), Instant::now());
        assert!(queue.pop().is_none());
    }
}
