//! Wallets of users: Ethereum and Solana addresses that their holders sign in with.
//!
//! Tables: `web3_wallets`. Emits: `web3_wallet.created`, `web3_wallet.verified`, `web3_wallet.deleted`.
//! Invariants: an address is proved for one user of an instance at most; a message is signed once, within five minutes, for the
//! client that asked, and names the page's host and the address; only proved wallets sign in or are primary.
//! Not here: what a signature is (`crypto::web3`), the messages' rows (`verifications`), the attempts (`sign_ins`, `sign_ups`).
//! Reference: contract fapi §8.4, EIP-4361, EIP-55; decision 30.
pub mod bapi;
pub mod fapi;
pub mod model;
pub mod ops;
pub mod proof;
pub mod resource;
pub mod store;
