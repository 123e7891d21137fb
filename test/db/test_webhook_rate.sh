#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Holds that callers may make whom nobody verifies: so many a second, and as many as they like once
# their certificates are asked for (--client-ca-file).
# shellcheck source-path=SCRIPTDIR
source "$(dirname "${BASH_SOURCE[0]}")/webhook_stack.sh"

stack_prepare
cat >"$work/policy.yaml" <<'YAML'
apiVersion: holdpoint.dev/v1alpha1
kind: GuardrailPolicy
metadata: {name: rate}
spec:
  subjects: [{kind: Group, name: ai-agents}]
  rules:
  - name: deletes
    match: [{apiGroups: [""], resources: ["pods"], operations: ["DELETE"]}]
    action: Hold
    message: "deleting a pod"
    hold: {approvers: ["sre"], expires: 1h}
YAML
asked=0

# ask_next: the deletion of one more pod; its answer is in $answer, its code in $code.
ask_next() {
  asked=$((asked + 1))
  ask /validate "$(review v1.36/065-validate-delete-pods.json ".request.name = \"p-$asked\"")"
  code=$(field .response.status.code "$answer")
}
verdicts() { metric "holdpoint_webhook_holds_total{verdict=\"$1\"}"; }

say "- nobody verified: beyond one a second"
daemon_start webhook "$HOLDPOINT_BIN/holdpoint-webhook" --policy="$work/policy.yaml" \
  --tls-cert-file="$stack_dir/certs/webhook.crt" \
  --tls-private-key-file="$stack_dir/certs/webhook.key" --cluster="$stack_cluster" \
  --database-url="$(stack_database_url webhook)" --new-holds-per-second=1
# On a slow machine it takes a while until two come within one second.
for _ in {1..60}; do
  ask_next
  [[ $code != 429 ]] || break
done
equals false "$(field .response.allowed "$answer")" allowed
equals 429 "$code" code
equals TooManyRequests "$(field .response.status.reason "$answer")" reason
equals HoldBusy "$(field '.response.status.details.causes[0].reason' "$answer")" cause
matches '^too many requests ask for approval at once: repeat it later' \
  "$(field .response.status.message "$answer")" message
equals 2 "$(field .response.status.details.retryAfterSeconds "$answer")" retryAfterSeconds
equals rate/deletes "$(field .response.auditAnnotations.policy "$answer")/$(
  field .response.auditAnnotations.rule "$answer")" rule
(($(verdicts rate) > 0)) || fail "no verdict \"rate\" was counted"
equals "$asked" "$(($(verdicts rate) + $(verdicts held)))" "what was asked is held or over the rate"
equals "$(verdicts held)" "$(sql 'SELECT count(*) FROM holdpoint.hold')" "holds that were made"
eventually 10 sql_is "$(verdicts rate)" \
  'SELECT count(*) FROM holdpoint.decision WHERE hold_id IS NULL AND NOT allowed'

say "- callers with certificates: as many as they like"
daemon_stop webhook
before=$asked
webhook_start "$work/policy.yaml" -- --new-holds-per-second=1
for _ in 1 2 3 4; do
  ask_next
  equals 403 "$code" "code of a held request"
done
equals "$((asked - before))" "$(verdicts held)" "all are held"
equals 0 "$(verdicts rate)" "none over the rate"
passed=1
