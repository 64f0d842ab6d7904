-- Accounts at social providers. `provider_user_id` is null until the first trip to the provider succeeded.
CREATE TABLE external_accounts (
  instance_id TEXT NOT NULL,
  id TEXT NOT NULL,
  identification_id TEXT NOT NULL,
  user_id TEXT NOT NULL,
  provider TEXT NOT NULL,
  provider_user_id TEXT,
  approved_scopes TEXT NOT NULL,
  email_address TEXT,
  email_verified BOOLEAN,
  first_name TEXT,
  last_name TEXT,
  username TEXT,
  image_url TEXT,
  tokens_sealed TEXT,
  flow_id TEXT,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (instance_id, id),
  FOREIGN KEY (instance_id, user_id) REFERENCES users (instance_id, id) ON DELETE CASCADE
);
CREATE UNIQUE INDEX external_accounts_subject ON external_accounts (instance_id, provider, provider_user_id) WHERE provider_user_id IS NOT NULL;
CREATE INDEX external_accounts_user ON external_accounts (instance_id, user_id, created_at, id);

-- A browser's trip to a provider and back: found by the hash of its `state`, used once, by the same browser. What it brought
-- home waits, sealed, for a transfer or for the rest of a sign-up.
CREATE TABLE social_flows (
  instance_id TEXT NOT NULL,
  id TEXT NOT NULL,
  client_id TEXT NOT NULL,
  purpose TEXT NOT NULL,
  subject TEXT NOT NULL,
  user_id TEXT,
  strategy TEXT NOT NULL,
  state_hash TEXT NOT NULL,
  trip_sealed TEXT NOT NULL,
  redirect_url TEXT NOT NULL,
  complete_url TEXT,
  status TEXT NOT NULL,
  error $JSON,
  account_sealed TEXT,
  used_at BIGINT,
  expire_at BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (instance_id, id)
);
CREATE UNIQUE INDEX social_flows_state ON social_flows (instance_id, state_hash);
CREATE INDEX social_flows_expire_at ON social_flows (expire_at);

-- The trip whose account a sign-up brings along, and whether it succeeded.
ALTER TABLE sign_ups ADD COLUMN external_flow_id TEXT;
ALTER TABLE sign_ups ADD COLUMN external_verified BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE sign_ups ADD COLUMN email_proof TEXT;
