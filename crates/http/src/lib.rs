//! HTTP matters that know nothing of the domain: forms and their fields, cookies, origins, user agents. No I/O.
pub mod agent;
pub mod cookie;
pub mod form;
pub mod multipart;
pub mod network;
pub mod origin;
pub mod percent;
