//! Phone numbers: their row, how they are read, and what their owners and the operator do with them.
pub mod bapi;
pub mod fapi;
pub mod model;
pub mod number;
pub mod ops;
pub mod reach;
pub mod resource;
pub mod store;
