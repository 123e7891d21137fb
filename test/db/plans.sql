-- SPDX-License-Identifier: Apache-2.0
-- What is asked often reads by index and reads little, however much past there is.

-- A past of 100,000 holds with their events, all statements as if by another server's replica.
SET session_replication_role = replica;
INSERT INTO holdpoint.hold (cluster, fingerprint, state, username, groups, operation, api_group,
  api_version,
  resource, subresource, namespace, name, policy, rule, message, approvers, min_approvals,
    require_reason,
  grant_kind, change, created_at, expires_at, request_uid, uses, ended_at)
SELECT 'c1', sha256(i::text::bytea), (ARRAY['used', 'denied', 'expired'])[1 + i % 3],
  'agent' || i % 10, '{ai}', 'DELETE',
  'apps', 'v1', 'deployments', '', 'prod', 'web' || i, 'agents', 'deletes', 'needs a human',
    '{sre}', 1, false,
  'Once', '{}', now() - i * interval '1 minute',
    now() - i * interval '1 minute' + interval '1 hour', 'u', 1,
  now() - i * interval '1 minute'
FROM generate_series(1, 100000) AS i;
INSERT INTO holdpoint.hold_event (cluster, hold_id, action, state_after, channel, who, fingerprint,
  at)
SELECT h.cluster, h.id, 'use', 'used', 'webhook', h.username, h.fingerprint, h.created_at
  FROM holdpoint.hold h;
RESET session_replication_role;
SELECT holdpoint.ensure_partitions(1) \g /dev/null
INSERT INTO holdpoint.audit_event (cluster, seq, source, stage, level, stage_timestamp, audit_id,
  verb, username,
  namespace, resource, masking_version, masked, body, body_digest, decision_id, hold_id)
SELECT 'c1', i, 's', 'ResponseComplete', 'Metadata', now() - (100000 - i) * interval '0.5 seconds',
  'id' || i, 'get',
  'user' || i % 1000, 'ns' || i % 100, 'pods', 1, 0, '{}', 'd',
    CASE WHEN i % 10 = 0 THEN gen_random_uuid() END,
  CASE WHEN i % 100 = 0 THEN i END
FROM generate_series(1, 100000) AS i;
INSERT INTO holdpoint.audit_cluster_seq (cluster) VALUES ('c1');
ANALYZE;

-- And 5,000 that are alive, of which the planner knows nothing yet.
INSERT INTO holdpoint.hold (cluster, fingerprint, username, groups, operation, api_group,
  api_version, resource,
  subresource, namespace, name, policy, rule, message, approvers, min_approvals, require_reason,
    grant_kind,
  expires_at, request_uid)
SELECT 'c1', sha256(('live' || i)::bytea), 'flood', '{ai}', 'DELETE', 'apps', 'v1', 'deployments',
  '', 'prod', 'web',
  'agents', 'deletes', '', '{sre}', 1, false, 'Once', now() + interval '1 hour', 'u'
FROM generate_series(1, 5000) AS i;

-- Runs a statement and says what it read of a table: how often all of it, and whether no more than
-- `rows` by index.
CREATE FUNCTION t.reads(relation text, rows bigint, statement text) RETURNS text
LANGUAGE plpgsql
AS $$
DECLARE
  before pg_stat_xact_user_tables;
  got pg_stat_xact_user_tables;
BEGIN
  SELECT * INTO STRICT before FROM pg_stat_xact_user_tables WHERE relname = relation;
  EXECUTE statement;
  SELECT * INTO STRICT got FROM pg_stat_xact_user_tables WHERE relname = relation;
  RETURN (got.seq_scan - before.seq_scan) || CASE WHEN got.idx_tup_fetch - before.idx_tup_fetch <= rows
    THEN ' few' ELSE ' ' || got.idx_tup_fetch - before.idx_tup_fetch END;
END
$$;
SELECT relname AS today FROM pg_class
  WHERE relname = 'audit_event_p' || to_char(now() AT TIME ZONE 'UTC', 'YYYYMMDD') \gset

SELECT t.is('0 few', t.reads('hold', v.rows, v.statement), v.what)
FROM (VALUES
  (20, 'a new hold', $$SELECT FROM t.ask('{"user": "agent1", "name": "new"}')$$),
  (20, 'the same again', $$SELECT FROM t.ask('{"user": "agent1", "name": "new"}')$$),
  (20, 'a window', $$SELECT FROM t.ask('{"user": "agent1", "name": "w", "grant": "Window"}')$$),
  (20, 'a dry run', $$SELECT FROM t.ask('{"user": "agent1", "name": "new", "dry_run": true}')$$),
  (20, 'approval', $$SELECT holdpoint.approve(max(id)) FROM holdpoint.hold WHERE cluster = 'c1'
    AND state = 'pending' AND username = 'agent1'$$),
  (20, 'its use', $$SELECT FROM t.ask('{"user": "agent1", "name": "w", "grant": "Window"}')$$),
  (20, 'sweep', $$SELECT holdpoint.expire_holds()$$),
  (20, 'waiting', $$SELECT FROM holdpoint.hold_states('{1, 2, 3}')$$),
  (6000, 'the list of what waits', $$SELECT * FROM holdpoint.pending_holds$$),
  (20, 'one of the past', $$SELECT * FROM holdpoint.holds WHERE id = 4711$$),
  (100, 'earlier holds of an identity',
    $$SELECT * FROM holdpoint.holds WHERE cluster = 'c1' AND requester = 'agent1' AND id < 90000
      ORDER BY id DESC LIMIT 10$$),
  (6000, 'the list by state',
    $$SELECT * FROM holdpoint.holds h WHERE h.state = ANY('{pending}') AND (h.live OR false)
      ORDER BY id DESC LIMIT 50$$)
) AS v(rows, what, statement);
SELECT t.is('0 few', t.reads('hold_event', 20, v.statement), v.what)
FROM (VALUES
  ('repeats of a change', $$SELECT FROM t.ask('{"user": "agent1", "name": "other"}')$$),
  ('what is new, for who watches',
    $$SELECT * FROM holdpoint.hold_event WHERE id > (SELECT max(id) - 5 FROM holdpoint.hold_event)
      ORDER BY id LIMIT 100$$),
  ('the history of a hold',
    $$SELECT * FROM holdpoint.hold_event WHERE cluster = 'c1' AND hold_id = 4711$$)
) AS v(what, statement);
SELECT t.is('0 few', t.reads(:'today', v.rows, v.statement), v.what)
FROM (VALUES
  (10, 'by auditID', $$SELECT * FROM holdpoint.audit_event WHERE cluster = 'c1'
    AND audit_id = 'id777'$$),
  (10, 'by number', $$SELECT * FROM holdpoint.audit_event WHERE cluster = 'c1' AND seq = 777$$),
  (10, 'by hold', $$SELECT * FROM holdpoint.audit_event WHERE cluster = 'c1' AND hold_id = 700$$),
  (10, 'by decision', $$SELECT * FROM holdpoint.audit_event WHERE cluster = 'c1'
    AND decision_id = '00000000-0000-0000-0000-000000000000'$$),
  (20, 'user and time',
    $$SELECT * FROM holdpoint.audit_event WHERE cluster = 'c1' AND username = 'user7'
      AND stage_timestamp > now() - interval '1 hour'$$),
  (200, 'namespace, resource and time',
    $$SELECT * FROM holdpoint.audit_event WHERE cluster = 'c1' AND namespace = 'ns7'
      AND resource = 'pods' AND stage_timestamp > now() - interval '1 hour'$$),
  (500, 'sessions of a user',
    $$SELECT * FROM holdpoint.sessions('user7', now() - interval '1 day', p_cluster => 'c1')$$),
  (1000, 'the events of a session', $$SELECT * FROM holdpoint.session_events('s1-99007')$$)
) AS v(rows, what, statement);

SELECT t.done();
