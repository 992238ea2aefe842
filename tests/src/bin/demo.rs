//! `make demo`: origin and edge, a sample show with scripted product events, and the page's URL. Runs until it is stopped.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{ExitCode, Stdio};
use std::time::{Duration, Instant};

use clap::Parser;
use tokio::process::Command;
use tokio::signal::unix::{SignalKind, signal};
use vitrine_tests::client::Client;
use vitrine_tests::demo::{DemoError, Encoder, Program, Stage, follow_script};

/// Where `vitrine-edge` listens by default.
const EDGE: &str = "http://127.0.0.1:8081";
/// The show is on air within this time.
const PATIENCE: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(100);

/// Plays the sample show.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// Where the programs' logs go.
    #[arg(long, default_value = "tests/out/demo")]
    logs: PathBuf,
    /// The page's picture, taken once the show is on air.
    #[arg(long, default_value = "tests/out/demo/watch-page.png")]
    picture: PathBuf,
    /// Stops when the picture is taken.
    #[arg(long)]
    once: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    match play(&Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "demo: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn play(arguments: &Arguments) -> Result<(), Box<dyn std::error::Error>> {
    std::fs::create_dir_all(&arguments.logs)?;
    let (mut terminated, mut interrupted) =
        (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let mut origin = Program::start("vitrine", &arguments.logs)?;
    let mut edge = Program::start("vitrine-edge", &arguments.logs)?;
    let result = tokio::select! {
        shown = show(arguments) => shown,
        failure = origin.ended() => Err(failure),
        failure = edge.ended() => Err(failure),
        _ = terminated.recv() => Ok(()),
        _ = interrupted.recv() => Ok(()),
    };
    tokio::join!(edge.stop(), origin.stop());
    Ok(result?)
}

async fn show(arguments: &Arguments) -> Result<(), DemoError> {
    let stage = Stage {
        origin: "http://127.0.0.1:8080".into(),
        channel: "demo".into(),
        token: "demo".into(),
    };
    let client = Client::http1();
    until("the origin's answer", &arguments.logs, async || {
        stage.status(&client).await.is_ok()
    })
    .await?;
    let pictures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../origin/web/public/demo");
    let log = arguments.logs.join("ffmpeg.log");
    let mut encoder = Encoder::start("rtmp://127.0.0.1:1935/live/demo", &pictures, &log)?;
    tokio::select! {
        on_air = until("the show on air", &arguments.logs, async || {
            stage.status(&client).await.is_ok_and(|status| status == "live")
        }) => on_air?,
        // Read all the while: an encoder whose progress nobody reads stands still.
        ended = exhaust(&mut encoder) => return Err(ended),
    }
    let page = format!("{EDGE}/watch/{}", stage.channel);
    until("the page at the edge", &arguments.logs, async || {
        let answer = client.get(&page).await;
        answer.is_ok_and(|answer| answer.status.is_success())
    })
    .await?;
    announce(&stage, &page);
    let script = follow_script(&stage, &mut encoder);
    if arguments.once {
        tokio::select! {
            ended = script => ended,
            taken = take_picture(&page, &arguments.picture) => taken,
        }
    } else {
        let picture = async {
            if let Err(error) = take_picture(&page, &arguments.picture).await {
                let _ = writeln!(std::io::stderr(), "demo: {error}");
            }
            Ok(())
        };
        tokio::try_join!(script, picture).map(|_| ())
    }
}

async fn exhaust(encoder: &mut Encoder) -> DemoError {
    loop {
        if let Err(error) = encoder.position_s().await {
            return error.into();
        }
    }
}

fn announce(stage: &Stage, page: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "\nThe show is on air:\n\n    {page}\n");
    let _ = writeln!(
        out,
        "by way of the edge; straight from the origin: {}/watch/{}\n\n\
         Playlist  {EDGE}/live/{}/index.m3u8\nStatus    {}/v1/channels/{}\n\nStop it by Ctrl-C.",
        stage.origin, stage.channel, stage.channel, stage.origin, stage.channel
    );
    let _ = out.flush();
}

/// Has headless Chromium take the page's picture once the product card is filled.
async fn take_picture(page: &str, picture: &Path) -> Result<(), DemoError> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("browser/picture.mjs");
    let output = Command::new("node")
        .arg(script)
        .arg(page)
        .arg(picture)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .map_err(|error| DemoError::Picture(format!("node does not start: {error}")))?;
    if output.status.success() {
        Ok(())
    } else {
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        Err(DemoError::Picture(said))
    }
}

async fn until(what: &'static str, logs: &Path, probe: impl AsyncFn() -> bool) -> Result<(), DemoError> {
    let deadline = Instant::now() + PATIENCE;
    while !probe().await {
        if Instant::now() > deadline {
            return Err(DemoError::TooLate {
                what,
                patience: PATIENCE,
                logs: logs.to_owned(),
            });
        }
        tokio::time::sleep(POLL).await;
    }
    Ok(())
}
