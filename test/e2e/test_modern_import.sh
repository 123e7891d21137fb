#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Admission policies of a real API server, and what `holdpoint policy import` makes of them: each
# request is asked twice, once of the API server's own admission, once of Holdpoint, and both must say
# the same. Recorded, without an API server: test/policy/import.
source "$(dirname "$0")/harness.sh"

cases=$root/test/policy/import
e2e_begin --policy "$root/test/e2e/namespaces.yaml"
passes as admin create namespace shop
passes as admin label namespace shop tier=gold
passes as admin create namespace yard
passes as admin create namespace rules
passes as admin create configmap limits -n rules --from-literal=most=3
passes as admin create -f - <<'YAML'
{apiVersion: v1, kind: ConfigMap, metadata: {name: kept, namespace: shop, labels: {watched: "yes"}}, data: {a: x}}
YAML

reader=(--kubernetes-api="$cluster_url" --kubernetes-ca-file="$cluster_dir/kube/cluster-ca.crt"
  --kubernetes-cert-file="$cluster_dir/kube/admin.crt" --kubernetes-key-file="$cluster_dir/kube/admin.key")
template='{spec: {selector: {matchLabels: {a: a}}, template: {metadata: {labels: {a: a}}, spec: {containers: [{name: a, image: a}]}}}}'

# object KIND API JQ: an object whose rest jq says
object() { jq -nc --arg kind "$1" --arg api "$2" "{apiVersion: \$api, kind: \$kind, metadata: {name: \"one\", namespace: \"shop\"}} * ($3)"; }
workload() { object "$1" apps/v1 "$(sed -E 's/([a-zA-Z]+):/"\1":/g; s/: (a|one)([,}])/: "\1"\2/g' <<<"$template") * ($2)"; }

# asked WHO VERB OBJECT [OUTPUT]: "pass" and what kubectl prints by it, or "deny"
asked() {
  local who=$1 verb=$2 file=$e2e_dir/object.json said
  printf '%s' "$3" >"$file"
  if said=$(as "$who" "$verb" --dry-run=server -f "$file" ${4:+-o "$4"} 2>&1); then
    echo "pass${4:+ $said}"
  elif grep -qE 'denied|denies|ValidatingAdmissionPolicy|MutatingAdmissionPolicy' <<<"$said"; then
    echo deny
  else
    fail "asked $verb $3: $said"
  fi
}

# everything: a line for each request
everything() {
  local kept cm='object ConfigMap v1' sa='object ServiceAccount v1' svc='object Service v1'
  local owner='jsonpath={.metadata.annotations.owner}'
  local three='data: {a: "x", b: "x", c: "x"}'
  kept=$($cm '{metadata: {name: "kept", labels: {watched: "yes"}}, data: {a: "x"}}')
  asked agent create "$(workload Deployment '{spec: {replicas: 5}}')"
  asked agent create "$(workload Deployment '{spec: {replicas: 6}}')"
  asked agent create "$(workload Deployment '{metadata: {labels: {tier: "gold"}}}')"
  asked agent create "$(workload Deployment '{metadata: {labels: {tier: "db"}}}')"
  asked agent create "$($cm "{metadata: {labels: {watched: \"yes\"}}, $three}")"
  asked agent create "$($cm "{$three}")"
  asked agent create "$($cm "{metadata: {labels: {watched: \"yes\", mode: \"off\"}}, $three}")"
  asked agent create "$($cm "{metadata: {name: \"left-alone\", labels: {watched: \"yes\"}}, $three}")"
  asked agent create "$(object Secret v1 '{metadata: {labels: {watched: "yes"}}, stringData: {a: "x", b: "x", c: "x"}}')"
  asked admin create "$($cm "{metadata: {labels: {watched: \"yes\"}}, $three}")"
  asked agent delete "$kept"
  asked agent replace "$($cm "{metadata: {name: \"kept\"}, $three}")"
  asked agent create "$($sa '{}')"
  asked agent create "$($sa '{metadata: {labels: {team: "none"}}}')"
  asked agent create "$($sa '{metadata: {labels: {team: "blue"}}}')"
  asked agent create "$($sa '{metadata: {labels: {team: "red"}}}')"
  asked agent create "$($svc '{metadata: {annotations: {why: ""}}, spec: {type: "NodePort", ports: [{port: 80}]}}')"
  asked agent create "$($svc '{metadata: {namespace: "yard", annotations: {why: ""}}, spec: {type: "NodePort", ports: [{port: 80}]}}')"
  asked agent create "$($svc '{spec: {type: "NodePort", ports: [{port: 80}]}}')"
  asked agent create "$(workload StatefulSet '{spec: {serviceName: "a", replicas: 3}}')"
  asked agent create "$(workload StatefulSet '{spec: {serviceName: "a", replicas: 4}}')"
  asked agent create "$(workload DaemonSet '{metadata: {annotations: {app: "a"}}}')" "$owner"
  asked agent create "$(workload DaemonSet '{}')" "$owner"
  asked agent create "$(workload DaemonSet '{metadata: {annotations: {owner: "alice"}}}')" "$owner"
}
adds_owners() { [[ $(asked agent create "$(workload DaemonSet '{}')" 'jsonpath={.metadata.annotations.owner}') == *claude* ]]; }
adds_none() { ! adds_owners; }
refuses_six() { [[ $(asked agent create "$(workload Deployment '{spec: {replicas: 6}}')") == deny ]]; }
passes_six() { ! refuses_six; }

step_is "what the API server itself says"
daemon_stop webhook
printf 'apiVersion: holdpoint.dev/v1alpha1\nkind: GuardrailPolicy\nmetadata: {name: idle}\nspec:\n  rules:\n  - {name: idle, match: [{apiGroups: [""], resources: [nodes], operations: [DELETE]}], action: Audit}\n' \
  >"$e2e_dir/idle.yaml"
webhook_start "$e2e_dir/idle.yaml" -- "${reader[@]}"
passes as admin apply -f "$cases/policies.yaml"
eventually 20 refuses_six
eventually 20 adds_owners
everything >"$e2e_dir/theirs"

step_is "what Holdpoint says, by the same policies"
passes as admin delete -f "$cases/policies.yaml"
eventually 20 passes_six
eventually 20 adds_none
daemon_stop webhook
"$HOLDPOINT_BIN/holdpoint" policy import "$cases/policies.yaml" >"$e2e_dir/imported.yaml" || fail "not all was imported"
webhook_start "$e2e_dir/imported.yaml" -- "${reader[@]}"
everything >"$e2e_dir/ours"
diff "$e2e_dir/theirs" "$e2e_dir/ours" >&2 || fail "another verdict"
[[ $(wc -l <"$e2e_dir/ours") == 24 && $(grep -c '^deny' "$e2e_dir/ours") == 9 &&
  $(tail -n 1 "$e2e_dir/ours") == 'pass alice' ]] ||
  fail "not what was recorded: $(tr '\n' ' ' <"$e2e_dir/ours")"

e2e_passed
