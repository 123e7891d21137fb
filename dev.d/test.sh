# SPDX-License-Identifier: Apache-2.0
# ./dev test: everything that can be checked on one machine, from nothing.

# With --coverage, in the build that counts lines: by the units, then by those with a database too.
dev_test() {
  local filter=() started=$SECONDS counted=0
  [[ ${1:-} == --coverage ]] && counted=1 && takes_nothing "test --coverage" "${@:2}" && shift
  [[ ${1:-} ]] && filter=(-R "$1")
  packages_for_cluster
  apt_install "Install what builds and tests Holdpoint" "${packages_build[@]}" "${packages_run[@]}" \
    "${packages_cluster[@]}"
  if ((counted)); then
    coverage_build
  else
    build_preset dev
  fi
  "$root/test/e2e/build-kube-apiserver.sh" >/dev/null
  # Says by itself why it cannot be had; e2e-modern/* are skipped then.
  "$root/test/apiserver/build.sh" >/dev/null || (($? == 77)) || die "the test API server could not be built"
  if ((counted)); then
    coverage_run
    test_run coverage "Run the tests with a cluster, and all others" -LE 'unit|fuzz-replay|db'
  else
    test_run dev "Test with ASan and UBSan" "${filter[@]}"
  fi
  build_preset tsan
  test_run tsan "Test the threads with TSan" -L unit "${filter[@]}" ${1:+--no-tests=ignore}
  ((!counted)) || coverage_judge
  note "ok     all tests passed in $((SECONDS - started)) s"
}

# test_run PRESET LABEL [ctest arguments]: two at a time, output only of those that fail.
test_run() {
  local preset=$1 label=$2 rc=0
  shift 2
  progress_of() { build_progress "$1"; }
  failure_of() { test_failures "$1"; }
  step "$label" ctest --test-dir "$root/build/$preset" -j2 --output-on-failure \
    --no-tests=error --timeout 900 "$@" || rc=$?
  unset -f progress_of failure_of
  ((rc == 0)) || die "tests failed ($preset build); the log above has all they said"
  note "       $(grep 'tests passed' "$(step_log "$label")")"
  test_skipped "$(step_log "$label")"
}

# Tests that were not run are named: their output says why.
test_skipped() {
  local names
  names=$(sed -nE 's/.* Test +#[0-9]+: ([^ ]+) \.+\*\*\*Skipped.*/\1/p' "$1" | xargs)
  [[ -z $names ]] || note "       skipped: $names"
}

# Without the lines about tests that went well.
test_failures() {
  grep -vE '^ *(Start +[0-9]+:|[0-9]+/[0-9]+ Test .* Passed )|^Test project|^$' "$1" | tail -n 400
}
