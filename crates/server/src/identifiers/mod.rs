//! Identifiers of users: email addresses; wallets are in a folder of their own.
//!
//! Tables: `email_addresses`, `web3_wallets`.
//! Invariants: an address is unique among those that are verified or reserved (`claimed`); a user's primary address is
//! one of the user's own.
//! Not here: codes (`verifications`), usernames (a column of `users`).
//! Reference: contract fapi §8.4, bapi §2.2, §3.6.
pub mod bapi;
pub mod email;
pub mod fapi;
pub mod ops;
pub mod provider;
pub mod resource;
pub mod store;
pub mod wallets;
