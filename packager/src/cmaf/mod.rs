//! From samples to bytes: the CMAF boxes (ISO/IEC 23000-19), written with `mp4-atom`.

pub mod emsg;
