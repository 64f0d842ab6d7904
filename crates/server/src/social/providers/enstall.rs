//! Enstall. Its endpoints are not published: the operator names them in the connection's settings.
use crate::social::provider::{OPENID, Provider, Source};

/// See the module.
pub(super) const ENSTALL: Provider = Provider {
    key: "enstall",
    name: "Enstall",
    source: Source::Get(""),
    ..OPENID
};
