//! The control API: status, state and show events.

mod access;
pub mod command;
mod events;
pub mod health;
mod input;
mod keys;
pub mod openapi;
mod problem;
mod query;
pub mod record;
mod routes;
pub mod status;
mod stream;
mod tokens;

pub use access::{Role, SharedTokens};
pub use routes::{Control, ControlledChannel};
pub use tokens::{FileToken, TokensError, follow as follow_tokens};
