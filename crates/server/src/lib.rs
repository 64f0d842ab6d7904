//! Usher's domain: vertical slices (a folder a resource, a file a layer), the two API surfaces over them, and the pages.
//! Read `app.rs` (what a process has), `cx.rs` (what a request has), `route.rs` (what an operation declares) first.
#![recursion_limit = "512"]

pub mod access;
pub mod agents;
pub mod answers;
pub mod app;
pub mod audit;
pub mod captcha;
pub mod clients;
pub mod config;
pub mod cx;
pub mod domains;
pub mod identifiers;
pub mod images;
pub mod instances;
pub mod jwt_templates;
pub mod limits;
pub mod listen;
pub mod messages;
pub mod openapi;
pub mod organizations;
pub mod passkeys;
pub mod places;
pub mod redirect_urls;
pub mod reverifications;
pub mod route;
pub mod second_factors;
pub mod serve;
pub mod sessions;
pub mod sign_ins;
pub mod sign_ups;
pub mod social;
pub mod strategies;
pub mod surface;
pub mod templates;
pub mod tickets;
pub mod trusted_devices;
pub mod usage;
pub mod users;
pub mod verifications;
pub mod waitlist;

/// Every operation that is served, of both surfaces. A new slice adds its line here.
pub fn operations() -> impl Iterator<Item = &'static route::Op> {
    [
        access::bapi::OPS,
        audit::bapi::OPS,
        captcha::fapi::OPS,
        usage::bapi::OPS,
        instances::fapi::OPS,
        instances::bapi::OPS,
        instances::communication::OPS,
        instances::standing::OPS,
        instances::app_links::OPS,
        instances::beta::OPS,
        clients::fapi::OPS,
        clients::bapi::OPS,
        sessions::fapi::OPS,
        sessions::bapi::OPS,
        reverifications::fapi::OPS,
        sign_ins::fapi::OPS,
        sign_ups::fapi::OPS,
        sign_ups::bapi::OPS,
        users::fapi::OPS,
        users::bapi::OPS,
        tickets::fapi::OPS,
        tickets::bapi::OPS,
        trusted_devices::fapi::OPS,
        trusted_devices::bapi::OPS,
        verifications::fapi::OPS,
        waitlist::fapi::OPS,
        waitlist::bapi::OPS,
        identifiers::bapi::OPS,
        identifiers::fapi::OPS,
        agents::bapi::OPS,
        domains::bapi::OPS,
        agents::fapi::OPS,
        redirect_urls::bapi::OPS,
        jwt_templates::bapi::OPS,
        jwt_templates::fapi::OPS,
        identifiers::wallets::fapi::OPS,
        identifiers::wallets::bapi::OPS,
        images::fapi::OPS,
        images::bapi::OPS,
        templates::bapi::OPS,
        identifiers::phones::bapi::OPS,
        identifiers::phones::fapi::OPS,
        organizations::bapi::OPS,
        organizations::invitations::bapi::OPS,
        organizations::invitations::fapi::OPS,
        organizations::members::bapi::OPS,
        organizations::bapi::roles::OPS,
        organizations::bapi::settings::OPS,
        organizations::fapi::OPS,
        organizations::members::fapi::OPS,
        organizations::mine::fapi::OPS,
        passkeys::fapi::OPS,
        passkeys::bapi::OPS,
        second_factors::fapi::OPS,
        second_factors::bapi::OPS,
        social::fapi::OPS,
        social::bapi::OPS,
    ]
    .into_iter()
    .flatten()
}

/// True for this machine's own host names: where plain http is no risk.
#[must_use]
pub fn config_is_loopback(host: &str) -> bool {
    usher_http::origin::is_loopback(host)
}
