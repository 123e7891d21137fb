/* SPDX-License-Identifier: Apache-2.0 */
/* Whether the guard is asked: what is counted as unasked, when, and what is refused for it. */
#include "webhook/guard_watch.h"

#include <stdatomic.h>
#include <time.h>

#include "common/base/clock.h"
#include "support/run_tests.h"
#include "unit/policy_support.h"
#include "unit/webhook_support.h"

#define RULES(rules)                                                                               \
	"apiVersion: holdpoint.dev/v1alpha1\nkind: GuardrailPolicy\nmetadata: {name: p}\n"         \
	"spec: {rules: [" rules "]}\n"
#define READS                                                                                      \
	"{name: reads, action: Deny, match: [{apiGroups: [''], resources: [secrets], verbs: "      \
	"[get]}]}"
#define PODS                                                                                       \
	"{name: pods, action: Deny, match: [{apiGroups: [''], resources: [pods], operations: "     \
	"[DELETE]}]}"
#define WEBHOOKS                                                                                   \
	"{name: webhooks, action: Deny, match: [{apiGroups: [admissionregistration.k8s.io], "      \
	"resources: ['*'], operations: [DELETE]}]}"

static _Atomic long passed_s;

/* In place of libc's: minutes pass in a moment. */
time_t time(time_t *ret)
{
	const time_t now = (time_t)(realtime_us() / 1000000) + atomic_load(&passed_s);

	if (ret)
		*ret = now;
	return now;
}

static struct guard_watch *watch_with(enum coverage_authorizer authorizer, bool require)
{
	const struct guard_watch_config config = {.cluster = "c",
		.instance = "i",
		.facts = {.authorizer = authorizer},
		.require = require};
	struct guard_watch *g = guard_watch_new(&config);

	ck_assert_ptr_nonnull(g);
	return g;
}

static int64_t unasked(enum coverage_reason reason)
{
	return metric_value(guard_watch_metrics, "holdpoint_webhook_rules_unasked", reason);
}

static const struct {
	int expected;
	const char *says;
	enum coverage_authorizer authorizer;
	bool require;
	const char *rules;
} starts[] = {
	{0, "", COVERAGE_ABSENT, false, READS},
	{0, "", COVERAGE_PRESENT, true, READS ", " PODS},
	{0, "", COVERAGE_UNKNOWN, true, PODS},
	{0, "", COVERAGE_ABSENT, true, PODS},
	{-1, "--authorizer=present", COVERAGE_UNKNOWN, true, READS},
	{-1, "1 rules are never asked about, first p/reads", COVERAGE_ABSENT, true,
		PODS ", " READS},
	{-1, "first p/webhooks", COVERAGE_PRESENT, true, WEBHOOKS},
};

START_TEST(guard_watch__refuses_what_nobody_asks_about)
{
	_cleanup_(policy_set_unrefp) struct policy_set *set = NULL;
	_cleanup_(guard_watch_freep) struct guard_watch *g =
		watch_with(starts[_i].authorizer, starts[_i].require);
	_cleanup_(buf_free) struct buf yaml = BUF_INIT(4096);
	struct err e = {0};

	buf_printf(&yaml, RULES("%s"), starts[_i].rules);
	set = load_or_fail(buf_str(&yaml));
	ck_assert_int_eq(guard_watch_check(g, set, &e), starts[_i].expected);
	ck_assert_msg(strstr(e.msg, starts[_i].says) != NULL, "%s", e.msg);
}
END_TEST

START_TEST(guard_watch__counts_by_the_flag)
{
	_cleanup_(policy_set_unrefp) struct policy_set *set =
		load_or_fail(RULES(READS ", " WEBHOOKS));
	_cleanup_(guard_watch_freep) struct guard_watch *g = watch_with(COVERAGE_ABSENT, false);

	guard_watch_loaded(g, set);
	ck_assert_int_eq(unasked(COVERAGE_NO_AUTHORIZER), 1);
	ck_assert_int_eq(unasked(COVERAGE_NO_ADMISSION), 1);
}
END_TEST

/* Admission is asked for minutes, authorization is not: then the latter is missed. */
START_TEST(guard_watch__misses_an_authorizer_that_never_asks)
{
	_cleanup_(policy_set_unrefp) struct policy_set *set = load_or_fail(RULES(READS ", " PODS));
	_cleanup_(guard_watch_freep) struct guard_watch *g = watch_with(COVERAGE_PRESENT, false);

	guard_watch_loaded(g, set);
	guard_watch_report(NULL, false, g);
	ck_assert_int_eq(unasked(COVERAGE_NO_AUTHORIZER), 0);
	guard_watch_asked(g, ENDPOINT_VALIDATE);
	guard_watch_report(NULL, false, g);
	ck_assert_int_eq(unasked(COVERAGE_NO_AUTHORIZER), 0);
	/* Nobody asks anything: nothing is known from that. */
	atomic_store(&passed_s, 1000);
	guard_watch_report(NULL, false, g);
	ck_assert_int_eq(unasked(COVERAGE_NO_AUTHORIZER), 0);
	guard_watch_asked(g, ENDPOINT_VALIDATE);
	guard_watch_report(NULL, false, g);
	ck_assert_int_eq(unasked(COVERAGE_NO_AUTHORIZER), 1);
	/* It is asked after all. */
	guard_watch_asked(g, ENDPOINT_AUTHORIZE);
	guard_watch_report(NULL, false, g);
	ck_assert_int_eq(unasked(COVERAGE_NO_AUTHORIZER), 0);
	ck_assert_int_gt(metric_value(guard_watch_metrics,
				 "holdpoint_webhook_asked_timestamp_seconds", ENDPOINT_AUTHORIZE),
		0);
}
END_TEST

START_TEST(guard_watch__knows_the_doctors_probe)
{
	_cleanup_(policy_set_unrefp) struct policy_set *set = load_or_fail(RULES(PODS));
	_cleanup_(guard_watch_freep) struct guard_watch *g = watch_with(COVERAGE_UNKNOWN, false);
	_cleanup_(arena_freep) struct arena *arena = arena_new(4096, 1 << 20);
	const struct policy_request probe = {.endpoint = ENDPOINT_AUTHORIZE,
		.api_group = SPAN("holdpoint.dev"),
		.resource = SPAN("authorizerprobes")};
	struct policy_request other = probe;
	struct span said = guard_watch_probe_answer(g, set, arena);

	other.resource = SPAN("holdreviews");
	ck_assert(guard_watch_is_probe(&probe));
	ck_assert(!guard_watch_is_probe(&other));
	other.api_group = SPAN("authorization.k8s.io");
	other.resource = SPAN("selfsubjectaccessreviews");
	ck_assert(!guard_watch_is_probe(&other));
	other.name = SPAN("holdpoint-authorizerprobe-");
	ck_assert(!guard_watch_is_probe(&other));
	other.name = SPAN("holdpoint-authorizerprobe-1");
	ck_assert(guard_watch_is_probe(&other));
	ck_assert_ptr_nonnull(
		strstr(said.ptr, "holdpoint-webhook answers: cluster=c policies=sha256:"));
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("guard_watch");

	tcase_add_loop_test(t, guard_watch__refuses_what_nobody_asks_about, 0, ARRAY_LEN(starts));
	tcase_add_test(t, guard_watch__counts_by_the_flag);
	tcase_add_test(t, guard_watch__misses_an_authorizer_that_never_asks);
	tcase_add_test(t, guard_watch__knows_the_doctors_probe);
	return run_tests(t);
}
