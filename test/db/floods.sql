-- SPDX-License-Identifier: Apache-2.0
-- Who floods delays nobody else's notification, and fills nobody else's places.

SELECT holdpoint.outbox_set_targets('c1', '{oncall}') \g /dev/null
SELECT holdpoint.add_person('alice') \g /dev/null
SELECT t.expect('bot', 'admin', $$SELECT holdpoint.add_agent('bot', 'alice', 'bot@agents.example.com')$$);

-- Who may create SubjectAccessReviews asks in as many names as they like. Ten are told of at once, and
-- the others in one message.
SELECT count(*) FROM generate_series(1, 300) AS n, t.ask(jsonb_build_object('question', true, 'user', 'made-up-' || n,
  'operation', 'get', 'resource', 'secrets', 'api_group', '')) \g /dev/null
SELECT t.is('true', (count(*) BETWEEN 10 AND 12)::text, 'told of at once: ' || count(*)) FROM holdpoint.outbox;
SELECT t.is('', string_agg(DISTINCT username, ','), 'the others together') FROM holdpoint.outbox_held_back;
-- Meanwhile a change is told of at once, and a question of an identity that is enrolled.
SELECT hold_id AS change FROM t.ask('{"name": "real", "user": "agent"}') \gset
SELECT hold_id AS question FROM t.ask('{"question": true, "user": "bot@agents.example.com", "operation": "get",
  "resource": "secrets", "api_group": ""}') \gset
SELECT t.is('2', count(*)::text, 'told of at once') FROM holdpoint.outbox WHERE hold_id IN (:change, :question);
UPDATE holdpoint.outbox_told SET at = at - interval '2 minutes';
SELECT t.is('1', t.answer('wh', $$SELECT holdpoint.outbox_summarize('c1')$$), 'one summary');
SELECT t.is('true', (payload::jsonb->>'requester' ~ '^2[89][0-9] identities$'
  AND (payload::jsonb->>'count')::int = jsonb_array_length(payload::jsonb->'holds'))::text, payload::jsonb->>'requester')
FROM holdpoint.outbox WHERE event = 'holds.pending';
-- When they expire, too.
SELECT t.age(id, '2 hours') FROM holdpoint.hold WHERE username LIKE 'made-up-%' \g /dev/null
DELETE FROM holdpoint.outbox;
SELECT t.is('300', t.answer('wh', 'SELECT holdpoint.expire_holds()'), 'expired');
SELECT t.is('1', count(*)::text, 'one by itself') FROM holdpoint.outbox;

-- In one cluster so many questions wait and no more, but for the enrolled.
UPDATE holdpoint.config SET max_questions = 20;
SELECT t.is('19 held, 11 limit', string_agg(n || ' ' || verdict, ', ' ORDER BY verdict), 'a limit for all of them')
FROM (SELECT verdict, count(*) AS n FROM generate_series(1, 30) AS n, t.ask(jsonb_build_object('question', true,
  'user', 'again-' || n, 'operation', 'get', 'resource', 'secrets', 'api_group', '')) GROUP BY verdict) AS v;
SELECT t.is('held', verdict, 'an identity that is enrolled') FROM t.ask('{"question": true, "name": "other",
  "user": "bot@agents.example.com", "operation": "get", "resource": "secrets", "api_group": ""}');
SELECT t.is('held', verdict, 'a change of somebody else') FROM t.ask('{"name": "other", "user": "agent"}');
UPDATE holdpoint.config SET max_questions = DEFAULT;

-- Without an interval each is told of by itself, as ever.
DELETE FROM holdpoint.outbox;
UPDATE holdpoint.config SET notify_interval = '0';
SELECT count(*) FROM generate_series(1, 15) AS n, t.ask(jsonb_build_object('question', true, 'user', 'each-' || n,
  'operation', 'get', 'resource', 'secrets', 'api_group', '')) \g /dev/null
SELECT t.is('15', count(*)::text, 'each by itself') FROM holdpoint.outbox;
UPDATE holdpoint.config SET notify_interval = DEFAULT;

-- The text of policies is the one that its digest names.
SELECT t.expect('HP010', 'wh', $$SELECT holdpoint.policy_loaded('c1', sha256('harmless'), 'harmful', 'i')$$);
SELECT t.expect('ok', 'wh', $$SELECT nullif(holdpoint.policy_loaded('c1', sha256('text'), 'text', 'i')::text, '')$$);
SELECT t.done();
