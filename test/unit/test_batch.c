/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <stdio.h>
#include <time.h>

#include "auditsink/batch.h"
#include "auditsink/quarantine.h"
#include "common/pg/copy_binary.h"

static struct masker *masker;
static struct event_scratch scratch;

static void setup(void)
{
	struct err e;

	ck_assert_int_eq(masker_new(NULL, NULL, &masker, &e), 0);
	scratch = (struct event_scratch){.arena = arena_new(1 << 16, 1 << 24),
		.hash = sha256_new(),
		.masked = BUF_INIT(1 << 20)};
}

static void teardown(void)
{
	arena_free(scratch.arena);
	sha256_free(scratch.hash);
	buf_free(&scratch.masked);
	masker_free(masker);
}

/* A list in short: a letter is an event with that auditID, '!' is none. */
static struct batch *make(const char *shape)
{
	_cleanup_(buf_free) struct buf body = BUF_INIT(65536);
	struct batch *b = NULL;
	struct err e;

	buf_add_str(
		&body, "{\"kind\":\"EventList\",\"apiVersion\":\"audit.k8s.io/v1\",\"items\":[");
	for (const char *p = shape; *p; p++) {
		if (p > shape)
			buf_add_char(&body, ',');
		if (*p == '!')
			buf_add_str(&body, "{\"auditID\":\"broken\"}");
		else
			buf_printf(&body,
				"{\"level\":\"Metadata\",\"auditID\":\"%c\",\"stage\":\"Panic\","
				"\"verb\":\"get\",\"user\":{\"username\":\"alice\"},"
				"\"stageTimestamp\":\"2026-01-02T03:04:05Z\"}",
				*p);
	}
	buf_add_str(&body, "]}");
	ck_assert_int_eq(
		batch_build(buf_span(&body), "c", "s", masker, &scratch, &b, &e), BATCH_OK);
	return b;
}

/* "a1 c2": auditID and number of each event. */
static const char *events_of(const struct batch *b, char ret[256])
{
	size_t len = 0;

	ret[0] = '\0';
	for (uint32_t i = 0; i < b->events; i++) {
		struct span row = batch_row(b, i);
		struct span id = copy_field(row, copy_column(event_row_columns, "audit_id"));
		struct span seq = copy_field(row, copy_column(event_row_columns, "seq"));

		ck_assert_uint_eq(seq.len, 8);
		len += (size_t)snprintf(
			ret + len, 256 - len, "%s%.*s%d", i ? " " : "", SPAN_FMT(id), seq.ptr[7]);
	}
	return ret;
}

/* "2:b:get:alice": position, auditID, verb and username of each row of quarantine. */
static const char *quarantine_of(const struct batch *b, char ret[256])
{
	static const char *const names[] = {"audit_id", "verb", "username"};
	struct span rest = buf_span(&b->quarantine_rows), row;
	size_t len = 0;

	ret[0] = '\0';
	while (copy_next_row(&rest, &row)) {
		struct span position =
			copy_field(row, copy_column(quarantine_row_columns, "position"));

		len += (size_t)snprintf(
			ret + len, 256 - len, "%s%d", len ? " " : "", copy_int4(position));
		for (size_t i = 0; i < ARRAY_LEN(names); i++) {
			struct span value =
				copy_field(row, copy_column(quarantine_row_columns, names[i]));

			len += (size_t)snprintf(ret + len, 256 - len, ":%.*s", SPAN_FMT(value));
		}
	}
	ck_assert_uint_eq(rest.len, 0);
	return ret;
}

static const struct {
	const char *events, *quarantine;
	const char *shape;
	const char *refused; /* a digit: the place among the events */
} cases[] = {
	{"a1 b2 c3", "", "abc", ""},
	{"a1 c2", "1:b:get:alice", "abc", "1"},
	{"b1 c2", "0:a:get:alice", "abc", "0"},
	{"a1 b2", "2:c:get:alice", "abc", "2"},
	{"", "0:a:get:alice", "a", "0"},
	{"", "0:a:get:alice 1:b:get:alice", "ab", "01"},
	/* places count those that were no events, too */
	{"a1", "1:broken:: 2:b:get:alice", "a!b", "1"},
	{"c1", "0:broken:: 1:broken:: 4:broken:: 2:a:get:alice 3:b:get:alice", "!!ab!c", "01"},
	{"", "1:broken:: 0:a:get:alice 2:b:get:alice", "a!b", "01"},
};

START_TEST(batch__set_aside_table)
{
	struct batch_refused refused[8];
	char text[256];
	size_t count = 0;
	struct batch *b = make(cases[_i].shape);

	for (const char *p = cases[_i].refused; *p; p++) {
		refused[count].event = (uint32_t)(*p - '0');
		err_set(&refused[count++].why, "too long");
	}
	ck_assert_int_eq(batch_set_aside(b, refused, count), 0);
	ck_assert(batch_is_sound(b));
	batch_number(b, 1);
	ck_assert_str_eq(events_of(b, text), cases[_i].events);
	ck_assert_str_eq(quarantine_of(b, text), cases[_i].quarantine);
	batch_free(b);
}
END_TEST

START_TEST(batch__set_aside_keeps_size_digest_and_reason)
{
	struct batch_refused refused = {.event = 1};
	struct batch *b = make("ab");
	struct span body = copy_field(batch_row(b, 1), copy_column(event_row_columns, "body")), row;
	uint8_t digest[SHA256_LEN];
	struct span rest, field;

	sha256_of(body.ptr, body.len, digest);
	err_set(&refused.why, "the database refuses it (22001): value too long");
	ck_assert_int_eq(batch_set_aside(b, &refused, 1), 0);
	rest = buf_span(&b->quarantine_rows);
	ck_assert(copy_next_row(&rest, &row));
	field = copy_field(row, copy_column(quarantine_row_columns, "sha256"));
	ck_assert(span_eq(field, (struct span){(char *)digest, sizeof(digest)}));
	field = copy_field(row, copy_column(quarantine_row_columns, "reason"));
	ck_assert(span_eq_str(field, "the database refuses it (22001): value too long"));
	field = copy_field(row, copy_column(quarantine_row_columns, "stage_timestamp"));
	ck_assert_uint_eq(field.len, 8);
	ck_assert_uint_eq(b->quarantined, 1);
	batch_free(b);
}
END_TEST

START_TEST(batch__bare_quarantine_says_nothing_of_the_event)
{
	struct batch_refused refused = {.event = 0, .why = {"no"}};
	struct batch *b = make("a!");
	char text[256];

	ck_assert_int_eq(batch_set_aside(b, &refused, 1), 0);
	batch_bare_quarantine(b);
	ck_assert_str_eq(quarantine_of(b, text), "1::: 0:::");
	batch_free(b);
}
END_TEST

/* A spool's file may be damaged: what comes back from it is looked at before it is used. */
START_TEST(batch__places_of_numbers_must_ascend)
{
	struct batch *b = make("ab");
	uint32_t at[2];

	memcpy(at, b->seq_at.ptr, sizeof(at));
	memcpy(b->seq_at.ptr + sizeof(at[0]), at, sizeof(at[0]));
	ck_assert(!batch_is_sound(b));
	memcpy(b->seq_at.ptr + sizeof(at[0]), &at[1], sizeof(at[1]));
	ck_assert(batch_is_sound(b));
	b->seq_at.len--;
	ck_assert(!batch_is_sound(b));
	batch_free(b);
}
END_TEST

/* Events that happened so many seconds before now. */
static struct batch *make_at(const int *ago_s, size_t count)
{
	_cleanup_(buf_free) struct buf body = BUF_INIT(65536);
	struct batch *b = NULL;
	struct err e;

	buf_add_str(
		&body, "{\"kind\":\"EventList\",\"apiVersion\":\"audit.k8s.io/v1\",\"items\":[");
	for (size_t i = 0; i < count; i++) {
		time_t at = time(NULL) - ago_s[i];
		char text[32];

		strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", gmtime(&at));
		buf_printf(&body,
			"%s{\"level\":\"Metadata\",\"auditID\":\"a\",\"stage\":\"Panic\","
			"\"stageTimestamp\":\"%s\"}",
			i ? "," : "", text);
	}
	buf_add_str(&body, "]}");
	ck_assert_int_eq(
		batch_build(buf_span(&body), "c", "s", masker, &scratch, &b, &e), BATCH_OK);
	return b;
}

START_TEST(batch__knows_when_its_events_happened)
{
	static const int ago_s[] = {60, 290, 310, 86400, 0, -2, -10, -3600};
	struct batch *b = make_at(ago_s, ARRAY_LEN(ago_s));

	ck_assert_uint_eq(b->late, 2);
	ck_assert_uint_eq(b->ahead, 2);
	ck_assert_int_le(llabs(b->received_us - b->oldest_us - 86400 * INT64_C(1000000)), 2000000);
	ck_assert_int_le(llabs(b->newest_us - b->received_us - 3600 * INT64_C(1000000)), 2000000);
	batch_free(b);
	b = make_at((const int[]){31536000 * 60}, 1); /* before 1970 */
	ck_assert_int_lt(b->newest_us, 0);
	ck_assert_int_eq(b->newest_us, b->oldest_us);
	batch_free(b);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("batch");
	TCase *t = tcase_create("batch");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, batch__set_aside_table, 0, ARRAY_LEN(cases));
	tcase_add_test(t, batch__set_aside_keeps_size_digest_and_reason);
	tcase_add_test(t, batch__bare_quarantine_says_nothing_of_the_event);
	tcase_add_test(t, batch__knows_when_its_events_happened);
	tcase_add_test(t, batch__places_of_numbers_must_ascend);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
