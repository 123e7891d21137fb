/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random well-typed expressions on random objects. The bytes are decisions: which operator, which
 * literal, which member. What comes out must compile; its value must have the type that it was
 * built for, be the same when evaluated again and without the checker, and keep the laws of
 * absorption.
 */
#include <stdio.h>

#include "policy/cel/cel.h"
#include "policy/cel/functions/library.h"
#include "policy/cel/value_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static struct cel_library *library; /* made once */

enum want { W_BOOL, W_INT, W_DOUBLE, W_STRING, W_LIST_INT, W_LIST_STRING, W_DYN, W_COUNT };

struct gen {
	const uint8_t *p, *end;
	struct buf out;
	unsigned depth;
	unsigned vars; /* loop variables in scope: v0, v1 … of type int */
};

static unsigned choose(struct gen *g, unsigned n)
{
	return g->p < g->end ? *g->p++ % n : 0;
}

static void put(struct gen *g, const char *s)
{
	buf_add_str(&g->out, s);
}

/* ---- objects ---- */

static const char *const keys[] = {"a", "b", "c", "name", "x-y", "\\u00e9"};

static void make_json(struct gen *g, unsigned depth)
{
	unsigned n;

	switch (choose(g, depth > 4 ? 6 : 8)) {
	case 0:
		put(g, "null");
		break;
	case 1:
		put(g, choose(g, 2) ? "true" : "false");
		break;
	case 2:
		buf_printf(&g->out, "%d", (int)choose(g, 256) - 128);
		break;
	case 3:
		put(g, choose(g, 2) ? "9223372036854775807" : "-9223372036854775808");
		break;
	case 4:
		buf_printf(&g->out, "%d.%ue%d", (int)choose(g, 9), choose(g, 100),
			(int)choose(g, 40) - 20);
		break;
	case 5:
		buf_printf(&g->out, "\"%s\\n%c\"", keys[choose(g, ARRAY_LEN(keys))],
			'a' + (int)choose(g, 26));
		break;
	case 6:
		put(g, "[");
		n = choose(g, 5);
		for (unsigned i = 0; i < n; i++) {
			put(g, i ? "," : "");
			make_json(g, depth + 1);
		}
		put(g, "]");
		break;
	default:
		put(g, "{");
		n = choose(g, ARRAY_LEN(keys) + 1);
		for (unsigned i = 0; i < n; i++) {
			buf_printf(&g->out, "%s\"%s\":", i ? "," : "", keys[i]);
			make_json(g, depth + 1);
		}
		put(g, "}");
	}
}

/* ---- expressions: #3 is a subexpression of type 3, @ a new variable, from $ on in scope ---- */

struct form {
	enum want makes;
	const char *text;
};

#define BOOL "#0"
#define INT  "#1"
#define DBL  "#2"
#define STR  "#3"
#define LI   "#4"
#define LS   "#5"
#define DYN  "#6"

static const struct form forms[] = {
	{W_BOOL, BOOL " && " BOOL},
	{W_BOOL, BOOL " || " BOOL},
	{W_BOOL, "!" BOOL},
	{W_BOOL, INT " < " INT},
	{W_BOOL, DBL " >= " DBL},
	{W_BOOL, STR " <= " STR},
	{W_BOOL, INT " == " INT},
	{W_BOOL, STR " != " STR},
	{W_BOOL, DYN " == " DYN},
	{W_BOOL, LI " == " LI},
	{W_BOOL, INT " in " LI},
	{W_BOOL, DYN " in " LS},
	{W_BOOL, STR ".startsWith(" STR ")"},
	{W_BOOL, STR ".contains(" STR ")"},
	{W_BOOL, STR ".matches('^[a-z]*(b|c)+')"},
	{W_BOOL, STR ".matches(" STR ")"},
	{W_BOOL, "has(object.a.name)"},
	{W_BOOL, "has(" DYN ".b)"},
	{W_BOOL, LI ".all(@, $" BOOL ")"},
	{W_BOOL, LI ".exists(@, $" BOOL ")"},
	{W_BOOL, LI ".exists_one(@, $" BOOL ")"},
	{W_BOOL, DYN ".all(k@, w@, k@ == w@ || " BOOL ")"},
	{W_BOOL, "bool(" STR ")"},
	{W_BOOL, LI ".isSorted()"},
	{W_BOOL, "sets.contains(" LI ", " LI ")"},
	{W_BOOL, "isIP(" STR ") || isCIDR(" STR ") || isURL(" STR ") || isQuantity(" STR ")"},
	{W_BOOL, "optional.ofNonZeroValue(" STR ").hasValue()"},
	{W_BOOL, "format.dns1123SubdomainPrefix().validate(" STR ").hasValue()"},
	{W_BOOL, "['qualifiedName', 'uri', 'uuid', 'byte', 'datetime', " STR "].all(f, "
		 "!format.named(f).optFlatMap(g, g.validate(" STR ")).hasValue())"},
	{W_BOOL, "isSemver(" STR ", " BOOL ")"},
	{W_INT, INT " + " INT},
	{W_INT, INT " - " INT},
	{W_INT, INT " * " INT},
	{W_INT, INT " / " INT},
	{W_INT, INT " % " INT},
	{W_INT, "-" INT},
	{W_INT, "size(" STR ")"},
	{W_INT, "size(" DYN ")"},
	{W_INT, "int(" DBL ")"},
	{W_INT, "int(" STR ")"},
	{W_INT, LI "[" INT "]"},
	{W_INT, STR ".indexOf(" STR ", " INT ")"},
	{W_INT, STR ".lastIndexOf(" STR ")"},
	{W_INT, LI ".indexOf(" INT ")"},
	{W_INT, BOOL " ? " INT " : " INT},
	{W_INT, "math.bitShiftLeft(" INT ", " INT ")"},
	{W_INT, "timestamp(" INT ").getHours('America/New_York')"},
	{W_INT, "(timestamp(" INT ") - timestamp(" INT ")).getMilliseconds()"},
	{W_INT, LI "[?" INT "].orValue(" INT ")"},
	{W_INT, "optional.of(" INT ").optMap(@, $" INT ").orValue(0)"},
	{W_INT, "cel.bind(@, " INT ", $" INT ")"},
	{W_INT, "math.bitShiftRight(" INT ", " INT ")"},
	{W_DOUBLE, DBL " + " DBL},
	{W_DOUBLE, DBL " / " DBL},
	{W_DOUBLE, "double(" INT ")"},
	{W_DOUBLE, "double(" STR ")"},
	{W_DOUBLE, "math.round(" DBL ")"},
	{W_DOUBLE, "math.sqrt(" INT ")"},
	{W_STRING, STR " + " STR},
	{W_STRING, "string(" INT ")"},
	{W_STRING, "string(" DBL ")"},
	{W_STRING, "string(timestamp(" INT "))"},
	{W_STRING, "string(duration(" INT "))"},
	{W_STRING, STR ".substring(" INT ")"},
	{W_STRING, STR ".charAt(" INT ")"},
	{W_STRING, STR ".replace(" STR ", " STR ")"},
	{W_STRING, STR ".trim().upperAscii().reverse()"},
	{W_STRING, LS ".join(" STR ")"},
	{W_STRING, "'%s|%d|%x|%.2f'.format([" DYN ", " INT ", " STR ", " DBL "])"},
	{W_STRING, "strings.quote(" STR ")"},
	{W_STRING, "base64.encode(bytes(" STR "))"},
	{W_STRING, "string(base64.decode(" STR "))"},
	{W_STRING, "regex.replace(" STR ", '(.)b', '\\\\1-')"},
	{W_STRING, "string(type(" DYN ") == int)"},
	{W_LIST_INT, "[" INT ", " INT "]"},
	{W_LIST_INT, "[" INT ", ?optional.of(" INT ")]"},
	{W_LIST_INT, LI " + " LI},
	{W_LIST_INT, LI ".map(@, $" INT ")"},
	{W_LIST_INT, LI ".map(@, $" BOOL ", " INT ")"},
	{W_LIST_INT, LI ".filter(@, $" BOOL ")"},
	{W_LIST_INT, LI ".sort().reverse().distinct()"},
	{W_LIST_INT, LI ".sortBy(@, $" STR ")"},
	{W_LIST_INT, "lists.range(" INT ")"},
	{W_LIST_INT, LI ".slice(" INT ", " INT ")"},
	{W_LIST_STRING, STR ".split(" STR ")"},
	{W_LIST_STRING, STR ".findAll(" STR ")"},
	{W_LIST_STRING, LI ".map(@, $" STR ")"},
	{W_LIST_STRING, "[" STR ", " STR "]"},
	{W_DYN, "object"},
	{W_DYN, DYN ".a"},
	{W_DYN, "dyn(" DYN ".?b)"},
	{W_DYN, DYN "['name']"},
	{W_DYN, DYN "[" INT "]"},
	{W_DYN, "dyn(" INT ")"},
	{W_DYN, "dyn(" STR ")"},
	{W_DYN, "dyn(" LS ")"},
	{W_DYN, "dyn({" STR ": " INT ", " STR ": " DYN "})"},
	{W_DYN, "dyn({'a': " DYN ", 1: " DYN "})"},
	{W_DYN, "dyn(" DYN ".map(@, " DYN "))"},
	{W_DYN, "dyn(" LI ".transformMap(k@, w@, k@ + w@))"},
	{W_DYN, "dyn([[" INT "], [" INT "]].flatten())"},
	{W_DYN, "math.greatest(" INT ", " DBL ")"},
};

static void leaf(struct gen *g, enum want w)
{
	static const char *const ints[] = {"0", "1", "-1", "2", "7", "63", "9223372036854775807",
		"-9223372036854775808", "1700000000"};
	static const char *const doubles[] = {
		"0.0", "1.5", "-0.0", "1e308", "5e-324", "9.5", "-1e19"};
	static const char *const strings[] = {"''", "'a'", "'abc'", "'é😀'", "' x '", "'1'", "'('",
		"'2024-02-29T12:00:00Z'", "'10.0.0.0/8'", "'YWJj'", "'a,b'"};

	switch (w) {
	case W_BOOL:
		put(g, choose(g, 2) ? "true" : "false");
		break;
	case W_INT:
		if (g->vars > 0 && choose(g, 2))
			buf_printf(&g->out, "v%u", choose(g, g->vars));
		else
			put(g, ints[choose(g, ARRAY_LEN(ints))]);
		break;
	case W_DOUBLE:
		put(g, doubles[choose(g, ARRAY_LEN(doubles))]);
		break;
	case W_STRING:
		put(g, strings[choose(g, ARRAY_LEN(strings))]);
		break;
	case W_LIST_INT:
		put(g, "[3, 1, 2]");
		break;
	case W_LIST_STRING:
		put(g, "['b', 'a']");
		break;
	default:
		put(g, "object.c");
	}
}

static void expression(struct gen *g, enum want w);

static void expand(struct gen *g, const char *text)
{
	unsigned mine = g->vars;

	for (const char *p = text; *p; p++) {
		if (*p == '#') {
			put(g, "(");
			expression(g, (enum want)(*++p - '0'));
			put(g, ")");
		} else if (*p == '@') { /* two-variable loops name theirs k0, w0 */
			bool named = p > text && p[-1] >= 'a' && p[-1] <= 'z';
			buf_printf(&g->out, named ? "%u" : "v%u", mine);
		} else if (*p == '$') {
			g->vars = mine + 1;
		} else {
			buf_add_char(&g->out, *p);
		}
	}
	g->vars = mine;
}

static void expression(struct gen *g, enum want w)
{
	unsigned count = 0, pick;

	if (g->depth >= 6 || g->p >= g->end || g->out.len > 4000 || choose(g, 4) == 0) {
		leaf(g, w);
		return;
	}
	for (size_t i = 0; i < ARRAY_LEN(forms); i++)
		count += forms[i].makes == w;
	pick = choose(g, count);
	g->depth++;
	for (size_t i = 0; i < ARRAY_LEN(forms); i++)
		if (forms[i].makes == w && pick-- == 0)
			expand(g, forms[i].text);
	g->depth--;
}

/* ---- what must hold ---- */

struct subject {
	struct arena *arena;
	struct json_doc doc;
};

static void check(bool ok, const char *what, const char *source)
{
	if (!ok) {
		fprintf(stderr, "violated: %s\n%s\n", what, source);
		abort();
	}
}

static struct cel_value resolve(struct cel_run *run, uint32_t slot, void *ctx)
{
	const struct subject *s = ctx;

	(void)slot;
	return cel_json(&s->doc, JSON_ROOT, run->arena);
}

static struct cel_value evaluate(struct subject *s, const char *source, unsigned options)
{
	struct cel_env *env = cel_env_new(library, options);
	struct cel_issues issues = {0};
	struct cel_program *p = NULL;
	struct cel_value slots[1] = {0};
	struct cel_activation act = {slots, 1, resolve, s};
	struct cel_run run = cel_run(s->arena, 30000);
	struct err e;

	if (cel_env_declare(env, SPAN("object"), "dyn", NULL, &e) < 0)
		abort();
	struct cel_value v = cel_error(s->arena, "refused");
	if (cel_compile(env, span_of(source), NULL, &p, &issues) == 0)
		v = cel_eval(p, &act, &run);
	else /* only a constant pattern may be wrong */
		check(issues.count && strstr(issues.items[0].message, "pattern"),
			issues.count ? issues.items[0].message : "no issue", source);
	if (v.kind == CEL_ERROR) { /* what it points to goes with the program */
		bool limit = cel_error_is_limit(v);
		struct span m = cel_error_message(v, s->arena);
		v = cel_error(s->arena, "%.*s", SPAN_FMT(m));
		v.unused = limit;
	}
	struct buf text = BUF_IN_ARENA(s->arena, 100000);
	cel_put_display(&text, v, 5000);
	bool error = v.kind == CEL_ERROR, limit = v.unused;
	uint8_t kind = v.kind;
	v = cel_string(buf_span(&text));
	v.rep = kind;
	v.unused = error ? (limit ? 2 : 1) : 0;
	cel_issues_free(&issues);
	cel_program_free(p);
	cel_env_free(env);
	return v;
}

static void check_laws(struct subject *s, const char *source)
{
	struct buf b = BUF_IN_ARENA(s->arena, 100000);

	if (span_eq_str(cel_span(evaluate(s, source, 0)), "error: refused"))
		return;
	buf_printf(&b, "(%s) || true", source);
	struct cel_value v = evaluate(s, buf_str(&b), 0);
	check(v.unused == 2 || span_eq_str(cel_span(v), "true"), "x || true", source);
	buf_reset(&b);
	buf_printf(&b, "false && (%s)", source);
	v = evaluate(s, buf_str(&b), 0);
	check(v.unused == 2 || span_eq_str(cel_span(v), "false"), "false && x", source);
	buf_reset(&b);
	buf_printf(&b, "[1].exists(e, e > 5 || (%s)) == ([1].all(e, (%s)))", source, source);
	v = evaluate(s, buf_str(&b), 0);
	check(v.unused || span_eq_str(cel_span(v), "true"), "exists and all of one", source);
}

static void check_expression(struct subject *s, const char *source, enum want w)
{
	static const enum cel_kind kinds[] = {
		CEL_BOOL, CEL_INT, CEL_DOUBLE, CEL_STRING, CEL_LIST, CEL_LIST};
	struct cel_value v = evaluate(s, source, 0), again = evaluate(s, source, 0);
	struct cel_value unchecked = evaluate(s, source, CEL_NO_CHECK);

	check(span_eq(cel_span(v), cel_span(again)), "the same twice", source);
	if (!v.unused || (v.unused == 1 && !span_eq_str(cel_span(v), "error: refused") &&
				 unchecked.unused != 2))
		check(span_eq(cel_span(v), cel_span(unchecked)), "the same unchecked", source);
	if (w < W_DYN && !v.unused)
		check(v.rep == kinds[w], "the type that was asked for", source);
	if (w == W_BOOL)
		check_laws(s, source);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const struct json_limits limits = {1 << 20, 50, 10000, false, false};
	struct subject s = {.arena = arena_new(65536, 64 << 20)};
	struct gen g = {data, data + len, BUF_INIT(1 << 20), 0, 0};
	struct json_error je;

	if (!library)
		library = cel_library_new();
	make_json(&g, 0);
	struct buf json = g.out;
	check(json_read(json.ptr, json.len, &limits, s.arena, &s.doc, &je) == 0, je.what,
		buf_str(&json));
	for (unsigned i = 0; i < 3 && g.p < g.end; i++) {
		g.out = BUF_INIT(20000);
		enum want w = (enum want)choose(&g, W_COUNT);
		expression(&g, w);
		if (!g.out.failed)
			check_expression(&s, buf_str(&g.out), w);
		buf_free(&g.out);
	}
	buf_free(&json);
	arena_free(s.arena);
	return 0;
}
