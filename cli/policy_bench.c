/* SPDX-License-Identifier: Apache-2.0 */
/* holdpoint policy bench FILE… --review REVIEW: what a decision on these reviews costs. */
#include <stdio.h>
#include <time.h>

#include "cli/policy.h"

#define ROUND_NS 20e6 /* one round: long enough for the clock, short enough to find a quiet one */

static double now_ns(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

/* Nanoseconds of one decision: the best round of `seconds`. Negative: the arena is full. */
static double measure(const struct policy_set *set, const struct policy_request *r,
	struct arena *arena, double seconds, struct policy_decision *ret)
{
	struct arena_mark mark = arena_mark(arena);
	double end = now_ns() + seconds * 1e9, best = 0;

	while (now_ns() < end) {
		double start = now_ns(), took = 0;
		unsigned long n = 0;
		while (took < ROUND_NS) {
			for (int i = 0; i < 100; i++, n++) {
				arena_rewind(arena, mark);
				if (policy_decide(set, r, arena, ret) < 0)
					return -1;
			}
			took = now_ns() - start;
		}
		if (!best || took / (double)n < best)
			best = took / (double)n;
	}
	return best;
}

static int bench_one(const struct command *c, const struct policy_set *set, const char *review,
	double seconds, bool json, bool first)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new(1u << 20, 1u << 28);
	struct policy_request r;
	struct policy_decision d = {0};
	int rc = arena ? cli_policy_read_review(c, review, arena, &r) : CLI_FAILED;

	if (rc != CLI_OK)
		return rc;
	double ns = measure(set, &r, arena, seconds, &d);
	if (ns < 0)
		return cli_error(c, CLI_FAILED, "%s needs too much memory", review);
	_cleanup_(buf_free) struct buf name = BUF_INIT(4096);
	json_put_string(&name, span_of(review));
	if (json)
		printf("%s{\"review\": %s, \"action\": \"%s\", \"matches\": %zu, \"ns\": %.0f}",
			first ? "" : ", ", cli_text(&name), policy_action_name(d.action),
			d.match_count, ns);
	else
		printf("%9.0f ns  %-5s %3zu rule%s apply  %s\n", ns, policy_action_name(d.action),
			d.match_count, d.match_count == 1 ? " " : "s", review);
	return CLI_OK;
}

int cli_policy_bench(const struct command *self, int argc, char **argv)
{
	_cleanup_(policy_set_unrefp) struct policy_set *set = NULL;
	const char *files[CLI_POLICY_MAX_FILES], *output = NULL;
	struct flag_list reviews = {.count = 0};
	int64_t for_ms = 500;
	size_t count;
	const struct flag flags[] = {CLI_FLAG_OUTPUT(output),
		{.name = "review",
			.short_name = 'r',
			.type = FLAG_STRING_LIST,
			.value = &reviews,
			.arg = "FILE",
			.no_env = true,
			.required = true,
			.help = "AdmissionReview or SubjectAccessReview, as JSON"},
		CLI_FLAG_DURATION("for", for_ms, 50, 600000,
			"how long each review is decided again and again"),
		{0}};
	int rc = cli_parse(self, flags, argc, argv, 1, ARRAY_LEN(files), files, &count);

	if (rc >= 0)
		return rc;
	if ((rc = cli_policy_load(self, files, count, &set)) != CLI_OK)
		return rc;
	bool json = output && !strcmp(output, "json");
	if (json)
		printf("{\"rules\": %zu, \"reviews\": [", policy_set_rule_count(set));
	for (size_t i = 0; i < reviews.count && rc == CLI_OK; i++)
		rc = bench_one(self, set, reviews.items[i], (double)for_ms / 1000, json, i == 0);
	if (json)
		puts("]}");
	return rc;
}
