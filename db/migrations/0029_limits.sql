-- SPDX-License-Identifier: Apache-2.0
-- Limits: a rule that applies beyond so many requests in so much time.
--
-- Counted here, for all replicas together, and exact: who counts holds the row of the counter, so
-- that requests at the edge take turns. Only what goes on is counted; what is beyond leaves nothing.
-- The same change once more, as the API server asks again about one request, is the same use.

SET LOCAL ROLE holdpoint_owner;
SET LOCAL search_path = pg_catalog, holdpoint, pg_temp;

CREATE TABLE holdpoint.limit_counter (
  cluster text NOT NULL CHECK (octet_length(cluster) BETWEEN 1 AND 253),
  key bytea NOT NULL CHECK (octet_length(key) = 32),
  last_at timestamptz NOT NULL,
  PRIMARY KEY (cluster, key)
) WITH (fillfactor = 70);
CREATE INDEX limit_counter_last ON holdpoint.limit_counter (last_at);
COMMENT ON TABLE holdpoint.limit_counter IS
  'One row for each rule with a limit and, where it counts by user, each user: what who counts locks.';
COMMENT ON COLUMN holdpoint.limit_counter.cluster IS 'Whose requests are counted.';
COMMENT ON COLUMN holdpoint.limit_counter.key IS 'SHA-256 of policy, rule and user.';
COMMENT ON COLUMN holdpoint.limit_counter.last_at IS 'When it was last asked.';

CREATE TABLE holdpoint.limit_use (
  cluster text NOT NULL,
  key bytea NOT NULL,
  at timestamptz NOT NULL,
  fingerprint bytea NOT NULL CHECK (octet_length(fingerprint) = 32),
  repeats int NOT NULL DEFAULT 0
);
CREATE INDEX limit_use_key ON holdpoint.limit_use (cluster, key, at);
COMMENT ON TABLE holdpoint.limit_use IS 'What went on within a limit; gone when its time is over.';
COMMENT ON COLUMN holdpoint.limit_use.cluster IS 'The counter''s cluster.';
COMMENT ON COLUMN holdpoint.limit_use.key IS 'The counter.';
COMMENT ON COLUMN holdpoint.limit_use.at IS 'When.';
COMMENT ON COLUMN holdpoint.limit_use.fingerprint IS 'Which change.';
COMMENT ON COLUMN holdpoint.limit_use.repeats IS 'How often the same change came again at once.';

-- Whether the same change went on a moment ago, and may have been asked about once more.
CREATE FUNCTION holdpoint.limit_is_repeat(p_cluster text, p_key bytea, p_fingerprint bytea,
  p_max_repeats int) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
  SELECT EXISTS (SELECT FROM holdpoint.limit_use u WHERE u.cluster = p_cluster AND u.key = p_key
    AND u.at > clock_timestamp() - interval '10 seconds' AND u.fingerprint = p_fingerprint
    AND u.repeats < p_max_repeats)
$$;

-- Counts one more, unless it was beyond.
CREATE FUNCTION holdpoint.limit_count(p_cluster text, p_key bytea, p_fingerprint bytea,
  p_max_repeats int) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
BEGIN
  UPDATE holdpoint.limit_use u SET repeats = u.repeats + 1
  WHERE u.ctid = (SELECT o.ctid FROM holdpoint.limit_use o WHERE o.cluster = p_cluster
    AND o.key = p_key AND o.at > clock_timestamp() - interval '10 seconds'
    AND o.fingerprint = p_fingerprint AND o.repeats < p_max_repeats ORDER BY o.at LIMIT 1);
  IF NOT FOUND THEN
    INSERT INTO holdpoint.limit_use (cluster, key, at, fingerprint)
    VALUES (p_cluster, p_key, clock_timestamp(), p_fingerprint);
  END IF;
END
$$;

CREATE FUNCTION holdpoint.limits_use(p_cluster text, p_keys bytea[], p_counts int[],
  p_windows interval[], p_fingerprint bytea, p_max_repeats int DEFAULT NULL,
  p_dry_run boolean DEFAULT false) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
DECLARE
  most int := coalesce(p_max_repeats, (SELECT c.max_repeats FROM holdpoint.config c));
  answer text := repeat('b', cardinality(p_keys));
  l record;
BEGIN
  -- In one order, so that two requests never wait for each other.
  FOR l IN SELECT k.key, k.n, p_counts[k.n] AS count, p_windows[k.n] AS window
    FROM unnest(p_keys) WITH ORDINALITY AS k(key, n) ORDER BY k.key
  LOOP
    IF NOT p_dry_run THEN
      INSERT INTO holdpoint.limit_counter AS c (cluster, key, last_at)
      VALUES (p_cluster, l.key, clock_timestamp())
      ON CONFLICT (cluster, key) DO UPDATE SET last_at = excluded.last_at;
      DELETE FROM holdpoint.limit_use u WHERE u.cluster = p_cluster AND u.key = l.key
        AND u.at <= clock_timestamp() - l.window;
    END IF;
    IF holdpoint.limit_is_repeat(p_cluster, l.key, p_fingerprint, most)
      OR (SELECT count(*) < l.count FROM holdpoint.limit_use u WHERE u.cluster = p_cluster
        AND u.key = l.key AND u.at > clock_timestamp() - l.window) THEN
      answer := overlay(answer PLACING 'w' FROM l.n::int);
    END IF;
  END LOOP;
  IF NOT p_dry_run AND answer !~ 'b' THEN
    PERFORM holdpoint.limit_count(p_cluster, k, p_fingerprint, most) FROM unnest(p_keys) AS k;
  END IF;
  RETURN answer;
END
$$;
COMMENT ON FUNCTION holdpoint.limits_use IS
  'Whether one more request is within (w) or beyond (b) each of these limits, a letter each; counted '
  'when it is within all of them, and no dry run.';

CREATE FUNCTION holdpoint.limits_prune() RETURNS int
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
DECLARE
  gone int;
BEGIN
  WITH old AS (DELETE FROM holdpoint.limit_counter c
    WHERE (c.cluster, c.key) IN (SELECT o.cluster, o.key FROM holdpoint.limit_counter o
      WHERE o.last_at < clock_timestamp() - interval '25 hours' FOR UPDATE SKIP LOCKED)
    RETURNING c.cluster, c.key)
  DELETE FROM holdpoint.limit_use u USING old WHERE u.cluster = old.cluster AND u.key = old.key;
  GET DIAGNOSTICS gone = ROW_COUNT;
  RETURN gone;
END
$$;
COMMENT ON FUNCTION holdpoint.limits_prune() IS
  'Forgets counters that nobody has asked for longer than any limit may last.';

GRANT EXECUTE ON FUNCTION holdpoint.limits_use, holdpoint.limits_prune TO holdpoint_webhook;
