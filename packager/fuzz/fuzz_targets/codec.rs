//! Any bytes as a decoder configuration: what is taken makes an init section, what is not is refused; no panic.
//! `v` begins an AVCDecoderConfigurationRecord, `h` HEVC's, `1` AV1's; `a` a sample rate, a channel count and an AudioSpecificConfig.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use vitrine_packager::cmaf::init;
use vitrine_packager::codec::{AudioFacts, VideoFacts};
use vitrine_packager::media::{AudioConfig, Timescale, VideoCodec, VideoConfig};

fuzz_target!(|input: &[u8]| match input {
    [b'v', record @ ..] => video(VideoCodec::Avc, record),
    [b'h', record @ ..] => video(VideoCodec::Hevc, record),
    [b'1', record @ ..] => video(VideoCodec::Av1, record),
    [b'a', high, middle, low, channels, asc @ ..] => {
        audio(u32::from_be_bytes([0, *high, *middle, *low]), *channels, asc);
    }
    _ => {}
});

fn video(codec: VideoCodec, record: &[u8]) {
    let config = VideoConfig {
        codec,
        record: Bytes::copy_from_slice(record),
        declared_frame_rate: None,
        declared_bitrate_bps: None,
    };
    if let Ok(facts) = VideoFacts::read(&config) {
        let _ = init::video(&config, &facts, Timescale::VIDEO);
    }
}

fn audio(sample_rate_hz: u32, channels: u8, asc: &[u8]) {
    let config = AudioConfig {
        asc: Bytes::copy_from_slice(asc),
        sample_rate_hz,
        channels,
        declared_bitrate_bps: None,
    };
    if let Ok(facts) = AudioFacts::read(&config) {
        let timescale = Timescale::new(sample_rate_hz).expect("a rate that is taken is not zero");
        let _ = init::audio(&config, &facts, timescale);
    }
}
