//! `vitrine`: arguments, then configuration, then run.

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tracing_subscriber::EnvFilter;
use vitrine_origin::config::{ChannelConfig, Config};
use vitrine_origin::keys::KeyCommand;
use vitrine_origin::run::run;

/// The live shop window: RTMP in, Low-Latency HLS with shopping events out.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// The configuration file; vitrine.toml explains its keys. Without it: the channel "demo", on loopback.
    #[arg(long, short)]
    config: Option<PathBuf>,
    /// Checks the configuration and stops.
    #[arg(long)]
    check: bool,
    /// Instead of serving.
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Stream keys.
    #[command(subcommand)]
    Key(KeyCommand),
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
            let _ = writeln!(std::io::stderr(), "vitrine: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn start(arguments: Arguments) -> Result<(), Box<dyn std::error::Error>> {
    if let Some(Command::Key(command)) = arguments.command {
        return Ok(command.run(&mut std::io::stdin().lock(), &mut std::io::stdout().lock())?);
    }
    let config = Config::load(arguments.config.as_deref(), |name| std::env::var(name).ok())?;
    if arguments.check {
        return Ok(());
    }
    raise_open_files();
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

/// The endpoints, as OBS wants them. A key of one's own is not shown.
fn announce(config: &Config) {
    let scheme = if config.http.tls_cert.is_some() {
        "https"
    } else {
        "http"
    };
    let mut out = std::io::stdout().lock();
    let _ = writeln!(
        out,
        "OBS → Settings → Stream → Custom…\n  Server      rtmp://{}/live",
        config.rtmp.listen
    );
    if let Some(srt) = config.srt.listen {
        let _ = writeln!(
            out,
            "By SRT\n  Server      srt://{srt}?mode=caller&streamid=#!::m=publish,s=STREAM_KEY"
        );
    }
    for channel in &config.channels {
        let demo = ChannelConfig::demo();
        let is_demo = channel.name == demo.name && channel.stream_keys == demo.stream_keys;
        let key = if is_demo {
            "demo"
        } else {
            "(one of its stream_keys)"
        };
        let name = &channel.name;
        let _ = writeln!(
            out,
            "Channel {name}\n  Stream key  {key}\n  Watch       {scheme}://{}/watch/{name}",
            config.http.listen
        );
        let _ = writeln!(
            out,
            "  Playlist    {scheme}://{}/live/{name}/index.m3u8",
            config.http.listen
        );
    }
    let _ = out.flush();
}
