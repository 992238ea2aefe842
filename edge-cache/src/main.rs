//! `vitrine-edge`: arguments, then configuration, then run.

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
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
    announce(&config);
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
    run(config, stopped).await?;
    Ok(())
}

/// Where viewers come in, and where their requests go.
fn announce(config: &Config) {
    let scheme = if config.http.tls_cert.is_some() {
        "https"
    } else {
        "http"
    };
    let mut out = std::io::stdout().lock();
    let listen = config.http.listen;
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
