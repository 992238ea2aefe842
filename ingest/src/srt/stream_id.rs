//! The stream id: what a caller wants, and what it may (SRT Access Control Guidelines; draft appendix B).
//!
//! | form | meaning |
//! | --- | --- |
//! | `#!::r=CHANNEL,m=publish,s=KEY` | publish on the channel; without `r`, on the one that the key belongs to |
//! | `CHANNEL/KEY` | the same |
//! | `live/KEY`, `KEY` | as RTMP has it: the key tells the channel |
//!
//! `u` (a user's name) and other fields are not looked at. The key is a secret: an id is never logged.

/// How a stream id of fields begins.
const FIELDS: &str = "#!::";

/// The beginning of the forms that are reserved.
const RESERVED: &str = "#!";

/// What a stream id asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wish<'a> {
    /// The channel, when it is named.
    pub channel: Option<&'a str>,
    /// The key that opens it.
    pub key: &'a str,
}

/// Why a stream id is no wish to publish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdFault {
    /// It cannot be read.
    Malformed,
    /// It asks to receive, or for a file.
    NoPublication,
}

impl<'a> Wish<'a> {
    /// Reads a stream id. `app` is the application that RTMP's URLs name.
    ///
    /// # Errors
    /// See [`IdFault`]. `m` must be `publish`: without it a caller asks to receive, by the guidelines.
    pub fn read(id: &'a str, app: &str) -> Result<Self, IdFault> {
        if let Some(fields) = id.strip_prefix(FIELDS) {
            return Self::read_fields(fields);
        }
        if id.starts_with(RESERVED) {
            return Err(IdFault::Malformed);
        }
        let (channel, key) = match id.trim_start_matches('/').split_once('/') {
            Some((first, key)) if first == app => (None, key),
            Some((channel, key)) => (Some(channel), key),
            None => (None, id.trim_start_matches('/')),
        };
        Ok(Self { channel, key })
    }

    fn read_fields(fields: &'a str) -> Result<Self, IdFault> {
        let (mut channel, mut key, mut mode, mut kind) = (None, "", "request", "stream");
        for field in fields.split(',').filter(|field| !field.is_empty()) {
            let (name, value) = field.split_once('=').ok_or(IdFault::Malformed)?;
            match name {
                "r" => channel = Some(value),
                "s" => key = value,
                "m" => mode = value,
                "t" => kind = value,
                _ => {}
            }
        }
        if mode != "publish" || kind != "stream" {
            return Err(IdFault::NoPublication);
        }
        Ok(Self { channel, key })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_read_in_each_form() {
        let wish = |channel, key| Ok(Wish { channel, key });
        let table = [
            ("#!::r=shop,m=publish,s=secret", wish(Some("shop"), "secret")),
            ("#!::u=anna,m=publish,s=se=cret,h=x", wish(None, "se=cret")),
            ("#!::m=publish,t=stream,s=secret,", wish(None, "secret")),
            ("#!::r=shop,m=publish", wish(Some("shop"), "")),
            ("shop/secret", wish(Some("shop"), "secret")),
            ("live/secret", wish(None, "secret")),
            ("/live/secret", wish(None, "secret")),
            ("secret", wish(None, "secret")),
            ("", wish(None, "")),
            ("#!::r=shop,s=secret", Err(IdFault::NoPublication)),
            ("#!::r=shop,m=request,s=secret", Err(IdFault::NoPublication)),
            ("#!::m=publish,t=file,s=secret", Err(IdFault::NoPublication)),
            ("#!::shop", Err(IdFault::Malformed)),
            ("#!:{r=shop}", Err(IdFault::Malformed)),
        ];
        for (id, expected) in table {
            assert_eq!(Wish::read(id, "live"), expected, "{id}");
        }
    }
}
