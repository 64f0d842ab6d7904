//! Power cuts. A kill loses nothing that the kernel has; a power cut loses what was not synced. Here every write and every sync of
//! a server under load is recorded, in order with its answers. Then the power is cut at many places: what was synced is on the
//! disk; of the rest nothing, a part in order with the last write torn, or any part. From every such disk the server's own code
//! must come up, whole, with everything that was answered before the cut.
//!
//! The model is a disk that keeps what fsync says and a file system that keeps a new file's name with its first fsync (ext4, XFS,
//! btrfs); renames and removals need a sync of the directory. The control reads the same record as if the write-ahead log had
//! never been synced (what `synchronous=NORMAL` comes to): it must lose answers, or this test sees nothing.
#![expect(clippy::expect_used, reason = "tests say what they expect")]

mod harness;

use harness::{BINARY, Dir, Server, bapi, environment, figure, free_port, skipped};
use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use usher_crypto::rng::Rng;
use usher_crypto::seal::Master;
use usher_db::Db;
use usher_server::instances::{loaded, store};

const CUTS: usize = 300;
const USERS: usize = 400;

/// One event of the record.
struct Event {
    kind: u8,
    path: String,
    offset: usize,
    data: Vec<u8>,
}

fn read(log: &[u8]) -> Vec<Event> {
    let number = |at: usize, width: usize| {
        let mut bytes = [0; 8];
        bytes[..width].copy_from_slice(&log[at..at + width]);
        usize::try_from(u64::from_le_bytes(bytes)).expect("a length")
    };
    let mut events = Vec::new();
    let mut at = 0;
    while at + 21 <= log.len() {
        let (kind, name, offset, length) = (
            log[at],
            number(at + 1, 4),
            number(at + 5, 8),
            number(at + 13, 8),
        );
        at += 21;
        if at + name + length > log.len() {
            break; // Cut off by the kill.
        }
        events.push(Event {
            kind,
            path: String::from_utf8_lossy(&log[at..at + name]).into_owned(),
            offset,
            data: log[at + name..at + name + length].to_vec(),
        });
        at += name + length;
    }
    events
}

/// The ids of the users whose creation was answered by then.
fn answered(events: &[Event]) -> Vec<String> {
    events
        .iter()
        .filter(|e| e.kind == b'a')
        .filter_map(|e| {
            let text = String::from_utf8_lossy(&e.data);
            let body = text.split_once("\r\n\r\n")?.1;
            let id = body.strip_prefix("{\"id\":\"user_")?.split('"').next()?;
            Some(format!("user_{id}"))
        })
        .collect()
}

/// How much of what was not synced reached the disk.
#[derive(Clone, Copy, Debug)]
enum Rest {
    None,
    /// In order up to an event, which is torn.
    Part,
    /// Each by itself.
    Any,
}

/// A disk after a cut: the files by name.
type Disk = BTreeMap<String, Vec<u8>>;

/// What is on the disk when the power goes after `events`. `synced` says which syncs count.
fn cut(events: &[Event], rest: Rest, rng: &Rng, synced: impl Fn(&Event) -> bool) -> Disk {
    // The file that a name means at each event: names change, files do not.
    let mut names: HashMap<&str, usize> = HashMap::new();
    let mut files = 0;
    let mut means = Vec::with_capacity(events.len());
    for event in events {
        let file = match event.kind {
            b'c' => {
                files += 1;
                names.insert(&event.path, files);
                files
            }
            b'r' => {
                let file = names.remove(event.path.as_str()).unwrap_or(0);
                names.insert(std::str::from_utf8(&event.data).expect("a path"), file);
                file
            }
            b'u' => names.remove(event.path.as_str()).unwrap_or(0),
            _ => names.get(event.path.as_str()).copied().unwrap_or(0),
        };
        means.push(file);
    }
    // Backwards: an event is safe when a sync of its file (of the directory, for names) comes after it.
    let mut safe = vec![false; events.len()];
    let (mut synced_files, mut synced_names) = (vec![false; files + 1], false);
    for (index, event) in events.iter().enumerate().rev() {
        match event.kind {
            b'f' if synced(event) => synced_files[means[index]] = true,
            b'd' if synced(event) => synced_names = true,
            b'w' | b't' => safe[index] = synced_files[means[index]],
            b'c' => safe[index] = synced_names || synced_files[means[index]],
            b'r' | b'u' => safe[index] = synced_names,
            _ => {}
        }
    }
    let loose: Vec<usize> = (0..events.len())
        .filter(|i| !safe[*i] && b"wtcru".contains(&events[*i].kind))
        .collect();
    let last = loose.get(below(rng, loose.len().max(1))).copied();
    let mut contents: HashMap<usize, Vec<u8>> = HashMap::new();
    let mut disk: BTreeMap<&str, usize> = BTreeMap::new();
    for (index, event) in events.iter().enumerate() {
        let kept = safe[index]
            || match rest {
                Rest::None => false,
                Rest::Part => last.is_some_and(|last| index <= last),
                Rest::Any => rng.bytes::<1>()[0] & 1 == 1,
            };
        if !kept {
            continue;
        }
        let file = means[index];
        match event.kind {
            b'c' => {
                disk.insert(&event.path, file);
            }
            b'u' => {
                disk.remove(event.path.as_str());
            }
            b'r' => {
                disk.remove(event.path.as_str());
                disk.insert(std::str::from_utf8(&event.data).expect("a path"), file);
            }
            b't' => contents.entry(file).or_default().resize(event.offset, 0),
            b'w' => {
                let torn = matches!(rest, Rest::Part) && !safe[index] && last == Some(index);
                let length = if torn {
                    below(rng, event.data.len() + 1)
                } else {
                    event.data.len()
                };
                let content = contents.entry(file).or_default();
                if content.len() < event.offset + length {
                    content.resize(event.offset + length, 0);
                }
                content[event.offset..event.offset + length].copy_from_slice(&event.data[..length]);
            }
            _ => {}
        }
    }
    disk.into_iter()
        .map(|(name, file)| (name.to_owned(), contents.remove(&file).unwrap_or_default()))
        .collect()
}

fn below(rng: &Rng, end: usize) -> usize {
    usize::try_from(u64::from_le_bytes(rng.bytes()) >> 1).expect("64 bits") % end
}

/// Starts from a disk as the server does; what is wrong with it.
async fn broken(disk: &Disk, place: &Path, answered: &[String]) -> Option<String> {
    let _absent = std::fs::remove_dir_all(place);
    std::fs::create_dir_all(place).expect("a directory");
    for (name, content) in disk {
        let name = Path::new(name).file_name().expect("a file");
        if name != "usher.db-shm" {
            std::fs::write(place.join(name), content).expect("written");
        }
    }
    let file = place.join("usher.db");
    if !file.exists() {
        return (!answered.is_empty()).then(|| "there is no database".to_owned());
    }
    let db = match Db::open_sqlite(&file) {
        Ok(db) => db,
        Err(e) => return Some(format!("it does not open: {e}")),
    };
    let outcome = whole(&db, place, answered).await;
    db.close().await;
    outcome.err()
}

async fn whole(db: &Db, place: &Path, answered: &[String]) -> Result<(), String> {
    let failed = |e: usher_db::DbError| e.to_string();
    // A cut in the middle of the first start: the next one goes on.
    usher_db::migrate::run(db).await.map_err(failed)?;
    let mut tx = db.read("").await.map_err(failed)?;
    let check: Vec<(String,)> = tx
        .all("PRAGMA integrity_check", &[])
        .await
        .map_err(failed)?;
    if check.len() != 1 || check[0].0 != "ok" {
        return Err(format!("integrity_check: {check:?}"));
    }
    let rows: Vec<(String,)> = tx.all("SELECT id FROM users", &[]).await.map_err(failed)?;
    let lost: Vec<&String> = answered
        .iter()
        .filter(|id| !rows.iter().any(|(row,)| row == *id))
        .collect();
    if !lost.is_empty() {
        return Err(format!(
            "{} of {} answered are lost",
            lost.len(),
            answered.len()
        ));
    }
    // Whatever is sealed opens: the key was on the disk before anything was sealed under it.
    for row in store::all(&mut tx).await.map_err(failed)? {
        let text = std::fs::read_to_string(place.join("master.key"))
            .map_err(|e| format!("master.key: {e}"))?;
        let master = Master::from_hex(text.trim()).map_err(|e| format!("master.key: {e}"))?;
        loaded::data_key(&row, &master).map_err(|e| e.to_string())?;
    }
    Ok(())
}

#[test]
fn a_power_cut_loses_nothing_that_was_answered() {
    let home = Dir::new("power");
    let shim = home.join("shim.so");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/power/shim.c");
    let compiled = Command::new("cc")
        .args(["-shared", "-fPIC", "-O1", "-o"])
        .arg(&shim)
        .arg(&source)
        .args(["-ldl", "-lpthread"])
        .status();
    if !cfg!(target_os = "linux") || !compiled.is_ok_and(|status| status.success()) {
        skipped("power cuts", "it takes Linux and a C compiler");
        return;
    }
    let (data, log) = (home.join("data"), home.join("log"));
    std::fs::create_dir_all(&data).expect("a directory");
    let port = free_port();
    let mut command = Command::new(BINARY);
    command
        .args(["dev", "--port", &port.to_string(), "--data"])
        .arg(&data)
        .env("LD_PRELOAD", &shim)
        .env("POWER_DIR", &data)
        .env("POWER_LOG", &log);
    let mut server = Server::start(command, port);
    let key = environment(&data, "CLERK_SECRET_KEY");
    let next = AtomicUsize::new(0);
    let seen = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                loop {
                    let n = next.fetch_add(1, Ordering::SeqCst);
                    if n >= USERS {
                        break;
                    }
                    // Long metadata: the log is carried over and started anew while this runs.
                    let body = format!(
                        r#"{{"email_address":["person{n}@example.com"],"skip_password_requirement":true,"public_metadata":{{"x":"{}"}}}}"#,
                        "m".repeat(7000)
                    );
                    let made = bapi(port, &key, "POST", "/v1/users", &body).expect("an answer");
                    assert_eq!(made.status, 200, "{made:?}");
                    seen.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
    });
    server.kill();
    let record = std::fs::read(&log).expect("the record");
    let events = read(&record);
    let users = answered(&events).len();
    let count = |kind: u8| events.iter().filter(|e| e.kind == kind).count();
    assert_eq!(
        users,
        seen.load(Ordering::SeqCst),
        "every answer is in the record"
    );
    assert!(
        count(b'f') > 20 && count(b'w') > 500 && count(b'd') > 0,
        "syncs and writes are"
    );
    let restarts = events
        .iter()
        .filter(|e| e.kind == b'w' && e.offset == 0 && e.path.ends_with("-wal"))
        .count();
    assert!(
        restarts > 1,
        "the log was started anew while it was recorded"
    );

    let rng = Rng::seeded(20_261_124);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    let place = home.join("disk");
    // Half of the cuts fall right behind an answer, where a missing sync shows.
    let answers: Vec<usize> = (0..events.len())
        .filter(|i| events[*i].kind == b'a')
        .collect();
    let points: Vec<usize> = (0..CUTS)
        .map(|n| match n % 2 {
            0 => answers[below(&rng, answers.len())] + 1,
            _ => below(&rng, events.len() + 1),
        })
        .collect();
    let lost = |points: &[usize], synced: &dyn Fn(&Event) -> bool| {
        let mut losses = Vec::new();
        for (n, point) in points.iter().enumerate() {
            let rest = [Rest::None, Rest::Part, Rest::Any][n / 2 % 3];
            let disk = cut(&events[..*point], rest, &rng, synced);
            let ids = answered(&events[..*point]);
            if let Some(what) = runtime.block_on(broken(&disk, &place, &ids)) {
                losses.push(format!(
                    "cut at {point} of {} ({rest:?}): {what}",
                    events.len()
                ));
            }
        }
        losses
    };
    let losses = lost(&points, &|_| true);
    figure("power_cuts", points.len());
    figure("power_cut_losses", losses.len());
    assert!(losses.is_empty(), "{losses:#?}");
    let unsynced = lost(&points[..60], &|e| !e.path.ends_with("-wal"));
    assert!(
        unsynced.len() > 20,
        "without syncs of the log only {} of 60 cuts lost anything: the test is blind",
        unsynced.len()
    );
    figure("power_cut_control_losses", unsynced.len());
}
