#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The CLI's commands about audit events, sessions and retention, as auditor and owner.
# shellcheck source=test/db/cli_support.sh
source "$HOLDPOINT_SOURCE_DIR/test/db/cli_support.sh"

# expect CODE LINES STREAM PATTERN -- ARGUMENTS...: exit code, lines on stdout (- any), a match.
expect() {
  local code=$1 lines=$2 stream=$3 pattern=$4 got=0
  shift 5
  hp "$@" >"$out" 2>"$err" || got=$?
  [[ $got == "$code" ]] || fail "holdpoint $*: exit $got, expected $code"
  [[ $lines == - || $(wc -l <"$out") == "$lines" ]] || fail "holdpoint $*: not $lines lines"
  grep -qE -- "$pattern" "${!stream}" || fail "holdpoint $*: no match for /$pattern/ on $stream"
}

hp db migrate --database-url="$admin" >"$out"
pg_login "$sockets" holdpoint "$passes" auditor holdpoint_auditor
pg_login "$sockets" holdpoint "$passes" sink holdpoint_auditsink
pg_login "$sockets" holdpoint "$passes" nobody
auditor=(--database-url="$(as auditor)")
sink=$(as sink)

# store CLUSTER COUNT: events 1, 2, 3 … of an agent, a minute apart, the third of which is denied.
store() {
  sql "$sink" -v cluster="$1" -v count="$2" <<'SQL' >"$out"
BEGIN;
SELECT first_seq FROM holdpoint.audit_begin_batch(:'cluster', 'api-1',
  sha256(clock_timestamp()::text::bytea), :count, 0, 100) \gset
INSERT INTO holdpoint.audit_event (cluster, seq, source, stage, level, stage_timestamp, audit_id,
  verb, username, groups, source_ips, user_agent, request_uri, api_group, resource, subresource,
  namespace, name, code, decision, masking_version, masked, body, body_nonce, body_digest)
SELECT :'cluster', :first_seq + n - 1, 'api-1', 'ResponseComplete', 'Metadata',
  now() - (10 - n % 5) * interval '1 minute', 'a' || n,
  (ARRAY['list', 'get', 'create', 'delete', 'patch'])[n % 5 + 1], 'claude-code@agents.example.com',
  '{ai-agents}', '{127.0.0.1}', 'kubectl/1', '/api/v1/namespaces/prod/pods/web', '', 'pods',
  CASE WHEN n % 5 = 2 THEN 'exec' ELSE '' END, 'prod', 'web',
  CASE WHEN n % 5 = 3 THEN 403 ELSE 200 END, CASE WHEN n % 5 = 3 THEN 'Deny' END, 1, 0,
  '{"kind":"Event","responseStatus":{"message":"no way"}}', 'x', sha256('x')
FROM generate_series(1, :count) AS n;
COMMIT;
SQL
}
store default 5

expect 0 6 out '^EVENT +TIME' -- events "${auditor[@]}"
[[ $(wc -L <"$out") -le 100 ]] || fail "a table wider than 100 columns"
expect 0 2 out 'default/3 .*delete.*403 +Deny' -- events --code 4xx "${auditor[@]}"
expect 0 1 out '"seq" : 2' -- events --resource pods/exec -o jsonl "${auditor[@]}"
expect 0 1 out '"activity_id":4,"type_uid":600304' -- events --verb delete -o ocsf "${auditor[@]}"
expect 0 0 err 'No events found' -- events --user nobody "${auditor[@]}"
expect 0 0 err 'No events found' -- events --since 1m "${auditor[@]}"
expect 0 2 out 'default/4' -- events --text 'NO WAY' --limit 1 "${auditor[@]}"
expect 2 0 err '--code=5: must be like 403 or 4xx' -- events --code 5 "${auditor[@]}"
expect 2 0 err '--code=x03: must be like 403 or 4xx' -- events --code x03 "${auditor[@]}"
expect 2 0 err '--code=40x0: must be like 403 or 4xx' -- events --code 40x0 "${auditor[@]}"
expect 0 2 out 'default/3 .*delete.*403 +Deny' -- events --code 40x "${auditor[@]}"
expect 0 2 out 'default/3 .*delete.*403 +Deny' -- events --code 403 "${auditor[@]}"
expect 2 0 err '--all needs -o jsonl' -- events --all "${auditor[@]}"
expect 1 0 err 'permission denied.*holdpoint_auditor to read' -- \
  events --database-url="$(pg_url "$sockets" holdpoint nobody "$passes")"

# An export pages through more than one page, loses none and repeats none.
store other 2500
expect 0 2505 out . -- events --all -o jsonl "${auditor[@]}"
[[ $(grep -o '"cluster" : "[a-z]*", "seq" : [0-9]*' "$out" | sort -u | wc -l) == 2505 ]] ||
  fail "an event twice"
expect 0 5 out . -- events --all -o ocsf --cluster default "${auditor[@]}"

expect 0 2 out '^s1-1 .*claude-code.* 5 +3 +1 +0 +1 +prod' -- sessions --cluster default "${auditor[@]}"
expect 0 7 out 'kubectl exec web -n prod  200' -- replay s1-1 "${auditor[@]}"
[[ $(sed -n 's/.*kubectl \([a-z]*\).*/\1/p' "$out" | paste -sd' ') == 'get get exec delete patch' ]] ||
  fail "replay: not in the order of time"
# In pages, of a namespace and a time; what is known to be missing is said.
expect 0 3 err '^3 more follow: repeat with --after [0-9]+$' -- replay s1-1 --limit 2 "${auditor[@]}"
after=$(grep -oE '[0-9]+$' "$err")
expect 0 5 out 'kubectl exec web -n prod  200' -- replay s1-1 --after "$after" "${auditor[@]}"
if grep -q 'more follow' "$err"; then fail "more follow the last page"; fi
expect 0 - err '^3 more follow: repeat with a larger' -- replay s1-1 --limit 2 -o json "${auditor[@]}"
expect 0 7 err 'Nothing older is kept of this cluster' -- replay s1-1 -n prod "${auditor[@]}"
expect 0 - out '^Session s1-1: .*, 2 of 5 requests' -- replay s1-1 --limit 2 "${auditor[@]}"
expect 0 0 err '^Session s1-1 was from 20.* until 20' -- replay s1-1 -n dev "${auditor[@]}"
expect 0 0 err 'No events found' -- replay s1-1 --until 2020-Q1 "${auditor[@]}"
expect 0 7 out 'kubectl patch pods web -n prod  # without its body  200' -- replay s1-1 --since 1h "${auditor[@]}"
expect 2 0 err 'needs a SESSION, or --name or --user' -- replay -n prod "${auditor[@]}"
expect 2 0 err '--after goes with a SESSION' -- replay --name web --after 3 "${auditor[@]}"
expect 0 3 err '^[0-9]+ more follow: repeat with --since 20[0-9-]+T' -- replay --name web --cluster default --limit 2 "${auditor[@]}"
expect 3 0 err '"s9" is not a session' -- replay s9 "${auditor[@]}"
expect 3 0 err 'no session s1-99' -- replay s1-99 "${auditor[@]}"

# Who acted as somebody, globs, groups, addresses, clients; a read that /authorize held.
sql "$sink" >/dev/null <<'SQL'
BEGIN;
SELECT holdpoint.audit_begin_batch('reads', 'api-1', sha256('reads'), 4, 0, 100);
INSERT INTO holdpoint.audit_event (cluster, seq, source, stage, level, received_timestamp,
  stage_timestamp, audit_id, verb, username, impersonated_user, groups, source_ips, user_agent,
  request_uri, api_group, resource, namespace, name, code, masking_version, masked, body, body_digest)
SELECT 'reads', n, 'api-1', 'ResponseComplete', 'Metadata', now() - interval '5 minutes' + n * interval '10 s',
  now() - interval '5 minutes' + n * interval '10 s', 'r' || n, 'get', CASE n WHEN 3 THEN 'root_admin' ELSE 'agent-7' END,
  CASE n WHEN 3 THEN 'agent-7' END, CASE n WHEN 4 THEN '{night}'::text[] ELSE '{ai}' END,
  ARRAY['10.0.0.' || n], 'Helm/' || n, '/api/v1/namespaces/prod/secrets/db', '', 'secrets', 'prod',
  CASE n WHEN 4 THEN 'other' ELSE 'db' END, CASE n WHEN 1 THEN 403 ELSE 200 END, 1, 0, '{}', 'x'
FROM generate_series(1, 4) AS n;
COMMIT;
SQL
sql "$admin" >/dev/null <<'SQL'
INSERT INTO holdpoint.hold (cluster, fingerprint, state, username, groups, operation, api_group,
  api_version, resource, subresource, namespace, name, policy, rule, message, approvers,
  min_approvals, require_reason, grant_kind, expires_at, request_uid, is_question)
VALUES ('reads', sha256('r'), 'pending', 'agent-7', '{ai}', 'get', '', 'v1', 'secrets', '', 'prod', 'db',
  'agents', 'secrets', '', '{sre}', 1, false, 'Once', now() + interval '1 hour', 'u', true);
INSERT INTO holdpoint.decision (cluster, decision_id, time, endpoint, username, operation, resource,
  namespace, name, policy, rule, action, allowed, answer, hold_id)
SELECT 'reads', gen_random_uuid(), now() - interval '5 minutes' + n * interval '10 s', 'authorize', 'agent-7', 'get',
  'secrets', 'prod', 'db', 'agents', 'secrets', 'Hold', n > 1, CASE WHEN n > 1 THEN 'asked: yes' ELSE 'asked: no' END,
  (SELECT max(id) FROM holdpoint.hold) FROM generate_series(1, 3) AS n;
SQL
hold=$(sql "$admin" -c "SELECT max(id) FROM holdpoint.hold")
expect 0 4 out "reads/3 .*root_admin as agent-7 .*Hold +$hold" -- events --hold "$hold" "${auditor[@]}"
expect 0 4 out "reads/1 .* 403 +Hold +$hold" -- events --hold "$hold" --cluster reads "${auditor[@]}"
expect 0 0 err 'No events' -- events --hold "$hold" --cluster default "${auditor[@]}"
expect 0 5 out "reads/4 .*secrets prod/other +200 *$" -- events --user agent-7 "${auditor[@]}"
expect 0 5 out 'root_admin as agent-7' -- events --user 'agent-*' "${auditor[@]}"
expect 0 2 out 'root_admin' -- events --user 'root_*' "${auditor[@]}"
expect 0 0 err 'No events' -- events --user 'rootX*' "${auditor[@]}"
expect 0 2 out 'reads/4' -- events --group night "${auditor[@]}"
expect 0 2 out 'reads/2' -- events --address 10.0.0.2 "${auditor[@]}"
expect 0 5 out 'reads/1' -- events --user-agent helm "${auditor[@]}"
expect 0 1 out "\"decision\" ?: ?\"Hold\".*\"hold\" ?: ?$hold" -- events --address 10.0.0.1 -o jsonl "${auditor[@]}"
expect 0 2 out ' 1 +0 +0 +1 ' -- sessions --user root_admin "${auditor[@]}"
expect 0 - out "Hold by agents/secrets: hold $hold" -- replay s3-1 "${auditor[@]}"

expect 0 - out '"decision": "Hold"' -- events reads/1 "${auditor[@]}"
expect 0 - out '"message": "no way"' -- events default/3 "${auditor[@]}"
expect 3 0 err 'no event default/77' -- events default/77 "${auditor[@]}"
expect 2 0 err '^holdpoint events: -o csv goes without an EVENT' -- events default/3 -o csv "${auditor[@]}"
expect 2 0 err 'must be like default/2048' -- events default/x "${auditor[@]}"
expect 2 0 err 'must be like default/2048' -- events 2048 "${auditor[@]}"

# Decisions: refused, held, tried only, by whom.
sql "$admin" >/dev/null <<'SQL'
INSERT INTO holdpoint.decision (cluster, decision_id, time, endpoint, username, operation, api_group, resource,
  subresource, namespace, name, policy, rule, rules, action, enforcement, allowed, answer)
SELECT 'default', gen_random_uuid(), now() - interval '1 minute', 'validate', 'agent-9', 'DELETE', 'apps', 'deployments', '',
  'prod', 'web', 'agents', 'deletes', '{agents/deletes,other/all}', 'Deny', e, e <> 'Enforce', CASE WHEN e = 'Enforce' THEN 'denied' ELSE 'allowed' END
FROM unnest(ARRAY['Enforce', 'DryRun']) AS e;
SQL
expect 0 6 out '^TIME .*DECIDED BY' -- decisions "${auditor[@]}"
expect 0 4 out "agent-7 .*get .*secrets prod/db .*Hold .*asked: no .*agents/secrets .*$hold" -- decisions -o wide --user 'agent-7' "${auditor[@]}"
expect 0 3 out 'DELETE +deployments.apps prod/web +Deny \(DryRun\) +allowed' -- decisions -o wide --action deny "${auditor[@]}"
expect 0 2 out 'Deny \(DryRun\)' -- decisions --enforcement dryrun "${auditor[@]}"
expect 0 3 out 'agent-9' -- decisions --rule other/all --resource deployments.apps "${auditor[@]}"
expect 0 6 out 'agent-9' -- decisions --user 'agent-*' "${auditor[@]}"
expect 0 0 err 'No decisions' -- decisions --user 'agent-?x' "${auditor[@]}"
expect 0 0 err 'No decisions' -- decisions --approver alice "${auditor[@]}"
expect 0 0 err 'No decisions' -- decisions --since 10s "${auditor[@]}"
expect 0 - out '"enforcement": "DryRun"' -- decisions -o json "${auditor[@]}"
expect 1 0 err 'permission denied' -- decisions --database-url="$sink"

# For spreadsheets: a line of names, lines that end in CR LF, and nothing that is run when it is opened.
sql "$sink" >/dev/null <<'SQL'
BEGIN;
SELECT holdpoint.audit_begin_batch('sheet', 'api-1', sha256('sheet'), 1, 0, 100);
INSERT INTO holdpoint.audit_event (cluster, seq, source, stage, level, stage_timestamp, audit_id, verb, username,
  user_agent, request_uri, resource, namespace, name, code, masking_version, masked, body_digest)
SELECT 'sheet', 1, 'api-1', 'ResponseComplete', 'Metadata', '2026-01-02 16:04:09.5+00', 'a', 'get', '=cmd|'' /C calc''!A0',
  E'a "b"\n,c', '/x', 'pods', 'prod', '@web', 200, 1, 0, 'x';
COMMIT;
SQL
expect 0 2 out $'^sheet,1,2026-01-02T16:04:09.500000Z,"\x27=cmd\\|.*,"a ""b"" ,c",get,.*,"\x27@web",.*,0\r$' -- \
  events --cluster sheet --since 2026-01-02 -o csv "${auditor[@]}"
[[ $(head -n 1 "$out") == $'cluster,seq,time,user,as_user,groups,addresses,user_agent,verb,'*$'masked\r' ]] || fail "the names of columns"
expect 0 1 out '^cluster,seq,' -- events --user nobody -o csv "${auditor[@]}"
expect 0 2501 out '^other,2500,' -- events --cluster other --all -o csv "${auditor[@]}"
[[ $(grep -c ^cluster "$out") == 1 ]] || fail "the names of columns more than once"
expect 0 6 out '^default,20.*,agent-9,.*,Deny,DryRun,allowed,agents,deletes,"agents/deletes other/all",' -- decisions -o csv "${auditor[@]}"

# A replay of changes: as commands, with masks where secrets were; what is known to be missing.
sql "$sink" >/dev/null <<'SQL'
BEGIN;
SELECT holdpoint.audit_begin_batch('changes', 'api-1', sha256('changes'), 5, 0, 100);
INSERT INTO holdpoint.audit_event (cluster, seq, source, stage, level, received_timestamp, stage_timestamp, audit_id, verb,
  username, request_uri, api_group, resource, subresource, namespace, name, code, truncated, masking_version, masked, body,
  body_nonce, body_digest)
SELECT 'changes', n, 'api-1', stage, 'RequestResponse', now() - (60 - n / 5) * interval '1 s', now() - (60 - n / 5) * interval '1 s', id, 'patch',
  'agent-8', '/x', grp, res, sub, 'prod', 'web', CASE stage WHEN 'ResponseComplete' THEN 200 END, n = 4, 1, 0, body, 'x', 'x'
FROM (VALUES (1, 'RequestReceived', 'a', 'apps', 'deployments', 'scale', '{}'),
  (2, 'ResponseComplete', 'a', 'apps', 'deployments', 'scale', '{"requestObject":{"spec":{"replicas":5}}}'),
  (3, 'ResponseComplete', 'b', '', 'secrets', '', '{"requestObject":{"data":{"a":"[masked hmac-sha256:0123456789abcdef len:4]"}}}'),
  (4, 'ResponseComplete', 'c', '', 'pods', '', NULL),
  (5, 'RequestReceived', 'a', '', 'pods', '', '{}')) AS v(n, stage, id, grp, res, sub, body);
INSERT INTO holdpoint.audit_quarantine (cluster, source, batch_sha256, position, size_bytes, sha256, reason)
VALUES ('changes', 'api-1', 'x', 0, 1, sha256('x'), 'no JSON');
COMMIT;
SQL
expect 0 5 out '  kubectl scale deployments.apps web -n prod --replicas=5  200$' -- replay s5-1 "${auditor[@]}"
grep -qF "kubectl patch secrets web -n prod -p '{\"data\":{\"a\":\"[masked hmac-sha256:0123456789abcdef len:4]\"}}'  200" "$out" ||
  fail "no patch of the Secret"
grep -q 'kubectl patch pods web -n prod  # without its body  RequestReceived$' "$out" ||
  fail "the end of another request stands for that of the last"
grep -q '^1 of these requests have no end' "$err" || fail "no word of the request without an end"
grep -q '^1 of these events were cut' "$err" || fail "no word of the event that was cut"
grep -q '^1 events of that time could not be read' "$err" || fail "no word of the quarantine"

# Nothing is cut without a word; what is spelt wrong, or can have no answer, is no "nothing".
expect 0 2 err '^1 are shown, and there may be more: .*--limit, or --all' -- events --limit 1 "${auditor[@]}"
expect 0 3 err '^2 are shown, and there may be more' -- events --limit 2 -o csv "${auditor[@]}"
expect 0 1 err '^1 are shown, and there may be more' -- events --limit 1 -o jsonl "${auditor[@]}"
expect 0 3 err '^2 are shown, and there may be more' -- decisions --limit 2 "${auditor[@]}"
expect 0 3 err '^2 are shown, and there may be more' -- decisions --limit 2 -o csv "${auditor[@]}"
expect 0 - err '^2 are shown, and there may be more' -- decisions --limit 2 -o json "${auditor[@]}"
for limit in '--limit 5 --all' '--limit 6'; do
  # shellcheck disable=SC2086 # two flags
  expect 0 6 out . -- decisions $limit -o csv "${auditor[@]}"
  if grep -q 'may be more' "$err"; then fail "decisions $limit: more of what is whole"; fi
done
actions='must be Allow, Audit, Warn, Hold, Deny or Mutate'
expect 2 0 err "--action=Denny: $actions" -- decisions --action Denny "${auditor[@]}"
expect 2 0 err '--enforcement=Dry: must be Enforce, Warn or DryRun' -- decisions --enforcement Dry "${auditor[@]}"
expect 2 0 err "--decision=Denny: $actions" -- events --decision Denny "${auditor[@]}"
expect 0 2 out 'default/3 ' -- events --cluster default --decision deny "${auditor[@]}"
long_ago=$(date -d '-4 days' +%F)
for command in events decisions sessions replay\ --name=web; do
  # shellcheck disable=SC2086 # a command and its flag
  expect 2 0 err "--until=$long_ago: is before --since, which is a day ago unless given" -- \
    $command --until "$long_ago" "${auditor[@]}"
done
expect 2 0 err '--until=2h: is before --since=1h' -- events --since 1h --until 2h "${auditor[@]}"
expect 2 0 err '--since=2999-01-01: is in the future' -- decisions --since 2999-01-01 "${auditor[@]}"
expect 0 0 err '^No events found from 2020-01-01 00:00:00 until 2020-04-01 00:00:00\.$' -- \
  events --since 2020-Q1 --until 2020-Q1 "${auditor[@]}"
expect 0 0 err '^No decisions found from 20.* until now\.$' -- decisions --since 10s "${auditor[@]}"

# A dry run says so; a path has no resource before it; a rule is shown by the end of its name.
sql "$admin" >/dev/null <<'SQL'
INSERT INTO holdpoint.decision (cluster, decision_id, time, endpoint, username, operation, resource, name, policy,
  rule, action, allowed, answer, dry_run)
VALUES ('default', gen_random_uuid(), now(), 'validate', 'agent-dry', 'get', '', '/metrics', 'agents', 'paths', 'Hold',
  true, 'allowed', true);
SQL
expect 0 2 out ' get +/metrics +Hold +allowed \(dry run\) +paths ' -- decisions --user agent-dry "${auditor[@]}"
expect 0 2 out ' get {8}/metrics +Hold ' -- decisions --user agent-dry "${auditor[@]}"
expect 0 2 out ' agents/paths ' -- decisions --user agent-dry -o wide "${auditor[@]}"
expect 0 2 out ',true,' -- decisions --user agent-dry -o csv "${auditor[@]}"

# Times as people say them.
expect 0 5 out 'reads/1' -- events --cluster reads --since "$(date -d '-1 hour' '+%F %H:%M')" "${auditor[@]}"
expect 0 0 err 'No events' -- events --cluster reads --until "$(date -d '-1 hour' '+%F %H:%M')" "${auditor[@]}"
expect 0 0 err 'No events' -- events --cluster reads --since 2020-Q1 --until 2020-Q1 "${auditor[@]}"
expect 0 5 out 'reads/1' -- events --cluster reads --since 2020-Q1 "${auditor[@]}"
expect 2 0 err '--since=tomorrow: must be a duration' -- events --since tomorrow "${auditor[@]}"
expect 0 - out 's3-1' -- sessions --since "$(date -d yesterday +%F)" "${auditor[@]}"
expect 2 0 err '--until=x: must be' -- sessions --until x "${auditor[@]}"
expect 2 0 err '--since=: must be' -- sources --since= "${auditor[@]}"

expect 3 0 err 'no event 77' -- erase default/77 --reason x --database-url="$admin"
expect 0 1 out 'body erased' -- erase default/3 --reason x --database-url="$admin"
expect 1 0 err 'permission denied.*holdpoint_retention to drop or erase' -- erase default/2 --reason x "${auditor[@]}"
expect 0 1 out '"event" : null' -- events --verb delete --cluster default -o jsonl "${auditor[@]}"
expect 0 0 err 'Nothing is older' -- retention --keep 400d --database-url="$admin"
expect 2 0 err '--keep=5h' -- retention --keep 5h --database-url="$admin"

expect 0 6 out '^default +api-1 +ok .* 5 ' -- sources "${auditor[@]}"
expect 0 2 out '^other +api-1 +ok .* 2500 .* 0$' -- sources --cluster other --unfinished "${auditor[@]}"
expect 0 - out '"unfinished": ?0' -- sources --unfinished -o json "${auditor[@]}"
expect 0 0 err 'No source has sent' -- sources --cluster nowhere "${auditor[@]}"
expect 1 0 err 'permission denied' -- sources --database-url="$sink"

# -f prints what comes after it began, once.
"$HOLDPOINT_BIN/holdpoint" events -f -o jsonl "${auditor[@]}" >"$out" 2>"$err" &
follower=$!
following() {
  sql "$admin" -c "SELECT count(*) FROM pg_stat_activity WHERE usename = 'auditor' AND state = 'idle'
    AND query ~ '^SELECT e.cluster, e.seq'"
}
for _ in {1..100}; do
  [[ $(following) == 1 ]] && break
  sleep 0.1
done
[[ $(following) == 1 ]] || fail "events -f does not follow: $(<"$err")"
sql "$sink" >/dev/null <<'SQL'
BEGIN;
SELECT holdpoint.audit_begin_batch('default', 's', sha256('follow'), 1, 0, 100);
INSERT INTO holdpoint.audit_event (cluster, seq, source, stage, level, stage_timestamp, audit_id,
  verb, username, masking_version, masked, body_digest)
VALUES ('default', 6, 's', 'Panic', 'Metadata', now(), 'x', 'get', 'u', 1, 0, 'x');
COMMIT;
SQL
for _ in {1..100}; do
  grep -q '"seq" : 6' "$out" && break
  sleep 0.1
done
# What comes later has been seen: nothing is still on its way.
sql "$sink" >/dev/null <<'SQL'
BEGIN;
SELECT holdpoint.audit_begin_batch('default', 's', sha256('later'), 1, 0, 100);
INSERT INTO holdpoint.audit_event (cluster, seq, source, stage, level, stage_timestamp, audit_id,
  verb, username, masking_version, masked, body_digest)
VALUES ('default', 7, 's', 'Panic', 'Metadata', now(), 'y', 'get', 'u', 1, 0, 'y');
COMMIT;
SQL
for _ in {1..100}; do
  grep -q '"seq" : 7' "$out" && break
  sleep 0.1
done
kill -TERM "$follower"
wait "$follower" || fail "events -f: exit $?"
[[ $(wc -l <"$out") == 2 ]] || fail "events -f: not a line for each of two events"
echo "all passed"
