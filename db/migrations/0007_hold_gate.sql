-- SPDX-License-Identifier: Apache-2.0
-- The webhook's side of a hold: ask, create, use, let expire.
--
-- hold_find_or_create answers one request in one statement. It looks, in this order, for
--   1. the live hold with this fingerprint (approved: use it),
--   2. a use of this fingerprint within config.repeat_window (the same change once more, as often as
--      the API server may ask again for one request, and no more),
--   3. an approved Window that covers the request,
--   4. a denial that still stands,
-- and otherwise makes a new hold, unless the identity has too many (hold_limit). Questions, which
-- /authorize is asked, are answered from 1 and 3 and use nothing up: see observe_uses().
--
-- Races are settled by the row lock of 1 and 3 and by the unique
-- index hold_live; whoever loses one starts over and finds what the winner left.
--
-- Nobody waits for a person's transaction. A pending hold that somebody has in hand (an approval that
-- is not committed, say) is still pending: the answer is `held`, and this attempt is not counted.
-- Where an approval would have to be used, the row lock is waited for 100 ms and no longer; then the
-- call fails with lock_not_available (55P03), which the webhook says to that one requester.
--
-- Written for READ COMMITTED: each step must see what others have committed in the meantime. In
-- plpgsql even where one SELECT is all, because its plans are kept and those of SQL functions not.

SET LOCAL ROLE holdpoint_owner;
SET LOCAL search_path = pg_catalog, holdpoint, pg_temp;

CREATE TYPE holdpoint.hold_answer AS (
  verdict text,
  hold_id bigint,
  state text,
  is_new boolean,
  is_repeat boolean,
  created_at timestamptz,
  expires_at timestamptz,
  approvals int,
  min_approvals int,
  uses int,
  max_uses int,
  attempts bigint,
  decided_by text,
  decided_reason text,
  approver_names text,
  opens text,
  unconfirmed text
);
COMMENT ON TYPE holdpoint.hold_answer IS
  'verdict: allow, held, denied, or limit or paused: no new hold, decided_reason says why.';

CREATE FUNCTION holdpoint.hold_answer_of(p_verdict text, h holdpoint.hold,
  is_new boolean DEFAULT false, is_repeat boolean DEFAULT false)
RETURNS holdpoint.hold_answer
LANGUAGE sql STABLE
BEGIN ATOMIC
  SELECT ROW(p_verdict, h.id, h.state, is_new, is_repeat, h.created_at, h.expires_at,
    h.approvals, h.min_approvals, h.uses, h.max_uses, h.attempts, h.decided_by,
    h.decided_reason, holdpoint.hold_approver_names(h),
    CASE WHEN p_verdict <> 'allow' AND h.grant_kind IS NOT NULL
      THEN holdpoint.hold_opens(h) END,
    nullif(array_to_string(h.unconfirmed, ', '), ''))::holdpoint.hold_answer;
END;

-- What a notification says of a hold.
CREATE FUNCTION holdpoint.hold_summary(h holdpoint.hold) RETURNS jsonb
LANGUAGE sql STABLE
BEGIN ATOMIC
  SELECT jsonb_build_object('hold', h.id, 'cluster', h.cluster, 'state', h.state,
    'requester', h.username, 'operation', h.operation,
    'resource', holdpoint.resource_name(h.api_group, h.resource, h.subresource),
    'namespace', h.namespace, 'name', h.name, 'isQuestion', h.is_question, 'policy', h.policy, 'rule', h.rule,
    'rules', holdpoint.hold_rule_names(h),
    'message', h.message, 'approvers', to_jsonb(h.approvers),
    'approverNames', holdpoint.hold_approver_names(h),
    'approvals', h.approvals, 'minApprovals', h.min_approvals,
    'unconfirmed', to_jsonb(h.unconfirmed), 'grant', h.grant_kind,
    'createdAt', h.created_at, 'expiresAt', h.expires_at,
    'opens', holdpoint.hold_opens(h), 'notShown', holdpoint.hold_not_shown(h),
    'decidedBy', h.decided_by, 'reason', h.decided_reason,
    'changeBrief', h.change_brief, 'changeUnseen', h.change_unseen);
END;

-- Tells those who want to be told (the outbox) and those who wait (NOTIFY). Nobody waits for a hold
-- to be made or used, and NOTIFY makes commits take turns: those two are left out.
CREATE FUNCTION holdpoint.hold_announce(h holdpoint.hold) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM holdpoint.outbox_target t WHERE t.cluster = h.cluster) THEN
    NULL;
  ELSIF h.state NOT IN ('pending', 'expired', 'withdrawn')
    OR holdpoint.outbox_is_first(h.cluster, 'hold.' || h.state, h.username) THEN
    PERFORM holdpoint.outbox_add(h.cluster, 'hold.' || h.state, h.id, holdpoint.hold_summary(h));
  ELSE -- of one's own making, and one of many
    PERFORM holdpoint.outbox_hold_back(h.cluster, 'hold.' || h.state, h.username, h.id);
  END IF;
  IF h.state NOT IN ('pending', 'used') THEN
    PERFORM pg_notify('holdpoint_hold', h.id::text);
  END IF;
END
$$;

-- One notification of several holds that an identity brought to the same state.
CREATE FUNCTION holdpoint.holds_summary(p_holds holdpoint.hold[]) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
  SELECT jsonb_build_object('count', count(*), 'cluster', min(h.cluster), 'state', min(h.state),
    'requester', min(h.username),
    'holds', jsonb_agg(h.id ORDER BY h.id),
    'what', to_jsonb((array_agg(concat_ws(' ', h.operation,
      holdpoint.resource_name(h.api_group, h.resource, h.subresource),
      nullif(concat_ws('/', nullif(h.namespace, ''), nullif(left(h.name, 253), '')), ''))
      ORDER BY h.id))[1:5]),
    'rules', to_jsonb((array_agg(DISTINCT holdpoint.hold_rule_names(h)))[1:10]),
    'approverNames', left(string_agg(DISTINCT holdpoint.hold_approver_names(h), '; '), 1024),
    'firstExpiresAt', min(h.expires_at))
  FROM unnest(p_holds) AS h
$$;

-- What one identity's summary tells of: what is still so. Of one hold all is said, as at once.
CREATE FUNCTION holdpoint.outbox_summarize_one(t holdpoint.outbox_told) RETURNS int
LANGUAGE plpgsql SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
DECLARE
  ids bigint[];
  told holdpoint.hold[];
BEGIN
  WITH gone AS (DELETE FROM holdpoint.outbox_held_back b WHERE b.cluster = t.cluster
      AND b.event = t.event AND b.username = t.username RETURNING b.hold_id)
  SELECT array_agg(g.hold_id) INTO ids FROM gone g;
  told := ARRAY(SELECT h FROM holdpoint.hold h WHERE h.cluster = t.cluster AND h.id = ANY(ids)
    AND 'hold.' || holdpoint.hold_state(h, clock_timestamp()) = t.event ORDER BY h.id LIMIT 1000);
  IF cardinality(told) = 1 THEN
    PERFORM holdpoint.outbox_add(t.cluster, t.event, told[1].id, holdpoint.hold_summary(told[1]));
  ELSIF cardinality(told) > 1 THEN
    PERFORM holdpoint.outbox_add(t.cluster, 'holds' || substr(t.event, 5),
      told[cardinality(told)].id, holdpoint.holds_summary(told));
  END IF;
  RETURN cardinality(told);
END
$$;

CREATE FUNCTION holdpoint.outbox_summarize(p_cluster text) RETURNS int
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
DECLARE
  t holdpoint.outbox_told;
  since timestamptz := clock_timestamp() - (SELECT c.notify_interval FROM holdpoint.config c);
  told int := 0;
BEGIN
  FOR t IN SELECT o.* FROM holdpoint.outbox_told o
    WHERE (o.cluster, o.event, o.username) IN (SELECT DISTINCT b.cluster, b.event, b.username
        FROM holdpoint.outbox_held_back b WHERE b.cluster = p_cluster)
      AND o.at <= since
    FOR UPDATE SKIP LOCKED
  LOOP
    IF holdpoint.outbox_summarize_one(t) > 0 THEN
      told := told + 1;
      UPDATE holdpoint.outbox_told o SET at = clock_timestamp()
      WHERE o.cluster = t.cluster AND o.event = t.event AND o.username = t.username;
    END IF;
  END LOOP;
  RETURN told;
END
$$;
COMMENT ON FUNCTION holdpoint.outbox_summarize(text) IS
  'Tells of what was held back for config.notify_interval, once an identity; returns how often.';

-- The one place where a hold changes state. `h` is the hold as it shall be, `e` says who did what
-- and why; the caller holds the row's lock and has checked that it may.
CREATE FUNCTION holdpoint.hold_step(h holdpoint.hold, e holdpoint.hold_event)
RETURNS holdpoint.hold
LANGUAGE plpgsql SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
DECLARE
  state_before text;
BEGIN
  INSERT INTO holdpoint.hold_event (cluster, hold_id, action, state_after, channel, who,
    person, groups, reason, terms, counts_for, fingerprint, passed, request_uid)
  VALUES (h.cluster, h.id, e.action, h.state, e.channel, e.who,
    e.person, e.groups, e.reason, e.terms, e.counts_for, e.fingerprint, e.passed, e.request_uid);

  IF e.action = 'create' THEN -- its row is as it shall be
    PERFORM holdpoint.hold_announce(h);
    RETURN h;
  END IF;
  SELECT o.state INTO STRICT state_before FROM holdpoint.hold o
  WHERE o.cluster = h.cluster AND o.id = h.id;
  IF h.state IN ('used', 'denied', 'expired', 'withdrawn') THEN
    h.ended_at := coalesce(h.ended_at, clock_timestamp());
  END IF;
  UPDATE holdpoint.hold o
  SET state = h.state, expires_at = h.expires_at, approvals = h.approvals,
    rule_approvals = h.rule_approvals, unconfirmed = h.unconfirmed,
    approved_at = h.approved_at, only_namespace = h.only_namespace,
    only_name = h.only_name, chosen_window = h.chosen_window, max_uses = h.max_uses, uses = h.uses,
    repeats = h.repeats, ended_at = h.ended_at, attempts = h.attempts,
    last_attempt_at = h.last_attempt_at, decided_by = h.decided_by,
    decided_reason = h.decided_reason
  WHERE o.cluster = h.cluster AND o.id = h.id;

  IF h.state <> state_before THEN
    PERFORM holdpoint.hold_announce(h);
  END IF;
  RETURN h;
END
$$;

-- Writes down that a hold's time is over; hold_state() knew it already.
CREATE FUNCTION holdpoint.hold_expire(h holdpoint.hold) RETURNS holdpoint.hold
LANGUAGE plpgsql SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
DECLARE
  e holdpoint.hold_event;
BEGIN
  h.state := holdpoint.hold_state(h, clock_timestamp());
  e.action := 'expire';
  e.channel := 'system';
  e.who := 'holdpoint';
  RETURN holdpoint.hold_step(h, e);
END
$$;

CREATE FUNCTION holdpoint.expire_holds(p_limit int DEFAULT 1000) RETURNS int
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
DECLARE
  sweep_at timestamptz := clock_timestamp(); -- an index cannot be asked about a moving clock
  h holdpoint.hold;
  expired int := 0;
BEGIN
  FOR h IN SELECT * FROM holdpoint.hold o
    WHERE o.ended_at IS NULL AND o.expires_at <= sweep_at
    ORDER BY o.expires_at LIMIT least(greatest(p_limit, 0), 100000)
    FOR UPDATE SKIP LOCKED
  LOOP
    PERFORM holdpoint.hold_expire(h);
    expired := expired + 1;
  END LOOP;
  RETURN expired;
END
$$;
COMMENT ON FUNCTION holdpoint.expire_holds(int) IS
  'Sweep: writes down the expiry of up to p_limit holds whose time is over; returns how many.';

-- One more attempt on a hold that stays as it is; not counted when somebody has the hold in hand.
CREATE FUNCTION holdpoint.hold_count_attempt(h holdpoint.hold, p_answered int DEFAULT 0)
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
  IF NOT FOUND THEN
    RETURN h;
  END IF;
  RETURN found_hold;
END
$$;

-- Whether two holds are of the same rules, and `h` asks for as much as `want` for each of them.
CREATE FUNCTION holdpoint.hold_same_rules(h holdpoint.hold, want holdpoint.hold) RETURNS boolean
LANGUAGE sql IMMUTABLE
BEGIN ATOMIC
  SELECT jsonb_array_length(h.rules) IS NOT DISTINCT FROM jsonb_array_length(want.rules)
    AND (h.rules = want.rules OR NOT EXISTS (SELECT FROM holdpoint.hold_rules(want) AS w
      WHERE NOT EXISTS (SELECT FROM holdpoint.hold_rules(h) AS r
        WHERE r.policy = w.policy AND r.rule = w.rule AND r.approvers = w.approvers
          AND r.min_approvals >= w.min_approvals)));
END;

-- Whether it opens no more than the rule lets it today.
CREATE FUNCTION holdpoint.hold_within(h holdpoint.hold, want holdpoint.hold) RETURNS boolean
LANGUAGE sql IMMUTABLE
BEGIN ATOMIC
  SELECT (h.scope = 'Object' OR h.scope = want.scope OR want.scope = 'Cluster')
    AND CASE WHEN h.chosen_window IS NOT NULL
      THEN coalesce(h.chosen_window <= want.allow_window AND h.max_uses <= want.allow_uses, false)
      ELSE (want.window_length IS NULL OR coalesce(h.window_length <= want.window_length, false))
        AND (want.max_uses IS NULL OR coalesce(h.max_uses <= want.max_uses, false)) END;
END;

-- Whether a hold was asked for on (at least) the terms the rule sets today. A rule that has become
-- stricter, or asks other people, must not be satisfied by what was asked before.
CREATE FUNCTION holdpoint.hold_same_terms(h holdpoint.hold, want holdpoint.hold) RETURNS boolean
LANGUAGE sql IMMUTABLE
BEGIN ATOMIC
  SELECT h.policy = want.policy AND h.rule = want.rule AND h.approvers = want.approvers
    AND h.grant_kind = want.grant_kind AND h.min_approvals >= want.min_approvals
    AND (h.require_reason OR NOT want.require_reason) AND holdpoint.hold_within(h, want)
    AND (h.rules IS NULL AND want.rules IS NULL OR holdpoint.hold_same_rules(h, want));
END;

-- Whether what was asked for, as wide as its rule's scope makes it and as narrow as approvers did,
-- covers this request of the same group, resource and subresource. hold_reach() says it in words. The
-- request itself is covered by any name that the API server makes up for it.
-- Who asked without a namespace, or without a name, asked for all; but a CREATE without one is of a
-- name that is made up.
CREATE FUNCTION holdpoint.hold_covers(h holdpoint.hold, want holdpoint.hold) RETURNS boolean
LANGUAGE sql IMMUTABLE
BEGIN ATOMIC
  SELECT (h.fingerprint = want.fingerprint
      OR (holdpoint.hold_verbs(h.operation, h.resource, h.subresource)
          = holdpoint.hold_verbs(want.operation, want.resource, want.subresource)
        AND (h.namespace = want.namespace OR h.scope = 'Cluster' OR h.namespace = '' AND h.name = '')
        AND (h.name = want.name OR CASE WHEN h.resource = '' THEN h.scope = 'Cluster'
          ELSE h.scope <> 'Object' OR h.name = '' AND h.operation <> 'CREATE' END)
        AND (h.selectors IS NULL OR h.scope <> 'Object' OR h.selectors IS NOT DISTINCT FROM want.selectors)))
    AND (h.only_namespace IS NULL OR h.only_namespace = want.namespace)
    AND (h.only_name IS NULL OR h.only_name = want.name);
END;

-- The live hold of this change, locked; but for one in somebody else's hands about which nothing is to
-- be done here: a pending one, or one that a question does not use up.
CREATE FUNCTION holdpoint.hold_find_live(want holdpoint.hold) RETURNS holdpoint.hold
LANGUAGE plpgsql SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
DECLARE
  found_hold holdpoint.hold;
BEGIN
  SELECT * INTO found_hold FROM holdpoint.hold h
  WHERE h.cluster = want.cluster AND h.fingerprint = want.fingerprint
    AND h.ended_at IS NULL
  FOR NO KEY UPDATE SKIP LOCKED;
  IF FOUND THEN
    RETURN found_hold;
  END IF;
  SELECT * INTO found_hold FROM holdpoint.hold h
  WHERE h.cluster = want.cluster AND h.fingerprint = want.fingerprint
    AND h.ended_at IS NULL;
  IF NOT FOUND OR holdpoint.hold_same_terms(found_hold, want)
    AND (want.is_question AND found_hold.expires_at > clock_timestamp()
      OR holdpoint.hold_state(found_hold, clock_timestamp()) = 'pending') THEN
    RETURN found_hold;
  END IF;
  SELECT * INTO found_hold FROM holdpoint.hold h
  WHERE h.cluster = want.cluster AND h.fingerprint = want.fingerprint
    AND h.ended_at IS NULL
  FOR NO KEY UPDATE;
  RETURN found_hold;
END
$$;

-- The API server's second question about a change that a Once let through. A Window answers such by
-- itself while it is open, or used up; past its end nothing passes on it.
CREATE FUNCTION holdpoint.hold_find_repeat(want holdpoint.hold) RETURNS holdpoint.hold
LANGUAGE plpgsql SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
DECLARE
  since timestamptz := clock_timestamp() - (SELECT c.repeat_window FROM holdpoint.config c);
  found_hold holdpoint.hold;
BEGIN
  SELECT h.* INTO found_hold FROM holdpoint.hold_event e
  JOIN holdpoint.hold h ON h.cluster = e.cluster AND h.id = e.hold_id
  WHERE e.cluster = want.cluster AND e.fingerprint = want.fingerprint AND e.action = 'use'
    AND e.at > since AND h.state IN ('used', 'approved')
    AND (NOT holdpoint.hold_is_window(h) OR h.expires_at > clock_timestamp())
    AND h.username = want.username AND holdpoint.hold_same_terms(h, want)
  ORDER BY e.at DESC LIMIT 1;
  RETURN found_hold;
END
$$;

-- What a request is about, for the event of its passing.
CREATE FUNCTION holdpoint.hold_what(want holdpoint.hold) RETURNS jsonb
LANGUAGE sql IMMUTABLE
BEGIN ATOMIC
  SELECT jsonb_build_object('operation', want.operation, 'apiGroup', want.api_group,
    'resource', want.resource, 'subresource', want.subresource,
    'namespace', want.namespace, 'name', want.name);
END;

-- Lets a change that has just passed pass once more, if it has not repeated itself too often. The
-- API server asks again when a write met a conflict, and nothing tells that from another request
-- for the same change: the number is what bounds it. Where a Window allows any number of requests,
-- repeats are not limited either. The row lock settles races; where nothing is left none is taken.
CREATE FUNCTION holdpoint.hold_repeat(want holdpoint.hold, p_max_repeats int)
RETURNS holdpoint.hold
LANGUAGE plpgsql SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
DECLARE
  h holdpoint.hold := holdpoint.hold_find_repeat(want);
  at_most int := least(p_max_repeats, (SELECT c.max_repeats FROM holdpoint.config c));
BEGIN
  IF h.id IS NULL THEN
    RETURN NULL;
  END IF;
  UPDATE holdpoint.hold o
  SET repeats = o.repeats + 1, attempts = o.attempts + 1, last_attempt_at = clock_timestamp()
  WHERE o.cluster = h.cluster AND o.id = h.id AND o.state IN ('used', 'approved')
    AND (o.repeats < at_most OR holdpoint.hold_is_window(o) AND o.max_uses IS NULL)
  RETURNING o.*
  INTO h;
  IF NOT FOUND THEN
    RETURN NULL;
  END IF;
  INSERT INTO holdpoint.hold_event (cluster, hold_id, action, state_after, channel, who,
    fingerprint, passed, request_uid)
  VALUES (h.cluster, h.id, 'repeat', h.state, 'webhook', want.username, want.fingerprint,
    holdpoint.hold_what(want), want.request_uid);
  RETURN h;
END
$$;

-- The open Window that this request passes on. Rules that let an approver choose one have them too.
CREATE FUNCTION holdpoint.hold_see_window(want holdpoint.hold) RETURNS holdpoint.hold
LANGUAGE plpgsql SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
DECLARE
  found_hold holdpoint.hold;
BEGIN
  SELECT * INTO found_hold FROM holdpoint.hold h
  WHERE h.cluster = want.cluster AND h.username = want.username
    AND h.policy = want.policy AND h.rule = want.rule
    AND h.state = 'approved' AND (h.grant_kind = 'Window' OR h.chosen_window IS NOT NULL)
    AND h.is_question = want.is_question
    AND h.api_group = want.api_group AND h.resource = want.resource
    AND h.subresource = want.subresource
    AND h.expires_at > clock_timestamp()
    AND holdpoint.hold_same_terms(h, want) AND holdpoint.hold_covers(h, want)
  ORDER BY h.id LIMIT 1;
  RETURN found_hold;
END
$$;

-- The same, locked.
CREATE FUNCTION holdpoint.hold_find_window(want holdpoint.hold) RETURNS holdpoint.hold
LANGUAGE plpgsql SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
DECLARE
  found_hold holdpoint.hold;
BEGIN
  SELECT * INTO found_hold FROM holdpoint.hold h
  WHERE h.cluster = want.cluster AND h.username = want.username
    AND h.policy = want.policy AND h.rule = want.rule
    AND h.state = 'approved' AND (h.grant_kind = 'Window' OR h.chosen_window IS NOT NULL)
    AND h.is_question = want.is_question
    AND h.api_group = want.api_group AND h.resource = want.resource
    AND h.subresource = want.subresource
    AND h.expires_at > clock_timestamp()
    AND holdpoint.hold_same_terms(h, want) AND holdpoint.hold_covers(h, want)
  ORDER BY h.id LIMIT 1
  FOR NO KEY UPDATE;
  RETURN found_hold;
END
$$;

-- Whether the answer to a question is yes: `h`, its own hold, or an open Window. A question uses
-- nothing up, whoever asks it and however often: uses are what the audit trail shows.
CREATE FUNCTION holdpoint.hold_answering(h holdpoint.hold, want holdpoint.hold)
RETURNS holdpoint.hold
LANGUAGE plpgsql SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
BEGIN
  IF h.state = 'approved' AND holdpoint.hold_covers(h, want) THEN
    RETURN h;
  END IF;
  IF want.grant_kind = 'Window' OR want.allow_window IS NOT NULL THEN
    RETURN holdpoint.hold_see_window(want);
  END IF;
  RETURN NULL;
END
$$;

-- The latest hold of this change, if it was denied a short while ago.
CREATE FUNCTION holdpoint.hold_find_denial(want holdpoint.hold) RETURNS holdpoint.hold
LANGUAGE plpgsql SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
DECLARE
  latest holdpoint.hold;
BEGIN
  SELECT * INTO latest FROM holdpoint.hold h
  WHERE h.cluster = want.cluster AND h.fingerprint = want.fingerprint
  ORDER BY h.id DESC LIMIT 1;
  IF latest.state = 'denied' AND latest.policy = want.policy AND latest.rule = want.rule
    AND latest.ended_at > clock_timestamp()
      - (SELECT c.denial_stands FROM holdpoint.config c) THEN
    RETURN latest;
  END IF;
  RETURN NULL;
END
$$;

-- Uses an approved hold for this request.
CREATE FUNCTION holdpoint.hold_use(h holdpoint.hold, want holdpoint.hold)
RETURNS holdpoint.hold
LANGUAGE plpgsql SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
DECLARE
  e holdpoint.hold_event;
BEGIN
  h.uses := h.uses + 1;
  h.repeats := 0;
  h.attempts := h.attempts + 1;
  h.last_attempt_at := clock_timestamp();
  IF NOT holdpoint.hold_is_window(h) OR h.uses >= h.max_uses THEN
    h.state := 'used';
  END IF;
  e.action := 'use';
  e.channel := 'webhook';
  e.who := want.username;
  e.fingerprint := want.fingerprint;
  e.passed := holdpoint.hold_what(want);
  e.request_uid := want.request_uid;
  RETURN holdpoint.hold_step(h, e);
END
$$;

-- Ends a live hold whose rule has changed its terms, so that a new one can be asked for.
CREATE FUNCTION holdpoint.hold_supersede(h holdpoint.hold) RETURNS holdpoint.hold
LANGUAGE plpgsql SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
DECLARE
  e holdpoint.hold_event;
BEGIN
  h.state := 'withdrawn';
  h.decided_by := 'holdpoint';
  h.decided_reason := 'the rule that holds this change has changed';
  e.action := 'withdraw';
  e.channel := 'system';
  e.who := 'holdpoint';
  e.reason := h.decided_reason;
  RETURN holdpoint.hold_step(h, e);
END
$$;

-- Inserts the hold; null when another session was faster.
CREATE FUNCTION holdpoint.hold_insert(want holdpoint.hold) RETURNS holdpoint.hold
LANGUAGE plpgsql SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
DECLARE
  h holdpoint.hold;
  e holdpoint.hold_event;
BEGIN
  INSERT INTO holdpoint.hold (cluster, fingerprint, username, groups, operation, api_group,
    api_version, resource, subresource, namespace, name, selectors, policy, rule, rules, policy_digest,
    message, approvers, min_approvals, require_reason, grant_kind, window_length,
    max_uses, scope, allow_window, allow_uses, change, change_brief, change_unseen, expires_at,
    request_uid, rule_approvals, is_question)
  VALUES (want.cluster, want.fingerprint, want.username, want.groups, want.operation,
    want.api_group, want.api_version, want.resource, want.subresource, want.namespace,
    want.name, want.selectors, want.policy, want.rule, want.rules, want.policy_digest, want.message, want.approvers,
    want.min_approvals, want.require_reason, want.grant_kind, want.window_length,
    want.max_uses, want.scope, want.allow_window, want.allow_uses, want.change,
    want.change_brief, want.change_unseen, want.expires_at, want.request_uid,
    want.rule_approvals, want.is_question)
  ON CONFLICT (cluster, fingerprint) WHERE ended_at IS NULL DO NOTHING
  RETURNING * INTO h;
  IF NOT FOUND THEN
    RETURN NULL;
  END IF;
  e.action := 'create';
  e.channel := 'webhook';
  e.who := want.username;
  e.request_uid := want.request_uid;
  RETURN holdpoint.hold_step(h, e);
END
$$;

-- Why this identity gets no new hold now: too many of its holds wait, or people have denied it again
-- and again. Null: it gets one. What /authorize was asked is counted apart: whoever may ask it can ask
-- in anybody's name, and must not keep them from what they ask for themselves.
CREATE FUNCTION holdpoint.hold_limit(want holdpoint.hold) RETURNS holdpoint.hold_answer
LANGUAGE plpgsql SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
DECLARE
  c holdpoint.config := (SELECT c FROM holdpoint.config c);
  most int := CASE WHEN want.is_question THEN c.max_questions_per_user
    ELSE c.max_pending_per_user END;
  since timestamptz := clock_timestamp() - c.denials_within;
  no holdpoint.hold_answer;
BEGIN
  no.expires_at := (SELECT h.ended_at + c.denials_within FROM holdpoint.hold h
    WHERE h.cluster = want.cluster AND h.username = want.username AND h.state = 'denied'
      AND h.is_question = want.is_question
      AND h.ended_at > since
    ORDER BY h.ended_at DESC OFFSET c.max_denials - 1 LIMIT 1);
  IF no.expires_at IS NOT NULL THEN
    no.verdict := 'paused';
    no.decided_reason := format('%s holds of this identity were denied within %s', c.max_denials,
      c.denials_within);
    RETURN no;
  END IF;
  IF (SELECT count(*) FROM (SELECT FROM holdpoint.hold h
      WHERE h.cluster = want.cluster AND h.username = want.username AND h.state = 'pending'
        AND h.is_question = want.is_question AND h.expires_at > clock_timestamp()
      LIMIT most) AS waiting) < most THEN
    RETURN NULL;
  END IF;
  no.verdict := 'limit';
  no.decided_reason := format('%s holds of this identity wait already, and no more may', most);
  RETURN no;
END
$$;

-- A dry run changes nothing: it says what the request itself would be told. Where the answer itself
-- gives something out (a token, an object of Secrets), it would be given out any number of times:
-- no approval is for that.
CREATE FUNCTION holdpoint.hold_would(want holdpoint.hold, p_gives_out boolean)
RETURNS holdpoint.hold_answer
LANGUAGE plpgsql SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
DECLARE
  h holdpoint.hold;
  w holdpoint.hold;
BEGIN
  SELECT * INTO h FROM holdpoint.hold o
  WHERE o.cluster = want.cluster AND o.fingerprint = want.fingerprint
    AND o.ended_at IS NULL AND holdpoint.hold_same_terms(o, want);
  IF h.expires_at <= clock_timestamp() THEN
    h := NULL;
  END IF;
  IF h.state = 'approved' AND NOT p_gives_out AND holdpoint.hold_covers(h, want) THEN
    RETURN holdpoint.hold_answer_of('allow', h);
  END IF;
  SELECT * INTO w FROM holdpoint.hold o
  WHERE o.cluster = want.cluster AND o.username = want.username
    AND o.policy = want.policy AND o.rule = want.rule
    AND o.state = 'approved' AND (o.grant_kind = 'Window' OR o.chosen_window IS NOT NULL)
    AND o.api_group = want.api_group AND o.resource = want.resource
    AND o.subresource = want.subresource AND o.expires_at > clock_timestamp()
    AND holdpoint.hold_same_terms(o, want) AND holdpoint.hold_covers(o, want)
    AND o.is_question = want.is_question
  ORDER BY o.id LIMIT 1;
  IF FOUND THEN
    RETURN holdpoint.hold_answer_of(CASE WHEN p_gives_out THEN 'held' ELSE 'allow' END, w);
  END IF;
  IF h.id IS NULL THEN
    w := holdpoint.hold_find_denial(want);
    IF w.id IS NOT NULL THEN
      RETURN holdpoint.hold_answer_of('denied', w);
    END IF;
    want.state := 'pending';
    want.approvals := 0;
    want.uses := 0;
    RETURN holdpoint.hold_answer_of('held', want);
  END IF;
  RETURN holdpoint.hold_answer_of('held', h);
END
$$;

-- What is asked for most: a pending hold, once more, by an agent or a controller that repeats
-- forever. Null wherever the answer may be another one (a repeat,
-- a window, an approval, other terms): then hold_try looks, in its order. State and expiry are asked
-- through hold_state, so that no index on them can be taken for hold_live.
--
-- The count is all that is written, and it lets nobody through: a crash may cost it, and the answer
-- need not wait for the disk or a standby.
CREATE FUNCTION holdpoint.hold_count_pending(want holdpoint.hold) RETURNS holdpoint.hold
LANGUAGE plpgsql SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
DECLARE
  asked_at timestamptz := clock_timestamp();
  since timestamptz := asked_at - (SELECT c.repeat_window FROM holdpoint.config c);
  found_hold holdpoint.hold;
BEGIN
  IF want.grant_kind <> 'Once' OR want.allow_window IS NOT NULL THEN
    RETURN NULL;
  END IF;
  SELECT * INTO found_hold FROM holdpoint.hold h
  WHERE h.cluster = want.cluster AND h.fingerprint = want.fingerprint AND h.ended_at IS NULL
    AND holdpoint.hold_state(h, asked_at) = 'pending'
    AND holdpoint.hold_same_terms(h, want)
    AND NOT EXISTS (SELECT FROM holdpoint.hold_event e
      WHERE e.cluster = want.cluster AND e.fingerprint = want.fingerprint
        AND e.action = 'use' AND e.at > since);
  IF NOT FOUND THEN
    RETURN NULL;
  END IF;
  found_hold := holdpoint.hold_count_attempt(found_hold);
  IF found_hold.state <> 'pending' THEN -- by now
    RETURN NULL;
  END IF;
  PERFORM set_config('synchronous_commit', 'off', true);
  RETURN found_hold;
END
$$;

-- One pass of hold_find_or_create; null: somebody was faster, look again.
CREATE FUNCTION holdpoint.hold_try(want holdpoint.hold, p_max_repeats int)
RETURNS holdpoint.hold_answer
LANGUAGE plpgsql SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
DECLARE
  h holdpoint.hold := holdpoint.hold_find_live(want);
  other holdpoint.hold;
  no holdpoint.hold_answer;
BEGIN
  IF h.id IS NOT NULL AND h.expires_at <= clock_timestamp() THEN
    h := holdpoint.hold_expire(h);
  ELSIF h.id IS NOT NULL AND NOT holdpoint.hold_same_terms(h, want) THEN
    h := holdpoint.hold_supersede(h);
  END IF;

  IF want.is_question THEN
    other := holdpoint.hold_answering(h, want);
    IF other.id IS NOT NULL THEN
      RETURN holdpoint.hold_answer_of('allow', holdpoint.hold_count_attempt(other, 1));
    END IF;
  ELSE
    other := holdpoint.hold_repeat(want, p_max_repeats);
  END IF;
  IF other.id IS NOT NULL THEN
    RETURN holdpoint.hold_answer_of('allow', other, is_repeat => true);
  END IF;
  IF h.state = 'approved' AND NOT want.is_question AND holdpoint.hold_covers(h, want) THEN
    RETURN holdpoint.hold_answer_of('allow', holdpoint.hold_use(h, want));
  END IF;
  IF (want.grant_kind = 'Window' OR want.allow_window IS NOT NULL) AND NOT want.is_question THEN
    other := holdpoint.hold_find_window(want);
    IF other.id IS NOT NULL THEN
      RETURN holdpoint.hold_answer_of('allow', holdpoint.hold_use(other, want));
    END IF;
  END IF;
  IF h.state = 'pending' THEN
    RETURN holdpoint.hold_answer_of('held', holdpoint.hold_count_attempt(h));
  ELSIF h.state = 'approved' THEN -- for a narrower scope than this request
    RETURN holdpoint.hold_answer_of('denied', holdpoint.hold_count_attempt(h));
  END IF;

  other := holdpoint.hold_find_denial(want);
  IF other.id IS NOT NULL THEN
    RETURN holdpoint.hold_answer_of('denied', holdpoint.hold_count_attempt(other));
  END IF;
  no := holdpoint.hold_limit(want);
  IF no.verdict IS NOT NULL THEN
    RETURN no;
  END IF;
  h := holdpoint.hold_insert(want);
  IF h.id IS NULL THEN
    RETURN NULL;
  END IF;
  RETURN holdpoint.hold_answer_of('held', h, is_new => true);
END
$$;

-- A hold of several rules: each is satisfied as it would be alone, and the same approvals may count
-- for several. So `approvers`, whom it is shown to and who may decide, are those of all rules, but
-- for rules that are satisfied whenever another one is.
CREATE FUNCTION holdpoint.hold_combine(want holdpoint.hold, p_rules jsonb) RETURNS holdpoint.hold
LANGUAGE plpgsql SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
DECLARE
  named text[];
  anybody int;
BEGIN
  IF jsonb_array_length(p_rules) > 64 THEN
    RAISE EXCEPTION '% rules hold this one request, at most 64 may',
      jsonb_array_length(p_rules) USING ERRCODE = 'invalid_parameter_value';
  END IF;
  want.rules := p_rules;
  want.rule_approvals := array_fill(0, ARRAY[jsonb_array_length(p_rules)]);
  SELECT max(r.min_approvals), max(r.min_approvals) FILTER (WHERE cardinality(r.approvers) = 0),
    ARRAY(SELECT DISTINCT g FROM holdpoint.hold_rules(want) AS n, unnest(n.approvers) AS g
      ORDER BY g)
  INTO want.min_approvals, anybody, named FROM holdpoint.hold_rules(want) AS r;
  want.approvers := CASE WHEN anybody > (SELECT coalesce(max(r.min_approvals), 0)
      FROM holdpoint.hold_rules(want) AS r WHERE cardinality(r.approvers) > 0)
    THEN '{}' ELSE named END;
  RETURN want;
END
$$;

CREATE FUNCTION holdpoint.hold_find_or_create(
  p_cluster text, p_fingerprint bytea, p_username text, p_groups text[],
  p_operation text, p_api_group text, p_api_version text, p_resource text,
  p_subresource text, p_namespace text, p_name text,
  p_policy text, p_rule text, p_policy_digest bytea, p_message text,
  p_change text,
  p_approvers text[], p_min_approvals int, p_require_reason boolean, p_expires interval,
  p_grant text, p_window interval, p_max_uses int,
  p_dry_run boolean, p_request_uid text, p_max_repeats int DEFAULT NULL,
  p_rules jsonb DEFAULT NULL, p_scope text DEFAULT 'Object', p_allow_window interval DEFAULT NULL,
  p_allow_uses int DEFAULT NULL, p_gives_out boolean DEFAULT false,
  p_selectors bytea DEFAULT NULL, p_change_brief text DEFAULT NULL,
  p_change_unseen text DEFAULT NULL, p_is_question boolean DEFAULT false)
RETURNS holdpoint.hold_answer
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, holdpoint, pg_temp SET lock_timeout = '100ms'
AS $$
DECLARE
  want holdpoint.hold;
  h holdpoint.hold;
  answer holdpoint.hold_answer;
BEGIN
  IF p_expires IS NULL OR p_expires NOT BETWEEN '1 second' AND '31 days' THEN
    RAISE EXCEPTION 'expires is %, must be between 1 second and 31 days', p_expires
      USING ERRCODE = 'invalid_parameter_value';
  END IF;
  want.cluster := p_cluster;
  want.fingerprint := p_fingerprint;
  want.username := p_username;
  want.groups := coalesce(p_groups, '{}');
  want.operation := p_operation;
  want.api_group := coalesce(p_api_group, '');
  want.api_version := coalesce(p_api_version, '');
  want.resource := coalesce(p_resource, '');
  want.subresource := coalesce(p_subresource, '');
  want.namespace := coalesce(p_namespace, '');
  want.name := coalesce(p_name, '');
  want.selectors := p_selectors;
  want.policy := p_policy;
  want.rule := p_rule;
  want.policy_digest := p_policy_digest;
  want.message := coalesce(left(p_message, 4096), '');
  want.change := p_change;
  want.change_brief := left(p_change_brief, 4096); -- a character has at most 4 bytes
  want.change_unseen := nullif(left(p_change_unseen, 4096), '');
  IF octet_length(p_change) > 5242880 THEN
    want.change := left(p_change, 1048576);
    want.change_unseen := format('all but the first %s bytes', octet_length(want.change));
  END IF;
  want.approvers := ARRAY(SELECT DISTINCT a FROM unnest(p_approvers) AS a ORDER BY a);
  want.min_approvals := coalesce(p_min_approvals, 1);
  want.require_reason := coalesce(p_require_reason, false);
  want.expires_at := clock_timestamp() + p_expires;
  want.grant_kind := coalesce(p_grant, 'Once');
  IF want.grant_kind = 'Window' THEN
    want.window_length := p_window;
    want.max_uses := p_max_uses;
  ELSIF p_is_question THEN
    want.window_length := (SELECT c.question_window FROM holdpoint.config c);
    want.max_uses := 1;
  END IF;
  IF want.grant_kind <> 'Window' AND p_allow_window IS NOT NULL THEN
    want.allow_window := p_allow_window;
    want.allow_uses := p_allow_uses;
  END IF;
  want.is_question := coalesce(p_is_question, false);
  want.scope := coalesce(p_scope, 'Object');
  want.request_uid := coalesce(left(p_request_uid, 63), '');

  IF jsonb_array_length(p_rules) > 1 THEN
    want := holdpoint.hold_combine(want, p_rules);
  END IF;

  IF p_dry_run THEN
    RETURN holdpoint.hold_would(want, coalesce(p_gives_out, false));
  END IF;
  h := holdpoint.hold_count_pending(want);
  IF h.id IS NOT NULL THEN
    RETURN holdpoint.hold_answer_of('held', h);
  END IF;
  FOR attempt IN 1..20 LOOP
    answer := holdpoint.hold_try(want, p_max_repeats);
    IF answer.verdict IS NOT NULL THEN
      RETURN answer;
    END IF;
  END LOOP;
  RAISE EXCEPTION 'hold of % on %: lost 20 races in a row', p_username, p_resource
    USING ERRCODE = 'serialization_failure';
END
$$;
COMMENT ON FUNCTION holdpoint.hold_find_or_create IS
  'Answers one request that a Hold rule selects: '
  'allow (and use), held (made or found), denied, limit, paused. '
  'p_is_question: /authorize asks; no answer uses an approval up. '
  'p_max_repeats: fewer repeats than config.max_repeats, for what takes effect each time. '
  'p_gives_out: no approval is for a dry run of it. '
  'p_rules: when several rules hold it, all of them, as in hold.rules. '
  'p_change_unseen: what of the change is not in p_change, for people; null: nothing.';

-- For waiting requests: the state of holds as of now. A notification on channel holdpoint_hold
-- (payload: the number) is a hint to look; this is the look, and the polling behind it.
CREATE FUNCTION holdpoint.hold_states(p_ids bigint[])
RETURNS TABLE (hold_id bigint, state text, expires_at timestamptz, approvals int,
  min_approvals int, decided_by text, decided_reason text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
  SELECT h.id, holdpoint.hold_state(h, clock_timestamp()), h.expires_at, h.approvals,
    h.min_approvals, h.decided_by, h.decided_reason
  FROM holdpoint.hold h WHERE h.id = ANY(p_ids)
$$;
COMMENT ON FUNCTION holdpoint.hold_states(bigint[]) IS 'State of these holds as of now.';

GRANT EXECUTE ON FUNCTION holdpoint.hold_find_or_create, holdpoint.hold_states(bigint[]),
  holdpoint.outbox_summarize(text),
  holdpoint.expire_holds(int)
  TO holdpoint_webhook;
