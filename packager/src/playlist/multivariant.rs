//! The multivariant playlist (8216bis 4.4.6), written by `m3u8-rs`, and the bandwidths that it states.

use std::collections::{HashMap, VecDeque};

use m3u8_rs::{
    AlternativeMedia, AlternativeMediaType, ClosedCaptionGroupId, MasterPlaylist, QuotedOrUnquoted,
    Resolution, VariantStream,
};

use crate::codec::VideoFacts;
use crate::media::FrameRate;

/// GROUP-ID of the first audio rendition.
const AUDIO_GROUP: &str = "audio";
/// The bit rate of the variant that is listed first.
const FIRST_CHOICE_BPS: u64 = 2_000_000;
/// Bandwidths are stated in whole kilobits, rounded up.
const BANDWIDTH_UNIT: f64 = 1000.0;

/// Measures a rendition's bit rates over its segments (8216bis 4.1; SPEC 111, 112).
#[derive(Debug, Clone)]
pub struct BandwidthMeter {
    target_duration_s: f64,
    /// Bounded: the segments of one and a half target durations. Full: the oldest leaves.
    recent: VecDeque<(f64, f64)>,
    peak_bps: f64,
    total: (f64, f64),
}

impl BandwidthMeter {
    /// A meter for a session of that target duration.
    pub fn new(target_duration_s: u32) -> Self {
        let target_duration_s = f64::from(target_duration_s);
        Self {
            target_duration_s,
            recent: VecDeque::new(),
            peak_bps: 0.0,
            total: (0.0, 0.0),
        }
    }

    /// Counts a whole segment.
    pub fn add(&mut self, bytes: u64, duration_s: f64) {
        let bits = bytes as f64 * 8.0;
        self.total = (self.total.0 + bits, self.total.1 + duration_s);
        self.recent.push_back((bits, duration_s));
        let longest = 1.5 * self.target_duration_s + 0.5;
        while self.recent.iter().map(|(_, seconds)| seconds).sum::<f64>() > longest {
            self.recent.pop_front();
        }
        // The peak over every run that ends here and is long enough to count.
        let mut run = (0.0, 0.0);
        for (bits, seconds) in self.recent.iter().rev() {
            run = (run.0 + bits, run.1 + seconds);
            if run.1 >= 0.5 * self.target_duration_s {
                self.peak_bps = self.peak_bps.max(run.0 / run.1);
            }
        }
        if self.peak_bps == 0.0 && duration_s > 0.0 {
            self.peak_bps = bits / duration_s;
        }
    }

    /// The highest bit rate of any run of segments, bits per second.
    pub fn peak_bps(&self) -> u64 {
        in_kilobits(self.peak_bps)
    }

    /// The bit rate of everything so far, bits per second.
    pub fn average_bps(&self) -> u64 {
        in_kilobits(if self.total.1 > 0.0 {
            self.total.0 / self.total.1
        } else {
            0.0
        })
    }
}

fn in_kilobits(bps: f64) -> u64 {
    ((bps / BANDWIDTH_UNIT).ceil() * BANDWIDTH_UNIT) as u64
}

/// A video rendition, as a variant states it.
pub(crate) struct VideoLine<'a> {
    pub uri: String,
    pub facts: &'a VideoFacts,
    pub frame_rate: FrameRate,
    pub meter: &'a BandwidthMeter,
}

/// An audio rendition, as its group states it.
pub(crate) struct AudioLine<'a> {
    pub uri: String,
    pub codec: &'a str,
    pub channels: u8,
    pub meter: &'a BandwidthMeter,
}

/// The playlist of a session with these renditions; the best audio first.
pub(crate) fn render(video: &[VideoLine<'_>], audio: &[AudioLine<'_>]) -> String {
    let mut variants: Vec<VariantStream> = in_order(video)
        .iter()
        .map(|line| {
            variant(
                line,
                audio_for(line, video, audio).map(|index| (index, &audio[index])),
            )
        })
        .collect();
    let mut alternatives = Vec::new();
    if video.is_empty() {
        variants.extend(audio.iter().map(audio_variant));
    } else {
        let lines = audio.iter().enumerate();
        alternatives.extend(lines.map(|(index, line)| alternative(index, line)));
    }
    let playlist = MasterPlaylist {
        version: Some(9),
        independent_segments: true,
        variants,
        alternatives,
        ..MasterPlaylist::default()
    };
    let mut text = Vec::with_capacity(1024);
    // Writing to memory cannot fail, and m3u8-rs writes UTF-8.
    let _ = playlist.write_to(&mut text);
    String::from_utf8(text).unwrap_or_default()
}

/// AUTH 1.32: players without a bandwidth estimate take the first; it is the one nearest to 2 Mbit/s. The others follow from
/// the highest down.
fn in_order<'v, 'a>(video: &'v [VideoLine<'a>]) -> Vec<&'v VideoLine<'a>> {
    let mut lines: Vec<&VideoLine<'_>> = video.iter().collect();
    lines.sort_by_key(|line| std::cmp::Reverse(line.meter.peak_bps()));
    let nearest = (0..lines.len()).min_by_key(|index| {
        lines
            .get(*index)
            .map_or(u64::MAX, |line| line.meter.peak_bps().abs_diff(FIRST_CHOICE_BPS))
    });
    if let Some(prefix) = nearest.and_then(|nearest| lines.get_mut(..=nearest)) {
        prefix.rotate_right(1);
    }
    lines
}

/// The lowest of several video renditions goes with the last audio rendition, the others with the first: an audio that
/// costs as much as the picture helps nobody on a poor network.
fn audio_for(line: &VideoLine<'_>, video: &[VideoLine<'_>], audio: &[AudioLine<'_>]) -> Option<usize> {
    let least = video.iter().map(|line| line.meter.peak_bps()).min();
    let is_lowest = video.len() > 1 && Some(line.meter.peak_bps()) == least;
    let last = audio.len().checked_sub(1)?;
    Some(if is_lowest { last } else { 0 })
}

/// GROUP-ID of an audio rendition: renditions of unlike bit rate are groups of their own (8216bis 4.4.6.2.1).
fn group(index: usize) -> String {
    match index {
        0 => AUDIO_GROUP.to_owned(),
        _ => format!("{AUDIO_GROUP}-{}", index + 1),
    }
}

fn variant(video: &VideoLine<'_>, audio: Option<(usize, &AudioLine<'_>)>) -> VariantStream {
    let (audio_peak, audio_average) = audio.map_or((0, 0), |(_, audio)| {
        (audio.meter.peak_bps(), audio.meter.average_bps())
    });
    let mut codecs = video.facts.codec_string.clone();
    if let Some((_, audio)) = audio {
        codecs.push(',');
        codecs.push_str(audio.codec);
    }
    // m3u8-rs prints FRAME-RATE without its three decimals (AUTH 9.14), and knows no VIDEO-RANGE.
    let unquoted = |text: String| QuotedOrUnquoted::Unquoted(text);
    let mut other = HashMap::from([(
        "FRAME-RATE".to_owned(),
        unquoted(format!("{:.3}", video.frame_rate.fps())),
    )]);
    if let Some(range) = video_range(video.facts) {
        other.insert("VIDEO-RANGE".to_owned(), unquoted(range.to_owned()));
    }
    VariantStream {
        uri: video.uri.clone(),
        bandwidth: video.meter.peak_bps() + audio_peak,
        average_bandwidth: Some(video.meter.average_bps() + audio_average),
        codecs: Some(codecs),
        resolution: Some(Resolution {
            width: video.facts.width.into(),
            height: video.facts.height.into(),
        }),
        audio: audio.map(|(index, _)| group(index)),
        closed_captions: Some(ClosedCaptionGroupId::None),
        other_attributes: Some(other),
        ..VariantStream::default()
    }
}

/// SPEC 115: stated unless SDR, by the transfer characteristics.
fn video_range(facts: &VideoFacts) -> Option<&'static str> {
    match facts.colour?.transfer {
        16 => Some("PQ"),
        18 => Some("HLG"),
        _ => None,
    }
}

fn audio_variant(audio: &AudioLine<'_>) -> VariantStream {
    VariantStream {
        uri: audio.uri.clone(),
        bandwidth: audio.meter.peak_bps(),
        average_bandwidth: Some(audio.meter.average_bps()),
        codecs: Some(audio.codec.to_owned()),
        ..VariantStream::default()
    }
}

fn alternative(index: usize, audio: &AudioLine<'_>) -> AlternativeMedia {
    AlternativeMedia {
        media_type: AlternativeMediaType::Audio,
        uri: Some(audio.uri.clone()),
        group_id: group(index),
        language: Some("und".to_owned()),
        name: "Original".to_owned(),
        default: true,
        autoselect: true,
        channels: Some(audio.channels.to_string()),
        ..AlternativeMedia::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::tests::avcc_720p30;

    fn meter(segments: &[(u64, f64)]) -> BandwidthMeter {
        let mut meter = BandwidthMeter::new(2);
        segments
            .iter()
            .for_each(|(bytes, seconds)| meter.add(*bytes, *seconds));
        meter
    }

    #[test]
    fn the_peak_is_of_a_run_and_the_average_of_everything() {
        let measured = meter(&[(250_000, 2.0), (500_000, 2.0), (250_000, 2.0)]);
        assert_eq!(
            (measured.peak_bps(), measured.average_bps()),
            (2_000_000, 1_334_000)
        );
        // A short segment alone is no run: it counts with its neighbour.
        let short = meter(&[(250_000, 2.0), (100_000, 0.4)]);
        assert_eq!(short.peak_bps(), 1_167_000);
    }

    #[test]
    fn the_multivariant_playlist() {
        let facts = VideoFacts::read(&avcc_720p30()).unwrap();
        let (video, audio) = (meter(&[(600_000, 2.0)]), meter(&[(32_000, 2.0)]));
        let line = VideoLine {
            uri: "s1/video-720p/index.m3u8".into(),
            facts: &facts,
            frame_rate: FrameRate::new(30_000, 1001).unwrap(),
            meter: &video,
        };
        let audio = AudioLine {
            uri: "s1/audio-128k/index.m3u8".into(),
            codec: "mp4a.40.2",
            channels: 2,
            meter: &audio,
        };
        insta::assert_snapshot!(render(&[line], &[audio]));
    }

    #[test]
    fn an_audio_show_is_a_variant_of_its_own() {
        let measured = meter(&[(32_000, 2.0)]);
        let audio = AudioLine {
            uri: "s1/audio/index.m3u8".into(),
            codec: "mp4a.40.2",
            channels: 1,
            meter: &measured,
        };
        insta::assert_snapshot!(render(&[], &[audio]));
    }
}
