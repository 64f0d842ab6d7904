//! Who belongs to an organization.
pub mod bapi;
pub mod fapi;
pub mod ops;
