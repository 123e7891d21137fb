-- SPDX-License-Identifier: Apache-2.0
-- Limits: what is counted, what is a repetition, when it is over. Races: test_limit_races.c.

-- One more use of change `p_change` under `p_key`: w, b.
CREATE FUNCTION t.use(p_change text, p_key text DEFAULT 'k', p_count int DEFAULT 2, repeats int DEFAULT 0,
  dry boolean DEFAULT false, p_window interval DEFAULT '10 minutes', p_cluster text DEFAULT 'c1') RETURNS text
LANGUAGE sql
AS $$
  SELECT t.answer('wh', format('SELECT holdpoint.limits_use(%L, ARRAY[sha256(%L)], ARRAY[%s], ARRAY[%L::interval], sha256(%L), %s, %L)',
    p_cluster, p_key, p_count, p_window, p_change, coalesce(repeats::text, 'NULL'), dry))
$$;

SELECT t.expect('42501', v.login, v.statement)
FROM (VALUES ('alice'), ('sink'), ('auditor'), ('admin'), ('mallory')) AS l(login),
  LATERAL (VALUES (l.login, $$SELECT holdpoint.limits_use('c1', '{}', '{}', '{}', sha256('x'))$$),
    (l.login, $$SELECT holdpoint.limits_prune()$$)) AS v(login, statement);

SELECT t.is('w', t.use('1', dry => true), 'a dry run');
SELECT t.is('w', t.use('1'), 'first');
SELECT t.is('w', t.use('2'), 'second');
SELECT t.is('b', t.use('3'), 'third');
SELECT t.is('b', t.use('3', dry => true), 'a dry run says so too');
SELECT t.is('2', count(*)::text, 'counted') FROM holdpoint.limit_use;
SELECT t.is('w', t.use('3', p_cluster => 'c2'), 'another cluster');
SELECT t.is('w', t.use('3', p_key => 'other'), 'another rule or user');
SELECT t.is('w', t.use('3', p_count => 3), 'a limit that was raised');
SELECT t.is('b', t.use('4', p_count => 1), 'and lowered');

-- The same change, as the API server asks once more; no more often than it may.
SELECT t.is('wwwb', t.use('a', 'r', 1, 2) || t.use('a', 'r', 1, 2) || t.use('a', 'r', 1, 2) || t.use('a', 'r', 1, 2),
  'two repetitions');
SELECT t.is('wb', t.use('a', 'none', 1, 0) || t.use('a', 'none', 1, 0), 'none');
SELECT t.is('wwwwwwb', string_agg(t.use('a', 'default', 1, NULL), '' ORDER BY n), 'as config says')
FROM generate_series(1, 7) AS n;
SELECT t.is('wb', t.use('a', 'x', 1, 5) || t.use('b', 'x', 1, 5), 'another change');
UPDATE holdpoint.limit_use SET at = at - interval '11 seconds' WHERE key = sha256('x');
SELECT t.is('b', t.use('a', 'x', 1, 5), 'later it is one more');

-- Its time is over, one by one.
SELECT t.use('1', 'w', 2, p_window => '1 second'), t.use('2', 'w', 2, p_window => '1 second') \g /dev/null
SELECT t.is('b', t.use('3', 'w', 2, p_window => '1 second'), 'used up');
UPDATE holdpoint.limit_use SET at = at - interval '1 second' WHERE key = sha256('w') AND fingerprint = sha256('1');
SELECT t.is('wb', t.use('3', 'w', 2, p_window => '1 second') || t.use('4', 'w', 2, p_window => '1 second'), 'one is over');
SELECT t.is('2', count(*)::text, 'what is over is gone') FROM holdpoint.limit_use WHERE key = sha256('w');

-- Several: counted when it is within all.
SELECT t.expect('wb', 'wh', $$SELECT holdpoint.limits_use('c1', ARRAY[sha256('m1'), sha256('k')], '{5,2}',
  '{1 minute,10 minutes}', sha256('m'), 0)$$);
SELECT t.is('0', count(*)::text, 'not counted') FROM holdpoint.limit_use WHERE key = sha256('m1');
SELECT t.expect('', 'wh', $$SELECT holdpoint.limits_use('c1', '{}', '{}', '{}', sha256('m'), 0)$$, 'none at all');

-- Forgotten.
SELECT t.expect('0', 'wh', $$SELECT holdpoint.limits_prune()$$);
UPDATE holdpoint.limit_counter SET last_at = last_at - interval '26 hours' WHERE key = sha256('k') AND cluster = 'c1';
SELECT t.expect('3', 'wh', $$SELECT holdpoint.limits_prune()$$);
SELECT t.is('w', t.use('9'), 'anew');

SELECT t.done();
