//! The renditions of a session among themselves (SPEC 38, 74-77, 85, 126, 144).

use std::collections::BTreeMap;

use proptest::prelude::*;
use vitrine_packager::media::{Frame, TrackKind};

use crate::common::playlist::{E5, Playlist, Segment};
use crate::common::{History, Session, fetch, full};
use crate::script::{any_show, unbroken_show};
use crate::shows;

/// Every whole segment that a rendition ever listed, by number.
pub fn segments(history: &History) -> BTreeMap<u64, Segment> {
    let all = history
        .playlists()
        .into_iter()
        .flat_map(|playlist| playlist.segments);
    all.map(|segment| (segment.msn, segment)).collect()
}

proptest! {
    #![proptest_config(shows())]

    /// The same numbers for the same times, gaps and discontinuities; audio begins with its first frame there.
    #[test]
    fn renditions_are_cut_at_the_same_instants(script in any_show()) {
        prop_assume!(script.encoder.has_video() && script.encoder.audio_hz > 0);
        let session = script.play().session;
        let (video, audio) = (segments(&session.histories[&script.lead()]), segments(&session.histories["audio-128k"]));
        prop_assert_eq!(video.keys().collect::<Vec<_>>(), audio.keys().collect::<Vec<_>>());
        for (video, audio) in video.values().zip(audio.values()) {
            prop_assert_eq!(video.gap, audio.gap, "{:?} {:?}", video, audio);
            let breaks = |segment: &Segment| (segment.opening.discontinuity, segment.opening.discontinuity_sequence);
            prop_assert_eq!(breaks(video), breaks(audio), "SPEC 85: {:?} {:?}", video, audio);
            let late_ms = audio.opening.pdt_ms.unwrap() - video.opening.pdt_ms.unwrap();
            // Behind a segment of a single picture, which is shorter than a frame of AAC, the gap has nothing to be in step with.
            let latest_ms = if video.gap { 48 } else { 24 };
            prop_assert!((-1..=latest_ms).contains(&late_ms), "SPEC 144: {late_ms} ms: {video:?} {audio:?}");
        }
    }

    /// SPEC 38, 74, 75, 77: a report is right when it is rendered.
    #[test]
    fn reports_tell_the_newest_part_of_every_other_rendition(script in any_show()) {
        let session = script.play().session;
        let seen = Seen::all(&session);
        for (name, rendition) in &seen {
            for (step, playlist) in rendition.steps.iter().zip(&rendition.playlists) {
                let others = seen.iter().filter(|(other, theirs)| *other != name && theirs.newest(*step).is_some());
                let expected = if playlist.ended { 0 } else { others.count() };
                prop_assert_eq!(playlist.reports.len(), expected, "SPEC 74");
                for report in &playlist.reports {
                    let of = |other: &&str| other != name && report["URI"] == format!("../{other}/index.m3u8");
                    let (_, other) = seen.iter().find(|(other, _)| of(other)).expect("SPEC 75: of another rendition");
                    let (msn, part) = other.newest(*step).unwrap();
                    prop_assert_eq!((&report["LAST-MSN"], &report["LAST-PART"]), (&msn.to_string(), &part.to_string()));
                    let theirs = other.at(*step).unwrap();
                    prop_assert_eq!(&theirs.server_control, &playlist.server_control, "SPEC 38");
                    prop_assert_eq!(theirs.part_target, playlist.part_target);
                }
            }
        }
    }

    /// SPEC 77: while nothing is lost, what a report does not tell yet is less than two PART-TARGETs of media.
    #[test]
    fn no_report_is_long_out_of_date(script in unbroken_show()) {
        let (frames, _) = script.frames(&script.publications[0], &script.encoder, true);
        let session = Session::of(script.settings, &script.encoder, frames);
        let seen = Seen::all(&session);
        // The track that comes later is the only one to publish after the other is over.
        let over = seen.values().filter_map(|rendition| rendition.steps.last()).min().unwrap();
        for step in 1..*over {
            for ((name, rendition), (other, theirs)) in seen.iter().zip(seen.iter().rev()) {
                prop_assert_ne!(name, other, "two renditions");
                let (Some(playlist), Some(theirs)) = (rendition.at(step), theirs.at(step)) else { continue };
                let Some(report) = playlist.reports.first() else { continue };
                let known: (u64, u64) = (report["LAST-MSN"].parse().unwrap(), report["LAST-PART"].parse().unwrap());
                let unreported = theirs.parts().filter(|(msn, part, _)| (*msn, *part) > known);
                let durations: Vec<E5> = unreported.map(|(_, _, part)| part.duration).collect();
                prop_assert!(durations.iter().sum::<E5>() <= 2 * theirs.part_target, "{durations:?} since {report:?}");
            }
        }
    }

    /// However the tracks are interleaved, within the two seconds that encoders are apart: the same parts, byte for byte.
    #[test]
    fn any_interleaving_gives_the_same_cuts(script in unbroken_show(), slips in prop::collection::vec(0_i64..2000, 1..20)) {
        let publication = &script.publications[0];
        let (frames, _) = script.frames(publication, &script.encoder, true);
        let slipped = slip(&frames, &slips);
        let play = |frames: Vec<Frame>| {
            let mut session = Session::of(script.settings, &script.encoder, frames);
            session.end();
            session
        };
        let (one, other) = (play(frames), play(slipped));
        for (name, history) in &one.histories {
            let (left, right) = (history.latest(), other.histories[name].latest());
            prop_assert_eq!(full(left), full(right));
            for segment in Playlist::read(&full(left)).segments.iter().filter(|segment| !segment.gap) {
                prop_assert_eq!(fetch(left, &segment.uri), fetch(right, &segment.uri), "{:?}", segment);
            }
        }
    }
}

/// Each audio frame comes later than its stamp by what `slips` say, in turn; the order within a track stays.
fn slip(frames: &[Frame], slips: &[i64]) -> Vec<Frame> {
    let (mut comes, mut turn) = (i64::MIN, 0);
    let mut keyed: Vec<(i64, Frame)> = Vec::new();
    for frame in frames {
        let mut at = frame.dts_ms;
        if frame.track == TrackKind::Audio {
            comes = comes.max(at + slips[(turn / 50) % slips.len()]);
            at = comes;
            turn += 1;
        }
        keyed.push((at, frame.clone()));
    }
    keyed.sort_by_key(|(at, _)| *at);
    keyed.into_iter().map(|(_, frame)| frame).collect()
}

/// A rendition's playlists, each read once.
struct Seen {
    steps: Vec<usize>,
    playlists: Vec<Playlist>,
}

impl Seen {
    fn all(session: &Session) -> BTreeMap<&str, Self> {
        let seen = |history: &History| Self {
            steps: history.versions.iter().map(|(step, _)| *step).collect(),
            playlists: history.playlists(),
        };
        let histories = session.histories.iter();
        histories
            .map(|(name, history)| (name.as_str(), seen(history)))
            .collect()
    }

    /// The playlist that readers had after a step.
    fn at(&self, step: usize) -> Option<&Playlist> {
        let published = self.steps.partition_point(|at| *at <= step);
        self.playlists.get(published.checked_sub(1)?)
    }

    /// Place of the newest part that was listed after a step.
    fn newest(&self, step: usize) -> Option<(u64, u64)> {
        self.at(step)?.parts().last().map(|(msn, part, _)| (msn, part))
    }
}
