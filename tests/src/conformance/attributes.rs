//! Attribute lists and numbers of playlists, read by the letter (8216bis 4.2).

use std::time::Duration;

use super::findings::Findings;

/// An attribute list, in the order of the tag.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Attributes(Vec<(String, String)>);

impl Attributes {
    /// Reads what stands behind a tag's colon; breaches of rule 3 are found.
    pub fn parse(text: &str, findings: &mut Findings) -> Self {
        let mut list: Vec<(String, String)> = Vec::new();
        for item in split_unquoted(text) {
            let Some((name, value)) = item.split_once('=') else {
                findings.broken(3, format!("attribute without a value: {item:?}"));
                continue;
            };
            let lawful = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'-';
            let named = !name.is_empty() && name.bytes().all(lawful);
            findings.law(3, named, || format!("attribute name {name:?}"));
            let quoted = value.len() >= 2 && value.starts_with('"') && value.ends_with('"');
            let spaced = !quoted && (value.is_empty() || value.contains([' ', '\t', '"']));
            findings.law(3, !spaced, || format!("attribute value {value:?} of {name}"));
            let repeated = list.iter().any(|(known, _)| known == name);
            findings.law(3, !repeated, || format!("attribute {name} is repeated"));
            list.push((name.to_owned(), value.to_owned()));
        }
        Self(list)
    }

    /// The value as written, quotes included.
    pub fn raw(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    /// The value without its quotes.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.raw(name).map(|value| value.trim_matches('"'))
    }

    /// Whether the value is `YES`.
    pub fn is_yes(&self, name: &str) -> bool {
        self.raw(name) == Some("YES")
    }

    /// A decimal number of seconds.
    pub fn seconds(&self, name: &str) -> Option<Duration> {
        decimal(self.raw(name)?)
    }

    /// A decimal integer.
    pub fn integer(&self, name: &str) -> Option<u64> {
        integer(self.raw(name)?)
    }
}

/// At each comma that is not inside quotes.
fn split_unquoted(text: &str) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    text.split(move |letter| {
        quoted ^= letter == '"';
        letter == ',' && !quoted
    })
}

/// Digits, at most one point, nothing else; nine decimals are kept.
pub fn decimal(text: &str) -> Option<Duration> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let nine: String = fraction.chars().chain("000000000".chars()).take(9).collect();
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(fraction) {
        return None;
    }
    Some(Duration::new(whole.parse().ok()?, nine.parse().ok()?))
}

/// Digits only, up to 2^64 - 1.
pub fn integer(text: &str) -> Option<u64> {
    (!text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()))
        .then(|| text.parse().ok())
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_split_outside_of_quotes_only() {
        let mut findings = Findings::default();
        let list = Attributes::parse("TYPE=PART,URI=\"a,b=c\",N=0.5", &mut findings);
        assert_eq!(
            (list.text("URI"), list.raw("TYPE"), list.seconds("N")),
            (Some("a,b=c"), Some("PART"), Some(Duration::from_millis(500)))
        );
        assert_eq!(findings.count(), 0);
    }

    #[test]
    fn rule_3_breaches_are_found() {
        for text in ["A=1, B=2", "A=1,A=2", "A", "a=1", "A=\"x", "A="] {
            let mut findings = Findings::default();
            Attributes::parse(text, &mut findings);
            assert_ne!(findings.count(), 0, "{text}");
        }
    }

    #[test]
    fn numbers_are_digits() {
        let table = [
            ("2", Some(2_000_000_000)),
            ("0.33334", Some(333_340_000)),
            ("1e-5", None),
            ("-1", None),
            ("+1", None),
            (".5", None),
            ("1.", None),
            ("1.2.3", None),
        ];
        for (text, nanos) in table {
            assert_eq!(decimal(text).map(|found| found.as_nanos()), nanos, "{text}");
        }
        assert_eq!(integer("18446744073709551615"), Some(u64::MAX));
        assert_eq!(integer("18446744073709551616"), None);
    }
}
