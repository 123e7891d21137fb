#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# holdpoint-webhook while every second, third, … allocation fails: it goes on, each request gets the
# right answer or a refusal, nothing passes that must not, and afterwards all is as before.
# shellcheck source-path=SCRIPTDIR
source "$(dirname "${BASH_SOURCE[0]}")/webhook_stack.sh"

stack_prepare
stack_bin=$HOLDPOINT_BIN/torture
export HOLDPOINT_FAIL_FILE=$work/every
webhook_start test/e2e/policy.yaml
unset HOLDPOINT_FAIL_FILE

fixtures=(test/fixtures/admission/*/*.json)
# ask_all FOLDER: every recorded review, each on a connection of its own; answers and codes there.
ask_all() {
  local file path config=$work/curl.config
  mkdir -p "$1"
  : >"$config"
  for file in "${fixtures[@]}"; do
    path=/validate
    [[ $file == *-mutate-* ]] && path=/mutate
    [[ -s $config ]] && echo next >>"$config"
    printf '%s\n' "url = \"${stack_url[webhook]}$path?timeout=10s\"" "data-binary = \"@$file\"" \
      "output = \"$1/$(basename "$(dirname "$file")")-$(basename "$file")\"" \
      'header = "Content-Type: application/json"' 'header = "Connection: close"' \
      "cacert = \"$stack_dir/certs/ca.crt\"" "cert = \"$stack_dir/certs/apiserver.crt\"" \
      "key = \"$stack_dir/certs/apiserver.key\"" 'silent' 'max-time = 20' >>"$config"
  done
  curl --config "$config" || true
}
# verdicts FOLDER: "file allowed patch" of each answer that is an AdmissionReview.
verdicts() {
  local file
  for file in "$1"/*; do
    jq -r --arg file "${file##*/}" 'select(.kind == "AdmissionReview" and .response.uid)
      | [$file, .response.allowed, .response.patch // ""] | @tsv' "$file" 2>/dev/null || true
  done | sort
}

say "- what is right"
ask_all "$work/good"
verdicts "$work/good" >"$work/right"
equals "${#fixtures[@]}" "$(wc -l <"$work/right")" "answers with enough memory"

total=0
for every in 2 3 7; do
  say "- every ${every}. allocation fails"
  echo "$every" >"$work/every"
  ask_all "$work/short-$every"
  rm "$work/every"
  kill -0 "${stack_pid[webhook]}" || fail "the webhook ended"
  verdicts "$work/short-$every" >"$work/answered"
  # What was let through, or changed, and is not so with enough memory.
  comm -23 <(awk -F'\t' '$2 == "true"' "$work/answered") "$work/right" >"$work/wrong"
  [[ ! -s $work/wrong ]] || fail "let through: $(head -n 3 "$work/wrong")"
  total=$((total + $(comm -12 "$work/answered" "$work/right" | wc -l)))
done
((total < 3 * ${#fixtures[@]})) || fail "no answer suffered: did any allocation fail?"

say "- afterwards all is as before"
ask_all "$work/again"
verdicts "$work/again" | diff "$work/right" - || fail "other answers than before"
curl -fsS -o /dev/null "${stack_plain[webhook]}/readyz"
passed=1
