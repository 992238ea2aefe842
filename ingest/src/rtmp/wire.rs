//! The protocol on a byte stream: reads when events run out, and never before what was to be said is sent.

use std::io;
use std::net::IpAddr;
use std::time::Duration;

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::connection::{Connection, Event};
use super::handshake::shake_hands;
use super::session::EndCause;
use crate::auth::{Admission, Authorised, Entry, Question, Reception};
use crate::publication::EndReason;
use crate::refusal::Refusal;

/// Read from a socket at a time.
const READ_SIZE: usize = 64 * 1024;

/// Between two looks whether a half-dead connection has made room.
const VACATING: Duration = Duration::from_millis(50);

/// Admits the holder of a key, when its channel is free and the authoriser, if it has to be asked, has answered. The whole
/// set-up has its deadline.
async fn admit(reception: &Reception, from: IpAddr, app: &str, key: String) -> Result<Admission, Refusal> {
    let mut authorised: Option<Authorised> = None;
    loop {
        let entry = match &authorised {
            Some(authorised) => reception.admit_as(authorised, &key)?,
            None => reception.admit(from, app, &key)?,
        };
        match entry {
            Entry::Admitted(admission) => return Ok(admission),
            Entry::Vacating => tokio::time::sleep(VACATING).await,
            Entry::ToBeAsked => {
                let question = Question {
                    protocol: "rtmp",
                    from,
                    channel: None,
                    key: key.clone(),
                };
                authorised = Some(reception.ask(question).await?);
            }
        }
    }
}

/// The stream and the protocol on it.
pub struct Wire<S> {
    stream: S,
    /// Bounded: [`READ_SIZE`], and what is left of it is under one chunk header.
    input: BytesMut,
    pub connection: Connection,
    /// Whether the handshake is done: before it, the peer does not understand messages.
    shaken: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    pub fn new(stream: S) -> Self {
        Self {
            stream,
            input: BytesMut::with_capacity(READ_SIZE),
            connection: Connection::default(),
            shaken: false,
        }
    }

    /// From the handshake to the accepted `publish`.
    pub async fn set_up(&mut self, reception: &Reception, from: IpAddr) -> Result<Admission, EndCause> {
        shake_hands(&mut self.stream).await?;
        self.shaken = true;
        let mut app = String::new();
        loop {
            match self.next_event().await? {
                Event::Connect { app: asked } => {
                    reception.check_app(&asked)?;
                    self.connection.accept_connect();
                    app = asked;
                }
                Event::Publish { key } => {
                    let admission = admit(reception, from, &app, key).await?;
                    self.connection.accept_publish();
                    return Ok(admission);
                }
                Event::Play => return Err(Refusal::PlayNotSupported.into()),
                // None of them comes before `publish` was accepted, but for metadata, which is early then.
                Event::Metadata(_) | Event::Video { .. } | Event::Audio { .. } | Event::Unpublish => {}
            }
        }
    }

    /// The next event. May be dropped while it waits: nothing is lost.
    pub async fn next_event(&mut self) -> Result<Event, EndCause> {
        loop {
            if let Some(event) = self.connection.next_event(&mut self.input)? {
                return Ok(event);
            }
            self.flush().await?;
            self.input.reserve(READ_SIZE);
            let read = self.stream.read_buf(&mut self.input).await?;
            if read == 0 {
                return Err(EndReason::ConnectionLost.into());
            }
            self.connection.received(read);
        }
    }

    pub fn held_bytes(&self) -> usize {
        self.input.len() + self.connection.held_bytes()
    }

    async fn flush(&mut self) -> io::Result<()> {
        let out = self.connection.out();
        while out.has_remaining() {
            self.stream.write_buf(out).await?;
        }
        self.stream.flush().await
    }

    /// Sends what is to be said and closes. Reads on until the peer closes too: closing with bytes unread would
    /// reset the connection, and the peer would lose our last words.
    pub async fn say_goodbye(&mut self) -> io::Result<()> {
        if self.shaken {
            self.flush().await?;
        }
        self.stream.shutdown().await?;
        loop {
            self.input.clear();
            self.input.reserve(READ_SIZE);
            if self.stream.read_buf(&mut self.input).await? == 0 {
                return Ok(());
            }
        }
    }
}
