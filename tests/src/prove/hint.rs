//! How much later a hinted part comes through an edge than straight from the origin, and through nginx and Varnish in the
//! same place.
//!
//! ```text
//! FFmpeg ──► Vitrine ─┬─► a viewer straight at the origin: when each part had been made
//!                     ├─► edge ──► a viewer
//!                     ├─► nginx ──► a viewer        all at one time, of the same parts
//!                     └─► Varnish ──► a viewer
//! ```

use std::fmt;
use std::time::Duration;

use url::Url;

use crate::harness::{Cache, Cdn, ChannelSetup, Edge, Publisher, Source, Vitrine};
use crate::swarm::{self, SwarmError, SwarmOptions};

/// The edge adds at most this to 99 of 100 parts.
const MOST_P99_MS: f64 = 5.0;

/// What each place adds.
#[derive(Debug)]
pub struct HintFigures {
    /// A place's name, and what its viewer saw.
    pub places: Vec<(&'static str, swarm::Figures)>,
}

/// Follows a show at all places for `watched`. Panics, as the harness does, if something does not start.
pub async fn run(watched: Duration) -> HintFigures {
    let vitrine = Vitrine::named("prove-hint")
        .channel(ChannelSetup::new("demo").ladder("\"passthrough\""))
        .start()
        .await;
    let source = Source::picture()
        .size(640, 360)
        .preset("ultrafast")
        .bitrate_kbps(2000);
    let publisher = Publisher::start(&source, &vitrine, "demo");
    let edge = Edge::named("prove-hint-edge")
        .origin(&vitrine.url(""))
        .start()
        .await;
    let nginx = Cdn::start("prove-hint-nginx", Cache::Nginx, &vitrine.http()).await;
    let varnish = Cdn::start("prove-hint-varnish", Cache::Varnish, &vitrine.http()).await;
    vitrine.live("demo").await;
    let origin = vitrine.url("");
    let follow = |place: String| follow(place, origin.clone(), watched);
    let (at_edge, at_nginx, at_varnish) = tokio::join!(
        follow(edge.url("")),
        follow(nginx.url("")),
        follow(varnish.url(""))
    );
    publisher.stop().await;
    let places = [("edge", at_edge), ("nginx", at_nginx), ("Varnish", at_varnish)];
    HintFigures {
        places: places
            .into_iter()
            .map(|(name, figures)| (name, figures.unwrap_or_else(|error| panic!("{name}: {error}"))))
            .collect(),
    }
}

/// One viewer at `place`, beside one at the origin.
async fn follow(place: String, origin: String, watched: Duration) -> Result<swarm::Figures, SwarmError> {
    let url = |text: &str| Url::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    swarm::run(&SwarmOptions {
        url: url(&format!("{place}/live/demo/index.m3u8")),
        origin: Some(url(&origin)),
        edge: None,
        viewers: 1,
        watched,
        ramp: Duration::ZERO,
        http2: false,
        switch_every: None,
        plot: None,
        progress: false,
    })
    .await
}

impl HintFigures {
    /// Everything in which the edge misses what is promised; empty if nothing. The others are there to compare.
    pub fn misses(&self) -> Vec<String> {
        let edge = self.places.iter().find(|(name, _)| *name == "edge");
        match edge.and_then(|(_, figures)| figures.lateness) {
            None => vec!["no hinted part came through the edge".to_owned()],
            Some(late) if late.p99 >= MOST_P99_MS => {
                vec![format!(
                    "the edge adds {:.1} ms (p99), not under {MOST_P99_MS} ms",
                    late.p99
                )]
            }
            Some(_) => Vec::new(),
        }
    }
}

impl fmt::Display for HintFigures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "  a hinted part, behind the same part straight from the origin:"
        )?;
        for (name, figures) in &self.places {
            match figures.lateness {
                Some(late) => writeln!(
                    f,
                    "  {name:8} p50 {:6.2}  p99 {:6.2}  max {:6.2} ms  ({} parts; stalls {}, errors {:?})",
                    late.p50, late.p99, late.max, late.samples, figures.stalls.0, figures.errors
                )?,
                None => writeln!(f, "  {name:8} no part came: errors {:?}", figures.errors)?,
            }
        }
        Ok(())
    }
}
