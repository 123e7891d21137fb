// SPDX-License-Identifier: Apache-2.0

package main

import (
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	certificatesv1 "k8s.io/api/certificates/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	eventsv1 "k8s.io/api/events/v1"
	flowcontrolv1 "k8s.io/api/flowcontrol/v1"
	networkingv1 "k8s.io/api/networking/v1"
	nodev1 "k8s.io/api/node/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	resourcev1 "k8s.io/api/resource/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// A kind that is stored: a row of the table below.
type kind struct {
	gv       schema.GroupVersion
	kind     string
	resource string
	short    string // as kubectl has it; several are separated by commas
	has      trait
}

type trait int

const (
	namespaced trait = 1 << iota
	status           // has the subresource, and a status that other writes do not change
	scale            // has the subresource
	all              // belongs to kubectl's category "all"
)

// What is served. As in kube-apiserver but for what is alpha or beta, with names and short names of
// k8s.io/kubernetes/pkg/registry.
var kinds = []kind{
	{corev1.SchemeGroupVersion, "ConfigMap", "configmaps", "cm", namespaced},
	{corev1.SchemeGroupVersion, "Endpoints", "endpoints", "ep", namespaced},
	{corev1.SchemeGroupVersion, "Event", "events", "ev", namespaced},
	{corev1.SchemeGroupVersion, "LimitRange", "limitranges", "limits", namespaced},
	{corev1.SchemeGroupVersion, "Namespace", "namespaces", "ns", status},
	{corev1.SchemeGroupVersion, "Node", "nodes", "no", status},
	{corev1.SchemeGroupVersion, "PersistentVolume", "persistentvolumes", "pv", status},
	{corev1.SchemeGroupVersion, "PersistentVolumeClaim", "persistentvolumeclaims", "pvc", namespaced | status},
	{corev1.SchemeGroupVersion, "Pod", "pods", "po", namespaced | status | all},
	{corev1.SchemeGroupVersion, "PodTemplate", "podtemplates", "", namespaced},
	{corev1.SchemeGroupVersion, "ReplicationController", "replicationcontrollers", "rc", namespaced | status | scale | all},
	{corev1.SchemeGroupVersion, "ResourceQuota", "resourcequotas", "quota", namespaced | status},
	{corev1.SchemeGroupVersion, "Secret", "secrets", "", namespaced},
	{corev1.SchemeGroupVersion, "Service", "services", "svc", namespaced | status | all},
	{corev1.SchemeGroupVersion, "ServiceAccount", "serviceaccounts", "sa", namespaced},

	{admissionregistrationv1.SchemeGroupVersion, "MutatingAdmissionPolicy", "mutatingadmissionpolicies", "", 0},
	{admissionregistrationv1.SchemeGroupVersion, "MutatingAdmissionPolicyBinding", "mutatingadmissionpolicybindings", "", 0},
	{admissionregistrationv1.SchemeGroupVersion, "MutatingWebhookConfiguration", "mutatingwebhookconfigurations", "", 0},
	{admissionregistrationv1.SchemeGroupVersion, "ValidatingAdmissionPolicy", "validatingadmissionpolicies", "", status},
	{admissionregistrationv1.SchemeGroupVersion, "ValidatingAdmissionPolicyBinding", "validatingadmissionpolicybindings", "", 0},
	{admissionregistrationv1.SchemeGroupVersion, "ValidatingWebhookConfiguration", "validatingwebhookconfigurations", "", 0},

	{appsv1.SchemeGroupVersion, "ControllerRevision", "controllerrevisions", "", namespaced},
	{appsv1.SchemeGroupVersion, "DaemonSet", "daemonsets", "ds", namespaced | status | all},
	{appsv1.SchemeGroupVersion, "Deployment", "deployments", "deploy", namespaced | status | scale | all},
	{appsv1.SchemeGroupVersion, "ReplicaSet", "replicasets", "rs", namespaced | status | scale | all},
	{appsv1.SchemeGroupVersion, "StatefulSet", "statefulsets", "sts", namespaced | status | scale | all},

	{autoscalingv2.SchemeGroupVersion, "HorizontalPodAutoscaler", "horizontalpodautoscalers", "hpa", namespaced | status | all},
	{batchv1.SchemeGroupVersion, "CronJob", "cronjobs", "cj", namespaced | status | all},
	{batchv1.SchemeGroupVersion, "Job", "jobs", "", namespaced | status | all},
	{certificatesv1.SchemeGroupVersion, "CertificateSigningRequest", "certificatesigningrequests", "csr", status},
	{coordinationv1.SchemeGroupVersion, "Lease", "leases", "", namespaced},
	{discoveryv1.SchemeGroupVersion, "EndpointSlice", "endpointslices", "", namespaced},
	{flowcontrolv1.SchemeGroupVersion, "FlowSchema", "flowschemas", "", status},
	{flowcontrolv1.SchemeGroupVersion, "PriorityLevelConfiguration", "prioritylevelconfigurations", "", status},

	{networkingv1.SchemeGroupVersion, "IPAddress", "ipaddresses", "ip", 0},
	{networkingv1.SchemeGroupVersion, "Ingress", "ingresses", "ing", namespaced | status},
	{networkingv1.SchemeGroupVersion, "IngressClass", "ingressclasses", "", 0},
	{networkingv1.SchemeGroupVersion, "NetworkPolicy", "networkpolicies", "netpol", namespaced},
	{networkingv1.SchemeGroupVersion, "ServiceCIDR", "servicecidrs", "", status},

	{nodev1.SchemeGroupVersion, "RuntimeClass", "runtimeclasses", "", 0},
	{policyv1.SchemeGroupVersion, "PodDisruptionBudget", "poddisruptionbudgets", "pdb", namespaced | status},

	{rbacv1.SchemeGroupVersion, "ClusterRole", "clusterroles", "", 0},
	{rbacv1.SchemeGroupVersion, "ClusterRoleBinding", "clusterrolebindings", "", 0},
	{rbacv1.SchemeGroupVersion, "Role", "roles", "", namespaced},
	{rbacv1.SchemeGroupVersion, "RoleBinding", "rolebindings", "", namespaced},

	{resourcev1.SchemeGroupVersion, "DeviceClass", "deviceclasses", "", 0},
	{resourcev1.SchemeGroupVersion, "ResourceClaim", "resourceclaims", "", namespaced | status},
	{resourcev1.SchemeGroupVersion, "ResourceClaimTemplate", "resourceclaimtemplates", "", namespaced},
	{resourcev1.SchemeGroupVersion, "ResourceSlice", "resourceslices", "", 0},

	{schedulingv1.SchemeGroupVersion, "PriorityClass", "priorityclasses", "pc", 0},

	{storagev1.SchemeGroupVersion, "CSIDriver", "csidrivers", "", 0},
	{storagev1.SchemeGroupVersion, "CSINode", "csinodes", "", 0},
	{storagev1.SchemeGroupVersion, "CSIStorageCapacity", "csistoragecapacities", "", namespaced},
	{storagev1.SchemeGroupVersion, "StorageClass", "storageclasses", "sc", 0},
	{storagev1.SchemeGroupVersion, "VolumeAttachment", "volumeattachments", "", status},
	{storagev1.SchemeGroupVersion, "VolumeAttributesClass", "volumeattributesclasses", "vac", 0},
}

// The fields that a selector may name, with the values that fieldsOf gives them.
var selectable = map[schema.GroupVersionKind][]string{
	corev1.SchemeGroupVersion.WithKind("Pod"):    {"spec.nodeName", "spec.restartPolicy", "spec.serviceAccountName", "status.phase"},
	corev1.SchemeGroupVersion.WithKind("Secret"): {"type"},
	corev1.SchemeGroupVersion.WithKind("Node"):   {"spec.unschedulable"},
	corev1.SchemeGroupVersion.WithKind("Event"): {"involvedObject.kind", "involvedObject.namespace", "involvedObject.name",
		"involvedObject.uid", "involvedObject.apiVersion", "involvedObject.fieldPath", "reason", "type", "reportingComponent"},
	eventsv1.SchemeGroupVersion.WithKind("Event"): {"regarding.kind", "regarding.namespace", "regarding.name",
		"regarding.uid", "regarding.apiVersion", "reason", "type"},
	certificatesv1.SchemeGroupVersion.WithKind("CertificateSigningRequest"): {"spec.signerName"},
}
