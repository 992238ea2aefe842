//! A wire between two servers that can be cut.

use std::sync::Arc;
use std::sync::{Mutex, PoisonError};

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// Passes on every connection to one address, until it is cut. Dropped, it is gone.
#[derive(Debug)]
pub struct Relay {
    address: String,
    wires: Arc<Mutex<JoinSet<()>>>,
    listening: tokio::task::JoinHandle<()>,
}

impl Relay {
    /// Listens on a free port, for `target` (address and port).
    pub async fn to(target: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await;
        let listener = listener.unwrap_or_else(|error| panic!("relay: {error}"));
        let address = listener.local_addr().map(|address| address.to_string());
        let wires = Arc::new(Mutex::new(JoinSet::new()));
        let (target, made) = (target.to_owned(), wires.clone());
        let listening = tokio::spawn(async move {
            while let Ok((mut near, _)) = listener.accept().await {
                let target = target.clone();
                lock(&made).spawn(async move {
                    if let Ok(mut far) = TcpStream::connect(target).await {
                        let _ = copy_bidirectional(&mut near, &mut far).await;
                    }
                });
            }
        });
        Self {
            address: address.unwrap_or_else(|error| panic!("relay: {error}")),
            wires,
            listening,
        }
    }

    /// The URL of a path behind it.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Cuts every connection, in the middle of whatever is on it; new ones are passed on again.
    pub fn cut(&self) {
        lock(&self.wires).abort_all();
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

fn lock(wires: &Mutex<JoinSet<()>>) -> std::sync::MutexGuard<'_, JoinSet<()>> {
    wires.lock().unwrap_or_else(PoisonError::into_inner)
}
