-- SPDX-License-Identifier: Apache-2.0
-- Which open Windows let a request pass is said in one place, whether one is only looked at, used
-- under a lock, or asked about by a dry run.

SET LOCAL ROLE holdpoint_owner;
SET LOCAL search_path = pg_catalog, holdpoint, pg_temp;

-- The open Windows that this request passes on. Rules that let an approver choose one have them too.
CREATE FUNCTION holdpoint.hold_windows(want holdpoint.hold) RETURNS SETOF holdpoint.hold
LANGUAGE plpgsql SET search_path = pg_catalog, holdpoint, pg_temp ROWS 1
AS $$
BEGIN
  RETURN QUERY SELECT * FROM holdpoint.hold h
  WHERE h.cluster = want.cluster AND h.username = want.username
    AND h.policy = want.policy AND h.rule = want.rule
    AND h.state = 'approved' AND (h.grant_kind = 'Window' OR h.chosen_window IS NOT NULL)
    AND h.is_question = want.is_question
    AND h.api_group = want.api_group AND h.resource = want.resource
    AND h.subresource = want.subresource
    AND h.expires_at > clock_timestamp()
    AND holdpoint.hold_same_terms(h, want) AND holdpoint.hold_covers(h, want);
END
$$;

-- The oldest of them.
CREATE OR REPLACE FUNCTION holdpoint.hold_see_window(want holdpoint.hold) RETURNS holdpoint.hold
LANGUAGE plpgsql SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
DECLARE
  found_hold holdpoint.hold;
BEGIN
  SELECT * INTO found_hold FROM holdpoint.hold_windows(want) h ORDER BY h.id LIMIT 1;
  RETURN found_hold;
END
$$;

-- The same, locked. Whatever can have changed meanwhile is looked at again under the lock; one that
-- no longer opens it is passed over.
CREATE OR REPLACE FUNCTION holdpoint.hold_find_window(want holdpoint.hold) RETURNS holdpoint.hold
LANGUAGE plpgsql SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
DECLARE
  found_hold holdpoint.hold;
  ids bigint[] := ARRAY(SELECT h.id FROM holdpoint.hold_windows(want) h);
BEGIN
  SELECT * INTO found_hold FROM holdpoint.hold h
  WHERE h.cluster = want.cluster AND h.id = ANY (ids)
    AND h.state = 'approved' AND h.expires_at > clock_timestamp()
    AND holdpoint.hold_same_terms(h, want) AND holdpoint.hold_covers(h, want)
  ORDER BY h.id LIMIT 1
  FOR NO KEY UPDATE;
  RETURN found_hold;
END
$$;

-- What a dry run is told; see 0007. It changes nothing.
CREATE OR REPLACE FUNCTION holdpoint.hold_would(want holdpoint.hold, p_gives_out boolean)
RETURNS holdpoint.hold_answer
LANGUAGE plpgsql SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
DECLARE
  h holdpoint.hold;
  w holdpoint.hold;
BEGIN
  SELECT * INTO h FROM holdpoint.hold o
  WHERE o.cluster = want.cluster AND o.fingerprint = want.fingerprint
    AND o.ended_at IS NULL AND holdpoint.hold_same_terms(o, want);
  IF h.expires_at <= clock_timestamp() THEN
    h := NULL;
  END IF;
  IF h.state = 'approved' AND NOT p_gives_out AND holdpoint.hold_covers(h, want) THEN
    RETURN holdpoint.hold_answer_of('allow', h);
  END IF;
  w := holdpoint.hold_see_window(want);
  IF w.id IS NOT NULL THEN
    RETURN holdpoint.hold_answer_of(CASE WHEN p_gives_out THEN 'held' ELSE 'allow' END, w);
  END IF;
  IF h.id IS NULL THEN
    w := holdpoint.hold_find_denial(want);
    IF w.id IS NOT NULL THEN
      RETURN holdpoint.hold_answer_of('denied', w);
    END IF;
    want.state := 'pending';
    want.approvals := 0;
    want.uses := 0;
    RETURN holdpoint.hold_answer_of('held', want);
  END IF;
  RETURN holdpoint.hold_answer_of('held', h);
END
$$;
