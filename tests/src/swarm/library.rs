//! Playlists read once for all viewers: a thousand get the same bytes, and must not keep the machine busy with parsing.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use moka::sync::Cache;
use url::Url;

use super::link::Packed;
use crate::conformance::findings::Findings;
use crate::conformance::playlist::{MediaPlaylist, Position, Segment};

/// A part that a playlist lists.
#[derive(Debug, Clone)]
pub struct ListedPart {
    /// Its place.
    pub position: Position,
    /// Its number in the library: the same wherever it is listed.
    pub id: u32,
    /// Path of its URL.
    pub path: Arc<str>,
    /// PDT of its first frame, microseconds.
    pub start_us: i64,
    /// PDT of its end, microseconds.
    pub end_us: i64,
    /// INDEPENDENT=YES.
    pub independent: bool,
    /// GAP=YES, or in a segment that is a gap.
    pub gap: bool,
}

/// What a viewer needs of one version of a media playlist.
#[derive(Debug, Clone)]
pub struct Listing {
    /// Listed parts, oldest first.
    pub parts: Vec<ListedPart>,
    /// The place of the part to come.
    pub next: Position,
    /// The part that is hinted at: its number and path.
    pub hint: Option<(u32, Arc<str>)>,
    /// Path of the init section in force at the end.
    pub init: Option<Arc<str>>,
    /// PART-HOLD-BACK, microseconds.
    pub part_hold_back_us: i64,
    /// PART-TARGET.
    pub part_target: Duration,
    /// CAN-SKIP-UNTIL is there.
    pub can_skip: bool,
    /// EXT-X-ENDLIST.
    pub ended: bool,
}

impl Listing {
    /// The place so many parts behind the next one, if segments go on as long as the last whole one was.
    pub fn ahead(&self, parts: u64) -> Position {
        let (msn, next) = self.next;
        let last_whole = self.parts.iter().filter(|part| part.position.0 + 1 == msn);
        let in_segment = (last_whole.count() as u64).max(next.saturating_add(1));
        let part = next.saturating_add(parts);
        (msn.saturating_add(part / in_segment), part % in_segment)
    }

    /// The first part that a player plays: independent, at least PART-HOLD-BACK behind the end if there is one.
    pub fn first_part(&self) -> Option<usize> {
        let live_us = self.parts.last()?.end_us - self.part_hold_back_us;
        let starts = |part: &ListedPart| part.independent && !part.gap;
        self.parts
            .iter()
            .rposition(|part| starts(part) && part.start_us <= live_us)
            .or_else(|| self.parts.iter().position(starts))
    }
}

/// What all viewers of a swarm know together.
#[derive(Debug)]
pub struct Library {
    /// Bounded: versions in use at one time. Full, or after some seconds: read anew.
    listings: Cache<u64, Option<Arc<Listing>>>,
    ids: Mutex<HashMap<Arc<str>, u32>>,
    /// Hashes of the URLs of held requests, by kind.
    asked: Mutex<[HashSet<u64>; 2]>,
    hasher: RandomState,
}

/// What of an origin's objects is asked for once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Object {
    /// Init sections, parts, segments.
    Media,
    /// Playlists that were waited for.
    BlockingPlaylist,
}

impl Default for Library {
    fn default() -> Self {
        Self {
            listings: Cache::builder()
                .max_capacity(10_000)
                .time_to_live(Duration::from_secs(30))
                .build(),
            ids: Mutex::default(),
            asked: Mutex::default(),
            hasher: RandomState::new(),
        }
    }
}

impl Library {
    /// Reads a media playlist fetched from `url`; `None` if it is none with parts and dates.
    pub fn listing(&self, url: &Url, body: &Packed) -> Option<Arc<Listing>> {
        let key = self.hasher.hash_one((url.path(), body.sent()));
        self.listings.get_with(key, || {
            let text = body.unpacked().ok()?;
            self.read(url, &String::from_utf8_lossy(&text)).map(Arc::new)
        })
    }

    fn read(&self, url: &Url, text: &str) -> Option<Listing> {
        let playlist = MediaPlaylist::parse(text, &mut Findings::default());
        let control = playlist.server_control.as_ref()?;
        let path = |uri: &str| Some(Arc::<str>::from(url.join(uri).ok()?.path()));
        let hint = playlist.hinted_part().and_then(path);
        Some(Listing {
            parts: self.parts(&playlist, path)?,
            next: playlist.next(),
            hint: hint.map(|path| (self.id(&path), path)),
            init: playlist
                .segments
                .last()
                .and_then(|last| path(last.map.as_deref()?)),
            part_hold_back_us: micros(control.seconds("PART-HOLD-BACK")?),
            part_target: playlist.part_target.filter(|target| !target.is_zero())?,
            can_skip: control.raw("CAN-SKIP-UNTIL").is_some(),
            ended: playlist.ended,
        })
    }

    fn parts(
        &self,
        playlist: &MediaPlaylist,
        path: impl Fn(&str) -> Option<Arc<str>>,
    ) -> Option<Vec<ListedPart>> {
        let mut parts = Vec::new();
        for segment in &playlist.segments {
            let Segment { msn, gap, .. } = *segment;
            let Some(mut start_us) = segment.pdt_us else {
                continue;
            };
            for (number, part) in (0..).zip(&segment.parts) {
                let path = path(&part.uri)?;
                let end_us = start_us + micros(part.duration);
                parts.push(ListedPart {
                    position: (msn, number),
                    id: self.id(&path),
                    path,
                    start_us,
                    end_us,
                    independent: part.independent,
                    gap: gap || part.gap,
                });
                start_us = end_us;
            }
        }
        Some(parts)
    }

    fn id(&self, path: &Arc<str>) -> u32 {
        let mut ids = lock(&self.ids);
        let next = u32::try_from(ids.len()).unwrap_or(u32::MAX);
        *ids.entry(path.clone()).or_insert(next)
    }

    /// Notes that somebody asks for an object.
    pub fn ask(&self, object: Object, url: &str) {
        let hash = self.hasher.hash_one(url);
        lock(&self.asked)[object as usize].insert(hash);
    }

    /// How many different objects of that kind were asked for.
    pub fn asked(&self, object: Object) -> usize {
        lock(&self.asked)[object as usize].len()
    }
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAYLIST: &str = "#EXTM3U
#EXT-X-VERSION:9
#EXT-X-TARGETDURATION:2
#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=1.5,CAN-SKIP-UNTIL=12.0
#EXT-X-PART-INF:PART-TARGET=0.5
#EXT-X-MEDIA-SEQUENCE:7
#EXT-X-MAP:URI=\"init-0.mp4\"
#EXT-X-PROGRAM-DATE-TIME:2026-01-01T00:00:00.000Z
#EXT-X-PART:DURATION=0.50000,URI=\"part-28.m4s\",INDEPENDENT=YES
#EXT-X-PART:DURATION=0.50000,URI=\"part-29.m4s\"
#EXT-X-PART:DURATION=0.50000,URI=\"part-30.m4s\",GAP=YES
#EXT-X-PART:DURATION=0.50000,URI=\"part-31.m4s\"
#EXTINF:2.00000,
seg-7.m4s
#EXT-X-PROGRAM-DATE-TIME:2026-01-01T00:00:02.000Z
#EXT-X-PART:DURATION=0.50000,URI=\"part-32.m4s\",INDEPENDENT=YES
#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"part-33.m4s\"
";

    #[test]
    fn a_listing_tells_each_parts_place_and_time() {
        let library = Library::default();
        let url = Url::parse("http://a.example/live/demo/s1/video/index.m3u8?_HLS_msn=8").unwrap();
        let listing = library.listing(&url, &PLAYLIST.into()).unwrap();
        assert_eq!(listing.next, (8, 1));
        assert_eq!(listing.parts.len(), 5);
        let part = &listing.parts[3];
        assert_eq!(&*part.path, "/live/demo/s1/video/part-31.m4s");
        assert_eq!(part.position, (7, 3));
        assert_eq!(part.end_us - listing.parts[0].start_us, 2_000_000);
        assert!(listing.parts[2].gap);
        assert_eq!(listing.init.as_deref(), Some("/live/demo/s1/video/init-0.mp4"));
        assert_eq!(
            &*listing.hint.as_ref().unwrap().1,
            "/live/demo/s1/video/part-33.m4s"
        );
        // 1.5 s behind the end is the middle of the first segment.
        assert_eq!(listing.first_part(), Some(0));
        // The last whole segment had four parts.
        for (parts, expected) in [(0, (8, 1)), (2, (8, 3)), (3, (9, 0)), (8, (10, 1))] {
            assert_eq!(listing.ahead(parts), expected, "{parts} ahead");
        }
        // The hint's number is the part's when it is listed.
        let later = PLAYLIST.replace(
            "#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"part-33.m4s\"",
            "#EXT-X-PART:DURATION=0.50000,URI=\"part-33.m4s\"",
        );
        let later = library.listing(&url, &later.into()).unwrap();
        assert_eq!(later.parts[5].id, listing.hint.as_ref().unwrap().0);
        assert!(library.listing(&url, &"#EXTM3U\n".into()).is_none());
    }
}
