-- SPDX-License-Identifier: Apache-2.0
-- What goes leaves a record, and only what is old goes.

SET session_replication_role = replica; -- what is old was new once
INSERT INTO holdpoint.audit_cluster_seq (cluster) VALUES ('c1');
INSERT INTO holdpoint.audit_event (cluster, seq, recorded_at, source, stage, level, stage_timestamp,
  audit_id, masking_version, masked, body, body_nonce, body_digest)
SELECT 'c1', i, date_trunc('day', now(), 'UTC') + interval '1 hour' - (10 - i) * interval '1 day',
  's', 'Panic', 'Metadata', now(), 'x', 1, 0, '{"i":1}', 'nonce', 'digest'
FROM generate_series(1, 10) AS i;
INSERT INTO holdpoint.audit_batch (cluster, source, sha256, first_seq, events, quarantined,
  size_bytes, recorded_at)
SELECT cluster, 's', sha256(seq::text::bytea), seq, 1, 0, 1, recorded_at FROM holdpoint.audit_event;
INSERT INTO holdpoint.decision (cluster, recorded_at, decision_id, time, endpoint, username,
  operation, action, allowed, answer)
VALUES ('c1', now() - interval '400 days', gen_random_uuid(), now(), 'validate', 'agent', 'DELETE',
  'Deny', false, 'denied');
SET session_replication_role = origin;
SELECT holdpoint.ensure_partitions(1) \g /dev/null

SELECT t.is('0', count(*)::text, 'nothing is 401 days old')
  FROM holdpoint.retention_plan('401 days');
SELECT t.is('decision 1', string_agg(relation || ' 1', ','), 'a decision is')
  FROM holdpoint.retention_plan('399 days');
SELECT t.is('6 1', (count(*) FILTER (WHERE relation = 'audit_event')) || ' '
  || (count(*) FILTER (WHERE relation = 'decision')), 'plan')
FROM holdpoint.retention_plan('3 days');
SELECT t.is('10', count(*)::text, 'a plan drops nothing') FROM holdpoint.audit_event;
SELECT t.expect(v.expected, v.login, v.statement)
FROM (VALUES
  ('22023', 'keeper', $$SELECT holdpoint.retention_run('1 hour')$$),
  ('22023', 'keeper', $$SELECT holdpoint.retention_run(NULL)$$),
  ('22023', 'keeper', $$SELECT holdpoint.retention_run('-5 days')$$),
  ('7', 'keeper', $$SELECT count(*) FROM holdpoint.retention_run('3 days', 'policy 12')$$),
  ('0', 'keeper', $$SELECT count(*) FROM holdpoint.retention_run('3 days', 'policy 12')$$)
) AS v(expected, login, statement);
SELECT t.is('7,8,9,10', string_agg(seq::text, ',' ORDER BY seq), 'what is younger stays')
  FROM holdpoint.audit_event;
SELECT t.is('7,8,9,10', string_agg(first_seq::text, ',' ORDER BY first_seq),
  'keys go with their events') FROM holdpoint.audit_batch;
SELECT t.is('audit_batch audit_event audit_event audit_event audit_event audit_event audit_event decision',
  string_agg(subject, ' ' ORDER BY subject), 'recorded') FROM holdpoint.admin_event
    WHERE action = 'retention';
SELECT t.is('keeper 1 1 1 policy 12', concat_ws(' ', database_user,
  detail->'clusters'->'c1'->>'rows', detail->'clusters'->'c1'->>'first_seq',
    detail->'clusters'->'c1'->>'last_seq', detail->>'reason'),
  'by whom, which numbers, why') FROM holdpoint.admin_event
    WHERE subject = 'audit_event' ORDER BY id LIMIT 1;
SELECT t.is('6', detail->>'rows', 'how many keys') FROM holdpoint.admin_event
  WHERE subject = 'audit_batch';

-- Erasing one body keeps the row and its digest; nothing else of the row can go along.
SELECT t.expect(v.expected, 'keeper', v.statement)
FROM (VALUES
  ('HP005', $$SELECT holdpoint.erase_event_body('c1', 8, ' ')$$),
  ('HP012', $$SELECT holdpoint.erase_event_body('c1', 1, 'gone already')$$),
  ('HP012', $$SELECT holdpoint.erase_event_body('c2', 8, 'another cluster')$$),
  ('true', $$SELECT holdpoint.erase_event_body('c1', 8, 'GDPR request 4')$$),
  ('HP012', $$SELECT holdpoint.erase_event_body('c1', 8, 'again')$$)
) AS v(expected, statement);
SELECT t.is('t t digest t', concat_ws(' ', left((body IS NULL)::text, 1),
  left((body_nonce IS NULL)::text, 1), convert_from(body_digest, 'UTF8'),
    left((erased_at IS NOT NULL)::text, 1)), 'erased')
FROM holdpoint.audit_event WHERE seq = 8;
SELECT t.is('3', count(body)::text, 'no other body') FROM holdpoint.audit_event;
SELECT t.is('keeper GDPR request 4', string_agg(database_user || ' ' || (detail->>'reason'), ','),
  'recorded') FROM holdpoint.admin_event WHERE action = 'erase';
SELECT t.expect(v.expected, 'owner', format($x$DO $do$ BEGIN
  INSERT INTO holdpoint.admin_event (action, subject) VALUES ('erase', 'audit_event');
  UPDATE holdpoint.audit_event SET %s WHERE seq = 9; END $do$$x$, v.assignments), v.assignments)
FROM (VALUES
  ('HP010', 'body = NULL, body_nonce = NULL, erased_at = now(), username = ''x'''),
  ('HP010', 'body = NULL, body_nonce = NULL'),
  ('HP010', 'body = ''{}'', body_nonce = NULL, erased_at = now()'),
  ('HP010', 'username = ''x'''),
  ('ok', 'body = NULL, body_nonce = NULL, erased_at = now()')
) AS v(expected, assignments);

SELECT t.done();
