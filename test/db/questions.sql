-- SPDX-License-Identifier: Apache-2.0
-- /authorize is asked, by whoever may ask; what was done, the audit trail says.

\set q '"operation": "get", "api_group": "", "resource": "secrets", "question": true, "name": "db"'
SELECT format('{%s}', :'q') AS q \gset
-- A question in the agent's name, with what `other` says other than usual.
CREATE FUNCTION t.question(q text, other jsonb DEFAULT '{}') RETURNS SETOF holdpoint.hold_answer
LANGUAGE sql
AS $$ SELECT * FROM t.ask(q::jsonb || other) $$;

-- An audit event as the sink stores it, of a read of the agent's unless `other` says so.
CREATE FUNCTION t.event(other jsonb DEFAULT '{}') RETURNS void
LANGUAGE plpgsql
AS $$
DECLARE
  e jsonb := '{"stage": "ResponseComplete", "verb": "get", "username": "agent", "api_group": null,
    "resource": "secrets", "namespace": "prod", "name": "db", "code": 200, "audit_id": "a",
    "after": "0", "source": "s"}'::jsonb || other;
  first bigint;
  at timestamptz := clock_timestamp() + (e->>'after')::interval;
BEGIN
  SELECT b.first_seq INTO first FROM holdpoint.audit_begin_batch('c1', e->>'source',
    sha256(gen_random_uuid()::text::bytea), 1, 0, 1) AS b;
  INSERT INTO holdpoint.audit_event (cluster, seq, source, stage, level, stage_timestamp,
    received_timestamp, audit_id, verb, username, impersonated_user, impersonated_groups, api_group,
    resource, subresource, namespace, name, code, request_uri, masking_version, masked, body_digest)
  VALUES ('c1', first, e->>'source', e->>'stage', 'Metadata', coalesce((e->>'at')::timestamptz, at),
    coalesce((e->>'received')::timestamptz, (e->>'at')::timestamptz, at), e->>'audit_id',
    e->>'verb', e->>'username', e->>'as',
    ARRAY(SELECT jsonb_array_elements_text(e->'as_groups')), e->>'api_group', e->>'resource',
    e->>'subresource', e->>'namespace', e->>'name', (e->>'code')::int, e->>'uri', 1, 0, '\x00');
END
$$;
-- Approves a new hold of the question; its number.
CREATE FUNCTION t.approved(q text, other jsonb DEFAULT '{}') RETURNS bigint
LANGUAGE plpgsql
AS $$
DECLARE
  h bigint := (SELECT hold_id FROM t.question(q, other));
BEGIN
  PERFORM t.answer('alice', format('SELECT holdpoint.approve(%s)', h));
  RETURN h;
END
$$;

-- A question makes a hold, and no answer to it uses anything up, whoever asks.
SELECT t.is('held t', verdict || ' ' || left(is_new::text, 1), 'asked') FROM t.question(:'q');
SELECT t.approved(:'q') AS h \gset
SELECT t.is('approved', t.state(:h), 'approved');
SELECT t.is('allow allow allow allow allow allow allow allow', string_agg((SELECT verdict
    FROM t.question(:'q', jsonb_build_object('uid', n))), ' '), 'asked eight times')
FROM generate_series(1, 8) AS n;
SELECT t.is('approved 0 8', state || ' ' || uses || ' ' || answered, 'nothing is used up')
FROM holdpoint.hold WHERE id = :h;
SELECT t.is('create:agent approve:alice', t.steps(:h), 'nor written down as done');
SELECT t.is('true', (expires_at < now() + '301 seconds')::text, 'it ends by time, too')
FROM holdpoint.hold WHERE id = :h;
SELECT t.is('held', verdict, 'for what was asked alone') FROM t.question(:'q', '{"name": "other"}');
SELECT t.is('held', verdict, 'nor another verb') FROM t.question(:'q', '{"operation": "list"}');

-- What the audit trail shows is a use. Expected verdict first: t a use, f none.
SELECT t.is(v.expected, left(holdpoint.event_is_use(h, e)::text, 1), v.other)
FROM (VALUES
  ('t', '{}'),
  ('t', '{"code": 201}'),
  ('t', '{"code": 101}'),
  ('t', '{"stage": "ResponseStarted"}'),
  ('t', '{"as": "agent", "username": "somebody"}'),
  ('f', '{"as": "somebody"}'),
  ('f', '{"code": 403}'),
  ('f', '{"code": 302}'),
  ('f', '{"code": null}'),
  ('f', '{"stage": "RequestReceived"}'),
  ('f', '{"stage": "Panic"}'),
  ('f', '{"username": "somebody"}'),
  ('f', '{"verb": "list"}'),
  ('f', '{"name": "other"}'),
  ('f', '{"namespace": "dev"}'),
  ('f', '{"subresource": "status"}'),
  ('f', '{"api_group": "apps"}'),
  ('f', '{"resource": "configmaps"}'),
  ('f', '{"after": "-1 hour"}'),
  ('f', '{"after": "1 hour"}'),
  ('t', '{"after": "-3 seconds"}')
) AS v(expected, other), holdpoint.hold h,
LATERAL (SELECT '{"stage": "ResponseComplete", "verb": "get", "username": "agent", "resource":
    "secrets", "namespace": "prod", "name": "db", "code": 200, "after": "0"}'::jsonb || v.other::jsonb
  AS o) AS j,
LATERAL (SELECT ROW(e.*)::holdpoint.audit_event AS e FROM jsonb_populate_record(
    NULL::holdpoint.audit_event, j.o || jsonb_build_object('impersonated_user', j.o->>'as',
      'received_timestamp', now() + (j.o->>'after')::interval, 'stage_timestamp', now())) AS e) AS made
WHERE h.id = :h;

-- The events of one request are one use; whoever chooses the auditID does not choose the time.
SELECT t.event('{"code": 403}'), t.event('{"name": "other"}'), t.event('{"username": "ci"}');
SELECT t.is('0', holdpoint.observe_uses()::text, 'no use among them');
SELECT t.is('allow', verdict, 'still open') FROM t.question(:'q');
SELECT t.event();
SELECT t.is('1', holdpoint.observe_uses()::text, 'a use');
SELECT t.is('used 1 create:agent approve:alice use:agent', t.state(:h) || ' ' || uses || ' '
  || t.steps(:h), 'used') FROM holdpoint.hold WHERE id = :h;
SELECT t.is('get prod db', concat_ws(' ', terms->>'verb', terms->>'namespace', terms->>'name'),
  'what was done') FROM holdpoint.hold_event WHERE hold_id = :h AND action = 'use';
SELECT t.is('0', holdpoint.observe_uses()::text, 'once');
SELECT t.is('held t', verdict || ' ' || left(is_new::text, 1), 'the next question asks anew')
FROM t.question(:'q');
SELECT t.event('{"audit_id": "b"}'), t.event('{"audit_id": "b"}');
SELECT holdpoint.observe_uses() \g /dev/null
SELECT t.is('used 1 create:agent approve:alice use:agent repeat:agent repeat:agent', t.state(:h)
  || ' ' || uses || ' ' || t.steps(:h), 'what passed before it was known is listed')
FROM holdpoint.hold WHERE id = :h;

-- A Window counts by the audit trail: a watch has two events, a second source the same one again.
\set w '"grant": "Window", "max_uses": 3, "window": "15 minutes", "rule": "reads"'
SELECT format('{%s, %s}', :'w', trim('{}' FROM :'q')) AS w \gset
SELECT t.approved(:'w') AS h \gset
SELECT t.is('allow allow allow allow allow', string_agg((SELECT verdict
    FROM t.question(:'w', jsonb_build_object('uid', n))), ' '), 'asked five times')
FROM generate_series(1, 5) AS n;
SELECT now()::text AS at \gset
SELECT t.event(jsonb_build_object('stage', 'ResponseStarted', 'received', :'at')),
  t.event(jsonb_build_object('received', :'at')),
  t.event(jsonb_build_object('received', :'at', 'source', 'import'));
SELECT holdpoint.observe_uses() \g /dev/null
SELECT t.is('approved 1', state || ' ' || uses, 'one request') FROM holdpoint.hold WHERE id = :h;
SELECT t.event('{"audit_id": "same"}'), t.event('{"audit_id": "same"}');
SELECT holdpoint.observe_uses() \g /dev/null
SELECT t.is('used 3', state || ' ' || uses, 'two requests of one auditID are two')
FROM holdpoint.hold WHERE id = :h;

-- Leave to act as somebody is used by what is done as them; a path has no object.
SELECT t.approved(:'q', '{"operation": "impersonate", "resource": "users", "namespace": "",
  "name": "zoe"}') AS h \gset
SELECT t.approved(:'q', '{"operation": "get", "resource": "", "namespace": "", "name": "/debug/x"}')
  AS p \gset
SELECT t.event('{"as": "zoe", "verb": "list", "resource": "pods", "name": null}');
SELECT t.event('{"resource": null, "name": null, "namespace": null, "uri": "/debug/x?seconds=1"}');
SELECT holdpoint.observe_uses() \g /dev/null
SELECT t.is('used used', t.state(:h) || ' ' || t.state(:p), 'impersonation and a path');

-- Without audit events it ends by time.
SELECT t.approved(:'q', '{"name": "quiet"}') AS h \gset
SELECT t.is('allow', verdict, 'open') FROM t.question(:'q', '{"name": "quiet"}');
SELECT t.age(:h, '6 minutes');
SELECT t.is('held t', verdict || ' ' || left(is_new::text, 1), 'over')
FROM t.question(:'q', '{"name": "quiet"}');

-- Who asks in somebody's name fills places of their own, and pauses questions alone.
UPDATE holdpoint.config SET max_questions_per_user = 3, max_pending_per_user = 2;
SELECT t.is('held held held limit limit', string_agg((SELECT verdict FROM t.question(:'q',
  jsonb_build_object('user', 'victim', 'name', n))), ' '), 'questions in the name of victim')
FROM generate_series(1, 5) AS n;
SELECT t.is('held held limit', string_agg((SELECT verdict FROM t.ask(
  jsonb_build_object('user', 'victim', 'name', n))), ' '), 'what victim does')
FROM generate_series(1, 3) AS n;
SELECT t.is('2 holds of this identity wait already, and no more may', decided_reason, 'says so')
FROM t.ask('{"user": "victim", "name": "x"}');
SELECT t.is('held', verdict, 'one that waits already') FROM t.ask('{"user": "victim", "name": "1"}');
SELECT t.is('held', verdict, 'somebody else') FROM t.ask('{"user": "other", "name": "1"}');
UPDATE holdpoint.config SET max_questions_per_user = DEFAULT, max_pending_per_user = DEFAULT;

-- Denied five times within ten minutes, told to wait; not longer, and nobody else.
SELECT t.answer('alice', format('SELECT holdpoint.deny(%s)', hold_id)) FROM generate_series(1, 5) AS n,
  LATERAL t.ask(jsonb_build_object('user', 'stubborn', 'name', 'v' || n)) \g /dev/null
SELECT t.is('paused', verdict, 'a sixth variation') FROM t.ask('{"user": "stubborn", "name": "v6"}');
SELECT t.is('5 holds of this identity were denied within 00:10:00 true', decided_reason || ' '
  || (expires_at BETWEEN now() + '9 minutes' AND now() + '10 minutes'), 'until when')
FROM t.ask('{"user": "stubborn", "name": "v6"}');
SELECT t.is('denied', verdict, 'a denied one is answered with that')
FROM t.ask('{"user": "stubborn", "name": "v5"}');
SELECT t.is('held', verdict, 'questions apart')
FROM t.question(:'q', '{"user": "stubborn", "name": "v6"}');
SELECT t.is('held', verdict, 'others apart') FROM t.ask('{"user": "stubborn2", "name": "v6"}');
SELECT t.age(min(id), '11 minutes') FROM holdpoint.hold WHERE username = 'stubborn' \g /dev/null
SELECT t.is('held', verdict, 'four are not five') FROM t.ask('{"user": "stubborn", "name": "v7"}');

SELECT t.done();
