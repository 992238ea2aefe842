//! A certificate and its key, as TLS is spoken with them; read again when they change.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// Between two looks at the files' times. A certificate is renewed weeks before it ends.
const PERIOD: Duration = Duration::from_secs(10);

/// Why TLS cannot be spoken.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read as PEM.
    #[error("{path}: {source}: give a PEM file")]
    Pem {
        /// The file.
        path: String,
        /// What is wrong with it.
        source: tokio_rustls::rustls::pki_types::pem::Error,
    },
    /// Certificate and key do not fit each other, or are of no use.
    #[error("tls_cert and tls_key: {0}")]
    Certificate(#[from] tokio_rustls::rustls::Error),
    /// The system does not let us wait for SIGHUP.
    #[error("SIGHUP: {0}")]
    Signal(#[from] std::io::Error),
}

/// Reads certificate and key; offers these protocols, the first before the others.
///
/// # Errors
/// [`TlsError`].
pub fn load(cert: &Path, key: &Path, protocols: &[&[u8]]) -> Result<ServerConfig, TlsError> {
    let pem = |path: &Path| {
        let path = path.display().to_string();
        move |source| TlsError::Pem { path, source }
    };
    let chain = CertificateDer::pem_file_iter(cert)
        .and_then(|certificates| certificates.collect::<Result<Vec<_>, _>>())
        .map_err(pem(cert))?;
    let key = PrivateKeyDer::from_pem_file(key).map_err(pem(key))?;
    let mut config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    Ok(config)
}

/// A certificate that is read again when its files change, or on SIGHUP. Connections that are open keep the old one.
#[derive(Debug)]
pub struct Renewed {
    cert: PathBuf,
    key: PathBuf,
    hangup: Signal,
    read_at: [Option<SystemTime>; 2],
    current: watch::Sender<Arc<ServerConfig>>,
}

impl Renewed {
    /// Reads it for the first time.
    ///
    /// # Errors
    /// [`TlsError`].
    pub fn load(cert: &Path, key: &Path) -> Result<Self, TlsError> {
        let read_at = [cert, key].map(changed_at);
        let (current, _) = watch::channel(Arc::new(load(cert, key, &[])?));
        Ok(Self {
            cert: cert.to_owned(),
            key: key.to_owned(),
            hangup: signal(SignalKind::hangup())?,
            read_at,
            current,
        })
    }

    /// What is to be spoken with at any time.
    pub fn current(&self) -> watch::Receiver<Arc<ServerConfig>> {
        self.current.subscribe()
    }

    /// Looks for changes for ever.
    pub async fn keep(mut self) {
        loop {
            let is_asked = tokio::select! {
                hangup = self.hangup.recv() => hangup.is_some(),
                () = tokio::time::sleep(PERIOD) => false,
            };
            let changed = [&self.cert, &self.key].map(|path| changed_at(path));
            if is_asked || changed != self.read_at {
                self.read_at = changed;
                self.renew();
            }
        }
    }

    /// A pair of which one file is not written yet does not fit: the old one stays until the other changes too.
    fn renew(&self) {
        match load(&self.cert, &self.key, &[]) {
            Ok(config) => {
                self.current.send_replace(Arc::new(config));
                tracing::info!(cert = %self.cert.display(), "certificate read again");
            }
            Err(error) => tracing::warn!(%error, "the new certificate is of no use: the old one stays"),
        }
    }
}

fn changed_at(path: &Path) -> Option<SystemTime> {
    std::fs::metadata(path)
        .and_then(|metadata| metadata.modified())
        .ok()
}
