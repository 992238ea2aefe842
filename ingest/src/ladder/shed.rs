//! When the machine is too slow for the ladder: which rung goes, and when it comes back. Pure; times are handed in.
//!
//! The highest encoded rung that is on is shed first, one at a time; the lowest never. They come back in reverse order, each
//! after a time of ease in which there was room for it; the time doubles when it proves too short.

/// A ladder that is more than this behind its source is in trouble.
const TROUBLE_MS: i64 = 300;
/// So long it may be in trouble, if it gets out by itself: a burst of frames, as at a start, is worked off.
const WINDOW_MS: i64 = 1_000;
/// It gets out if it is behind by at least this much less after that time.
const WORKED_OFF_MS: i64 = 50;
/// So little behind is ease.
const EASE_MS: i64 = 120;
/// Ease for so long brings a rung back, the first time.
const EASE_LASTS_MS: i64 = 10_000;
/// The longest time of ease that is asked for. After it a rung comes back even where there seems to be no room: what it costs
/// is only guessed while it is off.
const LONGEST_EASE_MS: i64 = 160_000;
/// A rung that is shed again within this time of its return came back too soon.
const RELAPSE_MS: i64 = 20_000;
/// Further behind than this, frames are decoded and not encoded, until the ladder has caught up.
const SKIP_MS: i64 = 2_500;
/// Then it has.
const CAUGHT_UP_MS: i64 = 200;
/// The share of the machine's processors that a ladder may have with the rung that is to come back: the rest is for delivery.
const MACHINE_SHARE: f64 = 0.85;

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    /// Turn the rung of that index off: of the encoded ones, from the highest down.
    Shed(usize),
    /// Turn it on again.
    Restore(usize),
}

/// How busy a ladder is, in processors.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Load {
    /// The decoder and all encoders that are on.
    pub busy: f64,
    /// What the rung that would come back next is likely to need.
    pub returning: f64,
    /// How many threads that rung's encoder has.
    pub returning_threads: u32,
    /// How many processors there are.
    pub processors: usize,
}

impl Load {
    /// Whether the rung that would come back next fits beside the others. It takes no more of the machine than its threads;
    /// whether they are enough for it is seen when it is tried.
    fn has_room(&self) -> bool {
        let returning = self.returning.min(self.returning_threads.max(1).into());
        self.busy + returning <= self.processors as f64 * MACHINE_SHARE
    }
}

/// Watches one ladder.
#[derive(Debug)]
pub(super) struct Shedding {
    rungs: usize,
    /// The first `shed` rungs are off.
    shed: usize,
    /// Where the present window of trouble began, and how far behind the ladder was then.
    trouble: Option<(i64, i64)>,
    ease_since: Option<i64>,
    ease_wanted_ms: i64,
    restored_at: Option<i64>,
    skipping: bool,
}

impl Shedding {
    /// Watches a ladder of that many encoded rungs.
    pub(super) fn new(rungs: usize) -> Self {
        Self {
            rungs,
            shed: 0,
            trouble: None,
            ease_since: None,
            ease_wanted_ms: EASE_LASTS_MS,
            restored_at: None,
            skipping: false,
        }
    }

    /// Notes that at `now` (milliseconds of a clock that never jumps) the ladder is `behind_ms` of media behind its source.
    /// `load`, of the rung of that index, is asked only when it may come back.
    pub(super) fn observe(
        &mut self,
        now: i64,
        behind_ms: i64,
        load: impl FnOnce(usize) -> Load,
    ) -> Option<Action> {
        self.skipping = behind_ms > if self.skipping { CAUGHT_UP_MS } else { SKIP_MS };
        if behind_ms > EASE_MS {
            self.ease_since = None;
        }
        if behind_ms >= TROUBLE_MS {
            return self.trouble(now, behind_ms);
        }
        self.trouble = None;
        if behind_ms <= EASE_MS {
            self.ease(now, load)
        } else {
            None
        }
    }

    /// Whether frames are to be decoded only.
    pub(super) fn skips(&self) -> bool {
        self.skipping
    }

    fn trouble(&mut self, now: i64, behind_ms: i64) -> Option<Action> {
        let (since, behind_then_ms) = *self.trouble.get_or_insert((now, behind_ms));
        if now - since < WINDOW_MS {
            return None;
        }
        self.trouble = Some((now, behind_ms));
        let is_worked_off = behind_ms <= behind_then_ms - WORKED_OFF_MS;
        if is_worked_off || self.shed + 1 >= self.rungs {
            return None;
        }
        let relapses = |restored: i64| now - restored < RELAPSE_MS;
        if self.restored_at.is_some_and(relapses) {
            self.ease_wanted_ms = (self.ease_wanted_ms * 2).min(LONGEST_EASE_MS);
        }
        self.shed += 1;
        Some(Action::Shed(self.shed - 1))
    }

    fn ease(&mut self, now: i64, load: impl FnOnce(usize) -> Load) -> Option<Action> {
        let since = *self.ease_since.get_or_insert(now);
        if self.shed == 0 || now - since < self.ease_wanted_ms {
            return None;
        }
        if now - since < LONGEST_EASE_MS && !load(self.shed - 1).has_room() {
            return None;
        }
        self.shed -= 1;
        self.restored_at = Some(now);
        self.ease_since = Some(now);
        Some(Action::Restore(self.shed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOM: Load = Load {
        busy: 0.5,
        returning: 0.5,
        returning_threads: 1,
        processors: 2,
    };

    /// Feeds how far behind it is for some seconds at 30 frames a second; returns what was done, with its time.
    fn feed(
        shedding: &mut Shedding,
        now: &mut i64,
        seconds: i64,
        lag: impl Fn(i64) -> i64,
    ) -> Vec<(i64, Action)> {
        feed_loaded(shedding, now, seconds, lag, ROOM)
    }

    fn feed_loaded(
        shedding: &mut Shedding,
        now: &mut i64,
        seconds: i64,
        lag: impl Fn(i64) -> i64,
        load: Load,
    ) -> Vec<(i64, Action)> {
        let begun = *now;
        let mut actions = Vec::new();
        while *now < begun + seconds * 1000 {
            *now += 33;
            if let Some(action) = shedding.observe(*now, lag(*now - begun), |_| load) {
                actions.push((*now - begun, action));
            }
        }
        actions
    }

    fn kinds(actions: &[(i64, Action)]) -> Vec<Action> {
        actions.iter().map(|(_, action)| *action).collect()
    }

    #[test]
    fn lasting_trouble_sheds_from_the_top_and_spares_the_lowest() {
        let (mut shedding, mut now) = (Shedding::new(3), 0);
        let actions = feed(&mut shedding, &mut now, 30, |_| 900);
        assert_eq!(kinds(&actions), [Action::Shed(0), Action::Shed(1)]);
    }

    #[test]
    fn the_burst_of_a_start_is_no_trouble_while_it_is_worked_off() {
        // Two seconds of frames at once, worked off at 2, 1.5 and 1.1 times the speed of the show.
        for gain in [1.0, 0.5, 0.1] {
            let (mut shedding, mut now) = (Shedding::new(3), 0);
            let behind = |t: i64| (2000 - (t as f64 * gain) as i64).max(20);
            assert_eq!(feed(&mut shedding, &mut now, 25, behind), [], "{gain}");
        }
        let (mut shedding, mut now) = (Shedding::new(3), 0);
        let actions = feed(&mut shedding, &mut now, 3, |_| 2000);
        assert_eq!(kinds(&actions), [Action::Shed(0), Action::Shed(1)]);
    }

    #[test]
    fn a_ladder_that_falls_behind_sheds_within_two_seconds() {
        // Encoded at half the speed of the show.
        let (mut shedding, mut now) = (Shedding::new(3), 0);
        let actions = feed(&mut shedding, &mut now, 2, |t| t / 2);
        assert_eq!(kinds(&actions), [Action::Shed(0)]);
    }

    #[test]
    fn ease_brings_rungs_back_in_reverse_order() {
        let (mut shedding, mut now) = (Shedding::new(3), 0);
        feed(&mut shedding, &mut now, 30, |_| 900);
        let actions = feed(&mut shedding, &mut now, 40, |_| 20);
        assert_eq!(kinds(&actions), [Action::Restore(1), Action::Restore(0)]);
        assert!(actions[0].0 >= EASE_LASTS_MS && actions[1].0 >= 2 * EASE_LASTS_MS);
    }

    #[test]
    fn a_rung_that_comes_back_too_soon_waits_twice_as_long() {
        let (mut shedding, mut now) = (Shedding::new(2), 0);
        feed(&mut shedding, &mut now, 5, |_| 900);
        assert_eq!(
            kinds(&feed(&mut shedding, &mut now, 11, |_| 20)),
            [Action::Restore(0)]
        );
        assert_eq!(
            kinds(&feed(&mut shedding, &mut now, 5, |_| 900)),
            [Action::Shed(0)]
        );
        let actions = feed(&mut shedding, &mut now, 30, |_| 20);
        assert_eq!(kinds(&actions), [Action::Restore(0)]);
        assert!(actions[0].0 >= 2 * EASE_LASTS_MS, "{actions:?}");
    }

    #[test]
    fn a_rung_comes_back_only_where_there_is_room_or_after_a_very_long_ease() {
        let crowded = Load {
            busy: 1.5,
            returning: 0.3,
            ..ROOM
        };
        let (mut shedding, mut now) = (Shedding::new(2), 0);
        feed(&mut shedding, &mut now, 5, |_| 900);
        assert_eq!(feed_loaded(&mut shedding, &mut now, 100, |_| 20, crowded), []);
        let actions = feed_loaded(&mut shedding, &mut now, 100, |_| 20, crowded);
        assert_eq!(kinds(&actions), [Action::Restore(0)]);

        // One thread takes no more than one processor, however slow it was.
        let slow = Load {
            busy: 0.6,
            returning: 100.0,
            ..ROOM
        };
        let (mut shedding, mut now) = (Shedding::new(2), 0);
        feed(&mut shedding, &mut now, 5, |_| 900);
        let actions = feed_loaded(&mut shedding, &mut now, 11, |_| 20, slow);
        assert_eq!(kinds(&actions), [Action::Restore(0)]);
    }

    #[test]
    fn a_ladder_far_behind_decodes_only_until_it_has_caught_up() {
        let mut shedding = Shedding::new(2);
        let seen: Vec<bool> = [100, 2600, 1000, 250, 150, 1000]
            .map(|lag| {
                shedding.observe(0, lag, |_| ROOM);
                shedding.skips()
            })
            .into();
        assert_eq!(seen, [false, true, true, true, false, false]);
    }
}
