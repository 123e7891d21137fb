# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2016,SC2154
# Deleting, by whatever means. See suite.sh for the columns.

row destroy/delete-deployment held 'MITRE T1485; MS-TA9038' <<'DO'
k delete deployment web --wait=false
DO

row destroy/delete-all-pods-collection held 'MITRE T1485' <<'DO'
: p1
api DELETE /api/v1/namespaces/$NS/pods
DO

row destroy/evict-pod held 'API-initiated eviction' <<'DO'
api POST /api/v1/namespaces/$NS/pods/p1/eviction application/json '{"apiVersion":"policy/v1beta1","kind":"Eviction","metadata":{"name":"p1"}}'
DO

row destroy/scale-zero held 'MITRE T1489' <<'DO'
k scale deployment web --replicas=0
DO

row destroy/hpa-holds-workload-at held 'attack write-ups' <<'DO'
# Not with `kubectl autoscale`: newer ones show another error in place of a refusal.
obj "$HPA" HorizontalPodAutoscaler web '"spec":{"minReplicas":1,"maxReplicas":1,"scaleTargetRef":{"apiVersion":"apps/v1","kind":"Deployment","name":"web"}}' | k create -f -
DO

row destroy/resourcequota-pods-0 held 'attack write-ups' <<'DO'
k create quota none --hard=pods=0
DO

row destroy/impossible-nodeselector-daemonset held 'attack write-ups' <<'DO'
k patch daemonset ds --type=merge -p '{"spec":{"template":{"spec":{"nodeSelector":{"nope":"x"}}}}}'
DO

row destroy/schedulername-nobody-deployment held 'scheduling reference' <<'DO'
k patch deployment web --type=merge -p '{"spec":{"template":{"spec":{"schedulerName":"nobody"}}}}'
DO

row destroy/job-deleted-ttlsecondsafterfinished-0 held 'attack write-ups' 1.21 <<'DO'
k patch job job1 --type=merge -p '{"spec":{"ttlSecondsAfterFinished":0}}'
DO

row destroy/running-job-suspended held 'batch reference' 1.21 <<'DO'
k patch job job1 --type=merge -p '{"spec":{"suspend":true}}'
DO

row destroy/pod-status-set-failed held 'attack write-ups' <<'DO'
api PATCH /api/v1/namespaces/$NS/pods/p1/status application/merge-patch+json '{"status":{"phase":"Failed"}}'
DO

row destroy/node-status-set-notready held 'attack write-ups' <<'DO'
api PATCH /api/v1/nodes/$NS-n/status application/merge-patch+json '{"status":{"conditions":[{"type":"Ready","status":"False"}]}}'
DO

row destroy/noexecute-taint-on-node-old-api held 'KEP-2268' <<'DO'
k patch node $NS-n --type=merge -p '{"spec":{"taints":[{"key":"node.kubernetes.io/out-of-service","value":"nodeshutdown","effect":"NoExecute"}]}}'
DO

row destroy/preemption-system-node-critical held 'attack write-ups' <<'DO'
pod hog '"priorityClassName":"system-node-critical"' '"resources":{"requests":{"cpu":"64"}}' | k create -f -
DO

row destroy/reclaim-policy-persistentvolume-set-delete held 'PV reference' <<'DO'
k patch pv $NS-pv --type=merge -p '{"spec":{"persistentVolumeReclaimPolicy":"Delete"}}'
DO

row destroy/statefulset-claims-deleted-when-scaled held 'KEP-1847' 1.23 <<'DO'
k patch statefulset sts --type=merge -p '{"spec":{"persistentVolumeClaimRetentionPolicy":{"whenScaled":"Delete","whenDeleted":"Delete"}}}'
DO

row destroy/configmap-emptied-replace held 'attack write-ups' <<'DO'
echo '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"cfg"}}' | k replace -f -
DO

row destroy/owner-does-not-exist held 'attack write-ups' <<'DO'
k patch configmap cfg --type=merge -p '{"metadata":{"ownerReferences":[{"apiVersion":"v1","kind":"ConfigMap","name":"gone","uid":"00000000-0000-0000-0000-000000000001"}]}}'
DO

row destroy/custom-resource-deleted-through-finalizer-and held 'CRD reference' <<'DO'
echo '{"apiVersion":"gitops.example.com/v1","kind":"Application","metadata":{"name":"app1","finalizers":["example.com/keep-data"]},"spec":{}}' | adm create -f - >/dev/null
k patch applications.gitops.example.com app1 --type=merge -p '{"metadata":{"finalizers":null}}'
DO

row destroy/namespace-finalized-hand held 'API reference namespaces/finalize' <<'DO'
api PUT /api/v1/namespaces/$NS/finalize application/json '{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"'$NS'"},"spec":{"finalizers":[]}}'
DO

row destroy/deployment-paused-with-history-thrown-away held 'MITRE T1490 inhibit recovery' <<'DO'
k patch deployment web --type=merge -p '{"spec":{"revisionHistoryLimit":0,"paused":true}}'
DO

row destroy/cronjob-suspended held 'MITRE T1490' <<'DO'
k patch cronjob backup --type=merge -p '{"spec":{"suspend":true}}'
DO

row destroy/crypto-miner-daemonset-on-every-node held 'MITRE T1496' <<'DO'
load DaemonSet xmrig '"tolerations":[{"operator":"Exists"}]' | k create -f -
DO

row destroy/thousand-replicas-at-once held 'MITRE T1499; Redguard matrix' <<'DO'
k scale deployment web --replicas=1000
DO

row destroy/delete-a-namespace held 'MITRE T1485' <<'DO'
k delete ns $NS --wait=false
DO

row destroy/delete-a-claim held 'MITRE T1485' <<'DO'
k delete pvc data --wait=false
DO

row destroy/delete-a-claim-in-its-own-namespace held 'MITRE T1485' own <<'DO'
k delete pvc data --wait=false
DO

row destroy/delete-a-volume held 'MITRE T1485' <<'DO'
k delete pv $NS-pv --wait=false
DO

row destroy/delete-a-secret held 'MITRE T1485' <<'DO'
k delete secret db
DO

row destroy/delete-a-configmap held 'MITRE T1485' <<'DO'
k delete configmap cfg
DO

row destroy/delete-a-node held 'MITRE T1529' <<'DO'
k delete node $NS-n --wait=false
DO

row destroy/delete-a-type held 'CRD reference' <<'DO'
adm get crd applications.gitops.example.com -o json | jq '.metadata = {name: "things.'$NS'.example.com"} | .spec.group = "'$NS'.example.com" | .spec.names = {plural: "things", kind: "Thing", listKind: "ThingList", singular: "thing"} | del(.status)' | adm create -f - >/dev/null
k delete crd things.$NS.example.com --wait=false
DO

row destroy/delete-all-deployments held 'MITRE T1485' <<'DO'
adm create deployment x --image=busybox >/dev/null
k delete deployments --all --wait=false
DO

row destroy/orphan-the-pods-of-a-replicaset held 'kubectl delete --cascade=orphan' <<'DO'
k delete replicaset rs1 --cascade=orphan --wait=false
DO

row destroy/replace-by-force held 'kubectl replace --force' <<'DO'
obj v1 ConfigMap cfg '"data":{"a":"2"}' | k replace --force -f -
DO

row destroy/scale-a-statefulset-to-zero held 'MITRE T1489' <<'DO'
k scale statefulset sts --replicas=0
DO

row destroy/scale-a-replicaset-to-zero held 'MITRE T1489' <<'DO'
k scale replicaset rs1 --replicas=0
DO

row destroy/patch-replicas-to-zero held 'MITRE T1489' <<'DO'
k patch deployment web --type=merge -p '{"spec":{"replicas":0}}'
DO

row destroy/scale-from-ten-to-one held 'MITRE T1489' <<'DO'
k scale deployment ten --replicas=1
DO

row destroy/scale-by-a-patch-of-the-subresource held 'MITRE T1489' <<'DO'
api PATCH "/apis/apps/v1/namespaces/$NS/deployments/web/scale" application/merge-patch+json '{"spec":{"replicas":0}}'
DO

row destroy/replicaset-that-adopts-pods-and-has-none held 'ReplicaSet reference (adoption)' <<'DO'
obj apps/v1 ReplicaSet reaper '"spec":{"replicas":0,"selector":{"matchLabels":{"app":"web"}},"template":{"metadata":{"labels":{"app":"web"}},"spec":{"containers":[{"name":"c","image":"busybox"}]}}}' | k create -f -
DO

row destroy/deployment-born-with-no-pods held 'Deployment reference (adoption)' <<'DO'
load Deployment reaper | jq -c '.spec.replicas = 0' | k create -f -
DO

row destroy/job-with-a-selector-by-hand held 'Job reference (manualSelector)' <<'DO'
load Job reaper '"restartPolicy":"Never"' | jq -c '.spec.manualSelector = true | .spec.selector = {matchLabels: {app: "reaper"}}' | k create -f -
DO

row destroy/pod-made-in-the-name-of-a-replicaset held 'garbage collection' <<'DO'
uid=$(adm get replicaset rs1 -o jsonpath='{.metadata.uid}')
pod extra | jq -c --arg u "$uid" '.metadata.ownerReferences = [{apiVersion: "apps/v1", kind: "ReplicaSet", name: "rs1", uid: $u, controller: true}]' | k create -f -
DO

row destroy/impossible-node-selector-of-a-deployment held 'MITRE T1489' <<'DO'
k patch deployment web --type=merge -p '{"spec":{"template":{"spec":{"nodeSelector":{"nope":"x"}}}}}'
DO

row destroy/impossible-affinity held 'MITRE T1489' <<'DO'
k patch deployment web --type=merge -p '{"spec":{"template":{"spec":{"affinity":{"podAffinity":{"requiredDuringSchedulingIgnoredDuringExecution":[{"labelSelector":{"matchLabels":{"a":"none"}},"topologyKey":"kubernetes.io/hostname"}]}}}}}}'
DO

row destroy/probe-that-never-succeeds held 'MITRE T1489' <<'DO'
k patch deployment web --type=json -p '[{"op":"add","path":"/spec/template/spec/containers/0/livenessProbe","value":{"exec":{"command":["false"]}}}]'
DO

row destroy/all-pods-replaced-at-once held 'Deployment reference (Recreate)' <<'DO'
k patch deployment web --type=merge -p '{"spec":{"strategy":{"type":"Recreate","rollingUpdate":null}}}'
DO

row destroy/limit-range-nobody-fits held 'LimitRange' <<'DO'
obj v1 LimitRange none '"spec":{"limits":[{"type":"Container","max":{"memory":"1Mi"}}]}' | k create -f -
DO

row destroy/autoscaler-lowered held 'MITRE T1489' <<'DO'
obj autoscaling/v1 HorizontalPodAutoscaler ten '"spec":{"minReplicas":8,"maxReplicas":20,"scaleTargetRef":{"apiVersion":"apps/v1","kind":"Deployment","name":"ten"}}' | adm create -f - >/dev/null
k patch hpa ten --type=merge -p '{"spec":{"minReplicas":1,"maxReplicas":2}}'
DO

row destroy/autoscaler-without-an-end held 'MITRE T1496' <<'DO'
obj "$HPA" HorizontalPodAutoscaler web '"spec":{"minReplicas":2,"maxReplicas":5000,"scaleTargetRef":{"apiVersion":"apps/v1","kind":"Deployment","name":"web"}}' | k create -f -
DO

row destroy/budget-that-blocks-every-drain held 'PodDisruptionBudget' <<'DO'
obj "$PDB" PodDisruptionBudget stuck '"spec":{"maxUnavailable":0,"selector":{"matchLabels":{"app":"web"}}}' | k create -f -
DO

row destroy/status-of-a-budget held 'eviction API' <<'DO'
obj "$PDB" PodDisruptionBudget b '"spec":{"maxUnavailable":1,"selector":{"matchLabels":{"app":"web"}}}' | adm create -f - >/dev/null
api PATCH "/apis/$PDB/namespaces/$NS/poddisruptionbudgets/b/status" application/merge-patch+json '{"status":{"disruptionsAllowed":9}}'
DO

row destroy/status-of-a-deployment held 'API reference */status' <<'DO'
api PATCH "/apis/apps/v1/namespaces/$NS/deployments/web/status" application/merge-patch+json '{"status":{"observedGeneration":99}}'
DO

row destroy/status-of-a-namespace held 'API reference */status' <<'DO'
api PATCH "/api/v1/namespaces/$NS/status" application/merge-patch+json '{"status":{"conditions":[{"type":"NamespaceDeletionContentFailure","status":"True","lastTransitionTime":"2026-01-01T00:00:00Z","reason":"x","message":"x"}]}}'
DO

row destroy/status-of-a-volume held 'API reference */status' <<'DO'
api PATCH "/api/v1/persistentvolumes/$NS-pv/status" application/merge-patch+json '{"status":{"phase":"Failed"}}'
DO

row destroy/status-of-a-job held 'API reference */status' <<'DO'
api PATCH "/apis/batch/v1/namespaces/$NS/jobs/job1/status" application/merge-patch+json '{"status":{"failed":99}}'
DO

row destroy/deadline-of-a-running-pod held 'Pod reference' <<'DO'
k patch pod p1 --type=merge -p '{"spec":{"activeDeadlineSeconds":1}}'
DO

row destroy/deadline-of-a-running-job held 'Job reference' <<'DO'
k patch job job1 --type=merge -p '{"spec":{"activeDeadlineSeconds":1}}'
DO

row destroy/parallelism-of-a-job-zero held 'Job reference' <<'DO'
k patch job job1 --type=merge -p '{"spec":{"parallelism":0}}'
DO

row destroy/backup-that-never-runs held 'MITRE T1490' <<'DO'
k patch cronjob backup --type=merge -p '{"spec":{"schedule":"0 0 31 2 *"}}'
DO

row destroy/backup-with-another-command held 'MITRE T1490' <<'DO'
k patch cronjob backup --type=json -p '[{"op":"add","path":"/spec/jobTemplate/spec/template/spec/volumes","value":[{"name":"x","emptyDir":{}}]}]'
DO

row destroy/cleaned-by-a-janitor held 'kube-janitor' <<'DO'
k annotate deployment web janitor/ttl=1s
DO

row destroy/pruned-by-gitops held 'Argo CD sync options' <<'DO'
k annotate deployment web argocd.argoproj.io/sync-options=Prune=true
DO

row destroy/cost-of-deleting-a-pod held 'KEP-2255' <<'DO'
k annotate pod p1 controller.kubernetes.io/pod-deletion-cost=-100
DO

row destroy/finalizers-of-a-volume held 'persistent volumes' <<'DO'
k patch pv $NS-pv --type=merge -p '{"metadata":{"finalizers":null}}'
DO

row destroy/finalizer-that-nobody-takes-away held 'finalizers' <<'DO'
k patch configmap cfg --type=merge -p '{"metadata":{"finalizers":["example.com/forever"]}}'
DO

row destroy/data-of-a-secret held 'MITRE T1485' <<'DO'
api PATCH "/api/v1/namespaces/$NS/secrets/db" application/merge-patch+json '{"data":null}'
DO

row destroy/cordon held 'kubectl drain' <<'DO'
k patch node $NS-n --type=merge -p '{"spec":{"unschedulable":true}}'
DO

row destroy/taint-a-node held 'kubectl taint' <<'DO'
k taint node $NS-n a=b:NoExecute
DO

row destroy/priority-class held 'PriorityClass' <<'DO'
obj scheduling.k8s.io/v1 PriorityClass "$NS" '"value":1000000,"globalDefault":false' | k create -f -
DO

row destroy/workload-before-all-others held 'PriorityClass' <<'DO'
adm create priorityclass $NS --value=1000 >/dev/null
load Deployment hog '"priorityClassName":"'$NS'"' | k create -f -
DO

row destroy/many-jobs-at-once held 'MITRE T1499' <<'DO'
load Job flood '"restartPolicy":"Never"' | jq -c '.spec.parallelism = 500 | .spec.completions = 500' | k create -f -
DO

row destroy/thousand-replicas-from-the-start held 'MITRE T1499' <<'DO'
load Deployment flood | jq -c '.spec.replicas = 1000' | k create -f -
DO

row destroy/claim-of-a-petabyte held 'MITRE T1499' <<'DO'
obj v1 PersistentVolumeClaim big '"spec":{"accessModes":["ReadWriteOnce"],"resources":{"requests":{"storage":"1Pi"}}}' | k create -f -
DO

row destroy/eviction-of-its-own-kind held 'policy/v1 eviction' 1.22 <<'DO'
api POST "/api/v1/namespaces/$NS/pods/p1/eviction" application/json '{"apiVersion":"policy/v1","kind":"Eviction","metadata":{"name":"p1"}}'
DO

row destroy/delete-its-own-namespace held 'MITRE T1485' own <<'DO'
k delete ns $NS --wait=false
DO

row destroy/label-of-pods-taken-away held 'Redguard matrix' <<'DO'
adm patch deployment web --type=merge -p '{"spec":{"template":{"metadata":{"labels":{"tier":"front"}}}}}' >/dev/null
k patch deployment web --type=merge -p '{"spec":{"template":{"metadata":{"labels":{"tier":null}}}}}'
DO

row destroy/pod-that-fills-a-node held 'MITRE T1496' <<'DO'
pod hog '' '"resources":{"requests":{"cpu":"64"}}' | k create -f -
DO

row destroy/configmap-made-immutable held 'Kubernetes documentation, immutable ConfigMaps' <<'DO'
k patch configmap cfg --type=merge -p '{"immutable":true}'
DO

row destroy/configmap-bytes-taken-away held 'own' <<'DO'
adm -n "$NS" patch configmap cfg --type=merge -p '{"binaryData":{"b":"YQ==","c":"YQ=="}}' >/dev/null
k patch configmap cfg --type=merge -p '{"binaryData":null}'
DO

row destroy/autoscaler-that-never-reaches-its-target held 'own' <<'DO'
echo '{"apiVersion":"autoscaling/v1","kind":"HorizontalPodAutoscaler","metadata":{"name":"web"},"spec":{"scaleTargetRef":{"apiVersion":"apps/v1","kind":"Deployment","name":"web"},"minReplicas":1,"maxReplicas":9,"targetCPUUtilizationPercentage":9000}}' | k create -f -
DO

row destroy/autoscaler-of-a-custom-resource held 'own' <<'DO'
echo '{"apiVersion":"autoscaling/v1","kind":"HorizontalPodAutoscaler","metadata":{"name":"main"},"spec":{"scaleTargetRef":{"apiVersion":"db.example.com/v1","kind":"Cluster","name":"main"},"minReplicas":1,"maxReplicas":9}}' | k create -f -
DO

row destroy/namespace-kept-by-a-finalizer held 'own' <<'DO'
obj v1 ConfigMap forever '"data":{"a":"1"}' | jq -c '.metadata.finalizers = ["example.com/forever"]' | k create -f -
DO

row destroy/autoscaler-with-a-behaviour-of-the-old-api held 'own' <<'DO'
obj autoscaling/v1 HorizontalPodAutoscaler slow '"spec":{"minReplicas":2,"maxReplicas":5,"scaleTargetRef":{"apiVersion":"apps/v1","kind":"Deployment","name":"web"}}' | jq -c '.metadata.annotations = {"autoscaling.alpha.kubernetes.io/behavior": "{\"ScaleUp\":{\"SelectPolicy\":\"Disabled\",\"Policies\":[{\"Type\":\"Pods\",\"Value\":1,\"PeriodSeconds\":60}]}}"}' | k create -f -
DO

row destroy/autoscaler-that-may-go-down-to-one held 'own' <<'DO'
obj "$HPA" HorizontalPodAutoscaler web '"spec":{"minReplicas":10,"maxReplicas":20,"scaleTargetRef":{"apiVersion":"apps/v1","kind":"Deployment","name":"web"}}' | k create -f - >/dev/null
k patch hpa web --type=merge -p '{"spec":{"minReplicas":1}}'
DO

row destroy/budget-of-more-than-there-are held 'own' <<'DO'
obj "$PDB" PodDisruptionBudget web '"spec":{"minAvailable":1000,"selector":{"matchLabels":{"app":"web"}}}' | k create -f -
DO

row destroy/budget-for-all-that-lack-a-label held 'own' <<'DO'
obj "$PDB" PodDisruptionBudget all '"spec":{"minAvailable":1,"selector":{"matchExpressions":[{"key":"nope","operator":"DoesNotExist"}]}}' | k create -f -
DO

row destroy/pod-with-the-hash-of-a-replicaset held 'own' <<'DO'
pod more | jq -c '.metadata.labels = {"app": "web", "pod-template-hash": "5d4f"}' | k create -f -
DO

row destroy/pod-that-keeps-all-jobs-away held 'scheduling reference' <<'DO'
pod alone '"affinity":{"podAntiAffinity":{"requiredDuringSchedulingIgnoredDuringExecution":[{"namespaces":["prod"],"labelSelector":{"matchExpressions":[{"key":"job-name","operator":"Exists"}]},"topologyKey":"kubernetes.io/os"}]}}' | k create -f -
DO

row destroy/limits-that-fill-a-node held 'own' <<'DO'
load Deployment big '' '"resources":{"limits":{"cpu":"500"}}' | k create -f -
DO

row destroy/labelled-as-somebody-elses-to-prune held 'Argo CD resource tracking' <<'DO'
k label deployment web app.kubernetes.io/instance=gone
DO

row destroy/adopted-by-a-release held 'Helm' <<'DO'
k annotate configmap cfg meta.helm.sh/release-name=mine meta.helm.sh/release-namespace="$NS"
DO

row destroy/what-keeps-it-is-taken-away held 'Helm' <<'DO'
adm annotate configmap cfg helm.sh/resource-policy=keep >/dev/null
k annotate configmap cfg helm.sh/resource-policy-
DO

row destroy/replicaset-leaves-its-deployment held 'own' <<'DO'
adm patch rs rs1 --type=merge -p '{"metadata":{"labels":{"app":"rs1"},"ownerReferences":[{"apiVersion":"apps/v1","kind":"Deployment","name":"d","uid":"11111111-1111-1111-1111-111111111111","controller":true}]}}' >/dev/null
k label rs rs1 app-
DO

row destroy/quota-of-its-own-namespace held 'own' own <<'DO'
adm create quota q --hard=pods=10 >/dev/null
k delete quota q
DO

row destroy/owner-of-a-claim-in-its-own-namespace held 'own' own <<'DO'
k patch pvc data --type=merge -p '{"metadata":{"ownerReferences":[{"apiVersion":"v1","kind":"ConfigMap","name":"gone","uid":"11111111-1111-1111-1111-111111111111"}]}}'
DO

# What a version of a kind does not know is gone after a write in it, be the patch empty.
row destroy/fields-that-an-old-version-does-not-know held 'own' <<'DO'
v() { printf '{"name":"%s","served":true,"storage":%s,"schema":{"openAPIV3Schema":{"type":"object","properties":{"spec":{"type":"object","properties":{%s}}}}}}' "$@"; }
obj apiextensions.k8s.io/v1 CustomResourceDefinition "walls.$NS.example.com" '"spec":{"group":"'"$NS"'.example.com","scope":"Namespaced","names":{"plural":"walls","kind":"Wall"},"versions":['"$(v v1 true '"a":{"type":"string"},"allowed":{"type":"string"}')"','"$(v v1alpha1 false '"a":{"type":"string"}')"']}' | adm create -f - >/dev/null
adm wait --for=condition=Established "crd/walls.$NS.example.com" --timeout=30s >/dev/null
sleep 2
obj "$NS.example.com/v1" Wall w '"spec":{"a":"1","allowed":"office"}' | adm create -f - >/dev/null
api PATCH "/apis/$NS.example.com/v1alpha1/namespaces/$NS/walls/w" application/merge-patch+json '{}'
if adm get --raw "/apis/$NS.example.com/v1/namespaces/$NS/walls/w" | jq -e .spec.allowed >/dev/null; then echo "it is still there" && exit 9; fi
DO
