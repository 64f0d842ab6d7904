//! A server beside ours in the same run: npm `better-auth` over better-sqlite3 (`bench/peers/better-auth`).
use crate::http::{Client, Res, request};
use crate::process::{Server, free_port};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A running better-auth with people in it.
pub(crate) struct Peer {
    pub(crate) server: Server,
    /// Its version.
    pub(crate) version: String,
    /// MB before the first sign-up.
    pub(crate) idle: f64,
    cookies: Vec<String>,
}

const SIGN_IN: &str = r#"{"email":"person0@example.com","password":"correct horse 9"}"#;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/better-auth")
}

/// Installs it where it is not.
fn install() -> Res<()> {
    let module = folder().join("node_modules/better-sqlite3/build/Release/better_sqlite3.node");
    if module.exists() {
        return Ok(());
    }
    let done = Command::new("npm")
        .args(["ci", "--no-audit", "--no-fund"])
        .current_dir(folder())
        .output();
    match done {
        Ok(out) if out.status.success() && module.exists() => Ok(()),
        Ok(out) => Err(format!(
            "npm ci: {}",
            String::from_utf8_lossy(&out.stderr)
                .lines()
                .last()
                .unwrap_or("failed")
        )),
        Err(e) => Err(format!("npm: {e}")),
    }
}

/// Starts it on a fresh directory.
pub(crate) fn start(data: &Path) -> Res<Server> {
    install()?;
    std::fs::create_dir_all(data).map_err(|e| e.to_string())?;
    let port = free_port()?;
    let mut command = Command::new("node");
    command
        .arg(folder().join("server.mjs"))
        .arg(port.to_string())
        .arg(data)
        .current_dir(folder())
        .env("NODE_ENV", "production");
    Server::start(&mut command, port, &data.with_extension("log"))
}

impl Peer {
    /// Starts one and signs 16 new people in.
    pub(crate) fn with_people(data: &Path) -> Res<Self> {
        let server = start(data)?;
        std::thread::sleep(std::time::Duration::from_secs(1));
        let manifest =
            std::fs::read_to_string(folder().join("node_modules/better-auth/package.json"))
                .unwrap_or_default();
        let manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap_or_default();
        let version = manifest["version"].as_str().unwrap_or_default().to_owned();
        let idle = server.memory("VmRSS");
        let mut peer = Self {
            server,
            version,
            idle,
            cookies: Vec::new(),
        };
        let mut client = Client::new(peer.server.port);
        for number in 0..16 {
            let body = format!(
                r#"{{"name":"Ada Lovelace","email":"person{number}@example.com","password":"correct horse 9"}}"#
            );
            let answer = client.send(&peer.post("/api/auth/sign-up/email", &body))?;
            answer.json()?;
            peer.cookies.push(answer.cookies());
        }
        Ok(peer)
    }

    fn post(&self, path: &str, body: &str) -> Vec<u8> {
        let origin = format!("http://localhost:{}", self.server.port);
        request(
            "POST",
            self.server.port,
            path,
            &[("origin", &origin)],
            Some(("application/json", body)),
        )
    }

    /// A GET of everybody.
    pub(crate) fn get(&self, path: &str) -> Vec<Vec<u8>> {
        self.cookies
            .iter()
            .map(|c| request("GET", self.server.port, path, &[("cookie", c)], None))
            .collect()
    }

    /// A sign-in by password.
    pub(crate) fn sign_in(&self) -> Vec<Vec<u8>> {
        vec![self.post("/api/auth/sign-in/email", SIGN_IN)]
    }
}
