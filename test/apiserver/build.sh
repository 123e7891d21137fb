#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# usage: test/apiserver/build.sh
#
# Makes the API server of this folder, of today's Kubernetes, and prints the folder that has it as
# `kube-apiserver`, with `kubectl` of the same version where that runs here. Its libraries, and the Go
# that compiles them, are in Debian's suite unstable only: they are downloaded through an apt of our
# own, with the machine's mirror, and unpacked into ${XDG_CACHE_HOME:-~/.cache}/holdpoint/unstable.
# Nothing is installed, nothing outside the cache is changed. Once made, it is kept until the sources
# here change.
#
# Packages of unstable come and go. When it cannot be had the reason is printed and the exit code is 77,
# by which ctest knows a test that is skipped; it is tried again after a day, or after
#   rm -r ~/.cache/holdpoint/unstable
set -euo pipefail
# shellcheck source=SCRIPTDIR/../../dev.d/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../../dev.d/lib.sh"
# shellcheck source=SCRIPTDIR/../../dev.d/apt.sh
source "$root/dev.d/apt.sh"

here=$root/test/apiserver base=$cache/unstable skip=77
tree=$base/root

main() {
  local made
  made=$base/apiserver-$(cat "$here"/*.go "$here/build.sh" "$here/packages.txt" | sha256sum | cut -c1-12)
  mkdir -p "$base"
  exec 9>"$base/lock"
  flock -n 9 || step "Wait for another build of the test API server" flock 9
  [[ -x $made/kube-apiserver ]] || make "$made"
  find "$base" -maxdepth 1 -name 'apiserver-*' -mtime +30 ! -path "$made*" -exec rm -rf {} +
  say "$made"
}

make() {
  local made=$1
  if [[ $(find "$made.reason" -mmin -1440 2>/dev/null) ]]; then cannot "$(<"$made.reason")"; fi
  work=$(mktemp -d "$base/work.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  failure_of() { tail -n 5 "$1"; }
  if [[ ! -d $tree ]]; then
    step "Fetch Kubernetes' libraries and Go from unstable (90 MB)" fetch ||
      cannot "Debian's unstable, or packages that it had, cannot be had from this machine's mirror"
    step "Unpack Kubernetes' libraries and Go" unpack || cannot "the packages cannot be unpacked"
    mv "$work/root" "$tree"
  fi
  step "Build the test API server $(version) (once, some minutes)" compile ||
    cannot "it does not compile with the libraries of today's unstable ($(version))"
  rm -rf "$made" && mv "$work/made" "$made"
}

# cannot REASON: said, kept for the next ones who ask, and no failure.
cannot() {
  [[ -s $made.reason ]] || printf '%s\n' "$1" >"$made.reason"
  note "skipped: no modern API server: $1"
  exit $skip
}

fetch() {
  local packages go
  apt_private "$work/apt" deb unstable
  apt-get update -q
  mapfile -t packages <"$here/packages.txt"
  go=$(apt-cache depends golang-go | sed -nE 's/^ *Depends: (golang-[0-9.]+)-go$/\1/p')
  [[ $go ]] || die "unstable has no golang-go"
  mkdir "$work/debs" && cd "$work/debs"
  apt-get download -q "${packages[@]}" "$go-go" "$go-src" kubectl
}

# What builds need, and which versions there were. Tests and their data are a quarter of it.
unpack() {
  local deb
  mkdir "$work/root"
  for deb in "$work"/debs/*.deb; do dpkg-deb -x "$deb" "$work/root"; done
  (cd "$work/debs" && printf '%s\n' *.deb) >"$work/root/packages"
  rm -rf "$work/root/usr/share/doc" "$work/root/usr/share/man" "$work/root"/usr/share/go-*/test
  find "$work/root/usr/share/gocode" \( -name testdata -prune -o -name '*_test.go' \) -exec rm -rf {} +
}

# v1.36.4, say: Kubernetes' libraries are 0.36.4 then.
version() { sed -nE 's/^golang-k8s-apiserver-dev_0\.([0-9]+\.[0-9]+).*/v1.\1/p' "$tree/packages"; }

compile() {
  local go version minor
  go=$(echo "$tree"/usr/lib/go-*/bin/go)
  version=$(version) && minor=${version#v1.} && minor=${minor%%.*}
  cd "$here"
  unset GOROOT GOBIN
  export GO111MODULE=off GOPATH=$tree/usr/share/gocode GOCACHE=$base/gocache GOFLAGS='' GOTOOLCHAIN=local
  export CGO_ENABLED=0 GOMEMLIMIT=1GiB GOTMPDIR=$work
  mkdir "$work/made"
  local set="-X k8s.io/component-base/version"
  "$go" build -p 2 -trimpath -o "$work/made/kube-apiserver" -ldflags \
    "-s -w $set.gitVersion=$version $set.gitMajor=1 $set.gitMinor=$minor $set.gitTreeState=archive" .
  "$work/made/kube-apiserver" --help >/dev/null
  # Linked against a libc that may be newer than this machine's.
  if "$tree/usr/bin/kubectl" version --client; then ln "$tree/usr/bin/kubectl" "$work/made/"; fi
}

main
