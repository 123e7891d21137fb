-- SPDX-License-Identifier: Apache-2.0
-- What is known of the sources of audit events: pauses, clocks, what never ended.

-- A body of `events` events that came `ago`, the newest of which happened `delay` before.
CREATE FUNCTION t.body(source text, ago interval, delay interval DEFAULT '1 second',
  events int DEFAULT 10, late int DEFAULT 0, ahead int DEFAULT 0, cut int DEFAULT 0,
  cluster text DEFAULT 'c1') RETURNS void
LANGUAGE plpgsql
AS $$
DECLARE
  came bigint := extract(epoch FROM now() - ago) * 1000000;
  newest bigint := came - extract(epoch FROM delay) * 1000000;
BEGIN
  PERFORM set_config('session_authorization', 'sink', true);
  PERFORM holdpoint.audit_begin_batch(cluster, source, sha256(random()::text::bytea), events, 1, 1000,
    came, newest - 5000000, newest, late, ahead, cut);
  PERFORM set_config('session_authorization', 'postgres', true);
END
$$;
CREATE FUNCTION t.source(name text, since interval DEFAULT '1 day') RETURNS text
LANGUAGE sql
AS $$
  SELECT concat_ws(' ', state, date_trunc('second', silent_for), usual_pause, longest_pause, batches,
    events, quarantined, truncated, late, ahead, delay_least, delay_most)
  FROM holdpoint.audit_sources(since) WHERE source = name
$$;
CREATE FUNCTION t.state(name text, since interval DEFAULT '1 day') RETURNS text
LANGUAGE sql
AS $$ SELECT state FROM holdpoint.audit_sources(since) WHERE source = name $$;

SELECT t.is('0', count(*)::text, 'nobody yet') FROM holdpoint.audit_sources();

SELECT t.body('steady', n * interval '30 seconds') FROM generate_series(1, 100) AS n \g /dev/null
SELECT t.is('ok 00:00:30 00:00:30 00:00:30 100 1000 100 0 0 0 00:00:01 00:00:01', t.source('steady'), 'steady');

-- Silence: told by what is usual for that source, and not before five minutes.
SELECT t.body('quick', interval '4 minutes' + n * interval '1 second') FROM generate_series(1, 100) AS n \g /dev/null
SELECT t.is('ok', t.state('quick'), 'four minutes are no silence yet');
SELECT t.body('stopped', interval '6 minutes' + n * interval '1 second') FROM generate_series(1, 100) AS n \g /dev/null
SELECT t.is('silent', t.state('stopped'), 'six minutes are, of one that sends every second');
SELECT t.body('slow', interval '20 minutes' + n * interval '3 minutes') FROM generate_series(1, 100) AS n \g /dev/null
SELECT t.is('ok', t.state('slow'), 'and are not, of one that sends every three minutes');
SELECT t.body('gone', interval '3 days' + n * interval '1 second') FROM generate_series(1, 100) AS n \g /dev/null
SELECT t.is('silent 3 days 00:00:01 0 0 0 0 0 0', t.source('gone'), 'one that sent nothing in the period');
SELECT t.is('silent', t.state('gone', '7 days'), 'is silent in a longer one, too');
SELECT t.body('single', interval '1 minute') \g /dev/null
SELECT t.is('ok', t.state('single'), 'one body tells no habit');

-- The longest pause: also one that began before the period.
SELECT t.body('paused', m * interval '1 minute') FROM unnest('{1, 2, 3, 63, 64}'::int[]) AS m \g /dev/null
SELECT t.is('01:00:00 01:03:00', longest_pause || ' ' || date_trunc('second', now() - longest_pause_from), 'an hour')
FROM holdpoint.audit_sources() WHERE source = 'paused';
SELECT t.is('01:00:00', longest_pause::text, 'seen from within') FROM holdpoint.audit_sources('30 minutes')
WHERE source = 'paused';

-- Clocks.
SELECT t.body('fast', n * interval '30 seconds', '-20 seconds', ahead => 10) FROM generate_series(1, 10) AS n \g /dev/null
SELECT t.is('ahead', t.state('fast'), 'its events have yet to happen');
SELECT t.body('behind', n * interval '30 seconds', '2 minutes') FROM generate_series(1, 10) AS n \g /dev/null
SELECT t.is('behind', t.state('behind'), 'even its quickest body took two minutes');
SELECT t.body('delayed', n * interval '30 seconds', n * interval '50 seconds', late => n - 5)
FROM generate_series(1, 10) AS n \g /dev/null
SELECT t.is('ok', t.state('delayed'), 'delays alone are no wrong clock');
SELECT t.body('cut', interval '1 minute', cut => 3) \g /dev/null
SELECT t.is('3', truncated::text, 'what the API server cut') FROM holdpoint.audit_sources() WHERE source = 'cut';

-- By cluster.
SELECT t.body('steady', interval '1 minute', cluster => 'c2') \g /dev/null
SELECT t.is('c1:100 c2:1', string_agg(cluster || ':' || batches, ' '), 'a source of two clusters')
FROM holdpoint.audit_sources() WHERE source = 'steady';
SELECT t.is('c2/steady', string_agg(cluster || '/' || source, ' '), 'one cluster')
FROM holdpoint.audit_sources(p_cluster => 'c2');

-- Requests that never ended.
INSERT INTO holdpoint.audit_event (cluster, seq, source, stage, level, stage_timestamp, audit_id, verb,
  username, masking_version, masked, body_digest)
SELECT 'c1', n, 's', stage, 'Metadata', now() - ago::interval, id, verb, username, 1, 0, 'd'
FROM (VALUES (1, 'RequestReceived', '1 hour', 'whole', 'get', 'u'),
  (2, 'ResponseComplete', '1 hour', 'whole', 'get', 'u'),
  (3, 'RequestReceived', '1 hour', 'lost', 'delete', 'u'),
  (4, 'RequestReceived', '1 minute', 'running', 'delete', 'u'),
  (5, 'RequestReceived', '1 hour', 'watching', 'watch', 'u'),
  (6, 'ResponseStarted', '1 hour', 'watching', 'watch', 'u'),
  (7, 'ResponseStarted', '5 hours', 'cut off', 'watch', 'u'),
  (8, 'ResponseStarted', '5 hours', 'watched', 'watch', 'u'),
  (9, 'ResponseComplete', '4 hours', 'watched', 'watch', 'u'),
  (10, 'ResponseStarted', '5 hours', 'nobody', 'get', ''),
  (11, 'RequestReceived', '1 hour', 'panic', 'get', 'u'),
  (12, 'Panic', '1 hour', 'panic', 'get', 'u'),
  (13, 'RequestReceived', '2 days', 'long ago', 'get', 'u')) AS v(n, stage, ago, id, verb, username);
SELECT t.is('lost cut off', string_agg(audit_id, ' ' ORDER BY seq), 'unfinished')
FROM holdpoint.audit_unfinished();
SELECT t.is('lost watching cut off', string_agg(audit_id, ' ' ORDER BY seq), 'no watch lasts that long')
FROM holdpoint.audit_unfinished(p_open => '30 minutes');
SELECT t.is(NULL, string_agg(audit_id, ' '), 'of another cluster') FROM holdpoint.audit_unfinished(p_cluster => 'c2');


-- Another request of the same audit id, which is the client's to choose, ends nothing.
INSERT INTO holdpoint.audit_event (cluster, seq, source, stage, level, received_timestamp, stage_timestamp, audit_id,
  verb, username, request_uri, masking_version, masked, body_digest)
SELECT 'c2', n, 's', stage, 'Metadata', now() - received::interval, now() - received::interval, 'same', verb, username, uri, 1, 0, 'd'
FROM (VALUES (1, 'RequestReceived', '1 hour', 'patch', 'u', '/a'), (2, 'ResponseComplete', '1 hour', 'patch', 'u', '/a'),
  (3, 'RequestReceived', '50 minutes', 'patch', 'u', '/a'), (4, 'ResponseComplete', '51 minutes', 'patch', 'u', '/a'),
  (5, 'RequestReceived', '40 minutes', 'patch', 'u', '/a'), (6, 'ResponseComplete', '40 minutes', 'get', 'u', '/a'),
  (7, 'ResponseComplete', '40 minutes', 'patch', 'other', '/a'), (8, 'ResponseComplete', '40 minutes', 'patch', 'u', '/b'))
  AS v(n, stage, received, verb, username, uri);
SELECT t.is('3 5', string_agg(seq::text, ' ' ORDER BY seq), 'only its own end ends a request')
FROM holdpoint.audit_unfinished(p_cluster => 'c2');

-- Decisions of which no event tells.
SELECT holdpoint.ensure_partitions(1) \g /dev/null
CREATE FUNCTION t.decided(what text, ago interval, also jsonb DEFAULT '{}') RETURNS uuid
LANGUAGE sql
AS $$
  INSERT INTO holdpoint.decision (cluster, decision_id, time, endpoint, username, operation, resource, namespace, name, action,
    allowed, answer)
  SELECT 'c1', gen_random_uuid(), now() - ago, e, coalesce(also->>'user', 'agent'), coalesce(also->>'operation', 'UPDATE'),
    'pods', 'prod', what, 'Audit', a, CASE e WHEN 'authorize' THEN 'asked: yes' ELSE CASE WHEN a THEN 'allowed' ELSE 'denied' END END
  FROM (SELECT coalesce(also->>'endpoint', 'validate') AS e, coalesce((also->>'allowed')::boolean, true) AS a) x
  RETURNING decision_id
$$;
CREATE FUNCTION t.reported(what text, ago interval, id uuid, also jsonb DEFAULT '{}') RETURNS void
LANGUAGE sql
AS $$
  INSERT INTO holdpoint.audit_event (cluster, seq, source, stage, level, received_timestamp, stage_timestamp, audit_id, verb,
    username, impersonated_user, resource, namespace, name, decision_id, masking_version, masked, body_digest)
  SELECT 'c1', 1000 + count(*), 's', 'ResponseComplete', 'Metadata', now() - ago, now() - ago + interval '1 second', 'd',
    coalesce(also->>'verb', 'patch'), coalesce(also->>'user', 'agent'), also->>'as', 'pods', 'prod', what, id, 1, 0, 'd'
  FROM holdpoint.audit_event
$$;
SELECT t.reported('told', '2 hours', t.decided('told', '1 hour')) \g /dev/null
SELECT t.decided('vanished', '1 hour'), t.decided('refused', '1 hour', '{"allowed": false}'),
  t.decided('asked', '1 hour', '{"endpoint": "authorize"}'), t.decided('new', '1 minute'), t.decided('old', '2 days'),
  t.decided('other verb', '1 hour'), t.decided('other user', '1 hour'), t.decided('another day', '1 hour'),
  t.decided('tried again', '1 hour'), t.decided('in a name', '1 hour', '{"user": "robot"}') \g /dev/null
SELECT t.reported('other verb', '1 hour', NULL, '{"verb": "get"}'), t.reported('other user', '1 hour', NULL, '{"user": "u2"}'),
  t.reported('another day', '20 hours', NULL), t.reported('tried again', '1 hour', gen_random_uuid()),
  t.reported('in a name', '1 hour', NULL, '{"as": "robot"}') \g /dev/null
SELECT t.is('another day, other user, other verb, vanished', string_agg(name, ', ' ORDER BY name), 'decisions without an event')
FROM holdpoint.unreported_decisions();
SELECT t.is(NULL, string_agg(name, ', '), 'of another cluster') FROM holdpoint.unreported_decisions(p_cluster => 'c2');
SELECT t.expect('42501', 'sink', 'SELECT * FROM holdpoint.unreported_decisions()');

SELECT t.expect('42501', 'sink', 'SELECT * FROM holdpoint.audit_sources()');
SELECT t.expect('c1', 'auditor', 'SELECT * FROM holdpoint.audit_sources()');
SELECT t.done();
