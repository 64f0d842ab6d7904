//! From checked fields to what the use cases take.
use crate::cx::Cx;
use crate::identifiers::email::EmailAddress;
use crate::identifiers::ops::Tell;
use crate::identifiers::phones::number::PhoneNumber;
use crate::identifiers::wallets::model::Wallet;
use crate::second_factors::import::Import;
use crate::users::model::normal_username;
use crate::users::ops::create::{NewEmail, NewPhone, NewUser, NewWallet, check_username};
use crate::users::ops::list;
use crate::users::ops::metadata::{MAX_BYTES, Metadata};
use crate::users::ops::moderate::Sessions;
use crate::users::ops::update::{Change, NewPassword};
use crate::users::search::{BOUNDS, Order, Page, Picks, Search};
use serde_json::{Map, Value};
use usher_http::form::{Form, Patch};
use usher_types::error::codes as refuse;
use usher_types::id::IdentificationId;
use usher_types::{ApiError, Result, Secret, Timestamp};

/// The API version from which `PATCH /v1/users/{user_id}` takes no metadata (contract bapi §3.2).
const METADATA_APART: &str = "2026-05-12";

/// The filters of a list.
pub(super) fn search(cx: &Cx, form: &Form) -> Result<Search, ApiError> {
    let country = &cx.instance.settings.sms.default_country;
    let given = |name: &str| {
        form.texts(name)
            .into_iter()
            .filter(|v| !v.is_empty())
            .collect::<Vec<_>>()
    };
    let owned = |name: &str| form.text(name).map(str::to_owned);
    let accounts = given("provider_user_id");
    match (form.text("provider"), accounts.is_empty()) {
        (Some(_), true) => {
            return Err(
                refuse::form_conditional_param_missing("provider_user_id").at("provider_user_id")
            );
        }
        (None, false) => {
            return Err(refuse::form_conditional_param_missing("provider").at("provider"));
        }
        _ => {}
    }
    Ok(Search {
        email_addresses: given("email_address")
            .iter()
            .map(|a| a.to_ascii_lowercase())
            .collect(),
        wallets: given("web3_wallet")
            .iter()
            .map(|text| Wallet::parse(text).map_or_else(|| (*text).to_owned(), |w| w.normal()))
            .collect(),
        // What is no number is nobody's.
        phone_numbers: given("phone_number")
            .iter()
            .map(|text| match PhoneNumber::parse(text, country) {
                Some(number) => number.as_str().to_owned(),
                None => (*text).to_owned(),
            })
            .collect(),
        usernames: given("username")
            .iter()
            .map(|n| normal_username(n))
            .collect(),
        ids: Picks::read(&given("user_id")),
        external_ids: Picks::read(&given("external_id")),
        accounts: form.text("provider").map(|word| {
            let key = word.strip_prefix("oauth_").unwrap_or(word).to_owned();
            (key, accounts.iter().map(|id| (*id).to_owned()).collect())
        }),
        organizations: Picks::read(&given("organization_id")),
        query: owned("query"),
        email_address_query: owned("email_address_query"),
        phone_number_query: form.text("phone_number_query").map(bare_digits),
        username_query: owned("username_query"),
        name_query: owned("name_query"),
        banned: form.flag("banned"),
        bounds: BOUNDS
            .iter()
            .filter_map(|(name, clause)| form.int(name).map(|at| (*clause, Timestamp(at))))
            .collect(),
    })
}

/// Part of a number as it is stored: without what people write between digits.
fn bare_digits(text: &str) -> String {
    text.chars()
        .filter(|c| !matches!(c, ' ' | '-' | '.' | '(' | ')'))
        .collect()
}

/// Which part of the list, in which order.
pub(super) async fn page(cx: &Cx, form: &Form) -> Result<Page> {
    let invalid = |param: &str| refuse::form_param_value_invalid(param).at(param);
    let order = Order::read(form.text("order_by").unwrap_or("-created_at"))
        .ok_or_else(|| invalid("order_by"))?;
    let mut page = Page {
        order,
        limit: form.int("limit").unwrap_or(10),
        offset: form.int("offset").unwrap_or(0),
        after: None,
    };
    if let Some(last) = form.text("starting_after") {
        if !order.has_cursor() || page.offset != 0 {
            return Err(refuse::form_conditional_param_disallowed("starting_after")
                .at("starting_after")
                .into());
        }
        page.after = Some(
            list::cursor(cx, last)
                .await?
                .ok_or_else(|| invalid("starting_after"))?,
        );
    }
    Ok(page)
}

/// A new user. What the instance does not offer is refused by name, never dropped.
pub(super) fn new_user(cx: &Cx, form: &Form) -> Result<NewUser, ApiError> {
    refuse_unoffered(cx, form)?;
    let owned = |name: &str| form.text(name).map(str::to_owned);
    let object = |name: &str| form.object(name).cloned();
    let new = NewUser {
        external_id: owned("external_id"),
        username: form
            .text("username")
            .map(|name| check_username(&cx.instance.settings, name))
            .transpose()?,
        first_name: owned("first_name"),
        last_name: owned("last_name"),
        locale: owned("locale"),
        emails: new_emails(form)?,
        wallets: new_wallets(cx, form)?,
        phones: new_phones(cx, form)?,
        password_stored: None,
        public_metadata: object("public_metadata"),
        private_metadata: object("private_metadata"),
        unsafe_metadata: object("unsafe_metadata"),
        delete_self_enabled: form.flag("delete_self_enabled"),
        create_organization_enabled: form.flag("create_organization_enabled"),
        create_organizations_limit: form.int("create_organizations_limit"),
        bypass_client_trust: form.flag("bypass_client_trust").unwrap_or(false),
        banned: form.flag("banned").unwrap_or(false),
        locked: form.flag("locked").unwrap_or(false),
        legal_accepted_at: instant(form, "legal_accepted_at")?,
        created_at: past(cx, form, "created_at")?,
        ..NewUser::default()
    };
    check_metadata(&new)?;
    check_demands(cx, form, &new)?;
    Ok(new)
}

/// A change of a user.
pub(super) fn change(cx: &Cx, form: &Form) -> Result<Change, ApiError> {
    refuse_unoffered(cx, form)?;
    if cx.request.api_version.as_str() >= METADATA_APART {
        for param in ["public_metadata", "private_metadata", "unsafe_metadata"] {
            if form.sent(param) {
                return Err(refuse::form_param_unknown(param).at(param));
            }
        }
    }
    for (param, kind) in [("profile_image_id", "image")] {
        if form.text(param).is_some() {
            return Err(refuse::resource_not_found(kind).at(param));
        }
    }
    // What the instance demands is taken back by those only who say that they mean it.
    let legal = "legal_accepted_at";
    if cx.instance.settings.legal_consent_enabled
        && form.sent(legal)
        && form.text(legal).is_none()
        && form.flag("skip_legal_checks") != Some(true)
    {
        return Err(refuse::form_data_missing(legal).at(legal));
    }
    let identification = |param: &str, kind: &str| {
        let missing = || refuse::resource_not_found(kind).at(param);
        let parse = |id| IdentificationId::parse(id).ok_or_else(missing);
        form.text(param).map(parse).transpose()
    };
    let password = new_password(form)?;
    let end = form.flag("sign_out_of_other_sessions").unwrap_or(false);
    if password.is_none() && (end || form.flag("skip_password_checks") == Some(true)) {
        return Err(refuse::form_conditional_param_missing("password").at("password"));
    }
    Ok(Change {
        external_id: form.patch("external_id"),
        username: match form.patch("username") {
            Patch::Set(name) => Patch::Set(check_username(&cx.instance.settings, &name)?),
            other => other,
        },
        first_name: form.patch("first_name"),
        last_name: form.patch("last_name"),
        locale: form.patch("locale"),
        tell: Tell::read(form),
        primary_email_address_id: identification("primary_email_address_id", "email address")?,
        primary_phone_number_id: identification("primary_phone_number_id", "phone number")?,
        primary_web3_wallet_id: identification("primary_web3_wallet_id", "wallet")?,
        password,
        sessions: if end { Sessions::End } else { Sessions::Keep },
        delete_self_enabled: form.flag("delete_self_enabled"),
        create_organization_enabled: form.flag("create_organization_enabled"),
        create_organizations_limit: cleared_or(
            form,
            "create_organizations_limit",
            form.int("create_organizations_limit"),
        ),
        bypass_client_trust: form.flag("bypass_client_trust"),
        legal_accepted_at: cleared_or(
            form,
            "legal_accepted_at",
            instant(form, "legal_accepted_at")?,
        ),
        created_at: past(cx, form, "created_at")?,
        metadata: metadata(form),
        second_factors: second_factors(cx, form)?,
    })
}

/// The metadata that was sent.
pub(super) fn metadata(form: &Form) -> Metadata {
    let object = |name: &str| form.object(name).cloned();
    Metadata {
        public: object("public_metadata"),
        private: object("private_metadata"),
        open: object("unsafe_metadata"),
    }
}

/// The password that was sent: as text, or as a digest with its hasher.
pub(super) fn new_password(form: &Form) -> Result<Option<NewPassword>, ApiError> {
    let owned = |text: &str| Secret::new(text.to_owned());
    let missing = |param: &str| Err(refuse::form_conditional_param_missing(param).at(param));
    match (
        form.text("password"),
        form.text("password_digest"),
        form.text("password_hasher"),
    ) {
        (None, None, None) => Ok(None),
        (Some(text), None, None) if form.flag("skip_password_checks") == Some(true) => {
            Ok(Some(NewPassword::Unchecked(owned(text))))
        }
        (Some(text), None, None) => Ok(Some(NewPassword::Checked(owned(text)))),
        (None, Some(digest), Some(hasher)) => Ok(Some(NewPassword::Digest {
            hasher: hasher.to_owned(),
            digest: owned(digest),
        })),
        (None, Some(_), None) => missing("password_hasher"),
        (None, None, Some(_)) => missing("password_digest"),
        (Some(_), Some(_), _) => {
            Err(refuse::form_conditional_param_disallowed("password_digest").at("password_digest"))
        }
        (Some(_), None, Some(_)) => {
            Err(refuse::form_conditional_param_disallowed("password_hasher").at("password_hasher"))
        }
    }
}

/// The second factors that were sent.
pub(super) fn second_factors(cx: &Cx, form: &Form) -> Result<Import, ApiError> {
    Import::read(cx, form.text("totp_secret"), &form.texts("backup_codes"))
}

/// What no instance, or not this one, offers.
fn refuse_unoffered(cx: &Cx, form: &Form) -> Result<(), ApiError> {
    let offered = &cx.instance.settings.attributes;
    let listed = |name: &str| form.texts(name).iter().any(|v| !v.is_empty());
    let unknown = |param: &str| Err(refuse::form_param_unknown(param).at(param));
    for param in ["phone_number", "phone_number_identification_status"] {
        if !offered.phone_number.enabled() && listed(param) {
            return unknown(param);
        }
    }
    if !offered.wallets().enabled() && listed("web3_wallet") {
        return unknown("web3_wallet");
    }
    if !offered.email_address.enabled() && listed("email_address") {
        return unknown("email_address");
    }
    if !offered.username.enabled() && form.text("username").is_some() {
        return unknown("username");
    }
    if !offered.password.enabled()
        && (form.text("password").is_some() || form.text("password_digest").is_some())
    {
        return Err(refuse::password_disabled().at("password"));
    }
    Ok(())
}

fn new_emails(form: &Form) -> Result<Vec<NewEmail>, ApiError> {
    let (param, status_param) = ("email_address", "email_address_identification_status");
    let texts = form.texts(param);
    let statuses = form.texts(status_param);
    if !statuses.is_empty() && statuses.len() != texts.len() {
        return Err(refuse::form_param_array_length_mismatch(status_param).at(status_param));
    }
    let mut emails: Vec<NewEmail> = Vec::with_capacity(texts.len());
    for (index, text) in texts.iter().enumerate() {
        let address = EmailAddress::parse(text)
            .ok_or_else(|| refuse::form_param_format_invalid("email address").at(param))?;
        if emails.iter().any(|e| e.address == address) {
            return Err(refuse::form_param_duplicate(param).at(param));
        }
        let (verified_by, reserved) = match statuses.get(index) {
            None | Some(&"verified") => (Some("admin"), false),
            Some(&"reserved") => (None, true),
            Some(_) => return Err(refuse::form_param_value_invalid(status_param).at(status_param)),
        };
        emails.push(NewEmail {
            address,
            verified_by,
            reserved,
        });
    }
    Ok(emails)
}

/// Wallets that the operator vouches for. An address that no way to sign in is offered for is refused.
fn new_wallets(cx: &Cx, form: &Form) -> Result<Vec<NewWallet>, ApiError> {
    let param = "web3_wallet";
    let mut wallets: Vec<NewWallet> = Vec::new();
    for text in form.texts(param).into_iter().filter(|t| !t.is_empty()) {
        let wallet = Wallet::offered(&cx.instance.settings.attributes, text)
            .ok_or_else(|| refuse::form_param_format_invalid("wallet address").at(param))?;
        if wallets.iter().any(|w| w.wallet == wallet) {
            return Err(refuse::form_param_duplicate(param).at(param));
        }
        wallets.push(NewWallet {
            wallet,
            verified_by: "admin",
        });
    }
    Ok(wallets)
}

fn new_phones(cx: &Cx, form: &Form) -> Result<Vec<NewPhone>, ApiError> {
    let (param, status_param) = ("phone_number", "phone_number_identification_status");
    let country = &cx.instance.settings.sms.default_country;
    let texts = form.texts(param);
    let statuses = form.texts(status_param);
    if !statuses.is_empty() && statuses.len() != texts.len() {
        return Err(refuse::form_param_array_length_mismatch(status_param).at(status_param));
    }
    let mut phones: Vec<NewPhone> = Vec::with_capacity(texts.len());
    for (index, text) in texts.iter().enumerate() {
        let number = PhoneNumber::parse(text, country)
            .ok_or_else(|| refuse::form_param_format_invalid("phone number").at(param))?;
        if phones.iter().any(|p| p.number == number) {
            return Err(refuse::form_param_duplicate(param).at(param));
        }
        let (verified_by, reserved) = match statuses.get(index) {
            None | Some(&"verified") => (Some("admin"), false),
            Some(&"reserved") => (None, true),
            Some(_) => return Err(refuse::form_param_value_invalid(status_param).at(status_param)),
        };
        phones.push(NewPhone {
            number,
            verified_by,
            reserved,
        });
    }
    Ok(phones)
}

fn check_metadata(new: &NewUser) -> Result<(), ApiError> {
    let length = |object: &Option<Map<String, Value>>| {
        object
            .as_ref()
            .map_or(2, |o| Value::Object(o.clone()).to_string().len())
    };
    let named = [
        ("public_metadata", &new.public_metadata),
        ("private_metadata", &new.private_metadata),
        ("unsafe_metadata", &new.unsafe_metadata),
    ];
    let total: usize = named.iter().map(|(_, object)| length(object)).sum();
    match named.iter().find(|(_, object)| object.is_some()) {
        Some((param, _)) if total > MAX_BYTES => {
            Err(refuse::form_param_exceeds_allowed_size(param).at(param))
        }
        _ => Ok(()),
    }
}

/// What the instance demands of every user. The operator may waive it, but never so that nobody could be found or let in:
/// one identifier always comes, and a password where nothing else signs in.
fn check_demands(cx: &Cx, form: &Form, new: &NewUser) -> Result<(), ApiError> {
    let demanded = &cx.instance.settings.attributes;
    let waived = |flag: &str| form.flag(flag) == Some(true);
    let mut missing = Vec::new();
    let lacks = [
        (
            "email_address",
            demanded.email_address,
            new.emails.is_empty(),
        ),
        ("phone_number", demanded.phone_number, new.phones.is_empty()),
        ("username", demanded.username, new.username.is_none()),
        ("web3_wallet", demanded.wallets(), new.wallets.is_empty()),
    ];
    let none = lacks.iter().all(|(_, _, lacking)| *lacking);
    for (name, presence, lacking) in lacks {
        let wanted = if waived("skip_user_requirement") {
            none && presence.enabled()
        } else {
            presence.required() || (none && presence.enabled())
        };
        if lacking && wanted {
            missing.push(name);
        }
    }
    let settings = &cx.instance.settings;
    let other_way =
        settings.email_signs_in() || settings.phone_signs_in() || !new.wallets.is_empty();
    let given = form.text("password").is_some() || form.text("password_digest").is_some();
    if demanded.password.required() && !given && !(waived("skip_password_requirement") && other_way)
    {
        missing.push("password");
    }
    if cx.instance.settings.legal_consent_enabled
        && new.legal_accepted_at.is_none()
        && !waived("skip_legal_checks")
    {
        missing.push("legal_accepted_at");
    }
    match missing.first() {
        Some(first) => Err(refuse::form_data_missing(&missing.join(", ")).at(first)),
        None => Ok(()),
    }
}

/// An instant as RFC 3339 writes it.
fn instant(form: &Form, param: &str) -> Result<Option<Timestamp>, ApiError> {
    let read = |text: &str| {
        Timestamp::from_rfc3339(text)
            .ok_or_else(|| refuse::form_param_invalid_date(param).at(param))
    };
    form.text(param).map(read).transpose()
}

/// The same, not after the present.
fn past(cx: &Cx, form: &Form, param: &str) -> Result<Option<Timestamp>, ApiError> {
    match instant(form, param)? {
        Some(at) if at > cx.now => Err(refuse::form_disallow_future_date(param).at(param)),
        other => Ok(other),
    }
}

fn cleared_or<T>(form: &Form, param: &str, value: Option<T>) -> Patch<T> {
    match value {
        Some(value) => Patch::Set(value),
        None if form.sent(param) => Patch::Null,
        None => Patch::Absent,
    }
}
