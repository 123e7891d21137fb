-- SPDX-License-Identifier: Apache-2.0
-- What webhooks say of themselves: kept by process, the latest word of each; who is asked for
-- authorization is known to all replicas of a cluster.

SELECT t.is('true', t.answer('wh', $$SELECT holdpoint.guard_report('c1', 'pod-1', '{"version": "1", "rules": 3,
  "authorizationRules": 2, "unasked": 2, "startedAt": 1000, "validate": 2000, "mutate": null,
  "authorize": null, "settings": {"clientCa": true}}') IS NULL$$), 'nobody was asked');
SELECT t.is('3 2 2 true 1970-01-01 00:33:20+00', (SELECT concat_ws(' ', rules, authorization_rules,
  unasked, settings ->> 'clientCa', validate_at AT TIME ZONE 'UTC' || '+00')
  FROM holdpoint.guard_instance), 'what is kept');
SELECT t.answer('wh', $$SELECT holdpoint.guard_report('c1', 'pod-2', '{"authorize": 5000}')$$) \g /dev/null
SELECT t.is('5000', (SELECT t.answer('wh',
  $$SELECT extract(epoch FROM holdpoint.guard_report('c1', 'pod-1', '{"validate": 1}'))::bigint$$)),
  'one replica hears that the other is asked');
SELECT t.is('2000 0', (SELECT concat_ws(' ', extract(epoch FROM validate_at)::bigint, rules)
  FROM holdpoint.guard_instance WHERE instance = 'pod-1'), 'times never go back, the rest does');
SELECT t.is('ok', (SELECT t.answer('wh',
  $$SELECT holdpoint.guard_report('c2', 'pod-1', '{}')::text$$)), 'another cluster is another');
UPDATE holdpoint.guard_instance SET reported_at = now() - interval '8 days' WHERE instance = 'pod-2';
SELECT t.is('ok', (SELECT t.answer('wh',
  $$SELECT holdpoint.guard_report('c1', 'pod-1', '{}')::text$$)), 'a week later it is forgotten');
SELECT t.expect('42501', r.login, $$SELECT holdpoint.guard_report('c1', 'x', '{}')$$)
FROM (VALUES ('sink'), ('alice'), ('auditor'), ('mallory')) AS r(login);
SELECT t.expect('2', 'auditor', 'SELECT count(*) FROM holdpoint.guard_instance');
SELECT t.expect('42501', 'alice', 'SELECT * FROM holdpoint.guard_instance');

SELECT t.done();
