-- SPDX-License-Identifier: Apache-2.0
-- A new hold is counted once it is made, and taken back when it is one too many: of requests for the
-- same change at one moment all but one then wait for that one, not for the turn of its identity.

SET LOCAL ROLE holdpoint_owner;
SET LOCAL search_path = pg_catalog, holdpoint, pg_temp;

DROP FUNCTION holdpoint.hold_limit(holdpoint.hold);
DROP FUNCTION holdpoint.hold_limit_seen(holdpoint.hold);

-- Why this identity gets no new hold for now: people have denied it again and again. Null: they have not.
CREATE FUNCTION holdpoint.hold_pause(want holdpoint.hold) RETURNS holdpoint.hold_answer
LANGUAGE plpgsql SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
DECLARE
  c holdpoint.config := (SELECT c FROM holdpoint.config c);
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
  END IF;
  RETURN no;
END
$$;

-- Why no more of its holds may wait, by what is to be seen; null: one may. Of those that wait, p_made are
-- the caller's own.
CREATE FUNCTION holdpoint.hold_limit_seen(want holdpoint.hold, p_made int) RETURNS holdpoint.hold_answer
LANGUAGE plpgsql SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
DECLARE
  c holdpoint.config := (SELECT c FROM holdpoint.config c);
  most int := CASE WHEN want.is_question THEN c.max_questions_per_user
    ELSE c.max_pending_per_user END;
  no holdpoint.hold_answer;
BEGIN
  IF (SELECT count(*) FROM (SELECT FROM holdpoint.hold h
      WHERE h.cluster = want.cluster AND h.username = want.username AND h.state = 'pending'
        AND h.is_question = want.is_question AND h.expires_at > clock_timestamp()
      LIMIT most + p_made) AS waiting) >= most + p_made THEN
    no.verdict := 'limit';
    no.decided_reason := format('%s holds of this identity wait already, and no more may', most);
  ELSIF want.is_question
    AND holdpoint.enrolled_person('kubernetes', want.username, want.cluster) IS NULL
    AND (SELECT count(*) FROM (SELECT FROM holdpoint.hold h
      WHERE h.cluster = want.cluster AND h.state = 'pending' AND h.is_question
        AND h.expires_at > clock_timestamp() LIMIT c.max_questions + p_made) AS waiting)
      >= c.max_questions + p_made THEN
    no.verdict := 'limit';
    no.decided_reason := format('%s holds of questions wait already in this cluster, and no more may, '
      'but for identities that are enrolled', c.max_questions);
  END IF;
  RETURN no;
END
$$;

-- By how many the limits are beyond what can be made at one moment, by as many connections as there are.
-- Not above 0: each is counted alone.
CREATE FUNCTION holdpoint.hold_room(want holdpoint.hold) RETURNS int
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
DECLARE
  c holdpoint.config := (SELECT c FROM holdpoint.config c);
BEGIN
  RETURN CASE WHEN want.is_question THEN least(c.max_questions_per_user, c.max_questions)
    ELSE c.max_pending_per_user END - current_setting('max_connections')::int;
END
$$;

-- Whether so few wait that no others who are made at this moment can make them too many.
CREATE FUNCTION holdpoint.hold_is_far_from_limit(made holdpoint.hold, p_room int) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
BEGIN
  RETURN (SELECT count(*) FROM (SELECT FROM holdpoint.hold h
      WHERE h.cluster = made.cluster AND h.username = made.username AND h.state = 'pending'
        AND h.is_question = made.is_question AND h.expires_at > clock_timestamp()
      LIMIT p_room + 1) AS waiting) <= p_room
    AND (NOT made.is_question OR (SELECT count(*) FROM (SELECT FROM holdpoint.hold h
      WHERE h.cluster = made.cluster AND h.state = 'pending' AND h.is_question
        AND h.expires_at > clock_timestamp() LIMIT p_room + 1) AS waiting) <= p_room);
END
$$;

-- The same for a hold that is made and not committed yet. Who is far from the limit shares the turn of
-- its identity; who is near has it alone, until the commit, when all that share it are counted. Who has
-- a turn is a webhook's statement, never a person's transaction.
CREATE FUNCTION holdpoint.hold_limit(made holdpoint.hold) RETURNS holdpoint.hold_answer
LANGUAGE plpgsql SET search_path = pg_catalog, holdpoint, pg_temp SET lock_timeout = '700ms'
AS $$
DECLARE
  turns int[] := holdpoint.hold_turns_of(made);
  room int := holdpoint.hold_room(made);
  turn int;
  no holdpoint.hold_answer;
BEGIN
  IF room > 0 THEN
    BEGIN
      FOREACH turn IN ARRAY turns LOOP
        PERFORM FROM holdpoint.hold_turn t WHERE t.n = turn FOR SHARE;
      END LOOP;
      IF holdpoint.hold_is_far_from_limit(made, room) THEN
        RETURN no;
      END IF;
      RAISE EXCEPTION 'near' USING ERRCODE = 'HP020'; -- lets go: two that share it never wait for each other
    EXCEPTION WHEN SQLSTATE 'HP020' THEN
      NULL;
    END;
  END IF;
  FOREACH turn IN ARRAY turns LOOP
    PERFORM FROM holdpoint.hold_turn t WHERE t.n = turn FOR UPDATE;
  END LOOP;
  RETURN holdpoint.hold_limit_seen(made, 1);
EXCEPTION WHEN lock_not_available THEN
  no.verdict := 'limit';
  no.decided_reason := 'so many holds of this identity are made at this moment that no more can be counted';
  RETURN no;
END
$$;

-- Makes it, or says in `no` why not; neither: somebody else made it meanwhile.
CREATE FUNCTION holdpoint.hold_make(want holdpoint.hold, OUT no holdpoint.hold_answer, OUT h holdpoint.hold)
LANGUAGE plpgsql SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
BEGIN
  h := holdpoint.hold_insert(want);
  IF h.id IS NULL THEN
    RETURN;
  END IF;
  no := holdpoint.hold_limit(h);
  IF no.verdict IS NOT NULL THEN
    RAISE EXCEPTION 'one too many' USING ERRCODE = 'HP020';
  END IF;
EXCEPTION WHEN SQLSTATE 'HP020' THEN
  h := NULL;
  -- What was written may be lost in a crash: a flood waits for no disk.
  PERFORM set_config('synchronous_commit', 'off', true);
END
$$;

CREATE OR REPLACE FUNCTION holdpoint.hold_try(want holdpoint.hold, p_max_repeats int)
RETURNS holdpoint.hold_answer
LANGUAGE plpgsql SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
DECLARE
  h holdpoint.hold := holdpoint.hold_find_live(want);
  other holdpoint.hold;
  no holdpoint.hold_answer;
  made record;
BEGIN
  IF h.id IS NOT NULL AND h.expires_at <= clock_timestamp() THEN
    h := holdpoint.hold_expire(h);
  ELSIF h.id IS NOT NULL AND NOT holdpoint.hold_same_terms(h, want) THEN
    h := holdpoint.hold_supersede(h);
  END IF;

  IF want.is_question THEN
    other := holdpoint.hold_answering(h, want);
    IF other.id IS NOT NULL THEN
      RETURN holdpoint.hold_answer_of('allow', holdpoint.hold_count_attempt(other, 1));
    END IF;
  ELSE
    other := holdpoint.hold_repeat(want, p_max_repeats);
  END IF;
  IF other.id IS NOT NULL THEN
    RETURN holdpoint.hold_answer_of('allow', other, is_repeat => true);
  END IF;
  IF h.state = 'approved' AND NOT want.is_question AND holdpoint.hold_covers(h, want) THEN
    RETURN holdpoint.hold_answer_of('allow', holdpoint.hold_use(h, want));
  END IF;
  IF (want.grant_kind = 'Window' OR want.allow_window IS NOT NULL) AND NOT want.is_question THEN
    other := holdpoint.hold_find_window(want);
    IF other.id IS NOT NULL THEN
      RETURN holdpoint.hold_answer_of('allow', holdpoint.hold_use(other, want));
    END IF;
  END IF;
  IF h.state = 'pending' THEN
    RETURN holdpoint.hold_answer_of('held', holdpoint.hold_count_attempt(h));
  ELSIF h.state = 'approved' THEN -- for a narrower scope than this request
    RETURN holdpoint.hold_answer_of('denied', holdpoint.hold_count_attempt(h));
  END IF;

  other := holdpoint.hold_find_denial(want);
  IF other.id IS NOT NULL THEN
    RETURN holdpoint.hold_answer_of('denied', holdpoint.hold_count_attempt(other));
  END IF;
  no := holdpoint.hold_pause(want);
  IF no.verdict IS NULL AND holdpoint.hold_room(want) <= 0 THEN
    no := holdpoint.hold_limit_seen(want, 0); -- cheaper than to make it and take it back
  END IF;
  IF no.verdict IS NOT NULL THEN
    RETURN no;
  END IF;
  SELECT * INTO made FROM holdpoint.hold_make(want);
  no := made.no;
  h := made.h;
  IF no.verdict IS NOT NULL THEN
    RETURN no;
  ELSIF h.id IS NULL THEN
    RETURN NULL;
  END IF;
  RETURN holdpoint.hold_answer_of('held', h, is_new => true);
END
$$;
