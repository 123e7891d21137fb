# SPDX-License-Identifier: Apache-2.0
# ./dev up, down and psql: a private PostgreSQL and both daemons, from the release build.
#
# .dev/pg      PostgreSQL's data and its server.log; every commit reaches the disk
# .dev/stack   certificates, passwords, the policies, the daemons' logs and pids
# .dev/cluster etcd and kube-apiserver, with --cluster
# The socket has a folder of its own in /tmp, because a unix socket's path may have 107 bytes only.

stack_set() {
  stack_id=$(id -u)-$(printf '%s' "$root" | sha256sum | cut -c1-8)
  stack_dir=$state/stack stack_sockets=/tmp/holdpoint-$stack_id stack_bin=$root/build/release/bin
  stack_cluster=dev stack_detach=1
  stack_pg=$(readlink -m "$state/pg")
}

dev_up() {
  local cluster=0
  case ${1:-} in
    --cluster) cluster=1 && packages_for_cluster ;;
    '') ;;
    *) die "up: unknown option $1 (there is --cluster)" ;;
  esac
  stack_set
  apt_install "Install what builds and runs Holdpoint" "${packages_build[@]}" "${packages_run[@]}" \
    "${packages_cluster[@]}"
  build_preset release holdpoint holdpoint-webhook holdpoint-auditsink
  if ((cluster)); then stack_apiserver; fi
  stack_down
  stack_up "$cluster"
  if ((cluster)); then demo_kubectl; else demo_recorded; fi
  stack_next_steps "$cluster"
}

# Today's Kubernetes where it can be had; Debian's own (1.20) otherwise, or yours (KUBEBUILDER_ASSETS).
stack_apiserver() {
  export HOLDPOINT_APISERVER=stable
  if [[ ! ${KUBEBUILDER_ASSETS:-} ]] && "$root/test/apiserver/build.sh" >/dev/null; then
    HOLDPOINT_APISERVER=modern
    return
  fi
  [[ ${KUBEBUILDER_ASSETS:-} ]] || note "       kube-apiserver 1.20 takes its place: it asks the webhook about everybody's reads"
  "$root/test/e2e/build-kube-apiserver.sh" >/dev/null
}

# A daemon that the shell starts in the background must not be a child of `step`'s background job:
# these run in this shell.
stack_up() {
  note "...    Start PostgreSQL"
  stack_postgres
  step "Migrate the database, make certificates and logins" stack_prepare_guarded ||
    die "the private database could not be prepared; ./dev down --purge makes room for an empty one"
  # What is played back belongs to no cluster that anybody could look at.
  local sink_flags=()
  (($1)) || { sink_flags=("--source=audit-$stack_cluster=recorded") && stack_cluster=recorded; }
  rm -f "$stack_dir"/*.log.*
  mkdir -p "$stack_dir/policy"
  rm -f "$stack_dir"/policy/*.yaml
  cp "$root"/policy/library/agents/*.yaml "$stack_dir/policy/"
  webhook_start "$stack_dir/policy" -- --client-name=kube-apiserver || die "holdpoint-webhook did not start"
  sink_start "${sink_flags[@]}" || die "holdpoint-auditsink did not start"
  note "ok     Both daemons are ready"
  if (($1)); then
    # A new cluster each time: the former one's registration names a port that is gone, and would
    # stop every write.
    rm -rf "$state/cluster"
    cluster_start "$state/cluster" --detach --authorize --cluster "$stack_cluster" --certs "$stack_dir/certs" \
      --webhook-url "${stack_url[webhook]}" --sink-url "${stack_url[sink]}"
    cluster_register
    as admin apply -f "$root/manifests/base/holdreview.yaml" >/dev/null # for kubectl holdpoint
    cluster_reader # for rules that look at other objects
    daemon_stop webhook
    webhook_start "$stack_dir/policy" -- --client-name=kube-apiserver "${cluster_reader_flags[@]}" ||
      die "holdpoint-webhook did not start"
    note "ok     $(as admin version -o json | jq -r '"Kubernetes " + .serverVersion.gitVersion') asks the webhook and reports to the sink"
  fi
}

# As strict as holdpoint doctor asks for: approvers are people who are enrolled. Once, so that what is
# changed by hand stays.
stack_prepare_guarded() {
  local url
  url=$(pg_url "$stack_sockets" holdpoint)
  stack_prepare
  [[ -e $stack_dir/guarded ]] && return
  psql -q -X -v ON_ERROR_STOP=1 "$url" >/dev/null <<'SQL'
UPDATE holdpoint.config SET database_approvals = 'mapped', kubernetes_approvers = 'mapped';
SQL
  touch "$stack_dir/guarded"
}

stack_postgres() {
  stack_place_data
  pg_create "$stack_pg" "$stack_sockets" "shared_buffers = '256MB'" "max_wal_size = '2GB'"
  pg_start "$stack_pg" "$stack_sockets" "$stack_pg/server.log"
  pg_database "$stack_sockets" holdpoint
}

# PostgreSQL refuses to run as root. Where its own account cannot come to .dev (a clone in /root or
# in a private home), the data lies in /var/lib and .dev/pg is a link to it.
stack_place_data() {
  mkdir -p "$state/run"
  [[ -e $state/pg || -L $state/pg ]] && return
  if (pg_run -- test -x "$state") 2>/dev/null; then return; fi
  stack_pg=/var/lib/holdpoint-dev-$stack_id/pg
  mkdir -p "${stack_pg%/pg}"
  ln -s "$stack_pg" "$state/pg"
}

# Stops what runs; nothing that runs is fine.
stack_down() {
  cluster_stop "$state/cluster"
  daemon_stop webhook
  daemon_stop sink
  pg_stop "$stack_pg"
  rm -rf "$stack_sockets"
}

dev_down() {
  stack_set
  [[ ${1:-} == --purge || $# == 0 ]] || die "down: unknown option $1 (there is --purge)"
  stack_down
  if [[ ${1:-} == --purge ]]; then
    rm -rf "/var/lib/holdpoint-dev-$stack_id" "$state/pg" "$state/stack" "$state/cluster" \
      "$state/run"
    rm -f "$state"/*.env
  fi
  note "ok     Holdpoint is down${1:+, its data is gone; logs stay in .dev/log}"
}

dev_psql() {
  stack_set
  pg_running "$stack_pg" || die "the private PostgreSQL is not running; start it with ./dev up"
  PGOPTIONS='-c search_path=holdpoint,public' exec psql "$(pg_url "$stack_sockets" holdpoint)" "$@"
}

# .dev/NAME.env makes a shell that login, for holdpoint and for psql: `. .dev/alice.env && holdpoint holds`.
stack_env() {
  (umask 077 && cat >"$state/$1.env") <<ENV
case :\$PATH: in *:'$stack_bin':*) ;; *) export PATH='$stack_bin':\$PATH ;; esac
export HOLDPOINT_DATABASE_URL='$(stack_database_url "$1")'
export PGHOST='$stack_sockets' PGPORT=$pg_port PGDATABASE=holdpoint PGUSER='$1' PGPASSFILE='$stack_dir/passfile'
ENV
}

stack_next_steps() {
  local cluster=$1 since=1h
  ((cluster)) || since=$(demo_since)
  stack_env alice
  stack_env auditor
  cat <<TEXT

It all stays up. Next:
  . .dev/alice.env && holdpoint holds             what waits; alice may approve for "sre"
  . .dev/alice.env && psql -x -c 'SELECT * FROM holdpoint.pending_holds'
  . .dev/auditor.env && holdpoint sessions --since $since
TEXT
  ((cluster)) && cat <<TEXT
  . .dev/auditor.env && holdpoint doctor --cluster $stack_cluster \\
    --kubeconfig .dev/cluster/kube/admin.kubeconfig \\
    --metrics-url ${stack_plain[webhook]} --metrics-url ${stack_plain[sink]}
  kubectl --kubeconfig .dev/cluster/kube/agent.kubeconfig get pods -A    also ci, sre, admin
  . .dev/alice.env && KUBECONFIG=.dev/cluster/kube/sre.kubeconfig kubectl holdpoint list
TEXT
  cat <<TEXT
  curl -s ${stack_plain[webhook]}/metrics
  tail -f .dev/stack/webhook.log .dev/stack/sink.log
  ./dev psql                                      the database, as its superuser
  ./dev down                                      stops it, and keeps the data
In force: .dev/stack/policy (policy/library/agents), read again when changed.
TEXT
}
