# SPDX-License-Identifier: Apache-2.0
# Starting Holdpoint's two daemons on free loopback ports, over TLS, against a private PostgreSQL:
# for `./dev up`, and for tests, which thereby run what a user runs.
#
# The caller sets, before anything else here:
#   stack_dir       one folder for certificates, passwords, logs
#   stack_sockets   the PostgreSQL's socket folder (dev.d/postgres.sh, test/support/pg.sh)
#   stack_bin       the folder of the programs
#   stack_cluster   the cluster's name in the records
#   stack_detach    1: the daemons outlive the shell; 0: they die with it
# and finds here, after daemon_start: stack_url[NAME] ("https://127.0.0.1:PORT"), stack_plain[NAME]
# (http: /livez /readyz /metrics /version), stack_pid[NAME], and the log in $stack_dir/NAME.log.

declare -gA stack_url stack_plain stack_pid

# Schema, logins and certificates: what must be there before a daemon starts. May be run again.
stack_prepare() {
  mkdir -p "$stack_dir"
  cert_stack "$stack_dir/certs" "$stack_cluster"
  [[ -s $stack_dir/mask.key ]] || (umask 077 && openssl rand -hex 32 >"$stack_dir/mask.key")
  "$stack_bin/holdpoint" db migrate --migrations "$root/db/migrations" \
    --database-url="$(pg_url "$stack_sockets" holdpoint)"
  stack_login webhook holdpoint_webhook
  stack_login auditsink holdpoint_auditsink
  stack_login auditor holdpoint_auditor
  stack_approver alice sre alice@example.com
}

# stack_login NAME GROUP...: a login of its own, password in $stack_dir/passfile.
stack_login() { pg_login "$stack_sockets" holdpoint "$stack_dir/passfile" "$@"; }

# stack_approver NAME GROUP USERNAME: a person who may approve what asks for GROUP, and who is
# USERNAME in Kubernetes.
stack_approver() {
  psql -q -X -v ON_ERROR_STOP=1 -v "grp=$2" -v "name=$1" -v "username=$3" \
    "$(pg_url "$stack_sockets" holdpoint)" >/dev/null <<'SQL'
SELECT format('CREATE ROLE %I NOLOGIN', :'grp')
  WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'grp') \gexec
SQL
  stack_login "$1" holdpoint_approver "$2"
  psql -q -X -v ON_ERROR_STOP=1 -v "name=$1" -v "username=$3" \
    "$(pg_url "$stack_sockets" holdpoint)" >/dev/null <<'SQL'
SELECT holdpoint.map_approver(:'name', :'username');
SQL
}

# stack_database_url LOGIN
stack_database_url() { pg_url "$stack_sockets" holdpoint "$1" "$stack_dir/passfile"; }

# webhook_start POLICY... [-- FLAG...]
webhook_start() {
  local policies=()
  while (($#)) && [[ $1 != -- ]]; do policies+=("--policy=$1") && shift; done
  (($#)) && shift
  daemon_start webhook "$stack_bin/holdpoint-webhook" "${policies[@]}" \
    --tls-cert-file="$stack_dir/certs/webhook.crt" \
    --tls-private-key-file="$stack_dir/certs/webhook.key" \
    --client-ca-file="$stack_dir/certs/ca.crt" --cluster="$stack_cluster" \
    --database-url="$(stack_database_url webhook)" "$@"
}

# sink_start [FLAG...]
sink_start() {
  daemon_start sink "$stack_bin/holdpoint-auditsink" \
    --tls-cert-file="$stack_dir/certs/sink.crt" --tls-private-key-file="$stack_dir/certs/sink.key" \
    --client-ca-file="$stack_dir/certs/ca.crt" --cluster="$stack_cluster" \
    --source="audit-$stack_cluster=$stack_cluster" --mask-key-file="$stack_dir/mask.key" \
    --database-url="$(stack_database_url auditsink)" "$@"
}

daemon_launch() {
  local name=$1 log=$stack_dir/$1.log
  shift
  : >"$log"
  if ((stack_detach)); then
    setsid "$@" </dev/null >>"$log" 2>&1 &
  else
    setpriv --pdeathsig=TERM -- "$@" </dev/null >>"$log" 2>&1 &
  fi
  stack_pid[$name]=$!
  echo "$!" >"$stack_dir/$name.pid"
}

# daemon_start NAME COMMAND...: returns when it is ready. Both its ports are chosen by the kernel,
# unless stack_url[NAME] says which it had: a daemon that is started again keeps its addresses.
daemon_start() {
  local name=$1 log=$stack_dir/$1.log listen plain
  shift
  listen=${stack_url[$name]:-https://127.0.0.1:0} plain=${stack_plain[$name]:-http://127.0.0.1:0}
  set -- "$@" --listen="${listen#https://}" --metrics-listen="${plain#http://}"
  [[ -s $log ]] && mv "$log" "$log.$(date -u +%H%M%S.%N)"
  # The port of one that is started again may be somebody's for a moment: any client's, for example.
  local attempt
  for attempt in 1 2 3 4 5 6 7 8 9 10; do
    daemon_launch "$name" "$@"
    daemon_wait "$name" && return
    grep -qF 'Address already in use' "$log" || break
    sleep 1
  done
  note "$name did not get ready; the end of $log:"
  tail -n 20 "$log" >&2
  return 1
}

daemon_wait() {
  local name=$1 deadline=$((SECONDS + 60))
  until stack_plain[$name]=$(daemon_address "$name" metrics http) &&
    stack_url[$name]=$(daemon_address "$name" "" https) &&
    curl -fsS -o /dev/null --max-time 5 "${stack_plain[$name]}/readyz" 2>/dev/null; do
    kill -0 "${stack_pid[$name]}" 2>/dev/null && ((SECONDS < deadline)) || return 1
    sleep 0.1
  done
}

# daemon_address NAME metrics|"" SCHEME: where it says it listens.
daemon_address() {
  local lines address
  lines=$(grep -F '"event":"listening"' "$stack_dir/$1.log") || return 1
  if [[ $2 ]]; then lines=$(grep -F "\"$2\"" <<<"$lines"); else lines=$(grep -vF '"metrics"' <<<"$lines"); fi
  address=$(sed -nE 's/.*"address":"([^"]+)".*/\1/p' <<<"$lines" | tail -n 1)
  [[ $address ]] && printf '%s://%s\n' "$3" "$address"
}

# daemon_stop NAME [SIGNAL]: waits until it is gone.
daemon_stop() {
  local pid deadline=$((SECONDS + 40))
  [[ -s $stack_dir/$1.pid ]] || return 0
  pid=$(<"$stack_dir/$1.pid")
  kill -"${2:-TERM}" "$pid" 2>/dev/null || true
  while kill -0 "$pid" 2>/dev/null && ((SECONDS < deadline)); do
    # A child of ours stays a zombie until it is waited for.
    [[ $(ps -o stat= -p "$pid") == Z* ]] && break
    sleep 0.1
  done
  kill -KILL "$pid" 2>/dev/null || true
  wait "$pid" 2>/dev/null || true
  rm -f "$stack_dir/$1.pid"
}

# post NAME PATH FILE [CERTIFICATE]: sends FILE as the API server would, prints the answer.
post() {
  local as=${4:-apiserver}
  curl -sS --max-time 60 --cacert "$stack_dir/certs/ca.crt" --cert "$stack_dir/certs/$as.crt" \
    --key "$stack_dir/certs/$as.key" -H 'Content-Type: application/json' \
    --data-binary "@$3" "${stack_url[$1]}$2"
}
