-- SPDX-License-Identifier: Apache-2.0
-- The human side of a hold: approve, deny, withdraw.
--
-- Two channels. In `database` the approver is the login (session_user), whom PostgreSQL has
-- authenticated by password, certificate, LDAP, GSSAPI …; what they may is decided by role
-- membership. In `kubernetes` the approver is the creator of a HoldReview, whom the API server has
-- authenticated, and the webhook passes on what the API server told it.
--
-- An admission webhook cannot see whether that name was borrowed (kubectl --as). So an approval by
-- HoldReview is written down first, in hold_review, and counts once the API server's own audit event
-- says that its creator is who it seems, and that it was created (0016); at once only where an
-- administrator has said that /authorize guards impersonation, and it was indeed asked.
--
-- Threat: who holds the webhook's login could claim a HoldReview that nobody made. Such a login
-- cannot call approve() or deny(), and is no group's member, so it can decide in its own name
-- nothing at all. What it claims in somebody else's is bounded and shows:
--   * config.kubernetes_approvals: the claim is worth nothing without the API server's event, which
--     comes by the audit sink, on a path and under a login of its own; config.kubernetes_approvers
--     limits the channel to enrolled usernames ('mapped');
--   * a claim carries the review's request uid, is kept with the login and address it came from,
--     counts once, and only for a hold of the cluster it names;
--   * requester ≠ approver and "different people" are decided here, over both channels;
--   * what no event confirms shows in holdpoint.uncorroborated_approvals.
-- An intruder in the webhook can let requests pass without any approval, since the webhook is what
-- decides; what must not be possible is to make that look signed off.

SET LOCAL ROLE holdpoint_owner;
SET LOCAL search_path = pg_catalog, holdpoint, pg_temp;

-- Who decides, and how they narrow.
CREATE TYPE holdpoint.approver AS (
  channel text,
  who text,
  groups text[],
  cluster text,
  request_uid text
);
COMMENT ON TYPE holdpoint.approver IS
  'Who decides, and by which channel: database (who is the login) or kubernetes (the creator of a HoldReview).';
CREATE TYPE holdpoint.narrowing AS (
  until timestamptz,
  uses int,
  namespace text,
  name text,
  alike boolean,
  unseen boolean -- no narrowing: what could not be shown is approved as well
);
COMMENT ON TYPE holdpoint.narrowing IS
  'How an approver makes an approval smaller than the rule allows; null: not. alike: the like of it too.';

CREATE FUNCTION holdpoint.is_mapped(p_kind text, p_name text, p_cluster text) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
  SELECT EXISTS (SELECT FROM holdpoint.identity i
    WHERE i.kind = p_kind AND i.name = p_name AND i.cluster IN ('', p_cluster))
$$;

-- Whose name this is; somebody not enrolled at all is taken for the person of that name.
CREATE FUNCTION holdpoint.person_of(p_kind text, p_name text, p_cluster text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
  SELECT holdpoint.spelling(coalesce(holdpoint.enrolled_person(p_kind, p_name, p_cluster), p_name))
$$;

-- What a person may be called in this cluster.
CREATE FUNCTION holdpoint.person_spellings(p_person text, p_cluster text) RETURNS text[]
LANGUAGE sql STABLE SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
  SELECT holdpoint.spellings(p_person) || ARRAY(SELECT s FROM holdpoint.identity i,
    unnest(holdpoint.spellings(i.name)) AS s
    WHERE i.person = p_person AND i.cluster IN ('', p_cluster))
$$;

-- Whether a name is this person's: yes, no, or perhaps. It may be where the name is not enrolled and
-- could be one of theirs: alice@example.com, oidc:alice and the service account alice of somebody
-- whose login is alice.
CREATE FUNCTION holdpoint.is_person(p_kind text, p_name text, p_person text, p_cluster text)
RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
  SELECT CASE
    WHEN holdpoint.person_of(p_kind, p_name, p_cluster) = holdpoint.spelling(p_person) THEN 'yes'
    WHEN holdpoint.enrolled_person(p_kind, p_name, p_cluster) IS NOT NULL THEN 'no'
    WHEN holdpoint.spellings(p_name) && holdpoint.person_spellings(p_person, p_cluster)
      THEN 'perhaps' ELSE 'no' END
$$;

-- Whether two names are one person's: yes, no, or perhaps.
CREATE FUNCTION holdpoint.same_person(p_kind text, p_name text, p_other_kind text, p_other text,
  p_cluster text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
  SELECT CASE WHEN o.person IS NOT NULL
      THEN holdpoint.is_person(p_kind, p_name, o.person, p_cluster)
    ELSE holdpoint.is_person(p_other_kind, p_other,
      coalesce(holdpoint.enrolled_person(p_kind, p_name, p_cluster), p_name), p_cluster) END
  FROM (SELECT holdpoint.enrolled_person(p_other_kind, p_other, p_cluster) AS person) AS o
$$;

-- Whether we know somebody's name in the other channel too. Only then does another name there
-- belong to somebody else. Enrolled in another spelling is not known: it may be a namesake.
CREATE FUNCTION holdpoint.is_known_in_both(p_kind text, p_name text, p_cluster text)
RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
  SELECT count(DISTINCT o.kind) = 2
  FROM holdpoint.identity i JOIN holdpoint.identity o ON o.person = i.person
  WHERE i.kind = p_kind AND i.name = p_name AND i.cluster IN ('', p_cluster)
    AND o.cluster IN ('', p_cluster)
$$;

-- The requester's row, where they are enrolled: who owns an agent stands in it.
CREATE FUNCTION holdpoint.hold_requester(h holdpoint.hold) RETURNS holdpoint.person
LANGUAGE sql STABLE SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
  SELECT p FROM holdpoint.person p
  WHERE p.name = holdpoint.enrolled_person('kubernetes', h.username, h.cluster)
$$;

-- A decision that is not committed keeps the hold in hand. So a session that has one and sleeps on it
-- is ended after half a minute, whatever its login has set, and its decision with it.
CREATE FUNCTION holdpoint.end_open_decision_soon() RETURNS void
LANGUAGE sql SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
  SELECT set_config('idle_in_transaction_session_timeout', '30s', true)
  FROM pg_settings s WHERE s.name = 'idle_in_transaction_session_timeout'
    AND s.setting::int NOT BETWEEN 1 AND 30000
$$;

CREATE FUNCTION holdpoint.hold_lock(p_hold_id bigint, a holdpoint.approver) RETURNS holdpoint.hold
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
      USING ERRCODE = 'HP001', HINT = 'SELECT * FROM holdpoint.pending_holds;';
  END IF;
  IF h.cluster <> a.cluster THEN
    RAISE EXCEPTION 'no hold % in cluster %', p_hold_id, a.cluster
      USING ERRCODE = 'HP001';
  END IF;
  RETURN h;
END
$$;

CREATE FUNCTION holdpoint.check_channel(a holdpoint.approver, p_cluster text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
DECLARE
  c holdpoint.config := (SELECT c FROM holdpoint.config c);
BEGIN
  IF 'off' = (CASE a.channel WHEN 'database' THEN c.database_approvals
    ELSE holdpoint.kubernetes_approvals_in(p_cluster) END) THEN
    RAISE EXCEPTION 'deciding through % is switched off here', a.channel USING ERRCODE = 'HP009';
  END IF;
  IF 'mapped' = (CASE a.channel WHEN 'database' THEN c.database_approvals
    ELSE c.kubernetes_approvers END) AND NOT holdpoint.is_mapped(a.channel, a.who, p_cluster) THEN
    RAISE EXCEPTION '% is not enrolled as an approver', a.who
      USING ERRCODE = 'HP009', HINT = 'An administrator enrols with holdpoint.map_approver().';
  END IF;
  IF EXISTS (SELECT FROM holdpoint.person p WHERE p.kind = 'agent'
    AND p.name = holdpoint.enrolled_person(a.channel, a.who, p_cluster)) THEN
    RAISE EXCEPTION '% is an agent and decides on no hold', a.who USING ERRCODE = 'HP003';
  END IF;
END
$$;

-- A hold that names no groups may be decided by any approver: any login that was granted
-- holdpoint_approver, any Kubernetes user who is enrolled (being allowed to create HoldReviews is
-- not enough: cluster administrators of any kind are).
CREATE FUNCTION holdpoint.is_approver_of(approvers text[], a holdpoint.approver, p_cluster text)
RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
  SELECT CASE
    WHEN a.channel = 'database' THEN
      holdpoint.is_group_member(ARRAY['holdpoint_approver'])
      AND (cardinality(approvers) = 0 OR holdpoint.is_group_member(approvers))
    WHEN cardinality(approvers) = 0 THEN
      holdpoint.is_mapped('kubernetes', a.who, p_cluster)
    ELSE coalesce(approvers && a.groups, false) END
$$;

CREATE FUNCTION holdpoint.is_approver(h holdpoint.hold, a holdpoint.approver) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
  SELECT holdpoint.is_approver_of(h.approvers, a, h.cluster)
$$;

-- For which of several rules somebody's approval counts: those whose groups they are in. Who counts
-- for one that names groups is an approver, and counts for those that ask for any approver.
CREATE FUNCTION holdpoint.hold_counts_for(h holdpoint.hold, a holdpoint.approver) RETURNS int[]
LANGUAGE sql STABLE SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
  WITH r AS (SELECT number, cardinality(approvers) > 0 AS named,
      holdpoint.is_approver_of(approvers, a, h.cluster) AS is_one
    FROM holdpoint.hold_rules(h))
  SELECT ARRAY(SELECT r.number FROM r
    WHERE r.is_one OR NOT r.named AND EXISTS (SELECT FROM r AS o WHERE o.named AND o.is_one)
    ORDER BY r.number)
$$;

CREATE FUNCTION holdpoint.hold_check_approver(h holdpoint.hold, a holdpoint.approver) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
DECLARE
  is_own text := holdpoint.same_person(a.channel, a.who, 'kubernetes', h.username, h.cluster);
BEGIN
  PERFORM holdpoint.check_channel(a, h.cluster);
  IF NOT holdpoint.is_approver(h, a) THEN
    RAISE EXCEPTION 'hold %: % is not among its approvers (%)', h.id, a.who,
      CASE WHEN cardinality(h.approvers) > 0
        THEN 'groups ' || array_to_string(h.approvers, ', ')
        ELSE 'any enrolled approver' END
      USING ERRCODE = 'HP003';
  END IF;
  IF is_own = 'yes' THEN
    RAISE EXCEPTION 'hold %: % asked for it and cannot decide on it', h.id, a.who
      USING ERRCODE = 'HP004', HINT = 'Another approver must. To take it back: withdraw.';
  ELSIF is_own = 'perhaps' THEN
    RAISE EXCEPTION 'hold %: % may be %, who asked for it', h.id, a.who, h.username
      USING ERRCODE = 'HP006',
      HINT = 'An administrator enrols both: holdpoint.map_approver(), add_agent().';
  END IF;
END
$$;

-- For which rules an approval counts that an agent's owner gives: all, those that ask for somebody
-- else's too, or none.
CREATE FUNCTION holdpoint.hold_owner_counts(h holdpoint.hold, a holdpoint.approver, counts int[])
RETURNS int[]
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
DECLARE
  requester holdpoint.person := holdpoint.hold_requester(h);
  owner_rule text := (SELECT c.owner_approvals FROM holdpoint.config c);
BEGIN
  IF owner_rule = 'alone' OR requester.owner IS NULL
    OR holdpoint.is_person(a.channel, a.who, requester.owner, h.cluster) = 'no' THEN
    RETURN counts;
  END IF;
  RETURN ARRAY(SELECT r.number FROM holdpoint.hold_rules(h) AS r
    WHERE owner_rule = 'with-another' AND r.number = ANY(counts) AND r.min_approvals > 1
    ORDER BY r.number);
END
$$;

-- Refuses unless the hold is in one of `states`, and says what became of it.
CREATE FUNCTION holdpoint.hold_check_state(h holdpoint.hold, VARIADIC states text[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
DECLARE
  state text := holdpoint.hold_state(h, clock_timestamp());
  since timestamptz := CASE WHEN state IN ('expired', 'used') AND h.ended_at IS NULL
    THEN h.expires_at ELSE coalesce(h.ended_at, h.approved_at) END;
BEGIN
  IF state = ANY(states) THEN
    RETURN;
  END IF;
  RAISE EXCEPTION 'hold % is not pending: % % ago%', h.id, state,
    justify_interval(date_trunc('second', clock_timestamp() - since)),
    CASE WHEN state IN ('approved', 'denied', 'withdrawn')
      THEN coalesce(' by ' || h.decided_by, '') ELSE '' END
    USING ERRCODE = 'HP002', HINT = CASE WHEN state = 'approved'
      THEN 'Nothing is left to do: the requester can repeat the request.'
      ELSE 'When the requester repeats the request, a new hold is made.' END;
END
$$;

CREATE FUNCTION holdpoint.hold_check_reason(h holdpoint.hold, reason text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
BEGIN
  IF h.require_reason AND coalesce(btrim(reason, E' \t\r\n'), '') = '' THEN
    RAISE EXCEPTION 'hold %: a reason is required', h.id USING ERRCODE = 'HP005';
  END IF;
  IF octet_length(reason) > 4096 THEN
    RAISE EXCEPTION 'hold %: the reason has % bytes, at most 4096 are kept', h.id,
      octet_length(reason) USING ERRCODE = 'string_data_right_truncation';
  END IF;
END
$$;

-- Nobody approves unknowingly what they were not shown.
CREATE FUNCTION holdpoint.hold_check_seen(h holdpoint.hold, p_unseen boolean) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
BEGIN
  IF h.change_unseen IS NOT NULL AND p_unseen IS NOT TRUE THEN
    RAISE EXCEPTION 'hold %: not all of the change is shown: %', h.id, h.change_unseen
      USING ERRCODE = 'HP015',
      HINT = 'To approve it all the same: --unseen, in psql unseen => true.';
  END IF;
END
$$;

-- Refuses a second approval by one person, in whatever channel and under whatever name.
CREATE FUNCTION holdpoint.hold_check_distinct(h holdpoint.hold, a holdpoint.approver)
RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
DECLARE
  person text := holdpoint.person_of(a.channel, a.who, h.cluster);
  former record;
  is_same text;
BEGIN
  FOR former IN SELECT e.who, e.channel, e.person FROM holdpoint.hold_event e
    WHERE e.cluster = h.cluster AND e.hold_id = h.id AND e.action = 'approve'
  LOOP
    is_same := holdpoint.same_person(a.channel, a.who, former.channel, former.who, h.cluster);
    IF person = former.person OR is_same = 'yes' THEN
      RAISE EXCEPTION 'hold %: % has approved it already, another person must too',
        h.id, former.who USING ERRCODE = 'HP007';
    END IF;
    IF is_same = 'perhaps' OR former.channel <> a.channel
      AND NOT holdpoint.is_known_in_both(a.channel, a.who, h.cluster)
      AND NOT holdpoint.is_known_in_both(former.channel, former.who, h.cluster) THEN
      RAISE EXCEPTION 'hold %: % (%) and % (%) may be one person', h.id,
        former.who, former.channel, a.who, a.channel
        USING ERRCODE = 'HP006',
        HINT = 'An administrator enrols one of them with holdpoint.map_approver().';
    END IF;
  END LOOP;
END
$$;

-- The like of what was asked for, for a while: where its rule allows that, and every approver of this
-- hold chooses it. One who does not has approved the one change.
CREATE FUNCTION holdpoint.hold_choose_window(h holdpoint.hold, alike boolean)
RETURNS holdpoint.hold
LANGUAGE plpgsql SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
BEGIN
  IF h.grant_kind = 'Window' THEN
    RETURN h;
  END IF;
  IF alike IS NOT TRUE THEN
    h.chosen_window := NULL;
    h.max_uses := CASE WHEN h.is_question THEN 1 END;
    RETURN h;
  END IF;
  IF h.allow_window IS NULL THEN
    RAISE EXCEPTION 'hold %: it is for this one change; its rule allows nothing like it besides',
      h.id USING ERRCODE = 'HP008', HINT = 'The rule would say so with hold.allowWindow.';
  END IF;
  IF h.approvals > 0 AND h.chosen_window IS NULL THEN
    RAISE EXCEPTION 'hold %: % approved this one change, not the like of it', h.id, h.decided_by
      USING ERRCODE = 'HP008';
  END IF;
  h.max_uses := CASE WHEN h.chosen_window IS NULL THEN h.allow_uses ELSE h.max_uses END;
  h.chosen_window := h.allow_window;
  RETURN h;
END
$$;

-- Refuses what would open more than the hold says. A clock may be a minute ahead of ours.
CREATE FUNCTION holdpoint.hold_check_narrowing(h holdpoint.hold, n holdpoint.narrowing)
RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
DECLARE
  longest interval := coalesce(h.chosen_window, h.window_length);
BEGIN
  IF n.until <= clock_timestamp() OR n.uses < 1 THEN
    RAISE EXCEPTION 'hold %: nothing would be left of the approval; deny it instead', h.id
      USING ERRCODE = 'HP008';
  END IF;
  IF n.until > h.expires_at THEN
    RAISE EXCEPTION 'hold %: until % is later than its end, %', h.id, n.until,
      h.expires_at USING ERRCODE = 'HP008';
  END IF;
  IF n.until > clock_timestamp() + longest + interval '1 minute' THEN
    RAISE EXCEPTION 'hold %: until % is longer than the % it opens at most', h.id, n.until,
      holdpoint.duration_text(longest) USING ERRCODE = 'HP008';
  END IF;
  IF n.uses > coalesce(h.max_uses, CASE WHEN holdpoint.hold_is_window(h) THEN n.uses ELSE 1 END) THEN
    RAISE EXCEPTION 'hold %: % uses are more than the % it allows', h.id, n.uses,
      coalesce(h.max_uses, 1) USING ERRCODE = 'HP008';
  END IF;
  IF n.namespace <> coalesce(h.only_namespace, nullif(h.namespace, ''), n.namespace)
    OR n.name <> coalesce(h.only_name, nullif(h.name, ''), n.name) THEN
    RAISE EXCEPTION 'hold %: that would leave out what it was asked for', h.id
      USING ERRCODE = 'HP008';
  END IF;
END
$$;

-- Applies an approver's narrowing. Each approver may narrow further; none may widen.
CREATE FUNCTION holdpoint.hold_narrow(h holdpoint.hold, n holdpoint.narrowing)
RETURNS holdpoint.hold
LANGUAGE plpgsql SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
BEGIN
  h := holdpoint.hold_choose_window(h, n.alike);
  PERFORM holdpoint.hold_check_seen(h, n.unseen);
  PERFORM holdpoint.hold_check_narrowing(h, n);
  h.expires_at := least(h.expires_at, n.until);
  IF holdpoint.hold_is_window(h) THEN
    h.max_uses := least(h.max_uses, n.uses);
    h.only_namespace := coalesce(n.namespace, h.only_namespace);
    h.only_name := coalesce(n.name, h.only_name);
  END IF;
  RETURN h;
END
$$;

CREATE FUNCTION holdpoint.hold_event_of(p_action text, a holdpoint.approver, p_reason text,
  p_cluster text) RETURNS holdpoint.hold_event
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
DECLARE
  e holdpoint.hold_event;
BEGIN
  e.action := p_action;
  e.channel := a.channel;
  e.who := a.who;
  e.person := holdpoint.person_of(
    CASE a.channel WHEN 'kubernetes' THEN 'kubernetes' ELSE 'database' END,
    a.who, p_cluster);
  e.groups := a.groups;
  e.reason := nullif(p_reason, '');
  e.request_uid := a.request_uid;
  RETURN e;
END
$$;

CREATE TABLE holdpoint.hold_review (
  cluster text NOT NULL,
  hold_id bigint NOT NULL,
  request_uid text NOT NULL CHECK (octet_length(request_uid) BETWEEN 1 AND 253),
  at timestamptz NOT NULL DEFAULT clock_timestamp(),
  action text NOT NULL CHECK (action IN ('approve', 'deny')),
  who text NOT NULL,
  groups text[],
  reason text,
  terms jsonb,
  counted boolean NOT NULL,
  state text NOT NULL DEFAULT 'waiting'
    CHECK (state IN ('waiting', 'confirmed', 'refused', 'lapsed')),
  why text,
  resolved_at timestamptz,
  event_seq bigint,
  PRIMARY KEY (cluster, hold_id, request_uid),
  FOREIGN KEY (cluster, hold_id) REFERENCES holdpoint.hold,
  CHECK ((state = 'waiting') = (resolved_at IS NULL))
);
CREATE INDEX hold_review_waiting ON holdpoint.hold_review (at) WHERE state = 'waiting';
CREATE INDEX hold_review_unconfirmed ON holdpoint.hold_review (at) WHERE state <> 'confirmed';
ALTER TABLE holdpoint.hold_review ENABLE ROW LEVEL SECURITY;
CREATE POLICY auditor ON holdpoint.hold_review FOR SELECT TO holdpoint_auditor USING (true);
CREATE POLICY approver ON holdpoint.hold_review FOR SELECT TO holdpoint_approver
  USING (EXISTS (SELECT FROM holdpoint.hold h
    WHERE h.cluster = hold_review.cluster AND h.id = hold_review.hold_id));
GRANT SELECT ON holdpoint.hold_review TO holdpoint_approver, holdpoint_auditor;
COMMENT ON TABLE holdpoint.hold_review IS
  'Decisions by HoldReview, each with what the API server''s audit event says of it. '
  'The event is found by hold and request uid, one for one.';
COMMENT ON COLUMN holdpoint.hold_review.cluster IS 'The hold''s cluster.';
COMMENT ON COLUMN holdpoint.hold_review.hold_id IS 'The hold.';
COMMENT ON COLUMN holdpoint.hold_review.request_uid IS
  'uid of the admission request; the event repeats it in its annotation hold-review.';
COMMENT ON COLUMN holdpoint.hold_review.at IS 'When the webhook reported it.';
COMMENT ON COLUMN holdpoint.hold_review.action IS 'approve or deny.';
COMMENT ON COLUMN holdpoint.hold_review.who IS 'Who made it, as the API server told the webhook.';
COMMENT ON COLUMN holdpoint.hold_review.groups IS 'Their groups.';
COMMENT ON COLUMN holdpoint.hold_review.reason IS 'The reason given.';
COMMENT ON COLUMN holdpoint.hold_review.terms IS 'How it narrows the approval.';
COMMENT ON COLUMN holdpoint.hold_review.counted IS
  'It had its effect at once: every denial; an approval where config says direct.';
COMMENT ON COLUMN holdpoint.hold_review.state IS
  'waiting (for the event), confirmed, refused (the event, or what became of the hold, says '
  'otherwise) or lapsed (no event came).';
COMMENT ON COLUMN holdpoint.hold_review.why IS 'Why it was refused, or lapsed.';
COMMENT ON COLUMN holdpoint.hold_review.resolved_at IS 'When it stopped waiting.';
COMMENT ON COLUMN holdpoint.hold_review.event_seq IS 'The audit event''s number in its cluster.';
CREATE TRIGGER refuse_delete BEFORE DELETE ON holdpoint.hold_review
  FOR EACH ROW EXECUTE FUNCTION holdpoint.refuse_change();
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON holdpoint.hold_review
  FOR EACH STATEMENT EXECUTE FUNCTION holdpoint.refuse_truncate();
CREATE TRIGGER refuse_change BEFORE UPDATE OF cluster, hold_id, request_uid, at, action, who, groups,
  reason, terms ON holdpoint.hold_review
  FOR EACH ROW EXECUTE FUNCTION holdpoint.refuse_change();

CREATE FUNCTION holdpoint.hold_review_guard() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    NEW.at := clock_timestamp();
    NEW.state := 'waiting';
  ELSIF OLD.state <> 'waiting' THEN
    RAISE EXCEPTION 'hold %: the review % is % already', OLD.hold_id, OLD.request_uid, OLD.state
      USING ERRCODE = 'HP010';
  ELSE
    NEW.resolved_at := clock_timestamp();
  END IF;
  RETURN NEW;
END
$$;
CREATE TRIGGER hold_review_guard BEFORE INSERT OR UPDATE ON holdpoint.hold_review
  FOR EACH ROW EXECUTE FUNCTION holdpoint.hold_review_guard();

-- The same review once more: the API server repeats a call it got no answer to.
CREATE FUNCTION holdpoint.is_repeated_review(h holdpoint.hold, a holdpoint.approver,
  p_action text) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
  SELECT a.channel = 'kubernetes' AND (EXISTS (SELECT FROM holdpoint.hold_review r
      WHERE r.cluster = h.cluster AND r.hold_id = h.id AND r.request_uid = a.request_uid
        AND r.who = a.who AND r.action = p_action)
    OR EXISTS (SELECT FROM holdpoint.hold_event e
      WHERE e.cluster = h.cluster AND e.hold_id = h.id AND e.channel = 'kubernetes'
        AND e.request_uid = a.request_uid AND e.who = a.who AND e.action = p_action))
$$;

CREATE FUNCTION holdpoint.hold_add_review(h holdpoint.hold, a holdpoint.approver, p_action text,
  p_reason text, p_terms jsonb, p_counted boolean) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
  INSERT INTO holdpoint.hold_review (cluster, hold_id, request_uid, action, who, groups, reason,
    terms, counted)
  VALUES (h.cluster, h.id, a.request_uid, p_action, a.who, a.groups, nullif(p_reason, ''), p_terms,
    p_counted)
$$;

-- For which of the rules this approval counts, when everything else is right; says so when not.
CREATE FUNCTION holdpoint.hold_check_approval(h holdpoint.hold, a holdpoint.approver, p_reason text)
RETURNS int[]
LANGUAGE plpgsql SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
DECLARE
  counts int[];
BEGIN
  PERFORM holdpoint.hold_check_approver(h, a);
  PERFORM holdpoint.hold_check_state(h, 'pending');
  PERFORM holdpoint.hold_check_reason(h, p_reason);
  PERFORM holdpoint.hold_check_distinct(h, a);
  counts := CASE WHEN h.rules IS NULL THEN '{1}' ELSE holdpoint.hold_counts_for(h, a) END;
  counts := holdpoint.hold_owner_counts(h, a, counts);
  IF cardinality(counts) = 0 THEN
    RAISE EXCEPTION 'hold %: % owns the agent that asks for it, and another person must approve',
      h.id, a.who USING ERRCODE = 'HP004';
  END IF;
  RETURN counts;
END
$$;

-- An approval that counts. The hold's row is locked.
CREATE FUNCTION holdpoint.hold_count_approval(h holdpoint.hold, a holdpoint.approver, p_reason text,
  n holdpoint.narrowing) RETURNS holdpoint.hold
LANGUAGE plpgsql SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
DECLARE
  counts int[] := holdpoint.hold_check_approval(h, a, p_reason);
  e holdpoint.hold_event;
BEGIN
  h := holdpoint.hold_narrow(h, n);
  e := holdpoint.hold_event_of('approve', a, p_reason, h.cluster);
  e.terms := nullif(jsonb_strip_nulls(to_jsonb(n)), '{}');
  h.approvals := h.approvals + 1;
  IF h.rules IS NOT NULL THEN
    e.counts_for := counts;
    h.rule_approvals := ARRAY(SELECT r.approvals + (r.number = ANY(e.counts_for))::int
      FROM holdpoint.hold_rules(h) AS r ORDER BY r.number);
  END IF;
  h.decided_by := a.who;
  h.decided_reason := nullif(p_reason, '');
  IF NOT EXISTS (SELECT FROM holdpoint.hold_rules(h) AS r WHERE r.approvals < r.min_approvals) THEN
    h.state := 'approved';
    h.approved_at := clock_timestamp();
    h.expires_at := least(h.expires_at,
      h.approved_at + coalesce(h.chosen_window, h.window_length));
  END IF;
  RETURN holdpoint.hold_step(h, e);
END
$$;

CREATE FUNCTION holdpoint.hold_approve(p_hold_id bigint, a holdpoint.approver, p_reason text,
  n holdpoint.narrowing) RETURNS holdpoint.hold
LANGUAGE plpgsql SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
BEGIN
  RETURN holdpoint.hold_count_approval(holdpoint.hold_lock(p_hold_id, a), a, p_reason, n);
END
$$;

-- An approval by HoldReview: counts at once (p_direct), or when the audit event has come.
CREATE FUNCTION holdpoint.hold_review_approve(p_hold_id bigint, a holdpoint.approver, p_reason text,
  n holdpoint.narrowing, p_direct boolean) RETURNS holdpoint.hold
LANGUAGE plpgsql SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
DECLARE
  h holdpoint.hold := holdpoint.hold_lock(p_hold_id, a);
  terms jsonb := nullif(jsonb_strip_nulls(to_jsonb(n)), '{}');
  e holdpoint.hold_event;
BEGIN
  IF holdpoint.is_repeated_review(h, a, 'approve') THEN
    RETURN h;
  ELSIF p_direct THEN
    h := holdpoint.hold_count_approval(h, a, p_reason, n);
    PERFORM holdpoint.hold_add_review(h, a, 'approve', p_reason, terms, true);
    RETURN h;
  END IF;
  PERFORM holdpoint.hold_check_approval(h, a, p_reason), holdpoint.hold_narrow(h, n);
  IF (SELECT count(*) >= 64 FROM holdpoint.hold_review r
    WHERE r.cluster = h.cluster AND r.hold_id = h.id AND r.state = 'waiting') THEN
    RAISE EXCEPTION 'hold %: too many approvals of it wait for audit events of the API server', h.id
      USING ERRCODE = 'HP009';
  END IF;
  PERFORM holdpoint.hold_add_review(h, a, 'approve', p_reason, terms, false);
  e := holdpoint.hold_event_of('review', a, p_reason, h.cluster);
  e.terms := terms;
  h.unconfirmed := ARRAY(SELECT DISTINCT u FROM unnest(h.unconfirmed || a.who) AS u ORDER BY u);
  RETURN holdpoint.hold_step(h, e);
END
$$;

-- A denial ends a hold, also one that was approved and is not used up: that is how to revoke.
CREATE FUNCTION holdpoint.hold_deny(p_hold_id bigint, a holdpoint.approver, p_reason text)
RETURNS holdpoint.hold
LANGUAGE plpgsql SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
DECLARE
  h holdpoint.hold := holdpoint.hold_lock(p_hold_id, a);
BEGIN
  IF holdpoint.is_repeated_review(h, a, 'deny') THEN
    RETURN h;
  END IF;
  PERFORM holdpoint.hold_check_approver(h, a);
  PERFORM holdpoint.hold_check_state(h, 'pending', 'approved');
  PERFORM holdpoint.hold_check_reason(h, p_reason);
  h.state := 'denied';
  h.decided_by := a.who;
  h.decided_reason := nullif(p_reason, '');
  IF a.channel = 'kubernetes' THEN
    PERFORM holdpoint.hold_add_review(h, a, 'deny', p_reason, NULL, true);
  END IF;
  RETURN holdpoint.hold_step(h, holdpoint.hold_event_of('deny', a, p_reason, h.cluster));
END
$$;

-- Whether the login may take a hold back: the requester by another name, the owner of the agent that
-- asked, one of its approvers, or the webhook (for a requester whom only the API server knows). It can only take away.
CREATE FUNCTION holdpoint.may_withdraw(h holdpoint.hold, a holdpoint.approver) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
  SELECT a.channel = 'webhook' OR holdpoint.is_approver(h, a)
    OR coalesce(holdpoint.person_of('database', a.who, h.cluster)
      IN (holdpoint.person_of('kubernetes', h.username, h.cluster),
        holdpoint.spelling((holdpoint.hold_requester(h)).owner)), false)
$$;

CREATE FUNCTION holdpoint.hold_withdraw(p_hold_id bigint, a holdpoint.approver, p_reason text)
RETURNS holdpoint.hold
LANGUAGE plpgsql SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
DECLARE
  h holdpoint.hold := holdpoint.hold_lock(p_hold_id, a);
BEGIN
  IF NOT holdpoint.may_withdraw(h, a) THEN
    RAISE EXCEPTION 'hold %: % neither asked for it nor is among its approvers', h.id, a.who
      USING ERRCODE = 'HP003';
  END IF;
  PERFORM holdpoint.hold_check_state(h, 'pending', 'approved');
  h.state := 'withdrawn';
  h.decided_by := a.who;
  h.decided_reason := nullif(left(p_reason, 1024), '');
  RETURN holdpoint.hold_step(h,
    holdpoint.hold_event_of('withdraw', a, h.decided_reason, h.cluster));
END
$$;

-- The login as an approver. A login of the webhook is none, whatever else it was granted.
CREATE FUNCTION holdpoint.database_approver() RETURNS holdpoint.approver
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
BEGIN
  IF holdpoint.is_group_member(ARRAY['holdpoint_webhook'])
    AND NOT (SELECT rolsuper FROM pg_roles WHERE rolname = session_user) THEN
    RAISE EXCEPTION '% is a login of the webhook and cannot decide on holds', session_user
      USING ERRCODE = 'HP003';
  END IF;
  RETURN ROW('database', session_user, NULL, NULL, NULL)::holdpoint.approver;
END
$$;

CREATE FUNCTION holdpoint.kubernetes_approver(p_cluster text, p_username text, p_groups text[],
  p_request_uid text) RETURNS holdpoint.approver
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
BEGIN
  IF coalesce(p_cluster, '') = '' OR coalesce(p_request_uid, '') = ''
    OR octet_length(p_request_uid) > 253 OR octet_length(p_username) > 1024 THEN
    RAISE EXCEPTION 'a review needs cluster and request uid'
      USING ERRCODE = 'invalid_parameter_value';
  END IF;
  IF coalesce(p_username, '') IN ('', 'system:anonymous')
    OR 'system:unauthenticated' = ANY(p_groups) THEN
    RAISE EXCEPTION 'an unauthenticated user cannot decide on holds'
      USING ERRCODE = 'HP003';
  END IF;
  IF holdpoint.is_group_member(ARRAY['holdpoint_approver'])
    AND NOT (SELECT rolsuper FROM pg_roles WHERE rolname = session_user) THEN
    RAISE EXCEPTION 'login % is both webhook and approver: refused', session_user
      USING ERRCODE = 'HP003';
  END IF;
  RETURN ROW('kubernetes', p_username, p_groups, p_cluster, p_request_uid)::holdpoint.approver;
END
$$;

-- What the approver is told.
CREATE FUNCTION holdpoint.hold_sentence(h holdpoint.hold) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
  SELECT format('hold %s %s: %s %s %s by %s', h.id,
    CASE WHEN h.state <> 'pending' THEN h.state
      WHEN h.rules IS NULL THEN format('has %s of %s approvals', h.approvals, h.min_approvals)
      ELSE format('has %s approval%s and still needs %s', h.approvals,
        CASE h.approvals WHEN 1 THEN '' ELSE 's' END, holdpoint.hold_approver_names(h)) END,
    h.operation, holdpoint.resource_name(h.api_group, h.resource, h.subresource),
    concat_ws('/', nullif(h.namespace, ''), nullif(h.name, '')), h.username)
    || CASE h.state WHEN 'approved' THEN '. Opens: ' || holdpoint.hold_opens(h)
      WHEN 'pending' THEN '. Will open: ' || holdpoint.hold_opens(h) ELSE '' END
$$;

-- A refusal is raised anew by the functions that people call from psql, which else would print the
-- whole way down to it.
CREATE FUNCTION holdpoint.approve(hold_id bigint, reason text DEFAULT NULL,
  until timestamptz DEFAULT NULL, uses int DEFAULT NULL,
  namespace text DEFAULT NULL, name text DEFAULT NULL, alike boolean DEFAULT false,
  unseen boolean DEFAULT false)
RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
DECLARE
  said text;
  hint text;
BEGIN
  RETURN holdpoint.hold_sentence(holdpoint.hold_approve(approve.hold_id,
    holdpoint.database_approver(), approve.reason,
    ROW(approve.until, approve.uses, approve.namespace, approve.name,
      nullif(approve.alike, false), nullif(approve.unseen, false))::holdpoint.narrowing));
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS said = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT;
  IF SQLSTATE NOT LIKE 'HP%' THEN
    RAISE;
  END IF;
  RAISE EXCEPTION USING MESSAGE = said, ERRCODE = SQLSTATE, HINT = hint;
END
$$;
COMMENT ON FUNCTION holdpoint.approve(bigint, text, timestamptz, int, text, text, boolean, boolean) IS
  'Approves a hold as the login. To narrow: '
  'until => now() + ''10 minutes'', uses => 3, namespace => ''prod'', name => ''x''. '
  'alike => true: not this change alone but the like of it too, where the rule allows it. '
  'unseen => true: also what could not be shown.';

CREATE FUNCTION holdpoint.deny(hold_id bigint, reason text DEFAULT NULL) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
DECLARE
  said text;
  hint text;
BEGIN
  RETURN holdpoint.hold_sentence(holdpoint.hold_deny(deny.hold_id,
    holdpoint.database_approver(), deny.reason));
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS said = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT;
  IF SQLSTATE NOT LIKE 'HP%' THEN
    RAISE;
  END IF;
  RAISE EXCEPTION USING MESSAGE = said, ERRCODE = SQLSTATE, HINT = hint;
END
$$;
COMMENT ON FUNCTION holdpoint.deny(bigint, text) IS
  'Denies a hold as the login, or revokes an approval that is not used up.';

CREATE FUNCTION holdpoint.withdraw(hold_id bigint, reason text DEFAULT NULL) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
DECLARE
  said text;
  hint text;
BEGIN
  RETURN holdpoint.hold_sentence(holdpoint.hold_withdraw(withdraw.hold_id,
    ROW(CASE WHEN holdpoint.is_group_member(ARRAY['holdpoint_webhook'])
        AND NOT holdpoint.is_group_member(ARRAY['holdpoint_approver'])
      THEN 'webhook' ELSE 'database' END,
      session_user, NULL, NULL, NULL)::holdpoint.approver, withdraw.reason));
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS said = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT;
  IF SQLSTATE NOT LIKE 'HP%' THEN
    RAISE;
  END IF;
  RAISE EXCEPTION USING MESSAGE = said, ERRCODE = SQLSTATE, HINT = hint;
END
$$;
COMMENT ON FUNCTION holdpoint.withdraw(bigint, text) IS
  'Takes a hold back: its requester, the owner of the agent that asked, one of its approvers, or the '
  'webhook.';

CREATE TABLE holdpoint.authorize_note (
  cluster text NOT NULL CHECK (octet_length(cluster) BETWEEN 1 AND 253),
  kind text NOT NULL CHECK (kind IN ('review', 'impersonate')),
  username text NOT NULL CHECK (octet_length(username) <= 1024),
  at timestamptz NOT NULL,
  PRIMARY KEY (cluster, kind, username)
);
CREATE INDEX authorize_note_at ON holdpoint.authorize_note (at);
COMMENT ON TABLE holdpoint.authorize_note IS
  'What /authorize was asked in the last minutes, as far as direct approvals by HoldReview depend on '
  'it.';
COMMENT ON COLUMN holdpoint.authorize_note.cluster IS 'Whose API server asked.';
COMMENT ON COLUMN holdpoint.authorize_note.kind IS
  'review: may this user create a HoldReview? impersonate: may somebody act as this user?';
COMMENT ON COLUMN holdpoint.authorize_note.username IS 'This user.';
COMMENT ON COLUMN holdpoint.authorize_note.at IS 'When it was last asked.';

CREATE FUNCTION holdpoint.authorize_asked(p_cluster text, p_kind text, p_username text)
RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
  DELETE FROM holdpoint.authorize_note n WHERE n.at < clock_timestamp() - interval '1 hour';
  INSERT INTO holdpoint.authorize_note AS n (cluster, kind, username, at)
  VALUES (p_cluster, p_kind, p_username, clock_timestamp())
  ON CONFLICT (cluster, kind, username) DO UPDATE SET at = excluded.at;
$$;
COMMENT ON FUNCTION holdpoint.authorize_asked(text, text, text) IS
  'Notes that /authorize was asked whether this user may create a HoldReview (review), or whether '
  'somebody may act as this user (impersonate).';

-- Whether an approval by HoldReview counts at once: an administrator said so, /authorize was asked
-- about this very creation, so that it is asked at all, and nobody has asked to act as this user, for
-- longer than the API server remembers a yes. The name that somebody else borrows is then not taken
-- for its owner's.
CREATE FUNCTION holdpoint.review_is_direct(p_cluster text, p_username text) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
  SELECT holdpoint.kubernetes_approvals_in(p_cluster) = 'direct'
    AND EXISTS (SELECT FROM holdpoint.authorize_note n WHERE n.cluster = p_cluster
      AND n.kind = 'review' AND n.username = p_username
      AND n.at > clock_timestamp() - interval '1 minute')
    AND NOT EXISTS (SELECT FROM holdpoint.authorize_note n WHERE n.cluster = p_cluster
      AND n.kind = 'impersonate' AND n.username = p_username
      AND n.at > clock_timestamp() - interval '10 minutes')
$$;

-- What somebody is told who approves by HoldReview.
CREATE FUNCTION holdpoint.review_sentence(h holdpoint.hold, p_username text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
  SELECT CASE WHEN h.state = 'pending' AND p_username = ANY(h.unconfirmed)
    THEN format('hold %s: your approval is written down and waits for the API server''s audit event, '
      'without which it does not count (%s of %s approvals)', h.id, h.approvals, h.min_approvals)
    ELSE holdpoint.hold_sentence(h) END
$$;

CREATE FUNCTION holdpoint.approve_as_kubernetes(p_cluster text, p_hold_id bigint,
  p_username text, p_groups text[], p_request_uid text, p_reason text DEFAULT NULL,
  p_until timestamptz DEFAULT NULL, p_uses int DEFAULT NULL,
  p_namespace text DEFAULT NULL, p_name text DEFAULT NULL, p_alike boolean DEFAULT false,
  p_may_fail boolean DEFAULT false, p_unseen boolean DEFAULT false)
RETURNS text
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
  SELECT holdpoint.review_sentence(holdpoint.hold_review_approve(p_hold_id,
    holdpoint.kubernetes_approver(p_cluster, p_username, p_groups, p_request_uid),
    p_reason, ROW(p_until, p_uses, p_namespace, p_name,
      nullif(p_alike, false), nullif(p_unseen, false))::holdpoint.narrowing,
    NOT p_may_fail AND holdpoint.review_is_direct(p_cluster, p_username)), p_username)
$$;
COMMENT ON FUNCTION holdpoint.approve_as_kubernetes IS
  'Approves for the creator of a HoldReview, as the API server authenticated them; when that counts: '
  'config.kubernetes_approvals. p_may_fail: its name may be taken, so that it may not be created '
  'after all, and it never counts at once.';

CREATE FUNCTION holdpoint.deny_as_kubernetes(p_cluster text, p_hold_id bigint,
  p_username text, p_groups text[], p_request_uid text, p_reason text DEFAULT NULL)
RETURNS text
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
  SELECT holdpoint.hold_sentence(holdpoint.hold_deny(p_hold_id,
    holdpoint.kubernetes_approver(p_cluster, p_username, p_groups, p_request_uid),
    p_reason))
$$;
COMMENT ON FUNCTION holdpoint.deny_as_kubernetes IS
  'Denies for the creator of a HoldReview, as the API server authenticated them.';

-- What became of somebody's latest approval by HoldReview.
CREATE FUNCTION holdpoint.latest_review(p_cluster text, p_hold_id bigint, p_username text)
RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
  SELECT jsonb_build_object('review', jsonb_build_object('state', r.state, 'why', r.why,
    'counted', r.counted OR r.state = 'confirmed',
    'holdState', holdpoint.hold_state(h, clock_timestamp()), 'approvals', h.approvals,
    'minApprovals', h.min_approvals))
  FROM holdpoint.hold_review r
  JOIN holdpoint.hold h ON h.cluster = r.cluster AND h.id = r.hold_id
  WHERE r.cluster = p_cluster AND r.hold_id = p_hold_id AND r.who = p_username
    AND r.action = 'approve' ORDER BY r.at DESC LIMIT 1
$$;

-- What waits for somebody who has kubectl alone: the holds that a HoldReview of theirs may decide,
-- newest first; with p_hold_id that one, and its change. The webhook, which passes on who asks, has
-- seen all of it before.
CREATE FUNCTION holdpoint.holds_as_kubernetes(p_cluster text, p_username text, p_groups text[],
  p_request_uid text, p_hold_id bigint DEFAULT NULL, p_limit int DEFAULT 100) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
DECLARE
  a holdpoint.approver :=
    holdpoint.kubernetes_approver(p_cluster, p_username, p_groups, p_request_uid);
  at timestamptz := clock_timestamp();
  found_holds jsonb;
BEGIN
  PERFORM holdpoint.check_channel(a, p_cluster);
  SELECT jsonb_agg(w.summary ORDER BY w.id DESC) INTO found_holds FROM (
    SELECT h.id, holdpoint.hold_summary(h) || jsonb_build_object(
        'message', left(h.message, 1024), 'name', left(h.name, 253),
        'requireReason', h.require_reason, 'attempts', h.attempts,
        'ageSeconds', extract(epoch FROM at - h.created_at)::bigint,
        'expiresInSeconds', extract(epoch FROM h.expires_at - at)::bigint)
      || CASE WHEN p_hold_id IS NULL THEN '{}'
        ELSE jsonb_build_object('change', h.change) END AS summary
    FROM holdpoint.hold h
    WHERE h.cluster = p_cluster AND h.state = 'pending' AND h.ended_at IS NULL
      AND h.expires_at > at AND (p_hold_id IS NULL OR h.id = p_hold_id)
      AND (cardinality(h.approvers) = 0 OR h.approvers && p_groups)
      AND holdpoint.is_approver(h, a)
      AND holdpoint.same_person('kubernetes', p_username, 'kubernetes', h.username, h.cluster)
        = 'no'
    ORDER BY h.id DESC LIMIT least(greatest(p_limit, 1), 1000) + 1) AS w;
  RETURN jsonb_build_object(
    'holds', coalesce(jsonb_path_query_array(found_holds, '$[0 to $last]',
      jsonb_build_object('last', least(greatest(p_limit, 1), 1000) - 1)), '[]'),
    'more', coalesce(jsonb_array_length(found_holds), 0) > least(greatest(p_limit, 1), 1000))
    || coalesce(holdpoint.latest_review(p_cluster, p_hold_id, p_username), '{}');
END
$$;
COMMENT ON FUNCTION holdpoint.holds_as_kubernetes IS
  'The pending holds that this user of the API server may decide: {holds: [...], more}; asked for '
  'one, also what became of their latest approval of it: review: {state, why, counted, holdState}.';

GRANT EXECUTE ON FUNCTION holdpoint.approve(bigint, text, timestamptz, int, text, text, boolean, boolean),
  holdpoint.deny(bigint, text) TO holdpoint_approver;
GRANT EXECUTE ON FUNCTION holdpoint.withdraw(bigint, text)
  TO holdpoint_approver, holdpoint_webhook;
GRANT EXECUTE ON FUNCTION holdpoint.approve_as_kubernetes, holdpoint.deny_as_kubernetes,
  holdpoint.holds_as_kubernetes, holdpoint.authorize_asked(text, text, text)
  TO holdpoint_webhook;
