#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Approving with kubectl: HoldReviews through the plugin, with every kind of credential that a kubeconfig
# can hold; who may not is refused by the API server with the reason.
# shellcheck source-path=SCRIPTDIR
source "$(dirname "$0")/harness.sh"
policy=$(mktemp)
cat >"$policy" <<'YAML'
apiVersion: holdpoint.dev/v1alpha1
kind: GuardrailPolicy
metadata: {name: settings}
spec:
  rules:
  - name: deletes
    match: [{apiGroups: [""], resources: ["configmaps"], operations: ["DELETE"]}]
    action: Hold
    hold: {approvers: ["sre"], expires: 1h, allowWindow: {upTo: 30m, maxUses: 2}, scope: Namespace}
YAML
e2e_begin --policy "$root/test/e2e/policy.yaml" --policy "$policy"
rm -f "$policy"

# plugin WHO ARGUMENTS...: as kubectl finds it, in PATH.
plugin() {
  local who=$1
  shift
  env "PATH=$stack_bin:$PATH" "KUBECONFIG=${kubeconfig:-$cluster_dir/kube/$who.kubeconfig}" \
    "$cluster_kubectl" holdpoint "$@"
}
# with NAME ARGUMENTS...: the plugin with a kubeconfig that this test made.
with() {
  local kubeconfig=$e2e_dir/$1.kubeconfig
  plugin "$@"
}
# held NAME: the agent's attempt to delete a pod; sets $hold.
held() {
  refused 'denied the request' as agent -n prod delete pod "$1" --wait=false
  hold=$(newest_hold)
}
state() { sql "SELECT state FROM holdpoint.holds WHERE id = $1"; }

step_is "prepare"
as admin apply -f "$root/manifests/base/holdreview.yaml" >/dev/null
eventually 30 as admin get holdreviews >/dev/null
as admin create namespace prod >/dev/null
for pod in one two three four five six seven eight nine; do
  as admin -n prod run "$pod" --image=registry.example.com/web:1 >/dev/null
done

step_is "approved by a person of the hold's group, the plain retry passes"
held one
passes plugin sre approve "$hold" --reason "stuck"
[[ $output == *"waits for the API server's audit event"*"hold $hold approved. Opens: this one change, until "* ]] || fail "approve said: $output"
equals approved "$(state "$hold")" "state of hold $hold"
equals "review:alice@example.com approve:alice@example.com" "$(sql "SELECT string_agg(action || ':' || who, ' '
  ORDER BY id) FROM holdpoint.hold_event WHERE hold_id = $hold AND action <> 'create'")" "its steps"
equals "confirmed create 201 alice@example.com" "$(sql "SELECT concat_ws(' ', r.state, e.verb, e.code, e.username)
  FROM holdpoint.hold_review r JOIN holdpoint.audit_event e ON e.cluster = r.cluster AND e.seq = r.event_seq
  WHERE r.hold_id = $hold")" "the event that confirmed it"
passes as agent -n prod delete pod one --wait=false --grace-period=0 --force
equals "kubernetes|alice@example.com|stuck" "$(sql "SELECT concat_ws('|', channel, who, reason)
  FROM holdpoint.hold_event WHERE hold_id = $hold AND action = 'approve'")" "who approved"

step_is "not approved: one's own, a group's that one is not in, an unknown one, a used one"
held two
refused 'kubectl holdpoint approve: .*\(HTTP 403\)' plugin agent approve "$hold"
refused 'kubectl holdpoint approve: .*\(HTTP 403\)' plugin ci approve "$hold"
equals pending "$(state "$hold")" "state of hold $hold"
refused 'HTTP 403' plugin sre approve 99999
refused "HTTP 403" plugin sre approve $((hold - 1))
code=0
plugin sre approve 99999 >/dev/null 2>&1 || code=$?
equals 3 "$code" "exit code of a refusal"

step_is "denied"
passes plugin sre deny "$hold" -r "leave it"
refused 'leave it' as agent -n prod delete pod two --wait=false

step_is "with plain kubectl"
held three
printf '%s' "{\"apiVersion\":\"holdpoint.dev/v1alpha1\",\"kind\":\"HoldReview\",\"metadata\":{\"name\":\"plain\"},
  \"spec\":{\"hold\":$hold,\"decision\":\"Approve\"}}" >"$e2e_dir/review.json"
passes as sre create -f "$e2e_dir/review.json" --dry-run=server
equals pending "$(state "$hold")" "state of hold $hold after a dry run"
passes as sre create -f "$e2e_dir/review.json"
eventually 30 sql_is approved "SELECT state FROM holdpoint.holds WHERE id = $hold"

step_is "a HoldReview that is not created has not approved"
held six
sed -i "s/\"hold\":[0-9]*/\"hold\":$hold/" "$e2e_dir/review.json"
refused 'AlreadyExists' as sre create -f "$e2e_dir/review.json"
eventually 30 sql_is "the HoldReview was not created (HTTP 409)" \
  "SELECT why FROM holdpoint.hold_review WHERE hold_id = $hold AND state = 'refused'"
equals pending "$(state "$hold")" "state of hold $hold"
refused 'waits for approval' as agent -n prod delete pod six --wait=false
passes plugin sre approve "$hold"
equals approved "$(state "$hold")" "state of hold $hold, once it is created"

step_is "who acts in somebody else's name has not approved"
held seven
printf '%s' "{\"apiVersion\":\"holdpoint.dev/v1alpha1\",\"kind\":\"HoldReview\",\"metadata\":{\"generateName\":\"x-\"},
  \"spec\":{\"hold\":$hold,\"decision\":\"Approve\"}}" >"$e2e_dir/forged.json"
passes as agent --as alice@example.com --as-group sre create -f "$e2e_dir/forged.json"
refused 'Approved with kubectl by alice@example.com: counts once' as agent -n prod delete pod seven --wait=false
eventually 30 sql_is "made by claude-code@agents.example.com, acting as alice@example.com" \
  "SELECT why FROM holdpoint.uncorroborated_approvals WHERE hold_id = $hold AND NOT counted"
equals pending "$(state "$hold")" "state of hold $hold"
refused 'waits for approval' as agent -n prod delete pod seven --wait=false
grep -qF '"event":"hold_review_not_confirmed"' "$stack_dir/webhook.log" || fail "the log does not say so"
# And another's audit event of the same person confirms nothing: she decides something else meanwhile.
passes plugin sre list
passes plugin sre approve "$hold"
equals approved "$(state "$hold")" "state of hold $hold, approved by alice herself"

step_is "without the audit event nothing counts; it counts when it comes"
held eight
daemon_stop sink
code=0
output=$(plugin sre approve "$hold" --wait 2s 2>&1) || code=$?
equals 4 "$code" "exit code while it is not confirmed ($output)"
[[ $output == *"does not count yet"* ]] || fail "approve said: $output"
plugin oidc show "$hold" >"$e2e_dir/show"
grep -q '^Reviewed: *alice@example.com, with kubectl: counts once' "$e2e_dir/show" ||
  fail "show says: $(<"$e2e_dir/show")"
cli alice holds show "$hold" >"$e2e_dir/show"
grep -q '^Reviewed: *alice@example.com, with kubectl: counts once' "$e2e_dir/show" ||
  fail "holds show says: $(<"$e2e_dir/show")"
refused 'Approved with kubectl by alice@example.com: counts once' as agent -n prod delete pod eight --wait=false
sink_start
eventually 90 sql_is approved "SELECT state FROM holdpoint.holds WHERE id = $hold"
passes as agent -n prod delete pod eight --wait=false --grace-period=0 --force

# kubeconfig NAME USER-JSON: the people's kubeconfig with another credential in it.
kubeconfig() {
  as sre config view --raw --flatten -o json |
    jq --argjson user "$2" '.users[].user = $user' >"$e2e_dir/$1.kubeconfig"
}
credential=$(as sre config view --raw --flatten -o json | jq -c '.users[0].user')

step_is "with an exec credential plugin"
cat >"$e2e_dir/credential" <<'SH'
#!/bin/sh
[ "$1" = get ] && [ "$WHO" = alice ] || exit 7
case $KUBERNETES_EXEC_INFO in *'"kind":"ExecCredential"'*) ;; *) exit 8 ;; esac
printf '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":%s}' "$(cat "$STATUS")"
SH
chmod +x "$e2e_dir/credential"
jq -c '{token, clientCertificateData: ."client-certificate-data", clientKeyData: ."client-key-data"}
  | map_values(select(. != null)) | if .clientKeyData then map_values(@base64d) else . end' \
  <<<"$credential" >"$e2e_dir/status"
kubeconfig exec "$(jq -nc --arg command "$e2e_dir/credential" --arg status "$e2e_dir/status" '{exec: {
  apiVersion: "client.authentication.k8s.io/v1", interactiveMode: "Never", command: $command, args: ["get"],
  env: [{name: "WHO", value: "alice"}, {name: "STATUS", value: $status}]}}')"
held four
passes with exec approve "$hold"
equals approved "$(state "$hold")" "state of hold $hold"

step_is "with a client certificate, and with a token"
openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj "/CN=stranger" -keyout "$e2e_dir/stranger.key" \
  -out "$e2e_dir/stranger.crt" 2>/dev/null
kubeconfig stranger "$(jq -nc --arg c "$(base64 -w0 <"$e2e_dir/stranger.crt")" \
  --arg k "$(base64 -w0 <"$e2e_dir/stranger.key")" \
  '{"client-certificate-data": $c, "client-key-data": $k}')"
refused 'kubectl holdpoint' with stranger approve "$hold"
kubeconfig token '{"token": "not-a-token"}'
refused 'HTTP 401' with token approve "$hold"

step_is "what waits: only for those who may decide, and the change to be seen"
held five
plugin sre list >"$e2e_dir/list"
equals "$hold" "$(awk 'NR > 1 { print $1 }' "$e2e_dir/list")" "the holds that wait ($(<"$e2e_dir/list"))"
grep -q 'claude-code.*DELETE pods prod/five .*agents/.* sre ' "$e2e_dir/list" ||
  fail "the list says: $(<"$e2e_dir/list")"
equals "$hold" "$(plugin oidc list -o json | jq '.[].hold')" "for another person of the group"
for who in agent ci stranger; do
  passes plugin "$who" list
  equals 'Nothing waits for you.' "$output" "for $who"
  refused "hold $hold does not wait for you" plugin "$who" show "$hold"
done
plugin sre show "$hold" >"$e2e_dir/show"
grep -q 'registry.example.com/web:1' "$e2e_dir/show" || fail "show says: $(<"$e2e_dir/show")"
step_is "with plain kubectl: a dry run asks, and only a dry run"
printf '%s' '{"apiVersion":"holdpoint.dev/v1alpha1","kind":"HoldReview","metadata":{"name":"q"},
  "spec":{"decision":"List"}}' >"$e2e_dir/list.json"
equals "$hold" "$(as sre create -f "$e2e_dir/list.json" --dry-run=server -o json | jq '.status.holds[].hold')" \
  "holds of a dry run"
refused 'create it with --dry-run=server' as sre create -f "$e2e_dir/list.json"
passes plugin sre approve "$hold"
passes plugin sre list
equals 'Nothing waits for you.' "$output" "after the approval"

step_is "taken back by who asked, with kubectl alone"
as admin -n prod run ten --image=registry.example.com/web:1 >/dev/null
held ten
passes plugin agent list --mine
[[ $output == *"$hold"*"DELETE pods prod/ten"* ]] || fail "list --mine says: $output"
refused "no hold $hold of yours" plugin ci withdraw "$hold"
passes plugin agent withdraw "$hold" --reason "not needed"
equals "withdrawn claude-code@agents.example.com not needed" "$(sql "SELECT concat_ws(' ', state,
  decided_by, decided_reason) FROM holdpoint.hold WHERE id = $hold")" "hold $hold"
passes plugin agent list --mine --state withdrawn
[[ $output =~ $hold ]] || fail "list --mine --state withdrawn says: $output"

step_is "filtered, by page, and all of one requester denied together"
sql "UPDATE holdpoint.config SET denials_within = '0'"
for pod in d1 d2 d3; do as admin -n prod run "$pod" --image=registry.example.com/web:1 >/dev/null; done
for pod in d1 d2 d3; do held "$pod"; done
agent=claude-code@agents.example.com
passes plugin sre list --user "$agent" --namespace prod --resource pods --limit 2
[[ $output == *"There are more: repeat with --before $((hold - 1))"* ]] || fail "list --limit says: $output"
passes plugin sre list --user "$agent" --before $((hold - 1))
[[ $output =~ prod/d1 && ! $output =~ prod/d2 ]] || fail "the page behind says: $output"
passes plugin sre list --user "$agent" --namespace dev
equals 'No holds found.' "$output" "in another namespace"
refused 'nothing was denied: to do it unasked, add --yes' plugin sre deny --user "$agent" </dev/null
[[ $output == *"3 holds of $agent wait for approval"* ]] || fail "deny --user says: $output"
refused "nothing of $agent waits for you" plugin ci deny --user "$agent"
passes plugin sre deny --user "$agent" --reason "enough" --yes
equals "3 holds of $agent denied" "$output" "deny --user"
equals "3 alice@example.com" "$(sql "SELECT count(*) || ' ' || min(decided_by) FROM holdpoint.hold
  WHERE state = 'denied' AND decided_reason = 'enough'")" "holds denied together"
passes plugin sre list --user "$agent" --state denied --since 1h

step_is "the decisions, and what is said when the API server cannot be reached"
plugin sre reviews >"$e2e_dir/list"
equals 10 "$(grep -cE ' (Approve|Deny) ' "$e2e_dir/list")" "decisions in the list"
plugin sre reviews -o json | jq -e '.items | length == 11' >/dev/null || fail "reviews -o json"
jq '.clusters[].cluster.server = "https://127.0.0.1:9"' "$e2e_dir/exec.kubeconfig" >"$e2e_dir/gone.kubeconfig"
refused 'https://127.0.0.1:9' with gone approve "$hold"

step_is "the like of it for a while, as often as the rule allows, where it allows it at all"
for name in c1 c2 c3; do as admin -n prod create configmap "$name" >/dev/null; done
refused 'An approval opens: this one change' as ci -n prod delete configmap c1
hold=$(newest_hold)
refused '3 uses are more than the 2' plugin sre approve "$hold" --like --uses 3
refused 'longer than the' plugin sre approve "$hold" --like --for 50m
passes plugin sre approve "$hold" --like --for 20m
[[ $output == *"Opens: delete of configmaps in namespace prod"*"2 times"* ]] || fail "approve --like said: $output"
cli alice holds show "$hold" >"$e2e_dir/show"
grep -q '^Opens: .*delete of configmaps in namespace prod.* 2 times' "$e2e_dir/show" || fail "it opens: $(<"$e2e_dir/show")"
passes as ci -n prod delete configmap c2
passes as ci -n prod delete configmap c1
refused 'waits for approval' as ci -n prod delete configmap c3
printf '{"apiVersion":"holdpoint.dev/v1alpha1","kind":"HoldReview","metadata":{"generateName":"x-"},
  "spec":{"hold":%s,"decision":"Approve","like":"yes"}}' "$(newest_hold)" >"$e2e_dir/like.json"
refused 'spec.like' as sre create --validate=false -f "$e2e_dir/like.json"

e2e_passed
