#!/usr/bin/env bash
# What one approval lets through: repeats by the kind of change.
# shellcheck source-path=SCRIPTDIR
source "$(dirname "${BASH_SOURCE[0]}")/webhook_stack.sh"

stack_prepare
cat >"$work/policy.yaml" <<'YAML'
apiVersion: holdpoint.dev/v1alpha1
kind: GuardrailPolicy
metadata: {name: all}
spec:
  subjects: [{kind: Group, name: ai-agents}]
  rules:
  - name: writes
    match: [{apiGroups: ["*"], resources: ["*/*"], operations: ["CREATE", "UPDATE", "CONNECT"]}]
    action: Hold
    message: "an agent's writes are looked at"
    hold: {approvers: ["sre"], expires: 1h}
YAML
webhook_start "$work/policy.yaml"

# answers FIXTURE [FILTER]: asks eight times after an approval; prints what passed (+) and what not (-).
answers() {
  local n
  ask /validate "$(review "$1" "${2:-.}")"
  equals false "$(field .response.allowed "$answer")" "$1 before its approval"
  sql_as alice "SELECT holdpoint.approve($(field .response.auditAnnotations.hold "$answer"), 'go')" >/dev/null
  for n in 1 2 3 4 5 6 7 8; do
    ask /validate "$(review "$1" "${2:-.}")"
    [[ $(field .response.allowed "$answer") == true ]] && printf + || printf -- -
  done
}

say "- repeats after the use of an approval, by the kind of change"
while read -r expected fixture filter; do
  equals "$expected" "$(answers "$fixture" "$filter")" "$fixture ${filter:-}"
done <<'TABLE'
++++++-- v1.36/003-validate-update-deployments-scale.json
++++++-- v1.36/021-validate-create-pods.json
+------- v1.36/027-validate-create-pods.json
++------ v1.36/037-validate-connect-pods-exec.json .request.namespace = "dev"
TABLE
passed=1
