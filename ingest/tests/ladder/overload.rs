//! A machine that is too slow for the ladder, at the speed of the show.

use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use vitrine_ingest::ladder::{IdrGrid, Ladder, LadderOutput, RungSettings};
use vitrine_packager::media::{Frame, RenditionId, TrackKind};

use crate::run::{Made, PATIENCE, drain, passed, plan, rung};
use crate::source::{Encoded, encode, words};

/// What comes at once at most: a camera stands still with the machine that it is on.
const BURST: Duration = Duration::from_millis(250);

/// A source at the speed of its own stamps, over and over.
struct Live {
    source: Encoded,
    begun: Instant,
    looked: Instant,
    next: usize,
    round_ms: i64,
    following: Option<Encoded>,
}

impl Live {
    fn new(source: Encoded) -> Self {
        Self {
            source,
            begun: Instant::now(),
            looked: Instant::now(),
            next: 0,
            round_ms: 0,
            following: None,
        }
    }

    /// The frames that are due by now.
    fn due(&mut self) -> Vec<Frame> {
        let mut due = Vec::new();
        self.begun += self.looked.elapsed().saturating_sub(BURST);
        self.looked = Instant::now();
        let now_ms = self.begun.elapsed().as_millis() as i64;
        loop {
            let frame = &self.source.frames[self.next];
            if frame.dts_ms + self.round_ms > now_ms {
                return due;
            }
            due.push(Frame {
                dts_ms: frame.dts_ms + self.round_ms,
                pts_ms: frame.pts_ms + self.round_ms,
                ..frame.clone()
            });
            self.next += 1;
            if self.next == self.source.frames.len() {
                self.next = 0;
                self.round_ms += length_ms(&self.source);
                if let Some(following) = self.following.take() {
                    self.source = following;
                }
            }
        }
    }

    /// Another source follows when this one is at its end.
    fn is_followed_by(&mut self, source: Encoded) {
        self.following = Some(source);
    }
}

fn length_ms(source: &Encoded) -> i64 {
    let shown = source.shown();
    let last = shown[shown.len() - 1];
    2 * last - shown[shown.len() - 2]
}

fn source(picture: &str) -> Encoded {
    encode(
        &words(&format!(
            "-f lavfi -i {picture} -f lavfi -i aevalsrc=0.5*sin(2000*PI*t):s=48000 -t 4 -c:v libx264 -preset ultrafast -tune zerolatency -g 30 -pix_fmt yuv420p -c:a aac"
        )),
        "mp4",
    )
}

/// Plays until `until` says so; notes what was passed through.
fn play(
    live: &mut Live,
    ladder: &mut Ladder,
    outputs: &mut mpsc::Receiver<LadderOutput>,
    made: &mut Made,
    until: impl Fn(&Made) -> bool,
) -> usize {
    let deadline = Instant::now() + PATIENCE;
    let mut passed = 0;
    while !until(made) {
        assert!(
            Instant::now() < deadline,
            "not in time: {:?}, {:?}",
            made.shed,
            ladder.stats()
        );
        for frame in live.due() {
            let of = ladder.push(&frame);
            if frame.track == TrackKind::Video {
                assert_eq!(
                    of,
                    Some(RenditionId(0)),
                    "the source is passed through whatever happens"
                );
                passed += 1;
            }
        }
        drain(outputs, made);
        std::thread::sleep(Duration::from_millis(2));
    }
    passed
}

/// Which rungs are off by now, from the top; whatever was said so far, only the highest that was on ever went, and only the
/// lowest that was off came back.
fn off(made: &Made, from_the_top: [RenditionId; 2]) -> Vec<RenditionId> {
    let mut off = Vec::new();
    for (rung, is_shed) in &made.shed {
        if *is_shed {
            assert_eq!(from_the_top.get(off.len()), Some(rung), "{:?}", made.shed);
            off.push(*rung);
        } else {
            assert_eq!(off.pop(), Some(*rung), "{:?}", made.shed);
        }
    }
    off
}

#[test]
fn rungs_are_shed_from_the_top_and_come_back_when_the_load_is_gone() {
    // No machine encodes noise with the slowest preset in real time, every one decodes it; black is little work with any.
    let (hard, easy) = (
        source("nullsrc=s=640x360:r=20,geq=random(1)*255:128:128"),
        source("color=black:s=640x360:r=20"),
    );
    let slow = |height| RungSettings {
        name: Some(format!("slow-{height}")),
        preset: Some("placebo".into()),
        bitrate_kbps: Some(8000),
        ..rung(height)
    };
    let plan = plan(&hard, vec![passed(), slow(360), slow(340), rung(64)], vec![64]);
    let (mut ladder, mut outputs) = Ladder::start(&plan, &hard.tracks, IdrGrid::Source).unwrap();
    let mut made = Made::default();
    let mut live = Live::new(hard);
    let (top, next, lowest) = (RenditionId(1), RenditionId(2), RenditionId(3));
    play(&mut live, &mut ladder, &mut outputs, &mut made, |made| {
        off(made, [top, next]) == [top, next]
    });
    assert!(ladder.stats().rungs()[0].is_shed() && !ladder.stats().rungs()[2].is_shed());

    // What is left keeps up, and the lowest rung stays.
    let frames = |made: &Made, id: RenditionId| made.frames.get(&id).map_or(0, Vec::len);
    let before = frames(&made, lowest);
    play(&mut live, &mut ladder, &mut outputs, &mut made, |made| {
        frames(made, lowest) >= before + 60
    });
    let shed_frames = (frames(&made, top), frames(&made, next));

    live.is_followed_by(easy);
    // A machine that has other things to do may shed a rung again before all are there: they come back then, too.
    play(&mut live, &mut ladder, &mut outputs, &mut made, |made| {
        off(made, [top, next]).is_empty() && frames(made, top) > shed_frames.0 + 30
    });
    assert!(!ladder.stats().rungs()[0].is_shed());
    for (id, count) in [(top, shed_frames.0), (next, shed_frames.1)] {
        let frames = &made.frames[&id];
        assert!(frames[count].is_idr, "it comes back with an IDR");
        let lowest_idrs = made.idrs(lowest.0);
        assert!(
            lowest_idrs.contains(&frames[count].pts_ms),
            "at which the others have one"
        );
        assert!(frames.windows(2).all(|pair| pair[0].pts_ms < pair[1].pts_ms));
    }
    // The audio never noticed (where the source begins again, its stamps step by less than a frame).
    let audio: Vec<i64> = made.stamps(4);
    let steps = audio.windows(2).map(|pair| pair[1] - pair[0]);
    assert!(
        steps.clone().all(|step| (1..=45).contains(&step)),
        "{:?}",
        steps.collect::<Vec<_>>()
    );
}

#[test]
fn the_burst_of_a_start_sheds_nothing() {
    let source = source("testsrc2=s=320x180:r=30");
    let plan = plan(&source, vec![passed(), rung(90), rung(64)], vec![]);
    let (mut ladder, mut outputs) = Ladder::start(&plan, &source.tracks, IdrGrid::Source).unwrap();
    let mut made = Made::default();
    let mut live = Live::new(source);
    // Two seconds are there at once, as after a first group of pictures.
    live.begun = Instant::now().checked_sub(Duration::from_secs(2)).unwrap();
    let played = |made: &Made| made.frames.get(&RenditionId(2)).map_or(0, Vec::len) >= 180;
    play(&mut live, &mut ladder, &mut outputs, &mut made, played);
    assert_eq!((made.shed.len(), ladder.stats().dropped()), (0, 0));
}

#[test]
fn a_channel_that_does_not_read_stops_the_ladder_and_nothing_else() {
    let source = source("testsrc2=s=320x180:r=30");
    let plan = plan(&source, vec![passed(), rung(90)], vec![64]);
    let (mut ladder, mut outputs) = Ladder::start(&plan, &source.tracks, IdrGrid::Source).unwrap();
    let shifted = |frame: &Frame, round: i64| Frame {
        dts_ms: frame.dts_ms + round * 4000,
        pts_ms: frame.pts_ms + round * 4000,
        ..frame.clone()
    };
    // A minute of video: more than all queues hold.
    for round in 0..15 {
        for frame in &source.frames {
            ladder.push(&shifted(frame, round));
        }
    }
    assert!(ladder.backlog() <= 512);
    assert!(ladder.stats().dropped() > 0, "frames were left out, and counted");
    // It goes on when it is read again, with an IDR.
    let mut made = Made::default();
    for round in 15..17 {
        for frame in &source.frames {
            let deadline = Instant::now() + PATIENCE;
            while ladder.backlog() > 3 {
                drain(&mut outputs, &mut made);
                assert!(Instant::now() < deadline);
                std::thread::sleep(Duration::from_micros(200));
            }
            ladder.push(&shifted(frame, round));
        }
    }
    ladder.finish();
    crate::run::finish(&mut outputs, &mut made);
    let stamps = made.stamps(1);
    assert!(stamps.windows(2).all(|pair| pair[0] < pair[1]));
    assert_eq!(stamps.last(), Some(&(16 * 4000 + source.shown()[119])));
    let hole = stamps.windows(2).position(|pair| pair[1] - pair[0] > 40).unwrap();
    let after_it = stamps[hole + 1];
    assert!(after_it <= 61_000, "{after_it}");
    assert!(made.idrs(1).contains(&after_it), "{after_it}");
}
