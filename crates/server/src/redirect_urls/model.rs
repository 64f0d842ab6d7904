//! A redirect URL's row, and what may be one.
use usher_db::row;
use usher_http::origin::{self, Url};
use usher_types::Timestamp;
use usher_types::error::codes as refuse;
use usher_types::id::InstanceId;
use usher_types::{ApiError, Result};

row! {
    /// An allowed redirect target. `url` is in its one form.
    pub struct RedirectUrlRow {
        pub instance_id: InstanceId,
        pub id: String,
        pub url: String,
        pub created_at: Timestamp,
        pub updated_at: Timestamp,
    }
}

/// The URL in the form in which it is listed and looked up; `None` for what can't be a redirect target at all.
#[must_use]
pub fn canonical(text: &str) -> Option<Url> {
    Url::parse(text).or_else(|| Url::parse_app(text))
}

/// A URL that may be listed.
///
/// # Errors
/// 422 `prohibited_redirect_url` for schemes that browsers run or read; `invalid_redirect_url` for what is no absolute
/// URL, and for plain http that leaves this machine.
pub fn parse(text: &str) -> Result<Url, ApiError> {
    if let Some(url) = canonical(text) {
        if url.scheme == "http" && !origin::is_loopback(&url.host) {
            return Err(refuse::invalid_redirect_url().at("url"));
        }
        return Ok(url);
    }
    let scheme = text.split_once(':').map(|(scheme, _)| scheme);
    let is_name = |s: &str| {
        s.bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b))
    };
    match scheme.filter(|s| !s.is_empty() && is_name(s)) {
        Some(scheme) if !matches!(scheme.to_ascii_lowercase().as_str(), "http" | "https") => {
            Err(refuse::prohibited_redirect_url().at("url"))
        }
        _ => Err(refuse::invalid_redirect_url().at("url")),
    }
}
