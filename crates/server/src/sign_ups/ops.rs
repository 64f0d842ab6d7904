//! Use cases of sign-ups. Each: read, slow work, one write transaction, announce after the commit.
use super::flow::{self, Status};
use super::model::{LIFE_MS, SignUpRow};
use super::resource::{Proofs, SignUpResource};
use super::social::By;
use super::{social, store, wallet};
use crate::access::ops::{self as access, Door};
use crate::audit::{self, Event};
use crate::clients::ops::{self as clients, Held};
use crate::clients::store as client_store;
use crate::cx::Cx;
use crate::identifiers;
use crate::identifiers::contact::{Channel, Contact};
use crate::identifiers::email::{EmailAddress, EmailRow};
use crate::identifiers::phones::model::PhoneRow;
use crate::identifiers::phones::number::PhoneNumber;
use crate::identifiers::phones::reach;
use crate::identifiers::wallets::model::{Wallet, WalletRow};
use crate::instances::settings::SignUpMode;
use crate::organizations::invitations::ops as invitations;
use crate::sessions;
use crate::strategies::Strategy;
use crate::tickets;
use crate::tickets::model::Kind;
use crate::users;
use crate::users::model::normal_username;
use crate::users::ops::create::{NewEmail, NewPhone, NewUser, NewWallet, check_username};
use crate::users::password;
use crate::verifications::store as verification_store;
use crate::waitlist;
use usher_db::Tx;
use usher_http::form::{Form, Patch};
use usher_types::error::codes as refuse;
use usher_types::id::{ClientId, SignUpId};
use usher_types::{ApiError, Error, Result};

/// The fields of a request, checked against the settings; a password is hashed already.
#[derive(Debug)]
struct Given {
    email: Patch<EmailAddress>,
    wallet: Patch<Wallet>,
    phone: Patch<PhoneNumber>,
    username: Patch<String>,
    first_name: Patch<String>,
    last_name: Patch<String>,
    password_stored: Option<String>,
    unsafe_metadata: Option<String>,
    locale: Patch<String>,
    legal_accepted: bool,
}

/// Checks the fields against the settings and hashes the password. `before` holds what was given earlier: a password
/// may not equal those identifiers either.
async fn given(cx: &Cx, form: &Form, before: Option<&SignUpRow>) -> Result<Given> {
    let settings = &cx.instance.settings;
    let a = &settings.attributes;
    let mut faults: Vec<ApiError> = Vec::new();
    let offered = [
        ("email_address", a.email_address),
        ("username", a.username),
        ("first_name", a.first_name),
        ("last_name", a.last_name),
        ("password", a.password),
        ("phone_number", a.phone_number),
        ("web3_wallet", a.wallets()),
    ];
    for (name, presence) in offered {
        if form.text(name).is_some() && !presence.enabled() {
            faults.push(refuse::form_param_unknown(name).at(name));
        }
    }
    // Said no: that is no field that is still to come.
    if settings.legal_consent_enabled && form.flag("legal_accepted") == Some(false) {
        faults.push(refuse::legal_not_accepted().at("legal_accepted"));
    }
    let email = match form.patch("email_address") {
        Patch::Set(text) => match EmailAddress::parse(&text) {
            Some(address) => Patch::Set(address),
            None => {
                faults.push(refuse::form_param_format_invalid("email address").at("email_address"));
                Patch::Absent
            }
        },
        Patch::Null => Patch::Null,
        Patch::Absent => Patch::Absent,
    };
    let mut wallet = Patch::Absent;
    if a.wallets().enabled() {
        match wallet::given(cx, form) {
            Ok(given) => wallet = given,
            Err(e) => faults.push(e),
        }
    }
    let phone = match form.patch("phone_number") {
        Patch::Set(text) => match PhoneNumber::parse(&text, &settings.sms.default_country) {
            Some(number) => Patch::Set(number),
            None => {
                faults.push(refuse::form_param_format_invalid("phone number").at("phone_number"));
                Patch::Absent
            }
        },
        Patch::Null => Patch::Null,
        Patch::Absent => Patch::Absent,
    };
    if let Patch::Set(number) = &phone
        && let Err(e) = reach::check(cx, number, Channel::Sms)
    {
        faults.push(e.at("phone_number"));
    }
    let username = match form.patch("username") {
        Patch::Set(text) => match check_username(settings, &text) {
            Ok(name) => Patch::Set(name),
            Err(e) => {
                faults.push(e);
                Patch::Absent
            }
        },
        other => other,
    };
    if let Some(text) = form.text("password") {
        let mut own: Vec<&str> = vec![
            form.text("email_address").unwrap_or_default(),
            form.text("username").unwrap_or_default(),
        ];
        own.extend(before.and_then(|b| b.email_address.as_deref()));
        own.extend(before.and_then(|b| b.username.as_deref()));
        own.extend(before.and_then(|b| b.phone_number.as_deref()));
        if let Patch::Set(number) = &phone {
            own.push(number.as_str());
        }
        if let Err(e) = password::verdict(cx, "password", text, &own).await? {
            faults.push(e);
        }
    }
    if let Some(fault) = ApiError::join(faults) {
        return Err(fault.into());
    }
    let password_stored = match form.text("password") {
        Some(text) => Some(password::hash(cx, text).await?),
        None => None,
    };
    Ok(Given {
        email,
        wallet,
        phone,
        username,
        first_name: form.patch("first_name"),
        last_name: form.patch("last_name"),
        password_stored,
        unsafe_metadata: form
            .object("unsafe_metadata")
            .map(|m| serde_json::Value::Object(m.clone()).to_string()),
        locale: form.patch("locale"),
        legal_accepted: form.flag("legal_accepted") == Some(true),
    })
}

/// An event of an attempt.
pub(super) fn told(name: &'static str, row: &SignUpRow) -> Event {
    Event::new(name)
        .about(row.id.as_str())
        .client(row.client_id.as_str())
}

/// The one verdict on who may sign up: everybody, or who holds an invitation.
pub(super) fn check_mode(cx: &Cx, invited: bool) -> Result<()> {
    if invited {
        return Ok(());
    }
    match cx.instance.settings.sign_up_mode {
        SignUpMode::Public => Ok(()),
        SignUpMode::Restricted => Err(refuse::sign_up_mode_restricted().into()),
        SignUpMode::Waitlist => Err(refuse::sign_up_restricted_waitlist().into()),
    }
}

pub(super) async fn resource(cx: &Cx, tx: &mut Tx, row: &SignUpRow) -> Result<SignUpResource> {
    let mut proofs = Proofs::default();
    if let Some(id) = &row.email_verification_id {
        proofs.email = verification_store::find(tx, id).await?;
    }
    if let Some(id) = &row.phone_verification_id {
        proofs.phone = verification_store::find(tx, id).await?;
    }
    if let Some(id) = &row.web3_verification_id {
        proofs.wallet = verification_store::find(tx, id).await?;
    }
    let mut resource = SignUpResource::new(cx, row, &proofs);
    resource.verifications.external_account =
        crate::social::ops::shown(cx, tx, row.external_flow_id.as_ref()).await?;
    Ok(resource)
}

/// The client's open attempt, for its resource; `None` once it is over.
///
/// # Errors
/// The database's.
pub async fn open(
    cx: &Cx,
    tx: &mut Tx,
    id: &SignUpId,
    client: &ClientId,
) -> Result<Option<SignUpResource>> {
    let Some(row) = store::find(tx, id)
        .await?
        .filter(|r| r.client_id == *client)
    else {
        return Ok(None);
    };
    if flow::status(&row, cx.now) == Status::MissingRequirements {
        resource(cx, tx, &row).await.map(Some)
    } else {
        Ok(None)
    }
}

pub(super) async fn mine(cx: &Cx, tx: &mut Tx, id: &str) -> Result<SignUpRow> {
    let client = cx
        .client_id()
        .ok_or_else(|| refuse::resource_not_found("sign-up"))?;
    let id = SignUpId::parse(id).ok_or_else(|| refuse::resource_not_found("sign-up"))?;
    let found = store::find(tx, &id)
        .await?
        .filter(|r| r.client_id == client);
    Ok(found.ok_or_else(|| refuse::resource_not_found("sign-up"))?)
}

/// An attempt of the browser's client, also a completed one.
///
/// # Errors
/// 404 for others' and unknown ones.
pub async fn show(cx: &Cx, id: &str) -> Result<SignUpResource> {
    let mut tx = cx.read().await?;
    let row = mine(cx, &mut tx, id).await?;
    resource(cx, &mut tx, &row).await
}

/// Refuses an address that may not join. An attempt without one is held when it would complete: the address may follow.
pub(super) async fn check_access(cx: &Cx, tx: &mut Tx, row: &SignUpRow) -> Result<()> {
    let address = row.email_address.as_deref().and_then(EmailAddress::parse);
    let number = row.phone_number.as_deref().and_then(PhoneNumber::stored);
    let wallet = row.web3_wallet.as_deref().and_then(Wallet::parse);
    if let Some(wallet) = &wallet {
        access::check_wallet(cx, tx, wallet, Door::Join).await?;
    }
    if let Some(address) = &address {
        access::check(cx, tx, address, Door::Join).await?;
    }
    if let Some(number) = &number {
        access::check_number(cx, tx, number, Door::Join).await?;
    }
    let nameless = address.is_none() && number.is_none();
    if nameless && flow::is_ready(row, &cx.instance.settings) {
        access::check_nameless(cx)?;
    }
    Ok(())
}

/// Refuses taken identifiers. Where enumeration protection is on a taken address is not told of here: whoever proves to
/// own it by the code learns it then.
pub(super) async fn check_free(cx: &Cx, tx: &mut Tx, row: &SignUpRow) -> Result<()> {
    check_access(cx, tx, row).await?;
    let mut faults = Vec::new();
    if let Some(address) = &row.email_address
        && !cx.instance.settings.enumeration_protection
        && identifiers::store::claimed::<EmailRow>(tx, address)
            .await?
            .is_some()
    {
        faults.push(refuse::identifier_taken("email_address"));
    }
    if let Some(wallet) = row.web3_wallet.as_deref().and_then(Wallet::parse)
        && !cx.instance.settings.enumeration_protection
        && identifiers::store::claimed::<WalletRow>(tx, &wallet.normal())
            .await?
            .is_some()
    {
        faults.push(refuse::identifier_taken("web3_wallet"));
    }
    if let Some(number) = &row.phone_number
        && !cx.instance.settings.enumeration_protection
        && identifiers::store::claimed::<PhoneRow>(tx, number)
            .await?
            .is_some()
    {
        faults.push(refuse::identifier_taken("phone_number"));
    }
    if let Some(name) = &row.username
        && users::store::by_username(tx, &normal_username(name))
            .await?
            .is_some()
    {
        faults.push(refuse::identifier_taken("username"));
    }
    ApiError::join(faults).map_or(Ok(()), |e| Err(e.into()))
}

/// Writes given fields into a row. A changed address is unproved.
fn apply(cx: &Cx, row: &mut SignUpRow, given: &Given) {
    wallet::apply(row, &given.wallet);
    let email = match &given.email {
        // The invitation says whose it is.
        _ if row.ticket_id.is_some() => row.email_address.clone(),
        Patch::Absent => row.email_address.clone(),
        Patch::Null => None,
        Patch::Set(address) => Some(address.as_str().to_owned()),
    };
    if email != row.email_address {
        row.email_address = email;
        row.email_verified = false;
        row.email_verification_id = None;
        row.email_proof = None;
    }
    let phone = match &given.phone {
        Patch::Absent => row.phone_number.clone(),
        Patch::Null => None,
        Patch::Set(number) => Some(number.as_str().to_owned()),
    };
    if phone != row.phone_number {
        row.phone_number = phone;
        row.phone_verified = false;
        row.phone_verification_id = None;
    }
    row.username = given.username.clone().over(row.username.take());
    row.first_name = given.first_name.clone().over(row.first_name.take());
    row.last_name = given.last_name.clone().over(row.last_name.take());
    row.locale = given.locale.clone().over(row.locale.take());
    if given.password_stored.is_some() {
        row.password_stored.clone_from(&given.password_stored);
    }
    if let Some(metadata) = &given.unsafe_metadata {
        row.unsafe_metadata.clone_from(metadata);
    }
    if given.legal_accepted && row.legal_accepted_at.is_none() {
        row.legal_accepted_at = Some(cx.now);
    }
    row.updated_at = cx.now;
}

/// Refuses a ticket that cannot be used before anything slow is done for it.
async fn check_ticket(cx: &Cx, ticket: Option<&str>) -> Result<()> {
    if let Some(text) = ticket {
        let mut view = cx.read().await?;
        let ticket = tickets::ops::find(cx, &mut view, text).await?;
        tickets::ops::check(cx, &ticket)?;
    }
    Ok(())
}

/// Takes an invitation's address, as proved, and its metadata into the attempt. The invitation is used up when the user is
/// made, so that an unfinished form costs nobody the invitation.
async fn take_invitation(
    cx: &Cx,
    tx: &mut Tx,
    row: &mut SignUpRow,
    ticket: Option<&str>,
) -> Result<()> {
    let Some(text) = ticket else {
        return Ok(());
    };
    let ticket = tickets::ops::find(cx, tx, text).await?;
    tickets::ops::check(cx, &ticket)?;
    let invites = [Kind::Invitation, Kind::OrganizationInvitation].map(Kind::word);
    let Some(address) = ticket
        .email_address
        .filter(|_| invites.contains(&ticket.kind.as_str()))
    else {
        return Err(refuse::ticket_invalid_code().at("ticket").into());
    };
    if identifiers::store::claimed::<EmailRow>(tx, &address)
        .await?
        .is_some()
    {
        return Err(refuse::invitation_account_exists().into());
    }
    row.email_address = Some(address);
    row.email_verified = true;
    row.email_verification_id = None;
    // That of an invitation to an organization becomes the membership's.
    if ticket.kind == Kind::Invitation.word() {
        row.public_metadata = ticket.public_metadata;
    }
    row.ticket_id = Some(ticket.id);
    Ok(())
}

/// Starts an attempt; it replaces the client's current one. With `transfer`, the address that a sign-in proved is taken
/// over. `by` is the provider that it goes to next, or what one has said.
///
/// # Errors
/// 403 where sign-ups are not public; 400 where the client is signed in; 422 for fields.
pub async fn create(cx: &Cx, form: &Form, by: Option<&By>) -> Result<SignUpResource> {
    let ticket = form.text("ticket");
    check_mode(cx, ticket.is_some())?;
    check_ticket(cx, ticket).await?;
    let transfer = form.flag("transfer") == Some(true);
    let given = given(cx, form, None).await?;
    let (held, row, changed) = usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        let mut held = clients::hold_or_create(cx, &mut tx).await?;
        if cx.instance.settings.single_session_mode && !clients::live_sessions(cx, &mut tx, &held.row.id).await?.is_empty() {
            return Err(refuse::session_exists().into());
        }
        let mut row = SignUpRow {
            instance_id: cx.instance.row.id.clone(),
            id: SignUpId::compose(cx.now, &cx.fresh()),
            client_id: held.row.id.clone(),
            email_address: None,
            username: None,
            first_name: None,
            last_name: None,
            password_stored: None,
            unsafe_metadata: "{}".to_owned(),
            external_id: None,
            custom_action: false,
            ticket_id: None,
            public_metadata: "{}".to_owned(),
            locale: None,
            legal_accepted_at: None,
            email_verification_id: None,
            email_verified: false,
            phone_number: None,
            phone_verification_id: None,
            phone_verified: false,
            created_user_id: None,
            created_session_id: None,
            external_flow_id: None,
            external_verified: false,
            email_proof: None,
            abandon_at: cx.now.plus_ms(LIFE_MS),
            created_at: cx.now,
            updated_at: cx.now,
            web3_wallet: None,
            web3_verification_id: None,
            web3_verified_by: None,
        };
        apply(cx, &mut row, &given);
        take_invitation(cx, &mut tx, &mut row, ticket).await?;
        if transfer && !social::take_over(cx, &mut tx, &held, &mut row).await? && row.ticket_id.is_none() {
            match crate::sign_ins::transfer::take_transferable(cx, &mut tx, &held).await?.ok_or_else(refuse::account_transfer_invalid)? {
                Contact::Email(address) => {
                    row.email_address = Some(address.as_str().to_owned());
                    row.email_verified = true;
                }
                Contact::Phone(number) => {
                    row.phone_number = Some(number.as_str().to_owned());
                    row.phone_verified = true;
                }
            }
        }
        check_free(cx, &mut tx, &row).await?;
        store::insert(&mut tx, &row).await?;
        audit::record(cx, &mut tx, told("sign_up.created", &row));
        match by {
            Some(By::Trip(ready)) => social::begin(cx, &mut tx, &held, &mut row, ready).await?,
            Some(By::Token(given)) => social::by_token(cx, &mut tx, &held, &mut row, given).await?,
            None => {}
        }
        client_store::set_sign_up(&mut tx, &held.row.id, Some(&row.id), cx.now).await?;
        let changed = finish(cx, &mut tx, &mut held, &mut row).await?;
        Ok::<_, Error>((held, row, changed))
    })?;
    conclude(cx, &held, &row, changed).await
}

/// Adds to, or changes, the client's current attempt.
///
/// # Errors
/// As [`create`]; 404 for others' attempts; 400 for one that is over.
pub async fn update(cx: &Cx, id: &str, form: &Form) -> Result<SignUpResource> {
    let ticket = form.text("ticket");
    let mut view = cx.read().await?;
    let before = mine(cx, &mut view, id).await?;
    drop(view);
    check_mode(cx, ticket.is_some() || before.ticket_id.is_some())?;
    check_ticket(cx, ticket).await?;
    let given = given(cx, form, Some(&before)).await?;
    let (held, row, changed) = usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        let (mut held, mut row) = current(cx, &mut tx, id).await?;
        apply(cx, &mut row, &given);
        take_invitation(cx, &mut tx, &mut row, ticket).await?;
        check_free(cx, &mut tx, &row).await?;
        store::update(&mut tx, &row).await?;
        audit::record(cx, &mut tx, told("sign_up.updated", &row).changed(form.names()));
        let changed = finish(cx, &mut tx, &mut held, &mut row).await?;
        Ok::<_, Error>((held, row, changed))
    })?;
    conclude(cx, &held, &row, changed).await
}

/// The client's current attempt under the client's lock, still open.
pub(super) async fn current(cx: &Cx, tx: &mut Tx, id: &str) -> Result<(Held, SignUpRow)> {
    let client = cx
        .client
        .as_ref()
        .ok_or_else(|| refuse::resource_not_found("sign-up"))?;
    let held = clients::hold(tx, client).await?;
    let row = mine(cx, tx, id).await?;
    if held.row.sign_up_id.as_ref() != Some(&row.id)
        || flow::status(&row, cx.now) != Status::MissingRequirements
    {
        return Err(refuse::invalid_action_for_session().into());
    }
    Ok((held, row))
}

/// What proved the attempt's address: an invitation, a link or a code.
async fn mailed_by(tx: &mut Tx, row: &SignUpRow) -> Result<Strategy> {
    if row.ticket_id.is_some() {
        return Ok(Strategy::Ticket);
    }
    let verification = match &row.email_verification_id {
        Some(id) => verification_store::find(tx, id).await?,
        None => None,
    };
    let by = verification.and_then(|v| Strategy::parse(&v.strategy));
    Ok(by.unwrap_or(Strategy::EmailCode))
}

/// Makes the user and the session where nothing is missing any more. The stamp of the client's sessions when they
/// changed.
pub(super) async fn finish(
    cx: &Cx,
    tx: &mut Tx,
    held: &mut Held,
    row: &mut SignUpRow,
) -> Result<Option<i64>> {
    if !flow::is_ready(row, &cx.instance.settings) {
        return Ok(None);
    }
    let mut invited_to = None;
    if let Some(id) = &row.ticket_id {
        let ticket = tickets::store::find(tx, id)
            .await?
            .ok_or_else(refuse::ticket_invalid_code)?;
        tickets::ops::accept(cx, tx, &ticket).await?;
        invited_to = (ticket.kind == Kind::OrganizationInvitation.word()).then_some(ticket.id);
    }
    let public_metadata = serde_json::from_str::<serde_json::Value>(&row.public_metadata)?
        .as_object()
        .cloned();
    let unsafe_metadata = serde_json::from_str::<serde_json::Value>(&row.unsafe_metadata)?
        .as_object()
        .cloned();
    let by_mail = mailed_by(tx, row).await?;
    let emails = row
        .email_address
        .as_deref()
        .and_then(EmailAddress::parse)
        .map(|address| NewEmail {
            address,
            verified_by: Some(by_mail.word()),
            reserved: false,
        });
    let by_wallet = row
        .web3_verified_by
        .as_deref()
        .and_then(Strategy::parse)
        .map(Strategy::word);
    let wallet = row.web3_wallet.as_deref().and_then(Wallet::parse);
    let phones = row
        .phone_number
        .as_deref()
        .and_then(PhoneNumber::stored)
        .map(|number| NewPhone {
            number,
            verified_by: Some(Strategy::PhoneCode.word()),
            reserved: false,
        });
    let new = NewUser {
        wallets: wallet
            .zip(by_wallet)
            .map(|(wallet, verified_by)| NewWallet {
                wallet,
                verified_by,
            })
            .into_iter()
            .collect(),
        external_id: row.external_id.clone(),
        username: row.username.clone(),
        first_name: row.first_name.clone(),
        last_name: row.last_name.clone(),
        locale: row.locale.clone(),
        emails: emails.into_iter().collect(),
        phones: phones.into_iter().collect(),
        password_stored: row.password_stored.clone(),
        unsafe_metadata,
        public_metadata,
        legal_accepted_at: row.legal_accepted_at,
        ..NewUser::default()
    };
    let user = users::ops::create::create(cx, tx, new).await?;
    if let Some(id) = invited_to {
        invitations::admit(cx, tx, &id, &user.id).await?;
    }
    if let (Some(id), Some(proof)) = (&user.primary_email_address_id, &row.email_proof) {
        identifiers::provider::credit(tx, id, proof).await?;
    }
    if let Some(address) = &row.email_address {
        waitlist::ops::complete(cx, tx, address).await?;
    }
    let strategy = match by_wallet {
        Some(by_wallet) => by_wallet,
        None if row.password_stored.is_some() => Strategy::Password.word(),
        None if row.ticket_id.is_some() => Strategy::Ticket.word(),
        None if row.email_address.is_some() => by_mail.word(),
        None => Strategy::PhoneCode.word(),
    };
    let external = social::attach(cx, tx, row, &user).await?;
    let strategy = external.as_deref().unwrap_or(strategy);
    let session = sessions::ops::complete(cx, tx, held, &user, strategy).await?;
    let event = told("sign_up.completed", row).user(&user.id);
    audit::record(cx, tx, event.session(&session.id));
    row.created_user_id = Some(user.id);
    row.created_session_id = Some(session.id);
    row.password_stored = row.password_stored.as_ref().map(|_| String::new());
    row.updated_at = cx.now;
    store::update(tx, row).await?;
    client_store::set_sign_up(tx, &held.row.id, None, cx.now).await?;
    client_store::set_sign_in(tx, &held.row.id, None, cx.now).await?;
    Ok(Some(clients::uat(&held.row, 1)))
}

pub(super) async fn conclude(
    cx: &Cx,
    held: &Held,
    row: &SignUpRow,
    changed: Option<i64>,
) -> Result<SignUpResource> {
    clients::announce(cx, held, changed);
    let mut tx = cx.read().await?;
    resource(cx, &mut tx, row).await
}
