#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# holdpoint policy scan of a real API server: more objects than a page has, what rules look up, and
# somebody who may not read it all. What it says of an object is what the webhook then does.
source "$(dirname "$0")/harness.sh"

e2e_begin --policy "$root/test/e2e/policy.yaml"
cat >"$e2e_dir/scanned.yaml" <<'YAML'
apiVersion: holdpoint.dev/v1alpha1
kind: GuardrailPolicy
metadata: {name: scanned}
spec:
  subjects: [{kind: User, name: "claude-code@*"}]
  rules:
  - name: few-keys
    match: [{apiGroups: [""], resources: [configmaps], operations: [CREATE], namespaceSelector: {matchLabels: {tier: gold}}}]
    when: ["size(object.?data.orValue({})) > 1"]
    action: Deny
    message: "{{ object.kind }} {{ request.namespace }}/{{ request.name }} has too many keys"
  - name: roles
    match: [{apiGroups: [rbac.authorization.k8s.io], resources: [roles], operations: [CREATE]}]
    action: Hold
    message: roles are looked at
YAML
scan() {
  local code=$1 got=0
  shift
  PATH="$(dirname "$cluster_kubectl"):$PATH" "$HOLDPOINT_BIN/holdpoint" policy scan "$e2e_dir/scanned.yaml" \
    --as claude-code@agents.example.com "$@" >"$e2e_dir/out" 2>"$e2e_dir/err" || got=$?
  [[ $got == "$code" ]] || fail "policy scan $*: exit $got, expected $code: $(head -n 5 "$e2e_dir/out" "$e2e_dir/err")"
}
said() { grep -qE -- "$1" "$e2e_dir/out" "$e2e_dir/err" || fail "not said: $1: $(head -n 5 "$e2e_dir/out" "$e2e_dir/err")"; }
admin=(--kubeconfig "$cluster_dir/kube/admin.kubeconfig")

step_is "many objects, in pages"
passes as admin create namespace shop
passes as admin label namespace shop tier=gold
passes as admin create namespace yard
for ((i = 0; i < 1203; i++)); do
  printf -- '---\n{apiVersion: v1, kind: ConfigMap, metadata: {name: c%d, namespace: shop}, data: {a: x}}\n' "$i"
done >"$e2e_dir/many.yaml"
passes as admin create -f "$e2e_dir/many.yaml"
passes as admin create configmap two -n shop --from-literal=a=1 --from-literal=b=2
passes as admin create configmap two -n yard --from-literal=a=1 --from-literal=b=2
passes as admin create role reader -n yard --verb=get --resource=pods
scan 3 "${admin[@]}" -n shop --resource configmaps -o wide
said '^denied +configmaps +shop/two +scanned/few-keys +ConfigMap shop/two has too many keys$'
said '^120[4-9] objects: 1 would be denied, 0 held, 0 warned of$'
scan 3 "${admin[@]}" -o json
jq -e '.complete and .denied == 1 and ([.findings[] | select(.action == "Hold" and .namespace == "yard")] | length) == 1' \
  "$e2e_dir/out" >/dev/null || fail "not what exists: $(head -c 600 "$e2e_dir/out")"
scan 0 "${admin[@]}" -n yard --resource configmaps

step_is "the webhook then does what the scan said"
policies=("${e2e_policies[@]}" "$e2e_dir/scanned.yaml")
daemon_stop webhook
webhook_start "${policies[@]}" -- --kubernetes-api="$cluster_url" \
  --kubernetes-ca-file="$cluster_dir/kube/cluster-ca.crt" --kubernetes-cert-file="$cluster_dir/kube/admin.crt" \
  --kubernetes-key-file="$cluster_dir/kube/admin.key"
refused 'ConfigMap shop/three has too many keys' as agent create configmap three -n shop --from-literal=a=1 --from-literal=b=2
passes as agent create configmap three -n yard --from-literal=a=1 --from-literal=b=2

step_is "who may not read says so"
cert_issue "$cluster_dir/kube" cluster-ca nobody clientAuth "/CN=nobody@example.com"
cluster_kubeconfig nobody "client-certificate: nobody.crt, client-key: nobody.key"
scan 1 --kubeconfig "$cluster_dir/kube/nobody.kubeconfig" --resource configmaps
said '^not looked at: configmaps: configmaps is forbidden: .* \(HTTP 403\)$'

e2e_passed
