//! One CMAF chunk for each part: `[styp] prft emsg* moof mdat` (ISO/IEC 23000-19 7.3.2).

use bytes::Bytes;
use mp4_atom::{
    Emsg, EmsgTimestamp, Encode, FourCC, Mfhd, Moof, Prft, ReferenceTime, Styp, Tfdt, Tfhd, Traf, Trun,
    TrunEntry,
};

use super::emsg::EventMessage;
use super::{BoxError, TRACK_ID};
use crate::media::{MediaTime, Timescale, WallTime};

/// Sample flags of ISO/IEC 14496-12 8.8.3.1: depends on no other sample.
const SYNC_SAMPLE: u32 = 0x0200_0000;
/// Depends on others, is not a sync sample.
const OTHER_SAMPLE: u32 = 0x0101_0000;

/// A sample whose place and length in decode order are settled.
#[derive(Debug, Clone)]
pub struct PlacedSample {
    /// Ticks until the next sample's decode time.
    pub duration_ticks: u32,
    /// Presentation minus decode time, in ticks; may be negative (CMAF `cmf2`).
    pub composition_ticks: i32,
    /// Whether a decoder can start here.
    pub is_idr: bool,
    /// When the source's frame was received; `None` of one that was made up.
    pub received: Option<WallTime>,
    /// The bitstream.
    pub data: Bytes,
}

/// Everything that a chunk is made of.
#[derive(Debug)]
pub struct Chunk<'a> {
    /// Counts the rendition's chunks, from 1.
    pub sequence_number: u32,
    /// Whether it is its segment's first, which `styp` marks.
    pub opens_segment: bool,
    /// Decode time of the first sample.
    pub decode_time: MediaTime,
    /// PROGRAM-DATE-TIME of `decode_time`.
    pub wall_time: WallTime,
    /// Messages in order of presentation time.
    pub messages: &'a [EventMessage],
    /// At least one sample.
    pub samples: &'a [PlacedSample],
}

impl Chunk<'_> {
    /// The chunk's bytes, in one allocation of its exact life.
    pub fn encode(&self) -> Result<Bytes, BoxError> {
        let timescale = self.decode_time.timescale;
        let base_media_decode_time = u64::try_from(self.decode_time.ticks).unwrap_or(0);
        let media_len: usize = self.samples.iter().map(|sample| sample.data.len()).sum();
        let mut out = Vec::with_capacity(media_len + 512 + 24 * self.samples.len());
        if self.opens_segment {
            segment_type().encode(&mut out)?;
        }
        Prft {
            reference_track_id: TRACK_ID,
            ntp_timestamp: ntp(self.wall_time),
            media_time: base_media_decode_time,
            utc_time_semantics: ReferenceTime::RealTime,
        }
        .encode(&mut out)?;
        for message in self.messages {
            event_message(message, timescale).encode(&mut out)?;
        }
        let mut moof = self.movie_fragment(base_media_decode_time);
        let moof_at = out.len();
        moof.encode(&mut out)?;
        // The samples begin behind the moof and the mdat's header; a second encoding writes that offset.
        let data_offset = i32::try_from(out.len() - moof_at + 8).unwrap_or(i32::MAX);
        if let Some(run) = moof.traf.first_mut().and_then(|traf| traf.trun.first_mut()) {
            run.data_offset = Some(data_offset);
        }
        out.truncate(moof_at);
        moof.encode(&mut out)?;
        let mdat_len = u32::try_from(media_len + 8).map_err(|_| BoxError::TooLarge(media_len))?;
        out.extend_from_slice(&mdat_len.to_be_bytes());
        out.extend_from_slice(b"mdat");
        for sample in self.samples {
            out.extend_from_slice(&sample.data);
        }
        Ok(out.into())
    }

    fn movie_fragment(&self, base_media_decode_time: u64) -> Moof {
        let entry = |sample: &PlacedSample| TrunEntry {
            duration: Some(sample.duration_ticks),
            size: u32::try_from(sample.data.len()).ok(),
            flags: Some(if sample.is_idr { SYNC_SAMPLE } else { OTHER_SAMPLE }),
            cts: Some(sample.composition_ticks.into()),
        };
        let entries: Vec<TrunEntry> = self.samples.iter().map(entry).collect();
        let traf = Traf {
            tfhd: Tfhd {
                track_id: TRACK_ID,
                default_base_is_moof: true,
                ..Tfhd::default()
            },
            tfdt: Some(Tfdt {
                base_media_decode_time,
            }),
            trun: vec![Trun {
                data_offset: Some(0),
                samples: entries.into(),
            }],
            ..Traf::default()
        };
        Moof {
            mfhd: Mfhd {
                sequence_number: self.sequence_number,
            },
            traf: vec![traf],
        }
    }
}

fn segment_type() -> Styp {
    let brands = [b"msdh", b"cmfs", b"cmff", b"cmfl"].map(FourCC::new);
    Styp {
        major_brand: FourCC::new(b"msdh"),
        minor_version: 0,
        compatible_brands: brands.to_vec(),
    }
}

fn event_message(message: &EventMessage, timescale: Timescale) -> Emsg {
    let presentation_time = u64::try_from(message.presentation_time.rescale(timescale).ticks).unwrap_or(0);
    Emsg {
        timescale: timescale.get(),
        presentation_time: EmsgTimestamp::Absolute(presentation_time),
        // AOM ID3-in-emsg: all ones when the message has no duration of its own.
        event_duration: u32::MAX,
        id: message.id,
        scheme_id_uri: message.scheme_id_uri.into(),
        value: message.value.into(),
        message_data: message.payload.to_vec(),
    }
}

/// NTP time (RFC 5905): seconds since 1900 in the upper half, fractions in the lower.
fn ntp(time: WallTime) -> u64 {
    const UNIX_EPOCH_IN_NTP: i64 = 2_208_988_800;
    let seconds = (time.0.div_euclid(1000) + UNIX_EPOCH_IN_NTP) as u64 & 0xffff_ffff;
    let fraction = ((time.0.rem_euclid(1000) as u64) << 32) / 1000;
    seconds << 32 | fraction
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cmaf::tests::box_tree;

    fn sample(data: &'static [u8], is_idr: bool, composition_ticks: i32) -> PlacedSample {
        PlacedSample {
            duration_ticks: 3000,
            composition_ticks,
            is_idr,
            received: None,
            data: Bytes::from_static(data),
        }
    }

    fn chunk<'a>(messages: &'a [EventMessage], samples: &'a [PlacedSample]) -> Chunk<'a> {
        Chunk {
            sequence_number: 7,
            opens_segment: true,
            decode_time: MediaTime::new(180_000, Timescale::VIDEO),
            wall_time: WallTime(1_795_530_987_654),
            messages,
            samples,
        }
    }

    #[test]
    fn boxes_stand_in_cmaf_order_and_the_run_points_at_the_media() {
        let message = EventMessage {
            id: 3,
            presentation_time: MediaTime::from_millis(2040),
            scheme_id_uri: "https://aomedia.org/emsg/ID3",
            value: "vitrine",
            payload: Bytes::from_static(b"ID3"),
        };
        let samples = [
            sample(b"idr!", true, 0),
            sample(b"p", false, 6000),
            sample(b"bb", false, -3000),
        ];
        let bytes = chunk(&[message], &samples).encode().unwrap();
        insta::assert_snapshot!(box_tree(&bytes));
        assert!(bytes.ends_with(b"mdatidr!pbb"));
    }

    #[test]
    fn only_a_segments_first_chunk_carries_styp() {
        let samples = [sample(b"p", false, 0)];
        let bytes = Chunk {
            opens_segment: false,
            ..chunk(&[], &samples)
        }
        .encode()
        .unwrap();
        assert_eq!(bytes.get(4..8), Some(&b"prft"[..]));
    }

    #[test]
    fn ntp_counts_from_1900() {
        assert_eq!(ntp(WallTime(500)), 2_208_988_800 << 32 | 1 << 31);
    }
}
