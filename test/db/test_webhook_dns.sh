#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Name servers that are silent: the webhook starts, says what is wrong, and ends in time, though its
# connections to the database wait for a name and the C library's own patience is ten seconds.
# In a network of its own, in which every packet to the name server is lost.
# shellcheck source-path=SCRIPTDIR
source "$(dirname "${BASH_SOURCE[0]}")/webhook_stack.sh"

# alone COMMAND...: in a network with a loopback and a name server that nothing reaches.
alone() {
  local user=()
  ((EUID == 0)) || user=(--user --map-root-user)
  # shellcheck disable=SC2016
  exec unshare "${user[@]}" --net --mount -- bash -c '
    mount --bind "$1" /etc/resolv.conf
    ip link set lo up
    ip route add 192.0.2.1/32 dev lo # where nobody has that address: lost without a word
    shift
    exec "$@"' alone "$work/resolv.conf" "$@"
}

log_has() { grep -qF "$1" "$stack_dir/webhook.log"; }

stack_prepare
echo "nameserver 192.0.2.1" >"$work/resolv.conf"
mkdir "$work/policy"
cp test/db/webhook_wait.yaml "$work/policy/waits.yaml"
(alone "$HOLDPOINT_BIN/holdpoint-webhook" --policy="$work/policy" \
  --tls-cert-file="$stack_dir/certs/webhook.crt" --tls-private-key-file="$stack_dir/certs/webhook.key" \
  --client-ca-file="$stack_dir/certs/ca.crt" --cluster=test --listen=127.0.0.1:0 --metrics-listen=127.0.0.1:0 \
  --database-url=postgresql://webhook@database.test/holdpoint >"$stack_dir/webhook.log" 2>&1) &
stack_pid[webhook]=$!
echo "$!" >"$stack_dir/webhook.pid"

say "- it starts, and ends in time while it looks names up"
eventually 20 log_has '"event":"started"'
began=${EPOCHREALTIME/./}
kill -TERM "${stack_pid[webhook]}"
rc=0
wait "${stack_pid[webhook]}" || rc=$?
took=$(((${EPOCHREALTIME/./} - began) / 1000))
equals 0 "$rc" "how it ended"
rm "$stack_dir/webhook.pid"
say "  after $took ms"
((took < 5000)) || fail "it took $took ms to end"

say "- it says what it waited for"
log_has 'could not translate host name \"database.test\"' || fail "not a word of the name"
passed=1
