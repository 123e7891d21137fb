# SPDX-License-Identifier: Apache-2.0
# ./dev coverage, torture, mutate and dist: what the tests reach and notice, what lack of memory does,
# what is released.

# Lines that run, by folder, held against test/coverage.floors: once for the unit tests alone, once
# with those that need a database. With ASan and UBSan as in the dev build, so that ./dev test
# --coverage needs no second one.
dev_coverage() {
  takes_nothing coverage "$@"
  packages_for_cluster
  apt_install "Install what measures coverage" "${packages_build[@]}" "${packages_run[@]}"
  coverage_build
  coverage_run
  coverage_judge
}

coverage_build() {
  apt_install "Install what counts lines" "${packages_coverage[@]}"
  build_preset coverage
  find "$root/build/coverage" -name '*.gcda' -delete
}

coverage_run() {
  test_run coverage "Run the unit tests" -L 'unit|fuzz-replay'
  step "Count their lines" coverage_count units
  test_run coverage "Run the tests with a database" -L db
  step "Count the lines of both" coverage_count all
}

# coverage_count NAME: .dev/coverage/NAME.tsv with "folder covered total". Headers are reached
# through links in the build folder.
coverage_count() {
  mkdir -p "$state/coverage"
  gcovr -r "$root" --object-directory "$root/build/coverage" -j "$(nproc)" \
    --exclude "$root/test/" --exclude-unreachable-branches --json-summary "$state/coverage/$1.json"
  jq -r '.files[] | [(.filename | sub("^build/coverage/include/[^/]*/"; "") | split("/")[:-1] | join("/")),
      .line_covered, .line_total] | @tsv' "$state/coverage/$1.json" |
    awk '{covered[$1] += $2; total[$1] += $3}
      END {for (folder in total) print folder, covered[folder], total[folder]}' |
    sort >"$state/coverage/$1.tsv"
}

coverage_judge() {
  local folder units all low=0
  printf '%-24s %8s %8s   %s\n' FOLDER UNITS ALL "FLOORS (test/coverage.floors)"
  while read -r folder units all; do
    [[ $folder == '#'* || -z $folder ]] && continue
    coverage_line "$folder" "$units" "$all" || low=1
  done <"$root/test/coverage.floors"
  while read -r folder _; do
    grep -q "^$folder " "$root/test/coverage.floors" && continue
    printf '%-24s has no floor\n' "$folder"
    low=1
  done <"$state/coverage/all.tsv"
  ((low == 0)) || die "a folder is below its floor; what is not reached: .dev/coverage/all.json"
}

# coverage_line FOLDER UNITS ALL: a row of the table; 1 when one of the two is below its floor.
coverage_line() {
  awk -v folder="$1" -v units="$2" -v all="$3" '
    $1 == folder {percent[FILENAME] = 100 * $2 / $3}
    END {
      low = percent[ARGV[1]] < units || percent[ARGV[2]] < all
      printf "%-24s %8.1f %8.1f   %s, %s%s\n", folder, percent[ARGV[1]], percent[ARGV[2]], units, all,
        low ? "  BELOW" : ""
      exit low
    }' "$state/coverage/units.tsv" "$state/coverage/all.tsv"
}

# Every allocation of a number of commands fails once (a sample of them in ./dev test).
dev_torture() {
  [[ ${1:-1} =~ ^[1-9][0-9]*$ && $# -lt 2 ]] || die "torture: \"$*\" is not a number of RUNS"
  apt_install "Install what builds and runs Holdpoint" "${packages_build[@]}" "${packages_run[@]}"
  build_preset dev
  HOLDPOINT_BIN=$root/build/dev/bin HOLDPOINT_SOURCE_DIR=$root exec "$root/test/torture/torture.sh" "$@"
}

# Changes that no unit test notices, in what decides and what hides. Takes minutes for each file.
dev_mutate() {
  local count=${1:-10}
  (($#)) && shift
  [[ $count =~ ^[0-9]+$ ]] || die "mutate how many places of each file? a number, not $count"
  (($#)) || set -- policy/decide.c policy/match.c webhook/hold/hold_verdict.c \
    webhook/hold/hold_query.c webhook/exchange_steps.c common/mask/mask_names.c common/mask/mask_walk.c
  apt_install "Install what builds and runs Holdpoint" "${packages_build[@]}" "${packages_run[@]}" git
  cd "$root"
  "$root/test/mutation/mutate.sh" "$root/build/mutation" "$count" "$@"
}

# The released tarball, of what is committed, the same bytes each time; then what is in it is built,
# its unit tests run, and it is installed into a folder.
dev_dist() {
  local version name
  takes_nothing dist "$@"
  version=$(<"$root/VERSION")
  name=holdpoint-$version
  apt_install "Install what builds Holdpoint" "${packages_build[@]}" "${packages_run[@]}" \
    "${packages_dist[@]}"
  mkdir -p "$state/dist"
  git -c safe.directory="$root" -C "$root" archive --format=tar --prefix="$name/" HEAD | gzip -9n \
    >"$state/dist/$name.tar.gz"
  (cd "$state/dist" && sha256sum "$name.tar.gz" >"$name.tar.gz.sha256")
  step "Build $name.tar.gz" dist_check "$name"
  note "       $(wc -c <"$state/dist/$name.tar.gz") bytes, .dev/dist/$name.tar.gz"
}

dist_check() {
  local folder code=0
  folder=$(mktemp -d /tmp/holdpoint-dist.XXXXXX)
  dist_build "$folder" "$1" || code=$?
  rm -rf "$folder"
  return "$code"
}

dist_build() {
  tar -xzf "$state/dist/$2.tar.gz" -C "$1" &&
    cmake -S "$1/$2" -B "$1/build" -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo \
      -DCMAKE_INSTALL_PREFIX=/usr &&
    cmake --build "$1/build" &&
    ctest --test-dir "$1/build" -L unit -j "$(nproc)" --output-on-failure --no-tests=error &&
    DESTDIR=$1/root cmake --install "$1/build" &&
    [[ $("$1/root/usr/bin/holdpoint" --version) == "holdpoint ${2#holdpoint-}" ]]
}
