#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What one approval lets through: repeats by the kind of change; and what it takes where several rules
# hold one change.
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
  - name: deletes
    match: [{apiGroups: ["*"], resources: ["*/*"], operations: ["DELETE"]}]
    action: Hold
    message: "deletions need an operator"
    hold: {approvers: ["sre"], expires: 1h, grant: Window}
  - name: secrets
    match: [{apiGroups: [""], resources: ["secrets"], operations: ["*"]}]
    action: Hold
    message: "Secrets are security's"
    hold: {approvers: ["security"], expires: 30m, requireReason: true}
YAML
sql "CREATE ROLE security; CREATE ROLE carol LOGIN IN ROLE holdpoint_approver, security"
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

say "- two rules hold one change: both are told, both must be satisfied"
secret=v1.36/072-validate-delete-secrets.json
ask /validate "$(review "$secret" '.request.dryRun = true')"
matches 'Held by rules all/deletes, all/secrets; must be approved by security \(0/1\) and sre \(0/1\)' \
  "$(field .response.status.message "$answer")" "a dry run's message"
ask /validate "$(review "$secret")"
hold=$(field .response.auditAnnotations.hold "$answer")
message=$(field .response.status.message "$answer")
matches $'\ndeletions need an operator\n' "$message" "one reason"
matches $'\nSecrets are security.s\n' "$message" "the other"
matches 'Held by rules all/deletes, all/secrets; must be approved by security \(0/1\) and sre \(0/1\); expires' \
  "$message" "the rules"
equals 'all/deletes all/secrets' "$(field '[.response.status.details.causes[]
  | select(.field == "rule").message] | join(" ")' "$answer")" "causes"
equals 'Once|t|30' "$(sql "SELECT grant_kind, require_reason,
  round(extract(epoch FROM expires_at - created_at) / 60) FROM holdpoint.hold WHERE id = $hold")" \
  "the strictest terms of both"
sql_as alice "SELECT holdpoint.approve($hold, 'go')" >/dev/null
ask /validate "$(review "$secret")"
equals false "$(field .response.allowed "$answer")" "approved under one of the rules"
matches 'must be approved by security \(0/1\); expires' "$(field .response.status.message "$answer")" \
  "what is missing"
matches 'Rule: *all/deletes, all/secrets' "$(HOLDPOINT_DATABASE_URL=$(stack_database_url alice) \
  "$HOLDPOINT_BIN/holdpoint" holds show "$hold")" "what the approver sees"
sql "SET SESSION AUTHORIZATION carol; SELECT holdpoint.approve($hold, 'go')" >/dev/null
ask /validate "$(review "$secret")"
equals true "$(field .response.allowed "$answer")" "approved under both ($(<"$answer"))"

say "- the approver sees the change that is held, whatever its keys and numbers are"
show() { HOLDPOINT_DATABASE_URL=$(stack_database_url alice) "$HOLDPOINT_BIN/holdpoint" holds show "$@"; }
pod=$(review v1.36/021-validate-create-pods.json '.request.object.spec.values = {
  "image": "evil.example/miner:1", "image\u0000": "registry.corp/shop:1.4", "caf\u00e9": "a\u202eb",
  "cafe\u0301": "@large@", "Image": "@exponent@"} | .request.namespace = "odd"')
sed -i 's/"@large@"/184467440737095516160/; s/"@exponent@"/-1E+400/' "$pod"
ask /validate "$pod"
hold=$(field .response.auditAnnotations.hold "$answer")
shown=$(show "$hold")
for line in '"image": "evil.example/miner:1",' '"image\u0000": "registry.corp/shop:1.4"' \
  '"caf\u00e9": "a\u202eb"' '"cafe\u0301": 184467440737095516160' '"Image": -1E+400'; do
  [[ $shown == *"$line"* ]] || fail "holds show: no $line in $shown"
done
equals 'evil.example/miner:1|registry.corp/shop:1.4' "$(show "$hold" -o json |
  jq -r '.change.object.spec.values | .image + "|" + .["image\u0000"]')" "holds show -o json"
ask /validate "$(review v1.36/005-validate-update-deployments.json '.request.oldObject.spec.values = {"image": "a"} |
  .request.object.spec.values = {"image": "a", "image\u0000": "b"} | .request.namespace = "odd"')"
shown=$(show "$(field .response.auditAnnotations.hold "$answer")")
matches '\+ spec\.values\["image\\u0000"\]: "b"' "$shown" "a member that only its NUL tells apart"
sed 's/"image":"evil/"image":"good","image":"evil/' "$pod" >"$work/twice"
code=$(post_code /validate "$work/twice" "$work/answer")
[[ $code != 200 || $(field .response.allowed "$work/answer") == false ]] || fail "a key twice is let through"
[[ $(field '.response.auditAnnotations.hold // ""' "$work/answer") == "" ]] || fail "a key twice is held"
passed=1
