//! Processes for tests: the binary in a directory of its own, and plain HTTP to talk to it.
#![expect(dead_code, reason = "every test file uses a part of it")]
use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_usher");

/// A fresh directory, gone with the value.
pub(crate) struct Dir(pub(crate) PathBuf);

impl Dir {
    pub(crate) fn new(name: &str) -> Self {
        let path =
            std::env::temp_dir().join(format!("usher-process-{}-{name}", std::process::id()));
        let _absent = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).expect("a directory");
        Self(path)
    }
    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _gone = std::fs::remove_dir_all(&self.0);
    }
}

pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .and_then(|l| l.local_addr())
        .map(|a| a.port())
        .expect("a port")
}

/// A server process, killed with the value.
pub(crate) struct Server {
    pub(crate) child: Child,
    pub(crate) port: u16,
}

impl Server {
    pub(crate) fn dev(data: &Path, port: u16) -> Self {
        let mut command = Command::new(BINARY);
        command
            .args(["dev", "--port", &port.to_string(), "--data"])
            .arg(data);
        Self::start(command, port)
    }
    /// Starts a command that becomes a server, and waits until it answers.
    pub(crate) fn start(mut command: Command, port: u16) -> Self {
        let child = command
            .env_remove("EXCHANGES")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the server starts");
        let server = Self { child, port };
        server.wait();
        server
    }
    pub(crate) fn wait(&self) {
        let until = Instant::now() + Duration::from_secs(30);
        while Instant::now() < until {
            if get(self.port, "/healthz", &[]).is_some_and(|r| r.status == 200) {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("the server did not answer");
    }
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("killed");
        self.child.wait().expect("reaped");
    }
    pub(crate) fn terminate(&mut self) -> bool {
        let sent = Command::new("kill")
            .args(["-TERM", &self.child.id().to_string()])
            .status()
            .expect("kill");
        assert!(sent.success());
        self.child.wait().expect("ended").success()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) cookies: Vec<String>,
    pub(crate) body: String,
}

#[expect(
    clippy::disallowed_methods,
    reason = "tests are the clients of the process"
)]
/// One HTTP/1.1 exchange on a connection of its own; `None` when the server is gone in the middle.
pub(crate) fn call(
    port: u16,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Option<Answer> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream
        .set_read_timeout(Some(Duration::from_secs(30)))
        .ok()?;
    let mut text = format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost:{port}\r\nConnection: close\r\nContent-Length: {}\r\n",
        body.len()
    );
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str("\r\n");
    text.push_str(body);
    stream.write_all(text.as_bytes()).ok()?;
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let status = line.split_whitespace().nth(1)?.parse().ok()?;
    let mut cookies = Vec::new();
    let mut length = None;
    loop {
        line.clear();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let Some((name, value)) = line.trim_end().split_once(": ") else {
            break;
        };
        match name {
            "set-cookie" => cookies.push(value.split(';').next().unwrap_or_default().to_owned()),
            "content-length" => length = value.parse::<usize>().ok(),
            _ => {}
        }
    }
    let mut content = Vec::new();
    reader.read_to_end(&mut content).ok()?;
    // A body that was cut off is no answer.
    (length.is_none_or(|l| l == content.len())).then(|| Answer {
        status,
        cookies,
        body: String::from_utf8_lossy(&content).into_owned(),
    })
}

pub(crate) fn get(port: u16, path: &str, headers: &[(&str, &str)]) -> Option<Answer> {
    call(port, "GET", path, headers, "")
}

/// A form post of a browser with these cookies.
pub(crate) fn post(
    port: u16,
    path: &str,
    cookies: &mut HashMap<String, String>,
    body: &str,
) -> Option<Answer> {
    let origin = format!("http://localhost:{port}");
    let cookie = cookies
        .iter()
        .map(|(n, v)| format!("{n}={v}"))
        .collect::<Vec<_>>()
        .join("; ");
    let headers = [
        ("Origin", origin.as_str()),
        ("Cookie", cookie.as_str()),
        ("Content-Type", "application/x-www-form-urlencoded"),
    ];
    let answer = call(port, "POST", path, &headers, body)?;
    for pair in &answer.cookies {
        if let Some((name, value)) = pair.split_once('=') {
            cookies.insert(name.to_owned(), value.to_owned());
        }
    }
    Some(answer)
}

/// The first `"name":"value"` of a JSON text.
pub(crate) fn field(body: &str, name: &str) -> Option<String> {
    let mark = format!("\"{name}\":\"");
    let start = body.find(&mark)? + mark.len();
    body[start..].split('"').next().map(str::to_owned)
}

pub(crate) fn sign_up(port: u16, address: &str) -> Option<bool> {
    let mut cookies = HashMap::new();
    let started = post(
        port,
        "/v1/client/sign_ups",
        &mut cookies,
        &format!(
            "email_address={}&password=a-long-passphrase-7",
            address.replace('+', "%2B")
        ),
    )?;
    let id = field(&started.body, "id")?;
    post(
        port,
        &format!("/v1/client/sign_ups/{id}/prepare_verification"),
        &mut cookies,
        "strategy=email_code",
    )?;
    let done = post(
        port,
        &format!("/v1/client/sign_ups/{id}/attempt_verification"),
        &mut cookies,
        "strategy=email_code&code=424242",
    )?;
    Some(done.status == 200 && done.body.contains("\"status\":\"complete\""))
}

pub(crate) fn environment(data: &Path, name: &str) -> String {
    let text = std::fs::read_to_string(data.join("dev.env")).expect("dev.env");
    text.lines()
        .find_map(|l| l.strip_prefix(&format!("{name}=")))
        .expect("the key")
        .to_owned()
}

/// Runs the binary to its end; its one line of trouble.
pub(crate) fn refused(args: &[&str], envs: &[(&str, &str)]) -> String {
    let out = Command::new(BINARY)
        .args(args)
        .envs(envs.iter().copied())
        .output()
        .expect("it runs");
    assert!(!out.status.success(), "it should not start: {args:?}");
    let text = String::from_utf8_lossy(&out.stderr).trim().to_owned();
    assert_eq!(text.lines().count(), 1, "one line: {text}");
    assert!(text.starts_with("usher: "), "{text}");
    text
}

/// Runs the binary to its end; what it printed.
pub(crate) fn done(args: &[&str]) -> String {
    let out = Command::new(BINARY).args(args).output().expect("it runs");
    assert!(
        out.status.success(),
        "{args:?}: {}",
        String::from_utf8_lossy(&out.stderr)
    );
    String::from_utf8_lossy(&out.stdout).into_owned()
}

/// Asks until the answer is there. Something outside of this process has to happen, and only asking can tell.
pub(crate) fn until<T>(what: &str, secs: u64, mut ask: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + Duration::from_secs(secs);
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < end, "{what}: not within {secs} s");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A JSON request of an operator's server.
pub(crate) fn bapi(port: u16, key: &str, method: &str, path: &str, body: &str) -> Option<Answer> {
    let bearer = format!("Bearer {key}");
    let headers = [
        ("Authorization", bearer.as_str()),
        ("Content-Type", "application/json"),
    ];
    call(port, method, path, &headers, body)
}

/// Says that a test could not run here, past libtest's capture: nobody shall take it for a passed one.
pub(crate) fn skipped(what: &str, why: &str) {
    let _closed = writeln!(std::io::stderr(), "{what}: SKIPPED ({why})");
}

/// Writes down a figure for the evidence, where the run asks for it.
pub(crate) fn figure(name: &str, count: usize) {
    let _closed = writeln!(std::io::stderr(), "{name}: {count}");
    if let Some(path) = std::env::var_os("USHER_FIGURES") {
        let mut file = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(path)
            .expect("the file of figures");
        // One write, so that lines of parallel tests do not mix.
        file.write_all(format!("{{\"{name}\":{count}}}\n").as_bytes())
            .expect("written");
    }
}

/// True where this process may do everything.
pub(crate) fn is_root() -> bool {
    Command::new("id")
        .arg("-u")
        .output()
        .is_ok_and(|out| out.stdout == b"0\n")
}

/// A PostgreSQL of a test's own.
pub(crate) struct Postgres {
    dir: Dir,
    bin: PathBuf,
    port: u16,
}

impl Postgres {
    /// Starts one with TLS on, under a certificate of `ca.pem` for `localhost`; `None`, and a word, where it is not installed.
    pub(crate) fn start(name: &str) -> Option<Self> {
        let found = Command::new("sh")
            .args(["-c", "ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1 | grep . || dirname \"$(readlink -f \"$(command -v initdb)\")\""])
            .output()
            .ok()?;
        let bin = PathBuf::from(String::from_utf8_lossy(&found.stdout).trim());
        if !bin.join("initdb").exists() {
            skipped(name, "PostgreSQL is not installed");
            return None;
        }
        let this = Self {
            dir: Dir::new(name),
            bin,
            port: free_port(),
        };
        if is_root() {
            // It refuses to run as root.
            let given = Command::new("chown")
                .arg("postgres")
                .arg(&this.dir.0)
                .status();
            assert!(given.expect("chown").success());
        }
        this.shell("$BIN/initdb -D data -U usher --auth=trust -E UTF8 --locale=C");
        this.shell(
            "openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -subj '/CN=test authority' -days 2 2>/dev/null\n\
             openssl req -newkey rsa:2048 -nodes -keyout data/server.key -out server.csr -subj /CN=localhost 2>/dev/null\n\
             echo subjectAltName=DNS:localhost > names\n\
             openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -out data/server.crt -extfile names 2>/dev/null\n\
             openssl req -x509 -newkey rsa:2048 -nodes -keyout other.key -out other.pem -subj '/CN=another authority' -days 2 2>/dev/null\n\
             chmod 600 data/server.key; chmod 644 ca.pem other.pem; chmod 755 .",
        );
        this.control("start", "on");
        Some(this)
    }
    /// Runs lines as the user that PostgreSQL runs as; all must succeed.
    fn shell(&self, lines: &str) {
        let text = format!(
            "set -e; BIN={}; cd {}; {lines}",
            self.bin.display(),
            self.dir.0.display()
        );
        let mut command = if is_root() {
            let mut command = Command::new("su");
            command.args(["postgres", "-s", "/bin/sh", "-c", &text]);
            command
        } else {
            let mut command = Command::new("sh");
            command.args(["-c", &text]);
            command
        };
        let log = std::fs::File::create(self.dir.0.with_extension("log")).expect("a log");
        // Not a pipe: the server would hold it open.
        let status = command
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a log"))
            .stderr(log)
            .status()
            .expect("it runs");
        let said = std::fs::read_to_string(self.dir.0.with_extension("log")).unwrap_or_default();
        assert!(status.success(), "{lines}: {said}");
    }
    /// `pg_ctl start` or `restart -m immediate`, with TLS `on` or `off`.
    pub(crate) fn control(&self, what: &str, tls: &str) {
        let who = if tls == "on" { "hostssl" } else { "host" };
        self.shell(&format!(
            "printf '{who} all all 127.0.0.1/32 trust\\n{who} all all ::1/128 trust\\n' > data/pg_hba.conf\n\
             $BIN/pg_ctl -D data -l log -w -o '-p {} -c listen_addresses=localhost -c unix_socket_directories= -c ssl={tls}' {what}",
            self.port
        ));
    }
    /// The URL by a name of its host.
    pub(crate) fn url(&self, host: &str, query: &str) -> String {
        format!("postgres://usher@{host}:{}/postgres{query}", self.port)
    }
    /// A file beside the data: `ca.pem`, `other.pem`.
    pub(crate) fn file(&self, name: &str) -> String {
        self.dir.join(name).display().to_string()
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // Not `shell`, which would panic while a test fails.
        let _stopped = Command::new("sh")
            .args([
                "-c",
                &format!(
                    "kill -QUIT \"$(head -n 1 {})\"",
                    self.file("data/postmaster.pid")
                ),
            ])
            .status();
        let _log = std::fs::remove_file(self.dir.0.with_extension("log"));
    }
}
