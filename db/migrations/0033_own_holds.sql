-- SPDX-License-Identifier: Apache-2.0
-- What a requester may know and say of holds of their own: their state, and why they ask.

SET LOCAL ROLE holdpoint_owner;
SET LOCAL search_path = pg_catalog, holdpoint, pg_temp;

ALTER TABLE holdpoint.hold_event DROP CONSTRAINT hold_event_action_check,
  ADD CONSTRAINT hold_event_action_check CHECK (action IN ('create', 'review', 'approve', 'refuse',
    'deny', 'withdraw', 'use', 'repeat', 'expire', 'comment'));
COMMENT ON COLUMN holdpoint.hold_event.action IS
  'create, review (an approval that the audit event has yet to confirm), approve, refuse (of such a '
  'review), deny, withdraw, use, repeat (of what was used just before), expire or comment (the '
  'requester''s own words, in reason).';

-- What the requester says of it, in order.
CREATE FUNCTION holdpoint.hold_comments(h holdpoint.hold) RETURNS text[]
LANGUAGE sql STABLE SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
  SELECT ARRAY(SELECT e.reason FROM holdpoint.hold_event e
    WHERE e.cluster = h.cluster AND e.hold_id = h.id AND e.action = 'comment' ORDER BY e.id)
$$;
COMMENT ON FUNCTION holdpoint.hold_comments IS 'What the requester of a hold says of it, in order.';

-- One of one's own: whether there is another one of this number is not theirs to know.
CREATE FUNCTION holdpoint.hold_of(p_cluster text, p_hold_id bigint, p_username text)
RETURNS holdpoint.hold
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
DECLARE
  h holdpoint.hold;
BEGIN
  SELECT * INTO h FROM holdpoint.hold o
  WHERE o.id = p_hold_id AND o.cluster = p_cluster AND o.username = p_username;
  IF h.id IS NULL THEN
    RAISE EXCEPTION 'no hold % of yours in cluster %', p_hold_id, p_cluster USING ERRCODE = 'HP001';
  END IF;
  RETURN h;
END
$$;

-- What is to be done next, for programs: wait_again, repeat_unchanged or stop.
CREATE FUNCTION holdpoint.hold_next_step(p_state text) RETURNS text
LANGUAGE sql IMMUTABLE
BEGIN ATOMIC
  SELECT CASE p_state WHEN 'pending' THEN 'wait_again' WHEN 'approved' THEN 'repeat_unchanged'
    ELSE 'stop' END;
END;

CREATE FUNCTION holdpoint.status_as_kubernetes(p_cluster text, p_username text, p_groups text[],
  p_request_uid text, p_hold_id bigint) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
DECLARE
  a holdpoint.approver :=
    holdpoint.kubernetes_approver(p_cluster, p_username, p_groups, p_request_uid);
  h holdpoint.hold := holdpoint.hold_of(p_cluster, p_hold_id, a.who);
  at timestamptz := statement_timestamp();
  state text := holdpoint.hold_state(h, at);
BEGIN
  RETURN jsonb_build_object('more', false, 'holds', jsonb_build_array(holdpoint.hold_summary(h)
    || jsonb_build_object('state', state, 'nextStep', holdpoint.hold_next_step(state),
      'message', left(h.message, 1024), 'name', left(h.name, 253),
      'attempts', holdpoint.hold_attempts(h), 'comments', to_jsonb(holdpoint.hold_comments(h)),
      'ageSeconds', extract(epoch FROM at - h.created_at)::bigint,
      'expiresInSeconds', extract(epoch FROM h.expires_at - at)::bigint)));
END
$$;
COMMENT ON FUNCTION holdpoint.status_as_kubernetes IS
  'One hold of this user''s own, in whatever state: {holds: [it], more: false}; nextStep says what to '
  'do: wait_again, repeat_unchanged or stop.';

CREATE FUNCTION holdpoint.comment_as_kubernetes(p_cluster text, p_hold_id bigint, p_username text,
  p_groups text[], p_request_uid text, p_text text) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
DECLARE
  a holdpoint.approver :=
    holdpoint.kubernetes_approver(p_cluster, p_username, p_groups, p_request_uid);
  h holdpoint.hold := holdpoint.hold_of(p_cluster, p_hold_id, a.who);
  e holdpoint.hold_event;
BEGIN
  IF coalesce(btrim(p_text, E' \t\r\n'), '') = '' OR length(p_text) > 500 THEN
    RAISE EXCEPTION 'a comment has 1 to 500 characters' USING ERRCODE = 'invalid_parameter_value';
  END IF;
  h := holdpoint.hold_lock(p_hold_id, a);
  IF NOT holdpoint.is_repeated_review(h, a, 'comment') THEN
    PERFORM holdpoint.hold_check_state(h, 'pending');
    IF cardinality(holdpoint.hold_comments(h)) >= 20 THEN
      RAISE EXCEPTION 'hold %: 20 comments are enough', h.id USING ERRCODE = 'HP008';
    END IF;
    e := holdpoint.hold_event_of('comment', a, p_text, h.cluster);
    INSERT INTO holdpoint.hold_event (cluster, hold_id, action, state_after, channel, who, person,
      groups, reason, request_uid)
    VALUES (h.cluster, h.id, e.action, h.state, e.channel, e.who, e.person, e.groups, e.reason,
      e.request_uid);
  END IF;
  RETURN format('hold %s: approvers see your comment; it still waits for %s', h.id,
    holdpoint.hold_approver_names(h));
END
$$;
COMMENT ON FUNCTION holdpoint.comment_as_kubernetes IS
  'Adds the requester''s own words to a hold of theirs, as the API server authenticated them.';

-- An approver who looks at one hold sees them.
ALTER FUNCTION holdpoint.holds_as_kubernetes(text, text, text[], text, bigint, int)
  RENAME TO holds_without_comments;
REVOKE EXECUTE ON FUNCTION holdpoint.holds_without_comments FROM holdpoint_webhook;
COMMENT ON FUNCTION holdpoint.holds_without_comments IS
  'holds_as_kubernetes, without what requesters say.';
CREATE FUNCTION holdpoint.holds_as_kubernetes(p_cluster text, p_username text, p_groups text[],
  p_request_uid text, p_hold_id bigint DEFAULT NULL, p_limit int DEFAULT 100) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
DECLARE
  found_holds jsonb := holdpoint.holds_without_comments(p_cluster, p_username, p_groups,
    p_request_uid, p_hold_id, p_limit);
BEGIN
  IF p_hold_id IS NOT NULL AND found_holds @? '$.holds[0]' THEN
    found_holds := jsonb_set(found_holds, '{holds,0,comments}', (SELECT
      to_jsonb(holdpoint.hold_comments(h)) FROM holdpoint.hold h
      WHERE h.cluster = p_cluster AND h.id = p_hold_id));
  END IF;
  RETURN found_holds;
END
$$;
COMMENT ON FUNCTION holdpoint.holds_as_kubernetes IS
  'The pending holds that this user of the API server may decide: {holds: [...], more}; asked for '
  'one, also its comments, and what became of their latest approval of it: review: {state, why, '
  'counted, holdState}.';

GRANT EXECUTE ON FUNCTION holdpoint.hold_comments(holdpoint.hold)
  TO holdpoint_approver, holdpoint_auditor;
GRANT EXECUTE ON FUNCTION holdpoint.status_as_kubernetes, holdpoint.comment_as_kubernetes,
  holdpoint.holds_as_kubernetes TO holdpoint_webhook;
