#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs one database test on a PostgreSQL of its own: test/db/run.sh FILE.sql | PROGRAM [ARGS...]
#
# A .sql file gets the harness (harness.sql) first, and must end with SELECT t.done(). A program
# gets HOLDPOINT_TEST_DATABASE_URL of a migrated database.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=../support/pg.sh
source "$here/../support/pg.sh"
# shellcheck source=migrate.sh
source "$here/migrate.sh"
trap pg_throwaway_end EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

run_sql() {
  local out
  out=$(psql -X -q -A -t -v ON_ERROR_STOP=1 "$HOLDPOINT_TEST_DATABASE_URL" \
    -f "$here/harness.sql" -f "$1" 2>&1) || { sed '/^|*$/d' <<<"$out"; return 1; }
  tail -n 1 <<<"$out"
  grep -q '^all [1-9][0-9]* checks passed$' <<<"$out"
}

pg_throwaway
# A test of races has more connections at once than a default server takes.
psql -X -q "$HOLDPOINT_TEST_DATABASE_URL" -c "ALTER SYSTEM SET max_connections = 300"
pg_throwaway_stop
pg_throwaway_start
migrate "$HOLDPOINT_TEST_DATABASE_URL"
case $1 in
*.sql) run_sql "$1" ;;
*) "$@" ;;
esac
