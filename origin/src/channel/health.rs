//! How well a publication comes in, as its channel watches it: for the status, as metrics, and for the switch to the other input.

use metrics::{counter, gauge};
use vitrine_ingest::{Condition, Health, HealthChange, HealthFigures, Input};
use vitrine_packager::codec::VideoFacts;
use vitrine_packager::media::{Frame, FrameRate, TrackConfig, WallTime};

/// The health of one publication.
#[derive(Debug, Default)]
pub(super) struct InputHealth {
    health: Health,
    condition: Condition,
    /// What the encoder promised.
    expected: Option<FrameRate>,
    /// As of the last look.
    figures: HealthFigures,
    complaints: Vec<String>,
    /// Of the missing frames, so many are in the metrics.
    counted: u64,
}

impl InputHealth {
    /// Of a publication with these tracks.
    pub(super) fn of(tracks: &[TrackConfig]) -> Self {
        Self {
            expected: expected(tracks),
            ..Self::default()
        }
    }

    /// Notes that a frame has come.
    pub(super) fn note(&mut self, frame: &Frame) {
        self.health.note(frame);
    }

    /// The tracks, or their clock, are others from now on.
    pub(super) fn reconfigure(&mut self, tracks: &[TrackConfig]) {
        self.expected = expected(tracks);
        self.health.begin_anew();
    }

    /// Takes the figures at `now`; what changed by them.
    pub(super) fn look(&mut self, now: WallTime) -> Option<HealthChange> {
        self.figures = self.health.read(now);
        self.complaints = self.figures.complaints(self.expected);
        self.condition.look(now, !self.complaints.is_empty())
    }

    pub(super) fn is_degraded(&self) -> bool {
        self.condition.is_degraded()
    }

    pub(super) fn complaints(&self) -> &[String] {
        &self.complaints
    }

    pub(super) fn figures(&self) -> &HealthFigures {
        &self.figures
    }

    /// Sets the metrics of that input to the figures of the last look.
    pub(super) fn measure(&mut self, channel: &str, input: Input) {
        let labels = labels(channel, input);
        let figures = &self.figures;
        let seconds = |millis: i64| millis as f64 / 1e3;
        let gauges = [
            ("vitrine_input_connected", 1.0),
            ("vitrine_input_degraded", f64::from(u8::from(self.is_degraded()))),
            (
                "vitrine_input_video_bits_per_second",
                figures.video_bitrate_bps as f64,
            ),
            (
                "vitrine_input_audio_bits_per_second",
                figures.audio_bitrate_bps as f64,
            ),
            ("vitrine_input_frames_per_second", figures.frame_rate),
            ("vitrine_input_jitter_seconds", figures.jitter_ms / 1e3),
            ("vitrine_input_pause_seconds", seconds(figures.pause_ms)),
        ];
        let known_later = [
            (
                "vitrine_input_keyframe_interval_seconds",
                figures.keyframe_interval_ms,
            ),
            ("vitrine_input_clock_drift_seconds", figures.clock_drift_ms),
        ];
        for (name, value) in gauges {
            gauge!(name, &labels).set(value);
        }
        for (name, millis) in known_later {
            if let Some(millis) = millis {
                gauge!(name, &labels).set(seconds(millis));
            }
        }
        let missing = figures.missing_frames_total;
        counter!("vitrine_input_missing_frames_total", &labels)
            .increment(missing.saturating_sub(self.counted));
        self.counted = missing;
    }
}

/// Sets the metrics of an input that nobody publishes to.
pub(super) fn measure_absence(channel: &str, input: Input) {
    let labels = labels(channel, input);
    for name in [
        "vitrine_input_connected",
        "vitrine_input_degraded",
        "vitrine_input_video_bits_per_second",
        "vitrine_input_audio_bits_per_second",
        "vitrine_input_frames_per_second",
        "vitrine_input_jitter_seconds",
        "vitrine_input_pause_seconds",
    ] {
        gauge!(name, &labels).set(0.0);
    }
}

fn labels(channel: &str, input: Input) -> [(&'static str, String); 2] {
    [
        ("channel", channel.to_owned()),
        ("input", input.name().to_owned()),
    ]
}

fn expected(tracks: &[TrackConfig]) -> Option<FrameRate> {
    tracks.iter().find_map(|track| match track {
        TrackConfig::Video(config) => config.declared_frame_rate.or_else(|| {
            let facts = VideoFacts::read(config).ok()?;
            facts.fixed_frame_rate
        }),
        TrackConfig::Audio(_) => None,
    })
}
