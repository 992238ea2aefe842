//! AAC in ADTS (ISO/IEC 13818-7 6.2): frames that carry their configuration.

use bytes::{Buf, Bytes, BytesMut};

use crate::refusal::Refusal;

/// Bytes of a header without and with its CRC.
const HEAD: usize = 7;
const HEAD_WITH_CRC: usize = 9;

/// Samples of a frame.
const SAMPLES: i64 = 1024;

/// Ticks of 90 kHz a second.
const TICKS: i64 = 90_000;

/// ISO/IEC 14496-3 table 1.18.
const SAMPLE_RATES: [u32; 13] = [
    96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350,
];

/// A frame with the time at which it is heard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AacFrame {
    /// Ticks of 90 kHz, as the PES packets count them.
    pub pts: i64,
    /// The AudioSpecificConfig that its header amounts to.
    pub asc: Bytes,
    /// The raw frame.
    pub data: Bytes,
}

/// Splits a stream into frames.
#[derive(Debug, Default)]
pub struct Adts {
    /// A frame begun. Bounded: under one frame of 8 KiB.
    rest: BytesMut,
    /// The stamp last given and the frames begun since; the next begins so many frames after it.
    time: Option<(i64, i64)>,
}

#[derive(Debug, Clone, Copy)]
struct Header {
    /// The bits that are the same for all frames of a stream.
    kind: [u8; 2],
    sample_rate_hz: u32,
    length: usize,
    payload_at: usize,
}

impl Adts {
    /// What came so far of the current frame is of no use.
    pub fn lost(&mut self) {
        self.rest.clear();
        self.time = None;
    }

    /// Takes the payload of a PES packet, whose stamp is that of the first frame that begins in it (13818-1 2.4.3.7).
    ///
    /// # Errors
    /// [`Refusal::BadAudioConfig`] for frames of several blocks.
    pub fn push(
        &mut self,
        pts: Option<i64>,
        data: &[u8],
        mut take: impl FnMut(AacFrame),
    ) -> Result<(), Refusal> {
        let mut begun_before = self.rest.len();
        let mut pts = pts;
        self.rest.extend_from_slice(data);
        loop {
            let skip = sync_at(&self.rest);
            self.rest.advance(skip);
            begun_before = begun_before.saturating_sub(skip);
            if begun_before == 0
                && let Some(pts) = pts.take()
            {
                self.time = Some((pts, 0));
            }
            let Some(header) = Header::read(&self.rest)? else {
                return Ok(());
            };
            if header.length < header.payload_at || !self.is_followed(&header) {
                self.rest.advance(1);
                continue;
            }
            if self.rest.len() < header.length {
                return Ok(());
            }
            let frame = self.rest.split_to(header.length).freeze();
            begun_before = begun_before.saturating_sub(header.length);
            if let Some((since, frames)) = &mut self.time {
                let elapsed = *frames * SAMPLES * TICKS / i64::from(header.sample_rate_hz);
                *frames += 1;
                take(AacFrame {
                    pts: *since + elapsed,
                    asc: Bytes::copy_from_slice(&header.kind),
                    data: frame.slice(header.payload_at..),
                });
            }
        }
    }

    /// Whether another frame, or nothing yet, follows: twelve bits alone are found in the midst of frames too.
    fn is_followed(&self, header: &Header) -> bool {
        match self.rest.get(header.length..) {
            Some([0xFF, next, ..]) => next & 0xF6 == 0xF0,
            Some([first, ..]) => *first == 0xFF,
            _ => true,
        }
    }
}

fn sync_at(bytes: &[u8]) -> usize {
    let found = bytes
        .windows(2)
        .position(|pair| pair[0] == 0xFF && pair[1] & 0xF6 == 0xF0);
    found.unwrap_or_else(|| match bytes.last() {
        Some(0xFF) => bytes.len() - 1,
        _ => bytes.len(),
    })
}

impl Header {
    /// Reads the header of a frame; `None` when it is not whole yet.
    fn read(bytes: &[u8]) -> Result<Option<Self>, Refusal> {
        let [_, id, profile, channels, length, length_low, blocks, ..] = *bytes else {
            return Ok(None);
        };
        if blocks & 0x03 != 0 {
            return Err(Refusal::BadAudioConfig {
                reason: "ADTS frames of several data blocks are not supported",
            });
        }
        let object_type = (profile >> 6) + 1;
        let rate = profile >> 2 & 0x0F;
        let layout = (profile & 1) << 2 | channels >> 6;
        let Some(sample_rate_hz) = SAMPLE_RATES.get(usize::from(rate)).copied() else {
            return Err(Refusal::BadAudioConfig {
                reason: "it has no known sample rate",
            });
        };
        Ok(Some(Self {
            kind: [object_type << 3 | rate >> 1, rate << 7 | layout << 3],
            sample_rate_hz,
            length: usize::from(channels & 0x03) << 11
                | usize::from(length) << 3
                | usize::from(length_low >> 5),
            payload_at: if id & 1 == 1 { HEAD } else { HEAD_WITH_CRC },
        }))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A frame of AAC-LC at 48 kHz in stereo.
    pub(in crate::ts) fn frame(data: &[u8]) -> Vec<u8> {
        let length = HEAD + data.len();
        let head = [
            0xFF,
            0xF1,
            0x4C,
            0x80 | (length >> 11) as u8,
            (length >> 3) as u8,
            (length << 5) as u8 | 0x1F,
            0xFC,
        ];
        [&head[..], data].concat()
    }

    fn split(pieces: &[(Option<i64>, Vec<u8>)]) -> Vec<AacFrame> {
        let (mut adts, mut frames) = (Adts::default(), Vec::new());
        for (pts, data) in pieces {
            adts.push(*pts, data, |frame| frames.push(frame)).unwrap();
        }
        frames
    }

    #[test]
    fn frames_are_split_and_stamped_by_their_place() {
        let stream = [frame(&[1; 20]), frame(&[2; 300]), frame(&[3; 20])].concat();
        let frames = split(&[(Some(900), stream)]);
        let got: Vec<(i64, u8, usize)> = frames
            .iter()
            .map(|frame| (frame.pts, frame.data[0], frame.data.len()))
            .collect();
        assert_eq!(got, [(900, 1, 20), (2_820, 2, 300), (4_740, 3, 20)]);
        assert!(frames.iter().all(|frame| frame.asc[..] == [0x11, 0x90]));
    }

    #[test]
    fn a_stamp_is_of_the_first_frame_that_begins_behind_it() {
        let mut first = [frame(&[1; 20]), frame(&[2; 20])].concat();
        let second = [first.split_off(40), frame(&[3; 20])].concat();
        let frames = split(&[(Some(0), first), (Some(10_000), second)]);
        let stamps: Vec<i64> = frames.iter().map(|frame| frame.pts).collect();
        assert_eq!(stamps, [0, 1_920, 10_000]);
    }

    #[test]
    fn what_is_no_frame_is_skipped_and_what_has_no_time_left_out() {
        let stream = [
            &[1, 0xFF, 0xF1, 0x4C, 0x80, 2, 0x1F, 0xFC, 0xFF][..],
            &frame(&[2; 20]),
        ]
        .concat();
        assert_eq!(split(&[(Some(0), stream)]).len(), 1);
        assert_eq!(split(&[(None, frame(&[2; 20]))]), []);
    }

    #[test]
    fn frames_of_several_blocks_are_refused() {
        let mut several = frame(&[1; 20]);
        several[6] |= 1;
        let refused = Adts::default().push(Some(0), &several, |_| {}).unwrap_err();
        assert!(refused.to_string().contains("blocks"));
    }

    proptest! {
        #[test]
        fn nothing_does_harm_and_little_is_held(
            bytes in prop::collection::vec(prop_oneof![Just(0xFF_u8), Just(0xF1), any::<u8>()], 0..400),
            cut in 0_usize..400,
        ) {
            let mut adts = Adts::default();
            let (first, second) = bytes.split_at(cut.min(bytes.len()));
            for piece in [first, second] {
                let _ = adts.push(Some(0), piece, |_| {});
                prop_assert!(adts.rest.len() <= 8192 + HEAD);
            }
        }
    }
}
