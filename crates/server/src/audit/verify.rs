//! Walking a chain from its first row to its sealed end.
use super::chain;
use super::model::AuditRow;
use super::store;
use usher_db::Tx;
use usher_types::Result;

/// Rows that are read at once.
const STEP: i64 = 1000;

/// What a walk found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Every row is as it was written.
    Whole {
        /// Rows.
        rows: i64,
        /// Rows whose personal data was erased.
        erased: i64,
        /// The hash of the last row; empty without rows.
        hash: String,
    },
    /// The first row that is not, and what is wrong with it.
    Broken {
        /// Its place.
        seq: i64,
        /// For people.
        what: &'static str,
    },
}

/// An end that was noted earlier: the chain must have had it.
#[derive(Clone, Debug)]
pub struct Checkpoint {
    /// The row.
    pub seq: i64,
    /// Its hash.
    pub hash: String,
}

/// Walks the chain of the view's instance. With a checkpoint, a chain that was cut off and set back as a whole is found too.
///
/// # Errors
/// The database's.
pub async fn walk(tx: &mut Tx, key: &[u8; 32], checkpoint: Option<&Checkpoint>) -> Result<Verdict> {
    // The end first: rows that are written meanwhile only come after it.
    let head = store::head(tx).await?;
    let end = head.as_ref().map_or(0, |h| h.seq);
    let (mut seq, mut hash, mut erased) = (0, chain::GENESIS.to_owned(), 0);
    while seq < end {
        let rows = store::after(tx, seq, STEP.min(end - seq)).await?;
        let Some(last) = rows.last() else {
            return Ok(broken(seq + 1, "it is missing: rows were cut off"));
        };
        let last = last.seq;
        for row in &rows {
            if let Some(what) = check(row, seq + 1, &hash, key) {
                // A gap is named by the row that is not there.
                return Ok(broken(seq + 1, what));
            }
            if row.salt.is_none() && row.commitment != chain::NOTHING {
                let person = row.person.as_deref().unwrap_or_default();
                if !store::was_deleted(tx, person).await? {
                    return Ok(broken(
                        row.seq,
                        "its personal data is gone, and no user of it was deleted",
                    ));
                }
                erased += 1;
            }
            if checkpoint.is_some_and(|c| c.seq == row.seq && c.hash != row.hash) {
                return Ok(broken(
                    row.seq,
                    "it is another one than the checkpoint says",
                ));
            }
            seq = row.seq;
            hash.clone_from(&row.hash);
        }
        if last > end {
            break;
        }
    }
    if let Some(head) = &head
        && end > 0
        && (head.hash != hash
            || !chain::same(
                &head.seal,
                &chain::head_seal(key, tx.tenant(), head.seq, &head.hash),
            ))
    {
        return Ok(broken(
            end,
            "the end of the chain is not the one that was sealed",
        ));
    }
    if let Some(extra) = store::after(tx, end, 1).await?.first() {
        let now = store::head(tx).await?.map_or(0, |h| h.seq);
        if extra.seq > now {
            return Ok(broken(
                extra.seq,
                "it stands behind the sealed end: rows were added, or the end was set back",
            ));
        }
    }
    if checkpoint.is_some_and(|c| c.seq > end) {
        return Ok(broken(
            end + 1,
            "it is missing: the checkpoint knows a later row",
        ));
    }
    Ok(Verdict::Whole {
        rows: end,
        erased,
        hash,
    })
}

fn broken(seq: i64, what: &'static str) -> Verdict {
    Verdict::Broken { seq, what }
}

/// What is wrong with a row that should be the `seq`th and follow `before`.
fn check(row: &AuditRow, seq: i64, before: &str, key: &[u8; 32]) -> Option<&'static str> {
    if row.seq != seq {
        return Some("it is missing: a row was deleted");
    }
    if row.prev_hash != before {
        return Some("it does not follow the row before it: rows were reordered or replaced");
    }
    if chain::hash(row) != row.hash {
        return Some("it was edited");
    }
    if !chain::same(&row.seal, &chain::row_seal(key, &row.hash)) {
        return Some("it was rewritten: its seal is not this server's");
    }
    let kept = match &row.salt {
        Some(salt) => {
            let made =
                chain::commitment(salt, row.ip_address.as_deref(), row.user_agent.as_deref());
            made == row.commitment
        }
        None => row.ip_address.is_none() && row.user_agent.is_none(),
    };
    (!kept).then_some("its personal data was edited")
}
