//! Wrong keys of each address: after some, nothing is compared any more for a while.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

/// Wrong keys within [`PERIOD`] after which an address is locked out.
const MOST: u32 = 20;

/// How long wrong keys are counted from the first, and how long an address is locked out from the last that counted.
pub const PERIOD: Duration = Duration::from_secs(60);

/// Addresses remembered. Full: the one that tried longest ago is forgotten.
const MAX_ADDRESSES: usize = 4096;

/// Counts wrong keys.
#[derive(Debug, Default)]
pub struct Attempts {
    /// Bounded: [`MAX_ADDRESSES`].
    by_address: HashMap<IpAddr, Wrong>,
}

#[derive(Debug, Clone, Copy)]
struct Wrong {
    count: u32,
    since: Instant,
    last: Instant,
}

impl Wrong {
    fn is_over(&self, now: Instant) -> bool {
        let from = if self.count >= MOST { self.last } else { self.since };
        now.saturating_duration_since(from) >= PERIOD
    }
}

impl Attempts {
    /// Whether `address` may try a key now. On loopback always: there are no strangers, but perhaps a proxy.
    pub fn may_try(&self, address: IpAddr, now: Instant) -> bool {
        let wrong = self.by_address.get(&whose(address));
        wrong.is_none_or(|wrong| wrong.count < MOST || wrong.is_over(now))
    }

    /// Counts a wrong key; whether the address is locked out from now on.
    pub fn wrong(&mut self, address: IpAddr, now: Instant) -> bool {
        if address.to_canonical().is_loopback() {
            return false;
        }
        let address = whose(address);
        if self.by_address.len() >= MAX_ADDRESSES && !self.by_address.contains_key(&address) {
            self.make_room(now);
        }
        let fresh = Wrong {
            count: 0,
            since: now,
            last: now,
        };
        let wrong = self.by_address.entry(address).or_insert(fresh);
        if wrong.is_over(now) {
            *wrong = fresh;
        }
        wrong.count += 1;
        wrong.last = now;
        wrong.count == MOST
    }

    fn make_room(&mut self, now: Instant) {
        self.by_address.retain(|_, wrong| !wrong.is_over(now));
        if self.by_address.len() < MAX_ADDRESSES {
            return;
        }
        let oldest = self.by_address.iter().min_by_key(|(_, wrong)| wrong.last);
        if let Some(address) = oldest.map(|(address, _)| *address) {
            self.by_address.remove(&address);
        }
    }
}

/// Who is behind an address: of IPv6, somebody has at least 2^64 addresses.
fn whose(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let network = u128::from(address) >> 64 << 64;
            IpAddr::V6(Ipv6Addr::from(network))
        }
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    /// As many wrong keys as lock out, and whether the last one did.
    fn try_many(attempts: &mut Attempts, who: IpAddr, now: Instant) -> bool {
        (0..MOST).fold(false, |_, _| attempts.wrong(who, now))
    }

    #[test]
    fn too_many_wrong_keys_lock_an_address_out_for_a_while() {
        let (mut attempts, now) = (Attempts::default(), Instant::now());
        let (guesser, other) = (address("203.0.113.9"), address("203.0.113.10"));
        for _ in 1..MOST {
            assert!(!attempts.wrong(guesser, now));
            assert!(attempts.may_try(guesser, now));
        }
        assert!(attempts.wrong(guesser, now), "told once");
        assert!(!attempts.may_try(guesser, now + PERIOD - Duration::from_millis(1)));
        assert!(attempts.may_try(other, now));
        assert!(attempts.may_try(guesser, now + PERIOD));
        assert!(!attempts.wrong(guesser, now + PERIOD), "counted anew");
    }

    #[test]
    fn now_and_then_a_wrong_key_is_no_harm() {
        let (mut attempts, start) = (Attempts::default(), Instant::now());
        let who = address("203.0.113.9");
        for minute in 0..100 {
            let now = start + minute * PERIOD;
            assert!(attempts.may_try(who, now));
            attempts.wrong(who, now);
        }
    }

    #[test]
    fn a_network_is_one_guesser_and_loopback_none() {
        let (mut attempts, now) = (Attempts::default(), Instant::now());
        assert!(try_many(&mut attempts, address("2001:db8::1"), now));
        assert!(!attempts.may_try(address("2001:db8::ffff:2"), now));
        assert!(attempts.may_try(address("2001:db8:0:1::1"), now));
        assert!(try_many(&mut attempts, address("::ffff:203.0.113.9"), now));
        assert!(!attempts.may_try(address("203.0.113.9"), now));
        for local in ["127.0.0.1", "::1", "::ffff:127.0.0.1"].map(address) {
            try_many(&mut attempts, local, now);
            assert!(attempts.may_try(local, now), "{local}");
        }
    }

    #[test]
    fn a_flood_of_addresses_is_not_remembered_without_bound() {
        let (mut attempts, start) = (Attempts::default(), Instant::now());
        let guesser = address("203.0.113.9");
        let last = (MAX_ADDRESSES as u32 + 100) + 1;
        for number in 0..last {
            let now = start + Duration::from_millis(u64::from(number));
            attempts.wrong(IpAddr::V4((0x0A00_0000 + number).into()), now);
            assert!(attempts.by_address.len() <= MAX_ADDRESSES);
        }
        let now = start + Duration::from_millis(u64::from(last));
        assert!(try_many(&mut attempts, guesser, now));
        assert!(!attempts.may_try(guesser, now));
    }
}
