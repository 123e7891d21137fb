-- SPDX-License-Identifier: Apache-2.0
-- Audit batches: stored once, numbered without gaps; partitions by the day of arrival.

-- `answer` of audit_begin_batch for body `b` with n events, which are then inserted.
CREATE FUNCTION t.batch(cluster text, b text, n int, source text DEFAULT 'api-1',
  at timestamptz DEFAULT now()) RETURNS text
LANGUAGE plpgsql
AS $$
DECLARE
  got record;
BEGIN
  PERFORM set_config('session_authorization', 'sink', true);
  SELECT * INTO got FROM holdpoint.audit_begin_batch(cluster, source, sha256(b::bytea), n, 0, length(b));
  IF NOT got.already_stored THEN
    INSERT INTO holdpoint.audit_event (cluster, seq, source, stage, level, stage_timestamp,
      audit_id, verb, username, masking_version, masked, body, body_nonce, body_digest)
    SELECT batch.cluster, got.first_seq + i, batch.source, 'ResponseComplete', 'Metadata',
      batch.at, b || i, 'get', 'agent', 1, 0, '{"n":' || i || '}', 'n', sha256(b::bytea)
    FROM generate_series(0, n - 1) AS i;
  END IF;
  PERFORM set_config('session_authorization', 'postgres', true);
  RETURN got.first_seq || CASE WHEN got.already_stored THEN ' again' ELSE '' END;
END
$$;

SELECT t.is('1', t.batch('c1', 'b1', 3), 'the first number is 1');
SELECT t.is('4', t.batch('c1', 'b2', 2), 'the next batch goes on');
SELECT t.is('1 again', t.batch('c1', 'b1', 3), 'a retry is not stored');
SELECT t.is('6', t.batch('c1', 'b1', 1, 'api-2'), 'the same bytes from another source are');
SELECT t.is('1', t.batch('c2', 'b1', 1), 'each cluster counts for itself');
SELECT t.is('7', t.batch('c1', 'empty', 0), 'an empty list is a batch too');
SELECT t.is('7 again', t.batch('c1', 'empty', 0), 'stored once as well');
SELECT t.is('7', t.batch('c1', 'b3', 1), 'and takes no number');
SELECT t.is('1,2,3,4,5,6,7', string_agg(seq::text, ',' ORDER BY seq), 'no gaps')
  FROM holdpoint.audit_event WHERE cluster = 'c1';
SELECT t.is('true', bool_and(e.recorded_at = b.recorded_at)::text,
  'events and batch were recorded at the same time')
FROM holdpoint.audit_batch b JOIN holdpoint.audit_event e ON e.cluster = b.cluster
  AND e.source = b.source
  AND e.seq >= b.first_seq AND e.seq < b.first_seq + b.events;

-- A batch that is rolled back leaves neither rows nor a gap.
BEGIN;
SELECT t.batch('c1', 'lost', 5) \g /dev/null
ROLLBACK;
SELECT t.is('8', t.batch('c1', 'after', 1), 'no gap after a rollback');
SELECT t.is('9', t.batch('c1', 'lost', 1), 'and its body can come again');

-- Several bodies in one transaction.
BEGIN;
SELECT t.is('10 12 10 again', t.batch('c1', 'm1', 2) || ' ' || t.batch('c1', 'm2',
  2) || ' ' || t.batch('c1', 'm1', 2), 'several');
COMMIT;

-- Bad arguments.
SELECT t.expect(v.expected, 'sink', v.statement)
FROM (VALUES
  ('23514', $$SELECT holdpoint.audit_begin_batch('', 's', sha256('x'), 1, 0, 1)$$),
  ('23514', $$SELECT holdpoint.audit_begin_batch('c1', '', sha256('x'), 1, 0, 1)$$),
  ('23514', $$SELECT holdpoint.audit_begin_batch('c1', 's', 'short', 1, 0, 1)$$),
  ('23514', $$SELECT holdpoint.audit_begin_batch('c1', 's', sha256('x'), -1, 0, 1)$$),
  ('23502', $$SELECT holdpoint.audit_begin_batch(NULL, 's', sha256('x'), 1, 0, 1)$$),
  ('23502', $$SELECT holdpoint.audit_begin_batch('c1', 's', sha256('x'), NULL, 0, 1)$$)
) AS v(expected, statement);
SELECT t.is('14', t.batch('c1', 'fine', 1), 'none of them took a number');

-- Where rows land: today's partition, whatever the event's own time is.
SELECT t.is(format('holdpoint.audit_event_p%s', to_char(now() AT TIME ZONE 'UTC', 'YYYYMMDD')),
  tableoid::regclass::text, 'today')
FROM holdpoint.audit_event WHERE cluster = 'c1' AND seq = 1;
SELECT t.is('15', t.batch('c1', 'old', 1, at => '1999-01-01'), 'an event far off in time');
SELECT t.is('0', count(*)::text, 'is in no default partition') FROM holdpoint.audit_event_default;

INSERT INTO holdpoint.audit_event (cluster, seq, source, stage, level, stage_timestamp, audit_id,
  masking_version, masked, body, body_digest)
VALUES ('c3', 1, 's', 'Panic', 'Request', now(), 'x', 1, 0, repeat('abcdefgh', 2000), 'd');
SELECT t.is('lz4', pg_column_compression(body), 'bodies are compressed with lz4, in partitions too')
FROM holdpoint.audit_event WHERE cluster = 'c3';

-- Partitions: made ahead, made once, with indexes, triggers and the way rows are moved in.
SELECT t.is('0', holdpoint.ensure_partitions(7)::text, 'nothing to do a second time');
SELECT t.is('3', holdpoint.ensure_partitions(8)::text, 'one day more for each of three tables');
SELECT t.expect('22023', 'sink', 'SELECT holdpoint.ensure_partitions(-1)');
SELECT t.expect('22023', 'sink', 'SELECT holdpoint.ensure_partitions(100000)');
SELECT t.is('true', (count(DISTINCT n) = 1)::text, 'every partition has the same indexes')
FROM (SELECT i.inhrelid, count(x.indexrelid) AS n FROM pg_inherits i LEFT
  JOIN pg_index x ON x.indrelid = i.inhrelid
  WHERE i.inhparent = 'holdpoint.audit_event'::regclass GROUP BY 1) AS p;
INSERT INTO holdpoint.audit_event (cluster, seq, recorded_at, source, stage, level, stage_timestamp,
  audit_id, masking_version, masked, body_digest)
SELECT 'c9', i, '2020-02-03 23:59:59+00'::timestamptz + i * interval '1 second', 's', 'Panic',
  'Metadata', now(), 'x', 1, 0, 'd'
FROM generate_series(0, 1) AS i;
SELECT t.is('2', count(*)::text, 'a day without a partition: nothing fails')
  FROM holdpoint.audit_event_default;
SELECT t.is('2', holdpoint.ensure_partitions(8)::text, 'the two days get theirs');
SELECT t.is('0 holdpoint.audit_event_p20200203 holdpoint.audit_event_p20200204', (SELECT count(*)
  FROM holdpoint.audit_event_default) || ' '
  || string_agg(tableoid::regclass::text, ' ' ORDER BY seq), 'and the rows are moved there')
FROM holdpoint.audit_event WHERE cluster = 'c9';
SELECT t.is('audit_event_default', string_agg(DISTINCT subject, ' '), 'which is recorded')
  FROM holdpoint.admin_event WHERE action = 'partition-move';
SELECT t.expect('HP010', 'owner', s) FROM (VALUES ('TRUNCATE holdpoint.audit_event_p20200203'),
  ('DELETE FROM holdpoint.audit_event_p20200203'),
    ('UPDATE holdpoint.audit_event_p20200203 SET username = ''x''')) AS v(s);

-- Duplicates: the same auditID and stage, with the same or another content.
INSERT INTO holdpoint.audit_event (cluster, seq, source, stage, level, stage_timestamp, audit_id,
  masking_version, masked, body, body_digest)
VALUES ('d', 1, 's', 'RequestReceived', 'Metadata', now(), 'A', 1, 0, '{"a":1}', 'd'),
  ('d', 2, 's', 'ResponseComplete', 'Metadata', now(), 'A', 1, 0, '{"a":2}', 'd'),
  ('d', 3, 's2', 'ResponseComplete', 'Metadata', now(), 'A', 1, 0, '{"a":2}', 'd'),
  ('d', 4, 's', 'ResponseComplete', 'Metadata', now(), 'A', 1, 0, '{"a":3}', 'd'),
  ('e', 1, 's', 'ResponseComplete', 'Metadata', now(), 'A', 1, 0, '{"a":3}', 'd');
SELECT t.expect('3', 'sink', $$SELECT holdpoint.audit_find_duplicates('d', 1, 4)$$);
SELECT t.expect('0', 'sink', $$SELECT holdpoint.audit_find_duplicates('d', 1, 4)$$);
SELECT t.is('3<2:f 4<2:t 4<3:t', string_agg(seq || '<' || earlier_seq || ':' || left(differs::text,
  1), ' ' ORDER BY seq, earlier_seq), 'which, and whether they differ')
FROM holdpoint.audit_duplicate;

SELECT t.done();
