-- SPDX-License-Identifier: Apache-2.0
-- How many holds of one identity wait is counted exactly, also of those that come at one moment: whoever
-- makes one has the identity's turn from before it counts until it commits.

SET LOCAL ROLE holdpoint_owner;
SET LOCAL search_path = pg_catalog, holdpoint, pg_temp;

CREATE TABLE holdpoint.hold_turn (n int PRIMARY KEY);
COMMENT ON TABLE holdpoint.hold_turn IS
  'Rows to lock, by a hash of whose holds are counted. No advisory locks: those anybody may take.';
COMMENT ON COLUMN holdpoint.hold_turn.n IS
  'Below 1024 of requests, below 2048 of questions, below 2112 of all questions of a cluster.';
INSERT INTO holdpoint.hold_turn SELECT generate_series(0, 2111);
GRANT SELECT ON holdpoint.hold_turn TO holdpoint_auditor;

-- Which turns count for this hold, in the order in which to take them.
CREATE FUNCTION holdpoint.hold_turns_of(want holdpoint.hold) RETURNS int[]
LANGUAGE sql STABLE SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
  SELECT ARRAY[(hashtextextended(want.username, hashtextextended(want.cluster, 0)) & 1023)::int
      + CASE WHEN want.is_question THEN 1024 ELSE 0 END]
    || CASE WHEN want.is_question
        AND holdpoint.enrolled_person('kubernetes', want.username, want.cluster) IS NULL
      THEN ARRAY[2048 + (hashtextextended(want.cluster, 0) & 63)::int] ELSE '{}' END
$$;

-- As it was, by what is to be seen at this moment.
ALTER FUNCTION holdpoint.hold_limit(holdpoint.hold) RENAME TO hold_limit_seen;

-- What is over its limit is told so without a turn, and where no other has it, nothing is counted twice.
-- Who has a turn is a webhook's statement, never a person's transaction: it is waited for longer.
CREATE FUNCTION holdpoint.hold_limit(want holdpoint.hold) RETURNS holdpoint.hold_answer
LANGUAGE plpgsql SET search_path = pg_catalog, holdpoint, pg_temp SET lock_timeout = '700ms'
AS $$
DECLARE
  turns int[] := holdpoint.hold_turns_of(want);
  free int := 0;
  no holdpoint.hold_answer;
BEGIN
  FOR i IN 1..cardinality(turns) LOOP
    PERFORM FROM holdpoint.hold_turn t WHERE t.n = turns[i] FOR UPDATE SKIP LOCKED;
    EXIT WHEN NOT FOUND;
    free := i;
  END LOOP;
  no := holdpoint.hold_limit_seen(want);
  IF no.verdict IS NULL AND free < cardinality(turns) THEN
    FOR i IN free + 1..cardinality(turns) LOOP
      PERFORM FROM holdpoint.hold_turn t WHERE t.n = turns[i] FOR UPDATE;
    END LOOP;
    no := holdpoint.hold_limit_seen(want);
  END IF;
  IF no.verdict IS NOT NULL THEN -- a crash may cost what little was written: a flood waits for no disk
    PERFORM set_config('synchronous_commit', 'off', true);
  END IF;
  RETURN no;
EXCEPTION WHEN lock_not_available THEN
  no.verdict := 'limit';
  no.decided_reason := 'so many holds of this identity are made at this moment that no more can be counted';
  RETURN no;
END
$$;
