//! The live task that owns a channel: ingest in, parts out, snapshots published.

pub mod feed;
