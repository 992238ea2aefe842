//! Round trips, and the caller's clock on ours (draft 4.5, 4.7, 4.10).

use std::time::Duration;

/// The first guess (4.10).
const FIRST_RTT_US: i64 = 100_000;

/// A round trip over this is a mistake.
const MAX_RTT_US: i64 = 10_000_000;

/// Measurements of the clocks that a correction is made of: some ten seconds.
const DRIFT_SAMPLES: i64 = 1000;

/// The round trip time.
#[derive(Debug)]
pub struct Rtt {
    /// Smoothed.
    pub smoothed_us: i64,
    /// How much it varies.
    pub variation_us: i64,
    is_measured: bool,
}

impl Default for Rtt {
    fn default() -> Self {
        Self {
            smoothed_us: FIRST_RTT_US,
            variation_us: FIRST_RTT_US / 2,
            is_measured: false,
        }
    }
}

impl Rtt {
    /// Takes a measurement.
    pub fn sample(&mut self, rtt_us: i64) {
        let rtt_us = rtt_us.clamp(1, MAX_RTT_US);
        if !std::mem::replace(&mut self.is_measured, true) {
            (self.smoothed_us, self.variation_us) = (rtt_us, rtt_us / 2);
            return;
        }
        let off_us = (self.smoothed_us - rtt_us).abs();
        self.variation_us = (3 * self.variation_us + off_us) / 4;
        self.smoothed_us = (7 * self.smoothed_us + rtt_us) / 8;
    }

    /// When an answer that has not come is not to be expected any more.
    pub fn timeout_us(&self) -> i64 {
        self.smoothed_us + 4 * self.variation_us
    }
}

/// The caller's clock, seen from ours. Both are microseconds; ours from the opening of the connection.
#[derive(Debug)]
pub struct Clock {
    /// Our time at which the caller's clock was zero.
    base_us: i64,
    latency_us: i64,
    /// The last stamp, as sent and without the wrap of 32 bits (every 71 minutes).
    last: (u32, i64),
    drift_sum_us: i64,
    drift_samples: i64,
}

impl Clock {
    /// A caller whose clock showed `peer_us` when the connection was opened.
    pub fn new(peer_us: u32, latency: Duration) -> Self {
        Self {
            base_us: -i64::from(peer_us),
            latency_us: i64::try_from(latency.as_micros()).unwrap_or(i64::MAX),
            last: (peer_us, i64::from(peer_us)),
            drift_sum_us: 0,
            drift_samples: 0,
        }
    }

    /// When a packet of this stamp is to be given out.
    pub fn due_us(&mut self, timestamp_us: u32) -> i64 {
        self.base_us + self.unwrap(timestamp_us) + self.latency_us
    }

    /// Takes a packet that was not delayed: how far the clocks have drifted apart is corrected at times.
    pub fn sample(&mut self, timestamp_us: u32, now_us: i64) {
        self.drift_sum_us += now_us - self.base_us - self.unwrap(timestamp_us);
        self.drift_samples += 1;
        if self.drift_samples == DRIFT_SAMPLES {
            self.base_us += self.drift_sum_us / DRIFT_SAMPLES;
            (self.drift_sum_us, self.drift_samples) = (0, 0);
        }
    }

    fn unwrap(&mut self, timestamp_us: u32) -> i64 {
        let (sent_us, line_us) = self.last;
        let unwrapped_us = line_us + i64::from(timestamp_us.wrapping_sub(sent_us).cast_signed());
        self.last = (timestamp_us, unwrapped_us);
        unwrapped_us
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_round_trip_counts_alone_and_later_ones_are_smoothed() {
        let mut rtt = Rtt::default();
        assert_eq!(rtt.timeout_us(), 300_000);
        rtt.sample(8_000);
        assert_eq!((rtt.smoothed_us, rtt.variation_us), (8_000, 4_000));
        rtt.sample(16_000);
        assert_eq!((rtt.smoothed_us, rtt.variation_us), (9_000, 5_000));
    }

    #[test]
    fn a_stamp_is_due_a_latency_after_its_time_over_any_wrap() {
        let start = u32::MAX - 1_000_000;
        let mut clock = Clock::new(start, Duration::from_millis(400));
        for elapsed_us in (0..8_000_000_000_u64).step_by(1_000_000_000) {
            let stamp = start.wrapping_add((elapsed_us & u64::from(u32::MAX)) as u32);
            assert_eq!(clock.due_us(stamp), elapsed_us as i64 + 400_000);
        }
    }

    #[test]
    fn a_clock_that_drifts_is_followed() {
        let mut clock = Clock::new(0, Duration::ZERO);
        // Ours runs faster: 50 µs more in each 10 ms. The mean of a thousand stamps is that of their middle.
        for sample in 1..=1000_i64 {
            clock.sample((sample * 10_000) as u32, sample * 10_050);
        }
        let due_us = clock.due_us(10_000_000);
        assert_eq!(due_us, 10_000_000 + 50 * 1001 / 2);
    }
}
