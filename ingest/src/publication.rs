//! What every protocol hands over: one encoder connection as typed tracks and a queue of frames.

use std::collections::VecDeque;
use std::net::SocketAddr;

use tokio::sync::{mpsc, oneshot};
use vitrine_packager::media::{Frame, TrackConfig};

use crate::auth::Input;
use crate::refusal::Refusal;

/// Arrivals that may wait for a channel: about 3 s of 30 frames and 47 AAC frames a second.
const MAX_ARRIVALS: usize = 256;

/// Bytes of frames that may wait for a channel: 3 s at 170 Mbit/s.
const MAX_ARRIVAL_BYTES: usize = 64 * 1024 * 1024;

/// One encoder's connection, accepted and with all its tracks known.
///
/// Dropping it closes the encoder's connection; [`Publication::refuse`] also says why.
#[derive(Debug)]
pub struct Publication {
    /// Unlike that of any other publication of this process.
    pub id: u64,
    /// The channel that the stream key belongs to.
    pub channel: String,
    /// Which of its inputs.
    pub input: Input,
    /// `"rtmp"` or `"srt"`.
    pub protocol: &'static str,
    /// Where the encoder connects from.
    pub peer: SocketAddr,
    /// The encoder as it names itself (onMetaData `encoder`).
    pub encoder: Option<String>,
    /// At most one video and one audio track; complete when handed over.
    pub tracks: Vec<TrackConfig>,
    /// Frames and changes, in the order received. Bounded: 256 and 64 MiB. Full: the encoder's socket is not read, so that
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
    /// See [`Publication::input`].
    pub input: Input,
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
    /// Where frames go in.
    pub arrivals: ArrivalSender,
    /// Resolves when the channel refuses the publication (`Ok`) or drops it (`Err`).
    pub refusal: oneshot::Receiver<Refusal>,
}

/// The sending end of [`Publication::arrivals`], which keeps its bounds.
#[derive(Debug)]
pub struct ArrivalSender {
    queue: mpsc::Sender<Arrival>,
    /// Sizes of the last arrivals sent, oldest first: those still in the queue are its end. At most 256.
    sizes: VecDeque<usize>,
}

/// The channel has dropped its end of a publication.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the channel has dropped the publication")]
pub struct Dropped;

impl ArrivalSender {
    /// Queues an arrival; waits while the queue is full, in number or in bytes. An arrival larger than the whole
    /// bound waits for an empty queue.
    ///
    /// # Errors
    /// [`Dropped`].
    pub async fn send(&mut self, arrival: Arrival) -> Result<(), Dropped> {
        let size = arrival.size();
        let mut permits = self
            .queue
            .reserve_many(self.places_to_wait_for(size))
            .await
            .map_err(|_| Dropped)?;
        if let Some(permit) = permits.next() {
            permit.send(arrival);
        }
        drop(permits);
        self.sizes.push_back(size);
        if self.sizes.len() > MAX_ARRIVALS {
            self.sizes.pop_front();
        }
        Ok(())
    }

    /// How many places must be free for `size` more bytes to fit: as many as leave no more than the rest queued.
    fn places_to_wait_for(&self, size: usize) -> usize {
        let mut bytes = size;
        let may_stay = self.sizes.iter().rev().take_while(|&&queued| {
            bytes += queued;
            bytes <= MAX_ARRIVAL_BYTES
        });
        let may_stay = may_stay.count();
        if may_stay == self.sizes.len() {
            1
        } else {
            MAX_ARRIVALS.saturating_sub(may_stay).max(1)
        }
    }
}

/// What comes from an encoder during a publication.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Arrival {
    /// The next access unit of one of the tracks.
    Frame(Frame),
    /// The encoder changed a track's parameters; the next frame of that track is an IDR under the new ones. Of every track, with
    /// the parameters that it had: its clock was set, and the publication's time begins anew.
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
    /// No audio or video that can be used came for the allowed time.
    #[error("the encoder sent no usable audio or video for {seconds} s")]
    Silent {
        /// The allowed time.
        seconds: u64,
    },
    /// The same encoder came by another connection.
    #[error("another connection with the same stream key took over")]
    Replaced,
    /// It may not publish any more.
    #[error("the stream key was revoked")]
    KeyRevoked,
    /// What the encoder sent makes no sense.
    #[error("the encoder broke the protocol: {0}")]
    ProtocolError(String),
    /// This server is stopping.
    #[error("the server is shutting down")]
    ShuttingDown,
}

impl Arrival {
    /// Bytes of media.
    fn size(&self) -> usize {
        match self {
            Self::Frame(frame) => frame.data.len(),
            Self::Reconfigured(_) | Self::Ended(_) => 0,
        }
    }
}

impl Publication {
    /// The two ends of a new publication.
    pub fn open(info: PublicationInfo) -> (Publication, Publisher) {
        let (arrivals_in, arrivals) = mpsc::channel(MAX_ARRIVALS);
        let (refusal, refusal_out) = oneshot::channel();
        let publication = Publication {
            id: info.id,
            channel: info.channel,
            input: info.input,
            protocol: info.protocol,
            peer: info.peer,
            encoder: info.encoder,
            tracks: info.tracks,
            arrivals,
            refusal,
        };
        let publisher = Publisher {
            arrivals: ArrivalSender {
                queue: arrivals_in,
                sizes: VecDeque::new(),
            },
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

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use vitrine_packager::media::{TrackKind, WallTime};

    use super::*;

    fn frame(size: usize) -> Arrival {
        Arrival::Frame(Frame {
            track: TrackKind::Video,
            dts_ms: 0,
            pts_ms: 0,
            is_idr: true,
            data: Bytes::from(vec![0; size]),
            received: WallTime(0),
        })
    }

    fn open() -> (Publication, Publisher) {
        Publication::open(PublicationInfo {
            id: 1,
            channel: "demo".into(),
            input: Input::Primary,
            protocol: "rtmp",
            peer: ([127, 0, 0, 1], 9).into(),
            encoder: None,
            tracks: Vec::new(),
        })
    }

    /// Sends until it has to wait.
    async fn fill(publisher: &mut Publisher, size: usize) -> usize {
        let mut sent = 0;
        loop {
            tokio::select! {
                biased;
                done = publisher.arrivals.send(frame(size)) => done.unwrap(),
                () = std::future::ready(()) => return sent,
            }
            sent += 1;
        }
    }

    #[tokio::test]
    async fn the_queue_is_bounded_in_number_and_in_bytes() {
        const MIB: usize = 1024 * 1024;
        for (size, expected) in [(0, 256), (1000, 256), (MIB, 64), (16 * MIB, 4), (65 * MIB, 1)] {
            let (mut publication, mut publisher) = open();
            assert_eq!(fill(&mut publisher, size).await, expected, "{size}");
            publication.arrivals.recv().await.unwrap();
            assert_eq!(fill(&mut publisher, size).await, 1, "one taken, one more: {size}");
        }
    }

    #[tokio::test]
    async fn a_dropped_publication_takes_nothing() {
        let (publication, mut publisher) = open();
        drop(publication);
        assert_eq!(publisher.arrivals.send(frame(1)).await, Err(Dropped));
    }
}
