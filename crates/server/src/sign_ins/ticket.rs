//! Signing in with a ticket: a sign-in token, an actor token, or an invitation of an address that has an account by now.
use super::model::SignInRow;
use super::ops::{Done, check_not_signed_in, conclude, finish, fresh, told};
use super::resource::SignInResource;
use super::store;
use crate::audit;
use crate::clients::ops::{self as clients, Held};
use crate::clients::store as client_store;
use crate::cx::Cx;
use crate::identifiers;
use crate::identifiers::email::EmailRow;
use crate::organizations::invitations::ops as invitations;
use crate::sessions::ops::{self as sessions, Impersonation};
use crate::strategies::{Proves, Strategy};
use crate::tickets;
use crate::tickets::model::{Kind, TicketRow};
use crate::users;
use crate::users::model::UserRow;
use usher_db::Tx;
use usher_types::error::codes as refuse;
use usher_types::id::UserId;
use usher_types::{Error, Result};

/// Whom a ticket signs in.
async fn owner(tx: &mut Tx, ticket: &TicketRow) -> Result<UserRow> {
    let id: UserId = match (&ticket.user_id, &ticket.email_address) {
        (Some(id), _) => id.clone(),
        (None, Some(address)) => {
            identifiers::store::claimed::<EmailRow>(tx, address)
                .await?
                .ok_or_else(refuse::invitation_account_not_exists)?
                .user_id
        }
        (None, None) => return Err(refuse::ticket_invalid_code().into()),
    };
    let user = users::store::find(tx, &id).await?;
    Ok(user.ok_or_else(refuse::ticket_invalid_code)?)
}

/// Starts an attempt with a ticket, and completes it; ticket and session are one transaction. Where it does not complete
/// because the user may not sign in, the ticket stays unused.
///
/// # Errors
/// 400 for tickets that are unknown, used, revoked or too old, and where the client is signed in already; 403 for locked
/// and banned users.
pub(super) async fn create(cx: &Cx, text: &str) -> Result<SignInResource> {
    let done = usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        let ticket = tickets::ops::find(cx, &mut tx, text).await?;
        tickets::ops::check(cx, &ticket)?;
        let mut held = clients::hold_or_create(cx, &mut tx).await?;
        let user = owner(&mut tx, &ticket).await?;
        let kind = tickets::ops::kind(&ticket)?;
        // Whoever impersonates is signed in as themselves as a rule; that session gives way or stays, as the setting says.
        if kind != Kind::ActorToken {
            check_not_signed_in(cx, &mut tx, &held.row.id, Some(&user.id)).await?;
        }
        tickets::ops::accept(cx, &mut tx, &ticket).await?;
        let mut row = SignInRow {
            identifier: Some(user.identifier().unwrap_or(user.id.as_str()).to_owned()),
            user_id: Some(user.id.clone()),
            ..fresh(cx, &held)
        };
        store::insert(&mut tx, &row).await?;
        audit::record(cx, &mut tx, told("sign_in.created", &row));
        client_store::set_sign_in(&mut tx, &held.row.id, Some(&row.id), cx.now).await?;
        let done = match kind {
            Kind::ActorToken => impersonate(cx, &mut tx, &mut held, &mut row, &ticket, &user).await?,
            Kind::OrganizationInvitation => {
                // Users are locked before organizations.
                let done = finish(cx, &mut tx, &mut held, &mut row, Strategy::Ticket, Proves::First).await?;
                invitations::admit(cx, &mut tx, &ticket.id, &user.id).await?;
                done
            }
            Kind::SignInToken | Kind::Invitation => finish(cx, &mut tx, &mut held, &mut row, Strategy::Ticket, Proves::First).await?,
        };
        Ok::<_, Error>((held, row, done))
    })?;
    conclude(cx, done).await
}

/// Completes the attempt with a session of the user that says who really acts. Second factors are the user's, and are
/// not asked for: the secret key vouched for the actor.
async fn impersonate(
    cx: &Cx,
    tx: &mut Tx,
    held: &mut Held,
    row: &mut SignInRow,
    ticket: &TicketRow,
    user: &UserRow,
) -> Result<Done> {
    let (Some(actor), Some(life_secs)) = (&ticket.actor, ticket.session_life_secs) else {
        return Err(refuse::ticket_invalid_code().into());
    };
    let by = Impersonation {
        actor: actor.clone(),
        life_secs,
    };
    let session = sessions::impersonate(cx, tx, held, user, by).await?;
    audit::record(cx, tx, told("sign_in.completed", row).session(&session.id));
    row.first_factor_strategy = Some(Strategy::Ticket.word().to_owned());
    row.first_factor_at = Some(cx.now);
    row.created_session_id = Some(session.id);
    store::update(tx, row).await?;
    client_store::set_sign_in(tx, &held.row.id, None, cx.now).await?;
    client_store::set_sign_up(tx, &held.row.id, None, cx.now).await?;
    Ok(Done {
        changed: Some(clients::uat(&held.row, 1)),
        ..Done::default()
    })
}
