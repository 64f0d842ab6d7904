-- Redirect targets beyond the instance's own places: exact URLs, custom schemes of native applications included.
CREATE TABLE redirect_urls (
  instance_id TEXT NOT NULL,
  id TEXT NOT NULL,
  url TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (instance_id, id)
);
CREATE UNIQUE INDEX redirect_urls_url ON redirect_urls (instance_id, url);

-- What tokens for other services say. A signing key of the operator's own is sealed.
CREATE TABLE jwt_templates (
  instance_id TEXT NOT NULL,
  id TEXT NOT NULL,
  name TEXT NOT NULL,
  claims $JSON NOT NULL,
  lifetime BIGINT NOT NULL,
  allowed_clock_skew BIGINT NOT NULL,
  signing_algorithm TEXT NOT NULL,
  signing_key_sealed TEXT,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (instance_id, id)
);
CREATE UNIQUE INDEX jwt_templates_name ON jwt_templates (instance_id, name);

-- Tasks that an agent does on behalf of a user: who opens the link gets a session of its own kind, once.
CREATE TABLE agent_tasks (
  instance_id TEXT NOT NULL,
  id TEXT NOT NULL,
  agent_id TEXT NOT NULL,
  agent_name TEXT NOT NULL,
  task_description TEXT NOT NULL,
  user_id TEXT NOT NULL,
  redirect_url TEXT NOT NULL,
  session_life_secs BIGINT NOT NULL,
  status TEXT NOT NULL,
  expire_at BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (instance_id, id)
);
CREATE INDEX agent_tasks_end ON agent_tasks (expire_at);

-- Satellites: further domains whose applications share the primary's sessions. A domain is one instance's.
CREATE TABLE domains (
  instance_id TEXT NOT NULL,
  id TEXT NOT NULL,
  name TEXT NOT NULL,
  proxy_url TEXT,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (instance_id, id)
);
CREATE UNIQUE INDEX domains_name ON domains (name);

-- What a client is known by on a satellite; it dies with the primary's token.
CREATE TABLE satellite_tokens (
  instance_id TEXT NOT NULL,
  token_hash TEXT NOT NULL,
  client_id TEXT NOT NULL,
  domain_id TEXT NOT NULL,
  expire_at BIGINT NOT NULL,
  PRIMARY KEY (instance_id, token_hash)
);
CREATE INDEX satellite_tokens_client ON satellite_tokens (instance_id, client_id, domain_id);
CREATE INDEX satellite_tokens_end ON satellite_tokens (expire_at);

-- What brings a client from the primary to a satellite: read once, within a minute.
CREATE TABLE satellite_links (
  instance_id TEXT NOT NULL,
  token_hash TEXT NOT NULL,
  client_id TEXT NOT NULL,
  client_token_hash TEXT NOT NULL,
  browser_hash TEXT NOT NULL,
  domain_id TEXT NOT NULL,
  expire_at BIGINT NOT NULL,
  PRIMARY KEY (instance_id, token_hash)
);
CREATE INDEX satellite_links_end ON satellite_links (expire_at);
