//! Images that users upload: remade by us, kept in the database, served by us.
//!
//! Tables: `images`.
//! Invariants: what is kept and served is what our encoder wrote, never what came in: no metadata, no second format, no script;
//! an id is a MAC of owner and content, so that nobody guesses one and a URL never changes what it shows; a user has one image,
//! and it goes with the user.
//! Not here: pictures of users without one (`surface::pictures`), where the URL stands (`users::resource`).
//! Reference: contract fapi §3.2, §8.4, bapi §2.1; OWASP file upload cheat sheet.
pub mod bapi;
pub mod fapi;
pub mod model;
pub mod ops;
pub mod picture;
pub mod store;
pub mod upload;
