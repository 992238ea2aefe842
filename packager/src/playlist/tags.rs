//! One function a tag; each writes a whole line (or an attribute's value) and cites its section of 8216bis.

use std::fmt::Write;

use crate::media::{MediaTime, WallTime};
use crate::request::{MediaName, Position};

/// Decimals of every duration: a hundredth of a millisecond is under a tick of 90 kHz.
const DECIMALS: f64 = 1e5;

/// A duration for EXTINF and PART: to the nearest 10 µs, never over `limit` as that is printed.
pub(crate) fn duration(time: MediaTime, limit: Option<MediaTime>) -> String {
    let nearest = (time.seconds() * DECIMALS).round();
    let printed = limit.map_or(nearest, |limit| {
        nearest.min((limit.seconds() * DECIMALS - 1e-6).ceil())
    });
    decimal(printed / DECIMALS)
}

/// A bound: rounded up, so that nothing that keeps to it is printed larger (SPEC 19, 33).
pub(crate) fn bound(seconds: f64) -> String {
    decimal(rounded_up(seconds))
}

fn rounded_up(seconds: f64) -> f64 {
    (seconds * DECIMALS - 1e-6).ceil() / DECIMALS
}

fn decimal(seconds: f64) -> String {
    format!("{seconds:.5}")
}

// Writing to a String cannot fail, so each function below drops `write!`'s result.

/// What EXT-X-SERVER-CONTROL and EXT-X-PART-INF say, equal in every playlist of a session (SPEC 38).
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Control {
    pub target_duration_s: u32,
    pub part_target: MediaTime,
}

impl Control {
    /// CAN-SKIP-UNTIL: six target durations, the least that 4.4.3.8 allows.
    pub(crate) fn skip_boundary_s(&self) -> u32 {
        6 * self.target_duration_s
    }
}

/// 4.4.1.1, 4.4.1.2, 4.4.2.1, 4.4.3.1. EXT-X-SKIP needs version 9.
pub(crate) fn head(out: &mut String, control: &Control) {
    let _ = write!(out, "#EXTM3U\n#EXT-X-VERSION:9\n#EXT-X-INDEPENDENT-SEGMENTS\n");
    let _ = writeln!(out, "#EXT-X-TARGETDURATION:{}", control.target_duration_s);
}

/// 4.4.3.6
pub(crate) fn i_frames_only(out: &mut String) {
    out.push_str("#EXT-X-I-FRAMES-ONLY\n");
}

/// 4.4.4.2, of a range that begins with the resource.
pub(crate) fn byterange(out: &mut String, len: u64) {
    let _ = writeln!(out, "#EXT-X-BYTERANGE:{len}@0");
}

/// 4.4.3.8. HOLD-BACK is three target durations; PART-HOLD-BACK three part targets as they are printed, as Apple's
/// authoring rule 14.3 has it.
pub(crate) fn server_control(out: &mut String, control: &Control) {
    let part_hold_back = bound(3.0 * rounded_up(control.part_target.seconds()));
    let hold_back = 3 * control.target_duration_s;
    let skip = control.skip_boundary_s();
    let _ = writeln!(
        out,
        "#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK={part_hold_back},HOLD-BACK={hold_back}.0,CAN-SKIP-UNTIL={skip}.0"
    );
}

/// 4.4.3.7
pub(crate) fn part_inf(out: &mut String, control: &Control) {
    let _ = writeln!(
        out,
        "#EXT-X-PART-INF:PART-TARGET={}",
        bound(control.part_target.seconds())
    );
}

/// 4.4.3.2, 4.4.3.3
pub(crate) fn sequences(out: &mut String, media_sequence: u64, discontinuity_sequence: u64) {
    let _ = writeln!(out, "#EXT-X-MEDIA-SEQUENCE:{media_sequence}");
    let _ = writeln!(out, "#EXT-X-DISCONTINUITY-SEQUENCE:{discontinuity_sequence}");
}

/// 4.4.5.2
pub(crate) fn skip(out: &mut String, segments: usize) {
    let _ = writeln!(out, "#EXT-X-SKIP:SKIPPED-SEGMENTS={segments}");
}

/// 4.4.4.3
pub(crate) fn discontinuity(out: &mut String) {
    out.push_str("#EXT-X-DISCONTINUITY\n");
}

/// 4.4.4.5
pub(crate) fn map(out: &mut String, init: u32) {
    let _ = writeln!(out, "#EXT-X-MAP:URI=\"{}\"", MediaName::Init(init));
}

/// 4.4.4.6
pub(crate) fn program_date_time(out: &mut String, time: WallTime) {
    let _ = writeln!(out, "#EXT-X-PROGRAM-DATE-TIME:{time}");
}

/// 4.4.4.9
pub(crate) fn part(out: &mut String, number: u64, duration: &str, independent: bool, gap: bool) {
    let name = MediaName::Part(number);
    let _ = write!(out, "#EXT-X-PART:DURATION={duration},URI=\"{name}\"");
    out.push_str(if independent { ",INDEPENDENT=YES" } else { "" });
    out.push_str(if gap { ",GAP=YES\n" } else { "\n" });
}

/// 4.4.4.7
pub(crate) fn gap(out: &mut String) {
    out.push_str("#EXT-X-GAP\n");
}

/// 4.4.4.1
pub(crate) fn extinf(out: &mut String, duration: &str, msn: u64) {
    let _ = writeln!(out, "#EXTINF:{duration},\n{}", MediaName::Segment(msn));
}

/// 4.4.5.3
pub(crate) fn preload_hint(out: &mut String, next_part: u64) {
    let _ = writeln!(
        out,
        "#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"{}\"",
        MediaName::Part(next_part)
    );
}

/// 4.4.5.4. Both counters are always printed (SPEC 76).
pub(crate) fn rendition_report(out: &mut String, rendition: &str, last: Position) {
    let (msn, part) = (last.msn, last.part.unwrap_or(0));
    let _ = writeln!(
        out,
        "#EXT-X-RENDITION-REPORT:URI=\"../{rendition}/index.m3u8\",LAST-MSN={msn},LAST-PART={part}"
    );
}

/// 4.4.3.4
pub(crate) fn endlist(out: &mut String) {
    out.push_str("#EXT-X-ENDLIST\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::Timescale;

    #[test]
    fn a_part_is_never_printed_longer_than_its_target() {
        let scale = Timescale::new(48_000).unwrap();
        for frames in 1..200 {
            let time = MediaTime::new(frames * 1024, scale);
            assert!(duration(time, Some(time)) <= bound(time.seconds()));
        }
        assert_eq!(bound(1.0 / 3.0), "0.33334");
        assert_eq!(
            duration(MediaTime::new(30_000, Timescale::VIDEO), None),
            "0.33333"
        );
    }

    #[test]
    fn durations_have_no_exponent() {
        assert_eq!(duration(MediaTime::new(1, Timescale::VIDEO), None), "0.00001");
        assert_eq!(
            duration(MediaTime::new(90_000 * 1_000_000, Timescale::VIDEO), None),
            "1000000.00000"
        );
    }
}
