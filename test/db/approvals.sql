-- Who may decide, through which channel, and what a decision may say.

-- Errors first: expected answer, login, and what they try on hold `h` (approvers: sre).
SELECT hold_id AS h FROM t.ask('{"name": "who"}') \gset
SELECT t.expect(v.expected, v.login, format(v.statement, :h))
FROM (VALUES
  ('42501', 'mallory', 'SELECT holdpoint.approve(%s)'),
  ('42501', 'dave', 'SELECT holdpoint.approve(%s)'),
  ('42501', 'wh', 'SELECT holdpoint.approve(%s)'),
  ('42501', 'wh', 'SELECT holdpoint.deny(%s)'),
  ('42501', 'auditor', 'SELECT holdpoint.approve(%s)'),
  ('42501', 'sink', 'SELECT holdpoint.approve(%s)'),
  ('42501', 'alice', 'SELECT holdpoint.approve_as_kubernetes(''c1'', %s, ''sue'', ''{sre}'', ''r'')'),
  ('42501', 'alice', 'SELECT holdpoint.deny_as_kubernetes(''c1'', %s, ''sue'', ''{sre}'', ''r'')'),
  ('HP003', 'carol', 'SELECT holdpoint.approve(%s)'),
  ('HP003', 'carol', 'SELECT holdpoint.deny(%s)'),
  ('HP003', 'carol', 'SELECT holdpoint.withdraw(%s)'),
  ('HP001', 'alice', 'SELECT holdpoint.approve(%s + 1000)'),
  ('HP001', 'alice', 'SELECT holdpoint.deny(NULL)'),
  ('HP001', 'alice', 'SELECT holdpoint.withdraw(-1)'),
  ('22001', 'alice', 'SELECT holdpoint.approve(%s, repeat(''r'', 4097))')
) AS v(expected, login, statement);
SELECT t.is('pending create:agent', t.state(:h) || ' ' || t.steps(:h), 'nothing came of all that');

-- Approve, and what is left to say afterwards.
SELECT t.expect(format('hold %s approved: DELETE deployments.apps prod/who by agent; may be repeated until %s',
  :h, date_trunc('second', expires_at)), 'alice', format('SELECT holdpoint.approve(%s, ''ok'')',
    :h))
FROM holdpoint.hold WHERE id = :h;
SELECT t.is('alice|alice|database|ok|alice', concat_ws('|', who, person, channel, reason,
  database_user), 'recorded')
FROM holdpoint.hold_event WHERE hold_id = :h AND action = 'approve';
SELECT t.expect(v.expected, v.login, format(v.statement, :h))
FROM (VALUES
  ('HP002', 'bob', 'SELECT holdpoint.approve(%s)'),
  ('HP002', 'alice', 'SELECT holdpoint.approve(%s)')
) AS v(expected, login, statement);
SELECT verdict FROM t.ask('{"name": "who"}') \g /dev/null
SELECT t.expect(v.expected, v.login, format(v.statement, :h))
FROM (VALUES
  ('HP002', 'bob', 'SELECT holdpoint.approve(%s)'),
  ('HP002', 'bob', 'SELECT holdpoint.deny(%s)'),
  ('HP002', 'bob', 'SELECT holdpoint.withdraw(%s)')
) AS v(expected, login, statement);

-- One denial ends it, also after one of two approvals, also after all (revoked before its use).
SELECT hold_id AS h FROM t.ask('{"name": "two", "min": 2}') \gset
SELECT t.expect(format('hold %s has 1 of 2 approvals: DELETE deployments.apps prod/two by agent',
  :h),
  'alice', format('SELECT holdpoint.approve(%s)', :h));
SELECT t.is('held 1', verdict || ' ' || approvals, 'one is not two')
  FROM t.ask('{"name": "two", "min": 2}');
SELECT t.expect('HP007', 'alice', format('SELECT holdpoint.approve(%s)', :h));
SELECT t.expect(format('hold %s denied: DELETE deployments.apps prod/two by agent', :h),
  'bob', format('SELECT holdpoint.deny(%s)', :h));
SELECT t.expect('HP002', 'bob', format('SELECT holdpoint.approve(%s)', :h));
SELECT hold_id AS h FROM t.ask('{"name": "revoke"}') \gset
SELECT t.answer('alice', format('SELECT holdpoint.approve(%s)', :h)) \g /dev/null
SELECT t.answer('alice', format('SELECT holdpoint.deny(%s, ''oops'')', :h)) \g /dev/null
SELECT t.is('denied oops', verdict || ' ' || decided_reason,
  'a revoked approval lets nothing through')
FROM t.ask('{"name": "revoke"}');

-- Reasons.
SELECT hold_id AS h FROM t.ask('{"name": "why", "reason": true}') \gset
SELECT t.expect(v.expected, 'alice', format(v.statement, :h))
FROM (VALUES
  ('HP005', 'SELECT holdpoint.approve(%s)'),
  ('HP005', 'SELECT holdpoint.approve(%s, '''')'),
  ('HP005', E'SELECT holdpoint.approve(%s, '' \t\n'')'),
  ('HP005', 'SELECT holdpoint.deny(%s)')
) AS v(expected, statement);
SELECT t.answer('alice', format('SELECT holdpoint.approve(%s, ''change 1234'')', :h)) \g /dev/null
SELECT t.is('approved', t.state(:h), 'with a reason it works');

-- Nobody decides on their own request, under any name.
SELECT t.expect('ok', 'owner', $$INSERT INTO holdpoint.approver_identity (kind, name, person)
  VALUES ('kubernetes', 'alice@example.com', 'alice')$$);
SELECT hold_id AS h FROM t.ask('{"name": "own", "user": "alice@example.com"}') \gset
SELECT t.expect('HP004', 'alice', format('SELECT holdpoint.approve(%s)', :h));
SELECT t.expect('HP004', 'alice', format('SELECT holdpoint.deny(%s)', :h));
SELECT t.expect('HP004', 'wh',
  format('SELECT holdpoint.approve_as_kubernetes(''c1'', %s, ''alice@example.com'', ''{sre}'', ''r1'')', :h));
SELECT t.expect('HP004', 'wh',
  format('SELECT holdpoint.approve_as_kubernetes(''c1'', %s, ''ALICE'', ''{sre}'', ''r1'')', :h),
  'an unenrolled name in another spelling is not taken for somebody else');
SELECT hold_id AS hb FROM t.ask('{"name": "own", "user": "bob"}') \gset
SELECT t.expect('HP004', 'bob', format('SELECT holdpoint.approve(%s)', :hb),
  'the same name is the same person');
SELECT t.is(format('hold %s withdrawn: DELETE deployments.apps prod/own by alice@example.com', :h),
  t.answer('alice', format('SELECT holdpoint.withdraw(%s)', :h)), 'but may take it back');

-- Kubernetes: groups of the token; without groups only those enrolled; the right cluster.
SELECT hold_id AS h FROM t.ask('{"name": "k8s"}') \gset
SELECT hold_id AS hany FROM t.ask('{"name": "any", "approvers": []}') \gset
SELECT t.expect(v.expected, 'wh', format('SELECT holdpoint.approve_as_kubernetes(' || v.args || ')',
  CASE v.which WHEN 'any' THEN :hany ELSE :h END))
FROM (VALUES
  ('HP001', 'h', $$'c2', %s, 'sue', '{sre}', 'r2'$$),
  ('HP003', 'h', $$'c1', %s, 'sue', '{dev}', 'r2'$$),
  ('HP003', 'h', $$'c1', %s, 'sue', '{}', 'r2'$$),
  ('HP003', 'h', $$'c1', %s, 'sue', NULL, 'r2'$$),
  ('HP003', 'h', $$'c1', %s, '', '{sre}', 'r2'$$),
  ('HP003', 'h', $$'c1', %s, NULL, '{sre}', 'r2'$$),
  ('HP003', 'h', $$'c1', %s, 'system:anonymous', '{sre}', 'r2'$$),
  ('HP003', 'h', $$'c1', %s, 'sue', '{sre,system:unauthenticated}', 'r2'$$),
  ('22023', 'h', $$'c1', %s, 'sue', '{sre}', ''$$),
  ('22023', 'h', $$'c1', %s, 'sue', '{sre}', NULL$$),
  ('22023', 'h', $$NULL, %s, 'sue', '{sre}', 'r2'$$),
  ('HP003', 'any', $$'c1', %s, 'sue', '{system:masters}', 'r2'$$)
) AS v(expected, which, args);
SELECT t.is('pending', t.state(:h), 'none of it counted');
SELECT t.answer('wh',
  format($$SELECT holdpoint.approve_as_kubernetes('c1', %s, 'sue', '{dev,sre}', 'r3', 'fine')$$,
    :h)) \g /dev/null
SELECT t.is('sue|sue|kubernetes|fine|wh|r3|dev,sre', concat_ws('|', who, person, channel, reason,
  database_user, request_uid,
  array_to_string(groups, ',')), 'recorded with its request') FROM holdpoint.hold_event
    WHERE hold_id = :h AND action = 'approve';
SELECT t.is(format('hold %s approved', :h), left(t.answer('wh',
  format($$SELECT holdpoint.approve_as_kubernetes('c1', %s, 'sue', '{dev,sre}', 'r3', 'fine')$$,
    :h)), length(format('hold %s approved', :h))),
  'the same review again gets the same answer');
SELECT t.expect('HP002', 'wh',
  format($$SELECT holdpoint.approve_as_kubernetes('c1', %s, 'sue', '{sre}', 'r4')$$, :h),
    'another review does not');
SELECT t.is('create:agent approve:sue', t.steps(:h), 'and counts once');
SELECT t.is('any approver', approvers, 'a hold without groups') FROM holdpoint.pending_holds
  WHERE id = :hany;
SELECT t.answer('carol', format('SELECT holdpoint.approve(%s)', :hany)) \g /dev/null
SELECT t.is('approved', t.state(:hany), 'any approver by login');

-- minApprovals: 2 takes two people, through whatever channels.
SELECT t.answer('owner', $$SELECT holdpoint.map_approver('bob', 'bob@example.com')$$) \g /dev/null
SELECT hold_id AS h FROM t.ask('{"name": "people", "min": 2}') \gset
SELECT t.answer('bob', format('SELECT holdpoint.approve(%s)', :h)) \g /dev/null
SELECT t.expect(v.expected, v.login, format(v.statement, :h))
FROM (VALUES
  ('HP007', 'bob', 'SELECT holdpoint.approve(%s)'),
  ('HP007', 'wh', $$SELECT holdpoint.approve_as_kubernetes('c1', %s, 'bob@example.com', '{sre}', 'r5')$$),
  ('HP007', 'wh', $$SELECT holdpoint.approve_as_kubernetes('c1', %s, 'bob', '{sre}', 'r6')$$),
  ('HP007', 'wh', $$SELECT holdpoint.approve_as_kubernetes('c1', %s, 'Bob', '{sre}', 'r7')$$)
) AS v(expected, login, statement);
SELECT t.is('pending 1', t.state(:h) || ' ' || approvals, 'still one') FROM holdpoint.hold
  WHERE id = :h;
SELECT t.answer('wh',
  format($$SELECT holdpoint.approve_as_kubernetes('c1', %s, 'sue', '{sre}', 'r8')$$,
    :h)) \g /dev/null
SELECT t.is('approved', t.state(:h), 'bob is known in both channels, so sue is somebody else');

-- Two channels, neither known in the other: perhaps one person, so it does not count.
SELECT hold_id AS h FROM t.ask('{"name": "maybe", "min": 2, "approvers": ["sre", "security"]}') \gset
SELECT t.answer('carol', format('SELECT holdpoint.approve(%s)', :h)) \g /dev/null
SELECT t.expect('HP006', 'wh',
  format($$SELECT holdpoint.approve_as_kubernetes('c1', %s, 'sue', '{sre}', 'r9')$$, :h));
SELECT t.answer('owner',
  $$SELECT holdpoint.map_approver('carol', 'carol@example.com', 'c1')$$) \g /dev/null
SELECT t.answer('wh',
  format($$SELECT holdpoint.approve_as_kubernetes('c1', %s, 'sue', '{sre}', 'r9')$$,
    :h)) \g /dev/null
SELECT t.is('approved', t.state(:h), 'once carol is enrolled it does');
-- Enrolled after the first approval: still one person.
SELECT hold_id AS h FROM t.ask('{"name": "enrolled later", "min": 2}') \gset
SELECT t.answer('wh',
  format($$SELECT holdpoint.approve_as_kubernetes('c1', %s, 'al', '{sre}', 'r10')$$,
    :h)) \g /dev/null
SELECT t.answer('owner', $$SELECT holdpoint.map_approver('alice', 'al')$$) \g /dev/null
SELECT t.expect('HP007', 'alice', format('SELECT holdpoint.approve(%s)', :h),
  'enrolled in between');
-- Two logins of one person.
CREATE ROLE alice_admin LOGIN IN ROLE holdpoint_approver, sre;
SELECT t.expect('ok', 'owner',
  $$INSERT INTO holdpoint.approver_identity (kind, name, person)
    VALUES ('database', 'alice_admin', 'Alice')$$);
SELECT hold_id AS h FROM t.ask('{"name": "logins", "min": 2}') \gset
SELECT t.answer('alice', format('SELECT holdpoint.approve(%s)', :h)) \g /dev/null
SELECT t.expect('HP007', 'alice_admin', format('SELECT holdpoint.approve(%s)', :h));
SELECT t.answer('bob', format('SELECT holdpoint.approve(%s)', :h)) \g /dev/null
SELECT t.is('approved', t.state(:h), 'two people');

-- Channels can be limited to those enrolled, or closed.
SELECT hold_id AS h FROM t.ask('{"name": "channels"}') \gset
UPDATE holdpoint.config SET kubernetes_approvals = 'mapped', database_approvals = 'off';
SELECT t.expect(v.expected, v.login, format(v.statement, :h))
FROM (VALUES
  ('HP009', 'alice', 'SELECT holdpoint.approve(%s)'),
  ('HP009', 'wh', $$SELECT holdpoint.approve_as_kubernetes('c1', %s, 'sue', '{sre}', 'r11')$$),
  ('HP003', 'wh', $$SELECT holdpoint.approve_as_kubernetes('c1', %s, 'al', '{}', 'r11')$$)
) AS v(expected, login, statement);
UPDATE holdpoint.config SET kubernetes_approvals = 'off';
SELECT t.expect('HP009', 'wh',
  format($$SELECT holdpoint.approve_as_kubernetes('c1', %s, 'al', '{sre}', 'r11')$$, :h));
UPDATE holdpoint.config SET kubernetes_approvals = DEFAULT, database_approvals = DEFAULT;
SELECT t.is('3', count(*)::text, 'every change of configuration is recorded')
  FROM holdpoint.admin_event WHERE action = 'config';

-- The webhook's logins decide nothing, even when granted more; approvers' logins claim no review.
GRANT holdpoint_approver, sre TO wh;
SELECT t.expect('HP003', 'wh', format('SELECT holdpoint.approve(%s)', :h));
SELECT t.expect('HP003', 'wh',
  format($$SELECT holdpoint.approve_as_kubernetes('c1', %s, 'al', '{sre}', 'r12')$$, :h));
REVOKE holdpoint_approver, sre FROM wh;
SELECT t.is(format('hold %s withdrawn: DELETE deployments.apps prod/channels by agent', :h),
  t.answer('wh', format('SELECT holdpoint.withdraw(%s, ''object is gone'')', :h)),
    'the webhook can only take away');
SELECT t.is('create:agent withdraw:wh', t.steps(:h), 'and that is recorded');

-- Who decides is who logged in, whatever they run as.
SELECT hold_id AS h FROM t.ask('{"name": "session_user"}') \gset
GRANT CREATE ON SCHEMA public TO alice;
GRANT alice TO carol;
SELECT t.expect('ok', 'alice', $$CREATE FUNCTION public.approve_for_me(id bigint) RETURNS text
  LANGUAGE sql SECURITY DEFINER AS 'SELECT holdpoint.approve(id)'$$);
SELECT t.expect('HP003', 'mallory', format('SELECT public.approve_for_me(%s)', :h),
  'a function of alice''s');
SELECT t.is('pending', t.state(:h), 'is not alice');
SELECT t.answer('carol',
  format($$SELECT holdpoint.approve(%s) FROM set_config('role', 'alice', true)$$, :h)) \g /dev/null
SELECT t.is('carol', who, 'carol, who was granted alice''s role, decides in her own name')
FROM holdpoint.hold_event WHERE hold_id = :h AND action = 'approve';
REVOKE alice FROM carol;

-- Narrowing: shorter, fewer, one namespace, one name; never wider.
SELECT hold_id AS h FROM t.ask('{"name": "n", "grant": "Window", "rule": "narrow", "max_uses": 5}') \gset
SELECT hold_id AS honce FROM t.ask('{"name": "n1", "rule": "narrow1"}') \gset
SELECT t.expect(v.expected, 'alice', format('SELECT holdpoint.approve(%s, %s)',
  CASE v.which WHEN 'once' THEN :honce ELSE :h END, v.args))
FROM (VALUES
  ('HP008', 'h', $$until => now() + '2 hours'$$),
  ('HP008', 'h', $$until => now()$$),
  ('HP008', 'h', $$uses => 6$$),
  ('HP008', 'h', $$uses => 0$$),
  ('HP008', 'h', $$namespace => 'dev'$$),
  ('HP008', 'h', $$name => 'other'$$),
  ('HP008', 'once', $$uses => 2$$)
) AS v(expected, which, args);
SELECT t.answer('alice',
  format($$SELECT holdpoint.approve(%s, until => now() + '10 minutes', uses => 2, namespace => 'prod')$$, :h)) \g /dev/null
SELECT t.is('t 2 prod', concat_ws(' ', left((expires_at < now() + '11 minutes')::text, 1), max_uses,
  only_namespace), 'narrowed')
FROM holdpoint.hold WHERE id = :h;
SELECT t.is(v.expected, (t.ask('{"grant": "Window", "rule": "narrow", "max_uses": 5}'::jsonb
  || v.other::jsonb)).verdict, v.other)
FROM (VALUES
  ('held', '{"name": "m", "namespace": "dev"}'),
  ('allow', '{"name": "m"}'),
  ('allow', '{"name": "n"}'),
  ('held', '{"name": "o"}')
) AS v(expected, other);
SELECT hold_id AS h FROM t.ask('{"name": "", "namespace": "", "grant": "Window", "rule": "reads", "operation": "list", "min": 2}') \gset
SELECT t.answer('alice', format($$SELECT holdpoint.approve(%s, namespace => 'prod', uses => 9)$$,
  :h)) \g /dev/null
SELECT t.expect('HP008', 'bob', format($$SELECT holdpoint.approve(%s, namespace => 'dev')$$, :h),
  'the second approver cannot undo what the first narrowed');
SELECT t.expect('HP008', 'bob', format($$SELECT holdpoint.approve(%s, uses => 10)$$, :h));
SELECT t.answer('bob', format($$SELECT holdpoint.approve(%s, uses => 3)$$, :h)) \g /dev/null
SELECT t.is('3 prod', max_uses || ' ' || only_namespace, 'the narrowest of both')
  FROM holdpoint.hold WHERE id = :h;
SELECT t.is('denied approved', verdict || ' ' || state,
  'the request itself is outside of what was granted')
FROM t.ask('{"name": "", "namespace": "", "grant": "Window", "rule": "reads", "operation": "list", "min": 2}');
SELECT t.is('allow', verdict, 'what is inside passes')
FROM t.ask('{"name": "", "namespace": "prod", "grant": "Window", "rule": "reads", "operation": "list", "min": 2}');

-- What approvers see: the holds of their groups.
SELECT hold_id AS hsre FROM t.ask('{"name": "for sre"}') \gset
SELECT hold_id AS hsec FROM t.ask('{"name": "for security", "approvers": ["security"]}') \gset
SELECT hold_id AS hall FROM t.ask('{"name": "for all", "approvers": []}') \gset
SELECT t.expect(v.expected, v.login,
  format('SELECT string_agg(name, '','' ORDER BY id) FROM holdpoint.pending_holds WHERE id >= %s',
    :hsre))
FROM (VALUES
  ('for sre,for all', 'alice'),
  ('for security,for all', 'carol'),
  ('for sre,for security,for all', 'auditor'),
  ('42501', 'mallory'),
  ('42501', 'wh')
) AS v(expected, login);
SELECT t.expect(v.expected, v.login,
  format('SELECT count(*) FROM holdpoint.hold_event WHERE hold_id >= %s', :hsre))
FROM (VALUES ('2', 'alice'), ('2', 'carol'), ('3', 'auditor')) AS v(expected, login);

SELECT t.done();
