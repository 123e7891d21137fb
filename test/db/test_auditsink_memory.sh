#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# holdpoint-auditsink while every second, third, … allocation fails: it goes on, and what it said it
# has stored is stored; what it refused is stored when it is sent again, once.
# shellcheck source=test/db/sink_stack.sh
source "$HOLDPOINT_SOURCE_DIR/test/db/sink_stack.sh"

# post_event AUDIT-ID: prints the status.
post_event() {
  printf '{"kind":"EventList","apiVersion":"audit.k8s.io/v1","metadata":{},"items":[{"level":"Metadata",
    "auditID":"%s","stage":"ResponseComplete","requestURI":"/x","verb":"get","user":{"username":"alice"},
    "stageTimestamp":"2026-01-02T03:04:05.678901Z"}]}\n' "$1" >"$dir/event"
  curl -s --max-time 20 -o "$dir/out" -w '%{http_code}' --cacert "$stack_dir/certs/ca.crt" \
    --cert "$stack_dir/certs/audit.crt" --key "$stack_dir/certs/audit.key" \
    -H 'Content-Type: application/json' --data-binary "@$dir/event" \
    "${stack_url[sink]}/audit/replay" || true
}
stored() { sql "SELECT audit_id FROM holdpoint.audit_event ORDER BY 1"; }

at "start"
stack_prepare >/dev/null
stack_bin=$HOLDPOINT_BIN/torture
export HOLDPOINT_FAIL_FILE=$dir/every
sink_start --sweep-interval=1s
unset HOLDPOINT_FAIL_FILE
equals 200 "$(post_event 00000000-0000-4000-8000-000000000000)" "an event with enough memory"

: >"$dir/acknowledged"
: >"$dir/refused"
for every in 2 3 5 7 11 13; do
  at "every ${every}. allocation fails"
  for n in $(seq 30); do
    id=$(printf '00000000-0000-4000-8000-%06d%06d' "$every" "$n")
    echo "$every" >"$dir/every"
    code=$(post_event "$id")
    rm "$dir/every"
    kill -0 "${stack_pid[sink]}" || fail "the sink ended"
    if [[ $code == 200 ]]; then echo "$id" >>"$dir/acknowledged"; else echo "$id" >>"$dir/refused"; fi
  done
done
[[ -s $dir/refused ]] || fail "nothing was refused: did any allocation fail?"

at "what was acknowledged is stored"
stored >"$dir/stored"
comm -23 <(sort "$dir/acknowledged") "$dir/stored" >"$dir/lost"
[[ ! -s $dir/lost ]] || fail "lost: $(head -n 3 "$dir/lost")"

at "what was refused is stored once when it comes again"
while read -r id; do equals 200 "$(post_event "$id")" "$id again"; done <"$dir/refused"
equals 181 "$(sql 'SELECT count(*) FROM holdpoint.audit_event')" "events"
equals 181 "$(sql 'SELECT count(DISTINCT audit_id) FROM holdpoint.audit_event')" "different events"
passed=1
