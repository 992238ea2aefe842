//! The multivariant playlist (8216bis 4.4.6).

use std::cmp::Reverse;
use std::fmt::Write;

use super::bandwidth::BandwidthMeter;
use crate::captions::Channel;
use crate::codec::VideoFacts;
use crate::media::{FrameRate, VideoCodec};
use crate::request::PlaylistName;

/// GROUP-ID of the first audio rendition.
const AUDIO_GROUP: &str = "audio";
/// The bit rate of the variant that is listed first.
const FIRST_CHOICE_BPS: u64 = 2_000_000;

/// A video rendition, as a variant states it.
pub(crate) struct VideoLine<'a> {
    /// Path to its playlists.
    pub path: String,
    pub facts: &'a VideoFacts,
    pub frame_rate: FrameRate,
    pub meter: &'a BandwidthMeter,
    pub i_frame_meter: &'a BandwidthMeter,
}

/// An audio rendition, as its group states it.
pub(crate) struct AudioLine<'a> {
    /// Path to its playlists.
    pub path: String,
    pub codec: &'a str,
    pub channels: u8,
    pub meter: &'a BandwidthMeter,
}

/// The playlist of a session with these renditions, the best audio first, and these captions in its video.
pub(crate) fn render(video: &[VideoLine<'_>], audio: &[AudioLine<'_>], captions: &[Channel]) -> String {
    let mut out = String::with_capacity(512 + 512 * (video.len() + audio.len()));
    // 4.4.1.2, 4.4.2.1
    out.push_str("#EXTM3U\n#EXT-X-VERSION:9\n#EXT-X-INDEPENDENT-SEGMENTS\n");
    if video.is_empty() {
        audio.iter().for_each(|line| audio_stream_inf(&mut out, line));
        return out;
    }
    for (index, line) in audio.iter().enumerate() {
        media(&mut out, index, line);
    }
    for channel in captions {
        closed_captions(&mut out, *channel);
    }
    let scores = scores(video);
    for (index, line, audio) in variants(video, audio) {
        let score = scores.as_ref().and_then(|scores| scores.get(index)).copied();
        stream_inf(&mut out, line, audio, score);
        // SPEC 118: all variants have the same; without captions that is said too, or players look for some.
        out.push_str(if captions.is_empty() {
            ",CLOSED-CAPTIONS=NONE\n"
        } else {
            ",CLOSED-CAPTIONS=\"cc\"\n"
        });
        let _ = writeln!(out, "{}/{}", line.path, PlaylistName::Index);
    }
    for line in video {
        i_frame_stream_inf(&mut out, line);
    }
    out
}

/// One of the variants: the video's place, the video, and its audio with its place.
type Variant<'l, 'a> = (usize, &'l VideoLine<'a>, Option<(usize, &'l AudioLine<'a>)>);

/// Which video goes with which audio: from the best pair down, each rendition in at least one. An audio that costs as
/// much as the picture helps nobody on a poor network, so the lower pictures have the lower audio.
///
/// AUTH 1.32: players without a bandwidth estimate take the first variant; it is the one nearest to 2 Mbit/s. The
/// others follow from the highest down.
fn variants<'l, 'a>(video: &'l [VideoLine<'a>], audio: &'l [AudioLine<'a>]) -> Vec<Variant<'l, 'a>> {
    let mut order: Vec<(usize, &VideoLine<'_>)> = video.iter().enumerate().collect();
    order.sort_by_key(|(_, line)| Reverse(line.meter.peak_bps()));
    let pairs = video.len().max(audio.len());
    let pair = |pair: usize| {
        let (index, line) = order.get(pair * video.len() / pairs).copied()?;
        let place = pair * audio.len() / pairs;
        Some((index, line, audio.get(place).map(|line| (place, line))))
    };
    let mut variants: Vec<Variant<'_, '_>> = (0..pairs).filter_map(pair).collect();
    let distance = |(_, line, audio): &Variant<'_, '_>| bandwidths(line, *audio).0.abs_diff(FIRST_CHOICE_BPS);
    let nearest = (0..variants.len()).min_by_key(|index| variants.get(*index).map_or(u64::MAX, distance));
    if let Some(prefix) = nearest.and_then(|nearest| variants.get_mut(..=nearest)) {
        prefix.rotate_right(1);
    }
    variants
}

/// SPEC 116: stated of all variants when their codecs differ, of none else, since BANDWIDTH does not compare them. A
/// larger picture is better, then a smoother one, then one of more bits, weighed by what its codec makes of them.
fn scores(video: &[VideoLine<'_>]) -> Option<Vec<usize>> {
    let first = video.first()?.facts.codec;
    if video.iter().all(|line| line.facts.codec == first) {
        return None;
    }
    let quality = |line: &VideoLine<'_>| {
        let pixels = u64::from(line.facts.width) * u64::from(line.facts.height);
        let fps = (line.frame_rate.fps() * 1000.0) as u64;
        (pixels, fps, line.meter.peak_bps() * efficiency(line.facts.codec))
    };
    let better = |one: &VideoLine<'_>| video.iter().filter(|other| quality(other) < quality(one)).count();
    Some(video.iter().map(|line| 1 + better(line)).collect())
}

/// About how many bits of H.264 twenty bits of the codec are worth, as live encoders go.
fn efficiency(codec: VideoCodec) -> u64 {
    match codec {
        VideoCodec::Avc => 20,
        VideoCodec::Hevc => 30,
        VideoCodec::Av1 => 36,
    }
}

/// Peak and average of a variant, bits per second: of the video and of its audio together (4.4.6.2).
fn bandwidths(video: &VideoLine<'_>, audio: Option<(usize, &AudioLine<'_>)>) -> (u64, u64) {
    let (peak, average) = audio.map_or((0, 0), |(_, audio)| {
        (audio.meter.peak_bps(), audio.meter.average_bps())
    });
    (video.meter.peak_bps() + peak, video.meter.average_bps() + average)
}

/// GROUP-ID of an audio rendition: renditions of unlike bit rate are groups of their own (8216bis 4.4.6.2.1).
fn group(index: usize) -> String {
    match index {
        0 => AUDIO_GROUP.to_owned(),
        _ => format!("{AUDIO_GROUP}-{}", index + 1),
    }
}

// Writing to a String cannot fail, so each function below drops `write!`'s result.

/// 4.4.6.1
fn media(out: &mut String, index: usize, audio: &AudioLine<'_>) {
    let (path, group, channels) = (&audio.path, group(index), audio.channels);
    let _ = writeln!(
        out,
        "#EXT-X-MEDIA:TYPE=AUDIO,URI=\"{path}/{}\",GROUP-ID=\"{group}\",LANGUAGE=\"und\",NAME=\"Original\",DEFAULT=YES,AUTOSELECT=YES,CHANNELS=\"{channels}\"",
        PlaylistName::Index
    );
}

/// 4.4.6.1: off until the viewer's settings ask for captions.
fn closed_captions(out: &mut String, channel: Channel) {
    let name = channel.instream_id();
    let _ = writeln!(
        out,
        "#EXT-X-MEDIA:TYPE=CLOSED-CAPTIONS,GROUP-ID=\"cc\",LANGUAGE=\"und\",NAME=\"{name}\",AUTOSELECT=YES,INSTREAM-ID=\"{name}\""
    );
}

/// 4.4.6.2, but for CLOSED-CAPTIONS and the URI. FRAME-RATE has three decimals (AUTH 9.14).
fn stream_inf(
    out: &mut String,
    video: &VideoLine<'_>,
    audio: Option<(usize, &AudioLine<'_>)>,
    score: Option<usize>,
) {
    let (peak, average) = bandwidths(video, audio);
    let _ = write!(
        out,
        "#EXT-X-STREAM-INF:BANDWIDTH={peak},AVERAGE-BANDWIDTH={average}"
    );
    if let Some(score) = score {
        let _ = write!(out, ",SCORE={score}.0");
    }
    let _ = write!(out, ",CODECS=\"{}", video.facts.codec_string);
    if let Some((_, audio)) = audio {
        let _ = write!(out, ",{}", audio.codec);
    }
    out.push('"');
    resolution(out, video.facts);
    let _ = write!(out, ",FRAME-RATE={:.3}", video.frame_rate.fps());
    video_range(out, video.facts);
    if let Some((index, _)) = audio {
        let _ = write!(out, ",AUDIO=\"{}\"", group(index));
    }
}

fn audio_stream_inf(out: &mut String, audio: &AudioLine<'_>) {
    let (peak, average) = (audio.meter.peak_bps(), audio.meter.average_bps());
    let _ = writeln!(
        out,
        "#EXT-X-STREAM-INF:BANDWIDTH={peak},AVERAGE-BANDWIDTH={average},CODECS=\"{}\"\n{}/{}",
        audio.codec,
        audio.path,
        PlaylistName::Index
    );
}

/// 4.4.6.3; AUTH 6.1, 9.3.
fn i_frame_stream_inf(out: &mut String, video: &VideoLine<'_>) {
    let (peak, average) = (video.i_frame_meter.peak_bps(), video.i_frame_meter.average_bps());
    if peak == 0 {
        return;
    }
    let _ = write!(
        out,
        "#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH={peak},AVERAGE-BANDWIDTH={average},CODECS=\"{}\"",
        video.facts.codec_string
    );
    resolution(out, video.facts);
    video_range(out, video.facts);
    let _ = writeln!(out, ",URI=\"{}/{}\"", video.path, PlaylistName::IFrames);
}

fn resolution(out: &mut String, facts: &VideoFacts) {
    let _ = write!(out, ",RESOLUTION={}x{}", facts.width, facts.height);
}

/// SPEC 115: stated unless SDR, by the transfer characteristics.
fn video_range(out: &mut String, facts: &VideoFacts) {
    out.push_str(match facts.colour.map(|colour| colour.transfer) {
        Some(16) => ",VIDEO-RANGE=PQ",
        Some(18) => ",VIDEO-RANGE=HLG",
        _ => "",
    });
}

#[cfg(test)]
mod tests {
    use m3u8_rs::{MasterPlaylist, VariantStream};

    use super::*;
    use crate::codec::tests::avcc_720p30;
    use crate::playlist::bandwidth::tests::meter;

    const RATE: FrameRate = FrameRate::new(30_000, 1001).unwrap();

    fn facts() -> VideoFacts {
        VideoFacts::read(&avcc_720p30()).unwrap()
    }

    fn video<'a>(path: &str, facts: &'a VideoFacts, meter: &'a BandwidthMeter) -> VideoLine<'a> {
        VideoLine {
            path: path.to_owned(),
            facts,
            frame_rate: RATE,
            meter,
            i_frame_meter: meter,
        }
    }

    fn audio<'a>(path: &str, meter: &'a BandwidthMeter) -> AudioLine<'a> {
        AudioLine {
            path: path.to_owned(),
            codec: "mp4a.40.2",
            channels: 2,
            meter,
        }
    }

    /// A second at that many kilobits.
    fn kbps(kilobits: u64) -> BandwidthMeter {
        meter(&[(kilobits * 125 * 2, 2.0)])
    }

    /// Read by a reader of others.
    fn read(text: &str) -> MasterPlaylist {
        let playlist = m3u8_rs::parse_master_playlist_res(text.as_bytes()).unwrap();
        assert!(playlist.unknown_tags.is_empty(), "{:?}", playlist.unknown_tags);
        playlist
    }

    #[test]
    fn the_multivariant_playlist() {
        let facts = facts();
        let (picture, sound, i_frames) = (kbps(2400), kbps(128), kbps(400));
        let line = VideoLine {
            i_frame_meter: &i_frames,
            ..video("s1/video-720p", &facts, &picture)
        };
        insta::assert_snapshot!(render(&[line], &[audio("s1/audio-128k", &sound)], &[]));
    }

    #[test]
    fn an_audio_show_is_a_variant_of_its_own() {
        let sound = kbps(128);
        insta::assert_snapshot!(render(&[], &[audio("s1/audio", &sound)], &[]));
    }

    /// The lowest picture has the lower audio, and the variant nearest to 2 Mbit/s comes first.
    #[test]
    fn a_ladder_of_three_rungs_and_two_audio_renditions() {
        let facts = facts();
        let meters = [6000, 2500, 800].map(kbps);
        let lines = [("a", 0), ("b", 1), ("c", 2)].map(|(path, n)| video(path, &facts, &meters[n]));
        let sounds = [160, 64].map(kbps);
        let playlist = read(&render(
            &lines,
            &[audio("x", &sounds[0]), audio("y", &sounds[1])],
            &[],
        ));
        let variants: Vec<(&str, u64, Option<&str>)> = playlist
            .variants
            .iter()
            .filter(|variant| !variant.is_i_frame)
            .map(|variant| (variant.uri.as_str(), variant.bandwidth, variant.audio.as_deref()))
            .collect();
        let expected = [
            ("b/index.m3u8", 2_660_000, Some("audio")),
            ("a/index.m3u8", 6_160_000, Some("audio")),
            ("c/index.m3u8", 864_000, Some("audio-2")),
        ];
        assert_eq!(variants, expected);
        let groups: Vec<&str> = playlist
            .alternatives
            .iter()
            .map(|media| media.group_id.as_str())
            .collect();
        assert_eq!(groups, ["audio", "audio-2"]);
        let i_frames = playlist.variants.iter().filter(|variant| variant.is_i_frame);
        let uris: Vec<&str> = i_frames.map(|variant| variant.uri.as_str()).collect();
        assert_eq!(uris, ["a/iframes.m3u8", "b/iframes.m3u8", "c/iframes.m3u8"]);
    }

    #[test]
    fn every_audio_rendition_is_in_a_variant() {
        let facts = facts();
        let (picture, sounds) = (kbps(2000), [160, 96, 64].map(kbps));
        let audio = [("x", 0), ("y", 1), ("z", 2)].map(|(path, n)| audio(path, &sounds[n]));
        let playlist = read(&render(&[video("a", &facts, &picture)], &audio, &[]));
        let mut groups: Vec<String> = playlist
            .variants
            .into_iter()
            .filter_map(|variant| variant.audio)
            .collect();
        groups.sort();
        assert_eq!(groups, ["audio", "audio-2", "audio-3"]);
    }

    /// SPEC 118: all or none.
    #[test]
    fn captions_are_a_group_of_every_variant() {
        let facts = facts();
        let meters = [2500, 800].map(kbps);
        let lines = [("a", 0), ("b", 1)].map(|(path, n)| video(path, &facts, &meters[n]));
        let playlist = read(&render(&lines, &[], &[Channel::Cc1, Channel::Cc3]));
        let ids = playlist
            .alternatives
            .iter()
            .map(|media| media.instream_id.clone());
        assert_eq!(ids.count(), 2);
        let groups = playlist.variants.iter().filter(|variant| !variant.is_i_frame);
        for variant in groups {
            assert_eq!(
                variant.closed_captions,
                Some(m3u8_rs::ClosedCaptionGroupId::GroupId("cc".to_owned()))
            );
        }
    }

    /// SPEC 116: all or none.
    #[test]
    fn variants_of_unlike_codecs_are_scored() {
        let avc = facts();
        let hevc = VideoFacts {
            codec: VideoCodec::Hevc,
            codec_string: "hvc1.1.6.L93.B0".to_owned(),
            ..avc.clone()
        };
        let small = VideoFacts {
            width: 640,
            height: 360,
            ..avc.clone()
        };
        let meters = [2500, 3000, 800].map(kbps);
        let lines = [("hevc", &hevc, 0), ("avc", &avc, 1), ("small", &small, 2)]
            .map(|(path, facts, n)| video(path, facts, &meters[n]));
        let playlist = read(&render(&lines, &[], &[]));
        let score = |variant: &VariantStream| {
            let other = variant.other_attributes.as_ref()?;
            Some(other.get("SCORE")?.to_string())
        };
        let scores: Vec<(&str, Option<String>)> = playlist
            .variants
            .iter()
            .filter(|variant| !variant.is_i_frame)
            .map(|variant| (variant.uri.as_str(), score(variant)))
            .collect();
        let scored = |uri, score: &str| (uri, Some(score.to_owned()));
        let expected = [
            scored("hevc/index.m3u8", "3.0"),
            scored("avc/index.m3u8", "2.0"),
            scored("small/index.m3u8", "1.0"),
        ];
        assert_eq!(scores, expected);
        assert!(!render(&lines[1..], &[], &[]).contains("SCORE"));
    }
}
