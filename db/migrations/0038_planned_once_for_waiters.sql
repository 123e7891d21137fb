-- SPDX-License-Identifier: Apache-2.0
-- What a request that is held, or waits, is told: planned once a session, as in 0037.

SET LOCAL ROLE holdpoint_owner;
SET LOCAL search_path = pg_catalog, holdpoint, pg_temp;

CREATE OR REPLACE FUNCTION holdpoint.hold_states(p_ids bigint[])
RETURNS TABLE (hold_id bigint, state text, expires_at timestamptz, approvals int, min_approvals int,
  decided_by text, decided_reason text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
BEGIN
  RETURN QUERY SELECT h.id, holdpoint.hold_state(h, clock_timestamp()), h.expires_at, h.approvals,
    h.min_approvals, h.decided_by, h.decided_reason
  FROM holdpoint.hold h WHERE h.id = ANY (p_ids);
END
$$;

CREATE OR REPLACE FUNCTION holdpoint.stops_in_force(p_cluster text)
RETURNS TABLE (stop bigint, kind text, name text, who text, reason text, left_ms bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
BEGIN
  RETURN QUERY SELECT s.stop, s.kind, s.name, s.who, s.reason,
    CASE WHEN s.until < 'infinity'
      THEN greatest(ceil(extract(epoch FROM s.until - clock_timestamp()) * 1000), 0)::bigint END
  FROM holdpoint.stops s WHERE s.cluster IN ('', p_cluster) ORDER BY s.stop;
END
$$;

CREATE OR REPLACE FUNCTION holdpoint.hold_approver_names(h holdpoint.hold) RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
BEGIN
  IF h.rules IS NULL OR h.state <> 'pending' THEN
    RETURN holdpoint.group_names(h.approvers);
  END IF;
  RETURN (SELECT string_agg(missing.needed, ' and ' ORDER BY missing.needed)
    FROM (SELECT DISTINCT format('%s (%s/%s)', holdpoint.group_names(r.approvers), r.approvals,
        r.min_approvals) AS needed
      FROM holdpoint.hold_rules(h) r WHERE r.approvals < r.min_approvals) AS missing);
END
$$;

CREATE OR REPLACE FUNCTION holdpoint.hold_answer_of(p_verdict text, h holdpoint.hold,
  is_new boolean DEFAULT false, is_repeat boolean DEFAULT false) RETURNS holdpoint.hold_answer
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
BEGIN
  RETURN ROW(p_verdict, h.id, h.state, is_new, is_repeat, h.created_at, h.expires_at, h.approvals,
    h.min_approvals, h.uses, h.max_uses, h.attempts, h.decided_by, h.decided_reason,
    holdpoint.hold_approver_names(h),
    CASE WHEN p_verdict <> 'allow' AND h.grant_kind IS NOT NULL THEN holdpoint.hold_opens(h) END,
    nullif(array_to_string(h.unconfirmed, ', '), ''))::holdpoint.hold_answer;
END
$$;

CREATE OR REPLACE FUNCTION holdpoint.hold_turns_of(want holdpoint.hold) RETURNS int[]
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
BEGIN
  RETURN ARRAY[(hashtextextended(want.username, hashtextextended(want.cluster, 0)) & 1023)::int
      + CASE WHEN want.is_question THEN 1024 ELSE 0 END]
    || CASE WHEN want.is_question
        AND holdpoint.enrolled_person('kubernetes', want.username, want.cluster) IS NULL
      THEN ARRAY[2048 + (hashtextextended(want.cluster, 0) & 63)::int] ELSE '{}' END;
END
$$;

CREATE OR REPLACE FUNCTION holdpoint.denial_is_void(p_cluster text, p_hold_id bigint) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
BEGIN
  RETURN EXISTS (SELECT FROM holdpoint.hold_review r
    WHERE r.cluster = p_cluster AND r.hold_id = p_hold_id
      AND r.action = 'deny' AND r.counted AND r.state = 'refused');
END
$$;
