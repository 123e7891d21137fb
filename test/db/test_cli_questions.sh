#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What an auditor asks, each in one command, with dates in words: who did what, who let it, what changed.
# shellcheck source=test/db/cli_support.sh
source "$HOLDPOINT_SOURCE_DIR/test/db/cli_support.sh"
export TZ=UTC

# asks LINES PATTERN -- ARGUMENTS...: lines on stdout, and a match.
asks() {
  local lines=$1 pattern=$2 got=0
  shift 3
  hp "$@" --database-url="$(as auditor)" >"$out" 2>"$err" </dev/null || got=$?
  [[ $got == 0 ]] || fail "holdpoint $*: exit $got"
  [[ $(wc -l <"$out") == "$lines" ]] || fail "holdpoint $*: not $lines lines"
  grep -qE -- "$pattern" "$out" || fail "holdpoint $*: no match for /$pattern/"
}

hp db migrate --database-url="$admin" >"$out"
sql "$admin" -c 'CREATE ROLE sre'
pg_login "$sockets" holdpoint "$passes" alice holdpoint_approver sre
pg_login "$sockets" holdpoint "$passes" auditor holdpoint_auditor
# Noon of yesterday, and of the first day of this quarter's predecessor.
yesterday=$(date -d yesterday +%F)
quarter=$(sql "$admin" -c "SELECT to_char(now() AT TIME ZONE 'UTC' - interval '3 months', 'YYYY-\"Q\"Q')")
then=$(sql "$admin" -c "SELECT date_trunc('quarter', now() AT TIME ZONE 'UTC' - interval '3 months') + interval '12 hours'")

# A hold of claude-code's deletion that alice approved, and one of its reads in that quarter.
hold=$(sql "$admin" -c "INSERT INTO holdpoint.hold (cluster, fingerprint, username, groups, operation, api_group, api_version,
  resource, subresource, namespace, name, policy, rule, message, approvers, min_approvals, require_reason, grant_kind, expires_at,
  request_uid) VALUES ('default', sha256('h'), 'claude-code', '{ai-agents}', 'DELETE', 'apps', 'v1', 'deployments', '', 'prod',
  'checkout', 'agents', 'deletes', '', '{sre}', 1, false, 'Once', now() + interval '1 hour', 'u') RETURNING id")
hp approve "$hold" --reason 'CHG-7' --database-url="$(as alice)" >"$out" 2>"$err" || fail "approve"
sql "$admin" -v y="$yesterday" -v q="$then" -v hold="$hold" >"$out" <<'SQL'
INSERT INTO holdpoint.audit_cluster_seq (cluster) VALUES ('default');
INSERT INTO holdpoint.audit_event (cluster, seq, source, stage, level, received_timestamp, stage_timestamp, recorded_at, audit_id,
  verb, username, source_ips, user_agent, request_uri, api_group, resource, subresource, namespace, name, code, decision, hold_id,
  masking_version, masked, body, body_nonce, body_digest)
SELECT 'default', n, 's', 'ResponseComplete', 'RequestResponse', at, at, at, 'a' || n, verb, who, ARRAY[ip], 'kubectl', '/x', grp, res, sub,
  ns, name, code, decision, hold, 1, 0, body, 'x', 'x'
FROM (VALUES
  (1, :'y'::timestamptz + interval '9 hours', 'patch', 'claude-code', '10.0.0.7', 'apps', 'deployments', 'scale', 'prod', 'checkout', 200,
    NULL, NULL, '{"requestObject":{"spec":{"replicas":5}}}'),
  (2, :'y'::timestamptz + interval '10 hours', 'delete', 'claude-code', '10.0.0.7', 'apps', 'deployments', '', 'prod', 'checkout', 200,
    'Hold', :hold::bigint, '{}'),
  (3, :'y'::timestamptz + interval '11 hours', 'delete', 'claude-code', '10.0.0.7', '', 'pods', '', 'dev', 'x', 403, 'Deny', NULL, '{}'),
  (4, :'y'::timestamptz + interval '12 hours', 'patch', 'alice', '10.0.0.9', 'apps', 'deployments', '', 'prod', 'checkout', 200, NULL, NULL,
    '{"requestObject":{"metadata":{"labels":{"tier":"front"}}}}'),
  (5, :'y'::timestamptz + interval '12 hours', 'get', 'alice', '10.0.0.9', 'apps', 'deployments', '', 'prod', 'checkout', 200, NULL, NULL, '{}'),
  (6, :'q'::timestamptz, 'get', 'claude-code', '10.0.0.7', '', 'secrets', '', 'prod', 'db', 200, NULL, NULL, '{}'),
  (7, now() - interval '1 minute', 'get', 'claude-code', '10.0.0.7', '', 'secrets', '', 'prod', 'db', 200, NULL, NULL, '{}'))
  AS v(n, at, verb, who, ip, grp, res, sub, ns, name, code, decision, hold, body);
INSERT INTO holdpoint.decision (cluster, decision_id, time, recorded_at, endpoint, username, operation, resource, namespace, name, policy,
  rule, action, allowed, answer, hold_id)
SELECT 'default', gen_random_uuid(), at, now(), 'authorize', 'claude-code', 'get', 'secrets', 'prod', 'db', 'agents', 'secrets', 'Hold',
  true, 'asked: yes', :hold FROM (VALUES (now() - interval '1 minute')) AS v(at);
SQL

# What did claude-code do yesterday in prod, and who let it?
asks 3 "default/2 .*delete +deployments.apps prod/checkout +200 +Hold +$hold +alice" -- \
  events --user claude-code -n prod --since yesterday --until yesterday -o wide
# Who read Secrets in that quarter? And today, under which approval?
asks 2 'default/6 .*claude-code.*secrets prod/db' -- events --resource secrets --verb get,list,watch --code 2xx --since "$quarter" --until "$quarter"
asks 2 "default/7 .*secrets prod/db +200 +Hold +$hold +alice" -- events --resource secrets --code 2xx --since today -o wide
# What was refused?
asks 2 'default/3 .*pods dev/x +403 +Deny' -- events --code 403 --since yesterday --until yesterday
# What changed in this object?
asks 5 '  claude-code  kubectl scale deployments.apps checkout -n prod --replicas=5  200$' -- \
  replay --resource deployments -n prod --name checkout --writes --since yesterday
grep -q '  alice  kubectl label --overwrite deployments.apps checkout -n prod tier=front  200$' "$out" || fail "no label"
asks 7 '  claude-code  kubectl delete pods x -n dev  403$' -- replay --user claude-code --since "$yesterday 09:30" --until today
# What did this approver decide? Everything from this address?
asks 2 "$hold +alice +approve +claude-code .*CHG-7" -- approvers alice --since today -o wide
asks 3 'default/4 .*alice' -- events --address 10.0.0.9 --since yesterday
say "all passed"
