//! `make bench`: starts the release binary, loads it over loopback beside the raw primitives and a peer, and writes down
//! ratios and rates per CPU-second of the server. Rounds are interleaved; figures are medians.
#![expect(
    clippy::disallowed_methods,
    reason = "the client of the server under load"
)]
mod database;
mod http;
mod load;
mod peer;
mod process;
mod raw;
mod report;
mod usher;

use http::{Res, told};
use load::{Latency, Rate};
use report::{Report, median, number};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;
use usher::Usher;

/// People with sessions; also the connections of the flood.
const PEOPLE: usize = 64;
/// Connections of the loads in a closed loop.
const CONNECTIONS: usize = 32;
/// Tokens per second during the flood.
const PACE: f64 = 300.0;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(line) => {
            say(&format!("usher-bench: {line}"));
            ExitCode::FAILURE
        }
    }
}

fn say(line: &str) {
    let _closed = writeln!(std::io::stderr().lock(), "{line}");
}

/// What the command line asks for.
struct Plan {
    out: Option<PathBuf>,
    binary: PathBuf,
    rounds: usize,
    round: Duration,
    folder: PathBuf,
    only: Option<String>,
}

impl Plan {
    fn wants(&self, part: &str) -> bool {
        self.only.as_deref().is_none_or(|only| only == part)
    }

    fn read() -> Res<Self> {
        let exe = std::env::current_exe().map_err(|e| told("this program")(&e))?;
        let release = exe.parent().map(Path::to_owned).unwrap_or_default();
        let folder = release.join(format!("bench-{}", std::process::id()));
        let mut plan = Self {
            out: None,
            binary: release.join("usher"),
            rounds: 5,
            round: Duration::from_secs(2),
            folder,
            only: None,
        };
        let mut words = std::env::args().skip(1);
        while let Some(word) = words.next() {
            let mut next = || words.next().ok_or(format!("{word} needs a value"));
            match word.as_str() {
                "--out" => plan.out = Some(next()?.into()),
                "--binary" => plan.binary = next()?.into(),
                "--only" => plan.only = Some(next()?),
                "--rounds" => plan.rounds = next()?.parse().map_err(|e| told("--rounds")(&e))?,
                "--seconds" => {
                    plan.round =
                        Duration::from_secs_f64(next()?.parse().map_err(|e| told("--seconds")(&e))?)
                }
                other => {
                    return Err(format!(
                        "{other} is unknown; --out FILE, --binary FILE, --rounds N, --seconds S, --only starts|paths|flood|writes|peers"
                    ));
                }
            }
        }
        if !plan.binary.exists() {
            return Err(format!(
                "{} is not there; run `make build` first",
                plan.binary.display()
            ));
        }
        std::fs::create_dir_all(&plan.folder).map_err(|e| told("the data directory")(&e))?;
        Ok(plan)
    }
}

impl Drop for Plan {
    fn drop(&mut self) {
        let _left = std::fs::remove_dir_all(&self.folder);
    }
}

fn run() -> Res<()> {
    let plan = Plan::read()?;
    let mut report = Report::default();
    let place = report::surroundings();
    say(&place);
    let others = process::Others::watch();
    let idle = if plan.wants("starts") || plan.wants("peers") {
        starts(&plan, &mut report)?
    } else {
        (0.0, 0.0)
    };
    say("people …");
    let usher = Usher::with_people(&plan.binary, &plan.folder.join("data"), PEOPLE)?;
    if plan.wants("paths") {
        paths(&plan, &usher, &mut report)?;
    }
    if plan.wants("flood") {
        flood(&plan, &usher, &mut report)?;
    }
    report.section(
        "Memory under load",
        "Resident memory of the server, and in parentheses what of it is its own; the rest are pages of the binary and of the mapped database file, which the kernel takes back when it needs them.",
    );
    let (all, own) = usher.memory();
    report.goal(
        "after the paths and the flood",
        format!("{} MB ({})", number(all), number(own)),
        "≤ 60 MB",
        all <= 60.0,
    );
    if plan.wants("writes") {
        let made = writes(&plan, &usher)?;
        let (all, own) = usher.memory();
        let size = std::fs::metadata(plan.folder.join("data/usher.db")).map_or(0, |m| m.len())
            as f64
            / 1e6;
        report.plain(
            "after the writes below",
            format!(
                "{} MB ({}), the database being {} MB",
                number(all),
                number(own),
                number(size)
            ),
        );
        made.report(&plan, &mut report)?;
    }
    if plan.wants("peers") {
        beside(&plan, &usher, idle, &mut report)?;
    }
    drop(usher);
    let busy = format!(
        "{place} Programs that have nothing to do with the benchmark took {:.0} % of the CPU time meanwhile.",
        others.share() * 100.0
    );
    let notes = [busy, HOW.to_owned()];
    let text = report.markdown(&notes);
    let _closed = writeln!(std::io::stdout().lock(), "{text}");
    if let Some(out) = &plan.out {
        std::fs::write(out, text).map_err(|e| told("the document")(&e))?;
    }
    Ok(())
}

const HOW: &str = "The release binary runs as `usher dev` on loopback; a load generator in another process keeps connections alive. \
Absolute times on shared machines mean little, so most figures are ratios within this run, or answers per CPU-second: answers \
divided by the user and system time of the server process. Rounds of all cases alternate, and a figure is the median of its rounds.";

/// Cold starts, memory and size. The idle memory and the median later start in ms.
fn starts(plan: &Plan, report: &mut Report) -> Res<(f64, f64)> {
    say("starts …");
    let (mut first, mut later, mut idle) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..5 {
        let data = plan.folder.join(format!("start-{round}"));
        let mut server = usher::start(&plan.binary, &data)?;
        first.push(server.start.as_secs_f64() * 1000.0);
        std::thread::sleep(Duration::from_secs(1));
        idle.push(server.memory("VmRSS"));
        server.stop();
        let server = usher::start(&plan.binary, &data)?;
        later.push(server.start.as_secs_f64() * 1000.0);
    }
    let worst = |values: &[f64]| values.iter().copied().fold(0.0, f64::max);
    report.section("Start, memory, size", "From starting the process to its first 200, and the resident memory one second later. Five directories, each started twice; median, and the slowest in parentheses.");
    let line = |values: &[f64]| {
        format!(
            "{} ms ({})",
            number(median(values.to_vec())),
            number(worst(values))
        )
    };
    report.goal(
        "first start, with key generation",
        line(&first),
        "< 1 000 ms",
        median(first.clone()) < 1000.0,
    );
    report.goal(
        "later starts",
        line(&later),
        "< 200 ms",
        median(later.clone()) < 200.0,
    );
    report.goal(
        "memory when idle",
        format!("{} MB", number(median(idle.clone()))),
        "< 40 MB",
        median(idle.clone()) < 40.0,
    );
    let size = std::fs::metadata(&plan.binary).map_or(0, |m| m.len()) as f64 / 1e6;
    report.goal(
        "binary, web assets included",
        format!("{} MB", number(size)),
        "≤ 25 MB and assets",
        size < 40.0,
    );
    Ok((median(idle), median(first)))
}

/// The paths of the API.
fn paths(plan: &Plan, usher: &Usher, report: &mut Report) -> Res<()> {
    let cases = [
        ("null GET (`/healthz`)", usher.get("/healthz"), 200),
        ("mint", usher.mints(), 200),
        ("`GET /v1/client`", usher.clients(), 200),
        ("`GET /v1/users/{id}` (Backend API)", usher.users(), 200),
        ("JWKS", usher.get("/.well-known/jwks.json"), 200),
        ("environment", usher.get("/v1/environment"), 200),
        (
            "handshake, token in a cookie",
            usher.handshakes("token"),
            307,
        ),
        ("handshake, nonce", usher.handshakes("nonce"), 307),
    ];
    let key = raw::key()?;
    let mut raws = Vec::new();
    let mut rates: Vec<Vec<Rate>> = vec![Vec::new(); cases.len()];
    for round in 0..plan.rounds {
        say(&format!("paths, round {} of {} …", round + 1, plan.rounds));
        raws.push(raw::sign(&key, plan.round).per_cpu);
        for (index, (name, requests, expected)) in cases.iter().enumerate() {
            let rate = load::closed(&usher.server, requests, CONNECTIONS, *expected, plan.round)
                .map_err(|e| format!("{name}: {e}"))?;
            rates[index].push(rate);
        }
    }
    let per_cpu = |index: usize| median(rates[index].iter().map(|r: &Rate| r.per_cpu).collect());
    let to_null = |index: usize| {
        median(
            rates[index]
                .iter()
                .zip(&rates[0])
                .map(|(r, n)| r.per_cpu / n.per_cpu)
                .collect(),
        )
    };
    let to_raw = |index: usize, signatures: f64| {
        median(
            rates[index]
                .iter()
                .zip(&raws)
                .map(|(r, s)| r.per_cpu * signatures / s)
                .collect(),
        )
    };
    report.section(
        "Paths",
        "32 connections in a closed loop from one thread, 64 people with a session each. Rates are answers per CPU-second of the server. The raw rate is RSA-2048 signing by aws-lc-rs, key parsed once, on every core, per CPU-second.",
    );
    report.plain("raw RSA-2048 signatures", number(median(raws.clone())));
    report.plain(cases[0].0, number(per_cpu(0)));
    let figure = |index: usize, ratio: f64, of: &str| {
        format!("{} = {ratio:.2} {of}", number(per_cpu(index)))
    };
    let ratio = to_raw(1, 1.0);
    report.goal(
        "mint, `POST /v1/client/sessions/{id}/tokens`",
        figure(1, ratio, "of raw"),
        "≥ 0.85 of raw",
        ratio >= 0.85,
    );
    for (index, wanted) in [(2, 0.30), (3, 0.30), (4, 0.80), (5, 0.80)] {
        let ratio = to_null(index);
        report.goal(
            cases[index].0,
            figure(index, ratio, "of null GET"),
            &format!("≥ {wanted:.2} of null GET"),
            ratio >= wanted,
        );
    }
    for (index, signatures, note) in [
        (6, 2.0, "2 signatures, 1 durable write"),
        (7, 1.0, "1 signature, 1 durable write"),
    ] {
        let ratio = to_raw(index, signatures);
        let name = format!("{} ({note})", cases[index].0);
        report.goal(
            &name,
            figure(index, ratio, "of raw ÷ signatures"),
            "≥ 0.85 of raw ÷ signatures",
            ratio >= 0.85,
        );
    }
    Ok(())
}

/// Tokens while passwords are hashed.
fn flood(plan: &Plan, usher: &Usher, report: &mut Report) -> Res<()> {
    let (mints, sign_ins) = (usher.mints(), usher.sign_ins());
    let time = plan.round * 3;
    let (mut idle, mut loaded, mut share, mut wall, mut hashes) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for round in 0..plan.rounds {
        say(&format!("flood, round {} of {} …", round + 1, plan.rounds));
        let raw = raw::bcrypt(time);
        let before = usher.server.cpu();
        idle.push(load::paced(usher.server.port, &mints, PACE, time)?);
        let minting = usher.server.cpu() - before;
        let (crowd, (latency, cpu)) = load::crowd(
            usher.server.port,
            &sign_ins,
            PEOPLE,
            Duration::from_secs(3),
            || {
                let cpu = usher.server.cpu();
                let latency = load::paced(usher.server.port, &mints, PACE, time);
                (latency, usher.server.cpu() - cpu)
            },
        );
        loaded.push(latency?);
        let done = crowd.answers.get(&200).copied().unwrap_or_default() as f64;
        if let Some((status, count)) = crowd
            .answers
            .iter()
            .find(|(s, _)| !matches!(s, 200 | 429 | 503))
        {
            return Err(format!(
                "{count} sign-ins of the flood were answered with {status}"
            ));
        }
        share.push(done / (cpu - minting) / raw.per_cpu);
        wall.push(done / crowd.wall);
        hashes.push(raw.per_second);
    }
    say("beyond the queue …");
    let (millis, hinted) = usher.refusals(100)?;
    let beyond = Latency::of(millis.clone());
    report.section(
        "Password flood",
        "Tokens are minted at a fixed 300/s, each request sent at its time, first alone, then while 64 callers sign in with right passwords (bcrypt, cost 10) as fast as they are answered; rounds alternate, medians. The raw rate is the same bcrypt crate on every core. Then 192 callers keep the queue full while a single caller tries.",
    );
    let pick = |of: &[Latency], get: fn(&Latency) -> f64| median(of.iter().map(get).collect());
    let (i50, i99) = (pick(&idle, |l| l.p50), pick(&idle, |l| l.p99));
    let (l50, l99) = (pick(&loaded, |l| l.p50), pick(&loaded, |l| l.p99));
    let bound = 2.0 * i99 + 2.0;
    report.plain("mint alone, p50 / p99", format!("{i50:.2} / {i99:.2} ms"));
    report.goal(
        "mint under the flood, p50",
        format!("{l50:.2} ms"),
        &format!("≤ 1.3 × alone = {:.2} ms", i50 * 1.3),
        l50 <= i50 * 1.3,
    );
    report.goal(
        "mint under the flood, p99",
        format!("{l99:.2} ms"),
        &format!("≤ 2 × alone + 2 ms = {bound:.2} ms"),
        l99 <= bound,
    );
    report.plain(
        "sign-ins under the flood / raw hashes, per second",
        format!("{} / {}", number(median(wall)), number(median(hashes))),
    );
    let share = median(share);
    report.goal(
        "sign-ins ÷ raw hashes, per CPU-second, the mints' time taken off",
        format!("{share:.2}"),
        "≥ 0.90",
        share >= 0.90,
    );
    let told = if hinted {
        "all with Retry-After"
    } else {
        "not all with Retry-After"
    };
    let figure = format!(
        "{:.2} / {:.2} ms, {} of them, {told}",
        beyond.p50,
        beyond.p99,
        millis.len()
    );
    report.goal(
        "refused beyond the queue, p50 / p99",
        figure,
        "< 10 ms, 429 or 503 with Retry-After",
        hinted && !millis.is_empty() && beyond.p99 < 10.0,
    );
    Ok(())
}

/// Durable writes of every round, per second.
#[derive(Default)]
struct Made {
    autocommit: Vec<f64>,
    alone: Vec<f64>,
    crowd: Vec<f64>,
    scattered: Vec<f64>,
    ratio: Vec<f64>,
    created: Vec<f64>,
    signed: Vec<f64>,
    hashes: Vec<f64>,
}

/// Durable writes.
fn writes(plan: &Plan, usher: &Usher) -> Res<Made> {
    let mut made = Made::default();
    for round in 0..plan.rounds {
        say(&format!("writes, round {} of {} …", round + 1, plan.rounds));
        let all = database::all(&plan.folder, plan.round)?;
        made.autocommit.push(all.autocommit);
        made.alone.push(all.alone);
        made.crowd.push(all.crowd);
        made.scattered.push(all.scattered);
        made.ratio.push(all.crowd / all.autocommit);
        made.created.push(usher.creations(plan.round, round)?);
        made.hashes.push(raw::bcrypt(plan.round).per_second);
        made.signed.push(usher.sign_ups(plan.round * 2, round)?);
    }
    Ok(made)
}

/// The median, the least and the most.
fn spread(values: &[f64]) -> String {
    let (least, most) = values
        .iter()
        .fold((f64::MAX, 0.0_f64), |(a, b), v| (a.min(*v), b.max(*v)));
    format!(
        "{} ({} – {})",
        number(median(values.to_vec())),
        number(least),
        number(most)
    )
}

impl Made {
    fn report(self, plan: &Plan, report: &mut Report) -> Res<()> {
        report.section(
            "Durable writes",
            "SQLite, WAL, synchronous=FULL, on the disk that holds the build; one small row per transaction, keys in the order of time as our ids are. Autocommit is rusqlite alone on one connection. Per second, medians of alternating rounds; the slowest and fastest in parentheses.",
        );
        let sync = format!("{} µs", number(database::sync(&plan.folder)?));
        report.plain(
            "4 KiB appended and synced on this disk: what sharing commits saves",
            sync,
        );
        report.plain("autocommit", spread(&self.autocommit));
        report.plain("the database layer, one writer", spread(&self.alone));
        let ratio = median(self.ratio);
        report.goal(
            "the database layer, 64 writers",
            format!(
                "{} = {ratio:.1} × autocommit, the median of the rounds' ratios",
                spread(&self.crowd)
            ),
            "≥ 8 × autocommit",
            ratio >= 8.0,
        );
        report.plain(
            "the same, each writer's keys in another part of the index: every row dirties a page of its own",
            spread(&self.scattered),
        );
        report.plain(
            "users made over HTTP by 64 callers (`POST /v1/users` without a password)",
            spread(&self.created),
        );
        report.plain("whole sign-ups over HTTP by 64 callers (three requests, one bcrypt: bound by it) / raw hashes", format!("{} / {}", number(median(self.signed)), number(median(self.hashes))));
        Ok(())
    }
}

/// Beside better-auth.
fn beside(plan: &Plan, usher: &Usher, (idle, first): (f64, f64), report: &mut Report) -> Res<()> {
    report.section(
        "Beside better-auth",
        "npm better-auth over better-sqlite3 (WAL, synchronous=FULL) with its jwt plugin signing RS256, in the same run, rounds alternating with ours. A cell is `usher / better-auth`. Passwords: bcrypt cost 10 beside its scrypt.",
    );
    say("better-auth …");
    let peer = match peer::Peer::with_people(&plan.folder.join("peer")) {
        Ok(peer) => peer,
        Err(e) => {
            say(&format!("better-auth: {e}"));
            report.plain("better-auth", format!("not measured: {e}"));
            return Ok(());
        }
    };
    let ours = [
        usher.clients(),
        usher.mints(),
        usher.get("/.well-known/jwks.json"),
        usher.sign_ins(),
    ];
    let theirs = [
        peer.get("/api/auth/get-session"),
        peer.get("/api/auth/token"),
        peer.get("/api/auth/jwks"),
        peer.sign_in(),
    ];
    let names = [
        "session read",
        "signed RS256 token",
        "JWKS",
        "password sign-in",
    ];
    let mut rates = vec![Vec::new(); names.len()];
    for round in 0..3 {
        say(&format!("better-auth, round {} of 3 …", round + 1));
        for index in 0..names.len() {
            let our = load::closed(&usher.server, &ours[index], CONNECTIONS, 200, plan.round)?;
            let their = load::closed(&peer.server, &theirs[index], CONNECTIONS, 200, plan.round)?;
            rates[index].push((our, their));
        }
    }
    let of = |index: usize, get: fn(&(Rate, Rate)) -> f64| {
        median(rates[index].iter().map(get).collect())
    };
    report.plain(
        "versions",
        format!("{} / {}", env!("CARGO_PKG_VERSION"), peer.version),
    );
    for (index, name) in names.iter().enumerate() {
        let (a, b) = (of(index, |r| r.0.per_cpu), of(index, |r| r.1.per_cpu));
        report.plain(
            &format!("{name}, per CPU-second"),
            format!("{} / {} = {:.1} ×", number(a), number(b), a / b),
        );
        report.plain(
            &format!("{name}, per second"),
            format!(
                "{} / {}",
                number(of(index, |r| r.0.per_second)),
                number(of(index, |r| r.1.per_second))
            ),
        );
    }
    report.plain(
        "first start",
        format!(
            "{} / {} ms",
            number(first),
            number(peer.server.start.as_secs_f64() * 1000.0)
        ),
    );
    report.plain(
        "memory when idle",
        format!("{} / {} MB", number(idle), number(peer.idle)),
    );
    let (ours, _) = usher.memory();
    report.plain(
        "memory after the load of this whole run",
        format!(
            "{} / {} MB",
            number(ours),
            number(peer.server.memory("VmRSS"))
        ),
    );
    Ok(())
}
