-- Instances and their keys.
CREATE TABLE applications (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  created_at BIGINT NOT NULL
);
CREATE TABLE instances (
  id TEXT PRIMARY KEY,
  application_id TEXT NOT NULL REFERENCES applications (id),
  name TEXT NOT NULL,
  environment_type TEXT NOT NULL,
  host TEXT NOT NULL,
  publishable_key TEXT NOT NULL,
  settings $JSON NOT NULL,
  data_key_sealed TEXT NOT NULL,
  generation BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX instances_host ON instances (host);
CREATE UNIQUE INDEX instances_name ON instances (name);
CREATE TABLE secret_keys (
  hash TEXT PRIMARY KEY,
  id TEXT NOT NULL,
  instance_id TEXT NOT NULL REFERENCES instances (id),
  sealed TEXT NOT NULL,
  ending TEXT NOT NULL,
  name TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  retire_at BIGINT
);
CREATE UNIQUE INDEX secret_keys_id ON secret_keys (id);
CREATE INDEX secret_keys_instance ON secret_keys (instance_id, created_at);
CREATE TABLE signing_keys (
  id TEXT PRIMARY KEY,
  instance_id TEXT NOT NULL REFERENCES instances (id),
  public_jwk $JSON NOT NULL,
  private_sealed TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  active_at BIGINT NOT NULL,
  retire_at BIGINT,
  remove_at BIGINT,
  signed_until BIGINT NOT NULL
);
CREATE INDEX signing_keys_instance ON signing_keys (instance_id, created_at);
CREATE TABLE server_facts (
  name TEXT PRIMARY KEY,
  content TEXT NOT NULL
);

-- Users and what identifies them.
CREATE TABLE users (
  instance_id TEXT NOT NULL,
  id TEXT NOT NULL,
  external_id TEXT,
  username TEXT,
  username_normal TEXT,
  first_name TEXT,
  last_name TEXT,
  locale TEXT,
  primary_email_address_id TEXT,
  primary_email_normal TEXT,
  password_stored TEXT,
  password_updated_at BIGINT,
  password_compromised BOOLEAN NOT NULL,
  public_metadata $JSON NOT NULL,
  private_metadata $JSON NOT NULL,
  unsafe_metadata $JSON NOT NULL,
  banned BOOLEAN NOT NULL,
  locked BOOLEAN NOT NULL,
  locked_until BIGINT,
  failed_attempts BIGINT NOT NULL,
  password_failures BIGINT NOT NULL,
  totp_enabled BOOLEAN NOT NULL,
  backup_code_enabled BOOLEAN NOT NULL,
  mfa_enabled_at BIGINT,
  mfa_disabled_at BIGINT,
  delete_self_enabled BOOLEAN NOT NULL,
  create_organization_enabled BOOLEAN NOT NULL,
  create_organizations_limit BIGINT,
  bypass_client_trust BOOLEAN NOT NULL,
  passkeys BIGINT NOT NULL,
  legal_accepted_at BIGINT,
  last_sign_in_at BIGINT,
  last_active_at BIGINT,
  search TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (instance_id, id)
);
CREATE UNIQUE INDEX users_username ON users (instance_id, username_normal) WHERE username_normal IS NOT NULL;
CREATE UNIQUE INDEX users_external_id ON users (instance_id, external_id) WHERE external_id IS NOT NULL;
CREATE INDEX users_created_at ON users (instance_id, created_at, id);
CREATE INDEX users_updated_at ON users (instance_id, updated_at, id);
CREATE INDEX users_primary_email ON users (instance_id, primary_email_normal, id);
CREATE INDEX users_username_order ON users (instance_id, username_normal, id);
CREATE INDEX users_first_name ON users (instance_id, first_name, id);
CREATE INDEX users_last_name ON users (instance_id, last_name, id);
CREATE INDEX users_last_sign_in_at ON users (instance_id, last_sign_in_at, id);
CREATE INDEX users_last_active_at ON users (instance_id, last_active_at, id);
CREATE TABLE email_addresses (
  instance_id TEXT NOT NULL,
  id TEXT NOT NULL,
  user_id TEXT NOT NULL,
  email_address TEXT NOT NULL,
  email_normal TEXT NOT NULL,
  reserved BOOLEAN NOT NULL,
  claimed BOOLEAN NOT NULL,
  verification_status TEXT NOT NULL,
  verification_strategy TEXT,
  verification_id TEXT,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (instance_id, id),
  FOREIGN KEY (instance_id, user_id) REFERENCES users (instance_id, id) ON DELETE CASCADE
);
CREATE UNIQUE INDEX email_addresses_claimed ON email_addresses (instance_id, email_normal) WHERE claimed;
CREATE INDEX email_addresses_normal ON email_addresses (instance_id, email_normal);
CREATE INDEX email_addresses_user ON email_addresses (instance_id, user_id, created_at, id);
-- An authenticator app, and codes for when it is lost. A used code is a row less.
CREATE TABLE totps (
  instance_id TEXT NOT NULL,
  user_id TEXT NOT NULL,
  id TEXT NOT NULL,
  secret_sealed TEXT NOT NULL,
  verified_at BIGINT,
  last_step BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (instance_id, user_id),
  FOREIGN KEY (instance_id, user_id) REFERENCES users (instance_id, id) ON DELETE CASCADE
);
CREATE TABLE backup_codes (
  instance_id TEXT NOT NULL,
  user_id TEXT NOT NULL,
  code_hash TEXT NOT NULL,
  set_id TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (instance_id, user_id, code_hash),
  FOREIGN KEY (instance_id, user_id) REFERENCES users (instance_id, id) ON DELETE CASCADE
);
CREATE TABLE listed_identifiers (
  instance_id TEXT NOT NULL,
  id TEXT NOT NULL,
  list TEXT NOT NULL,
  identifier TEXT NOT NULL,
  identifier_normal TEXT NOT NULL,
  identifier_type TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (instance_id, id)
);
CREATE UNIQUE INDEX listed_identifiers_normal ON listed_identifiers (instance_id, list, identifier_normal);
CREATE TABLE passkeys (
  instance_id TEXT NOT NULL,
  id TEXT NOT NULL,
  user_id TEXT NOT NULL,
  name TEXT NOT NULL,
  credential_id TEXT,
  credential TEXT,
  verification_id TEXT,
  last_used_at BIGINT,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (instance_id, id),
  FOREIGN KEY (instance_id, user_id) REFERENCES users (instance_id, id) ON DELETE CASCADE
);
CREATE UNIQUE INDEX passkeys_credential ON passkeys (instance_id, credential_id) WHERE credential_id IS NOT NULL;
CREATE INDEX passkeys_user ON passkeys (instance_id, user_id, created_at, id);

-- Browsers, their sessions and their attempts.
CREATE TABLE clients (
  instance_id TEXT NOT NULL,
  id TEXT NOT NULL,
  token_hash TEXT NOT NULL,
  sign_in_id TEXT,
  sign_up_id TEXT,
  last_active_session_id TEXT,
  last_authentication_strategy TEXT,
  authenticated_at BIGINT NOT NULL,
  expire_at BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (instance_id, id)
);
CREATE UNIQUE INDEX clients_token ON clients (instance_id, token_hash);
CREATE INDEX clients_created_at ON clients (instance_id, created_at, id);
CREATE TABLE sessions (
  instance_id TEXT NOT NULL,
  id TEXT NOT NULL,
  client_id TEXT NOT NULL,
  user_id TEXT NOT NULL,
  status TEXT NOT NULL,
  actor $JSON,
  last_active_organization_id TEXT,
  first_factor_at BIGINT,
  second_factor_at BIGINT,
  browser_name TEXT,
  browser_version TEXT,
  device_type TEXT,
  is_mobile BOOLEAN NOT NULL,
  ip_address TEXT,
  last_active_at BIGINT NOT NULL,
  expire_at BIGINT NOT NULL,
  abandon_at BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (instance_id, id),
  FOREIGN KEY (instance_id, user_id) REFERENCES users (instance_id, id) ON DELETE CASCADE
);
CREATE INDEX sessions_client ON sessions (instance_id, client_id, created_at, id);
CREATE INDEX sessions_user ON sessions (instance_id, user_id, created_at, id);
-- What an app's host exchanges an expired session token with; each is good for one exchange.
CREATE TABLE refresh_tokens (
  instance_id TEXT NOT NULL,
  hash TEXT NOT NULL,
  session_id TEXT NOT NULL,
  origin TEXT NOT NULL,
  used_at BIGINT,
  expire_at BIGINT NOT NULL,
  PRIMARY KEY (instance_id, hash),
  FOREIGN KEY (instance_id, session_id) REFERENCES sessions (instance_id, id) ON DELETE CASCADE
);
CREATE INDEX refresh_tokens_session ON refresh_tokens (instance_id, session_id, origin);
CREATE INDEX refresh_tokens_expire_at ON refresh_tokens (expire_at);
CREATE TABLE verifications (
  instance_id TEXT NOT NULL,
  id TEXT NOT NULL,
  strategy TEXT NOT NULL,
  status TEXT NOT NULL,
  target TEXT,
  mailbox TEXT,
  code_hash TEXT,
  attempts BIGINT NOT NULL,
  verified_at_client TEXT,
  challenge TEXT,
  expire_at BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (instance_id, id)
);
CREATE INDEX verifications_mailbox ON verifications (instance_id, mailbox, created_at);
CREATE INDEX verifications_expire_at ON verifications (expire_at);
CREATE TABLE sign_ins (
  instance_id TEXT NOT NULL,
  id TEXT NOT NULL,
  client_id TEXT NOT NULL,
  identifier TEXT,
  user_id TEXT,
  first_factor_id TEXT,
  first_factor_strategy TEXT,
  first_factor_at BIGINT,
  needs_new_password BOOLEAN NOT NULL,
  new_password_stored TEXT,
  end_other_sessions BOOLEAN NOT NULL,
  second_factor_required BOOLEAN NOT NULL,
  second_factor_strategy TEXT,
  second_factor_at BIGINT,
  sign_up_if_missing BOOLEAN NOT NULL,
  created_session_id TEXT,
  abandon_at BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (instance_id, id)
);
CREATE INDEX sign_ins_abandon_at ON sign_ins (abandon_at);
CREATE TABLE sign_ups (
  instance_id TEXT NOT NULL,
  id TEXT NOT NULL,
  client_id TEXT NOT NULL,
  email_address TEXT,
  username TEXT,
  first_name TEXT,
  last_name TEXT,
  password_stored TEXT,
  unsafe_metadata $JSON NOT NULL,
  external_id TEXT,
  custom_action BOOLEAN NOT NULL,
  ticket_id TEXT,
  public_metadata $JSON NOT NULL,
  locale TEXT,
  legal_accepted_at BIGINT,
  email_verification_id TEXT,
  email_verified BOOLEAN NOT NULL,
  created_user_id TEXT,
  created_session_id TEXT,
  abandon_at BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (instance_id, id)
);
CREATE INDEX sign_ups_abandon_at ON sign_ups (abandon_at);

-- What the operator hands out: sign-in tokens, actor tokens, invitations. The secret is computed from the id.
CREATE TABLE tickets (
  instance_id TEXT NOT NULL,
  id TEXT NOT NULL,
  kind TEXT NOT NULL,
  status TEXT NOT NULL,
  user_id TEXT,
  email_address TEXT,
  actor $JSON,
  session_life_secs BIGINT,
  public_metadata $JSON NOT NULL,
  redirect_url TEXT,
  expire_at BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (instance_id, id),
  FOREIGN KEY (instance_id, user_id) REFERENCES users (instance_id, id) ON DELETE CASCADE
);
CREATE INDEX tickets_user ON tickets (instance_id, user_id);
CREATE INDEX tickets_email ON tickets (instance_id, email_address, status);
CREATE INDEX tickets_list ON tickets (instance_id, kind, created_at, id);
CREATE INDEX tickets_expire_at ON tickets (expire_at);
CREATE TABLE waitlist_entries (
  instance_id TEXT NOT NULL,
  id TEXT NOT NULL,
  email_address TEXT NOT NULL,
  status TEXT NOT NULL,
  invitation_id TEXT,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (instance_id, id)
);
CREATE UNIQUE INDEX waitlist_entries_email ON waitlist_entries (instance_id, email_address);
CREATE INDEX waitlist_entries_list ON waitlist_entries (instance_id, created_at, id);

-- Short-lived things.
CREATE TABLE handshakes (
  instance_id TEXT NOT NULL,
  nonce_hash TEXT NOT NULL,
  sealed TEXT NOT NULL,
  expire_at BIGINT NOT NULL,
  PRIMARY KEY (instance_id, nonce_hash)
);
CREATE INDEX handshakes_expire_at ON handshakes (expire_at);
CREATE TABLE testing_tokens (
  instance_id TEXT NOT NULL,
  hash TEXT NOT NULL,
  expire_at BIGINT NOT NULL,
  PRIMARY KEY (instance_id, hash)
);

-- Mail and text messages: to be sent (`queued`), sent, given up, or kept to be read in development (`inbox`).
CREATE TABLE messages (
  instance_id TEXT NOT NULL,
  id TEXT NOT NULL,
  channel TEXT NOT NULL,
  recipient TEXT NOT NULL,
  sender TEXT NOT NULL,
  subject TEXT,
  text_body TEXT NOT NULL,
  html_body TEXT,
  code TEXT,
  status TEXT NOT NULL,
  attempts BIGINT NOT NULL,
  run_at BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (instance_id, id)
);
CREATE INDEX messages_inbox ON messages (instance_id, created_at, id);
CREATE INDEX messages_queue ON messages (status, run_at);

-- What happened: one row a change, chained by hashes. `ip_address` and `user_agent` are personal; the chain covers their commitment
-- only, so that they can be erased (decision 11).
CREATE TABLE audit_logs (
  instance_id TEXT NOT NULL,
  seq BIGINT NOT NULL,
  id TEXT NOT NULL,
  event_time BIGINT NOT NULL,
  event TEXT NOT NULL,
  outcome TEXT NOT NULL,
  actor_type TEXT NOT NULL,
  actor_id TEXT,
  impersonator TEXT,
  subject TEXT,
  source TEXT NOT NULL,
  client_id TEXT,
  session_id TEXT,
  trace_id TEXT NOT NULL,
  changes $JSON NOT NULL,
  person TEXT,
  ip_address TEXT,
  user_agent TEXT,
  salt TEXT,
  commitment TEXT NOT NULL,
  prev_hash TEXT NOT NULL,
  hash TEXT NOT NULL,
  seal TEXT NOT NULL,
  PRIMARY KEY (instance_id, seq)
);
CREATE INDEX audit_logs_subject ON audit_logs (instance_id, subject, seq);
CREATE INDEX audit_logs_trace ON audit_logs (instance_id, trace_id);
CREATE INDEX audit_logs_person ON audit_logs (instance_id, person) WHERE salt IS NOT NULL;
CREATE TABLE audit_heads (
  instance_id TEXT PRIMARY KEY,
  seq BIGINT NOT NULL,
  hash TEXT NOT NULL,
  seal TEXT NOT NULL
);

-- Who was active in which month (`2026-11`), counted once: `kind` is `user`.
CREATE TABLE usage_months (
  instance_id TEXT NOT NULL,
  month TEXT NOT NULL,
  kind TEXT NOT NULL,
  subject TEXT NOT NULL,
  first_at BIGINT NOT NULL,
  PRIMARY KEY (instance_id, month, kind, subject)
);
