# SPDX-License-Identifier: Apache-2.0
# A webhook over real TLS on a real PostgreSQL, without a cluster: for test/db/test_webhook*.sh,
# which run under test/support/pg.sh. Sourced; everything ends with the shell.
set -euo pipefail
cd "$HOLDPOINT_SOURCE_DIR"
source dev.d/lib.sh
source dev.d/certs.sh
source dev.d/postgres.sh
source dev.d/daemons.sh
source test/support/planted.sh

work=$(mktemp -d /tmp/holdpoint-webhook.XXXXXX)
stack_dir=$work/stack stack_sockets=$HOLDPOINT_TEST_PG_SOCKETS stack_bin=$HOLDPOINT_BIN
stack_cluster=test stack_detach=0
passed=0
trap 'finish' EXIT

finish() {
  local rc=$?
  ((passed)) || rc=$((rc ? rc : 1))
  daemon_stop webhook || rc=1
  if grep -lE '(ERROR|WARNING): (Address|Leak|Thread)Sanitizer|runtime error:' "$stack_dir"/webhook.log*; then
    rc=1
  fi
  # The reason last: whoever prints only the end of this prints it.
  ((rc)) && { tail -n 40 "$stack_dir"/webhook.log* && cat "$work"/why || true; } >&2
  rm -rf "$work"
  exit "$rc"
}

fail() {
  printf 'FAILED: %s\n' "$*" | tee -a "$work/why" >&2
  exit 1
}

sql() { psql -qXAt -v ON_ERROR_STOP=1 "$HOLDPOINT_TEST_DATABASE_URL" -c "$1"; }
sql_as() { psql -qXAt -v ON_ERROR_STOP=1 "$(stack_database_url "$1")" -c "$2"; }

sql_is() { [[ $(sql "$2") == "$1" ]]; }

# equals EXPECTED ACTUAL WHAT
equals() { [[ $2 == "$1" ]] || fail "$3: expected '$1', got '$2'"; }

# matches PATTERN TEXT WHAT
matches() { [[ $2 =~ $1 ]] || fail "$3: no match for /$1/ in '$2'"; }

# eventually SECONDS COMMAND...
eventually() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@" >/dev/null 2>&1; do
    ((SECONDS < deadline)) || fail "did not come true in time: $*"
    sleep 0.1
  done
}

# field FILTER FILE: of an answer
field() { jq -r "$1" "$2"; }

# review FIXTURE [JQ-FILTER]: a recorded AdmissionReview, with a new uid, changed by the filter;
# prints where it is.
review() {
  local to
  to=$(mktemp "$work/review.XXXXXX")
  jq -c ".request.uid = \"$(cat /proc/sys/kernel/random/uuid)\" | ${2:-.}" \
    test/fixtures/admission/"$1" >"$to"
  printf '%s\n' "$to"
}

# ask PATH FILE: the answer is in $answer; fails unless it is a 200.
ask() {
  answer=$work/answer
  local code
  code=$(post_code "$1" "$2" "$answer")
  equals 200 "$code" "POST $1 of $2 ($(<"$answer"))"
}

# post_code PATH FILE OUT [CURL-FLAG...]: prints the status.
post_code() {
  local path=$1 file=$2 out=$3
  shift 3
  curl -sS --max-time 60 --cacert "$stack_dir/certs/ca.crt" --cert "$stack_dir/certs/apiserver.crt" \
    --key "$stack_dir/certs/apiserver.key" -H 'Content-Type: application/json' -o "$out" \
    -w '%{http_code}' --data-binary "@$file" "$@" "${stack_url[webhook]}$path"
}

metric() { curl -fsS "${stack_plain[webhook]}/metrics" | sed -n "s/^$1 //p"; }
