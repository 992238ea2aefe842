//! Blocking reload by single requests (8216bis 6.2.5): what is refused, what is held, what is answered at once.

use bytes::Bytes;
use http::{Method, StatusCode};
use url::Url;

use super::findings::Findings;
use super::playlist::{MediaPlaylist, Position};
use super::rules::headers::{self, Kind};
use super::rules::version::advance_part_limit;
use crate::client::{Answer, Client, ClientError};

/// Queries that mean nothing; each must be refused (rule 45).
const NONSENSE: [&str; 10] = [
    "_HLS_part=0",
    "_HLS_msn=x",
    "_HLS_msn=-1",
    "_HLS_msn=%2B1",
    "_HLS_msn=",
    "_HLS_msn=1.5",
    "_HLS_msn=18446744073709551616",
    "_HLS_msn=0&_HLS_part=x",
    "_HLS_msn=0&_HLS_part=-1",
    "_HLS_skip=maybe",
];
/// A question is asked anew so often when the playlist moved on while it was asked.
const TRIES: usize = 5;

/// Asks one media playlist, of a live session with parts, everything that has a rule of its own.
pub async fn check(client: &Client, playlist: &Url) -> Result<Findings, ClientError> {
    let mut asker = Asker {
        client: client.clone(),
        url: playlist.clone(),
        findings: Findings::at(format!("requests to {}", playlist.path())),
    };
    asker.nonsense().await?;
    asker.too_far_ahead().await?;
    asker.long_past().await?;
    asker.held_for_a_part().await?;
    asker.held_for_a_segment().await?;
    asker.past_the_last_part().await?;
    asker.canonical().await?;
    asker.methods().await?;
    asker.unknown_media().await?;
    Ok(asker.findings)
}

struct Asker {
    client: Client,
    url: Url,
    findings: Findings,
}

impl Asker {
    async fn ask(&self, query: &str) -> Result<Answer, ClientError> {
        let mut url = self.url.clone();
        url.set_query(Some(query).filter(|query| !query.is_empty()));
        self.client.get(url.as_str()).await
    }

    async fn current(&mut self) -> Result<MediaPlaylist, ClientError> {
        let text = self.ask("").await?.text();
        Ok(MediaPlaylist::parse(&text, &mut self.findings))
    }

    /// The playlist that answers `query`; `None`, and a finding under `spec`, if it is refused.
    async fn playlist(&mut self, spec: u16, query: &str) -> Result<Option<MediaPlaylist>, ClientError> {
        let answer = self.ask(query).await?;
        let status = answer.status;
        self.findings
            .law(spec, status == StatusCode::OK, || format!("{query}: {status}"));
        let text = answer.text();
        Ok((status == StatusCode::OK).then(|| MediaPlaylist::parse(&text, &mut self.findings)))
    }

    /// Rule 45.
    async fn nonsense(&mut self) -> Result<(), ClientError> {
        for query in NONSENSE {
            let answer = self.ask(query).await?;
            self.findings
                .law(45, answer.status == StatusCode::BAD_REQUEST, || {
                    format!("{query}: {}", answer.status)
                });
            headers::check(Kind::EarlyError, 1, &answer, &mut self.findings);
        }
        Ok(())
    }

    /// Rules 46, 47 and 49: refused from one step past the limit on, and not before.
    async fn too_far_ahead(&mut self) -> Result<(), ClientError> {
        for _ in 0..TRIES {
            let before = self.current().await?;
            let Some(last) = before.whole().last().map(|last| last.msn) else {
                continue;
            };
            let (msn, part) = before.next();
            let limit = advance_part_limit(before.part_target.unwrap_or_default());
            // `part` is the first that is not listed: `part - 1 + limit` is as far as a client may ask.
            let beyond = format!("_HLS_msn={msn}&_HLS_part={}", part + limit + 1);
            let segment = self.ask(&format!("_HLS_msn={}", last + 3)).await?;
            let part = self.ask(&beyond).await?;
            if self.current().await?.next() != before.next() {
                continue;
            }
            for (spec, answer, what) in [(46, segment, "_HLS_msn of last + 3"), (47, part, beyond.as_str())] {
                self.findings
                    .law(spec, answer.status == StatusCode::BAD_REQUEST, || {
                        format!("{what} at {:?}: {}", before.last(), answer.status)
                    });
            }
            self.playlist(49, &format!("_HLS_msn={}", last + 2)).await?;
            return Ok(());
        }
        self.findings
            .broken(46, format!("the playlist moved on in each of {TRIES} tries"));
        Ok(())
    }

    /// Rule 43: what came long ago, or left the window, is answered by the whole current playlist.
    async fn long_past(&mut self) -> Result<(), ClientError> {
        let before = self.current().await?;
        for query in [
            "_HLS_msn=0",
            "_HLS_msn=0&_HLS_part=0",
            "_HLS_msn=0&_HLS_part=100000",
        ] {
            if let Some(found) = self.playlist(43, query).await? {
                self.findings.law(43, found.last() >= before.last(), || {
                    format!("{query}: a playlist up to {:?}", found.last())
                });
            }
        }
        Ok(())
    }

    /// Rule 41: held until the part is listed, and no longer.
    async fn held_for_a_part(&mut self) -> Result<(), ClientError> {
        let before = self.current().await?;
        let (msn, part) = before.next();
        // The next, and the one after it, which may be the next segment's first.
        for ahead in [0, 1] {
            let wanted = (msn, part + ahead);
            let query = format!("_HLS_msn={msn}&_HLS_part={}", part + ahead);
            if let Some(found) = self.playlist(41, &query).await? {
                self.findings.law(41, is_listed(&found, wanted), || {
                    format!("{query}: a playlist up to {:?}", found.last())
                });
            }
        }
        Ok(())
    }

    /// Rule 40: held until the whole segment is listed.
    async fn held_for_a_segment(&mut self) -> Result<(), ClientError> {
        let (msn, _) = self.current().await?.next();
        let query = format!("_HLS_msn={msn}");
        if let Some(found) = self.playlist(40, &query).await? {
            let last = found.whole().last().map(|last| last.msn);
            self.findings.law(40, last >= Some(msn), || {
                format!("{query}: the last whole segment is {last:?}")
            });
        }
        Ok(())
    }

    /// Rule 42: an index past the last part means the next segment's first part, whether that is known yet or not.
    async fn past_the_last_part(&mut self) -> Result<(), ClientError> {
        let before = self.current().await?;
        let Some(closed) = before.whole().last().cloned() else {
            return Ok(());
        };
        let count = closed.parts.len() as u64;
        let open = closed.msn + 1;
        for (msn, part) in [(closed.msn, count), (closed.msn, count + 50), (open, count)] {
            let query = format!("_HLS_msn={msn}&_HLS_part={part}");
            if let Some(found) = self.playlist(42, &query).await? {
                self.findings.law(42, is_listed(&found, (msn, part)), || {
                    format!("{query}: a playlist up to {:?}", found.last())
                });
            }
        }
        Ok(())
    }

    /// Rules 78 and 107: any order, the first of two wins, nothing of the query comes back.
    async fn canonical(&mut self) -> Result<(), ClientError> {
        let query = "_HLS_skip=YES&token=0a1b2c&_HLS_part=0&_HLS_msn=0&_HLS_msn=999999";
        let answer = self.ask(query).await?;
        self.findings.law(107, answer.status == StatusCode::OK, || {
            format!("{query}: {}", answer.status)
        });
        let text = answer.text();
        let echoed = ["0a1b2c", "_HLS_"].iter().any(|word| text.contains(word));
        self.findings
            .law(78, !echoed, || "the query comes back in the playlist".to_owned());
        Ok(())
    }

    /// Rule 54: GET and HEAD, and nothing else.
    async fn methods(&mut self) -> Result<(), ClientError> {
        let url = self.url.as_str();
        for method in [Method::POST, Method::PUT, Method::DELETE, Method::PATCH] {
            let answer = self.client.ask(method.clone(), url, &[], Bytes::new()).await?;
            let refused = answer.status == StatusCode::METHOD_NOT_ALLOWED;
            self.findings
                .law(54, refused, || format!("{method}: {}", answer.status));
        }
        let head = self.client.ask(Method::HEAD, url, &[], Bytes::new()).await?;
        let length = head.header("content-length").parse().unwrap_or(0);
        let right = head.status == StatusCode::OK && head.body.is_empty() && length > 100;
        self.findings.law(54, right, || {
            format!(
                "HEAD: {}, Content-Length {length}, {} bytes",
                head.status,
                head.body.len()
            )
        });
        let preflight = self.client.ask(Method::OPTIONS, url, &[], Bytes::new()).await?;
        let allowed = preflight.header("access-control-allow-methods");
        let cached = !preflight.header("access-control-max-age").is_empty();
        self.findings.law(
            235,
            preflight.status.is_success() && allowed.contains("GET") && cached,
            || format!("preflight: {}, methods {allowed:?}", preflight.status),
        );
        Ok(())
    }

    /// Rule 71: a part that nobody hinted at is refused at once.
    async fn unknown_media(&mut self) -> Result<(), ClientError> {
        let current = self.current().await?;
        let Some(uri) = current.hinted_part() else {
            return Ok(());
        };
        // Any other number: one digit more in front of the first.
        let Some((name, number)) = uri
            .find(|letter: char| letter.is_ascii_digit())
            .and_then(|at| uri.split_at_checked(at))
        else {
            return Ok(());
        };
        let unknown = format!("{name}9{number}");
        let Ok(url) = self.url.join(&unknown) else {
            return Ok(());
        };
        let answer = self.client.get(url.as_str()).await?;
        self.findings.law(71, answer.status == StatusCode::NOT_FOUND, || {
            format!("{unknown}: {}", answer.status)
        });
        headers::check(Kind::EarlyError, 1, &answer, &mut self.findings);
        Ok(())
    }
}

/// Whether `wanted`, or anything later, is listed; an index past a whole segment's last part is the next one's first.
fn is_listed(playlist: &MediaPlaylist, (msn, part): Position) -> bool {
    let segment = playlist.segments.iter().find(|segment| segment.msn == msn);
    let inside = segment.is_some_and(|segment| part < segment.parts.len() as u64);
    let later = playlist.last().is_some_and(|last| last >= (msn + 1, 0));
    inside || (later && playlist.next() > (msn + 1, 0))
}
