//! Cookies: reading the request's, writing ours with every attribute stated (RFC 6265bis).

/// The values of the cookie `name` in a `Cookie` header, in order. Several with one name are possible: a sibling
/// subdomain can toss one (the reader decides which is good, never the order).
pub fn all<'a>(header: &'a str, name: &'a str) -> impl Iterator<Item = &'a str> {
    header.split(';').filter_map(move |part| {
        let (key, value) = part.trim().split_once('=')?;
        (key == name).then_some(value)
    })
}

/// A cookie to set. `SameSite=Lax` is on every one.
#[derive(Clone, Debug)]
pub struct SetCookie<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its value; `None` removes it.
    pub value: Option<&'a str>,
    /// `Domain`; `None` keeps it to the host.
    pub domain: Option<&'a str>,
    /// Out of reach for scripts.
    pub http_only: bool,
    /// Only over https.
    pub secure: bool,
    /// Seconds to live.
    pub max_age_secs: i64,
}

impl SetCookie<'_> {
    /// The header's value.
    #[must_use]
    pub fn render(&self) -> String {
        let mut out = format!("{}={}; Path=/", self.name, self.value.unwrap_or(""));
        if let Some(domain) = self.domain {
            out.push_str("; Domain=");
            out.push_str(domain);
        }
        out.push_str(&format!(
            "; Max-Age={}",
            if self.value.is_some() {
                self.max_age_secs
            } else {
                0
            }
        ));
        if self.value.is_none() {
            out.push_str("; Expires=Thu, 01 Jan 1970 00:00:00 GMT");
        }
        if self.http_only {
            out.push_str("; HttpOnly");
        }
        if self.secure {
            out.push_str("; Secure");
        }
        out.push_str("; SameSite=Lax");
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies_are_read_by_exact_name_and_written_with_every_attribute() {
        assert_eq!(
            all("a=1; __client=x; __client=y; __client_uat=3", "__client").collect::<Vec<_>>(),
            ["x", "y"]
        );
        let cookie = SetCookie {
            name: "__client",
            value: Some("v"),
            domain: None,
            http_only: true,
            secure: true,
            max_age_secs: 60,
        };
        assert_eq!(
            cookie.render(),
            "__client=v; Path=/; Max-Age=60; HttpOnly; Secure; SameSite=Lax"
        );
        let gone = SetCookie {
            name: "n",
            value: None,
            domain: Some("example.com"),
            http_only: false,
            secure: false,
            max_age_secs: 60,
        };
        assert_eq!(
            gone.render(),
            "n=; Path=/; Domain=example.com; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT; SameSite=Lax"
        );
    }
}
