//! How well an encoder's media come in, as the status shows it.

use serde::Serialize;
use vitrine_ingest::HealthFigures;
use vitrine_ingest::srt::LinkStats;

/// Of the last five seconds, where nothing else is said.
#[derive(Debug, Clone, Serialize)]
pub struct HealthStatus {
    /// `sound` or `degraded`.
    condition: &'static str,
    /// What is wrong now, and what to do about it.
    complaints: Vec<String>,
    video_bitrate_bps: u64,
    audio_bitrate_bps: u64,
    frame_rate: f64,
    /// Between the last two keyframes.
    keyframe_interval_ms: Option<i64>,
    /// Frames that the encoder left out.
    missing_frames: u64,
    /// The same since it began.
    missing_frames_total: u64,
    jitter_ms: f64,
    /// What the encoder's clock has gained on this machine's; `null` in the first half minute.
    clock_drift_ms: Option<i64>,
    /// Since its last frame.
    pause_ms: i64,
    /// Of the SRT connection.
    #[serde(skip_serializing_if = "Option::is_none")]
    srt: Option<LinkStatus>,
}

/// Figures of an SRT connection since it was opened.
#[derive(Debug, Clone, Serialize)]
struct LinkStatus {
    rtt_ms: f64,
    rtt_variation_ms: f64,
    latency_ms: u64,
    packets: u64,
    missing_packets: u64,
    retransmitted_packets: u64,
    lost_packets: u64,
    useless_packets: u64,
    undecryptable_packets: u64,
    overflowed_packets: u64,
    buffered_packets: u64,
    stream_gaps: u64,
}

impl HealthStatus {
    /// Shows those figures.
    pub fn new(
        figures: &HealthFigures,
        complaints: &[String],
        degraded: bool,
        link: Option<LinkStats>,
    ) -> Self {
        Self {
            condition: if degraded { "degraded" } else { "sound" },
            complaints: complaints.to_vec(),
            video_bitrate_bps: figures.video_bitrate_bps,
            audio_bitrate_bps: figures.audio_bitrate_bps,
            frame_rate: tenths(figures.frame_rate),
            keyframe_interval_ms: figures.keyframe_interval_ms,
            missing_frames: figures.missing_frames,
            missing_frames_total: figures.missing_frames_total,
            jitter_ms: tenths(figures.jitter_ms),
            clock_drift_ms: figures.clock_drift_ms,
            pause_ms: figures.pause_ms,
            srt: link.map(LinkStatus::from),
        }
    }
}

impl From<LinkStats> for LinkStatus {
    fn from(stats: LinkStats) -> Self {
        Self {
            rtt_ms: tenths(stats.rtt_us as f64 / 1e3),
            rtt_variation_ms: tenths(stats.rtt_variation_us as f64 / 1e3),
            latency_ms: stats.latency_ms,
            packets: stats.packets,
            missing_packets: stats.missing,
            retransmitted_packets: stats.retransmitted,
            lost_packets: stats.lost,
            useless_packets: stats.useless,
            undecryptable_packets: stats.undecryptable,
            overflowed_packets: stats.overflowed,
            buffered_packets: stats.buffered,
            stream_gaps: stats.stream_gaps,
        }
    }
}

fn tenths(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}
