//! Handing a publication over: what every protocol's session does once its encoder may publish.

use std::future::pending;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;
use vitrine_packager::media::TrackConfig;

use crate::assembly::{Assembly, Fault};
use crate::auth::{Admission, Input};
use crate::publication::{Arrival, EndReason, Publication, PublicationInfo, Publisher};
use crate::refusal::Refusal;
use crate::wall_clock;

/// For the channel to hear of the end.
const FAREWELL: Duration = Duration::from_secs(1);

/// Why no more is published.
#[derive(Debug, Clone, PartialEq)]
pub enum Stop {
    /// The publication ended.
    Ended(EndReason),
    /// The encoder is turned away.
    Refused(Refusal),
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Refused(refusal) => Self::Refused(refusal),
        }
    }
}

impl From<EndReason> for Stop {
    fn from(reason: EndReason) -> Self {
        Self::Ended(reason)
    }
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// One encoder's publication from the accepted wish to its end.
pub struct Publishing {
    protocol: &'static str,
    peer: SocketAddr,
    /// A channel that takes nothing for so long loses its encoder.
    stall: Duration,
    stopped: watch::Receiver<bool>,
    admission: Admission,
    /// Our end of the publication, once it is handed over.
    publisher: Option<Publisher>,
    /// Where the protocol's media go in.
    pub assembly: Assembly,
}

impl Publishing {
    /// A publication that may begin.
    pub fn new(
        protocol: &'static str,
        peer: SocketAddr,
        stall: Duration,
        stopped: watch::Receiver<bool>,
        admission: Admission,
    ) -> Self {
        let span = tracing::Span::current();
        span.record("channel", admission.channel.as_str());
        span.record("publication", admission.publication_id);
        tracing::info!("encoder accepted");
        Self {
            protocol,
            peer,
            stall,
            stopped,
            admission,
            publisher: None,
            assembly: Assembly::default(),
        }
    }

    /// The channel's name, and which of its inputs.
    pub fn target(&self) -> (String, Input) {
        (self.admission.channel.clone(), self.admission.input)
    }

    /// Notes that the encoder has sent media: it is not half-dead.
    pub fn heard(&self) {
        self.admission.heard();
    }

    /// Whether the channel has it.
    pub fn is_handed_over(&self) -> bool {
        self.publisher.is_some()
    }

    /// Resolves when the channel refuses the publication or drops it, another connection takes over, or the server stops.
    pub async fn interrupted(&mut self) -> Stop {
        let refused = async {
            match &mut self.publisher {
                Some(publisher) => (&mut publisher.refusal).await.ok(),
                None => pending().await,
            }
        };
        tokio::select! {
            biased;
            refusal = refused => refusal.unwrap_or_else(|| unavailable(&self.admission)).into(),
            () = until_true(&mut self.stopped) => EndReason::ShuttingDown.into(),
            reason = sent_away(&mut self.admission.sent_away) => reason.into(),
        }
    }

    /// Hands over the publication when its tracks are known, and then what has arrived.
    pub async fn hand_on(&mut self) -> Result<(), Stop> {
        if let Some(tracks) = self.assembly.take_tracks(wall_clock()) {
            self.hand_over(tracks).await?;
        }
        while let Some(arrival) = self.assembly.next_arrival() {
            self.send(arrival).await?;
        }
        Ok(())
    }

    async fn hand_over(&mut self, tracks: Vec<TrackConfig>) -> Result<(), Stop> {
        let encoder = self.assembly.encoder().map(str::to_owned);
        tracing::info!(encoder, tracks = tracks.len(), "publication starts");
        let (publication, publisher) = Publication::open(PublicationInfo {
            id: self.admission.publication_id,
            channel: self.admission.channel.clone(),
            input: self.admission.input,
            protocol: self.protocol,
            peer: self.peer,
            encoder,
            tracks,
        });
        match timeout(self.stall, self.admission.publications.send(publication)).await {
            Ok(Ok(())) => self.publisher = Some(publisher),
            _ => return Err(unavailable(&self.admission).into()),
        }
        Ok(())
    }

    async fn send(&mut self, arrival: Arrival) -> Result<(), Stop> {
        let Some(publisher) = &mut self.publisher else {
            return Ok(());
        };
        let mut leave = self.admission.sent_away.clone();
        let unavailable = || unavailable(&self.admission);
        let sent = tokio::select! {
            biased;
            refusal = &mut publisher.refusal => return Err(refusal.unwrap_or_else(|_| unavailable()).into()),
            () = until_true(&mut self.stopped) => return Err(EndReason::ShuttingDown.into()),
            reason = sent_away(&mut leave) => return Err(reason.into()),
            sent = timeout(self.stall, publisher.arrivals.send(arrival)) => sent,
        };
        match sent {
            Ok(Ok(())) => Ok(()),
            // The channel closed the queue: its refusal, if it has one, was sent before.
            Ok(Err(_)) => Err(publisher
                .refusal
                .try_recv()
                .unwrap_or_else(|_| unavailable())
                .into()),
            Err(_) => {
                tracing::error!("the channel takes no frames");
                Err(unavailable().into())
            }
        }
    }

    /// Tells the channel why it is over, and then lets another encoder come. `parting_words`: for an encoder that has not heard
    /// why it is refused, and is told when it comes again.
    pub async fn take_leave(mut self, reason: EndReason, parting_words: Option<&Refusal>) {
        if let Some(mut publisher) = self.publisher.take() {
            let _ = timeout(FAREWELL, publisher.arrivals.send(Arrival::Ended(reason))).await;
        }
        if let Some(refusal) = parting_words
            && !matches!(refusal, Refusal::ChannelUnavailable { .. })
        {
            self.admission.refused(refusal);
        }
    }
}

/// For an encoder whose publication the channel has dropped or does not take.
fn unavailable(admission: &Admission) -> Refusal {
    Refusal::ChannelUnavailable {
        channel: admission.channel.clone(),
    }
}

/// Resolves with the reason when the publication has to end; one whose seat is gone has been replaced.
async fn sent_away(leave: &mut watch::Receiver<Option<EndReason>>) -> EndReason {
    let reason = leave.wait_for(Option::is_some).await;
    reason
        .ok()
        .and_then(|reason| reason.clone())
        .unwrap_or(EndReason::Replaced)
}

/// Resolves when the server stops; a server that is gone has stopped.
pub async fn until_true(stopped: &mut watch::Receiver<bool>) {
    let _ = stopped.wait_for(|stopped| *stopped).await;
}
