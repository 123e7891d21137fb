/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Evaluation: every node carries the function that evaluates it, values are returned in registers,
 * errors are values. Fields and elements are in select.c, the loops in loop.c, what functions do
 * is in policy/cel/functions/.
 */
#include "policy/cel/library_internal.h"
#include "policy/cel/operators_internal.h"

static struct cel_value eval(const struct cel_node *n, struct cel_ev *ev)
{
	return n->eval(n, ev);
}

static struct cel_value eval_const(const struct cel_node *n, struct cel_ev *ev)
{
	(void)ev;
	return n->value;
}

static struct cel_value eval_bad(const struct cel_node *n, struct cel_ev *ev)
{
	return cel_err_fmt(ev, n, "%.*s", SPAN_FMT(cel_span(n->value)));
}

static struct cel_value eval_local(const struct cel_node *n, struct cel_ev *ev)
{
	return ev->locals[n->slot];
}

static __attribute__((noinline)) struct cel_value resolve_slot(
	const struct cel_node *n, struct cel_ev *ev)
{
	struct cel_activation *act = ev->run->activation;

	if (!act || n->slot >= act->slot_count || !act->resolve)
		return cel_err_text(ev, n, "a variable without a value");
	struct cel_value v = act->resolve(ev->run, n->slot, act->ctx);
	if (v.kind == CEL_UNSET)
		v = cel_err_text(ev, n, "a variable without a value");
	act->slots[n->slot] = v;
	return v;
}

static struct cel_value eval_var(const struct cel_node *n, struct cel_ev *ev)
{
	struct cel_value v = ev->slots ? ev->slots[n->slot] : (struct cel_value){0};

	return likely(v.kind != CEL_UNSET) ? v : resolve_slot(n, ev);
}

/* ---- literals ---- */

static bool is_optional_arg(const struct cel_node *n, uint32_t i)
{
	return n->opt_mask && (n->opt_mask[i / 64] >> i % 64 & 1);
}

/* An element of a literal: 1 and *ret, 0: left out, -1: *ret is the error. */
static int literal_element(
	const struct cel_node *n, struct cel_ev *ev, uint32_t i, struct cel_value *ret)
{
	struct cel_value v = eval(n->args[i], ev);

	if (!cel_is_error(v) && is_optional_arg(n, i)) {
		if (v.kind != CEL_OPTIONAL)
			v = cel_err_text(ev, n->args[i], "what follows '?' must be an optional");
		else if (!cel_optional_value(v, &v))
			return 0;
	}
	*ret = v;
	return cel_is_error(v) ? -1 : 1;
}

static struct cel_value eval_list(const struct cel_node *n, struct cel_ev *ev)
{
	struct cel_value *items = cel_new_array(ev, n->count);
	uint32_t count = 0;

	if (!items)
		return cel_err_room(ev);
	for (uint32_t i = 0; i < n->count; i++) {
		int there = literal_element(n, ev, i, &items[count]);
		if (there < 0)
			return items[count];
		count += (uint32_t)there;
	}
	return cel_array(items, count);
}

static struct cel_value eval_map(const struct cel_node *n, struct cel_ev *ev)
{
	struct cel_value *kv = cel_new_array(ev, n->count), map, dup;
	uint32_t count = 0;

	if (!kv)
		return cel_err_room(ev);
	for (uint32_t i = 0; i < n->count; i += 2) {
		kv[count] = eval(n->args[i], ev);
		if (cel_is_error(kv[count]))
			return kv[count];
		if (!cel_is_key(kv[count]))
			return cel_err_fmt(ev, n->args[i], "unsupported key type: %s",
				cel_type_name(kv[count]));
		int there = literal_element(n, ev, i + 1, &kv[count + 1]);
		if (there < 0)
			return kv[count + 1];
		count += 2 * (uint32_t)there;
	}
	switch (cel_map_build(kv, count / 2, ev->run->arena, &map, &dup)) {
	case 0:
		return map;
	case 1:
		return cel_err_text(ev, n, "a map with the same key twice");
	default:
		return cel_err_memory();
	}
}

/* ---- logic ---- */

/*
 * && and || are commutative: one operand that decides makes errors of the others not matter,
 * wherever it stands. Only what ends the whole evaluation is never absorbed.
 */
static inline struct cel_value eval_logic(
	const struct cel_node *n, struct cel_ev *ev, bool decisive)
{
	struct cel_value error = {.kind = CEL_UNSET};

	for (uint32_t i = 0; i < n->count; i++) {
		struct cel_value v = eval(n->args[i], ev);
		if (likely(v.kind == CEL_BOOL)) {
			if (v.b == decisive)
				return v;
			continue;
		}
		if (cel_error_is_limit(v))
			return v;
		if (error.kind == CEL_UNSET)
			error = cel_is_error(v) ? v : cel_err_overload(ev, n, &v, 1);
	}
	return error.kind == CEL_UNSET ? cel_bool(!decisive) : error;
}

static struct cel_value eval_and(const struct cel_node *n, struct cel_ev *ev)
{
	return eval_logic(n, ev, false);
}

static struct cel_value eval_or(const struct cel_node *n, struct cel_ev *ev)
{
	return eval_logic(n, ev, true);
}

static struct cel_value eval_cond(const struct cel_node *n, struct cel_ev *ev)
{
	struct cel_value v = eval(n->args[0], ev);

	if (unlikely(v.kind != CEL_BOOL))
		return cel_is_error(v) ? v : cel_err_overload(ev, n, &v, 1);
	return eval(n->args[v.b ? 1 : 2], ev);
}

/* ---- calls ---- */

static struct cel_value eval_call1(const struct cel_node *n, struct cel_ev *ev)
{
	struct cel_value a = eval(n->args[0], ev);

	return unlikely(cel_is_error(a)) ? a : n->fn(ev, n, &a, 1);
}

static struct cel_value eval_call2(const struct cel_node *n, struct cel_ev *ev)
{
	struct cel_value a[2];

	a[0] = eval(n->args[0], ev);
	if (unlikely(cel_is_error(a[0])))
		return a[0];
	a[1] = eval(n->args[1], ev);
	return unlikely(cel_is_error(a[1])) ? a[1] : n->fn(ev, n, a, 2);
}

static struct cel_value eval_call(const struct cel_node *n, struct cel_ev *ev)
{
	struct cel_value few[4], *a = few;

	if (n->count > ARRAY_LEN(few) && !(a = cel_new_array(ev, n->count)))
		return cel_err_room(ev);
	for (uint32_t i = 0; i < n->count; i++) {
		a[i] = eval(n->args[i], ev);
		if (cel_is_error(a[i]))
			return a[i];
	}
	return n->fn(ev, n, a, n->count);
}

/* == and != of strings, bools and ints without the call. */
static inline struct cel_value eval_equality(
	const struct cel_node *n, struct cel_ev *ev, bool wanted)
{
	struct cel_value a = eval(n->args[0], ev);
	if (unlikely(cel_is_error(a)))
		return a;
	struct cel_value b = eval(n->args[1], ev);
	if (unlikely(cel_is_error(b)))
		return b;
	if (a.kind == CEL_STRING && b.kind == CEL_STRING && a.n < 64)
		return cel_bool((a.n == b.n && memcmp(a.s, b.s, a.n) == 0) == wanted);
	int eq = cel_eq(ev, a, b, 0);
	if (unlikely(eq < 0))
		return cel_run_left(ev->run) == 0 ? cel_err_cost() : cel_err_depth();
	return cel_bool((eq == 1) == wanted);
}

static struct cel_value eval_eq(const struct cel_node *n, struct cel_ev *ev)
{
	return eval_equality(n, ev, true);
}

static struct cel_value eval_ne(const struct cel_node *n, struct cel_ev *ev)
{
	return eval_equality(n, ev, false);
}

/* The alternative of or and orValue is only looked at when it is needed. */
static struct cel_value eval_alternative(const struct cel_node *n, struct cel_ev *ev)
{
	struct cel_value a[2];

	a[0] = eval(n->args[0], ev);
	if (cel_is_error(a[0]))
		return a[0];
	a[1] = a[0].kind == CEL_OPTIONAL && a[0].p ? (struct cel_value){.kind = CEL_OPTIONAL}
						   : eval(n->args[1], ev);
	return cel_is_error(a[1]) ? a[1] : n->fn(ev, n, a, 2);
}

static cel_node_eval eval_for_call(const struct cel_node *n)
{
	if (n->fn == cel_fn_eq && n->count == 2)
		return eval_eq;
	if (n->fn == cel_fn_ne && n->count == 2)
		return eval_ne;
	enum cel_lazy lazy = n->function ? n->function->lazy : CEL_NOT_LAZY;
	if (lazy == CEL_LAZY_OR_VALUE && cel_is_optional_path(n->args[0]))
		return cel_eval_path_or_value;
	if (lazy != CEL_NOT_LAZY)
		return eval_alternative;
	return n->count == 1 ? eval_call1 : n->count == 2 ? eval_call2 : eval_call;
}

cel_node_eval cel_eval_for(const struct cel_node *n)
{
	switch ((enum cel_op)n->op) {
	case CEL_N_CONST:
		return eval_const;
	case CEL_N_VAR:
		return eval_var;
	case CEL_N_LOCAL:
		return eval_local;
	case CEL_N_SELECT:
	case CEL_N_INDEX:
		return cel_eval_for_select(n);
	case CEL_N_CALL:
		return eval_for_call(n);
	case CEL_N_LIST:
		return eval_list;
	case CEL_N_MAP:
		return eval_map;
	case CEL_N_AND:
		return eval_and;
	case CEL_N_OR:
		return eval_or;
	case CEL_N_COND:
		return eval_cond;
	case CEL_N_LOOP:
		return cel_eval_for_loop(n);
	case CEL_N_BIND:
		return cel_eval_bind;
	case CEL_N_OPTMAP:
		return cel_eval_optmap;
	case CEL_N_IDENT:
	case CEL_N_BLOCK:
	case CEL_N_BAD:
		break;
	}
	return eval_bad;
}

/* ---- programs ---- */

static struct cel_value check_result(
	const struct cel_program *p, struct cel_ev *ev, struct cel_value v)
{
	if (likely(p->expect == CEL_UNSET || v.kind == p->expect || cel_is_error(v)))
		return v;
	return cel_err_fmt(ev, p->root, "the result is %s, but must be %s", cel_type_name(v),
		cel_kind_name(p->expect, 0));
}

static struct cel_value eval_root(const struct cel_program *p, struct cel_ev *ev)
{
	struct cel_value few[8];

	ev->locals = few;
	if (p->local_count > ARRAY_LEN(few)) {
		ev->locals = arena_calloc(ev->run->arena, p->local_count, sizeof *ev->locals);
		if (!ev->locals)
			return cel_err_memory();
	}
	struct cel_value v =
		cel_charge(ev, p->root->cost) ? p->root->eval(p->root, ev) : cel_err_cost();
	ev->locals = NULL;
	return check_result(p, ev, v);
}

struct cel_value cel_eval(
	const struct cel_program *p, struct cel_activation *activation, struct cel_run *run)
{
	struct cel_activation *outer = run->activation;
	struct cel_ev ev = {.run = run, .prog = p};

	if (run->depth_left == 0)
		return cel_err_depth();
	run->depth_left--;
	run->activation = activation;
	/* fewer slots than variables: a mistake of the caller's that must not read beyond them */
	ev.slots = activation && activation->slot_count >= p->slot_count ? activation->slots : NULL;
	struct cel_value v = eval_root(p, &ev);
	run->activation = outer;
	run->depth_left++;
	return v;
}
