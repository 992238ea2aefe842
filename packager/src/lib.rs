//! Pure LL-HLS/CMAF packaging: samples in; parts, segments and playlists out.
#![forbid(unsafe_code)]

pub mod cmaf;
pub mod media;
pub mod request;
pub mod snapshot;
