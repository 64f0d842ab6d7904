//! What a provider is: data, and a function that reads its profile. One file each under `providers/`.
use super::profile::Profile;
use serde_json::Value;

/// How we prove to a provider's token endpoint who we are (RFC 6749 §2.3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientAuth {
    /// `Authorization: Basic`.
    Basic,
    /// In the body.
    Post,
    /// In the body, as a JWT that we sign (Apple).
    SignedSecret,
}

/// Where an ID token is from and by what it is proved.
#[derive(Clone, Copy, Debug)]
pub struct Oidc {
    /// Its `iss`; `{tenantid}` stands for the token's own `tid`.
    pub issuer: &'static str,
    /// The provider's keys.
    pub jwks: &'static str,
    /// The provider puts our nonce into it.
    pub nonce: bool,
}

/// Where the profile is read.
#[derive(Clone, Copy, Debug)]
pub enum Source {
    /// The claims of the ID token.
    IdToken,
    /// JSON at an address, with the access token as the bearer. `{token}` in it is the access token itself.
    Get(&'static str),
    /// As an answer to this JSON.
    Post(&'static str, &'static str),
    /// The token endpoint's own answer.
    TokenAnswer,
}

/// A provider.
#[derive(Clone, Copy, Debug)]
pub struct Provider {
    /// `google`; the strategy is `oauth_google`.
    pub key: &'static str,
    /// What people call it.
    pub name: &'static str,
    /// Authorization endpoint.
    pub authorize: &'static str,
    /// Token endpoint.
    pub token: &'static str,
    /// Where the profile is.
    pub source: Source,
    /// A second address with more of it, read in the same way.
    pub more: Option<&'static str>,
    /// The ID token is proved and counts.
    pub oidc: Option<Oidc>,
    /// What is asked for in any case.
    pub scopes: &'static [&'static str],
    /// Between scopes.
    pub scope_separator: &'static str,
    /// It knows PKCE with S256.
    pub pkce: bool,
    /// How we prove who we are.
    pub auth: ClientAuth,
    /// Further parameters of the authorization request.
    pub params: &'static [(&'static str, &'static str)],
    /// What it calls the client's id.
    pub client_id: &'static str,
    /// The token endpoint reads JSON, not a form.
    pub json_body: bool,
    /// It is on its way out at its maker's.
    pub deprecated: bool,
    /// Reads the profile from the source's answer and the second one's.
    pub read: fn(&Value, &Value) -> Option<Profile>,
}

/// What most of them are.
pub const OAUTH: Provider = Provider {
    key: "",
    name: "",
    authorize: "",
    token: "",
    source: Source::TokenAnswer,
    more: None,
    oidc: None,
    scopes: &[],
    scope_separator: " ",
    pkce: false,
    auth: ClientAuth::Post,
    params: &[],
    client_id: "client_id",
    json_body: false,
    deprecated: false,
    read: |_, _| None,
};

/// OpenID Connect by the book.
pub const OPENID: Provider = Provider {
    source: Source::IdToken,
    scopes: &["openid", "email", "profile"],
    pkce: true,
    read: |claims, _| Profile::claims(claims),
    ..OAUTH
};
