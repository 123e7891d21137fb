-- SPDX-License-Identifier: Apache-2.0
-- Many holds at once: which of them, denied together, and taken back by who asked for them.

SET LOCAL ROLE holdpoint_owner;
SET LOCAL search_path = pg_catalog, holdpoint, pg_temp;

-- Which holds are meant; null: any. As the command line has it.
CREATE TYPE holdpoint.hold_filter AS (
  requester text,
  namespace text,
  resource text,  -- pods, deployments.apps, pods/exec
  policy text,
  rule text,      -- RULE or POLICY/RULE
  states text[],
  since timestamptz,
  before bigint   -- smaller numbers: the page behind
);
COMMENT ON TYPE holdpoint.hold_filter IS
  'Which holds are meant; null: any. before: with smaller numbers, the page behind.';

CREATE FUNCTION holdpoint.hold_matches(h holdpoint.hold, f holdpoint.hold_filter) RETURNS boolean
LANGUAGE sql STABLE
BEGIN ATOMIC
  SELECT (f.requester IS NULL OR h.username = f.requester)
    AND (f.namespace IS NULL OR h.namespace = f.namespace)
    AND (f.resource IS NULL
      OR f.resource IN (holdpoint.resource_name(h.api_group, h.resource, h.subresource), h.resource))
    AND (f.since IS NULL OR h.created_at >= f.since)
    AND (f.before IS NULL OR h.id < f.before)
    AND ((f.policy IS NULL AND f.rule IS NULL) OR EXISTS (SELECT FROM holdpoint.hold_rules(h) AS r
      WHERE (f.policy IS NULL OR r.policy = f.policy)
        AND (f.rule IS NULL OR f.rule IN (r.rule, r.policy || '/' || r.rule))))
    AND (f.states IS NULL OR holdpoint.hold_state(h, statement_timestamp()) = ANY(f.states));
END;
COMMENT ON FUNCTION holdpoint.hold_matches IS 'Whether a hold is one of those that are meant.';

CREATE FUNCTION holdpoint.hold_filter_of(p_filter jsonb) RETURNS holdpoint.hold_filter
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
DECLARE
  f holdpoint.hold_filter;
BEGIN
  f.requester := p_filter->>'requester';
  f.namespace := p_filter->>'namespace';
  f.resource := p_filter->>'resource';
  f.policy := p_filter->>'policy';
  f.rule := p_filter->>'rule';
  f.states := string_to_array(p_filter->>'state', ',');
  f.since := (p_filter->>'since')::timestamptz;
  f.before := (p_filter->>'before')::bigint;
  RETURN f;
END
$$;

-- What an approver would deny with deny_user, oldest first.
CREATE FUNCTION holdpoint.holds_to_deny(a holdpoint.approver, f holdpoint.hold_filter, p_cluster text)
RETURNS SETOF bigint
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
BEGIN
  IF coalesce(f.requester, '') = '' THEN
    RAISE EXCEPTION 'whose holds to deny must be said' USING ERRCODE = 'invalid_parameter_value';
  END IF;
  RETURN QUERY SELECT h.id FROM holdpoint.hold h
    WHERE h.username = f.requester AND h.state = 'pending' AND h.expires_at > statement_timestamp()
      AND (p_cluster IS NULL OR h.cluster = p_cluster)
      AND holdpoint.hold_matches(h, f) AND holdpoint.is_approver(h, a)
    ORDER BY h.id LIMIT 1000;
END
$$;

-- Denies them one by one: what may not be denied so is left, and the first reason told. A hold that is
-- decided by somebody else meanwhile is no mistake.
CREATE FUNCTION holdpoint.deny_each(a holdpoint.approver, f holdpoint.hold_filter, p_cluster text,
  p_reason text) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
DECLARE
  id bigint;
  done int := 0;
  failed int := 0;
  why text;
BEGIN
  FOR id IN SELECT * FROM holdpoint.holds_to_deny(a, f, p_cluster) LOOP
    BEGIN
      PERFORM holdpoint.hold_deny(id, a, p_reason);
      done := done + 1;
    EXCEPTION WHEN OTHERS THEN
      IF SQLSTATE NOT LIKE 'HP%' THEN
        RAISE;
      END IF;
      CONTINUE WHEN SQLSTATE = 'HP002';
      failed := failed + 1;
      why := coalesce(why, SQLERRM);
    END;
  END LOOP;
  IF done = 0 AND failed > 0 THEN
    RAISE EXCEPTION 'none of % holds of % denied: %', failed, f.requester, why
      USING ERRCODE = 'HP003';
  END IF;
  RETURN format('%s hold%s of %s denied%s', done, CASE done WHEN 1 THEN '' ELSE 's' END,
    f.requester, CASE WHEN failed > 0 THEN format('; %s not: %s', failed, why)
      WHEN done = 1000 THEN '; there may be more' ELSE '' END);
END
$$;

CREATE FUNCTION holdpoint.deny_filter(requester text, policy text, rule text, namespace text,
  resource text) RETURNS holdpoint.hold_filter
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
DECLARE
  f holdpoint.hold_filter;
BEGIN
  f.requester := deny_filter.requester;
  f.policy := deny_filter.policy;
  f.rule := deny_filter.rule;
  f.namespace := deny_filter.namespace;
  f.resource := deny_filter.resource;
  RETURN f;
END
$$;

CREATE FUNCTION holdpoint.deny_user_preview(requester text, policy text DEFAULT NULL,
  rule text DEFAULT NULL, namespace text DEFAULT NULL, resource text DEFAULT NULL,
  cluster text DEFAULT NULL) RETURNS SETOF bigint
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
BEGIN
  RETURN QUERY SELECT * FROM holdpoint.holds_to_deny(holdpoint.database_approver(),
    holdpoint.deny_filter(requester, policy, rule, namespace, resource), deny_user_preview.cluster);
END
$$;
COMMENT ON FUNCTION holdpoint.deny_user_preview IS
  'The holds that deny_user with the same arguments would deny, oldest first.';

CREATE FUNCTION holdpoint.deny_user(requester text, reason text DEFAULT NULL,
  policy text DEFAULT NULL, rule text DEFAULT NULL, namespace text DEFAULT NULL,
  resource text DEFAULT NULL, cluster text DEFAULT NULL) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
BEGIN
  RETURN holdpoint.deny_each(holdpoint.database_approver(),
    holdpoint.deny_filter(requester, policy, rule, namespace, resource), deny_user.cluster,
    deny_user.reason);
END
$$;
COMMENT ON FUNCTION holdpoint.deny_user IS
  'Denies everything of one requester that waits for you: '
  'deny_user(''agent'', ''stop'', rule => ''deletes'', namespace => ''prod'').';

CREATE FUNCTION holdpoint.deny_user_as_kubernetes(p_cluster text, p_username text, p_groups text[],
  p_request_uid text, p_filter jsonb, p_reason text DEFAULT NULL) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
BEGIN
  RETURN holdpoint.deny_each(
    holdpoint.kubernetes_approver(p_cluster, p_username, p_groups, p_request_uid),
    holdpoint.hold_filter_of(p_filter), p_cluster, p_reason);
END
$$;
COMMENT ON FUNCTION holdpoint.deny_user_as_kubernetes IS
  'The same for the creator of a HoldReview; p_filter: requester, namespace, resource, policy, rule.';

-- A hold can be taken back by who asked for it, as the API server authenticated them, and by nobody who
-- is merely spelt alike.
CREATE FUNCTION holdpoint.withdraw_as_kubernetes(p_cluster text, p_hold_id bigint, p_username text,
  p_groups text[], p_request_uid text, p_reason text DEFAULT NULL) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
DECLARE
  a holdpoint.approver :=
    holdpoint.kubernetes_approver(p_cluster, p_username, p_groups, p_request_uid);
  h holdpoint.hold;
BEGIN
  SELECT * INTO h FROM holdpoint.hold o WHERE o.id = p_hold_id AND o.cluster = p_cluster;
  IF h.username IS DISTINCT FROM p_username THEN -- whether there is such a hold is not theirs to know
    RAISE EXCEPTION 'no hold % of yours in cluster %', p_hold_id, p_cluster
      USING ERRCODE = 'HP001', HINT = 'An approver denies.';
  END IF;
  h := holdpoint.hold_lock(p_hold_id, a);
  IF holdpoint.is_repeated_review(h, a, 'withdraw') THEN
    RETURN holdpoint.hold_sentence(h);
  END IF;
  PERFORM holdpoint.hold_check_state(h, 'pending', 'approved');
  h.state := 'withdrawn';
  h.decided_by := p_username;
  h.decided_reason := nullif(left(p_reason, 1024), '');
  RETURN holdpoint.hold_sentence(holdpoint.hold_step(h,
    holdpoint.hold_event_of('withdraw', a, h.decided_reason, h.cluster)));
END
$$;
COMMENT ON FUNCTION holdpoint.withdraw_as_kubernetes IS
  'Takes a hold back for its requester, as the API server authenticated them.';

-- What kubectl lists: the holds that this user may decide, or with mine: true their own; newest first.
CREATE FUNCTION holdpoint.list_as_kubernetes(p_cluster text, p_username text, p_groups text[],
  p_request_uid text, p_filter jsonb, p_limit int DEFAULT 100) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
DECLARE
  a holdpoint.approver :=
    holdpoint.kubernetes_approver(p_cluster, p_username, p_groups, p_request_uid);
  f holdpoint.hold_filter := holdpoint.hold_filter_of(p_filter);
  at timestamptz := statement_timestamp();
  most int := least(greatest(coalesce((p_filter->>'limit')::int, p_limit), 1), p_limit, 1000);
  mine boolean := coalesce((p_filter->>'mine')::boolean, false);
  found_holds jsonb;
BEGIN
  f.states := coalesce(f.states, '{pending}');
  SELECT jsonb_agg(w.summary ORDER BY w.id DESC) INTO found_holds FROM (
    SELECT h.id, holdpoint.hold_summary(h) || jsonb_build_object(
        'state', holdpoint.hold_state(h, at), 'message', left(h.message, 1024),
        'name', left(h.name, 253), 'requireReason', h.require_reason, 'attempts', h.attempts,
        'ageSeconds', extract(epoch FROM at - h.created_at)::bigint,
        'expiresInSeconds', extract(epoch FROM h.expires_at - at)::bigint) AS summary
    FROM holdpoint.hold h
    WHERE h.cluster = p_cluster
      AND (f.states <> '{pending}' OR h.state = 'pending')
      AND holdpoint.hold_matches(h, f)
      AND CASE WHEN mine THEN h.username = p_username ELSE
        (cardinality(h.approvers) = 0 OR h.approvers && p_groups)
        AND holdpoint.is_approver(h, a)
        AND holdpoint.same_person('kubernetes', p_username, 'kubernetes', h.username, h.cluster)
          = 'no' END
    ORDER BY h.id DESC LIMIT most + 1) AS w;
  RETURN jsonb_build_object(
    'holds', coalesce(jsonb_path_query_array(found_holds, '$[0 to $last]',
      jsonb_build_object('last', most - 1)), '[]'),
    'more', coalesce(jsonb_array_length(found_holds), 0) > most);
END
$$;
COMMENT ON FUNCTION holdpoint.list_as_kubernetes IS
  'Holds that this user of the API server may decide, or their own: {holds: [...], more}. '
  'p_filter: requester, namespace, resource, policy, rule, state, since, before, limit, mine.';

GRANT EXECUTE ON FUNCTION holdpoint.hold_matches(holdpoint.hold, holdpoint.hold_filter)
  TO holdpoint_approver, holdpoint_auditor;
GRANT EXECUTE ON FUNCTION holdpoint.deny_user, holdpoint.deny_user_preview TO holdpoint_approver;
GRANT EXECUTE ON FUNCTION holdpoint.deny_user_as_kubernetes, holdpoint.withdraw_as_kubernetes,
  holdpoint.list_as_kubernetes
  TO holdpoint_webhook;
