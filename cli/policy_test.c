/* SPDX-License-Identifier: Apache-2.0 */
/*
 * holdpoint policy test FILE…: runs the cases of test files, and says what of the rules no case
 * reaches; exit 3 when one fails.
 */
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#include "cli/policy.h"
#include "cli/table.h"
#include "common/base/utf8.h"
#include "policy/test_cases.h"

#define LEDGER_MAX_BYTES ((size_t)256 << 20)

struct report {
	bool json, quiet, coverage, require_coverage;
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

/* ---- what no case reaches ---- */

/* As people type it: from here, if it is below. */
static const char *shown_file(const char *file)
{
	char here[PATH_MAX];
	size_t len = getcwd(here, sizeof(here)) ? strlen(here) : 0;

	return len && strncmp(file, here, len) == 0 && file[len] == '/' ? file + len + 1 : file;
}

static void put_gap_line(struct buf *out, const struct rule_reach *r, struct buf *what)
{
	buf_printf(out, "%s:%u:%u: rule \"%s\" of policy \"%s\": ", shown_file(r->file), r->line,
		r->column, r->rule, r->policy);
	buf_add_str(out, cli_text(what));
	buf_add_char(out, '\n');
}

static void put_gap_json(struct buf *out, const struct rule_reach *r, struct buf *what)
{
	if (out->len)
		buf_add_char(out, ',');
	buf_add_str(out, "{\"file\":");
	json_put_string(out, span_of(shown_file(r->file)));
	buf_printf(out, ",\"line\":%u,\"column\":%u,\"policy\":", r->line, r->column);
	json_put_string(out, span_of(r->policy));
	buf_add_str(out, ",\"rule\":");
	json_put_string(out, span_of(r->rule));
	buf_add_str(out, ",\"gap\":");
	json_put_string(out, span_of(cli_text(what)));
	buf_add_char(out, '}');
}

/* Appends every gap, and returns how many there are. */
static unsigned put_gaps(struct buf *out, const struct reach_ledger *l, bool json)
{
	_cleanup_(buf_free) struct buf what = BUF_INIT(4096);
	unsigned count = 0;

	for (size_t i = 0; i < l->all.rule_count; i++) {
		const struct rule_reach *r = &l->all.rules[i];

		for (size_t at = 0; reach_next_gap(r, &at, &what); count++)
			(json ? put_gap_json : put_gap_line)(out, r, &what);
	}
	return count;
}

static void print_coverage(const struct reach_ledger *l, bool json, unsigned *ret_gaps)
{
	_cleanup_(buf_free) struct buf gaps = BUF_INIT(64u << 20);
	const struct reach_total t = reach_ledger_total(l);

	*ret_gaps = put_gaps(&gaps, l, json);
	if (json) {
		printf(",\"coverage\":{\"rules\":%zu,\"rulesApplied\":%zu,\"branches\":%zu,"
		       "\"branchesReached\":%zu,\"gaps\":[%s]}",
			t.rules, t.rules_applied, t.branches, t.branches_reached, cli_text(&gaps));
		return;
	}
	printf("\n%s%zu of %zu rule%s applied; of %zu condition%s each true and each false, "
	       "%zu of %zu\n",
		cli_text(&gaps), t.rules_applied, t.rules, t.rules == 1 ? "" : "s", t.branches / 2,
		t.branches == 2 ? "" : "s", t.branches_reached, t.branches);
}

/* ---- the command ---- */

static void print_end(
	struct report *r, const struct reach_ledger *l, unsigned errors, unsigned *ret_gaps)
{
	if (r->json)
		printf("{\"passed\":%u,\"failed\":%u,\"errors\":%u,\"cases\":[%s]", r->passed,
			r->failed, errors, cli_text(&r->cases));
	else if (errors)
		printf("%u passed, %u failed, %u error%s in the files\n", r->passed, r->failed,
			errors, errors == 1 ? "" : "s");
	else
		printf("%u passed, %u failed\n", r->passed, r->failed);
	if (r->coverage)
		print_coverage(l, r->json, ret_gaps);
	if (r->json)
		printf("}\n");
}

static int test(
	const struct command *self, struct report *r, const char *const *files, size_t count)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new(1u << 16, LEDGER_MAX_BYTES);
	struct reach_ledger ledger = {.arena = arena};
	struct yaml_errors errors;
	unsigned gaps = 0;
	int rc;

	if (!arena)
		return cli_error(self, CLI_FAILED, "out of memory");
	rc = test_cases_run(files, count, take_result, r, r->coverage ? &ledger : NULL, &errors);
	if (rc < 0)
		fputs(cli_text(&errors.text), stderr);
	print_end(r, &ledger, errors.count, &gaps);
	buf_free(&errors.text);
	if (rc < 0)
		return CLI_FAILED;
	return r->failed || (r->require_coverage && gaps) ? CLI_NO : CLI_OK;
}

int cli_policy_test(const struct command *self, int argc, char **argv)
{
	const char *files[CLI_POLICY_MAX_FILES], *output = NULL;
	size_t count;
	struct report r = {.cases = BUF_INIT(64u << 20)};
	const struct flag flags[] = {CLI_FLAG_OUTPUT(output),
		{.name = "quiet",
			.short_name = 'q',
			.type = FLAG_BOOL,
			.value = &r.quiet,
			.no_env = true,
			.help = "show failing cases only"},
		CLI_FLAG_SWITCH("coverage", r.coverage,
			"name the rules that no case is about or makes apply, and the conditions "
			"that are never true or never false"),
		CLI_FLAG_SWITCH("require-coverage", r.require_coverage,
			"the same, and exit 3 when there is one"),
		{0}};
	int rc = cli_parse(self, flags, argc, argv, 1, ARRAY_LEN(files), files, &count);

	if (rc >= 0)
		return rc;
	r.json = cli_wants_json(output);
	r.coverage |= r.require_coverage;
	rc = test(self, &r, files, count);
	buf_free(&r.cases);
	return rc;
}
