#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# usage: bench_holds.sh [-o json]
# How fast an approval wakes one of 10,000 waiting requests and what memory these take, and what the
# lookup of a hold adds to a request when 1,000,000 past holds lie in the table. All in one run, with
# a PostgreSQL that waits for its disk:
#   wake_p50_ms wake_p99_ms      from sending the approval to the waiting request's answer
#   approve_p99_ms               of that, the approval's own statement
#   waiting_rss_bytes            resident memory of the webhook while they wait; rss_before_bytes: before
#   held_p50_us held_p99_us      a request that is held once more
#   denied_p50_us denied_p99_us  the same request where a rule denies it from memory
#   lookup_p99_ms                the difference of these two p99
#   stop_p50_ms stop_p99_ms      from the call of holdpoint.stop() until both of two replicas have denied
#   limit_passed                 of 200 requests at once to two replicas against a limit of 10
#   counted_p50_us counted_p99_us  a request that a rule with a limit counts
#   roundtrip_p50_us roundtrip_p99_us  an empty statement through such a pool, for comparison
# BENCH_WAITING, BENCH_PAST, BENCH_SAMPLES, BENCH_STOPS and BENCH_SECONDS change the sizes.
set -euo pipefail
: "${HOLDPOINT_BIN:?run it as ./dev bench holds}"
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cd "$top"
source dev.d/lib.sh
source dev.d/certs.sh
source dev.d/postgres.sh
source dev.d/daemons.sh
source test/support/pg.sh

json=0
[[ ${1:-} == -o && ${2:-} == json ]] && json=1
waiting=${BENCH_WAITING:-10000} past=${BENCH_PAST:-1000000} samples=${BENCH_SAMPLES:-300}
seconds=${BENCH_SECONDS:-5}
bench=$HOLDPOINT_BIN/../bench
work=$(mktemp -d /tmp/holdpoint-bench.XXXXXX)
stack_dir=$work/stack stack_bin=$HOLDPOINT_BIN stack_cluster=bench stack_detach=0
trap 'daemon_stop webhook; daemon_stop webhook2; pg_throwaway_end; rm -rf "$work"' EXIT
note_() { ((json)) || note "$@"; }
sql() { psql -qXAt -v ON_ERROR_STOP=1 "$HOLDPOINT_TEST_DATABASE_URL" -c "$1"; }

note_ "...    Start PostgreSQL and the webhook"
{
  pg_throwaway --durable
  stack_sockets=$pg_sockets
  stack_prepare
  stack_login bench holdpoint_approver sre holdpoint_auditor
  stack_login stopper holdpoint_stopper
} >/dev/null

note_ "...    Put $past past holds into the table"
sql "INSERT INTO holdpoint.hold (cluster, fingerprint, state, username, groups, operation, api_group,
    api_version, resource, subresource, namespace, name, policy, rule, message, approvers,
    min_approvals, require_reason, grant_kind, created_at, expires_at, ended_at, request_uid)
  SELECT 'bench', sha256(n::text::bytea), 'used', 'agent-' || n % 100, '{ai-agents}', 'DELETE', '', 'v1',
    'pods', '', 'prod', 'past-' || n, 'bench-holds', 'held', 'held', '{sre}', 1, false, 'Once',
    now() - interval '1 day', now() - interval '1 hour', now() - interval '2 hours', 'u-' || n
  FROM generate_series(1, $past) AS n"
# What loading leaves to be done would be done by autovacuum and the checkpointer in the middle of the
# measurement.
sql 'VACUUM (ANALYZE) holdpoint.hold'
sql CHECKPOINT

# All by one identity.
sql "UPDATE holdpoint.config SET max_pending_per_user = $((2 * waiting + 1000))"
webhook_start test/bench/policies/holds.yaml -- --max-suspended=$((waiting + 100)) \
  --database-queue=$((2 * waiting + 1000)) \
  --max-connections=$((waiting + 1000))
note_ "...    $waiting requests come to wait"
jq -c '.request.uid = "w-@N@" | .request.name = "w-@N@" | .request.userInfo = {username: "agent",
  groups: ["ai-agents"]} | .request.oldObject.metadata |= (.name = "w-@N@" | .uid = "uid-@N@")' \
  test/fixtures/admission/v1.36/065-*.json >"$work/waits.json"
WEBHOOK_PID=${stack_pid[webhook]} "$bench/bench_holds" wait "$stack_dir/certs" \
  "${stack_url[webhook]#https://}" "${stack_plain[webhook]}/metrics" "$(stack_database_url bench)" \
  "$waiting" "$samples" "$work/waits.json" >"$work/woken"

# request RESOURCE: a DELETE of one, as a file
request() {
  jq -c --arg resource "$1" '.request.resource.resource = $resource | .request.userInfo = {username: "agent",
    groups: ["ai-agents"]}' test/fixtures/admission/v1.36/065-*.json >"$work/$1.json"
  printf '%s\n' "$work/$1.json"
}
measure() {
  "$bench/bench_webhook" load "$stack_dir/certs" "${stack_url[webhook]#https://}" /validate 1 "$seconds" \
    "$(request "$1")"
}
note_ "...    Look a hold up among the past ones"
daemon_stop webhook
webhook_start test/bench/policies/holds.yaml
measure configmaps >/dev/null
measure configmaps >"$work/held"
measure secrets >"$work/denied"
note_ "...    Stop identities that ask two replicas"
first=${stack_url[webhook]#https://}
daemon_start webhook2 "$stack_bin/holdpoint-webhook" --policy=test/bench/policies/holds.yaml \
  --tls-cert-file="$stack_dir/certs/webhook.crt" --tls-private-key-file="$stack_dir/certs/webhook.key" \
  --client-ca-file="$stack_dir/certs/ca.crt" --cluster="$stack_cluster" \
  --database-url="$(stack_database_url webhook)"
jq -c '.request.name = "s" | .request.resource.resource = "services" | .request.userInfo = {username: "user-@N@",
  groups: ["ai-agents"]}' test/fixtures/admission/v1.36/065-*.json >"$work/stops.json"
"$bench/bench_holds" stop "$stack_dir/certs" "$first" "${stack_url[webhook2]#https://}" \
  "$(stack_database_url stopper)" "${BENCH_STOPS:-200}" "$work/stops.json" >"$work/stopped"
note_ "...    Pass a limit"
jq -c '.request.uid = "l-@N@" | .request.name = "l-@N@" | .request.resource.resource = "replicationcontrollers"
  | .request.userInfo = {username: "agent-@N@", groups: ["ai-agents"]}
  | .request.oldObject.metadata |= (.name = "l-@N@" | .uid = "uid-@N@")' \
  test/fixtures/admission/v1.36/065-*.json >"$work/limit.json"
"$bench/bench_holds" limit "$stack_dir/certs" "$first" "${stack_url[webhook2]#https://}" 200 "$work/limit.json" \
  >"$work/limited"
measure endpoints >"$work/counted"
daemon_stop webhook2
daemon_stop webhook
"$bench/bench_holds" roundtrip "$(stack_database_url webhook)" "$seconds" >"$work/roundtrip"

jq -n --slurpfile woken "$work/woken" --slurpfile held "$work/held" --slurpfile denied "$work/denied" \
  --slurpfile stopped "$work/stopped" \
  --slurpfile limited "$work/limited" --slurpfile counted "$work/counted" \
  --slurpfile roundtrip "$work/roundtrip" --argjson past "$past" '$woken[0] as $w | {bench: "holds", waiting: $w.waiting,
    wake_p50_ms: ($w.wake_p50_us / 1000), wake_p99_ms: ($w.wake_p99_us / 1000),
    approve_p99_ms: ($w.approve_p99_us / 1000), waiting_rss_bytes: $w.rss_bytes, rss_before_bytes: $w.rss_before_bytes, past_holds: $past,
    held_p50_us: $held[0].p50_us, held_p99_us: $held[0].p99_us,
    denied_p50_us: $denied[0].p50_us, denied_p99_us: $denied[0].p99_us,
    stop_p50_ms: ($stopped[0].stop_p50_us / 1000), stop_p99_ms: ($stopped[0].stop_p99_us / 1000),
    limit_passed: $limited[0].passed, counted_p50_us: $counted[0].p50_us, counted_p99_us: $counted[0].p99_us,
    roundtrip_p50_us: $roundtrip[0].roundtrip_p50_us, roundtrip_p99_us: $roundtrip[0].roundtrip_p99_us,
    lookup_p99_ms: (($held[0].p99_us - $denied[0].p99_us) / 1000)}' >"$work/summary"
if ((json)); then
  jq -c . "$work/summary"
else
  jq -r '"wake      p50 \(.wake_p50_ms) ms, p99 \(.wake_p99_ms) ms after the approval, of \(.waiting) waiting",
    "memory    \(.waiting_rss_bytes / 1048576 | round) MiB while they wait (\(.rss_before_bytes / 1048576 | round) MiB before)",
    "stop      p50 \(.stop_p50_ms) ms, p99 \(.stop_p99_ms) ms until both of two replicas deny",
    "limits    \(.limit_passed) of 200 at once against a limit of 10; a counted request p50 \(.counted_p50_us) us, p99 \(.counted_p99_us) us",
    "lookup    p99 \(.lookup_p99_ms) ms added with \(.past_holds) past holds",
    "          held p50 \(.held_p50_us) us, denied from memory p50 \(.denied_p50_us) us, an empty statement p50 \(.roundtrip_p50_us) us, p99 \(.roundtrip_p99_us) us"' "$work/summary"
fi
