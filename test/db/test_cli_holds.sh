#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The CLI's commands about holds, as approver, auditor and outsider, on a real database.
# shellcheck source=test/db/cli_support.sh
source "$HOLDPOINT_SOURCE_DIR/test/db/cli_support.sh"

# expect CODE STREAM PATTERN -- ARGUMENTS...: exit code first, then what a stream must hold.
expect() {
  local code=$1 stream=$2 pattern=$3 got=0
  shift 4
  hp "$@" >"$out" 2>"$err" </dev/null || got=$?
  [[ $got == "$code" ]] || fail "holdpoint $*: exit $got, expected $code"
  grep -qE -- "$pattern" "${!stream}" || fail "holdpoint $*: no match for /$pattern/ on $stream"
}

hp db migrate --database-url="$admin" >"$out"
sql "$admin" -c 'CREATE ROLE sre'
pg_login "$sockets" holdpoint "$passes" alice holdpoint_approver sre
pg_login "$sockets" holdpoint "$passes" bob holdpoint_approver
pg_login "$sockets" holdpoint "$passes" mallory
pg_login "$sockets" holdpoint "$passes" auditor holdpoint_auditor
pg_login "$sockets" holdpoint "$passes" hook holdpoint_webhook

deletion='{"operation":"DELETE","object":{"kind":"Deployment"}}'
# hold NAME: asks for a delete of that deployment, prints the hold's number.
hold() {
  sql "$(as hook)" -v name="$1" -v change="${2:-$deletion}" -v like="${3:-}" -v uses="${4:-}" <<'SQL'
SELECT hold_id FROM holdpoint.hold_find_or_create(p_cluster => 'default',
  p_fingerprint => sha256(:'name'::bytea), p_username => 'claude-code@agents.example.com',
  p_groups => ARRAY['ai-agents'], p_operation => 'DELETE', p_api_group => 'apps',
  p_api_version => 'v1', p_resource => 'deployments', p_subresource => '', p_namespace => 'prod',
  p_name => :'name', p_policy => 'ai-agents', p_rule => 'deletes-need-a-human',
  p_policy_digest => NULL, p_message => 'deletes need a human', p_change => :'change',
  p_approvers => ARRAY['sre'], p_min_approvals => 1,
  p_require_reason => false, p_expires => '1 hour', p_grant => 'Once', p_window => NULL,
  p_max_uses => NULL, p_dry_run => false, p_request_uid => 'uid-1', p_scope => 'Namespace',
  p_allow_window => nullif(:'like', '')::interval, p_allow_uses => nullif(:'uses', '')::int);
SQL
}
first=$(hold checkout)
second=$(hold $'evil\e[31mname')
third=$(hold web '{"operation":"UPDATE","changes":[{"path":"spec.replicas","old":1,"new":5}]}')
alice=(--database-url="$(as alice)")

expect 0 out '^ *HOLD +AGE +STATE +REQUESTER +WHAT' -- holds "${alice[@]}"
expect 0 out "^ *$first .*pending .*claude-code.*DELETE.*deletes" -- holds list "${alice[@]}"
[[ $(wc -L <"$out") -le 100 ]] || fail "a table wider than 100 columns"
if grep -q $'\e' "$out"; then fail "an escape character reached the terminal"; fi
expect 0 out 'DELETE deployments.apps prod/checkout' -- holds -o wide "${alice[@]}"
hp holds -o name --user claude-code@agents.example.com --namespace prod --resource deployments "${alice[@]}" >"$out" 2>"$err"
[[ $(grep -cx "$first" "$out") == 1 && -z $(grep -vx '[0-9][0-9]*' "$out" || true) ]] || fail 'holds -o name: numbers alone'
hp holds -o name --user nobody "${alice[@]}" >"$out" 2>"$err"
[[ ! -s $out ]] || fail 'holds -o name: nothing for none'
expect 0 err 'No holds found' -- holds --user nobody "${alice[@]}"
expect 0 out "^ *$first " -- holds --user claude-code@agents.example.com --namespace prod \
  --resource deployments.apps --policy ai-agents --rule ai-agents/deletes-need-a-human --since 1h "${alice[@]}"
for other in --namespace=dev --resource=pods --policy=other --rule=other/deletes-need-a-human \
  --before=1 --state=used; do
  expect 0 err 'No holds found' -- holds "$other" "${alice[@]}"
done
expect 0 out "^ *$first " -- holds --resource deployments "${alice[@]}"
expect 0 err "There may be more: repeat with --before $second" -- holds --limit 2 "${alice[@]}"
expect 0 out "^ *$first " -- holds --before "$second" "${alice[@]}"
expect 2 err '--state=gone: "gone" is none of pending' -- holds --state gone "${alice[@]}"
expect 2 err '"x42" is not a hold' -- holds show x42 "${alice[@]}"
expect 2 err 'which database\? Give --database-url' -- holds
expect 2 err 'HOLD… is missing; see holdpoint approve --help' -- approve "${alice[@]}"
expect 3 err 'no hold 9999' -- holds show 9999 "${alice[@]}"
expect 3 err 'no hold' -- holds show "$first" --database-url="$(as bob)"
expect 0 out '"kind": "Deployment"' -- holds show "$first" "${alice[@]}"
expect 0 out '^~ spec.replicas: 1 → 5$' -- holds show "$third" "${alice[@]}"
expect 0 out '"action": "create"' -- holds show "$third" -o json --database-url="$(as auditor)"
hp holds -o json "${alice[@]}" >"$out"
[[ $(sql "$admin" -v j="$(<"$out")" <<<"SELECT json_array_length(:'j')") == 3 ]] ||
  fail "holds -o json is not a list of three"

# The like of it for a while: where the rule allows it, no longer and no wider than it says.
wide=$(hold wide "$deletion" '30 minutes' 10)
narrow=$(hold narrow "$deletion" '30 minutes' 10)
expect 3 err "hold $third: it is for this one change; its rule allows nothing like it" -- \
  approve "$third" --like "${alice[@]}"
expect 3 err 'is longer than the' -- approve "$wide" --like --for 50m "${alice[@]}"
expect 3 err '11 uses are more than the 10' -- approve "$wide" --like --uses 11 "${alice[@]}"
expect 3 err '3 uses are more than the 1' -- approve "$wide" --uses 3 "${alice[@]}"
expect 3 err 'would leave out what it was asked for' -- approve "$wide" --like --namespace dev "${alice[@]}"
expect 0 out "^hold $wide approved: .*Opens: delete of deployments.apps in namespace prod.* 4 times" -- \
  approve "$wide" --like --for 20m --uses 4 "${alice[@]}"
expect 0 out '^Opens: .*in namespace prod.* 4 times' -- holds show "$wide" "${alice[@]}"
expect 0 out "^hold $narrow approved: .*Opens: this one change" -- approve "$narrow" "${alice[@]}"
expect 3 err 'not pending: approved' -- approve "$narrow" --like "${alice[@]}"
sql "$admin" <<<"SELECT holdpoint.withdraw($wide)" >"$out" # what follows asks for holds of its own

# Who may decide, and what comes back.
expect 1 err 'permission denied' -- approve "$first" --database-url="$(as mallory)"
expect 3 err . -- approve "$first" --database-url="$(as bob)"
expect 3 err . -- approve 9999 "${alice[@]}"
expect 0 out "^hold $first .*approved" -- approve "$first" --reason CHG-1 "${alice[@]}"
expect 3 err . -- approve "$first" "${alice[@]}"
expect 0 out '"state": "denied"' -- deny "#$second" -r no -o json "${alice[@]}"
expect 3 err 'not pending: denied [0-9]+ seconds? ago by alice \(The denial stands until [-0-9]+ [:0-9]+ UTC; after that' -- \
  approve "$second" "${alice[@]}"
expect 3 err . -- approve "$second" "${alice[@]}"
expect 3 err '3 uses are more than the 1' -- approve "$third" --uses 3 "${alice[@]}"
expect 0 out "hold $third" -- withdraw "$third" --reason 'not needed' "${alice[@]}"
expect 0 out 'CHG-1' -- holds show "$first" "${alice[@]}"
expect 2 err 'did you mean --reason' -- approve "$first" --raeson x "${alice[@]}"
expect 2 err 'did you mean approve' -- aprove "$first"
expect 2 err 'did you mean policy' -- polcy check

# What somebody called their object, or themselves, never speaks to the terminal.
evil=$(hold $'evil\e]0;title\a\nhold 1 approved\u202e')
expect 0 out "^hold $evil approved: DELETE deployments.apps prod/evil" -- approve "$evil" "${alice[@]}"
[[ $(wc -l <"$out") == 1 ]] || fail "approve: more than one line"
if grep -q $'[\e\a\u202e]' "$out"; then fail "approve: a control character reached the terminal"; fi
sql "$admin" -v login=$'al\e[2Jice' -v evil="$evil" >"$out" <<'SQL'
CREATE ROLE :"login" IN ROLE holdpoint_approver, sre;
SET SESSION AUTHORIZATION :"login";
SELECT holdpoint.deny(:evil);
SQL
expect 3 err 'denied .* by al\?\[2Jice' -- approve "$evil" "${alice[@]}"
if grep -q $'\e' "$err"; then fail "an error with an escape character"; fi

# Any JSON that an API server takes is shown, also what jsonb has no place for.
odd=$(hold odd '{"operation":"CREATE","object":{"a":"x\u0000y","n":1e999999}}')
expect 0 out '"n": 1e999999' -- holds show "$odd" -o json "${alice[@]}"
expect 0 out 'x\\u0000y' -- holds show "$odd" "${alice[@]}"

# watch prints each step once, as it happens, one too whose number is smaller than one that was shown
# already because its transaction took longer; and ends on a signal.
"$HOLDPOINT_BIN/holdpoint" holds watch "${alice[@]}" >"$out" 2>"$err" &
watcher=$!
for _ in {1..100}; do
  grep -q Following "$err" && break
  sleep 0.1
done
# seen PATTERN: waits until watch has said it.
seen() {
  for _ in {1..100}; do
    grep -q -- "$1" "$out" && return
    sleep 0.1
  done
  fail "holds watch says nothing of $1"
}
fourth=$(hold watched)
seen "hold $fourth"
coproc slow { psql -qXAt "$(as alice)"; }
echo "BEGIN; SELECT holdpoint.deny($fourth);" >&"${slow[1]}"
read -r -t 20 <&"${slow[0]}" || fail "deny in a transaction says nothing"
fifth=$(hold overtaking)
seen "hold $fifth"
if grep -q "hold $fourth .*denied" "$out"; then fail "watch: a step that is not committed"; fi
echo 'COMMIT; \q' >&"${slow[1]}"
seen "hold $fourth .*denied"
sql "$admin" -c "SELECT pg_notify('holdpoint_hold', '$fifth')" >/dev/null
# What comes later has been seen: nothing is still on its way.
seen "hold $(hold later)"
[[ $(grep -c "hold $fifth " "$out") == 1 ]] || fail "watch: a step twice"
kill -TERM "$watcher"
wait "$watcher" || fail "holds watch: exit $?"
[[ $(grep -c "hold $fourth .*pending.*prod/watched" "$out") == 1 ]] || fail "watch: not one line"

# All of one requester, counted and shown before.
user=claude-code@agents.example.com
expect 2 err 'which holds\? Give their numbers, or --user' -- deny "${alice[@]}"
expect 2 err 'either numbers of holds or --user' -- deny 1 --user "$user" "${alice[@]}"
expect 2 err 'narrows --user, which is not given' -- deny 1 --rule x "${alice[@]}"
expect 2 err 'nothing was denied: to do it unasked, add --yes' -- deny --user "$user" "${alice[@]}"
grep -q "^[0-9]* holds of $user wait for approval" "$err" || fail "deny --user does not count them"
grep -q 'DELETE deployments.apps prod/later' "$err" || fail "deny --user does not show them"
waiting=$(sql "$admin" -c "SELECT count(*) FROM holdpoint.hold WHERE state = 'pending'")
expect 3 err 'nothing of .* waits for you' -- deny --user "$user" --namespace dev --yes "${alice[@]}"
expect 3 err 'nothing of .* waits for you' -- deny --user "$user" --yes --database-url="$(as bob)"
expect 0 out "^$waiting holds of $user denied" -- deny --user "$user" --yes --reason enough "${alice[@]}"
expect 3 err 'nothing of .* waits for you' -- deny --user "$user" --yes "${alice[@]}"
echo "all passed"
