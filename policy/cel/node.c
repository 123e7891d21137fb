/* SPDX-License-Identifier: Apache-2.0 */
/* Nodes of the tree that is parsed, checked, and then the program. */
#include "policy/cel/compiler_internal.h"

struct cel_node *cel_node_new(
	struct cel_compiler *c, enum cel_op op, uint32_t off, uint32_t end, uint32_t arg_count)
{
	if (c->node_count >= CEL_MAX_NODES) {
		if (c->node_count++ == CEL_MAX_NODES)
			cel_issue_at(
				c, off, "the expression has more than %d parts", CEL_MAX_NODES);
		return NULL;
	}
	c->node_count++;
	struct cel_node *n = arena_calloc(c->arena, 1, sizeof *n);
	struct cel_node **args = arg_count ? arena_calloc(c->arena, arg_count, sizeof *args) : NULL;
	if (!n || (arg_count && !args)) {
		c->out_of_memory = true;
		return NULL;
	}
	n->op = (uint8_t)op;
	n->off = n->pos = off;
	n->end = end;
	n->count = arg_count;
	n->args = args;
	n->depth = 1;
	n->slot = n->slot2 = CEL_NO_SLOT;
	return n;
}

struct cel_node *cel_node_clone(struct cel_compiler *c, const struct cel_node *n)
{
	struct cel_node *copy = cel_node_new(c, n->op, n->off, n->end, n->count);

	if (!copy)
		return NULL;
	struct cel_node **args = copy->args;
	*copy = *n;
	copy->args = args;
	for (uint32_t i = 0; i < n->count; i++) {
		args[i] = n->args[i] ? cel_node_clone(c, n->args[i]) : NULL;
		if (n->args[i] && !args[i])
			return NULL;
	}
	return copy;
}
