//! What the checker found: each rule that was looked at, and each time it was broken.

use std::collections::BTreeMap;
use std::fmt;

/// Bounded: violations that are kept. Full: later ones are only counted, since the first ones tell the cause.
const KEPT: usize = 500;

/// A rule that was broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Number of the rule in the checklist.
    pub spec: u16,
    /// Where: a rendition, a playlist's version, a URL.
    pub place: String,
    /// What was seen instead.
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SPEC {} [{}] {}", self.spec, self.place, self.what)
    }
}

/// Collects what rules find at one place.
#[derive(Debug, Default)]
pub struct Findings {
    place: String,
    violations: Vec<Violation>,
    more: usize,
    looked_at: BTreeMap<u16, u64>,
}

impl Findings {
    /// Findings at `place`.
    pub fn at(place: impl Into<String>) -> Self {
        Self {
            place: place.into(),
            ..Self::default()
        }
    }

    /// Counts that rule `spec` was looked at; if it does not hold, `what` says what was seen.
    pub fn law(&mut self, spec: u16, holds: bool, what: impl FnOnce() -> String) {
        *self.looked_at.entry(spec).or_default() += 1;
        if holds {
            return;
        }
        if self.violations.len() < KEPT {
            self.violations.push(Violation {
                spec,
                place: self.place.clone(),
                what: what(),
            });
        } else {
            self.more += 1;
        }
    }

    /// Rule `spec` is broken.
    pub fn broken(&mut self, spec: u16, what: impl Into<String>) {
        self.law(spec, false, || what.into());
    }

    /// Takes over what was found elsewhere.
    pub fn merge(&mut self, other: Self) {
        let room = KEPT - self.violations.len().min(KEPT);
        self.more += other.more + other.violations.len().saturating_sub(room);
        self.violations.extend(other.violations.into_iter().take(room));
        for (spec, count) in other.looked_at {
            *self.looked_at.entry(spec).or_default() += count;
        }
    }

    /// What was broken, the first ones first.
    pub fn violations(&self) -> &[Violation] {
        &self.violations
    }

    /// How many violations there were, the ones not kept included.
    pub fn count(&self) -> usize {
        self.violations.len() + self.more
    }

    /// How often each rule was looked at: a rule that is missing was never tried.
    pub fn looked_at(&self) -> &BTreeMap<u16, u64> {
        &self.looked_at
    }

    /// How often rule `spec` was looked at.
    pub fn times(&self, spec: u16) -> u64 {
        self.looked_at.get(&spec).copied().unwrap_or(0)
    }
}
