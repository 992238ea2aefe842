//! One encoder's connection: the protocol on a socket, with its deadlines and its back-pressure.

use std::future::pending;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio::time::{Instant, timeout, timeout_at};
use vitrine_packager::media::TrackConfig;

use super::RtmpSettings;
use super::connection::{ConnectionError, Event};
use super::handshake::HandshakeError;
use super::status::end_status;
use super::wire::Wire;
use crate::assembly::{Assembly, Fault};
use crate::auth::{Admission, Reception};
use crate::publication::{Arrival, EndReason, Publication, PublicationInfo, Publisher};
use crate::refusal::Refusal;
use crate::wall_clock;

/// For the last words, and for the peer to hear them.
const FAREWELL: Duration = Duration::from_secs(1);

/// How a session went.
#[derive(Debug)]
pub struct SessionEnd {
    /// Why it ended.
    pub cause: EndCause,
    /// The most bytes held for the peer at any time, beside those in [`Publication::arrivals`].
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
        match fault {
            Fault::Refused(refusal) => Self::Refused(refusal),
            Fault::Jumped(jump) => Self::Ended(EndReason::ProtocolError(jump.to_string())),
        }
    }
}

/// Serves one encoder on `stream` until it leaves, is refused, or `stopped` turns true.
///
/// Never reads ahead of the channel: while [`Publication::arrivals`] is full, the stream is not read.
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
        assembly: Assembly::default(),
        admission: None,
        publisher: None,
        peak_held_bytes: 0,
    };
    let cause = match session.run(reception).await {
        Ok(never) => match never {},
        Err(cause) => cause,
    };
    match &cause {
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
    assembly: Assembly,
    /// The right to publish, from the accepted `publish` until the end.
    admission: Option<Admission>,
    /// Our end of the publication, once it is handed over.
    publisher: Option<Publisher>,
    peak_held_bytes: usize,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Session<'_, S> {
    async fn run(&mut self, reception: &Reception) -> Result<Never, EndCause> {
        let mut stopped = self.stopped.clone();
        let admission = tokio::select! {
            biased;
            () = until_true(&mut stopped) => return Err(EndReason::ShuttingDown.into()),
            set_up = timeout(self.settings.setup, self.wire.set_up(reception)) => {
                set_up.map_err(|_| EndCause::SetupTimedOut)??
            }
        };
        let span = tracing::Span::current();
        span.record("channel", admission.channel.as_str());
        span.record("publication", admission.publication_id);
        tracing::info!("encoder accepted");
        self.admission = Some(admission);
        self.publish().await
    }

    /// Takes media until something ends it.
    async fn publish(&mut self) -> Result<Never, EndCause> {
        let mut deadline = Instant::now() + self.settings.silence;
        loop {
            let event = tokio::select! {
                biased;
                refusal = refused(&mut self.publisher) => return Err(refusal.unwrap_or_else(|| self.unavailable()).into()),
                () = until_true(&mut self.stopped) => return Err(EndReason::ShuttingDown.into()),
                event = timeout_at(deadline, self.wire.next_event()) => {
                    event.map_err(|_| EndReason::Silent { seconds: self.settings.silence.as_secs() })??
                }
            };
            let is_media = matches!(event, Event::Video { .. } | Event::Audio { .. });
            self.take(event)?;
            let held = self.wire.held_bytes() + self.assembly.held_bytes();
            self.peak_held_bytes = self.peak_held_bytes.max(held);
            self.hand_on().await?;
            // Before the hand-over nothing counts: media that never becomes a track is no media.
            if is_media && self.publisher.is_some() {
                deadline = Instant::now() + self.settings.silence;
            }
        }
    }

    fn take(&mut self, event: Event) -> Result<(), EndCause> {
        match event {
            Event::Metadata(metadata) => self.assembly.metadata(metadata),
            Event::Video { timestamp, body } => self.assembly.video(timestamp, body, wall_clock())?,
            Event::Audio { timestamp, body } => self.assembly.audio(timestamp, body, wall_clock())?,
            Event::Unpublish => return Err(EndReason::Unpublished.into()),
            Event::Play => return Err(Refusal::PlayNotSupported.into()),
            // The connection lets neither through a second time.
            Event::Connect { .. } | Event::Publish { .. } => {}
        }
        Ok(())
    }

    /// Hands over the publication when its tracks are known, and then what has arrived.
    async fn hand_on(&mut self) -> Result<(), EndCause> {
        if let Some(tracks) = self.assembly.take_tracks(wall_clock()) {
            self.hand_over(tracks).await?;
        }
        while let Some(arrival) = self.assembly.next_arrival() {
            self.send(arrival).await?;
        }
        Ok(())
    }

    async fn hand_over(&mut self, tracks: Vec<TrackConfig>) -> Result<(), EndCause> {
        let Some(admission) = &self.admission else {
            return Ok(());
        };
        let encoder = self.assembly.encoder().map(str::to_owned);
        tracing::info!(encoder, tracks = tracks.len(), "publication starts");
        let (publication, publisher) = Publication::open(PublicationInfo {
            id: admission.publication_id,
            channel: admission.channel.clone(),
            protocol: "rtmp",
            peer: self.peer,
            encoder,
            tracks,
        });
        match timeout(self.settings.stall, admission.publications.send(publication)).await {
            Ok(Ok(())) => self.publisher = Some(publisher),
            _ => return Err(self.unavailable().into()),
        }
        Ok(())
    }

    async fn send(&mut self, arrival: Arrival) -> Result<(), EndCause> {
        let Some(publisher) = &mut self.publisher else {
            return Ok(());
        };
        let sent = tokio::select! {
            biased;
            refusal = &mut publisher.refusal => return Err(refusal.unwrap_or_else(|_| self.unavailable()).into()),
            () = until_true(&mut self.stopped) => return Err(EndReason::ShuttingDown.into()),
            sent = timeout(self.settings.stall, publisher.arrivals.send(arrival)) => sent,
        };
        match sent {
            Ok(Ok(())) => Ok(()),
            // The channel closed the queue: its refusal, if it has one, was sent before.
            Ok(Err(_)) => Err(publisher
                .refusal
                .try_recv()
                .unwrap_or_else(|_| self.unavailable())
                .into()),
            Err(_) => {
                tracing::error!("the channel takes no frames");
                Err(self.unavailable().into())
            }
        }
    }

    /// For an encoder whose publication the channel has dropped or does not take.
    fn unavailable(&self) -> Refusal {
        let channel = self.admission.as_ref().map(|admission| admission.channel.clone());
        Refusal::ChannelUnavailable {
            channel: channel.unwrap_or_default(),
        }
    }

    /// Whether the encoder does not read what it is told while it publishes. OBS does not. All others have heard a
    /// refusal, and may come again at once with other settings.
    fn is_deaf(&self) -> bool {
        self.assembly
            .encoder()
            .is_some_and(|encoder| encoder.contains("libobs"))
    }

    /// Tells both sides why it is over, as far as they still listen.
    async fn take_leave(&mut self, cause: &EndCause) {
        if let Some(mut publisher) = self.publisher.take() {
            let reason = match cause {
                EndCause::Ended(reason) => reason.clone(),
                _ => EndReason::ConnectionLost,
            };
            let _ = timeout(FAREWELL, publisher.arrivals.send(Arrival::Ended(reason))).await;
        }
        if let (Some(admission), EndCause::Refused(refusal)) = (&self.admission, cause)
            && self.is_deaf()
            && !matches!(refusal, Refusal::ChannelUnavailable { .. })
        {
            admission.refused(refusal);
        }
        // Now, and not before the channel knows the end of this publication, another encoder may come.
        self.admission = None;
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

/// Resolves when the channel refuses the publication (or drops it: `None`); never before it has one.
async fn refused(publisher: &mut Option<Publisher>) -> Option<Refusal> {
    match publisher {
        Some(publisher) => (&mut publisher.refusal).await.ok(),
        None => pending().await,
    }
}

/// Resolves when the server stops; a server that is gone has stopped.
async fn until_true(stopped: &mut watch::Receiver<bool>) {
    let _ = stopped.wait_for(|stopped| *stopped).await;
}
