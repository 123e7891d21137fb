-- SPDX-License-Identifier: Apache-2.0
-- What goes, and the record that it went.
--
-- Whole days go, and only here. Each partition dropped leaves a row in admin_event that says which
-- days and which event numbers; the key of a batch goes with its events. Holds, their events and
-- policy versions stay: they are few, and they are what an auditor asks for last.

SET LOCAL ROLE holdpoint_owner;
SET LOCAL search_path = pg_catalog, holdpoint, pg_temp;

CREATE FUNCTION holdpoint.retention_plan(p_keep interval)
RETURNS TABLE (relation text, partition text, day date, size_bytes bigint)
LANGUAGE sql STABLE SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
  SELECT parent.relname::text, child.relname::text, d.day,
    pg_total_relation_size(child.oid)
  FROM pg_inherits i
  JOIN pg_class child ON child.oid = i.inhrelid
  JOIN pg_class parent ON parent.oid = i.inhparent
  CROSS JOIN LATERAL (SELECT to_date(substring(child.relname FROM '_p([0-9]{8})$'),
    'YYYYMMDD') AS day) AS d
  WHERE parent.relnamespace = 'holdpoint'::regnamespace AND parent.relkind = 'p'
    AND d.day < (now() AT TIME ZONE 'UTC' - p_keep)::date
  ORDER BY d.day, parent.relname
$$;
COMMENT ON FUNCTION holdpoint.retention_plan(interval) IS
  'What retention_run with the same argument would drop.';

-- What a partition holds, for the record: rows, and first and last event number by cluster.
CREATE FUNCTION holdpoint.partition_summary(p_partition text, has_seq boolean) RETURNS jsonb
LANGUAGE plpgsql SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
DECLARE
  summary jsonb;
BEGIN
  EXECUTE format('SELECT coalesce(jsonb_object_agg(cluster, s), ''{}'') FROM (
    SELECT cluster, jsonb_build_object(''rows'', count(*)) || %s AS s
    FROM holdpoint.%I GROUP BY cluster) AS by_cluster',
    CASE WHEN has_seq THEN 'jsonb_build_object(''first_seq'', min(seq),
      ''last_seq'', max(seq))' ELSE '''{}''::jsonb' END, p_partition) INTO summary;
  RETURN summary;
END
$$;

CREATE FUNCTION holdpoint.retention_run(p_keep interval, p_reason text DEFAULT NULL)
RETURNS TABLE (relation text, partition text, day date, clusters jsonb)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, holdpoint, pg_temp SET lock_timeout = '10s'
AS $$
DECLARE
  gone record;
BEGIN
  IF p_keep IS NULL OR p_keep < interval '1 day' THEN
    RAISE EXCEPTION 'keep is %, must be at least 1 day', p_keep
      USING ERRCODE = 'invalid_parameter_value';
  END IF;
  FOR gone IN SELECT * FROM holdpoint.retention_plan(p_keep) LOOP
    relation := gone.relation;
    partition := gone.partition;
    day := gone.day;
    clusters := holdpoint.partition_summary(partition, relation = 'audit_event');
    INSERT INTO holdpoint.admin_event (action, subject, detail)
    VALUES ('retention', relation, jsonb_build_object('partition', partition,
      'day', day, 'clusters', clusters, 'keep', p_keep::text, 'reason', p_reason));
    EXECUTE format('ALTER TABLE holdpoint.%I DETACH PARTITION holdpoint.%I',
      relation, partition);
    EXECUTE format('DROP TABLE holdpoint.%I', partition);
    RETURN NEXT;
  END LOOP;
  PERFORM holdpoint.retention_batches(p_keep, p_reason);
END
$$;
COMMENT ON FUNCTION holdpoint.retention_run(interval, text) IS
  'Drops the daily partitions older than p_keep and records what went.';

-- Forgets the keys of bodies whose events are gone.
CREATE FUNCTION holdpoint.retention_batches(p_keep interval, p_reason text) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
DECLARE
  cutoff timestamptz := (now() AT TIME ZONE 'UTC' - p_keep)::date::timestamp AT TIME ZONE 'UTC';
  gone bigint;
BEGIN
  IF NOT EXISTS (SELECT FROM holdpoint.audit_batch b WHERE b.recorded_at < cutoff) THEN
    RETURN 0;
  END IF;
  INSERT INTO holdpoint.admin_event (action, subject, detail)
  SELECT 'retention', 'audit_batch', jsonb_build_object('rows', count(*),
    'before', cutoff, 'keep', p_keep::text, 'reason', p_reason)
  FROM holdpoint.audit_batch b WHERE b.recorded_at < cutoff;
  DELETE FROM holdpoint.audit_batch b WHERE b.recorded_at < cutoff;
  GET DIAGNOSTICS gone = ROW_COUNT;
  RETURN gone;
END
$$;

CREATE FUNCTION holdpoint.erase_event_body(p_cluster text, p_seq bigint, p_reason text)
RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
DECLARE
  erased bigint;
BEGIN
  IF coalesce(btrim(p_reason), '') = '' THEN
    RAISE EXCEPTION 'erasing event % needs a reason', p_seq USING ERRCODE = 'HP005';
  END IF;
  INSERT INTO holdpoint.admin_event (action, subject, detail)
  VALUES ('erase', 'audit_event', jsonb_build_object('cluster', p_cluster, 'seq', p_seq,
    'reason', p_reason));
  UPDATE holdpoint.audit_event e
  SET body = NULL, body_nonce = NULL, erased_at = clock_timestamp()
  WHERE e.cluster = p_cluster AND e.seq = p_seq AND e.erased_at IS NULL;
  GET DIAGNOSTICS erased = ROW_COUNT;
  IF erased = 0 THEN
    RAISE EXCEPTION 'no event % in cluster %, or erased already', p_seq, p_cluster
      USING ERRCODE = 'HP012';
  END IF;
  RETURN true;
END
$$;
COMMENT ON FUNCTION holdpoint.erase_event_body(text, bigint, text) IS
  'Erases one event''s body; the row, its digest and its proof stay.';

GRANT EXECUTE ON FUNCTION holdpoint.retention_plan(interval),
  holdpoint.retention_run(interval, text), holdpoint.erase_event_body(text, bigint, text)
  TO holdpoint_retention;

-- From now on the daemons make partitions ahead.
SELECT holdpoint.ensure_partitions();
