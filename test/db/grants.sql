-- SPDX-License-Identifier: Apache-2.0
-- What each role must not do, and what not even the owner may.

SELECT hold_id AS h FROM t.ask() \gset
SELECT holdpoint.approve(:h) \g /dev/null
UPDATE holdpoint.config SET denial_stands = '5 minutes';
SELECT t.expect('ok', 'wh',
  $$INSERT INTO holdpoint.decision (cluster, decision_id, time, endpoint, username, operation, action, allowed, answer)
  VALUES ('c1', gen_random_uuid(), now(), 'validate', 'agent', 'DELETE', 'Hold', false, 'denied')$$);
SELECT t.expect('', 'wh',
  $$SELECT holdpoint.policy_loaded('c1', sha256('kind: GuardrailPolicy'), 'kind: GuardrailPolicy', 'pod-1')$$);
SELECT t.answer('sink',
  $$SELECT holdpoint.audit_begin_batch('c1', 'api-1', sha256('b'), 1, 1, 100)$$) \g /dev/null
SELECT t.expect('ok', 'sink',
  $$INSERT INTO holdpoint.audit_event (cluster, seq, source, stage, level, stage_timestamp, audit_id, masking_version, masked, body, body_nonce, body_digest)
  VALUES ('c1', 1, 'api-1', 'ResponseComplete', 'Metadata', now(), 'a1', 1, 0, '{}', 'n', 'd')$$);
SELECT t.expect(v.expected, v.login, v.statement)
FROM (VALUES
  ('42501', 'sink', $$INSERT INTO holdpoint.audit_event (cluster, seq, recorded_at, source, stage, level,
    stage_timestamp, audit_id, masking_version, masked, body_digest)
    VALUES ('c1', 9, '2020-01-01', 's', 'Panic', 'Metadata', now(), 'a', 1, 0, 'd')$$),
  ('42501', 'sink', $$INSERT INTO holdpoint.audit_quarantine (cluster, recorded_at, source, batch_sha256,
    position, size_bytes, sha256, reason) VALUES ('c1', '2020-01-01', 's', 'd', 1, 3, sha256('x'), 'r')$$),
  ('HP010', 'wh', $$INSERT INTO holdpoint.decision (recorded_at, cluster, decision_id, time, endpoint,
    username, operation, action, allowed, answer) VALUES ('2020-01-01', 'c1', gen_random_uuid(), now(),
    'validate', 'agent', 'DELETE', 'Hold', false, 'denied')$$),
  ('HP010', 'wh', $$INSERT INTO holdpoint.decision (recorded_at, cluster, decision_id, time, endpoint,
    username, operation, action, allowed, answer) VALUES (now() + interval '1 day', 'c1', gen_random_uuid(),
    now(), 'validate', 'agent', 'DELETE', 'Hold', false, 'denied')$$)
) AS v(expected, login, statement);
SELECT holdpoint.stop('somebody', 'a row') \g /dev/null
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
  AND NOT (s.privilege = 'INSERT' AND has_any_column_privilege(r.login, c.oid, 'INSERT'))
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
  ('cluster_config config hold hold_event hold_review holds identity pending_holds people person schema_migration stop_event stops', 'alice'),
  ('admin_event cluster_config config identity people person schema_migration', 'admin'),
  ('schema_migration', 'keeper'),
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
  ('alice', $$SELECT holdpoint.add_login('alice', 'bob')$$),
  ('alice', $$SELECT holdpoint.remove_name('alice')$$),
  ('keeper', $$SELECT holdpoint.add_person('x')$$),
  ('keeper', $$SELECT holdpoint.approve(1)$$),
  ('keeper', $$UPDATE holdpoint.config SET max_repeats = 9$$),
  ('admin', $$SELECT holdpoint.retention_run('1 day')$$),
  ('admin', $$SELECT holdpoint.erase_event_body('c1', 1, 'r')$$),
  ('admin', $$SELECT holdpoint.approve(1)$$),
  ('admin', $$SELECT * FROM holdpoint.hold$$),
  ('admin', $$INSERT INTO holdpoint.identity VALUES ('database', '', 'x', 'x')$$),
  ('admin', $$INSERT INTO holdpoint.admin_event (action, subject) VALUES ('config', 'x')$$),
  ('alice', $$SELECT holdpoint.authorize_asked('c1', 'review', 'alice')$$),
  ('alice', $$SELECT * FROM holdpoint.confirm_reviews()$$),
  ('sink', $$SELECT * FROM holdpoint.confirm_reviews()$$),
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
    ('policy_version'), ('policy_load'), ('admin_event'), ('stop_event')) AS v(relation),
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
  ('TRUNCATE holdpoint.identity'),
  ('TRUNCATE holdpoint.person CASCADE'),
  ('TRUNCATE holdpoint.cluster_config'),
  ('TRUNCATE holdpoint.hold_review'),
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
-- An event that somebody makes up is theirs, and of now; a decision only by who may decide.
SELECT hold_id AS h3 FROM t.ask('{"name": "forged"}') \gset
SELECT t.expect(v.expected, v.login, format($$INSERT INTO holdpoint.hold_event
  (cluster, hold_id, action, state_after, channel, who, person, database_user, client_address, at, program)
  VALUES ('c1', %s, %L, 'approved', %L, 'bob', 'bob', 'bob', '10.0.0.1', '2020-01-01', 'psql')$$, :h3,
  v.action, v.channel), v.login || ' forges ' || v.action || ' by ' || v.channel)
FROM (VALUES
  ('HP010', 'owner', 'approve', 'database'),
  ('HP010', 'owner', 'approve', 'kubernetes'),
  ('HP010', 'owner', 'approve', 'system'),
  ('HP010', 'owner', 'approve', 'webhook'),
  ('HP010', 'owner', 'review', 'kubernetes'),
  ('HP010', 'owner', 'deny', 'database'),
  ('HP010', 'owner', 'withdraw', 'system'),
  ('HP010', 'owner', 'use', 'webhook'),
  ('HP010', 'owner', 'create', 'webhook'),
  ('HP010', 'postgres', 'approve', 'system'),
  ('HP010', 'postgres', 'approve', 'webhook'),
  ('ok', 'owner', 'withdraw', 'database')
) AS v(expected, login, action, channel);
SELECT t.is('owner owner owner t t', concat_ws(' ', who, person, database_user, client_address,
  at > now() - interval '1 minute', program <> 'psql' OR program = current_setting('application_name')),
  'what it says is the session''s')
FROM holdpoint.hold_event WHERE hold_id = :h3 ORDER BY id DESC LIMIT 1;
SELECT t.expect('HP010', 'owner',
  format('UPDATE holdpoint.hold SET state = ''approved'', approvals = 2 WHERE id = %s', :h3),
  'a state that no approval supports');
SELECT t.answer('alice', format('SELECT holdpoint.approve(%s)', :h2)) \g /dev/null
SELECT t.expect('HP010', 'owner',
  format('UPDATE holdpoint.hold SET state = ''approved'', approvals = 2 WHERE id = %s', :h2),
  'one approval is not two');
SELECT t.expect('ok', 'owner', $$INSERT INTO holdpoint.admin_event (at, database_user, client_address,
  action, subject, xid) VALUES ('2020-01-01', 'admin', '10.0.0.1', 'config', 'forged', '1')$$);
SELECT t.is('owner t', concat_ws(' ', database_user, client_address, at > now() - interval '1 minute'),
  'who did what is the session''s too') FROM holdpoint.admin_event WHERE subject = 'forged';
SELECT t.expect('ok', 'owner', $$INSERT INTO holdpoint.policy_version (digest, text, first_loaded_at,
  database_user) VALUES (sha256('forged'), 'x', '2020-01-01', 'wh')$$);
SELECT t.is('owner true', database_user || ' ' || (first_loaded_at > now() - interval '1 minute'),
  'and when policies were loaded') FROM holdpoint.policy_version WHERE digest = sha256('forged');

-- The record of who configured and enrolled cannot be passed by.
SELECT t.expect('alice', 'admin', $$SELECT holdpoint.map_approver('alice', 'alice@example.com')$$);
SELECT t.expect('ok', 'owner', $$DELETE FROM holdpoint.identity WHERE name = 'alice@example.com'$$);
SELECT t.is('admin alice admin alice admin alice owner alice', string_agg(database_user || ' ' || subject,
  ' ' ORDER BY id), 'enrolled and removed')
FROM holdpoint.admin_event WHERE action = 'identity';
SELECT t.expect('ok', 'admin', $$UPDATE holdpoint.config SET denial_stands = '6 minutes'$$);
SELECT t.expect('ok', 'admin', $$INSERT INTO holdpoint.cluster_config VALUES ('c9', 'direct')$$);
SELECT t.is('admin config admin cluster_config', string_agg(database_user || ' ' || subject,
  ' ' ORDER BY id), 'configured') FROM holdpoint.admin_event
WHERE action = 'config' AND database_user = 'admin';

SELECT t.done();
