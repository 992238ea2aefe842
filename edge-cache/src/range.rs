//! Byte ranges (RFC 9110 14): what a viewer wants of an object, and what an origin sends of one.

use std::ops::Range;

use http::HeaderValue;

/// What a Range field wants of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// All of it: no range, a list of ranges, or one that cannot be read (14.2 lets a server ignore those).
    Everything,
    /// These bytes.
    Part(Range<u64>),
    /// Nothing that the object has.
    Outside,
}

/// Reads a single byte range of an object of `len` bytes.
pub fn wanted(value: Option<&HeaderValue>, len: u64) -> Wanted {
    let spec = value
        .and_then(|value| value.to_str().ok())
        .and_then(|text| text.strip_prefix("bytes="))
        .filter(|spec| !spec.contains(','));
    let Some((first, last)) = spec.and_then(|spec| spec.split_once('-')) else {
        return Wanted::Everything;
    };
    match (first, last) {
        ("", "") => Wanted::Everything,
        ("", suffix) => match number(suffix) {
            Some(suffix) if suffix == 0 || len == 0 => Wanted::Outside,
            Some(suffix) => Wanted::Part(len.saturating_sub(suffix)..len),
            None => Wanted::Everything,
        },
        (first, last) => {
            // 14.1.1: a last position beyond the end means the end; LL-HLS players send 2^53 - 1 (SPEC 72).
            let end = match last {
                "" => Some(len),
                last => number(last).map(|last| last.saturating_add(1).min(len)),
            };
            match (number(first), end) {
                (Some(start), Some(_)) if start >= len => Wanted::Outside,
                (Some(start), Some(end)) if start < end => Wanted::Part(start..end),
                _ => Wanted::Everything,
            }
        }
    }
}

/// A Content-Range that tells all three numbers, as start, end (exclusive) and the object's length.
pub fn content_range(value: &HeaderValue) -> Option<(u64, u64, u64)> {
    let (range, len) = value.to_str().ok()?.strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let (first, last, len) = (number(first)?, number(last)?, number(len)?);
    (first <= last && last < len).then(|| (first, last + 1, len))
}

fn number(text: &str) -> Option<u64> {
    // `u64::from_str` takes a leading '+'.
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_of_every_form() {
        let table = [
            ("bytes=0-", Wanted::Part(0..10)),
            ("bytes=3-6", Wanted::Part(3..7)),
            ("bytes=3-99", Wanted::Part(3..10)),
            ("bytes=0-9007199254740992", Wanted::Part(0..10)),
            ("bytes=0-18446744073709551615", Wanted::Part(0..10)),
            ("bytes=-4", Wanted::Part(6..10)),
            ("bytes=-99", Wanted::Part(0..10)),
            ("bytes=10-", Wanted::Outside),
            ("bytes=-0", Wanted::Outside),
            ("bytes=5-2", Wanted::Everything),
            ("bytes=0-1,4-5", Wanted::Everything),
            ("bytes=x-", Wanted::Everything),
            ("bytes=+1-", Wanted::Everything),
            ("bytes=99999999999999999999-", Wanted::Everything),
            ("lines=1-2", Wanted::Everything),
        ];
        for (text, expected) in table {
            assert_eq!(
                wanted(Some(&HeaderValue::from_static(text)), 10),
                expected,
                "{text}"
            );
        }
        assert_eq!(wanted(None, 10), Wanted::Everything);
        for text in ["bytes=0-", "bytes=-1"] {
            assert_eq!(
                wanted(Some(&HeaderValue::from_static(text)), 0),
                Wanted::Outside,
                "{text} of nothing"
            );
        }
    }

    #[test]
    fn content_ranges_tell_all_or_nothing() {
        let table = [
            ("bytes 3-9/10", Some((3, 10, 10))),
            ("bytes 0-0/1", Some((0, 1, 1))),
            ("bytes 3-9/*", None),
            ("bytes */10", None),
            ("bytes 3-10/10", None),
            ("bytes 9-3/10", None),
            ("lines 3-9/10", None),
        ];
        for (text, expected) in table {
            assert_eq!(content_range(&HeaderValue::from_static(text)), expected, "{text}");
        }
    }
}
