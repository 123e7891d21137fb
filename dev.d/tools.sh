# SPDX-License-Identifier: Apache-2.0
# The smaller subcommands.

dev_bench() {
  local thing=${1:-} known
  known=$(find "$root/test/bench" -name 'bench_*.sh' -printf '%f\n' 2>/dev/null |
    sed 's/^bench_//; s/\.sh$//' | sort || true)
  [[ $thing && -x $root/test/bench/bench_$thing.sh ]] ||
    die "bench what? one of: ${known//$'\n'/, }"
  shift
  apt_install "Install what builds and runs Holdpoint" "${packages_build[@]}" "${packages_run[@]}"
  build_preset release holdpoint holdpoint-webhook holdpoint-auditsink test/bench/all
  HOLDPOINT_BIN=$root/build/release/bin exec "$root/test/bench/bench_$thing.sh" "$@"
}

dev_soak() {
  [[ ${1:-} =~ ^(|outage|kills|stops|[1-9][0-9]*)$ && ${2:-1} =~ ^[1-9][0-9]*$ ]] ||
    die "soak: \"$*\" is neither MINUTES nor outage or kills [SECONDS] nor stops [COUNT]"
  apt_install "Install what builds and runs Holdpoint" "${packages_build[@]}" "${packages_run[@]}"
  build_preset release holdpoint holdpoint-webhook holdpoint-auditsink test/bench/all
  export HOLDPOINT_BIN=$root/build/release/bin
  case ${1:-} in
    outage) HOLDPOINT_OUTAGE_SECONDS=${2:-360} exec "$root/test/e2e/test_audit_outage.sh" ;;
    kills) HOLDPOINT_KILL_SECONDS=${2:-600} exec "$root/test/e2e/test_audit_kills.sh" ;;
    stops) HOLDPOINT_STOPS=${2:-1000} exec "$root/test/e2e/test_stops.sh" ;;
    *) exec "$root/test/bench/soak.sh" "$@" ;;
  esac
}

# New inputs go to .dev/fuzz/NAME; what is worth keeping goes by hand to test/fuzz/corpus/NAME.
dev_fuzz() {
  local seconds=60 names name
  [[ ${!#} =~ ^[0-9]+$ && $# -gt 0 ]] && seconds=${!#} && set -- "${@:1:$#-1}"
  mapfile -t names < <(cd "$root/test/fuzz" && ls fuzz_*.c | sed 's/^fuzz_//; s/\.c$//')
  for name; do
    [[ -f $root/test/fuzz/fuzz_$name.c ]] || die "fuzz: no \"$name\"; one of: ${names[*]}"
  done
  (($#)) && names=("$@")
  apt_install "Install what builds and fuzzes Holdpoint" "${packages_build[@]}" "${packages_fuzz[@]}"
  build_preset fuzz
  for name in "${names[@]}"; do
    mkdir -p "$state/fuzz/$name" "$root/test/fuzz/corpus/$name"
    note "...    fuzz $name for $seconds s"
    (cd "$state/fuzz" && "$(find "$root/build/fuzz" -type f -name "fuzz_$name" -perm -u+x)" \
      -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
      "$name" "$root/test/fuzz/corpus/$name") || die "fuzz_$name found something; see .dev/fuzz/"
  done
}

sources() { git -c safe.directory="$root" -C "$root" ls-files --cached --others --exclude-standard "$@"; }

dev_fmt() {
  takes_nothing fmt "$@"
  apt_install "Install clang-format" "${packages_fmt[@]}"
  cd "$root"
  sources '*.c' '*.cc' '*.h' | xargs -r clang-format -i
}
