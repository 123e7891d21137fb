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
grep -q "$lines events sent" "$dir/out" || fail "no summary"
equals "$lines" "$(stored)" "events stored"

at "imported again, nothing is stored twice"
import 0 "$dir/log"
rm "$dir"/state/*
import 0 "$dir/log"
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
event more-1 >>"$dir/log"
import 0 "$dir/log"
equals "$lines" "$(stored)" "events stored while the line is not whole"
printf '\n' >>"$dir/log"
for n in {2..900}; do event "more-$n" && printf '\n'; done >>"$dir/log"
import 0 "$dir/log"
grep -q '900 events sent' "$dir/out" || fail "not from where it ended"
equals $((lines + 900)) "$(stored)" "events stored"

at "a line that is no event ends in quarantine, its neighbours are stored"
{ event a && printf '\n{"kind":"Event", broken\n' && event b && printf '\n\n'; } >"$dir/broken"
import 0 "$dir/broken"
grep -q '2 events sent, 1 lines that are no events' "$dir/out" || fail "no word of it"
equals $((lines + 902)) "$(stored)" "events stored"
equals 1 "$(sql 'SELECT count(*) FROM holdpoint.audit_quarantine')" "in quarantine"

at "standard input"
event from-stdin | import 0 -
equals $((lines + 903)) "$(stored)" "events stored"

at "while the sink is away, import waits; then it gives up and says how to go on"
daemon_stop sink
for n in {1..500}; do event "away-$n" && printf '\n'; done >"$dir/away"
import 1 "$dir/away" --patience 300ms
grep -q 'the sink cannot be reached.*run the same command again' "$dir/out" || fail "no advice"
sink_start
import 0 "$dir/away"
equals $((lines + 1403)) "$(stored)" "events stored"

at "wrong flags and files are one line"
import 1 "$dir/nowhere"
equals 1 "$(wc -l <"$dir/out")" "lines of the error"
import 1 "$dir/broken" --sink-ca-file "$stack_dir/certs/audit.crt" --state-dir "$dir"
grep -qi 'certificate' "$dir/out" || fail "no word of the certificate"

at "no planted secret anywhere"
pg_dump "$HOLDPOINT_TEST_DATABASE_URL" >"$dir/dump.sql"
planted_secrets >"$dir/planted"
if grep -qFf "$dir/planted" "$dir/dump.sql" "$stack_dir"/sink.log* "$dir"/state/*; then fail "a planted secret is there"; fi
passed=1
