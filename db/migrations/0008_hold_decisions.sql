-- SPDX-License-Identifier: Apache-2.0
-- The human side of a hold: approve, deny, withdraw.
--
-- Two channels. In `database` the approver is the login (session_user), whom PostgreSQL has
-- authenticated by password, certificate, LDAP, GSSAPI …; what they may is decided by role
-- membership. In `kubernetes` the approver is the creator of a HoldReview, whom the API server has
-- authenticated, and the webhook passes on what the API server told it.
--
-- Threat: who holds the webhook's login could claim a HoldReview that nobody made. Such a login
-- cannot call approve() or deny(), and is no group's member, so it can decide in its own name
-- nothing at all. What it claims in somebody else's is bounded and shows:
--   * config.kubernetes_approvals limits the channel to enrolled usernames ('mapped'), or closes
--     it ('off');
--   * a claim carries the review's request uid, is kept with the login and address it came from,
--     counts once, and only for a hold of the cluster it names;
--   * requester ≠ approver and "different people" are decided here, over both channels;
--   * the API server reports the HoldReview's creation to the audit sink, on a path and under a
--     login of its own: an approval without that event shows in holdpoint.uncorroborated_approvals.
-- An intruder in the webhook can let requests pass without any approval, since the webhook is what
-- decides; what must not be possible is to make that look signed off.

SET LOCAL ROLE holdpoint_owner;
SET LOCAL search_path = pg_catalog, holdpoint, pg_temp;

-- Who decides, and how they narrow.
CREATE TYPE holdpoint.approver AS (
  channel text,
  who text,
  groups text[],
  cluster text,
  request_uid text
);
CREATE TYPE holdpoint.narrowing AS (
  until timestamptz,
  uses int,
  namespace text,
  name text,
  alike boolean
);

CREATE FUNCTION holdpoint.is_mapped(p_kind text, p_name text, p_cluster text) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
  SELECT EXISTS (SELECT FROM holdpoint.approver_identity i
    WHERE i.kind = p_kind AND i.name = p_name AND i.cluster IN ('', p_cluster))
$$;

-- Whose name this is. A name that is enrolled in another spelling is that person's; somebody not
-- enrolled at all is taken for the person of that name: two names that could be one person count as
-- one.
CREATE FUNCTION holdpoint.person_of(p_kind text, p_name text, p_cluster text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
  SELECT holdpoint.spelling(coalesce((SELECT i.person FROM holdpoint.approver_identity i
    WHERE i.kind = p_kind AND holdpoint.spelling(i.name) = holdpoint.spelling(p_name)
      AND i.cluster IN ('', p_cluster)
    ORDER BY i.name = p_name DESC, i.cluster DESC, i.name LIMIT 1), p_name))
$$;

-- Whether we know somebody's name in the other channel too. Only then does another name there
-- belong to somebody else. Enrolled in another spelling is not known: it may be a namesake.
CREATE FUNCTION holdpoint.is_known_in_both(p_kind text, p_name text, p_cluster text)
RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
  SELECT count(DISTINCT i.kind) = 2 FROM holdpoint.approver_identity i
  WHERE holdpoint.is_mapped(p_kind, p_name, p_cluster)
    AND holdpoint.spelling(i.person) = holdpoint.person_of(p_kind, p_name, p_cluster)
    AND i.cluster IN ('', p_cluster)
$$;

-- A decision that is not committed keeps the hold in hand. So a session that has one and sleeps on it
-- is ended after half a minute, whatever its login has set, and its decision with it.
CREATE FUNCTION holdpoint.end_open_decision_soon() RETURNS void
LANGUAGE sql SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
  SELECT set_config('idle_in_transaction_session_timeout', '30s', true)
  FROM pg_settings s WHERE s.name = 'idle_in_transaction_session_timeout'
    AND s.setting::int NOT BETWEEN 1 AND 30000
$$;

CREATE FUNCTION holdpoint.hold_lock(p_hold_id bigint, a holdpoint.approver) RETURNS holdpoint.hold
LANGUAGE plpgsql SET search_path = pg_catalog, holdpoint, pg_temp SET lock_timeout = '1s'
AS $$
DECLARE
  h holdpoint.hold;
BEGIN
  PERFORM holdpoint.end_open_decision_soon();
  BEGIN
    SELECT * INTO h FROM holdpoint.hold o WHERE o.id = p_hold_id FOR NO KEY UPDATE;
  EXCEPTION WHEN lock_not_available THEN
    RAISE EXCEPTION 'hold %: somebody else is deciding on it at this moment', p_hold_id
      USING ERRCODE = 'HP013', HINT = 'Their transaction is not committed. Try again.';
  END;
  IF h.id IS NULL THEN
    RAISE EXCEPTION 'no hold %', coalesce(p_hold_id::text, '(null)')
      USING ERRCODE = 'HP001', HINT = 'SELECT * FROM holdpoint.pending_holds;';
  END IF;
  IF h.cluster <> a.cluster THEN
    RAISE EXCEPTION 'no hold % in cluster %', p_hold_id, a.cluster
      USING ERRCODE = 'HP001';
  END IF;
  RETURN h;
END
$$;

CREATE FUNCTION holdpoint.hold_check_channel(h holdpoint.hold, a holdpoint.approver) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
DECLARE
  rule text := (SELECT CASE a.channel WHEN 'database' THEN c.database_approvals
    ELSE c.kubernetes_approvals END FROM holdpoint.config c);
BEGIN
  IF rule IS DISTINCT FROM 'any' AND rule IS DISTINCT FROM 'mapped' THEN
    RAISE EXCEPTION 'hold %: deciding through % is switched off here', h.id, a.channel
      USING ERRCODE = 'HP009';
  END IF;
  IF rule = 'mapped' AND NOT holdpoint.is_mapped(a.channel, a.who, h.cluster) THEN
    RAISE EXCEPTION 'hold %: % is not enrolled as an approver', h.id, a.who
      USING ERRCODE = 'HP009',
      HINT = 'An administrator enrols with holdpoint.map_approver().';
  END IF;
END
$$;

-- A hold that names no groups may be decided by any approver: any login that was granted
-- holdpoint_approver, any Kubernetes user who is enrolled (being allowed to create HoldReviews is
-- not enough: cluster administrators of any kind are).
CREATE FUNCTION holdpoint.is_approver_of(approvers text[], a holdpoint.approver, p_cluster text)
RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
  SELECT CASE
    WHEN a.channel = 'database' THEN
      holdpoint.is_group_member(ARRAY['holdpoint_approver'])
      AND (cardinality(approvers) = 0 OR holdpoint.is_group_member(approvers))
    WHEN cardinality(approvers) = 0 THEN
      holdpoint.is_mapped('kubernetes', a.who, p_cluster)
    ELSE coalesce(approvers && a.groups, false) END
$$;

CREATE FUNCTION holdpoint.is_approver(h holdpoint.hold, a holdpoint.approver) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
  SELECT holdpoint.is_approver_of(h.approvers, a, h.cluster)
$$;

-- For which of several rules somebody's approval counts: those whose groups they are in. Who counts
-- for one that names groups is an approver, and counts for those that ask for any approver.
CREATE FUNCTION holdpoint.hold_counts_for(h holdpoint.hold, a holdpoint.approver) RETURNS int[]
LANGUAGE sql STABLE SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
  WITH r AS (SELECT number, cardinality(approvers) > 0 AS named,
      holdpoint.is_approver_of(approvers, a, h.cluster) AS is_one
    FROM holdpoint.hold_rules(h))
  SELECT ARRAY(SELECT r.number FROM r
    WHERE r.is_one OR NOT r.named AND EXISTS (SELECT FROM r AS o WHERE o.named AND o.is_one)
    ORDER BY r.number)
$$;

CREATE FUNCTION holdpoint.hold_check_approver(h holdpoint.hold, a holdpoint.approver) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
BEGIN
  PERFORM holdpoint.hold_check_channel(h, a);
  IF NOT holdpoint.is_approver(h, a) THEN
    RAISE EXCEPTION 'hold %: % is not among its approvers (%)', h.id, a.who,
      CASE WHEN cardinality(h.approvers) > 0
        THEN 'groups ' || array_to_string(h.approvers, ', ')
        ELSE 'any enrolled approver' END
      USING ERRCODE = 'HP003';
  END IF;
  IF holdpoint.person_of(a.channel, a.who, h.cluster)
    = holdpoint.person_of('kubernetes', h.username, h.cluster) THEN
    RAISE EXCEPTION 'hold %: % asked for it and cannot decide on it', h.id, a.who
      USING ERRCODE = 'HP004', HINT = 'Another approver must. To take it back: withdraw.';
  END IF;
END
$$;

-- Refuses unless the hold is in one of `states`, and says what became of it.
CREATE FUNCTION holdpoint.hold_check_state(h holdpoint.hold, VARIADIC states text[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
DECLARE
  state text := holdpoint.hold_state(h, clock_timestamp());
  since timestamptz := CASE WHEN state IN ('expired', 'used') AND h.ended_at IS NULL
    THEN h.expires_at ELSE coalesce(h.ended_at, h.approved_at) END;
BEGIN
  IF state = ANY(states) THEN
    RETURN;
  END IF;
  RAISE EXCEPTION 'hold % is not pending: % % ago%', h.id, state,
    justify_interval(date_trunc('second', clock_timestamp() - since)),
    CASE WHEN state IN ('approved', 'denied', 'withdrawn')
      THEN coalesce(' by ' || h.decided_by, '') ELSE '' END
    USING ERRCODE = 'HP002', HINT = CASE WHEN state = 'approved'
      THEN 'Nothing is left to do: the requester can repeat the request.'
      ELSE 'When the requester repeats the request, a new hold is made.' END;
END
$$;

CREATE FUNCTION holdpoint.hold_check_reason(h holdpoint.hold, reason text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
BEGIN
  IF h.require_reason AND coalesce(btrim(reason, E' \t\r\n'), '') = '' THEN
    RAISE EXCEPTION 'hold %: a reason is required', h.id USING ERRCODE = 'HP005';
  END IF;
  IF octet_length(reason) > 4096 THEN
    RAISE EXCEPTION 'hold %: the reason has % bytes, at most 4096 are kept', h.id,
      octet_length(reason) USING ERRCODE = 'string_data_right_truncation';
  END IF;
END
$$;

-- Refuses a second approval by one person, in whatever channel and under whatever name.
CREATE FUNCTION holdpoint.hold_check_distinct(h holdpoint.hold, a holdpoint.approver)
RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
DECLARE
  person text := holdpoint.person_of(a.channel, a.who, h.cluster);
  former record;
BEGIN
  FOR former IN SELECT e.who, e.channel, e.person FROM holdpoint.hold_event e
    WHERE e.cluster = h.cluster AND e.hold_id = h.id AND e.action = 'approve'
  LOOP
    IF person IN (former.person,
      holdpoint.person_of(former.channel, former.who, h.cluster)) THEN
      RAISE EXCEPTION 'hold %: % has approved it already, another person must too',
        h.id, former.who USING ERRCODE = 'HP007';
    END IF;
    IF former.channel <> a.channel
      AND NOT holdpoint.is_known_in_both(a.channel, a.who, h.cluster)
      AND NOT holdpoint.is_known_in_both(former.channel, former.who, h.cluster) THEN
      RAISE EXCEPTION 'hold %: % (%) and % (%) may be one person', h.id,
        former.who, former.channel, a.who, a.channel
        USING ERRCODE = 'HP006',
        HINT = 'An administrator enrols one of them with holdpoint.map_approver().';
    END IF;
  END LOOP;
END
$$;

-- The like of what was asked for, for a while: where its rule allows that, and every approver of this
-- hold chooses it. One who does not has approved the one change.
CREATE FUNCTION holdpoint.hold_choose_window(h holdpoint.hold, alike boolean)
RETURNS holdpoint.hold
LANGUAGE plpgsql SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
BEGIN
  IF h.grant_kind = 'Window' THEN
    RETURN h;
  END IF;
  IF alike IS NOT TRUE THEN
    h.chosen_window := NULL;
    h.max_uses := CASE WHEN h.is_question THEN 1 END;
    RETURN h;
  END IF;
  IF h.allow_window IS NULL THEN
    RAISE EXCEPTION 'hold %: it is for this one change; its rule allows nothing like it besides',
      h.id USING ERRCODE = 'HP008', HINT = 'The rule would say so with hold.allowWindow.';
  END IF;
  IF h.approvals > 0 AND h.chosen_window IS NULL THEN
    RAISE EXCEPTION 'hold %: % approved this one change, not the like of it', h.id, h.decided_by
      USING ERRCODE = 'HP008';
  END IF;
  h.max_uses := CASE WHEN h.chosen_window IS NULL THEN h.allow_uses ELSE h.max_uses END;
  h.chosen_window := h.allow_window;
  RETURN h;
END
$$;

-- Refuses what would open more than the hold says. A clock may be a minute ahead of ours.
CREATE FUNCTION holdpoint.hold_check_narrowing(h holdpoint.hold, n holdpoint.narrowing)
RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
DECLARE
  longest interval := coalesce(h.chosen_window, h.window_length);
BEGIN
  IF n.until <= clock_timestamp() OR n.uses < 1 THEN
    RAISE EXCEPTION 'hold %: nothing would be left of the approval; deny it instead', h.id
      USING ERRCODE = 'HP008';
  END IF;
  IF n.until > h.expires_at THEN
    RAISE EXCEPTION 'hold %: until % is later than its end, %', h.id, n.until,
      h.expires_at USING ERRCODE = 'HP008';
  END IF;
  IF n.until > clock_timestamp() + longest + interval '1 minute' THEN
    RAISE EXCEPTION 'hold %: until % is longer than the % it opens at most', h.id, n.until,
      holdpoint.duration_text(longest) USING ERRCODE = 'HP008';
  END IF;
  IF n.uses > coalesce(h.max_uses, CASE WHEN holdpoint.hold_is_window(h) THEN n.uses ELSE 1 END) THEN
    RAISE EXCEPTION 'hold %: % uses are more than the % it allows', h.id, n.uses,
      coalesce(h.max_uses, 1) USING ERRCODE = 'HP008';
  END IF;
  IF n.namespace <> coalesce(h.only_namespace, nullif(h.namespace, ''), n.namespace)
    OR n.name <> coalesce(h.only_name, nullif(h.name, ''), n.name) THEN
    RAISE EXCEPTION 'hold %: that would leave out what it was asked for', h.id
      USING ERRCODE = 'HP008';
  END IF;
END
$$;

-- Applies an approver's narrowing. Each approver may narrow further; none may widen.
CREATE FUNCTION holdpoint.hold_narrow(h holdpoint.hold, n holdpoint.narrowing)
RETURNS holdpoint.hold
LANGUAGE plpgsql SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
BEGIN
  h := holdpoint.hold_choose_window(h, n.alike);
  PERFORM holdpoint.hold_check_narrowing(h, n);
  h.expires_at := least(h.expires_at, n.until);
  IF holdpoint.hold_is_window(h) THEN
    h.max_uses := least(h.max_uses, n.uses);
    h.only_namespace := coalesce(n.namespace, h.only_namespace);
    h.only_name := coalesce(n.name, h.only_name);
  END IF;
  RETURN h;
END
$$;

CREATE FUNCTION holdpoint.hold_event_of(p_action text, a holdpoint.approver, p_reason text,
  p_cluster text) RETURNS holdpoint.hold_event
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
DECLARE
  e holdpoint.hold_event;
BEGIN
  e.action := p_action;
  e.channel := a.channel;
  e.who := a.who;
  e.person := holdpoint.person_of(
    CASE a.channel WHEN 'kubernetes' THEN 'kubernetes' ELSE 'database' END,
    a.who, p_cluster);
  e.groups := a.groups;
  e.reason := nullif(p_reason, '');
  e.request_uid := a.request_uid;
  RETURN e;
END
$$;

-- The same review once more: the API server repeats a call it got no answer to.
CREATE FUNCTION holdpoint.is_repeated_review(h holdpoint.hold, a holdpoint.approver,
  p_action text) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
  SELECT a.channel = 'kubernetes' AND EXISTS (SELECT FROM holdpoint.hold_event e
    WHERE e.cluster = h.cluster AND e.hold_id = h.id AND e.channel = 'kubernetes'
      AND e.request_uid = a.request_uid AND e.who = a.who AND e.action = p_action)
$$;

CREATE FUNCTION holdpoint.hold_approve(p_hold_id bigint, a holdpoint.approver, p_reason text,
  n holdpoint.narrowing) RETURNS holdpoint.hold
LANGUAGE plpgsql SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
DECLARE
  h holdpoint.hold := holdpoint.hold_lock(p_hold_id, a);
  e holdpoint.hold_event;
BEGIN
  IF holdpoint.is_repeated_review(h, a, 'approve') THEN
    RETURN h;
  END IF;
  PERFORM holdpoint.hold_check_approver(h, a);
  PERFORM holdpoint.hold_check_state(h, 'pending');
  PERFORM holdpoint.hold_check_reason(h, p_reason);
  PERFORM holdpoint.hold_check_distinct(h, a);
  h := holdpoint.hold_narrow(h, n);
  e := holdpoint.hold_event_of('approve', a, p_reason, h.cluster);
  e.terms := nullif(jsonb_strip_nulls(to_jsonb(n)), '{}');
  h.approvals := h.approvals + 1;
  IF h.rules IS NOT NULL THEN
    e.counts_for := holdpoint.hold_counts_for(h, a);
    h.rule_approvals := ARRAY(SELECT r.approvals + (r.number = ANY(e.counts_for))::int
      FROM holdpoint.hold_rules(h) AS r ORDER BY r.number);
  END IF;
  h.decided_by := a.who;
  h.decided_reason := nullif(p_reason, '');
  IF NOT EXISTS (SELECT FROM holdpoint.hold_rules(h) AS r WHERE r.approvals < r.min_approvals) THEN
    h.state := 'approved';
    h.approved_at := clock_timestamp();
    h.expires_at := least(h.expires_at,
      h.approved_at + coalesce(h.chosen_window, h.window_length));
  END IF;
  RETURN holdpoint.hold_step(h, e);
END
$$;

-- A denial ends a hold, also one that was approved and is not used up: that is how to revoke.
CREATE FUNCTION holdpoint.hold_deny(p_hold_id bigint, a holdpoint.approver, p_reason text)
RETURNS holdpoint.hold
LANGUAGE plpgsql SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
DECLARE
  h holdpoint.hold := holdpoint.hold_lock(p_hold_id, a);
BEGIN
  IF holdpoint.is_repeated_review(h, a, 'deny') THEN
    RETURN h;
  END IF;
  PERFORM holdpoint.hold_check_approver(h, a);
  PERFORM holdpoint.hold_check_state(h, 'pending', 'approved');
  PERFORM holdpoint.hold_check_reason(h, p_reason);
  h.state := 'denied';
  h.decided_by := a.who;
  h.decided_reason := nullif(p_reason, '');
  RETURN holdpoint.hold_step(h, holdpoint.hold_event_of('deny', a, p_reason, h.cluster));
END
$$;

-- Whether the login may take a hold back: the requester by another name, one of its approvers, or
-- the webhook (for a requester whom only the API server knows). It can only take away.
CREATE FUNCTION holdpoint.may_withdraw(h holdpoint.hold, a holdpoint.approver) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
  SELECT a.channel = 'webhook' OR holdpoint.is_approver(h, a)
    OR holdpoint.person_of('database', a.who, h.cluster)
      = holdpoint.person_of('kubernetes', h.username, h.cluster)
$$;

CREATE FUNCTION holdpoint.hold_withdraw(p_hold_id bigint, a holdpoint.approver, p_reason text)
RETURNS holdpoint.hold
LANGUAGE plpgsql SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
DECLARE
  h holdpoint.hold := holdpoint.hold_lock(p_hold_id, a);
BEGIN
  IF NOT holdpoint.may_withdraw(h, a) THEN
    RAISE EXCEPTION 'hold %: % neither asked for it nor is among its approvers', h.id, a.who
      USING ERRCODE = 'HP003';
  END IF;
  PERFORM holdpoint.hold_check_state(h, 'pending', 'approved');
  h.state := 'withdrawn';
  h.decided_by := a.who;
  h.decided_reason := nullif(left(p_reason, 1024), '');
  RETURN holdpoint.hold_step(h,
    holdpoint.hold_event_of('withdraw', a, h.decided_reason, h.cluster));
END
$$;

-- The login as an approver. A login of the webhook is none, whatever else it was granted.
CREATE FUNCTION holdpoint.database_approver() RETURNS holdpoint.approver
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
BEGIN
  IF holdpoint.is_group_member(ARRAY['holdpoint_webhook'])
    AND NOT (SELECT rolsuper FROM pg_roles WHERE rolname = session_user) THEN
    RAISE EXCEPTION '% is a login of the webhook and cannot decide on holds', session_user
      USING ERRCODE = 'HP003';
  END IF;
  RETURN ROW('database', session_user, NULL, NULL, NULL)::holdpoint.approver;
END
$$;

CREATE FUNCTION holdpoint.kubernetes_approver(p_cluster text, p_username text, p_groups text[],
  p_request_uid text) RETURNS holdpoint.approver
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
BEGIN
  IF coalesce(p_cluster, '') = '' OR coalesce(p_request_uid, '') = ''
    OR octet_length(p_request_uid) > 253 OR octet_length(p_username) > 1024 THEN
    RAISE EXCEPTION 'a review needs cluster and request uid'
      USING ERRCODE = 'invalid_parameter_value';
  END IF;
  IF coalesce(p_username, '') IN ('', 'system:anonymous')
    OR 'system:unauthenticated' = ANY(p_groups) THEN
    RAISE EXCEPTION 'an unauthenticated user cannot decide on holds'
      USING ERRCODE = 'HP003';
  END IF;
  IF holdpoint.is_group_member(ARRAY['holdpoint_approver'])
    AND NOT (SELECT rolsuper FROM pg_roles WHERE rolname = session_user) THEN
    RAISE EXCEPTION 'login % is both webhook and approver: refused', session_user
      USING ERRCODE = 'HP003';
  END IF;
  RETURN ROW('kubernetes', p_username, p_groups, p_cluster, p_request_uid)::holdpoint.approver;
END
$$;

-- What the approver is told.
CREATE FUNCTION holdpoint.hold_sentence(h holdpoint.hold) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
  SELECT format('hold %s %s: %s %s %s by %s', h.id,
    CASE WHEN h.state <> 'pending' THEN h.state
      WHEN h.rules IS NULL THEN format('has %s of %s approvals', h.approvals, h.min_approvals)
      ELSE format('has %s approval%s and still needs %s', h.approvals,
        CASE h.approvals WHEN 1 THEN '' ELSE 's' END, holdpoint.hold_approver_names(h)) END,
    h.operation, holdpoint.resource_name(h.api_group, h.resource, h.subresource),
    concat_ws('/', nullif(h.namespace, ''), nullif(h.name, '')), h.username)
    || CASE h.state WHEN 'approved' THEN '. Opens: ' || holdpoint.hold_opens(h)
      WHEN 'pending' THEN '. Will open: ' || holdpoint.hold_opens(h) ELSE '' END
$$;

CREATE FUNCTION holdpoint.approve(hold_id bigint, reason text DEFAULT NULL,
  until timestamptz DEFAULT NULL, uses int DEFAULT NULL,
  namespace text DEFAULT NULL, name text DEFAULT NULL, alike boolean DEFAULT false)
RETURNS text
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
  SELECT holdpoint.hold_sentence(holdpoint.hold_approve(approve.hold_id,
    holdpoint.database_approver(), approve.reason,
    ROW(approve.until, approve.uses, approve.namespace, approve.name,
      nullif(approve.alike, false))::holdpoint.narrowing))
$$;
COMMENT ON FUNCTION holdpoint.approve(bigint, text, timestamptz, int, text, text, boolean) IS
  'Approves a hold as the login. To narrow: '
  'until => now() + ''10 minutes'', uses => 3, namespace => ''prod'', name => ''x''. '
  'alike => true: not this change alone but the like of it too, where the rule allows it.';

CREATE FUNCTION holdpoint.deny(hold_id bigint, reason text DEFAULT NULL) RETURNS text
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
  SELECT holdpoint.hold_sentence(holdpoint.hold_deny(deny.hold_id,
    holdpoint.database_approver(), deny.reason))
$$;
COMMENT ON FUNCTION holdpoint.deny(bigint, text) IS
  'Denies a hold as the login, or revokes an approval that is not used up.';

CREATE FUNCTION holdpoint.withdraw(hold_id bigint, reason text DEFAULT NULL) RETURNS text
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
  SELECT holdpoint.hold_sentence(holdpoint.hold_withdraw(withdraw.hold_id,
    ROW(CASE WHEN holdpoint.is_group_member(ARRAY['holdpoint_webhook'])
        AND NOT holdpoint.is_group_member(ARRAY['holdpoint_approver'])
      THEN 'webhook' ELSE 'database' END,
      session_user, NULL, NULL, NULL)::holdpoint.approver, withdraw.reason))
$$;
COMMENT ON FUNCTION holdpoint.withdraw(bigint, text) IS
  'Takes a hold back: its requester, one of its approvers, or the webhook.';

CREATE FUNCTION holdpoint.approve_as_kubernetes(p_cluster text, p_hold_id bigint,
  p_username text, p_groups text[], p_request_uid text, p_reason text DEFAULT NULL,
  p_until timestamptz DEFAULT NULL, p_uses int DEFAULT NULL,
  p_namespace text DEFAULT NULL, p_name text DEFAULT NULL, p_alike boolean DEFAULT false)
RETURNS text
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
  SELECT holdpoint.hold_sentence(holdpoint.hold_approve(p_hold_id,
    holdpoint.kubernetes_approver(p_cluster, p_username, p_groups, p_request_uid),
    p_reason, ROW(p_until, p_uses, p_namespace, p_name,
      nullif(p_alike, false))::holdpoint.narrowing))
$$;
COMMENT ON FUNCTION holdpoint.approve_as_kubernetes IS
  'Approves for the creator of a HoldReview, as the API server authenticated them.';

CREATE FUNCTION holdpoint.deny_as_kubernetes(p_cluster text, p_hold_id bigint,
  p_username text, p_groups text[], p_request_uid text, p_reason text DEFAULT NULL)
RETURNS text
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
  SELECT holdpoint.hold_sentence(holdpoint.hold_deny(p_hold_id,
    holdpoint.kubernetes_approver(p_cluster, p_username, p_groups, p_request_uid),
    p_reason))
$$;
COMMENT ON FUNCTION holdpoint.deny_as_kubernetes IS
  'Denies for the creator of a HoldReview, as the API server authenticated them.';

-- What waits for somebody who has kubectl alone: the holds that a HoldReview of theirs may decide,
-- newest first; with p_hold_id that one, and its change. The webhook, which passes on who asks, has
-- seen all of it before.
CREATE FUNCTION holdpoint.holds_as_kubernetes(p_cluster text, p_username text, p_groups text[],
  p_request_uid text, p_hold_id bigint DEFAULT NULL, p_limit int DEFAULT 100) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
DECLARE
  a holdpoint.approver :=
    holdpoint.kubernetes_approver(p_cluster, p_username, p_groups, p_request_uid);
  me text := holdpoint.person_of('kubernetes', p_username, p_cluster);
  at timestamptz := clock_timestamp();
  rule text := (SELECT c.kubernetes_approvals FROM holdpoint.config c);
  found_holds jsonb;
BEGIN
  IF rule = 'off' OR rule = 'mapped'
    AND NOT holdpoint.is_mapped('kubernetes', p_username, p_cluster) THEN
    RAISE EXCEPTION '% cannot decide on holds through kubernetes here', p_username
      USING ERRCODE = 'HP009';
  END IF;
  SELECT jsonb_agg(w.summary ORDER BY w.id DESC) INTO found_holds FROM (
    SELECT h.id, holdpoint.hold_summary(h) || jsonb_build_object(
        'message', left(h.message, 1024), 'name', left(h.name, 253),
        'requireReason', h.require_reason, 'attempts', h.attempts,
        'ageSeconds', extract(epoch FROM at - h.created_at)::bigint,
        'expiresInSeconds', extract(epoch FROM h.expires_at - at)::bigint)
      || CASE WHEN p_hold_id IS NULL THEN '{}'
        ELSE jsonb_build_object('change', h.change, 'changeCut', h.change_cut) END AS summary
    FROM holdpoint.hold h
    WHERE h.cluster = p_cluster AND h.state = 'pending' AND h.ended_at IS NULL
      AND h.expires_at > at AND (p_hold_id IS NULL OR h.id = p_hold_id)
      AND (cardinality(h.approvers) = 0 OR h.approvers && p_groups)
      AND holdpoint.is_approver(h, a)
      AND holdpoint.person_of('kubernetes', h.username, h.cluster) <> me
    ORDER BY h.id DESC LIMIT least(greatest(p_limit, 1), 1000) + 1) AS w;
  RETURN jsonb_build_object(
    'holds', coalesce(jsonb_path_query_array(found_holds, '$[0 to $last]',
      jsonb_build_object('last', least(greatest(p_limit, 1), 1000) - 1)), '[]'),
    'more', coalesce(jsonb_array_length(found_holds), 0) > least(greatest(p_limit, 1), 1000));
END
$$;
COMMENT ON FUNCTION holdpoint.holds_as_kubernetes IS
  'The pending holds that this user of the API server may decide: {holds: [...], more}.';

GRANT EXECUTE ON FUNCTION holdpoint.approve(bigint, text, timestamptz, int, text, text, boolean),
  holdpoint.deny(bigint, text) TO holdpoint_approver;
GRANT EXECUTE ON FUNCTION holdpoint.withdraw(bigint, text)
  TO holdpoint_approver, holdpoint_webhook;
GRANT EXECUTE ON FUNCTION holdpoint.approve_as_kubernetes, holdpoint.deny_as_kubernetes,
  holdpoint.holds_as_kubernetes
  TO holdpoint_webhook;
