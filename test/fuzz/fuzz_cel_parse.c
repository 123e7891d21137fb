/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as an expression: refused with a place and a reason, or compiled; then it evaluates
 * within its limits to a value of the type that the checker found, or to an error, checked or not.
 */
#include <stdio.h>

#include "policy/cel/cel.h"
#include "policy/cel/functions/library.h"
#include "policy/cel/value_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static struct cel_library *library; /* made once */

static const char object[] = "{\"a\":1,\"b\":[true,\"x\",null,2.5,{\"c\":\"\\u00e9\\n\"}],\"s\":"
			     "\"2024-01-01T00:00:00Z\","
			     "\"m\":{\"k\":\"v\",\"n\":{\"o\":[]}},\"big\":12345678901234567890}";

struct fixture {
	struct arena *arena;
	struct json_doc doc;
};

static void check(bool ok, const char *what, struct span source)
{
	if (!ok) {
		fprintf(stderr, "violated: %s\n%.*s\n", what, SPAN_FMT(source));
		abort();
	}
}

static struct cel_value resolve(struct cel_run *run, uint32_t slot, void *ctx)
{
	const struct fixture *f = ctx;

	if (slot == 2)
		return cel_timestamp_us(INT64_C(1700000000123456));
	if (slot == 3)
		return cel_error(run->arena, "no value for this one");
	return cel_json(&f->doc, JSON_ROOT, run->arena);
}

static struct cel_env *make_env(unsigned options)
{
	static const struct {
		const char *name, *type;
	} vars[] = {
		{"object", "dyn"},
		{"variables.x", "map(string, dyn)"},
		{"now", "timestamp"},
		{"wrong", "int"},
	};
	struct cel_env *env = cel_env_new(library, options);
	struct err e;

	for (size_t i = 0; i < ARRAY_LEN(vars); i++)
		if (cel_env_declare(env, span_of(vars[i].name), vars[i].type, NULL, &e) < 0)
			abort();
	return env;
}

static void check_issues(const struct cel_issues *issues, struct span source)
{
	check(issues->count > 0, "a refusal has a reason", source);
	for (size_t i = 0; i < issues->count; i++)
		check(issues->items[i].line > 0 && issues->items[i].column > 0 &&
				issues->items[i].message[0],
			"an issue has a place and a message", source);
}

/* The kind of value that a type found by the checker promises; NULL for any. */
static bool keeps_promise(const char *type, struct cel_value v)
{
	static const char *const exact[] = {"bool", "int", "uint", "double", "string", "bytes",
		"null_type", "google.protobuf.Timestamp", "google.protobuf.Duration"};

	for (size_t i = 0; i < ARRAY_LEN(exact); i++)
		if (strcmp(type, exact[i]) == 0)
			return strcmp(cel_type_name(v), type) == 0 || v.kind == CEL_NULL;
	if (strncmp(type, "list(", 5) == 0)
		return v.kind == CEL_LIST;
	if (strncmp(type, "map(", 4) == 0)
		return v.kind == CEL_MAP;
	return true;
}

static void evaluate(struct fixture *f, const struct cel_program *p, bool checked)
{
	struct cel_value slots[4] = {0};
	struct cel_activation act = {slots, ARRAY_LEN(slots), resolve, f};
	struct cel_run run = cel_run(f->arena, 50000);
	struct buf text = BUF_INIT(100000);
	struct span source = cel_program_source(p);
	uint32_t line, column;
	struct err e;

	struct cel_value v = cel_eval(p, &act, &run);
	check(v.kind != CEL_UNSET, "there is a value", source);
	cel_error_position(v, &line, &column);
	check(v.kind == CEL_ERROR || (line == 0 && column == 0), "only errors have a place",
		source);
	check((v.kind == CEL_ERROR) == (cel_error_message(v, f->arena).len > 0),
		"errors have a message", source);
	/* the sum of an empty list is 0, whatever it is a list of */
	if (checked && v.kind != CEL_ERROR && !memmem(source.ptr, source.len, "sum", 3))
		check(keeps_promise(cel_program_type(p), v), "the value has the type found",
			source);
	cel_put_display(&text, v, 1000);
	buf_reset(&text);
	if (cel_put_json(&text, v, &e) < 0)
		buf_reset(&text);
	buf_reset(&text);
	struct cel_run again = cel_run(f->arena, 50000);
	cel_explain(&text, p, &act, &again);
	buf_free(&text);
}

static void compile(struct fixture *f, struct span source, unsigned options)
{
	struct cel_env *env = make_env(options);
	struct cel_issues issues = {0};
	struct cel_program *p = NULL;

	if (cel_compile(env, source, NULL, &p, &issues) == 0) {
		check(issues.count == 0, "no issue without refusal", source);
		evaluate(f, p, !(options & CEL_NO_CHECK));
		cel_program_free(p);
	} else {
		check_issues(&issues, source);
	}
	cel_issues_free(&issues);
	cel_env_free(env);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const struct json_limits limits = {1 << 20, 50, 10000, false, false};
	struct fixture f = {.arena = arena_new(65536, 16 << 20)};
	struct span source = {(const char *)data, len};

	if (!library)
		library = cel_library_new();
	if (json_read(object, sizeof object - 1, &limits, f.arena, &f.doc, NULL) < 0)
		abort();
	compile(&f, source, 0);
	compile(&f, source, CEL_NO_CHECK);
	arena_free(f.arena);
	return 0;
}
