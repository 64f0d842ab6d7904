//! Phone numbers: adding, changing, removing, proving. The user's row is locked first, so that its primary number, its
//! second factors and its numbers never disagree.
use super::model::{PhoneRow, settle};
use super::number::PhoneNumber;
use crate::audit;
use crate::clients::ops as clients;
use crate::cx::Cx;
use crate::identifiers::claims::{self, Standing, hold, one, told};
use crate::identifiers::contact::{Channel, Contact};
use crate::identifiers::store;
use crate::second_factors;
use crate::sessions;
use crate::sessions::model::SessionRow;
use crate::strategies::Strategy;
use crate::users;
use crate::users::model::UserRow;
use crate::users::ops::list::{self, Found};
use crate::users::ops::ways;
use crate::verifications;
use crate::verifications::model::VerificationRow;
use crate::verifications::ops::Delivery;
use usher_db::Tx;
use usher_types::error::codes as refuse;
use usher_types::id::{ClientId, IdentificationId, UserId, VerificationId};
use usher_types::{ApiError, Error, Fault, Result};

/// What is said of a number; what is `None` stays.
#[derive(Clone, Copy, Debug, Default)]
pub struct Change {
    /// The operator's word on whose it is.
    pub standing: Option<Standing>,
    /// It becomes the primary one.
    pub primary: bool,
    /// A code to it proves the second factor, or does not.
    pub second_factor: Option<bool>,
    /// Of the second factors it is the one that is offered first.
    pub default_second_factor: Option<bool>,
}

/// The numbers of a user. Who has none costs no look.
///
/// # Errors
/// The database's.
pub async fn of_user(tx: &mut Tx, user: &UserRow) -> Result<Vec<PhoneRow>> {
    if user.phone_number_count == 0 {
        return Ok(Vec::new());
    }
    Ok(store::of_user(tx, &user.id).await?)
}

/// Adds a number to a user, for the operator.
///
/// # Errors
/// 404; 422 `form_identifier_exists` when it is claimed by anybody or the user's already; 400 when an unverified number
/// would become primary before another one, or a second factor.
pub async fn add(
    cx: &Cx,
    user: &UserId,
    number: &PhoneNumber,
    standing: Standing,
    change: Change,
) -> Result<PhoneRow> {
    usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        claims::check_free::<PhoneRow>(&mut tx, number.as_str(), None).await?;
        put_new(cx, &mut tx, user, new_row(cx, user, number, standing), change).await
    })
}

/// Adds a number that its user has yet to prove. Where enumeration protection is on, somebody else's number is taken for
/// show: no code goes there, and none proves it (contract bapi §6.4).
///
/// # Errors
/// 422 `form_identifier_exists` when it is the user's already, or claimed by anybody and that may be told.
pub async fn add_own(
    cx: &Cx,
    user: &UserId,
    number: &PhoneNumber,
    change: Change,
) -> Result<PhoneRow> {
    usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        claims::check_free_to_try::<PhoneRow>(cx, &mut tx, number.as_str()).await?;
        let row = new_row(cx, user, number, Standing::Unverified);
        put_new(cx, &mut tx, user, row, change).await
    })
}

/// Inserts a new number of a user, and makes it the primary one where there is none or that is asked for.
async fn put_new(
    cx: &Cx,
    tx: &mut Tx,
    user: &UserId,
    row: PhoneRow,
    change: Change,
) -> Result<PhoneRow> {
    let mut found = list::hold(tx, user).await?;
    if found
        .phones
        .iter()
        .any(|p| p.phone_number == row.phone_number)
    {
        return Err(refuse::identifier_taken("phone_number").into());
    }
    store::insert(tx, &row)
        .await
        .map_err(claims::taken::<PhoneRow>)?;
    let (id, first) = (row.id.clone(), found.user.primary_phone_number_id.is_none());
    audit::record(cx, tx, told("phone_number.created", &row));
    found.phones.push(row);
    if first {
        found.user.primary_phone_number_id = Some(id.clone());
    }
    let change = Change {
        primary: change.primary && !first,
        ..change
    };
    apply(cx, &mut found, &id, &change)?;
    save(cx, tx, &mut found).await?;
    Ok(one(&found, &id)?)
}

/// Changes a number, for the operator.
///
/// # Errors
/// 404; 400 `identification_claimed` when somebody else has it meanwhile, `identification_update_failed` when an unverified
/// number would become primary or a second factor, or the user could not sign in any more.
pub async fn update(cx: &Cx, id: &str, change: Change) -> Result<PhoneRow> {
    let id = claims::parse_id::<PhoneRow>(id)?;
    usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        let (mut found, row) = hold::<PhoneRow>(&mut tx, &id).await?;
        if let Some(standing) = change.standing {
            claims::check_claim(&mut tx, &row, standing).await?;
        }
        apply(cx, &mut found, &id, &change)?;
        audit::record(cx, &mut tx, told("phone_number.updated", &row).changed(names(&change)));
        save(cx, &mut tx, &mut found).await?;
        Ok::<_, Error>(one(&found, &id)?)
    })
}

/// Changes what the own number is as a second factor. The client's token changes with the second factors, and backup codes
/// come with the first of them, where the instance has any. The session has proved the factor where the number was proved on
/// its client a moment ago.
///
/// # Errors
/// As [`update`].
pub async fn update_own(
    cx: &Cx,
    session: &SessionRow,
    id: &IdentificationId,
    change: Change,
) -> Result<(PhoneRow, Option<Vec<String>>)> {
    let client = cx
        .client
        .as_ref()
        .ok_or_else(refuse::authentication_invalid)?;
    let (held, row, codes) = usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        let mut held = clients::hold(&mut tx, client).await?;
        let (mut found, row) = hold::<PhoneRow>(&mut tx, id).await?;
        let before = found.user.two_factor_enabled();
        apply(cx, &mut found, id, &change)?;
        audit::record(cx, &mut tx, told("phone_number.updated", &row).changed(names(&change)));
        save(cx, &mut tx, &mut found).await?;
        let mut codes = None;
        if !before && found.user.two_factor_enabled() {
            if is_fresh(cx, &mut tx, &row, &client.id).await? {
                sessions::store::prove(&mut tx, &session.id, None, Some(cx.now), cx.now).await?;
            }
            codes = second_factors::ops::first_backup_codes(cx, &mut tx, &mut found.user).await?;
        }
        clients::rotate(cx, &mut tx, &mut held).await?;
        Ok::<_, Error>((held, one(&found, id)?, codes))
    })?;
    clients::announce(cx, &held, None);
    Ok((row, codes))
}

/// The number was proved by this client, within the life of a code.
async fn is_fresh(cx: &Cx, tx: &mut Tx, row: &PhoneRow, client: &ClientId) -> Result<bool> {
    let Some(id) = &row.verification_id else {
        return Ok(false);
    };
    let proof = verifications::store::find(tx, id).await?;
    Ok(proof.is_some_and(|p| {
        p.status == "verified"
            && p.verified_at_client.as_ref() == Some(client)
            && p.expire_at > cx.now
    }))
}

fn names(change: &Change) -> Vec<&'static str> {
    let all = [
        ("verified", change.standing.is_some()),
        ("primary", change.primary),
        ("reserved_for_second_factor", change.second_factor.is_some()),
        (
            "default_second_factor",
            change.default_second_factor.is_some(),
        ),
    ];
    all.into_iter()
        .filter(|(_, given)| *given)
        .map(|(name, _)| name)
        .collect()
}

/// The one place that decides what may be said of a number.
fn apply(
    cx: &Cx,
    found: &mut Found,
    id: &IdentificationId,
    change: &Change,
) -> Result<(), ApiError> {
    let index = found
        .phones
        .iter()
        .position(|p| p.id == *id)
        .ok_or_else(claims::missing::<PhoneRow>)?;
    if let Some(standing) = change.standing {
        claims::set_standing(&mut found.phones[index], standing, cx.now);
    }
    if change.primary {
        if !found.phones[index].is_verified() {
            return Err(refuse::identification_update_failed(
                "an unverified number cannot be the primary one",
            )
            .at("primary"));
        }
        found.user.primary_phone_number_id = Some(id.clone());
    }
    if let Some(on) = change.second_factor {
        set_second_factor(cx, found, index, on)?;
    }
    match change.default_second_factor {
        Some(true) if !found.phones[index].is_second_factor() => {
            return Err(refuse::identification_update_failed(
                "only a second factor can be the default one",
            )
            .at("default_second_factor"));
        }
        Some(true) => {
            for (at, phone) in found.phones.iter_mut().enumerate() {
                phone.default_second_factor = at == index && phone.is_second_factor();
            }
        }
        // Another one takes its place, if there is one.
        Some(false) if found.phones[index].default_second_factor => {
            let next = found
                .phones
                .iter()
                .position(|p| p.is_second_factor() && p.id != *id);
            if let Some(next) = next {
                found.phones[index].default_second_factor = false;
                found.phones[next].default_second_factor = true;
            }
        }
        Some(false) | None => {}
    }
    Ok(())
}

fn set_second_factor(cx: &Cx, found: &mut Found, index: usize, on: bool) -> Result<(), ApiError> {
    let param = "reserved_for_second_factor";
    if !on || found.phones[index].reserved_for_second_factor {
        found.phones[index].reserved_for_second_factor = on;
        return Ok(());
    }
    if !cx.instance.settings.attributes.phone_second_factor {
        return Err(refuse::form_param_unknown(param).at(param));
    }
    if !found.phones[index].is_verified() {
        return Err(refuse::identification_update_failed(
            "an unverified number cannot be a second factor",
        )
        .at(param));
    }
    found.phones[index].reserved_for_second_factor = true;
    // It is no first factor any more.
    if !ways::any(&cx.instance.settings, found) {
        return Err(refuse::identification_update_failed(
            "nothing would be left to sign in with before the second factor",
        )
        .at(param));
    }
    Ok(())
}

/// Removes a number. Where it was the primary one, the oldest verified one that is left follows; where it was the only second
/// factor, sign-ins need none any more.
///
/// # Errors
/// 404; 400 `last_required_identification_deletion_failed`.
pub async fn remove(cx: &Cx, id: &str) -> Result<PhoneRow> {
    let id = claims::parse_id::<PhoneRow>(id)?;
    usher_db::write_tx!(cx.app.db, cx.tenant(), tx => { remove_held(cx, &mut tx, &id).await })
}

/// As [`remove`], for the owner: the client's token changes where the number was a second factor.
///
/// # Errors
/// As [`remove`].
pub async fn remove_own(cx: &Cx, id: &IdentificationId) -> Result<PhoneRow> {
    let client = cx
        .client
        .as_ref()
        .ok_or_else(refuse::authentication_invalid)?;
    let (held, row) = usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        let mut held = clients::hold(&mut tx, client).await?;
        let row = remove_held(cx, &mut tx, id).await?;
        if row.is_second_factor() {
            clients::rotate(cx, &mut tx, &mut held).await?;
        }
        Ok::<_, Error>((held, row))
    })?;
    clients::announce(cx, &held, None);
    Ok(row)
}

async fn remove_held(cx: &Cx, tx: &mut Tx, id: &IdentificationId) -> Result<PhoneRow> {
    let (mut found, row) = hold::<PhoneRow>(tx, id).await?;
    found.phones.retain(|p| p.id != *id);
    let demanded = cx.instance.settings.attributes.phone_number.required();
    if found.phones.is_empty() && (demanded || !ways::is_identified(&cx.instance.settings, &found))
    {
        return Err(refuse::last_required_identification_deletion_failed().into());
    }
    store::delete::<PhoneRow>(tx, id).await?;
    audit::record(cx, tx, told("phone_number.deleted", &row));
    if found.user.primary_phone_number_id.as_ref() == Some(id) {
        found.user.primary_phone_number_id = next_primary(&found.phones);
    }
    save(cx, tx, &mut found).await?;
    Ok(row)
}

fn next_primary(phones: &[PhoneRow]) -> Option<IdentificationId> {
    let next = phones
        .iter()
        .find(|p| p.is_verified())
        .or_else(|| phones.first());
    next.map(|p| p.id.clone())
}

/// Makes a number the user's only one; it comes back. It is no second factor, and neither is any other number then.
///
/// # Errors
/// 404; 422 `form_identifier_exists` when it is claimed by another user.
pub async fn replace(
    cx: &Cx,
    user: &UserId,
    number: &PhoneNumber,
    standing: Standing,
) -> Result<PhoneRow> {
    usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        let mut found = list::hold(&mut tx, user).await?;
        claims::check_free::<PhoneRow>(&mut tx, number.as_str(), Some(user)).await?;
        let mut kept = None;
        for phone in std::mem::take(&mut found.phones) {
            if kept.is_none() && phone.phone_number == number.as_str() {
                kept = Some(phone);
            } else {
                store::delete::<PhoneRow>(&mut tx, &phone.id).await?;
                audit::record(cx, &mut tx, told("phone_number.deleted", &phone));
            }
        }
        let row = match kept {
            Some(mut row) => {
                claims::set_standing(&mut row, standing, cx.now);
                row.reserved_for_second_factor = false;
                row.default_second_factor = false;
                store::update(&mut tx, &row).await.map_err(claims::taken::<PhoneRow>)?;
                audit::record(cx, &mut tx, told("phone_number.updated", &row).changed(["verified", "primary", "reserved_for_second_factor"]));
                row
            }
            None => {
                let row = new_row(cx, user, number, standing);
                store::insert(&mut tx, &row).await.map_err(claims::taken::<PhoneRow>)?;
                audit::record(cx, &mut tx, told("phone_number.created", &row));
                row
            }
        };
        found.user.primary_phone_number_id = Some(row.id.clone());
        found.phones.push(row.clone());
        save(cx, &mut tx, &mut found).await?;
        Ok::<_, Error>(row)
    })
}

/// Sends a code that proves a number.
///
/// # Errors
/// 404; 400 `verification_already_verified`; 403 for countries that get none; 429 when a code was sent a moment ago.
pub async fn prepare(cx: &Cx, id: &str, channel: Channel) -> Result<VerificationRow> {
    let id = claims::parse_id::<PhoneRow>(id)?;
    usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        let (found, row) = hold::<PhoneRow>(&mut tx, &id).await?;
        if row.is_verified() {
            return Err(refuse::verification_already_verified().into());
        }
        let number = PhoneNumber::stored(&row.phone_number).ok_or_else(|| Fault::new("a stored number that is none"))?;
        // Somebody else's number was added for show.
        let others = claims::is_others(&mut tx, &row).await?;
        let wanted = verifications::ops::Code {
            strategy: Strategy::PhoneCode,
            to: &Contact::Phone(number),
            channel,
            previous: row.verification_id.as_ref(),
            link: None,
            delivery: if others { Delivery::Pretend } else { Delivery::Send(found.user.locale.as_deref()) },
        };
        let verification = verifications::ops::start_code(cx, &mut tx, &wanted).await?;
        store::set_verification::<PhoneRow>(&mut tx, &id, &verification.id, cx.now).await?;
        audit::record(cx, &mut tx, told("phone_number.verification.code_sent", &row));
        Ok::<_, Error>(verification)
    })
}

/// Tries a code. A wrong one is no refusal: the verification that comes back says where it stands. The right one makes the
/// number verified; no session starts.
///
/// # Errors
/// 404 for unknown numbers and verifications of others; 400 `verification_already_verified`, `identification_claimed`.
pub async fn attempt(
    cx: &Cx,
    id: &str,
    verification: &str,
    code: &str,
    client: Option<&ClientId>,
) -> Result<VerificationRow> {
    let id = claims::parse_id::<PhoneRow>(id)?;
    let missing = || refuse::resource_not_found("verification");
    let sent = VerificationId::parse(verification).ok_or_else(missing)?;
    usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        let (mut found, mut row) = hold::<PhoneRow>(&mut tx, &id).await?;
        if claims::try_code(cx, &mut tx, &mut row, &sent, code, client).await? {
            claims::put(&mut found, &row);
            save(cx, &mut tx, &mut found).await?;
        }
        Ok::<_, Error>(verifications::store::find(&mut tx, &sent).await?.ok_or_else(missing)?)
    })
}

/// None of a user's numbers is a second factor any more. Writing the user's row is the caller's.
///
/// # Errors
/// The database's.
pub async fn free_second_factors(cx: &Cx, tx: &mut Tx, user: &mut UserRow) -> Result<()> {
    for mut row in of_user(tx, user).await? {
        if row.reserved_for_second_factor {
            row.reserved_for_second_factor = false;
            row.default_second_factor = false;
            row.updated_at = cx.now;
            store::update(tx, &row).await?;
        }
    }
    second_factors::ops::set_phone(cx, tx, user, false).await
}

fn new_row(cx: &Cx, user: &UserId, number: &PhoneNumber, standing: Standing) -> PhoneRow {
    let mut row = PhoneRow {
        instance_id: cx.instance.row.id.clone(),
        id: IdentificationId::compose(cx.now, &cx.fresh()),
        user_id: user.clone(),
        phone_number: number.as_str().to_owned(),
        reserved: false,
        claimed: false,
        verification_status: String::new(),
        verification_strategy: None,
        verification_id: None,
        reserved_for_second_factor: false,
        default_second_factor: false,
        created_at: cx.now,
        updated_at: cx.now,
    };
    claims::set_standing(&mut row, standing, cx.now);
    row
}

/// Writes a held user whose numbers changed, and what follows for the second factors.
async fn save(cx: &Cx, tx: &mut Tx, found: &mut Found) -> Result<()> {
    settle(&mut found.phones, cx.now);
    let kept = store::of_user(tx, &found.user.id).await?;
    for row in &found.phones {
        if !kept.contains(row) {
            store::update(tx, row).await.map_err(claims::claimed)?;
        }
    }
    let second = found.phones.iter().any(PhoneRow::is_second_factor);
    second_factors::ops::set_phone(cx, tx, &mut found.user, second).await?;
    found.refresh();
    found.user.updated_at = cx.now;
    Ok(users::store::update(tx, &found.user).await?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use usher_types::Timestamp;
    use usher_types::id::InstanceId;

    fn row(id: &str, verified: bool, second: bool, default: bool) -> PhoneRow {
        PhoneRow {
            instance_id: InstanceId::trusted("ins_1".into()),
            id: IdentificationId::trusted(id.into()),
            user_id: UserId::trusted("user_1".into()),
            phone_number: "+12025550173".into(),
            reserved: false,
            claimed: verified,
            verification_status: if verified { "verified" } else { "unverified" }.into(),
            verification_strategy: None,
            verification_id: None,
            reserved_for_second_factor: second,
            default_second_factor: default,
            created_at: Timestamp(0),
            updated_at: Timestamp(0),
        }
    }

    #[test]
    fn of_the_second_factors_exactly_one_is_the_default_and_unverified_numbers_are_none() {
        for bits in 0_u16..512 {
            let bit = |n: u16| bits & (1 << n) != 0;
            let mut all: Vec<PhoneRow> = (0..3)
                .map(|i| {
                    row(
                        &format!("idn_{i}"),
                        bit(i * 3),
                        bit(i * 3 + 1),
                        bit(i * 3 + 2),
                    )
                })
                .collect();
            settle(&mut all, Timestamp(1));
            let seconds = all.iter().filter(|p| p.is_second_factor()).count();
            let defaults: Vec<_> = all.iter().filter(|p| p.default_second_factor).collect();
            assert_eq!(defaults.len(), usize::from(seconds > 0), "{bits:09b}");
            assert!(defaults.iter().all(|p| p.is_second_factor()), "{bits:09b}");
            assert!(
                all.iter()
                    .all(|p| !p.reserved_for_second_factor || p.is_verified())
            );
            let once = all.clone();
            settle(&mut all, Timestamp(2));
            assert!(all == once, "{bits:09b}");
        }
    }
}
