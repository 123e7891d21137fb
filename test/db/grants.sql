-- SPDX-License-Identifier: Apache-2.0
-- What each role must not do, and what not even the owner may.

SELECT hold_id AS h FROM t.ask() \gset
SELECT holdpoint.approve(:h) \g /dev/null
UPDATE holdpoint.config SET denial_stands = '5 minutes';
SELECT t.expect('ok', 'wh',
  $$INSERT INTO holdpoint.decision (cluster, decision_id, time, endpoint, username, operation, action, allowed, outcome)
  VALUES ('c1', gen_random_uuid(), now(), 'validate', 'agent', 'DELETE', 'Hold', false, 'denied')$$);
SELECT t.expect('ok', 'wh',
  $$SELECT holdpoint.policy_loaded('c1', sha256('p'), 'kind: GuardrailPolicy', 'pod-1')$$);
SELECT t.answer('sink',
  $$SELECT holdpoint.audit_begin_batch('c1', 'api-1', sha256('b'), 1, 1, 100)$$) \g /dev/null
SELECT t.expect('ok', 'sink',
  $$INSERT INTO holdpoint.audit_event (cluster, seq, source, stage, level, stage_timestamp, audit_id, masking_version, masked, body, body_nonce, body_digest)
  VALUES ('c1', 1, 'api-1', 'ResponseComplete', 'Metadata', now(), 'a1', 1, 0, '{}', 'n', 'd')$$);
INSERT INTO holdpoint.audit_event (cluster, seq, recorded_at, source, stage, level, stage_timestamp,
  audit_id, masking_version, masked, body_digest)
VALUES ('c1', 2, '2001-01-01', 'api-1', 'Panic', 'Metadata', now(), 'in the default partition', 1,
  0, 'd');
SELECT t.expect('ok', 'sink',
  $$INSERT INTO holdpoint.audit_quarantine (cluster, source, batch_sha256, position, size_bytes, sha256, reason)
  VALUES ('c1', 'api-1', sha256('b'), 1, 3, sha256('x'), 'bad')$$);

-- Every statement on every table by every role that was not granted it: refused.
SELECT t.expect('42501', r.login, format(s.statement, c.relname))
FROM pg_class c,
  (VALUES ('wh'), ('sink'), ('alice'), ('auditor'), ('mallory')) AS r(login),
  (VALUES ('INSERT', 'INSERT INTO holdpoint.%I DEFAULT VALUES'),
    ('UPDATE', 'UPDATE holdpoint.%I SET cluster = cluster'),
    ('DELETE', 'DELETE FROM holdpoint.%I'),
    ('TRUNCATE', 'TRUNCATE holdpoint.%I'),
    ('SELECT', 'SELECT 1 FROM holdpoint.%I')) AS s(privilege, statement)
WHERE c.relnamespace = 'holdpoint'::regnamespace AND c.relkind IN ('r', 'p')
  AND NOT has_table_privilege(r.login, c.oid, s.privilege)
  AND (s.privilege <> 'UPDATE' OR EXISTS (SELECT FROM pg_attribute a
    WHERE a.attrelid = c.oid AND a.attname = 'cluster'));
-- and what was granted is no more than this:
SELECT t.is(v.expected, (SELECT string_agg(c.relname, ' ' ORDER BY c.relname) FROM pg_class c
  WHERE c.relnamespace = 'holdpoint'::regnamespace AND c.relkind IN ('r', 'p', 'v')
    AND NOT c.relispartition AND has_table_privilege(v.login, c.oid, 'SELECT')),
  v.login || ' reads')
FROM (VALUES
  ('schema_migration', 'wh'),
  ('schema_migration', 'sink'),
  ('approver_identity config hold hold_event holds pending_holds schema_migration', 'alice'),
  (NULL, 'mallory')
) AS v(expected, login);

-- Functions: the webhook's are the webhook's, the owner's the owner's.
SELECT t.expect('42501', v.login, v.statement)
FROM (VALUES
  ('alice', $$SELECT holdpoint.expire_holds()$$),
  ('alice', $$SELECT holdpoint.hold_states('{1}')$$),
  ('alice', $$SELECT holdpoint.outbox_claim('c1', 'slack')$$),
  ('alice', $$SELECT holdpoint.map_approver('bob', 'agent')$$),
  ('wh', $$SELECT holdpoint.map_approver('wh', 'agent')$$),
  ('wh', $$SELECT holdpoint.audit_begin_batch('c1', 's', sha256(''), 1, 0, 1)$$),
  ('wh', $$SELECT holdpoint.retention_run('1 day')$$),
  ('wh', $$SELECT holdpoint.hold_step(NULL, NULL)$$),
  ('wh', $$SELECT holdpoint.hold_approve(1, NULL, NULL, NULL)$$),
  ('wh', $$SELECT holdpoint.hold_insert(NULL)$$),
  ('wh', $$SELECT holdpoint.sessions()$$),
  ('sink', $$SELECT holdpoint.hold_states('{1}')$$),
  ('sink', $$SELECT holdpoint.withdraw(1)$$),
  ('sink', $$SELECT holdpoint.retention_run('1 day')$$),
  ('sink', $$SELECT holdpoint.erase_event_body('c1', 1, 'r')$$),
  ('auditor', $$SELECT holdpoint.approve(1)$$),
  ('auditor', $$SELECT holdpoint.deny(1)$$),
  ('auditor', $$SELECT holdpoint.retention_run('1 day')$$),
  ('auditor', $$SELECT holdpoint.erase_event_body('c1', 1, 'r')$$),
  ('auditor', $$SELECT holdpoint.ensure_partitions()$$),
  ('mallory', $$SELECT * FROM holdpoint.pending_holds$$),
  ('mallory', $$CREATE TABLE holdpoint.x ()$$),
  ('wh', $$CREATE FUNCTION holdpoint.x() RETURNS int LANGUAGE sql AS 'SELECT 1'$$),
  ('alice', $$UPDATE holdpoint.config SET kubernetes_approvals = 'any'$$)
) AS v(login, statement);

-- Append-only, to the owner and to a superuser.
SELECT t.expect('HP010', r.login, format(s.statement, v.relation))
FROM (VALUES ('owner'), ('postgres')) AS r(login),
  (VALUES ('hold_event'), ('decision'), ('audit_event'), ('audit_quarantine'), ('audit_batch'),
    ('policy_version'), ('policy_load'), ('admin_event')) AS v(relation),
  (VALUES ('DELETE FROM holdpoint.%I'), ('TRUNCATE holdpoint.%I CASCADE')) AS s(statement);
SELECT t.expect('HP010', r.login, v.statement)
FROM (VALUES ('owner'), ('postgres')) AS r(login),
  (VALUES
  ('UPDATE holdpoint.hold_event SET who = ''eve'''),
  ('UPDATE holdpoint.decision SET allowed = true'),
  ('UPDATE holdpoint.audit_event SET username = ''eve'''),
  ('UPDATE holdpoint.audit_event SET body = NULL'),
  ('UPDATE holdpoint.audit_event SET body = NULL, body_nonce = NULL, erased_at = now()'),
  ('UPDATE holdpoint.audit_quarantine SET reason = '''''),
  ('UPDATE holdpoint.audit_batch SET events = 0'),
  ('UPDATE holdpoint.policy_version SET text = '''''),
  ('UPDATE holdpoint.admin_event SET subject = '''''),
  ('DELETE FROM holdpoint.audit_event_default'),
  ('TRUNCATE holdpoint.audit_event_default'),
  ('TRUNCATE holdpoint.decision_default'),
  ('DELETE FROM holdpoint.config'),
  ('TRUNCATE holdpoint.config'),
  ('TRUNCATE holdpoint.approver_identity'),
  ('DELETE FROM holdpoint.hold'),
  ('TRUNCATE holdpoint.hold CASCADE')
) AS v(statement);
SELECT t.is('1 2 1', concat_ws(' ', (SELECT count(*) FROM holdpoint.decision),
  (SELECT count(*) FROM holdpoint.audit_event), (SELECT count(*)
    FROM holdpoint.audit_quarantine)), 'all there');

-- A hold moves only along its life, and only with an event that says so.
SELECT hold_id AS h2 FROM t.ask('{"name": "guarded", "min": 2}') \gset
SELECT t.expect('HP010', 'owner', format('UPDATE holdpoint.hold SET %s WHERE id = %s', v.assignment,
  CASE v.which WHEN 'approved' THEN :h ELSE :h2 END),
  v.which || ' SET ' || v.assignment)
FROM (VALUES
  ('approved', $$state = 'pending'$$),
  ('approved', $$state = 'used'$$),
  ('approved', $$expires_at = expires_at + interval '1 hour'$$),
  ('approved', $$uses = -1$$),
  ('pending', $$state = 'approved'$$),
  ('pending', $$username = 'other'$$),
  ('pending', $$fingerprint = sha256('other')$$),
  ('pending', $$change = '{}'$$),
  ('pending', $$approvers = '{}'$$),
  ('pending', $$min_approvals = 1$$),
  ('pending', $$grant_kind = 'Window'$$),
  ('pending', $$rule = 'lax'$$)
) AS v(which, assignment);
INSERT INTO holdpoint.hold_event (cluster, hold_id, action, state_after, channel, who, person)
VALUES ('c1', :h2, 'approve', 'approved', 'system', 'eve', 'eve');
SELECT t.expect('HP010', 'owner',
  format('UPDATE holdpoint.hold SET state = ''approved'' WHERE id = %s', :h2),
  'one forged approval is not two');

-- The record of who configured and enrolled cannot be passed by.
SELECT t.expect('ok', 'owner', $$SELECT holdpoint.map_approver('alice', 'alice@example.com')$$);
SELECT t.expect('ok', 'owner',
  $$DELETE FROM holdpoint.approver_identity WHERE name = 'alice@example.com'$$);
SELECT t.is('owner alice owner alice owner alice', string_agg(database_user || ' ' || subject,
  ' ' ORDER BY id), 'enrolled and removed')
FROM holdpoint.admin_event WHERE action = 'identity';

SELECT t.done();
