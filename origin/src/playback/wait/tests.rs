//! Waiting on simulated time: until it is there, until patience is over, until the show ends, until nobody can sit.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;
use vitrine_packager::media::{AudioConfig, Frame, RenditionId, TrackConfig, TrackKind, WallTime};
use vitrine_packager::presentation::Presentation;
use vitrine_packager::request::{Directives, MediaName, Position};
use vitrine_packager::snapshot::Resolution;
use vitrine_packager::startup::{PackagingSettings, Startup};

use super::{WaitError, WaitingRoom};
use crate::channel::feed::RenditionFeed;

const PATIENCE: Duration = Duration::from_secs(6);

/// A show of sound alone, and how many of its frames were pushed.
struct Show {
    presentation: Presentation,
    frames: i64,
    feed: Arc<RenditionFeed>,
}

impl Show {
    fn frame(number: i64) -> Frame {
        let ms = number * 1024 * 1000 / 48_000;
        Frame {
            track: TrackKind::Audio,
            dts_ms: ms,
            pts_ms: ms,
            is_idr: true,
            data: Bytes::from_static(b"sound"),
            received: WallTime(1_795_530_987_654 + ms),
        }
    }

    /// A show with a whole segment or more.
    fn live() -> Self {
        let settings = PackagingSettings {
            target_duration_s: 2,
            part_target_ms: 333,
            window_s: 60,
        };
        let track = TrackConfig::Audio(AudioConfig {
            // AAC-LC, 48 kHz, stereo.
            asc: Bytes::from_static(&[0x11, 0x90]),
            sample_rate_hz: 48_000,
            channels: 2,
            declared_bitrate_bps: None,
        });
        let mut startup = Startup::new(settings, &[track]).unwrap();
        let mut frames = 0;
        while !startup.push(Self::frame(frames)).unwrap() {
            frames += 1;
        }
        let mut presentation = startup.start(&mut |_| Vec::new()).unwrap();
        while !presentation.is_live() {
            frames += 1;
            presentation
                .push(RenditionId(0), &Self::frame(frames), &mut |_| Vec::new())
                .unwrap();
        }
        let update = presentation.take_updates().pop().unwrap();
        Self {
            presentation,
            frames,
            feed: Arc::new(RenditionFeed::new(Arc::new(update.snapshot))),
        }
    }

    /// Publishes the next part.
    fn go_on(&mut self) {
        loop {
            self.frames += 1;
            let frame = Self::frame(self.frames);
            self.presentation
                .push(RenditionId(0), &frame, &mut |_| Vec::new())
                .unwrap();
            if let Some(update) = self.presentation.take_updates().pop() {
                self.feed.publish(Arc::new(update.snapshot));
                return;
            }
        }
    }

    fn end(&mut self) {
        self.presentation.end(&mut |_| Vec::new()).unwrap();
        let update = self.presentation.take_updates().pop().unwrap();
        self.feed.publish(Arc::new(update.snapshot));
    }

    fn playlist(&self) -> String {
        let Resolution::Ready(playlist) = self.feed.load().resolve(&Directives::default()) else {
            panic!("a plain playlist is always ready");
        };
        String::from_utf8(playlist.plain.to_vec()).unwrap()
    }

    /// The next part's place, and its number in its name.
    fn next(&self) -> (Position, u64) {
        let text = self.playlist();
        let msn = text.matches("#EXTINF:").count() as u64;
        let open = text.rsplit("#EXTINF:").next().unwrap();
        let part = open.matches("#EXT-X-PART:").count() as u64;
        let hint = text.split("TYPE=PART,URI=\"part-").nth(1).unwrap();
        let number = hint.split('.').next().unwrap().parse().unwrap();
        let position = Position {
            msn,
            part: Some(part),
        };
        (position, number)
    }
}

fn wait_for(position: Position) -> Directives {
    Directives {
        wait_for: Some(position),
        ..Directives::default()
    }
}

#[tokio::test(start_paused = true)]
async fn what_never_comes_is_given_up_when_patience_is_over() {
    let show = Show::live();
    let room = WaitingRoom::new(2);
    let (next, number) = show.next();
    let started = Instant::now();
    let answer = room.playlist(&show.feed, &wait_for(next), PATIENCE).await;
    assert_eq!((answer, started.elapsed()), (Err(WaitError::TimedOut), PATIENCE));
    let started = Instant::now();
    let answer = room.media(&show.feed, MediaName::Part(number), PATIENCE).await;
    assert_eq!((answer, started.elapsed()), (Err(WaitError::TimedOut), PATIENCE));
    let far = MediaName::Part(number + 1);
    assert_eq!(
        room.media(&show.feed, far, PATIENCE).await,
        Err(WaitError::Unknown)
    );
    // Those who gave up have freed their seats.
    assert_eq!(room.seats.available_permits(), 2);
}

#[tokio::test(start_paused = true)]
async fn everyone_is_woken_by_the_part_that_they_wait_for() {
    let mut show = Show::live();
    let room = WaitingRoom::new(100);
    let (next, number) = show.next();
    let mut waiters = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let (seat, feed) = (room.clone(), show.feed.clone());
        waiters.spawn(async move { seat.playlist(&feed, &wait_for(next), PATIENCE).await.map(|_| ()) });
        let (seat, feed) = (room.clone(), show.feed.clone());
        let part = MediaName::Part(number);
        waiters.spawn(async move { seat.media(&feed, part, PATIENCE).await.map(|_| ()) });
    }
    while room.seats.available_permits() > 0 {
        tokio::task::yield_now().await;
    }
    let started = Instant::now();
    show.go_on();
    while let Some(woken) = waiters.join_next().await {
        assert_eq!(woken.unwrap(), Ok(()));
    }
    assert_eq!(started.elapsed(), Duration::ZERO);
    assert_eq!(room.seats.available_permits(), 100);
}

#[tokio::test(start_paused = true)]
async fn one_too_many_is_told_so_and_who_leaves_frees_the_seat() {
    let show = Show::live();
    let room = WaitingRoom::new(1);
    let (next, _) = show.next();
    let directives = wait_for(next);
    {
        let mut first = std::pin::pin!(room.playlist(&show.feed, &directives, PATIENCE));
        tokio::select! {
            biased;
            _ = &mut first => panic!("nothing has come"),
            () = std::future::ready(()) => {}
        }
        let second = room.playlist(&show.feed, &directives, PATIENCE).await;
        assert_eq!(second, Err(WaitError::Crowded));
        // What needs no waiting needs no seat.
        let plain = room.playlist(&show.feed, &Directives::default(), PATIENCE).await;
        assert!(plain.is_ok());
    }
    assert_eq!(room.seats.available_permits(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_end_of_the_show_answers_those_who_wait() {
    let mut show = Show::live();
    let room = WaitingRoom::new(2);
    let (next, number) = show.next();
    let waiting = {
        let (room, feed) = (room.clone(), show.feed.clone());
        tokio::spawn(async move {
            let directives = wait_for(Position { part: None, ..next });
            tokio::join!(
                room.playlist(&feed, &directives, PATIENCE),
                room.media(&feed, MediaName::Part(number + 1), PATIENCE)
            )
        })
    };
    while room.seats.available_permits() > 1 {
        tokio::task::yield_now().await;
    }
    show.end();
    let (playlist, part) = waiting.await.unwrap();
    let text = String::from_utf8(playlist.unwrap().plain.to_vec()).unwrap();
    assert!(text.ends_with("#EXT-X-ENDLIST\n"), "{text}");
    assert_eq!(part, Err(WaitError::Unknown));
}

#[tokio::test(start_paused = true)]
async fn sound_has_no_i_frames_and_nobody_waits_for_them() {
    let (show, room) = (Show::live(), WaitingRoom::new(1));
    let begun = Instant::now();
    let answer = room
        .i_frame_playlist(&show.feed, &Directives::default(), PATIENCE)
        .await;
    assert_eq!(answer, Err(WaitError::Unknown));
    assert_eq!(begun.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_a_playlist_is_a_viewer_until_some_parts_after_leaving() {
    let mut show = Show::live();
    let room = WaitingRoom::new(100);
    let (next, number) = show.next();
    let mut waiters = tokio::task::JoinSet::new();
    for _ in 0..5 {
        let (seat, feed) = (room.clone(), show.feed.clone());
        waiters.spawn(async move { seat.playlist(&feed, &wait_for(next), PATIENCE).await.map(|_| ()) });
    }
    // A player that asks for the hinted part besides is no second viewer.
    let (seat, feed) = (room.clone(), show.feed.clone());
    let part = MediaName::Part(number);
    waiters.spawn(async move { seat.media(&feed, part, PATIENCE).await.map(|_| ()) });
    while room.seats.available_permits() > 94 {
        tokio::task::yield_now().await;
    }
    assert_eq!(show.feed.viewers(), 0);
    show.go_on();
    assert_eq!(show.feed.viewers(), 5);
    while waiters.join_next().await.is_some() {}
    // One that gives up between two parts was never there at one.
    let (next, _) = show.next();
    assert!(
        room.playlist(&show.feed, &wait_for(next), PATIENCE)
            .await
            .is_err()
    );
    for expected in [5, 5, 5, 0] {
        show.go_on();
        assert_eq!(show.feed.viewers(), expected);
    }
}
