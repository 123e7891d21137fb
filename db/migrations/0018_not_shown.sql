-- SPDX-License-Identifier: Apache-2.0
-- Who approves with psql alone is told as well what of such a request the API server shows to no
-- webhook, and not only what of its change does not fit.

SET LOCAL ROLE holdpoint_owner;
SET LOCAL search_path = pg_catalog, holdpoint, pg_temp;

CREATE OR REPLACE VIEW holdpoint.pending_holds WITH (security_invoker = true) AS
  SELECT h.id,
    date_trunc('second', statement_timestamp() - h.created_at) AS age,
    h.username AS requester,
    h.operation,
    holdpoint.resource_name(h.api_group, h.resource, h.subresource) AS resource,
    h.namespace,
    h.name,
    holdpoint.hold_rule_names(h) AS rule,
    h.approvals || '/' || h.min_approvals AS approvals,
    holdpoint.hold_approver_names(h) AS approvers,
    array_to_string(h.unconfirmed, ', ') AS unconfirmed,
    date_trunc('second', h.expires_at) AS expires,
    holdpoint.hold_opens(h) AS opens,
    h.attempts,
    h.cluster,
    nullif(concat_ws('; ', holdpoint.hold_not_shown(h), h.change_unseen), '') AS not_shown,
    -- What the requester wrote, or a rule quotes of it, comes last.
    h.message,
    h.change_brief AS change
  FROM holdpoint.hold h
  WHERE h.state = 'pending' AND h.ended_at IS NULL AND h.expires_at > statement_timestamp()
  ORDER BY h.id DESC;
