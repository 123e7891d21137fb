/* SPDX-License-Identifier: Apache-2.0 */
/* A decision record as one row of a binary COPY: the type of each column, and what is absent. */
#include "webhook/record/decision_row.h"

#include <check.h>
#include <stdio.h>

#include "common/base/crypto.h"
#include "common/base/rfc3339.h"
#include "common/pg/copy_binary.h"
#include "support/run_tests.h"

static struct buf out = BUF_INIT(1 << 20);

static void teardown(void)
{
	buf_free(&out);
}

enum { COLUMNS = 28 };

/* In the order of decision_row_copy_sql. */
static const char *const names[COLUMNS] = {"recorded_at", "cluster", "decision_id", "time",
	"instance", "endpoint", "request_uid", "username", "groups", "operation", "api_group",
	"api_version", "resource", "subresource", "namespace", "name", "policy", "rule", "rules",
	"policy_digest", "action", "enforcement", "allowed", "answer", "hold_id", "dry_run",
	"latency_us", "message"};

static const struct policy_rule_info deletes = {"agents", "deletes", POLICY_HOLD, POLICY_ENFORCE,
					     NULL, NULL},
				     watched = {"prod", "watched", POLICY_DENY, POLICY_DRY_RUN,
					     NULL, NULL};
static const struct policy_match held[] = {
	{.rule = &watched, .effective = POLICY_AUDIT, .message = SPAN("w")},
	{.rule = &deletes, .effective = POLICY_HOLD, .message = SPAN("m")},
};
static const struct policy_decision
	no_rule = {.action = POLICY_NONE},
	hold = {.action = POLICY_HOLD, .matches = held, .match_count = 2, .decisive = &held[1]},
	dry_run = {.action = POLICY_AUDIT, .matches = held, .match_count = 1, .decisive = &held[0]};

#define DIGEST "a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e8f90"
static const uint8_t id[UUID_LEN] = {0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99,
	0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff};
static const struct span plain_groups[] = {{"ai", 2}, {"dev", 3}};
static const struct span odd_groups[] = {{"a\"b\\c", 5}, {"d\te\n", 4}, {"", 0}};

static const struct {
	const char *column, *expected;
	struct policy_request request;
	struct decision_record record;
	const struct policy_decision *decision;
} cases[] = {
	{"cluster", "c\t1", {0}, {0}, &no_rule},
	{"decision_id", "00112233445566778899aabbccddeeff", {0}, {0}, &no_rule},
	{"instance", "pod-1", {0}, {0}, &no_rule},
	{"endpoint", "validate", {0}, {0}, &no_rule},
	{"time", "1767323045000067", {.now_us = INT64_C(1767323045000067)}, {0}, &no_rule},
	{"recorded_at", "1767323045000067", {.now_us = INT64_C(1767323045000067)}, {0}, &no_rule},
	{"request_uid", "\\N", {0}, {0}, &no_rule},
	{"request_uid", "u-1", {0}, {.request_uid = SPAN("u-1")}, &no_rule},
	{"username", "a\\b\tc\nd\re\xef\xbf\xbd", {.username = SPAN("a\\b\tc\nd\re\0")}, {0},
		&no_rule},
	{"groups", "{}", {0}, {0}, &no_rule},
	{"groups", "{ai|dev}", {.groups = plain_groups, .group_count = 2}, {0}, &no_rule},
	{"groups", "{a\"b\\c|d\te\n|}", {.groups = odd_groups, .group_count = 3}, {0}, &no_rule},
	{"operation", "DELETE", {.operation = OPERATION_DELETE}, {0}, &no_rule},
	{"operation", "get", {.endpoint = ENDPOINT_AUTHORIZE, .verb = SPAN("get")}, {0}, &no_rule},
	{"api_group", "", {0}, {0}, &no_rule},
	{"api_group", "apps", {.api_group = SPAN("apps")}, {0}, &no_rule},
	{"resource", "pods", {.resource = SPAN("pods")}, {0}, &no_rule},
	{"name", "", {0}, {0}, &no_rule},
	{"name", "web", {.name = SPAN("web")}, {0}, &no_rule},
	{"name", "/metrics", {.name = SPAN("web"), .path = SPAN("/metrics")}, {0}, &no_rule},
	{"policy", "\\N", {0}, {0}, &no_rule},
	{"policy", "agents", {0}, {0}, &hold},
	{"rule", "deletes", {0}, {0}, &hold},
	{"rules", "{}", {0}, {0}, &no_rule},
	{"rules", "{prod/watched|agents/deletes}", {0}, {0}, &hold},
	{"policy_digest", "\\N", {0}, {0}, &no_rule},
	{"policy_digest", DIGEST, {0}, {.policy_digest = "sha256:" DIGEST}, &no_rule},
	{"policy_digest", "\\N", {0}, {.policy_digest = "sha256:abcd"}, &no_rule},
	{"action", "Allow", {0}, {0}, &no_rule},
	{"action", "Hold", {0}, {0}, &hold},
	{"action", "Deny", {0}, {0}, &dry_run},
	{"enforcement", "Enforce", {0}, {0}, &no_rule},
	{"enforcement", "DryRun", {0}, {0}, &dry_run},
	{"allowed", "f", {0}, {0}, &no_rule},
	{"allowed", "t", {0}, {.allowed = true}, &no_rule},
	{"answer", "denied", {0}, {.endpoint = "validate"}, &no_rule},
	{"answer", "allowed", {0}, {.endpoint = "mutate", .allowed = true}, &no_rule},
	{"answer", "asked: no", {0}, {.endpoint = "authorize"}, &no_rule},
	{"answer", "asked: yes", {0}, {.endpoint = "authorize", .allowed = true}, &no_rule},
	{"hold_id", "\\N", {0}, {0}, &hold},
	{"hold_id", "42", {0}, {.hold_id = 42}, &hold},
	{"dry_run", "t", {.dry_run = true}, {0}, &no_rule},
	{"latency_us", "17", {0}, {.latency_us = 17}, &no_rule},
	{"latency_us", "2147483647", {0}, {.latency_us = UINT64_C(1) << 40}, &no_rule},
	{"message", "\\N", {0}, {0}, &no_rule},
	{"message", "two\nlines", {0}, {.message = SPAN("two\nlines")}, &no_rule},
	{"message", "\\N", {0}, {.message = SPAN("\\N")}, &no_rule},
};

static int64_t number_of(struct span field)
{
	uint64_t v = 0;

	for (size_t i = 0; i < field.len; i++)
		v = v << 8 | (uint8_t)field.ptr[i];
	return (int64_t)v;
}

/* Elements of a text[], with a bar between them. */
static void say_array(struct span field, struct buf *text)
{
	/* Dimensions, whether it has nulls, element type; for one dimension its size and first. */
	int64_t dimensions = number_of((struct span){field.ptr, 4});
	size_t at = dimensions == 0 ? 12 : 20;

	ck_assert_int_eq(number_of((struct span){field.ptr + 4, 4}), 0);
	ck_assert_int_eq(number_of((struct span){field.ptr + 8, 4}), 25);
	buf_add_char(text, '{');
	for (const char *bar = ""; at < field.len; bar = "|") {
		size_t len = (size_t)number_of((struct span){field.ptr + at, 4});

		buf_printf(text, "%s%.*s", bar, (int)len, field.ptr + at + 4);
		at += 4 + len;
	}
	buf_add_char(text, '}');
}

/* As a person would write it: by the type that the column has in the database. */
static const char *said(const char *column, struct span field)
{
	static const char *const arrays[] = {"groups", "rules"},
				 *const binary[] = {"decision_id", "policy_digest"},
				 *const numbers[] = {"hold_id", "latency_us"},
				 *const times[] = {"recorded_at", "time"},
				 *const truths[] = {"allowed", "dry_run"};
	static struct buf text = BUF_INIT(1 << 20);

	if (!field.ptr)
		return "\\N";
	buf_reset(&text);
	for (size_t i = 0; i < 2; i++) {
		if (strcmp(column, arrays[i]) == 0)
			say_array(field, &text);
		else if (strcmp(column, binary[i]) == 0)
			hex_put(&text, field.ptr, field.len);
		else if (strcmp(column, numbers[i]) == 0)
			buf_printf(&text, "%lld", (long long)number_of(field));
		else if (strcmp(column, times[i]) == 0) /* since 2000 */
			buf_printf(&text, "%lld",
				(long long)number_of(field) + 946684800 * INT64_C(1000000));
		else if (strcmp(column, truths[i]) == 0)
			buf_add_char(&text, number_of(field) ? 't' : 'f');
	}
	if (text.len == 0)
		buf_add(&text, field.ptr, field.len);
	return buf_str(&text);
}

/* The column of the row that was written; fails unless it is one row of all columns. */
static const char *column_of_row(const char *name)
{
	struct span rest = buf_span(&out), row;
	unsigned column = 0;

	ck_assert(copy_next_row(&rest, &row));
	ck_assert_uint_eq(rest.len, 0);
	ck_assert_int_eq(number_of((struct span){row.ptr, 2}), COLUMNS);
	while (strcmp(names[column], name) != 0)
		ck_assert_uint_lt(++column, COLUMNS);
	return said(name, copy_field(row, column));
}

START_TEST(decision_row__column)
{
	struct decision_record r = cases[_i].record;

	r.decision_id = id;
	if (!r.endpoint)
		r.endpoint = "validate";
	r.request = &cases[_i].request;
	r.decision = cases[_i].decision;
	buf_reset(&out);
	decision_row_put(&out, "c\t1", "pod-1", &r);
	ck_assert(!out.failed);
	ck_assert_str_eq(column_of_row(cases[_i].column), cases[_i].expected);
}
END_TEST

START_TEST(decision_row__columns_are_those_of_the_copy)
{
	const char *at = strchr(decision_row_copy_sql, '(') + 1;

	for (int i = 0; i < COLUMNS; i++) {
		size_t len = strcspn(at, ",)");

		ck_assert_uint_eq(len, strlen(names[i]));
		ck_assert_mem_eq(at, names[i], len);
		at += len + (i + 1 < COLUMNS ? strlen(", ") : 0);
	}
	ck_assert_str_eq(at, ") FROM STDIN (FORMAT binary)");
}
END_TEST

/* What the database would refuse for its time is recorded as of now there. */
START_TEST(decision_row__a_clock_that_is_off_is_put_right)
{
	static const struct {
		const char *expected;
		int64_t ahead_us;
	} clocks[] = {{"10800000000", 0}, {"10800000000", INT64_C(59) * 1000000},
		{"3600000000", INT64_C(-7200) * 1000000}, {"10920000000", INT64_C(120) * 1000000},
		{"10800000000", 0}};
	const struct policy_request q = {.now_us = INT64_C(3) * 3600 * 1000000};
	const struct decision_record r = {
		.decision_id = id, .endpoint = "validate", .request = &q, .decision = &no_rule};

	for (size_t i = 0; i < ARRAY_LEN(clocks); i++) {
		buf_reset(&out);
		decision_row_set_clock(clocks[i].ahead_us);
		decision_row_put(&out, "c1", "pod-1", &r);
		ck_assert_str_eq(column_of_row("recorded_at"), clocks[i].expected);
		ck_assert_str_eq(column_of_row("time"), "10800000000");
	}
}
END_TEST

START_TEST(decision_row__what_is_too_much_is_cut)
{
	static struct span many[1000];
	static char words[10000];
	const struct policy_request q = {.groups = many, .group_count = ARRAY_LEN(many)};
	struct decision_record r = {.decision_id = id,
		.endpoint = "validate",
		.request = &q,
		.decision = &no_rule,
		.message = {words, sizeof(words)}};
	unsigned groups = 1;

	memset(words, 'x', sizeof(words));
	for (size_t i = 0; i < ARRAY_LEN(many); i++)
		many[i] = SPAN("g");
	buf_reset(&out);
	decision_row_put(&out, "c1", "pod-1", &r);
	ck_assert_uint_eq(strlen(column_of_row("message")), 4096);
	for (const char *p = column_of_row("groups"); *p; p++)
		groups += *p == '|';
	ck_assert_uint_eq(groups, 256);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("decision_row");

	tcase_add_checked_fixture(t, NULL, teardown);
	tcase_add_loop_test(t, decision_row__column, 0, ARRAY_LEN(cases));
	tcase_add_test(t, decision_row__columns_are_those_of_the_copy);
	tcase_add_test(t, decision_row__a_clock_that_is_off_is_put_right);
	tcase_add_test(t, decision_row__what_is_too_much_is_cut);
	return run_tests(t);
}
