//! A crowd through one edge, with or without a cache in front: what reaches the origin, who stalls, how late parts are.
//!
//! ```text
//! FFmpeg ──► Vitrine ──► edge ──(nginx, Varnish)──► swarm of viewers; then hls.js, alone
//!               └──────► a witness: when each part had been made
//! ```

use std::fmt;
use std::time::Duration;

use url::Url;

use super::{Figures, Limits};
use crate::harness::{Cache, Cdn, ChannelSetup, Edge, Publisher, Script, Source, Vitrine, raise_open_files};
use crate::swarm::{self, SwarmOptions};

/// What the edge's cache may take.
const CACHE_MIB: u64 = 64;
/// What a viewer may cost the edge who waits for playlist and part, of picture and of sound: by HTTP/1.1 four connections, by
/// HTTP/2 one, whose buffers are larger.
const VIEWER_HTTP1_KIB: u64 = 4 * 20;
const VIEWER_HTTP2_KIB: u64 = 64;
/// The viewers come one after the other, so many a second.
const ARRIVALS: f64 = 200.0;
/// hls.js keeps this distance to live by itself; what counts here is that it never stands still.
const HLS_JS: Limits = Limits { latency_s: 3.0 };
const BROWSER_START: Duration = Duration::from_secs(90);

/// One run.
#[derive(Debug, Clone)]
pub struct Crowd {
    /// Its folder in `tests/out/`.
    pub name: String,
    /// What stands in front of the edge.
    pub cache: Option<Cache>,
    /// How many viewers.
    pub viewers: usize,
    /// The wished length of a part: four requests of each viewer.
    pub part_target: Duration,
    /// For how long all of them watch.
    pub watched: Duration,
    /// For how long hls.js watches afterwards; `None`: not at all.
    pub played: Option<Duration>,
}

/// What came of it.
#[derive(Debug)]
pub struct CrowdFigures {
    /// What the viewers saw.
    pub swarm: swarm::Figures,
    /// What a viewer may cost the edge, in KiB.
    pub viewer_kib: u64,
    /// The edge's memory before they came, and the most that it ever had, in KiB.
    pub memory_kib: (u64, u64),
    /// What its cache held at the end, in KiB.
    pub cache_kib: u64,
    /// What hls.js's viewer got.
    pub played: Option<Figures>,
    /// Processor time of the edge, in seconds.
    pub edge_cpu_s: f64,
}

impl Crowd {
    /// Watches. Panics, as the harness does, if something does not start.
    pub async fn run(&self) -> CrowdFigures {
        raise_open_files();
        let vitrine = Vitrine::named(&self.name)
            .part_target_s(self.part_target.as_secs_f64())
            .channel(ChannelSetup::new("demo").ladder("\"passthrough\""))
            .start()
            .await;
        // Small, and quick to encode: the machine is the viewers'.
        let source = Source::picture()
            .size(320, 180)
            .preset("ultrafast")
            .bitrate_kbps(300);
        let publisher = Publisher::start(&source, &vitrine, "demo");
        let edge = Edge::named(&format!("{}-edge", self.name))
            .origin(&vitrine.url(""))
            .line("cache", &format!("memory_mib = {CACHE_MIB}"))
            .start()
            .await;
        vitrine.settled("demo").await;
        let cdn = match self.cache {
            Some(cache) => Some(Cdn::start(&format!("{}-cdn", self.name), cache, edge.address()).await),
            None => None,
        };
        let playlist = match &cdn {
            Some(cdn) => cdn.url("/live/demo/index.m3u8"),
            None => edge.playlist("demo"),
        };
        let before_kib = edge.resident_kib();
        let swarm = swarm::run(&self.options(&playlist, &edge, &vitrine))
            .await
            .unwrap_or_else(|error| panic!("{error}"));
        let memory_kib = (before_kib, edge.peak_kib());
        let edge_cpu_s = edge.cpu_seconds();
        let cache_kib = edge.metric("vitrine_edge_cache_bytes", "").await as u64 >> 10;
        let played = match self.played {
            Some(played) => Some(play(&vitrine, &playlist, played).await),
            None => None,
        };
        publisher.stop().await;
        CrowdFigures {
            swarm,
            viewer_kib: if self.http2() {
                VIEWER_HTTP2_KIB
            } else {
                VIEWER_HTTP1_KIB
            },
            memory_kib,
            cache_kib,
            played,
            edge_cpu_s,
        }
    }

    /// As players do by TLS; caches in front do not speak it in the clear.
    fn http2(&self) -> bool {
        self.cache.is_none()
    }

    fn options(&self, playlist: &str, edge: &Edge, vitrine: &Vitrine) -> SwarmOptions {
        let url = |text: &str| Url::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        SwarmOptions {
            url: url(playlist),
            origin: Some(url(&vitrine.url(""))),
            edge: Some(url(&edge.url(""))),
            viewers: self.viewers,
            watched: self.watched,
            ramp: Duration::from_secs_f64(self.viewers as f64 / ARRIVALS),
            http2: self.http2(),
            switch_every: None,
            plot: Some(vitrine.folder().join("lateness.svg")),
            progress: true,
        }
    }
}

async fn play(vitrine: &Vitrine, playlist: &str, watched: Duration) -> Figures {
    let seconds = watched.as_secs().to_string();
    let script = Script::start(vitrine, "play.mjs", &[playlist, &seconds, "--player", "hls"]);
    Figures::read(&script.figures(watched + BROWSER_START).await)
}

impl CrowdFigures {
    /// What the edge's memory may come to, in KiB: what it had, what its cache holds, and its viewers.
    fn bound_kib(&self) -> u64 {
        self.memory_kib.0 + self.cache_kib + self.swarm.viewers as u64 * self.viewer_kib
    }

    /// Requests that the cache in front answered by itself, of all, in percent.
    fn hit_percent(&self) -> Option<f64> {
        let edge = self.swarm.counted.edge? as f64;
        let viewers = self.swarm.requests as f64;
        (viewers > 0.0).then(|| 100.0 * (1.0 - edge / viewers).max(0.0))
    }

    /// Everything in which the run misses what is promised; empty if nothing.
    pub fn misses(&self) -> Vec<String> {
        let mut misses = Vec::new();
        let swarm = &self.swarm;
        for (what, counted) in [
            ("media objects", swarm.counted.media),
            ("blocking playlists", swarm.counted.blocking),
        ] {
            match counted {
                Some((requests, objects)) if objects > 0 && requests == objects => {}
                Some((requests, objects)) => {
                    misses.push(format!("{requests} requests at the origin for {objects} {what}"));
                }
                None => misses.push(format!("{what}: not counted")),
            }
        }
        if swarm.stalls.0 > 0 || swarm.never_played > 0 {
            let (stalls, stalled, _) = swarm.stalls;
            misses.push(format!(
                "{stalls} stalls of {stalled} viewers, {} never played",
                swarm.never_played
            ));
        }
        if !swarm.errors.is_empty() || swarm.reloads > 0 {
            misses.push(format!("errors {:?}, {} reloads", swarm.errors, swarm.reloads));
        }
        if swarm.lateness.is_none() {
            misses.push("no part was waited for".to_owned());
        }
        let (peak, bound) = (self.memory_kib.1, self.bound_kib());
        if peak > bound {
            misses.push(format!("the edge had {peak} KiB, over {bound} KiB"));
        }
        if self.cache_kib > CACHE_MIB << 10 {
            misses.push(format!(
                "the cache had {} KiB, over {CACHE_MIB} MiB",
                self.cache_kib
            ));
        }
        if let Some(played) = &self.played {
            let named = played.misses(HLS_JS).into_iter();
            misses.extend(named.map(|miss| format!("hls.js: {miss}")));
        }
        misses
    }
}

impl fmt::Display for CrowdFigures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in self.swarm.to_string().lines() {
            writeln!(f, "  {line}")?;
        }
        let stalled = self.swarm.seconds.iter().zip(0_u32..);
        let stalled = stalled.filter(|(second, _)| second.stalls > 0);
        let stalled: Vec<_> = stalled
            .map(|(second, number)| format!("{} in second {number}", second.stalls))
            .collect();
        if !stalled.is_empty() {
            writeln!(f, "  stalls began: {}", stalled.join(", "))?;
        }
        let per_object = |counted: Option<(u64, u64)>| match counted {
            Some((requests, objects)) if objects > 0 => format!("{:.3}", requests as f64 / objects as f64),
            _ => "not counted".to_owned(),
        };
        writeln!(
            f,
            "  origin requests for each object: media {}, blocking playlists {}",
            per_object(self.swarm.counted.media),
            per_object(self.swarm.counted.blocking)
        )?;
        if let (Some(edge), Some(hits)) = (self.swarm.counted.edge, self.hit_percent()) {
            writeln!(
                f,
                "  the edge was asked {edge} times; {hits:.1} % of the viewers' requests did not reach it"
            )?;
        }
        let (before, peak) = self.memory_kib;
        let mib = |kib: u64| kib as f64 / 1024.0;
        writeln!(
            f,
            "  edge memory: {:.1} MiB before, at most {:.1} MiB; bound {:.1} MiB (before, {:.1} of {CACHE_MIB} MiB of cache, {} \
             viewers of {} KiB); {:.1} s of processor time",
            mib(before),
            mib(peak),
            mib(self.bound_kib()),
            mib(self.cache_kib),
            self.swarm.viewers,
            self.viewer_kib,
            self.edge_cpu_s
        )?;
        match &self.played {
            Some(played) => write!(f, "  hls.js for {} s:\n{played}", played.seconds),
            None => Ok(()),
        }
    }
}
