#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# holdpoint-webhook from outside: every recorded AdmissionReview over TLS, the life of a hold, bad
# input, what is recorded, what is not, and a stop that answers everybody.
# shellcheck source-path=SCRIPTDIR
source "$(dirname "${BASH_SOURCE[0]}")/webhook_stack.sh"

stack_prepare
webhook_start test/e2e/policy.yaml
agent_delete=v1.36/065-validate-delete-pods.json

say "- recorded requests"
config=$work/curl.config count=0 fixtures=(test/fixtures/admission/*/*.json)
for file in "${fixtures[@]}"; do
  path=/validate
  [[ $file == *-mutate-* ]] && path=/mutate
  ((count++ == 0)) || echo next
  printf '%s\n' "url = \"${stack_url[webhook]}$path?timeout=10s\"" "data-binary = \"@$file\"" \
    "output = \"$work/out.$(printf %03d "$count")\"" 'header = "Content-Type: application/json"' \
    "cacert = \"$stack_dir/certs/ca.crt\"" "cert = \"$stack_dir/certs/apiserver.crt\"" \
    "key = \"$stack_dir/certs/apiserver.key\"" 'fail' 'silent' 'show-error'
done >"$config"
curl --config "$config"
equals 147 "$count" "recorded AdmissionReviews"
# What the policy of the end-to-end tests says to each, told by jq: uid, allowed, no patch.
jq -r '.request | [.uid, (input_filename | contains("-mutate-"))
  or (.userInfo.groups | index("ai-agents") | not)
  or ((.operation == "CONNECT" and (.subResource | IN("exec", "attach")) and .namespace == "prod")
    or .operation == "DELETE" or .subResource == "scale"
    or (.resource.resource == "pods" and .subResource == null and .operation != "CONNECT"
      and any(.object.spec.containers[]?; .securityContext.privileged == true)) | not), null] | @csv' \
  "${fixtures[@]}" >"$work/expected"
jq -r '.response | [.uid, .allowed, .patch] | @csv' "$work"/out.* >"$work/answered"
diff "$work/expected" "$work/answered" || fail "the answers differ from what the policy says"
denied=$(grep -c false "$work/answered")
((denied > 20)) || fail "only $denied of the recorded requests were denied"

say "- decisions are recorded, and carry the annotations"
eventually 10 sql_is "$denied" 'SELECT count(*) FROM holdpoint.decision'
equals 0 "$(metric holdpoint_webhook_records_dropped_total)" "records dropped"
ask /validate "$(review v1.36/036-validate-connect-pods-exec.json)"
equals Deny "$(field .response.auditAnnotations.decision "$answer")" decision
id=$(field '.response.auditAnnotations["decision-id"]' "$answer")
row="SELECT username || '|' || operation || '|' || resource || '/' || subresource || '|' || name
  || '|' || policy || '/' || rule || '|' || action || '|' || allowed || '|' || cluster
  FROM holdpoint.decision WHERE decision_id = '$id'"
eventually 10 sql_is 'claude-code@agents.example.com|CONNECT|pods/exec|web|agents/no-shell-in-production|Deny|false|test' \
  "$row"

say "- hold, 403, approved, passes, is used up"
sql "UPDATE holdpoint.config SET repeat_window = '0'"
web_delete='.request.name = "web-1" | .request.oldObject.metadata |= (.name = "web-1" | .uid = "uid-of-web-1")'
ask /validate "$(review "$agent_delete" "$web_delete")"
equals false "$(field .response.allowed "$answer")" "held"
equals 403 "$(field .response.status.code "$answer")" code
equals Forbidden "$(field .response.status.reason "$answer")" reason
hold=$(field .response.auditAnnotations.hold "$answer")
message=$(field .response.status.message "$answer")
matches "^hold $hold waits for approval" "$message" "first line"
matches "holdpoint approve $hold" "$message" "the command"
matches "kubectl holdpoint approve $hold" "$message" "the command"
matches "SELECT holdpoint.approve\($hold, 'reason'\)" "$message" "the command"
matches 'agents/deletes-need-a-human' "$message" "the rule"
matches 'sre' "$message" "who may"
matches 'repeat exactly this request' "$message" "what then"
equals "$hold" "$(field '.response.status.details.causes[] | select(.field == "hold").message' "$answer")" cause
ask /validate "$(review "$agent_delete" "$web_delete")"
equals "$hold" "$(field .response.auditAnnotations.hold "$answer")" "the same change is the same hold"
equals 2 "$(sql "SELECT attempts FROM holdpoint.hold WHERE id = $hold")" attempts
ask /validate "$(review "$agent_delete" "$web_delete | .request.dryRun = true")"
equals true "$(field .response.allowed "$answer")" "a dry run of what is held"
matches 'would be held for approval' "$(field '.response.warnings[0]' "$answer")" "its warning"
equals DryRun "$(field .response.auditAnnotations.decision "$answer")" "its annotation"
ask /validate "$(review "$agent_delete" '.request.dryRun = true | .request.name = "x"
  | .request.oldObject.metadata.uid = "other"')"
equals true "$(field .response.allowed "$answer")" "a dry run of what is not held yet"
equals 2 "$(sql "SELECT attempts FROM holdpoint.hold WHERE id = $hold")" "a dry run does not count"
equals 0 "$(sql "SELECT count(*) FROM holdpoint.hold WHERE name = 'x'")" "a dry run makes no hold"
sql_as alice "SELECT holdpoint.approve($hold, 'go')" >/dev/null
ask /validate "$(review "$agent_delete" "$web_delete | .request.userInfo.username = \"other@example.com\"")"
equals false "$(field .response.allowed "$answer")" "another identity"
ask /validate "$(review "$agent_delete" "$web_delete | .request.oldObject.metadata.uid = \"recreated\"")"
equals false "$(field .response.allowed "$answer")" "a recreated object"
ask /validate "$(review "$agent_delete" "$web_delete")"
equals true "$(field .response.allowed "$answer")" "approved ($(<"$answer"))"
equals Approved "$(field .response.auditAnnotations.decision "$answer")" decision
equals "$hold" "$(field .response.auditAnnotations.hold "$answer")" hold
ask /validate "$(review "$agent_delete" "$web_delete")"
equals false "$(field .response.allowed "$answer")" "a used approval"
[[ $(field .response.auditAnnotations.hold "$answer") != "$hold" ]] || fail "the used hold was asked again"

say "- denied by a human"
other='.request.name = "web-2" | .request.oldObject.metadata |= (.name = "web-2" | .uid = "uid-of-web-2")'
ask /validate "$(review "$agent_delete" "$other")"
hold=$(field .response.auditAnnotations.hold "$answer")
sql_as alice "SELECT holdpoint.deny($hold, 'not today')" >/dev/null
ask /validate "$(review "$agent_delete" "$other")"
matches "hold $hold was denied by .*alice" "$(field .response.status.message "$answer")" "denial"
matches 'Reason given: not today' "$(field .response.status.message "$answer")" "denial"

say "- what the approver sees"
scale=v1.36/003-validate-update-deployments-scale.json
ask /validate "$(review "$scale")"
hold=$(field .response.auditAnnotations.hold "$answer")
equals spec.replicas "$(sql "SELECT change::jsonb -> 'changes' -> 0 ->> 'path' FROM holdpoint.hold WHERE id = $hold")" \
  "path of the change"

say "- bad input"
# bad CODE PATTERN [PATH] <body
bad() {
  local code=$1 pattern=$2 path=${3:-/validate} got
  cat >"$work/bad"
  got=$(post_code "$path" "$work/bad" "$work/bad.out")
  equals "$code" "$got" "status for: $(head -c 120 "$work/bad") ($(<"$work/bad.out"))"
  matches "$pattern" "$(field .error "$work/bad.out")" "error for: $(head -c 120 "$work/bad")"
}
bad 400 'line 2, column 1' <<<''
bad 400 'line 1, column 2' <<<'{]'
bad 400 '/kind' <<<'{}'
bad 400 '/apiVersion' <<<'{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1beta1","request":{"uid":"u"}}'
bad 400 '/request: expected' <<<'{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1"}'
bad 400 '/request/uid is missing' <<<'{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","request":{}}'
bad 400 'duplicate' <<<'{"kind":"AdmissionReview","kind":"AdmissionReview"}'
bad 400 '/request/uid is missing' /mutate <<<'{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","request":{}}'
bad 400 '/kind: expected "SubjectAccessReview"' /authorize <<<'{}'
bad 404 . /nowhere <<<'{}'
review='{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","request":{"uid":"u-7"'
echo "$review,\"operation\":\"PATCH\"}}" >"$work/body"
ask /validate "$work/body"
equals u-7 "$(field .response.uid "$answer")" "uid of what cannot be decided"
equals false "$(field .response.allowed "$answer")" "what cannot be decided"
matches '/request/operation' "$(field .response.status.message "$answer")" "the place"
{ printf '%s' "$review,\"object\":" && printf '{"a":%.0s' {1..500}; } >"$work/body"
ask /validate "$work/body"
equals false "$(field .response.allowed "$answer")" "too deep"
head -c 17000000 /dev/zero | tr '\0' ' ' >"$work/body"
equals 413 "$(post_code /validate "$work/body" "$work/bad.out")" "too large"
echo '{}' >"$work/body"
equals 400 "$(post_code /validate "$work/body" "$work/bad.out" -H 'Content-Type: text/plain')" "two content types"
equals 415 "$(curl -sS --cacert "$stack_dir/certs/ca.crt" --cert "$stack_dir/certs/apiserver.crt" \
  --key "$stack_dir/certs/apiserver.key" -H 'Content-Type: text/plain' -o "$work/bad.out" \
  -w '%{http_code}' --data-binary "@$work/body" "${stack_url[webhook]}/validate")" "content type"
equals 405 "$(post_code /validate "$work/body" "$work/bad.out" -X PUT)" "method"
if curl -sS --cacert "$stack_dir/certs/ca.crt" "${stack_url[webhook]}/validate" 2>"$work/err"; then
  fail "served without a client certificate"
fi

say "- authorization"
access='{"kind":"SubjectAccessReview","apiVersion":"authorization.k8s.io/v1beta1","spec":{"user":"bob","group":["x"],"resourceAttributes":{"verb":"get","resource":"secrets"}}}'
echo "$access" >"$work/body"
ask /authorize "$work/body"
equals '{"kind":"SubjectAccessReview","apiVersion":"authorization.k8s.io/v1beta1","status":{"allowed":false}}' \
  "$(<"$answer")" "no opinion"

say "- deciding by HoldReview"
# hold_review HOLD DECISION USER GROUP [JQ-FILTER]: where the AdmissionReview of its creation is
hold_review() {
  review v1.36/063-validate-create-backups.json ".request.kind.kind = \"HoldReview\"
    | .request.resource = {group: \"holdpoint.dev\", version: \"v1alpha1\", resource: \"holdreviews\"}
    | .request.namespace = \"\" | .request.userInfo = {username: \"$3\", groups: [\"$4\"]}
    | .request.object = {apiVersion: \"holdpoint.dev/v1alpha1\", kind: \"HoldReview\",
      metadata: {generateName: \"hold-$1-\"}, spec: {hold: $1, decision: \"$2\", reason: \"by kubectl\"}}
    | ${5:-.}"
}
new_hold() {
  ask /validate "$(review "$agent_delete" ".request.name = \"$1\"
    | .request.oldObject.metadata |= (.name = \"$1\" | .uid = \"uid-of-$1\")")"
  hold=$(field .response.auditAnnotations.hold "$answer")
}
refused_review() {
  equals false "$(field .response.allowed "$answer")" "$2"
  matches "$1" "$(field .response.status.message "$answer")" "$2"
}
new_hold review-1
ask /validate "$(hold_review "$hold" Approve claude-code@agents.example.com sre)"
refused_review 'cannot decide on it' "self-approval"
ask /validate "$(hold_review "$hold" Approve eve@example.com devs)"
refused_review 'sre' "not in the approvers' group"
ask /validate "$(hold_review 999999 Approve carol@example.com sre)"
refused_review '999999' "no such hold"
ask /validate "$(hold_review "$hold" Maybe carol@example.com sre)"
refused_review 'Approve, Deny, Withdraw, Comment, List or Status' "another decision"
ask /validate "$(hold_review "$hold" Approve carol@example.com sre '.request.object.spec.hold = -1')"
refused_review 'number of a hold' "a bad number"
ask /validate "$(hold_review "$hold" Withdraw carol@example.com sre)"
refused_review "no hold $hold of yours" "taken back by somebody else"
ask /validate "$(hold_review "$hold" Approve carol@example.com sre '.request.dryRun = true')"
equals pending "$(sql "SELECT state FROM holdpoint.hold WHERE id = $hold")" "after a dry run"
ask /validate "$(hold_review "$hold" Approve carol@example.com sre '.request.operation = "UPDATE"
  | .request.oldObject = .request.object')"
equals true "$(field .response.allowed "$answer")" "editing a HoldReview"
equals pending "$(sql "SELECT state FROM holdpoint.hold WHERE id = $hold")" "after an edit"
ask /validate "$(hold_review "$hold" Approve carol@example.com sre)"
equals true "$(field .response.allowed "$answer")" "a review ($(<"$answer"))"
matches "hold $hold: your approval is written down and waits for the API server's audit event" \
  "$(field '.response.warnings[0]' "$answer")" "what the approver is told"
equals pending "$(sql "SELECT state FROM holdpoint.hold WHERE id = $hold")" "no audit event says so yet"
mark=$(field '.response.auditAnnotations["hold-review"]' "$answer")
matches "^$hold/[0-9a-f-]{36}$" "$mark" "the mark by which the event is known"
asked_for=$hold
new_hold review-1
matches 'Approved with kubectl by carol@example.com: counts once' "$(field .response.status.message "$answer")" \
  "what the requester is told"
equals carol@example.com "$(field '.response.status.details.causes[] | select(.field == "unconfirmed") | .message' \
  "$answer")" "and a program"
equals "$asked_for" "$hold" "one hold"
sql "INSERT INTO holdpoint.audit_event (cluster, seq, source, stage, level, stage_timestamp, audit_id, verb, username,
  api_group, resource, code, hold_review, masking_version, masked, body_digest)
  VALUES ('$stack_cluster', 1, 's', 'ResponseComplete', 'Metadata', now(), 'a', 'create', 'carol@example.com',
  'holdpoint.dev', 'holdreviews', 201, '$mark', 1, 0, 'd')"
eventually 10 sql_is approved "SELECT state FROM holdpoint.hold WHERE id = $hold"
eventually 10 grep -q '"event":"hold_review_confirmed"' "$stack_dir/webhook.log"
equals "approved|carol@example.com|by kubectl|kubernetes" "$(sql "SELECT h.state || '|' || e.who || '|'
  || e.reason || '|' || e.channel FROM holdpoint.hold h JOIN holdpoint.hold_event e ON e.hold_id = h.id
  WHERE h.id = $hold AND e.action = 'approve'")" "what is recorded"
new_hold review-1
equals true "$(field .response.allowed "$answer")" "approved by kubectl"
new_hold taken-back
ask /validate "$(hold_review "$hold" Withdraw claude-code@agents.example.com ai-agents)"
equals true "$(field .response.allowed "$answer")" "taken back by who asked ($(<"$answer"))"
equals "withdrawn|claude-code@agents.example.com|kubernetes" "$(sql "SELECT h.state || '|' || e.who || '|'
  || e.channel FROM holdpoint.hold h JOIN holdpoint.hold_event e ON e.hold_id = h.id
  WHERE h.id = $hold AND e.action = 'withdraw'")" "what is recorded"
new_hold one-of-many
ask /validate "$(hold_review 1 Deny carol@example.com sre '.request.object.spec = {decision: "Deny",
  requester: "claude-code@agents.example.com", reason: "stop"}')"
equals true "$(field .response.allowed "$answer")" "all of a requester ($(<"$answer"))"
matches '[0-9]+ holds? of claude-code@agents.example.com denied' "$(field '.response.warnings[0]' "$answer")" \
  "what the approver is told"
equals 0 "$(sql "SELECT count(*) FROM holdpoint.hold WHERE state = 'pending'
  AND username = 'claude-code@agents.example.com'")" "holds that wait still"
sql "UPDATE holdpoint.config SET denials_within = '0'"
new_hold review-2
ask /validate "$(hold_review "$hold" Deny carol@example.com sre)"
equals true "$(field .response.allowed "$answer")" "a denial is admitted"
equals denied "$(sql "SELECT state FROM holdpoint.hold WHERE id = $hold")" "after a denial"

say "- what waits, by HoldReview"
new_hold review-3
# listed USER GROUP [JQ-FILTER]: the numbers of the holds that they are shown
listed() {
  ask /mutate "$(hold_review 1 List "$1" "$2" ".request.dryRun = true | del(.request.object.spec.hold) | ${3:-.}")"
  field .response.patch "$answer" | base64 -d | jq -r '.[0].value.holds[].hold'
}
listed carol@example.com sre | grep -qx "$hold" || fail "hold $hold is not shown: $(<"$answer")"
equals '' "$(listed eve@example.com devs)" "the holds of another group"
if listed claude-code@agents.example.com sre | grep -qx "$hold"; then fail "one's own is shown"; fi
equals "$hold" "$(listed carol@example.com sre ".request.object.spec.hold = $hold")" "one hold"
equals DELETE "$(field .response.patch "$answer" | base64 -d | jq -r '.[0].value.holds[0].change | fromjson.operation')" \
  "with its change"
ask /mutate "$(hold_review -1 List carol@example.com sre '.request.dryRun = true')"
refused_review 'number of a hold' "a bad number"
ask /mutate "$(hold_review "$hold" List carol@example.com sre)"
equals null "$(field .response.patch "$answer")" "no answer but to a dry run"
ask /validate "$(hold_review "$hold" List carol@example.com sre)"
refused_review 'dry-run=server' "not a dry run"
ask /validate "$(hold_review "$hold" List carol@example.com sre '.request.dryRun = true')"
equals true "$(field .response.allowed "$answer")" "a dry run"
sql "UPDATE holdpoint.config SET kubernetes_approvals = 'off'"
ask /mutate "$(hold_review "$hold" List carol@example.com sre '.request.dryRun = true')"
refused_review 'deciding through kubernetes is switched off' "the channel switched off"
sql "UPDATE holdpoint.config SET kubernetes_approvals = DEFAULT"

say "- only callers of the right name"
grep -q '"event":"callers_of_any_name"' "$stack_dir/webhook.log" || fail "no warning about --client-name"
daemon_stop webhook
daemon_start webhook "$stack_bin/holdpoint-webhook" --policy=test/e2e/policy.yaml --cluster="$stack_cluster" \
  --tls-cert-file="$stack_dir/certs/webhook.crt" --tls-private-key-file="$stack_dir/certs/webhook.key" \
  --database-url="$(stack_database_url webhook)"
ask /mutate "$(hold_review "$hold" List carol@example.com sre '.request.dryRun = true')"
refused_review 'runs with --client-ca-file' "an API server that nobody verifies"
daemon_stop webhook
webhook_start test/e2e/policy.yaml -- --client-name=somebody-else
equals 403 "$(post_code /validate "$(review "$agent_delete")" "$work/bad.out")" "another common name"
daemon_stop webhook
webhook_start test/e2e/policy.yaml -- --client-name=somebody-else --client-name=kube-apiserver
ask /validate "$(review "$agent_delete")"

say "- policies are recorded"
eventually 15 sql_is 1 'SELECT count(*) FROM holdpoint.policy_version'

say "- what a message quotes of the request is masked as it is there, for whoever reads it"
daemon_stop webhook
cat >"$work/quoting.yaml" <<'YAML'
apiVersion: holdpoint.dev/v1alpha1
kind: GuardrailPolicy
metadata:
  name: quoting
spec:
  rules:
  - name: denies
    match:
    - {apiGroups: [""], resources: ["pods"], operations: ["CREATE"]}
    action: Deny
    message: "no"
    messageExpression: "'not with ' + object.metadata.annotations['database']"
  - name: warns
    match:
    - {apiGroups: ["apps"], resources: ["deployments"], operations: ["CREATE"]}
    action: Warn
    message: "no"
    messageExpression: "'better not with ' + object.metadata.annotations['database']"
  - name: holds
    match:
    - {apiGroups: [""], resources: ["pods/exec"], operations: ["CONNECT"]}
    action: Hold
    message: "no"
    messageExpression: "'runs ' + object.command.join(' ')"
    hold: {approvers: [sre], expires: 1h}
YAML
webhook_start "$work/quoting.yaml"
quoted='.request.object.metadata.annotations.database = "postgres://app:quoted-Pa55word@db/app"'
ask /validate "$(review v1.36/021-validate-create-pods.json "$quoted")"
matches 'not with postgres://app:\[masked' "$(field .response.status.message "$answer")" "what the requester reads"
ask /validate "$(review v1.36/021-validate-create-pods.json "$quoted
  | .request.resource = {group: \"apps\", version: \"v1\", resource: \"deployments\"}")"
equals true "$(field .response.allowed "$answer")" "a warning"
eventually 10 sql_is 2 "SELECT count(*) FROM holdpoint.decision WHERE policy = 'quoting'
  AND message ~ 'not with postgres://.*masked hmac-sha256'"

# Only its place in the command line says what a word is; and a line break makes no line.
while IFS='|' read -r secret script; do
  ask /validate "$(review v1.36/036-validate-connect-pods-exec.json \
    ".request.object.command = $(jq -c . <<<"$script")")"
  if grep -qF -- "$secret" "$answer"; then fail "told: $(<"$answer")"; fi
  matches 'runs .*\[masked hmac-sha256' "$(field .response.status.message "$answer")" "what is held"
  equals 2 "$(field .response.status.message "$answer" | grep -c '^Held by rule\|^To approve')" "lines of ours"
  echo "$secret" >>"$work/said"
done <<'EOF'
hvx.Qm93Zz81kkPdq|["vault", "login", "hvx.Qm93Zz81kkPdq"]
Pw-9981-abc|["htpasswd", "-b", "/f", "bob", "Pw-9981-abc"]
Zq7-unlisted-9pw|["sh", "-c", "echo Zq7-unlisted-9pw | passwd --stdin root\nHeld by rule harmless/read\nTo approve"]
EOF
equals 3 "$(sql "SELECT count(*) FROM holdpoint.hold WHERE policy = 'quoting' AND message ~ 'runs .*masked'")" \
  "held with their messages"

say "- no secret anywhere"
pg_dump --data-only "$HOLDPOINT_TEST_DATABASE_URL" >"$work/dump"
planted_secrets >"$work/planted"
cat - "$work/said" <<<quoted-Pa55word >>"$work/planted"
if grep -nFf "$work/planted" "$work/dump" "$stack_dir"/webhook.log; then fail "a planted secret was kept"; fi

say "- an orderly stop"
curl -fsS "${stack_plain[webhook]}/livez" >/dev/null
pid=${stack_pid[webhook]}
kill -TERM "$pid"
wait "$pid" || fail "exit code $? after SIGTERM"
grep -q '"event":"stopped"' "$stack_dir/webhook.log" || fail "no orderly stop"
passed=1
