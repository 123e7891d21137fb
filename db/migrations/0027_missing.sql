-- SPDX-License-Identifier: Apache-2.0
-- What the record lacks: requests whose end was never reported, and decisions that no event tells of.

SET LOCAL ROLE holdpoint_owner;
SET LOCAL search_path = pg_catalog, holdpoint, pg_temp;

-- The audit id is the client's to choose, so that another request's end could stand for one that
-- vanished. When the API server received a request is not, and it is the same in each of its stages.
CREATE FUNCTION holdpoint.is_same_request(a holdpoint.audit_event, b holdpoint.audit_event)
RETURNS boolean
LANGUAGE sql IMMUTABLE
BEGIN ATOMIC
  SELECT a.cluster = b.cluster AND a.audit_id = b.audit_id AND a.verb = b.verb
    AND a.username = b.username AND a.request_uri IS NOT DISTINCT FROM b.request_uri
    AND a.received_timestamp IS NOT DISTINCT FROM b.received_timestamp;
END;
COMMENT ON FUNCTION holdpoint.is_same_request IS 'Whether two events are stages of one request.';

CREATE OR REPLACE FUNCTION holdpoint.audit_unfinished(p_since interval DEFAULT '1 day',
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
      AND holdpoint.is_same_request(e, o)
      AND (o.stage IN ('ResponseComplete', 'Panic')
        OR (e.stage = 'RequestReceived' AND o.stage = 'ResponseStarted')))
  ORDER BY e.cluster, e.seq
$$;

-- Whoever asks /authorize need not do anything; what is admitted is done, or refused later, and
-- reported either way. One request may be decided on twice (the API server tries a patch again), and
-- its event names one decision.
CREATE FUNCTION holdpoint.unreported_decisions(p_since interval DEFAULT '1 day',
  p_cluster text DEFAULT NULL) RETURNS SETOF holdpoint.decision
LANGUAGE sql STABLE SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
  SELECT d.*
  FROM holdpoint.audit_cluster_seq c
  JOIN holdpoint.decision d ON d.cluster = c.cluster
  WHERE (p_cluster IS NULL OR c.cluster = p_cluster) AND d.endpoint = 'validate' AND d.allowed
    AND d.time >= now() - p_since AND d.time < now() - interval '5 minutes'
    AND d.recorded_at >= now() - p_since - interval '1 hour'
    AND NOT EXISTS (SELECT FROM holdpoint.audit_event e WHERE e.cluster = c.cluster
      AND e.decision_id = d.decision_id AND e.recorded_at >= now() - p_since - interval '1 hour')
    AND NOT EXISTS (SELECT FROM holdpoint.audit_event e WHERE e.cluster = c.cluster
      AND (e.username = d.username OR e.impersonated_user = d.username)
      AND e.stage_timestamp BETWEEN d.time - interval '5 seconds' AND d.time + interval '10 minutes'
      AND e.received_timestamp <= d.time + interval '5 seconds'
      AND e.recorded_at >= now() - p_since - interval '1 hour'
      AND e.stage IN ('ResponseComplete', 'Panic')
      AND e.verb = ANY(CASE d.operation WHEN 'CREATE' THEN '{create,update,patch}'::text[]
        WHEN 'UPDATE' THEN '{update,patch}' WHEN 'DELETE' THEN '{delete,deletecollection}'
        ELSE '{create,get,connect}' END)
      AND e.resource = d.resource AND coalesce(e.api_group, '') = d.api_group
      AND coalesce(e.subresource, '') = d.subresource AND coalesce(e.namespace, '') = d.namespace
      AND (coalesce(e.name, '') = d.name OR e.verb = 'deletecollection' OR d.name = ''))
  ORDER BY d.cluster, d.time
$$;
COMMENT ON FUNCTION holdpoint.unreported_decisions IS
  'What was admitted five minutes ago or more, and no audit event tells of: the event was dropped, '
  'or the audit policy leaves such requests out.';

GRANT EXECUTE ON FUNCTION holdpoint.is_same_request(holdpoint.audit_event, holdpoint.audit_event),
  holdpoint.unreported_decisions(interval, text) TO holdpoint_auditor;
