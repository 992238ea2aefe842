//! A viewer's connection: lean, as there are thousands; media is counted and dropped as it comes.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderValue};
use http::{Request, StatusCode, Uri};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use url::Url;

/// A whole answer must come within this time: no server holds a request so long.
const PATIENCE: Duration = Duration::from_secs(60);
/// The longest playlist that is read, in bytes.
const LONGEST_PLAYLIST: usize = 8 << 20;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// Not a URL of a server.
    #[error("{0}: give an http:// or https:// URL")]
    Url(String),
    /// No connection.
    #[error(
        "no connection: {0}: is the server running, and may this process open so many files (ulimit -n)?"
    )]
    Connect(#[from] io::Error),
    /// The connection broke.
    #[error("the connection broke: {0}")]
    Broken(#[from] hyper::Error),
    /// Nothing came in time.
    #[error("no whole answer within {} s", PATIENCE.as_secs())]
    TooLate,
    /// The playlist does not end, or cannot be unpacked.
    #[error("the playlist is too long, or not gzip though it says so")]
    Unreadable,
}

impl LinkError {
    /// Under which name it is counted.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Url(_) => "URL",
            Self::Connect(_) => "no connection",
            Self::Broken(_) => "connection broke",
            Self::TooLate => "no answer in time",
            Self::Unreadable => "playlist unreadable",
        }
    }
}

/// A server that viewers connect to.
#[derive(Clone)]
pub struct Server {
    host: String,
    port: u16,
    authority: String,
    http2: bool,
    tls: Option<(TlsConnector, ServerName<'static>)>,
}

impl Server {
    /// The server of a URL, by HTTP/1.1 or HTTP/2.
    pub fn of(url: &Url, http2: bool) -> Result<Self, LinkError> {
        let wrong = || LinkError::Url(url.to_string());
        let host = url.host_str().ok_or_else(wrong)?;
        let port = url.port_or_known_default().ok_or_else(wrong)?;
        let tls = match url.scheme() {
            "http" => None,
            "https" => {
                let name = ServerName::try_from(host.to_owned()).map_err(|_| wrong())?;
                Some((tls(http2), name))
            }
            _ => return Err(wrong()),
        };
        Ok(Self {
            host: host.to_owned(),
            port,
            authority: match url.port() {
                Some(port) => format!("{host}:{port}"),
                None => host.to_owned(),
            },
            http2,
            tls,
        })
    }

    async fn connect(&self) -> Result<Sender, LinkError> {
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await?;
        stream.set_nodelay(true)?;
        match &self.tls {
            None => self.shake_hands(stream).await,
            Some((tls, name)) => self.shake_hands(tls.connect(name.clone(), stream).await?).await,
        }
    }

    async fn shake_hands<S>(&self, stream: S) -> Result<Sender, LinkError>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let stream = TokioIo::new(stream);
        if self.http2 {
            let (sender, connection) = http2::Builder::new(TokioExecutor::new())
                .timer(TokioTimer::new())
                .initial_stream_window_size(1 << 20)
                .initial_connection_window_size(4 << 20)
                .handshake(stream)
                .await?;
            tokio::spawn(connection);
            return Ok(Sender::Two(sender));
        }
        let (sender, connection) = http1::handshake(stream).await?;
        tokio::spawn(connection);
        Ok(Sender::One(sender))
    }

    fn request(&self, path: &str) -> Result<Request<Empty<Bytes>>, LinkError> {
        let wrong = || LinkError::Url(path.to_owned());
        let mut request = Request::new(Empty::new());
        *request.uri_mut() = if self.http2 {
            let scheme = if self.tls.is_some() { "https" } else { "http" };
            Uri::try_from(format!("{scheme}://{}{path}", self.authority)).map_err(|_| wrong())?
        } else {
            let host = HeaderValue::try_from(self.authority.as_str()).map_err(|_| wrong())?;
            request.headers_mut().insert(header::HOST, host);
            Uri::try_from(path).map_err(|_| wrong())?
        };
        Ok(request)
    }
}

fn tls(http2: bool) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let mut config = ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let protocol: &[u8] = if http2 { b"h2" } else { b"http/1.1" };
    config.alpn_protocols = vec![protocol.to_vec()];
    TlsConnector::from(Arc::new(config))
}

enum Sender {
    One(http1::SendRequest<Empty<Bytes>>),
    Two(http2::SendRequest<Empty<Bytes>>),
}

impl Sender {
    async fn ready(&mut self) -> Result<(), hyper::Error> {
        match self {
            Self::One(sender) => sender.ready().await,
            Self::Two(sender) => sender.ready().await,
        }
    }

    async fn send(
        &mut self,
        request: Request<Empty<Bytes>>,
    ) -> Result<http::Response<Incoming>, hyper::Error> {
        match self {
            Self::One(sender) => sender.send_request(request).await,
            Self::Two(sender) => sender.send_request(request).await,
        }
    }
}

/// A playlist as it came: whoever has read the same bytes before need not unpack them.
#[derive(Debug, Clone, Default)]
pub struct Packed {
    sent: Bytes,
    gzip: bool,
}

impl Packed {
    /// The bytes as sent.
    pub fn sent(&self) -> &Bytes {
        &self.sent
    }

    /// The text.
    pub fn unpacked(&self) -> Result<Bytes, LinkError> {
        use std::io::Read;
        if !self.gzip {
            return Ok(self.sent.clone());
        }
        let mut text = Vec::new();
        flate2::read::GzDecoder::new(&*self.sent)
            .take(LONGEST_PLAYLIST as u64)
            .read_to_end(&mut text)
            .map_err(|_| LinkError::Unreadable)?;
        Ok(text.into())
    }
}

impl From<&'static str> for Packed {
    fn from(text: &'static str) -> Self {
        text.to_owned().into()
    }
}

impl From<String> for Packed {
    fn from(text: String) -> Self {
        Self {
            sent: text.into(),
            gzip: false,
        }
    }
}

/// An answer's head, its size, and when its last byte had come.
#[derive(Debug)]
pub struct Reply {
    /// Its status.
    pub status: StatusCode,
    /// Age, in seconds: it came out of a cache.
    pub age_s: Option<u64>,
    /// Bytes of the body as sent.
    pub bytes: u64,
    /// The body; empty for media.
    pub body: Packed,
    /// When its last byte had come.
    pub at: Instant,
}

/// One connection by HTTP/1.1, for one request at a time; or the right to a stream of one by HTTP/2.
pub struct Link {
    server: Arc<Server>,
    sender: Option<Sender>,
}

impl Link {
    /// Not connected yet.
    pub fn new(server: Arc<Server>) -> Self {
        Self { server, sender: None }
    }

    /// Another one to the same server; by HTTP/2, on the same connection.
    pub fn twin(&self) -> Self {
        let sender = match &self.sender {
            Some(Sender::Two(sender)) => Some(Sender::Two(sender.clone())),
            _ => None,
        };
        Self {
            server: self.server.clone(),
            sender,
        }
    }

    /// Gets a playlist, gzipped if the server likes.
    pub async fn playlist(&mut self, path: &str) -> Result<Reply, LinkError> {
        self.get(path, true).await
    }

    /// Gets media, and keeps nothing of it but its size.
    pub async fn media(&mut self, path: &str) -> Result<Reply, LinkError> {
        self.get(path, false).await
    }

    async fn get(&mut self, path: &str, playlist: bool) -> Result<Reply, LinkError> {
        let got = tokio::time::timeout(PATIENCE, self.try_get(path, playlist))
            .await
            .unwrap_or(Err(LinkError::TooLate));
        if got.is_err() {
            self.sender = None;
        }
        got
    }

    async fn try_get(&mut self, path: &str, playlist: bool) -> Result<Reply, LinkError> {
        // A server may close a connection that was idle: that is no failure.
        let mut alive = match self.sender.take() {
            Some(mut sender) => sender.ready().await.is_ok().then_some(sender),
            None => None,
        };
        if alive.is_none() {
            let mut sender = self.server.connect().await?;
            sender.ready().await?;
            alive = Some(sender);
        }
        let sender = self.sender.insert(alive.ok_or(LinkError::TooLate)?);
        let mut request = self.server.request(path)?;
        if playlist {
            let gzip = HeaderValue::from_static("gzip");
            request.headers_mut().insert(header::ACCEPT_ENCODING, gzip);
        }
        let (head, mut incoming) = sender.send(request).await?.into_parts();
        let (mut pieces, mut bytes) = (Vec::new(), 0);
        while let Some(frame) = incoming.frame().await {
            let data = frame?.into_data().unwrap_or_default();
            bytes += data.len() as u64;
            if playlist {
                if bytes > LONGEST_PLAYLIST as u64 {
                    return Err(LinkError::Unreadable);
                }
                pieces.push(data);
            }
        }
        Ok(Reply {
            status: head.status,
            age_s: field(&head.headers, &header::AGE).and_then(|age| age.parse().ok()),
            bytes,
            body: Packed {
                sent: joined(pieces),
                gzip: field(&head.headers, &header::CONTENT_ENCODING) == Some("gzip"),
            },
            at: Instant::now(),
        })
    }
}

/// Most playlists come in one piece, which need not be copied.
fn joined(mut pieces: Vec<Bytes>) -> Bytes {
    match pieces.as_mut_slice() {
        [] => Bytes::new(),
        [whole] => std::mem::take(whole),
        _ => pieces.concat().into(),
    }
}

fn field<'a>(fields: &'a HeaderMap, name: &header::HeaderName) -> Option<&'a str> {
    fields.get(name)?.to_str().ok()
}
