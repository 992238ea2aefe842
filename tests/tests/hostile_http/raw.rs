//! HTTP/1.1 by hand, for requests that no client would send.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// An answer must have come, or the connection be closed, within this time.
const PATIENCE: Duration = Duration::from_secs(30);
/// What would come after the last answer comes within this time.
const SILENCE: Duration = Duration::from_millis(300);

/// What came back.
#[derive(Debug)]
pub struct Exchange {
    /// Of each answer, in order.
    pub statuses: Vec<u16>,
    /// Everything, as text.
    pub text: String,
    /// Whether the server closed the connection.
    pub closed: bool,
}

/// When everything has come.
#[derive(Debug, Clone, Copy)]
pub enum End {
    /// The server closes the connection.
    Closed,
    /// So many answers have come, and then a moment of silence: there is no further one.
    Answers(usize),
}

/// Sends `request` on a connection of its own, and reads what comes back.
pub async fn exchange(address: &str, request: &[u8], end: End) -> Exchange {
    let mut stream = TcpStream::connect(address)
        .await
        .unwrap_or_else(|error| panic!("{address}: {error}"));
    // The server may refuse, and close, before it has read all.
    let _ = stream.write_all(request).await;
    read(&mut stream, end).await
}

/// Reads until that end, or until the server closes.
pub async fn read(stream: &mut TcpStream, end: End) -> Exchange {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    let closed = loop {
        let patience = match end {
            End::Answers(count) if answers(&bytes) >= count => SILENCE,
            _ => PATIENCE,
        };
        match timeout(patience, stream.read(&mut buffer)).await {
            Ok(Ok(0) | Err(_)) => break true,
            Ok(Ok(length)) => bytes.extend_from_slice(buffer.get(..length).unwrap_or_default()),
            Err(_) => break false,
        }
    };
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let status = |rest: &str| rest.get(..3).and_then(|digits| digits.parse().ok());
    Exchange {
        statuses: text
            .split("HTTP/1.")
            .skip(1)
            .filter_map(|rest| status(rest.get(2..)?))
            .collect(),
        text,
        closed,
    }
}

/// Answers whose head has come.
fn answers(bytes: &[u8]) -> usize {
    let heads = bytes.windows(4).filter(|window| window == b"\r\n\r\n").count();
    let begun = bytes.windows(7).filter(|window| window == b"HTTP/1.").count();
    heads.min(begun)
}
