-- Wallets of users. `web3_wallet` is the address as it is shown, `wallet_normal` as it is compared.
CREATE TABLE web3_wallets (
  instance_id TEXT NOT NULL,
  id TEXT NOT NULL,
  user_id TEXT NOT NULL,
  web3_wallet TEXT NOT NULL,
  wallet_normal TEXT NOT NULL,
  claimed BOOLEAN NOT NULL,
  verification_strategy TEXT,
  verification_id TEXT,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (instance_id, id),
  FOREIGN KEY (instance_id, user_id) REFERENCES users (instance_id, id) ON DELETE CASCADE
);
CREATE UNIQUE INDEX web3_wallets_claimed ON web3_wallets (instance_id, wallet_normal) WHERE claimed;
CREATE INDEX web3_wallets_normal ON web3_wallets (instance_id, wallet_normal);
CREATE INDEX web3_wallets_user ON web3_wallets (instance_id, user_id, created_at, id);
ALTER TABLE users ADD COLUMN primary_web3_wallet_id TEXT;
ALTER TABLE users ADD COLUMN primary_web3_wallet TEXT;
ALTER TABLE users ADD COLUMN web3_wallets BIGINT NOT NULL DEFAULT 0;
CREATE INDEX users_primary_web3_wallet ON users (instance_id, primary_web3_wallet, id);
ALTER TABLE sign_ups ADD COLUMN web3_wallet TEXT;
ALTER TABLE sign_ups ADD COLUMN web3_verification_id TEXT;
ALTER TABLE sign_ups ADD COLUMN web3_verified_by TEXT;
-- Keys in phones that native apps sign their users in with. A key is of one user for as long as it is not revoked.
CREATE TABLE trusted_devices (
  instance_id TEXT NOT NULL,
  id TEXT NOT NULL,
  user_id TEXT NOT NULL,
  platform TEXT NOT NULL,
  app_identifier TEXT NOT NULL,
  name TEXT,
  public_key_jwk TEXT NOT NULL,
  thumbprint TEXT NOT NULL,
  last_used_at BIGINT,
  revoked_at BIGINT,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (instance_id, id),
  FOREIGN KEY (instance_id, user_id) REFERENCES users (instance_id, id) ON DELETE CASCADE
);
CREATE UNIQUE INDEX trusted_devices_key ON trusted_devices (instance_id, thumbprint) WHERE revoked_at IS NULL;
CREATE INDEX trusted_devices_user ON trusted_devices (instance_id, user_id, created_at, id);
