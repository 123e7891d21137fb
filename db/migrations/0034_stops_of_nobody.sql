-- SPDX-License-Identifier: Apache-2.0
-- A stop that would stop nobody is refused, or doubted, and so is one that would stop the cluster.

SET LOCAL ROLE holdpoint_owner;
SET LOCAL search_path = pg_catalog, holdpoint, pg_temp;

-- Whether the API server has spelt a name so. Of groups, which no index has, the latest are looked at.
CREATE FUNCTION holdpoint.is_on_record(p_kind text, p_name text, p_cluster text) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
  SELECT EXISTS (
    SELECT FROM (SELECT p_cluster UNION SELECT g.cluster FROM holdpoint.guard_instance g) AS c(cluster)
    WHERE CASE p_kind
      WHEN 'user' THEN
        EXISTS (SELECT FROM holdpoint.hold h WHERE h.cluster = c.cluster AND h.username = p_name)
        OR EXISTS (SELECT FROM holdpoint.decision d WHERE d.cluster = c.cluster AND d.username = p_name)
      ELSE
        EXISTS (SELECT FROM (SELECT h.groups FROM holdpoint.hold h WHERE h.cluster = c.cluster
          ORDER BY h.id DESC LIMIT 1000) AS h WHERE p_name = ANY(h.groups))
        OR EXISTS (SELECT FROM (SELECT d.groups FROM holdpoint.decision d WHERE d.cluster = c.cluster
          ORDER BY d.time DESC LIMIT 1000) AS d WHERE p_name = ANY(d.groups)) END)
  OR p_kind = 'user' AND EXISTS (SELECT FROM holdpoint.identity i
    WHERE i.kind = 'kubernetes' AND i.name = p_name)
$$;

-- Without these the cluster does not run.
CREATE FUNCTION holdpoint.runs_the_cluster(p_kind text, p_name text) RETURNS boolean
LANGUAGE sql IMMUTABLE
BEGIN ATOMIC
  SELECT CASE p_kind
    WHEN 'group' THEN p_name IN ('system:authenticated', 'system:serviceaccounts',
      'system:serviceaccounts:kube-system', 'system:nodes', 'system:masters')
    ELSE p_name = 'system:apiserver' OR starts_with(p_name, 'system:kube-')
      OR starts_with(p_name, 'system:node:') OR starts_with(p_name, 'system:serviceaccount:kube-system:') END;
END;

-- Refuses what can only be a mistake.
CREATE FUNCTION holdpoint.check_stop_cluster(p_cluster text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
BEGIN
  IF p_cluster <> '' AND NOT EXISTS (SELECT FROM holdpoint.guard_instance g WHERE g.cluster = p_cluster)
    AND NOT EXISTS (SELECT FROM holdpoint.hold h WHERE h.cluster = p_cluster)
    AND NOT EXISTS (SELECT FROM holdpoint.decision d WHERE d.cluster = p_cluster) THEN
    RAISE EXCEPTION 'no webhook of cluster % is known', p_cluster
      USING ERRCODE = 'HP017', HINT = 'Known: ' || coalesce((SELECT string_agg(k.cluster, ', ')
        FROM (SELECT DISTINCT g.cluster FROM holdpoint.guard_instance g ORDER BY 1 LIMIT 20) AS k), 'none')
        || '. Without a cluster it is stopped in all.';
  END IF;
END
$$;

CREATE FUNCTION holdpoint.check_stop_name(p_kind text, p_name text, p_cluster text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
DECLARE
  other text := CASE p_kind WHEN 'user' THEN 'group' ELSE 'user' END;
  login_of text;
  names text;
BEGIN
  IF holdpoint.runs_the_cluster(p_kind, p_name) THEN
    RAISE EXCEPTION '% % is what the cluster runs by: that stops the cluster', p_kind, p_name
      USING ERRCODE = 'HP017';
  END IF;
  IF holdpoint.is_on_record(p_kind, p_name, p_cluster) THEN
    RETURN;
  END IF;
  IF p_name <> btrim(p_name, E' \t\r\n') OR strpos(p_name, '*') > 0 THEN
    RAISE EXCEPTION '"%" would stop nobody: a name has no blanks around it, and is no pattern', p_name
      USING ERRCODE = 'HP017', HINT = 'Say the whole name, or stop a group.';
  END IF;
  IF holdpoint.is_on_record(other, p_name, p_cluster) THEN
    RAISE EXCEPTION '% is a %, not a %', p_name, other, p_kind
      USING ERRCODE = 'HP017', HINT = format('Stop the %s: %s', other,
        CASE other WHEN 'group' THEN '--group, in psql stop_group().' ELSE 'without --group, in psql stop().' END);
  END IF;
  SELECT i.person INTO login_of FROM holdpoint.identity i WHERE i.kind = 'database' AND i.name = p_name;
  IF p_kind = 'user' AND login_of IS NOT NULL THEN
    SELECT string_agg(DISTINCT i.name, ', ') INTO names FROM holdpoint.identity i
    WHERE i.kind = 'kubernetes' AND i.person = login_of;
    RAISE EXCEPTION '% is a login of the database, not a user of the cluster', p_name
      USING ERRCODE = 'HP017', HINT = CASE WHEN names IS NULL
        THEN 'No name of theirs in Kubernetes is enrolled: holdpoint.add_name().'
        ELSE 'Stop ' || names || ' instead.' END;
  END IF;
END
$$;

CREATE OR REPLACE FUNCTION holdpoint.stop_sentence(s holdpoint.stop_event) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
  SELECT format('%s %s %s%s%s', s.kind, s.name,
    CASE s.action WHEN 'stop' THEN 'is stopped' WHEN 'resume' THEN 'may go on'
      ELSE 'goes on when the API server''s audit event confirms who says so' END,
    CASE s.cluster WHEN '' THEN ' in all clusters' ELSE ' in cluster ' || s.cluster END,
    CASE WHEN s.action <> 'stop' THEN '' WHEN s.until IS NULL THEN ' until somebody resumes it'
      ELSE format(' until %s', to_char(s.until AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS "UTC"')) END)
    || CASE WHEN s.action = 'stop' AND NOT holdpoint.is_on_record(s.kind, s.name, s.cluster)
      THEN format('. Nothing of a %s of this name is on record: is it spelt as the API server spells it?', s.kind)
      ELSE '' END
$$;

CREATE OR REPLACE FUNCTION holdpoint.stop_identity(p_kind text, p_name text, p_cluster text, p_reason text,
  p_until timestamptz, a holdpoint.approver) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
DECLARE
  already holdpoint.stops;
  longest timestamptz;
BEGIN
  PERFORM holdpoint.check_stopper(a);
  PERFORM holdpoint.stop_lock(p_kind, p_name, p_cluster, p_reason);
  PERFORM holdpoint.check_stop_name(p_kind, p_name, p_cluster);
  IF a.channel = 'database' THEN -- who asks with kubectl asks its cluster's webhook
    PERFORM holdpoint.check_stop_cluster(p_cluster);
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
  longest := CASE WHEN already.stop IS NOT NULL AND already.until IS NULL THEN NULL
    WHEN p_until IS NULL THEN NULL ELSE greatest(p_until, already.until) END;
  RETURN holdpoint.stop_sentence(
    holdpoint.stop_step('stop', p_kind, p_name, p_cluster, p_reason, longest, a))
    || CASE WHEN p_until < coalesce(longest, 'infinity')
      THEN '. It was stopped so before: a shorter stop shortens nothing' ELSE '' END;
END
$$;

CREATE OR REPLACE FUNCTION holdpoint.resume_identity(p_kind text, p_name text, p_cluster text, p_reason text,
  a holdpoint.approver, p_direct boolean) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
DECLARE
  elsewhere text;
BEGIN
  PERFORM holdpoint.check_stopper(a);
  PERFORM holdpoint.stop_lock(p_kind, p_name, p_cluster, p_reason);
  IF a.request_uid IS NOT NULL AND EXISTS (SELECT FROM holdpoint.stop_event e
    WHERE e.request_uid = a.request_uid AND e.cluster = p_cluster) THEN
    RETURN 'it is written down'; -- the API server asked twice
  END IF;
  IF NOT EXISTS (SELECT FROM holdpoint.stops s
    WHERE s.cluster = p_cluster AND s.kind = p_kind AND s.name = p_name) THEN
    SELECT string_agg(CASE s.cluster WHEN '' THEN 'all clusters' ELSE 'cluster ' || s.cluster END, ', '
      ORDER BY s.cluster) INTO elsewhere
    FROM holdpoint.stops s WHERE s.kind = p_kind AND s.name = p_name;
    RAISE EXCEPTION '% % is not stopped%', p_kind, p_name,
      CASE p_cluster WHEN '' THEN ' in all clusters' ELSE ' in cluster ' || p_cluster || ' alone' END
      USING ERRCODE = 'HP002', HINT = CASE WHEN elsewhere IS NULL
          THEN 'Nor anywhere else. holdpoint stops lists who is.'
        ELSE format('It is in %s: holdpoint resume%s, or psql, ends that.', elsewhere,
          CASE WHEN p_cluster = '' THEN ' --cluster' ELSE ' without --cluster' END) END;
  END IF;
  RETURN holdpoint.stop_sentence(holdpoint.stop_step(
    CASE WHEN p_direct THEN 'resume' ELSE 'ask-resume' END, p_kind, p_name, p_cluster, p_reason, NULL,
    a));
END
$$;

-- A refusal without a hint says none.
CREATE OR REPLACE FUNCTION holdpoint.stop_in_database(p_action text, p_kind text, p_name text, p_reason text,
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
  IF hint = '' THEN
    RAISE EXCEPTION USING MESSAGE = said, ERRCODE = SQLSTATE;
  END IF;
  RAISE EXCEPTION USING MESSAGE = said, ERRCODE = SQLSTATE, HINT = hint;
END
$$;
