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
names api-server SKIPPED 'not looked at'

# A webhook runs; its policies have a rule with verbs, and nobody was seen to ask about it.
policy=$(mktemp /tmp/holdpoint-doctor.XXXXXX.yaml)
trap 'rm -f "$out" "$err" "$passes" "$policy"' EXIT
cat >"$policy" <<'YAML'
apiVersion: holdpoint.dev/v1alpha1
kind: GuardrailPolicy
metadata: {name: p}
spec:
  rules:
  - name: reads
    match: [{apiGroups: [""], resources: [secrets], verbs: [get]}]
    action: Deny
YAML
digest=$(hp policy check -o json "$policy" 2>"$err" | jq -r '.digest | ltrimstr("sha256:")')
load() {
  sql "$(as hook)" -v digest="\\x$digest" -v text="$(<"$policy")" -v instance="$1" <<'SQL' >/dev/null
SELECT holdpoint.policy_loaded('c1', :'digest', :'text', :'instance');
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

# The table: faults only, in lines that fit.
hp doctor --without-kubernetes --cluster c2 --database-url "$(as auditor)" >"$out" 2>"$err" && fail "exit 0 for a cluster that is not there"
grep -q '^CHECK  *STATUS  *WHAT$' "$out" || fail "no head"
awk 'length($0) > 104 {exit 1}' "$out" || fail "a line is too wide"
if grep -q ' OK ' "$out"; then fail "it shows what is fine"; fi
hp doctor --without-kubernetes --cluster c2 --all --database-url "$(as auditor)" >"$out" 2>"$err" || true
grep -q ' OK ' "$out" || fail "--all does not show what is fine"
