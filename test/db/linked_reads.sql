-- SPDX-License-Identifier: Apache-2.0
-- A read's audit event and the decision at /authorize find each other: by identity, verb, object and
-- time.

INSERT INTO holdpoint.audit_cluster_seq (cluster) VALUES ('c1'), ('c2');
SELECT holdpoint.ensure_partitions(1) \g /dev/null
CREATE SEQUENCE t.seq;
CREATE TABLE t.start AS SELECT now() - interval '10 minutes' AS at;
-- Seconds after the start of time.
CREATE FUNCTION t.at(seconds numeric) RETURNS timestamptz
LANGUAGE sql
AS $$ SELECT at + seconds * interval '1 second' FROM t.start $$;
CREATE FUNCTION t.event(seconds numeric, also jsonb DEFAULT '{}') RETURNS bigint
LANGUAGE sql
AS $$
  INSERT INTO holdpoint.audit_event (cluster, seq, source, stage, level, received_timestamp,
    stage_timestamp, audit_id, verb, username, impersonated_user, request_uri, api_group, resource,
    subresource, namespace, name, code, decision_id, masking_version, masked, body_digest)
  SELECT coalesce(also->>'cluster', 'c1'), nextval('t.seq'), 's', 'ResponseComplete', 'Metadata',
    t.at(seconds), t.at(seconds + coalesce((also->>'lasts')::numeric, 0.01)), 'a',
    coalesce(also->>'verb', 'get'), coalesce(also->>'user', 'agent'), also->>'as',
    coalesce(also->>'uri', '/api/v1/namespaces/prod/secrets/db'), '',
    CASE WHEN also ? 'uri' THEN NULL ELSE coalesce(also->>'resource', 'secrets') END, '',
    coalesce(also->>'ns', 'prod'), coalesce(also->>'name', 'db'),
    coalesce((also->>'code')::int, 200), (also->>'decision_id')::uuid, 1, 0, 'd'
  RETURNING seq
$$;
CREATE FUNCTION t.decided(seconds numeric, also jsonb DEFAULT '{}') RETURNS uuid
LANGUAGE sql
AS $$
  INSERT INTO holdpoint.decision (cluster, decision_id, time, endpoint, username, operation, resource,
    namespace, name, policy, rule, action, allowed, answer, hold_id)
  SELECT coalesce(also->>'cluster', 'c1'), gen_random_uuid(), t.at(seconds),
    coalesce(also->>'endpoint', 'authorize'), coalesce(also->>'user', 'agent'),
    coalesce(also->>'verb', 'get'), coalesce(also->>'resource', 'secrets'),
    coalesce(also->>'ns', 'prod'), coalesce(also->>'name', 'db'), 'agents', 'secrets',
    coalesce(also->>'action', 'Hold'), a, CASE WHEN also->>'endpoint' = 'validate'
      THEN CASE WHEN a THEN 'allowed' ELSE 'denied' END
      WHEN a THEN 'asked: yes' ELSE 'asked: no' END, (also->>'hold')::bigint
  FROM (SELECT coalesce((also->>'allowed')::boolean, true) AS a) x
  RETURNING decision_id
$$;
CREATE FUNCTION t.linked(p_seq bigint) RETURNS text
LANGUAGE sql VOLATILE -- sees what t.event() made in the same statement
AS $$
  SELECT coalesce(d.action || ' ' || coalesce(d.hold_id::text, '-'), 'none')
  FROM holdpoint.audit_event e, holdpoint.event_decision(e) d WHERE e.seq = p_seq
$$;

\o /dev/null
SELECT t.decided(0, '{"hold": 7}'), t.decided(0, '{"hold": 8, "user": "other"}'),
  t.decided(0, '{"hold": 9, "cluster": "c2"}'), t.decided(0, '{"hold": 10, "name": "web"}'),
  t.decided(0, '{"hold": 11, "verb": "list", "name": ""}'),
  t.decided(20, '{"hold": 12, "allowed": false}'), t.decided(21, '{"hold": 12}'),
  t.decided(100, '{"hold": 13, "endpoint": "validate"}'),
  t.decided(200, '{"hold": 14, "resource": "", "ns": "", "name": "/debug/pprof"}'),
  t.decided(300, '{"hold": 15, "verb": "impersonate", "resource": "users", "ns": "", "name": "root"}'),
  t.decided(400, '{"action": "Allow"}'), t.decided(401, '{"hold": 16}');
\o
SELECT t.is('Hold 7', t.linked(t.event(0.1)), 'its own');
SELECT t.is('Hold 7', t.linked(t.event(-0.2)), 'a clock that is behind');
SELECT t.is('none', t.linked(t.event(-30)), 'before it was asked');
SELECT t.is('none', t.linked(t.event(6)), 'long after it was asked');
SELECT t.is('Hold 8', t.linked(t.event(0.1, '{"user": "other"}')), 'another user''s');
SELECT t.is('none', t.linked(t.event(0.1, '{"user": "third"}')), 'a user who asked nothing');
SELECT t.is('Hold 9', t.linked(t.event(0.1, '{"cluster": "c2"}')), 'another cluster''s');
SELECT t.is('Hold 11', t.linked(t.event(0.1, '{"verb": "list", "name": ""}')), 'a list');
SELECT t.is('none', t.linked(t.event(0.1, '{"verb": "watch"}')), 'another verb');
SELECT t.is('none', t.linked(t.event(0.1, '{"resource": "pods"}')), 'another resource');
SELECT t.is('none', t.linked(t.event(0.1, '{"ns": "dev"}')), 'another namespace');
SELECT t.is('Hold 12', t.linked(t.event(20, '{"code": 403}')), 'a refused one');
SELECT t.event(20.1) AS passed \gset
SELECT t.is('true', (SELECT d.allowed::text FROM holdpoint.audit_event e,
  holdpoint.event_decision(e) d WHERE e.seq = :passed), 'what passed was not answered with no');
SELECT t.is('none', t.linked(t.event(100, '{"code": 403}')), 'a decision at admission needs its id');
SELECT t.is('Hold 14', t.linked(t.event(200, '{"uri": "/debug/pprof?debug=1", "ns": "", "name": ""}')),
  'a path without its query');
SELECT t.is('Hold 15', t.linked(t.event(300, '{"as": "root"}')), 'leave to act as somebody');
SELECT t.is('none', t.linked(t.event(300)), '… is not used by who acts as themselves');
SELECT t.is('Allow -', t.linked(t.event(400.1)), 'the nearer of two');
SELECT t.is('Hold 16', t.linked(t.event(400.9)), 'the nearer of two, too');
SELECT t.is('Hold 7', t.linked(t.event(0, '{"lasts": 3000}')), 'a watch that lasts');
SELECT t.is('Hold 13', t.linked(t.event(500, jsonb_build_object('decision_id', (SELECT decision_id
  FROM holdpoint.decision WHERE hold_id = 13)))), 'a write by its annotation, whenever');

-- Sessions and holds know them, too.
INSERT INTO holdpoint.hold (cluster, fingerprint, username, groups, operation, api_group,
  api_version, resource, subresource, namespace, name, policy, rule, message, approvers,
  min_approvals, require_reason, grant_kind, expires_at, request_uid, is_question)
SELECT 'c1', sha256('f'), 'solo', '{ai}', 'get', '', 'v1', 'secrets', '', 'prod', 'db', 'agents', 'secrets',
  '', '{sre}', 1, false, 'Once', now() + interval '1 hour', 'u', true;
\o /dev/null
SELECT max(id) AS hold FROM holdpoint.hold \gset
SELECT t.decided(500, jsonb_build_object('hold', :hold, 'user', 'solo', 'allowed', false)),
  t.decided(530, jsonb_build_object('hold', :hold, 'user', 'solo')),
  t.decided(535, '{"user": "solo", "name": "x", "action": "Deny", "allowed": false}');
SELECT t.event(500.1, '{"user": "solo", "code": 403}') AS refused \gset
SELECT t.event(530.1, '{"user": "solo"}') AS passed \gset
SELECT t.event(535.1, '{"user": "solo", "name": "x", "code": 403}'),
  t.event(540, '{"user": "solo", "name": "y"}');
\o
SELECT t.is(:'refused' || ',' || :'passed', string_agg(seq::text, ',' ORDER BY seq),
  'the events of a hold') FROM holdpoint.hold_reads(:hold);
SELECT t.is(concat_ws('|', 4, 2, 1, 2, '{' || :hold || '}'),
  concat_ws('|', requests, failed, denied, held, holds), 'what a session says of its reads')
  FROM holdpoint.sessions('solo');

SELECT t.expect('42501', r, 'SELECT holdpoint.hold_reads(1)', r || ' may not ask for the reads')
FROM unnest(ARRAY['holdpoint_webhook', 'holdpoint_auditsink', 'holdpoint_approver']) AS r;

SELECT t.done();
