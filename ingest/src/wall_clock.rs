//! The program's one wall clock. It never steps.
//!
//! The system's clock is read once; from there on time goes by the monotonic clock. When the system's is set in the midst of a
//! show, arrivals, gaps and reconnect windows are still measured by one and the same time, and no burst of gaps, and no stall,
//! comes of it.
//!
//! It is not anchored again: the kernel slews both clocks at one rate (adjtime), so they part by steps alone, and a session's
//! PROGRAM-DATE-TIME must not step anyhow (8216bis 4.4.4.6). A machine whose clock is wrong when the program starts needs its
//! time service to come first (`After=time-sync.target`), or the program to be started anew.

use std::sync::OnceLock;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use vitrine_packager::media::WallTime;

/// The time of day, by the one clock that everything in this program uses: it never falls, whatever is done to the system's.
pub fn wall_clock() -> WallTime {
    static ANCHOR: OnceLock<Anchor> = OnceLock::new();
    ANCHOR.get_or_init(Anchor::now).wall_at(Instant::now())
}

/// An instant of which the time of day is known.
#[derive(Debug, Clone, Copy)]
struct Anchor {
    instant: Instant,
    wall: WallTime,
}

impl Anchor {
    fn now() -> Self {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self {
            instant: Instant::now(),
            wall: WallTime(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX)),
        }
    }

    fn wall_at(&self, instant: Instant) -> WallTime {
        // Another thread may have asked a moment before the anchor was cast.
        let elapsed = instant.saturating_duration_since(self.instant);
        self.wall
            .plus_millis(i64::try_from(elapsed.as_millis()).unwrap_or(i64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn time_goes_by_the_monotonic_clock_alone() {
        let instant = Instant::now();
        let anchor = Anchor {
            instant,
            wall: WallTime(1_795_530_987_654),
        };
        let at = |millis| anchor.wall_at(instant + Duration::from_millis(millis)).0;
        assert_eq!(
            [0, 1, 40, 3_600_000].map(at),
            [
                1_795_530_987_654,
                1_795_530_987_655,
                1_795_530_987_694,
                1_795_534_587_654
            ]
        );
        let before = instant.checked_sub(Duration::from_secs(1)).unwrap();
        assert_eq!(anchor.wall_at(before), anchor.wall, "it never falls");
    }

    #[test]
    fn it_is_anchored_to_the_systems_clock_once() {
        let system_ms = || {
            let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
            i64::try_from(since_epoch.as_millis()).unwrap()
        };
        let before_ms = system_ms();
        let anchor = Anchor::now();
        assert!((before_ms..=system_ms()).contains(&anchor.wall.0));

        let first = wall_clock();
        let elapsed = Instant::now();
        while elapsed.elapsed() < Duration::from_millis(2) {}
        assert!(wall_clock() > first, "it goes on");
    }
}
