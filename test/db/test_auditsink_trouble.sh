#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The audit sink in trouble that is not an outage: a database that turned into a standby, days
# without partitions, a spool that is somebody else's or spoilt, API servers that share auditIDs.
# shellcheck source=test/db/sink_stack.sh
source "$HOLDPOINT_SOURCE_DIR/test/db/sink_stack.sh"
stack_cluster=c1

event() { # AUDIT-ID [STAGE [AGENT]]
  printf '{"level":"Metadata","auditID":"%s","stage":"%s","requestURI":"/x","verb":"get",' "$1" "${2:-ResponseComplete}"
  printf '"user":{"username":"alice"},"userAgent":"%s","stageTimestamp":"2026-01-02T03:04:05Z"}' "${3:-kubectl}"
}
# put NAME EVENT...: a list of them, as file $dir/NAME.
put() {
  local to=$dir/$1 IFS=,
  shift
  printf '{"kind":"EventList","apiVersion":"audit.k8s.io/v1","metadata":{},"items":[%s]}\n' "$*" >"$to"
}
# answers CODE REGEX NAME [CLUSTER]
answers() {
  local code answer
  code=$(curl -sS --max-time 60 -o "$dir/answer" -w '%{http_code}' --cacert "$stack_dir/certs/ca.crt" \
    --cert "$stack_dir/certs/audit.crt" --key "$stack_dir/certs/audit.key" \
    -H 'Content-Type: application/json' --data-binary "@$dir/$3" "${stack_url[sink]}/audit/${4:-c1}")
  answer=$(<"$dir/answer")
  [[ $code == "$1" && $answer =~ $2 ]] || fail "$3: expected $1 /$2/, got $code: $answer"
}
eventually() { # EXPECTED QUERY
  local i
  for ((i = 0; i < 75; i++)); do
    [[ $(sql "$2") == "$1" ]] && return 0
    sleep 0.2
  done
  equals "$1" "$(sql "$2")" "in 15 s: $2"
}
# What a spoilt or foreign spool makes of a second sink: one line, exit 1.
refuses_spool() { # REGEX FILE
  local out rc=0
  out=$("$stack_bin/holdpoint-auditsink" --listen=127.0.0.1:0 --metrics-listen= --spool-file="$2" \
    --database-url="$(stack_database_url auditsink)" 2>&1) || rc=$?
  equals 1 "$rc" "exit code ($out)"
  [[ $(grep -c holdpoint-auditsink: <<<"$out") == 1 && $out =~ $1 && $out == *"$2"* ]] ||
    fail "expected one line /$1/ about $2, got: $out"
}

at "start"
stack_prepare >/dev/null
sink_start --source=audit-c1=c2 --spool-file="$dir/spool" --sweep-interval=1s

at "two API servers send the same auditIDs"
put both "$(event same1)" "$(event same2)" && answers 200 stored both c1
answers 200 stored both c2
equals "c1 2|c2 2" "$(sql "SELECT string_agg(cluster || ' ' || n, '|' ORDER BY cluster)
  FROM (SELECT cluster, count(*) n FROM holdpoint.audit_event WHERE audit_id ~ '^same' GROUP BY cluster) x")" "each cluster has its own"

at "a list that repeats a part of another one, out of order"
put part "$(event part2)" "$(event part3)" && answers 200 '"events":2.*stored' part
put whole "$(event part1)" "$(event part2)" "$(event part3 ResponseComplete curl)" "$(event part2 RequestReceived)"
answers 200 '"events":4.*stored' whole
eventually 'part2 false,part3 true' "SELECT string_agg(audit_id || ' ' || differs, ',' ORDER BY audit_id)
  FROM holdpoint.audit_duplicate WHERE audit_id ~ '^part'"
equals 6 "$(sql "SELECT count(*) FROM holdpoint.audit_event WHERE audit_id ~ '^part'")" "all are kept"

at "a spool is one sink's"
refuses_spool 'locked|in use' "$dir/spool"
head -c 9000 /dev/urandom >"$dir/noise" && refuses_spool 'not a database' "$dir/noise"
mkdir "$dir/folder" && refuses_spool 'directory' "$dir/folder"
ln -s "$dir/spool2" "$dir/link" && refuses_spool 'symbolic' "$dir/link"

at "a database that only reads, as a standby does"
psql -q -X "$HOLDPOINT_TEST_DATABASE_URL" -c 'ALTER ROLE auditsink SET default_transaction_read_only = on' -c "SELECT
  pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'auditsink'" >/dev/null
put standby "$(event standby)" && answers 200 spooled standby
equals 0 "$(sql "SELECT count(*) FROM holdpoint.audit_event WHERE audit_id = 'standby'")" "events on a standby"
psql -q -X "$HOLDPOINT_TEST_DATABASE_URL" -c 'ALTER ROLE auditsink RESET default_transaction_read_only' -c "SELECT
  pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'auditsink'" >/dev/null
eventually 1 "SELECT count(*) FROM holdpoint.audit_event WHERE audit_id = 'standby'"
answers 200 duplicate standby

at "a day without a partition"
today=$(sql "SELECT holdpoint.partition_name('holdpoint.audit_event', (now() AT TIME ZONE 'UTC')::date)")
kept=$(sql "SELECT count(*) FROM holdpoint.$today")
sql "ALTER TABLE holdpoint.audit_event DETACH PARTITION holdpoint.$today; ALTER TABLE holdpoint.$today RENAME TO put_away"
put odd "$(event odd1)" "$(event odd2)" && answers 200 '"events":2.*stored' odd
equals 2 "$(sql 'SELECT count(*) FROM holdpoint.audit_event_default')" "events in the partition of last resort"
daemon_stop sink
sink_start --source=audit-c1=c2 --spool-file="$dir/spool"
equals "0|2" "$(sql "SELECT (SELECT count(*) FROM holdpoint.audit_event_default), (SELECT count(*) FROM holdpoint.$today)")" "they are in their day's"
((kept > 0)) || fail "nothing was in the day that was put away"

at "deep nesting and a slow client"
deep=$(printf '[%.0s' {1..10000})$(printf ']%.0s' {1..10000})
put deep "$(event deep1)" "$(event deep2 | sed "s/}\$/,\"x\":$deep}/")" "$(event deep3)"
answers 200 '"events":2,"quarantined":1' deep
daemon_stop sink
sink_start --body-deadline=1s
head -c 3000000 /dev/zero | tr '\0' x >"$dir/slow"
code=$(curl -s -o "$dir/answer" -w '%{http_code} %{time_total}' --max-time 15 --limit-rate 200k \
  --cacert "$stack_dir/certs/ca.crt" --cert "$stack_dir/certs/audit.crt" --key "$stack_dir/certs/audit.key" \
  -H 'Content-Type: application/json' -H 'Expect:' --data-binary "@$dir/slow" "${stack_url[sink]}/audit/c1") || true
[[ $code =~ ^(408|000)\ [1-9]\. ]] || fail "a slow client was not cut off after a second: $code $(<"$dir/answer")"

passed=1
say passed
