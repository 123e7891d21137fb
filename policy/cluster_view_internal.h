/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cluster as the rules see it during one request: the Namespace that the request is about,
 * looked for when the first rule asks.
 */
#pragma once

#include "policy/evaluation_internal.h"
#include "policy/review/cluster.h"

enum cluster_look {
	CLUSTER_NOT_LOOKED,
	CLUSTER_NONE,  /* the request is about no namespace, or about a Namespace itself */
	CLUSTER_THERE, /* view->namespace_ */
	CLUSTER_FAILED /* view->why */
};

struct cluster_view {
	const struct policy_request *request;
	struct arena *arena;
	enum cluster_look looked;
	struct json_doc namespace_;
	struct span why;
};

enum cluster_look cluster_view_look(struct cluster_view *v);
/* The arena was rewound. */
static inline void cluster_view_forget(struct cluster_view *v)
{
	v->looked = CLUSTER_NOT_LOOKED;
}

/* As in k8s.io/apimachinery/pkg/apis/meta/v1: all requirements must be met. */
enum selector_operator { SELECTOR_IN, SELECTOR_NOT_IN, SELECTOR_EXISTS, SELECTOR_DOES_NOT_EXIST };

struct label_requirement {
	struct span key;
	enum selector_operator op;
	const struct span *values;
	size_t value_count;
};

struct label_selector {
	const struct label_requirement *items;
	size_t count;
};

/*
 * Does the request's namespace have such labels? Who writes a Namespace is judged by its labels
 * before and after: either suffices, but not for what makes an exception. What is in no namespace
 * is meant too, but for that. VERDICT_ERROR: *ret_why.
 */
enum verdict cluster_view_selects(struct cluster_view *v, const struct label_selector *s,
	enum policy_action action, struct span *ret_why);
