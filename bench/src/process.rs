//! A server as its own process: starting, CPU time, memory, ending.
use crate::http::{Client, Res, request, told};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The kernel's clock ticks per second in `/proc`, the same on every Linux that we build for.
const TICKS: f64 = 100.0;

/// A running server; it ends with this value.
pub(crate) struct Server {
    child: Child,
    /// Its port on loopback.
    pub(crate) port: u16,
    /// From starting the process to its first 200.
    pub(crate) start: Duration,
}

/// A port that nobody listens on.
pub(crate) fn free_port() -> Res<u16> {
    let listener =
        std::net::TcpListener::bind("127.0.0.1:0").map_err(|e| told("no free port")(&e))?;
    Ok(listener
        .local_addr()
        .map_err(|e| told("no free port")(&e))?
        .port())
}

impl Server {
    /// Starts a command and waits for `GET /healthz` to answer 200.
    pub(crate) fn start(command: &mut Command, port: u16, log: &Path) -> Res<Self> {
        let log = std::fs::File::create(log).map_err(|e| told("the log")(&e))?;
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log);
        let ask = request("GET", port, "/healthz", &[], None);
        let began = Instant::now();
        let child = command
            .spawn()
            .map_err(|e| told("the server does not start")(&e))?;
        let mut server = Self {
            child,
            port,
            start: Duration::ZERO,
        };
        let mut client = Client::new(port);
        while began.elapsed() < Duration::from_secs(60) {
            if let Ok(200) = client.status(&ask) {
                server.start = began.elapsed();
                return Ok(server);
            }
            if let Ok(Some(status)) = server.child.try_wait() {
                return Err(format!("the server ended with {status}"));
            }
            std::thread::sleep(Duration::from_micros(500));
        }
        Err("the server does not answer in 60 s".to_owned())
    }

    fn proc(&self, file: &str) -> String {
        std::fs::read_to_string(format!("/proc/{}/{file}", self.child.id())).unwrap_or_default()
    }

    /// User and system time so far, in seconds.
    pub(crate) fn cpu(&self) -> f64 {
        cpu_of(&self.proc("stat"))
    }

    /// A size of `/proc/<pid>/status`, in MB.
    pub(crate) fn memory(&self, name: &str) -> f64 {
        let status = self.proc("status");
        let line = status
            .lines()
            .find_map(|l| l.strip_prefix(name)?.strip_prefix(':'));
        let kb: f64 = line
            .and_then(|l| l.trim().trim_end_matches(" kB").parse().ok())
            .unwrap_or_default();
        kb / 1024.0
    }

    /// Asks it to end, and waits for that.
    pub(crate) fn stop(&mut self) {
        let pid = self.child.id().to_string();
        let asked = Command::new("kill").arg(&pid).status();
        let began = Instant::now();
        while asked.as_ref().is_ok_and(std::process::ExitStatus::success)
            && began.elapsed() < Duration::from_secs(12)
        {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            self.stop();
        }
    }
}

/// User and system time of a line of `/proc/<pid>/stat`, in seconds.
fn cpu_of(stat: &str) -> f64 {
    // The name in parentheses may hold anything; utime and stime are the 12th and 13th words after it.
    let words = stat
        .rsplit_once(')')
        .map_or("", |(_, rest)| rest)
        .split_whitespace();
    words
        .skip(11)
        .take(2)
        .filter_map(|w| w.parse::<f64>().ok())
        .sum::<f64>()
        / TICKS
}

/// User and system time of this process so far, in seconds.
pub(crate) fn own_cpu() -> f64 {
    cpu_of(&std::fs::read_to_string("/proc/self/stat").unwrap_or_default())
}

/// What programs other than this one and its servers take of the machine.
pub(crate) struct Others {
    busy: f64,
    own: f64,
    began: Instant,
}

/// CPU time of everything that ran on this machine, and of this process with its ended children, in seconds.
fn used() -> (f64, f64) {
    let stat = std::fs::read_to_string("/proc/stat").unwrap_or_default();
    // user, nice, system, then idle and iowait, then the interrupts; what a hypervisor stole is not ours to count.
    let words: Vec<f64> = stat
        .lines()
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .skip(1)
        .filter_map(|w| w.parse().ok())
        .collect();
    let busy: f64 = [0, 1, 2, 5, 6].iter().filter_map(|i| words.get(*i)).sum();
    let own = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let own = own
        .rsplit_once(')')
        .map_or("", |(_, rest)| rest)
        .split_whitespace()
        .skip(11)
        .take(4);
    (
        busy / TICKS,
        own.filter_map(|w| w.parse::<f64>().ok()).sum::<f64>() / TICKS,
    )
}

impl Others {
    /// From now on.
    pub(crate) fn watch() -> Self {
        let (busy, own) = used();
        Self {
            busy,
            own,
            began: Instant::now(),
        }
    }
    /// Their share of all CPUs since. The servers must have ended, or their time counts as others'.
    pub(crate) fn share(&self) -> f64 {
        let (busy, own) = used();
        let others = (busy - self.busy) - (own - self.own);
        (others / self.began.elapsed().as_secs_f64() / crate::raw::cores() as f64).clamp(0.0, 1.0)
    }
}
