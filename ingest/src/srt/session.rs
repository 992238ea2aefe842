//! One caller's connection: the link on the socket, the transport stream in it, its deadlines.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::net::UdpSocket;
use tokio::sync::{mpsc, watch};
use tokio::time::{sleep_until, timeout};

use super::SrtSettings;
use super::link::{Link, LinkEnd};
use super::packet::Packet;
use super::stats::{LinkMonitor, LinkStats, Links};
use crate::auth::Admission;
use crate::publication::EndReason;
use crate::publishing::{Publishing, Stop};
use crate::ts::Demux;
use crate::wall_clock;

/// For the last datagrams.
const FAREWELL: Duration = Duration::from_secs(1);

/// Packets taken up before what they bring is handed on.
const BATCH: usize = 64;

/// A caller that was accepted.
pub struct Caller {
    /// Shared by all callers.
    pub socket: Arc<UdpSocket>,
    /// Its address.
    pub peer: SocketAddr,
    /// Its connection.
    pub link: Link,
    /// What it sends.
    pub packets: mpsc::Receiver<Packet>,
    /// Packets that were dropped before they came here.
    pub overflowed: Arc<AtomicU64>,
}

/// Serves a caller until it leaves, is refused, or `stopped` turns true.
pub async fn run_session(
    caller: Caller,
    admission: Admission,
    settings: SrtSettings,
    links: Links,
    stopped: watch::Receiver<bool>,
) {
    let publishing = Publishing::new("srt", caller.peer, settings.stall, stopped, admission);
    let target = publishing.target();
    let monitor = links.open(target.clone());
    let mut session = Session {
        caller,
        demux: Demux::default(),
        publishing,
        silence: settings.silence,
        monitor: monitor.clone(),
    };
    let stop = match session.run().await {
        Ok(never) => match never {},
        Err(stop) => stop,
    };
    links.close(&target, &monitor);
    let stats = session.stats();
    match &stop {
        Stop::Refused(refusal) => tracing::warn!(reason = %refusal, ?stats, "encoder refused"),
        Stop::Ended(reason) => tracing::info!(%reason, ?stats, "encoder gone"),
    }
    session.take_leave(stop).await;
}

/// A session ends by its cause only.
enum Never {}

struct Session {
    caller: Caller,
    demux: Demux,
    publishing: Publishing,
    silence: Duration,
    monitor: LinkMonitor,
}

impl Session {
    async fn run(&mut self) -> Result<Never, Stop> {
        let mut last_media = Instant::now();
        loop {
            let had_media = self.deliver().await?;
            if had_media {
                self.publishing.heard();
            }
            // Before the hand-over nothing counts: media that never becomes a track is no media.
            if had_media && self.publishing.is_handed_over() {
                last_media = Instant::now();
            }
            self.say().await;
            self.monitor.update(self.stats());
            let now = Instant::now();
            if let Some(end) = self.caller.link.end(now) {
                self.finish().await?;
                return Err(Stop::Ended(match end {
                    LinkEnd::Shutdown => EndReason::Unpublished,
                    LinkEnd::Silent => EndReason::ConnectionLost,
                }));
            }
            if now > last_media + self.silence {
                let seconds = self.silence.as_secs();
                return Err(EndReason::Silent { seconds }.into());
            }
            self.wait().await?;
        }
    }

    /// Waits for packets or for the time of something, and takes it up.
    async fn wait(&mut self) -> Result<(), Stop> {
        let deadline = self.caller.link.deadline();
        let mut packets = Vec::with_capacity(BATCH);
        tokio::select! {
            biased;
            stop = self.publishing.interrupted() => return Err(stop),
            _ = self.caller.packets.recv_many(&mut packets, BATCH) => {}
            () = sleep_until(deadline.into()) => {}
        }
        let now = Instant::now();
        for packet in packets {
            self.caller.link.receive(packet, now);
        }
        self.caller.link.tick(now);
        Ok(())
    }

    /// Hands on the payloads whose time has come; whether there was media among them.
    async fn deliver(&mut self) -> Result<bool, Stop> {
        let mut had_media = false;
        while let Some(payload) = self.caller.link.next_payload(Instant::now()) {
            self.demux.push(&payload)?;
            had_media |= self.hand_on().await?;
        }
        Ok(had_media)
    }

    async fn hand_on(&mut self) -> Result<bool, Stop> {
        let mut had_media = false;
        while let Some(element) = self.demux.next_element() {
            had_media = true;
            self.publishing.assembly.element(element, wall_clock())?;
        }
        self.publishing.hand_on().await?;
        Ok(had_media)
    }

    /// The last access unit has no successor that shows its end.
    async fn finish(&mut self) -> Result<(), Stop> {
        self.demux.finish()?;
        self.hand_on().await.map(|_| ())
    }

    async fn say(&mut self) {
        while let Some(datagram) = self.caller.link.next_out() {
            if let Err(error) = self.caller.socket.send_to(&datagram, self.caller.peer).await {
                tracing::debug!(%error, "sending an SRT packet failed");
            }
        }
    }

    fn stats(&self) -> LinkStats {
        let stats = self.caller.link.stats();
        LinkStats {
            overflowed: stats.overflowed + self.caller.overflowed.load(Ordering::Relaxed),
            stream_gaps: self.demux.losses(),
            ..stats
        }
    }

    /// Tells both sides. SRT has no words for a reason: a caller that is refused now hears it as a code when it comes again.
    async fn take_leave(mut self, stop: Stop) {
        self.caller.link.shut_down(Instant::now());
        let _ = timeout(FAREWELL, self.say()).await;
        match stop {
            Stop::Ended(reason) => self.publishing.take_leave(reason, None).await,
            Stop::Refused(refusal) => {
                self.publishing
                    .take_leave(EndReason::ConnectionLost, Some(&refusal))
                    .await;
            }
        }
    }
}
