/* SPDX-License-Identifier: Apache-2.0 */
/* Requests whose decision takes long: made elsewhere, in time or not at all, in nobody's way. */
#include "webhook/long_decisions.h"

#include <pthread.h>
#include <sched.h>
#include <semaphore.h>

#include "common/base/clock.h"
#include "support/run_tests.h"
#include "unit/webhook_support.h"

#define RULE(resource, name, action, rest)                                                         \
	"  - name: " name "\n"                                                                     \
	"    match: [{apiGroups: [''], resources: [" resource                                      \
	"], operations: [CREATE, UPDATE]}]\n"                                                      \
	"    action: " action "\n" rest
#define LONG "    when: ['object.l.all(a, object.l.all(b, a + b >= 0))']\n"

static const char policy[] =
	"apiVersion: holdpoint.dev/v1alpha1\n"
	"kind: GuardrailPolicy\n"
	"metadata: {name: test}\n"
	"spec:\n"
	"  rules:\n" RULE("pods", "long", "Deny", LONG "    message: looked at\n")
		RULE("services", "ask", "Hold", LONG) RULE("configmaps", "owner", "Mutate",
			LONG "    mutate: {mergePatch: {metadata: {labels: {by: agent}}}}\n")
			RULE("secrets", "short", "Deny", "    message: no secrets\n");

static const struct http_route routes[] = {
	{"POST", "/validate", false, "application/json", exchange_validate, &webhook},
	{"POST", "/mutate", false, "application/json", exchange_mutate, &webhook},
	{0},
};

static void setup(void)
{
	webhook_start(policy, routes);
}

static void teardown(void)
{
	webhook_stop();
}

#define ALLOWED "\"response\":{\"uid\":\"u-1\",\"allowed\":true"
#define DENIED	"\"response\":{\"uid\":\"u-1\",\"allowed\":false"
#define LIST	250 /* of them squared, a decision is long */

/* Whoever lets it go frees it. */
static char *review(const char *user, const char *resource, unsigned list, size_t padding)
{
	struct buf out = BUF_INIT(4u << 20);

	buf_printf(&out,
		"{\"kind\":\"AdmissionReview\",\"apiVersion\":\"admission.k8s.io/v1\",\"request\":{"
		"\"uid\":\"u-1\",\"operation\":\"CREATE\",\"resource\":{\"group\":\"\",\"version\":"
		"\"v1\",\"resource\":\"%s\"},\"kind\":{\"group\":\"\",\"version\":\"v1\",\"kind\":"
		"\"X\"},\"name\":\"x\",\"namespace\":\"n\",\"userInfo\":{\"username\":\"%s\"},"
		"\"object\":{\"metadata\":{\"name\":\"x\"},\"l\":[0",
		resource, user);
	for (unsigned i = 1; i < list; i++)
		buf_printf(&out, ",%u", i);
	buf_add_str(&out, "],\"p\":\"");
	for (size_t i = 0; i < padding; i++)
		buf_add_str(&out, "x");
	buf_add_str(&out, "\"}}}");
	ck_assert(!out.failed);
	ck_assert_ptr_nonnull(buf_str(&out));
	return out.ptr;
}

static int64_t long_ones(void)
{
	return metric_value(long_decisions_metrics, "holdpoint_webhook_long_decisions_total", 0);
}

static const struct {
	const char *what, *path, *resource;
	unsigned list;
	size_t padding;
	const char *has[2];
	int64_t long_ones;
} cases[] = {
	{"a short one", "/validate", "pods", 3, 0, {DENIED, "looked at"}, 0},
	{"a long one", "/validate", "pods", LIST, 0, {DENIED, "looked at"}, 1},
	{"a long one that holds", "/validate", "services", LIST, 0,
		{DENIED, "approvals cannot be looked up"}, 1},
	{"a long one that changes", "/mutate", "configmaps", LIST, 0,
		{ALLOWED, "\"patchType\":\"JSONPatch\""}, 1},
	{"a large one", "/validate", "secrets", 3, 200 << 10, {DENIED, "no secrets"}, 1},
	{"a large one that changes", "/mutate", "configmaps", 3, 200 << 10,
		{ALLOWED, "\"patchType\":\"JSONPatch\""}, 1},
	{"a large one of no rule's", "/validate", "endpoints", 3, 200 << 10, {ALLOWED}, 1},
};

static void check_no_request_is_left(void)
{
	for (unsigned step = 0; step < EXCHANGE_END; step++)
		ck_assert_int_eq(
			metric_value(exchange_metrics, "holdpoint_webhook_requests", step), 0);
}

static void ask(
	const char *path, const char *user, const char *resource, unsigned list, size_t padding)
{
	char *body = review(user, resource, list, padding);

	post(path, body);
	free(body);
}

static void *ask_long(void *path)
{
	ask(path, "agent", "pods", LIST, 0);
	return NULL;
}

START_TEST(exchange_long__is_decided_like_any)
{
	const int64_t before = long_ones();

	ask(cases[_i].path, "agent", cases[_i].resource, cases[_i].list, cases[_i].padding);
	ck_assert_int_eq(answer.status, 200);
	for (size_t i = 0; i < ARRAY_LEN(cases[_i].has) && cases[_i].has[i]; i++)
		ck_assert_msg(strstr(answer.body, cases[_i].has[i]) != NULL, "%s: no %s in %s",
			cases[_i].what, cases[_i].has[i], answer.body);
	ck_assert_msg(long_ones() - before == cases[_i].long_ones, "%s", cases[_i].what);
	check_no_request_is_left();
}
END_TEST

START_TEST(exchange_long__in_time_or_not_at_all)
{
	const int64_t before =
		metric_value(exchange_metrics, "holdpoint_webhook_policy_limits_total", 2);

	webhook.decision_timeout_us = 1;
	ask("/validate", "agent", "pods", LIST, 0);
	ck_assert_ptr_nonnull(strstr(answer.body, DENIED));
	ck_assert_msg(strstr(answer.body, "--decision-timeout") != NULL, "%s", answer.body);
	ck_assert_int_eq(metric_value(exchange_metrics, "holdpoint_webhook_policy_limits_total", 2),
		before + 1);
	ask("/mutate", "agent", "configmaps", LIST, 0);
	ck_assert_ptr_nonnull(strstr(answer.body, DENIED));
	ck_assert_msg(strstr(answer.body, "--decision-timeout") != NULL, "%s", answer.body);
	/* What needs no evaluation has no need of time. */
	ask("/validate", "agent", "secrets", 3, 200 << 10);
	ck_assert_ptr_nonnull(strstr(answer.body, "no secrets"));
	check_no_request_is_left();
}
END_TEST

static sem_t gate, began;

static void occupy(void *arg)
{
	(void)arg;
	sem_post(&began);
	sem_wait(&gate);
}

/* An agent that sends many: its own are refused in the end, nobody else's. */
START_TEST(exchange_long__in_nobodys_way)
{
	int jobs = 1;

	sem_init(&gate, 0, 0);
	sem_init(&began, 0, 0);
	ck_assert_int_eq(
		long_decisions_submit(webhook.long_decisions, SPAN("agent"), 0, occupy, NULL), 0);
	sem_wait(&began);
	while (long_decisions_submit(webhook.long_decisions, SPAN("agent"), 0, occupy, NULL) == 0)
		jobs++;
	ask("/validate", "agent", "pods", LIST, 0);
	ck_assert_ptr_nonnull(strstr(answer.body, DENIED));
	ck_assert_msg(strstr(answer.body, "--decision-queue") != NULL, "%s", answer.body);
	ck_assert_ptr_nonnull(strstr(answer.body, "\"code\":503"));
	ask("/mutate", "agent", "configmaps", LIST, 0);
	ck_assert_ptr_nonnull(strstr(answer.body, DENIED));
	ask("/validate", "agent", "pods", 3, 0);
	ck_assert_ptr_nonnull(strstr(answer.body, "looked at"));
	/* Large ones are tried all the same: what no rule is about passes, what is long does not.
	 */
	ask("/validate", "agent", "endpoints", 3, 200 << 10);
	ck_assert_ptr_nonnull(strstr(answer.body, ALLOWED));
	ask("/validate", "agent", "secrets", 3, 200 << 10);
	ck_assert_ptr_nonnull(strstr(answer.body, "no secrets"));
	ask("/mutate", "agent", "configmaps", 3, 200 << 10);
	ck_assert_ptr_nonnull(strstr(answer.body, "\"patchType\":\"JSONPatch\""));
	ask("/validate", "agent", "pods", LIST, 200 << 10);
	ck_assert_ptr_nonnull(strstr(answer.body, "--decision-queue"));
	ask("/validate", "alice", "pods", LIST, 0);
	ck_assert_ptr_nonnull(strstr(answer.body, "looked at"));
	for (int i = 0; i < jobs; i++)
		sem_post(&gate);
	check_no_request_is_left();
}
END_TEST

static void wait_for_a_long_one_to_wait(void)
{
	while (metric_value(
		       long_decisions_metrics, "holdpoint_webhook_long_decisions_waiting", 0) == 0)
		sched_yield();
}

static void let_pass(int64_t ms)
{
	const int64_t end = monotonic_us() + ms * 1000;

	while (monotonic_us() < end)
		sched_yield();
}

/* While others had their turns: its own time has not begun; but the caller's may be over. */
START_TEST(exchange_long__waits_in_vain_no_longer_than_its_caller)
{
	static const struct {
		const char *query, *expected;
	} waits[] = {{"?timeout=30s", "looked at"}, {"?timeout=60ms", "(--decision-threads)"}};
	pthread_t thread;
	char path[64];

	sem_init(&gate, 0, 0);
	sem_init(&began, 0, 0);
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(long_decisions_submit(webhook.long_decisions,
					 i ? SPAN("b") : SPAN("a"), 0, occupy, NULL),
			0);
		sem_wait(&began);
	}
	webhook.decision_timeout_us = 500000;
	snprintf(path, sizeof(path), "/validate%s", waits[_i].query);
	ck_assert_int_eq(pthread_create(&thread, NULL, ask_long, path), 0);
	wait_for_a_long_one_to_wait();
	let_pass(550); /* both the decision's time and the short call's */
	sem_post(&gate);
	sem_post(&gate);
	pthread_join(thread, NULL);
	ck_assert_ptr_nonnull(strstr(answer.body, DENIED));
	ck_assert_msg(strstr(answer.body, waits[_i].expected) != NULL, "%s", answer.body);
	check_no_request_is_left();
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("exchange_long");

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, exchange_long__is_decided_like_any, 0, ARRAY_LEN(cases));
	tcase_add_test(t, exchange_long__in_time_or_not_at_all);
	tcase_add_test(t, exchange_long__in_nobodys_way);
	tcase_add_loop_test(t, exchange_long__waits_in_vain_no_longer_than_its_caller, 0, 2);
	return run_tests(t);
}
