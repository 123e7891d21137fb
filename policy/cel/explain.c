/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why a program came out as it did: the parts of an expression that decided, with their values.
 * Parts are evaluated one by one, which is slow and may repeat work: for people, not for requests.
 */
#include "policy/cel/operators_internal.h"

#define MAX_VALUE_TEXT 160
#define MAX_LINES      200

struct explainer {
	struct buf *out;
	struct cel_ev *ev;
	unsigned lines;
};

static void explain(struct explainer *x, const struct cel_node *n, unsigned indent);

static bool is_comparison(const struct cel_node *n)
{
	return n->fn == cel_fn_eq || n->fn == cel_fn_ne || n->fn == cel_fn_lt ||
	       n->fn == cel_fn_le || n->fn == cel_fn_gt || n->fn == cel_fn_ge ||
	       n->fn == cel_fn_in || n->fn == cel_fn_not;
}

static void put_source(struct buf *out, struct span source, const struct cel_node *n)
{
	bool space = false;

	for (uint32_t i = n->off; i < n->end && i < source.len; i++) {
		char c = source.ptr[i];
		if (c == ' ' || c == '\n' || c == '\t' || c == '\r') {
			space = true;
			continue;
		}
		if (space)
			buf_add_char(out, ' ');
		space = false;
		buf_add_char(out, c);
	}
}

static void begin_line(struct explainer *x, unsigned indent)
{
	x->lines++;
	for (unsigned i = 0; i < indent; i++)
		buf_add_str(x->out, "  ");
}

static void end_line(struct explainer *x, struct cel_value v)
{
	buf_add_str(x->out, " = ");
	cel_put_display_in(x->out, v, MAX_VALUE_TEXT, x->ev->run->arena);
	buf_add_char(x->out, '\n');
}

static void put_line(struct explainer *x, const struct cel_node *n, unsigned indent)
{
	begin_line(x, indent);
	put_source(x->out, x->ev->prog->source, n);
	end_line(x, n->eval(n, x->ev));
}

/* What a comparison or call looks at: fields and variables, not literals. */
static bool worth_a_line(const struct cel_node *n)
{
	return n->op != CEL_N_CONST;
}

static void explain_args(struct explainer *x, const struct cel_node *n, unsigned indent)
{
	for (uint32_t i = 0; i < n->count; i++)
		if (n->args[i] && worth_a_line(n->args[i]))
			explain(x, n->args[i], indent);
}

static void put_variable(
	struct explainer *x, struct span name, uint32_t slot, uint32_t turn, unsigned indent)
{
	begin_line(x, indent);
	buf_add_span(x->out, name);
	if (turn)
		buf_printf(x->out, " (number %u)", turn);
	end_line(x, x->ev->locals[slot]);
}

/* The element for which all() or exists() came out as it did, and the condition's parts for it. */
static void explain_turn(struct explainer *x, const struct cel_node *n, unsigned indent)
{
	uint32_t turn = cel_loop_decisive_turn(n, x->ev);

	if (!turn)
		return;
	put_variable(x, n->name, n->slot, turn, indent);
	if (n->two_vars)
		put_variable(x, n->name2, n->slot2, 0, indent);
	if (worth_a_line(n->args[1]))
		explain(x, n->args[1], indent);
}

static void explain(struct explainer *x, const struct cel_node *n, unsigned indent)
{
	if (x->lines >= MAX_LINES)
		return;
	put_line(x, n, indent);
	switch ((enum cel_op)n->op) {
	case CEL_N_AND:
	case CEL_N_OR:
	case CEL_N_COND:
		explain_args(x, n, indent + 1);
		break;
	case CEL_N_CALL:
		if (is_comparison(n) || n->method)
			explain_args(x, n, indent + 1);
		break;
	case CEL_N_LOOP:
		if (worth_a_line(n->args[0]))
			explain(x, n->args[0], indent + 1);
		explain_turn(x, n, indent + 1);
		break;
	case CEL_N_BIND: /* the body has a variable that only exists inside */
		if (worth_a_line(n->args[0]))
			explain(x, n->args[0], indent + 1);
		break;
	case CEL_N_SELECT:
		if (n->test && worth_a_line(n->args[0]))
			explain(x, n->args[0], indent + 1);
		break;
	default:
		break;
	}
}

void cel_explain(struct buf *out, const struct cel_program *p, struct cel_activation *activation,
	struct cel_run *run)
{
	struct cel_value few[16], *locals = few;
	struct cel_activation *outer = run->activation;
	struct cel_ev ev = {.run = run, .prog = p};
	struct explainer x = {out, &ev, 0};

	if (p->local_count > ARRAY_LEN(few))
		locals = arena_calloc(run->arena, p->local_count, sizeof *locals);
	if (!locals)
		return;
	ev.locals = locals;
	ev.slots = activation && activation->slot_count >= p->slot_count ? activation->slots : NULL;
	run->activation = activation;
	explain(&x, p->root, 0);
	run->activation = outer;
}
