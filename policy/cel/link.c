/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The last step of compiling: every node gets the function that evaluates it, what has only
 * constant parts becomes a constant, what functions make of constant arguments is made, costs are
 * added up.
 */
#include "policy/cel/compiler_internal.h"

/* Budget for working out constants; what is dearer stays for run time. */
#define FOLD_BUDGET 2000

static bool all_constant(const struct cel_node *n)
{
	for (uint32_t i = 0; i < n->count; i++)
		if (!n->args[i] || n->args[i]->op != CEL_N_CONST)
			return false;
	return true;
}

static bool can_fold(const struct cel_node *n)
{
	switch ((enum cel_op)n->op) {
	case CEL_N_CALL:
	case CEL_N_LIST:
	case CEL_N_MAP:
	case CEL_N_INDEX:
		return all_constant(n);
	default:
		return false;
	}
}

/* Replaces n by its value; an error is left to happen at run time, where it may be absorbed. */
static void fold(struct cel_compiler *c, struct cel_node *n)
{
	struct cel_run run = cel_run(c->arena, FOLD_BUDGET);
	struct cel_ev ev = {.run = &run, .prog = c->prog};

	if (!can_fold(n) || c->out_of_memory)
		return;
	struct cel_value v = n->eval(n, &ev);
	if (cel_is_error(v))
		return;
	n->op = CEL_N_CONST;
	n->value = v;
	n->eval = cel_eval_for(n);
	n->cost = 1;
}

static bool keep_prepared(struct cel_compiler *c, struct cel_prepared made)
{
	struct cel_program *p = c->prog;
	struct cel_prepared *all =
		reallocarray(p->prepared, p->prepared_count + 1u, sizeof *p->prepared);

	if (!all) {
		c->out_of_memory = true;
		made.free(made.made);
		return false;
	}
	p->prepared = all;
	p->prepared[p->prepared_count++] = made;
	return true;
}

static void prepare(struct cel_compiler *c, struct cel_node *n)
{
	const struct cel_preparation *how = n->function ? n->function->prepare : NULL;
	const struct cel_node *arg = n->count > 1 ? n->args[1] : NULL;
	struct err e;

	if (!how || !arg || arg->op != CEL_N_CONST || arg->value.kind != CEL_STRING)
		return;
	void *made = how->make(cel_span(arg->value), &e);
	if (!made) {
		if (!(c->env->options & CEL_NO_CHECK))
			cel_issue_at(c, arg->off, "%s", e.msg);
		return;
	}
	if (keep_prepared(c, (struct cel_prepared){how->free, made})) {
		n->aux = made;
		n->prepared = true;
	}
}

void cel_link(struct cel_compiler *c, struct cel_node *n)
{
	n->cost = 1;
	for (uint32_t i = 0; i < n->count; i++) {
		if (!n->args[i])
			continue;
		cel_link(c, n->args[i]);
		n->cost += n->args[i]->cost;
	}
	n->eval = cel_eval_for(n);
	if (n->op == CEL_N_CALL)
		prepare(c, n);
	fold(c, n);
}
