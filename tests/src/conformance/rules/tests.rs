//! Each rule is shown a stream that breaks it: a checker that finds nothing is no checker.

use std::collections::BTreeSet;

use super::{across::Across, delta, history, multivariant::Multivariant, version};
use crate::conformance::findings::Findings;
use crate::conformance::playlist::MediaPlaylist;

/// Seven whole segments of 2 s and an open one, 1 s parts, six of them listed.
fn good() -> String {
    let mut text = String::from(
        "#EXTM3U\n#EXT-X-VERSION:9\n#EXT-X-INDEPENDENT-SEGMENTS\n#EXT-X-TARGETDURATION:2\n\
         #EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=3.0,HOLD-BACK=6.0,CAN-SKIP-UNTIL=12.0\n\
         #EXT-X-PART-INF:PART-TARGET=1.0\n#EXT-X-MEDIA-SEQUENCE:10\n#EXT-X-DISCONTINUITY-SEQUENCE:3\n",
    );
    for msn in 10..18_u32 {
        if msn == 10 {
            text.push_str("#EXT-X-MAP:URI=\"init-0.mp4\"\n");
        }
        let second = (msn - 10) * 2;
        text.push_str(&format!(
            "#EXT-X-PROGRAM-DATE-TIME:2026-11-24T10:00:{second:02}.000Z\n"
        ));
        let parts = [2 * msn, 2 * msn + 1];
        if msn >= 15 {
            text.push_str(&part(parts[0], true));
        }
        if (15..17).contains(&msn) {
            text.push_str(&part(parts[1], false));
        }
        if msn < 17 {
            text.push_str(&format!("#EXTINF:2.00000,\nseg-{msn}.m4s\n"));
        }
    }
    text.push_str("#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"part-35.m4s\"\n");
    text.push_str("#EXT-X-RENDITION-REPORT:URI=\"../audio/index.m3u8\",LAST-MSN=17,LAST-PART=0\n");
    text
}

fn part(number: u32, independent: bool) -> String {
    let independent = if independent { ",INDEPENDENT=YES" } else { "" };
    format!("#EXT-X-PART:DURATION=1.00000,URI=\"part-{number}.m4s\"{independent}\n")
}

/// A part later: the open segment is whole.
fn next() -> String {
    let ending = format!("{}#EXTINF:2.00000,\nseg-17.m4s\n", part(35, false));
    good().replace(
        "#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"part-35.m4s\"\n",
        &format!("{ending}#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"part-36.m4s\"\n"),
    )
}

fn parse(text: &str) -> MediaPlaylist {
    MediaPlaylist::parse(text, &mut Findings::default())
}

fn broken(findings: &Findings) -> BTreeSet<u16> {
    findings
        .violations()
        .iter()
        .map(|violation| violation.spec)
        .collect()
}

fn version_breaks(text: &str) -> BTreeSet<u16> {
    let mut findings = Findings::default();
    let playlist = MediaPlaylist::parse(text, &mut findings);
    version::check(&playlist, true, 1, &mut findings);
    broken(&findings)
}

/// Rows: what is replaced, by what, and the rules that this breaks.
type Row = (&'static str, &'static str, &'static [u16]);

fn rows(good: &str, table: &[Row], breaks: impl Fn(&str) -> BTreeSet<u16>) {
    for (from, to, specs) in table {
        assert!(good.contains(from), "{from:?} is not in the good playlist");
        let expected: BTreeSet<u16> = specs.iter().copied().collect();
        assert_eq!(
            breaks(&good.replacen(from, to, 1)),
            expected,
            "{from:?} to {to:?}"
        );
    }
}

#[test]
fn a_good_playlist_breaks_nothing() {
    for text in [good(), next()] {
        assert_eq!(version_breaks(&text), BTreeSet::new(), "{text}");
    }
}

#[test]
fn what_one_version_can_break_is_found() {
    const PDT_17: &str = "#EXT-X-PROGRAM-DATE-TIME:2026-11-24T10:00:14.000Z\n";
    let table: &[Row] = &[
        ("#EXTM3U", "#EXTM3U8", &[1]),
        ("#EXTM3U", "\u{feff}#EXTM3U", &[1]),
        ("PART-HOLD-BACK", " PART-HOLD-BACK", &[3, 35]),
        ("HOLD-BACK=6.0", "HOLD-BACK=6.0,HOLD-BACK=6.0", &[3]),
        ("DURATION=1.00000", "DURATION=1e0", &[3, 24]),
        (
            "#EXT-X-TARGETDURATION:2\n",
            "#EXT-X-TARGETDURATION:2\n#EXT-X-TARGETDURATION:2\n",
            &[4],
        ),
        ("#EXTINF:2.00000", "#EXTINF:2.50000", &[8]),
        ("URI=\"part-33.m4s\"", "URI=\"part-33.m4s\",GAP=YES", &[87]),
        (
            "#EXTINF:2.00000,\nseg-16",
            "#EXT-X-GAP\n#EXTINF:2.00000,\nseg-16",
            &[87],
        ),
        ("#EXT-X-VERSION:9", "#EXT-X-VERSION:8", &[15]),
        ("#EXT-X-INDEPENDENT-SEGMENTS\n", "", &[17]),
        ("#EXT-X-PART-INF:PART-TARGET=1.0\n", "", &[18]),
        ("PART-TARGET=1.0", "PART-TARGET=0.99999", &[19]),
        (
            "DURATION=1.00000,URI=\"part-31.m4s\"",
            "DURATION=0.80000,URI=\"part-31.m4s\"",
            &[24],
        ),
        (
            ",URI=\"part-30.m4s\",INDEPENDENT=YES",
            ",URI=\"part-30.m4s\"",
            &[22],
        ),
        (
            "#EXTINF:2.00000,\nseg-16",
            "#EXT-X-DISCONTINUITY\n#EXTINF:2.00000,\nseg-16",
            &[23],
        ),
        ("#EXTINF:2.00000,\nseg-10", "seg-10", &[24]),
        ("HOLD-BACK=6.0", "HOLD-BACK=5.9", &[34]),
        ("PART-HOLD-BACK=3.0", "PART-HOLD-BACK=2.9", &[35]),
        ("CAN-SKIP-UNTIL=12.0", "CAN-SKIP-UNTIL=11.0", &[36]),
        ("CAN-BLOCK-RELOAD=YES,", "", &[38]),
        ("#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"part-35.m4s\"\n", "", &[67]),
        (
            "#EXT-X-RENDITION-REPORT:URI=\"../audio/index.m3u8\",LAST-MSN=17,LAST-PART=0\n",
            "",
            &[74],
        ),
        (",LAST-PART=0", "", &[76]),
        ("../audio/index.m3u8", "http://other.example/index.m3u8", &[75]),
        ("../audio/index.m3u8", "../audio/index.m3u8?token=1", &[78]),
        (PDT_17, "", &[79]),
        ("10:00:14.000Z", "10:00:14Z", &[80]),
        ("10:00:14.000Z", "10:00:14.000", &[79, 80]),
        ("#EXT-X-DISCONTINUITY-SEQUENCE:3\n", "", &[86]),
        ("#EXT-X-MAP:URI=\"init-0.mp4\"\n", "", &[93]),
        (
            "#EXT-X-PRELOAD-HINT",
            "#EXT-X-ENDLIST\n#EXT-X-PRELOAD-HINT",
            &[90],
        ),
        (
            "#EXT-X-VERSION:9\n",
            "#EXT-X-VERSION:9\n#EXT-X-PLAYLIST-TYPE:EVENT\n",
            &[13],
        ),
        (
            "#EXT-X-VERSION:9\n",
            "#EXT-X-VERSION:9\n#EXT-X-START:TIME-OFFSET=-1\n",
            &[92],
        ),
    ];
    rows(&good(), table, version_breaks);
}

#[test]
fn short_parts_and_old_parts_and_a_shrunken_list_are_found() {
    // The first of three parts is short, and nothing excuses it.
    let short = good()
        .replace(
            &part(33, false),
            &format!("{}{}", part(33, false), part(99, false)),
        )
        .replace(
            "DURATION=1.00000,URI=\"part-33.m4s\"",
            "DURATION=0.80000,URI=\"part-33.m4s\"",
        )
        .replace("#EXTINF:2.00000,\nseg-16", "#EXTINF:2.80000,\nseg-16");
    assert_eq!(version_breaks(&short), BTreeSet::from([8, 20]));
    let old = good().replace(
        "#EXTINF:2.00000,\nseg-12",
        &format!("{}{}#EXTINF:2.00000,\nseg-12", part(24, true), part(25, false)),
    );
    assert_eq!(version_breaks(&old), BTreeSet::from([26]));
    let shrunken = good()
        .replace("#EXTINF:2.00000,\nseg-10.m4s\n", "")
        .replace("#EXTINF:2.00000,\nseg-11.m4s\n", "");
    assert!(version_breaks(&shrunken).contains(&12));
}

fn history_breaks(next: &str) -> BTreeSet<u16> {
    let mut findings = Findings::default();
    history::check(&parse(&good()), &parse(next), &mut findings);
    broken(&findings)
}

#[test]
fn what_a_reload_can_break_is_found() {
    assert_eq!(history_breaks(&next()), BTreeSet::new());
    assert_eq!(history_breaks(&good()), BTreeSet::new());
    let table: &[Row] = &[
        ("seg-12.m4s", "seg-112.m4s", &[6]),
        ("10:00:06.000Z", "10:00:06.001Z", &[6]),
        ("init-0.mp4", "init-1.mp4", &[6]),
        ("URI=\"part-30.m4s\"", "URI=\"part-130.m4s\"", &[6]),
        (
            "#EXTINF:2.00000,\nseg-13",
            "#EXT-X-GAP\n#EXTINF:2.00000,\nseg-13",
            &[6],
        ),
        ("#EXT-X-TARGETDURATION:2", "#EXT-X-TARGETDURATION:3", &[7]),
        ("#EXT-X-MEDIA-SEQUENCE:10", "#EXT-X-MEDIA-SEQUENCE:9", &[6, 11]),
        ("#EXT-X-MEDIA-SEQUENCE:10", "#EXT-X-MEDIA-SEQUENCE:11", &[6]),
        ("PART-HOLD-BACK=3.0", "PART-HOLD-BACK=3.1", &[21]),
        (
            "#EXT-X-DISCONTINUITY-SEQUENCE:3",
            "#EXT-X-DISCONTINUITY-SEQUENCE:4",
            &[86],
        ),
        (
            "#EXT-X-DISCONTINUITY-SEQUENCE:3",
            "#EXT-X-DISCONTINUITY-SEQUENCE:2",
            &[86],
        ),
        ("URI=\"part-35.m4s\"", "URI=\"part-77.m4s\"", &[70]),
    ];
    // A shifted sequence is a change of every segment's tags, one finding each: only the kinds are compared.
    rows(&next(), table, |text| {
        history_breaks(text)
            .into_iter()
            .filter(|spec| {
                !(text.contains("SEQUENCE:9\n") || text.contains("SEQUENCE:11\n")) || [6, 11].contains(spec)
            })
            .collect()
    });
}

#[test]
fn parts_that_go_too_early_and_changes_after_the_end_are_found() {
    let early = next().replace(&part(32, true), "").replace(&part(33, false), "");
    assert_eq!(history_breaks(&early), BTreeSet::from([26]));
    let ended = parse(&format!("{}#EXT-X-ENDLIST\n", good()));
    let mut findings = Findings::default();
    history::check(&ended, &parse(&next()), &mut findings);
    assert_eq!(broken(&findings), BTreeSet::from([6]));
}

/// The delta of `good()`: 14 s of whole segments, 12 s kept.
fn good_delta() -> String {
    let text = good();
    let from = text.find("#EXT-X-MAP").unwrap();
    let to = text.find("#EXT-X-PROGRAM-DATE-TIME:2026-11-24T10:00:02").unwrap();
    format!(
        "{}#EXT-X-SKIP:SKIPPED-SEGMENTS=1\n#EXT-X-MAP:URI=\"init-0.mp4\"\n{}",
        &text[..from],
        &text[to..]
    )
}

#[test]
fn what_a_delta_can_break_is_found() {
    // With CAN-SKIP-UNTIL at 11 s the first segment may be skipped.
    let full = good().replace("CAN-SKIP-UNTIL=12.0", "CAN-SKIP-UNTIL=11.0");
    let breaks = |text: &str| {
        let mut findings = Findings::default();
        let delta = MediaPlaylist::parse(text, &mut findings);
        delta::check(&parse(&full), &parse(&full), &delta, &mut findings);
        broken(&findings)
    };
    let good = good_delta().replace("CAN-SKIP-UNTIL=12.0", "CAN-SKIP-UNTIL=11.0");
    assert_eq!(breaks(&good), BTreeSet::new());
    assert_eq!(
        breaks(&full),
        BTreeSet::from([57]),
        "a full playlist where a delta is due"
    );
    let table: &[Row] = &[
        ("SKIPPED-SEGMENTS=1", "SKIPPED-SEGMENTS=2", &[58, 61]),
        (
            "#EXT-X-DISCONTINUITY-SEQUENCE:3",
            "#EXT-X-DISCONTINUITY-SEQUENCE:4",
            &[59],
        ),
        ("LAST-PART=0", "LAST-PART=1", &[61]),
        ("seg-14.m4s", "seg-114.m4s", &[61]),
        ("#EXT-X-MAP:URI=\"init-0.mp4\"\n", "", &[61, 62]),
    ];
    rows(&good, table, breaks);
    let skip_first = good.replace("#EXT-X-SKIP:SKIPPED-SEGMENTS=1\n", "").replace(
        "#EXT-X-MEDIA-SEQUENCE",
        "#EXT-X-SKIP:SKIPPED-SEGMENTS=1\n#EXT-X-MEDIA-SEQUENCE",
    );
    assert_eq!(breaks(&skip_first), BTreeSet::from([63]));
}

/// Observes a video playlist and an audio playlist that was changed.
fn across_breaks(audio: &str) -> BTreeSet<u16> {
    let mut across = Across::default();
    let report = |of: &str| [(of.to_owned(), (17, 0))];
    across.observe("video", true, &parse(&good()), &report("audio"));
    across.observe("audio", false, &parse(audio), &report("video"));
    broken(&across.finish())
}

#[test]
fn what_renditions_can_owe_each_other_is_found() {
    assert_eq!(across_breaks(&good()), BTreeSet::new());
    let table: &[Row] = &[
        ("PART-HOLD-BACK=3.0", "PART-HOLD-BACK=4.0", &[38]),
        ("10:00:08.000Z", "10:00:08.020Z", &[]),
        ("10:00:08.000Z", "10:00:08.030Z", &[144]),
        (
            "#EXT-X-DISCONTINUITY-SEQUENCE:3",
            "#EXT-X-DISCONTINUITY-SEQUENCE:2",
            &[85],
        ),
        ("seg-15.m4s\n", "seg-15.m4s\n#EXT-X-DISCONTINUITY\n", &[85]),
    ];
    rows(&good(), table, across_breaks);
}

#[test]
fn what_a_multivariant_playlist_can_break_is_found() {
    let good = "#EXTM3U\n#EXT-X-VERSION:9\n#EXT-X-INDEPENDENT-SEGMENTS\n\
        #EXT-X-MEDIA:TYPE=AUDIO,URI=\"s/audio/index.m3u8\",GROUP-ID=\"a\",LANGUAGE=\"und\",NAME=\"x\",DEFAULT=YES,AUTOSELECT=YES,CHANNELS=\"2\"\n\
        #EXT-X-STREAM-INF:BANDWIDTH=2000000,AVERAGE-BANDWIDTH=1900000,CODECS=\"avc1.64001f,mp4a.40.2\",RESOLUTION=1280x720,AUDIO=\"a\",CLOSED-CAPTIONS=NONE,FRAME-RATE=30.000\n\
        s/video/index.m3u8\n";
    let url = url::Url::parse("http://h/live/demo/index.m3u8").unwrap();
    let breaks = |text: &str| {
        let mut findings = Findings::default();
        Multivariant::parse(&url, text, &mut findings);
        broken(&findings)
    };
    assert_eq!(breaks(good), BTreeSet::new());
    let read = Multivariant::parse(&url, good, &mut Findings::default()).unwrap();
    let named: Vec<_> = read
        .renditions
        .iter()
        .map(|named| (named.name.as_str(), named.is_video))
        .collect();
    assert_eq!(named, [("video", true), ("audio", false)]);
    assert_eq!(read.renditions[1].url.path(), "/live/demo/s/audio/index.m3u8");
    let table: &[Row] = &[
        ("#EXT-X-INDEPENDENT-SEGMENTS\n", "", &[17]),
        ("s/video/index.m3u8", "s/video/index.m3u8?x=1", &[78]),
        ("AVERAGE-BANDWIDTH=1900000,", "", &[113]),
        ("AVERAGE-BANDWIDTH=1900000", "AVERAGE-BANDWIDTH=2100000", &[113]),
        (",FRAME-RATE=30.000", "", &[113]),
        ("FRAME-RATE=30.000", "FRAME-RATE=30", &[113]),
        (",mp4a.40.2", "", &[114]),
        ("AUDIO=\"a\"", "AUDIO=\"b\"", &[114]),
        ("LANGUAGE=\"und\",", "", &[117]),
        ("AUTOSELECT=YES,", "", &[117]),
        (",CHANNELS=\"2\"", "", &[117]),
    ];
    rows(good, table, breaks);
}
