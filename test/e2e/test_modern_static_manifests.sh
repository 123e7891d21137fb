#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The webhook configurations from files (ManifestBasedAdmissionControlConfig): nobody can delete them
# through the API, and they are asked even about webhook configurations, of which those that are
# objects never hear.
source "$(dirname "$0")/harness.sh"

policy=$(mktemp /tmp/holdpoint-policy.XXXXXX.yaml)
cat >"$policy" <<'YAML'
apiVersion: holdpoint.dev/v1alpha1
kind: GuardrailPolicy
metadata: {name: static}
spec:
  subjects: [{kind: Group, name: ai-agents}]
  rules:
  - name: no-webhooks
    match: [{apiGroups: ["admissionregistration.k8s.io"], resources: ["*"], operations: ["*"]}]
    action: Deny
    message: "webhooks are not for agents"
  - name: no-secrets
    match: [{apiGroups: [""], resources: ["secrets"], operations: ["CREATE"]}]
    action: Deny
    message: "no secrets either"
YAML
e2e_begin --static-manifests --policy "$policy"
rm -f "$policy"

step_is "there is no webhook configuration in the API"
equals '' "$(as admin get validatingwebhookconfigurations,mutatingwebhookconfigurations -o name)" "configurations"

step_is "and the webhook is asked"
refused 'validate.holdpoint.dev.*denied the request: no secrets either' \
  as agent create secret generic s --from-literal=a=b
passes as agent create configmap c --from-literal=a=b

step_is "about webhook configurations too"
printf '%s' '{"apiVersion":"admissionregistration.k8s.io/v1","kind":"ValidatingWebhookConfiguration",
  "metadata":{"name":"decoy"},"webhooks":[]}' >"$e2e_dir/decoy.json"
refused 'denied the request: webhooks are not for agents' as agent create -f "$e2e_dir/decoy.json"
passes as admin create -f "$e2e_dir/decoy.json"
refused 'denied the request: webhooks are not for agents' as agent delete validatingwebhookconfiguration decoy
e2e_passed
