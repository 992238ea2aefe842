use super::*;

fn source(height: u32, fps: u32, gop_fits: bool) -> Source {
    Source {
        video: Some(VideoSource {
            width: height * 16 / 9,
            height,
            rate: FrameRate::new(fps, 1).unwrap(),
            codec: VideoCodec::Avc,
            gop_fits,
        }),
        audio: Some(AudioSource {
            sample_rate_hz: 48_000,
            channels: 2,
            bitrate_bps: Some(128_000),
        }),
    }
}

fn settings(ladder: LadderChoice) -> LadderSettings {
    LadderSettings {
        ladder,
        audio_bitrates_kbps: Vec::new(),
    }
}

/// `=720p 854x480@30 1400k …`: `=` stands for passed through.
fn text(plan: &Plan) -> String {
    let one = |rendition: &RenditionPlan| match &rendition.origin {
        RenditionOrigin::PassedThrough(_) => format!("={}", rendition.name),
        RenditionOrigin::Video(rung) => format!(
            "{}x{}@{} {}k",
            rung.width,
            rung.height,
            rung.frame_rate.fps(),
            rung.bitrate_bps / 1000
        ),
        RenditionOrigin::Audio(rung) => format!("{}ch {}k", rung.channels, rung.bitrate_bps / 1000),
    };
    plan.renditions.iter().map(one).collect::<Vec<_>>().join(", ")
}

#[test]
fn the_automatic_ladder_follows_source_and_machine() {
    let table = [
        (
            720,
            30,
            true,
            2,
            "=video-720p, 854x480@30 1400k, 640x360@30 800k, =audio-128k",
        ),
        (
            720,
            30,
            false,
            2,
            "1280x720@30 3000k, 854x480@30 1400k, 640x360@30 800k, =audio-128k",
        ),
        (
            1080,
            60,
            true,
            8,
            "=video-1080p, 1280x720@60 4200k, 854x480@30 1400k, 640x360@30 800k, 426x240@30 400k, =audio-128k",
        ),
        (
            2160,
            30,
            false,
            2,
            "1920x1080@30 6000k, 1280x720@30 3000k, 854x480@30 1400k, =audio-128k",
        ),
        (360, 25, true, 2, "=video-360p, 426x240@25 400k, =audio-128k"),
        (144, 25, true, 2, "=video-144p, =audio-128k"),
    ];
    for (height, fps, fits, processors, expected) in table {
        let plan = Plan::new(
            &settings(LadderChoice::Auto),
            &source(height, fps, fits),
            processors,
        )
        .unwrap();
        assert_eq!(text(&plan), expected);
    }
}

#[test]
fn the_lead_is_the_source_or_the_rung_that_is_never_shed() {
    let plan = |fits| Plan::new(&settings(LadderChoice::Auto), &source(720, 30, fits), 2).unwrap();
    assert_eq!(plan(true).lead(), RenditionId(0));
    assert_eq!(plan(false).lead(), RenditionId(2));
    let audio = Source {
        video: None,
        ..source(720, 30, true)
    };
    let plan = Plan::new(&settings(LadderChoice::Auto), &audio, 2).unwrap();
    assert_eq!(
        (plan.lead(), text(&plan).as_str()),
        (RenditionId(0), "=audio-128k")
    );
}

#[test]
fn a_configured_ladder_says_what_is_wrong_with_it() {
    let rung = |height: u32| RungSettings {
        height: Some(height),
        ..RungSettings::default()
    };
    let passed = || RungSettings {
        passthrough: true,
        ..RungSettings::default()
    };
    let table = [
        (vec![rung(480), rung(480)], "two rungs are named video-480p"),
        (vec![RungSettings::default()], "needs a height or a width"),
        (vec![rung(20)], "64 to 4320"),
        (vec![passed(), passed()], "only one rung"),
        (
            vec![RungSettings {
                height: Some(720),
                ..passed()
            }],
            "nothing but its name",
        ),
    ];
    for (rungs, expected) in table {
        let error = Plan::check(&settings(LadderChoice::Rungs(rungs)))
            .unwrap_err()
            .to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn configured_rungs_take_their_own_values_and_the_usual_ones_for_the_rest() {
    let rungs = vec![
        RungSettings {
            passthrough: true,
            ..RungSettings::default()
        },
        RungSettings {
            width: Some(640),
            fps_cap: Some(30.0),
            bitrate_kbps: Some(900),
            encoder: Some("h264_nvenc".into()),
            ..RungSettings::default()
        },
    ];
    let plan = Plan::new(&settings(LadderChoice::Rungs(rungs)), &source(720, 60, true), 2).unwrap();
    assert_eq!(text(&plan), "=video-720p, 640x360@30 900k, =audio-128k");
    let (_, rung) = plan.video_rungs().next().unwrap();
    assert_eq!(
        (rung.each_nth_frame, rung.maxrate_bps, rung.preset.as_deref()),
        (2, 990_000, None)
    );
}

#[test]
fn audio_is_passed_through_where_every_player_takes_it() {
    let table = [
        (48_000, 2, vec![], "=audio-128k"),
        (44_100, 1, vec![], "=audio-128k"),
        (22_050, 2, vec![], "2ch 128k"),
        (48_000, 6, vec![], "2ch 128k"),
        (48_000, 2, vec![160, 64], "2ch 160k, 2ch 64k"),
        (48_000, 1, vec![96], "1ch 96k"),
    ];
    for (sample_rate_hz, channels, audio_bitrates_kbps, expected) in table {
        let source = Source {
            video: None,
            audio: Some(AudioSource {
                sample_rate_hz,
                channels,
                bitrate_bps: Some(128_000),
            }),
        };
        let settings = LadderSettings {
            ladder: LadderChoice::Auto,
            audio_bitrates_kbps,
        };
        assert_eq!(text(&Plan::new(&settings, &source, 2).unwrap()), expected);
    }
}

#[test]
fn a_source_that_comes_back_otherwise_keeps_the_renditions() {
    let plan = Plan::new(&settings(LadderChoice::Auto), &source(720, 30, true), 2).unwrap();
    let wider = Source {
        video: Some(VideoSource {
            width: 2560,
            height: 1080,
            rate: FrameRate::new(60, 1).unwrap(),
            codec: VideoCodec::Avc,
            gop_fits: false,
        }),
        ..source(720, 30, true)
    };
    let renewed = plan.for_source(&wider);
    let names = |plan: &Plan| {
        plan.renditions
            .iter()
            .map(|one| one.name.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(names(&renewed), names(&plan));
    assert_eq!(
        text(&renewed),
        "2560x1080@60 8400k, 1138x480@60 1400k, 854x360@60 800k, =audio-128k"
    );
}

#[test]
fn odd_sizes_become_even() {
    let odd = Source {
        video: Some(VideoSource {
            width: 853,
            height: 481,
            rate: THIRTY,
            codec: VideoCodec::Avc,
            gop_fits: false,
        }),
        audio: None,
    };
    let plan = Plan::new(&settings(LadderChoice::Auto), &odd, 2).unwrap();
    assert_eq!(text(&plan), "852x480@30 1400k, 638x360@30 800k, 426x240@30 400k");
}
