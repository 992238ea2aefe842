//! AAC as FLV carries it: the AudioSpecificConfig.

use bytes::Bytes;
use vitrine_packager::media::AudioConfig;

use crate::refusal::Refusal;

/// ISO/IEC 14496-3 table 1.18.
const SAMPLE_RATES: [u32; 13] = [
    96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350,
];

const AAC_LC: u32 = 2;
const SBR: u32 = 5;
const PARAMETRIC_STEREO: u32 = 29;

/// Announces backward-compatible SBR behind an AAC-LC configuration (1.6.6.1).
const SYNC_EXTENSION: u32 = 0x2B7;

/// Reads an AudioSpecificConfig (ISO/IEC 14496-3 1.6.2.1) of AAC-LC with 1,024 samples a frame.
///
/// # Errors
/// [`Refusal::UnsupportedAudio`] for another kind of AAC, [`Refusal::BadAudioConfig`] for what makes no sense.
pub fn audio_config(asc: Bytes, declared_bitrate_bps: Option<u32>) -> Result<AudioConfig, Refusal> {
    let bad = |reason| Refusal::BadAudioConfig { reason };
    let mut bits = Bits { bytes: &asc, at: 0 };
    let short = bad("it is cut short");
    let object_type = bits.object_type().ok_or(short.clone())?;
    if object_type != AAC_LC {
        return Err(Refusal::UnsupportedAudio {
            codec: object_name(object_type),
        });
    }
    let sample_rate_hz = bits.sample_rate().ok_or(bad("it has no known sample rate"))?;
    let channels = match bits.take(4).ok_or(short.clone())? {
        0 => return Err(bad("its channels are not one of the standard layouts")),
        channels @ 1..=6 => channels as u8,
        7 => 8,
        _ => return Err(bad("its channels are not one of the standard layouts")),
    };
    if bits.take(1).ok_or(short)? == 1 {
        return Err(bad("frames of 960 samples are not supported"));
    }
    if bits.announces_sbr() {
        return Err(Refusal::UnsupportedAudio {
            codec: object_name(SBR),
        });
    }
    Ok(AudioConfig {
        asc,
        sample_rate_hz,
        channels,
        declared_bitrate_bps,
    })
}

fn object_name(object_type: u32) -> String {
    match object_type {
        1 => "AAC Main".to_owned(),
        3 => "AAC SSR".to_owned(),
        4 => "AAC LTP".to_owned(),
        SBR => "HE-AAC".to_owned(),
        PARAMETRIC_STEREO => "HE-AAC v2".to_owned(),
        23 | 39 => "AAC-LD".to_owned(),
        42 => "xHE-AAC".to_owned(),
        other => format!("MPEG-4 audio object type {other}"),
    }
}

struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Bits<'_> {
    /// The next `count` bits, at most 24.
    fn take(&mut self, count: usize) -> Option<u32> {
        let mut value = 0;
        for at in self.at..self.at + count {
            let byte = *self.bytes.get(at / 8)?;
            value = value << 1 | u32::from(byte >> (7 - at % 8) & 1);
        }
        self.at += count;
        Some(value)
    }

    fn object_type(&mut self) -> Option<u32> {
        match self.take(5)? {
            31 => Some(32 + self.take(6)?),
            object_type => Some(object_type),
        }
    }

    fn sample_rate(&mut self) -> Option<u32> {
        match self.take(4)? {
            15 => self.take(24).filter(|&rate| (7_350..=96_000).contains(&rate)),
            index => SAMPLE_RATES.get(usize::try_from(index).ok()?).copied(),
        }
    }

    /// GASpecificConfig's last bits, then the extension that makes HE-AAC of AAC-LC, if it is there and set.
    fn announces_sbr(&mut self) -> bool {
        let depends_on_core = self.take(1) == Some(1);
        if depends_on_core {
            self.take(14);
        }
        self.take(1);
        self.take(11) == Some(SYNC_EXTENSION) && self.object_type() == Some(SBR) && self.take(1) == Some(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn configurations_are_read_or_refused_with_their_fault() {
        type Case = (&'static str, &'static [u8], Result<(u32, u8), &'static str>);
        let table: [Case; 13] = [
            ("48 kHz stereo", &[0x11, 0x90], Ok((48_000, 2))),
            ("44.1 kHz stereo", &[0x12, 0x10], Ok((44_100, 2))),
            ("48 kHz mono", &[0x11, 0x88], Ok((48_000, 1))),
            ("48 kHz 5.1", &[0x11, 0xB0], Ok((48_000, 6))),
            ("48 kHz 7.1", &[0x11, 0xB8], Ok((48_000, 8))),
            (
                "48,000 Hz written out",
                &[0x17, 0x80, 0x5D, 0xC0, 0x10],
                Ok((48_000, 2)),
            ),
            (
                "FFmpeg's: SBR announced as absent",
                &[0x11, 0x90, 0x56, 0xE5, 0x00],
                Ok((48_000, 2)),
            ),
            (
                "SBR announced behind AAC-LC",
                &[0x13, 0x10, 0x56, 0xE5, 0x98],
                Err("HE-AAC"),
            ),
            ("HE-AAC", &[0x2B, 0x11, 0x88, 0x00], Err("HE-AAC is")),
            ("HE-AAC v2", &[0xEB, 0x09, 0x88, 0x00], Err("HE-AAC v2")),
            ("AAC Main", &[0x09, 0x90], Err("AAC Main")),
            ("frames of 960", &[0x11, 0x94], Err("960")),
            ("a layout of its own", &[0x11, 0x80], Err("layouts")),
        ];
        for (name, asc, expected) in table {
            let got = audio_config(Bytes::from_static(asc), None);
            match expected {
                Ok(format) => {
                    let config = got.unwrap();
                    assert_eq!((config.sample_rate_hz, config.channels), format, "{name}");
                }
                Err(fault) => {
                    let refusal = got.unwrap_err().to_string();
                    assert!(refusal.contains(fault), "{name}: {refusal}");
                }
            }
        }
        for short in [&[][..], &[0x11], &[0x17, 0x80]] {
            assert!(audio_config(Bytes::copy_from_slice(short), None).is_err());
        }
    }
}
