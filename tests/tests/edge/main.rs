//! The edge between viewers and an origin that does what a test tells it: counts, holds, breaks off, freezes.

#![allow(clippy::unwrap_used)] // a test file outside of #[test] functions

mod abuse;
mod access;
mod bounds;
mod broken;
mod caching;
mod cdn;
mod collapsing;
mod failover;
mod issuer;
mod origin;
mod signed;
mod viewer;
