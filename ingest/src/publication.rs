//! What every protocol hands over: one encoder connection as typed tracks and a queue of frames.

use std::net::SocketAddr;

use tokio::sync::{mpsc, oneshot};
use vitrine_packager::media::{Frame, TrackConfig};

use crate::refusal::Refusal;

/// Arrivals that may wait for a channel: about 3 s of 30 frames and 47 AAC frames a second.
const ARRIVALS: usize = 256;

/// One encoder's connection, accepted and with all its tracks known.
///
/// Dropping it closes the encoder's connection; [`Publication::refuse`] also says why.
#[derive(Debug)]
pub struct Publication {
    /// Unlike that of any other publication of this process.
    pub id: u64,
    /// The channel that the stream key belongs to.
    pub channel: String,
    /// `"rtmp"`.
    pub protocol: &'static str,
    /// Where the encoder connects from.
    pub peer: SocketAddr,
    /// The encoder as it names itself (onMetaData `encoder`).
    pub encoder: Option<String>,
    /// At most one video and one audio track; complete when handed over.
    pub tracks: Vec<TrackConfig>,
    /// Frames and changes, in the order received. Bounded: 256. Full: the encoder's socket is not read, so that
    /// TCP slows the encoder down; full for ten seconds (see the protocol's settings): the encoder is dropped.
    /// Closed without [`Arrival::Ended`]: the connection was lost.
    pub arrivals: mpsc::Receiver<Arrival>,
    refusal: oneshot::Sender<Refusal>,
}

/// What is known of a publication before its first frame.
#[derive(Debug, Clone)]
pub struct PublicationInfo {
    /// See [`Publication::id`].
    pub id: u64,
    /// See [`Publication::channel`].
    pub channel: String,
    /// See [`Publication::protocol`].
    pub protocol: &'static str,
    /// See [`Publication::peer`].
    pub peer: SocketAddr,
    /// See [`Publication::encoder`].
    pub encoder: Option<String>,
    /// See [`Publication::tracks`].
    pub tracks: Vec<TrackConfig>,
}

/// The protocol's end of a publication: frames go in, a refusal may come back.
#[derive(Debug)]
pub struct Publisher {
    /// Bounded as [`Publication::arrivals`] says.
    pub arrivals: mpsc::Sender<Arrival>,
    /// Resolves when the channel refuses the publication (`Ok`) or drops it (`Err`).
    pub refusal: oneshot::Receiver<Refusal>,
}

/// What comes from an encoder during a publication.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Arrival {
    /// The next access unit of one of the tracks.
    Frame(Frame),
    /// The encoder changed a track's parameters; the next frame of that track is an IDR under the new ones.
    Reconfigured(TrackConfig),
    /// The last arrival: why no more frames come.
    Ended(EndReason),
}

/// Why a publication ended.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EndReason {
    /// The encoder said that it stops: the broadcaster pressed "stop".
    #[error("the encoder stopped the publication")]
    Unpublished,
    /// The connection closed or broke without a word.
    #[error("the connection to the encoder was lost")]
    ConnectionLost,
    /// No audio or video came for the allowed time.
    #[error("the encoder sent no media for {seconds} s")]
    Silent {
        /// The allowed time.
        seconds: u64,
    },
    /// What the encoder sent makes no sense.
    #[error("the encoder broke the protocol: {0}")]
    ProtocolError(String),
    /// This server is stopping.
    #[error("the server is shutting down")]
    ShuttingDown,
}

impl Publication {
    /// The two ends of a new publication.
    pub fn open(info: PublicationInfo) -> (Publication, Publisher) {
        let (arrivals_in, arrivals) = mpsc::channel(ARRIVALS);
        let (refusal, refusal_out) = oneshot::channel();
        let publication = Publication {
            id: info.id,
            channel: info.channel,
            protocol: info.protocol,
            peer: info.peer,
            encoder: info.encoder,
            tracks: info.tracks,
            arrivals,
            refusal,
        };
        let publisher = Publisher {
            arrivals: arrivals_in,
            refusal: refusal_out,
        };
        (publication, publisher)
    }

    /// Tells the encoder why it is refused and closes its connection; frames still queued are forgotten.
    pub fn refuse(self, refusal: Refusal) {
        // An encoder that has just left needs no answer.
        let _ = self.refusal.send(refusal);
    }
}
