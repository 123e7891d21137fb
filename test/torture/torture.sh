#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Fails one allocation of a command after the other. Whichever fails, the command must end by itself,
# without a finding of the sanitizers, and either print what it prints otherwise or say what is wrong
# and exit with a code that is not 0.
#
# usage: torture.sh [RUNS]   at most RUNS of each command, spread over its allocations (all of them)
set -euo pipefail
cd "$HOLDPOINT_SOURCE_DIR"
runs=${1:-1000000}
folder=$(mktemp -d /tmp/holdpoint-torture.XXXXXX)
trap 'rm -rf "$folder"' EXIT
export HOLDPOINT_FAIL_COUNT=
head -c 64 /dev/zero | tr '\0' k >"$folder/mask.key"
chmod 0400 "$folder/mask.key"
failed=0
fixtures=test/fixtures/admission/v1.20

command_of() { timeout 60 "$HOLDPOINT_BIN/torture/holdpoint" "$@" <"$input"; }

# survives N COMMAND...: judges the run whose N-th allocation failed.
survives() {
  local n=$1 code=0 what=
  shift
  HOLDPOINT_FAIL_AT=$n command_of "$@" >"$folder/out" 2>"$folder/err" || code=$?
  # A hash that cannot be made ends the program: nothing could be decided or proven without.
  if ((code == 134)) && grep -q 'holdpoint: no hash can be made' "$folder/err"; then return 0; fi
  if ((code > 3)) || grep -qE 'Sanitizer|runtime error|Assertion' "$folder/err"; then
    what="ended with code $code"
  elif ((code == good_code)); then
    cmp -s "$folder/good" "$folder/out" || what="printed something else with code $code"
  elif [[ ! -s $folder/err && ! -s $folder/out ]]; then
    what="ended with code $code and said nothing"
  fi
  [[ $what ]] || return 0
  printf 'holdpoint %s, allocation %d of %d: %s\n' "$*" "$n" "$total" "$what" >&2
  head -n 25 "$folder/err" >&2
  failed=$((failed + 1))
}

# torture INPUT COMMAND...: a command with INPUT as its standard input.
torture() {
  local n step
  input=$1 good_code=0
  shift
  HOLDPOINT_FAIL_COUNT=$folder/count command_of "$@" >"$folder/good" 2>"$folder/err" || good_code=$?
  total=$(<"$folder/count")

  step=$(((total + runs - 1) / runs))
  for ((n = 1; n <= total && failed < 5; n += step)); do survives "$n" "$@"; done
  echo "holdpoint $*: $total allocations, every ${step}. failed"
}

review=$(printf "%s\n" "$fixtures"/*-validate-create-pods.json | head -n 1)
torture /dev/null policy check policy/library
torture /dev/null policy test policy/library/tests/no-exec_test.yaml
torture /dev/null policy test test/policy/params_test.yaml
torture /dev/null policy test test/policy/params_test.yaml --coverage
torture /dev/null policy explain test/policy/namespaces.yaml -r "$review" --objects test/policy/objects.yaml
torture /dev/null policy explain docs/examples -r "$review"
torture /dev/null policy explain docs/examples -r "$review" -o json
torture /dev/null policy explain policy/library/pod-security-baseline.yaml -f docs/examples/manifests/privileged-pod.yaml --as a
torture /dev/null policy scan policy/library/pod-security-baseline.yaml -f docs/examples/manifests --as a
torture /dev/null policy scan policy/library/pod-security-baseline.yaml -f docs/examples/manifests --as a -o json
torture /dev/null policy replay docs/examples --database-url host=/nowhere
torture /dev/null policy import test/policy/import/policies.yaml
torture /dev/null policy reference
torture "$review" mask --mask-key-file "$folder/mask.key"
torture /dev/null holds list --database-url host=/nowhere
torture /dev/null stop x --reason y --database-url host=/nowhere
torture /dev/null --help
torture /dev/null no-such-command
((failed == 0))
