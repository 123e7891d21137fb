#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Every way in which kubectl changes something, held, approved, and then passing on the plain retry;
# and what happens around it: write conflicts, dry runs, clients that repeat forever, `wait`, `retry`,
# nobody's own request, PostgreSQL away.
source "$(dirname "$0")/harness.sh"

e2e_begin --authorize --policy "$root/test/e2e/hold_verbs.yaml"

agent() { as agent -n prod "$@"; }
approve() { sql_as alice "SELECT holdpoint.approve($1, 'looked at')" >/dev/null; }
state() { sql "SELECT state FROM holdpoint.holds WHERE id = $1"; }
# held COMMAND...: refused by a hold, whose number is in $hold.
held() {
  refused 'hold [0-9]+ waits for approval' "$@"
  hold=${output#*hold } hold=${hold%% *}
}
# value KIND/NAME JSONPATH: as it is stored; "gone" when it is not there.
value() {
  local found
  found=$(as admin -n prod get "$1" --ignore-not-found -o "jsonpath=found:{$2}")
  [[ $found ]] && printf '%s\n' "${found#found:}" || echo gone
}

prepare() {
  local name
  step_is "prepare"
  as admin apply -f "$root/manifests/base/holdreview.yaml" -f - >/dev/null <<'YAML'
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: gates.example.com}
spec:
  group: example.com
  scope: Namespaced
  names: {kind: Gate, listKind: GateList, plural: gates, singular: gate}
  versions:
  - name: v1
    served: true
    storage: true # without a status subresource: any write changes the status
    schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
YAML
  for name in prod open again; do as admin create namespace "$name" >/dev/null; done
  as admin wait --for=condition=Established crd/gates.example.com crd/holdreviews.holdpoint.dev \
    --timeout=30s >/dev/null
  eventually 30 as admin -n prod get gates
  eventually 30 as admin get holdreviews
  as admin -n prod create -f - >/dev/null <<'YAML'
{"kind": "List", "apiVersion": "v1", "items": [
  {"kind": "Gate", "apiVersion": "example.com/v1", "metadata": {"name": "one"}, "status": {"open": "no"}},
  {"kind": "ConfigMap", "apiVersion": "v1", "metadata": {"name": "base"}, "data": {"a": "1"}},
  {"kind": "ConfigMap", "apiVersion": "v1", "metadata": {"name": "old-1", "labels": {"old": "yes"}}},
  {"kind": "ConfigMap", "apiVersion": "v1", "metadata": {"name": "old-2", "labels": {"old": "yes"}}},
  {"kind": "ConfigMap", "apiVersion": "v1", "metadata": {"name": "shared"}},
  {"kind": "Secret", "apiVersion": "v1", "metadata": {"name": "db"}, "stringData": {"password": "hunter2-plain"}}
]}
YAML
  as admin -n prod create deployment web --image=registry.example.com/web:1 >/dev/null
  for name in doomed evicted shell; do
    as admin -n prod run "$name" --image=registry.example.com/web:1 >/dev/null
  done
  as admin -n open create configmap busy >/dev/null
  sql "SELECT holdpoint.map_approver('alice', 'alice@example.com')" >/dev/null
}

# What the commands of the table read.
manifests() {
  cd "$e2e_dir"
  config_map() { printf '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"%s"},"data":{"%s":"yes"}}' "$1" "$2"; }
  config_map base replaced >replace.json
  config_map base serverside >serverside.json
  config_map serverside new >serverside-new.json
  config_map clientside new >clientside.json
  config_map clientside changed >clientside-changed.json
  local version=policy/v1
  [[ $(as admin api-resources --api-group=policy) == *policy/v1beta1* ]] && version=policy/v1beta1
  printf '{"apiVersion":"%s","kind":"Eviction","metadata":{"name":"evicted","namespace":"prod"}}' \
    "$version" >eviction.json
  printf '{"apiVersion":"v1","kind":"Pod","metadata":{"generateName":"job-","labels":{"job":"yes"}},
    "spec":{"containers":[{"name":"c","image":"registry.example.com/job:1"}]}}' >generate.json
}

# One row a verb: what is stored after the approved retry, and not before; where; the command.
every_verb() {
  local after object path command arguments
  while IFS='|' read -r after object path command; do
    after=${after// /} object=${object// /} path=${path// /}
    read -ra arguments <<<"$command"
    step_is "${arguments[*]}"
    held agent "${arguments[@]}"
    [[ $(value "$object" "$path") != "$after" ]] || fail "happened without an approval: $command"
    approve "$hold"
    passes agent "${arguments[@]}"
    equals "$after" "$(value "$object" "$path")" "$object after: $command"
    equals used "$(state "$hold")" "hold $hold after: $command"
  done <<'TABLE'
yes   |configmap/made       |.data.a          |create configmap made --from-literal=a=yes
yes   |configmap/base       |.data.replaced   |replace -f replace.json
yes   |configmap/base       |.data.json       |patch configmap base --type=json -p [{"op":"add","path":"/data/json","value":"yes"}]
yes   |configmap/base       |.data.merge      |patch configmap base --type=merge -p {"data":{"merge":"yes"}}
registry.example.com/web:2|deployment/web|.spec.template.spec.containers[0].image|patch deployment web --type=strategic -p {"spec":{"template":{"spec":{"containers":[{"name":"web","image":"registry.example.com/web:2"}]}}}}
yes   |configmap/base       |.data.serverside |apply --server-side --force-conflicts -f serverside.json
yes   |configmap/serverside |.data.new        |apply --server-side -f serverside-new.json
yes   |configmap/clientside |.data.new        |apply -f clientside.json
yes   |configmap/clientside |.data.changed    |apply -f clientside-changed.json
3     |deployment/web       |.spec.replicas   |scale deployment web --replicas=3
open  |gate/one             |.status.open     |patch gate one --type=merge -p {"status":{"open":"open"}}
gone  |pod/doomed           |.metadata.name   |delete pod doomed --wait=false
gone  |pod/evicted          |.metadata.name   |create --raw /api/v1/namespaces/prod/pods/evicted/eviction -f eviction.json
TABLE
}

# What GitOps tools do again and again.
the_same_again() {
  local before command arguments
  before=$(newest_hold)
  while read -r command; do
    read -ra arguments <<<"$command"
    step_is "again, and nothing changes: $command"
    passes agent "${arguments[@]}"
    equals "$before" "$(newest_hold)" "the newest hold after: $command"
  done <<'TABLE'
apply --server-side -f serverside-new.json
apply -f clientside-changed.json
scale deployment web --replicas=3
patch configmap base --type=merge -p {}
patch deployment web --type=strategic -p {"spec":{"replicas":3}}
TABLE
}

# Who owns which field is a change too, and one that is not shown.
owners_alone() {
  local patch='[{"op":"replace","path":"/metadata/managedFields","value":[{}]}]'
  if [[ ${HOLDPOINT_APISERVER:-} != modern ]]; then
    note "skipped: this API server shows no managedFields of the old object"
    return
  fi
  step_is "nothing changes but the owners of fields"
  held agent patch configmap base --type=json -p "$patch"
  equals 'metadata.managedFields (who owns which field)' "$(sql "SELECT change_unseen FROM holdpoint.hold WHERE id = $hold")" "what is not shown"
  sql_as alice "SELECT holdpoint.approve($hold, 'looked at', unseen => true)" >/dev/null
  passes agent patch configmap base --type=json -p "$patch"
  step_is "something else changes, and the owners of fields with it"
  patch='[{"op":"replace","path":"/metadata/managedFields","value":[{}]},{"op":"add","path":"/data/beside","value":"1"}]'
  held agent patch configmap clientside --type=json -p "$patch"
  equals 'metadata.managedFields (who owns which field)' "$(sql "SELECT change_unseen FROM holdpoint.hold WHERE id = $hold")" "what is not shown"
  sql_as alice "SELECT holdpoint.withdraw($hold, 'enough')" >/dev/null
}
# Of what kubectl does the API server's own bookkeeping is no change besides.
owners_explained() {
  equals 0 "$(sql "SELECT count(*) FROM holdpoint.hold WHERE change_unseen LIKE '%managedFields%'")" "holds that name owners of fields"
}

restart_exec_and_collections() {
  local first
  step_is "rollout restart: another moment, the same change"
  held agent rollout restart deployment web
  approve "$hold"
  sleep 1.1 # the moment is written in seconds
  passes agent rollout restart deployment web
  [[ $(value deployment/web '.spec.template.metadata.annotations') == *restartedAt* ]] || fail "no restart"
  equals used "$(state "$hold")" "hold $hold"

  step_is "exec: the approval reaches the pod, which has no node here; another command does not"
  held agent exec shell -- date
  approve "$hold"
  refused 'does not have a host assigned' agent exec shell -- date
  held agent exec shell -- id
  [[ $(sql "SELECT uses || '|' || (repeats <= 1) FROM holdpoint.hold
    WHERE subresource = 'exec' AND state = 'used'") == '1|true' ]] || fail "exec passed more than once"

  step_is "deletecollection: each object is a change of its own"
  delete_old() { agent delete --raw '/api/v1/namespaces/prod/configmaps?labelSelector=old%3Dyes'; }
  held delete_old
  first=$hold
  approve "$hold"
  held delete_old
  [[ $hold != "$first" ]] || fail "the approval of one object's deletion did not let it pass"
  approve "$hold"
  passes delete_old
  equals gone "$(value configmap/old-1 .metadata.name)$(value configmap/old-2 .metadata.name | sed s/gone//)" \
    "the collection"

  step_is "generateName: one approval, one object"
  held agent create -f generate.json
  approve "$hold"
  passes agent create -f generate.json
  held agent create -f generate.json
  equals 1 "$(as admin -n prod get pods -l job=yes -o name | wc -l)" "pods made"

  step_is "another status of a custom resource is another change"
  held agent patch gate one --type=merge -p '{"status":{"open":"wide"}}'
  equals open "$(value gate/one .status.open)" "the status"
}

# The API server asks again, since somebody else wrote in between; the first time it waited for us.
# A key that ends in NUL is another key, which the API server stores: both are shown.
keys_that_look_alike() {
  local shown
  step_is "keys that look alike: shown as what they are, by the command line and by kubectl"
  held agent patch gate one --type=merge -p \
    '{"spec":{"image":"evil.example/miner:1","image\u0000":"registry.corp/shop:1.4","im\u0430ge":"c"}}'
  for shown in "$(cli alice holds show "$hold")" \
    "$(KUBECONFIG=$cluster_dir/kube/sre.kubeconfig "$HOLDPOINT_BIN/kubectl-holdpoint" show "$hold")"; do
    [[ $shown == *evil.example/miner:1* ]] || fail "what it is to be is not shown: $shown"
    [[ $shown == *'image\u0000'* && $shown == *registry.corp/shop:1.4* ]] || fail "the other key is not shown: $shown"
    [[ $shown == *'im\u0430ge'* ]] || fail "a Cyrillic letter looks like a Latin one: $shown"
  done
  shown=$(cli alice holds show "$hold" -o json)
  [[ $shown == *'[\"im\u0430ge\"]'* ]] || fail "a Cyrillic letter looks like a Latin one: $shown"
  equals 'registry.corp/shop:1.4' "$(jq -r '.. | objects | select(.path? == "spec[\"image\\u0000\"]") | .new' <<<"$shown")" "the key with NUL"
  approve "$hold"
  agent patch gate one --type=merge -p \
    '{"spec":{"image":"evil.example/miner:1","image\u0000":"registry.corp/shop:1.4","im\u0430ge":"c"}}' >/dev/null
  [[ $(as admin -n prod get gate one -o json) == *'"image\u0000"'* ]] || fail "the API server stored no such key"
}

write_conflict() {
  local waits
  step_is "wait: kubectl returns success when a person decides in time, over a write conflict too"
  as agent -n open patch configmap busy --type=merge -p '{"data":{"mine":"1"}}' >"$e2e_dir/waited" 2>&1 &
  waits=$!
  eventually 15 sql_is 1 "SELECT count(*) FROM holdpoint.hold WHERE namespace = 'open' AND state = 'pending'"
  as admin -n open patch configmap busy --type=merge -p '{"data":{"theirs":"2"}}' >/dev/null
  approve "$(newest_hold)"
  wait "$waits" || fail "kubectl failed: $(<"$e2e_dir/waited")"
  equals '{"mine":"1","theirs":"2"}' "$(as admin -n open get configmap busy -o 'jsonpath={.data}')" "both changes"
  equals 'use repeat' "$(sql "SELECT string_agg(action, ' ' ORDER BY id) FROM holdpoint.hold_event
    WHERE hold_id = $(newest_hold) AND action IN ('use', 'repeat')")" "the API server asked twice"
}

come_again() {
  local waits
  step_is "retry: an unmodified kubectl waits by itself"
  as agent -n again create configmap patient >"$e2e_dir/patient" 2>&1 &
  waits=$!
  eventually 15 sql_is 1 "SELECT count(*) FROM holdpoint.hold WHERE namespace = 'again' AND state = 'pending'"
  approve "$(newest_hold)"
  wait "$waits" || fail "kubectl failed: $(<"$e2e_dir/patient")"
  [[ $(<"$e2e_dir/patient") == *created* ]] || fail "kubectl said: $(<"$e2e_dir/patient")"
}

dry_run() {
  local before
  step_is "a dry run neither makes nor uses a hold"
  before=$(newest_hold)
  passes agent create configmap tried --dry-run=server
  [[ $output == *"Warning: Holdpoint: the request itself would be held for approval"* ]] || fail "kubectl said: $output"
  equals "$before" "$(newest_hold)" "the newest hold"
  held agent create configmap tried
  approve "$hold"
  passes agent create configmap tried --dry-run=server
  equals approved "$(state "$hold")" "after a dry run"
  passes agent create configmap tried
}

# curl, as kubectl starts too slowly for a client that repeats as fast as it can.
forever() {
  local kube=$cluster_dir/kube requests=()
  step_is "a client that repeats forever makes one hold, with a counter"
  for _ in {1..40}; do
    requests+=(--next -sS -o /dev/null -w '%{http_code}\n' --cacert "$kube/cluster-ca.crt" --cert "$kube/agent.crt"
      --key "$kube/agent.key" -X DELETE "$cluster_url/api/v1/namespaces/prod/configmaps/shared")
  done
  equals '40 403' "$(curl "${requests[@]:1}" | sort | uniq -c | xargs)" "answers"
  equals '1|40' "$(sql "SELECT count(*) || '|' || max(attempts) FROM holdpoint.hold WHERE name = 'shared'")" "holds"
}

reads() {
  step_is "reads of Secrets: held, approved for a while, and not after"
  held agent get secrets
  approve "$hold"
  passes agent get secrets
  passes agent get secret db
  eventually 20 sql_is t "SELECT expires_at < now() FROM holdpoint.hold WHERE id = $hold"
  held agent get secret db
  passes agent get configmaps
}

review() { printf '{"apiVersion":"holdpoint.dev/v1alpha1","kind":"HoldReview","metadata":{"generateName":"r-"},"spec":{"hold":%s,"decision":"Approve"}}' "$1"; }

four_eyes() {
  local mine='alice(@example.com)? asked for it and cannot decide on it'
  step_is "one's own request: refused with psql, the command line and kubectl"
  held as sre -n prod delete configmap shared
  refused "$mine" sql_as alice "SELECT holdpoint.approve($hold, 'mine')"
  refused "$mine" cli alice approve "$hold" --reason mine
  refused "$mine" as sre create -f - < <(review "$hold")
  equals pending "$(state "$hold")" "hold $hold"
  step_is "approved by a person whom the API server knows by a token with groups"
  refused 'not among its approvers' as stranger create -f - < <(review "$hold")
  passes as oidc create -f - < <(review "$hold")
  eventually 30 sql_is approved "SELECT state FROM holdpoint.holds WHERE id = $hold"
  equals 'kubernetes|oidc:dana@corp.example.com' "$(sql "SELECT channel || '|' || who
    FROM holdpoint.hold_event WHERE hold_id = $hold AND action = 'approve'")" "who approved"
  passes as sre -n prod delete configmap shared
}

database_away() {
  step_is "PostgreSQL away: denied with the reason, and then an approval from before still counts"
  held agent delete configmap base
  approve "$hold"
  pg_throwaway_stop
  refused 'database of Holdpoint is unreachable' agent delete configmap base
  refused 'database of Holdpoint is unreachable' agent create configmap meanwhile
  passes as ci -n prod create configmap unguarded
  pg_throwaway_start
  eventually 30 agent delete configmap base
  equals used "$(state "$hold")" "hold $hold"
  equals gone "$(value configmap/base .metadata.name)" "the object"
}

prepare
manifests
every_verb
the_same_again
owners_explained
owners_alone
restart_exec_and_collections
keys_that_look_alike
write_conflict
come_again
dry_run
forever
reads
four_eyes
database_away
e2e_passed
