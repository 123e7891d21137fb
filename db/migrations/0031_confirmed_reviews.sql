-- SPDX-License-Identifier: Apache-2.0
-- What may speak against confirmed reviews is looked for without a lock on each of them.

SET LOCAL ROLE holdpoint_owner;
SET LOCAL search_path = pg_catalog, holdpoint, pg_temp;

CREATE OR REPLACE FUNCTION holdpoint.contradict_reviews() RETURNS SETOF holdpoint.hold_review
LANGUAGE plpgsql SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
DECLARE
  since timestamptz := clock_timestamp() - interval '1 hour';
  r holdpoint.hold_review;
  h holdpoint.hold;
  e holdpoint.audit_event;
BEGIN
  FOR r IN SELECT w.* FROM holdpoint.hold_review w
    WHERE w.state = 'confirmed' AND w.resolved_at > since ORDER BY w.resolved_at
  LOOP
    e := holdpoint.review_event(r); -- the one that says most against it
    CONTINUE WHEN e.seq IS NULL OR e.seq = r.event_seq
      OR holdpoint.review_objection(r, e) IS NULL;
    SELECT * INTO h FROM holdpoint.hold o WHERE o.cluster = r.cluster AND o.id = r.hold_id
    FOR UPDATE SKIP LOCKED;
    CONTINUE WHEN NOT FOUND;
    r.state := 'refused';
    r.counted := true; -- it had its effect
    r.event_seq := e.seq;
    r.why := holdpoint.review_objection(r, e) || ', as an audit event says that came after another '
      'had confirmed it';
    UPDATE holdpoint.hold_review o SET state = r.state, counted = true, why = r.why,
      event_seq = r.event_seq
    WHERE o.cluster = r.cluster AND o.hold_id = r.hold_id AND o.request_uid = r.request_uid
      AND o.state = 'confirmed';
    CONTINUE WHEN NOT FOUND; -- another replica was faster
    PERFORM holdpoint.review_refuse(r, h, r.why);
    IF e.impersonated_user IS NOT NULL OR e.username <> r.who THEN
      PERFORM holdpoint.review_alert(r, h, e.username);
    END IF;
    RETURN NEXT r;
  END LOOP;
END
$$;
