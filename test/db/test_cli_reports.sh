#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What reports are made of: who decided how quickly, which policies were in force when, what the record
# lacks; as auditor, approver and outsider.
# shellcheck source=test/db/cli_support.sh
source "$HOLDPOINT_SOURCE_DIR/test/db/cli_support.sh"

# expect CODE LINES STREAM PATTERN -- ARGUMENTS...: exit code, lines on stdout (- any), a match.
expect() {
  local code=$1 lines=$2 stream=$3 pattern=$4 got=0
  shift 5
  hp "$@" >"$out" 2>"$err" </dev/null || got=$?
  [[ $got == "$code" ]] || fail "holdpoint $*: exit $got, expected $code"
  [[ $lines == - || $(wc -l <"$out") == "$lines" ]] || fail "holdpoint $*: not $lines lines"
  grep -qE -- "$pattern" "${!stream}" || fail "holdpoint $*: no match for /$pattern/ on $stream"
}

hp db migrate --database-url="$admin" >"$out"
sql "$admin" -c 'CREATE ROLE sre' -c 'CREATE ROLE dba'
pg_login "$sockets" holdpoint "$passes" alice holdpoint_approver sre
pg_login "$sockets" holdpoint "$passes" bob holdpoint_approver sre
pg_login "$sockets" holdpoint "$passes" eve holdpoint_approver dba
pg_login "$sockets" holdpoint "$passes" auditor holdpoint_auditor
pg_login "$sockets" holdpoint "$passes" hook holdpoint_webhook
pg_login "$sockets" holdpoint "$passes" sink holdpoint_auditsink
auditor=(--database-url="$(as auditor)")

# ---- approvers ----

# held NAME SECONDS: a hold made so long ago; prints its number.
held() {
  sql "$admin" -c "INSERT INTO holdpoint.hold (cluster, fingerprint, username, groups, operation, api_group, api_version,
    resource, subresource, namespace, name, policy, rule, message, approvers, min_approvals, require_reason, grant_kind,
    created_at, expires_at, request_uid)
    VALUES ('default', sha256('$1'), 'claude-code@agents.example.com', '{ai-agents}', 'DELETE', 'apps', 'v1', 'deployments', '',
      'prod', '$1', 'agents', 'deletes', '', '{sre}', 1, false, 'Once', now() - interval '$2 s', now() + interval '1 hour', 'u')
    RETURNING id"
}
first=$(held slow 600) second=$(held quick 4) third=$(held other 60)
expect 0 - out . -- approve "$first" --reason 'CHG-1' --database-url="$(as alice)"
expect 0 - out . -- approve "$second" --database-url="$(as alice)"
expect 0 - out . -- deny "$third" --reason '=no' --database-url="$(as bob)"

expect 0 3 out '^alice +2 +0 +1 +[4-9]s +5m[0-9]*s? +10m' -- approvers "${auditor[@]}"
expect 0 3 out '^bob +0 +1 +1 +(6[0-9]s|1m)' -- approvers "${auditor[@]}"
expect 0 3 out "^20.* +$first +alice +approve +claude-code.* DELETE +deployments.apps prod/slow +10m[0-9s]* +CHG-1" -- \
  approvers alice -o wide "${auditor[@]}"
expect 0 2 out 'bob +deny' -- approvers 'b*' "${auditor[@]}"
expect 0 0 err 'No decisions of approvers' -- approvers carol "${auditor[@]}"
expect 0 0 err 'No decisions of approvers' -- approvers --until 2020-Q1 --since 2020-Q1 "${auditor[@]}"
expect 0 3 out '^alice' -- approvers --since today "${auditor[@]}"
expect 0 - out '"median_s": ?[0-9]+' -- approvers -o json "${auditor[@]}"
expect 0 - out '"reason": ?"CHG-1"' -- approvers alice -o json "${auditor[@]}"
expect 0 2 out $',deny,claude-code@agents.example.com,DELETE,.*,"\'=no",' -- approvers bob -o csv "${auditor[@]}"
expect 0 3 out '^approver,approved,denied,' -- approvers -o csv "${auditor[@]}"
# An approver sees what was decided on the holds of their groups.
expect 0 3 out '^bob' -- approvers --database-url="$(as alice)"
expect 0 0 err 'No decisions of approvers' -- approvers --database-url="$(as eve)"
expect 1 0 err 'permission denied' -- approvers --database-url="$(as sink)"

# ---- policies ----

expect 0 0 err 'No webhook has recorded' -- policy history "${auditor[@]}"
# loads TEXT INSTANCE: that webhook loads these policies.
loads() {
  sql "$(as hook)" -c "SELECT holdpoint.policy_loaded('default', sha256('$1'), '$1', '$2')" >"$out"
}
loads 'kind: Old' a
loads 'kind: Old' b
loads 'kind: New' a
loads 'kind: New' b
loads 'kind: New' a
new=$(sql "$admin" -c "SELECT encode(sha256('kind: New'), 'hex')")
expect 0 3 out "^default +20[0-9: -]+ +now +${new:0:12} +2 +3$" -- policy history "${auditor[@]}"
expect 0 3 out '^default +20[0-9: -]+ +20[0-9: -]+ +[0-9a-f]{12} +2 +2$' -- policy history "${auditor[@]}"
expect 0 3 out "$new" -- policy history -o wide --since yesterday --until today "${auditor[@]}"
expect 0 0 err '^No policies were recorded to be in force until 2020-04-01 00:00:00.$' -- policy history --until 2020-Q1 "${auditor[@]}"
expect 0 0 err 'No webhook has recorded' -- policy history --cluster other "${auditor[@]}"
expect 0 2 err '^1 are shown, and there may be more' -- policy history --limit 1 "${auditor[@]}"
expect 0 - out '"instances": ?\["a","b"\]|"a",' -- policy history -o json "${auditor[@]}"
expect 0 3 out "^default,20.*Z,,$new,\"a b\",3" -- policy history -o csv "${auditor[@]}"
expect 0 1 out '^kind: New$' -- policy history "${new:0:8}" "${auditor[@]}"
expect 2 0 err 'goes without the name of a set' -- policy history "${new:0:8}" -o csv "${auditor[@]}"
expect 3 0 err 'no set of policies' -- policy history ffffffff "${auditor[@]}"
expect 2 0 err 'must be the name of a set' -- policy history "${new:0:5}" "${auditor[@]}"
expect 2 0 err 'must be the name of a set' -- policy history "%%%%%%%" "${auditor[@]}"
expect 1 0 err 'permission denied' -- policy history --database-url="$(as sink)"

# ---- what is missing ----

expect 0 0 err 'Nothing is missing' -- missing "${auditor[@]}"
sql "$(as sink)" >"$out" <<'SQL'
BEGIN;
SELECT holdpoint.audit_begin_batch('default', 'api-1', sha256('m'), 4, 0, 100);
INSERT INTO holdpoint.audit_event (cluster, seq, source, stage, level, received_timestamp, stage_timestamp, audit_id, verb,
  username, request_uri, resource, namespace, name, code, masking_version, masked, body, body_digest)
SELECT 'default', n, 'api-1', stage, 'Metadata', t, t, id, verb, 'claude-code@agents.example.com', uri, 'pods', 'prod', 'web',
  CASE stage WHEN 'ResponseComplete' THEN 200 END, 1, 0, '{}', 'x'
FROM (VALUES (1, 'RequestReceived', now() - interval '10 minutes', 'a', 'patch', '/api/v1/namespaces/prod/pods/web'),
  (2, 'ResponseComplete', now() - interval '10 minutes', 'a', 'patch', '/api/v1/namespaces/prod/pods/web'),
  (3, 'RequestReceived', now() - interval '9 minutes', 'b', 'patch', '/api/v1/namespaces/prod/pods/gone'),
  (4, 'ResponseComplete', now() - interval '9 minutes', 'b', 'get', '/api/v1/namespaces/prod/pods/gone'))
  AS v(n, stage, t, id, verb, uri);
COMMIT;
SQL
sql "$admin" >"$out" <<'SQL'
INSERT INTO holdpoint.decision (cluster, decision_id, time, endpoint, username, operation, resource, namespace, name, policy, rule,
  action, allowed, answer)
SELECT 'default', gen_random_uuid(), now() - interval '1 hour', 'validate', 'claude-code@agents.example.com', 'UPDATE', 'secrets',
  'prod', '=db', 'agents', 'secrets', 'Allow', true, 'allowed';
SQL
expect 0 3 out ' default +claude-code.* patch .*pods/gone +RequestReceived, no end +default/3' -- missing -o wide "${auditor[@]}"
expect 0 3 out 'UPDATE +secrets prod/=db +allowed, no event' -- missing -o wide "${auditor[@]}"
expect 0 2 out 'pods/gone' -- missing --since 30m -o wide "${auditor[@]}"
expect 0 0 err 'Nothing is missing' -- missing --cluster other "${auditor[@]}"
expect 0 - out '"what": ?"allowed, no event"' -- missing -o json "${auditor[@]}"
expect 0 3 out '"RequestReceived, no end",default/3' -- missing -o csv "${auditor[@]}"
expect 3 3 out 'allowed, no event' -- missing --exit-code -o wide "${auditor[@]}"
expect 3 - out '"what": ?"allowed, no event"' -- missing --exit-code -o json "${auditor[@]}"
expect 3 3 out '"RequestReceived, no end",default/3' -- missing --exit-code -o csv "${auditor[@]}"
expect 0 0 err 'Nothing is missing' -- missing --exit-code --cluster other "${auditor[@]}"
expect 0 - out '\[\]' -- missing --exit-code --cluster other -o json "${auditor[@]}"
expect 1 0 err 'permission denied' -- missing --exit-code --database-url="$(as sink)"

# A beginning is shown where no end is known, and else not; programs get both.
expect 0 4 out 'default/3 .*patch' -- events "${auditor[@]}"
if grep -q 'default/1 ' "$out"; then fail "a beginning beside its end"; fi
expect 0 4 out . -- events -o jsonl "${auditor[@]}"
say "all passed"

# ---- each as JSON and for spreadsheets, by who may, with a limit and without ----

for command in sessions sources stops "stops --all" "holds list" approvers decisions missing "policy history"; do
  # shellcheck disable=SC2086
  expect 0 - out '^(\[|\{)' -- $command -o json "${auditor[@]}"
done
for command in approvers decisions missing "policy history"; do
  # shellcheck disable=SC2086
  expect 0 - out '^(\[|\{)' -- $command --all -o json "${auditor[@]}"
  # shellcheck disable=SC2086
  expect 0 - out ',' -- $command --all -o csv "${auditor[@]}"
done
