#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A replay runs as it is printed: what somebody did with kubectl is undone, the commands of the replay
# are given to a shell, and the objects are what they were.
# shellcheck source=test/e2e/harness.sh
source "$(dirname "$0")/harness.sh"

e2e_begin --policy "$root/test/e2e/policy.yaml"
# objects: what counts of them, and not what the API server notes.
objects() {
  as admin -n prod get deployments,configmaps -o json | jq -S '[.items[] | select(.metadata.name != "kube-root-ca.crt") | {
    kind, data, name: .metadata.name, labels: .metadata.labels, note: .metadata.annotations.note,
    replicas: .spec.replicas, image: .spec.template.spec.containers[0].image, env: .spec.template.spec.containers[0].env}]'
}
recorded() { [[ $(sql "SELECT count(*) FROM holdpoint.audit_event WHERE verb = 'delete' AND name = 'gone'") == 1 ]]; }

as admin create namespace prod >/dev/null
step_is "somebody works"
ci=(as ci -n prod)
"${ci[@]}" create deployment web --image=registry.example.com/web:1 >/dev/null
"${ci[@]}" scale deployment web --replicas=5 >/dev/null
"${ci[@]}" label deployment web tier=front team=a >/dev/null
"${ci[@]}" label deployment web team- >/dev/null
"${ci[@]}" annotate deployment web note="it's; \$(true) fine" >/dev/null
"${ci[@]}" set image deployment web web=registry.example.com/web:2 >/dev/null
"${ci[@]}" patch deployment web --type=json -p '[{"op": "add", "path": "/metadata/labels/by", "value": "json"}]' >/dev/null
"${ci[@]}" create configmap settings --from-literal=a=1 --from-literal=password=hunter2-plain >/dev/null
"${ci[@]}" patch configmap settings --type=merge -p '{"data": {"b": "2"}}' >/dev/null
"${ci[@]}" get configmap settings -o yaml | sed "s/b: .*/b: \"3\"/" | "${ci[@]}" replace -f - >/dev/null
"${ci[@]}" create configmap gone >/dev/null
"${ci[@]}" delete configmap gone >/dev/null
before=$(objects)
[[ $before == *'"replicas": 5'* && $before == *web:2* && $before == *'"b": "3"'* ]] || fail "what is to be replayed: $before"
eventually 30 recorded

step_is "what is replayed is complete, in order, and masked"
session=$(sql "SELECT session FROM holdpoint.sessions() WHERE 'prod' = ANY(namespaces) AND username LIKE 'deploy-bot%' AND writes > 5")
cli auditor replay "$session" >"$e2e_dir/replay" 2>"$e2e_dir/ends"
grep -q 'kubectl scale deployments.apps web -n prod --replicas=5  200$' "$e2e_dir/replay" || fail "no scale: $(<"$e2e_dir/replay")"
grep -q 'kubectl label --overwrite deployments.apps web -n prod team-  200$' "$e2e_dir/replay" || fail "no label: $(<"$e2e_dir/replay")"
if grep -q hunter2-plain "$e2e_dir/replay"; then fail "a secret in the replay"; fi
grep -q 'masked hmac-sha256' "$e2e_dir/replay" || fail "nothing is masked"
equals "" "$(<"$e2e_dir/ends")" "what is missing"

step_is "all is undone, and done again by the replay's commands"
as admin -n prod delete deployment web >/dev/null
as admin -n prod delete configmap settings >/dev/null
sed -nE 's/^[0-9:.]+  (kubectl .*)  20[01]$/\1/p' "$e2e_dir/replay" | grep -vE '^kubectl get ' >"$e2e_dir/commands"
(($(wc -l <"$e2e_dir/commands") == 12)) || fail "not twelve commands: $(<"$e2e_dir/commands")"
mkdir "$e2e_dir/bin"
ln -s "$(command -v "$cluster_kubectl")" "$e2e_dir/bin/kubectl"
while IFS= read -r command; do
  PATH=$e2e_dir/bin:$PATH KUBECONFIG=$cluster_dir/kube/admin.kubeconfig bash -c "$command" >"$e2e_dir/said" 2>&1 ||
    fail "does not run: $command: $(<"$e2e_dir/said")"
done <"$e2e_dir/commands"
password=$(sed -n 's/.*"password": "\(.*\)",*$/\1/p' <<<"$before")
masked=$(objects | sed -n 's/.*"password": "\(.*\)",*$/\1/p')
[[ $masked == '[masked hmac-sha256:'* ]] || fail "the masked value is $masked"
equals "${before//"$password"/"$masked"}" "$(objects)" "the objects after the replay"
e2e_passed
