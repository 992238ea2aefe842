//! Frame rates that a stream claims for itself.

use crate::media::FrameRate;

/// What a stream says of its own frame rate; its stamps may say otherwise.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct RateClaims {
    /// onMetaData's.
    pub declared: Option<FrameRate>,
    /// The fixed rate of its sequence parameter set.
    pub parameter_set: Option<FrameRate>,
}

impl RateClaims {
    /// The one that is tried first on the stamps first.
    pub fn in_order(self) -> Vec<FrameRate> {
        self.declared.into_iter().chain(self.parameter_set).collect()
    }

    /// The rate that is claimed now and was not claimed `before`, when the stamps were measured against it.
    ///
    /// A parameter set that changed goes before onMetaData: an encoder that is reconfigured while connected writes the one
    /// anew, and often leaves the other as it was.
    pub fn changed_since(self, before: Self) -> Option<FrameRate> {
        let fresh = |now: Option<FrameRate>, then: Option<FrameRate>| now.filter(|_| now != then);
        fresh(self.parameter_set, before.parameter_set).or_else(|| fresh(self.declared, before.declared))
    }

    /// What was claimed last, by each.
    #[must_use]
    pub fn or(self, before: Self) -> Self {
        Self {
            declared: self.declared.or(before.declared),
            parameter_set: self.parameter_set.or(before.parameter_set),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims(declared: u32, parameter_set: u32) -> RateClaims {
        let rate = |fps: u32| FrameRate::new(fps, 1);
        RateClaims {
            declared: rate(declared),
            parameter_set: rate(parameter_set),
        }
    }

    #[test]
    fn only_a_claim_that_changed_is_news_and_the_parameter_set_goes_first() {
        // Frames a second, 0 for no claim: (before, now, news).
        let table = [
            ((60, 60), (60, 60), 0),
            ((60, 0), (60, 0), 0),
            ((60, 30), (30, 30), 30),
            ((30, 30), (30, 25), 25),
            ((60, 30), (50, 25), 25),
            ((30, 30), (0, 0), 0),
            ((30, 0), (0, 25), 25),
            ((0, 0), (25, 0), 25),
            ((0, 0), (0, 0), 0),
        ];
        for (before, now, news) in table {
            let (then, these) = (claims(before.0, before.1), claims(now.0, now.1));
            assert_eq!(
                these.changed_since(then),
                FrameRate::new(news, 1),
                "{before:?} → {now:?}"
            );
        }
    }

    #[test]
    fn a_claim_that_is_not_repeated_is_remembered() {
        assert_eq!(claims(0, 25).or(claims(60, 30)), claims(60, 25));
        assert_eq!(claims(0, 0).or(claims(60, 30)), claims(60, 30));
    }
}
