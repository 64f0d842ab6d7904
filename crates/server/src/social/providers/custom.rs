//! Any OpenID provider, under a key of the operator's: `oauth_custom_<key>`. Its endpoints come from its discovery document, or
//! are written out in the settings.
use crate::social::provider::{ClientAuth, OPENID, Provider};

/// See the module.
pub const CUSTOM: Provider = Provider {
    auth: ClientAuth::Basic,
    read: super::claims_and_more,
    ..OPENID
};
