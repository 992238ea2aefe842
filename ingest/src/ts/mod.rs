//! MPEG-TS (ISO/IEC 13818-1) as SRT carries it: bytes in, the same tags out that RTMP gives. Pure: no socket, no clock.
//!
//! ```text
//! bytes ─► packet (188 bytes, found again after damage) ─┬► tables (PAT, PMT: which PID is what)
//!                                                        └► pes (one access unit) ─► avc, adts ─► Element
//! ```
//!
//! One programme, its first H.264 and its first AAC stream are taken. What is lost or damaged costs the access units that it
//! was part of, and nothing else. The parser is our own: `mpeg2ts-reader` 0.18 notes a table's version before it has checked
//! its CRC, so that a table damaged once is never read again, and lets a PMT take over the PID of the PAT.

mod adts;
mod avc;
mod bits33;
mod demux;
mod packet;
mod pes;
mod tables;

pub use crate::flv::{AudioTag, VideoTag};
pub use demux::{Demux, Element};
