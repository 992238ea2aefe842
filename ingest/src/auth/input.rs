//! A channel's two inputs.

/// Which of a channel's inputs a publication comes by. Both may be published to at one time; one of them is on air.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, serde::Deserialize, serde::Serialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Input {
    /// The encoder that is to be on air.
    #[default]
    Primary,
    /// The encoder that takes its place.
    Backup,
}

impl Input {
    /// As it stands in logs and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Primary => "primary",
            Self::Backup => "backup",
        }
    }

    /// The other one.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Primary => Self::Backup,
            Self::Backup => Self::Primary,
        }
    }
}
