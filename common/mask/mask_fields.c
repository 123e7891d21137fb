/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Field names of Kubernetes that masking knows: the ones that give an object its shape, and the
 * plain ones that make up most of an object. A name found here needs no judgement, which is what
 * makes masking fast, and is never mistaken for a secret's ("automountServiceAccountToken").
 *
 * Names that are not here are judged by mask_names.c.
 */
#include "common/mask/mask_names_internal.h"
#include <assert.h>

struct known {
	const char *text;
	struct mask_name name;
};

#define PLAIN(t)                                                                                   \
	{                                                                                          \
		t,                                                                                 \
		{                                                                                  \
			.known = true                                                              \
		}                                                                                  \
	}
#define REFERENCE(t)                                                                               \
	{                                                                                          \
		t,                                                                                 \
		{                                                                                  \
			.known = true, .reference = true                                           \
		}                                                                                  \
	}
#define SHAPE(t, f)                                                                                \
	{                                                                                          \
		t,                                                                                 \
		{                                                                                  \
			.known = true, .field = FIELD_##f                                          \
		}                                                                                  \
	}
#define SHAPE_REF(t, f)                                                                            \
	{                                                                                          \
		t,                                                                                 \
		{                                                                                  \
			.known = true, .field = FIELD_##f, .reference = true                       \
		}                                                                                  \
	}
#define STRONG(t)                                                                                  \
	{                                                                                          \
		t,                                                                                 \
		{                                                                                  \
			.known = true, .class = NAME_STRONG, .rule = RULE_FIELD_NAME               \
		}                                                                                  \
	}

static const struct known known_fields[] = {
	/* shape */
	SHAPE_REF("kind", KIND), SHAPE_REF("apiVersion", API_VERSION), SHAPE("metadata", METADATA),
	SHAPE_REF("name", NAME), SHAPE_REF("key", NAME), SHAPE("header", NAME),
	SHAPE("param", NAME), SHAPE("variable", NAME), SHAPE("parameterkey", NAME),
	SHAPE("parametername", NAME), SHAPE("parametervalue", VALUE), SHAPE("value", VALUE),
	SHAPE("values", VALUE), SHAPE("defaultValue", VALUE), SHAPE("stringValue", VALUE),
	SHAPE("val", VALUE), SHAPE("v", VALUE), SHAPE("k", NAME), SHAPE("content", VALUE),
	SHAPE("contents", VALUE), SHAPE("data", DATA), SHAPE("binaryData", DATA),
	SHAPE("stringData", STRING_DATA), SHAPE_REF("type", TYPE), SHAPE("immutable", IMMUTABLE),
	SHAPE("op", OP), SHAPE_REF("path", PATH), SHAPE("from", FROM), SHAPE("items", ITEMS),
	SHAPE("rows", ROWS), SHAPE("cells", CELLS), SHAPE("columnDefinitions", COLUMNS),
	SHAPE("object", OBJECT), SHAPE("oldObject", OLD_OBJECT), SHAPE_REF("resource", RESOURCE),
	SHAPE("options", OPTIONS), SHAPE("annotations", ANNOTATIONS),
	SHAPE("managedFields", MANAGED_FIELDS), SHAPE("command", COMMAND), SHAPE("args", COMMAND),
	SHAPE("extra", EXTRA), SHAPE("openAPIV3Schema", SCHEMA), SHAPE("default", SCHEMA_VALUE),
	SHAPE("example", SCHEMA_VALUE), SHAPE("examples", SCHEMA_VALUE),
	SHAPE("enum", SCHEMA_VALUE), SHAPE("const", SCHEMA_VALUE), SHAPE("kty", KTY),
	SHAPE("requestURI", URI), SHAPE("message", MESSAGE),

	/* metadata, kept in a Secret too */
	SHAPE_REF("namespace", META_KEPT), SHAPE_REF("uid", META_KEPT),
	SHAPE_REF("resourceVersion", META_KEPT), SHAPE_REF("generation", META_KEPT),
	SHAPE_REF("generateName", META_KEPT), SHAPE_REF("creationTimestamp", META_KEPT),
	SHAPE_REF("deletionTimestamp", META_KEPT),
	SHAPE_REF("deletionGracePeriodSeconds", META_KEPT), SHAPE_REF("labels", LABELS),
	SHAPE_REF("selfLink", META_KEPT), SHAPE_REF("finalizers", META_KEPT),
	SHAPE_REF("ownerReferences", META_KEPT), SHAPE_REF("continue", META_KEPT),
	SHAPE_REF("remainingItemCount", META_KEPT), SHAPE_REF("clusterName", META_KEPT),

	/* says where something is, also where a secret is */
	REFERENCE("secretName"), REFERENCE("apiGroup"), REFERENCE("group"), REFERENCE("version"),
	REFERENCE("optional"), REFERENCE("mode"), REFERENCE("defaultMode"), REFERENCE("fieldPath"),
	REFERENCE("mountPath"), REFERENCE("subPath"), REFERENCE("readOnly"), REFERENCE("audience"),
	REFERENCE("audiences"), REFERENCE("expirationSeconds"), REFERENCE("expirationTimestamp"),
	REFERENCE("secretKeyRef"), REFERENCE("secretRef"), REFERENCE("configMapKeyRef"),
	REFERENCE("configMapRef"), REFERENCE("fieldRef"), REFERENCE("operator"),
	REFERENCE("subresource"), REFERENCE("plural"), REFERENCE("secretNamespace"),
	REFERENCE("issuerRef"), REFERENCE("serviceAccountName"), REFERENCE("algorithm"),
	REFERENCE("encoding"), REFERENCE("size"), REFERENCE("rotationPolicy"),

	/* the audit event */
	PLAIN("level"), PLAIN("auditID"), PLAIN("stage"), PLAIN("verb"), PLAIN("user"),
	PLAIN("username"), PLAIN("groups"), PLAIN("impersonatedUser"), PLAIN("sourceIPs"),
	PLAIN("userAgent"), SHAPE("objectRef", OBJECT_REF), PLAIN("responseStatus"),
	SHAPE("requestObject", TARGET_OBJECT), SHAPE("responseObject", TARGET_OBJECT),
	PLAIN("requestReceivedTimestamp"), PLAIN("stageTimestamp"), PLAIN("status"), PLAIN("code"),
	PLAIN("reason"), PLAIN("details"), PLAIN("causes"), PLAIN("field"),
	PLAIN("authorization.k8s.io/decision"), PLAIN("authorization.k8s.io/reason"),
	PLAIN("authentication.kubernetes.io/credential-id"),
	PLAIN("authentication.kubernetes.io/issued-credential-id"),
	PLAIN("authentication.k8s.io/stale-token"), PLAIN("authentication.k8s.io/legacy-token"),
	PLAIN("authentication.k8s.io/legacy-token-autogenerated-secret"),
	PLAIN("authentication.k8s.io/legacy-token-manual-secret"),
	PLAIN("pod-security.kubernetes.io/enforce-policy"), PLAIN("audit.k8s.io/truncated"),
	PLAIN("validate.capture.dev/hold-id"), PLAIN("mutate.capture.dev/hold-id"),
	PLAIN("mutation.webhook.admission.k8s.io/round_0_index_0"),
	PLAIN("kubectl.kubernetes.io/last-applied-configuration"),
	PLAIN("kubectl.kubernetes.io/restartedAt"), PLAIN("kubernetes.io/metadata.name"),
	PLAIN("kubernetes.io/enforce-mountable-secrets"),
	PLAIN("kubernetes.io/service-account.name"), PLAIN("kubernetes.io/service-account.uid"),
	PLAIN("deployment.kubernetes.io/revision"),

	/* managed fields */
	PLAIN("manager"), PLAIN("operation"), PLAIN("time"), PLAIN("fieldsType"), PLAIN("fieldsV1"),

	/* workloads */
	PLAIN("spec"), PLAIN("template"), PLAIN("containers"), PLAIN("initContainers"),
	PLAIN("ephemeralContainers"), PLAIN("container"), SHAPE("image", IMAGE), PLAIN("imageID"),
	PLAIN("containerID"), PLAIN("imagePullPolicy"), PLAIN("imagePullSecrets"), PLAIN("env"),
	PLAIN("envFrom"), PLAIN("valueFrom"), PLAIN("resources"), PLAIN("limits"),
	PLAIN("requests"), PLAIN("cpu"), PLAIN("memory"), PLAIN("ephemeral-storage"),
	PLAIN("storage"), PLAIN("ports"), PLAIN("containerPort"), PLAIN("hostPort"),
	PLAIN("protocol"), PLAIN("port"), PLAIN("targetPort"), PLAIN("nodePort"), PLAIN("volumes"),
	PLAIN("volumeMounts"), PLAIN("volumeDevices"), PLAIN("hostPath"), PLAIN("emptyDir"),
	PLAIN("configMap"), PLAIN("projected"), PLAIN("sources"), PLAIN("downwardAPI"),
	PLAIN("persistentVolumeClaim"), PLAIN("claimName"), PLAIN("serviceAccountToken"),
	PLAIN("serviceAccount"), PLAIN("nodeName"), PLAIN("nodeSelector"), PLAIN("affinity"),
	PLAIN("tolerations"), PLAIN("effect"), PLAIN("tolerationSeconds"), PLAIN("priority"),
	PLAIN("priorityClassName"), PLAIN("preemptionPolicy"), PLAIN("schedulerName"),
	PLAIN("securityContext"), PLAIN("privileged"), PLAIN("runAsUser"), PLAIN("runAsGroup"),
	PLAIN("runAsNonRoot"), PLAIN("readOnlyRootFilesystem"), PLAIN("allowPrivilegeEscalation"),
	PLAIN("capabilities"), PLAIN("add"), PLAIN("drop"), PLAIN("seccompProfile"),
	PLAIN("fsGroup"), PLAIN("hostNetwork"), PLAIN("hostPID"), PLAIN("hostIPC"), PLAIN("hostIP"),
	PLAIN("dnsPolicy"), PLAIN("restartPolicy"), PLAIN("terminationGracePeriodSeconds"),
	PLAIN("terminationMessagePath"), PLAIN("terminationMessagePolicy"),
	PLAIN("automountServiceAccountToken"), PLAIN("enableServiceLinks"), PLAIN("livenessProbe"),
	PLAIN("readinessProbe"), PLAIN("startupProbe"), PLAIN("httpGet"), PLAIN("httpHeaders"),
	PLAIN("tcpSocket"), PLAIN("exec"), PLAIN("scheme"), PLAIN("initialDelaySeconds"),
	PLAIN("periodSeconds"), PLAIN("failureThreshold"), PLAIN("successThreshold"),
	PLAIN("timeoutSeconds"), PLAIN("lifecycle"), PLAIN("postStart"), PLAIN("preStop"),
	PLAIN("replicas"), PLAIN("selector"), PLAIN("matchLabels"), PLAIN("matchExpressions"),
	PLAIN("strategy"), PLAIN("rollingUpdate"), PLAIN("maxUnavailable"), PLAIN("maxSurge"),
	PLAIN("revisionHistoryLimit"), PLAIN("progressDeadlineSeconds"), PLAIN("paused"),
	PLAIN("minReadySeconds"), PLAIN("parallelism"), PLAIN("completions"), PLAIN("backoffLimit"),
	PLAIN("completionMode"), PLAIN("suspend"), PLAIN("schedule"), PLAIN("jobTemplate"),
	PLAIN("concurrencyPolicy"), PLAIN("manualSelector"), PLAIN("podReplacementPolicy"),
	PLAIN("successfulJobsHistoryLimit"), PLAIN("failedJobsHistoryLimit"), PLAIN("app"),
	PLAIN("team"), PLAIN("job-name"), PLAIN("controller-uid"), PLAIN("pod-template-hash"),
	PLAIN("batch.kubernetes.io/job-name"), PLAIN("batch.kubernetes.io/controller-uid"),
	PLAIN("app.kubernetes.io/name"), PLAIN("app.kubernetes.io/instance"),
	PLAIN("app.kubernetes.io/version"), PLAIN("app.kubernetes.io/component"),
	PLAIN("app.kubernetes.io/part-of"), PLAIN("app.kubernetes.io/managed-by"),
	PLAIN("helm.sh/chart"), PLAIN("k8s-app"),

	/* status */
	PLAIN("phase"), PLAIN("conditions"), PLAIN("lastTransitionTime"), PLAIN("lastUpdateTime"),
	PLAIN("lastProbeTime"), PLAIN("lastHeartbeatTime"), PLAIN("observedGeneration"),
	PLAIN("readyReplicas"), PLAIN("availableReplicas"), PLAIN("updatedReplicas"),
	PLAIN("unavailableReplicas"), PLAIN("qosClass"), PLAIN("podIP"), PLAIN("podIPs"),
	PLAIN("ip"), PLAIN("startTime"), PLAIN("containerStatuses"), PLAIN("ready"),
	PLAIN("restartCount"), PLAIN("started"), PLAIN("state"), PLAIN("lastState"),
	PLAIN("running"), PLAIN("waiting"), PLAIN("terminated"), PLAIN("startedAt"),
	PLAIN("finishedAt"), PLAIN("exitCode"), PLAIN("loadBalancer"), PLAIN("ingress"),
	PLAIN("currentReplicas"), PLAIN("desiredReplicas"), PLAIN("collisionCount"),

	/* services, access, webhooks, definitions */
	PLAIN("clusterIP"), PLAIN("clusterIPs"), PLAIN("ipFamilies"), PLAIN("ipFamilyPolicy"),
	PLAIN("internalTrafficPolicy"), PLAIN("externalTrafficPolicy"), PLAIN("sessionAffinity"),
	PLAIN("minReplicas"), PLAIN("maxReplicas"), PLAIN("scaleTargetRef"),
	PLAIN("targetCPUUtilizationPercentage"), PLAIN("host"), PLAIN("http"), PLAIN("paths"),
	PLAIN("pathType"), PLAIN("backend"), PLAIN("service"), PLAIN("number"), PLAIN("rules"),
	PLAIN("verbs"), PLAIN("apiGroups"), PLAIN("resourceNames"), PLAIN("nonResourceURLs"),
	PLAIN("roleRef"), PLAIN("subjects"), PLAIN("webhooks"), PLAIN("clientConfig"),
	PLAIN("caBundle"), PLAIN("url"), PLAIN("operations"), PLAIN("apiVersions"), PLAIN("scope"),
	PLAIN("failurePolicy"), PLAIN("matchPolicy"), PLAIN("namespaceSelector"),
	PLAIN("objectSelector"), PLAIN("sideEffects"), PLAIN("admissionReviewVersions"),
	PLAIN("reinvocationPolicy"), PLAIN("names"), PLAIN("singular"), PLAIN("listKind"),
	PLAIN("shortNames"), PLAIN("versions"), PLAIN("served"), PLAIN("schema"),
	PLAIN("properties"), PLAIN("required"), PLAIN("description"), PLAIN("format"),
	PLAIN("x-kubernetes-preserve-unknown-fields"), PLAIN("conversion"), PLAIN("acceptedNames"),
	PLAIN("storedVersions"), PLAIN("propagationPolicy"), PLAIN("gracePeriodSeconds"),
	PLAIN("boundObjectRef"), PLAIN("authenticated"), PLAIN("holderIdentity"),
	PLAIN("leaseDurationSeconds"), PLAIN("acquireTime"), PLAIN("renewTime"),
	PLAIN("leaseTransitions"), PLAIN("involvedObject"), PLAIN("source"), PLAIN("component"),
	PLAIN("firstTimestamp"), PLAIN("lastTimestamp"), PLAIN("count"), PLAIN("priorityClass"),
	PLAIN("stdin"), PLAIN("stdout"), PLAIN("stderr"), PLAIN("tty"), PLAIN("fieldManager"),
	PLAIN("fieldValidation"), PLAIN("dryRun"), PLAIN("userInfo"), PLAIN("request"),
	PLAIN("requestKind"), PLAIN("requestResource"), PLAIN("subResource"), PLAIN("."),
	PLAIN("tokenRequests"), PLAIN("tokenReviews"),

	/* annotations of Ingress controllers: which Secret, not what is in it */
	PLAIN("nginx.ingress.kubernetes.io/auth-secret"),
	PLAIN("nginx.ingress.kubernetes.io/auth-tls-secret"),
	PLAIN("nginx.ingress.kubernetes.io/proxy-ssl-secret"),
	PLAIN("nginx.ingress.kubernetes.io/secure-verify-ca-secret"),
	PLAIN("ingress.kubernetes.io/auth-secret"), PLAIN("ingress.kubernetes.io/auth-tls-secret"),
	PLAIN("haproxy-ingress.github.io/auth-secret"),
	PLAIN("haproxy-ingress.github.io/auth-tls-secret"), PLAIN("haproxy.org/auth-secret"),
	PLAIN("traefik.ingress.kubernetes.io/auth-secret"), SHAPE("encryptedData", CIPHERTEXT),

	/* secrets by name */
	STRONG("password"), STRONG("token"), STRONG("secret"), STRONG("secrets"),
	STRONG("credentials"), STRONG("accessKey"),
	{"secretKey", {.known = true,
			      .class = NAME_STRONG,
			      .rule = RULE_FIELD_NAME,
			      .field = FIELD_SECRET_KEY}},
	STRONG("privateKey"), STRONG("authorization"),
	STRONG("fake"), /* provider of External Secrets: its data are the values */
};

#define SLOTS 2048u

/* What is compared of a name: its first and last bytes, which are all of it up to 16. */
struct ends {
	uint64_t first, last;
};

static struct {
	struct ends ends;
	uint8_t len;
	struct mask_name name;
} fields[ARRAY_LEN(known_fields)];
static uint16_t slots[SLOTS]; /* index + 1 into fields */

static inline uint64_t load8(const char *p)
{
	uint64_t w;

	memcpy(&w, p, 8);
	return w;
}

static inline uint32_t load4(const char *p)
{
	uint32_t w;

	memcpy(&w, p, 4);
	return w;
}

static inline struct ends ends_of(struct span s)
{
	if (s.len >= 8)
		return (struct ends){load8(s.ptr), load8(s.ptr + s.len - 8)};
	if (s.len >= 4)
		return (struct ends){load4(s.ptr), load4(s.ptr + s.len - 4)};
	if (s.len == 0)
		return (struct ends){0};
	return (struct ends){(uint8_t)s.ptr[0] | (uint64_t)(uint8_t)s.ptr[s.len / 2] << 8,
		(uint8_t)s.ptr[s.len - 1]};
}

/* Of the length, the first and the last bytes: enough to tell these names apart. */
static inline uint32_t slot_of(struct ends e, size_t len)
{
	uint64_t h = (e.first * 0x9e3779b97f4a7c15u) ^ (e.last * 0xc2b2ae3d27d4eb4fu) ^
		     (len * 0x165667b19e3779f9u);

	return (uint32_t)((h ^ h >> 29) * 0x9e3779b97f4a7c15u >> 53) & (SLOTS - 1);
}

void mask_fields_init(void)
{
	static_assert(ARRAY_LEN(known_fields) < SLOTS / 2, "known_fields needs more slots");
	for (size_t i = 0; i < ARRAY_LEN(known_fields); i++) {
		struct span text = span_of(known_fields[i].text);
		struct ends ends = ends_of(text);
		uint32_t slot = slot_of(ends, text.len);

		fields[i].ends = ends;
		fields[i].len = (uint8_t)text.len;
		fields[i].name = known_fields[i].name;
		while (slots[slot])
			slot = (slot + 1) & (SLOTS - 1);
		slots[slot] = (uint16_t)(i + 1);
	}
}

const struct mask_name *mask_known_field(struct span name)
{
	struct ends e = ends_of(name);
	uint32_t slot = slot_of(e, name.len);

	for (; slots[slot]; slot = (slot + 1) & (SLOTS - 1)) {
		size_t i = slots[slot] - 1u;

		if (fields[i].len != name.len || fields[i].ends.first != e.first ||
			fields[i].ends.last != e.last)
			continue;
		if (name.len <= 16 ||
			memcmp(known_fields[i].text + 8, name.ptr + 8, name.len - 16) == 0)
			return &fields[i].name;
	}
	return NULL;
}
