/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tables of the policy language: what may be written, where it is kept, what it means.
 * docs/policy-reference.md is generated from them.
 */
#include "policy/language_internal.h"

#define MINUTE_MS INT64_C(60000)
#define HOUR_MS	  (60 * MINUTE_MS)
#define DAY_MS	  (24 * HOUR_MS)

#define AT(type, member) .offset = offsetof(struct type, member)

static const struct field metadata_fields[] = {
	{"name", FIELD_STRING, AT(source_metadata, name), .required = true,
		.doc = "Lower-case letters, digits, `-` and `.`; unique among all loaded "
		       "policies."},
	{"labels", FIELD_LABELS, AT(source_metadata, labels), .doc = "Not interpreted."},
	{"annotations", FIELD_LABELS, AT(source_metadata, annotations), .doc = "Not interpreted."},
	{NULL},
};

const struct kind language_metadata = {
	.name = "metadata",
	.size = sizeof(struct source_metadata),
	.fields = metadata_fields,
	.doc = "As of any Kubernetes object.",
};

static const struct choice subject_kinds[] = {
	{"User", SUBJECT_USER, "A username."},
	{"Group", SUBJECT_GROUP, "A group of the user."},
	{"ServiceAccount", SUBJECT_SERVICE_ACCOUNT, "A service account; needs `namespace`."},
	{"Set", SUBJECT_SET, "All subjects of the GuardrailSet of that name."},
	{NULL},
};

static const struct field subject_fields[] = {
	{"kind", FIELD_ENUM, AT(source_subject, kind), .required = true, .choices = subject_kinds,
		.doc = "What `name` is the name of."},
	{"name", FIELD_STRING, AT(source_subject, name), .required = true,
		.doc = "The name; `*` stands for any characters, `?` for one."},
	{"namespace", FIELD_STRING, AT(source_subject, namespace_),
		.doc = "Of a ServiceAccount: its namespace; globs as in `name`."},
	{"apiGroup", FIELD_STRING, AT(source_subject, api_group),
		.doc = "As RBAC writes it, `rbac.authorization.k8s.io`; may be left out."},
	{NULL},
};

static const struct kind subject = {
	.name = "subject",
	.size = sizeof(struct source_subject),
	.fields = subject_fields,
	.doc = "Who, in the form of an RBAC subject.",
};

static const struct field variable_fields[] = {
	{"name", FIELD_STRING, AT(source_variable, name), .required = true,
		.doc = "An identifier; read as `variables.NAME`."},
	{"expression", FIELD_EXPRESSION, AT(source_variable, expression),
		.doc = "CEL. May use the variables above it. Evaluated when first used, once a "
		       "request."},
	{"lookup", FIELD_OBJECT, AT(source_variable, lookup), .of = &language_lookup,
		.doc = "Instead of `expression`: the variable is a list of objects of the "
		       "cluster."},
	{NULL},
};

static const struct kind variable = {
	.name = "variable",
	.size = sizeof(struct source_variable),
	.fields = variable_fields,
	.doc = "A named expression, as in ValidatingAdmissionPolicy.",
};

static const struct field match_fields[] = {
	{"apiGroups", FIELD_STRINGS, AT(source_match, api_groups),
		.doc = "API groups; `\"\"` is the core group, `*` any."},
	{"apiVersions", FIELD_STRINGS, AT(source_match, api_versions),
		.doc = "API versions; any when left out."},
	{"resources", FIELD_STRINGS, AT(source_match, resources),
		.doc = "Plural resource names. `pods` is pods without subresources, `pods/exec` "
		       "one subresource, `pods/*` pods with all of them, `*` every resource "
		       "without subresources, `*/scale` that subresource of every resource, `*/*` "
		       "everything."},
	{"operations", FIELD_STRINGS, AT(source_match, operations),
		.doc = "`CREATE`, `UPDATE`, `DELETE`, `CONNECT` or `*`: the rule works at "
		       "admission. Excludes `verbs`."},
	{"verbs", FIELD_STRINGS, AT(source_match, verbs),
		.doc = "`get`, `list`, `watch`, `impersonate` …, globs allowed: the rule works at "
		       "authorization, before admission, and has no `object`. `impersonate` stands "
		       "for `impersonate:MODE` and `impersonate-on:MODE:VERB` too (of a Hold rule "
		       "only the former: a person is asked once). Excludes `operations`."},
	{"namespaces", FIELD_STRINGS, AT(source_match, namespaces),
		.doc = "Globs; with `!` in front they exclude; `@NAME` is all namespaces of a "
		       "GuardrailSet. Any when left out. A cluster-scoped "
		       "object is in no namespace: it matches when there are only exclusions. "
		       "A list or watch over all namespaces reaches every one."},
	{"namespaceSelector", FIELD_OBJECT, AT(source_match, namespace_selector),
		.of = &language_selector,
		.doc = "Labels of the namespace; any when left out. Of a Namespace that is "
		       "written, its labels before or after the change. What is in no namespace "
		       "matches. Of an `Allow` rule, only what is known to have the labels does."},
	{"resourceNames", FIELD_STRINGS, AT(source_match, resource_names),
		.doc = "Globs for the object's name; with `!` in front they exclude. Any when left "
		       "out."},
	{"nonResourceURLs", FIELD_STRINGS, AT(source_match, non_resource_urls),
		.doc = "Paths such as `/metrics` or `/debug/*`, with `verbs` and instead of "
		       "`resources`."},
	{NULL},
};

static const struct hint match_hints[] = {
	{"namespace", "write a list, \"namespaces\""},
	{"scope", "a rule without \"namespaces\" matches both scopes"},
	{"objectSelector", "write a condition on object.metadata.labels under the rule's \"when\""},
	{NULL},
};

static const struct kind match = {
	.name = "match",
	.size = sizeof(struct source_match),
	.fields = match_fields,
	.hints = match_hints,
	.doc = "Which requests, in the form of an admission webhook's `rules` or of an RBAC rule. "
	       "All fields that are given must match.",
};

static const struct choice grants[] = {
	{"Once", POLICY_GRANT_ONCE, "The approval is for this one change."},
	{"Window", POLICY_GRANT_WINDOW,
		"The approval is for requests like this one, by this identity, for a time."},
	{NULL},
};

static const struct choice scopes[] = {
	{"Object", POLICY_SCOPE_OBJECT,
		"What was asked for: the object that the request names. A request that names none "
		"(a list, say) asks for all in its namespace, one without a namespace for all."},
	{"Namespace", POLICY_SCOPE_NAMESPACE, "Objects of any name in that namespace."},
	{"Cluster", POLICY_SCOPE_CLUSTER, "Objects of any name in any namespace."},
	{NULL},
};

static const struct choice dry_runs[] = {
	{"Allow", POLICY_DRY_RUN_ALLOW,
		"It passes, with a warning that the request itself would be held: `kubectl diff` "
		"and "
		"GitOps tools ask so. Not where the answer is what is held (a Secret, a token)."},
	{"Deny", POLICY_DRY_RUN_DENY,
		"It is denied, saying that the request itself would be held, until there is an "
		"approval."},
	{NULL},
};

static const struct field allow_window_fields[] = {
	{"upTo", FIELD_DURATION, AT(source_allow_window, up_to), .required = true, .min = 1000,
		.max = 30 * DAY_MS, .doc = "How long at most; an approver may choose less."},
	{"maxUses", FIELD_INT, AT(source_allow_window, max_uses), .def = 20, .min = 1,
		.max = 1000000, .doc = "How many requests may pass at most."},
	{NULL},
};

static const struct kind allow_window = {
	.name = "allowWindow",
	.size = sizeof(struct source_allow_window),
	.fields = allow_window_fields,
	.doc = "The Window that an approver may choose instead of `Once`, with `--like`.",
};

static const struct field hold_fields[] = {
	{"approvers", FIELD_STRINGS, AT(source_hold, approvers),
		.doc = "Groups whose members may approve; any approver when empty."},
	{"minApprovals", FIELD_INT, AT(source_hold, min_approvals), .def = 1, .min = 1, .max = 10,
		.doc = "How many different people must approve."},
	{"expires", FIELD_DURATION, AT(source_hold, expires), .def = HOUR_MS, .min = 1000,
		.max = 30 * DAY_MS,
		.doc = "A hold that is unanswered or unused after this is gone."},
	{"grant", FIELD_ENUM, AT(source_hold, grant), .def = POLICY_GRANT_ONCE, .choices = grants,
		.doc = "What an approval is good for."},
	{"window", FIELD_DURATION, AT(source_hold, window), .min = 1000, .max = 30 * DAY_MS,
		.doc = "With `grant: Window`: how long; until the hold expires when left out."},
	{"maxUses", FIELD_INT, AT(source_hold, max_uses), .max = 1000000,
		.doc = "With `grant: Window`: how many requests may pass; 0 is any number."},
	{"allowWindow", FIELD_OBJECT, AT(source_hold, allow_window), .of = &allow_window,
		.doc = "With `grant: Once`: an approver may open a Window all the same, up to "
		       "this. Without it none can."},
	{"scope", FIELD_ENUM, AT(source_hold, scope), .def = POLICY_SCOPE_OBJECT, .choices = scopes,
		.doc = "How far a Window reaches. It is for the same verb (get, list and watch are "
		       "one), group, resource and subresource in any case."},
	{"wait", FIELD_DURATION, AT(source_hold, wait), .max = 30000,
		.doc = "How long the request itself waits for an answer before it is denied."},
	{"retry", FIELD_BOOL, AT(source_hold, retry),
		.doc = "Deny with status 429, so that clients repeat the request by themselves."},
	{"requireReason", FIELD_BOOL, AT(source_hold, require_reason),
		.doc = "The approver must give a reason."},
	{"dryRun", FIELD_ENUM, AT(source_hold, dry_run), .def = POLICY_DRY_RUN_ALLOW,
		.choices = dry_runs, .doc = "What becomes of a dry run of such a request."},
	{NULL},
};

static const struct kind hold = {
	.name = "hold",
	.size = sizeof(struct source_hold),
	.fields = hold_fields,
	.doc = "How a held request is approved.",
};

static const struct choice pers[] = {
	{"User", 0, "Each user's requests are counted for themselves."},
	{"Rule", 1, "All users' together."},
	{NULL},
};

static const struct field limit_fields[] = {
	{"count", FIELD_INT, AT(source_limit, count), .required = true, .min = 1, .max = 1000,
		.doc = "So many requests go on as if the rule were not there."},
	{"window", FIELD_DURATION, AT(source_limit, window), .required = true, .min = 1000,
		.max = DAY_MS, .doc = "Within this time, at every moment anew."},
	{"per", FIELD_ENUM, AT(source_limit, per), .def = 0, .choices = pers,
		.doc = "Whose requests are counted."},
	{NULL},
};

static const struct kind limit = {
	.name = "limit",
	.size = sizeof(struct source_limit),
	.fields = limit_fields,
	.doc = "From how many requests on the rule applies. They are counted in PostgreSQL, for "
	       "all replicas together; what cannot be counted is beyond. See "
	       "[policy.md](policy.md#how-much-at-once).",
};

static const struct field json_patch_fields[] = {
	{"expression", FIELD_EXPRESSION, AT(source_json_patch, expression), .required = true,
		.doc = "CEL that gives a list of `JSONPatch{op: …, path: …, value: …}` (or maps "
		       "with these keys), as in MutatingAdmissionPolicy."},
	{NULL},
};

static const struct kind json_patch = {
	.name = "jsonPatch",
	.size = sizeof(struct source_json_patch),
	.fields = json_patch_fields,
	.doc = "A patch computed by an expression.",
};

static const struct field mutate_fields[] = {
	{"mergePatch", FIELD_ANY, AT(source_mutate, merge_patch),
		.doc = "An RFC 7396 merge patch; `{{ EXPRESSION }}` in its strings is CEL. A "
		       "string that is nothing but one template takes the expression's type."},
	{"jsonPatch", FIELD_OBJECT, AT(source_mutate, json_patch), .of = &json_patch,
		.doc = "An RFC 6902 patch computed by an expression."},
	{NULL},
};

static const struct hint mutate_hints[] = {
	{"patchType", "say which by writing \"jsonPatch\" or \"mergePatch\""},
	{"applyConfiguration", "write a \"mergePatch\""},
	{NULL},
};

static const struct kind mutate = {
	.name = "mutate",
	.size = sizeof(struct source_mutate),
	.fields = mutate_fields,
	.hints = mutate_hints,
	.doc = "The change that a `Mutate` rule makes: exactly one of the two.",
};

const struct choice language_actions[] = {
	{"Deny", POLICY_DENY, "The request is refused."},
	{"Hold", POLICY_HOLD, "The request is refused until a human approves it."},
	{"Warn", POLICY_WARN, "The request passes; the client is shown the message."},
	{"Audit", POLICY_AUDIT, "The request passes; the decision is recorded."},
	{"Allow", POLICY_ALLOW, "The request is exempt from the rules below in the same policy."},
	{"Mutate", POLICY_MUTATE, "The object is changed, at the mutating endpoint."},
	{NULL},
};

static const struct field rule_fields[] = {
	{"name", FIELD_STRING, AT(source_rule, name), .required = true,
		.doc = "Lower-case letters, digits and `-`; unique in its policy."},
	{"match", FIELD_OBJECTS, AT(source_rule, match), .of = &match,
		.doc = "The rule concerns a request that matches any of these; the policy's "
		       "`match` when left out."},
	{"when", FIELD_EXPRESSIONS, AT(source_rule, when),
		.doc = "CEL conditions; the rule applies when all are true."},
	{"action", FIELD_ENUM, AT(source_rule, action), .required = true,
		.choices = language_actions,
		.doc = "What the rule does. The strongest wins: `Deny` "
		       "over `Hold` over `Warn` over `Audit`."},
	{"message", FIELD_STRING, AT(source_rule, message),
		.doc = "What the user is told; `{{ EXPRESSION }}` in it is CEL."},
	{"messageExpression", FIELD_EXPRESSION, AT(source_rule, message_expression),
		.doc = "CEL that gives the message; `message` is used when it fails or gives only "
		       "blanks."},
	{"hold", FIELD_OBJECT, AT(source_rule, hold), .of = &hold,
		.doc = "Settings of a `Hold` rule."},
	{"limit", FIELD_OBJECT, AT(source_rule, limit), .of = &limit,
		.doc = "Of a `Deny`, `Hold` or `Warn` rule with `operations`: it applies beyond "
		       "so many requests only."},
	{"mutate", FIELD_OBJECT, AT(source_rule, mutate), .of = &mutate,
		.doc = "The change of a `Mutate` rule."},
	{NULL},
};

static const struct hint rule_hints[] = {
	{"matchConditions", "write the expressions under \"when\""},
	{"conditions", "write them under \"when\""},
	{"validations", "write what must not be under \"when\", with action: Deny"},
	{"expression", "write it under \"when\""},
	{"resources", "it belongs under \"match\""},
	{"operations", "it belongs under \"match\""},
	{"verbs", "it belongs under \"match\""},
	{"namespaces", "it belongs under \"match\""},
	{"namespaceSelector", "it belongs under \"match\""},
	{"apiGroups", "it belongs under \"match\""},
	{"approvers", "it belongs under \"hold\""},
	{"subjects",
		"it belongs to the policy's spec; write a policy of its own for other subjects"},
	{NULL},
};

static const struct kind rule = {
	.name = "rule",
	.size = sizeof(struct source_rule),
	.fields = rule_fields,
	.hints = rule_hints,
	.doc = "What is matched and what then happens.",
};

static const struct choice enforcements[] = {
	{"Enforce", POLICY_ENFORCE, "Rules do what their action says."},
	{"Warn", POLICY_ENFORCE_WARN, "`Deny` and `Hold` only warn."},
	{"DryRun", POLICY_DRY_RUN,
		"Nothing is shown to the user; the record says what would have happened."},
	{NULL},
};

static const struct choice failure_policies[] = {
	{"Fail", 0, "A `Deny` or `Hold` rule that cannot be evaluated denies."},
	{"Ignore", 1, "It lets the request pass, with a warning and a record."},
	{NULL},
};

static const struct choice records[] = {
	{"Matches", RECORD_MATCHES, "Decisions in which a rule matched."},
	{"All", RECORD_ALL, "Every request of the policy's subjects."},
	{NULL},
};

static const struct field spec_fields[] = {
	{"subjects", FIELD_OBJECTS, AT(source_spec, subjects), .of = &subject,
		.doc = "Whose requests the policy concerns: any of these. Empty: everyone's."},
	{"excludeSubjects", FIELD_OBJECTS, AT(source_spec, exclude_subjects), .of = &subject,
		.doc = "Whose requests it never concerns."},
	{"enforcement", FIELD_ENUM, AT(source_spec, enforcement), .def = POLICY_ENFORCE,
		.choices = enforcements, .doc = "Turns a whole policy down, for a rollout."},
	{"failurePolicy", FIELD_ENUM, AT(source_spec, failure_policy), .choices = failure_policies,
		.doc = "What happens when an expression fails."},
	{"record", FIELD_ENUM, AT(source_spec, record), .def = RECORD_MATCHES, .choices = records,
		.doc = "Which decisions are recorded."},
	{"paramKind", FIELD_OBJECT, AT(source_spec, param_kind), .of = &language_param_kind,
		.doc = "With `paramRef`: expressions read an object of the cluster as `params`."},
	{"paramRef", FIELD_OBJECT, AT(source_spec, param_ref), .of = &language_param_ref,
		.doc = "Which object of that kind."},
	{"match", FIELD_OBJECTS, AT(source_spec, match), .of = &match,
		.doc = "Which requests the rules concern that have no `match` of their own."},
	{"variables", FIELD_OBJECTS, AT(source_spec, variables), .of = &variable,
		.doc = "Expressions that the rules share."},
	{"rules", FIELD_OBJECTS, AT(source_spec, rules), .of = &rule, .required = true,
		.doc = "Evaluated in order, all of them; only `Allow` ends the policy early."},
	{NULL},
};

static const struct hint spec_hints[] = {
	{"matchConstraints", "write \"match\", here for all rules or in a rule"},
	{"matchConditions", "write the expressions under a rule's \"when\""},
	{"validations", "write rules with action: Deny"},
	{"validationActions", "write \"enforcement\", and an \"action\" in every rule"},
	{"mutations", "write rules with action: Mutate"},
	{NULL},
};

static const struct kind spec = {
	.name = "spec",
	.size = sizeof(struct source_spec),
	.fields = spec_fields,
	.hints = spec_hints,
	.doc = "Who is guarded, and by which rules.",
};

static const struct field policy_fields[] = {
	{"apiVersion", FIELD_STRING, AT(source_policy, api_version), .required = true,
		.doc = "`" LANGUAGE_API_VERSION "`."},
	{"kind", FIELD_STRING, AT(source_policy, kind), .required = true,
		.doc = "`GuardrailPolicy`."},
	{"metadata", FIELD_OBJECT, AT(source_policy, metadata), .of = &language_metadata,
		.required = true, .doc = "The policy's name."},
	{"spec", FIELD_OBJECT, AT(source_policy, spec), .of = &spec, .required = true,
		.doc = "The policy."},
	{NULL},
};

const struct kind language_policy = {
	.name = "GuardrailPolicy",
	.size = sizeof(struct source_policy),
	.fields = policy_fields,
	.doc = "One document of a policy file.",
};

static const struct field set_spec_fields[] = {
	{"subjects", FIELD_OBJECTS, AT(source_set_spec, subjects), .of = &subject,
		.doc = "Used as `{kind: Set, name: NAME}` among the subjects of policies."},
	{"namespaces", FIELD_STRINGS, AT(source_set_spec, namespaces),
		.doc = "Globs; used as `@NAME` or `!@NAME` among the namespaces of a match."},
	{NULL},
};

static const struct kind set_spec = {
	.name = "set",
	.size = sizeof(struct source_set_spec),
	.fields = set_spec_fields,
	.doc = "At least one of the two.",
};

static const struct field set_fields[] = {
	{"apiVersion", FIELD_STRING, AT(source_set, api_version), .required = true,
		.doc = "`" LANGUAGE_API_VERSION "`."},
	{"kind", FIELD_STRING, AT(source_set, kind), .required = true, .doc = "`GuardrailSet`."},
	{"metadata", FIELD_OBJECT, AT(source_set, metadata), .of = &language_metadata,
		.required = true, .doc = "The set's name."},
	{"spec", FIELD_OBJECT, AT(source_set, spec), .of = &set_spec, .required = true,
		.doc = "What is in it."},
	{NULL},
};

const struct kind language_set = {
	.name = "GuardrailSet",
	.size = sizeof(struct source_set),
	.fields = set_fields,
	.doc = "Names for who and where, written once and used by all policies that are loaded "
	       "with it, in whatever file.",
};

void language_default_hold(struct source_hold *ret)
{
	*ret = (struct source_hold){0};
	for (const struct field *f = hold_fields; f->name; f++)
		if (f->type != FIELD_STRINGS)
			((struct yaml_int *)((char *)ret + f->offset))->v = f->def;
}
