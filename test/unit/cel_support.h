/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of CEL share: one environment, a document, evaluating a line of text. */
#pragma once

#include <check.h>
#include <stdio.h>

#include "policy/cel/cel.h"
#include "policy/cel/functions/library.h"
#include "policy/cel/value_internal.h"

struct cel_test {
	struct cel_library *library;
	struct cel_env *env;
	struct arena *arena;
	struct json_doc doc;
	struct cel_value slots[8];
	struct cel_activation act;
	uint64_t budget;
	unsigned resolved; /* how often the resolver was asked */
	struct cel_program *nested;
};

static struct cel_value cel_test_resolve(struct cel_run *run, uint32_t slot, void *ctx)
{
	struct cel_test *t = ctx;

	t->resolved++;
	switch (slot) {
	case 0:
		return cel_json(&t->doc, json_get_str(&t->doc, JSON_ROOT, "request"), run->arena);
	case 1:
		return cel_json(&t->doc, json_get_str(&t->doc, JSON_ROOT, "object"), run->arena);
	case 2:
		return cel_timestamp_us(INT64_C(1700000000123456));
	case 3:
		return t->nested ? cel_eval(t->nested, &t->act, run) : cel_error(run->arena, "no");
	default:
		return (struct cel_value){0};
	}
}

/* Declares request, object, now, variables.containers, number. */
static inline void cel_test_setup(struct cel_test *t, const char *json)
{
	static const char *const vars[][2] = {
		{"request", "dyn"},
		{"object", "dyn"},
		{"now", "timestamp"},
		{"variables.containers", "dyn"},
		{"number", "int"},
	};
	const struct json_limits limits = {1 << 20, 100, 100000, true, false};
	struct json_error je = {.what = ""};
	struct err e;

	struct cel_library *library = cel_library_new();
	*t = (struct cel_test){
		.library = library, .env = cel_env_new(library, 0), .budget = CEL_DEFAULT_BUDGET};
	t->arena = arena_new(4096, 64 << 20);
	t->act = (struct cel_activation){t->slots, ARRAY_LEN(t->slots), cel_test_resolve, t};
	for (size_t i = 0; i < ARRAY_LEN(vars); i++)
		ck_assert_int_eq(
			cel_env_declare(t->env, span_of(vars[i][0]), vars[i][1], NULL, &e), 0);
	ck_assert_msg(
		json_read(json, strlen(json), &limits, t->arena, &t->doc, &je) == 0, "%s", je.what);
}

static inline void cel_test_end(struct cel_test *t)
{
	cel_program_free(t->nested);
	cel_env_free(t->env);
	cel_library_free(t->library);
	arena_free(t->arena);
}

static inline struct cel_program *cel_test_compile(
	struct cel_test *t, const char *source, const char *expect)
{
	struct cel_issues issues = {0};
	struct cel_program *p = NULL;

	if (cel_compile(t->env, span_of(source), expect, &p, &issues) < 0)
		ck_abort_msg("%s: %u:%u: %s", source, issues.items[0].line, issues.items[0].column,
			issues.items[0].message);
	cel_issues_free(&issues);
	return p;
}

/* Evaluates with fresh slots; the program lives until the test ends in *ret. */
static inline struct cel_value cel_test_eval(
	struct cel_test *t, const char *source, struct cel_program **ret)
{
	struct cel_run run = cel_run(t->arena, t->budget);

	memset(t->slots, 0, sizeof t->slots);
	*ret = cel_test_compile(t, source, NULL);
	return cel_eval(*ret, &t->act, &run);
}

/* "value", or "error: …", as people see it. */
static inline void cel_test_shows(struct cel_test *t, const char *source, const char *wanted)
{
	struct cel_program *p;
	struct buf b = BUF_INIT(10000);

	cel_put_display(&b, cel_test_eval(t, source, &p), 5000);
	ck_assert_msg(span_eq_str(buf_span(&b), wanted), "%s\n\twanted %s\n\tgot    %s", source,
		wanted, buf_str(&b));
	buf_free(&b);
	cel_program_free(p);
}
