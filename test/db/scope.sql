-- SPDX-License-Identifier: Apache-2.0
-- An approval opens what was shown: how far a Window reaches, in what words it says so, who may
-- choose one instead of one change, and what is written down of each use.

UPDATE holdpoint.config SET max_pending_per_user = 1000;

-- `asked` is approved; then `other` is asked for, both under one rule with a Window of that scope.
CREATE FUNCTION t.after(rule text, scope text, asked jsonb, other jsonb) RETURNS text
LANGUAGE plpgsql
AS $$
DECLARE
  terms jsonb := jsonb_build_object('rule', rule, 'scope', scope, 'grant', 'Window',
    'api_group', '', 'resource', 'secrets', 'name', 'db', 'operation', 'get');
  h bigint := (t.ask(terms || asked)).hold_id;
BEGIN
  PERFORM holdpoint.approve(h);
  RETURN (t.ask(terms || asked || other)).verdict;
END
$$;
CREATE TABLE t.reach (expected text, scope text, asked jsonb, other jsonb,
  n int GENERATED ALWAYS AS IDENTITY);
INSERT INTO t.reach (expected, scope, asked, other) VALUES
  -- as asked: the object
  ('allow', 'Object', '{}', '{}'),
  ('allow', 'Object', '{}', '{"operation": "list"}'),
  ('allow', 'Object', '{}', '{"operation": "watch"}'),
  ('allow', 'Object', '{"operation": "watch"}', '{"operation": "get"}'),
  ('held', 'Object', '{}', '{"name": "other"}'),
  ('held', 'Object', '{}', '{"name": ""}'),
  ('held', 'Object', '{}', '{"operation": "list", "name": ""}'),
  ('held', 'Object', '{}', '{"operation": "list", "name": "", "namespace": ""}'),
  ('held', 'Object', '{}', '{"namespace": "dev"}'),
  ('held', 'Object', '{}', '{"namespace": ""}'),
  ('held', 'Object', '{}', '{"subresource": "status"}'),
  ('held', 'Object', '{}', '{"resource": "configmaps"}'),
  ('held', 'Object', '{}', '{"api_group": "example.com"}'),
  ('held', 'Object', '{}', '{"user": "agent2"}'),
  -- reading is one class; every other verb is its own
  ('held', 'Object', '{}', '{"operation": "patch"}'),
  ('held', 'Object', '{}', '{"operation": "delete"}'),
  ('held', 'Object', '{"operation": "patch"}', '{"operation": "update"}'),
  ('held', 'Object', '{"operation": "update"}', '{"operation": "get"}'),
  ('held', 'Object', '{"operation": "delete"}', '{"operation": "deletecollection", "name": ""}'),
  ('held', 'Object', '{"operation": "UPDATE"}', '{"operation": "DELETE"}'),
  ('held', 'Object', '{"operation": "UPDATE"}', '{"operation": "update"}'),
  ('allow', 'Object', '{"operation": "UPDATE"}', '{"operation": "UPDATE", "change": "y"}'),
  ('held', 'Object', '{"operation": "UPDATE"}', '{"operation": "UPDATE", "name": "other"}'),
  -- a proxied GET is no other method
  ('held', 'Cluster', '{"resource": "services", "subresource": "proxy"}', '{"operation": "create"}'),
  ('held', 'Cluster', '{"resource": "services", "subresource": "proxy"}', '{"operation": "delete"}'),
  ('held', 'Cluster', '{"resource": "services", "subresource": "proxy"}', '{"operation": "list"}'),
  ('held', 'Object', '{"resource": "services", "subresource": "proxy"}', '{"name": "https:db:"}'),
  ('held', 'Cluster', '{"resource": "pods", "subresource": "exec"}', '{"operation": "create"}'),
  ('held', 'Cluster', '{"resource": "pods", "subresource": "exec"}', '{"subresource": "attach"}'),
  -- who asked for all of a namespace, or of the cluster
  ('allow', 'Object', '{"operation": "list", "name": ""}', '{"operation": "get", "name": "db"}'),
  ('held', 'Object', '{"operation": "list", "name": ""}', '{"namespace": "dev"}'),
  ('held', 'Object', '{"operation": "list", "name": ""}', '{"namespace": ""}'),
  ('allow', 'Object', '{"operation": "list", "name": "", "namespace": ""}', '{"namespace": "dev"}'),
  ('allow', 'Object', '{"operation": "list", "name": "", "namespace": ""}',
    '{"namespace": "dev", "name": "db"}'),
  -- a list by a selector is none without it, nor by another
  ('allow', 'Object', '{"operation": "list", "name": "", "selectors": "a"}', '{"operation": "watch"}'),
  ('held', 'Object', '{"operation": "list", "name": "", "selectors": "a"}', '{"selectors": null}'),
  ('held', 'Object', '{"operation": "list", "name": "", "selectors": "a"}', '{"selectors": "b"}'),
  ('held', 'Object', '{"operation": "list", "name": "", "selectors": "a"}',
    '{"selectors": null, "name": "db"}'),
  ('allow', 'Object', '{"operation": "list", "name": ""}', '{"selectors": "a"}'),
  ('allow', 'Namespace', '{"operation": "list", "name": "", "selectors": "a"}', '{"selectors": "b"}'),
  -- a question about one name everywhere is none about all
  ('held', 'Object', '{"namespace": ""}', '{"namespace": "prod"}'),
  ('held', 'Object', '{"operation": "CREATE", "name": ""}', '{"operation": "CREATE", "name": "x"}'),
  -- wider, where the rule says so
  ('allow', 'Namespace', '{}', '{"name": "other"}'),
  ('allow', 'Namespace', '{}', '{"operation": "list", "name": ""}'),
  ('held', 'Namespace', '{}', '{"namespace": "dev"}'),
  ('held', 'Namespace', '{}', '{"operation": "list", "name": "", "namespace": ""}'),
  ('held', 'Namespace', '{}', '{"operation": "patch"}'),
  ('held', 'Namespace', '{}', '{"resource": "configmaps"}'),
  ('allow', 'Namespace', '{"resource": "nodes", "namespace": "", "name": "n1"}', '{"name": "n2"}'),
  ('held', 'Object', '{"resource": "nodes", "namespace": "", "name": "n1"}', '{"name": "n2"}'),
  ('allow', 'Cluster', '{}', '{"namespace": "dev", "name": "other"}'),
  ('allow', 'Cluster', '{}', '{"operation": "list", "name": "", "namespace": ""}'),
  ('held', 'Cluster', '{}', '{"operation": "patch"}'),
  ('held', 'Cluster', '{}', '{"subresource": "status"}'),
  -- paths
  ('held', 'Object', '{"resource": "", "namespace": "", "name": "/debug/a"}', '{"name": "/debug/b"}'),
  ('held', 'Namespace', '{"resource": "", "namespace": "", "name": "/debug/a"}', '{"name": "/debug/b"}'),
  ('allow', 'Cluster', '{"resource": "", "namespace": "", "name": "/debug/a"}', '{"name": "/debug/b"}'),
  ('held', 'Cluster', '{"resource": "", "namespace": "", "name": "/debug/a"}', '{"operation": "put"}');
SELECT t.is(r.expected, t.after('reach' || r.n, r.scope, r.asked, r.other),
  concat_ws(' ', r.scope, r.asked, r.other))
FROM t.reach AS r ORDER BY r.n;

-- The words say the same: wherever something passes that was not asked for, they name it.
CREATE FUNCTION t.opens(terms jsonb) RETURNS text
LANGUAGE plpgsql
AS $$
DECLARE
  h bigint := (t.ask(terms)).hold_id;
BEGIN
  RETURN (SELECT regexp_replace(opens, '\d{4}-\d\d-\d\d \d\d:\d\d:\d\d', 'TIME') FROM holdpoint.holds
    WHERE id = h);
END
$$;
SELECT t.is(v.expected, t.opens('{"grant": "Window", "api_group": "", "resource": "secrets",
  "name": "db", "operation": "get", "window": "15 minutes", "max_uses": 20}'::jsonb || v.terms::jsonb
  || jsonb_build_object('rule', v.expected)), v.terms)
FROM (VALUES
  ('get, list, watch of secrets prod/db, for 15 minutes, 20 times; a watch that has begun goes on',
    '{}'),
  ('get, list, watch of secrets in namespace prod, for 1 hour, once; a watch that has begun goes on',
    '{"scope": "Namespace", "window": "60 minutes", "max_uses": 1}'),
  ('get, list, watch of secrets in any namespace, until TIME UTC, any number of times; '
    'a watch that has begun goes on', '{"scope": "Cluster", "window": null, "max_uses": null}'),
  ('get, list, watch of secrets in any namespace, for 90 seconds, 20 times; a watch that has begun goes on',
    '{"operation": "list", "name": "", "namespace": "", "window": "90 seconds"}'),
  ('get, list, watch of secrets in namespace prod, with these selectors, for 15 minutes, 20 times; '
    'a watch that has begun goes on', '{"operation": "list", "name": "", "selectors": "a"}'),
  ('get, list, watch of nodes n1, for 15 minutes, 20 times; a watch that has begun goes on',
    '{"resource": "nodes", "namespace": "", "name": "n1"}'),
  ('get, list, watch of nodes of any name, for 15 minutes, 20 times; a watch that has begun goes on',
    '{"resource": "nodes", "namespace": "", "name": "n1", "scope": "Namespace"}'),
  ('get of services/proxy prod/db, for 15 minutes, 20 times',
    '{"resource": "services", "subresource": "proxy"}'),
  ('update of deployments.apps prod/db, whatever is written, for 15 minutes, 20 times',
    '{"api_group": "apps", "resource": "deployments", "operation": "UPDATE"}'),
  ('delete of deployments.apps prod/db, for 15 minutes, 20 times',
    '{"api_group": "apps", "resource": "deployments", "operation": "DELETE"}'),
  ('connect to pods/exec prod/db, whatever the options, for 15 minutes, 20 times',
    '{"resource": "pods", "subresource": "exec", "operation": "CONNECT"}'),
  ('get of path /metrics, for 15 minutes, 20 times', '{"resource": "", "namespace": "", "name": "/metrics"}'),
  ('get of any path, for 15 minutes, 20 times',
    '{"resource": "", "namespace": "", "name": "/metrics", "scope": "Cluster"}'),
  ('this one change', '{"grant": "Once", "operation": "DELETE"}'),
  ('this one request', '{"grant": "Once"}'),
  ('this one change; or, if the approver chooses the like: update of secrets in namespace prod, '
    'whatever is written, for 30 minutes, 10 times', '{"grant": "Once", "operation": "UPDATE",
      "scope": "Namespace", "allow_window": "30 minutes", "allow_uses": 10}')
) AS v(expected, terms);

-- The same words before, at and after the approval, wherever people look.
\set w '{"rule": "words", "grant": "Window", "api_group": "", "resource": "secrets", "name": "db", "operation": "get", "window": "15 minutes", "max_uses": 2}'
SELECT hold_id AS h, opens FROM t.ask(:'w') \gset
SELECT t.is('get, list, watch of secrets prod/db, for 15 minutes, 2 times; a watch that has begun goes on',
  :'opens', 'the requester is told');
SELECT t.is(:'opens', opens, 'pending_holds') FROM holdpoint.pending_holds WHERE id = :h;
SELECT t.is(:'opens', holdpoint.hold_summary(h)->>'opens', 'notifications') FROM holdpoint.hold h
  WHERE h.id = :h;
SELECT t.is('true', (t.answer('alice', format('SELECT holdpoint.approve(%s)', :h)) LIKE 'hold ' || :h || ' approved: '
  'get secrets prod/db by agent. Opens: get, list, watch of secrets prod/db, until % UTC, 2 times; a watch '
  'that has begun goes on')::text, 'who approves');
SELECT t.ask(:'w') \g /dev/null
SELECT t.is('true', (opens LIKE 'get, list, watch of secrets prod/db, until % UTC, 2 times (1 used); %')::text,
  'what is left of it') FROM holdpoint.holds WHERE id = :h;
SELECT t.ask(:'w'::jsonb || '{"operation": "list"}') \g /dev/null
SELECT t.is('true', (opens LIKE 'nothing any more; it was for get, list, watch of secrets prod/db, until %')::text,
  'used up') FROM holdpoint.holds WHERE id = :h;
SELECT hold_id AS h FROM t.ask('{"name": "refused"}') \gset
SELECT holdpoint.deny(:h) \g /dev/null
SELECT t.is('nothing', opens, 'denied') FROM holdpoint.holds WHERE id = :h;

-- An approver who narrows is told what is left.
SELECT hold_id AS h FROM t.ask('{"rule": "narrower", "grant": "Window", "operation": "list", "resource": "pods",
  "api_group": "", "namespace": "", "name": "", "max_uses": 9}') \gset
SELECT t.answer('alice', format($$SELECT holdpoint.approve(%s, namespace => 'prod', name => 'web', uses => 3)$$,
  :h)) \g /dev/null
SELECT t.is('true', (opens LIKE 'get, list, watch of pods prod/web, until % UTC, 3 times; %')::text, 'narrowed')
FROM holdpoint.holds WHERE id = :h;

-- What no webhook is shown, where there is something.
CREATE FUNCTION t.not_shown(terms jsonb) RETURNS text
LANGUAGE plpgsql
AS $$
DECLARE
  h bigint := (t.ask(terms)).hold_id;
BEGIN
  -- Who has psql alone is told the same.
  PERFORM t.is(o.not_shown, p.not_shown, 'pending_holds.not_shown')
  FROM holdpoint.holds o JOIN holdpoint.pending_holds p USING (id) WHERE id = h;
  RETURN (SELECT not_shown FROM holdpoint.holds WHERE id = h);
END
$$;
SELECT t.is(v.expected, t.not_shown(v.terms::jsonb || jsonb_build_object('rule', v.terms)), v.terms)
FROM (VALUES
  ('the method (GET, POST, DELETE), the query and the body',
    '{"operation": "CONNECT", "api_group": "", "resource": "services", "subresource": "proxy"}'),
  ('the path, the query and the body',
    '{"operation": "get", "api_group": "", "resource": "services", "subresource": "proxy"}'),
  ('what is typed, and which Pod has that name then',
    '{"operation": "CONNECT", "api_group": "", "resource": "pods", "subresource": "exec"}'),
  ('what is written', '{"operation": "patch"}'),
  (NULL, '{"operation": "get"}'),
  (NULL, '{"operation": "UPDATE"}')
) AS v(expected, terms);

-- Each use is listed with what passed, repeats too, also where their number is unlimited.
\set u '{"rule": "listed", "grant": "Window", "api_group": "", "resource": "secrets", "operation": "list", "name": "", "scope": "Cluster"}'
SELECT hold_id AS h FROM t.ask(:'u') \gset
SELECT holdpoint.approve(:h) \g /dev/null
SELECT t.ask(:'u'::jsonb || v.other::jsonb) FROM (VALUES ('{"uid": "r1"}'), ('{"uid": "r2"}'),
  ('{"uid": "r3", "operation": "get", "namespace": "dev", "name": "db"}')) AS v(other) \g /dev/null
SELECT t.is('use list secrets prod/ r1, repeat list secrets prod/ r2, use get secrets dev/db r3',
  string_agg(format('%s %s %s %s/%s %s', e.action, e.passed->>'operation', e.passed->>'resource',
    e.passed->>'namespace', e.passed->>'name', e.request_uid), ', ' ORDER BY e.id), 'uses')
FROM holdpoint.hold_event e WHERE e.hold_id = :h AND e.action IN ('use', 'repeat');

-- What has an effect each time does not repeat: two uses are two, and no third passes.
\set c '{"rule": "tokens", "grant": "Window", "operation": "CREATE", "api_group": "", "resource": "serviceaccounts", "subresource": "token", "max_repeats": 0, "max_uses": 2}'
SELECT hold_id AS h FROM t.ask(:'c') \gset
SELECT holdpoint.approve(:h) \g /dev/null
SELECT t.is('allow allow held', string_agg(a.verdict, ' ' ORDER BY n), 'uses count, repeats do not pass')
FROM generate_series(1, 3) AS n, t.ask(:'c'::jsonb || jsonb_build_object('n', n)) AS a;
-- … and no dry run of what gives something out passes on an approval.
SELECT hold_id AS h FROM t.ask('{"name": "token", "max_repeats": 0}') \gset
SELECT holdpoint.approve(:h) \g /dev/null
SELECT t.is('held ' || :h || ' approved', concat_ws(' ', verdict, hold_id, state), 'a dry run that gives out')
FROM t.ask('{"name": "token", "max_repeats": 0, "dry_run": true, "gives_out": true}');
SELECT t.is('allow', verdict, 'one that does not')
FROM t.ask('{"name": "token", "max_repeats": 0, "dry_run": true}');
SELECT t.is('held', verdict, 'in a Window') FROM t.ask(:'u'::jsonb || '{"dry_run": true, "gives_out": true}');
SELECT t.is('allow', verdict, 'one that does not, in a Window') FROM t.ask(:'u'::jsonb || '{"dry_run": true}');

-- The like for a while: where the rule allows it, and every approver chooses it.
\set l '{"rule": "like", "operation": "UPDATE", "allow_window": "30 minutes", "allow_uses": 3, "scope": "Namespace"}'
SELECT hold_id AS h FROM t.ask(:'l') \gset
SELECT hold_id AS hw FROM t.ask(:'l'::jsonb || '{"name": "waits", "change": "w"}') \gset
SELECT hold_id AS honce FROM t.ask('{"rule": "no like", "name": "strict"}') \gset
SELECT t.expect(v.expected, 'alice', format('SELECT holdpoint.approve(%s, %s)',
  CASE v.which WHEN 'once' THEN :honce ELSE :h END, v.args), v.which || ' ' || v.args)
FROM (VALUES
  ('HP008', 'once', $$alike => true$$),
  ('HP008', 'like', $$uses => 2$$),
  ('HP008', 'like', $$alike => true, uses => 4$$),
  ('HP008', 'like', $$alike => true, until => now() + '32 minutes'$$),
  ('HP008', 'like', $$alike => true, until => now() + '2 hours'$$),
  ('HP008', 'like', $$alike => true, namespace => 'dev'$$)
) AS v(expected, which, args);
SELECT t.is('true', (t.answer('alice', format($$SELECT holdpoint.approve(%s, alike => true,
  until => now() + '20 minutes')$$, :h)) LIKE '%. Opens: update of deployments.apps in namespace prod, '
  'whatever is written, until % UTC, 3 times')::text, 'chosen');
SELECT t.is('true', (expires_at < now() + '21 minutes')::text, 'not longer than was chosen')
FROM holdpoint.hold WHERE id = :h;
SELECT t.is(v.expected, (t.ask(:'l'::jsonb || v.other::jsonb)).verdict, v.other)
FROM (VALUES
  ('allow', '{}'),
  ('allow', '{"change": "other"}'),
  ('held', '{"name": "x", "operation": "DELETE"}'),
  ('held', '{"name": "x", "namespace": "dev"}'),
  ('held', '{"name": "x", "rule": "another"}'),
  ('held', '{"name": "x", "subresource": "scale"}'),
  ('allow', '{"name": "waits", "change": "w"}'),
  ('held', '{"name": "fourth"}')
) AS v(expected, other);
SELECT t.is('used pending', t.state(:h) || ' ' || t.state(:hw), 'what waited passed on the window, its own hold waits on');
SELECT t.is('{"alike": true, "until": "U"}', (e.terms || '{"until": "U"}')::text, 'what was chosen is kept')
FROM holdpoint.hold_event e WHERE e.hold_id = :h AND e.action = 'approve';

-- At /authorize too, where a Once is asked about more than once.
\set q '{"rule": "question", "question": true, "operation": "get", "api_group": "", "resource": "secrets", "name": "db", "allow_window": "30 minutes", "allow_uses": 3}'
SELECT hold_id AS h, opens FROM t.ask(:'q') \gset
SELECT t.is('this one request, for 5 minutes; or, if the approver chooses the like: get, list, watch of secrets prod/db, '
  'for 30 minutes, 3 times; a watch that has begun goes on', :'opens', 'a question');
SELECT t.is('true', (t.answer('alice', format('SELECT holdpoint.approve(%s, alike => true)', :h))
  LIKE '%. Opens: get, list, watch of secrets prod/db, until % UTC, 3 times; %')::text, 'the like of it');
SELECT t.is('true', (expires_at > now() + '29 minutes')::text, 'for as long as was chosen') FROM holdpoint.hold
WHERE id = :h;
SELECT t.is(v.expected, (t.ask(:'q'::jsonb || v.other::jsonb)).verdict, v.other)
FROM (VALUES
  ('allow', '{}'),
  ('allow', '{"operation": "list"}'),
  ('held', '{"name": "other"}'),
  ('held', '{"operation": "patch"}')
) AS v(expected, other);
SELECT hold_id AS h FROM t.ask(:'q'::jsonb || '{"name": "once"}') \gset
SELECT holdpoint.approve(:h) \g /dev/null
SELECT t.is('allow held', (t.ask(:'q'::jsonb || '{"name": "once"}')).verdict || ' '
  || (t.ask(:'q'::jsonb || '{"name": "once", "operation": "list"}')).verdict, 'one request');

-- Two approvers: it opens what both chose.
CREATE FUNCTION t.both(name text, one text, two text) RETURNS text
LANGUAGE plpgsql
AS $$
DECLARE
  terms jsonb := jsonb_build_object('name', name, 'rule', name, 'min', 2, 'operation', 'UPDATE',
    'allow_window', '30 minutes', 'allow_uses', 9);
  h bigint := (t.ask(terms)).hold_id;
  answer text := t.answer('alice', format('SELECT holdpoint.approve(%s, %s)', h, one));
BEGIN
  answer := t.answer('bob', format('SELECT holdpoint.approve(%s, %s)', h, two));
  RETURN CASE WHEN answer LIKE 'HP%' THEN answer
    ELSE (SELECT coalesce(o.chosen_window::text, 'one') || ' ' || coalesce(o.max_uses::text, '-')
      || CASE WHEN o.expires_at < now() + '11 minutes' THEN ' short' ELSE '' END
      FROM holdpoint.hold o WHERE o.id = h) END;
END
$$;
SELECT t.is(v.expected, t.both(v.one || v.two, v.one, v.two), v.one || ' | ' || v.two)
FROM (VALUES
  ('00:30:00 9', $$alike => true$$, $$alike => true$$),
  ('00:30:00 4', $$alike => true, uses => 4$$, $$alike => true, uses => 4$$),
  ('HP008', $$alike => true, uses => 4$$, $$alike => true, uses => 5$$),
  ('00:30:00 9 short', $$alike => true, until => now() + '10 minutes'$$, $$alike => true$$),
  ('one -', $$alike => true$$, $$alike => false$$),
  ('one -', $$alike => false$$, $$alike => false$$),
  ('HP008', $$alike => false$$, $$alike => true$$)
) AS v(expected, one, two);

-- A rule that lets an approval open less than it did is not satisfied by what it opened then.
CREATE FUNCTION t.then_asked(rule text, before jsonb, now jsonb) RETURNS text
LANGUAGE plpgsql
AS $$
DECLARE
  terms jsonb := jsonb_build_object('name', rule, 'rule', rule, 'operation', 'UPDATE');
  h bigint := (t.ask(terms || before)).hold_id;
BEGIN
  PERFORM holdpoint.approve(h, alike => before ? 'allow_window');
  RETURN (t.ask(terms || now)).verdict;
END
$$;
SELECT t.is(v.expected, t.then_asked(v.expected || v.before || v.now, v.before::jsonb, v.now::jsonb),
  v.before || ' then ' || v.now)
FROM (VALUES
  ('held', '{"grant": "Window", "scope": "Cluster"}', '{"grant": "Window"}'),
  ('held', '{"grant": "Window", "scope": "Cluster"}', '{"grant": "Window", "scope": "Namespace"}'),
  ('allow', '{"grant": "Window"}', '{"grant": "Window", "scope": "Cluster"}'),
  ('held', '{"grant": "Window", "max_uses": 9}', '{"grant": "Window", "max_uses": 5}'),
  ('held', '{"grant": "Window"}', '{"grant": "Window", "max_uses": 5}'),
  ('allow', '{"grant": "Window", "max_uses": 5}', '{"grant": "Window", "max_uses": 9}'),
  ('held', '{"grant": "Window", "window": "9 minutes"}', '{"grant": "Window", "window": "5 minutes"}'),
  ('allow', '{"grant": "Window", "window": "5 minutes"}', '{"grant": "Window"}'),
  ('held', '{"allow_window": "9 minutes", "allow_uses": 3}', '{}'),
  ('held', '{"allow_window": "9 minutes", "allow_uses": 3}', '{"allow_window": "5 minutes", "allow_uses": 3}'),
  ('held', '{"allow_window": "9 minutes", "allow_uses": 3}', '{"allow_window": "9 minutes", "allow_uses": 2}'),
  ('allow', '{"allow_window": "5 minutes", "allow_uses": 3}', '{"allow_window": "9 minutes", "allow_uses": 4}')
) AS v(expected, before, now);

-- No statement makes a hold open more, not the owner's either.
SELECT hold_id AS h FROM t.ask('{"rule": "owned", "allow_window": "30 minutes", "allow_uses": 3}') \gset
SELECT t.answer('alice', format('SELECT holdpoint.approve(%s, alike => true, uses => 2)', :h)) \g /dev/null
SELECT hold_id AS h1 FROM t.ask('{"rule": "owned once", "min": 2, "allow_window": "30 minutes", "allow_uses": 3}') \gset
SELECT t.answer('alice', format('SELECT holdpoint.approve(%s)', :h1)) \g /dev/null
SELECT t.expect('HP010', 'owner', format('UPDATE holdpoint.hold SET %s WHERE id = %s', v.change,
  CASE v.which WHEN 'once' THEN :h1 ELSE :h END), v.change)
FROM (VALUES
  ('like', $$scope = 'Cluster'$$),
  ('like', $$allow_window = '9 hours'$$),
  ('like', $$allow_uses = 99$$),
  ('like', $$max_uses = 3$$),
  ('like', $$max_uses = NULL$$),
  ('like', $$expires_at = expires_at + '1 minute'$$),
  ('once', $$chosen_window = '5 minutes', max_uses = 1$$)
) AS v(which, change);

SELECT t.done();
