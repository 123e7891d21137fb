#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The main job: what an agent's kubectl tries is denied, held, approved by psql and by CLI, and let
# through once; the same calls arrive in the audit log, masked and in order.
source "$(dirname "$0")/harness.sh"
e2e_begin

prepare() {
  as admin create namespace prod >/dev/null
  as admin -n prod create deployment checkout --image=registry.example.com/checkout:1 \
    --replicas=3 >/dev/null
  as admin -n prod run web --image=registry.example.com/web:1 >/dev/null
}

deny_privileged() {
  step_is "a privileged pod is denied, by a condition on what it asks for"
  refused 'denied the request: privileged container sh is root on its node' \
    as agent -n prod create -f - <<'YAML'
apiVersion: v1
kind: Pod
metadata: {name: debug-root}
spec:
  containers: [{name: sh, image: registry.example.com/sh:1, securityContext: {privileged: true}}]
YAML
}

# Denied: no hold, nothing to approve.
deny_exec() {
  step_is "a shell in production is denied"
  refused 'validate.holdpoint.dev.*denied the request.*no shell in production' \
    as agent -n prod exec web -- sh -c 'echo exec-arg-secret'
  equals 0 "$(sql 'SELECT count(*) FROM holdpoint.hold')" "holds after a denial"
  step_is "the same from a person reaches the pod, which has no node here"
  refused 'does not have a host assigned' as sre -n prod exec web -- id
}

approve_with_psql() {
  local hold
  step_is "scaling is held"
  refused 'Forbidden.*denied the request' as agent -n prod scale deployment checkout --replicas=0
  hold=$(newest_hold)
  [[ $output == *"$hold"* && $output == *sre* ]] ||
    fail "the denial does not say what a person needs: $output"
  equals 3 "$(as admin -n prod get deployment checkout -o jsonpath='{.spec.replicas}')" replicas

  step_is "the same request again is the same hold"
  refused "$hold" as agent -n prod scale deployment checkout --replicas=0
  equals "$hold" "$(newest_hold)" "hold of the repeated request"

  [[ $(cli alice holds show "$hold") == *"~ spec.replicas: 3 → 0"* ]] || fail "the change is not shown: $(cli alice holds show "$hold")"

  step_is "nobody approves who may not"
  if sql_as auditor "SELECT holdpoint.approve($hold, 'me')" 2>/dev/null; then fail "an auditor approved"; fi
  if sql_as webhook "SELECT holdpoint.approve($hold, 'me')" 2>/dev/null; then fail "the webhook approved"; fi

  step_is "approved with psql, the same request passes; another one does not"
  equals 1 "$(sql_as alice "SELECT count(*) FROM holdpoint.pending_holds WHERE id = $hold")" pending
  sql_as alice "SELECT holdpoint.approve($hold, 'night shift: traffic is moved away')" >/dev/null
  refused 'denied the request' as agent -n prod scale deployment checkout --replicas=1
  passes as agent -n prod scale deployment checkout --replicas=0
  equals 0 "$(as admin -n prod get deployment checkout -o jsonpath='{.spec.replicas}')" replicas

  step_is "the approval is not usable again"
  sql "UPDATE holdpoint.config SET repeat_window = '1 second'" >/dev/null
  as sre -n prod scale deployment checkout --replicas=3 >/dev/null
  sleep 1.5
  refused 'denied the request' as agent -n prod scale deployment checkout --replicas=0
  [[ $(newest_hold) -gt $hold ]] || fail "no new hold after the approval was used"
  equals used "$(sql "SELECT state FROM holdpoint.holds WHERE id = $hold")" "state of the used hold"
}

approve_with_cli() {
  local hold
  step_is "a deletion is held, and approved with the command line"
  refused 'denied the request' as agent -n prod delete pod web --wait=false
  hold=$(newest_hold)
  cli alice holds >"$e2e_dir/cli.holds" || fail "holdpoint holds"
  grep -qw "$hold" "$e2e_dir/cli.holds" || fail "holdpoint holds does not show hold $hold"
  cli alice holds show "$hold" >>"$e2e_dir/cli.holds"
  passes cli alice approve "$hold" --reason "the pod is stuck"
  passes as agent -n prod delete pod web --wait=false --grace-period=0 --force
  step_is "a pod of the same name is another pod"
  as admin -n prod run web --image=registry.example.com/web:1 >/dev/null
  refused 'denied the request' as agent -n prod delete pod web --wait=false
  [[ $(newest_hold) -gt $hold ]] || fail "the old approval was used for a new pod"

  step_is "a denied hold stays denied"
  hold=$(newest_hold)
  passes cli alice deny "$hold" --reason "leave it"
  refused 'denied the request.*leave it' as agent -n prod delete pod web --wait=false
}

# Everything that carries a secret, with the values that planted_secrets knows.
touch_secrets() {
  step_is "the agent makes, changes and reads Secrets"
  printf '\000\001\002\003\004\005' >"$e2e_dir/bytes"
  as agent -n prod create secret generic db --from-literal=password=hunter2-plain \
    --from-literal=stripe=sk_live_51FixtureNotARealKey000 --from-file=raw="$e2e_dir/bytes" >/dev/null
  as agent apply -f - >/dev/null <<'YAML'
apiVersion: v1
kind: Secret
metadata: {name: api, namespace: prod}
stringData: {pass: applied-plain-pass, token: ghp_FixtureTokenNotReal0123456789abcdef}
YAML
  as agent -n prod patch secret db --type=merge -p '{"stringData":{"password":"merge-patched-plain"}}' >/dev/null
  as agent -n prod patch secret db --type=json \
    -p '[{"op":"add","path":"/data/password","value":"bmV3LXBhc3N3b3JkLWZpeHR1cmU="}]' >/dev/null
  as agent -n prod get secrets -o yaml >/dev/null
  as agent -n prod get secrets >/dev/null
  as agent -n prod get secret db -o jsonpath='{.data}' >/dev/null
  as agent -n prod create configmap app --from-literal=DB_PASSWORD=cm-plain-password >/dev/null
  as agent -n prod create -f - >/dev/null <<'YAML'
apiVersion: v1
kind: Pod
metadata: {name: worker}
spec:
  containers:
  - name: worker
    image: registry.example.com/worker:1
    args: ["--aws-secret-access-key=AKIAFIXTURE000000000"]
    env: [{name: DB_PASSWORD, value: S3cr3t-P4ssw0rd-fixture}]
YAML
  as agent -n prod create serviceaccount robot >/dev/null
  printf '%s' '{"apiVersion":"authentication.k8s.io/v1","kind":"TokenRequest","spec":{"expirationSeconds":3600}}' |
    as agent create --raw /api/v1/namespaces/prod/serviceaccounts/robot/token -f - |
    jq -r .status.token >"$e2e_dir/token"
  printf '%s' '{"apiVersion":"authentication.k8s.io/v1","kind":"TokenReview","spec":{"token":"agent-token"}}' |
    as agent create --raw /apis/authentication.k8s.io/v1/tokenreviews -f - >/dev/null
  as agent get --raw '/api/v1/namespaces/prod/pods/web/proxy/?token=proxy-query-secret' >/dev/null 2>&1 || true
  step_is "a Secret's deletion is held, with its content in the review"
  refused 'denied the request' as agent -n prod delete secret db
  cli alice holds show "$(newest_hold)" >>"$e2e_dir/cli.holds"
}

# The last of the calls above is in the database, so all are.
wait_for_audit() {
  step_is "the audit events arrive"
  eventually 60 sql_is t "SELECT count(*) > 0 FROM holdpoint.audit_event WHERE verb = 'delete'
    AND resource = 'secrets' AND name = 'db' AND code = 403"
  # Batches may overtake each other: one more must have passed after all that was sent by then.
  sleep 2
}

audit_tells() {
  step_is "the audit events carry the decisions"
  equals 1 "$(sql "SELECT (count(*) > 0)::int FROM holdpoint.audit_event
    WHERE username = 'claude-code@agents.example.com' AND resource = 'pods' AND subresource = 'exec'
      AND code = 403 AND lower(decision) = 'deny'")" "denied exec in the audit log"
  equals 1 "$(sql "SELECT (count(*) > 0)::int FROM holdpoint.audit_event
    WHERE verb IN ('patch', 'update') AND subresource = 'scale' AND code = 200
      AND hold_id IS NOT NULL")" "approved scaling in the audit log, with its hold"
  equals 0 "$(sql 'SELECT count(*) FROM holdpoint.audit_quarantine')" "quarantined events"
}

# in_order FILE REGEX...: FILE has lines that match, one after the other.
in_order() {
  local file=$1 line
  shift
  while read -r line; do
    [[ ${1:-} && $line =~ $1 ]] && shift
  done <"$file"
  (($# == 0)) || fail "the replay lacks, after what came before it: $1"$'\n'"$(cat "$file")"
}

replay_in_order() {
  local session calls=$e2e_dir/calls
  step_is "the session is replayed in order"
  cli auditor sessions >"$e2e_dir/cli.sessions"
  session=$(cli auditor sessions -o json | jq -r 'map(select(.username
    == "claude-code@agents.example.com")) | max_by(.requests) | .session // empty')
  [[ $session ]] || fail "no session of the agent: $(cat "$e2e_dir/cli.sessions")"
  cli auditor replay "$session" >"$e2e_dir/cli.replay"
  cli auditor replay "$session" -o json >"$e2e_dir/cli.replay.json"
  jq -r '.[] | "\(.time) \(.verb) \(.resource)/\(.subresource // "") \(.name) \(.code) \(.decision // "")"' \
    "$e2e_dir/cli.replay.json" >"$calls"
  LC_ALL=C sort -c "$calls" || fail "the replay is not in order of time"
  in_order "$calls" ' (get|create) pods/exec web 403' ' (patch|update) deployments/scale checkout 403' \
    ' (patch|update) deployments/scale checkout 200' ' (patch|update) deployments/scale checkout 403' \
    ' delete pods/ web 403' ' delete pods/ web 200' ' delete pods/ web 403' ' create secrets/ db 201' \
    ' patch secrets/ db 200' ' list secrets/ ' ' create serviceaccounts/token robot 201' \
    ' delete secrets/ db 403'
  [[ $(wc -l <"$e2e_dir/cli.replay") -ge 20 ]] || fail "the replay for people is too short"
}

nothing_secret() {
  local secret where
  step_is "none of the planted secrets is in the database, the logs or what the command line shows"
  (pg_run -- "$(pg_bin pg_dump)" "$(pg_url "$pg_sockets" holdpoint)") >"$e2e_dir/dump.sql"
  # The search itself works: what is no secret is found in the dump.
  grep -q 'registry.example.com/worker:1' "$e2e_dir/dump.sql" || fail "the dump holds no pod"
  [[ $(wc -c <"$e2e_dir/token") -gt 100 ]] || fail "no service account token was issued"
  while read -r secret; do
    where=$(grep -lF -- "$secret" "$e2e_dir/dump.sql" "$stack_dir"/*.log* "$pg_log" \
      "$e2e_dir"/cli.*) || continue
    fail "found '${secret:0:6}…' in: $where"
  done < <(planted_secrets && cut -d. -f3 "$e2e_dir/token")
}

prepare
deny_privileged
deny_exec
approve_with_psql
approve_with_cli
touch_secrets
wait_for_audit
audit_tells
replay_in_order
nothing_secret
e2e_passed
