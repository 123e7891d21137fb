/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What manifests/ registers in a cluster, as far as programs must know it: which namespaces no
 * admission webhook is asked about, and the request that shows whether the authorizer is asked.
 * test_registration holds it against manifests/base/admission.yaml.
 *
 * Threads: constants. Source: manifests/base/admission.yaml (namespaceSelector).
 */
#pragma once

#include "common/base/util.h"

#define REGISTRATION_EXEMPT_COUNT 3u
/* The namespaces left out, and the same as words of a sentence. */
extern const char *const registration_exempt[REGISTRATION_EXEMPT_COUNT];
#define REGISTRATION_EXEMPT_TEXT "holdpoint-system, kube-system and kube-node-lease"

bool registration_exempts(struct span namespace_);

/*
 * The probe: access to a resource that no API server has. Whoever is asked denies it with a
 * sentence that begins so, followed by "CLUSTER policies=DIGEST".
 */
#define REGISTRATION_PROBE_GROUP    "holdpoint.dev"
#define REGISTRATION_PROBE_RESOURCE "authorizerprobes"
/*
 * The same of a request that RBAC allows everybody (system:basic-user): where it is allowed, RBAC
 * is asked first, and then the webhook is not. Such a creation has no name but in a question.
 */
#define REGISTRATION_PROBE_COMMON_GROUP	   "authorization.k8s.io"
#define REGISTRATION_PROBE_COMMON_RESOURCE "selfsubjectaccessreviews"
#define REGISTRATION_PROBE_COMMON_NAME	   "holdpoint-authorizerprobe-"
#define REGISTRATION_PROBE_ANSWER	   "holdpoint-webhook answers: cluster="
