//! Starts real programs for tests, and always stops them.
//!
//! ```no_run
//! # async fn show() {
//! use vitrine_tests::harness::{Publisher, Source, Vitrine};
//!
//! let vitrine = Vitrine::named("my-test").part_target_s(0.2).start().await;
//! let publisher = Publisher::start(&Source::picture(), &vitrine, "demo");
//! vitrine.live("demo").await;
//! let playlist = vitrine.client().get(&vitrine.playlist("demo")).await.unwrap();
//! publisher.stop().await;
//! assert!(vitrine.stop().await.success());
//! # drop(playlist);
//! # }
//! ```
//!
//! The harness panics where a test would: what does not start fails the test, with the way to its log.
//! Logs are kept in `tests/out/NAME/`.

mod browser;
mod cdn;
mod clips;
pub mod clock;
mod edge;
pub mod h2;
mod obs;
mod port;
mod process;
mod publisher;
mod relay;
mod service;
mod setup;
mod source;
mod vitrine;
mod witness;

use std::time::{Duration, Instant};

pub use browser::Script;
pub use cdn::{Cache, Cdn};
pub use clips::{Clip, ClipPublisher};
pub use edge::{Edge, EdgeSetup, cpu_seconds, sum_of};
pub use obs::Obs;
pub use port::Port;
pub use process::{Process, raise_open_files};
pub use publisher::Publisher;
pub use relay::Relay;
pub use service::{Posted, Service};
pub use setup::{ChannelSetup, VitrineSetup};
pub use source::{Audio, Source};
pub use vitrine::Vitrine;
pub use witness::Witness;

/// How often a condition is looked at.
const POLL: Duration = Duration::from_millis(20);

/// Waits until `probe` gives something; panics with `what` if it does not within `patience`.
pub async fn until<T>(what: &str, patience: Duration, mut probe: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + patience;
    loop {
        if let Some(found) = probe().await {
            return found;
        }
        assert!(
            Instant::now() < deadline,
            "not within {} s: {what}",
            patience.as_secs_f32()
        );
        tokio::time::sleep(POLL).await;
    }
}
