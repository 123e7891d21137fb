# SPDX-License-Identifier: Apache-2.0
# The main job, shown: what ./dev up tells once the daemons run. Every line comes from them, and a
# verdict other than the expected one ends the demonstration with an error.

demo_title() {
  if [[ -t 1 && -z ${NO_COLOR:-} ]]; then printf '\n\033[1m%s\033[0m\n' "$*"; else printf '\n%s\n' "$*"; fi
}
demo_line() { printf '  %-9s %s\n' "$1" "$2"; }

# demo_review FILE allowed|denied: sends a recorded AdmissionReview to the webhook.
demo_review() {
  demo_line request "$(jq -r '.request | [.userInfo.username, .operation,
    .resource.resource + (if .subResource then "/" + .subResource else "" end),
    (if .namespace then .namespace + "/" else "" end) + .name] | join("  ")' "$1")"
  demo_answer=$(post webhook /validate "$1")
  local allowed
  allowed=$(jq -r '.response | if .allowed then "allowed" else "denied" end' <<<"$demo_answer") ||
    die "the webhook's answer is no AdmissionReview: $demo_answer"
  demo_line "$allowed" "$(jq -r '.response.status | select(.) | "\(.code) \(.message)"' \
    <<<"$demo_answer" | fold -s -w 88 | sed '2,$s/^/            /')"
  [[ $allowed == "$2" ]] || die "expected it to be $2; see $stack_dir/webhook.log"
}

demo_recorded() {
  local fixtures=$root/test/fixtures review=$state/run/delete.json
  demo_title "1. An agent wants a privileged pod, and a shell in production"
  demo_review "$fixtures/admission/v1.36/021-validate-create-pods.json" denied
  demo_review "$fixtures/admission/v1.36/036-validate-connect-pods-exec.json" denied

  demo_title "2. It wants to delete something: that waits for a person"
  # As recorded, but for the uids: the object of today's run is not the one of yesterday's.
  jq -c --arg uid "$(</proc/sys/kernel/random/uuid)" '.request.uid = $uid
    | .request.oldObject.metadata.uid = $uid' \
    "$fixtures/admission/v1.36/065-validate-delete-pods.json" >"$review"
  demo_review "$review" denied
  demo_approve "$(jq -r '.response.auditAnnotations.hold // empty' <<<"$demo_answer")"

  demo_title "4. The agent repeats its request, unchanged"
  demo_review "$review" allowed

  demo_title "5. The API server reports what happened; Secrets are masked before anything is kept"
  demo_audit "$fixtures/audit/v1.36"
  demo_session
}

demo_approve() {
  demo_title "3. Alice, of the group sre, looks at hold $1 and approves it"
  [[ $1 ]] || die "the denial names no hold: $demo_answer"
  HOLDPOINT_DATABASE_URL=$(stack_database_url alice) "$stack_bin/holdpoint" holds show "$1" \
    >"$state/run/hold.txt"
  demo_excerpt "$state/run/hold.txt" 20 "holdpoint holds show $1"
  HOLDPOINT_DATABASE_URL=$(stack_database_url alice) "$stack_bin/holdpoint" approve "$1" \
    --reason "the debug pod is no longer needed" | fold -s -w 96 | sed 's/^/  /'
}

demo_audit() {
  local file events=0 code
  for file in "$1"/*-eventlist.json; do
    events=$((events + $(jq '.items | length' "$file")))
    code=$(curl -sS -o /dev/null -w '%{http_code}' --max-time 60 --cacert "$stack_dir/certs/ca.crt" \
      --cert "$stack_dir/certs/audit.crt" --key "$stack_dir/certs/audit.key" \
      -H 'Content-Type: application/json' --data-binary "@$file" \
      "${stack_url[sink]}/audit/$stack_cluster")
    [[ $code == 200 ]] || die "the sink answered $code to $file; see $stack_dir/sink.log"
  done
  demo_line sent "$events events in $(find "$1" -name '*-eventlist.json' | wc -l) requests, each answered 200"
}

# The recording has its own time; this looks back to it from any day.
demo_since() {
  local hours=$((($(date +%s) - $(date -d 2026-11-01 +%s)) / 3600))
  printf '%dh\n' $((hours > 24 ? hours : 24))
}

# The newest session of the agent, and proof that no planted secret is in the database.
demo_session() {
  local session url
  url=$(stack_database_url auditor)
  session=$(HOLDPOINT_DATABASE_URL=$url "$stack_bin/holdpoint" sessions -o json \
    --since "$(demo_since)" |
    jq -r 'map(select(.username == "claude-code@agents.example.com")) | max_by(.requests)
      | .session // empty')
  [[ $session ]] || die "holdpoint sessions shows no session of claude-code@agents.example.com"
  demo_title "6. The agent's session, replayed in order (how it begins)"
  HOLDPOINT_DATABASE_URL=$url "$stack_bin/holdpoint" replay "$session" >"$state/run/replay.txt"
  demo_excerpt "$state/run/replay.txt" 12 "holdpoint replay $session"
  demo_line "a Secret" "$(psql -q -X -tA "$url" -c "SELECT body::json -> 'requestObject' -> 'data'
    FROM holdpoint.audit_event WHERE resource = 'secrets' AND verb = 'create' AND name = 'db'
    AND cluster = '$stack_cluster' ORDER BY seq DESC LIMIT 1" | sed 's/,/,\n            /g')"
  demo_planted
}

# demo_excerpt FILE LINES COMMAND: its first lines, and the command that shows the rest.
demo_excerpt() {
  head -n "$2" "$1" | cut -c1-98 | sed 's/^/  /'
  printf '  … %d lines in all: %s\n' "$(wc -l <"$1")" "$3"
}

demo_planted() {
  local dump=$state/run/dump.sql found=0 secret
  (pg_run -- "$(pg_bin pg_dump)" "$(pg_url "$stack_sockets" holdpoint)") >"$dump"
  while read -r secret; do
    if grep -qF -- "$secret" "$dump" "$stack_dir"/*.log "$state/run/replay.txt"; then
      found=$((found + 1))
    fi
  done < <(planted_secrets)
  demo_line secrets "$found of $(planted_secrets | wc -l) spellings of the planted secrets are in the database, the logs or the replay"
  rm -f "$dump"
  ((found == 0)) || die "a secret was kept"
}

# The same with a real kubectl and a real kube-apiserver in between.
demo_kubectl() {
  local secret
  demo_title "Two people and an agent, all of them cluster-admin, and a real kube-apiserver"
  as admin create namespace prod --dry-run=client -o yaml | as admin apply -f - >/dev/null
  as admin -n prod run web --image=registry.example.com/web:1 >/dev/null 2>&1 || true
  demo_title "1. The agent wants a privileged pod, and a Secret"
  # Another name each time: what was approved of the last one for a while would still pass.
  secret=db-$(date +%H%M%S)
  as admin -n prod create secret generic "$secret" --from-literal=password=not-shown >/dev/null
  demo_as agent refused -n prod run root --image=busybox --privileged
  demo_as agent refused -n prod get secret "$secret"
  demo_title "2. It deletes a pod: that waits for a person"
  demo_as agent refused -n prod delete pod web --wait=false
  demo_approve "$(sed -nE 's/.*hold ([0-9]+) waits.*/\1/p' <<<"$demo_answer" | head -n 1)"
  demo_title "4. The agent repeats it"
  demo_as agent allowed -n prod delete pod web --wait=false --grace-period=0 --force
  demo_title "5. What the API server reported about the agent"
  demo_recent_session
}

# demo_as WHO allowed|refused ARGS...
demo_as() {
  local who=$1 expected=$2 verdict=allowed
  shift 2
  printf '  %s$ kubectl %s\n' "$who" "$*"
  demo_answer=$(as "$who" "$@" 2>&1) || verdict=refused
  fold -s -w 96 <<<"$demo_answer" | sed 's/^/  /'
  [[ $verdict == "$expected" ]] ||
    die "expected it to be $expected (approved, or denied too often, before? ./dev down --purge begins anew); see $stack_dir/webhook.log"
}

demo_recent_session() {
  local url session deadline=$((SECONDS + 30))
  url=$(stack_database_url auditor)
  until session=$(HOLDPOINT_DATABASE_URL=$url "$stack_bin/holdpoint" sessions -o json \
    --since 2m | jq -er 'map(select(.username == "claude-code@agents.example.com" and .writes > 2))
      | max_by(.started_at) | .session // empty') && [[ $session ]]; do
    ((SECONDS < deadline)) || die "the API server's events did not arrive; see $stack_dir/sink.log"
    sleep 0.5
  done
  sleep 1.5
  HOLDPOINT_DATABASE_URL=$url "$stack_bin/holdpoint" replay "$session" | cut -c1-98 | sed 's/^/  /'
}
