/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of test files: docs/policy-reference.md is generated from them, too. */
#include "policy/test_cases.h"
#include "policy/test_language_internal.h"

#define AT(type, member) .offset = offsetof(struct type, member)

static const struct choice expected_actions[] = {
	{"None", POLICY_NONE, "No rule applies."},
	{"Allow", POLICY_ALLOW, NULL},
	{"Audit", POLICY_AUDIT, NULL},
	{"Warn", POLICY_WARN, NULL},
	{"Hold", POLICY_HOLD, NULL},
	{"Deny", POLICY_DENY, NULL},
	{NULL},
};

static const struct field expect_fields[] = {
	{"action", FIELD_ENUM, AT(source_expect, action), .def = -1, .choices = expected_actions,
		.doc = "The decision. At least one of `action`, `patch` and `refused` must be "
		       "given."},
	{"rule", FIELD_STRING, AT(source_expect, rule),
		.doc = "The rule that decided, as `RULE` or `POLICY/RULE`."},
	{"rules", FIELD_STRINGS, AT(source_expect, rules),
		.doc = "All rules that applied, in order."},
	{"message", FIELD_STRING, AT(source_expect, message),
		.doc = "A glob for the deciding rule's message."},
	{"patch", FIELD_ANY, AT(source_expect, patch),
		.doc = "The JSON patch (RFC 6902) that the mutating endpoint answers; `[]` is "
		       "none."},
	{"refused", FIELD_STRING, AT(source_expect, refused),
		.doc = "A glob for the reason why the mutating endpoint denies the request."},
	{NULL},
};

static const struct kind expect_kind = {
	.name = "expect",
	.size = sizeof(struct source_expect),
	.fields = expect_fields,
	.doc = "What must come out.",
};

static const struct field case_fields[] = {
	{"name", FIELD_STRING, AT(source_case, name), .required = true, .doc = "What is tested."},
	{"review", FIELD_STRING, AT(source_case, review),
		.doc = "A JSON file with an AdmissionReview or a SubjectAccessReview, relative to "
		       "the test file."},
	{"request", FIELD_ANY, AT(source_case, request),
		.doc = "An AdmissionRequest, merged (RFC 7396) into the file's `request`."},
	{"access", FIELD_ANY, AT(source_case, access),
		.doc = "The spec of a SubjectAccessReview, merged into the file's `access`."},
	{"objects", FIELD_ANY, AT(source_case, objects),
		.doc = "A list of objects that exist in the cluster, before those of the file."},
	{"now", FIELD_STRING, AT(source_case, now), .doc = "The time of the request, as below."},
	{"expect", FIELD_OBJECT, AT(source_case, expect), .of = &expect_kind, .required = true,
		.doc = "What must come out."},
	{NULL},
};

static const struct kind case_kind = {
	.name = "case",
	.size = sizeof(struct source_case),
	.fields = case_fields,
	.doc = "One request: exactly one of `review`, `request` and `access`.",
};

static const struct field test_fields[] = {
	{"policies", FIELD_STRINGS, AT(source_test, policies), .required = true,
		.doc = "The files and folders under test, relative to the test file."},
	{"now", FIELD_STRING, AT(source_test, now),
		.doc = "The time of all requests, such as `\"2026-01-01T00:00:00Z\"` (the "
		       "default)."},
	{"request", FIELD_ANY, AT(source_test, request),
		.doc = "What all admission requests have in common."},
	{"access", FIELD_ANY, AT(source_test, access),
		.doc = "What all authorization requests have in common."},
	{"objects", FIELD_ANY, AT(source_test, objects),
		.doc = "A list of objects that exist in the cluster of all cases: Namespaces, for "
		       "`namespaceObject` and `namespaceSelector`, parameters, and what is looked "
		       "up."},
	{"cases", FIELD_OBJECTS, AT(source_test, cases), .of = &case_kind, .required = true,
		.doc = "The requests."},
	{NULL},
};

static const struct kind test_kind = {
	.name = "test",
	.size = sizeof(struct source_test),
	.fields = test_fields,
	.doc = "Policies, requests and expectations.",
};

static const struct field document_fields[] = {
	{"apiVersion", FIELD_STRING, AT(source_document, api_version), .required = true,
		.doc = "`" LANGUAGE_API_VERSION "`."},
	{"kind", FIELD_STRING, AT(source_document, kind), .required = true,
		.doc = "`GuardrailPolicyTest`."},
	{"metadata", FIELD_OBJECT, AT(source_document, metadata), .of = &language_metadata,
		.doc = "May be left out."},
	{"spec", FIELD_OBJECT, AT(source_document, spec), .of = &test_kind, .required = true,
		.doc = "The test."},
	{NULL},
};

const struct kind language_test = {
	.name = "GuardrailPolicyTest",
	.size = sizeof(struct source_document),
	.fields = document_fields,
	.doc = "One document of a test file.",
};
