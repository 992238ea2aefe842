//! What befalls an edge and its origin in the middle of a show, and what its viewers notice.
//!
//! ```text
//! FFmpeg ──► Vitrine ──► relay ──► edge ──► a swarm of viewers, once for each trouble
//!            (frozen)    (cut)     (killed, started again)
//! ```

use std::fmt;
use std::time::Duration;

use rustix::process::Signal;
use tokio::task::JoinHandle;
use url::Url;

use crate::harness::{ChannelSetup, Edge, Publisher, Relay, Source, Vitrine, until};
use crate::swarm::{self, SwarmError, SwarmOptions};

const VIEWERS: usize = 50;
const WATCHED: Duration = Duration::from_secs(20);
const FREEZE: Duration = Duration::from_secs(5);
const PATIENCE: Duration = Duration::from_secs(30);

/// What viewers saw of each trouble.
#[derive(Debug)]
pub struct TroubleFigures {
    /// Its name, and what its viewers saw.
    pub troubles: Vec<(&'static str, swarm::Figures)>,
}

/// One show, three troubles. Panics, as the harness does, if something does not start.
pub async fn run() -> TroubleFigures {
    let mut vitrine = Vitrine::named("prove-trouble")
        .part_target_s(0.5)
        .channel(ChannelSetup::new("demo").ladder("\"passthrough\""))
        .start()
        .await;
    let source = Source::picture()
        .size(320, 180)
        .preset("ultrafast")
        .bitrate_kbps(300);
    let publisher = Publisher::start(&source, &vitrine, "demo");
    let relay = Relay::to(&vitrine.http()).await;
    let edge = Edge::named("prove-trouble-edge")
        .origin(&relay.url(""))
        .start()
        .await;
    vitrine.settled("demo").await;
    let mut troubles = Vec::new();

    let viewers = watching(&edge).await;
    relay.cut();
    troubles.push((
        "the connection to the origin cut while parts are held",
        seen(viewers).await,
    ));

    let viewers = watching(&edge).await;
    vitrine.signal(Signal::STOP);
    // The length of the freeze is the subject.
    tokio::time::sleep(FREEZE).await;
    vitrine.signal(Signal::CONT);
    troubles.push(("the origin frozen for 5 s", seen(viewers).await));

    let viewers = watching(&edge).await;
    let edge = edge.restart().await;
    troubles.push(("the edge killed and started again", seen(viewers).await));

    assert!(edge.stop().await.success());
    publisher.stop().await;
    TroubleFigures { troubles }
}

type Viewers = JoinHandle<Result<swarm::Figures, SwarmError>>;

/// Viewers at the edge, all of whom wait for the next playlist and part.
async fn watching(edge: &Edge) -> Viewers {
    let playlist = edge.playlist("demo");
    let options = SwarmOptions {
        url: Url::parse(&playlist).unwrap_or_else(|error| panic!("{playlist}: {error}")),
        origin: None,
        edge: None,
        viewers: VIEWERS,
        watched: WATCHED,
        ramp: Duration::ZERO,
        http2: true,
        switch_every: None,
        plot: None,
        progress: false,
    };
    let viewers = tokio::spawn(async move { swarm::run(&options).await });
    until("all viewers wait", PATIENCE, async || {
        let waiting = edge.metric("vitrine_edge_waiting_viewers", "").await;
        // Playlist and part, of picture and of sound.
        (waiting as usize >= VIEWERS * 4).then_some(())
    })
    .await;
    viewers
}

async fn seen(viewers: Viewers) -> swarm::Figures {
    let figures = viewers.await.unwrap_or_else(|error| panic!("{error}"));
    figures.unwrap_or_else(|error| panic!("{error}"))
}

impl TroubleFigures {
    /// Everything that a viewer should not have noticed; empty if nothing.
    pub fn misses(&self) -> Vec<String> {
        let mut misses = Vec::new();
        for (trouble, figures) in &self.troubles {
            if figures.reloads > 0 || figures.never_played > 0 {
                misses.push(format!(
                    "{trouble}: {} reloads, {} never played",
                    figures.reloads, figures.never_played
                ));
            }
            // A stall that long has not ended.
            let (_, stalled, longest) = figures.stalls;
            if longest >= WATCHED / 2 {
                misses.push(format!("{trouble}: {stalled} viewers do not play any more"));
            }
        }
        // The edge asks again by itself: nobody is to notice a cut.
        if let Some((trouble, cut)) = self.troubles.first()
            && !cut.is_clean()
        {
            misses.push(format!("{trouble}: noticed by viewers"));
        }
        misses
    }
}

impl fmt::Display for TroubleFigures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (trouble, figures) in &self.troubles {
            let (stalls, stalled, longest) = figures.stalls;
            writeln!(
                f,
                "  {trouble}: {stalls} stalls of {stalled} of {} viewers, the longest {} ms; {} reloads, {} gaps, errors {:?}",
                figures.viewers,
                longest.as_millis(),
                figures.reloads,
                figures.gaps,
                figures.errors
            )?;
        }
        Ok(())
    }
}
