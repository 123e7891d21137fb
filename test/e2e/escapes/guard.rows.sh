# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2016,SC2154
# The guard itself. See suite.sh for the columns.

row guard/webhook-failurepolicy-set-ignore denied 'admission good practices' <<'DO'
decoy
k patch validatingwebhookconfiguration holdpoint-$NS --type=json -p '[{"op":"replace","path":"/webhooks/0/failurePolicy","value":"Ignore"}]'
DO

row guard/mutating-webhook-own denied 'MS-TA9015' <<'DO'
echo '{"apiVersion":"admissionregistration.k8s.io/v1","kind":"MutatingWebhookConfiguration","metadata":{"name":"'$NS'"},"webhooks":[{"name":"a.example.com","clientConfig":{"url":"https://evil.example.com"},"rules":[{"operations":["CREATE"],"apiGroups":["nope.example.com"],"apiVersions":["*"],"resources":["*"]}],"failurePolicy":"Ignore","sideEffects":"None","admissionReviewVersions":["v1"]}]}' | k create -f -
DO

row guard/approve-own-hold-with-holdreview denied 'own' <<'DO'
adm apply -f "$root/manifests/base/holdreview.yaml" >/dev/null
adm wait --for=condition=Established crd/holdreviews.holdpoint.dev --timeout=30s >/dev/null
reach api POST /apis/holdpoint.dev/v1alpha1/holdreviews application/json '{"apiVersion":"holdpoint.dev/v1alpha1","kind":"HoldReview","metadata":{"name":"'$NS'"},"spec":{"hold":1,"decision":"Approve"}}'
DO

row guard/crd-holdreviews-deleted denied 'own' <<'DO'
reach k delete crd holdreviews.holdpoint.dev --dry-run=server
DO

row guard/guard-policies-configmap-changed denied 'attack write-ups' <<'DO'
adm -n holdpoint-system create configmap pol-$NS --from-literal=a=b >/dev/null
k -n holdpoint-system patch configmap pol-$NS --type=merge -p '{"data":{"a":"c"}}'
DO

row guard/endpointslice-for-guard-service-points-elsewhere denied 'MITRE T1557' <<'DO'
echo '{"apiVersion":"'$SLICE'","kind":"EndpointSlice","metadata":{"name":"wh-'$NS'","namespace":"holdpoint-system","labels":{"kubernetes.io/service-name":"holdpoint-webhook"}},"addressType":"IPv4","endpoints":[{"addresses":["10.9.9.9"]}],"ports":[{"port":443}]}' | k -n holdpoint-system create -f -
DO

row guard/namespace-label-pod-security-enforce-privileged held 'Pod Security admission' <<'DO'
k label ns $NS --overwrite pod-security.kubernetes.io/enforce=privileged
DO

row guard/new-namespace-born-privileged held 'Pod Security admission' <<'DO'
echo '{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"'$NS'-p","labels":{"pod-security.kubernetes.io/enforce":"privileged"}}}' | k create -f -
DO

row guard/flowschema-starves-or-frees-somebody held 'API priority and fairness' <<'DO'
echo '{"apiVersion":"'$FLOW'","kind":"FlowSchema","metadata":{"name":"'$NS'"},"spec":{"matchingPrecedence":2,"priorityLevelConfiguration":{"name":"exempt"},"rules":[{"subjects":[{"kind":"Group","group":{"name":"ai-agents"}}],"nonResourceRules":[{"verbs":["*"],"nonResourceURLs":["*"]}]}]}}' | k create -f -
DO

row guard/pod-exempt-namespace denied 'admission exemptions; MS-TA9022' <<'DO'
pod bad-$NS '' '"securityContext":{"privileged":true}' | sed 's/"namespace":"[^"]*"/"namespace":"kube-system"/' | k -n kube-system create -f -
DO

row guard/guard-own-service-account-token denied 'attack write-ups' <<'DO'
adm -n holdpoint-system create sa sa-$NS >/dev/null
k -n holdpoint-system create token sa-$NS
DO

row guard/cluster-info-kube-public-changed denied 'kubeadm' <<'DO'
adm -n kube-public create configmap ci-$NS --from-literal=a=b >/dev/null
k -n kube-public patch configmap ci-$NS --type=merge -p '{"data":{"kubeconfig":"evil"}}'
DO

row guard/delete-its-namespace denied 'MITRE T1562' <<'DO'
k delete ns holdpoint-system --dry-run=server
DO

row guard/label-its-namespace denied 'admission good practices' <<'DO'
k label ns holdpoint-system a=$NS
DO

row guard/name-label-of-a-namespace held 'admission exemptions before 1.21' <<'DO'
reach k label ns $NS --overwrite kubernetes.io/metadata.name=kube-system a=b
DO

row guard/annotate-a-namespace held 'scheduler annotations of namespaces' <<'DO'
k annotate ns $NS scheduler.alpha.kubernetes.io/node-selector=a=b
DO

row guard/new-namespace-with-injection held 'Istio injection' <<'DO'
obj v1 Namespace "$NS-i" '"spec":{}' | jq -c '.metadata.labels["istio-injection"] = "enabled"' | k create -f -
DO

row guard/new-namespace-of-the-system denied 'own' <<'DO'
k create ns kube-$NS
DO

row guard/scale-it-to-zero denied 'MITRE T1562' <<'DO'
load Deployment wh | adm -n holdpoint-system create -f - >/dev/null 2>&1 || true
k -n holdpoint-system scale deployment wh --replicas=0
DO

row guard/its-service denied 'MITRE T1557' <<'DO'
obj v1 Service "s-$NS" '"spec":{"ports":[{"port":443}]}' | k -n holdpoint-system create -f -
DO

row guard/its-secrets-read held 'MITRE T1552.007' <<'DO'
k -n holdpoint-system get secrets
DO

row guard/shell-in-it denied 'MITRE T1609' <<'DO'
reach k -n holdpoint-system exec deploy/none -- id
reach api POST "/api/v1/namespaces/holdpoint-system/pods/x/exec?command=id" application/json ''
DO

row guard/network-policy-around-it denied 'MITRE T1562' <<'DO'
obj networking.k8s.io/v1 NetworkPolicy "n-$NS" '"spec":{"podSelector":{},"policyTypes":["Ingress"]}' | k -n holdpoint-system create -f -
DO

row guard/quota-in-it denied 'MITRE T1562' <<'DO'
k -n holdpoint-system create quota q-$NS --hard=pods=0
DO

row guard/webhook-deleted denied 'MITRE T1562' <<'DO'
decoy
k delete validatingwebhookconfiguration holdpoint-$NS
DO

row guard/webhook-labelled denied 'MITRE T1562' <<'DO'
decoy
k label validatingwebhookconfiguration holdpoint-$NS a=b
DO

row guard/all-webhooks-deleted-as-a-dry-run denied 'MITRE T1562' <<'DO'
api DELETE "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations?dryRun=All&labelSelector=a%3D$NS"
DO

row guard/admission-policy denied 'ValidatingAdmissionPolicy' 1.30 <<'DO'
obj admissionregistration.k8s.io/v1 ValidatingAdmissionPolicy "$NS" '"spec":{"matchConstraints":{"resourceRules":[{"apiGroups":[""],"apiVersions":["v1"],"resources":["nothing"],"operations":["CREATE"]}]},"validations":[{"expression":"false"}]}' | k create -f -
DO

row guard/type-of-its-own-group held 'own' <<'DO'
adm get crd applications.gitops.example.com -o json | jq '.metadata = {name: "x'${NS//-/}'.holdpoint.dev"} | .spec.group = "holdpoint.dev" | .spec.names = {plural: "x'${NS//-/}'", kind: "X'${NS//-/}'", listKind: "X'${NS//-/}'List", singular: "x'${NS//-/}'"} | del(.status)' | k create -f -
DO

row guard/priority-level held 'API priority and fairness' 1.29 <<'DO'
obj "$FLOW" PriorityLevelConfiguration "$NS" '"spec":{"type":"Limited","limited":{"nominalConcurrencyShares":1,"limitResponse":{"type":"Reject"}}}' | k create -f -
DO

row guard/lease-of-a-leader held 'leader election' <<'DO'
obj coordination.k8s.io/v1 Lease l '"spec":{"holderIdentity":"me"}' | k create -f -
DO

row guard/lease-of-the-cluster denied 'leader election' <<'DO'
obj coordination.k8s.io/v1 Lease "l-$NS" '"spec":{"holderIdentity":"me"}' | k -n kube-system create -f -
DO

row guard/lease-of-a-node denied 'node heartbeats' <<'DO'
obj coordination.k8s.io/v1 Lease "l-$NS" '"spec":{"holderIdentity":"me"}' | k -n kube-node-lease create -f -
DO

row guard/questions-in-the-name-of-others held 'SubjectAccessReview' <<'DO'
api POST /apis/authorization.k8s.io/v1/subjectaccessreviews application/json '{"apiVersion":"authorization.k8s.io/v1","kind":"SubjectAccessReview","spec":{"user":"deploy-bot@ci.example.com","resourceAttributes":{"verb":"get","resource":"secrets","namespace":"'$NS'"}}}'
DO

row guard/questions-in-a-namespace held 'LocalSubjectAccessReview' <<'DO'
api POST "/apis/authorization.k8s.io/v1/namespaces/$NS/localsubjectaccessreviews" application/json '{"apiVersion":"authorization.k8s.io/v1","kind":"LocalSubjectAccessReview","metadata":{"namespace":"'$NS'"},"spec":{"user":"bob","resourceAttributes":{"verb":"get","resource":"pods","namespace":"'$NS'"}}}'
DO

row guard/namespace-that-catches-a-domain held 'DNS search paths (ndots)' <<'DO'
reach k create ns com
DO

row guard/machine-of-an-aggregated-server-stopped held 'KubeVirt' <<'DO'
reach api PUT "/apis/subresources.vm.example.com/v1/namespaces/$NS/virtualmachines/vm/stop" application/json '{}'
DO
