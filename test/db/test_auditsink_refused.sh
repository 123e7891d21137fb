#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What PostgreSQL itself refuses. An event that is refused for what is in it is quarantined, and its
# neighbours are stored, each once, numbered without a gap; through the spool, too. For a fault of
# the database's own (no disk, no grant, a schema that takes nothing) no event is set aside: the
# list is answered 503, or spooled, and stored when that is mended.
# shellcheck source=test/db/sink_stack.sh
source "$HOLDPOINT_SOURCE_DIR/test/db/sink_stack.sh"
stack_cluster=c1 limited=''

# put NAME EVENT...: a list of them, as file $dir/NAME.
put() {
  local to=$dir/$1 IFS=,
  shift
  printf '{"kind":"EventList","apiVersion":"audit.k8s.io/v1","metadata":{},"items":[%s]}\n' "$*" >"$to"
}
event() { # AUDIT-ID [USER]
  printf '{"level":"Metadata","auditID":"%s","stage":"ResponseComplete","requestURI":"/x","verb":"get",' "$1"
  printf '"user":{"username":"%s"},"stageTimestamp":"2026-01-02T03:04:05Z"}' "${2:-alice}"
}
# answers CODE REGEX NAME
answers() {
  local code answer
  code=$(curl -sS --max-time 60 -o "$dir/answer" -w '%{http_code}' --cacert "$stack_dir/certs/ca.crt" \
    --cert "$stack_dir/certs/audit.crt" --key "$stack_dir/certs/audit.key" \
    -H 'Content-Type: application/json' --data-binary "@$dir/$3" "${stack_url[sink]}/audit/c1")
  answer=$(<"$dir/answer")
  [[ $code == "$1" && $answer =~ $2 ]] || fail "$3: expected $1 /$2/, got $code: $answer"
}
eventually() { # SECONDS EXPECTED QUERY
  local i
  for ((i = 0; i < 5 * $1; i++)); do
    [[ $(sql "$3") == "$2" ]] && return 0
    sleep 0.2
  done
  equals "$2" "$(sql "$3")" "in $1 s: $3"
}
stored() { sql "SELECT string_agg(audit_id, ' ' ORDER BY seq) FROM holdpoint.audit_event WHERE audit_id ~ '^$1'"; }
quarantined() {
  sql "SELECT string_agg(concat_ws(':', position, audit_id, username), ' ' ORDER BY position)
    FROM holdpoint.audit_quarantine WHERE reason ~ '$1'"
}
no_gaps() {
  equals t "$(sql 'SELECT count(*) = max(seq) AND count(DISTINCT seq) = count(*) AND min(seq) = 1 FROM holdpoint.audit_event')" "numbers without gaps"
  equals t "$(sql 'SELECT (SELECT sum(events) FROM holdpoint.audit_batch) = (SELECT count(*) FROM holdpoint.audit_event)
    AND (SELECT sum(quarantined) FROM holdpoint.audit_batch) = (SELECT count(*) FROM holdpoint.audit_quarantine)')" "what batches say of themselves"
}

at "start"
stack_prepare >/dev/null
sink_start
put first "$(event first1)" && answers 200 '"events":1' first

at "one event that a constraint refuses, among 401"
sql "ALTER TABLE holdpoint.audit_event ADD CONSTRAINT short CHECK (octet_length(username) < 100)"
long=$(printf 'u%.0s' {1..200})
events=()
for ((i = 0; i < 400; i++)); do events+=("$(event "a$i")"); done
put many "${events[@]:0:277}" "$(event bad-a "$long")" "${events[@]:277}"
answers 200 '"events":400,"quarantined":1' many
equals 400 "$(sql "SELECT count(DISTINCT audit_id) FROM holdpoint.audit_event WHERE audit_id ~ '^a[0-9]'")" "neighbours"
equals "277:bad-a:$long" "$(quarantined 'the database refuses it .23514.*"short"')" "quarantine"
equals 1 "$(metric 'holdpoint_audit_quarantined_total{source="audit-c1"}')" "metric"
answers 200 '"result":"duplicate"' many
no_gaps

at "first, last, two neighbours, all of a list; and what could not be read beside them"
put ends "$(event bad-b0 "$long")" "$(event b1)" "$(event bad-b2 "$long")"
put pair "$(event c0)" "$(event bad-c1 "$long")" "$(event bad-c2 "$long")" "$(event c3)"
put whole "$(event bad-d0 "$long")" "$(event bad-d1 "$long")"
put mixed '{"level":"Metadata"}' "$(event e1)" '7' "$(event bad-e3 "$long")" "$(event e4)"
answers 200 '"events":1,"quarantined":2' ends
answers 200 '"events":2,"quarantined":2' pair
answers 200 '"events":0,"quarantined":2' whole
answers 200 '"events":2,"quarantined":3' mixed
equals "b1 c0 c3 e1 e4" "$(stored '[bce][0-9]')" "neighbours"
equals "0:bad-b0 0:bad-d0 1:bad-c1 1:bad-d1 2:bad-b2 2:bad-c2 3:bad-e3" "$(sql "SELECT string_agg(position
  || ':' || audit_id, ' ' ORDER BY position, audit_id) FROM holdpoint.audit_quarantine WHERE audit_id ~ '^bad-[b-e]'")" "quarantine"
no_gaps

at "what a trigger, a domain and an index refuse"
sql "CREATE FUNCTION public.picky() RETURNS trigger LANGUAGE plpgsql AS \$\$ BEGIN
    IF NEW.audit_id = 'bad-f1' THEN RAISE EXCEPTION 'not this one'; END IF;
    IF NEW.audit_id = 'bad-f2' THEN PERFORM 'x'::int; END IF;
    IF NEW.audit_id = 'bad-f3' THEN PERFORM NEW.stage_timestamp + interval '300000 years'; END IF;
    RETURN NEW; END \$\$;
  CREATE TRIGGER picky BEFORE INSERT ON holdpoint.audit_event FOR EACH ROW EXECUTE FUNCTION public.picky();
  CREATE INDEX fat ON holdpoint.audit_event ((repeat(md5(username), CASE WHEN audit_id = 'bad-f4' THEN 9000 ELSE 1 END) || seq))"
put triggers "$(event f0)" "$(event bad-f1)" "$(event bad-f2)" "$(event bad-f3)" "$(event bad-f4)" "$(event f5)"
answers 200 '"events":2,"quarantined":4' triggers
equals "f0 f5" "$(stored 'f[0-9]')" "neighbours"
equals "22008 22P02 54000 P0001" "$(sql "SELECT string_agg(substring(reason FROM '[(](.{5})[)]'), ' '
  ORDER BY substring(reason FROM '[(](.{5})[)]')) FROM holdpoint.audit_quarantine WHERE audit_id ~ '^bad-f'")" "reasons"
sql "DROP INDEX holdpoint.fat; DROP TRIGGER picky ON holdpoint.audit_event"
no_gaps

at "the quarantine that refuses what an event says of itself takes the rest"
sql "ALTER TABLE holdpoint.audit_quarantine ADD CONSTRAINT shy CHECK (username IS NULL) NOT VALID"
put shy "$(event g0)" "$(event bad-g1 "$long")"
answers 200 '"events":1,"quarantined":1' shy
equals 1 "$(sql "SELECT count(*) FROM holdpoint.audit_quarantine WHERE audit_id IS NULL AND position = 1 AND sha256 IS NOT NULL")" "bare row"
sql "ALTER TABLE holdpoint.audit_quarantine DROP CONSTRAINT shy"
no_gaps

# refused_by_all WHAT BREAK MEND: nothing may be quarantined for it.
count=$(sql 'SELECT count(*) FROM holdpoint.audit_quarantine')
refused_by_all() {
  at "no event is at fault: $1"
  sql "$2"
  put "h$((++limited))" "$(event "h$limited-0")" "$(event "h$limited-1")"
  answers 503 'send again' "h$limited"
  sql "$3"
  answers 200 '"events":2,"quarantined":0' "h$limited"
  equals "$count" "$(sql 'SELECT count(*) FROM holdpoint.audit_quarantine')" "quarantine"
}
refused_by_all "a grant is missing" "REVOKE INSERT ON holdpoint.audit_event FROM holdpoint_auditsink" \
  "GRANT INSERT ON holdpoint.audit_event TO holdpoint_auditsink"
refused_by_all "a column is not there" "ALTER TABLE holdpoint.audit_event RENAME code TO status" \
  "ALTER TABLE holdpoint.audit_event RENAME status TO code"
refused_by_all "a constraint that no event meets" \
  "ALTER TABLE holdpoint.audit_event ADD CONSTRAINT never CHECK (source IS NULL) NOT VALID" \
  "ALTER TABLE holdpoint.audit_event DROP CONSTRAINT never"
refused_by_all "a trigger that fails always" \
  "CREATE TRIGGER broken BEFORE INSERT ON holdpoint.audit_event FOR EACH ROW EXECUTE FUNCTION holdpoint.refuse_change()" \
  "DROP TRIGGER broken ON holdpoint.audit_event"
refused_by_all "no partition for the day" "ALTER TABLE holdpoint.audit_event DETACH PARTITION holdpoint.audit_event_default;
  DO \$\$ DECLARE p text; BEGIN FOR p IN SELECT inhrelid::regclass FROM pg_inherits WHERE inhparent = 'holdpoint.audit_event'::regclass
    LOOP EXECUTE 'ALTER TABLE holdpoint.audit_event DETACH PARTITION ' || p; END LOOP; END \$\$" \
  "ALTER TABLE holdpoint.audit_event ATTACH PARTITION holdpoint.audit_event_default DEFAULT;
  DO \$\$ DECLARE p text; d date; BEGIN FOR p IN SELECT relname FROM pg_class WHERE relkind = 'r' AND relname ~ '^audit_event_p2'
    LOOP d := to_date(right(p, 8), 'YYYYMMDD'); EXECUTE format('ALTER TABLE holdpoint.audit_event
      ATTACH PARTITION holdpoint.%I FOR VALUES FROM (%L) TO (%L)', p, d || ' 00:00:00+00', d + 1 || ' 00:00:00+00');
    END LOOP; END \$\$"
refused_by_all "the disk is full" \
  "CREATE FUNCTION public.full() RETURNS trigger LANGUAGE plpgsql AS \$\$ BEGIN
    RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = 'disk_full'; END \$\$;
  CREATE TRIGGER broken BEFORE INSERT ON holdpoint.audit_event FOR EACH ROW EXECUTE FUNCTION public.full()" \
  "DROP TRIGGER broken ON holdpoint.audit_event"

at "through the spool: what the database refuses goes to quarantine, the rest is stored"
daemon_stop sink
sink_start --spool-file="$dir/spool"
sql "CREATE TRIGGER broken BEFORE INSERT ON holdpoint.audit_event FOR EACH ROW EXECUTE FUNCTION public.full()"
for i in 0 1 2 3; do
  put "s$i" "$(event "s$i-0")" "$(event "bad-s$i" "$long")" "$(event "s$i-2")"
  answers 200 '"result":"spooled"' "s$i"
done
# Four attempts of the drainer later the disk is still full, and nothing is given up.
attempts() { grep -c '"event":"audit_drain_failed"' "$stack_dir/sink.log" || true; }
for ((i = 0; i < 150; i++)); do
  (($(attempts) >= 4)) && break
  sleep 0.2
done
(($(attempts) >= 4)) || fail "only $(attempts) attempts to empty the spool"
equals 4 "$(metric holdpoint_audit_spool_batches)" "batches in the spool"
equals 0 "$(metric holdpoint_audit_spool_refused_batches)" "batches given up"
sql "DROP TRIGGER broken ON holdpoint.audit_event"
eventually 20 8 "SELECT count(*) FROM holdpoint.audit_event WHERE audit_id ~ '^s[0-3]-'"
equals "s0-0 s0-2 s1-0 s1-2 s2-0 s2-2 s3-0 s3-2" "$(stored 's[0-3]-')" "in their order"
equals 4 "$(sql "SELECT count(*) FROM holdpoint.audit_quarantine WHERE audit_id ~ '^bad-s'")" "quarantine"
answers 200 '"result":"duplicate"' s2
eventually 20 t "SELECT count(*) = max(seq) FROM holdpoint.audit_event"
passed=1
say passed
