#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Policies on a real API server. Each of the library: what kubectl shows to whom is stopped, and that
# the like of it passes; it is alone in force meanwhile, swapped in as a ConfigMap's mount swaps its
# files, so that it is known who stopped it. Then a window for reads that ends, a mutation as etcd
# has it, and swaps under load.
source "$(dirname "$0")/harness.sh"

library=$root/policy/library
e2e_begin --authorize-for "$library" --mounted --policy "$library/ai-agents.yaml"

# try VERDICT WHO REGEX KUBECTL-ARGUMENTS...: what WHO's kubectl must come to, and what must be on
# their screen.
#   denied   stopped, for good; no hold is made
#   held     stopped, by a hold of the policy in force
#   passes   let through; REGEX may be ''
#   reaches  let through, to an error of the API server's own that REGEX tells
try() {
  local verdict=$1 who=$2 regex=$3 before
  shift 3
  before=$(newest_hold)
  case $verdict in
    denied)
      refused "$regex" as "$who" "$@"
      equals "$before" "$(newest_hold)" "the newest hold after a denial of: $*"
      ;;
    held)
      refused "hold [0-9]+ waits for approval.*$regex" as "$who" "$@"
      equals "$policy" "$(sql "SELECT policy FROM holdpoint.hold WHERE id > ${before:-0}")" \
        "whose hold it is: $*"
      ;;
    passes)
      passes as "$who" "$@"
      [[ $output =~ $regex ]] || fail "passed, but kubectl did not show /$regex/: $output"
      ;;
    reaches)
      refused "$regex" as "$who" "$@"
      [[ $output != *holdpoint* ]] || fail "stopped by Holdpoint: $output"
      ;;
    *) fail "no such verdict: $verdict" ;;
  esac
}

policy_is() {
  policy=$1
  step_is "$policy"
  policies_are "${2:-$library/$policy.yaml}"
}

# pod NAME [JQ-FILTER]: a file with a pod that satisfies every policy here, changed by the filter.
pod() {
  jq -n --arg name "$1" '{apiVersion: "v1", kind: "Pod", metadata: {name: $name}, spec: {
    securityContext: {runAsNonRoot: true, seccompProfile: {type: "RuntimeDefault"}},
    containers: [{name: "app", image: "registry.example.com/app:1.2", securityContext: {
      allowPrivilegeEscalation: false, capabilities: {drop: ["ALL"]}}}]}}' |
    jq "${2:-.}" >"$e2e_dir/$1.json"
  echo "$e2e_dir/$1.json"
}

# deployment NAME [JQ-FILTER]: the same pod, changed by the filter, as a template.
deployment() {
  pod "$@" >/dev/null
  jq '{apiVersion: "apps/v1", kind: "Deployment", metadata: .metadata, spec: {replicas: 2,
    selector: {matchLabels: {app: "x"}}, template: {metadata: {labels: {app: "x"}}, spec: .spec}}}' \
    "$e2e_dir/$1.json" >"$e2e_dir/$1-deployment.json"
  echo "$e2e_dir/$1-deployment.json"
}

raw() { printf '%s' "$2" >"$e2e_dir/$1.json" && echo "$e2e_dir/$1.json"; }

prepare() {
  local namespace
  step_is "namespaces and what is in them"
  for namespace in prod dev-1 staging spare holdpoint-e2e; do
    as admin create namespace "$namespace" >/dev/null
  done
  for namespace in prod dev-1; do as admin -n "$namespace" create -f "$(pod web)" >/dev/null; done
  as admin -n prod create -f "$(deployment checkout)" >/dev/null
  as admin -n prod create secret generic db --from-literal=password=hunter2-plain >/dev/null
  as admin -n prod create configmap settings --from-literal=colour=blue >/dev/null
  as admin -n prod create serviceaccount robot >/dev/null
  as admin label namespace staging holdpoint.dev/protected=true >/dev/null
  as admin -n prod apply -f - >/dev/null <<'YAML'
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
YAML
}

ai_agents() {
  policy_is ai-agents
  try denied agent 'pods have no access to the node' -n prod create \
    -f "$(pod root '.spec.containers[0].securityContext = {privileged: true}')"
  try passes agent '' -n prod create -f "$(pod job-1)"
  try denied agent 'cluster-admin is not given away by an agent' create clusterrolebinding mine \
    --clusterrole=cluster-admin --user=claude-code@agents.example.com
  try denied agent "webhooks and admission policies decide everybody's requests" \
    delete validatingwebhookconfiguration holdpoint
  try denied agent "own namespaces are not for agents" -n kube-system create configmap x
  try held agent 'another owner for configmaps/settings' -n prod patch configmap settings -p \
    '{"metadata":{"ownerReferences":[{"apiVersion":"v1","kind":"Pod","name":"gone","uid":"gone"}]}}'
  try held agent 'this changes who may do what \(roles/reader\)' -n prod create role reader \
    --verb=get --resource=pods
  try held agent 'deleting pods/job-1 in prod' -n prod delete pod job-1 --wait=false
  try passes sre '' -n prod delete pod job-1 --wait=false --grace-period=0 --force
  try held agent 'scaling deployments/checkout to zero stops it' -n prod scale deployment checkout \
    --replicas=0
  try passes agent '' -n prod scale deployment checkout --replicas=3
  try held agent 'reading secrets' -n prod get secret db
  try passes agent '' -n prod get configmap settings
}

identity_laundering() {
  local request='{"apiVersion":"authentication.k8s.io/v1","kind":"TokenRequest","spec":{}}'
  local token=/api/v1/namespaces/prod/serviceaccounts/robot/token proxy=/api/v1/nodes/n1/proxy/pods
  policy_is identity-laundering
  try denied agent 'impersonation is not for guarded identities' --as=alice@example.com -n prod get pods
  try denied agent 'impersonation is not for guarded identities' --as=system:serviceaccount:prod:robot \
    -n prod get pods
  try passes sre '' --as=deploy-bot@ci.example.com --as-group=ci -n prod get pods
  try denied ci 'a token of a service account makes somebody else of its holder' create --raw "$token" \
    -f "$(raw token "$request")"
  try passes sre '' create --raw "$token" -f "$(raw token "$request")"
  try denied agent "the kubelet's own API knows no admission" get --raw "$proxy"
  try denied ci 'webhooks and admission policies see' delete validatingwebhookconfiguration holdpoint
  try reaches sre 'nodes "n1" not found' get --raw "$proxy"
  try denied agent 'filled with a service account' -n prod create -f "$(raw token-secret \
    '{"apiVersion":"v1","kind":"Secret","metadata":{"name":"t","annotations":
      {"kubernetes.io/service-account.name":"robot"}},"type":"kubernetes.io/service-account-token"}')"
  try passes agent '' -n prod create secret generic mine --from-literal=a=b
  try held agent 'this runs as service account robot in prod' -n prod create \
    -f "$(pod as-robot '.spec.serviceAccountName = "robot"')"
  try passes agent '' -n prod create -f "$(pod as-default)"
  try held agent 'secrets hold the tokens' -n prod get secrets
}

image_registries() {
  policy_is image-registries
  try denied sre 'not from a registry that is allowed here: docker.io/evil/miner:1' -n prod create \
    -f "$(pod miner '.spec.containers[0].image = "docker.io/evil/miner:1"')"
  try denied ci 'not from a registry.*: registry.example.com.evil.org/app:1' -n prod create \
    -f "$(deployment lookalike '.spec.containers[0].image = "registry.example.com.evil.org/app:1"')"
  try passes sre 'Warning: .*not a moving tag: registry.example.com/app:latest' -n prod create \
    -f "$(pod moving '.spec.containers[0].image = "registry.example.com/app:latest"')"
  try passes sre '' -n prod create -f "$(pod pinned)"
  [[ $output != *Warning* ]] || fail "a warning for a pinned image: $output"
}

no_exec() {
  local proxy='/api/v1/namespaces/%s/pods/web/proxy/'
  policy_is no-exec
  try denied sre 'exec into a container is not allowed in prod \(command: id -u\)' -n prod exec web -- id -u
  try reaches sre 'does not have a host assigned' -n dev-1 exec web -- id -u
  # shellcheck disable=SC2059
  try denied ci 'port-forward and proxy are not allowed in prod' get --raw "$(printf "$proxy" prod)"
  # shellcheck disable=SC2059
  try reaches ci 'address not allowed' \
    get --raw "$(printf "$proxy" dev-1)"
}

pod_security_baseline() {
  policy_is pod-security-baseline
  try denied sre 'hostPath volumes are not allowed: logs' -n prod create \
    -f "$(pod host-path '.spec.volumes = [{name: "logs", hostPath: {path: "/var/log"}}]')"
  try denied ci "the host's namespaces are not allowed" -n prod create \
    -f "$(deployment host-net '.spec.hostNetwork = true')"
  try passes sre '' -n prod create \
    -f "$(pod baseline 'del(.spec.securityContext, .spec.containers[0].securityContext)')"
  try passes ci '' -n prod create -f "$(deployment baseline)"
}

pod_security_restricted() {
  policy_is pod-security-restricted
  try denied sre 'every container must drop ALL capabilities' -n prod create \
    -f "$(pod capable 'del(.spec.containers[0].securityContext.capabilities)')"
  try denied ci 'allowPrivilegeEscalation must be false: container app' -n prod create \
    -f "$(deployment sudo 'del(.spec.containers[0].securityContext.allowPrivilegeEscalation)')"
  try passes sre '' -n prod create -f "$(pod restricted)"
  try passes ci '' -n prod create -f "$(deployment restricted)"
}

protect_namespaces() {
  local break_glass=(--as=bob@example.com --as-group=break-glass --as-group=sre)
  policy_is protect-namespaces
  try denied sre 'namespace holdpoint-e2e belongs to the cluster and is never deleted' \
    delete namespace holdpoint-e2e --wait=false
  try held sre 'deleting namespace staging deletes everything in it' delete namespace staging --wait=false
  try passes admin '' "${break_glass[@]}" delete namespace spare --wait=false
  try held sre 'this takes the protection from namespace staging' label namespace staging holdpoint.dev/protected-
  try passes sre '' label namespace staging team=shop
  try held ci 'deleting persistentvolumeclaims/data may lose its data' -n prod delete pvc data --wait=false
  try passes ci '' -n prod delete pod pinned --wait=false
  try held ci 'kube-public belongs to the cluster' -n kube-public create configmap x
  try passes ci '' -n dev-1 create configmap x
}

rbac_escalation() {
  policy_is rbac-escalation
  try denied sre 'cluster-admin is not given away by binding it' create clusterrolebinding friend \
    --clusterrole=cluster-admin --user=friend
  try denied ci 'the role would give everything' create clusterrole everything --verb='*' --resource='*'
  try held sre 'the role reaches secrets' -n prod create role reader --verb=get --resource=secrets
  try passes sre '' -n prod create role reader --verb=get --resource=pods
  try held sre 'this gives Role reader to User friend' -n prod create rolebinding friend --role=reader \
    --user=friend
  try passes admin '' -n prod create rolebinding friend --role=reader --user=friend
}

# Frozen today, whatever today is: its date, in whichever zone, stands among the holidays.
change_freeze() {
  local day days=()
  for day in yesterday today tomorrow; do days+=("'$(date -u -d "$day" +%F)'"); done
  sed "s/\\['2026-12-24'.*\\]/[${days[0]}, ${days[1]}, ${days[2]}]/" "$library/change-freeze.yaml" \
    >"$e2e_dir/change-freeze.yaml"
  policy_is change-freeze "$e2e_dir/change-freeze.yaml"
  try held sre 'production is frozen \(a holiday in Europe/Berlin\)' -n prod create configmap y
  try held ci 'production is frozen' -n prod scale deployment checkout --replicas=1
  try passes sre '' -n dev-1 create configmap y
  try passes sre '' -n prod get configmaps
}

# With all of them in force, each of the nine has stopped somebody, and has it on record.
all_on_record() {
  local names
  names=$(cd "$library" && printf '%s\n' *.yaml | sed 's/\.yaml$//')
  equals 9 "$(wc -l <<<"$names")" "policies of the library"
  step_is "the decisions are on record"
  eventually 20 sql_is "$names" "SELECT DISTINCT policy FROM holdpoint.decision
    WHERE NOT allowed AND action IN ('Deny', 'Hold') ORDER BY 1"
}

# An approval of a read is for a while; what no policy is about stays RBAC's matter.
reads_in_a_window() {
  local hold
  cat >"$e2e_dir/reads.yaml" <<'YAML'
apiVersion: holdpoint.dev/v1alpha1
kind: GuardrailPolicy
metadata: {name: reads}
spec:
  subjects: [{kind: Group, name: ai-agents}]
  rules:
  - name: secrets-need-a-human
    match:
    - {apiGroups: [""], resources: ["secrets"], verbs: ["get", "list", "watch"]}
    action: Hold
    message: "secrets are read with a person's word"
    hold: {grant: Window, window: 5s, scope: Namespace, expires: 30m, approvers: ["sre"]}
  - name: no-metrics
    match:
    - {nonResourceURLs: ["/metrics"], verbs: ["get"]}
    action: Deny
    message: "the metrics name everybody's objects"
YAML
  policy_is reads "$e2e_dir/reads.yaml"
  try held agent "secrets are read with a person's word" -n prod get secret db
  hold=$(newest_hold)
  passes cli alice approve "$hold" --reason "incident 8"
  try passes agent 'db' -n prod get secret db
  try passes agent 'db' -n prod get secrets
  # What the answers let through is used when the audit events say that it was done.
  eventually 20 sql_is "used 2" "SELECT state || ' ' || uses FROM holdpoint.holds WHERE id = $hold"
  try held agent "secrets are read with a person's word" -n prod get secret db
  [[ $(newest_hold) -gt $hold ]] || fail "the approval outlives its window"

  step_is "URLs, and everything else as RBAC says"
  try denied agent "metrics name everybody's objects" get --raw /metrics
  try passes agent ok get --raw /healthz
  try passes sre process_cpu_seconds_total get --raw /metrics
  try reaches admin 'User "nobody" cannot get resource "configmaps"' --as=nobody -n prod get configmap settings
}

# in_etcd KEY: the bytes that etcd keeps.
in_etcd() {
  curl -fsS "$cluster_etcd_url/v3/kv/range" -d "{\"key\": \"$(printf %s "$1" | base64 -w0)\"}" |
    jq -r '.kvs[0].value' | base64 -d
}

# The first webhook is asked once more because the second, another Holdpoint, changed the object after
# it: and then has nothing left to change.
mutation() {
  local stored
  cat >"$e2e_dir/mutation.yaml" <<'YAML'
apiVersion: holdpoint.dev/v1alpha1
kind: GuardrailPolicy
metadata: {name: mutation}
spec:
  match: [{apiGroups: ["apps"], resources: ["deployments"], operations: ["CREATE"]}]
  rules:
  - name: set-owner
    action: Mutate
    mutate:
      mergePatch: {metadata: {annotations: {holdpoint.dev/requested-by: "{{ request.userInfo.username }}"}}}
  - name: tolerate
    when: ["!object.spec.template.spec.?tolerations.orValue([]).exists(t, t.key == 'agents')"]
    action: Mutate
    mutate:
      jsonPatch:
        expression: >-
          [JSONPatch{op: "add", path: "/spec/template/spec/tolerations",
            value: object.spec.template.spec.?tolerations.orValue([]) + [{"key": "agents"}]}]
YAML
  sed 's/name: mutation/name: second/; /^  rules:/,$d' "$e2e_dir/mutation.yaml" >"$e2e_dir/second.yaml"
  cat >>"$e2e_dir/second.yaml" <<'YAML'
  rules:
  - name: set-team
    action: Mutate
    mutate: {mergePatch: {metadata: {labels: {team: shop}}}}
YAML
  policy_is mutation "$e2e_dir/mutation.yaml"
  # The API server shows its certificate to the first only.
  daemon_start second "$stack_bin/holdpoint-webhook" --policy="$e2e_dir/second.yaml" \
    --tls-cert-file="$stack_dir/certs/webhook.crt" --cluster=second \
    --tls-private-key-file="$stack_dir/certs/webhook.key" \
    --database-url="$(stack_database_url webhook)"
  as admin get mutatingwebhookconfiguration holdpoint -o json |
    jq --arg url "${stack_url[second]}/mutate" '.metadata = {name: "second"}
      | .webhooks[0] |= (.name = "second.holdpoint.dev" | .clientConfig.url = $url)' |
    as admin create -f - >/dev/null
  as admin patch mutatingwebhookconfiguration holdpoint --type=json -p \
    '[{"op": "replace", "path": "/webhooks/0/reinvocationPolicy", "value": "IfNeeded"}]' >/dev/null
  eventually 30 both_change
  try passes agent '' -n prod create -f "$(deployment owned)"
  as admin delete mutatingwebhookconfiguration second >/dev/null
  daemon_stop second

  equals '{"by":"claude-code@agents.example.com","team":"shop","tolerations":["agents"]}' \
    "$(as admin -n prod get deployment owned -o json | jq -c '{
      by: .metadata.annotations["holdpoint.dev/requested-by"], team: .metadata.labels.team,
      tolerations: [.spec.template.spec.tolerations[].key]}')" "the Deployment that came of it"
  in_etcd /registry/deployments/prod/owned >"$e2e_dir/stored"
  stored=$(strings -n 4 "$e2e_dir/stored")
  [[ $stored == *holdpoint.dev/requested-by*claude-code@agents.example.com* ]] ||
    fail "etcd does not have the annotation: $stored"
  equals 1 "$(grep -c '^agents' <<<"$stored")" "tolerations in etcd"
  step_is "asked again, it changed nothing"
  eventually 20 sql_is 'holdpoint true, second true, holdpoint false' "SELECT string_agg(
      (value::jsonb ->> 'configuration') || ' ' || (value::jsonb ->> 'mutated'), ', ' ORDER BY key)
    FROM holdpoint.audit_event, json_each_text(body::json -> 'annotations')
    WHERE resource = 'deployments' AND name = 'owned' AND verb = 'create'
      AND key LIKE 'mutation.webhook.admission.k8s.io/%'"
}

both_change() {
  as admin -n prod create -f "$(deployment probe)" --dry-run=server -o json |
    jq -e '.metadata | .labels.team and .annotations["holdpoint.dev/requested-by"]'
}

# Requests that never end, over connections that are kept: a ConfigMap that both policies allow, and
# one that only the one allows. One line each: which, and the code.
load_start() {
  local kube=$cluster_dir/kube i name worker
  for i in {1..40}; do
    name=always
    ((i % 2)) && name=sometimes
    raw "configmap-$name" "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"$name\"}}" >/dev/null
    ((i == 1)) || echo next
    printf '%s\n' "url = \"$cluster_url/api/v1/namespaces/dev-1/configmaps?dryRun=All\"" \
      "data-binary = \"@$e2e_dir/configmap-$name.json\"" 'header = "Content-Type: application/json"' \
      "cacert = \"$kube/cluster-ca.crt\"" "cert = \"$kube/agent.crt\"" "key = \"$kube/agent.key\"" \
      'output = "/dev/null"' 'silent' 'show-error' "write-out = \"$name %{http_code}\\n\""
  done >"$e2e_dir/load.config"
  rm -f "$e2e_dir/load.stop"
  load_pids=()
  for worker in 1 2; do
    until [[ -e $e2e_dir/load.stop ]]; do curl --config "$e2e_dir/load.config"; done \
      >"$e2e_dir/load.$worker" 2>"$e2e_dir/load.$worker.errors" &
    load_pids+=($!)
  done
}

load_stop() {
  touch "$e2e_dir/load.stop"
  wait "${load_pids[@]}" || true
  cat "$e2e_dir"/load.[12].errors >&2
}

# answers: which answers there were to one round of the load's requests, begun now.
answers() { curl --config "$e2e_dir/load.config" | sort | uniq -c | awk '{print $1, $2, $3}'; }

reloads() {
  local all swap
  policy_file free 'Audit' >"$e2e_dir/free.yaml"
  policy_file strict 'Deny' >"$e2e_dir/strict.yaml"
  sed 's/action/acton/' "$e2e_dir/strict.yaml" >"$e2e_dir/broken.yaml"
  step_is "policies are swapped under load"
  policies_are "$e2e_dir/free.yaml"
  load_start
  for swap in {1..5}; do
    policies_are "$e2e_dir/strict.yaml"
    equals $'20 always 201\n20 sometimes 403' "$(answers)" "answers after swap $swap to the strict one"
    policies_are "$e2e_dir/free.yaml"
    equals $'20 always 201\n20 sometimes 201' "$(answers)" "answers after swap $swap to the free one"
  done
  step_is "a broken set under load leaves the old one in force"
  policies_swap "$e2e_dir/broken.yaml"
  eventually 20 metric_is holdpoint_webhook_policy_stale 1
  equals $'20 always 201\n20 sometimes 201' "$(answers)" "answers after the broken swap"
  policies_are "$e2e_dir/strict.yaml"
  eventually 20 metric_is holdpoint_webhook_policy_stale 0
  equals $'20 always 201\n20 sometimes 403' "$(answers)" "answers after the last swap"
  load_stop
  all=$(cat "$e2e_dir"/load.[12] | sort | uniq -c | awk '{print $2, $3}')
  equals $'always 201\nsometimes 201\nsometimes 403' "$all" "every answer under load"
  (($(cat "$e2e_dir"/load.[12] | wc -l) > 500)) || fail "there was hardly any load"
  try denied agent 'not under the strict policy' -n dev-1 create configmap sometimes
}

policy_file() {
  cat <<YAML
apiVersion: holdpoint.dev/v1alpha1
kind: GuardrailPolicy
metadata: {name: $1}
spec:
  rules:
  - name: sometimes
    match: [{apiGroups: [""], resources: ["configmaps"], operations: ["CREATE"], resourceNames: ["sometimes"]}]
    action: $2
    message: "not under the $1 policy"
YAML
}

metric_is() { curl -fsS "${stack_plain[webhook]}/metrics" | grep -qx "$1 $2"; }

prepare
ai_agents
identity_laundering
image_registries
no_exec
pod_security_baseline
pod_security_restricted
protect_namespaces
rbac_escalation
change_freeze
all_on_record
reads_in_a_window
mutation
reloads
e2e_passed
