-- SPDX-License-Identifier: Apache-2.0
-- Sessions: what belongs together, what they are called, and that names last.

CREATE SEQUENCE t.seq;
INSERT INTO holdpoint.audit_cluster_seq (cluster) VALUES ('c1'), ('c2');

-- An event `minutes` after the start of time, numbered in order of arrival.
CREATE FUNCTION t.event(minutes numeric, also jsonb DEFAULT '{}') RETURNS bigint
LANGUAGE sql
AS $$
  INSERT INTO holdpoint.audit_event (cluster, seq, source, stage, level, stage_timestamp, audit_id,
    verb, username, impersonated_user, session_hint, credential_id, source_ips, user_agent,
    namespace, code, decision, hold_id, masking_version, masked, body_digest)
  SELECT coalesce(also->>'cluster', 'c1'), nextval('t.seq'), 's',
    coalesce(also->>'stage', 'ResponseComplete'), 'Metadata',
    date_trunc('day', now()) - interval '10 hours' + minutes * interval '1 minute', 'a',
    coalesce(also->>'verb', 'get'), coalesce(also->>'user', 'agent'), also->>'as',
    also->>'hint', also->>'credential', ARRAY[coalesce(also->>'ip', '10.0.0.1')],
    coalesce(also->>'agent', 'kubectl'), coalesce(also->>'ns', 'prod'),
    (also->>'code')::int, also->>'decision', (also->>'hold')::bigint, 1, 0, 'd'
  RETURNING seq
$$;
CREATE FUNCTION t.all_sessions(who text DEFAULT NULL) RETURNS text
LANGUAGE sql
AS $$
  SELECT string_agg(session || ':' || requests, ' ' ORDER BY started_at, session)
  FROM holdpoint.sessions(who, now() - interval '2 days')
$$;
\o /dev/null
SELECT t.event(0), t.event(10), t.event(39.9), t.event(69.9), t.event(80);
\o
SELECT t.is('s1-1:3 s1-4:2', t.all_sessions(),
  'a pause of 30 minutes ends a session, one of 29:54 does not');
SELECT t.is('1,2,3', string_agg(seq::text, ','), 'its events')
  FROM holdpoint.session_events('s1-1');
SELECT t.is('4,5', string_agg(seq::text, ','), 'by the name of any event in it')
  FROM holdpoint.session_events('s1-5');

-- Late events, with higher numbers: extend, come before, join.
\o /dev/null
SELECT t.event(-5);
\o
SELECT t.is('s1-1:4 s1-4:2', t.all_sessions(), 'an earlier event does not rename the session');
SELECT t.is('6,1,2,3', string_agg(seq::text, ','), 'played in the order in which it happened')
  FROM holdpoint.session_events('s1-1');
\o /dev/null
SELECT t.event(55);
\o
SELECT t.is('s1-1:7', t.all_sessions(), 'a late event joins two sessions');
SELECT t.is('6,1,2,3,7,4,5', string_agg(seq::text, ','), 'the later name leads to the whole')
  FROM holdpoint.session_events('s1-4');

-- Who is an actor.
\o /dev/null
SELECT t.event(1, '{"user": "u2"}'), t.event(2, '{"user": "u2", "ip": "10.0.0.2"}'), t.event(3,
  '{"user": "u2", "agent": "helm"}'),
  t.event(4, '{"user": "u2", "as": "admin"}'), t.event(5, '{"user": "u2", "cluster": "c2"}'),
  t.event(6, '{"user": "u2", "hint": "task-1"}'), t.event(7, '{"user": "u2", "hint": "task-2"}');
SELECT t.event(1, '{"user": "u3", "credential": "JTI=1"}'), t.event(2,
  '{"user": "u3", "credential": "JTI=1", "ip": "10.9.9.9", "agent": "x"}'),
  t.event(3, '{"user": "u3", "credential": "JTI=2"}');
\o
SELECT t.is('7', count(*)::text,
  'address, agent, impersonation, cluster and hint each make another actor')
    FROM holdpoint.sessions('u2', now() - interval '2 days');
SELECT t.is('2,1', string_agg(requests::text, ',' ORDER BY started_at),
  'with a credential id, address and agent do not count')
    FROM holdpoint.sessions('u3', now() - interval '2 days');

-- What a session says of itself.
\o /dev/null
SELECT t.event(1, '{"user": "u4", "verb": "create", "stage": "RequestReceived"}'), t.event(1.1,
  '{"user": "u4", "verb": "create", "code": 201}'),
  t.event(2, '{"user": "u4", "verb": "delete", "code": 403, "decision": "deny", "ns": "dev"}'),
  t.event(3, '{"user": "u4", "verb": "delete", "code": 403, "decision": "hold", "hold": 7}'),
  t.event(4, '{"user": "u4", "verb": "delete", "code": 200, "hold": 7}'),
  t.event(5, '{"user": "u4", "verb": "list", "code": 200}');
\o
SELECT t.is('5|1|4|2|1|1|{7}|{create,delete,list}|{dev,prod}', concat_ws('|', requests, reads,
  writes, failed, denied, held, holds, verbs, namespaces), 'counts')
FROM holdpoint.sessions('u4', now() - interval '2 days');

-- Filters.
SELECT t.is(v.expected, (SELECT count(*)::text
  FROM holdpoint.sessions(v.who, now() - interval '2 days', v.until, v.cluster, v.ns)), v.what)
FROM (VALUES
  ('1', 'u4', NULL::timestamptz, NULL, 'dev', 'a namespace it touched'),
  ('0', 'u4', NULL, NULL, 'test', 'one it did not'),
  ('1', 'u2', NULL, 'c2', NULL, 'cluster'),
  ('6', 'u2', NULL, 'c1', NULL, 'the other cluster'),
  ('0', 'u2', now() - interval '40 hours', NULL, NULL, 'before all of it'),
  ('0', 'nobody', NULL, NULL, NULL, 'user')
) AS v(expected, who, until, cluster, ns, what);
SELECT t.is('1', count(*)::text, 'a session that runs into the range is in it, whole')
FROM holdpoint.sessions('agent', date_trunc('day',
  now()) - interval '10 hours' + interval '75 minutes') WHERE requests = 7;
SELECT t.is('1', count(*)::text, 'limit')
  FROM holdpoint.sessions('u2', now() - interval '2 days', p_limit => 1);

-- Names that are none.
SELECT t.expect('HP012', 'auditor', format('SELECT * FROM holdpoint.session_events(%L)', v.name))
FROM (VALUES ('1-1'), ('s1-'), ('s1-99999'), ('s9-1'), (''), (NULL), ('s1-1; DROP'),
  ('s99999999999-1'), (repeat('9', 100000))) AS v(name);

SELECT t.done();
