-- SPDX-License-Identifier: Apache-2.0
-- Reads and their decisions. No admission webhook sees a read, so its audit event has no annotation
-- of ours: which decision at /authorize belongs to it is found by identity, verb, object and time.
--
-- A question may be asked in somebody's name without a request (`kubectl auth can-i`): the decision
-- that is nearest in time is taken, and none that says no of a request that passed.

SET LOCAL ROLE holdpoint_owner;
SET LOCAL search_path = pg_catalog, holdpoint, pg_temp;

-- What decision.name is of this request.
CREATE FUNCTION holdpoint.event_object(e holdpoint.audit_event) RETURNS text
LANGUAGE sql IMMUTABLE
BEGIN ATOMIC
  SELECT CASE WHEN e.resource IS NULL THEN split_part(e.request_uri, '?', 1)
    ELSE coalesce(e.name, '') END;
END;
COMMENT ON FUNCTION holdpoint.event_object IS 'The object''s name, or the path of what is none.';

-- The API server asks when it has the request; the answer may have waited for a human. Clocks may
-- differ by some seconds.
CREATE FUNCTION holdpoint.is_asked_for(d holdpoint.decision, p_requested_at timestamptz,
  p_ended_at timestamptz, p_code int, p_api_group text, p_subresource text) RETURNS boolean
LANGUAGE sql IMMUTABLE
BEGIN ATOMIC
  SELECT d.endpoint = 'authorize' AND d.api_group = p_api_group AND d.subresource = p_subresource
    AND (d.allowed OR coalesce(p_code, 0) >= 400)
    AND d.time BETWEEN p_requested_at - interval '5 seconds'
      AND least(p_requested_at + interval '60 seconds', p_ended_at + interval '5 seconds');
END;
COMMENT ON FUNCTION holdpoint.is_asked_for IS
  'Whether a decision of this identity, verb and object may be that of this request.';

CREATE FUNCTION holdpoint.asked_distance(d holdpoint.decision, p_requested_at timestamptz)
RETURNS interval
LANGUAGE sql IMMUTABLE
BEGIN ATOMIC
  SELECT greatest(d.time - p_requested_at, p_requested_at - d.time);
END;
COMMENT ON FUNCTION holdpoint.asked_distance IS 'How far a decision is from a request.';

-- The decision of an event: the one that its annotation names, or what /authorize was asked about it.
CREATE FUNCTION holdpoint.event_decision(e holdpoint.audit_event) RETURNS holdpoint.decision
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, holdpoint, pg_temp
SET plan_cache_mode = force_custom_plan -- so that other days are left out
AS $$
DECLARE
  found holdpoint.decision;
  -- Events compare by bytes, decisions do not: with these the index of decisions serves.
  its_cluster text := e.cluster;
  its_user text := e.username;
  its_actor text := coalesce(e.impersonated_user, e.username);
  requested_at timestamptz := coalesce(e.received_timestamp, e.stage_timestamp);
BEGIN
  IF e.decision_id IS NOT NULL THEN
    SELECT d.* INTO found FROM holdpoint.decision d
    WHERE d.cluster = its_cluster AND d.decision_id = e.decision_id
      AND d.recorded_at BETWEEN requested_at - interval '1 day' AND requested_at + interval '2 days'
    LIMIT 1;
    IF found.decision_id IS NULL THEN -- by a clock that is far off
      SELECT d.* INTO found FROM holdpoint.decision d
      WHERE d.cluster = its_cluster AND d.decision_id = e.decision_id LIMIT 1;
    END IF;
    RETURN found;
  END IF;
  SELECT d.* INTO found FROM holdpoint.decision d
  WHERE d.cluster = its_cluster AND d.username = its_actor
    AND d.time BETWEEN requested_at - interval '5 seconds' AND requested_at + interval '60 seconds'
    AND d.recorded_at BETWEEN requested_at - interval '1 hour' AND requested_at + interval '25 hours'
    AND d.operation = e.verb AND d.resource = coalesce(e.resource, '')
    AND d.namespace = coalesce(e.namespace, '') AND d.name = holdpoint.event_object(e)
    AND holdpoint.is_asked_for(d, requested_at, e.stage_timestamp, e.code,
      coalesce(e.api_group, ''), coalesce(e.subresource, ''))
  ORDER BY holdpoint.asked_distance(d, requested_at) LIMIT 1;
  IF found.decision_id IS NULL AND e.impersonated_user IS NOT NULL THEN
    -- Leave to act as somebody is asked for in one's own name.
    SELECT d.* INTO found FROM holdpoint.decision d
    WHERE d.cluster = its_cluster AND d.username = its_user
      AND d.time BETWEEN requested_at - interval '5 seconds' AND requested_at + interval '60 seconds'
      AND d.recorded_at BETWEEN requested_at - interval '1 hour'
        AND requested_at + interval '25 hours'
      AND d.endpoint = 'authorize' AND d.operation LIKE 'impersonate%'
      AND (d.allowed OR coalesce(e.code, 0) >= 400)
    ORDER BY d.hold_id IS NULL, holdpoint.asked_distance(d, requested_at) LIMIT 1;
  END IF;
  RETURN found;
END
$$;
COMMENT ON FUNCTION holdpoint.event_decision IS
  'The decision that an event is about, at admission or at /authorize; null: none is recorded.';

-- Events of a hold that carry no annotation: reads that were held, or passed on its approval.
CREATE FUNCTION holdpoint.hold_reads(p_hold bigint) RETURNS TABLE (cluster text, seq bigint)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, holdpoint, pg_temp
SET plan_cache_mode = force_custom_plan
AS $$
BEGIN
  RETURN QUERY
  SELECT e.cluster, e.seq
  FROM holdpoint.audit_cluster_seq c
  JOIN holdpoint.hold h ON h.cluster = c.cluster AND h.id = p_hold
  JOIN holdpoint.decision d ON d.cluster = h.cluster AND d.hold_id = h.id
    AND d.endpoint = 'authorize'
  JOIN holdpoint.audit_event e ON e.cluster = d.cluster
    AND (e.username = h.username OR e.impersonated_user = h.username)
    -- What is answered as long as it lasts ends late.
    AND e.stage_timestamp BETWEEN d.time - interval '70 seconds' AND d.time
      + CASE WHEN d.operation IN ('list', 'get') AND d.resource <> '' AND d.subresource = ''
        THEN interval '10 minutes' ELSE interval '1 day' END
    AND coalesce(e.received_timestamp, e.stage_timestamp)
      BETWEEN d.time - interval '60 seconds' AND d.time + interval '5 seconds'
    AND e.recorded_at >= d.time - interval '1 hour' AND e.hold_id IS NULL
    AND (e.verb = d.operation OR d.operation LIKE 'impersonate%')
  WHERE (holdpoint.event_decision(e)).decision_id = d.decision_id
  UNION
  SELECT c.cluster, substring(v.terms ->> 'event' FROM '[0-9]{1,18}$')::bigint
  FROM holdpoint.audit_cluster_seq c
  JOIN holdpoint.hold_event v ON v.cluster = c.cluster AND v.hold_id = p_hold
  WHERE v.terms ->> 'event' ~ '/[0-9]{1,18}$';
END
$$;
COMMENT ON FUNCTION holdpoint.hold_reads IS
  'Numbers of the events of a hold that name no hold: reads, found by their decisions.';

CREATE OR REPLACE FUNCTION holdpoint.sessions(p_user text DEFAULT NULL, p_since timestamptz DEFAULT NULL,
  p_until timestamptz DEFAULT NULL, p_cluster text DEFAULT NULL,
  p_namespace text DEFAULT NULL, p_limit int DEFAULT 1000)
RETURNS TABLE (session text, cluster text, username text, impersonated_user text,
  credential_id text, source_ip text, user_agent text, started_at timestamptz,
  ended_at timestamptz, requests bigint, reads bigint, writes bigint, failed bigint,
  denied bigint, held bigint, holds bigint[], verbs text[], namespaces text[])
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, holdpoint, pg_temp
SET plan_cache_mode = force_custom_plan -- filters that are not given must cost nothing
AS $$
#variable_conflict use_column
DECLARE
  since timestamptz := coalesce(p_since, now() - interval '1 day');
  -- A day more than asked, so that a session that runs into the range is seen whole.
  scan_from timestamptz := since - interval '1 day';
  scan_until timestamptz := coalesce(p_until, 'infinity');
BEGIN
  RETURN QUERY
  WITH event AS (
    SELECT e.cluster, e.seq, e.stage_timestamp AS at, holdpoint.actor_of(e) AS actor,
      e.username, e.impersonated_user, e.credential_id, e.source_ips[1] AS source_ip,
      e.user_agent, e.verb, coalesce(e.namespace, '') AS namespace, e.code, e.decision,
      e.hold_id, coalesce(e.impersonated_user, e.username) AS who,
      coalesce(e.received_timestamp, e.stage_timestamp) AS requested_at,
      coalesce(e.api_group, '') AS api_group, coalesce(e.resource, '') AS resource,
      coalesce(e.subresource, '') AS subresource, holdpoint.event_object(e) AS name,
      e.stage IN ('ResponseComplete', 'Panic')
        OR (e.stage = 'ResponseStarted' AND e.username = '') AS is_answer
    FROM holdpoint.audit_cluster_seq c
    JOIN holdpoint.audit_event e ON e.cluster = c.cluster
    WHERE e.stage_timestamp >= scan_from AND e.stage_timestamp <= scan_until
      AND e.recorded_at >= scan_from - interval '1 hour'
      AND (p_cluster IS NULL OR c.cluster = p_cluster)
      AND (p_user IS NULL OR e.username = p_user)
  ), asked AS (
    -- From the side of the decisions, which are few: what /authorize held or refused.
    SELECT DISTINCT ON (e.cluster, e.seq) e.cluster, e.seq, d.action, d.hold_id
    FROM holdpoint.audit_cluster_seq c
    JOIN holdpoint.decision d ON d.cluster = c.cluster
    JOIN event e ON e.cluster = d.cluster AND e.who = d.username AND e.verb = d.operation
      AND e.namespace = d.namespace AND e.resource = d.resource AND e.name = d.name
    WHERE d.endpoint = 'authorize' AND d.action IN ('Hold', 'Deny')
      AND d.time >= scan_from AND d.time <= scan_until
      AND d.recorded_at >= scan_from - interval '1 hour'
      AND e.decision IS NULL AND e.hold_id IS NULL
      AND holdpoint.is_asked_for(d, e.requested_at, e.at, e.code, e.api_group, e.subresource)
    ORDER BY e.cluster, e.seq, holdpoint.asked_distance(d, e.requested_at)
  ), linked AS (
    SELECT e.cluster, e.seq, e.at, e.actor, e.username, e.impersonated_user, e.credential_id,
      e.source_ip, e.user_agent, e.verb, e.namespace, e.code,
      coalesce(e.decision, a.action) AS decision, coalesce(e.hold_id, a.hold_id) AS hold_id,
      e.is_answer
    FROM event e LEFT JOIN asked a ON a.cluster = e.cluster AND a.seq = e.seq
  ), marked AS (
    SELECT *, CASE WHEN at - lag(at) OVER w < interval '30 minutes'
      THEN 0 ELSE 1 END AS starts
    FROM linked WINDOW w AS (PARTITION BY linked.cluster, actor ORDER BY at, seq)
  ), numbered AS (
    SELECT *, sum(starts) OVER (PARTITION BY marked.cluster, actor ORDER BY at, seq)
      AS nth
    FROM marked
  ), session AS (
    SELECT n.cluster, min(n.seq) AS first_seq, n.username, n.impersonated_user,
      (array_agg(n.credential_id ORDER BY n.at, n.seq))[1] AS credential_id,
      (array_agg(n.source_ip ORDER BY n.at, n.seq))[1] AS source_ip,
      (array_agg(n.user_agent ORDER BY n.at, n.seq))[1] AS user_agent,
      min(n.at) AS started_at, max(n.at) AS ended_at,
      count(*) FILTER (WHERE is_answer) AS requests,
      count(*) FILTER (WHERE is_answer AND n.verb IN ('get', 'list', 'watch'))
        AS reads,
      count(*) FILTER (WHERE is_answer AND n.verb NOT IN ('get', 'list', 'watch'))
        AS writes,
      count(*) FILTER (WHERE is_answer AND n.code >= 400) AS failed,
      count(*) FILTER (WHERE is_answer AND lower(n.decision) = 'deny') AS denied,
      count(*) FILTER (WHERE is_answer AND lower(n.decision) = 'hold') AS held,
      array_agg(DISTINCT n.hold_id ORDER BY n.hold_id)
        FILTER (WHERE n.hold_id IS NOT NULL) AS holds,
      array_agg(DISTINCT n.verb ORDER BY n.verb) AS verbs,
      array_agg(DISTINCT n.namespace ORDER BY n.namespace)
        FILTER (WHERE n.namespace <> '') AS namespaces
    FROM numbered n
    GROUP BY n.cluster, n.actor, n.nth, n.username, n.impersonated_user
  )
  SELECT holdpoint.session_name(s.cluster, s.first_seq), s.cluster, s.username,
    s.impersonated_user, s.credential_id, s.source_ip, s.user_agent, s.started_at,
    s.ended_at, s.requests, s.reads, s.writes, s.failed, s.denied, s.held,
    coalesce(s.holds, '{}'), s.verbs, coalesce(s.namespaces, '{}')
  FROM session s
  WHERE s.ended_at >= since AND (p_namespace IS NULL OR p_namespace = ANY(s.namespaces))
  ORDER BY s.started_at DESC, s.first_seq DESC
  LIMIT p_limit;
END
$$;

-- Who acted as somebody is found like who acted.
CREATE INDEX audit_event_as ON holdpoint.audit_event (cluster, impersonated_user, stage_timestamp)
  WHERE impersonated_user IS NOT NULL;

GRANT EXECUTE ON FUNCTION holdpoint.event_object(holdpoint.audit_event),
  holdpoint.is_asked_for(holdpoint.decision, timestamptz, timestamptz, int, text, text),
  holdpoint.asked_distance(holdpoint.decision, timestamptz),
  holdpoint.event_decision(holdpoint.audit_event), holdpoint.hold_reads(bigint)
  TO holdpoint_auditor;
