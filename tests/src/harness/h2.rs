//! HTTP/2 frames by hand (RFC 9113), for floods that no client library would send.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// The server must have closed the connection within this time.
const PATIENCE: Duration = Duration::from_secs(30);

/// A type of frame.
pub const DATA: u8 = 0;
/// A type of frame.
pub const HEADERS: u8 = 1;
/// A type of frame.
pub const RST_STREAM: u8 = 3;
/// A type of frame.
pub const SETTINGS: u8 = 4;
/// A type of frame.
pub const PING: u8 = 6;
/// A type of frame.
pub const GOAWAY: u8 = 7;
/// A type of frame.
pub const CONTINUATION: u8 = 9;
/// A flag of HEADERS.
pub const END_STREAM: u8 = 1;
/// A flag of HEADERS.
pub const END_HEADERS: u8 = 4;
/// RST_STREAM's payload: CANCEL.
pub const CANCEL: [u8; 4] = [0, 0, 0, 8];

/// A frame.
pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX).to_be_bytes();
    let mut frame = length.get(1..).unwrap_or_default().to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// GET of a path of up to 126 bytes, as a header block without compression (RFC 7541 6.2.2).
pub fn get(path: &str) -> Vec<u8> {
    let mut block = vec![0x82, 0x86];
    for (name, value) in [(0x04, path), (0x01, "localhost")] {
        block.push(name);
        block.push(
            u8::try_from(value.len())
                .ok()
                .filter(|length| *length < 127)
                .unwrap_or(0),
        );
        block.extend(value.bytes());
    }
    block
}

/// The HEADERS frame of that request.
pub fn request(stream: u32, path: &str) -> Vec<u8> {
    frame(HEADERS, END_STREAM | END_HEADERS, stream, &get(path))
}

/// A connection behind its preface.
pub struct Connection {
    stream: TcpStream,
}

impl Connection {
    /// Opens one, and sends the preface.
    pub async fn open(address: &str) -> Self {
        let mut stream = TcpStream::connect(address)
            .await
            .unwrap_or_else(|error| panic!("{address}: {error}"));
        let hello = [PREFACE, &frame(SETTINGS, 0, 0, &[])].concat();
        let _ = stream.write_all(&hello).await;
        Self { stream }
    }

    /// Sends; `false` once the server does not take more.
    pub async fn send(&mut self, bytes: &[u8]) -> bool {
        matches!(timeout(PATIENCE, self.stream.write_all(bytes)).await, Ok(Ok(())))
    }

    /// Reads to the end of the connection; the types of the frames that came. Panics if the server leaves it open.
    pub async fn closed(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let read = timeout(PATIENCE, self.stream.read_to_end(&mut bytes)).await;
        assert!(read.is_ok(), "the server keeps the connection");
        kinds(&bytes)
    }

    /// Reads for a moment, until nothing more comes; the types of the frames that came.
    pub async fn read_some(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut buffer = [0; 16_384];
        while let Ok(Ok(length)) = timeout(Duration::from_millis(300), self.stream.read(&mut buffer)).await {
            if length == 0 {
                break;
            }
            bytes.extend_from_slice(buffer.get(..length).unwrap_or_default());
        }
        kinds(&bytes)
    }
}

fn kinds(mut bytes: &[u8]) -> Vec<u8> {
    let mut kinds = Vec::new();
    while let Some((head, rest)) = bytes.split_first_chunk::<9>() {
        let [a, b, c, kind, ..] = *head;
        kinds.push(kind);
        let length = u32::from_be_bytes([0, a, b, c]) as usize;
        bytes = rest.get(length..).unwrap_or_default();
    }
    kinds
}
