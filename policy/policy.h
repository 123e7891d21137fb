/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guardrail policies: loading the YAML, and deciding a request.
 *
 * A policy_set is everything loaded from --policy at one moment, compiled: immutable, reference-
 * counted, found by an index on resource and operation so that rules which do not concern a request
 * cost nothing. The webhook swaps whole sets; a request keeps the set that it began with.
 * Shapes: docs/policy-reference.md; they follow ValidatingAdmissionPolicy,
 * ValidatingWebhookConfiguration and RBAC (k8s.io/api/admissionregistration/v1, rbac/v1). Threads:
 * a set may be used by any number of threads.
 */
#pragma once

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/yaml/errors.h"
#include "policy/review/request.h"

/* ---- loading ---- */

struct policy_set;

/*
 * Loads files and folders (*.yaml, *.yml, by name; ConfigMap mounts understood), all or nothing.
 * Ownership: *ret has one reference, policy_set_unref().
 * Errors: -1 with every error in errors (free with buf_free(&errors->text)).
 */
int policy_set_load(const char *const *paths, size_t path_count, struct policy_set **ret,
	struct yaml_errors *errors) _must_check_;
/* The same from policy_set_text() of a set: what was recorded as holdpoint.policy_version. */
int policy_set_load_recorded(
	struct span text, struct policy_set **ret, struct yaml_errors *errors) _must_check_;
struct policy_set *policy_set_ref(struct policy_set *s);
void policy_set_unref(struct policy_set *s);
DEFINE_CLEANUP(struct policy_set *, policy_set_unref)

size_t policy_set_policy_count(const struct policy_set *s);
size_t policy_set_rule_count(const struct policy_set *s);
/* "sha256:<64 hex>" of the canonical content, and that content, for holdpoint.policy_version. */
const char *policy_set_digest(const struct policy_set *s);
struct span policy_set_text(const struct policy_set *s);

/* What of the cluster the rules look at: requests need a cluster_source that has it, or they fail.
 */
const struct cluster_kind *policy_set_kinds(const struct policy_set *s, size_t *ret_count);

/* Is any rule about creating objects of a resource? */
bool policy_set_is_about(
	const struct policy_set *s, struct span group, struct span version, struct span resource);

/* ---- deciding ---- */

/* In order of strength. */
enum policy_action {
	POLICY_NONE, /* no rule matched: allowed */
	POLICY_ALLOW,
	POLICY_AUDIT,
	POLICY_WARN,
	POLICY_HOLD,
	POLICY_DENY,
	POLICY_MUTATE, /* of a rule; never a decision's action */
};
const char *policy_action_name(enum policy_action a);

enum policy_enforcement { POLICY_ENFORCE, POLICY_ENFORCE_WARN, POLICY_DRY_RUN };

enum policy_grant { POLICY_GRANT_ONCE, POLICY_GRANT_WINDOW };

/* How far a Window reaches, narrowest first. */
enum policy_scope { POLICY_SCOPE_OBJECT, POLICY_SCOPE_NAMESPACE, POLICY_SCOPE_CLUSTER };
const char *policy_scope_name(enum policy_scope s);

/* What becomes of a dry run that a Hold rule is about, strictest last. */
enum policy_dry_run { POLICY_DRY_RUN_ALLOW, POLICY_DRY_RUN_DENY };

/* An answer must be back so long before the API server gives up. */
#define ANSWER_MARGIN_MS 2000

/* A rule's `hold:`. */
struct policy_hold {
	const struct span *approvers;
	size_t approver_count;
	unsigned min_approvals;
	int64_t expires_ms;
	int64_t window_ms; /* grant Window: how long; 0 = until it expires */
	unsigned max_uses; /* 0 = any number */
	enum policy_grant grant;
	enum policy_scope scope; /* of a Window */
	int64_t like_ms;	 /* the longest Window an approver may choose; 0 = none */
	unsigned like_uses;	 /* of it at most */
	int64_t wait_ms;	 /* cut to the call's timeout less ANSWER_MARGIN_MS */
	bool retry;		 /* answer 429 so that the client repeats by itself */
	bool require_reason;	 /* the approver must give one */
	enum policy_dry_run dry_run;
};

/* A rule's `limit:`. Within it the rule does not apply. */
struct policy_rule_limit {
	unsigned count; /* requests */
	int64_t window_ms;
	bool per_rule; /* of all users together; else of each */
};

/* What callers may know about a rule. Lives as long as its set. */
struct policy_rule_info {
	const char *policy;
	const char *rule;
	enum policy_action action;
	enum policy_enforcement enforcement;
	const struct policy_hold *hold;	       /* NULL unless action is POLICY_HOLD */
	const struct policy_rule_limit *count; /* its `limit:`; NULL: applies always */
};

/* Each rule, in the order of evaluation. */
void policy_set_each_rule(const struct policy_set *s,
	void (*take)(const struct policy_rule_info *rule, void *arg), void *arg);

/* What a rule that could not be evaluated ran into. */
enum policy_limit {
	POLICY_LIMIT_NONE,
	POLICY_LIMIT_EXPRESSION, /* POLICY_EXPRESSION_BUDGET */
	POLICY_LIMIT_POLICY,	 /* POLICY_BUDGET */
	POLICY_LIMIT_TIME,	 /* policy_limits.until_us */
	POLICY_LIMIT_MEMORY,	 /* the arena's size, or how deep things nest */
};

struct policy_match {
	const struct policy_rule_info *rule;
	enum policy_action effective; /* after enforcement: Warn and DryRun turn it down */
	struct span message;	      /* never empty; in the request's arena or in the set */
	bool error;		      /* the rule could not be evaluated; message says why */
	bool ignored;		      /* … and failurePolicy: Ignore let it pass */
	bool quotes;		      /* the message was made of the request, … */
	bool quotes_object;	      /* … and may have in it what stands in its objects */
	enum policy_limit limit;      /* of an error, if it was one */
};

struct policy_decision {
	enum policy_action action;	     /* the strongest effective one */
	const struct policy_match *decisive; /* the match that decided; NULL if none matched */
	const struct policy_match *matches;  /* all that matched, in file order, in the arena */
	size_t match_count;
	bool record_all; /* a policy with `record: All` concerns the request's subject */
};

/*
 * What an expression, and all expressions of one policy on one request, may cost: as in Kubernetes
 * (PerCallLimit and RuntimeCELCostBudget, k8s.io/apiserver/pkg/apis/cel). A unit is about ten
 * nanoseconds. Each policy has a budget and memory of its own, so that none can spend another's.
 */
#define POLICY_EXPRESSION_BUDGET 1000000u
#define POLICY_BUDGET		 10000000u

struct policy_reach;
struct policy_limits {
	/* Of all policies together. What costs more, or may take ten times as long, is left
	 * unfinished. 0: any. */
	uint64_t cost;
	/* CLOCK_MONOTONIC: what is not evaluated by then cannot be. Policies that do not enforce
	 * have half the time from now to then, so that enough is left for those that do. 0: any. */
	uint64_t until_us;
	/* Where it is noted which rules and conditions were looked at (reach.h); NULL: nowhere. */
	struct policy_reach *reach;
};

/* The limits' cost did not suffice: to be done again, with more of it, where there is time. */
#define POLICY_UNFINISHED 1

/*
 * Decides a request. Everything in *ret points into the arena or the set.
 * Errors: -1 only when the arena is full; the caller must then deny.
 */
int policy_decide(const struct policy_set *s, const struct policy_request *r, struct arena *arena,
	struct policy_decision *ret) _must_check_;
/* The same within limits: POLICY_UNFINISHED, too, and then *ret means nothing. */
int policy_decide_within(const struct policy_set *s, const struct policy_request *r,
	const struct policy_limits *limits, struct arena *arena,
	struct policy_decision *ret) _must_check_;

/*
 * What all effective Hold rules ask for together: the strictest of each term (the most approvals,
 * the shortest times, Once before Window, the narrowest scope, a reason if any asks for one), the
 * longest wait, retry if any says so. An approver may choose a Window only where each of them has,
 * or allows, one. Whose approvals they need is not among it: each rule's own, all of them.
 * ret_count: how many Hold rules there are. For a decision whose action is POLICY_HOLD.
 */
struct policy_hold policy_decision_hold(const struct policy_decision *d, size_t *ret_count);

/* Leaves out the matches that `keep` says no to, and decides anew of those that stay. */
void policy_decision_filter(struct policy_decision *d,
	bool (*keep)(const struct policy_match *m, void *arg), void *arg);

/* All reasons of matches whose effective action is `action`, one a line, shortest first. */
struct span policy_decision_reasons(
	const struct policy_decision *d, enum policy_action action, struct arena *arena);

/*
 * Does a policy name the requester as its subject: a user, a service account, a group, by name or
 * pattern? Not one that concerns everybody: without subjects, by "*", or by a group that everybody
 * authenticated is in.
 */
bool policy_set_names(const struct policy_set *s, const struct policy_request *r);

/* ---- mutating ---- */

struct policy_mutation {
	struct span patch; /* RFC 6902, a JSON array; empty when nothing is to be changed */
	/* The Mutate rules that changed something, or could not: its action is POLICY_DENY when a
	 * rule failed and its policy says Fail, and then the request must be denied. */
	struct policy_decision decision;
};

/*
 * Runs the Mutate rules, in order, on request.object. Everything in *ret points into the arena or
 * the set. Errors: -1 only when the arena is full; the caller must then deny.
 */
int policy_mutate(const struct policy_set *s, const struct policy_request *r, struct arena *arena,
	struct policy_mutation *ret) _must_check_;
/* The same within limits: POLICY_UNFINISHED, too, and then *ret means nothing. */
int policy_mutate_within(const struct policy_set *s, const struct policy_request *r,
	const struct policy_limits *limits, struct arena *arena,
	struct policy_mutation *ret) _must_check_;
/* Is there any Mutate rule at all? */
bool policy_set_mutates(const struct policy_set *s);

/* ---- explaining ---- */

enum policy_verdict {
	POLICY_APPLIES,
	POLICY_NOT_CONCERNED, /* the policy is not about this user */
	POLICY_NOT_MATCHED,   /* another resource, operation … */
	POLICY_EXEMPTED,      /* an Allow rule above it matched */
	POLICY_CONDITION_FALSE,
	POLICY_CONDITION_FAILED,
};
const char *policy_verdict_name(enum policy_verdict v);

struct policy_explained_condition {
	struct span source;  /* the expression as written */
	const char *verdict; /* "true", "false", "error" */
	struct span values;  /* indented lines "expression = value", or the error */
};

struct policy_explained_rule {
	const struct policy_rule_info *rule;
	enum policy_verdict verdict;
	const char *why; /* of POLICY_NOT_MATCHED, for a rule with one match; else NULL */
	const struct policy_explained_condition *conditions; /* those that were evaluated */
	size_t condition_count;
};

/*
 * Looks at every rule, in order, as policy_decide() would without its index, and says what became
 * of it. For people: slow. Errors: -1 when the arena is full.
 */
int policy_explain(const struct policy_set *s, const struct policy_request *r, struct arena *arena,
	const struct policy_explained_rule **ret, size_t *ret_count) _must_check_;
