# SPDX-License-Identifier: Apache-2.0
# What every part of ./dev, and every script of the tests, needs: where things are, how to speak,
# how to become root, and how to run something long without leaving a person in the dark.
# Sourced, never run. Expects `set -euo pipefail` of its caller.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
state=$root/.dev
cache=${XDG_CACHE_HOME:-$HOME/.cache}/holdpoint

say() { printf '%s\n' "$*"; }
note() { printf '%s\n' "$*" >&2; }
die() {
  note "${0##*/}: $*"
  exit 1
}

# takes_nothing NAME ARGS...: a command that has no arguments refuses them, before it begins.
takes_nothing() { (($# == 1)) || die "$1: takes no arguments, but got: ${*:2}"; }

# as_root COMMAND...: as it is when we are root, through sudo otherwise.
as_root() {
  if ((EUID == 0)); then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    die "needs root for: $* (run it as root, or install sudo)"
  fi
}

# step LABEL COMMAND...: runs COMMAND with its output in .dev/log/<label>.log and one line on the
# screen: on a terminal it counts seconds in place, elsewhere it says something every 15 seconds.
# Two functions may be defined by the caller for that time: what `progress_of LOGFILE` prints (say
# "42 %") is shown beside the seconds, and what `failure_of LOGFILE` prints is shown in place of the
# log's end when COMMAND fails.
step() {
  local label=$1 log started=$SECONDS rc=0 pid shown=0
  shift
  log=$(step_log "$label")
  mkdir -p "${log%/*}"
  # In a process group of its own: when we are interrupted, all of it goes.
  set -m
  "$@" >"$log" 2>&1 </dev/null &
  pid=$!
  set +m
  trap 'kill -TERM -- "-$pid" 2>/dev/null; note; exit 130' INT TERM
  while kill -0 "$pid" 2>/dev/null; do
    if ((SECONDS - started >= 2)); then
      step_show "$label" "$log" $((SECONDS - started)) shown
    fi
    sleep 0.2
  done
  wait "$pid" || rc=$?
  trap - INT TERM
  [[ -t 2 ]] && printf '\r\033[K' >&2
  if ((rc)); then
    note "FAILED $label after $((SECONDS - started)) s; the end of $log:"
    if declare -F failure_of >/dev/null; then failure_of "$log" >&2; else tail -n 40 "$log" >&2; fi
    return "$rc"
  fi
  note "ok     $label ($((SECONDS - started)) s)"
}

# step_log LABEL: where the output of that step is.
step_log() { printf '%s/log/%s.log\n' "$state" "$(tr -cs 'a-z0-9\n' - <<<"${1,,}" | sed 's/-$//')"; }

step_show() {
  local label=$1 log=$2 elapsed=$3 more=
  local -n last=$4
  declare -F progress_of >/dev/null && more=", $(progress_of "$log")"
  if [[ -t 2 ]]; then
    printf '\r\033[K...    %s (%d s%s)' "$label" "$elapsed" "$more" >&2
  elif ((elapsed - last >= 15)); then
    last=$elapsed
    note "...    $label ($elapsed s$more)"
  fi
}

# apt_missing PACKAGE...: prints those that are not installed; of "a|b" the first when neither is.
apt_missing() {
  local package
  for package; do
    dpkg-query -W -f '${db:Status-Status}\n' ${package//|/ } 2>/dev/null | grep -qx installed ||
      printf '%s\n' "${package%%|*}"
  done
}

# apt_install LABEL PACKAGE...: installs what is missing, and only that. Lists are refreshed when
# they do not know a package; nothing is started, nothing is asked, nothing is removed for it, and
# nothing that is merely recommended comes along.
apt_install() {
  local label=$1 missing
  shift
  mapfile -t missing < <(apt_missing "$@")
  ((${#missing[@]})) || return 0
  note "       $label: ${missing[*]}"
  # Asked for here, if it must be: below, nobody would see the question.
  ((EUID == 0)) || ! command -v sudo >/dev/null || sudo -v
  if ! apt-get install -s --no-install-recommends "${missing[@]}" >/dev/null 2>&1; then
    step "Refresh the package lists" as_root apt-get update -q
  fi
  step "$label" as_root sh -c "$apt_install_quietly" sh "${missing[@]}"
}

# A package that brings a service would start it: PostgreSQL and etcd are wanted as programs only.
apt_install_quietly='
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  trap "rm -f $policy" EXIT
  printf "#!/bin/sh\nexit 101\n" >"$policy"
  chmod 0755 "$policy"
fi
DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends --no-remove \
  -o DPkg::Lock::Timeout=300 "$@" </dev/null
'
