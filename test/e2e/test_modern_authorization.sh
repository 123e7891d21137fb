#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What kube-apiserver 1.20 has not: a structured AuthorizationConfiguration, as manifests/apiserver/render
# writes it, with matchConditions, and constrained impersonation. Who is not guarded is not asked about,
# and so is not touched when the webhook hangs; a rule about `impersonate` stops what became of it.
source "$(dirname "$0")/harness.sh"

policy=$(mktemp /tmp/holdpoint-policy.XXXXXX.yaml)
cat >"$policy" <<'YAML'
apiVersion: holdpoint.dev/v1alpha1
kind: GuardrailPolicy
metadata: {name: reads}
spec:
  subjects: [{kind: Group, name: ai-agents}]
  rules:
  - name: no-secrets
    match: [{apiGroups: [""], resources: ["secrets"], verbs: ["get", "list", "watch"], namespaces: ["prod"]}]
    action: Deny
    message: "secrets of production are not for agents"
  - name: nobody-else
    match: [{apiGroups: ["*"], resources: ["*"], verbs: ["impersonate"]}]
    action: Hold
    message: "acting as somebody else needs a person's word"
    hold: {approvers: ["sre"], expires: 1h}
YAML
e2e_begin --authorize --policy "$policy"
rm -f "$policy"

# request WHO PATH [CURL-ARGUMENT]...: the status code; kubectl would ask for more than this.
request() {
  local kube=$cluster_dir/kube who=$1 path=$2
  shift 2
  curl -sS -o "$e2e_dir/answer" -w '%{http_code}' --max-time 20 --cacert "$kube/cluster-ca.crt" \
    --cert "$kube/$who.crt" --key "$kube/$who.key" "$@" "$cluster_url$path"
}
secret=/api/v1/namespaces/prod/secrets/db configs=/api/v1/namespaces/prod/configmaps

as admin create namespace prod >/dev/null
as admin -n prod create secret generic db --from-literal=password=hunter2-plain >/dev/null

step_is "only those whom matchConditions name are asked about"
before=$(webhook_calls authorize)
for who in sre ci admin; do equals 200 "$(request "$who" "$secret")" "the Secret, for $who"; done
equals "$before" "$(webhook_calls authorize)" "questions about people"
equals 200 "$(request agent "$configs")" "ConfigMaps, for the agent"
equals "$((before + 1))" "$(webhook_calls authorize)" "questions after the agent's read"

step_is "the agent is refused, with the rule's reason, and told the same when it asks"
refused 'Forbidden.*secrets of production are not for agents' as agent -n prod get secret db
refused 'no - .*secrets of production are not for agents' as agent -n prod auth can-i get secret/db
passes as agent -n prod auth can-i get configmaps

step_is "what has no verb is denied to whom rules are about, and says so"
equals 403 "$(request agent /api/v1/namespaces/prod/services/web:80/proxy/admin -X OPTIONS)" "OPTIONS, for the agent"
grep -q 'it has no verb' "$e2e_dir/answer" || fail "the agent was told: $(<"$e2e_dir/answer")"
[[ $(request sre /api/v1/namespaces/prod/services/web:80/proxy/admin -X OPTIONS) != 403 ]] || fail "OPTIONS, for a person"

step_is "impersonation: what the API server asks is about constraints, and is held"
passes as sre --as=bob@example.com --as-group=sre -n prod get configmaps
refused "hold [0-9]+ waits for approval.*acting as somebody else" \
  as agent --as=alice@example.com --as-group=sre -n prod get configmaps
equals t "$(sql "SELECT bool_or(operation LIKE 'impersonate:%' OR operation LIKE 'impersonate-on:%')
  FROM holdpoint.hold WHERE rule = 'nobody-else'")" "a question about constrained impersonation was held"
refused 'hold [0-9]+ waits for approval' as agent --as=system:serviceaccount:prod:default -n prod get configmaps

step_is "the audit event says by which constraint somebody was impersonated"
eventually 20 sql_is 'impersonate:user-info' "SELECT body::json #>> '{authenticationMetadata,impersonationConstraint}'
  FROM holdpoint.audit_event WHERE body::json #>> '{impersonatedUser,username}' = 'bob@example.com'
  AND resource = 'configmaps'"

step_is "the webhook hangs: the agent's requests fail, a person's do not notice"
kill -STOP "${stack_pid[webhook]}"
code=$(request agent "$configs")
started=$SECONDS
person=$(request sre "$secret")
kill -CONT "${stack_pid[webhook]}"
[[ $code == 403 || $code == 500 ]] || fail "the agent was answered $code: $(<"$e2e_dir/answer")"
equals 200 "$person" "the Secret, for a person, while the webhook hung"
((SECONDS - started < 3)) || fail "a person waited for a webhook that has nothing to do with them"
eventually 20 as agent -n prod get configmaps
e2e_passed
