//! How well a publication comes in. Pure: time is that of the frames' reception, and an argument.
//!
//! ```text
//! Frame ─► Health (a window of seconds) ─► HealthFigures ─► complaints, in words for the person in front of the encoder
//!                                                                └─► Condition: sound or degraded, with hysteresis
//! ```

mod condition;
mod drift;

use std::collections::VecDeque;

use vitrine_packager::media::{Frame, FrameRate, TrackKind, WallTime};

pub use condition::{Change, Condition};
use drift::Drift;

/// What figures are of.
const WINDOW_MS: i64 = 5_000;

/// Bounded: frames of a track in the window. Full: the oldest goes, and the window is shorter.
const MAX_FRAMES: usize = 2048;

/// A step of stamps this many times the usual one is a hole.
const HOLE: f64 = 1.6;

/// No hole counts for more: stamps may say anything.
const MOST_MISSING: u64 = 100_000;

/// Weight of the newest step in the usual one, and of the newest deviation in the jitter (RFC 3550 6.4.1).
const SMOOTHING: f64 = 1.0 / 16.0;

/// A frame rate below this share of what it should be is complained of.
const LEAST_RATE: f64 = 0.8;
/// Holes above this share of the frames are.
const MOST_HOLES: f64 = 0.05;
/// Frames that come by so much unevenly are.
const MOST_JITTER_MS: f64 = 250.0;
/// A pause of so long is.
const LONGEST_PAUSE_MS: i64 = 1_000;

/// What came in within the last five seconds.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct HealthFigures {
    /// Of the video's access units.
    pub video_bitrate_bps: u64,
    /// Of the audio's.
    pub audio_bitrate_bps: u64,
    /// Video frames a second, as they came.
    pub frame_rate: f64,
    /// Between the last two IDRs; `None` before there are two.
    pub keyframe_interval_ms: Option<i64>,
    /// Frames of the track that leads that its stamps have a hole for, in the window.
    pub missing_frames: u64,
    /// The same since the publication began.
    pub missing_frames_total: u64,
    /// How unevenly frames of that track come, against their stamps, smoothed.
    pub jitter_ms: f64,
    /// How much the encoder's clock has gained on ours since the publication began, or was set; behind if negative. `None` in the first
    /// half minute.
    pub clock_drift_ms: Option<i64>,
    /// Since the last frame of that track.
    pub pause_ms: i64,
    /// Frames of that track in the window, and how long it is: shorter than 5 s in the first seconds.
    seen: (u64, i64),
}

/// Measures one publication.
#[derive(Debug, Default)]
pub struct Health {
    video: Track,
    audio: Track,
    /// Stamps of the last two.
    idrs: [Option<i64>; 2],
    began: Option<WallTime>,
}

/// A track's newest frames.
#[derive(Debug, Default)]
struct Track {
    frames: VecDeque<Seen>,
    last: Option<(WallTime, i64)>,
    usual_step_ms: Option<f64>,
    holes_total: u64,
    jitter_ms: f64,
    drift: Drift,
}

#[derive(Debug, Clone, Copy)]
struct Seen {
    received: WallTime,
    bytes: usize,
    holes: u64,
}

impl Health {
    /// Takes a frame as it was received.
    pub fn note(&mut self, frame: &Frame) {
        self.began.get_or_insert(frame.received);
        let track = match frame.track {
            TrackKind::Video => &mut self.video,
            TrackKind::Audio => &mut self.audio,
        };
        track.note(frame);
        if frame.track == TrackKind::Video && frame.is_idr {
            self.idrs = [self.idrs[1], Some(frame.dts_ms)];
        }
    }

    /// The encoder's clock was set, or its parameters changed: what was learned of its stamps is void.
    pub fn begin_anew(&mut self) {
        self.idrs = [None; 2];
        for track in [&mut self.video, &mut self.audio] {
            track.last = None;
            track.usual_step_ms = None;
            track.drift = Drift::default();
        }
    }

    /// The figures at `now`.
    pub fn read(&self, now: WallTime) -> HealthFigures {
        let lead = if self.video.frames.is_empty() {
            &self.audio
        } else {
            &self.video
        };
        let since_began = self.began.map_or(0, |began| now.millis_since(began));
        let span_ms = since_began.clamp(1, WINDOW_MS);
        let bps = |track: &Track| {
            let bytes: usize = track.newest(now).map(|seen| seen.bytes).sum();
            (bytes as u64 * 8_000) / span_ms.unsigned_abs()
        };
        HealthFigures {
            video_bitrate_bps: bps(&self.video),
            audio_bitrate_bps: bps(&self.audio),
            frame_rate: self.video.newest(now).count() as f64 * 1000.0 / span_ms as f64,
            keyframe_interval_ms: match self.idrs {
                [Some(before), Some(last)] => Some(last - before),
                _ => None,
            },
            missing_frames: lead.newest(now).map(|seen| seen.holes).sum(),
            missing_frames_total: lead.holes_total,
            jitter_ms: lead.jitter_ms,
            clock_drift_ms: lead.drift.millis(),
            pause_ms: lead
                .frames
                .back()
                .map_or(since_began, |last| now.millis_since(last.received))
                .max(0),
            seen: (lead.newest(now).count() as u64, since_began),
        }
    }
}

impl HealthFigures {
    /// What is wrong, if anything: `expected` is the frame rate that the encoder promised. Nothing is said of the first seconds.
    pub fn complaints(&self, expected: Option<FrameRate>) -> Vec<String> {
        let (seen, since_began_ms) = self.seen;
        let mut complaints = Vec::new();
        if since_began_ms < WINDOW_MS {
            return complaints;
        }
        if self.pause_ms > LONGEST_PAUSE_MS {
            complaints.push(format!(
                "nothing came for {:.1} s: look at the encoder and at its line",
                self.pause_ms as f64 / 1000.0
            ));
            // All else follows from that.
            return complaints;
        }
        if let Some(expected) = expected.map(FrameRate::fps)
            && self.frame_rate < LEAST_RATE * expected
        {
            complaints.push(format!(
                "{:.0} of {expected:.0} frames a second come: lower the encoder's bit rate (OBS → Settings → Output → Bitrate), or \
                 its load (CPU Usage Preset)",
                self.frame_rate
            ));
        }
        if self.missing_frames as f64 > MOST_HOLES * (seen + self.missing_frames) as f64 {
            complaints.push(format!(
                "the encoder left out {} frames within 5 s: lower its bit rate, or its load",
                self.missing_frames
            ));
        }
        if self.jitter_ms > MOST_JITTER_MS {
            complaints.push(format!(
                "frames come unevenly, by {:.0} ms: use a cable, or lower the encoder's bit rate",
                self.jitter_ms
            ));
        }
        complaints
    }
}

impl Track {
    fn note(&mut self, frame: &Frame) {
        let mut holes = 0;
        if let Some((received, dts_ms)) = self.last {
            let step_ms = (frame.dts_ms - dts_ms) as f64;
            let passed_ms = frame.received.millis_since(received) as f64;
            self.jitter_ms += ((passed_ms - step_ms).abs() - self.jitter_ms) * SMOOTHING;
            let usual = self.usual_step_ms.unwrap_or(step_ms);
            if usual > 0.0 && step_ms > HOLE * usual {
                holes = ((step_ms / usual).round() as u64 - 1).min(MOST_MISSING);
            } else if step_ms > 0.0 {
                self.usual_step_ms = Some(usual + (step_ms - usual) * SMOOTHING);
            }
        }
        self.last = Some((frame.received, frame.dts_ms));
        self.holes_total += holes;
        self.drift.note(frame);
        self.frames.push_back(Seen {
            received: frame.received,
            bytes: frame.data.len(),
            holes,
        });
        let is_old = |seen: &Seen| frame.received.millis_since(seen.received) >= WINDOW_MS;
        while self.frames.len() > MAX_FRAMES || self.frames.front().is_some_and(is_old) {
            self.frames.pop_front();
        }
    }

    /// What was received within the window.
    fn newest(&self, now: WallTime) -> impl Iterator<Item = &Seen> {
        let is_new = move |seen: &&Seen| now.millis_since(seen.received) < WINDOW_MS;
        self.frames.iter().filter(is_new)
    }
}

#[cfg(test)]
mod tests;
