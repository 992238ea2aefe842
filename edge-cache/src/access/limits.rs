//! How much each address and each token may ask for, and how many viewers a token may have at one time.

use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use governor::{DefaultDirectRateLimiter, Quota};
use moka::sync::Cache;

use super::{AccessConfig, Refused};

/// Addresses and tokens that are counted at one time. Full: the one that is least used is counted anew.
const COUNTED: u64 = 200_000;
/// One that asked for nothing for so long is counted anew.
const IDLE: Duration = Duration::from_secs(120);
/// What may come at once, in seconds of the rate: a player that joins asks for a dozen of things.
const BURST_S: u32 = 3;
/// A token that says nothing sensible of its streams has at most so many.
const MOST_STREAMS: u32 = 1000;

fn quota(per_second: u32) -> Option<Quota> {
    let rate = NonZeroU32::new(per_second)?;
    let burst = NonZeroU32::new(per_second.saturating_mul(BURST_S))?;
    Some(Quota::per_second(rate).allow_burst(burst))
}

/// An IPv6 viewer has a network of 2^64 addresses.
fn whole(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => IpAddr::V6((u128::from(address) >> 64 << 64).into()),
    }
}

/// Requests of each address.
#[derive(Debug)]
pub struct AddressRates {
    quota: Option<Quota>,
    counted: Cache<IpAddr, Arc<DefaultDirectRateLimiter>>,
}

impl AddressRates {
    /// So many a second; 0: as many as they like.
    pub fn new(per_second: u32) -> Self {
        Self {
            quota: quota(per_second),
            counted: counted(),
        }
    }

    /// Counts a request.
    pub fn admit(&self, address: IpAddr) -> Result<(), Refused> {
        let Some(quota) = self.quota else {
            return Ok(());
        };
        let limiter = || Arc::new(DefaultDirectRateLimiter::direct(quota));
        let rate = self.counted.get_with(whole(address), limiter);
        rate.check().map_err(|_| Refused::TooOften("address"))
    }
}

/// What each token is used for.
#[derive(Debug)]
pub struct TokenUses {
    quota: Option<Quota>,
    streams: u32,
    stream_idle: Duration,
    counted: Cache<String, Arc<TokenUse>>,
    hasher: RandomState,
}

#[derive(Debug)]
struct TokenUse {
    rate: Option<DefaultDirectRateLimiter>,
    /// The viewers who use it, and when each last asked. Bounded: by the token's limit. The lock is held for one look
    /// through them, by requests of this token alone.
    viewers: Mutex<Vec<(u64, Instant)>>,
}

impl TokenUses {
    /// By the configuration.
    pub fn new(config: &AccessConfig) -> Self {
        Self {
            quota: quota(config.requests_per_second_per_token),
            streams: config.streams_per_token,
            stream_idle: Duration::from_secs(config.stream_idle_seconds),
            counted: counted(),
            hasher: RandomState::new(),
        }
    }

    /// Counts a request of a viewer: an address, and what the player calls itself. `streams` is how many viewers the token itself
    /// says that it is for.
    pub fn admit(
        &self,
        identity: &str,
        streams: Option<u32>,
        viewer: (IpAddr, &[u8]),
        now: Instant,
    ) -> Result<(), Refused> {
        let used = self.counted.get_with_by_ref(identity, || {
            Arc::new(TokenUse {
                rate: self.quota.map(DefaultDirectRateLimiter::direct),
                viewers: Mutex::default(),
            })
        });
        if used.rate.as_ref().is_some_and(|rate| rate.check().is_err()) {
            return Err(Refused::TooOften("token"));
        }
        let most = streams.unwrap_or(self.streams).min(MOST_STREAMS);
        if most == 0 {
            return Ok(());
        }
        let viewer = self.hasher.hash_one(viewer);
        let mut viewers = used.viewers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, last)) = viewers.iter_mut().find(|(known, _)| *known == viewer) {
            *last = now;
            return Ok(());
        }
        viewers.retain(|(_, last)| now.saturating_duration_since(*last) < self.stream_idle);
        if viewers.len() >= most as usize {
            return Err(Refused::TooManyStreams);
        }
        viewers.push((viewer, now));
        Ok(())
    }
}

fn counted<K, V>() -> Cache<K, V>
where
    K: std::hash::Hash + Eq + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    Cache::builder().max_capacity(COUNTED).time_to_idle(IDLE).build()
}
