//! Identifiers of users: email addresses; phone numbers and wallets are in folders of their own.
//!
//! Tables: `email_addresses`, `phone_numbers`, `web3_wallets`.
//! Invariants: an address, or a number, is unique among those that are verified or reserved (`claimed`); a user's primary
//! ones are of the user's own; a number is a second factor only while it is verified, and then it is no first one.
//! Not here: codes (`verifications`), usernames (a column of `users`).
//! Reference: contract fapi §8.4, bapi §2.2, §3.6.
pub mod bapi;
pub mod claims;
pub mod contact;
pub mod email;
pub mod fapi;
pub mod link;
pub mod ops;
pub mod phones;
pub mod provider;
pub mod resource;
pub mod store;
pub mod wallets;
