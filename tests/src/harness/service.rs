//! A service of the operator's own, which the server calls: it is posted JSON, and answers as the test says.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// What answers a post.
type Answer = dyn Fn(&[Posted]) -> Option<(StatusCode, String)> + Send + Sync;

/// What the service was posted.
#[derive(Debug, Clone)]
pub struct Posted {
    /// The request's fields.
    pub fields: HeaderMap,
    /// Its body.
    pub body: Value,
}

/// A running service. Dropped, it stops.
#[derive(Debug)]
pub struct Service {
    port: u16,
    posted: Arc<Mutex<Vec<Posted>>>,
    task: JoinHandle<()>,
}

impl Service {
    /// Starts one. `answer` is given the posts so far, the newest last; with `None` that one is never answered.
    pub async fn start<F>(answer: F) -> Self
    where
        F: Fn(&[Posted]) -> Option<(StatusCode, String)> + Send + Sync + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .unwrap_or_else(|error| panic!("no free port on loopback: {error}"));
        let port = listener.local_addr().map_or(0, |address| address.port());
        let posted = Arc::<Mutex<Vec<Posted>>>::default();
        let (kept, answer) = (Arc::clone(&posted), Arc::new(answer));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (kept, answer) = (Arc::clone(&kept), Arc::clone(&answer));
                let service = service_fn(move |request: Request<Incoming>| {
                    let (kept, answer) = (Arc::clone(&kept), Arc::clone(&answer));
                    async move { Ok::<_, Infallible>(take(request, &kept, answer.as_ref()).await) }
                });
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
        Self { port, posted, task }
    }

    /// Its URL.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/service", self.port)
    }

    /// What it was posted so far.
    pub fn posted(&self) -> Vec<Posted> {
        self.posted.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn take(
    request: Request<Incoming>,
    kept: &Mutex<Vec<Posted>>,
    answer: &Answer,
) -> Response<Full<Bytes>> {
    let (head, body) = request.into_parts();
    let body = body
        .collect()
        .await
        .map(|body| body.to_bytes())
        .unwrap_or_default();
    let posted = Posted {
        fields: head.headers,
        body: serde_json::from_slice(&body).unwrap_or_default(),
    };
    let answer = {
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.push(posted);
        answer(&kept)
    };
    let Some((status, text)) = answer else {
        return std::future::pending().await;
    };
    let mut response = Response::new(Full::new(text.into()));
    *response.status_mut() = status;
    response
}
