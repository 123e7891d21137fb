// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
	genericapirequest "k8s.io/apiserver/pkg/endpoints/request"
)

// The defaults of k8s.io/kubernetes/pkg/apis/*/v1/defaults.go that policies and tests meet, and, in
// prepare, what its strategies fill in at creation. The webhook dispatcher takes those of webhook
// configurations for granted: without them it silently asks nobody.

// orElse sets what is not there.
func orElse[T any](p **T, value T) {
	if *p == nil {
		*p = &value
	}
}

func orElseZero[T comparable](p *T, value T) {
	var zero T
	if *p == zero {
		*p = value
	}
}

// byDefault registers what fills an object of a type.
func byDefault[T any](f func(*T)) {
	scheme.AddTypeDefaultingFunc(any(new(T)).(runtime.Object), func(o interface{}) { f(o.(*T)) })
}

func addDefaults() {
	byDefault(func(o *admissionregistrationv1.ValidatingWebhookConfiguration) {
		for i := range o.Webhooks {
			w := &o.Webhooks[i]
			webhookDefaults(&w.FailurePolicy, &w.MatchPolicy, &w.NamespaceSelector, &w.ObjectSelector, &w.TimeoutSeconds, w.Rules, &w.ClientConfig)
		}
	})
	byDefault(func(o *admissionregistrationv1.MutatingWebhookConfiguration) {
		for i := range o.Webhooks {
			w := &o.Webhooks[i]
			webhookDefaults(&w.FailurePolicy, &w.MatchPolicy, &w.NamespaceSelector, &w.ObjectSelector, &w.TimeoutSeconds, w.Rules, &w.ClientConfig)
			orElse(&w.ReinvocationPolicy, admissionregistrationv1.NeverReinvocationPolicy)
		}
	})
	byDefault(func(o *admissionregistrationv1.ValidatingAdmissionPolicy) {
		orElse(&o.Spec.FailurePolicy, admissionregistrationv1.Fail)
		matchDefaults(o.Spec.MatchConstraints)
	})
	byDefault(func(o *admissionregistrationv1.ValidatingAdmissionPolicyBinding) {
		matchDefaults(o.Spec.MatchResources)
	})
	byDefault(func(o *corev1.Namespace) { metav1.SetMetaDataLabel(&o.ObjectMeta, corev1.LabelMetadataName, o.Name) })
	byDefault(secretDefaults)
	byDefault(func(o *corev1.Pod) { podDefaults(&o.Spec) })
	byDefault(func(o *corev1.PodTemplate) { podDefaults(&o.Template.Spec) })
	byDefault(serviceDefaults)
	byDefault(func(o *corev1.PersistentVolume) {
		orElseZero(&o.Spec.PersistentVolumeReclaimPolicy, corev1.PersistentVolumeReclaimRetain)
		orElse(&o.Spec.VolumeMode, corev1.PersistentVolumeFilesystem)
	})
	byDefault(func(o *corev1.PersistentVolumeClaim) { orElse(&o.Spec.VolumeMode, corev1.PersistentVolumeFilesystem) })
	byDefault(func(o *storagev1.StorageClass) {
		orElse(&o.ReclaimPolicy, corev1.PersistentVolumeReclaimDelete)
		orElse(&o.VolumeBindingMode, storagev1.VolumeBindingImmediate)
	})
	byDefault(func(o *networkingv1.NetworkPolicy) {
		if len(o.Spec.PolicyTypes) == 0 {
			o.Spec.PolicyTypes = []networkingv1.PolicyType{networkingv1.PolicyTypeIngress}
			if len(o.Spec.Egress) > 0 {
				o.Spec.PolicyTypes = append(o.Spec.PolicyTypes, networkingv1.PolicyTypeEgress)
			}
		}
	})
	byDefault(func(o *rbacv1.RoleBinding) { roleRefDefaults(&o.RoleRef, o.Subjects) })
	byDefault(func(o *rbacv1.ClusterRoleBinding) { roleRefDefaults(&o.RoleRef, o.Subjects) })
	addWorkloadDefaults()
}

func webhookDefaults(failure **admissionregistrationv1.FailurePolicyType, match **admissionregistrationv1.MatchPolicyType,
	namespaces, objects **metav1.LabelSelector, timeout **int32, rules []admissionregistrationv1.RuleWithOperations,
	client *admissionregistrationv1.WebhookClientConfig) {
	orElse(failure, admissionregistrationv1.Fail)
	orElse(match, admissionregistrationv1.Equivalent)
	orElse(namespaces, metav1.LabelSelector{})
	orElse(objects, metav1.LabelSelector{})
	orElse(timeout, 10)
	for i := range rules {
		orElse(&rules[i].Scope, admissionregistrationv1.AllScopes)
	}
	if client.Service != nil {
		orElse(&client.Service.Port, 443)
	}
}

func matchDefaults(m *admissionregistrationv1.MatchResources) {
	if m == nil {
		return
	}
	orElse(&m.MatchPolicy, admissionregistrationv1.Equivalent)
	orElse(&m.NamespaceSelector, metav1.LabelSelector{})
	orElse(&m.ObjectSelector, metav1.LabelSelector{})
	for i := range m.ResourceRules {
		orElse(&m.ResourceRules[i].Scope, admissionregistrationv1.AllScopes)
	}
}

// Upstream's conversion does it: nobody after the decoder ever sees stringData.
func secretDefaults(o *corev1.Secret) {
	orElseZero(&o.Type, corev1.SecretTypeOpaque)
	for key, value := range o.StringData {
		if o.Data == nil {
			o.Data = map[string][]byte{}
		}
		o.Data[key] = []byte(value)
	}
	o.StringData = nil
}

func serviceDefaults(o *corev1.Service) {
	orElseZero(&o.Spec.Type, corev1.ServiceTypeClusterIP)
	orElseZero(&o.Spec.SessionAffinity, corev1.ServiceAffinityNone)
	if o.Spec.Type == corev1.ServiceTypeExternalName {
		return
	}
	orElse(&o.Spec.InternalTrafficPolicy, corev1.ServiceInternalTrafficPolicyCluster)
	if o.Spec.Type != corev1.ServiceTypeClusterIP {
		orElseZero(&o.Spec.ExternalTrafficPolicy, corev1.ServiceExternalTrafficPolicyCluster)
	}
	if o.Spec.Type == corev1.ServiceTypeLoadBalancer {
		orElse(&o.Spec.AllocateLoadBalancerNodePorts, true)
	}
	for i := range o.Spec.Ports {
		p := &o.Spec.Ports[i]
		orElseZero(&p.Protocol, corev1.ProtocolTCP)
		if p.TargetPort == (intstr.IntOrString{}) {
			p.TargetPort = intstr.FromInt32(p.Port)
		}
	}
}

func roleRefDefaults(role *rbacv1.RoleRef, subjects []rbacv1.Subject) {
	orElseZero(&role.APIGroup, rbacv1.GroupName)
	for i := range subjects {
		if subjects[i].Kind != rbacv1.ServiceAccountKind {
			orElseZero(&subjects[i].APIGroup, rbacv1.GroupName)
		}
	}
}

func podDefaults(spec *corev1.PodSpec) {
	orElseZero(&spec.RestartPolicy, corev1.RestartPolicyAlways)
	orElseZero(&spec.DNSPolicy, corev1.DNSClusterFirst)
	orElseZero(&spec.SchedulerName, corev1.DefaultSchedulerName)
	orElse(&spec.TerminationGracePeriodSeconds, corev1.DefaultTerminationGracePeriodSeconds)
	orElse(&spec.EnableServiceLinks, corev1.DefaultEnableServiceLinks)
	orElse(&spec.SecurityContext, corev1.PodSecurityContext{})
	// Two names of one field, kept alike.
	orElseZero(&spec.ServiceAccountName, spec.DeprecatedServiceAccount)
	spec.DeprecatedServiceAccount = spec.ServiceAccountName
	for i := range spec.InitContainers {
		containerDefaults(&spec.InitContainers[i], spec.HostNetwork)
	}
	for i := range spec.Containers {
		containerDefaults(&spec.Containers[i], spec.HostNetwork)
	}
	for i := range spec.EphemeralContainers {
		c := corev1.Container(spec.EphemeralContainers[i].EphemeralContainerCommon)
		containerDefaults(&c, false)
		spec.EphemeralContainers[i].EphemeralContainerCommon = corev1.EphemeralContainerCommon(c)
	}
	for i := range spec.Volumes {
		volumeDefaults(&spec.Volumes[i].VolumeSource)
	}
}

func containerDefaults(c *corev1.Container, hostNetwork bool) {
	orElseZero(&c.TerminationMessagePath, corev1.TerminationMessagePathDefault)
	orElseZero(&c.TerminationMessagePolicy, corev1.TerminationMessageReadFile)
	orElseZero(&c.ImagePullPolicy, pullPolicyOf(c.Image))
	for i := range c.Ports {
		orElseZero(&c.Ports[i].Protocol, corev1.ProtocolTCP)
		if hostNetwork {
			orElseZero(&c.Ports[i].HostPort, c.Ports[i].ContainerPort)
		}
	}
	for i := range c.Env {
		if from := c.Env[i].ValueFrom; from != nil && from.FieldRef != nil {
			orElseZero(&from.FieldRef.APIVersion, "v1")
		}
	}
	for _, probe := range []*corev1.Probe{c.LivenessProbe, c.ReadinessProbe, c.StartupProbe} {
		probeDefaults(probe)
	}
}

// An image with a tag other than latest, or with a digest, need not be asked for again.
func pullPolicyOf(image string) corev1.PullPolicy {
	for i := len(image) - 1; i >= 0 && image[i] != '/'; i-- {
		if image[i] == '@' || (image[i] == ':' && image[i+1:] != "latest") {
			return corev1.PullIfNotPresent
		}
	}
	return corev1.PullAlways
}

func probeDefaults(p *corev1.Probe) {
	if p == nil {
		return
	}
	orElseZero(&p.TimeoutSeconds, 1)
	orElseZero(&p.PeriodSeconds, 10)
	orElseZero(&p.SuccessThreshold, 1)
	orElseZero(&p.FailureThreshold, 3)
	if p.HTTPGet != nil {
		orElseZero(&p.HTTPGet.Path, "/")
		orElseZero(&p.HTTPGet.Scheme, corev1.URISchemeHTTP)
	}
}

func volumeDefaults(v *corev1.VolumeSource) {
	if *v == (corev1.VolumeSource{}) {
		v.EmptyDir = &corev1.EmptyDirVolumeSource{}
	}
	if v.Secret != nil {
		orElse(&v.Secret.DefaultMode, corev1.SecretVolumeSourceDefaultMode)
	}
	if v.ConfigMap != nil {
		orElse(&v.ConfigMap.DefaultMode, corev1.ConfigMapVolumeSourceDefaultMode)
	}
	if v.HostPath != nil {
		orElse(&v.HostPath.Type, corev1.HostPathUnset)
	}
	if v.Projected != nil {
		orElse(&v.Projected.DefaultMode, corev1.ProjectedVolumeSourceDefaultMode)
		for _, source := range v.Projected.Sources {
			if source.ServiceAccountToken != nil {
				orElse(&source.ServiceAccountToken.ExpirationSeconds, 3600)
			}
		}
	}
}

func addWorkloadDefaults() {
	quarter := intstr.FromString("25%")
	byDefault(func(o *appsv1.Deployment) {
		orElse(&o.Spec.Replicas, 1)
		orElse(&o.Spec.RevisionHistoryLimit, 10)
		orElse(&o.Spec.ProgressDeadlineSeconds, 600)
		orElseZero(&o.Spec.Strategy.Type, appsv1.RollingUpdateDeploymentStrategyType)
		if o.Spec.Strategy.Type == appsv1.RollingUpdateDeploymentStrategyType {
			orElse(&o.Spec.Strategy.RollingUpdate, appsv1.RollingUpdateDeployment{})
			orElse(&o.Spec.Strategy.RollingUpdate.MaxSurge, quarter)
			orElse(&o.Spec.Strategy.RollingUpdate.MaxUnavailable, quarter)
		}
		podDefaults(&o.Spec.Template.Spec)
	})
	byDefault(func(o *appsv1.StatefulSet) {
		orElse(&o.Spec.Replicas, 1)
		orElse(&o.Spec.RevisionHistoryLimit, 10)
		orElseZero(&o.Spec.PodManagementPolicy, appsv1.OrderedReadyPodManagement)
		orElseZero(&o.Spec.UpdateStrategy.Type, appsv1.RollingUpdateStatefulSetStrategyType)
		orElse(&o.Spec.PersistentVolumeClaimRetentionPolicy, appsv1.StatefulSetPersistentVolumeClaimRetentionPolicy{
			WhenDeleted: appsv1.RetainPersistentVolumeClaimRetentionPolicyType, WhenScaled: appsv1.RetainPersistentVolumeClaimRetentionPolicyType})
		podDefaults(&o.Spec.Template.Spec)
		for i := range o.Spec.VolumeClaimTemplates {
			orElse(&o.Spec.VolumeClaimTemplates[i].Spec.VolumeMode, corev1.PersistentVolumeFilesystem)
		}
	})
	byDefault(func(o *appsv1.DaemonSet) {
		orElse(&o.Spec.RevisionHistoryLimit, 10)
		orElseZero(&o.Spec.UpdateStrategy.Type, appsv1.RollingUpdateDaemonSetStrategyType)
		podDefaults(&o.Spec.Template.Spec)
	})
	byDefault(func(o *appsv1.ReplicaSet) {
		orElse(&o.Spec.Replicas, 1)
		podDefaults(&o.Spec.Template.Spec)
	})
	byDefault(func(o *corev1.ReplicationController) {
		orElse(&o.Spec.Replicas, 1)
		if o.Spec.Template != nil {
			podDefaults(&o.Spec.Template.Spec)
			if len(o.Spec.Selector) == 0 {
				o.Spec.Selector = o.Spec.Template.Labels
			}
		}
	})
	byDefault(func(o *batchv1.Job) { jobDefaults(&o.Spec) })
	byDefault(func(o *batchv1.CronJob) {
		orElseZero(&o.Spec.ConcurrencyPolicy, batchv1.AllowConcurrent)
		orElse(&o.Spec.Suspend, false)
		orElse(&o.Spec.SuccessfulJobsHistoryLimit, 3)
		orElse(&o.Spec.FailedJobsHistoryLimit, 1)
		podDefaults(&o.Spec.JobTemplate.Spec.Template.Spec)
	})
}

func jobDefaults(spec *batchv1.JobSpec) {
	if spec.Completions == nil && spec.Parallelism == nil {
		orElse(&spec.Completions, 1)
	}
	orElse(&spec.Parallelism, 1)
	orElse(&spec.BackoffLimit, 6)
	orElse(&spec.CompletionMode, batchv1.NonIndexedCompletion)
	orElse(&spec.Suspend, false)
	orElse(&spec.PodReplacementPolicy, batchv1.TerminatingOrFailed)
	podDefaults(&spec.Template.Spec)
}

// prepare fills in what is known at creation only.
func prepare(ctx context.Context, object runtime.Object) {
	switch o := object.(type) {
	case *corev1.Namespace:
		o.Status.Phase = corev1.NamespaceActive
		o.Spec.Finalizers = []corev1.FinalizerName{corev1.FinalizerKubernetes}
	case *corev1.Pod:
		o.Status.Phase, o.Status.QOSClass = corev1.PodPending, corev1.PodQOSBestEffort
		o.Spec.EphemeralContainers = nil
	case *corev1.PersistentVolume:
		o.Status.Phase = corev1.VolumePending
	case *corev1.PersistentVolumeClaim:
		o.Status.Phase = corev1.ClaimPending
	case *corev1.Service:
		if o.Spec.Type != corev1.ServiceTypeExternalName && o.Spec.ClusterIP == "" {
			o.Spec.ClusterIP = clusterIPs.next()
		}
		if o.Spec.ClusterIP != "" && len(o.Spec.ClusterIPs) == 0 {
			o.Spec.ClusterIPs = []string{o.Spec.ClusterIP}
		}
	case *batchv1.Job:
		jobSelector(o)
	case *certificatesv1.CertificateSigningRequest:
		if user, ok := genericapirequest.UserFrom(ctx); ok {
			o.Spec.Username, o.Spec.UID, o.Spec.Groups = user.GetName(), user.GetUID(), user.GetGroups()
			o.Spec.Extra = nil
			for key, values := range user.GetExtra() {
				if o.Spec.Extra == nil {
					o.Spec.Extra = map[string]certificatesv1.ExtraValue{}
				}
				o.Spec.Extra[key] = values
			}
		}
	}
}

// A Job finds its pods by its own uid, unless somebody chose otherwise.
func jobSelector(job *batchv1.Job) {
	if job.Spec.ManualSelector != nil && *job.Spec.ManualSelector {
		return
	}
	labels := map[string]string{batchv1.ControllerUidLabel: string(job.UID), batchv1.JobNameLabel: job.Name}
	if job.Spec.Template.Labels == nil {
		job.Spec.Template.Labels = map[string]string{}
	}
	for key, value := range labels {
		job.Spec.Template.Labels[key] = value
	}
	job.Spec.Selector = &metav1.LabelSelector{MatchLabels: map[string]string{batchv1.ControllerUidLabel: string(job.UID)}}
}
