//! What we say: answers to commands, statuses and protocol control.

use bytes::{BufMut, Bytes};
use scuffle_rtmp::chunk::Chunk;
use scuffle_rtmp::messages::MessageType;

use super::{Connection, STREAM, Stage, WINDOW};
use crate::refusal::Refusal;
use crate::rtmp::amf0::{Value, object};
use crate::rtmp::status::{INVALID_APP, refusal_code};

/// Ours: large enough that every reply is one chunk.
const CHUNK_SIZE: u32 = 4096;

const CONTROL_CHUNKS: u32 = 2;
const COMMAND_CHUNKS: u32 = 3;
const STATUS_CHUNKS: u32 = 5;

impl Connection {
    /// Answers `connect`: the peer may create streams.
    pub fn accept_connect(&mut self) {
        self.stage = Stage::Connected;
        self.send_control(MessageType::WindowAcknowledgementSize, &WINDOW.to_be_bytes());
        let mut bandwidth = WINDOW.to_be_bytes().to_vec();
        bandwidth.push(2); // dynamic (5.4.5)
        self.send_control(MessageType::SetPeerBandwidth, &bandwidth);
        self.send_control(MessageType::SetChunkSize, &CHUNK_SIZE.to_be_bytes());
        self.writer.set_chunk_size(CHUNK_SIZE as usize);

        let server = object([("fmsVer", "FMS/3,5,7,7009".into()), ("capabilities", 31.0.into())]);
        let mut info = vec![
            ("level".to_owned(), "status".into()),
            ("code".to_owned(), "NetConnection.Connect.Success".into()),
            ("description".to_owned(), "connected".into()),
            ("objectEncoding".to_owned(), 0.0.into()),
        ];
        if self.enhanced {
            // Enhanced RTMP v2: 4 is "can forward".
            info.push((
                "videoFourCcInfoMap".to_owned(),
                object([("avc1", 4.0.into()), ("hvc1", 4.0.into()), ("av01", 4.0.into())]),
            ));
            info.push(("audioFourCcInfoMap".to_owned(), object([("mp4a", 4.0.into())])));
            info.push(("capsEx".to_owned(), 0.0.into()));
        }
        let transaction = self.connect_transaction;
        self.send_command(
            0,
            &["_result".into(), transaction.into(), server, Value::Object(info)],
        );
    }

    /// Answers `publish`: the encoder may send.
    pub fn accept_publish(&mut self) {
        self.stage = Stage::Publishing;
        // Stream Begin (6.2).
        self.send_control(MessageType::UserControlEvent, &[0, 0, 0, 0, 0, STREAM as u8]);
        self.send_command(
            STREAM,
            &["onStatus".into(), 0.0.into(), Value::Null, publish_start()],
        );
    }

    /// Turns the peer away, with the words of the refusal. The session then closes the connection.
    pub fn refuse(&mut self, refusal: &Refusal) {
        let (code, text) = (refusal_code(refusal), refusal.to_string());
        if code == INVALID_APP {
            let transaction = self.connect_transaction;
            self.send_command(
                0,
                &[
                    "_error".into(),
                    transaction.into(),
                    Value::Null,
                    status("error", code, &text),
                ],
            );
        }
        self.send_status("error", code, &text);
    }

    /// Sends an `onStatus`.
    pub fn send_status(&mut self, level: &str, code: &str, description: &str) {
        let stream = if self.stage == Stage::Unconnected || self.stage == Stage::AsksToConnect {
            0
        } else {
            STREAM
        };
        self.send_command(
            stream,
            &[
                "onStatus".into(),
                0.0.into(),
                Value::Null,
                status(level, code, description),
            ],
        );
    }

    pub(super) fn send_result(&mut self, transaction: f64, result: Value) {
        self.send_command(0, &["_result".into(), transaction.into(), Value::Null, result]);
    }

    pub(super) fn send_command(&mut self, stream: u32, values: &[Value]) {
        let mut payload = Vec::with_capacity(256);
        values.iter().for_each(|value| value.write(&mut payload));
        let chunks = if stream == 0 {
            COMMAND_CHUNKS
        } else {
            STATUS_CHUNKS
        };
        self.send(Chunk::new(
            chunks,
            0,
            MessageType::CommandAMF0,
            stream,
            payload.into(),
        ));
    }

    pub(super) fn send_control(&mut self, kind: MessageType, payload: &[u8]) {
        self.send(Chunk::new(
            CONTROL_CHUNKS,
            0,
            kind,
            0,
            Bytes::copy_from_slice(payload),
        ));
    }

    fn send(&mut self, chunk: Chunk) {
        let mut sink = (&mut self.out).writer();
        if let Err(error) = self.writer.write_chunk(&mut sink, chunk) {
            // A buffer in memory takes everything.
            tracing::error!(%error, "a reply was not written");
        }
    }
}

fn status(level: &str, code: &str, description: &str) -> Value {
    object([
        ("level", level.into()),
        ("code", code.into()),
        ("description", description.into()),
    ])
}

pub(super) fn publish_start() -> Value {
    status("status", "NetStream.Publish.Start", "publishing")
}
