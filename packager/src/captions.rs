//! Which closed captions (CEA-608/708, as ATSC A/53 part 4 carries them in SEI messages) a show has.

use crate::media::VideoCodec;

/// `itu_t_t35` country and provider, `GA94`, and the type of caption data (A/53 part 4, 6.2.2).
const CAPTION_DATA: [u8; 8] = [0xb5, 0x00, 0x31, b'G', b'A', b'9', b'4', 0x03];
/// Bytes of one caption triplet: a header and two characters (A/53 part 4, 6.2.3.1).
const TRIPLET: usize = 3;
/// Length of the size that stands before each NAL unit of a sample.
const NAL_LENGTH: usize = 4;

/// A caption channel of a show, as players are told of it (8216bis 4.4.6.1, INSTREAM-ID).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Channel {
    /// The first of CEA-608's first field.
    Cc1,
    /// The first of CEA-608's second field.
    Cc3,
    /// The first service of CEA-708.
    Service1,
}

impl Channel {
    const EACH: [Self; 3] = [Self::Cc1, Self::Cc3, Self::Service1];

    /// INSTREAM-ID.
    pub(crate) fn instream_id(self) -> &'static str {
        match self {
            Self::Cc1 => "CC1",
            Self::Cc3 => "CC3",
            Self::Service1 => "SERVICE1",
        }
    }
}

/// The caption channels that were seen so far. Encoders fill the time between captions with empty triplets, which do not count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Captions {
    seen: [bool; 3],
}

impl Captions {
    /// Looks for captions in a sample of the lead; whether it has some of a channel that had none before.
    pub(crate) fn note(&mut self, codec: VideoCodec, sample: &[u8]) -> bool {
        let before = *self;
        for sei in seis(codec, sample) {
            let from = sei
                .windows(CAPTION_DATA.len())
                .position(|window| window == CAPTION_DATA);
            let data = from.and_then(|from| sei.get(from + CAPTION_DATA.len()..));
            self.read(data.unwrap_or_default());
        }
        *self != before
    }

    /// What was seen. CEA-608's channels alone where a show has both: the older are known to every player.
    pub(crate) fn channels(self) -> impl Iterator<Item = Channel> {
        let [one, two, _] = self.seen;
        let has_608 = one || two;
        let seen = Channel::EACH.into_iter().zip(self.seen);
        seen.filter(move |(channel, seen)| *seen && !(has_608 && *channel == Channel::Service1))
            .map(|(channel, _)| channel)
    }

    /// Reads `cc_data()` (A/53 part 4, 6.2.3): flags and count, a reserved byte, triplets.
    fn read(&mut self, data: &[u8]) {
        let [flags, _, triplets @ ..] = data else { return };
        for triplet in triplets.chunks_exact(TRIPLET).take(usize::from(flags & 0x1f)) {
            let [header, one, two] = *triplet else { continue };
            let is_valid = header & 0b100 != 0;
            let is_empty = (one | two) & 0x7f == 0;
            let kind = match header & 0b11 {
                0 => 0,
                1 => 1,
                _ => 2,
            };
            if let Some(seen) = self.seen.get_mut(kind).filter(|_| is_valid && !is_empty) {
                *seen = true;
            }
        }
    }
}

/// The SEI units before a sample's picture. AV1 carries captions in metadata OBUs, which no encoder here sends.
fn seis(codec: VideoCodec, sample: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = sample;
    std::iter::from_fn(move || {
        loop {
            let (length, behind) = rest.split_first_chunk::<NAL_LENGTH>()?;
            let (nal, next) = behind.split_at_checked(u32::from_be_bytes(*length) as usize)?;
            rest = next;
            let header = *nal.first()?;
            let (is_sei, is_picture) = match codec {
                VideoCodec::Avc => (header & 0x1f == 6, (1..=5).contains(&(header & 0x1f))),
                VideoCodec::Hevc => ((header >> 1) & 0x3f == 39, (header >> 1) & 0x3f < 32),
                VideoCodec::Av1 => return None,
            };
            if is_picture {
                return None;
            }
            if is_sei {
                return Some(nal);
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit(bytes: &[u8]) -> Vec<u8> {
        [&u32::try_from(bytes.len()).unwrap().to_be_bytes(), bytes].concat()
    }

    /// An access unit with these triplets.
    fn sample(header: &[u8], triplets: &[[u8; 3]]) -> Vec<u8> {
        let count = 0xc0 | u8::try_from(triplets.len()).unwrap();
        let sei = [
            header,
            &[4, 40],
            &CAPTION_DATA,
            &[count, 0xff],
            &triplets.concat(),
            &[0xff, 0x80],
        ]
        .concat();
        let delimiter = if header.len() == 1 { 9 } else { 35 << 1 };
        [unit(&[delimiter, 0xf0]), unit(&sei), unit(&[0x65, 1, 2, 3])].concat()
    }

    fn channels(codec: VideoCodec, sample: &[u8]) -> Vec<&'static str> {
        let mut captions = Captions::default();
        captions.note(codec, sample);
        captions.channels().map(Channel::instream_id).collect()
    }

    #[test]
    fn each_channel_is_seen_by_its_triplets() {
        let of = |triplets: &[[u8; 3]]| channels(VideoCodec::Avc, &sample(&[6], triplets));
        assert_eq!(of(&[[0xfc, 0x94, 0x2c]]), ["CC1"]);
        assert_eq!(of(&[[0xfd, 0x94, 0x2c]]), ["CC3"]);
        assert_eq!(of(&[[0xff, 0x02, 0x21]]), ["SERVICE1"]);
        assert_eq!(
            of(&[[0xfc, 0x94, 0x2c], [0xff, 0x02, 0x21]]),
            ["CC1"],
            "both say the same"
        );
        assert!(
            of(&[[0xfc, 0x80, 0x80], [0xf8, 0x94, 0x2c]]).is_empty(),
            "padding, and invalid"
        );
    }

    #[test]
    fn h265_has_its_own_headers() {
        let hevc = sample(&[39 << 1, 1], &[[0xfc, 0x94, 0x2c]]);
        assert_eq!(channels(VideoCodec::Hevc, &hevc), ["CC1"]);
        assert!(channels(VideoCodec::Avc, &hevc).is_empty());
    }

    #[test]
    fn only_what_is_new_is_said_to_be() {
        let mut captions = Captions::default();
        let sample = sample(&[6], &[[0xfc, 0x94, 0x2c]]);
        assert!(captions.note(VideoCodec::Avc, &sample));
        assert!(!captions.note(VideoCodec::Avc, &sample));
    }

    #[test]
    fn a_sample_cut_anywhere_is_no_trouble() {
        let sample = sample(&[6], &[[0xfc, 0x94, 0x2c]; 9]);
        for end in 0..sample.len() {
            Captions::default().note(VideoCodec::Avc, &sample[..end]);
        }
    }
}
