-- SPDX-License-Identifier: Apache-2.0
-- Daily partitions by the time the database took a row in (column recorded_at, UTC days).
--
-- By that time and not by the time in the event, because clocks of API servers may be far off and
-- events come late: what arrives today is always in today's partition, and retention can drop
-- whole days. Every partitioned table has a default partition, so that an insert never fails for
-- want of a partition; ensure_partitions moves such rows to where they belong.

SET LOCAL ROLE holdpoint_owner;
SET LOCAL search_path = pg_catalog, holdpoint, pg_temp;

CREATE FUNCTION holdpoint.partition_name(parent regclass, day date) RETURNS text
LANGUAGE sql STABLE
BEGIN ATOMIC
  SELECT c.relname || '_p' || to_char(day, 'YYYYMMDD') FROM pg_catalog.pg_class c
  WHERE c.oid = parent;
END;

-- Moves what the default partition holds for `day` into `partition` (not attached yet).
CREATE FUNCTION holdpoint.partition_move(parent regclass, partition text, day date) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
DECLARE
  default_name text := (SELECT relname FROM pg_class WHERE oid = parent) || '_default';
  range_from timestamptz := day::timestamp AT TIME ZONE 'UTC';
  range_to timestamptz := (day + 1)::timestamp AT TIME ZONE 'UTC';
  found_one boolean;
  moved bigint;
BEGIN
  EXECUTE format('SELECT EXISTS (SELECT FROM holdpoint.%I
    WHERE recorded_at >= $1 AND recorded_at < $2)', default_name)
    INTO found_one USING range_from, range_to;
  IF NOT found_one THEN
    RETURN 0;
  END IF;
  EXECUTE format('LOCK TABLE holdpoint.%I IN ACCESS EXCLUSIVE MODE', default_name);
  INSERT INTO holdpoint.admin_event (action, subject, detail)
  VALUES ('partition-move', default_name, jsonb_build_object('to', partition));
  EXECUTE format('INSERT INTO holdpoint.%I SELECT * FROM holdpoint.%I
    WHERE recorded_at >= $1 AND recorded_at < $2', partition, default_name)
    USING range_from, range_to;
  EXECUTE format('DELETE FROM holdpoint.%I
    WHERE recorded_at >= $1 AND recorded_at < $2', default_name)
    USING range_from, range_to;
  GET DIAGNOSTICS moved = ROW_COUNT;
  RETURN moved;
END
$$;

-- Makes one daily partition; false when it was there already. Built beside the table and then
-- attached: that does not stop writers, where CREATE TABLE … PARTITION OF would.
CREATE FUNCTION holdpoint.create_partition(parent regclass, day date) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
DECLARE
  partition text := holdpoint.partition_name(parent, day);
BEGIN
  IF to_regclass(format('holdpoint.%I', partition)) IS NOT NULL THEN
    RETURN false;
  END IF;
  EXECUTE format('CREATE TABLE holdpoint.%I (LIKE %s INCLUDING ALL)', partition, parent);
  PERFORM holdpoint.make_append_only(format('holdpoint.%I', partition)::regclass, true);
  PERFORM holdpoint.partition_move(parent, partition, day);
  EXECUTE format('ALTER TABLE %s ATTACH PARTITION holdpoint.%I FOR VALUES FROM (%L) TO (%L)',
    parent, partition, day || ' 00:00:00+00', (day + 1) || ' 00:00:00+00');
  RETURN true;
END
$$;

-- Days that need a partition of `parent`: those found in the default partition, and today on.
CREATE FUNCTION holdpoint.partition_days(parent regclass, days_ahead int) RETURNS SETOF date
LANGUAGE plpgsql SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
DECLARE
  today date := (now() AT TIME ZONE 'UTC')::date;
BEGIN
  RETURN QUERY EXECUTE format('SELECT DISTINCT (recorded_at AT TIME ZONE ''UTC'')::date
    FROM holdpoint.%I', (SELECT relname FROM pg_class WHERE oid = parent) || '_default');
  RETURN QUERY SELECT today + n FROM generate_series(0, days_ahead) AS n;
END
$$;

CREATE FUNCTION holdpoint.ensure_partitions(days_ahead int DEFAULT 7) RETURNS int
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, holdpoint, pg_temp SET lock_timeout = '3s'
AS $$
DECLARE
  parent regclass;
  day date;
  made int := 0;
BEGIN
  IF days_ahead IS NULL OR days_ahead NOT BETWEEN 0 AND 400 THEN
    RAISE EXCEPTION 'days_ahead is %, must be between 0 and 400', days_ahead
      USING ERRCODE = 'invalid_parameter_value';
  END IF;
  IF NOT pg_try_advisory_xact_lock(7525352680998267247) THEN
    RETURN 0; -- another replica is at it
  END IF;
  FOR parent IN SELECT c.oid::regclass FROM pg_class c
    WHERE c.relnamespace = 'holdpoint'::regnamespace AND c.relkind = 'p'
    ORDER BY c.relname
  LOOP
    FOR day IN SELECT d FROM holdpoint.partition_days(parent, days_ahead) AS d ORDER BY d
    LOOP
      made := made + holdpoint.create_partition(parent, day)::int;
    END LOOP;
  END LOOP;
  RETURN made;
END
$$;
COMMENT ON FUNCTION holdpoint.ensure_partitions(int) IS
  'Makes the daily partitions from today to days_ahead; returns how many were missing.';

GRANT EXECUTE ON FUNCTION holdpoint.ensure_partitions(int)
  TO holdpoint_webhook, holdpoint_auditsink;
