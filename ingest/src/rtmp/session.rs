//! One encoder's connection: the protocol on a socket, with its deadlines and its back-pressure.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio::time::{Instant, timeout, timeout_at};

use super::RtmpSettings;
use super::connection::{ConnectionError, Event};
use super::handshake::HandshakeError;
use super::status::end_status;
use super::wire::Wire;
use crate::assembly::Fault;
use crate::auth::Reception;
use crate::publication::EndReason;
use crate::publishing::{Publishing, Stop, until_true};
use crate::refusal::Refusal;
use crate::wall_clock;

/// For the last words, and for the peer to hear them.
const FAREWELL: Duration = Duration::from_secs(1);

/// How a session went.
#[derive(Debug)]
pub struct SessionEnd {
    /// Why it ended.
    pub cause: EndCause,
    /// The most bytes held for the peer at any time, beside those in
    /// [`Publication::arrivals`](crate::Publication::arrivals).
    pub peak_held_bytes: usize,
}

/// Why a session ended.
#[derive(Debug, thiserror::Error)]
pub enum EndCause {
    /// No RTMP was spoken.
    #[error(transparent)]
    NoHandshake(#[from] HandshakeError),
    /// The peer did not get as far as publishing in the allowed time.
    #[error("nothing was published in time")]
    SetupTimedOut,
    /// The publication, or the wish for one, ended.
    #[error(transparent)]
    Ended(#[from] EndReason),
    /// The peer was turned away.
    #[error(transparent)]
    Refused(#[from] Refusal),
}

impl From<io::Error> for EndCause {
    fn from(_: io::Error) -> Self {
        Self::Ended(EndReason::ConnectionLost)
    }
}

impl From<ConnectionError> for EndCause {
    fn from(error: ConnectionError) -> Self {
        Self::Ended(EndReason::ProtocolError(error.to_string()))
    }
}

impl From<Fault> for EndCause {
    fn from(fault: Fault) -> Self {
        Stop::from(fault).into()
    }
}

impl From<Stop> for EndCause {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Ended(reason) => Self::Ended(reason),
            Stop::Refused(refusal) => Self::Refused(refusal),
        }
    }
}

/// Serves one encoder on `stream` until it leaves, is refused, or `stopped` turns true.
///
/// Never reads ahead of the channel: while [`Publication::arrivals`](crate::Publication::arrivals) is full, the stream is not
/// read.
pub async fn serve_connection<S>(
    stream: S,
    peer: SocketAddr,
    reception: &Reception,
    settings: &RtmpSettings,
    stopped: watch::Receiver<bool>,
) -> SessionEnd
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut session = Session {
        wire: Wire::new(stream),
        peer,
        settings,
        stopped,
        publishing: None,
        peak_held_bytes: 0,
    };
    let cause = match session.run(reception).await {
        Ok(never) => match never {},
        Err(cause) => cause,
    };
    match &cause {
        // Of it a line was said when it began.
        EndCause::Refused(refusal @ Refusal::TooManyAttempts { .. }) => {
            tracing::debug!(reason = %refusal, "encoder refused");
        }
        EndCause::Refused(refusal) => tracing::warn!(reason = %refusal, "encoder refused"),
        EndCause::NoHandshake(error) => tracing::debug!(reason = %error, "no handshake"),
        other => tracing::info!(reason = %other, "encoder gone"),
    }
    session.take_leave(&cause).await;
    SessionEnd {
        cause,
        peak_held_bytes: session.peak_held_bytes,
    }
}

/// A session ends by its cause only.
enum Never {}

struct Session<'a, S> {
    wire: Wire<S>,
    peer: SocketAddr,
    settings: &'a RtmpSettings,
    stopped: watch::Receiver<bool>,
    /// From the accepted `publish` until the end.
    publishing: Option<Publishing>,
    peak_held_bytes: usize,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Session<'_, S> {
    async fn run(&mut self, reception: &Reception) -> Result<Never, EndCause> {
        let mut stopped = self.stopped.clone();
        let admission = tokio::select! {
            biased;
            () = until_true(&mut stopped) => return Err(EndReason::ShuttingDown.into()),
            set_up = timeout(self.settings.setup, self.wire.set_up(reception, self.peer.ip())) => {
                set_up.map_err(|_| EndCause::SetupTimedOut)??
            }
        };
        let publishing = Publishing::new("rtmp", self.peer, self.settings.stall, stopped, admission);
        let publishing = self.publishing.insert(publishing);
        let silence = self.settings.silence;
        let mut deadline = Instant::now() + silence;
        loop {
            let event = tokio::select! {
                biased;
                stop = publishing.interrupted() => return Err(stop.into()),
                event = timeout_at(deadline, self.wire.next_event()) => {
                    event.map_err(|_| EndReason::Silent { seconds: silence.as_secs() })??
                }
            };
            let is_media = matches!(event, Event::Video { .. } | Event::Audio { .. });
            take(publishing, event)?;
            let held = self.wire.held_bytes() + publishing.assembly.held_bytes();
            self.peak_held_bytes = self.peak_held_bytes.max(held);
            publishing.hand_on().await?;
            if is_media {
                publishing.heard();
            }
            // Before the hand-over nothing counts: media that never becomes a track is no media.
            if is_media && publishing.is_handed_over() {
                deadline = Instant::now() + silence;
            }
        }
    }

    /// Tells both sides why it is over, as far as they still listen.
    async fn take_leave(&mut self, cause: &EndCause) {
        // Before the encoder knows: another one may come now, and not before the channel knows the end of this publication.
        if let Some(publishing) = self.publishing.take() {
            let (reason, refusal) = match cause {
                EndCause::Ended(reason) => (reason.clone(), None),
                EndCause::Refused(refusal) => (EndReason::ConnectionLost, Some(refusal)),
                _ => (EndReason::ConnectionLost, None),
            };
            let parting_words = refusal.filter(|_| is_deaf(&publishing));
            publishing.take_leave(reason, parting_words).await;
        }
        let connection = &mut self.wire.connection;
        match cause {
            EndCause::Refused(refusal) => connection.refuse(refusal),
            EndCause::Ended(reason) => {
                let (level, code) = end_status(reason);
                connection.send_status(level, code, &reason.to_string());
            }
            EndCause::NoHandshake(_) | EndCause::SetupTimedOut => return,
        }
        if timeout(FAREWELL, self.wire.say_goodbye()).await.is_err() {
            tracing::debug!("the peer did not close the connection");
        }
    }
}

fn take(publishing: &mut Publishing, event: Event) -> Result<(), EndCause> {
    let assembly = &mut publishing.assembly;
    match event {
        Event::Metadata(metadata) => assembly.metadata(metadata),
        Event::Video { timestamp, body } => assembly.video(timestamp, body, wall_clock())?,
        Event::Audio { timestamp, body } => assembly.audio(timestamp, body, wall_clock())?,
        Event::Unpublish => return Err(EndReason::Unpublished.into()),
        Event::Play => return Err(Refusal::PlayNotSupported.into()),
        // The connection lets neither through a second time.
        Event::Connect { .. } | Event::Publish { .. } => {}
    }
    Ok(())
}

/// Whether the encoder does not read what it is told while it publishes. OBS does not. All others have heard a
/// refusal, and may come again at once with other settings.
fn is_deaf(publishing: &Publishing) -> bool {
    publishing
        .assembly
        .encoder()
        .is_some_and(|encoder| encoder.contains("libobs"))
}
