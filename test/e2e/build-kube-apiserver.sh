#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# usage: test/e2e/build-kube-apiserver.sh
#
# Makes a real kube-apiserver for the end-to-end tests and prints its path. With KUBEBUILDER_ASSETS
# set it is that folder's one. Otherwise it is built once from Debian's own source package
# `kubernetes` and kept in ${XDG_CACHE_HOME:-~/.cache}/holdpoint/. Nothing outside the cache is
# changed but for the Debian packages the build needs; /etc/apt is read, never written.
set -euo pipefail
# shellcheck source=SCRIPTDIR/../../dev.d/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../../dev.d/lib.sh"
# shellcheck source=SCRIPTDIR/../../dev.d/apt.sh
source "$root/dev.d/apt.sh"

main() {
  if [[ -n ${KUBEBUILDER_ASSETS:-} ]]; then
    [[ -x $KUBEBUILDER_ASSETS/kube-apiserver ]] ||
      die "KUBEBUILDER_ASSETS=$KUBEBUILDER_ASSETS holds no executable kube-apiserver"
    say "$KUBEBUILDER_ASSETS/kube-apiserver"
    return
  fi
  local binary=$cache/kube-apiserver-debian12
  mkdir -p "$cache"
  exec 8>"$cache/kube-apiserver.lock"
  flock -n 8 || step "Wait for another build of kube-apiserver" flock 8
  [[ -x $binary ]] || build "$binary"
  say "$binary"
}

build() {
  local target=$1
  apt_install "Install what builds kube-apiserver" golang-go rsync make dpkg-dev ca-certificates
  work=$(mktemp -d "$cache/build.XXXXXX")
  # Go's module and build caches are read-only trees: make them removable first.
  trap 'chmod -R u+w "$work" 2>/dev/null; rm -rf "$work"' EXIT
  step "Fetch the source of kube-apiserver" fetch
  step "Unpack the source of kube-apiserver" unpack
  # shellcheck disable=SC2317
  progress_of() { built_of "$1"; }
  step "Build kube-apiserver (once, about five minutes)" compile
  unset -f progress_of
  install -m 0755 "$work/kube-apiserver" "$target.new"
  mv "$target.new" "$target"
}

fetch() {
  apt_private "$work/apt" deb-src
  mkdir -p "$work/src" "$work/debs"
  # One source of several may lack Sources files: what counts is that the package is found.
  apt-get update -q || true
  (cd "$work/src" && apt-get source -q --download-only kubernetes)
  (cd "$work/debs" && unset APT_CONFIG && apt-get download -q golang-github-modern-go-reflect2-dev)
}

# The tree goes where Go before modules wants it. Its vendored reflect2 1.0.1 reads Go's map layout
# in a way that crashes since Go 1.18; Debian's package of the same library has the mended one.
unpack() {
  local tree=$work/go/src/k8s.io/kubernetes reflect2=github.com/modern-go/reflect2
  mkdir -p "${tree%/*}"
  dpkg-source --no-check -x "$work"/src/kubernetes_*.dsc "$tree"
  dpkg-deb -x "$work"/debs/golang-github-modern-go-reflect2-dev_*.deb "$work/debs/x"
  rm -rf "${tree:?}/vendor/$reflect2"
  cp -r "$work/debs/x/usr/share/gocode/src/$reflect2" "$tree/vendor/$reflect2"
  rm -f "$tree/vendor/$reflect2"/*_test.go
  local version
  version=$(dpkg-parsechangelog -l "$tree/debian/changelog" -S Version | sed -E 's/.*really//; s/-.*//')
  cat >"$work/version" <<VERSION
KUBE_GIT_COMMIT=0000000000000000000000000000000000000000
KUBE_GIT_TREE_STATE=archive
KUBE_GIT_VERSION=v$version
KUBE_GIT_MAJOR=${version%%.*}
KUBE_GIT_MINOR=$(cut -d. -f2 <<<"$version")
VERSION
}

compile() {
  cd "$work/go/src/k8s.io/kubernetes"
  export GOPATH=$work/go GOCACHE=$work/gocache GO111MODULE=off GOFLAGS='' GOTOOLCHAIN=local
  export KUBE_GIT_VERSION_FILE=$work/version CGO_ENABLED=0 KUBE_BUILD_PLATFORMS='' TMPDIR=$work
  unset MAKEFLAGS MAKELEVEL GOROOT GOBIN
  make WHAT=cmd/kube-apiserver GOFLAGS=-v GOGCFLAGS= GOLDFLAGS='-s -w'
  local built=_output/local/go/bin/kube-apiserver
  [[ -x $built ]] || built=_output/bin/kube-apiserver
  install -m 0755 "$built" "$work/kube-apiserver"
  "$work/kube-apiserver" --version
}

# `go build -v` names each package it has compiled: the generators' 700 or so, then the server's.
built_of() {
  local done_count total=1700
  done_count=$(grep -cE '^[a-z0-9.-]+(/[A-Za-z0-9._-]+)+$' "$1" || true)
  printf '%d %%' $((done_count >= total ? 99 : done_count * 100 / total))
}

main
