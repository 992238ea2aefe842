//! The long proofs: real encoders, real players, minutes of playing. `make prove` runs them; each prints its figures.
//!
//! ```text
//! FFmpeg or OBS ──► Vitrine ──► a player in Chromium ──► Figures ──► Verdict by Limits
//! ```

mod added;
pub mod crowd;
pub mod failover;
mod figures;
pub mod hint;
pub mod ladder;
pub mod overload;
mod playback;
mod sync;
pub mod trouble;

pub use added::Added;
pub use crowd::{Crowd, CrowdFigures};
pub use failover::FailoverFigures;
pub use figures::{Figures, Limits, Spread};
pub use hint::HintFigures;
pub use ladder::LadderFigures;
pub use overload::OverloadFigures;
pub use playback::{Encoder, Playback, Player};
pub use trouble::TroubleFigures;
