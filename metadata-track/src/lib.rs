//! Pure shopping metadata: show events in; state at any media time, emsg/ID3 out.
