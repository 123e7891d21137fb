-- SPDX-License-Identifier: Apache-2.0
-- Approvals by HoldReview count once the API server's own audit event confirms them, one for one.

CREATE SEQUENCE t.seq;
-- The event of the review `uid` of a hold, with what `o` says other than usual.
CREATE FUNCTION t.event(p_hold bigint, uid text, o jsonb DEFAULT '{}') RETURNS void
LANGUAGE plpgsql
AS $$
DECLARE
  e jsonb := jsonb_build_object('user', 'sue', 'code', 201, 'verb', 'create', 'resource', 'holdreviews',
    'group', 'holdpoint.dev', 'stage', 'ResponseComplete', 'cluster', 'c1', 'review', p_hold || '/' || uid,
    'uri', '/apis/holdpoint.dev/v1alpha1/holdreviews?fieldManager=kubectl') || o;
BEGIN
  INSERT INTO holdpoint.audit_event (cluster, seq, source, stage, level, stage_timestamp, audit_id, verb, username,
    impersonated_user, request_uri, api_group, resource, subresource, code, hold_review, masking_version, masked,
    body_digest)
  VALUES (e->>'cluster', nextval('t.seq'), 's', e->>'stage', 'Metadata', now(), 'a', e->>'verb', e->>'user',
    e->>'as', e->>'uri', e->>'group', e->>'resource', e->>'sub', (e->>'code')::int, e->>'review', 1, 0, 'd');
END
$$;
CREATE FUNCTION t.review(p_hold bigint, who text, uid text) RETURNS text
LANGUAGE sql
AS $$
  SELECT t.answer('wh', format('SELECT holdpoint.approve_as_kubernetes(''c1'', %s, %L, ''{sre}'', %L, ''fine'')',
    p_hold, who, uid))
$$;
-- What a look for events found: hold-independent, in order.
CREATE FUNCTION t.confirm() RETURNS text
LANGUAGE plpgsql
AS $$
DECLARE
  answer text;
BEGIN
  PERFORM set_config('session_authorization', 'wh', true);
  SELECT string_agg(concat_ws(' ', c.who, c.action, c.state, '(' || c.why || ')'), ', ') INTO answer
  FROM holdpoint.confirm_reviews() c;
  PERFORM set_config('session_authorization', 'postgres', true);
  RETURN coalesce(answer, 'nothing');
END
$$;
-- A new hold with sue's review `uid` of it.
CREATE FUNCTION t.reviewed(p_name text, uid text, o jsonb DEFAULT '{}') RETURNS bigint
LANGUAGE plpgsql
AS $$
DECLARE
  h bigint := (SELECT hold_id FROM t.ask(jsonb_build_object('name', p_name) || o));
  said text := t.review(h, 'sue', uid);
BEGIN
  IF said NOT LIKE '%waits for the API server''s audit event%' THEN
    RAISE EXCEPTION 'review of % said: %', p_name, said;
  END IF;
  RETURN h;
END
$$;

-- Its answer, and then the hold; in a function, so that the hold is looked at afterwards.
CREATE FUNCTION t.confirm_of(p_hold bigint) RETURNS text
LANGUAGE plpgsql
AS $$
DECLARE
  answer text := t.confirm();
BEGIN
  RETURN answer || ' ' || (SELECT state || ' ' || unconfirmed::text FROM holdpoint.hold WHERE id = p_hold);
END
$$;
-- A hold of this name, a review of it, an event of that review, and what comes of it.
CREATE FUNCTION t.event_gives(p_name text, p_event jsonb) RETURNS text
LANGUAGE plpgsql
AS $$
DECLARE
  h bigint := t.reviewed(p_name, p_name);
BEGIN
  PERFORM t.event(h, p_name, p_event);
  RETURN t.confirm_of(h);
END
$$;

-- By default it counts for nothing until the event is there, and everybody who looks is told.
SELECT t.is('corroborated', kubernetes_approvals, 'by default') FROM holdpoint.config;
SELECT t.reviewed('first', 'u1') AS h \gset
SELECT t.is('held 0 sue', concat_ws(' ', verdict, approvals, unconfirmed), 'the requester is told')
FROM t.ask('{"name": "first"}');
SELECT t.is('sue 0/1', unconfirmed || ' ' || approvals, 'who looks with psql') FROM holdpoint.pending_holds
WHERE id = :h;
SELECT t.is('{sue} pending', unconfirmed::text || ' ' || state, 'or with the CLI') FROM holdpoint.holds WHERE id = :h;
SELECT t.is('["sue"]', (holdpoint.hold_summary(h)->'unconfirmed')::text, 'who is notified') FROM holdpoint.hold h
WHERE id = :h;
SELECT t.is('{"why": null, "state": "waiting", "counted": false, "approvals": 0, "holdState": "pending", "minApprovals": 1}',
  holdpoint.holds_as_kubernetes('c1', 'sue', '{sre}', 'q', :h)->>'review', 'who asks with kubectl');
SELECT t.is(NULL, holdpoint.holds_as_kubernetes('c1', 'tom', '{sre}', 'q', :h)->>'review', 'only of their own');
SELECT t.is('create:agent review:sue', t.steps(:h), 'recorded');
SELECT t.is('nothing', t.confirm(), 'no event yet');
SELECT t.event(:h, 'u1') \g /dev/null
SELECT t.is('sue approve confirmed', t.confirm(), 'there it is');
SELECT t.is('approved create:agent review:sue approve:sue', t.state(:h) || ' ' || t.steps(:h), 'it counts');
SELECT t.is('sue|sue|kubernetes|fine|wh|u1|sre|1|{}', concat_ws('|', e.who, e.person, e.channel, e.reason,
  e.database_user, e.request_uid, array_to_string(e.groups, ','), h.approvals, h.unconfirmed), 'as any approval')
FROM holdpoint.hold_event e JOIN holdpoint.hold h ON h.id = e.hold_id
WHERE e.hold_id = :h AND e.action = 'approve';
SELECT t.is('true approved this one change', concat_ws(' ', j->>'counted', j->>'holdState', split_part(j->>'opens', ',', 1)), 'and sue is told')
FROM (SELECT holdpoint.holds_as_kubernetes('c1', 'sue', '{sre}', 'q', :h)->'review' AS j) AS r;
SELECT t.event(:h, 'u1') \g /dev/null
SELECT t.is('nothing', t.confirm(), 'the event once more');
SELECT t.is('1', approvals::text, 'counts nothing more') FROM holdpoint.hold WHERE id = :h;

-- What does not confirm: each is refused, says why, and leaves the hold as it was.
SELECT t.is(v.expected, t.event_gives('no' || v.n, v.event), v.event::text)
FROM (VALUES
  (1, 'sue approve refused (made by ci, acting as sue) pending {}', '{"user": "ci", "as": "sue"}'::jsonb),
  (2, 'sue approve refused (made by sue, acting as sue) pending {}', '{"as": "sue"}'),
  (3, 'sue approve refused (made by tom) pending {}', '{"user": "tom"}'),
  (4, 'sue approve refused (the HoldReview was not created (HTTP 409)) pending {}', '{"code": 409}'),
  (5, 'sue approve refused (the HoldReview was not created (HTTP unknown)) pending {}', '{"code": null}'),
  (6, 'sue approve refused (the HoldReview was not created (HTTP 500)) pending {}', '{"code": 500, "stage": "Panic"}'),
  (7, 'sue approve refused (a dry run) pending {}', '{"uri": "/apis/holdpoint.dev/v1alpha1/holdreviews?dryRun=All"}'),
  (8, 'sue approve refused (the audit event is not of the creation of a HoldReview) pending {}', '{"verb": "update"}'),
  (9, 'sue approve refused (the audit event is not of the creation of a HoldReview) pending {}', '{"resource": "pods"}'),
  (10, 'sue approve refused (the audit event is not of the creation of a HoldReview) pending {}', '{"sub": "status"}'),
  (11, 'nothing pending {sue}', '{"cluster": "c2"}'),
  (12, 'nothing pending {sue}', '{"review": null}'),
  (13, 'nothing pending {sue}', '{"review": "1/other"}'),
  (14, 'nothing pending {sue}', '{"stage": "RequestReceived"}'),
  (15, 'sue approve refused (a dry run) pending {}', '{"uri": "/apis/holdpoint.dev/v1alpha1/holdreviews?%64ryRun=All"}'),
  (16, 'sue approve refused (a dry run) pending {}', '{"uri": "/apis/holdpoint.dev/v1alpha1/holdreviews?x=1;dryRun=All"}'),
  (17, 'sue approve refused (a dry run) pending {}', '{"uri": "/apis/holdpoint.dev/v1alpha1/holdreviews?pretty=x&dryRun=All"}'),
  (18, 'sue approve refused (a dry run) pending {}', '{"uri": "/apis/holdpoint.dev/v1alpha1/holdreviews?dryRun"}'),
  (19, 'sue approve confirmed approved {}',
    '{"uri": "/apis/holdpoint.dev/v1alpha1/holdreviews?fieldManager=a%26dryRun%3DAll&fieldValidation=Strict"}')
) AS v(n, expected, event);
SELECT t.is('create:agent review:sue refuse:holdpoint', t.steps(id), 'recorded') FROM holdpoint.hold
WHERE name = 'no1';
SELECT t.is('the approval of sue: made by ci, acting as sue', reason, 'with the reason')
FROM holdpoint.hold_event e JOIN holdpoint.hold h ON h.id = e.hold_id WHERE h.name = 'no1' AND e.action = 'refuse';
SELECT t.is('made by ci, acting as sue', holdpoint.holds_as_kubernetes('c1', 'sue', '{sre}', 'q', id)
  ->'review'->>'why', 'and sue is told') FROM holdpoint.hold WHERE name = 'no1';

SELECT holdpoint.outbox_set_targets('c1', '{oncall}') \g /dev/null
SELECT t.is('sue approve refused (made by ci, acting as sue) pending {}',
  t.event_gives('alert', '{"user": "ci", "as": "sue"}'), 'with somebody to tell');
SELECT t.is('HoldReview to approve it: made by ci, acting as sue', payload::jsonb->>'reason', 'told')
FROM holdpoint.outbox WHERE event = 'hold.impersonated';
SELECT holdpoint.outbox_set_targets('c1', '{}') \g /dev/null

-- Of two events with one review's mark the worse one counts.
SELECT t.reviewed('both', 'ub') AS h \gset
SELECT t.event(:h, 'ub'), t.event(:h, 'ub', '{"user": "ci", "as": "sue"}') \g /dev/null
SELECT t.is('sue approve refused (made by ci, acting as sue)', t.confirm(), 'both');
-- A refused one is followed by a good one; another's event confirms nobody else's review.
SELECT t.is('ok', left(regexp_replace(t.review(:h, 'sue', 'ub2'), '^hold.*waits.*', 'ok'), 2), 'again');
SELECT t.event(:h, 'ub2') \g /dev/null
SELECT t.is('sue approve confirmed approved {}', t.confirm_of(:h), 'this time herself');
SELECT t.reviewed('swap1', 's1') AS h1, t.reviewed('swap2', 's2') AS h2 \gset
SELECT t.event(:h1, 's2'), t.event(:h2, 's1') \g /dev/null
SELECT t.is('nothing pending {sue} pending', t.confirm_of(:h1) || ' ' || t.state(:h2),
  'hold and uid belong together');

-- The event may be there before the review.
SELECT hold_id AS h FROM t.ask('{"name": "early"}') \gset
SELECT t.event(:h, 'ue') \g /dev/null
SELECT t.is('nothing', t.confirm(), 'an event without a review');
SELECT t.is('ok', left(regexp_replace(t.review(:h, 'sue', 'ue'), '^hold.*waits.*', 'ok'), 2), 'the review');
SELECT t.is('sue approve confirmed approved {}', t.confirm_of(:h), 'in any order');

-- Two people, one of them twice, over channels; what became of the hold meanwhile counts.
SELECT t.reviewed('two', 't1', '{"min": 2}') AS h \gset
SELECT t.is('ok', left(regexp_replace(t.review(:h, 'sue', 't2'), '^hold.*waits.*', 'ok'), 2), 'a second try');
SELECT t.event(:h, 't1'), t.event(:h, 't2') \g /dev/null
SELECT t.is(format('sue approve confirmed, sue approve refused (hold %s: sue has approved it already, another '
  'person must too)', :h), t.confirm(), 'counts once');
SELECT t.is('pending 1 {}', concat_ws(' ', state, approvals, unconfirmed), 'one of two') FROM holdpoint.hold
WHERE id = :h;
SELECT holdpoint.map_approver('alice', 'alice@example.com') \g /dev/null
SELECT hold_id AS h FROM t.ask('{"name": "mine", "min": 2}') \gset
SELECT t.review(:h, 'alice@example.com', 'm1'),
  t.answer('alice', format('SELECT holdpoint.approve(%s)', :h)) \g /dev/null
SELECT t.event(:h, 'm1', '{"user": "alice@example.com"}') \g /dev/null
SELECT t.is(format('alice@example.com approve refused (hold %s: alice has approved it already, another person must '
  'too) pending {}', :h), t.confirm_of(:h), 'by psql meanwhile');
SELECT t.reviewed('gone', 'g1') AS h \gset
SELECT t.answer('bob', format('SELECT holdpoint.deny(%s)', :h)), t.event(:h, 'g1') \g /dev/null
SELECT t.is('true', (t.confirm_of(:h) LIKE 'sue approve refused (hold % is not pending: denied%) denied%')::text,
  'denied meanwhile');
SELECT t.is('create:agent review:sue deny:bob', t.steps(:h), 'nothing follows an end');
SELECT t.reviewed('late', 'l1', '{"expires": "1 hour"}') AS h \gset
SELECT t.age(:h, '61 minutes'), t.event(:h, 'l1') \g /dev/null
SELECT t.is('true', (t.confirm() LIKE 'sue approve refused (hold % is not pending: expired%')::text, 'too late');
SELECT t.reviewed('off', 'o1') AS h \gset
UPDATE holdpoint.config SET kubernetes_approvals = 'off';
SELECT t.event(:h, 'o1') \g /dev/null
SELECT t.is('sue approve refused (deciding through kubernetes is switched off here)', t.confirm(), 'switched off');
UPDATE holdpoint.config SET kubernetes_approvals = DEFAULT;
SELECT t.reviewed('narrow', 'n1', '{"grant": "Window", "rule": "w", "max_uses": 5}') AS h \gset
SELECT t.is('ok', regexp_replace(t.answer('wh', format($$SELECT holdpoint.approve_as_kubernetes('c1', %s, 'tom', '{sre}',
  'n2', 'r', now() + interval '10 minutes', 2, 'prod', NULL)$$, :h)), '^hold.*waits.*', 'ok'), 'narrowed');
SELECT t.expect('HP008', 'wh', format($$SELECT holdpoint.approve_as_kubernetes('c1', %s, 'tom', '{sre}', 'n3', 'r',
  NULL, 6)$$, :h), 'widened: said at once');
SELECT t.event(:h, 'n2', '{"user": "tom"}') \g /dev/null
SELECT t.is('tom approve confirmed approved {sue}', t.confirm_of(:h), 'the narrow one');
SELECT t.is('2 prod t', concat_ws(' ', h.max_uses, h.only_namespace,
  h.expires_at < now() + interval '11 minutes'), 'as narrow as it was asked')
FROM holdpoint.hold h WHERE h.id = :h;

-- Errors are said at once, not when the event comes.
SELECT hold_id AS h FROM t.ask('{"name": "errors", "user": "sue"}') \gset
SELECT t.is(v.expected, t.review(:h, v.who, 'x'), v.who)
FROM (VALUES ('HP004', 'sue'), ('HP004', 'SUE'), ('HP006', 'oidc:sue')) AS v(expected, who);
SELECT t.expect('HP003', 'wh', format($$SELECT holdpoint.approve_as_kubernetes('c1', %s, 'tom', '{dev}', 'x')$$, :h));
SELECT t.is('', array_to_string(unconfirmed, ','), 'nothing waits') FROM holdpoint.hold WHERE id = :h;

-- No event ever: the hold expires, and the review shows.
SELECT t.reviewed('lost', 'z1') AS h \gset
SELECT t.is('held', verdict, 'nothing passes on it') FROM t.ask('{"name": "lost"}');
SELECT t.age(:h, '2 hours') \g /dev/null
SELECT holdpoint.expire_holds() \g /dev/null
SELECT t.is('sue approve lapsed (no audit event) expired {sue}', t.confirm_of(:h), 'never confirmed');
-- A flood of claims is limited.
SELECT hold_id AS h FROM t.ask('{"name": "flood"}') \gset
SELECT t.is('64 HP009', count(*) FILTER (WHERE said LIKE 'hold %') || ' ' || max(said) FILTER (WHERE said NOT LIKE 'hold %'),
  'claims that wait') FROM (SELECT t.review(:h, 'u' || i, 'f' || i) AS said FROM generate_series(1, 66) AS i) AS r;

-- Denials count at once, and are looked after all the same.
SELECT hold_id AS h FROM t.ask('{"name": "deny"}') \gset
SELECT t.answer('wh', format($$SELECT holdpoint.deny_as_kubernetes('c1', %s, 'sue', '{sre}', 'd1', 'no')$$, :h)),
  t.event(:h, 'd1', '{"user": "ci", "as": "sue"}') \g /dev/null
-- Until then it stands; one that somebody made in sue's name keeps the requester from nothing afterwards.
SELECT t.is('denied', verdict, 'a denial stands') FROM t.ask('{"name": "deny"}');
SELECT t.is('sue deny refused (made by ci, acting as sue) denied {}', t.confirm_of(:h), 'impersonated denial');
SELECT t.expect('HP002', 'bob', format('SELECT holdpoint.approve(%s)', :h));
SELECT t.is('held t', concat_ws(' ', verdict, is_new), 'asked anew') FROM t.ask('{"name": "deny"}');
SELECT hold_id AS h FROM t.ask('{"name": "deny-2"}') \gset
SELECT t.answer('wh', format($$SELECT holdpoint.deny_as_kubernetes('c1', %s, 'sue', '{sre}', 'd2', 'no')$$, :h)),
  t.event(:h, 'd2') \g /dev/null
SELECT t.is('sue deny confirmed denied {}', t.confirm_of(:h), 'a true denial');
SELECT t.is('denied', verdict, 'stands') FROM t.ask('{"name": "deny-2"}');
-- Nor is the requester paused: but for five true ones.
CREATE FUNCTION t.denied_five(p_user text, event jsonb) RETURNS text LANGUAGE plpgsql
AS $$
DECLARE
  h bigint;
BEGIN
  FOR i IN 1..5 LOOP
    h := (SELECT hold_id FROM t.ask(jsonb_build_object('name', p_user || i, 'user', p_user)));
    PERFORM t.answer('wh', format('SELECT holdpoint.deny_as_kubernetes(''c1'', %s, ''sue'', ''{sre}'', %L, ''no'')',
      h, p_user || i)), t.event(h, p_user || i, event);
  END LOOP;
  PERFORM t.confirm();
  RETURN (SELECT verdict FROM t.ask(jsonb_build_object('name', 'six', 'user', p_user)));
END
$$;
SELECT t.is('paused', t.denied_five('denied-truly', '{}'), 'five denials');
SELECT t.is('held', t.denied_five('denied-by-ci', '{"user": "ci", "as": "sue"}'), 'five in a borrowed name');
SELECT t.is('held', t.denied_five('denied-in-vain', '{"code": 409}'), 'five that were not made');

-- So is one that denies several holds.
SELECT hold_id AS h FROM t.ask('{"name": "many", "user": "flooder"}') \gset
SELECT t.answer('wh', $$SELECT holdpoint.deny_user_as_kubernetes('c1', 'sue', '{sre}', 'dm', '{"requester": "flooder"}')$$),
  t.event(:h, 'dm', '{"review": "0/dm"}') \g /dev/null
SELECT t.is('sue deny confirmed denied {}', t.confirm_of(:h), 'a denial of several');

-- Direct: at once, where /authorize was asked about this creation, and nobody acts as this user.
UPDATE holdpoint.config SET kubernetes_approvals = 'direct';
CREATE FUNCTION t.direct_as(p_name text, p_who text, p_may_fail boolean DEFAULT false) RETURNS text
LANGUAGE plpgsql
AS $$
DECLARE
  h bigint := (SELECT hold_id FROM t.ask(jsonb_build_object('name', p_name)));
BEGIN
  PERFORM t.answer('wh', format('SELECT holdpoint.approve_as_kubernetes(''c1'', %s, %L, ''{sre}'', %L, p_may_fail => %L)',
    h, p_who, p_name, p_may_fail));
  RETURN t.state(h);
END
$$;
SELECT t.is('pending', t.direct_as('d1', 'tom'), 'never asked: not trusted');
SELECT t.expect('ok', 'wh', $$SELECT holdpoint.authorize_asked('c1', 'review', 'tom')$$);
SELECT t.is('approved', t.direct_as('d2', 'tom'), 'asked');
SELECT t.is('pending', t.direct_as('d3', 'tim'), 'about somebody else');
SELECT t.is('pending', t.direct_as('d4', 'tom', true), 'a name that may be taken');
SELECT t.expect('ok', 'wh', $$SELECT holdpoint.authorize_asked('c1', 'impersonate', 'tim')$$);
SELECT t.is('approved', t.direct_as('d5', 'tom'), 'somebody acts as another');
SELECT t.expect('ok', 'wh', $$SELECT holdpoint.authorize_asked('c1', 'impersonate', 'tom')$$);
SELECT t.is('pending', t.direct_as('d6', 'tom'), 'somebody acts as tom');
UPDATE holdpoint.authorize_note SET at = at - interval '11 minutes' WHERE kind = 'impersonate';
SELECT t.is('approved', t.direct_as('d7', 'tom'), 'no more');
UPDATE holdpoint.authorize_note SET at = at - interval '2 minutes' WHERE kind = 'review';
SELECT t.is('pending', t.direct_as('d8', 'tom'), 'asked long ago');
INSERT INTO holdpoint.cluster_config VALUES ('c1', 'corroborated');
SELECT t.expect('ok', 'wh', $$SELECT holdpoint.authorize_asked('c1', 'review', 'tom')$$);
SELECT t.is('pending', t.direct_as('d9', 'tom'), 'not in this cluster');
DELETE FROM holdpoint.cluster_config;
-- What the event says afterwards takes a direct approval back, as long as it is not used.
SELECT t.event(id, name, v.event) FROM holdpoint.hold JOIN (VALUES ('d2', '{"user": "tom"}'::jsonb),
  ('d5', '{"user": "ci", "as": "tom"}'), ('d7', '{"user": "tom", "code": 409}')) AS v(name, event) USING (name) \g /dev/null
SELECT t.is('allow', verdict, 'used meanwhile') FROM t.ask('{"name": "d7"}');
SELECT t.confirm() \g /dev/null
SELECT t.is('approved withdrawn used', string_agg(state, ' ' ORDER BY name), 'confirmed, impersonated, used already')
FROM holdpoint.hold WHERE name IN ('d2', 'd5', 'd7');
SELECT t.is('the approval of tom: made by ci, acting as tom', decided_reason, 'says why') FROM holdpoint.hold
WHERE name = 'd5';

-- What is not confirmed, for the auditor: at once where the event says so, after ten minutes without one.
SELECT t.expect('d5 t made by ci, acting as tom; d7 t the HoldReview was not created (HTTP 409); '
  'deny t made by ci, acting as sue; lost f no audit event; no1 f made by ci, acting as sue', 'auditor',
  $$SELECT string_agg(concat_ws(' ', h.name, u.counted, u.why), '; ' ORDER BY h.name)
    FROM holdpoint.uncorroborated_approvals u JOIN holdpoint.hold h ON h.id = u.hold_id
    WHERE h.name IN ('d2', 'd5', 'd6', 'd7', 'deny', 'lost', 'no1')$$);
SELECT t.age(id, '11 minutes') FROM holdpoint.hold WHERE name = 'd6' \g /dev/null
SELECT t.expect('f no audit event wh', 'auditor', $$SELECT concat_ws(' ', u.counted, u.why, u.database_user)
  FROM holdpoint.uncorroborated_approvals u JOIN holdpoint.hold h ON h.id = u.hold_id WHERE h.name = 'd6'$$);

-- The table keeps what was claimed.
SELECT t.expect('HP010', v.login, v.statement)
FROM (VALUES
  ('owner', $$UPDATE holdpoint.hold_review SET who = 'eve'$$),
  ('owner', $$UPDATE holdpoint.hold_review SET state = 'confirmed' WHERE state = 'refused'$$),
  ('owner', $$DELETE FROM holdpoint.hold_review$$),
  ('postgres', $$DELETE FROM holdpoint.hold_review$$)
) AS v(login, statement);

-- Of what somebody does in a borrowed name people are told once at once, and of the rest in one message.
SELECT holdpoint.outbox_set_targets('c1', '{oncall}') \g /dev/null
DELETE FROM holdpoint.outbox;
DELETE FROM holdpoint.outbox_told;
SELECT t.reviewed('flood' || n, 'uf' || n, '{"user": "flooder"}') FROM generate_series(1, 20) AS n \g /dev/null
SELECT t.event(h.id, 'uf' || substr(h.name, 6), '{"user": "ci", "as": "sue"}') FROM holdpoint.hold h
WHERE h.name LIKE 'flood%' \g /dev/null
SELECT t.confirm() \g /dev/null
SELECT t.is('1', count(*)::text, 'told of at once') FROM holdpoint.outbox WHERE event = 'hold.impersonated';
UPDATE holdpoint.outbox_told SET at = at - interval '2 minutes';
SELECT t.answer('wh', $$SELECT holdpoint.outbox_summarize('c1')$$) \g /dev/null
SELECT t.is('19 by ci', payload::jsonb->>'count' || ' by ' || (payload::jsonb->>'requester'), 'the rest')
FROM holdpoint.outbox WHERE event = 'holds.impersonated';

-- Events come in any order. One that speaks against a review after another confirmed it is heard, as
-- long as it is not used up.
CREATE FUNCTION t.contradicted(p_name text, uid text, use boolean) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  h bigint := t.reviewed(p_name, uid);
  said text;
BEGIN
  PERFORM t.event(h, uid);
  PERFORM t.confirm();
  IF use THEN
    PERFORM t.ask(jsonb_build_object('name', p_name));
  END IF;
  PERFORM t.event(h, uid, '{"user": "ci", "as": "sue"}');
  said := t.confirm() || ' / ' || t.confirm();
  RETURN concat_ws(' / ', said, t.state(h), (SELECT u.counted || ' ' || u.why
    FROM holdpoint.uncorroborated_approvals u WHERE u.hold_id = h));
END
$$;
SELECT t.is('sue approve refused (made by ci, acting as sue, as an audit event says that came after another had '
  'confirmed it) / nothing / withdrawn / true made by ci, acting as sue, as an audit event says that came after '
  'another had confirmed it', t.contradicted('late1', 'ul1', false), 'before it is used');
SELECT t.is('sue approve refused (made by ci, acting as sue, as an audit event says that came after another had '
  'confirmed it) / nothing / used / true made by ci, acting as sue, as an audit event says that came after '
  'another had confirmed it', t.contradicted('late2', 'ul2', true), 'after it was used: shown');
-- The same event once more says nothing new.
SELECT t.reviewed('late3', 'ul3') AS h \gset
SELECT t.event(:h, 'ul3'), t.event(:h, 'ul3') \g /dev/null
SELECT t.is('sue approve confirmed / nothing', t.confirm() || ' / ' || t.confirm(), 'twice the same');
SELECT t.expect('HP010', 'owner', format($$UPDATE holdpoint.hold_review SET state = 'confirmed' WHERE hold_id = %s$$, :h));
SELECT t.done();
