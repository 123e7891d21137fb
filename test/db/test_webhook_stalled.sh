#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Whoever reads stderr has stopped: the pipe is full, and strangers cause lines. Requests are
# answered as before, the webhook ends when it is told to, and says what it could not.
# shellcheck source-path=SCRIPTDIR
source "$(dirname "${BASH_SOURCE[0]}")/webhook_stack.sh"
source test/support/freeze.sh

stack_prepare
policy=test/db/webhook_outage.yaml exec=v1.36/036-validate-connect-pods-exec.json
mkfifo "$work/stderr"
exec 8<>"$work/stderr" # open at both ends, and never read
head -c 65536 /dev/zero >&8
"$HOLDPOINT_BIN/holdpoint-webhook" --policy="$policy" --tls-cert-file="$stack_dir/certs/webhook.crt" \
  --tls-private-key-file="$stack_dir/certs/webhook.key" --client-ca-file="$stack_dir/certs/ca.crt" \
  --listen=127.0.0.1:0 --metrics-listen=127.0.0.1:0 --log-level=debug \
  --database-url="$(stack_database_url webhook)" 2>"$work/stderr" </dev/null &
pid=$!
trap 'rc=$?; kill -KILL "$pid" 2>/dev/null || true; (exit "$rc"); finish' EXIT
# Its ports, since it cannot say them: of the two the one that speaks HTTP without TLS is for us.
ports_of() {
  local state port inode
  while read -r _ port _ state _ _ _ _ _ inode _; do
    if [[ $state == 0A ]] && readlink /proc/"$pid"/fd/* | grep -qFx "socket:[$inode]"; then
      printf '%d\n' "0x${port#*:}"
    fi
  done </proc/net/tcp
}
two_ports() { [[ $(ports_of | wc -l) == 2 ]]; }
eventually 20 two_ports
for port in $(ports_of); do
  if curl -fsS -o /dev/null --max-time 5 "http://127.0.0.1:$port/livez" 2>/dev/null; then
    stack_plain[webhook]=http://127.0.0.1:$port
  else
    stack_url[webhook]=https://127.0.0.1:$port
  fi
done
(($(metric holdpoint_log_bytes_waiting) > 0)) || fail "nothing waits to be written"

say "- strangers knock all the time"
address=${stack_url[webhook]#https://}
stranger() {
  local i
  for ((i = 0; i < 50; i++)); do
    { printf 'GET / HTTP/1.1\r\n\r\n' >"/dev/tcp/${address%:*}/${address##*:}"; } 2>/dev/null || true
  done
}
for n in 1 2 3 4; do
  stranger &
  clients[n]=$!
done

say "- meanwhile"
answered() {
  post_code /validate "$(review "$exec")" "$work/answer" -w "$curl_times" >"$work/code"
  matches '^200 ' "$(<"$work/code")" "a request"
  took=$(took_of "$(<"$work/code")")
}
for n in 1 2 3 4 5 6 7 8; do within 2000 answered; done
within 2000 curl -fsS -o /dev/null "${stack_plain[webhook]}/livez"
wait "${clients[@]}"
within 2000 answered

say "- it ends"
stop() {
  kill -TERM "$pid"
  while kill -0 "$pid" 2>/dev/null; do sleep 0.05; done
}
within 15000 stop
passed=1
