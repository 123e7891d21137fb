#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Notifications against a real HTTPS receiver: bodies, signature, repetition, no redirect, no private
# address unasked, no duplicate after a crash.
# shellcheck source-path=SCRIPTDIR
source "$(dirname "${BASH_SOURCE[0]}")/webhook_stack.sh"

stack_prepare
inbox=$work/inbox
mkdir "$inbox"
echo 200 >"$inbox/status"
mkfifo "$work/receiver.in"
"$HOLDPOINT_BIN/../test/tool_receiver" "$stack_dir/certs" "$inbox" <"$work/receiver.in" \
  >"$work/receiver.out" &
exec 7>"$work/receiver.in"
until [[ -s $work/receiver.out ]]; do sleep 0.05; done
receiver=https://$(<"$work/receiver.out")

(
  umask 077
  printf 'whsec_%s\n' "$(printf 'a-secret-of-thirty-two-bytes-0123' | base64)" >"$work/secret"
  printf '%s/slack/T000/B000/very-secret-path\n' "$receiver" >"$work/slack-url"
)
cat >"$work/targets.yaml" <<YAML
targets:
- {name: oncall, type: slack, urlFile: $work/slack-url, caFile: $stack_dir/certs/ca.crt, allowPrivate: true}
- name: bot
  type: webhook
  url: $receiver/hook
  secretFile: $work/secret
  caFile: $stack_dir/certs/ca.crt
  allowPrivate: true
  events: [hold.pending, hold.approved]
YAML
start() { webhook_start test/e2e/policy.yaml -- --notify-targets="$work/targets.yaml"; }
received() { (($(find "$inbox" -name '*.head' | wc -l) >= $1)); }
count() { find "$inbox" -name '*.head' | wc -l; }
# of PATH [N]: the Nth (last) message that came to a path: its number
of() { grep -lx -- "$1" "$inbox"/*.head | sort | tail -n "${2:-1}" | head -n 1 | sed 's/\.head$//'; }
header() { sed -n "s/^$2: //p" "$1.head"; }
agent_delete=v1.36/065-validate-delete-pods.json
new_hold() {
  ask /validate "$(review "$agent_delete" ".request.name = \"$1\"
    | .request.oldObject.metadata |= (.name = \"$1\" | .uid = \"uid-of-$1\")")"
  hold=$(field .response.auditAnnotations.hold "$answer")
}
verify() {
  local id at expected
  id=$(header "$1" webhook-id) at=$(header "$1" webhook-timestamp)
  expected=$({ printf '%s.%s.' "$id" "$at" && cat "$1.body"; } |
    openssl dgst -sha256 -hmac 'a-secret-of-thirty-two-bytes-0123' -binary | base64)
  equals "v1,$expected" "$(header "$1" webhook-signature)" "the signature"
  (($(date +%s) - at < 60)) || fail "the timestamp is $at"
}

sql "UPDATE holdpoint.config SET notify_interval = '0'" # each by itself
start
say "- a new hold is told to both"
eventually 10 sql_is 2 'SELECT count(*) FROM holdpoint.outbox_target'
new_hold one
eventually 10 received 2
slack=$(of /slack/T000/B000/very-secret-path) bot=$(of /hook)
matches "Hold $hold\* waits for approval: .DELETE pods prod/one. by .claude-code@agents.example.com." \
  "$(field .text "$slack.body")" "Slack's text"
matches "holdpoint approve $hold" "$(field .text "$slack.body")" "Slack's text"
equals application/json "$(header "$slack" content-type)" "Slack's content type"
equals '' "$(header "$slack" webhook-signature)" "no signature for Slack"
equals application/cloudevents+json "$(header "$bot" content-type)" "content type"
equals "1.0 dev.holdpoint.hold.pending /holdpoint/test hold/$hold $hold" \
  "$(field '[.specversion, .type, .source, .subject, .data.hold] | join(" ")' "$bot.body")" "CloudEvent"
equals "$(header "$bot" webhook-id)" "$(field .id "$bot.body")" "one id"
verify "$bot"

say "- only what was asked for"
sql_as alice "SELECT holdpoint.approve($hold, 'go')" >/dev/null
eventually 10 received 3
equals dev.holdpoint.hold.approved "$(field .type "$(of /hook).body")" "the bot hears of the approval"
waiting_is() { [[ $(sql "SELECT count(*) FROM holdpoint.outbox_delivery WHERE state = 'waiting'") == "$1" ]]; }
eventually 10 waiting_is 0
equals 3 "$(count)" "messages"

say "- a receiver in trouble gets it again, with the same id"
echo 500 >"$inbox/status"
new_hold two
eventually 10 received 5
first=$(of /hook)
eventually 10 waiting_is 2
echo 200 >"$inbox/status"
sql "UPDATE holdpoint.outbox_delivery SET due_at = now() WHERE state = 'waiting'"
eventually 20 waiting_is 0
again=$(of /hook)
[[ $first != "$again" ]] || fail "it did not come again"
equals "$(header "$first" webhook-id)" "$(header "$again" webhook-id)" "the id of the repetition"
verify "$again"
equals 2 "$(sql "SELECT max(attempts) FROM holdpoint.outbox_delivery")" "attempts"
matches 'HTTP 500' "$(grep notification_failed "$stack_dir/webhook.log")" "the log"

say "- no redirect is followed"
echo 302 >"$inbox/status"
new_hold three
eventually 10 waiting_is 2
eventually 10 grep -q 'redirects are not followed' "$stack_dir/webhook.log"
say "- gone is gone"
echo 410 >"$inbox/status"
sql "UPDATE holdpoint.outbox_delivery SET due_at = now() WHERE state = 'waiting'"
eventually 20 waiting_is 0
equals 2 "$(sql "SELECT count(*) FROM holdpoint.outbox_delivery WHERE state = 'given-up'")" "given up"
echo 200 >"$inbox/status"

crash() {
  kill -KILL "${stack_pid[webhook]}"
  wait "${stack_pid[webhook]}" 2>/dev/null || true
  rm -f "$stack_dir/webhook.pid"
}
say "- nothing twice after a crash"
before=$(count)
new_hold four
eventually 10 waiting_is 0
crash
start
new_hold after-the-crash # delivered after whatever was there before it
eventually 10 received $((before + 4))
eventually 10 waiting_is 0
equals $((before + 4)) "$(count)" "messages after the crash"

# What nobody can know is sent again, once, when the claim of the dead has run out.
say "- a crash between sending and knowing: once more, with the same id, and no sooner"
before=$(count)
echo hold >"$inbox/status"
new_hold unknown
eventually 10 received $((before + 1))
crash
echo 200 >"$inbox/status"
start
eventually 10 received $((before + 2)) # the other target's, which nobody had claimed
unknown=$hold
new_hold while-the-claim-holds
eventually 10 received $((before + 4))
eventually 10 waiting_is 1
equals $((before + 4)) "$(count)" "messages while the claim of the dead holds"
equals '1 true' "$(sql "SELECT count(*) || ' ' || (min(due_at) > now() + '30 seconds')
  FROM holdpoint.outbox_delivery WHERE state = 'waiting'")" "the claim"
sql "UPDATE holdpoint.outbox_delivery SET due_at = now() WHERE state = 'waiting'"
eventually 20 waiting_is 0
equals $((before + 5)) "$(count)" "the one that nobody knew of, once more"
equals 1 "$(jq -r "select(.data.hold == $unknown).id" "$inbox"/*.body | sort -u | wc -l)" "ids of the messages to the bot"

say "- no private address unasked"
sed -i 's/, allowPrivate: true//; /allowPrivate: true/d' "$work/targets.yaml"
daemon_stop webhook
start
before=$(count)
new_hold five
eventually 10 grep -q 'a private address needs allowPrivate' "$stack_dir/webhook.log"
equals "$before" "$(count)" "messages to a private address"

# It accepts connections (the kernel does) and says nothing.
say "- a target that hangs, and one that nobody listens at, hold up no other"
mkfifo "$work/stopped.in"
"$HOLDPOINT_BIN/../test/tool_receiver" "$stack_dir/certs" "$inbox" <"$work/stopped.in" \
  >"$work/stopped.out" &
stopped=$!
trap 'kill -KILL "$stopped"; finish' EXIT
exec 8>"$work/stopped.in"
until [[ -s $work/stopped.out ]]; do sleep 0.05; done
kill -STOP "$stopped"
cat >"$work/targets.yaml" <<YAML
targets:
- {name: hangs, type: slack, url: "https://$(<"$work/stopped.out")/x", caFile: $stack_dir/certs/ca.crt, allowPrivate: true}
- {name: refuses, type: slack, url: "https://127.0.0.1:1/x", allowPrivate: true}
- {name: well, type: slack, url: "$receiver/well", caFile: $stack_dir/certs/ca.crt, allowPrivate: true}
YAML
daemon_stop webhook
start
eventually 10 sql_is 3 'SELECT count(*) FROM holdpoint.outbox_target'
daemon_stop webhook
before=$(count)
sql "SELECT holdpoint.outbox_add(cluster, event, hold_id, payload::jsonb)
  FROM holdpoint.outbox, generate_series(1, 8) WHERE hold_id = $hold" >/dev/null
start
eventually 15 received $((before + 8)) # eight waits for the one that hangs are 40 s
eventually 5 grep -q '"target":"hangs".*Timeout' "$stack_dir/webhook.log"
kill -KILL "$stopped"
trap finish EXIT
exec 8>&-

say "- targets that the database does not take"
daemon_stop webhook
sql 'REVOKE EXECUTE ON FUNCTION holdpoint.outbox_set_targets FROM holdpoint_webhook' >/dev/null
start
eventually 10 grep -q 'notify_targets_not_declared.*permission denied' "$stack_dir/webhook.log"
sql 'GRANT EXECUTE ON FUNCTION holdpoint.outbox_set_targets TO holdpoint_webhook' >/dev/null

say "- an agent that floods is told of once, then in a summary; somebody else at once"
cat >"$work/targets.yaml" <<YAML
targets:
- {name: well, type: slack, url: "$receiver/flooded", caFile: $stack_dir/certs/ca.crt, allowPrivate: true}
YAML
daemon_stop webhook
start
eventually 10 sql_is 1 'SELECT count(*) FROM holdpoint.outbox_target'
sql "UPDATE holdpoint.config SET notify_interval = '1 hour'; DELETE FROM holdpoint.outbox_told"
before=$(count)
for n in {1..30}; do new_hold "flood-$n"; done
ask /validate "$(review "$agent_delete" '.request.name = "real" | .request.userInfo.username = "other-agent"
  | .request.oldObject.metadata |= (.name = "real" | .uid = "uid-of-real")')"
began=$SECONDS
told_of() { grep -lF "$1" "$inbox"/*.body; }
eventually 5 told_of "prod/real\` by \`other-agent\`"
say "  somebody else's hold was told of within $((SECONDS - began + 1)) s"
eventually 5 received $((before + 2))
equals $((before + 2)) "$(count)" "messages of 31 holds"
sql "UPDATE holdpoint.config SET notify_interval = '1 second'"
eventually 10 told_of "*29 more holds* wait for approval by \`claude-code@agents.example.com\`"
equals $((before + 3)) "$(count)" "messages of 31 holds, with the summary"

say "- a bad file of targets"
daemon_stop webhook
broken() {
  printf '%s\n' "$1" >"$work/bad.yaml"
  if webhook_start test/e2e/policy.yaml -- --notify-targets="$work/bad.yaml" 2>/dev/null; then
    fail "started with: $1"
  fi
  matches "$2" "$(grep '^holdpoint-webhook: ' "$stack_dir/webhook.log")" "error for: $1"
}
broken 'targets: [{name: a, type: slack, url: "http://example.com"}]' 'bad.yaml:1:.*https'
broken 'targets: [{name: a, type: pigeon, url: "https://example.com"}]' 'slack or webhook'
broken 'targets: [{name: a, type: webhook, url: "https://example.com"}]' 'secretFile'
broken 'targets: [{name: a, type: slack, url: "https://e.com", color: red}]' 'unknown key color'
broken 'nothing: here' 'targets'

say "- no secret in the log"
if grep -nE 'very-secret-path|a-secret-of-thirty' "$stack_dir"/webhook.log*; then fail "a secret was logged"; fi
passed=1
