//! An origin that counts what it is asked, and answers as a test says.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures_util::stream;
use http::{HeaderMap, Request, Response};
use http_body_util::StreamBody;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::{Frame, Incoming};
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use vitrine_tests::harness::Port;

/// A request as the origin sees it.
#[derive(Debug, Clone)]
pub struct Asked {
    /// Path and query.
    pub target: String,
    pub fields: HeaderMap,
    /// Requests for this target so far, this one included.
    pub count: usize,
}

impl Asked {
    /// A header field; empty if it is missing.
    pub fn field(&self, name: &str) -> &str {
        self.fields.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

/// What a body does next.
#[derive(Debug, Clone)]
pub enum Step {
    Send(Bytes),
    /// Waits until the test opens the gate.
    Wait(Gate),
    /// Breaks off: the stream is reset.
    Cut,
}

/// An answer: status, fields, body.
#[derive(Debug, Clone)]
pub struct Reply {
    status: u16,
    fields: Vec<(String, String)>,
    steps: Vec<Step>,
}

impl Reply {
    pub fn new(status: u16) -> Self {
        Self {
            status,
            fields: Vec::new(),
            steps: Vec::new(),
        }
    }

    /// An immutable media object, as vitrine sends them.
    pub fn media(body: &Bytes) -> Self {
        Self::new(200)
            .field("content-type", "video/mp4")
            .field("accept-ranges", "bytes")
            .field("cache-control", "public, max-age=31536000, immutable")
            .field("content-length", &body.len().to_string())
            .send(body)
    }

    /// Text with a life.
    pub fn text(status: u16, cache_control: &str, text: &str) -> Self {
        Self::new(status)
            .field("content-type", "text/plain")
            .field("cache-control", cache_control)
            .send(&Bytes::from(text.to_owned()))
    }

    #[must_use]
    pub fn field(mut self, name: &str, value: &str) -> Self {
        self.fields.push((name.to_owned(), value.to_owned()));
        self
    }

    #[must_use]
    pub fn send(self, body: &Bytes) -> Self {
        self.step(Step::Send(body.clone()))
    }

    #[must_use]
    pub fn step(mut self, step: Step) -> Self {
        self.steps.push(step);
        self
    }

    #[must_use]
    pub fn without_body(mut self) -> Self {
        self.steps.clear();
        self
    }

    fn into_response(self) -> Response<ReplyBody> {
        let mut response = Response::builder().status(self.status);
        for (name, value) in &self.fields {
            response = response.header(name, value);
        }
        let steps = stream::unfold(self.steps.into_iter(), |mut steps| async move {
            loop {
                match steps.next()? {
                    Step::Send(bytes) => return Some((Ok(Frame::data(bytes)), steps)),
                    Step::Wait(gate) => gate.passed().await,
                    Step::Cut => return Some((Err(std::io::Error::other("cut")), steps)),
                }
            }
        });
        response.body(UnsyncBoxBody::new(StreamBody::new(steps))).unwrap()
    }
}

type ReplyBody = UnsyncBoxBody<Bytes, std::io::Error>;

/// Shut until a test opens it.
#[derive(Debug, Clone)]
pub struct Gate(Arc<watch::Sender<bool>>);

impl Gate {
    pub fn shut() -> Self {
        Self(Arc::new(watch::Sender::new(false)))
    }

    pub fn open(&self) {
        self.0.send_replace(true);
    }

    pub async fn passed(&self) {
        self.0.subscribe().wait_for(|open| *open).await.unwrap();
    }
}

type Handler = Arc<dyn Fn(Asked) -> Pin<Box<dyn Future<Output = Reply> + Send>> + Send + Sync>;

/// A running origin. Dropped, it ends soon; [`leave`](Origin::leave) waits for that.
pub struct Origin {
    port: Option<Port>,
    address: String,
    ledger: Arc<Ledger>,
    accepting: JoinHandle<()>,
}

#[derive(Default)]
struct Ledger {
    asked: Mutex<BTreeMap<String, Vec<Asked>>>,
    /// Requests that were given up before they were answered.
    given_up: AtomicUsize,
    connections: Mutex<JoinSet<()>>,
}

impl Origin {
    /// Answers by `handler`; `/readyz` is answered with 200.
    pub async fn start<F>(handler: impl Fn(Asked) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Reply> + Send + 'static,
    {
        Self::start_at(Port::free(), handler)
    }

    /// The same on a certain port.
    pub fn start_at<F>(port: Port, handler: impl Fn(Asked) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Reply> + Send + 'static,
    {
        let handler: Handler = Arc::new(move |asked| Box::pin(handler(asked)));
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_reuseaddr(true).unwrap();
        socket.bind(port.address().parse().unwrap()).unwrap();
        let listener = socket.listen(1024).unwrap();
        let ledger = Arc::new(Ledger::default());
        let accepting = tokio::spawn(accept(listener, handler, ledger.clone()));
        Self {
            address: port.address(),
            port: Some(port),
            ledger,
            accepting,
        }
    }

    /// Ends, with every connection; until another one starts on the port, connections to it are refused.
    pub async fn leave(mut self) -> Port {
        self.accepting.abort();
        let _ = (&mut self.accepting).await;
        let mut connections = std::mem::take(&mut *self.ledger.connections.lock().unwrap());
        connections.shutdown().await;
        self.port.take().unwrap()
    }

    pub fn address(&self) -> &str {
        &self.address
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What it was asked for that target, in order.
    pub fn asked(&self, target: &str) -> Vec<Asked> {
        self.ledger
            .asked
            .lock()
            .unwrap()
            .get(target)
            .cloned()
            .unwrap_or_default()
    }

    /// How often it was asked for that target.
    pub fn count(&self, target: &str) -> usize {
        self.asked(target).len()
    }

    /// Every target that it was asked for.
    pub fn targets(&self) -> Vec<String> {
        self.ledger.asked.lock().unwrap().keys().cloned().collect()
    }

    /// Requests that were given up before they were answered.
    pub fn given_up(&self) -> usize {
        self.ledger.given_up.load(Ordering::Relaxed)
    }

    /// Cuts every connection, in the middle of whatever it does; new ones are accepted.
    pub fn cut_connections(&self) {
        self.ledger.connections.lock().unwrap().abort_all();
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        self.accepting.abort();
        self.cut_connections();
    }
}

async fn accept(listener: TcpListener, handler: Handler, ledger: Arc<Ledger>) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        let (handler, seen) = (handler.clone(), ledger.clone());
        let service = service_fn(move |request| answer(request, handler.clone(), seen.clone()));
        let connection =
            http2::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service);
        ledger.connections.lock().unwrap().spawn(async move {
            let _ = connection.await;
        });
    }
}

async fn answer(
    request: Request<Incoming>,
    handler: Handler,
    ledger: Arc<Ledger>,
) -> Result<Response<ReplyBody>, std::convert::Infallible> {
    let target = request.uri().path_and_query().unwrap().to_string();
    if target == "/readyz" {
        return Ok(Reply::text(200, "no-store", "ok").into_response());
    }
    let asked = {
        let mut all = ledger.asked.lock().unwrap();
        let before = all.entry(target.clone()).or_default();
        before.push(Asked {
            target,
            fields: request.headers().clone(),
            count: before.len() + 1,
        });
        before.last().unwrap().clone()
    };
    let mut unanswered = Unanswered(Some(ledger));
    let reply = handler(asked).await;
    unanswered.0 = None;
    Ok(reply.into_response())
}

/// Counts a request that is dropped before it is answered.
struct Unanswered(Option<Arc<Ledger>>);

impl Drop for Unanswered {
    fn drop(&mut self) {
        if let Some(ledger) = &self.0 {
            ledger.given_up.fetch_add(1, Ordering::Relaxed);
        }
    }
}
