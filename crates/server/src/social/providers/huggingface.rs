//! Hugging Face.
use crate::social::provider::{OPENID, Provider, Source};

/// See the module.
pub(super) const HUGGINGFACE: Provider = Provider {
    key: "huggingface",
    name: "Hugging Face",
    authorize: "https://huggingface.co/oauth/authorize",
    token: "https://huggingface.co/oauth/token",
    source: Source::Get("https://huggingface.co/oauth/userinfo"),
    ..OPENID
};
