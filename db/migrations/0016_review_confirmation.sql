-- SPDX-License-Identifier: Apache-2.0
-- What the API server's audit events say of decisions by HoldReview.
--
-- An admission webhook is told whom the API server takes the requester for, and not whether somebody
-- else has borrowed that name; nor whether the object was created in the end. The audit event knows
-- both. The webhook's answer carries the annotation hold-review: HOLD/UID, with the uid of the
-- admission request (0/UID where it denies several holds at once), and the API server puts it into
-- its event: one review, one event. Nothing else links the two: neither auditID nor time.
--
-- The webhook calls confirm_reviews() about once a second. Reviews and events may come in any order,
-- and the sink does nothing for it but to store events.

SET LOCAL ROLE holdpoint_owner;
SET LOCAL search_path = pg_catalog, holdpoint, pg_temp;

-- What is wrong with a review, by its event; null: nothing.
CREATE FUNCTION holdpoint.review_objection(r holdpoint.hold_review, e holdpoint.audit_event)
RETURNS text
LANGUAGE sql IMMUTABLE
BEGIN ATOMIC
  SELECT CASE
    WHEN e.impersonated_user IS NOT NULL
      THEN format('made by %s, acting as %s', e.username, e.impersonated_user)
    WHEN e.username IS DISTINCT FROM r.who THEN format('made by %s', e.username)
    WHEN e.verb <> 'create' OR e.resource IS DISTINCT FROM 'holdreviews'
      OR e.api_group IS DISTINCT FROM 'holdpoint.dev' OR coalesce(e.subresource, '') <> ''
      THEN 'the audit event is not of the creation of a HoldReview'
    WHEN e.request_uri ~* '[?&]dryrun=' THEN 'a dry run'
    WHEN e.code IS DISTINCT FROM 201
      THEN format('the HoldReview was not created (HTTP %s)', coalesce(e.code::text, 'unknown'))
  END;
END;

-- The event of a review; of several the one that says most against it.
CREATE FUNCTION holdpoint.review_event(r holdpoint.hold_review) RETURNS holdpoint.audit_event
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
DECLARE
  e holdpoint.audit_event;
  since timestamptz := r.at - interval '1 hour';
BEGIN
  SELECT o.* INTO e FROM holdpoint.audit_event o
  WHERE o.cluster = r.cluster
    AND o.hold_review IN (r.hold_id || '/' || r.request_uid, '0/' || r.request_uid)
    AND o.recorded_at >= since AND o.stage IN ('ResponseComplete', 'Panic')
  ORDER BY holdpoint.review_objection(r, o) IS NULL, o.seq LIMIT 1;
  RETURN e;
END
$$;

-- Writes down that a review is worth nothing, and takes back what it did where that is not used yet.
CREATE FUNCTION holdpoint.review_refuse(r holdpoint.hold_review, h holdpoint.hold, p_why text)
RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
DECLARE
  e holdpoint.hold_event;
BEGIN
  e.channel := 'system';
  e.who := 'holdpoint';
  e.request_uid := r.request_uid;
  e.reason := left(format('the approval of %s: %s', r.who, p_why), 1024);
  h.unconfirmed := ARRAY(SELECT DISTINCT o.who FROM holdpoint.hold_review o
    WHERE o.cluster = h.cluster AND o.hold_id = h.id AND o.state = 'waiting' AND NOT o.counted
    ORDER BY o.who);
  IF r.counted AND r.action = 'approve' AND h.state IN ('pending', 'approved') THEN
    h.state := 'withdrawn';
    h.decided_by := e.who;
    h.decided_reason := e.reason;
    e.action := 'withdraw';
  ELSIF NOT r.counted AND h.state = 'pending' THEN
    e.action := 'refuse';
  ELSE
    RETURN;
  END IF;
  PERFORM holdpoint.hold_step(h, e);
END
$$;

-- Counts an approval that its event confirms; why not, when what became of the hold is against it.
CREATE FUNCTION holdpoint.review_count(r holdpoint.hold_review, h holdpoint.hold) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
BEGIN
  IF r.counted THEN
    RETURN NULL;
  END IF;
  h.unconfirmed := array_remove(h.unconfirmed, r.who);
  PERFORM holdpoint.hold_count_approval(h,
    ROW('kubernetes', r.who, r.groups, r.cluster, r.request_uid)::holdpoint.approver, r.reason,
    ROW((r.terms->>'until')::timestamptz, (r.terms->>'uses')::int, r.terms->>'namespace',
      r.terms->>'name', (r.terms->>'alike')::boolean,
      (r.terms->>'unseen')::boolean)::holdpoint.narrowing);
  RETURN NULL;
EXCEPTION WHEN OTHERS THEN
  IF left(SQLSTATE, 2) IN ('40', '53', '55', '57', '58') THEN -- passes: it goes on waiting
    RAISE;
  END IF;
  RETURN SQLERRM;
END
$$;

-- Tells people that somebody acts in an approver's name.
CREATE FUNCTION holdpoint.review_alert(r holdpoint.hold_review, h holdpoint.hold) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
  SELECT holdpoint.outbox_add(h.cluster, 'hold.impersonated', h.id, holdpoint.hold_summary(h)
    || jsonb_build_object('decidedBy', r.who, 'reason', format('HoldReview to %s it: %s', r.action,
      r.why)))
  WHERE EXISTS (SELECT FROM holdpoint.outbox_target t WHERE t.cluster = h.cluster)
$$;

-- One review that waits, its hold locked; its new state, null: it goes on waiting.
CREATE FUNCTION holdpoint.review_resolve(r holdpoint.hold_review, h holdpoint.hold)
RETURNS holdpoint.hold_review
LANGUAGE plpgsql SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
DECLARE
  e holdpoint.audit_event := holdpoint.review_event(r);
BEGIN
  IF e.seq IS NULL THEN
    IF r.at > clock_timestamp() - interval '1 day' AND (h.ended_at IS NULL AND h.state = 'pending'
      OR r.at > clock_timestamp() - interval '1 hour') THEN
      RETURN NULL;
    END IF;
    r.state := 'lapsed';
    r.why := 'no audit event';
  ELSE
    r.event_seq := e.seq;
    r.why := coalesce(holdpoint.review_objection(r, e), holdpoint.review_count(r, h));
    r.state := CASE WHEN r.why IS NULL THEN 'confirmed' ELSE 'refused' END;
  END IF;
  UPDATE holdpoint.hold_review o SET state = r.state, why = r.why, event_seq = r.event_seq
  WHERE o.cluster = r.cluster AND o.hold_id = r.hold_id AND o.request_uid = r.request_uid;
  IF r.state <> 'confirmed' THEN
    SELECT * INTO h FROM holdpoint.hold o WHERE o.cluster = h.cluster AND o.id = h.id;
    PERFORM holdpoint.review_refuse(r, h, r.why);
    IF e.impersonated_user IS NOT NULL OR e.username <> r.who THEN
      PERFORM holdpoint.review_alert(r, h);
    END IF;
  END IF;
  RETURN r;
END
$$;

CREATE FUNCTION holdpoint.confirm_reviews(p_limit int DEFAULT 100)
RETURNS TABLE (cluster text, hold_id bigint, who text, action text, state text, why text)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
#variable_conflict use_column
DECLARE
  r holdpoint.hold_review;
  h holdpoint.hold;
BEGIN
  IF NOT EXISTS (SELECT FROM holdpoint.hold_review w WHERE w.state = 'waiting') THEN
    RETURN;
  END IF;
  -- What an approver's open transaction has locked is looked at the next time.
  FOR r IN SELECT w.* FROM holdpoint.hold_review w WHERE w.state = 'waiting'
    AND (w.at < clock_timestamp() - interval '1 hour' OR EXISTS (SELECT FROM holdpoint.audit_event e
      WHERE e.cluster = w.cluster
        AND e.hold_review IN (w.hold_id || '/' || w.request_uid, '0/' || w.request_uid)
        AND e.recorded_at >= w.at - interval '1 hour'))
    ORDER BY w.at LIMIT least(greatest(p_limit, 0), 10000)
    FOR UPDATE SKIP LOCKED
  LOOP
    SELECT * INTO h FROM holdpoint.hold o WHERE o.cluster = r.cluster AND o.id = r.hold_id
    FOR UPDATE SKIP LOCKED;
    CONTINUE WHEN NOT FOUND;
    r := holdpoint.review_resolve(r, h);
    CONTINUE WHEN r.state IS NULL;
    cluster := r.cluster;
    hold_id := r.hold_id;
    who := r.who;
    action := r.action;
    state := r.state;
    why := r.why;
    RETURN NEXT;
  END LOOP;
END
$$;
COMMENT ON FUNCTION holdpoint.confirm_reviews(int) IS
  'Looks for the audit events of reviews that wait for theirs; says which waits no more, and why.';

CREATE VIEW holdpoint.uncorroborated_approvals WITH (security_invoker = true) AS
  SELECT r.cluster, r.hold_id, r.at, r.action, r.who, r.counted,
    coalesce(r.why, 'no audit event') AS why, d.database_user, d.client_address, r.request_uid
  FROM holdpoint.hold_review r
  LEFT JOIN LATERAL (SELECT e.database_user, e.client_address FROM holdpoint.hold_event e
    WHERE e.cluster = r.cluster AND e.hold_id = r.hold_id AND e.request_uid = r.request_uid
      AND e.channel = 'kubernetes' ORDER BY e.id LIMIT 1) AS d ON true
  WHERE r.state <> 'confirmed'
    AND (r.state <> 'waiting' OR r.at < now() - interval '10 minutes');
COMMENT ON VIEW holdpoint.uncorroborated_approvals IS
  'Decisions by HoldReview that the API server''s audit events do not confirm: the webhook may have '
  'made them up, somebody may have acted in the approver''s name, or the HoldReview was not created. '
  'counted: it had its effect all the same.';

GRANT EXECUTE ON FUNCTION holdpoint.confirm_reviews(int) TO holdpoint_webhook;
GRANT SELECT ON holdpoint.uncorroborated_approvals TO holdpoint_auditor;
