//! Picture and sound stay together for an hour, whatever the clocks that their stamps come from do.

use bytes::Bytes;
use proptest::prelude::*;
use vitrine_packager::codec::AudioFacts;
use vitrine_packager::grid::{AudioGrid, Origin, RateEstimate, VideoGrid, timescale_for};
use vitrine_packager::media::{Frame, FrameRate, MediaTime, Timescale, TrackKind, WallTime};

use crate::script::RATES;
use crate::shows;

const HOUR_MS: f64 = 3_600_000.0;
/// The most that a viewer does not notice.
const MOST_APART_MS: f64 = 20.0;

fn frame(track: TrackKind, stamp: i64) -> Frame {
    Frame {
        track,
        dts_ms: stamp,
        pts_ms: stamp,
        is_idr: true,
        data: Bytes::new(),
        received: WallTime(0),
    }
}

/// A track's clock: every frame's stamp, in rounded milliseconds, the clock being off by so many millionths.
fn stamps(frame_ms: f64, off_ppm: i64) -> impl Iterator<Item = i64> {
    let step = frame_ms * (1.0 + off_ppm as f64 / 1e6);
    (0..).map(move |n| (f64::from(n) * step).round() as i64)
}

proptest! {
    #![proptest_config(shows())]

    #[test]
    fn picture_and_sound_stay_together_for_an_hour(
        rate in prop::sample::select(&RATES[..]),
        each_nth in 1_u32..3,
        audio_hz in prop::sample::select(&[44_100_u32, 48_000][..]),
        video_ppm in -200_i64..200,
        audio_ppm in -200_i64..200,
    ) {
        let source = RateEstimate { rate: FrameRate::new(rate.0, rate.1).unwrap(), constant: true };
        let rung = FrameRate::new(rate.0, rate.1 * each_nth).unwrap();
        let timescale = timescale_for(source.rate);
        let origin = Origin { encoder_ms: 0, media: MediaTime::new(0, timescale) };
        let mut video = VideoGrid::new(source, rung, timescale, origin, &frame(TrackKind::Video, 0));
        let facts = AudioFacts { sample_rate_hz: audio_hz, channels: 2, frame_samples: 1024 };
        let mut audio = AudioGrid::new(&facts, origin, MediaTime::new(0, Timescale::new(audio_hz).unwrap()));

        let frame_ms = 1000.0 * f64::from(rate.1) / f64::from(rate.0);
        let pictures = stamps(frame_ms, video_ppm).enumerate().filter(|(n, _)| n % each_nth as usize == 0);
        let mut sounds = stamps(1_024_000.0 / f64::from(audio_hz), audio_ppm).peekable();
        let off = |at: MediaTime, stamp: i64| at.seconds() * 1000.0 - stamp as f64;
        let mut sound_off = 0.0;
        let mut next_dts = None;
        for (_, stamp) in pictures.take_while(|(_, stamp)| (*stamp as f64) < HOUR_MS) {
            while let Some(sound) = sounds.next_if(|sound| *sound <= stamp) {
                audio.place(&frame(TrackKind::Audio, sound), |sample| sound_off = off(sample.pts, sound));
            }
            let sample = video.place(&frame(TrackKind::Video, stamp));
            prop_assert!(next_dts.is_none_or(|next| sample.dts >= next), "decode times rise");
            next_dts = Some(MediaTime::new(sample.dts.ticks + 1, sample.dts.timescale));
            let apart = off(sample.pts, stamp) - sound_off;
            prop_assert!(apart.abs() <= MOST_APART_MS, "{apart} ms at {stamp} ms");
        }
    }
}
