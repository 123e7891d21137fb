#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# usage: ./dev soak [MINUTES]        (10 unless told)
# Both daemons under steady load for a long time: admission reviews on 8 connections, audit events at
# 1,000/s from 4, and once a minute what happens in production too: policies and certificates change,
# PostgreSQL goes away for a few seconds, clients hang up. Every 10 seconds a line with memory, open
# files, threads and queues. Fails when a daemon ends, a review gets no proper answer, or a daemon
# needs more memory or files at the end than it did after the first quarter.
set -euo pipefail
: "${HOLDPOINT_BIN:?run it as ./dev soak}"
source "$(dirname "${BASH_SOURCE[0]}")/../support/pg.sh"
source "$root/dev.d/certs.sh"
source "$root/dev.d/daemons.sh"

minutes=${1:-10}
[[ $minutes =~ ^[0-9]+$ && $minutes -gt 0 ]] || die "usage: ./dev soak [MINUTES]"
tools=$HOLDPOINT_BIN/../bench
work=$(mktemp -d /tmp/holdpoint-soak.XXXXXX)
stack_dir=$work stack_bin=$HOLDPOINT_BIN stack_cluster=soak stack_detach=0
loads=()

finish() {
  local rc=$? name
  trap - EXIT
  touch "$work/stop"
  if ((rc)); then
    for name in webhook sink; do note "--- $name.log" && tail -n 5 "$work/$name.log" >&2; done
  fi
  daemon_stop webhook
  daemon_stop sink
  wait "${loads[@]}" 2>/dev/null || true
  pg_throwaway_end
  rm -rf "$work"
  exit "$rc"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# Load until $work/stop is there. While PostgreSQL is away held requests are denied and events are
# told to wait, by design; each review still gets its answer.
load_reviews() {
  until [[ -e $work/stop ]]; do
    "$tools/bench_webhook" load "$work/certs" "${stack_url[webhook]#https://}" /validate 8 5 \
      "$root"/test/fixtures/admission/*/*-validate-*.json >>"$work/reviews" 2>>"$work/errors" || sleep 1
  done
}
load_events() {
  until [[ -e $work/stop ]]; do
    "$tools/bench_audit_send" "${stack_url[sink]#https://}" "$work/certs/ca.crt" \
      "$work/certs/audit.crt" "$work/certs/audit.key" 4 100 5 1000 /audit/soak \
      "$root"/test/fixtures/audit/*/*-eventlist.json >>"$work/events" 2>>"$work/errors" || sleep 1
  done
}

of() { awk -v key="$2:" '$1 == key {print $2}' "/proc/${stack_pid[$1]}/status"; }
files() { find "/proc/${stack_pid[$1]}/fd" -mindepth 1 2>/dev/null | wc -l; }
counter() { curl -fsS --max-time 5 "${stack_plain[$1]}/metrics" | awk -v n="$2" '$1 ~ "^" n {s += $2} END {print s + 0}'; }

sample() {
  local name
  for name in webhook sink; do
    kill -0 "${stack_pid[$name]}" 2>/dev/null || die "holdpoint-$name ended"
    printf '%s %s %s %s %s\n' "$SECONDS" "$name" "$(of "$name" VmRSS)" "$(files "$name")" \
      "$(of "$name" Threads)" >>"$work/samples"
  done
  awk '{s[$2] = sprintf("%-7s %6.1f MiB %3d files %2d threads", $2, $3 / 1024, $4, $5)}
    END {print s["webhook"] "   " s["sink"]}' "$work/samples" |
    sed "s/^/$(printf '%5d s  ' "$SECONDS")/"
}

# What changes under a running daemon once a minute.
disturb() {
  cp "$root/test/e2e/policy.yaml" "$work/policy/agents.yaml.new"
  printf '# %s\n' "$SECONDS" >>"$work/policy/agents.yaml.new"
  mv "$work/policy/agents.yaml.new" "$work/policy/agents.yaml"
  rm -f "$work/certs/webhook.crt"
  cert_stack "$work/certs" soak
  pg_throwaway_stop
  sleep 4
  pg_throwaway_start
}

# after_quarter COLUMN NAME: its highest value in the second quarter, and at the end in the last.
highest() { awk -v n="$2" -v c="$1" -v from="$3" -v to="$4" '$2 == n && $1 >= from && $1 < to && $c > m {m = $c} END {print m + 0}' "$work/samples"; }

judge() {
  local name early late failed
  for name in webhook sink; do
    early=$(highest 3 "$name" $((SECONDS / 4)) $((SECONDS / 2)))
    late=$(highest 3 "$name" $((SECONDS * 3 / 4)) $((SECONDS + 1)))
    ((late <= early + early / 10 + 4096)) || die "holdpoint-$name grew: $early kB, at the end $late kB"
    early=$(highest 4 "$name" $((SECONDS / 4)) $((SECONDS / 2)))
    late=$(highest 4 "$name" $((SECONDS * 3 / 4)) $((SECONDS + 1)))
    ((late <= early + 4)) || die "holdpoint-$name keeps files open: $early, at the end $late"
  done
  failed=$(jq -s 'map(.failed) | add' "$work/reviews")
  ((failed == 0)) || die "$failed reviews were answered wrongly"
  [[ $(counter webhook holdpoint_webhook_records_dropped_total) == 0 ]] || note "records were dropped while PostgreSQL was away"
}

pg_throwaway --durable
stack_sockets=$pg_sockets
stack_prepare >/dev/null
mkdir -p "$work/policy"
cp "$root/test/e2e/policy.yaml" "$work/policy/agents.yaml"
webhook_start "$work/policy"
sink_start
load_reviews &
loads+=($!)
load_events &
loads+=($!)
SECONDS=0
while ((SECONDS < minutes * 60)); do
  for _ in 1 2 3 4 5; do sleep 10 && sample; done
  disturb
done
touch "$work/stop"
judge
say "$(jq -s 'map(.requests) | add' "$work/reviews") reviews, $(sql='SELECT count(*) FROM holdpoint.audit_event'
  psql -qXAt "$HOLDPOINT_TEST_DATABASE_URL" -c "$sql") events stored in $minutes minutes; memory and files are flat"
