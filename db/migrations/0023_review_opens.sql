-- SPDX-License-Identifier: Apache-2.0
-- Who approves with kubectl is told what that opens, once it counts.

SET LOCAL ROLE holdpoint_owner;
SET LOCAL search_path = pg_catalog, holdpoint, pg_temp;

CREATE OR REPLACE FUNCTION holdpoint.latest_review(p_cluster text, p_hold_id bigint, p_username text)
RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
  SELECT jsonb_build_object('review', jsonb_build_object('state', r.state, 'why', r.why,
    'counted', r.counted OR r.state = 'confirmed',
    'holdState', holdpoint.hold_state(h, clock_timestamp()), 'approvals', h.approvals,
    'minApprovals', h.min_approvals) || CASE h.state WHEN 'approved'
      THEN jsonb_build_object('opens', holdpoint.hold_opens(h)) ELSE '{}' END)
  FROM holdpoint.hold_review r
  JOIN holdpoint.hold h ON h.cluster = r.cluster AND h.id = r.hold_id
  WHERE r.cluster = p_cluster AND r.hold_id = p_hold_id AND r.who = p_username
    AND r.action = 'approve' ORDER BY r.at DESC LIMIT 1
$$;
