/*
 * What is known about a request, whichever endpoint it came in by: what policies are matched with,
 * what a hold's fingerprint is made of. review.h makes it of an AdmissionReview or a
 * SubjectAccessReview.
 * Ownership: everything points into the document and its arena. Threads: immutable once read.
 */
#pragma once

#include "common/json/json.h"

/* AdmissionReview operations and SubjectAccessReview verbs as bits of one set. Verbs that are not
 * listed here are POLICY_VERB_OTHER and compare by name. */
enum policy_verb {
	POLICY_OP_CREATE = 1 << 0,
	POLICY_OP_UPDATE = 1 << 1,
	POLICY_OP_DELETE = 1 << 2,
	POLICY_OP_CONNECT = 1 << 3,
	POLICY_VERB_OTHER = 1 << 4, /* at /authorize: `verb` has the name */
};

struct policy_request {
	enum policy_verb op;
	struct span verb; /* "CREATE" … or, at /authorize, "get", "impersonate" … */
	struct span group, version, resource, subresource;
	struct span namespace_; /* empty: cluster-scoped */
	struct span name;	/* of a DELETE without a name: the old object's */
	struct span path;	/* non-resource URL at /authorize, else absent */
	struct span username;
	const struct span *groups;
	size_t group_count;
	bool dry_run;
	bool authorize; /* a SubjectAccessReview: only rules with verbs apply; no object */

	/* The document they stand in; JSON_NONE where absent or null. */
	const struct json_doc *doc;
	json_ref
		request; /* CEL's `request`: AdmissionReview.request, or SubjectAccessReview.spec */
	json_ref object;
	json_ref old_object;
	int64_t now_us; /* CEL's `now`: microseconds since the epoch */
};
