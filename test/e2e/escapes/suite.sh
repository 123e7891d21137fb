# SPDX-License-Identifier: Apache-2.0
# Runs a table of rows against a real API server: ways around the guard, and ordinary work.
#
# A row is one call in a *.rows.sh file beside this one:
#
#   row NAME EXPECTED SOURCE [NEEDS] <<'DO'
#   …steps, as an agent with cluster-admin would take them…
#   DO
#
#   NAME      KIND/what-is-done, unique
#   EXPECTED  denied | held | passes: with policy/library/agents alone; stopped: denied or held, as
#             the version of Kubernetes has it
#   SOURCE    where it is described
#   NEEDS     oldest Kubernetes that has it ("1.25"); "own": the row's namespace is one of the
#             agents' own; or both
#
# Each row runs in a namespace of its own, $NS, that has what its steps name (fixtures_of). Steps:
#   k ARGS…                  kubectl as the agent, in $NS
#   adm ARGS…                kubectl as the administrator; when it fails the row is broken
#   api METHOD PATH [TYPE BODY]   a bare request of the agent's; prints the answer's message
#   reach COMMAND…           any outcome but a refusal will do: nothing runs behind this API server
#   pod NAME [SPEC [CONTAINER]]            a Pod; further fields as JSON without braces
#   load KIND NAME [SPEC [CONTAINER]]      a workload with such a pod
#   obj VERSION KIND NAME JSON             an object with these further fields
#
# Verdicts: denied, held, passes, broken (it failed, and not by a refusal).

suite_names=()
declare -A suite_expected suite_source suite_needs

row() {
  local name=$1
  [[ $name =~ ${ESCAPES:-.} ]] || return 0
  [[ -z ${suite_expected[$name]:-} ]] || die "two rows are named $name"
  [[ $2 =~ ^(denied|held|stopped|passes)$ ]] || die "row $name: no such verdict: $2"
  suite_names+=("$name")
  suite_expected[$name]=$2 suite_source[$name]=$3 suite_needs[$name]=${4:-}
  mkdir -p "$suite_dir/steps/${name%/*}"
  cat >"$suite_dir/steps/$name.sh"
}

# suite_read DIR FILE…: the tables; DIR keeps steps and logs.
suite_read() {
  suite_dir=$1
  shift
  local file
  for file in "$@"; do
    # shellcheck source=/dev/null
    source "$file"
  done
}

# suite_run RUN: all rows on the cluster that cluster_start made; verdicts in
# $suite_dir/RUN/NAME.verdict, what was seen beside it.
suite_run() {
  local name running=0
  suite_log=$suite_dir/$1
  mkdir -p "$suite_log"
  suite_versions
  suite_fixtures
  for name in "${suite_names[@]}"; do
    suite_is_skipped "$name" && continue
    suite_row "$name" &
    ((++running < suite_jobs)) || { wait -n || true; running=$((running - 1)); }
  done
  # Only the rows: the servers are children of this shell too.
  while ((running)); do wait -n || true; running=$((running - 1)); done
}

suite_jobs=8

# What differs between the versions of Kubernetes that are tried.
suite_versions() {
  local all
  all=$(as admin api-versions)
  suite_version=$(as admin get --raw /version | jq -r '.major + "." + (.minor | gsub("[^0-9]"; ""))')
  newest() { local v; for v; do grep -qx "$v" <<<"$all" && echo "$v" && return; done; echo none/v1; }
  CRON=$(newest batch/v1 batch/v1beta1)
  suite_has cronjobs "$CRON" || CRON=batch/v1beta1
  PDB=$(newest policy/v1 policy/v1beta1)
  SLICE=$(newest discovery.k8s.io/v1 discovery.k8s.io/v1beta1)
  FLOW=$(newest flowcontrol.apiserver.k8s.io/v1 flowcontrol.apiserver.k8s.io/v1beta3 \
    flowcontrol.apiserver.k8s.io/v1beta1)
  HPA=$(newest autoscaling/v2 autoscaling/v2beta2)
  CSR=$(openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout /dev/null \
    -subj '/O=system:masters-x/CN=mallory' 2>/dev/null | base64 -w0)
}

suite_has() { as admin get --raw "/apis/$2" 2>/dev/null | jq -e --arg r "$1" \
  'any(.resources[]; .name == $r)' >/dev/null; }

suite_is_skipped() {
  [[ ${suite_needs[$1]} =~ 1\.([0-9]+) ]] && ((BASH_REMATCH[1] > ${suite_version#1.}))
}

# The namespace of a row; values.yaml calls agents-sandbox-* the agents' own.
suite_namespace() {
  local number
  number=$(printf '%s' "$1" | cksum)
  if [[ ${suite_needs[$1]} == *own ]]; then
    echo "agents-sandbox-${number% *}"
  else
    echo "row-${number% *}"
  fi
}

suite_row() {
  local name=$1 rc verdict
  NS=$(suite_namespace "$name")
  T=$suite_log/$name
  trap - EXIT INT TERM
  set +e # and not "|| rc=$?", which would switch it off within, too
  # shellcheck source=/dev/null
  (set -eo pipefail; source "$suite_dir/steps/$name.sh") >"$T.log" 2>&1 </dev/null
  rc=$?
  if grep -q 'SETUP FAILED' "$T.log"; then verdict=broken
  elif ((rc == 0)); then verdict=passes
  elif grep -qE 'hold [0-9]+ waits|hold [0-9]+ .*approval' "$T.log"; then verdict=held
  elif grep -qiE "$suite_refusals" "$T.log"; then verdict=denied
  else verdict=broken; fi
  # A condition that fails denies too: that is no rule's verdict.
  if grep -q 'could not be evaluated' "$T.log"; then verdict=broken; fi
  echo "$verdict" >"$T.verdict"
}

suite_verdict() { cat "$suite_dir/$1/$2.verdict" 2>/dev/null || echo skipped; }

# ---- what steps are made of ----

k() { suite_kubectl agent "$@"; }
adm() { suite_kubectl admin "$@" || { echo "SETUP FAILED: $*"; exit 9; }; }

suite_kubectl() {
  local who=$1 in=(-n "$NS") arg
  shift
  for arg; do
    [[ $arg != -n && $arg != --namespace* && $arg != -A && $arg != --all-namespaces ]] || in=()
  done
  as "$who" --request-timeout=40s "${in[@]}" "$@"
}

api() {
  local method=$1 path=$2 type=${3:-} body=${4:-} code kube=$cluster_dir/kube args=()
  [[ $type ]] && args=(-H "Content-Type: $type" --data-binary "$body")
  [[ $method == HEAD ]] && args+=(-I)
  code=$(curl -sS -o "$T.body" -w '%{http_code}' --max-time 40 --cacert "$kube/cluster-ca.crt" \
    --cert "$kube/agent.crt" --key "$kube/agent.key" -X "$method" "${args[@]}" "${headers[@]}" \
    "$cluster_url$path")
  jq -r '.message // empty' "$T.body" 2>/dev/null || head -c 300 "$T.body"
  echo "HTTP $code"
  [[ $code != 403 ]] || { echo forbidden && return 43; }
  [[ $code == 2* ]]
}
headers=()

reach() {
  local out rc=0
  out=$("$@" 2>&1) || rc=$?
  echo "$out"
  ((rc)) || return 0
  # Refused as somebody else: then the agent had become that one.
  if grep -qE 'User "(alice@example.com|root|system:[^"]*)" cannot' <<<"$out"; then return 0; fi
  ! grep -qiE "$suite_refusals" <<<"$out"
}
# The last is the API server's word for an authorizer that could not read its question, as that about
# OPTIONS, which has no verb: with failurePolicy Deny it refuses then.
suite_refusals='forbidden|denied the request|server rejected our request for an unknown reason'

pod() {
  printf '{"apiVersion":"v1","kind":"Pod","metadata":{"name":"%s","labels":{"app":"%s"}},"spec":%s}\n' \
    "$1" "$1" "$(pod_spec "${2:-}" "${3:-}")"
}
pod_spec() {
  printf '{%s"containers":[{"name":"c","image":"busybox"%s}]}' "${1:+$1,}" "${2:+,$2}"
}

load() {
  local kind=$1 name=$2 template version=apps/v1 selector
  template=$(printf '{"metadata":{"labels":{"app":"%s"}},"spec":%s}' "$name" \
    "$(pod_spec "${3:-}" "${4:-}")")
  selector=$(printf '"selector":{"matchLabels":{"app":"%s"}},' "$name")
  case $kind in
    CronJob)
      obj "$CRON" CronJob "$name" '"spec":{"schedule":"0 0 1 1 *","jobTemplate":{"spec":{"template":'"$template"'}}}'
      return
      ;;
    Job) version=batch/v1 selector='' ;;
    ReplicationController) version=v1 selector='' ;;
    StatefulSet) selector+="\"serviceName\":\"$name\"," ;;
  esac
  obj "$version" "$kind" "$name" '"spec":{'"$selector"'"template":'"$template"'}'
}

# A webhook configuration with a name like Holdpoint's, which asks nobody about anything.
decoy() {
  obj admissionregistration.k8s.io/v1 ValidatingWebhookConfiguration "holdpoint-$NS" \
    '"webhooks":[{"name":"a.example.com","clientConfig":{"url":"https://127.0.0.1:1/"},"rules":[{"operations":["CREATE"],"apiGroups":["nope.example.com"],"apiVersions":["*"],"resources":["*"]}],"failurePolicy":"Fail","sideEffects":"None","admissionReviewVersions":["v1"]}]' |
    adm create -f - >/dev/null
}

obj() { printf '{"apiVersion":"%s","kind":"%s","metadata":{"name":"%s"},%s}\n' "$1" "$2" "$3" "$4"; }

# ---- what a row's namespace has ----

# fixtures_of NS STEPS: objects, one a line, of those that the steps name.
fixtures_of() {
  local text=$2
  has() { [[ $text =~ $1 ]]; }
  local NS=$1
  {
    if has '\bdb\b'; then obj v1 Secret db '"stringData":{"password":"hunter2"}'; fi
    if has '\bcfg\b'; then obj v1 ConfigMap cfg '"data":{"a":"1"}'; fi
    if has 'operator-scripts'; then obj v1 ConfigMap operator-scripts '"data":{"run.sh":"exec operator"}'; fi
    obj v1 ServiceAccount default '"secrets":[]'
    if has '\brobot\b'; then obj v1 ServiceAccount robot '"secrets":[]'; fi
    if has 'deployer|operator|opod'; then obj v1 ServiceAccount deployer '"secrets":[]'; fi
    if has '\bweb\b'; then load Deployment web | jq -c '.spec.replicas = 2'; fi
    if has '\bten\b'; then load Deployment ten | jq -c '.spec.replicas = 10'; fi
    if has '\boperator\b'; then load Deployment operator '"serviceAccountName":"deployer"'; fi
    if has '\bwithdb\b'; then load Deployment withdb '' '"envFrom":[{"secretRef":{"name":"db"}}]'; fi
    if has '\bsts\b'; then load StatefulSet sts | jq -c '.spec.replicas = 2'; fi
    if has '\bds\b'; then load DaemonSet ds; fi
    if has '\brs1\b'; then load ReplicaSet rs1 | jq -c '.spec.replicas = 2'; fi
    if has '\bjob1\b'; then load Job job1 '"restartPolicy":"Never"'; fi
    if has '\bbackup\b'; then load CronJob backup '"restartPolicy":"Never"'; fi
    if has '\bp1\b'; then pod p1 | jq -c '.metadata.labels.app = "web"'; fi
    if has '\bopod\b'; then pod opod '"serviceAccountName":"deployer"'; fi
    if has '\bdata\b'; then
      obj v1 PersistentVolumeClaim data '"spec":{"accessModes":["ReadWriteOnce"],"resources":{"requests":{"storage":"1Gi"}}}'
    fi
    if has 'service web|web:80|service-name":"web|"Endpoints"'; then
      obj v1 Service web '"spec":{"selector":{"app":"web"},"ports":[{"port":80}]}'
    fi
    if has '\bsvc\b'; then obj v1 Service svc '"spec":{"selector":{"app":"web"},"ports":[{"port":80}]}'; fi
    if has '\bing\b'; then
      obj networking.k8s.io/v1 Ingress ing '"spec":{"rules":[{"host":"a.example.com","http":{"paths":[{"path":"/","pathType":"Prefix","backend":{"service":{"name":"svc","port":{"number":80}}}}]}}]}'
    fi
    if has '\bnetpol\b'; then
      obj networking.k8s.io/v1 NetworkPolicy netpol '"spec":{"podSelector":{},"policyTypes":["Ingress"]}'
    fi
    if has '\bev0\b'; then
      obj v1 Event ev0 '"involvedObject":{"kind":"Pod","name":"p1","namespace":"'"$NS"'"},"reason":"Killing","type":"Normal","message":"m"'
    fi
  } | jq -c --arg ns "$NS" '.metadata.namespace = $ns'
  if has 'NS-n\b'; then obj v1 Node "$NS-n" '"spec":{}'; fi
  if has 'NS-pv\b'; then
    obj v1 PersistentVolume "$NS-pv" '"spec":{"capacity":{"storage":"1Gi"},"accessModes":["ReadWriteOnce"],"persistentVolumeReclaimPolicy":"Retain","nfs":{"server":"10.1.1.1","path":"/x"}}' |
      jq -c '.metadata.finalizers = ["example.com/keep"]'
  fi
}

# Both runs have the same objects, each on a cluster of its own.
suite_fixtures() {
  local name dir=$suite_dir/fixtures part
  for name in "${suite_names[@]}"; do mkdir -p "$suite_log/${name%/*}"; done
  [[ -d $dir ]] || fixtures_write "$dir"
  as admin get namespace holdpoint-system >/dev/null 2>&1 || as admin create namespace holdpoint-system >/dev/null
  as admin apply -f "$root/manifests/base/holdreview.yaml" >/dev/null # admission is asked about what is served
  as admin create -f - >/dev/null <<'YAML'
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: applications.gitops.example.com}
spec:
  group: gitops.example.com
  scope: Namespaced
  names: {plural: applications, kind: Application}
  versions:
  - name: v1
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
YAML
  as admin wait --for=condition=Established crd/holdreviews.holdpoint.dev --timeout=30s >/dev/null
  fixtures_create "$dir/namespaces"
  local pids=()
  for part in "$dir"/part.*; do
    fixtures_create "$part" &
    pids+=($!)
  done
  wait "${pids[@]}"
}

fixtures_write() {
  local dir=$1 name ns
  mkdir -p "$dir"
  for name in "${suite_names[@]}"; do
    suite_is_skipped "$name" && continue
    ns=$(suite_namespace "$name")
    obj v1 Namespace "$ns" '"spec":{}' >>"$dir/namespaces"
    fixtures_of "$ns" "$(<"$suite_dir/steps/$name.sh")" >>"$dir/objects"
  done
  split -n r/4 "$dir/objects" "$dir/part."
}

fixtures_create() {
  local log=$suite_log/${1##*/}.log
  [[ -s $1 ]] || return 0
  jq -s '{apiVersion: "v1", kind: "List", items: .}' "$1" |
    as admin create --validate=false -f - >"$log" 2>&1 || die "fixtures: $(tail -n 3 "$log")"
}

# ---- what came of it ----

# suite_report CONTROL GUARDED: prints the counts, and the rows that are not as expected; fails when
# there is one.
suite_report() {
  local control=$1 guarded=$2 name bare got wrong=0 stopped=0 techniques=0 passing=0 work=0 bare_ok=0
  local skipped=() list=()
  for name in "${suite_names[@]}"; do
    if suite_is_skipped "$name"; then
      skipped+=("$name (needs ${suite_needs[$name]})")
      continue
    fi
    bare=$(suite_verdict "$control" "$name") got=$(suite_verdict "$guarded" "$name")
    if [[ $bare == passes ]]; then bare_ok=$((bare_ok + 1)); else
      list+=("$name: without Holdpoint it is $bare, not passes: $(tail -n 2 "$suite_dir/$control/$name.log")")
    fi
    if [[ ${suite_expected[$name]} == passes ]]; then
      work=$((work + 1))
      [[ $got == passes ]] && passing=$((passing + 1))
    else
      techniques=$((techniques + 1))
      [[ $got == held || $got == denied ]] && stopped=$((stopped + 1))
    fi
    [[ $got == "${suite_expected[$name]}" ]] ||
      [[ ${suite_expected[$name]} == stopped && $got =~ ^(denied|held)$ ]] ||
      list+=("$name: $got, not ${suite_expected[$name]} [${suite_source[$name]}]: $(tail -n 2 "$suite_dir/$guarded/$name.log")")
  done
  say "Kubernetes $suite_version, policy/library/agents alone"
  say "$stopped of $techniques stopped"
  say "$passing of $work work cases pass"
  say "control, without Holdpoint: $bare_ok of $((techniques + work)) pass"
  for name in "${skipped[@]}"; do say "skipped, this API server is $suite_version: $name"; done
  for name in "${list[@]}"; do note "WRONG $name" && wrong=1; done
  ((!wrong))
}
