-- What an operator changed of a message's template; a column that is NULL is as shipped. `template_type` is `email` or `sms`.
CREATE TABLE templates (
  instance_id TEXT NOT NULL,
  template_type TEXT NOT NULL,
  slug TEXT NOT NULL,
  name TEXT,
  subject TEXT,
  markup TEXT,
  body TEXT,
  from_email_name TEXT,
  reply_to_email_name TEXT,
  delivered BOOLEAN NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (instance_id, template_type, slug)
);
ALTER TABLE messages ADD COLUMN reply_to TEXT;
