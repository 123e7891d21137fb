#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Somebody who may create SubjectAccessReviews asks 4,000 times, each time in another name that they
# make up. Changes of others, and questions of an agent that is enrolled, are held and announced within
# five seconds all the same; of the made-up names people hear in a handful of messages.
# shellcheck source-path=SCRIPTDIR
source "$(dirname "${BASH_SOURCE[0]}")/webhook_stack.sh"

stack_prepare
cat >"$work/policy.yaml" <<'YAML'
apiVersion: holdpoint.dev/v1alpha1
kind: GuardrailPolicy
metadata: {name: flood}
spec:
  subjects: [{kind: Group, name: ai-agents}]
  rules:
  - name: reads
    match: [{apiGroups: [""], resources: ["secrets"], verbs: ["get"]}]
    action: Hold
    hold: {approvers: ["sre"], expires: 1h}
  - name: deletes
    match: [{apiGroups: [""], resources: ["pods"], operations: ["DELETE"]}]
    action: Hold
    hold: {approvers: ["sre"], expires: 1h}
YAML
inbox=$work/inbox
mkdir "$inbox"
echo 200 >"$inbox/status"
mkfifo "$work/receiver.in"
"$HOLDPOINT_BIN/../test/tool_receiver" "$stack_dir/certs" "$inbox" <"$work/receiver.in" \
  >"$work/receiver.out" &
exec 7>"$work/receiver.in"
until [[ -s $work/receiver.out ]]; do sleep 0.05; done
cat >"$work/targets.yaml" <<YAML
targets:
- {name: oncall, type: slack, url: "https://$(<"$work/receiver.out")/oncall",
   caFile: $stack_dir/certs/ca.crt, allowPrivate: true}
YAML
webhook_start "$work/policy.yaml" -- --notify-targets="$work/targets.yaml"
eventually 10 sql_is 1 'SELECT count(*) FROM holdpoint.outbox_target'

sql "SELECT holdpoint.add_person('alice'), holdpoint.add_agent('bot', 'alice', 'bot@agents.example.com')" >/dev/null

# question USER NAME: a SubjectAccessReview as a line
question() {
  jq -cn --arg user "$1" --arg name "$2" '{apiVersion: "authorization.k8s.io/v1", kind: "SubjectAccessReview",
    spec: {user: $user, groups: ["ai-agents"], resourceAttributes: {verb: "get", version: "v1",
      resource: "secrets", namespace: "prod", name: $name}}}'
}
mkdir "$work/reviews"
jq -cn --argjson q "$(question USER db)" 'range(4000) as $n | $q | .spec.user = "made-up-\($n)"' |
  split -l 1 -a 4 -d - "$work/reviews/r"
for file in "$work"/reviews/*; do
  printf 'next\nurl = "%s/authorize"\ndata-binary = "@%s"\nheader = "Content-Type: application/json"\n' \
    "${stack_url[webhook]}" "$file"
  printf 'cacert = "%s/ca.crt"\ncert = "%s/apiserver.crt"\nkey = "%s/apiserver.key"\noutput = "/dev/null"\n' \
    "$stack_dir/certs" "$stack_dir/certs" "$stack_dir/certs"
done | sed 1d >"$work/flood"

say "- the flood"
curl -sS --parallel --parallel-max 32 -K "$work/flood" &
load=$!
flood_is_on() { (($(metric 'holdpoint_webhook_holds_total{verdict="held"}') > 100)); }
eventually 30 flood_is_on

# announced TEXT: somebody is told of it
announced() { cat "$inbox"/*.body | jq -r .text | grep -qF -- "$1"; }
# soon TEXT: within five seconds
soon() {
  local from=$SECONDS
  until announced "$1"; do
    ((SECONDS - from <= 5)) || fail "nobody was told of $1 within five seconds"
    sleep 0.1
  done
}
others=0
while kill -0 "$load" 2>/dev/null; do
  others=$((others + 1))
  file=$(review v1.36/065-validate-delete-pods.json ".request.userInfo = {username: \"person-$others\",
    groups: [\"ai-agents\"]} | .request.name = \"real-$others\"
    | .request.oldObject.metadata |= (.name = \"real-$others\" | .uid = \"uid-real-$others\")")
  equals 200 "$(post_code /validate "$file" "$work/other")" "somebody else's request"
  matches "^hold [0-9]+ waits" "$(field .response.status.message "$work/other")" "somebody else's request"
  soon "prod/real-$others"
  if ((others == 1)); then
    question bot@agents.example.com its-own >"$work/its-own"
    equals 200 "$(post_code /authorize "$work/its-own" "$work/other")" "a question of an enrolled agent"
    soon "prod/its-own"
  fi
done
wait "$load"
((others > 2)) || fail "only $others holds of others were made meanwhile"
say "  $others holds of others meanwhile, each announced within five seconds"

say "- places and messages"
made_up=$(sql "SELECT count(*) FROM holdpoint.hold WHERE username LIKE 'made-up-%'")
((made_up >= 900 && made_up <= 1040)) || fail "$made_up holds of made-up names, the limit is 1000"
said=$(cat "$inbox"/*.body | jq -r .text | grep -cE 'made-up-|identities')
((said >= 2 && said <= 20)) || fail "$said messages about made-up names"
say "  $made_up holds in made-up names, $said messages about them"
passed=1
