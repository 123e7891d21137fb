#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The Debian packages, from nothing to nothing: what lintian says of them, installed, tried, upgraded,
# removed and purged in a Debian of their own. What an administrator wrote stays as long as it should.
set -euo pipefail
source "$(dirname "$0")/machine.sh"
trap machine_end EXIT
machine_begin

digests() { (cd "$machine_packages/$1" && sha256sum ./*.deb); }
# shellcheck disable=SC2016
status_of() { machine_run dpkg-query -W -f '${db:Status-Abbrev}' "$1" | tr -d ' '; }
# shellcheck disable=SC2016
version_of() { machine_run dpkg-query -W -f '${Version}' "$1"; }
mode_of() { machine_run stat -c '%a %U:%G' "$1"; }

step_is "the same sources make the same packages"
before=$(digests 1)
machine_pack 1
equals "$before" "$(digests 1)" "packages made twice"

step_is "lintian"
if command -v lintian >/dev/null; then
  lintian --allow-root --fail-on error,warning "$machine_packages"/1/*.deb || fail "lintian complains"
else
  say "  not asked: it is not installed (./dev packages installs it)"
fi

step_is "install"
machine_run sh -c 'dpkg -i /root/packages/1/*.deb' >"$machine_dir/dpkg.log" 2>&1 || fail "$(<"$machine_dir/dpkg.log")"
for package in holdpoint holdpoint-webhook holdpoint-auditsink; do
  equals ii "$(status_of $package)" "$package"
  machine_run "$package" --version | grep -qx "$package $(<"$root/VERSION")" || fail "$package --version"
  [[ -s $machine_root/usr/share/doc/$package/copyright ]] || fail "$package has no copyright"
done
for short in webhook auditsink; do
  equals "600 root:root" "$(mode_of /etc/holdpoint/$short.env)" "settings, which may hold a password"
  equals "2750 root:_holdpoint-$short" "$(mode_of /etc/holdpoint/$short)" "folder of keys"
  [[ ! -e $machine_root/etc/systemd/system/multi-user.target.wants/holdpoint-$short.service ]] ||
    fail "holdpoint-$short is started before it has settings"
  said=$(machine_run systemd-analyze verify --man=no "holdpoint-$short.service" 2>&1) || fail "verify: $said"
  equals '' "$said" "what systemd says of holdpoint-$short.service"
done

step_is "what is installed works from where it is"
library=/usr/share/holdpoint/policy/library
machine_run holdpoint policy test "$library/tests" /usr/share/doc/holdpoint/examples/tests >/dev/null || fail "policy test"
machine_run sh -c "cp $library/agents/*.yaml /etc/holdpoint/policies/ && holdpoint policy check /etc/holdpoint/policies" >/dev/null ||
  fail "policy check"
machine_run /usr/share/holdpoint/manifests/apiserver/render --to /root/rendered --kubernetes-version 1.36 \
  --authorizer-url https://192.0.2.1 >/dev/null ||
  fail "manifests/apiserver/render"
machine_run test -s /root/rendered/authorization.yaml || fail "render wrote no authorization.yaml"
machine_run kubectl-holdpoint --help | grep -q '^Usage: kubectl holdpoint' || fail "kubectl-holdpoint"
for file in bash-completion/completions/{holdpoint,kubectl-holdpoint} zsh/vendor-completions/_holdpoint \
  fish/vendor_completions.d/{holdpoint,kubectl-holdpoint}.fish; do
  machine_run test -s "/usr/share/$file" || fail "/usr/share/$file is not there, or empty"
done
[[ $(machine_run kubectl_complete-holdpoint lis) == list* ]] || fail "kubectl's completions"
# Without a database it gets as far as asking for one: the migrations are found.
said=$(machine_run holdpoint db migrate --database-url postgresql://x@127.0.0.1:1/x 2>&1 || true)
[[ $said == *'127.0.0.1'*'refused'* ]] || fail "holdpoint db migrate: $said"

step_is "upgrade: settings and keys stay"
machine_run sh -c 'echo HOLDPOINT_CLUSTER=ours >>/etc/holdpoint/webhook.env
  echo key >/etc/holdpoint/webhook/tls.key && chmod 0640 /etc/holdpoint/webhook/tls.key && chmod 2710 /etc/holdpoint/webhook'
machine_pack 2
cp -r "$machine_packages/2" "$machine_root/root/packages/"
machine_run sh -c 'dpkg -i /root/packages/2/*.deb </dev/null' >"$machine_dir/dpkg.log" 2>&1 || fail "$(<"$machine_dir/dpkg.log")"
equals "$(<"$root/VERSION")-2" "$(version_of holdpoint-webhook)" "version"
grep -qx HOLDPOINT_CLUSTER=ours "$machine_root/etc/holdpoint/webhook.env" || fail "the settings are gone"
equals "2710 root:_holdpoint-webhook" "$(mode_of /etc/holdpoint/webhook)" "a mode that somebody chose"
equals "640 root:_holdpoint-webhook" "$(mode_of /etc/holdpoint/webhook/tls.key)" "a key that somebody put there"

step_is "remove: settings stay"
machine_run dpkg -r holdpoint holdpoint-webhook holdpoint-auditsink >/dev/null 2>&1
equals rc "$(status_of holdpoint-webhook)" "holdpoint-webhook"
[[ ! -e $machine_root/usr/sbin/holdpoint-webhook && -e $machine_root/etc/holdpoint/webhook.env ]] || fail "what stays"

step_is "install again, then purge: keys and policies are kept, and named"
machine_run sh -c 'dpkg -i /root/packages/2/*.deb </dev/null' >/dev/null 2>&1 || fail "install again"
grep -qx HOLDPOINT_CLUSTER=ours "$machine_root/etc/holdpoint/webhook.env" || fail "the settings are gone"
said=$(machine_run dpkg -P holdpoint holdpoint-webhook holdpoint-auditsink 2>&1)
for folder in /etc/holdpoint/webhook /etc/holdpoint/policies; do
  [[ $said == *"holdpoint-webhook: $folder is kept"* ]] || fail "the purge does not say that $folder is kept: $said"
done
equals "policies webhook" "$(cd "$machine_root/etc/holdpoint" && echo *)" "what is left in /etc/holdpoint"
left=$(find "$machine_root/usr" -name '*holdpoint*')
equals '' "$left" "what is left of the packages"
say passed
