//! Encoders in: RTMP sessions become publications of typed tracks and frames.
