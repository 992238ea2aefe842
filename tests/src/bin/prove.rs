//! `make prove`: the long proofs. Each prints its figures, and ends with 1 if they miss what is promised.

use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};
use tokio::signal::unix::{SignalKind, signal};
use vitrine_tests::harness::Cache;
use vitrine_tests::prove::{
    Crowd, Encoder, Limits, Playback, Player, failover, hint, ladder, overload, trouble,
};

/// Parts of a third of a second, and of a fifth.
const USUAL: Duration = Duration::from_millis(333);
const SHORT: Duration = Duration::from_millis(200);
/// Parts for 2,000 viewers at the edge: what two cores serve to them besides the swarm, an origin and an encoder.
const CROWD_PARTS: Duration = Duration::from_secs(1);
/// Viewers straight at the edge, and through a cache in front of it, which is busier with each than the edge.
const CROWD: usize = 2000;
const CROWD_BEHIND_CACHE: usize = 500;
/// A crowd watches for so much of the time: three minutes of the usual five.
const CROWD_SHARE: f64 = 0.6;
/// What a shell says of a program that was interrupted.
const STOPPED: u8 = 130;

/// Real encoders, real players, minutes of playing.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// Which proof.
    #[command(subcommand)]
    proof: Proof,
    /// For how long each player watches.
    #[arg(long, global = true, default_value_t = 300, value_parser = clap::value_parser!(u64).range(5..))]
    seconds: u64,
    /// Only the runs with parts of so many milliseconds, 333 or 200; the length of a crowd's parts: by itself 1000 at the
    /// edge, 333 through a cache in front of it.
    #[arg(long, global = true, value_parser = clap::value_parser!(u64).range(100..=2000))]
    part_ms: Option<u64>,
    /// The size of a crowd, where there is one: 2000 at the edge, 500 through a cache in front of it.
    #[arg(long, global = true, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    viewers: Option<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Subcommand)]
enum Proof {
    /// FFmpeg with OBS's settings; the watch page: no stall, under 2 s with parts of 1/3 s, under 1.3 s with 0.2 s.
    FfmpegHls,
    /// The same from a real OBS Studio with keyint=60.
    ObsHls,
    /// Shaka Player plays FFmpeg's show without a stall, under 3 s.
    Shaka,
    /// hls.js without the watch page around it plays FFmpeg's show without a stall, under 3 s.
    BareHls,
    /// 720p from FFmpeg with a flash and a beep: rungs cut at the same instants, picture and sound together at minute 1 and
    /// at the end, hls.js forced up and down each 5 s. Twice as long as the others: 10 minutes.
    Ladder,
    /// A crowd through one edge, for 3/5 of the time: one request at the origin for each object, no stall, lateness, memory.
    Swarm,
    /// The same with nginx in front of the edge; then hls.js plays through both.
    CdnNginx,
    /// The same with Varnish in front of the edge; then hls.js plays through both.
    CdnVarnish,
    /// A hinted part comes through the edge within 5 ms (p99) of coming from the origin; nginx and Varnish beside it.
    Hint,
    /// The connection to the origin cut, the origin frozen for 5 s, the edge killed and started again, each in the middle of a show:
    /// what its viewers notice; none tunes in anew. A minute and a half.
    Trouble,
    /// A picture that no encoder keeps up with, for a while: rungs are left out from the top, their viewers move down without an
    /// error, the source and the audio have no gap, and every rung comes back. As long as that takes: two to six minutes.
    Overload,
    /// The encoder that is on air killed again and again, each 15 s, a second one standing by, passed through and then through a ladder:
    /// the gaps and freezes that a page's viewer sees, and that no rule is broken. Twice as long as the others.
    Failover,
    /// All of them.
    All,
}

impl Proof {
    const EACH: [Self; 12] = [
        Self::FfmpegHls,
        Self::ObsHls,
        Self::Shaka,
        Self::BareHls,
        Self::Ladder,
        Self::Swarm,
        Self::CdnNginx,
        Self::CdnVarnish,
        Self::Hint,
        Self::Trouble,
        Self::Overload,
        Self::Failover,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::FfmpegHls => "ffmpeg-hls",
            Self::ObsHls => "obs-hls",
            Self::Shaka => "shaka",
            Self::BareHls => "bare-hls",
            Self::Ladder => "ladder",
            Self::Swarm => "swarm",
            Self::CdnNginx => "cdn-nginx",
            Self::CdnVarnish => "cdn-varnish",
            Self::Hint => "hint",
            Self::Trouble => "trouble",
            Self::Overload => "overload",
            Self::Failover => "failover",
            Self::All => "all",
        }
    }

    fn runs(self) -> Vec<(Encoder, Player, Duration, Limits)> {
        // What the watch page promises; other players choose their distance to live themselves.
        let watched = |encoder| {
            vec![
                (encoder, Player::WatchPage, USUAL, Limits { latency_s: 2.0 }),
                (encoder, Player::WatchPage, SHORT, Limits { latency_s: 1.3 }),
            ]
        };
        let plain = |player| vec![(Encoder::Ffmpeg, player, USUAL, Limits { latency_s: 3.0 })];
        match self {
            Self::FfmpegHls => watched(Encoder::Ffmpeg),
            Self::ObsHls => watched(Encoder::Obs),
            Self::Shaka => plain(Player::Shaka),
            Self::BareHls => plain(Player::HlsJs),
            _ => Vec::new(),
        }
    }

    /// Whether it is a crowd's, and what is in front of the edge then.
    fn crowd(self) -> Option<Option<Cache>> {
        match self {
            Self::Swarm => Some(None),
            Self::CdnNginx => Some(Some(Cache::Nginx)),
            Self::CdnVarnish => Some(Some(Cache::Varnish)),
            _ => None,
        }
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    // Left by a signal too, everything that was started is dropped, and so ends.
    tokio::select! {
        kept = run(&arguments) => if kept { ExitCode::SUCCESS } else { ExitCode::FAILURE },
        () = stopped() => ExitCode::from(STOPPED),
    }
}

/// Until this program is told to end.
async fn stopped() {
    let told = signal(SignalKind::terminate());
    match told {
        Ok(mut told) => tokio::select! {
            _ = told.recv() => {}
            _ = tokio::signal::ctrl_c() => {}
        },
        Err(error) => panic!("signals cannot be heard: {error}"),
    }
}

/// Runs the proofs asked for; whether each kept its limits.
async fn run(arguments: &Arguments) -> bool {
    let proofs = match arguments.proof {
        Proof::All => Proof::EACH.to_vec(),
        one => vec![one],
    };
    let mut kept = true;
    for proof in proofs {
        let watched = Duration::from_secs(arguments.seconds);
        kept &= match proof.crowd() {
            Some(cache) => crowd(proof, cache, watched, arguments).await,
            None => prove(proof, watched, arguments.part_ms).await,
        };
    }
    kept
}

/// Runs a proof; whether it kept its limits.
async fn prove(proof: Proof, watched: Duration, part_ms: Option<u64>) -> bool {
    if proof == Proof::Ladder {
        println!("ladder: FFmpeg, flash and beep, {} s", 2 * watched.as_secs());
        let figures = ladder::run(2 * watched).await;
        println!("{figures}");
        return verdict(&figures.misses());
    }
    if proof == Proof::Hint {
        println!(
            "hint: edge, nginx and Varnish in front of one origin, {} s",
            watched.as_secs()
        );
        let figures = hint::run(watched).await;
        print!("{figures}");
        return verdict(&figures.misses());
    }
    if proof == Proof::Trouble {
        println!("trouble: edge and origin, each in turn");
        let figures = trouble::run().await;
        print!("{figures}");
        return verdict(&figures.misses());
    }
    if proof == Proof::Overload {
        println!("overload: FFmpeg, a ladder of three encoded rungs, noise for 20 s");
        let figures = overload::run().await;
        println!("{figures}");
        return verdict(&figures.misses());
    }
    if proof == Proof::Failover {
        let mut kept = true;
        for ladder in [false, true] {
            let how = if ladder {
                "through a ladder"
            } else {
                "passed through"
            };
            println!(
                "failover: two FFmpegs, {how}, the first killed for {} s",
                watched.as_secs()
            );
            let figures = failover::run(watched, ladder).await;
            print!("{figures}");
            kept &= verdict(&figures.misses());
        }
        return kept;
    }
    let mut kept = true;
    for (encoder, player, part_target, limits) in proof.runs() {
        let milliseconds = part_target.as_millis();
        if part_ms.is_some_and(|wanted| u128::from(wanted) != milliseconds) {
            continue;
        }
        println!(
            "{}: {encoder:?}, {player:?}, parts of {milliseconds} ms, {} s, latency under {} s",
            proof.name(),
            watched.as_secs(),
            limits.latency_s
        );
        let playback = Playback {
            name: format!("prove-{}-{milliseconds}ms", proof.name()),
            encoder,
            player,
            part_target,
            watched,
        };
        let figures = playback.run().await;
        print!("{figures}");
        kept &= verdict(&figures.misses(limits));
    }
    kept
}

/// A crowd watches; whether all was as promised.
async fn crowd(proof: Proof, cache: Option<Cache>, seconds: Duration, arguments: &Arguments) -> bool {
    let (usual, parts) = match cache {
        Some(_) => (CROWD_BEHIND_CACHE, USUAL),
        None => (CROWD, CROWD_PARTS),
    };
    let crowd = Crowd {
        name: format!("prove-{}", proof.name()),
        cache,
        viewers: arguments.viewers.map_or(usual, |viewers| viewers as usize),
        part_target: arguments.part_ms.map_or(parts, Duration::from_millis),
        watched: seconds.mul_f64(CROWD_SHARE),
        played: cache.map(|_| seconds),
    };
    println!(
        "{}: {} viewers for {} s, parts of {} ms",
        proof.name(),
        crowd.viewers,
        crowd.watched.as_secs(),
        crowd.part_target.as_millis()
    );
    let figures = crowd.run().await;
    print!("{figures}");
    verdict(&figures.misses())
}

fn verdict(misses: &[String]) -> bool {
    if misses.is_empty() {
        println!("  kept");
    } else {
        println!("  MISSED: {}", misses.join("; "));
    }
    misses.is_empty()
}
