#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# PostgreSQL is there and does not answer: its processes are stopped. Requests that are held are
# denied within three seconds, others go on, the webhook ends when it is told to, and all is well
# when PostgreSQL goes on.
# shellcheck source-path=SCRIPTDIR
source "$(dirname "${BASH_SOURCE[0]}")/webhook_stack.sh"
source test/support/freeze.sh
trap 'rc=$?; set +e; pg_thaw; (exit "$rc"); finish' EXIT

stack_prepare
pod=v1.36/065-validate-delete-pods.json exec=v1.36/036-validate-connect-pods-exec.json
config=v1.36/032-validate-create-configmaps.json
policy=test/db/webhook_outage.yaml
metric_is() { [[ $(metric "$1") == "$2" ]]; }
# answers FIXTURE NAME: asks for a change of its own
answers() {
  answer=$work/answer-$2
  post_code '/validate?timeout=30s' "$(review "$1" ".request.name = \"$2\"
    | if .request.oldObject then .request.oldObject.metadata |= (.name = \"$2\" | .uid = \"u-$2\") else . end")" \
    "$answer" -w "$curl_times" >"$answer.code"
  matches '^200 ' "$(<"$answer.code")" "POST of $2"
  took=$(took_of "$(<"$answer.code")")
  got=$(field '.response | [.allowed, .status.code // 0] | join(" ")' "$answer")
}
denied_for_want_of_a_database() {
  answers "$pod" "$1"
  equals 'false 503' "$got" "a held request ($(<"$answer"))"
  matches 'database of Holdpoint is unreachable' "$(field .response.status.message "$answer")" "the message"
}
denied_by_rule() { answers "$exec" x && equals 'false 403' "$got" "Deny"; }
allowed_by_rule() { answers "$config" x && equals 'true 0' "$got" "Audit"; }

webhook_start "$policy"
answers "$pod" before &
waiting=$!
eventually 10 metric_is holdpoint_webhook_holds_waiting 1
eventually 10 metric_is holdpoint_webhook_listening 1

say "- frozen: the first that asks, and those behind it"
pg_freeze
within 4000 denied_for_want_of_a_database first
clients=()
for n in {1..20}; do
  (within 4000 denied_for_want_of_a_database "many-$n") &
  clients+=("$!")
done
for client in "${clients[@]}"; do wait "$client" || fail "one of many"; done
within 2000 denied_for_want_of_a_database later
(($(metric holdpoint_database_silences_total) >= 1)) || fail "no silence counted"

say "- what needs no database goes on"
within 2000 denied_by_rule
within 2000 allowed_by_rule
curl -fsS -o /dev/null "${stack_plain[webhook]}/readyz" || fail "not ready, though it decides"

say "- it goes on: all is well by itself, and who waited is still there"
pg_thaw
eventually 20 metric_is holdpoint_webhook_listening 1
sql_as alice "SELECT holdpoint.approve(id, 'go') FROM holdpoint.hold WHERE name = 'before'" >/dev/null
wait "$waiting" || fail "the one that waited"
eventually 20 sql_is 1 "SELECT count(*) FROM holdpoint.decision WHERE name = 'before' AND action = 'Hold'"
eventually 20 sql_is 'Audit:1 Deny:1' "SELECT string_agg(action || ':' || n, ' ' ORDER BY action)
  FROM (SELECT action, count(*) AS n FROM holdpoint.decision WHERE action <> 'Hold' GROUP BY action) AS recorded"
equals 0 "$(metric holdpoint_webhook_records_dropped_total)" "records dropped"

say "- frozen again: it ends in time"
pg_freeze
answers "$pod" last &
client=$!
under_way() { [[ $(curl -fsS "${stack_plain[webhook]}/metrics" |
  awk '/^holdpoint_webhook_requests[ {]/ { n += $2 } END { print n + 0 }') -gt 0 ]]; }
eventually 5 under_way
pid=${stack_pid[webhook]}
stop() {
  kill -TERM "$pid"
  while kill -0 "$pid" 2>/dev/null; do sleep 0.05; done
}
within 15000 stop
wait "$client" || fail "the last client"
pg_thaw
passed=1
