//! The policy, and the lists that it reads.
use super::disposable;
use super::model::{List, Listed, ListedRow, candidates};
use super::store;
use crate::audit::{self, Event};
use crate::cx::Cx;
use crate::identifiers::contact::Contact;
use crate::identifiers::email::EmailAddress;
use crate::identifiers::phones::number::PhoneNumber;
use crate::identifiers::wallets::model::Wallet;
use crate::instances::settings::SignUpMode;
use crate::templates::Slug;
use crate::tickets;
use crate::tickets::ops::Invitation;
use usher_db::Tx;
use usher_types::error::codes as refuse;
use usher_types::{ApiError, Error, Result};

/// Where an address is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    /// It becomes a user's: by a sign-up, or as a further address.
    Join,
    /// It is a user's, who signs in.
    SignIn,
}

/// The allow-list counts: it is on, and everybody may sign up otherwise (contract bapi §6.6).
fn allowlist_counts(cx: &Cx) -> bool {
    let settings = &cx.instance.settings;
    settings.restrictions.allowlist && settings.sign_up_mode == SignUpMode::Public
}

/// The one verdict on an address. Where the allow-list counts, it alone decides; else the block-list. Subaddresses and
/// disposable domains are refused to those who join, not to those who are users already.
///
/// # Errors
/// 403 `not_allowed_access`, `form_email_address_blocked`; the database's.
pub async fn check(cx: &Cx, tx: &mut Tx, address: &EmailAddress, door: Door) -> Result<()> {
    let r = &cx.instance.settings.restrictions;
    if door == Door::Join || !r.allowlist_blocklist_disabled_on_sign_in {
        let refused = if allowlist_counts(cx) {
            !store::lists_any(tx, List::Allow, &candidates(List::Allow, address)).await?
        } else {
            r.blocklist
                && store::lists_any(tx, List::Block, &candidates(List::Block, address)).await?
        };
        if refused {
            return Err(refuse::not_allowed_access()
                .with("identifiers", vec![address.as_str()])
                .into());
        }
    }
    if door == Door::SignIn {
        return Ok(());
    }
    // Test identities are subaddresses, and reach nobody.
    let test = cx.instance.test_mode() && address.is_test();
    let blocked = r.block_email_subaddresses && address.is_subaddress() && !test
        || r.block_disposable_email_domains
            && disposable::is(&cx.app.options.disposable_domains, address.domain());
    if blocked {
        return Err(refuse::form_email_address_blocked()
            .at("email_address")
            .into());
    }
    Ok(())
}

/// The one verdict on a wallet: as on an address, by the lists.
///
/// # Errors
/// 403 `not_allowed_access`; the database's.
pub async fn check_wallet(cx: &Cx, tx: &mut Tx, wallet: &Wallet, door: Door) -> Result<()> {
    check_lists(cx, tx, &wallet.normal(), wallet.as_str(), door).await
}

/// The same verdict on a phone number.
///
/// # Errors
/// 403 `not_allowed_access`; the database's.
pub async fn check_number(cx: &Cx, tx: &mut Tx, number: &PhoneNumber, door: Door) -> Result<()> {
    check_lists(cx, tx, number.as_str(), number.as_str(), door).await
}

/// What stands on the lists as one entry: by its one form, told as it is shown.
async fn check_lists(cx: &Cx, tx: &mut Tx, form: &str, shown: &str, door: Door) -> Result<()> {
    let r = &cx.instance.settings.restrictions;
    if door == Door::SignIn && r.allowlist_blocklist_disabled_on_sign_in {
        return Ok(());
    }
    let entry = [form.to_owned()];
    let refused = if allowlist_counts(cx) {
        !store::lists_any(tx, List::Allow, &entry).await?
    } else {
        r.blocklist && store::lists_any(tx, List::Block, &entry).await?
    };
    if refused {
        return Err(refuse::not_allowed_access()
            .with("identifiers", vec![shown])
            .into());
    }
    Ok(())
}

/// The verdict on whatever names somebody.
///
/// # Errors
/// As [`check`] and [`check_number`].
pub async fn check_contact(cx: &Cx, tx: &mut Tx, contact: &Contact, door: Door) -> Result<()> {
    match contact {
        Contact::Email(address) => check(cx, tx, address, door).await,
        Contact::Phone(number) => check_number(cx, tx, number, door).await,
    }
}

/// The verdict on who joins without an address: the allow-list cannot have them.
///
/// # Errors
/// 403 `not_allowed_access`.
pub fn check_nameless(cx: &Cx) -> Result<(), ApiError> {
    if allowlist_counts(cx) {
        return Err(refuse::not_allowed_access());
    }
    Ok(())
}

/// An entry to put on a list.
fn entry(cx: &Cx, list: List, text: &str) -> Result<ListedRow, ApiError> {
    let listed = Listed::parse(list, text)
        .ok_or_else(|| refuse::form_param_format_invalid("identifier").at("identifier"))?;
    Ok(ListedRow {
        instance_id: cx.instance.row.id.clone(),
        id: usher_types::id::compose(list.prefix(), cx.now, &cx.fresh()),
        list: list.word().to_owned(),
        identifier: listed.identifier,
        identifier_normal: listed.normal,
        identifier_type: listed.kind.to_owned(),
        invitation_id: None,
        created_at: cx.now,
        updated_at: cx.now,
    })
}

async fn put(cx: &Cx, tx: &mut Tx, list: List, row: &ListedRow) -> Result<()> {
    store::insert(tx, row).await.map_err(|e| {
        if e.is_unique() {
            refuse::duplicate_record("identifier").into()
        } else {
            Error::from(e)
        }
    })?;
    audit::record(cx, tx, Event::new(list.created()).about(&row.id));
    Ok(())
}

/// Puts an identifier on a list.
///
/// # Errors
/// 422 for what is no identifier; 400 `duplicate_record`.
pub async fn add(cx: &Cx, list: List, text: &str) -> Result<ListedRow> {
    let row = entry(cx, list, text)?;
    usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        put(cx, &mut tx, list, &row).await
    })?;
    Ok(row)
}

/// Puts an email address on the allow-list and mails an invitation to it: both or neither.
///
/// # Errors
/// As [`add`] and [`tickets::ops::invite`]; 422 for identifiers that no mail reaches.
pub async fn allow_and_invite(cx: &Cx, text: &str) -> Result<ListedRow> {
    let mut row = entry(cx, List::Allow, text)?;
    let address = EmailAddress::parse(&row.identifier)
        .filter(|_| !row.identifier.starts_with("*@"))
        .ok_or_else(|| refuse::form_param_value_invalid("notify").at("notify"))?;
    let one = Invitation {
        address,
        public_metadata: None,
        redirect_url: None,
        notify: true,
        ignore_existing: false,
        days: 30,
        slug: Slug::Invitation,
    };
    tickets::ops::check_invitations(cx, std::slice::from_ref(&one))?;
    let id = usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        let invitation = tickets::ops::invite_one(cx, &mut tx, &one, false).await?;
        let row = ListedRow { invitation_id: Some(invitation.id.clone()), ..row.clone() };
        put(cx, &mut tx, List::Allow, &row).await?;
        Ok::<_, Error>(invitation.id)
    })?;
    row.invitation_id = Some(id);
    Ok(row)
}

/// Takes an entry off a list.
///
/// # Errors
/// 404 where the list has none with this id.
pub async fn remove(cx: &Cx, list: List, id: &str) -> Result<()> {
    usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        if store::delete(&mut tx, list, id).await? == 0 {
            return Err(refuse::resource_not_found("identifier").into());
        }
        audit::record(cx, &mut tx, Event::new(list.deleted()).about(id));
        Ok::<_, Error>(())
    })
}
