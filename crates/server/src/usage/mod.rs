//! Usage: how many users were active in which month. A figure for the operator; nothing asks it before it lets somebody in.
//!
//! Tables: `usage_months`, one row a user and month (UTC), written where a session starts and where the last activity is noted.
//! Invariant: a session whose last activity lies in a month has its user counted in that month, unless somebody else acts as
//! the user. So a month is counted from what is read anyway, and no token costs a write.
//! Rows outlive their users: who was deleted was active all the same. They hold an id, which says nothing any more then.
//! Not here: organizations; their kind is reserved in the table.
pub mod bapi;
pub mod month;
pub mod ops;
pub mod store;
