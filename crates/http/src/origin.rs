//! Origins (RFC 6454) and URLs, as far as deciding "is this one of ours" needs them: strict, no guessing.

/// Schemes that are nobody's application: what they name runs in the browser, or is read by it.
const BROWSERS_OWN: &[&str] = &[
    "about",
    "blob",
    "chrome",
    "chrome-extension",
    "content",
    "data",
    "edge",
    "feed",
    "file",
    "filesystem",
    "ftp",
    "http",
    "https",
    "intent",
    "jar",
    "javascript",
    "mailto",
    "moz-extension",
    "ms-browser-extension",
    "resource",
    "safari-extension",
    "safari-web-extension",
    "sms",
    "tel",
    "vbscript",
    "view-source",
    "ws",
    "wss",
];

/// An absolute URL taken apart: of a page (`http`, `https`), or of a native application ([`Url::parse_app`]).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    /// `http` or `https`, or the custom scheme of an application.
    pub scheme: String,
    /// Lower-case host: a name, an IPv4 address or a bracketed IPv6 address. Verbatim, and possibly empty, for applications.
    pub host: String,
    /// Explicit port.
    pub port: Option<u16>,
    /// Path, query and fragment as they came, starting with `/` unless empty.
    pub rest: String,
}

impl Url {
    /// Reads an absolute URL; refuses user info, backslashes, control characters, white space and non-ASCII hosts, which
    /// browsers and servers read differently.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() > 4096 || text.bytes().any(|b| b <= b' ' || b == b'\\' || b == 0x7f) {
            return None;
        }
        let (scheme, after) = text.split_once("://")?;
        let scheme = scheme.to_ascii_lowercase();
        if scheme != "http" && scheme != "https" {
            return None;
        }
        let end = after.find(['/', '?', '#']).unwrap_or(after.len());
        let (authority, rest) = after.split_at(end);
        let (host, port) = split_host(authority)?;
        Some(Self {
            scheme,
            host,
            port,
            rest: rest.to_owned(),
        })
    }
    /// Reads the URL of a native application: a custom scheme (RFC 8252 §7.1) with what follows it verbatim, as
    /// `my-app://callback` or `com.example.app:/callback`. Refuses schemes that browsers give a meaning of their own.
    #[must_use]
    pub fn parse_app(text: &str) -> Option<Self> {
        let printable =
            |b: u8| (b'!'..=b'~').contains(&b) && !matches!(b, b'\\' | b'"' | b'<' | b'>' | b'`');
        if text.len() > 4096 || !text.bytes().all(printable) {
            return None;
        }
        let (scheme, after) = text.split_once(':')?;
        let named = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'+');
        let fits = scheme.starts_with(|c: char| c.is_ascii_lowercase())
            && scheme.bytes().all(named)
            && !scheme.bytes().any(|b| b.is_ascii_uppercase());
        if !fits || BROWSERS_OWN.contains(&scheme) {
            return None;
        }
        let (host, rest) = match after.strip_prefix("//") {
            Some(after) => {
                let end = after.find(['/', '?', '#']).unwrap_or(after.len());
                after.split_at(end)
            }
            None => ("", after),
        };
        let has_host = after.starts_with("//");
        let fits = if has_host {
            !host.is_empty() && !host.contains('@')
        } else {
            rest.starts_with('/')
        };
        fits.then(|| Self {
            scheme: scheme.to_owned(),
            host: host.to_owned(),
            port: None,
            rest: rest.to_owned(),
        })
    }
    /// True for pages in a browser, false for native applications.
    #[must_use]
    pub fn is_page(&self) -> bool {
        matches!(self.scheme.as_str(), "http" | "https")
    }
    /// `scheme://host[:port]`, default ports left out.
    #[must_use]
    pub fn origin(&self) -> String {
        match self.port {
            Some(port)
                if !(port == 443 && self.scheme == "https"
                    || port == 80 && self.scheme == "http") =>
            {
                format!("{}://{}:{port}", self.scheme, self.host)
            }
            _ => format!("{}://{}", self.scheme, self.host),
        }
    }
    /// The URL as it is sent to a browser: the origin in its one form, and at least `/` after it.
    #[must_use]
    pub fn href(&self) -> String {
        if !self.is_page() {
            return self.before_rest() + &self.rest;
        }
        let rest = if self.rest.is_empty() {
            "/"
        } else {
            &self.rest
        };
        format!("{}{rest}", self.origin())
    }
    /// This URL with a query parameter set: at the end, before any fragment, and others of its name are gone. The value is
    /// encoded here.
    #[must_use]
    pub fn with_query(&self, name: &str, value: &str) -> String {
        let (before, fragment) = self
            .rest
            .split_once('#')
            .map_or((self.rest.as_str(), None), |(b, f)| (b, Some(f)));
        let (path, query) = before.split_once('?').unwrap_or((before, ""));
        let path = if path.is_empty() && self.is_page() {
            "/"
        } else {
            path
        };
        let is_it = |pair: &&str| {
            let found = pair.split('=').next().unwrap_or_default();
            crate::percent::decode(found, true).is_some_and(|found| found == name)
        };
        let kept = query.split('&').filter(|p| !p.is_empty() && !is_it(p));
        let query: String = kept.flat_map(|pair| [pair, "&"]).collect();
        let tail = fragment.map(|f| format!("#{f}")).unwrap_or_default();
        format!(
            "{}{path}?{query}{name}={}{tail}",
            self.before_rest(),
            crate::percent::encode(value)
        )
    }
    fn before_rest(&self) -> String {
        if !self.is_page() && self.host.is_empty() {
            return format!("{}:", self.scheme);
        }
        self.origin()
    }
}

/// `host[:port]` in lower case, addresses in their one form; `None` when it is neither a name nor an address. A last label
/// of digits makes a name an IPv4 address to browsers, in forms that only they read (`127.1`, `0x7f.1`): it is one in the
/// plain form, or nothing.
#[must_use]
pub fn split_host(authority: &str) -> Option<(String, Option<u16>)> {
    let (host, port) = if let Some(rest) = authority.strip_prefix('[') {
        let (address, after) = rest.split_once(']')?;
        let address: std::net::Ipv6Addr = address.parse().ok()?;
        let port = match after {
            "" => None,
            port => Some(port.strip_prefix(':')?),
        };
        (format!("[{address}]"), port)
    } else {
        let (name, port) = authority
            .split_once(':')
            .map_or((authority, None), |(h, p)| (h, Some(p)));
        (host_name(name)?, port)
    };
    let digits = |p: &&str| p.bytes().all(|b| b.is_ascii_digit());
    let port = match port {
        Some(p) => Some(Some(p).filter(digits)?.parse().ok()?),
        None => None,
    };
    Some((host, port))
}

/// A host name, or an IPv4 address, in lower case and without the root's dot.
fn host_name(text: &str) -> Option<String> {
    let named = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_');
    let fits = text.len() <= 253 && text.bytes().all(named);
    let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
    if !fits || name.split('.').any(str::is_empty) {
        return None;
    }
    let last = name.rsplit('.').next().unwrap_or_default();
    let hexadecimal = last
        .strip_prefix("0x")
        .is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_hexdigit()));
    let numeric = hexadecimal || last.bytes().all(|b| b.is_ascii_digit());
    (!numeric || name.parse::<std::net::Ipv4Addr>().is_ok()).then_some(name)
}

/// True for this machine's own names: `localhost`, `*.localhost`, 127.0.0.0/8, `[::1]`.
#[must_use]
pub fn is_loopback(host: &str) -> bool {
    host == "localhost"
        || host.ends_with(".localhost")
        || host == "[::1]"
        || host
            .parse::<std::net::Ipv4Addr>()
            .is_ok_and(|a| a.is_loopback())
}

/// The registrable domain of a host (`a.b.example.co.uk` → `example.co.uk`), by the public suffix list; `None` for
/// addresses, single labels, loopback names and public suffixes themselves.
#[must_use]
pub fn registrable(host: &str) -> Option<&str> {
    if host.starts_with('[') || host.parse::<std::net::Ipv4Addr>().is_ok() || is_loopback(host) {
        return None;
    }
    psl::domain_str(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tricky_urls_are_refused_and_plain_ones_read() {
        let url = Url::parse("HTTPS://App.Example.com:443/a?b#c").expect("a URL");
        assert_eq!(
            (url.origin().as_str(), url.rest.as_str()),
            ("https://app.example.com", "/a?b#c")
        );
        assert_eq!(
            url.with_query("n", "a b"),
            "https://app.example.com/a?b&n=a%20b#c"
        );
        let again = Url::parse("https://a.com/?n=1&x=2&%6e=3&nn=4&n").expect("a URL");
        assert_eq!(again.with_query("n", "5"), "https://a.com/?x=2&nn=4&n=5");
        let bare = Url::parse("https://a.com?n=1#n=2").expect("a URL");
        assert_eq!(bare.with_query("n", "5"), "https://a.com/?n=5#n=2");
        for bad in [
            "//evil.com",
            "/path",
            "javascript:alert(1)",
            "https://a@evil.com/",
            "https://good.com\\@evil.com",
            "https://good.com%2f@evil.com",
            "https://",
            "https://a b.com",
            "https://exa\u{2044}mple.com",
            "https://a.com:99999/",
            "https://.a.com",
            "data:text/html,x",
            "https://[::1",
            "http://[::1].evil.com/",
            "http://[::1]evil/",
            "http://[::1]:/",
            "http://[fe80::1%25lo]/",
            "https://a.com:+443/",
            "https://a.com:/",
            "https://a..com/",
            "https://a.com../",
            "http://127.1/",
            "http://0x7f.1/",
            "http://2130706433/",
            "http://0177.0.0.1/",
            "http://1.2.3.4.5/",
            "http://a.0x/",
        ] {
            assert_eq!(Url::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn hosts_and_addresses_have_one_form() {
        for (text, host, port) in [
            ("App.Example.COM.", "app.example.com", None),
            ("127.0.0.1:80", "127.0.0.1", Some(80)),
            ("[0:0:0:0:0:0:0:1]:4500", "[::1]", Some(4500)),
            ("LOCALHOST", "localhost", None),
        ] {
            assert_eq!(split_host(text), Some((host.to_owned(), port)), "{text}");
        }
    }

    #[test]
    fn the_registrable_domain_knows_public_suffixes() {
        assert_eq!(registrable("clerk.example.co.uk"), Some("example.co.uk"));
        assert_eq!(registrable("a.github.io"), Some("a.github.io"));
        for none in [
            "github.io",
            "com",
            "localhost",
            "a.localhost",
            "127.0.0.1",
            "[::1]",
        ] {
            assert_eq!(registrable(none), None, "{none}");
        }
    }

    #[test]
    fn urls_of_applications_are_taken_verbatim_and_those_of_browsers_are_not() {
        for good in [
            "my-app://oauth-callback",
            "com.example.app:/oauth2redirect",
            "exp://192.168.1.5:8081/--/callback",
            "my-app://Callback/x?y=1#z",
        ] {
            let url = Url::parse_app(good).expect(good);
            assert_eq!((url.href().as_str(), url.is_page()), (good, false));
        }
        let url = Url::parse_app("my-app://callback#x").expect("a URL");
        assert_eq!(url.with_query("a", "b c"), "my-app://callback?a=b%20c#x");
        let url = Url::parse_app("com.example.app:/cb?x=1").expect("a URL");
        assert_eq!(url.with_query("a", "b"), "com.example.app:/cb?x=1&a=b");
        for bad in [
            "javascript:alert(1)",
            "javascript:/alert(1)",
            "javascript://x/%0aalert(1)",
            "JavaScript://x",
            "data:text/html,x",
            "data:/x",
            "vbscript:/x",
            "file:///etc/passwd",
            "blob:https://a.com/x",
            "view-source:/x",
            "intent://scan/#Intent;scheme=x;end",
            "http://a.com",
            "https:/a.com",
            "my-app:x",
            "my-app:",
            "my-app://",
            "my-app:///x",
            "my-app://a@b",
            "my-app://a\\b",
            "my-app://a b",
            "my-app://a\r\nb",
            "1app://x",
            "My-App://x",
            "my_app://x",
            "://x",
            "x",
            "",
            " my-app://x",
        ] {
            assert_eq!(Url::parse_app(bad), None, "{bad:?}");
        }
    }
}
