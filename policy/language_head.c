/* SPDX-License-Identifier: Apache-2.0 */
/* Is a document what it is taken for? */
#include "common/yaml/errors.h"
#include "policy/language_internal.h"

/* Of a policy for something else. */
static const char *foreign_hint(struct span kind)
{
	static const char *const admission[] = {
		"ValidatingAdmissionPolicy", "MutatingAdmissionPolicy"};
	static const char *const other[] = {"ValidatingAdmissionPolicyBinding",
		"MutatingAdmissionPolicyBinding", "ConstraintTemplate", "ClusterPolicy", "Policy",
		"ValidatingPolicy", "MutatingPolicy", "ValidatingWebhookConfiguration"};
	for (size_t i = 0; i < ARRAY_LEN(admission); i++)
		if (span_eq_str(kind, admission[i]))
			return "; docs/policy.md, \"From admission policies\", says how to write "
			       "it here";
	for (size_t i = 0; i < ARRAY_LEN(other); i++)
		if (span_eq_str(kind, other[i]))
			return "; it is not for Holdpoint";
	return "";
}

int language_check_head(const struct node *root, const char *kind, struct yaml_errors *errors)
{
	const struct node *version = node_get(root, "apiVersion"), *k = node_get(root, "kind");
	unsigned before = errors->count;
	if (root->type != NODE_MAP) {
		errors_add_at(errors, root, "a document must be an object of kind %s, not %s", kind,
			node_kind_name(root));
		return -1;
	}
	if (!version || version->type != NODE_SCALAR || !k || k->type != NODE_SCALAR) {
		errors_add_at(errors, root, "a document needs apiVersion: %s and kind: %s",
			LANGUAGE_API_VERSION, kind);
		return -1;
	}
	if (!span_eq_str(version->text, LANGUAGE_API_VERSION))
		errors_add_at(errors, version, "apiVersion must be %s, not \"%.*s\"",
			LANGUAGE_API_VERSION, SPAN_FMT(version->text));
	if (!span_eq_str(k->text, kind))
		errors_add_at(errors, k, "kind must be %s, not \"%.*s\"%s", kind, SPAN_FMT(k->text),
			foreign_hint(k->text));
	return errors->count == before ? 0 : -1;
}
