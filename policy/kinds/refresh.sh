#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# usage: policy/kinds/refresh.sh
#
# Writes kinds_table_internal.h anew: the fields of Kubernetes' kinds, from the Go types that the API server of
# test/apiserver is made of. Run it when Kubernetes has a new version there.
set -euo pipefail
# shellcheck source=SCRIPTDIR/../../dev.d/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../../dev.d/lib.sh"

here=$root/policy/kinds tree=$cache/unstable/root
bash "$root/test/apiserver/build.sh" >/dev/null
version=$(sed -nE 's/^golang-k8s-api-dev_0\.([0-9]+).*/1.\1/p' "$tree/packages")
out=$(mktemp)
trap 'rm -f "$out"' EXIT
{
  printf '/* SPDX-License-Identifier: Apache-2.0 */\n'
  printf '/* clang-format off */\n'
  printf '/* Made by refresh.sh of the Go types of Kubernetes %s: see kinds.c. A field is NAME, or NAME= and the\n' "$version"
  printf ' * type of what it is (TYPE), a list ([TYPE) or map ({TYPE) of. To be included more than once. */\n'
  printf '#ifndef RESOURCE\n#define RESOURCE(group, resource, type)\n#endif\n'
  printf '#ifndef TYPE\n#define TYPE(name, fields)\n#endif\n'
  cd "$here"
  unset GOROOT GOBIN
  GO111MODULE=off GOPATH=$tree/usr/share/gocode GOCACHE=$cache/unstable/gocache GOFLAGS='' GOTOOLCHAIN=local \
    CGO_ENABLED=0 "$(echo "$tree"/usr/lib/go-*/bin/go)" run -p 2 kinds.go
  printf '#undef RESOURCE\n#undef TYPE\n'
} >"$out"
mv "$out" "$here/kinds_table_internal.h"
chmod 644 "$here/kinds_table_internal.h"
trap - EXIT
