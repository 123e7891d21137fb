-- SPDX-License-Identifier: Apache-2.0
-- What a requester may know and say of their own holds.

CREATE FUNCTION t.status(who text, p_hold bigint) RETURNS text
LANGUAGE sql
AS $$
  SELECT t.answer('wh', format('SELECT (s->''holds''->0->>''state'') || '' '' || (s->''holds''->0->>''nextStep'') || '' '' || (s->''holds''->0->>''comments'')
    FROM holdpoint.status_as_kubernetes(''c1'', %L, ''{ai}'', ''u'', %s) AS s', who, p_hold))
$$;
CREATE FUNCTION t.comment(who text, p_hold bigint, uid text, said text) RETURNS text
LANGUAGE sql
AS $$
  SELECT t.answer('wh', format('SELECT holdpoint.comment_as_kubernetes(''c1'', %s, %L, ''{ai}'', %L, %L)',
    p_hold, who, uid, said))
$$;
SELECT hold_id AS h FROM t.ask() \gset
SELECT hold_id AS other FROM t.ask('{"user": "other", "name": "x"}') \gset

SELECT t.is('pending wait_again []', t.status('agent', :h), 'one''s own');
SELECT t.is('HP001', t.status('agent', :other), 'somebody else''s');
SELECT t.is('HP001', t.status('Agent', :h), 'spelt otherwise');
SELECT t.is('HP001', t.status('agent', 999), 'none');
SELECT t.is('HP003', t.status('system:anonymous', :h), 'nobody');
SELECT t.expect('42501', v.login, v.statement)
FROM (VALUES ('alice'), ('sink'), ('auditor'), ('mallory')) AS l(login),
  LATERAL (VALUES (l.login, $$SELECT holdpoint.status_as_kubernetes('c1', 'agent', '{}', 'u', 1)$$),
    (l.login, $$SELECT holdpoint.comment_as_kubernetes('c1', 1, 'agent', '{}', 'u', 'x')$$)) AS v(login, statement);

SELECT t.is(format('hold %s: approvers see your comment; it still waits for sre', :h),
  t.comment('agent', :h, 'u1', 'the release is tonight'), 'said');
SELECT t.comment('agent', :h, 'u1', 'the release is tonight'), t.comment('agent', :h, 'u2', 'please') \g /dev/null
SELECT t.is('pending wait_again ["the release is tonight", "please"]', t.status('agent', :h), 'once each');
SELECT t.is('create:agent comment:agent comment:agent', t.steps(:h), 'on the record');
SELECT t.is('HP001', t.comment('other', :h, 'u3', 'x'), 'of another''s hold');
SELECT t.is('22023', t.comment('agent', :h, 'u3', ''), 'nothing');
SELECT t.is('22023', t.comment('agent', :h, 'u3', E' \n'), 'blanks');
SELECT t.is('22023', t.comment('agent', :h, 'u3', repeat('x', 501)), 'too much');
SELECT t.is('20', count(*)::text, 'twenty are enough') FROM (SELECT t.comment('agent', :h, 'n' || n, 'again') AS said
  FROM generate_series(1, 20) AS n) AS s WHERE said LIKE '%waits for%' OR said = 'HP008';
SELECT t.is('20', cardinality(holdpoint.hold_comments(h))::text, 'and no more') FROM holdpoint.hold h WHERE h.id = :h;

-- Approvers see them, by kubectl and by psql.
SELECT t.expect('please', 'wh', format($$SELECT holdpoint.holds_as_kubernetes('c1', 'sue', '{sre}', 'u', %s)->'holds'->0->'comments'->1$$, :h));
SELECT t.expect('["please"]', 'alice', format($$SELECT (holdpoint.hold_comments(h))[2:2] FROM holdpoint.hold h WHERE id = %s$$, :h));
SELECT t.expect('ok', 'wh', $$SELECT holdpoint.holds_as_kubernetes('c1', 'sue', '{none}', 'u', 1)->'holds'->0->'comments'$$);

-- What to do next.
SELECT holdpoint.approve(:h) \g /dev/null
SELECT t.is('approved repeat_unchanged', left(t.status('agent', :h), 25), 'approved');
SELECT t.is('HP002', t.comment('agent', :h, 'u9', 'thanks'), 'too late');
SELECT verdict FROM t.ask() \g /dev/null
SELECT t.is('used stop', left(t.status('agent', :h), 9), 'used');
SELECT hold_id AS d FROM t.ask('{"name": "d"}') \gset
SELECT holdpoint.deny(:d, 'no') \g /dev/null
SELECT t.is('denied stop []', t.status('agent', :d), 'denied');
SELECT hold_id AS e FROM t.ask('{"name": "e", "expires": "1 s"}') \gset
SELECT t.age(:e, '2 s') \g /dev/null
SELECT t.is('expired stop []', t.status('agent', :e), 'expired, though nobody has written it down');

SELECT t.done();
