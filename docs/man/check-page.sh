#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Checks a man page: every flag of the program is in it, and groff, where there is one, is content.
#
# usage: check-page.sh PROGRAM PAGE
set -euo pipefail
program=$1 page=$2
missing=0
text=$(sed 's/\\-/-/g' "$page")

flags_of() { "$@" --help | grep -oE '^ +(-[a-z], )?--[a-z-]+' | grep -oE -- '--[a-z-]+'; }

all_flags() { # all_flags PROGRAM
  flags_of "$1" || true
  # The words are the command: they must be split.
  # shellcheck disable=SC2086
  "$1" --help | sed -n '/^Commands:/,/^$/s/^  \([a-z]*\( [a-z]*\)\?\)  .*/\1/p' |
    while read -r line; do flags_of "$1" $line; done
}
programs=("$program")
[[ ${program##*/} == holdpoint ]] && programs+=("${program%/*}/kubectl-holdpoint")

while read -r flag; do
  [[ $flag == --help ]] && continue
  if ! grep -qE -- "^(-[a-z], )?$flag( |$)" <<<"$text"; then
    echo "$page: $flag is missing" >&2
    missing=1
  fi
done < <(for each in "${programs[@]}"; do all_flags "$each"; done | sort -u)

if command -v groff >/dev/null; then
  complaints=$(groff -man -Tutf8 -K utf8 -ww -z "$page" 2>&1)
  [[ -z $complaints ]] || { echo "$complaints" >&2 && exit 1; }
fi
exit "$missing"
