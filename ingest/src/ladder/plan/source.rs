//! What a plan must know of a source.

use h264_reader::avcc::AvcDecoderConfigurationRecord;
use h264_reader::nal::sps::{ChromaFormat, FrameMbsFlags, SeqParameterSet};
use h264_reader::rbsp::{BitReader, decode_nal};
use vitrine_packager::codec::VideoFacts;
use vitrine_packager::media::{FrameRate, VideoCodec, VideoConfig};
use vitrine_packager::opening::{SourceAudio, SourceVideo};

/// The rate of a source that says nothing of it.
pub(super) const THIRTY: FrameRate = match FrameRate::new(30, 1) {
    Some(rate) => rate,
    None => unreachable!(),
};

/// What a source is like, as far as a plan cares.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Source {
    /// Its video.
    pub video: Option<VideoSource>,
    /// Its audio.
    pub audio: Option<AudioSource>,
}

/// A source's video.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct VideoSource {
    /// Luma columns.
    pub width: u32,
    /// Luma rows.
    pub height: u32,
    /// Its frame rate.
    pub rate: FrameRate,
    /// How it is coded.
    pub codec: VideoCodec,
    /// Whether its keyframes are close enough to be passed through.
    pub gop_fits: bool,
    /// Whether players take its pictures as they are: not interlaced (AUTH 1.14), and for H.264 of eight bits and 4:2:0.
    pub is_playable: bool,
    /// As declared, bits a second.
    pub bitrate_bps: Option<u32>,
}

/// A source's audio.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AudioSource {
    /// Samples a second.
    pub sample_rate_hz: u32,
    /// Channels.
    pub channels: u8,
    /// As declared, bits a second.
    pub bitrate_bps: Option<u32>,
}

impl Source {
    /// As large as sources come: what every configured rung fits in.
    pub(super) const LARGE: Source = Source {
        video: Some(VideoSource {
            width: 7680,
            height: 4320,
            rate: THIRTY,
            codec: VideoCodec::Avc,
            gop_fits: true,
            is_playable: true,
            bitrate_bps: None,
        }),
        audio: Some(AudioSource {
            sample_rate_hz: 48_000,
            channels: 2,
            bitrate_bps: None,
        }),
    };

    /// What a session's opening learnt.
    pub fn new(video: Option<&SourceVideo>, audio: Option<&SourceAudio>) -> Self {
        Self {
            video: video.map(|video| VideoSource {
                width: video.facts.width,
                height: video.facts.height,
                rate: video.estimate.rate,
                codec: video.config.codec,
                gop_fits: video.gop_fits,
                is_playable: is_playable(&video.config),
                bitrate_bps: video.config.declared_bitrate_bps,
            }),
            audio: audio.map(|audio| AudioSource {
                sample_rate_hz: audio.facts.sample_rate_hz,
                channels: audio.facts.channels,
                bitrate_bps: audio.config.declared_bitrate_bps,
            }),
        }
    }
}

impl VideoSource {
    /// A track of which nothing but its parameters is known; `rate` if they do not say it.
    pub(super) fn of_track(config: &VideoConfig, rate: FrameRate, gop_fits: bool) -> Option<Self> {
        let facts = VideoFacts::read(config).ok()?;
        Some(Self {
            width: facts.width,
            height: facts.height,
            rate: config
                .declared_frame_rate
                .or(facts.fixed_frame_rate)
                .unwrap_or(rate),
            codec: config.codec,
            gop_fits,
            is_playable: is_playable(config),
            bitrate_bps: config.declared_bitrate_bps,
        })
    }

    /// Whether it can be a rendition as it is.
    pub(super) fn can_pass(&self) -> bool {
        self.gop_fits && self.is_playable
    }
}

/// Of other codecs than H.264 nothing is read: their viewers have the H.264 rungs beside them.
fn is_playable(config: &VideoConfig) -> bool {
    if config.codec != VideoCodec::Avc {
        return true;
    }
    let Some(sps) = sequence_parameters(&config.record) else {
        // What the packager reads and this does not is left to the players.
        return true;
    };
    let chroma = &sps.chroma_info;
    matches!(sps.frame_mbs_flags, FrameMbsFlags::Frames)
        && matches!(chroma.chroma_format, ChromaFormat::YUV420)
        && chroma.bit_depth_luma_minus8 == 0
        && chroma.bit_depth_chroma_minus8 == 0
}

fn sequence_parameters(record: &[u8]) -> Option<SeqParameterSet> {
    let record = AvcDecoderConfigurationRecord::try_from(record).ok()?;
    let nal = record.sequence_parameter_sets().next()?.ok()?;
    // `decode_nal` panics on an empty NAL unit.
    let rbsp = (!nal.is_empty()).then(|| decode_nal(nal).ok())??;
    SeqParameterSet::from_bits(BitReader::new(&rbsp[..])).ok()
}
