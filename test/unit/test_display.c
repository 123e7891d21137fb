/* SPDX-License-Identifier: Apache-2.0 */
/* A stored change as people read it: what differs is found, in the short list, too. */
#include "common/display/display.h"

#include <check.h>

#include "support/run_tests.h"

#define SAME "0123456789012345678901234567890123456789"
#define LONG SAME SAME SAME

/* The lines of the short form. */
static const struct {
	const char *expected, *changes;
} cases[] = {
	/* A list of which one element is new, wherever it stands. */
	{"~ rules: 3 elements, before 2; as before 2, in another order\n"
	 "+ rules[1]: {\"verbs\": [\"*\"]}\n",
		"{\"path\":\"rules\",\"old\":[{\"a\":\"" LONG "\"},{\"b\":\"" LONG "\"}],"
		"\"new\":[{\"b\":\"" LONG "\"},{\"verbs\":[\"*\"]},{\"a\":\"" LONG "\"}]}"},
	{"~ rules: 1 element, before 2; as before 1\n- rules[0]: 1\n",
		"{\"path\":\"rules\",\"old\":[1,\"" LONG "\"],\"new\":[\"" LONG "\"]}"},
	{"~ args: 2 elements; as before all 2, in another order\n",
		"{\"path\":\"args\",\"old\":[\"" LONG "\",\"b\"],\"new\":[\"b\",\"" LONG "\"]}"},
	/* As often as it is there. */
	{"~ args: 3 elements, before 2; as before 2\n+ args[2]: \"" LONG "\"\n",
		"{\"path\":\"args\",\"old\":[\"" LONG "\",\"" LONG "\"],\"new\":[\"" LONG
		"\",\"" LONG "\",\"" LONG "\"]}"},
	/* Two spellings of one value are no difference. */
	{"~ args: 2 elements; as before 1\n- args[1]: \"c\"\n+ args[1]: \"d\"\n",
		"{\"path\":\"args\",\"old\":[\"" LONG "\\u0061\",\"c\"],\"new\":[\"" LONG
		"a\",\"d\"]}"},
	/* One text that became another. */
	{"- a, from byte 120: …\"678901234567890123456789;x012345678901234567890123\"…\n"
	 "+ a, from byte 120: …\"678901234567890123456789|sh012345678901234567890123\"…\n",
		"{\"path\":\"a\",\"old\":\"" LONG ";x" LONG "\",\"new\":\"" LONG "|sh" LONG "\"}"},
	/* Of a text of many lines the line, and in it the place. */
	{"~ a: 3 lines; as before 2\n"
	 "- a, line 2, from byte 5: \"echo a\"\n+ a, line 2, from byte 5: \"echo \\u202eb\"\n",
		"{\"path\":\"a\",\"old\":\"" LONG "\\necho a\\n" LONG "\",\"new\":\"" LONG
		"\\necho \xe2\x80\xae"
		"b\\n" LONG "\"}"},
	{"~ a: 3 lines, before 2; as before 2\n+ a, line 2: \"curl x|sh\"\n",
		"{\"path\":\"a\",\"old\":\"" LONG "\\n" SAME "\",\"new\":\"" LONG
		"\\ncurl x|sh\\n" SAME "\"}"},
	{"~ a: 4 lines, before 2; as before 1\n- a, line 2: \"b\"\n+ a, line 2: \"\"\n"
	 "+ a, line 3: \"c\"\n+ a, line 4: \"d\"\n",
		"{\"path\":\"a\",\"old\":\"" LONG "\\nb\",\"new\":\"" LONG "\\n\\nc\\nd\"}"},
	/* A character is not torn. */
	{"- a, from byte 120: …\"678901234567890123456789\xc3\xb6\"\n"
	 "+ a, from byte 120: …\"678901234567890123456789\xc3\xa4\"\n",
		"{\"path\":\"a\",\"old\":\"" LONG "\xc3\xb6\",\"new\":\"" LONG "\xc3\xa4\"}"},
	/* What is short stands beside each other, what is of two types in full. */
	{"~ a: [1, 2] → [2, 1]\n", "{\"path\":\"a\",\"old\":[1,2],\"new\":[2,1]}"},
	{"- a: [\"" LONG "\"]\n+ a: \"" LONG "\"\n",
		"{\"path\":\"a\",\"old\":[\"" LONG "\"],\"new\":\"" LONG "\"}"},
};

static struct arena *arena;
static struct buf text = BUF_INIT(1 << 20), out = BUF_INIT(1 << 20);
static struct json_doc doc;

static void setup(void)
{
	arena = arena_new(65536, 64 << 20);
	ck_assert_ptr_nonnull(arena);
}

static void teardown(void)
{
	arena_free(arena);
	buf_free(&text);
	buf_free(&out);
}

static void read_changes(const char *changes)
{
	struct err e;

	buf_reset(&text);
	buf_reset(&out);
	buf_printf(&text, "{\"operation\":\"UPDATE\",\"changes\":[%s]}", changes);
	ck_assert_msg(display_read(buf_span(&text), arena, &doc, &e) == 0, "%s", e.msg);
}

START_TEST(display__the_short_form_says_what_differs)
{
	read_changes(cases[_i].changes);
	display_put_short(&out, &doc, 20, 4096);
	ck_assert_str_eq(buf_str(&out), cases[_i].expected);
}
END_TEST

START_TEST(display__the_long_form_shows_both_in_full_too)
{
	read_changes("{\"part\":\"data\",\"path\":\"a\",\"old\":\"" LONG "\\necho a\\n" LONG
		     "\",\"new\":\"" LONG "\\necho b\\n" LONG "\"}");
	display_put(&out, &doc);
	ck_assert_str_eq(buf_str(&out),
		"Data:\n~ a: 3 lines; as before 2\n"
		"- a, line 2, from byte 5: \"echo a\"\n+ a, line 2, from byte 5: \"echo b\"\n"
		"- a: \"" LONG "\\necho a\\n" LONG "\"\n+ a: \"" LONG "\\necho b\\n" LONG "\"\n");
}
END_TEST

/* Where nothing is left as it was, the differences would be everything twice. */
START_TEST(display__all_that_differs_is_shown_once)
{
	read_changes("{\"path\":\"a\",\"old\":[\"a" LONG "\",\"b" LONG "\"],\"new\":[\"c" LONG
		     "\",\"d" LONG "\"]}");
	display_put(&out, &doc);
	ck_assert_ptr_null(strstr(buf_str(&out), "elements"));
}
END_TEST

/* Much of one part keeps no other from being seen. */
START_TEST(display__each_part_has_a_line)
{
	_cleanup_(buf_free) struct buf changes = BUF_INIT(1 << 16);

	for (int i = 0; i < 30; i++)
		buf_printf(
			&changes, "{\"part\":\"runs\",\"path\":\"c%d\",\"old\":1,\"new\":2},", i);
	buf_add_str(&changes, "{\"part\":\"identity\",\"path\":\"hostPID\",\"new\":true},"
			      "{\"part\":\"identity\",\"path\":\"hostIPC\",\"new\":true},"
			      "{\"part\":\"metadata\",\"path\":\"m\",\"new\":1}");
	read_changes(buf_str(&changes));
	display_put_short(&out, &doc, 5, 160);
	ck_assert_str_eq(buf_str(&out), "~ c0: 1 → 2\n~ c1: 1 → 2\n~ c2: 1 → 2\n"
					"+ hostPID: true\n+ m: 1\n… and 28 more\n");
	buf_reset(&out);
	display_put_short(&out, &doc, 1, 160);
	ck_assert_str_eq(buf_str(&out), "~ c0: 1 → 2\n… and 32 more\n");
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("display");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, display__the_short_form_says_what_differs, 0, ARRAY_LEN(cases));
	tcase_add_test(t, display__the_long_form_shows_both_in_full_too);
	tcase_add_test(t, display__all_that_differs_is_shown_once);
	tcase_add_test(t, display__each_part_has_a_line);
	return run_tests(t);
}
