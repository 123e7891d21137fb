-- SPDX-License-Identifier: Apache-2.0
-- Stopping an identity: everything that a user, or a member of a group, asks of the API server is
-- denied, reads included, until somebody resumes it or the time is over.
--
-- stop_event is all there is, and append-only: who is stopped now follows from the latest step of each
-- name. The webhooks keep that list in memory; NOTIFY holdpoint_stop makes them read it anew, and they
-- look twice a second besides.
--
-- A stop takes away and counts at once. A resumption gives back: with kubectl it counts when the API
-- server's audit event confirms who made it, as approvals do (0016).

DO $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'holdpoint_stopper') THEN
    CREATE ROLE holdpoint_stopper NOLOGIN;
  END IF;
END
$$;
COMMENT ON ROLE holdpoint_stopper IS
  'Holdpoint: for people who stop identities, and let them go on.';

SET LOCAL ROLE holdpoint_owner;
SET LOCAL search_path = pg_catalog, holdpoint, pg_temp;

GRANT USAGE ON SCHEMA holdpoint TO holdpoint_stopper;
GRANT SELECT ON holdpoint.schema_migration TO holdpoint_stopper;

ALTER TABLE holdpoint.config ADD COLUMN stopper_groups text[] NOT NULL DEFAULT '{holdpoint-stoppers}'
  CHECK (array_position(stopper_groups, NULL) IS NULL);
COMMENT ON COLUMN holdpoint.config.stopper_groups IS
  'Kubernetes groups whose members may stop and resume with kubectl; none: nobody may.';

CREATE TABLE holdpoint.stop_event (
  cluster text NOT NULL CHECK (octet_length(cluster) <= 253),
  id bigint GENERATED ALWAYS AS IDENTITY,
  at timestamptz NOT NULL,
  action text NOT NULL CHECK (action IN ('stop', 'resume', 'ask-resume', 'refuse-resume')),
  kind text NOT NULL CHECK (kind IN ('user', 'group')),
  name text NOT NULL CHECK (octet_length(name) BETWEEN 1 AND 1024),
  until timestamptz,
  reason text NOT NULL CHECK (octet_length(reason) BETWEEN 1 AND 4096),
  channel text NOT NULL CHECK (channel IN ('database', 'kubernetes', 'system')),
  who text NOT NULL,
  groups text[],
  request_uid text,
  database_user text NOT NULL,
  client_address inet,
  PRIMARY KEY (cluster, id)
);
CREATE INDEX stop_event_name ON holdpoint.stop_event (cluster, kind, name, id);
CREATE INDEX stop_event_review ON holdpoint.stop_event (request_uid) WHERE request_uid IS NOT NULL;
COMMENT ON TABLE holdpoint.stop_event IS 'Append-only: who was stopped, and resumed, by whom and why.';
COMMENT ON COLUMN holdpoint.stop_event.cluster IS 'Where; empty: in all clusters.';
COMMENT ON COLUMN holdpoint.stop_event.id IS 'Its number.';
COMMENT ON COLUMN holdpoint.stop_event.at IS 'When.';
COMMENT ON COLUMN holdpoint.stop_event.action IS
  'stop, resume; ask-resume (with kubectl, not confirmed yet) and what may follow it, refuse-resume.';
COMMENT ON COLUMN holdpoint.stop_event.kind IS 'user or group.';
COMMENT ON COLUMN holdpoint.stop_event.name IS 'The user or group, as the API server calls it.';
COMMENT ON COLUMN holdpoint.stop_event.until IS 'When a stop ends by itself; null: it does not.';
COMMENT ON COLUMN holdpoint.stop_event.reason IS 'Why.';
COMMENT ON COLUMN holdpoint.stop_event.channel IS 'database, kubernetes (a HoldStop) or system.';
COMMENT ON COLUMN holdpoint.stop_event.who IS 'The login, or the creator of the HoldStop.';
COMMENT ON COLUMN holdpoint.stop_event.groups IS 'Groups of the creator of the HoldStop.';
COMMENT ON COLUMN holdpoint.stop_event.request_uid IS 'uid of the admission request of the HoldStop.';
COMMENT ON COLUMN holdpoint.stop_event.database_user IS 'The login that wrote it.';
COMMENT ON COLUMN holdpoint.stop_event.client_address IS 'From where; null over a local socket.';
SELECT holdpoint.make_append_only('holdpoint.stop_event');
GRANT SELECT ON holdpoint.stop_event TO holdpoint_stopper, holdpoint_approver, holdpoint_auditor;

CREATE FUNCTION holdpoint.stamp_stop_event() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
BEGIN
  NEW.at := clock_timestamp();
  NEW.database_user := session_user;
  NEW.client_address := inet_client_addr();
  RETURN NEW;
END
$$;
CREATE TRIGGER stamp BEFORE INSERT ON holdpoint.stop_event
  FOR EACH ROW EXECUTE FUNCTION holdpoint.stamp_stop_event();

CREATE VIEW holdpoint.stops WITH (security_invoker = true) AS
  SELECT s.id AS stop, s.cluster, s.kind, s.name, s.at, s.until, s.who, s.reason
  FROM holdpoint.stop_event s
  WHERE s.action = 'stop' AND (s.until IS NULL OR s.until > clock_timestamp())
    AND NOT EXISTS (SELECT FROM holdpoint.stop_event l WHERE l.cluster = s.cluster
      AND l.kind = s.kind AND l.name = s.name AND l.id > s.id AND l.action IN ('stop', 'resume'));
COMMENT ON VIEW holdpoint.stops IS 'Who is stopped now; cluster is empty: in all clusters.';
GRANT SELECT ON holdpoint.stops TO holdpoint_stopper, holdpoint_approver, holdpoint_auditor;

CREATE FUNCTION holdpoint.stops_in_force(p_cluster text)
RETURNS TABLE (stop bigint, kind text, name text, who text, reason text, left_ms bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
  SELECT s.stop, s.kind, s.name, s.who, s.reason,
    CASE WHEN s.until < 'infinity'
      THEN greatest(ceil(extract(epoch FROM s.until - clock_timestamp()) * 1000), 0)::bigint END
  FROM holdpoint.stops s WHERE s.cluster IN ('', p_cluster) ORDER BY s.stop
$$;
COMMENT ON FUNCTION holdpoint.stops_in_force(text) IS
  'Who is stopped in this cluster; left_ms: until the stop ends by itself.';

-- Whether this user, or a person of this login, is stopped.
CREATE FUNCTION holdpoint.is_stopped(p_channel text, p_who text, p_groups text[], p_cluster text)
RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
  SELECT EXISTS (SELECT FROM holdpoint.stops s
    WHERE (s.cluster IN ('', p_cluster) OR p_cluster IS NULL)
      AND CASE WHEN s.kind = 'group' THEN p_channel = 'kubernetes' AND s.name = ANY(p_groups)
        ELSE s.name = p_who AND p_channel = 'kubernetes'
          OR EXISTS (SELECT FROM holdpoint.identity k
            WHERE k.kind = 'kubernetes' AND k.name = s.name AND (k.cluster IN ('', p_cluster) OR p_cluster IS NULL)
              AND k.person = holdpoint.enrolled_person(p_channel, p_who, coalesce(p_cluster, ''))) END)
$$;

-- Refuses who may not stop and resume: an agent, somebody who is stopped, the webhook's login.
CREATE FUNCTION holdpoint.check_stopper(a holdpoint.approver) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
BEGIN
  IF a.channel = 'kubernetes' AND NOT EXISTS (SELECT FROM holdpoint.config c
    WHERE c.stopper_groups && a.groups) THEN
    RAISE EXCEPTION '% is in none of the groups that may stop and resume (%)', a.who,
      (SELECT coalesce(nullif(array_to_string(c.stopper_groups, ', '), ''), 'there are none')
        FROM holdpoint.config c) USING ERRCODE = 'HP003';
  END IF;
  IF EXISTS (SELECT FROM holdpoint.person p WHERE p.kind = 'agent'
    AND p.name = holdpoint.enrolled_person(a.channel, a.who, coalesce(a.cluster, ''))) THEN
    RAISE EXCEPTION '% is an agent and neither stops nor resumes', a.who USING ERRCODE = 'HP003';
  END IF;
  IF holdpoint.is_stopped(a.channel, a.who, a.groups, a.cluster) THEN
    RAISE EXCEPTION '% is stopped', a.who USING ERRCODE = 'HP016';
  END IF;
END
$$;

-- Tells the webhooks, and people.
CREATE FUNCTION holdpoint.stop_announce(s holdpoint.stop_event) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
BEGIN
  PERFORM pg_notify('holdpoint_stop', 'stop ' || s.id);
  PERFORM holdpoint.outbox_add(t.cluster,
    CASE s.action WHEN 'stop' THEN 'identity.stopped' ELSE 'identity.resumed' END, s.id,
    jsonb_build_object('stop', s.id, 'cluster', t.cluster, 'kind', s.kind, 'identity', s.name,
      'decidedBy', s.who, 'reason', s.reason, 'until', s.until))
  FROM (SELECT DISTINCT o.cluster FROM holdpoint.outbox_target o
    WHERE s.cluster IN ('', o.cluster)) AS t;
END
$$;

-- One step of a name, under a lock that nobody waits for long.
CREATE FUNCTION holdpoint.stop_step(p_action text, p_kind text, p_name text, p_cluster text,
  p_reason text, p_until timestamptz, a holdpoint.approver) RETURNS holdpoint.stop_event
LANGUAGE plpgsql SET search_path = pg_catalog, holdpoint, pg_temp SET lock_timeout = '700ms'
AS $$
DECLARE
  s holdpoint.stop_event;
BEGIN
  INSERT INTO holdpoint.stop_event (cluster, action, kind, name, until, reason, channel, who, groups,
    request_uid)
  VALUES (p_cluster, p_action, p_kind, p_name, p_until, p_reason, a.channel, a.who, a.groups,
    a.request_uid)
  RETURNING * INTO s;
  IF p_action IN ('stop', 'resume') THEN
    PERFORM holdpoint.stop_announce(s);
  END IF;
  RETURN s;
END
$$;

CREATE FUNCTION holdpoint.stop_lock(p_kind text, p_name text, p_cluster text, p_reason text)
RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, holdpoint, pg_temp SET lock_timeout = '700ms'
AS $$
BEGIN
  IF coalesce(p_name, '') = '' OR octet_length(p_name) > 1024 OR p_cluster IS NULL THEN
    RAISE EXCEPTION 'whom to stop or resume must be said' USING ERRCODE = 'invalid_parameter_value';
  END IF;
  IF coalesce(btrim(p_reason, E' \t\r\n'), '') = '' THEN
    RAISE EXCEPTION '% %: a reason is required', p_kind, p_name USING ERRCODE = 'HP005';
  END IF;
  IF octet_length(p_reason) > 4096 THEN
    RAISE EXCEPTION 'the reason has % bytes, at most 4096 are kept', octet_length(p_reason)
      USING ERRCODE = 'string_data_right_truncation';
  END IF;
  PERFORM holdpoint.end_open_decision_soon();
  PERFORM pg_advisory_xact_lock(hashtextextended(concat_ws('/', 'stop', p_cluster, p_kind, p_name), 7));
EXCEPTION WHEN lock_not_available THEN
  RAISE EXCEPTION '% %: somebody else stops or resumes it at this moment', p_kind, p_name
    USING ERRCODE = 'HP013', HINT = 'Their transaction is not committed. Try again.';
END
$$;

CREATE FUNCTION holdpoint.stop_sentence(s holdpoint.stop_event) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
  SELECT format('%s %s %s%s%s', s.kind, s.name,
    CASE s.action WHEN 'stop' THEN 'is stopped' WHEN 'resume' THEN 'may go on'
      ELSE 'goes on when the API server''s audit event confirms who says so' END,
    CASE s.cluster WHEN '' THEN ' in all clusters' ELSE ' in cluster ' || s.cluster END,
    CASE WHEN s.action <> 'stop' THEN '' WHEN s.until IS NULL THEN ' until somebody resumes it'
      ELSE format(' until %s', to_char(s.until AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS "UTC"')) END)
    || CASE WHEN s.action = 'stop' AND s.kind = 'user' AND NOT EXISTS (
        SELECT FROM (SELECT s.cluster UNION SELECT g.cluster FROM holdpoint.guard_instance g) AS c
        WHERE EXISTS (SELECT FROM holdpoint.hold h WHERE h.cluster = c.cluster AND h.username = s.name)
          OR EXISTS (SELECT FROM holdpoint.decision d
            WHERE d.cluster = c.cluster AND d.username = s.name))
      THEN '. Nothing of a user of this name is on record: is it spelt as the API server spells it?'
      ELSE '' END
$$;

CREATE FUNCTION holdpoint.stop_identity(p_kind text, p_name text, p_cluster text, p_reason text,
  p_until timestamptz, a holdpoint.approver) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
DECLARE
  already holdpoint.stops;
BEGIN
  PERFORM holdpoint.check_stopper(a);
  PERFORM holdpoint.stop_lock(p_kind, p_name, p_cluster, p_reason);
  IF p_kind = 'group' AND p_name IN ('system:authenticated', 'system:serviceaccounts',
      'system:serviceaccounts:kube-system', 'system:nodes', 'system:masters')
    OR p_kind = 'user' AND p_name IN ('system:apiserver', 'system:kube-controller-manager',
      'system:kube-scheduler') THEN
    RAISE EXCEPTION '% % is what the cluster runs by: that stops the cluster', p_kind, p_name
      USING ERRCODE = 'HP017';
  END IF;
  IF p_until <= clock_timestamp() THEN
    RAISE EXCEPTION 'that time is over' USING ERRCODE = 'invalid_parameter_value';
  END IF;
  IF (SELECT count(*) >= 1000 FROM holdpoint.stops) THEN
    RAISE EXCEPTION '1000 are stopped already; stop a group of them' USING ERRCODE = 'HP017';
  END IF;
  IF a.request_uid IS NOT NULL AND EXISTS (SELECT FROM holdpoint.stop_event e
    WHERE e.request_uid = a.request_uid AND e.cluster = p_cluster AND e.action = 'stop') THEN
    RETURN format('%s %s is stopped', p_kind, p_name); -- the API server asked twice
  END IF;
  -- What is stopped for longer is not let go sooner by stopping it again.
  SELECT * INTO already FROM holdpoint.stops s
  WHERE s.cluster = p_cluster AND s.kind = p_kind AND s.name = p_name;
  RETURN holdpoint.stop_sentence(holdpoint.stop_step('stop', p_kind, p_name, p_cluster, p_reason,
    CASE WHEN already.stop IS NOT NULL AND already.until IS NULL THEN NULL
      WHEN p_until IS NULL THEN NULL ELSE greatest(p_until, already.until) END, a));
END
$$;

-- p_direct: counts at once.
CREATE FUNCTION holdpoint.resume_identity(p_kind text, p_name text, p_cluster text, p_reason text,
  a holdpoint.approver, p_direct boolean) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
BEGIN
  PERFORM holdpoint.check_stopper(a);
  PERFORM holdpoint.stop_lock(p_kind, p_name, p_cluster, p_reason);
  IF a.request_uid IS NOT NULL AND EXISTS (SELECT FROM holdpoint.stop_event e
    WHERE e.request_uid = a.request_uid AND e.cluster = p_cluster) THEN
    RETURN 'it is written down'; -- the API server asked twice
  END IF;
  IF NOT EXISTS (SELECT FROM holdpoint.stops s
    WHERE s.cluster = p_cluster AND s.kind = p_kind AND s.name = p_name) THEN
    RAISE EXCEPTION '% % is not stopped%', p_kind, p_name,
      CASE p_cluster WHEN '' THEN ' in all clusters' ELSE ' in cluster ' || p_cluster || ' alone' END
      USING ERRCODE = 'HP002', HINT = 'SELECT * FROM holdpoint.stops;';
  END IF;
  RETURN holdpoint.stop_sentence(holdpoint.stop_step(
    CASE WHEN p_direct THEN 'resume' ELSE 'ask-resume' END, p_kind, p_name, p_cluster, p_reason, NULL,
    a));
END
$$;

-- ---- psql ----

-- A refusal is raised anew, so that psql prints one line.
CREATE FUNCTION holdpoint.stop_in_database(p_action text, p_kind text, p_name text, p_reason text,
  p_until timestamptz, p_cluster text) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
DECLARE
  a holdpoint.approver := holdpoint.database_approver();
  said text;
  hint text;
BEGIN
  IF p_action = 'stop' THEN
    RETURN holdpoint.stop_identity(p_kind, p_name, p_cluster, p_reason, p_until, a);
  END IF;
  RETURN holdpoint.resume_identity(p_kind, p_name, p_cluster, p_reason, a, true);
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS said = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT;
  IF SQLSTATE NOT LIKE 'HP%' AND SQLSTATE NOT LIKE '22%' THEN
    RAISE;
  END IF;
  RAISE EXCEPTION USING MESSAGE = said, ERRCODE = SQLSTATE, HINT = hint;
END
$$;

CREATE FUNCTION holdpoint.stop(username text, reason text, until timestamptz DEFAULT NULL,
  cluster text DEFAULT '') RETURNS text
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, holdpoint, pg_temp
AS $$ SELECT holdpoint.stop_in_database('stop', 'user', $1, $2, $3, $4) $$;
COMMENT ON FUNCTION holdpoint.stop IS
  'Denies everything that a Kubernetes user asks for, from now on: stop(''agent'', ''deletes in a '
  'loop'', until => now() + ''1 hour'', cluster => ''prod''); without cluster in all of them.';
CREATE FUNCTION holdpoint.stop_group(groupname text, reason text, until timestamptz DEFAULT NULL,
  cluster text DEFAULT '') RETURNS text
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, holdpoint, pg_temp
AS $$ SELECT holdpoint.stop_in_database('stop', 'group', $1, $2, $3, $4) $$;
COMMENT ON FUNCTION holdpoint.stop_group IS 'The same for all members of a Kubernetes group.';
CREATE FUNCTION holdpoint.resume(username text, reason text, cluster text DEFAULT '') RETURNS text
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, holdpoint, pg_temp
AS $$ SELECT holdpoint.stop_in_database('resume', 'user', $1, $2, NULL, $3) $$;
COMMENT ON FUNCTION holdpoint.resume IS
  'Ends a stop of a user, in the cluster (or, without one, in all clusters) that it was made for.';
CREATE FUNCTION holdpoint.resume_group(groupname text, reason text, cluster text DEFAULT '')
RETURNS text
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, holdpoint, pg_temp
AS $$ SELECT holdpoint.stop_in_database('resume', 'group', $1, $2, NULL, $3) $$;
COMMENT ON FUNCTION holdpoint.resume_group IS 'The same for a group.';

-- ---- kubectl ----

CREATE FUNCTION holdpoint.stop_as_kubernetes(p_cluster text, p_username text, p_groups text[],
  p_request_uid text, p_action text, p_kind text, p_name text, p_reason text,
  p_until timestamptz DEFAULT NULL, p_may_fail boolean DEFAULT false) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
DECLARE
  a holdpoint.approver :=
    holdpoint.kubernetes_approver(p_cluster, p_username, p_groups, p_request_uid);
BEGIN
  IF p_action = 'Stop' THEN
    RETURN holdpoint.stop_identity(p_kind, p_name, p_cluster, p_reason, p_until, a);
  END IF;
  IF holdpoint.kubernetes_approvals_in(p_cluster) = 'off' THEN
    RAISE EXCEPTION 'deciding through kubernetes is switched off here' USING ERRCODE = 'HP009';
  END IF;
  RETURN holdpoint.resume_identity(p_kind, p_name, p_cluster, p_reason, a,
    NOT p_may_fail AND holdpoint.review_is_direct(p_cluster, p_username));
END
$$;
COMMENT ON FUNCTION holdpoint.stop_as_kubernetes IS
  'Stops or resumes (p_action Stop, Resume) for the creator of a HoldStop; what it resumes goes on '
  'when config.kubernetes_approvals says.';

-- What is wrong with a resumption, by its audit event; null: nothing.
CREATE FUNCTION holdpoint.resume_objection(s holdpoint.stop_event, e holdpoint.audit_event)
RETURNS text
LANGUAGE sql IMMUTABLE
BEGIN ATOMIC
  SELECT CASE
    WHEN e.impersonated_user IS NOT NULL
      THEN format('made by %s, acting as %s', e.username, e.impersonated_user)
    WHEN e.username IS DISTINCT FROM s.who THEN format('made by %s', e.username)
    WHEN e.verb <> 'create' OR e.resource IS DISTINCT FROM 'holdstops'
      OR e.api_group IS DISTINCT FROM 'holdpoint.dev' OR coalesce(e.subresource, '') <> ''
      THEN 'the audit event is not of the creation of a HoldStop'
    WHEN holdpoint.may_be_dry_run(e.request_uri) THEN 'a dry run'
    WHEN e.code IS DISTINCT FROM 201
      THEN format('the HoldStop was not created (HTTP %s)', coalesce(e.code::text, 'unknown'))
  END;
END;

CREATE FUNCTION holdpoint.confirm_resumes() RETURNS int
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
DECLARE
  s holdpoint.stop_event;
  e holdpoint.audit_event;
  since timestamptz := clock_timestamp() - interval '1 hour';
  why text;
  done int := 0;
BEGIN
  FOR s IN SELECT o.* FROM holdpoint.stop_event o
    WHERE o.action = 'ask-resume' AND o.request_uid IS NOT NULL AND o.at > since
      AND NOT EXISTS (SELECT FROM holdpoint.stop_event l
        WHERE l.request_uid = o.request_uid AND l.cluster = o.cluster AND l.id > o.id)
    ORDER BY o.id LIMIT 100
  LOOP
    CONTINUE WHEN NOT pg_try_advisory_xact_lock(
      hashtextextended(concat_ws('/', 'stop', s.cluster, s.kind, s.name), 7));
    -- Another replica may have done it meanwhile.
    CONTINUE WHEN EXISTS (SELECT FROM holdpoint.stop_event l
      WHERE l.request_uid = s.request_uid AND l.cluster = s.cluster AND l.id > s.id);
    SELECT o.* INTO e FROM holdpoint.audit_event o
    WHERE o.cluster = s.cluster AND o.hold_review = '0/' || s.request_uid
      AND o.recorded_at >= since - interval '1 hour' AND o.stage IN ('ResponseComplete', 'Panic')
    ORDER BY holdpoint.resume_objection(s, o) IS NULL, o.seq LIMIT 1;
    CONTINUE WHEN e.seq IS NULL;
    why := holdpoint.resume_objection(s, e);
    -- A stop that somebody made since then stands.
    IF why IS NULL AND EXISTS (SELECT FROM holdpoint.stop_event l WHERE l.cluster = s.cluster
      AND l.kind = s.kind AND l.name = s.name AND l.id > s.id AND l.action = 'stop') THEN
      why := 'stopped anew meanwhile';
    END IF;
    PERFORM holdpoint.stop_step(CASE WHEN why IS NULL THEN 'resume' ELSE 'refuse-resume' END,
      s.kind, s.name, s.cluster, coalesce(left(why, 1024), s.reason), NULL,
      ROW(CASE WHEN why IS NULL THEN 'kubernetes' ELSE 'system' END, s.who, s.groups, s.cluster,
        s.request_uid)::holdpoint.approver);
    done := done + 1;
  END LOOP;
  RETURN done;
END
$$;
COMMENT ON FUNCTION holdpoint.confirm_resumes() IS
  'Looks for the audit events of resumptions with kubectl, which count when these confirm them.';

-- ---- approvals ----

-- Who is stopped decides on nothing.
CREATE OR REPLACE FUNCTION holdpoint.check_channel(a holdpoint.approver, p_cluster text) RETURNS void
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
  IF holdpoint.is_stopped(a.channel, a.who, a.groups, p_cluster) THEN
    RAISE EXCEPTION '% is stopped and decides on no hold', a.who USING ERRCODE = 'HP016';
  END IF;
END
$$;

GRANT EXECUTE ON FUNCTION holdpoint.stop, holdpoint.stop_group, holdpoint.resume,
  holdpoint.resume_group TO holdpoint_stopper;
GRANT EXECUTE ON FUNCTION holdpoint.stops_in_force, holdpoint.stop_as_kubernetes,
  holdpoint.confirm_resumes TO holdpoint_webhook;
