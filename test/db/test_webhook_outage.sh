#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# PostgreSQL away: when the webhook starts, while a request waits for a human, and while decision
# records pile up.
# shellcheck source-path=SCRIPTDIR
source "$(dirname "${BASH_SOURCE[0]}")/webhook_stack.sh"
source test/support/pg.sh

# A server of our own, because this test stops it.
pg_throwaway
stack_sockets=$pg_sockets
stack_prepare
trap 'rc=$?; pg_throwaway_end; (exit "$rc"); finish' EXIT
pod=v1.36/065-validate-delete-pods.json exec=v1.36/036-validate-connect-pods-exec.json
config=v1.36/032-validate-create-configmaps.json free=v1.36/020-mutate-create-pods.json
policy=test/db/webhook_outage.yaml load=$HOLDPOINT_BIN/../bench/bench_webhook
named() { printf '.request.name = "%s" | .request.oldObject.metadata |= (.name = "%s" | .uid = "uid-of-%s")' "$1" "$1" "$1"; }
metric_is() { [[ $(metric "$1") == "$2" ]]; }
logged() { grep -c "\"event\":\"$1\"" "$stack_dir/webhook.log" || true; }
waiting_hold() { sql "SELECT max(id) FROM holdpoint.hold WHERE state = 'pending'"; }
answers() { ask /validate "$(review "$1")" && field '.response | [.allowed, .status.code // 0] | join(" ")' "$answer"; }
held() {
  ask '/validate?timeout=1s' "$(review "$pod" "$(named x)")"
  [[ $(field .response.status.code "$answer") == 403 ]]
}

say "- a URL that is none is told at once"
if "$HOLDPOINT_BIN/holdpoint-webhook" --policy="$policy" --tls-cert-file="$stack_dir/certs/webhook.crt" \
  --tls-private-key-file="$stack_dir/certs/webhook.key" --listen=127.0.0.1:0 --metrics-listen=127.0.0.1:0 \
  --database-url='postgres//holdpoint:quite-secret@db/x' >"$work/bad.log" 2>&1; then
  fail "started with a URL that is none"
fi
matches 'database-url: .*not a connection URL' "$(grep '^holdpoint-webhook: ' "$work/bad.log")" "the error"
if grep quite-secret "$work/bad.log"; then fail "the password was logged"; fi

say "- started while PostgreSQL is away"
pg_throwaway_stop
webhook_start "$policy" -- --allow-unknown-stops
equals 'false 403' "$(answers "$exec")" "Deny"
equals 'true 0' "$(answers "$config")" "Audit"
equals 'true 0' "$(answers "$free")" "what no rule concerns"
equals 'false 503' "$(answers "$pod")" "a held request"
ask /validate "$(review "$pod")"
matches 'database of Holdpoint is unreachable' "$(field .response.status.message "$answer")" "the message"
curl -fsS -o /dev/null "${stack_plain[webhook]}/readyz" || fail "not ready without PostgreSQL"
metric_is holdpoint_database_connections_up 0 || fail "connections stand"
metric_is holdpoint_webhook_listening 0 || fail "listens"
(($(metric holdpoint_database_unavailable_total) >= 2)) || fail "no job counted as unavailable"
more_failures() { (($(metric holdpoint_database_connect_failures_total) >= 15)); }
eventually 20 more_failures
# One line for each of the two pools, however many connections try however often.
equals 2 "$(logged database_connect_failed)" "lines about connecting"
equals 1 "$(logged not_listening_for_decisions)" "lines about listening"

say "- and everything comes with it"
pg_throwaway_start
eventually 20 held
eventually 20 metric_is holdpoint_webhook_listening 1
eventually 20 sql_is 1 'SELECT count(*) FROM holdpoint.policy_version'
eventually 20 sql_is 'Audit:1 Deny:1 Hold:2' "SELECT string_agg(action || ':' || n, ' ' ORDER BY action)
  FROM (SELECT action, count(*) AS n FROM holdpoint.decision WHERE name <> 'x' GROUP BY action) AS recorded"
equals 0 "$(metric holdpoint_webhook_records_dropped_total)" "records dropped"
equals 2 "$(logged database_connected)" "lines about the end of it"

say "- an outage while a request waits: approved afterwards, it passes"
post_code '/validate?timeout=30s' "$(review "$pod" "$(named y)")" "$work/y" >/dev/null &
client=$!
eventually 10 metric_is holdpoint_webhook_holds_waiting 1
pg_throwaway_stop
eventually 10 metric_is holdpoint_webhook_listening 0
equals 'false 403' "$(answers "$exec")" "Deny meanwhile"
pg_throwaway_start
sql_as alice "SELECT holdpoint.approve($(waiting_hold), 'go')" >/dev/null
wait "$client"
equals true "$(field .response.allowed "$work/y")" "approved after the outage ($(<"$work/y"))"
eventually 20 metric_is holdpoint_webhook_listening 1

say "- records pile up behind a lock: answers slow down, then PostgreSQL goes"
daemon_stop webhook
webhook_start "$policy" -- --record-queue=400
before=$(sql 'SELECT count(*) FROM holdpoint.decision')
psql -qXAt "$HOLDPOINT_TEST_DATABASE_URL" -c 'BEGIN; LOCK TABLE holdpoint.decision; SELECT pg_sleep(60)' \
  >/dev/null 2>&1 &
locker=$!
is_locked() { sql_is t "SELECT count(*) > 0 FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND granted"; }
eventually 10 is_locked
"$load" load "$stack_dir/certs" "${stack_url[webhook]#https://}" /validate 8 8 \
  "test/fixtures/admission/$exec" >"$work/load" &
client=$!
# Eight clients: nobody is answered any more when each has a record in a queue that is a quarter full.
slowed_down() { metric_is holdpoint_http_suspended_requests 8; }
eventually 10 slowed_down
equals 0 "$(metric holdpoint_webhook_records_dropped_total)" "dropped while answers wait"
queued=$(metric holdpoint_webhook_records_queued)
((queued > 100 && queued < 400)) || fail "$queued records are queued of 400"
pg_throwaway_stop
wait "$locker" || true
wait "$client"
equals 0 "$(field .failed "$work/load")" "requests without an answer"
asked=$(field .requests "$work/load")
dropped=$(metric holdpoint_webhook_records_dropped_total)
# The batch that was being written and a full queue are kept; all beyond is counted, and said.
((dropped > 0)) || fail "nothing was dropped of $asked"
(($(logged decision_records_dropped) > 0)) || fail "what was dropped is not in the log"
(($(logged decision_records_delayed) > 0)) || fail "the outage is not in the log"
equals "$asked" "$((dropped + $(metric holdpoint_webhook_records_queued) + $(metric holdpoint_webhook_records_stored_total)))" \
  "records dropped, queued and stored"
pg_throwaway_start
eventually 30 metric_is holdpoint_webhook_records_queued 0
stored=$(metric holdpoint_webhook_records_stored_total)
equals "$asked" "$((dropped + stored))" "records dropped and stored in the end"
equals "$stored" "$(($(sql 'SELECT count(*) FROM holdpoint.decision') - before))" "rows"
say "  $asked answers: $stored records stored, $dropped counted as dropped"

say "- the same with --require-evidence: denied, once PostgreSQL is known to be away"
daemon_stop webhook
webhook_start "$policy" -- --require-evidence
psql -qXAt "$HOLDPOINT_TEST_DATABASE_URL" -c 'BEGIN; LOCK TABLE holdpoint.decision; SELECT pg_sleep(60)' \
  >/dev/null 2>&1 &
locker=$!
eventually 10 is_locked
post_code /validate "$(review "$config")" "$work/config" >/dev/null &
client=$!
eventually 10 metric_is holdpoint_webhook_records_queued 1
[[ ! -s $work/config ]] || fail "answered before it was recorded"
# At once: a server that is shut down in order may end the lock first, and then takes the record.
pg_throwaway_kill
wait "$locker" || true
wait "$client"
equals false "$(field .response.allowed "$work/config")" "what could not be recorded"
matches 'could not record its decision' "$(field .response.status.message "$work/config")" "the message"
equals 1 "$(metric holdpoint_webhook_records_dropped_total)" "records dropped"
passed=1
