//! One object on its way from the origin, and everybody who waits for it.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::watch;

use crate::object::{Head, Object};

/// An object that is being fetched: written by its [`Filler`](crate::filler::Filler) alone, read by any number of
/// followers, without a lock between them. Bounded: the object's bytes, once, whatever the number of followers.
#[derive(Debug)]
pub struct Fill {
    pieces: boxcar::Vec<Bytes>,
    stage: watch::Sender<Stage>,
}

/// How far a fill is.
#[derive(Debug, Clone)]
pub enum Stage {
    /// Nothing has come.
    Asked,
    /// The head and some pieces are there.
    Growing(Arc<Head>),
    /// Everything is there. An error of the edge's own is a whole object too.
    Whole(Object),
    /// The body broke off after some of it was shown, and could not be taken up again.
    Broken,
}

impl Default for Fill {
    fn default() -> Self {
        Self {
            pieces: boxcar::Vec::new(),
            stage: watch::Sender::new(Stage::Asked),
        }
    }
}

impl Fill {
    /// One more who waits.
    pub fn follow(self: &Arc<Self>) -> Follower {
        Follower {
            stage: self.stage.subscribe(),
            fill: self.clone(),
        }
    }

    /// Whether nobody waits.
    pub fn is_deserted(&self) -> bool {
        self.stage.is_closed()
    }

    /// Waits until nobody waits.
    pub async fn deserted(&self) {
        self.stage.closed().await;
    }

    /// Whether it comes in, and may be shown to those who ask later.
    pub fn is_worth_keeping(&self) -> bool {
        match &*self.stage.borrow() {
            Stage::Growing(head) => head.freshness.policy().is_kept(),
            Stage::Asked | Stage::Whole(_) | Stage::Broken => false,
        }
    }

    /// Adds a piece; those who wait are woken by the next stage.
    pub fn push(&self, piece: Bytes) {
        self.pieces.push(piece);
    }

    /// Every piece so far.
    pub fn pieces(&self) -> Arc<[Bytes]> {
        self.pieces.iter().map(|(_, piece)| piece.clone()).collect()
    }

    /// Tells the followers that the head and the pieces pushed so far can be read.
    pub fn grow(&self, head: &Arc<Head>) {
        self.stage.send_replace(Stage::Growing(head.clone()));
    }

    /// Tells the followers that everything is there.
    pub fn complete(&self, object: Object) {
        self.stage.send_replace(Stage::Whole(object));
    }

    /// Tells the followers that no more will come, unless everything is there.
    pub fn break_off(&self) {
        self.stage.send_if_modified(|stage| {
            let unfinished = !matches!(stage, Stage::Whole(_));
            if unfinished {
                *stage = Stage::Broken;
            }
            unfinished
        });
    }
}

/// What a follower can begin to answer with.
#[derive(Debug)]
pub enum Begun {
    /// A whole object.
    Whole(Object),
    /// An object that still grows, from its first piece on.
    Growing(Arc<Head>, Follower),
}

/// The body broke off: what was sent of it must not look whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the origin's answer broke off: ask again")]
pub struct BrokenOff;

/// Somebody who waits for a fill.
#[derive(Debug)]
pub struct Follower {
    stage: watch::Receiver<Stage>,
    fill: Arc<Fill>,
}

impl Follower {
    /// Waits for the head.
    pub async fn begun(mut self) -> Result<Begun, BrokenOff> {
        loop {
            let stage = self.stage.borrow_and_update().clone();
            match stage {
                Stage::Whole(object) => return Ok(Begun::Whole(object)),
                Stage::Growing(head) => return Ok(Begun::Growing(head, self)),
                Stage::Broken => return Err(BrokenOff),
                Stage::Asked => self.stage.changed().await.map_err(|_| BrokenOff)?,
            }
        }
    }

    /// Waits for the whole object.
    pub async fn whole(mut self) -> Result<Object, BrokenOff> {
        let settled = self
            .stage
            .wait_for(|stage| matches!(stage, Stage::Whole(_) | Stage::Broken))
            .await
            .map_err(|_| BrokenOff)?;
        match &*settled {
            Stage::Whole(object) => Ok(object.clone()),
            _ => Err(BrokenOff),
        }
    }

    /// The piece of that index; none after the last.
    pub async fn piece(&mut self, index: usize) -> Option<Result<Bytes, BrokenOff>> {
        loop {
            // What is there can be sent, even if the rest does not come.
            if let Some(piece) = self.fill.pieces.get(index) {
                return Some(Ok(piece.clone()));
            }
            let over = match &*self.stage.borrow_and_update() {
                Stage::Whole(object) => Some(object.pieces.get(index).cloned().map(Ok)),
                Stage::Broken => Some(Some(Err(BrokenOff))),
                Stage::Asked | Stage::Growing(_) => None,
            };
            if let Some(over) = over {
                return over;
            }
            if self.stage.changed().await.is_err() {
                return Some(Err(BrokenOff));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    fn head() -> Arc<Head> {
        let parts = http::Response::new(()).into_parts().0;
        Arc::new(Head::new(parts, Instant::now(), Duration::ZERO))
    }

    #[tokio::test]
    async fn followers_who_come_at_any_stage_read_the_same_bytes() {
        let fill = Arc::new(Fill::default());
        let head = head();
        let mut readers = Vec::new();
        let mut follow = |fill: &Arc<Fill>| {
            let follower = fill.follow();
            readers.push(tokio::spawn(async move {
                let mut text = Vec::new();
                match follower.begun().await.unwrap() {
                    Begun::Whole(object) => object
                        .pieces
                        .iter()
                        .for_each(|piece| text.extend_from_slice(piece)),
                    Begun::Growing(_, mut follower) => {
                        while let Some(piece) = follower.piece(text.len()).await {
                            text.extend_from_slice(&piece.unwrap());
                        }
                    }
                }
                text
            }));
        };
        follow(&fill);
        for piece in ["a", "b", "c"] {
            fill.push(piece.into());
            fill.grow(&head);
            follow(&fill);
            tokio::task::yield_now().await;
        }
        fill.complete(Object::new(head, fill.pieces()));
        follow(&fill);
        for reader in readers {
            assert_eq!(reader.await.unwrap(), b"abc");
        }
    }

    #[tokio::test]
    async fn what_broke_off_never_ends_as_if_it_were_whole() {
        let fill = Arc::new(Fill::default());
        let early = fill.follow();
        fill.push("a".into());
        fill.grow(&head());
        fill.break_off();
        assert_eq!(early.begun().await.unwrap_err(), BrokenOff);
        let mut late = fill.follow();
        assert_eq!(late.piece(0).await, Some(Ok("a".into())));
        assert_eq!(late.piece(1).await, Some(Err(BrokenOff)));
        assert_eq!(late.whole().await.unwrap_err(), BrokenOff);
    }

    #[tokio::test]
    async fn breaking_off_after_the_end_changes_nothing() {
        let fill = Arc::new(Fill::default());
        fill.complete(Object::new(head(), Arc::new([])));
        fill.break_off();
        assert!(fill.follow().whole().await.is_ok());
    }

    #[tokio::test]
    async fn a_fill_knows_when_it_is_deserted() {
        let fill = Arc::new(Fill::default());
        let (one, two) = (fill.follow(), fill.follow());
        drop(one);
        assert!(!fill.is_deserted());
        drop(two);
        fill.deserted().await;
        let three = fill.follow();
        assert!(!fill.is_deserted());
        drop(three);
    }
}
