#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A patch whose body is YAML: the API server drops its event, with the audit policy that is shipped its
# beginning is known all the same. Of a patch in JSON there are both stages, and people see one line.
# shellcheck source=test/e2e/harness.sh
source "$(dirname "$0")/harness.sh"

e2e_begin --audit-policy "$root/manifests/apiserver/audit-policy.yaml"
configs=/api/v1/namespaces/prod/configmaps

# patch NAME TYPE BODY: the status code.
patch() {
  local kube=$cluster_dir/kube
  curl -sS -o "$e2e_dir/answer" -w '%{http_code}' --max-time 20 --cacert "$kube/cluster-ca.crt" --cert "$kube/ci.crt" \
    --key "$kube/ci.key" -X PATCH -H "Content-Type: application/$2" --data-binary "$3" \
    "$cluster_url$configs/$1?fieldManager=test"
}
# stages NAME: those of its patches, in the record.
stages() {
  sql "SELECT string_agg(stage, ' ' ORDER BY seq) FROM holdpoint.audit_event WHERE verb = 'patch' AND name = '$1'"
}
stages_are() { [[ $(stages "$1") == "$2" ]]; }

as admin create namespace prod >/dev/null
for name in json yaml; do as admin -n prod create configmap "$name" >/dev/null; done
step_is "a patch in YAML changes the object"
equals 200 "$(patch yaml apply-patch+yaml $'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: yaml}\ndata: {a: b}\n')" "YAML"
equals b "$(as admin -n prod get configmap yaml -o 'jsonpath={.data.a}')" "what it changed"
equals 200 "$(patch json merge-patch+json '{"data":{"a":"b"}}')" "JSON"

step_is "both have a beginning, one has an end"
eventually 20 stages_are json 'RequestReceived ResponseComplete'
eventually 20 stages_are yaml 'RequestReceived'
equals 0 "$(sql "SELECT count(*) FROM holdpoint.audit_event WHERE verb <> 'patch' AND stage = 'RequestReceived'")" \
  "beginnings of what is no patch"
equals 1 "$(cli auditor events --name json --verb patch | grep -c ' patch ')" "lines of the patch in JSON"
equals 1 "$(cli auditor events --name yaml --verb patch | grep -c ' patch ')" "lines of the patch in YAML"
e2e_passed
