/* SPDX-License-Identifier: Apache-2.0 */
/* What all parts of compiling a policy stand on: memory with an error, names, the sets
 * that were loaded before. */
#include "policy/compile_internal.h"

#include "common/yaml/errors.h"

void *compiler_alloc(struct compiler *c, const struct node *n, size_t count, size_t size)
{
	void *p = arena_calloc(c->arena, count ? count : 1, size);
	if (!p)
		errors_add_at(c->errors, n, "the policies need too much memory; load fewer");
	return p;
}

/* Lower-case letters, digits, '-' and, with dots, '.'; at most max characters. */
bool compiler_is_name(struct span s, bool dots, size_t max)
{
	if (!s.len || s.len > max)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		char c = s.ptr[i];
		bool letter = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
		bool inside = (c == '-' || (dots && c == '.')) && i && i + 1 < s.len;
		if (!letter && !inside)
			return false;
	}
	return true;
}

const struct named_set *set_find(const struct policy_set *set, struct span name)
{
	for (size_t i = 0; i < set->set_count; i++)
		if (span_eq(set->sets[i].name, name))
			return &set->sets[i];
	return NULL;
}

const struct named_set *compiler_find_set(
	struct compiler *c, struct span name, const struct node *n)
{
	const struct named_set *found = set_find(c->set, name);
	if (!found)
		errors_add_at(
			c->errors, n, "no GuardrailSet named \"%.*s\" is loaded", SPAN_FMT(name));
	return found;
}
