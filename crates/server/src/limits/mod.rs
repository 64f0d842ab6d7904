//! Limits: how often a caller may use an operation.
//!
//! Tables: none. What must survive a restart or count over several nodes is counted in the database by its owner: wrong
//! passwords and codes (`users`), tries of a code and codes sent (`verifications`). Here are the floods in front of them.
//! Invariants: one bucket table for all rules; a key is (instance, rule, who); callers cannot choose another bucket by
//! spelling, because keys are made of parsed operations, networks and mailboxes, never of raw text.
//! Reference: contract bapi §1.8; fapi §9.2 (testing tokens pass); OWASP ASVS 5.0 2.4.1, 6.3.1.
pub mod bucket;
pub mod rules;

use crate::cx::Cx;
use crate::identifiers::email::EmailAddress;
use crate::route::{Call, Op};
use bucket::Quota;
use rules::{Rule, Who};
use std::net::IpAddr;
use unicode_normalization::UnicodeNormalization;
use usher_types::error::codes as refuse;
use usher_types::{ApiError, Result};

/// How many times more `usher dev` lets through: test suites sign in all the time, from one address.
const DEVELOPMENT: i64 = 1000;

/// The rules that need nothing but where the request comes from: asked before the database is.
///
/// # Errors
/// 429 `too_many_requests` with `Retry-After`.
pub fn arrive(cx: &Cx, op: &Op) -> Result<()> {
    for rule in rules::of(op) {
        match rule.who {
            Who::Address => ask(cx, rule, &(rule.name, network(&cx.request.ip)))?,
            // `usher dev` serves one developer: a limit of the whole instance protects nobody there.
            Who::Instance if !cx.app.options.development => ask(cx, rule, &rule.name)?,
            Who::Instance | Who::AddressAndIdentifier | Who::AddressAndParam(_) | Who::Param(_) => {
            }
        }
    }
    Ok(())
}

/// The rules that need the fields or the path.
///
/// # Errors
/// 429 `too_many_requests` with `Retry-After`.
pub fn admit(cx: &Cx, op: &Op, call: &Call) -> Result<()> {
    for rule in rules::of(op) {
        match rule.who {
            Who::Address | Who::Instance => {}
            Who::AddressAndIdentifier => {
                let named = ["identifier", "email_address", "phone_number", "username"]
                    .into_iter()
                    .find_map(|field| call.form.text(field));
                // An attempt without an identifier guesses nothing; the address's own rule holds it.
                if let Some(named) = named {
                    ask(
                        cx,
                        rule,
                        &(rule.name, network(&cx.request.ip), one_form(named)),
                    )?;
                }
            }
            Who::AddressAndParam(param) => ask(
                cx,
                rule,
                &(rule.name, network(&cx.request.ip), call.param(param)),
            )?,
            Who::Param(param) => ask(cx, rule, &(rule.name, call.param(param)))?,
        }
    }
    Ok(())
}

fn ask(cx: &Cx, rule: &Rule, who: &impl std::hash::Hash) -> Result<(), ApiError> {
    let limits = &cx.instance.settings.limits;
    if limits.factor == 0 || cx.testing {
        return Ok(());
    }
    let more = if cx.app.options.development {
        DEVELOPMENT
    } else {
        1
    };
    let count = (rule.count)(limits, cx.instance.is_development())
        .saturating_mul(limits.factor)
        .saturating_mul(more);
    let quota = Quota {
        count,
        per_ms: rule.per_secs * 1000,
    };
    let key = cx.app.limiter.key(cx.tenant(), who);
    cx.app
        .limiter
        .take(key, quota, cx.now)
        .map_err(|secs| refuse::too_many_requests().retry_after(secs))
}

/// The network of an address: the address itself for IPv4, its /64 for IPv6, where one subscriber owns them all.
fn network(ip: &str) -> (bool, u64) {
    match ip.parse::<IpAddr>().map(|ip| ip.to_canonical()) {
        Ok(IpAddr::V4(v4)) => (false, u64::from(u32::from(v4))),
        Ok(IpAddr::V6(v6)) => (true, u64::try_from(u128::from(v6) >> 64).unwrap_or(0)),
        Err(_) => (true, 0),
    }
}

/// One form for every way to write an identifier: compatibility forms, case, dots and subaddresses of a local part. Coarser
/// than who the identifier is: here it is enough that nobody gets more by another spelling.
fn one_form(text: &str) -> String {
    let text = text.trim().nfkc().collect::<String>().to_lowercase();
    match EmailAddress::parse(&text) {
        Some(address) => {
            let mailbox = address.mailbox();
            match mailbox.rsplit_once('@') {
                Some((local, domain)) => format!("{}@{domain}", local.replace('.', "")),
                None => mailbox,
            }
        }
        // What people write between the digits of a number tells no two numbers apart.
        None if text.starts_with('+') => text
            .chars()
            .filter(|c| c.is_ascii_digit() || *c == '+')
            .collect(),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::{network, one_form};

    #[test]
    fn spellings_of_an_identifier_have_one_form() {
        for text in [
            "ada.lovelace@example.com",
            " ADA.Lovelace+x@Example.com",
            "adalovelace+a+b@example.com",
            "\u{ff21}da.lovelace@example.com",
        ] {
            assert_eq!(one_form(text), "adalovelace@example.com", "{text}");
        }
        for text in [
            "+1 (202) 555-0173",
            "+12025550173",
            "\u{ff0b}1 202.555.0173",
        ] {
            assert_eq!(one_form(text), "+12025550173", "{text}");
        }
        assert_eq!(one_form("\u{ff21}DA"), "ada");
        assert_ne!(one_form("ada@example.com"), one_form("ada@example.org"));
    }

    #[test]
    fn an_ipv6_network_is_one_caller() {
        assert_eq!(network("2001:db8::1"), network("2001:db8::ffff:1:2:3"));
        assert_ne!(network("2001:db8::1"), network("2001:db8:0:1::1"));
        assert_eq!(network("::ffff:192.0.2.1"), network("192.0.2.1"));
        assert_ne!(network("192.0.2.1"), network("192.0.2.2"));
    }
}
