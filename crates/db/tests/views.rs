//! The views that SQLite's read connections keep (docs/decisions/0021): never stale, never in the writer's way.
#![expect(clippy::expect_used, reason = "tests say what they expect")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;
use usher_db::{Db, Tx, params, testdb};

async fn put(db: &Db, name: &str, content: &str) {
    let mut tx = db.write("").await.expect("a transaction");
    tx.run(
        "INSERT INTO server_facts (name, content) VALUES (?, ?)",
        params![name, content],
    )
    .await
    .expect("inserted");
    tx.commit().await.expect("committed");
}

async fn count(tx: &mut Tx) -> i64 {
    let row: Option<(i64,)> = tx
        .first(
            "SELECT count(*) FROM server_facts WHERE name LIKE 'v%'",
            params![],
        )
        .await
        .expect("a count");
    row.expect("a row").0
}

fn run<F: Future<Output = ()>>(test: F) {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime")
        .block_on(test);
}

#[test]
fn a_statement_sees_what_was_committed_before_it_and_a_snapshot_does_not_move() {
    run(async {
        let (db, path) = testdb::sqlite("views").await.expect("a database");
        let mut loose = db.read("").await.expect("a view");
        let mut pinned = db.read("").await.expect("a view");
        pinned.snapshot().expect("pinned");
        assert_eq!((count(&mut loose).await, count(&mut pinned).await), (0, 0));
        for index in 1..=20 {
            put(&db, &format!("v{index}"), "").await;
            assert_eq!(count(&mut loose).await, index);
            assert_eq!(count(&mut pinned).await, 0, "a snapshot is one state");
            let mut fresh = db.read("").await.expect("a view");
            assert_eq!(count(&mut fresh).await, index, "a kept view is not used");
        }
        drop(pinned);
        let mut after = db.read("").await.expect("a view");
        assert_eq!(count(&mut after).await, 20, "nor is one that was pinned");
        drop((loose, after));
        db.close().await;
        std::fs::remove_file(path).expect("removed");
    });
}

/// Reads and commits race: whoever reads after a commit was acknowledged sees it.
#[test]
fn an_acknowledged_commit_is_seen_by_every_later_read() {
    run(async {
        let (db, path) = testdb::sqlite("views_race").await.expect("a database");
        let acknowledged = Arc::new(AtomicI64::new(0));
        let over = Arc::new(AtomicBool::new(false));
        let readers: Vec<_> = (0..4)
            .map(|_| {
                let (db, acknowledged, over) =
                    (db.clone(), Arc::clone(&acknowledged), Arc::clone(&over));
                tokio::spawn(async move {
                    let mut reads = 0_u64;
                    while !over.load(Ordering::SeqCst) {
                        let least = acknowledged.load(Ordering::SeqCst);
                        let mut tx = db.read("").await.expect("a view");
                        let seen = count(&mut tx).await;
                        assert!(seen >= least, "{seen} rows seen after {least}");
                        reads += 1;
                        tokio::task::yield_now().await;
                    }
                    reads
                })
            })
            .collect();
        for index in 1..=400 {
            put(&db, &format!("v{index}"), "").await;
            acknowledged.store(index, Ordering::SeqCst);
        }
        over.store(true, Ordering::SeqCst);
        for reader in readers {
            assert!(reader.await.expect("no stale read") > 0);
        }
        db.close().await;
        std::fs::remove_file(path).expect("removed");
    });
}

#[test]
fn what_another_process_commits_is_seen_soon() {
    run(async {
        let (db, path) = testdb::sqlite("views_foreign").await.expect("a database");
        let mut tx = db.read("").await.expect("a view");
        assert_eq!(count(&mut tx).await, 0);
        let foreign = Db::open_sqlite(&path).expect("a second opening, which counts for itself");
        put(&foreign, "v1", "").await;
        tokio::time::sleep(Duration::from_millis(40)).await;
        assert_eq!(count(&mut tx).await, 1);
        drop(tx);
        foreign.close().await;
        db.close().await;
        std::fs::remove_file(path).expect("removed");
    });
}

/// 2 000 commits write far more than the log may hold; readers come and go all the time.
#[test]
fn the_log_stays_bounded_while_reads_go_on() {
    run(async {
        let (db, path) = testdb::sqlite("views_log").await.expect("a database");
        let over = Arc::new(AtomicBool::new(false));
        let readers: Vec<_> = (0..3)
            .map(|_| {
                let (db, over) = (db.clone(), Arc::clone(&over));
                tokio::spawn(async move {
                    while !over.load(Ordering::SeqCst) {
                        let mut tx = db.read("").await.expect("a view");
                        count(&mut tx).await;
                        tokio::task::yield_now().await;
                    }
                })
            })
            .collect();
        // Two that lie idle with a view each, most of the time.
        let idle = (
            db.read("").await.expect("a view"),
            db.read("").await.expect("a view"),
        );
        drop(idle);
        let mut log = path.clone().into_os_string();
        log.push("-wal");
        let content = "x".repeat(12_000);
        let mut largest = 0;
        for index in 0..2000 {
            put(&db, &format!("w{index}"), &content).await;
            if index % 50 == 0 {
                largest = largest.max(std::fs::metadata(&log).map_or(0, |m| m.len()));
            }
        }
        over.store(true, Ordering::SeqCst);
        for reader in readers {
            reader.await.expect("reads");
        }
        // Emptied beyond 16 MB, looked at every few commits; without that it is 50 MB.
        assert!(largest < 24_000_000, "the log grew to {largest} bytes");
        db.close().await;
        std::fs::remove_file(path).expect("removed");
    });
}
