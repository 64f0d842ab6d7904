//! The integration tests: the whole server in this process, over its wire shapes, without sockets.
//!
//! A test is a sentence inside [`both!`] and runs on SQLite and on PostgreSQL (where `USHER_TEST_POSTGRES` names a
//! server). `world.rs` is the server with its clock and inbox, `browser.rs` and `server.rs` are its two kinds of caller;
//! every other file is a slice of the promises.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]
#![expect(
    clippy::disallowed_methods,
    reason = "tests are the clients of the listener"
)]
#![recursion_limit = "256"]

/// Declares tests that run once on each engine, each in a database of its own. `production` in front of the function
/// runs it against a production instance at `https://clerk.example.com`.
macro_rules! both {
    () => {};
    (production async fn $name:ident($world:ident: World) $body:block $($rest:tt)*) => {
        both!(@ Production $name $world $body);
        both!($($rest)*);
    };
    (async fn $name:ident($world:ident: World) $body:block $($rest:tt)*) => {
        both!(@ Development $name $world $body);
        both!($($rest)*);
    };
    (@ $kind:ident $name:ident $world:ident $body:block) => {
        async fn $name($world: $crate::world::World) $body
        mod $name {
            #[test]
            fn sqlite() {
                $crate::world::run($crate::world::Engine::Sqlite, $crate::world::Kind::$kind, module_path!(), super::$name);
            }
            #[test]
            fn postgres() {
                $crate::world::run($crate::world::Engine::Postgres, $crate::world::Kind::$kind, module_path!(), super::$name);
            }
        }
    };
}

mod answer;
mod authenticator;
mod authenticator_app;
mod browser;
mod captcha_service;
mod doors;
mod idp;
mod peer;
mod range_service;
mod server;
mod wallet;
mod world;

mod access;
mod agents;
mod attacks_accounts;
mod attacks_input;
mod attacks_jwt;
mod attacks_pages;
mod attacks_sessions;
mod attacks_tenants;
mod audit;
mod audit_complete;
mod audit_complete_parts;
mod authorization;
mod bulk;
mod captcha;
mod claims;
mod client_trust;
mod clock;
mod cookies;
mod csrf;
mod dev_browser;
mod edge;
mod email_addresses;
mod email_links;
mod fields;
mod growth;
mod handshake;
mod headers;
mod images;
mod impersonation;
mod internal_tokens;
mod invitations;
mod jwt_templates;
mod key_rotation;
mod legal_consent;
mod limits;
mod listen;
mod lists;
mod lockout;
mod matrix;
mod matrix_media;
mod mfa_sign_in;
mod multi_session;
mod native_apps;
mod notices;
mod organization_invitations;
mod organizations;
mod organizations_servers;
mod origins;
mod passkeys;
mod password_breaches;
mod password_hashing;
mod password_rules;
mod passwords;
mod phone_second_factor;
mod phone_sign_in;
mod phone_sign_up;
mod phones;
mod places;
mod production;
mod profile;
mod proxies;
mod proxy_checks;
mod races;
mod redirect_urls;
mod refresh;
mod reverification;
mod satellites;
mod second_factors;
mod server_sessions;
mod session_tasks;
mod sessions;
mod sign_in;
mod sign_up;
mod smuggling;
mod social;
mod social_accounts;
mod social_attacks;
mod social_links;
mod social_native;
mod social_servers;
mod social_settings;
mod templates;
mod tenants;
mod text_messages;
mod text_provider;
mod tickets;
mod trusted_devices;
mod usage;
mod users;
mod waitlist;
mod wallets;
