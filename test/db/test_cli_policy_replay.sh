#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# holdpoint policy replay: recorded requests through other policies. What changes, what does not, and
# what is not known since it was not recorded, each by its own event.
# shellcheck source=test/db/cli_support.sh
source "$HOLDPOINT_SOURCE_DIR/test/db/cli_support.sh"
folder=$(mktemp -d /tmp/holdpoint-replay.XXXXXX)
trap 'rm -rf "$out" "$err" "$passes" "$folder"' EXIT

# replay CODE ARGUMENT...
replay() {
  local code=$1 got=0
  shift
  hp policy replay "$folder/new.yaml" "$@" "${auditor[@]}" >"$out" 2>"$err" </dev/null || got=$?
  [[ $got == "$code" ]] || fail "policy replay $*: exit $got, expected $code"
}
said() { grep -qE -- "$1" "$out" "$err" || fail "not said: $1"; }
not_said() { ! grep -qE -- "$1" "$out" "$err" || fail "said: $1"; }

hp db migrate --database-url="$admin" >"$out"
pg_login "$sockets" holdpoint "$passes" auditor holdpoint_auditor
pg_login "$sockets" holdpoint "$passes" sink holdpoint_auditsink
auditor=(--database-url="$(as auditor)")

# event VERB RESOURCE[/SUB] NAME CODE BODY [DECISION [POLICY [ENFORCEMENT]]]: recorded, with a decision.
events=0
event() {
  local id=null subresource='' resource=$2
  [[ $resource != */* ]] || { subresource=${resource#*/} resource=${resource%%/*}; }
  events=$((events + 1))
  if [[ ${6-} ]]; then
    id="'00000000-0000-4000-8000-$(printf %012d "$events")'"
    sql "$admin" -v policy="${7-}" -v action="$6" -v enforcement="${8:-Enforce}" -v id="${id//\'/}" <<'SQL'
INSERT INTO holdpoint.decision (cluster, decision_id, time, endpoint, username, operation, policy, rule, action,
  enforcement, allowed, answer) VALUES ('c', :'id', now(), 'validate', 'bot', 'CREATE', nullif(:'policy', ''),
  'r', :'action', :'enforcement', true, 'allowed');
SQL
  fi
  sql "$(as sink)" -v n="$events" -v verb="$1" -v resource="$resource" -v sub="$subresource" -v name="$3" -v code="$4" \
    -v body="$5" <<SQL >/dev/null
BEGIN;
SELECT first_seq FROM holdpoint.audit_begin_batch('c', 'api-1', sha256(clock_timestamp()::text::bytea), 1, 0, 100) \\gset
INSERT INTO holdpoint.audit_event (cluster, seq, source, stage, level, stage_timestamp, audit_id, verb, username, groups,
  request_uri, api_group, api_version, resource, subresource, namespace, name, code, decision_id, masking_version, masked,
  body, body_nonce, body_digest)
VALUES ('c', :first_seq, 'api-1', 'ResponseComplete', 'RequestResponse', now(), 'a' || :'n', :'verb', 'bot', '{ai-agents}',
  '/x', '', 'v1', nullif(:'resource', ''), :'sub', 'prod', :'name', :code, $id, 1, (strpos(:'body', 'masked') > 0)::int,
  :'body', 'x', sha256('x'));
COMMIT;
SQL
}
# pod KEY N: a body with a pod under KEY whose spec.n is N
pod() { printf '{"%s":{"apiVersion":"v1","kind":"Pod","metadata":{"name":"web"},"spec":{"n":%s}},"requestObject":{"spec":{"n":%s}}}' "$1" "$2" "$2"; }

cat >"$folder/new.yaml" <<'YAML'
apiVersion: holdpoint.dev/v1alpha1
kind: GuardrailPolicy
metadata: {name: new}
spec:
  subjects: [{kind: Group, name: ai-agents}]
  rules:
  - {name: many, match: [{apiGroups: [""], resources: [pods], operations: [CREATE]}], when: ["object.spec.n > 5"], action: Deny, message: many}
  - {name: few, match: [{apiGroups: [""], resources: [pods], operations: [CREATE]}], when: ["object.spec.n == 5"], action: Hold, message: few}
  - {name: grown, match: [{apiGroups: [""], resources: [pods], operations: [UPDATE]}], when: ["object.spec.n > oldObject.spec.n", "request.name != 'small'"], action: Deny, message: grown}
  - {name: gone, match: [{apiGroups: [""], resources: [pods], operations: [DELETE]}], when: ["oldObject.spec.n > 5"], action: Warn, message: gone}
  - {name: shells, match: [{apiGroups: [""], resources: [pods/exec], operations: [CONNECT]}], action: Deny, message: shells}
  - {name: reads, match: [{apiGroups: [""], resources: [secrets], verbs: [get]}], action: Deny, message: reads}
YAML

event create pods one 201 "$(pod responseObject 9)"               # passes -> denied
event create pods two 201 "$(pod responseObject 1)"               # as then
event create pods three 201 "$(pod responseObject 5)" Hold old    # held, as then
event create pods four 201 "$(pod responseObject 1)" Hold old     # held -> passes
event create pods five 403 "$(pod other 9)" Deny old              # denied, as then, by what was sent
event create pods six 403 "$(pod other 1)" Deny                   # by a stop, not by a rule
event create pods seven 409 "$(pod other 9)"                      # refused by others
event create pods eight 201 "$(pod responseObject 5)" Deny old DryRun # tried only: passes -> held
event patch pods nine 200 "$(pod responseObject 5)"               # the old object is not recorded
event update pods small 200 "$(pod responseObject 5)"             # … but does not matter
event delete pods ten 200 "$(pod responseObject 9)"               # passes -> warned
event delete pods eleven 200 '{"responseObject":{"kind":"Status"}}' # what was deleted is not recorded
event create pods/exec web 101 '{}'                               # passes -> denied
event get secrets db 200 '{}'                                     # passes -> denied, at /authorize
event deletecollection pods '' 200 '{}'                           # not known
event get '' '' 200 '{}'                                          # a path: as then

replay 3 -o wide
said '^20.* bot +create +pods prod/one +passes +denied +new/many +c/1$'
said ' +create +pods prod/four +held +passes +c/4$'
said ' +create +pods prod/eight +passes +held +new/few +c/8$'
said ' +delete +pods prod/ten +passes +warned +new/gone +c/11$'
said ' +create +pods/exec prod/web +passes +denied +new/shells +c/13$'
said ' +get +secrets prod/db +passes +denied +new/reads +c/14$'
said '^16 requests: 5 as then, 6 otherwise, 3 not known, 2 refused by others$'
said '^  3 passes -> denied$'
said '^  1 held -> passes$'
said '^  1: new/grown: it looks at the object as it was, which is not recorded$'
said '^  1: new/gone: it looks at the object as it was, which is not recorded$'
said '^  1: a deletecollection, of which each object is not recorded$'
not_said 'prod/two|prod/three|prod/five|prod/six|prod/seven|prod/small'

replay 3 -o json
jq -e '.requests == 16 and .changed == 6 and .unknown == 3 and .same == 5 and (.changes[0] | .then == "passes" and .now == "denied"
  and .rule == "many" and .seq == 1) and (.notKnown | length) == 3' "$out" >/dev/null || fail "not the same as JSON"
replay 3 --limit 1
said '^Only 1 are shown; --all shows the rest\.$'
replay 3 --max-requests 2
said '^2 requests: 1 as then, 1 otherwise'
said '^There are more requests than --max-requests\.$'
replay 3 --resource pods/exec
said '^1 request: 0 as then, 1 otherwise'
replay 0 --user nobody
said 'No requests found'
replay 0 -n elsewhere --cluster c

# What only is not known is no yes: exit 4.
cat >"$folder/new.yaml" <<'YAML'
apiVersion: holdpoint.dev/v1alpha1
kind: GuardrailPolicy
metadata: {name: new}
spec:
  rules:
  - {name: grown, match: [{apiGroups: [""], resources: [pods], operations: [UPDATE], namespaceSelector: {matchLabels: {tier: gold}}}], action: Deny, message: grown}
YAML
replay 1 --objects "$folder/none"
replay 3
said 'new/grown: .*Namespaces'
printf 'apiVersion: v1\nkind: Namespace\nmetadata: {name: prod, labels: {tier: gold}}\n' >"$folder/objects.yaml"
replay 3 --objects "$folder/objects.yaml"
said 'pods prod/nine +passes +denied'
not_said 'Namespaces'

# More than one page, and values that were masked.
for ((i = 0; i < 3; i++)); do event create pods "more$i" 201 '{"responseObject":{"kind":"Pod","spec":{"n":"[masked]"}}}'; done
sql "$(as sink)" <<'SQL' >/dev/null
BEGIN;
SELECT first_seq FROM holdpoint.audit_begin_batch('c', 'api-1', sha256('many'), 700, 0, 100) \gset
INSERT INTO holdpoint.audit_event (cluster, seq, source, stage, level, stage_timestamp, audit_id, verb, username, request_uri,
  api_group, api_version, resource, namespace, name, code, masking_version, masked, body, body_nonce, body_digest)
SELECT 'c', :first_seq + n - 1, 'api-1', 'ResponseComplete', 'Metadata', now(), 'm' || n, 'get', 'bot', '/x', '', 'v1',
  'configmaps', 'prod', 'web', 200, 1, 0, '{}', 'x', sha256('x') FROM generate_series(1, 700) AS n;
COMMIT;
SQL
sed -i 's/operations: \[UPDATE\].*action/operations: [CREATE]}], when: ["object.spec.n == \x27[masked]\x27"], action/' "$folder/new.yaml"
replay 3 --resource pods -o wide
said 'prod/more2 +passes +denied'
said '^Of 3 that changed, secrets are masked in the record'
replay 3 -o wide
said '^719 requests'

replay 2 --since tomorrow-or-so
hp policy replay "$folder/new.yaml" --database-url="$(as sink)" >"$out" 2>"$err" && fail "as the sink"
said 'permission denied'
