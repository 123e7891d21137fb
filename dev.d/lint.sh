# SPDX-License-Identifier: Apache-2.0
# ./dev lint: what can be said of the sources without running them.

dev_lint() {
  takes_nothing lint "$@"
  apt_install "Install the linters" "${packages_build[@]}" "${packages_lint[@]}"
  build_preset dev
  cd "$root"
  step "clang-format" lint_format
  step "shellcheck" lint_shell
  step "Licence lines" lint_licence
  step "Headers that compile alone" lint_headers
  step "Migrations that were released" lint_migrations
  progress_of() { printf '%d of %d files' "$(grep -c '^tidy ' "$1")" "$(lint_tidy_sources | wc -l)"; }
  step "clang-tidy" lint_tidy
  unset -f progress_of
}

lint_format() { sources '*.c' '*.cc' '*.h' | xargs -r clang-format --dry-run -Werror; }

lint_shell() {
  { sources '*.sh' && printf '%s\n' dev .ci/run dev.d/tidy-one manifests/apiserver/render packaging/debian/{postinst,prerm,postrm}.in; } |
    xargs -P "$(nproc)" -n 4 shellcheck -x -S warning
}

# Every source file says under which licence it is, in its first lines.
lint_licence() {
  local file wrong=0
  while read -r file; do
    head -n 3 "$file" | grep -q 'SPDX-License-Identifier: Apache-2.0' && continue
    echo "$file: no line SPDX-License-Identifier: Apache-2.0 among its first three"
    wrong=1
  done < <(sources '*.c' '*.cc' '*.h' '*.go' '*.sh' '*.sql' '*.cmake' CMakeLists.txt '*/CMakeLists.txt' dev .ci/run \
    dev.d/tidy-one manifests/apiserver/render 'packaging/*.service' packaging/debian/{postinst,prerm,postrm}.in)
  return "$wrong"
}

# A header includes what it needs, whatever stands before it.
lint_headers() {
  local flags
  flags=$(lint_include_flags)
  # The words are flags: they must be split.
  # shellcheck disable=SC2016,SC2086
  sources '*.h' | xargs -P "$(nproc)" -I{} sh -c '
    header=$1 && shift
    gcc -std=gnu17 -D_GNU_SOURCE -Wall -Werror -fsyntax-only "$@" \
      "-DHOLDPOINT_FIXTURES=\"\"" "-DHOLDPOINT_BIN=\"\"" -include "$header" -x c /dev/null ||
      { echo "$header does not compile alone" && exit 1; }' sh {} -I. -Itest $flags
}

# Where the headers of libraries are, as the build found them.
lint_include_flags() {
  jq -r '.[].command' build/dev/compile_commands.json | grep -oE -- '-isystem [^ ]+' | sort -u |
    tr '\n' ' '
}

# What a release has shipped never changes again: people have it in their databases.
lint_migrations() {
  local released
  released=$(grep -v '^#' db/released.sha256 || true)
  [[ -z $released ]] || (cd db && sha256sum --check --strict --quiet <<<"$released")
}

lint_tidy_sources() { sources '*.c' '*.cc' | grep -v '^test/fuzz/'; }

# Only what changed: a file whose preprocessed text was found clean under the same rules is not
# looked at again. What was clean is remembered in ~/.cache/holdpoint/tidy.
lint_tidy() {
  local rules
  rules=$(cat .clang-tidy <(clang-tidy --version) | sha256sum | cut -c1-16)
  export HOLDPOINT_TIDY_CACHE=$cache/tidy/$rules
  mkdir -p "$HOLDPOINT_TIDY_CACHE"
  lint_tidy_sources | xargs -P "$(nproc)" -n 1 bash dev.d/tidy-one
}
