//! The rungs of a ladder among themselves (SPEC 77, 85, 126, 141, 163), whatever each of them lacks and however late it is.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use proptest::prelude::*;
use vitrine_packager::cmaf::emsg::{EventMessage, PartSpan};
use vitrine_packager::media::{MediaTime, RenditionId, TrackKind};
use vitrine_packager::opening::RenditionConfig;
use vitrine_packager::startup::{PackagingSettings, Startup};

use crate::common::playlist::{E5, Playlist, Segment};
use crate::common::{EPOCH, Encoder, Session, fetch, full};
use crate::ladder::{self, Ladder, Rung, any_ladder, whole_ladder};
use crate::media::{carried, load};
use crate::renditions::segments;
use crate::script::{RATES, Script, any_show, unbroken_show};
use crate::shows;

fn with_ladder(
    show: impl Strategy<Value = Script>,
    ladder: impl Strategy<Value = Ladder>,
) -> impl Strategy<Value = Script> {
    (show, ladder).prop_map(|(mut script, ladder)| {
        if !script.encoder.has_video() {
            script.encoder.rate = (30, 1);
        }
        // IDRs nearer to each other than a tenth of a second are taken for one, and it depends on the lag for which.
        for percent in script
            .publications
            .iter_mut()
            .flat_map(|publication| &mut publication.gops)
        {
            *percent = (*percent).max(15);
        }
        script.ladder = Some(ladder);
        script
    })
}

fn any_rungs() -> impl Strategy<Value = Script> {
    with_ladder(any_show(), any_ladder())
}

fn whole_rungs() -> impl Strategy<Value = Script> {
    with_ladder(unbroken_show(), whole_ladder())
}

proptest! {
    #![proptest_config(shows())]

    /// Every part of every rung covers the media time of the lead's, under the same number, or is a gap of that length.
    #[test]
    fn all_rungs_are_cut_at_the_same_instants(script in any_rungs()) {
        let session = script.play().session;
        let lead = segments(&session.histories[&script.lead()]);
        for (name, history) in session.histories.iter().filter(|(name, _)| name.starts_with("video")) {
            let rung = segments(history);
            prop_assert_eq!(rung.keys().collect::<Vec<_>>(), lead.keys().collect::<Vec<_>>(), "{}", name);
            for (rung, lead) in rung.values().zip(lead.values()) {
                let opening = |segment: &Segment| {
                    let opening = &segment.opening;
                    (opening.pdt_ms, opening.discontinuity, opening.discontinuity_sequence)
                };
                prop_assert_eq!(opening(rung), opening(lead), "SPEC 85, 141: {:?} {:?}", rung, lead);
                let parts = |segment: &Segment| segment.parts.iter().map(|part| part.duration).collect::<Vec<_>>();
                prop_assert_eq!(parts(rung), parts(lead), "{:?} {:?}", rung, lead);
            }
        }
    }

    /// SPEC 141: the decode times of equal parts are equal, to the tick.
    #[test]
    fn equal_parts_have_equal_decode_times(script in any_rungs()) {
        let session = script.play().session;
        let times = |name: &str| -> BTreeMap<(u64, usize), (u64, u64, u32)> {
            let mut times = BTreeMap::new();
            for loaded in load(&session, name) {
                for (index, chunk) in loaded.chunks.iter().enumerate() {
                    let Some(chunk) = chunk else { continue };
                    times.insert((loaded.segment.msn, index), (chunk.decode_time, chunk.end(), loaded.timescale));
                }
            }
            times
        };
        let lead = times(&script.lead());
        for name in session.histories.keys().filter(|name| name.starts_with("video")) {
            for (place, time) in times(name) {
                let leads = lead.get(&place);
                prop_assert!(leads.is_none_or(|lead| *lead == time), "{name} {place:?}: {time:?} {leads:?}");
            }
        }
    }

    /// A rung whose frames all come, within the patience for it, has no gap, and each frame once, shown at its stamp. A lead with
    /// fewer frames may end a group of pictures one frame before the others do; theirs is left out. A lead with more may end in a
    /// part of which a rung has no frame: it shows its next IDR there already.
    #[test]
    fn a_rung_that_brings_everything_has_no_gap(script in whole_rungs()) {
        let show = script.play();
        let ladder = script.ladder.as_ref().unwrap();
        let leads_frames = ladder.rungs.last().filter(|_| !ladder.passes_through).map_or(1, |lead| lead.each_nth);
        for (index, rung) in ladder.rungs.iter().enumerate() {
            let name = Ladder::rung_name(index);
            let lead = segments(&show.session.histories[&script.lead()]);
            for segment in segments(&show.session.histories[&name]).values() {
                let is_last = lead.get(&(segment.msn + 1)).is_none_or(|next| next.gap);
                let whole = lead[&segment.msn].gap || !segment.gap || (is_last && lacks_only_its_end(segment, rung));
                prop_assert!(whole, "{name}: {segment:?}");
            }
            let mut found = carried(&show.session, &name).into_iter().peekable();
            let mut newest_gap_ms: f64 = 0.0;
            let frames = rung.frames(index, &show.frames);
            for (turn, frame) in frames.iter().enumerate() {
                let mut shown = found.next_if(|(data, _)| *data == frame.data);
                if frame.is_idr && rung.each_nth > leads_frames {
                    shown = found.next_if(|(data, _)| *data == frame.data).or(shown);
                }
                let Some((_, shown_ms)) = shown else {
                    let next = frames.get(turn + 1);
                    let at_an_end = next.is_none_or(|next| next.is_idr);
                    prop_assert!(at_an_end && leads_frames > rung.each_nth, "a frame is missing: {frame:?}");
                    continue;
                };
                let off_ms = shown_ms - (EPOCH.0 + frame.pts_ms) as f64;
                newest_gap_ms = newest_gap_ms.max(off_ms.abs());
            }
            prop_assert_eq!(found.next(), None);
            prop_assert!(newest_gap_ms < 2.0, "{newest_gap_ms} ms off");
        }
    }

    /// However long each frame takes through its encoder, and whichever rung is ahead: the same bytes.
    #[test]
    fn any_lag_gives_the_same_cuts(script in whole_rungs(), lags in prop::collection::vec(0_i64..1200, 1..6)) {
        let mut other = script.clone();
        for (turn, rung) in other.ladder.iter_mut().flat_map(|ladder| &mut ladder.rungs).enumerate() {
            let from = turn % lags.len();
            rung.lags_ms = [&lags[from..], &lags[..from]].concat();
        }
        let (one, other) = (script.play().session, other.play().session);
        for (name, history) in &one.histories {
            let (left, right) = (history.latest(), other.histories[name].latest());
            prop_assert_eq!(full(left), full(right));
            for segment in segments(history).values().filter(|segment| !segment.gap && segment.msn + 4 > segments(history).len() as u64) {
                prop_assert_eq!(fetch(left, &segment.uri), fetch(right, &segment.uri), "{:?}", segment);
            }
        }
    }

    /// SPEC 163: an event posted at any moment stands in the same part of every rung that has media there, once.
    #[test]
    fn an_event_is_in_the_same_part_of_every_rung(script in any_rungs(), every in 1_usize..200) {
        let publication = &script.publications[0];
        let (frames, _) = script.frames(publication, &script.encoder, true);
        let ladder = script.ladder.as_ref().unwrap();
        let posted: Posted = Arc::default();
        let mut session = ladder.begin(script.settings, &script.encoder, &frames);
        let track = posted.clone();
        session.set_messages(move |span| messages(&track, span));
        for (turn, step) in ladder.steps(&frames).into_iter().enumerate() {
            if turn % every == every - 1 {
                // As the shopping track does: not before what is written of any rung.
                let at = session.presentation.live_edge();
                let at = session.presentation.written_until().map_or(at, |written| written.max(at));
                posted.lock().unwrap().push(at);
            }
            ladder::play(&mut session, vec![step]);
        }
        session.end();
        let count = posted.lock().unwrap().len();
        let mut places: BTreeMap<usize, (u64, usize)> = BTreeMap::new();
        for name in session.histories.keys().filter(|name| name.starts_with("video")) {
            let mut seen = vec![0; count];
            let mut media_end = 0.0_f64;
            for loaded in load(&session, name) {
                for (index, chunk) in loaded.chunks.iter().enumerate() {
                    let Some(chunk) = chunk else { continue };
                    media_end = chunk.end() as f64 / f64::from(loaded.timescale);
                    for event in &chunk.events {
                        let event = *event as usize;
                        seen[event] += 1;
                        let place = (loaded.segment.msn, index);
                        prop_assert_eq!(*places.entry(event).or_insert(place), place, "{}: event {}", name, event);
                    }
                }
            }
            prop_assert!(seen.iter().all(|times| *times <= 1), "{name}: {seen:?}");
            let whole = segments(&session.histories[name]).values().all(|segment| !segment.gap);
            for (event, at) in posted.lock().unwrap().iter().enumerate() {
                prop_assert!(!whole || at.seconds() >= media_end || seen[event] == 1, "{name}: event {event} of {count}");
            }
        }
    }

    /// While a rung brings no media, and until it has as much of it again as new viewers hold back, none is led there; the
    /// lead is always there.
    #[test]
    fn the_multivariant_playlist_lists_the_rungs_that_bring_media(script in any_rungs()) {
        let publication = &script.publications[0];
        let (frames, _) = script.frames(publication, &script.encoder, true);
        let ladder = script.ladder.as_ref().unwrap();
        let mut session = ladder.begin(script.settings, &script.encoder, &frames);
        let mut listed = String::new();
        for step in ladder.steps(&frames) {
            ladder::play(&mut session, vec![step]);
            if let Some(playlist) = session.presentation.take_multivariant("s") {
                listed = String::from_utf8(playlist.plain.to_vec()).unwrap();
            }
            for rendition in session.presentation.describe() {
                let is_listed = listed.contains(&format!("s/{}/index.m3u8", rendition.name));
                if rendition.kind == TrackKind::Video && rendition.shed {
                    prop_assert!(!is_listed, "{} is shed: {listed}", rendition.name);
                }
                if rendition.kind == TrackKind::Video && is_listed && session.histories.contains_key(&rendition.name) {
                    let playlist = Playlist::read(&full(session.latest(&rendition.name)));
                    let parts: Vec<_> = playlist.parts().map(|(_, _, part)| part).collect();
                    let since_gap: E5 = parts.iter().rev().take_while(|part| !part.gap).map(|part| part.duration).sum();
                    let all: E5 = parts.iter().map(|part| part.duration).sum();
                    let hold_back = 3 * 100_000 * playlist.target_duration_s;
                    let clear = since_gap == all || since_gap + 10 >= hold_back;
                    prop_assert!(clear, "{since_gap} of {all} in {}", rendition.name);
                }
                if rendition.name == ladder.lead() && rendition.bandwidth_bps > 0 {
                    prop_assert!(is_listed, "{listed}");
                }
            }
            prop_assert!(!listed.contains("BANDWIDTH=0"), "{listed}");
        }
    }
}

/// A lead whose encoder falls silent may end between two frames of a rung that has fewer.
fn lacks_only_its_end(segment: &Segment, rung: &Rung) -> bool {
    let slowest_rate = RATES.iter().map(|(num, den)| f64::from(*num) / f64::from(*den));
    let frame: E5 = (1e5 / slowest_rate.fold(f64::INFINITY, f64::min)) as E5;
    let mut parts = segment.parts.iter().skip_while(|part| !part.gap);
    let at_the_end = parts.clone().all(|part| part.gap);
    let lacking: E5 = parts.by_ref().map(|part| part.duration).sum();
    at_the_end && lacking < E5::from(rung.each_nth) * frame
}

/// Media times of events; each is its own id.
type Posted = Arc<Mutex<Vec<MediaTime>>>;

fn messages(posted: &Posted, span: &PartSpan) -> Vec<EventMessage> {
    let events = posted.lock().unwrap();
    let inside = events
        .iter()
        .enumerate()
        .filter(|(_, at)| (span.start..span.end).contains(*at));
    let message = |(id, at): (usize, &MediaTime)| EventMessage {
        id: id as u32,
        presentation_time: *at,
        scheme_id_uri: "urn:example:test",
        value: "",
        payload: bytes::Bytes::new(),
    };
    inside.map(message).collect()
}

/// Each is a variant of its own, so each carries the events.
#[test]
fn audio_renditions_without_video_are_cut_alike() {
    let encoder = Encoder {
        rate: (0, 1),
        ..Encoder::USUAL
    };
    let settings = PackagingSettings {
        target_duration_s: 1,
        part_target_ms: 200,
        window_s: 6,
    };
    let frames = encoder.publication(&[150], 0);
    let mut startup = Startup::new(settings, &encoder.tracks()).unwrap();
    let mut first = frames.iter().cloned();
    while !startup.push(first.next().unwrap()).unwrap() {}
    let opening = startup.open().unwrap();
    let mut renditions = opening.passed_through();
    let lower = RenditionConfig {
        name: "audio-64k".to_owned(),
        passed_through: false,
        ..renditions.all[0].clone()
    };
    renditions.all.push(lower);
    let mut session = Session::begin(opening.present(renditions).unwrap());
    let posted: Posted = Arc::new(Mutex::new(vec![MediaTime::from_millis(1500)]));
    session.set_messages(move |span| messages(&posted, span));
    for frame in &frames {
        session.push_to(RenditionId(1), frame);
        session.push_to(RenditionId(0), frame);
    }
    session.end();
    let (one, other) = (session.latest("audio-128k"), session.latest("audio-64k"));
    assert_eq!(full(one), full(other));
    let playlist = Playlist::read(&full(one));
    assert!(playlist.segments.len() > 3, "{playlist:?}");
    for segment in &playlist.segments {
        assert_eq!(fetch(one, &segment.uri), fetch(other, &segment.uri));
    }
    for name in ["audio-128k", "audio-64k"] {
        let events: usize = load(&session, name)
            .iter()
            .flat_map(|loaded| loaded.chunks.iter().flatten())
            .map(|chunk| chunk.events.len())
            .sum();
        assert_eq!(events, 1, "{name}");
    }
}
