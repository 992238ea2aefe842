//! Reloads a media playlist by blocking requests, full and delta, and lists what is new in it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::StatusCode;
use tokio::sync::{mpsc, watch};

use super::gone::Gone;
use super::media::{Fetch, Listed};
use super::{Figures, Followed, Shared};
use crate::client::{Answer, Client, ClientError};
use crate::conformance::findings::Findings;
use crate::conformance::playlist::{MediaPlaylist, Position, Segment};
use crate::conformance::rules::headers::{self, Kind};
use crate::conformance::rules::multivariant::Rendition;
use crate::conformance::rules::{delta, history, version};

/// What is not there must be refused within this time.
const PROMPT: Duration = Duration::from_secs(5);

/// Follows one media playlist.
pub(super) struct PlaylistFollower {
    client: Client,
    rendition: Rendition,
    others: usize,
    shared: Arc<Shared>,
    items: mpsc::Sender<Listed>,
    /// Requests for hinted parts, by URI.
    hinted: HashMap<String, Fetch>,
    gone: Gone,
    target_duration_s: u64,
    last_part: Option<Instant>,
    last_segment: Option<Instant>,
    /// The first and the newest version: where each ended, and when it came.
    pace: Option<[(i64, Instant); 2]>,
    findings: Findings,
    figures: Figures,
}

impl PlaylistFollower {
    pub(super) fn new(
        client: Client,
        rendition: Rendition,
        others: usize,
        shared: Arc<Shared>,
        items: mpsc::Sender<Listed>,
    ) -> Self {
        let findings = Findings::at(rendition.name.clone());
        Self {
            client,
            rendition,
            others,
            shared,
            items,
            hinted: HashMap::new(),
            gone: Gone::default(),
            target_duration_s: 0,
            last_part: None,
            last_segment: None,
            pace: None,
            findings,
            figures: Figures::default(),
        }
    }

    /// Follows until told to stop, the show ends, or the server cannot be followed.
    pub(super) async fn run(mut self, mut stop: watch::Receiver<bool>) -> Followed {
        let outcome = self.follow(&mut stop).await;
        for fetch in self.hinted.values() {
            fetch.abort();
        }
        Followed {
            ended: matches!(outcome, Ok(true)),
            failure: outcome.err(),
            findings: self.findings,
            figures: self.figures,
            target_duration_s: self.target_duration_s,
            ..Followed::default()
        }
    }

    /// Whether the show ended.
    async fn follow(&mut self, stop: &mut watch::Receiver<bool>) -> Result<bool, String> {
        let mut current = self.tune_in().await?;
        while !current.ended && !*stop.borrow() {
            let (msn, part) = current.next();
            let query = format!("_HLS_msn={msn}&_HLS_part={part}");
            // Every other full playlist is asked for gzipped.
            let gzip = self.figures.versions % 2 == 1;
            let encoding: &[(&str, &str)] = if gzip { &[("accept-encoding", "gzip")] } else { &[] };
            let (full_url, delta_url) = (self.url(&query), self.url(&format!("{query}&_HLS_skip=YES")));
            let both = async {
                tokio::join!(
                    self.client.get_with(&full_url, encoding),
                    self.client.get(&delta_url)
                )
            };
            let (full, skipping) = tokio::select! {
                _ = stop.wait_for(|stop| *stop) => break,
                both = both => both,
            };
            let full = self.blocking(full, gzip, &query)?;
            let skipping = self.blocking(skipping, false, &delta_url)?;
            self.arrived(&current, &full.0, (msn, part), full.1);
            self.compare(&current, &full.0, &skipping.0);
            self.list(&current, &full.0, full.1).await;
            current = full.0;
        }
        if current.ended {
            self.after_the_end(&current).await;
        } else {
            self.last_look(&current).await;
        }
        let gone = std::mem::take(&mut self.gone);
        gone.try_all(&self.client, &self.rendition.url, &mut self.findings)
            .await;
        self.paced();
        Ok(current.ended)
    }

    /// Told to stop: what is listed at this moment is seen too, however far behind the checker is.
    async fn last_look(&mut self, current: &MediaPlaylist) {
        let Ok(answer) = self.client.get(&self.url("")).await else {
            return;
        };
        if answer.status != StatusCode::OK {
            return;
        }
        let playlist = MediaPlaylist::parse(&answer.text(), &mut self.findings);
        if !playlist.ended && playlist.next() > current.next() {
            self.look(&playlist);
            self.list(current, &playlist, answer.head_at).await;
        }
    }

    fn url(&self, query: &str) -> String {
        let mut url = self.rendition.url.clone();
        url.set_query(Some(query).filter(|query| !query.is_empty()));
        url.into()
    }

    /// The first version, asked for without directives, plain and gzipped.
    async fn tune_in(&mut self) -> Result<MediaPlaylist, String> {
        let url = self.url("");
        let mut plain = None;
        for gzip in [true, false] {
            let encoding: &[(&str, &str)] = if gzip { &[("accept-encoding", "gzip")] } else { &[] };
            let answer = self
                .client
                .get_with(&url, encoding)
                .await
                .map_err(|error| error.to_string())?;
            if answer.status != StatusCode::OK {
                return Err(format!("{url} answered {}", answer.status));
            }
            let text = headers::playlist_text(&answer, gzip, &mut self.findings);
            let playlist = MediaPlaylist::parse(&text, &mut self.findings);
            headers::check(
                Kind::PlainPlaylist,
                playlist.target_duration_s,
                &answer,
                &mut self.findings,
            );
            plain = Some((playlist, answer.head_at));
        }
        let (playlist, at) = plain.ok_or("no playlist")?;
        self.look(&playlist);
        self.list(&MediaPlaylist::default(), &playlist, at).await;
        Ok(playlist)
    }

    /// Reads the answer to a blocking request, and when it came.
    fn blocking(
        &mut self,
        answer: Result<Answer, ClientError>,
        gzip: bool,
        query: &str,
    ) -> Result<(MediaPlaylist, Instant), String> {
        let answer = answer.map_err(|error| error.to_string())?;
        if answer.status != StatusCode::OK {
            return Err(format!(
                "{} answered {} to {query}: {}",
                self.rendition.name,
                answer.status,
                answer.text()
            ));
        }
        let text = headers::playlist_text(&answer, gzip, &mut self.findings);
        let playlist = MediaPlaylist::parse(&text, &mut self.findings);
        let target = playlist.target_duration_s;
        headers::check(Kind::BlockingPlaylist, target, &answer, &mut self.findings);
        Ok((playlist, answer.head_at))
    }

    /// A new full version, in answer to a request for `asked`.
    fn arrived(&mut self, before: &MediaPlaylist, next: &MediaPlaylist, asked: Position, at: Instant) {
        self.figures.versions += 1;
        self.findings.law(41, next.ended || next.next() > asked, || {
            format!("asked for {asked:?}, told only up to {:?}", next.last())
        });
        self.look(next);
        history::check(before, next, &mut self.findings);
        self.cadence(before, next, at);
    }

    fn look(&mut self, playlist: &MediaPlaylist) {
        version::check(playlist, self.rendition.is_video, self.others, &mut self.findings);
        let base = &self.rendition.url;
        let reports: Vec<(String, Position)> = playlist
            .reports
            .iter()
            .filter_map(|report| {
                let url = base.join(&report.uri).ok()?;
                Some((url.into(), (report.last_msn?, report.last_part?)))
            })
            .collect();
        self.shared
            .across()
            .observe(base.as_str(), self.rendition.is_video, playlist, &reports);
        self.target_duration_s = playlist.target_duration_s;
    }

    /// Rules 27 and 28.
    fn cadence(&mut self, before: &MediaPlaylist, next: &MediaPlaylist, at: Instant) {
        let interval = |last: Option<Instant>| last.map(|last| at.saturating_duration_since(last));
        if let Some(now) = next.end_us().map(|end_us| (end_us, at)) {
            self.pace = Some([self.pace.map_or(now, |[first, _]| first), now]);
        }
        if next.ended {
            return;
        }
        if next.next() > before.next() {
            if let (Some(interval), Some(target)) = (interval(self.last_part), next.part_target) {
                self.figures.late_parts += u64::from(interval > target + Figures::TOLERANCE);
                self.figures.part_interval.add(interval);
            }
            self.last_part = Some(at);
        }
        let newest = |playlist: &MediaPlaylist| playlist.whole().last().map(|last| last.msn);
        if newest(next) > newest(before) {
            if let Some(interval) = interval(self.last_segment) {
                let limit = Duration::from_millis(1500 * next.target_duration_s);
                self.figures.late_segments += u64::from(interval > limit + Figures::TOLERANCE);
                self.figures.segment_interval.add(interval);
            }
            self.last_segment = Some(at);
        }
    }

    fn compare(&mut self, older: &MediaPlaylist, full: &MediaPlaylist, skipping: &MediaPlaylist) {
        let version = |playlist: &MediaPlaylist| {
            let next_segment = playlist.next();
            (
                playlist.media_sequence,
                playlist.last(),
                // After a discontinuity a segment is announced before its first part: another instant, with the same parts.
                playlist.segments.last().map(|segment| segment.msn),
                next_segment,
                playlist.ended,
            )
        };
        if version(full) == version(skipping) {
            self.figures.deltas += u64::from(skipping.skipped.is_some());
            delta::check(older, full, skipping, &mut self.findings);
        } else {
            self.figures.uncompared += 1;
        }
    }

    /// Hands on what `next` lists and `before` did not; asks for what is hinted at.
    async fn list(&mut self, before: &MediaPlaylist, next: &MediaPlaylist, since: Instant) {
        let known = |msn: u64| before.segments.iter().find(|segment| segment.msn == msn);
        let mut fresh = 0;
        for segment in &next.segments {
            let old = known(segment.msn);
            let old_parts = old.map_or(0, |old| old.parts.len());
            for (index, part) in segment.parts.iter().enumerate().skip(old_parts) {
                fresh += 1;
                let fetch = match self.hinted.remove(&part.uri) {
                    Some(fetch) => fetch,
                    None => self.fetch(&part.uri),
                };
                let listed = Listed::Part {
                    segment: segment.clone(),
                    index,
                    part: part.clone(),
                    fetch,
                    since,
                };
                let _ = self.items.send(listed).await;
            }
            if !segment.is_open() && old.is_none_or(Segment::is_open) {
                let _ = self.items.send(Listed::Whole(segment.clone())).await;
            }
        }
        self.figures.bursts += u64::from(fresh > 1 && !before.segments.is_empty());
        self.gone.remember(before, next);
        if let Some(uri) = next.hinted_part().filter(|uri| !self.hinted.contains_key(*uri)) {
            let fetch = self.fetch(uri);
            self.hinted.insert(uri.to_owned(), fetch);
        }
    }

    fn fetch(&self, uri: &str) -> Fetch {
        let url = self
            .rendition
            .url
            .join(uri)
            .map_or_else(|_| uri.to_owned(), String::from);
        let client = self.client.clone();
        tokio::spawn(async move { client.get(&url).await })
    }

    /// Whether the show went on as fast as the clock: when its encoder is starved by other programs, nothing can be in time.
    fn is_in_real_time(&self) -> bool {
        self.pace.is_none_or(|[(from_us, began), (to_us, ended)]| {
            let media_us = u128::try_from(to_us - from_us).unwrap_or_default();
            media_us * 10 >= ended.saturating_duration_since(began).as_micros() * 9
        })
    }

    /// Rules 27 and 28 as far as a machine that is busy with other things can keep them: most of the time.
    fn paced(&mut self) {
        let in_real_time = self.is_in_real_time();
        let figures = &self.figures;
        let table = [
            (
                27,
                figures.bursts,
                figures.versions,
                "versions had several new parts",
            ),
            (
                27,
                figures.late_parts,
                figures.part_interval.len() as u64,
                "parts came late",
            ),
            (
                28,
                figures.late_segments,
                figures.segment_interval.len() as u64,
                "segments came late",
            ),
        ];
        for (spec, off, all, what) in table {
            // One or two of a few say nothing.
            self.findings
                .law(spec, off * 2 <= all.max(8) || !in_real_time, || {
                    format!("{off} of {all} {what}")
                });
        }
    }

    /// Rules 44, 71, 90 and 91.
    async fn after_the_end(&mut self, last: &MediaPlaylist) {
        let far = last.next().0 + 1000;
        for query in [
            format!("_HLS_msn={far}"),
            format!("_HLS_msn={far}&_HLS_part=7&_HLS_skip=YES"),
        ] {
            let answer = self.client.get(&self.url(&query)).await;
            let text = answer.map(|answer| answer.text()).unwrap_or_default();
            let again = MediaPlaylist::parse(&text, &mut self.findings);
            self.findings.law(44, again == *last, || {
                format!("after EXT-X-ENDLIST, {query} is not answered by the last playlist")
            });
        }
        for (uri, fetch) in std::mem::take(&mut self.hinted) {
            let answer = tokio::time::timeout(PROMPT, fetch).await;
            let status = answer
                .ok()
                .and_then(Result::ok)
                .and_then(Result::ok)
                .map(|answer| answer.status);
            self.findings.law(71, status == Some(StatusCode::NOT_FOUND), || {
                format!("{uri} was hinted at, never came, and answered {status:?}")
            });
        }
        for segment in last.whole().iter().filter(|segment| !segment.gap) {
            let status = self
                .fetch(&segment.uri)
                .await
                .ok()
                .and_then(Result::ok)
                .map(|answer| answer.status);
            self.findings.law(91, status == Some(StatusCode::OK), || {
                format!("{} of the ended show answers {status:?}", segment.uri)
            });
        }
    }
}
