//! Proving what a sign-up gave: a code to its address or its number, and what becomes of a proof that turns out to be an
//! existing user's.
use super::flow::{self, Status};
use super::model::SignUpRow;
use super::ops::{check_access, check_mode, conclude, current, finish, resource, told};
use super::resource::SignUpResource;
use super::store;
use crate::audit;
use crate::clients::ops::Held;
use crate::cx::Cx;
use crate::identifiers;
use crate::identifiers::contact::{Channel, Contact};
use crate::identifiers::email::{EmailAddress, EmailRow};
use crate::identifiers::phones::model::PhoneRow;
use crate::identifiers::phones::number::PhoneNumber;
use crate::strategies::{Medium, Strategy};
use crate::verifications::links::{Link, Purpose};
use crate::verifications::ops::{self as codes, Code, Delivery, Outcome};
use crate::verifications::store as verification_store;
use usher_db::Tx;
use usher_types::error::codes as refuse;
use usher_types::id::{ClientId, SignUpId, VerificationId};
use usher_types::{ApiError, Error, Result};

/// What a sign-up can prove.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Proof {
    /// The address.
    Email,
    /// The number.
    Phone,
}

impl Proof {
    /// By the strategy that proves it.
    pub(super) fn by(strategy: Strategy) -> Result<Self, ApiError> {
        match strategy.medium().filter(|_| !strategy.resets_password()) {
            Some(Medium::Mail) => Ok(Self::Email),
            Some(Medium::Telephone) => Ok(Self::Phone),
            None => Err(refuse::verification_strategy_invalid().at("strategy")),
        }
    }
    fn field(self) -> &'static str {
        match self {
            Self::Email => "email_address",
            Self::Phone => "phone_number",
        }
    }
    fn contact(self, row: &SignUpRow) -> Option<Contact> {
        match self {
            Self::Email => row
                .email_address
                .as_deref()
                .and_then(EmailAddress::parse)
                .map(Contact::Email),
            Self::Phone => row
                .phone_number
                .as_deref()
                .and_then(PhoneNumber::stored)
                .map(Contact::Phone),
        }
    }
    fn is_done(self, row: &SignUpRow) -> bool {
        match self {
            Self::Email => row.email_verified,
            Self::Phone => row.phone_verified,
        }
    }
    fn verification(self, row: &SignUpRow) -> Option<VerificationId> {
        match self {
            Self::Email => row.email_verification_id.clone(),
            Self::Phone => row.phone_verification_id.clone(),
        }
    }
    fn set(self, row: &mut SignUpRow, verification: VerificationId) {
        match self {
            Self::Email => row.email_verification_id = Some(verification),
            Self::Phone => row.phone_verification_id = Some(verification),
        }
    }
    fn done(self, row: &mut SignUpRow) {
        match self {
            Self::Email => row.email_verified = true,
            Self::Phone => row.phone_verified = true,
        }
    }
    fn events(self) -> [&'static str; 3] {
        match self {
            Self::Email => [
                "sign_up.email_address.verification.code_sent",
                "sign_up.email_address.verification.code_attempt_invalid",
                "sign_up.email_address.verified",
            ],
            Self::Phone => [
                "sign_up.phone_number.verification.code_sent",
                "sign_up.phone_number.verification.code_attempt_invalid",
                "sign_up.phone_number.verified",
            ],
        }
    }
}

/// Whether an address or a number is a user's.
pub(super) async fn is_claimed(tx: &mut Tx, contact: &Contact) -> Result<bool> {
    Ok(match contact {
        Contact::Email(address) => identifiers::store::claimed::<EmailRow>(tx, address.as_str())
            .await?
            .is_some(),
        Contact::Phone(number) => identifiers::store::claimed::<PhoneRow>(tx, number.as_str())
            .await?
            .is_some(),
    })
}

/// Sends a code to the attempt's address or number.
///
/// # Errors
/// 400 for other strategies; 422 where there is no address or number; 403 for countries that get no messages; 429 for a second
/// code too soon.
pub async fn prepare(
    cx: &Cx,
    id: &str,
    strategy: Strategy,
    channel: Channel,
    redirect_url: Option<&str>,
) -> Result<SignUpResource> {
    let proof = Proof::by(strategy)?;
    let row = usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        let (_held, mut row) = current(cx, &mut tx, id).await?;
        if proof.is_done(&row) {
            return Err(refuse::verification_already_verified().into());
        }
        let to = proof.contact(&row).ok_or_else(|| refuse::form_param_missing(proof.field()).at(proof.field()))?;
        let previous = proof.verification(&row);
        let link = redirect_url.map(|page| Link { purpose: Purpose::SignUp, of: row.id.as_str().to_owned(), client: row.client_id.as_str().to_owned(), redirect_url: page.to_owned() });
        let wanted = Code { strategy, to: &to, channel, previous: previous.as_ref(), link: link.as_ref(), delivery: Delivery::Send(row.locale.as_deref()) };
        let verification = codes::start_code(cx, &mut tx, &wanted).await?;
        proof.set(&mut row, verification.id);
        row.updated_at = cx.now;
        store::update(&mut tx, &row).await?;
        let sent = if strategy == Strategy::EmailLink { "sign_up.email_address.verification.link_sent" } else { proof.events()[0] };
        audit::record(cx, &mut tx, told(sent, &row));
        Ok::<_, Error>(row)
    })?;
    let mut tx = cx.read().await?;
    resource(cx, &mut tx, &row).await
}

/// Tries the code. Where the address or number became another user's meanwhile, the proof can be spent on a sign-in by
/// transfer.
///
/// # Errors
/// 422 when it is wrong, 400 when it is spent or was never sent; 422 `form_identifier_exists`.
pub async fn attempt(cx: &Cx, id: &str, strategy: Strategy, code: &str) -> Result<SignUpResource> {
    let proof = Proof::by(strategy)?;
    let [_, invalid, _] = proof.events();
    let outcome = usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        let (mut held, mut row) = current(cx, &mut tx, id).await?;
        check_mode(cx, row.ticket_id.is_some())?;
        check_access(cx, &mut tx, &row).await?;
        let verification = proof.verification(&row).ok_or_else(refuse::verification_missing)?;
        if let Outcome::Refused(refusal) = codes::attempt(cx, &mut tx, &verification, code, Some(&held.row.id)).await? {
            if refusal.code == "form_code_incorrect" {
                audit::record(cx, &mut tx, told(invalid, &row).failed());
            }
            return Ok(Err(refusal));
        }
        let changed = proved(cx, &mut tx, &mut held, &mut row, proof, &verification).await?;
        Ok::<_, Error>(changed.map(|changed| (held, row, changed)))
    })?;
    let (held, row, changed) = outcome?;
    conclude(cx, &held, &row, changed).await
}

/// What follows when the address or the number is proved: the user, where nothing else is missing. One that became another
/// user's meanwhile is refused, and the proof waits for a sign-in by transfer; the refusal is the value, so that it does.
///
/// # Errors
/// Those of making the user.
pub(super) async fn proved(
    cx: &Cx,
    tx: &mut Tx,
    held: &mut Held,
    row: &mut SignUpRow,
    proof: Proof,
    verification: &VerificationId,
) -> Result<Result<Option<i64>, ApiError>> {
    let [.., verified] = proof.events();
    audit::record(cx, tx, told(verified, row));
    let contact = proof
        .contact(row)
        .ok_or_else(refuse::verification_missing)?;
    if is_claimed(tx, &contact).await? {
        verification_store::set_status(tx, verification, "transferable").await?;
        return Ok(Err(refuse::identifier_taken(proof.field())));
    }
    proof.done(row);
    row.updated_at = cx.now;
    store::update(tx, row).await?;
    finish(cx, tx, held, row).await.map(Ok)
}

/// The proved address or number of a sign-up that turned out to be an existing user's.
///
/// # Errors
/// The database's.
pub async fn transferable(
    cx: &Cx,
    tx: &mut Tx,
    id: &SignUpId,
    client: &ClientId,
) -> Result<Option<(Contact, VerificationId)>> {
    let Some(row) = store::find(tx, id).await?.filter(|r| {
        r.client_id == *client && flow::status(r, cx.now) == Status::MissingRequirements
    }) else {
        return Ok(None);
    };
    for proof in [Proof::Email, Proof::Phone] {
        let found = proof.contact(&row).zip(proof.verification(&row));
        let Some((contact, id)) = found else {
            continue;
        };
        let waiting = verification_store::find(tx, &id).await?;
        if waiting.is_some_and(|v| v.status == "transferable") {
            return Ok(Some((contact, id)));
        }
    }
    Ok(None)
}
