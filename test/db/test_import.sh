#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# holdpoint import: audit log files through the real sink into a real PostgreSQL; each event once,
# however often a file is imported, in which pieces it grew, and whenever the sink was away.
# shellcheck source=test/db/sink_stack.sh
source "$HOLDPOINT_SOURCE_DIR/test/db/sink_stack.sh"
stored() { sql 'SELECT count(*) FROM holdpoint.audit_event'; }
# import CODE FILE [FLAG...]
import() {
  local expected=$1 file=$2 code=0
  shift 2
  "$HOLDPOINT_BIN/holdpoint" import --sink "${stack_url[sink]}/audit/replay" \
    --sink-ca-file "$stack_dir/certs/ca.crt" --client-cert-file "$stack_dir/certs/audit.crt" \
    --client-key-file "$stack_dir/certs/audit.key" --state-dir "$dir/state" "$@" "$file" \
    >"$dir/out" 2>&1 || code=$?
  equals "$expected" "$code" "exit code of import $file"
}

at "start"
mkdir "$dir/state"
stack_prepare >/dev/null
sink_start

at "a log of the recorded events is stored whole"
jq -c '.items[] | {kind: "Event", apiVersion: "audit.k8s.io/v1"} + .' \
  "$root"/test/fixtures/audit/*/*-eventlist.json >"$dir/log"
lines=$(wc -l <"$dir/log")
import 0 "$dir/log"
grep -qx "$dir/log: $lines events: $lines stored" "$dir/out" || fail "no summary"
equals "$lines" "$(stored)" "events stored"

at "imported again, nothing is stored twice"
import 0 "$dir/log"
grep -qx "$dir/log: 0 events" "$dir/out" || fail "not from where it ended"
rm -r "$dir"/state/*
import 0 "$dir/log"
grep -qx "$dir/log: $lines events: $lines stored before" "$dir/out" || fail "no word of it"
equals "$lines" "$(stored)" "events stored"

at "what the webhook delivers as well is kept twice, and recorded to be the same"
jq -c '.items[]' "$root"/test/fixtures/audit/*/*-eventlist.json | split -l 50 - "$dir/items."
for file in "$dir"/items.*; do # as the API server cuts lists, which is not as import does
  { printf '{"kind":"EventList","apiVersion":"audit.k8s.io/v1","metadata":{},"items":[' &&
    paste -sd, "$file" && printf ']}\n'; } >"$dir/list"
  post sink /audit/replay "$dir/list" audit >/dev/null
done
sql "SELECT holdpoint.audit_find_duplicates('replay', 1, 1000000)" >/dev/null
equals "$lines 0" "$(sql 'SELECT count(*) FILTER (WHERE NOT differs) || $$ $$ || count(*) FILTER (WHERE differs) FROM holdpoint.audit_duplicate')" "the same, other"
equals $((2 * lines)) "$(stored)" "events stored"
lines=$((2 * lines))

at "a log that grows is imported from where it ended, a half line when it is whole"
event() {
  printf '{"kind":"Event","level":"Metadata","auditID":"%s","stage":"ResponseComplete",' "$1"
  printf '"verb":"get","user":{"username":"alice"},"stageTimestamp":"2026-01-02T03:04:05.678901Z"}'
}
event more-1 | head -c 100 >>"$dir/log"
import 0 "$dir/log"
grep -q 'the last 100 bytes are a line without an end: left for the next run' "$dir/out" || fail "no word"
equals "$lines" "$(stored)" "events stored while the line is not whole"
{ event more-1 | tail -c +101 && printf '\n'; } >>"$dir/log"
for n in {2..900}; do event "more-$n" && printf '\n'; done >>"$dir/log"
import 0 "$dir/log"
grep -qx "$dir/log: 900 events: 900 stored" "$dir/out" || fail "not from where it ended"
equals $((lines + 900)) "$(stored)" "events stored"

at "a log that was rotated is known by its content, under its new name and compressed"
mv "$dir/log" "$dir/log.1"
gzip "$dir/log.1"
event next-1 >"$dir/log" && echo >>"$dir/log"
import 0 "$dir/log.1.gz"
grep -qx "$dir/log.1.gz: 0 events" "$dir/out" || fail "sent again"
import 0 "$dir/log"
equals $((lines + 901)) "$(stored)" "events stored"
lines=$((lines + 1))

at "logs that begin alike are two logs; another sink has got nothing of them"
for n in 1 2; do { printf '\n' && event alike && printf '\n' && event "alike-$n"; } >"$dir/alike-$n"; done
import 0 "$dir/alike-1"
import 0 "$dir/alike-2"
equals 1 "$(sql "SELECT count(*) FROM holdpoint.audit_event WHERE audit_id = 'alike-2'")" "stored of the second"
lines=$((lines + 4))
import 1 "$dir/alike-1" --sink https://127.0.0.1:1/audit/replay --patience 10ms
grep -q 'the sink cannot be reached' "$dir/out" || fail "taken for done"

at "what was cut off ends in quarantine, its neighbours are stored"
{ event a && printf '\n{"kind":"Event","auditID":"cut","verb":"get","user":{"usern\n' && event b && printf '\n\n'; } >"$dir/broken"
import 0 "$dir/broken"
grep -q '3 events: 2 stored, 1 quarantined' "$dir/out" || fail "no word of it"
equals $((lines + 902)) "$(stored)" "events stored"
equals "1 cut get" "$(sql "SELECT count(*) || ' ' || min(audit_id) || ' ' || min(verb) FROM holdpoint.audit_quarantine")" "in quarantine"

at "what cannot be read is refused before anything of it is sent"
{ event never && printf '\ntime,verb,user\n'; } >"$dir/csv"
event never | gzip | head -c 60 >"$dir/cut.gz"
printf '{"kind":"Pod","apiVersion":"v1"}\n' >"$dir/pod"
for file in csv cut.gz pod; do
  import 1 "$dir/$file"
  equals 1 "$(wc -l <"$dir/out")" "lines of the error"
done
import 1 "$dir/csv"
grep -q 'csv: line 2: a line of text without an audit event; nothing of this file was sent' "$dir/out" || fail "no reason"
equals 0 "$(sql "SELECT count(*) FROM holdpoint.audit_event WHERE audit_id = 'never'")" "events of it"
import 0 "$dir/csv" --skip-unreadable
lines=$((lines + 1))

at "as clouds and collectors wrap events, each once, a folder in one command"
mkdir "$dir/clouds"
wrapped() { event "$1" | jq -R .; }
printf '{"records":[{"category":"kube-audit","properties":{"log":%s}},{"category":"guard","properties":{"log":"I1126"}}]}' \
  "$(wrapped aks)" >"$dir/clouds/aks.json"
printf '{"messageType":"DATA_MESSAGE","logEvents":[{"message":%s},{"message":%s}]}' "$(wrapped eks-1)" "$(wrapped eks-2)" |
  gzip >"$dir/clouds/eks.gz"
printf '[{"insertId":"gke","timestamp":"2026-01-02T03:04:05Z","protoPayload":{"serviceName":"k8s.io","methodName":"%s",' \
  io.k8s.core.v1.pods.delete >"$dir/clouds/gke.json"
printf '"resourceName":"core/v1/namespaces/shop/pods/web","authenticationInfo":{"principalEmail":"bob@example.com"}}}]' \
  >>"$dir/clouds/gke.json"
{ printf '{"kind":"EventList","items":[' && for n in {1..1000}; do event "list-$n" && printf ','; done &&
  event list-1001 && printf ']}'; } >"$dir/clouds/list.json"
for n in {1..2}; do
  import 0 "$dir/clouds"
  equals $((lines + 902 + 1005)) "$(stored)" "events stored"
done
equals "delete bob@example.com pods shop/web" "$(sql "SELECT verb || ' ' || username || ' ' || resource || ' ' ||
  namespace || '/' || name FROM holdpoint.audit_event WHERE audit_id = 'gke'")" "what GKE's entry became"
lines=$((lines + 1005))

at "reading alone sends nothing"
"$HOLDPOINT_BIN/holdpoint" import --check "$dir/clouds" >"$dir/out" 2>&1
grep -qx "$dir/clouds/eks.gz: 2 events (Amazon CloudWatch Logs)" "$dir/out" || fail "not said what it is"
equals $((lines + 902)) "$(stored)" "events stored"

at "killed while it sends, and begun again: each event once"
for n in {1..3000}; do event "killed-$n" && printf '\n'; done >"$dir/killed"
for round in {1..6}; do
  "$HOLDPOINT_BIN/holdpoint" import --sink "${stack_url[sink]}/audit/replay" --sink-ca-file "$stack_dir/certs/ca.crt" \
    --client-cert-file "$stack_dir/certs/audit.crt" --client-key-file "$stack_dir/certs/audit.key" \
    --state-dir "$dir/state" "$dir/killed" >/dev/null 2>&1 &
  pid=$!
  deadline=$((SECONDS + 30))
  until (($(stored) > lines + 902 + round * 200)) || ! kill -0 "$pid" 2>/dev/null; do
    ((SECONDS < deadline)) || fail "nothing is stored"
  done
  kill -9 "$pid" 2>/dev/null || true
  wait "$pid" 2>/dev/null || true
done
import 0 "$dir/killed"
equals "3000 3000" "$(sql "SELECT count(*) || ' ' || count(DISTINCT audit_id) FROM holdpoint.audit_event
  WHERE audit_id LIKE 'killed-%'")" "events, and different ones"
lines=$((lines + 3000))

at "standard input"
event from-stdin | import 0 -
equals $((lines + 903)) "$(stored)" "events stored"

at "a pipe with a name, as a shell makes it"
for n in {1..450}; do event "pipe-$n" && printf '\n'; done >"$dir/piped"
import 0 <(cat "$dir/piped")
equals 450 "$(sql "SELECT count(*) FROM holdpoint.audit_event WHERE audit_id LIKE 'pipe-%'")" "events of it"
import 1 <(printf '{"kind":"Event","apiVersion":"v1","message":"pulled"}\n')
lines=$((lines + 450))

at "while the sink is away, import waits; then it gives up and says how to go on"
daemon_stop sink
for n in {1..500}; do event "away-$n" && printf '\n'; done >"$dir/away"
import 1 "$dir/away" --patience 300ms
grep -q 'the sink cannot be reached.*run the same command again' "$dir/out" || fail "no advice"
grep -q 'the sink cannot be reached.*; trying again for up to [0-9]* s (--patience)$' "$dir/out" || fail "waits without a word"
sink_start
import 0 "$dir/away"
equals $((lines + 1403)) "$(stored)" "events stored"

at "a sink that asks for a certificate does not get a token alone, and import does not wait for that"
(umask 077 && echo token >"$dir/token")
event by-token >"$dir/by-token"
if "$HOLDPOINT_BIN/holdpoint" import --sink "${stack_url[sink]}/audit/replay" --sink-ca-file "$stack_dir/certs/ca.crt" \
  --bearer-token-file "$dir/token" --state-dir "$dir/state" "$dir/by-token" 2>"$dir/out"; then fail "a token was enough"; fi
grep -q 'asks for a client certificate.*--client-cert-file' "$dir/out" || fail "no advice: $(<"$dir/out")"

at "wrong flags and files are one line"
import 1 "$dir/nowhere"
equals 1 "$(wc -l <"$dir/out")" "lines of the error"
import 2 "$dir/away" --skip-unreadble
import 1 "$dir/broken" --sink-ca-file "$stack_dir/certs/audit.crt" --state-dir "$dir"
grep -qi 'certificate' "$dir/out" || fail "no word of the certificate"

at "no planted secret anywhere"
pg_dump "$HOLDPOINT_TEST_DATABASE_URL" >"$dir/dump.sql"
planted_secrets >"$dir/planted"
if grep -qFf "$dir/planted" "$dir/dump.sql" "$stack_dir"/sink.log* "$dir"/state/*/*; then fail "a planted secret is there"; fi
passed=1
