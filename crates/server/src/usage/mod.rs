//! Usage: how many users and organizations were active in which month. A figure for the operator; nothing asks it before it lets
//! somebody in.
//!
//! Tables: `usage_months`, one row a user and month (UTC), written where a session starts and where the last activity is noted;
//! one row an organization and month, written where its first member becomes active and where it gets a member.
//! Invariant: a session whose last activity lies in a month has its user counted in that month, unless somebody else acts as
//! the user. So a month is counted from what is read anyway, and no token costs a write.
//! An organization with two members or more, one of them counted in a month, is counted in that month, from then on.
//! Rows outlive their users and organizations: who was deleted was active all the same. They hold an id, which says nothing any
//! more then.
pub mod bapi;
pub mod month;
pub mod ops;
pub mod store;
