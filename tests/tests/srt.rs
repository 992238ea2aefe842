//! FFmpeg publishes by SRT to the real server, over a good way and over one that loses packets; the checker follows.

#![allow(clippy::unwrap_used)] // a test file outside of #[test] functions
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::task::JoinHandle;
use vitrine_tests::harness::{ChannelSetup, Publisher, Source, Vitrine, Witness, until};

/// The checker sees so many segments come.
const SEGMENTS: u64 = 5;
const PATIENCE: Duration = Duration::from_secs(60);

async fn start(name: &str) -> Vitrine {
    Vitrine::named(name)
        .srt()
        .channel(ChannelSetup::new("demo").ladder("\"passthrough\""))
        .start()
        .await
}

fn publish(vitrine: &Vitrine, port: u16) -> Publisher {
    let key = &vitrine.channel("demo").stream_key;
    // On a machine that is busy with other tests, packets need longer than on the way.
    let url = format!("srt://127.0.0.1:{port}?mode=caller&pkt_size=1316&latency=4000000");
    let stream_id = format!("#!::r=demo,m=publish,s={key}");
    let source = Source::picture().size(320, 180).bitrate_kbps(300);
    Publisher::start_srt(&source, vitrine, &url, &stream_id, "demo")
}

async fn follow(vitrine: &Vitrine) {
    vitrine.live("demo").await;
    let report = Witness::of(vitrine, "demo").await.sees(SEGMENTS).await;
    println!("{report}");
    for rule in [19, 20, 25, 130] {
        assert!(report.findings.times(rule) > 0, "rule {rule} was never looked at");
    }
}

/// Loses each `of`-th packet of a scattered order, both ways.
async fn lossy(to: u16, of: u32) -> (u16, JoinHandle<()>) {
    let front = Arc::new(UdpSocket::bind("127.0.0.1:0").await.unwrap());
    let port = front.local_addr().unwrap().port();
    let task = tokio::spawn(async move {
        let mut backs = HashMap::new();
        let (mut buffer, mut dice) = ([0; 2048], 1_u32);
        while let Ok((length, peer)) = front.recv_from(&mut buffer).await {
            if let Entry::Vacant(place) = backs.entry(peer) {
                let back = Arc::new(UdpSocket::bind("127.0.0.1:0").await.unwrap());
                back.connect(("127.0.0.1", to)).await.unwrap();
                place.insert(Arc::clone(&back));
                let front = Arc::clone(&front);
                tokio::spawn(async move {
                    let (mut buffer, mut dice) = ([0; 2048], 7_u32);
                    while let Ok(length) = back.recv(&mut buffer).await {
                        if survives(&mut dice, of) {
                            let _ = front.send_to(&buffer[..length], peer).await;
                        }
                    }
                });
            }
            if survives(&mut dice, of) {
                let _ = backs[&peer].send(&buffer[..length]).await;
            }
        }
    });
    (port, task)
}

fn survives(dice: &mut u32, of: u32) -> bool {
    *dice = dice.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
    !(*dice >> 8).is_multiple_of(of)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_publication_by_srt_breaks_no_rule() {
    let vitrine = start("srt").await;
    let publisher = publish(&vitrine, vitrine.srt_port());
    follow(&vitrine).await;
    assert!(vitrine.metric("vitrine_srt_packets_total").await > 100.0);
    assert!(vitrine.metric("vitrine_srt_lost_packets_total").await.abs() < 0.5);
    publisher.stop().await;
    assert!(vitrine.stop().await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn packets_lost_on_the_way_break_no_rule_and_cost_no_frame() {
    let vitrine = start("srt-loss").await;
    let (port, relay) = lossy(vitrine.srt_port(), 50).await;
    let publisher = publish(&vitrine, port);
    follow(&vitrine).await;
    until("packets were sent again", PATIENCE, async || {
        (vitrine.metric("vitrine_srt_retransmitted_packets_total").await > 0.0).then_some(())
    })
    .await;
    for never in ["vitrine_srt_lost_packets_total", "vitrine_srt_stream_gaps_total"] {
        assert!(vitrine.metric(never).await.abs() < 0.5, "{never}");
    }
    publisher.stop().await;
    relay.abort();
    assert!(vitrine.stop().await.success());
}
