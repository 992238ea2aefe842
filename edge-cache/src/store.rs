//! The cache: bounded by bytes, in two parts, so that neither a crowd at the live edge nor a crawler in the archive
//! throws out what the other viewers are about to ask for.
//!
//! ```text
//! new object ─► recent (a quarter, least recently used goes) ─► kept (the rest, admits by frequency: TinyLFU)
//! ```
//!
//! TinyLFU alone would not admit a part that is one second old, as nothing is known of it yet; a queue alone would let
//! a reader of old segments push out everything. So each object has its time in `recent`, and what leaves that goes on
//! only if it was asked for more often than what it would replace.

use std::time::{Duration, Instant};

use moka::Expiry;
use moka::notification::RemovalCause;
use moka::policy::EvictionPolicy;
use moka::sync::Cache;

use crate::object::Object;
use crate::target::ObjectKey;

/// The part of the bytes that new objects have for themselves: one in so many.
const RECENT_SHARE: u64 = 4;

/// The objects that are kept. Bounded: bytes, overhead included. Full: see the module.
#[derive(Debug, Clone)]
pub struct Store {
    recent: Cache<ObjectKey, Object>,
    kept: Cache<ObjectKey, Object>,
}

impl Store {
    /// A store of so many bytes.
    pub fn new(max_bytes: u64) -> Self {
        let recent_bytes = max_bytes / RECENT_SHARE;
        let kept = bounded(max_bytes - recent_bytes).build();
        let demoted = kept.clone();
        let recent = bounded(recent_bytes)
            .eviction_policy(EvictionPolicy::lru())
            .eviction_listener(move |key: std::sync::Arc<ObjectKey>, object, cause| {
                if cause == RemovalCause::Size {
                    demoted.insert((*key).clone(), object);
                }
            })
            .build();
        Self { recent, kept }
    }

    /// The object, if it may be shown.
    pub fn fresh(&self, key: &ObjectKey, now: Instant) -> Option<Object> {
        self.look_up(key)
            .filter(|object| object.head.freshness.is_fresh(now))
    }

    /// The object, if it is better than an error.
    pub fn stale(&self, key: &ObjectKey, now: Instant) -> Option<Object> {
        self.look_up(key)
            .filter(|object| object.head.freshness.beats_an_error(now))
    }

    fn look_up(&self, key: &ObjectKey) -> Option<Object> {
        // In this order, so that `kept` counts how often a recent object is asked for.
        self.kept.get(key).or_else(|| self.recent.get(key))
    }

    /// Keeps an object, in place of an older one of its name.
    pub fn insert(&self, key: ObjectKey, object: Object) {
        self.kept.invalidate(&key);
        self.recent.insert(key, object);
        // At once: moka would let hundreds of objects more in before it looks at the bound again.
        self.recent.run_pending_tasks();
        self.kept.run_pending_tasks();
    }

    /// What is kept: objects, and their bytes with overhead.
    pub fn size(&self) -> (u64, u64) {
        (
            self.recent.entry_count() + self.kept.entry_count(),
            self.recent.weighted_size() + self.kept.weighted_size(),
        )
    }
}

fn bounded(bytes: u64) -> moka::sync::CacheBuilder<ObjectKey, Object, Cache<ObjectKey, Object>> {
    Cache::builder()
        .max_capacity(bytes)
        .weigher(|_: &ObjectKey, object: &Object| object.weight())
        .expire_after(WhenUseless)
}

/// An object leaves when it may not even be shown instead of an error.
struct WhenUseless;

impl Expiry<ObjectKey, Object> for WhenUseless {
    fn expire_after_create(&self, _: &ObjectKey, object: &Object, now: Instant) -> Option<Duration> {
        Some(object.head.freshness.useful_for(now))
    }

    fn expire_after_update(
        &self,
        _: &ObjectKey,
        object: &Object,
        now: Instant,
        _: Option<Duration>,
    ) -> Option<Duration> {
        Some(object.head.freshness.useful_for(now))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;

    use super::*;
    use crate::object::Head;
    use crate::target::Coding;

    const PIECE: usize = 100_000;
    const MAX: u64 = 8_000_000;

    fn key(name: &str) -> ObjectKey {
        ObjectKey {
            path_and_query: name.into(),
            coding: Coding::Identity,
        }
    }

    fn object(now: Instant, cache_control: &str) -> Object {
        let answer = http::Response::builder()
            .header("cache-control", cache_control)
            .body(())
            .unwrap();
        let head = Head::new(answer.into_parts().0, now, Duration::ZERO);
        Object::new(Arc::new(head), Arc::new([Bytes::from(vec![0; PIECE])]))
    }

    const FOR_EVER: &str = "public, max-age=31536000, immutable";

    #[test]
    fn bytes_are_bounded_whatever_comes() {
        let store = Store::new(MAX);
        let now = Instant::now();
        for number in 0..1000 {
            store.insert(key(&format!("/{number}")), object(now, FOR_EVER));
            let (_, bytes) = store.size();
            assert!(bytes <= MAX, "{bytes} after {number}");
        }
        let (objects, bytes) = store.size();
        assert!(
            bytes > MAX * 3 / 4,
            "only {objects} objects, {bytes} bytes are kept"
        );
    }

    #[test]
    fn a_crawler_of_old_segments_does_not_throw_out_what_viewers_watch() {
        let store = Store::new(MAX);
        let now = Instant::now();
        // Something to fill the cache with: asked for twice each.
        for number in 0..200 {
            let name = key(&format!("/earlier/{number}"));
            store.insert(name.clone(), object(now, FOR_EVER));
            let _ = store.fresh(&name, now);
        }
        // Five viewers watch ten parts while a crawler reads thirty old segments for each part, once.
        let mut crawled = 0;
        for part in 0..10 {
            let part = key(&format!("/live/{part}"));
            for viewer in 0..5 {
                if viewer == 0 {
                    assert!(store.fresh(&part, now).is_none());
                    store.insert(part.clone(), object(now, FOR_EVER));
                } else {
                    assert!(store.fresh(&part, now).is_some(), "{part} for viewer {viewer}");
                }
                for _ in 0..6 {
                    let old = key(&format!("/old/{crawled}"));
                    assert!(store.fresh(&old, now).is_none());
                    store.insert(old, object(now, FOR_EVER));
                    crawled += 1;
                }
            }
        }
        // Viewers who are behind still find every part; of what the crawler read, little is left.
        for part in 0..10 {
            assert!(
                store.fresh(&key(&format!("/live/{part}")), now).is_some(),
                "part {part}"
            );
        }
        let left = (0..crawled)
            .filter(|number| store.fresh(&key(&format!("/old/{number}")), now).is_some())
            .count();
        assert!(left < crawled / 4, "{left} of {crawled} old segments are left");
    }

    #[test]
    fn a_part_asked_for_once_stays_while_a_full_cache_gets_its_successors() {
        let store = Store::new(MAX);
        let now = Instant::now();
        // Everything that is kept was popular once.
        for number in 0..80 {
            let name = key(&format!("/popular/{number}"));
            store.insert(name.clone(), object(now, FOR_EVER));
            for _ in 0..10 {
                let _ = store.fresh(&name, now);
            }
        }
        for part in 0..100_u32 {
            let name = key(&format!("/live/{part}"));
            let _ = store.fresh(&name, now);
            store.insert(name, object(now, FOR_EVER));
            // A second viewer is five parts behind.
            if let Some(behind) = part.checked_sub(5) {
                assert!(
                    store.fresh(&key(&format!("/live/{behind}")), now).is_some(),
                    "part {behind}"
                );
            }
        }
    }

    #[test]
    fn nothing_is_shown_beyond_its_life() {
        let store = Store::new(MAX);
        let now = Instant::now();
        store.insert(key("/a"), object(now, "max-age=10"));
        store.insert(key("/b"), object(now, "max-age=10, stale-if-error=20"));
        let (soon, later) = (now + Duration::from_secs(9), now + Duration::from_secs(10));
        assert!(store.fresh(&key("/a"), soon).is_some());
        assert!(store.fresh(&key("/a"), later).is_none());
        assert!(store.stale(&key("/a"), later).is_none());
        assert!(store.fresh(&key("/b"), later).is_none());
        assert!(store.stale(&key("/b"), later).is_some());
    }

    #[test]
    fn a_new_object_replaces_the_old_one_wherever_that_is() {
        let store = Store::new(MAX);
        let now = Instant::now();
        let old = object(now, "max-age=10");
        store.insert(key("/a"), old);
        // Pushed on into `kept`.
        for number in 0..40 {
            store.insert(key(&format!("/{number}")), object(now, FOR_EVER));
        }
        let later = now + Duration::from_secs(20);
        store.insert(key("/a"), object(later, "max-age=10"));
        assert!(store.fresh(&key("/a"), later).is_some());
    }
}
