/* SPDX-License-Identifier: Apache-2.0 */
/* holdpoint policy test FILE…: runs the cases of test files; exit 3 when one fails. */
#include <stdio.h>

#include "cli/policy.h"
#include "cli/table.h"
#include "common/base/utf8.h"
#include "policy/test_cases.h"

struct report {
	bool json, quiet;
	struct buf cases; /* of the JSON answer */
	const char *file;
	unsigned passed, failed;
};

static void put_json_case(struct report *r, const struct case_result *t)
{
	struct buf *b = &r->cases;

	if (b->len)
		buf_add_char(b, ',');
	buf_add_str(b, "{\"file\":");
	json_put_string(b, span_of(t->file));
	buf_printf(b, ",\"line\":%u,\"name\":", t->line);
	json_put_string(b, span_of(t->name));
	buf_printf(b, ",\"passed\":%s,\"expected\":", t->passed ? "true" : "false");
	json_put_string(b, t->expected);
	buf_add_str(b, ",\"got\":");
	json_put_string(b, t->got);
	buf_add_char(b, '}');
}

/* The diff: what was expected above what came. */
static void print_difference(const struct case_result *t)
{
	_cleanup_(buf_free) struct buf line = BUF_INIT(1u << 20);

	buf_printf(&line, "       %sexpected ", colour_on(COLOUR_GREEN, stdout));
	utf8_put_printable(&line, t->expected);
	buf_printf(
		&line, "%s\n       %s     got ", colour_off(stdout), colour_on(COLOUR_RED, stdout));
	utf8_put_printable(&line, t->got);
	buf_printf(&line, "%s\n       at %s:%u\n", colour_off(stdout), t->file, t->line);
	fputs(cli_text(&line), stdout);
}

static void print_case(struct report *r, const struct case_result *t)
{
	_cleanup_(buf_free) struct buf name = BUF_INIT(65536);

	if (t->passed && r->quiet)
		return;
	if (!r->file || strcmp(r->file, t->file))
		printf("%s\n", t->file);
	r->file = t->file;
	utf8_put_printable(&name, span_of(t->name));
	if (!t->passed)
		printf("  %sFAIL%s %s\n", colour_on(COLOUR_RED, stdout), colour_off(stdout),
			cli_text(&name));
	else
		printf("  %sok%s   %-56s  %.*s\n", colour_on(COLOUR_GREEN, stdout),
			colour_off(stdout), cli_text(&name), SPAN_FMT(t->got));
	if (!t->passed)
		print_difference(t);
}

static void take_result(const struct case_result *t, void *userdata)
{
	struct report *r = userdata;

	if (t->passed)
		r->passed++;
	else
		r->failed++;
	if (r->json)
		put_json_case(r, t);
	else
		print_case(r, t);
}

int cli_policy_test(const struct command *self, int argc, char **argv)
{
	const char *files[CLI_POLICY_MAX_FILES], *output = NULL;
	size_t count;
	struct yaml_errors errors;
	struct report r = {.cases = BUF_INIT(64u << 20)};
	const struct flag flags[] = {CLI_FLAG_OUTPUT(output),
		{.name = "quiet",
			.short_name = 'q',
			.type = FLAG_BOOL,
			.value = &r.quiet,
			.no_env = true,
			.help = "show failing cases only"},
		{0}};
	int rc = cli_parse(self, flags, argc, argv, 1, ARRAY_LEN(files), files, &count);

	if (rc >= 0)
		return rc;
	r.json = output && !strcmp(output, "json");
	rc = test_cases_run(files, count, take_result, &r, &errors);
	if (rc < 0)
		fputs(buf_str(&errors.text), stderr);
	if (r.json) {
		printf("{\"passed\":%u,\"failed\":%u,\"errors\":%u,\"cases\":[%s]}\n", r.passed,
			r.failed, errors.count, buf_str(&r.cases));
	} else if (errors.count) {
		printf("%u passed, %u failed, %u error%s in the files\n", r.passed, r.failed,
			errors.count, errors.count == 1 ? "" : "s");
	} else {
		printf("%u passed, %u failed\n", r.passed, r.failed);
	}
	buf_free(&r.cases);
	buf_free(&errors.text);
	return rc < 0 ? CLI_FAILED : r.failed ? CLI_NO : CLI_OK;
}
