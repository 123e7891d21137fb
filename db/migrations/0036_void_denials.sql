-- SPDX-License-Identifier: Apache-2.0
-- A denial with kubectl ends its hold at once. When its audit event says that somebody acted in the
-- approver's name, or that it was not made, it ends no more than that: the requester may ask anew, and
-- is not paused for it.

SET LOCAL ROLE holdpoint_owner;
SET LOCAL search_path = pg_catalog, holdpoint, pg_temp;

CREATE FUNCTION holdpoint.denial_is_void(p_cluster text, p_hold_id bigint) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
  SELECT EXISTS (SELECT FROM holdpoint.hold_review r
    WHERE r.cluster = p_cluster AND r.hold_id = p_hold_id
      AND r.action = 'deny' AND r.counted AND r.state = 'refused')
$$;

CREATE OR REPLACE FUNCTION holdpoint.hold_find_denial(want holdpoint.hold) RETURNS holdpoint.hold
LANGUAGE plpgsql SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
DECLARE
  latest holdpoint.hold;
BEGIN
  SELECT * INTO latest FROM holdpoint.hold h
  WHERE h.cluster = want.cluster AND h.fingerprint = want.fingerprint
  ORDER BY h.id DESC LIMIT 1;
  IF latest.state = 'denied' AND latest.policy = want.policy AND latest.rule = want.rule
    AND latest.ended_at > clock_timestamp()
      - (SELECT c.denial_stands FROM holdpoint.config c)
    AND NOT holdpoint.denial_is_void(latest.cluster, latest.id) THEN
    RETURN latest;
  END IF;
  RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION holdpoint.hold_limit_seen(want holdpoint.hold) RETURNS holdpoint.hold_answer
LANGUAGE plpgsql SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
DECLARE
  c holdpoint.config := (SELECT c FROM holdpoint.config c);
  most int := CASE WHEN want.is_question THEN c.max_questions_per_user
    ELSE c.max_pending_per_user END;
  since timestamptz := clock_timestamp() - c.denials_within;
  no holdpoint.hold_answer;
BEGIN
  no.expires_at := (SELECT h.ended_at + c.denials_within FROM holdpoint.hold h
    WHERE h.cluster = want.cluster AND h.username = want.username AND h.state = 'denied'
      AND h.is_question = want.is_question
      AND h.ended_at > since AND NOT holdpoint.denial_is_void(h.cluster, h.id)
    ORDER BY h.ended_at DESC OFFSET c.max_denials - 1 LIMIT 1);
  IF no.expires_at IS NOT NULL THEN
    no.verdict := 'paused';
    no.decided_reason := format('%s holds of this identity were denied within %s', c.max_denials,
      c.denials_within);
    RETURN no;
  END IF;
  IF (SELECT count(*) FROM (SELECT FROM holdpoint.hold h
      WHERE h.cluster = want.cluster AND h.username = want.username AND h.state = 'pending'
        AND h.is_question = want.is_question AND h.expires_at > clock_timestamp()
      LIMIT most) AS waiting) >= most THEN
    no.verdict := 'limit';
    no.decided_reason := format('%s holds of this identity wait already, and no more may', most);
  ELSIF want.is_question
    AND holdpoint.enrolled_person('kubernetes', want.username, want.cluster) IS NULL
    AND (SELECT count(*) FROM (SELECT FROM holdpoint.hold h
      WHERE h.cluster = want.cluster AND h.state = 'pending' AND h.is_question
        AND h.expires_at > clock_timestamp() LIMIT c.max_questions) AS waiting) >= c.max_questions THEN
    no.verdict := 'limit';
    no.decided_reason := format('%s holds of questions wait already in this cluster, and no more may, '
      'but for identities that are enrolled', c.max_questions);
  END IF;
  RETURN no;
END
$$;

CREATE OR REPLACE FUNCTION holdpoint.hold_check_state(h holdpoint.hold, VARIADIC states text[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
DECLARE
  state text := holdpoint.hold_state(h, clock_timestamp());
  since timestamptz := CASE WHEN state IN ('expired', 'used') AND h.ended_at IS NULL
    THEN h.expires_at ELSE coalesce(h.ended_at, h.approved_at) END;
  passed interval := clock_timestamp() - since;
  stands_until timestamptz := CASE WHEN state = 'denied' AND NOT holdpoint.denial_is_void(h.cluster, h.id)
    THEN since + (SELECT c.denial_stands FROM holdpoint.config c) END;
BEGIN
  IF state = ANY(states) THEN
    RETURN;
  END IF;
  RAISE EXCEPTION 'hold % is not pending: % % ago%', h.id, state,
    holdpoint.duration_text(greatest(interval '1 second', date_trunc(CASE
      WHEN passed >= interval '2 hours' THEN 'hour'
      WHEN passed >= interval '2 minutes' THEN 'minute'
      ELSE 'second' END, passed))),
    CASE WHEN state IN ('approved', 'denied', 'withdrawn')
      THEN coalesce(' by ' || h.decided_by, '') ELSE '' END
    USING ERRCODE = 'HP002', HINT = CASE
      WHEN state = 'approved' THEN 'Nothing is left to do: the requester can repeat the request.'
      WHEN stands_until > clock_timestamp() THEN 'The denial stands until '
        || to_char(stands_until AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS')
        || ' UTC; after that a repeated request makes a new hold.'
      ELSE 'When the requester repeats the request, a new hold is made.' END;
END
$$;
