-- SPDX-License-Identifier: Apache-2.0
-- Floods hide nobody: questions in names that somebody makes up, and HoldReviews in a borrowed name,
-- are told of in one message. A clock that goes back opens nothing anew, and an API server's clock
-- that is off hides no use. What speaks against a confirmed approval later is heard. The text of
-- policies is the one that their digest names.

SET LOCAL ROLE holdpoint_owner;
SET LOCAL search_path = pg_catalog, holdpoint, pg_temp;

-- ---- questions in made-up names ----

ALTER TABLE holdpoint.config ADD COLUMN max_questions int NOT NULL DEFAULT 1000
  CHECK (max_questions > 0);
COMMENT ON COLUMN holdpoint.config.max_questions IS
  'Holds of questions that may wait in one cluster, but for those of enrolled identities: who may '
  'create SubjectAccessReviews asks in as many names as they like.';

-- Under whose name a hold is told of. Ten names that nobody enrolled are told of each by itself within
-- notify_interval; further ones, which whoever asks /authorize may have made up, together.
CREATE FUNCTION holdpoint.outbox_subject(h holdpoint.hold) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
DECLARE
  since timestamptz := clock_timestamp() - (SELECT c.notify_interval FROM holdpoint.config c);
BEGIN
  IF NOT h.is_question OR since > clock_timestamp() - interval '1 millisecond'
    OR holdpoint.enrolled_person('kubernetes', h.username, h.cluster) IS NOT NULL THEN
    RETURN h.username;
  ELSIF h.state <> 'pending' OR (SELECT count(DISTINCT o.username) > 10 FROM (
      SELECT o.username, o.is_question, o.created_at FROM holdpoint.hold o
      WHERE o.cluster = h.cluster ORDER BY o.id DESC LIMIT 200) AS o
      WHERE o.is_question AND o.created_at > since) THEN
    RETURN '';
  END IF;
  RETURN h.username;
END
$$;

CREATE OR REPLACE FUNCTION holdpoint.hold_announce(h holdpoint.hold) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
DECLARE
  subject text;
BEGIN
  IF NOT EXISTS (SELECT FROM holdpoint.outbox_target t WHERE t.cluster = h.cluster) THEN
    NULL;
  ELSIF h.state NOT IN ('pending', 'expired', 'withdrawn') THEN
    PERFORM holdpoint.outbox_add(h.cluster, 'hold.' || h.state, h.id, holdpoint.hold_summary(h));
  ELSE -- of one's own making, and one of many
    subject := holdpoint.outbox_subject(h);
    IF holdpoint.outbox_is_first(h.cluster, 'hold.' || h.state, subject) THEN
      PERFORM holdpoint.outbox_add(h.cluster, 'hold.' || h.state, h.id, holdpoint.hold_summary(h));
    ELSE
      PERFORM holdpoint.outbox_hold_back(h.cluster, 'hold.' || h.state, subject, h.id);
    END IF;
  END IF;
  IF h.state NOT IN ('pending', 'used') THEN
    PERFORM pg_notify('holdpoint_hold', h.id::text);
  END IF;
END
$$;

CREATE OR REPLACE FUNCTION holdpoint.holds_summary(p_holds holdpoint.hold[]) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
  SELECT jsonb_build_object('count', count(*), 'cluster', min(h.cluster), 'state', min(h.state),
    'requester', CASE count(DISTINCT h.username) WHEN 1 THEN min(h.username)
      ELSE format('%s identities', count(DISTINCT h.username)) END,
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

-- As before, and of all questions of names that nobody enrolled together.
CREATE OR REPLACE FUNCTION holdpoint.hold_limit(want holdpoint.hold) RETURNS holdpoint.hold_answer
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
      LIMIT most) AS waiting) >= most THEN
    no.verdict := 'limit';
    no.decided_reason := format('%s holds of this identity wait already, and no more may', most);
  ELSIF want.is_question
    AND holdpoint.enrolled_person('kubernetes', want.username, want.cluster) IS NULL
    AND (SELECT count(*) FROM (SELECT FROM holdpoint.hold h
      WHERE h.cluster = want.cluster AND h.state = 'pending' AND h.is_question
        AND h.expires_at > clock_timestamp() LIMIT c.max_questions) AS waiting) >= c.max_questions THEN
    no.verdict := 'limit';
    no.decided_reason := format('%s holds of questions wait already in this cluster, and no more may, '
      'but for identities that are enrolled', c.max_questions);
  END IF;
  RETURN no;
END
$$;

-- ---- HoldReviews in a borrowed name ----

-- Tells people that somebody acts in an approver's name: of each who does once at once, and of what
-- they do besides in one message.
DROP FUNCTION holdpoint.review_alert(holdpoint.hold_review, holdpoint.hold);
CREATE FUNCTION holdpoint.review_alert(r holdpoint.hold_review, h holdpoint.hold, p_by text)
RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM holdpoint.outbox_target t WHERE t.cluster = h.cluster) THEN
    RETURN;
  ELSIF holdpoint.outbox_is_first(h.cluster, 'hold.impersonated', p_by) THEN
    PERFORM holdpoint.outbox_add(h.cluster, 'hold.impersonated', h.id, holdpoint.hold_summary(h)
      || jsonb_build_object('decidedBy', r.who, 'reason', format('HoldReview to %s it: %s', r.action,
        r.why)));
  ELSE
    PERFORM holdpoint.outbox_hold_back(h.cluster, 'hold.impersonated', p_by, h.id);
  END IF;
END
$$;

CREATE OR REPLACE FUNCTION holdpoint.outbox_summarize_one(t holdpoint.outbox_told) RETURNS int
LANGUAGE plpgsql SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
DECLARE
  borrowed boolean := t.event = 'hold.impersonated';
  ids bigint[];
  told holdpoint.hold[];
BEGIN
  WITH gone AS (DELETE FROM holdpoint.outbox_held_back b WHERE b.cluster = t.cluster
      AND b.event = t.event AND b.username = t.username RETURNING b.hold_id)
  SELECT array_agg(g.hold_id) INTO ids FROM gone g;
  told := ARRAY(SELECT h FROM holdpoint.hold h WHERE h.cluster = t.cluster AND h.id = ANY(ids)
    AND (borrowed OR 'hold.' || holdpoint.hold_state(h, clock_timestamp()) = t.event)
    ORDER BY h.id LIMIT 1000);
  IF cardinality(told) = 1 AND NOT borrowed THEN
    PERFORM holdpoint.outbox_add(t.cluster, t.event, told[1].id, holdpoint.hold_summary(told[1]));
  ELSIF cardinality(told) > 0 THEN
    PERFORM holdpoint.outbox_add(t.cluster, 'holds' || substr(t.event, 5),
      told[cardinality(told)].id, holdpoint.holds_summary(told)
        || CASE WHEN borrowed THEN jsonb_build_object('requester', t.username, 'state', 'impersonated')
          ELSE '{}' END);
  END IF;
  RETURN cardinality(told);
END
$$;

-- ---- what is heard after a confirmation ----

CREATE INDEX hold_review_confirmed ON holdpoint.hold_review (resolved_at) WHERE state = 'confirmed';

CREATE OR REPLACE FUNCTION holdpoint.hold_review_guard() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    NEW.at := clock_timestamp();
    NEW.state := 'waiting';
  ELSIF OLD.state <> 'waiting' AND NOT (OLD.state = 'confirmed' AND NEW.state = 'refused') THEN
    RAISE EXCEPTION 'hold %: the review % is % already', OLD.hold_id, OLD.request_uid, OLD.state
      USING ERRCODE = 'HP010';
  ELSE
    NEW.resolved_at := clock_timestamp();
  END IF;
  RETURN NEW;
END
$$;

-- Events come in any order: one that contradicts a review after another confirmed it takes the
-- confirmation back, and the hold with it where it is not used up.
CREATE FUNCTION holdpoint.contradict_reviews() RETURNS SETOF holdpoint.hold_review
LANGUAGE plpgsql SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
DECLARE
  since timestamptz := clock_timestamp() - interval '1 hour';
  r holdpoint.hold_review;
  h holdpoint.hold;
  e holdpoint.audit_event;
BEGIN
  FOR r IN SELECT w.* FROM holdpoint.hold_review w
    WHERE w.state = 'confirmed' AND w.resolved_at > since ORDER BY w.resolved_at FOR UPDATE SKIP LOCKED
  LOOP
    e := holdpoint.review_event(r); -- the one that says most against it
    CONTINUE WHEN e.seq IS NULL OR e.seq = r.event_seq
      OR holdpoint.review_objection(r, e) IS NULL;
    SELECT * INTO h FROM holdpoint.hold o WHERE o.cluster = r.cluster AND o.id = r.hold_id
    FOR UPDATE SKIP LOCKED;
    CONTINUE WHEN NOT FOUND;
    r.state := 'refused';
    r.counted := true; -- it had its effect
    r.event_seq := e.seq;
    r.why := holdpoint.review_objection(r, e) || ', as an audit event says that came after another '
      'had confirmed it';
    UPDATE holdpoint.hold_review o SET state = r.state, counted = true, why = r.why,
      event_seq = r.event_seq
    WHERE o.cluster = r.cluster AND o.hold_id = r.hold_id AND o.request_uid = r.request_uid;
    PERFORM holdpoint.review_refuse(r, h, r.why);
    IF e.impersonated_user IS NOT NULL OR e.username <> r.who THEN
      PERFORM holdpoint.review_alert(r, h, e.username);
    END IF;
    RETURN NEXT r;
  END LOOP;
END
$$;

CREATE OR REPLACE FUNCTION holdpoint.review_resolve(r holdpoint.hold_review, h holdpoint.hold)
RETURNS holdpoint.hold_review
LANGUAGE plpgsql SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
DECLARE
  e holdpoint.audit_event := holdpoint.review_event(r);
BEGIN
  IF e.seq IS NULL THEN
    IF r.at > clock_timestamp() - interval '1 day' AND (h.ended_at IS NULL AND h.state = 'pending'
      OR r.at > clock_timestamp() - interval '1 hour') THEN
      RETURN NULL;
    END IF;
    r.state := 'lapsed';
    r.why := 'no audit event';
  ELSE
    r.event_seq := e.seq;
    r.why := coalesce(holdpoint.review_objection(r, e), holdpoint.review_count(r, h));
    r.state := CASE WHEN r.why IS NULL THEN 'confirmed' ELSE 'refused' END;
  END IF;
  UPDATE holdpoint.hold_review o SET state = r.state, why = r.why, event_seq = r.event_seq
  WHERE o.cluster = r.cluster AND o.hold_id = r.hold_id AND o.request_uid = r.request_uid;
  IF r.state <> 'confirmed' THEN
    SELECT * INTO h FROM holdpoint.hold o WHERE o.cluster = h.cluster AND o.id = h.id;
    PERFORM holdpoint.review_refuse(r, h, r.why);
    IF e.impersonated_user IS NOT NULL OR e.username <> r.who THEN
      PERFORM holdpoint.review_alert(r, h, e.username);
    END IF;
  END IF;
  RETURN r;
END
$$;

CREATE OR REPLACE FUNCTION holdpoint.confirm_reviews(p_limit int DEFAULT 100)
RETURNS TABLE (cluster text, hold_id bigint, who text, action text, state text, why text)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
#variable_conflict use_column
DECLARE
  r holdpoint.hold_review;
  h holdpoint.hold;
BEGIN
  RETURN QUERY SELECT c.cluster, c.hold_id, c.who, c.action, c.state, c.why
    FROM holdpoint.contradict_reviews() AS c;
  IF NOT EXISTS (SELECT FROM holdpoint.hold_review w WHERE w.state = 'waiting') THEN
    RETURN;
  END IF;
  -- What an approver's open transaction has locked is looked at the next time.
  FOR r IN SELECT w.* FROM holdpoint.hold_review w WHERE w.state = 'waiting'
    AND (w.at < clock_timestamp() - interval '1 hour' OR EXISTS (SELECT FROM holdpoint.audit_event e
      WHERE e.cluster = w.cluster
        AND e.hold_review IN (w.hold_id || '/' || w.request_uid, '0/' || w.request_uid)
        AND e.recorded_at >= w.at - interval '1 hour'))
    ORDER BY w.at LIMIT least(greatest(p_limit, 0), 10000)
    FOR UPDATE SKIP LOCKED
  LOOP
    SELECT * INTO h FROM holdpoint.hold o WHERE o.cluster = r.cluster AND o.id = r.hold_id
    FOR UPDATE SKIP LOCKED;
    CONTINUE WHEN NOT FOUND;
    r := holdpoint.review_resolve(r, h);
    CONTINUE WHEN r.state IS NULL;
    cluster := r.cluster;
    hold_id := r.hold_id;
    who := r.who;
    action := r.action;
    state := r.state;
    why := r.why;
    RETURN NEXT;
  END LOOP;
END
$$;

-- ---- the database's clock ----

CREATE TABLE holdpoint.clock_mark (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  at timestamptz NOT NULL
);
INSERT INTO holdpoint.clock_mark (at) VALUES (clock_timestamp());
COMMENT ON TABLE holdpoint.clock_mark IS
  'One row: what time it has been for certain. A clock that shows less has gone back.';
COMMENT ON COLUMN holdpoint.clock_mark.only_row IS 'Keeps it to one row.';
COMMENT ON COLUMN holdpoint.clock_mark.at IS 'Written every few seconds, by observe_clock().';
GRANT SELECT ON holdpoint.clock_mark TO holdpoint_auditor;

-- By how much the clock has gone back; 0: not, or by no more than clocks are put right by.
CREATE FUNCTION holdpoint.clock_back() RETURNS interval
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
DECLARE
  back interval := (SELECT m.at - clock_timestamp() FROM holdpoint.clock_mark m);
BEGIN
  RETURN CASE WHEN back > interval '5 seconds' THEN make_interval(secs => round(extract(epoch FROM back)))
    ELSE '0' END;
END
$$;

-- Nothing passes on an approval while the clock is wrong; observe_clock() withdraws those soon.
CREATE FUNCTION holdpoint.check_clock() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
BEGIN
  IF holdpoint.clock_back() > '0' THEN
    RAISE EXCEPTION 'the clock of the database has gone back by %: how long an approval is still open '
      'cannot be told', holdpoint.duration_text(holdpoint.clock_back())
      USING ERRCODE = 'HP019';
  END IF;
END
$$;

-- Moves the mark on. When the clock has gone back (it was set, or a standby took over whose clock is
-- behind): approvals that were open end, since they would be open for longer than they were given for.
CREATE FUNCTION holdpoint.observe_clock() RETURNS int
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
DECLARE
  back interval := holdpoint.clock_back();
  h holdpoint.hold;
  e holdpoint.hold_event;
  ended int := 0;
BEGIN
  IF back = '0' THEN
    UPDATE holdpoint.clock_mark m SET at = clock_timestamp()
    WHERE m.at < clock_timestamp() - interval '3 seconds';
    RETURN 0;
  END IF;
  PERFORM FROM holdpoint.clock_mark FOR UPDATE SKIP LOCKED;
  IF NOT FOUND THEN -- another replica is at it
    RETURN 0;
  END IF;
  e.action := 'withdraw';
  e.channel := 'system';
  e.who := 'holdpoint';
  e.reason := format('the clock of the database went back by %s while it was approved',
    holdpoint.duration_text(back));
  FOR h IN SELECT * FROM holdpoint.hold o WHERE o.ended_at IS NULL AND o.state = 'approved'
    FOR UPDATE SKIP LOCKED
  LOOP
    h.state := 'withdrawn';
    h.decided_by := e.who;
    h.decided_reason := e.reason;
    PERFORM holdpoint.hold_step(h, e);
    ended := ended + 1;
  END LOOP;
  -- One that somebody has in hand is ended the next time.
  IF NOT EXISTS (SELECT FROM holdpoint.hold o WHERE o.ended_at IS NULL AND o.state = 'approved') THEN
    UPDATE holdpoint.clock_mark SET at = clock_timestamp();
  END IF;
  RETURN ended;
END
$$;
COMMENT ON FUNCTION holdpoint.observe_clock IS
  'Notices when the clock goes back, and ends the approvals that are open then; returns how many.';
GRANT EXECUTE ON FUNCTION holdpoint.observe_clock TO holdpoint_webhook;

CREATE OR REPLACE FUNCTION holdpoint.hold_use(h holdpoint.hold, want holdpoint.hold)
RETURNS holdpoint.hold
LANGUAGE plpgsql SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
DECLARE
  e holdpoint.hold_event;
BEGIN
  PERFORM holdpoint.check_clock();
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

CREATE OR REPLACE FUNCTION holdpoint.hold_answering(h holdpoint.hold, want holdpoint.hold)
RETURNS holdpoint.hold
LANGUAGE plpgsql SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
DECLARE
  w holdpoint.hold;
BEGIN
  IF h.state = 'approved' AND holdpoint.hold_covers(h, want) THEN
    PERFORM holdpoint.check_clock();
    RETURN h;
  END IF;
  IF want.grant_kind = 'Window' OR want.allow_window IS NOT NULL THEN
    w := holdpoint.hold_see_window(want);
    IF w.id IS NOT NULL THEN
      PERFORM holdpoint.check_clock();
    END IF;
    RETURN w;
  END IF;
  RETURN NULL;
END
$$;

-- Of what was let through before the clock went back nothing repeats itself.
CREATE OR REPLACE FUNCTION holdpoint.hold_find_repeat(want holdpoint.hold) RETURNS holdpoint.hold
LANGUAGE plpgsql SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
DECLARE
  since timestamptz := clock_timestamp() - (SELECT c.repeat_window FROM holdpoint.config c);
  found_hold holdpoint.hold;
BEGIN
  SELECT h.* INTO found_hold FROM holdpoint.hold_event e
  JOIN holdpoint.hold h ON h.cluster = e.cluster AND h.id = e.hold_id
  WHERE e.cluster = want.cluster AND e.fingerprint = want.fingerprint AND e.action = 'use'
    AND e.at > since AND e.at < clock_timestamp() + interval '5 seconds'
    AND h.state IN ('used', 'approved')
    AND (NOT holdpoint.hold_is_window(h) OR h.expires_at > clock_timestamp())
    AND h.username = want.username AND holdpoint.hold_same_terms(h, want)
  ORDER BY e.at DESC LIMIT 1;
  IF FOUND THEN
    PERFORM holdpoint.check_clock();
  END IF;
  RETURN found_hold;
END
$$;

-- ---- an API server's clock ----

-- By how much a source's events are behind the database's clock: its own clock is, or it sends late.
-- The least of ten minutes, so that one batch that was delayed says nothing; of more than a quarter of
-- an hour they are logs that somebody imports.
CREATE FUNCTION holdpoint.sources_behind(p_cluster text) RETURNS TABLE (source text, behind interval)
LANGUAGE sql STABLE SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
  SELECT b.source, min(b.recorded_at - b.newest_event) FROM holdpoint.audit_batch b
  WHERE b.recorded_at > now() - interval '10 minutes' AND b.cluster = p_cluster AND b.events > 0
    AND b.newest_event IS NOT NULL
  GROUP BY b.source
  HAVING min(b.recorded_at - b.newest_event) BETWEEN '-15 minutes' AND '15 minutes'
$$;

DROP FUNCTION holdpoint.event_is_use(holdpoint.hold, holdpoint.audit_event);
CREATE FUNCTION holdpoint.event_is_use(h holdpoint.hold, e holdpoint.audit_event,
  p_behind interval DEFAULT '0') RETURNS boolean
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
DECLARE
  w holdpoint.hold;
  requested_at timestamptz := coalesce(e.received_timestamp, e.stage_timestamp) + p_behind;
BEGIN
  -- What is known of the API server's clock may be some seconds off.
  IF e.stage NOT IN ('ResponseStarted', 'ResponseComplete') OR coalesce(e.code, 0) NOT BETWEEN 100 AND 299
    OR requested_at < h.approved_at - interval '10 seconds'
    OR requested_at > coalesce(h.ended_at, h.expires_at) + interval '10 seconds' THEN
    RETURN false;
  END IF;
  IF holdpoint.event_impersonates(h, e) THEN
    RETURN true;
  END IF;
  w := holdpoint.event_wish(e);
  w.selectors := h.selectors; -- which an event does not tell
  RETURN w.username = h.username AND w.api_group = h.api_group AND w.resource = h.resource
    AND w.subresource = h.subresource AND CASE
      WHEN holdpoint.hold_is_window(h) THEN holdpoint.hold_covers(h, w)
      ELSE (w.operation, w.namespace, w.name) = (h.operation, h.namespace, h.name) END;
END
$$;

CREATE OR REPLACE FUNCTION holdpoint.observe_cluster(p_cluster text, p_limit int) RETURNS int
LANGUAGE plpgsql SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
DECLARE
  -- What was taken in before the first of these was approved shows no use of them.
  since timestamptz := (SELECT min(h.approved_at) FROM holdpoint.hold h
    WHERE h.cluster = p_cluster AND h.is_question AND h.state IN ('approved', 'used')
      AND (h.ended_at IS NULL OR h.ended_at > now() - interval '5 minutes'));
  from_seq bigint;
  to_seq bigint;
  found_one record;
  uses int := 0;
BEGIN
  INSERT INTO holdpoint.question_watch (cluster, seq) VALUES (p_cluster, 0)
  ON CONFLICT (cluster) DO NOTHING;
  SELECT q.seq INTO from_seq FROM holdpoint.question_watch q WHERE q.cluster = p_cluster
  FOR UPDATE SKIP LOCKED;
  IF NOT FOUND THEN -- another replica is at it
    RETURN 0;
  END IF;
  from_seq := greatest(from_seq, (SELECT b.first_seq - 1 FROM holdpoint.audit_batch b
    WHERE b.cluster = p_cluster AND b.recorded_at >= since ORDER BY b.recorded_at, b.first_seq
    LIMIT 1));
  to_seq := least(from_seq + p_limit, (SELECT s.next_seq - 1 FROM holdpoint.audit_cluster_seq s
    WHERE s.cluster = p_cluster));
  FOR found_one IN
    SELECT h, e FROM holdpoint.audit_event e JOIN holdpoint.hold h ON h.cluster = e.cluster
      AND h.username IN (e.username, e.impersonated_user)
    LEFT JOIN holdpoint.sources_behind(p_cluster) AS s ON s.source = e.source
    WHERE e.cluster = p_cluster AND e.seq > from_seq AND e.seq <= to_seq AND e.recorded_at >= since
      AND h.is_question AND h.state IN ('approved', 'used')
      AND (h.ended_at IS NULL OR h.ended_at > now() - interval '5 minutes')
      AND holdpoint.event_is_use(h, e, coalesce(s.behind, '0'))
    ORDER BY e.seq, h.id
  LOOP
    IF NOT holdpoint.hold_observe(found_one.h, found_one.e) THEN
      to_seq := (found_one.e).seq - 1; -- and the rest the next time
      EXIT;
    END IF;
    uses := uses + 1;
  END LOOP;
  UPDATE holdpoint.question_watch q SET seq = to_seq WHERE q.cluster = p_cluster
    AND q.seq < to_seq;
  RETURN uses;
END
$$;

-- ---- the text of policies ----

CREATE OR REPLACE FUNCTION holdpoint.policy_loaded(p_cluster text, p_digest bytea, p_text text,
  p_instance text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
BEGIN
  IF sha256(convert_to(p_text, 'UTF8')) <> p_digest THEN
    RAISE EXCEPTION 'the digest of these policies is another one' USING ERRCODE = 'HP010';
  END IF;
  INSERT INTO holdpoint.policy_version (digest, text) VALUES (p_digest, p_text)
  ON CONFLICT (digest) DO NOTHING;
  INSERT INTO holdpoint.policy_load (cluster, digest, instance)
  VALUES (p_cluster, p_digest, left(p_instance, 253));
END
$$;

-- ---- clocks of webhooks ----

ALTER TABLE holdpoint.guard_instance ADD COLUMN clock_off_ms bigint;
COMMENT ON COLUMN holdpoint.guard_instance.clock_off_ms IS
  'By how much the process''s clock is ahead of the database''s; null: it does not say.';

CREATE OR REPLACE FUNCTION holdpoint.guard_report(p_cluster text, p_instance text, p_report jsonb)
RETURNS timestamptz LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, holdpoint, pg_temp
BEGIN ATOMIC
  DELETE FROM holdpoint.guard_instance AS g
  WHERE g.cluster = p_cluster AND g.reported_at < now() - interval '7 days';
  INSERT INTO holdpoint.guard_instance AS g (cluster, instance, started_at, version, rules,
    authorization_rules, unasked, validate_at, mutate_at, authorize_at, clock_off_ms, settings)
  VALUES (p_cluster, p_instance, holdpoint.guard_time(p_report, 'startedAt'),
    left(coalesce(p_report ->> 'version', ''), 100), coalesce((p_report ->> 'rules')::int, 0),
    coalesce((p_report ->> 'authorizationRules')::int, 0),
    coalesce((p_report ->> 'unasked')::int, 0), holdpoint.guard_time(p_report, 'validate'),
    holdpoint.guard_time(p_report, 'mutate'), holdpoint.guard_time(p_report, 'authorize'),
    (p_report ->> 'clockMs')::bigint - (extract(epoch FROM clock_timestamp()) * 1000)::bigint,
    coalesce(p_report -> 'settings', '{}'))
  ON CONFLICT ON CONSTRAINT guard_instance_pkey DO UPDATE SET
    reported_at = clock_timestamp(), started_at = excluded.started_at,
    version = excluded.version, rules = excluded.rules,
    authorization_rules = excluded.authorization_rules, unasked = excluded.unasked,
    validate_at = greatest(g.validate_at, excluded.validate_at),
    mutate_at = greatest(g.mutate_at, excluded.mutate_at),
    authorize_at = greatest(g.authorize_at, excluded.authorize_at),
    clock_off_ms = excluded.clock_off_ms, settings = excluded.settings;
  SELECT max(g.authorize_at) FROM holdpoint.guard_instance g WHERE g.cluster = p_cluster;
END;
