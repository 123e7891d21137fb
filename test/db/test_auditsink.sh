#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The audit sink as a whole: the real daemon, real TLS, a real PostgreSQL, the recorded traffic of two
# API servers. Every event is stored once, in order, and no planted secret is found anywhere after.
# shellcheck source=test/db/sink_stack.sh
source "$HOLDPOINT_SOURCE_DIR/test/db/sink_stack.sh"

# send FILE [PATH [CERTIFICATE [CURL-OPTION...]]]: sets $code and $answer.
send() {
  local file=$1 path=${2:-/audit/replay} as=${3:-audit}
  shift $(($# < 3 ? $# : 3))
  code=$(curl -sS --max-time 60 -o "$dir/answer" -D "$dir/headers" -w '%{http_code}' \
    --cacert "$stack_dir/certs/ca.crt" --cert "$stack_dir/certs/$as.crt" \
    --key "$stack_dir/certs/$as.key" -H "Content-Type: ${content_type:-application/json}" \
    --data-binary "@$file" "$@" "${stack_url[sink]}$path")
  answer=$(<"$dir/answer")
}
# answers CODE REGEX FILE ...: send, and check.
answers() {
  local expected=$1 pattern=$2
  shift 2
  send "$@"
  [[ $code == "$expected" && $answer =~ $pattern ]] ||
    fail "expected $expected /$pattern/, got $code: $answer"
}
list() { printf '{"kind":"EventList","apiVersion":"audit.k8s.io/v1","metadata":{},"items":[%s]}\n' "$1"; }
event() {
  printf '{"level":"Metadata","auditID":"%s","stage":"ResponseComplete","requestURI":"/x","verb":"get",' "$1"
  printf '"user":{"username":"alice"},"stageTimestamp":"2026-01-02T03:04:05.678901Z"%s}' "${2:-}"
}

at "start"
stack_prepare >/dev/null
sink_start --sweep-interval=1s

at "the recorded traffic is stored"
files=("$root"/test/fixtures/audit/*/*-eventlist.json)
events=$(jq -s 'map(.items | length) | add' "${files[@]}")
equals 233 "$events" "events in the fixtures"
for file in "${files[@]}"; do
  answers 200 '"result":"stored"' "$file"
done
equals "$events" "$(sql 'SELECT count(*) FROM holdpoint.audit_event')" "events stored"
equals "1|$events|$events" "$(sql 'SELECT min(seq), max(seq), count(DISTINCT seq) FROM holdpoint.audit_event')" "numbers"
equals "${#files[@]}" "$(sql 'SELECT count(*) FROM holdpoint.audit_batch')" "batches"
equals 0 "$(sql 'SELECT count(*) FROM holdpoint.audit_event_default')" "events outside the daily partitions"

at "columns say what the events said"
jq -rs 'map(.items[]) | map([.auditID, .stage, .level, .verb, (.user.username // ""),
    (.objectRef.resource // ""), (.objectRef.namespace // ""), (.responseStatus.code // "" | tostring),
    ((.user.groups // []) | join(",")), ((.sourceIPs // []) | join(","))] | join("|")) | sort[]' \
  "${files[@]}" | sort >"$dir/expected"
sql "SELECT concat_ws('|', audit_id, stage, level, verb, username, coalesce(resource, ''),
    coalesce(namespace, ''), coalesce(code::text, ''), coalesce(array_to_string(groups, ','), ''),
    coalesce(array_to_string(source_ips, ','), '')) FROM holdpoint.audit_event" | sort >"$dir/got"
diff "$dir/expected" "$dir/got" >&2 || fail "columns differ"
equals 0 "$(sql "SELECT count(*) FROM holdpoint.audit_event WHERE body_digest IS DISTINCT FROM
  sha256(body_nonce || convert_to(body, 'UTF8')) OR stage_timestamp <> (body::jsonb->>'stageTimestamp')::timestamptz
  OR audit_id <> body::jsonb->>'auditID' OR source <> 'audit-replay'")" "rows that contradict their body"

at "no secret is anywhere"
pg_dump "$HOLDPOINT_TEST_DATABASE_URL" >"$dir/dump.sql"
curl -fsS "${stack_plain[sink]}/metrics" >"$dir/metrics"
planted_secrets >"$dir/secrets"
(($(wc -l <"$dir/secrets") > 50)) || fail "the list of secrets is too short"
grep -qFf "$dir/secrets" "${files[@]}" || fail "the fixtures hold none of the secrets"
for where in dump.sql metrics stack/sink.log; do
  grep -oFf "$dir/secrets" "$dir/$where" | sort | uniq -c >&2 && fail "secrets in $where"
done
grep -qF '[masked hmac-sha256:' "$dir/dump.sql" || fail "nothing was masked"
token=$(jq -rs 'map(.items[].responseObject.status.token? // empty) | first' "${files[@]}")
[[ $token == ey* ]] || fail "no token in the fixtures"
if grep -qF "$token" "$dir/dump.sql"; then fail "the service account's token is in the dump"; fi

at "the same bodies again are stored once"
for file in "${files[@]:0:20}"; do answers 200 '"result":"duplicate"' "$file"; done
equals "$events" "$(sql 'SELECT count(*) FROM holdpoint.audit_event')" "events after the repetition"
equals 20 "$(metric 'holdpoint_audit_requests_total{result="duplicate"}')" "duplicates counted"

at "a broken event does not cost its neighbours"
list "$(event n1),$(event bad ',"requestObject":{"a":1,"a":2}'),$(event n2)" >"$dir/a"
answers 200 '"events":2,"quarantined":1' "$dir/a"
list "$(event n3),$(event bad2 ',"requestObject":{bad'),$(event n4)" >"$dir/b"
answers 200 '"events":2,"quarantined":1' "$dir/b"
{ printf '{"kind":"EventList","apiVersion":"audit.k8s.io/v1","items":[' && event n5 &&
  printf ',' && event bad3 $',"requestObject":"\xff\xfe"' && printf ',' &&
  event n6 ',"requestObject":"\u0000 \ud800 123456789012345678901234567890"' && printf ']}'; } >"$dir/c"
answers 200 '"events":2,"quarantined":1' "$dir/c"
list "$(event n7),{\"level\":\"Metadata\"},$(event n8)" >"$dir/d"
answers 200 '"events":2,"quarantined":1' "$dir/d"
equals 8 "$(sql "SELECT count(*) FROM holdpoint.audit_event WHERE audit_id ~ '^n[1-8]$'")" "neighbours"
equals "bad|duplicate key|alice
bad2|expected a key in quotes|alice
bad3|not UTF-8|alice
|no auditID|" "$(sql "SELECT audit_id, reason, username FROM holdpoint.audit_quarantine ORDER BY audit_id NULLS LAST")" "quarantine"
equals "$((events + 8))" "$(sql 'SELECT max(seq) FROM holdpoint.audit_event')" "numbers have no gaps"

at "an auditID that was used before is flagged, both events are kept"
list "$(event n1 ',"userAgent":"another"'),$(event once)" >"$dir/e"
answers 200 '"events":2,"quarantined":0' "$dir/e"
flagged() { sql "SELECT string_agg(audit_id || ' ' || differs, ',') FROM holdpoint.audit_duplicate WHERE audit_id ~ '^n1|once'"; }
for ((i = 0; i < 150; i++)); do
  [[ $(flagged) ]] && break
  sleep 0.2
done
equals 'n1 true' "$(flagged)" "repeated auditIDs"
equals 2 "$(sql "SELECT count(*) FROM holdpoint.audit_event WHERE audit_id = 'n1'")" "events with that auditID"

at "what is no EventList is refused"
echo '{"kind":"PodList","items":[]}' >"$dir/x" && answers 400 'wrong kind' "$dir/x"
echo 'nonsense' >"$dir/x" && answers 400 '"error"' "$dir/x"
: >"$dir/x" && answers 400 '"error"' "$dir/x"
answers 404 '"error"' "$dir/a" /nowhere
answers 404 '"error"' "$dir/a" /audit/
answers 404 '"error"' "$dir/a" '/audit/a%2fb'
answers 405 '"error"' "$dir/a" /audit/replay audit -X PUT
answers 400 '"error"' "$dir/a" /audit/replay audit -H 'Content-Type: text/plain'
content_type=text/plain answers 415 '"error"' "$dir/a" /audit/replay audit
grep -q '"event":"audit_body_refused".*"sha256":"[0-9a-f]\{64\}"' "$stack_dir/sink.log" ||
  fail "the refused body's digest is not in the log"

at "who may post what"
answers 403 'may not post' "$dir/a" /audit/other
answers 403 'may not post' "$dir/a" /audit/replay apiserver
if curl -sS --max-time 10 --cacert "$stack_dir/certs/ca.crt" -o /dev/null --data-binary '{}' \
  "${stack_url[sink]}/audit" 2>/dev/null; then fail "no client certificate was needed"; fi
answers 200 '"result":"duplicate"' "$dir/a" /audit
equals 1 "$(metric 'holdpoint_audit_forbidden_total{source="kube-apiserver"}')" "forbidden source counted"

at "what the API server cut is marked"
list "$(event cut ',"annotations":{"audit.k8s.io/truncated":"true"}'),$(event uncut ',"annotations":{"audit.k8s.io/truncated":"false"}')" >"$dir/cut"
answers 200 '"events":2' "$dir/cut"
equals "cut" "$(sql 'SELECT string_agg(audit_id, $$ $$) FROM holdpoint.audit_event WHERE truncated')" "truncated events"
equals 1 "$(metric 'holdpoint_audit_truncated_total{source="audit-replay"}')" "truncated events counted"

at "odd values are stored as they are"
far() { event "$1" ",\"x\":1" | sed "s/2026-01-02T03:04:05.678901Z/$2/; s/\"ResponseComplete\"/\"${3:-ResponseComplete}\"/"; }
long=$(head -c 1000000 /dev/zero | tr '\0' y)
printf '%s' "$(event odd5 ",\"userAgent\":\"$long\",\"objectRef\":{\"resource\":\"$long\",\"name\":\"$long\",\"namespace\":\"$long\"},\"responseStatus\":{\"code\":123456789012345678901234567890}")" >"$dir/odd5"
list "$(far odd1 0001-01-01T00:00:00Z),$(far odd2 9999-12-31T23:59:59.999999Z),$(far odd3 2026-01-02T03:04:05+14:00 Reticulated),$(far odd4 tomorrow),$(<"$dir/odd5")" >"$dir/odd"
answers 200 '"events":4,"quarantined":1' "$dir/odd"
equals "odd1|0001-01-01 00:00:00+00 odd2|9999-12-31 23:59:59.999999+00 odd3|2026-01-01 13:04:05+00 odd5|2026-01-02 03:04:05.678901+00" \
  "$(sql "SELECT string_agg(audit_id || '|' || stage_timestamp, ' ' ORDER BY seq) FROM holdpoint.audit_event WHERE audit_id ~ '^odd'")" "times"
equals "1024 1024 t t" "$(sql "SELECT length(resource) || ' ' || length(name) || ' ' || CASE WHEN code IS NULL THEN 't' END || ' ' ||
  CASE WHEN length(body) > 4000000 THEN 't' END FROM holdpoint.audit_event WHERE audit_id = 'odd5'")" "long strings"
cli() { HOLDPOINT_DATABASE_URL=$(stack_database_url auditor) "$stack_bin/holdpoint" "$@"; }
for format in jsonl ocsf; do
  cli events --since 3000d --all -o "$format" >"$dir/exported"
  # jq wants no lone surrogate, which JSON may hold as an escape: one event has one.
  equals "$(sql "SELECT count(*) FROM holdpoint.audit_event WHERE stage_timestamp > now() - interval '3000 days'")" \
    "$(sed 's/\\ud800/x/' "$dir/exported" | jq -c . | wc -l)" "lines of $format that are JSON"
done

at "OCSF has what its schema requires, and no null"
jq -c 'select((.class_uid == 6003 and .category_uid == 6 and .type_uid == 600300 + .activity_id
    and (.activity_id | IN(1, 2, 3, 4, 99)) and (.severity_id | IN(1, 2, 4)) and (.status_id | IN(0, 1, 2))
    and .time == (.time | floor) and ([.metadata.version, .metadata.product.name, .metadata.product.vendor_name,
      .actor.user.name, .api.operation, .api.request.uid, .api.service.name, .src_endpoint.ip // .src_endpoint.name]
      | all(type == "string")) and all(.resources[]?; .type | type == "string")
    and all(.actor.user.groups[]?; .name | type == "string") and ([.. | nulls] == [])) | not)' "$dir/exported" >"$dir/invalid"
[[ ! -s $dir/invalid ]] || fail "no OCSF: $(head -n 2 "$dir/invalid")"
(($(jq -c 'select(.resources == null)' "$dir/exported" | wc -l) > 0)) || fail "no event without a resource"

at "gaps and clocks, by source"
soon=$(date -u -d '+1 hour' +%FT%TZ)
list "$(event ahead | sed "s/2026-01-02T03:04:05.678901Z/$soon/")" >"$dir/ahead" && answers 200 '"events":1' "$dir/ahead"
equals 2 "$(metric 'holdpoint_audit_ahead_events_total{source="audit-replay"}')" "an event from the future"
equals 3 "$(metric 'holdpoint_audit_rejected_total{source="audit-replay"}')" "bodies that were no EventList"
(($(metric 'holdpoint_audit_late_events_total{source="audit-replay"}') > 200)) || fail "recorded events are late"
(($(date +%s) - $(metric 'holdpoint_audit_last_body_timestamp_seconds{source="audit-replay"}') < 60)) || fail "last body"
(($(metric 'holdpoint_audit_delay_seconds_count') >= ${#files[@]})) || fail "delays"
equals "ahead|2|t|t" "$(sql "SELECT state, ahead, late > 200, quarantined > 3 FROM holdpoint.audit_sources() WHERE source = 'audit-replay'")" "as SQL"

at "large bodies"
big() { # a list with one event of about $1 MB
  { printf '{"kind":"EventList","apiVersion":"audit.k8s.io/v1","items":[{"level":"Request","auditID":"big%s",' "$1"
    printf '"stage":"ResponseComplete","verb":"list","stageTimestamp":"2026-01-02T03:04:05Z","responseObject":{"items":['
    head -c "$(($1 * 1000000 / 55))" /dev/zero | sed 's/\x00/{"name":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa","n":1.5e3},/g'
    printf 'null]}}]}'; } >"$dir/big"
}
big 40 && answers 200 '"events":1,"quarantined":0' "$dir/big"
equals 1 "$(sql "SELECT count(*) FROM holdpoint.audit_event WHERE audit_id = 'big40' AND length(body) > 35000000")" "the large event"
big 70 && answers 413 '"error"' "$dir/big"

at "the database goes away and comes back"
list "$(event away)" >"$dir/away"
psql -q -X "$HOLDPOINT_TEST_DATABASE_URL" -c 'ALTER ROLE auditsink NOLOGIN' \
  -c "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'auditsink'" >/dev/null
answers 503 'send again' "$dir/away"
grep -qi '^retry-after: 3' "$dir/headers" || fail "no Retry-After: $(<"$dir/headers")"
psql -q -X "$HOLDPOINT_TEST_DATABASE_URL" -c 'ALTER ROLE auditsink LOGIN'
for ((i = 0; i < 100; i++)); do
  send "$dir/away"
  [[ $code == 200 ]] && break
  sleep 0.2
done
equals 200 "$code" "after the outage"
equals 1 "$(sql "SELECT count(*) FROM holdpoint.audit_event WHERE audit_id = 'away'")" "the event of the outage"

at "an orderly end"
pid=${stack_pid[sink]}
kill -TERM "$pid"
rc=0 && wait "$pid" || rc=$?
equals 0 "$rc" "exit code after SIGTERM"
grep -q '"event":"stopped"' "$stack_dir/sink.log" || fail "no word of stopping"

at "posts are taken while load balancers turn away"
sink_start --shutdown-delay=10m
pid=${stack_pid[sink]}
kill -TERM "$pid"
for ((i = 0; i < 100; i++)); do
  ready=$(curl -sS -o /dev/null -w '%{http_code}' "${stack_plain[sink]}/readyz")
  [[ $ready == 503 ]] && break
  sleep 0.1
done
equals 503 "$ready" "readiness while leaving"
list "$(event leaving)" >"$dir/leaving"
answers 200 '"result":"stored"' "$dir/leaving"
kill -TERM "$pid"
rc=0 && wait "$pid" || rc=$?
equals 0 "$rc" "exit code after the second SIGTERM"

at "with a spool, an outage costs nothing"
database() { # off|on: as far as the sink can tell
  psql -q -X "$HOLDPOINT_TEST_DATABASE_URL" -c "ALTER ROLE auditsink $([[ $1 == on ]] || echo NO)LOGIN" -c "SELECT
    pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'auditsink'" >/dev/null
}
sink_start --spool-file="$dir/spool" --spool-max-bytes=1Mi
before=$(sql 'SELECT count(*) FROM holdpoint.audit_event')
database off
spool_from=$(date +%s.%N)
for ((i = 0; i < 30; i++)); do
  list "$(event "spooled$i" ',"requestObject":{"kind":"Secret","data":{"p":"aHVudGVyMi1wbGFpbg=="}}')" >"$dir/s$i"
  answers 200 '"result":"spooled"' "$dir/s$i"
done
equals 30 "$(metric holdpoint_audit_spooled_batches_total)" "batches spooled"
answers 200 '"result":"spooled"' "$dir/s7"
if grep -qF -e aHVudGVyMi1wbGFpbg -e hunter2-plain "$dir/spool" "$dir/spool-wal"; then fail "a secret in the spool"; fi
equals 600 "$(stat -c %a "$dir/spool")" "mode of the spool"
kill -KILL "${stack_pid[sink]}"
wait "${stack_pid[sink]}" 2>/dev/null || true
sink_start --spool-file="$dir/spool" --spool-max-bytes=1Mi
grep -q '"event":"database_unreachable_at_start"' "$stack_dir/sink.log" || fail "no word of the missing database"
list "$(event full ",\"x\":\"$(head -c 1100000 /dev/zero | tr '\0' x)\"")" >"$dir/full"
answers 503 'send again' "$dir/full"
database on
for ((i = 0; i < 150; i++)); do
  [[ $(sql 'SELECT count(*) FROM holdpoint.audit_event') == $((before + 30)) ]] && break
  sleep 0.2
done
equals "$((before + 30))" "$(sql 'SELECT count(*) FROM holdpoint.audit_event')" "events after the outage"
equals "$(seq -f 'spooled%g' 0 29)" "$(sql "SELECT audit_id FROM holdpoint.audit_event WHERE audit_id ~ '^spooled' ORDER BY seq")" "their order"
equals "$((before + 30))" "$(sql 'SELECT max(seq) FROM holdpoint.audit_event')" "numbers have no gaps"
equals 30 "$(sql "SELECT count(*) FROM holdpoint.audit_batch WHERE received_at < recorded_at - interval '100 ms'
  AND received_at >= to_timestamp($spool_from) AND newest_event = '2026-01-02 03:04:05.678901+00' AND late = 1")" "what the spool keeps of a batch"
answers 200 '"result":"duplicate"' "$dir/s7"
answers 200 '"result":"stored"' "$dir/full"
daemon_stop sink

at "usage"
rc=0 && out=$("$HOLDPOINT_BIN/holdpoint-auditsink" --listen=0.0.0.0:0 --database-url=x 2>&1) || rc=$?
equals 2 "$rc" "listening to everybody without authentication ($out)"
rc=0 && out=$("$HOLDPOINT_BIN/holdpoint-auditsink" --nonsense 2>&1) || rc=$?
equals 2 "$rc" "an unknown flag ($out)"
rc=0 && out=$("$HOLDPOINT_BIN/holdpoint-auditsink" --listen=127.0.0.1:0 --metrics-listen= \
  --database-url="host=$dir/nowhere" 2>&1) || rc=$?
equals 1 "$rc" "no database at start ($out)"
[[ $(grep -c holdpoint-auditsink: <<<"$out") == 1 ]] || fail "not one clear line: $out"

passed=1
say passed
