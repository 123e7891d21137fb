/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Regular expressions: RE2's syntax (regex_syntax.c), matched by PCRE2 within limits.
 *
 * PCRE2 can backtrack for long: matching has a limit on steps and on memory, and hitting one is an
 * error that nothing absorbs.
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "common/base/utf8.h"
#include "policy/cel/functions/lists_internal.h"
#include "policy/cel/functions/regex_syntax_internal.h"

#define MATCH_LIMIT   200000
#define DEPTH_LIMIT   5000
#define HEAP_LIMIT_KB 2048

struct regex {
	pcre2_code *code;
	uint32_t groups;
	bool in_arena;
};

/* ---- memory: the arena, or malloc ---- */

static void *arena_malloc(size_t size, void *a)
{
	return arena_alloc(a, size);
}

static void arena_no_free(void *p, void *a)
{
	(void)p, (void)a;
}

static pcre2_general_context *general_context(struct arena *a)
{
	return a ? pcre2_general_context_create(arena_malloc, arena_no_free, a)
		 : pcre2_general_context_create(NULL, NULL, NULL);
}

/* ---- compiling ---- */

static pcre2_code *compile(struct span pattern, pcre2_general_context *g, struct err *e)
{
	pcre2_compile_context *cc = pcre2_compile_context_create(g);
	int code;
	size_t offset;

	if (!cc) {
		err_set(e, "out of memory");
		return NULL;
	}
	pcre2_set_newline(cc, PCRE2_NEWLINE_LF);
	pcre2_set_bsr(cc, PCRE2_BSR_UNICODE);
	pcre2_set_parens_nest_limit(cc, 250);
	pcre2_code *re = pcre2_compile((PCRE2_SPTR)(pattern.ptr ? pattern.ptr : ""), pattern.len,
		PCRE2_UTF | PCRE2_NO_UTF_CHECK | PCRE2_DOLLAR_ENDONLY | PCRE2_ALT_CIRCUMFLEX |
			PCRE2_NEVER_BACKSLASH_C,
		&code, &offset, cc);
	pcre2_compile_context_free(cc);
	if (!re) {
		char what[128] = "";
		pcre2_get_error_message(code, (PCRE2_UCHAR *)what, sizeof what);
		err_set(e, "invalid pattern: %s", what);
	}
	return re;
}

/* For good (malloc), or for one run (a not NULL: in the arena). */
static struct regex *regex_new(struct span pattern, struct arena *a, struct err *e)
{
	struct regex *re = a ? arena_calloc(a, 1, sizeof *re) : calloc(1, sizeof *re);
	pcre2_general_context *g = general_context(a);
	struct buf text = {.max = CEL_PATTERN_MAX * 12, .arena = a};

	if (re && g && cel_pattern_translate(pattern, &text, e) == 0)
		re->code = compile(buf_span(&text), g, e);
	else if (!re || !g)
		err_set(e, "out of memory");
	buf_free(&text);
	pcre2_general_context_free(g);
	if (!re || !re->code) {
		if (!a)
			free(re);
		return NULL;
	}
	re->in_arena = a != NULL;
	pcre2_pattern_info(re->code, PCRE2_INFO_CAPTURECOUNT, &re->groups);
	return re;
}

static void *prepare(struct span pattern, struct err *e)
{
	return regex_new(pattern, NULL, e);
}

static void prepared_free(void *made)
{
	struct regex *re = made;

	if (!re || re->in_arena)
		return;
	pcre2_code_free(re->code);
	free(re);
}

const struct cel_preparation cel_prepare_pattern = {prepare, prepared_free};

/* ---- matching ---- */

/* One search: pattern, subject, and what PCRE2 needs for it, all in the arena. */
struct search {
	struct cel_ev *ev;
	const struct cel_node *n;
	const struct regex *re;
	struct span s;
	pcre2_match_data *data;
	pcre2_match_context *context;
	size_t *at; /* start and end of the match and of each group */
	struct cel_value error;
};

static bool begin(struct search *q, struct cel_ev *ev, const struct cel_node *n,
	const struct cel_value *a, uint32_t count)
{
	struct err e;

	*q = (struct search){.ev = ev, .n = n, .re = n->aux, .s = cel_span(a[0])};
	if (a[0].kind != CEL_STRING || a[1].kind != CEL_STRING) {
		q->error = cel_err_overload(ev, n, a, count);
		return false;
	}
	if (!n->prepared) {
		/* compiling costs far more than reading the pattern */
		if (!cel_charge(ev, 100 + (uint64_t)a[1].n * 8)) {
			q->error = cel_err_cost();
			return false;
		}
		q->re = regex_new(cel_span(a[1]), ev->run->arena, &e);
		if (!q->re) {
			q->error = cel_err_fmt(ev, n, "%s", e.msg);
			return false;
		}
	}
	pcre2_general_context *g = general_context(ev->run->arena);
	q->data = g ? pcre2_match_data_create_from_pattern(q->re->code, g) : NULL;
	q->context = q->data ? pcre2_match_context_create(g) : NULL;
	if (!q->context) {
		q->error = cel_err_memory();
		return false;
	}
	pcre2_set_match_limit(q->context, MATCH_LIMIT);
	pcre2_set_depth_limit(q->context, DEPTH_LIMIT);
	pcre2_set_heap_limit(q->context, HEAP_LIMIT_KB);
	q->at = pcre2_get_ovector_pointer(q->data);
	return true;
}

/* 1 found, 0 not, -1 q->error */
static int search(struct search *q, size_t from, uint32_t options)
{
	if (!cel_charge(q->ev, 4 + (q->s.len - from) / 4)) {
		q->error = cel_err_cost();
		return -1;
	}
	int rc = pcre2_match(q->re->code, (PCRE2_SPTR)(q->s.ptr ? q->s.ptr : ""), q->s.len, from,
		options | PCRE2_NO_UTF_CHECK, q->data, q->context);
	if (rc > 0)
		return 1;
	if (rc == PCRE2_ERROR_NOMATCH)
		return 0;
	q->error = cel_err_pattern_limit();
	return -1;
}

struct cel_value cel_fn_matches(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	struct arena *arena = ev->run->arena;
	struct arena_mark mark = arena_mark(arena);
	struct search q;

	if (!begin(&q, ev, n, a, count))
		return q.error;
	int found = search(&q, 0, 0);
	if (found < 0)
		return q.error;
	arena_rewind(arena, mark);
	return cel_bool(found);
}

static struct cel_value group(const struct search *q, uint32_t i)
{
	return cel_string((struct span){q->s.ptr + q->at[2 * i], q->at[2 * i + 1] - q->at[2 * i]});
}

struct cel_value cel_fn_re_find(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	struct search q;

	if (!begin(&q, ev, n, a, count))
		return q.error;
	int found = search(&q, 0, 0);
	return found < 0 ? q.error : found ? group(&q, 0) : cel_string(SPAN(""));
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
		int found = search(&m->q, m->from, 0);
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
		if (m->q.at[2 * which] == PCRE2_UNSET)
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
	if (!begin(&m.q, ev, n, a, count))
		return m.q.error;
	return find_all(&m, count == 3 ? a[2].i : -1, 0);
}

static bool one_group_at_most(const struct search *q, struct cel_value *ret_error)
{
	if (q->re->groups <= 1)
		return true;
	*ret_error = cel_err_fmt(
		q->ev, q->n, "the pattern has %u groups, extract takes one at most", q->re->groups);
	return false;
}

struct cel_value cel_fn_re_extract(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	struct cel_value error, *box;
	struct search q;

	if (!begin(&q, ev, n, a, count))
		return q.error;
	if (!one_group_at_most(&q, &error))
		return error;
	int found = search(&q, 0, 0);
	if (found < 0)
		return q.error;
	if (!found || q.at[2 * q.re->groups] == PCRE2_UNSET)
		return (struct cel_value){.kind = CEL_OPTIONAL};
	box = arena_alloc(ev->run->arena, sizeof *box);
	if (!box)
		return cel_err_memory();
	*box = group(&q, q.re->groups);
	return (struct cel_value){.kind = CEL_OPTIONAL, .p = box};
}

struct cel_value cel_fn_re_extract_all(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	struct cel_value error;
	struct matches m = {0};

	if (!begin(&m.q, ev, n, a, count))
		return m.q.error;
	if (!one_group_at_most(&m.q, &error))
		return error;
	return find_all(&m, -1, m.q.re->groups);
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
			if (g > q->re->groups)
				return "the replacement names a group that the pattern does not "
				       "have";
			if (q->at[2 * g] != PCRE2_UNSET)
				buf_add_span(out, cel_span(group(q, g)));
		} else {
			return "in a replacement \\ is followed by a digit or \\";
		}
	}
	return NULL;
}

struct cel_value cel_fn_re_replace(
	struct cel_ev *ev, const struct cel_node *n, const struct cel_value *a, uint32_t count)
{
	struct matches m = {0};
	struct buf out = BUF_IN_ARENA(ev->run->arena, 16u << 20);
	const char *what = NULL;
	int64_t limit = -1;
	size_t done = 0;
	int found = 0;

	if (a[2].kind != CEL_STRING || (count == 4 && a[3].kind != CEL_INT))
		return cel_err_overload(ev, n, a, count);
	if (!begin(&m.q, ev, n, a, count))
		return m.q.error;
	if (count == 4)
		limit = a[3].i;
	for (; limit != 0 && !what && (found = next_match(&m)) > 0; limit -= limit > 0) {
		buf_add(&out, m.q.s.ptr + done, m.q.at[0] - done);
		what = put_replacement(&out, &m.q, cel_span(a[2]));
		done = m.q.at[1];
		if (!cel_charge(ev, a[2].n / 8)) {
			m.q.error = cel_err_cost();
			found = -1;
			break;
		}
	}
	if (what || found < 0)
		return what ? cel_err_text(ev, n, what) : m.q.error;
	buf_add(&out, m.q.s.ptr + done, m.q.s.len - done);
	return cel_string_from(ev, &out);
}
