-- SPDX-License-Identifier: Apache-2.0
-- Audit events: what the API servers report, masked, each once, numbered without gaps.
--
-- The writer, for each body: BEGIN; audit_begin_batch(...); COPY audit_event; COMMIT. The function
-- either says that this body is stored already, or locks the cluster's row in audit_cluster_seq,
-- takes the next numbers and keeps the lock until COMMIT. So numbers have no gaps, and are
-- committed in order: who has seen number n has seen all below. The price is that writers of one
-- cluster take turns from there to COMMIT; parse, mask and encode before, and put several
-- bodies into one transaction when the queue is long. Clusters do not wait for each other.
--
-- The batch key is not a partitioned table's: a retry may come after midnight.

SET LOCAL ROLE holdpoint_owner;
SET LOCAL search_path = pg_catalog, holdpoint, pg_temp;

CREATE TABLE holdpoint.audit_cluster_seq (
  cluster text PRIMARY KEY CHECK (octet_length(cluster) BETWEEN 1 AND 253),
  number int GENERATED ALWAYS AS IDENTITY,
  next_seq bigint NOT NULL DEFAULT 1 CHECK (next_seq > 0)
) WITH (fillfactor = 10);
COMMENT ON TABLE holdpoint.audit_cluster_seq IS 'The next event number of each cluster.';
COMMENT ON COLUMN holdpoint.audit_cluster_seq.cluster IS 'The cluster.';
COMMENT ON COLUMN holdpoint.audit_cluster_seq.number IS 'Short name of the cluster in session ids.';
COMMENT ON COLUMN holdpoint.audit_cluster_seq.next_seq IS 'Number that the next event gets.';

CREATE TABLE holdpoint.audit_batch (
  cluster text NOT NULL,
  source text NOT NULL CHECK (octet_length(source) BETWEEN 1 AND 253),
  sha256 bytea NOT NULL CHECK (octet_length(sha256) = 32),
  first_seq bigint NOT NULL,
  events int NOT NULL CHECK (events >= 0),
  quarantined int NOT NULL CHECK (quarantined >= 0),
  size_bytes bigint NOT NULL,
  recorded_at timestamptz NOT NULL DEFAULT now(),
  received_at timestamptz NOT NULL DEFAULT now(),
  oldest_event timestamptz,
  newest_event timestamptz,
  late int NOT NULL DEFAULT 0,
  ahead int NOT NULL DEFAULT 0,
  truncated int NOT NULL DEFAULT 0,
  PRIMARY KEY (cluster, source, sha256)
);
CREATE INDEX audit_batch_time ON holdpoint.audit_batch (recorded_at);
CREATE INDEX audit_batch_source ON holdpoint.audit_batch (cluster, source, received_at);
COMMENT ON TABLE holdpoint.audit_batch IS
  'Append-only: every body stored. A body that comes again is found here and not stored twice.';
COMMENT ON COLUMN holdpoint.audit_batch.cluster IS 'The cluster in the request''s path.';
COMMENT ON COLUMN holdpoint.audit_batch.source IS
  'Who sent it: the client certificate''s name, or the token''s.';
COMMENT ON COLUMN holdpoint.audit_batch.sha256 IS 'Digest of the body as received.';
COMMENT ON COLUMN holdpoint.audit_batch.first_seq IS 'Number of its first event.';
COMMENT ON COLUMN holdpoint.audit_batch.events IS 'How many events were stored.';
COMMENT ON COLUMN holdpoint.audit_batch.quarantined IS 'How many could not be read, or stored.';
COMMENT ON COLUMN holdpoint.audit_batch.size_bytes IS 'Size of the body as received.';
COMMENT ON COLUMN holdpoint.audit_batch.recorded_at IS 'When; the same as in its events.';
COMMENT ON COLUMN holdpoint.audit_batch.received_at IS
  'When a sink had it, by the sink''s clock: earlier than recorded_at by its time in a spool.';
COMMENT ON COLUMN holdpoint.audit_batch.oldest_event IS 'The earliest stageTimestamp in it.';
COMMENT ON COLUMN holdpoint.audit_batch.newest_event IS 'The latest stageTimestamp in it.';
COMMENT ON COLUMN holdpoint.audit_batch.late IS
  'How many events had happened more than 5 minutes before it was received.';
COMMENT ON COLUMN holdpoint.audit_batch.ahead IS
  'How many events had yet to happen, by more than 5 seconds, when it was received.';
COMMENT ON COLUMN holdpoint.audit_batch.truncated IS 'How many bodies the API server had cut.';
SELECT holdpoint.make_append_only('holdpoint.audit_batch');

CREATE FUNCTION holdpoint.stamp_audit_batch() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
BEGIN
  NEW.recorded_at := now();
  RETURN NEW;
END
$$;
CREATE TRIGGER stamp BEFORE INSERT ON holdpoint.audit_batch
  FOR EACH ROW EXECUTE FUNCTION holdpoint.stamp_audit_batch();

-- Searched columns compare by bytes (COLLATE "C"): in most locales that is several times faster,
-- and an upgrade of the C library cannot break indexes of this size.
CREATE TABLE holdpoint.audit_event (
  cluster text COLLATE "C" NOT NULL,
  seq bigint NOT NULL,
  recorded_at timestamptz NOT NULL DEFAULT now(),
  source text NOT NULL,
  stage text NOT NULL,
  level text NOT NULL,
  stage_timestamp timestamptz NOT NULL,
  received_timestamp timestamptz,
  audit_id text COLLATE "C" NOT NULL,
  verb text NOT NULL DEFAULT '',
  username text COLLATE "C" NOT NULL DEFAULT '',
  groups text[],
  impersonated_user text,
  impersonated_groups text[],
  credential_id text,
  session_hint text,
  source_ips text[],
  user_agent text,
  request_uri text,
  api_group text,
  api_version text,
  resource text COLLATE "C",
  subresource text,
  namespace text COLLATE "C",
  name text,
  code int,
  authorization_decision text,
  decision text,
  decision_id uuid,
  hold_id bigint,
  hold_review text,
  failed_open boolean NOT NULL DEFAULT false,
  truncated boolean NOT NULL DEFAULT false,
  masking_version int NOT NULL,
  masked int NOT NULL,
  body text COMPRESSION lz4,
  body_nonce bytea,
  body_digest bytea NOT NULL,
  erased_at timestamptz,
  PRIMARY KEY (cluster, seq, recorded_at)
) PARTITION BY RANGE (recorded_at);
CREATE TABLE holdpoint.audit_event_default PARTITION OF holdpoint.audit_event DEFAULT;
-- What people ask for, newest first. Time stands last in each: a search reads as many entries as it
-- shows, and new rows go to the ends of few pages.
CREATE INDEX audit_event_time ON holdpoint.audit_event (cluster, stage_timestamp);
CREATE INDEX audit_event_user ON holdpoint.audit_event (cluster, username, stage_timestamp);
CREATE INDEX audit_event_namespace ON holdpoint.audit_event (cluster, namespace, stage_timestamp);
CREATE INDEX audit_event_resource ON holdpoint.audit_event (cluster, resource, stage_timestamp);
CREATE INDEX audit_event_write ON holdpoint.audit_event (cluster, verb, stage_timestamp)
  WHERE verb NOT IN ('get', 'list', 'watch');
CREATE INDEX audit_event_failed ON holdpoint.audit_event (cluster, stage_timestamp)
  WHERE code >= 400;
CREATE INDEX audit_event_begun ON holdpoint.audit_event (cluster, stage_timestamp)
  WHERE stage IN ('RequestReceived', 'ResponseStarted');
CREATE INDEX audit_event_decided ON holdpoint.audit_event
  (cluster, lower(decision), stage_timestamp) WHERE decision IS NOT NULL;
CREATE INDEX audit_event_audit_id ON holdpoint.audit_event (cluster, audit_id);
CREATE INDEX audit_event_decision ON holdpoint.audit_event (cluster, decision_id)
  WHERE decision_id IS NOT NULL;
CREATE INDEX audit_event_hold ON holdpoint.audit_event (cluster, hold_id)
  WHERE hold_id IS NOT NULL;
CREATE INDEX audit_event_review ON holdpoint.audit_event (cluster, hold_review)
  WHERE hold_review IS NOT NULL;
COMMENT ON TABLE holdpoint.audit_event IS
  'Append-only: every audit event, secrets masked. Daily partitions by recorded_at.';
COMMENT ON COLUMN holdpoint.audit_event.cluster IS 'The cluster it was reported for.';
COMMENT ON COLUMN holdpoint.audit_event.seq IS
  'Its number in that cluster: 1, 2, 3 … without gaps.';
COMMENT ON COLUMN holdpoint.audit_event.recorded_at IS 'When the database took it in.';
COMMENT ON COLUMN holdpoint.audit_event.source IS 'Who reported it, see audit_batch.';
COMMENT ON COLUMN holdpoint.audit_event.stage IS
  'RequestReceived, ResponseStarted, ResponseComplete or Panic.';
COMMENT ON COLUMN holdpoint.audit_event.level IS 'Metadata, Request or RequestResponse.';
COMMENT ON COLUMN holdpoint.audit_event.stage_timestamp IS
  'When it happened (the API server''s clock).';
COMMENT ON COLUMN holdpoint.audit_event.received_timestamp IS
  'When the request had reached the API server.';
COMMENT ON COLUMN holdpoint.audit_event.audit_id IS
  'Chosen by the client or the API server: not unique.';
COMMENT ON COLUMN holdpoint.audit_event.verb IS 'get, list, create, patch …';
COMMENT ON COLUMN holdpoint.audit_event.username IS
  'Who asked, as authenticated; empty when that failed.';
COMMENT ON COLUMN holdpoint.audit_event.groups IS 'Their groups.';
COMMENT ON COLUMN holdpoint.audit_event.impersonated_user IS 'Whom they acted as.';
COMMENT ON COLUMN holdpoint.audit_event.impersonated_groups IS 'Groups of whom they acted as.';
COMMENT ON COLUMN holdpoint.audit_event.credential_id IS
  'user.extra authentication.kubernetes.io/credential-id: which token it was.';
COMMENT ON COLUMN holdpoint.audit_event.session_hint IS
  'user.extra holdpoint.dev/session: boundaries that the agent itself draws.';
COMMENT ON COLUMN holdpoint.audit_event.source_ips IS 'Where from: client first, then proxies.';
COMMENT ON COLUMN holdpoint.audit_event.user_agent IS 'With what, as the client says.';
COMMENT ON COLUMN holdpoint.audit_event.request_uri IS 'The URI, masked.';
COMMENT ON COLUMN holdpoint.audit_event.api_group IS 'objectRef.apiGroup; empty for core.';
COMMENT ON COLUMN holdpoint.audit_event.api_version IS 'objectRef.apiVersion.';
COMMENT ON COLUMN holdpoint.audit_event.resource IS
  'objectRef.resource; null for non-resource URIs.';
COMMENT ON COLUMN holdpoint.audit_event.subresource IS 'objectRef.subresource.';
COMMENT ON COLUMN holdpoint.audit_event.namespace IS 'objectRef.namespace.';
COMMENT ON COLUMN holdpoint.audit_event.name IS
  'objectRef.name, or from the response for generated names.';
COMMENT ON COLUMN holdpoint.audit_event.code IS 'HTTP status of the answer.';
COMMENT ON COLUMN holdpoint.audit_event.authorization_decision IS
  'allow or forbid (annotation of the API server).';
COMMENT ON COLUMN holdpoint.audit_event.decision IS
  'What holdpoint-webhook decided (its annotation).';
COMMENT ON COLUMN holdpoint.audit_event.decision_id IS 'Its decision record, see decision.';
COMMENT ON COLUMN holdpoint.audit_event.hold_id IS 'The hold asked or used.';
COMMENT ON COLUMN holdpoint.audit_event.hold_review IS
  'Of a HoldReview: the hold and the uid of the admission request that decided it, as HOLD/UID.';
COMMENT ON COLUMN holdpoint.audit_event.failed_open IS
  'A webhook failed and the request went on without it.';
COMMENT ON COLUMN holdpoint.audit_event.truncated IS 'The API server cut request and response.';
COMMENT ON COLUMN holdpoint.audit_event.masking_version IS 'Version of the masking rules applied.';
COMMENT ON COLUMN holdpoint.audit_event.masked IS 'How many values were masked.';
COMMENT ON COLUMN holdpoint.audit_event.body IS 'The event as JSON, masked; null once erased.';
COMMENT ON COLUMN holdpoint.audit_event.body_nonce IS
  'Random; goes with the body, so that the digest tells nothing.';
COMMENT ON COLUMN holdpoint.audit_event.body_digest IS 'SHA-256 of nonce and body.';
COMMENT ON COLUMN holdpoint.audit_event.erased_at IS 'When the body was erased.';

SELECT holdpoint.make_append_only('holdpoint.audit_event');
SELECT holdpoint.make_append_only('holdpoint.audit_event_default', true);

-- Events have one more way to change than other append-only rows: an announced erasure, which
-- takes body and nonce and nothing else.
CREATE FUNCTION holdpoint.refuse_event_change() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
DECLARE
  rest holdpoint.audit_event := OLD;
BEGIN
  rest.body := NULL;
  rest.body_nonce := NULL;
  rest.erased_at := NEW.erased_at;
  IF NEW.erased_at IS NOT NULL AND NEW IS NOT DISTINCT FROM rest
    AND holdpoint.is_announced('audit_event', 'erase') THEN
    RETURN NEW;
  END IF;
  RAISE EXCEPTION 'holdpoint.% is append-only: UPDATE refused', TG_TABLE_NAME
    USING ERRCODE = 'HP010';
END
$$;
DROP TRIGGER refuse_change ON holdpoint.audit_event;
CREATE TRIGGER refuse_change BEFORE DELETE ON holdpoint.audit_event
  FOR EACH ROW EXECUTE FUNCTION holdpoint.refuse_change();
CREATE TRIGGER refuse_event_change BEFORE UPDATE ON holdpoint.audit_event
  FOR EACH ROW EXECUTE FUNCTION holdpoint.refuse_event_change();

CREATE TABLE holdpoint.audit_quarantine (
  cluster text NOT NULL,
  recorded_at timestamptz NOT NULL DEFAULT now(),
  source text NOT NULL,
  batch_sha256 bytea NOT NULL,
  position int NOT NULL,
  size_bytes bigint NOT NULL,
  sha256 bytea NOT NULL CHECK (octet_length(sha256) = 32),
  reason text NOT NULL,
  audit_id text,
  stage text,
  stage_timestamp timestamptz,
  verb text,
  username text,
  PRIMARY KEY (cluster, recorded_at, source, batch_sha256, position)
) PARTITION BY RANGE (recorded_at);
CREATE TABLE holdpoint.audit_quarantine_default PARTITION OF holdpoint.audit_quarantine DEFAULT;
COMMENT ON TABLE holdpoint.audit_quarantine IS
  'Append-only: events that could not be read, or stored. What they say of themselves, never their bytes.';
COMMENT ON COLUMN holdpoint.audit_quarantine.cluster IS 'The cluster it was reported for.';
COMMENT ON COLUMN holdpoint.audit_quarantine.recorded_at IS 'When it came.';
COMMENT ON COLUMN holdpoint.audit_quarantine.source IS 'Who reported it.';
COMMENT ON COLUMN holdpoint.audit_quarantine.batch_sha256 IS
  'The body it came in, see audit_batch.';
COMMENT ON COLUMN holdpoint.audit_quarantine.position IS
  'Its place in the list, from 0; -1: the list itself.';
COMMENT ON COLUMN holdpoint.audit_quarantine.size_bytes IS 'How long it was, or its masked text where the database refused it.';
COMMENT ON COLUMN holdpoint.audit_quarantine.sha256 IS 'Digest of these bytes.';
COMMENT ON COLUMN holdpoint.audit_quarantine.reason IS 'What is wrong with it.';
COMMENT ON COLUMN holdpoint.audit_quarantine.audit_id IS 'auditID, where it could be read.';
COMMENT ON COLUMN holdpoint.audit_quarantine.stage IS 'stage, where it could be read.';
COMMENT ON COLUMN holdpoint.audit_quarantine.stage_timestamp IS
  'stageTimestamp, where it could be read.';
COMMENT ON COLUMN holdpoint.audit_quarantine.verb IS 'verb, where it could be read.';
COMMENT ON COLUMN holdpoint.audit_quarantine.username IS 'user.username, where it could be read.';
SELECT holdpoint.make_append_only('holdpoint.audit_quarantine');
SELECT holdpoint.make_append_only('holdpoint.audit_quarantine_default', true);

CREATE FUNCTION holdpoint.time_of_us(us bigint) RETURNS timestamptz
LANGUAGE sql IMMUTABLE STRICT
BEGIN ATOMIC
  SELECT timestamptz '1970-01-01 00:00:00+00' + us * interval '1 microsecond';
END;

-- Takes the numbers for a batch. already_stored: this body is here, answer 200 and roll back or
-- go on with the next body. recorded_at is what the events get by default in this transaction.
-- Times are microseconds since 1970.
CREATE FUNCTION holdpoint.audit_begin_batch(p_cluster text, p_source text, p_sha256 bytea,
  p_events int, p_quarantined int, p_size_bytes bigint, p_received_us bigint DEFAULT NULL,
  p_oldest_us bigint DEFAULT NULL, p_newest_us bigint DEFAULT NULL, p_late int DEFAULT 0,
  p_ahead int DEFAULT 0, p_truncated int DEFAULT 0,
  OUT already_stored boolean, OUT first_seq bigint, OUT recorded_at timestamptz)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
BEGIN
  SELECT true, b.first_seq, b.recorded_at INTO already_stored, first_seq, recorded_at
  FROM holdpoint.audit_batch b
  WHERE b.cluster = p_cluster AND b.source = p_source AND b.sha256 = p_sha256;
  IF FOUND THEN
    RETURN;
  END IF;

  LOOP
    SELECT s.next_seq INTO first_seq FROM holdpoint.audit_cluster_seq s
    WHERE s.cluster = p_cluster FOR NO KEY UPDATE;
    EXIT WHEN FOUND;
    INSERT INTO holdpoint.audit_cluster_seq (cluster) VALUES (p_cluster)
    ON CONFLICT (cluster) DO NOTHING;
  END LOOP;
  already_stored := false;
  recorded_at := now();
  INSERT INTO holdpoint.audit_batch (cluster, source, sha256, first_seq, events, quarantined,
    size_bytes, received_at, oldest_event, newest_event, late, ahead, truncated)
  VALUES (p_cluster, p_source, p_sha256, audit_begin_batch.first_seq, p_events,
    p_quarantined, p_size_bytes, coalesce(holdpoint.time_of_us(p_received_us), now()),
    holdpoint.time_of_us(p_oldest_us), holdpoint.time_of_us(p_newest_us), p_late, p_ahead,
    p_truncated)
  ON CONFLICT (cluster, source, sha256) DO NOTHING;
  IF NOT FOUND THEN -- another replica stored it while we waited for the lock
    SELECT true, b.first_seq, b.recorded_at INTO already_stored, first_seq, recorded_at
    FROM holdpoint.audit_batch b
    WHERE b.cluster = p_cluster AND b.source = p_source AND b.sha256 = p_sha256;
    RETURN;
  END IF;
  UPDATE holdpoint.audit_cluster_seq s SET next_seq = s.next_seq + p_events
  WHERE s.cluster = p_cluster;
END
$$;
COMMENT ON FUNCTION holdpoint.audit_begin_batch IS
  'First call of a batch''s transaction: already stored, or the first of its p_events numbers.';

CREATE TABLE holdpoint.audit_duplicate (
  cluster text NOT NULL,
  seq bigint NOT NULL,
  earlier_seq bigint NOT NULL,
  audit_id text NOT NULL,
  stage text NOT NULL,
  differs boolean,
  found_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (cluster, seq, earlier_seq)
);
COMMENT ON TABLE holdpoint.audit_duplicate IS
  'Append-only: events that share auditID and stage with an earlier one. Both are kept.';
COMMENT ON COLUMN holdpoint.audit_duplicate.cluster IS 'The cluster.';
COMMENT ON COLUMN holdpoint.audit_duplicate.seq IS 'The later event.';
COMMENT ON COLUMN holdpoint.audit_duplicate.earlier_seq IS 'The earlier event.';
COMMENT ON COLUMN holdpoint.audit_duplicate.audit_id IS 'The auditID they share.';
COMMENT ON COLUMN holdpoint.audit_duplicate.stage IS 'The stage they share.';
COMMENT ON COLUMN holdpoint.audit_duplicate.differs IS
  'Their contents differ: somebody reused an auditID. Null: one body was erased.';
COMMENT ON COLUMN holdpoint.audit_duplicate.found_at IS 'When it was found.';
SELECT holdpoint.make_append_only('holdpoint.audit_duplicate');

-- Looks for duplicates among events p_from..p_to, against those of the p_lookback before. Not part
-- of a batch's transaction, which it would slow by a tenth; whoever seals or sweeps calls it.
CREATE FUNCTION holdpoint.audit_find_duplicates(p_cluster text, p_from bigint, p_to bigint,
  p_lookback interval DEFAULT '2 days') RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, holdpoint, pg_temp
AS $$
DECLARE
  since timestamptz := now() - p_lookback;
  found_now bigint;
BEGIN
  INSERT INTO holdpoint.audit_duplicate
    (cluster, seq, earlier_seq, audit_id, stage, differs)
  SELECT n.cluster, n.seq, o.seq, n.audit_id, n.stage, n.body <> o.body
  FROM holdpoint.audit_event n
  JOIN holdpoint.audit_event o ON o.cluster = n.cluster AND o.audit_id = n.audit_id
    AND o.stage = n.stage AND o.seq < n.seq AND o.recorded_at >= since
  WHERE n.cluster = p_cluster AND n.seq BETWEEN p_from AND p_to AND n.recorded_at >= since
  ON CONFLICT DO NOTHING;
  GET DIAGNOSTICS found_now = ROW_COUNT;
  RETURN found_now;
END
$$;
COMMENT ON FUNCTION holdpoint.audit_find_duplicates IS
  'Records which of these events share auditID and stage with earlier ones; returns how many.';

GRANT EXECUTE ON FUNCTION holdpoint.audit_begin_batch, holdpoint.audit_find_duplicates
  TO holdpoint_auditsink;
-- Not of recorded_at, which is when the database takes a row in.
DO $$
DECLARE
  relation text;
  columns text;
BEGIN
  FOREACH relation IN ARRAY ARRAY['audit_event', 'audit_quarantine'] LOOP
    SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) INTO columns FROM pg_attribute
    WHERE attrelid = format('holdpoint.%I', relation)::regclass AND attnum > 0
      AND NOT attisdropped AND attname NOT IN ('recorded_at', 'erased_at');
    EXECUTE format('GRANT INSERT (%s) ON holdpoint.%I TO holdpoint_auditsink', columns, relation);
  END LOOP;
END
$$;
GRANT SELECT ON holdpoint.audit_cluster_seq, holdpoint.audit_batch, holdpoint.audit_event,
  holdpoint.audit_quarantine, holdpoint.audit_duplicate
  TO holdpoint_auditor;
