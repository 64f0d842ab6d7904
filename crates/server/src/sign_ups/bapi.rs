//! `/v1/sign_ups/{id}` of the Backend API (contract bapi §2.12).
use super::model::SignUpRow;
use super::resource::{Proofs, SignUpResource, by_mail, wallet_strategies};
use super::{flow, store};
use crate::audit::{self, Event};
use crate::cx::Cx;
use crate::handler;
use crate::route::{Call, Op, Reply};
use serde_json::{Value, json};
use usher_http::form::{Field, Patch, flag, text};
use usher_types::error::codes as refuse;
use usher_types::id::SignUpId;
use usher_types::{Error, Result};

const UPDATE: &[Field] = &[text("external_id", 256), flag("custom_action")];

/// Operations.
pub const OPS: &[Op] = &[
    Op::bapi("GET", "/v1/sign_ups/{id}", "GetSignUp", handler!(show)).answers::<SignUpResource>(),
    Op::bapi(
        "PATCH",
        "/v1/sign_ups/{id}",
        "UpdateSignUp",
        handler!(update),
    )
    .fields(UPDATE)
    .answers::<SignUpResource>(),
];

/// The resource as servers see it: `verifications` tell what comes next instead of how it stands.
fn server(cx: &Cx, row: &SignUpRow, resource: &SignUpResource) -> Result<Value> {
    let mut value = serde_json::to_value(resource)?;
    let next = match &resource.verifications.email_address {
        Some(v) => v.next_action,
        None if resource.unverified_fields.contains(&"email_address") => "needs_prepare",
        None => "",
    };
    let wallet_next = match &resource.verifications.web3_wallet {
        Some(v) => v.next_action,
        None if resource.unverified_fields.contains(&"web3_wallet") => "needs_prepare",
        None => "",
    };
    let none = json!({ "next_action": "", "supported_strategies": [] });
    value["verifications"] = json!({ "email_address": { "next_action": next, "supported_strategies": by_mail(&cx.instance.settings) }, "phone_number": none, "web3_wallet": { "next_action": wallet_next, "supported_strategies": wallet_strategies(cx, row) }, "external_account": null });
    if let Value::Object(fields) = &mut value {
        fields.remove("has_password");
    }
    Ok(value)
}

async fn show(cx: &Cx, call: &Call) -> Result<Reply> {
    let not_found = || refuse::resource_not_found("sign-up");
    let id = SignUpId::parse(call.param("id")).ok_or_else(not_found)?;
    let mut tx = cx.read().await?;
    let row = store::find(&mut tx, &id).await?.ok_or_else(not_found)?;
    Reply::json(&server(
        cx,
        &row,
        &SignUpResource::new(cx, &row, &Proofs::default()),
    )?)
}

async fn update(cx: &Cx, call: &Call) -> Result<Reply> {
    let not_found = || refuse::resource_not_found("sign-up");
    let id = SignUpId::parse(call.param("id")).ok_or_else(not_found)?;
    let row = usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        let mut row = store::find(&mut tx, &id).await?.ok_or_else(not_found)?;
        if flow::status(&row, cx.now) != flow::Status::MissingRequirements {
            return Err(refuse::sign_up_cannot_be_updated().into());
        }
        row.external_id = match call.form.patch("external_id") { Patch::Set(id) => Some(id), Patch::Null => None, Patch::Absent => row.external_id };
        row.custom_action = call.form.flag("custom_action").unwrap_or(row.custom_action);
        row.updated_at = cx.now;
        store::update(&mut tx, &row).await?;
        let changes = ["external_id", "custom_action"].into_iter().filter(|name| call.form.sent(name));
        audit::record(cx, &mut tx, Event::new("sign_up.updated").about(row.id.as_str()).changed(changes));
        Ok::<_, Error>(row)
    })?;
    Reply::json(&server(
        cx,
        &row,
        &SignUpResource::new(cx, &row, &Proofs::default()),
    )?)
}
