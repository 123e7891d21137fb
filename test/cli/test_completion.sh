#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What is offered when somebody presses Tab: by the program, and by each shell's script, run by that
# shell where it is installed.
set -euo pipefail
export PATH=$HOLDPOINT_BIN:$PATH
sources=$HOLDPOINT_SOURCE_DIR
unset "${!HOLDPOINT_@}"
failed=0
home=$(mktemp -d)
trap 'rm -r "$home"' EXIT

wrong() {
  printf '%s\n' "$*" >&2
  failed=1
}

# offers "WORDS :DIRECTIVE" PROGRAM ARGUMENTS...: the words that are offered, without what they are.
offers() {
  local expected=$1 said
  shift
  said=$("$@" 2>&1 | cut -f1 | paste -sd' ') || said+=' (failed)'
  [[ $said == "$expected" ]] || wrong "$*: expected '$expected', got '$said'"
}
h=(holdpoint __complete)

offers 'holds :4' "${h[@]}" ho
offers 'policy :4' "${h[@]}" pol
offers 'show watch :4' "${h[@]}" holds ''
offers 'policy :4' "${h[@]}" help pol
offers 'check :4' "${h[@]}" help policy ch
offers 'check :4' "${h[@]}" policy ch
offers ':0' "${h[@]}" policy check ''
offers ':0' "${h[@]}" policy check policies/ ''
offers '--managed :4' "${h[@]}" policy check --man
offers ':4' "${h[@]}" approve ''
offers ':4' "${h[@]}" approve 42 --reason ''
offers 'wide json jsonl ocsf csv :4' "${h[@]}" events -o ''
offers 'json jsonl :4' "${h[@]}" events --output j
offers '--output=json --output=jsonl :4' "${h[@]}" events --output=j
offers 'json jsonl :4' "${h[@]}" events --output = j # as bash splits it
offers 'wide json jsonl ocsf csv :4' "${h[@]}" events --output =
offers ':0' "${h[@]}" mask --mask-key-file ''
offers 'true false :4' "${h[@]}" events --all =
offers ':4' "${h[@]}" events --all ''
offers ':4' "${h[@]}" events --no-such=
offers 'bash zsh fish :4' "${h[@]}" completion ''
offers ':4' "${h[@]}" no-such-command ''
offers ':4' "${h[@]}" policy no-such-command ''
offers 'list :4' kubectl-holdpoint __complete li
offers 'list :4' kubectl_complete-holdpoint li
offers 'wide json :4' kubectl_complete-holdpoint list -o ''
equal=$("${h[@]}" | head -n 1)
[[ $equal == "$("${h[@]}" '' | head -n 1)" && $equal == holds* ]] || wrong "nothing typed yet: $equal"

# Each command offers the flags that its --help shows, and asks nobody for it.
while read -r line; do
  # shellcheck disable=SC2086
  shown=$(holdpoint $line --help | sed '/^Examples:/,$d' | grep -oE '^ {2,6}(-[a-z], )?--[a-z-]+' | grep -oE -- '--[a-z-]+')
  # shellcheck disable=SC2086
  offered=$("${h[@]}" $line -- | cut -f1 | grep -v '^:' || true)
  [[ $shown == "$offered" ]] || wrong "$line: --help shows other flags than are offered: $(diff <(echo "$shown") <(echo "$offered"))"
done < <(holdpoint --help | sed -n '/^Commands:/,/^$/s/^  \([a-z]*\( [a-z]*\)\?\)  *[A-Z].*/\1/p')

# ---- the shells: what they would show for "holdpoint events -o j", and for a file ----

in_bash() {
  bash -c 'compopt() { echo "compopt $*"; }
    source <(holdpoint completion bash)
    COMP_WORDS=(holdpoint "$@") COMP_CWORD=$#
    _holdpoint holdpoint
    ((${#COMPREPLY[@]} == 0)) || printf "%s\n" "${COMPREPLY[@]}"' bash "$@"
}
in_zsh() {
  zsh -fc 'compdef() { :; }
    _describe() { print -l -- "${(@P)2%%:*}"; }
    _files() { print files; }
    source <(holdpoint completion zsh)
    words=(holdpoint "$@") CURRENT=$(($# + 1))
    _holdpoint' zsh "$@"
}
# shellcheck disable=SC2016
in_fish() { HOME=$home fish --no-config -c 'holdpoint completion fish | source; complete -C "holdpoint $argv"' "$*"; }

offers 'json jsonl' in_bash events -o j
offers 'compopt -o default' in_bash policy check ''
if command -v zsh >/dev/null; then
  offers 'json jsonl' in_zsh events -o j
  offers 'files' in_zsh policy check ''
else
  echo "zsh's script was not run: it is not installed"
fi
if command -v fish >/dev/null; then
  offers 'json jsonl' in_fish events -o j
  cd "$sources"
  offers 'VERSION' in_fish policy check VER
else
  echo "fish's script was not run: it is not installed"
fi
[[ $(holdpoint completion csh 2>&1) == *'no script for "csh"'* ]] || wrong "csh: $(holdpoint completion csh 2>&1)"
exit "$failed"
