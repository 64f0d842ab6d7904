//! Use cases of the waitlist: joining it, inviting or rejecting who waits, leaving it by a sign-up.
use super::model::EntryRow;
use super::store;
use crate::access::ops::{self as access, Door};
use crate::audit::{self, Event};
use crate::cx::Cx;
use crate::identifiers::email::EmailAddress;
use crate::instances::settings::SignUpMode;
use crate::messages;
use crate::templates::Slug;
use crate::tickets;
use crate::tickets::model::TicketRow;
use usher_db::Tx;
use usher_types::error::codes as refuse;
use usher_types::id;
use usher_types::{Error, Result};

fn told(name: &'static str, row: &EntryRow) -> Event {
    Event::new(name).about(&row.id)
}

/// Puts an address on the list, and confirms that by mail where it is new and that is wanted. One that stands there already
/// stays as it is.
async fn put(cx: &Cx, tx: &mut Tx, address: &EmailAddress, notify: bool) -> Result<EntryRow> {
    if let Some(known) = store::of_address(tx, address.as_str()).await? {
        return Ok(known);
    }
    let row = EntryRow {
        instance_id: cx.instance.row.id.clone(),
        id: id::compose("wle_", cx.now, &cx.fresh()),
        email_address: address.as_str().to_owned(),
        status: "pending".to_owned(),
        invitation_id: None,
        created_at: cx.now,
        updated_at: cx.now,
    };
    store::insert(tx, &row).await?;
    audit::record(cx, tx, told("waitlist_entry.created", &row));
    if notify {
        messages::ops::waitlisted(cx, tx, address).await?;
    }
    Ok(row)
}

/// A visitor joins the list. The answer is the same for who waits, and for who is a user, already.
///
/// # Errors
/// 403 `waitlist_not_accepting_entries` where sign-ups do not go by the list, and what the lists of addresses refuse.
pub async fn join(cx: &Cx, address: &EmailAddress) -> Result<EntryRow> {
    if cx.instance.settings.sign_up_mode != SignUpMode::Waitlist {
        return Err(refuse::waitlist_not_accepting_entries().into());
    }
    let outcome = usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        access::check(cx, &mut tx, address, Door::Join).await?;
        put(cx, &mut tx, address, true).await
    });
    again(cx, address, outcome).await
}

/// The operator puts somebody on the list.
///
/// # Errors
/// The database's.
pub async fn add(cx: &Cx, address: &EmailAddress, notify: bool) -> Result<EntryRow> {
    let outcome = usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        put(cx, &mut tx, address, notify).await
    });
    again(cx, address, outcome).await
}

/// The operator puts several people on the list: all of them or nobody. Who stands there already stays as it is.
///
/// # Errors
/// 422 `form_param_duplicate` for an address that comes twice; the database's.
pub async fn add_all(cx: &Cx, all: &[(EmailAddress, bool)]) -> Result<Vec<EntryRow>> {
    for (at, (address, _)) in all.iter().enumerate() {
        if all.iter().take(at).any(|(other, _)| other == address) {
            return Err(refuse::form_param_duplicate("email_address")
                .at("email_address")
                .into());
        }
    }
    usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        let mut rows = Vec::with_capacity(all.len());
        for (address, notify) in all {
            rows.push(put(cx, &mut tx, address, *notify).await?);
        }
        Ok::<_, Error>(rows)
    })
}

/// Two requests at once: the one that was late reads what the other one wrote.
async fn again(cx: &Cx, address: &EmailAddress, outcome: Result<EntryRow>) -> Result<EntryRow> {
    match outcome {
        Err(Error::Fault(fault)) => {
            let known = store::of_address(&mut cx.read().await?, address.as_str()).await?;
            known.ok_or(Error::Fault(fault))
        }
        outcome => outcome,
    }
}

/// The held entry, still open to a decision.
async fn open(tx: &mut Tx, id: &str) -> Result<EntryRow> {
    let row = store::hold(tx, id)
        .await?
        .ok_or_else(|| refuse::resource_not_found("waitlist entry"))?;
    match row.status.as_str() {
        "completed" => Err(refuse::waitlist_entry_already_completed().into()),
        "invited" => Err(refuse::waitlist_entry_already_invited().into()),
        _ => Ok(row),
    }
}

/// Invites who waits, or was rejected: an invitation is made and mailed.
///
/// # Errors
/// 404; 409 for entries that are invited or completed; as [`tickets::ops::invite`].
pub async fn invite(cx: &Cx, id: &str, ignore_existing: bool) -> Result<(EntryRow, TicketRow)> {
    usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        let mut row = open(&mut tx, id).await?;
        let address = EmailAddress::parse(&row.email_address).ok_or_else(|| refuse::form_param_format_invalid("email address"))?;
        let one = tickets::ops::Invitation {
            address,
            public_metadata: None,
            redirect_url: None,
            notify: true,
            ignore_existing,
            days: 30,
            slug: Slug::WaitlistInvitation,
        };
        tickets::ops::check_invitations(cx, std::slice::from_ref(&one))?;
        let invitation = tickets::ops::invite_one(cx, &mut tx, &one, ignore_existing).await?;
        store::decide(&mut tx, id, "invited", Some(&invitation.id), cx.now).await?;
        "invited".clone_into(&mut row.status);
        row.updated_at = cx.now;
        audit::record(cx, &mut tx, told("waitlist_entry.invited", &row));
        Ok::<_, Error>((row, invitation))
    })
}

/// Turns who waits down. Nothing is mailed.
///
/// # Errors
/// 404; 409 for entries that are rejected, invited or completed.
pub async fn reject(cx: &Cx, id: &str) -> Result<EntryRow> {
    usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        let mut row = open(&mut tx, id).await?;
        if row.status == "rejected" {
            return Err(refuse::waitlist_entry_already_rejected().into());
        }
        store::decide(&mut tx, id, "rejected", None, cx.now).await?;
        "rejected".clone_into(&mut row.status);
        row.updated_at = cx.now;
        audit::record(cx, &mut tx, told("waitlist_entry.rejected", &row));
        Ok::<_, Error>(row)
    })
}

/// Takes an entry that nothing was decided about off the list.
///
/// # Errors
/// 404; 409 for all others.
pub async fn remove(cx: &Cx, id: &str) -> Result<()> {
    usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        let row = open(&mut tx, id).await?;
        if row.status == "rejected" {
            return Err(refuse::waitlist_entry_already_rejected().into());
        }
        store::delete(&mut tx, id).await?;
        audit::record(cx, &mut tx, told("waitlist_entry.deleted", &row));
        Ok::<_, Error>(())
    })
}

/// Whoever signed up with this address waits no more. Called in the transaction that makes the user.
///
/// # Errors
/// The database's.
pub async fn complete(cx: &Cx, tx: &mut Tx, address: &str) -> Result<()> {
    if let Some(row) = store::of_address(tx, address).await?
        && row.status != "completed"
    {
        store::decide(tx, &row.id, "completed", None, cx.now).await?;
        audit::record(cx, tx, told("waitlist_entry.completed", &row));
    }
    Ok(())
}
