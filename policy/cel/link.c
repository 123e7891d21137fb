/*
 * The last step of compiling: every node gets the function that evaluates it, what has only
 * constant parts becomes a constant, constant patterns are compiled, costs are added up.
 */
#include "policy/cel/functions.h"

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

static bool keep_regex(struct cel_compiler *c, struct cel_regex *re)
{
	struct cel_program *p = c->prog;
	struct cel_regex **all = reallocarray(p->regexes, p->regex_count + 1u, sizeof(void *));

	if (!all) {
		c->out_of_memory = true;
		cel_regex_free(re);
		return false;
	}
	p->regexes = all;
	p->regexes[p->regex_count++] = re;
	return true;
}

static void link_pattern(struct cel_compiler *c, struct cel_node *n)
{
	const struct cel_node *pattern = n->count > 1 ? n->args[1] : NULL;
	struct err e;

	if (!cel_fn_takes_pattern(n->fn) || !pattern || pattern->op != CEL_N_CONST ||
		pattern->value.kind != CEL_STRING)
		return;
	struct cel_regex *re = cel_regex_new(cel_span(pattern->value), NULL, &e);
	if (!re) {
		if (!(c->env->options & CEL_NO_CHECK))
			cel_issue_at(c, pattern->off, "%s", e.msg);
		return;
	}
	if (keep_regex(c, re)) {
		n->aux = re;
		n->const_re = true;
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
		link_pattern(c, n);
	fold(c, n);
}
