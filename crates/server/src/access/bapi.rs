//! Allow-list, block-list and restrictions, for the operator's servers (contract bapi §2.11, §2.12).
use super::model::{List, ListedRow};
use super::{ops, store};
use crate::cx::Cx;
use crate::handler;
use crate::instances;
use crate::instances::settings::Restrictions;
use crate::route::{Call, Op, Reply};
use schemars::JsonSchema;
use serde::Serialize;
use usher_http::form::{Field, flag, int, text};
use usher_types::{Fault, Result};

const PAGE: &[Field] = &[
    flag("paginated")
        .query()
        .about("Answer `{data, total_count}` instead of an array."),
    int("limit", 1, 500)
        .query()
        .about("Entries at most; 10 when left out."),
    int("offset", 0, i64::MAX).query(),
];
const ALLOW: &[Field] = &[
    text("identifier", 320)
        .required()
        .about("An email address, `*@domain`, `*@*.domain`, a phone number or a wallet."),
    flag("notify").about("An invitation is mailed; for email addresses."),
];
const BLOCK: &[Field] = &[text("identifier", 320)
    .required()
    .about("An email address, `*@domain`, `*@*.domain`, a phone number or a wallet.")];
const RESTRICTIONS: &[Field] = &[
    flag("allowlist").about("Only who is on the allow-list may sign up; nobody where it is empty."),
    flag("blocklist").about("Who is on the block-list may not sign up."),
    flag("allowlist_blocklist_disabled_on_sign_in")
        .about("The lists say nothing to users who sign in."),
    flag("block_email_subaddresses")
        .about("New addresses may not have a subaddress (`name+tag@…`)."),
    flag("block_disposable_email_domains")
        .about("New addresses may not be of a disposable domain."),
];

/// What is served.
pub const OPS: &[Op] = &[
    Op::bapi(
        "GET",
        "/v1/allowlist_identifiers",
        "ListAllowlistIdentifiers",
        handler!(get_allowed),
    )
    .fields(PAGE)
    .answers::<AllowlistIdentifiers>(),
    Op::bapi(
        "POST",
        "/v1/allowlist_identifiers",
        "CreateAllowlistIdentifier",
        handler!(allow),
    )
    .fields(ALLOW)
    .answers::<ListedIdentifier>(),
    Op::bapi(
        "DELETE",
        "/v1/allowlist_identifiers/{identifier_id}",
        "DeleteAllowlistIdentifier",
        handler!(unallow),
    )
    .answers::<DeletedIdentifier>(),
    Op::bapi(
        "GET",
        "/v1/blocklist_identifiers",
        "ListBlocklistIdentifiers",
        handler!(get_blocked),
    )
    .answers::<BlocklistIdentifiers>(),
    Op::bapi(
        "POST",
        "/v1/blocklist_identifiers",
        "CreateBlocklistIdentifier",
        handler!(block),
    )
    .fields(BLOCK)
    .answers::<ListedIdentifier>(),
    Op::bapi(
        "DELETE",
        "/v1/blocklist_identifiers/{identifier_id}",
        "DeleteBlocklistIdentifier",
        handler!(unblock),
    )
    .answers::<DeletedIdentifier>(),
    Op::bapi(
        "PATCH",
        "/v1/instance/restrictions",
        "UpdateInstanceRestrictions",
        handler!(restrict),
    )
    .fields(RESTRICTIONS)
    .answers::<InstanceRestrictions>(),
];

/// An entry of a list.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "ListedIdentifier")]
pub struct ListedIdentifier {
    /// `allowlist_identifier` or `blocklist_identifier`.
    pub object: &'static str,
    /// `alid_…` or `blid_…`.
    pub id: String,
    /// In lower case.
    pub identifier: String,
    /// `email_address`, `phone_number` or `web3_wallet`.
    pub identifier_type: String,
    /// `ins_…`.
    pub instance_id: String,
    /// `inv_…`, where an invitation was mailed with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub invitation_id: Option<String>,
    /// Unix ms.
    pub created_at: i64,
    /// Unix ms.
    pub updated_at: i64,
}

impl ListedIdentifier {
    fn new(list: List, row: &ListedRow) -> Self {
        Self {
            object: list.object(),
            id: row.id.clone(),
            identifier: row.identifier.clone(),
            identifier_type: row.identifier_type.clone(),
            instance_id: row.instance_id.as_str().to_owned(),
            invitation_id: row.invitation_id.clone(),
            created_at: row.created_at.0,
            updated_at: row.updated_at.0,
        }
    }
}

/// The allow-list.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(untagged)]
#[schemars(rename = "AllowlistIdentifiers")]
pub enum AllowlistIdentifiers {
    /// Newest first.
    Plain(Vec<ListedIdentifier>),
    /// With `paginated=true`.
    Paginated {
        /// Newest first.
        data: Vec<ListedIdentifier>,
        /// How many there are.
        total_count: i64,
    },
}

/// The block-list.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "BlocklistIdentifiers")]
pub struct BlocklistIdentifiers {
    /// All of them, newest first.
    pub data: Vec<ListedIdentifier>,
    /// How many there are.
    pub total_count: i64,
}

/// An entry that is gone.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "DeletedIdentifier")]
pub struct DeletedIdentifier {
    /// `allowlist_identifier` or `blocklist_identifier`.
    pub object: &'static str,
    /// Its id.
    pub id: String,
    /// True.
    pub deleted: bool,
}

/// Who may not join.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "InstanceRestrictions")]
pub struct InstanceRestrictions {
    /// `instance_restrictions`.
    pub object: &'static str,
    /// All of them.
    #[serde(flatten)]
    pub restrictions: Restrictions,
}

async fn page(
    cx: &Cx,
    list: List,
    limit: i64,
    offset: i64,
) -> Result<(Vec<ListedIdentifier>, i64)> {
    let mut tx = cx.read().await?;
    let rows = store::page(&mut tx, list, limit, offset).await?;
    let data = rows
        .iter()
        .map(|r| ListedIdentifier::new(list, r))
        .collect();
    Ok((data, store::count(&mut tx, list).await?))
}

async fn get_allowed(cx: &Cx, call: &Call) -> Result<Reply> {
    let form = &call.form;
    let (limit, offset) = (
        form.int("limit").unwrap_or(10),
        form.int("offset").unwrap_or(0),
    );
    let (data, total_count) = page(cx, List::Allow, limit, offset).await?;
    Reply::json(&if form.flag("paginated") == Some(true) {
        AllowlistIdentifiers::Paginated { data, total_count }
    } else {
        AllowlistIdentifiers::Plain(data)
    })
}

async fn get_blocked(cx: &Cx, _: &Call) -> Result<Reply> {
    let (data, total_count) = page(cx, List::Block, i64::MAX, 0).await?;
    Reply::json(&BlocklistIdentifiers { data, total_count })
}

async fn add(cx: &Cx, call: &Call, list: List) -> Result<Reply> {
    let row = ops::add(cx, list, call.form.text("identifier").unwrap_or_default()).await?;
    Reply::json(&ListedIdentifier::new(list, &row))
}

async fn remove(cx: &Cx, call: &Call, list: List) -> Result<Reply> {
    let id = call.param("identifier_id");
    ops::remove(cx, list, id).await?;
    Reply::json(&DeletedIdentifier {
        object: list.object(),
        id: id.to_owned(),
        deleted: true,
    })
}

async fn allow(cx: &Cx, call: &Call) -> Result<Reply> {
    let identifier = call.form.text("identifier").unwrap_or_default();
    let row = if call.form.flag("notify") == Some(true) {
        ops::allow_and_invite(cx, identifier).await?
    } else {
        ops::add(cx, List::Allow, identifier).await?
    };
    Reply::json(&ListedIdentifier::new(List::Allow, &row))
}

async fn unallow(cx: &Cx, call: &Call) -> Result<Reply> {
    remove(cx, call, List::Allow).await
}

async fn block(cx: &Cx, call: &Call) -> Result<Reply> {
    add(cx, call, List::Block).await
}

async fn unblock(cx: &Cx, call: &Call) -> Result<Reply> {
    remove(cx, call, List::Block).await
}

async fn restrict(cx: &Cx, call: &Call) -> Result<Reply> {
    let form = &call.form;
    instances::ops::change_settings(cx, |settings| {
        let r = &mut settings.restrictions;
        let set = |name: &str, place: &mut bool| *place = form.flag(name).unwrap_or(*place);
        set("allowlist", &mut r.allowlist);
        set("blocklist", &mut r.blocklist);
        set(
            "allowlist_blocklist_disabled_on_sign_in",
            &mut r.allowlist_blocklist_disabled_on_sign_in,
        );
        set("block_email_subaddresses", &mut r.block_email_subaddresses);
        set(
            "block_disposable_email_domains",
            &mut r.block_disposable_email_domains,
        );
    })
    .await?;
    let instance = cx
        .app
        .instance(&cx.instance.row.id)
        .ok_or_else(|| Fault::new("an instance that is gone"))?;
    Reply::json(&InstanceRestrictions {
        object: "instance_restrictions",
        restrictions: instance.settings.restrictions.clone(),
    })
}
