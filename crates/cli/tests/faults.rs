//! What is under the server fails: a full disk, a file that may not grow, a PostgreSQL that restarts. Answers say so, reads and
//! mints go on where they can, nothing that was answered is lost, and nobody has to help when it is over.
#![expect(clippy::expect_used, reason = "tests say what they expect")]

mod harness;

use harness::{
    Answer, BINARY, Dir, Postgres, Server, bapi, environment, field, free_port, get, is_root, post,
    skipped, until,
};
use std::collections::HashMap;
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use usher_db::Db;

/// Creates a user with some weight; its answer.
fn create(port: u16, key: &str, n: usize, weight: usize) -> Answer {
    let body = format!(
        r#"{{"email_address":["person{n}@example.com"],"skip_password_requirement":true,"public_metadata":{{"x":"{}"}}}}"#,
        "m".repeat(weight)
    );
    bapi(port, key, "POST", "/v1/users", &body).expect("an answer, whatever it is")
}

/// A browser that is signed in: its cookies and its session.
fn signed_in(port: u16) -> (HashMap<String, String>, String) {
    let mut cookies = HashMap::new();
    let mut ask = |path: &str, body: &str| post(port, path, &mut cookies, body).expect("an answer");
    let started = ask(
        "/v1/client/sign_ups",
        "email_address=ada%2Bclerk_test@example.com&password=a-long-passphrase-7",
    );
    let id = field(&started.body, "id").expect("an id");
    ask(
        &format!("/v1/client/sign_ups/{id}/prepare_verification"),
        "strategy=email_code",
    );
    let done = ask(
        &format!("/v1/client/sign_ups/{id}/attempt_verification"),
        "strategy=email_code&code=424242",
    );
    let session = field(&done.body, "created_session_id").expect("a session");
    (cookies, session)
}

/// Writes until the server says that it cannot; what was answered before. Then: what must go on, goes on.
fn exhaust(
    port: u16,
    key: &str,
    data: &Path,
    browser: &(HashMap<String, String>, String),
) -> Vec<String> {
    let mut answered = Vec::new();
    let refused = loop {
        let answer = create(port, key, answered.len(), 7000);
        if answer.status != 200 {
            break answer;
        }
        answered.push(field(&answer.body, "id").expect("an id"));
        assert!(answered.len() < 5000, "it never filled up");
    };
    for answer in [refused, create(port, key, 9_999, 7000)] {
        assert_eq!(answer.status, 503, "{answer:?}");
        assert!(
            answer.body.contains("\"service_unavailable\""),
            "{answer:?}"
        );
    }
    // The session was active long ago, so that its mint would write; it is minted all the same.
    let mut cookies = browser.0.clone();
    for _ in 0..3 {
        let minted = post(
            port,
            &format!("/v1/client/sessions/{}/tokens", browser.1),
            &mut cookies,
            "",
        )
        .expect("an answer");
        assert!(
            minted.status == 200 && minted.body.contains("\"jwt\""),
            "{minted:?}"
        );
    }
    for path in [
        "/v1/client",
        "/.well-known/jwks.json",
        "/readyz",
        "/healthz",
    ] {
        assert_eq!(
            get(port, path, &[]).expect("an answer").status,
            200,
            "{path}"
        );
    }
    for id in answered.iter().rev().take(3) {
        let read = bapi(port, key, "GET", &format!("/v1/users/{id}"), "").expect("an answer");
        assert_eq!(read.status, 200, "{read:?}");
    }
    assert!(data.join("usher.db").exists());
    answered
}

/// The server writes again by itself, and nothing is lost; not even by a kill.
fn recovered(mut server: Server, key: &str, data: &Path, answered: &[String]) {
    let port = server.port;
    until("the next write", 20, || {
        (create(port, key, 10_000, 10).status == 200).then_some(())
    });
    server.kill();
    let again = Server::dev(data, port);
    for id in answered {
        let read = bapi(port, key, "GET", &format!("/v1/users/{id}"), "").expect("an answer");
        assert_eq!(read.status, 200, "{id}: {read:?}");
    }
    assert_eq!(create(port, key, 10_001, 10).status, 200);
    drop(again);
}

/// Makes the session's last activity old, so that its next token would write.
fn age(data: &Path) {
    let aged = Command::new("python3")
        .args(["-c", "import sqlite3,sys; c=sqlite3.connect(sys.argv[1], timeout=20); c.execute('update sessions set last_active_at = 0'); c.commit()"])
        .arg(data.join("usher.db"))
        .status();
    assert!(aged.expect("python3").success());
}

/// A small file system of a test's own.
struct Mounted(Dir);

impl Drop for Mounted {
    fn drop(&mut self) {
        let _unmounted = Command::new("umount").arg(&self.0.0).status();
    }
}

#[test]
fn a_full_disk_refuses_writes_with_503_and_the_rest_goes_on() {
    let place = Mounted(Dir::new("full"));
    let mounted = is_root()
        && Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=12m", "tmpfs"])
            .arg(&place.0.0)
            .status()
            .is_ok_and(|status| status.success());
    if !mounted {
        skipped("full disk", "it takes root and the right to mount");
        return;
    }
    let data = place.0.join("data");
    let port = free_port();
    let server = Server::dev(&data, port);
    let key = environment(&data, "CLERK_SECRET_KEY");
    let browser = signed_in(port);
    age(&data);
    let filler = place.0.join("filler");
    // Whatever is left, but a little.
    let left = Command::new("sh")
        .args([
            "-c",
            "dd if=/dev/zero of=\"$0\" bs=4096 count=1500 2>/dev/null; true",
        ])
        .arg(&filler)
        .status();
    assert!(left.is_ok());
    let answered = exhaust(port, &key, &data, &browser);
    assert!(!answered.is_empty());
    std::fs::remove_file(&filler).expect("removed");
    recovered(server, &key, &data, &answered);
}

#[test]
fn a_file_that_may_not_grow_refuses_writes_with_503_and_the_rest_goes_on() {
    let data = Dir::new("limit");
    if !Command::new("prlimit")
        .arg("--version")
        .output()
        .is_ok_and(|out| out.status.success())
    {
        skipped("a limit of file size", "prlimit is not installed");
        return;
    }
    let port = free_port();
    // The signal that comes with the limit is ignored, as a service manager may do; the write then fails.
    let mut command = Command::new("sh");
    command
        .args([
            "-c",
            "trap '' XFSZ; exec \"$0\" dev --port \"$1\" --data \"$2\"",
            BINARY,
            &port.to_string(),
        ])
        .arg(&data.0);
    let server = Server::start(command, port);
    let key = environment(&data.0, "CLERK_SECRET_KEY");
    let browser = signed_in(port);
    age(&data.0);
    let limit = |bytes: &str| {
        let set = Command::new("prlimit")
            .args([
                "--pid",
                &server.child.id().to_string(),
                &format!("--fsize={bytes}:unlimited"),
            ])
            .status();
        assert!(set.expect("prlimit").success());
    };
    limit("3000000");
    let answered = exhaust(port, &key, &data.0, &browser);
    assert!(!answered.is_empty());
    limit("unlimited");
    recovered(server, &key, &data.0, &answered);
}

#[test]
fn a_postgresql_that_restarts_under_load_costs_503_and_nothing_else() {
    let Some(postgres) = Postgres::start("restart-pg") else {
        return;
    };
    let data = Dir::new("restart-usher");
    let port = free_port();
    let mut command = Command::new(BINARY);
    command
        .args(["dev", "--port", &port.to_string(), "--database-url"])
        .arg(postgres.url(
            "localhost",
            &format!(
                "?sslmode=verify-full&sslrootcert={}",
                postgres.file("ca.pem")
            ),
        ))
        .arg("--data")
        .arg(&data.0);
    let _server = Server::start(command, port);
    let key = environment(&data.0, "CLERK_SECRET_KEY");
    let answered = Mutex::new(Vec::new());
    let (next, unavailable, over) = (
        AtomicUsize::new(0),
        AtomicUsize::new(0),
        AtomicBool::new(false),
    );
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                while !over.load(Ordering::SeqCst) {
                    let answer = create(port, &key, next.fetch_add(1, Ordering::SeqCst), 10);
                    match answer.status {
                        200 => answered
                            .lock()
                            .expect("a lock")
                            .push(field(&answer.body, "id").expect("an id")),
                        503 => {
                            unavailable.fetch_add(1, Ordering::SeqCst);
                        }
                        _ => panic!("{answer:?}"),
                    }
                    std::thread::sleep(Duration::from_millis(2));
                }
            });
        }
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            for _ in 0..2 {
                let so_far = answered.lock().expect("a lock").len();
                until("writes", 30, || {
                    (answered.lock().expect("a lock").len() > so_far + 40).then_some(())
                });
                postgres.control("restart -m immediate", "on");
                let so_far = answered.lock().expect("a lock").len();
                until("writes after the restart", 30, || {
                    (answered.lock().expect("a lock").len() > so_far + 40).then_some(())
                });
            }
        }));
        over.store(true, Ordering::SeqCst);
        if let Err(e) = outcome {
            std::panic::resume_unwind(e);
        }
    });
    assert!(
        unavailable.load(Ordering::SeqCst) > 0,
        "the restart was noticed"
    );
    for id in answered.lock().expect("a lock").iter() {
        let read = bapi(port, &key, "GET", &format!("/v1/users/{id}"), "").expect("an answer");
        assert_eq!(read.status, 200, "{id} was answered and is lost");
    }
}

#[test]
fn postgresql_is_spoken_to_over_tls_as_the_url_says() {
    let Some(postgres) = Postgres::start("tls-pg") else {
        return;
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    // Whether the connection is encrypted, as the server sees it; or why there is none.
    let ask = |host: &str, query: &str| -> Result<bool, String> {
        runtime.block_on(async {
            let db = Db::open_postgres(&postgres.url(host, query), 1)
                .await
                .map_err(|e| e.to_string())?;
            let mut tx = db.read("").await.map_err(|e| e.to_string())?;
            let row: Option<(bool,)> = tx
                .first(
                    "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()",
                    &[],
                )
                .await
                .map_err(|e| e.to_string())?;
            Ok(row.is_some_and(|(ssl,)| ssl))
        })
    };
    let with =
        |mode: &str, file: &str| format!("?sslmode={mode}&sslrootcert={}", postgres.file(file));
    for mode in ["require", "verify-ca", "verify-full"] {
        assert_eq!(ask("localhost", &with(mode, "ca.pem")), Ok(true), "{mode}");
        // A name that the certificate is not for, an authority that did not sign it, the public ones: nobody else is believed.
        for (host, query, part) in [
            ("127.0.0.1", with(mode, "ca.pem"), "not valid for name"),
            ("localhost", with(mode, "other.pem"), "certificate"),
            ("localhost", format!("?sslmode={mode}"), "certificate"),
            ("localhost", with(mode, "nothing.pem"), "sslrootcert"),
        ] {
            let why = ask(host, &query).expect_err(&query);
            assert!(why.contains(part), "{host}{query}: {why}");
        }
    }
    for (query, part) in [
        ("?sslmode=prefer", "sslmode must be"),
        ("?sslmode=on", "sslmode must be"),
        // This server takes no connection in clear.
        ("", "no pg_hba.conf entry"),
        ("?sslmode=disable", "no pg_hba.conf entry"),
    ] {
        let why = ask("localhost", query).expect_err(query);
        assert!(why.contains(part), "{query}: {why}");
    }
    // A server without TLS: whoever requires it gets nothing, in clear least of all.
    postgres.control("restart -m fast", "off");
    assert_eq!(ask("localhost", ""), Ok(false));
    assert_eq!(ask("localhost", "?sslmode=disable"), Ok(false));
    for mode in ["require", "verify-full"] {
        assert!(ask("localhost", &with(mode, "ca.pem")).is_err(), "{mode}");
    }
}
