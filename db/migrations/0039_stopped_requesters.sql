-- SPDX-License-Identifier: Apache-2.0
-- Who decides on a hold hears that its requester is stopped: an approval lets nothing pass until then.

SET LOCAL ROLE holdpoint_owner;
SET LOCAL search_path = pg_catalog, holdpoint, pg_temp;

CREATE OR REPLACE FUNCTION holdpoint.hold_sentence(h holdpoint.hold)
RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
BEGIN
  RETURN format('hold %s %s: %s %s %s by %s', h.id,
    CASE WHEN h.state <> 'pending' THEN h.state
      WHEN h.rules IS NULL THEN format('has %s of %s approvals', h.approvals, h.min_approvals)
      ELSE format('has %s approval%s and still needs %s', h.approvals,
        CASE h.approvals WHEN 1 THEN '' ELSE 's' END, holdpoint.hold_approver_names(h)) END,
    h.operation, holdpoint.resource_name(h.api_group, h.resource, h.subresource),
    concat_ws('/', nullif(h.namespace, ''), nullif(h.name, '')), h.username)
    || CASE h.state WHEN 'approved' THEN '. Opens: ' || holdpoint.hold_opens(h)
      WHEN 'pending' THEN '. Will open: ' || holdpoint.hold_opens(h) ELSE '' END
    || CASE WHEN h.state IN ('pending', 'approved')
        AND holdpoint.is_stopped('kubernetes', h.username, h.groups, h.cluster)
      THEN '. Who asks is stopped: nothing of theirs passes until somebody resumes them' ELSE '' END;
END
$$;
