#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What admission never sees, and approval with kubectl: an agent's read of a Secret is held by the
# authorization webhook, a person approves it by creating a HoldReview, and the agent cannot.
# shellcheck source-path=SCRIPTDIR
source "$(dirname "$0")/harness.sh"

policy=$(mktemp /tmp/holdpoint-policy.XXXXXX.yaml)
cat >"$policy" <<'YAML'
apiVersion: holdpoint.dev/v1alpha1
kind: GuardrailPolicy
metadata: {name: reads}
spec:
  subjects: [{kind: Group, name: ai-agents}]
  rules:
  - name: secrets-need-a-human
    match:
    - {apiGroups: [""], resources: ["secrets"], verbs: ["get", "list", "watch"], namespaces: ["prod"]}
    action: Hold
    message: "secrets of production are read with a person's word"
    hold: {grant: Window, window: 10m, expires: 30m, approvers: ["sre"]}
  - name: settings-need-a-human
    match: [{apiGroups: [""], resources: ["configmaps"], verbs: ["get"], namespaces: ["prod"]}]
    action: Hold
    message: "settings of production too, each time"
    hold: {expires: 30m, approvers: ["sre"]}
YAML
e2e_begin --authorize --policy "$policy"
rm -f "$policy"

review() { printf '{"apiVersion":"holdpoint.dev/v1alpha1","kind":"HoldReview","metadata":{"generateName":"review-"},"spec":{"hold":%s,"decision":"Approve","reason":"%s"}}' "$1" "$2"; }

step_is "the CRD and something to read"
as admin apply -f "$root/manifests/base/holdreview.yaml" >/dev/null
as admin wait --for=condition=Established crd/holdreviews.holdpoint.dev --timeout=30s >/dev/null
as admin create namespace prod >/dev/null
as admin -n prod create secret generic db --from-literal=password=hunter2-plain >/dev/null

step_is "the agent's read is held, a person's is not"
refused 'Forbidden.*hold [0-9]+' as agent -n prod get secret db
hold=$(newest_hold)
passes as sre -n prod get secret db
step_is "other reads of the agent are RBAC's matter alone"
passes as agent -n prod get configmaps

step_is "the agent cannot approve itself, nor can who is not in the group"
refused 'denied the request' as agent create -f - < <(review "$hold" "let me")
refused 'denied the request' as ci create -f - < <(review "$hold" "let it")

step_is "a HoldReview by somebody of the group approves"
passes as sre create -f - < <(review "$hold" "incident 7")
eventually 30 sql_is "approved alice@example.com" \
  "SELECT state || ' ' || decided_by FROM holdpoint.holds WHERE id = $hold"
as_agent_reads() { as agent -n prod get secret db -o jsonpath='{.metadata.name}'; }
eventually 10 as_agent_reads
equals kubernetes "$(sql "SELECT channel FROM holdpoint.hold_event
  WHERE hold_id = $hold AND action = 'approve'")" "the channel of the approval"
uses() { sql "SELECT uses FROM holdpoint.hold WHERE id = $1"; }
uses_are() { [[ $(uses "$1") == "$2" ]]; }
# What was read so far is counted, too: each read that went well, once.
step_is "what the audit trail shows is a use"
eventually 20 uses_are "$hold" 1
as_agent_reads
eventually 20 uses_are "$hold" 2
equals "get prod db" "$(sql "SELECT concat_ws(' ', terms->>'verb', terms->>'namespace', terms->>'name')
  FROM holdpoint.hold_event WHERE hold_id = $hold AND action = 'use' LIMIT 1")" "what was done"

# ask RESOURCE/NAME: whether the agent may get it, as somebody else asks.
question() {
  as ci create -o 'jsonpath={.status.allowed} {.status.reason}' -f - <<JSON
{"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": {
  "user": "claude-code@agents.example.com", "groups": ["ai-agents", "system:authenticated"],
  "resourceAttributes": {"namespace": "prod", "verb": "get", "resource": "${1%/*}", "name": "${1#*/}"}}}
JSON
}
step_is "questions of others make holds, and use nothing up"
as admin -n prod create configmap settings --from-literal=a=b >/dev/null
question configmaps/settings >/dev/null
hold=$(newest_hold)
equals "true pending" "$(sql "SELECT is_question || ' ' || state FROM holdpoint.hold WHERE id = $hold")" \
  "the hold"
sql_as alice "SELECT holdpoint.approve($hold, 'once')" >/dev/null
for _ in 1 2 3 4 5 6 7 8; do
  said=$(question configmaps/settings)
  [[ $said == true* ]] || fail "asked in the agent's name: $said"
done
passes as agent -n prod auth can-i get configmaps/settings
equals 0 "$(uses "$hold")" "uses after questions"
eventually 20 sql_is 'asked: yes' "SELECT string_agg(DISTINCT answer, ',') FROM holdpoint.decision
  WHERE hold_id = $hold AND allowed"

cli alice holds show "$hold" >"$e2e_dir/show"
grep -q 'at /authorize, by whom is not known; answered yes [1-9][0-9]* times' "$e2e_dir/show" ||
  fail "show says: $(<"$e2e_dir/show")"

step_is "approved once is used by one read"
passes as agent -n prod get configmap settings
eventually 20 uses_are "$hold" 1
refused "hold [0-9]+ waits for approval" as agent -n prod get configmap settings
equals used "$(sql "SELECT state FROM holdpoint.hold WHERE id = $hold")" "the hold"

step_is "questions in the agent's name leave it its own places"
for n in $(seq 1 25); do question "configmaps/forged-$n" >/dev/null; done
equals 20 "$(sql "SELECT count(*) FROM holdpoint.hold WHERE is_question AND state = 'pending'")" \
  "holds that questions made"
e2e_passed
