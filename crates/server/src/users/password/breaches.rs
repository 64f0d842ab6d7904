//! Whether a password is known from breaches: by the set on this machine, then by the service, where the instance allows it.
use super::{blocklist, pooled};
use crate::cx::Cx;
use crate::instances::settings::Unchecked;
use unicode_normalization::UnicodeNormalization;
use usher_types::Result;
use usher_types::error::codes as refuse;

/// What was found out.
enum Finding {
    Known,
    Unknown,
    /// The service gave no answer.
    Unanswered,
}

/// Whether a new password is known. Where the service gives no answer, the instance's policy decides.
///
/// # Errors
/// 503 where that policy is to refuse.
pub(super) async fn is_known(cx: &Cx, normal: &str) -> Result<bool> {
    match find(cx, normal).await? {
        Finding::Known => Ok(true),
        Finding::Unknown => Ok(false),
        Finding::Unanswered => match cx.instance.settings.password.without_breach_check {
            Unchecked::Accept => Ok(false),
            Unchecked::Refuse => Err(refuse::service_unavailable().retry_after(60).into()),
        },
    }
}

/// Whether a password that was just proved may not be used any more: it is known or guessed first, and the instance wants to
/// know that at sign-in. Where the service gives no answer the sign-in goes on: it must not depend on somebody else's server.
///
/// # Errors
/// 429 when the hashing queue is full.
pub async fn is_refused_at_sign_in(cx: &Cx, proved: &str) -> Result<bool> {
    if !cx.instance.settings.password.enforce_hibp_on_sign_in {
        return Ok(false);
    }
    let normal: String = proved.nfc().collect();
    let text = normal.clone();
    if pooled(cx, move || blocklist::is_common(&text)).await? {
        return Ok(true);
    }
    Ok(matches!(find(cx, &normal).await?, Finding::Known))
}

async fn find(cx: &Cx, normal: &str) -> Result<Finding> {
    let digest = usher_breached::digest(normal);
    let breached = cx.app.options.breached.clone();
    if breached.filter.is_some() {
        // The file may be on a slow disk: not on a thread that serves others.
        let looked_up = pooled(cx, move || breached.is_in_filter(&digest)).await?;
        match looked_up {
            Ok(true) => return Ok(Finding::Known),
            Ok(false) => {}
            Err(e) => tracing::error!(
                instance.id = %cx.tenant(), trace.id = %cx.trace,
                "The file of breached passwords cannot be read: {e}"
            ),
        }
    }
    if !cx.instance.settings.hibp {
        return Ok(Finding::Unknown);
    }
    match cx.app.options.breached.is_in_range(&digest, cx.now).await {
        None | Some(Ok(false)) => Ok(Finding::Unknown),
        Some(Ok(true)) => Ok(Finding::Known),
        Some(Err(e)) => {
            tracing::warn!(
                event = "password.breach_check_unavailable", instance.id = %cx.tenant(), trace.id = %cx.trace,
                "The breach service gave no answer: {e}"
            );
            Ok(Finding::Unanswered)
        }
    }
}
