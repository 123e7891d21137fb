#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# manifests/apiserver/render: what API servers of each version are given, and what is refused.
set -euo pipefail
cd "$HOLDPOINT_SOURCE_DIR"
folder=$(mktemp -d /tmp/holdpoint-render.XXXXXX)
trap 'rm -rf "$folder"' EXIT
failed=0
to=$folder/out
ca=$folder/ca.crt
echo "a certificate" >"$ca"

wrong() {
  printf 'render %s: %s\n' "$command_line" "$1" >&2
  failed=1
}
# run EXIT ARGS...: into an empty folder; standard error in $folder/err.
run() {
  local expected=$1 code=0
  shift
  command_line=$*
  rm -rf "$to"
  HOLDPOINT=$HOLDPOINT_BIN/holdpoint manifests/apiserver/render --to "$to" "$@" 2>"$folder/err" || code=$?
  [[ $code == "$expected" ]] || wrong "exit code $code, expected $expected: $(<"$folder/err")"
}
has() { grep -qE -- "$2" "$to/$1" 2>/dev/null || wrong "$1 has nothing like: $2"; }
lacks() { if grep -qE -- "$2" "$to/$1" 2>/dev/null; then wrong "$1 has: $2"; fi; }
is_not_there() { if [[ -e $to/$1 ]]; then wrong "$1 is there"; fi; }
complains() { grep -qE -- "$1" "$folder/err" || wrong "says nothing like: $1"; }
address=(--webhook-url https://10.0.0.9:8443)

# ---- each version is given what it reads ----
for minor in 30 31 32 33 34 36; do
  run 0 "${address[@]}" --kubernetes-version "1.$minor"
  api=v1
  if ((minor < 32)); then api=v1beta1; fi
  has authorization.yaml "^apiVersion: apiserver.config.k8s.io/$api\$"
  if ((minor < 34)); then
    lacks authorization.yaml 'cacheAuthorizedRequests'
    has authorization.yaml 'authorizedTTL: 1ns'
  else
    has authorization.yaml 'cacheAuthorizedRequests: false'
  fi
  has kube-apiserver.flags 'In place of --authorization-mode'
  has kube-apiserver.flags '^--authorization-config=/etc/kubernetes/holdpoint/authorization.yaml'
  has kube-apiserver.flags "until its matchConditions"
done
run 0 "${address[@]}" --kubernetes-version 1.20 --ca-file "$ca"
is_not_there authorization.yaml
has kube-apiserver.flags '^--authorization-mode=Webhook,Node,RBAC'
has kube-apiserver.flags "'direct' believes whoever"
has registration/validate.yaml 'op: remove, path: /webhooks/0/matchConditions'
run 0 "${address[@]}" --kubernetes-version 1.28 --ca-file "$ca"
lacks registration/validate.yaml 'matchConditions'

# ---- an address that a node can resolve ----
run 0
complains 'give --authorizer-url'
is_not_there authorization.yaml
is_not_there authorization-webhook.kubeconfig
has kube-apiserver.flags 'guard nothing'
has kube-apiserver.flags "'direct' does no more than"
run 2 --authorizer-url https://holdpoint-webhook.holdpoint-system.svc
complains 'resolve no Service names'
run 0 --authorizer-url https://10.96.0.50
has authorization-webhook.kubeconfig 'server: https://10.96.0.50/authorize'
has authorization-webhook.kubeconfig 'tls-server-name: holdpoint-webhook.holdpoint-system.svc$'
run 0 "${address[@]}"
has authorization-webhook.kubeconfig 'server: https://10.0.0.9:8443/authorize'
lacks authorization-webhook.kubeconfig 'tls-server-name'

# ---- the subjects of the policies ----
run 0 "${address[@]}" --policy policy/library/identity-laundering.yaml --kubernetes-version v1.31.4 --dir /etc/hp
has authorization.yaml '^apiVersion: apiserver.config.k8s.io/v1beta1$'
has authorization.yaml "'ci' in request.groups"
has authorization.yaml 'kubeConfigFile: /etc/hp/authorization-webhook.kubeconfig'
run 1 "${address[@]}" --policy "$folder/nothing"

# ---- static manifests ----
run 0 "${address[@]}" --ca-file "$ca" --static --kubernetes-version 1.36
is_not_there registration
has admission-control.yaml 'staticManifestsDir: /etc/kubernetes/holdpoint/static/validating'
has admission-control.yaml 'staticManifestsDir: /etc/kubernetes/holdpoint/static/mutating'
for kind in validating mutating; do
  has "static/$kind/holdpoint.yaml" '^  name: holdpoint.static.k8s.io$'
  has "static/$kind/holdpoint.yaml" "caBundle: $(base64 -w0 "$ca")"
  lacks "static/$kind/holdpoint.yaml" 'service:'
done
has static/validating/holdpoint.yaml 'url: https://10.0.0.9:8443/validate$'
has static/mutating/holdpoint.yaml 'url: https://10.0.0.9:8443/mutate$'
has static/validating/holdpoint.yaml 'namespaces.holdpoint.dev'
lacks static/validating/holdpoint.yaml 'Mutating'
has kube-apiserver.flags '^--feature-gates=ManifestBasedAdmissionControlConfig=true'
run 2 "${address[@]}" --ca-file "$ca" --static --kubernetes-version 1.35
run 2 --ca-file "$ca" --static
run 2 "${address[@]}" --static
run 2 --kubernetes-version two
exit "$failed"
