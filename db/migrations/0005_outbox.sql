-- SPDX-License-Identifier: Apache-2.0
-- Notifications: one row an event, written in the transaction of the hold's own change, and one
-- row for each target that is to hear of it. Workers in the webhook daemon claim deliveries with
-- FOR UPDATE SKIP LOCKED under a lease: a worker that dies leaves its claims to the others once
-- the lease is over, and only then can a target hear of one event twice.
--
-- What an identity can make happen as often as it likes (holds that it asks for, lets expire, takes
-- back) is told of once at once, and then in one summary an interval: people who are told of
-- everything hear nothing. What is held back is kept row by row, which no two transactions wait for.
--
-- Targets are named in a file of the webhook, with their secrets; here only their names are known.

SET LOCAL ROLE holdpoint_owner;
SET LOCAL search_path = pg_catalog, holdpoint, pg_temp;

CREATE TABLE holdpoint.outbox_target (
  cluster text NOT NULL CHECK (octet_length(cluster) BETWEEN 1 AND 253),
  target text NOT NULL CHECK (octet_length(target) BETWEEN 1 AND 253),
  since timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (cluster, target)
);
COMMENT ON TABLE holdpoint.outbox_target IS 'Who is to be notified of holds of a cluster.';
COMMENT ON COLUMN holdpoint.outbox_target.cluster IS 'The cluster whose holds it hears of.';
COMMENT ON COLUMN holdpoint.outbox_target.target IS 'Name in the webhook''s file of targets.';
COMMENT ON COLUMN holdpoint.outbox_target.since IS 'It hears of events from then on.';

CREATE TABLE holdpoint.outbox (
  cluster text NOT NULL,
  id bigint GENERATED ALWAYS AS IDENTITY,
  event text NOT NULL,
  hold_id bigint NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  payload text NOT NULL,
  PRIMARY KEY (cluster, id)
);
COMMENT ON TABLE holdpoint.outbox IS 'Events to notify of. Pruned by outbox_prune.';
COMMENT ON COLUMN holdpoint.outbox.cluster IS 'The cluster of the hold.';
COMMENT ON COLUMN holdpoint.outbox.id IS 'Number of the event; the webhook-id of its messages.';
COMMENT ON COLUMN holdpoint.outbox.event IS
  'hold.<state the hold came to>; holds.<state> of several; hold.impersonated.';
COMMENT ON COLUMN holdpoint.outbox.hold_id IS 'The hold; of several the newest.';
COMMENT ON COLUMN holdpoint.outbox.created_at IS 'When it happened.';
COMMENT ON COLUMN holdpoint.outbox.payload IS
  'JSON: the hold as it was then, without the change itself.';

CREATE TABLE holdpoint.outbox_delivery (
  cluster text NOT NULL,
  outbox_id bigint NOT NULL,
  target text NOT NULL,
  state text NOT NULL DEFAULT 'waiting'
    CHECK (state IN ('waiting', 'delivered', 'given-up')),
  attempts int NOT NULL DEFAULT 0,
  due_at timestamptz NOT NULL DEFAULT now(),
  claim uuid,
  finished_at timestamptz,
  last_error text,
  PRIMARY KEY (cluster, outbox_id, target),
  FOREIGN KEY (cluster, outbox_id) REFERENCES holdpoint.outbox ON DELETE CASCADE
);
CREATE INDEX outbox_delivery_due ON holdpoint.outbox_delivery (cluster, target, due_at)
  WHERE state = 'waiting';
COMMENT ON TABLE holdpoint.outbox_delivery IS 'State of an event''s delivery to one target.';
COMMENT ON COLUMN holdpoint.outbox_delivery.cluster IS 'The cluster of the event.';
COMMENT ON COLUMN holdpoint.outbox_delivery.outbox_id IS 'The event.';
COMMENT ON COLUMN holdpoint.outbox_delivery.target IS 'Who is to hear of it.';
COMMENT ON COLUMN holdpoint.outbox_delivery.state IS 'waiting, delivered or given-up.';
COMMENT ON COLUMN holdpoint.outbox_delivery.attempts IS 'How often it was claimed.';
COMMENT ON COLUMN holdpoint.outbox_delivery.due_at IS
  'Not to be claimed before: the back-off, or the end of the present claim''s lease.';
COMMENT ON COLUMN holdpoint.outbox_delivery.claim IS
  'Token of the latest claim; a worker whose lease ran out can no longer report.';
COMMENT ON COLUMN holdpoint.outbox_delivery.finished_at IS 'When it was delivered or given up.';
COMMENT ON COLUMN holdpoint.outbox_delivery.last_error IS 'Why the latest attempt failed.';

CREATE FUNCTION holdpoint.outbox_set_targets(p_cluster text, p_targets text[]) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
  INSERT INTO holdpoint.outbox_target (cluster, target)
  SELECT p_cluster, t FROM unnest(p_targets) AS t ON CONFLICT DO NOTHING;
  DELETE FROM holdpoint.outbox_target
  WHERE cluster = p_cluster AND target <> ALL(p_targets);
  UPDATE holdpoint.outbox_delivery
  SET state = 'given-up', finished_at = now(), last_error = 'target removed'
  WHERE cluster = p_cluster AND state = 'waiting' AND target <> ALL(p_targets);
$$;

-- Internal: an event for every target of the cluster (the caller knows that there is one).
CREATE FUNCTION holdpoint.outbox_add(p_cluster text, p_event text, p_hold_id bigint,
  p_payload jsonb) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
  WITH event AS (
    INSERT INTO holdpoint.outbox (cluster, event, hold_id, payload)
    VALUES (p_cluster, p_event, p_hold_id, p_payload::text)
    RETURNING id
  )
  INSERT INTO holdpoint.outbox_delivery (cluster, outbox_id, target)
  SELECT p_cluster, event.id, t.target
  FROM event, holdpoint.outbox_target t WHERE t.cluster = p_cluster;
$$;

CREATE TABLE holdpoint.outbox_told (
  cluster text NOT NULL,
  event text NOT NULL,
  username text NOT NULL,
  at timestamptz NOT NULL,
  PRIMARY KEY (cluster, event, username)
) WITH (fillfactor = 70);
COMMENT ON TABLE holdpoint.outbox_told IS 'When an identity was last the subject of a notification.';
COMMENT ON COLUMN holdpoint.outbox_told.cluster IS 'The cluster.';
COMMENT ON COLUMN holdpoint.outbox_told.event IS 'hold.<state>.';
COMMENT ON COLUMN holdpoint.outbox_told.username IS 'The requester.';
COMMENT ON COLUMN holdpoint.outbox_told.at IS 'When.';

CREATE TABLE holdpoint.outbox_held_back (
  cluster text NOT NULL,
  event text NOT NULL,
  username text NOT NULL,
  hold_id bigint NOT NULL,
  PRIMARY KEY (cluster, event, username, hold_id)
);
COMMENT ON TABLE holdpoint.outbox_held_back IS
  'What the next summary of an identity will tell. Emptied by outbox_summarize.';
COMMENT ON COLUMN holdpoint.outbox_held_back.cluster IS 'The cluster.';
COMMENT ON COLUMN holdpoint.outbox_held_back.event IS 'hold.<state>.';
COMMENT ON COLUMN holdpoint.outbox_held_back.username IS 'The requester.';
COMMENT ON COLUMN holdpoint.outbox_held_back.hold_id IS 'The hold.';

-- Internal: whether an identity's event is told of by itself. Who is told of all the time is looked up
-- without a lock: a flood must not queue here.
CREATE FUNCTION holdpoint.outbox_is_first(p_cluster text, p_event text, p_username text)
RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
DECLARE
  since timestamptz := clock_timestamp() - (SELECT c.notify_interval FROM holdpoint.config c);
BEGIN
  IF EXISTS (SELECT FROM holdpoint.outbox_told t WHERE t.cluster = p_cluster
    AND t.event = p_event AND t.username = p_username AND t.at > since) THEN
    RETURN false;
  END IF;
  INSERT INTO holdpoint.outbox_told AS t (cluster, event, username, at)
  VALUES (p_cluster, p_event, p_username, clock_timestamp())
  ON CONFLICT (cluster, event, username) DO UPDATE SET at = excluded.at WHERE t.at <= since;
  RETURN FOUND;
END
$$;

CREATE FUNCTION holdpoint.outbox_hold_back(p_cluster text, p_event text, p_username text,
  p_hold_id bigint) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
  INSERT INTO holdpoint.outbox_held_back (cluster, event, username, hold_id)
  VALUES (p_cluster, p_event, p_username, p_hold_id) ON CONFLICT DO NOTHING
$$;

CREATE FUNCTION holdpoint.outbox_claim(p_cluster text, p_target text, p_limit int DEFAULT 20,
  p_lease interval DEFAULT '60 seconds')
RETURNS TABLE (outbox_id bigint, claim uuid, event text, hold_id bigint,
  created_at timestamptz, attempt int, payload text)
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
  WITH due AS (
    SELECT d.cluster, d.outbox_id, d.target FROM holdpoint.outbox_delivery d
    WHERE d.cluster = p_cluster AND d.target = p_target AND d.state = 'waiting'
      AND d.due_at <= clock_timestamp()
    ORDER BY d.due_at, d.outbox_id
    LIMIT least(greatest(p_limit, 0), 1000)
    FOR UPDATE SKIP LOCKED
  ), claimed AS (
    UPDATE holdpoint.outbox_delivery d
    SET claim = gen_random_uuid(), attempts = d.attempts + 1,
      due_at = clock_timestamp() + greatest(p_lease, '1 second')
    FROM due WHERE (d.cluster, d.outbox_id, d.target)
      = (due.cluster, due.outbox_id, due.target)
    RETURNING d.cluster, d.outbox_id, d.claim, d.attempts
  )
  SELECT o.id, c.claim, o.event, o.hold_id, o.created_at, c.attempts, o.payload
  FROM claimed c JOIN holdpoint.outbox o ON o.cluster = c.cluster AND o.id = c.outbox_id
  ORDER BY o.id
$$;

CREATE FUNCTION holdpoint.outbox_done(p_cluster text, p_outbox_id bigint, p_target text,
  p_claim uuid) RETURNS boolean
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
  WITH done AS (
    UPDATE holdpoint.outbox_delivery
    SET state = 'delivered', finished_at = clock_timestamp(), last_error = NULL
    WHERE cluster = p_cluster AND outbox_id = p_outbox_id AND target = p_target
      AND claim = p_claim AND state = 'waiting'
    RETURNING 1
  )
  SELECT EXISTS (SELECT FROM done)
$$;

-- Backs off: again after 5 s, 10 s, 20 s … at most an hour, each a little different, so that
-- replicas do not march in step; gives up after p_max_attempts, or when p_permanent.
CREATE FUNCTION holdpoint.outbox_failed(p_cluster text, p_outbox_id bigint, p_target text,
  p_claim uuid, p_error text, p_permanent boolean DEFAULT false,
  p_max_attempts int DEFAULT 30) RETURNS text
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
  UPDATE holdpoint.outbox_delivery
  SET last_error = left(p_error, 1000),
    due_at = clock_timestamp() + least(interval '1 hour',
      interval '5 seconds' * power(2, least(attempts, 20) - 1))
      * (0.8 + 0.4 * random()),
    state = CASE WHEN p_permanent OR attempts >= p_max_attempts
      THEN 'given-up' ELSE 'waiting' END,
    finished_at = CASE WHEN p_permanent OR attempts >= p_max_attempts
      THEN clock_timestamp() END
  WHERE cluster = p_cluster AND outbox_id = p_outbox_id AND target = p_target
    AND claim = p_claim AND state = 'waiting'
  RETURNING state
$$;

CREATE FUNCTION holdpoint.outbox_prune(p_keep interval DEFAULT '30 days',
  p_limit int DEFAULT 10000) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
  WITH old AS (
    SELECT o.cluster, o.id FROM holdpoint.outbox o
    WHERE o.created_at < now() - greatest(p_keep, '1 day')
      AND NOT EXISTS (SELECT FROM holdpoint.outbox_delivery d
        WHERE d.cluster = o.cluster AND d.outbox_id = o.id
          AND d.state = 'waiting')
    LIMIT least(greatest(p_limit, 0), 100000)
  ), gone AS (
    DELETE FROM holdpoint.outbox o USING old
    WHERE o.cluster = old.cluster AND o.id = old.id RETURNING 1
  )
  SELECT count(*) FROM gone
$$;

CREATE FUNCTION holdpoint.outbox_forget_told() RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
  DELETE FROM holdpoint.outbox_told t
  WHERE t.at < now() - interval '2 days' AND NOT EXISTS (SELECT FROM holdpoint.outbox_held_back b
    WHERE b.cluster = t.cluster AND b.event = t.event AND b.username = t.username)
$$;

CREATE FUNCTION holdpoint.outbox_backlog(p_cluster text)
RETURNS TABLE (target text, waiting bigint, oldest timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
  SELECT d.target, count(*), min(o.created_at)
  FROM holdpoint.outbox_delivery d
  JOIN holdpoint.outbox o ON o.cluster = d.cluster AND o.id = d.outbox_id
  WHERE d.cluster = p_cluster AND d.state = 'waiting'
  GROUP BY d.target
$$;

COMMENT ON FUNCTION holdpoint.outbox_set_targets IS
  'Sets the targets of a cluster to exactly these; what waits for others is given up.';
COMMENT ON FUNCTION holdpoint.outbox_claim IS
  'Events due for a target, claimed until the lease ends.';
COMMENT ON FUNCTION holdpoint.outbox_done IS
  'Delivered. False: the lease had run out and the claim is another worker''s.';
COMMENT ON FUNCTION holdpoint.outbox_failed IS
  'Not delivered: waits for the next attempt, or is given up. Null: the claim was no longer ours.';
COMMENT ON FUNCTION holdpoint.outbox_prune IS
  'Forgets events older than p_keep whose deliveries have all ended; returns how many.';
COMMENT ON FUNCTION holdpoint.outbox_forget_told IS
  'Forgets whom nobody has heard of for long.';
COMMENT ON FUNCTION holdpoint.outbox_backlog IS
  'For metrics: what waits for each target, and since when.';

GRANT EXECUTE ON FUNCTION
  holdpoint.outbox_set_targets(text, text[]),
  holdpoint.outbox_claim(text, text, int, interval),
  holdpoint.outbox_done(text, bigint, text, uuid),
  holdpoint.outbox_failed(text, bigint, text, uuid, text, boolean, int),
  holdpoint.outbox_prune(interval, int),
  holdpoint.outbox_forget_told(),
  holdpoint.outbox_backlog(text)
  TO holdpoint_webhook;
GRANT SELECT ON holdpoint.outbox_target, holdpoint.outbox, holdpoint.outbox_delivery,
  holdpoint.outbox_told, holdpoint.outbox_held_back
  TO holdpoint_auditor;
