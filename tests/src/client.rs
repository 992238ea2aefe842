//! A small HTTP client that tells when each piece of an answer came.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use http::header::{HeaderMap, HeaderName, HeaderValue};
use http::{Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client as Pool;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};

/// The longest answer that is read, in bytes; a longer one is an error.
const LONGEST_BODY: usize = 256 << 20;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Not a URL of a server.
    #[error("{url}: {problem}: give an absolute http:// URL")]
    Url {
        /// As it was given.
        url: String,
        /// What is wrong.
        problem: String,
    },
    /// No connection, or it ended before the answer's head.
    #[error("{url}: {source}: is the server running?")]
    Connection {
        /// What was asked for.
        url: String,
        /// What happened.
        source: hyper_util::client::legacy::Error,
    },
    /// The answer's body broke off.
    #[error("{url}: the body broke off after {received} bytes: {source}")]
    Body {
        /// What was asked for.
        url: String,
        /// Bytes that came.
        received: usize,
        /// What happened.
        source: hyper::Error,
    },
    /// The answer does not end.
    #[error("{url}: the body is longer than {LONGEST_BODY} bytes")]
    TooLong {
        /// What was asked for.
        url: String,
    },
    /// Nothing came in time.
    #[error("{url}: no whole answer within {} s", patience.as_secs_f32())]
    TooLate {
        /// What was asked for.
        url: String,
        /// How long was waited.
        patience: Duration,
    },
}

/// An answer and its times.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its header fields.
    pub headers: HeaderMap,
    /// Its body, as sent: a gzipped one is still gzipped.
    pub body: Bytes,
    /// When the request was handed to the connection.
    pub asked: Instant,
    /// When the head had come.
    pub head_at: Instant,
    /// When the first bytes of the body had come; the head's time for an empty body.
    pub first_byte_at: Instant,
    /// When the last byte had come.
    pub whole_at: Instant,
}

impl Answer {
    /// The body as text; what is not UTF-8 is replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON; `null` if it is none.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// A header field as text; empty if it is missing.
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }

    /// From asking to the last byte.
    pub fn took(&self) -> Duration {
        self.whole_at - self.asked
    }
}

/// Asks servers; clones share their connections.
#[derive(Debug, Clone)]
pub struct Client {
    pool: Pool<HttpConnector, Full<Bytes>>,
    patience: Duration,
    begun: Arc<AtomicUsize>,
}

impl Client {
    /// Speaks HTTP/1.1; keeps as many connections alive as requests ran at one time.
    pub fn http1() -> Self {
        Self::new(false)
    }

    /// Speaks HTTP/2 in the clear, with prior knowledge; one connection for each server.
    pub fn h2c() -> Self {
        Self::new(true)
    }

    fn new(http2: bool) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let pool = Pool::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .http2_only(http2)
            .build(connector);
        Self {
            pool,
            patience: Duration::from_secs(60),
            begun: Arc::default(),
        }
    }

    /// Counts in `begun` the answers whose first bytes have come.
    #[must_use]
    pub fn counting(mut self, begun: &Arc<AtomicUsize>) -> Self {
        self.begun = Arc::clone(begun);
        self
    }

    /// A whole answer must come within this time; 60 s unless told otherwise.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// GET without further header fields.
    pub async fn get(&self, url: &str) -> Result<Answer, ClientError> {
        self.ask(Method::GET, url, &[], Bytes::new()).await
    }

    /// GET with these header fields.
    pub async fn get_with(&self, url: &str, fields: &[(&str, &str)]) -> Result<Answer, ClientError> {
        self.ask(Method::GET, url, fields, Bytes::new()).await
    }

    /// Any request.
    pub async fn ask(
        &self,
        method: Method,
        url: &str,
        fields: &[(&str, &str)],
        body: Bytes,
    ) -> Result<Answer, ClientError> {
        let request = request(method, url, fields, body)?;
        let patience = self.patience;
        tokio::time::timeout(patience, self.send(url, request))
            .await
            .map_err(|_| ClientError::TooLate {
                url: url.to_owned(),
                patience,
            })?
    }

    async fn send(&self, url: &str, request: Request<Full<Bytes>>) -> Result<Answer, ClientError> {
        let url = || url.to_owned();
        let asked = Instant::now();
        let response = self
            .pool
            .request(request)
            .await
            .map_err(|source| ClientError::Connection { url: url(), source })?;
        let head_at = Instant::now();
        let (head, mut incoming) = response.into_parts();
        let (mut body, mut first_byte_at) = (BytesMut::new(), None);
        while let Some(frame) = incoming.frame().await {
            let frame = frame.map_err(|source| ClientError::Body {
                url: url(),
                received: body.len(),
                source,
            })?;
            if let Ok(data) = frame.into_data() {
                first_byte_at.get_or_insert_with(|| {
                    self.begun.fetch_add(1, Ordering::Relaxed);
                    Instant::now()
                });
                body.extend_from_slice(&data);
            }
            if body.len() > LONGEST_BODY {
                return Err(ClientError::TooLong { url: url() });
            }
        }
        Ok(Answer {
            status: head.status,
            headers: head.headers,
            body: body.freeze(),
            asked,
            head_at,
            first_byte_at: first_byte_at.unwrap_or(head_at),
            whole_at: Instant::now(),
        })
    }
}

fn request(
    method: Method,
    url: &str,
    fields: &[(&str, &str)],
    body: Bytes,
) -> Result<Request<Full<Bytes>>, ClientError> {
    let wrong = |problem: &dyn std::fmt::Display| ClientError::Url {
        url: url.to_owned(),
        problem: problem.to_string(),
    };
    let uri: Uri = url
        .parse()
        .map_err(|error: http::uri::InvalidUri| wrong(&error))?;
    if uri.host().is_none() {
        return Err(wrong(&"no host in it"));
    }
    let mut request = Request::new(Full::new(body));
    *request.method_mut() = method;
    *request.uri_mut() = uri;
    for (name, value) in fields {
        let name = HeaderName::try_from(*name).map_err(|error| wrong(&error))?;
        let value = HeaderValue::try_from(*value).map_err(|error| wrong(&error))?;
        request.headers_mut().append(name, value);
    }
    Ok(request)
}
