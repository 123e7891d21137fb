/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of what rules look at in the cluster: labels of Namespaces, parameters. */
#include "policy/cluster_view_internal.h"
#include "policy/language_internal.h"

#define AT(type, member) .offset = offsetof(struct type, member)

static const struct choice selector_operators[] = {
	{"In", SELECTOR_IN, "The label has one of the values."},
	{"NotIn", SELECTOR_NOT_IN, "It has none of them, or there is no such label."},
	{"Exists", SELECTOR_EXISTS, "There is such a label."},
	{"DoesNotExist", SELECTOR_DOES_NOT_EXIST, "There is none."},
	{NULL},
};

static const struct field requirement_fields[] = {
	{"key", FIELD_STRING, AT(source_requirement, key), .required = true,
		.doc = "The label's name."},
	{"operator", FIELD_ENUM, AT(source_requirement, op), .required = true,
		.choices = selector_operators, .doc = "What must be true of it."},
	{"values", FIELD_STRINGS, AT(source_requirement, values),
		.doc = "Of `In` and `NotIn`: no globs."},
	{NULL},
};

static const struct kind requirement = {
	.name = "matchExpression",
	.size = sizeof(struct source_requirement),
	.fields = requirement_fields,
	.doc = "What must be true of one label.",
};

static const struct field selector_fields[] = {
	{"matchLabels", FIELD_LABELS, AT(source_selector, labels),
		.doc = "Labels that there must be, with these values."},
	{"matchExpressions", FIELD_OBJECTS, AT(source_selector, expressions), .of = &requirement,
		.doc = "What else must be true, all of it."},
	{NULL},
};

const struct kind language_selector = {
	.name = "namespaceSelector",
	.size = sizeof(struct source_selector),
	.fields = selector_fields,
	.doc = "Labels of the Namespace that the request is about, as in "
	       "ValidatingAdmissionPolicy. Needs holdpoint-webhook with `--kubernetes-api`; "
	       "while the labels are not known, the rule fails.",
};

static const struct field param_kind_fields[] = {
	{"apiVersion", FIELD_STRING, AT(source_param_kind, api_version), .required = true,
		.doc = "`v1`, or `GROUP/VERSION`."},
	{"kind", FIELD_STRING, AT(source_param_kind, kind), .required = true,
		.doc = "`ConfigMap`, or that of a custom resource. Secrets are not read."},
	{NULL},
};

const struct kind language_param_kind = {
	.name = "paramKind",
	.size = sizeof(struct source_param_kind),
	.fields = param_kind_fields,
	.doc = "What kind of object has the policy's parameters, as in ValidatingAdmissionPolicy.",
};

static const struct choice absent_params[] = {
	{"Deny", ABSENT_PARAMS_DENY, "Its rules fail, as `failurePolicy` says."},
	{"Allow", ABSENT_PARAMS_ALLOW, "Its rules do not apply."},
	{NULL},
};

static const struct field param_ref_fields[] = {
	{"name", FIELD_STRING, AT(source_param_ref, name), .required = true,
		.doc = "The object's name."},
	{"namespace", FIELD_STRING, AT(source_param_ref, namespace_),
		.doc = "Its namespace; that of the request when left out. Of a kind that is in no "
		       "namespace, it is left out."},
	{"parameterNotFoundAction", FIELD_ENUM, AT(source_param_ref, absent),
		.def = ABSENT_PARAMS_DENY, .choices = absent_params,
		.doc = "What becomes of the policy where there is no such object."},
	{NULL},
};

static const struct hint param_ref_hints[] = {
	{"selector", "name one object; several are a variable with a lookup by a label"},
	{NULL},
};

const struct kind language_param_ref = {
	.name = "paramRef",
	.size = sizeof(struct source_param_ref),
	.fields = param_ref_fields,
	.hints = param_ref_hints,
	.doc = "Which object it is, as in a ValidatingAdmissionPolicyBinding. Needs "
	       "holdpoint-webhook with `--kubernetes-api`.",
};

static const struct choice lookup_scopes[] = {
	{"Cluster", LOOKUP_CLUSTER, "Those of all namespaces, or of none."},
	{"Namespace", LOOKUP_NAMESPACE, "Those of the request's namespace."},
	{NULL},
};

static const struct field lookup_fields[] = {
	{"apiVersion", FIELD_STRING, AT(source_lookup, api_version), .required = true,
		.doc = "`v1`, or `GROUP/VERSION`."},
	{"kind", FIELD_STRING, AT(source_lookup, kind), .required = true,
		.doc = "`Ingress`, or that of a custom resource. Secrets are not read."},
	{"scope", FIELD_ENUM, AT(source_lookup, scope), .def = LOOKUP_CLUSTER,
		.choices = lookup_scopes, .doc = "Whose objects."},
	{"index", FIELD_STRING, AT(source_lookup, index),
		.doc = "Where in the objects the key is looked for: `spec.rules.host`; a list on "
		       "the way stands for all of its elements, a name with other characters is "
		       "written `metadata.labels['example.com/name']`. A map of strings is one "
		       "key. `metadata.name` when left out."},
	{"key", FIELD_EXPRESSION, AT(source_lookup, key),
		.doc = "CEL that gives the key, or a list of at most 256: objects that have any "
		       "of them are found. All objects when left out. May use the variables "
		       "above."},
	{"maxObjects", FIELD_INT, AT(source_lookup, max_objects), .def = 100, .min = 1,
		.max = LOOKUP_MAX_OBJECTS, .doc = "More are an error of the rule that asks."},
	{NULL},
};

static const struct hint lookup_hints[] = {
	{"namespace", "write \"scope: Namespace\", or compare metadata.namespace in the rule"},
	{"name", "write \"key\", with the name in quotes: key: \"'gold'\""},
	{"resource", "write \"kind\", as the objects do"},
	{"labelSelector", "name one label under \"index\": metadata.labels['app']"},
	{NULL},
};

const struct kind language_lookup = {
	.name = "lookup",
	.size = sizeof(struct source_lookup),
	.fields = lookup_fields,
	.hints = lookup_hints,
	.doc = "Which objects of the cluster a variable is; the one that the request is about is "
	       "not among them. Needs holdpoint-webhook with `--kubernetes-api`; while they are "
	       "not known, the rule that asks fails.",
};
