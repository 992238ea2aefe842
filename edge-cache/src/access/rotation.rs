//! Keys that change while the program runs: read from a file and a URL, and read again.
//!
//! A new key is to be published before the first token that is signed by it: at most `access.jwks_refresh_seconds` later
//! it is here, and a token with an unknown `kid` makes that sooner. A key that is no longer published is no longer believed;
//! if nothing can be read, the keys of the last time stay.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::Bytes;
use http::{StatusCode, Uri};
use http_body_util::{BodyExt, Empty, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use super::AccessConfig;
use super::keys::{KeyError, Keys, Trust};

/// The longest set of keys, in bytes.
const LONGEST_SET: usize = 256 << 10;
/// The URL must answer within this time.
const PATIENCE: Duration = Duration::from_secs(10);
/// Unknown keys make the set be read no more often than so, whoever invents them.
const SHORTEST_PAUSE: Duration = Duration::from_secs(5);

/// Why there are no keys.
#[derive(Debug, thiserror::Error)]
pub enum RotationError {
    /// The file cannot be read.
    #[error("access.jwks_file = {}: {source}", path.display())]
    File {
        /// As it was given.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file's keys are of no use.
    #[error("access.jwks_file = {}: {source}", path.display())]
    FileKeys {
        /// As it was given.
        path: PathBuf,
        /// What is wrong.
        source: KeyError,
    },
    /// Not a URL.
    #[error("access.jwks_url = \"{0}\": give an https:// URL (http:// for loopback alone)")]
    Url(String),
    /// The system's certificates cannot be read.
    #[error("access.jwks_url: no certificates to know the server by: {0}: install ca-certificates")]
    Roots(std::io::Error),
}

/// Why a URL gave no keys; the next attempt may.
#[derive(Debug, thiserror::Error)]
enum FetchError {
    #[error("no answer: {0}")]
    Connection(#[from] hyper_util::client::legacy::Error),
    #[error("no answer in time")]
    TooLate,
    #[error("{0}")]
    Status(StatusCode),
    #[error("the answer broke off, or is too long")]
    Body,
    #[error(transparent)]
    Keys(#[from] KeyError),
}

type Asker = Client<HttpsConnector<HttpConnector>, Empty<Bytes>>;

/// The keys in force, and where they come from.
#[derive(Debug)]
pub struct Rotation {
    keys: ArcSwap<Keys>,
    file: Option<PathBuf>,
    url: Option<(Uri, Asker)>,
    refresh: Duration,
    hurry: Notify,
}

/// What was read last, as bytes: what has not changed is not put in force anew, so that verified tokens stay known.
#[derive(Debug, Default, PartialEq, Eq)]
struct Sources {
    file: Option<Vec<u8>>,
    url: Option<Bytes>,
}

impl Rotation {
    /// Reads the file, if there is one. `None`: no keys are configured, so no tokens are needed.
    pub fn new(config: &AccessConfig) -> Result<Option<Self>, RotationError> {
        if config.jwks_file.is_none() && config.jwks_url.is_none() {
            return Ok(None);
        }
        let url = config.jwks_url.as_deref().map(asker).transpose()?;
        let keys = match &config.jwks_file {
            Some(path) => Self::read_file(path)?.0,
            None => Keys::default(),
        };
        Ok(Some(Self {
            keys: ArcSwap::from_pointee(keys),
            file: config.jwks_file.clone(),
            url,
            refresh: Duration::from_secs(config.jwks_refresh_seconds),
            hurry: Notify::new(),
        }))
    }

    /// The keys in force.
    pub fn now(&self) -> Arc<Keys> {
        self.keys.load_full()
    }

    /// A token named a key that is not here.
    pub fn hurry(&self) {
        self.hurry.notify_one();
    }

    /// Reads the keys again and again, until `shutdown` turns true.
    pub async fn keep_fresh(self: Arc<Self>, mut shutdown: watch::Receiver<bool>) {
        let mut last = Sources::default();
        loop {
            let read_at = Instant::now();
            let is_there = self.refresh(&mut last).await;
            let pause = if is_there { self.refresh } else { SHORTEST_PAUSE };
            let hurried = async {
                self.hurry.notified().await;
                tokio::time::sleep_until(read_at + SHORTEST_PAUSE).await;
            };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = hurried => {}
                _ = shutdown.wait_for(|stop| *stop) => return,
            }
        }
    }

    /// Whether everything could be read.
    async fn refresh(&self, last: &mut Sources) -> bool {
        let mut all_read = true;
        let mut sources = Sources {
            file: last.file.clone(),
            url: last.url.clone(),
        };
        if let Some(path) = &self.file {
            match Self::read_file(path) {
                Ok((_, bytes)) => sources.file = Some(bytes),
                Err(error) => {
                    all_read = false;
                    tracing::warn!(%error, "the file's keys stay as they are");
                }
            }
        }
        if let Some((url, asker)) = &self.url {
            match fetch(url, asker).await {
                Ok(bytes) => sources.url = Some(bytes),
                Err(error) => {
                    all_read = false;
                    tracing::warn!(%error, url = %url, "the keys of access.jwks_url stay as they are");
                }
            }
        }
        if sources != *last {
            let read = |bytes: Option<&[u8]>, trust| {
                bytes
                    .and_then(|bytes| Keys::read(bytes, trust).ok())
                    .unwrap_or_default()
            };
            let published = read(sources.url.as_deref(), Trust::Published);
            let keys = read(sources.file.as_deref(), Trust::File).and(published);
            tracing::info!(?keys, "keys of playback tokens");
            self.keys.store(Arc::new(keys));
            *last = sources;
        }
        all_read
    }

    fn read_file(path: &std::path::Path) -> Result<(Keys, Vec<u8>), RotationError> {
        let path = || path.to_owned();
        let bytes = std::fs::read(path()).map_err(|source| RotationError::File { path: path(), source })?;
        let keys = Keys::read(&bytes, Trust::File)
            .map_err(|source| RotationError::FileKeys { path: path(), source })?;
        Ok((keys, bytes))
    }
}

fn asker(url: &str) -> Result<(Uri, Asker), RotationError> {
    let wrong = || RotationError::Url(url.to_owned());
    let uri: Uri = url.parse().map_err(|_| wrong())?;
    let host = uri.host().ok_or_else(wrong)?;
    let is_near = matches!(host, "127.0.0.1" | "[::1]" | "localhost");
    match uri.scheme_str() {
        Some("https") => {}
        // Who can change the keys on their way can watch everything.
        Some("http") if is_near => {}
        _ => return Err(wrong()),
    }
    let connector = HttpsConnectorBuilder::new()
        .with_native_roots()
        .map_err(RotationError::Roots)?
        .https_or_http()
        .enable_http1()
        .enable_http2()
        .build();
    Ok((uri, Client::builder(TokioExecutor::new()).build(connector)))
}

async fn fetch(url: &Uri, asker: &Asker) -> Result<Bytes, FetchError> {
    let asked = async {
        let answer = asker.get(url.clone()).await?;
        if answer.status() != StatusCode::OK {
            return Err(FetchError::Status(answer.status()));
        }
        let body = Limited::new(answer.into_body(), LONGEST_SET);
        let bytes = body.collect().await.map_err(|_| FetchError::Body)?.to_bytes();
        // What cannot be used does not replace what can.
        Keys::read(&bytes, Trust::Published)?;
        Ok(bytes)
    };
    tokio::time::timeout(PATIENCE, asked)
        .await
        .unwrap_or(Err(FetchError::TooLate))
}
