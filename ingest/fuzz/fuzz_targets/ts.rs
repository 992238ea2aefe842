//! Any bytes as a transport stream: taken apart or refused, without a panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vitrine_ingest::ts::Demux;

fuzz_target!(|input: &[u8]| {
    let mut demux = Demux::default();
    for piece in input.chunks(1316) {
        if demux.push(piece).is_err() {
            return;
        }
        while demux.next_element().is_some() {}
    }
    let _ = demux.finish();
});
