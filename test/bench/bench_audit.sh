#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# usage: bench_audit.sh [-o json] [--seconds N] [--connections N] [--clusters N] [--rate N] [--past N [--bodies small] [--span TIME]] [--large N]
# Events committed per second through holdpoint-auditsink over TLS, next to a bare COPY BINARY of the
# very same rows into a table of the same shape (partition, indexes, compression), in one run: same
# PostgreSQL with fsync on, same number of connections to it, 400 rows a request as API servers send
# them. Both are measured twice, in turns.
#
# Before that, what 4,000 events/s cost, the most that one API server sends: cores and memory of the
# sink. With --rate N only this, at N events/s. At the end, how fast one core masks (bench_mask).
#
# The fleet has one cluster for each connection (--clusters N for another number). The sequence
# numbers of one cluster are taken under a lock until COMMIT, so one cluster alone keeps one
# connection busy, whatever their number; that is measured beside it.
#
# With --large N (default 10, 0: not) there are 1, then N lists of 40 MiB from all connections at
# once: what is resident after them and was at most, which must not grow with their number.
#
# With --past N (10000000, say) instead: the sink's events/s into a database that is nearly empty and
# into one of N events from the last day, in turns (past.sql; 2.1 KB each, so 24 GB of disk and half
# an hour for ten million; with --bodies small 0.5 KB), and how long `holdpoint events` takes there
# with each of its filters, from the start of the process to its end. With --span '20 minutes' they
# are that recent instead: all in the one partition that the sink writes to.
#
# HOLDPOINT_BENCH_UNDER: a command that each measurement is run under (flock, taskset …).
set -euo pipefail
: "${HOLDPOINT_BIN:?run it as ./dev bench audit}"
source "$(dirname "${BASH_SOURCE[0]}")/../support/pg.sh"
# shellcheck source=../../dev.d/certs.sh
source "$root/dev.d/certs.sh"
# shellcheck source=../../dev.d/daemons.sh
source "$root/dev.d/daemons.sh"

json=0 seconds=10 connections=4 clusters='' rate='' per_body=400 past=0 body=s.body span='24 hours' large=10
read -ra under <<<"${HOLDPOINT_BENCH_UNDER:-}"
while (($#)); do
  case $1 in
    -o) json=1 && [[ ${2:-} == json ]] || die "-o json is the only format" ;;
    --seconds) seconds=$2 ;;
    --connections) connections=$2 ;;
    --clusters) clusters=$2 ;;
    --rate) rate=$2 ;;
    --past) past=$2 ;;
    --large) large=$2 ;;
    --span) span=$2 ;;
    --bodies) [[ $2 == small ]] && body="'{\"kind\":\"Event\",\"stage\":\"ResponseComplete\"}'" ;;
    *) die "usage: bench_audit.sh [-o json] [--seconds N] [--connections N] [--clusters N] [--rate N] [--past N [--bodies small] [--span TIME]] [--large N]" ;;
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
# Forgets what was resident at most, so that the next memory() speaks of what came since.
forget_peak() { echo 5 >"/proc/${stack_pid[sink]}/clear_refs"; }
# memory: "MiB-resident MiB-at-most".
memory() {
  awk '/VmRSS/ {rss = $2} /VmHWM/ {hwm = $2} END {printf "%.0f %.0f\n", rss / 1024, hwm / 1024}' \
    "/proc/${stack_pid[sink]}/status"
}

# send SECONDS RATE CLUSTERS: one line of figures.
send() {
  "${under[@]}" "$tools/bench_audit_send" "${stack_url[sink]#https://}" "$dir/certs/ca.crt" \
    "$dir/certs/audit.crt" "$dir/certs/audit.key" $((2 * connections)) "$per_body" "$1" "$2" \
    "$(paths "$3")" "$root"/test/fixtures/audit/*/*-eventlist.json
}
# at_rate RATE: the line of send, then "cores MiB-resident MiB-at-most".
at_rate() {
  local before line
  send 2 "$1" "$clusters" >/dev/null
  forget_peak
  before=$(cpu)
  line=$(send "$seconds" "$1" "$clusters")
  printf '%s %s %s\n' "$line" "$(awk -v t="$(($(cpu) - before))" -v hz="$(getconf CLK_TCK)" -v s="$seconds" \
    'BEGIN {printf "%.3f", t / hz / s}')" "$(memory)"
}
# large LISTS: 18,500 recorded events are 40 MiB. Prints "LISTS MiB-resident MiB-at-most told-to-wait".
large() {
  local told
  forget_peak
  told=$("$tools/bench_audit_send" --lists "$1" "${stack_url[sink]#https://}" "$dir/certs/ca.crt" \
    "$dir/certs/audit.crt" "$dir/certs/audit.key" "$connections" 18500 0 0 "$(paths "$clusters")" \
    "$root"/test/fixtures/audit/*/*-eventlist.json | awk '{print $5}')
  printf '%s %s %s\n' "$1" "$(memory)" "$told"
}
copy() {
  "${under[@]}" "$tools/bench_audit_copy" "$HOLDPOINT_TEST_DATABASE_URL" holdpoint.bench_event "$connections" \
    "$per_body" "$1" 40000
}
first() { awk '{print $1}' <<<"$1"; }
divide() { awk -v a="$1" -v b="$2" 'BEGIN {printf "%.3f\n", a / b}'; }
mean() { awk -v a="$1" -v b="$2" 'BEGIN {printf "%.0f\n", (a + b) / 2}'; }

# ---- --past: what a long past costs ----

# pg_set SETTING...: and start again with them.
pg_set() {
  pg_throwaway_stop
  printf '%s\n' "$@" >>"$pg_dir/data/postgresql.conf"
  pg_throwaway_start
}

# took ARGUMENTS...: milliseconds of `holdpoint events ARGUMENTS`, median of seven; and its lines.
took() {
  local i from to ms=()
  for i in 1 2 3 4 5 6 7; do
    from=${EPOCHREALTIME/./}
    "$HOLDPOINT_BIN/holdpoint" events --database-url="$HOLDPOINT_TEST_DATABASE_URL" "$@" >"$dir/events" 2>&1
    to=${EPOCHREALTIME/./}
    ms+=("$((to - from))")
  done
  printf '%7.1f ms  %5d lines  events %s\n' \
    "$(printf '%s\n' "${ms[@]}" | sort -n | sed -n 4p | awk '{print $1 / 1000}')" "$(wc -l <"$dir/events")" "$*"
}

took_all() {
  local agent=claude-code@agents.example.com
  took --user "$agent" --since 1h
  took --user "$agent" --since 24h
  took --user nobody@example.com --since 24h
  took --since 1h
  took --verb delete --since 1h
  took --verb get,list --since 1h
  took --resource secrets --since 1h
  took --resource pods/exec --since 24h
  took -n ns7 --since 1h
  took -n ns7 --resource secrets --since 1h
  took --name web-4711 --since 1h
  took -n ns7 --name web-4711 --since 24h
  took --code 4xx --since 1h
  took --code 403 --user "$agent" --since 1h
  took --decision Deny --since 1h
  took --hold 400 --since 24h
  took --cluster c2 --user "$agent" --since 1h -o ocsf
  took --text no-such-text-anywhere --user "$agent" --since 10m
  took --all -o jsonl --user "$agent" --since 1h
}

# into DATABASE: what the sink stores there.
into() {
  local result
  sink_start --database-connections="$connections" "${sources[@]}" \
    --database-url="$(pg_url "$pg_sockets" "$1" auditsink "$stack_dir/passfile")" 2>/dev/null
  send 1 10000 "$clusters" >/dev/null
  sql CHECKPOINT
  result=$(send "$seconds" 0 "$clusters")
  daemon_stop sink
  first "$result"
}

fill_past() {
  daemon_stop sink
  pg_set "wal_level = minimal" "max_wal_senders = 0" "shared_buffers = '2GB'" "max_wal_size = '8GB'"
  psql -q -X "$HOLDPOINT_TEST_DATABASE_URL" -v past="$past" -v body="$body" -v span="$span" -f "$root/test/bench/past.sql" >&2
  pg_set "wal_level = replica"
  say "$(sql 'SELECT count(*) FROM holdpoint.audit_event') events are there, $(sql "SELECT
    pg_size_pretty(pg_database_size(current_database()))"), of which indexes $(sql "SELECT
    pg_size_pretty(sum(pg_indexes_size(inhrelid))) FROM pg_inherits WHERE inhparent = 'holdpoint.audit_event'::regclass")"
}

measure_past() {
  local round few many few_all=0 many_all=0
  send 1 10000 "$clusters" >/dev/null
  fill_past
  pg_database "$pg_sockets" nearly_empty
  "$HOLDPOINT_BIN/holdpoint" db migrate --migrations "$root/db/migrations" \
    --database-url="$(pg_url "$pg_sockets" nearly_empty)" >/dev/null
  for round in 1 2 3 4 5; do
    if ((round % 2)); then
      few=$(into nearly_empty) many=$(into holdpoint)
    else
      many=$(into holdpoint) few=$(into nearly_empty)
    fi
    say "events/s, round $round: into few $few, into $past $many"
    few_all=$((few_all + few)) many_all=$((many_all + many))
  done
  say "ratio: $(divide "$many_all" "$few_all")"
  sql "VACUUM ANALYZE holdpoint.audit_event"
  export -f took took_all
  export HOLDPOINT_TEST_DATABASE_URL HOLDPOINT_BIN dir
  "${under[@]}" bash -c took_all
}

pg_throwaway --durable
stack_sockets=$pg_sockets
stack_prepare >/dev/null
sources=()
for ((i = 1; i <= clusters; i++)); do sources+=("--source=audit-c1=c$i"); done
sink_start --database-connections="$connections" "${sources[@]}"

if ((past)); then
  measure_past
  exit 0
fi
say() { ((json)) || printf '%s\n' "$*"; }

cost=$(at_rate "${rate:-4000}")
read -r at_per_s at_mb_s at_p50 at_p99 at_waits cores resident peak <<<"$cost"
say "at $at_per_s events/s ($at_mb_s MB/s): $cores cores, $resident MiB resident, $peak at most;" \
  "acknowledged after p50 $at_p50 ms, p99 $at_p99 ms, $at_waits times told to wait"
cost=$(printf '{"events_per_s":%s,"cores":%s,"resident_mib":%s,"peak_mib":%s,"p99_ms":%s}' \
  "$at_per_s" "$cores" "$resident" "$peak" "$at_p99")
if [[ $rate ]]; then
  ((json)) && printf '{"at_rate":%s}\n' "$cost"
  exit 0
fi

# The same shape as what the sink writes to.
sql "CREATE TABLE holdpoint.bench_event (LIKE holdpoint.audit_event INCLUDING ALL) PARTITION BY RANGE (recorded_at);
  SELECT holdpoint.create_partition('holdpoint.bench_event', (now() AT TIME ZONE 'UTC')::date)" >/dev/null 2>&1 ||
  sql "CREATE TABLE IF NOT EXISTS holdpoint.bench_event (LIKE holdpoint.audit_event INCLUDING ALL) PARTITION BY RANGE (recorded_at);
    CREATE TABLE holdpoint.bench_event_default PARTITION OF holdpoint.bench_event DEFAULT" >/dev/null

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
say "  memory: $(memory | awk '{printf "%d MiB resident, %d at most", $1, $2}')"
say "bare COPY BINARY of the same rows, $connections connections: $baseline rows/s (rounds: $copied1, $copied2)"
say "ratio: $ratio"
say "one cluster alone: $(first "$single") events/s, $(divide "$(first "$single")" "$baseline") of it"
curve=()
for n in 1 $((large)); do
  ((large)) || break
  curve+=("$(large "$n")")
  say "$(awk '{printf "after %d lists of 40 MiB: %d MiB resident, %d at most, %d times told to wait", $1, $2, $3, $4}' <<<"${curve[-1]}")"
done
mask=$("${under[@]}" "$tools/bench_mask" -o json "$root"/test/fixtures/audit/*/*-eventlist.json)
read -r masked_mb_s read_mb_s < <(awk -F'[:,]' '{print $2 + 0, $4 + 0}' <<<"$mask")
say "mask $masked_mb_s MB/s on one core ($read_mb_s with reading the JSON)"
if ((json)); then
  printf '{"ratio":%s,"events_per_s":%s,"baseline_rows_per_s":%s,"ratio_one_cluster":%s,"at_rate":%s,"large_bodies":[%s],"mask_mb_per_s":%s}\n' \
    "$ratio" "$ours" "$baseline" "$(divide "$(first "$single")" "$baseline")" "$cost" "$(
      ((${#curve[@]})) && printf '%s\n' "${curve[@]}" |
        awk '{printf "%s{\"lists\":%d,\"resident_mib\":%d,\"peak_mib\":%d,\"told_to_wait\":%d}", s, $1, $2, $3, $4; s = ","}'
    )" "$masked_mb_s"
fi
