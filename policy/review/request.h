/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is known about a request, whichever endpoint it came in by: what policies are matched with,
 * what a hold's fingerprint is made of. review.h makes it of an AdmissionReview or a
 * SubjectAccessReview.
 * Ownership: everything points into the document and its arena. Threads: immutable once read.
 */
#pragma once

#include "common/json/json.h"
#include "policy/review/cluster.h"

/* Where a request came in: two that ask with an AdmissionReview, one with a SubjectAccessReview. */
enum endpoint { ENDPOINT_VALIDATE, ENDPOINT_MUTATE, ENDPOINT_AUTHORIZE };

/* Sets of them. */
#define ENDPOINT_BIT(e)	    (1u << (e))
#define ENDPOINTS_ADMISSION (ENDPOINT_BIT(ENDPOINT_VALIDATE) | ENDPOINT_BIT(ENDPOINT_MUTATE))
#define ENDPOINTS_AUTHORIZE ENDPOINT_BIT(ENDPOINT_AUTHORIZE) /* no object there */
#define ENDPOINTS_ANY	    (ENDPOINTS_ADMISSION | ENDPOINTS_AUTHORIZE)

/* By enum endpoint: "validate", "mutate", "authorize"; NULL at the end. */
extern const char *const endpoint_names[];

/* An AdmissionReview's operation; bits, for sets of them. */
enum operation {
	OPERATION_NONE = 0, /* a SubjectAccessReview has a verb instead */
	OPERATION_CREATE = 1 << 0,
	OPERATION_UPDATE = 1 << 1,
	OPERATION_DELETE = 1 << 2,
	OPERATION_CONNECT = 1 << 3,
};

struct policy_request {
	enum endpoint endpoint;
	enum operation operation;
	struct span verb; /* at /authorize: "get", "impersonate" … */
	struct span api_group, version, resource, subresource;
	struct span namespace_; /* empty: cluster-scoped */
	struct span name;	/* of a DELETE without a name: the old object's */
	struct span path;	/* non-resource URL at /authorize, else absent */
	struct span username;
	const struct span *groups; /* the user's */
	size_t group_count;
	bool dry_run;

	/* The document they stand in; JSON_NONE where absent or null. */
	const struct json_doc *doc;
	json_ref
		request; /* CEL's `request`: AdmissionReview.request, or SubjectAccessReview.spec */
	json_ref object;
	json_ref old_object;
	int64_t now_us; /* CEL's `now`: microseconds since the epoch */

	/* Beside the document: what else exists. NULL: nothing is known of it. */
	const struct cluster_source *cluster;
};

/* Only rules with verbs apply there. */
static inline bool request_is_access(const struct policy_request *r)
{
	return r->endpoint == ENDPOINT_AUTHORIZE;
}

/* What is asked, in the endpoint's own words: "CREATE", "get". Records call it the operation. */
struct span request_operation_name(const struct policy_request *r);
