use super::source::THIRTY;
use super::*;
use crate::ladder::settings::RungSettings;
use vitrine_packager::media::VideoCodec;

fn source(height: u32, fps: u32, gop_fits: bool) -> Source {
    Source {
        video: Some(VideoSource {
            width: height * 16 / 9,
            height,
            rate: FrameRate::new(fps, 1).unwrap(),
            codec: VideoCodec::Avc,
            gop_fits,
            is_playable: true,
            bitrate_bps: None,
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

/// The source's size, rate, whether its keyframes fit, the machine's processors; the plan.
const AUTOMATIC: [(u32, u32, bool, usize, &str); 9] = [
    (
        720,
        30,
        true,
        2,
        "=video-720p, 854x480@30 1400k, 640x360@30 800k, 426x240@30 400k, =audio-128k",
    ),
    (
        720,
        30,
        false,
        2,
        "1280x720@30 3000k, 854x480@30 1400k, 640x360@30 800k, 426x240@30 400k, =audio-128k",
    ),
    (
        1080,
        60,
        true,
        8,
        "=video-1080p, 1280x720@60 4200k, 854x480@30 1400k, 640x360@30 800k, 426x240@30 400k, =audio-128k",
    ),
    // One small processor: the steps that it cannot encode are left out from the top, or have half the frames.
    (
        1080,
        60,
        true,
        1,
        "=video-1080p, 640x360@30 800k, 426x240@30 400k, =audio-128k",
    ),
    (
        720,
        60,
        false,
        1,
        "854x480@30 1400k, 640x360@30 800k, 426x240@30 400k, =audio-128k",
    ),
    (
        2160,
        30,
        false,
        8,
        "1920x1080@30 6000k, 1280x720@30 3000k, 854x480@30 1400k, 640x360@30 800k, 426x240@30 400k, =audio-128k",
    ),
    (2160, 60, true, 1, "=video-2160p, 426x240@30 400k, =audio-128k"),
    (360, 25, true, 2, "=video-360p, 426x240@25 400k, =audio-128k"),
    (144, 25, true, 2, "=video-144p, =audio-128k"),
];

#[test]
fn the_automatic_ladder_follows_source_and_machine() {
    for (height, fps, fits, processors, expected) in AUTOMATIC {
        let source = source(height, fps, fits);
        let plan = Plan::new(&settings(LadderChoice::Auto), &source, processors).unwrap();
        assert_eq!(text(&plan), expected, "{height}p{fps} {fits} on {processors}");
    }
}

#[test]
fn a_source_that_not_every_player_takes_has_its_size_in_h264_too() {
    let hevc = Source {
        video: source(720, 30, true).video.map(|video| VideoSource {
            codec: VideoCodec::Hevc,
            ..video
        }),
        audio: None,
    };
    let plan = Plan::new(&settings(LadderChoice::Auto), &hevc, 8).unwrap();
    assert_eq!(
        text(&plan),
        "=video-720p-hevc, 1280x720@30 3000k, 854x480@30 1400k, 640x360@30 800k, 426x240@30 400k"
    );
    assert_eq!(plan.lead(), RenditionId(0));
    let interlaced = Source {
        video: source(720, 25, true).video.map(|video| VideoSource {
            is_playable: false,
            ..video
        }),
        audio: None,
    };
    let plan = Plan::new(&settings(LadderChoice::Auto), &interlaced, 8).unwrap();
    assert!(
        text(&plan).starts_with("1280x720@25 3000k, 854x480@25"),
        "{}",
        text(&plan)
    );
}

#[test]
fn no_rung_has_more_bits_than_the_source() {
    let of = |bps| {
        let source = Source {
            video: source(1080, 30, true).video.map(|video| VideoSource {
                bitrate_bps: Some(bps),
                ..video
            }),
            audio: None,
        };
        text(&Plan::new(&settings(LadderChoice::Auto), &source, 8).unwrap())
    };
    let rest = "640x360@30 800k, 426x240@30 400k";
    assert_eq!(
        of(2_000_000),
        format!("=video-1080p, 1280x720@30 2000k, 854x480@30 1400k, {rest}")
    );
    assert_eq!(
        of(1),
        "=video-1080p, 1280x720@30 1500k, 854x480@30 700k, 640x360@30 400k, 426x240@30 200k"
    );
}

#[test]
fn listed_rungs_are_sorted_and_those_above_the_source_left_out() {
    let rung = |height: u32| RungSettings {
        height: Some(height),
        ..RungSettings::default()
    };
    let plan = |rungs: Vec<RungSettings>| {
        text(&Plan::new(&settings(LadderChoice::Rungs(rungs)), &source(720, 30, true), 2).unwrap())
    };
    assert_eq!(
        plan(vec![rung(360), rung(1080), rung(720)]),
        "1280x720@30 3000k, 640x360@30 800k, =audio-128k"
    );
    assert_eq!(
        plan(vec![rung(2160), rung(1080)]),
        "1920x1080@30 6000k, =audio-128k"
    );
}

#[test]
fn a_frame_rate_cap_divides_by_a_whole_number() {
    let nth = |fps: (u32, u32), cap: f64| {
        let source = Source {
            video: source(720, 30, true).video.map(|video| VideoSource {
                rate: FrameRate::new(fps.0, fps.1).unwrap(),
                ..video
            }),
            audio: None,
        };
        let rungs = vec![RungSettings {
            height: Some(480),
            fps_cap: Some(cap),
            ..RungSettings::default()
        }];
        let plan = Plan::new(&settings(LadderChoice::Rungs(rungs)), &source, 2).unwrap();
        let (_, rung) = plan.video_rungs().next().unwrap();
        (
            rung.each_nth_frame,
            plan.source_rate() == FrameRate::new(fps.0, fps.1).unwrap(),
        )
    };
    assert_eq!(nth((60, 1), 30.0), (2, true));
    assert_eq!(nth((60_000, 1001), 30.0), (2, true));
    assert_eq!(nth((50, 1), 30.0), (2, true));
    assert_eq!(nth((30, 1), 29.97), (1, true));
    assert_eq!(nth((120, 1), 120.0), (2, true), "60 is the most");
    assert_eq!(nth((24, 1), 10.0), (3, true));
}

#[test]
fn the_lead_is_the_source_or_the_rung_that_is_never_shed() {
    let plan = |fits| Plan::new(&settings(LadderChoice::Auto), &source(720, 30, fits), 2).unwrap();
    assert_eq!(plan(true).lead(), RenditionId(0));
    assert_eq!(plan(false).lead(), RenditionId(3));
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
        (
            vec![RungSettings {
                fps_cap: Some(0.0),
                ..rung(360)
            }],
            "fps_cap of rung video-360p must be 1 or more",
        ),
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
            is_playable: true,
            bitrate_bps: None,
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
        "2560x1080@60 8400k, 1138x480@60 1400k, 854x360@60 800k, 568x240@60 400k, =audio-128k"
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
            is_playable: true,
            bitrate_bps: None,
        }),
        audio: None,
    };
    let plan = Plan::new(&settings(LadderChoice::Auto), &odd, 2).unwrap();
    assert_eq!(text(&plan), "852x480@30 1400k, 638x360@30 800k, 426x240@30 400k");
}
