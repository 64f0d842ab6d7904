//! The fields of the operations on users (contract bapi §2.1, §3.1, §3.2).
use crate::users::ops::metadata::MAX_BYTES;
use usher_http::form::{Field, flag, int, object, secret, text, texts, word};

/// Characters of a name.
const NAME: usize = 256;
/// Characters of an email address or another identifier.
const IDENTIFIER: usize = 320;
/// Items of a filter.
const ITEMS: usize = 100;
/// Characters of a new password, as at every other door: the verdict says what is too long.
const PASSWORD: usize = 4096;
/// Characters of a digest.
const DIGEST: usize = 4096;

/// Filters, then the four fields of a page.
pub(super) const LIST: &[Field] = &[
    texts("email_address", ITEMS, IDENTIFIER).query().about("Users with one of these email addresses."),
    texts("phone_number", ITEMS, IDENTIFIER).query().about("Users with one of these phone numbers."),
    texts("username", ITEMS, NAME).query().about("Users with one of these usernames."),
    texts("web3_wallet", ITEMS, IDENTIFIER).query().about("Users with one of these wallets."),
    texts("external_id", ITEMS, NAME).query().about("Users with (`+` or nothing before it) or without (`-`) one of these external ids."),
    texts("user_id", ITEMS, 80).query().about("Users with (`+` or nothing before it) or without (`-`) one of these ids."),
    texts("organization_id", ITEMS, 80).query().about("Members (`+` or nothing before it) or others (`-`) of these organizations."),
    text("query", NAME).query().about("Part of a name, an address, a username or an external id, in any case; or a whole user id."),
    text("email_address_query", NAME).query().about("Part of an email address."),
    text("phone_number_query", NAME).query().about("Part of a phone number."),
    text("username_query", NAME).query().about("Part of a username."),
    text("name_query", NAME).query().about("Part of a first name, a space and a last name."),
    flag("banned").query().about("Banned users, or those who are not."),
    int("last_active_at_before", 0, i64::MAX).query().about("Unix ms."),
    int("last_active_at_after", 0, i64::MAX).query().about("Unix ms."),
    int("last_active_at_since", 0, i64::MAX).query().about("Unix ms, inclusive."),
    int("created_at_before", 0, i64::MAX).query().about("Unix ms."),
    int("created_at_after", 0, i64::MAX).query().about("Unix ms."),
    int("last_sign_in_at_before", 0, i64::MAX).query().about("Unix ms."),
    int("last_sign_in_at_after", 0, i64::MAX).query().about("Unix ms."),
    text("provider", NAME).query().about("Together with `provider_user_id`: `oauth_google` or `google`."),
    texts("provider_user_id", ITEMS, IDENTIFIER).query().about("Together with `provider`."),
    int("limit", 1, 500).query().about("Users at most; 10 when left out."),
    int("offset", 0, i64::MAX).query().about("Users to leave out first."),
    text("starting_after", 80).query().about("The last user of the page before. Ordered by created_at only, without an offset."),
    text("order_by", NAME).query().about("A field with + or - before it; -created_at when left out."),
];

/// The filters alone.
pub(super) const COUNT: &[Field] = LIST.split_at(LIST.len() - 4).0;

pub(super) const CREATE: &[Field] = &[
    text("external_id", NAME).about("The operator's own id of the user."),
    text("first_name", NAME),
    text("last_name", NAME),
    text("locale", 64).about("BCP 47."),
    texts("email_address", 20, IDENTIFIER).about("The first is the primary one. They count as verified by the operator."),
    texts("email_address_identification_status", 20, 16).about("`verified` or `reserved` for each address."),
    texts("phone_number", 20, IDENTIFIER).about("The first is the primary one. They count as verified by the operator."),
    texts("phone_number_identification_status", 20, 16).about("`verified` or `reserved` for each number."),
    texts("web3_wallet", 20, IDENTIFIER).about("The first is the primary one. They count as verified by the operator."),
    text("username", NAME),
    secret("password", PASSWORD),
    secret("password_digest", DIGEST).about("A digest made by another system, together with `password_hasher`."),
    text("password_hasher", 64),
    flag("skip_password_checks").about("Take a password that the policy refuses."),
    flag("skip_password_requirement").about("Take a user without a password where one is demanded and another way to sign in is offered."),
    secret("totp_secret", NAME).about("Base32 of 14 to 64 bytes, for codes of 6 digits in steps of 30 seconds by SHA-1."),
    texts("backup_codes", 100, NAME).about("20 at most, in clear (6 characters or more) or as bcrypt digests."),
    object("public_metadata", MAX_BYTES),
    object("private_metadata", MAX_BYTES),
    object("unsafe_metadata", MAX_BYTES),
    flag("delete_self_enabled"),
    text("legal_accepted_at", 40).about("RFC 3339."),
    flag("skip_legal_checks").about("No consent is demanded."),
    flag("skip_user_requirement").about("Take a user without the identifiers that are demanded; one is always needed."),
    flag("create_organization_enabled"),
    int("create_organizations_limit", 0, i64::MAX).about("0 is without limit."),
    text("created_at", 40).about("RFC 3339; not in the future."),
    flag("bypass_client_trust"),
    flag("banned"),
    flag("locked"),
];

pub(super) const UPDATE: &[Field] = &[
    text("external_id", NAME).about("Null or empty clears it."),
    text("first_name", NAME).about("Null or empty clears it."),
    text("last_name", NAME).about("Null or empty clears it."),
    text("locale", 64).about("Null or empty clears it."),
    text("primary_email_address_id", 80).about("One of the user's verified addresses."),
    flag("notify_primary_email_address_changed")
        .about("Tell the address that was the primary one."),
    text("primary_phone_number_id", 80).about("One of the user's verified numbers."),
    text("primary_web3_wallet_id", 80).about("One of the user's verified wallets."),
    text("username", NAME).about("Null or empty clears it."),
    text("profile_image_id", 80).about("Not taken: pictures are set by `profile_image`."),
    secret("password", PASSWORD),
    secret("password_digest", DIGEST)
        .about("A digest made by another system, together with `password_hasher`."),
    text("password_hasher", 64),
    flag("skip_password_checks").about("Take a password that the policy refuses."),
    flag("sign_out_of_other_sessions")
        .about("Revoke every session of the user. Only together with a password."),
    secret("totp_secret", NAME)
        .about("Base32 of 14 to 64 bytes, for codes of 6 digits in steps of 30 seconds by SHA-1."),
    texts("backup_codes", 100, NAME)
        .about("20 at most, in clear (6 characters or more) or as bcrypt digests."),
    flag("delete_self_enabled"),
    flag("create_organization_enabled"),
    text("legal_accepted_at", 40).about("RFC 3339. Null or empty clears it."),
    flag("skip_legal_checks").about("No consent is demanded."),
    int("create_organizations_limit", 0, i64::MAX).about("0 is without limit, as null is."),
    text("created_at", 40).about("RFC 3339; not in the future."),
    flag("bypass_client_trust"),
    object("public_metadata", MAX_BYTES)
        .about("Before API version 2026-05-12 only; replaces the whole object."),
    object("private_metadata", MAX_BYTES)
        .about("Before API version 2026-05-12 only; replaces the whole object."),
    object("unsafe_metadata", MAX_BYTES)
        .about("Before API version 2026-05-12 only; replaces the whole object."),
];

pub(super) const METADATA: &[Field] = &[
    object("public_metadata", MAX_BYTES),
    object("private_metadata", MAX_BYTES),
    object("unsafe_metadata", MAX_BYTES),
];

/// More are taken than the 50 that are allowed, so that the refusal is the one that SDKs expect.
pub(super) const BULK: &[Field] = &[texts("user_ids", 10_000, 80)
    .required()
    .about("1 to 50 users.")];
/// Users that one bulk request may name.
pub(super) const BULK_LIMIT: usize = 50;

pub(super) const VERIFY_PASSWORD: &[Field] = &[secret("password", DIGEST).required()];
pub(super) const REMOVE_PASSWORD: &[Field] =
    &[flag("sign_out_of_other_sessions").about("Revoke every session of the user.")];
pub(super) const DISTRUST_PASSWORD: &[Field] =
    &[flag("revoke_all_sessions").about("Revoke every session of the user.")];

pub(super) const REPLACE_EMAIL: &[Field] = &[
    text("email_address", IDENTIFIER).required(),
    word(
        "identification_status",
        &["verified", "reserved", "unverified"],
    )
    .about("`verified` when left out."),
    flag("notify_primary_email_address_changed")
        .about("Tell the address that was the primary one."),
];
