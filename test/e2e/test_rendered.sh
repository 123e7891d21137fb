#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What manifests/apiserver/render makes for the policies that are loaded, on a real API server: all of
# their subjects are asked about, under any verb of impersonation; and, where the API server has
# them, static manifests, which stay when the API's own registration is gone.
# shellcheck source=test/e2e/harness.sh
source "$(dirname "$0")/harness.sh"

policy=$(mktemp /tmp/holdpoint-policy.XXXXXX.yaml)
cat >"$policy" <<'YAML'
apiVersion: holdpoint.dev/v1alpha1
kind: GuardrailPolicy
metadata: {name: guard}
spec:
  subjects: [{kind: Group, name: "ai-*"}, {kind: Group, name: ci}, {kind: ServiceAccount, namespace: agents, name: "*"}]
  rules:
  - name: secrets
    match: [{apiGroups: [""], resources: [secrets], verbs: [get, list, watch]}]
    action: Hold
  - name: nobody-else
    match: [{apiGroups: [""], resources: [users, groups], verbs: [impersonate]}]
    action: Deny
  - name: webhooks
    match: [{apiGroups: [admissionregistration.k8s.io], resources: ["*"], operations: ["*"]}]
    action: Deny
YAML

# As an operator does: for these policies, and for the version of the API server.
rendered_static=0
cluster_holdpoint_files() {
  local to=$cluster_dir/holdpoint args=("$@" --policy "$policy")
  cluster_knows --authorization-config || args+=(--kubernetes-version 1.20)
  if ((rendered_static)); then args+=(--static --kubernetes-version 1.36); fi
  (umask 077 && cp "$cluster_certs"/{ca.crt,apiserver.crt,apiserver.key,audit.crt,audit.key} "$to/")
  HOLDPOINT=$stack_bin/holdpoint "$root/manifests/apiserver/render" --to "$to" --dir "$to" \
    --cluster "$cluster_name" --webhook-url "$cluster_webhook" --sink-url "$cluster_sink" \
    --ca-file "$to/ca.crt" "${args[@]}"
  cp "$cluster_audit_policy" "$to/audit-policy.yaml"
}
doctor() {
  KUBECONFIG=$cluster_dir/kube/admin.kubeconfig PATH=$(dirname "$cluster_kubectl"):$PATH \
    cli auditor doctor --cluster e2e -o json "$@" || [[ $? == 3 ]]
}
status_of() { jq -r --arg check "$1" '[.checks[] | select(.check == $check) | .status] | unique | join(" ")'; }

e2e_begin --authorize --webhook-flag --client-name=kube-apiserver --policy "$policy"
trap 'rm -f "$policy"; e2e_end' EXIT

guards_reads() {
  step_is "each subject of the policies is asked about, nobody else is held"
  as admin create secret generic db --from-literal=a=b >/dev/null
  refused 'hold [0-9]+' as agent get secret db
  refused 'hold [0-9]+' as ci get secret db
  passes as sre get secret db
  step_is "nobody becomes somebody else, however the API server asks"
  refused 'rule nobody-else of policy guard' as agent get configmaps --as=alice
  refused 'rule nobody-else of policy guard' as ci get configmaps --as=alice --as-group=sre
}
guards_reads
equals OK "$(doctor | status_of authorizer)" "the doctor on the authorizer"
equals FAIL "$(doctor | status_of rules-unasked)" "the doctor on webhooks, which admission does not see"

if [[ $cluster_flags == *ManifestBasedAdmissionControlConfig* ]]; then
  step_is "static manifests"
  cluster_stop "$cluster_dir"
  rendered_static=1
  eval "$(declare -f cluster_authorization_args | sed '1s/cluster_authorization_args/cluster_other_args/')"
  cluster_authorization_args() {
    cluster_other_args
    args+=(--feature-gates=ManifestBasedAdmissionControlConfig=true)
  }
  rm -rf "$e2e_dir/cluster"
  cluster_start "$e2e_dir/cluster" --authorize --cluster "$stack_cluster" --certs "$stack_dir/certs" \
    --webhook-url "${stack_url[webhook]}" --sink-url "${stack_url[sink]}"
  equals "" "$(as admin get validatingwebhookconfigurations,mutatingwebhookconfigurations -o name)" \
    "what the API knows of webhooks"
  guards_reads
  step_is "they are asked about webhook configurations"
  refused 'rule webhooks of policy guard' as agent create -f - <<'YAML'
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: mine}
YAML
  equals OK "$(doctor --static-manifests | status_of rules-unasked)" "the doctor on static manifests"
else
  note "this API server has no static manifests"
fi
e2e_passed
