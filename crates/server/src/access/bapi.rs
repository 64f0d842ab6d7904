//! Allow-list, block-list and restrictions, for the operator's servers (contract bapi §2.11, §2.12).
use super::model::{List, ListedRow};
use super::{ops, store};
use crate::answers::{self, Deleted, Page, Window};
use crate::cx::Cx;
use crate::handler;
use crate::instances;
use crate::instances::settings::Restrictions;
use crate::route::{Call, Op, Reply};
use schemars::JsonSchema;
use serde::Serialize;
use usher_http::form::{Field, flag, text};
use usher_types::{Fault, Result};

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
    .fields(answers::WINDOW)
    .answers::<answers::List<ListedIdentifier>>(),
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
    .answers::<Deleted>(),
    Op::bapi(
        "GET",
        "/v1/blocklist_identifiers",
        "ListBlocklistIdentifiers",
        handler!(get_blocked),
    )
    .answers::<Page<ListedIdentifier>>(),
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
    .answers::<Deleted>(),
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

async fn get_allowed(cx: &Cx, call: &Call) -> Result<Reply> {
    let window = Window::read(&call.form);
    let mut tx = cx.read().await?;
    let rows = store::page(&mut tx, List::Allow, window.limit, window.offset).await?;
    let show = |row| ListedIdentifier::new(List::Allow, row);
    let data = rows.iter().map(show).collect();
    window
        .answer(data, store::count(&mut tx, List::Allow))
        .await
}

/// The whole list, and its size.
async fn get_blocked(cx: &Cx, _: &Call) -> Result<Reply> {
    let mut tx = cx.read().await?;
    let rows = store::page(&mut tx, List::Block, i64::MAX, 0).await?;
    let show = |row| ListedIdentifier::new(List::Block, row);
    Reply::json(&Page {
        data: rows.iter().map(show).collect(),
        total_count: store::count(&mut tx, List::Block).await?,
    })
}

async fn add(cx: &Cx, call: &Call, list: List) -> Result<Reply> {
    let row = ops::add(cx, list, call.form.text("identifier").unwrap_or_default()).await?;
    Reply::json(&ListedIdentifier::new(list, &row))
}

async fn remove(cx: &Cx, call: &Call, list: List) -> Result<Reply> {
    let id = call.param("identifier_id");
    ops::remove(cx, list, id).await?;
    Reply::json(&Deleted::new(list.object(), id.to_owned()))
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
