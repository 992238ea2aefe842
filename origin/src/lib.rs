//! The program `vitrine` as a library: ingest, packaging, delivery, control API and pages in one process.

pub mod channel;
