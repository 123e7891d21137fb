/* SPDX-License-Identifier: Apache-2.0 */
/*
 * By the names of fields alone, so that a custom resource with a pod's template in it is read as a
 * pod is. The deepest name that is known decides: `containers` is what runs, `resources` in it is
 * not. Names that are not known belong where the one above them does.
 */
#include "common/display/display_part.h"

#include <stdlib.h>
#include <string.h>

static const struct {
	const char *name, *heading;
} parts[] = {
	[PART_RUNS] = {"runs", "What runs"},
	[PART_IDENTITY] = {"identity", "As whom"},
	[PART_RIGHTS] = {"rights", "With which rights"},
	[PART_SECRETS] = {"secrets", "Secrets and environment"},
	[PART_VOLUMES] = {"volumes", "Volumes"},
	[PART_NODES] = {"nodes", "On which nodes"},
	[PART_SCALE] = {"scale", "How many, how long"},
	[PART_DATA] = {"data", "Data"},
	[PART_CALLS] = {"calls", "Whom it calls, who reaches it"},
	[PART_SPEC] = {"spec", "Everything else"},
	[PART_ACTING_METADATA] = {"acting-metadata", "Metadata that acts"},
	[PART_METADATA] = {"metadata", "Metadata"},
};

/* In the order of bytes: looked up by halves. */
static const struct known {
	const char *name;
	enum display_part part;
} fields[] = {
	{"accessModes", PART_VOLUMES},
	{"activeDeadlineSeconds", PART_SCALE},
	{"addresses", PART_CALLS},
	{"affinity", PART_NODES},
	{"aggregationRule", PART_RIGHTS},
	{"allowPrivilegeEscalation", PART_IDENTITY},
	{"allowedTopologies", PART_NODES},
	{"apiGroups", PART_RIGHTS},
	{"appArmorProfile", PART_IDENTITY},
	{"args", PART_RUNS},
	{"audiences", PART_RIGHTS},
	{"automountServiceAccountToken", PART_IDENTITY},
	{"backoffLimit", PART_SCALE},
	{"boundObjectRef", PART_RIGHTS},
	{"caBundle", PART_CALLS},
	{"capabilities", PART_IDENTITY},
	{"capacity", PART_VOLUMES},
	{"claimRef", PART_VOLUMES},
	{"clientConfig", PART_CALLS},
	{"clusterRoleSelectors", PART_RIGHTS},
	{"command", PART_RUNS},
	{"completions", PART_SCALE},
	{"concurrencyPolicy", PART_SCALE},
	{"containers", PART_RUNS},
	{"conversion", PART_CALLS},
	{"credentials", PART_SECRETS},
	{"csi", PART_VOLUMES},
	{"drivers", PART_VOLUMES},
	{"egress", PART_CALLS},
	{"endpoints", PART_CALLS},
	{"entrypoint", PART_RUNS},
	{"env", PART_SECRETS},
	{"envFrom", PART_SECRETS},
	{"ephemeralContainers", PART_RUNS},
	{"exec", PART_RUNS},
	{"expirationSeconds", PART_RIGHTS},
	{"externalIPs", PART_CALLS},
	{"externalName", PART_CALLS},
	{"failurePolicy", PART_CALLS},
	{"fsGroup", PART_IDENTITY},
	{"groups", PART_IDENTITY},
	{"hard", PART_SCALE},
	{"hostAliases", PART_CALLS},
	{"hostIPC", PART_IDENTITY},
	{"hostNetwork", PART_IDENTITY},
	{"hostPID", PART_IDENTITY},
	{"hostPath", PART_VOLUMES},
	{"hostUsers", PART_IDENTITY},
	{"hosts", PART_CALLS},
	{"image", PART_RUNS},
	{"imagePullPolicy", PART_SPEC},
	{"imagePullSecrets", PART_SECRETS},
	{"images", PART_RUNS},
	{"impersonate", PART_IDENTITY},
	{"ingress", PART_CALLS},
	{"initContainers", PART_RUNS},
	{"job", PART_RUNS},
	{"lifecycle", PART_RUNS},
	{"livenessProbe", PART_RUNS},
	{"loadBalancerIP", PART_CALLS},
	{"loadBalancerSourceRanges", PART_CALLS},
	{"local", PART_VOLUMES},
	{"matchConditions", PART_CALLS},
	{"maxReplicas", PART_SCALE},
	{"maxUnavailable", PART_SCALE},
	{"minAvailable", PART_SCALE},
	{"minReplicas", PART_SCALE},
	{"mountOptions", PART_VOLUMES},
	{"namespaceSelector", PART_CALLS},
	{"nfs", PART_VOLUMES},
	{"nodeName", PART_NODES},
	{"nodeSelector", PART_NODES},
	{"nodeSelectorTerms", PART_NODES},
	{"nonResourceURLs", PART_RIGHTS},
	{"objectSelector", PART_CALLS},
	{"parallelism", PART_SCALE},
	{"parameters", PART_SPEC},
	{"partition", PART_SCALE},
	{"paused", PART_SCALE},
	{"persistentVolumeClaimRetentionPolicy", PART_VOLUMES},
	{"persistentVolumeReclaimPolicy", PART_VOLUMES},
	{"podCIDR", PART_NODES},
	{"podSelector", PART_CALLS},
	{"policyTypes", PART_CALLS},
	{"ports", PART_SPEC},
	{"postStart", PART_RUNS},
	{"preStop", PART_RUNS},
	{"preemptionPolicy", PART_NODES},
	{"priority", PART_NODES},
	{"priorityClassName", PART_NODES},
	{"privileged", PART_IDENTITY},
	{"procMount", PART_IDENTITY},
	{"projected", PART_VOLUMES},
	{"propagationPolicy", PART_SCALE},
	{"providerID", PART_NODES},
	{"provisioner", PART_VOLUMES},
	{"readOnlyRootFilesystem", PART_IDENTITY},
	{"readinessProbe", PART_RUNS},
	{"replicas", PART_SCALE},
	{"resizePolicy", PART_SPEC},
	{"resourceClaims", PART_VOLUMES},
	{"resourceNames", PART_RIGHTS},
	{"resources", PART_SPEC},
	{"restartPolicy", PART_SPEC},
	{"roleRef", PART_RIGHTS},
	{"rules", PART_RIGHTS},
	{"runAsGroup", PART_IDENTITY},
	{"runAsNonRoot", PART_IDENTITY},
	{"runAsUser", PART_IDENTITY},
	{"runtimeClassName", PART_IDENTITY},
	{"scaleTargetRef", PART_SCALE},
	{"schedule", PART_SCALE},
	{"schedulerName", PART_NODES},
	{"script", PART_RUNS},
	{"scripts", PART_RUNS},
	{"seLinuxOptions", PART_IDENTITY},
	{"seccompProfile", PART_IDENTITY},
	{"secret", PART_SECRETS},
	{"secretKeyRef", PART_SECRETS},
	{"secretName", PART_SECRETS},
	{"secretRef", PART_SECRETS},
	{"secrets", PART_SECRETS},
	{"securityContext", PART_IDENTITY},
	{"selector", PART_CALLS},
	{"server", PART_CALLS},
	{"serviceAccount", PART_IDENTITY},
	{"serviceAccountName", PART_IDENTITY},
	{"serviceAccountRef", PART_IDENTITY},
	{"shareProcessNamespace", PART_IDENTITY},
	{"signerName", PART_RIGHTS},
	{"source", PART_CALLS},
	{"startupProbe", PART_RUNS},
	{"status", PART_SPEC},
	{"storageClassName", PART_VOLUMES},
	{"strategy", PART_SCALE},
	{"stringData", PART_SECRETS},
	{"subjects", PART_RIGHTS},
	{"subsets", PART_CALLS},
	{"supplementalGroups", PART_IDENTITY},
	{"suspend", PART_SCALE},
	{"sysctls", PART_IDENTITY},
	{"taints", PART_NODES},
	{"terminationGracePeriodSeconds", PART_SCALE},
	{"terminationMessagePath", PART_SPEC},
	{"terminationMessagePolicy", PART_SPEC},
	{"tls", PART_SECRETS},
	{"tolerations", PART_NODES},
	{"topologySpreadConstraints", PART_NODES},
	{"ttlSecondsAfterFinished", PART_SCALE},
	{"unschedulable", PART_NODES},
	{"updateStrategy", PART_SCALE},
	{"url", PART_CALLS},
	{"usages", PART_RIGHTS},
	{"user", PART_IDENTITY},
	{"userData", PART_RUNS},
	{"username", PART_IDENTITY},
	{"verbs", PART_RIGHTS},
	{"volumeClaimTemplates", PART_VOLUMES},
	{"volumeDevices", PART_VOLUMES},
	{"volumeMode", PART_VOLUMES},
	{"volumeMounts", PART_VOLUMES},
	{"volumeName", PART_VOLUMES},
	{"volumes", PART_VOLUMES},
	{"webhooks", PART_CALLS},
	{"workingDir", PART_RUNS},
};

/* Annotations that some controller obeys: a cloud's identities, what is put beside the containers,
 * what a proxy is told. The part of the name before its slash, or its end. */
static const char *const acting_domains[] = {"amazonaws.com", "iam.gke.io",
	"azure.workload.identity", "vault.hashicorp.com", "istio.io", "linkerd.io",
	"ingress.kubernetes.io", "nginx.org", "traefik.ingress.kubernetes.io", "cni.cncf.io",
	"projectcalico.org", "cilium.io", "apparmor.security.beta.kubernetes.io",
	"seccomp.security.alpha.kubernetes.io", "scheduler.alpha.kubernetes.io",
	"service.beta.kubernetes.io", "service.kubernetes.io", "cert-manager.io",
	"external-dns.alpha.kubernetes.io", "pod-security.kubernetes.io",
	"rbac.authorization.k8s.io", "storage.kubernetes.io", "volume.kubernetes.io",
	"pv.kubernetes.io", "autoscaler.kubernetes.io", "karpenter.sh", "argoproj.io", "fluxcd.io",
	"kyverno.io", "gatekeeper.sh", "helm.sh"};
/* The same, whole names. */
static const char *const acting_names[] = {"kubernetes.io/service-account.name",
	"kubernetes.io/enforce-mountable-secrets", "kubernetes.io/ingress.class",
	"kubernetes.io/egress-bandwidth", "node.alpha.kubernetes.io/ttl",
	"controller.kubernetes.io/pod-deletion-cost"};

const char *display_part_name(enum display_part p)
{
	return parts[p].name;
}

const char *display_part_heading(enum display_part p)
{
	return parts[p].heading;
}

enum display_part display_part_of_name(struct span name)
{
	for (size_t i = 0; i < PARTS; i++)
		if (span_eq_str(name, parts[i].name))
			return (enum display_part)i;
	return PARTS;
}

static int compare_known(const void *key, const void *element)
{
	const struct span *s = key;
	const char *name = ((const struct known *)element)->name;
	size_t len = strlen(name);
	int rc = memcmp(s->ptr, name, s->len < len ? s->len : len);

	return rc != 0 ? rc : (s->len > len) - (s->len < len);
}

static bool ends_with(struct span s, const char *end)
{
	size_t len = strlen(end);

	return s.len >= len && memcmp(s.ptr + s.len - len, end, len) == 0 &&
	       (s.len == len || s.ptr[s.len - len - 1] == '.');
}

static bool acts(struct span annotation)
{
	const char *slash = annotation.len > 0 ? memchr(annotation.ptr, '/', annotation.len) : NULL;
	struct span domain = {annotation.ptr, slash ? (size_t)(slash - annotation.ptr) : 0};

	for (size_t i = 0; slash && i < ARRAY_LEN(acting_domains); i++)
		if (ends_with(domain, acting_domains[i]))
			return true;
	for (size_t i = 0; i < ARRAY_LEN(acting_names); i++)
		if (span_eq_str(annotation, acting_names[i]))
			return true;
	return false;
}

struct display_where display_where_root(void)
{
	return (struct display_where){PART_SPEC, WHERE_ROOT};
}

static struct display_where settled(enum display_part part)
{
	return (struct display_where){part, WHERE_SETTLED};
}

static struct display_where in_metadata(struct span key)
{
	static const char *const acting[] = {"finalizers", "labels", "ownerReferences", "namespace",
		"deletionGracePeriodSeconds", "deletionTimestamp"};

	if (span_eq(key, SPAN("annotations")))
		return (struct display_where){PART_METADATA, WHERE_ANNOTATIONS};
	for (size_t i = 0; i < ARRAY_LEN(acting); i++)
		if (span_eq_str(key, acting[i]))
			return settled(PART_ACTING_METADATA);
	return settled(PART_METADATA);
}

/* A config map's or a Secret's keys are anybody's words. */
static bool has_plain_data(struct span resource)
{
	return span_eq(resource, SPAN("configmaps")) || span_eq(resource, SPAN("secrets"));
}

static struct display_where in_root(struct span key, struct span resource)
{
	bool data = span_eq(key, SPAN("data")) || span_eq(key, SPAN("binaryData"));

	if (span_eq(key, SPAN("metadata")))
		return (struct display_where){PART_METADATA, WHERE_METADATA};
	if (span_eq(key, SPAN("apiVersion")) || span_eq(key, SPAN("kind")))
		return settled(PART_METADATA);
	if (has_plain_data(resource) && (data || span_eq(key, SPAN("stringData"))))
		return settled(span_eq(resource, SPAN("secrets")) ? PART_SECRETS : PART_DATA);
	if (data)
		return (struct display_where){PART_DATA, WHERE_FIELDS};
	return display_where_member((struct display_where){PART_SPEC, WHERE_FIELDS}, key, resource);
}

struct display_where display_where_member(
	struct display_where at, struct span key, struct span resource)
{
	const struct known *k;

	switch (at.state) {
	case WHERE_ROOT:
		return in_root(key, resource);
	case WHERE_METADATA:
		return in_metadata(key);
	case WHERE_ANNOTATIONS:
		return settled(acts(key) ? PART_ACTING_METADATA : PART_METADATA);
	case WHERE_SETTLED:
		return at;
	default:
		break;
	}
	if (key.len == 0)
		return at;
	/* Of a template in it, as at its root: annotations act, and labels select. */
	if (span_eq(key, SPAN("annotations")))
		return (struct display_where){PART_METADATA, WHERE_ANNOTATIONS};
	if (span_eq(key, SPAN("labels")))
		return settled(PART_ACTING_METADATA);
	k = bsearch(&key, fields, ARRAY_LEN(fields), sizeof(fields[0]), compare_known);
	/* A container's resources are harmless, a role's are not. */
	if (!k || (k->part == PART_SPEC && at.part != PART_RUNS))
		return (struct display_where){at.part, WHERE_FIELDS};
	return (struct display_where){k->part, WHERE_FIELDS};
}
