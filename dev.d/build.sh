# SPDX-License-Identifier: Apache-2.0
# Building with CMake presets, quietly: one line with a percentage, the output in .dev/log/.

# build_preset PRESET [CMAKE TARGET...]
build_preset() {
  local preset=$1
  shift
  cd "$root"
  step "Configure the $preset build" cmake --preset "$preset"
  progress_of() { build_progress "$1"; }
  step "Build ($preset)" cmake --build --preset "$preset" ${1:+--target "$@"}
  unset -f progress_of
}

# ninja writes "[12/345] …", ctest " 12/345 Test …".
build_progress() {
  local done_total
  done_total=$(grep -oE '^ *\[?[0-9]+/[0-9]+' "$1" | tail -n 1 | tr -d ' [')
  [[ $done_total ]] || done_total=0/1
  printf '%d %%' $((100 * ${done_total%/*} / ${done_total#*/}))
}
