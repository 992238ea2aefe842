//! The figures of the SRT connections as metrics, labelled by their channel and input.

use std::collections::BTreeMap;
use std::time::Duration;

use metrics::{counter, gauge};
use vitrine_ingest::srt::{LinkStats, LinkTarget, Links};

/// Between two looks.
const PERIOD: Duration = Duration::from_secs(1);

/// Publishes the figures for ever.
pub async fn publish(links: Links) {
    let mut known: BTreeMap<LinkTarget, LinkStats> = BTreeMap::new();
    loop {
        tokio::time::sleep(PERIOD).await;
        let open = links.read();
        for (target, stats) in &open {
            set_gauges(target, stats);
            count(target, known.get(target), stats);
        }
        for gone in known.keys().filter(|target| !open.contains_key(*target)) {
            gauge!("vitrine_srt_connected", &labels(gone)).set(0.0);
        }
        known = open;
    }
}

fn labels((channel, input): &LinkTarget) -> [(&'static str, String); 2] {
    [("channel", channel.clone()), ("input", input.name().to_owned())]
}

fn set_gauges(target: &LinkTarget, stats: &LinkStats) {
    let seconds = |micros: u64| micros as f64 / 1e6;
    let gauges = [
        ("vitrine_srt_connected", 1.0),
        ("vitrine_srt_rtt_seconds", seconds(stats.rtt_us)),
        (
            "vitrine_srt_rtt_variation_seconds",
            seconds(stats.rtt_variation_us),
        ),
        ("vitrine_srt_latency_seconds", stats.latency_ms as f64 / 1e3),
        ("vitrine_srt_buffered_packets", stats.buffered as f64),
    ];
    for (name, value) in gauges {
        gauge!(name, &labels(target)).set(value);
    }
}

/// Counts what is new. Figures below the last ones are those of a new connection.
fn count(target: &LinkTarget, last: Option<&LinkStats>, stats: &LinkStats) {
    let last = last.filter(|last| last.packets <= stats.packets);
    let last = last.copied().unwrap_or_default();
    let counters = [
        ("vitrine_srt_packets_total", stats.packets, last.packets),
        ("vitrine_srt_bytes_total", stats.bytes, last.bytes),
        ("vitrine_srt_missing_packets_total", stats.missing, last.missing),
        (
            "vitrine_srt_retransmitted_packets_total",
            stats.retransmitted,
            last.retransmitted,
        ),
        ("vitrine_srt_lost_packets_total", stats.lost, last.lost),
        ("vitrine_srt_useless_packets_total", stats.useless, last.useless),
        (
            "vitrine_srt_undecryptable_packets_total",
            stats.undecryptable,
            last.undecryptable,
        ),
        (
            "vitrine_srt_overflowed_packets_total",
            stats.overflowed,
            last.overflowed,
        ),
        (
            "vitrine_srt_stream_gaps_total",
            stats.stream_gaps,
            last.stream_gaps,
        ),
    ];
    for (name, value, before) in counters {
        counter!(name, &labels(target)).increment(value.saturating_sub(before));
    }
}
