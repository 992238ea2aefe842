//! Pure LL-HLS/CMAF packaging: samples in; parts, segments and playlists out. No I/O, no clock, no async: times are
//! handed in, and what readers may see comes back as values.
//!
//! ```text
//! Frame ► grid ► Sample ► segmenter ► Cut ► cmaf ► Part, Segment ► timeline ► RenditionSnapshot ► a reader's answer
//! (ms)    (exact ticks)   (where)          (bytes)                (window)    (playlist, rendered once)
//! ```
//!
//! - A **session** ([`presentation`]) is one run of a channel's timeline; it outlives its encoder's connections.
//!   [`startup`] learns its constants from the first group of pictures; in [`opening`] its renditions are chosen.
//! - A **rendition** is one encoded track with a playlist of its own. All of a session's are cut at the same instants.
//! - A **part** is one CMAF chunk, at most PART-TARGET long, and the unit that is published; a **segment** is whole parts,
//!   from an IDR on; its number is the **msn**.
//! - **Media time** counts from the session's first picture; PROGRAM-DATE-TIME is one anchor plus media time.
//! - A **gap** keeps the cadence while the encoder is away; a **discontinuity** stands where it is back.
//! - A **snapshot** is a rendition at one instant, and never changes: it answers playlist requests, blocking ones
//!   included ([`request`] has their grammar), and holds the bytes behind every name that its playlist says.
//!
//! The way through the crate, with a second of video as its encoder sends it:
//!
//! ```
//! use bytes::Bytes;
//! use vitrine_packager::media::{Frame, TrackConfig, TrackKind, VideoCodec, VideoConfig, WallTime};
//! use vitrine_packager::request::{Directives, MediaName};
//! use vitrine_packager::snapshot::{Lookup, Resolution};
//! use vitrine_packager::startup::{PackagingSettings, Startup};
//!
//! # let record = Bytes::from_static(include_bytes!("../testdata/720p30.avcc"));
//! # let codec = VideoCodec::Avc;
//! # let config = VideoConfig { codec, record, declared_frame_rate: None, declared_bitrate_bps: None };
//! let settings = PackagingSettings { target_duration_s: 1, part_target_ms: 333, window_s: 6 };
//! let frame = |n: i64| Frame {
//!     track: TrackKind::Video,
//!     dts_ms: n * 1000 / 30,
//!     pts_ms: n * 1000 / 30,
//!     is_idr: n % 30 == 0,
//!     data: Bytes::from_static(b"an access unit"),
//!     received: WallTime(1_795_530_987_654 + n * 1000 / 30),
//! };
//!
//! // Nothing is decided before the second IDR …
//! let mut startup = Startup::new(settings, &[TrackConfig::Video(config)])?;
//! let mut frames = (0..).map(frame);
//! while !startup.push(frames.next().expect("without end"))? {}
//! let mut messages = |_: &_| Vec::new();
//! let mut session = startup.start(&mut messages)?;
//! let video = session.passed_through(TrackKind::Video).expect("it has video");
//!
//! // … and from then on each frame may complete a part.
//! for frame in frames.take(10) {
//!     session.push(video, &frame, &mut messages)?;
//! }
//! let update = session.take_updates().remove(0);
//! let Resolution::Ready(playlist) = update.snapshot.resolve(&Directives::default()) else {
//!     panic!("who waits for nothing is answered at once");
//! };
//! let text = std::str::from_utf8(&playlist.plain)?;
//! assert!(text.contains("#EXTINF:1.00000,\nseg-0.m4s\n"));
//! assert!(text.contains("#EXT-X-PART:DURATION=0.33333,URI=\"part-3.m4s\",INDEPENDENT=YES\n"));
//! assert!(text.contains("#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"part-4.m4s\"\n"));
//! assert!(matches!(update.snapshot.lookup(MediaName::Part(3)), Lookup::Found(_)));
//! assert_eq!(update.snapshot.lookup(MediaName::Part(4)), Lookup::Hinted);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![forbid(unsafe_code)]

mod captions;
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
