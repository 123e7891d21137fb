#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Rules with a limit, over two replicas: 200 requests at once against a limit of 10, what counts and
# what does not, what is told beyond it, and what becomes of it without the database.
# shellcheck source-path=SCRIPTDIR
source "$(dirname "${BASH_SOURCE[0]}")/webhook_stack.sh"
source test/support/pg.sh

# A server of our own, because this test stops it.
pg_throwaway
stack_sockets=$pg_sockets
stack_prepare
trap 'rc=$?; daemon_stop second; pg_throwaway_end; (exit "$rc"); finish' EXIT
answer=$work/answer
cat >"$work/policy.yaml" <<'YAML'
apiVersion: holdpoint.dev/v1alpha1
kind: GuardrailPolicy
metadata: {name: blast}
spec:
  subjects: [{kind: Group, name: ai-agents}]
  rules:
  - name: deletes
    match: [{apiGroups: [""], resources: [pods], operations: [DELETE]}]
    action: Hold
    limit: {count: 10, window: 10m}
    message: "many pods at once"
    hold: {approvers: [sre], expires: 1h}
  - name: creations
    match: [{apiGroups: [""], resources: [configmaps], operations: [CREATE]}]
    action: Deny
    limit: {count: 3, window: 1h, per: Rule}
    message: "no more ConfigMaps"
  - name: never
    match: [{apiGroups: [""], resources: [configmaps], operations: [CREATE], namespaces: [kube-*]}]
    action: Deny
    message: "not there"
YAML
pod=v1.36/065-validate-delete-pods.json config=v1.36/032-validate-create-configmaps.json
webhook_start "$work/policy.yaml"
daemon_start second "$stack_bin/holdpoint-webhook" --policy="$work/policy.yaml" \
  --tls-cert-file="$stack_dir/certs/webhook.crt" --tls-private-key-file="$stack_dir/certs/webhook.key" \
  --client-ca-file="$stack_dir/certs/ca.crt" --cluster="$stack_cluster" \
  --database-url="$(stack_database_url webhook)"

# named USER NAME: of a pod that USER deletes.
named() {
  printf '.request.userInfo.username = "%s" | .request.name = "%s" | .request.oldObject.metadata |= (.name = "%s" | .uid = "uid-%s")' \
    "$1" "$2" "$2" "$2"
}
# write FIXTURE FILTER: allowed, and the code.
write() {
  ask /validate "$(review "$1" "$2")"
  field '.response | [.allowed, .status.code // 0] | join(" ")' "$answer"
}

say "- 200 at once, over two replicas: exactly 10 pass"
mkdir "$work/all"
urls=("${stack_url[webhook]}" "${stack_url[second]}")
for n in $(seq 200); do
  printf 'next\nurl = "%s/validate"\ndata-binary = "@%s"\noutput = "%s"\nheader = "Content-Type: application/json"\n' \
    "${urls[n % 2]}" "$(review "$pod" "$(named agent "p$n")")" "$work/all/$n"
  printf 'cacert = "%s"\ncert = "%s"\nkey = "%s"\n' "$stack_dir/certs/ca.crt" "$stack_dir/certs/apiserver.crt" \
    "$stack_dir/certs/apiserver.key"
done | sed 1d >"$work/curl"
curl -sS --parallel --parallel-immediate --parallel-max 200 --max-time 60 -K "$work/curl"
equals 10 "$(jq -s '[.[] | select(.response.allowed)] | length' "$work"/all/*)" "that pass"
equals 190 "$(jq -s '[.[] | select(.response.allowed | not)] | length' "$work"/all/*)" "that do not"
equals 10 "$(sql 'SELECT count(*) FROM holdpoint.limit_use')" "counted"
equals 50 "$(sql "SELECT count(*) FROM holdpoint.hold")" "holds: no more than one identity may have"

say "- what is told, and what else is counted"
equals 'false 403' "$(write "$pod" "$(named agent one-more)")" "the next"
matches 'many pods at once \(more than 10 in 10m by one user\)' "$(field .response.status.message "$answer")" "its reason"
equals 'true 0' "$(write "$pod" "$(named another x)")" "another user"
equals 'true 0' "$(write "$pod" "$(named another x)")" "the API server asks once more"
equals 1 "$(sql "SELECT count(*) FROM holdpoint.limit_use WHERE fingerprint = (SELECT fingerprint FROM holdpoint.limit_use ORDER BY at DESC LIMIT 1)")" "as one"
ask /validate "$(review "$pod" "$(named another y) | .request.dryRun = true")"
equals true "$(field .response.allowed "$answer")" "a dry run within"
equals null "$(field .response.warnings "$answer")" "warns of nothing"
ask /validate "$(review "$pod" "$(named agent y) | .request.dryRun = true")"
matches 'would be held for approval' "$(field '.response.warnings[0]' "$answer")" "a dry run beyond"
equals 11 "$(sql 'SELECT count(*) FROM holdpoint.limit_use')" "neither is counted"

say "- an approval beyond it"
hold=$(sql "SELECT max(id) FROM holdpoint.hold WHERE state = 'pending'")
name=$(sql "SELECT name FROM holdpoint.hold WHERE id = $hold")
sql_as alice "SELECT holdpoint.approve($hold, 'go')" >/dev/null
equals 'true 0' "$(write "$pod" "$(named agent "$name")")" "passes"
equals used "$(sql "SELECT state FROM holdpoint.hold WHERE id = $hold")" "and is used"

say "- of all users together; what another rule denies is not counted"
made() { write "$config" ".request.userInfo.username = \"$1\" | .request.name = \"$2\" | .request.object.metadata.name = \"$2\" | .request.namespace = \"$3\""; }
equals 'false 403' "$(made a c0 kube-system)" "denied anyway"
equals 'not there' "$(field .response.status.message "$answer")" "for that reason alone"
equals 'true 0' "$(made a c1 dev)" "a"
equals 'true 0' "$(made b c2 dev)" "b"
equals 'true 0' "$(made a c3 dev)" "a again"
equals 'false 403' "$(made b c4 dev)" "one too many"
equals 'no more ConfigMaps (more than 3 in 1h by all together)' "$(field .response.status.message "$answer")" "its reason"

say "- without the database it is beyond"
pg_throwaway_stop
equals 'false 403' "$(made c c5 dev)" "denied"
matches 'It cannot be counted: the database does not answer' "$(field .response.status.message "$answer")" "its reason"
equals 'false 503' "$(write "$pod" "$(named third z)")" "held, and no approval can be looked up"
(($(metric 'holdpoint_webhook_limits_total{verdict="unavailable"}') >= 2)) || fail "not counted as unavailable"
pg_throwaway_start
passes() { [[ $(write "$pod" "$(named third z)") == 'true 0' ]]; }
eventually 20 passes
passed=1
