/* What all parts of compiling a policy stand on: memory with an error, names. */
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
