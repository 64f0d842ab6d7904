//! Recording events: gathered while a transaction runs, written right before its commit.
use super::chain;
use super::model::{AuditRow, Event};
use super::store;
use crate::cx::{Caller, Cx};
use serde_json::Value;
use std::future::Future;
use std::pin::Pin;
use usher_crypto::rng::Rng;
use usher_db::{AtEnd, DbError, Tx};
use usher_types::Timestamp;
use usher_types::id::{self, UserId};

/// Notes what happened; the row is written with the transaction's commit, or not at all. The chain's end is locked only
/// then, after every other lock.
pub fn record(cx: &Cx, tx: &mut Tx, event: Event) {
    let acting = cx.acting();
    let (actor_type, actor_id, source) = match (&cx.caller, event.by_system) {
        (caller, true) => ("system", None, caller.word()),
        (Caller::SecretKey { hint }, false) => ("secret_key", Some(hint.clone()), "bapi"),
        (Caller::Browser, false) => match (&acting, &event.user) {
            (Some(acting), _) => ("user", Some(acting.user.as_str().to_owned()), "fapi"),
            (None, Some(user)) if !event.failed => ("user", Some(user.clone()), "fapi"),
            (None, _) => ("client", client_of(cx, &event), "fapi"),
        },
    };
    // The address of an operator's server is nobody's personal data.
    let person = match &cx.caller {
        Caller::Browser => event
            .user
            .clone()
            .or_else(|| acting.as_ref().map(|a| a.user.as_str().to_owned())),
        Caller::SecretKey { .. } => None,
    };
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let row = AuditRow {
        actor_type: actor_type.to_owned(),
        actor_id,
        impersonator: acting.as_ref().and_then(|a| a.impersonator.clone()),
        source: source.to_owned(),
        client_id: client_of(cx, &event),
        session_id: event
            .session
            .clone()
            .or_else(|| acting.as_ref().map(|a| a.session.as_str().to_owned())),
        trace_id: cx.trace.clone(),
        person,
        ip_address: some(&cx.request.ip),
        user_agent: some(&cx.request.user_agent),
        salt: Some(cx.app.rng.token()),
        ..blank(cx.tenant(), &cx.app.rng, cx.now, &event)
    };
    let key = cx.instance.audit_key;
    tx.at_end(|pending: &mut Pending| pending.add(key, row));
}

/// Notes what the process itself, or the operator at its console, did to an instance. `key` is the instance's audit key.
pub fn record_as(
    tx: &mut Tx,
    instance: &str,
    key: [u8; 32],
    rng: &Rng,
    now: Timestamp,
    event: &Event,
) {
    let row = blank(instance, rng, now, event);
    tx.at_end(|pending: &mut Pending| pending.add(key, row));
}

/// Erases a user's personal data from the log, with this transaction. The chain stays valid.
pub fn erase(cx: &Cx, tx: &mut Tx, user: &UserId) {
    let key = cx.instance.audit_key;
    tx.at_end(|pending: &mut Pending| {
        pending.key = key;
        pending.instance = cx.tenant().to_owned();
        pending.erased.push(user.as_str().to_owned());
    });
}

/// The names of the fields that differ between two forms of a thing, in their order; fields that only one has differ.
#[must_use]
pub fn changed_fields(before: &Value, after: &Value) -> Vec<String> {
    let (Some(before), Some(after)) = (before.as_object(), after.as_object()) else {
        return Vec::new();
    };
    let gone = before.keys().filter(|name| !after.contains_key(*name));
    let differ = after
        .iter()
        .filter(|(name, value)| before.get(*name) != Some(*value))
        .map(|(name, _)| name);
    differ.chain(gone).cloned().collect()
}

fn client_of(cx: &Cx, event: &Event) -> Option<String> {
    event
        .client
        .clone()
        .or_else(|| cx.client_id().map(|id| id.as_str().to_owned()))
}

/// A row of the process itself, without personal data and without its place in the chain.
fn blank(instance: &str, rng: &Rng, now: Timestamp, event: &Event) -> AuditRow {
    AuditRow {
        instance_id: instance.to_owned(),
        seq: 0,
        id: id::compose("evt_", now, &rng.base62(21)),
        event_time: now,
        event: event.name.to_owned(),
        outcome: if event.failed { "failure" } else { "success" }.to_owned(),
        actor_type: "system".to_owned(),
        actor_id: None,
        impersonator: None,
        subject: event.subject.clone().or_else(|| event.user.clone()),
        source: "system".to_owned(),
        client_id: None,
        session_id: event.session.clone(),
        trace_id: String::new(),
        changes: Value::from(event.changes.clone()).to_string(),
        person: None,
        ip_address: None,
        user_agent: None,
        salt: None,
        commitment: String::new(),
        prev_hash: String::new(),
        hash: String::new(),
        seal: String::new(),
    }
}

/// The events of one transaction.
#[derive(Default)]
struct Pending {
    key: [u8; 32],
    instance: String,
    rows: Vec<AuditRow>,
    erased: Vec<String>,
}

impl Pending {
    fn add(&mut self, key: [u8; 32], row: AuditRow) {
        self.key = key;
        self.instance.clone_from(&row.instance_id);
        self.rows.push(row);
    }

    async fn write(&mut self, tx: &mut Tx) -> Result<(), DbError> {
        if !self.rows.is_empty() {
            let mut head = store::head_locked(tx, &self.instance).await?;
            for row in &mut self.rows {
                // The row that tells of an erasure keeps nothing of whom it erased.
                if row.person.as_ref().is_some_and(|p| self.erased.contains(p)) {
                    row.ip_address = None;
                    row.user_agent = None;
                }
                row.commitment = match &row.salt {
                    Some(salt) => chain::commitment(
                        salt,
                        row.ip_address.as_deref(),
                        row.user_agent.as_deref(),
                    ),
                    None => chain::NOTHING.to_owned(),
                };
                row.seq = head.seq + 1;
                row.prev_hash = std::mem::take(&mut head.hash);
                row.hash = chain::hash(row);
                row.seal = chain::row_seal(&self.key, &row.hash);
                store::insert(tx, row).await?;
                head.seq = row.seq;
                head.hash.clone_from(&row.hash);
            }
            head.seal = chain::head_seal(&self.key, &self.instance, head.seq, &head.hash);
            store::set_head(tx, &self.instance, &head).await?;
        }
        for person in &self.erased {
            store::erase(tx, &self.instance, person).await?;
        }
        Ok(())
    }
}

impl AtEnd for Pending {
    fn run<'a>(
        &'a mut self,
        tx: &'a mut Tx,
    ) -> Pin<Box<dyn Future<Output = Result<(), DbError>> + Send + 'a>> {
        Box::pin(self.write(tx))
    }
}
