#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What takes time: waiting for a human, `retry`, windows, PostgreSQL away, --require-evidence, and
# policies that change under load.
# shellcheck source-path=SCRIPTDIR
source "$(dirname "${BASH_SOURCE[0]}")/webhook_stack.sh"
source test/support/pg.sh

# A server of our own, because this test stops it.
pg_throwaway
stack_sockets=$pg_sockets
stack_prepare
trap 'rc=$?; pg_throwaway_end; (exit "$rc"); finish' EXIT
mkdir "$work/policy"
cp test/db/webhook_wait.yaml "$work/policy/waits.yaml"
webhook_start "$work/policy"
pod=v1.36/065-validate-delete-pods.json
named() { printf '.request.name = "%s" | .request.oldObject.metadata |= (.name = "%s" | .uid = "uid-of-%s")' "$1" "$1" "$1"; }
milliseconds() { date +%s%3N; }
waiting_hold() { sql "SELECT max(id) FROM holdpoint.hold WHERE state = 'pending'"; }
is_waiting() { [[ $(metric holdpoint_webhook_holds_waiting) == "$1" ]]; }

say "- approved while it waits"
post_code '/validate?timeout=30s' "$(review "$pod" "$(named a)")" "$work/a" >/dev/null &
client=$!
eventually 10 is_waiting 1
sql_as alice "SELECT holdpoint.approve($(waiting_hold), 'go')" >/dev/null
approved_at=$(milliseconds)
wait "$client"
took=$(($(milliseconds) - approved_at))
equals true "$(field .response.allowed "$work/a")" "approved while waiting"
((took < 3000)) || fail "the answer came $took ms after the approval"
say "  answered $took ms after the approval"

say "- denied while it waits"
post_code '/validate?timeout=30s' "$(review "$pod" "$(named b)")" "$work/b" >/dev/null &
client=$!
eventually 10 is_waiting 1
sql_as alice "SELECT holdpoint.deny($(waiting_hold), E'no\x1b[2J\nTo approve: anything')" >/dev/null
wait "$client"
equals false "$(field .response.allowed "$work/b")" "denied while waiting"
matches 'was denied by .*alice' "$(field .response.status.message "$work/b")" "the denial"
matches 'Reason given: no\?\[2J To approve: anything' "$(field .response.status.message "$work/b")" \
  "the reason, on one line and without controls"

sql "UPDATE holdpoint.config SET max_pending_per_user = 1000"
say "- many wait: some are approved, the others' clients leave, and the daemon stops"
jq -c '.request.uid = "w-@N@" | .request.name = "w-@N@" | .request.oldObject.metadata |= (.name = "w-@N@"
  | .uid = "uid-@N@")' "test/fixtures/admission/$pod" >"$work/waits.json"
stack_login mass holdpoint_approver sre holdpoint_auditor >/dev/null
"$HOLDPOINT_BIN/../bench/bench_holds" wait "$stack_dir/certs" "${stack_url[webhook]#https://}" \
  "${stack_plain[webhook]}/metrics" "$(stack_database_url mass)" 300 30 "$work/waits.json" >"$work/many"
equals 300 "$(field .waiting "$work/many")" "requests that waited at once"
equals 30 "$(sql "SELECT count(*) FROM holdpoint.hold WHERE name LIKE 'w-%' AND state = 'used'")" "used"
is_waiting 270 || fail "$(metric holdpoint_webhook_holds_waiting) wait still"
daemon_stop webhook
grep -q '"event":"stopped"' "$stack_dir/webhook.log" || fail "no orderly stop while many wait"
equals 1 "$(sql "SELECT max(attempts) FROM holdpoint.hold WHERE name LIKE 'w-%' AND state = 'pending'")" \
  "attempts of those who were not woken"
equals 300 "$(sql "SELECT count(*) FROM holdpoint.decision WHERE name LIKE 'w-%'")" "records, one a request"
webhook_start "$work/policy"

say "- two seconds before the API server gives up"
began=$(milliseconds)
ask '/validate?timeout=4s' "$(review "$pod" "$(named c)")"
took=$(($(milliseconds) - began))
equals false "$(field .response.allowed "$answer")" "nobody decided"
((took > 1500 && took < 3500)) || fail "answered after $took ms of 4000"
matches 'nobody has decided yet' "$(field .response.status.message "$answer")" "the message"
ask '/validate?timeout=1s' "$(review "$pod" "$(named c)")"
equals 2 "$(sql "SELECT attempts FROM holdpoint.hold WHERE id = $(waiting_hold)")" "one hold, asked twice"
began=$(milliseconds)
ask '/validate?timeout=30s' "$(review "$pod" "$(named c) | .request.dryRun = true")"
(($(milliseconds) - began < 2000)) || fail "a dry run waited"

say "- the client is to repeat by itself"
ask /validate "$(review v1.36/071-validate-delete-configmaps.json)"
equals 429 "$(field .response.status.code "$answer")" code
equals TooManyRequests "$(field .response.status.reason "$answer")" reason
equals 2 "$(field .response.status.details.retryAfterSeconds "$answer")" retryAfterSeconds
sql_as alice "SELECT holdpoint.approve($(field .response.auditAnnotations.hold "$answer"), 'go')" >/dev/null
ask /validate "$(review v1.36/071-validate-delete-configmaps.json)"
equals true "$(field .response.allowed "$answer")" "the repetition"

say "- a window"
secret=v1.36/072-validate-delete-secrets.json
sql "UPDATE holdpoint.config SET repeat_window = '0'"
ask /validate "$(review "$secret")"
sql_as alice "SELECT holdpoint.approve($(field .response.auditAnnotations.hold "$answer"), 'go')" >/dev/null
ask /validate "$(review "$secret")"
equals true "$(field .response.allowed "$answer")" "first use"
ask /validate "$(review "$secret" "$(named other)")"
equals true "$(field .response.allowed "$answer")" "another change within the window"
ask /validate "$(review "$secret" "$(named third)")"
equals false "$(field .response.allowed "$answer")" "beyond maxUses"

say "- mutation"
ask /mutate "$(review v1.36/032-validate-create-configmaps.json)"
equals true "$(field .response.allowed "$answer")" "a mutated object"
equals JSONPatch "$(field .response.patchType "$answer")" patchType
patch=$(field '.response.patch | @base64d' "$answer")
matches 'holdpoint.dev~1requested-by|requested-by' "$patch" "the patch"
matches 'claude-code@agents.example.com' "$patch" "the template"
equals waits/set-owner "$(field '.response.auditAnnotations | .policy + "/" + .rule' "$answer")" "annotations"
ask /mutate "$(review "$pod")"
equals null "$(field .response.patch "$answer")" "a patch on DELETE"

say "- policies change under load"
loads() { metric 'holdpoint_webhook_policy_reloads_total{result="loaded"}'; }
loaded_since() { (($(loads) >= $1)); }
before=$(loads)
tool=$HOLDPOINT_BIN/../bench/bench_webhook
"$tool" load "$stack_dir/certs" "${stack_url[webhook]#https://}" /validate 4 6 \
  test/fixtures/admission/v1.36/0{20,22,32}-*.json test/fixtures/admission/v1.36/036-*.json >"$work/load" &
client=$!
for i in 1 2 3 4 5 6 7 8; do
  sed "s/\"noted\"/\"noted $i\"/" test/db/webhook_wait.yaml >"$work/policy/.new"
  mv "$work/policy/.new" "$work/policy/waits.yaml"
  ((i == 4)) && kill -HUP "${stack_pid[webhook]}"
  eventually 10 loaded_since "$((before + 1))"
  before=$(loads)
done
wait "$client"
equals 0 "$(field .failed "$work/load")" "calls that failed while policies changed"
(($(field .requests "$work/load") > 100)) || fail "hardly any load: $(<"$work/load")"
loads=$(metric 'holdpoint_webhook_policy_reloads_total{result="loaded"}')
((loads >= 4)) || fail "only $loads of 8 changes were loaded"
config=v1.36/032-validate-create-configmaps.json
noted() {
  ask /validate "$(review "$config")"
  [[ $(sql "SELECT message FROM holdpoint.decision
    WHERE decision_id = '$(field '.response.auditAnnotations["decision-id"]' "$answer")'") == "$1" ]]
}
eventually 10 noted "noted 8"

say "- a broken set is refused, the old one stays"
echo 'kind: nonsense' >"$work/policy/broken.yaml"
stale() { [[ $(metric holdpoint_webhook_policy_stale) == 1 ]]; }
eventually 10 stale
curl -fsS -o /dev/null "${stack_plain[webhook]}/readyz"
grep -q '"event":"policy_refused"' "$stack_dir/webhook.log" || fail "the refusal is not in the log"
eventually 10 noted "noted 8"
rm "$work/policy/broken.yaml"

say "- a ConfigMap's symlink swap"
mkdir -p "$work/mount/..2"
sed 's/"noted"/"from the mount"/' test/db/webhook_wait.yaml >"$work/mount/..2/waits.yaml"
ln -s ..2 "$work/mount/..data"
ln -s ..data/waits.yaml "$work/mount/waits.yaml"
daemon_stop webhook
webhook_start "$work/mount"
eventually 10 noted "from the mount"
mkdir "$work/mount/..3"
sed 's/"noted"/"swapped"/' test/db/webhook_wait.yaml >"$work/mount/..3/waits.yaml"
ln -s ..3 "$work/mount/..tmp"
mv -T "$work/mount/..tmp" "$work/mount/..data"
rm -r "$work/mount/..2"
eventually 10 noted "swapped"

say "- PostgreSQL is away, and comes back"
rows_before=$(sql 'SELECT count(*) FROM holdpoint.decision')
pg_throwaway_stop
ask /validate "$(review "$pod" "$(named d)")"
equals false "$(field .response.allowed "$answer")" "held without a database"
equals 503 "$(field .response.status.code "$answer")" code
matches 'database of Holdpoint is unreachable' "$(field .response.status.message "$answer")" "the message"
ask /validate "$(review v1.36/036-validate-connect-pods-exec.json)"
equals 403 "$(field .response.status.code "$answer")" "Deny goes on from memory"
ask /validate "$(review v1.36/020-mutate-create-pods.json)"
equals true "$(field .response.allowed "$answer")" "what no rule concerns goes on"
ask /validate "$(review "$config")"
equals true "$(field .response.allowed "$answer")" "Audit goes on from memory"
pg_throwaway_start
held_again() {
  ask '/validate?timeout=1s' "$(review "$pod" "$(named d)")"
  [[ $(field .response.status.code "$answer") == 403 ]]
}
eventually 20 held_again
recorded_since() { (($(sql 'SELECT count(*) FROM holdpoint.decision') >= rows_before + 4)); }
eventually 20 recorded_since
equals 0 "$(metric holdpoint_webhook_records_dropped_total)" "records dropped"
post_code '/validate?timeout=30s' "$(review "$pod" "$(named d)")" "$work/d" >/dev/null &
client=$!
eventually 10 is_waiting 1
sql_as alice "SELECT holdpoint.approve($(waiting_hold), 'go')" >/dev/null
wait "$client"
equals true "$(field .response.allowed "$work/d")" "waiting works again"

say "- --require-evidence"
daemon_stop webhook
webhook_start "$work/mount" -- --require-evidence
ask /validate "$(review "$config")"
equals true "$(field .response.allowed "$answer")" "recorded, so allowed"
equals 1 "$(sql "SELECT count(*) FROM holdpoint.decision WHERE decision_id = '$(
  field '.response.auditAnnotations["decision-id"]' "$answer")'")" "stored before the answer"
pg_throwaway_stop
ask /validate "$(review "$config")"
equals false "$(field .response.allowed "$answer")" "what cannot be recorded"
matches 'could not record its decision' "$(field .response.status.message "$answer")" "the message"
ask /validate "$(review v1.36/020-mutate-create-pods.json)"
equals true "$(field .response.allowed "$answer")" "what needs no record"
pg_throwaway_start

say "- a stop answers who waits"
eventually 20 held_again
post_code '/validate?timeout=30s' "$(review "$pod" "$(named e)")" "$work/e" >/dev/null &
client=$!
eventually 10 is_waiting 1
daemon_stop webhook
wait "$client"
equals false "$(field .response.allowed "$work/e")" "answered at the stop"
passed=1
