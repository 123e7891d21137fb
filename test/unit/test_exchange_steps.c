/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An exchange from within: steps that may not follow, requests made small, and memory that runs out
 * in between.
 */
#include <signal.h>
#include <sys/wait.h>

#include "common/base/clock.h"
#include "support/run_tests.h"
#include "unit/webhook_support.h"
#include "webhook/record/decision_row.h"

static const char policy[] =
	"apiVersion: holdpoint.dev/v1alpha1\n"
	"kind: GuardrailPolicy\n"
	"metadata: {name: test}\n"
	"spec:\n"
	"  rules:\n"
	"  - name: noted\n"
	"    match: [{apiGroups: [''], resources: [pods], operations: [DELETE]}]\n"
	"    action: Warn\n"
	"    message: \"'{{ request.userInfo.username }}' deletes\"\n"
	"  - name: ask\n"
	"    match: [{apiGroups: [''], resources: [pods], operations: [DELETE]}]\n"
	"    action: Hold\n"
	"    message: \"{{ request.name }} is deleted\"\n"
	"    hold: {approvers: [sre], expires: 1h}\n"
	"  - name: ask-more\n"
	"    match: [{apiGroups: [''], resources: [pods], operations: [DELETE]}]\n"
	"    when: [\"request.namespace == 'two'\"]\n"
	"    action: Hold\n"
	"    message: it is asked twice\n"
	"    hold: {approvers: [oncall, dba], expires: 1h}\n";

static const char review[] =
	"{\"kind\":\"AdmissionReview\",\"apiVersion\":\"admission.k8s.io/v1\",\"request\":{"
	"\"uid\":\"u-1\",\"operation\":\"DELETE\",\"resource\":{\"group\":\"\",\"version\":\"v1\","
	"\"resource\":\"pods\"},\"kind\":{\"group\":\"\",\"version\":\"v1\",\"kind\":\"Pod\"},"
	"\"name\":\"web\",\"namespace\":\"prod\",\"userInfo\":{\"username\":\"agent\",\"groups\":["
	"\"ai-agents\",\"dev\"]},\"oldObject\":{\"metadata\":{\"name\":\"web\",\"uid\":\"p\","
	"\"annotations\":{\"a\":\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
	"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
	"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
	"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
	"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
	"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
	"\"}}}}}";

static struct exchange *step(struct exchange *x)
{
	return exchange_step_fns[x->step](x);
}

/* At QUEUE, its query prepared. */
static struct exchange *held_exchange(struct http_request *req)
{
	struct exchange *x = exchange_new(&webhook, req, ENDPOINT_VALIDATE);

	while (x->step != EXCHANGE_QUEUE)
		x = step(x);
	return x;
}

/* As if the gate had said that hold 42 waits. */
static void waits_a_moment(struct http_request *req, void *userdata)
{
	struct exchange *x = held_exchange(req);

	(void)userdata;
	x->verdict = (struct hold_verdict){.kind = HOLD_HELD,
		.id = 42,
		.expires = "2026-01-02T03:04:05Z",
		.min_approvals = 1,
		.approvers = SPAN("sre")};
	x->wait_until_us = (uint64_t)monotonic_us() + 500000;
	exchange_move(x, EXCHANGE_ASK);
	exchange_run(exchange_move(x, EXCHANGE_WAIT));
}

/* As if nobody had decided, and nothing were left for the words. */
static void waits_and_runs_out_of_memory(struct http_request *req, void *userdata)
{
	struct exchange *x = held_exchange(req);

	(void)userdata;
	x->verdict = (struct hold_verdict){.kind = HOLD_HELD, .id = 42};
	exchange_move(exchange_move(x, EXCHANGE_ASK), EXCHANGE_WAIT);
	x = exchange_compact(x);
	ck_assert_ptr_nonnull(x);
	while (arena_alloc(x->arena, 4096))
		;
	while (arena_alloc(x->arena, 1))
		;
	exchange_run(exchange_move(x, EXCHANGE_VERDICT));
}

static void runs_out_of_memory(struct http_request *req, void *userdata)
{
	struct exchange *x = step(exchange_new(&webhook, req, ENDPOINT_VALIDATE));

	(void)userdata;
	ck_assert_int_eq(x->step, EXCHANGE_DECIDE);
	while (arena_alloc(x->arena, 1))
		;
	exchange_run(x);
}

/* The whole query before and after, in one text each. */
static void put_params(struct buf *b, const struct exchange *x, struct arena *arena)
{
	struct span all[HOLD_QUERY_PARAMS];

	ck_assert_int_eq(hold_query_params(&x->query, "c1", arena, all), 0);
	for (size_t i = 0; i < HOLD_QUERY_PARAMS; i++)
		buf_printf(b, "%zu=%.*s\n", i, SPAN_FMT(all[i]));
}

static struct buf before = BUF_INIT(1 << 20), after = BUF_INIT(1 << 20);

static void is_made_small(struct http_request *req, void *userdata)
{
	struct exchange *x = held_exchange(req), *small;

	(void)userdata;
	put_params(&before, x, x->arena);
	small = exchange_compact(x);
	ck_assert_ptr_nonnull(small);
	ck_assert_ptr_ne(small, x);
	ck_assert_uint_eq(arena_reserved(small->arena), 0);
	ck_assert_uint_eq(http_request_body(req).len, 0);
	small = exchange_compact(small);
	ck_assert_ptr_nonnull(small);
	put_params(&after, small, small->arena);
	exchange_move(small, EXCHANGE_VERDICT);
	small->verdict = (struct hold_verdict){.kind = HOLD_ALLOW, .id = 42};
	exchange_run(small);
}

/* What the gate may say, as hold_verdict_read() leaves it. */
static const struct hold_verdict verdicts[] = {
	{.kind = HOLD_HELD,
		.id = 42,
		.expires = "2026-01-02T03:04:05Z",
		.approvals = 1,
		.min_approvals = 3,
		.state = SPAN("pending"),
		.approvers = SPAN("dba")},
	{.kind = HOLD_ALLOW, .id = 42, .state = SPAN("used"), .approvers = SPAN("")},
	{.kind = HOLD_DENIED,
		.id = 42,
		.state = SPAN("denied"),
		.decided_by = SPAN("alice"),
		.reason = SPAN("no")},
	{.kind = HOLD_LIMIT, .reason = SPAN("too many")},
	{.kind = HOLD_PAUSED, .reason = SPAN("not now"), .expires = "2026-01-02T03:04:05Z"},
	{.kind = HOLD_IN_HAND},
	{.kind = HOLD_BUSY},
	{.kind = HOLD_UNAVAILABLE},
	{.kind = HOLD_FAILED, .error = SPAN("why")},
};

/* In the arena, which is given back with it. */
static struct hold_verdict verdict_in(struct arena *arena, const struct hold_verdict *from)
{
	struct hold_verdict v = *from;
	struct span *const texts[] = {&v.state, &v.approvers, &v.decided_by, &v.reason, &v.error};

	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		if (texts[i]->ptr)
			texts[i]->ptr = arena_strndup(arena, texts[i]->ptr, texts[i]->len);
	return v;
}

/* Its record's row, but for the time. */
static void put_row(struct buf *b, const struct exchange *x)
{
	static const uint8_t id[UUID_LEN];
	struct policy_request request = x->request;

	request.now_us = 0;
	decision_row_put(b, "c1", "test",
		&(struct decision_record){.decision_id = id,
			.endpoint = "validate",
			.request_uid = x->uid,
			.request = &request,
			.decision = &x->decision,
			.policy_digest = policy_set_digest(x->set)});
	ck_assert(!b->failed);
}

static unsigned which, times_small;

/* Made small in the queue, and then as often as it waits. */
static void is_told_the_verdict(struct http_request *req, void *userdata)
{
	struct exchange *x = held_exchange(req);

	(void)userdata;
	if (times_small > 0)
		x = exchange_compact(x);
	for (unsigned i = 1; i < times_small && verdicts[which].kind == HOLD_HELD; i++) {
		x->verdict = verdict_in(x->arena, &verdicts[which]);
		x = exchange_compact(x);
	}
	if (times_small < 2 || verdicts[which].kind != HOLD_HELD)
		x->verdict = verdict_in(x->arena, &verdicts[which]);
	put_row(times_small > 0 ? &after : &before, x);
	exchange_run(exchange_move(exchange_move(x, EXCHANGE_ASK), EXCHANGE_VERDICT));
}

static const struct http_route routes[] = {
	{"POST", "/verdict", false, NULL, is_told_the_verdict, NULL},
	{"POST", "/wait", false, NULL, waits_a_moment, NULL},
	{"POST", "/wait-full", false, NULL, waits_and_runs_out_of_memory, NULL},
	{"POST", "/full", false, NULL, runs_out_of_memory, NULL},
	{"POST", "/small", false, NULL, is_made_small, NULL},
	{0},
};

static void setup(void)
{
	webhook_start(policy, routes);
}

static void teardown(void)
{
	webhook_stop();
	buf_free(&before);
	buf_free(&after);
}

/* The decision that it was held by is not made again: its body is gone. */
START_TEST(exchange_steps__nobody_decides_while_it_waits)
{
	read_answer(send_review("/wait", review));
	ck_assert_int_eq(answer.status, 200);
	ck_assert_ptr_nonnull(strstr(answer.body, "\"uid\":\"u-1\",\"allowed\":false"));
	ck_assert_ptr_nonnull(strstr(answer.body,
		"\"message\":\"hold 42 waits for approval: nobody has decided yet\\nYou cannot "
		"approve it. Tell "
		"the person you work for that it needs sre, and do not try another way. When it is "
		"approved, repeat exactly this request; to wait for it: kubectl holdpoint wait "
		"42\\n"
		"web is deleted\\nHeld by rule test/ask; may be approved by sre (0 of 1 "
		"approvals); expires "
		"2026-01-02 03:04:05 UTC."));
	ck_assert_ptr_nonnull(
		strstr(answer.body, "\"warnings\":[\"test/noted: 'agent' deletes\"]"));
	ck_assert_ptr_nonnull(
		strstr(answer.body, "\"name\":\"web\",\"group\":\"\",\"kind\":\"pods\""));
	ck_assert_ptr_nonnull(strstr(answer.body, "\"decision\":\"Hold\""));
	ck_assert_ptr_nonnull(strstr(answer.body, "\"hold\":\"42\""));
}
END_TEST

START_TEST(exchange_steps__memory_is_short_after_waiting)
{
	int64_t failed =
		metric_value(hold_gate_metrics, "holdpoint_webhook_holds_total", HOLD_FAILED);

	read_answer(send_review("/wait-full", review));
	ck_assert_int_eq(answer.status, 200);
	ck_assert_ptr_nonnull(strstr(answer.body, "\"uid\":\"u-1\",\"allowed\":false"));
	ck_assert_ptr_nonnull(strstr(answer.body, "needs more memory than one request may use"));
	ck_assert_int_eq(
		metric_value(hold_gate_metrics, "holdpoint_webhook_holds_total", HOLD_FAILED),
		failed + 1);
}
END_TEST

START_TEST(exchange_steps__memory_is_short_while_deciding)
{
	read_answer(send_review("/full", review));
	ck_assert_int_eq(answer.status, 200);
	ck_assert_ptr_nonnull(strstr(answer.body, "\"uid\":\"u-1\",\"allowed\":false"));
	ck_assert_ptr_nonnull(strstr(answer.body, "needs more memory than one request may use"));
}
END_TEST

START_TEST(exchange_steps__made_small_it_asks_and_answers_the_same)
{
	read_answer(send_review("/small", review));
	ck_assert_str_eq(buf_str(&after), buf_str(&before));
	ck_assert_ptr_nonnull(strstr(buf_str(&after), "{\"operation\":\"DELETE\",\"summary\":{"));
	ck_assert_ptr_nonnull(strstr(answer.body, "\"uid\":\"u-1\",\"allowed\":true"));
	ck_assert_ptr_nonnull(strstr(answer.body, "\"decision\":\"Approved\""));
}
END_TEST

/* The answer but for its decision's number. */
static void put_answer(struct buf *out)
{
	char *id = strstr(answer.body, "\"decision-id\":\"");

	ck_assert_int_eq(answer.status, 200);
	ck_assert_ptr_nonnull(id);
	memset(id + strlen("\"decision-id\":\""), 'x', 36);
	buf_add_str(out, answer.body);
}

/* Whether it was made small, and how often, changes nothing of the answer nor of the record. */
START_TEST(exchange_steps__made_small_or_not_it_is_answered_alike)
{
	static char two[sizeof(review)];
	const char *text = _i % 2 ? two : review;

	memcpy(two, review, sizeof(two));
	memcpy(strstr(two, "\"prod\""), "\"two\" ", 6);
	which = (unsigned)_i / 2;
	times_small = 0;
	post("/verdict", text);
	put_answer(&before);
	for (times_small = 1; times_small <= 3; times_small++) {
		buf_reset(&after);
		post("/verdict", text);
		put_answer(&after);
		ck_assert_str_eq(buf_str(&after), buf_str(&before));
	}
}
END_TEST

/* ---- what must not be ---- */

/* Does fn end its process with an assertion? */
static bool aborts(void (*fn)(struct exchange *), struct exchange *x)
{
	pid_t child = fork();
	int status;

	ck_assert_int_ge(child, 0);
	if (child == 0) {
		fclose(stderr);
		fn(x);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

static void skips_the_record(struct exchange *x)
{
	exchange_move(x, EXCHANGE_REPLY);
}

static void goes_back(struct exchange *x)
{
	exchange_move(x, EXCHANGE_READ);
}

static void is_touched_by_two(struct exchange *x)
{
	exchange_leave(x);
	exchange_move(x, EXCHANGE_VERDICT);
}

static void is_resumed_twice(struct exchange *x)
{
	exchange_resume(x, EXCHANGE_VERDICT);
}

static void leaves_before_it_is_suspended(struct exchange *x)
{
	x->suspended = false;
	exchange_leave(x);
}

static void goes_on(struct exchange *x)
{
	exchange_leave(x);
	exchange_stay(x);
	exchange_move(x, EXCHANGE_VERDICT);
}

static const struct {
	bool aborts;
	void (*fn)(struct exchange *);
} misuses[] = {
	{true, skips_the_record},
	{true, goes_back},
	{true, is_touched_by_two},
	{true, is_resumed_twice},
	{true, leaves_before_it_is_suspended},
	{false, goes_on},
};

START_TEST(exchange_steps__misuse_ends_the_process)
{
	struct exchange x = {.step = EXCHANGE_ASK, .suspended = true};

	ck_assert_int_eq(aborts(misuses[_i].fn, &x), misuses[_i].aborts);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("exchange_steps");

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, exchange_steps__nobody_decides_while_it_waits);
	tcase_add_test(t, exchange_steps__memory_is_short_after_waiting);
	tcase_add_test(t, exchange_steps__memory_is_short_while_deciding);
	tcase_add_test(t, exchange_steps__made_small_it_asks_and_answers_the_same);
	tcase_add_loop_test(t, exchange_steps__made_small_or_not_it_is_answered_alike, 0,
		2 * ARRAY_LEN(verdicts));
	tcase_add_loop_test(t, exchange_steps__misuse_ends_the_process, 0, ARRAY_LEN(misuses));
	return run_tests(t);
}
