//! `vitrine-edge`: arguments, then configuration, then run.

use std::io::{IsTerminal, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tracing_subscriber::EnvFilter;
use vitrine_edge::config::Config;
use vitrine_edge::run::run;

/// The edge of the live shop window: asks the origin once for each object, whatever the crowd.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// The configuration file; vitrine-edge.toml explains its keys. Without it: an origin on loopback.
    #[arg(long, short)]
    config: Option<PathBuf>,
    /// Checks the configuration and stops.
    #[arg(long)]
    check: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    let filter = EnvFilter::try_from_env("VITRINE_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
    match start(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "vitrine-edge: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn start(arguments: Arguments) -> Result<(), Box<dyn std::error::Error>> {
    let config = Config::load(arguments.config.as_deref(), |name| std::env::var(name).ok())?;
    if arguments.check {
        return Ok(());
    }
    raise_open_files();
    let (stop, stopped) = watch::channel(false);
    let (mut terminated, mut interrupted) =
        (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    tokio::spawn(async move {
        tokio::select! {
            _ = terminated.recv() => {}
            _ = interrupted.recv() => {}
        }
        tracing::info!("stopping");
        stop.send_replace(true);
    });
    run(config, announce, stopped).await?;
    Ok(())
}

/// Lets this process open as many files as the system allows it at most: each connection is one, and what a shell or a
/// service manager gives by itself is 1024.
fn raise_open_files() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        ..limit
    };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::warn!(%error, "the limit of open files stays as it is: raise it where the program is started (ulimit -n, LimitNOFILE)");
    }
}

/// Where viewers come in, and where their requests go.
fn announce(config: &Config, listen: SocketAddr) {
    let scheme = if config.http.tls_cert.is_some() {
        "https"
    } else {
        "http"
    };
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "Playlists   {scheme}://{listen}/live/CHANNEL/index.m3u8");
    let _ = writeln!(out, "Watch       {scheme}://{listen}/watch/CHANNEL");
    let _ = writeln!(out, "Metrics     {scheme}://{listen}/metrics");
    for origin in &config.origins {
        let _ = match origin.channels.as_slice() {
            [] => writeln!(out, "Origin      {}", origin.url),
            channels => writeln!(out, "Origin      {} ({})", origin.url, channels.join(", ")),
        };
    }
    let _ = out.flush();
}
