/* SPDX-License-Identifier: Apache-2.0 */
/* The policies in force, and what becomes of them when their file changes. */
#include "webhook/policy_store.h"

#include <stdatomic.h>

#include "support/run_tests.h"
#include "unit/webhook_support.h"

#define POLICY(rules)                                                                              \
	"apiVersion: holdpoint.dev/v1alpha1\nkind: GuardrailPolicy\nmetadata: {name: test}\n"      \
	"spec:\n  rules:\n" rules
#define RULE(name)                                                                                 \
	"  - {name: " name ", action: Deny, match: [{apiGroups: [''], resources: [" name "s], "    \
	"operations: [DELETE]}]}\n"

static char folder[32]; /* of its own: what happens in /tmp is not its business */
static struct policy_store *store;
static _Atomic unsigned loads;

static void loaded(const struct policy_set *set, void *userdata)
{
	(void)userdata;
	ck_assert_ptr_nonnull(set);
	atomic_fetch_add(&loads, 1);
}

static int check(const struct policy_set *set, void *userdata, struct err *e)
{
	(void)userdata;
	return policy_set_rule_count(set) < 3 ? 0 : err_set(e, "three rules are too many here");
}

static const struct policy_store_hooks hooks = {.check = check, .loaded = loaded};

static void setup(void)
{
	struct err e;

	atomic_store(&loads, 0);
	snprintf(folder, sizeof(folder), "/tmp/policies.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(policy_path, sizeof(policy_path), "%s/p.yaml", folder);
	write_policy(POLICY(RULE("one")));
	ck_assert_msg(policy_store_open(policy_paths, 1, &hooks, &store, &e) == 0, "%s", e.msg);
}

static void teardown(void)
{
	policy_store_close(store);
	unlink(policy_path);
	rmdir(folder);
}

static size_t rules_in_force(void)
{
	_cleanup_(policy_set_unrefp) struct policy_set *set = policy_store_get(store);

	return policy_set_rule_count(set);
}

static int64_t reloads(unsigned label)
{
	return metric_value(policy_store_metrics, "holdpoint_webhook_policy_reloads_total", label);
}

enum { LOADED, UNCHANGED, REFUSED };

static void wait_for_reload(unsigned label, int64_t before)
{
	for (int i = 0; i < 1000 && reloads(label) == before; i++)
		usleep(10000);
	ck_assert_int_gt(reloads(label), before);
}

/* What is said after the counter was raised may come a moment later. */
static void wait_for_stale(int64_t expected)
{
	for (int i = 0; i < 1000; i++) {
		if (metric_value(policy_store_metrics, "holdpoint_webhook_policy_stale", 0) ==
			expected)
			return;
		usleep(10000);
	}
	ck_abort_msg("stale is not %d", (int)expected);
}

static void wait_for_loads(unsigned expected)
{
	for (int i = 0; i < 1000 && atomic_load(&loads) < expected; i++)
		usleep(10000);
	ck_assert_uint_eq(atomic_load(&loads), expected);
}

START_TEST(policy_store__a_change_is_loaded_by_itself)
{
	_cleanup_(policy_set_unrefp) struct policy_set *old = policy_store_get(store);
	int64_t before = reloads(LOADED);

	ck_assert_uint_eq(rules_in_force(), 1);
	write_policy(POLICY(RULE("one") RULE("two")));
	wait_for_reload(LOADED, before);
	ck_assert_uint_eq(rules_in_force(), 2);
	ck_assert_uint_eq(policy_set_rule_count(old), 1);
	wait_for_loads(2);
}
END_TEST

START_TEST(policy_store__what_has_an_error_is_refused)
{
	int64_t before = reloads(REFUSED), loaded_before;

	write_policy(POLICY("  - {name: one, action: Perhaps}\n"));
	wait_for_reload(REFUSED, before);
	ck_assert_uint_eq(rules_in_force(), 1);
	wait_for_stale(1);
	loaded_before = reloads(LOADED);
	write_policy(POLICY(RULE("one") RULE("two")));
	wait_for_reload(LOADED, loaded_before);
	wait_for_stale(0);
}
END_TEST

START_TEST(policy_store__what_a_hook_refuses_does_not_come_into_force)
{
	int64_t before = reloads(REFUSED);

	write_policy(POLICY(RULE("one") RULE("two") RULE("three")));
	wait_for_reload(REFUSED, before);
	ck_assert_uint_eq(rules_in_force(), 1);
	wait_for_stale(1);
}
END_TEST

START_TEST(policy_store__asked_to_load_again)
{
	int64_t before = reloads(UNCHANGED);

	policy_store_reload(store);
	wait_for_reload(UNCHANGED, before);
	ck_assert_uint_eq(rules_in_force(), 1);
}
END_TEST

START_TEST(policy_store__does_not_begin_with_an_error)
{
	struct policy_store *none = NULL;
	struct err e = {0};

	write_policy("kind: Nothing\n");
	ck_assert_int_eq(policy_store_open(policy_paths, 1, NULL, &none, &e), -1);
	ck_assert_ptr_null(none);
	ck_assert_str_ne(e.msg, "");
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("policy_store");

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, policy_store__a_change_is_loaded_by_itself);
	tcase_add_test(t, policy_store__what_has_an_error_is_refused);
	tcase_add_test(t, policy_store__asked_to_load_again);
	tcase_add_test(t, policy_store__what_a_hook_refuses_does_not_come_into_force);
	tcase_add_test(t, policy_store__does_not_begin_with_an_error);
	return run_tests(t);
}
