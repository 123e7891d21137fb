#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The systemd units, with systemd in charge: both daemons run in their sandbox, say when they are ready,
# are loaded again, are restarted when they hang, and come and go with their packages.
set -euo pipefail
source "$(dirname "$0")/machine.sh"
source "$root/dev.d/certs.sh"
trap machine_end EXIT
machine_begin
machine_pack 2
cp -r "$machine_packages/2" "$machine_root/root/packages/"

eventually() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@" >/dev/null 2>&1; do
    ((SECONDS < deadline)) || fail "did not come true in time: $*"
    sleep 0.2
  done
}
show() { machine_run systemctl show -P "$2" "holdpoint-$1"; }
started_again() { (($(show auditsink NRestarts) > 0)) && [[ $(show auditsink ActiveState) == active ]]; }
read_again() {
  machine_run curl -fsS http://127.0.0.1:8080/metrics | grep -q '^holdpoint_webhook_policy_reloads_total{result="unchanged"} 1'
}
status_line() { machine_run sed -n "s/^$2:[[:space:]]*//p" "/proc/$(show "$1" MainPID)/status"; }

# Certificates as a cluster has them, settings without a database: both daemons start without one.
settle() {
  local short
  cert_stack "$machine_dir/certs" default
  for short in webhook auditsink; do
    machine_run sh -c "cat >>/etc/holdpoint/$short.env" <<<"HOLDPOINT_DATABASE_URL=postgresql://x@127.0.0.1:1/x
ASAN_OPTIONS=detect_leaks=0"
  done
  put_certs webhook webhook
  put_certs sink auditsink
  cp "$machine_dir"/certs/{ca.crt,audit.crt,audit.key,apiserver.crt,apiserver.key} "$machine_root/root/"
  cp "$root/test/fixtures/audit/v1.36/001-eventlist.json" "$machine_root/root/events.json"
  machine_run sh -c 'cp /usr/share/holdpoint/policy/library/agents/*.yaml /etc/holdpoint/policies/'
}

# As docs/debian.md says: the folder gives them their group, mode 0640 lets the daemon read them.
put_certs() {
  cp "$machine_dir/certs/$1.crt" "$machine_root/root/tls.crt"
  cp "$machine_dir/certs/$1.key" "$machine_root/root/tls.key"
  cp "$machine_dir/certs/ca.crt" "$machine_root/root/client-ca.crt"
  machine_run sh -c "cd /root && cp tls.crt tls.key client-ca.crt /etc/holdpoint/$2/ && chmod 0640 /etc/holdpoint/$2/*"
}

machine_run sh -c 'dpkg -i /root/packages/1/*.deb' >"$machine_dir/dpkg.log" 2>&1 || fail "$(<"$machine_dir/dpkg.log")"
settle
machine_boot

step_is "they start, and are ready when systemd says so"
for short in webhook auditsink; do
  machine_run systemctl start "holdpoint-$short" 2>/dev/null || fail "holdpoint-$short does not start"
  equals active "$(show $short ActiveState)" "holdpoint-$short"
  equals notify "$(show $short Type)" "type of holdpoint-$short"
done
machine_run curl -fsS http://127.0.0.1:8080/readyz >/dev/null || fail "the webhook is not ready"
machine_run curl -fsS http://127.0.0.1:9444/readyz >/dev/null || fail "the sink is not ready"

step_is "in a sandbox, as users of their own"
for short in webhook auditsink; do
  equals 0000000000000000 "$(status_line $short CapBnd)" "capabilities of holdpoint-$short"
  equals 1 "$(status_line $short NoNewPrivs)" "no new privileges of holdpoint-$short"
  equals 2 "$(status_line $short Seccomp)" "system call filter of holdpoint-$short"
  (($(status_line $short Uid | cut -f1) >= 61184)) || fail "holdpoint-$short runs as a user that stays"
done

step_is "they answer, and the spool is on the disk while there is no database"
machine_run curl -sS --cacert /root/ca.crt --cert /root/apiserver.crt --key /root/apiserver.key -o /root/answer \
  -H 'Content-Type: application/json' -d '{}' https://127.0.0.1:8443/validate || fail "the webhook does not answer"
code=$(machine_run curl -sS --cacert /root/ca.crt --cert /root/audit.crt --key /root/audit.key -o /dev/null \
  -w '%{http_code}' -H 'Content-Type: application/json' --data-binary @/root/events.json https://127.0.0.1:8444/audit)
equals 200 "$code" "the sink's answer"
machine_run test -s /var/lib/private/holdpoint-auditsink/spool.db || fail "there is no spool"

step_is "reload"
machine_run systemctl reload holdpoint-webhook || fail "the reload failed"
eventually 10 read_again
equals active "$(show webhook ActiveState)" "after the reload"

step_is "one that hangs is restarted"
equals 30s "$(show auditsink WatchdogUSec)" "watchdog"
machine_run sh -c 'mkdir -p /run/systemd/system/holdpoint-auditsink.service.d &&
  printf "[Service]\nWatchdogSec=1s\n" >/run/systemd/system/holdpoint-auditsink.service.d/test.conf &&
  systemctl daemon-reload && systemctl restart holdpoint-auditsink && systemctl kill --signal=STOP holdpoint-auditsink'
eventually 20 started_again

step_is "a wrong setting is not tried again and again"
machine_run sh -c 'cp /etc/holdpoint/webhook.env /root/ && echo HOLDPOINT_MAX_NODES=many >>/etc/holdpoint/webhook.env &&
  systemctl restart holdpoint-webhook' 2>/dev/null && fail "it starts with a wrong setting"
equals failed "$(show webhook ActiveState)" "with a wrong setting"
machine_run sh -c 'cp /root/webhook.env /etc/holdpoint/ && systemctl start holdpoint-webhook'

step_is "an upgrade restarts what runs, and only that"
machine_run systemctl stop holdpoint-auditsink
before=$(show webhook MainPID)
machine_run sh -c 'dpkg -i /root/packages/2/*.deb </dev/null' >"$machine_dir/dpkg.log" 2>&1 || fail "$(<"$machine_dir/dpkg.log")"
equals active "$(show webhook ActiveState)" "holdpoint-webhook after the upgrade"
[[ $(show webhook MainPID) != "$before" ]] || fail "holdpoint-webhook still runs the old program"
equals inactive "$(show auditsink ActiveState)" "holdpoint-auditsink, which was stopped"

step_is "a removed one is stopped; a purge keeps what is spooled, and says so"
machine_run dpkg -r holdpoint-webhook >/dev/null 2>&1
equals inactive "$(show webhook ActiveState)" "the removed holdpoint-webhook"
said=$(machine_run dpkg -P holdpoint-auditsink 2>&1)
[[ $said == *'/var/lib/private/holdpoint-auditsink is kept'* ]] || fail "the purge says nothing of the spool: $said"
machine_run test -s /var/lib/private/holdpoint-auditsink/spool.db || fail "the spool is gone"
say passed
