#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Approvals with kubectl that count at once, where an administrator has said so and the API server asks
# /authorize: not one whose HoldReview may not be created, nor one by who acts as somebody else.
source "$(dirname "$0")/harness.sh"
if [[ ${HOLDPOINT_APISERVER:-} == modern ]]; then
  note "skipped: the modern API server asks /authorize about the subjects of policies only, and not about approvers"
  exit 77
fi

policy=$(mktemp /tmp/holdpoint-policy.XXXXXX.yaml)
cat >"$policy" <<'YAML'
apiVersion: holdpoint.dev/v1alpha1
kind: GuardrailPolicy
metadata: {name: deletes}
spec:
  subjects: [{kind: Group, name: ai-agents}]
  rules:
  - name: secrets-need-a-human
    match: [{apiGroups: [""], resources: ["secrets"], operations: ["DELETE"]}]
    action: Hold
    message: "secrets are deleted with a person's word"
    hold: {expires: 30m, approvers: ["sre"]}
YAML
e2e_begin --authorize --policy "$policy"

review() { printf '{"apiVersion":"holdpoint.dev/v1alpha1","kind":"HoldReview","metadata":{"generateName":"review-"},"spec":{"hold":%s,"decision":"Approve","reason":"%s"}}' "$1" "$2"; }
# review_named HOLD NAME
review_named() { printf '{"apiVersion":"holdpoint.dev/v1alpha1","kind":"HoldReview","metadata":{"name":"%s"},"spec":{"hold":%s,"decision":"Approve"}}' "$2" "$1"; }
# held_secret NAMESPACE: the agent's attempt to delete its Secret
held_secret() {
  refused 'Forbidden.*hold [0-9]+' as agent -n "$1" delete secret db
  hold=$(newest_hold)
}
state_is() { equals "$1" "$(sql "SELECT state FROM holdpoint.holds WHERE id = $hold")" "state of hold $hold, $2"; }
noted() {
  as sre auth can-i create holdreviews.holdpoint.dev >/dev/null &&
    sql_is t "SELECT count(*) > 0 FROM holdpoint.authorize_note WHERE kind = 'review' AND username = 'alice@example.com'"
}
as admin apply -f "$root/manifests/base/holdreview.yaml" >/dev/null
as admin wait --for=condition=Established crd/holdreviews.holdpoint.dev --timeout=30s >/dev/null

step_is "where the administrator says so, and /authorize is asked, an approval counts at once"
for ns in one two three four five; do
  as admin create namespace "$ns" >/dev/null
  as admin -n "$ns" create secret generic db --from-literal=password=hunter2-plain >/dev/null
done
sql "INSERT INTO holdpoint.cluster_config VALUES ('e2e', 'direct')"
eventually 20 noted
held_secret one
passes as sre create -f - < <(review "$hold" "at once")
state_is approved "at once"
eventually 30 sql_is confirmed "SELECT state FROM holdpoint.hold_review WHERE hold_id = $hold"
sql "SELECT holdpoint.withdraw($hold)" >/dev/null

step_is "but not one whose name may be taken: it has not approved when it is not created"
held_secret two
refused_named() {
  as oidc create -f - < <(review_named "$hold" twice) && as sre create -f - < <(review_named "$hold" twice)
}
# Both while the audit events that confirm them are under way: the first would end the hold.
kill -STOP "${stack_pid[sink]}"
if output=$(refused_named 2>&1); then fail "two HoldReviews of one name: $output"; fi
kill -CONT "${stack_pid[sink]}"
eventually 30 sql_is "oidc:dana@corp.example.com confirmed false, alice@example.com refused false" "SELECT
  string_agg(concat_ws(' ', who, state, counted::text), ', ' ORDER BY at) FROM holdpoint.hold_review
  WHERE hold_id = $hold AND state <> 'waiting' HAVING count(*) = 2"
state_is approved "by who has created one"
sql "SELECT holdpoint.withdraw($hold)" >/dev/null

step_is "nor one by who acts as somebody else"
held_secret three
passes as ci --as alice@example.com --as-group sre create -f - < <(review "$hold" "forged")
state_is pending "forged"
equals alice@example.com "$(sql "SELECT username FROM holdpoint.authorize_note WHERE kind = 'impersonate'")" "what was noted"
eventually 30 sql_is "made by deploy-bot@ci.example.com, acting as alice@example.com" \
  "SELECT why FROM holdpoint.hold_review WHERE hold_id = $hold AND state = 'refused'"
state_is pending "forged"
refused 'hold [0-9]+ waits for approval' as agent -n three delete secret db

step_is "after that hers wait for their audit events, and another's count at once"
passes as sre create -f - < <(review "$hold" "really")
state_is pending "at once"
eventually 30 sql_is approved "SELECT state FROM holdpoint.holds WHERE id = $hold"
sql "SELECT holdpoint.withdraw($hold)" >/dev/null
held_secret four
passes as oidc create -f - < <(review "$hold" "another")
state_is approved "at once"

step_is "without the database nobody acts as another, where approvals depend on it"
pg_throwaway_stop
refused 'could not write down that somebody acts as this user' as ci --as bob@example.com get pods
pg_throwaway_start
rm -f "$policy"
e2e_passed
