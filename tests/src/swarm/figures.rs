//! What all viewers saw together.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::time::{Duration, Instant};

use super::SwarmOptions;
use super::counts::Counted;
use super::playhead::Stall;
use super::viewer::{Receipt, Seen};

/// Times summed up, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    /// How many.
    pub samples: usize,
    /// Half of them are at most this.
    pub p50: f64,
    /// 99 of 100 are at most this.
    pub p99: f64,
    /// 999 of 1000 are at most this.
    pub p999: f64,
    /// The largest.
    pub max: f64,
}

/// One second of a run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Second {
    /// Lateness of the parts that came in it.
    pub lateness: Spread,
    /// Stalls that began in it.
    pub stalls: usize,
}

/// What all viewers saw together.
#[derive(Debug, Clone)]
pub struct Figures {
    /// How the run is called in a heading.
    pub title: String,
    /// How many there were.
    pub viewers: usize,
    /// Whether parts are compared with a witness at the origin; else with the first viewer who had them.
    pub witnessed: bool,
    /// From a part's making to a viewer's having it.
    pub lateness: Option<Spread>,
    /// The lateness of each thousandth, ascending, in milliseconds.
    pub curve: Vec<f64>,
    /// The run, second by second.
    pub seconds: Vec<Second>,
    /// The time minus the PDT of a hinted part's end, when it came: needs this machine's clock to be the origin's.
    pub behind: Option<Spread>,
    /// From a viewer's first request to playing.
    pub joined: Option<Spread>,
    /// Stalls, viewers that had one, and the longest.
    pub stalls: (usize, usize, Duration),
    /// Viewers that never played.
    pub never_played: usize,
    /// Errors by name.
    pub errors: BTreeMap<String, u64>,
    /// Hinted parts that became gaps.
    pub gaps: u64,
    /// Changes of the rung.
    pub switches: u64,
    /// Tracks that were tuned in to anew.
    pub reloads: u64,
    /// Parts that came.
    pub parts: u64,
    /// Requests.
    pub requests: u64,
    /// Bytes of bodies.
    pub bytes: u64,
    /// What reached the origin.
    pub counted: Counted,
}

impl Figures {
    pub(super) fn of(options: &SwarmOptions, seen: &[Seen], witnessed: &[Seen], counted: Counted) -> Self {
        let made = made(if witnessed.is_empty() { seen } else { witnessed });
        let late: Vec<_> = seen
            .iter()
            .flat_map(|seen| lateness(&seen.receipts, &made))
            .collect();
        let mut sorted: Vec<_> = late.iter().map(|(_, late)| millis(*late)).collect();
        sorted.sort_unstable_by(f64::total_cmp);
        let stalls: Vec<_> = seen.iter().flat_map(|seen| &seen.stalls).collect();
        let mut errors = BTreeMap::new();
        for (name, count) in seen.iter().flat_map(|seen| &seen.errors) {
            *errors.entry(name.clone()).or_default() += count;
        }
        let sum = |of: fn(&Seen) -> u64| seen.iter().map(of).sum();
        let behind = seen.iter().flat_map(|seen| &seen.behind_us);
        Self {
            title: options.title(),
            viewers: options.viewers,
            witnessed: !witnessed.is_empty(),
            lateness: Spread::of(&sorted),
            curve: thousandths(&sorted),
            seconds: seconds(&late, &stalls),
            behind: Spread::unsorted(behind.map(|us| *us as f64 / 1000.0)),
            joined: Spread::unsorted(seen.iter().filter_map(|seen| seen.joined).map(millis)),
            stalls: (
                stalls.len(),
                seen.iter().filter(|seen| !seen.stalls.is_empty()).count(),
                stalls.iter().map(|stall| stall.length).max().unwrap_or_default(),
            ),
            never_played: seen.iter().filter(|seen| seen.joined.is_none()).count(),
            errors,
            gaps: sum(|seen| seen.gaps),
            switches: sum(|seen| seen.switches),
            reloads: sum(|seen| seen.reloads),
            parts: sum(|seen| seen.parts),
            requests: sum(|seen| seen.requests),
            bytes: sum(|seen| seen.bytes),
            counted,
        }
    }
}

impl Figures {
    /// Whether every viewer played all the time and got everything.
    pub fn is_clean(&self) -> bool {
        self.stalls.0 == 0 && self.never_played == 0 && self.errors.is_empty()
    }
}

impl SwarmOptions {
    fn title(&self) -> String {
        let protocol = if self.http2 { "HTTP/2" } else { "HTTP/1.1" };
        let seconds = self.watched.as_secs();
        format!("{} viewers, {seconds} s, {protocol}, {}", self.viewers, self.url)
    }
}

impl Spread {
    /// Of ascending values.
    fn of(sorted: &[f64]) -> Option<Self> {
        let at = |part: f64| {
            let index = ((sorted.len() as f64 * part).ceil() as usize).clamp(1, sorted.len());
            sorted.get(index - 1).copied()
        };
        let max = sorted.last().copied()?;
        Some(Self {
            samples: sorted.len(),
            p50: at(0.5)?,
            p99: at(0.99)?,
            p999: at(0.999)?,
            max,
        })
    }

    fn unsorted(values: impl Iterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<_> = values.collect();
        values.sort_unstable_by(f64::total_cmp);
        Self::of(&values)
    }
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

/// When each part had been made: when the first of these viewers had it.
fn made(seen: &[Seen]) -> HashMap<u32, Instant> {
    let mut made = HashMap::new();
    for receipt in seen.iter().flat_map(|seen| &seen.receipts) {
        let first = made.entry(receipt.part).or_insert(receipt.at);
        *first = receipt.at.min(*first);
    }
    made
}

/// How late each part was, with when it came. A track counts from the first part on that it waited for: before, it was
/// catching up. What it is late for afterwards, the server is to blame.
fn lateness<'a>(
    receipts: &'a [Receipt],
    made: &'a HashMap<u32, Instant>,
) -> impl Iterator<Item = (Instant, Duration)> + 'a {
    let mut live = [false; 2];
    receipts.iter().filter_map(move |receipt| {
        let made = *made.get(&receipt.part)?;
        let live = live.get_mut(receipt.track)?;
        *live |= receipt.asked <= made;
        live.then(|| (receipt.at, receipt.at.saturating_duration_since(made)))
    })
}

fn thousandths(sorted: &[f64]) -> Vec<f64> {
    let index = |n: usize| n * sorted.len().saturating_sub(1) / 1000;
    (0..=1000).filter_map(|n| sorted.get(index(n)).copied()).collect()
}

fn seconds(late: &[(Instant, Duration)], stalls: &[&Stall]) -> Vec<Second> {
    let Some(zero) = late.iter().map(|(at, _)| *at).min() else {
        return Vec::new();
    };
    let second = |at: Instant| at.saturating_duration_since(zero).as_secs();
    let mut by_second: BTreeMap<u64, Vec<f64>> = BTreeMap::new();
    for (at, late) in late {
        by_second.entry(second(*at)).or_default().push(millis(*late));
    }
    by_second
        .into_iter()
        .filter_map(|(number, values)| {
            let lateness = Spread::unsorted(values.into_iter())?;
            let stalls = stalls.iter().filter(|stall| second(stall.at) == number).count();
            Some(Second { lateness, stalls })
        })
        .collect()
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            samples,
            p50,
            p99,
            p999,
            max,
        } = self;
        write!(
            f,
            "p50 {p50:.1}  p99 {p99:.1}  p99.9 {p999:.1}  max {max:.1} ms  ({samples} samples)"
        )
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let spread =
            |spread: Option<Spread>| spread.map_or("not measured".to_owned(), |spread| spread.to_string());
        let against = if self.witnessed {
            "the same part straight from the origin"
        } else {
            "the first viewer who had the part"
        };
        let (stalls, stalled, longest) = self.stalls;
        writeln!(f, "{}", self.title)?;
        writeln!(f, "  lateness   {}", spread(self.lateness))?;
        writeln!(f, "             behind {against}")?;
        writeln!(f, "  PDT age    {}", spread(self.behind))?;
        writeln!(f, "  joining    {}", spread(self.joined))?;
        writeln!(
            f,
            "  stalls     {stalls} ({stalled} viewers, the longest {:.0} ms); {} never played",
            millis(longest),
            self.never_played
        )?;
        writeln!(
            f,
            "  parts      {} in {} requests, {:.1} MB; {} gaps, {} rung switches, {} reloads",
            self.parts,
            self.requests,
            self.bytes as f64 / 1e6,
            self.gaps,
            self.switches,
            self.reloads
        )?;
        let total: u64 = self.errors.values().sum();
        let named = self
            .errors
            .iter()
            .map(|(name, count)| format!("; {count} {name}"));
        writeln!(f, "  errors     {total}{}", named.collect::<String>())?;
        let each = |counted: Option<(u64, u64)>| match counted {
            Some((requests, objects)) => format!("{requests} requests for {objects} objects"),
            None => "not counted".to_owned(),
        };
        writeln!(f, "  upstream   media: {}", each(self.counted.media))?;
        writeln!(
            f,
            "             blocking playlists: {}",
            each(self.counted.blocking)
        )?;
        match self.counted.origin {
            Some(requests) => writeln!(f, "             at the origin: {requests} requests in all"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spreads_are_of_ranks() {
        let values: Vec<f64> = (1..=1000).map(f64::from).collect();
        let spread = Spread::of(&values).unwrap();
        assert_eq!(
            (spread.p50, spread.p99, spread.p999, spread.max),
            (500.0, 990.0, 999.0, 1000.0)
        );
        assert_eq!(Spread::of(&[7.0]).map(|spread| spread.p999), Some(7.0));
        assert_eq!(Spread::of(&[]), None);
    }

    #[test]
    fn lateness_counts_from_the_first_part_that_was_waited_for() {
        let zero = Instant::now();
        let at = |ms: u64| zero + Duration::from_millis(ms);
        let made = HashMap::from([(0, at(100)), (1, at(400)), (2, at(700))]);
        let receipt = |part, track, asked, came| Receipt {
            part,
            track,
            asked: at(asked),
            at: at(came),
        };
        let receipts = [
            // Catching up: it had been made long before.
            receipt(0, 0, 300, 310),
            receipt(1, 0, 310, 405),
            // Asked for too late, and that counts.
            receipt(2, 0, 750, 760),
            // Another track has a beginning of its own.
            receipt(1, 1, 500, 510),
            // What no witness saw is not judged.
            receipt(9, 0, 0, 1),
        ];
        let late: Vec<_> = lateness(&receipts, &made)
            .map(|(_, late)| late.as_millis())
            .collect();
        assert_eq!(late, [5, 60]);
    }
}
