//! `swarm`: thousands of LL-HLS viewers from one machine; prints how late their parts were, and draws it.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use url::Url;
use vitrine_tests::harness::raise_open_files;
use vitrine_tests::swarm::{self, SwarmOptions};

/// Thousands of LL-HLS viewers: they tune in, wait for playlists and hinted parts, and change the rung.
///
/// Ends with 1 if a viewer stalled, had an error, or never played.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// The multivariant playlist, at an edge, a CDN or an origin.
    url: Url,
    /// How many viewers.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    viewers: u32,
    /// For how many seconds all of them watch.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    seconds: u64,
    /// Before that, the viewers come within so many seconds; without it, 200 a second.
    #[arg(long)]
    ramp_seconds: Option<f64>,
    /// HTTP/2 instead of HTTP/1.1.
    #[arg(long)]
    http2: bool,
    /// The origin behind it (http://HOST:PORT): lateness is then measured against the same part straight from there.
    #[arg(long)]
    origin: Option<Url>,
    /// The edge (http://HOST:PORT), if the URL is a CDN's in front of it: requests for each object are counted there.
    #[arg(long)]
    edge: Option<Url>,
    /// Each viewer changes the video rung every so many seconds.
    #[arg(long)]
    switch_seconds: Option<f64>,
    /// Draws the run into this SVG file.
    #[arg(long)]
    plot: Option<PathBuf>,
    /// No progress line.
    #[arg(long)]
    quiet: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let files = raise_open_files();
    let needed = u64::from(arguments.viewers) * if arguments.http2 { 1 } else { 4 } + 100;
    if files < needed {
        eprintln!("swarm: {files} files may be open, and {needed} connections are needed: raise ulimit -n");
        return ExitCode::FAILURE;
    }
    let seconds = |seconds: f64| Duration::try_from_secs_f64(seconds).unwrap_or_default();
    let options = SwarmOptions {
        url: arguments.url,
        origin: arguments.origin,
        edge: arguments.edge,
        viewers: arguments.viewers as usize,
        watched: Duration::from_secs(arguments.seconds),
        ramp: seconds(
            arguments
                .ramp_seconds
                .unwrap_or(f64::from(arguments.viewers) / 200.0),
        ),
        http2: arguments.http2,
        switch_every: arguments.switch_seconds.map(seconds),
        plot: arguments.plot,
        progress: !arguments.quiet,
    };
    match swarm::run(&options).await {
        Ok(figures) => {
            print!("{figures}");
            match figures.is_clean() {
                true => ExitCode::SUCCESS,
                false => ExitCode::FAILURE,
            }
        }
        Err(error) => {
            eprintln!("swarm: {error}");
            ExitCode::FAILURE
        }
    }
}
