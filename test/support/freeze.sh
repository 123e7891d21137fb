# SPDX-License-Identifier: Apache-2.0
# Sourced by bash tests: a PostgreSQL that is there and says nothing, as behind a disk that stalls.
# It and each of its processes stop until pg_thaw; one that ends frozen could not be cleaned up.

pg_signal_all() {
  local server
  server=$(head -n 1 "$HOLDPOINT_TEST_PG_SOCKETS/../data/postmaster.pid")
  kill -"$1" "$server" # first: it makes no new ones then
  pgrep -P "$server" | xargs -r kill -"$1" 2>/dev/null || true
}
pg_freeze() { pg_signal_all STOP; }
pg_thaw() { pg_signal_all CONT; }

now_ms() { echo $(($(date +%s%N) / 1000000)); }

# What curl writes so that took_of can say how long the answer took, in ms, without what it takes to
# start curl and to connect.
curl_times='%{http_code} %{time_pretransfer} %{time_starttransfer}'
took_of() { awk '{ printf "%d", ($3 - $2) * 1000 }' <<<"$1"; }

# within MS COMMAND...: runs it; fails when $took, or where it sets none the command, is longer. The
# limits are for a machine that is busy with other tests, too.
within() {
  local limit=$1 since
  shift
  took='' since=$(now_ms)
  "$@"
  took=${took:-$(($(now_ms) - since))}
  say "  $*: $took ms"
  ((took <= limit)) || fail "$*: took $took ms, not $limit"
}
