#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# usage: bench_policy.sh [-o json]
# Decisions with many rules next to the same decision with the ten that matter (bench_policy.c); then what
# one client waits for holdpoint-webhook at most (p99, hostile_p99_ms) while others send it objects that
# make rules expensive, next to what it waits without them (quiet_p99_ms).
set -euo pipefail
: "${HOLDPOINT_BIN:?run it as ./dev bench policy}"
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cd "$top"
source dev.d/lib.sh
source dev.d/certs.sh
source dev.d/postgres.sh
source dev.d/daemons.sh
source test/support/pg.sh

json=0
[[ ${1:-} == -o && ${2:-} == json ]] && json=1
seconds=${BENCH_SECONDS:-4}
bench=$HOLDPOINT_BIN/../bench
work=$(mktemp -d /tmp/holdpoint-bench.XXXXXX)
stack_dir=$work/stack stack_bin=$HOLDPOINT_BIN stack_cluster=bench stack_detach=0
hostile=()
trap 'for pid in "${hostile[@]}"; do kill "$pid" 2>/dev/null || true; done
  daemon_stop webhook; pg_throwaway_end; rm -rf "$work"' EXIT

"$bench/bench_policy" "$@" >"$work/rules"
((json)) || cat "$work/rules"

# put_review USER: a ConfigMap with the data on stdin, as USER creates it.
put_review() {
  jq -c --arg user "$1" '{apiVersion: "admission.k8s.io/v1", kind: "AdmissionReview", request: {
    uid: "00000000-0000-4000-8000-000000000001", operation: "CREATE", name: "x", namespace: "n",
    kind: {group: "", version: "v1", kind: "ConfigMap"},
    resource: {group: "", version: "v1", resource: "configmaps"}, userInfo: {username: $user},
    object: {apiVersion: "v1", kind: "ConfigMap", metadata: {name: "x", namespace: "n"}, data: .}}}'
}

# A year's worth of backtracking each, all different, a text for the sets of states, and a large one.
jq -n '[range(20000) | {key: "k\(.)", value: ("a" * 24 + "!\(.)")}] | from_entries' | put_review eve >"$work/1.json"
jq -n '[range(5000) | {key: "k\(.)", value: "v\(.)"}] | from_entries' | put_review mallory >"$work/2.json"
jq -n '{text: ("ab-" * 38000)}' | put_review mallory >"$work/3.json"
jq -n '{text: ("ab-" * 700000)}' | put_review trudy >"$work/4.json"

((json)) || note "...    Start PostgreSQL and the webhook"
{
  pg_throwaway
  stack_sockets=$pg_sockets
  stack_prepare
} >/dev/null
webhook_start test/bench/policies/hostile.yaml

# waits: what a client with one connection waits for the decision on a pod, as JSON.
waits() {
  "$bench/bench_webhook" load "$stack_dir/certs" "${stack_url[webhook]#https://}" /validate 1 "$seconds" \
    test/fixtures/admission/v1.36/021-validate-create-pods.json
}
waits >/dev/null # warms up
quiet=$(waits)
for file in "$work"/[1-4].json; do
  "$bench/bench_webhook" load "$stack_dir/certs" "${stack_url[webhook]#https://}" /validate 2 \
    $((seconds + 2)) "$file" >"$file.load" &
  hostile+=($!)
done
sleep 1
beside=$(waits)
wait "${hostile[@]}"
hostile=()

jq -n --slurpfile loads <(cat "$work"/*.load) --argjson quiet "$quiet" --argjson beside "$beside" \
  --argjson rules "$( ((json)) && cat "$work/rules" || echo '{}')" '
  def ms: . / 10 | round / 100;
  $rules + {quiet_p99_ms: ($quiet.p99_us | ms), hostile_p99_ms: ($beside.p99_us | ms),
    quiet_per_second: $quiet.per_second, beside_per_second: $beside.per_second,
    hostile_answered: ($loads | map(.requests) | add), failed: ($beside.failed + ($loads | map(.failed) | add))}' \
  >"$work/all"
if ((json)); then
  cat "$work/all"
else
  jq -r '"beside objects that make rules expensive (\(.hostile_answered) answered): p99 \(.hostile_p99_ms) ms, " +
    "\(.beside_per_second | round) decisions/s; without: p99 \(.quiet_p99_ms) ms, \(.quiet_per_second | round)/s"' "$work/all"
fi
