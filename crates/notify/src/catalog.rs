//! The messages that exist, and what they say in every language that is shipped: `texts/<locale>.txt`, made into templates
//! here. The HTML is written for mail programs: tables, inline styles, one column that fits a phone, colours for dark mode, no
//! pictures but the application's logo, no links to anybody.
use crate::template::Template;
use std::fmt::Write as _;
use std::sync::OnceLock;

/// What a message travels by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A mail.
    Email,
    /// A text message to a phone.
    Sms,
}

impl Kind {
    /// The word on the wire.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Sms => "sms",
        }
    }
    /// By its word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Email, Self::Sms]
            .into_iter()
            .find(|k| k.word() == word)
    }
}

macro_rules! slugs {
    ($($(#[$doc:meta])* $name:ident = $word:literal, needs $needs:expr, sms $sms:literal, notice $notice:literal;)*) => {
        /// A message, by what it tells.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Slug {
            $($(#[$doc])* $name,)*
        }
        impl Slug {
            /// All of them, in the order of lists.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];
            /// The word on the wire.
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self { $(Self::$name => $word),* }
            }
            /// Variables without which the message says nothing.
            #[must_use]
            pub const fn required(self) -> &'static [&'static str] {
                match self { $(Self::$name => $needs),* }
            }
            /// It is sent to phones, too.
            #[must_use]
            pub const fn is_sms(self) -> bool {
                match self { $(Self::$name => $sms),* }
            }
            /// It tells a user what was done to the account, and asks for nothing.
            #[must_use]
            pub const fn is_notice(self) -> bool {
                match self { $(Self::$name => $notice),* }
            }
        }
    };
}

slugs! {
    /// A code that proves an address or a number, or signs in.
    VerificationCode = "verification_code", needs &["otp_code"], sms true, notice false;
    /// A code that allows a new password.
    ResetPasswordCode = "reset_password_code", needs &["otp_code"], sms true, notice false;
    /// A link that signs in.
    MagicLinkSignIn = "magic_link_sign_in", needs &["action_url"], sms false, notice false;
    /// A link that proves the address of a sign-up.
    MagicLinkSignUp = "magic_link_sign_up", needs &["action_url"], sms false, notice false;
    /// A link that proves an address of a user.
    MagicLinkUserProfile = "magic_link_user_profile", needs &["action_url"], sms false, notice false;
    /// An invitation to the application.
    Invitation = "invitation", needs &["action_url"], sms false, notice false;
    /// An invitation to an organization.
    OrganizationInvitation = "organization_invitation", needs &["action_url"], sms false, notice false;
    /// A place on the waitlist.
    WaitlistConfirmation = "waitlist_confirmation", needs &[], sms false, notice false;
    /// The end of the wait.
    WaitlistInvitation = "waitlist_invitation", needs &["action_url"], sms false, notice false;
    /// The password is another one.
    PasswordChanged = "password_changed", needs &[], sms false, notice true;
    /// There is no password any more.
    PasswordRemoved = "password_removed", needs &[], sms false, notice true;
    /// Another address is the primary one; told to the one that was.
    PrimaryEmailAddressChanged = "primary_email_address_changed", needs &[], sms false, notice true;
    /// A sign-in on a browser that the user was never signed in on.
    NewDeviceSignIn = "new_device_sign_in", needs &[], sms false, notice true;
    /// A passkey came.
    PasskeyAdded = "passkey_added", needs &[], sms false, notice true;
    /// A passkey went.
    PasskeyRemoved = "passkey_removed", needs &[], sms false, notice true;
    /// A second factor is asked for from now on.
    MfaEnabled = "mfa_enabled", needs &[], sms false, notice true;
    /// No second factor is asked for any more.
    MfaDisabled = "mfa_disabled", needs &[], sms false, notice true;
    /// Failed attempts have locked the account.
    AccountLocked = "account_locked", needs &[], sms false, notice true;
}

impl Slug {
    /// By its word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|s| s.word() == word)
    }
    fn index(self) -> usize {
        Self::ALL.iter().position(|s| *s == self).unwrap_or(0)
    }
}

/// The languages that are shipped, the last resort first.
pub const LOCALES: &[&str] = &["en", "de", "es", "fr", "pt-BR"];

const TEXTS: &[&str] = &[
    include_str!("../texts/en.txt"),
    include_str!("../texts/de.txt"),
    include_str!("../texts/es.txt"),
    include_str!("../texts/fr.txt"),
    include_str!("../texts/pt-BR.txt"),
];

/// The shipped language that is nearest to the first of `wanted` that any is near to: the same tag (BCP 47), or the same
/// language in another country. English where none is.
#[must_use]
pub fn locale<'a>(wanted: impl IntoIterator<Item = &'a str>) -> &'static str {
    let language = |tag: &str| {
        tag.split(['-', '_'])
            .next()
            .unwrap_or_default()
            .to_ascii_lowercase()
    };
    for tag in wanted {
        let exact = LOCALES
            .iter()
            .find(|l| l.eq_ignore_ascii_case(&tag.replace('_', "-")));
        let near = || LOCALES.iter().find(|l| language(l) == language(tag));
        if let Some(found) = exact.or_else(near) {
            return found;
        }
    }
    LOCALES[0]
}

/// What is shipped for a message in one language, as an operator would write it.
#[derive(Clone, Debug)]
pub struct Shipped {
    /// For people.
    pub name: &'static str,
    /// Of mail.
    pub subject: Option<String>,
    /// HTML of mail; the whole text of text messages.
    pub body: String,
    /// The plain text of mail; the same as `body` for text messages.
    pub text: String,
}

/// The same, ready to be rendered.
#[derive(Debug)]
pub struct Ready {
    /// Of mail.
    pub subject: Option<Template>,
    /// HTML of mail.
    pub html: Option<Template>,
    /// Plain text.
    pub text: Template,
}

fn word(texts: &'static str, key: &str) -> &'static str {
    let head = texts.split("\n# ").next().unwrap_or_default();
    field(head, key).unwrap_or_default()
}

fn field(section: &'static str, key: &str) -> Option<&'static str> {
    section
        .lines()
        .find_map(|line| line.strip_prefix(key)?.strip_prefix(": "))
}

fn section(texts: &'static str, slug: Slug) -> &'static str {
    texts
        .split("\n# ")
        .find_map(|part| part.strip_prefix(slug.word())?.strip_prefix('\n'))
        .unwrap_or_default()
}

const HEAD: &str = r#"<!doctype html>
<html lang="{{locale}}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="supported-color-schemes" content="light dark">
<title>{{app.name}}</title>
<style>
@media (prefers-color-scheme: dark) {
  body, .page { background: #161615 !important; color: #f3f3f0 !important; }
  .card { background: #21211f !important; border-color: #3a3a37 !important; }
  .quiet, .row td { color: #a9a9a3 !important; }
  .code { background: #2d2d2a !important; color: #ffffff !important; }
  .button { background: #f3f3f0 !important; color: #161615 !important; }
}
</style>
</head>
<body style="margin:0;background:#f6f6f4;color:#1d1d1b;font:16px/1.5 -apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif">
<table class="page" role="presentation" width="100%" cellspacing="0" cellpadding="0" style="background:#f6f6f4"><tr><td align="center" style="padding:40px 16px">
<table class="card" role="presentation" width="100%" cellspacing="0" cellpadding="0" style="max-width:480px;background:#ffffff;border:1px solid #e3e3df;border-radius:12px"><tr><td align="left" style="padding:32px">
{{#if app.logo_image_url}}<img src="{{app.logo_image_url}}" alt="{{app.name}}" height="32" style="display:block;height:32px;margin:0 0 24px;border:0">{{else}}<p style="margin:0 0 24px;font-weight:600">{{app.name}}</p>{{/if}}
"#;

const FOOT: &str = "</td></tr></table>\n</td></tr></table>\n</body>\n</html>\n";

/// Rows of what is known about a request: the label's word, and the variable.
const REQUEST: &[(&str, &str)] = &[
    ("when", "requested_at"),
    ("where", "requested_from"),
    ("ip", "ip_address"),
];

fn rows(texts: &'static str, wanted: &[(&str, &str)], html: &mut String, text: &mut String) {
    html.push_str("<table class=\"row\" role=\"presentation\" cellspacing=\"0\" cellpadding=\"0\" style=\"margin:0 0 16px;font-size:14px\">\n");
    for (label, variable) in wanted {
        let label = word(texts, label);
        // Writing to a String cannot fail.
        let _infallible = writeln!(
            html,
            "{{{{#if {variable}}}}}<tr><td style=\"padding:2px 16px 2px 0;color:#6b6b66\">{label}</td><td style=\"padding:2px 0;color:#6b6b66\">{{{{{variable}}}}}</td></tr>{{{{/if}}}}"
        );
        let _infallible = write!(
            text,
            "{{{{#if {variable}}}}}{label}: {{{{{variable}}}}}\n{{{{/if}}}}"
        );
    }
    html.push_str("</table>\n");
    text.push('\n');
}

/// A message in a language, as an operator would write it; `None` for text messages that do not exist.
#[must_use]
pub fn shipped(kind: Kind, slug: Slug, locale: &str) -> Option<Shipped> {
    let texts = TEXTS[LOCALES.iter().position(|l| *l == locale).unwrap_or(0)];
    let section = section(texts, slug);
    let name = field(section, "name").unwrap_or(slug.word());
    if kind == Kind::Sms {
        let mut body = field(section, "sms").filter(|_| slug.is_sms())?.to_owned();
        if slug.required().contains(&"otp_code") {
            // Browsers offer the code on pages of this host only (the last line is read by machines: WICG SMS one-time codes).
            body.push_str("\n\n@{{app.domain_name}} #{{otp_code}}");
        }
        return Some(Shipped {
            name,
            subject: None,
            text: body.clone(),
            body,
        });
    }
    let (mut html, mut text) = (HEAD.to_owned(), String::new());
    for line in section.lines().map(str::trim).filter(|l| !l.is_empty()) {
        if ["name: ", "subject: ", "sms: "]
            .iter()
            .any(|key| line.starts_with(key))
        {
            continue;
        }
        let quiet = match line {
            "[ignore]" | "[help]" => Some(word(texts, line.trim_matches(['[', ']']))),
            _ => line.strip_prefix("- "),
        };
        if let Some(quiet) = quiet {
            let _infallible = writeln!(
                html,
                "<p class=\"quiet\" style=\"margin:0 0 16px;color:#6b6b66;font-size:14px\">{quiet}</p>"
            );
            let _infallible = write!(text, "{quiet}\n\n");
        } else if let Some(label) = line.strip_prefix("[button] ") {
            let _infallible = writeln!(
                html,
                "<p style=\"margin:0 0 24px\"><a class=\"button\" href=\"{{{{action_url}}}}\" style=\"display:inline-block;padding:12px 24px;background:#1d1d1b;color:#ffffff;border-radius:8px;text-decoration:none;font-weight:600\">{label}</a></p>"
            );
            text.push_str("{{action_url}}\n\n");
        } else if line == "[code]" {
            html.push_str("<p class=\"code\" style=\"margin:0 0 16px;padding:16px;background:#f1f1ee;border-radius:8px;text-align:center;font:600 32px/1.2 ui-monospace,Menlo,Consolas,monospace;letter-spacing:6px\">{{otp_code}}</p>\n");
            text.push_str("{{otp_code}}\n\n");
        } else if line == "[request]" {
            rows(texts, REQUEST, &mut html, &mut text);
        } else if line == "[address]" {
            rows(
                texts,
                &[("address", "primary_email_address")],
                &mut html,
                &mut text,
            );
        } else if line == "[passkey]" {
            rows(texts, &[("passkey", "passkey.name")], &mut html, &mut text);
        } else {
            let _infallible = writeln!(html, "<p style=\"margin:0 0 16px\">{line}</p>");
            let _infallible = write!(text, "{line}\n\n");
        }
    }
    html.push_str(FOOT);
    Some(Shipped {
        name,
        subject: field(section, "subject").map(str::to_owned),
        body: html,
        text: text.trim_end().to_owned() + "\n",
    })
}

const SLUGS: usize = Slug::ALL.len();
const CELLS: usize = SLUGS * LOCALES.len() * 2;

/// A shipped message, ready to be rendered: each is read when it is first needed, and kept.
#[must_use]
pub fn ready(kind: Kind, slug: Slug, locale: &str) -> Option<&'static Ready> {
    static CACHE: [OnceLock<Option<Ready>>; CELLS] = [const { OnceLock::new() }; CELLS];
    let language = LOCALES.iter().position(|l| *l == locale).unwrap_or(0);
    let sms = usize::from(kind == Kind::Sms);
    CACHE[(language * 2 + sms) * SLUGS + slug.index()]
        .get_or_init(|| {
            let shipped = shipped(kind, slug, locale)?;
            // They are constants: a test reads all of them.
            let read = |source: &str| Template::parse(source, &|_| None).ok();
            Some(Ready {
                subject: shipped.subject.as_deref().and_then(read),
                html: (kind == Kind::Email).then(|| read(&shipped.body)).flatten(),
                text: read(&shipped.text)?,
            })
        })
        .as_ref()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::template::Escape;
    use serde_json::json;

    #[test]
    fn every_language_says_everything_that_english_says() {
        assert_eq!(LOCALES.len(), TEXTS.len());
        for (locale, texts) in LOCALES.iter().zip(TEXTS) {
            for key in [
                "when", "where", "ip", "address", "passkey", "help", "ignore",
            ] {
                assert!(!word(texts, key).is_empty(), "{locale}: {key}");
            }
            assert_eq!(texts.matches("\n# ").count(), SLUGS, "{locale}");
            for slug in Slug::ALL {
                let (own, english) = (section(texts, *slug), section(TEXTS[0], *slug));
                let shape = |text: &str| -> Vec<String> {
                    text.lines()
                        .filter(|l| !l.is_empty())
                        .map(|l| match l {
                            l if l.starts_with('[') => {
                                l.split(' ').next().unwrap_or_default().to_owned()
                            }
                            l if l.starts_with("- ") => "-".to_owned(),
                            l => l
                                .split_once(": ")
                                .map_or("", |(k, _)| {
                                    if ["name", "subject", "sms"].contains(&k) {
                                        k
                                    } else {
                                        ""
                                    }
                                })
                                .to_owned(),
                        })
                        .collect()
                };
                assert_eq!(shape(own), shape(english), "{locale} {}", slug.word());
                let variables = |text: &str| {
                    let mut all: Vec<String> = text
                        .split("{{")
                        .skip(1)
                        .filter_map(|p| p.split("}}").next())
                        .map(str::to_owned)
                        .collect();
                    all.sort();
                    all.dedup();
                    all
                };
                assert_eq!(
                    variables(own),
                    variables(english),
                    "{locale} {}",
                    slug.word()
                );
                assert!(
                    *locale == "en" || own != english,
                    "{locale} {} is not translated",
                    slug.word()
                );
            }
        }
    }

    #[test]
    fn every_shipped_message_is_a_template_with_what_it_needs() {
        for locale in LOCALES {
            for slug in Slug::ALL {
                for kind in [Kind::Email, Kind::Sms] {
                    let Some(shipped) = shipped(kind, *slug, locale) else {
                        assert!(kind == Kind::Sms && !slug.is_sms());
                        assert!(ready(kind, *slug, locale).is_none());
                        continue;
                    };
                    let ready = ready(kind, *slug, locale).expect("ready");
                    assert_eq!(
                        ready.html.is_some() && ready.subject.is_some(),
                        kind == Kind::Email,
                        "{locale} {}",
                        slug.word()
                    );
                    for name in slug.required() {
                        assert!(ready.text.mentions(name), "{locale} {} {name}", slug.word());
                        assert!(
                            ready.html.as_ref().is_none_or(|h| h.mentions(name)),
                            "{locale} {} {name}",
                            slug.word()
                        );
                    }
                    let data = json!({ "app": { "name": "<Example>", "domain_name": "example.com" }, "otp_code": "123456", "action_url": "https://example.com/?a=1&b=2", "locale": locale, "requested_at": "2026-11-28" });
                    let text = ready.text.render(&data, Escape::Plain).expect("a text");
                    assert!(!text.contains("{{") && !shipped.text.contains("[button]"));
                    if let Some(html) = &ready.html {
                        let html = html.render(&data, Escape::Html).expect("a text");
                        assert!(
                            html.contains("&lt;Example&gt;") && !html.contains("<Example>"),
                            "{html}"
                        );
                        assert!(!html.contains("{{") && !html.contains("http:"));
                    }
                    if kind == Kind::Sms {
                        assert!(text.chars().count() <= 160, "{locale}: {text}");
                    }
                }
            }
        }
    }

    #[test]
    fn the_nearest_language_is_found() {
        for (wanted, found) in [
            ("de", "de"),
            ("de-AT", "de"),
            ("DE_ch", "de"),
            ("pt", "pt-BR"),
            ("pt-PT", "pt-BR"),
            ("xx", "en"),
            ("", "en"),
            ("en-US", "en"),
        ] {
            assert_eq!(locale([wanted]), found, "{wanted}");
        }
        assert_eq!(locale(["xx", "fr-CA"]), "fr");
        assert_eq!(locale([]), "en");
    }
}
