//! A channel's events as they happen: `text/event-stream`, for studios and back ends.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use http::header::{self, HeaderValue};
use http::request::Parts;
use tokio::sync::{OwnedSemaphorePermit, broadcast, mpsc, watch};
use tokio::time::{MissedTickBehavior, interval};

use super::access::Role;
use super::problem::Problem;
use super::query::Query;
use super::record::Notice;
use super::routes::ControlledChannel;
use crate::control::status::ChannelStatus;
use crate::playback::response::{Answer, SharedBody};

/// Listeners of one channel at one time. Full: the next is answered 503.
pub(super) const LISTENERS: usize = 64;
/// Bounded: lines on their way to a listener's connection. Full: the listener's notices wait, and are bounded in turn.
const LINES: usize = 16;
/// Something is said at least so often, so that nobody between takes the connection for dead.
const SIGN_OF_LIFE: Duration = Duration::from_secs(10);

/// Whether a request asks for the events as they happen.
pub(super) fn wants_stream(request: &Parts) -> bool {
    let accepted = request.headers.get_all(header::ACCEPT).iter();
    let accepted = accepted.filter_map(|value| value.to_str().ok());
    accepted
        .flat_map(|list| list.split(','))
        .any(|kind| kind.trim().starts_with("text/event-stream"))
}

impl ControlledChannel {
    /// Tells what happens to events from now on.
    pub(super) fn listen(&self, request: &Parts) -> Result<Answer, Problem> {
        self.access.admit(&request.headers, Role::ReadOnly)?;
        Query::of(request, &[])?;
        let place = self.listeners.clone().try_acquire_owned();
        let place = place.map_err(|_| Problem::busy("too many listen to this channel: try again later"))?;
        let (lines, coming) = mpsc::channel(LINES);
        let notices = self.handle.show.notices.subscribe();
        tokio::spawn(tell(notices, self.handle.status.clone(), lines, place));
        let mut answer = Response::new(SharedBody::coming(coming));
        let fields = answer.headers_mut();
        for (name, value) in [
            (header::CONTENT_TYPE, "text/event-stream"),
            (header::CACHE_CONTROL, "no-store"),
        ] {
            fields.insert(name, HeaderValue::from_static(value));
        }
        Ok(answer)
    }
}

/// Until the listener leaves, falls behind, or the channel ends.
async fn tell(
    mut notices: broadcast::Receiver<Arc<Notice>>,
    mut channel: watch::Receiver<Arc<ChannelStatus>>,
    lines: mpsc::Sender<Bytes>,
    _place: OwnedSemaphorePermit,
) {
    let mut sign_of_life = interval(SIGN_OF_LIFE);
    sign_of_life.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let line = tokio::select! {
            notice = notices.recv() => match notice {
                Ok(notice) => render(&notice),
                Err(broadcast::error::RecvError::Lagged(missed)) => {
                    let line = format!("event: left_behind\ndata: {{\"missed\":{missed}}}\n\n");
                    let _ = lines.send(line.into()).await;
                    return;
                }
                Err(broadcast::error::RecvError::Closed) => return,
            },
            _ = sign_of_life.tick() => Bytes::from_static(b": listening\n\n"),
            changed = channel.changed() => match changed {
                Ok(()) => continue,
                Err(_) => return,
            },
            () = lines.closed() => return,
        };
        if lines.send(line).await.is_err() {
            return;
        }
    }
}

fn render(notice: &Notice) -> Bytes {
    let record = serde_json::to_string(&notice.record).unwrap_or_default();
    format!("event: {}\ndata: {record}\n\n", notice.what).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_asks_for_a_stream_gets_one() {
        let table = [
            (None, false),
            (Some("*/*"), false),
            (Some("application/json"), false),
            (Some("text/event-stream"), true),
            (Some("application/json, text/event-stream;q=0.5"), true),
        ];
        for (accept, expected) in table {
            let mut request = http::Request::builder();
            if let Some(accept) = accept {
                request = request.header("accept", accept);
            }
            let (parts, ()) = request.body(()).unwrap().into_parts();
            assert_eq!(wants_stream(&parts), expected, "{accept:?}");
        }
    }
}
