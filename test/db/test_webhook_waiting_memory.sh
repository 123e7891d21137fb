#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Requests that wait for a human, decisions by HoldReview and notifications while allocations fail:
# nothing passes without an approval, no decision is admitted that is not stored, nobody hangs, and
# afterwards no message is missing.
# shellcheck source-path=SCRIPTDIR
source "$(dirname "${BASH_SOURCE[0]}")/webhook_stack.sh"

stack_prepare
# Each by itself: no summary of many, no pause after denials.
sql "UPDATE holdpoint.config SET notify_interval = '0', denials_within = '0', max_pending_per_user = 1000"
mkdir "$work/policy" "$work/inbox"
cp test/db/webhook_wait.yaml "$work/policy/waits.yaml"
echo 200 >"$work/inbox/status"
mkfifo "$work/receiver.in"
"$HOLDPOINT_BIN/../test/tool_receiver" "$stack_dir/certs" "$work/inbox" <"$work/receiver.in" \
  >"$work/receiver.out" &
exec 7>"$work/receiver.in"
until [[ -s $work/receiver.out ]]; do sleep 0.05; done
(
  umask 077
  printf 'whsec_%s\n' "$(printf 'a-secret-of-thirty-two-bytes-0123' | base64)" >"$work/secret"
)
cat >"$work/targets.yaml" <<YAML
targets:
- name: bot
  type: webhook
  url: https://$(<"$work/receiver.out")/hook
  secretFile: $work/secret
  caFile: $stack_dir/certs/ca.crt
  allowPrivate: true
  events: [hold.pending]
YAML
stack_bin=$HOLDPOINT_BIN/torture
export HOLDPOINT_FAIL_FILE=$work/every
webhook_start "$work/policy" -- --notify-targets="$work/targets.yaml"
unset HOLDPOINT_FAIL_FILE
eventually 10 sql_is 1 'SELECT count(*) FROM holdpoint.outbox_target'

# delete_pod NAME: waits for its answer, at most seven seconds.
delete_pod() {
  post_code '/validate?timeout=9s' "$(review v1.36/065-validate-delete-pods.json ".request.name = \"$1\"
    | .request.oldObject.metadata |= (.name = \"$1\" | .uid = \"uid-of-$1\")")" "$work/pod-$1" \
    --max-time 20 >"$work/code-$1" || true
}
# decide HOLD DECISION PATH [JQ-FILTER]
decide() {
  post_code "$3" "$(review v1.36/063-validate-create-backups.json ".request.kind.kind = \"HoldReview\"
    | .request.resource = {group: \"holdpoint.dev\", version: \"v1alpha1\", resource: \"holdreviews\"}
    | .request.namespace = \"\" | .request.userInfo = {username: \"carol@example.com\", groups: [\"sre\"]}
    | .request.object = {apiVersion: \"holdpoint.dev/v1alpha1\", kind: \"HoldReview\",
      metadata: {generateName: \"h-\", name: \"h-abcde\"}, spec: {hold: $1, decision: \"$2\"}} | ${4:-.}")" \
    "$work/review-$1-$2" --max-time 20 >/dev/null || true
}
allowed() { [[ -s $1 ]] && [[ $(jq -r '.response.allowed' "$1" 2>/dev/null) == true ]]; }
waiting() { sql "SELECT id FROM holdpoint.hold WHERE state = 'pending' AND name LIKE 'm$1-%' AND id % 3 > 0"; }
at_rest() { [[ $(curl -fsS "${stack_plain[webhook]}/metrics" |
  awk '/^holdpoint_webhook_(requests|holds_waiting)[ {]/ { n += $2 } END { print n + 0 }') == 0 ]]; }

# An approval of hers counts at once: there is no API server that would report it.
sql "UPDATE holdpoint.config SET kubernetes_approvals = 'direct'"
sql "INSERT INTO holdpoint.authorize_note (cluster, kind, username, at)
  VALUES ('$stack_cluster', 'review', 'carol@example.com', now() + interval '1 day')"

passed_count=0 refused=0
for every in 3 61 601; do
  say "- every ${every}. allocation fails"
  clients=()
  for n in {1..8}; do
    delete_pod "m$every-$n" &
    clients+=("$!")
  done
  for round in 1 2 3; do
    sleep 0.5
    # Half of the requests come while there is memory, so that there is something to wait for.
    echo "$every" >"$work/every"
    for n in 1 2 3; do
      delete_pod "m$every-$round$n" &
      clients+=("$!")
    done
    for hold in $(waiting "$every"); do
      decide "$hold" List /mutate '.request.dryRun = true'
      decide "$hold" "$([[ $((hold % 3)) == 1 ]] && echo Approve || echo Deny)" /validate
    done
    rm "$work/every"
  done
  wait "${clients[@]}"
  kill -0 "${stack_pid[webhook]}" || fail "the webhook ended"
  for file in "$work"/code-m"$every"-*; do
    name=${file##*/code-}
    [[ $(<"$file") != 000 || ! -s $work/pod-$name ]] || fail "$name: no whole answer"
    if allowed "$work/pod-$name"; then
      equals used "$(sql "SELECT state FROM holdpoint.hold WHERE name = '$name'")" "what let $name pass"
      passed_count=$((passed_count + 1))
    else
      refused=$((refused + 1))
    fi
  done
  eventually 10 at_rest
done
for file in "$work"/review-*-Approve "$work"/review-*-Deny; do
  allowed "$file" || continue
  hold=${file##*/review-} decision=${file##*-}
  equals 1 "$(sql "SELECT count(*) FROM holdpoint.hold_event WHERE hold_id = ${hold%-*} AND who =
    'carol@example.com' AND action = lower('$decision')")" "what was stored of ${file##*/}"
done
say "  $passed_count passed, $refused did not"
((passed_count > 0 && refused > 0)) || fail "nothing passed, or everything did"

say "- afterwards nobody has been forgotten"
equals 0 "$(sql "SELECT count(*) FROM holdpoint.hold h WHERE NOT EXISTS (SELECT FROM holdpoint.outbox o
  WHERE o.hold_id = h.id)")" "holds of which nobody is told"
eventually 150 sql_is 0 "SELECT count(*) FROM holdpoint.outbox_delivery WHERE state = 'waiting'"
told=$(cat "$work"/inbox/*.body | jq -r '.data.hold' | sort -un | wc -l)
equals "$(sql 'SELECT count(*) FROM holdpoint.hold')" "$told" "holds that the receiver heard of"
delete_pod after &
client=$!
eventually 10 sql_is 1 "SELECT count(*) FROM holdpoint.hold WHERE name = 'after' AND state = 'pending'"
decide "$(sql "SELECT id FROM holdpoint.hold WHERE name = 'after'")" Approve /validate
wait "$client"
allowed "$work/pod-after" || fail "afterwards an approved request does not pass: $(<"$work/pod-after")"
passed=1
