-- SPDX-License-Identifier: Apache-2.0
-- Sessions, which Kubernetes does not have: what one actor did with pauses under 30 minutes.
--
-- An actor is (cluster, user, impersonated user, session hint, credential id); without credential
-- id, source address and user agent stand in for it. A session is named after the lowest event
-- number in it, as s<cluster number>-<seq>: late events have higher numbers, so the name stays when
-- they extend the session; when they join two sessions the later name still leads to the whole,
-- because any event's number does.

SET LOCAL ROLE holdpoint_owner;
SET LOCAL search_path = pg_catalog, holdpoint, pg_temp;

CREATE FUNCTION holdpoint.actor_of(e holdpoint.audit_event) RETURNS text[]
LANGUAGE sql IMMUTABLE
BEGIN ATOMIC
  SELECT ARRAY[e.username, coalesce(e.impersonated_user, ''), coalesce(e.session_hint, ''),
    coalesce(e.credential_id,
      coalesce(e.source_ips[1], '') || ' ' || coalesce(e.user_agent, ''))];
END;

COMMENT ON FUNCTION holdpoint.actor_of IS 'Who acted, as one comparable value.';

CREATE FUNCTION holdpoint.session_name(p_cluster text, p_seq bigint) RETURNS text
LANGUAGE sql STABLE
BEGIN ATOMIC
  SELECT 's' || s.number || '-' || p_seq FROM holdpoint.audit_cluster_seq s
  WHERE s.cluster = p_cluster;
END;

COMMENT ON FUNCTION holdpoint.session_name IS 'The session''s name by an event in it.';

CREATE FUNCTION holdpoint.sessions(p_user text DEFAULT NULL, p_since timestamptz DEFAULT NULL,
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
      e.user_agent, e.verb, e.namespace, e.code, e.decision, e.hold_id,
      e.stage IN ('ResponseComplete', 'Panic')
        OR (e.stage = 'ResponseStarted' AND e.username = '') AS is_answer
    FROM holdpoint.audit_cluster_seq c
    JOIN holdpoint.audit_event e ON e.cluster = c.cluster
    WHERE e.stage_timestamp >= scan_from AND e.stage_timestamp <= scan_until
      AND e.recorded_at >= scan_from - interval '1 hour'
      AND (p_cluster IS NULL OR c.cluster = p_cluster)
      AND (p_user IS NULL OR e.username = p_user)
  ), marked AS (
    SELECT *, CASE WHEN at - lag(at) OVER w < interval '30 minutes'
      THEN 0 ELSE 1 END AS starts
    FROM event WINDOW w AS (PARTITION BY event.cluster, actor ORDER BY at, seq)
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
COMMENT ON FUNCTION holdpoint.sessions IS
  'Sessions, newest first; p_since defaults to a day ago: '
  'SELECT * FROM holdpoint.sessions(p_user => ''x'');';

CREATE FUNCTION holdpoint.session_anchor(p_session text) RETURNS holdpoint.audit_event
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
DECLARE
  parts text[] := regexp_match(p_session, '^s([0-9]{1,9})-([0-9]{1,18})$');
  e holdpoint.audit_event;
BEGIN
  IF parts IS NULL THEN
    RAISE EXCEPTION '"%" is not a session; they look like s1-2048', left(p_session, 64)
      USING ERRCODE = 'HP012';
  END IF;
  SELECT a.* INTO e FROM holdpoint.audit_cluster_seq s
  JOIN holdpoint.audit_event a ON a.cluster = s.cluster AND a.seq = parts[2]::bigint
  WHERE s.number = parts[1]::int;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'no session %', p_session USING ERRCODE = 'HP012',
      HINT = 'SELECT session FROM holdpoint.sessions();';
  END IF;
  RETURN e;
END
$$;

COMMENT ON FUNCTION holdpoint.session_anchor IS 'The event a session''s name points to.';

-- How far a session reaches from its anchor in one direction: event by event of the same actor,
-- until the pause is too long.
CREATE FUNCTION holdpoint.session_edge(anchor holdpoint.audit_event, forward boolean)
RETURNS timestamptz
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
DECLARE
  edge timestamptz := anchor.stage_timestamp;
  pause interval := '30 minutes';
  next_edge timestamptz;
BEGIN
  LOOP
    -- The farthest event within one pause of the edge; the pause starts anew from there.
    IF forward THEN
      SELECT max(e.stage_timestamp) INTO next_edge FROM holdpoint.audit_event e
      WHERE e.cluster = anchor.cluster AND e.username = anchor.username
        AND e.stage_timestamp > edge AND e.stage_timestamp < edge + pause
        AND e.recorded_at >= edge - interval '1 hour'
        AND holdpoint.actor_of(e) = holdpoint.actor_of(anchor);
    ELSE
      SELECT min(e.stage_timestamp) INTO next_edge FROM holdpoint.audit_event e
      WHERE e.cluster = anchor.cluster AND e.username = anchor.username
        AND e.stage_timestamp < edge AND e.stage_timestamp > edge - pause
        AND e.recorded_at >= edge - pause - interval '1 hour'
        AND holdpoint.actor_of(e) = holdpoint.actor_of(anchor);
    END IF;
    EXIT WHEN next_edge IS NULL;
    edge := next_edge;
  END LOOP;
  RETURN edge;
END
$$;

COMMENT ON FUNCTION holdpoint.session_edge IS
  'Time of a session''s first or last event, by an event in it.';

CREATE FUNCTION holdpoint.session_events(p_session text) RETURNS SETOF holdpoint.audit_event
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
DECLARE
  anchor holdpoint.audit_event := holdpoint.session_anchor(p_session);
  first_at timestamptz := holdpoint.session_edge(anchor, false);
  last_at timestamptz := holdpoint.session_edge(anchor, true);
BEGIN
  RETURN QUERY SELECT e.* FROM holdpoint.audit_event e
  WHERE e.cluster = anchor.cluster AND e.username = anchor.username
    AND e.stage_timestamp BETWEEN first_at AND last_at
    AND e.recorded_at >= first_at - interval '1 hour'
    AND holdpoint.actor_of(e) = holdpoint.actor_of(anchor)
  ORDER BY e.stage_timestamp, e.seq;
END
$$;
COMMENT ON FUNCTION holdpoint.session_events(text) IS
  'The events of a session in the order in which they happened.';

GRANT EXECUTE ON FUNCTION holdpoint.sessions, holdpoint.session_events(text),
  holdpoint.session_anchor(text), holdpoint.session_name(text, bigint),
  holdpoint.session_edge(holdpoint.audit_event, boolean),
  holdpoint.actor_of(holdpoint.audit_event)
  TO holdpoint_auditor;
