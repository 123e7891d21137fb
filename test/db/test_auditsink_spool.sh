#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The sink's spool in trouble: a disk that is full, files that are damaged, cut, removed or replaced,
# a sink that is killed and a database that freezes while it drains. What was acknowledged is stored
# once, or its loss is in the log, in the metrics and in the record.
if [[ ! ${spool_own_mounts:-} ]]; then
  # A small disk is a tmpfs that nobody else sees.
  [[ $(id -u) == 0 ]] && own=(unshare --mount) || own=(unshare --map-root-user --mount)
  if "${own[@]}" true 2>/dev/null; then
    spool_own_mounts=1 exec "${own[@]}" bash "$0" "$@"
  fi
  echo "no small disk: mounts of one's own are not allowed here; full disks are not tried"
  export spool_own_mounts=0
fi
# shellcheck source=test/db/sink_stack.sh
source "$HOLDPOINT_SOURCE_DIR/test/db/sink_stack.sh"
source "$root/test/support/freeze.sh"
trap 'rc=$?; set +e; pg_thaw; umount "$dir/disk" 2>/dev/null; (exit "$rc"); finish' EXIT
stack_cluster=c1
spool=$dir/disk/spool

event() { # ID PADDING
  printf '{"level":"Metadata","auditID":"%s","stage":"ResponseComplete","requestURI":"/x","verb":"get",' "$1"
  printf '"user":{"username":"alice"},"stageTimestamp":"2026-01-02T03:04:05Z","userAgent":"%s"}' "$2"
}
# post_list ID EVENTS [BYTES]: prints the code; events are ID.1, ID.2 …
post_list() {
  local i padding items=()
  padding=$(head -c "${3:-10}" /dev/zero | tr '\0' .)
  for ((i = 1; i <= $2; i++)); do items+=("$(event "$1.$i" "$padding")"); done
  (IFS=, && printf '{"kind":"EventList","apiVersion":"audit.k8s.io/v1","metadata":{},"items":[%s]}\n' "${items[*]}") >"$dir/list"
  curl -sS --max-time 60 -o "$dir/answer" -w '%{http_code}' --cacert "$stack_dir/certs/ca.crt" \
    --cert "$stack_dir/certs/audit.crt" --key "$stack_dir/certs/audit.key" \
    -H 'Content-Type: application/json' --data-binary "@$dir/list" "${stack_url[sink]}/audit/c1"
}
spools() { # ID EVENTS [BYTES]
  equals 200 "$(post_list "$@")" "$1: $(<"$dir/answer")"
  grep -q '"result":"spooled"' "$dir/answer" || fail "$1 was not spooled: $(<"$dir/answer")"
}
database() { # off|on: as far as the sink can tell
  psql -q -X "$HOLDPOINT_TEST_DATABASE_URL" -c "ALTER ROLE auditsink $([[ $1 == on ]] || echo NO)LOGIN" -c "SELECT
    pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'auditsink'" >/dev/null
}
eventually() { # SECONDS EXPECTED QUERY
  local i
  for ((i = 0; i < 10 * $1; i++)); do
    [[ $(sql "$3") == "$2" ]] && return 0
    sleep 0.1
  done
  equals "$2" "$(sql "$3")" "in $1 s: $3"
}
drained() { # in ten seconds
  local i
  for ((i = 0; i < 100; i++)); do
    [[ $(metric holdpoint_audit_spool_batches) == 0 ]] && return 0
    sleep 0.1
  done
  equals 0 "$(metric holdpoint_audit_spool_batches)" "batches that wait"
}
# How many events of lists that begin so are stored, and how many of them are others.
stored() { echo "SELECT count(*) || ' ' || count(DISTINCT audit_id) FROM holdpoint.audit_event WHERE audit_id ~ '^$1'"; }
start() { sink_start --spool-file="$spool" "$@"; }
kill_sink() {
  kill -KILL "${stack_pid[sink]}"
  wait "${stack_pid[sink]}" 2>/dev/null || true
}
logged() { grep -qE "$1" "$stack_dir/sink.log" || fail "not in the log: $1"; }
lost_rows() { sql "SELECT string_agg(source || ':' || position || ':' || reason, '|' ORDER BY reason)
  FROM holdpoint.audit_quarantine WHERE position = -1 AND reason ~ '$1'"; }

at "start"
mkdir -p "$dir/disk"
stack_prepare >/dev/null
start
daemon_stop sink

if [[ $spool_own_mounts == 1 ]]; then
  at "a disk that fills: 503 while there is room to drain"
  mount -t tmpfs -o size=8m,mode=0700 tmpfs "$dir/disk"
  start
  database off
  acked=0 code=200
  for ((n = 1; n <= 300; n++)); do
    code=$(post_list "full$n" 20 3000)
    [[ $code == 200 ]] || break
    acked=$((acked + 20))
  done
  equals 503 "$code" "a disk of 8 MiB took $acked events"
  ((acked >= 200)) || fail "only $acked events fit"
  logged 'audit_spool_failed.*--spool-min-free'
  equals 1 "$(metric 'holdpoint_audit_spool_untaken_batches_total{why="disk"}')" "batches untaken"
  left=$(($(stat -f -c '%a * %S' "$dir/disk")))
  ((left > 800000)) || fail "$left bytes are left"
  equals 503 "$(curl -s -o /dev/null -w '%{http_code}' "${stack_plain[sink]}/readyz")" "readyz"

  at "somebody else fills the rest; killed, started again: it drains without help"
  cat /dev/zero >"$dir/disk/other" 2>/dev/null || true
  equals 0 "$(($(stat -f -c '%a' "$dir/disk")))" "blocks left"
  kill_sink
  database on
  start
  eventually 30 "$acked $acked" "$(stored full)"
  drained
  equals '' "$(grep -F audit_spool_damaged "$stack_dir/sink.log" || true)" "damage"

  at "with room again it takes lists again"
  rm "$dir/disk/other"
  database off
  spools roomy 20 2000
  database on
  eventually 30 "20 20" "$(stored roomy)"
  equals "$acked $acked" "$(sql "$(stored full)")" "still each once"
  daemon_stop sink

  at "--spool-min-free"
  rm "$spool"*
  start --spool-min-free=1Gi # a tenth of this disk
  database off
  spools tenth 1
  head -c $(($(stat -f -c '%a * %S' "$dir/disk") - 700000)) /dev/zero >"$dir/disk/other"
  equals 503 "$(post_list more 1)" "within the tenth"
  daemon_stop sink
  start --spool-min-free=0
  spools none 1
  database on
  eventually 30 "1 1" "$(stored tenth)"
  eventually 30 "1 1" "$(stored none)"
  daemon_stop sink
  umount "$dir/disk"
fi

at "a flipped bit in the log of the spool: what is lost is said, what is left is stored"
start
database off
for n in 1 2 3 4 5 6; do spools "flip$n" 3; done
kill_sink
size=$(stat -c %s "$spool-wal")
at_byte=$((size * 3 / 5))
byte=$(od -An -tu1 -j "$at_byte" -N 1 "$spool-wal")
printf '%b' "\\x$(printf %02x $((byte ^ 4)))" | dd of="$spool-wal" bs=1 seek="$at_byte" conv=notrunc status=none
start
logged '"event":"audit_spool_damaged".*"what":"file".*spool.damaged-'
logged '"what":"missing".*"cluster":"c1".*"source":"audit-c1".*"events":3'
lost=$(metric 'holdpoint_audit_spool_damaged_total{what="missing"}')
((lost >= 1 && lost < 6)) || fail "$lost of 6 batches lost"
equals "$lost" "$(metric holdpoint_audit_spool_damaged_batches)" "batches set aside"
spools after 1
database on
eventually 30 "$((18 - 3 * lost)) $((18 - 3 * lost))" "$(stored flip)"
eventually 30 "1 1" "$(stored after)"
eventually 30 "$lost" "SELECT count(*) FROM holdpoint.audit_quarantine WHERE position = -1"
[[ $(lost_rows 'lost in the spool') == 'audit-c1:-1:3 events were lost in the spool of a sink (batch '* ]] || fail "$(lost_rows .)"

at "a body whose batch was lost can come again"
body=$(sql "SELECT encode(batch_sha256, 'hex') FROM holdpoint.audit_quarantine WHERE position = -1 LIMIT 1")
for n in 1 2 3 4 5 6; do
  equals 200 "$(post_list "flip$n" 3)" "again"
done
eventually 10 "18 18" "$(stored flip)"
equals 1 "$(sql "SELECT count(*) FROM holdpoint.audit_batch WHERE encode(sha256, 'hex') = '$body' AND events = 3")" "the batch"

at "what was said is not said again"
daemon_stop sink
start
equals '' "$(grep -F audit_spool_damaged "$stack_dir/sink.log" || true)" "damage"
daemon_stop sink
rm "$spool"*

at "a spool that is removed while it is in use"
start
database off
spools gone1 2
rm "$spool"*
spools gone2 2
kill_sink
database on
start
eventually 30 "4 4" "$(stored gone)"
daemon_stop sink

at "a spool that is removed while nobody looks"
start
database off
spools away1 2
spools away2 3
kill_sink
rm "$spool" "$spool-wal"
database on
start
eventually 30 2 "SELECT count(*) FROM holdpoint.audit_quarantine WHERE reason ~ '^[23] events were lost' AND
  recorded_at > now() - interval '30 s' AND batch_sha256 NOT IN (SELECT sha256 FROM holdpoint.audit_batch)"

at "killed while it drains, again and again"
database off
for ((n = 1; n <= 60; n++)); do spools "kill$n" 10 500; done
database on
for i in 1 2 3 4 5 6; do
  kill_sink
  start
  sleep "0.0$((i * 7 % 10))"
done
eventually 30 "600 600" "$(stored kill)"
equals '' "$(cat "$stack_dir"/sink.log* | grep -F audit_spool_damaged | grep -F kill || true)" "damage"
drained
equals '' "$(grep -F audit_spool_damaged "$stack_dir/sink.log" || true)" "damage"

at "a database that freezes while it drains"
database off
for ((n = 1; n <= 40; n++)); do spools "ice$n" 10 500; done
database on
eventually 30 t "SELECT count(*) > 0 FROM holdpoint.audit_event WHERE audit_id LIKE 'ice%'"
pg_freeze
sleep 3 # longer than the drainer waits for an answer
equals 200 "$(post_list "ice101" 10)" "a list while it is frozen"
pg_thaw
eventually 40 "410 410" "$(stored ice)"
passed=1
say passed
