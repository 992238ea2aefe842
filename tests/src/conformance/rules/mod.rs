//! The rules, each with its number in the checklist; pure, so that each can be shown a broken stream.

pub mod across;
pub mod delta;
pub mod headers;
pub mod history;
pub mod iframes;
pub mod multivariant;
pub mod reports;
pub mod version;

#[cfg(test)]
mod tests;
