/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Regular expressions, by RE2: whatever the pattern and the text, the time grows with both at most.
 * Mostly it grows with the text alone, and so is the charge; what a pattern takes that makes RE2
 * work with sets of states instead is seen afterwards, and charged then.
 */
#include <time.h>

#include "common/base/utf8.h"
#include "policy/cel/functions/lists_internal.h"
#include "policy/cel/functions/regex_re2_internal.h"

#define PATTERN_MAX 4096

#define NS_A_UNIT    10
#define WORST_STEPS  4 /* a unit: of a byte at an instruction, each two or three nanoseconds */
#define WORST_MAX    UINT64_C(100000000) /* of one search; not to be interrupted: a second or two */
#define MEASURE_FROM 20000		 /* what may take longer is looked at by the clock, … */
#define COMPILING    50000		 /* … as is compiling a pattern that is no constant */

/* ---- compiling ---- */

static struct cel_re2 *compile(struct span pattern, struct err *e)
{
	char why[256];
	struct cel_re2 *re;

	if (pattern.len > PATTERN_MAX) {
		err_set(e, "the pattern is longer than %d bytes", PATTERN_MAX);
		return NULL;
	}
	re = cel_re2_new(pattern.ptr, pattern.len, why, sizeof(why));
	if (!re)
		err_set(e, "invalid pattern: %s", why);
	return re;
}

static void *prepare(struct span pattern, struct err *e)
{
	return compile(pattern, e);
}

static void prepared_free(void *made)
{
	cel_re2_free(made);
}

const struct cel_preparation cel_prepare_pattern = {prepare, prepared_free};

/* ---- charging ---- */

/* CPU time of this thread: others that run do not make it dearer. */
static uint64_t cpu_ns(void)
{
	struct timespec t;

	if (clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t) != 0)
		return 0;
	return (uint64_t)t.tv_sec * UINT64_C(1000000000) + (uint64_t)t.tv_nsec;
}

/* What was used since, beyond what has been charged for it. */
static bool charge_rest(struct cel_ev *ev, uint64_t since_ns, uint64_t charged)
{
	const uint64_t used = (cpu_ns() - since_ns) / NS_A_UNIT;

	return used <= charged || cel_charge(ev, used - charged);
}

/* ---- matching ---- */

/* One search: pattern and subject. */
struct search {
	struct cel_ev *ev;
	const struct cel_node *n;
	const struct cel_re2 *re;
	struct cel_re2 *own; /* the same, when the pattern is no constant */
	size_t pattern_len;
	struct span s;
	unsigned pairs;			  /* of what is of interest: the match, and its groups */
	size_t at[2 * CEL_RE2_PAIRS_MAX]; /* start and end of each */
	struct cel_value error;
};

/* A pattern that is no constant: q->own, or NULL and e. False: q->error. */
static bool compile_now(struct search *q, struct span pattern, struct err *e)
{
	const uint64_t since = cpu_ns(), cost = 100 + (uint64_t)pattern.len * 8;

	q->error = cel_err_cost();
	if (!cel_may_take(q->ev, COMPILING) || !cel_charge(q->ev, cost))
		return false;
	q->own = compile(pattern, e);
	if (charge_rest(q->ev, since, cost))
		return true;
	cel_re2_free(TAKE_PTR(q->own));
	return false;
}

static bool begin(struct search *q, struct cel_ev *ev, const struct cel_node *n,
	const struct cel_value *a, uint32_t count, unsigned pairs)
{
	struct err e;

	*q = (struct search){.ev = ev,
		.n = n,
		.re = n->aux,
		.s = cel_span(a[0]),
		.pattern_len = a[1].n,
		.pairs = pairs};
	if (a[0].kind != CEL_STRING || a[1].kind != CEL_STRING) {
		q->error = cel_err_overload(ev, n, a, count);
		return false;
	}
	if (n->prepared)
		return true;
	if (!compile_now(q, cel_span(a[1]), &e))
		return false;
	q->re = q->own;
	if (!q->re)
		q->error = cel_err_fmt(ev, n, "%s", e.msg);
	return q->re != NULL;
}

/* Gives back what begin() took; returns its argument. */
static struct cel_value end(struct search *q, struct cel_value v)
{
	cel_re2_free(q->own);
	return v;
}

/* Of so much text. As Kubernetes', a tenth of it times a quarter of the pattern, and four more. */
static uint64_t cost_of(const struct search *q, size_t text)
{
	return 4 + text / 4 + (text / 10) * (q->pattern_len / 4);
}

/* Whether a search in so much text may begin at all; else q->error. */
static bool may_search(struct search *q, size_t text, uint64_t worst)
{
	q->error = cel_err_cost();
	if (worst > WORST_MAX) {
		q->error = cel_err_fmt(q->ev, q->n,
			"a text of %zu bytes is too long for a pattern of %u instructions", text,
			cel_re2_instructions(q->re));
		return false;
	}
	return cel_may_take(q->ev, worst) && cel_charge(q->ev, 4);
}

/* 1 found, 0 not, -1 q->error. Charged is the text up to the end of what was found. */
static int search(struct search *q, size_t from)
{
	const size_t left = q->s.len - from;
	const uint64_t worst = (uint64_t)left * cel_re2_instructions(q->re) / WORST_STEPS;
	const bool measured = worst > MEASURE_FROM;
	uint64_t since, cost;
	int found;

	if (!may_search(q, left, worst))
		return -1;
	since = measured ? cpu_ns() : 0;
	found = cel_re2_search(q->re, q->s.ptr, q->s.len, from, q->at, q->pairs);
	cost = cost_of(q, found == 1 && q->pairs > 0 ? q->at[1] - from : left) - 4;
	if (found >= 0 && cel_charge(q->ev, cost) && (!measured || charge_rest(q->ev, since, cost)))
		return found;
	q->error = found < 0 ? cel_err_memory() : cel_err_cost();
	return -1;
}

struct cel_value cel_fn_matches(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	struct search q;
	int found;

	if (!begin(&q, ev, n, a, count, 0))
		return q.error;
	found = search(&q, 0);
	return end(&q, found < 0 ? q.error : cel_bool(found));
}

static struct cel_value group(const struct search *q, uint32_t i)
{
	return cel_string((struct span){q->s.ptr + q->at[2 * i], q->at[2 * i + 1] - q->at[2 * i]});
}

struct cel_value cel_fn_re_find(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	struct search q;

	int found;

	if (!begin(&q, ev, n, a, count, 1))
		return q.error;
	found = search(&q, 0);
	return end(&q, found < 0 ? q.error : found ? group(&q, 0) : cel_string(SPAN("")));
}

/* Matches one after the other: an empty one is not repeated at the end of the one before. */
struct matches {
	struct search q;
	size_t from;
	bool last_empty, any;
	size_t last_end;
};

static int next_match(struct matches *m)
{
	while (m->from <= m->q.s.len) {
		int found = search(&m->q, m->from);
		if (found <= 0)
			return found;
		size_t start = m->q.at[0], end = m->q.at[1];
		bool empty = start == end;
		if (empty)
			m->from = end + (end < m->q.s.len ? utf8_len(m->q.s.ptr[end]) : 1);
		else
			m->from = end;
		if (empty && m->any && start == m->last_end)
			continue;
		m->any = true;
		m->last_end = end;
		return 1;
	}
	return 0;
}

struct grown {
	struct cel_value *items;
	uint32_t count, cap;
};

static bool add(struct cel_ev *ev, struct grown *g, struct cel_value v)
{
	if (g->count == g->cap) {
		uint32_t cap = g->cap ? g->cap * 2 : 8;
		struct cel_value *items = cel_new_array(ev, cap);
		if (!items)
			return false;
		if (g->count > 0)
			memcpy(items, g->items, g->count * sizeof *items);
		g->items = items;
		g->cap = cap;
	}
	g->items[g->count++] = v;
	return true;
}

static struct cel_value find_all(struct matches *m, int64_t limit, uint32_t which)
{
	struct grown g = {0};
	int found = 0;

	while ((limit < 0 || g.count < (uint64_t)limit) && (found = next_match(m)) > 0) {
		if (m->q.at[2 * which] == SIZE_MAX)
			continue;
		if (!add(m->q.ev, &g, group(&m->q, which)))
			return cel_err_room(m->q.ev);
	}
	return found < 0 ? m->q.error : cel_array(g.items, g.count);
}

struct cel_value cel_fn_re_find_all(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	struct matches m = {0};

	if (count == 3 && a[2].kind != CEL_INT)
		return cel_err_overload(ev, n, a, count);
	if (!begin(&m.q, ev, n, a, count, 1))
		return m.q.error;
	return end(&m.q, find_all(&m, count == 3 ? a[2].i : -1, 0));
}

static bool one_group_at_most(const struct search *q, struct cel_value *ret_error)
{
	if (cel_re2_groups(q->re) <= 1)
		return true;
	*ret_error = cel_err_fmt(q->ev, q->n,
		"the pattern has %u groups, extract takes one at most", cel_re2_groups(q->re));
	return false;
}

/* The one group of the pattern, or the match where it has none, as an optional. */
static struct cel_value extract(struct search *q)
{
	const unsigned which = cel_re2_groups(q->re);
	struct cel_value error, *box;
	int found;

	if (!one_group_at_most(q, &error))
		return error;
	found = search(q, 0);
	if (found < 0)
		return q->error;
	if (!found || q->at[2 * which] == SIZE_MAX)
		return (struct cel_value){.kind = CEL_OPTIONAL};
	box = arena_alloc(q->ev->run->arena, sizeof *box);
	if (!box)
		return cel_err_memory();
	*box = group(q, which);
	return (struct cel_value){.kind = CEL_OPTIONAL, .p = box};
}

struct cel_value cel_fn_re_extract(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	struct search q;

	if (!begin(&q, ev, n, a, count, 2))
		return q.error;
	return end(&q, extract(&q));
}

struct cel_value cel_fn_re_extract_all(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	struct cel_value error;
	struct matches m = {0};

	if (!begin(&m.q, ev, n, a, count, 2))
		return m.q.error;
	if (!one_group_at_most(&m.q, &error))
		return end(&m.q, error);
	return end(&m.q, find_all(&m, -1, cel_re2_groups(m.q.re)));
}

/* The replacement with \0 … \9 replaced by groups. */
static const char *put_replacement(struct buf *out, const struct search *q, struct span with)
{
	for (size_t i = 0; i < with.len; i++) {
		if (with.ptr[i] != '\\') {
			buf_add_char(out, with.ptr[i]);
			continue;
		}
		char c = ++i < with.len ? with.ptr[i] : '\0';
		if (c == '\\') {
			buf_add_char(out, c);
		} else if (c >= '0' && c <= '9') {
			uint32_t g = (uint32_t)(c - '0');
			if (g > cel_re2_groups(q->re))
				return "the replacement names a group that the pattern does not "
				       "have";
			if (q->at[2 * g] != SIZE_MAX)
				buf_add_span(out, cel_span(group(q, g)));
		} else {
			return "in a replacement \\ is followed by a digit or \\";
		}
	}
	return NULL;
}

static struct cel_value replace(struct matches *m, struct span with, int64_t limit)
{
	struct cel_ev *ev = m->q.ev;
	struct buf out = BUF_IN_ARENA(ev->run->arena, 16u << 20);
	const char *what = NULL;
	size_t done = 0;
	int found = 0;

	for (; limit != 0 && !what && (found = next_match(m)) > 0; limit -= limit > 0) {
		buf_add(&out, m->q.s.ptr + done, m->q.at[0] - done);
		what = put_replacement(&out, &m->q, with);
		done = m->q.at[1];
		if (!cel_charge(ev, with.len / 8)) {
			m->q.error = cel_err_cost();
			found = -1;
			break;
		}
	}
	if (what || found < 0)
		return what ? cel_err_text(ev, m->q.n, what) : m->q.error;
	buf_add(&out, m->q.s.ptr + done, m->q.s.len - done);
	return cel_string_from(ev, &out);
}

struct cel_value cel_fn_re_replace(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	struct matches m = {0};

	if (a[2].kind != CEL_STRING || (count == 4 && a[3].kind != CEL_INT))
		return cel_err_overload(ev, n, a, count);
	if (!begin(&m.q, ev, n, a, count, CEL_RE2_PAIRS_MAX))
		return m.q.error;
	return end(&m.q, replace(&m, cel_span(a[2]), count == 4 ? a[3].i : -1));
}
