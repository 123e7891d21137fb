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

/* ---- what of it the result shows ---- */

#define NO_SLOT UINT32_MAX

static bool is_call_of(const struct cel_node *n, const char *name)
{
	return n->op == CEL_N_CALL && span_eq_str(n->name, name);
}

/* Objects cannot hide in it: no list that is written here. */
static bool is_list_of_the_request(const struct cel_node *n)
{
	if (n->op == CEL_N_LOOP)
		return n->loop == CEL_LOOP_FILTER && is_list_of_the_request(n->args[0]);
	if (is_call_of(n, "_+_") || is_call_of(n, "orValue"))
		return is_list_of_the_request(n->args[0]) && is_list_of_the_request(n->args[1]);
	return n->op == CEL_N_SELECT || n->op == CEL_N_VAR || n->op == CEL_N_CONST;
}

static bool mentions_local(const struct cel_node *n)
{
	if (n->op == CEL_N_LOCAL)
		return true;
	for (uint32_t i = 0; i < n->count; i++)
		if (n->args[i] && mentions_local(n->args[i]))
			return true;
	return false;
}

/* Where a part of an expression stands. */
struct within {
	bool loop; /* in the body of one: variables of it, and of others around it, are set */
	uint32_t element; /* the slot of what goes through such a list; NO_SLOT: none does */
};

static bool shows_only(const struct reading *r, const struct cel_node *n, struct within w)
{
	if (n->op == CEL_N_SELECT && n->args[0]->op == CEL_N_LOCAL)
		return n->args[0]->slot == w.element && !n->test && span_eq_str(n->name, "name");
	if (n->op == CEL_N_LOOP && n->loop == CEL_LOOP_MAP && !n->two_vars)
		return shows_only(r, n->args[2],
			(struct within){
				true, is_list_of_the_request(n->args[0]) ? n->slot : NO_SLOT});
	if (n->op == CEL_N_COND)
		return shows_only(r, n->args[1], w) && shows_only(r, n->args[2], w);
	if (!is_call_of(n, "_+_") && !is_call_of(n, "join"))
		return !(w.loop && mentions_local(n)) && reads_only(r, n);
	for (uint32_t i = 0; i < n->count; i++)
		if (!shows_only(r, n->args[i], w))
			return false;
	return true;
}

bool cel_program_shows_only(const struct cel_program *p, uint32_t slot, const char *const *paths)
{
	const struct reading r = {slot, paths};

	return shows_only(&r, p->root, (struct within){false, NO_SLOT});
}
