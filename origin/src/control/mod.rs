//! The control API: status, state and show events.

pub mod command;
mod problem;
mod routes;
pub mod status;

pub use routes::{Control, ControlledChannel};
