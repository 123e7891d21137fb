# SPDX-License-Identifier: Apache-2.0
# The ground of every end-to-end test: a throwaway PostgreSQL, both daemons over TLS, and a real
# kube-apiserver that asks the one and reports to the other. Sourced by test_*.sh:
#
#   source "$(dirname "$0")/harness.sh"
#   e2e_begin [--policy FILE]... [--mounted] [--authorize] [--authorize-for FILE]...
#             [--durable] [--no-cluster]
#             [--webhook-flag FLAG]... [--sink-flag FLAG]... [--audit-log] [--audit-policy FILE]
#             [--static-manifests]
#     --authorize-for: --authorize, and guarded identities are the subjects of these policies
#     --audit-policy FILE: another than audit-policy.yaml
#     --audit-log: the API server's own log of events, in $e2e_dir/audit.log
#   as agent delete pod web        # kubectl as agent, ci, sre, admin (cluster.sh)
#   …
#   policies_are FILE...           # with --mounted: swaps them as a ConfigMap's mount does
#   e2e_passed                     # the last line: without it the test has failed
#
# Everything is gone when the test ends; with E2E_KEEP=1 the logs stay, and their folder is named.
# Also here: dev.d/daemons.sh (webhook_start, daemon_stop, post …), test/support/pg.sh
# (pg_throwaway_stop …). In the main shell only: what is started dies with the shell that did it.

set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../support/pg.sh"
source "$root/test/support/planted.sh"
source "$root/test/e2e/cluster.sh"
source "$root/dev.d/daemons.sh"

e2e_begin() {
  e2e_policies=() e2e_cluster=1 e2e_done=0 e2e_mounted=0 e2e_swaps=0
  local durable=() cluster_args=() webhook_flags=() sink_flags=() audit_log=0 static=0 asked_for=()
  while (($#)); do
    case $1 in
      --authorize) cluster_args+=(--authorize) && shift && continue ;;
      --static-manifests) cluster_args+=("$1") && static=1 && shift && continue ;;
      --mounted) e2e_mounted=1 && shift && continue ;;
      --durable) durable=(--durable) && shift && continue ;;
      --no-cluster) e2e_cluster=0 && shift && continue ;;
      --audit-log) audit_log=1 && shift && continue ;;
      --policy) e2e_policies+=("$2") ;;
      --authorize-for) asked_for+=("$2") ;;
      --webhook-flag) webhook_flags+=("$2") ;;
      --audit-policy) cluster_args+=("$1" "$2") ;;
      --sink-flag) sink_flags+=("$2") ;;
      *) die "e2e_begin: unknown option $1" ;;
    esac
    shift 2
  done
  ((${#e2e_policies[@]})) || e2e_policies=("$root/test/e2e/policy.yaml")
  if ((e2e_cluster)); then cluster_find_binaries; fi # or be skipped, before anything is started
  e2e_dir=$(mktemp -d /tmp/holdpoint-e2e.XXXXXX)
  ((audit_log)) && cluster_args+=(--audit-log "$e2e_dir/audit.log")
  trap e2e_end EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
  pg_throwaway "${durable[@]}"
  stack_dir=$e2e_dir/stack stack_sockets=$pg_sockets stack_cluster=e2e stack_detach=0
  stack_bin=${HOLDPOINT_BIN:-$root/build/dev/bin}
  stack_prepare
  if ((e2e_mounted)); then
    policies_swap "${e2e_policies[@]}"
    e2e_policies=("$e2e_dir/policies")
  fi
  webhook_start "${e2e_policies[@]}" -- "${webhook_flags[@]}"
  sink_start "${sink_flags[@]}"
  if ((${#asked_for[@]})); then
    "$stack_bin/holdpoint" policy authorizer --dir "$e2e_dir/cluster/holdpoint" "${asked_for[@]}" >"$e2e_dir/authorization.yaml"
    cluster_args+=(--authorize --authorization "$e2e_dir/authorization.yaml")
  fi
  if ((e2e_cluster)); then
    cluster_start "$e2e_dir/cluster" --cluster "$stack_cluster" --certs "$stack_dir/certs" \
      --webhook-url "${stack_url[webhook]}" --sink-url "${stack_url[sink]}" "${cluster_args[@]}"
    if ((static)); then passes as admin create configmap probe --dry-run=server; else cluster_register; fi
    (($(webhook_calls validate) && $(webhook_calls mutate))) ||
      fail "the API server says that it asks the webhook, but the webhook knows of no call"
  fi
}

e2e_end() {
  local rc=$?
  trap - EXIT
  set +e # cleaning up goes on whatever fails in it
  ((e2e_done)) || rc=$((rc ? rc : 1))
  if ((rc)); then e2e_show_logs; fi
  ((e2e_cluster)) && cluster_stop "$e2e_dir/cluster"
  daemon_stop webhook
  daemon_stop sink
  # A daemon that does not end well, by a sanitizer's word say, fails the test too.
  if grep -hE 'ERROR: [A-Za-z]+Sanitizer|runtime error:' -A 30 "$stack_dir"/*.log* >&2; then rc=1; fi
  pg_throwaway_end
  if [[ ${E2E_KEEP:-} ]]; then note "kept: $e2e_dir"; else rm -rf "$e2e_dir"; fi
  exit "$rc"
}

e2e_show_logs() {
  local log
  note "FAILED at: ${e2e_step:-the start}"
  for log in "$stack_dir"/*.log "$pg_log" "$e2e_dir/cluster/apiserver.log"; do
    [[ -s $log ]] && note "--- $log" && tail -n 15 "$log" | cut -c1-1000 >&2
  done
}

e2e_passed() {
  e2e_done=1
  say "passed"
}

# policies_swap FILE...: what a kubelet does when a ConfigMap changes. The files that a pod sees are
# links through the link ..data, and that one is replaced in one step.
policies_swap() {
  local mount=$e2e_dir/policies new=..$((++e2e_swaps)) old
  old=$(readlink "$mount/..data" || true)
  mkdir -p "$mount/$new"
  awk 'FNR == 1 {print "---"} {print}' "$@" >"$mount/$new/policies.yaml"
  ln -s "$new" "$mount/..data_tmp"
  mv -T "$mount/..data_tmp" "$mount/..data"
  ln -sf ..data/policies.yaml "$mount/policies.yaml"
  [[ -z $old ]] || rm -r "${mount:?}/$old"
}

# policies_are FILE...: swaps them and waits until the webhook says that they are in force.
policies_are() {
  policies_swap "$@"
  e2e_digest=$("$stack_bin/holdpoint" policy check -o json "$e2e_dir/policies" | jq -r .digest)
  [[ $e2e_digest == sha256:* ]] || fail "no digest of: $*"
  eventually 20 policies_in_force
}

policies_in_force() {
  [[ $(grep -F '"event":"policy_loaded"' "$stack_dir/webhook.log" | tail -n 1) == *"$e2e_digest"* ]]
}

# step_is TEXT: what the test is at; shown when it fails.
step_is() { e2e_step=$* && say "- $*"; }

fail() {
  note "$*"
  exit 1
}

# refused REGEX COMMAND...: must fail, and its output (in $output) must match.
refused() {
  local pattern=$1
  shift
  if output=$("$@" 2>&1); then fail "should have been refused, but passed: $*"$'\n'"$output"; fi
  [[ $output =~ $pattern ]] || fail "refused, but the message lacks /$pattern/: $output"
}

# passes COMMAND...: must succeed; its output is in $output.
passes() { output=$("$@" 2>&1) || fail "should have passed, but failed: $*"$'\n'"$output"; }

# equals EXPECTED ACTUAL WHAT
equals() { [[ $2 == "$1" ]] || fail "$3: expected '$1', got '$2'"; }

# eventually SECONDS COMMAND...: until it succeeds.
eventually() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@" >/dev/null 2>&1; do
    ((SECONDS < deadline)) || fail "did not come true in time: $*"
    sleep 0.2
  done
}

# webhook_calls ENDPOINT: how often the webhook was asked there (validate, mutate, authorize), by its own
# counters.
webhook_calls() {
  curl -fsS "${stack_plain[webhook]}/metrics" |
    awk -v e="endpoint=\"$1\"" '/^holdpoint_webhook_(allowed|denied)_total/ && index($1, e) {n += $2} END {print n + 0}'
}

# sql QUERY: as superuser, bare values. sql_as LOGIN QUERY: as one of the logins.
sql() { psql -q -X -tA -v ON_ERROR_STOP=1 "$HOLDPOINT_TEST_DATABASE_URL" -c "$1"; }
sql_as() { psql -q -X -tA -v ON_ERROR_STOP=1 "$(stack_database_url "$1")" -c "$2"; }
sql_is() { [[ $(sql "$2") == "$1" ]]; }

# cli LOGIN ARGS...: the holdpoint program, connected as that login.
cli() {
  local login=$1
  shift
  HOLDPOINT_DATABASE_URL=$(stack_database_url "$login") "$stack_bin/holdpoint" "$@"
}

# The number of the newest hold that waits.
newest_hold() { sql 'SELECT max(id) FROM holdpoint.hold'; }
