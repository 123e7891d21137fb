#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# holdpoint policy import: what it writes gives the recorded verdicts; what it cannot carry over is named
# with its place and the reason, and left out whole.
set -euo pipefail
cd "$HOLDPOINT_SOURCE_DIR"
folder=$(mktemp -d /tmp/holdpoint-import.XXXXXX)
trap 'rm -rf "$folder"' EXIT
failed=0

run() {
  local expected=$1 code=0
  shift
  command_line=$*
  "$HOLDPOINT_BIN/holdpoint" policy "$@" >"$folder/out" 2>"$folder/err" </dev/null || code=$?
  [[ $code == "$expected" ]] || wrong "exit code $code, expected $expected"
}
wrong() {
  printf 'policy %s: %s\n' "$command_line" "$1" >&2
  head -n 20 "$folder/out" "$folder/err" >&2
  failed=1
}
complains() { grep -qE -- "$1" "$folder/err" || wrong "nothing on standard error like: $1"; }

run 0 import test/policy/import/policies.yaml
complains '^7 policies written, 0 left out$'
complains 'policies.yaml:18:13: note: the answer.s reason and code are those of any denial$'
cp "$folder/out" "$folder/imported.yaml"
cp test/policy/import/verdicts_test.yaml "$folder"
run 0 test "$folder/verdicts_test.yaml"
run 0 check "$folder/imported.yaml"

# policy REST-OF-SPEC, binding REST-OF-SPEC
policy() {
  printf 'apiVersion: admissionregistration.k8s.io/v1\nkind: ValidatingAdmissionPolicy\nmetadata: {name: p}\nspec:\n'
  printf '  matchConstraints: {resourceRules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [pods]}]}\n'
  printf '  %s\n' "$@"
}
binding() {
  printf -- '---\napiVersion: admissionregistration.k8s.io/v1\nkind: ValidatingAdmissionPolicyBinding\nmetadata: {name: b}\nspec:\n  policyName: p\n'
  printf '  %s\n' "$@"
}
fine='validations: [{expression: "true"}]'
# left_out PATTERN: of what stands in p.yaml
left_out() {
  run 3 import "$folder/p.yaml"
  complains "$1"
  complains '0 policies written, 1 left out$'
  [[ ! -s $folder/out ]] || wrong "something was written"
}
{ policy 'validations: [{expression: "object.spec.foo ="}]' && binding 'validationActions: [Deny]'; } >"$folder/p.yaml"
left_out 'p.yaml:6:17: '
{ policy "$fine" 'somethingNew: 1' && binding 'validationActions: [Deny]'; } >"$folder/p.yaml"
left_out 'p.yaml:7:3: field "somethingNew" is not known, and nothing is guessed$'
{ policy "$fine" && binding 'validationActions: []'; } >"$folder/p.yaml"
left_out 'p.yaml:13:22: validationActions needs Deny, Warn or Audit$'
{ policy "$fine" 'paramKind: {apiVersion: v1, kind: ConfigMap}' && binding 'validationActions: [Deny]'; } >"$folder/p.yaml"
left_out 'p.yaml:9:1: the policy has a paramKind, and this binding no paramRef$'
{ policy "$fine" 'paramKind: {apiVersion: v1, kind: Secret}' && binding 'validationActions: [Deny]' 'paramRef: {name: a, parameterNotFoundAction: Deny}'; } >"$folder/p.yaml"
left_out 'p.yaml:15:13: Secrets are not read'
{ policy 'auditAnnotations: [{key: a, valueExpression: "1"}]' && binding 'validationActions: [Deny]'; } >"$folder/p.yaml"
left_out 'p.yaml:5:3: it has no validations'
{ policy "$fine" && binding 'validationActions: [Deny]' 'matchResources: {objectSelector: {matchExpressions: [{key: a, operator: Near}]}}'; } >"$folder/p.yaml"
left_out 'operator is In, NotIn, Exists or DoesNotExist$'
{ policy "$fine" && binding 'validationActions: [Deny]' 'matchResources: {resourceRules: [{apiGroups: [""], apiVersions: ["*"], operations: ["*"], resources: ["*/*"], scope: Some}]}'; } >"$folder/p.yaml"
left_out 'scope is Namespaced, Cluster or \*$'
{ policy "$fine" && binding 'validationActions: Deny'; } >"$folder/p.yaml"
left_out 'validationActions must be a list, not '
sed 's/Validating/Mutating/; s/validations:.*/mutations: [{patchType: ApplyConfiguration, applyConfiguration: {expression: "Object{}"}}]/; /validationActions/d' \
  <<<"$(policy "$fine" && binding)" >"$folder/p.yaml"
left_out 'p.yaml:6:15: an applyConfiguration cannot be carried over: write its Object\{\} as a mergePatch, or as a jsonPatch$'
printf 'apiVersion: admissionregistration.k8s.io/v1\nkind: ValidatingAdmissionPolicyBinding\nmetadata: {name: b}\nspec: {policyName: away}\n' >"$folder/p.yaml"
left_out 'p.yaml:1:1: its policy "away" is in none of the files$'

# Not bound is not wrong: it does nothing there either.
policy "$fine" >"$folder/p.yaml"
run 0 import "$folder/p.yaml"
complains 'p.yaml:1:1: note: policy "p" has no binding here'
complains '^0 policies written, 0 left out$'
{ policy "$fine" 'auditAnnotations: [{key: a, valueExpression: "1"}]' && binding 'validationActions: [Audit]' && binding 'validationActions: [Warn]' | sed 's/name: b/name: c/'; } >"$folder/p.yaml"
run 0 import "$folder/p.yaml"
complains 'note: left out: each decision is recorded'
complains '^2 policies written, 0 left out$'
[[ $(grep -cE '"p\.[bc]"' "$folder/out") == 2 ]] || wrong "not a policy a binding"
sed -i 's/apiGroups: \[""\]/apiGroups: [example.com]/' "$folder/p.yaml"
run 0 import "$folder/p.yaml"
complains 'note: requests in other versions of group "example.com" are not converted'
# One name for two kinds there is two names here.
{ policy "$fine" && binding 'validationActions: [Deny]' && echo '---' && policy "$fine" |
  sed "s/Validating/Mutating/; s/validations:.*/mutations: [{patchType: JSONPatch, jsonPatch: {expression: '[]'}}]/" &&
  binding | sed 's/Validating/Mutating/'; } >"$folder/p.yaml"
run 0 import "$folder/p.yaml"
cp "$folder/out" "$folder/both.yaml"
run 0 check "$folder/both.yaml"
printf 'apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: ConfigMap, metadata: {name: a}}\n' >"$folder/p.yaml"
run 1 import "$folder/p.yaml"
complains 'there is no ValidatingAdmissionPolicy or MutatingAdmissionPolicy$'
printf 'a: [\n' >"$folder/p.yaml"
run 1 import "$folder/p.yaml"
run 1 import "$folder/none"
run 2 import

exit "$failed"
