-- SPDX-License-Identifier: Apache-2.0
-- Roles, the schema, and the table in which the migration runner keeps its books.
--
-- The runner (`holdpoint db migrate`) runs each file in one transaction and then, in that same
-- transaction, inserts the file's row into holdpoint.schema_migration. Every file therefore ends
-- as holdpoint_owner (SET LOCAL ROLE lasts until the commit), who owns all there is.
--
-- Works for a superuser, and for a role with CREATEROLE and CREATE on the database. A role that
-- exists already is left as the site made it.

DO $$
DECLARE
  role_name text;
  can_set_role boolean;
BEGIN
  FOREACH role_name IN ARRAY ARRAY['holdpoint_owner', 'holdpoint_webhook',
    'holdpoint_auditsink', 'holdpoint_approver', 'holdpoint_auditor', 'holdpoint_admin',
    'holdpoint_retention']
  LOOP
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role_name) THEN
      EXECUTE format('CREATE ROLE %I NOLOGIN', role_name);
    END IF;
  END LOOP;

  -- Since PostgreSQL 16 the creator of a role administers it without being able to become it.
  IF current_setting('server_version_num')::int >= 160000 THEN
    can_set_role := pg_has_role(current_user, 'holdpoint_owner', 'SET');
  ELSE
    can_set_role := pg_has_role(current_user, 'holdpoint_owner', 'MEMBER');
  END IF;
  IF NOT can_set_role THEN
    EXECUTE format('GRANT holdpoint_owner TO %I', current_user);
  END IF;
END
$$;

COMMENT ON ROLE holdpoint_owner IS
  'Holdpoint: owns the schema. For migrating; nothing else needs it.';
COMMENT ON ROLE holdpoint_webhook IS
  'Holdpoint: for the logins of holdpoint-webhook. Asks about holds, records decisions.';
COMMENT ON ROLE holdpoint_auditsink IS
  'Holdpoint: for the logins of holdpoint-auditsink. Can only insert audit events.';
COMMENT ON ROLE holdpoint_approver IS
  'Holdpoint: for people who approve and deny. The groups of a hold are further roles.';
COMMENT ON ROLE holdpoint_auditor IS
  'Holdpoint: reads everything, changes nothing.';
COMMENT ON ROLE holdpoint_admin IS
  'Holdpoint: says who is who, and changes the configuration.';
COMMENT ON ROLE holdpoint_retention IS
  'Holdpoint: drops what is old enough, erases single bodies; for the login that does it by the clock.';

CREATE SCHEMA IF NOT EXISTS holdpoint AUTHORIZATION holdpoint_owner;

SET LOCAL ROLE holdpoint_owner;
SET LOCAL search_path = pg_catalog, holdpoint, pg_temp;

COMMENT ON SCHEMA holdpoint IS
  'Approval holds, decisions and audit events. Start with: SELECT * FROM holdpoint.pending_holds;';

-- A function that nobody granted must not be callable. Only the default without a schema can take
-- EXECUTE from PUBLIC, so it is said for the owner role, not for the schema.
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;

REVOKE ALL ON SCHEMA holdpoint FROM PUBLIC;
GRANT USAGE ON SCHEMA holdpoint
  TO holdpoint_webhook, holdpoint_auditsink, holdpoint_approver, holdpoint_auditor,
    holdpoint_admin, holdpoint_retention;

CREATE TABLE holdpoint.schema_migration (
  version int PRIMARY KEY CHECK (version > 0),
  name text NOT NULL,
  sha256 bytea NOT NULL CHECK (octet_length(sha256) = 32),
  applied_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE holdpoint.schema_migration IS
  'Which migrations ran. Written by `holdpoint db migrate` only.';
COMMENT ON COLUMN holdpoint.schema_migration.version IS 'The number in the file''s name.';
COMMENT ON COLUMN holdpoint.schema_migration.name IS 'The file''s name without number and .sql.';
COMMENT ON COLUMN holdpoint.schema_migration.sha256 IS
  'Digest of the file as it ran; the runner refuses to go on when it differs from today''s.';
COMMENT ON COLUMN holdpoint.schema_migration.applied_at IS 'When it ran.';

GRANT SELECT ON holdpoint.schema_migration
  TO holdpoint_webhook, holdpoint_auditsink, holdpoint_approver, holdpoint_auditor,
    holdpoint_admin, holdpoint_retention;
