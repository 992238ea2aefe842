//! The load generator: thousands of LL-HLS players in one process, and what they saw.
//!
//! ```text
//! Viewer ─► Track (video), Track (audio) ─► Link ─► edge or CDN ─► origin
//!   │          └ tune in, blocking reload + hinted part, again and again; another rung now and then
//!   └► Playhead: stalls        Receipt: when each part came, beside when it came straight from the origin
//! ```
//!
//! Nothing is decoded: a viewer costs some requests a second and a few kilobytes.

mod counts;
mod figures;
mod library;
mod link;
mod playhead;
mod plot;
mod track;
mod viewer;

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use http::StatusCode;
use m3u8_rs::AlternativeMediaType;
use tokio::sync::watch;
use tokio::task::JoinSet;
use url::Url;

pub use counts::Counted;
pub use figures::{Figures, Spread};
use library::Library;
pub use link::LinkError;
use link::{Link, Server};
use viewer::{Live, Plan, Seen, Viewer};

/// How often the progress line is written.
const PROGRESS: Duration = Duration::from_secs(1);
/// What is on its way when the time is over comes within this time, or is given up: a part is shorter.
const LAST_ROUND: Duration = Duration::from_secs(10);

/// What a swarm does.
#[derive(Debug, Clone)]
pub struct SwarmOptions {
    /// The multivariant playlist.
    pub url: Url,
    /// The origin behind the cache; lateness is measured against one viewer there.
    pub origin: Option<Url>,
    /// The edge behind a CDN: what it counts is read there. `None`: at `url`, if that is an edge.
    pub edge: Option<Url>,
    /// How many.
    pub viewers: usize,
    /// For how long all of them watch.
    pub watched: Duration,
    /// Before that, they come one after the other within this time.
    pub ramp: Duration,
    /// HTTP/2, one connection for each viewer; else HTTP/1.1, one for each request at a time.
    pub http2: bool,
    /// Each viewer changes the rung so often.
    pub switch_every: Option<Duration>,
    /// Where an SVG is written.
    pub plot: Option<PathBuf>,
    /// Whether a progress line is written.
    pub progress: bool,
}

/// Why there is no swarm.
#[derive(Debug, thiserror::Error)]
pub enum SwarmError {
    /// There is nothing to watch.
    #[error("{url}: {status}: is the show live?")]
    NotLive {
        /// The multivariant playlist.
        url: Url,
        /// Its status.
        status: StatusCode,
    },
    /// There is no server.
    #[error("{url}: {source}")]
    Link {
        /// What was asked for.
        url: Url,
        /// What happened.
        source: LinkError,
    },
    /// What came is no multivariant playlist.
    #[error("{0}: no rendition in it: give the URL of a multivariant playlist")]
    Empty(Url),
    /// The plot cannot be written.
    #[error("{}: {source}", path.display())]
    Plot {
        /// Where.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// Runs a swarm, and sums up what its viewers saw.
pub async fn run(options: &SwarmOptions) -> Result<Figures, SwarmError> {
    let server = |url: &Url, http2| {
        let link = |source| SwarmError::Link {
            url: url.clone(),
            source,
        };
        Server::of(url, http2).map(Arc::new).map_err(link)
    };
    let near = server(&options.url, options.http2)?;
    let far = options
        .origin
        .as_ref()
        .map(|origin| server(origin, false))
        .transpose()?;
    let plan = plan(&options.url, &near, options.switch_every).await?;
    let (library, live) = (Arc::new(Library::default()), Arc::new(Live::default()));

    let edge = options.edge.as_ref().unwrap_or(&options.url);
    let before = counts::read(edge, far.as_ref()).await;
    let (stop, stopped) = watch::channel(false);
    let witnesses = far.as_ref().map(|far| witness(far, &plan, &library, &stopped));
    let deadline = Instant::now() + options.ramp + options.watched;
    let mut viewers = JoinSet::new();
    for number in 0..options.viewers {
        let pause = options.ramp.mul_f64(number as f64 / options.viewers as f64);
        let plan = Plan {
            rung: number % plan.video.len().max(1),
            ..plan.clone()
        };
        let (library, live, link) = (library.clone(), live.clone(), Link::new(near.clone()));
        viewers.spawn(async move {
            tokio::time::sleep(pause).await;
            let viewer = Viewer::new(library, live, deadline);
            let given_up = deadline + LAST_ROUND;
            let _ = tokio::time::timeout_at(given_up.into(), viewer.watch(link, &plan)).await;
            viewer.finish()
        });
    }
    let progress = options
        .progress
        .then(|| tokio::spawn(show_progress(live, options.viewers, deadline)));
    let seen = viewers.join_all().await;
    stop.send_replace(true);
    let witnessed = match witnesses {
        Some(witnesses) => witnesses.join_all().await,
        None => Vec::new(),
    };
    if let Some(progress) = progress {
        progress.abort();
        let _ = writeln!(std::io::stderr());
    }
    let after = counts::read_at_rest(edge, far.as_ref()).await;
    let counted = Counted::between(&before, &after, &library, &witnessed);
    let figures = Figures::of(options, &seen, &witnessed, counted);
    if let Some(path) = &options.plot {
        let failed = |source| SwarmError::Plot {
            path: path.clone(),
            source,
        };
        std::fs::write(path, plot::svg(&figures)).map_err(failed)?;
    }
    Ok(figures)
}

/// One viewer for each rendition, straight at the origin: when a part comes there, it has been made.
fn witness(
    origin: &Arc<Server>,
    plan: &Plan,
    library: &Arc<Library>,
    stopped: &watch::Receiver<bool>,
) -> JoinSet<Seen> {
    let mut witnesses = JoinSet::new();
    for rendition in plan.video.iter().chain(&plan.audio) {
        let plan = Plan {
            video: vec![rendition.clone()],
            audio: None,
            rung: 0,
            switch_every: None,
            ..plan.clone()
        };
        let link = Link::new(origin.clone());
        let viewer = Viewer::witness(library.clone(), Arc::default());
        let mut stopped = stopped.clone();
        witnesses.spawn(async move {
            tokio::select! {
                () = viewer.watch(link, &plan) => {}
                _ = stopped.wait_for(|stop| *stop) => {}
            }
            viewer.finish()
        });
    }
    witnesses
}

/// Finds the renditions.
async fn plan(url: &Url, server: &Arc<Server>, switch_every: Option<Duration>) -> Result<Plan, SwarmError> {
    let reply = Link::new(server.clone()).playlist(url.path()).await;
    let reply = reply.map_err(|source| SwarmError::Link {
        url: url.clone(),
        source,
    })?;
    if reply.status != StatusCode::OK {
        return Err(SwarmError::NotLive {
            url: url.clone(),
            status: reply.status,
        });
    }
    let empty = || SwarmError::Empty(url.clone());
    let text = reply.body.unpacked().map_err(|_| empty())?;
    let playlist = m3u8_rs::parse_master_playlist_res(&text).map_err(|_| empty())?;
    let audio = playlist
        .alternatives
        .iter()
        .filter(|media| media.media_type == AlternativeMediaType::Audio)
        .find_map(|media| url.join(media.uri.as_deref()?).ok());
    let mut video = Vec::new();
    for variant in playlist.variants.iter().filter(|variant| !variant.is_i_frame) {
        let rung = url.join(&variant.uri).map_err(|_| empty())?;
        if !video.contains(&rung) && Some(&rung) != audio.as_ref() {
            video.push(rung);
        }
    }
    if video.is_empty() && audio.is_none() {
        return Err(empty());
    }
    Ok(Plan {
        multivariant: url.clone(),
        video,
        audio,
        rung: 0,
        switch_every,
    })
}

async fn show_progress(live: Arc<Live>, viewers: usize, deadline: Instant) {
    let (mut parts, mut bytes) = (0, 0);
    let mut ticks = tokio::time::interval(PROGRESS);
    loop {
        ticks.tick().await;
        let count = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
        let (now_parts, now_bytes) = (count(&live.parts), count(&live.bytes));
        let left = deadline.saturating_duration_since(Instant::now()).as_secs();
        let _ = write!(
            std::io::stderr(),
            "\r{left:4} s left  {:6} of {viewers} play  {:6} parts/s  {:7.1} MB/s  {} stalls  {} errors ",
            count(&live.playing),
            now_parts - parts,
            (now_bytes - bytes) as f64 / 1e6,
            count(&live.stalls),
            count(&live.errors),
        );
        (parts, bytes) = (now_parts, now_bytes);
    }
}
