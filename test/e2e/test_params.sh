#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Parameters of policies on a real API server: a ConfigMap and a custom resource, whose kind is not even
# defined at first. The webhook may read these, and no other ConfigMap.
source "$(dirname "$0")/harness.sh"

e2e_begin --mounted --policy "$root/test/e2e/namespaces.yaml"

passes as admin create namespace rules
passes as admin create namespace shop
passes as admin create serviceaccount reader -n rules
passes as admin create clusterrole reader --verb=list,watch --resource=namespaces
passes as admin create clusterrolebinding reader --clusterrole=reader --serviceaccount=rules:reader
passes as admin create role reader -n rules --verb=list,watch --resource=configmaps --resource-name=limits
passes as admin create rolebinding reader -n rules --role=reader --serviceaccount=rules:reader
printf '{"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": 3600}}' |
  as admin create -f - --raw /api/v1/namespaces/rules/serviceaccounts/reader/token |
  jq -r .status.token >"$e2e_dir/token"
passes as admin create configmap limits -n rules --from-literal=keys=1
passes as admin create configmap secret-plans -n rules --from-literal=keys=1
daemon_stop webhook
webhook_start "${e2e_policies[@]}" -- --kubernetes-api="$cluster_url" \
  --kubernetes-ca-file="$cluster_dir/kube/cluster-ca.crt" --kubernetes-token-file="$e2e_dir/token"
passes as agent create configmap before -n shop

step_is "a set that needs parameters has them from its first decision on"
policies_are "$root/test/e2e/params.yaml"
passes as agent create configmap one -n shop --from-literal=a=1
refused 'at most 1 keys' as agent create configmap two -n shop --from-literal=a=1 --from-literal=b=2

step_is "a change of a parameter is in force within a second"
within_a_second() {
  local began
  began=$(date +%s%3N)
  until "$@" >/dev/null 2>&1; do
    (($(date +%s%3N) - began < 1000)) || fail "not within a second: $*"
  done
}
keys_are() { as admin patch configmap limits -n rules -p "{\"data\": {\"keys\": \"$1\"}}"; }
denied() { ! as agent create configmap "n$RANDOM" -n shop "$@" >"$e2e_dir/denied" 2>&1; }
denied_saying() {
  local what=$1
  shift
  denied "$@" && grep -q "$what" "$e2e_dir/denied"
}
passes keys_are 2
within_a_second as agent create configmap two -n shop --from-literal=a=1 --from-literal=b=2
passes keys_are 0
within_a_second denied_saying 'at most 0 keys' --from-literal=a=1

step_is "a parameter of the wrong type, one that is missing, and none at all are errors with their reason"
passes keys_are some
within_a_second denied_saying "'some' is no int (line" --from-literal=a=1
passes as admin patch configmap limits -n rules --type=json -p '[{"op": "remove", "path": "/data"}]'
within_a_second denied_saying "no such key: 'keys' (line" --from-literal=a=1
passes as admin delete configmap limits -n rules
within_a_second denied_saying 'params: ConfigMap rules/limits: there is none' --from-literal=a=1
passes as admin create configmap limits -n rules --from-literal=keys=3
within_a_second as agent create configmap three -n shop --from-literal=a=1

step_is "a custom resource of a kind that is not defined: the policy fails, the other one goes on"
policies_are "$root/test/e2e/params.yaml" "$root/test/e2e/params_naming.yaml"
denied_saying 'kind Naming have not been read from the API server yet' || fail "$(<"$e2e_dir/denied")"
denied_saying 'at most 3 keys' --from-literal=a=1 --from-literal=b=1 --from-literal=c=1 --from-literal=d=1 ||
  fail "$(<"$e2e_dir/denied")"

step_is "its kind is found when it is defined, in no namespace"
as admin apply -f - >/dev/null <<'YAML'
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: namings.rules.example.com}
spec:
  group: rules.example.com
  scope: Cluster
  names: {kind: Naming, plural: namings, singular: naming, listKind: NamingList}
  versions:
  - name: v1
    served: true
    storage: true
    schema:
      openAPIV3Schema:
        type: object
        properties: {spec: {type: object, properties: {prefix: {type: string}}}}
YAML
passes as admin create clusterrole namings --verb=list,watch --resource=namings.rules.example.com --resource-name=ours
passes as admin create clusterrolebinding namings --clusterrole=namings --serviceaccount=rules:reader
naming() { printf 'apiVersion: rules.example.com/v1\nkind: Naming\nmetadata: {name: ours}\nspec: {prefix: %s}\n' "$1"; }
eventually 20 as admin apply -f <(naming team-)
eventually 30 denied_saying 'names begin with team-'
within_a_second as agent create configmap team-a -n shop
naming squad- | as admin apply -f - >/dev/null
within_a_second denied_saying 'names begin with squad-'
passes as admin delete naming ours
within_a_second as agent create configmap other -n shop

step_is "only what is named is read"
refused 'forbidden' as admin --as system:serviceaccount:rules:reader get configmaps -n rules
[[ $(curl -fsS "${stack_plain[webhook]}/metrics" | grep -c '^holdpoint_webhook_cache_objects{') -ge 2 ]] ||
  fail "the metrics do not name the kinds"

e2e_passed
