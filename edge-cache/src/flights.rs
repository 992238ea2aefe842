//! Request collapsing: the objects that are being fetched at this moment, each once (SPEC 100, 231).

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::fill::{Fill, Follower};
use crate::object::Object;
use crate::target::ObjectKey;

/// Each with a lock of its own, held for one look into a table.
const SHARDS: usize = 64;

type Shard = Mutex<HashMap<ObjectKey, Arc<Fill>>>;

/// The fills under way. Bounded: `max` of them. Full: one more is refused.
#[derive(Debug)]
pub struct Flights {
    shards: Box<[Shard]>,
    hasher: RandomState,
    count: AtomicUsize,
    max: usize,
}

/// How a request goes on.
#[derive(Debug)]
pub enum Joined {
    /// It is there by now.
    Kept(Object),
    /// Somebody fetches it already.
    Follows(Follower),
    /// It is to be fetched: the flight is to be given to a filler.
    Leads(Follower, Flight),
    /// Too many objects are being fetched.
    Full,
}

impl Flights {
    /// At most `max` fills at one time.
    pub fn new(max: usize) -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Shard::default()).collect(),
            hasher: RandomState::new(),
            count: AtomicUsize::new(0),
            max,
        }
    }

    /// Follows the fill of `key`, or begins it. `kept` looks into the store: a fill may have ended just now.
    pub fn join(self: &Arc<Self>, key: &ObjectKey, kept: impl FnOnce() -> Option<Object>) -> Joined {
        let mut shard = self.shard(key);
        if let Some(fill) = shard.get(key) {
            return Joined::Follows(fill.follow());
        }
        // A fill is in the store before it leaves this table, and nobody else begins one while the lock is held.
        if let Some(object) = kept() {
            return Joined::Kept(object);
        }
        let full = |count: usize| (count < self.max).then_some(count + 1);
        if self
            .count
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, full)
            .is_err()
        {
            return Joined::Full;
        }
        let fill = Arc::new(Fill::default());
        let follower = fill.follow();
        shard.insert(key.clone(), fill.clone());
        let flight = Flight {
            key: key.clone(),
            fill,
            flights: self.clone(),
        };
        Joined::Leads(follower, flight)
    }

    /// How many objects are being fetched.
    pub fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    fn shard(&self, key: &ObjectKey) -> MutexGuard<'_, HashMap<ObjectKey, Arc<Fill>>> {
        let index = self.hasher.hash_one(key) as usize % self.shards.len();
        // The table is whole at every instant: a panic elsewhere leaves nothing half done.
        self.shards[index].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The right, and the duty, to fill one object. Dropped, however that comes about, the fill has ended.
#[derive(Debug)]
pub struct Flight {
    key: ObjectKey,
    fill: Arc<Fill>,
    flights: Arc<Flights>,
}

impl Flight {
    /// What is being filled.
    pub fn fill(&self) -> &Fill {
        &self.fill
    }

    /// Its name.
    pub fn key(&self) -> &ObjectKey {
        &self.key
    }

    /// Ends the flight if nobody waits for it; nobody can join in between.
    pub fn abandon(&self) -> bool {
        let mut shard = self.flights.shard(&self.key);
        let deserted = self.fill.is_deserted();
        if deserted {
            self.leave(&mut shard);
        }
        deserted
    }

    /// Ends the flight with an object, which is in the store by now if it is to be kept.
    pub fn land(self, object: Object) {
        self.leave(&mut self.flights.shard(&self.key));
        self.fill.complete(object);
    }

    fn leave(&self, shard: &mut HashMap<ObjectKey, Arc<Fill>>) {
        // After `abandon`, another flight of the same name may be there.
        if shard
            .get(&self.key)
            .is_some_and(|fill| Arc::ptr_eq(fill, &self.fill))
        {
            shard.remove(&self.key);
            self.flights.count.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.leave(&mut self.flights.shard(&self.key));
        self.fill.break_off();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use http::StatusCode;

    use super::*;
    use crate::target::Coding;

    fn key(name: &str) -> ObjectKey {
        ObjectKey {
            path_and_query: name.into(),
            coding: Coding::Identity,
        }
    }

    fn object() -> Object {
        Object::problem(StatusCode::NOT_FOUND, "none", Instant::now())
    }

    #[tokio::test]
    async fn the_first_leads_and_the_others_follow_until_it_lands() {
        let flights = Arc::new(Flights::new(10));
        let Joined::Leads(first, flight) = flights.join(&key("/a"), || None) else {
            panic!("the first leads");
        };
        let Joined::Follows(second) = flights.join(&key("/a"), || panic!("no need to look")) else {
            panic!("the second follows");
        };
        assert!(matches!(flights.join(&key("/b"), || None), Joined::Leads(..)));
        flight.land(object());
        assert!(first.whole().await.is_ok());
        assert!(second.whole().await.is_ok());
        assert!(matches!(
            flights.join(&key("/a"), || Some(object())),
            Joined::Kept(_)
        ));
        assert!(matches!(flights.join(&key("/a"), || None), Joined::Leads(..)));
        assert_eq!(flights.count(), 0);
    }

    #[tokio::test]
    async fn a_filler_that_vanishes_leaves_nobody_waiting() {
        let flights = Arc::new(Flights::new(10));
        let Joined::Leads(follower, flight) = flights.join(&key("/a"), || None) else {
            panic!("the first leads");
        };
        drop(flight);
        assert!(follower.whole().await.is_err());
        assert_eq!(flights.count(), 0);
    }

    #[test]
    fn fills_are_bounded() {
        let flights = Arc::new(Flights::new(2));
        let held: Vec<_> = ["/a", "/b"].map(|name| flights.join(&key(name), || None)).into();
        assert!(matches!(flights.join(&key("/c"), || None), Joined::Full));
        assert!(matches!(flights.join(&key("/a"), || None), Joined::Follows(_)));
        drop(held);
        assert!(matches!(flights.join(&key("/c"), || None), Joined::Leads(..)));
    }

    #[test]
    fn only_what_nobody_waits_for_is_abandoned() {
        let flights = Arc::new(Flights::new(10));
        let Joined::Leads(follower, flight) = flights.join(&key("/a"), || None) else {
            panic!("the first leads");
        };
        assert!(!flight.abandon());
        drop(follower);
        assert!(flight.abandon());
        let Joined::Leads(_, next) = flights.join(&key("/a"), || None) else {
            panic!("a new one begins");
        };
        // The old flight's end is not the new one's.
        drop(flight);
        assert_eq!(flights.count(), 1);
        assert!(matches!(flights.join(&key("/a"), || None), Joined::Follows(_)));
        drop(next);
        assert_eq!(flights.count(), 0);
    }
}
