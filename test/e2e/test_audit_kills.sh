#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Every acknowledged event is stored once, whatever is killed when: while senders repeat each body until
# it is acknowledged, as API servers do, the sink and the PostgreSQL are killed at random, alone and
# together. Then: nothing acknowledged is missing, nothing is there twice, numbers have no gaps.
#
#   HOLDPOINT_KILL_SECONDS   how long (default 40; ten minutes are more than a hundred kills)
#   HOLDPOINT_KILL_SEED      repeats a run's choices, though not its timing
source "$(dirname "$0")/harness.sh"

seconds=${HOLDPOINT_KILL_SECONDS:-40}
RANDOM=${HOLDPOINT_KILL_SEED:-$RANDOM} && say "seed $RANDOM"
e2e_begin --no-cluster --durable
flags=(--spool-file="$e2e_dir/spool" --source="audit-$stack_cluster=second")
daemon_stop sink
sink_start "${flags[@]}"

step_is "kill things for $seconds s"
"$stack_bin/../bench/bench_audit_send" --stubborn "${stack_url[sink]#https://}" \
  "$stack_dir/certs/ca.crt" "$stack_dir/certs/audit.crt" "$stack_dir/certs/audit.key" 6 50 \
  "$seconds" 1500 "/audit/$stack_cluster,/audit/second" \
  "$root"/test/fixtures/audit/*/*-eventlist.json >"$e2e_dir/acknowledged" &
sender=$!
pause() { sleep "$(awk -v r=$RANDOM -v min="$1" -v max="$2" 'BEGIN {print min + (max - min) * r / 32768}')"; }
kill_sink() {
  kill -KILL "${stack_pid[sink]}" 2>/dev/null || true
  wait "${stack_pid[sink]}" 2>/dev/null || true
}
kills=0 spooled=0
while kill -0 "$sender" 2>/dev/null; do
  pause 0.2 3
  case $((RANDOM % 4)) in
    0 | 1)
      kill_sink && sink_start "${flags[@]}" && kills=$((kills + 1))
      ;;
    2)
      pg_throwaway_kill && pause 0 4 && pg_throwaway_start && kills=$((kills + 1))
      ;;
    3)
      pg_throwaway_kill && pause 0 1 && kill_sink && sink_start "${flags[@]}"
      pause 0 2 && pg_throwaway_start && kills=$((kills + 2))
      ;;
  esac
  ((SECONDS > seconds + 120)) && fail "the sender did not get its last answers"
done
wait "$sender" || fail "the sender failed"
say "  $kills kills"
((kills >= seconds / 10)) || fail "only $kills kills in $seconds s"

step_is "the spool is emptied"
spool_is_empty() {
  [[ $(curl -fsS "${stack_plain[sink]}/metrics" |
    awk '$1 == "holdpoint_audit_spool_batches" {print $2}') == 0 ]]
}
eventually 90 spool_is_empty
spooled=$(cat "$stack_dir"/sink.log* | grep -c '"event":"database_connect_failed"' || true)
say "  $spooled times without a database"

step_is "compare"
equals t "$(sql 'SELECT count(*) > 0 AND count(*) = count(DISTINCT audit_id) FROM holdpoint.audit_event')" "no event twice"
equals "" "$(sql 'SELECT cluster, count(*), min(seq), max(seq) FROM holdpoint.audit_event GROUP BY cluster
  HAVING min(seq) <> 1 OR max(seq) <> count(*) OR count(*) <> count(DISTINCT seq)')" "gaps in the numbers"
sql "SELECT split_part(audit_id, '-', 2) || ' ' || count(*) FROM holdpoint.audit_event GROUP BY split_part(audit_id, '-', 2)
  ORDER BY 1" >"$e2e_dir/stored"
awk '{print $1, $2 * 50}' "$e2e_dir/acknowledged" | sort >"$e2e_dir/expected"
diff "$e2e_dir/expected" "$e2e_dir/stored" >&2 || fail "acknowledged (<) is not what is stored (>)"
equals "$(sql 'SELECT sum(events) FROM holdpoint.audit_batch')" "$(sql 'SELECT count(*) FROM holdpoint.audit_event')" "batches and events"
say "  $(awk '{n += $2} END {print n * 50}' "$e2e_dir/acknowledged") events acknowledged, each stored once"
e2e_passed
