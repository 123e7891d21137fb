-- SPDX-License-Identifier: Apache-2.0
-- Who may decide, through which channel, and what a decision may say.

SELECT t.direct('sue', 'al', 'bob', 'Bob', 'bob@example.com', 'BOB@example.com ', 'Bob@Example.com',
  'alice@example.com', 'ALICE') \g /dev/null

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
SELECT t.expect(format('hold %s approved: DELETE deployments.apps prod/who by agent. '
  'Opens: this one change, until %s UTC', :h, to_char(expires_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS')), 'alice', format('SELECT holdpoint.approve(%s, ''ok'')',
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
SELECT t.expect(format('hold %s has 1 of 2 approvals: DELETE deployments.apps prod/two by agent. Will open: this one change',
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
SELECT t.expect('alice', 'admin', $$SELECT holdpoint.add_person('alice')$$);
SELECT t.expect('alice', 'admin', $$SELECT holdpoint.add_name('alice', 'alice@example.com')$$);
SELECT hold_id AS h FROM t.ask('{"name": "own", "user": "alice@example.com"}') \gset
SELECT t.expect('HP004', 'alice', format('SELECT holdpoint.approve(%s)', :h));
SELECT t.expect('HP004', 'alice', format('SELECT holdpoint.deny(%s)', :h));
SELECT t.expect('HP004', 'wh',
  format('SELECT holdpoint.approve_as_kubernetes(''c1'', %s, ''alice@example.com'', ''{sre}'', ''r1'')', :h));
SELECT t.expect('HP004', 'wh',
  format('SELECT holdpoint.approve_as_kubernetes(''c1'', %s, ''ALICE'', ''{sre}'', ''r1'')', :h),
  'an unenrolled name in another spelling is not taken for somebody else');
SELECT t.expect('HP004', 'alice', format('SELECT holdpoint.approve(%s)',
    (t.ask(jsonb_build_object('name', 'own', 'user', name))).hold_id),
  format('asked for as %L, which is an enrolled name in another spelling', name))
FROM (VALUES ('Alice@Example.COM'), (' alice@example.com'), (E'alice@example.com\t'),
  (U&'\FF41lice@example.com'), (U&'alice@example\FF0Ecom'), ('ALICE'), ('alice '),
  ('alice@example.com.'), ('alice.'), (U&'ali\200Bce@example.com'), (U&'\FEFFalice'),
  (U&'ali\00ADce'), (U&'alice\2060@example.com'), (U&'alice@example\3002com'),
  (U&'alice\+0E0041'), (E'alice\x01'), ('alice@example.com..'), (U&'alice\FE0F')) AS v(name);
SELECT t.expect('HP006', 'alice', format('SELECT holdpoint.approve(%s)',
    (t.ask(jsonb_build_object('name', 'own', 'user', name))).hold_id),
  format('asked for as %L, which may be alice', name))
FROM (VALUES ('system:serviceaccount:prod:alice'), ('oidc:alice'), ('oidc:alice@example.com'),
  ('https://issuer.example.com#alice'), ('alice@other.example.com'), ('corp/alice'),
  (U&'oidc:ali\200Bce'), ('serviceaccount:prod:alice'), ('system:serviceaccounts:prod:alice')) AS v(name);
SELECT t.expect(format('hold %s approved', v.h), 'alice',
  format('SELECT left(holdpoint.approve(%s), %s)', v.h, length(format('hold %s approved', v.h))),
  'and these are somebody else: ' || v.name)
FROM (SELECT name, (t.ask(jsonb_build_object('name', 'other', 'user', name))).hold_id AS h
  FROM (VALUES ('alicent'), ('malice'), ('system:node:alice'), ('alice:x'), ('x.alice')) AS n(name)) AS v;
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
SELECT t.answer('admin', $$SELECT holdpoint.map_approver('bob', 'bob@example.com')$$) \g /dev/null
SELECT hold_id AS h FROM t.ask('{"name": "people", "min": 2}') \gset
SELECT t.answer('bob', format('SELECT holdpoint.approve(%s)', :h)) \g /dev/null
SELECT t.expect(v.expected, v.login, format(v.statement, :h))
FROM (VALUES
  ('HP007', 'bob', 'SELECT holdpoint.approve(%s)'),
  ('HP007', 'wh', $$SELECT holdpoint.approve_as_kubernetes('c1', %s, 'bob@example.com', '{sre}', 'r5')$$),
  ('HP007', 'wh', $$SELECT holdpoint.approve_as_kubernetes('c1', %s, 'bob', '{sre}', 'r6')$$),
  ('HP007', 'wh', $$SELECT holdpoint.approve_as_kubernetes('c1', %s, 'Bob', '{sre}', 'r7')$$),
  ('HP007', 'wh',
    $$SELECT holdpoint.approve_as_kubernetes('c1', %s, 'BOB@example.com ', '{sre}', 'r7')$$)
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
SELECT t.expect('HP006', 'wh',
  format($$SELECT holdpoint.approve_as_kubernetes('c1', %s, 'Bob@Example.com', '{sre}', 'r9')$$, :h),
  'a namesake of bob, who is enrolled, is not enrolled');
SELECT t.answer('admin',
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
SELECT t.answer('admin', $$SELECT holdpoint.map_approver('alice', 'al')$$) \g /dev/null
SELECT t.expect('HP007', 'alice', format('SELECT holdpoint.approve(%s)', :h),
  'enrolled in between');
-- Two logins of one person.
CREATE ROLE alice_admin LOGIN IN ROLE holdpoint_approver, sre;
SELECT t.expect('alice', 'admin', $$SELECT holdpoint.add_login('alice', 'alice_admin')$$);
SELECT hold_id AS h FROM t.ask('{"name": "logins", "min": 2}') \gset
SELECT t.answer('alice', format('SELECT holdpoint.approve(%s)', :h)) \g /dev/null
SELECT t.expect('HP007', 'alice_admin', format('SELECT holdpoint.approve(%s)', :h));
SELECT t.answer('bob', format('SELECT holdpoint.approve(%s)', :h)) \g /dev/null
SELECT t.is('approved', t.state(:h), 'two people');

-- Several rules hold one change: each must be satisfied as it would be alone.
CREATE ROLE erin LOGIN IN ROLE holdpoint_approver, sre, security;
CREATE ROLE frank LOGIN IN ROLE holdpoint_approver; -- in no group
CREATE FUNCTION t.rules(VARIADIC terms text[]) RETURNS jsonb -- 'rule:minimum:groups'
LANGUAGE sql
AS $$
  SELECT jsonb_agg(jsonb_build_object('policy', 'p', 'rule', split_part(term, ':', 1),
    'minApprovals', split_part(term, ':', 2)::int,
    'approvers', to_jsonb(string_to_array(split_part(term, ':', 3), ',')))) FROM unnest(terms) term
$$;
-- Approves as each of `logins` ("x@groups": by HoldReview); each one's answer, and what it led to.
CREATE FUNCTION t.approve_all(p_name text, p_rules jsonb, VARIADIC logins text[]) RETURNS text
LANGUAGE plpgsql
AS $$
DECLARE
  h bigint := (SELECT hold_id FROM t.ask(jsonb_build_object('name', p_name, 'rules', p_rules)));
  login text;
  got text;
  answers text := '';
BEGIN
  FOREACH login IN ARRAY logins LOOP
    got := CASE WHEN login LIKE '%@%' THEN t.answer('wh', format(
        'SELECT holdpoint.approve_as_kubernetes(''c1'', %s, %L, %L, %L)', h,
        split_part(login, '@', 1), '{' || split_part(login, '@', 2) || '}', h || login))
      ELSE t.answer(login, format('SELECT holdpoint.approve(%s)', h)) END;
    answers := answers || CASE WHEN got LIKE 'hold %' THEN 'ok ' ELSE got || ' ' END;
  END LOOP;
  RETURN answers || t.state(h);
END
$$;
\set both 't.rules(''a:1:sre'', ''b:1:security'')'
\set more 't.rules(''a:2:sre'', ''b:1:security'')'
\set open 't.rules(''a:1:sre'', ''b:1:'')'
\set wide 't.rules(''a:1:sre'', ''b:2:'')'
SELECT t.is(v.expected, t.approve_all('rules ' || v.n, v.rules, VARIADIC v.logins),
  v.rules::text || v.logins::text)
FROM (VALUES
  (1, 'ok pending', :both, '{alice}'::text[]),
  (2, 'ok pending', :both, '{carol}'),
  (3, 'ok ok approved', :both, '{alice,carol}'),
  (4, 'ok ok ok approved', :both, '{alice,bob,carol}'),
  (5, 'ok approved', :both, '{erin}'),
  (6, 'HP003 pending', :both, '{frank}'),
  (7, 'ok ok pending', :more, '{alice,bob}'),
  (8, 'ok ok approved', :more, '{alice,erin}'),
  (9, 'ok HP007 pending', :more, '{erin,erin}'),
  (10, 'ok ok pending', :more, '{carol,erin}'),
  (11, 'HP003 ok approved', :open, '{carol,alice}'),
  (12, 'ok ok approved', :wide, '{frank,alice}'),
  (13, 'ok ok pending', :wide, '{frank,carol}'),
  (14, 'ok approved', :both, '{"sue@sre,security"}'),
  (15, 'ok HP007 pending', :both, '{sue@sre,sue@security}'), -- one person, another token
  (16, 'ok approved', :open, '{sue@sre}'),
  (17, 'HP003 pending', :both, '{sue@dev}')
) AS v(n, expected, rules, logins);
SELECT holdpoint.remove_name('bob@example.com'), holdpoint.add_name('bob', 'bob') \g /dev/null
SELECT t.is('ok HP007 pending', t.approve_all('rules by two names', :both, 'bob', 'bob@security'),
  'one person in two groups through two channels');
DELETE FROM holdpoint.identity WHERE kind = 'kubernetes' AND name = 'bob';
SELECT holdpoint.add_name('bob', 'bob@example.com') \g /dev/null
SELECT hold_id AS h, approver_names FROM t.ask(jsonb_build_object('name', 'named', 'rules',
  :both)) \gset
SELECT t.is('security (0/1) and sre (0/1)', :'approver_names', 'the requester learns whom it takes');
SELECT t.expect(format('hold %s has 1 approval and still needs security (0/1): '
  'DELETE deployments.apps prod/named by agent. Will open: this one change', :h), 'alice',
  format('SELECT holdpoint.approve(%s)', :h));
SELECT t.is('p/a, p/b|security (0/1)|security,sre', concat_ws('|', p.rule, p.approvers,
  array_to_string(h.approvers, ',')), 'and an approver which rules')
FROM holdpoint.pending_holds p JOIN holdpoint.hold h USING (id) WHERE p.id = :h;
SELECT t.expect(v.expected, v.login, format('SELECT count(*) FROM holdpoint.pending_holds WHERE id = %s',
  :h))
FROM (VALUES ('1', 'alice'), ('1', 'carol'), ('0', 'frank')) AS v(expected, login);
SELECT t.expect(format('hold %s denied: DELETE deployments.apps prod/named by agent', :h), 'carol',
  format('SELECT holdpoint.deny(%s)', :h), 'one denial ends it');
-- The terms must stay the same, rule for rule.
SELECT hold_id AS h FROM t.ask(jsonb_build_object('name', 'same', 'rules', :more)) \gset
SELECT t.is(v.expected, (hold_id = :h)::text, v.rules::text)
FROM (VALUES
  ('true', :more),
  ('true', t.rules('b:1:security', 'a:2:sre')),
  ('true', :both), -- laxer
  ('false', t.rules('a:2:sre', 'c:1:security'))
) AS v(expected, rules), t.ask(jsonb_build_object('name', 'same', 'rules', v.rules));
SELECT t.is(v.expected, t.state((t.ask(jsonb_build_object('name', v.name, 'rules',
  v.before))).hold_id) || ' ' || (t.ask(jsonb_build_object('name', v.name, 'rules',
  v.after))).is_new, v.name)
FROM (VALUES
  ('withdrawn true', 'one rule fewer', :both, NULL),
  ('withdrawn true', 'one rule more', NULL, :both),
  ('withdrawn true', 'another group', :both, t.rules('a:1:sre', 'b:1:dev')),
  ('withdrawn true', 'stricter', :both, :more)
) AS v(expected, name, before, after);
SELECT hold_id AS h FROM t.ask('{"name": "w1", "rule": "many", "grant": "Window"}') \gset
SELECT holdpoint.approve(:h) \g /dev/null
SELECT t.is('held', verdict, 'a window under one rule is none under two')
FROM t.ask(jsonb_build_object('name', 'w2', 'rule', 'many', 'grant', 'Window', 'rules', :both));
SELECT t.expect('22023', 'postgres', format('SELECT verdict FROM t.ask(%L)',
  jsonb_build_object('rules', (SELECT jsonb_agg((:both)->0) FROM generate_series(1, 65)))),
  'more rules than one hold keeps');

-- Channels can be limited to those enrolled, or closed.
SELECT hold_id AS h FROM t.ask('{"name": "channels"}') \gset
UPDATE holdpoint.config SET kubernetes_approvers = 'mapped', database_approvals = 'off';
SELECT t.expect(v.expected, v.login, format(v.statement, :h))
FROM (VALUES
  ('HP009', 'alice', 'SELECT holdpoint.approve(%s)'),
  ('HP009', 'wh', $$SELECT holdpoint.approve_as_kubernetes('c1', %s, 'sue', '{sre}', 'r11')$$),
  ('HP003', 'wh', $$SELECT holdpoint.approve_as_kubernetes('c1', %s, 'al', '{}', 'r11')$$)
) AS v(expected, login, statement);
UPDATE holdpoint.config SET kubernetes_approvals = 'off';
SELECT t.expect('HP009', 'wh',
  format($$SELECT holdpoint.approve_as_kubernetes('c1', %s, 'al', '{sre}', 'r11')$$, :h));
UPDATE holdpoint.config SET kubernetes_approvals = DEFAULT, kubernetes_approvers = DEFAULT,
  database_approvals = 'mapped';
DELETE FROM holdpoint.identity WHERE name = 'bob';
SELECT t.expect('HP009', 'bob', format('SELECT holdpoint.approve(%s)', :h), 'not enrolled');
SELECT t.expect('HP009', 'bob', format('SELECT holdpoint.deny(%s)', :h), 'nor to deny');
SELECT holdpoint.map_approver('bob', 'robert@example.com') \g /dev/null
SELECT hold_id AS own FROM t.ask('{"name": "own", "user": "robert@example.com"}') \gset
SELECT t.expect('HP004', 'bob', format('SELECT holdpoint.approve(%s)', :own), 'enrolled, and theirs');
SELECT hold_id AS enrolled FROM t.ask('{"name": "enrolled"}') \gset
SELECT t.expect(format('hold %s denied: DELETE deployments.apps prod/enrolled by agent', :enrolled),
  'bob', format('SELECT holdpoint.deny(%s)', :enrolled), 'enrolled');
UPDATE holdpoint.config SET database_approvals = DEFAULT;
SELECT t.is('5', count(*)::text, 'every change of configuration is recorded')
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
SELECT hold_id AS h FROM t.ask('{"name": "n", "grant": "Window", "rule": "narrow", "max_uses": 5, "scope": "Cluster"}') \gset
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
SELECT t.is(v.expected, (t.ask('{"grant": "Window", "rule": "narrow", "max_uses": 5, "scope": "Cluster"}'::jsonb
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

-- The same for who comes by kubectl: what a HoldReview of theirs could decide, and no more.
SELECT hold_id AS hown FROM t.ask('{"name": "sue''s own", "user": "sue"}') \gset
SELECT t.answer('admin', $$SELECT holdpoint.map_approver('frank', 'frank@example.com')$$) \g /dev/null
SELECT t.expect(v.expected, v.login, format($$SELECT (SELECT string_agg(w->>'name', ',' ORDER BY w->>'name')
  FROM jsonb_array_elements(holdpoint.holds_as_kubernetes(%s, 'r')->'holds') w
  WHERE (w->>'hold')::bigint >= %s)$$, v.who, :hsre), v.who)
FROM (VALUES
  ('for sre', 'wh', $$'c1', 'sue', '{sre}'$$),
  ('for sre,sue''s own', 'wh', $$'c1', 'jim', '{sre}'$$),
  ('for security', 'wh', $$'c1', 'sue', '{security}'$$),
  ('ok', 'wh', $$'c1', 'sue', '{dev}'$$),
  ('ok', 'wh', $$'c1', 'sue', NULL$$),
  ('ok', 'wh', $$'c2', 'sue', '{sre}'$$),
  ('for all', 'wh', $$'c1', 'frank@example.com', '{}'$$),
  ('HP003', 'wh', $$'c1', 'system:anonymous', '{sre}'$$),
  ('42501', 'alice', $$'c1', 'sue', '{sre}'$$)
) AS v(expected, login, who);
SELECT t.is('1 true x', jsonb_array_length(j->'holds') || ' ' || (j->>'more') || ' '
  || coalesce(j->'holds'->0->>'change', 'x'), 'limited, and without the changes')
FROM holdpoint.holds_as_kubernetes('c1', 'jim', '{sre}', 'r', NULL, 1) AS j;
SELECT t.is('1 false x', jsonb_array_length(j->'holds') || ' ' || (j->>'more') || ' '
  || (j->'holds'->0->>'change'), 'one, with its change')
FROM holdpoint.holds_as_kubernetes('c1', 'jim', '{sre}', 'r', :hsre) AS j;
SELECT t.is('[]', (holdpoint.holds_as_kubernetes('c1', 'jim', '{sre}', 'r', :hsec)->'holds')::text,
  'not by its number either');
UPDATE holdpoint.config SET kubernetes_approvers = 'mapped';
SELECT t.expect('HP009', 'wh', $$SELECT holdpoint.holds_as_kubernetes('c1', 'jim', '{sre}', 'r')$$);
UPDATE holdpoint.config SET kubernetes_approvers = DEFAULT;

SELECT t.done();

-- Nobody approves unknowingly what they were not shown: in no channel, and each of several people.
SELECT hold_id AS h FROM t.ask('{"name": "unseen", "min": 2, "unseen": "data.big (shortened)"}') \gset
SELECT t.expect('HP015', v.login, format(v.statement, :h))
FROM (VALUES
  ('alice', 'SELECT holdpoint.approve(%s)'),
  ('alice', 'SELECT holdpoint.approve(%s, ''r'', unseen => false)'),
  ('alice', 'SELECT holdpoint.approve(%s, ''r'', unseen => NULL)'),
  ('wh', 'SELECT holdpoint.approve_as_kubernetes(''c1'', %s, ''sue'', ''{sre}'', ''r1'')')
) AS v(login, statement);
SELECT t.is('pending create:agent', t.state(:h) || ' ' || t.steps(:h), 'nothing came of that');
SELECT t.answer('alice', format('SELECT holdpoint.approve(%s, unseen => true)', :h)) \g /dev/null
SELECT t.is('{"unseen": true}', terms::text, 'that it was done knowingly is recorded')
FROM holdpoint.hold_event WHERE hold_id = :h AND action = 'approve';
SELECT t.expect('HP015', 'bob', format('SELECT holdpoint.approve(%s)', :h), 'the second as well');
SELECT t.answer('bob', format('SELECT holdpoint.approve(%s, unseen => true)', :h)) \g /dev/null
SELECT t.is('approved', t.state(:h), 'knowingly it can be approved');
SELECT hold_id AS h FROM t.ask('{"name": "refused", "unseen": "data.big (shortened)"}') \gset
SELECT t.answer('alice', format('SELECT holdpoint.deny(%s)', :h)) \g /dev/null
SELECT t.is('denied', t.state(:h), 'a denial needs no more');
