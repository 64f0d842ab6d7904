//! The waitlist, for the operator's servers (contract bapi §2.11).
use super::model::EntryRow;
use super::ops;
use super::resource::WaitlistEntry;
use super::store::{self, Filter, ORDERS};
use crate::answers::{Deleted, Page};
use crate::cx::Cx;
use crate::handler;
use crate::identifiers::email::EmailAddress;
use crate::route::{Call, Op, Reply};
use crate::tickets;
use usher_db::Tx;
use usher_http::form::{Field, Form, flag, int, text, word};
use usher_types::Result;
use usher_types::error::codes as refuse;

const ENTRY: &[Field] = &[
    text("email_address", 320).required(),
    flag("notify").about("A confirmation is mailed; true when left out."),
];
const INVITE: &[Field] = &[
    flag("ignore_existing").about("Invite although there is an invitation, or a user, already.")
];
const LIST: &[Field] = &[
    word("status", &["pending", "invited", "completed", "rejected"]).query(),
    text("query", 320)
        .query()
        .about("A part of the address, or an id."),
    word("order_by", ORDERS)
        .query()
        .about("-created_at when left out."),
    int("limit", 1, 500)
        .query()
        .about("Entries at most; 10 when left out."),
    int("offset", 0, i64::MAX).query(),
];

/// What is served.
pub const OPS: &[Op] = &[
    Op::bapi(
        "GET",
        "/v1/waitlist_entries",
        "ListWaitlistEntries",
        handler!(list),
    )
    .fields(LIST)
    .answers::<Page<WaitlistEntry>>(),
    Op::bapi(
        "POST",
        "/v1/waitlist_entries",
        "CreateWaitlistEntry",
        handler!(add),
    )
    .fields(ENTRY)
    .answers::<WaitlistEntry>(),
    Op::bapi(
        "POST",
        "/v1/waitlist_entries/bulk",
        "CreateBulkWaitlistEntries",
        handler!(add_many),
    )
    .fields(ENTRY)
    .items(50)
    .answers::<Vec<WaitlistEntry>>(),
    Op::bapi(
        "DELETE",
        "/v1/waitlist_entries/{waitlist_entry_id}",
        "DeleteWaitlistEntry",
        handler!(remove),
    )
    .answers::<Deleted>(),
    Op::bapi(
        "POST",
        "/v1/waitlist_entries/{waitlist_entry_id}/invite",
        "InviteWaitlistEntry",
        handler!(invite),
    )
    .fields(INVITE)
    .answers::<WaitlistEntry>(),
    Op::bapi(
        "POST",
        "/v1/waitlist_entries/{waitlist_entry_id}/reject",
        "RejectWaitlistEntry",
        handler!(reject),
    )
    .answers::<WaitlistEntry>(),
];

async fn shown(cx: &Cx, tx: &mut Tx, row: &EntryRow) -> Result<WaitlistEntry> {
    let invitation = match &row.invitation_id {
        Some(id) => tickets::store::find(tx, id).await?,
        None => None,
    };
    Ok(WaitlistEntry::new(cx, row, invitation.as_ref()))
}

async fn list(cx: &Cx, call: &Call) -> Result<Reply> {
    let form = &call.form;
    let filter = Filter {
        status: form.text("status"),
        query: form.text("query"),
    };
    let order = form.text("order_by").unwrap_or("-created_at");
    let limit = form.int("limit").unwrap_or(10);
    let offset = form.int("offset").unwrap_or(0);
    let mut tx = cx.read().await?;
    let mut data = Vec::new();
    for row in store::list(&mut tx, filter, order, limit, offset).await? {
        data.push(shown(cx, &mut tx, &row).await?);
    }
    let total_count = store::count(&mut tx, filter).await?;
    Reply::json(&Page { data, total_count })
}

/// Who is put on the list, and whether that is mailed.
fn read(form: &Form) -> Result<(EmailAddress, bool)> {
    let address = EmailAddress::parse(form.text("email_address").unwrap_or_default());
    let address = address
        .ok_or_else(|| refuse::form_param_format_invalid("email address").at("email_address"))?;
    Ok((address, form.flag("notify") != Some(false)))
}

async fn add(cx: &Cx, call: &Call) -> Result<Reply> {
    let (address, notify) = read(&call.form)?;
    let row = ops::add(cx, &address, notify).await?;
    Reply::json(&shown(cx, &mut cx.read().await?, &row).await?)
}

async fn add_many(cx: &Cx, call: &Call) -> Result<Reply> {
    let all = call.items.iter().map(read).collect::<Result<Vec<_>>>()?;
    let rows = ops::add_all(cx, &all).await?;
    let mut tx = cx.read().await?;
    let mut out = Vec::with_capacity(rows.len());
    for row in &rows {
        out.push(shown(cx, &mut tx, row).await?);
    }
    Reply::json(&out)
}

async fn remove(cx: &Cx, call: &Call) -> Result<Reply> {
    let id = call.param("waitlist_entry_id");
    ops::remove(cx, id).await?;
    Reply::json(&Deleted::new("waitlist_entry", id.to_owned()))
}

async fn invite(cx: &Cx, call: &Call) -> Result<Reply> {
    let ignore = call.form.flag("ignore_existing") == Some(true);
    let (row, invitation) = ops::invite(cx, call.param("waitlist_entry_id"), ignore).await?;
    Reply::json(&WaitlistEntry::new(cx, &row, Some(&invitation)))
}

async fn reject(cx: &Cx, call: &Call) -> Result<Reply> {
    let row = ops::reject(cx, call.param("waitlist_entry_id")).await?;
    Reply::json(&shown(cx, &mut cx.read().await?, &row).await?)
}
