//! Texts that are checked when they are made: whatever holds one may go on air.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use vitrine_packager::media::WallTime;

/// Defines a string type that is checked when it is made, with its JSON Schema.
macro_rules! checked_text {
    ($(#[$doc:meta])* $name:ident, $check:expr, $problem:literal, $schema:tt) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String")]
        pub struct $name(String);

        impl $name {
            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = &'static str;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                let check: fn(&str) -> bool = $check;
                if check(&text) { Ok(Self(text)) } else { Err($problem) }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }
            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!($schema)
            }
        }
    };
}

checked_text!(
    /// A shop's identifier of a product, variant, drop, poll, option or message.
    Id,
    |text| (1..=64).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte)),
    "must be 1 to 64 characters of A-Z, a-z, 0-9, '.', '_' and '-'",
    { "type": "string", "pattern": "^[A-Za-z0-9._-]{1,64}$" }
);

checked_text!(
    /// A name, a title, a question: one line, not blank, no control characters.
    Label,
    |text| (1..=200).contains(&text.chars().count())
        && !text.trim().is_empty()
        && !text.chars().any(char::is_control),
    "must be 1 to 200 characters, not all blank, without line breaks or other control characters",
    { "type": "string", "minLength": 1, "maxLength": 200 }
);

checked_text!(
    /// What a message says: not blank; line breaks are its only control characters.
    Words,
    |text| (1..=500).contains(&text.chars().count())
        && !text.trim().is_empty()
        && !text.chars().any(|character| character.is_control() && character != '\n'),
    "must be 1 to 500 characters, not all blank, without control characters other than line breaks",
    { "type": "string", "minLength": 1, "maxLength": 500 }
);

checked_text!(
    /// A coupon's code, as viewers type it.
    CouponCode,
    |text| (1..=64).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\'),
    "must be 1 to 64 visible ASCII characters without blanks, '\"' and '\\'",
    { "type": "string", "pattern": "^[!#-\\[\\]-~]{1,64}$" }
);

checked_text!(
    /// A kind of reaction: a word or an emoji.
    Reaction,
    |text| (1..=32).contains(&text.len())
        && !text.chars().any(|character| character.is_control() || character.is_whitespace()),
    "must be 1 to 32 bytes of UTF-8 without blanks or control characters",
    { "type": "string", "minLength": 1, "maxLength": 32, "pattern": "^\\S+$" }
);

checked_text!(
    /// Name of a custom event, under a domain of its owner's turned around: `com.example.wheel`.
    Namespaced,
    |text| text.len() <= 100
        && text.split('.').count() >= 3
        && text.split('.').all(|label| {
            !label.is_empty()
                && label.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        }),
    "must be a domain of yours turned around and a name, such as com.example.wheel: a-z, 0-9, '-' and '.', at most 100 characters",
    { "type": "string", "maxLength": 100, "pattern": "^[a-z0-9-]+(\\.[a-z0-9-]+){2,}$" }
);

checked_text!(
    /// An address that a page may load or link to: `http`, `https`, or a path on the page's own host.
    ///
    /// Other schemes (`javascript:`) and other hosts in disguise (`//host`, `/\host`) are refused, since
    /// the player page puts it into a link.
    WebAddress,
    is_web_address,
    "must begin with https://, http:// or one '/', be at most 2048 bytes of ASCII without blanks, quotes, '<', '>' or '\\'; percent-encode the rest",
    { "type": "string", "maxLength": 2048, "pattern": "^(https?://[^/]|/([^/]|$))[!#-;=?-\\[\\]-~]*$" }
);

fn is_web_address(text: &str) -> bool {
    let begins = ["https://", "http://", "/"]
        .iter()
        .find_map(|prefix| text.strip_prefix(prefix))
        .is_some_and(|rest| !rest.starts_with('/') && (!rest.is_empty() || text == "/"));
    begins
        && text.len() <= 2048
        && text
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && !b"\"<>\\".contains(&byte))
}

/// An instant on the wall clock, written as RFC 3339 and kept to the millisecond in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DateTime(pub WallTime);

impl DateTime {
    /// Milliseconds since 1970 of 2000-01-01 and 2100-01-01: an instant outside is a mistake of units.
    const BOUNDS: std::ops::Range<i64> = 946_684_800_000..4_102_444_800_000;
}

impl TryFrom<String> for DateTime {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        chrono::DateTime::parse_from_rfc3339(&text)
            .ok()
            .map(|time| time.timestamp_millis())
            .filter(|millis| Self::BOUNDS.contains(millis))
            .map(|millis| Self(WallTime(millis)))
            .ok_or("must be a date and time of this century as RFC 3339, such as 2026-11-24T14:36:27.654Z")
    }
}

impl From<DateTime> for String {
    fn from(time: DateTime) -> Self {
        time.0.to_string()
    }
}

impl JsonSchema for DateTime {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "DateTime".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "date-time" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn web_addresses_are_http_or_a_path_on_the_same_host() {
        let long = format!("https://shop.example/{}", "a".repeat(2048));
        let table = [
            ("https://shop.example/a?b=c#d", true),
            ("http://127.0.0.1:8080/a", true),
            ("/media/lamp.jpg", true),
            ("/", true),
            ("//evil.example/a", false),
            ("/\\evil.example", false),
            ("https:///a", false),
            ("https://", false),
            ("javascript:alert(1)", false),
            ("data:text/html,x", false),
            ("lamp.jpg", false),
            ("", false),
            ("https://shop.example/a b", false),
            ("https://shop.example/\u{e9}", false),
            ("https://shop.example/\"", false),
            (long.as_str(), false),
        ];
        for (text, allowed) in table {
            assert_eq!(WebAddress::try_from(text.to_owned()).is_ok(), allowed, "{text}");
        }
    }

    #[test]
    fn labels_are_counted_in_characters_and_may_be_of_any_script() {
        let table = [
            ("Стул «Уют»".to_owned(), true),
            ("é".repeat(200), true),
            ("é".repeat(201), false),
            ("  ".to_owned(), false),
            ("a\nb".to_owned(), false),
        ];
        for (text, allowed) in table {
            assert_eq!(Label::try_from(text.clone()).is_ok(), allowed, "{text}");
        }
    }

    #[test]
    fn words_may_have_line_breaks_and_nothing_else_that_is_invisible() {
        for (text, allowed) in [("a\nb", true), ("a\tb", false), ("\n", false), ("a\u{7}", false)] {
            assert_eq!(Words::try_from(text.to_owned()).is_ok(), allowed, "{text:?}");
        }
    }

    #[test]
    fn custom_names_stand_under_a_domain() {
        let table = [
            ("com.example.wheel", true),
            ("com.example.wheel.spin-2", true),
            ("example.wheel", false),
            ("com..wheel", false),
            ("com.Example.wheel", false),
            ("", false),
        ];
        for (text, allowed) in table {
            assert_eq!(Namespaced::try_from(text.to_owned()).is_ok(), allowed, "{text}");
        }
    }

    #[test]
    fn codes_and_reactions_have_no_blanks() {
        for (text, allowed) in [
            ("SAVE-10%", true),
            ("SAVE 10", false),
            ("", false),
            ("S\"", false),
        ] {
            assert_eq!(CouponCode::try_from(text.to_owned()).is_ok(), allowed, "{text}");
        }
        for (text, allowed) in [("❤️", true), ("clap", true), ("a b", false), ("", false)] {
            assert_eq!(Reaction::try_from(text.to_owned()).is_ok(), allowed, "{text}");
        }
    }

    #[test]
    fn instants_are_of_this_century_and_kept_in_utc() {
        let table = [
            ("2026-11-24T14:36:27.654Z", Some("2026-11-24T14:36:27.654Z")),
            ("2026-11-24T16:36:27.6549+02:00", Some("2026-11-24T14:36:27.654Z")),
            ("2026-11-24T14:36:27Z", Some("2026-11-24T14:36:27.000Z")),
            ("2026-11-24 14:36", None),
            ("2026-11-24T14:36:27", None),
            ("1999-12-31T23:59:59Z", None),
            ("9999-12-31T23:59:59Z", None),
            ("1795530987654", None),
        ];
        for (text, expected) in table {
            let read = DateTime::try_from(text.to_owned()).ok().map(String::from);
            assert_eq!(read.as_deref(), expected, "{text}");
        }
    }
}
