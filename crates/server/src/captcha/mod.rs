//! Captcha: whoever starts a sign-up shows first that a person does it, where the instance asks for that (off by default).
//!
//! Tables: `captcha_passes`.
//! Invariants: there is one verdict, `ops::check`, called at every door that can end in a new user, before anything is written;
//! a token is judged by the service that made it, over the one way out; a pass is good for one attempt of its client.
//! Not here: how often who may call what (`limits`); the widget, which clerk-js shows by the environment document.
//! Reference: contract fapi §3.5, §8.11, bapi §6.5; Cloudflare Turnstile's server-side validation, which others speak too.
pub mod fapi;
pub mod judge;
pub mod ops;
pub mod store;
