//! How long a part takes from the source's last frame in it to its readers: what the ladder and the packager add.

use std::collections::BTreeMap;

use metrics::Histogram;
use vitrine_ingest::wall_clock;
use vitrine_packager::media::WallTime;

/// A histogram by channel and rendition, in seconds.
pub(crate) const PART_READY: &str = "vitrine_part_ready_seconds";

/// Of each rendition of a session, as [`PART_READY`].
#[derive(Debug)]
pub(super) struct PartsReady {
    channel: String,
    renditions: BTreeMap<String, Histogram>,
}

impl PartsReady {
    pub(super) fn of(channel: &str) -> Self {
        Self {
            channel: channel.to_owned(),
            renditions: BTreeMap::new(),
        }
    }

    /// Notes that parts of a rendition can be read from now on. `received`: for each, when the last to arrive of the source's
    /// frames in it was received.
    pub(super) fn note(&mut self, rendition: &str, received: &[WallTime]) {
        let Self { channel, renditions } = self;
        if received.is_empty() {
            return;
        }
        if !renditions.contains_key(rendition) {
            let labels = [("channel", channel.clone()), ("rendition", rendition.to_owned())];
            let histogram = metrics::histogram!(PART_READY, &labels);
            renditions.insert(rendition.to_owned(), histogram);
        }
        let Some(histogram) = renditions.get(rendition) else {
            return;
        };
        let now = wall_clock();
        for last_frame in received {
            // A clock that was set back says nothing.
            let ms = now.millis_since(*last_frame).max(0);
            histogram.record(ms as f64 / 1000.0);
            tracing::trace!(channel = %channel, rendition, ms, "part ready");
        }
    }
}
