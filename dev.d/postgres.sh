# SPDX-License-Identifier: Apache-2.0
# A PostgreSQL of our own: one data folder, one unix socket, no TCP. `./dev` keeps one under .dev/pg,
# tests throw theirs away (test/support/pg.sh). Superuser `postgres` is reached by peer
# authentication from root, from the server's own account and from whoever started it; every other
# role needs its SCRAM password, kept in a passfile of mode 0600 and never in an argument list.

pg_port=5432

# pg_bin PROGRAM: prints its path; PostgreSQL 15 or the newest there is.
pg_bin() {
  local found
  found=$(printf '%s\n' /usr/lib/postgresql/*/bin/"$1" | sort -V | tail -n 1)
  [[ -x $found ]] || found=$(command -v "$1") || die "no $1: install the package postgresql-15"
  printf '%s\n' "$found"
}

# PostgreSQL refuses to run as root, so it gets the account `postgres` then, else our own.
pg_account() { if ((EUID == 0)); then echo postgres; else id -un; fi; }

# pg_as [setpriv options --] COMMAND...: one process, no shell and no PAM in between, so that the
# pid is the server's and a parent-death signal reaches it.
pg_run() {
  local options=()
  while [[ $1 != -- ]]; do options+=("$1") && shift; done
  shift
  ((EUID == 0)) && options+=(--reuid=postgres --regid=postgres --init-groups)
  if ((${#options[@]})); then
    set -- setpriv "${options[@]}" -- "$@"
  fi
  cd / && exec env -u PGHOST -u PGPORT -u PGUSER -u PGPASSFILE -u PGDATABASE LC_ALL=C.UTF-8 "$@"
}

# pg_create DATA SOCKETDIR [setting=value...]: initdb, once. SOCKETDIR must be short: a socket's
# path may have 107 bytes.
pg_create() {
  local data=$1 sockets=$2 setting
  shift 2
  [[ -f $data/PG_VERSION ]] && return 0
  (( ${#sockets} + 16 <= 107 )) || die "socket folder too long for a unix socket: $sockets"
  install -d -m 0700 -o "$(pg_account)" "$data"
  (pg_run -- "$(pg_bin initdb)" -D "$data" -U postgres --auth=peer -E UTF8 --locale=C.UTF-8 \
    --no-sync --no-instructions) >/dev/null
  {
    printf "%s\n" "listen_addresses = ''" "port = $pg_port" \
      "unix_socket_directories = '$sockets'" "password_encryption = 'scram-sha-256'" \
      "max_connections = 100" "logging_collector = off" "log_line_prefix = '%m [%p] %u@%d '" \
      "timezone = 'UTC'" "log_timezone = 'UTC'" "lc_messages = 'C'"
    for setting; do printf '%s\n' "$setting"; done
  } >>"$data/postgresql.conf"
  printf '%s\n' 'local all postgres peer map=local' 'local all all scram-sha-256' >"$data/pg_hba.conf"
  printf 'local %s postgres\n' root "$(pg_account)" "${SUDO_USER:-root}" | sort -u \
    >"$data/pg_ident.conf"
}

# pg_start DATA SOCKETDIR LOG: in the background, to stay when we end; waits until it answers.
pg_start() {
  local data=$1 sockets=$2 log=$3
  install -d -m 0755 -o "$(pg_account)" "$sockets"
  install -m 0600 -o "$(pg_account)" /dev/null "$log"
  (pg_run -- "$(pg_bin pg_ctl)" -D "$data" -l "$log" -w -t 60 -s start) ||
    { tail -n 20 "$log" >&2; die "PostgreSQL did not start; its log is $log"; }
}

# pg_stop DATA: at once but cleanly; nothing to do is fine.
pg_stop() {
  [[ -f $1/postmaster.pid ]] || return 0
  (pg_run -- "$(pg_bin pg_ctl)" -D "$1" -m fast -w -s stop) || die "PostgreSQL in $1 did not stop"
}

pg_running() { [[ -f $1/postmaster.pid ]] && kill -0 "$(head -n 1 "$1/postmaster.pid")" 2>/dev/null; }

# pg_database SOCKETDIR NAME: makes it, unless it is there.
pg_database() {
  local url exists
  url=$(pg_url "$1" postgres)
  exists=$(psql -q -X -tA "$url" -v "name=$2" <<<"SELECT 1 FROM pg_database WHERE datname = :'name'")
  [[ $exists ]] || psql -q -X "$url" -v "name=$2" <<<'CREATE DATABASE :"name"'
}

# pg_url SOCKETDIR DATABASE [USER [PASSFILE]]
pg_url() {
  printf 'postgresql:///%s?host=%s&port=%s&user=%s%s\n' "$2" "$1" "$pg_port" "${3:-postgres}" \
    "${4:+&passfile=$4}"
}

# pg_login SOCKETDIR DATABASE PASSFILE ROLE [GROUP...]: makes ROLE (if it is not there yet) one that
# can log in, with a new random password that only PASSFILE holds, and a member of every GROUP.
# Names are quoted; the password travels on standard input, already hashed by nobody but the server.
pg_login() {
  local sockets=$1 database=$2 passfile=$3 role=$4 group secret
  shift 4
  secret=$(openssl rand -hex 24)
  (umask 077 && touch "$passfile" && sed -i "/^[^:]*:[^:]*:[^:]*:$role:/d" "$passfile")
  printf '*:*:*:%s:%s\n' "$role" "$secret" >>"$passfile"
  {
    printf '%s\n' "\\set ON_ERROR_STOP on" "SET log_statement = 'none';" \
      "SET log_min_error_statement = 'panic';" \
      "SET client_min_messages = 'warning';"
    printf "SELECT 'CREATE ROLE \"%s\"' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '%s') \\\\gexec\n" \
      "$role" "$role"
    printf "ALTER ROLE \"%s\" LOGIN PASSWORD '%s';\n" "$role" "$secret"
    for group; do printf 'GRANT "%s" TO "%s";\n' "$group" "$role"; done
  } | psql -q -X "$(pg_url "$sockets" "$database")" >/dev/null
}
