-- Phone numbers: an identifier, a first factor and a second factor.
CREATE TABLE phone_numbers (
  instance_id TEXT NOT NULL,
  id TEXT NOT NULL,
  user_id TEXT NOT NULL,
  phone_number TEXT NOT NULL,
  reserved BOOLEAN NOT NULL,
  claimed BOOLEAN NOT NULL,
  verification_status TEXT NOT NULL,
  verification_strategy TEXT,
  verification_id TEXT,
  reserved_for_second_factor BOOLEAN NOT NULL,
  default_second_factor BOOLEAN NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (instance_id, id),
  FOREIGN KEY (instance_id, user_id) REFERENCES users (instance_id, id) ON DELETE CASCADE
);
CREATE UNIQUE INDEX phone_numbers_claimed ON phone_numbers (instance_id, phone_number) WHERE claimed;
CREATE INDEX phone_numbers_number ON phone_numbers (instance_id, phone_number);
CREATE INDEX phone_numbers_user ON phone_numbers (instance_id, user_id, created_at, id);
ALTER TABLE users ADD COLUMN primary_phone_number_id TEXT;
ALTER TABLE users ADD COLUMN primary_phone_number TEXT;
ALTER TABLE users ADD COLUMN phone_number_count BIGINT NOT NULL DEFAULT 0;
ALTER TABLE users ADD COLUMN phone_second_factor BOOLEAN NOT NULL DEFAULT FALSE;
CREATE INDEX users_primary_phone ON users (instance_id, primary_phone_number, id);
-- The code of a second factor that is under way.
ALTER TABLE sign_ins ADD COLUMN second_factor_id TEXT;
ALTER TABLE sign_ups ADD COLUMN phone_number TEXT;
ALTER TABLE sign_ups ADD COLUMN phone_verification_id TEXT;
ALTER TABLE sign_ups ADD COLUMN phone_verified BOOLEAN NOT NULL DEFAULT FALSE;
-- How a code was sent to a phone number: sms or whatsapp.
ALTER TABLE verifications ADD COLUMN channel TEXT;
