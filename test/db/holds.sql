-- SPDX-License-Identifier: Apache-2.0
-- What the webhook gets: one hold for one change, used once, and what happens at its edges.

-- One row for one change, with a counter; another change is another hold.
SELECT t.is('held t', verdict || ' ' || left(is_new::text, 1), 'first request makes a hold')
FROM t.ask('{"name": "one"}');
SELECT hold_id AS h FROM t.ask('{"name": "one"}') \gset
SELECT t.is('3 held f', attempts || ' ' || verdict || ' ' || left(is_new::text, 1),
  'the same again is the same hold') FROM t.ask('{"name": "one"}');
SELECT t.is('1', count(*)::text, 'one row') FROM holdpoint.hold;
SELECT t.is('false', (hold_id = :h)::text, 'another change')
  FROM t.ask('{"name": "one", "change": "y"}');
SELECT t.is('false', (hold_id = :h)::text, 'another user')
  FROM t.ask('{"name": "one", "user": "agent2"}');
SELECT t.is('false', (hold_id = :h)::text, 'another cluster')
  FROM t.ask('{"name": "one", "cluster": "c2"}');
SELECT t.is('create:agent', t.steps(:h), 'retries are no steps');

-- Only the count of attempts may be lost in a crash: all else is on disk before the answer is out.
SET synchronous_commit = on;
SELECT t.is('held on', verdict || ' ' || current_setting('synchronous_commit'), 'a new hold')
FROM t.ask('{"name": "durable"}');
SELECT t.is('held off', verdict || ' ' || current_setting('synchronous_commit'), 'held once more')
FROM t.ask('{"name": "durable"}');
SELECT t.is('on', current_setting('synchronous_commit'), 'for that transaction only');
SELECT holdpoint.approve(max(id)) FROM holdpoint.hold WHERE name = 'durable' \g /dev/null
SELECT t.is('allow on', verdict || ' ' || current_setting('synchronous_commit'), 'a use')
FROM t.ask('{"name": "durable"}');
SELECT t.is('allow on', verdict || ' ' || current_setting('synchronous_commit'), 'a repeat')
FROM t.ask('{"name": "durable"}');
SELECT t.age(max(id), '2 hours') FROM holdpoint.hold WHERE name = 'durable' \g /dev/null
SELECT t.is('held on', verdict || ' ' || current_setting('synchronous_commit'), 'made anew')
FROM t.ask('{"name": "durable"}');
RESET synchronous_commit;

-- Once: one use, repeats for 60 s, then a new hold.
SELECT holdpoint.approve(:h) \g /dev/null
SELECT t.is('approved', t.state(:h), 'approved');
SELECT t.is('allow f', verdict || ' ' || left(is_repeat::text, 1), 'passes')
FROM t.ask('{"name": "one"}');
SELECT t.is('used', t.state(:h), 'used');
SELECT t.is('allow t 1', verdict || ' ' || left(is_repeat::text, 1) || ' ' || uses,
  'repeats, uses stay 1')
FROM t.ask('{"name": "one"}');
SELECT t.is('held', verdict, 'another change does not pass on it')
FROM t.ask('{"name": "one", "change": "z"}');
SELECT t.age(:h, '61 seconds');
SELECT t.is('held t', verdict || ' ' || left(is_new::text, 1), 'after 60 s it is gone')
FROM t.ask('{"name": "one"}');
SELECT t.is('create:agent approve:postgres use:agent repeat:agent', t.steps(:h),
  'every step, once');

-- Repeats are as many as one request may make the API server ask, and no more.
UPDATE holdpoint.config SET max_repeats = 2;
SELECT t.is(v.expected, string_agg(a.answer, ' ' ORDER BY a.n), v.terms)
FROM (VALUES
  ('allow+ allow allow held held', '{"name": "r1"}'),
  ('allow+ allow held held held', '{"name": "r2", "operation": "CONNECT", "max_repeats": 1}'),
  ('allow+ held held held held', '{"name": "r3", "operation": "CREATE", "max_repeats": 0}'),
  ('allow+ allow allow held held', '{"name": "r4", "max_repeats": 9}'),
  ('allow+ allow allow allow+ allow',
    '{"name": "r5", "rule": "r5", "grant": "Window", "max_uses": 2}'),
  ('allow+ allow allow allow allow', '{"name": "r6", "rule": "r6", "grant": "Window"}')
) AS v(expected, terms),
LATERAL (SELECT holdpoint.approve(hold_id) FROM t.ask(v.terms::jsonb)) AS approved,
LATERAL (SELECT n, (SELECT verdict || CASE WHEN verdict = 'allow' AND NOT is_repeat THEN '+'
    ELSE '' END FROM t.ask(v.terms::jsonb || jsonb_build_object('n', n))) AS answer
  FROM generate_series(1, 5) AS n WHERE approved IS NOT NULL) AS a
GROUP BY v.expected, v.terms;
SELECT t.is('use:1 repeat:2', string_agg(action || ':' || n, ' ' ORDER BY action DESC),
  'each that passed is an event')
FROM (SELECT e.action, count(*) AS n FROM holdpoint.hold_event e JOIN holdpoint.hold h
  ON h.id = e.hold_id WHERE h.name = 'r1' AND e.action IN ('use', 'repeat')
  GROUP BY e.action) AS passed;
SELECT t.is('used pending', string_agg(state, ' ' ORDER BY id), 'what is too much is held anew')
FROM holdpoint.hold WHERE name = 'r1';
UPDATE holdpoint.config SET max_repeats = DEFAULT;

-- Dry runs neither make nor use.
SELECT t.is('held -', verdict || ' ' || coalesce(hold_id::text, '-'), 'dry run, no hold yet')
FROM t.ask('{"name": "dry", "dry_run": true}');
SELECT t.is('0', count(*)::text, 'nothing made') FROM holdpoint.hold WHERE name = 'dry';
SELECT hold_id AS h FROM t.ask('{"name": "dry"}') \gset
SELECT t.is('held t', verdict || ' ' || left((hold_id = :h)::text, 1), 'dry run finds the hold')
FROM t.ask('{"name": "dry", "dry_run": true}');
SELECT holdpoint.approve(:h) \g /dev/null
SELECT t.is('allow 0', verdict || ' ' || uses, 'dry run of an approved change')
FROM t.ask('{"name": "dry", "dry_run": true}');
SELECT t.is('approved', t.state(:h), 'and it is not used');
SELECT t.is('1', attempts::text, 'nor counted') FROM holdpoint.hold WHERE id = :h;

-- A denial stands for ten minutes, then may be asked again.
SELECT hold_id AS h FROM t.ask('{"name": "no"}') \gset
SELECT holdpoint.deny(:h, 'not on a Friday') \g /dev/null
SELECT t.is('denied postgres not on a Friday', concat_ws(' ', verdict, decided_by, decided_reason),
  'the agent learns who and why') FROM t.ask('{"name": "no"}');
SELECT t.is('denied', verdict, 'a dry run too') FROM t.ask('{"name": "no", "dry_run": true}');
SELECT t.age(:h, '11 minutes');
SELECT t.is('held t', verdict || ' ' || left(is_new::text, 1), 'later it may ask again')
FROM t.ask('{"name": "no"}');

-- Expiry, lazily: unanswered, and approved but unused.
SELECT hold_id AS h FROM t.ask('{"name": "late"}') \gset
SELECT t.age(:h, '61 minutes');
SELECT t.is('pending', t.state(:h), 'the row does not know yet');
SELECT t.is('expired', state, 'the view does') FROM holdpoint.holds WHERE id = :h;
SELECT t.is('expired', state, 'who waits does') FROM holdpoint.hold_states(ARRAY[:h]);
SELECT t.is('0', count(*)::text, 'not pending') FROM holdpoint.pending_holds WHERE id = :h;
SELECT t.expect('HP002', 'alice', format('SELECT holdpoint.approve(%s)', :h));
SELECT t.is('held t', verdict || ' ' || left(is_new::text, 1), 'a new hold')
FROM t.ask('{"name": "late"}');
SELECT t.is('expired create:agent expire:holdpoint', t.state(:h) || ' ' || t.steps(:h),
  'written down');
SELECT hold_id AS h FROM t.ask('{"name": "unused"}') \gset
SELECT holdpoint.approve(:h) \g /dev/null
SELECT t.age(:h, '61 minutes');
SELECT t.is('held t', verdict || ' ' || left(is_new::text, 1),
  'an approval does not outlive expires')
FROM t.ask('{"name": "unused"}');
SELECT t.is('expired', t.state(:h), 'approved, unused: expired');

-- The sweep.
SELECT hold_id AS h1 FROM t.ask('{"name": "s1"}') \gset
SELECT hold_id AS h2 FROM t.ask('{"name": "s2"}') \gset
SELECT hold_id AS h3 FROM t.ask('{"name": "s3"}') \gset
SELECT t.age(:h1, '2 hours'), t.age(:h2, '61 minutes');
SELECT t.is('1', holdpoint.expire_holds(1)::text, 'one at a time');
SELECT t.is('expired pending', t.state(:h1) || ' ' || t.state(:h2), 'oldest first');
SELECT t.is('1', holdpoint.expire_holds()::text, 'the rest');
SELECT t.is('0', holdpoint.expire_holds()::text, 'nothing left');
SELECT t.is('pending', t.state(:h3), 'not what is alive');

-- Window: other changes to the same kind by the same identity under the same rule. How far it
-- reaches: scope.sql.
\set w '"grant": "Window", "operation": "UPDATE", "rule": "writes", "expires": "30 minutes", "scope": "Cluster"'
SELECT format('{%s, "name": "a"}', :'w') AS wa, format('{%s, "name": "b"}', :'w') AS wb \gset
SELECT hold_id AS h FROM t.ask(:'wa') \gset
SELECT hold_id AS hb FROM t.ask(:'wb') \gset
SELECT t.is('false', (:h = :hb)::text, 'two changes ask for two holds');
SELECT holdpoint.approve(:h) \g /dev/null
SELECT t.is('allow 1', verdict || ' ' || uses, 'its own change') FROM t.ask(:'wa');
SELECT t.is('allow 2', verdict || ' ' || uses, 'another object') FROM t.ask(:'wb');
SELECT t.is('approved', t.state(:h), 'still open');
SELECT t.is('allow', verdict, 'dry run')
  FROM t.ask(:'wb'::jsonb || '{"dry_run": true, "change": "q"}');
SELECT t.is(v.expected, (t.ask(:'wb'::jsonb || v.other::jsonb)).verdict, v.other)
FROM (VALUES
  ('allow', '{"namespace": "dev"}'),
  ('held', '{"user": "agent2"}'),
  ('held', '{"rule": "other"}'),
  ('held', '{"policy": "other"}'),
  ('held', '{"resource": "statefulsets"}'),
  ('held', '{"api_group": ""}'),
  ('held', '{"subresource": "scale"}'),
  ('held', '{"operation": "DELETE"}'),
  ('held', '{"cluster": "c2"}'),
  ('held', '{"grant": "Once", "change": "once now"}')
) AS v(expected, other);
SELECT t.age(:h, '31 minutes');
SELECT t.is('held', verdict, 'its time is over') FROM t.ask(:'wb'::jsonb || '{"change": "later"}');
SELECT holdpoint.expire_holds() \g /dev/null
SELECT t.is('used', t.state(:h), 'a window that was used ends as used');

-- maxUses: counts changes, not repeats of one.
\set m '"grant": "Window", "rule": "counted", "max_uses": 2, "scope": "Namespace"'
SELECT format('{%s, "name": "a"}', :'m') AS ma, format('{%s, "name": "b"}', :'m') AS mb,
  format('{%s, "name": "c"}', :'m') AS mc \gset
SELECT hold_id AS h FROM t.ask(:'ma') \gset
SELECT holdpoint.approve(:h) \g /dev/null
SELECT t.is('allow 1 f', concat_ws(' ', verdict, uses, left(is_repeat::text, 1)), 'first')
  FROM t.ask(:'ma');
SELECT t.is('allow 1 t', concat_ws(' ', verdict, uses, left(is_repeat::text, 1)),
  'a repeat is free') FROM t.ask(:'ma');
SELECT t.is('allow 2 f', concat_ws(' ', verdict, uses, left(is_repeat::text, 1)), 'second')
  FROM t.ask(:'mb');
SELECT t.is('used', t.state(:h), 'used up');
SELECT t.is('held', verdict, 'no third') FROM t.ask(:'mc');
SELECT t.is('allow t', verdict || ' ' || left(is_repeat::text, 1), 'repeats of both still pass')
  FROM t.ask(:'ma');

-- window: counted from approval, capped by expires.
SELECT hold_id AS h FROM t.ask('{"name": "w5", "grant": "Window", "rule": "short", "window": "5 minutes"}') \gset
SELECT holdpoint.approve(:h) \g /dev/null
SELECT t.is('true', (expires_at BETWEEN now() + '4 minutes'
  AND now() + '6 minutes')::text, 'five minutes')
FROM holdpoint.hold WHERE id = :h;
SELECT hold_id AS h FROM t.ask('{"name": "w9", "grant": "Window", "rule": "long", "window": "9 hours"}') \gset
SELECT holdpoint.approve(:h) \g /dev/null
SELECT t.is('true', (expires_at < now() + '61 minutes')::text, 'not longer than expires')
FROM holdpoint.hold WHERE id = :h;

-- … and not a repeat longer.
SELECT hold_id AS h FROM t.ask('{"name": "w1", "grant": "Window", "rule": "brief", "window": "30 seconds"}') \gset
SELECT holdpoint.approve(:h) \g /dev/null
SELECT t.is('allow f', verdict || ' ' || left(is_repeat::text, 1), 'in its window')
FROM t.ask('{"name": "w1", "grant": "Window", "rule": "brief", "window": "30 seconds"}');
SELECT t.age(:h, '31 seconds');
SELECT t.is('held t', verdict || ' ' || left(is_new::text, 1), 'the window is over for the same read too')
FROM t.ask('{"name": "w1", "grant": "Window", "rule": "brief", "window": "30 seconds"}');

-- A rule whose terms changed asks anew; an approval under the old terms is void.
SELECT hold_id AS h FROM t.ask('{"name": "terms"}') \gset
SELECT holdpoint.approve(:h) \g /dev/null
SELECT t.is('held t', verdict || ' ' || left(is_new::text, 1), 'other approvers')
FROM t.ask('{"name": "terms", "approvers": ["security"]}');
SELECT t.is('withdrawn create:agent approve:postgres withdraw:holdpoint',
  t.state(:h) || ' ' || t.steps(:h), 'said so');
SELECT hold_id AS h FROM t.ask('{"name": "min"}') \gset
SELECT t.is('false', (hold_id = :h)::text, 'more approvals')
  FROM t.ask('{"name": "min", "min": 2}');
SELECT hold_id AS h FROM t.ask('{"name": "order", "approvers": ["a", "b"]}') \gset
SELECT t.is('true', (hold_id = :h)::text, 'the order of groups is none')
FROM t.ask('{"name": "order", "approvers": ["b", "a", "b"]}');
SELECT hold_id AS h FROM t.ask('{"name": "less", "min": 2}') \gset
SELECT t.is('true', (hold_id = :h)::text, 'a rule that got laxer keeps the hold')
FROM t.ask('{"name": "less", "min": 1}');

-- Limits: how much an identity may have waiting, how long things may be.
UPDATE holdpoint.config SET max_pending_per_user = 2;
SELECT t.is('held held limit', string_agg(verdict, ' ' ORDER BY n),
  'two wait, the third is refused')
FROM generate_series(1, 3) AS n, t.ask(jsonb_build_object('user', 'flood', 'name', n::text));
SELECT t.is('held', verdict, 'what waits is still found')
  FROM t.ask('{"user": "flood", "name": "1"}');
SELECT t.is('held', verdict, 'others are not concerned') FROM t.ask('{"user": "calm"}');
UPDATE holdpoint.config SET max_pending_per_user = DEFAULT;
SELECT t.expect(v.expected, 'postgres', format('SELECT verdict FROM t.ask(%L)', v.what),
  left(v.what::text, 40))
FROM (VALUES
  ('23514', jsonb_build_object('user', repeat('u', 1025))),
  ('23514', jsonb_build_object('user', '')),
  ('23514', jsonb_build_object('namespace', repeat('n', 254))),
  ('23514', jsonb_build_object('min', 0)),
  ('23514', jsonb_build_object('min', 11)),
  ('23514', jsonb_build_object('grant', 'Always')),
  ('23514', jsonb_build_object('grant', 'Window', 'max_uses', 0)),
  ('22023', jsonb_build_object('expires', '0 seconds')),
  ('22023', jsonb_build_object('expires', '1 year')),
  ('22023', jsonb_build_object('expires', NULL)),
  ('23514', jsonb_build_object('approvers', (SELECT jsonb_agg('g' || n)
    FROM generate_series(1, 65) n))),
  ('held', jsonb_build_object('user', repeat('ü', 512), 'name', repeat('n', 2048)))
) AS v(expected, what);
SELECT hold_id AS h FROM t.ask(jsonb_build_object('name', 'big', 'change', repeat('ä',
  200000))) \gset
SELECT t.is('400000 true', octet_length(change) || ' ' || (change_unseen IS NULL),
  'a large change is kept whole') FROM holdpoint.hold WHERE id = :h;
SELECT hold_id AS huge FROM t.ask(jsonb_build_object('name', 'huge', 'change', repeat('ä',
  3000000))) \gset
SELECT t.is('1048576 all but the first 2097152 bytes', length(change) || ' ' || change_unseen,
  'one that no cluster has is cut, and it is said') FROM holdpoint.hold WHERE id = :huge;
SELECT t.is('false', (hold_id = :h)::text, 'and its fingerprint covers all of it')
FROM t.ask(jsonb_build_object('name', 'big', 'change', repeat('ä', 200001)));

SELECT t.is('held', verdict, 'a request without a change, as for reads')
  FROM t.ask('{"name": "none", "change": null}');
SELECT t.is('true', (change IS NULL AND change_unseen IS NULL)::text, 'has none') FROM holdpoint.hold
  WHERE name = 'none';

-- What people see.
SELECT hold_id AS h FROM t.ask('{"name": "seen", "subresource": "scale", "min": 2}') \gset
SELECT t.is('agent|DELETE|deployments.apps/scale|prod|seen|agents/deletes|0/2|sre|c1',
  concat_ws('|', requester, operation, resource, namespace, name, rule, approvals, approvers,
    cluster),
  'pending_holds') FROM holdpoint.pending_holds WHERE id = :h;

SELECT t.done();
