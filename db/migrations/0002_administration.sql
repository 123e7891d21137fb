-- SPDX-License-Identifier: Apache-2.0
-- What an administrator sets, and the record of what an administrator did.
--
-- Append-only tables are guarded twice: nobody is granted UPDATE, DELETE or TRUNCATE, and triggers
-- refuse them even to the owner. Retention and erasure pass the triggers in one way only: by
-- having left a row in admin_event in the same transaction, so that nothing goes without a record.

SET LOCAL ROLE holdpoint_owner;
SET LOCAL search_path = pg_catalog, holdpoint, pg_temp;

CREATE TABLE holdpoint.admin_event (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at timestamptz NOT NULL DEFAULT now(),
  database_user text NOT NULL DEFAULT session_user,
  client_address inet DEFAULT inet_client_addr(),
  action text NOT NULL
    CHECK (action IN ('config', 'identity', 'retention', 'erase', 'partition-move')),
  subject text NOT NULL,
  detail jsonb NOT NULL DEFAULT '{}',
  xid xid8 NOT NULL DEFAULT pg_current_xact_id()
);
CREATE INDEX admin_event_xid ON holdpoint.admin_event (xid);
COMMENT ON TABLE holdpoint.admin_event IS
  'Append-only: configuration changes, identity mappings, retention runs, erasures.';
COMMENT ON COLUMN holdpoint.admin_event.id IS 'Its number.';
COMMENT ON COLUMN holdpoint.admin_event.at IS 'When.';
COMMENT ON COLUMN holdpoint.admin_event.database_user IS 'Who: the login (session_user).';
COMMENT ON COLUMN holdpoint.admin_event.client_address IS 'From where; null over a local socket.';
COMMENT ON COLUMN holdpoint.admin_event.action IS
  'config, identity, retention, erase or partition-move.';
COMMENT ON COLUMN holdpoint.admin_event.subject IS
  'What it was done to: a table, a setting, a person.';
COMMENT ON COLUMN holdpoint.admin_event.detail IS 'The particulars: old and new values, what went.';
COMMENT ON COLUMN holdpoint.admin_event.xid IS
  'The transaction; the append-only triggers let through what this row announces.';

-- Whether this transaction has announced `actions` on `relation` in admin_event.
CREATE FUNCTION holdpoint.is_announced(relation text, VARIADIC actions text[]) RETURNS boolean
LANGUAGE sql STABLE
BEGIN ATOMIC
  SELECT EXISTS (SELECT FROM holdpoint.admin_event e
    WHERE e.xid = pg_current_xact_id() AND e.subject = relation
      AND e.action = ANY(actions));
END;

-- Row trigger of append-only tables, for UPDATE and DELETE.
CREATE FUNCTION holdpoint.refuse_change() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
BEGIN
  IF TG_OP = 'DELETE' AND
    holdpoint.is_announced(TG_TABLE_NAME, 'retention', 'partition-move') THEN
    RETURN OLD;
  END IF;
  RAISE EXCEPTION 'holdpoint.% is append-only: % refused', TG_TABLE_NAME, TG_OP
    USING ERRCODE = 'HP010';
END
$$;

-- Statement trigger of append-only tables, for TRUNCATE.
CREATE FUNCTION holdpoint.refuse_truncate() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
BEGIN
  RAISE EXCEPTION 'holdpoint.% is append-only: TRUNCATE refused', TG_TABLE_NAME
    USING ERRCODE = 'HP010';
END
$$;

-- Gives a table (or a partition, with only_truncate) its append-only triggers.
CREATE FUNCTION holdpoint.make_append_only(relation regclass, only_truncate boolean DEFAULT false)
RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
BEGIN
  EXECUTE format('CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON %s
    FOR EACH STATEMENT EXECUTE FUNCTION holdpoint.refuse_truncate()', relation);
  IF NOT only_truncate THEN
    EXECUTE format('CREATE TRIGGER refuse_change BEFORE UPDATE OR DELETE ON %s
      FOR EACH ROW EXECUTE FUNCTION holdpoint.refuse_change()', relation);
  END IF;
END
$$;

SELECT holdpoint.make_append_only('holdpoint.admin_event');

CREATE TABLE holdpoint.config (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  repeat_window interval NOT NULL DEFAULT '60 seconds'
    CHECK (repeat_window BETWEEN '0' AND '10 minutes'),
  max_repeats int NOT NULL DEFAULT 5 CHECK (max_repeats BETWEEN 0 AND 1000),
  denial_stands interval NOT NULL DEFAULT '10 minutes'
    CHECK (denial_stands BETWEEN '0' AND '7 days'),
  max_pending_per_user int NOT NULL DEFAULT 50 CHECK (max_pending_per_user > 0),
  max_questions_per_user int NOT NULL DEFAULT 20 CHECK (max_questions_per_user > 0),
  max_denials int NOT NULL DEFAULT 5 CHECK (max_denials > 0),
  denials_within interval NOT NULL DEFAULT '10 minutes'
    CHECK (denials_within BETWEEN '0' AND '1 day'),
  notify_interval interval NOT NULL DEFAULT '1 minute'
    CHECK (notify_interval BETWEEN '0' AND '1 day'),
  question_window interval NOT NULL DEFAULT '5 minutes'
    CHECK (question_window BETWEEN '10 seconds' AND '1 day'),
  database_approvals text NOT NULL DEFAULT 'any'
    CHECK (database_approvals IN ('any', 'mapped', 'off')),
  kubernetes_approvals text NOT NULL DEFAULT 'any'
    CHECK (kubernetes_approvals IN ('any', 'mapped', 'off'))
);
INSERT INTO holdpoint.config DEFAULT VALUES;
COMMENT ON TABLE holdpoint.config IS
  'One row. Change it with UPDATE as holdpoint_owner; every change is kept in admin_event.';
COMMENT ON COLUMN holdpoint.config.only_row IS 'Keeps it to one row.';
COMMENT ON COLUMN holdpoint.config.repeat_window IS
  'How long a change that was let through may repeat itself (write conflicts, second webhook).';
COMMENT ON COLUMN holdpoint.config.max_repeats IS
  'How often within that time; the API server tries a patch again five times on write conflicts.';
COMMENT ON COLUMN holdpoint.config.denial_stands IS
  'How long a denied change is answered with that denial before it may be asked for again.';
COMMENT ON COLUMN holdpoint.config.max_pending_per_user IS
  'Holds one identity of one cluster may have waiting; a further one is denied, not stored.';
COMMENT ON COLUMN holdpoint.config.max_questions_per_user IS
  'The same of holds that /authorize was asked about, which somebody else may have asked.';
COMMENT ON COLUMN holdpoint.config.max_denials IS
  'An identity that was denied so often within denials_within gets no new holds until that is over.';
COMMENT ON COLUMN holdpoint.config.denials_within IS 'See max_denials; 0: denials are not counted.';
COMMENT ON COLUMN holdpoint.config.notify_interval IS
  'Of holds that one identity makes, lets expire or withdraws, the first is announced at once, and '
  'all others of this time in one notification at its end; 0: each by itself.';
COMMENT ON COLUMN holdpoint.config.question_window IS
  'How long an approval of a Once rule answers yes at /authorize, unless the audit trail shows its '
  'use before.';
COMMENT ON COLUMN holdpoint.config.database_approvals IS
  'Who may decide by database login: any approver, only those in approver_identity, or nobody.';
COMMENT ON COLUMN holdpoint.config.kubernetes_approvals IS
  'Who may decide by HoldReview: any approver, only those in approver_identity, or nobody.';

CREATE FUNCTION holdpoint.record_config() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
BEGIN
  INSERT INTO holdpoint.admin_event (action, subject, detail)
  VALUES ('config', 'config', jsonb_build_object('old', to_jsonb(OLD), 'new', to_jsonb(NEW)));
  RETURN NULL;
END
$$;
CREATE TRIGGER record_config AFTER UPDATE ON holdpoint.config
  FOR EACH ROW EXECUTE FUNCTION holdpoint.record_config();
CREATE TRIGGER refuse_delete BEFORE DELETE ON holdpoint.config
  FOR EACH ROW EXECUTE FUNCTION holdpoint.refuse_change();
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON holdpoint.config
  FOR EACH STATEMENT EXECUTE FUNCTION holdpoint.refuse_truncate();

GRANT SELECT ON holdpoint.admin_event, holdpoint.config TO holdpoint_auditor;
GRANT SELECT ON holdpoint.config TO holdpoint_approver;
