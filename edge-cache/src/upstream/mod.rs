//! The origins: which of them is asked, and what happens when it fails, freezes, or has not what another has.
//!
//! ```text
//! Target ─► candidates (the channel's, healthy first) ─► race ─► the first good answer
//!                                                          └──► nobody has one: the first answer, or an error
//! ```

pub mod connect;
pub mod connections;
pub mod error;
pub mod health;
pub mod origin;
mod race;
mod shares;

use std::cmp::Reverse;
use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;
use tokio::time::Instant;

use crate::config::{OriginOrder, UpstreamConfig};
use crate::target::{Coding, Target};
pub use connections::OriginBody;
pub use error::UpstreamError;
pub use origin::Origin;

/// Bounded: sessions whose origin is remembered. Full: the least used is forgotten, and found again by asking.
const REMEMBERED: u64 = 10_000;
/// An origin that cannot be reached is tried again after these times; a restart takes about as long.
const BACKOFF: [Duration; 2] = [Duration::from_millis(100), Duration::from_millis(400)];

/// An origin's answer.
pub type OriginAnswer = http::Response<OriginBody>;

/// What is asked of an origin beside the path.
#[derive(Debug, Clone, Default)]
pub struct Demand {
    /// Only bytes from here on.
    pub from: Option<u64>,
    /// Only if the ETag is still this one; else everything.
    pub if_range: Option<http::HeaderValue>,
}

/// Every origin that is configured.
#[derive(Debug)]
pub struct Upstream {
    origins: Vec<Arc<Origin>>,
    /// Which origin had a session: its index.
    homes: Cache<Box<str>, usize>,
    answer_timeout: Duration,
    hedge_after: Option<Duration>,
    order: OriginOrder,
}

impl Upstream {
    /// These origins, in the order of preference.
    pub fn new(origins: Vec<Arc<Origin>>, config: &UpstreamConfig) -> Self {
        Self {
            origins,
            homes: Cache::new(REMEMBERED),
            answer_timeout: config.answer_timeout(),
            hedge_after: config.hedge_after(),
            order: config.order,
        }
    }

    /// Every origin.
    pub fn origins(&self) -> &[Arc<Origin>] {
        &self.origins
    }

    /// Whether at least one origin answers.
    pub fn is_ready(&self) -> bool {
        self.origins.iter().any(|origin| origin.health().is_up())
    }

    /// Asks until an origin answers, or none does in time.
    pub async fn ask(&self, target: &Target, demand: &Demand) -> Result<OriginAnswer, UpstreamError> {
        let candidates = self.candidates(target);
        if candidates.is_empty() {
            return Err(UpstreamError::NobodyHasIt);
        }
        let deadline = Instant::now() + self.answer_timeout;
        let asking = async {
            let mut pauses = BACKOFF.into_iter();
            loop {
                let error = match race::race(&candidates, target, demand, self.hedge_after).await {
                    Ok((index, answer)) => {
                        self.remember(target, index, &answer);
                        return Ok(answer);
                    }
                    Err(error) => error,
                };
                match pauses.next() {
                    Some(pause) => tokio::time::sleep(pause).await,
                    None => return Err(error),
                }
            }
        };
        tokio::time::timeout_at(deadline, asking)
            .await
            .unwrap_or(Err(UpstreamError::TooLate))
    }

    /// The origins that may have it: those that are up first; of these the one that had the session last time, then as
    /// they are listed, or each object's own order.
    fn candidates(&self, target: &Target) -> Vec<(usize, Arc<Origin>)> {
        let home = match self.origins.len() {
            1 => None,
            _ => self.homes.get(target.affinity()),
        };
        let mut candidates: Vec<_> = self
            .origins
            .iter()
            .enumerate()
            .filter(|(_, origin)| target.channel().is_none_or(|channel| origin.serves(channel)))
            .map(|(index, origin)| (index, origin.clone()))
            .collect();
        if self.order == OriginOrder::Shared {
            let name = &target.key.path_and_query;
            candidates.sort_by_cached_key(|(_, origin)| Reverse(shares::claim(origin.url(), name)));
            // Each of them has everything.
            candidates.sort_by_key(|(_, origin)| !origin.health().is_up());
        } else {
            candidates.sort_by_key(|(index, origin)| (!origin.health().is_up(), home != Some(*index)));
        }
        candidates
    }

    fn remember(&self, target: &Target, index: usize, answer: &OriginAnswer) {
        let is_session =
            target.affinity().starts_with("/live/") && target.affinity().matches('/').count() == 3;
        if self.origins.len() > 1 && is_session && answer.status().is_success() {
            self.homes.insert(target.affinity().into(), index);
        }
    }
}

/// The value of Accept-Encoding that is sent upstream.
pub(crate) fn accept_encoding(coding: Coding) -> &'static str {
    match coding {
        Coding::Identity => "identity",
        Coding::Gzip => "gzip",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::OriginConfig;

    const SHIELDS: [&str; 3] = ["http://a:1", "http://b:1", "http://c:1"];

    fn upstream(urls: &[&str]) -> Upstream {
        let config = UpstreamConfig {
            order: OriginOrder::Shared,
            down_after: 1,
            ..UpstreamConfig::default()
        };
        let origin = |url: &&str| Origin::new(&OriginConfig::at(url), &config).map(Arc::new);
        let origins = urls.iter().map(origin).collect::<Result<_, _>>();
        Upstream::new(origins.unwrap(), &config)
    }

    fn part(number: usize) -> Target {
        Target::parse(&format!("/live/demo/s1/video/part-{number}.m4s"), "", false).unwrap()
    }

    /// Whom each of many parts is asked of.
    fn asked(upstream: &Upstream) -> Vec<String> {
        let first = |number| upstream.candidates(&part(number))[0].1.url().to_owned();
        (0..300).map(first).collect()
    }

    #[tokio::test]
    async fn equals_share_the_objects_and_every_edge_agrees_on_how() {
        let here = upstream(&SHIELDS);
        let shares = asked(&here);
        for url in SHIELDS {
            let share = shares.iter().filter(|asked| *asked == url).count();
            assert!((60..=140).contains(&share), "{url} has {share} of 300");
        }
        let [a, b, c] = SHIELDS;
        assert_eq!(
            asked(&upstream(&[c, a, b])),
            shares,
            "another edge's order of them"
        );
        // What the others have stays where it is.
        let down = here.origins().iter().find(|origin| origin.url() == b).unwrap();
        down.health().report(false);
        for (before, now) in shares.iter().zip(asked(&here)) {
            assert_eq!(now == *before, before != b, "{before} {now}");
            assert_ne!(now, b);
        }
    }
}
