//! The player's model: what is buffered, where the playhead is, when it stood still. Pure: times come in.

use std::time::{Duration, Instant};

/// Playback that stood still, as the buffer had run out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stall {
    /// When it began.
    pub at: Instant,
    /// For how long.
    pub length: Duration,
}

/// A player's buffer and playhead. Media times are in microseconds since 1970, by EXT-X-PROGRAM-DATE-TIME.
#[derive(Debug, Clone)]
pub struct Playhead {
    /// Where playback starts.
    start_us: i64,
    /// What a player wants ahead of it before it begins.
    lead_us: u64,
    /// End of what each track has without a hole; the start, as long as nothing has come.
    ends_us: Vec<i64>,
    /// When the playhead was, or would have been without a stall, at the start.
    began: Option<Instant>,
    stalls: Vec<Stall>,
}

impl Playhead {
    /// Playback of so many tracks that starts at that media time, once every track has `lead` from there on: the first part
    /// may end just behind the start, and no player begins on so little.
    pub fn new(tracks: usize, start_us: i64, lead: Duration) -> Self {
        Self {
            start_us,
            lead_us: u64::try_from(lead.as_micros()).unwrap_or(u64::MAX),
            ends_us: vec![start_us; tracks],
            began: None,
            stalls: Vec::new(),
        }
    }

    /// Where playback starts.
    pub fn start_us(&self) -> i64 {
        self.start_us
    }

    /// A track has media up to `end_us` since `now`; the stall that this ends, if it ends one.
    pub fn extend(&mut self, track: usize, end_us: i64, now: Instant) -> Option<Stall> {
        let buffered_us = self.buffered_us();
        let stall = self.ran_out(now);
        if let Some(end) = self.ends_us.get_mut(track) {
            *end = end_us.max(*end);
        }
        let unchanged = self.buffered_us() == buffered_us;
        if unchanged || (self.began.is_none() && self.buffered_us() < self.lead_us) {
            return None;
        }
        // After a stall, the element goes on from where it stood as soon as every track has something to show.
        let stood = stall.map_or(Duration::ZERO, |stall| stall.length);
        self.began = Some(self.began.map_or(now, |began| began + stood));
        self.stalls.extend(stall);
        stall
    }

    /// What all tracks have together, in microseconds from the start on.
    fn buffered_us(&self) -> u64 {
        let end = self.ends_us.iter().min().copied().unwrap_or(self.start_us);
        u64::try_from(end - self.start_us).unwrap_or(0)
    }

    /// The stall that lasts at `now`, if there is one.
    fn ran_out(&self, now: Instant) -> Option<Stall> {
        let at = self.began? + Duration::from_micros(self.buffered_us());
        let length = now
            .checked_duration_since(at)
            .filter(|length| !length.is_zero())?;
        Some(Stall { at, length })
    }

    /// When playback began.
    pub fn began(&self) -> Option<Instant> {
        let stood: Duration = self.stalls.iter().map(|stall| stall.length).sum();
        self.began.map(|began| began - stood)
    }

    /// Every stall, the one that lasts at `now` included.
    pub fn stalls(&self, now: Instant) -> Vec<Stall> {
        self.stalls.iter().copied().chain(self.ran_out(now)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PART_US: i64 = 300_000;

    /// Each part of a track comes at its time, in milliseconds; what the model says of stalls, in milliseconds too.
    fn stalls(video_ms: &[u64], audio_ms: &[u64], end_ms: u64) -> Vec<(u64, u64)> {
        let zero = Instant::now();
        let at = |ms: u64| zero + Duration::from_millis(ms);
        let mut arrivals: Vec<_> = video_ms.iter().enumerate().map(|(n, ms)| (*ms, 0, n)).collect();
        arrivals.extend(audio_ms.iter().enumerate().map(|(n, ms)| (*ms, 1, n)));
        arrivals.sort_unstable();
        let mut playhead = Playhead::new(2, 0, Duration::ZERO);
        for (ms, track, number) in arrivals {
            playhead.extend(track, PART_US * (number as i64 + 1), at(ms));
        }
        let since = |instant: Instant| (instant - zero).as_millis() as u64;
        playhead
            .stalls(at(end_ms))
            .iter()
            .map(|stall| (since(stall.at), stall.length.as_millis() as u64))
            .collect()
    }

    #[test]
    fn the_playhead_stands_when_the_slower_track_has_run_out() {
        let steady = [0, 0, 0, 300, 600, 900, 1200];
        type Row<'a> = (&'a [u64], &'a [u64], u64, &'a [(u64, u64)]);
        let table: [Row<'_>; 6] = [
            (&steady, &steady, 1500, &[]),
            // Exactly in time.
            (&[0, 300, 600], &steady, 900, &[]),
            // The second part is 40 ms late, the next ones are as well: playback has moved by as much.
            (&[0, 340, 640, 940], &[0, 0, 0, 0, 0], 1000, &[(300, 40)]),
            // Audio is late at another place than video.
            (&[0, 310, 700], &[0, 0, 0, 0], 900, &[(300, 10), (610, 90)]),
            (&[0, 0, 0, 0], &[0, 0, 650], 900, &[(600, 50)]),
            // Nothing more comes.
            (&[0], &[0], 1000, &[(300, 700)]),
        ];
        for (video, audio, end, expected) in table {
            assert_eq!(stalls(video, audio, end), expected, "{video:?} {audio:?}");
        }
    }

    #[test]
    fn playback_begins_when_every_track_has_its_lead() {
        let zero = Instant::now();
        let at = |ms: u64| zero + Duration::from_millis(ms);
        let mut playhead = Playhead::new(2, 1_000_000, Duration::from_millis(300));
        playhead.extend(0, 1_300_000, at(10));
        assert_eq!(playhead.began(), None);
        // What lies before the start is nothing to show.
        playhead.extend(1, 1_000_000, at(20));
        assert_eq!(playhead.began(), None);
        playhead.extend(1, 1_299_000, at(25));
        assert_eq!(playhead.began(), None);
        playhead.extend(1, 1_300_000, at(30));
        assert_eq!(playhead.began(), Some(at(30)));
        playhead.extend(0, 1_600_000, at(400));
        playhead.extend(1, 1_600_000, at(400));
        assert_eq!(
            playhead.began(),
            Some(at(30)),
            "a stall does not move the beginning"
        );
        assert_eq!(playhead.stalls(at(400)).len(), 1);
    }
}
