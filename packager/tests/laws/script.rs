//! Shows to try the laws on: publications with lost frames, absences between them, and an end.

use proptest::collection::vec;
use proptest::prelude::*;
use vitrine_packager::media::{Frame, TrackKind};
use vitrine_packager::presentation::ResumeError;
use vitrine_packager::startup::PackagingSettings;

use crate::common::{Encoder, Session};
use crate::ladder::{self, Ladder, any_ladder};

/// One encoder connection.
#[derive(Debug, Clone)]
pub struct Publication {
    pub rate: (u32, u32),
    /// Lengths of its GOPs in hundredths of the target duration.
    pub gops: Vec<u32>,
    /// Stretches of frames that never come: after how many, how many. An IDR is never among them.
    pub lost_video: Vec<(usize, usize)>,
    pub lost_audio: Vec<(usize, usize)>,
    /// How much later than the video the audio comes.
    pub audio_lag_ms: i64,
    /// How long nothing comes afterwards.
    pub away_ms: i64,
}

#[derive(Debug, Clone)]
pub struct Script {
    pub settings: PackagingSettings,
    pub encoder: Encoder,
    /// `None`: the source's tracks are passed through, and nothing else.
    pub ladder: Option<Ladder>,
    pub publications: Vec<Publication>,
}

pub const RATES: [(u32, u32); 6] = [(24_000, 1001), (25, 1), (30_000, 1001), (30, 1), (50, 1), (60, 1)];

/// Any show. Without video, frames come at the pace of audio alone.
pub fn any_show() -> impl Strategy<Value = Script> {
    let first = prop_oneof![9 => any_rate(), 1 => Just((0, 1))];
    let ladder = prop_oneof![3 => Just(None), 1 => any_ladder().prop_map(Some)];
    (
        settings(),
        first,
        0_u32..3,
        audio(),
        ladder,
        vec(publication(), 1..4),
    )
        .prop_map(|(settings, rate, b_frames, audio_hz, ladder, publications)| {
            let audio_hz = if rate.0 == 0 && audio_hz == 0 {
                48_000
            } else {
                audio_hz
            };
            let encoder = Encoder {
                rate,
                b_frames,
                audio_hz,
                ..Encoder::USUAL
            };
            Script {
                settings,
                encoder,
                ladder: ladder.filter(|_| encoder.has_video()),
                publications,
            }
        })
}

/// A show of one publication that loses nothing, with video and audio.
pub fn unbroken_show() -> impl Strategy<Value = Script> {
    any_show().prop_map(|mut script| {
        script.publications.truncate(1);
        for publication in &mut script.publications {
            publication.lost_video.clear();
            publication.lost_audio.clear();
        }
        if !script.encoder.has_video() {
            script.encoder.rate = (30, 1);
        }
        script.encoder.audio_hz = script.encoder.audio_hz.max(44_100);
        script.ladder = None;
        script
    })
}

fn any_rate() -> impl Strategy<Value = (u32, u32)> {
    prop::sample::select(&RATES[..])
}

fn audio() -> impl Strategy<Value = u32> {
    prop_oneof![4 => Just(48_000), 2 => Just(44_100), 1 => Just(0)]
}

fn settings() -> impl Strategy<Value = PackagingSettings> {
    let part = prop_oneof![Just(100), Just(200), Just(333), Just(500)];
    (1_u32..3, part, 0_u32..9).prop_map(
        |(target_duration_s, part_target_ms, longer_s)| PackagingSettings {
            target_duration_s,
            part_target_ms,
            window_s: 6 * target_duration_s + longer_s,
        },
    )
}

fn publication() -> impl Strategy<Value = Publication> {
    let gops = vec(prop_oneof![3 => Just(100_u32), 2 => 1_u32..=100], 1..8);
    let lost = || prop_oneof![2 => Just(Vec::new()), 1 => vec((0_usize..400, 1_usize..40), 1..3)];
    let away_ms = prop_oneof![1 => Just(0_i64), 1 => 1_i64..200, 2 => 200_i64..5000];
    (any_rate(), gops, lost(), lost(), 0_i64..2000, away_ms).prop_map(
        |(rate, gops, lost_video, lost_audio, audio_lag_ms, away_ms)| Publication {
            rate,
            gops,
            lost_video,
            lost_audio,
            audio_lag_ms,
            away_ms,
        },
    )
}

impl Script {
    /// The frames of a publication in the order in which they come, and the stamp at which it is over.
    pub fn frames(&self, publication: &Publication, encoder: &Encoder, first: bool) -> (Vec<Frame>, i64) {
        let (fps, per) = if encoder.has_video() {
            encoder.rate
        } else {
            (30, 1)
        };
        let longest = self.settings.target_duration_s * fps / per;
        let gop = |percent: &u32| (longest * percent / 100).max(1);
        // The first group of pictures is a whole one, and another follows: a session starts with it.
        let whole = if first { vec![longest; 2] } else { Vec::new() };
        let gops: Vec<u32> = whole
            .into_iter()
            .chain(publication.gops.iter().map(gop))
            .collect();
        let total: u32 = gops.iter().sum();
        let over_ms = encoder.begins_ms + i64::from(total) * 1000 * i64::from(per) / i64::from(fps);
        let frames = encoder.publication(&gops, publication.audio_lag_ms);
        (self.lose(publication, frames, first), over_ms)
    }

    fn lose(&self, publication: &Publication, frames: Vec<Frame>, first: bool) -> Vec<Frame> {
        // What a session learns from its first group of pictures is learnt from a whole one.
        let spared_ms = if first {
            i64::from(self.settings.target_duration_s) * 1000
        } else {
            0
        };
        let (mut video, mut audio) = (0, 0);
        let lost =
            |list: &[(usize, usize)], n: usize| list.iter().any(|(at, len)| (*at..at + len).contains(&n));
        frames
            .into_iter()
            .filter(|frame| {
                let (list, n) = match frame.track {
                    TrackKind::Video => (&publication.lost_video, &mut video),
                    TrackKind::Audio => (&publication.lost_audio, &mut audio),
                };
                *n += 1;
                let keep = frame.dts_ms < spared_ms || (frame.track == TrackKind::Video && frame.is_idr);
                keep || !lost(list, *n)
            })
            .collect()
    }

    /// Name of the rendition whose cuts all others follow.
    pub fn lead(&self) -> String {
        match &self.ladder {
            Some(ladder) => ladder.lead(),
            None if self.encoder.has_video() => ladder::SOURCE.to_owned(),
            None => "audio-128k".to_owned(),
        }
    }

    /// Whether the source's video is a rendition.
    pub fn passes_video_through(&self) -> bool {
        self.encoder.has_video() && self.ladder.as_ref().is_none_or(|ladder| ladder.passes_through)
    }

    fn begin(&self, encoder: &Encoder, frames: &[Frame]) -> Session {
        let Some(ladder) = &self.ladder else {
            return Session::of(self.settings, encoder, frames.to_vec());
        };
        let mut session = ladder.begin(self.settings, encoder, frames);
        ladder::play(&mut session, ladder.steps(frames));
        session
    }

    fn resume(&self, session: &mut Session, encoder: &Encoder, frames: &[Frame]) -> Result<(), ResumeError> {
        let Some(ladder) = &self.ladder else {
            return session.resume(encoder, frames).map(drop);
        };
        let renditions = ladder.renditions(encoder);
        session
            .presentation
            .resume(&encoder.tracks(), &renditions.all, &frames[0])?;
        ladder::play(session, ladder.steps(frames));
        Ok(())
    }

    /// Plays the show to its end. A publication that cannot go on with the session ends it.
    pub fn play(&self) -> Show {
        let mut show: Option<Show> = None;
        let mut begins_ms = 0;
        for publication in &self.publications {
            let first = show.is_none();
            let rate = if first || !self.encoder.has_video() {
                self.encoder.rate
            } else {
                publication.rate
            };
            let encoder = Encoder {
                rate,
                begins_ms,
                ..self.encoder
            };
            let (frames, over_ms) = self.frames(publication, &encoder, first);
            match &mut show {
                None => {
                    let session = self.begin(&encoder, &frames);
                    show = Some(Show { session, frames });
                }
                Some(show) => {
                    // A publication is resumed at its first IDR; its audio before that is not used.
                    let leads = |frame: &Frame| frame.track == TrackKind::Video || !encoder.has_video();
                    let Some(lead) = frames.iter().position(leads) else {
                        continue;
                    };
                    let frames = &frames[lead..];
                    if self.resume(&mut show.session, &encoder, frames).is_err() {
                        break;
                    }
                    show.frames.extend_from_slice(frames);
                }
            }
            let session = &mut show.as_mut().unwrap().session;
            session.lose_encoder();
            begins_ms = over_ms + publication.away_ms;
            session.wait(over_ms, begins_ms);
        }
        let mut show = show.unwrap();
        show.session.end();
        show
    }
}

/// A show that is over.
pub struct Show {
    pub session: Session,
    /// Every frame that it took, in order.
    pub frames: Vec<Frame>,
}
