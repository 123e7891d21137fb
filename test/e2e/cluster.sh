#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A real Kubernetes API for tests and for `./dev up --cluster`: etcd and kube-apiserver on free
# loopback ports, no nodes, no controllers. Everything lives in one folder and ends with its parent.
#
# Sourced (in the main shell, not in $(...): the servers die with the shell that started them):
#   source test/e2e/cluster.sh
#   cluster_start DIR [--webhook-url URL --sink-url URL --certs DIR] [--cluster NAME]
#                     [--audit-policy FILE] [--audit-log FILE] [--authorize [--authorization FILE]]
#                     [--static-manifests] [--detach]
#     --webhook-url, --sink-url  Holdpoint's daemons, running already (https://127.0.0.1:PORT);
#                    leave one out and the API server knows nothing of it
#     --certs        the folder of cert_stack (dev.d/certs.sh): ca.crt, apiserver.*, audit.*
#     --cluster      its name in Holdpoint's records (default "e2e"; certs must be made for it)
#     --audit-policy default test/e2e/audit-policy.yaml: everything
#     --audit-log    the API server also writes every event into this file by itself
#     --authorize    reads ask the webhook too (/authorize), those of the group ai-agents
#     --authorization  the AuthorizationConfiguration, where there is one (1.29): who is asked about
#                    (default as manifests/apiserver/render has it)
#     --static-manifests  the webhook configurations come from files (modern only); nothing is to be
#                    registered then
#     --detach       keeps running when the shell ends; cluster_stop DIR then stops it
#   cluster_register  registers the webhook configurations and waits until they are in force
#   cluster_stop DIR  from your own EXIT trap
#   as agent|ci|sre|admin|oidc|stranger ARGS...   kubectl as that identity:
#     agent  claude-code@agents.example.com   group ai-agents   cluster-admin by RBAC, so that
#     ci     deploy-bot@ci.example.com        group ci          it is Holdpoint that stops them
#     sre    alice@example.com                group sre
#     admin  admin                            group system:masters
#   and with a bearer token, as users of an identity provider come:
#     oidc      oidc:dana@corp.example.com    group sre
#     stranger  oidc:eve@corp.example.com     group guests  cluster-admin, and no approver
#   Kubeconfigs: DIR/kube/{agent,ci,sre,admin,oidc,stranger}.kubeconfig. Logs: DIR/etcd.log, DIR/apiserver.log.
#
# As a program, a shell in a bare cluster:  test/e2e/cluster.sh [COMMAND...]
#
# HOLDPOINT_APISERVER chooses the server:
#   stable  (the default) KUBEBUILDER_ASSETS when set; otherwise etcd and kubectl of Debian and the
#           kube-apiserver of test/e2e/build-kube-apiserver.sh (1.20)
#   modern  the one of test/apiserver, of today's Kubernetes. Where it cannot be had the reason is
#           printed, and the shell ends with 77: skipped.
# Versions from 1.20 on; what differs is asked of --help.

if [[ ${BASH_SOURCE[0]} == "$0" ]]; then set -euo pipefail; fi
# shellcheck source=../../dev.d/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../../dev.d/lib.sh"
# shellcheck source=../../dev.d/certs.sh
source "$root/dev.d/certs.sh"

# cluster_reader: makes the service account of manifests/base and its rights; its token is in
# $cluster_dir/reader.token, and the array cluster_reader_flags has what holdpoint-webhook needs.
cluster_reader() {
  "$cluster_kubectl" kustomize "$root/manifests/base" |
    awk -v RS='---\n' '/kind: (ServiceAccount|ClusterRole|ClusterRoleBinding|Namespace)\n/ {print "---"; print}' \
      >"$cluster_dir/reader.yaml"
  as admin apply -f "$cluster_dir/reader.yaml" >/dev/null
  printf '{"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": 86400}}' |
    as admin create -f - --raw /api/v1/namespaces/holdpoint-system/serviceaccounts/holdpoint-webhook/token |
    jq -r .status.token >"$cluster_dir/reader.token"
  [[ $(<"$cluster_dir/reader.token") == *.*.* ]] || die "no token of the webhook's service account"
  # shellcheck disable=SC2034 # for who starts the webhook
  cluster_reader_flags=(--kubernetes-api="$cluster_url" --kubernetes-ca-file="$cluster_dir/kube/cluster-ca.crt"
    --kubernetes-token-file="$cluster_dir/reader.token")
}

cluster_start() {
  cluster_dir=$1 cluster_webhook='' cluster_sink='' cluster_certs='' cluster_name=e2e
  cluster_audit_policy=$root/test/e2e/audit-policy.yaml cluster_audit_log='' cluster_authorize=0
  cluster_detach=0 cluster_static=0 cluster_authorization=''
  shift
  while (($#)); do
    case $1 in
      --authorize) cluster_authorize=1 && shift && continue ;;
      --detach) cluster_detach=1 && shift && continue ;;
      --static-manifests) cluster_static=1 && shift && continue ;;
      --webhook-url) cluster_webhook=$2 ;;
      --sink-url) cluster_sink=$2 ;;
      --certs) cluster_certs=$2 ;;
      --cluster) cluster_name=$2 ;;
      --audit-policy) cluster_audit_policy=$2 ;;
      --audit-log) cluster_audit_log=$2 ;;
      --authorization) cluster_authorization=$2 ;;
      *) die "cluster_start: unknown option $1" ;;
    esac
    shift 2
  done
  mkdir -p "$cluster_dir/holdpoint" "$cluster_dir/kube"
  cluster_find_binaries
  cluster_keys
  cluster_holdpoint_files
  if ((cluster_static)); then cluster_static_manifests; fi
  cluster_start_etcd
  cluster_start_apiserver
  cluster_roles
}

cluster_find_binaries() {
  local assets=${KUBEBUILDER_ASSETS:-}
  case ${HOLDPOINT_APISERVER:-stable} in
    stable) cluster_apiserver=$("$root/test/e2e/build-kube-apiserver.sh") ;;
    modern)
      assets=$("$root/test/apiserver/build.sh") || exit $?
      cluster_apiserver=$assets/kube-apiserver
      ;;
    *) die "HOLDPOINT_APISERVER=$HOLDPOINT_APISERVER: there are stable and modern" ;;
  esac
  cluster_etcd=${assets:+$assets/etcd} cluster_kubectl=${assets:+$assets/kubectl}
  [[ -x $cluster_etcd ]] || cluster_etcd=$(command -v etcd) ||
    die "no etcd: install the package etcd-server, or set KUBEBUILDER_ASSETS"
  [[ -x $cluster_kubectl ]] || cluster_kubectl=$(command -v kubectl) ||
    die "no kubectl: install the package kubernetes-client, or set KUBEBUILDER_ASSETS"
  cluster_flags=$("$cluster_apiserver" --help)
}

# The cluster's own authority, its API server, and who may log in.
cluster_keys() {
  local dir=$cluster_dir/kube
  cert_ca "$dir" cluster-ca "cluster $cluster_name"
  cert_issue "$dir" cluster-ca server serverAuth "/CN=kube-apiserver" \
    "IP:127.0.0.1,IP:10.0.0.1,DNS:localhost,DNS:kubernetes.default.svc"
  cert_issue "$dir" cluster-ca admin clientAuth "/O=system:masters/CN=admin"
  cert_issue "$dir" cluster-ca agent clientAuth "/O=ai-agents/CN=claude-code@agents.example.com"
  cert_issue "$dir" cluster-ca ci clientAuth "/O=ci/CN=deploy-bot@ci.example.com"
  cert_issue "$dir" cluster-ca sre clientAuth "/O=sre/CN=alice@example.com"
  [[ -s $dir/tokens.csv ]] || (umask 077 && cat >"$dir/tokens.csv") <<CSV
$(openssl rand -hex 16),oidc:dana@corp.example.com,1,"sre"
$(openssl rand -hex 16),oidc:eve@corp.example.com,2,"guests"
CSV
  [[ -s $dir/sa.key ]] || (umask 077 && openssl genpkey -algorithm EC \
    -pkeyopt ec_paramgen_curve:P-256 -out "$dir/sa.key" 2>/dev/null &&
    openssl pkey -in "$dir/sa.key" -pubout -out "$dir/sa.pub")
}

# The same files that an operator puts beside a kube-apiserver, from the same source.
cluster_holdpoint_files() {
  local to=$cluster_dir/holdpoint args=("$@")
  [[ $cluster_webhook ]] && args+=(--webhook-url "$cluster_webhook")
  [[ $cluster_sink ]] && args+=(--sink-url "$cluster_sink")
  if [[ $cluster_certs ]]; then
    (umask 077 && cp "$cluster_certs"/{ca.crt,apiserver.crt,apiserver.key,audit.crt,audit.key} "$to/")
    args+=(--ca-file "$to/ca.crt")
  fi
  "$root/manifests/apiserver/render" --to "$to" --dir "$to" --cluster "$cluster_name" "${args[@]}"
  cp "$cluster_audit_policy" "$to/audit-policy.yaml"
  [[ -z $cluster_authorization ]] || cp "$cluster_authorization" "$to/authorization.yaml"
}

# What would be registered, as files: a folder for each plugin, and the names that such files must have.
cluster_static_manifests() {
  local hp=$cluster_dir/holdpoint kind
  for kind in Validating Mutating; do
    mkdir -p "$hp/manifests/$kind"
    "$cluster_kubectl" kustomize "$hp/registration" | awk -v RS='---\n' -v kind="kind: $kind" '$0 ~ kind' |
      sed 's/^  name: holdpoint$/  name: holdpoint.static.k8s.io/' >"$hp/manifests/$kind/holdpoint.yaml"
    sed -i "/name: ${kind}AdmissionWebhook/,/kubeConfigFile/ s|^    kubeConfigFile:.*|&\n    staticManifestsDir: $hp/manifests/$kind|" \
      "$hp/admission-control.yaml"
  done
}

cluster_start_etcd() {
  local attempt args
  for attempt in 1 2 3 4 5; do
    cluster_etcd_url=http://127.0.0.1:$(free_port)
    args=(--data-dir "$cluster_dir/etcd" --listen-client-urls "$cluster_etcd_url"
      --advertise-client-urls "$cluster_etcd_url" --listen-peer-urls "http://127.0.0.1:0")
    # Nobody's data: a test's etcd need not wait for the disk.
    if "$cluster_etcd" --help 2>&1 | grep -q -- --unsafe-no-fsync; then args+=(--unsafe-no-fsync); fi
    cluster_spawn etcd "$cluster_etcd" "${args[@]}"
    cluster_wait etcd curl -fsS -o /dev/null --max-time 5 "$cluster_etcd_url/health" && return 0
  done
  tail -n 20 "$cluster_dir/etcd.log" >&2
  die "etcd did not start; its log is $cluster_dir/etcd.log"
}

cluster_start_apiserver() {
  local attempt args kube=$cluster_dir/kube
  for attempt in 1 2 3 4 5; do
    cluster_port=$(free_port)
    cluster_url=https://127.0.0.1:$cluster_port
    cluster_kubeconfigs
    cluster_apiserver_args
    cluster_spawn apiserver "$cluster_apiserver" "${args[@]}"
    cluster_wait apiserver curl -fsS -o /dev/null --max-time 5 --cacert "$kube/cluster-ca.crt" \
      --cert "$kube/admin.crt" --key "$kube/admin.key" "$cluster_url/readyz" && return 0
  done
  tail -n 20 "$cluster_dir/apiserver.log" >&2
  die "kube-apiserver did not start; its log is $cluster_dir/apiserver.log"
}

# Fills the caller's `args`.
cluster_apiserver_args() {
  local kube=$cluster_dir/kube hp=$cluster_dir/holdpoint flag
  args=(--etcd-servers="$cluster_etcd_url" --bind-address=127.0.0.1 --secure-port="$cluster_port"
    --advertise-address=127.0.0.1 --cert-dir="$kube"
    --tls-cert-file="$kube/server.crt" --tls-private-key-file="$kube/server.key"
    --client-ca-file="$kube/cluster-ca.crt" --token-auth-file="$kube/tokens.csv"
    --service-account-issuer=https://kubernetes.default.svc
    --service-account-signing-key-file="$kube/sa.key")
  # Plain HTTP on 8080 was there, and on, until 1.24.
  for flag in --insecure-port=0 --endpoint-reconciler-type=none --allow-privileged=true \
    --service-cluster-ip-range=10.0.0.0/24 --service-account-key-file="$kube/sa.pub"; do
    cluster_knows "${flag%%=*}" && args+=("$flag")
  done
  # No controllers: nobody would make the service accounts that pods ask for.
  [[ $cluster_flags == *ServiceAccount,* ]] && args+=(--disable-admission-plugins=ServiceAccount)
  if [[ $cluster_sink ]]; then
    args+=(--audit-policy-file="$hp/audit-policy.yaml"
      --audit-webhook-config-file="$hp/audit-webhook.kubeconfig"
      --audit-webhook-batch-max-wait=1s --audit-webhook-truncate-enabled=true)
  fi
  [[ $cluster_audit_log ]] && args+=(--audit-log-path="$cluster_audit_log")
  [[ $cluster_webhook ]] && args+=(--admission-control-config-file="$hp/admission-control.yaml")
  ((cluster_static)) && args+=(--feature-gates=ManifestBasedAdmissionControlConfig=true)
  cluster_authorization_args
}

cluster_authorization_args() {
  local hp=$cluster_dir/holdpoint
  if ((!cluster_authorize)); then
    args+=(--authorization-mode=RBAC)
  elif cluster_knows --authorization-config; then
    args+=(--authorization-config="$hp/authorization.yaml")
  else
    # Before 1.29 everybody is asked about, and a cache of no time is the nearest to none.
    args+=("--authorization-mode=${cluster_authorization_mode:-Webhook,RBAC}" --authorization-webhook-version=v1
      --authorization-webhook-config-file="$hp/authorization-webhook.kubeconfig"
      --authorization-webhook-cache-authorized-ttl=1ns
      --authorization-webhook-cache-unauthorized-ttl=1ns)
  fi
}

cluster_knows() { grep -q -- "$1[= ]" <<<"$cluster_flags"; }

# cluster_spawn NAME COMMAND...: in the background, output in DIR/NAME.log, pid in DIR/NAME.pid. It
# gets SIGTERM when this shell dies in whatever way, but for --detach.
cluster_spawn() {
  local name=$1
  shift
  if ((cluster_detach)); then
    setsid "$@" >"$cluster_dir/$name.log" 2>&1 </dev/null &
  else
    setpriv --pdeathsig=TERM -- "$@" >"$cluster_dir/$name.log" 2>&1 </dev/null &
  fi
  echo $! >"$cluster_dir/$name.pid"
}

# cluster_wait NAME COMMAND...: until COMMAND succeeds; fails when the process ends before, or in
# two minutes.
cluster_wait() {
  local pid deadline=$((SECONDS + 120))
  pid=$(<"$cluster_dir/$1.pid")
  shift
  until "$@" >/dev/null 2>&1; do
    kill -0 "$pid" 2>/dev/null || return 1
    ((SECONDS < deadline)) || return 1
    sleep 0.1
  done
}

# free_port: prints a port that nobody listens on now, below those that the kernel hands out itself.
# Another may take it before we do: who uses it tries again.
free_port() {
  local port
  while port=$((20000 + SRANDOM % 12000)) && (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do :; done
  echo "$port"
}

cluster_kubeconfigs() {
  local who dir=$cluster_dir/kube
  for who in agent ci sre admin; do
    cluster_kubeconfig "$who" "client-certificate: $who.crt, client-key: $who.key"
  done
  cluster_kubeconfig oidc "token: $(sed -n '1s/,.*//p' "$dir/tokens.csv")"
  cluster_kubeconfig stranger "token: $(sed -n '2s/,.*//p' "$dir/tokens.csv")"
}

# cluster_kubeconfig NAME CREDENTIAL
cluster_kubeconfig() {
  (umask 077 && cat >"$cluster_dir/kube/$1.kubeconfig") <<YAML
apiVersion: v1
kind: Config
clusters:
- name: $cluster_name
  cluster: {server: "$cluster_url", certificate-authority: cluster-ca.crt}
users:
- name: $1
  user: {$2}
contexts:
- name: $1
  context: {cluster: $cluster_name, user: $1}
current-context: $1
YAML
}

# kubectl's cache of what a server can do goes with the cluster, not into somebody's home.
as() {
  local who=$1
  shift
  KUBECONFIG=$cluster_dir/kube/$who.kubeconfig "$cluster_kubectl" \
    --cache-dir="$cluster_dir/kubectl-cache" "$@"
}

cluster_roles() {
  as admin apply -f - >/dev/null <<'YAML'
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: everybody-may-do-everything}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cluster-admin}
subjects:
- {apiGroup: rbac.authorization.k8s.io, kind: Group, name: ai-agents}
- {apiGroup: rbac.authorization.k8s.io, kind: Group, name: ci}
- {apiGroup: rbac.authorization.k8s.io, kind: Group, name: sre}
- {apiGroup: rbac.authorization.k8s.io, kind: Group, name: guests}
YAML
}

# Registers, then waits until the API server really asks: its own counters say so.
cluster_register() {
  local deadline=$((SECONDS + 60)) metric
  as admin explain validatingwebhookconfiguration.webhooks.matchConditions >/dev/null 2>&1 ||
    cluster_holdpoint_files --without-match-conditions
  as admin apply -k "$cluster_dir/holdpoint/registration" >"$cluster_dir/register.log" 2>&1 ||
    { cat "$cluster_dir/register.log" >&2; die "the webhook configurations were refused"; }
  for metric in validate.holdpoint.dev mutate.holdpoint.dev; do
    until [[ $(as admin get --raw /metrics) == *"name=\"$metric\""* ]]; do
      ((SECONDS < deadline)) || die "$metric is registered but the API server never calls it"
      as admin create configmap holdpoint-probe --dry-run=server -o name >/dev/null 2>&1 || true
      sleep 0.2
    done
  done
}

cluster_stop() {
  local name pid deadline=$((SECONDS + 20))
  for name in apiserver etcd; do
    [[ -s $1/$name.pid ]] || continue
    pid=$(<"$1/$name.pid")
    kill "$pid" 2>/dev/null || true
    while kill -0 "$pid" 2>/dev/null && ((SECONDS < deadline)); do sleep 0.1; done
    kill -KILL "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
    rm -f "$1/$name.pid"
  done
}

if [[ ${BASH_SOURCE[0]} == "$0" ]]; then
  cluster_dir=$(mktemp -d /tmp/holdpoint-cluster.XXXXXX)
  trap 'cluster_stop "$cluster_dir"; rm -rf "$cluster_dir"' EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
  cluster_start "$cluster_dir"
  export KUBECONFIG=$cluster_dir/kube/admin.kubeconfig CLUSTER_DIR=$cluster_dir
  (($#)) || set -- bash
  "$@"
fi
