//! What the checker measures on the way; printed, never judged, since it measures the machine too.

use std::fmt;
use std::time::Duration;

/// Bounded: samples that are kept. Full: later ones are not, which an hour's run does not reach.
const KEPT: usize = 100_000;

/// Durations whose percentiles are of interest.
#[derive(Debug, Clone, Default)]
pub struct Samples(Vec<Duration>);

impl Samples {
    /// Adds one.
    pub fn add(&mut self, sample: Duration) {
        if self.0.len() < KEPT {
            self.0.push(sample);
        }
    }

    /// Adds those of another run.
    pub fn merge(&mut self, other: Self) {
        let room = KEPT - self.0.len();
        self.0.extend(other.0.into_iter().take(room));
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The sample that `share` of all are at or under; zero if there are none.
    pub fn percentile(&self, share: f64) -> Duration {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let rank = (sorted.len() as f64 * share).ceil() as usize;
        sorted.get(rank.saturating_sub(1)).copied().unwrap_or_default()
    }
}

impl fmt::Display for Samples {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = |share: f64| self.percentile(share).as_secs_f64() * 1000.0;
        write!(
            f,
            "p50 {:.1} ms, p99 {:.1} ms, max {:.1} ms ({} samples)",
            ms(0.5),
            ms(0.99),
            ms(1.0),
            self.len()
        )
    }
}

/// What was measured of a rendition.
#[derive(Debug, Clone, Default)]
pub struct Figures {
    /// Versions of the playlist.
    pub versions: u64,
    /// Versions with more than one new part.
    pub bursts: u64,
    /// Parts of media fetched.
    pub parts: u64,
    /// Segments fetched.
    pub segments: u64,
    /// Parts and segments of gap.
    pub gaps: u64,
    /// Delta updates that skipped something.
    pub deltas: u64,
    /// Delta updates that were of another version than the full playlist asked for beside them.
    pub uncompared: u64,
    /// From one version with a new part to the next (rule 27).
    pub part_interval: Samples,
    /// Intervals over PART-TARGET plus the tolerance.
    pub late_parts: u64,
    /// From one version with a new whole segment to the next (rule 28).
    pub segment_interval: Samples,
    /// Intervals over 1.5 TARGETDURATION plus the tolerance.
    pub late_segments: u64,
    /// From a playlist that lists a part to the last byte of that part, asked for by its hint (rule 29).
    pub part_after_listing: Samples,
    /// From the first to the last byte of a part (rule 69).
    pub transfer: Samples,
}

impl Figures {
    /// How far an interval may be over its limit before it is counted as late: a busy machine's share.
    pub const TOLERANCE: Duration = Duration::from_millis(100);

    /// Adds what was measured elsewhere of the same rendition.
    pub fn merge(&mut self, other: Self) {
        self.versions += other.versions;
        self.bursts += other.bursts;
        self.parts += other.parts;
        self.segments += other.segments;
        self.gaps += other.gaps;
        self.deltas += other.deltas;
        self.uncompared += other.uncompared;
        self.late_parts += other.late_parts;
        self.late_segments += other.late_segments;
        self.part_interval.merge(other.part_interval);
        self.segment_interval.merge(other.segment_interval);
        self.part_after_listing.merge(other.part_after_listing);
        self.transfer.merge(other.transfer);
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "  {} versions ({} with more than one new part), {} parts, {} segments, {} gaps, {} deltas ({} uncompared)",
            self.versions, self.bursts, self.parts, self.segments, self.gaps, self.deltas, self.uncompared
        )?;
        let tolerance = Self::TOLERANCE.as_millis();
        writeln!(
            f,
            "  part to part        {}; {} over PART-TARGET + {tolerance} ms",
            self.part_interval, self.late_parts
        )?;
        writeln!(
            f,
            "  segment to segment  {}; {} over 1.5 TARGETDURATION + {tolerance} ms",
            self.segment_interval, self.late_segments
        )?;
        writeln!(f, "  listed to fetched   {}", self.part_after_listing)?;
        write!(f, "  first to last byte  {}", self.transfer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_samples_that_were_seen() {
        let mut samples = Samples::default();
        assert_eq!(samples.percentile(0.5), Duration::ZERO);
        (1..=100)
            .rev()
            .for_each(|ms| samples.add(Duration::from_millis(ms)));
        for (share, ms) in [(0.5, 50), (0.99, 99), (1.0, 100), (0.0, 1)] {
            assert_eq!(samples.percentile(share), Duration::from_millis(ms), "{share}");
        }
    }
}
