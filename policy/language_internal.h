/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The policy language as written: one struct per kind of object, filled by the field tables in
 * language.c. Compiling them into something that decides is policy/compile_internal.h's job.
 */
#pragma once

#include "common/yaml/schema.h"
#include "policy/policy.h"

#define LANGUAGE_API_VERSION "holdpoint.dev/v1alpha1"

/* A document's head, which every kind of document has. */
struct source_metadata {
	struct yaml_str name;
	const struct node *labels, *annotations;
};

enum subject_kind { SUBJECT_USER, SUBJECT_GROUP, SUBJECT_SERVICE_ACCOUNT, SUBJECT_SET };

struct source_subject {
	struct yaml_int kind; /* enum subject_kind */
	struct yaml_str name, namespace_, api_group;
};

enum lookup_scope { LOOKUP_CLUSTER, LOOKUP_NAMESPACE };

struct source_lookup {
	struct yaml_str api_version, kind, index, key;
	struct yaml_int scope; /* enum lookup_scope */
	struct yaml_int max_objects;
};

struct source_variable {
	struct yaml_str name, expression;
	struct yaml_object lookup; /* struct source_lookup */
};

struct source_requirement {
	struct yaml_str key;
	struct yaml_int op; /* enum selector_operator */
	struct yaml_list values;
};

struct source_selector {
	const struct node *labels;    /* a mapping of strings */
	struct yaml_list expressions; /* struct source_requirement */
};

struct source_match {
	struct yaml_list api_groups, api_versions, resources, operations, verbs, namespaces,
		resource_names, non_resource_urls;
	struct yaml_object namespace_selector; /* struct source_selector */
};

struct source_allow_window {
	struct yaml_int up_to, max_uses;
};

struct source_hold {
	struct yaml_list approvers;
	struct yaml_int min_approvals, expires, grant, window, max_uses, scope, wait, retry,
		require_reason, dry_run;
	struct yaml_object allow_window; /* struct source_allow_window */
};

struct source_limit {
	struct yaml_int count, window, per; /* per: 1 is the rule */
};

struct source_json_patch {
	struct yaml_str expression;
};

struct source_mutate {
	const struct node *merge_patch;
	struct yaml_object json_patch; /* struct source_json_patch */
};

struct source_rule {
	struct yaml_str name;
	struct yaml_list match; /* struct source_match */
	struct yaml_list when;	/* struct yaml_str */
	struct yaml_int action;
	struct yaml_str message, message_expression;
	struct yaml_object hold;   /* struct source_hold */
	struct yaml_object mutate; /* struct source_mutate */
	struct yaml_object limit;  /* struct source_limit */
};

enum record { RECORD_MATCHES, RECORD_ALL };

struct source_param_kind {
	struct yaml_str api_version, kind;
};

enum absent_params { ABSENT_PARAMS_DENY, ABSENT_PARAMS_ALLOW };

struct source_param_ref {
	struct yaml_str name, namespace_;
	struct yaml_int absent; /* enum absent_params */
};

struct source_spec {
	struct yaml_list subjects, exclude_subjects; /* struct source_subject */
	struct yaml_int enforcement, failure_policy, record;
	struct yaml_object param_kind; /* struct source_param_kind */
	struct yaml_object param_ref;  /* struct source_param_ref */
	struct yaml_list match;	       /* struct source_match: of rules without their own */
	struct yaml_list variables;    /* struct source_variable */
	struct yaml_list rules;	       /* struct source_rule */
};

struct source_policy {
	struct yaml_str api_version, kind;
	struct yaml_object metadata; /* struct source_metadata */
	struct yaml_object spec;     /* struct source_spec */
};

struct source_set_spec {
	struct yaml_list subjects; /* struct source_subject */
	struct yaml_list namespaces;
};

struct source_set {
	struct yaml_str api_version, kind;
	struct yaml_object metadata; /* struct source_metadata */
	struct yaml_object spec;     /* struct source_set_spec */
};

extern const struct kind language_policy;   /* struct source_policy */
extern const struct kind language_set;	    /* struct source_set */
extern const struct kind language_metadata; /* struct source_metadata */
extern const struct choice language_actions[];

/* ---- language_cluster.c ---- */

extern const struct kind language_selector;   /* struct source_selector */
extern const struct kind language_param_kind; /* struct source_param_kind */
extern const struct kind language_param_ref;  /* struct source_param_ref */
extern const struct kind language_lookup;     /* struct source_lookup */

/* ---- language.c ---- */

/* What a hold rule without `hold:` gets. */
void language_default_hold(struct source_hold *ret);

/*
 * Checks apiVersion, kind and metadata.name of a document that is to be of kind `kind`.
 * Returns -1 with the errors added.
 */
int language_check_head(const struct node *root, const char *kind, struct yaml_errors *errors);
