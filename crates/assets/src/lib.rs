//! The browser files inside the binary: the official scripts, at exact versions, and Usher's own pages.
//!
//! Tables: none. Emits: nothing.
//! Invariants: the table is sorted by path; what is embedded does not change while the process runs; every file is there
//! both as gzip and as brotli, and its plain form is made on demand.
//! Not here: answering requests (cache headers, `Accept-Encoding`, 404s) is the server's; `web/build.mjs` makes the files.
//! Reference: contract/fapi §2 (script hosting), §10 (account portal).

use std::io::Read as _;

include!(concat!(env!("OUT_DIR"), "/table.rs"));

/// The account portal's page. The server replaces `{{nonce}}`, `{{title}}`, `{{page}}` (`sign-in`, `sign-up`, `user` or
/// `home`), `{{publishable_key}}`, `{{proxy_url}}`, `{{application_name}}`, `{{allowed_redirect_origins}}` (a JSON array),
/// `{{js_version}}` and `{{ui_version}}`, each escaped for an HTML attribute.
pub const PORTAL_HTML: &str = include_str!("../../../web/portal/portal.html");

/// The development inbox's page. The server replaces `{{nonce}}`.
pub const INBOX_HTML: &str = include_str!("../../../web/inbox/inbox.html");

/// The page for a binary without built files: it says how to build them. It needs no script and no other file.
pub const UNBUILT_HTML: &str = include_str!("../../../web/shared/unbuilt.html");

/// One embedded file.
#[derive(Debug)]
pub struct Asset {
    /// The path it is served under, as `/npm/@clerk/ui@1.36.0/dist/ui.browser.js` or `/_usher/portal.css`.
    pub path: &'static str,
    /// The `Content-Type`, with the character set.
    pub mime: &'static str,
    /// A weak entity tag of the content, in the form of the header, the same for all encodings.
    pub etag: &'static str,
    /// Bytes of the plain form.
    pub len: usize,
    /// The content, compressed by gzip.
    pub gzip: &'static [u8],
    /// The content, compressed by brotli.
    pub brotli: &'static [u8],
}

/// The file served under this exact path.
#[must_use]
pub fn find(path: &str) -> Option<&'static Asset> {
    let index = ASSETS.binary_search_by(|asset| asset.path.cmp(path)).ok()?;
    ASSETS.get(index)
}

/// Whether files are embedded at all: false where `node web/build.mjs` had not run before the binary was built.
#[must_use]
pub fn built() -> bool {
    !ASSETS.is_empty()
}

/// The exact versions embedded of an npm package, as `["6.40.0"]` for `@clerk/clerk-js`; empty for any other package.
#[must_use]
pub fn versions(package: &str) -> &'static [&'static str] {
    VERSIONS
        .iter()
        .find(|(name, _)| *name == package)
        .map_or(&[], |(_, versions)| versions)
}

/// The embedded version that a selector in a script's address means: a major (`6`) or an exact version (`6.40.0`).
/// Anything else, as a version that is not embedded, `latest` or a prerelease tag, is refused: it would be another script
/// than the one asked for.
#[must_use]
pub fn resolve(package: &str, selector: &str) -> Option<&'static str> {
    let embedded = versions(package);
    let exact = embedded.iter().find(|version| **version == selector);
    exact
        .or_else(|| {
            embedded
                .iter()
                .filter(|version| major(version) == Some(selector))
                .max_by_key(|v| numbers(v))
        })
        .copied()
}

/// The plain form, for a client that accepts no compression. Costs an allocation of `len` bytes and the decompression.
#[must_use]
pub fn plain(asset: &Asset) -> Vec<u8> {
    let mut content = Vec::with_capacity(asset.len);
    let read = flate2::read::GzDecoder::new(asset.gzip).read_to_end(&mut content);
    debug_assert!(
        read.is_ok_and(|len| len == asset.len),
        "{} is damaged",
        asset.path
    );
    content
}

fn major<'v>(version: &'v &str) -> Option<&'v str> {
    version.split('.').next()
}

fn numbers(version: &str) -> Vec<u64> {
    version
        .split('.')
        .map(|part| part.parse().unwrap_or(0))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACKAGES: [(&str, &str); 2] = [
        ("@clerk/clerk-js", "clerk.browser.js"),
        ("@clerk/ui", "ui.browser.js"),
    ];

    #[test]
    fn the_table_is_sorted_and_every_file_is_found_under_its_path() {
        assert!(ASSETS.is_sorted_by(|a, b| a.path < b.path));
        for asset in ASSETS {
            assert_eq!(find(asset.path).map(|found| found.etag), Some(asset.etag));
        }
    }

    #[test]
    fn an_unknown_path_is_not_found() {
        for path in [
            "",
            "/",
            "/npm/@clerk/ui@1.36.0/dist/",
            "/npm/@clerk/ui@1.36.0/dist/../LICENSE",
            "/_usher/portal.html",
        ] {
            assert!(find(path).is_none(), "{path}");
        }
    }

    #[test]
    fn each_plain_form_has_the_promised_length() {
        for asset in ASSETS {
            assert_eq!(plain(asset).len(), asset.len, "{}", asset.path);
        }
    }

    #[test]
    fn a_built_table_has_the_entry_scripts_their_licences_and_our_pages_files() {
        if !built() {
            return;
        }
        for (package, entry) in PACKAGES {
            let version = versions(package)[0];
            assert!(find(&format!("/npm/{package}@{version}/dist/{entry}")).is_some());
            assert!(find(&format!("/npm/{package}@{version}/LICENSE")).is_some());
        }
        for path in [
            "/_usher/base.css",
            "/_usher/portal.js",
            "/_usher/portal.css",
            "/_usher/inbox.js",
            "/_usher/inbox.css",
        ] {
            assert!(find(path).is_some(), "{path}");
        }
    }

    #[test]
    fn neither_legacy_builds_nor_source_maps_are_embedded() {
        assert!(
            !ASSETS
                .iter()
                .any(|asset| asset.path.contains("legacy") || asset.path.ends_with(".map"))
        );
    }

    #[test]
    fn a_selector_is_a_major_or_an_exact_embedded_version() {
        for (package, _) in PACKAGES {
            for version in versions(package) {
                assert_eq!(resolve(package, version), Some(*version));
                assert!(resolve(package, major(version).unwrap()).is_some());
                assert_eq!(
                    resolve(package, &format!("{version}-canary.v20260101")),
                    None
                );
            }
            for selector in [
                "", "5", "5.0.0", "6.39.0", "0", "latest", "canary", "snapshot", "^6", "6.x",
                "6.40.0 ", "06",
            ] {
                assert_eq!(resolve(package, selector), None, "{package}@{selector}");
            }
        }
        assert_eq!(resolve("@clerk/other", "6"), None);
        assert!(versions("@clerk/other").is_empty());
    }

    #[test]
    fn the_pages_name_every_value_the_server_fills_in() {
        for name in [
            "nonce",
            "title",
            "page",
            "publishable_key",
            "proxy_url",
            "application_name",
            "js_version",
            "ui_version",
        ] {
            assert!(PORTAL_HTML.contains(&format!("{{{{{name}}}}}")), "{name}");
        }
        assert!(
            PORTAL_HTML.contains("{{allowed_redirect_origins}}")
                && INBOX_HTML.contains("{{nonce}}")
        );
        assert!(!UNBUILT_HTML.contains("{{"));
    }

    #[test]
    fn the_pages_ask_no_other_host_and_hold_no_script_without_nonce() {
        for page in [PORTAL_HTML, INBOX_HTML, UNBUILT_HTML] {
            assert!(!page.contains("http:") && !page.contains("https:"));
            assert_eq!(
                page.matches("<script").count(),
                page.matches("<script nonce=\"{{nonce}}\" src=\"/_usher/")
                    .count()
            );
        }
    }
}
