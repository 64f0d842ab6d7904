//! The binary as a process: what an operator sees at start and stop, and what a crash leaves behind.
#![expect(clippy::expect_used, reason = "tests say what they expect")]
#![expect(
    clippy::disallowed_methods,
    reason = "tests are the clients of the process"
)]

mod harness;

use harness::{BINARY, Dir, Server, environment, field, free_port, get, post, refused, sign_up};
use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

#[test]
fn a_kill_in_the_middle_of_200_sign_ups_loses_no_acknowledged_one_and_doubles_none() {
    let data = Dir::new("kill");
    let port = free_port();
    let mut server = Server::dev(&data.0, port);
    let acknowledged = Arc::new(Mutex::new(Vec::new()));
    let (told, enough) = mpsc::channel();
    let threads: Vec<_> = (0..200)
        .map(|n| {
            let acknowledged = Arc::clone(&acknowledged);
            let told = told.clone();
            std::thread::spawn(move || {
                let address = format!("person{n}+clerk_test@example.com");
                if sign_up(port, &address) == Some(true) {
                    acknowledged.lock().expect("a lock").push(address);
                    let _late = told.send(());
                }
            })
        })
        .collect();
    // In the middle: some are through, most are not.
    for _ in 0..40 {
        enough
            .recv_timeout(Duration::from_secs(60))
            .expect("sign-ups proceed");
    }
    server.kill();
    for thread in threads {
        thread.join().expect("a thread");
    }
    let acknowledged = std::mem::take(&mut *acknowledged.lock().expect("a lock"));
    assert!(
        (40..200).contains(&acknowledged.len()),
        "{} were acknowledged",
        acknowledged.len()
    );
    let _again = Server::dev(&data.0, port);
    for address in &acknowledged {
        let signed_in = post(
            port,
            "/v1/client/sign_ins",
            &mut HashMap::new(),
            &format!(
                "identifier={}&password=a-long-passphrase-7",
                address.replace('+', "%2B")
            ),
        )
        .expect("an answer");
        assert!(
            signed_in.status == 200 && signed_in.body.contains("\"status\":\"complete\""),
            "{address}: {signed_in:?}"
        );
    }
    let bearer = format!("Bearer {}", environment(&data.0, "CLERK_SECRET_KEY"));
    let users = get(port, "/v1/users?limit=500", &[("Authorization", &bearer)]).expect("users");
    let mut addresses: Vec<&str> = users
        .body
        .split("\"email_address\":\"")
        .skip(1)
        .filter_map(|s| s.split('"').next())
        .collect();
    let all = addresses.len();
    addresses.sort_unstable();
    addresses.dedup();
    assert_eq!(addresses.len(), all, "no address exists twice");
    assert!(all >= acknowledged.len());
}

#[test]
fn keys_and_users_outlive_a_restart_and_the_files_are_private() {
    use std::os::unix::fs::PermissionsExt;
    let data = Dir::new("restart");
    let port = free_port();
    let mut server = Server::dev(&data.0, port);
    assert_eq!(sign_up(port, "ada+clerk_test@example.com"), Some(true));
    let before = std::fs::read_to_string(data.join("dev.env")).expect("dev.env");
    let jwks = get(port, "/.well-known/jwks.json", &[]).expect("keys").body;
    for file in ["dev.env", "master.key"] {
        let mode = std::fs::metadata(data.join(file))
            .expect("a file")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
    assert!(server.terminate(), "a clean end");
    let _again = Server::dev(&data.0, port);
    assert_eq!(
        std::fs::read_to_string(data.join("dev.env")).expect("dev.env"),
        before
    );
    assert_eq!(
        get(port, "/.well-known/jwks.json", &[]).expect("keys").body,
        jwks
    );
    let signed_in = post(
        port,
        "/v1/client/sign_ins",
        &mut HashMap::new(),
        "identifier=ada%2Bclerk_test@example.com&password=a-long-passphrase-7",
    )
    .expect("an answer");
    assert_eq!(signed_in.status, 200);
}

#[test]
fn a_second_server_on_the_same_data_and_a_busy_port_are_refused_with_what_to_do() {
    let data = Dir::new("second");
    let other = Dir::new("second-other");
    let port = free_port();
    let _server = Server::dev(&data.0, port);
    let (here, there) = (
        data.0.to_str().expect("a path"),
        other.0.to_str().expect("a path"),
    );
    assert!(
        refused(
            &["dev", "--port", &free_port().to_string(), "--data", here],
            &[]
        )
        .contains("--data")
    );
    assert!(
        refused(&["dev", "--port", &port.to_string(), "--data", there], &[]).contains("--port")
    );
}

#[test]
fn wrong_keys_newer_schemas_and_bad_settings_stop_the_start_with_one_line() {
    let data = Dir::new("wrong");
    let here = data.0.to_str().expect("a path").to_owned();
    let port = free_port();
    drop(Server::dev(&data.0, port));
    let port = port.to_string();
    let key = data.join("master.key");
    let right = std::fs::read_to_string(&key).expect("a key");
    std::fs::write(&key, "00".repeat(32)).expect("written");
    assert!(refused(&["dev", "--port", &port, "--data", &here], &[]).contains("master key"));
    std::fs::write(&key, "nonsense").expect("written");
    assert!(refused(&["dev", "--port", &port, "--data", &here], &[]).contains("64 hex digits"));
    std::fs::write(&key, right).expect("written");

    let file = data.join("usher.toml");
    let config = file.to_str().expect("a path").to_owned();
    let master = "ab".repeat(32);
    let serve = |text: &str| {
        std::fs::write(&file, text).expect("written");
        refused(
            &["serve", "--config", &config],
            &[("USHER_MASTER_KEY", &master)],
        )
    };
    let instance = "[[instances]]\nname='a'\nhost='clerk.example.com'\n";
    let database = format!("[database]\nurl='sqlite:{here}/x.db'\n");
    assert!(
        serve(&format!("[server]\nlisten_here=1\n{database}{instance}")).contains("listen_here")
    );
    assert!(serve(instance).contains("database.url"));
    assert!(serve(&format!("{database}{instance}")).contains("mail.smtp_url"));
    let mail = "[mail]\nsmtp_url='smtp://127.0.0.1:1'\n";
    assert!(
        serve(&format!(
            "{database}{mail}[server]\nscheme='http'\n{instance}"
        ))
        .contains("https")
    );
    assert!(
        serve(&format!(
            "{database}{mail}{instance}[instances.settings.password]\nmin_length=3\n"
        ))
        .contains("password.min_length")
    );
    for (server, told) in [
        ("trusted_proxies=['10.0.0.0/99']", "10.0.0.0/99"),
        ("tls={certificates=[]}", "server.tls.certificates"),
        (
            "tls={certificates=[{chain='/nowhere.pem',key='/nowhere.key'}]}",
            "/nowhere.pem",
        ),
        ("scheme='http'\ntls={}", "server.tls is set"),
    ] {
        let text = format!("{database}{mail}[server]\nlisten='127.0.0.1:0'\n{server}\n{instance}");
        assert!(serve(&text).contains(told), "{server}");
    }
    assert!(serve(&format!("[database]\nurl='sqlite:/nowhere/at/all/x.db'\n{mail}[server]\nlisten='127.0.0.1:0'\n{instance}")).contains("cannot be opened"));

    for (section, part) in [
        ("[outbound]\nallow=['10.0.0.1/8']\n", "outbound.allow"),
        (
            "[outbound]\nauthorities_file='/nowhere'\n",
            "outbound.authorities_file",
        ),
        (
            "[breached_passwords]\nfile='/nowhere'\n",
            "breached_passwords.file",
        ),
        (
            "[breached_passwords]\nrange_url='https://x.org'\n",
            "breached_passwords.range_url",
        ),
    ] {
        let told = serve(&format!(
            "{database}{mail}{section}[server]\nlisten='127.0.0.1:0'\n{instance}"
        ));
        assert!(told.contains(part), "{told}");
    }

    // A database of a version to come.
    let made = Command::new("python3")
        .args(["-c", "import sqlite3,sys; c=sqlite3.connect(sys.argv[1]); c.execute(\"insert into schema_migrations values('9999_later','x')\"); c.commit()"])
        .arg(data.join("usher.db"))
        .status()
        .expect("python3");
    assert!(made.success());
    assert!(refused(&["dev", "--port", &port, "--data", &here], &[]).contains("newer version"));
}

#[test]
fn a_file_of_breached_passwords_is_built_verified_and_used() {
    let data = Dir::new("breached");
    let list = data.join("list.txt");
    let set = data.join("set.fuse");
    std::fs::write(&list, "kestrel marmalade 58\nanother one\n\n").expect("written");
    let breached = |arguments: &[&str], file: &Path| {
        Command::new(BINARY)
            .arg("breached")
            .args(arguments)
            .arg(file)
            .output()
            .expect("it runs")
    };
    let list = list.to_str().expect("a path");
    let mistaken = breached(&["build", "--input", list, "--output"], &set);
    assert!(!mistaken.status.success());
    assert!(String::from_utf8_lossy(&mistaken.stderr).contains("--plain"));
    let built = breached(&["build", "--plain", "--input", list, "--output"], &set);
    assert!(built.status.success());
    assert!(String::from_utf8_lossy(&built.stdout).contains("2 passwords"));
    assert!(breached(&["verify"], &set).status.success());
    let mut damaged = std::fs::read(&set).expect("a file");
    *damaged.last_mut().expect("bytes") ^= 1;
    let other = data.join("damaged.fuse");
    std::fs::write(&other, damaged).expect("written");
    let refused = breached(&["verify"], &other);
    assert!(!refused.status.success());
    assert!(String::from_utf8_lossy(&refused.stderr).contains("damaged"));
}

/// A mail server that takes one mail at a time and hands its text over.
fn smtp() -> (u16, mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let (mails, received) = mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mails = mails.clone();
            std::thread::spawn(move || {
                let mut reader = BufReader::new(stream.try_clone().expect("a stream"));
                let mut writer = stream;
                let _sent = writer.write_all(b"220 test ESMTP\r\n");
                let mut line = String::new();
                while reader.read_line(&mut line).is_ok_and(|n| n > 0) {
                    let word = line.to_ascii_uppercase();
                    let reply: &[u8] = if word.starts_with("EHLO") {
                        b"250-test\r\n250 8BITMIME\r\n"
                    } else if word.starts_with("DATA") {
                        let _sent = writer.write_all(b"354 go on\r\n");
                        let mut mail = String::new();
                        let mut part = String::new();
                        while reader.read_line(&mut part).is_ok_and(|n| n > 0) && part != ".\r\n" {
                            mail.push_str(&part);
                            part.clear();
                        }
                        let _taken = mails.send(mail);
                        b"250 taken\r\n"
                    } else if word.starts_with("QUIT") {
                        b"221 bye\r\n"
                    } else {
                        b"250 ok\r\n"
                    };
                    let _sent = writer.write_all(reply);
                    line.clear();
                }
            });
        }
    });
    (port, received)
}

#[test]
fn in_production_the_code_goes_out_by_mail_and_test_identities_are_nobody_special() {
    let data = Dir::new("serve");
    let (mail_port, mails) = smtp();
    let port = free_port();
    let file = data.join("usher.toml");
    let text = format!(
        "[server]\nlisten='127.0.0.1:{port}'\nscheme='http'\n[database]\nurl='sqlite:{}'\n[mail]\nsmtp_url='smtp://127.0.0.1:{mail_port}'\nfrom='Acme <no-reply@example.com>'\n[breached_passwords]\nrange_url='off'\n[[instances]]\nname='acme'\nhost='clerk.localhost:{port}'\n[instances.settings]\napplication_name='Acme'\n",
        data.join("usher.db").display()
    );
    std::fs::write(&file, text).expect("written");
    let child = Command::new(BINARY)
        .args(["serve", "--config"])
        .arg(&file)
        .env("USHER_MASTER_KEY", "cd".repeat(32))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    let mut server = Server { child, port };
    server.wait();
    let host = format!("clerk.localhost:{port}");
    let origin = format!("http://{host}");
    // The host names the instance in production; localhost alone names none.
    assert_eq!(get(port, "/v1/client", &[]).expect("an answer").status, 400);
    let post = |path: &str, cookie: &str, body: &str| {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("a connection");
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: {host}\r\nOrigin: {origin}\r\nCookie: {cookie}\r\nConnection: close\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).expect("sent");
        let mut text = String::new();
        stream.read_to_string(&mut text).expect("an answer");
        text
    };
    let started = post(
        "/v1/client/sign_ups",
        "",
        "email_address=eve%2Bclerk_test@example.com&password=a-long-passphrase-7",
    );
    let cookie = started
        .lines()
        .filter_map(|l| l.strip_prefix("set-cookie: "))
        .find(|c| c.starts_with("__client="))
        .and_then(|c| c.split(';').next())
        .expect("a client")
        .to_owned();
    let id = field(&started, "id").expect("an id");
    assert!(
        post(
            &format!("/v1/client/sign_ups/{id}/prepare_verification"),
            &cookie,
            "strategy=email_code"
        )
        .starts_with("HTTP/1.1 200")
    );
    let refused = post(
        &format!("/v1/client/sign_ups/{id}/attempt_verification"),
        &cookie,
        "strategy=email_code&code=424242",
    );
    assert!(
        refused.starts_with("HTTP/1.1 422") && refused.contains("form_code_incorrect"),
        "{refused}"
    );
    let mail = mails.recv_timeout(Duration::from_secs(20)).expect("a mail");
    assert!(
        mail.contains("To: eve+clerk_test@example.com") && mail.contains("Acme"),
        "{mail}"
    );
    let subject = mail
        .lines()
        .find_map(|l| l.strip_prefix("Subject: "))
        .expect("a subject");
    let code = subject.split(' ').next().expect("a code");
    let done = post(
        &format!("/v1/client/sign_ups/{id}/attempt_verification"),
        &cookie,
        &format!("strategy=email_code&code={code}"),
    );
    assert!(done.contains("\"status\":\"complete\""), "{done}");
    // There is no inbox in production.
    assert_eq!(
        get(port, "/inbox/messages", &[]).expect("an answer").status,
        404
    );
    assert!(server.terminate(), "a clean end");
    let kept = std::fs::read(data.join("usher.db")).expect("the database");
    let sold = |needle: &str| kept.windows(needle.len()).any(|w| w == needle.as_bytes());
    assert!(
        sold("eve+clerk_test@example.com") && !sold("a-long-passphrase-7"),
        "no password is at rest"
    );
}

#[test]
fn several_development_instances_have_their_own_pinned_keys_and_users() {
    let data = Dir::new("several");
    let port = free_port();
    let file = data.join("instances.toml");
    let one = |name: &str, kind: &str| {
        format!(
            "[[instances]]\nname='{name}'\nhost='{name}.localhost'\nenvironment='{kind}'\nsecret_key='sk_live_{name}000000000000'\n[instances.settings]\napplication_name='{name}'\n"
        )
    };
    std::fs::write(
        &file,
        format!("{}{}", one("one", "development"), one("two", "production")),
    )
    .expect("written");
    let child = Command::new(BINARY)
        .args(["dev", "--port", &port.to_string(), "--data"])
        .arg(&data.0)
        .arg("--instances")
        .arg(&file)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    let server = Server { child, port };
    server.wait();
    // The first one answers where no host names another.
    assert_eq!(sign_up(port, "ada+clerk_test@example.com"), Some(true));
    let users = |key: &str| {
        get(
            port,
            "/v1/users/count",
            &[("Authorization", &format!("Bearer {key}"))],
        )
        .expect("an answer")
    };
    assert!(
        users("sk_live_one000000000000")
            .body
            .contains("\"total_count\":1")
    );
    assert!(
        users("sk_live_two000000000000")
            .body
            .contains("\"total_count\":0")
    );
    assert_eq!(users("sk_live_six000000000000").status, 401);
}
