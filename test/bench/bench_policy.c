/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a decision costs with 10, 100, 1,000 and 10,000 rules of which always the same ten concern
 * the request, and what conditions cost: bench_policy [-o json]
 *
 * The others differ from the ten in resource, operation, namespace or subject, a quarter each: what
 * real policies differ in. Every time is the fastest of many short rounds; the ratio is the median
 * of the ratios of rounds that followed each other at once, so that a busy machine disturbs both
 * alike. Allocations are counted by replacing malloc().
 */
#include <stdio.h>
#include <time.h>

#include "policy/cel/cel.h"
#include "policy/cel/functions/library.h"
#include "policy/policy.h"
#include "policy/review/review.h"
#include "policy/set_internal.h"

#define ROUNDS	  800
#define PER_ROUND 500
#define CONCERNED 10
#define SIZES	  4

/* ---- counting allocations ---- */

static unsigned long allocations;

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t size);

void *malloc(size_t size)
{
	allocations++;
	return __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
	allocations++;
	return __libc_calloc(n, size);
}

void *realloc(void *p, size_t size)
{
	allocations++;
	return __libc_realloc(p, size);
}
#endif

/* ---- policies ---- */

static void put_head(struct buf *out, int number, const char *subjects)
{
	buf_printf(out,
		"---\napiVersion: holdpoint.dev/v1alpha1\nkind: GuardrailPolicy\n"
		"metadata: {name: p%d}\nspec:\n  subjects: [%s]\n  rules:\n",
		number, subjects);
}

static void put_rule(struct buf *out, int number, const char *group, const char *resource,
	const char *operation, const char *namespace_)
{
	buf_printf(out,
		"  - {name: r%d, action: Warn, message: not now %d, match: [{apiGroups: ['%s'], "
		"resources: [%s], operations: [%s], namespaces: ['%s']}]}\n",
		number, number, group, resource, operation, namespace_);
}

static void put_policies(struct buf *out, int rules)
{
	char name[64], subject[128];
	put_head(out, 0, "{kind: Group, name: ai-agents}");
	for (int i = 0; i < CONCERNED; i++)
		put_rule(out, i, "", "pods", "CREATE", i % 2 ? "prod" : "pr*");
	for (int i = CONCERNED; i < rules; i++) {
		snprintf(name, sizeof name, "things%d", i);
		if (i % 4 == 0)
			put_rule(out, i, "example.com", name, "CREATE", "prod");
		else if (i % 4 == 1)
			put_rule(out, i, "", "pods", "DELETE", name);
		else if (i % 4 == 2)
			put_rule(out, i, "", "pods", "CREATE", name);
	}
	for (int i = CONCERNED; i < rules; i++) {
		if (i % 4 != 3)
			continue;
		snprintf(subject, sizeof subject, "{kind: User, name: user%d}", i);
		put_head(out, i, subject);
		put_rule(out, i, "", "pods", "CREATE", "prod");
	}
}

static struct policy_set *load(struct span yaml)
{
	struct policy_set *set = NULL;
	struct yaml_errors errors;
	if (policy_set_load_text("bench", yaml, &set, &errors) < 0) {
		fprintf(stderr, "%s", buf_str(&errors.text));
		exit(1);
	}
	buf_free(&errors.text);
	return set;
}

/* ---- measuring ---- */

static double now_ns(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

struct measured {
	const char *name;
	struct policy_set *set;
	double ns;
	size_t matches;
	unsigned long allocations;
};

static double decide_many(struct measured *m, const struct policy_request *r, struct arena *arena)
{
	struct arena_mark mark = arena_mark(arena);
	struct policy_decision d;
	unsigned long before = allocations;
	double start = now_ns();
	for (int i = 0; i < PER_ROUND; i++) {
		arena_rewind(arena, mark);
		if (policy_decide(m->set, r, arena, &d) < 0)
			abort();
	}
	double ns = (now_ns() - start) / PER_ROUND;
	if (!m->ns || ns < m->ns)
		m->ns = ns;
	m->matches = d.match_count;
	m->allocations += allocations - before;
	arena_rewind(arena, mark);
	return ns;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return x < y ? -1 : x > y;
}

/* Decides with each set in turn, many times; the median ratio of the largest to the smallest. */
static double measure_sets(
	struct measured *sets, size_t count, const struct policy_request *r, struct arena *arena)
{
	static double ratios[ROUNDS];
	for (int round = 0; round < ROUNDS; round++) {
		for (size_t i = 1; i + 1 < count; i++)
			decide_many(&sets[i], r, arena);
		double smallest = decide_many(&sets[0], r, arena);
		ratios[round] = decide_many(&sets[count - 1], r, arena) / smallest;
	}
	qsort(ratios, ROUNDS, sizeof *ratios, by_value);
	return ratios[ROUNDS / 2];
}

static void read_review(const char *path, struct arena *arena, struct policy_request *ret)
{
	struct review *review = arena_alloc(arena, sizeof *review);
	char *text = arena_alloc(arena, 1 << 20);
	struct err e;
	FILE *f = fopen(path, "rb");
	if (!f) {
		perror(path);
		exit(1);
	}
	size_t len = fread(text, 1, 1 << 20, f);
	fclose(f);
	if (review_read((struct span){text, len}, REVIEW_NODES_DEFAULT, arena, review, &e) !=
		REVIEW_OK) {
		fprintf(stderr, "%s: %s\n", path, e.msg);
		exit(1);
	}
	*ret = review->request;
	ret->now_us = INT64_C(1767225600000000);
}

/* ---- conditions ---- */

struct condition {
	const char *name, *source;
	double ns;
};

static struct cel_value resolve_object(struct cel_run *run, uint32_t slot, void *ctx)
{
	const struct policy_request *r = ctx;
	(void)slot;
	return cel_json(r->doc, r->object, run->arena);
}

static void evaluate_many(const struct cel_program *p, const struct policy_request *r,
	struct arena *arena, double *best)
{
	struct arena_mark mark = arena_mark(arena);
	double start = now_ns();
	for (int i = 0; i < PER_ROUND; i++) {
		struct cel_value object = {0};
		struct cel_activation activation = {&object, 1, resolve_object, (void *)r};
		arena_rewind(arena, mark);
		struct cel_run run = cel_run(arena, CEL_DEFAULT_BUDGET);
		if (cel_eval(p, &activation, &run).kind != CEL_BOOL)
			abort();
	}
	double ns = (now_ns() - start) / PER_ROUND;
	if (!*best || ns < *best)
		*best = ns;
	arena_rewind(arena, mark);
}

/* One program each, as the engine alone sees it. */
static unsigned long measure_conditions(
	struct condition *list, size_t count, const struct policy_request *r, struct arena *arena)
{
	_cleanup_(cel_library_freep) struct cel_library *library = cel_library_new();
	_cleanup_(cel_env_freep) struct cel_env *env = cel_env_new(library, 0);
	unsigned long made = 0;
	if (!env || cel_env_declare(env, SPAN("object"), "dyn", NULL, NULL) < 0)
		abort();
	for (size_t i = 0; i < count; i++) {
		_cleanup_(cel_issues_free) struct cel_issues issues = {0};
		_cleanup_(cel_program_freep) struct cel_program *p = NULL;
		if (cel_compile(env, span_of(list[i].source), "bool", &p, &issues) < 0)
			abort();
		unsigned long before = allocations;
		for (int round = 0; round < ROUNDS; round++)
			evaluate_many(p, r, arena, &list[i].ns);
		made += allocations - before;
	}
	return made;
}

static void print_json(const struct measured *sets, double ratio,
	const struct condition *conditions, size_t count, unsigned long made)
{
	printf("{\"ratio\": %.3f, \"ratio_10000_to_10\": %.3f, \"ns_10\": %.0f, \"ns_100\": %.0f, "
	       "\"ns_1000\": %.0f, \"ns_10000\": %.0f",
		1 / ratio, ratio, sets[0].ns, sets[1].ns, sets[2].ns, sets[3].ns);
	for (size_t i = 0; i < count; i++)
		printf(", \"cel_%s_ns\": %.0f", conditions[i].name, conditions[i].ns);
	printf(", \"allocations\": %lu}\n", made);
}

static void print_text(const struct measured *sets, const int *sizes,
	const struct condition *conditions, size_t count, unsigned long made)
{
	for (size_t i = 0; i < SIZES; i++)
		printf("%6d rules  %7.0f ns a decision  %zu matches  %.2f of ten rules\n", sizes[i],
			sets[i].ns, sets[i].matches, sets[i].ns / sets[0].ns);
	for (size_t i = 0; i < count; i++)
		printf("%20.0f ns a condition  %s\n", conditions[i].ns, conditions[i].source);
	printf("%lu allocations outside the arena\n", made);
}

int main(int argc, char **argv)
{
	bool json = argc == 3 && !strcmp(argv[1], "-o") && !strcmp(argv[2], "json");
	static const int sizes[SIZES] = {10, 100, 1000, 10000};
	struct measured sets[ARRAY_LEN(sizes)] = {0};
	_cleanup_(arena_freep) struct arena *arena = arena_new(4 << 20, 64 << 20);
	struct policy_request r;
	read_review(HOLDPOINT_FIXTURES "/admission/v1.36/021-validate-create-pods.json", arena, &r);
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		struct buf yaml = BUF_INIT(64 << 20);
		put_policies(&yaml, sizes[i]);
		sets[i].set = load(buf_span(&yaml));
		buf_free(&yaml);
	}
	double ratio = measure_sets(sets, ARRAY_LEN(sets), &r, arena);
	unsigned long made = 0;
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
		made += sets[i].allocations;

	struct condition conditions[] = {
		{"privileged",
			"object.spec.containers.exists(c, has(c.securityContext) && "
			"has(c.securityContext.privileged) && c.securityContext.privileged)",
			0},
		{"starts_with", "object.spec.containers.all(c, c.image.startsWith('alpine'))", 0},
		{"field", "object.metadata.namespace == 'prod'", 0},
	};
	made += measure_conditions(conditions, ARRAY_LEN(conditions), &r, arena);

	if (json)
		print_json(sets, ratio, conditions, ARRAY_LEN(conditions), made);
	else
		print_text(sets, sizes, conditions, ARRAY_LEN(conditions), made);
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
		policy_set_unref(sets[i].set);
	return 0;
}
