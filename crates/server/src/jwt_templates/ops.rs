//! Keeping templates, and making tokens from them.
use super::model::{self, TemplateRow};
use super::{render, store};
use crate::audit::{self, Event};
use crate::cx::Cx;
use crate::identifiers;
use crate::identifiers::email::EmailRow;
use crate::instances::rotation;
use crate::sessions::model::SessionRow;
use crate::users;
use crate::users::model::UserRow;
use crate::users::resource::{image_url, metadata};
use serde_json::{Map, Value, json};
use std::sync::atomic::Ordering;
use usher_crypto::custom::CustomKey;
use usher_crypto::jwt::Category;
use usher_db::Tx;
use usher_types::error::codes as refuse;
use usher_types::{ApiError, Error, Fault, Result, id};

/// Templates that an instance can have.
const MOST: i64 = 100;
/// Bytes of JSON that the claims of one token may have.
const TOKEN_BYTES: usize = 32 * 1024;
/// The algorithm of the instance's own keys.
const OWN_ALGORITHM: &str = "RS256";

/// A template as a request describes it.
#[derive(Debug)]
pub struct Wanted<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its claims.
    pub claims: &'a Map<String, Value>,
    /// Seconds that its tokens live.
    pub lifetime: Option<i64>,
    /// Seconds that `nbf` lies before `iat`.
    pub allowed_clock_skew: Option<i64>,
    /// Sign with a key of the operator's own; `None` leaves that as it is.
    pub custom_signing_key: Option<bool>,
    /// That key's algorithm.
    pub signing_algorithm: Option<&'a str>,
    /// That key.
    pub signing_key: Option<&'a str>,
}

fn purpose(id: &str) -> String {
    format!("jwt_template:{id}")
}

/// Writes what is wanted into a row.
fn apply(cx: &Cx, row: &mut TemplateRow, wanted: &Wanted<'_>) -> Result<(), ApiError> {
    row.name = model::name(wanted.name)?;
    row.claims = model::claims(wanted.claims)?;
    row.lifetime = wanted.lifetime.unwrap_or(row.lifetime);
    row.allowed_clock_skew = wanted.allowed_clock_skew.unwrap_or(row.allowed_clock_skew);
    row.updated_at = cx.now;
    let given = wanted.signing_key.is_some() || wanted.signing_algorithm.is_some();
    match wanted.custom_signing_key {
        Some(false) => {
            row.signing_key_sealed = None;
            OWN_ALGORITHM.clone_into(&mut row.signing_algorithm);
        }
        None if !given => {}
        None if row.signing_key_sealed.is_none() => {
            return Err(refuse::form_param_missing("custom_signing_key").at("custom_signing_key"));
        }
        // A template that signs with its own key already keeps it where none comes.
        Some(true) if !given && row.signing_key_sealed.is_some() => {}
        Some(true) | None => {
            let algorithm = wanted.signing_algorithm.ok_or_else(|| {
                refuse::form_param_missing("signing_algorithm").at("signing_algorithm")
            })?;
            let key = wanted
                .signing_key
                .ok_or_else(|| refuse::form_param_missing("signing_key").at("signing_key"))?;
            model::check_key(algorithm, key)?;
            algorithm.clone_into(&mut row.signing_algorithm);
            let sealed = cx
                .instance
                .data_key
                .seal(&cx.app.rng, &purpose(&row.id), key.as_bytes());
            row.signing_key_sealed = Some(sealed);
        }
    }
    Ok(())
}

fn taken(e: usher_db::DbError) -> Error {
    if e.is_unique() {
        refuse::duplicate_record("JWT template").at("name").into()
    } else {
        Error::from(e)
    }
}

/// Makes a template.
///
/// # Errors
/// 422 for what it can't be; 400 for reserved claims and taken names; 403 `quota_exceeded`.
pub async fn create(cx: &Cx, wanted: &Wanted<'_>) -> Result<TemplateRow> {
    let mut row = TemplateRow {
        instance_id: cx.instance.row.id.clone(),
        id: id::compose("jtmp_", cx.now, &cx.fresh()),
        name: String::new(),
        claims: String::new(),
        lifetime: 60,
        allowed_clock_skew: 5,
        signing_algorithm: OWN_ALGORITHM.to_owned(),
        signing_key_sealed: None,
        created_at: cx.now,
        updated_at: cx.now,
    };
    apply(cx, &mut row, wanted)?;
    usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        if store::count(&mut tx).await? >= MOST {
            return Err(refuse::quota_exceeded().into());
        }
        store::insert(&mut tx, &row).await.map_err(taken)?;
        audit::record(cx, &mut tx, Event::new("jwt_template.created").about(&row.id));
        Ok::<_, Error>(())
    })?;
    Ok(row)
}

/// Changes a template.
///
/// # Errors
/// As [`create`]; 404 for unknown ones.
pub async fn update(cx: &Cx, id: &str, wanted: &Wanted<'_>) -> Result<TemplateRow> {
    usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        let found = store::lock(&mut tx, id).await?;
        let mut row = found.ok_or_else(|| refuse::resource_not_found("JWT template"))?;
        let before = row.clone();
        apply(cx, &mut row, wanted)?;
        store::update(&mut tx, &row).await.map_err(taken)?;
        let changes = [
            ("name", row.name != before.name),
            ("claims", row.claims != before.claims),
            ("lifetime", row.lifetime != before.lifetime),
            ("allowed_clock_skew", row.allowed_clock_skew != before.allowed_clock_skew),
            ("signing_algorithm", row.signing_algorithm != before.signing_algorithm),
            ("signing_key", row.signing_key_sealed != before.signing_key_sealed),
        ];
        let changed = changes.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name);
        audit::record(cx, &mut tx, Event::new("jwt_template.updated").about(id).changed(changed));
        Ok::<_, Error>(row)
    })
}

/// Deletes a template. Tokens that it made live out their time.
///
/// # Errors
/// 404 for unknown ones.
pub async fn remove(cx: &Cx, id: &str) -> Result<()> {
    usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        if store::delete(&mut tx, id).await? == 0 {
            return Err(refuse::resource_not_found("JWT template").into());
        }
        audit::record(cx, &mut tx, Event::new("jwt_template.deleted").about(id));
        Ok::<_, Error>(())
    })
}

/// A token from the template of a name, for a session whose user the caller has found fit to have one. `azp` is left out
/// where no origin is known.
///
/// # Errors
/// 404 for unknown names; 422 `form_param_exceeds_allowed_size` where what the user's data add is too much.
pub async fn mint(
    cx: &Cx,
    session: &SessionRow,
    name: &str,
    azp: &str,
    life_secs: Option<i64>,
) -> Result<String> {
    let mut tx = cx.read().await?;
    let template = store::by_name(&mut tx, name)
        .await?
        .ok_or_else(|| refuse::resource_not_found("JWT template"))?;
    let data = data(cx, &mut tx, session).await?;
    drop(tx);
    let claims: Map<String, Value> = serde_json::from_str(&template.claims)?;
    let mut claims = render::render(&claims, &data, TOKEN_BYTES)
        .ok_or_else(|| refuse::form_param_exceeds_allowed_size("claims").at("claims"))?;
    let iat = cx.now.secs();
    let life = life_secs.unwrap_or(template.lifetime);
    for (claim, value) in [
        ("exp", json!(iat + life)),
        ("iat", json!(iat)),
        ("iss", json!(cx.instance.issuer)),
        ("jti", json!(cx.app.rng.base62(20))),
        ("nbf", json!(iat - template.allowed_clock_skew)),
        ("sub", json!(session.user_id)),
    ] {
        claims.insert(claim.to_owned(), value);
    }
    if !azp.is_empty() {
        claims.insert("azp".to_owned(), json!(azp));
    }
    let claims = Value::Object(claims).to_string();
    cx.app.metrics.tokens_minted.fetch_add(1, Ordering::Relaxed);
    let signed = match &template.signing_key_sealed {
        Some(sealed) => {
            let key = cx
                .instance
                .data_key
                .open(&purpose(&template.id), sealed)
                .map_err(|e| Fault::new(format!("key of {}: {e}", template.id)))?;
            let key = String::from_utf8(key).map_err(|_| Fault::new("a key that is no text"))?;
            CustomKey::parse(&template.signing_algorithm, &key)
                .and_then(|key| key.sign(Category::Template, &template.id, &claims))
        }
        None => {
            rotation::note_long_life(cx, life).await?;
            let signer = &cx.instance.keys.signing(cx.now).signer;
            signer.sign(Category::Template, iat, &claims)
        }
    };
    signed.map_err(|e| Fault::new(format!("signing: {e}")).into())
}

/// What shortcodes can stand for. Private metadata are not among it: a token is shown to the browser.
async fn data(cx: &Cx, tx: &mut Tx, session: &SessionRow) -> Result<Value> {
    let user = users::store::find(tx, &session.user_id)
        .await?
        .ok_or_else(refuse::authentication_invalid)?;
    let emails = identifiers::store::of_user::<EmailRow>(tx, &user.id).await?;
    let primary = emails
        .iter()
        .find(|e| Some(&e.id) == user.primary_email_address_id.as_ref());
    let actor: Option<Value> = session
        .actor
        .as_deref()
        .and_then(|text| serde_json::from_str(text).ok());
    Ok(json!({
        "user": person(cx, &user, primary),
        "session": { "id": session.id, "actor": actor },
    }))
}

fn person(cx: &Cx, user: &UserRow, primary: Option<&EmailRow>) -> Value {
    let names = [user.first_name.as_deref(), user.last_name.as_deref()];
    let full: Vec<&str> = names.into_iter().flatten().collect();
    json!({
        "id": user.id, "external_id": user.external_id, "username": user.username,
        "first_name": user.first_name, "last_name": user.last_name,
        "full_name": if full.is_empty() { None } else { Some(full.join(" ")) },
        "primary_email_address": primary.map(|e| &e.email_address),
        "email_verified": primary.is_some_and(EmailRow::is_verified),
        "image_url": image_url(&cx.instance, user),
        "has_image": user.image_id.is_some(), "two_factor_enabled": user.two_factor_enabled(),
        "public_metadata": metadata(&user.public_metadata), "unsafe_metadata": metadata(&user.unsafe_metadata),
        "created_at": user.created_at.0, "updated_at": user.updated_at.0, "last_sign_in_at": user.last_sign_in_at.map(|t| t.0),
    })
}
