#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Every command that README.md and docs/ print, run as it is printed, in the order of the pages; and
# what they print under it, found in what comes out. A command that this test does not know how to run
# fails it: whoever writes one into a page says here what it needs.
#
# Put in place of what a page makes up: the number 42 (a hold that waits, made for the command unless a
# command above it has made one), the session s1-2048, the event default/2048, cluster, hosts and files.
# Times and numbers of an output may be others.
source "$(dirname "$0")/harness.sh"
shopt -s extglob # before the patterns below are read

e2e_begin --policy "$root/test/e2e/docs.yaml" --webhook-flag --client-name=kube-apiserver
work=$e2e_dir/docs
mkdir "$work"

# commands: of README.md and docs/*.md, NNN.command, NNN.where, NNN.block and NNN.output in $work, one set a command. In
# blocks, lines with "$ ", or plain ones that begin as commands do; elsewhere what stands in backquotes.
commands() {
  (cd "$root" && awk -v dir="$work" '
    function put(kind, text) { print text > (dir "/" sprintf("%03d", n) "." kind) }
    function begin(text) {
      n++
      put("where", FILENAME ":" FNR)
      put("block", FILENAME ":" block)
      put("command", text)
      goes_on = text ~ /[\\|]$/
    }
    /^ *```/ {
      inside = !inside; block = FNR; dollars = 0; goes_on = 0
      yaml = $0 ~ /yaml/; indent = match($0, /`/) - 1
      next
    }
    inside && yaml { next }
    inside {
      line = substr($0, indent + 1)
      if (goes_on) { put("command", line); goes_on = line ~ /[\\|]$/ }
      else if (line ~ /^\$ /) { dollars = 1; begin(substr(line, 3)) }
      else if (dollars && line != "") put("output", line)
      else if (!dollars && line ~ /^(--[a-z]|\.\/dev |\.ci\/|holdpoint|kubectl |git |[a-z]+=|aws |gcloud |az |jq |\(cd |for |SELECT |CREATE |GRANT )/) begin(line)
      next
    }
    /^    (\(umask|holdpoint) / { begin(substr($0, 5)); next }
    {
      block = FNR
      for (rest = $0; match(rest, /`[^`]*`/); rest = substr(rest, RSTART + RLENGTH)) {
        text = substr(rest, RSTART + 1, RLENGTH - 2)
        if (text ~ /^(\(umask|holdpoint|kubectl|psql|\.\/dev|TZ=[A-Za-z\/]* holdpoint) [^ ]/ || text ~ /^(UPDATE|SELECT \*.*) holdpoint/)
          begin(text)
      }
    }' README.md docs/*.md)
}

# What the commands find around them.
prepare() {
  local item
  as admin create namespace prod >/dev/null
  for item in default prod; do
    as admin -n "$item" create deployment checkout --image=registry.example.com/checkout:1 --replicas=3 >/dev/null
  done
  as admin apply -f "$root/manifests/base/holdreview.yaml" >/dev/null
  as admin wait --for=condition=Established crd/holdreviews.holdpoint.dev --timeout=30s >/dev/null
  as agent -n prod get deployments >/dev/null
  stack_login keeper holdpoint_retention holdpoint_auditor
  sql "GRANT holdpoint_stopper TO alice; UPDATE holdpoint.config SET stopper_groups = '{sre}'" >/dev/null
  # Denying is most of what is done here, and nobody waits for the agent to come to its senses.
  sql "UPDATE holdpoint.config SET max_denials = 1000" >/dev/null
  for item in docs policy test manifests; do ln -s "$root/$item" "$work/$item"; done
  cp -r "$root/db" "$work/db"
  ln -s "$e2e_dir/cluster/holdpoint" "$work/DIR"
  (umask 077 && openssl rand -hex 24 >"$work/token")
  daemon_start tokens "$stack_bin/holdpoint-auditsink" --tls-cert-file="$stack_dir/certs/sink.crt" \
    --tls-private-key-file="$stack_dir/certs/sink.key" --mask-key-file="$stack_dir/mask.key" \
    --bearer-token-file="$work/token" --source="bearer-token=$stack_cluster" \
    --database-url="$(stack_database_url auditsink)"
  cp "$stack_dir/certs/ca.crt" "$work/ca.crt"
  cp "$stack_dir/certs/sink.crt" "$work/tls.crt"
  cp "$stack_dir/certs/sink.key" "$work/tls.key"
  cp "$root/test/fixtures/audit/v1.36/001-eventlist.json" "$work/events.json"
  jq -c '.items[]' "$work/events.json" >"$work/audit-2026-01-02.log"
  printf 'hunter2' >"$work/leaked-password"
  jq '{my: {wrapper: [.items[] | {event: .}]}}' "$work/events.json" >"$work/odd.json"
  mkdir "$work/export" "$work/bin"
  jq -cs '{messageType: "DATA_MESSAGE", logGroup: "/aws/eks/prod/cluster", logStream: "kube-apiserver-audit-1",
    logEvents: ([.[] | {id: "1", timestamp: 1767312000000, message: tojson}] + [{id: "2", timestamp: 1767312000000,
    message: "I0102 a line of something else"}])}' "$work/audit-2026-01-02.log" | gzip >"$work/export/000000.gz"
  # What the clouds' programs print is up to the clouds: here, a log of an API server.
  for item in aws gcloud; do printf '#!/bin/sh\ncat audit-2026-01-02.log\n' >"$work/bin/$item"; done
  printf '#!/bin/sh\nmkdir aks && cp audit-2026-01-02.log aks/\n' >"$work/bin/az"
  chmod +x "$work/bin"/*
  printf '%s\n' 'apiVersion: holdpoint.dev/v1alpha1' 'kind: HoldReview' 'metadata: {generateName: list-}' \
    'spec: {decision: List}' >"$work/list.yaml"
  printf '[holdpoint]\nhost=%s\nport=%s\ndbname=holdpoint\nuser=auditsink\npassfile=%s\n' \
    "$stack_sockets" "$pg_port" "$stack_dir/passfile" >"$work/pg_service.conf"
}

# as_login LOGIN COMMAND...: a shell as ./dev makes it for a person, in the folder of the pages' files.
as_login() {
  local login=$1
  shift
  (cd "$work" && PATH=$work/bin:$stack_bin:$PATH HOLDPOINT_DATABASE_URL=$(stack_database_url "$login") \
    PGHOST=$stack_sockets PGPORT=$pg_port PGDATABASE=${database:-holdpoint} PGUSER=$login \
    PGPASSFILE=$stack_dir/passfile PGSERVICEFILE=$work/pg_service.conf XDG_STATE_HOME=$work/state \
    KUBECONFIG=$cluster_dir/kube/$who.kubeconfig "$@")
}

# fresh_hold: makes one that waits; its number is in $hold.
holds=0
fresh_hold() {
  as admin -n prod create configmap "docs-$((++holds))" >/dev/null
  refused 'hold [0-9]+ waits' as agent -n prod delete configmap "docs-$holds"
  hold=$(newest_hold)
}

# in_place TEXT: with what is there in place of what the page makes up.
in_place() {
  local session event
  session=$(cli auditor sessions -o json | jq -r '.[0].session // "s1-1"')
  event=$(cli auditor events -o json --limit 1 | jq -r '.[0] | "\(.cluster)/\(.seq)"')
  sed -E "s/(^|[ (])42\b/\1$hold/g; s/\bs1-2048\b/$session/; s#default/2048#$event#
    s#https://sink.example.com:8444/audit/prod#${stack_url[tokens]}/audit/$stack_cluster#
    s#--cluster prod#--cluster $stack_cluster#; s#admin.kubeconfig#$cluster_dir/kube/admin.kubeconfig#
    s#--listen=:8444#--listen=127.0.0.1:0#; s#/etc/holdpoint/mask.key#mask.key#" <<<"$1"
}

# plain: on one line, times and numbers as T and 0.
plain() {
  sed -E 's/[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9:.]+( [A-Z]{3}|Z)/T/g; s/[0-9]+/0/g' | tr -d '\r' | tr -s ' \t\n' ' '
}

# shows FILE: each line of it stands in $output; "…" stands for anything.
shows() {
  local said line part
  said=$(plain <<<"$output")
  while read -r line; do
    while [[ $line ]]; do
      part=${line%%…*}
      line=${line#"$part"} && line=${line#…}
      part=$(plain <<<"$part") && part=${part% } && part=${part# }
      [[ $said == *"$part"* ]] || fail "$where: the output has no \"$part\": $output"
    done
  done <"$1"
}

# run LOGIN EXIT TEXT
run() {
  local rc=0
  output=$(as_login "$1" timeout 60 bash -c "$said_before$3" 2>&1 </dev/null) || rc=$?
  [[ $rc == "$2" ]] || fail "$where: exit $rc, expected $2: $3"$'\n'"$output"
}

# follows LOGIN TEXT: goes on until it is interrupted.
follows() {
  local rc=0
  output=$(as_login "$1" timeout --signal=INT --kill-after=20 2 bash -c "exec $2" 2>&1 </dev/null) || rc=$?
  [[ $rc == 124 || $rc == 130 || $rc == 0 ]] || fail "$where: exit $rc of $2"$'\n'"$output"
}

# asks LOGIN TEXT: on a terminal, and somebody says yes.
asks() {
  output=$(as_login "$1" script -qefc "${2%%  #*}" /dev/null <<<y 2>&1) || fail "$where: $2"$'\n'"$output"
  [[ $output == *'[y/N]'* ]] || fail "$where: did not ask: $output"
}

# serves TEXT: a daemon; it ends when it has said that it listens.
serves() {
  local log=$work/daemon.log pid
  (umask 077 && openssl rand -hex 32 >"$work/mask.key")
  (who='admin' && as_login auditsink setpriv --pdeathsig=TERM -- bash -c "exec $1") >"$log" 2>&1 &
  pid=$!
  eventually 20 grep -q '"event":"listening"' "$log"
  kill "$pid"
  wait "$pid" 2>/dev/null || true
}

# sql_of_page TEXT: an administrator's, of a person and a group that are not there yet.
sql_of_page() {
  sql "$(sed -E 's/\balice/dora/g; s/\bsre\b/sre_of_dora/g; s/--.*//' <<<"$1")" >/dev/null ||
    fail "$where: $1"
}

names_a_step() { "$root/dev" help | grep -qE "(^ +|;  )$1( |:|$)" || fail "$where: ./dev has no $1"; }

# expected_exit: from what the page prints under it.
expected_exit() {
  local page=$work/$1.output
  if [[ -s $page ]] && grep -q 'Error from server' "$page"; then
    echo 1
  elif [[ -s $page ]] && grep -qE ' FAIL +| [1-9][0-9]* would be denied' "$page"; then
    echo 3
  else
    echo 0
  fi
}

# try NNN: runs that command as whoever the page speaks to.
try() {
  local text=$1 expected=$2
  who=sre
  case $text in
    './dev '* | 'for thing in '*) while read -r step; do names_a_step "$step"; done < <(grep -oP '\./dev \K[a-z]+' <<<"$text") ;;
    .ci/run) [[ -x $root/.ci/run ]] ;;
    'git tag '*) ;; # of a release; ./dev dist is tried by .ci/run
    [a-z]*=*.json) said_before="$text; " ;;
    --*) [[ $cluster_flags == *"${text%%=*}"[=\ ]* ]] || unknown_flag "${text%%=*}" ;;
    'CREATE '* | 'GRANT '* | 'SELECT '* | 'UPDATE '*) sql_of_page "$text" ;;
    '(cd db && '*) (cd "$work" && bash -c "$text") ;;
    'aws '* | 'gcloud '* | 'az '* | 'jq '*) run auditor 0 "$text" ;;
    '(umask '*) run alice 0 "$text" ;;
    'holdpoint-auditsink '*) serves "$text" ;;
    'holdpoint holds watch'*) follows alice "$text" ;;
    'holdpoint events -f') follows auditor "$text" ;;
    *'deny --user'*) asks alice "$text" ;;
    'holdpoint doctor --'*)
      as admin patch validatingwebhookconfiguration holdpoint --type=json \
        -p '[{"op": "replace", "path": "/webhooks/0/failurePolicy", "value": "Ignore"}]' >/dev/null
      run auditor "$expected" "$text"
      cluster_register
      ;;
    'holdpoint '[a-z]* | TZ=* | 'psql '* | 'kubectl '*) try_client "$text" "$expected" ;;
    *) fail "$where: how is this run? $text" ;;
  esac
}

# Names of commands in a sentence, without what they are to do, have help.
try_client() {
  local text=$1 expected=$2 words=${1%%  #*}
  case $words in
    'kubectl holdpoint approve' | 'kubectl holdpoint show') run alice 0 "${words% -[a-z]} --help" ;;
    'holdpoint '@(approve|'db migrate'|doctor|'holds show'|import|'policy '@(authorizer|check|test|'check --managed'|'check --authorization-config')))
      run alice 0 "${words% --*} --help"
      [[ $words != *--* || $output == *"--${words##* --}"* ]] || fail "$where: no such flag: $words"
      ;;
    'kubectl '@(scale|exec|diff|'create -f'|'apply -k'|'auth can-i'|holdpoint)) run alice 0 "${words% -[a-z]} --help" ;;
    'kubectl apply -f manifests/'* | 'kubectl '*' -k DIR/registration') who='admin' && run alice 0 "$text" ;;
    'kubectl holdpoint '@(status|wait)' '*) who=agent && run alice 4 "$text" ;;
    'kubectl holdpoint '@(withdraw|comment)' '* | 'kubectl holdpoint '*--mine) who=agent && run alice "$expected" "$text" ;;
    'kubectl create -f list.yaml '* | 'kubectl holdpoint '*) run alice "$expected" "$text" ;;
    'kubectl '*) who=agent && run alice "$expected" "$text" ;;
    'holdpoint '@(events|decisions|approvers|missing|'policy history'|'policy replay'|sessions|replay|sources|import)*) run auditor "$expected" "$text" ;;
    'holdpoint '@(retention|erase)*) run keeper "$expected" "$text" ;;
    *) run alice "$expected" "$text" ;;
  esac
}

# 1.20 knows fewer.
unknown_flag() { [[ ${HOLDPOINT_APISERVER:-stable} == stable ]] || fail "$where: kube-apiserver has no $1"; }

prepare
commands
block='' count=0
for file in "$work"/*.command; do
  number=$(basename "$file" .command)
  where=$(<"$work/$number.where") text=$(<"$file")
  step_is "$where: ${text%%$'\n'*}"
  [[ $block == "$(<"$work/$number.block")" ]] || { block=$(<"$work/$number.block") hold='' output='' said_before=''; }
  [[ ! $output =~ hold\ ([0-9]+)\ waits ]] || hold=${BASH_REMATCH[1]}
  made=$hold
  [[ $hold || ! $text =~ (^|[ \(])42($|[^0-9]) ]] || fresh_hold
  output=''
  try "$(in_place "$text")" "$(expected_exit "$number")"
  hold=$made
  if [[ $text == *'holdpoint sources '* && -s $work/$number.output ]]; then sed -i 1q "$work/$number.output"; fi
  [[ ! -s $work/$number.output ]] || shows "$work/$number.output"
  count=$((count + 1))
done
((count > 60)) || fail "only $count commands were found: is it read right?"
daemon_stop tokens
say "$count commands"
e2e_passed
