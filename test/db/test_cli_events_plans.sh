#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What `holdpoint events` reads of a past of 100,000 events: with each filter as much as it shows, by
# index, and of the days that were asked for alone.
set -euo pipefail
cd "$HOLDPOINT_SOURCE_DIR"
# shellcheck source=../../dev.d/lib.sh
source dev.d/lib.sh
# shellcheck source=../../dev.d/postgres.sh
source dev.d/postgres.sh
dir=$(mktemp -d /tmp/holdpoint-plans.XXXXXX)
trap 'rm -rf "$dir"' EXIT
unset HOLDPOINT_DATABASE_URL PGHOST PGDATABASE PGSERVICE
admin=$HOLDPOINT_TEST_DATABASE_URL
sql() { psql -qXAt -v ON_ERROR_STOP=1 "$admin" -c "$1"; }

"$HOLDPOINT_BIN/holdpoint" db migrate --database-url="$admin" >/dev/null
# Two clusters, half a second apart each; an older day that nothing below asks for.
sql "SELECT holdpoint.ensure_partitions(1)" >/dev/null
sql "INSERT INTO holdpoint.audit_cluster_seq (cluster, next_seq) VALUES ('c1', 60001), ('c2', 40001);
  SELECT holdpoint.create_partition('holdpoint.audit_event', (now() AT TIME ZONE 'UTC')::date - 5);
  INSERT INTO holdpoint.audit_event (cluster, seq, recorded_at, source, stage, level, stage_timestamp,
    audit_id, verb, username, namespace, resource, api_group, subresource, name, code, decision,
    decision_id, hold_id, masking_version, masked, body, body_digest)
  SELECT CASE WHEN i <= 60000 THEN 'c1' ELSE 'c2' END, CASE WHEN i <= 60000 THEN i ELSE i - 60000 END,
    CASE WHEN i % 60000 <= 100 THEN date_trunc('day', now(), 'UTC') - interval '5 days' + interval '1 hour' ELSE now() END,
    's', 'ResponseComplete', 'Metadata', now() - ((100000 - i) % 40000) * interval '0.1 seconds', 'id' || i,
    (ARRAY['get', 'list', 'watch', 'delete', 'patch'])[CASE WHEN i % 100 = 0 THEN 4 + i / 100 % 2 ELSE 1 + i % 3 END],
    'user' || i % 200, 'ns' || i % 100, CASE WHEN i % 500 = 0 THEN 'secrets' ELSE 'pods' END, '', '', 'web' || i % 5,
    CASE WHEN i % 400 = 0 THEN 403 ELSE 200 END, CASE WHEN i % 1000 = 0 THEN 'Deny' WHEN i % 10 = 0 THEN 'Allow' END,
    CASE WHEN i % 10 = 0 THEN gen_random_uuid() END, CASE WHEN i % 5000 = 0 THEN i / 5000 END, 1, 0, '{}', 'd'
  FROM generate_series(1, 100000) AS i" >/dev/null
sql "ANALYZE" >/dev/null
today=audit_event_p$(sql "SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYYMMDD')")

reads() { # of PATTERN: sequential scans, rows by index
  sql "SELECT pg_stat_force_next_flush()" >/dev/null
  sql "SELECT coalesce(sum(seq_scan), 0) || ' ' || coalesce(sum(coalesce(idx_tup_fetch, 0) + seq_tup_read), 0)
    FROM pg_stat_user_tables WHERE relname ~ '$1'"
}
# expect ROWS LINES ARGUMENTS...: no more than ROWS are read, LINES are shown.
expect() {
  local most=$1 lines=$2
  shift 2
  measure "$most" "$lines" events -o jsonl --limit 50 "$@"
}
# measure ROWS LINES COMMAND...: of the table $today.
measure() {
  local most=$1 lines=$2 got tries before after
  shift 2
  before=$(reads "^$today\$")
  got=$("$HOLDPOINT_BIN/holdpoint" "$@" --database-url="$admin" | wc -l)
  [[ $got == "$lines" ]] || die "$*: $got lines, expected $lines"
  # A backend hands in what it counted when it ends.
  for ((tries = 0; tries < 50; tries++)); do
    after=$(reads "^$today\$")
    ((${after#* } - ${before#* } >= lines - 1)) && break
    sleep 0.1
  done
  ((${after#* } - ${before#* } >= lines - 1)) || die "$*: read nothing of $today?"
  ((${after% *} == ${before% *})) || die "$*: read all of $today"
  ((${after#* } - ${before#* } <= most)) || die "$*: read $((${after#* } - ${before#* })) rows, at most $most expected"
  say "ok: $* ($((${after#* } - ${before#* })) rows)"
}
expect 110 50 --since 2h
expect 110 50 --user user7 --since 2h
expect 110 50 --user user7 --since 2h --until 10m
expect 110 50 --verb delete --since 2h
expect 11000 50 --verb delete,patch --since 2h # one row in a hundred, newest first
expect 400 50 --verb get --since 2h -o ocsf
expect 210 50 --resource secrets --since 2h
expect 110 50 -n ns7 --since 2h
expect 110 50 --code 403 --since 2h
expect 110 50 --code 4xx --since 2h
expect 210 50 --decision deny --since 2h
expect 30 1 --hold 7 --since 2h
expect 600 50 --name web3 --since 2h
expect 1100 50 --user user7 --code 2xx --since 2h --cluster c1
expect 3000 50 --text '{}' --since 2h

# A rare name is looked for where it can be. When the search by time takes too long (here it waits for
# a lock), that is the second try.
sql "SELECT brin_summarize_new_values(indexrelid) FROM pg_stat_user_indexes WHERE relname = '$today' AND indexrelname LIKE '%_name_idx'
  AND indexrelname NOT LIKE '%username%'" >/dev/null
plan=$(psql -qXAt "$admin" -c "SET enable_indexscan = off" -c "EXPLAIN SELECT * FROM holdpoint.audit_event e WHERE e.cluster = 'c1'
  AND e.name = 'rare' AND e.stage_timestamp > now() - interval '2 hours' ORDER BY e.stage_timestamp DESC LIMIT 50")
[[ $plan == *"Bitmap Index Scan on ${today}_name_idx"* ]] || die "no index of names: $plan"
psql -qXAt "$admin" -c "BEGIN; LOCK TABLE holdpoint.$today; SELECT pg_sleep(3); ROLLBACK" >/dev/null &
sleep 1
got=$("$HOLDPOINT_BIN/holdpoint" events --name web3 --since 2h --database-url="$admin" --limit 50 -o jsonl | wc -l)
[[ $got == 50 ]] || die "by name, with a lock in the way: $got lines"
wait

# A page of an export reads itself, not what comes before it: 40 of them, 1,000 events each.
expect 42000 39900 --all --cluster c2 --since 2h --text ''
# Decisions, 100,000 of them; and those of reads, beside the events that are shown.
sql "INSERT INTO holdpoint.decision (cluster, decision_id, time, endpoint, username, operation, resource,
    namespace, name, policy, rule, action, allowed, answer)
  SELECT CASE WHEN i <= 60000 THEN 'c1' ELSE 'c2' END, gen_random_uuid(), now() - ((100000 - i) % 40000) * interval '0.1 seconds',
    'authorize', 'user' || i % 200, 'list', 'pods', 'ns' || i % 100, 'web' || i % 5, 'agents', 'reads', 'Audit', true, 'asked: yes'
  FROM generate_series(1, 100000) AS i" >/dev/null
sql "ANALYZE" >/dev/null
today=decision_p$(sql "SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYYMMDD')")
# A table has a line more than rows.
measure 110 51 decisions --limit 50 --since 2h
measure 110 51 decisions --limit 50 --since 2h --user user7
measure 3000 51 decisions --limit 50 --since 2h --user user7 --cluster c1 --until 5m
measure 600 51 decisions --limit 50 --since 2h --name web3
measure 700 51 events --limit 50 --since 2h --user user7
measure 700 51 events --limit 50 --since 2h --verb get,list
say "all passed"
