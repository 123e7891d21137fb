#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Checks that the documents speak of what there is: each flag, metric, file and heading they name, each
# folder and what it may include.
#
# usage: check.sh BIN_FOLDER
set -euo pipefail
bin=$1
cd "$(dirname "${BASH_SOURCE[0]}")/.."
wrong=0
documents=(*.md docs/*.md docs/adr/*.md db/README.md manifests/README.md)
# Flags of others: kube-apiserver, kubectl, cmake, ctest, and what masking looks for.
foreign='--(audit|authorization|admission)-.*|--(dry-run|replicas|type|merge|copy-to)|--(preset|build|test-dir)|--(password|password-stdin|user)|--min-request-timeout|--now'
foreign+='|--(log-group-name|log-stream-name-prefix|start-time|output|format|freshness|destination|source|account-name)' # of clouds

complain() {
  echo "$1 names $2, which is not there" >&2
  wrong=1
}

# The words are the command: they must be split.
# shellcheck disable=SC2086
helps() {
  local program line
  for program in holdpoint-webhook holdpoint-auditsink holdpoint kubectl-holdpoint; do
    "$bin/$program" --help
    "$bin/$program" --help | sed -n '/^Commands:/,/^$/s/^  \([a-z]*\( [a-z]*\)\?\)  .*/\1/p' |
      while read -r line; do "$bin/$program" $line --help; done
  done
  cat dev manifests/apiserver/render
}
known=$(helps | grep -oE -- '--[a-z][a-z-]*[a-z]' | sort -u)

# named PATTERN: FILE and each text in it that matches.
named() { grep -oE -- "$1" "${documents[@]}" | sort -u | tr ':' ' '; }

while read -r file flag; do
  [[ $flag =~ ^($foreign)$ ]] || grep -qxF -- "$flag" <<<"$known" || complain "$file" "$flag"
done < <(named '(^|[ `(])--[a-z][a-z-]*[a-z]' | sed 's/ [ `(]*/ /')

while read -r file metric; do
  grep -rqF -- "\"$metric" common policy webhook auditsink || complain "$file" "$metric"
done < <(named 'holdpoint_(audit|database|http|log|mask|notify|webhook)_[a-z_]+')

# anchors FILE: how links name its headings.
anchors() {
  sed -nE 's/^#+ //p' "$1" | tr '[:upper:]' '[:lower:]' | sed 's/[^a-z0-9 _-]//g; s/ /-/g'
  grep -oE 'id="[^"]+"' "$1" | cut -d'"' -f2 || true
}

while read -r file target; do
  [[ $target == http* ]] && continue
  path=$(dirname "$file")/${target%%#*}
  [[ $target == '#'* ]] && path=$file
  if [[ ! -e $path ]]; then
    complain "$file" "$target"
  elif [[ $target == *'#'* ]]; then
    anchors "$path" | grep -qxF -- "${target#*#}" || complain "$file" "$target"
  fi
done < <(named '\]\([^) ]+\)' | sed 's/ \](/ /; s/)$//')

# modules: each holdpoint_module() with what it may include, named as ARCHITECTURE.md names that, in order.
modules() {
  local text name depends
  while read -r text; do
    text=${text#holdpoint_module(}
    name=${text%%[ )]*} depends=
    [[ $text == *' DEPENDS '* ]] && depends=$(grep -oE '[a-z_/]+' <<<"${text#* DEPENDS }" |
      sed -E 's,^(common|webhook|policy/cel|policy)/,,' | sort | tr '\n' ' ')
    echo "$name:$depends"
  done < <(cat {auditsink,cli,cli/*,common/*,common/http/client,policy,webhook}/CMakeLists.txt | tr -s '\n\t' '  ' |
    grep -oE 'holdpoint_module\([^)]*\)' | sed -E 's/ (LIBRARIES|PRIVATE_HEADERS) .*//; s/\)$//')
}

# may_include MODULE: the last column of its row.
may_include() {
  sed -nE "s,^\| \`$1/\` \|.*\| ([^|]*) \|\$,\1,p" ARCHITECTURE.md |
    sed 's/nothing of ours//; s/ and its internal headers//' | grep -oE '[a-z_/]+' | sort | tr '\n' ' '
}

while IFS=: read -r module depends; do
  [[ $(may_include "$module") == "$depends" ]] && continue
  echo "ARCHITECTURE.md lets $module/ include: $(may_include "$module"); CMake: $depends" >&2
  wrong=1
done < <(modules)
exit "$wrong"
