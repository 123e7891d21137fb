#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Stopping an identity: two replicas within a second, writes, reads, HoldReviews and approvals that
# were given before; until it is resumed. A replica that starts while the database is away.
# shellcheck source-path=SCRIPTDIR
source "$(dirname "${BASH_SOURCE[0]}")/webhook_stack.sh"
source test/support/pg.sh

# A server of our own, because this test stops it.
pg_throwaway
stack_sockets=$pg_sockets
stack_prepare
trap 'rc=$?; daemon_stop second; pg_throwaway_end; (exit "$rc"); finish' EXIT
stack_login sam holdpoint_stopper
policy=test/db/webhook_outage.yaml answer=$work/answer
pod=v1.36/065-validate-delete-pods.json config=v1.36/032-validate-create-configmaps.json
mutate=v1.36/020-mutate-create-pods.json
holdpoint() { "$HOLDPOINT_BIN/holdpoint" "$@" --database-url="$(stack_database_url sam)"; }
# second_start [FLAG...]: another replica.
second_start() {
  daemon_start second "$stack_bin/holdpoint-webhook" --policy="$policy" \
    --tls-cert-file="$stack_dir/certs/webhook.crt" --tls-private-key-file="$stack_dir/certs/webhook.key" \
    --client-ca-file="$stack_dir/certs/ca.crt" --cluster="$stack_cluster" \
    --database-url="$(stack_database_url webhook)" "$@"
}
# as REPLICA COMMAND...: what `ask` asks.
as() {
  local first=${stack_url[webhook]} code=0
  stack_url[webhook]=${stack_url[$1]}
  shift
  "$@" || code=$?
  stack_url[webhook]=$first
  return "$code"
}
# access VERB [USER [GROUP]]: denied, or passes.
access() {
  jq -n --arg verb "$1" --arg user "${2:-claude-code@agents.example.com}" --arg group "${3:-ai-agents}" \
    '{apiVersion: "authorization.k8s.io/v1", kind: "SubjectAccessReview", spec: {user: $user, groups: [$group],
      resourceAttributes: {verb: $verb, namespace: "dev", resource: "pods", version: "v1"}}}' >"$work/access"
  ask /authorize "$work/access"
  [[ $(field .status.denied "$answer") == true ]] && echo denied || echo passes
}
# write FIXTURE [FILTER]: allowed, and the code.
write() {
  ask "/validate?timeout=4s" "$(review "$1" "${2:-.}")"
  field '.response | [.allowed, .status.code // 0] | join(" ")' "$answer"
}
is_stopped() { [[ $(write "$config") == 'false 403' && $(field .response.status.message "$answer") == *'is stopped'* ]]; }
goes_on() { [[ $(write "$config") == 'true 0' ]]; }
# within MS COMMAND...: comes true within that time.
within() {
  local until=$(($(date +%s%3N) + $1))
  shift
  until "$@" >/dev/null 2>&1; do (($(date +%s%3N) < until)) || fail "did not come true in time: $*"; done
}
user=$(jq -r .request.userInfo.username "test/fixtures/admission/$config")

webhook_start "$policy"
second_start

say "- before"
for replica in webhook second; do
  equals 'true 0' "$(as $replica write "$config")" "a write"
  equals passes "$(as $replica access list)" "a read"
done
equals 'false 403' "$(write "$pod")" "held"
hold=$(sql "SELECT max(id) FROM holdpoint.hold")
sql_as alice "SELECT holdpoint.approve($hold, 'go')" >/dev/null

say "- what would stop nobody"
refused() { ! holdpoint stop "$@" 2>&1; }
equals "holdpoint stop: user x: a reason is required" "$(refused x --reason '')" "without an empty hint"
matches 'no webhook of cluster tset is known \(Known: .*test' "$(refused x --reason y --cluster tset)" "a misspelt cluster"
matches 'ai-agents is a group, not a user' "$(refused ai-agents --reason y)" "a group as a user"
matches 'holdpoint_stopper to stop and resume' "$("$HOLDPOINT_BIN/holdpoint" stop x --reason y \
  --database-url="$(stack_database_url alice)" 2>&1 || true)" "the role that it takes"

equals 'Nobody is stopped.' "$(holdpoint stops 2>&1)" "now"
equals 'Nobody was ever stopped.' "$(holdpoint stops --all 2>&1)" "at all"

say "- stopped: every replica within a second, everything"
matches "^user $user is stopped in all clusters until somebody resumes it$" \
  "$(holdpoint stop "$user" --reason 'deletes in a loop')" "what is said"
within 1000 is_stopped
within 1000 as second is_stopped
for replica in webhook second; do
  equals denied "$(as $replica access list)" "a read"
  matches "user $user is stopped: .* Do not try another way; .* Stopped by sam \(stop [0-9]+\): deletes in a loop" \
    "$(field .status.reason "$answer")" "its reason"
  equals denied "$(as $replica access impersonate)" "to act as another"
  as $replica ask /mutate "$(review "$mutate" ".request.userInfo.username = \"$user\"")"
  equals false "$(field .response.allowed "$answer")" "at /mutate"
  equals 'false 403' "$(as $replica write "$pod")" "what was approved before"
done
equals approved "$(sql "SELECT state FROM holdpoint.hold WHERE id = $hold")" "and the approval is not used up"
ask /validate "$(review "$config" '.request.resource = {group: "holdpoint.dev", version: "v1alpha1", resource: "holdreviews"}
  | .request.object = {spec: {decision: "Withdraw", hold: 1}}')"
matches 'is stopped' "$(field .response.status.message "$answer")" "HoldReviews of theirs"
equals 'Deny holdpoint:stop stopped' "$(field '.response.auditAnnotations | [.decision, .policy, .rule] | join(" ")' \
  "$answer")" "annotations"
equals 'true 0' "$(write "$config" '.request.userInfo = {username: "another", groups: ["ai-agents"]}')" "another one"
eventually 10 sql_is t "SELECT count(*) > 3 FROM holdpoint.decision WHERE policy = 'holdpoint:stop' AND NOT allowed"
matches "user +$user +all" "$(holdpoint stops)" "the list"
write "$config" >/dev/null
equals "$(field .response.status.message "$answer" | grep -oP '\(stop \K[0-9]+')" \
  "$(holdpoint stops | awk 'NR == 2 {print $1}')" "by the number that the denial names"
equals "$user" "$(holdpoint stops -o json | jq -r '.[0].name')" "as JSON"

say "- one that waits for a human meanwhile does not pass either"
holdpoint resume "$user" --reason over >/dev/null
within 1000 goes_on
within 1000 as second goes_on
post_code '/validate?timeout=20s' "$(review "$pod" '.request.name = "w" | .request.oldObject.metadata |= (.name = "w" | .uid = "w")')" \
  "$work/waits" >/dev/null &
client=$!
waits() { [[ $(metric holdpoint_webhook_holds_waiting) == 1 ]]; }
eventually 10 waits
holdpoint stop "$user" --reason again >/dev/null
within 1000 is_stopped
hold=$(sql "SELECT max(id) FROM holdpoint.hold")
sql_as alice "SELECT holdpoint.approve($hold, 'go')" >/dev/null
wait "$client"
matches 'is stopped' "$(field .response.status.message "$work/waits")" "approved while stopped"
equals approved "$(sql "SELECT state FROM holdpoint.hold WHERE id = $hold")" "its approval is not used up"
holdpoint resume "$user" --reason over >/dev/null

say "- a group, for a while"
matches '^group ai-agents is stopped in cluster test until 20' \
  "$(holdpoint stop --group ai-agents --reason x --for 2s --cluster test)" "what is said"
within 1000 is_stopped
matches 'group ai-agents is stopped' "$(field .response.status.message "$answer")" "what is told"
eventually 4 goes_on
matches 'stop +group +ai-agents' "$(holdpoint stops --all)" "what was"

say "- who may not, and what is refused"
code=0
said=$("$HOLDPOINT_BIN/holdpoint" stop x --reason y --database-url="$(stack_database_url alice)" 2>&1) || code=$?
equals 1 "$code" "an approver ($said)"
for args in 'x --group y --reason z' '--reason z'; do
  code=0
  # The words are the command: they must be split.
  # shellcheck disable=SC2086
  holdpoint stop $args 2>/dev/null || code=$?
  equals 2 "$code" "stop $args"
done
code=0
said=$(holdpoint resume "$user" --reason x 2>&1) || code=$?
equals 3 "$code" "resume of who is not stopped"
matches 'is not stopped in all clusters' "$said" "the reason"

say "- HoldStops: by whom the API server says, if they are of the group"
# holdstop GROUP SPEC: the code and message of its creation.
holdstop() {
  ask /validate "$(review "$config" ".request.resource = {group: \"holdpoint.dev\", version: \"v1alpha1\", resource: \"holdstops\"}
    | .request.userInfo = {username: \"sue\", groups: [\"$1\"]} | .request.object = {metadata: {generateName: \"x-\", name: \"x-12345\"}, spec: $2}")"
  field '.response | [.status.code // 0, .status.message // .warnings[0]] | join(" ")' "$answer"
}
while IFS='|' read -r expected group spec; do
  matches "^$expected" "$(holdstop "$group" "$spec")" "$group $spec"
done <<'TABLE'
403 sue is in none of the groups|sre|{"action": "Stop", "user": "x", "reason": "y"}
422 spec.action must be Stop or Resume|holdpoint-stoppers|{"user": "x", "reason": "y"}
422 spec must have either user or group|holdpoint-stoppers|{"action": "Stop", "reason": "y"}
422 spec must have either user or group|holdpoint-stoppers|{"action": "Stop", "user": "x", "group": "z", "reason": "y"}
422 spec.reason must be a text|holdpoint-stoppers|{"action": "Stop", "user": "x"}
422 spec.until must be a time|holdpoint-stoppers|{"action": "Stop", "user": "x", "reason": "y", "until": "soon"}
422 spec.until is for Stop|holdpoint-stoppers|{"action": "Resume", "user": "x", "reason": "y", "until": "2099-01-01T00:00:00Z"}
403 user x is not stopped|holdpoint-stoppers|{"action": "Resume", "user": "x", "reason": "y"}
0 group ai-agents is stopped in cluster test until somebody|holdpoint-stoppers|{"action": "Stop", "group": "ai-agents", "reason": "y"}
0 group ai-agents goes on when the API server's audit event confirms|holdpoint-stoppers|{"action": "Resume", "group": "ai-agents", "reason": "y"}
TABLE
within 1000 is_stopped

say "- the database away: who knows the list keeps it, who starts without denies whom policies name"
pg_throwaway_stop
is_stopped || fail "forgotten with the database"
equals denied "$(access list)" "a read"
daemon_stop second
second_start
equals 'false 403' "$(as second write "$config")" "a replica that knows nothing"
matches 'does not know whether you are stopped' "$(field .response.status.message "$answer")" "its message"
equals denied "$(as second access list)" "a read"
equals passes "$(as second access list alice@example.com sre)" "somebody no policy names"
equals 'true 0' "$(as second write "$config" '.request.userInfo = {username: "system:kube-scheduler", groups: ["system:authenticated"]}')" \
  "the cluster itself"
equals 0 "$(curl -fsS "${stack_plain[second]}/metrics" | sed -n 's/^holdpoint_webhook_stops_known //p')" "the metric"
daemon_stop second
second_start --allow-unknown-stops
equals 'true 0' "$(as second write "$config")" "where that is allowed"
pg_throwaway_start
within 5000 as second is_stopped
holdpoint resume --group ai-agents --reason over --cluster test >/dev/null
within 1000 goes_on
within 1000 as second goes_on
passed=1
