#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Rules that look at Namespaces, on a real API server: a change of a label is in force within a second;
# what the API server has not confirmed for a while is not used; and it is found again when it is back.
# The webhook reads them as the service account, and with the rights, of manifests/base.
source "$(dirname "$0")/harness.sh"

e2e_begin --policy "$root/test/e2e/namespaces.yaml"

step_is "without an API server the rule fails, and says why; others do not need one"
passes as admin create namespace shop
refused 'nothing is known of the cluster.s Namespaces \(--kubernetes-api' as agent create configmap a -n shop
passes as sre create configmap a -n shop

step_is "the webhook reads Namespaces as the service account of the manifests"
cluster_reader
reader=("${cluster_reader_flags[@]}" --kubernetes-max-age=4s)
daemon_stop webhook
webhook_start "${e2e_policies[@]}" -- "${reader[@]}"
passes as agent create configmap b -n shop

# in_force LABEL VERDICT: how long it takes, in milliseconds, from the answer to the change of the label
# until the agent is denied (or passes).
in_force() {
  local began now n=0
  passes as admin label namespace shop --overwrite "env=$1"
  began=$(date +%s%3N)
  until verdict=passes && as agent create configmap "probe-$1-$((n++))-$RANDOM" -n shop >/dev/null 2>&1 ||
    verdict=denied && [[ $verdict == "$2" ]]; do
    now=$(date +%s%3N)
    ((now - began < 5000)) || fail "env=$1 is not in force: $verdict"
  done
  took=$(($(date +%s%3N) - began))
}

step_is "a label is in force within a second, and so is its end"
for round in 1 2 3; do
  in_force prod denied
  ((took < 1000)) || fail "env=prod took $took ms"
  refused 'shop is production' as agent create configmap c -n shop
  in_force dev passes
  ((took < 1000)) || fail "env=dev took $took ms"
  say "  round $round: the last took $took ms"
done

step_is "a new Namespace is known within a second"
passes as admin create namespace fresh
began=$(date +%s%3N)
until as agent create configmap a -n fresh >/dev/null 2>&1; do
  (($(date +%s%3N) - began < 1000)) || fail "the namespace fresh is not known"
done

step_is "many Namespaces come in pages"
seq -f '{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "many-%g"}}' 1 520 |
  as admin create -f - >/dev/null
eventually 10 as agent create configmap a -n many-520
objects() { curl -fsS "${stack_plain[webhook]}/metrics" | awk '/^holdpoint_webhook_cache_objects/ {print $2}'; }
daemon_stop webhook
webhook_start "${e2e_policies[@]}" -- "${reader[@]}"
count=$(as admin get namespaces -o name | wc -l)
are_all_kept() { [[ $(objects) == "$count" ]]; }
eventually 10 are_all_kept
passes as agent create configmap b -n many-520

step_is "a silent API server: what is known is used for --kubernetes-max-age, and not beyond"
in_force prod denied
# The webhook is asked directly: the API server, stopped, asks nothing.
review() {
  jq -n --arg ns "$1" '{apiVersion: "admission.k8s.io/v1", kind: "AdmissionReview", request: {uid: "u",
    operation: "CREATE", resource: {group: "", version: "v1", resource: "configmaps"}, namespace: $ns,
    userInfo: {username: "claude", groups: ["ai-agents"]}, object: {}}}' |
    curl -fsS --cacert "$stack_dir/certs/ca.crt" --cert "$stack_dir/certs/apiserver.crt" \
      --key "$stack_dir/certs/apiserver.key" -H 'Content-Type: application/json' --data-binary @- \
      "${stack_url[webhook]}/validate" | jq -r '.response.status.message // "passes"'
}
apiserver=$(<"$cluster_dir/apiserver.pid")
says() { [[ $(review "$1") == *"$2"* ]]; }
kill -STOP "$apiserver"
says shop 'shop is production' || fail "a moment without word made the cache stale: $(review shop)"
says fresh passes || fail "a moment without word made the cache stale: $(review fresh)"
eventually 15 says fresh 'is stale'
says shop 'is stale' || fail "stale, but used: $(review shop)"
kill -CONT "$apiserver"
eventually 20 says fresh passes
eventually 20 says shop 'shop is production'

step_is "an API server that starts anew is found again"
kill "$apiserver"
wait "$apiserver" 2>/dev/null || true
eventually 15 says fresh 'is stale'
args=()
cluster_apiserver_args
cluster_spawn apiserver "$cluster_apiserver" "${args[@]}"
eventually 60 says fresh passes
eventually 60 as admin get namespaces
in_force dev passes

e2e_passed
