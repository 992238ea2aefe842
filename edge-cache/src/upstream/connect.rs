//! A connection to an origin: TCP, by TLS for https, then HTTP/2.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Uri;
use http_body_util::Empty;
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::UpstreamError;

/// Bytes that may be under way on one stream, and on one connection: line speed over 100 ms at some Gbit/s.
const STREAM_WINDOW: u32 = 2 << 20;
const CONNECTION_WINDOW: u32 = 16 << 20;
/// An idle connection is pinged so often, and given up when no answer comes for so long. The latter is longer than an
/// origin's pause that viewers can live through: what it holds is answered when it wakes up.
const PING_INTERVAL: Duration = Duration::from_secs(5);
const PING_PATIENCE: Duration = Duration::from_secs(20);
/// Bytes of an answer's head.
const HEAD_BYTES: u32 = 64 << 10;

/// Sends requests on one connection.
pub type Sender = SendRequest<Empty<Bytes>>;

/// Why an origin of the configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OriginError {
    /// Not a URL of an origin.
    #[error("[[origin]] url = \"{url}\": give http://HOST:PORT or https://HOST:PORT, without a path")]
    Url {
        /// As it was given.
        url: String,
    },
    /// The certificates of its authority cannot be read.
    #[error("[[origin]] tls_ca = \"{path}\": {problem}: give a PEM file of certificates")]
    Authority {
        /// As it was given.
        path: String,
        /// What is wrong.
        problem: String,
    },
}

/// How to connect to an origin.
#[derive(Clone)]
pub struct Connector {
    url: String,
    host: String,
    port: u16,
    tls: Option<(TlsConnector, ServerName<'static>)>,
    timeout: Duration,
}

impl Connector {
    /// Reads an origin's URL; `authority` is a PEM file, in place of the system's certificates.
    pub fn new(url: &str, authority: Option<&Path>, timeout: Duration) -> Result<Self, OriginError> {
        let wrong = || OriginError::Url { url: url.to_owned() };
        let uri: Uri = url.parse().map_err(|_| wrong())?;
        if !matches!(uri.path_and_query().map(|path| path.as_str()), None | Some("/")) {
            return Err(wrong());
        }
        let host = uri.host().ok_or_else(wrong)?;
        let (default_port, tls) = match uri.scheme_str() {
            Some("http") => (80, None),
            Some("https") => {
                let name = ServerName::try_from(bare(host).to_owned()).map_err(|_| wrong())?;
                (443, Some((tls(authority)?, name)))
            }
            _ => return Err(wrong()),
        };
        Ok(Self {
            url: url.trim_end_matches('/').to_owned(),
            host: bare(host).to_owned(),
            port: uri.port_u16().unwrap_or(default_port),
            tls,
            timeout,
        })
    }

    /// The origin's URL, without a slash at its end.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// A new connection.
    pub async fn connect(&self) -> Result<Sender, UpstreamError> {
        let origin = || self.url.clone();
        tokio::time::timeout(self.timeout, self.shake_hands())
            .await
            .map_err(|_| UpstreamError::ConnectTooLate { origin: origin() })?
    }

    async fn shake_hands(&self) -> Result<Sender, UpstreamError> {
        let failed = |source: io::Error| UpstreamError::Connect {
            origin: self.url.clone(),
            source,
        };
        let stream = TcpStream::connect((self.host.as_str(), self.port))
            .await
            .map_err(failed)?;
        stream.set_nodelay(true).map_err(failed)?;
        let Some((tls, name)) = &self.tls else {
            return self.http2(stream).await;
        };
        let stream = tls.connect(name.clone(), stream).await.map_err(failed)?;
        if stream.get_ref().1.alpn_protocol() != Some(b"h2") {
            return Err(UpstreamError::NotHttp2 {
                origin: self.url.clone(),
            });
        }
        self.http2(stream).await
    }

    async fn http2<S>(&self, stream: S) -> Result<Sender, UpstreamError>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (sender, connection) = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_header_list_size(HEAD_BYTES)
            .keep_alive_interval(PING_INTERVAL)
            .keep_alive_timeout(PING_PATIENCE)
            .keep_alive_while_idle(true)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|source| UpstreamError::Broken {
                origin: self.url.clone(),
                source,
            })?;
        // Ends when the connection does: when its senders are gone, or by an error that its requests report.
        tokio::spawn(connection);
        Ok(sender)
    }
}

impl std::fmt::Debug for Connector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Connector").field(&self.url).finish()
    }
}

/// An IPv6 address without its brackets.
fn bare(host: &str) -> &str {
    host.strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host)
}

fn tls(authority: Option<&Path>) -> Result<TlsConnector, OriginError> {
    let mut roots = RootCertStore::empty();
    match authority {
        Some(path) => {
            let failed = |problem: String| OriginError::Authority {
                path: path.display().to_string(),
                problem,
            };
            let certificates =
                CertificateDer::pem_file_iter(path).map_err(|error| failed(error.to_string()))?;
            for certificate in certificates {
                let certificate = certificate.map_err(|error| failed(error.to_string()))?;
                roots
                    .add(certificate)
                    .map_err(|error| failed(error.to_string()))?;
            }
        }
        // What the system has in odd formats is passed over; an origin signed by it is refused, with the reason.
        None => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    let mut config = ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    Ok(TlsConnector::from(Arc::new(config)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_a_host_and_nothing_more() {
        let timeout = Duration::from_secs(1);
        let table = [
            ("http://127.0.0.1:8080", Some(("127.0.0.1", 8080))),
            ("http://origin.example/", Some(("origin.example", 80))),
            ("https://origin.example", Some(("origin.example", 443))),
            ("http://[::1]:8080", Some(("::1", 8080))),
            ("http://origin.example/live", None),
            ("http://origin.example/?a", None),
            ("ftp://origin.example", None),
            ("origin.example:8080", None),
            ("", None),
        ];
        for (url, expected) in table {
            let connector = Connector::new(url, None, timeout).ok();
            let found = connector.as_ref().map(|found| (found.host.as_str(), found.port));
            assert_eq!(found, expected, "{url}");
        }
    }
}
