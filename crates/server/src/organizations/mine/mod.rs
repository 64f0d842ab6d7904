//! What a user has to do with organizations, as the own browser sees it.
pub mod fapi;
