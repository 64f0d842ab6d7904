//! What both engines promise, on both engines.
#![expect(clippy::expect_used, reason = "tests say what they expect")]

use std::collections::BTreeMap;
use usher_db::{Db, Tx, Value, params, testdb, write_tx};
use usher_types::{Error, Fault};

/// Runs a test on SQLite, and on PostgreSQL where there is one.
fn both<F: Future<Output = ()>>(name: &str, test: impl Fn(Db) -> F) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let (db, path) = testdb::sqlite(name).await.expect("a database");
        test(db.clone()).await;
        db.close().await;
        std::fs::remove_file(path).expect("removed");
        match testdb::postgres_url() {
            Some(url) => {
                test(
                    testdb::postgres(&url, &format!("db_{name}"))
                        .await
                        .expect("a schema"),
                )
                .await
            }
            None => eprintln!("postgres: skipped (USHER_TEST_POSTGRES is not set)"),
        }
    });
}

async fn put(tx: &mut Tx, name: &str, content: &str) -> Result<u64, usher_db::DbError> {
    tx.run(
        "INSERT INTO server_facts (name, content) VALUES (?, ?)",
        params![name, content],
    )
    .await
}

async fn count(db: &Db) -> i64 {
    let mut tx = db.read("").await.expect("a view");
    let row: Option<(i64,)> = tx
        .first("SELECT count(*) FROM server_facts", params![])
        .await
        .expect("a count");
    row.expect("a row").0
}

#[test]
fn what_is_committed_is_there_and_what_is_dropped_is_not() {
    both("commit", async |db| {
        let mut tx = db.write("t").await.expect("a transaction");
        assert_eq!(tx.tenant(), "t");
        put(&mut tx, "kept", "1").await.expect("inserted");
        tx.commit().await.expect("committed");
        let mut tx = db.write("t").await.expect("a transaction");
        put(&mut tx, "dropped", "1").await.expect("inserted");
        drop(tx);
        // The next write waits for the rollback, whatever engine.
        let mut tx = db.write("t").await.expect("a transaction");
        put(&mut tx, "dropped", "2")
            .await
            .expect("the name is free again");
        drop(tx);
        assert_eq!(count(&db).await, 1);
    });
}

#[test]
fn an_error_in_the_body_rolls_back_and_a_refusal_as_a_value_commits() {
    both("body", async |db| {
        let run = async |fail: bool| -> Result<bool, Error> {
            write_tx!(db, "", tx => {
                put(&mut tx, if fail { "failed" } else { "counted" }, "1").await?;
                if fail { Err(Fault::new("no").into()) } else { Ok(false) }
            })
        };
        assert!(run(true).await.is_err());
        assert_eq!(count(&db).await, 0);
        assert!(!run(false).await.expect("a value"));
        assert_eq!(count(&db).await, 1);
    });
}

#[test]
fn a_unique_index_says_so_and_the_others_of_the_batch_are_kept() {
    both("unique", async |db| {
        let mut tx = db.write("").await.expect("a transaction");
        put(&mut tx, "one", "1").await.expect("inserted");
        tx.commit().await.expect("committed");
        let mut tx = db.write("").await.expect("a transaction");
        let refused = put(&mut tx, "one", "2").await.expect_err("refused");
        assert!(refused.is_unique(), "{refused}");
        drop(tx);
        assert_eq!(count(&db).await, 1);
    });
}

#[test]
fn sixty_four_writers_share_commits_and_lose_nothing() {
    both("group", async |db| {
        let tasks: Vec<_> = (0..64)
            .map(|n| {
                let db = db.clone();
                tokio::spawn(async move {
                    for round in 0..8 {
                        let done: Result<(), Error> = write_tx!(db, "", tx => {
                            put(&mut tx, &format!("{n}-{round}"), "x").await?;
                            // Every fourth is rolled back in the middle of others' batches.
                            if n % 4 == 3 { Err(Fault::new("no").into()) } else { Ok(()) }
                        });
                        assert_eq!(done.is_ok(), n % 4 != 3);
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.expect("a task");
        }
        assert_eq!(count(&db).await, 48 * 8);
    });
}

#[test]
fn a_writer_that_is_cancelled_leaves_nothing_and_blocks_nobody() {
    both("cancel", async |db| {
        for n in 0..20 {
            let inner = db.clone();
            let task = tokio::spawn(async move {
                let mut tx = inner.write("").await.expect("a transaction");
                put(&mut tx, &format!("gone-{n}"), "x")
                    .await
                    .expect("inserted");
                std::future::pending::<()>().await;
            });
            tokio::task::yield_now().await;
            task.abort();
            // Aborted before, in, or after its insert.
            let _ended = task.await;
        }
        let mut tx = db.write("").await.expect("the writer is free");
        put(&mut tx, "after", "x").await.expect("inserted");
        tx.commit().await.expect("committed");
        assert_eq!(count(&db).await, 1);
    });
}

#[test]
fn only_one_of_many_consumes_a_row() {
    both("consume", async |db| {
        let mut tx = db.write("").await.expect("a transaction");
        put(&mut tx, "code", "open").await.expect("inserted");
        tx.commit().await.expect("committed");
        let tasks: Vec<_> = (0..64)
            .map(|_| {
                let db = db.clone();
                tokio::spawn(async move {
                    let taken: Result<u64, Error> =
                        write_tx!(db, "", tx => { Ok(tx.run("UPDATE server_facts SET content = 'used' WHERE name = ? AND content = 'open'", params!["code"]).await?) });
                    taken.expect("an answer")
                })
            })
            .collect();
        let mut winners = 0;
        for task in tasks {
            winners += task.await.expect("a task");
        }
        assert_eq!(winners, 1);
    });
}

#[test]
fn values_come_back_as_they_went() {
    both("values", async |db| {
        let texts = ["", "plain", "ümlaut 🦀", "'; DROP TABLE users; --", "a?b$1"];
        let mut tx = db.write("").await.expect("a transaction");
        for (n, text) in texts.iter().enumerate() {
            put(&mut tx, &n.to_string(), text).await.expect("inserted");
        }
        tx.commit().await.expect("committed");
        let mut tx = db.read("").await.expect("a view");
        let rows: Vec<(String,)> = tx
            .all("SELECT content FROM server_facts ORDER BY name", params![])
            .await
            .expect("rows");
        assert_eq!(rows.into_iter().map(|r| r.0).collect::<Vec<_>>(), texts);
        let row: Option<(i64, bool, Option<String>)> = tx
            .first(
                "SELECT CAST(? AS BIGINT), CAST(? AS BOOLEAN), CAST(? AS TEXT)",
                &[Value::Int(i64::MIN), Value::Bool(true), Value::Null],
            )
            .await
            .expect("a row");
        assert_eq!(row, Some((i64::MIN, true, None)));
    });
}

#[test]
fn migrations_run_once_and_a_newer_schema_is_refused() {
    both("migrate", async |db| {
        assert_eq!(usher_db::migrate::run(&db).await.expect("nothing to do"), 0);
        assert!(
            usher_db::migrate::pending(&db)
                .await
                .expect("a list")
                .is_empty()
        );
        let mut tx = db.write("").await.expect("a transaction");
        tx.run(
            "INSERT INTO schema_migrations (name, checksum) VALUES (?, ?)",
            params!["9999_later", "x"],
        )
        .await
        .expect("inserted");
        tx.commit().await.expect("committed");
        let refused = usher_db::migrate::run(&db).await.expect_err("refused");
        assert!(refused.text.contains("newer version"), "{refused}");
    });
}

/// Tables, columns, their kinds and whether they may be null, and indexes: the same on both.
#[test]
fn both_engines_have_the_same_schema() {
    let Some(url) = testdb::postgres_url() else {
        eprintln!("postgres: skipped (USHER_TEST_POSTGRES is not set)");
        return;
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let (sqlite, path) = testdb::sqlite("schema").await.expect("a database");
        let postgres = testdb::postgres(&url, "db_schema").await.expect("a schema");
        let mut here: BTreeMap<String, String> = BTreeMap::new();
        let mut view = sqlite.read("").await.expect("a view");
        let tables: Vec<(String,)> = view.all("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'", params![]).await.expect("tables");
        for (table,) in &tables {
            let columns: Vec<(String, String, i64, i64)> =
                view.all("SELECT name, type, \"notnull\", pk FROM pragma_table_info(?)", params![table]).await.expect("columns");
            for (name, kind, required, key) in columns {
                here.insert(format!("{table}.{name}"), format!("{} {}", kind.to_lowercase().replace("blob", "bytea"), required != 0 || key != 0));
            }
        }
        let indexes: Vec<(String,)> = view.all("SELECT name FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL", params![]).await.expect("indexes");
        let mut there: BTreeMap<String, String> = BTreeMap::new();
        let mut view = postgres.read("").await.expect("a view");
        let columns: Vec<(String, String, String, bool)> = view
            .all(
                "SELECT CAST(table_name AS TEXT), CAST(column_name AS TEXT), CAST(data_type AS TEXT), is_nullable = 'NO' FROM information_schema.columns WHERE CAST(table_schema AS TEXT) = ?",
                params!["db_schema"],
            )
            .await
            .expect("columns");
        for (table, name, kind, required) in columns {
            there.insert(format!("{table}.{name}"), format!("{kind} {required}"));
        }
        assert_eq!(here, there);
        let theirs: Vec<(String,)> =
            view.all("SELECT CAST(indexname AS TEXT) FROM pg_indexes WHERE CAST(schemaname AS TEXT) = ? AND indexname NOT LIKE '%_pkey'", params!["db_schema"]).await.expect("indexes");
        let sorted = |list: Vec<(String,)>| { let mut names: Vec<String> = list.into_iter().map(|r| r.0).collect(); names.sort(); names };
        assert_eq!(sorted(indexes), sorted(theirs));
        std::fs::remove_file(path).expect("removed");
    });
}
