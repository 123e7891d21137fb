-- SPDX-License-Identifier: Apache-2.0
-- Notifications: with the hold or not at all, to each target once, again when it failed.

UPDATE holdpoint.config SET notify_interval = '0'; -- each by itself
SELECT t.is('held', verdict, 'without targets nothing is written') FROM t.ask('{"name": "quiet"}');
SELECT t.is('0', count(*)::text, 'no row') FROM holdpoint.outbox;
SELECT t.expect('ok', 'wh', $$SELECT holdpoint.outbox_set_targets('c1', '{slack,pager}')$$);
BEGIN;
SELECT verdict FROM t.ask('{"name": "rolled back"}') \g /dev/null
ROLLBACK;
SELECT t.is('0', count(*)::text, 'no hold, no notification') FROM holdpoint.outbox;

SELECT hold_id AS h FROM t.ask('{"name": "web"}') \gset
SELECT verdict FROM t.ask('{"name": "web"}') \g /dev/null
SELECT verdict FROM t.ask('{"name": "web", "cluster": "c2"}') \g /dev/null
SELECT holdpoint.approve(:h, 'fine') \g /dev/null
SELECT verdict FROM t.ask('{"name": "web"}') \g /dev/null
SELECT t.is('hold.pending hold.approved hold.used', string_agg(event, ' ' ORDER BY id),
  'one event for each state it came to')
FROM holdpoint.outbox WHERE hold_id = :h;
SELECT t.is('approved fine agent', concat_ws(' ', payload::jsonb->>'state',
  payload::jsonb->>'reason', payload::jsonb->>'requester'), 'payload')
FROM holdpoint.outbox WHERE event = 'hold.approved';
SELECT t.is('false', (payload::jsonb ? 'change')::text, 'the change is not in it')
  FROM holdpoint.outbox LIMIT 1;

-- Claims: in order, for one target, not twice, by a lease.
SELECT t.expect('2', 'wh', $$SELECT count(*) FROM holdpoint.outbox_claim('c1', 'slack', 2)$$);
SELECT t.expect('1', 'wh', $$SELECT count(*) FROM holdpoint.outbox_claim('c1', 'slack')$$,
  'what is claimed is not claimed again');
SELECT t.expect('0', 'wh', $$SELECT count(*) FROM holdpoint.outbox_claim('c1', 'slack')$$);
SELECT t.expect('0', 'wh', $$SELECT count(*) FROM holdpoint.outbox_claim('c1', 'mail')$$);
SELECT t.expect('3', 'wh',
  $$SELECT count(*) FROM holdpoint.outbox_claim('c1', 'pager', p_lease => '1 second')$$,
    'another target has its own');
SELECT pg_sleep(1.1) \g /dev/null
SELECT t.is('3 2', count(*) || ' ' || min(attempt), 'after the lease the claim is anybody''s')
  FROM holdpoint.outbox_claim('c1', 'pager');

-- Done and failed, by who holds the claim.
SELECT outbox_id AS o, claim AS c FROM holdpoint.outbox_delivery
  WHERE target = 'slack' ORDER BY 1 LIMIT 1 \gset
SELECT t.expect('false', 'wh',
  format($$SELECT holdpoint.outbox_done('c1', %s, 'slack', gen_random_uuid())$$, :o),
    'not with another''s claim');
SELECT t.expect('true', 'wh', format($$SELECT holdpoint.outbox_done('c1', %s, 'slack', %L)$$, :o,
  :'c'));
SELECT t.expect('false', 'wh', format($$SELECT holdpoint.outbox_done('c1', %s, 'slack', %L)$$, :o,
  :'c'), 'once');
SELECT outbox_id AS o, claim AS c FROM holdpoint.outbox_delivery WHERE target = 'slack'
  AND state = 'waiting' ORDER BY 1 LIMIT 1 \gset
SELECT t.expect('waiting', 'wh',
  format($$SELECT holdpoint.outbox_failed('c1', %s, 'slack', %L, 'HTTP 500')$$, :o, :'c'));
SELECT t.is('true HTTP 500', (due_at BETWEEN now() + '3 seconds'
  AND now() + '7 seconds') || ' ' || last_error, 'about five seconds later')
FROM holdpoint.outbox_delivery WHERE outbox_id = :o AND target = 'slack';
UPDATE holdpoint.outbox_delivery SET attempts = 12, due_at = now() WHERE outbox_id = :o
  AND target = 'slack';
SELECT claim AS c FROM holdpoint.outbox_claim('c1', 'slack') \gset
SELECT t.expect('waiting', 'wh',
  format($$SELECT holdpoint.outbox_failed('c1', %s, 'slack', %L, 'HTTP 500')$$, :o, :'c'));
SELECT t.is('true', (due_at BETWEEN now() + '47 minutes'
  AND now() + '73 minutes')::text, 'at most about an hour later')
FROM holdpoint.outbox_delivery WHERE outbox_id = :o AND target = 'slack';
UPDATE holdpoint.outbox_delivery SET attempts = 29, due_at = now() WHERE outbox_id = :o
  AND target = 'slack';
SELECT claim AS c FROM holdpoint.outbox_claim('c1', 'slack') \gset
SELECT t.expect('given-up', 'wh',
  format($$SELECT holdpoint.outbox_failed('c1', %s, 'slack', %L, 'HTTP 500')$$, :o, :'c'));
SELECT t.expect('0', 'wh', $$SELECT count(*) FROM holdpoint.outbox_claim('c1', 'slack')$$,
  'given up is not claimed');
SELECT outbox_id AS o, claim AS c FROM holdpoint.outbox_delivery WHERE target = 'slack'
  AND state = 'waiting' ORDER BY 1 LIMIT 1 \gset
SELECT t.expect('given-up', 'wh',
  format($$SELECT holdpoint.outbox_failed('c1', %s, 'slack', %L, 'HTTP 410', p_permanent => true)$$,
    :o, :'c'));

-- Backlog; a target that goes; pruning.
SELECT t.is('pager 3', string_agg(target || ' ' || waiting, ','), 'what waits')
  FROM holdpoint.outbox_backlog('c1');
SELECT t.expect('ok', 'wh', $$SELECT holdpoint.outbox_set_targets('c1', '{slack}')$$);
SELECT t.is(NULL, string_agg(target || ' ' || waiting, ','),
  'nothing waits for a target that is gone') FROM holdpoint.outbox_backlog('c1');
SELECT t.expect('0', 'wh', $$SELECT holdpoint.outbox_prune('1 day')$$, 'too young');
UPDATE holdpoint.outbox SET created_at = now() - interval '2 days';
SELECT hold_id AS h FROM t.ask('{"name": "new"}') \gset
UPDATE holdpoint.outbox SET created_at = now() - interval '2 days' WHERE hold_id = :h;
SELECT t.expect('3', 'wh', $$SELECT holdpoint.outbox_prune('1 day')$$,
  'what is done goes, what waits stays');
SELECT t.is('1', count(*)::text, 'stays') FROM holdpoint.outbox;

-- One identity's holds: the first at once, the others in one summary when the interval is over.
UPDATE holdpoint.config SET notify_interval = '1 minute';
DELETE FROM holdpoint.outbox;
CREATE FUNCTION t.told() RETURNS text
LANGUAGE sql
AS $$
  SELECT string_agg(event || ':' || coalesce(payload::jsonb->>'count', payload::jsonb->>'name'), ' '
    ORDER BY id) FROM holdpoint.outbox
$$;
CREATE FUNCTION t.interval_is_over() RETURNS void
LANGUAGE sql
AS $$ UPDATE holdpoint.outbox_told SET at = at - interval '61 seconds' $$;
SELECT count(*) FROM generate_series(1, 40) AS n,
  t.ask(jsonb_build_object('user', 'flood', 'name', 'f' || n)) \g /dev/null
SELECT verdict FROM t.ask('{"user": "calm", "name": "real"}') \g /dev/null
SELECT t.is('hold.pending:f1 hold.pending:real', t.told(), 'one of the flood, and somebody else''s');
SELECT t.expect('0', 'wh', $$SELECT holdpoint.outbox_summarize('c1')$$, 'not yet');
SELECT t.is('ok ok', string_agg(CASE WHEN t.answer('alice', format($$SELECT holdpoint.%s(%s)$$, f, id))
    LIKE 'hold %' THEN 'ok' END, ' '), 'two are decided meanwhile')
FROM (SELECT h.id, CASE h.name WHEN 'f2' THEN 'deny' ELSE 'approve' END AS f FROM holdpoint.hold h
  WHERE h.username = 'flood' AND h.name IN ('f2', 'f3')) AS decided;
SELECT t.interval_is_over();
SELECT t.expect('0', 'wh', $$SELECT holdpoint.outbox_summarize('c2')$$, 'another cluster');
SELECT t.expect('1', 'wh', $$SELECT holdpoint.outbox_summarize('c1')$$);
SELECT t.is('holds.pending 37 flood pending sre 37 5', concat_ws(' ', event, payload::jsonb->>'count',
  payload::jsonb->>'requester', payload::jsonb->>'state', payload::jsonb->>'approverNames',
  jsonb_array_length(payload::jsonb->'holds'), jsonb_array_length(payload::jsonb->'what')),
  'the 37 that still wait')
FROM holdpoint.outbox ORDER BY id DESC LIMIT 1;
SELECT t.is('DELETE deployments.apps prod/f4', payload::jsonb->'what'->>0, 'what they are')
FROM holdpoint.outbox ORDER BY id DESC LIMIT 1;
SELECT t.expect('0', 'wh', $$SELECT holdpoint.outbox_summarize('c1')$$, 'once');
SELECT verdict FROM t.ask('{"user": "flood", "name": "g1"}') \g /dev/null
SELECT t.is('1', count(*)::text, 'held back anew') FROM holdpoint.outbox_held_back;
SELECT t.interval_is_over();
SELECT t.expect('1', 'wh', $$SELECT holdpoint.outbox_summarize('c1')$$);
SELECT t.is('hold.pending g1', event || ' ' || (payload::jsonb->>'name'),
  'of a single one all is told') FROM holdpoint.outbox ORDER BY id DESC LIMIT 1;
SELECT t.interval_is_over();
SELECT verdict FROM t.ask('{"user": "flood", "name": "g2"}') \g /dev/null
SELECT t.is('hold.pending g2', event || ' ' || (payload::jsonb->>'name'), 'at once after a pause')
FROM holdpoint.outbox ORDER BY id DESC LIMIT 1;

-- What people do is told of each by itself; what time does, as what the identity did.
DELETE FROM holdpoint.outbox;
SELECT t.answer('alice', format($$SELECT holdpoint.deny(%s)$$, id)) FROM holdpoint.hold
WHERE username = 'flood' AND name IN ('f4', 'f5', 'f6') \g /dev/null
SELECT t.is('hold.denied:f4 hold.denied:f5 hold.denied:f6', t.told(), 'three denials');
DELETE FROM holdpoint.outbox;
SELECT t.age(id, '2 hours') FROM holdpoint.hold WHERE username = 'flood' AND state = 'pending'
  \g /dev/null
SELECT holdpoint.expire_holds() \g /dev/null
SELECT t.is('1', count(*)::text, 'one of many that expire') FROM holdpoint.outbox;
SELECT t.interval_is_over();
SELECT t.expect('1', 'wh', $$SELECT holdpoint.outbox_summarize('c1')$$);
SELECT t.is('holds.expired', event, 'and the rest') FROM holdpoint.outbox ORDER BY id DESC LIMIT 1;
SELECT t.is('0', count(*)::text, 'nothing stays behind') FROM holdpoint.outbox_held_back;

SELECT t.done();
