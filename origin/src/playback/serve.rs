//! Routing of `/live/…`.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use http::request::Parts;
use http::{Method, StatusCode};
use metrics::Counter;
use vitrine_packager::request::{Directives, MediaName, PlaylistName};

use super::headers::{self, Caching};
use super::response::{self, Answer, SharedBody};
use super::wait::{WaitError, WaitingRoom};
use crate::channel::feed::{ChannelFeed, RenditionFeed, SessionFeed};

/// A longer path and query is none of ours.
const LONGEST_TARGET: usize = 2048;

/// Serves every channel's playlists and media.
#[derive(Debug, Clone)]
pub struct Playback {
    channels: Arc<BTreeMap<String, Arc<ChannelFeed>>>,
    room: WaitingRoom,
}

impl Playback {
    /// Serves these channels; at most `waiting` requests wait at one time.
    pub fn new(channels: impl IntoIterator<Item = Arc<ChannelFeed>>, waiting: usize) -> Self {
        let channels = channels
            .into_iter()
            .map(|feed| (feed.name.clone(), feed))
            .collect();
        Self {
            channels: Arc::new(channels),
            room: WaitingRoom::new(waiting),
        }
    }

    /// Answers a request whose path begins with `/live/`.
    pub async fn serve(&self, request: &Parts) -> Answer {
        let answer = match request.method {
            Method::GET | Method::HEAD => self.get(request).await,
            Method::OPTIONS => preflight(),
            _ => {
                let mut answer =
                    response::error(StatusCode::METHOD_NOT_ALLOWED, "only GET, HEAD and OPTIONS");
                let allow = http::HeaderValue::from_static("GET, HEAD, OPTIONS");
                answer.headers_mut().insert(http::header::ALLOW, allow);
                answer
            }
        };
        count(answer.status());
        response::finish(answer, &request.method)
    }

    async fn get(&self, request: &Parts) -> Answer {
        let target = request.uri.path_and_query().map_or("", |target| target.as_str());
        if target.len() > LONGEST_TARGET {
            return response::error(StatusCode::URI_TOO_LONG, "no URL of this server is so long");
        }
        let mut segments = request.uri.path().split('/').skip(2);
        let mut next = || segments.next();
        let parts = (next(), next(), next(), next(), next());
        let channel = |name: &str| self.channels.get(name);
        match parts {
            (Some(name), Some("index.m3u8"), None, ..) => match channel(name) {
                Some(channel) => multivariant(channel, request),
                None => not_found("no such channel"),
            },
            (Some(name), Some(session), Some(rendition), Some(file), None) => {
                let Some(session) = channel(name).and_then(|channel| channel.session(session)) else {
                    return not_found("no such session: read the multivariant playlist again");
                };
                match session.renditions.get(rendition) {
                    Some(feed) => self.rendition(&session, rendition, feed, file, request).await,
                    None => not_found("no such rendition"),
                }
            }
            _ => not_found("no such resource"),
        }
    }

    async fn rendition(
        &self,
        session: &SessionFeed,
        rendition: &str,
        feed: &RenditionFeed,
        file: &str,
        request: &Parts,
    ) -> Answer {
        if let Some(name) = PlaylistName::parse(file) {
            return self.playlist(session, feed, name, request).await;
        }
        let Some(name) = MediaName::parse(file) else {
            return not_found("no such resource");
        };
        // SPEC 73: a hinted part is waited for, but not for ever.
        let patience = patience(session) + Duration::from_millis(session.part_target_ms.into());
        let content_type = if rendition.starts_with("audio") {
            "audio/mp4"
        } else {
            "video/mp4"
        };
        match self.room.media(feed, name, patience).await {
            Ok(body) => response::media(&body, content_type, &request.headers),
            Err(error) => refused(&error),
        }
    }

    async fn playlist(
        &self,
        session: &SessionFeed,
        feed: &RenditionFeed,
        name: PlaylistName,
        request: &Parts,
    ) -> Answer {
        let directives = match Directives::parse(request.uri.query().unwrap_or("")) {
            Ok(directives) => directives,
            Err(error) => return response::error(StatusCode::BAD_REQUEST, &error.to_string()),
        };
        let target_duration_s = session.target_duration_s;
        let caching = match directives.wait_for {
            Some(_) => Caching::BlockingPlaylist { target_duration_s },
            None => Caching::PlainPlaylist { target_duration_s },
        };
        let patience = patience(session);
        let playlist = match name {
            PlaylistName::Index => self.room.playlist(feed, &directives, patience).await,
            PlaylistName::IFrames => self.room.i_frame_playlist(feed, &directives, patience).await,
        };
        match playlist {
            Ok(playlist) => response::playlist(&playlist, caching, &request.headers),
            Err(error) => refused(&error),
        }
    }
}

/// Counts an answer. The usual statuses' counters are looked up once.
fn count(status: StatusCode) {
    const USUAL: [u16; 9] = [200, 204, 206, 400, 404, 405, 414, 416, 503];
    static COUNTERS: LazyLock<[Counter; USUAL.len()]> = LazyLock::new(|| USUAL.map(counter));
    match USUAL
        .iter()
        .zip(COUNTERS.iter())
        .find(|(usual, _)| **usual == status.as_u16())
    {
        Some((_, counter)) => counter.increment(1),
        None => counter(status.as_u16()).increment(1),
    }
}

fn counter(status: u16) -> Counter {
    metrics::counter!("vitrine_playback_requests_total", "status" => status.to_string())
}

/// 8216bis 6.2.5.2: a request waits for three target durations.
fn patience(session: &SessionFeed) -> Duration {
    Duration::from_secs(u64::from(session.target_duration_s) * 3)
}

fn multivariant(channel: &ChannelFeed, request: &Parts) -> Answer {
    let Some(session) = channel.current() else {
        return not_found("the channel is not live");
    };
    match session.multivariant.load_full() {
        Some(playlist) => {
            let caching = Caching::PlainPlaylist {
                target_duration_s: session.target_duration_s,
            };
            response::playlist(&playlist, caching, &request.headers)
        }
        None => response::error(StatusCode::SERVICE_UNAVAILABLE, "the show is about to start"),
    }
}

fn preflight() -> Answer {
    let mut answer = Answer::new(SharedBody::default());
    *answer.status_mut() = StatusCode::NO_CONTENT;
    headers::add_preflight(answer.headers_mut());
    answer
        .headers_mut()
        .insert(http::header::CACHE_CONTROL, Caching::EarlyError.cache_control());
    answer
}

fn not_found(detail: &str) -> Answer {
    response::error(StatusCode::NOT_FOUND, detail)
}

fn refused(error: &WaitError) -> Answer {
    match error {
        WaitError::TooFarAhead => {
            response::error(StatusCode::BAD_REQUEST, "further ahead than a client may ask")
        }
        WaitError::Unknown => not_found("no such resource, or no longer"),
        WaitError::TimedOut => response::error(StatusCode::SERVICE_UNAVAILABLE, "it did not come in time"),
        WaitError::Crowded => {
            response::error(StatusCode::SERVICE_UNAVAILABLE, "too many viewers wait already")
        }
    }
}
