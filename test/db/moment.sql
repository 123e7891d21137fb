-- SPDX-License-Identifier: Apache-2.0
-- A decision is of the moment in which it is made.

SELECT hold_id AS h FROM t.ask('{"name": "m1"}') \gset
SELECT hold_id AS other FROM t.ask('{"name": "m2", "approvers": ["security"]}') \gset
-- A transaction that sees the past decides nothing, whatever has been revoked since it began.
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT t.expect('HP018', 'alice', format('SELECT holdpoint.approve(%s)', :h), 'approve in the past');
SELECT t.expect('HP018', 'alice', format('SELECT holdpoint.deny(%s)', :h), 'deny in the past');
SELECT t.expect('HP018', 'alice', format('SELECT holdpoint.withdraw(%s)', :h), 'withdraw in the past');
SELECT t.expect('HP018', 'wh', format($$SELECT holdpoint.approve_as_kubernetes('c1', %s, 'sue', '{sre}', 'u')$$, :h));
COMMIT;
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT t.expect('HP018', 'alice', format('SELECT holdpoint.approve(%s)', :h), 'approve serializably');
COMMIT;
BEGIN ISOLATION LEVEL READ UNCOMMITTED;
SELECT t.expect('HP003', 'alice', format('SELECT holdpoint.approve(%s)', :other), 'not an approver');
COMMIT;
SELECT t.is('pending', t.state(:h), 'nothing was decided');
SELECT t.expect('ok', 'alice', format($$SELECT regexp_replace(holdpoint.approve(%s), '^.*$', 'ok')$$, :h));
SELECT t.done();
