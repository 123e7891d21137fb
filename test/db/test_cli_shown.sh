#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What requesters wrote is shown as what it is: the change of a hold, byte for byte what is stored,
# and names that hold characters which are invisible or direct a terminal.
# shellcheck source=test/db/cli_support.sh
source "$HOLDPOINT_SOURCE_DIR/test/db/cli_support.sh"

hp db migrate --database-url="$admin" >"$out"
sql "$admin" -c 'CREATE ROLE sre'
pg_login "$sockets" holdpoint "$passes" alice holdpoint_approver sre
pg_login "$sockets" holdpoint "$passes" auditor holdpoint_auditor
pg_login "$sockets" holdpoint "$passes" hook holdpoint_webhook
alice=(--database-url="$(as alice)")
auditor=(--database-url="$(as auditor)")

# hold NAME CHANGE [REQUESTER [GRANT]]: prints the hold's number. CHANGE may be empty: it has none.
hold() {
  sql "$(as hook)" -v name="$1" -v change="$2" -v who="${3:-agent@example.com}" \
    -v grant="${4:-Once}" <<'SQL'
SELECT hold_id FROM holdpoint.hold_find_or_create(p_cluster => 'default',
  p_fingerprint => sha256(:'name'::bytea), p_username => :'who', p_groups => ARRAY['ai-agents'],
  p_operation => 'CREATE', p_api_group => 'apps', p_api_version => 'v1',
  p_resource => 'deployments', p_subresource => '', p_namespace => 'prod', p_name => :'name',
  p_policy => 'ai-agents', p_rule => 'creates-need-a-human', p_policy_digest => NULL,
  p_message => 'creates need a human', p_change => nullif(:'change', ''),
  p_approvers => ARRAY['sre'], p_min_approvals => 1, p_require_reason => false,
  p_expires => '1 hour', p_grant => :'grant', p_window => NULL, p_max_uses => NULL,
  p_dry_run => false, p_request_uid => 'uid-1');
SQL
}

# harmless FILE: no character in it that is invisible or directs a terminal.
harmless() {
  if LC_ALL=C.UTF-8 grep -nP '[\x00-\x09\x0b-\x1f\x7f-\x9f\x{ad}\x{61c}\x{200b}-\x{200f}\x{2028}-\x{202e}\x{2060}-\x{206f}\x{feff}\x{e0000}-\x{e0fff}]' "$1"; then
    fail "a character that is invisible, or directs a terminal"
  fi
}

# The change as holds show prints it.
shown_change() { sed -n '/^Change/,/^History/p' "$out" | sed '1d;/^$/d;/^History/d'; }

# shows WHAT OBJECT EXPECTED: both ways of showing; -o json has the same value, as jq reads it.
shows() {
  local id
  id=$(hold "$1" "{\"operation\":\"CREATE\",\"object\":$2}")
  hp holds show "$id" "${alice[@]}" >"$out" 2>"$err" || fail "$1: holds show: exit $?"
  [[ $(shown_change) == "$3" ]] || fail "$1: expected $3"
  harmless "$out"
  grep -q "^To decide: holdpoint approve $id" "$out" || fail "$1: nothing on how to decide"
  hp holds show "$id" -o json "${alice[@]}" >"$out" 2>"$err" || fail "$1: -o json: exit $?"
  harmless "$out"
  [[ $(jq -cS .change.object "$out") == "$(jq -cS . <<<"$2")" ]] || fail "$1: another value"
}

shows 'NUL in a key' \
  '{"image":"evil.example/miner:1","image\u0000":"registry.corp/shop:1.4"}' \
  '+ {
+   "image": "evil.example/miner:1",
+   "image\u0000": "registry.corp/shop:1.4"
+ }'
shows 'keys that differ in case' '{"Image":"a","image":"b"}' \
  '+ {
+   "Image": "a",
+   "image": "b"
+ }'
shows 'keys that differ in form' $'{"caf\u00e9":1,"cafe\u0301":2,"im\u0430ge":3,"image\u200b":4}' \
  '+ {
+   "caf\u00e9": 1,
+   "cafe\u0301": 2,
+   "im\u0430ge": 3,
+   "image\u200b": 4
+ }'
shows 'escapes that hide a word' '{"image":"\u0065vil\u002eexample","a":"x \u0026\u0026 y"}' \
  '+ {
+   "image": "evil.example",
+   "a": "x && y"
+ }'
shows 'controls and directions' \
  $'{"a":"\u202egnp.\u2066x\u2069\u200f \u061c\x7f\u009b2J\ufeff","b":"\\u001b[2J\\u0000\\u202e","c":"gr\u00fcn \u05d0"}' \
  '+ {
+   "a": "\u202egnp.\u2066x\u2069\u200f \u061c\u007f\u009b2J\ufeff",
+   "b": "\u001b[2J\u0000\u202e",
+   "c": "grün א"
+ }'
shows 'tags and separators' $'{"a":"x\U000e0041\u2028y\u2029"}' \
  '+ {
+   "a": "x\udb40\udc41\u2028y\u2029"
+ }'

# Numbers: digit for digit. jq itself would round them.
digits=$(printf '7%.0s' {1..10000})
odd=$(hold numbers "{\"operation\":\"CREATE\",\"object\":{\"a\":18446744073709551616,\"b\":-0.10,\"c\":1E+999999,\"d\":$digits}}")
hp holds show "$odd" "${alice[@]}" >"$out" 2>"$err"
[[ $(shown_change) == "+ {
+   \"a\": 18446744073709551616,
+   \"b\": -0.10,
+   \"c\": 1E+999999,
+   \"d\": $digits
+ }" ]] || fail "numbers are not as they were written"
hp holds show "$odd" -o json "${alice[@]}" >"$out" 2>"$err"
for number in 18446744073709551616 -0.10 1E+999999 "$digits"; do
  grep -q -- " $number\(,\|$\)" "$out" || fail "-o json: no $number"
done

# A path is text of ours around the keys' own.
path=$(hold path '{"operation":"UPDATE","changes":[{"path":"spec[\"image\\u0000\"].caf\u00e9\u202e","old":1,"new":2}]}')
hp holds show "$path" "${alice[@]}" >"$out" 2>"$err"
[[ $(shown_change) == '~ spec["image\u0000"].caf\u00e9\u202e: 1 → 2' ]] || fail "the path"

# Where a list's new element was put belongs to the change: rules are read in their order.
placed=$(hold placed '{"operation":"UPDATE","changes":[{"path":"spec.rules[name=a]","new":1,"place":"start"},{"path":"spec.rules[name=b]","new":1,"place":"end"},{"path":"spec.rules[name=c]","new":1,"after":"end"},{"path":"spec.rules[port=9]","new":1,"after":8080}]}')
hp holds show "$placed" "${alice[@]}" >"$out" 2>"$err"
[[ $(shown_change) == '+ spec.rules[name=a], at the start: 1
+ spec.rules[name=b], at the end: 1
+ spec.rules[name=c], after "end": 1
+ spec.rules[port=9], after 8080: 1' ]] || fail "the place of a new element"

# Where there is no change, none is shown: that is no change that cannot be shown.
none=$(hold none '')
hp holds show "$none" "${alice[@]}" >"$out" 2>"$err" || fail "no change: exit $?"
[[ -z $(shown_change) ]] || fail "no change: one is shown"
hp holds show "$none" -o json "${alice[@]}" >"$out" 2>"$err" || fail "no change: -o json: exit $?"
[[ $(jq -c '[.change, has("changeCannotBeShown")]' "$out") == '[null,false]' ]] || fail "no change: -o json"

# unshown WHAT CHANGE REASON: said plainly, never guessed at; for programs the bytes as a string.
unshown() {
  local id code=0 reason
  id=$(hold "$1" "$2")
  hp holds show "$id" "${alice[@]}" >"$out" 2>"$err" || code=$?
  [[ $code == 1 ]] || fail "$1: exit $code"
  reason=$(sed -n 's/^CANNOT BE SHOWN: //p' "$out")
  [[ $reason =~ ^$3 ]] || fail "$1: not said that it cannot be shown: $3"
  [[ $(shown_change) == "CANNOT BE SHOWN: $reason"$'\n'"Do not approve what you cannot see. The stored text: -o json" ]] ||
    fail "$1: more is shown"
  grep -qF "the change of hold $id cannot be shown: $reason" "$err" || fail "$1: nothing on stderr"
  if grep -q 'To decide' "$out"; then fail "$1: approving looks fine"; fi
  harmless "$out"
  code=0
  hp holds show "$id" -o json "${alice[@]}" >"$out" 2>"$err" || code=$?
  [[ $code == 1 ]] || fail "$1: -o json: exit $code"
  [[ $(jq -r .change "$out") == "$2" ]] || fail "$1: -o json has another text"
  [[ $(jq -r .changeCannotBeShown "$out") == "$reason" ]] || fail "$1: -o json has no reason"
  harmless "$out"
}
at='line 1, column [0-9]+'
unshown 'a key twice' '{"operation":"CREATE","object":{"image":"evil","image":"good"}}' \
  "$at: duplicate key \"image\""
unshown 'a key twice, once escaped' '{"object":{"image":"evil","im\u0061ge":"good"}}' \
  "$at: duplicate key"
unshown 'half a surrogate' '{"object":{"a":"\ud800"}}' "$at: lone surrogate"
unshown 'cut in the middle' '{"object":{"a":"b' "$at: "
unshown 'no object' '["object"]' 'it is no JSON object'
unshown 'too deep' "$(printf '[%.0s' {1..1500})$(printf ']%.0s' {1..1500})" \
  "$at: nested too deep"

# Names, in tables and in JSON.
named=$(hold $'n\u202egnp\u200b\U000e0041' '{"operation":"CREATE","object":{}}' $'ag\u2066ent\e]0;x\a')
hp holds list -o wide "${alice[@]}" >"$out" 2>"$err"
grep -q "^ *$named .* ag?ent?\]0;x? .*prod/n?gnp??" "$out" || fail "holds list: no names"
harmless "$out"
hp holds show "$named" "${alice[@]}" >"$out" 2>"$err"
harmless "$out"
for command in "holds list" "holds show $named"; do
  # shellcheck disable=SC2086
  hp $command -o json "${alice[@]}" >"$out" 2>"$err" || fail "$command: exit $?"
  harmless "$out"
  jq -e --arg name $'n\u202egnp\u200b\U000e0041' --arg who $'ag\u2066ent\e]0;x\a' \
    '[..] | any(.name? == $name and .requester == $who)' "$out" >/dev/null ||
    fail "$command -o json: other names"
done

# What an approver narrows a grant to.
window=$(hold $'x\u202ey\e[2J' '{}' agent Window)
hp approve "$window" --name $'x\u202ey\e[2J' --reason $'because\e[2J' "${alice[@]}" >"$out" 2>"$err" ||
  fail "approve: exit $? $(<"$err")"
harmless "$out"
hp holds show "$window" "${alice[@]}" >"$out" 2>"$err"
grep -q '^Opens: .* prod/x?y?\[2J, whatever is written, until' "$out" || fail "holds show: what the grant is narrowed to"
harmless "$out"

# watch, for people and for programs
for format in wide json; do
  "$HOLDPOINT_BIN/holdpoint" holds watch -o "$format" "${alice[@]}" >"$out" 2>"$err" &
  watcher=$!
  until grep -q Following "$err"; do sleep 0.1; done
  hold "$format"$'\u202e' '{}' >/dev/null
  for _ in {1..100}; do
    grep -q "$format" "$out" && break
    sleep 0.1
  done
  kill -TERM "$watcher"
  wait "$watcher" || fail "holds watch: exit $?"
  grep -q "$format"'\(?\|\\u202e\)' "$out" || fail "holds watch -o $format: no name"
  harmless "$out"
done

# Audit events: names in columns, the body in JSON; what it holds twice is there twice.
body=$'{"user":"mal\u202elory","a":"\u2066\u007f\u0430","c":1,"c":2,"image":"evil","image\\u0000":"good"}'
sql "$admin" -v who=$'mal\u202elory' -v body="$body" >"$out" <<'SQL'
SELECT first_seq FROM holdpoint.audit_begin_batch('default', 'api-1', sha256('x'), 1, 0, 100);
INSERT INTO holdpoint.audit_event (cluster, seq, source, stage, level, stage_timestamp, audit_id,
  verb, username, groups, source_ips, user_agent, request_uri, api_group, resource, subresource,
  namespace, name, code, masking_version, masked, body, body_nonce, body_digest)
VALUES ('default', 1, 'api-1', 'ResponseComplete', 'Metadata', now(), 'a1', 'get', :'who', '{g}',
  '{127.0.0.1}', :'who', '/api/' || :'who', '', 'pods', '', 'prod', :'who', 200, 1, 0, :'body',
  'x', sha256('x'));
SQL
hp events "${auditor[@]}" >"$out" 2>"$err"
grep -q 'mal?lory .*prod/mal?lory' "$out" || fail "events: no names"
harmless "$out"
for format in json jsonl ocsf; do
  hp events -o "$format" "${auditor[@]}" >"$out" 2>"$err" || fail "events -o $format: exit $?"
  harmless "$out"
  jq -e . "$out" >/dev/null || fail "events -o $format is not JSON"
  grep -qF 'mal\u202elory' "$out" || fail "events -o $format: no name"
done
hp events -o jsonl "${auditor[@]}" >"$out"
grep -qF '"a":"\u2066\u007fа","c":1,"c":2,"image":"evil","image\u0000":"good"}' "$out" ||
  fail "events -o jsonl: another body"
session=$(hp sessions "${auditor[@]}" | awk 'NR == 2 { print $1 }')
for command in sessions "replay $session"; do
  # shellcheck disable=SC2086
  hp $command "${auditor[@]}" >"$out" 2>"$err" || fail "$command: exit $?"
  grep -q 'mal?lory' "$out" || fail "$command: no name"
  harmless "$out"
  # shellcheck disable=SC2086
  hp $command -o json "${auditor[@]}" >"$out" 2>"$err" || fail "$command -o json: exit $?"
  jq -e . "$out" >/dev/null || fail "$command -o json is not JSON"
  grep -qF 'mal\u202elory' "$out" || fail "$command -o json: no name"
  harmless "$out"
done
# A request that failed, with what PostgreSQL's own readers of JSON refuse somewhere in its body.
sql "$admin" -v who=$'mal\u202elory' \
  -v body='{"responseStatus":{"message":"pods \"\u0000x\" and \\\\u0000"},"a":"\u0000\ud800\ud83d\ude00","b\udc00":1}' >"$out" <<'SQL'
SELECT first_seq FROM holdpoint.audit_begin_batch('default', 'api-1', sha256('y'), 1, 0, 100);
INSERT INTO holdpoint.audit_event (cluster, seq, source, stage, level, stage_timestamp, audit_id,
  verb, username, groups, source_ips, user_agent, request_uri, api_group, resource, subresource,
  namespace, name, code, masking_version, masked, body, body_nonce, body_digest)
VALUES ('default', 2, 'api-1', 'ResponseComplete', 'Metadata', now(), 'a2', 'create', :'who', '{g}',
  '{127.0.0.1}', :'who', '/api/v1/pods', '', 'pods', '', 'prod', 'x', 422, 1, 0, :'body', 'x',
  sha256('x'));
SQL
hp replay "$session" "${auditor[@]}" >"$out"
grep -q '└ pods ".x" and ' "$out" || fail "replay: no reason for what failed"
hp replay "$session" -o json "${auditor[@]}" >"$out"
grep -qF '"image\u0000": "good"' "$out" || fail "replay -o json: a key is missing"
[[ $(grep -c '"c": ' "$out") == 2 ]] || fail "replay -o json: what stands there twice"
echo "all passed"
