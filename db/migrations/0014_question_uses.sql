-- SPDX-License-Identifier: Apache-2.0
-- What was done of what /authorize was asked, as the audit trail shows.
--
-- A SubjectAccessReview says in whose name it asks, and not who asks: the API server about a request
-- of that user, `kubectl auth can-i`, a console, or anybody else who may create one. So an answer of
-- yes uses nothing up; a use is an audit event of that user, for that verb and object, that did not
-- fail. The webhook calls observe_uses() about once a second; as long as no approval at /authorize is
-- open it reads one index. The sink has no part in it but to store events.
--
-- Where no audit events arrive, an approval ends by its time alone: a Window's, and for a Once rule
-- config.question_window. Between a use and its event some seconds may pass, in which the answer is
-- still yes: what passed then is listed as a repeat.

SET LOCAL ROLE holdpoint_owner;
SET LOCAL search_path = pg_catalog, holdpoint, pg_temp;

CREATE TABLE holdpoint.question_watch (
  cluster text PRIMARY KEY CHECK (octet_length(cluster) BETWEEN 1 AND 253),
  seq bigint NOT NULL
);
COMMENT ON TABLE holdpoint.question_watch IS
  'How far audit events were looked through for uses of approvals at /authorize.';
COMMENT ON COLUMN holdpoint.question_watch.cluster IS 'The cluster.';
COMMENT ON COLUMN holdpoint.question_watch.seq IS 'Number of the last event.';

-- The request that an event tells of, told from others by nothing that its client chooses alone.
CREATE FUNCTION holdpoint.event_request(e holdpoint.audit_event) RETURNS text
LANGUAGE sql IMMUTABLE
BEGIN ATOMIC
  SELECT left(e.audit_id, 200) || '@'
    || (extract(epoch FROM coalesce(e.received_timestamp, e.stage_timestamp)) * 1000000)::bigint;
END;

-- An event as what a hold may cover.
CREATE FUNCTION holdpoint.event_wish(e holdpoint.audit_event) RETURNS holdpoint.hold
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
DECLARE
  w holdpoint.hold;
BEGIN
  w.cluster := e.cluster;
  w.username := coalesce(e.impersonated_user, e.username);
  w.operation := e.verb;
  w.api_group := coalesce(e.api_group, '');
  w.resource := coalesce(e.resource, '');
  w.subresource := coalesce(e.subresource, '');
  w.namespace := coalesce(e.namespace, '');
  w.name := CASE WHEN e.resource IS NULL THEN split_part(e.request_uri, '?', 1)
    ELSE coalesce(e.name, '') END;
  w.is_question := true;
  RETURN w;
END
$$;

-- Leave to act as somebody is used by whatever is then done as them.
CREATE FUNCTION holdpoint.event_impersonates(h holdpoint.hold, e holdpoint.audit_event)
RETURNS boolean
LANGUAGE sql IMMUTABLE
BEGIN ATOMIC
  SELECT h.operation LIKE 'impersonate%' AND e.username = h.username AND CASE h.resource
    WHEN 'users' THEN e.impersonated_user = h.name
    WHEN 'serviceaccounts' THEN
      e.impersonated_user = 'system:serviceaccount:' || h.namespace || ':' || h.name
    WHEN 'groups' THEN h.name = ANY(e.impersonated_groups)
    ELSE false END;
END;

-- Whether an event shows a use of an approval at /authorize.
CREATE FUNCTION holdpoint.event_is_use(h holdpoint.hold, e holdpoint.audit_event) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
DECLARE
  w holdpoint.hold;
  requested_at timestamptz := coalesce(e.received_timestamp, e.stage_timestamp);
BEGIN
  -- The API server's clock may be some seconds off.
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

-- Writes a use down, once a request. False: somebody has the hold in hand.
CREATE FUNCTION holdpoint.hold_observe(p_hold holdpoint.hold, e holdpoint.audit_event)
RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
DECLARE
  h holdpoint.hold;
  w holdpoint.hold_event;
BEGIN
  SELECT * INTO h FROM holdpoint.hold o WHERE o.cluster = p_hold.cluster AND o.id = p_hold.id
  FOR NO KEY UPDATE SKIP LOCKED;
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  w.request_uid := holdpoint.event_request(e);
  IF h.state NOT IN ('approved', 'used') OR EXISTS (SELECT FROM holdpoint.hold_event o
    WHERE o.cluster = h.cluster AND o.hold_id = h.id AND o.request_uid = w.request_uid) THEN
    RETURN true;
  END IF;
  w.channel := 'system';
  w.who := h.username;
  w.terms := jsonb_build_object('event', e.cluster || '/' || e.seq, 'verb', e.verb,
    'namespace', coalesce(e.namespace, ''), 'name', coalesce(e.name, e.request_uri, ''));
  w.passed := holdpoint.hold_what(holdpoint.event_wish(e));
  IF h.state = 'used' THEN -- before it was known here
    INSERT INTO holdpoint.hold_event (cluster, hold_id, action, state_after, channel, who, terms,
      passed, request_uid)
    VALUES (h.cluster, h.id, 'repeat', h.state, w.channel, w.who, w.terms, w.passed,
      w.request_uid);
    RETURN true;
  END IF;
  w.action := 'use';
  h.uses := h.uses + 1;
  IF NOT holdpoint.hold_is_window(h) OR h.uses >= h.max_uses THEN
    h.state := 'used';
  END IF;
  PERFORM holdpoint.hold_step(h, w);
  RETURN true;
END
$$;

-- One cluster's events since the last time, p_limit of them at most; returns how many showed a use.
CREATE FUNCTION holdpoint.observe_cluster(p_cluster text, p_limit int) RETURNS int
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
    WHERE e.cluster = p_cluster AND e.seq > from_seq AND e.seq <= to_seq AND e.recorded_at >= since
      AND h.is_question AND h.state IN ('approved', 'used')
      AND (h.ended_at IS NULL OR h.ended_at > now() - interval '5 minutes')
      AND holdpoint.event_is_use(h, e)
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

CREATE FUNCTION holdpoint.observe_uses(p_limit int DEFAULT 20000) RETURNS int
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
DECLARE
  open_in text;
  uses int := 0;
BEGIN
  FOR open_in IN SELECT DISTINCT h.cluster FROM holdpoint.hold h
    WHERE h.is_question AND h.state IN ('approved', 'used')
      AND (h.ended_at IS NULL OR h.ended_at > now() - interval '5 minutes')
  LOOP
    uses := uses + holdpoint.observe_cluster(open_in, least(greatest(p_limit, 1), 1000000));
  END LOOP;
  RETURN uses;
END
$$;
COMMENT ON FUNCTION holdpoint.observe_uses(int) IS
  'Looks in new audit events for uses of approvals at /authorize, and counts them; returns how many.';

GRANT EXECUTE ON FUNCTION holdpoint.observe_uses(int) TO holdpoint_webhook;
GRANT SELECT ON holdpoint.question_watch TO holdpoint_auditor;
