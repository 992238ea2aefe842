//! One track of a viewer: tunes in, then waits for each playlist and each hinted part, as LL-HLS players do.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use http::StatusCode;
use url::Url;

use super::library::{ListedPart, Listing, Object};
use super::link::{Link, LinkError, Reply};
use super::viewer::{Receipt, Viewer};
use crate::conformance::playlist::Position;

/// After an error, a player asks again after this time.
const RETRY: Duration = Duration::from_millis(200);

/// A track on its way through its playlist.
pub struct Track<'a> {
    viewer: &'a Viewer,
    playlists: Link,
    media: Link,
    index: usize,
    tracks: usize,
    /// Media playlists to change between; the first is the present one.
    rungs: Vec<Url>,
    switch_every: Option<Duration>,
    switch_at: Duration,
    listing: Option<Arc<Listing>>,
    init: Option<Arc<str>>,
    /// Place of the newest part that came.
    done: Option<Position>,
}

/// Why a track does not go on at once.
enum Halt {
    /// The show is over.
    Ended,
    /// Something went wrong, and is counted.
    Trouble,
}

/// What became of a hinted part.
enum Hinted {
    /// It came.
    Came(Receipt),
    /// 404: it is a gap, or it was not kept to.
    Missing(u32),
    /// There was none, or another error that is counted.
    Nothing,
}

impl<'a> Track<'a> {
    /// The track of that index among `tracks`; none without a rung.
    pub fn new(
        viewer: &'a Viewer,
        link: &Link,
        (index, tracks): (usize, usize),
        rungs: Vec<Url>,
        switch_every: Option<Duration>,
    ) -> Option<Self> {
        let switch_every = switch_every.filter(|_| rungs.len() > 1);
        (!rungs.is_empty()).then(|| Self {
            viewer,
            playlists: link.twin(),
            media: link.twin(),
            index,
            tracks,
            rungs,
            switch_every,
            switch_at: switch_every.unwrap_or_default(),
            listing: None,
            init: None,
            done: None,
        })
    }

    /// Follows the playlist to its end, or the viewer's.
    pub async fn follow(mut self) {
        while !self.viewer.is_over() {
            let step = match self.listing.clone() {
                None => self.tune_in().await,
                Some(listing) => self.go_on(&listing).await,
            };
            match step {
                Ok(()) => {}
                Err(Halt::Ended) => return,
                Err(Halt::Trouble) => tokio::time::sleep(RETRY).await,
            }
        }
    }

    async fn tune_in(&mut self) -> Result<(), Halt> {
        let url = self.url();
        let reply = self.playlists.playlist(url.path()).await;
        let age_s = reply.as_ref().map_or(0, |reply| reply.age_s.unwrap_or(0));
        let mut listing = self.read("playlist", &url, reply)?;
        // 8216bis appendix C: what came out of a cache is so old; what has been made since is asked for.
        let since = Duration::from_secs(age_s).div_duration_f64(listing.part_target);
        if since >= 1.0 {
            let next = listing.ahead(since as u64);
            let target = self.reload(next, false);
            self.viewer.asks(Object::BlockingPlaylist, &target);
            let reply = self.playlists.playlist(&target).await;
            listing = self.read("playlist", &url, reply)?;
        }
        let wished = listing.first_part().ok_or(Halt::Trouble)?;
        let start_us = listing.parts.get(wished).map_or(0, |part| part.start_us);
        let start_us = self.viewer.start(self.tracks, start_us, listing.part_target);
        let covers = |part: &ListedPart| part.independent && part.start_us <= start_us;
        let first = listing.parts.iter().rposition(covers).unwrap_or(wished);
        self.take_in(&listing, first, None).await;
        self.listing = Some(listing);
        Ok(())
    }

    /// One round: the next playlist and the hinted part are asked for at once, and both are held.
    async fn go_on(&mut self, listing: &Listing) -> Result<(), Halt> {
        let url = self.url();
        let target = self.reload(listing.next, listing.can_skip);
        self.viewer.asks(Object::BlockingPlaylist, &target);
        if let Some((_, path)) = &listing.hint {
            self.viewer.asks(Object::Media, path);
        }
        let asked = Instant::now();
        let media = &mut self.media;
        let hinted = async {
            match &listing.hint {
                Some((_, path)) => Some(media.media(path).await),
                None => None,
            }
        };
        let (hinted, reply) = tokio::join!(hinted, self.playlists.playlist(&target));
        let receipt = match (&listing.hint, hinted) {
            (Some((part, _)), Some(reply)) => self.hinted(*part, asked, reply),
            _ => Hinted::Nothing,
        };
        let newer = self.read("playlist", &url, reply)?;
        if let Hinted::Missing(part) = receipt {
            // 8216bis 6.2.6: a hint may be given up; the playlist tells why.
            match newer.parts.iter().any(|listed| listed.id == part && listed.gap) {
                true => self.viewer.note(|seen| seen.gaps += 1),
                false => self.viewer.error("hinted part: 404".to_owned()),
            }
        }
        let new = |part: &ListedPart| self.done.is_none_or(|done| part.position > done);
        let first = newer.parts.iter().position(new).unwrap_or(newer.parts.len());
        let came = match receipt {
            Hinted::Came(receipt) => Some(receipt),
            Hinted::Missing(_) | Hinted::Nothing => None,
        };
        self.take_in(&newer, first, came).await;
        self.listing = Some(newer);
        self.switch();
        Ok(())
    }

    fn hinted(&self, part: u32, asked: Instant, reply: Result<Reply, LinkError>) -> Hinted {
        if matches!(&reply, Ok(reply) if reply.status == StatusCode::NOT_FOUND) {
            return Hinted::Missing(part);
        }
        self.viewer.replied("hinted part", &reply);
        let Some(reply) = reply.ok().filter(|reply| reply.status == StatusCode::OK) else {
            return Hinted::Nothing;
        };
        let receipt = Receipt {
            part,
            track: self.index,
            asked,
            at: reply.at,
        };
        self.viewer.note(|seen| seen.receipts.push(receipt));
        Hinted::Came(receipt)
    }

    /// Reads a playlist's reply; a session that is gone is tuned in to anew.
    fn read(&mut self, what: &str, url: &Url, reply: Result<Reply, LinkError>) -> Result<Arc<Listing>, Halt> {
        self.viewer.replied(what, &reply);
        let reply = reply.map_err(|_| Halt::Trouble)?;
        match reply.status {
            StatusCode::OK => {}
            StatusCode::NOT_FOUND | StatusCode::GONE if self.listing.is_some() => {
                self.viewer.note(|seen| seen.reloads += 1);
                (self.listing, self.done) = (None, None);
                return Err(Halt::Trouble);
            }
            _ => return Err(Halt::Trouble),
        }
        let Some(listing) = self.viewer.library.listing(url, &reply.body) else {
            self.viewer.error(format!("{what}: without parts or dates"));
            return Err(Halt::Trouble);
        };
        if listing.ended {
            return Err(Halt::Ended);
        }
        Ok(listing)
    }

    /// Takes in listed parts from that index on: the hinted one is there already, gaps are passed over.
    async fn take_in(&mut self, listing: &Listing, first: usize, hinted: Option<Receipt>) {
        if let Some(init) = listing
            .init
            .clone()
            .filter(|init| self.init.as_ref() != Some(init))
        {
            let reply = self.get(&init).await;
            self.viewer.replied("init section", &reply);
            self.init = Some(init);
        }
        for part in listing.parts.iter().skip(first) {
            let came = match hinted.filter(|receipt| receipt.part == part.id) {
                Some(receipt) => {
                    let behind_us = since_1970_us(receipt.at) - part.end_us;
                    self.viewer.note(|seen| seen.behind_us.push(behind_us));
                    receipt.at
                }
                None if part.gap => Instant::now(),
                None => {
                    let reply = self.get(&part.path).await;
                    self.viewer.replied("part", &reply);
                    match reply {
                        Ok(reply) if reply.status == StatusCode::OK => reply.at,
                        _ => continue,
                    }
                }
            };
            self.viewer.extend(self.index, part.end_us, came);
            self.done = Some(part.position);
        }
    }

    async fn get(&mut self, path: &str) -> Result<Reply, LinkError> {
        self.viewer.asks(Object::Media, path);
        self.media.media(path).await
    }

    fn url(&self) -> Url {
        // `new` made sure of the first.
        self.rungs[0].clone()
    }

    /// 8216bis 6.2.5: path and query of the playlist that lists a part, as a delta update where there are some.
    fn reload(&self, (msn, part): Position, skip: bool) -> String {
        let skip = if skip { "&_HLS_skip=YES" } else { "" };
        format!("{}?_HLS_msn={msn}&_HLS_part={part}{skip}", self.url().path())
    }

    /// Changes the rung when it is time, and a segment is complete: the next part is independent.
    fn switch(&mut self) {
        let Some((every, listing)) = self.switch_every.zip(self.listing.as_ref()) else {
            return;
        };
        if self.viewer.watched() < self.switch_at || listing.next.1 != 0 {
            return;
        }
        self.switch_at += every;
        self.rungs.rotate_left(1);
        self.viewer.note(|seen| seen.switches += 1);
        // The rungs are cut at the same places: the other one's next part is at this one's.
        self.listing = Some(Arc::new(Listing {
            parts: Vec::new(),
            hint: None,
            ..(**listing).clone()
        }));
    }
}

/// An instant by this machine's clock, microseconds.
fn since_1970_us(at: Instant) -> i64 {
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(now.saturating_sub(at.elapsed()).as_micros()).unwrap_or(i64::MAX)
}
