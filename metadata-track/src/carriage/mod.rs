//! How messages travel with the media.

mod id3;

pub use id3::{SCHEME, TXXX_DESCRIPTION, VALUE};

pub(crate) use id3::tag;
