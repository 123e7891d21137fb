-- SPDX-License-Identifier: Apache-2.0
-- What the .sql tests are written with. Expected verdict first:
--   SELECT t.is('held', verdict, 'why') FROM t.ask('{"name": "web"}');
--   SELECT t.expect('HP003', 'mallory', 'SELECT holdpoint.approve(1)', 'why');
-- A statement's answer is its first column, 'ok' when it has no row, its SQLSTATE when it fails.

SET client_min_messages = warning;
CREATE SCHEMA t;
CREATE TABLE t.checked (id int GENERATED ALWAYS AS IDENTITY, failed text);

CREATE FUNCTION t.is(expected text, got text, what text) RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
  INSERT INTO t.checked (failed) VALUES (CASE WHEN got IS DISTINCT FROM expected
    THEN format('%s: expected %L, got %L', what, expected, got) END);
END
$$;

CREATE FUNCTION t.answer(login text, statement text) RETURNS text
LANGUAGE plpgsql
AS $$
DECLARE
  got record;
  rows bigint;
  answer text;
BEGIN
  PERFORM set_config('session_authorization', login, true);
  IF statement ~* '^\s*(SELECT|WITH|TABLE)' THEN
    FOR got IN EXECUTE statement LOOP
      answer := (SELECT value FROM json_each_text(row_to_json(got)) LIMIT 1);
      EXIT;
    END LOOP;
  ELSE
    EXECUTE statement;
  END IF;
  PERFORM set_config('session_authorization', 'postgres', true);
  RETURN coalesce(answer, 'ok');
EXCEPTION WHEN OTHERS THEN
  RETURN SQLSTATE;
END
$$;

CREATE FUNCTION t.expect(expected text, login text, statement text, what text DEFAULT NULL)
RETURNS void
LANGUAGE sql
AS $$
  SELECT t.is(expected, t.answer(login, statement),
    coalesce(what, login || ': ' || statement))
$$;

-- hold_find_or_create as the webhook, with what `overrides` says other than usual.
CREATE FUNCTION t.ask(overrides jsonb DEFAULT '{}') RETURNS SETOF holdpoint.hold_answer
LANGUAGE plpgsql
AS $$
DECLARE
  a jsonb := '{"cluster": "c1", "change": "x", "user": "agent", "groups": ["ai"],
    "operation": "DELETE", "api_group": "apps", "resource": "deployments",
    "subresource": "", "namespace": "prod", "name": "web", "policy": "agents",
    "rule": "deletes", "approvers": ["sre"], "min": 1, "reason": false,
    "expires": "1 hour", "grant": "Once", "dry_run": false, "uid": "uid-1"}'::jsonb
    || overrides;
  answer holdpoint.hold_answer;
BEGIN
  PERFORM set_config('session_authorization', 'wh', true);
  answer := holdpoint.hold_find_or_create(
    p_cluster => a->>'cluster',
    p_fingerprint => sha256(convert_to(concat_ws('|', a->>'cluster', a->>'user',
      a->>'operation', a->>'api_group', a->>'resource', a->>'subresource', a->>'namespace',
      a->>'name', a->>'change', a->>'selectors'), 'UTF8')),
    p_username => a->>'user',
    p_groups => ARRAY(SELECT jsonb_array_elements_text(a->'groups')),
    p_operation => a->>'operation', p_api_group => a->>'api_group', p_api_version => 'v1',
    p_resource => a->>'resource', p_subresource => a->>'subresource',
    p_namespace => a->>'namespace', p_name => a->>'name',
    p_policy => a->>'policy', p_rule => a->>'rule', p_policy_digest => NULL,
    p_message => 'needs a human', p_change => a->>'change',
    p_approvers => ARRAY(SELECT jsonb_array_elements_text(a->'approvers')),
    p_min_approvals => (a->>'min')::int, p_require_reason => (a->>'reason')::boolean,
    p_expires => (a->>'expires')::interval, p_grant => a->>'grant',
    p_window => (a->>'window')::interval, p_max_uses => (a->>'max_uses')::int,
    p_dry_run => (a->>'dry_run')::boolean, p_request_uid => a->>'uid',
    p_max_repeats => (a->>'max_repeats')::int, p_rules => nullif(a->'rules', 'null'),
    p_scope => a->>'scope', p_allow_window => (a->>'allow_window')::interval,
    p_allow_uses => (a->>'allow_uses')::int, p_gives_out => (a->>'gives_out')::boolean,
    p_selectors => sha256(convert_to(a->>'selectors', 'UTF8')),
    p_is_question => (a->>'question')::boolean, p_change_unseen => a->>'unseen');
  PERFORM set_config('session_authorization', 'postgres', true);
  RETURN NEXT answer;
END
$$;

-- Approvals by HoldReviews of these users count at once: as an administrator may say, and as if
-- /authorize had been asked about each.
CREATE FUNCTION t.direct(VARIADIC names text[]) RETURNS void
LANGUAGE sql
AS $$
  UPDATE holdpoint.config SET kubernetes_approvals = 'direct';
  INSERT INTO holdpoint.authorize_note (cluster, kind, username, at)
  SELECT 'c1', 'review', n, now() + interval '1 day' FROM unnest(names) AS n
$$;

-- Makes a hold, and its events, older than it is.
CREATE FUNCTION t.age(p_hold bigint, p_by interval) RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
  PERFORM set_config('session_replication_role', 'replica', true);
  UPDATE holdpoint.hold SET created_at = created_at - p_by, expires_at = expires_at - p_by,
    approved_at = approved_at - p_by, ended_at = ended_at - p_by
  WHERE id = p_hold;
  UPDATE holdpoint.hold_event SET at = at - p_by WHERE hold_id = p_hold;
  UPDATE holdpoint.hold_review SET at = at - p_by WHERE hold_id = p_hold;
  PERFORM set_config('session_replication_role', 'origin', true);
END
$$;

CREATE FUNCTION t.state(p_hold bigint) RETURNS text
LANGUAGE sql
AS $$ SELECT state FROM holdpoint.hold WHERE id = p_hold $$;

-- The steps of a hold, in order.
CREATE FUNCTION t.steps(p_hold bigint) RETURNS text
LANGUAGE sql
AS $$
  SELECT string_agg(action || ':' || who, ' ' ORDER BY id) FROM holdpoint.hold_event
  WHERE hold_id = p_hold
$$;

CREATE FUNCTION t.done() RETURNS text
LANGUAGE plpgsql
AS $$
DECLARE
  failed text := (SELECT string_agg('  ' || c.failed, E'\n' ORDER BY c.id) FROM t.checked c);
BEGIN
  IF failed IS NOT NULL THEN
    RAISE EXCEPTION E'failed checks:\n%', failed;
  END IF;
  RETURN format('all %s checks passed', (SELECT count(*) FROM t.checked));
END
$$;

CREATE ROLE sre;
CREATE ROLE security;
CREATE ROLE wh LOGIN IN ROLE holdpoint_webhook;
CREATE ROLE sink LOGIN IN ROLE holdpoint_auditsink;
CREATE ROLE auditor LOGIN IN ROLE holdpoint_auditor;
CREATE ROLE owner LOGIN IN ROLE holdpoint_owner;
CREATE ROLE admin LOGIN IN ROLE holdpoint_admin;
CREATE ROLE keeper LOGIN IN ROLE holdpoint_retention;
CREATE ROLE alice LOGIN IN ROLE holdpoint_approver, sre;
CREATE ROLE bob LOGIN IN ROLE holdpoint_approver, sre;
CREATE ROLE carol LOGIN IN ROLE holdpoint_approver, security;
CREATE ROLE dave LOGIN IN ROLE sre; -- of the group, but no approver
CREATE ROLE mallory LOGIN;
