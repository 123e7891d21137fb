-- SPDX-License-Identifier: Apache-2.0
-- A hint is read in psql, behind `holdpoint` and behind `kubectl holdpoint`: it names each way.

SET LOCAL ROLE holdpoint_owner;
SET LOCAL search_path = pg_catalog, holdpoint, pg_temp;

CREATE OR REPLACE FUNCTION holdpoint.hold_lock(p_hold_id bigint, a holdpoint.approver) RETURNS holdpoint.hold
LANGUAGE plpgsql SET search_path = pg_catalog, holdpoint, pg_temp SET lock_timeout = '700ms'
AS $$
DECLARE
  h holdpoint.hold;
BEGIN
  PERFORM holdpoint.end_open_decision_soon();
  BEGIN
    SELECT * INTO h FROM holdpoint.hold o WHERE o.id = p_hold_id FOR NO KEY UPDATE;
  EXCEPTION WHEN lock_not_available THEN
    RAISE EXCEPTION 'hold %: somebody else is deciding on it at this moment', p_hold_id
      USING ERRCODE = 'HP013', HINT = 'Their transaction is not committed. Try again.';
  END;
  IF h.id IS NULL THEN
    RAISE EXCEPTION 'no hold %', coalesce(p_hold_id::text, '(null)')
      USING ERRCODE = 'HP001',
        HINT = 'What waits: holdpoint holds, kubectl holdpoint list, or '
          'SELECT * FROM holdpoint.pending_holds.';
  END IF;
  IF h.cluster <> a.cluster THEN
    RAISE EXCEPTION 'no hold % in cluster %', p_hold_id, a.cluster
      USING ERRCODE = 'HP001';
  END IF;
  RETURN h;
END
$$;

CREATE OR REPLACE FUNCTION holdpoint.session_anchor(p_session text) RETURNS holdpoint.audit_event
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
DECLARE
  parts text[] := regexp_match(p_session, '^s([0-9]{1,9})-([0-9]{1,18})$');
  e holdpoint.audit_event;
BEGIN
  IF parts IS NULL THEN
    RAISE EXCEPTION '"%" is not a session; they look like s1-2048', left(p_session, 64)
      USING ERRCODE = 'HP012';
  END IF;
  SELECT a.* INTO e FROM holdpoint.audit_cluster_seq s
  JOIN holdpoint.audit_event a ON a.cluster = s.cluster AND a.seq = parts[2]::bigint
  WHERE s.number = parts[1]::int;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'no session %', p_session USING ERRCODE = 'HP012',
      HINT = 'Which there are: holdpoint sessions --since 30d, or '
        'SELECT session FROM holdpoint.sessions(p_since => now() - interval ''30 days'').';
  END IF;
  RETURN e;
END
$$;
