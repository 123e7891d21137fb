-- SPDX-License-Identifier: Apache-2.0
-- Many holds: which are meant, denied together, listed by page, taken back by who asked.

SELECT count(*) FROM generate_series(1, 12) AS n, t.ask(jsonb_build_object('user', 'agent',
  'name', 'w' || n, 'namespace', CASE WHEN n % 2 = 0 THEN 'dev' ELSE 'prod' END,
  'rule', CASE WHEN n % 3 = 0 THEN 'scales' ELSE 'deletes' END)) \g /dev/null
SELECT verdict FROM t.ask('{"user": "agent", "name": "exec", "api_group": "", "resource": "pods",
  "subresource": "exec", "approvers": ["security"]}') \g /dev/null
SELECT verdict FROM t.ask('{"user": "other", "name": "w1"}') \g /dev/null
SELECT verdict FROM t.ask('{"user": "alice", "name": "own"}') \g /dev/null
SELECT verdict FROM t.ask('{"user": "agent", "name": "c2", "cluster": "c2"}') \g /dev/null

-- Filters; expected number first.
SELECT t.is(v.expected, (SELECT count(*)::text FROM holdpoint.hold h
  WHERE holdpoint.hold_matches(h, holdpoint.hold_filter_of(v.filter))), v.filter::text)
FROM (VALUES
  ('16', '{}'::jsonb),
  ('14', '{"requester": "agent"}'),
  ('0', '{"requester": "Agent"}'),
  ('6', '{"namespace": "dev"}'),
  ('4', '{"rule": "scales"}'),
  ('4', '{"rule": "agents/scales"}'),
  ('0', '{"rule": "other/scales"}'),
  ('16', '{"policy": "agents"}'),
  ('0', '{"policy": "agents", "rule": "none"}'),
  ('1', '{"resource": "pods"}'),
  ('1', '{"resource": "pods/exec"}'),
  ('15', '{"resource": "deployments"}'),
  ('15', '{"resource": "deployments.apps"}'),
  ('0', '{"resource": "deployments.batch"}'),
  ('16', '{"state": "pending,approved"}'),
  ('0', '{"state": "denied"}'),
  ('16', '{"since": "2020-01-01T00:00:00Z"}'),
  ('0', '{"since": "2099-01-01T00:00:00Z"}'),
  ('1', '{"before": 2}')
) AS v(expected, filter);

-- Denied together: what the approver may deny, and no more.
SELECT t.expect('22023', 'alice', $$SELECT holdpoint.deny_user('')$$);
SELECT t.expect('22023', 'alice', $$SELECT holdpoint.deny_user(NULL)$$);
SELECT t.expect('42501', v.login, $$SELECT holdpoint.deny_user('agent')$$)
FROM (VALUES ('mallory'), ('wh'), ('auditor'), ('sink'), ('dave')) AS v(login);
SELECT t.expect('2 holds of agent denied', 'alice',
  $$SELECT holdpoint.deny_user('agent', 'stop', rule => 'scales', namespace => 'dev')$$);
SELECT t.is('dev/scales 2', string_agg(DISTINCT namespace || '/' || rule, ' ') || ' ' || count(*),
  'these') FROM holdpoint.hold WHERE state = 'denied';
SELECT t.expect('1 hold of agent denied', 'alice',
  $$SELECT holdpoint.deny_user('agent', cluster => 'c2')$$);
-- Shown before: what would be denied, and not exec, which is not hers to decide.
SELECT t.expect('42501', v.login, $$SELECT holdpoint.deny_user_preview('agent')$$)
FROM (VALUES ('mallory'), ('wh'), ('auditor'), ('sink'), ('dave')) AS v(login);
SELECT t.expect('22023', 'alice', $$SELECT holdpoint.deny_user_preview('')$$);
SELECT t.expect('10', 'alice', $$SELECT count(*) FROM holdpoint.deny_user_preview('agent')$$);
SELECT t.expect('4', 'alice',
  $$SELECT count(*) FROM holdpoint.deny_user_preview('agent', namespace => 'dev')$$);
SELECT t.expect('10 holds of agent denied', 'alice', $$SELECT holdpoint.deny_user('agent', 'stop')$$);
SELECT t.is('exec own w1', string_agg(name, ' ' ORDER BY name), 'what is not hers stays')
FROM holdpoint.hold WHERE state = 'pending';
SELECT t.expect('0 holds of agent denied', 'alice', $$SELECT holdpoint.deny_user('agent', 'stop')$$);
SELECT t.expect('HP003', 'alice', $$SELECT holdpoint.deny_user('alice')$$, 'nor her own');
SELECT t.is('13 alice stop', count(*) || ' ' || min(who) || ' ' || min(reason), 'each is an event')
FROM holdpoint.hold_event WHERE action = 'deny';
SELECT t.is('paused', verdict, 'and they count') FROM t.ask('{"user": "agent", "name": "again"}');
SELECT verdict FROM t.ask('{"user": "reasons", "name": "r", "reason": true}') \g /dev/null
SELECT t.expect('HP003', 'alice', $$SELECT holdpoint.deny_user('reasons')$$, 'a reason is missing');
SELECT t.expect('1 hold of reasons denied', 'alice', $$SELECT holdpoint.deny_user('reasons', 'x')$$);

-- By HoldReview: as the API server says who it is.
SELECT count(*) FROM generate_series(1, 3) AS n,
  t.ask(jsonb_build_object('user', 'bot', 'name', 'b' || n)) \g /dev/null
SELECT t.expect(v.expected, 'wh', format($$SELECT holdpoint.deny_user_as_kubernetes('c1', %L, %L, %L,
  '{"requester": "bot"}', 'enough')$$, v.who, v.groups, 'u' || v.who))
FROM (VALUES
  ('0 holds of bot denied', 'stranger', '{dev}'),
  ('HP003', 'system:anonymous', '{sre}'),
  ('3 holds of bot denied', 'zoe', '{sre}')
) AS v(expected, who, groups);
SELECT t.expect('42501', 'alice', $$SELECT holdpoint.deny_user_as_kubernetes('c1', 'zoe', '{sre}', 'u',
  '{"requester": "bot"}')$$);

-- Taken back by who asked, and by nobody else.
SELECT hold_id AS h FROM t.ask('{"user": "maker", "name": "m"}') \gset
SELECT t.expect(v.expected, 'wh', format($$SELECT left(holdpoint.withdraw_as_kubernetes(%L, %s, %L,
  '{x}', %L, 'not needed'), 4)$$, v.cluster, :h, v.who, v.uid), v.who || ' ' || v.cluster || ' ' || v.uid)
FROM (VALUES
  ('HP001', 'c1', 'zoe', 'u1'),
  ('HP001', 'c1', 'Maker', 'u2'),
  ('HP001', 'c2', 'maker', 'u3'),
  ('HP003', 'c1', 'system:anonymous', 'u4'),
  ('hold', 'c1', 'maker', 'u5'),
  ('hold', 'c1', 'maker', 'u5'),
  ('HP002', 'c1', 'maker', 'u6')
) AS v(expected, cluster, who, uid);
SELECT t.is('withdrawn create:maker withdraw:maker', t.state(:h) || ' ' || t.steps(:h), 'taken back');
SELECT t.expect('42501', 'alice', format($$SELECT holdpoint.withdraw_as_kubernetes('c1', %s, 'maker',
  '{}', 'u')$$, :h));

-- Listed by page, filtered, one's own apart.
UPDATE holdpoint.config SET max_pending_per_user = 1000;
SELECT count(*) FROM generate_series(1, 250) AS n,
  t.ask(jsonb_build_object('user', 'many', 'name', 'p' || n)) \g /dev/null
CREATE FUNCTION t.list(who text, groups text, filter jsonb) RETURNS jsonb
LANGUAGE plpgsql
AS $$
DECLARE
  listed jsonb;
BEGIN
  PERFORM set_config('session_authorization', 'wh', true);
  listed := holdpoint.list_as_kubernetes('c1', who, groups::text[], 'u', filter, 100);
  PERFORM set_config('session_authorization', 'postgres', true);
  RETURN listed;
END
$$;
SELECT t.is(v.expected, concat_ws(' ', jsonb_array_length(l->'holds'), l->>'more',
  l#>>'{holds,0,name}'), v.who || ' ' || v.filter)
FROM (VALUES
  ('100 true p250', 'zoe', '{sre}', '{"requester": "many"}'),
  ('100 true p250', 'zoe', '{sre}', '{"requester": "many", "limit": 5000}'),
  ('10 true p250', 'zoe', '{sre}', '{"requester": "many", "limit": 10}'),
  ('0 false', 'zoe', '{dev}', '{"requester": "many"}'),
  ('0 false', 'many', '{sre}', '{"requester": "many"}'),
  ('100 true p250', 'many', '{dev}', '{"mine": true}'),
  ('1 false m', 'maker', '{dev}', '{"mine": true, "state": "withdrawn"}'),
  ('0 false', 'maker', '{dev}', '{"mine": true}'),
  ('0 false', 'mallory', '{dev}', '{"mine": true, "requester": "many"}'),
  ('3 false b3', 'zoe', '{sre}', '{"requester": "bot", "state": "denied"}')
) AS v(expected, who, groups, filter), LATERAL t.list(v.who, v.groups, v.filter::jsonb) AS l;
SELECT t.is('p150 p50 false', concat_ws(' ', two#>>'{holds,0,name}', three#>>'{holds,0,name}',
  three->>'more'), 'three pages')
FROM t.list('zoe', '{sre}', '{"requester": "many"}') AS one,
  LATERAL t.list('zoe', '{sre}', jsonb_build_object('requester', 'many', 'before',
    one#>'{holds,99,hold}')) AS two,
  LATERAL t.list('zoe', '{sre}', jsonb_build_object('requester', 'many', 'before',
    two#>'{holds,99,hold}')) AS three;

-- What may be decided is listed for those who may decide here; one's own always.
CREATE FUNCTION t.listing(who text, filter text) RETURNS text
LANGUAGE sql
AS $$
  SELECT t.answer('wh', format('SELECT jsonb_array_length(holdpoint.list_as_kubernetes(''c1'', %L, '
    '''{sre}'', ''u'', %L)->''holds'')', who, filter))
$$;
UPDATE holdpoint.config SET kubernetes_approvals = 'off';
SELECT t.is('HP009', t.listing('zoe', '{"requester": "many"}'), 'off');
SELECT t.is('HP009', t.listing('zoe', '{"mine": false}'), 'off, and it is said');
SELECT t.is('100', t.listing('many', '{"mine": true}'), 'off, but their own');
UPDATE holdpoint.config SET kubernetes_approvals = 'corroborated', kubernetes_approvers = 'mapped';
SELECT t.is('HP009', t.listing('zoe', '{}'), 'not enrolled');
SELECT holdpoint.map_approver('yan', 'yan@example.com') \g /dev/null
SELECT t.is('100', t.listing('yan@example.com', '{"requester": "many"}'), 'enrolled');
SELECT t.is('100', t.listing('many', '{"mine": true}'), 'not enrolled, but their own');
UPDATE holdpoint.config SET kubernetes_approvers = DEFAULT;
SELECT holdpoint.add_agent('robot', 'yan', 'robot@example.com') \g /dev/null
SELECT t.is('HP003', t.listing('robot@example.com', '{}'), 'an agent decides nothing');
SELECT t.is('0', t.listing('robot@example.com', '{"mine": true}'), 'but may look at its own');
SELECT t.expect('42501', 'wh', $$SELECT holdpoint.list_some_holds('c1', 'zoe', '{sre}', 'u', '{}')$$,
  'no way around');

-- Refused in one line, without the way down to it.
CREATE FUNCTION t.frames(login text, statement text) RETURNS text
LANGUAGE plpgsql
AS $$
DECLARE
  context text;
BEGIN
  PERFORM set_config('session_authorization', login, true);
  EXECUTE statement;
  RETURN 'ok';
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS context = PG_EXCEPTION_CONTEXT;
  RETURN (SELECT string_agg(f[1], ' ') FROM regexp_matches(context, 'function (?:holdpoint\.)?(\w+)\(', 'g') AS f);
END
$$;
SELECT t.is(v.expected, t.frames('alice', v.statement), v.statement)
FROM (VALUES
  ('deny_user', $$SELECT holdpoint.deny_user('alice')$$),
  ('deny_user', $$SELECT holdpoint.deny_user('')$$),
  ('deny_user_preview', $$SELECT * FROM holdpoint.deny_user_preview('')$$),
  ('approve', $$SELECT holdpoint.approve(0)$$),
  ('deny', $$SELECT holdpoint.deny(0)$$),
  ('withdraw', $$SELECT holdpoint.withdraw(0)$$)
) AS v(expected, statement);

-- As many as are denied at once, shown as well as denied.
UPDATE holdpoint.config SET max_pending_per_user = 2000;
SELECT count(*) FROM generate_series(251, 1001) AS n,
  t.ask(jsonb_build_object('user', 'many', 'name', 'p' || n)) \g /dev/null
SELECT t.expect('1000', 'alice', $$SELECT count(*) FROM holdpoint.deny_user_preview('many')$$);
SELECT t.expect('1000 holds of many denied; there may be more', 'alice',
  $$SELECT holdpoint.deny_user('many', 'stop')$$);
SELECT t.expect('1', 'alice', $$SELECT count(*) FROM holdpoint.deny_user_preview('many')$$);

SELECT t.done();
