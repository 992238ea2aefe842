//! Requests that mean harm, or nothing: each gets its exact answer, and another channel's viewers notice nothing.

#![allow(clippy::unwrap_used)] // a test file outside of #[test] functions

mod dawdlers;
mod floods;
mod raw;
mod requests;
mod waiters;

use vitrine_tests::conformance::findings::Findings;
use vitrine_tests::conformance::multivariant;
use vitrine_tests::harness::{ChannelSetup, Publisher, Source, Vitrine, VitrineSetup};

/// A server with a live channel `show`, and one, `quiet`, on which nobody publishes.
struct Stage {
    vitrine: Vitrine,
    publisher: Publisher,
    /// Path of the show's first media playlist.
    playlist: String,
}

impl Stage {
    async fn set(setup: VitrineSetup) -> Self {
        Self::set_with_keyframes(setup, 60).await
    }

    /// The show has a keyframe each so many of its 30 frames a second.
    async fn set_with_keyframes(setup: VitrineSetup, gop_frames: u32) -> Self {
        let vitrine = setup
            .channel(ChannelSetup::new("show"))
            .channel(ChannelSetup::new("quiet"))
            .start()
            .await;
        let source = Source::picture()
            .size(320, 180)
            .bitrate_kbps(300)
            .gop_frames(gop_frames);
        let publisher = Publisher::start(&source, &vitrine, "show");
        vitrine.live("show").await;
        let url = vitrine.playlist("show");
        let read = multivariant(vitrine.client(), &url, &mut Findings::default())
            .await
            .unwrap();
        let playlist = read.renditions[0].url.path().to_owned();
        Self {
            vitrine,
            publisher,
            playlist,
        }
    }

    /// The server still stands, and stops as it should.
    async fn strike(self) {
        self.publisher.stop().await;
        let log = self.vitrine.log();
        assert!(!log.contains("panicked"), "{log}");
        assert!(self.vitrine.stop().await.success());
    }
}
