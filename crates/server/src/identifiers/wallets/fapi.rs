//! `/v1/me/web3_wallets` (contract fapi §8.4). Every operation acts on the signed-in user's own wallets only.
use super::model::{Wallet, WalletRow};
use super::ops;
use super::resource::WalletResource;
use crate::access::ops::{self as access, Door};
use crate::answers::Deleted;
use crate::clients::fapi::envelope;
use crate::cx::Cx;
use crate::handler;
use crate::identifiers::claims;
use crate::reverifications::ops as reverifications;
use crate::route::{Call, Guard, Op, Reply};
use crate::sessions;
use crate::strategies::Strategy;
use usher_http::form::{Field, text};
use usher_types::Result;
use usher_types::error::codes as refuse;

const ADD: &[Field] = &[text("web3_wallet", 128).required()];
const PREPARE: &[Field] = &[text("strategy", 64).required(), text("redirect_url", 4096)];
const ATTEMPT: &[Field] = &[text("signature", 8192).required(), text("strategy", 64)];

/// Operations.
pub const OPS: &[Op] = &[
    Op::fapi(
        "GET",
        "/v1/me/web3_wallets",
        "getWeb3Wallets",
        Guard::SignedIn,
        handler!(list),
    )
    .answers::<Vec<WalletResource>>(),
    Op::fapi(
        "POST",
        "/v1/me/web3_wallets",
        "postWeb3Wallets",
        Guard::SignedIn,
        handler!(add),
    )
    .fields(ADD)
    .envelopes::<WalletResource>(),
    Op::fapi(
        "GET",
        "/v1/me/web3_wallets/{web3_wallet_id}",
        "readWeb3Wallet",
        Guard::SignedIn,
        handler!(show),
    )
    .envelopes::<WalletResource>(),
    Op::fapi(
        "DELETE",
        "/v1/me/web3_wallets/{web3_wallet_id}",
        "deleteWeb3Wallet",
        Guard::SignedIn,
        handler!(delete),
    ),
    Op::fapi(
        "POST",
        "/v1/me/web3_wallets/{web3_wallet_id}/prepare_verification",
        "prepareWeb3WalletVerification",
        Guard::SignedIn,
        handler!(prepare),
    )
    .fields(PREPARE)
    .envelopes::<WalletResource>(),
    Op::fapi(
        "POST",
        "/v1/me/web3_wallets/{web3_wallet_id}/attempt_verification",
        "attemptWeb3WalletVerification",
        Guard::SignedIn,
        handler!(attempt),
    )
    .fields(ATTEMPT)
    .envelopes::<WalletResource>(),
];

/// A wallet of the signed-in user; another user's is not found.
async fn own(cx: &Cx, call: &Call) -> Result<WalletRow> {
    let (_, user) = sessions::ops::acting(cx).await?;
    claims::own(cx, &user.id, call.param("web3_wallet_id")).await
}

async fn shown(cx: &Cx, row: &WalletRow) -> Result<WalletResource> {
    let verification = ops::under_way(cx, row).await?;
    Ok(WalletResource::under_way(
        row,
        verification.as_ref(),
        cx.now,
    ))
}

async fn list(cx: &Cx, _: &Call) -> Result<Reply> {
    let (_, user) = sessions::ops::acting(cx).await?;
    let rows = ops::of_user(&mut cx.read().await?, &user).await?;
    Reply::json(&rows.iter().map(WalletResource::new).collect::<Vec<_>>())
}

async fn add(cx: &Cx, call: &Call) -> Result<Reply> {
    let param = "web3_wallet";
    let (_, user) = reverifications::acting(cx).await?;
    let attributes = &cx.instance.settings.attributes;
    if !attributes.wallets().enabled() {
        return Err(refuse::form_param_unknown(param).at(param).into());
    }
    let wallet = Wallet::offered(attributes, call.form.text(param).unwrap_or_default())
        .ok_or_else(|| refuse::form_param_format_invalid("wallet address").at(param))?;
    access::check_wallet(cx, &mut cx.read().await?, &wallet, Door::Join).await?;
    let row = ops::add(cx, &user.id, &wallet).await?;
    envelope(cx, shown(cx, &row).await?).await
}

async fn show(cx: &Cx, call: &Call) -> Result<Reply> {
    let row = own(cx, call).await?;
    envelope(cx, shown(cx, &row).await?).await
}

async fn delete(cx: &Cx, call: &Call) -> Result<Reply> {
    reverifications::acting(cx).await?;
    let row = own(cx, call).await?;
    ops::remove(cx, &row.user_id, &row.id).await?;
    envelope(cx, Deleted::new("web3_wallet", row.id)).await
}

async fn prepare(cx: &Cx, call: &Call) -> Result<Reply> {
    sessions::ops::acting_in_person(cx).await?;
    let row = own(cx, call).await?;
    let strategy = call
        .form
        .text("strategy")
        .and_then(Strategy::parse)
        .ok_or_else(|| refuse::form_param_value_invalid("strategy").at("strategy"))?;
    let (row, verification) = ops::prepare(cx, &row.user_id, &row.id, strategy).await?;
    envelope(
        cx,
        WalletResource::under_way(&row, Some(&verification), cx.now),
    )
    .await
}

async fn attempt(cx: &Cx, call: &Call) -> Result<Reply> {
    sessions::ops::acting_in_person(cx).await?;
    let row = own(cx, call).await?;
    let signature = call.form.text("signature").unwrap_or_default();
    let row = ops::attempt(cx, &row, signature).await?;
    envelope(cx, WalletResource::new(&row)).await
}
