//! The encoder's clock against ours.

use vitrine_packager::media::{Frame, WallTime};

/// The least delay is taken of so long each.
const WINDOW_MS: i64 = 5_000;

/// Drift is measured between windows at least so far apart: less is jitter.
const DRIFT_AFTER_MS: i64 = 30_000;

/// The least delay of the first window, and of the present one: what the line adds is above it.
#[derive(Debug, Default)]
pub(super) struct Drift {
    first: Option<(WallTime, i64)>,
    present: Option<(WallTime, i64)>,
    last: Option<(WallTime, i64)>,
}

impl Drift {
    pub(super) fn note(&mut self, frame: &Frame) {
        let delay_ms = frame.received.0.saturating_sub(frame.dts_ms);
        let (since, least_ms) = self.present.unwrap_or((frame.received, delay_ms));
        if frame.received.millis_since(since) < WINDOW_MS {
            self.present = Some((since, least_ms.min(delay_ms)));
            return;
        }
        self.first.get_or_insert((since, least_ms));
        self.last = Some((since, least_ms));
        self.present = Some((frame.received, delay_ms));
    }

    /// How much the encoder's clock has gained; `None`: too early to say.
    pub(super) fn millis(&self) -> Option<i64> {
        let ((first_at, first_ms), (last_at, last_ms)) = (self.first?, self.last?);
        // A delay that shrinks is a clock that gains.
        (last_at.millis_since(first_at) >= DRIFT_AFTER_MS).then(|| first_ms - last_ms)
    }
}
