# SPDX-License-Identifier: Apache-2.0
# Every Debian package that the project asks for, in one place, by what it is needed for.
# "a|b" means that either will do.

packages_build=(
  gcc g++ libc6-dev cmake ninja-build pkg-config
  libmicrohttpd-dev libgnutls28-dev libssl-dev
  "libcurl4-openssl-dev|libcurl4-gnutls-dev" libpq-dev libyaml-dev libre2-dev libsqlite3-dev tzdata
  zlib1g-dev liblz4-dev libzstd-dev check
)
packages_run=(postgresql-15 openssl curl jq ca-certificates util-linux procps iproute2)
packages_cluster=() # see packages_for_cluster
packages_fmt=(clang-format)
packages_lint=(clang-format clang-tidy shellcheck git)
packages_fuzz=(clang libclang-rt-14-dev llvm-14)
packages_coverage=(gcovr)
packages_dist=(git)
packages_packages=(dpkg-dev file lintian debootstrap systemd)

# What a real Kubernetes API needs: nothing where KUBEBUILDER_ASSETS brings it all. What builds
# kube-apiserver is asked for by test/e2e/build-kube-apiserver.sh, when it must; test/apiserver/build.sh
# installs nothing.
packages_for_cluster() {
  local assets=${KUBEBUILDER_ASSETS:-/nonexistent}
  packages_cluster=()
  [[ -x $assets/etcd ]] || command -v etcd >/dev/null || packages_cluster+=(etcd-server)
  [[ -x $assets/kubectl ]] || command -v kubectl >/dev/null || packages_cluster+=(kubernetes-client)
}
