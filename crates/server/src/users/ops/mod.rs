//! Use cases of users.
pub mod create;
pub mod failures;
pub mod list;
pub mod metadata;
pub mod moderate;
pub mod own;
pub mod remove;
pub mod shown;
pub mod update;
pub mod ways;
