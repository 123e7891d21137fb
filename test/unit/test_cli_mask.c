/* SPDX-License-Identifier: Apache-2.0 */
/* holdpoint mask, as a program: what goes in, what comes out, what it says. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/util.h"
#include "support/run_tests.h"

static char dir[64];
static char out[1 << 16], err[1 << 16];

static const char *path_of(const char *name)
{
	static char paths[4][128];
	static unsigned next;
	char *p = paths[next++ % 4];
	snprintf(p, sizeof(paths[0]), "%s/%s", dir, name);
	return p;
}

static void put(const char *name, const char *text, mode_t mode)
{
	FILE *f = fopen(path_of(name), "we");
	ck_assert_ptr_nonnull(f);
	fputs(text, f);
	fclose(f);
	ck_assert_int_eq(chmod(path_of(name), mode), 0);
}

static void get(const char *name, char *into, size_t cap)
{
	FILE *f = fopen(path_of(name), "re");
	ck_assert_ptr_nonnull(f);
	into[fread(into, 1, cap - 1, f)] = 0;
	fclose(f);
}

/* Runs holdpoint mask in dir; stdout and stderr go to `out` and `err`. Returns the exit code. */
static int run(const char *args)
{
	char command[1024];
	snprintf(command, sizeof(command), "cd %s && %s/holdpoint mask %s >out 2>err", dir,
		HOLDPOINT_BIN, args);
	int rc = system(command);
	ck_assert(WIFEXITED(rc));
	get("out", out, sizeof(out));
	get("err", err, sizeof(err));
	return WEXITSTATUS(rc);
}

#define EVENT(id)                                                                                  \
	"{\"kind\":\"Event\",\"apiVersion\":\"audit.k8s.io/v1\",\"level\":\"RequestResponse\","    \
	"\"auditID\":\"" id "\",\"stage\":\"ResponseComplete\",\"verb\":\"create\","               \
	"\"objectRef\":{\"resource\":\"secrets\",\"namespace\":\"prod\",\"name\":\"db\","          \
	"\"apiVersion\":\"v1\"},\"requestObject\":{\"kind\":\"Secret\",\"apiVersion\":\"v1\","     \
	"\"metadata\":{\"name\":\"db\"},\"stringData\":{\"pin\":\"hunter2-hunter2\"}}}"
#define LIST                                                                                       \
	"{\"kind\":\"EventList\", \"apiVersion\":\"audit.k8s.io/v1\",\n \"items\": [" EVENT(       \
		"a") " , \n" EVENT("b") "]}"
#define KEY "0123456789abcdef0123456789abcdef\n"

static void setup(void)
{
	snprintf(dir, sizeof(dir), "/tmp/holdpoint-mask-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	put("key", KEY, 0600);
	put("list.json", LIST, 0644);
	put("lines.json", EVENT("a") "\n" EVENT("b") "\n\n", 0644);
	put("secret.json",
		"{\"kind\":\"Secret\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"db\"},"
		"\"data\":{\"pin\":\"aHVudGVyMi1odW50ZXIy\"}}",
		0644);
	put("plain.json", "{ \"kind\": \"ConfigMap\",\n\t\"data\": {\"colour\": \"blue\"} }", 0644);
}

static void teardown(void)
{
	char command[128];
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	ck_assert_int_eq(system(command), 0);
}

static size_t count_of(const char *text, const char *part)
{
	size_t n = 0;
	for (const char *p = text; (p = strstr(p, part)); p += strlen(part))
		n++;
	return n;
}

static const struct {
	size_t masked, events;
	const char *args;
} inputs[] = {
	{2, 2, "--mask-key-file key list.json"},
	{2, 2, "--mask-key-file key lines.json"},
	{2, 2, "--mask-key-file key < list.json"},
	{2, 2, "--mask-key-file key - < lines.json"},
	{4, 4, "--mask-key-file key list.json lines.json"},
	{1, 0, "--mask-key-file key secret.json"},
};

START_TEST(cli_mask__lists_lines_and_objects)
{
	ck_assert_msg(run(inputs[_i].args) == 0, "%s", err);
	ck_assert_str_eq(err, "");
	ck_assert_uint_eq(count_of(out, "[masked hmac-sha256:"), inputs[_i].masked);
	ck_assert_uint_eq(count_of(out, "\"auditID\":"), inputs[_i].events);
	ck_assert_ptr_null(strstr(out, "hunter2"));
	ck_assert_ptr_null(strstr(out, "aHVudGVy"));
}
END_TEST

START_TEST(cli_mask__what_is_no_secret_stays_as_it_was)
{
	ck_assert_int_eq(run("plain.json"), 0);
	ck_assert_str_eq(out, "{ \"kind\": \"ConfigMap\",\n\t\"data\": {\"colour\": \"blue\"} }\n");
	ck_assert_int_eq(run("list.json"), 0);
	ck_assert_ptr_eq(
		strstr(out, "{\"kind\":\"EventList\", \"apiVersion\":\"audit.k8s.io/v1\",\n "
			    "\"items\": [{\"kind\":\"Event\","),
		out);
	ck_assert_ptr_nonnull(strstr(out, "}}} , \n{\"kind\":\"Event\","));
}
END_TEST

START_TEST(cli_mask__explain_names_rule_and_place)
{
	ck_assert_int_eq(run("--explain lines.json"), 0);
	ck_assert_ptr_nonnull(strstr(err, "event a\nsecret-data"));
	ck_assert_ptr_nonnull(strstr(err, " /requestObject/stringData/pin\nevent b\n"));
	ck_assert_ptr_nonnull(strstr(err, "2 documents, 2 values masked, 0 of them unread"));
	ck_assert_ptr_null(strstr(err, "hunter2"));
}
END_TEST

START_TEST(cli_mask__explain_cannot_drive_a_terminal)
{
	put("evil.json",
		"{\"kind\":\"Secret\",\"stringData\":{\"a\\u001b[2Jb\\n\":\"hunter2-hunter2\"}}",
		0644);
	ck_assert_int_eq(run("--explain evil.json"), 0);
	ck_assert_ptr_nonnull(strstr(err, "secret-data"));
	ck_assert_ptr_null(strchr(err, '\x1b'));
}
END_TEST

START_TEST(cli_mask__pseudonyms_of_a_secret_are_those_in_the_events)
{
	char pseudonym[256];
	put("value", "hunter2-hunter2\n", 0600);
	ck_assert_msg(run("--pseudonyms --mask-key-file key value") == 0, "%s", err);
	ck_assert_int_eq(sscanf(out, "%255[^\n]", pseudonym), 1);
	ck_assert_ptr_nonnull(strstr(pseudonym, "hmac-sha256:"));
	ck_assert_ptr_null(strstr(out, "hunter2"));
	/* In stringData as it is, in data as base64: the same pseudonym. */
	ck_assert_int_eq(run("--mask-key-file key lines.json secret.json"), 0);
	ck_assert_msg(count_of(out, pseudonym) == 3, "%s is not three times in %s", pseudonym, out);
}
END_TEST

static const struct {
	int code;
	const char *expected;
	const char *args;
} mistakes[] = {
	{1, "standard input: value 2, from byte ", "< broken.json"},
	{1, "duplicate key", "twice.json"},
	{1, "missing.json: No such file", "missing.json"},
	{1, "mode 0644", "--mask-key-file open-key plain.json"},
	{2, "--pseudonyms needs --mask-key-file", "--pseudonyms value"},
	{2, "did you mean --explain?", "--explian plain.json"},
};

START_TEST(cli_mask__mistakes)
{
	put("broken.json", EVENT("a") "\n{\"kind\":\"Event\",\"auditID\":\"hunter2", 0644);
	put("twice.json", "{\"kind\":\"Event\",\"kind\":\"Event\",\"auditID\":\"a\"}", 0644);
	put("open-key", KEY, 0644);
	ck_assert_int_eq(run(mistakes[_i].args), mistakes[_i].code);
	ck_assert_msg(strstr(err, mistakes[_i].expected) != NULL, "%s", err);
	ck_assert_msg(strstr(err, "hunter2") == NULL, "%s", err);
	ck_assert_uint_eq(count_of(err, "\n"), 1);
}
END_TEST

START_TEST(cli_mask__rules_are_a_table)
{
	ck_assert_int_eq(run("--rules"), 0);
	ck_assert_ptr_nonnull(strstr(out, "| `secret-data` |"));
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("cli_mask");

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, cli_mask__lists_lines_and_objects, 0, ARRAY_LEN(inputs));
	tcase_add_test(t, cli_mask__what_is_no_secret_stays_as_it_was);
	tcase_add_test(t, cli_mask__explain_names_rule_and_place);
	tcase_add_test(t, cli_mask__explain_cannot_drive_a_terminal);
	tcase_add_test(t, cli_mask__pseudonyms_of_a_secret_are_those_in_the_events);
	tcase_add_loop_test(t, cli_mask__mistakes, 0, ARRAY_LEN(mistakes));
	tcase_add_test(t, cli_mask__rules_are_a_table);
	return run_tests(t);
}
