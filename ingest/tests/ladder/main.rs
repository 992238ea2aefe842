//! The ladder with FFmpeg's real libraries: what goes in is what real encoders wrote, what comes out is decoded and looked at.
#![allow(clippy::unwrap_used, clippy::expect_used)] // a test file outside of #[test] functions

mod alignment;
mod damage;
mod encoders;
mod overload;
mod picture;
mod run;
mod sound;
mod source;
