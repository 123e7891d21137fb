#!/usr/bin/env bash
# usage: bench_audit.sh [-o json] [--seconds N] [--connections N] [--clusters N] [--rate N]
# Events committed per second through holdpoint-auditsink over TLS, next to a bare COPY BINARY of the
# very same rows into a table of the same shape (partition, indexes, compression), in one run: same
# PostgreSQL with fsync on, same number of connections to it, 400 rows a request as API servers send
# them. Both are measured twice, in turns. With --rate N only the sink, at N events/s: what it costs.
#
# The fleet has one cluster for each connection (--clusters N for another number). The sequence
# numbers of one cluster are taken under a lock until COMMIT, so one cluster alone keeps one
# connection busy, whatever their number; that is measured beside it.
set -euo pipefail
: "${HOLDPOINT_BIN:?run it as ./dev bench audit}"
source "$(dirname "${BASH_SOURCE[0]}")/../support/pg.sh"
# shellcheck source=../../dev.d/certs.sh
source "$root/dev.d/certs.sh"
# shellcheck source=../../dev.d/daemons.sh
source "$root/dev.d/daemons.sh"

json=0 seconds=10 connections=4 clusters='' rate=0 per_body=400
while (($#)); do
  case $1 in
    -o) json=1 && [[ ${2:-} == json ]] || die "-o json is the only format" ;;
    --seconds) seconds=$2 ;;
    --connections) connections=$2 ;;
    --clusters) clusters=$2 ;;
    --rate) rate=$2 ;;
    *) die "usage: bench_audit.sh [-o json] [--seconds N] [--connections N] [--clusters N] [--rate N]" ;;
  esac
  shift 2
done
clusters=${clusters:-$connections}

dir=$(mktemp -d /tmp/holdpoint-bench.XXXXXX)
finish() {
  local rc=$?
  trap - EXIT
  ((rc)) && [[ -s $dir/sink.log ]] && tail -n 5 "$dir/sink.log" >&2
  daemon_stop sink
  pg_throwaway_end
  rm -rf "$dir"
  exit "$rc"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

tools=$HOLDPOINT_BIN/../bench
stack_dir=$dir stack_bin=$HOLDPOINT_BIN stack_cluster=c1 stack_detach=0
sql() { psql -q -X -tA -v ON_ERROR_STOP=1 "$HOLDPOINT_TEST_DATABASE_URL" -c "$1"; }
paths() { seq -s, -f '/audit/c%g' 1 "$1"; }
cpu() { awk '{print $14 + $15}' "/proc/${stack_pid[sink]}/stat"; }
rss() { awk '/VmRSS|VmHWM/ {printf "%s %.0f MiB  ", $1, $2 / 1024}' "/proc/${stack_pid[sink]}/status"; }

# send SECONDS RATE CLUSTERS: one line of figures.
send() {
  "$tools/bench_audit_send" "${stack_url[sink]#https://}" "$dir/certs/ca.crt" \
    "$dir/certs/audit.crt" "$dir/certs/audit.key" $((2 * connections)) "$per_body" "$1" "$2" \
    "$(paths "$3")" "$root"/test/fixtures/audit/*/*-eventlist.json
}
copy() {
  "$tools/bench_audit_copy" "$HOLDPOINT_TEST_DATABASE_URL" holdpoint.bench_event "$connections" \
    "$per_body" "$1" 40000
}
first() { awk '{print $1}' <<<"$1"; }
divide() { awk -v a="$1" -v b="$2" 'BEGIN {printf "%.3f\n", a / b}'; }
mean() { awk -v a="$1" -v b="$2" 'BEGIN {printf "%.0f\n", (a + b) / 2}'; }

pg_throwaway --durable
stack_sockets=$pg_sockets
stack_prepare >/dev/null
sources=()
for ((i = 1; i <= clusters; i++)); do sources+=("--source=audit-c1=c$i"); done
sink_start --database-connections="$connections" "${sources[@]}"

if ((rate)); then
  send 2 "$rate" "$clusters" >/dev/null
  before=$(cpu)
  result=$(send "$seconds" "$rate" "$clusters")
  used=$(($(cpu) - before))
  read -r per_s mb_s p50 p99 unavailable <<<"$result"
  say "$per_s events/s ($mb_s MB/s), acknowledged after p50 $p50 ms, p99 $p99 ms, $unavailable told to wait"
  say "$(awk -v t="$used" -v hz="$(getconf CLK_TCK)" -v s="$seconds" 'BEGIN {printf "%.3f", t / hz / s}') cores, $(rss)"
  exit 0
fi

# The same shape as what the sink writes to.
sql "CREATE TABLE holdpoint.bench_event (LIKE holdpoint.audit_event INCLUDING ALL) PARTITION BY RANGE (recorded_at);
  SELECT holdpoint.create_partition('holdpoint.bench_event', (now() AT TIME ZONE 'UTC')::date)" >/dev/null 2>&1 ||
  sql "CREATE TABLE IF NOT EXISTS holdpoint.bench_event (LIKE holdpoint.audit_event INCLUDING ALL) PARTITION BY RANGE (recorded_at);
    CREATE TABLE holdpoint.bench_event_default PARTITION OF holdpoint.bench_event DEFAULT" >/dev/null

say() { ((json)) || printf '%s\n' "$*"; }
send 2 0 "$clusters" >/dev/null
sent1=$(send "$seconds" 0 "$clusters")
copied1=$(copy "$seconds")
sent2=$(send "$seconds" 0 "$clusters")
copied2=$(copy "$seconds")
single=$(send "$seconds" 0 1)
ours=$(mean "$(first "$sent1")" "$(first "$sent2")")
baseline=$(mean "$copied1" "$copied2")
ratio=$(divide "$ours" "$baseline")
say "holdpoint-auditsink, TLS, masking, numbering, $clusters clusters: $ours events/s (rounds: $(first "$sent1"), $(first "$sent2"))"
say "  MB/s, p50 ms, p99 ms, told to wait: ${sent2#* }"
say "  memory: $(rss)"
say "bare COPY BINARY of the same rows, $connections connections: $baseline rows/s (rounds: $copied1, $copied2)"
say "one cluster alone: $(first "$single") events/s, $(divide "$(first "$single")" "$baseline") of it"
if ((json)); then
  printf '{"ratio":%s,"events_per_s":%s,"baseline_rows_per_s":%s,"ratio_one_cluster":%s}\n' "$ratio" \
    "$ours" "$baseline" "$(divide "$(first "$single")" "$baseline")"
else
  say "ratio: $ratio"
fi
