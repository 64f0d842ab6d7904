-- Groups of users, and who belongs to them. `members_count` is counted anew with every change of a membership.
CREATE TABLE organizations (
  instance_id TEXT NOT NULL REFERENCES instances (id),
  id TEXT NOT NULL,
  name TEXT NOT NULL,
  slug TEXT NOT NULL,
  public_metadata $JSON NOT NULL,
  private_metadata $JSON NOT NULL,
  max_allowed_memberships BIGINT,
  admin_delete_enabled BOOLEAN NOT NULL,
  created_by TEXT,
  members_count BIGINT NOT NULL,
  image_id TEXT,
  search TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (instance_id, id)
);
CREATE UNIQUE INDEX organizations_slug ON organizations (instance_id, slug);
CREATE INDEX organizations_created_at ON organizations (instance_id, created_at, id);
CREATE INDEX organizations_created_by ON organizations (instance_id, created_by);
CREATE TABLE organization_memberships (
  instance_id TEXT NOT NULL,
  organization_id TEXT NOT NULL,
  user_id TEXT NOT NULL,
  id TEXT NOT NULL,
  role TEXT NOT NULL,
  public_metadata $JSON NOT NULL,
  private_metadata $JSON NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (instance_id, organization_id, user_id),
  FOREIGN KEY (instance_id, organization_id) REFERENCES organizations (instance_id, id) ON DELETE CASCADE,
  FOREIGN KEY (instance_id, user_id) REFERENCES users (instance_id, id) ON DELETE CASCADE
);
CREATE INDEX organization_memberships_user ON organization_memberships (instance_id, user_id, created_at, id);
CREATE INDEX organization_memberships_created_at ON organization_memberships (instance_id, created_at, id);
-- What an invitation to an organization has beyond its ticket, which has the address, the status and the end.
CREATE TABLE organization_invitations (
  instance_id TEXT NOT NULL,
  ticket_id TEXT NOT NULL,
  organization_id TEXT NOT NULL,
  role TEXT NOT NULL,
  inviter_id TEXT,
  private_metadata $JSON NOT NULL,
  PRIMARY KEY (instance_id, ticket_id),
  FOREIGN KEY (instance_id, ticket_id) REFERENCES tickets (instance_id, id) ON DELETE CASCADE,
  FOREIGN KEY (instance_id, organization_id) REFERENCES organizations (instance_id, id) ON DELETE CASCADE
);
CREATE INDEX organization_invitations_organization ON organization_invitations (instance_id, organization_id);
