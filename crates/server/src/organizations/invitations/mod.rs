//! Invitations to an organization: tickets (`tickets`) with a role.
//!
//! Tables: `organization_invitations`, beside the row in `tickets` that has status, address and end. Emits:
//! `organization_invitation.…`.
//! Invariants: who joins by one has its address, proved by the ticket or as an address of the account; it is used once; it ends
//! with its organization; nobody but the operator's server and the mail sees its link.
pub mod bapi;
pub mod fapi;
pub mod model;
pub mod ops;
pub mod resource;
pub mod store;
