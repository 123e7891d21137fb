-- SPDX-License-Identifier: Apache-2.0
-- What became of a hold is told as it is: a denial stands for config.denial_stands, and until then no
-- repeated request makes a new hold. Times that passed are told as everywhere else.

SET LOCAL ROLE holdpoint_owner;
SET LOCAL search_path = pg_catalog, holdpoint, pg_temp;

CREATE OR REPLACE FUNCTION holdpoint.hold_check_state(h holdpoint.hold, VARIADIC states text[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
DECLARE
  state text := holdpoint.hold_state(h, clock_timestamp());
  since timestamptz := CASE WHEN state IN ('expired', 'used') AND h.ended_at IS NULL
    THEN h.expires_at ELSE coalesce(h.ended_at, h.approved_at) END;
  passed interval := clock_timestamp() - since;
  stands_until timestamptz := CASE WHEN state = 'denied'
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
