//! Which frame rate millisecond stamps come from.

use crate::media::{FrameRate, Timescale};

/// Rates that encoders really have; a measured rate is one of these or none.
const KNOWN: [(u32, u32); 16] = [
    (10, 1),
    (12, 1),
    (15, 1),
    (20, 1),
    (24_000, 1001),
    (24, 1),
    (25, 1),
    (30_000, 1001),
    (30, 1),
    (48, 1),
    (50, 1),
    (60_000, 1001),
    (60, 1),
    (100, 1),
    (120_000, 1001),
    (120, 1),
];

/// Rounding to a millisecond spreads the stamps of a constant rate over 1 ms; encoders add a little.
const SPREAD_LIMIT_MS: f64 = 1.6;

/// What the stamps of a first group of pictures say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateEstimate {
    /// The rate, exact when `constant`, else the nearest known one to the average.
    pub rate: FrameRate,
    /// Whether every stamp stands on that rate's grid.
    pub constant: bool,
}

impl RateEstimate {
    /// Judges rising decode stamps, trusting `claims` (onMetaData, then the SPS) in their order when they fit.
    pub fn from_stamps(stamps_ms: &[i64], claims: &[FrameRate]) -> Self {
        let claimed = claims
            .iter()
            .copied()
            .find(|rate| spread_ms(stamps_ms, *rate).is_some_and(|s| s <= SPREAD_LIMIT_MS));
        if let Some(rate) = claimed {
            return Self { rate, constant: true };
        }
        let best = known()
            .filter_map(|rate| Some((spread_ms(stamps_ms, rate)?, rate)))
            .min_by(|(a, _), (b, _)| a.total_cmp(b));
        match best {
            Some((spread, rate)) if spread <= SPREAD_LIMIT_MS => Self { rate, constant: true },
            _ => Self {
                rate: nearest_known(average_fps(stamps_ms)),
                constant: false,
            },
        }
    }
}

/// A timescale in which a frame of that rate lasts a whole number of ticks: 90 kHz wherever it does.
pub fn timescale_for(rate: FrameRate) -> Timescale {
    let (numerator, denominator) = (rate.numerator.get(), rate.denominator.get());
    let exact_at_90k = (90_000 * u64::from(denominator)).is_multiple_of(u64::from(numerator));
    if exact_at_90k {
        return Timescale::VIDEO;
    }
    // 59.94 fps is 1501.5 ticks of 90 kHz, but 1001 of 60 kHz. Integer rates get more than one tick a frame.
    let ticks = if denominator == 1 {
        numerator.saturating_mul(1000)
    } else {
        numerator
    };
    Timescale::new(ticks).unwrap_or(Timescale::VIDEO)
}

fn known() -> impl Iterator<Item = FrameRate> {
    KNOWN
        .iter()
        .filter_map(|&(numerator, denominator)| FrameRate::new(numerator, denominator))
}

/// How far apart the stamps' distances from the rate's grid lie; `None` if two stamps share a grid line.
fn spread_ms(stamps_ms: &[i64], rate: FrameRate) -> Option<f64> {
    let (&first, rest) = stamps_ms.split_first()?;
    let frame_ms = 1000.0 / rate.fps();
    let (mut low, mut high, mut last_line) = (0.0_f64, 0.0_f64, 0.0);
    for &stamp in rest {
        let since = (stamp - first) as f64;
        let line = (since / frame_ms).round();
        if line <= last_line {
            return None;
        }
        last_line = line;
        let off = since - line * frame_ms;
        low = low.min(off);
        high = high.max(off);
    }
    // Every grid fits if it is fine enough: a rate whose lines are mostly empty is not the stamps' rate.
    let used = rest.len() as f64 / last_line.max(1.0);
    (used > 0.6).then_some(high - low)
}

fn average_fps(stamps_ms: &[i64]) -> f64 {
    match (stamps_ms.first(), stamps_ms.last()) {
        (Some(first), Some(last)) if last > first => {
            (stamps_ms.len() - 1) as f64 * 1000.0 / (last - first) as f64
        }
        _ => 30.0,
    }
}

fn nearest_known(fps: f64) -> FrameRate {
    let distance = |rate: &FrameRate| (rate.fps() / fps).ln().abs();
    known()
        .min_by(|a, b| distance(a).total_cmp(&distance(b)))
        .unwrap_or(FrameRate::THIRTY)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamps(numerator: u32, denominator: u32, count: u32) -> Vec<i64> {
        (0..count)
            .map(|i| (f64::from(i) * 1000.0 * f64::from(denominator) / f64::from(numerator)).round() as i64)
            .collect()
    }

    #[test]
    fn every_known_rate_is_recognised_from_two_seconds_of_rounded_stamps() {
        for (numerator, denominator) in KNOWN {
            let stamps = stamps(numerator, denominator, 2 * numerator / denominator + 1);
            let estimate = RateEstimate::from_stamps(&stamps, &[]);
            assert_eq!(Some(estimate.rate), FrameRate::new(numerator, denominator));
            assert!(estimate.constant);
        }
    }

    #[test]
    fn a_claim_that_fits_is_believed_and_one_that_does_not_is_not() {
        let odd = FrameRate::new(29_500, 1000).unwrap();
        assert_eq!(
            RateEstimate::from_stamps(&stamps(29_500, 1000, 60), &[odd]).rate,
            odd
        );
        let thirty = FrameRate::new(30, 1).unwrap();
        assert_eq!(
            RateEstimate::from_stamps(&stamps(25, 1, 60), &[thirty]).rate,
            FrameRate::new(25, 1).unwrap()
        );
    }

    #[test]
    fn dropped_frames_leave_holes_not_another_rate() {
        let mut with_holes = stamps(30, 1, 60);
        with_holes.drain(20..24);
        let estimate = RateEstimate::from_stamps(&with_holes, &[]);
        assert_eq!(
            (estimate.rate, estimate.constant),
            (FrameRate::new(30, 1).unwrap(), true)
        );
    }

    #[test]
    fn irregular_stamps_are_variable() {
        let irregular: Vec<i64> = (0..60).map(|i| i * 33 + (i * i * 7) % 19).collect();
        assert!(!RateEstimate::from_stamps(&irregular, &[]).constant);
    }

    #[test]
    fn a_frame_is_a_whole_number_of_ticks() {
        for (rate, timescale) in [
            ((30, 1), 90_000),
            ((30_000, 1001), 90_000),
            ((60_000, 1001), 60_000),
            ((24_000, 1001), 24_000),
            ((29_500, 1000), 29_500),
            ((48, 1), 90_000),
            ((7, 1), 7000),
        ] {
            let rate = FrameRate::new(rate.0, rate.1).unwrap();
            assert_eq!(timescale_for(rate).get(), timescale, "{rate:?}");
        }
    }
}
