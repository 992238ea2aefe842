//! Ladders to try the laws on: rungs that lag behind the source, lose frames, are shed and come back.

use proptest::collection::vec;
use proptest::prelude::*;
use vitrine_packager::media::{Frame, FrameRate, RenditionId, TrackConfig, TrackKind, VideoConfig};
use vitrine_packager::opening::{RenditionConfig, Renditions};
use vitrine_packager::startup::{PackagingSettings, Startup};

use crate::common::{Encoder, Session};

/// Name of the rendition that is the source's video.
pub const SOURCE: &str = "video-720p";

/// An encoded rung.
#[derive(Debug, Clone)]
pub struct Rung {
    /// Each how manieth frame of the source it has, counted from each IDR.
    pub each_nth: u32,
    /// How long its frames take through their encoder, in turn for 40 frames each.
    pub lags_ms: Vec<i64>,
    /// Stretches of its frames that never come, IDRs among them: after how many, how many.
    pub lost: Vec<(usize, usize)>,
    /// When it is shed, and for how long, from the beginning of its publication.
    pub absences_ms: Vec<(i64, i64)>,
}

#[derive(Debug, Clone)]
pub struct Ladder {
    /// Whether the source is a rendition of its own, and leads; else the last rung does.
    pub passes_through: bool,
    pub rungs: Vec<Rung>,
}

/// What comes out of a ladder.
#[derive(Debug, Clone)]
pub enum Step {
    Frame(RenditionId, Frame),
    Shed(RenditionId),
    Restore(RenditionId),
}

/// Ladders of which a rung may do anything.
pub fn any_ladder() -> impl Strategy<Value = Ladder> {
    let lost = prop_oneof![3 => Just(Vec::new()), 1 => vec((0_usize..300, 1_usize..60), 1..3)];
    let absences = prop_oneof![2 => Just(Vec::new()), 1 => vec((0_i64..6000, 0_i64..4000), 1..3)];
    ladder(lags(), lost, absences)
}

/// Ladders whose rungs bring all of their frames, however late.
pub fn whole_ladder() -> impl Strategy<Value = Ladder> {
    ladder(lags(), Just(Vec::new()), Just(Vec::new()))
}

fn lags() -> impl Strategy<Value = Vec<i64>> {
    let lag = prop_oneof![3 => 10_i64..150, 1 => 0_i64..1200];
    vec(lag, 1..6)
}

fn ladder(
    lags: impl Strategy<Value = Vec<i64>>,
    lost: impl Strategy<Value = Vec<(usize, usize)>>,
    absences: impl Strategy<Value = Vec<(i64, i64)>>,
) -> impl Strategy<Value = Ladder> {
    let rung = (1_u32..3, lags, lost, absences).prop_map(|(each_nth, lags_ms, lost, absences_ms)| Rung {
        each_nth,
        lags_ms,
        lost,
        absences_ms,
    });
    (any::<bool>(), vec(rung, 1..3)).prop_map(|(passes_through, mut rungs)| {
        if !passes_through && let Some(lead) = rungs.last_mut() {
            // It is never shed, and what it lacks the source lacks.
            lead.lost.clear();
            lead.absences_ms.clear();
        }
        Ladder {
            passes_through,
            rungs,
        }
    })
}

impl Ladder {
    /// Name of the rung of that index.
    pub fn rung_name(index: usize) -> String {
        format!("video-rung{index}")
    }

    /// Name of the rendition that leads.
    pub fn lead(&self) -> String {
        if self.passes_through {
            SOURCE.to_owned()
        } else {
            Self::rung_name(self.rungs.len() - 1)
        }
    }

    /// Name and parameters of each video rendition, by id.
    fn video(&self, video: &VideoConfig) -> Vec<RenditionConfig> {
        let source = RenditionConfig {
            name: SOURCE.to_owned(),
            track: TrackConfig::Video(video.clone()),
            passed_through: true,
        };
        let rung = |(index, rung): (usize, &Rung)| {
            let rate = video.declared_frame_rate.unwrap();
            let each_nth = rate.denominator.get() * rung.each_nth;
            RenditionConfig {
                name: Self::rung_name(index),
                track: TrackConfig::Video(VideoConfig {
                    declared_frame_rate: FrameRate::new(rate.numerator.get(), each_nth),
                    ..video.clone()
                }),
                passed_through: false,
            }
        };
        let source = self.passes_through.then_some(source);
        source
            .into_iter()
            .chain(self.rungs.iter().enumerate().map(rung))
            .collect()
    }

    /// The renditions of a session: the video, then the audio.
    pub fn renditions(&self, encoder: &Encoder) -> Renditions {
        let mut all = Vec::new();
        for track in encoder.tracks() {
            match &track {
                TrackConfig::Video(video) => all.extend(self.video(video)),
                TrackConfig::Audio(_) => all.push(RenditionConfig {
                    name: "audio-128k".to_owned(),
                    track,
                    passed_through: true,
                }),
            }
        }
        let lead = if self.passes_through {
            0
        } else {
            self.rungs.len() - 1
        };
        Renditions { all, lead: id(lead) }
    }

    /// A session with these renditions; nothing is in it yet.
    pub fn begin(&self, settings: PackagingSettings, encoder: &Encoder, frames: &[Frame]) -> Session {
        let mut startup = Startup::new(settings, &encoder.tracks()).unwrap();
        let mut frames = frames.iter().cloned();
        while !startup
            .push(frames.next().expect("frames enough for a session"))
            .unwrap()
        {}
        let presentation = startup.open().unwrap().present(self.renditions(encoder)).unwrap();
        Session::begin(presentation)
    }

    /// What a publication's frames become, in the order in which it comes; audio as late as it is sent.
    pub fn steps(&self, frames: &[Frame]) -> Vec<Step> {
        let first = usize::from(self.passes_through);
        let mut timed: Vec<(i64, Step)> = Vec::new();
        let mut now = i64::MIN;
        for frame in frames {
            let audio = RenditionId(u16::try_from(first + self.rungs.len()).unwrap());
            now = now.max(frame.dts_ms);
            match frame.track {
                TrackKind::Video if self.passes_through => {
                    timed.push((now, Step::Frame(id(0), frame.clone())));
                }
                TrackKind::Video => {}
                TrackKind::Audio => timed.push((now, Step::Frame(audio, frame.clone()))),
            }
        }
        for (index, rung) in self.rungs.iter().enumerate() {
            timed.extend(rung.steps(id(first + index), index, frames));
        }
        timed.sort_by_key(|(at, _)| *at);
        timed.into_iter().map(|(_, step)| step).collect()
    }
}

impl Rung {
    /// The frames that it has of the source's: shown in the order of decoding.
    pub fn frames(&self, index: usize, source: &[Frame]) -> Vec<Frame> {
        let mut shown: Vec<&Frame> = source
            .iter()
            .filter(|frame| frame.track == TrackKind::Video)
            .collect();
        shown.sort_by_key(|frame| frame.pts_ms);
        let (mut since_idr, mut n) = (0_u32, 0);
        let mut frames = Vec::new();
        for frame in shown {
            since_idr = if frame.is_idr { 0 } else { since_idr + 1 };
            if !since_idr.is_multiple_of(self.each_nth) {
                continue;
            }
            n += 1;
            if self.lost.iter().any(|(at, len)| (*at..at + len).contains(&n)) {
                continue;
            }
            frames.push(Frame {
                dts_ms: frame.pts_ms,
                data: format!("r{index}@{}", frame.pts_ms).into(),
                ..frame.clone()
            });
        }
        frames
    }

    fn steps(&self, id: RenditionId, index: usize, source: &[Frame]) -> Vec<(i64, Step)> {
        let begins_ms = source.first().map_or(0, |frame| frame.pts_ms);
        let mut steps = Vec::new();
        let away: Vec<(i64, i64)> = self
            .absences_ms
            .iter()
            .map(|(at, length)| (begins_ms + at, begins_ms + at + length))
            .collect();
        for (shed, restored) in &away {
            steps.push((*shed, Step::Shed(id)));
            steps.push((*restored, Step::Restore(id)));
        }
        let (mut now, mut awaits_idr) = (i64::MIN, false);
        for (n, frame) in self.frames(index, source).into_iter().enumerate() {
            let lag = self.lags_ms[n / 40 % self.lags_ms.len()];
            now = now.max(frame.pts_ms + lag);
            let is_away = away.iter().any(|(from, until)| (*from..*until).contains(&now));
            awaits_idr = is_away || (awaits_idr && !frame.is_idr);
            if !awaits_idr {
                steps.push((now, Step::Frame(id, frame)));
            }
        }
        steps
    }
}

pub fn play(session: &mut Session, steps: Vec<Step>) {
    for step in steps {
        match step {
            Step::Frame(id, frame) => session.push_to(id, &frame),
            Step::Shed(id) => session.shed(id),
            Step::Restore(id) => session.restore(id),
        }
    }
}

fn id(index: usize) -> RenditionId {
    RenditionId(u16::try_from(index).unwrap())
}
