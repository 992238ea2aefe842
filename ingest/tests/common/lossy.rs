//! A relay of UDP packets that loses some of them, both ways, and swaps some with their successors. Deterministic in what it
//! does with the n-th packet.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::net::UdpSocket;
use tokio::task::JoinHandle;

use super::mutants::Dice;

/// How bad the way is, in packets of a thousand.
#[derive(Debug, Clone, Copy)]
pub struct Weather {
    /// Lost.
    pub loss: usize,
    /// Sent after the next.
    pub swapped: usize,
}

/// A running relay.
pub struct Relay {
    /// Where it is reached.
    pub port: u16,
    lost: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Relay {
    /// Starts a relay to a port on loopback.
    pub async fn start(to: u16, weather: Weather) -> Self {
        let front = Arc::new(UdpSocket::bind("127.0.0.1:0").await.unwrap());
        let port = front.local_addr().unwrap().port();
        let lost = Arc::new(AtomicUsize::new(0));
        let task = tokio::spawn(relay(front, to, weather, Arc::clone(&lost)));
        Self { port, lost, task }
    }

    /// Packets lost so far.
    pub fn lost(&self) -> usize {
        self.lost.load(Ordering::Relaxed)
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn relay(front: Arc<UdpSocket>, to: u16, weather: Weather, lost: Arc<AtomicUsize>) {
    let mut backs: HashMap<SocketAddr, Arc<UdpSocket>> = HashMap::new();
    let mut there = Line::new(1, weather, Arc::clone(&lost));
    let mut buffer = [0; 2048];
    while let Ok((length, peer)) = front.recv_from(&mut buffer).await {
        if let Entry::Vacant(place) = backs.entry(peer) {
            let back = Arc::new(UdpSocket::bind("127.0.0.1:0").await.unwrap());
            back.connect(("127.0.0.1", to)).await.unwrap();
            place.insert(Arc::clone(&back));
            let (front, mut line) = (Arc::clone(&front), Line::new(2, weather, Arc::clone(&lost)));
            tokio::spawn(async move {
                let mut buffer = [0; 2048];
                while let Ok(length) = back.recv(&mut buffer).await {
                    for packet in line.pass(&buffer[..length]) {
                        let _ = front.send_to(&packet, peer).await;
                    }
                }
            });
        }
        for packet in there.pass(&buffer[..length]) {
            let _ = backs[&peer].send(&packet).await;
        }
    }
}

struct Line {
    dice: Dice,
    weather: Weather,
    lost: Arc<AtomicUsize>,
    held: Option<Vec<u8>>,
}

impl Line {
    fn new(seed: u64, weather: Weather, lost: Arc<AtomicUsize>) -> Self {
        Self {
            dice: Dice(0x10_55E5 + seed),
            weather,
            lost,
            held: None,
        }
    }

    fn pass(&mut self, packet: &[u8]) -> Vec<Vec<u8>> {
        if self.dice.roll(1000) < self.weather.loss {
            self.lost.fetch_add(1, Ordering::Relaxed);
            return Vec::new();
        }
        if self.held.is_none() && self.dice.roll(1000) < self.weather.swapped {
            self.held = Some(packet.to_vec());
            return Vec::new();
        }
        std::iter::once(packet.to_vec()).chain(self.held.take()).collect()
    }
}
