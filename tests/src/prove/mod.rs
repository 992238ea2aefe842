//! The long proofs: real encoders, real players, minutes of playing. `make prove` runs them; each prints its figures.
//!
//! ```text
//! FFmpeg or OBS ──► Vitrine ──► a player in Chromium ──► Figures ──► Verdict by Limits
//! ```

mod figures;
pub mod ladder;
mod playback;
mod sync;

pub use figures::{Figures, Limits, Spread};
pub use ladder::LadderFigures;
pub use playback::{Encoder, Playback, Player};
