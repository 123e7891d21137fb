#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# PostgreSQL is there and does not answer: its processes are stopped. What comes is in the spool
# within three seconds, the sink ends when it is told to, and each event is stored once at the end.
# shellcheck source=test/db/sink_stack.sh
source "$HOLDPOINT_SOURCE_DIR/test/db/sink_stack.sh"
source "$root/test/support/freeze.sh"
trap 'rc=$?; set +e; pg_thaw; (exit "$rc"); finish' EXIT
stack_cluster=c1

event() {
  printf '{"level":"Metadata","auditID":"%s","stage":"ResponseComplete","requestURI":"/x","verb":"get",' "$1"
  printf '"user":{"username":"alice"},"stageTimestamp":"2026-01-02T03:04:05Z"}'
}
# answers CODE ID...
answers() {
  local code=$1 IFS=, items=() id file answer got
  shift
  for id in "$@"; do items+=("$(event "$id")"); done
  file=$(mktemp "$dir/list.XXXXXX") answer=$(mktemp "$dir/answer.XXXXXX")
  printf '{"kind":"EventList","apiVersion":"audit.k8s.io/v1","metadata":{},"items":[%s]}\n' "${items[*]}" >"$file"
  got=$(curl -sS --max-time 60 -o "$answer" -w "$curl_times" --cacert "$stack_dir/certs/ca.crt" \
    --cert "$stack_dir/certs/audit.crt" --key "$stack_dir/certs/audit.key" \
    -H 'Content-Type: application/json' --data-binary "@$file" "${stack_url[sink]}/audit/c1")
  took=$(took_of "$got")
  [[ $got == "$code "* ]] || fail "$*: expected $code, got $got: $(<"$answer")"
}
eventually() { # SECONDS COMMAND...
  local deadline=$((SECONDS + $1))
  shift
  until "$@"; do
    ((SECONDS < deadline)) || fail "did not come true in time: $*"
    sleep 0.1
  done
}
stored_are() { [[ $(sql "SELECT count(*) || ' ' || count(DISTINCT audit_id) FROM holdpoint.audit_event") == "$1 $1" ]]; }
metric_is() { [[ $(metric "$1") == "$2" ]]; }

at "start"
stack_prepare >/dev/null
sink_start --spool-file="$dir/spool"
answers 200 before

at "frozen: the first list, and those beside it"
pg_freeze
within 4000 answers 200 f1 f2
clients=()
for n in {1..8}; do
  (within 4000 answers 200 "p$n") &
  clients+=("$!")
done
for client in "${clients[@]}"; do wait "$client" || fail "one of many"; done
within 3000 answers 200 later
(($(metric holdpoint_database_silences_total) >= 1)) || fail "no silence counted"

at "it goes on: what was in the spool is stored, each event once"
pg_thaw
eventually 30 stored_are 12
eventually 30 metric_is holdpoint_audit_spool_batches 0

at "frozen again: it ends in time, and nothing is lost"
pg_freeze
answers 200 z1 &
client=$!
wait "$client" || fail "the last list"
pid=${stack_pid[sink]}
stop() {
  kill -TERM "$pid"
  while kill -0 "$pid" 2>/dev/null; do sleep 0.05; done
}
within 25000 stop
pg_thaw
sink_start --spool-file="$dir/spool"
eventually 30 stored_are 13
passed=1
