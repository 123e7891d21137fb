/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What evaluating an expression costs on a real request:
 * bench_cel [-s SECONDS] [REVIEW.json] [EXPRESSION...]. Without expressions, those that policies
 * are made of. Each evaluation starts from an empty arena and unresolved variables, as a request
 * does; what it takes from the arena is shown too.
 */
#include <stdio.h>
#include <time.h>

#include "common/base/arena_internal.h"
#include "policy/cel/cel.h"
#include "policy/cel/functions/library.h"
#include "policy/cel/value_internal.h"

static const char default_review[] =
	HOLDPOINT_FIXTURES "/admission/v1.36/021-validate-create-pods.json";

static const char *const default_expressions[] = {
	("object.spec.containers.exists(c, has(c.securityContext) && "
	 "has(c.securityContext.privileged) && c.securityContext.privileged)"),
	"object.spec.containers.all(c, c.image.startsWith('registry.example.com/'))",
	"object.metadata.namespace == 'default'",
	"request.userInfo.username == 'claude-code@agents.example.com'",
	"object.spec.?hostNetwork.orValue(false)",
	"request.userInfo.groups.exists(g, g in ['ai-agents', 'ci'])",
	"object.metadata.name.matches('^[a-z0-9-]+$')",
	"quantity('500m').isLessThan(quantity('1'))",
	"now.getDayOfWeek('Europe/Berlin') in [0, 6]",
	"'deleting ' + request.resource.resource + '/' + request.name",
};

struct bench {
	struct json_doc doc;
	struct arena *arena;
	struct cel_library *library;
	struct cel_env *env;
	double seconds;
};

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

enum { SLOT_REQUEST, SLOT_OBJECT, SLOT_OLD_OBJECT, SLOT_NOW, SLOTS };

static struct cel_value resolve(struct cel_run *run, uint32_t slot, void *ctx)
{
	const struct bench *b = ctx;
	json_ref request = json_get_str(&b->doc, JSON_ROOT, "request");

	switch (slot) {
	case SLOT_REQUEST:
		return cel_json(&b->doc, request, run->arena);
	case SLOT_OBJECT:
		return cel_json(&b->doc, json_get_str(&b->doc, request, "object"), run->arena);
	case SLOT_OLD_OBJECT:
		return cel_json(&b->doc, json_get_str(&b->doc, request, "oldObject"), run->arena);
	default:
		return cel_timestamp_us(INT64_C(1750000000000000));
	}
}

static int setup(struct bench *b, const char *path, struct arena *doc_arena)
{
	static const char *const names[SLOTS] = {"request", "object", "oldObject", "now"};
	const struct json_limits limits = {64 << 20, 200, 4 << 20, false, false};
	struct json_error je;
	struct err e;
	FILE *f = fopen(path, "rb");
	char *text = arena_alloc(doc_arena, 16 << 20);
	size_t len = f && text ? fread(text, 1, 16 << 20, f) : 0;

	if (f)
		fclose(f);
	if (len == 0 || json_read(text, len, &limits, doc_arena, &b->doc, &je) < 0) {
		fprintf(stderr, "bench_cel: %s: not readable as JSON\n", path);
		return -1;
	}
	b->library = cel_library_new();
	b->env = cel_env_new(b->library, 0);
	for (size_t i = 0; i < SLOTS; i++)
		if (cel_env_declare(b->env, span_of(names[i]), i == SLOT_NOW ? "timestamp" : "dyn",
			    NULL, &e) < 0)
			return -1;
	return 0;
}

static struct cel_value evaluate(struct bench *b, const struct cel_program *p)
{
	struct cel_value slots[SLOTS] = {0};
	struct cel_activation act = {slots, SLOTS, resolve, b};
	struct cel_run run = cel_run(b->arena, CEL_DEFAULT_BUDGET);

	arena_reset(b->arena);
	return cel_eval(p, &act, &run);
}

static void measure(struct bench *b, const char *source)
{
	_cleanup_(cel_issues_free) struct cel_issues issues = {0};
	_cleanup_(cel_program_freep) struct cel_program *p = NULL;
	_cleanup_(buf_free) struct buf text = BUF_INIT(200);
	double start, took, best = 1e9;

	if (cel_compile(b->env, span_of(source), NULL, &p, &issues) < 0) {
		printf("%s: %s\n", source, issues.count ? issues.items[0].message : "?");
		return;
	}
	struct cel_value v = evaluate(b, p);
	cel_put_display(&text, v, 40);
	size_t used = arena_used(b->arena);
	double end = now() + b->seconds;
	do { /* the best of many short runs: others use this machine too */
		start = now();
		for (int i = 0; i < 2000; i++)
			evaluate(b, p);
		took = (now() - start) / 2000;
		if (took < best)
			best = took;
	} while (now() < end);
	printf("%8.1f ns  %5zu B  %s  (%.*s)\n", best * 1e9, used, source, (int)text.len, text.ptr);
}

int main(int argc, char **argv)
{
	_cleanup_(arena_freep) struct arena *doc_arena = arena_new(1 << 20, 256 << 20);
	struct bench b = {.seconds = 0.5, .arena = arena_new(65536, 64 << 20)};
	int i = 1;

	if (argc > 2 && strcmp(argv[1], "-s") == 0) {
		b.seconds = strtod(argv[2], NULL);
		i = 3;
	}
	if (setup(&b, i < argc ? argv[i] : default_review, doc_arena) < 0)
		return 1;
	if (i + 1 < argc)
		for (i++; i < argc; i++)
			measure(&b, argv[i]);
	else
		for (size_t j = 0; j < ARRAY_LEN(default_expressions); j++)
			measure(&b, default_expressions[j]);
	cel_env_free(b.env);
	cel_library_free(b.library);
	arena_free(b.arena);
	return 0;
}
