/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>

#include "support/run_tests.h"
#include "webhook/answer.h"

static struct arena *arena;
static struct json_doc doc;

static void setup(void)
{
	arena = arena_new(65536, 64 << 20);
}

static void teardown(void)
{
	arena_free(arena);
}

/* Writes the answer and reads it back: what an API server would see. */
static void put(const struct answer *a)
{
	const struct json_limits limits = {1 << 20, 32, 10000, false, false};
	struct span text = answer_put(a, arena);
	struct json_error e;

	ck_assert_ptr_nonnull(text.ptr);
	ck_assert_msg(json_read(text.ptr, text.len, &limits, arena, &doc, &e) == 0, "%s: %.*s",
		e.what, SPAN_FMT(text));
}

static void is(const char *pointer, const char *text)
{
	struct span got = json_text(&doc, json_pointer(&doc, JSON_ROOT, span_of(pointer)));

	ck_assert_msg(span_eq_str(got, text), "%s: %.*s", pointer, SPAN_FMT(got));
}

static void is_absent(const char *pointer)
{
	ck_assert_msg(json_pointer(&doc, JSON_ROOT, span_of(pointer)) == JSON_NONE, "%s", pointer);
}

START_TEST(answer__allowed_is_small)
{
	const struct answer a = {.uid = SPAN("u-1"), .allowed = true};
	struct span text = answer_put(&a, arena);

	ck_assert(span_eq_str(text, "{\"kind\":\"AdmissionReview\",\"apiVersion\":"
				    "\"admission.k8s.io/v1\",\"response\":{\"uid\":\"u-1\","
				    "\"allowed\":true}}"));
}
END_TEST

START_TEST(answer__denied_tells_people_and_programs)
{
	struct answer a = {.uid = SPAN("u-1"),
		.code = 403,
		.reason = "Forbidden",
		.message = SPAN("no \"exec\"\nhere"),
		.group = SPAN(""),
		.resource = SPAN("pods"),
		.name = SPAN("web"),
		.retry_after_s = 2};

	answer_add_cause(&a, "HoldPending", "hold", SPAN("42"));
	answer_annotate(&a, "decision", SPAN("Hold"));
	put(&a);
	is("/response/allowed", "false");
	is("/response/status/status", "\"Failure\"");
	is("/response/status/code", "403");
	is("/response/status/reason", "\"Forbidden\"");
	is("/response/status/message", "\"no \\\"exec\\\"\\nhere\"");
	is("/response/status/details/kind", "\"pods\"");
	is("/response/status/details/name", "\"web\"");
	is("/response/status/details/retryAfterSeconds", "2");
	is("/response/status/details/causes/0/reason", "\"HoldPending\"");
	is("/response/status/details/causes/0/field", "\"hold\"");
	is("/response/status/details/causes/0/message", "\"42\"");
	is("/response/auditAnnotations/decision", "\"Hold\"");
	is_absent("/response/patch");
}
END_TEST

START_TEST(answer__warnings_and_patch)
{
	const struct span warnings[] = {SPAN("one"), SPAN("two")};
	const struct answer a = {.uid = SPAN("u"),
		.allowed = true,
		.warnings = warnings,
		.warning_count = 2,
		.patch = SPAN("[{}]")};

	put(&a);
	is("/response/warnings/1", "\"two\"");
	is("/response/patch", "\"W3t9XQ==\"");
	is("/response/patchType", "\"JSONPatch\"");
	is_absent("/response/status");
}
END_TEST

START_TEST(answer__patch_is_never_sent_with_a_denial)
{
	const struct answer a = {.uid = SPAN("u"),
		.code = 403,
		.reason = "Forbidden",
		.message = SPAN("m"),
		.patch = SPAN("[{}]")};

	put(&a);
	is_absent("/response/patch");
	is_absent("/response/patchType");
}
END_TEST

START_TEST(answer__worst_text_fits_its_bound)
{
	char worst[20000];
	struct answer a = {.uid = SPAN("u"), .code = 403, .reason = "Forbidden"};
	struct span text;

	memset(worst, 1, sizeof(worst));
	a.message = (struct span){worst, sizeof(worst)};
	for (int i = 0; i < 2 * ANSWER_CAUSES_MAX; i++)
		answer_add_cause(&a, "Reason", "field", (struct span){worst, 3000});
	for (int i = 0; i < 2 * ANSWER_ANNOTATIONS_MAX; i++)
		answer_annotate(&a, "key", (struct span){worst, 1000});
	ck_assert_uint_eq(a.cause_count, ANSWER_CAUSES_MAX);
	ck_assert_uint_eq(a.annotation_count, ANSWER_ANNOTATIONS_MAX);
	text = answer_put(&a, arena);
	ck_assert_ptr_nonnull(text.ptr);
	/* not UTF-8: three bytes each */
	memset(worst, 0xff, sizeof(worst));
	ck_assert_ptr_nonnull(answer_put(&a, arena).ptr);
}
END_TEST

START_TEST(answer__message_is_cut_between_characters)
{
	char *long_text = malloc(ANSWER_MESSAGE_MAX + 10);
	struct answer a = {.uid = SPAN("u"), .code = 403, .reason = "Forbidden"};

	memset(long_text, 'a', ANSWER_MESSAGE_MAX - 1);
	memcpy(long_text + ANSWER_MESSAGE_MAX - 1, "\xc3\xa9zzz", 5);
	a.message = (struct span){long_text, ANSWER_MESSAGE_MAX + 4};
	put(&a);
	ck_assert_uint_eq(
		json_raw_string(&doc, json_pointer_str(&doc, JSON_ROOT, "/response/status/message"))
			.len,
		ANSWER_MESSAGE_MAX - 1);
	free(long_text);
}
END_TEST

START_TEST(answer__last_resort_is_a_denial)
{
	const struct json_limits limits = {1 << 20, 32, 10000, false, false};
	struct arena *small = arena_new(64, 128);
	const struct answer a = {.uid = SPAN("u-1"), .allowed = true};
	char out[512];
	struct span text;

	ck_assert_ptr_null(answer_put(&a, small).ptr);
	text = answer_put_last_resort(a.uid, out, sizeof(out));
	ck_assert_int_eq(json_read(text.ptr, text.len, &limits, arena, &doc, NULL), 0);
	is("/response/allowed", "false");
	is("/response/uid", "\"u-1\"");
	arena_free(small);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("answer");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, answer__allowed_is_small);
	tcase_add_test(t, answer__denied_tells_people_and_programs);
	tcase_add_test(t, answer__warnings_and_patch);
	tcase_add_test(t, answer__patch_is_never_sent_with_a_denial);
	tcase_add_test(t, answer__worst_text_fits_its_bound);
	tcase_add_test(t, answer__message_is_cut_between_characters);
	tcase_add_test(t, answer__last_resort_is_a_denial);
	return run_tests(t);
}
