#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The Namespaces that validate.holdpoint.dev leaves out, where no API server asks /authorize: what a
# policy says of them holds through status and finalize, by which labels can be written as well.
# shellcheck source=test/e2e/harness.sh
source "$(dirname "$0")/harness.sh"

policy=$(mktemp /tmp/holdpoint-policy.XXXXXX.yaml)
cat >"$policy" <<'YAML'
apiVersion: holdpoint.dev/v1alpha1
kind: GuardrailPolicy
metadata: {name: namespaces}
spec:
  subjects: [{kind: Group, name: ai-agents}]
  rules:
  - name: stay
    match: [{apiGroups: [""], resources: [namespaces, "namespaces/*"], operations: ["*"]}]
    action: Deny
YAML
e2e_begin --policy "$policy"
trap 'rm -f "$policy"; e2e_end' EXIT

step_is "nobody relabels one through a subresource"
as admin create namespace holdpoint-system >/dev/null 2>&1 || as admin get namespace holdpoint-system >/dev/null
# From 1.21 on the API server sets it itself.
as admin label namespace holdpoint-system kubernetes.io/metadata.name=holdpoint-system --overwrite >/dev/null
for subresource in '' /status /finalize; do
  as admin get namespace holdpoint-system -o json |
    jq '.metadata.labels["pod-security.kubernetes.io/enforce"] = "privileged"' >"$e2e_dir/relabelled.json"
  refused 'namespaces.holdpoint.dev.* rule stay of policy namespaces forbids this' \
    as agent replace -f "$e2e_dir/relabelled.json" --raw "/api/v1/namespaces/holdpoint-system$subresource"
  equals null "$(as admin get namespace holdpoint-system -o json |
    jq '.metadata.labels["pod-security.kubernetes.io/enforce"]')" "the label, after $subresource"
done
e2e_passed
