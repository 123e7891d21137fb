#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Both daemons are stopped and started anew under load, again and again, without --shutdown-delay and
# without a second replica: each ends by itself and in order, whoever got a connection got an answer,
# and of each answer there is the record.
#
#   HOLDPOINT_STOPS   how many stops, of both daemons together (default 20)
source "$(dirname "$0")/harness.sh"

stops=${HOLDPOINT_STOPS:-20}
e2e_begin --no-cluster --durable

# calls_start DAEMON CERTIFICATE PATH FILE...: callers until calls_end; what failed is in DAEMON.failed.
calls_start() {
  local daemon=$1 certificate=$2 path=$3
  shift 3
  setpriv --pdeathsig=KILL -- "$stack_bin/../bench/bench_calls" "$stack_dir/certs" "$certificate" \
    "${stack_url[$daemon]#https://}" "$path" 8 "$@" >"$e2e_dir/$daemon.calls" 2>"$e2e_dir/$daemon.failed" &
  callers[$daemon]=$!
}

calls_end() {
  kill -TERM "${callers[$1]}"
  wait "${callers[$1]}" || fail "the callers of the $1 ended"
}

calls_of() { jq -r ".$2" "$e2e_dir/$1.calls"; }

# stop DAEMON: as a service manager does, which looks at how it ends.
stop() {
  local pid=${stack_pid[$1]} from=${EPOCHREALTIME/./} rc=0
  kill -TERM "$pid"
  wait "$pid" || rc=$?
  echo $(((${EPOCHREALTIME/./} - from) / 1000)) >>"$e2e_dir/$1.took"
  ((rc == 0)) || fail "the $1 ended with $rc at stop $stopped"
  rm -f "$stack_dir/$1.pid"
}

# Each answer of the webhook, and each event of a list, has a number of its own.
unique='00000000-0000-4000-8000-@@UNIQUE@@@@'
jq -c ".request.uid = \"$unique\"" "$root"/test/fixtures/admission/v1.36/036-validate-connect-pods-exec.json \
  >"$e2e_dir/review.json"
jq -c ".items = [.items[0] | .auditID = \"$unique\"]" \
  "$(find "$root/test/fixtures/audit/v1.36" -name '*-eventlist.json' | sort | head -n 1)" >"$e2e_dir/list.json"

declare -A callers
stopped=0
calls_start webhook apiserver /validate "$e2e_dir/review.json"
calls_start sink audit "/audit/$stack_cluster" "$e2e_dir/list.json"
step_is "stop and start $stops times"
while ((stopped < stops)); do
  sleep "0.$((RANDOM % 4))"
  for daemon in webhook sink; do
    stop "$daemon"
    stopped=$((stopped + 1))
  done
  webhook_start "${e2e_policies[@]}"
  sink_start
done

step_is "compare"
for daemon in webhook sink; do
  calls_end "$daemon"
  say "  $daemon: $(<"$e2e_dir/$daemon.calls"), stops took up to $(sort -n "$e2e_dir/$daemon.took" | tail -n 1) ms"
  [[ ! -s $e2e_dir/$daemon.failed ]] || fail "calls that failed: $(sort "$e2e_dir/$daemon.failed" | uniq -c | head -n 5)"
  (($(calls_of "$daemon" answered) > stops && $(calls_of "$daemon" told_to_close) > 0)) || fail "there was no load"
done
daemon_stop webhook
equals "$(calls_of webhook answered)" "$(sql "SELECT count(*) FROM holdpoint.decision
  WHERE request_uid LIKE '00000000-0000-4000-8000-%'")" "decisions recorded"
equals "$(calls_of sink answered)" "$(sql "SELECT count(DISTINCT audit_id) FROM holdpoint.audit_event
  WHERE audit_id LIKE '00000000-0000-4000-8000-%'")" "events stored"
say "  $stopped stops, no call failed, each has its record"
e2e_passed
