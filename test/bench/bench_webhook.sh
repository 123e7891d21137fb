#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# usage: bench_webhook.sh [-o json]
# Decisions per second and latency of holdpoint-webhook over TLS for the recorded AdmissionReviews,
# next to a bare libmicrohttpd TLS server that sends the same bodies back, in the same run:
#   ratio           twenty rules, none of which matches
#   ratio_recorded  every request matches one and is recorded in PostgreSQL
#   ratio_library   ai-agents and pod-security-restricted of the library, for all bodies but those that
#                   they hold (there a person is waited for); what agents ask is recorded
#   authorize       the same policies, for the recorded SubjectAccessReviews that they have no opinion
#                   on, at 16 connections: the round trip, the echo's, and the daemon's own time;
#                   without `record: All`, and (authorize_recorded) with it
# The servers take turns, with the same number of threads; the figures are medians over the rounds.
set -euo pipefail
: "${HOLDPOINT_BIN:?run it as ./dev bench webhook}"
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cd "$top"
source dev.d/lib.sh
source dev.d/certs.sh
source dev.d/postgres.sh
source dev.d/daemons.sh
source test/support/pg.sh

json=0
[[ ${1:-} == -o && ${2:-} == json ]] && json=1
rounds=${BENCH_ROUNDS:-5} seconds=${BENCH_SECONDS:-2}
threads=$(nproc)
bench=$HOLDPOINT_BIN/../bench/bench_webhook
work=$(mktemp -d /tmp/holdpoint-bench.XXXXXX)
stack_dir=$work/stack stack_bin=$HOLDPOINT_BIN stack_cluster=bench stack_detach=0
trap 'daemon_stop webhook; kill "${echo_pid:-}" 2>/dev/null; pg_throwaway_end; rm -rf "$work"' EXIT

((json)) || note "...    Start PostgreSQL, the webhook and the echo server"
{
  pg_throwaway
  stack_sockets=$pg_sockets
  stack_prepare
} >/dev/null
validate=(test/fixtures/admission/*/*-validate-*.json)
library=(policy/library/ai-agents.yaml policy/library/pod-security-restricted.yaml)

# action_of FILE: what the policies of the library say to a review.
action_of() {
  "$HOLDPOINT_BIN/holdpoint" policy explain "${library[@]}" --review "$1" -o json | jq -r .action
}
unheld=() no_opinion=()
for file in "${validate[@]}"; do
  [[ $(action_of "$file") == Hold ]] || unheld+=("$file")
done
for file in test/fixtures/authorize/*/*.json; do
  [[ $(action_of "$file") == None ]] && no_opinion+=("$file")
done

mkfifo "$work/echo.in"
"$bench" echo "$stack_dir/certs" "$threads" <"$work/echo.in" >"$work/echo.out" &
echo_pid=$!
exec 7>"$work/echo.in"
until [[ -s $work/echo.out ]]; do sleep 0.05; done
echo_address=$(<"$work/echo.out")

# run WHERE PATH CONNECTIONS FILE...: one JSON line, kept in $work/results with its name.
run() {
  local name=$1 where=$2 path=$3 connections=$4 result
  shift 4
  result=$("$bench" load "$stack_dir/certs" "$where" "$path" "$connections" "$seconds" "$@")
  [[ $(jq .failed <<<"$result") == 0 ]] || die "$name: some requests failed: $result"
  jq -c --arg name "$name" --argjson round "$round" '. + {name: $name, round: $round}' \
    <<<"$result" >>"$work/results"
  ((json)) || note "       round $round $(printf '%-16s' "$name") $(jq -r \
    '"\(.per_second)/s  p50 \(.p50_us) us  p99 \(.p99_us) us"' <<<"$result")"
}

# rounds_of WHAT "CONNECTIONS..." PATH FILE...
rounds_of() {
  local what=$1 numbers=$2 path=$3 round connections
  shift 3
  for ((round = 0; round <= rounds; round++)); do
    for connections in $numbers; do
      run "$what.echo.$connections" "$echo_address" "$path" "$connections" "$@"
      run "$what.ours.$connections" "${stack_url[webhook]#https://}" "$path" "$connections" "$@"
    done
  done
}

rss() { awk '/^VmRSS/ {print $2 * 1024}' "/proc/${stack_pid[webhook]}/status"; }
records_stored() {
  local deadline=$((SECONDS + 60))
  until [[ $(counter holdpoint_webhook_records_queued) == 0 ]]; do
    ((SECONDS < deadline)) || die "the queue of records does not empty"
    sleep 0.2
  done
}
counter() { curl -fsS "${stack_plain[webhook]}/metrics" | awk -v n="$1" '$1 == n {print $2}'; }
rows() { psql -qXAt "$HOLDPOINT_TEST_DATABASE_URL" -c 'SELECT count(*) FROM holdpoint.decision'; }

webhook_start test/bench/policies/no-match.yaml -- --threads="$threads"
rounds_of plain "1 16" /validate "${validate[@]}"
rss_after=$(rss)
equal_rows=$(rows)
[[ $equal_rows == 0 ]] || die "the rules that should not match matched $equal_rows times"
daemon_stop webhook

webhook_start test/bench/policies/all-match.yaml -- --threads="$threads"
rounds_of recorded "1 16" /validate "${validate[@]}"
records_stored
asked=$(jq -s 'map(select(.name | startswith("recorded.ours")) | .requests) | add' "$work/results")
dropped=$(counter holdpoint_webhook_records_dropped_total) stored=$(rows)
rss_recorded=$(rss)
daemon_stop webhook

webhook_start "${library[@]}" -- --threads="$threads"
rounds_of library "1 16" /validate "${unheld[@]}"
records_stored
rounds_of authorize_recorded 16 /authorize "${no_opinion[@]}"
daemon_stop webhook

# The daemon's own clock: from a request's first byte to its answer.
own_times() {
  local name=holdpoint_webhook_decision_seconds
  printf '[%s, %s, %s]' "$(counter ${name}_count)" "$(counter ${name}_sum)" \
    "$(counter "${name}_bucket{le=\"0.0001\"}")"
}
sed '/^  record: All$/d' "${library[0]}" >"$work/ai-agents.yaml"
webhook_start "$work/ai-agents.yaml" "${library[1]}" -- --threads="$threads"
rounds_of authorize 16 /authorize "${no_opinion[@]}"
own=$(jq -n --argjson t "$(own_times)" '{mean_us: ($t[1] / $t[0] * 1e7 | round / 10),
  share_within_100_us: ($t[2] / $t[0] * 1e5 | round / 1e5)}')
daemon_stop webhook

jq -s --argjson own "$own" --argjson bodies "${#unheld[@]}" --argjson rss "$rss_after" --argjson rss_recorded "$rss_recorded" --argjson asked "$asked" \
  --argjson dropped "$dropped" --argjson stored "$stored" --argjson threads "$threads" '
  def median: sort | .[(length / 2) | floor];
  map(select(.round > 0)) as $all # the first round warms up
  | def of($name): $all | map(select(.name == $name));
  def figures($name): {per_second: (of($name) | map(.per_second) | median),
    p50_us: (of($name) | map(.p50_us) | median), p99_us: (of($name) | map(.p99_us) | median)};
  def ratio($what; $n): (figures("\($what).ours.\($n)").per_second
    / figures("\($what).echo.\($n)").per_second) * 1000 | round / 1000;
  {bench: "webhook", threads: $threads,
   ratio: ([ratio("plain"; 1), ratio("plain"; 16)] | min),
   ratio_1: ratio("plain"; 1), ratio_16: ratio("plain"; 16),
   ratio_recorded: ([ratio("recorded"; 1), ratio("recorded"; 16)] | min),
   ratio_recorded_1: ratio("recorded"; 1), ratio_recorded_16: ratio("recorded"; 16),
   ratio_library: ([ratio("library"; 1), ratio("library"; 16)] | min),
   ratio_library_1: ratio("library"; 1), ratio_library_16: ratio("library"; 16),
   library_bodies: $bodies, library_1: figures("library.ours.1"), library_16: figures("library.ours.16"),
   library_echo_1: figures("library.echo.1"), library_echo_16: figures("library.echo.16"),
   authorize_16: figures("authorize.ours.16"), authorize_echo_16: figures("authorize.echo.16"),
   authorize_p99_over_echo_us: (figures("authorize.ours.16").p99_us - figures("authorize.echo.16").p99_us),
   authorize_own: $own, authorize_recorded_16: figures("authorize_recorded.ours.16"),
   echo_1: figures("plain.echo.1"), ours_1: figures("plain.ours.1"),
   echo_16: figures("plain.echo.16"), ours_16: figures("plain.ours.16"),
   recorded_1: figures("recorded.ours.1"), recorded_16: figures("recorded.ours.16"),
   recorded_requests: $asked, records_stored: $stored, records_dropped: $dropped,
   rss_bytes: $rss, rss_recorded_bytes: $rss_recorded}' "$work/results" >"$work/summary"
if ((json)); then
  jq -c . "$work/summary"
else
  jq -r '"ratio           \(.ratio)   (1 connection \(.ratio_1), 16 connections \(.ratio_16))",
    "ratio_recorded  \(.ratio_recorded)   (1 connection \(.ratio_recorded_1), 16 connections \(.ratio_recorded_16))",
    "ratio_library   \(.ratio_library)   (1 connection \(.ratio_library_1), 16 connections \(.ratio_library_16); \(.library_bodies) bodies)",
    "authorize       16 connections: p50 \(.authorize_16.p50_us) us, p99 \(.authorize_16.p99_us) us; echo p50 \(.authorize_echo_16.p50_us) us, p99 \(.authorize_echo_16.p99_us) us",
    "                the daemon itself: \(.authorize_own.mean_us) us on average, \(.authorize_own.share_within_100_us * 100) % within 100 us",
    "16 connections  ours \(.ours_16.per_second)/s, p99 \(.ours_16.p99_us) us; echo \(.echo_16.per_second)/s, p99 \(.echo_16.p99_us) us",
    "records         \(.records_stored) of \(.recorded_requests) stored, \(.records_dropped) dropped",
    "memory          \(.rss_bytes / 1048576 * 10 | round / 10) MiB, \(.rss_recorded_bytes / 1048576 * 10 | round / 10) MiB where all is recorded"' "$work/summary"
fi
