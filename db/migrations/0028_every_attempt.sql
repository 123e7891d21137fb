-- SPDX-License-Identifier: Apache-2.0
-- Each attempt is counted; a decision is of this moment; further names of one person are noticed.

SET LOCAL ROLE holdpoint_owner;
SET LOCAL search_path = pg_catalog, holdpoint, pg_temp;

-- ---- attempts ----

-- An attempt on a hold that somebody has in hand waits for nobody: it leaves a row here, which is
-- counted with the others and folded into hold.attempts later.
CREATE TABLE holdpoint.hold_attempt (
  cluster text NOT NULL,
  hold_id bigint NOT NULL,
  id bigint GENERATED ALWAYS AS IDENTITY,
  at timestamptz NOT NULL DEFAULT clock_timestamp(),
  answered int NOT NULL,
  PRIMARY KEY (cluster, hold_id, id)
);
COMMENT ON TABLE holdpoint.hold_attempt IS
  'Attempts on holds that somebody had in hand. Folded into hold.attempts by expire_holds.';
COMMENT ON COLUMN holdpoint.hold_attempt.cluster IS 'The hold''s cluster.';
COMMENT ON COLUMN holdpoint.hold_attempt.hold_id IS 'The hold.';
COMMENT ON COLUMN holdpoint.hold_attempt.id IS 'Its number.';
COMMENT ON COLUMN holdpoint.hold_attempt.at IS 'When.';
COMMENT ON COLUMN holdpoint.hold_attempt.answered IS '1: a question that was answered yes; else 0.';
COMMENT ON COLUMN holdpoint.hold.attempts IS
  'How often it was asked for, but for what hold_attempt holds still: hold_attempts().';
COMMENT ON COLUMN holdpoint.hold.answered IS
  'Of a question: how often it was answered yes, but for what hold_attempt holds still.';

CREATE FUNCTION holdpoint.hold_attempts(h holdpoint.hold) RETURNS bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
  SELECT h.attempts + count(*) FROM holdpoint.hold_attempt a
  WHERE a.cluster = h.cluster AND a.hold_id = h.id
$$;
COMMENT ON FUNCTION holdpoint.hold_attempts IS 'How often a hold was asked for.';

CREATE FUNCTION holdpoint.hold_answered(h holdpoint.hold) RETURNS bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
  SELECT h.answered + coalesce(sum(a.answered), 0) FROM holdpoint.hold_attempt a
  WHERE a.cluster = h.cluster AND a.hold_id = h.id
$$;
COMMENT ON FUNCTION holdpoint.hold_answered IS 'How often a question was answered yes.';
GRANT EXECUTE ON FUNCTION holdpoint.hold_attempts(holdpoint.hold),
  holdpoint.hold_answered(holdpoint.hold) TO holdpoint_approver, holdpoint_auditor;
GRANT SELECT ON holdpoint.hold_attempt TO holdpoint_auditor;

CREATE OR REPLACE FUNCTION holdpoint.hold_count_attempt(h holdpoint.hold, p_answered int DEFAULT 0)
RETURNS holdpoint.hold
LANGUAGE plpgsql SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
DECLARE
  found_hold holdpoint.hold;
BEGIN
  UPDATE holdpoint.hold o
  SET attempts = o.attempts + 1, last_attempt_at = clock_timestamp(),
    answered = o.answered + p_answered
  WHERE o.cluster = h.cluster AND o.id = (SELECT i.id FROM holdpoint.hold i
    WHERE i.cluster = h.cluster AND i.id = h.id FOR NO KEY UPDATE SKIP LOCKED)
  RETURNING o.*
  INTO found_hold;
  IF FOUND THEN
    RETURN found_hold;
  END IF;
  INSERT INTO holdpoint.hold_attempt (cluster, hold_id, answered) VALUES (h.cluster, h.id, p_answered);
  RETURN h;
END
$$;

-- An attempt that was refused because its hold was in hand when it would have been used.
CREATE FUNCTION holdpoint.hold_attempt_in_hand(p_cluster text, p_fingerprint bytea) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
  INSERT INTO holdpoint.hold_attempt (cluster, hold_id, answered)
  SELECT h.cluster, h.id, 0 FROM holdpoint.hold h
  WHERE h.cluster = p_cluster AND h.fingerprint = p_fingerprint AND h.ended_at IS NULL
$$;
COMMENT ON FUNCTION holdpoint.hold_attempt_in_hand IS
  'Counts an attempt that was refused because somebody had its hold in hand.';
GRANT EXECUTE ON FUNCTION holdpoint.hold_attempt_in_hand TO holdpoint_webhook;

CREATE FUNCTION holdpoint.hold_fold_attempts(p_limit int) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
DECLARE
  one record;
BEGIN
  FOR one IN SELECT DISTINCT a.cluster, a.hold_id FROM (SELECT * FROM holdpoint.hold_attempt
    LIMIT p_limit) AS a
  LOOP
    PERFORM FROM holdpoint.hold h WHERE h.cluster = one.cluster AND h.id = one.hold_id
    FOR NO KEY UPDATE SKIP LOCKED;
    CONTINUE WHEN NOT FOUND;
    WITH gone AS (DELETE FROM holdpoint.hold_attempt a
      WHERE a.cluster = one.cluster AND a.hold_id = one.hold_id RETURNING a.*)
    UPDATE holdpoint.hold h SET attempts = h.attempts + g.count, answered = h.answered + g.answered,
      last_attempt_at = greatest(h.last_attempt_at, g.at)
    FROM (SELECT count(*) AS count, coalesce(sum(answered), 0) AS answered, max(at) AS at
      FROM gone) AS g
    WHERE h.cluster = one.cluster AND h.id = one.hold_id;
  END LOOP;
END
$$;

CREATE OR REPLACE FUNCTION holdpoint.expire_holds(p_limit int DEFAULT 1000) RETURNS int
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
DECLARE
  sweep_at timestamptz := clock_timestamp(); -- an index cannot be asked about a moving clock
  most int := least(greatest(p_limit, 0), 100000);
  h holdpoint.hold;
  expired int := 0;
BEGIN
  FOR h IN SELECT * FROM holdpoint.hold o
    WHERE o.ended_at IS NULL AND o.expires_at <= sweep_at
    ORDER BY o.expires_at LIMIT most
    FOR UPDATE SKIP LOCKED
  LOOP
    PERFORM holdpoint.hold_expire(h);
    expired := expired + 1;
  END LOOP;
  PERFORM holdpoint.hold_fold_attempts(100000);
  RETURN expired;
END
$$;
COMMENT ON FUNCTION holdpoint.expire_holds(int) IS
  'Sweep: writes down the expiry of up to p_limit holds whose time is over; returns how many. Folds '
  'attempts that were counted apart.';

CREATE OR REPLACE VIEW holdpoint.pending_holds WITH (security_invoker = true) AS
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
    holdpoint.hold_attempts(h) AS attempts,
    h.cluster,
    nullif(concat_ws('; ', holdpoint.hold_not_shown(h), h.change_unseen), '') AS not_shown,
    -- What the requester wrote, or a rule quotes of it, comes last.
    h.message,
    h.change_brief AS change
  FROM holdpoint.hold h
  WHERE h.state = 'pending' AND h.ended_at IS NULL AND h.expires_at > statement_timestamp()
  ORDER BY h.id DESC;

CREATE OR REPLACE VIEW holdpoint.holds WITH (security_invoker = true) AS
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
    holdpoint.hold_answered(h)::int AS answered,
    h.repeats,
    h.only_namespace,
    h.only_name,
    holdpoint.hold_attempts(h) AS attempts,
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

-- ---- people ----

-- As before, and without what a domain puts before a name (CORP\alice), what a broker does
-- (auth0|alice), the tag of an address (alice+bot@…), or the instance of a principal (alice/admin).
CREATE OR REPLACE FUNCTION holdpoint.spellings(name text) RETURNS text[]
LANGUAGE sql IMMUTABLE
BEGIN ATOMIC
  SELECT array_remove(ARRAY[s, bare, local], '')
    || array_remove(ARRAY[substring(local FROM '^([^+]+)\+'),
      substring(s FROM '^([^:/@#]+)/(?:admin|root|sudo)(?:@|$)')], NULL)
  FROM (SELECT s, bare, split_part(bare, '@', 1) AS local
    FROM (SELECT s, CASE WHEN s LIKE 'system:serviceaccount:%' THEN regexp_replace(s, '^.*:', '')
        WHEN s LIKE 'system:%' THEN s ELSE regexp_replace(s, '^[^@]*[:/#|\\]', '') END AS bare
      FROM (SELECT holdpoint.spelling(name) AS s OFFSET 0) AS whole OFFSET 0) AS n OFFSET 0) AS m;
END;

-- ---- decisions are of this moment ----

-- A transaction that looks at the database as it was when it began would decide by what has been
-- revoked since: an approver's name, a setting. Who may not decide takes no lock, and keeps nobody
-- who may from it.
CREATE FUNCTION holdpoint.hold_check_before(h holdpoint.hold, a holdpoint.approver) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
BEGIN
  IF current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted') THEN
    RAISE EXCEPTION 'decisions are made in transactions that are READ COMMITTED, and this one is %',
      upper(current_setting('transaction_isolation')) USING ERRCODE = 'HP018',
      HINT = 'It sees what was so when it began. BEGIN ISOLATION LEVEL READ COMMITTED;';
  END IF;
  IF h.id IS NULL OR h.cluster <> a.cluster OR a.channel = 'kubernetes' AND h.username = a.who
    OR holdpoint.is_approver(h, a)
    OR a.channel <> 'kubernetes' AND holdpoint.may_withdraw(h, a) THEN
    RETURN;
  END IF;
  PERFORM holdpoint.check_channel(a, h.cluster);
  RAISE EXCEPTION 'hold %: % is not among its approvers (%)', h.id, a.who,
    CASE WHEN cardinality(h.approvers) > 0
      THEN 'groups ' || array_to_string(h.approvers, ', ')
      ELSE 'any enrolled approver' END
    USING ERRCODE = 'HP003';
END
$$;

CREATE OR REPLACE FUNCTION holdpoint.hold_lock(p_hold_id bigint, a holdpoint.approver)
RETURNS holdpoint.hold
LANGUAGE plpgsql SET search_path = pg_catalog, holdpoint, pg_temp SET lock_timeout = '700ms'
AS $$
DECLARE
  h holdpoint.hold;
BEGIN
  PERFORM holdpoint.end_open_decision_soon();
  SELECT * INTO h FROM holdpoint.hold o WHERE o.id = p_hold_id;
  PERFORM holdpoint.hold_check_before(h, a);
  BEGIN
    SELECT * INTO h FROM holdpoint.hold o WHERE o.id = p_hold_id FOR NO KEY UPDATE;
  EXCEPTION WHEN lock_not_available THEN
    RAISE EXCEPTION 'hold %: somebody else is deciding on it at this moment', p_hold_id
      USING ERRCODE = 'HP013', HINT = 'Their transaction is not committed. Try again.';
  END;
  IF h.id IS NULL THEN
    RAISE EXCEPTION 'no hold %', coalesce(p_hold_id::text, '(null)')
      USING ERRCODE = 'HP001',
        HINT = 'What waits: holdpoint holds, kubectl holdpoint list, or '
          'SELECT * FROM holdpoint.pending_holds.';
  END IF;
  IF h.cluster <> a.cluster THEN
    RAISE EXCEPTION 'no hold % in cluster %', p_hold_id, a.cluster
      USING ERRCODE = 'HP001';
  END IF;
  RETURN h;
END
$$;
