#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# PostgreSQL is away while kubectl keeps writing. The API server's own audit log, which it writes into
# a file at the same time, is the oracle: afterwards the database holds every event of it, once, in
# whatever way it came there: stored, spooled, or told to come back because the spool was full.
#
#   HOLDPOINT_OUTAGE_SECONDS   how long (default 15). The spool is full for the last third; an API
#                              server has patience for nearly four minutes of that.
source "$(dirname "$0")/harness.sh"

seconds=${HOLDPOINT_OUTAGE_SECONDS:-15}
e2e_begin --durable --audit-log
daemon_stop sink
sink_start --spool-file="$e2e_dir/spool" --sweep-interval=2s
metric() { curl -fsS "${stack_plain[sink]}/metrics" | awk -v n="$1" '$1 == n {print $2}'; }

# write_until FILE: creates, changes, reads and deletes until FILE is there.
writes=0
write_until() {
  local data
  data=$(head -c 20000 /dev/zero | tr '\0' x)
  until [[ -e $1 ]]; do
    writes=$((writes + 1))
    as sre create configmap "load-$writes" --from-literal=text="$data" >/dev/null
    as sre patch configmap "load-$writes" --type=merge -p '{"data":{"more":"1"}}' >/dev/null
    as sre get configmap "load-$writes" -o name >/dev/null
    as sre get configmap "no-such-$writes" >/dev/null 2>&1 || true
    as sre delete configmap "load-$writes" --wait=false >/dev/null
  done
}
# timer FILE SECONDS
timer() { (sleep "$2" && touch "$1") & }

step_is "kubectl writes while all is well"
timer "$e2e_dir/before" 2
write_until "$e2e_dir/before"
eventually 30 sql_is t "SELECT count(*) > 0 FROM holdpoint.audit_event WHERE name = 'load-1' AND verb = 'delete'"

step_is "PostgreSQL is away for $seconds s: the spool takes what comes"
pg_throwaway_stop
timer "$e2e_dir/spooling" $((seconds * 2 / 3))
write_until "$e2e_dir/spooling"
(($(metric holdpoint_audit_spooled_batches_total) > 0)) || fail "nothing was spooled"

step_is "the sink is killed, and its spool has no more room: the API server is told to come back"
spooled=$(metric holdpoint_audit_spooled_batches_total)
room=$(($(metric holdpoint_audit_spool_bytes) + (1 << 16)))
kill -KILL "${stack_pid[sink]}"
wait "${stack_pid[sink]}" 2>/dev/null || true
sink_start --spool-file="$e2e_dir/spool" --spool-max-bytes="$room" --sweep-interval=2s
timer "$e2e_dir/full" $((seconds - seconds * 2 / 3))
write_until "$e2e_dir/full"
unavailable() { (($(metric 'holdpoint_audit_requests_total{result="unavailable"}') > 0)); }
eventually 30 unavailable

step_is "PostgreSQL is back: kubectl goes on writing"
pg_throwaway_start
timer "$e2e_dir/after" 2
write_until "$e2e_dir/after"

step_is "all that the API server logged is stored, once"
# One line for each event: what identifies it, and what a mix-up would change.
logged() {
  jq -r '[.auditID, .stage, .stageTimestamp, .verb, .user.username, .objectRef.name // "",
    .responseStatus.code // ""] | map(tostring) | join("|")' "$e2e_dir/audit.log" | sort >"$e2e_dir/logged"
}
stored() {
  sql "SELECT concat_ws('|', audit_id, stage, body::json->>'stageTimestamp', verb, username,
    coalesce(body::json#>>'{objectRef,name}', ''), coalesce(code::text, '')) FROM holdpoint.audit_event" |
    sort >"$e2e_dir/stored"
}
all_there() {
  logged
  [[ $(sql 'SELECT count(*) FROM holdpoint.audit_event') -ge $(wc -l <"$e2e_dir/logged") ]]
}
eventually 120 all_there
sleep 1 # were there more than should be, they would come now
logged
stored
diff "$e2e_dir/logged" "$e2e_dir/stored" | head -n 20 >&2
cmp -s "$e2e_dir/logged" "$e2e_dir/stored" || fail "logged (<) is not what is stored (>)"
equals "" "$(cut -d'|' -f1,2 "$e2e_dir/stored" | sort | uniq -d)" "events twice"
equals t "$(sql 'SELECT min(seq) = 1 AND max(seq) = count(*) AND count(DISTINCT seq) = count(*) FROM holdpoint.audit_event')" "numbers without gaps"
equals 0 "$(sql 'SELECT count(*) FROM holdpoint.audit_quarantine')" "quarantined events"
equals 0 "$(metric holdpoint_audit_spool_batches)" "batches left in the spool"
(($(wc -l <"$e2e_dir/stored") >= 5 * writes)) || fail "fewer events than kubectl made"
say "  $(wc -l <"$e2e_dir/stored") events, each once; $((spooled + $(metric holdpoint_audit_spooled_batches_total))) batches through" \
  "the spool, $(metric 'holdpoint_audit_requests_total{result="unavailable"}') times told to come back"

step_is "the outage shows in what is known of the source"
(($(sql "SELECT count(*) FROM holdpoint.audit_batch WHERE recorded_at - received_at > interval '2 seconds'") > 0)) ||
  fail "no body waited in the spool"
equals "ok 0" "$(cli auditor sources --unfinished -o json | jq -r '.[] | "\(.state) \(.unfinished)"')" "sources"
e2e_passed
