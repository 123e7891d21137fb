-- SPDX-License-Identifier: Apache-2.0
-- A past of :past events for `./dev bench audit --past`: the rows that stand in audit_event already
-- (recorded traffic, as the sink stored it), again and again, over the last :span, in four clusters,
-- with names spread as they are in a cluster: 5 in 100 by one agent, the others by 1,000 service
-- accounts; 300 namespaces, 50,000 names, 6 in 100 refused or not found, 1 in 10 with a decision, of
-- which few deny or hold. Partitions are filled without indexes and in one transaction with their
-- making, so that nothing goes through the WAL; the indexes are built afterwards. :body is the body of
-- a row: s.body, or something smaller where disk or time are short.
\set ON_ERROR_STOP on
SET synchronous_commit = off;
SET maintenance_work_mem = '512MB';
SET work_mem = '64MB';
CREATE TABLE holdpoint.bench_sample AS
  SELECT (row_number() OVER () - 1)::int AS n, s.* FROM
    (SELECT DISTINCT ON (e.body_digest) e.* FROM holdpoint.audit_event e ORDER BY e.body_digest LIMIT 2000) AS s;
CREATE INDEX ON holdpoint.bench_sample (n);
ANALYZE holdpoint.bench_sample;

CREATE FUNCTION holdpoint.bench_fill(target text, first bigint, last bigint, all_rows bigint, upto timestamptz, body text, span text) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  samples int := (SELECT count(*) FROM holdpoint.bench_sample);
BEGIN
  EXECUTE format('INSERT INTO holdpoint.%I (cluster, seq, recorded_at, source, stage, level, stage_timestamp,
    received_timestamp, audit_id, verb, username, groups, source_ips, user_agent, request_uri, api_group,
    api_version, resource, subresource, namespace, name, code, authorization_decision, decision, decision_id,
    hold_id, failed_open, truncated, masking_version, masked, body, body_nonce, body_digest)
  SELECT ''c'' || 1 + g %% 4, g / 4 + 1, at, s.source, s.stage, s.level, at, at,
    gen_random_uuid()::text, s.verb,
    CASE WHEN q * 7919 %% 20 = 0 THEN ''claude-code@agents.example.com''
      ELSE ''system:serviceaccount:ns'' || q * 31 %% 300 || '':sa'' || q * 7919 %% 1000 END,
    s.groups, s.source_ips, s.user_agent, s.request_uri, s.api_group, s.api_version, s.resource, s.subresource,
    CASE WHEN s.namespace <> '''' THEN ''ns'' || q * 31 %% 300 END,
    CASE WHEN s.name <> '''' THEN ''web-'' || q * 104729 %% 50000 END,
    CASE WHEN q * 7919 %% 100 < 6 THEN 403 + q %% 2 ELSE s.code END, s.authorization_decision,
    CASE WHEN q %% 10 = 0 THEN CASE WHEN q %% 1000 = 0 THEN ''Deny'' WHEN q %% 5000 = 10 THEN ''Hold'' ELSE ''Allow'' END END,
    CASE WHEN q %% 10 = 0 THEN gen_random_uuid() END, CASE WHEN q %% 5000 = 10 THEN q / 5000 END,
    false, false, s.masking_version, s.masked, %s, s.body_nonce, s.body_digest
  FROM generate_series($1::bigint, $2) AS g
  CROSS JOIN LATERAL (SELECT $5 - ($3 - g) * $6::interval / $3 AS at, g / 4 AS q) AS t
  JOIN holdpoint.bench_sample s ON s.n = g %% $4', target, body) USING first, last, all_rows, samples, upto, span;
END
$$;

-- The day of event g of :past, and so the first event of today.
SELECT format('audit_event_p%s', to_char(now() AT TIME ZONE 'UTC' - interval '1 day', 'YYYYMMDD')) AS yesterday,
  format('audit_event_p%s', to_char(now() AT TIME ZONE 'UTC', 'YYYYMMDD')) AS today,
  (now() AT TIME ZONE 'UTC')::date AS day, now() AS upto,
  greatest(0, ceil(:past - extract(epoch FROM now() - date_trunc('day', now(), 'UTC')) / extract(epoch FROM :'span'::interval) * :past)::bigint) AS midnight \gset
SET ROLE holdpoint_owner;
ALTER TABLE holdpoint.audit_event DETACH PARTITION holdpoint.:today;
DROP TABLE holdpoint.:today;
RESET ROLE;

\echo filling yesterday
BEGIN;
SET LOCAL ROLE holdpoint_owner;
CREATE TABLE holdpoint.:yesterday (LIKE holdpoint.audit_event INCLUDING ALL EXCLUDING INDEXES);
RESET ROLE;
SELECT holdpoint.bench_fill(:'yesterday', 0, :midnight - 1, :past, :'upto', :'body', :'span') \g /dev/null
COMMIT;
\echo filling today
BEGIN;
SET LOCAL ROLE holdpoint_owner;
CREATE TABLE holdpoint.:today (LIKE holdpoint.audit_event INCLUDING ALL EXCLUDING INDEXES);
RESET ROLE;
SELECT holdpoint.bench_fill(:'today', :midnight, :past - 1, :past, :'upto', :'body', :'span') \g /dev/null
COMMIT;
\echo building the indexes
SET ROLE holdpoint_owner;
SELECT format('ALTER TABLE holdpoint.audit_event ATTACH PARTITION holdpoint.%I FOR VALUES FROM (%L) TO (%L)',
  p, d || ' 00:00:00+00', d + 1 || ' 00:00:00+00')
FROM (VALUES (:'yesterday', :'day'::date - 1), (:'today', :'day'::date)) AS v(p, d) \gexec
RESET ROLE;
INSERT INTO holdpoint.audit_cluster_seq (cluster, next_seq) SELECT 'c' || i, :past / 4 + 2 FROM generate_series(1, 4) AS i
  ON CONFLICT (cluster) DO UPDATE SET next_seq = excluded.next_seq;
\echo vacuum
VACUUM (ANALYZE) holdpoint.audit_event;
DROP FUNCTION holdpoint.bench_fill;
DROP TABLE holdpoint.bench_sample;
