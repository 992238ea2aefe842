//! The control API: status, state and show events.

mod access;
pub mod command;
mod events;
mod problem;
mod query;
pub mod record;
mod routes;
pub mod status;

pub use routes::{Control, ControlledChannel};
