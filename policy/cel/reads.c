/* SPDX-License-Identifier: Apache-2.0 */
/* What a program reads of its variables: chains of selections that begin at one. */
#include "policy/cel/program_internal.h"

#define STEPS_MAX 4

struct reading {
	uint32_t slot;
	const char *const *paths;
};

static bool is_path(const char *path, const struct span *steps, size_t count)
{
	while (count-- > 0) {
		size_t len = strcspn(path, ".");

		if (!span_eq(steps[count], (struct span){path, len}))
			return false;
		path += len;
		if (*path == '.' && count > 0)
			path++;
	}
	return *path == 0;
}

/* A chain that is one of the paths. */
static bool is_allowed(const struct reading *r, const struct cel_node *n)
{
	struct span steps[STEPS_MAX]; /* the last one first */
	size_t count = 0;

	for (; n->op == CEL_N_SELECT && count < STEPS_MAX; n = n->args[0])
		steps[count++] = n->name;
	if (n->op != CEL_N_VAR || n->slot != r->slot || count == 0)
		return false;
	for (size_t i = 0; r->paths[i]; i++)
		if (is_path(r->paths[i], steps, count))
			return true;
	return false;
}

static bool reads_only(const struct reading *r, const struct cel_node *n)
{
	if (is_allowed(r, n))
		return true;
	if (n->op == CEL_N_VAR || n->op == CEL_N_BAD)
		return false;
	for (uint32_t i = 0; i < n->count; i++)
		if (n->args[i] && !reads_only(r, n->args[i]))
			return false;
	return true;
}

bool cel_program_reads_only(const struct cel_program *p, uint32_t slot, const char *const *paths)
{
	const struct reading r = {slot, paths};

	return reads_only(&r, p->root);
}
