//! `usher audit` and `usher usage` as processes: what they print, and how they end.
#![expect(clippy::expect_used, reason = "tests say what they expect")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use usher_crypto::rng::Rng;
use usher_crypto::seal::Master;
use usher_db::{Db, migrate, write_tx};
use usher_server::instances::settings::Settings;
use usher_server::instances::setup::{self, Tools, Wanted};
use usher_types::{Error, Timestamp};

struct Dir(PathBuf);

impl Drop for Dir {
    fn drop(&mut self) {
        let _gone = std::fs::remove_dir_all(&self.0);
    }
}

fn usher(config: &Path, master: &str, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_usher"))
        .args(arguments)
        .arg("--config")
        .arg(config)
        .env("USHER_MASTER_KEY", master)
        .output()
        .expect("it runs")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// An instance that was made and then changed: two rows.
async fn made(file: &Path, master: &Master) {
    let db = Db::open_sqlite(file).expect("a database");
    migrate::run(&db).await.expect("migrated");
    let rng = Rng::system();
    let tools = Tools {
        db: &db,
        master,
        rng: &rng,
        now: Timestamp(1_767_323_045_678),
    };
    let mut wanted = Wanted {
        name: "acme".to_owned(),
        host: "clerk.example.com".to_owned(),
        environment: "production".to_owned(),
        secret_key: None,
        keys: setup::KeyForm::Live,
        settings: Settings::default(),
        overwrite: true,
    };
    setup::ensure(&tools, &wanted).await.expect("made");
    wanted.settings.application_name = "Acme".to_owned();
    setup::ensure(&tools, &wanted).await.expect("changed");
    db.close().await;
}

async fn tamper(file: &Path, sql: &str) {
    let db = Db::open_sqlite(file).expect("a database");
    let write = async || {
        write_tx!(db, "", tx => {
            tx.run(sql, &[]).await?;
            Ok::<_, Error>(())
        })
    };
    write().await.expect("tampered");
    db.close().await;
}

#[test]
fn the_log_is_verified_and_exported_and_the_first_broken_row_named() {
    let dir = Dir(std::env::temp_dir().join(format!("usher-audit-{}", std::process::id())));
    std::fs::create_dir_all(&dir.0).expect("a directory");
    let (file, config) = (dir.0.join("usher.db"), dir.0.join("usher.toml"));
    std::fs::write(
        &config,
        format!("[database]\nurl='sqlite:{}'\n", file.display()),
    )
    .expect("written");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let hex = "ab".repeat(32);
    let master = Master::from_hex(&hex).expect("a key");
    runtime.block_on(made(&file, &master));

    let whole = usher(&config, &hex, &["audit", "verify"]);
    assert!(whole.status.success(), "{whole:?}");
    let line = said(&whole);
    assert!(line.starts_with("acme: 2 rows, whole"), "{line}");
    let checkpoint = line
        .trim()
        .rsplit(' ')
        .next()
        .expect("a checkpoint")
        .to_owned();
    let export = said(&usher(&config, &hex, &["audit", "export"]));
    let rows: Vec<serde_json::Value> = export
        .lines()
        .map(|l| serde_json::from_str(l).expect("JSON"))
        .collect();
    assert_eq!(rows.len(), 2, "{export}");
    assert_eq!(rows[0]["event"], "instance.created");
    assert_eq!(rows[1]["changes"], serde_json::json!(["application_name"]));
    assert_eq!(rows[1]["prev_hash"], rows[0]["hash"]);
    assert_eq!(
        checkpoint,
        format!("2:{}", rows[1]["hash"].as_str().expect("a hash"))
    );
    let rest = said(&usher(&config, &hex, &["audit", "export", "--after", "1"]));
    assert_eq!(rest.lines().count(), 1, "{rest}");
    let held = [
        "audit",
        "verify",
        "--name",
        "acme",
        "--checkpoint",
        &checkpoint,
    ];
    assert!(usher(&config, &hex, &held).status.success());
    let usage = said(&usher(&config, &hex, &["usage", "--json"]));
    assert_eq!(usage.trim(), r#"{"object":"usage","data":[]}"#);

    runtime.block_on(tamper(
        &file,
        "UPDATE audit_logs SET event = 'x' WHERE seq = 2",
    ));
    let broken = usher(&config, &hex, &["audit", "verify"]);
    assert!(!broken.status.success());
    assert!(
        said(&broken).contains("acme: row 2 is broken: it was edited"),
        "{broken:?}"
    );
}
