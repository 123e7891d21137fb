# SPDX-License-Identifier: Apache-2.0
# Applies db/migrations as the contract of the runner says (db/README.md), with psql: so that the
# schema's own tests need none of the programs. Sourced.

migrations=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../db/migrations" && pwd)

# migrate URL
migrate() {
  local file name version
  for file in "$migrations"/[0-9]*.sql; do
    name=${file##*/} name=${name%.sql} version=${name%%_*}
    psql -X -q -1 -v ON_ERROR_STOP=1 "$1" -f "$file" -c "INSERT INTO
      holdpoint.schema_migration (version, name, sha256) VALUES ($((10#$version)),
      '${name#*_}', '\\x$(sha256sum <"$file" | cut -d' ' -f1)')" >/dev/null || return
  done
}
