-- Browsers that showed in advance that a person is there: good for one attempt each.
CREATE TABLE captcha_passes (
    instance_id TEXT NOT NULL REFERENCES instances (id),
    client_id TEXT NOT NULL,
    expire_at BIGINT NOT NULL,
    PRIMARY KEY (instance_id, client_id),
    FOREIGN KEY (instance_id, client_id) REFERENCES clients (instance_id, id) ON DELETE CASCADE
);
