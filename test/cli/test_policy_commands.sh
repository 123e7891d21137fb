#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# holdpoint policy check | test | explain | bench | reference: what each prints, on which stream, and
# with which exit code (0 fine, 1 failed, 2 usage, 3 the answer is no).
set -euo pipefail
cd "$HOLDPOINT_SOURCE_DIR"
folder=$(mktemp -d /tmp/holdpoint-policy.XXXXXX)
trap 'rm -rf "$folder"' EXIT
fixtures=test/fixtures/admission/v1.20
failed=0

# run EXIT COMMAND...: keeps both streams in $folder/out and $folder/err.
run() {
  local expected=$1 code=0
  shift
  command_line=$*
  "$HOLDPOINT_BIN/holdpoint" policy "$@" >"$folder/out" 2>"$folder/err" </dev/null || code=$?
  [[ $code == "$expected" ]] || wrong "exit code $code, expected $expected"
}
wrong() {
  printf 'policy %s: %s\n' "$command_line" "$1" >&2
  sed 's/^/  out: /' "$folder/out" | head -n 20 >&2
  sed 's/^/  err: /' "$folder/err" | head -n 20 >&2
  failed=1
}
prints() { grep -qE -- "$1" "$folder/out" || wrong "nothing on standard output like: $1"; }
complains() { grep -qE -- "$1" "$folder/err" || wrong "nothing on standard error like: $1"; }
silent() { [[ ! -s $folder/$1 ]] || wrong "something on ${1/err/standard error}"; }
is_json() { jq -e "$1" "$folder/out" >/dev/null || wrong "no JSON for which: $1"; }

cat >"$folder/pods.yaml" <<'YAML'
apiVersion: holdpoint.dev/v1alpha1
kind: GuardrailPolicy
metadata: {name: pods}
spec:
  variables:
  - {name: privileged, expression: "object.spec.containers.exists(c, c.?securityContext.?privileged.orValue(false))"}
  rules:
  - name: no-privileged-pods
    match: [{apiGroups: [""], resources: [pods], operations: [CREATE]}]
    when: ["variables.privileged"]
    action: Deny
    message: "not privileged"
  - name: typo
    match: [{apiGroups: [""], resources: [pods], operations: [CREATE]}]
    when: ["object.spec.nothingLikeThis == 1"]
    action: Warn
    message: "never"
YAML
cp "$folder/pods.yaml" "$folder/broken.yaml"
sed -i 's/action: Deny/action: Dney/; s/variables.privileged"/variables.privilegd"/' "$folder/broken.yaml"
cat >"$folder/pods_test.yaml" <<'YAML'
apiVersion: holdpoint.dev/v1alpha1
kind: GuardrailPolicyTest
spec:
  policies: [pods.yaml]
  request:
    operation: CREATE
    resource: {group: "", version: v1, resource: pods}
    namespace: default
    name: a
    userInfo: {username: alice}
  cases:
  - name: an ordinary pod
    request: {object: {spec: {containers: [{name: a}], nothingLikeThis: 2}}}
    expect: {action: None}
  - name: a privileged pod
    request: {object: {spec: {containers: [{name: a, securityContext: {privileged: true}}], nothingLikeThis: 2}}}
    expect: {action: Deny, rule: no-privileged-pods}
YAML
sed 's/pods.yaml/pods.yaml/; s/expect: {action: None}/expect: {action: Hold}/' "$folder/pods_test.yaml" \
  >"$folder/wrong_test.yaml"
review=$(printf "%s\n" "$fixtures"/*-validate-create-pods.json | head -n 1)

run 0 check "$folder/pods.yaml"
prints '^1 policy, 2 rules, sha256:[0-9a-f]{64}$'
complains 'pods.yaml:15:24: warning: rule "typo": PodSpec has no field "nothingLikeThis"$'
run 0 check "$folder/pods.yaml" -o json
is_json '.policies == 1 and .rules == 2 and (.digest | startswith("sha256:")) and (.warnings | length) == 1'
run 3 check "$folder/pods.yaml" --strict
cat >"$folder/own.yaml" <<'YAML'
apiVersion: holdpoint.dev/v1alpha1
kind: GuardrailPolicy
metadata: {name: own}
spec:
  subjects: [{kind: Group, name: "ai-*"}]
  excludeSubjects: [{kind: Group, name: ai-leads}]
  rules:
  - name: deletes
    match: [{apiGroups: [""], resources: [pods], operations: [DELETE]}]
    action: Hold
    hold: {approvers: [ai-agents, ai-leads, sre, "system:authenticated", "system:serviceaccounts:ops"]}
YAML
run 3 check "$folder/own.yaml" --strict
complains 'own.yaml:8:5: warning: rule "deletes": the approver group "ai-agents" is one that the policy guards: its members approve for each other$'
complains 'own.yaml:8:5: warning: rule "deletes": everybody is in the approver group "system:authenticated"'
complains 'own.yaml:8:5: warning: rule "deletes": everybody is in the approver group "system:serviceaccounts:ops"'
run 0 check "$folder/own.yaml" -o json
is_json '.warnings | length == 3'
sed '/name: typo/,$d' "$folder/pods.yaml" >"$folder/good.yaml"
run 0 check "$folder/good.yaml" --strict
prints '^1 policy, 1 rule, '
silent err

sed -i 's/operations: \[CREATE\]}/operations: [CREATE], namespaceSelector: {matchLabels: {env: prod}}}/' "$folder/good.yaml"
run 0 check "$folder/good.yaml"
complains 'note: rules look at objects of the cluster .* needs --kubernetes-api'

# ---- manifests ----
cat >"$folder/manifests.yaml" <<'YAML'
apiVersion: v1
kind: Pod
metadata: {name: a}
spec: {containers: [{name: a, securityContext: {privileged: true}}]}
---
apiVersion: v1
kind: List
items:
- {apiVersion: v1, kind: Pod, metadata: {generateName: b-, namespace: prod}, spec: {nothingLikeThis: 1, containers: []}}
- {apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: c}}
- {apiVersion: example.com/v1, kind: Policy, metadata: {name: d}}
YAML
run 0 explain "$folder/pods.yaml" -f "$folder/manifests.yaml" --as alice --as-group dev --as-group ops
prints '^CREATE pods default/a by alice \(dev, ops\)$'
prints '^Decision: .*Deny.* by pods/no-privileged-pods$'
prints '^CREATE pods prod/\(no name\) by alice'
prints '^Decision: .*Warn.* by pods/typo$'
prints '^CREATE clusterroles.rbac.authorization.k8s.io c by alice'
prints '^CREATE policies.example.com default/d by alice'
complains '^note: resource policies is a guess'
run 0 explain "$folder/pods.yaml" -f "$folder/manifests.yaml" --as alice -o json
[[ $(jq -r .action "$folder/out" | xargs) == 'Deny Warn None None' ]] || wrong "other actions: $(jq -r .action "$folder/out" | xargs)"
run 0 explain "$folder/pods.yaml" -f "$folder/manifests.yaml" --as alice -n prod --operation DELETE --rules
prints '^DELETE pods prod/a by alice$'
prints '^    Deny   no-privileged-pods +not matched: another operation'
run 2 explain "$folder/pods.yaml" -f "$folder/manifests.yaml"
complains 'manifest needs --as'
run 2 explain "$folder/pods.yaml" --review "$review" --as alice
complains 'are for --manifest'
run 2 explain "$folder/pods.yaml"
complains 'say either --review or --manifest'
printf 'kind: Pod\nmetadata: {name: a}\n---\n[1]\n' >"$folder/none.yaml"
run 1 explain "$folder/pods.yaml" -f "$folder/none.yaml" --as alice
complains 'none.yaml:1:1: an object needs apiVersion, kind, and metadata.name or generateName'
complains 'none.yaml:4:2: an object must be a mapping'
: >"$folder/empty.yaml"
run 1 explain "$folder/pods.yaml" -f "$folder/empty.yaml" --as alice
complains 'there is no object in '
run 1 explain "$folder/pods.yaml" -f "$folder/no-such-file.yaml" --as alice
complains 'no-such-file.yaml: No such file'

# ---- misspelt commands ----
run 2 chek "$folder/pods.yaml"
complains '^holdpoint: no command "policy chek" \(did you mean policy check[?]\); see holdpoint --help$'
run 2 something "$folder/pods.yaml"
complains '^holdpoint: policy needs one more word: policy check, policy authorizer'

# ---- the past: no database here ----
run 1 replay "$folder/broken.yaml"
complains 'the policies have errors'
run 1 replay "$folder/pods.yaml" --database-url host=/nowhere
complains 'holdpoint policy replay: '
run 1 replay "$folder/pods.yaml" --objects "$folder/none-there.yaml"
run 2 replay "$folder/pods.yaml" --since 2020-01-02 --until 2020-01-01 --database-url host=/nowhere
run 2 replay "$folder/pods.yaml" --limit 0

# ---- what no case reaches ----
run 0 test "$folder/pods_test.yaml" --coverage
prints '/pods.yaml:13:5: rule "typo" of policy "pods": condition 1 is never true: object.spec.nothingLikeThis == 1$'
prints '^1 of 2 rules applied; of 2 conditions each true and each false, 3 of 4$'
run 3 test "$folder/pods_test.yaml" --require-coverage -q
run 0 test "$folder/pods_test.yaml" --coverage -o json
is_json '.passed == 2 and .coverage.rulesApplied == 1 and .coverage.branchesReached == 3 and .coverage.gaps[0].rule == "typo"'
run 0 test docs/examples/tests --require-coverage -q
prints '^16 of 16 rules applied; of 13 conditions each true and each false, 26 of 26$'
cat >"$folder/reach.yaml" <<'YAML'
apiVersion: holdpoint.dev/v1alpha1
kind: GuardrailPolicy
metadata: {name: reach}
spec:
  match: [{apiGroups: [""], resources: [pods], operations: [CREATE]}]
  rules:
  - {name: never, match: [{apiGroups: [""], resources: [nodes], operations: [CREATE]}], action: Deny, message: a}
  - {name: apart, when: ["object.spec.x == 1", "object.spec.y == 1"], action: Warn, message: a}
  - {name: behind, when: ["object.spec.x == 3", "object.spec.y == 3"], action: Warn, message: a}
  - {name: through, action: Allow, when: ["object.spec.x == 2"]}
  - {name: exempted, action: Deny, message: a}
YAML
cat >"$folder/reach_test.yaml" <<'YAML'
apiVersion: holdpoint.dev/v1alpha1
kind: GuardrailPolicyTest
spec:
  policies: [reach.yaml]
  request:
    operation: CREATE
    resource: {group: "", version: v1, resource: pods}
    name: a
    userInfo: {username: alice}
  cases:
  - {name: one, request: {object: {spec: {x: 2, y: 1}}}, expect: {action: Allow}}
YAML
run 3 test "$folder/reach_test.yaml" --require-coverage
prints 'reach.yaml:7:5: rule "never" of policy "reach": no case is about it$'
prints 'rule "apart" of policy "reach": condition 1 is never true: object.spec.x == 1$'
prints 'rule "apart" of policy "reach": condition 2 is never evaluated: object.spec.y == 1$'
prints 'rule "through" of policy "reach": condition 1 is never false'
prints 'rule "exempted" of policy "reach": no case is about it$'
prints '^1 of 5 rules applied; of 5 conditions each true and each false, 3 of 10$'
# The same policy through two files of tests is counted once, and what both reach together.
sed 's/name: one/name: two/; s/x: 2, y: 1/x: 1, y: 1/; s/action: Allow/action: Deny/' "$folder/reach_test.yaml" >"$folder/reach2_test.yaml"
run 3 test "$folder/reach_test.yaml" "$folder/reach2_test.yaml" --require-coverage
prints '^3 of 5 rules applied; of 5 conditions each true and each false, 6 of 10$'

# ---- what nobody asks about ----
cat >"$folder/unasked.yaml" <<'YAML'
apiVersion: holdpoint.dev/v1alpha1
kind: GuardrailPolicy
metadata: {name: unasked}
spec:
  subjects: [{kind: Group, name: ai-agents}, {kind: Group, name: ci}]
  rules:
  - name: reads
    match: [{apiGroups: [""], resources: [secrets], verbs: [get]}]
    action: Hold
    hold: {wait: 20s}
  - name: webhooks
    match: [{apiGroups: [admissionregistration.k8s.io], resources: ["*"], operations: [DELETE]}]
    action: Deny
YAML
run 0 check "$folder/unasked.yaml"
prints '^1 policy, 2 rules, '
complains 'unasked.yaml:7:5: warning: rule "reads" has a setting without effect: .* cut to 1s'
complains 'unasked.yaml:11:5: warning: rule "webhooks" is never asked about: .*admissionregistration'
complains '^note: 1 rule with verbs needs an API server that asks /authorize'
run 3 check "$folder/unasked.yaml" --require-coverage
sed 's/resources: \[pods\]/resources: [pod]/' "$folder/pods.yaml" >"$folder/pod.yaml"
run 3 check "$folder/pod.yaml" --require-coverage
complains 'is never asked about: API group "" has no resource "pod"; did you mean "pods"[?]$'
run 3 check "$folder/unasked.yaml" --require-coverage --static-manifests --authorizer=absent
complains 'rule "reads" is never asked about: no API server asks /authorize'
run 3 check "$folder/unasked.yaml" --managed --static-manifests --require-coverage
complains 'rule "reads" is never asked about: a managed control plane'
run 0 check "$folder/unasked.yaml" --authorizer=present --static-manifests --require-coverage
run 0 check "$folder/unasked.yaml" -o json
is_json '.unasked == 1 and (.warnings | length) == 2'
run 2 check "$folder/unasked.yaml" --kubernetes-version two
run 2 check "$folder/unasked.yaml" --managed --authorizer=present
run 0 authorizer "$folder/unasked.yaml" --kubernetes-version v1.36.2 --dir /etc/hp
prints '^apiVersion: apiserver.config.k8s.io/v1$'
prints 'kubeConfigFile: /etc/hp/authorization-webhook.kubeconfig$'
prints "'ai-agents' in request.groups \|\| 'ci' in request.groups"
cp "$folder/out" "$folder/authorization.yaml"
run 0 check "$folder/unasked.yaml" --authorization-config "$folder/authorization.yaml" --static-manifests --require-coverage
sed -i "s/'ci' in/'cd' in/" "$folder/authorization.yaml"
run 3 check "$folder/unasked.yaml" --authorization-config "$folder/authorization.yaml" --static-manifests --require-coverage
complains 'rule "reads" is never asked about: the matchConditions of the authorizer leave group ci out'
run 1 check "$folder/unasked.yaml" --authorization-config "$folder/unasked.yaml"
run 0 authorizer "$folder/unasked.yaml" --kubernetes-version 1.30
prints '^apiVersion: apiserver.config.k8s.io/v1beta1$'
run 3 authorizer "$folder/unasked.yaml" --kubernetes-version 1.29
complains '--authorization-mode=Webhook,Node,RBAC'
run 1 authorizer "$folder/broken.yaml"

run 1 check "$folder/broken.yaml"
silent out
complains "broken.yaml:11:13: .*Dney.*Deny"
complains 'broken.yaml:10:13: .*privilegd.*privileged'
run 1 check "$folder/absent"
complains 'absent: No such file or directory'
run 2 check
complains 'check: .*--help'
run 2 check "$folder/pods.yaml" --no-such-flag
complains '--no-such-flag'

run 0 test "$folder/pods_test.yaml"
prints 'ok   an ordinary pod'
prints '^2 passed, 0 failed$'
mkdir "$folder/tests" && sed 's|pods.yaml|../pods.yaml|' "$folder/pods_test.yaml" >"$folder/tests/pods_test.yaml"
run 0 test "$folder/tests/"
prints "^$folder/tests/pods_test.yaml$"
run 0 test --quiet "$folder/pods_test.yaml"
run 3 test "$folder/wrong_test.yaml"
prints 'FAIL an ordinary pod'
prints '^1 passed, 1 failed$'
run 3 test "$folder/wrong_test.yaml" -o json
is_json '.passed == 1 and .failed == 1'
run 1 test "$folder/absent_test.yaml"
complains 'absent_test.yaml'

run 0 explain "$folder/pods.yaml" -r "$review"
prints '^CREATE pods '
prints 'no-privileged-pods +applies'
prints 'typo +could not be evaluated|typo +condition'
prints '^Decision: Deny by pods/'
run 0 explain "$folder/pods.yaml" -r "$review" -o wide
prints '^Decision: Deny'
run 0 explain "$folder/pods.yaml" -r "$review" -o json
is_json '.action == "Deny" and (.rules | length) == 2 and .rules[0].conditions[0].expression == "variables.privileged"'
for hold in '{grant: Window, window: 10m, maxUses: 5, scope: Namespace}' '{allowWindow: {upTo: 30m}}' '{}'; do
  cat >"$folder/held.yaml" <<YAML
apiVersion: holdpoint.dev/v1alpha1
kind: GuardrailPolicy
metadata: {name: held}
spec:
  rules:
  - name: all
    match: [{apiGroups: ["*"], resources: ["*"], operations: ["*"]}]
    action: Hold
    hold: $hold
YAML
  run 0 explain "$folder/held.yaml" -r "$review"
  case $hold in
  *grant*) prints '^Approval: a Window of 10m, at most 5 requests, scope Namespace$' ;;
  *allow*) prints '^Approval: this one change; with --like a Window of 30m, at most 20 requests, scope Object$' ;;
  *) prints '^Approval: this one change$' ;;
  esac
done
run 0 explain "$folder/held.yaml" -r "$review" -o json
is_json '.hold == {"grant": "Once"}'
run 0 explain "$folder/pods.yaml" -r "$(printf "%s\n" test/fixtures/authorize/v1.20/* | head -n 1)"
prints '^Decision: allowed, no rule applies$'
# What exists beside the request comes from manifests.
jq -n '{apiVersion: "admission.k8s.io/v1", kind: "AdmissionReview", request: {uid: "u", operation: "CREATE",
  resource: {group: "", version: "v1", resource: "configmaps"}, namespace: "shop",
  userInfo: {username: "claude"}, object: {}}}' >"$folder/created.json"
printf '%s: v1\nkind: Namespace\nmetadata: {name: shop, labels: {env: %s}, annotations: {team: payments}}\n' \
  apiVersion prod >"$folder/shop.yaml"
run 0 explain test/policy/namespaces.yaml -r "$folder/created.json" --objects "$folder/shop.yaml"
prints '^Decision: Deny by namespaces/production$'
prints 'shop is production, of payments'
sed -i 's/env: prod/env: dev/' "$folder/shop.yaml"
run 0 explain test/policy/namespaces.yaml -r "$folder/created.json" --objects "$folder/shop.yaml"
prints 'production .*not matched: a namespace with other labels'
prints '^Decision: allowed'
run 0 explain test/policy/namespaces.yaml -r "$folder/created.json"
prints "could not be evaluated: nothing is known of the cluster's Namespaces"
prints '^Decision: Deny'
printf 'kind: Namespace\n' >"$folder/shop.yaml"
run 1 explain test/policy/namespaces.yaml -r "$folder/created.json" --objects "$folder/shop.yaml"
complains 'shop.yaml:1:1: an object needs apiVersion, kind and metadata.name$'
run 1 explain test/policy/namespaces.yaml -r "$folder/created.json" --objects "$folder/no.yaml"
complains 'no.yaml'

for bad in '{' '{"kind":"Nothing"}' ''; do
  printf '%s' "$bad" >"$folder/review.json"
  run 1 explain "$folder/pods.yaml" -r "$folder/review.json"
  complains 'review.json'
done
run 1 explain "$folder/pods.yaml" -r "$folder/absent.json"
complains 'absent.json: No such file'
run 1 explain "$folder/broken.yaml" -r "$review"
complains 'broken.yaml:11:13'
run 2 explain "$folder/pods.yaml"
complains '--review'

run 0 bench "$folder/pods.yaml" -r "$review" --for 50ms
prints '[0-9]+ ns +Deny'
run 0 bench "$folder/pods.yaml" -r "$review" -r "$review" --for 50ms -o json
is_json '.rules == 2 and (.reviews | length) == 2 and .reviews[0].ns > 0'
run 1 bench "$folder/pods.yaml" -r "$folder/absent.json" --for 50ms
complains 'absent.json'

run 0 reference
prints '^# '
exit "$failed"
