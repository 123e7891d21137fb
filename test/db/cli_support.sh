# SPDX-License-Identifier: Apache-2.0
# What test/db/test_cli_*.sh share: the program, psql, places for output, and failing with them in
# sight. Sourced under test/support/pg.sh.
set -euo pipefail
cd "$HOLDPOINT_SOURCE_DIR"
source dev.d/lib.sh
source dev.d/postgres.sh
out=$(mktemp) err=$(mktemp) passes=$(mktemp)
trap 'rm -f "$out" "$err" "$passes"' EXIT
unset HOLDPOINT_DATABASE_URL PGHOST PGDATABASE PGSERVICE

admin=$HOLDPOINT_TEST_DATABASE_URL
sockets=$HOLDPOINT_TEST_PG_SOCKETS
# as LOGIN: the URL with which it logs in.
as() { pg_url "$sockets" holdpoint "$1" "$passes"; }
hp() { "$HOLDPOINT_BIN/holdpoint" "$@"; }
sql() { psql -qXAt -v ON_ERROR_STOP=1 "$@"; }
fail() {
  printf 'FAILED: %s\n--- stdout\n%s\n--- stderr\n%s\n' "$1" "$(<"$out")" "$(<"$err")" >&2
  exit 1
}
