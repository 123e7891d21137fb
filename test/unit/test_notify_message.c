/* SPDX-License-Identifier: Apache-2.0 */
/* What is sent of a hold: names and reasons are others' words, and stay where they are put. */
#include <check.h>

#include "support/run_tests.h"
#include "webhook/notify/notify_message.h"

static struct arena *arena;
static struct buf out = BUF_INIT(1 << 20);

static void setup(void)
{
	arena = arena_new(4096, 16 << 20);
	ck_assert_ptr_nonnull(arena);
}

static void teardown(void)
{
	arena_free(arena);
	buf_free(&out);
}

static struct json_doc body_of(enum notify_type type, const char *event, const char *payload)
{
	static const struct json_limits limits = {1 << 20, 16, 1000, false, false};
	const struct notify_target target = {.type = type};
	const struct notify_event ev = {.cluster = "c1",
		.id = 7,
		.event = event,
		.hold_id = 42,
		.created_at = "2026-01-02T03:04:05Z",
		.payload = span_of(payload)};
	struct json_doc d;

	buf_reset(&out);
	ck_assert_int_eq(notify_put_body(&target, &ev, arena, &out), 0);
	ck_assert_int_eq(json_read(out.ptr, out.len, &limits, arena, &d, NULL), 0);
	return d;
}

static const struct {
	const char *expected, *event, *payload;
} slack[] = {
	{"*Hold 42* denied: DELETE pods prod/web by agent\nDecided by: alice\nReason: a &lt;b&gt; "
	 "&amp;",
		"hold.denied",
		"{\"operation\":\"DELETE\",\"resource\":\"pods\",\"namespace\":\"prod\",\"name\":"
		"\"web\",\"requester\":\"agent\",\"decidedBy\":\"alice\",\"reason\":\"a <b> &\"}"},
	/* a line of its own would look like one of ours */
	{"*Hold 42* denied:  by agent Decided by: boss", "hold.denied",
		"{\"requester\":\"agent\\nDecided by: boss\"}"},
	{"*Hold 42* denied:  by a?b?c?d?e gr\u00fcn", "hold.denied",
		"{\"requester\":\"a\\u202eb\\u2066c\\u0085d\\u200be gr\\u00fcn\"}"},
	{"*Hold 42* denied:  by x?y", "hold.denied", "{\"requester\":\"x\\u0000y\"}"},
};

START_TEST(notify_message__slack)
{
	struct json_doc d = body_of(NOTIFY_SLACK, slack[_i].event, slack[_i].payload);
	struct span text = json_string(&d, json_get_str(&d, JSON_ROOT, "text"), arena);

	ck_assert_str_eq(arena_strndup(arena, text.ptr, text.len), slack[_i].expected);
}
END_TEST

START_TEST(notify_message__cloud_event_has_the_payload)
{
	struct json_doc d = body_of(NOTIFY_WEBHOOK, "hold.pending",
		"{\"requester\":\"a\u202e\",\"n\":18446744073709551616}");
	json_ref data = json_get_str(&d, JSON_ROOT, "data");

	ck_assert(span_eq_str(
		json_text(&d, data), "{\"requester\":\"a\\u202e\",\"n\":18446744073709551616}"));
	ck_assert(json_string_is(
		&d, json_get_str(&d, JSON_ROOT, "type"), SPAN("dev.holdpoint.hold.pending")));
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("notify_message");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, notify_message__slack, 0, ARRAY_LEN(slack));
	tcase_add_test(t, notify_message__cloud_event_has_the_payload);
	return run_tests(t);
}
