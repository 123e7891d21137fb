-- SPDX-License-Identifier: Apache-2.0
-- Who is one person: names, logins and agents, and what enrolling them may not do.

CREATE ROLE dana LOGIN IN ROLE holdpoint_approver, sre;
-- A name does not move; what to do instead is said. A second name or login is added.
SELECT t.expect('alice', 'admin', $$SELECT holdpoint.map_approver('alice', 'alice@example.com')$$);
SELECT t.expect(v.expected, 'admin', 'SELECT holdpoint.' || v.statement)
FROM (VALUES
  ('HP011', $$map_approver('alice2', 'alice@example.com')$$),
  ('HP011', $$map_approver('alice2', 'ALICE@example.com')$$),
  ('HP011', $$map_approver('alice2', 'alice@example.com.')$$),
  ('HP011', $$map_approver('alice2', U&'ali\200Bce@example.com')$$),
  ('HP011', $$map_approver('alice2', 'alice@example.com', 'c1')$$),
  ('HP011', $$add_login('nobody', 'alice2')$$),
  ('HP011', $$add_name('nobody', 'x@example.com')$$),
  ('HP011', $$add_agent('bot', 'nobody', 'bot@agents.example.com')$$),
  ('HP011', $$remove_name('x@example.com')$$),
  ('23514', $$add_person('')$$),
  ('23514', $$add_person(U&'\200B ')$$),
  ('23505', $$add_person('Alice')$$),
  ('alice', $$add_login('alice', 'alice2')$$),
  ('alice', $$add_login('alice', 'alice2')$$),
  ('alice', $$add_name('alice', 'oidc:alice')$$),
  ('alice', $$add_name('alice', 'Alice@Example.com')$$),
  ('alice', $$map_approver('alice2', 'alice@example.com')$$),
  ('bob', $$map_approver('bob', 'bob@example.com', 'c1')$$),
  ('eve', $$map_approver('eve', 'bob@example.com', 'c2')$$),
  ('HP011', $$map_approver('zoe', 'bob@example.com')$$),
  ('HP011', $$add_login('bob', 'alice2')$$),
  ('bot', $$add_agent('bot', 'alice', 'bot@agents.example.com')$$),
  ('HP011', $$add_agent('subbot', 'bot', 'subbot@agents.example.com')$$),
  ('HP011', $$add_agent('bob', 'alice', 'bob2@example.com')$$)
) AS v(expected, statement);
SELECT t.expect('HP011', 'owner', $$UPDATE holdpoint.identity SET person = 'bob' WHERE name = 'alice2'$$);
SELECT t.expect('HP011', 'owner', $$INSERT INTO holdpoint.identity VALUES ('database', '', 'ALICE2', 'bob')$$);
SELECT t.expect('HP011', 'owner', $$UPDATE holdpoint.person SET kind = 'human', owner = NULL WHERE name = 'bot'$$);
SELECT t.is('alice human alice,alice2 Alice@Example.com,alice@example.com,oidc:alice; bob human bob '
  'bob@example.com in c1; bot agent (alice)  bot@agents.example.com; eve human eve bob@example.com in c2',
  string_agg(concat_ws(' ', person, kind, '(' || owner || ')', array_to_string(logins, ','),
    array_to_string(kubernetes_names, ',')), '; ' ORDER BY person), 'who is who')
FROM holdpoint.people;
CREATE FUNCTION t.hint(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE said text; hint text;
BEGIN
  EXECUTE statement;
  RETURN 'ok';
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS said = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT;
  RETURN said || ' / ' || hint;
END
$$;
SELECT t.is('kubernetes name alice@example.com belongs to alice already / Is carol the same person? Then '
  'SELECT holdpoint.add_login(''alice'', LOGIN) for each login of theirs; if not, '
  'holdpoint.remove_name() it first.',
  t.hint($$SELECT holdpoint.map_approver('carol', 'alice@example.com')$$), 'says what to do');
SELECT t.is('0', count(*)::text, 'a refused enrolment leaves nothing') FROM holdpoint.person
WHERE name IN ('alice2', 'zoe', 'carol');

-- Spellings.
SELECT t.is(v.expected, holdpoint.spelling(v.name), v.name)
FROM (VALUES
  ('alice@example.com', 'Alice@Example.COM'),
  ('alice@example.com', U&' \FEFFalice\200B@example.com.\00A0'),
  ('alice@example.com', U&'alice.@example\3002com'),
  ('alicesmith', 'Alice  Smith'),
  ('system:serviceaccount:prod:bot', 'system:serviceaccount:prod:bot'),
  ('system:serviceaccount:prod:bot', 'serviceaccount/prod/bot'),
  ('system:serviceaccount:prod:bot', 'system:serviceaccounts:prod:bot'),
  ('oidc:alice', 'oidc:alice'),
  ('prod:bot', 'prod:bot'),
  ('', U&'\200B')
) AS v(expected, name);
SELECT t.is(v.expected, array_to_string(holdpoint.spellings(v.name), ' '), v.name)
FROM (VALUES
  ('alice alice alice', 'alice'),
  ('oidc:alice@example.com alice@example.com alice', 'oidc:Alice@example.com'),
  ('system:serviceaccount:prod:bot bot bot', 'system:serviceaccount:prod:bot'),
  ('system:admin system:admin system:admin', 'system:admin')
) AS v(expected, name);

-- Two of one person's names are one, whoever comes first and through whatever channel.
CREATE ROLE alice2 LOGIN IN ROLE holdpoint_approver, sre;
CREATE ROLE "bob@corp" LOGIN IN ROLE holdpoint_approver, sre;
SELECT t.direct('alice@example.com', 'oidc:alice', 'sue', 'oidc:sue', 'sue@example.com', 'bob@example.com',
  'system:serviceaccount:prod:bob', 'bot@agents.example.com', 'Bot@agents.example.com') \g /dev/null
-- Approves as each of `names` (with "@" or ":" by HoldReview); each one's answer, and what it led to.
CREATE FUNCTION t.approvals(p_ask jsonb, VARIADIC names text[]) RETURNS text
LANGUAGE plpgsql
AS $$
DECLARE
  h bigint := (SELECT hold_id FROM t.ask(p_ask));
  name text;
  answers text := '';
  got text;
BEGIN
  FOREACH name IN ARRAY names LOOP
    got := CASE WHEN name ~ '[@:]' OR name = 'sue' THEN t.answer('wh', format(
        'SELECT holdpoint.approve_as_kubernetes(''c1'', %s, %L, ''{sre}'', %L)', h, name, h || name))
      ELSE t.answer(name, format('SELECT holdpoint.approve(%s)', h)) END;
    answers := answers || CASE WHEN got LIKE 'hold %' THEN 'ok ' ELSE got || ' ' END;
  END LOOP;
  RETURN answers || t.state(h);
END
$$;
SELECT t.is(v.expected, t.approvals(jsonb_build_object('name', 'p' || v.n, 'min', 2) || v.ask::jsonb, VARIADIC v.names),
  v.ask || v.names::text)
FROM (VALUES
  (1, 'ok HP007 pending', '{}', '{alice,alice2}'::text[]),
  (2, 'ok HP007 HP007 pending', '{}', '{alice@example.com,oidc:alice,alice2}'),
  (3, 'ok HP007 ok approved', '{}', '{alice2,alice@example.com,bob}'),
  (4, 'ok HP006 pending', '{}', '{sue,oidc:sue}'),
  (5, 'ok HP006 pending', '{}', '{sue@example.com,sue}'),
  (6, 'ok HP006 pending', '{}', '{bob,system:serviceaccount:prod:bob}'),
  (7, 'ok HP007 pending', '{}', '{bob,bob@example.com}'),
  (8, 'HP004 HP004 HP004 pending', '{"user": "alice@example.com"}', '{alice,alice2,oidc:alice}'),
  (9, 'HP004 HP004 pending', '{"user": "oidc:alice"}', '{alice2,alice@example.com}'),
  (10, 'HP006 pending', '{"user": "system:serviceaccount:prod:alice"}', '{alice2}'),
  (11, 'HP006 pending', '{"user": "bob@other.example.com"}', '{bob}')
) AS v(n, expected, ask, names);

-- An agent approves nothing, whatever groups it is in.
SELECT t.is(v.expected, t.approvals('{"name": "agents"}'::jsonb, v.name), v.name)
FROM (VALUES ('HP003 pending', 'bot@agents.example.com'), ('HP003 pending', 'Bot@agents.example.com')) AS v(expected, name);

-- Its owner's approval counts for what config.owner_approvals says.
UPDATE holdpoint.config SET owner_approvals = DEFAULT;
CREATE FUNCTION t.owner_approvals(rule text, VARIADIC names text[]) RETURNS text
LANGUAGE plpgsql
AS $$
BEGIN
  UPDATE holdpoint.config SET owner_approvals = rule;
  RETURN t.approvals(jsonb_build_object('name', 'o' || gen_random_uuid(), 'user', 'bot@agents.example.com'),
    VARIADIC names) || '; ' || t.approvals(jsonb_build_object('name', 'o' || gen_random_uuid(), 'min', 2, 'user',
    'BOT@agents.example.com'), VARIADIC names);
END
$$;
SELECT t.is('with-another', owner_approvals, 'by default') FROM holdpoint.config;
SELECT t.is(v.expected, t.owner_approvals(v.rule, VARIADIC v.names), v.rule || v.names::text)
FROM (VALUES
  ('HP004 ok approved; HP004 ok pending', 'never', '{alice,bob}'::text[]),
  ('HP004 HP004 HP004 pending; HP004 HP004 HP004 pending', 'never', '{alice,alice2,alice@example.com}'),
  ('HP004 ok approved; ok ok approved', 'with-another', '{alice2,bob}'),
  ('ok HP002 approved; ok ok approved', 'with-another', '{bob,alice@example.com}'),
  ('HP004 HP004 pending; ok HP007 pending', 'with-another', '{alice,oidc:alice}'),
  ('ok approved; ok pending', 'alone', '{alice}'),
  ('ok HP002 approved; ok HP007 pending', 'alone', '{alice,alice2}')
) AS v(expected, rule, names);
UPDATE holdpoint.config SET owner_approvals = DEFAULT;
-- Of several rules: for those that ask for another one too.
SELECT t.is('ok ok approved', t.approvals('{"name": "rules", "user": "bot@agents.example.com", "rules": [
  {"policy": "p", "rule": "a", "approvers": ["sre"], "minApprovals": 1},
  {"policy": "p", "rule": "b", "approvers": ["sre"], "minApprovals": 2}]}', 'alice', 'bob'), 'owner first');
SELECT t.is('ok pending', t.approvals(j, 'alice'), 'an owner of two rules')
FROM (VALUES ('{"name": "rules2", "user": "bot@agents.example.com", "rules": [
  {"policy": "p", "rule": "a", "approvers": ["sre"], "minApprovals": 1},
  {"policy": "p", "rule": "b", "approvers": ["sre"], "minApprovals": 2}]}'::jsonb)) AS v(j);
SELECT t.is('{0,1}', rule_approvals::text, 'of one rule she is one, of the other none')
FROM holdpoint.hold WHERE name = 'rules2';
-- She may deny, and take back.
SELECT hold_id AS h FROM t.ask('{"name": "owned", "user": "bot@agents.example.com"}') \gset
SELECT t.expect(format('hold %s denied', :h), 'alice', format('SELECT left(holdpoint.deny(%s), %s)', :h,
  length(format('hold %s denied', :h))));
SELECT hold_id AS h FROM t.ask('{"name": "owned2", "approvers": ["security"], "user": "bot@agents.example.com"}') \gset
SELECT t.expect('HP003', 'bob', format('SELECT holdpoint.withdraw(%s)', :h));
SELECT t.expect(format('hold %s withdrawn', :h), 'alice', format('SELECT left(holdpoint.withdraw(%s), %s)', :h,
  length(format('hold %s withdrawn', :h))));
-- Who may be the owner is taken for the owner.
SELECT t.expect('HP011', 'admin', $$SELECT holdpoint.add_agent('helper', 'dan', 'helper@agents.example.com')$$);
SELECT t.is('HP003 pending', t.approvals('{"name": "o3", "user": "bot@agents.example.com", "approvers": []}',
  'alice@other.example.com'), 'not enrolled, no approver');

-- A refusal that psql shows is short: one frame.
CREATE FUNCTION t.frames(login text, statement text) RETURNS int LANGUAGE plpgsql AS $$
DECLARE context text;
BEGIN
  PERFORM set_config('session_authorization', login, true);
  EXECUTE statement;
  RETURN 0;
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS context = PG_EXCEPTION_CONTEXT;
  -- of which two are this function's
  RETURN array_length(string_to_array(context, E'\n'), 1) - 2;
END
$$;
SELECT hold_id AS h FROM t.ask('{"name": "short", "user": "alice"}') \gset
SELECT t.is('1', t.frames('alice', format(v.statement, :h))::text, v.statement)
FROM (VALUES ('SELECT holdpoint.approve(%s)'), ('SELECT holdpoint.deny(%s)'), ('SELECT holdpoint.approve(%s + 99999)'),
  ('SELECT holdpoint.withdraw(-%s)')) AS v(statement);

-- Nobody approves what they may have asked for under a name that their domain, a broker, an address
-- or a principal makes of theirs.
SELECT t.expect(v.expected, 'dana', format('SELECT holdpoint.approve(%s)', a.hold_id), v.name)
FROM (VALUES
  ('HP006', 'CORP\dana'), ('HP006', 'auth0|dana'), ('HP006', 'google-oauth2|dana@example.com'),
  ('HP006', 'dana+agent@example.com'), ('HP006', 'oidc:dana+x@example.com'),
  ('HP006', 'dana/admin@EXAMPLE.COM'), ('HP006', 'dana/root'), ('HP006', 'dana%40example.com'),
  ('HP006', 'CN=Dana,O=sre'), ('HP006', '/O=sre/CN=dana')) AS v(expected, name),
  LATERAL t.ask(jsonb_build_object('name', 'by-' || v.name, 'user', v.name)) AS a;
SELECT t.is(v.expected, (holdpoint.spellings(v.a) && holdpoint.spellings(v.b))::text, v.a || ' ' || v.b)
FROM (VALUES
  ('false', 'oidc/alice', 'oidc/bob'), ('false', 'https://idp.example.com/alice', 'https://idp.example.com/bob'),
  ('false', 'CORP\alice', 'CORP\bob'), ('false', 'auth0|alice', 'auth0|bob'), ('false', 'alice+x@example.com', 'bob+x@example.com'),
  ('false', 'CN=alice,O=sre', 'CN=bob,O=sre'), ('false', 'alice%40example.com', 'bob%40example.com'),
  ('true', 'alice/admin', 'alice'), ('true', 'alice%40example.com', 'Alice@Example.com')) AS v(expected, a, b);
SELECT t.done();
