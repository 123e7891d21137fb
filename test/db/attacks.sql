-- SPDX-License-Identifier: Apache-2.0
-- What was tried to get more than an approval gives, by every login; expected verdict first.
SELECT hold_id AS h FROM t.ask('{"name": "a1"}') \gset
SELECT t.expect('42501', v.l, format($$UPDATE holdpoint.hold SET state = 'approved' WHERE id = %s$$, :h)) FROM (VALUES ('wh'),('alice'),('sink'),('auditor'),('admin'),('keeper')) v(l);
SELECT t.expect('42501', v.l, format($$INSERT INTO holdpoint.hold_event (cluster, hold_id, action, channel, who) VALUES ('c1', %s, 'approve', 'database', 'alice')$$, :h)) FROM (VALUES ('wh'),('alice'),('sink'),('auditor'),('admin'),('keeper')) v(l);
SELECT t.expect('42501', v.l, format($$INSERT INTO holdpoint.hold_review (cluster, hold_id, request_uid, action, who, counted) VALUES ('c1', %s, 'x', 'approve', 'sue', true)$$, :h)) FROM (VALUES ('wh'),('alice'),('sink'),('admin')) v(l);
SELECT t.expect('42501', v.l, $$INSERT INTO holdpoint.authorize_note VALUES ('c1','review','sue',now())$$) FROM (VALUES ('sink'),('alice'),('wh'),('admin')) v(l);
SELECT t.expect('42501', 'wh', format($$SELECT holdpoint.approve(%s)$$, :h));
SELECT t.expect('42501', 'wh', format($$SELECT holdpoint.hold_approve(%s, ROW('database','alice',NULL,NULL,NULL)::holdpoint.approver, 'x', NULL)$$, :h));
SELECT t.expect('42501', 'wh', $$SELECT holdpoint.review_count(NULL, NULL)$$);
SELECT t.expect('42501', 'alice', $$SELECT holdpoint.confirm_reviews()$$);
SELECT t.expect('42501', 'sink', $$SELECT holdpoint.confirm_reviews()$$);
SELECT t.expect('42501', 'wh', $$INSERT INTO holdpoint.audit_event (cluster, seq, source, stage, level, stage_timestamp, audit_id, masking_version, masked, body_digest) VALUES ('c1', 1, 's', 'ResponseComplete', 'Metadata', now(), 'a', 1, 0, 'd')$$);
SELECT t.expect('42501', 'wh', $$UPDATE holdpoint.config SET kubernetes_approvals = 'direct'$$);
SELECT t.expect('42501', 'wh', $$SELECT holdpoint.map_approver('agent2', 'agent')$$);
SELECT t.expect('42501', 'alice', $$SET session_replication_role = replica$$);
SELECT t.expect('42501', 'alice', $$ALTER TABLE holdpoint.hold DISABLE TRIGGER ALL$$);
SELECT t.expect('42501', 'alice', $$SET ROLE holdpoint_owner$$);
SELECT t.expect('42501', 'wh', $$CREATE FUNCTION holdpoint.x() RETURNS int LANGUAGE sql AS 'SELECT 1'$$);
SELECT t.expect('HP008', 'alice', format($$SELECT holdpoint.approve(%s, until => 'infinity')$$, :h));
SELECT t.expect('HP008', 'alice', format($$SELECT holdpoint.approve(%s, until => '-infinity')$$, :h));
SELECT t.expect('HP008', 'alice', format($$SELECT holdpoint.approve(%s, uses => 0)$$, :h));
SELECT t.expect('HP008', 'alice', format($$SELECT holdpoint.approve(%s, uses => 2147483647)$$, :h));
SELECT t.expect('HP008', 'alice', format($$SELECT holdpoint.approve(%s, namespace => '')$$, :h));
SELECT t.expect('HP008', 'alice', format($$SELECT holdpoint.approve(%s, name => 'A1')$$, :h));
SELECT t.expect('HP001', 'alice', $$SELECT holdpoint.approve(NULL)$$);
SELECT t.expect('HP001', 'alice', $$SELECT holdpoint.approve(-1)$$);
-- A Window is for what was asked, spelt as it was, on the terms of today's rule.
SELECT hold_id AS w FROM t.ask('{"name": "w1", "grant": "Window", "window": "10 minutes", "max_uses": 5}') \gset
SELECT t.expect('ok', 'alice', format($$SELECT regexp_replace(holdpoint.approve(%s), '^.*$', 'ok')$$, :w));
SELECT t.is(v.e, (SELECT verdict FROM t.ask('{"name": "w1", "grant": "Window", "window": "10 minutes", "max_uses": 5, "change":"other"}'::jsonb || v.o::jsonb)), v.o)
FROM (VALUES ('allow', '{}'),('held','{"name":"W1"}'),('held','{"name":"w1 "}'),('held','{"name":"w1\u200b"}'),('held','{"name":""}'),('held','{"name":"w%"}'),('held','{"name":"w_"}'),
('held','{"namespace":"dev"}'),('held','{"namespace":""}'),('held','{"namespace":"Prod"}'),('held','{"operation":"UPDATE"}'),('held','{"operation":"delete"}'),('held','{"operation":"deletecollection"}'),
('held','{"subresource":"scale"}'),('held','{"resource":"statefulsets"}'),('held','{"resource":"Deployments"}'),('held','{"api_group":"extensions"}'),('held','{"api_group":""}'),
('held','{"user":"agent2"}'),('held','{"user":"Agent"}'),('held','{"cluster":"c2"}'),('held','{"rule":"r2"}'),('held','{"policy":"p2"}'),('held','{"approvers":["security"]}'),('held','{"min":2}'),('held','{"window":"5 minutes"}'),('held','{"max_uses":2}'),('held','{"reason":true}'),('held','{"grant":"Once","window":null,"max_uses":null}')) v(e,o);
-- What an approver narrows to can be said in words.
SELECT hold_id AS l FROM t.ask('{"name": "", "namespace": "", "grant": "Window", "window": "10 minutes", "max_uses": 5, "operation":"list","resource":"secrets","api_group":"", "user":"reader", "scope":"Cluster"}') \gset
SELECT t.expect('HP008', 'alice', format($$SELECT holdpoint.approve(%s, namespace => '')$$, :l));
SELECT t.expect('HP008', 'alice', format($$SELECT holdpoint.approve(%s, name => '')$$, :l));
SELECT t.is('held get, list, watch of secrets in namespace prod', t.answer('alice', format(
  $$SELECT 'held ' || substring(holdpoint.approve(%s, namespace => 'prod') FROM 'Opens: (.*prod),')$$, :l)), 'to one');
SELECT t.is(v.e, (SELECT verdict FROM t.ask('{"name": "", "namespace": "", "grant": "Window", "window": "10 minutes",
  "max_uses": 5, "operation": "list", "resource": "secrets", "api_group": "", "user": "reader", "scope": "Cluster"}'
  ::jsonb || v.o::jsonb)), v.o)
FROM (VALUES ('denied', '{}'), ('held', '{"namespace": "dev"}'), ('allow', '{"namespace": "prod"}'),
  ('allow', '{"namespace": "prod", "operation": "get", "name": "db"}'),
  ('held', '{"namespace": "prod", "operation": "delete", "name": "db"}')) AS v(e, o);

-- Once is one change.
SELECT t.expect('ok', 'alice', format($$SELECT regexp_replace(holdpoint.approve(%s), '^.*$', 'ok')$$, :h));
SELECT t.is('held', (SELECT verdict FROM t.ask('{"name": "a1", "change":"y"}')), 'another change');
SELECT t.is('allow', (SELECT verdict FROM t.ask('{"name": "a1"}')), 'the one');
SELECT t.done();
