-- SPDX-License-Identifier: Apache-2.0
-- Notifications: with the hold or not at all, to each target once, again when it failed.

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

SELECT t.done();
