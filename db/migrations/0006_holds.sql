-- SPDX-License-Identifier: Apache-2.0
-- Holds: the tables, what may be seen of them, and the rules no statement can get round.
--
--   pending ──▶ approved ──▶ used
--      │            │
--      └────────────┴──▶ denied · withdrawn · expired
--
-- A hold's row changes only in hold_step (next file), which writes the hold_event first; the
-- trigger hold_guard refuses any other way, to the owner too. Reading a row's state is not enough
-- to know whether it is alive: expiry is lazy. hold_state() says what the state really is.
--
-- Keys: cluster comes first, so that the tables can be distributed by it. A hold's number is
-- unique because one identity column hands it out, not by a key across clusters.

SET LOCAL ROLE holdpoint_owner;
SET LOCAL search_path = pg_catalog, holdpoint, pg_temp;

CREATE TABLE holdpoint.hold (
  cluster text NOT NULL CHECK (octet_length(cluster) BETWEEN 1 AND 253),
  id bigint GENERATED ALWAYS AS IDENTITY,
  fingerprint bytea NOT NULL CHECK (octet_length(fingerprint) = 32),
  state text NOT NULL DEFAULT 'pending' CHECK (state IN
    ('pending', 'approved', 'used', 'denied', 'expired', 'withdrawn')),
  -- who and what
  username text NOT NULL CHECK (octet_length(username) BETWEEN 1 AND 1024),
  groups text[] NOT NULL CHECK (pg_column_size(groups) <= 65536),
  operation text NOT NULL CHECK (octet_length(operation) BETWEEN 1 AND 64),
  api_group text NOT NULL CHECK (octet_length(api_group) <= 253),
  api_version text NOT NULL CHECK (octet_length(api_version) <= 253),
  resource text NOT NULL CHECK (octet_length(resource) <= 253),
  subresource text NOT NULL CHECK (octet_length(subresource) <= 253),
  namespace text NOT NULL CHECK (octet_length(namespace) <= 253),
  name text NOT NULL CHECK (octet_length(name) <= 2048),
  selectors bytea CHECK (octet_length(selectors) = 32),
  is_question boolean NOT NULL DEFAULT false,
  -- under which rule, on which terms
  policy text NOT NULL CHECK (octet_length(policy) BETWEEN 1 AND 253),
  rule text NOT NULL CHECK (octet_length(rule) BETWEEN 1 AND 253),
  rules jsonb CHECK (jsonb_array_length(rules) BETWEEN 2 AND 64),
  policy_digest bytea CHECK (octet_length(policy_digest) = 32),
  message text NOT NULL CHECK (octet_length(message) <= 16384),
  approvers text[] NOT NULL CHECK (cardinality(approvers) <= 64
    AND pg_column_size(approvers) <= 16384),
  min_approvals int NOT NULL CHECK (min_approvals BETWEEN 1 AND 10),
  require_reason boolean NOT NULL,
  grant_kind text NOT NULL CHECK (grant_kind IN ('Once', 'Window')),
  window_length interval CHECK (window_length > '0'),
  max_uses int CHECK (max_uses > 0),
  scope text NOT NULL DEFAULT 'Object' CHECK (scope IN ('Object', 'Namespace', 'Cluster')),
  allow_window interval CHECK (allow_window > '0'),
  allow_uses int CHECK (allow_uses > 0),
  -- the change
  change text COMPRESSION lz4 CHECK (octet_length(change) <= 5242880),
  change_brief text CHECK (octet_length(change_brief) <= 16384),
  change_unseen text CHECK (octet_length(change_unseen) BETWEEN 1 AND 16384),
  -- what became of it
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  expires_at timestamptz NOT NULL,
  request_uid text NOT NULL CHECK (octet_length(request_uid) <= 253),
  attempts bigint NOT NULL DEFAULT 1,
  last_attempt_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  approvals int NOT NULL DEFAULT 0,
  rule_approvals int[],
  unconfirmed text[] NOT NULL DEFAULT '{}',
  approved_at timestamptz,
  only_namespace text,
  only_name text,
  chosen_window interval CHECK (chosen_window > '0'),
  uses int NOT NULL DEFAULT 0,
  answered int NOT NULL DEFAULT 0,
  repeats int NOT NULL DEFAULT 0,
  ended_at timestamptz,
  decided_by text,
  decided_reason text,
  PRIMARY KEY (cluster, id),
  CHECK (grant_kind = 'Window' OR is_question OR (window_length IS NULL
    AND (max_uses IS NULL OR chosen_window IS NOT NULL))),
  CHECK (grant_kind = 'Once' OR (allow_window IS NULL AND chosen_window IS NULL)),
  CHECK (chosen_window IS NULL OR (chosen_window <= allow_window AND max_uses <= allow_uses)),
  CHECK (max_uses IS NULL OR uses <= max_uses),
  CHECK ((ended_at IS NULL) = (state IN ('pending', 'approved'))),
  CHECK (cardinality(rule_approvals) IS NOT DISTINCT FROM jsonb_array_length(rules))
-- Each attempt writes the row anew: a change that is not small stands beside it.
) WITH (fillfactor = 85, toast_tuple_target = 1024);
CREATE INDEX hold_number ON holdpoint.hold (id);
CREATE INDEX hold_past ON holdpoint.hold (cluster, fingerprint, id DESC);
-- The live holds are few, and the planner's idea of how few is often old. So each of these small
-- indexes has a condition of its own that only its own queries state: none can be taken for another
-- and then read from end to end.
CREATE UNIQUE INDEX hold_live ON holdpoint.hold (cluster, fingerprint) WHERE ended_at IS NULL;
CREATE INDEX hold_open_window ON holdpoint.hold (cluster, username, policy, rule)
  WHERE state = 'approved' AND (grant_kind = 'Window' OR chosen_window IS NOT NULL);
CREATE INDEX hold_waiting ON holdpoint.hold (cluster, username) WHERE state = 'pending';
CREATE INDEX hold_denied ON holdpoint.hold (cluster, username, ended_at) WHERE state = 'denied';
CREATE INDEX hold_open_question ON holdpoint.hold (ended_at, cluster)
  WHERE is_question AND state IN ('approved', 'used');
CREATE INDEX hold_expiring ON holdpoint.hold (expires_at)
  WHERE ended_at IS NULL AND expires_at IS NOT NULL;
CREATE INDEX hold_by_user ON holdpoint.hold (cluster, username, id);
COMMENT ON TABLE holdpoint.hold IS
  'One change by one identity that may not pass without a sign-off. '
  'Changed by functions only; its history is in hold_event.';
COMMENT ON COLUMN holdpoint.hold.cluster IS 'The cluster it happens in.';
COMMENT ON COLUMN holdpoint.hold.id IS 'The number people use.';
COMMENT ON COLUMN holdpoint.hold.fingerprint IS 'SHA-256 over identity, object and change.';
COMMENT ON COLUMN holdpoint.hold.state IS
  'As last written; pending or approved after expires_at means expired.';
COMMENT ON COLUMN holdpoint.hold.username IS 'Who wants it.';
COMMENT ON COLUMN holdpoint.hold.groups IS 'Their groups at that time.';
COMMENT ON COLUMN holdpoint.hold.operation IS
  'CREATE, UPDATE, DELETE, CONNECT, or an authorization verb.';
COMMENT ON COLUMN holdpoint.hold.api_group IS 'API group; empty for core.';
COMMENT ON COLUMN holdpoint.hold.api_version IS 'API version.';
COMMENT ON COLUMN holdpoint.hold.resource IS 'Resource, plural; empty for a non-resource path.';
COMMENT ON COLUMN holdpoint.hold.subresource IS 'Subresource, or empty.';
COMMENT ON COLUMN holdpoint.hold.namespace IS 'Namespace, or empty.';
COMMENT ON COLUMN holdpoint.hold.name IS 'Name of the object, or the non-resource path.';
COMMENT ON COLUMN holdpoint.hold.selectors IS
  'SHA-256 of the field and label selectors of a list or watch, which stand in the change; null: none.';
COMMENT ON COLUMN holdpoint.hold.is_question IS
  'Made by /authorize: somebody asked whether the requester may. Who asked is not known, and what '
  'was then done says the audit trail.';
COMMENT ON COLUMN holdpoint.hold.policy IS 'Policy of the rule.';
COMMENT ON COLUMN holdpoint.hold.rule IS 'Rule that holds it; of several the one that asks for most.';
COMMENT ON COLUMN holdpoint.hold.rules IS
  'When several rules hold it, all of them: [{policy, rule, approvers, minApprovals}]. '
  'Its other terms are the strictest of theirs.';
COMMENT ON COLUMN holdpoint.hold.policy_digest IS 'Policies in force then, see policy_version.';
COMMENT ON COLUMN holdpoint.hold.message IS 'What the rule says.';
COMMENT ON COLUMN holdpoint.hold.approvers IS
  'Groups whose members may decide; empty: any approver. Of several rules: of any of them.';
COMMENT ON COLUMN holdpoint.hold.min_approvals IS 'How many different people must approve.';
COMMENT ON COLUMN holdpoint.hold.require_reason IS 'A decision needs a reason.';
COMMENT ON COLUMN holdpoint.hold.grant_kind IS
  'Once: this change, one time. Window: such requests by this identity, for a time; '
  'hold_opens() says which.';
COMMENT ON COLUMN holdpoint.hold.window_length IS
  'Window: how long from approval; null: until expires_at.';
COMMENT ON COLUMN holdpoint.hold.max_uses IS 'Window: how many requests; null: any number.';
COMMENT ON COLUMN holdpoint.hold.scope IS
  'How far a Window reaches. Object: what was asked for. Namespace: any name there. Cluster: any.';
COMMENT ON COLUMN holdpoint.hold.allow_window IS
  'Once: how long a Window approvers may choose instead; null: none.';
COMMENT ON COLUMN holdpoint.hold.allow_uses IS 'Once: how many requests such a Window may let through.';
COMMENT ON COLUMN holdpoint.hold.change IS 'The change as JSON, secrets masked.';
COMMENT ON COLUMN holdpoint.hold.change_brief IS
  'Its first lines, the most dangerous ones, for lists and notifications.';
COMMENT ON COLUMN holdpoint.hold.change_unseen IS
  'What of the change is not shown, though it is approved with the rest; null: all is shown.';
COMMENT ON COLUMN holdpoint.hold.created_at IS 'When it was first asked for.';
COMMENT ON COLUMN holdpoint.hold.expires_at IS
  'Gone after that, unanswered or unused; an approval may shorten it.';
COMMENT ON COLUMN holdpoint.hold.request_uid IS 'uid of the request that made it.';
COMMENT ON COLUMN holdpoint.hold.attempts IS
  'How often it was asked for; attempts at one moment may count as one.';
COMMENT ON COLUMN holdpoint.hold.last_attempt_at IS 'When it was last asked for.';
COMMENT ON COLUMN holdpoint.hold.approvals IS 'How many people have approved.';
COMMENT ON COLUMN holdpoint.hold.rule_approvals IS 'How many of them count for each of the rules.';
COMMENT ON COLUMN holdpoint.hold.unconfirmed IS
  'Who has approved with kubectl, as it seems: counts once the API server''s audit event says so.';
COMMENT ON COLUMN holdpoint.hold.approved_at IS 'When the last needed approval came.';
COMMENT ON COLUMN holdpoint.hold.only_namespace IS
  'An approver narrowed a Window to this namespace.';
COMMENT ON COLUMN holdpoint.hold.only_name IS 'An approver narrowed a Window to this name.';
COMMENT ON COLUMN holdpoint.hold.chosen_window IS
  'Once: all who approved chose a Window of this length instead; null: they did not.';
COMMENT ON COLUMN holdpoint.hold.uses IS
  'How many changes it let through, repeats not counted; of a question, as the audit trail shows.';
COMMENT ON COLUMN holdpoint.hold.answered IS
  'Of a question: how often it was answered yes; twice at one moment may count as one.';
COMMENT ON COLUMN holdpoint.hold.repeats IS
  'How often the change that it let through last has repeated itself; see config.max_repeats.';
COMMENT ON COLUMN holdpoint.hold.ended_at IS
  'When it was used up, denied, withdrawn or expired; null: pending or approved.';
COMMENT ON COLUMN holdpoint.hold.decided_by IS 'Who approved last, denied or withdrew.';
COMMENT ON COLUMN holdpoint.hold.decided_reason IS 'The reason they gave.';

CREATE TABLE holdpoint.hold_event (
  cluster text NOT NULL,
  hold_id bigint NOT NULL,
  id bigint GENERATED ALWAYS AS IDENTITY,
  at timestamptz NOT NULL DEFAULT clock_timestamp(),
  action text NOT NULL CHECK (action IN
    ('create', 'review', 'approve', 'refuse', 'deny', 'withdraw', 'use', 'repeat', 'expire')),
  state_after text NOT NULL,
  channel text NOT NULL CHECK (channel IN ('webhook', 'database', 'kubernetes', 'system')),
  who text NOT NULL,
  person text,
  groups text[],
  reason text CHECK (octet_length(reason) <= 4096),
  terms jsonb,
  counts_for int[],
  fingerprint bytea,
  passed jsonb,
  request_uid text CHECK (octet_length(request_uid) <= 253),
  database_user text NOT NULL DEFAULT session_user,
  client_address inet DEFAULT inet_client_addr(),
  program text DEFAULT current_setting('application_name'),
  PRIMARY KEY (cluster, hold_id, id),
  FOREIGN KEY (cluster, hold_id) REFERENCES holdpoint.hold
);
CREATE INDEX hold_event_number ON holdpoint.hold_event (id);
CREATE INDEX hold_event_use ON holdpoint.hold_event (cluster, fingerprint, at)
  WHERE action = 'use';
CREATE UNIQUE INDEX hold_event_review
  ON holdpoint.hold_event (cluster, hold_id, request_uid, action) WHERE channel = 'kubernetes';
COMMENT ON TABLE holdpoint.hold_event IS
  'Append-only: every step of every hold: who, when, how and why.';
COMMENT ON COLUMN holdpoint.hold_event.cluster IS 'The hold''s cluster.';
COMMENT ON COLUMN holdpoint.hold_event.hold_id IS 'The hold.';
COMMENT ON COLUMN holdpoint.hold_event.id IS 'Its number: the order of steps.';
COMMENT ON COLUMN holdpoint.hold_event.at IS 'When.';
COMMENT ON COLUMN holdpoint.hold_event.action IS
  'create, review (an approval that the audit event has yet to confirm), approve, refuse (of such a '
  'review), deny, withdraw, use, repeat (of what was used just before) or expire.';
COMMENT ON COLUMN holdpoint.hold_event.state_after IS 'The hold''s state after this step.';
COMMENT ON COLUMN holdpoint.hold_event.channel IS
  'How: webhook (a request), database (psql, CLI), kubernetes (HoldReview), system.';
COMMENT ON COLUMN holdpoint.hold_event.who IS
  'The requester, the login or the Kubernetes username.';
COMMENT ON COLUMN holdpoint.hold_event.person IS 'For decisions: who that is by identity.';
COMMENT ON COLUMN holdpoint.hold_event.groups IS 'Kubernetes groups of who decided.';
COMMENT ON COLUMN holdpoint.hold_event.reason IS 'The reason given.';
COMMENT ON COLUMN holdpoint.hold_event.terms IS 'How an approver narrowed it.';
COMMENT ON COLUMN holdpoint.hold_event.counts_for IS
  'For an approval of a hold of several rules: for which of them it counts.';
COMMENT ON COLUMN holdpoint.hold_event.fingerprint IS
  'For a use or repeat: of the change that passed.';
COMMENT ON COLUMN holdpoint.hold_event.passed IS
  'For a use or repeat: what passed, {operation, apiGroup, resource, subresource, namespace, name}.';
COMMENT ON COLUMN holdpoint.hold_event.request_uid IS 'uid of the admission request it came with.';
COMMENT ON COLUMN holdpoint.hold_event.database_user IS
  'The login on whose connection it happened.';
COMMENT ON COLUMN holdpoint.hold_event.client_address IS 'Where that connection came from.';
COMMENT ON COLUMN holdpoint.hold_event.program IS 'application_name of that connection.';
SELECT holdpoint.make_append_only('holdpoint.hold_event');

-- Whoever inserts: when, and on whose connection, are the session's own; and a decision is one that
-- this session may make, in the name that it has.
CREATE FUNCTION holdpoint.stamp_hold_event() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
DECLARE
  decides boolean := NEW.action IN ('review', 'approve', 'deny');
  h holdpoint.hold;
BEGIN
  NEW.at := clock_timestamp();
  NEW.database_user := session_user;
  NEW.client_address := inet_client_addr();
  NEW.program := current_setting('application_name');
  IF NEW.channel = 'database' THEN
    NEW.who := session_user;
    NEW.person := holdpoint.person_of('database', session_user, NEW.cluster);
  ELSIF NEW.channel = 'kubernetes' THEN
    NEW.person := holdpoint.person_of('kubernetes', NEW.who, NEW.cluster);
  END IF;
  IF decides AND NEW.channel = 'database' THEN
    SELECT * INTO h FROM holdpoint.hold o WHERE o.cluster = NEW.cluster AND o.id = NEW.hold_id;
    IF holdpoint.is_approver(h, ROW('database', session_user, NULL, NULL,
      NULL)::holdpoint.approver) THEN
      RETURN NEW;
    END IF;
  ELSIF NEW.channel = 'database' OR (NOT decides OR NEW.channel = 'kubernetes')
    AND pg_has_role(session_user, 'holdpoint_webhook', 'MEMBER') THEN
    RETURN NEW;
  END IF;
  RAISE EXCEPTION 'hold %: % cannot % it through %', NEW.hold_id, session_user, NEW.action,
    NEW.channel USING ERRCODE = 'HP010';
END
$$;
CREATE TRIGGER stamp BEFORE INSERT ON holdpoint.hold_event
  FOR EACH ROW EXECUTE FUNCTION holdpoint.stamp_hold_event();

CREATE FUNCTION holdpoint.hold_state(h holdpoint.hold, at timestamptz) RETURNS text
LANGUAGE sql IMMUTABLE
BEGIN ATOMIC
  SELECT CASE
    WHEN h.state NOT IN ('pending', 'approved') OR h.expires_at > at THEN h.state
    WHEN h.uses > 0 THEN 'used'
    ELSE 'expired' END;
END;

COMMENT ON FUNCTION holdpoint.hold_state IS
  'The state a hold really is in at a time: expiry is written down only later.';

CREATE FUNCTION holdpoint.hold_is_window(h holdpoint.hold) RETURNS boolean
LANGUAGE sql IMMUTABLE
BEGIN ATOMIC
  SELECT h.grant_kind = 'Window' OR h.chosen_window IS NOT NULL;
END;
COMMENT ON FUNCTION holdpoint.hold_is_window IS 'Whether it opens a Window, or would.';

-- The rules of a hold one by one, as rows; one row for a hold of one rule.
CREATE FUNCTION holdpoint.hold_rules(h holdpoint.hold)
RETURNS TABLE (number int, policy text, rule text, approvers text[], min_approvals int,
  approvals int)
LANGUAGE sql IMMUTABLE
BEGIN ATOMIC
  SELECT 1, h.policy, h.rule, h.approvers, h.min_approvals, h.approvals WHERE h.rules IS NULL
  UNION ALL
  SELECT r.number::int, r.value->>'policy', r.value->>'rule',
    ARRAY(SELECT jsonb_array_elements_text(r.value->'approvers')),
    (r.value->>'minApprovals')::int, h.rule_approvals[r.number]
  FROM jsonb_array_elements(h.rules) WITH ORDINALITY AS r(value, number);
END;
COMMENT ON FUNCTION holdpoint.hold_rules IS
  'The rules that hold it, with who must approve for each, and how many have.';

CREATE FUNCTION holdpoint.hold_rule_names(h holdpoint.hold) RETURNS text
LANGUAGE sql IMMUTABLE
BEGIN ATOMIC
  SELECT CASE WHEN h.rules IS NULL THEN h.policy || '/' || h.rule
    ELSE (SELECT string_agg(r.policy || '/' || r.rule, ', ' ORDER BY r.number)
      FROM holdpoint.hold_rules(h) AS r) END;
END;
COMMENT ON FUNCTION holdpoint.hold_rule_names IS 'policy/rule, of several: all of them.';

CREATE FUNCTION holdpoint.group_names(groups text[]) RETURNS text
LANGUAGE sql IMMUTABLE
BEGIN ATOMIC
  SELECT CASE WHEN cardinality(groups) = 0 THEN 'any approver'
    ELSE array_to_string(groups, ', ') END;
END;
COMMENT ON FUNCTION holdpoint.group_names IS 'Approver groups for people to read.';

-- Whose approval it takes; of a hold of several rules: still takes, with the counts.
CREATE FUNCTION holdpoint.hold_approver_names(h holdpoint.hold) RETURNS text
LANGUAGE sql IMMUTABLE
BEGIN ATOMIC
  SELECT CASE WHEN h.rules IS NULL OR h.state <> 'pending' THEN holdpoint.group_names(h.approvers)
    ELSE (SELECT string_agg(needed, ' and ' ORDER BY needed) FROM (
      SELECT DISTINCT format('%s (%s/%s)', holdpoint.group_names(r.approvers), r.approvals,
        r.min_approvals) AS needed
      FROM holdpoint.hold_rules(h) AS r WHERE r.approvals < r.min_approvals) AS missing) END;
END;
COMMENT ON FUNCTION holdpoint.hold_approver_names IS
  'Who may decide: the groups, or what each of several rules still needs.';

-- Whether a hold would open more than it did before. Only the first approval may make a Window of a
-- Once; the next ones may shorten it, or take it back to the one change.
CREATE FUNCTION holdpoint.hold_is_wider(new holdpoint.hold, old holdpoint.hold) RETURNS boolean
LANGUAGE sql IMMUTABLE
BEGIN ATOMIC
  SELECT coalesce(new.chosen_window > old.chosen_window, false)
    OR (new.chosen_window IS NOT NULL AND old.chosen_window IS NULL AND old.approvals > 0)
    OR (holdpoint.hold_is_window(new) AND holdpoint.hold_is_window(old)
      AND coalesce(new.max_uses > old.max_uses, new.max_uses IS NULL AND old.max_uses IS NOT NULL))
    OR (old.only_namespace IS NOT NULL AND new.only_namespace IS DISTINCT FROM old.only_namespace)
    OR (old.only_name IS NOT NULL AND new.only_name IS DISTINCT FROM old.only_name);
END;

CREATE FUNCTION holdpoint.hold_guard() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
DECLARE
  unmet record;
BEGIN
  IF NEW.expires_at > OLD.expires_at OR NEW.uses < OLD.uses
    OR NEW.approvals < OLD.approvals OR holdpoint.hold_is_wider(NEW, OLD) THEN
    RAISE EXCEPTION 'hold %: its terms can only become narrower', OLD.id
      USING ERRCODE = 'HP010';
  END IF;
  IF NEW.state = OLD.state THEN
    RETURN NEW;
  END IF;
  IF OLD.state NOT IN ('pending', 'approved') OR NEW.state = 'pending' THEN
    RAISE EXCEPTION 'hold %: % cannot become %', OLD.id, OLD.state, NEW.state
      USING ERRCODE = 'HP010';
  END IF;
  IF NEW.state IS DISTINCT FROM (SELECT e.state_after FROM holdpoint.hold_event e
    WHERE e.cluster = NEW.cluster AND e.hold_id = NEW.id ORDER BY e.id DESC LIMIT 1) THEN
    RAISE EXCEPTION 'hold %: no event says that it is %', OLD.id, NEW.state
      USING ERRCODE = 'HP010';
  END IF;
  IF NEW.state = 'approved' THEN
    SELECT r.rule, r.min_approvals, given.people INTO unmet
    FROM holdpoint.hold_rules(NEW) AS r, LATERAL (
      SELECT count(DISTINCT e.person) AS people FROM holdpoint.hold_event e
      WHERE e.cluster = NEW.cluster AND e.hold_id = NEW.id AND e.action = 'approve'
        AND (NEW.rules IS NULL OR r.number = ANY(e.counts_for))) AS given
    WHERE given.people < r.min_approvals LIMIT 1;
    IF FOUND THEN
      RAISE EXCEPTION 'hold %: rule % has % of % approvals', OLD.id, unmet.rule, unmet.people,
        unmet.min_approvals USING ERRCODE = 'HP010';
    END IF;
  END IF;
  RETURN NEW;
END
$$;
CREATE TRIGGER hold_guard BEFORE UPDATE ON holdpoint.hold
  FOR EACH ROW EXECUTE FUNCTION holdpoint.hold_guard();
-- What was asked for never changes: no statement may even name these columns.
CREATE TRIGGER refuse_change BEFORE UPDATE OF cluster, id, fingerprint, username, groups, operation,
  api_group, api_version, resource, subresource, namespace, name, selectors, is_question, policy,
  rule, rules, policy_digest,
  message, approvers, min_approvals, require_reason, grant_kind, window_length, scope,
  allow_window, allow_uses, change,
  change_brief, change_unseen, created_at, request_uid ON holdpoint.hold
  FOR EACH ROW EXECUTE FUNCTION holdpoint.refuse_change();
CREATE TRIGGER refuse_delete BEFORE DELETE ON holdpoint.hold
  FOR EACH ROW EXECUTE FUNCTION holdpoint.refuse_change();
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON holdpoint.hold
  FOR EACH STATEMENT EXECUTE FUNCTION holdpoint.refuse_truncate();

CREATE FUNCTION holdpoint.is_group_member(groups text[]) RETURNS boolean
LANGUAGE sql STABLE
BEGIN ATOMIC
  SELECT EXISTS (SELECT FROM pg_catalog.pg_roles r
    WHERE r.rolname::text = ANY(groups)
      AND pg_catalog.pg_has_role(session_user, r.oid, 'MEMBER'));
END;

COMMENT ON FUNCTION holdpoint.is_group_member IS
  'Whether the login is a member of one of these roles; a name without a role has no members.';

CREATE FUNCTION holdpoint.login_groups() RETURNS text[]
LANGUAGE sql STABLE
BEGIN ATOMIC
  SELECT ARRAY(SELECT r.rolname::text FROM pg_catalog.pg_roles r
    WHERE pg_catalog.pg_has_role(session_user, r.oid, 'MEMBER'));
END;
COMMENT ON FUNCTION holdpoint.login_groups IS 'The roles that the login is a member of.';

-- What approvers see: the holds they may decide on, and the past ones of the same kind. The
-- subselect makes it one look at the login's groups for a query, not one for a row.
ALTER TABLE holdpoint.hold ENABLE ROW LEVEL SECURITY;
ALTER TABLE holdpoint.hold_event ENABLE ROW LEVEL SECURITY;
CREATE POLICY auditor ON holdpoint.hold FOR SELECT TO holdpoint_auditor USING (true);
CREATE POLICY auditor ON holdpoint.hold_event FOR SELECT TO holdpoint_auditor USING (true);
CREATE POLICY approver ON holdpoint.hold FOR SELECT TO holdpoint_approver
  USING (cardinality(approvers) = 0 OR approvers && (SELECT holdpoint.login_groups()));
CREATE POLICY approver ON holdpoint.hold_event FOR SELECT TO holdpoint_approver
  USING (EXISTS (SELECT FROM holdpoint.hold h
    WHERE h.cluster = hold_event.cluster AND h.id = hold_event.hold_id));

CREATE FUNCTION holdpoint.resource_name(api_group text, resource text, subresource text)
RETURNS text
LANGUAGE sql IMMUTABLE
BEGIN ATOMIC
  SELECT resource || CASE WHEN api_group = '' THEN '' ELSE '.' || api_group END
    || CASE WHEN subresource = '' THEN '' ELSE '/' || subresource END;
END;

COMMENT ON FUNCTION holdpoint.resource_name IS 'As kubectl writes it: deployments.apps/scale.';

-- ---- what an approval opens, in words ----

-- The verbs that one Window is for: reading an object in one of three ways is one thing. Everything
-- else is its own: another verb, a path, a subresource (get of a proxy is not create of it).
CREATE FUNCTION holdpoint.hold_verbs(operation text, resource text, subresource text) RETURNS text
LANGUAGE sql IMMUTABLE
BEGIN ATOMIC
  SELECT CASE WHEN operation IN ('get', 'list', 'watch') AND resource <> '' AND subresource = ''
    THEN 'get, list, watch' ELSE operation END;
END;
COMMENT ON FUNCTION holdpoint.hold_verbs IS 'The verbs that a Window for one of them is for.';

-- In plpgsql, whose plans are kept: each held request is told these words.
CREATE FUNCTION holdpoint.duration_text(length interval) RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
DECLARE
  n bigint := extract(epoch FROM length);
  unit text := 'second';
BEGIN
  IF n % 3600 = 0 THEN
    n := n / 3600;
    unit := 'hour';
  ELSIF n % 60 = 0 THEN
    n := n / 60;
    unit := 'minute';
  END IF;
  RETURN n || ' ' || unit || CASE WHEN n = 1 THEN '' ELSE 's' END;
END
$$;
COMMENT ON FUNCTION holdpoint.duration_text IS 'A length of time for people: 15 minutes.';

-- "secrets in namespace prod": the objects of a Window of this hold.
CREATE FUNCTION holdpoint.hold_reach(h holdpoint.hold) RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
DECLARE
  object text := coalesce(h.only_name, CASE WHEN h.scope = 'Object' THEN nullif(h.name, '') END);
  place text := coalesce(h.only_namespace,
    CASE WHEN h.scope <> 'Cluster' THEN nullif(h.namespace, '') END);
BEGIN
  IF h.resource = '' THEN
    RETURN CASE WHEN h.scope = 'Cluster' AND h.only_name IS NULL THEN 'any path'
      ELSE 'path ' || h.name END;
  END IF;
  RETURN holdpoint.resource_name(h.api_group, h.resource, h.subresource) || CASE
    WHEN object IS NOT NULL AND place IS NOT NULL THEN ' ' || place || '/' || object
    WHEN object IS NOT NULL
      AND CASE WHEN h.namespace = '' THEN h.name = '' ELSE h.scope = 'Cluster' END
      THEN ' named ' || object || ' in any namespace'
    WHEN object IS NOT NULL THEN ' ' || object
    WHEN place IS NOT NULL THEN ' in namespace ' || place
    WHEN h.namespace = '' AND h.name <> '' THEN ' of any name'
    ELSE ' in any namespace' END;
END
$$;
COMMENT ON FUNCTION holdpoint.hold_reach IS
  'Which objects a Window of this hold is for, in words; as hold_covers() decides it.';

-- "get, list, watch of secrets prod/db, for 15 minutes, 20 times (3 used)"
CREATE FUNCTION holdpoint.hold_window_text(h holdpoint.hold, length interval, at_most int)
RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
DECLARE
  verbs text := holdpoint.hold_verbs(h.operation, h.resource, h.subresource);
BEGIN
  RETURN lower(verbs) || CASE WHEN verbs = 'CONNECT' THEN ' to ' ELSE ' of ' END
    || holdpoint.hold_reach(h)
    || CASE WHEN h.selectors IS NOT NULL AND h.scope = 'Object' THEN ', with these selectors' ELSE '' END
    || CASE WHEN lower(verbs) IN ('create', 'update', 'patch') THEN ', whatever is written'
      WHEN verbs = 'CONNECT' THEN ', whatever the options' ELSE '' END
    || CASE WHEN h.state = 'pending' AND length IS NOT NULL
      THEN ', for ' || holdpoint.duration_text(length)
      ELSE ', until ' || to_char(h.expires_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS') || ' UTC' END
    || CASE WHEN at_most IS NULL THEN ', any number of times' WHEN at_most = 1 THEN ', once'
      ELSE ', ' || at_most || ' times' END
    || CASE WHEN h.uses > 0 THEN ' (' || h.uses || ' used)' ELSE '' END
    || CASE WHEN verbs LIKE '%watch' THEN '; a watch that has begun goes on' ELSE '' END;
END
$$;
COMMENT ON FUNCTION holdpoint.hold_window_text IS 'A Window of this hold in words, of that length.';

-- The one place that says it. An approver sees this before and after approving.
CREATE FUNCTION holdpoint.hold_opens(h holdpoint.hold) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
DECLARE
  meant text;
BEGIN
  IF h.state IN ('denied', 'expired', 'withdrawn') THEN
    RETURN 'nothing';
  ELSIF holdpoint.hold_is_window(h) THEN
    meant := holdpoint.hold_window_text(h, coalesce(h.chosen_window, h.window_length), h.max_uses);
  ELSE
    meant := CASE WHEN h.operation IN ('CREATE', 'UPDATE', 'DELETE') THEN 'this one change'
      ELSE 'this one request' END;
    IF h.state = 'pending' AND h.window_length IS NOT NULL THEN -- a question
      meant := meant || ', for ' || holdpoint.duration_text(h.window_length);
    END IF;
  END IF;
  IF h.state = 'used' THEN
    RETURN 'nothing any more; it was for ' || meant;
  ELSIF holdpoint.hold_is_window(h) THEN
    RETURN meant;
  ELSIF h.state = 'approved' THEN
    RETURN meant || ', until ' || to_char(h.expires_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS')
      || ' UTC';
  ELSIF h.approvals = 0 AND h.allow_window IS NOT NULL THEN
    RETURN meant || '; or, if the approver chooses the like: '
      || holdpoint.hold_window_text(h, h.allow_window, h.allow_uses);
  END IF;
  RETURN meant;
END
$$;
COMMENT ON FUNCTION holdpoint.hold_opens IS
  'What an approval of this hold opens (or opened), in words.';

-- What the API server tells no webhook, so that nobody has looked at it and any of it passes; null:
-- nothing of the kind.
CREATE FUNCTION holdpoint.hold_not_shown(h holdpoint.hold) RETURNS text
LANGUAGE sql IMMUTABLE
BEGIN ATOMIC
  SELECT CASE
    WHEN h.operation = 'CONNECT' AND h.subresource = 'proxy'
      THEN 'the method (GET, POST, DELETE), the query and the body'
    WHEN h.subresource = 'proxy' THEN 'the path, the query and the body'
    WHEN h.operation = 'CONNECT' AND h.subresource = 'portforward'
      THEN 'the ports, what is sent, and which Pod has that name then'
    WHEN h.operation = 'CONNECT' AND h.subresource IN ('exec', 'attach')
      THEN 'what is typed, and which Pod has that name then'
    WHEN h.operation = 'CONNECT' THEN 'what is sent'
    WHEN h.subresource IN ('exec', 'attach', 'portforward') AND h.operation = lower(h.operation)
      THEN 'the container, the command or the ports, what is typed or sent'
    WHEN h.operation IN ('create', 'update', 'patch') THEN 'what is written'
    WHEN h.operation IN ('delete', 'deletecollection') THEN 'the options and selectors'
    WHEN h.operation = 'CREATE' AND h.resource = 'pods' AND h.subresource = 'eviction'
      THEN 'which Pod has that name then'
    WHEN h.operation = 'CREATE' AND h.resource = 'serviceaccounts' AND h.subresource = 'token'
      THEN 'which service account has that name then' END;
END;
COMMENT ON FUNCTION holdpoint.hold_not_shown IS
  'What of such a request the API server shows to no webhook; null: nothing.';

-- The views ask for the time of the statement: with a volatile clock in them, a query's ORDER BY
-- and LIMIT would not reach the indexes.
CREATE VIEW holdpoint.pending_holds WITH (security_invoker = true) AS
  SELECT h.id,
    date_trunc('second', statement_timestamp() - h.created_at) AS age,
    h.username AS requester,
    h.operation,
    holdpoint.resource_name(h.api_group, h.resource, h.subresource) AS resource,
    h.namespace,
    h.name,
    holdpoint.hold_rule_names(h) AS rule,
    h.approvals || '/' || h.min_approvals AS approvals,
    holdpoint.hold_approver_names(h) AS approvers,
    array_to_string(h.unconfirmed, ', ') AS unconfirmed,
    date_trunc('second', h.expires_at) AS expires,
    holdpoint.hold_opens(h) AS opens,
    h.attempts,
    h.cluster,
    h.change_unseen AS not_shown,
    -- What the requester wrote, or a rule quotes of it, comes last.
    h.message,
    h.change_brief AS change
  FROM holdpoint.hold h
  WHERE h.state = 'pending' AND h.ended_at IS NULL AND h.expires_at > statement_timestamp()
  ORDER BY h.id DESC;
COMMENT ON VIEW holdpoint.pending_holds IS
  'Holds that wait for you: '
  'SELECT holdpoint.approve(id, ''reason''); or holdpoint.deny(id, ''reason'');';

CREATE VIEW holdpoint.holds WITH (security_invoker = true) AS
  SELECT h.id,
    holdpoint.hold_state(h, statement_timestamp()) AS state,
    h.ended_at IS NULL AND h.expires_at > statement_timestamp() AS live,
    h.created_at,
    h.username AS requester,
    (SELECT p.owner FROM holdpoint.person p WHERE p.name
      = holdpoint.enrolled_person('kubernetes', h.username, h.cluster)) AS requester_owner,
    h.groups AS requester_groups,
    h.operation,
    holdpoint.resource_name(h.api_group, h.resource, h.subresource) AS resource,
    h.api_group,
    h.api_version,
    h.namespace,
    h.name,
    h.is_question,
    h.policy,
    h.rule,
    holdpoint.hold_rule_names(h) AS rule_names,
    h.rules,
    h.message,
    h.approvers,
    holdpoint.hold_approver_names(h) AS approver_names,
    h.approvals,
    h.rule_approvals,
    h.unconfirmed,
    h.min_approvals,
    h.require_reason,
    h.grant_kind,
    h.window_length,
    h.max_uses,
    h.scope,
    h.allow_window,
    h.allow_uses,
    h.chosen_window,
    holdpoint.hold_opens(h) AS opens,
    holdpoint.hold_not_shown(h) AS not_shown,
    h.uses,
    h.answered,
    h.repeats,
    h.only_namespace,
    h.only_name,
    h.attempts,
    h.last_attempt_at,
    h.expires_at,
    h.approved_at,
    h.ended_at,
    h.decided_by,
    h.decided_reason,
    h.change,
    h.change_brief,
    h.change_unseen,
    h.fingerprint,
    h.policy_digest,
    h.cluster
  FROM holdpoint.hold h;
COMMENT ON VIEW holdpoint.holds IS
  'Every hold you may see, with its state as of now; live: pending or approved, and '
  'found by index. Its history: hold_event by hold_id.';

GRANT EXECUTE ON FUNCTION holdpoint.hold_state(holdpoint.hold, timestamptz),
  holdpoint.is_group_member(text[]), holdpoint.login_groups(), holdpoint.resource_name(text, text,
    text), holdpoint.hold_rules(holdpoint.hold), holdpoint.hold_rule_names(holdpoint.hold),
  holdpoint.group_names(text[]), holdpoint.hold_approver_names(holdpoint.hold),
  holdpoint.hold_is_window(holdpoint.hold), holdpoint.hold_verbs(text, text, text),
  holdpoint.duration_text(interval), holdpoint.hold_reach(holdpoint.hold),
  holdpoint.hold_window_text(holdpoint.hold, interval, int),
  holdpoint.hold_opens(holdpoint.hold), holdpoint.hold_not_shown(holdpoint.hold)
  TO holdpoint_approver, holdpoint_auditor;
GRANT SELECT ON holdpoint.hold, holdpoint.hold_event, holdpoint.pending_holds, holdpoint.holds
  TO holdpoint_approver, holdpoint_auditor;
