//! Encoders other than libx264, and those that are not there.

use vitrine_ingest::ladder::{
    IdrGrid, Ladder, LadderChoice, LadderError, LadderSettings, RungSettings, check_encoders,
};
use vitrine_packager::media::{RenditionId, TrackConfig, VideoCodec};

use crate::run::{Made, finish, plan, run, rung};
use crate::source::{encode, test_picture, words};

fn with_encoder(name: &str, preset: Option<&str>) -> RungSettings {
    RungSettings {
        encoder: Some(name.into()),
        preset: preset.map(Into::into),
        ..rung(128)
    }
}

#[test]
fn hevc_and_av1_rungs_stand_beside_h264_with_the_same_frames_and_idrs() {
    let source = encode(
        &[
            test_picture("256x144", "30"),
            words("-t 3 -c:v libx264 -preset ultrafast -g 250 -force_key_frames 0,0.8,2 -pix_fmt yuv420p"),
        ]
        .concat(),
        "mp4",
    );
    for (name, preset, codec) in [
        ("libx265", "ultrafast", VideoCodec::Hevc),
        ("libaom-av1", "", VideoCodec::Av1),
    ] {
        let plan = plan(
            &source,
            vec![
                with_encoder(name, Some(preset).filter(|preset| !preset.is_empty())),
                rung(64),
            ],
            vec![],
        );
        let made = run(&plan, &source, IdrGrid::Source);
        assert!(made.failed.is_empty(), "{name}: {:?}", made.failed);
        let TrackConfig::Video(config) = &made.tracks[&RenditionId(0)] else {
            panic!("no video")
        };
        assert_eq!(config.codec, codec);
        for rung in 0..2 {
            assert_eq!(made.stamps(rung), source.shown(), "{name} {rung}");
            assert_eq!(made.idrs(rung), source.idrs(), "{name} {rung}");
        }
        let pictures = made.pictures(0);
        assert_eq!(pictures.len(), source.frames.len());
        assert_eq!((pictures[5].width(), pictures[5].height()), (228, 128));
    }
}

#[test]
fn an_encoder_that_is_not_there_is_named_with_those_that_are() {
    let settings = |name: &str, preset: Option<&str>| LadderSettings {
        ladder: LadderChoice::Rungs(vec![with_encoder(name, preset)]),
        ..LadderSettings::default()
    };
    assert!(check_encoders(&settings("libx264", None)).is_ok());
    assert!(check_encoders(&settings("libx265", Some("veryfast"))).is_ok());
    for unknown in ["h265", "mpeg4", "aac"] {
        let error = check_encoders(&settings(unknown, None)).unwrap_err();
        assert!(matches!(error, LadderError::UnknownEncoder { .. }));
        let text = error.to_string();
        assert!(
            text.contains(unknown) && text.contains("libx264, libx265"),
            "{text}"
        );
    }
    assert!(check_encoders(&settings("libaom-av1", None)).is_ok());
    // In FFmpeg, but without hardware.
    let error = check_encoders(&settings("h264_nvenc", None))
        .unwrap_err()
        .to_string();
    assert!(error.contains("encoder h264_nvenc"), "{error}");
    let error = check_encoders(&settings("libx264", Some("quick")))
        .unwrap_err()
        .to_string();
    assert!(error.contains("check its preset"), "{error}");
}

#[test]
fn a_rung_without_its_encoder_fails_alone() {
    let source = encode(
        &[
            test_picture("256x144", "30"),
            words("-t 2 -c:v libx264 -preset ultrafast -g 30 -pix_fmt yuv420p"),
        ]
        .concat(),
        "mp4",
    );
    let plan = plan(&source, vec![with_encoder("h264_nvenc", None), rung(64)], vec![]);
    let (mut ladder, mut outputs) = Ladder::start(&plan, &source.tracks, IdrGrid::Source).unwrap();
    let mut made = Made::default();
    for frame in &source.frames {
        ladder.push(frame);
    }
    ladder.finish();
    finish(&mut outputs, &mut made);
    assert_eq!(made.failed.len(), 1);
    assert_eq!(made.failed[0].0, RenditionId(0));
    assert_eq!(made.stamps(1), source.shown());
}
