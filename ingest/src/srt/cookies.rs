//! Cookies: a caller that sends one back can receive at its address. Nothing is held for a caller until then.

use std::hash::{BuildHasher, RandomState};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// A cookie is good for this time and as long again.
const PERIOD: Duration = Duration::from_secs(60);

/// Makes cookies, and knows its own: a keyed hash of the address and the time.
#[derive(Debug)]
pub struct Cookies {
    key: RandomState,
    since: Instant,
}

impl Cookies {
    /// With a key of its own.
    pub fn new(now: Instant) -> Self {
        Self {
            key: RandomState::new(),
            since: now,
        }
    }

    /// The cookie for `peer`.
    pub fn bake(&self, peer: SocketAddr, now: Instant) -> u32 {
        self.of_period(peer, self.period(now))
    }

    /// Whether `peer` was given this one lately.
    pub fn is_ours(&self, cookie: u32, peer: SocketAddr, now: Instant) -> bool {
        let period = self.period(now);
        let earlier = period.checked_sub(1);
        std::iter::once(period)
            .chain(earlier)
            .any(|period| self.of_period(peer, period) == cookie)
    }

    fn of_period(&self, peer: SocketAddr, period: u64) -> u32 {
        (self.key.hash_one((peer, period)) & u64::from(u32::MAX)) as u32
    }

    fn period(&self, now: Instant) -> u64 {
        now.saturating_duration_since(self.since).as_secs() / PERIOD.as_secs()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_good_for_its_address_and_its_time() {
        let start = Instant::now();
        let cookies = Cookies::new(start);
        let [peer, other]: [SocketAddr; 2] =
            ["127.0.0.1:9", "127.0.0.1:10"].map(|text| text.parse().unwrap());
        let cookie = cookies.bake(peer, start);
        assert!(cookies.is_ours(cookie, peer, start + PERIOD));
        assert!(!cookies.is_ours(cookie, peer, start + 2 * PERIOD));
        assert!(!cookies.is_ours(cookie, other, start));
        assert!(!Cookies::new(start).is_ours(cookie, peer, start));
    }
}
