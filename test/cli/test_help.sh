#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# --help: of the programs, of a command, and of the first word of commands that have two.
set -euo pipefail
failed=0

# expect EXIT PATTERN PROGRAM ARGUMENTS...: a match on standard output, or with EXIT 2 on the error's.
expect() {
  local expected=$1 pattern=$2 program=$3 code=0 said
  shift 3
  if ((expected == 2)); then
    said=$("$HOLDPOINT_BIN/$program" "$@" 2>&1 >/dev/null) || code=$?
  else
    said=$("$HOLDPOINT_BIN/$program" "$@" 2>/dev/null) || code=$?
  fi
  [[ $code == "$expected" ]] && grep -qE -- "$pattern" <<<"$said" && return
  printf '%s: exit code %s, expected %s and /%s/ in:\n%s\n' "$program $*" "$code" "$expected" \
    "$pattern" "$said" >&2
  failed=1
}

expect 0 '^  policy bench  ' holdpoint --help
expect 0 '^  policy bench  ' holdpoint help
expect 0 '^  policy bench  ' holdpoint policy --help
expect 0 '^  policy bench  ' holdpoint policy -h
expect 0 '^  db migrate  ' holdpoint db --help
expect 0 '^Usage: holdpoint holds \[FLAGS\]$' holdpoint holds --help
expect 0 '^Usage: holdpoint holds \[FLAGS\]$' holdpoint help holds
expect 0 '^Usage: holdpoint holds show HOLD \[FLAGS\]$' holdpoint help holds show
expect 0 '^Usage: holdpoint policy check ' holdpoint help policy check
expect 0 '^  policy bench  ' holdpoint help policy
expect 2 'no command "polcy" \(did you mean policy\?\)' holdpoint help polcy
expect 2 'no command "policy chek" \(did you mean policy check\?\)' holdpoint help policy chek
expect 0 '^Usage: kubectl holdpoint approve HOLD… \[FLAGS\]$' kubectl-holdpoint help approve
expect 2 'needs one more word: policy check' holdpoint policy
expect 2 'no command "polcy" \(did you mean policy\?\)' holdpoint polcy --help
expect 0 '^  reviews  ' kubectl-holdpoint --help
if "$HOLDPOINT_BIN/holdpoint" policy --help | grep -q '^  db migrate'; then
  echo "holdpoint policy --help: shows commands that are not of policy" >&2
  failed=1
fi

# Where a value can also come from: a reader of --help must not have to guess it.
expect 0 'HOLDPOINT_DATABASE_URL' holdpoint holds --help
expect 0 'HOLDPOINT_DATABASE_URL for --database-url' holdpoint-webhook --help
expect 0 'HOLDPOINT_DATABASE_URL for --database-url' holdpoint-auditsink --help
exit "$failed"
