-- Proving again who one is, within a session: one attempt a session.
CREATE TABLE reverifications (
  instance_id TEXT NOT NULL,
  session_id TEXT NOT NULL,
  level TEXT NOT NULL,
  first_factor_id TEXT,
  first_factor_strategy TEXT,
  first_factor_at BIGINT,
  second_factor_id TEXT,
  second_factor_strategy TEXT,
  second_factor_at BIGINT,
  expire_at BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (instance_id, session_id),
  FOREIGN KEY (instance_id, session_id) REFERENCES sessions (instance_id, id) ON DELETE CASCADE
);
CREATE INDEX reverifications_expire_at ON reverifications (expire_at);
-- What is left to do before a session is active, and where it was started.
ALTER TABLE sessions ADD COLUMN needs_reset_password BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE sessions ADD COLUMN needs_setup_mfa BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE sessions ADD COLUMN city TEXT;
ALTER TABLE sessions ADD COLUMN country TEXT;
-- Which browsers a user has signed in on before.
CREATE TABLE client_trusts (
  instance_id TEXT NOT NULL,
  client_id TEXT NOT NULL,
  user_id TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (instance_id, client_id, user_id),
  FOREIGN KEY (instance_id, client_id) REFERENCES clients (instance_id, id) ON DELETE CASCADE,
  FOREIGN KEY (instance_id, user_id) REFERENCES users (instance_id, id) ON DELETE CASCADE
);
CREATE INDEX client_trusts_user ON client_trusts (instance_id, user_id);
ALTER TABLE sign_ins ADD COLUMN client_trust_required BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE sign_ins ADD COLUMN client_trust_id TEXT;
ALTER TABLE sign_ins ADD COLUMN client_trust_at BIGINT;
ALTER TABLE sign_ins ADD COLUMN locale TEXT;
