#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Rules that look other objects up, on a real API server: by hosts, by selectors, by name; what is made,
# changed or deleted is found, or not, within a second; what may not be read is an error with its reason.
source "$(dirname "$0")/harness.sh"

e2e_begin --policy "$root/test/e2e/lookups.yaml"
cluster_reader
passes as admin create namespace shop
passes as admin create namespace pay

step_is "without an API server the rule fails, and says why"
ingress() { as "$1" -n "$2" create ingress "$3" --rule="$4/=web:80"; }
refused 'looking up Ingress: nothing is known of the cluster \(--kubernetes-api' ingress agent shop a a.example.com

step_is "a kind that may not be read: the rules that look at it fail, others go on"
daemon_stop webhook
webhook_start "${e2e_policies[@]}" -- "${cluster_reader_flags[@]}" --kubernetes-max-age=4s
claim() {
  printf 'apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: %s}\nspec: {accessModes: [ReadWriteOnce], storageClassName: %s, resources: {requests: {storage: 1Gi}}}\n' \
    "$1" "$2" | as agent -n shop create -f -
}
refused 'looking up StorageClass: objects of kind StorageClass have not been read from the API server yet' claim one gold
eventually 5 ingress agent shop a a.example.com
grep -q 'cluster_not_read.*storageclasses.*forbidden' "$stack_dir/webhook.log" || fail "the log does not say what is forbidden"

step_is "when it may be read, it is found"
passes as admin create clusterrole more --verb=list,watch --resource=storageclasses.storage.k8s.io,services
passes as admin create clusterrolebinding more --clusterrole=more --serviceaccount=holdpoint-system:holdpoint-webhook
printf 'apiVersion: storage.k8s.io/v1\nkind: StorageClass\nmetadata: {name: gold}\nprovisioner: example.com/none\n' |
  as admin create -f - >/dev/null
eventually 20 claim two gold
refused 'there is no class silver' claim three silver

within_a_second() {
  local began
  began=$(date +%s%3N)
  until "$@" >/dev/null 2>&1; do
    (($(date +%s%3N) - began < 1000)) || fail "not within a second: $*"
  done
}
denied_saying() {
  local what=$1
  shift
  ! "$@" >"$e2e_dir/denied" 2>&1 && grep -qE "$what" "$e2e_dir/denied"
}

step_is "a host of another namespace is found within a second, and so is its end"
passes ingress admin pay checkout pay.example.com
within_a_second denied_saying 'pay/checkout has this host' ingress agent shop b pay.example.com
passes as admin -n pay patch ingress checkout --type=json -p '[{"op": "replace", "path": "/spec/rules/0/host", "value": "new.example.com"}]'
within_a_second ingress agent shop c pay.example.com
within_a_second denied_saying 'pay/checkout has this host' ingress agent shop d new.example.com
passes as admin -n pay delete ingress checkout
within_a_second ingress agent shop e new.example.com

step_is "an update of the object itself is no conflict"
passes as agent -n shop annotate ingress a note=1

step_is "selectors are compared whole, whatever their order, within the namespace"
service() {
  printf 'apiVersion: v1\nkind: Service\nmetadata: {name: %s}\nspec: {selector: %s, ports: [{port: 80}]}\n' "$2" "$3" |
    as "$1" -n "$4" create -f -
}
passes service admin first '{app: web, tier: front}' shop
within_a_second denied_saying 'service first has these pods' service agent second '{tier: front, app: web}' shop
passes service agent third '{app: web}' shop
passes service agent fourth '{app: web, tier: front}' pay

step_is "many objects come in pages, and are found as fast"
for i in $(seq 1 600); do
  printf '{"apiVersion":"networking.k8s.io/v1","kind":"Ingress","metadata":{"name":"many-%d"},"spec":{"rules":[{"host":"h%d.example.com"}]}}\n' "$i" "$i"
done | as admin -n pay create -f - >/dev/null
daemon_stop webhook
webhook_start "${e2e_policies[@]}" -- "${cluster_reader_flags[@]}" --kubernetes-max-age=4s
eventually 10 denied_saying 'pay/many-577 has this host' ingress agent shop f h577.example.com

step_is "an API server that starts anew is found again"
args=()
cluster_apiserver_args
apiserver_anew() {
  local pid
  pid=$(<"$cluster_dir/apiserver.pid")
  kill "$pid"
  wait "$pid" 2>/dev/null || true
  cluster_spawn apiserver "$cluster_apiserver" "${args[@]}"
  eventually 60 as admin get namespaces
}
apiserver_anew
eventually 30 grep -q 'cluster_read_again.*Ingress' "$stack_dir/webhook.log"
eventually 30 denied_saying 'pay/many-577 has this host' ingress agent shop g h577.example.com
passes as admin -n pay delete ingress many-577
within_a_second ingress agent shop h h577.example.com

step_is "what happened while the database was compacted and the API server gone is listed anew"
lists() { grep -c 'cluster_listed.*"Ingress"' "$stack_dir/webhook.log"; }
before=$(lists)
# A webhook that sleeps is asked nothing.
passes as admin delete validatingwebhookconfigurations,mutatingwebhookconfigurations --all
eventually 10 ingress agent shop unasked h2.example.com
kill -STOP "${stack_pid[webhook]}"
apiserver_anew # of what happens from now on the webhook is not told
passes ingress admin pay away away.example.com
passes as admin -n pay annotate ingress away note=1
revision=$(curl -fsS -X POST "$cluster_etcd_url/v3/kv/range" -d '{"key": "AA=="}' | jq -r .header.revision)
curl -fsS -X POST "$cluster_etcd_url/v3/kv/compaction" -d "{\"revision\": \"$revision\", \"physical\": true}" >/dev/null ||
  fail "etcd was not compacted at $revision"
apiserver_anew
kill -CONT "${stack_pid[webhook]}"
cluster_register
eventually 30 denied_saying 'pay/away has this host' ingress agent shop i away.example.com
(($(lists) > before)) || fail "the watch went on from a version that is gone"
within_a_second denied_saying 'pay/many-9 has this host' ingress agent shop j h9.example.com

e2e_passed
