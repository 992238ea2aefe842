//! Any bytes after the handshake: the session must end, without a panic. Time is simulated.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use tokio::sync::{mpsc, watch};
use vitrine_ingest::rtmp::{RtmpSettings, serve_connection};
use vitrine_ingest::{Door, OnBusy, Reception, StreamKey};

/// The key in the corpus.
const KEY: &str = "a-key-with-12345";

/// C0, C1 and C2.
const HANDSHAKE: [u8; 1 + 2 * 1536] = {
    let mut bytes = [0; 1 + 2 * 1536];
    bytes[0] = 3;
    bytes
};

fuzz_target!(|input: &[u8]| {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build();
    runtime.expect("a runtime").block_on(session(input));
});

async fn session(input: &[u8]) {
    let (publications, _taken) = mpsc::channel(1);
    let door = Door {
        channel: "demo".into(),
        keys: vec![StreamKey::new(KEY)],
        on_busy: OnBusy::Refuse,
        publications,
    };
    let reception = Reception::new("live", vec![door]);
    let (_stop, stopped) = watch::channel(false);
    let peer = ([127, 0, 0, 1], 9).into();
    let (client, server) = duplex(64 * 1024);
    let (mut from, mut to) = tokio::io::split(client);
    let settings = RtmpSettings::default();
    let talk = async {
        // The server may hang up first.
        let _ = to.write_all(&[&HANDSHAKE, input].concat()).await;
        let _ = to.shutdown().await;
    };
    let listen = async {
        let _ = from.read_to_end(&mut Vec::new()).await;
    };
    let serve = serve_connection(server, peer, &reception, &settings, stopped);
    tokio::join!(talk, listen, serve);
}
