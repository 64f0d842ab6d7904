//! Every refusal, made in one place: a named constructor for each code of the wire's catalogue that Usher uses.
//! Style 14: a handler never writes a code or a status as text.
use super::ApiError;

/// The caller's field `param`, in words for people: `email_address` → `email address`.
fn words(param: &str) -> String {
    param.replace('_', " ")
}

macro_rules! refusals {
    ($($(#[$doc:meta])* $name:ident($($arg:ident),*) = $status:literal, $code:literal, $short:expr, $long:expr;)*) => {
        $($(#[$doc])*
        #[must_use]
        pub fn $name($($arg: &str),*) -> ApiError {
            ApiError::new($status, $code, format!($short), format!($long))
        })*
        /// Every code with a fixed text, for the OpenAPI documents and the tests.
        pub const FIXED: &[(u16, &str)] = &[$(($status, $code)),*];
    };
}

refusals! {
    /// No usable session or client came with the request.
    authentication_invalid() = 401, "authentication_invalid", "Invalid authentication", "This request needs a signed-in session, and none came with it.";
    /// The caller is known and may not do this.
    authorization_invalid() = 403, "authorization_invalid", "Not allowed", "You may not do this.";
    /// `Authorization` is not `Bearer <secret key>`.
    authorization_header_format_invalid() = 401, "authorization_header_format_invalid", "Invalid Authorization header", "The Authorization header must read: Bearer, a space, and a secret key.";
    /// The secret key belongs to no instance here.
    clerk_key_invalid() = 401, "clerk_key_invalid", "The secret key is not valid", "No instance on this server has this secret key. Check the key and the API URL.";
    /// The `Origin` (or `Referer`) is not one of the instance's.
    origin_invalid() = 400, "origin_invalid", "Invalid origin", "Requests from this origin are not allowed for this instance.";
    /// The origin is a neighbour on the root domain that the operator has not listed.
    subdomain_not_allowed() = 403, "subdomain_not_allowed", "Subdomain not allowed", "Requests from this subdomain are not allowed for this instance.";
    /// A state-changing request without any statement of where it comes from.
    origin_missing() = 400, "origin_missing", "Missing origin", "A request that changes state must carry an Origin header.";
    /// Two ways to say who is calling, at once.
    origin_authorization_headers_conflict() = 400, "origin_authorization_headers_conflict", "Conflicting headers", "A request may carry an Origin header or an Authorization header, but not both.";
    /// The token of a development browser is none of this instance's, or none any more.
    dev_browser_unauthenticated() = 401, "dev_browser_unauthenticated", "Unknown browser", "The development browser is unknown. Ask for a new one.";
    /// This instance has no development browsers.
    url_based_session_syncing_disabled() = 400, "url_based_session_syncing_disabled", "No development browsers", "This instance has no test keys: its browsers carry cookies.";
    /// The host names no instance.
    invalid_host() = 400, "invalid_host", "Unknown host", "No instance is served under this host name.";
    /// The captcha was not solved, or its token was used before.
    captcha_invalid() = 400, "captcha_invalid", "Captcha not solved", "The check that a person is there did not succeed. Try again.";
    /// The instance asks for a captcha, and no token came.
    captcha_missing_token() = 400, "captcha_missing_token", "Captcha missing", "This instance asks new users to show that a person is there, and the request carries no captcha token.";
    /// A captcha was offered where nobody asks for one.
    captcha_not_enabled() = 400, "captcha_not_enabled", "No captcha", "This instance does not ask for a captcha.";
    /// A link that this instance did not mail.
    verification_link_token_invalid() = 400, "verification_link_token_invalid", "Not a link of ours", "This link is not one that was mailed for this application. Ask for a new one.";
    /// The server holds this reference operation back.
    feature_not_implemented(operation) = 501, "feature_not_implemented", "Not served", "This server does not serve {operation} yet.";
    /// The method does not fit the path.
    method_not_allowed() = 405, "method_not_allowed", "Method not allowed", "This path does not take this method.";
    /// Unknown path.
    not_found() = 404, "resource_not_found", "Not found", "There is nothing at this path.";
    /// Bodies over the limit.
    request_body_too_large() = 413, "request_body_too_large", "Request body too large", "The request body is larger than this server takes.";
    /// A file over the limit, in bytes or in pixels.
    image_too_large() = 413, "image_too_large", "Image too large", "The image is too large. It may have up to 10 MB and 4096 by 4096 pixels.";
    /// There is no image to take away.
    image_not_found() = 404, "image_not_found", "Image not found", "There is no image.";
    /// A file that is no picture of a kind that is read.
    image_unreadable() = 400, "request_body_invalid", "Unreadable image", "The file is not an image that can be read. Use a JPEG, PNG, GIF or WebP file.";
    /// An upload without its file.
    file_missing() = 400, "form_param_missing", "is missing", "file must be included.";
    /// An upload in another form.
    unsupported_upload_type() = 415, "unsupported_content_type", "Unsupported content type", "Send the file as multipart/form-data, in the field file, or as application/octet-stream.";
    /// Templates are of mail or of text messages.
    template_type_unsupported() = 400, "template_type_unsupported", "Unsupported template type", "The template type must be email or sms.";
    /// There is nothing to revert.
    template_revert_error() = 400, "template_revert_error", "Nothing to revert", "This template is as it was shipped.";
    /// The body does not say what the message is for.
    required_variable_missing(variable) = 422, "required_variable_missing", "Missing variable", "The body must contain {{{{{variable}}}}}.";
    /// The template cannot be read or rendered.
    invalid_template_body(reason) = 422, "invalid_template_body", "Invalid template", "The template cannot be used: {reason}.";
    /// A text message over its limit.
    sms_max_length_exceeded(limit) = 422, "sms_max_length_exceeded", "Too long", "A text message may have up to {limit} characters.";
    /// The instance demands that its terms are accepted.
    legal_not_accepted() = 422, "legal_not_accepted", "Terms not accepted", "The terms must be accepted to sign up.";
    /// Bodies that do not decode.
    request_body_invalid() = 400, "request_body_invalid", "Invalid request body", "The request body could not be read. Check its syntax and its content type.";
    /// Content types that are not served.
    unsupported_content_type() = 415, "unsupported_content_type", "Unsupported content type", "Send the body as application/json or as application/x-www-form-urlencoded.";
    /// Query strings that do not decode.
    malformed_request_parameters() = 400, "malformed_request_parameters", "Malformed parameters", "The request's parameters could not be read.";
    /// More items than one request may carry.
    bulk_size_exceeded(limit) = 400, "bulk_size_exceeded", "Too many items", "One request can name at most {limit} items.";
    /// `Clerk-API-Version` is no date of a version.
    api_version_invalid() = 400, "api_version_invalid", "Invalid API version", "The requested API version is not a known one.";
    /// The browser's new credential did not verify.
    passkey_registration_failure() = 400, "passkey_registration_failure", "Passkey not registered", "The passkey could not be registered. Start again on a page of this application.";
    /// A passkey's proof did not verify.
    passkey_authentication_failure() = 400, "passkey_authentication_failure", "Passkey not accepted", "The passkey could not be verified.";
    /// The challenge is spent, too old, or another's.
    passkey_invalid_verification() = 400, "passkey_invalid_verification", "Invalid verification", "This passkey verification is no longer open. Start again.";
    /// Nobody has this credential.
    passkey_not_registered() = 404, "passkey_not_registered", "Unknown passkey", "This passkey is not registered here.";
    /// The field holds no credential.
    passkey_invalid_public_key_credential() = 422, "passkey_invalid_public_key_credential", "Invalid credential", "The public key credential could not be read.";
    /// Ten passkeys are enough.
    passkey_quota_exceeded() = 403, "passkey_quota_exceeded", "Too many passkeys", "You cannot have more passkeys. Remove one first.";
    /// Something failed here.
    internal_clerk_error() = 500, "internal_clerk_error", "Internal error", "Something went wrong on the server. Nothing was changed; the trace id finds it in the server's log.";
    /// The server is busy or not ready.
    service_unavailable() = 503, "service_unavailable", "Unavailable", "The server cannot answer at the moment. Try again shortly.";
    /// Too many requests.
    too_many_requests() = 429, "too_many_requests", "Too many requests", "Too many requests. Try again later.";

    /// A required field did not come.
    form_param_missing(param) = 422, "form_param_missing", "is missing", "{param} must be included.";
    /// A required field came empty.
    form_param_nil(param) = 422, "form_param_nil", "is empty", "Enter {param}.";
    /// A field that the operation does not take.
    form_param_unknown(param) = 422, "form_param_unknown", "is unknown", "{param} is not a parameter of this request.";
    /// A field that came twice.
    form_param_duplicate(param) = 422, "form_param_duplicate", "is duplicated", "{param} is included twice.";
    /// A field that is not of its format.
    form_param_format_invalid(param) = 422, "form_param_format_invalid", "is invalid", "This is not a valid {param}.";
    /// A field of another type.
    form_param_type_invalid(param) = 422, "form_param_type_invalid", "has the wrong type", "{param} is not of the expected type.";
    /// A value outside the allowed ones.
    form_param_value_invalid(param) = 422, "form_param_value_invalid", "is invalid", "{param} does not match one of the allowed values.";
    /// A text over its limit.
    form_param_max_length_exceeded(param) = 422, "form_param_max_length_exceeded", "is too long", "{param} is too long.";
    /// A list over its limit.
    form_param_array_size_exceeded(param) = 422, "form_param_array_size_exceeded", "has too many items", "{param} has too many items.";
    /// Two lists that belong together differ in length.
    form_param_array_length_mismatch(param) = 422, "form_param_array_length_mismatch", "has the wrong number of items", "{param} must have as many items as the list it belongs to.";
    /// An object over its size.
    form_param_exceeds_allowed_size(param) = 422, "form_param_exceeds_allowed_size", "is too large", "{param} exceeds the maximum allowed size of 8 KB.";
    /// A date that is none.
    form_param_invalid_date(param) = 422, "form_param_invalid_date", "is not a date", "{param} must be a date and time as RFC 3339 writes it.";
    /// An origin that is none.
    form_invalid_origin(param) = 422, "form_invalid_origin", "is not an origin", "{param} must hold origins such as https://app.example.org, without a path.";
    /// A date after the present.
    form_disallow_future_date(param) = 422, "form_disallow_future_date", "is in the future", "{param} may not be in the future.";
    /// A field that needs another one.
    form_conditional_param_missing(param) = 422, "form_conditional_param_missing", "is missing", "{param} is needed together with the fields that were sent.";
    /// A field that may not come with another one.
    form_conditional_param_disallowed(param) = 422, "form_conditional_param_disallowed", "is not allowed here", "{param} may not be combined with the other fields that were sent.";
    /// What the instance demands of every user did not come.
    form_data_missing(params) = 422, "form_data_missing", "Missing data", "This instance demands more of a user: {params}.";
    /// The identifier is taken.
    form_identifier_exists(param) = 422, "form_identifier_exists", "is taken", "That {param} is taken. Try another one.";
    /// Nobody has this identifier.
    form_identifier_not_found(param) = 422, "form_identifier_not_found", "is unknown", "No account was found with this {param}.";
    /// The code is wrong.
    form_code_incorrect(param) = 422, "form_code_incorrect", "is incorrect", "Incorrect {param}. Try again.";
    /// The wallet's signature is none, another's, or over something else.
    form_incorrect_signature() = 422, "form_incorrect_signature", "is incorrect", "The signature does not fit this wallet and this message. Sign the message again.";
    /// The signature is of a smart-contract wallet.
    smart_wallet_signature() = 422, "form_incorrect_signature", "is not supported", "This is the signature of a smart-contract wallet (ERC-1271 or ERC-6492), which cannot be verified here. Use a wallet whose key signs.";
    /// The device's key is no public key on P-256.
    trusted_device_invalid_public_key() = 422, "trusted_device_invalid_public_key", "is invalid", "The public key must be a JWK of a point on P-256, without its private part.";
    /// What the device signed is not what was handed out.
    trusted_device_invalid_client_data() = 422, "trusted_device_invalid_client_data", "is invalid", "The client data must be what the challenge came with, unchanged.";
    /// The challenge is unknown, spent, or another's.
    trusted_device_challenge_not_found() = 400, "trusted_device_challenge_not_found", "Challenge not found", "This challenge is not open. Ask for a new one.";
    /// The challenge is too old.
    trusted_device_challenge_expired() = 400, "trusted_device_challenge_expired", "Challenge expired", "This challenge has expired. Ask for a new one.";
    /// The challenge was handed out for another device, app or user.
    trusted_device_binding_mismatch() = 422, "trusted_device_binding_mismatch", "does not fit", "This challenge is for another device, application or user.";
    /// The device's signature does not verify.
    trusted_device_signature_verification_failed() = 400, "trusted_device_signature_verification_failed", "Signature not accepted", "The signature of the device could not be verified.";
    /// Nobody has this device, or it is revoked.
    trusted_device_not_registered() = 422, "trusted_device_not_registered", "is not registered", "This device is not registered here.";
    /// Ten devices are enough.
    trusted_device_credential_quota_exceeded() = 400, "trusted_device_credential_quota_exceeded", "Too many devices", "You cannot have more trusted devices. Revoke one first.";
    /// The app is none of the operator's.
    trusted_device_app_identifier_not_configured() = 400, "trusted_device_app_identifier_not_configured", "Unknown application", "This application is not configured for trusted devices.";
    /// Somebody has this key.
    trusted_device_already_enrolled() = 409, "trusted_device_already_enrolled", "Already enrolled", "This device is enrolled already.";
    /// The password is wrong.
    form_password_incorrect(param) = 422, "form_password_incorrect", "is incorrect", "The {param} is incorrect. Try again, or use another method.";
    /// The same, where enumeration protection is on.
    form_password_or_identifier_incorrect() = 422, "form_password_or_identifier_incorrect", "is incorrect", "The password or the identifier is incorrect. Try again, or use another method.";
    /// BAPI's own check of a password said no.
    incorrect_password() = 422, "incorrect_password", "Incorrect password", "The password is incorrect.";
    /// There is no password to check.
    no_password_set() = 400, "no_password_set", "No password set", "This user has no password.";
    /// Passwords are off on this instance.
    password_disabled() = 403, "password_disabled", "Passwords are off", "Passwords are not enabled on this instance.";
    /// Authenticator apps are off on this instance.
    totp_disabled() = 400, "totp_disabled", "Authenticator apps are off", "Authenticator apps are not enabled on this instance.";
    /// This user has no authenticator app.
    totp_disabled_for_user() = 400, "totp_disabled", "No authenticator app", "This user has no authenticator app.";
    /// There is an authenticator app already.
    totp_already_enabled() = 400, "totp_already_enabled", "Already enabled", "There is an authenticator app for this account already. Remove it first.";
    /// The secret of another system is no base32 text, or is too short or too long.
    invalid_totp_secret_code() = 422, "invalid_totp_secret_code", "is invalid", "The secret must be base32 of 14 to 64 bytes, which is 23 characters or more.";
    /// BAPI's own check of a second factor said no.
    totp_incorrect_code() = 422, "totp_incorrect_code", "Incorrect code", "The code is incorrect, or has been used.";
    /// BAPI's own check of a second factor: no code of an authenticator app.
    totp_invalid_length() = 422, "totp_invalid_length", "Invalid length", "Codes of authenticator apps have six digits.";
    /// There is no second factor that backup codes could stand in for.
    backup_codes_need_a_factor() = 400, "backup_codes_not_available", "No second factor", "Backup codes stand in for another second factor. Set one up first.";
    /// What was asked for needs a fresh proof of who is there.
    session_reverification_required() = 403, "session_reverification_required", "Verification required", "Verify that it is you to go on.";
    /// Nothing was started, or it took too long.
    session_reverification_missing() = 400, "session_reverification_missing", "No verification", "No verification of this session is under way. Start one.";
    /// The verification under way waits for something else.
    invalid_action_for_session_reverification() = 400, "invalid_action_for_session_reverification", "Invalid action", "The verification's state does not allow this.";
    /// Backup codes are off on this instance.
    backup_codes_not_available() = 400, "backup_codes_not_available", "Backup codes are off", "Backup codes are not enabled on this instance.";
    /// Shorter than the policy.
    form_password_length_too_short(minimum) = 422, "form_password_length_too_short", "is too short", "Passwords must have {minimum} or more characters.";
    /// Longer than the policy.
    form_password_length_too_long(maximum) = 422, "form_password_length_too_long", "is too long", "Passwords must have at most {maximum} characters.";
    /// More bytes than the policy.
    form_password_size_in_bytes_exceeded(maximum) = 422, "form_password_size_in_bytes_exceeded", "is too long", "Passwords must have at most {maximum} bytes.";
    /// The policy wants an upper-case letter.
    form_password_no_uppercase() = 422, "form_password_no_uppercase", "needs an uppercase character", "Passwords must contain at least one uppercase character.";
    /// The policy wants a lower-case letter.
    form_password_no_lowercase() = 422, "form_password_no_lowercase", "needs a lowercase character", "Passwords must contain at least one lowercase character.";
    /// The policy wants a digit.
    form_password_no_number() = 422, "form_password_no_number", "needs a number", "Passwords must contain at least one number.";
    /// The policy wants a special character.
    form_password_no_special_char() = 422, "form_password_no_special_char", "needs a special character", "Passwords must contain at least one special character.";
    /// Known from breaches, or so common that it is guessed first.
    form_password_pwned() = 422, "form_password_pwned", "is compromised", "This password is known from a data breach or is very common. Use another one.";
    /// Too easy to guess.
    form_password_not_strong_enough(reason) = 422, "form_password_not_strong_enough", "is not strong enough", "This password is not strong enough: {reason}. Choose another one.";
    /// The password is the identifier.
    form_password_matches_identifier() = 422, "form_password_matches_identifier", "matches the identifier", "The password may not be the same as your identifier.";
    /// The imported digest is not of its hasher's format.
    form_password_digest_invalid_code(param) = 422, "form_password_digest_invalid_code", "is invalid", "{param} is not a digest of the given hasher.";
    /// A new password that is the old one.
    form_new_password_matches_current() = 422, "form_new_password_matches_current", "matches the current one", "Your new password must differ from the current one.";
    /// The instance demands a password.
    password_required() = 400, "password_required", "Password required", "A password is needed to sign in here, so it can't be removed.";
    /// The user may not delete the own account.
    user_delete_self_not_enabled() = 403, "user_delete_self_not_enabled", "Not allowed", "You can't delete your own account here.";
    /// More of something than is allowed.
    quota_exceeded() = 403, "quota_exceeded", "Quota exceeded", "There are too many of these already.";
    /// The operator marked the password as compromised.
    form_password_compromised() = 422, "form_password_compromised", "is compromised", "This password may be known to others. Set a new one with \"Forgot password\" to sign in.";
    /// Username: characters.
    form_username_invalid_character() = 422, "form_username_invalid_character", "has an invalid character", "Usernames can only contain letters, numbers, underscores and hyphens.";
    /// Username: length.
    form_username_invalid_length(minimum, maximum) = 422, "form_username_invalid_length", "has an invalid length", "Usernames must have between {minimum} and {maximum} characters.";
    /// Username: digits only.
    form_username_needs_non_number_char() = 422, "form_username_needs_non_number_char", "needs a letter", "Usernames must contain at least one character that is not a number.";

    /// A session exists already on this client (single-session mode).
    session_exists() = 400, "session_exists", "Session already exists", "You're already signed in.";
    /// A sign-in or sign-up was asked to do what its state does not allow.
    invalid_action_for_session() = 400, "invalid_action_for_session", "Invalid action", "The session's state does not allow this.";
    /// The strategy is not one that this user can use now.
    strategy_for_user_invalid() = 400, "strategy_for_user_invalid", "Invalid strategy for this user", "This verification strategy is not available for this account.";
    /// There is nothing to transfer.
    account_transfer_invalid() = 400, "account_transfer_invalid", "Nothing to transfer", "There is no verified external account to transfer from.";
    /// A sign-up that is over.
    sign_up_cannot_be_updated() = 403, "sign_up_cannot_be_updated", "Not allowed", "This sign-up is over and can't be changed.";
    /// The code was right and there is no account yet: sign up by transfer.
    sign_up_if_missing_transfer() = 404, "sign_up_if_missing_transfer", "No account yet", "There is no account with this identifier yet. Sign up to continue.";
    /// This sign-in may not turn into a sign-up.
    sign_up_if_missing_not_allowed() = 422, "sign_up_if_missing_not_allowed", "Not allowed", "Signing up from a sign-in is not possible with these settings.";
    /// The attempt asked for an account that does not allow it.
    sign_in_no_identification_for_user() = 404, "sign_in_no_identification_for_user", "No identification", "This account has no identification for this strategy.";
    /// Nothing was sent yet.
    verification_missing() = 400, "verification_missing", "Missing verification", "There is no verification to attempt. Prepare one first.";
    /// The code is too old.
    verification_expired() = 400, "verification_expired", "Expired", "This verification has expired. Start it again.";
    /// Too many wrong tries.
    verification_failed() = 400, "verification_failed", "Failed", "Too many failed attempts. Start the verification again.";
    /// It has been used.
    verification_already_verified() = 400, "verification_already_verified", "Already verified", "This verification has already been completed.";
    /// The strategy is not one of the operation.
    verification_strategy_invalid() = 400, "verification_strategy_invalid", "Invalid strategy", "This verification strategy is not allowed here.";
    /// Asked for another code too soon.
    verification_code_too_many_requests() = 429, "verification_code_too_many_requests", "Too many requests", "A code was sent a moment ago. Wait before asking for another one.";

    /// An answer of a provider that belongs to no trip of this browser.
    oauth_callback_invalid() = 400, "oauth_callback_invalid", "Invalid callback", "This answer belongs to no sign-in of this browser, or has been used. Start again.";
    /// The person said no at the provider.
    oauth_access_denied() = 403, "oauth_access_denied", "Access denied", "You did not allow access to your account.";
    /// The provider gave no tokens, or tokens that do not hold.
    oauth_token_exchange_error() = 400, "oauth_token_exchange_error", "No tokens", "The provider's answer could not be used. Try again.";
    /// The provider gave no profile.
    oauth_fetch_user_error() = 400, "oauth_fetch_user_error", "No profile", "Your account could not be read at the provider. Try again.";
    /// The provider's own description cannot be had, or is another's.
    misconfigured_oauth_provider() = 400, "misconfigured_oauth_provider", "Provider not set up", "This way to sign in is not set up correctly.";
    /// The provider is off by now.
    oauth_provider_not_enabled() = 400, "oauth_provider_not_enabled", "Provider off", "This way to sign in is not offered any more.";
    /// The provider only connects.
    oauth_non_authenticatable_provider() = 400, "oauth_non_authenticatable_provider", "Not for this", "This provider can be connected, but not be used for this.";
    /// Nobody here has this account: sign up.
    external_account_not_found() = 404, "external_account_not_found", "Unknown account", "There is no user with this external account yet.";
    /// Somebody here has this account: sign in.
    external_account_exists() = 400, "external_account_exists", "Known account", "There is a user with this external account already.";
    /// The address is kept for a user who has not proved it.
    external_account_email_address_verification_required() = 400, "external_account_email_address_verification_required", "Verification required", "The account's email address has to be verified here first.";
    /// The user has this very account connected.
    oauth_account_already_connected() = 400, "oauth_account_already_connected", "Already connected", "This account is connected already.";
    /// The account is another user's.
    oauth_identification_claimed() = 400, "oauth_identification_claimed", "Claimed by another user", "This account belongs to another user, or is not the one that was connected.";
    /// Nothing came with which another token could be had.
    oauth_missing_refresh_token() = 422, "oauth_missing_refresh_token", "No refresh token", "The access token has ended, and the provider gave no refresh token. The user has to connect again.";
    /// There is no token.
    oauth_missing_access_token() = 422, "oauth_missing_access_token", "No access token", "There is no access token of this account. The user has to connect again.";
    /// The provider gave no new token.
    oauth_token_retrieval_error() = 400, "oauth_token_retrieval_error", "No token", "The provider gave no new access token. The user may have to connect again.";
    /// The provider is unknown or off.
    oauth_token_provider_not_enabled() = 404, "oauth_token_provider_not_enabled", "Provider off", "No such provider is enabled.";
    /// Whoever has no account here gets none by this way.
    not_allowed_to_sign_up() = 403, "not_allowed_to_sign_up", "Not allowed", "New accounts are not made in this way.";

    /// No ticket of this instance, or one of another purpose.
    ticket_invalid_code() = 400, "ticket_invalid_code", "Invalid ticket", "This ticket is not valid.";
    /// The ticket is too old.
    ticket_expired_code() = 400, "ticket_expired_code", "Ticket expired", "This ticket has expired.";
    /// Used before.
    sign_in_token_already_used_code() = 400, "sign_in_token_already_used_code", "Token used", "This sign-in token has been used already.";
    /// Taken back.
    sign_in_token_revoked_code() = 400, "sign_in_token_revoked_code", "Token revoked", "This sign-in token has been revoked.";
    /// Used or taken back before.
    sign_in_token_cannot_be_revoked_code() = 400, "sign_in_token_cannot_be_revoked_code", "Cannot be revoked", "Only pending sign-in tokens can be revoked.";
    /// Used before.
    actor_token_already_used_code() = 400, "actor_token_already_used_code", "Token used", "This actor token has been used already.";
    /// Taken back.
    actor_token_revoked_code() = 400, "actor_token_revoked_code", "Token revoked", "This actor token has been revoked.";
    /// Used or taken back before.
    actor_token_cannot_be_revoked_code() = 400, "actor_token_cannot_be_revoked_code", "Cannot be revoked", "Only pending actor tokens can be revoked.";
    /// There are no email addresses to invite.
    invitations_not_supported() = 400, "invitations_not_supported", "No invitations", "Invitations need email addresses, which are off for this instance.";
    /// Used before.
    invitation_already_accepted() = 400, "invitation_already_accepted", "Invitation accepted", "This invitation has been accepted already.";
    /// Taken back before.
    invitation_already_revoked() = 400, "invitation_already_revoked", "Invitation revoked", "This invitation has been revoked already.";
    /// Taken back.
    revoked_invitation() = 400, "revoked_invitation", "Invitation revoked", "This invitation has been revoked.";
    /// The invited address has an account: sign in instead.
    invitation_account_exists() = 400, "invitation_account_exists", "Account exists", "There is an account for this invitation's address already. Sign in instead.";
    /// The invited address has no account: sign up instead.
    invitation_account_not_exists() = 400, "invitation_account_not_exists", "No account", "There is no account for this invitation's address yet. Sign up instead.";

    /// There are no organizations on this instance.
    organization_not_enabled_in_instance() = 403, "organization_not_enabled_in_instance", "No organizations", "Organizations are off for this instance.";
    /// There is no such organization, or the caller is none of its members: the answer does not say which.
    organization_not_found_or_unauthorized() = 404, "organization_not_found_or_unauthorized", "Organization not found", "There is no such organization, or you are not a member of it.";
    /// The member's role does not allow it.
    missing_organization_permission() = 403, "missing_organization_permission", "Missing permission", "Your role in this organization does not allow this.";
    /// Somebody has to be able to manage the organization.
    organization_minimum_permissions_needed() = 400, "organization_minimum_permissions_needed", "An admin is needed", "An organization needs at least one admin.";
    /// The user is a member.
    already_a_member_in_organization() = 400, "already_a_member_in_organization", "Already a member", "This user is a member of the organization already.";
    /// The organization is full.
    organization_membership_quota_exceeded() = 403, "organization_membership_quota_exceeded", "Organization is full", "This organization cannot have more members.";
    /// The address is invited already.
    organization_invitation_not_unique() = 400, "organization_invitation_not_unique", "Invited already", "This address is invited to the organization already.";
    /// The invitation was used or taken back, or has expired.
    organization_invitation_not_pending() = 404, "organization_invitation_not_pending", "Not pending", "Only pending invitations can be revoked.";
    /// Not an invitation of the user's.
    organization_invitation_not_found() = 404, "organization_invitation_not_found", "Invitation not found", "There is no such invitation for you.";
    /// Taken back.
    organization_invitation_revoked_code() = 400, "organization_invitation_revoked_code", "Invitation revoked", "This invitation has been revoked.";
    /// Used before.
    organization_invitation_already_accepted() = 400, "organization_invitation_already_accepted", "Invitation accepted", "This invitation has been accepted already.";
    /// Whoever is said to invite is no member.
    not_a_member_in_organization() = 403, "not_a_member_in_organization", "Not a member", "This user is not a member of the organization.";
    /// The user has created as many organizations as allowed.
    organization_quota_exceeded() = 403, "organization_quota_exceeded", "Too many organizations", "This user cannot create more organizations.";
    /// Whoever is said to create the organization is unknown.
    organization_creator_not_found() = 400, "organization_creator_not_found", "Unknown creator", "There is no user with the id that is given as the organization's creator.";
    /// Organizations are deleted by the operator only.
    organization_admin_delete_not_enabled() = 403, "organization_admin_delete_not_enabled", "Not deletable", "Members cannot delete this organization.";
    /// Slugs are not chosen on this instance.
    organization_slugs_disabled() = 403, "organization_slugs_disabled", "No slugs", "Slugs of organizations cannot be chosen on this instance.";
    /// The user may not create organizations.
    user_create_organization_not_enabled() = 403, "user_create_organization_not_enabled", "Not allowed", "You may not create organizations.";

    /// The account is locked.
    user_locked() = 403, "user_locked", "Account locked", "This account is locked. Try again later.";
    /// The account is banned.
    user_banned() = 403, "user_banned", "Account banned", "This account is banned.";
    /// Sign-ups are by invitation.
    sign_up_mode_restricted() = 403, "sign_up_mode_restricted", "Sign-ups are restricted", "New accounts are by invitation only.";
    /// Sign-ups go to the waitlist.
    sign_up_restricted_waitlist() = 403, "sign_up_restricted_waitlist", "Sign-ups are restricted", "New accounts are taken from the waitlist only.";
    /// Sign-ups do not go by the waitlist.
    waitlist_not_accepting_entries() = 403, "waitlist_not_accepting_entries", "The waitlist is closed", "There is no waitlist to join here.";
    /// Invited already.
    waitlist_entry_already_invited() = 409, "waitlist_entry_already_invited", "Invited already", "This waitlist entry is invited already.";
    /// Signed up already.
    waitlist_entry_already_completed() = 409, "waitlist_entry_already_completed", "Completed already", "Whoever waited here has an account already.";
    /// Rejected already.
    waitlist_entry_already_rejected() = 409, "waitlist_entry_already_rejected", "Rejected already", "This waitlist entry is rejected already.";
    /// The allow-list or the block-list keeps this identifier out.
    not_allowed_access() = 403, "not_allowed_access", "Access not allowed", "You do not have permission to access this application.";
    /// Addresses with a subaddress, or of a disposable domain, are not taken.
    form_email_address_blocked() = 403, "form_email_address_blocked", "is not accepted", "This kind of email address is not accepted. Use another one.";
    /// No messages go to numbers of this country.
    unsupported_country_code() = 403, "unsupported_country_code", "Unsupported country", "Phone numbers of this country are not supported here. Use another one.";
    /// Username: it reads as a phone number, which is another identifier.
    form_username_cannot_be_phone_number() = 422, "form_username_cannot_be_phone_number", "is a phone number", "Usernames cannot be phone numbers.";
    /// The record is there already.
    duplicate_record(what) = 400, "duplicate_record", "Duplicate record", "There is a record of this {what} already.";
    /// Only on development instances.
    request_invalid_for_environment() = 400, "request_invalid_for_environment", "Not on this environment", "This request is allowed on development instances only.";
    /// Not allowed for this instance's settings.
    request_invalid_for_instance() = 400, "request_invalid_for_instance", "Not on this instance", "This request is not allowed for this instance.";
    /// The user would be left without any way to sign in.
    last_required_identification_deletion_failed() = 400, "last_required_identification_deletion_failed", "Last identification", "The user's last identification can't be deleted.";
    /// A code that belongs to another one.
    delete_linked_identification_disallowed() = 400, "delete_linked_identification_disallowed", "Linked identification", "This identification is linked to another account.";
    /// Somebody else has proved to own it meanwhile.
    identification_claimed() = 400, "identification_claimed", "Already claimed", "Another account has verified this identification.";
    /// The identification's state does not allow the change.
    identification_update_failed(reason) = 400, "identification_update_failed", "Update failed", "The identification cannot be changed like this: {reason}.";

    /// A redirect that is not to one of the instance's places.
    redirect_url_not_associated_with_instance() = 422, "redirect_url_not_associated_with_instance", "Redirect URL not allowed", "The redirect URL does not belong to this instance.";
    /// A redirect that is no URL.
    invalid_redirect_url() = 422, "invalid_redirect_url", "Invalid redirect URL", "The redirect URL is not a valid absolute URL.";
    /// A redirect whose scheme no redirect may have.
    prohibited_redirect_url() = 422, "prohibited_redirect_url", "Prohibited redirect URL", "URLs with this scheme can't be redirected to.";
    /// A template that would say what only this server says.
    jwt_template_reserved_claim(claim) = 400, "jwt_template_reserved_claim", "Reserved claim", "The claim {claim} is reserved and can't be in a template.";
    /// A proxy through which the Frontend API does not answer.
    invalid_proxy_configuration() = 422, "invalid_proxy_configuration", "Proxy not working", "The Frontend API does not answer at /v1/proxy-health below this URL. Check where the proxy forwards to.";
    /// A change of the primary that only satellites take.
    operation_not_allowed_on_primary_domain() = 403, "operation_not_allowed_on_primary_domain", "Not on the primary domain", "This is not possible on the primary domain.";
    /// What only the primary serves.
    operation_not_allowed_on_satellite_domain() = 403, "operation_not_allowed_on_satellite_domain", "Not on a satellite domain", "This is not possible on a satellite domain. Use the primary domain.";
    /// A link between domains that is no good, or no more.
    sync_nonce_already_consumed() = 403, "sync_nonce_already_consumed", "Link used", "This link was used already, is too old, or belongs to another browser.";
    /// Plain http where https is demanded.
    insecure_url() = 422, "insecure_url", "Insecure URL", "The URL must begin with https.";
    /// Nobody to do a task for.
    agent_task_subject_not_found() = 404, "agent_task_subject_not_found", "Subject not found", "There is no user of this id or identifier.";
    /// No such task.
    agent_task_not_found() = 404, "agent_task_not_found", "Task not found", "There is no agent task with this id.";
    /// Revoked already, or used.
    agent_task_cannot_be_revoked() = 400, "agent_task_cannot_be_revoked", "Not revocable", "Only a pending agent task can be revoked.";
    /// The operator took it back.
    agent_task_revoked() = 400, "agent_task_revoked", "Task revoked", "This agent task was revoked.";
    /// A second use.
    agent_task_already_used() = 400, "agent_task_already_used", "Task used", "This agent task was used already.";
    /// A handshake nonce that is unknown or too old.
    invalid_handshake() = 400, "invalid_handshake", "Invalid handshake", "The handshake is unknown or has expired.";
    /// No client with this token.
    client_not_found() = 400, "client_not_found", "Client not found", "No client was found for this token.";
    /// A session token that does not verify.
    invalid_session_token() = 400, "invalid_session_token", "Invalid session token", "The session token is not valid.";

    /// Refresh: the expired session token does not verify.
    expired_session_token_invalid() = 401, "expired_session_token_invalid", "Invalid token", "The expired session token is not valid.";
    /// Refresh: too old.
    session_refresh_expired_session_token_too_old() = 401, "session_refresh_expired_session_token_too_old", "Token too old", "The expired session token is too old to refresh.";
    /// Refresh: the session ended.
    session_refresh_inactive_session() = 401, "session_refresh_inactive_session", "Inactive session", "The session is no longer active.";
    /// Refresh: there is no such session.
    session_refresh_session_not_found() = 401, "session_refresh_session_not_found", "Session not found", "The session does not exist.";
    /// Refresh: the user is gone.
    session_refresh_user_not_found() = 401, "session_refresh_user_not_found", "User not found", "The session's user does not exist.";
    /// Refresh: origin and `azp` differ.
    refresh_request_origin_azp_mismatch() = 401, "refresh_request_origin_azp_mismatch", "Origin mismatch", "The request's origin is not the one the token was made for.";
    /// Refresh: the origin is none.
    refresh_request_origin_invalid() = 401, "refresh_request_origin_invalid", "Invalid origin", "The request's origin is not an origin.";
    /// Refresh: the token does not say where it was made for.
    expired_session_token_missing_azp() = 401, "expired_session_token_missing_azp", "Missing claim", "The expired session token has no azp claim.";
    /// Refresh: the token does not say which session it is of.
    expired_session_token_missing_sid() = 401, "expired_session_token_missing_sid", "Missing claim", "The expired session token has no sid claim.";
    /// Refresh: the token does not say when it was made.
    session_refresh_expired_session_token_missing_iat() = 401, "session_refresh_expired_session_token_missing_iat", "Missing claim", "The expired session token has no iat claim.";
    /// Refresh: token and session differ.
    refresh_sid_mismatch() = 401, "refresh_sid_mismatch", "Session mismatch", "The refresh token belongs to another session.";
    /// Refresh: unknown refresh token.
    refresh_token_not_found() = 401, "refresh_token_not_found", "Refresh token not found", "The refresh token is unknown or no longer valid.";
}

/// `kind` has no such resource in this instance. The id is not echoed.
#[must_use]
pub fn resource_not_found(kind: &str) -> ApiError {
    ApiError::new(
        404,
        "resource_not_found",
        "Not found",
        format!("No {kind} was found with this id."),
    )
}

/// A text over its limit, with the code that the wire uses for every length.
#[must_use]
pub fn too_long(param: &str, max: usize) -> ApiError {
    ApiError::new(
        422,
        "form_param_max_length_exceeded",
        "is too long",
        format!("{} can have at most {max} characters.", words(param)),
    )
    .at(param)
}

/// The identifier `param` is taken.
#[must_use]
pub fn identifier_taken(param: &str) -> ApiError {
    form_identifier_exists(&words(param)).at(param)
}

/// This user is signed in on this client already; `session` is theirs on the same client, never another's.
#[must_use]
pub fn identifier_already_signed_in(session: &str) -> ApiError {
    ApiError::new(
        400,
        "identifier_already_signed_in",
        "Already signed in",
        "You're already signed in.",
    )
    .with("session_id", session)
}
