//! Pure LL-HLS/CMAF packaging: samples in; parts, segments and playlists out.
#![forbid(unsafe_code)]

pub mod cmaf;
pub mod codec;
pub mod grid;
pub mod media;
pub mod opening;
pub mod playlist;
pub mod presentation;
pub mod request;
pub mod segmenter;
pub mod snapshot;
pub mod startup;
pub mod timeline;
