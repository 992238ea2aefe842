//! How long an answer may be kept and shown, by the origin's header fields (RFC 9111, SPEC 101-106, 224-228).
//!
//! ```text
//! Cache-Control ─► Policy ─► Freshness (with the time it came) ─► fresh? stale, but better than an error? Age
//! ```

use std::time::{Duration, Instant};

use http::header::{self, HeaderMap};

/// A life beyond this is cut: it is as good as for ever.
const LONGEST_LIFE: Duration = Duration::from_secs(365 * 24 * 3600);

/// What the origin allows caches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// For how long it may be shown, from the origin's making it; zero: it is not kept.
    pub life: Duration,
    /// How old it was when it came: another cache was in between.
    pub initial_age: Duration,
    /// For how long after its life it is better than an error.
    pub stale_if_error: Duration,
    /// Its bytes never change.
    pub immutable: bool,
}

impl Policy {
    /// Not kept.
    pub const NEVER: Self = Self {
        life: Duration::ZERO,
        initial_age: Duration::ZERO,
        stale_if_error: Duration::ZERO,
        immutable: false,
    };

    /// Reads an answer's fields. `immutable_stale` is how long an immutable answer is better than an error, unless the
    /// origin says so itself; no other answer is shown stale (SPEC 228: a stale playlist is a stuck stream).
    pub fn read(fields: &HeaderMap, immutable_stale: Duration) -> Self {
        let directives = Directives::read(fields);
        if directives.refused || varies(fields) || fields.contains_key(header::SET_COOKIE) {
            return Self::NEVER;
        }
        let seconds = directives.shared_max_age.or(directives.max_age).unwrap_or(0);
        let stale_if_error = match directives.stale_if_error {
            Some(seconds) => Duration::from_secs(seconds),
            None if directives.immutable => immutable_stale,
            None => Duration::ZERO,
        };
        Self {
            life: Duration::from_secs(seconds).min(LONGEST_LIFE),
            initial_age: Duration::from_secs(initial_age(fields)),
            stale_if_error: if directives.revalidate {
                Duration::ZERO
            } else {
                stale_if_error.min(LONGEST_LIFE)
            },
            immutable: directives.immutable,
        }
    }

    /// Whether it is worth keeping at all.
    pub fn is_kept(&self) -> bool {
        self.life > self.initial_age
    }
}

/// An answer's age and life, seen from here.
#[derive(Debug, Clone, Copy)]
pub struct Freshness {
    policy: Policy,
    came_at: Instant,
}

impl Freshness {
    /// Of an answer whose head came at that time.
    ///
    /// RFC 9111 4.2.3 would add the time from asking to answering. Here that is the time a request was held until
    /// the part was made: the answer is as fresh as can be when it comes.
    pub fn new(policy: Policy, came_at: Instant) -> Self {
        Self { policy, came_at }
    }

    /// The same answer under another policy.
    #[must_use]
    pub fn with(self, policy: Policy) -> Self {
        Self { policy, ..self }
    }

    /// What the origin said.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// How old it is.
    pub fn age(&self, now: Instant) -> Duration {
        self.policy.initial_age + now.saturating_duration_since(self.came_at)
    }

    /// Whether it may be shown.
    pub fn is_fresh(&self, now: Instant) -> bool {
        self.age(now) < self.policy.life
    }

    /// Whether it may be shown instead of an error.
    pub fn beats_an_error(&self, now: Instant) -> bool {
        self.age(now) < self.policy.life + self.policy.stale_if_error
    }

    /// For how long it is of any use, from now on.
    pub fn useful_for(&self, now: Instant) -> Duration {
        (self.policy.life + self.policy.stale_if_error).saturating_sub(self.age(now))
    }
}

#[derive(Debug, Default)]
struct Directives {
    refused: bool,
    revalidate: bool,
    immutable: bool,
    max_age: Option<u64>,
    shared_max_age: Option<u64>,
    stale_if_error: Option<u64>,
}

impl Directives {
    fn read(fields: &HeaderMap) -> Self {
        let mut read = Self::default();
        let values = fields.get_all(header::CACHE_CONTROL);
        for item in values
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|list| list.split(','))
        {
            let (name, value) = item.split_once('=').unwrap_or((item, ""));
            let seconds = || value.trim().trim_matches('"').parse::<u64>().ok();
            match name.trim().to_ascii_lowercase().as_str() {
                "no-store" | "private" | "no-cache" => read.refused = true,
                "must-revalidate" | "proxy-revalidate" => read.revalidate = true,
                "immutable" => read.immutable = true,
                // 4.2.1: a life that cannot be read is no life.
                "max-age" => read.max_age = Some(seconds().unwrap_or(0)),
                "s-maxage" => read.shared_max_age = Some(seconds().unwrap_or(0)),
                "stale-if-error" => read.stale_if_error = seconds(),
                _ => {}
            }
        }
        read
    }
}

/// Whether the answer depends on more of the request than its key has.
fn varies(fields: &HeaderMap) -> bool {
    fields
        .get_all(header::VARY)
        .iter()
        .flat_map(|value| value.to_str().unwrap_or("*").split(','))
        .map(str::trim)
        .any(|name| !name.is_empty() && !name.eq_ignore_ascii_case("accept-encoding"))
}

fn initial_age(fields: &HeaderMap) -> u64 {
    fields
        .get(header::AGE)
        .and_then(|value| value.to_str().ok()?.trim().parse().ok())
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use http::header::HeaderName;

    use super::*;

    const IMMUTABLE_STALE: Duration = Duration::from_secs(60);

    fn read(fields: &[(HeaderName, &'static str)]) -> Policy {
        let fields = fields
            .iter()
            .map(|(name, value)| (name.clone(), HeaderValue::from_static(value)))
            .collect();
        Policy::read(&fields, IMMUTABLE_STALE)
    }

    fn cache_control(value: &'static str) -> Policy {
        read(&[(header::CACHE_CONTROL, value)])
    }

    #[test]
    fn lives_are_the_origins() {
        let table = [
            ("public, max-age=12", 12),
            ("max-age=1, s-maxage=5", 5),
            ("Max-Age=\"7\"", 7),
            ("public, max-age=31536000, immutable", 31_536_000),
            ("max-age=99999999999", 31_536_000),
            ("max-age=0", 0),
            ("max-age=soon", 0),
            ("public", 0),
            ("", 0),
            ("no-store", 0),
            ("no-store, max-age=10", 0),
            ("private, max-age=10", 0),
            ("no-cache, max-age=10", 0),
        ];
        for (value, seconds) in table {
            let policy = cache_control(value);
            assert_eq!(policy.life, Duration::from_secs(seconds), "{value}");
            assert_eq!(policy.is_kept(), seconds > 0, "{value}");
        }
        assert!(!read(&[]).is_kept());
    }

    #[test]
    fn only_what_the_key_decides_is_kept() {
        let table = [
            (header::VARY, "Accept-Encoding", true),
            (header::VARY, "accept-encoding, Origin", false),
            (header::VARY, "*", false),
            (header::SET_COOKIE, "a=b", false),
        ];
        for (name, value, kept) in table {
            let policy = read(&[(header::CACHE_CONTROL, "max-age=10"), (name, value)]);
            assert_eq!(policy.is_kept(), kept, "{value}");
        }
    }

    #[test]
    fn only_what_never_changes_is_shown_stale() {
        let table = [
            ("max-age=10", 0),
            ("max-age=10, immutable", 60),
            ("max-age=10, stale-if-error=5", 5),
            ("max-age=10, immutable, stale-if-error=5", 5),
            ("max-age=10, immutable, must-revalidate", 0),
        ];
        for (value, seconds) in table {
            assert_eq!(
                cache_control(value).stale_if_error,
                Duration::from_secs(seconds),
                "{value}"
            );
        }
    }

    #[test]
    fn age_grows_from_what_it_was_when_it_came() {
        let came_at = Instant::now();
        let policy = read(&[
            (header::CACHE_CONTROL, "max-age=10, stale-if-error=5"),
            (header::AGE, "4"),
        ]);
        let freshness = Freshness::new(policy, came_at);
        let table = [
            // (milliseconds here, age in whole seconds, fresh, better than an error)
            (0, 4, true, true),
            (5_999, 9, true, true),
            (6_000, 10, false, true),
            (10_999, 14, false, true),
            (11_000, 15, false, false),
        ];
        for (here_ms, age_s, fresh, better) in table {
            let now = came_at + Duration::from_millis(here_ms);
            assert_eq!(freshness.age(now).as_secs(), age_s, "{here_ms}");
            assert_eq!(freshness.is_fresh(now), fresh, "{here_ms}");
            assert_eq!(freshness.beats_an_error(now), better, "{here_ms}");
        }
        assert_eq!(freshness.useful_for(came_at), Duration::from_secs(11));
        let old = read(&[(header::CACHE_CONTROL, "max-age=4"), (header::AGE, "4")]);
        assert!(!old.is_kept());
    }
}
