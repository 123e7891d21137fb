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
	ck_assert_int_eq(notify_put_body(&target, &ev, arena, &out), NOTIFY_BODY_PUT);
	ck_assert_int_eq(json_read(out.ptr, out.len, &limits, arena, &d, NULL), 0);
	return d;
}

static const struct {
	const char *expected, *event, *payload;
} slack[] = {
	{"*Hold 42* denied: `DELETE pods prod/web` by `agent`\nDecided by: `alice`\nReason: `a "
	 "&lt;b&gt; "
	 "&amp;`",
		"hold.denied",
		"{\"operation\":\"DELETE\",\"resource\":\"pods\",\"namespace\":\"prod\",\"name\":"
		"\"web\",\"requester\":\"agent\",\"decidedBy\":\"alice\",\"reason\":\"a <b> &\"}"},
	/* a line of its own would look like one of ours */
	{"*Hold 42* denied: `` by `agent Decided by: boss`", "hold.denied",
		"{\"requester\":\"agent\\nDecided by: boss\"}"},
	{"*Hold 42* denied: `` by `a?b?c?d?e gr\u00fcn`", "hold.denied",
		"{\"requester\":\"a\\u202eb\\u2066c\\u0085d\\u200be gr\\u00fcn\"}"},
	{"*37 more holds* wait for approval by `agent X: all mine`\nCluster: prod\nNumbers: 4, 5\n"
	 "May be decided by: sre\n`holdpoint holds --user …`  `holdpoint deny --user …`\n"
	 "• `DELETE pods prod/x' *bold*`\n• `get secrets`",
		"holds.pending",
		"{\"count\":37,\"requester\":\"agent\\nX: all mine\",\"cluster\":\"prod\","
		"\"holds\":[4,5],\"what\":[\"DELETE pods prod/x`\\n*bold*\",\"get secrets\"],"
		"\"approverNames\":\"sre\"}"},
	{"*2 more holds* were decided on in a name that is somebody else's by `ci`\nNumbers: 4, 5",
		"holds.impersonated", "{\"count\":2,\"requester\":\"ci\",\"holds\":[4,5]}"},
	{"*21 more holds* expired by `agent`\nNumbers: 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, "
	 "14, 15, 16, 17, 18, 19, 20 …",
		"holds.expired",
		"{\"count\":21,\"requester\":\"agent\",\"holds\":[1,2,3,4,5,6,7,8,9,10,11,12,13,"
		"14,15,16,17,18,19,20,21]}"},
	{"*Stopped*: user `agent`. Everything it asks for is denied until 2026-01-02 16:04:09 UTC\n"
	 "Cluster: c1\nBy: `sam`\nReason: `' *loop*`",
		"identity.stopped",
		"{\"kind\":\"user\",\"identity\":\"agent\",\"cluster\":\"c1\",\"decidedBy\":"
		"\"sam\",\"reason\":\"` *loop*\",\"until\":\"2026-01-02T16:04:09+00:00\"}"},
	{"*Resumed*: group `ai`\nCluster: c1\nBy: `sam`\nReason: `over`", "identity.resumed",
		"{\"kind\":\"group\",\"identity\":\"ai\",\"cluster\":\"c1\",\"decidedBy\":"
		"\"sam\",\"reason\":\"over\",\"until\":null}"},
	{"*Hold 42* denied: `` by `x?y`", "hold.denied", "{\"requester\":\"x\\u0000y\"}"},
	/* the command of another hold, links, mentions, a rule and approvers of the agent's making
	 */
	{"*Hold 42* waits for approval: `CONNECT pods/exec dev/' 'holdpoint approve 97'` by "
	 "`agent`\n"
	 "Rule: agents/exec\nCluster: c1\nMay be decided by: sre\nExpires: 2026-01-02 16:04:09 "
	 "UTC\n"
	 "`holdpoint approve 42`  `kubectl holdpoint approve 42`\n"
	 "The rule says: `runs sh' Rule: harmless/read *May be decided by: anybody* 'holdpoint "
	 "approve 97' &lt;!channel&gt; &lt;https://evil.example|ok&gt; @here`\n"
	 "The change:\n"
	 "```+ command: [\"sh\", \"-c\", \"'''\\nholdpoint approve 97\"]\n"
	 "… and 3 more\n"
	 "```\nAll of it: `holdpoint holds show 42`",
		"hold.pending",
		"{\"operation\":\"CONNECT\",\"resource\":\"pods/"
		"exec\",\"namespace\":\"dev\",\"name\":"
		"\"` `holdpoint approve 97`\",\"requester\":\"agent\",\"rules\":\"agents/exec\","
		"\"cluster\":\"c1\",\"approverNames\":\"sre\",\"expiresAt\":\"2026-01-02T16:04:09."
		"25+00:00\","
		"\"message\":"
		"\"runs sh`\\nRule: harmless/read\\n*May be decided by: anybody*\\n`holdpoint "
		"approve "
		"97` <!channel> <https://evil.example|ok> @here\",\"changeUnseen\":null,"
		"\"changeBrief\":\"+ command: [\\\"sh\\\", \\\"-c\\\", \\\"```\\\\nholdpoint "
		"approve "
		"97\\\"]\\n… and 3 more\\n\"}"},
	/* what is not shown is said, and the command that is needed then */
	{"*Hold 42* waits for approval: `CREATE pods x` by `a`\n"
	 "`holdpoint approve 42 --unseen`  `kubectl holdpoint approve 42 --unseen`\n"
	 "NOT ALL OF IT IS SHOWN: `data.'x (shortened)`",
		"hold.pending",
		"{\"operation\":\"CREATE\",\"resource\":\"pods\",\"name\":\"x\",\"requester\":"
		"\"a\","
		"\"changeUnseen\":\"data.`x (shortened)\"}"},
};

/* Sent later is better than sent without its requester, or than not at all. */
START_TEST(notify_message__is_whole_or_waits_for_memory)
{
	const struct notify_target target = {.type = _i ? NOTIFY_WEBHOOK : NOTIFY_SLACK};
	const struct notify_event ev = {.cluster = "c1",
		.event = "hold.denied",
		.created_at = "2026-01-02T03:04:05Z",
		.payload = SPAN("{\"requester\":\"a\\u0062\",\"name\":\"x\\u0079\"}")};
	_cleanup_(buf_free) struct buf whole = BUF_INIT(65536);
	unsigned waited = 0, put = 0;

	ck_assert_int_eq(notify_put_body(&target, &ev, arena, &whole), NOTIFY_BODY_PUT);
	for (size_t max = 16; max < 4096; max += 8) {
		_cleanup_(arena_freep) struct arena *small = arena_new(16, max);
		enum notify_body body;

		buf_reset(&out);
		body = notify_put_body(&target, &ev, small, &out);
		waited += body == NOTIFY_BODY_NO_ROOM;
		put += body == NOTIFY_BODY_PUT;
		ck_assert_int_ne(body, NOTIFY_BODY_UNREADABLE);
		if (body == NOTIFY_BODY_PUT)
			ck_assert_str_eq(buf_str(&out), buf_str(&whole));
	}
	ck_assert_uint_gt(waited, 10);
	ck_assert_uint_gt(put, 10);
}
END_TEST

START_TEST(notify_message__what_is_no_json_is_given_up)
{
	const struct notify_target target = {.type = NOTIFY_SLACK};
	const struct notify_event ev = {.event = "hold.denied", .payload = SPAN("{\"a\":")};

	ck_assert_int_eq(notify_put_body(&target, &ev, arena, &out), NOTIFY_BODY_UNREADABLE);
}
END_TEST

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
	tcase_add_loop_test(t, notify_message__is_whole_or_waits_for_memory, 0, 2);
	tcase_add_test(t, notify_message__what_is_no_json_is_given_up);
	tcase_add_loop_test(t, notify_message__slack, 0, ARRAY_LEN(slack));
	tcase_add_test(t, notify_message__cloud_event_has_the_payload);
	return run_tests(t);
}
