#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# holdpoint doctor on a database alone: what it says of one where nothing runs, of one as it should
# be, and to a login that may not look. Together with an API server: test/e2e/test_doctor.sh.
# shellcheck source=test/db/cli_support.sh
source "$HOLDPOINT_SOURCE_DIR/test/db/cli_support.sh"

# doctor LOGIN CODE [FLAG...]: the answer as JSON in $out.
doctor() {
  local url code=$2 got=0
  url=$(as "$1")
  shift 2
  hp doctor --without-kubernetes --cluster c1 --database-url "$url" -o json "$@" >"$out" 2>"$err" || got=$?
  [[ $got == "$code" ]] || fail "doctor $*: exit $got, expected $code"
  jq -e 'all(.checks[]; (.status | IN("WARN", "FAIL")) == has("mend"))' "$out" >/dev/null ||
    fail "a fault without what mends it"
  jq -e '([.checks[].status] | map({OK: 0, SKIPPED: 1, WARN: 2, FAIL: 3}[.]) | max) as $worst
    | .status == ["OK", "SKIPPED", "WARN", "FAIL"][$worst]' "$out" >/dev/null || fail "not the worst status"
}
names() {
  jq -e --arg check "$1" --arg status "$2" --arg pattern "$3" '.checks[] | select(.check == $check
    and .status == $status and (.what | test($pattern)))' "$out" >/dev/null ||
    fail "no $2 of $1 like /$3/"
}

pg_login "$sockets" holdpoint "$passes" early
doctor early 3
names schema FAIL 'there is no schema'
hp db migrate --database-url="$admin" >"$out"
sql "$admin" -c "ALTER SYSTEM SET fsync = on" -c "ALTER SYSTEM SET full_page_writes = on" \
  -c "ALTER SYSTEM SET synchronous_commit = on" -c "SELECT pg_reload_conf()" >/dev/null
pg_login "$sockets" holdpoint "$passes" auditor holdpoint_auditor
pg_login "$sockets" holdpoint "$passes" hook holdpoint_webhook
pg_login "$sockets" holdpoint "$passes" mallory

doctor mallory 3
names approvals FAIL 'cannot be looked at with this login'
names rules-unasked FAIL 'the policies in force are not known'
doctor auditor 3
names database OK 'PostgreSQL'
names schema OK 'at migration'
names webhooks FAIL 'no webhook of cluster c1'
names audit-events FAIL 'no audit event of cluster c1'
names api-server SKIPPED 'not looked at: no API server'
names policies SKIPPED 'no webhook that runs has said'

# A webhook runs; its policies have a rule with verbs, and nobody was seen to ask about it.
policy=$(mktemp /tmp/holdpoint-doctor.XXXXXX.yaml)
trap 'rm -f "$out" "$err" "$passes" "$policy"' EXIT
# As it is recorded: one line of JSON, which is YAML as well, and what its digest is of.
cat >"$policy" <<'YAML'
{"apiVersion":"holdpoint.dev/v1alpha1","kind":"GuardrailPolicy","metadata":{"name":"p"},"spec":{"rules":[{"action":"Deny","match":[{"apiGroups":[""],"resources":["secrets"],"verbs":["get"]}],"name":"reads"}]}}
YAML
digest=$(hp policy check -o json "$policy" 2>"$err" | jq -r '.digest | ltrimstr("sha256:")')
load() {
  sql "$(as hook)" -v digest="\\x$digest" -v text="$(<"$policy")" -v instance="$1" <<'SQL' >/dev/null
SELECT holdpoint.policy_loaded('c1', :'digest', :'text' || E'\n', :'instance');
SQL
}
report() {
  sql "$(as hook)" -v instance="$1" -v report="$2" <<'SQL' >/dev/null
SELECT holdpoint.guard_report('c1', :'instance', :'report');
SQL
}
version=$(hp version | grep -oE '[0-9]+\.[0-9]+\.[0-9]+' | head -n 1)
settings='"settings": {"clientCa": true, "clientNames": 1}'
load pod-1
report pod-1 "{\"version\": \"$version\", \"rules\": 1, \"authorizationRules\": 1, $settings}"
doctor auditor 3
names webhooks OK 'pod-1 serves the API server only'
names policies OK 'every webhook has sha256:'
names rules-unasked WARN '1 rules have verbs, and no API server was seen to ask'
report pod-1 "{\"version\": \"$version\", \"authorize\": 1000, $settings}"
doctor auditor 3
names rules-unasked OK 'all 1 rules are asked about'
report pod-2 '{"version": "0.0.1", "settings": {"clientCa": true}}'
doctor auditor 3
names webhooks WARN 'pod-2 is of version 0.0.1'
names webhooks WARN "pod-2 serves every certificate"
sql "$admin" -c "SELECT holdpoint.audit_begin_batch('c1', 'api-1', sha256('b'), 1, 0, 100)" >/dev/null
doctor auditor 0
names audit-events OK 'api-1 was heard of'

# With nothing worse, what was not looked at is no OK.
sql "$admin" -c "DELETE FROM holdpoint.guard_instance WHERE instance = 'pod-2'; UPDATE holdpoint.config SET
  database_approvals = 'mapped', $(sql "$admin" -c "SELECT max(attname) FROM pg_attribute WHERE attname IN
  ('kubernetes_approvals', 'kubernetes_approvers') AND attrelid = 'holdpoint.config'::regclass") = 'mapped'" >/dev/null
doctor auditor 0
[[ $(jq -r .status "$out") == SKIPPED ]] || fail "the status is not SKIPPED"
names floods OK 'nobody is near the limit'
hp doctor --without-kubernetes --cluster c1 --database-url "$(as auditor)" >"$out" 2>"$err" || fail "exit $?"
[[ ! -s $out ]] || fail "it prints what is no fault"
grep -qE '^[0-9]+ checks were not made: --all' "$err" || fail "it does not count what was not looked at"

# Questions and requests fill places of their own.
ask() {
  sql "$(as hook)" -v name="$1" -v question="$2" <<'SQL' >/dev/null
SELECT hold_id FROM holdpoint.hold_find_or_create(p_cluster => 'c1',
  p_fingerprint => sha256(:'name'::bytea), p_username => 'agent', p_groups => ARRAY['ai-agents'],
  p_operation => 'get', p_api_group => '', p_api_version => 'v1', p_resource => 'secrets',
  p_subresource => '', p_namespace => 'prod', p_name => :'name', p_policy => 'p', p_rule => 'reads',
  p_policy_digest => NULL, p_message => 'no', p_change => '{}',
  p_approvers => ARRAY['sre'], p_min_approvals => 1, p_require_reason => false, p_expires => '1 hour',
  p_grant => 'Once', p_window => NULL, p_max_uses => NULL, p_dry_run => false,
  p_request_uid => 'uid-1', p_is_question => :'question');
SQL
}
limits() { sql "$admin" -c "UPDATE holdpoint.config SET max_pending_per_user = $1, max_questions_per_user = $2" >/dev/null; }
ask one f
ask two f
ask three t
limits 4 2
doctor auditor 0
names floods OK 'nobody is near the limit'
limits 4 1
doctor auditor 0
names floods WARN 'agent has 1 holds of questions waiting, of 1'
limits 2 4
doctor auditor 0
names floods WARN 'agent has 2 holds waiting, of 2'
sql "$admin" -c "ALTER TABLE holdpoint.config DISABLE TRIGGER USER; DELETE FROM holdpoint.config;
  ALTER TABLE holdpoint.config ENABLE TRIGGER USER" >/dev/null
doctor auditor 3
names approvals FAIL 'holdpoint.config has 0 rows and not one'
sql "$admin" -c "INSERT INTO holdpoint.config DEFAULT VALUES" >/dev/null

# broken CHECK STATUS PATTERN STATEMENT MEND: what the statement breaks is found, until it is mended.
broken() {
  sql "$admin" -c "$4" >/dev/null
  hp doctor --without-kubernetes --cluster c1 --database-url "$(as auditor)" -o json >"$out" 2>"$err" || true
  names "$1" "$2" "$3"
  sql "$admin" -c "$5" >/dev/null
  hp doctor --without-kubernetes --cluster c1 --database-url "$(as auditor)" -o json >"$out" 2>"$err" || true
  jq -e --arg check "$1" --arg pattern "$3" 'all(.checks[]; .check != $check or (.what | test($pattern) | not))' \
    "$out" >/dev/null || fail "still there: $3"
}
broken guards FAIL 'holdpoint.hold_event are switched off or gone: .*stamp' \
  'ALTER TABLE holdpoint.hold_event DISABLE TRIGGER stamp' 'ALTER TABLE holdpoint.hold_event ENABLE TRIGGER stamp'
broken guards FAIL 'holdpoint.decision_p[0-9]+ are switched off' \
  "DO \$\$ BEGIN EXECUTE (SELECT 'ALTER TABLE holdpoint.' || max(relname) || ' DISABLE TRIGGER ALL' FROM pg_class WHERE relname ~ '^decision_p[0-9]+\$'); END \$\$" \
  "DO \$\$ BEGIN EXECUTE (SELECT 'ALTER TABLE holdpoint.' || max(relname) || ' ENABLE TRIGGER ALL' FROM pg_class WHERE relname ~ '^decision_p[0-9]+\$'); END \$\$"
broken guards FAIL 'holdpoint.admin_event are switched off or gone: refuse_truncate' \
  'DROP TRIGGER refuse_truncate ON holdpoint.admin_event' \
  'CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON holdpoint.admin_event FOR EACH STATEMENT EXECUTE FUNCTION holdpoint.refuse_truncate()'
broken guards FAIL 'holdpoint.hold has no row-level security' \
  'ALTER TABLE holdpoint.hold DISABLE ROW LEVEL SECURITY' 'ALTER TABLE holdpoint.hold ENABLE ROW LEVEL SECURITY'
broken grants FAIL 'hook has UPDATE on holdpoint.hold,' \
  'GRANT UPDATE ON holdpoint.hold TO hook' 'REVOKE UPDATE ON holdpoint.hold FROM hook'
broken grants FAIL 'holdpoint_webhook has INSERT on holdpoint.hold_event,' \
  'GRANT INSERT (who) ON holdpoint.hold_event TO holdpoint_webhook' 'REVOKE INSERT (who) ON holdpoint.hold_event FROM holdpoint_webhook'
broken grants FAIL 'PUBLIC has EXECUTE on holdpoint.hold_step' \
  'GRANT EXECUTE ON FUNCTION holdpoint.hold_step TO PUBLIC' 'REVOKE EXECUTE ON FUNCTION holdpoint.hold_step FROM PUBLIC'
broken grants FAIL 'PUBLIC has SELECT on holdpoint.hold,' 'GRANT SELECT ON holdpoint.hold TO PUBLIC' 'REVOKE SELECT ON holdpoint.hold FROM PUBLIC'
broken settings FAIL 'database holdpoint has session_replication_role = replica: no trigger fires' \
  'ALTER DATABASE holdpoint SET session_replication_role = replica' 'ALTER DATABASE holdpoint RESET session_replication_role'
broken settings FAIL 'login hook has default_transaction_isolation = repeatable read' \
  "ALTER ROLE hook SET default_transaction_isolation = 'repeatable read'" 'ALTER ROLE hook RESET default_transaction_isolation'
broken settings FAIL 'login hook has default_transaction_read_only = on: nothing can be held' \
  'ALTER ROLE hook SET default_transaction_read_only = on' 'ALTER ROLE hook RESET default_transaction_read_only'
broken settings WARN 'login hook has synchronous_commit = off: a crash may lose decisions' \
  'ALTER ROLE hook SET synchronous_commit = off' 'ALTER ROLE hook RESET synchronous_commit'
broken roles FAIL 'the login alice has CREATEROLE, BYPASSRLS: it can give itself' \
  'CREATE ROLE alice LOGIN CREATEROLE BYPASSRLS IN ROLE holdpoint_approver' 'DROP ROLE alice'
broken approvals WARN "denial_stands is '00:00:00'" "UPDATE holdpoint.config SET denial_stands = '0'" \
  "UPDATE holdpoint.config SET denial_stands = DEFAULT"
broken approvals WARN "denials_within is '00:00:00'" "UPDATE holdpoint.config SET denials_within = '0'" \
  "UPDATE holdpoint.config SET denials_within = DEFAULT"
broken approvals WARN 'next ones after 86400 s only' "UPDATE holdpoint.config SET notify_interval = '1 day'" \
  "UPDATE holdpoint.config SET notify_interval = DEFAULT"
broken approvals WARN 'answered yes for 86400 s' "UPDATE holdpoint.config SET question_window = '1 day'" \
  "UPDATE holdpoint.config SET question_window = DEFAULT"
broken approvals WARN '100000 holds of questions' "UPDATE holdpoint.config SET max_questions_per_user = 100000" \
  "UPDATE holdpoint.config SET max_questions_per_user = DEFAULT"
broken approvals WARN 'denied 100000 times' "UPDATE holdpoint.config SET max_denials = 100000" \
  "UPDATE holdpoint.config SET max_denials = DEFAULT"
broken approvals WARN '100000 holds of questions waiting, in names' "UPDATE holdpoint.config SET max_questions = 100000" \
  "UPDATE holdpoint.config SET max_questions = DEFAULT"
broken clock FAIL "the clock of pod-1 differs from the database's by 180.0 s" \
  "UPDATE holdpoint.guard_instance SET clock_off_ms = 180000, reported_at = now()" "UPDATE holdpoint.guard_instance SET clock_off_ms = -100"
broken deciders FAIL 'nobody can decide' \
  "UPDATE holdpoint.config SET database_approvals = 'off', kubernetes_approvals = 'off'" \
  "UPDATE holdpoint.config SET database_approvals = DEFAULT, kubernetes_approvals = DEFAULT"
broken deciders WARN "'direct' for cluster c1 alone" "INSERT INTO holdpoint.cluster_config VALUES ('c1', 'direct')" \
  "DELETE FROM holdpoint.cluster_config"
broken partitions FAIL 'audit_event has no partition for today or tomorrow' \
  "DO \$\$ BEGIN EXECUTE 'DROP TABLE holdpoint.audit_event_p' || to_char(now() AT TIME ZONE 'UTC', 'YYYYMMDD'); END \$\$" \
  'SELECT holdpoint.ensure_partitions()'
broken schema FAIL 'and 1 before it never ran' \
  "DELETE FROM holdpoint.schema_migration WHERE version = 7" \
  "INSERT INTO holdpoint.schema_migration (version, name, sha256) VALUES (7, 'hold_gate', sha256('x'))"
broken notifications FAIL 'nobody sends slack its notifications: 1 have waited' \
  "WITH o AS (INSERT INTO holdpoint.outbox (cluster, event, hold_id, payload) VALUES ('c1', 'hold.pending', 1, '{}') RETURNING id)
   INSERT INTO holdpoint.outbox_delivery (cluster, outbox_id, target, due_at) SELECT 'c1', id, 'slack', now() - interval '1 hour' FROM o" \
  'DELETE FROM holdpoint.outbox_delivery'
broken webhooks WARN 'no API server has asked a webhook of cluster c1 for a quarter' \
  "UPDATE holdpoint.guard_instance SET started_at = now() - interval '1 hour', validate_at = now() - interval '1 hour', reported_at = now()" \
  "UPDATE holdpoint.guard_instance SET validate_at = now()"
sql "$(as hook)" -c "SELECT holdpoint.approve_as_kubernetes('c1', 1, 'sue', '{sre}', 'u1')" >/dev/null
broken reviews WARN '1 decisions with kubectl of the last day are not confirmed, 0 of them approvals that counted.*sue on hold 1: no audit event' \
  "ALTER TABLE holdpoint.hold_review DISABLE TRIGGER USER; UPDATE holdpoint.hold_review SET at = at - interval '1 hour'; ALTER TABLE holdpoint.hold_review ENABLE TRIGGER USER" \
  "ALTER TABLE holdpoint.hold_review DISABLE TRIGGER USER; UPDATE holdpoint.hold_review SET at = now(); ALTER TABLE holdpoint.hold_review ENABLE TRIGGER USER"

# Rules that guard nothing, and groups that nobody is in.
rules() {
  printf 'apiVersion: holdpoint.dev/v1alpha1\nkind: GuardrailPolicy\nmetadata: {name: p}\nspec:\n  enforcement: %s\n' "$1"
  printf '  rules:\n  - name: r\n    match: [{apiGroups: [""], resources: [pods], operations: [DELETE]}]\n    action: %s\n' "$2"
}
with_rules() {
  rules "$1" "$2" >"$policy"
  hp doctor --without-kubernetes --cluster c1 --database-url "$(as auditor)" -o json --policy "$policy" >"$out" 2>"$err" || true
}
with_rules DryRun Deny
names enforcement FAIL 'none of the 1 rules that hold or deny is enforced'
with_rules Enforce Warn
names enforcement FAIL 'no rule that is in force holds or denies'
# Rules that look at what exists in the cluster, where the webhook does not read it.
reads_cluster() { psql -qX "$HOLDPOINT_TEST_DATABASE_URL" -c "UPDATE holdpoint.guard_instance SET settings = settings || '{\"kubernetesApi\": $1}', reported_at = now()"; }
with_rules Enforce Deny
sed -i 's/operations: \[DELETE\]/operations: [CREATE], namespaceSelector: {matchLabels: {env: prod}}/' "$policy"
look_at_policy() { hp doctor --without-kubernetes --cluster c1 --database-url "$(as auditor)" -o json --policy "$policy" >"$out" 2>"$err" || true; }
reads_cluster false
look_at_policy
names webhooks FAIL 'pod-1 does not read the cluster, which rules look at'
reads_cluster true
look_at_policy
! grep -q 'does not read the cluster' "$out" || fail "said of a webhook that reads the cluster"
{ rules Enforce Deny; printf -- '---\n'; rules Warn Deny | sed 's/name: p}/name: q}/'; } >"$policy.two"
hp doctor --without-kubernetes --cluster c1 --database-url "$(as auditor)" -o json --policy "$policy.two" >"$out" 2>"$err" || true
names enforcement WARN '1 of 2 rules that hold or deny are not enforced .*first q/r'
rm "$policy.two"
with_rules Enforce 'Hold
    hold: {approvers: ["system:authenticated"]}'
names deciders FAIL 'rule p/r: everybody is in the approver group "system:authenticated"'
sql "$admin" -c "UPDATE holdpoint.config SET kubernetes_approvals = 'off'" >/dev/null
with_rules Enforce 'Hold
    hold: {approvers: [sre]}'
names deciders FAIL 'rule p/r asks the group sre, which no login is in'
sql "$admin" -c "CREATE ROLE sre" -c "CREATE ROLE bob LOGIN IN ROLE sre, holdpoint_approver" >/dev/null
with_rules Enforce 'Hold
    hold: {approvers: [sre]}'
names deciders OK 'somebody can decide'
sql "$admin" -c "UPDATE holdpoint.config SET kubernetes_approvals = DEFAULT" >/dev/null

# The table: faults only, in lines that fit.
hp doctor --without-kubernetes --cluster c2 --database-url "$(as auditor)" >"$out" 2>"$err" && fail "exit 0 for a cluster that is not there"
grep -q '^CHECK  *STATUS  *WHAT$' "$out" || fail "no head"
awk 'length($0) > 104 {exit 1}' "$out" || fail "a line is too wide"
if grep -q ' OK ' "$out"; then fail "it shows what is fine"; fi
hp doctor --without-kubernetes --cluster c2 --all --database-url "$(as auditor)" >"$out" 2>"$err" || true
grep -q ' OK ' "$out" || fail "--all does not show what is fine"
