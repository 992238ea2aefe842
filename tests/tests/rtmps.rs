//! FFmpeg publishes by RTMPS to the real server, whose certificate is renewed meanwhile.

#![allow(clippy::unwrap_used)] // a test file outside of #[test] functions
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::process::Signal;
use vitrine_tests::harness::{ChannelSetup, Port, Publisher, Source, Vitrine, Witness, until};

const PATIENCE: Duration = Duration::from_secs(60);

/// Writes a certificate for `name` and its key.
fn certify(folder: &Path, name: &str) {
    let made = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
        ])
        .args(["-days", "2", "-subj", &format!("/CN={name}")])
        .arg("-keyout")
        .arg(folder.join("key.pem"))
        .arg("-out")
        .arg(folder.join("cert.pem"))
        .stderr(Stdio::null())
        .status()
        .unwrap();
    assert!(made.success());
}

/// The name in the certificate that is spoken with on a port.
fn shown(port: u16) -> String {
    let output = Command::new("openssl")
        .args(["s_client", "-connect", &format!("127.0.0.1:{port}")])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let subject = text.lines().find(|line| line.starts_with("subject"));
    subject.unwrap_or_default().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_publication_in_tls_outlives_its_certificate() {
    let folder = std::env::temp_dir().join(format!("vitrine-rtmps-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    certify(&folder, "first");
    let rtmps = Port::free();
    let port = rtmps.number();
    let mut vitrine = Vitrine::named("rtmps")
        .line("rtmps", &format!("listen = \"127.0.0.1:{port}\""))
        .line("rtmps", &format!("tls_cert = {:?}", folder.join("cert.pem")))
        .line("rtmps", &format!("tls_key = {:?}", folder.join("key.pem")))
        .channel(ChannelSetup::new("demo").ladder("\"passthrough\""))
        .start()
        .await;
    let key = &vitrine.channel("demo").stream_key;
    let url = format!("rtmps://127.0.0.1:{port}/live/{key}");
    let publisher = Publisher::start_at(&Source::picture(), &vitrine, &url, "demo");
    vitrine.live("demo").await;
    assert!(shown(port).contains("first"), "{}", shown(port));

    certify(&folder, "second");
    vitrine.signal(Signal::HUP);
    until("the new certificate is shown", PATIENCE, async || {
        shown(port).contains("second").then_some(())
    })
    .await;
    Witness::of(&vitrine, "demo").await.undisturbed().await;

    // A pair that does not fit is not taken, nor does it stop anything.
    std::fs::write(folder.join("cert.pem"), "no certificate").unwrap();
    vitrine.signal(Signal::HUP);
    until("it is said", PATIENCE, async || {
        vitrine.log().contains("the old one stays").then_some(())
    })
    .await;
    assert!(shown(port).contains("second"), "{}", shown(port));
    publisher.stop().await;
    assert!(vitrine.stop().await.success());
    std::fs::remove_dir_all(folder).unwrap();
}
