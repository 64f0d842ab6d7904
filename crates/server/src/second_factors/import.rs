//! Second factors that another system made, brought along by the operator.
use super::model::{IMPORTED_CODE_MIN, IMPORTED_CODES_MAX, TotpRow, code_mac};
use super::{backup_codes, ops, store};
use crate::cx::Cx;
use crate::sessions;
use crate::users::model::UserRow;
use crate::users::password;
use usher_crypto::totp::{self, TotpSecret};
use usher_db::Tx;
use usher_types::error::codes as refuse;
use usher_types::id::TotpId;
use usher_types::{ApiError, Result, Secret};

/// What the operator brings along; what is `None` stays as it is.
#[derive(Clone, Debug, Default)]
pub struct Import {
    totp: Option<Secret<TotpSecret>>,
    backup_codes: Option<Vec<Secret<String>>>,
}

/// The same, ready to be written.
#[derive(Clone, Debug, Default)]
pub struct Stored {
    totp: Option<Secret<TotpSecret>>,
    backup_codes: Option<Vec<Code>>,
}

#[derive(Clone, Debug)]
enum Code {
    Plain(Secret<String>),
    Digest(String),
}

impl Import {
    /// Reads what was sent: a base32 secret of 112 bits at least, and codes in clear or as bcrypt digests.
    ///
    /// # Errors
    /// 400 where the instance offers no such factor; 422 for secrets and codes that are too short, or none.
    pub fn read(cx: &Cx, totp: Option<&str>, codes: &[&str]) -> Result<Self, ApiError> {
        let offered = &cx.instance.settings.attributes;
        let totp = match totp {
            Some(_) if !offered.authenticator_app => {
                return Err(refuse::totp_disabled().at("totp_secret"));
            }
            Some(text) => {
                let secret = totp::base32_decode(text)
                    .filter(|s| (totp::SECRET_LEN_MIN..=totp::SECRET_LEN_MAX).contains(&s.len()));
                Some(secret.ok_or_else(|| refuse::invalid_totp_secret_code().at("totp_secret"))?)
            }
            None => None,
        };
        let param = "backup_codes";
        let codes: Vec<&str> = codes
            .iter()
            .map(|c| c.trim())
            .filter(|c| !c.is_empty())
            .collect();
        if codes.is_empty() {
            return Ok(Self {
                totp: totp.map(Secret::new),
                backup_codes: None,
            });
        }
        if !offered.backup_code {
            return Err(refuse::backup_codes_not_available().at(param));
        }
        if codes.len() > IMPORTED_CODES_MAX {
            return Err(refuse::form_param_array_size_exceeded(param).at(param));
        }
        if codes.iter().any(|c| c.chars().count() < IMPORTED_CODE_MIN) {
            return Err(refuse::form_param_value_invalid(param).at(param));
        }
        Ok(Self {
            totp: totp.map(Secret::new),
            backup_codes: Some(
                codes
                    .into_iter()
                    .map(|c| Secret::new(c.to_owned()))
                    .collect(),
            ),
        })
    }

    /// Checks the digests. Never inside a transaction.
    ///
    /// # Errors
    /// 422 for digests that are none; 429 when the hashing queue is full.
    pub async fn stored(self, cx: &Cx) -> Result<Stored> {
        let mut codes = None;
        if let Some(given) = self.backup_codes {
            let mut stored = Vec::with_capacity(given.len());
            for code in given {
                stored.push(if code.expose().starts_with("$2") {
                    let digest = password::import(cx, "bcrypt", code.expose()).await;
                    Code::Digest(digest.map_err(|e| {
                        match e.code() {
                            Some("form_password_digest_invalid_code") => {
                                refuse::form_param_value_invalid("backup_codes")
                                    .at("backup_codes")
                                    .into()
                            }
                            _ => e,
                        }
                    })?)
                } else {
                    Code::Plain(code)
                });
            }
            codes = Some(stored);
        }
        Ok(Stored {
            totp: self.totp,
            backup_codes: codes,
        })
    }
}

impl Stored {
    /// There is something to write.
    #[must_use]
    pub fn is_some(&self) -> bool {
        self.totp.is_some() || self.backup_codes.is_some()
    }
}

/// Gives a held user the factors that were brought along, in the place of the present ones. Writing the user's row is the
/// caller's.
///
/// # Errors
/// The database's.
pub async fn put(cx: &Cx, tx: &mut Tx, user: &mut UserRow, import: &Stored) -> Result<()> {
    if let Some(secret) = &import.totp {
        let row = TotpRow {
            instance_id: cx.instance.row.id.clone(),
            user_id: user.id.clone(),
            id: TotpId::compose(cx.now, &cx.fresh()),
            secret_sealed: ops::seal(cx, &user.id, secret.expose()),
            verified_at: Some(cx.now),
            last_step: 0,
            created_at: cx.now,
            updated_at: cx.now,
        };
        store::put_totp(tx, &row).await?;
        user.set_second_factors(true, user.backup_code_enabled, cx.now);
        sessions::ops::enrolled(cx, tx, &user.id, None).await?;
    }
    if let Some(codes) = &import.backup_codes {
        let hash = |code: &Code| match code {
            Code::Plain(text) => code_mac(&cx.instance.code_key, &user.id, text.expose()),
            Code::Digest(digest) => digest.clone(),
        };
        let hashes = codes.iter().map(hash).collect();
        backup_codes::put(cx, tx, user, hashes).await?;
    }
    Ok(())
}
