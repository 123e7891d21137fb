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
  - name: reads
    match: [{apiGroups: ["*"], resources: ["*/*"], verbs: ["*"]}]
    action: Hold
    hold: {approvers: ["sre"], expires: 1h, grant: Window, window: 15m, maxUses: 20}
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
++------ v1.36/021-validate-create-pods.json
+------- v1.36/027-validate-create-pods.json
++------ v1.36/037-validate-connect-pods-exec.json .request.namespace = "dev"
+------- v1.36/042-validate-connect-pods-proxy.json
+------- v1.36/034-validate-create-serviceaccounts-token.json
+------- v1.36/064-validate-create-pods-eviction.json
+------- v1.36/057-validate-create-horizontalpodautoscalers.json .request.subResource = "anything"
++------ v1.36/019-validate-update-deployments.json
++++++-- v1.36/005-validate-update-deployments.json
TABLE

# after FIXTURE APPROVED EXECUTED: whether the second form of the request passes on the first one's approval.
after() {
  ask /validate "$(review "$1" "$2")"
  equals false "$(field .response.allowed "$answer")" "$1 $2 before its approval"
  sql_as alice "SELECT holdpoint.approve($(field .response.auditAnnotations.hold "$answer"), 'go')" >/dev/null
  ask /validate "$(review "$1" "$3")"
  field .response.allowed "$answer"
}

say "- what is approved is what was shown"
while IFS='|' read -r expected fixture approved executed; do
  fixture=$(cd test/fixtures/admission && echo v1.36/"${fixture// /}"-*)
  equals "${expected// /}" "$(after "$fixture" "$approved" "$executed")" "$fixture: $approved, then $executed"
done <<'TABLE'
true  | 003 | .request.oldObject.spec.replicas = 3 | .request.oldObject.spec.replicas = 3
false | 003 | .request.oldObject.spec.replicas = 6 | .request.oldObject.spec.replicas = 50
false | 003 | .request.oldObject.metadata.uid = "a" | .request.oldObject.metadata.uid = "b"
true  | 005 | .request.object.spec.replicas = 9 | .request.object.spec.replicas = 9 | .request.object.metadata.generation = 99 | .request.object.metadata.resourceVersion = "9"
false | 005 | .request.object.spec.replicas = 7 | .request.object.spec.replicas = 7 | .request.oldObject.metadata.uid = "b"
true  | 064 | . | .request.dryRun = true | .request.name = "x"
true  | 064 | .request.name = "e" | .request.name = "e" | .request.dryRun = true
false | 034 | .request.name = "t" | .request.name = "t" | .request.dryRun = true
true  | 021 | .request.name = "p" | .request.name = "p" | .request.dryRun = true
false | 042 | .request.object.path = "/a" | .request.object.path = "/b"
TABLE

# access VERB NAMESPACE NAME [RESOURCE [SUBRESOURCE]]: whether the authorizer denies it.
access() {
  local to
  to=$(mktemp "$work/access.XXXXXX")
  jq -n --arg verb "$1" --arg ns "$2" --arg name "$3" --arg resource "${4:-secrets}" --arg sub "${5:-}" \
    '{apiVersion: "authorization.k8s.io/v1", kind: "SubjectAccessReview", spec: {user: "agent", groups: ["ai-agents"],
      resourceAttributes: ({verb: $verb, namespace: $ns, name: $name, resource: $resource, subresource: $sub, version: "v1"}
        | with_entries(select(.value != "")))}}' >"$to"
  ask /authorize "$to"
  [[ $(field .status.denied "$answer") == true ]] && echo denied || echo passes
}

say "- reading one Secret opens that Secret"
equals denied "$(access get prod db)" "before"
matches 'An approval opens: get, list, watch of secrets prod/db, for 15 minutes, 20 times; a watch' \
  "$(field .status.reason "$work/answer")" "what the requester is told"
hold=$(sql "SELECT max(id) FROM holdpoint.hold")
matches "^hold $hold approved: get secrets prod/db by agent. Opens: get, list, watch of secrets prod/db, until " \
  "$(sql_as alice "SELECT holdpoint.approve($hold)")" "what the approver is told"
while read -r expected verb ns name resource sub; do
  [[ $ns != - ]] || ns=
  [[ $name != - ]] || name=
  equals "$expected" "$(access "$verb" "$ns" "$name" "$resource" "$sub")" "$verb $resource $ns/$name $sub"
done <<'TABLE'
passes get prod db secrets
passes get prod db secrets
passes watch prod db secrets
denied get prod other secrets
denied list prod - secrets
denied list - - secrets
denied get dev db secrets
denied patch prod db secrets
denied get prod db configmaps
TABLE
equals '3|0' "$(sql "SELECT answered, uses FROM holdpoint.hold WHERE id = $hold")" "questions use nothing up"
shown=$(HOLDPOINT_DATABASE_URL=$(stack_database_url alice) "$HOLDPOINT_BIN/holdpoint" holds show "$hold")
matches 'Opens: +get, list, watch of secrets prod/db, until .* 20 times; a watch' "$shown" "holds show"

say "- holds show lists each use"
ask /validate "$(review v1.36/071-validate-delete-configmaps.json '.request.namespace = "uses"')"
hold=$(field .response.auditAnnotations.hold "$answer")
sql_as alice "SELECT holdpoint.approve($hold)" >/dev/null
uid=$(ask /validate "$(review v1.36/071-validate-delete-configmaps.json '.request.namespace = "uses"')" &&
  field .response.uid "$work/answer")
shown=$(HOLDPOINT_DATABASE_URL=$(stack_database_url alice) "$HOLDPOINT_BIN/holdpoint" holds show "$hold" | grep -A 3 '^Passed:')
matches "DELETE configmaps uses/[a-z-]+ +${uid:0:8}" "$shown" "holds show: what passed"

say "- GET of a proxied request opens no other method"
equals denied "$(access get prod api services proxy)" "before"
sql_as alice "SELECT holdpoint.approve($(sql "SELECT max(id) FROM holdpoint.hold"))" >/dev/null
for verb in create update patch delete get; do
  equals "$([[ $verb == get ]] && echo passes || echo denied)" "$(access "$verb" prod api services proxy)" "$verb"
done

say "- what changes nothing needs no approval, and is on record"
scale=$(cd test/fixtures/admission && echo v1.36/003-*)
holds=$(sql "SELECT count(*) FROM holdpoint.hold")
ask /validate "$(review "$scale" '.request.name = "same" | .request.oldObject = .request.object')"
equals true "$(field .response.allowed "$answer")" "the same object again"
equals NoChange "$(field .response.auditAnnotations.decision "$answer")" "its annotation"
equals "$holds" "$(sql "SELECT count(*) FROM holdpoint.hold")" "holds"
eventually 15 sql_is 'Hold allowed passed: it changes nothing, so that there is nothing to approve' \
  "SELECT action || ' ' || answer || ' ' || message FROM holdpoint.decision WHERE name = 'same'"

say "- two rules hold one change: both are told, both must be satisfied"
secret=v1.36/072-validate-delete-secrets.json
ask /validate "$(review "$secret" '.request.dryRun = true')" # the answer would be the Secret
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
for line in '+ spec.values.image: "evil.example/miner:1"' \
  '+ spec.values["image\u0000"]: "registry.corp/shop:1.4"' \
  '+ spec.values["caf\u00e9"]: "a\u202eb"' '+ spec.values["cafe\u0301"]: 184467440737095516160' \
  '+ spec.values.Image: -1E+400'; do
  [[ $shown == *"$line"* ]] || fail "holds show: no $line in $shown"
done
equals 'evil.example/miner:1|registry.corp/shop:1.4' "$(show "$hold" -o json |
  jq -r '[.change.changes[] | select(.path | startswith("spec.values") and endswith("mage") or contains("u0000")) | .new]
    | .[0] + "|" + .[-1]')" "holds show -o json"
ask /validate "$(review v1.36/005-validate-update-deployments.json '.request.oldObject.spec.values = {"image": "a"} |
  .request.object.spec.values = {"image": "a", "image\u0000": "b"} | .request.namespace = "odd"')"
shown=$(show "$(field .response.auditAnnotations.hold "$answer")")
matches '\+ spec\.values\["image\\u0000"\]: "b"' "$shown" "a member that only its NUL tells apart"
sed 's/"image":"evil/"image":"good","image":"evil/' "$pod" >"$work/twice"
code=$(post_code /validate "$work/twice" "$work/answer")
[[ $code != 200 || $(field .response.allowed "$work/answer") == false ]] || fail "a key twice is let through"
[[ $(field '.response.auditAnnotations.hold // ""' "$work/answer") == "" ]] || fail "a key twice is held"
passed=1
