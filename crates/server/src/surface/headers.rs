//! The headers that every answer has, unless it says otherwise itself (OWASP ASVS v5 3.4).
use crate::app::App;
use crate::route::Reply;

/// What answers say by default: they are kept by nobody, guessed at by nobody, framed by nobody, run nothing, and tell the
/// next place nothing.
const DEFAULTS: &[(&str, &str)] = &[
    ("cache-control", "no-store"),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    (
        "content-security-policy",
        "default-src 'none'; frame-ancestors 'none'",
    ),
    // Readers with CORS are not concerned; images, scripts and frames of other sites are.
    ("cross-origin-resource-policy", "same-origin"),
];

/// Two years, and the hosts below: those of an instance speak https only.
const HSTS: &str = "max-age=63072000; includeSubDomains";

/// Adds what is missing.
pub(super) fn complete(app: &App, reply: &mut Reply) {
    let mut add = |name: &'static str, value: &str| {
        if !reply.headers.iter().any(|(n, _)| *n == name) {
            reply.headers.push((name, value.to_owned()));
        }
    };
    for (name, value) in DEFAULTS {
        add(name, value);
    }
    if app.options.scheme == "https" {
        add("strict-transport-security", HSTS);
    }
}
