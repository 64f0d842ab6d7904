//! The one verdict on whether a person is there.
use super::judge::{Captcha, Verdict};
use super::store;
use crate::cx::Cx;
use usher_http::form::Form;
use usher_types::error::codes as refuse;
use usher_types::{Error, Result};

/// Seconds that a pass is good for: clerk-js replays the refused request at once.
const PASS_SECS: i64 = 600;

/// What a token is spent on; services that were told the action say it again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    /// A sign-up starts.
    SignUp,
    /// A sign-in starts that may become a sign-up.
    SignIn,
    /// A browser proves itself in advance.
    Verify,
}

impl Door {
    /// The actions that clerk-js names at this door.
    fn actions(self) -> &'static [&'static str] {
        match self {
            Self::SignUp => &["signup"],
            Self::SignIn => &["signin"],
            Self::Verify => &["verify", "heartbeat"],
        }
    }
}

/// The captcha, where the instance asks for one. A process that was not told who judges lets nobody through: it does not start
/// so, but the setting may have come later.
///
/// # Errors
/// 503.
fn asked(cx: &Cx) -> Result<Option<&Captcha>> {
    if !cx.instance.settings.bot_protection {
        return Ok(None);
    }
    match &cx.app.options.captcha {
        Some(captcha) => Ok(Some(captcha)),
        None => {
            tracing::error!(instance.id = %cx.tenant(), "bot_protection is on, and this process has no [captcha]");
            Err(refuse::service_unavailable().into())
        }
    }
}

/// Refuses an attempt behind which no person is: no token and no pass, or a token that the service refuses. Does nothing where
/// the instance asks for no captcha, and for requests with a testing token. Called before anything is written.
///
/// # Errors
/// 400 `captcha_missing_token`, `captcha_invalid`; 503 where the service gives no verdict and the operator lets nobody in then.
pub async fn check(cx: &Cx, form: &Form, door: Door) -> Result<()> {
    let Some(captcha) = asked(cx)? else {
        return Ok(());
    };
    if cx.testing {
        return Ok(());
    }
    if let Some(token) = form.text("captcha_token") {
        return judge(cx, captcha, token, door).await;
    }
    if door != Door::Verify
        && let Some(client) = &cx.client
    {
        let taken = usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
            Ok::<_, Error>(store::take(&mut tx, &client.id, cx.now).await?)
        })?;
        if taken {
            return Ok(());
        }
    }
    match form.text("captcha_error") {
        // What kept the widget from working is for the operator; the browser cannot talk its way in with it.
        Some(why) => {
            tracing::info!(event = "captcha.failed", instance.id = %cx.tenant(), trace.id = %cx.trace, captcha.error = why, "A browser could not show the captcha");
            Err(refuse::captcha_invalid().into())
        }
        None => Err(refuse::captcha_missing_token().at("captcha_token").into()),
    }
}

async fn judge(cx: &Cx, captcha: &Captcha, token: &str, door: Door) -> Result<()> {
    let verdict = captcha
        .judge(&cx.app.options.outbound, token, &cx.request.ip)
        .await;
    match verdict {
        Ok(Verdict::Person { action }) => {
            let fits = action.is_none_or(|action| door.actions().contains(&action.as_str()));
            if fits {
                return Ok(());
            }
            tracing::info!(event = "captcha.refused", instance.id = %cx.tenant(), trace.id = %cx.trace, "A captcha was solved for another action");
            Err(refuse::captcha_invalid().into())
        }
        Ok(Verdict::Refused(why)) => {
            tracing::info!(event = "captcha.refused", instance.id = %cx.tenant(), trace.id = %cx.trace, captcha.error = why, "A captcha was not solved");
            Err(refuse::captcha_invalid().into())
        }
        Err(why) => {
            tracing::error!(event = "captcha.unjudged", instance.id = %cx.tenant(), trace.id = %cx.trace, "The captcha service gave no verdict: {why}");
            if captcha.accept_unjudged {
                return Ok(());
            }
            Err(refuse::service_unavailable().retry_after(30).into())
        }
    }
}

/// Proves a browser in advance: its client gets a pass for one attempt (contract fapi §3.5).
///
/// # Errors
/// 400 `captcha_not_enabled` where nobody asks for a captcha; else as [`check`]; 401 without a client.
pub async fn verify(cx: &Cx, form: &Form) -> Result<()> {
    if asked(cx)?.is_none() {
        return Err(refuse::captcha_not_enabled().into());
    }
    let client = cx
        .client
        .as_ref()
        .ok_or_else(refuse::authentication_invalid)?;
    check(cx, form, Door::Verify).await?;
    usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        store::give(&mut tx, &client.id, cx.now.plus_secs(PASS_SECS)).await?;
        Ok::<_, Error>(())
    })
}
