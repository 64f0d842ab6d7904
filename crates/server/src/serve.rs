//! Listening, jobs, and a clean end.
use crate::app::App;
use crate::messages::job;
use crate::surface::{self, BODY_LIMIT, Incoming};
use crate::{clients, sign_ins, sign_ups, verifications};
use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, Request};
use axum::response::Response;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue, SET_COOKIE};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;
use usher_notify::Mailer;
use usher_types::{Error, Result};

/// Serves until `stop` says so, then finishes what is under way (10 seconds at most) and closes the database.
///
/// # Errors
/// A listener that fails.
pub async fn run(
    app: Arc<App>,
    listener: TcpListener,
    mailer: Option<Mailer>,
    stop: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let (done, ended) = watch::channel(false);
    let jobs = tokio::spawn(jobs(Arc::clone(&app), mailer, ended.clone()));
    let served = Arc::clone(&app);
    let router = axum::Router::new().fallback(
        move |ConnectInfo(peer): ConnectInfo<SocketAddr>, request: Request| {
            let app = Arc::clone(&served);
            async move { handle(&app, request, peer).await }
        },
    );
    let server = axum::serve(
        listener,
        router.into_make_service_with_connect_info::<SocketAddr>(),
    )
    .with_graceful_shutdown(async move {
        stop.await;
        // The receivers are the jobs and the deadline below.
        let _gone = done.send(true);
    });
    let mut deadline = ended;
    let outcome = tokio::select! {
        outcome = server.into_future() => outcome,
        () = async {
            let _closed = deadline.wait_for(|over| *over).await;
            tokio::time::sleep(Duration::from_secs(10)).await;
        } => Ok(()),
    };
    jobs.abort();
    app.db.close().await;
    outcome
}

/// One request. The work runs in its own task: a caller who hangs up does not cut a use case in two, and a panic is an
/// answer, not an end.
async fn handle(app: &Arc<App>, request: Request, peer: SocketAddr) -> Response {
    let (parts, body) = request.into_parts();
    let body = match tokio::time::timeout(Duration::from_secs(30), to_bytes(body, BODY_LIMIT)).await
    {
        Ok(body) => body.ok(),
        Err(_) => return plain_status(408),
    };
    let incoming = Incoming {
        method: parts.method,
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        headers: with_host(parts.headers, &parts.uri),
        body,
        peer: peer.ip().to_canonical(),
    };
    let app = Arc::clone(app);
    let head = incoming.method == http::Method::HEAD;
    match tokio::spawn(async move { surface::answer(&app, incoming).await }).await {
        Ok(reply) => response(reply, head),
        Err(e) => {
            tracing::error!("A request panicked: {e}");
            plain_status(500)
        }
    }
}

/// HTTP/2 carries the host in the URI.
fn with_host(mut headers: http::HeaderMap, uri: &http::Uri) -> http::HeaderMap {
    if !headers.contains_key("host")
        && let Some(host) = uri
            .authority()
            .and_then(|a| HeaderValue::from_str(a.as_str()).ok())
    {
        headers.insert("host", host);
    }
    headers
}

fn plain_status(status: u16) -> Response {
    let body = if status == 500 {
        r#"{"errors":[{"message":"Internal error","long_message":"Something went wrong on the server.","code":"internal_clerk_error"}]}"#
    } else {
        "{\"errors\":[]}"
    };
    let mut response = Response::new(Body::from(body));
    *response.status_mut() =
        http::StatusCode::from_u16(status).unwrap_or(http::StatusCode::INTERNAL_SERVER_ERROR);
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn response(reply: crate::route::Reply, head: bool) -> Response {
    let mut response = Response::new(if head {
        Body::empty()
    } else {
        Body::from(reply.body)
    });
    *response.status_mut() =
        http::StatusCode::from_u16(reply.status).unwrap_or(http::StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    if !reply.content_type.is_empty() {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(reply.content_type));
    }
    for (name, value) in reply.headers {
        match HeaderValue::from_str(&value) {
            Ok(value) => {
                headers.append(HeaderName::from_static(name), value);
            }
            Err(_) => tracing::warn!("A value does not fit the header {name}"),
        }
    }
    for cookie in reply.cookies {
        if let Ok(value) = HeaderValue::from_str(&cookie) {
            headers.append(SET_COOKIE, value);
        }
    }
    response
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
        if let Some(mailer) = &mailer
            && let Err(e) = job::send_due(&app, mailer).await
        {
            tracing::warn!("Sending mail: {e}");
        }
        if let Err(e) = app.reload().await {
            tracing::warn!("Reading settings: {e}");
        }
        rounds = rounds.wrapping_add(1);
        // Handshakes are many and live a minute; attempts and codes are few and live a day.
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

/// Forgets what has ended: codes and attempts after a day, handshakes at once.
///
/// # Errors
/// The database's.
pub async fn housekeeping(app: &App) -> Result<()> {
    let now = app.clock.now();
    let yesterday = now.plus_secs(-24 * 3600);
    usher_db::write_tx!(app.db, "", tx => {
        clients::store::sweep_handshakes(&mut tx, now).await?;
        verifications::store::sweep(&mut tx, yesterday).await?;
        sign_ins::store::sweep(&mut tx, yesterday).await?;
        sign_ups::store::sweep(&mut tx, yesterday).await?;
        Ok::<_, Error>(())
    })
}
