#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A throwaway PostgreSQL for one test: its own data folder and unix socket under /tmp, no TCP, gone
# when the test ends, however it ends.
#
# As a program (for ctest):
#   test/support/pg.sh [--durable] COMMAND [ARGS...]
#     runs COMMAND with HOLDPOINT_TEST_DATABASE_URL (superuser, database "holdpoint", empty) and
#     HOLDPOINT_TEST_PG_SOCKETS (the socket folder) in its environment; exits as COMMAND does.
#
# Sourced (from bash tests):
#   source test/support/pg.sh
#   pg_throwaway [--durable]       # in the main shell, not in $(...): the server dies with the shell
#     sets pg_dir, pg_sockets, pg_log, HOLDPOINT_TEST_DATABASE_URL, HOLDPOINT_TEST_PG_SOCKETS
#   pg_throwaway_end               # call it from your own EXIT trap
#   pg_throwaway_stop|_start       # an outage, and its end; pg_throwaway_kill is a crash
#   pg_login "$pg_sockets" holdpoint PASSFILE ROLE [GROUP...]; pg_url ... (dev.d/postgres.sh)
#
# --durable: fsync on, for tests about what survives a crash. Without it, fast.

if [[ ${BASH_SOURCE[0]} == "$0" ]]; then set -euo pipefail; fi
# shellcheck source=../../dev.d/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../../dev.d/lib.sh"
# shellcheck source=../../dev.d/postgres.sh
source "$(dirname "${BASH_SOURCE[0]}")/../../dev.d/postgres.sh"

pg_throwaway() {
  local settings=("shared_buffers = '64MB'" "max_wal_size = '1GB'")
  [[ ${1:-} == --durable ]] ||
    settings+=("fsync = off" "full_page_writes = off" "synchronous_commit = off")
  pg_dir=$(mktemp -d /tmp/holdpoint-pg.XXXXXX)
  chmod 0755 "$pg_dir"
  pg_sockets=$pg_dir/s pg_log=$pg_dir/log
  install -d -m 0755 -o "$(pg_account)" "$pg_sockets"
  pg_create "$pg_dir/data" "$pg_sockets" "${settings[@]}"
  pg_throwaway_start
  pg_database "$pg_sockets" holdpoint
  HOLDPOINT_TEST_DATABASE_URL=$(pg_url "$pg_sockets" holdpoint)
  HOLDPOINT_TEST_PG_SOCKETS=$pg_sockets
  export HOLDPOINT_TEST_DATABASE_URL HOLDPOINT_TEST_PG_SOCKETS
}

pg_throwaway_start() {
  local waited=0
  pg_run --pdeathsig=INT -- "$(pg_bin postgres)" -D "$pg_dir/data" >>"$pg_log" 2>&1 &
  pg_pid=$!
  until psql -q -X "$(pg_url "$pg_sockets" postgres)" -c 'SELECT 1' >/dev/null 2>&1; do
    if ! kill -0 "$pg_pid" 2>/dev/null || ((waited++ > 600)); then
      tail -n 20 "$pg_log" >&2
      die "the test's PostgreSQL in $pg_dir did not start"
    fi
    sleep 0.1
  done
}

pg_throwaway_signal() {
  [[ -n ${pg_pid:-} ]] || return 0
  kill -"$1" "$pg_pid" 2>/dev/null || true
  wait "$pg_pid" 2>/dev/null || true
  pg_pid=
}

pg_throwaway_stop() { pg_throwaway_signal INT; }

# A crash: the postmaster gets SIGQUIT, so that nothing is written on the way out.
pg_throwaway_kill() { pg_throwaway_signal QUIT; }

pg_throwaway_end() {
  [[ -n ${pg_dir:-} ]] || return 0
  pg_throwaway_signal INT
  rm -rf "$pg_dir"
  pg_dir=
}

if [[ ${BASH_SOURCE[0]} == "$0" ]]; then
  durable=()
  [[ ${1:-} == --durable ]] && durable=(--durable) && shift
  (($#)) || die "usage: test/support/pg.sh [--durable] COMMAND [ARGS...]"
  trap pg_throwaway_end EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
  pg_throwaway "${durable[@]}"
  "$@"
fi
