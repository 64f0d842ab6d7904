//! The wire's user: one shape for FAPI (no private metadata) and BAPI.
use super::model::UserRow;
use super::ops::list::Found;
use crate::identifiers::phones::resource::PhoneResource;
use crate::identifiers::resource::EmailResource;
use crate::identifiers::wallets::resource::WalletResource;
use crate::instances::Instance;
use crate::organizations::resource::MembershipResource;
use crate::passkeys::resource::PasskeyResource;
use crate::social::resource::{ExternalAccountResource, links};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};
use usher_types::Timestamp;

/// A user.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "User")]
pub struct UserResource {
    /// `user_…`.
    pub id: String,
    /// `user`.
    pub object: &'static str,
    /// Unique in the instance.
    pub username: Option<String>,
    /// First name.
    pub first_name: Option<String>,
    /// Last name.
    pub last_name: Option<String>,
    /// BCP 47; on BAPI only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub locale: Option<Option<String>>,
    /// A picture of ours.
    pub image_url: String,
    /// The user uploaded it.
    pub has_image: bool,
    /// One of `email_addresses`.
    pub primary_email_address_id: Option<String>,
    /// One of `phone_numbers`.
    pub primary_phone_number_id: Option<String>,
    /// One of `web3_wallets`.
    pub primary_web3_wallet_id: Option<String>,
    /// There is a password.
    pub password_enabled: bool,
    /// There is a second factor.
    pub two_factor_enabled: bool,
    /// There is an authenticator app.
    pub totp_enabled: bool,
    /// There are backup codes.
    pub backup_code_enabled: bool,
    /// Unix ms.
    pub mfa_enabled_at: Option<i64>,
    /// Unix ms.
    pub mfa_disabled_at: Option<i64>,
    /// Oldest first.
    pub email_addresses: Vec<EmailResource>,
    /// Oldest first.
    pub phone_numbers: Vec<PhoneResource>,
    /// Oldest first.
    pub web3_wallets: Vec<WalletResource>,
    /// Oldest first.
    pub passkeys: Vec<PasskeyResource>,
    /// Oldest first; on FAPI only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub organization_memberships: Option<Vec<MembershipResource>>,
    /// Oldest first.
    pub external_accounts: Vec<ExternalAccountResource>,
    /// Empty.
    pub saml_accounts: Vec<Value>,
    /// Empty.
    pub enterprise_accounts: Vec<Value>,
    /// Unix ms.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password_last_updated_at: Option<i64>,
    /// Read by browsers, written by servers.
    pub public_metadata: Value,
    /// Servers only: absent on FAPI.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub private_metadata: Option<Value>,
    /// Read and written by both.
    pub unsafe_metadata: Value,
    /// The operator's own id of the user.
    pub external_id: Option<String>,
    /// Unix ms.
    pub last_sign_in_at: Option<i64>,
    /// May not sign in until unbanned.
    pub banned: bool,
    /// May not sign in until the lock ends.
    pub locked: bool,
    /// Whole seconds; null when there is no lock or no end of it.
    pub lockout_expires_in_seconds: Option<i64>,
    /// Failed attempts left before the lock.
    pub verification_attempts_remaining: Option<i64>,
    /// The user may delete the own account.
    pub delete_self_enabled: bool,
    /// The user may create organizations.
    pub create_organization_enabled: bool,
    /// How many; absent without a limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub create_organizations_limit: Option<i64>,
    /// Unix ms.
    pub last_active_at: Option<i64>,
    /// Unix ms.
    pub legal_accepted_at: Option<i64>,
    /// Exempt from device trust; on BAPI only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bypass_client_trust: Option<bool>,
    /// Unix ms.
    pub created_at: i64,
    /// Unix ms; moves with every change.
    pub updated_at: i64,
}

/// Metadata as stored; an object always.
#[must_use]
pub fn metadata(text: &str) -> Value {
    serde_json::from_str(text)
        .ok()
        .filter(Value::is_object)
        .unwrap_or_else(|| Value::Object(Map::new()))
}

/// Where a user's picture is: the uploaded one, or one that we draw from the initials. Always ours, so that no page asks a
/// third party.
#[must_use]
pub fn image_url(instance: &Instance, user: &UserRow) -> String {
    if let Some(id) = &user.image_id {
        return uploaded_url(instance, id);
    }
    let names = [user.first_name.as_ref(), user.last_name.as_ref()];
    drawn_url(instance, user.id.as_str(), names)
}

/// Where a picture is that we draw, from the first letters of what it stands for and in colours that follow from the id.
#[must_use]
pub fn drawn_url(instance: &Instance, id: &str, names: [Option<&String>; 2]) -> String {
    let initial = |name: Option<&String>| {
        name.and_then(|n| n.chars().find(|c| c.is_alphanumeric()))
            .map(|c| c.to_uppercase().collect::<String>())
            .unwrap_or_default()
    };
    let letters = names.map(initial).concat();
    let hue = usher_crypto::digest::sha256(id.as_bytes())[0];
    format!(
        "{}/avatars/{hue}.svg?initials={}",
        instance.pictures_origin(),
        usher_http::percent::encode(&letters)
    )
}

/// Where an uploaded image is.
#[must_use]
pub fn uploaded_url(instance: &Instance, id: &str) -> String {
    format!("{}/images/{id}", instance.pictures_origin())
}

/// Which API a user is shown on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// The user's own browser.
    Browser,
    /// The operator's server.
    Server,
}

impl UserResource {
    /// A user with what belongs to the user.
    #[must_use]
    pub fn new(found: &Found, instance: &Instance, now: Timestamp, audience: Audience) -> Self {
        let user = &found.user;
        let server = audience == Audience::Server;
        let max = instance.settings.lockout_max_attempts;
        Self {
            id: user.id.as_str().to_owned(),
            object: "user",
            username: user.username.clone(),
            first_name: user.first_name.clone(),
            last_name: user.last_name.clone(),
            locale: server.then(|| user.locale.clone()),
            image_url: image_url(instance, user),
            has_image: user.image_id.is_some(),
            primary_email_address_id: user
                .primary_email_address_id
                .as_ref()
                .map(|id| id.as_str().to_owned()),
            primary_phone_number_id: user
                .primary_phone_number_id
                .as_ref()
                .map(|id| id.as_str().to_owned()),
            primary_web3_wallet_id: user
                .primary_web3_wallet_id
                .as_ref()
                .map(|id| id.as_str().to_owned()),
            password_enabled: user.password_stored.is_some(),
            two_factor_enabled: user.two_factor_enabled(),
            totp_enabled: user.totp_enabled,
            backup_code_enabled: user.backup_code_enabled,
            mfa_enabled_at: user.mfa_enabled_at.map(|t| t.0),
            mfa_disabled_at: user.mfa_disabled_at.map(|t| t.0),
            email_addresses: found.emails.iter().map(EmailResource::new).collect(),
            phone_numbers: found.phones.iter().map(PhoneResource::new).collect(),
            web3_wallets: found.wallets.iter().map(WalletResource::new).collect(),
            passkeys: found
                .passkeys
                .iter()
                .map(if server {
                    PasskeyResource::for_server
                } else {
                    PasskeyResource::new
                })
                .collect(),
            organization_memberships: (!server).then(Vec::new),
            external_accounts: Vec::new(),
            saml_accounts: Vec::new(),
            enterprise_accounts: Vec::new(),
            password_last_updated_at: user.password_updated_at.map(|t| t.0),
            public_metadata: metadata(&user.public_metadata),
            private_metadata: server.then(|| metadata(&user.private_metadata)),
            unsafe_metadata: metadata(&user.unsafe_metadata),
            external_id: user.external_id.clone(),
            last_sign_in_at: user.last_sign_in_at.map(|t| t.0),
            banned: user.banned,
            locked: user.is_locked(now),
            lockout_expires_in_seconds: user.lock_remaining_secs(now),
            verification_attempts_remaining: Some((max - user.failed_attempts).max(0)),
            delete_self_enabled: user.delete_self_enabled,
            create_organization_enabled: user.create_organization_enabled,
            create_organizations_limit: user.create_organizations_limit,
            last_active_at: user.last_active_at.map(|t| t.0),
            legal_accepted_at: user.legal_accepted_at.map(|t| t.0),
            bypass_client_trust: server.then_some(user.bypass_client_trust),
            created_at: user.created_at.0,
            updated_at: user.updated_at.0,
        }
    }
}

impl UserResource {
    /// With the accounts elsewhere that are the user's.
    #[must_use]
    pub fn with_accounts(mut self, accounts: Vec<ExternalAccountResource>) -> Self {
        for email in &mut self.email_addresses {
            email.linked_to = links(&accounts, &email.email_address);
        }
        self.external_accounts = accounts;
        self
    }
    /// With the user's memberships: browsers find the organization that they act in among them.
    #[must_use]
    pub fn with_memberships(mut self, memberships: Vec<MembershipResource>) -> Self {
        self.organization_memberships = Some(memberships);
        self
    }
}

/// What others on the same client may see of a user.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "PublicUserData")]
pub struct PublicUserData {
    /// First name.
    pub first_name: Option<String>,
    /// Last name.
    pub last_name: Option<String>,
    /// A picture.
    pub image_url: String,
    /// The user uploaded it.
    pub has_image: bool,
    /// Primary address, primary number, username, or primary wallet.
    pub identifier: String,
    /// `user_…`.
    pub user_id: String,
    /// Username.
    pub username: Option<String>,
}

impl PublicUserData {
    /// From a row.
    #[must_use]
    pub fn new(user: &UserRow, instance: &Instance) -> Self {
        Self {
            first_name: user.first_name.clone(),
            last_name: user.last_name.clone(),
            image_url: image_url(instance, user),
            has_image: user.image_id.is_some(),
            identifier: user.identifier().unwrap_or_default().to_owned(),
            user_id: user.id.as_str().to_owned(),
            username: user.username.clone(),
        }
    }
}
