//! `GET /v1/environment`: the complete document that the UI derives its screens from (contract fapi §7).
use super::model::InstanceRow;
use super::settings::{Presence, Settings, SignUpMode};
use crate::app::Options;
use crate::sign_ups::resource::by_mail;
use crate::social::registry::{Connection, Connections};
use serde_json::{Value, json};

fn attribute(
    presence: Presence,
    first_factors: &[&str],
    verifications: &[&str],
    verify_at_sign_up: bool,
) -> Value {
    json!({
        "enabled": presence.enabled(),
        "required": presence.required(),
        "immutable": false,
        "used_for_first_factor": presence.enabled() && !first_factors.is_empty(),
        "first_factors": if presence.enabled() { first_factors } else { &[] },
        "used_for_second_factor": false,
        "second_factors": [],
        "verifications": if presence.enabled() { verifications } else { &[] },
        "verify_at_sign_up": presence.enabled() && verify_at_sign_up,
    })
}

/// Phone numbers: a first factor, a second one, or both.
fn phone_number(settings: &Settings) -> Value {
    let a = &settings.attributes;
    let factors: &[&str] = match (settings.phone_signs_in(), a.password.enabled()) {
        (true, _) => &["phone_code"],
        (false, true) => &["password"],
        (false, false) => &[],
    };
    let mut value = attribute(a.phone_number, factors, &["phone_code"], true);
    let second: &[&str] = if a.phone_second_factor {
        &["phone_code"]
    } else {
        &[]
    };
    value["used_for_second_factor"] = Value::from(a.phone_second_factor);
    value["second_factors"] = Value::from(second);
    // Left out, UIs know one channel.
    if a.phone_number.enabled() && settings.sms.whatsapp {
        value["channels"] = Value::from(settings.sms.channels());
    }
    value
}

/// An attribute that proves a second factor and nothing else.
fn second_factor(on: bool, strategy: &str) -> Value {
    let strategies: &[&str] = if on { &[strategy] } else { &[] };
    json!({
        "enabled": on, "required": false, "immutable": false,
        "used_for_first_factor": false, "first_factors": [],
        "used_for_second_factor": on, "second_factors": strategies,
        "verifications": strategies, "verify_at_sign_up": false,
    })
}

/// What Google's dialogue in a page is opened with, where Google signs in.
fn one_tap(connections: &Connections) -> Value {
    let google = connections
        .enabled()
        .find(|c| c.key == "google" && c.settings.sign_in);
    google.map_or(Value::Null, |c| Value::from(c.settings.client_id.clone()))
}

/// The providers that are offered, by strategy.
fn social(connections: &Connections, portal: &str) -> Value {
    let one = |c: &Connection| {
        json!({
            "enabled": true, "required": false, "authenticatable": c.settings.sign_in, "strategy": c.strategy, "name": c.name,
            "logo_url": format!("{portal}/logos/{}.svg", c.key), "block_email_subaddresses": c.settings.block_email_subaddresses,
            "not_selectable": false, "deprecated": c.provider.deprecated,
        })
    };
    let all = connections
        .enabled()
        .map(|c| (c.strategy.to_owned(), one(c)));
    Value::Object(all.collect())
}

/// The document of an instance. What is not served yet is off in it, so that no UI offers it.
#[must_use]
pub fn document(
    row: &InstanceRow,
    settings: &Settings,
    portal: &str,
    connections: &Connections,
    options: &Options,
) -> Value {
    let a = &settings.attributes;
    let off = Presence::Off;
    let page = |own: &str, path: &str| {
        if own.is_empty() {
            format!("{portal}{path}")
        } else {
            own.to_owned()
        }
    };
    let paths = &settings.paths;
    let home = page(&paths.home_url, "/");
    let sign_in = page(&paths.sign_in_url, "/sign-in");
    let sign_up = page(&paths.sign_up_url, "/sign-up");
    let after_in = page(&paths.after_sign_in_url, "/");
    let after_up = page(&paths.after_sign_up_url, "/");
    let after_out = page(&paths.after_sign_out_url, "/sign-in");
    // The UI asks for identifiers that are used for a first factor: an address is one of passwords too.
    let mut email_factors = Vec::new();
    if settings.email_code_signs_in() {
        email_factors.push("email_code");
    }
    if settings.email_link_signs_in() {
        email_factors.push("email_link");
    }
    if email_factors.is_empty() && a.password.enabled() {
        email_factors.push("password");
    }
    let email_proofs = by_mail(settings);
    let named = [
        ("email_address", a.email_address),
        ("phone_number", a.phone_number),
        ("username", a.username),
        ("web3_wallet", a.wallets()),
    ];
    let identifiers: Vec<&str> = named
        .iter()
        .filter(|(_, p)| p.enabled())
        .map(|(n, _)| *n)
        .collect();
    let required: Vec<Vec<&str>> = named
        .iter()
        .filter(|(_, p)| p.required())
        .map(|(n, _)| vec![*n])
        .collect();
    let mut factors = Vec::new();
    if a.password.enabled() {
        factors.push("password");
    }
    if settings.email_code_signs_in() {
        factors.push("email_code");
    }
    if settings.email_link_signs_in() {
        factors.push("email_link");
    }
    let wallets: Vec<&str> = a.web3_wallet.iter().map(|way| way.word()).collect();
    factors.extend(&wallets);
    if settings.phone_signs_in() {
        factors.push("phone_code");
    }
    factors.extend(
        connections
            .enabled()
            .filter(|c| c.settings.sign_in)
            .map(|c| c.strategy),
    );
    let second_factors: Vec<&str> = [
        ("totp", a.authenticator_app),
        ("phone_code", a.phone_second_factor),
        ("backup_code", a.backup_code),
    ]
    .iter()
    .filter(|(_, on)| *on)
    .map(|(word, _)| *word)
    .collect();
    let mode = match settings.sign_up_mode {
        SignUpMode::Public => "public",
        SignUpMode::Restricted => "restricted",
        SignUpMode::Waitlist => "waitlist",
    };
    let development = row.environment_type != "production";
    let cookieless = development && super::keys::is_test(&row.publishable_key);
    let text_or_null = |text: &str| {
        if text.is_empty() {
            Value::Null
        } else {
            Value::from(text)
        }
    };
    let captcha = options.captcha.as_ref().filter(|_| settings.bot_protection);
    let p = &settings.password;
    let r = &settings.restrictions;
    let o = &settings.organizations;
    let passkey = if a.passkey { Presence::On } else { off };
    let disabled = json!({ "enabled": false });
    json!({
        "auth_config": {
            "object": "auth_config", "id": format!("aconf_{}", row.id.as_str().trim_start_matches("ins_")),
            "first_name": a.first_name.word(), "last_name": a.last_name.word(), "email_address": a.email_address.word(),
            "phone_number": a.phone_number.word(), "username": a.username.word(), "password": a.password.word(),
            "identification_requirements": required, "identification_strategies": identifiers,
            "first_factors": factors, "second_factors": second_factors, "email_address_verification_strategies": email_proofs,
            "single_session_mode": settings.single_session_mode, "enhanced_email_deliverability": false,
            "test_mode": development && settings.test_mode, "cookieless_dev": cookieless, "url_based_session_syncing": cookieless,
            "claimed_at": null, "reverification": settings.reverification,
            "native_settings": {
                "object": "native_settings", "api_enabled": false, "trusted_device_sign_in_enabled": settings.native.trusted_devices,
                "trusted_device_enrollment_prompt_after_sign_in_enabled": false, "trusted_device_enrollment_prompt_after_sign_up_enabled": false,
            },
        },
        "display_config": {
            "object": "display_config", "id": format!("display_config_{}", row.id.as_str().trim_start_matches("ins_")),
            "instance_environment_type": row.environment_type, "application_name": settings.application_name, "theme": {},
            "preferred_sign_in_strategy": if a.password.enabled() { settings.preferred_sign_in_strategy.as_str() } else { "otp" },
            "logo_image_url": null, "favicon_image_url": null, "home_url": home,
            "sign_in_url": sign_in, "sign_up_url": sign_up, "user_profile_url": format!("{portal}/user"), "waitlist_url": format!("{portal}/waitlist"),
            "oauth_consent_url": format!("{portal}/oauth-consent"), "after_sign_in_url": after_in, "after_sign_up_url": after_up,
            "after_sign_out_one_url": after_out, "after_sign_out_all_url": after_out, "after_switch_session_url": home,
            "after_join_waitlist_url": home, "organization_profile_url": format!("{portal}/organization"),
            "create_organization_url": format!("{portal}/create-organization"), "after_leave_organization_url": home,
            "after_create_organization_url": home, "logo_link_url": home, "support_email": text_or_null(&settings.support_email),
            "branded": false, "experimental_force_oauth_first": false, "clerk_js_version": "6", "show_devmode_warning": false,
            "google_one_tap_client_id": one_tap(connections), "help_url": null, "privacy_policy_url": text_or_null(&paths.privacy_policy_url),
            "terms_url": text_or_null(&paths.terms_url), "logo_url": null, "favicon_url": null, "logo_image": null, "favicon_image": null,
            "captcha_public_key": captcha.map(|c| &c.site_key), "captcha_widget_type": captcha.map(|_| settings.captcha_widget.word()),
            "captcha_public_key_invisible": captcha.map(|c| &c.invisible_site_key), "captcha_provider": captcha.map(|_| "turnstile"),
            "captcha_oauth_bypass": [], "captcha_heartbeat": false,
        },
        "user_settings": {
            "attributes": {
                "email_address": attribute(a.email_address, &email_factors, &email_proofs, true),
                "phone_number": phone_number(settings),
                "username": attribute(a.username, if a.password.enabled() { &["password"] } else { &[] }, &[], false),
                "web3_wallet": attribute(a.wallets(), &wallets, &wallets, true),
                "first_name": attribute(a.first_name, &[], &[], false),
                "last_name": attribute(a.last_name, &[], &[], false),
                "password": attribute(a.password, &[], &[], false),
                "authenticator_app": second_factor(a.authenticator_app, "totp"),
                "ticket": attribute(off, &[], &[], false),
                "backup_code": second_factor(a.backup_code, "backup_code"),
                "passkey": attribute(passkey, if a.passkey { &["passkey"] } else { &[] }, if a.passkey { &["passkey"] } else { &[] }, false),
            },
            "social": social(connections, portal),
            "saml": disabled, "enterprise_sso": disabled,
            "sign_in": { "second_factor": { "required": settings.second_factor_required } },
            "sign_up": {
                "captcha_enabled": captcha.is_some(), "captcha_widget_type": settings.captcha_widget.word(), "custom_action_required": false, "progressive": true,
                "mode": mode, "legal_consent_enabled": settings.legal_consent_enabled,
            },
            "restrictions": {
                "allowlist": { "enabled": r.allowlist }, "blocklist": { "enabled": r.blocklist },
                "allowlist_blocklist_disabled_on_sign_in": { "enabled": r.allowlist_blocklist_disabled_on_sign_in },
                "block_email_subaddresses": { "enabled": r.block_email_subaddresses },
                "block_disposable_email_domains": { "enabled": r.block_disposable_email_domains },
            },
            "password_settings": {
                "disable_hibp": !settings.hibp, "disable_password_reverification": p.disable_password_reverification, "min_length": p.floor(), "max_length": p.max_length,
                "require_special_char": p.require_special_char, "require_numbers": p.require_numbers, "require_uppercase": p.require_uppercase,
                "require_lowercase": p.require_lowercase, "show_zxcvbn": p.show_zxcvbn, "min_zxcvbn_strength": p.min_zxcvbn_strength,
                "enforce_hibp_on_sign_in": p.enforce_hibp_on_sign_in,
                "allowed_special_characters": crate::users::password::SPECIAL,
            },
            "username_settings": {
                "min_length": settings.username_min_length, "max_length": settings.username_max_length,
                "allow_extended_special_characters": false, "allow_numeric_usernames": false,
            },
            "actions": { "delete_self": settings.delete_self, "create_organization": settings.organizations.enabled, "create_organizations_limit": null },
            "attack_protection": {
                "user_lockout": { "enabled": true, "max_attempts": settings.lockout_max_attempts, "duration_in_minutes": settings.lockout_minutes },
                "pii": { "enabled": true }, "email_link": { "require_same_client": true },
                "enumeration_protection": { "enabled": settings.enumeration_protection },
            },
            "passkey_settings": { "allow_autofill": a.passkey, "show_sign_in_button": a.passkey, "satisfies_second_factor": true },
        },
        "organization_settings": {
            "enabled": o.enabled, "max_allowed_memberships": o.max_allowed_memberships, "actions": { "admin_delete": o.admin_delete_enabled },
            "domains": { "enabled": false, "enrollment_modes": ["manual_invitation"], "default_role": "org:member" },
            "slug": { "disabled": o.slug_disabled }, "creator_role": "org:admin",
        },
        "fraud_settings": { "object": "fraud_settings", "native": { "device_attestation_mode": "disabled" } },
        "commerce_settings": {
            "billing": {
                "stripe_publishable_key": null, "free_trial_requires_payment_method": true,
                "user": { "enabled": false, "has_paid_plans": false }, "organization": { "enabled": false, "has_paid_plans": false },
            },
        },
        "api_keys_settings": { "enabled": false, "user_api_keys_enabled": false, "orgs_api_keys_enabled": false },
        "protect_config": { "loaders": [] },
        "client_debug_mode": false, "partitioned_cookies": false, "maintenance_mode": false,
    })
}
