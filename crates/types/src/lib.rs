//! Words that every other crate shares: ids, instants, secrets, the two kinds of error. No I/O.
pub mod clock;
pub mod error;
pub mod id;
pub mod json;
pub mod secret;

pub use clock::{Clock, Timestamp};
pub use error::{ApiError, Error, Fault, Result};
pub use secret::Secret;
