//! The bit rates that a multivariant playlist states, measured (8216bis 4.1; SPEC 111, 112).

use std::collections::VecDeque;

/// Bandwidths are stated in whole kilobits, rounded up.
const BANDWIDTH_UNIT: f64 = 1000.0;

/// Measures a rendition's bit rates over its segments.
#[derive(Debug, Clone)]
pub struct BandwidthMeter {
    target_duration_s: f64,
    /// Bounded: the segments of one and a half target durations. Full: the oldest leaves.
    recent: VecDeque<(f64, f64)>,
    peak_bps: f64,
    total: (f64, f64),
}

impl BandwidthMeter {
    /// A meter for a session of that target duration.
    pub fn new(target_duration_s: u32) -> Self {
        let target_duration_s = f64::from(target_duration_s);
        Self {
            target_duration_s,
            recent: VecDeque::new(),
            peak_bps: 0.0,
            total: (0.0, 0.0),
        }
    }

    /// Counts a whole segment.
    pub fn add(&mut self, bytes: u64, duration_s: f64) {
        let bits = bytes as f64 * 8.0;
        self.total = (self.total.0 + bits, self.total.1 + duration_s);
        self.recent.push_back((bits, duration_s));
        let longest = 1.5 * self.target_duration_s + 0.5;
        while self.recent.iter().map(|(_, seconds)| seconds).sum::<f64>() > longest {
            self.recent.pop_front();
        }
        // The peak over every run that ends here and is long enough to count.
        let mut run = (0.0, 0.0);
        for (bits, seconds) in self.recent.iter().rev() {
            run = (run.0 + bits, run.1 + seconds);
            if run.1 >= 0.5 * self.target_duration_s {
                self.peak_bps = self.peak_bps.max(run.0 / run.1);
            }
        }
        if self.peak_bps == 0.0 && duration_s > 0.0 {
            self.peak_bps = bits / duration_s;
        }
    }

    /// The highest bit rate of any run of segments, bits per second.
    pub fn peak_bps(&self) -> u64 {
        in_kilobits(self.peak_bps)
    }

    /// The bit rate of everything so far, bits per second.
    pub fn average_bps(&self) -> u64 {
        in_kilobits(if self.total.1 > 0.0 {
            self.total.0 / self.total.1
        } else {
            0.0
        })
    }
}

fn in_kilobits(bps: f64) -> u64 {
    ((bps / BANDWIDTH_UNIT).ceil() * BANDWIDTH_UNIT) as u64
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn meter(segments: &[(u64, f64)]) -> BandwidthMeter {
        let mut meter = BandwidthMeter::new(2);
        segments
            .iter()
            .for_each(|(bytes, seconds)| meter.add(*bytes, *seconds));
        meter
    }

    #[test]
    fn the_peak_is_of_a_run_and_the_average_of_everything() {
        let measured = meter(&[(250_000, 2.0), (500_000, 2.0), (250_000, 2.0)]);
        assert_eq!(
            (measured.peak_bps(), measured.average_bps()),
            (2_000_000, 1_334_000)
        );
        // A short segment alone is no run: it counts with its neighbour.
        let short = meter(&[(250_000, 2.0), (100_000, 0.4)]);
        assert_eq!(short.peak_bps(), 1_167_000);
    }
}
