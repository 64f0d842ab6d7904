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
-- Images that users uploaded, as our encoder wrote them. The id is a MAC of owner and content.
CREATE TABLE images (
  instance_id TEXT NOT NULL,
  id TEXT NOT NULL,
  user_id TEXT NOT NULL,
  content_type TEXT NOT NULL,
  content $BYTES NOT NULL,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (instance_id, id),
  FOREIGN KEY (instance_id, user_id) REFERENCES users (instance_id, id) ON DELETE CASCADE
);
CREATE INDEX images_user ON images (instance_id, user_id);
ALTER TABLE users ADD COLUMN image_id TEXT;
ALTER TABLE listed_identifiers ADD COLUMN invitation_id TEXT;
