//! Organizations: groups of users, each member with a role.
//!
//! Tables: `organizations`, `organization_memberships`; `organization_invitations` (`invitations/`). Emits: `organization.…`, `organization_membership.…`.
//! Invariants: an organization that has an admin keeps one; whoever is no member learns nothing of it, not even that it exists;
//! a session token names an organization only while its user is a member; `members_count` is counted under the organization's lock.
//! Not here: who is invited (`invitations/`); which organization a session acts in (`sessions`, by way of `active.rs`); roles and permissions of the operator's own.
//! Reference: contract bapi §2.5, §2.6, §2.9, §9; fapi §6.1, §8.9.
pub mod active;
pub mod bapi;
pub mod fapi;
pub mod invitations;
pub mod members;
pub mod mine;
pub mod model;
pub mod ops;
pub mod policy;
pub mod resource;
pub mod roles;
pub mod search;
pub mod settings;
pub mod store;
