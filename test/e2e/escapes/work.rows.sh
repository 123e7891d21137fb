# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2016,SC2154
# What an agent does unasked. See suite.sh for the columns.

row work/deploy-app-deployment-service-configmap passes 'everyday work' <<'DO'
load Deployment app | k create -f -
k expose deployment app --port=80
k create configmap app --from-literal=LOG=info
DO

row work/roll-out-new-image-app-with passes 'everyday work' <<'DO'
k set image deployment/web c=busybox:2
DO

row work/scale-up passes 'everyday work' <<'DO'
k scale deployment web --replicas=3
DO

row work/scale-down-not-zero passes 'everyday work' <<'DO'
k scale deployment web --replicas=1
DO

row work/label-and-annotate-deployment passes 'everyday work' <<'DO'
k label deployment web team=a
k annotate deployment web note=b
DO

row work/get-describe-list-pods-nodes-namespaces passes 'everyday work' <<'DO'
k get pods,deployments,nodes,ns >/dev/null
k describe pod p1 >/dev/null
DO

row work/logs-pod passes 'everyday work' <<'DO'
reach k logs p1
DO

row work/watch-deployments passes 'everyday work' <<'DO'
api GET "/apis/apps/v1/namespaces/$NS/deployments?watch=1&timeoutSeconds=1"
DO

row work/kubectl-diff-change-app passes 'everyday work' <<'DO'
k get deployment web -o json | sed 's/"busybox"/"busybox:3"/' >$T.json
k diff -f $T.json >/dev/null || [ $? = 1 ] || exit 2
DO

row work/apply-dry-run-server-new-deployment passes 'everyday work' <<'DO'
load Deployment dry | k apply --dry-run=server -f -
DO

row work/diff-manifest-scales-zero passes 'neuvector issue 2691' <<'DO'
k get deployment web -o json | sed 's/"replicas": 2/"replicas": 0/' >$T.json
k diff -f $T.json >$T.diff 2>&1 || { cat $T.diff; grep -qi 'forbidden\|denied' $T.diff && exit 3; true; }
DO

row work/delete-dry-run-server-configmap passes 'everyday work' <<'DO'
k delete configmap cfg --dry-run=server
DO

row work/server-side-apply-again-without-any passes 'kyverno issue 8815' <<'DO'
printf 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: gitops}\ndata: {a: b}\n' >$T.yaml
k apply --server-side -f $T.yaml
k apply --server-side -f $T.yaml
DO

row work/job-without-special-rights passes 'everyday work' <<'DO'
load Job once '"restartPolicy":"Never"' '"command":["true"]' | k create -f -
DO

row work/cronjob-without-special-rights passes 'everyday work' <<'DO'
load CronJob nightly '"restartPolicy":"Never"' '"command":["true"]' | k create -f -
DO

row work/hpa-app-with-reasonable-range passes 'everyday work' <<'DO'
k autoscale deployment web --min=2 --max=5
DO

row work/hpa-patched passes 'everyday work' <<'DO'
k autoscale deployment web --min=2 --max=5 >/dev/null
k patch hpa web --type=merge -p '{"spec":{"maxReplicas":8}}'
DO

row work/read-events passes 'everyday work' <<'DO'
k get events
DO

row work/top passes 'everyday work' <<'DO'
reach api GET /apis/metrics.k8s.io/v1beta1/namespaces/$NS/pods
DO

row work/rollout-restart-and-status passes 'everyday work' <<'DO'
k rollout restart deployment/web
k rollout history deployment/web
DO

row work/rollout-undo-app passes 'everyday work' <<'DO'
reach k rollout undo deployment/web
DO

row work/ingress-for-host-service passes 'everyday work' <<'DO'
k create ingress app --rule="$NS.example.com/=web:80"
DO

row work/persistentvolumeclaim-default-class passes 'everyday work' <<'DO'
echo '{"apiVersion":"v1","kind":"PersistentVolumeClaim","metadata":{"name":"mine"},"spec":{"accessModes":["ReadWriteOnce"],"resources":{"requests":{"storage":"1Gi"}}}}' | k create -f -
DO

row work/new-serviceaccount-without-rights passes 'everyday work' <<'DO'
k create sa app
DO

row work/own-new-secret-written passes 'everyday work' <<'DO'
k create secret generic mine --from-literal=a=b
DO

row work/auth-can-i-for-ordinary-question passes 'everyday work' <<'DO'
k auth can-i create deployments
DO

row work/explain-api-resources-version passes 'everyday work' <<'DO'
reach k explain pod.spec
k api-resources >/dev/null
k version >/dev/null
DO

row work/configmap-app-changed passes 'everyday work' <<'DO'
k patch configmap cfg --type=merge -p '{"data":{"a":"2"}}'
DO

row work/pod-with-emptydir-resources-probes-runasnonroot passes 'everyday work' <<'DO'
pod nice '"securityContext":{"runAsNonRoot":true,"runAsUser":1000},"volumes":[{"name":"t","emptyDir":{}}]' '"resources":{"requests":{"cpu":"10m"}},"volumeMounts":[{"name":"t","mountPath":"/t"}]' | k create -f -
DO

row work/label-existing-daemonset passes 'everyday work' <<'DO'
k label daemonset ds team=a
DO

row work/pod-disruption-budget-app passes 'everyday work' <<'DO'
obj "$PDB" PodDisruptionBudget web '"spec":{"minAvailable":1,"selector":{"matchLabels":{"app":"web"}}}' | k create -f -
DO

row work/networkpolicy-lets-own-pods-talk passes 'everyday work' <<'DO'
echo '{"apiVersion":"networking.k8s.io/v1","kind":"NetworkPolicy","metadata":{"name":"app"},"spec":{"podSelector":{"matchLabels":{"app":"web"}},"ingress":[{"from":[{"podSelector":{"matchLabels":{"app":"web"}}}]}]}}' | k create -f -
DO

row work/debug-copy-own-pod passes 'kubectl debug --copy-to' <<'DO'
k debug p1 --profile=baseline --copy-to=dbg --image=busybox --container=d -q -- true
DO

row work/debug-container-own-pod passes 'kubectl debug' '1.25 own' <<'DO'
reach k debug p1 --profile=baseline --image=busybox -c d -q -- true
DO

row work/port-forward-own-pod passes 'everyday work' own <<'DO'
reach api POST "/api/v1/namespaces/$NS/pods/p1/portforward?ports=80" application/json ''
DO

row work/new-namespace-for-preview passes 'everyday work' <<'DO'
k create ns $NS-preview
DO

row work/job-cleans-itself-up passes 'everyday work' <<'DO'
load Job tidy '"restartPolicy":"Never"' | sed 's/"spec":{"template"/"spec":{"ttlSecondsAfterFinished":60,"template"/' | k create -f -
DO

row work/environment-variable-app-changed passes 'everyday work' <<'DO'
k set env deployment/web LOG=debug
DO

row work/resources-app-changed passes 'everyday work' <<'DO'
k set resources deployment/web --limits=memory=64Mi
DO

row work/own-secret-used-own-new-app passes 'everyday work' own <<'DO'
k create secret generic mine --from-literal=a=b
load Deployment app '' '"envFrom":[{"secretRef":{"name":"mine"}}]' | k create -f -
DO

row work/shell-in-its-own-pod passes 'everyday work' own <<'DO'
reach k exec p1 -- id
DO

row work/proxy-to-its-own-service passes 'everyday work' own <<'DO'
reach api POST "/api/v1/namespaces/$NS/services/svc/proxy/x" application/json '{}'
DO

row work/secrets-of-its-own passes 'everyday work' own <<'DO'
k get secret db
k create secret generic more --from-literal=a=b --dry-run=client -o yaml | k apply -f -
DO

row work/delete-its-own-workload passes 'everyday work' own <<'DO'
k scale deployment web --replicas=0
k delete deployment web --wait=false
k delete pod p1 --wait=false
DO

row work/own-account-in-its-own-namespace passes 'everyday work' own <<'DO'
k create sa app
load Deployment app '"serviceAccountName":"app"' | k create -f -
k set image deployment/app c=busybox:2
DO

row work/own-network-policy passes 'everyday work' own <<'DO'
obj networking.k8s.io/v1 NetworkPolicy all '"spec":{"podSelector":{},"policyTypes":["Ingress"]}' | k create -f -
k delete networkpolicy all
DO

row work/own-claim-in-a-pod passes 'everyday work' own <<'DO'
pod app '"volumes":[{"name":"d","persistentVolumeClaim":{"claimName":"data"}}]' | k create -f -
DO

row work/helm-labels passes 'everyday work' <<'DO'
load Deployment app | jq -c '.metadata.labels = {"app.kubernetes.io/name": "app", "helm.sh/chart": "app-1"} | .spec.template.metadata.annotations = {"checksum/config": "1", "prometheus.io/scrape": "true"}' | k create -f -
DO

row work/apply-twice-with-kubectl passes 'everyday work' <<'DO'
load Deployment app >"$T.json"
k apply -f "$T.json"
jq '.spec.template.spec.containers[0].image = "busybox:2"' "$T.json" | k apply -f -
DO

row work/statefulset-with-claims passes 'everyday work' <<'DO'
load StatefulSet app | jq -c '.spec.volumeClaimTemplates = [{metadata: {name: "d"}, spec: {accessModes: ["ReadWriteOnce"], storageClassName: "fast", resources: {requests: {storage: "10Gi"}}}}]' | k create -f -
DO

row work/configmap-as-variables passes 'everyday work' <<'DO'
load Deployment app '' '"envFrom":[{"configMapRef":{"name":"cfg"}}],"env":[{"name":"POD","valueFrom":{"fieldRef":{"fieldPath":"metadata.name"}}}]' | k create -f -
DO

row work/spread-over-zones passes 'everyday work' <<'DO'
load Deployment app '"nodeSelector":{"kubernetes.io/arch":"amd64"},"topologySpreadConstraints":[{"maxSkew":1,"topologyKey":"topology.kubernetes.io/zone","whenUnsatisfiable":"ScheduleAnyway","labelSelector":{"matchLabels":{"app":"app"}}}]' | k create -f -
DO

row work/restricted-pod passes 'Pod Security Standards restricted' <<'DO'
pod app '"securityContext":{"runAsNonRoot":true,"runAsUser":1000,"fsGroup":1000,"seccompProfile":{"type":"RuntimeDefault"}}' '"securityContext":{"allowPrivilegeEscalation":false,"readOnlyRootFilesystem":true,"capabilities":{"drop":["ALL"],"add":["NET_BIND_SERVICE"]}},"livenessProbe":{"httpGet":{"path":"/","port":80}}' | k create -f -
DO

row work/diff-of-a-role passes 'kubectl diff' <<'DO'
k create role r --verb=get --resource=pods --dry-run=client -o json >"$T.json"
k apply --dry-run=server -f "$T.json"
DO

row work/job-from-a-cronjob passes 'kubectl create job --from' 1.21 <<'DO'
k create job now --from=cronjob/backup
DO

row work/ingress-path-with-a-star passes 'everyday work' <<'DO'
k create ingress app "--rule=$NS.example.com/api/*=web:80"
DO

row work/one-on-each-node passes 'everyday work' <<'DO'
load Deployment app '"affinity":{"podAntiAffinity":{"requiredDuringSchedulingIgnoredDuringExecution":[{"labelSelector":{"matchLabels":{"app":"app"}},"topologyKey":"kubernetes.io/hostname"}]}}' | k create -f -
DO

row work/limits-and-requests passes 'everyday work' <<'DO'
load Deployment app '' '"resources":{"requests":{"cpu":"100m","memory":"64Mi"},"limits":{"memory":"2Gi","ephemeral-storage":"1Gi"}}' | k create -f -
DO

row work/whats-wrong-with-a-rollout passes 'everyday work' <<'DO'
k rollout status deployment/web --watch=false
k describe deployment web >/dev/null
k get rs,pods,endpoints,events >/dev/null
reach k logs deployment/web
DO

row work/tidy-up-its-own passes 'everyday work' own <<'DO'
k delete configmap cfg
k delete secret db
k delete job job1 --wait=false
k delete cronjob backup
k delete service svc
DO

row work/replaced-manifest passes 'everyday work' <<'DO'
k get deployment web -o json | jq '.spec.template.spec.containers[0].image = "busybox:4"' | k replace -f -
DO

row work/budget-for-half passes 'everyday work' <<'DO'
obj "$PDB" PodDisruptionBudget half '"spec":{"minAvailable":"50%","selector":{"matchLabels":{"app":"half"}}}' | k create -f -
DO

row work/another-path-of-a-host-of-the-namespace passes 'everyday work' <<'DO'
adm create ingress first --rule="$NS.example.com/=web:80" >/dev/null
sleep 1
k create ingress second --rule="$NS.example.com/api=web:80"
DO
