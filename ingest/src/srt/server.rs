//! The listener: one UDP socket, on which callers are told apart by the socket that they were given.

use std::collections::{HashMap, HashSet};
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use tokio::net::UdpSocket;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tracing::Instrument;

use super::SrtSettings;
use super::cookies::Cookies;
use super::handshake::{Call, Handshake, Kind};
use super::key_material::{Decryption, KeyMaterial};
use super::link::{Link, LinkSetup};
use super::packet::Packet;
use super::rejection::Rejection;
use super::session::{Caller, run_session};
use super::stats::Links;
use super::stream_id::Wish;
use crate::auth::{Admission, Authorised, Entry, Question, Reception};
use crate::refusal::Refusal;

/// How long sessions may take to say goodbye when the server stops.
const FAREWELL: Duration = Duration::from_secs(3);

/// After a receive that failed.
const RECEIVE_RETRY: Duration = Duration::from_millis(20);

/// Room for datagrams; each is split off, and the rest is used for the next.
const RECEIVE_BUFFER: usize = 64 * 1024;

/// The largest datagram.
const MAX_DATAGRAM: usize = 2048;

/// Packets that a session has not taken up. Full: the packet is dropped, counted, and sent again by the caller.
const INBOX: usize = 1024;

/// Callers about whom the authoriser is being asked. One more is refused.
const MAX_ASKED: usize = 64;

/// Serves callers on `socket` until `shutdown` resolves; then ends each publication with
/// [`EndReason::ShuttingDown`](crate::EndReason::ShuttingDown) and returns. `links` tells of the open connections.
pub async fn serve(
    socket: UdpSocket,
    reception: Arc<Reception>,
    settings: SrtSettings,
    links: Links,
    shutdown: impl Future<Output = ()>,
) {
    let (stopping, stopped) = watch::channel(false);
    let mut server = Server {
        socket: Arc::new(socket),
        reception,
        settings,
        links,
        stopped,
        cookies: Cookies::new(Instant::now()),
        guests: HashMap::new(),
        calls: HashMap::new(),
        next_socket: first_socket(),
        sessions: JoinSet::new(),
        asked: HashSet::new(),
        asking: JoinSet::new(),
    };
    let mut buffer = BytesMut::with_capacity(RECEIVE_BUFFER);
    tokio::pin!(shutdown);
    loop {
        if buffer.capacity() < MAX_DATAGRAM {
            buffer.reserve(RECEIVE_BUFFER);
        }
        tokio::select! {
            () = &mut shutdown => break,
            Some(left) = server.sessions.join_next_with_id() => server.leave(left),
            Some(answered) = server.asking.join_next() => {
                if let Ok(answered) = answered {
                    server.answered(answered).await;
                }
            }
            received = server.socket.recv_buf_from(&mut buffer) => match received {
                Ok((_, peer)) => server.take(buffer.split(), peer).await,
                // A caller whose port is closed is reported here too.
                Err(error) => {
                    tracing::debug!(%error, "receiving an SRT packet failed");
                    buffer.clear();
                    tokio::time::sleep(RECEIVE_RETRY).await;
                }
            },
        }
    }
    stopping.send_replace(true);
    let all_left = async { while server.sessions.join_next().await.is_some() {} };
    if tokio::time::timeout(FAREWELL, all_left).await.is_err() {
        tracing::warn!("SRT connections did not close in time and are cut off");
    }
}

/// Sockets are counted from anywhere, so that those of an earlier run are not taken for ours.
fn first_socket() -> u32 {
    use std::hash::{BuildHasher, RandomState};
    (RandomState::new().hash_one(0_u8) & 0x3FFF_FFFF) as u32
}

struct Server {
    socket: Arc<UdpSocket>,
    reception: Arc<Reception>,
    settings: SrtSettings,
    links: Links,
    stopped: watch::Receiver<bool>,
    cookies: Cookies,
    /// By our socket. Bounded: [`SrtSettings::max_connections`].
    guests: HashMap<u32, Guest>,
    /// Our socket of each caller's, to know a handshake that is repeated.
    calls: HashMap<(SocketAddr, u32), u32>,
    next_socket: u32,
    sessions: JoinSet<()>,
    /// Callers about whom the authoriser is being asked. Bounded: [`MAX_ASKED`].
    asked: HashSet<(SocketAddr, u32)>,
    asking: JoinSet<Answered>,
}

/// What the authoriser said of a call.
struct Answered {
    call: Box<Call>,
    peer: SocketAddr,
    /// When it came: the caller's clock is read by it.
    called: Instant,
    key: String,
    answer: Result<Authorised, Refusal>,
}

struct Guest {
    peer: SocketAddr,
    peer_socket: u32,
    task: tokio::task::Id,
    inbox: mpsc::Sender<Packet>,
    overflowed: Arc<AtomicU64>,
    /// The answer to its call, said again when it calls again.
    answer: Bytes,
}

impl Server {
    async fn take(&mut self, datagram: BytesMut, peer: SocketAddr) {
        match Packet::destination(&datagram) {
            Some(0) => {
                if let Some(Packet::Control(control)) = Packet::read(datagram)
                    && let Some(handshake) = Handshake::read(&control)
                    && let Some(answer) = self.shake_hands(&handshake, peer)
                {
                    self.say(&answer, peer).await;
                }
            }
            Some(own) => {
                if let Some(guest) = self.guests.get(&own).filter(|guest| guest.peer == peer)
                    && let Some(packet) = Packet::read(datagram)
                    && guest.inbox.try_send(packet).is_err()
                {
                    guest.overflowed.fetch_add(1, Ordering::Relaxed);
                }
            }
            None => {}
        }
    }

    fn shake_hands(&mut self, handshake: &Handshake, peer: SocketAddr) -> Option<Bytes> {
        let now = Instant::now();
        let call = match handshake {
            Handshake::Induction(fields) => return Some(fields.induce(self.cookies.bake(peer, now), peer)),
            Handshake::Conclusion(call) => call,
        };
        let own = self.calls.get(&(peer, call.fields.socket));
        if let Some(guest) = own.and_then(|own| self.guests.get(own)) {
            return Some(guest.answer.clone());
        }
        if !self.cookies.is_ours(call.fields.cookie, peer, now) {
            return None;
        }
        if self.asked.contains(&(peer, call.fields.socket)) {
            return None;
        }
        let admitted = self.admit(call, peer);
        self.conclude(call, peer, now, admitted)
    }

    fn conclude(
        &mut self,
        call: &Call,
        peer: SocketAddr,
        called: Instant,
        admitted: Result<(Entry, Option<Decryption>), Rejection>,
    ) -> Option<Bytes> {
        match admitted {
            Ok((Entry::Admitted(admission), decryption)) => {
                Some(self.open(call, peer, called, admission, decryption))
            }
            // It calls again within a moment.
            Ok((Entry::Vacating, _)) => None,
            Ok((Entry::ToBeAsked, _)) => self.ask(call, peer, called),
            Err(rejection) => {
                // Of an address that is locked out a line was said when it began.
                if matches!(rejection, Rejection::Refused(Refusal::TooManyAttempts { .. })) {
                    tracing::debug!(%peer, reason = %rejection, "encoder refused");
                } else {
                    tracing::warn!(%peer, reason = %rejection, code = rejection.code(), "encoder refused");
                }
                Some(call.reject(peer, rejection.code()))
            }
        }
    }

    /// Asks the authoriser; the answer comes to [`Server::answered`].
    fn ask(&mut self, call: &Call, peer: SocketAddr, called: Instant) -> Option<Bytes> {
        let Ok(wish) = Wish::read(&call.stream_id, self.reception.app()) else {
            return None;
        };
        if self.asked.len() >= MAX_ASKED {
            return Some(call.reject(peer, Rejection::Overload.code()));
        }
        self.asked.insert((peer, call.fields.socket));
        let question = Question {
            protocol: "srt",
            from: peer.ip(),
            channel: wish.channel.map(str::to_owned),
            key: wish.key.to_owned(),
        };
        let (reception, call) = (Arc::clone(&self.reception), Box::new(call.clone()));
        self.asking.spawn(async move {
            let key = question.key.clone();
            let answer = reception.ask(question).await;
            Answered {
                call,
                peer,
                called,
                key,
                answer,
            }
        });
        None
    }

    async fn answered(&mut self, answered: Answered) {
        let Answered {
            call,
            peer,
            called,
            key,
            answer,
        } = answered;
        self.asked.remove(&(peer, call.fields.socket));
        let admitted = answer
            .and_then(|authorised| self.reception.admit_as(&authorised, &key))
            .map_err(Rejection::from)
            .and_then(|entry| Ok((entry, self.decryption(&call)?)));
        if let Some(answer) = self.conclude(&call, peer, called, admitted) {
            self.say(&answer, peer).await;
        }
    }

    /// How a caller's packets are decrypted.
    fn decryption(&self, call: &Call) -> Result<Option<Decryption>, Rejection> {
        match (&self.settings.passphrase, &call.key_material) {
            (None, None) => Ok(None),
            (Some(passphrase), Some(message)) => {
                let material = KeyMaterial::read(message).ok_or(Rejection::Rogue)?;
                let decryption = Decryption::new(passphrase, &material);
                decryption.ok_or(Rejection::BadSecret).map(Some)
            }
            _ => Err(Rejection::Unsecure),
        }
    }

    /// Whether a caller may publish. Cheap things are looked at first: the passphrase takes time.
    fn admit(&self, call: &Call, peer: SocketAddr) -> Result<(Entry, Option<Decryption>), Rejection> {
        match call.kind() {
            Kind::Live => {}
            Kind::Old => return Err(Rejection::OldVersion),
            Kind::Stream => return Err(Rejection::NotLive),
            Kind::Filtered => return Err(Rejection::Filter),
        }
        let of_address = self.guests.values().filter(|guest| guest.peer.ip() == peer.ip());
        if self.guests.len() >= self.settings.max_connections
            || of_address.count() >= self.settings.max_connections_per_address
        {
            return Err(Rejection::Overload);
        }
        let wish = Wish::read(&call.stream_id, self.reception.app())?;
        if self.settings.passphrase.is_some() != call.key_material.is_some() {
            return Err(Rejection::Unsecure);
        }
        let entry = self.reception.admit_to(peer.ip(), wish.channel, wish.key)?;
        let decryption = match entry {
            Entry::Admitted(_) => self.decryption(call)?,
            Entry::Vacating | Entry::ToBeAsked => None,
        };
        Ok((entry, decryption))
    }

    fn open(
        &mut self,
        call: &Call,
        peer: SocketAddr,
        called: Instant,
        admission: Admission,
        decryption: Option<Decryption>,
    ) -> Bytes {
        let own = self.free_socket();
        let least_ms = u16::try_from(self.settings.latency.as_millis()).unwrap_or(u16::MAX);
        let latency_ms = least_ms.max(call.latency_ms);
        let setup = LinkSetup {
            peer_socket: call.fields.socket,
            first: call.fields.first,
            peer_clock_us: call.fields.timestamp_us,
            latency_ms,
            decryption,
        };
        let (inbox, packets) = mpsc::channel(INBOX);
        let overflowed = Arc::new(AtomicU64::new(0));
        let caller = Caller {
            socket: Arc::clone(&self.socket),
            peer,
            link: Link::new(setup, called),
            packets,
            overflowed: Arc::clone(&overflowed),
        };
        let span = tracing::info_span!(
            "srt", %peer, channel = tracing::field::Empty, publication = tracing::field::Empty
        );
        let (settings, links, stopped) = (self.settings.clone(), self.links.clone(), self.stopped.clone());
        let session = run_session(caller, admission, settings, links, stopped);
        let answer = call.accept(peer, own, latency_ms);
        let guest = Guest {
            peer,
            peer_socket: call.fields.socket,
            task: self.sessions.spawn(session.instrument(span)).id(),
            inbox,
            overflowed,
            answer: answer.clone(),
        };
        self.calls.insert((peer, guest.peer_socket), own);
        self.guests.insert(own, guest);
        answer
    }

    fn free_socket(&mut self) -> u32 {
        loop {
            self.next_socket = (self.next_socket + 1) & 0x3FFF_FFFF;
            if self.next_socket != 0 && !self.guests.contains_key(&self.next_socket) {
                return self.next_socket;
            }
        }
    }

    async fn say(&self, datagram: &[u8], peer: SocketAddr) {
        if let Err(error) = self.socket.send_to(datagram, peer).await {
            tracing::debug!(%error, "sending an SRT packet failed");
        }
    }

    fn leave(&mut self, left: Result<(tokio::task::Id, ()), tokio::task::JoinError>) {
        let task = match left {
            Ok((task, ())) => task,
            // A panic would be a bug of ours: it ends that one session, and no other is disturbed.
            Err(failed) => {
                tracing::error!(error = %failed, "an SRT session failed");
                failed.id()
            }
        };
        self.guests.retain(|_, guest| guest.task != task);
        let guests = &self.guests;
        self.calls.retain(|_, own| guests.contains_key(own));
    }
}
