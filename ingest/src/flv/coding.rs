//! How a publication's video is coded: what its configuration must be, and which of its frames a segment can start at.

use bytes::Bytes;
use vitrine_packager::media::{FrameRate, VideoCodec, VideoConfig};

use super::nal::LengthSize;
use super::{av1, avc, hevc};
use crate::refusal::Refusal;

/// What is needed to judge a video track's frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Coding(Kind);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Avc(LengthSize),
    Hevc(LengthSize),
    Av1,
}

/// Checks the shape of a decoder configuration record.
///
/// # Errors
/// [`Refusal::BadVideoConfig`].
pub fn video_config(
    codec: VideoCodec,
    record: Bytes,
    declared_frame_rate: Option<FrameRate>,
    declared_bitrate_bps: Option<u32>,
) -> Result<(VideoConfig, Coding), Refusal> {
    let kind = match codec {
        VideoCodec::Avc => avc::check(&record).map(Kind::Avc),
        VideoCodec::Hevc => hevc::check(&record).map(Kind::Hevc),
        VideoCodec::Av1 => av1::check(&record).map(|()| Kind::Av1),
    };
    let kind = kind.map_err(|reason| Refusal::BadVideoConfig { reason })?;
    let config = VideoConfig {
        codec,
        record,
        declared_frame_rate,
        declared_bitrate_bps,
    };
    Ok((config, Coding(kind)))
}

impl Coding {
    /// Whether a segment can start at a frame, and the frame as files have it; `None` for one that is not well-formed.
    pub fn access_unit(self, mut data: Bytes) -> Option<(bool, Bytes)> {
        let is_idr = match self.0 {
            Kind::Avc(lengths) => lengths.access_unit(&data, avc::is_sync),
            Kind::Hevc(lengths) => lengths.access_unit(&data, hevc::is_sync),
            Kind::Av1 => av1::temporal_unit(&mut data),
        };
        Some((is_idr?, data))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const CODECS: [VideoCodec; 3] = [VideoCodec::Avc, VideoCodec::Hevc, VideoCodec::Av1];
    const RECORDS: [(VideoCodec, &[u8]); 3] = [
        (
            VideoCodec::Avc,
            include_bytes!("../../../packager/testdata/720p30.avcc"),
        ),
        (
            VideoCodec::Hevc,
            include_bytes!("../../../packager/testdata/720p30.hvcc"),
        ),
        (
            VideoCodec::Av1,
            include_bytes!("../../../packager/testdata/720p30.av1c"),
        ),
    ];

    #[test]
    fn encoders_records_are_taken_as_what_they_are_and_nothing_else() {
        for (codec, record) in RECORDS {
            for other in CODECS {
                let taken = video_config(other, Bytes::from_static(record), None, None);
                assert_eq!(taken.is_ok(), codec == other, "{codec:?} as {other:?}: {taken:?}");
            }
        }
    }

    proptest! {
        /// A record with a byte changed and its end cut off, and then any bytes as a frame: taken or not, and no panic.
        #[test]
        fn nothing_from_outside_does_harm(
            which in 0..RECORDS.len(),
            at in 0_usize..120,
            byte: u8,
            cut in 0_usize..120,
            frame in prop::collection::vec(prop_oneof![Just(0_u8), Just(1), any::<u8>()], 0..60),
        ) {
            let (codec, record) = RECORDS[which];
            let mut record = record.to_vec();
            let at = at % record.len();
            record[at] = byte;
            record.truncate(record.len().saturating_sub(cut / 2));
            if let Ok((config, coding)) = video_config(codec, record.into(), None, None) {
                prop_assert_eq!(config.codec, codec);
                let whole = Bytes::from(frame);
                if let Some((_, data)) = coding.access_unit(whole.clone()) {
                    prop_assert!(whole.ends_with(&data) && !data.is_empty());
                }
            }
        }
    }
}
