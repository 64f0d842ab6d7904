//! Codes of a sign-in's first factor: where they go, sending one, trying one.
use super::factors::{Factor, Known, Named, factors};
use super::model::SignInRow;
use super::ops::{conclude, current, finish, resource, told};
use super::resource::SignInResource;
use super::store;
use crate::audit;
use crate::cx::Cx;
use crate::identifiers;
use crate::identifiers::contact::{Channel, Contact};
use crate::identifiers::phones::model::PhoneRow;
use crate::sessions;
use crate::strategies::{Medium, Strategy};
use crate::users;
use crate::users::ops::failures::{self, Failure};
use crate::users::ops::list;
use crate::verifications::links::{Link, Purpose};
use crate::verifications::ops::{self as codes, Code, Delivery, Outcome};
use crate::verifications::store as verification_store;
use usher_db::Tx;
use usher_types::error::codes as refuse;
use usher_types::{Error, Result};

/// What is asked for: a code, and where it goes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted<'a> {
    /// What it proves.
    pub(super) strategy: Strategy,
    /// The id of an address or a number that is offered.
    pub(super) to: &'a str,
    /// How it gets to a telephone.
    pub(super) channel: Channel,
    /// The page that a link leads to; an allowed one.
    pub(super) redirect_url: Option<&'a str>,
}

/// What the log calls the events of a code.
struct Events {
    sent: &'static str,
    invalid: &'static str,
    verified: &'static str,
}

fn events(strategy: Strategy) -> Events {
    if strategy.medium() == Some(Medium::Telephone) {
        return Events {
            sent: "sign_in.phone_number.verification.code_sent",
            invalid: "sign_in.phone_number.verification.code_attempt_invalid",
            verified: "sign_in.phone_number.verified",
        };
    }
    Events {
        sent: if strategy == Strategy::EmailLink {
            "sign_in.email_address.verification.link_sent"
        } else {
            "sign_in.email_address.verification.code_sent"
        },
        invalid: "sign_in.email_address.verification.code_attempt_invalid",
        verified: "sign_in.email_address.verified",
    }
}

/// Where a code goes that is asked for together with the identifier: to the address or number that was given; else to the
/// primary one.
pub(super) fn given(cx: &Cx, named: &Named, wanted: Strategy) -> Option<String> {
    let emails = named
        .emails()
        .iter()
        .find(|e| e.email_normal == named.identifier)
        .map(|e| &e.id);
    let phones = named
        .phones()
        .iter()
        .find(|p| p.phone_number == named.identifier)
        .map(|p| &p.id);
    let given = emails
        .or(phones)
        .map(usher_types::id::IdentificationId::as_str);
    let ways = factors(cx, &named.known());
    let open = ways.iter().filter_map(|f| match f {
        Factor::Code {
            id,
            primary,
            strategy,
            ..
        } if *strategy == wanted => Some((id, *primary)),
        Factor::Code { .. }
        | Factor::Password
        | Factor::Passkey
        | Factor::Social(_)
        | Factor::Wallet { .. } => None,
    });
    open.max_by_key(|(id, primary)| (given == Some(id.as_str()), *primary))
        .map(|(id, _)| id.clone())
}

/// Starts a code for one of the attempt's addresses or numbers.
pub(super) async fn prepare_code(
    cx: &Cx,
    tx: &mut Tx,
    row: &mut SignInRow,
    wanted: &Wanted<'_>,
) -> Result<()> {
    let identifier = row.identifier.clone().unwrap_or_default();
    let user = match &row.user_id {
        Some(id) => users::store::find(tx, id).await?,
        None => None,
    };
    let found = match user {
        Some(user) => Some(list::load(tx, user).await?),
        None => None,
    };
    let known = Known {
        identifier: &identifier,
        found: found.as_ref(),
    };
    let offered = factors(cx, &known).iter().any(|f| matches!(f, Factor::Code { id, strategy, .. } if id == wanted.to && *strategy == wanted.strategy));
    if !offered {
        let kind = wanted.strategy.medium().map_or("factor", Medium::noun);
        return Err(refuse::resource_not_found(kind).into());
    }
    let real = found.as_ref().and_then(|f| {
        let email = f.emails.iter().find(|e| e.id.as_str() == wanted.to);
        let phone = f.phones.iter().find(|p| p.id.as_str() == wanted.to);
        // A second factor gets no code for the first one, whatever was offered for the sake of looking alike.
        let phone = phone.filter(|p| !p.reserved_for_second_factor);
        email
            .map(|e| e.email_normal.as_str())
            .or(phone.map(|p| p.phone_number.as_str()))
    });
    let to = Contact::stored(real.unwrap_or(identifier.as_str()))
        .ok_or_else(refuse::strategy_for_user_invalid)?;
    let user = found.as_ref().map(|f| &f.user);
    // Nobody's address gets a message only where the code can end in a sign-up. Locked and banned users get none.
    let barred = user.is_some_and(|u| u.banned || u.is_locked(cx.now));
    if barred
        && !cx.instance.settings.enumeration_protection
        && let Some(user) = user
    {
        sessions::ops::check_user(cx, user)?;
    }
    let signs_up = user.is_none() && row.sign_up_if_missing && !wanted.strategy.resets_password();
    let send = (real.is_some() && !barred) || signs_up;
    let link = match (wanted.strategy, wanted.redirect_url) {
        (Strategy::EmailLink, Some(page)) => Some(Link {
            purpose: Purpose::SignIn,
            of: row.id.as_str().to_owned(),
            client: row.client_id.as_str().to_owned(),
            redirect_url: page.to_owned(),
        }),
        (Strategy::EmailLink, None) => {
            return Err(refuse::form_param_missing("redirect_url")
                .at("redirect_url")
                .into());
        }
        _ => None,
    };
    let code = Code {
        strategy: wanted.strategy,
        to: &to,
        channel: wanted.channel,
        previous: row.first_factor_id.as_ref(),
        link: link.as_ref(),
        delivery: if send {
            Delivery::Send(
                user.and_then(|u| u.locale.as_deref())
                    .or(row.locale.as_deref()),
            )
        } else {
            Delivery::Pretend
        },
    };
    let verification = codes::start_code(cx, tx, &code).await?;
    row.first_factor_id = Some(verification.id);
    row.first_factor_strategy = Some(wanted.strategy.word().to_owned());
    row.updated_at = cx.now;
    store::update(tx, row).await?;
    audit::record(cx, tx, told(events(wanted.strategy).sent, row));
    Ok(())
}

/// Prepares the first factor: sends a code.
///
/// # Errors
/// 404 for an address or a number that is not offered; 400 where a wallet is named; 429 for a second code too soon.
pub(super) async fn prepare(
    cx: &Cx,
    id: &str,
    strategy: Strategy,
    to: &str,
    channel: Channel,
    redirect_url: Option<&str>,
) -> Result<SignInResource> {
    let wanted = Wanted {
        strategy,
        to,
        channel,
        redirect_url,
    };
    let row = usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        let (_held, mut row) = current(cx, &mut tx, id).await?;
        super::wallet::check_way(cx, &row, strategy)?;
        prepare_code(cx, &mut tx, &mut row, &wanted).await?;
        Ok::<_, Error>(row)
    })?;
    let mut tx = cx.read().await?;
    resource(cx, &mut tx, &row).await
}

/// The strategy signs in here at all.
fn signs_in(cx: &Cx, strategy: Strategy) -> bool {
    let settings = &cx.instance.settings;
    // Whoever resets a password may by any medium that it was offered by.
    match strategy.medium().filter(|_| !strategy.resets_password()) {
        Some(Medium::Telephone) => settings.phone_signs_in(),
        Some(Medium::Mail) if strategy == Strategy::EmailLink => settings.email_link_signs_in(),
        Some(Medium::Mail) => settings.email_code_signs_in(),
        None => true,
    }
}

/// Proves the first factor by a code.
///
/// # Errors
/// 422 when it is wrong, 400 when it is spent or was never sent, 404 where it leads to a sign-up.
pub(super) async fn attempt(
    cx: &Cx,
    id: &str,
    strategy: Strategy,
    code: &str,
) -> Result<SignInResource> {
    if !signs_in(cx, strategy) {
        return Err(refuse::strategy_for_user_invalid().into());
    }
    let events = events(strategy);
    let outcome = usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        let (mut held, mut row) = current(cx, &mut tx, id).await?;
        let verification = row.first_factor_id.clone().ok_or_else(refuse::verification_missing)?;
        // A code that was sent to set a new password signs nobody in, and the other way round.
        if row.first_factor_strategy.as_deref() != Some(strategy.word()) {
            return Err(refuse::verification_missing().into());
        }
        match codes::attempt(cx, &mut tx, &verification, code, Some(&held.row.id)).await? {
            Outcome::Refused(refusal) => {
                if refusal.code == "form_code_incorrect"
                    && let Some(user) = &row.user_id
                    && let Some(user) = users::store::find(&mut tx, user).await?
                {
                    failures::count(cx, &mut tx, &user, Failure::Code, events.invalid).await?;
                }
                if refusal.code == "form_code_incorrect" && row.user_id.is_none() {
                    audit::record(cx, &mut tx, told(events.invalid, &row).failed());
                }
                return Ok(Err(refusal));
            }
            Outcome::Verified => {}
        }
        if row.user_id.is_none() {
            // Proved, and nobody's: the code can be spent on a sign-up, once.
            verification_store::set_status(&mut tx, &verification, "transferable").await?;
            audit::record(cx, &mut tx, told(events.verified, &row));
            return Ok(Err(refuse::sign_up_if_missing_transfer()));
        }
        still_theirs(cx, &mut tx, &row).await?;
        row.needs_new_password = strategy.resets_password();
        let done = finish(cx, &mut tx, &mut held, &mut row, strategy, strategy.proves()).await?;
        Ok::<_, Error>(Ok((held, row, done)))
    })?;
    conclude(cx, outcome?).await
}

/// Between the code's going out and its coming back a number can change hands, or become a second factor: the code proves
/// nothing then.
async fn still_theirs(cx: &Cx, tx: &mut Tx, row: &SignInRow) -> Result<()> {
    let Some(id) = &row.first_factor_id else {
        return Ok(());
    };
    let Some(verification) = verification_store::find(tx, id).await? else {
        return Ok(());
    };
    let Some(Contact::Phone(number)) = verification.target.as_deref().and_then(Contact::stored)
    else {
        return Ok(());
    };
    let claimed = identifiers::store::claimed::<PhoneRow>(tx, number.as_str()).await?;
    let theirs = claimed.is_some_and(|phone| {
        Some(&phone.user_id) == row.user_id.as_ref() && !phone.reserved_for_second_factor
    });
    if theirs {
        return Ok(());
    }
    tracing::info!(sign_in.id = %row.id, trace = %cx.trace, "A code came back from a number that is the user's first factor no more");
    Err(refuse::verification_missing().into())
}
