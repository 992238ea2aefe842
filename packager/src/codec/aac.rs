//! AAC-LC: the AudioSpecificConfig (ISO/IEC 14496-3 1.6.2.1).

use super::CodecError;
use crate::grid::AudioFrames;
use crate::media::AudioConfig;

/// What an AAC track's AudioSpecificConfig says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AudioFacts {
    /// Samples per second.
    pub sample_rate_hz: u32,
    /// Channels of the configuration, as `mp4a` and CHANNELS state them.
    pub channels: u8,
    /// PCM samples of one access unit: 1024, or 960.
    pub frame_samples: u32,
}

impl AudioFacts {
    /// RFC 6381 name of AAC-LC.
    pub const CODEC_STRING: &'static str = "mp4a.40.2";

    /// Its access units, for the grid of parts.
    pub fn frames(&self) -> AudioFrames {
        AudioFrames {
            samples: self.frame_samples,
            rate_hz: self.sample_rate_hz,
        }
    }

    /// Checks the configuration against its own AudioSpecificConfig (ISO/IEC 14496-3 1.6.2.1, 4.4.1).
    pub fn read(config: &AudioConfig) -> Result<Self, CodecError> {
        const AAC_LC: u8 = 2;
        let (first, second) = match config.asc[..] {
            [first, second, ..] => (first, second),
            _ => return Err(CodecError::Aac),
        };
        let object_type = first >> 3;
        // Bit 2 of the second byte is frameLengthFlag: the object type, rate index and channels come before it.
        let rate_is_indexed = (first & 7) << 1 | second >> 7 != 15;
        let supported =
            (7350..=96_000).contains(&config.sample_rate_hz) && matches!(config.channels, 1..=6 | 8);
        if object_type != AAC_LC || !supported {
            return Err(CodecError::Aac);
        }
        let short_frames = rate_is_indexed && second & 0b100 != 0;
        Ok(Self {
            sample_rate_hz: config.sample_rate_hz,
            channels: config.channels,
            frame_samples: if short_frames { 960 } else { 1024 },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    #[test]
    fn only_aac_lc_passes() {
        let config = |asc: &'static [u8]| AudioConfig {
            asc: Bytes::from_static(asc),
            sample_rate_hz: 48_000,
            channels: 2,
            declared_bitrate_bps: None,
        };
        assert_eq!(
            AudioFacts::read(&config(&[0x11, 0x90])).unwrap().frame_samples,
            1024
        );
        assert_eq!(
            AudioFacts::read(&config(&[0x11, 0x94])).unwrap().frame_samples,
            960
        );
        for bad in [&[0x2b, 0x11][..], &[0x11], &[]] {
            assert_eq!(AudioFacts::read(&config(bad)), Err(CodecError::Aac));
        }
    }
}
