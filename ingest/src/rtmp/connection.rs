//! The protocol after the handshake, without I/O: bytes in, events and bytes out.

mod reply;

use bytes::{Buf, Bytes, BytesMut};
use scuffle_rtmp::chunk::writer::ChunkWriter;
use scuffle_rtmp::messages::MessageType;

use super::amf0::{self, AmfError, Value};
use super::chunk::{ChunkError, ChunkReader};
use crate::flv::Metadata;

/// What we ask the peer to acknowledge, and what we acknowledge until it says otherwise, in bytes.
const WINDOW: u32 = 2_500_000;

/// The longest command or metadata message. FFmpeg's with all tags of a file stays far below.
const MAX_AMF_MESSAGE: usize = 64 * 1024;

/// Commands of one connection. An encoder sends six, and a few more when it stops.
const MAX_COMMANDS: usize = 64;

/// The only message stream that `createStream` gives out.
const STREAM: u32 = 1;

/// What a peer wants or sends. Not printable: it may hold a key.
pub enum Event {
    /// `connect`: answer with [`Connection::accept_connect`] or [`Connection::refuse`].
    Connect {
        /// The application as the URL names it.
        app: String,
    },
    /// `publish`: answer with [`Connection::accept_publish`] or [`Connection::refuse`].
    Publish {
        /// The stream name, which is a secret key here.
        key: String,
    },
    /// `play`, which is refused.
    Play,
    /// onMetaData.
    Metadata(Metadata),
    /// A video message.
    Video {
        /// Milliseconds, 32 bits.
        timestamp: u32,
        /// The tag body.
        body: Bytes,
    },
    /// An audio message.
    Audio {
        /// Milliseconds, 32 bits.
        timestamp: u32,
        /// The tag body.
        body: Bytes,
    },
    /// The encoder says that it stops.
    Unpublish,
}

/// Why a connection cannot go on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConnectionError {
    /// See [`ChunkError`].
    #[error(transparent)]
    Chunk(#[from] ChunkError),
    /// See [`AmfError`].
    #[error(transparent)]
    Amf(#[from] AmfError),
    /// A command that is not a name and a transaction, or lacks what it needs.
    #[error("command {0} is malformed")]
    BadCommand(&'static str),
    /// A command before the one that it needs, or twice.
    #[error("command {0} is out of order")]
    OutOfOrder(&'static str),
    /// More than [`MAX_COMMANDS`].
    #[error("more than {MAX_COMMANDS} commands")]
    TooManyCommands,
    /// A message over [`MAX_AMF_MESSAGE`].
    #[error("a command of {0} bytes is over the limit of {MAX_AMF_MESSAGE}")]
    CommandTooLong(usize),
    /// A control message that is too short.
    #[error("a control message is cut short")]
    BadControl,
    /// Several messages in one, as old servers sent to each other.
    #[error("aggregate messages are not supported")]
    Aggregate,
}

/// How far the peer has come. Each stage but `Publishing` ends with an answer of ours or a command of the peer's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Unconnected,
    AsksToConnect,
    Connected,
    AsksToPublish,
    Publishing,
}

/// One peer's protocol state.
pub struct Connection {
    chunks: ChunkReader,
    stage: Stage,
    /// The transaction of `connect`, which its answer repeats.
    connect_transaction: f64,
    /// The peer announced Enhanced RTMP in `connect`, and is told what we take of it.
    enhanced: bool,
    commands: usize,
    received: u64,
    acknowledged: u64,
    window: u32,
    writer: ChunkWriter,
    /// Replies to be sent. Bounded by what one read of the socket can ask for: the session sends them before it
    /// reads again.
    out: BytesMut,
}

impl Default for Connection {
    fn default() -> Self {
        Self {
            chunks: ChunkReader::default(),
            stage: Stage::Unconnected,
            connect_transaction: 1.0,
            enhanced: false,
            commands: 0,
            received: 0,
            acknowledged: 0,
            window: WINDOW,
            writer: ChunkWriter::default(),
            out: BytesMut::new(),
        }
    }
}

impl Connection {
    /// The bytes to send; the session takes from them what it has sent.
    pub fn out(&mut self) -> &mut BytesMut {
        &mut self.out
    }

    /// Bytes of unfinished messages held.
    pub fn held_bytes(&self) -> usize {
        self.chunks.held()
    }

    /// Counts bytes received, and acknowledges them when the window is full (5.4.3).
    pub fn received(&mut self, bytes: usize) {
        self.received += bytes as u64;
        if self.received - self.acknowledged >= u64::from(self.window) {
            self.acknowledged = self.received;
            // The sequence number is 32 bits wide and wraps.
            let sequence = (self.received & u64::from(u32::MAX)) as u32;
            self.send_control(MessageType::Acknowledgement, &sequence.to_be_bytes());
        }
    }

    /// The next event in `input`; `None` when more bytes are needed.
    ///
    /// # Errors
    /// See [`ConnectionError`]; the connection is of no use after one.
    pub fn next_event(&mut self, input: &mut BytesMut) -> Result<Option<Event>, ConnectionError> {
        while let Some(message) = self.chunks.read(input)? {
            let event = match message.kind {
                1..=6 => self.control(message.kind, &message.payload)?,
                8 if self.is_publishing() => Some(Event::Audio {
                    timestamp: message.timestamp,
                    body: message.payload,
                }),
                9 if self.is_publishing() => Some(Event::Video {
                    timestamp: message.timestamp,
                    body: message.payload,
                }),
                // The AMF3 kinds begin with a zero byte, and hold AMF0 in all encoders there are.
                15 => data(message.payload.get(1..).unwrap_or_default()),
                18 => data(&message.payload),
                17 => self.command(message.payload.slice(message.payload.len().min(1)..))?,
                20 => self.command(message.payload)?,
                22 => return Err(ConnectionError::Aggregate),
                _ => None,
            };
            if event.is_some() {
                return Ok(event);
            }
        }
        Ok(None)
    }

    fn is_publishing(&self) -> bool {
        self.stage == Stage::Publishing
    }

    /// Protocol control (5.4) and user control (6.2) messages.
    fn control(&mut self, kind: u8, payload: &[u8]) -> Result<Option<Event>, ConnectionError> {
        let mut rest = payload;
        let mut number = || rest.try_get_u32().map_err(|_| ConnectionError::BadControl);
        match kind {
            1 => {
                let size = number()?;
                self.chunks.set_chunk_size(size)?;
            }
            2 => {
                let chunk_stream = number()?;
                self.chunks.abort(chunk_stream);
            }
            5 => self.window = number()?.max(1),
            // Ping request: answered with a ping response that repeats its time.
            4 if payload.starts_with(&[0, 6]) && payload.len() == 6 => {
                let mut pong = [0, 7, 0, 0, 0, 0];
                pong[2..].copy_from_slice(&payload[2..]);
                self.send_control(MessageType::UserControlEvent, &pong);
            }
            _ => {}
        }
        Ok(None)
    }

    fn command(&mut self, payload: Bytes) -> Result<Option<Event>, ConnectionError> {
        if payload.len() > MAX_AMF_MESSAGE {
            return Err(ConnectionError::CommandTooLong(payload.len()));
        }
        self.commands += 1;
        if self.commands > MAX_COMMANDS {
            return Err(ConnectionError::TooManyCommands);
        }
        let values = amf0::read_all(&payload)?;
        let name = values
            .first()
            .and_then(Value::as_str)
            .ok_or(ConnectionError::BadCommand("name"))?;
        let transaction = values.get(1).and_then(Value::as_number).unwrap_or(0.0);
        match name {
            "connect" => self.connect(transaction, values.get(2)).map(Some),
            "createStream" => {
                self.require_connected("createStream")?;
                self.send_result(transaction, Value::from(f64::from(STREAM)));
                Ok(None)
            }
            "releaseStream" => {
                self.send_result(transaction, Value::Null);
                Ok(None)
            }
            "FCPublish" => {
                self.send_result(transaction, Value::Null);
                self.send_command(
                    0,
                    &[
                        "onFCPublish".into(),
                        0.0.into(),
                        Value::Null,
                        reply::publish_start(),
                    ],
                );
                Ok(None)
            }
            "publish" => {
                self.require_connected("publish")?;
                let key = values
                    .get(3)
                    .and_then(Value::as_str)
                    .ok_or(ConnectionError::BadCommand("publish"))?;
                self.stage = Stage::AsksToPublish;
                Ok(Some(Event::Publish { key: key.to_owned() }))
            }
            "play" | "play2" => Ok(Some(Event::Play)),
            // Any of them ends the one publication that a connection has. Some encoders send one to be safe
            // before they publish: it means nothing then.
            "FCUnpublish" | "deleteStream" | "closeStream" if self.is_publishing() => {
                Ok(Some(Event::Unpublish))
            }
            _ => Ok(None),
        }
    }

    fn connect(&mut self, transaction: f64, properties: Option<&Value>) -> Result<Event, ConnectionError> {
        if self.stage != Stage::Unconnected {
            return Err(ConnectionError::OutOfOrder("connect"));
        }
        let properties = properties.ok_or(ConnectionError::BadCommand("connect"))?;
        let app = properties
            .get("app")
            .and_then(Value::as_str)
            .ok_or(ConnectionError::BadCommand("connect"))?;
        self.stage = Stage::AsksToConnect;
        self.connect_transaction = transaction;
        self.enhanced = ["fourCcList", "videoFourCcInfoMap", "capsEx"]
            .iter()
            .any(|name| properties.get(name).is_some());
        Ok(Event::Connect { app: app.to_owned() })
    }

    fn require_connected(&self, command: &'static str) -> Result<(), ConnectionError> {
        if self.stage == Stage::Connected {
            Ok(())
        } else {
            Err(ConnectionError::OutOfOrder(command))
        }
    }
}

/// A data message: onMetaData, which encoders wrap in `@setDataFrame`. Other data, and data that is not AMF0, is not
/// ours and does no harm.
fn data(payload: &[u8]) -> Option<Event> {
    if payload.len() > MAX_AMF_MESSAGE {
        return None;
    }
    let values = amf0::read_all(payload).ok()?;
    let values = match values.first()?.as_str()? {
        "@setDataFrame" => values.get(1..)?,
        _ => &values,
    };
    match values {
        [name, object, ..] if name.as_str() == Some("onMetaData") => {
            Some(Event::Metadata(Metadata::read(object)))
        }
        _ => None,
    }
}
