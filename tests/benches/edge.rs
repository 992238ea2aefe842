//! What the edge serves from its cache for a second of one core, beside nginx's `proxy_cache` with the same objects in the
//! same run. Needs nginx and wrk; `make bench` installs them.
//!
//! All are kept on one core, wrk on another; they take turns. The ratio is of requests for a second of CPU time, so that
//! what else the machine does matters little.
//!
//! nginx sends its files by `sendfile`: the kernel passes on its pages, and no byte is copied. The edge has its objects in memory, and
//! writes them: almost all that a segment costs it is the kernel's copy. By TLS everybody copies; so nginx without
//! `sendfile` stands beside.

#![allow(clippy::unwrap_used)] // a benchmark

use std::convert::Infallible;
use std::process::Command;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::net::TcpListener;
use vitrine_tests::harness::{Cache, Cdn, Edge, cpu_seconds};

/// Each takes so many turns of so many seconds.
const TURNS: usize = 5;
const TURN_SECONDS: u32 = 3;
const CONNECTIONS: u32 = 64;

/// What is asked for: a name for people, the path, and its length in bytes.
const OBJECTS: [(&str, &str, usize); 3] = [
    (
        "playlist",
        "/live/bench/s1/video/index.m3u8?_HLS_msn=1&_HLS_part=0",
        2_000,
    ),
    ("part", "/live/bench/s1/video/part-1.m4s", 60_000),
    ("segment", "/live/bench/s1/video/seg-1.m4s", 1_000_000),
];

/// A server under test.
struct Contender {
    name: &'static str,
    url: String,
    pid: u32,
}

/// What one turn came to.
#[derive(Debug, Clone, Copy, Default)]
struct Turn {
    requests: f64,
    cpu_seconds: f64,
}

impl Turn {
    fn per_cpu_second(self) -> f64 {
        self.requests / self.cpu_seconds
    }
}

#[tokio::main]
async fn main() {
    for program in ["nginx", "wrk", "taskset"] {
        if Command::new(program).arg("-v").output().is_err() {
            println!("edge: not measured, as there is no {program}: make bench installs it");
            return;
        }
    }
    let origin = origin().await;
    let edge = Edge::named("bench-edge")
        .origin(&format!("http://{origin}"))
        .start()
        .await;
    let nginx = Cdn::start("bench-nginx", Cache::Nginx, &origin).await;
    let copying = Cdn::start("bench-nginx-copying", Cache::NginxCopying, &origin).await;
    let contenders = [
        Contender {
            name: "edge",
            url: edge.url(""),
            pid: edge.pid(),
        },
        Contender {
            name: "nginx",
            url: nginx.url(""),
            pid: nginx.pid(),
        },
        Contender {
            name: "nginx, copying",
            url: copying.url(""),
            pid: copying.pid(),
        },
    ];
    for contender in &contenders {
        contender.pin();
    }
    println!("served from the cache, {CONNECTIONS} connections, HTTP/1.1, each server on one core");
    for (name, path, len) in OBJECTS {
        let mut sums = [Turn::default(); 3];
        let mut ratios = [Vec::new(), Vec::new()];
        for _ in 0..TURNS {
            let turns = contenders.each_ref().map(|contender| contender.turn(path));
            for (turn, sum) in turns.iter().zip(&mut sums) {
                sum.requests += turn.requests;
                sum.cpu_seconds += turn.cpu_seconds;
            }
            let [edge, others @ ..] = turns;
            for (other, ratios) in others.iter().zip(&mut ratios) {
                ratios.push(edge.per_cpu_second() / other.per_cpu_second());
            }
        }
        for (contender, sum) in contenders.iter().zip(sums) {
            let rate = sum.per_cpu_second();
            println!(
                "  {name:8} {:14}  {rate:8.0} requests, {:7.1} MB for a second of CPU; {:8.0} requests/s",
                contender.name,
                rate * len as f64 / 1e6,
                sum.requests / f64::from(TURN_SECONDS) / TURNS as f64,
            );
        }
        let [edge, others @ ..] = sums;
        let [_, names @ ..] = contenders.each_ref().map(|contender| contender.name);
        for ((other, against), mut ratios) in others.iter().zip(names).zip(ratios) {
            // Caches that others on this machine use as well make turns differ: how much, is said.
            ratios.sort_unstable_by(f64::total_cmp);
            println!(
                "  {name:8} ratio to {against:14} {:.2}  (turns {:.2} to {:.2})",
                edge.per_cpu_second() / other.per_cpu_second(),
                ratios[0],
                ratios[ratios.len() - 1]
            );
        }
    }
}

impl Contender {
    /// Keeps it, and its children, on the first core.
    fn pin(&self) {
        for pid in self.family() {
            let pinned = Command::new("taskset")
                .args(["-a", "-c", "-p", "0", &pid.to_string()])
                .output();
            assert!(pinned.unwrap().status.success(), "{} cannot be pinned", self.name);
        }
    }

    fn turn(&self, path: &str) -> Turn {
        let before = self.cpu_seconds();
        let output = Command::new("taskset")
            .args(["-c", "1", "wrk", "-t1", "-c", &CONNECTIONS.to_string()])
            .args(["-d", &TURN_SECONDS.to_string(), "-H", "Accept-Encoding: gzip"])
            .arg(format!("{}{path}", self.url))
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        let failed = text.contains("Non-2xx") || text.contains("Socket errors");
        assert!(
            output.status.success() && !failed,
            "wrk against {}: {text}",
            self.name
        );
        let line = text.lines().find(|line| line.contains(" requests in ")).unwrap();
        Turn {
            requests: line.split_whitespace().next().unwrap().parse().unwrap(),
            cpu_seconds: self.cpu_seconds() - before,
        }
    }

    /// It and its children.
    fn family(&self) -> Vec<u32> {
        let children = std::fs::read_to_string(format!("/proc/{0}/task/{0}/children", self.pid)).unwrap();
        let children = children.split_whitespace().map(|pid| pid.parse().unwrap());
        std::iter::once(self.pid).chain(children).collect()
    }

    fn cpu_seconds(&self) -> f64 {
        self.family().into_iter().map(cpu_seconds).sum()
    }
}

/// An origin of HTTP/1.1 and HTTP/2 that has each object.
async fn origin() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let builder = auto::Builder::new(TokioExecutor::new());
                let _ = builder
                    .serve_connection(TokioIo::new(stream), service_fn(answer))
                    .await;
            });
        }
    });
    address
}

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let found = OBJECTS
        .iter()
        .find(|(_, path, _)| path.split('?').next() == Some(request.uri().path()));
    let (status, len) = found.map_or((404, 0), |(_, _, len)| (200, *len));
    // As vitrine's answers are.
    let response = Response::builder()
        .status(status)
        .header("content-type", "video/mp4")
        .header("accept-ranges", "bytes")
        .header("access-control-allow-origin", "*")
        .header(
            "access-control-expose-headers",
            "Age, Content-Encoding, Content-Length, Content-Range, Date, ETag",
        )
        .header("x-content-type-options", "nosniff")
        .header("priority", "u=3")
        .header("cache-control", "public, max-age=31536000, immutable");
    Ok(response.body(Full::new(vec![7; len].into())).unwrap())
}
