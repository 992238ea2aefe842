//! A policy: which URLs, until when, from where.

use std::net::IpAddr;
use std::time::SystemTime;

use ipnet::IpNet;
use serde::Deserialize;

use super::SignedError;

/// The text of the canned policy for one URL, letter by letter as it is signed.
pub fn canned(url: &str, expires: &str) -> Option<Vec<u8>> {
    let seconds: u64 = expires.parse().ok()?;
    // A URL that would have to be written otherwise in JSON is none of this server's.
    let plain = !url.contains(['"', '\\']);
    plain.then(|| {
        format!(
            r#"{{"Statement":[{{"Resource":"{url}","Condition":{{"DateLessThan":{{"AWS:EpochTime":{seconds}}}}}}}]}}"#
        )
        .into_bytes()
    })
}

/// What was signed. A condition that is not known here refuses the whole.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub struct Policy {
    statement: (Statement,),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct Statement {
    /// A URL in which `*` stands for any letters, and `?` for one; without it, everything.
    resource: Option<String>,
    condition: Condition,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct Condition {
    date_less_than: Time,
    date_greater_than: Option<Time>,
    ip_address: Option<Source>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Time {
    /// Seconds since 1970.
    #[serde(rename = "AWS:EpochTime")]
    epoch: u64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Source {
    /// A network, or one address.
    #[serde(rename = "AWS:SourceIp", deserialize_with = "network")]
    network: IpNet,
}

fn network<'de, D: serde::Deserializer<'de>>(text: D) -> Result<IpNet, D::Error> {
    let text = String::deserialize(text)?;
    let address = || text.parse::<IpAddr>().map(IpNet::from);
    text.parse()
        .or_else(|_| address())
        .map_err(serde::de::Error::custom)
}

impl Policy {
    /// Reads a policy's text.
    pub fn read(text: &[u8]) -> Option<Self> {
        serde_json::from_slice(text).ok()
    }

    /// Whether it opens that URL for that address at that time.
    pub fn allows(&self, url: &str, address: IpAddr, now: SystemTime) -> Result<(), SignedError> {
        let Statement { resource, condition } = &self.statement.0;
        let now = now
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default()
            .as_secs();
        let begun = condition
            .date_greater_than
            .as_ref()
            .is_none_or(|time| now > time.epoch);
        if now >= condition.date_less_than.epoch || !begun {
            return Err(SignedError::NotNow);
        }
        if resource
            .as_deref()
            .is_some_and(|pattern| !matches(pattern.as_bytes(), url.as_bytes()))
        {
            return Err(SignedError::Elsewhere("URL"));
        }
        match &condition.ip_address {
            Some(source) if !source.network.contains(&address) => Err(SignedError::Elsewhere("address")),
            _ => Ok(()),
        }
    }
}

/// Whether a pattern with `*` and `?` is for a text. A star takes as little as it can at first, and one letter more whenever
/// what follows does not fit.
fn matches(pattern: &[u8], text: &[u8]) -> bool {
    let (mut at, mut seen) = (0, 0);
    let mut star = None;
    while let Some(letter) = text.get(seen) {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, seen));
                at += 1;
            }
            Some(wanted) if *wanted == b'?' || wanted == letter => {
                at += 1;
                seen += 1;
            }
            _ => {
                let Some((star_at, taken)) = star else {
                    return false;
                };
                star = Some((star_at, taken + 1));
                (at, seen) = (star_at + 1, taken + 1);
            }
        }
    }
    pattern.iter().skip(at).all(|letter| *letter == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_take_any_letters_and_question_marks_one() {
        let table = [
            ("https://a/live/*", "https://a/live/demo/x?y=1", true),
            ("https://a/live/*", "https://a/live/", true),
            ("https://a/live/*", "https://a/liv/", false),
            ("http*://*/live/demo/*", "https://a.b/live/demo/x", true),
            ("*/demo/*.m3u8", "https://a/live/demo/s/v/index.m3u8", true),
            ("*/demo/*.m3u8", "https://a/live/demo/s/v/part-1.m4s", false),
            ("https://a/s?/x", "https://a/s1/x", true),
            ("https://a/s?/x", "https://a/s/x", false),
            ("https://a/s?/x", "https://a/s12/x", false),
            ("*a*a*b", "aaaaaaaaaaaaaaaa", false),
            ("*", "", true),
            ("", "a", false),
            ("**", "a", true),
        ];
        for (pattern, text, expected) in table {
            assert_eq!(
                matches(pattern.as_bytes(), text.as_bytes()),
                expected,
                "{pattern} {text}"
            );
        }
    }
}
