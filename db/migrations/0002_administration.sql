-- SPDX-License-Identifier: Apache-2.0
-- What an administrator sets, who is who, and the record of what an administrator did.
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

-- When, who and from where are the session's own, whatever an INSERT says.
CREATE FUNCTION holdpoint.stamp_admin_event() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
BEGIN
  NEW.at := clock_timestamp();
  NEW.database_user := session_user;
  NEW.client_address := inet_client_addr();
  NEW.xid := pg_current_xact_id();
  RETURN NEW;
END
$$;
CREATE TRIGGER stamp BEFORE INSERT ON holdpoint.admin_event
  FOR EACH ROW EXECUTE FUNCTION holdpoint.stamp_admin_event();

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
  kubernetes_approvals text NOT NULL DEFAULT 'corroborated'
    CHECK (kubernetes_approvals IN ('off', 'corroborated', 'direct')),
  kubernetes_approvers text NOT NULL DEFAULT 'any'
    CHECK (kubernetes_approvers IN ('any', 'mapped')),
  owner_approvals text NOT NULL DEFAULT 'with-another'
    CHECK (owner_approvals IN ('never', 'with-another', 'alone'))
);
INSERT INTO holdpoint.config DEFAULT VALUES;
COMMENT ON TABLE holdpoint.config IS
  'One row. Change it with UPDATE, in the role holdpoint_admin; every change is kept in admin_event.';
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
  'Who may decide by database login: any approver, only those in identity (mapped), or nobody.';
COMMENT ON COLUMN holdpoint.config.kubernetes_approvals IS
  'When an approval by HoldReview counts: never (off), once the API server''s audit event says that '
  'nobody else made it (corroborated), or at once (direct). See cluster_config.';
COMMENT ON COLUMN holdpoint.config.kubernetes_approvers IS
  'Who may decide by HoldReview: any approver, or only those in identity (mapped).';
COMMENT ON COLUMN holdpoint.config.owner_approvals IS
  'What the approval of an agent''s owner counts for: nothing (never), one of two or more '
  '(with-another), or as anybody''s (alone).';

CREATE TABLE holdpoint.cluster_config (
  cluster text PRIMARY KEY CHECK (octet_length(cluster) BETWEEN 1 AND 253),
  kubernetes_approvals text NOT NULL
    CHECK (kubernetes_approvals IN ('off', 'corroborated', 'direct'))
);
COMMENT ON TABLE holdpoint.cluster_config IS
  'What is other than config says in one cluster; every change is kept in admin_event.';
COMMENT ON COLUMN holdpoint.cluster_config.cluster IS 'The cluster.';
COMMENT ON COLUMN holdpoint.cluster_config.kubernetes_approvals IS
  'As config.kubernetes_approvals. direct belongs where the API server asks /authorize about '
  'everybody''s impersonation.';

CREATE FUNCTION holdpoint.kubernetes_approvals_in(p_cluster text) RETURNS text
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
BEGIN
  RETURN coalesce((SELECT k.kubernetes_approvals FROM holdpoint.cluster_config k
    WHERE k.cluster = p_cluster), (SELECT c.kubernetes_approvals FROM holdpoint.config c));
END
$$;
COMMENT ON FUNCTION holdpoint.kubernetes_approvals_in(text) IS
  'When an approval by HoldReview counts in this cluster, see config.kubernetes_approvals.';

CREATE FUNCTION holdpoint.record_config() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
BEGIN
  INSERT INTO holdpoint.admin_event (action, subject, detail)
  VALUES ('config', TG_TABLE_NAME, jsonb_build_object('old', to_jsonb(OLD), 'new', to_jsonb(NEW)));
  RETURN NULL;
END
$$;
CREATE TRIGGER record_config AFTER UPDATE ON holdpoint.config
  FOR EACH ROW EXECUTE FUNCTION holdpoint.record_config();
CREATE TRIGGER record_config AFTER INSERT OR UPDATE OR DELETE ON holdpoint.cluster_config
  FOR EACH ROW EXECUTE FUNCTION holdpoint.record_config();
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON holdpoint.cluster_config
  FOR EACH STATEMENT EXECUTE FUNCTION holdpoint.refuse_truncate();
CREATE TRIGGER refuse_delete BEFORE DELETE ON holdpoint.config
  FOR EACH ROW EXECUTE FUNCTION holdpoint.refuse_change();
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON holdpoint.config
  FOR EACH STATEMENT EXECUTE FUNCTION holdpoint.refuse_truncate();

GRANT EXECUTE ON FUNCTION holdpoint.kubernetes_approvals_in(text) TO holdpoint_webhook;
GRANT SELECT ON holdpoint.admin_event, holdpoint.config, holdpoint.cluster_config
  TO holdpoint_auditor, holdpoint_admin;
GRANT SELECT ON holdpoint.config, holdpoint.cluster_config TO holdpoint_approver;
GRANT UPDATE ON holdpoint.config TO holdpoint_admin;
GRANT INSERT, UPDATE, DELETE ON holdpoint.cluster_config TO holdpoint_admin;

-- ---- people ----

-- A name as it is compared with others: case of letters, Unicode form, what cannot be seen, spaces,
-- dots at its end and the ways to write a service account aside, since whoever hands out names may
-- let one person write theirs in several ways.
CREATE FUNCTION holdpoint.spelling(name text) RETURNS text
LANGUAGE sql IMMUTABLE
BEGIN ATOMIC
  SELECT regexp_replace(regexp_replace(lower(regexp_replace(
      CASE WHEN pg_catalog.getdatabaseencoding() = 'UTF8' THEN
        translate(regexp_replace(normalize(regexp_replace(name, i.seen, '', 'g'), NFKC),
          i.seen, '', 'g'), U&'\3002', '.') ELSE name END,
      '[[:space:][:cntrl:]]+', '', 'g')),
    '\.+(@|$)', '\1', 'g'),
    '^(system:)?serviceaccounts?[:/]([^:/]+)[:/]([^:/]+)$', 'system:serviceaccount:\2:\3')
  FROM (VALUES ('[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-'
    '\u202e\u2060-\u206f\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\uffff'
    '\U000e0000-\U000e0fff]')) AS i(seen);
END;
COMMENT ON FUNCTION holdpoint.spelling IS 'A name as it is compared with others.';

-- What else somebody of this name may be called, so that two names could be one person's: without
-- what an identity provider puts before it, without the domain, a service account without its
-- namespace.
CREATE FUNCTION holdpoint.spellings(name text) RETURNS text[]
LANGUAGE sql IMMUTABLE
BEGIN ATOMIC
  SELECT array_remove(ARRAY[s, bare, split_part(bare, '@', 1)], '')
  FROM (SELECT s, CASE WHEN s LIKE 'system:serviceaccount:%' THEN regexp_replace(s, '^.*:', '')
      WHEN s LIKE 'system:%' THEN s ELSE regexp_replace(s, '^[^@]*[:/#]', '') END AS bare
    FROM (SELECT holdpoint.spelling(name) AS s OFFSET 0) AS whole OFFSET 0) AS n;
END;
COMMENT ON FUNCTION holdpoint.spellings IS 'What somebody of this name may be called.';

CREATE TABLE holdpoint.person (
  name text PRIMARY KEY CHECK (octet_length(name) BETWEEN 1 AND 1024
    AND holdpoint.spelling(name) <> ''),
  kind text NOT NULL DEFAULT 'human' CHECK (kind IN ('human', 'agent')),
  owner text REFERENCES holdpoint.person CHECK ((owner IS NULL) = (kind = 'human')),
  added_at timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX person_spelling ON holdpoint.person (holdpoint.spelling(name));
COMMENT ON TABLE holdpoint.person IS
  'Who is who: people, and agents, which belong to a person. Their names: identity.';
COMMENT ON COLUMN holdpoint.person.name IS 'By custom the name of their login.';
COMMENT ON COLUMN holdpoint.person.kind IS 'human or agent; an agent approves nothing.';
COMMENT ON COLUMN holdpoint.person.owner IS
  'Whose agent it is; what that person''s approval of its requests counts for: '
  'config.owner_approvals.';
COMMENT ON COLUMN holdpoint.person.added_at IS 'When.';

CREATE TABLE holdpoint.identity (
  kind text NOT NULL CHECK (kind IN ('database', 'kubernetes')),
  cluster text NOT NULL DEFAULT '' CHECK (octet_length(cluster) <= 253),
  name text NOT NULL CHECK (octet_length(name) BETWEEN 1 AND 1024
    AND holdpoint.spelling(name) <> ''),
  person text NOT NULL REFERENCES holdpoint.person,
  PRIMARY KEY (kind, cluster, name),
  CHECK (kind = 'kubernetes' OR cluster = '')
);
CREATE INDEX identity_person ON holdpoint.identity (person);
CREATE INDEX identity_name ON holdpoint.identity (kind, holdpoint.spelling(name));
COMMENT ON TABLE holdpoint.identity IS
  'Which database logins and Kubernetes usernames are whose. '
  'Nobody approves their own request through another of their names, nor counts twice.';
COMMENT ON COLUMN holdpoint.identity.kind IS 'database (a login) or kubernetes (a username).';
COMMENT ON COLUMN holdpoint.identity.cluster IS
  'Where a Kubernetes username counts; empty for every cluster.';
COMMENT ON COLUMN holdpoint.identity.name IS 'The login or username, exactly.';
COMMENT ON COLUMN holdpoint.identity.person IS 'Whose it is.';

-- A name has one owner, whatever the spelling; none moves, it goes and is added anew.
CREATE FUNCTION holdpoint.identity_guard() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
DECLARE
  other holdpoint.identity;
BEGIN
  IF TG_OP = 'UPDATE' THEN
    RAISE EXCEPTION '% is %''s and stays so: holdpoint.remove_name(), then add it', OLD.name,
      OLD.person USING ERRCODE = 'HP011';
  END IF;
  PERFORM pg_advisory_xact_lock(7525352680998267248); -- two at once must not both find it free
  SELECT * INTO other FROM holdpoint.identity i
  WHERE i.kind = NEW.kind AND holdpoint.spelling(i.name) = holdpoint.spelling(NEW.name)
    AND (i.cluster = NEW.cluster OR '' IN (i.cluster, NEW.cluster)) AND i.person <> NEW.person
  ORDER BY i.name = NEW.name DESC, i.cluster, i.name LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION '% name % belongs to % already', NEW.kind, other.name, other.person
      USING ERRCODE = 'HP011', HINT = format('Is %s the same person? Then SELECT holdpoint.%s; '
        'if not, holdpoint.remove_name() it first.', NEW.person,
        CASE WHEN NEW.kind = 'kubernetes' THEN format('add_login(%L, LOGIN) for each login of '
          'theirs', other.person) ELSE format('add_name(%L, USERNAME) for each name of theirs',
          other.person) END);
  END IF;
  RETURN NEW;
END
$$;
CREATE TRIGGER identity_guard BEFORE INSERT OR UPDATE ON holdpoint.identity
  FOR EACH ROW EXECUTE FUNCTION holdpoint.identity_guard();

CREATE FUNCTION holdpoint.person_guard() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
BEGIN
  IF NEW.owner IS NOT NULL AND NOT EXISTS (SELECT FROM holdpoint.person o
    WHERE o.name = NEW.owner AND o.kind = 'human') THEN
    RAISE EXCEPTION '% cannot own an agent: only a person who is known here can', NEW.owner
      USING ERRCODE = 'HP011', HINT = format('SELECT holdpoint.add_person(%L);', NEW.owner);
  END IF;
  IF TG_OP = 'UPDATE' AND (NEW.name, NEW.kind) IS DISTINCT FROM (OLD.name, OLD.kind) THEN
    RAISE EXCEPTION '% is a % and stays so', OLD.name, OLD.kind USING ERRCODE = 'HP011';
  END IF;
  RETURN NEW;
END
$$;
CREATE TRIGGER person_guard BEFORE INSERT OR UPDATE ON holdpoint.person
  FOR EACH ROW EXECUTE FUNCTION holdpoint.person_guard();

CREATE FUNCTION holdpoint.record_identity() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
DECLARE
  row jsonb := coalesce(to_jsonb(NEW), to_jsonb(OLD));
BEGIN
  INSERT INTO holdpoint.admin_event (action, subject, detail)
  VALUES ('identity', coalesce(row->>'person', row->>'name'),
    jsonb_build_object('old', to_jsonb(OLD), 'new', to_jsonb(NEW)));
  RETURN NULL;
END
$$;
CREATE TRIGGER record_identity AFTER INSERT OR UPDATE OR DELETE ON holdpoint.identity
  FOR EACH ROW EXECUTE FUNCTION holdpoint.record_identity();
CREATE TRIGGER record_identity AFTER INSERT OR UPDATE OR DELETE ON holdpoint.person
  FOR EACH ROW EXECUTE FUNCTION holdpoint.record_identity();
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON holdpoint.identity
  FOR EACH STATEMENT EXECUTE FUNCTION holdpoint.refuse_truncate();
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON holdpoint.person
  FOR EACH STATEMENT EXECUTE FUNCTION holdpoint.refuse_truncate();

CREATE FUNCTION holdpoint.add_person(person text) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
BEGIN
  INSERT INTO holdpoint.person (name) VALUES (person) ON CONFLICT (name) DO NOTHING;
  RETURN person;
END
$$;
COMMENT ON FUNCTION holdpoint.add_person(text) IS 'Adds a person who has no name yet.';

-- Adds a name to a person who is known.
CREATE FUNCTION holdpoint.identity_add(p_person text, p_kind text, p_name text, p_cluster text)
RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM holdpoint.person p WHERE p.name = p_person) THEN
    RAISE EXCEPTION 'no person %', coalesce(p_person, '(null)')
      USING ERRCODE = 'HP011', HINT = 'SELECT * FROM holdpoint.people; '
        'to add one: SELECT holdpoint.add_person(NAME);';
  END IF;
  INSERT INTO holdpoint.identity (kind, cluster, name, person)
  VALUES (p_kind, p_cluster, p_name, p_person)
  ON CONFLICT (kind, cluster, name) DO NOTHING;
  RETURN p_person;
END
$$;

CREATE FUNCTION holdpoint.add_login(person text, database_role text) RETURNS text
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, holdpoint, pg_temp
AS $$ SELECT holdpoint.identity_add(person, 'database', database_role, '') $$;
COMMENT ON FUNCTION holdpoint.add_login(text, text) IS
  'Says that a database login is this person''s; they may have several.';

CREATE FUNCTION holdpoint.add_name(person text, kubernetes_username text, cluster text DEFAULT '')
RETURNS text
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, holdpoint, pg_temp
AS $$ SELECT holdpoint.identity_add(person, 'kubernetes', kubernetes_username, cluster) $$;
COMMENT ON FUNCTION holdpoint.add_name(text, text, text) IS
  'Says that a Kubernetes username (of one cluster, or of all) is this person''s; they may have '
  'several.';

CREATE FUNCTION holdpoint.add_agent(agent text, owner text, kubernetes_username text,
  cluster text DEFAULT '') RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
BEGIN
  INSERT INTO holdpoint.person AS p (name, kind, owner)
  VALUES (add_agent.agent, 'agent', add_agent.owner)
  ON CONFLICT (name) DO UPDATE SET owner = add_agent.owner, kind = 'agent';
  RETURN holdpoint.identity_add(add_agent.agent, 'kubernetes', kubernetes_username,
    add_agent.cluster);
END
$$;
COMMENT ON FUNCTION holdpoint.add_agent(text, text, text, text) IS
  'Says that a Kubernetes username is an agent, and whose: the owner''s approval of its requests '
  'counts for no more than config.owner_approvals says.';

CREATE FUNCTION holdpoint.remove_name(name text, cluster text DEFAULT '') RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
DECLARE
  gone text;
BEGIN
  DELETE FROM holdpoint.identity i
  WHERE i.name = remove_name.name AND i.cluster = remove_name.cluster
  RETURNING i.person INTO gone;
  IF gone IS NULL THEN
    RAISE EXCEPTION 'nobody is called %', name USING ERRCODE = 'HP011';
  END IF;
  RETURN gone;
END
$$;
COMMENT ON FUNCTION holdpoint.remove_name(text, text) IS
  'Takes a login or Kubernetes username from whose it is; returns that person.';

-- The usual case in one call: a person with one login and one Kubernetes username.
CREATE FUNCTION holdpoint.map_approver(database_role text, kubernetes_username text,
  cluster text DEFAULT '') RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
DECLARE
  whose text := (SELECT i.person FROM holdpoint.identity i
    WHERE i.kind = 'database' AND i.name = database_role);
BEGIN
  IF whose IS NULL THEN
    INSERT INTO holdpoint.person (name) VALUES (database_role) ON CONFLICT (name) DO NOTHING;
    whose := holdpoint.identity_add(database_role, 'database', database_role, '');
  END IF;
  RETURN holdpoint.identity_add(whose, 'kubernetes', kubernetes_username, map_approver.cluster);
END
$$;
COMMENT ON FUNCTION holdpoint.map_approver(text, text, text) IS
  'Says that a database login and a Kubernetes username are one person. It moves no name: for a '
  'second login of somebody there is add_login().';

-- Whose name this is, in whatever spelling; null: nobody's who is enrolled.
CREATE FUNCTION holdpoint.enrolled_person(p_kind text, p_name text, p_cluster text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
  SELECT i.person FROM holdpoint.identity i
  WHERE i.kind = p_kind AND holdpoint.spelling(i.name) = holdpoint.spelling(p_name)
    AND i.cluster IN ('', p_cluster)
  ORDER BY i.name = p_name DESC, i.cluster DESC, i.name LIMIT 1
$$;
COMMENT ON FUNCTION holdpoint.enrolled_person IS 'Whose name this is, in whatever spelling.';

CREATE VIEW holdpoint.people WITH (security_invoker = true) AS
  SELECT p.name AS person, p.kind, p.owner,
    ARRAY(SELECT i.name FROM holdpoint.identity i
      WHERE i.person = p.name AND i.kind = 'database' ORDER BY i.name) AS logins,
    ARRAY(SELECT i.name || CASE i.cluster WHEN '' THEN '' ELSE ' in ' || i.cluster END
      FROM holdpoint.identity i
      WHERE i.person = p.name AND i.kind = 'kubernetes' ORDER BY i.name, i.cluster)
      AS kubernetes_names
  FROM holdpoint.person p ORDER BY p.name;
COMMENT ON VIEW holdpoint.people IS
  'Who is who. To add: holdpoint.map_approver(), add_person(), add_login(), add_name(), add_agent().';

GRANT EXECUTE ON FUNCTION holdpoint.add_person(text), holdpoint.add_login(text, text),
  holdpoint.add_name(text, text, text), holdpoint.add_agent(text, text, text, text),
  holdpoint.remove_name(text, text), holdpoint.map_approver(text, text, text)
  TO holdpoint_admin;
GRANT EXECUTE ON FUNCTION holdpoint.enrolled_person(text, text, text), holdpoint.spelling(text)
  TO holdpoint_approver, holdpoint_auditor;
GRANT SELECT ON holdpoint.person, holdpoint.identity, holdpoint.people
  TO holdpoint_admin, holdpoint_approver, holdpoint_auditor;
