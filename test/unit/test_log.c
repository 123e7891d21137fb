/* SPDX-License-Identifier: Apache-2.0 */
/* The log: every line is one line of JSON, whatever the strings hold, also from many threads. */
#include <check.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/json/json.h"
#include "support/capture.h"
#include "support/run_tests.h"

static struct arena *arena;

/* The same field may stand in a line twice: these tests write such. */
static struct json_doc parse_line(const char *text)
{
	static const struct json_limits limits = {1 << 20, 2, 100, false, true};
	struct json_doc d;
	struct json_error e;

	if (json_read(text, strlen(text), &limits, arena, &d, &e) < 0)
		ck_abort_msg("not JSON: %s: %s", e.what, text);
	return d;
}

/* The value of a string, the text of anything else. */
static const char *get(const struct json_doc *d, const char *key)
{
	json_ref r = json_get(d, JSON_ROOT, span_of(key));
	struct span s;

	ck_assert_msg(r != JSON_NONE, "no %s", key);
	s = json_type(d, r) == JSON_STRING ? json_string(d, r, arena) : json_text(d, r);
	return arena_strndup(arena, s.ptr, s.len);
}

static void setup(void)
{
	arena = arena_new(1 << 16, 64 << 20);
	ck_assert_ptr_nonnull(arena);
}

static void teardown(void)
{
	arena_free(arena);
}

START_TEST(log__fields_of_each_type)
{
	capture_begin();
	log_warn("queue_full", LOG_STR("queue", "decisions"), LOG_INT("dropped", -7),
		LOG_SPAN("peer", ((struct span){"10.0.0.1xx", 8})), LOG_STR("reason", NULL));
	char *text = capture_end();
	struct json_doc d = parse_line(text);
	ck_assert_str_eq(get(&d, "level"), "warn");
	ck_assert_str_eq(get(&d, "event"), "queue_full");
	ck_assert_str_eq(get(&d, "queue"), "decisions");
	ck_assert_str_eq(get(&d, "dropped"), "-7");
	ck_assert_str_eq(get(&d, "peer"), "10.0.0.1");
	ck_assert_str_eq(get(&d, "reason"), "null");
	ck_assert_uint_eq(strlen(get(&d, "ts")), strlen("2026-01-02T03:04:05.678901Z"));
	ck_assert_ptr_eq(strchr(text, '\n'), text + strlen(text) - 1);
	free(text);
}
END_TEST

static const struct {
	const char *expected; /* between the quotes, as written */
	struct span given;
} strings[] = {
	{"plain ü €", SPAN("plain ü €")},
	{"a\\\"b\\\\c", SPAN("a\"b\\c")},
	{"two\\nlines", SPAN("two\nlines")},
	{"\\u001b[31m", SPAN("\x1b[31m")},
	{"\\u009b31m", SPAN("\xc2\x9b"
			    "31m")},
	{"\\u007f\\u0000", SPAN("\x7f\0")},
	{"\\u202e\\u2066\\u200b\\udb40\\udc41", SPAN("\u202e\u2066\u200b\U000E0041")},
	{"\xef\xbf\xbd(", SPAN("\xc3(")},
	{"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd", SPAN("\xed\xa0\x80")},
	{"\xef\xbf\xbd\xef\xbf\xbd", SPAN("\xc0\xaf")},
	{"cut\xef\xbf\xbd\xef\xbf\xbd", SPAN("cut\xe2\x82")},
};

START_TEST(log__strings_stay_one_line_of_json)
{
	char *needle;
	capture_begin();
	log_error("test", LOG_SPAN("v", strings[_i].given));
	char *text = capture_end();
	ck_assert_int_ge(asprintf(&needle, "\"v\":\"%s\"}\n", strings[_i].expected), 0);
	ck_assert_msg(strstr(text, needle) != NULL, "%s does not hold %s", text, needle);
	parse_line(text);
	free(needle);
	free(text);
}
END_TEST

START_TEST(log__long_strings_are_cut_between_characters)
{
	char v[2 * LOG_STRING_MAX];
	memset(v, 'a', sizeof(v));
	memcpy(v + LOG_STRING_MAX - 1, "€", 3);
	capture_begin();
	log_info("test", LOG_SPAN("v", ((struct span){v, sizeof(v)})));
	char *text = capture_end();
	struct json_doc d = parse_line(text);
	ck_assert_uint_eq(strlen(get(&d, "v")), LOG_STRING_MAX - 1 + strlen("…"));
	ck_assert_str_eq(get(&d, "v") + LOG_STRING_MAX - 1, "…");
	free(text);
}
END_TEST

START_TEST(log__what_does_not_fit_is_left_out_and_said)
{
	char v[LOG_STRING_MAX];
	struct log_field fields[8] = {{0}};
	memset(v, 1, sizeof(v));
	for (size_t i = 0; i < 7; i++)
		fields[i] = LOG_SPAN("v", ((struct span){v, sizeof(v)}));
	fields[6] = LOG_INT("last", 1);
	capture_begin();
	log_write(LOG_LEVEL_INFO, "test", fields);
	char *text = capture_end();
	struct json_doc d = parse_line(text);
	ck_assert_str_eq(get(&d, "cut"), "true");
	ck_assert_str_eq(get(&d, "last"), "1");
	free(text);
}
END_TEST

START_TEST(log__level_is_a_threshold)
{
	enum log_level level;
	ck_assert_int_eq(log_level_parse("verbose", &level), -1);
	ck_assert_int_eq(log_level_parse("warn", &level), 0);
	log_set_level(level);
	capture_begin();
	log_info("hidden");
	log_warn("shown");
	char *text = capture_end();
	log_set_level(LOG_LEVEL_INFO);
	ck_assert_ptr_null(strstr(text, "hidden"));
	ck_assert_ptr_nonnull(strstr(text, "shown"));
	free(text);
}
END_TEST

#define THREADS 4
#define LINES	500

static void *write_lines(void *arg)
{
	for (int i = 0; i < LINES; i++)
		log_write_at_once(LOG_LEVEL_INFO, "from_thread",
			(const struct log_field[]){LOG_INT("thread", (intptr_t)arg),
				LOG_INT("i", i),
				LOG_STR("text", "some text that makes the line longer"), {0}});
	return NULL;
}

START_TEST(log__lines_of_threads_do_not_mix)
{
	pthread_t threads[THREADS];
	int lines = 0;
	capture_begin();
	/* A shared file offset without O_APPEND would let writers overwrite each other. */
	fcntl(STDERR_FILENO, F_SETFL, O_APPEND);
	for (intptr_t i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, write_lines, (void *)i), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	char *text = capture_end(), *rest = text, *line;
	while ((line = strsep(&rest, "\n")) && *line) {
		parse_line(line);
		lines++;
	}
	ck_assert_int_eq(lines, THREADS * LINES);
	free(text);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("log");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, log__fields_of_each_type);
	tcase_add_loop_test(t, log__strings_stay_one_line_of_json, 0, ARRAY_LEN(strings));
	tcase_add_test(t, log__long_strings_are_cut_between_characters);
	tcase_add_test(t, log__what_does_not_fit_is_left_out_and_said);
	tcase_add_test(t, log__level_is_a_threshold);
	tcase_add_test(t, log__lines_of_threads_do_not_mix);
	return run_tests(t);
}
