/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A loaded policy set from the inside: what compile.c makes and index.c, match.c and decide.c use.
 * Everything lives in the set's arena and never changes once loaded.
 */
#pragma once

#include "policy/cluster_view_internal.h"
#include "policy/language_internal.h"
#include "policy/pattern_internal.h"

#include <stdatomic.h>

/* ---- limits ---- */

#define SET_MAX_FILES	    2000u
#define SET_MAX_TOTAL_BYTES (64u << 20)
#define SET_MAX_ARENA_BYTES (1u << 30)
#define SET_MAX_RULES	    100000u
#define SET_MAX_LIST	    256u /* names in one list of a match */
#define SET_MAX_MESSAGE	    2048u

/* ---- who ---- */

struct subject {
	enum subject_kind kind;
	struct pattern name;
	struct pattern namespace_; /* of a service account */
	struct span username;	   /* of a service account without globs; else absent */
	const struct node *at;	   /* where it was named; only while loading */
};

struct subjects {
	const struct subject *items;
	size_t count;
};

/* ---- what ---- */

struct resource_pattern {
	struct span resource, subresource;
	bool any_resource;    /* "*", "* /x": the name may be any */
	bool any_subresource; /* "x/ *": with or without one */
};

struct match {
	unsigned endpoints; /* ENDPOINTS_ADMISSION, or with verbs ENDPOINTS_AUTHORIZE */
	bool urls;	    /* has nonResourceURLs: for paths only */
	unsigned operations;
	struct patterns verbs;
	struct patterns api_groups; /* literal or "*" */
	struct patterns versions;
	const struct resource_pattern *resources;
	size_t resource_count;
	struct selection namespaces;
	struct selection names;
	struct patterns paths;
	const struct label_selector *selector; /* of the namespace's labels; NULL: any */
};

static inline bool match_is_access(const struct match *m)
{
	return m->endpoints == ENDPOINTS_AUTHORIZE;
}

/* ---- then ---- */

/* JSON text, and the template whose value comes behind it (NULL: the end). */
struct mutation_piece {
	struct span literal;
	const struct template *value;
};

/* Either a merge patch in pieces, or an expression that gives operations. */
struct mutation {
	const struct mutation_piece *pieces;
	size_t piece_count;
	const struct expression *json_patch;
	const struct node *merge_patch; /* as written, for its places */
};

struct policy;

struct place {
	const char *file; /* NULL: not known */
	uint32_t line, column;
};

struct rule {
	struct policy_rule_info info;
	const struct policy *policy;
	bool record_only; /* not a rule: stands for its policy's `record: All` */
	const struct match *matches;
	size_t match_count;
	const struct expression *const *when;
	size_t when_count;
	const struct template *message;
	struct span default_message;
	const struct expression *message_expression;
	const struct mutation *mutation;
	struct policy_hold hold;
	struct policy_rule_limit limit;
	const struct node *at; /* where it was written; only while loading */
	struct place place;    /* the same, for as long as the set lives */
};

struct policy {
	const char *name;
	struct subjects subjects, exclude_subjects;
	enum policy_enforcement enforcement;
	bool ignore_failures;
	bool record_all;
	struct expressions *expressions; /* the environment of its rules */
	const struct match *matches;	 /* of rules that have none */
	size_t match_count;
	struct rule *rules;
	size_t rule_count;
	const struct node *root;	     /* the document; only while loading */
	const struct cluster_params *params; /* or NULL */
};

/* A GuardrailSet: what policies call by its name. */
struct named_set {
	struct span name;
	struct subjects subjects;
	struct patterns namespaces;
	const struct node *root; /* the document; only while loading */
};

struct index;

struct policy_set {
	atomic_uint references;
	struct arena *arena;
	struct cel_library *library; /* what expressions may call */
	struct named_set *sets;
	size_t set_count;
	struct policy **policies;
	size_t policy_count;
	struct rule **rules; /* all of them, in the order of evaluation; record_only ones too */
	size_t rule_count;
	size_t real_rule_count;
	bool mutates; /* has a Mutate rule */
	struct index *index;
	char digest[80];
	struct buf text;
	struct cluster_kind kinds[CLUSTER_KINDS_MAX]; /* objects that its rules look at */
	size_t kind_count;
};

/* ---- match.c ---- */

bool policy_concerns(const struct policy *p, const struct policy_request *r);
/* Does a match, of a rule with this action, labels of namespaces aside? */
bool match_applies(
	const struct match *m, const struct policy_request *r, enum policy_action action);
/* Does any match of the rule? VERDICT_ERROR: only one of which the labels are not known, *ret_why.
 */
enum verdict match_rule_applies(
	const struct rule *rule, struct cluster_view *view, struct span *ret_why);
/* Why it does not, for people, labels aside. NULL if it does. */
const char *match_mismatch(
	const struct match *m, const struct policy_request *r, enum policy_action action);
/* Does every request that b applies to also meet a? False when it cannot be told. */
bool match_covers(const struct match *a, const struct match *b);
/* The same of groups and resources alone, whatever is done to them. */
bool match_covers_resources(const struct match *a, const struct match *b);

/* ---- index.c ---- */

/* Builds set->index; -1 when memory is short. */
int index_build(struct policy_set *set) _must_check_;
void index_free(struct index *index);
/*
 * The numbers of the rules that may concern r, ascending, each once. A superset: every one must
 * still be checked. Returns -1 when the arena is full.
 */
int index_find(const struct index *index, const struct policy_request *r, struct arena *arena,
	const uint32_t **ret, size_t *ret_count) _must_check_;

/* ---- compile_set.c ---- */

/* Compiles a GuardrailSet; before all policies, which name it. Problems go to errors. */
void compile_named_set(struct policy_set *set, const struct node *root, struct yaml_errors *errors);

/* ---- compile.c ---- */

/* Compiles one document and appends it to the set. Problems go to errors. */
void compile_policy(struct policy_set *set, const struct node *root, struct yaml_errors *errors);

/* ---- load.c ---- */

/*
 * As policy_set_load(), for YAML in memory; name stands for the file in errors. For tests, fuzzing
 * and benchmarks, which would write thousands of files otherwise.
 */
int policy_set_load_text(const char *name, struct span text, struct policy_set **ret,
	struct yaml_errors *errors) _must_check_;
