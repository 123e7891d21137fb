-- SPDX-License-Identifier: Apache-2.0
-- What is known of each source of audit events, gaps and clocks above all.
--
-- An API server numbers nothing that it sends, so an event that it dropped cannot be missed by
-- number. What can be known: when a source was last heard of, and whether that is unusual for it;
-- how long its events are on their way, and whether they are ahead of us; what it cut, what could
-- not be read; and requests of which the beginning was reported and the end was not. The last is
-- the only trace of a dropped event, where the audit policy reports beginnings.

SET LOCAL ROLE holdpoint_owner;
SET LOCAL search_path = pg_catalog, holdpoint, pg_temp;

-- Every (cluster, source) that ever sent something, by jumps along the index.
CREATE FUNCTION holdpoint.audit_known_sources()
RETURNS TABLE (cluster text, source text)
LANGUAGE sql STABLE
BEGIN ATOMIC
  WITH RECURSIVE known AS (
    (SELECT b.cluster, b.source FROM holdpoint.audit_batch b
     ORDER BY b.cluster, b.source LIMIT 1)
    UNION ALL
    SELECT n.cluster, n.source FROM known k CROSS JOIN LATERAL (
      SELECT b.cluster, b.source FROM holdpoint.audit_batch b
      WHERE (b.cluster, b.source) > (k.cluster, k.source)
      ORDER BY b.cluster, b.source LIMIT 1) AS n
  )
  SELECT k.cluster, k.source FROM known k;
END;
COMMENT ON FUNCTION holdpoint.audit_known_sources() IS
  'Every source of every cluster that ever sent a body.';

-- The bodies of one source, each with the pause before it: those of the period, the pause that was
-- going on when the period began included.
CREATE FUNCTION holdpoint.audit_source_batches(p_cluster text, p_source text, p_from timestamptz)
RETURNS TABLE (received_at timestamptz, pause interval, delay interval, first_seq bigint,
  events int, quarantined int, truncated int, late int, ahead int)
LANGUAGE sql STABLE
BEGIN ATOMIC
  SELECT b.received_at, b.received_at - coalesce(lag(b.received_at) OVER w,
      (SELECT max(p.received_at) FROM holdpoint.audit_batch p WHERE p.cluster = p_cluster
        AND p.source = p_source AND p.received_at < p_from)),
    b.received_at - b.newest_event, b.first_seq, b.events, b.quarantined, b.truncated, b.late,
    b.ahead
  FROM holdpoint.audit_batch b
  WHERE b.cluster = p_cluster AND b.source = p_source AND b.received_at >= p_from
  WINDOW w AS (ORDER BY b.received_at);
END;
COMMENT ON FUNCTION holdpoint.audit_source_batches IS
  'The bodies of a source since then, with the pause before each.';

CREATE FUNCTION holdpoint.audit_sources(p_since interval DEFAULT '1 day',
  p_cluster text DEFAULT NULL)
RETURNS TABLE (cluster text, source text, state text, last_received timestamptz,
  silent_for interval, usual_pause interval, longest_pause interval,
  longest_pause_from timestamptz, batches bigint, events bigint, quarantined bigint,
  truncated bigint, late bigint, ahead bigint, delay_least interval, delay_median interval,
  delay_most interval)
LANGUAGE sql STABLE SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
  SELECT k.cluster, k.source,
    CASE
      WHEN f.batches = 0 OR l.silent_for > greatest(interval '5 minutes', 10 * f.usual_pause)
        THEN 'silent'
      WHEN f.delay_least < interval '-5 seconds' THEN 'ahead'
      WHEN f.delay_least > interval '1 minute' THEN 'behind'
      ELSE 'ok'
    END,
    l.last_received, l.silent_for, f.usual_pause, f.longest_pause, f.longest_pause_from,
    f.batches, coalesce(f.events, 0), coalesce(f.quarantined, 0), coalesce(f.truncated, 0),
    coalesce(f.late, 0), coalesce(f.ahead, 0), f.delay_least, f.delay_median, f.delay_most
  FROM holdpoint.audit_known_sources() k
  CROSS JOIN LATERAL (
    SELECT max(b.received_at) AS last_received, now() - max(b.received_at) AS silent_for
    FROM holdpoint.audit_batch b WHERE b.cluster = k.cluster AND b.source = k.source
  ) AS l
  CROSS JOIN LATERAL (
    SELECT count(*) AS batches, sum(b.events) AS events, sum(b.quarantined) AS quarantined,
      sum(b.truncated) AS truncated, sum(b.late) AS late, sum(b.ahead) AS ahead,
      percentile_disc(0.99) WITHIN GROUP (ORDER BY b.pause) AS usual_pause,
      max(b.pause) AS longest_pause,
      (array_agg(b.received_at - b.pause ORDER BY b.pause DESC NULLS LAST))[1]
        AS longest_pause_from,
      min(b.delay) AS delay_least,
      percentile_disc(0.5) WITHIN GROUP (ORDER BY b.delay) AS delay_median,
      max(b.delay) AS delay_most
    FROM holdpoint.audit_source_batches(k.cluster, k.source, now() - p_since) b
  ) AS f
  WHERE p_cluster IS NULL OR k.cluster = p_cluster
  ORDER BY k.cluster, k.source
$$;
COMMENT ON FUNCTION holdpoint.audit_sources(interval, text) IS
  'Gaps and clocks of each source over a period: silent (for ten times its usual pause, and five '
  'minutes), ahead (its clock, of ours), behind (even its quickest body came a minute late), ok.';

-- Requests whose beginning was reported and whose end was not. What is answered at once has five
-- minutes; what stays open (watch, exec) after its first answer, p_open.
CREATE FUNCTION holdpoint.audit_unfinished(p_since interval DEFAULT '1 day',
  p_cluster text DEFAULT NULL, p_open interval DEFAULT '4 hours')
RETURNS TABLE (cluster text, source text, seq bigint, audit_id text, stage text,
  stage_timestamp timestamptz, username text, verb text, request_uri text)
LANGUAGE sql STABLE SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
  SELECT e.cluster, e.source, e.seq, e.audit_id, e.stage, e.stage_timestamp, e.username, e.verb,
    e.request_uri
  FROM holdpoint.audit_cluster_seq c
  JOIN holdpoint.audit_event e ON e.cluster = c.cluster
  WHERE (p_cluster IS NULL OR c.cluster = p_cluster)
    AND e.stage IN ('RequestReceived', 'ResponseStarted')
    AND e.stage_timestamp >= now() - p_since
    AND e.recorded_at >= now() - p_since - interval '1 hour'
    AND e.stage_timestamp < now() - CASE e.stage WHEN 'RequestReceived'
      THEN interval '5 minutes' ELSE p_open END
    -- What failed to authenticate is reported with this stage only.
    AND NOT (e.stage = 'ResponseStarted' AND e.username = '')
    AND NOT EXISTS (SELECT FROM holdpoint.audit_event o WHERE o.cluster = e.cluster
      AND o.audit_id = e.audit_id AND o.recorded_at >= now() - p_since - interval '1 hour'
      AND (o.stage IN ('ResponseComplete', 'Panic')
        OR (e.stage = 'RequestReceived' AND o.stage = 'ResponseStarted')))
  ORDER BY e.cluster, e.seq
$$;
COMMENT ON FUNCTION holdpoint.audit_unfinished IS
  'Requests that began and, as far as reported, never ended: events were dropped, or the API '
  'server was killed.';

GRANT EXECUTE ON FUNCTION holdpoint.audit_known_sources(), holdpoint.audit_sources(interval, text),
  holdpoint.audit_source_batches(text, text, timestamptz),
  holdpoint.audit_unfinished(interval, text, interval)
  TO holdpoint_auditor;
