//! The encoders that a ladder knows, and what each is told to write a live stream: every picture out at once, IDRs where they are
//! asked for and nowhere else.

use ffmpeg_next::codec::encoder;
use vitrine_packager::media::VideoCodec;

use super::plan::VideoRung;

/// FFmpeg's names of the encoders, and what they write.
const KNOWN: [(&str, VideoCodec); 12] = [
    ("libx264", VideoCodec::Avc),
    ("libx265", VideoCodec::Hevc),
    ("libaom-av1", VideoCodec::Av1),
    ("libsvtav1", VideoCodec::Av1),
    ("h264_nvenc", VideoCodec::Avc),
    ("hevc_nvenc", VideoCodec::Hevc),
    ("h264_qsv", VideoCodec::Avc),
    ("hevc_qsv", VideoCodec::Hevc),
    ("h264_vaapi", VideoCodec::Avc),
    ("hevc_vaapi", VideoCodec::Hevc),
    ("h264_v4l2m2m", VideoCodec::Avc),
    ("hevc_v4l2m2m", VideoCodec::Hevc),
];

/// What an encoder writes; `None` for one that a ladder does not know.
pub(super) fn codec_of(name: &str) -> Option<VideoCodec> {
    KNOWN
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, codec)| *codec)
}

/// The known encoders that FFmpeg was built with here. Those of hardware may still be without it.
pub(super) fn built() -> Vec<&'static str> {
    let names = KNOWN.iter().map(|(name, _)| *name);
    names
        .filter(|name| encoder::find_by_name(name).is_some())
        .collect()
}

/// An encoder's private options, as `ffmpeg -h encoder=…` lists them.
pub(super) fn options(rung: &VideoRung) -> Vec<(&'static str, String)> {
    let mut options: Vec<(&'static str, String)> = Vec::new();
    options.extend(rung.preset.clone().map(|preset| ("preset", preset)));
    options.extend(rung.profile.clone().map(|profile| ("profile", profile)));
    let live: &[(&str, &str)] = match rung.encoder.as_str() {
        "libx264" => &[
            ("tune", "zerolatency"),
            ("forced-idr", "1"),
            ("x264-params", "keyint=infinite:scenecut=0:open-gop=0"),
        ],
        // One pool of no threads, and one frame at a time: its own threads would hold frames back.
        "libx265" => &[
            ("tune", "zerolatency"),
            ("forced-idr", "1"),
            (
                "x265-params",
                "keyint=-1:scenecut=0:open-gop=0:repeat-headers=0:frame-threads=1:log-level=error",
            ),
        ],
        "libaom-av1" => &[
            ("usage", "realtime"),
            ("cpu-used", "8"),
            ("lag-in-frames", "0"),
            ("row-mt", "1"),
        ],
        // Its version 1.4, Debian 12's, makes no IDRs where it is told to while it works without delay.
        "libsvtav1" => &[("svtav1-params", "pred-struct=1:rc=2:lookahead=0:scd=0")],
        "h264_nvenc" | "hevc_nvenc" => &[
            ("tune", "ull"),
            ("forced-idr", "1"),
            ("zerolatency", "1"),
            ("delay", "0"),
            ("no-scenecut", "1"),
            ("rc", "vbr"),
        ],
        "h264_qsv" | "hevc_qsv" => &[("forced_idr", "1"), ("async_depth", "1"), ("look_ahead", "0")],
        "h264_vaapi" | "hevc_vaapi" => &[("async_depth", "1"), ("rc_mode", "VBR")],
        _ => &[],
    };
    options.extend(live.iter().map(|(key, value)| (*key, (*value).to_owned())));
    options
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_encoders_say_what_they_write() {
        assert_eq!(codec_of("libx264"), Some(VideoCodec::Avc));
        assert_eq!(codec_of("libx265"), Some(VideoCodec::Hevc));
        assert_eq!(codec_of("libsvtav1"), Some(VideoCodec::Av1));
        assert_eq!(codec_of("mpeg4"), None, "players do not take it");
        assert_eq!(codec_of(""), None);
    }

    #[test]
    fn debians_libraries_have_the_ones_of_software() {
        crate::ladder::ffmpeg::init();
        let built = built();
        assert!(
            ["libx264", "libx265", "libaom-av1"]
                .iter()
                .all(|name| built.contains(name))
        );
    }
}
