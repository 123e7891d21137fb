#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The migrations as the site's database administrator may run them: as a role with CREATEROLE that is
# no superuser; in a second database of the same server; and what they leave in the books.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=migrate.sh
source "$here/migrate.sh"

url=$HOLDPOINT_TEST_DATABASE_URL
psql() { command psql -X -q -A -t -v ON_ERROR_STOP=1 "$@"; }
fail() {
  echo "FAILED: $1" >&2
  exit 1
}

# A login that is no superuser, on the superuser's connection.
as_dba() { psql "$url" -c 'SET SESSION AUTHORIZATION dba' -c "$1"; }

psql "$url" -c 'CREATE ROLE dba LOGIN CREATEROLE' -c 'GRANT CREATE ON DATABASE holdpoint TO dba'
for file in "$migrations"/[0-9]*.sql; do
  psql -1 "$url" -c 'SET LOCAL SESSION AUTHORIZATION dba' -f "$file" >/dev/null ||
    fail "${file##*/} as a role with CREATEROLE"
done
owner=$(psql "$url" -c "SELECT DISTINCT relowner::regrole FROM pg_class
  WHERE relnamespace = 'holdpoint'::regnamespace AND relkind IN ('r', 'p', 'v')")
[[ $owner == holdpoint_owner ]] || fail "tables are owned by: $owner"
[[ $(as_dba 'SELECT holdpoint.ensure_partitions(9) > 0') == t ]] || fail "the administrator may not make partitions"
[[ $(as_dba 'SELECT count(*) FROM holdpoint.admin_event') == 0 ]] || fail "the administrator may not read"

# The roles are the server's, the rest is the database's: a second one works beside it.
psql "$url" -c 'CREATE DATABASE second'
migrate "${url/\/holdpoint\?//second?}" || fail "a second database"
versions=$(psql "${url/\/holdpoint\?//second?}" -c "SELECT string_agg(version::text, ',' ORDER BY version)
  FROM holdpoint.schema_migration WHERE octet_length(sha256) = 32")
expected=$(printf '%s\n' "$migrations"/[0-9]*.sql | sed -E 's|.*/0*([0-9]+)_.*|\1|' | paste -sd,)
[[ $versions == "$expected" ]] || fail "versions $versions, expected $expected"
