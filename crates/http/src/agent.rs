//! What a `User-Agent` says, for the list of a person's devices. A hint for people; no decision hangs on it.

/// A browser or app, as far as its header tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Agent {
    /// `Chrome`, `Firefox`, …
    pub browser_name: Option<String>,
    /// `131.0.6778.85`.
    pub browser_version: Option<String>,
    /// `Macintosh`, `iPhone`, …
    pub device_type: Option<String>,
    /// A phone or a tablet.
    pub is_mobile: bool,
}

/// Reads a `User-Agent` header.
#[must_use]
pub fn read(header: &str) -> Agent {
    // The order matters: every browser claims to be an older one.
    const BROWSERS: &[(&str, &str)] = &[
        ("Edg/", "Edge"),
        ("EdgiOS/", "Edge"),
        ("OPR/", "Opera"),
        ("SamsungBrowser/", "Samsung Internet"),
        ("Vivaldi/", "Vivaldi"),
        ("FxiOS/", "Firefox"),
        ("Firefox/", "Firefox"),
        ("CriOS/", "Chrome"),
        ("HeadlessChrome/", "Chrome"),
        ("Chrome/", "Chrome"),
        ("Version/", "Safari"),
        ("curl/", "curl"),
    ];
    const DEVICES: &[(&str, &str)] = &[
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Android", "Android"),
        ("CrOS", "Chromebook"),
        ("Macintosh", "Macintosh"),
        ("Windows", "Windows"),
        ("Linux", "Linux"),
    ];
    let header: String = header
        .chars()
        .filter(|c| !c.is_control())
        .take(512)
        .collect();
    let mut agent = Agent::default();
    for (mark, name) in BROWSERS {
        if let Some(at) = header.find(mark) {
            let version: String = header[at + mark.len()..]
                .chars()
                .take_while(|c| c.is_ascii_digit() || *c == '.')
                .take(32)
                .collect();
            agent.browser_name = Some((*name).to_owned());
            agent.browser_version = (!version.is_empty()).then_some(version);
            break;
        }
    }
    agent.device_type = DEVICES
        .iter()
        .find(|(mark, _)| header.contains(mark))
        .map(|(_, name)| (*name).to_owned());
    agent.is_mobile =
        header.contains("Mobi") || header.contains("iPad") || header.contains("Android");
    agent
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_browsers_are_told_apart() {
        let chrome = read(
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.1.2 Safari/537.36 Edg/131.0.2.3",
        );
        assert_eq!(
            (
                chrome.browser_name.as_deref(),
                chrome.browser_version.as_deref(),
                chrome.device_type.as_deref(),
                chrome.is_mobile
            ),
            (Some("Edge"), Some("131.0.2.3"), Some("Linux"), false)
        );
        let phone = read(
            "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 Version/17.0 Mobile/15E148 Safari/604.1",
        );
        assert_eq!(
            (
                phone.browser_name.as_deref(),
                phone.device_type.as_deref(),
                phone.is_mobile
            ),
            (Some("Safari"), Some("iPhone"), true)
        );
        assert_eq!(read("\u{0}"), Agent::default());
    }
}
