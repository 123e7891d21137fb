/* SPDX-License-Identifier: Apache-2.0 */
/* Flags: what each spelling sets, and what each mistake is told. */
#include <check.h>
#include <stdio.h>
#include <unistd.h>

#include "common/base/flags.h"
#include "common/base/flags_value.h"
#include "support/run_tests.h"

static const char *const formats[] = {"table", "json", NULL};

static const char *listen_addr, *output;
static struct flag_list policies;
static bool verbose, sign;
static int64_t threads, body_max, deadline;

static const struct flag table[] = {
	{.name = "listen",
		.type = FLAG_STRING,
		.value = &listen_addr,
		.arg = "ADDR",
		.help = "Where to listen for the API server's requests, as HOST:PORT; an empty "
			"host is every address."},
	{.name = "output",
		.short_name = 'o',
		.type = FLAG_STRING,
		.value = &output,
		.arg = "FORMAT",
		.help = "How to print",
		.one_of = formats},
	{.name = "policy",
		.type = FLAG_STRING_LIST,
		.value = &policies,
		.arg = "PATH",
		.help = "A policy file or folder."},
	{.name = "verbose",
		.short_name = 'v',
		.type = FLAG_BOOL,
		.value = &verbose,
		.help = "Says more."},
	{.name = "sign", .type = FLAG_BOOL, .value = &sign, .help = "Signs.", .no_env = true},
	{.name = "threads",
		.type = FLAG_INT,
		.value = &threads,
		.arg = "N",
		.min = 1,
		.max = 64,
		.help = "Threads | one a core."},
	{.name = "max-body",
		.type = FLAG_BYTES,
		.value = &body_max,
		.arg = "SIZE",
		.min = 1024,
		.max = 1 << 30,
		.help = "Limit of a body."},
	{.name = "body-deadline",
		.type = FLAG_DURATION_MS,
		.value = &deadline,
		.arg = "DURATION",
		.help = "Time for a body."},
	{0},
};

static void setup(void)
{
	listen_addr = ":8443";
	output = "table";
	policies = (struct flag_list){.items = {"/etc/holdpoint"}, .count = 1};
	verbose = false;
	sign = true;
	threads = 2;
	body_max = 8 << 20;
	deadline = 90000;
	for (char **v = environ; *v;) {
		char name[64];

		snprintf(name, sizeof(name), "%.*s", (int)strcspn(*v, "="), *v);
		if (strncmp(name, "HOLDPOINT_", 10) == 0 && unsetenv(name) == 0)
			v = environ; /* which has moved */
		else
			v++;
	}
}

#define MAX_ARGS 2

static int parse(const char *const *argv, const char **args, size_t *count, struct err *e)
{
	const char *copy[16] = {"holdpoint"};
	int argc = 1;
	for (; argv[argc - 1]; argc++)
		copy[argc] = argv[argc - 1];
	return flags_parse(table, argc, (char **)copy, args, MAX_ARGS, count, e);
}

#define PARSE(e, ...)                                                                              \
	parse((const char *const[]){__VA_ARGS__, NULL}, (const char *[MAX_ARGS]){0}, &(size_t){0}, \
		(e))

START_TEST(flags__every_spelling)
{
	struct err e;
	const char *args[MAX_ARGS] = {0};
	size_t count = 0;
	const char *const argv[] = {"--listen=127.0.0.1:1", "show", "--threads", "64", "-oJson",
		"-v", "--sign=false", "--max-body=2Mi", "--body-deadline", "1m30s", "--",
		"--policy", NULL};
	ck_assert_msg(parse(argv, args, &count, &e) == 0, "%s", e.msg);
	ck_assert_str_eq(listen_addr, "127.0.0.1:1");
	ck_assert_int_eq(threads, 64);
	ck_assert_str_eq(output, "json");
	ck_assert(verbose && !sign);
	ck_assert_int_eq(body_max, 2 << 20);
	ck_assert_int_eq(deadline, 90000);
	ck_assert_uint_eq(count, 2);
	ck_assert_str_eq(args[0], "show");
	ck_assert_str_eq(args[1], "--policy");
}
END_TEST

START_TEST(flags__list_replaces_its_default_and_repeats)
{
	struct err e;
	ck_assert_int_eq(PARSE(&e, "--policy", "a", "--policy=b"), 0);
	ck_assert_uint_eq(policies.count, 2);
	ck_assert_str_eq(policies.items[0], "a");
	ck_assert_str_eq(policies.items[1], "b");
}
END_TEST

START_TEST(flags__environment_below_the_command_line)
{
	struct err e;
	setenv("HOLDPOINT_LISTEN", "from-env", 1);
	setenv("HOLDPOINT_POLICY", "x,y,,z", 1);
	setenv("HOLDPOINT_THREADS", "7", 1);
	setenv("HOLDPOINT_SIGN", "false", 1);
	setenv("HOLDPOINT_OUTPUT", "", 1);
	ck_assert_msg(PARSE(&e, "--threads=8") == 0, "%s", e.msg);
	ck_assert_str_eq(listen_addr, "from-env");
	ck_assert_uint_eq(policies.count, 3);
	ck_assert_str_eq(policies.items[2], "z");
	ck_assert_int_eq(threads, 8);
	ck_assert_msg(sign, "a flag with no_env was read from the environment");
	ck_assert_str_eq(output, "table");
	setup();
	setenv("HOLDPOINT_THREADS", "many", 1);
	ck_assert_int_eq(PARSE(&e, "-v"), -1);
	ck_assert_str_eq(e.msg, "HOLDPOINT_THREADS=many: must be a whole number");
	setup();
}
END_TEST

static const struct {
	const char *expected;
	const char *argv[4];
} mistakes[] = {
	{"unknown flag --lisen: did you mean --listen?", {"--lisen=x"}},
	{"unknown flag --body-dealine: did you mean --body-deadline?", {"--body-dealine"}},
	{"unknown flag --frobnicate: see --help", {"--frobnicate"}},
	{"unknown flag -x: see --help", {"-x"}},
	{"--threads=99: must be between 1 and 64", {"--threads=99"}},
	{"--threads=: must be a whole number", {"--threads="}},
	{"--threads= 1: must be a whole number", {"--threads", " 1"}},
	{"--threads=99999999999999999999: must be a whole number",
		{"--threads=99999999999999999999"}},
	{"--max-body=10: must be between 1Ki and 1Gi", {"--max-body=10"}},
	{"--max-body=8MB: must be a size such as 64Mi or 10k", {"--max-body=8MB"}},
	{"--body-deadline=5: must be a duration such as 1h30m, 20s or 250ms",
		{"--body-deadline=5"}},
	{"--output=yaml: must be table or json", {"--output=yaml"}},
	{"--verbose=yes: must be true or false", {"--verbose=yes"}},
	{"--listen needs a value: --listen ADDR", {"--listen"}},
	{"unexpected argument \"c\": see --help", {"a", "b", "c"}},
};

START_TEST(flags__each_mistake_is_one_clear_line)
{
	struct err e;
	const char *args[MAX_ARGS];
	size_t count;
	ck_assert_int_eq(parse(mistakes[_i].argv, args, &count, &e), -1);
	ck_assert_str_eq(e.msg, mistakes[_i].expected);
}
END_TEST

START_TEST(flags__required)
{
	const char *key = NULL;
	const struct flag required[] = {{.name = "key",
						.type = FLAG_STRING,
						.value = &key,
						.required = true,
						.help = "A key."},
		{0}};
	struct err e;
	char name[] = "x", flag[] = "--key", value[] = "k";
	char *argv[] = {name, flag, value, NULL};
	ck_assert_int_eq(flags_parse(required, 1, argv, NULL, 0, NULL, &e), -1);
	ck_assert_str_eq(e.msg, "--key is required (or HOLDPOINT_KEY)");
	ck_assert_int_eq(flags_parse(required, 3, argv, NULL, 0, NULL, &e), 0);
}
END_TEST

START_TEST(flags__help_comes_before_validation)
{
	struct err e;
	ck_assert_int_eq(PARSE(&e, "--threads=99", "--help"), 1);
	ck_assert_int_eq(PARSE(&e, "--threads=99", "--", "--help"), -1);
}
END_TEST

START_TEST(flags__help_fits_80_columns)
{
	struct buf out _cleanup_(buf_free) = BUF_INIT(1 << 20);
	flags_put_help(&out, table);
	const char *text = buf_str(&out);
	for (const char *line = text, *end; *line; line = end + 1) {
		end = strchr(line, '\n');
		ck_assert_msg(end - line <= 80, "%.*s", (int)(end - line), line);
	}
	ck_assert_ptr_nonnull(strstr(text,
		"      --listen ADDR           Where to listen for the API server's requests, as\n"
		"                              HOST:PORT; an empty host is every address (default\n"
		"                              :8443).\n"));
	ck_assert_ptr_nonnull(strstr(text, "  -o, --output FORMAT "));
	ck_assert_ptr_nonnull(strstr(text, "(default 1m30s)"));
	ck_assert_ptr_nonnull(strstr(text, "(default 8Mi)"));
}
END_TEST

static const struct {
	int64_t expected; /* -1: refused */
	const char *text;
} durations[] = {
	{0, "0"},
	{0, "0s"},
	{20000, "20s"},
	{5400000, "1h30m"},
	{250, "250ms"},
	{1500, "1.5s"},
	{500, ".5s"},
	{1, "1500us"},
	{1, "1500µs"},
	{0, "10ns"},
	{90061001, "25h1m1s1ms"},
	{-1, ""},
	{-1, "5"},
	{-1, "s"},
	{-1, "-1s"},
	{-1, "1 s"},
	{86400000, "1d"},
	{648000000, "7d12h"},
	{-1, "1w"},
	{-1, "1sx"},
	{-1, "."},
	{-1, ".s"},
	{-1, "99999999999999999999s"},
	{-1, "9999999999999h"},
	{-1, "1h2"},
};

START_TEST(flags__go_durations)
{
	int64_t ms = -1;
	int rc = duration_parse_ms(span_of(durations[_i].text), &ms);
	ck_assert_msg(ms == durations[_i].expected, "%s: %lld", durations[_i].text, (long long)ms);
	ck_assert_int_eq(rc, durations[_i].expected < 0 ? -1 : 0);
}
END_TEST

static const struct {
	int64_t expected;
	const char *text;
} sizes[] = {
	{0, "0"},
	{123, "123"},
	{10000, "10k"},
	{10240, "10Ki"},
	{64 << 20, "64Mi"},
	{2000000, "2M"},
	{INT64_C(3) << 30, "3Gi"},
	{INT64_C(1) << 40, "1Ti"},
	{-1, ""},
	{-1, "Mi"},
	{-1, "-1"},
	{-1, "1MB"},
	{-1, "1.5Mi"},
	{-1, "10 k"},
	{-1, "99999999999Ti"},
	{-1, "99999999999999999999"},
};

START_TEST(flags__sizes)
{
	int64_t v = -1;
	int rc = bytes_parse(span_of(sizes[_i].text), &v);
	ck_assert_msg(v == sizes[_i].expected, "%s: %lld", sizes[_i].text, (long long)v);
	ck_assert_int_eq(rc, sizes[_i].expected < 0 ? -1 : 0);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("flags");

	tcase_add_checked_fixture(t, setup, NULL);
	tcase_add_test(t, flags__every_spelling);
	tcase_add_test(t, flags__list_replaces_its_default_and_repeats);
	tcase_add_test(t, flags__environment_below_the_command_line);
	tcase_add_loop_test(t, flags__each_mistake_is_one_clear_line, 0, ARRAY_LEN(mistakes));
	tcase_add_test(t, flags__required);
	tcase_add_test(t, flags__help_comes_before_validation);
	tcase_add_test(t, flags__help_fits_80_columns);
	tcase_add_loop_test(t, flags__go_durations, 0, ARRAY_LEN(durations));
	tcase_add_loop_test(t, flags__sizes, 0, ARRAY_LEN(sizes));
	return run_tests(t);
}
