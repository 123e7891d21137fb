# SPDX-License-Identifier: Apache-2.0
# A Debian of its own for tests of the packages: made by debootstrap, once, and kept as a tarball with
# what the packages depend on; each test has its own copy, which nothing outside is reached from.
# Sourced; expects `set -euo pipefail`, root, and HOLDPOINT_BUILD, the build folder that is packaged.
#
#   machine_begin                  # or exits with 77 and the reason
#   machine_pack REVISION          # packages of that revision, in $machine_packages/REVISION
#   machine_run COMMAND...         # in the machine, as root
#   machine_boot; machine_halt     # with systemd in charge of it: machine_run enters it from then on
#   machine_end                    # from the EXIT trap

# shellcheck source=../../dev.d/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../../dev.d/lib.sh"

machine_skip() {
  say "skipped: $*"
  exit 77
}

machine_begin() {
  local tool
  ((EUID == 0)) || machine_skip "needs root, for debootstrap and a machine of its own"
  for tool in debootstrap cpack dpkg-shlibdeps; do
    command -v "$tool" >/dev/null || machine_skip "needs $tool; ./dev packages installs it"
  done
  machine_dir=$(mktemp -d /tmp/holdpoint-machine.XXXXXX)
  machine_root=$machine_dir/root machine_packages=$machine_dir/packages machine_pid=''
  machine_pack 1
  machine_base
  mkdir "$machine_root"
  tar -xf "$machine_tarball" -C "$machine_root"
  cp -r "$machine_packages" "$machine_root/root/packages"
}

# The same sources make the same packages: the time in them is that of the version's file.
machine_pack() {
  (cd "$HOLDPOINT_BUILD" && SOURCE_DATE_EPOCH=$(stat -c %Y "$root/VERSION") cpack -B "$machine_packages/$1" \
    -D CPACK_OUTPUT_FILE_PREFIX= -D "CPACK_DEBIAN_PACKAGE_RELEASE=$1") >"$machine_dir/cpack.log" 2>&1 ||
    { tail -n 20 "$machine_dir/cpack.log" >&2 && die "cpack failed"; }
  rm -rf "$machine_packages/$1/_CPack_Packages"
}

# machine_base: $machine_tarball, for this release of Debian and these dependencies.
machine_base() {
  local depends codename mirror
  depends=$(for file in "$machine_packages"/1/*.deb; do dpkg-deb -f "$file" Depends; done |
    tr ',' '\n' | sed -E 's/[ |(].*//2; s/^ *//; s/ .*//' | sort -u | paste -sd,)
  codename=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
  machine_tarball=$cache/machine/$codename-$(sha256sum <<<"$depends" | cut -c1-16).tar
  [[ -e $machine_tarball ]] && return
  # shellcheck disable=SC2016
  mirror=$(apt-get indextargets --format '$(REPO_URI)' "Release: $codename" | head -n 1)
  mkdir -p "$cache/machine"
  debootstrap --variant=minbase --include="systemd,curl,$depends" "$codename" "$machine_dir/base" \
    "${mirror:-http://deb.debian.org/debian}" >"$machine_dir/debootstrap.log" 2>&1 ||
    machine_skip "debootstrap could not make a Debian: $(tail -n 1 "$machine_dir/debootstrap.log")"
  rm -rf "$machine_dir"/base/var/cache/apt/archives/*.deb "$machine_dir"/base/var/lib/apt/lists/*
  tar -cf "$machine_tarball.$$" -C "$machine_dir/base" .
  mv "$machine_tarball.$$" "$machine_tarball"
  rm -rf "$machine_dir/base"
}

machine_run() {
  if [[ $machine_pid ]]; then
    nsenter -t "$machine_pid" -m -p -u -i -n -C -r -w -- env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 \
      ASAN_OPTIONS=detect_leaks=0 "$@"
  else
    unshare --mount --pid --fork --root="$machine_root" --mount-proc -- env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 \
      ASAN_OPTIONS=detect_leaks=0 "$@"
  fi
}

# A root of its own, not a chroot: in one, nobody may make user namespaces, which PrivateUsers= does.
machine_boot() {
  mkdir -p "$machine_root/etc/systemd/journald.conf.d"
  printf '[Journal]\nReadKMsg=no\nStorage=volatile\n' >"$machine_root/etc/systemd/journald.conf.d/test.conf"
  machine_cgroup_make
  # shellcheck disable=SC2016
  setpriv --pdeathsig=KILL -- sh -ec 'echo $$ >"$1" && shift && exec "$@"' sh "$machine_cgroup/cgroup.procs" \
    unshare --mount --pid --fork --kill-child --uts --ipc --net --cgroup -- sh -ec '
    mount --make-rprivate /
    mount --bind "$1" "$1"
    cd "$1"
    mount -t proc proc proc
    # The settings of the kernel are those of all of us.
    mount --bind proc/sys proc/sys
    mount -o remount,bind,ro proc/sys
    mount -t tmpfs tmpfs run
    mount -t tmpfs tmpfs tmp
    mount -t sysfs -o ro sysfs sys
    mount -t cgroup2 cgroup2 sys/fs/cgroup
    ip link set lo up
    mkdir run/outside
    pivot_root . run/outside
    umount -l /run/outside
    exec env -i container=test PATH=/usr/sbin:/usr/bin /lib/systemd/systemd --unit=basic.target --show-status=no
  ' sh "$machine_root" >"$machine_dir/boot.log" 2>&1 </dev/null &
  machine_unshare=$!
  machine_wait_for_boot
}

# What systemd makes in it goes with it.
machine_cgroup_make() {
  local mount
  mount=$(findmnt -n -t cgroup2 -o TARGET | head -n 1)
  machine_cgroup=${mount:-/nonexistent}$(sed -n 's/^0:://p' /proc/self/cgroup)/holdpoint-machine-$$
  mkdir "$machine_cgroup" 2>/dev/null || machine_skip "needs a cgroup of its own, and cannot make $machine_cgroup"
}

machine_wait_for_boot() {
  local deadline=$((SECONDS + 30)) state=''
  while ((SECONDS < deadline)) && kill -0 "$machine_unshare" 2>/dev/null; do
    machine_pid=$(pgrep -P "$machine_unshare" | head -n 1 || true)
    if [[ $machine_pid && $(readlink "/proc/$machine_pid/exe" || true) == */systemd ]]; then
      state=$(machine_run systemctl is-system-running 2>/dev/null || true)
      [[ $state != running && $state != degraded ]] || return 0
    fi
    sleep 0.2
  done
  machine_halt
  machine_skip "systemd does not start in namespaces here: ${state:-$(tail -n 1 "$machine_dir/boot.log")}"
}

machine_halt() {
  # With its first process all others of the machine end, before unshare does.
  [[ -z ${machine_unshare:-} ]] || kill -KILL "${machine_pid:-$machine_unshare}" 2>/dev/null || true
  [[ -z ${machine_unshare:-} ]] || wait "$machine_unshare" 2>/dev/null || true
  [[ ! -d ${machine_cgroup:-} ]] || find "$machine_cgroup" -depth -type d -exec rmdir {} \; 2>/dev/null || true
  machine_unshare='' machine_pid=''
}

machine_end() {
  local rc=$?
  trap - EXIT
  set +e
  if ((rc != 0 && rc != 77)) && [[ $machine_pid ]]; then
    machine_run journalctl --no-pager -n 30 -u 'holdpoint-*' | cut -c1-400 >&2
  fi
  machine_halt
  rm -rf "${machine_dir:-/nonexistent}"
  exit "$rc"
}

step_is() { machine_step=$* && say "- $*"; }

fail() {
  note "FAILED at ${machine_step:-the start}: $*"
  exit 1
}

# equals EXPECTED ACTUAL WHAT
equals() { [[ $2 == "$1" ]] || fail "$3: expected '$1', got '$2'"; }
