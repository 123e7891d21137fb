# SPDX-License-Identifier: Apache-2.0
# A sink over real TLS on a real PostgreSQL: for tests that run under test/support/pg.sh. Sourced;
# everything ends with the shell, which succeeds when passed=1 was reached and no sanitizer spoke.
set -euo pipefail
source "$HOLDPOINT_SOURCE_DIR/dev.d/lib.sh"
source "$root/dev.d/postgres.sh"
source "$root/dev.d/certs.sh"
source "$root/dev.d/daemons.sh"
source "$root/test/support/planted.sh"

dir=$(mktemp -d /tmp/holdpoint-sink.XXXXXX)
stack_dir=$dir/stack stack_sockets=$HOLDPOINT_TEST_PG_SOCKETS stack_bin=$HOLDPOINT_BIN
stack_cluster=replay stack_detach=0
passed=0
finish() {
  local rc=$?
  trap - EXIT
  daemon_stop sink
  if grep -lE 'ERROR: (Address|Leak|Thread)Sanitizer|runtime error:' "$stack_dir"/sink.log* 2>/dev/null; then
    rc=1
  fi
  if ((!passed || rc)); then
    rc=1
    tail -n 30 "$dir"/out "$stack_dir/sink.log" >&2 || true
    note "failed at: ${at:-start}"
    cat "$dir/why" >&2 2>/dev/null || true
  fi
  rm -rf "$dir"
  exit "$rc"
}
trap finish EXIT

at() { at=$* && say "- $*"; }
fail() { note "$*" && echo "$*" >>"$dir/why" && exit 1; }
equals() { [[ $2 == "$1" ]] || fail "$3: expected '$1', got '$2'"; }
sql() { psql -q -X -tA -v ON_ERROR_STOP=1 "$HOLDPOINT_TEST_DATABASE_URL" -c "$1"; }
metric() { curl -fsS "${stack_plain[sink]}/metrics" | awk -v name="$1" '$1 == name {print $2}'; }
