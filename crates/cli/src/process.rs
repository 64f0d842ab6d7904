//! What every command shares: logs, signals, printing, opening the database, files that only we may read.
use std::io::Write;
use std::path::Path;
use usher_crypto::seal::Master;
use usher_db::{Db, migrate};
use usher_server::app::App;
use usher_server::instances::Instance;

/// Prints a line for people. A closed pipe is not our problem.
pub(crate) fn say(line: &str) {
    let _closed = writeln!(std::io::stdout().lock(), "{line}");
}

/// Prints a line of trouble.
pub(crate) fn say_error(line: &str) {
    let _closed = writeln!(std::io::stderr().lock(), "{line}");
}

/// Structured logs on standard error: `USHER_LOG` filters them (`info`, `usher_server=debug`), JSON unless for people.
pub(crate) fn logs(people: bool) {
    let filter = tracing_subscriber::EnvFilter::try_from_env("USHER_LOG").unwrap_or_else(|_| {
        tracing_subscriber::EnvFilter::new(if people { "warn" } else { "info" })
    });
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    // A second start in one process (tests) keeps the first's logs.
    let _set_already = if people {
        builder.try_init()
    } else {
        builder.json().try_init()
    };
}

/// Ends when the operator (Ctrl-C) or the supervisor (SIGTERM) says so.
pub(crate) async fn stop() {
    let interrupt = tokio::signal::ctrl_c();
    match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        Ok(mut terminate) => tokio::select! {
            _ = interrupt => {}
            _ = terminate.recv() => {}
        },
        Err(_) => {
            let _ended = interrupt.await;
        }
    }
}

/// Opens the database of a URL.
///
/// # Errors
/// One line.
pub(crate) async fn open(url: &str, connections: usize) -> Result<Db, String> {
    if let Some(path) = url.strip_prefix("sqlite:") {
        let path = Path::new(path.trim_start_matches("//"));
        return Db::open_sqlite(path).map_err(|e| format!("the database cannot be opened: {e}"));
    }
    if url.starts_with("postgres://") || url.starts_with("postgresql://") {
        return Db::open_postgres(url, connections)
            .await
            .map_err(|e| format!("the database cannot be opened: {e}"));
    }
    Err("database.url must be sqlite:PATH or postgres://…".to_owned())
}

/// Brings the schema to this version.
///
/// # Errors
/// One line.
pub(crate) async fn migrate(db: &Db) -> Result<usize, String> {
    migrate::run(db)
        .await
        .map_err(|e| format!("the database cannot be brought to this version: {e}"))
}

/// Writes a file that only this user can read (mode 0600 from its first byte), whole or not at all.
///
/// # Errors
/// One line.
pub(crate) fn write_private(path: &Path, text: &str) -> Result<(), String> {
    use std::os::unix::fs::OpenOptionsExt;
    let told = |e: std::io::Error| format!("{}: {e}", path.display());
    let fresh = path.with_extension("new");
    // Left from a start that was cut off, or not there.
    let _absent = std::fs::remove_file(&fresh);
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&fresh)
        .map_err(told)?;
    file.write_all(text.as_bytes())
        .and_then(|()| file.sync_all())
        .map_err(told)?;
    std::fs::rename(&fresh, path).map_err(told)?;
    // Until the directory is synced a power cut can take the name away, and a database sealed under this key would stay.
    let parent = path.parent().filter(|p| !p.as_os_str().is_empty());
    std::fs::File::open(parent.unwrap_or(Path::new(".")))
        .and_then(|directory| directory.sync_all())
        .map_err(told)
}

/// The master key of a file, made on first use.
///
/// # Errors
/// One line.
pub(crate) fn master_file(path: &Path, rng: &usher_crypto::rng::Rng) -> Result<Master, String> {
    match std::fs::read_to_string(path) {
        Ok(text) => Master::from_hex(text.trim())
            .map_err(|e| format!("{}: {e}; it must hold 64 hex digits", path.display())),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            let master = Master::generate(rng);
            write_private(path, &format!("{}\n", master.to_hex()))?;
            Ok(master)
        }
        Err(e) => Err(format!("{}: {e}", path.display())),
    }
}

/// Refuses to serve an instance that asks for a captcha which nobody here could judge.
///
/// # Errors
/// One line that says what to change.
pub(crate) fn check_captcha(app: &App) -> Result<(), String> {
    let asks = |instance: &&std::sync::Arc<Instance>| instance.settings.bot_protection;
    match app.instances().iter().find(asks) {
        Some(instance) if app.options.captcha.is_none() => Err(format!(
            "instance {:?} has bot_protection on; set captcha.site_key and captcha.secret_file, or switch it off",
            instance.row.name
        )),
        _ => Ok(()),
    }
}
