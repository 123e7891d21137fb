/* SPDX-License-Identifier: Apache-2.0 */
/* The index finds what a look at every rule finds: random rules, hundreds at once, real reviews. */
#include <check.h>
#include <dirent.h>
#include <stdlib.h>

#include "support/run_tests.h"
#include "unit/decide_support.h"

static unsigned next_random(unsigned *state)
{
	*state = *state * 1664525u + 1013904223u;
	return *state >> 8;
}

static const char *pick(unsigned *state, const char *const *words, size_t count)
{
	return words[next_random(state) % count];
}

#define PICK(state, ...)                                                                           \
	pick(state, (const char *const[]){__VA_ARGS__},                                            \
		sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *))

static void put_random_rule(struct buf *out, unsigned *state, int number)
{
	bool verbs = next_random(state) % 4 == 0;
	buf_printf(out,
		"%s"
		"  subjects: [%s]\n"
		"  rules:\n"
		"  - name: r%d\n    action: Deny\n    match:\n    - apiGroups: [%s]\n"
		"      resources: [%s]\n      %s\n      namespaces: [%s]\n",
		"",
		PICK(state, "", "{kind: Group, name: g1}", "{kind: User, name: u1}",
			"{kind: User, name: 'u*'}",
			"{kind: User, name: u2}, {kind: Group, name: g2}"),
		number, PICK(state, "''", "apps", "'*'", "'', apps"),
		PICK(state, "pods", "pods, secrets", "'pods/*'", "'*'", "'*/scale'", "'*/*'",
			"pods/scale"),
		verbs ? PICK(state, "verbs: [get]", "verbs: ['*']", "verbs: [list, 'g*']")
		      : PICK(state, "operations: [CREATE]", "operations: ['*']",
				"operations: [UPDATE, DELETE]"),
		PICK(state, "", "n1", "n1, n2", "'n*'", "'!n1'", "n2, '!n1'"));
}

START_TEST(policy_index__and_full_scan_agree)
{
	unsigned state = 42;
	enum { RULES = 300 };
	_cleanup_(arena_freep) struct arena *arena = arena_new(65536, 8 << 20);
	struct policy_set *one[RULES];
	struct buf all = BUF_INIT(1 << 20);
	for (int i = 0; i < RULES; i++) {
		struct buf b = BUF_INIT(10000);
		buf_printf(&b,
			"---\napiVersion: holdpoint.dev/v1alpha1\nkind: GuardrailPolicy\n"
			"metadata: {name: p%d}\nspec:\n",
			i);
		put_random_rule(&b, &state, i);
		one[i] = load_or_fail(buf_str(&b));
		buf_add_span(&all, buf_span(&b));
		buf_free(&b);
	}
	_cleanup_(policy_set_unrefp) struct policy_set *set = load_or_fail(buf_str(&all));
	for (int n = 0; n < 150; n++) {
		char line[200];
		snprintf(line, sizeof line, "%s %s %s n %s %s",
			PICK(&state, "CREATE", "UPDATE", "DELETE", "CONNECT", "get", "list"),
			PICK(&state, "/pods", "/pods/scale", "apps/deployments", "/secrets",
				"apps/deployments/scale"),
			PICK(&state, "-", "n1", "n2", "n3"), PICK(&state, "u1", "u2", "x"),
			PICK(&state, "g1", "g2", "g1 g2", "y"));
		arena_reset(arena);
		struct policy_request r = request_of(line, arena);
		struct policy_decision d, single;
		ck_assert_int_eq(policy_decide(set, &r, arena, &d), 0);
		size_t found = 0;
		for (int i = 0; i < RULES; i++) {
			ck_assert_int_eq(policy_decide(one[i], &r, arena, &single), 0);
			if (!single.match_count)
				continue;
			ck_assert_uint_lt(found, d.match_count);
			ck_assert_str_eq(
				d.matches[found++].rule->rule, single.matches[0].rule->rule);
		}
		ck_assert_uint_eq(found, d.match_count);
	}
	for (int i = 0; i < RULES; i++)
		policy_set_unref(one[i]);
	buf_free(&all);
}
END_TEST

START_TEST(policy_index__hundreds_of_rules_apply_at_once)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new(65536, 8 << 20);
	struct buf yaml = BUF_INIT(1 << 20);
	struct policy_decision d;
	buf_add_str(&yaml, POLICY("p") "  rules:\n");
	for (int i = 0; i < 600; i++)
		buf_printf(&yaml,
			"  - {name: r%d, action: Warn, message: m%d, match: [{apiGroups: [%s], "
			"resources: [%s], operations: [%s]}]}\n",
			i, i, i % 3 ? "'*'" : "''", i % 2 ? "pods" : "'*'",
			i % 5 ? "'*'" : "CREATE");
	_cleanup_(policy_set_unrefp) struct policy_set *set = load_or_fail(buf_str(&yaml));
	struct policy_request r = request_of("CREATE /pods ns n u", arena);
	ck_assert_int_eq(policy_decide(set, &r, arena, &d), 0);
	ck_assert_uint_eq(d.match_count, 600);
	for (int i = 0; i < 600; i++)
		ck_assert_int_eq(atoi(d.matches[i].rule->rule + 1), i);
	buf_free(&yaml);
}
END_TEST

/* ---- recorded traffic ---- */

struct tally {
	unsigned files, deny, hold, none, audit;
};

static void decide_folder(
	const struct policy_set *set, const char *dir, struct arena *arena, struct tally *t)
{
	DIR *d = opendir(dir);
	ck_assert_ptr_nonnull(d);
	for (struct dirent *e; (e = readdir(d));) {
		char path[600];
		struct policy_decision decision;
		if (!strstr(e->d_name, ".json"))
			continue;
		arena_reset(arena);
		snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
		struct policy_request r = request_or_fail(file_or_fail(path, arena), arena);
		ck_assert_int_eq(policy_decide(set, &r, arena, &decision), 0);
		t->files++;
		t->deny += decision.action == POLICY_DENY;
		t->hold += decision.action == POLICY_HOLD;
		t->audit += decision.action == POLICY_AUDIT;
		t->none += decision.action == POLICY_NONE;
	}
	closedir(d);
}

START_TEST(policy_index__recorded_reviews)
{
	_cleanup_(policy_set_unrefp) struct policy_set *set = load_or_fail(POLICY(
		"agents") "  subjects: [{kind: Group, name: ai-agents}]\n"
			  "  rules:\n"
			  "  - {name: exec, action: Deny, match: [{apiGroups: [''], resources: "
			  "[pods/exec, pods/attach, pods/portforward], operations: [CONNECT]}]}\n"
			  "  - {name: deletes, action: Hold, match: [{apiGroups: ['*'], resources: "
			  "['*'], operations: [DELETE]}]}\n"
			  "  - {name: rest, action: Audit, match: [{apiGroups: ['*'], resources: "
			  "['*/*'], operations: ['*']}]}\n");
	_cleanup_(arena_freep) struct arena *arena = arena_new(1 << 20, 64 << 20);
	struct tally t = {0};
	decide_folder(set, HOLDPOINT_FIXTURES "/admission/v1.20", arena, &t);
	decide_folder(set, HOLDPOINT_FIXTURES "/admission/v1.36", arena, &t);
	ck_assert_uint_eq(t.files, 147);
	ck_assert_uint_eq(t.deny, 20); /* 16 exec, 4 attach */
	ck_assert_uint_eq(t.hold, 13); /* the agent's deletes */
	ck_assert_uint_eq(t.none, 15); /* other people's */
	ck_assert_uint_eq(t.audit, 147 - 20 - 13 - 15);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("all");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, policy_index__and_full_scan_agree);
	tcase_add_test(t, policy_index__hundreds_of_rules_apply_at_once);
	tcase_add_test(t, policy_index__recorded_reviews);
	return run_tests(t);
}
