//! HTTP/1.1 by hand, for requests that no client would send.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// An answer must have come, or the connection be closed, within this time.
const PATIENCE: Duration = Duration::from_secs(30);

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

/// Sends `request` on a connection of its own, and reads until the server closes it or falls silent.
pub async fn exchange(address: &str, request: &[u8]) -> Exchange {
    let mut stream = TcpStream::connect(address)
        .await
        .unwrap_or_else(|error| panic!("{address}: {error}"));
    // The server may refuse, and close, before it has read all.
    let _ = stream.write_all(request).await;
    read(&mut stream).await
}

/// Reads until the server closes, or has answered and falls silent.
pub async fn read(stream: &mut TcpStream) -> Exchange {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    let closed = loop {
        // After an answer, a moment of silence is its end.
        let patience = if bytes.is_empty() {
            PATIENCE
        } else {
            Duration::from_millis(300)
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
