#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What admission never sees, and approval with kubectl: an agent's read of a Secret is held by the
# authorization webhook, a person approves it by creating a HoldReview, and the agent cannot.
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
equals "approved alice@example.com" \
  "$(sql "SELECT state || ' ' || decided_by FROM holdpoint.holds WHERE id = $hold")" "the hold"
as_agent_reads() { as agent -n prod get secret db -o jsonpath='{.metadata.name}'; }
eventually 10 as_agent_reads
equals kubernetes "$(sql "SELECT channel FROM holdpoint.hold_event
  WHERE hold_id = $hold AND action = 'approve'")" "the channel of the approval"
e2e_passed
