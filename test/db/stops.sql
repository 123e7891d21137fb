-- SPDX-License-Identifier: Apache-2.0
-- Stopping identities: who may, what is refused, how long it lasts, what resumes it.

CREATE ROLE sam LOGIN IN ROLE holdpoint_stopper;
CREATE ROLE tom LOGIN IN ROLE holdpoint_stopper, holdpoint_approver, sre;
CREATE ROLE twofold LOGIN IN ROLE holdpoint_stopper, holdpoint_webhook;
CREATE SEQUENCE t.seq;
-- Who is stopped in c1, as the webhook reads it.
CREATE FUNCTION t.stopped(p_cluster text DEFAULT 'c1') RETURNS text
LANGUAGE sql
AS $$
  SELECT coalesce(string_agg(kind || ' ' || name, ', ' ORDER BY kind, name), 'nobody')
  FROM holdpoint.stops_in_force(p_cluster)
$$;
-- The step of kubectl, by a user of these groups.
CREATE FUNCTION t.kubectl(who text, groups text, uid text, action text, p_name text,
  kind text DEFAULT 'user', may_fail boolean DEFAULT false) RETURNS text
LANGUAGE sql
AS $$
  SELECT t.answer('wh', format('SELECT holdpoint.stop_as_kubernetes(%L, %L, %L, %L, %L, %L, %L, ''why'', NULL, %L)',
    'c1', who, groups, uid, action, kind, p_name, may_fail))
$$;
CREATE FUNCTION t.event(uid text, o jsonb DEFAULT '{}') RETURNS void
LANGUAGE plpgsql
AS $$
DECLARE
  e jsonb := '{"user": "sue", "code": 201, "verb": "create", "resource": "holdstops", "group": "holdpoint.dev",
    "stage": "ResponseComplete", "uri": "/apis/holdpoint.dev/v1alpha1/holdstops"}'::jsonb || o;
BEGIN
  INSERT INTO holdpoint.audit_event (cluster, seq, source, stage, level, stage_timestamp, audit_id, verb, username,
    impersonated_user, request_uri, api_group, resource, subresource, code, hold_review, masking_version, masked,
    body_digest)
  VALUES ('c1', nextval('t.seq'), 's', e->>'stage', 'Metadata', now(), 'a', e->>'verb', e->>'user',
    e->>'as', e->>'uri', e->>'group', e->>'resource', e->>'sub', (e->>'code')::int, '0/' || uid, 1, 0, 'd');
END
$$;
CREATE FUNCTION t.confirm() RETURNS text
LANGUAGE sql
AS $$ SELECT t.answer('wh', 'SELECT holdpoint.confirm_resumes()') $$;

-- What a refusal of a login says, and its hint.
CREATE FUNCTION t.said(login text, statement text) RETURNS text
LANGUAGE plpgsql
AS $$
DECLARE
  said text;
  hint text;
BEGIN
  PERFORM set_config('session_authorization', login, true);
  EXECUTE statement INTO said;
  PERFORM set_config('session_authorization', 'postgres', true);
  RETURN said;
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS said = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT;
  PERFORM set_config('session_authorization', 'postgres', true);
  RETURN concat_ws(' | ', said, nullif(hint, ''));
END
$$;
INSERT INTO holdpoint.guard_instance (cluster, instance) VALUES ('c1', 'a'), ('c1', 'b'), ('c2', 'a');

-- Who may: a role of its own, and no other.
SELECT t.expect('42501', v.login, v.statement)
FROM (VALUES ('alice'), ('wh'), ('sink'), ('auditor'), ('admin'), ('keeper'), ('mallory')) AS l(login),
  LATERAL (VALUES (l.login, $$SELECT holdpoint.stop('agent', 'x')$$),
    (l.login, $$SELECT holdpoint.stop_group('ai', 'x')$$),
    (l.login, $$SELECT holdpoint.resume('agent', 'x')$$),
    (l.login, $$SELECT holdpoint.resume_group('ai', 'x')$$)) AS v(login, statement);
SELECT t.expect('42501', v.login, v.statement)
FROM (VALUES
  ('sam', $$SELECT holdpoint.stop_identity('user', 'x', '', 'x', NULL, NULL)$$),
  ('sam', $$SELECT holdpoint.stop_as_kubernetes('c1', 'x', '{}', 'u', 'Stop', 'user', 'x', 'x')$$),
  ('sam', $$SELECT * FROM holdpoint.stops_in_force('c1')$$),
  ('sam', $$INSERT INTO holdpoint.stop_event (cluster, action, kind, name, reason, channel, who) VALUES ('', 'resume', 'user', 'x', 'x', 'database', 'eve')$$),
  ('sam', $$SELECT holdpoint.approve(1)$$),
  ('sam', $$SELECT * FROM holdpoint.hold$$)
) AS v(login, statement);
SELECT t.expect('HP003', 'twofold', $$SELECT holdpoint.stop('agent', 'x')$$, 'a login of the webhook');
SELECT holdpoint.add_person('sam');
SELECT holdpoint.add_login('sam', 'sam');
SELECT holdpoint.add_agent('robot', 'sam', 'robot@example.com');
CREATE ROLE robot LOGIN IN ROLE holdpoint_stopper;
SELECT holdpoint.add_login('robot', 'robot');
SELECT t.expect('HP003', 'robot', $$SELECT holdpoint.stop('agent', 'x')$$, 'an agent');

-- What is refused.
SELECT t.expect(v.expected, 'sam', v.statement)
FROM (VALUES
  ('22023', $$SELECT holdpoint.stop('', 'x')$$),
  ('22023', $$SELECT holdpoint.stop(NULL, 'x')$$),
  ('22023', $$SELECT holdpoint.stop('agent', 'x', cluster => NULL)$$),
  ('22023', $$SELECT holdpoint.stop(repeat('x', 1025), 'x')$$),
  ('HP005', $$SELECT holdpoint.stop('agent', '')$$),
  ('HP005', $$SELECT holdpoint.stop('agent', E' \n')$$),
  ('HP005', $$SELECT holdpoint.stop('agent', NULL)$$),
  ('HP005', $$SELECT holdpoint.resume('agent', '')$$),
  ('22001', $$SELECT holdpoint.stop('agent', repeat('x', 4097))$$),
  ('22023', $$SELECT holdpoint.stop('agent', 'x', until => now() - interval '1 s')$$),
  ('HP017', $$SELECT holdpoint.stop_group('system:authenticated', 'x')$$),
  ('HP017', $$SELECT holdpoint.stop_group('system:nodes', 'x')$$),
  ('HP017', $$SELECT holdpoint.stop_group('system:masters', 'x')$$),
  ('HP017', $$SELECT holdpoint.stop('system:apiserver', 'x')$$),
  ('HP017', $$SELECT holdpoint.stop('system:kube-proxy', 'x')$$),
  ('HP017', $$SELECT holdpoint.stop('system:node:worker-1', 'x')$$),
  ('HP017', $$SELECT holdpoint.stop('system:serviceaccount:kube-system:deployment-controller', 'x')$$),
  ('HP017', $$SELECT holdpoint.stop('agent', 'x', cluster => 'c3')$$),
  ('HP017', $$SELECT holdpoint.stop('agent-*', 'x')$$),
  ('HP017', $$SELECT holdpoint.stop(' ', 'x')$$),
  ('HP017', $$SELECT holdpoint.stop('agent ', 'x')$$),
  ('HP017', $$SELECT holdpoint.stop_group('a*', 'x')$$),
  ('HP017', $$SELECT holdpoint.stop('sam', 'x')$$),
  ('HP017', $$SELECT holdpoint.stop('robot', 'x')$$),
  ('HP002', $$SELECT holdpoint.resume('agent', 'x')$$)
) AS v(expected, statement);
SELECT t.is('HP017', t.kubectl('sue', '{holdpoint-stoppers}', 'n1', 'Stop', 'system:serviceaccount:kube-system:gc'),
  'nor with kubectl');
SELECT t.is(v.expected, t.said('sam', v.statement), 'how it is said')
FROM (VALUES
  ('user agent: a reason is required', $$SELECT holdpoint.stop('agent', '')$$),
  ('no webhook of cluster c3 is known | Known: c1, c2. Without a cluster it is stopped in all.',
    $$SELECT holdpoint.stop('agent', 'x', cluster => 'c3')$$),
  ('"agent-*" would stop nobody: a name has no blanks around it, and is no pattern | Say the whole name, or stop a group.',
    $$SELECT holdpoint.stop('agent-*', 'x')$$),
  ('sam is a login of the database, not a user of the cluster | No name of theirs in Kubernetes is enrolled: holdpoint.add_name().',
    $$SELECT holdpoint.stop('sam', 'x')$$),
  ('robot is a login of the database, not a user of the cluster | Stop robot@example.com instead.',
    $$SELECT holdpoint.stop('robot', 'x')$$),
  ('user agent is not stopped in all clusters | Nor anywhere else. holdpoint stops lists who is.',
    $$SELECT holdpoint.resume('agent', 'x')$$)
) AS v(expected, statement);
SELECT t.is('nobody', t.stopped(), 'nobody is stopped yet');
SELECT t.is('0', count(*)::text, 'and nothing is written down') FROM holdpoint.stop_event;

-- A stop and its end.
SELECT t.expect('user agent is stopped in all clusters until somebody resumes it. Nothing of a user of this '
  'name is on record: is it spelt as the API server spells it?', 'sam',
  $$SELECT holdpoint.stop('agent', 'deletes in a loop')$$);
SELECT t.is('user agent', t.stopped(), 'in force');
SELECT t.is('user agent', t.stopped('c2'), 'in every cluster');
SELECT t.expect('HP002', 'sam', $$SELECT holdpoint.resume_group('agent', 'x')$$, 'a group is no user');
SELECT t.expect('HP002', 'sam', $$SELECT holdpoint.resume('agent', 'x', cluster => 'c1')$$,
  'stopped in all clusters is not ended in one');
SELECT t.is('user agent is not stopped in cluster c1 alone | It is in all clusters: holdpoint resume without '
  '--cluster, or psql, ends that.', t.said('sam', $$SELECT holdpoint.resume('agent', 'x', cluster => 'c1')$$), 'where it is');
SELECT t.expect('user agent may go on in all clusters', 'sam', $$SELECT holdpoint.resume('agent', 'it was me')$$);
SELECT t.is('nobody', t.stopped(), 'resumed');
SELECT t.expect('group ai is stopped in cluster c1 until somebody resumes it. Nothing of a group of this name is '
  'on record: is it spelt as the API server spells it?', 'sam',
  $$SELECT holdpoint.stop_group('ai', 'x', cluster => 'c1')$$);
SELECT t.is('group ai', t.stopped(), 'the group');
SELECT t.is('nobody', t.stopped('c2'), 'not in another cluster');
SELECT t.is('group ai is not stopped in all clusters | It is in cluster c1: holdpoint resume --cluster, or psql, ends that.',
  t.said('sam', $$SELECT holdpoint.resume_group('ai', 'x')$$), 'nor ended in all');
SELECT t.expect('group ai may go on in cluster c1', 'sam',
  $$SELECT holdpoint.resume_group('ai', 'x', cluster => 'c1')$$);
-- One that is known is not doubted.
SELECT verdict FROM t.ask('{"name": "w"}') \g /dev/null
SELECT t.expect('user agent is stopped in cluster c1 until somebody resumes it', 'sam',
  $$SELECT holdpoint.stop('agent', 'x', cluster => 'c1')$$);
SELECT t.expect('user agent may go on in cluster c1', 'sam',
  $$SELECT holdpoint.resume('agent', 'x', cluster => 'c1')$$);
SELECT t.is('ai is a group, not a user | Stop the group: --group, in psql stop_group().',
  t.said('sam', $$SELECT holdpoint.stop('ai', 'x')$$), 'a group');
SELECT t.is('agent is a user, not a group | Stop the user: without --group, in psql stop().',
  t.said('sam', $$SELECT holdpoint.stop_group('agent', 'x')$$), 'a user');

-- For a while; stopping anew lets nobody go sooner.
SELECT t.is('t', (t.answer('sam', $$SELECT holdpoint.stop('brief', 'x', until => now() + interval '1 hour')$$)
  LIKE 'user brief is stopped in all clusters until 20__-%UTC. Nothing%')::text::char, 'until then');
SELECT t.is('t', (left_ms BETWEEN 3500000 AND 3600000)::text::char, 'how long') FROM holdpoint.stops_in_force('c1');
SELECT t.is('t', (t.answer('sam', $$SELECT holdpoint.stop('brief', 'x', until => now() + interval '1 s')$$)
  LIKE '%. It was stopped so before: a shorter stop shortens nothing')::text::char, 'which it says');
SELECT t.is('t', (left_ms > 3500000)::text::char, 'not less') FROM holdpoint.stops_in_force('c1');
SELECT t.answer('sam', $$SELECT holdpoint.stop('brief', 'x')$$) \g /dev/null
SELECT t.is(NULL, left_ms::text, 'for good') FROM holdpoint.stops_in_force('c1');
SELECT t.answer('sam', $$SELECT holdpoint.stop('brief', 'x', until => now() + interval '1 s')$$) \g /dev/null
SELECT t.is(NULL, left_ms::text, 'and stays so') FROM holdpoint.stops_in_force('c1');
SELECT t.answer('sam', $$SELECT holdpoint.resume('brief', 'x')$$) \g /dev/null
SELECT t.answer('sam', $$SELECT holdpoint.stop('brief', 'x', until => clock_timestamp() + interval '100 ms')$$) \g /dev/null
SELECT pg_sleep(0.2) \g /dev/null
SELECT t.is('nobody', t.stopped(), 'over by itself');

-- What is told of it.
SELECT holdpoint.outbox_set_targets('c1', '{slack}') \g /dev/null
SELECT t.answer('sam', $$SELECT holdpoint.stop('loud', 'x')$$) \g /dev/null
SELECT t.answer('sam', $$SELECT holdpoint.stop('elsewhere', 'x', cluster => 'c2')$$) \g /dev/null
SELECT t.answer('sam', $$SELECT holdpoint.resume('loud', 'x')$$) \g /dev/null
SELECT t.is('identity.stopped:loud:sam identity.resumed:loud:sam', string_agg(concat_ws(':', event,
  payload::jsonb->>'identity', payload::jsonb->>'decidedBy'), ' ' ORDER BY id), 'notifications')
FROM holdpoint.outbox;

-- Who approves what a stopped identity asks for hears so; by its user and by its group.
CREATE FUNCTION t.approved(p_name text) RETURNS text LANGUAGE plpgsql
AS $$
DECLARE
  said text := t.answer('bob', format('SELECT holdpoint.approve(%s)',
    (SELECT hold_id FROM t.ask(jsonb_build_object('name', p_name)))));
BEGIN
  RETURN said LIKE 'hold % approved: DELETE %. Opens: %'
    AND said LIKE '%. Who asks is stopped: nothing of theirs passes until somebody resumes them' = (p_name <> 'free');
END
$$;
SELECT t.is('true', t.approved('free'), 'nobody is stopped');
SELECT t.answer('sam', $$SELECT holdpoint.stop('agent', 'x')$$) \g /dev/null
SELECT t.is('true', t.approved('of-the-user'), 'the user is stopped');
SELECT t.answer('sam', $$SELECT holdpoint.resume('agent', 'x')$$), t.answer('sam', $$SELECT holdpoint.stop_group('ai', 'x', cluster => 'c1')$$) \g /dev/null
SELECT t.is('true', t.approved('of-the-group'), 'the group is stopped');
SELECT t.answer('sam', $$SELECT holdpoint.resume_group('ai', 'x', cluster => 'c1')$$) \g /dev/null

-- Who is stopped stops nobody, resumes nobody and approves nothing: by whatever name of theirs.
SELECT holdpoint.map_approver('tom', 'tom@example.com') \g /dev/null
SELECT hold_id AS h FROM t.ask('{"name": "held"}') \gset
SELECT t.answer('sam', $$SELECT holdpoint.stop('tom@example.com', 'x')$$) \g /dev/null
SELECT t.expect('HP016', 'tom', $$SELECT holdpoint.resume('tom@example.com', 'x')$$, 'nor themselves');
SELECT t.expect('HP016', 'tom', format('SELECT holdpoint.approve(%s)', :h));
SELECT t.expect('HP016', 'tom', format('SELECT holdpoint.deny(%s)', :h));
SELECT t.expect('HP016', 'wh', format($$SELECT holdpoint.approve_as_kubernetes('c1', %s, 'tom@example.com', '{sre}', 'u0')$$, :h));
SELECT t.is('HP016', t.kubectl('tom@example.com', '{holdpoint-stoppers}', 'u1', 'Resume', 'elsewhere'), 'with kubectl');
SELECT t.answer('sam', $$SELECT holdpoint.stop_group('sre', 'x')$$) \g /dev/null
SELECT t.expect('HP016', 'wh', format($$SELECT holdpoint.deny_as_kubernetes('c1', %s, 'sue', '{sre}', 'u2')$$, :h),
  'of a stopped group');
SELECT t.answer('sam', $$SELECT holdpoint.resume_group('sre', 'x')$$) \g /dev/null
SELECT t.answer('sam', $$SELECT holdpoint.resume('tom@example.com', 'x')$$) \g /dev/null
SELECT t.expect('ok', 'tom', format('SELECT * FROM (SELECT holdpoint.approve(%s)) AS a WHERE false', :h));
SELECT t.answer('tom', format('SELECT holdpoint.approve(%s)', :h)) \g /dev/null
SELECT t.is('approved', t.state(:h), 'goes on');

-- With kubectl: who is in a group of config's, and no agent.
SELECT t.is('HP003', t.kubectl('sue', '{sre}', 'k1', 'Stop', 'agent'), 'not in the group');
SELECT t.is('HP003', t.kubectl('robot@example.com', '{holdpoint-stoppers}', 'k2', 'Stop', 'agent'), 'an agent');
SELECT t.is('HP003', t.kubectl('system:anonymous', '{holdpoint-stoppers}', 'k3', 'Stop', 'agent'), 'nobody');
SELECT t.is('user agent is stopped in cluster c1 until somebody resumes it',
  t.kubectl('sue', '{holdpoint-stoppers}', 'k4', 'Stop', 'agent'), 'stops at once');
SELECT t.is('user agent is stopped', t.kubectl('sue', '{holdpoint-stoppers}', 'k4', 'Stop', 'agent'),
  'asked twice');
SELECT t.is('1', count(*)::text, 'is one') FROM holdpoint.stop_event WHERE request_uid = 'k4';
SELECT t.is('user agent goes on when the API server''s audit event confirms who says so in cluster c1',
  t.kubectl('sue', '{holdpoint-stoppers}', 'k5', 'Resume', 'agent'), 'to resume waits');
SELECT t.is('0', t.confirm(), 'no event yet');
SELECT t.is('user agent', t.stopped(), 'still stopped');
SELECT t.event('k5', v.o) FROM (VALUES ('{"as": "sue", "user": "agent"}'::jsonb)) AS v(o);
SELECT t.is('1', t.confirm(), 'the event says that another made it');
SELECT t.is('user agent', t.stopped(), 'and it does not count');
SELECT t.is('made by agent, acting as sue', reason, 'why') FROM holdpoint.stop_event WHERE action = 'refuse-resume';
SELECT t.is('0', t.confirm(), 'once');
-- Each thing that is wrong with an event.
SELECT t.kubectl('sue', '{holdpoint-stoppers}', v.uid, 'Resume', 'agent'), t.event(v.uid, v.o), t.confirm()
FROM (VALUES ('w1', '{"code": 403}'::jsonb), ('w2', '{"user": "eve"}'), ('w3', '{"verb": "update"}'),
  ('w4', '{"resource": "holdreviews"}'), ('w5', '{"uri": "/apis/x?dryRun=All"}'), ('w6', '{"sub": "status"}'))
  AS v(uid, o) \g /dev/null
SELECT t.is('user agent', t.stopped(), 'none of these');
SELECT t.kubectl('sue', '{holdpoint-stoppers}', 'k6', 'Resume', 'agent'), t.event('k6') \g /dev/null
SELECT t.is('1', t.confirm(), 'the right event');
SELECT t.is('user elsewhere', t.stopped('c2'), 'no other');
SELECT t.is('nobody', t.stopped(), 'goes on');
-- A stop that comes after the wish to resume stands.
SELECT t.kubectl('sue', '{holdpoint-stoppers}', 's1', 'Stop', 'agent') \g /dev/null
SELECT t.kubectl('sue', '{holdpoint-stoppers}', 's2', 'Resume', 'agent') \g /dev/null
SELECT t.answer('sam', $$SELECT holdpoint.stop('agent', 'again', cluster => 'c1')$$) \g /dev/null
SELECT t.event('s2') \g /dev/null
SELECT t.is('1', t.confirm(), 'looked at');
SELECT t.is('user agent', t.stopped(), 'stopped anew meanwhile');
-- At once where an administrator says so, and its name is made up.
SELECT t.direct('sue') \g /dev/null
SELECT t.is('user agent goes on when the API server''s audit event confirms who says so in cluster c1',
  t.kubectl('sue', '{holdpoint-stoppers}', 'd1', 'Resume', 'agent', 'user', true), 'it may not be created');
SELECT t.is('user agent may go on in cluster c1',
  t.kubectl('sue', '{holdpoint-stoppers}', 'd2', 'Resume', 'agent'), 'direct');
UPDATE holdpoint.config SET kubernetes_approvals = 'off';
SELECT t.is('HP009', t.kubectl('sue', '{holdpoint-stoppers}', 'o1', 'Resume', 'agent'), 'switched off');
SELECT t.is('group ai is stopped in cluster c1 until somebody resumes it',
  t.kubectl('sue', '{holdpoint-stoppers}', 'o2', 'Stop', 'ai', 'group'), 'but one may always stop');
UPDATE holdpoint.config SET stopper_groups = '{}';
SELECT t.is('HP003', t.kubectl('sue', '{holdpoint-stoppers}', 'o3', 'Stop', 'agent'), 'nobody with kubectl');

-- What is written down is the session's.
SELECT t.is('t', bool_and(database_user IN ('sam', 'wh') AND at > now() - interval '1 hour')::text::char, 'who and when')
FROM holdpoint.stop_event;
SELECT t.expect('HP010', 'postgres', v.statement)
FROM (VALUES ('DELETE FROM holdpoint.stop_event'), ('UPDATE holdpoint.stop_event SET who = ''eve'''),
  ('TRUNCATE holdpoint.stop_event')) AS v(statement);

SELECT t.done();
