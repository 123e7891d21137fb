#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Are the tests able to fail? Changes one condition or result of a source file, builds, runs the unit
# tests, and says which changes nobody noticed ("survived"). For the parts that decide what passes and
# what is hidden: masking, deciding, the hold gate.
#
# usage: mutate.sh BUILD_FOLDER COUNT FILE...     COUNT changes of each file, spread over it
#
# Works on a copy of the sources in BUILD_FOLDER/mutated, never on yours. Exit 0 when all were noticed.
set -euo pipefail
build=$1 count=$2
shift 2
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
copy=$build/mutated
mkdir -p "$copy"
(cd "$root" && git -c safe.directory="$root" ls-files -z | tar --null -T - -cf -) | tar -C "$copy" -xf -
cmake -S "$copy" -B "$build/cmake" -G Ninja -DCMAKE_BUILD_TYPE=Debug >/dev/null
cmake --build "$build/cmake" >/dev/null
# Tests that fail anyway would notice everything.
unit_tests() {
  timeout 600 ctest --test-dir "$build/cmake" -L 'unit|fuzz-replay' -j "$(nproc)" --stop-on-failure \
    --timeout 60 >"$build/log" 2>&1
}
unit_tests || { echo "the unit tests fail as it is: see $build/log" >&2 && exit 2; }

# What is changed into what: comparisons, logic, signs of success and failure.
swaps=(' == | != ' ' != | == ' ' < | >= ' ' > | <= ' ' <= | > ' ' >= | < ' ' && | || ' ' || | \&\& '
  'return true|return false' 'return false|return true' 'return 0;|return -1;' 'return -1;|return 0;'
  'if (!|if (' ' = true|= false' ' = false|= true' '++;|;')

# candidates FILE: "LINE SWAP" of each place; comments, assertions and preprocessor lines left out.
candidates() {
  local i
  for i in "${!swaps[@]}"; do
    grep -nF -- "${swaps[i]%%|*}" "$1" | grep -vE '^[0-9]+:\s*(/?\*|//|#)|assert\(|for \(' |
      sed -E "s/^([0-9]+):.*/\1 $i/" || true
  done | sort -n
}

# mutant FILE LINE SWAP: true when a test noticed it, or it does not compile.
noticed() {
  local file=$1 line=$2 from=${swaps[$3]%%|*} to=${swaps[$3]#*|} code=0
  from=$(sed 's/[][\.*^$/]/\\&/g' <<<"$from")
  sed -i "${line}s/${from}/${to//\//\\/}/" "$copy/$file"
  if cmake --build "$build/cmake" >"$build/log" 2>&1; then
    unit_tests && code=1
  fi
  cp "$root/$file" "$copy/$file"
  return "$code"
}

survived=0 tried=0
for file; do
  mapfile -t all < <(candidates "$root/$file")
  step=$(((${#all[@]} + count - 1) / count))
  for ((i = 0; i < ${#all[@]}; i += step > 0 ? step : 1)); do
    read -r line swap <<<"${all[i]}"
    tried=$((tried + 1))
    noticed "$file" "$line" "$swap" && continue
    survived=$((survived + 1))
    printf 'survived: %s:%s  %s\n' "$file" "$line" "${swaps[swap]/|/ became }"
    sed -n "${line}s/^[[:space:]]*/    /p" "$root/$file"
  done
done
echo "$tried changes, $survived survived"
((survived == 0))
