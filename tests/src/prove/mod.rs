//! The long proofs: real encoders, real players, minutes of playing. `make prove` runs them; each prints its figures.
//!
//! ```text
//! FFmpeg or OBS ──► Vitrine ──► a player in Chromium ──► Figures ──► Verdict by Limits
//! ```

mod figures;
mod playback;

pub use figures::{Figures, Limits, Spread};
pub use playback::{Encoder, Playback, Player};
