//! Whether a publication is sound or degraded. It does not waver: each is so only after a while.

use vitrine_packager::media::WallTime;

/// Complaints for so long, and it is degraded.
const DEGRADED_AFTER_MS: i64 = 2_000;
/// None for so long, and it is sound again.
const SOUND_AFTER_MS: i64 = 10_000;

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It is degraded from now on.
    Degraded,
    /// It is sound again.
    Recovered,
}

/// The condition of one publication; sound at first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Condition {
    degraded: bool,
    /// Since when what is seen is not what it is.
    otherwise_since: Option<WallTime>,
}

impl Condition {
    /// Whether it is degraded.
    pub fn is_degraded(self) -> bool {
        self.degraded
    }

    /// Takes note at `now` whether there are complaints; what changed by it.
    pub fn look(&mut self, now: WallTime, complaints: bool) -> Option<Change> {
        if complaints == self.degraded {
            self.otherwise_since = None;
            return None;
        }
        let since = *self.otherwise_since.get_or_insert(now);
        let patience_ms = if self.degraded {
            SOUND_AFTER_MS
        } else {
            DEGRADED_AFTER_MS
        };
        if now.millis_since(since) < patience_ms {
            return None;
        }
        self.degraded = complaints;
        self.otherwise_since = None;
        Some(if complaints {
            Change::Degraded
        } else {
            Change::Recovered
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_degraded_and_sound_again_only_after_a_while() {
        // (second, complaints, what changes)
        let table = [
            (0, true, None),
            (1, true, None),
            (2, false, None),
            (3, true, None),
            (4, true, None),
            (5, true, Some(Change::Degraded)),
            (6, true, None),
            (7, false, None),
            (16, false, None),
            (16, true, None),
            (17, false, None),
            (26, false, None),
            (27, false, Some(Change::Recovered)),
            (28, false, None),
        ];
        let mut condition = Condition::default();
        for (second, complaints, expected) in table {
            let changed = condition.look(WallTime(second * 1000), complaints);
            assert_eq!(changed, expected, "second {second}");
        }
        assert!(!condition.is_degraded());
    }
}
