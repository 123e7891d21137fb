/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules that are loaded and guard nothing: those that no API server ever asks about, by what is
 * known of the cluster, or since they misspell what they are about. What API servers ask is
 * - at authorization (verbs): only where an authorization webhook is configured, and only about
 *   whom its matchConditions let through;
 * - at admission (operations): never about admissionregistration.k8s.io, unless the webhook
 *   configuration stands in a static manifest (Kubernetes 1.36); from 1.37 on not about reviews
 * that are not stored; CONNECT for four subresources only; and, with the registration in
 * manifests/, not about leases, events, and what is in three namespaces.
 */
#pragma once

#include "policy/authorizer.h"

enum coverage_authorizer {
	COVERAGE_UNKNOWN, /* whether /authorize is asked */
	COVERAGE_PRESENT,
	COVERAGE_ABSENT,
};

struct coverage_facts {
	enum coverage_authorizer authorizer;
	bool managed;	       /* a cloud's control plane: why it is absent */
	bool static_manifests; /* the registration stands on disk */
	unsigned minor;	       /* Kubernetes 1.N; 0: not known */
	const struct authorizer_config
		*authorizer_config; /* or NULL: whom it asks about is not known */
};

enum coverage_reason {
	COVERAGE_NO_AUTHORIZER,
	COVERAGE_SUBJECTS,     /* outside of the matchConditions */
	COVERAGE_NO_ADMISSION, /* admission webhooks are not asked about it */
	COVERAGE_REGISTRATION, /* left out by the registration */
	COVERAGE_NO_SUCH_NAME, /* no API server has such a resource */
	COVERAGE_NO_EFFECT,    /* asked, but a setting of the rule does nothing there */
};
/* By enum coverage_reason, as labels: "authorizer", "subjects" …; NULL at the end. */
extern const char *const coverage_reason_names[];

struct coverage_gap {
	const struct policy_rule_info *rule;
	const char *file; /* where the rule stands; "" when not known */
	uint32_t line, column;
	enum coverage_reason reason;
	bool never;	  /* none of its matches is ever asked about */
	struct span what; /* one sentence for people, without the rule's name */
};

/*
 * All gaps, in the order of the rules; at most one of each reason for a rule. Lives in the arena
 * and the set. Errors: -1 when the arena is full.
 */
int coverage_find(const struct policy_set *s, const struct coverage_facts *facts,
	struct arena *arena, const struct coverage_gap **ret, size_t *ret_count) _must_check_;

/* How many rules have verbs, and so need an authorizer. */
size_t coverage_authorization_rules(const struct policy_set *s);
/* How many of the gaps are rules that are never asked about. */
size_t coverage_unasked(const struct coverage_gap *gaps, size_t count);

/*
 * A SubjectAccessReview's spec, as JSON, about each subject of a policy with rules for
 * authorization: what to ask an API server to find out whether it asks Holdpoint. Calls take() with
 * the subject's name in words ("group ai-agents", "everybody") and the spec; stops when it returns
 * false. attributes: the member nonResourceAttributes or resourceAttributes, or NULL: those of the
 * policy's rules.
 */
void coverage_each_subject(const struct policy_set *s, const char *attributes,
	bool (*take)(const char *policy, const char *subject, struct span spec, void *arg),
	void *arg);
