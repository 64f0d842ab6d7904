//! Serving, jobs, and a clean end.
use crate::app::App;
use crate::listen::tls::Tls;
use crate::listen::{self, Listening};
use crate::messages::job;
use crate::{clients, instances, messages, sessions, sign_ins, sign_ups, social, verifications};
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use usher_notify::Mailer;
use usher_types::{Error, Result};

/// Serves until `stop` says so, then finishes what is under way (10 seconds at most) and closes the database.
///
/// # Errors
/// None today; kept for listeners that cannot go on.
pub async fn run(
    app: Arc<App>,
    listening: impl Into<Listening>,
    mailer: Option<Mailer>,
    stop: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let listening = listening.into();
    let (done, ended) = watch::channel(false);
    let jobs = tokio::spawn(jobs(Arc::clone(&app), mailer, ended.clone()));
    let renewals = listening.tls.clone().map(|tls| tokio::spawn(renew(tls)));
    tokio::spawn(async move {
        stop.await;
        // The receivers are the jobs, the listener and the deadline below.
        let _gone = done.send(true);
    });
    let mut deadline = ended.clone();
    tokio::select! {
        () = listen::serve(&app, listening, ended) => {}
        () = async {
            let _closed = deadline.wait_for(|over| *over).await;
            tokio::time::sleep(Duration::from_secs(10)).await;
        } => {}
    }
    jobs.abort();
    if let Some(renewals) = renewals {
        renewals.abort();
    }
    app.db.close().await;
    Ok(())
}

/// Reads certificates again when told to (SIGHUP), and once a minute: what renews them need not know of us.
async fn renew(tls: Arc<Tls>) {
    let mut told = signal(SignalKind::hangup()).ok();
    loop {
        let hangup = async {
            match &mut told {
                Some(signal) => signal.recv().await.unwrap_or(()),
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = hangup => {}
            () = tokio::time::sleep(Duration::from_secs(60)) => {}
        }
        match tls.reload() {
            Ok(true) => tracing::info!("The certificates were read again"),
            Ok(false) => {}
            Err(e) => tracing::error!("The certificates stay as they were: {e}"),
        }
    }
}

/// The jobs of a process: mail when there is some, settings that another process changed, and housekeeping.
async fn jobs(app: Arc<App>, mailer: Option<Mailer>, mut ended: watch::Receiver<bool>) {
    let mut rounds: u32 = 0;
    loop {
        tokio::select! {
            () = app.mail_wake.notified() => {}
            () = tokio::time::sleep(Duration::from_secs(2)) => {}
            _ = ended.wait_for(|over| *over) => return,
        }
        if let Err(e) = job::send_due(&app, mailer.as_ref()).await {
            tracing::warn!("Sending messages: {e}");
        }
        if let Err(e) = app.reload().await {
            tracing::warn!("Reading settings: {e}");
        }
        rounds = rounds.wrapping_add(1);
        // Handshakes are many and live a minute; attempts and codes are few and live a day; the rest lives for days.
        if rounds % 1800 == 2
            && let Err(e) = sweep_ended(&app).await
        {
            tracing::warn!("Forgetting what has ended: {e}");
        }
        let swept = if rounds % 300 == 1 {
            housekeeping(&app).await
        } else if rounds.is_multiple_of(15) {
            sweep_handshakes(&app).await
        } else {
            Ok(())
        };
        if let Err(e) = swept {
            tracing::warn!("Housekeeping: {e}");
        }
    }
}

/// Forgets dead handshakes; writes nothing where there are none.
///
/// # Errors
/// The database's.
pub async fn sweep_handshakes(app: &App) -> Result<()> {
    let now = app.clock.now();
    if !clients::store::has_dead_handshakes(&mut app.db.read("").await?, now).await? {
        return Ok(());
    }
    usher_db::write_tx!(app.db, "", tx => {
        clients::store::sweep_handshakes(&mut tx, now).await?;
        Ok::<_, Error>(())
    })
}

/// Rows that one transaction of the sweep forgets: others wait no longer than that takes.
const BATCH: i64 = 500;

/// Forgets clients on which nobody is signed in any more, sessions that ended and messages that went out, each after the
/// time that the instance's settings say: anonymous callers cannot make the database grow without end. A browser whose
/// client was forgotten is a new visitor. What is due is read first, so that writers wait for the deletions only.
///
/// # Errors
/// The database's.
pub async fn sweep_ended(app: &App) -> Result<()> {
    let now = app.clock.now();
    for instance in app.instances() {
        let tenant = instance.row.id.as_str();
        let ago = |days: i64| now.plus_secs(-days * 24 * 3600);
        let keep = &instance.settings.retention;
        let (anonymous, idle) = (ago(keep.anonymous_client_days), ago(keep.client_days));
        let ended = ago(keep.session_days);
        loop {
            let found =
                clients::store::idle(&mut app.db.read(tenant).await?, anonymous, idle, BATCH)
                    .await?;
            if found.is_empty() {
                break;
            }
            usher_db::write_tx!(app.db, tenant, tx => {
                for id in &found {
                    clients::store::forget_idle(&mut tx, id, anonymous).await?;
                }
                Ok::<_, Error>(())
            })?;
            if found.len() < usize::try_from(BATCH).unwrap_or(0) {
                break;
            }
        }
        loop {
            let found =
                sessions::store::ended_before(&mut app.db.read(tenant).await?, ended, BATCH)
                    .await?;
            if found.is_empty() {
                break;
            }
            usher_db::write_tx!(app.db, tenant, tx => {
                for id in &found {
                    sessions::store::forget_ended(&mut tx, id, ended).await?;
                }
                Ok::<_, Error>(())
            })?;
            if found.len() < usize::try_from(BATCH).unwrap_or(0) {
                break;
            }
        }
        usher_db::write_tx!(app.db, tenant, tx => {
            messages::store::sweep(&mut tx, ago(keep.message_days)).await?;
            Ok::<_, Error>(())
        })?;
    }
    Ok(())
}

/// Forgets what has ended: codes and attempts after a day, handshakes, testing tokens and the secrets of ended
/// keys at once.
///
/// # Errors
/// The database's.
pub async fn housekeeping(app: &App) -> Result<()> {
    let now = app.clock.now();
    let yesterday = now.plus_secs(-24 * 3600);
    usher_db::write_tx!(app.db, "", tx => {
        clients::store::sweep_handshakes(&mut tx, now).await?;
        sessions::store::sweep_testing_tokens(&mut tx, now).await?;
        crate::captcha::store::sweep(&mut tx, now).await?;
        verifications::store::sweep(&mut tx, yesterday).await?;
        sessions::store::sweep_refresh(&mut tx, now).await?;
        crate::tickets::store::sweep(&mut tx, yesterday).await?;
        crate::reverifications::store::sweep(&mut tx, yesterday).await?;
        crate::agents::store::sweep(&mut tx, yesterday).await?;
        clients::store::sweep_satellites(&mut tx, now).await?;
        sign_ins::store::sweep(&mut tx, yesterday).await?;
        sign_ups::store::sweep(&mut tx, yesterday).await?;
        social::store::sweep(&mut tx, yesterday).await?;
        instances::store::erase_ended_keys(&mut tx, now).await?;
        Ok::<_, Error>(())
    })
}
