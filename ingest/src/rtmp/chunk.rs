//! Chunks to messages (RTMP 1.0, 5.3), with a bound on what one peer can make us hold.
//!
//! `scuffle-rtmp`'s reader is not used: docs/decisions/rtmp-crate.md tells why. Its writer is.

use std::collections::HashMap;

use bytes::{Buf, Bytes, BytesMut};

/// The longest message that is read. A 4K keyframe at 100 Mbit/s is a tenth of it.
pub const MAX_MESSAGE: usize = 16 * 1024 * 1024;

/// Bytes of unfinished messages held over all chunk streams: one message of the longest, and small ones beside it.
const MAX_PARTIAL: usize = MAX_MESSAGE + 1024 * 1024;

/// Chunk streams that a peer may use. Encoders use three to eight.
const MAX_CHUNK_STREAMS: usize = 64;

/// A message's first allocation; longer ones grow as their bytes come, so that a length alone costs nothing.
const FIRST_ALLOCATION: usize = 64 * 1024;

/// The chunk size before any Set Chunk Size (5.4.1).
const INITIAL_CHUNK_SIZE: usize = 128;

/// Header value that says: the timestamp is in the extended field.
const EXTENDED: u32 = 0x00FF_FFFF;

/// A whole RTMP message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The message type id (5.4, 7.1).
    pub kind: u8,
    /// Milliseconds of the sender's 32-bit clock.
    pub timestamp: u32,
    /// The message stream id.
    pub stream: u32,
    /// The payload.
    pub payload: Bytes,
}

/// Why a chunk stream cannot be read on. The connection must be closed: the next chunk's start is unknown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChunkError {
    /// A compressed header without one to refer to.
    #[error("chunk stream {0} starts with a compressed header")]
    NoPreviousHeader(u32),
    /// A message over [`MAX_MESSAGE`].
    #[error("a message of {0} bytes is over the limit of {MAX_MESSAGE}")]
    MessageTooLong(usize),
    /// A chunk size that is zero or has its first bit set (5.4.1).
    #[error("chunk size {0} is not allowed")]
    BadChunkSize(u32),
    /// More than [`MAX_CHUNK_STREAMS`].
    #[error("more than {MAX_CHUNK_STREAMS} chunk streams")]
    TooManyChunkStreams,
    /// A new header before the message under way was whole.
    #[error("chunk stream {0} starts a message inside another")]
    Interrupted(u32),
    /// Unfinished messages over [`MAX_PARTIAL`].
    #[error("unfinished messages hold over {MAX_PARTIAL} bytes")]
    TooMuchPartial,
}

/// Reads messages from a peer's bytes. Holds at most [`MAX_PARTIAL`] bytes of unfinished messages.
#[derive(Debug)]
pub struct ChunkReader {
    chunk_size: usize,
    streams: HashMap<u32, ChunkStream>,
    /// Bytes over all `streams[..].partial`.
    held: usize,
    /// The chunk whose payload is being read: its stream, and the bytes still to come.
    open: Option<(u32, usize)>,
}

#[derive(Debug, Default)]
struct ChunkStream {
    timestamp: u32,
    /// The last timestamp field as sent: a delta, or after a full header the timestamp itself.
    step: u32,
    extended: bool,
    length: usize,
    kind: u8,
    stream: u32,
    partial: BytesMut,
    /// Whether `partial` belongs to a message under way (it may still be empty).
    under_way: bool,
}

impl Default for ChunkReader {
    fn default() -> Self {
        Self {
            chunk_size: INITIAL_CHUNK_SIZE,
            streams: HashMap::new(),
            held: 0,
            open: None,
        }
    }
}

impl ChunkReader {
    /// Obeys Set Chunk Size.
    ///
    /// # Errors
    /// [`ChunkError::BadChunkSize`].
    pub fn set_chunk_size(&mut self, size: u32) -> Result<(), ChunkError> {
        match usize::try_from(size) {
            Ok(chunk_size) if (1..=0x7FFF_FFFF).contains(&size) => {
                self.chunk_size = chunk_size;
                Ok(())
            }
            _ => Err(ChunkError::BadChunkSize(size)),
        }
    }

    /// Obeys Abort Message (5.4.2): forgets the unfinished message of a chunk stream.
    pub fn abort(&mut self, chunk_stream: u32) {
        if let Some(stream) = self.streams.get_mut(&chunk_stream) {
            self.held -= stream.partial.len();
            stream.partial = BytesMut::new();
            stream.under_way = false;
        }
    }

    /// Bytes of unfinished messages.
    pub fn held(&self) -> usize {
        self.held
    }

    /// The next whole message; `None` when `input` ends first. What is used is taken from `input`; what stays is
    /// less than a header.
    ///
    /// # Errors
    /// See [`ChunkError`].
    pub fn read(&mut self, input: &mut BytesMut) -> Result<Option<Message>, ChunkError> {
        loop {
            let (id, remaining) = match self.open {
                Some(open) => open,
                None => match self.read_header(input)? {
                    Some(open) => open,
                    None => return Ok(None),
                },
            };
            let Some(stream) = self.streams.get_mut(&id) else {
                return Err(ChunkError::NoPreviousHeader(id));
            };
            let taken = remaining.min(input.len());
            if self.held + taken > MAX_PARTIAL {
                return Err(ChunkError::TooMuchPartial);
            }
            stream.partial.extend_from_slice(&input[..taken]);
            input.advance(taken);
            self.held += taken;
            if taken < remaining {
                self.open = Some((id, remaining - taken));
                return Ok(None);
            }
            self.open = None;
            if stream.partial.len() == stream.length {
                stream.under_way = false;
                self.held -= stream.length;
                return Ok(Some(Message {
                    kind: stream.kind,
                    timestamp: stream.timestamp,
                    stream: stream.stream,
                    payload: std::mem::take(&mut stream.partial).freeze(),
                }));
            }
        }
    }

    /// Reads one chunk's header, all of it or nothing: its chunk stream and the length of its payload.
    fn read_header(&mut self, input: &mut BytesMut) -> Result<Option<(u32, usize)>, ChunkError> {
        let mut header = Cursor { rest: input, used: 0 };
        let Some((format, id)) = header.basic() else {
            return Ok(None);
        };
        let known = self.streams.get(&id);
        if known.is_none() && format != 0 {
            return Err(ChunkError::NoPreviousHeader(id));
        }
        if known.is_none() && self.streams.len() >= MAX_CHUNK_STREAMS {
            return Err(ChunkError::TooManyChunkStreams);
        }
        let Some(fields) = header.message(format, known) else {
            return Ok(None);
        };
        if fields.length > MAX_MESSAGE {
            return Err(ChunkError::MessageTooLong(fields.length));
        }
        let used = header.used;
        input.advance(used);
        let stream = self.streams.entry(id).or_default();
        if stream.under_way && format != 3 {
            return Err(ChunkError::Interrupted(id));
        }
        if !stream.under_way {
            stream.begin(format, &fields);
        }
        let remaining = (stream.length - stream.partial.len()).min(self.chunk_size);
        Ok(Some((id, remaining)))
    }
}

impl ChunkStream {
    fn begin(&mut self, format: u8, fields: &Fields) {
        // 5.3.1.2.4: a message that starts with a type 3 header steps on as the last one did, and after a full
        // header by that header's timestamp. FFmpeg writes by this rule.
        self.timestamp = match format {
            0 => fields.step,
            _ => self.timestamp.wrapping_add(fields.step),
        };
        self.step = fields.step;
        self.extended = fields.extended;
        self.length = fields.length;
        self.kind = fields.kind;
        self.stream = fields.stream;
        self.under_way = true;
        self.partial.reserve(fields.length.min(FIRST_ALLOCATION));
    }
}

/// A message header with what it leaves out filled in.
struct Fields {
    step: u32,
    extended: bool,
    length: usize,
    kind: u8,
    stream: u32,
}

/// Reads ahead without taking: `None` means that more bytes are needed.
struct Cursor<'a> {
    rest: &'a [u8],
    used: usize,
}

impl Cursor<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let bytes = self.rest.get(self.used..self.used + N)?;
        self.used += N;
        bytes.try_into().ok()
    }

    fn u24(&mut self) -> Option<u32> {
        let [a, b, c] = self.take()?;
        Some(u32::from_be_bytes([0, a, b, c]))
    }

    /// The basic header (5.3.1.1): format and chunk stream id.
    fn basic(&mut self) -> Option<(u8, u32)> {
        let [first] = self.take()?;
        let id = match u32::from(first & 0x3F) {
            0 => 64 + u32::from(self.take::<1>()?[0]),
            1 => 64 + u32::from(u16::from_le_bytes(self.take()?)),
            id => id,
        };
        Some((first >> 6, id))
    }

    /// The message header (5.3.1.2) and the extended timestamp (5.3.1.3).
    fn message(&mut self, format: u8, known: Option<&ChunkStream>) -> Option<Fields> {
        let mut fields = match known {
            Some(stream) => Fields {
                step: stream.step,
                extended: stream.extended,
                length: stream.length,
                kind: stream.kind,
                stream: stream.stream,
            },
            None => Fields {
                step: 0,
                extended: false,
                length: 0,
                kind: 0,
                stream: 0,
            },
        };
        if format < 3 {
            fields.step = self.u24()?;
            fields.extended = fields.step == EXTENDED;
        }
        if format < 2 {
            fields.length = usize::try_from(self.u24()?).ok()?;
            fields.kind = self.take::<1>()?[0];
        }
        if format == 0 {
            fields.stream = u32::from_le_bytes(self.take()?);
        }
        if fields.extended && format < 3 {
            fields.step = u32::from_be_bytes(self.take()?);
        } else if fields.extended {
            // Some encoders leave the extended field out of type 3 headers, against the specification: it is there
            // only if it repeats the value.
            let before = self.used;
            if u32::from_be_bytes(self.take()?) != fields.step {
                self.used = before;
            }
        }
        Some(fields)
    }
}

#[cfg(test)]
mod tests;
