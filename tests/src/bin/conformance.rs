//! `conformance URL SECONDS`: checks a running LL-HLS server against the checklist's rules.

use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use vitrine_tests::client::Client;
use vitrine_tests::conformance::{self, CheckError, Report, blocking};

/// Follows every playlist behind URL, fetches everything that is listed, and prints each rule that is broken.
///
/// Ends with status 0 if every rule held, with 1 if one was broken, with 2 if nothing could be checked.
#[derive(Debug, Parser)]
struct Arguments {
    /// The multivariant playlist, http only: http://127.0.0.1:8080/live/demo/index.m3u8
    url: String,
    /// How long to follow; deltas and the sliding of the window are seen only in runs longer than the window.
    #[arg(default_value_t = 60)]
    seconds: u64,
    /// Speaks HTTP/2 (in the clear, with prior knowledge) instead of HTTP/1.1.
    #[arg(long)]
    http2: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments).await {
        Ok(report) => {
            let _ = writeln!(std::io::stdout(), "{report}");
            if report.is_clean() {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            }
        }
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "conformance: {error}");
            ExitCode::from(2)
        }
    }
}

async fn run(arguments: &Arguments) -> Result<Report, CheckError> {
    let url = &arguments.url;
    let client = if arguments.http2 {
        Client::h2c()
    } else {
        Client::http1()
    };
    let mut ignored = conformance::findings::Findings::default();
    let read = conformance::multivariant(&client, url, &mut ignored).await?;
    let until = tokio::time::sleep(Duration::from_secs(arguments.seconds));
    let following = conformance::check(&client, url, until);
    let asking = async {
        match read.renditions.first() {
            Some(rendition) => blocking::check(&client, &rendition.url).await.map(Some),
            None => Ok(None),
        }
    };
    let (report, asked) = tokio::join!(following, asking);
    let mut report = report?;
    report.findings.merge(asked?.unwrap_or_default());
    Ok(report)
}
