-- SPDX-License-Identifier: Apache-2.0
-- Clocks that are off: the database's goes back, the API server's is behind, a webhook's is ahead.

-- back BY: as if the database's clock had gone back by so much since it was last looked at.
CREATE FUNCTION t.back(p_by interval) RETURNS void LANGUAGE sql AS $$
  UPDATE holdpoint.clock_mark SET at = clock_timestamp() + p_by
$$;
CREATE FUNCTION t.observe() RETURNS text LANGUAGE sql AS $$
  SELECT t.answer('wh', 'SELECT holdpoint.observe_clock()')
$$;
\set window '"grant": "Window", "window": "15 minutes", "max_uses": 20'
SELECT format('{"name": "w", %s}', :'window') AS w,
  format('{"name": "q", "question": true, "operation": "get", "resource": "secrets", "api_group": "", %s}',
    :'window') AS q \gset

SELECT t.is('0', t.observe(), 'nothing to end');
SELECT hold_id AS once FROM t.ask('{"name": "once"}') \gset
SELECT hold_id AS used FROM t.ask('{"name": "used"}') \gset
SELECT hold_id AS window FROM t.ask(:'w') \gset
SELECT hold_id AS question FROM t.ask(:'q') \gset
SELECT hold_id AS waits FROM t.ask('{"name": "waits"}') \gset
SELECT t.answer('alice', format('SELECT holdpoint.approve(%s)', h)) FROM (VALUES (:once), (:used), (:window), (:question)) AS v(h) \g /dev/null
SELECT t.is('allow', verdict, 'before') FROM t.ask('{"name": "used"}');
SELECT t.is('allow', verdict, 'before') FROM t.ask(:'w');
SELECT t.is('allow', verdict, 'before') FROM t.ask(:'q');

-- Small steps are what clocks are put right by.
SELECT t.back('4 seconds');
SELECT t.is('allow', verdict, 'a small step') FROM t.ask(:'w');
-- A large one: nothing passes on an approval, and soon they are over.
CREATE FUNCTION t.asked(o jsonb) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  RETURN (SELECT verdict FROM t.ask(o));
EXCEPTION WHEN OTHERS THEN
  PERFORM set_config('session_authorization', 'postgres', true);
  RETURN SQLSTATE;
END
$$;
SELECT t.back('10 minutes');
SELECT t.is('HP019', t.asked('{"name": "once"}'), 'a use');
SELECT t.is('HP019', t.asked(:'w'), 'a window');
SELECT t.is('HP019', t.asked(:'q'), 'a question');
SELECT t.is('held', t.asked('{"name": "waits"}'), 'what waits goes on waiting');
SELECT t.is('held', t.asked('{"name": "new"}'), 'new ones are made');
SELECT t.is('3', t.observe(), 'three were open');
SELECT t.is('withdrawn withdrawn withdrawn used pending', concat_ws(' ', t.state(:once), t.state(:window),
  t.state(:question), t.state(:used), t.state(:waits)), 'ended');
SELECT t.is('the clock of the database went back by 10 minutes while it was approved', decided_reason, 'why')
FROM holdpoint.hold WHERE id = :window;
SELECT t.is('0', t.observe(), 'once');
SELECT t.is('held', t.asked('{"name": "once"}'), 'asked for anew');
SELECT t.answer('alice', format('SELECT holdpoint.approve(%s)', max(id))) FROM holdpoint.hold WHERE name = 'once' \g /dev/null
SELECT t.is('allow', t.asked('{"name": "once"}'), 'and what is approved from then on passes');
-- What was let through "later than now" does not repeat itself.
SELECT t.age(:used, '-3 minutes');
SELECT t.is('held', t.asked('{"name": "used"}'), 'no repeat');
-- Others may not move the mark.
SELECT t.expect('42501', v.l, 'SELECT holdpoint.observe_clock()') FROM (VALUES ('alice'), ('sink'), ('auditor')) AS v(l);
SELECT t.expect('42501', v.l, 'UPDATE holdpoint.clock_mark SET at = now()') FROM (VALUES ('alice'), ('sink'), ('wh')) AS v(l);

-- An API server whose clock is off: its uses are counted all the same.
CREATE FUNCTION t.read(p_source text, p_name text, p_off interval) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  at timestamptz := clock_timestamp() + p_off;
  us bigint := (extract(epoch FROM at) * 1000000)::bigint;
BEGIN
  INSERT INTO holdpoint.audit_event (cluster, seq, source, stage, level, stage_timestamp, received_timestamp,
    audit_id, verb, username, resource, namespace, name, code, masking_version, masked, body_digest)
  SELECT 'c1', b.first_seq, p_source, 'ResponseComplete', 'Metadata', at, at, 'a' || b.first_seq, 'get', 'agent',
    'secrets', 'prod', p_name, 200, 1, 0, '\x00'
  FROM holdpoint.audit_begin_batch('c1', p_source, sha256(gen_random_uuid()::text::bytea), 1, 0, 1, NULL, us, us) AS b;
END
$$;
-- used BY NAME OFF: how many uses are seen of two reads, right after an approval of two.
CREATE FUNCTION t.seen(p_source text, p_name text, p_off interval) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  h bigint := (SELECT hold_id FROM t.ask(jsonb_build_object('name', p_name, 'question', true, 'operation', 'get',
    'resource', 'secrets', 'api_group', '', 'grant', 'Window', 'window', '15 minutes', 'max_uses', 2)));
BEGIN
  PERFORM t.answer('alice', format('SELECT holdpoint.approve(%s)', h));
  PERFORM t.read(p_source, p_name, p_off), t.read(p_source, p_name, p_off);
  PERFORM t.answer('wh', 'SELECT holdpoint.observe_uses()');
  RETURN (SELECT state || ' ' || uses FROM holdpoint.hold WHERE id = h);
END
$$;
SELECT t.seen('api-right', 's0', '0') \g /dev/null
SELECT t.is('used 2', t.seen('api-right', 's1', '0'), 'a right clock');
SELECT t.is('used 2', t.seen('api-behind', 's2', '-4 minutes'), 'a clock behind');
SELECT t.is('used 2', t.seen('api-ahead', 's3', '14 minutes 30 seconds'), 'a clock ahead');
-- One late event of a source that is right is not taken for a use; nor are logs that are imported.
SELECT t.is('approved 0', t.seen('api-right', 's4', '-4 minutes'), 'what happened before');
SELECT t.is('approved 0', t.seen('import', 's5', '-2 hours'), 'a log');

-- A webhook says what time it is there.
SELECT t.answer('wh', format($$SELECT holdpoint.guard_report('c1', 'pod', '{"clockMs": %s}')$$,
  (extract(epoch FROM clock_timestamp() + interval '3 minutes') * 1000)::bigint)) \g /dev/null
SELECT t.is('true', (clock_off_ms BETWEEN 175000 AND 180000)::text, 'how far it is ahead') FROM holdpoint.guard_instance;
SELECT t.done();
