/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cluster as the rules see it during one request: the Namespace that the request is about,
 * looked for when the first rule asks.
 */
#pragma once

#include "policy/evaluation_internal.h"
#include "policy/review/cluster.h"

enum cluster_look {
	CLUSTER_NONE, /* the request is about no namespace, or about a Namespace itself */
	CLUSTER_THERE,
	CLUSTER_FAILED
};

/* Whose values a policy's `params` has. */
struct cluster_params {
	struct cluster_kind kind;
	struct span namespace_; /* "": the request's */
	struct span name;
	bool may_be_absent; /* the policy is not applied then, instead of failing */
};

#define LOOKUP_MAX_OBJECTS 200
#define LOOKUP_MAX_KEYS	   256u

/* Which objects a variable is. */
struct cluster_lookup {
	struct cluster_kind kind;
	struct span index; /* "": all of the kind */
	bool in_namespace; /* of the request alone */
	size_t max_objects;
	const struct node *index_at; /* where it is written, or the kind is */
};

/* One object that was looked for. */
struct cluster_found {
	enum cluster_look looked;
	struct json_doc doc; /* of CLUSTER_THERE */
	struct span why;     /* of CLUSTER_FAILED */
};

struct cluster_view {
	const struct policy_request *request;
	struct arena *arena;
	const struct cluster_found *namespace_; /* NULL: not looked for, here and below */
	const struct cluster_params *of;	/* what `params` is of */
	const struct cluster_found *params;
};

/* Never NULL. */
const struct cluster_found *cluster_view_namespace(struct cluster_view *v);
/* The same of parameters; CLUSTER_NONE: there are none, and need not be. */
const struct cluster_found *cluster_view_params(
	struct cluster_view *v, const struct cluster_params *p);
/* What a variable is looked up with: the keys, and what it may take. CLUSTER_UNKNOWN: *ret_why. */
struct cluster_keys {
	const struct span *items;
	size_t count;
};
enum cluster_status cluster_view_lookup(struct cluster_view *v, const struct cluster_lookup *l,
	struct cluster_keys keys, size_t max_bytes, struct cluster_objects *ret,
	struct span *ret_why);
/* The arena was rewound. */
static inline void cluster_view_forget(struct cluster_view *v)
{
	v->namespace_ = v->params = NULL;
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
