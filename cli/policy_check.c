/* SPDX-License-Identifier: Apache-2.0 */
/*
 * holdpoint policy check FILE…: what the daemon would say about these policies, without it, which
 * rules no API server would ever ask about, which fields no object has, and whose approvers are
 * those who ask.
 */
#include <stdio.h>

#include "cli/cluster_flags.h"
#include "cli/policy.h"
#include "cli/table.h"
#include "policy/misspelt.h"
#include "policy/own_approvers.h"

struct checked {
	const struct policy_set *set; /* NULL: it has errors */
	struct yaml_errors errors;
	struct coverage_facts facts;
	const struct coverage_gap *gaps;
	size_t gap_count, unasked;
	const struct misspelt *misspelt;
	size_t misspelt_count;
	const struct own_approvers *own;
	size_t own_count;
};

/* ---- as lines: "file:line:column: message" is what editors understand ---- */

static void put_warning(struct buf *out, const struct coverage_gap *g)
{
	buf_printf(out, "%s:%u:%u: warning: rule \"%s\" %s: %.*s", g->file, g->line, g->column,
		g->rule->rule,
		g->never			     ? "is never asked about"
		: g->reason == COVERAGE_NO_EFFECT    ? "has a setting without effect"
		: g->reason == COVERAGE_NO_SUCH_NAME ? "has a name that there is not"
						     : "is not asked about in part",
		SPAN_FMT(g->what));
}

static void put_misspelt(struct buf *out, const struct misspelt *m)
{
	buf_printf(out, "%s:%u:%u: warning: ", m->file, m->line, m->column);
	if (m->rule)
		buf_printf(out, "rule \"%s\": ", m->rule);
	buf_add_span(out, m->what);
}

/* A line each. */
static void put_warnings(struct buf *out, const struct checked *k)
{
	for (size_t i = 0; i < k->gap_count; i++) {
		put_warning(out, &k->gaps[i]);
		buf_add_char(out, '\n');
	}
	for (size_t i = 0; i < k->misspelt_count; i++) {
		put_misspelt(out, &k->misspelt[i]);
		buf_add_char(out, '\n');
	}
	for (size_t i = 0; i < k->own_count; i++) {
		const struct own_approvers *o = &k->own[i];

		buf_printf(out, "%s:%u:%u: warning: rule \"%s\": %.*s\n", o->file, o->line,
			o->column, o->rule->rule, SPAN_FMT(o->what));
	}
}

static void print_warnings(const struct checked *k)
{
	_cleanup_(buf_free) struct buf lines = BUF_INIT(4u << 20);
	size_t verbs = coverage_authorization_rules(k->set), kinds;

	put_warnings(&lines, k);
	for (const char *line = cli_text(&lines); *line; line += strcspn(line, "\n") + 1) {
		_cleanup_(buf_free) struct buf one = BUF_INIT(1 << 16);

		buf_add(&one, line, strcspn(line, "\n"));
		print_printable(stderr, cli_text(&one));
		fputc('\n', stderr);
	}
	(void)policy_set_kinds(k->set, &kinds);
	if (kinds > 0)
		fputs("note: rules look at objects of the cluster (namespaceSelector, "
		      "namespaceObject, params, lookup): holdpoint-webhook needs --kubernetes-api, "
		      "or "
		      "they fail\n",
			stderr);
	if (verbs > 0 && k->facts.authorizer == COVERAGE_UNKNOWN)
		fprintf(stderr,
			"note: %zu rule%s with verbs need%s an API server that asks /authorize: "
			"say --authorizer=present or absent, or --managed\n",
			verbs, verbs == 1 ? "" : "s", verbs == 1 ? "s" : "");
}

static void print_summary(const struct policy_set *set)
{
	size_t policies = policy_set_policy_count(set), rules = policy_set_rule_count(set);

	printf("%zu polic%s, %zu rule%s, %s\n", policies, policies == 1 ? "y" : "ies", rules,
		rules == 1 ? "" : "s", policy_set_digest(set));
}

/* ---- as JSON ---- */

static void put_lines(struct buf *out, const char *line)
{
	for (bool first = true; line && *line; first = false) {
		size_t len = strcspn(line, "\n");

		if (!first)
			buf_add_char(out, ',');
		json_put_string(out, (struct span){line, len});
		line += len + (line[len] == '\n');
	}
}

static int print_json(const struct command *c, struct checked *k)
{
	_cleanup_(buf_free) struct buf out = BUF_INIT(4u << 20), warnings = BUF_INIT(4u << 20);

	buf_printf(&out, "{\"ok\":%s", k->set ? "true" : "false");
	if (k->set)
		buf_printf(&out,
			",\"policies\":%zu,\"rules\":%zu,\"digest\":\"%s\",\"unasked\":%zu",
			policy_set_policy_count(k->set), policy_set_rule_count(k->set),
			policy_set_digest(k->set), k->unasked);
	put_warnings(&warnings, k);
	buf_add_str(&out, ",\"errors\":[");
	put_lines(&out, k->errors.count ? cli_text(&k->errors.text) : "");
	buf_add_str(&out, "],\"warnings\":[");
	put_lines(&out, warnings.len ? cli_text(&warnings) : "");
	buf_add_str(&out, "]}");
	return cli_print_json(c, buf_span(&out));
}

/* ---- checking ---- */

static int find_gaps(const struct command *c, struct arena *arena, struct checked *k)
{
	if (!arena || coverage_find(k->set, &k->facts, arena, &k->gaps, &k->gap_count) < 0 ||
		misspelt_find(k->set, arena, &k->misspelt, &k->misspelt_count) < 0 ||
		own_approvers_find(k->set, arena, &k->own, &k->own_count) < 0)
		return cli_error(c, CLI_FAILED, "out of memory");
	k->unasked = coverage_unasked(k->gaps, k->gap_count);
	return CLI_OK;
}

static int print(const struct command *c, struct checked *k, const char *output)
{
	if (cli_wants_json(output))
		return print_json(c, k);
	if (!k->set) {
		fputs(cli_text(&k->errors.text), stderr);
		return CLI_OK;
	}
	print_warnings(k);
	print_summary(k->set);
	return CLI_OK;
}

static int check(const struct command *c, const char *const *files, size_t count, struct checked *k,
	const char *output)
{
	_cleanup_(policy_set_unrefp) struct policy_set *set = NULL;
	_cleanup_(arena_freep) struct arena *arena = arena_new(1 << 16, (size_t)256 << 20);
	int rc = policy_set_load(files, count, &set, &k->errors), shown;

	k->set = set;
	shown = set ? find_gaps(c, arena, k) : CLI_OK;
	if (shown == CLI_OK)
		shown = print(c, k, output);
	buf_free(&k->errors.text);
	return rc < 0 ? CLI_FAILED : shown;
}

int cli_policy_check(const struct command *self, int argc, char **argv)
{
	_cleanup_(authorizer_config_freep) struct authorizer_config *config = NULL;
	const char *files[CLI_POLICY_MAX_FILES], *output = NULL;
	struct cluster_flags cluster = {0};
	struct checked k = {0};
	bool require = false, strict = false;
	size_t count;
	const struct flag flags[] = {CLI_FLAG_OUTPUT(output), CLUSTER_FLAGS(cluster),
		CLI_FLAG_SWITCH("require-coverage", require,
			"exit code 3 when a rule is never asked about, as far as is known"),
		CLI_FLAG_SWITCH("strict", strict, "exit code 3 when there is any warning"), {0}};
	int rc = cli_parse(self, flags, argc, argv, 1, ARRAY_LEN(files), files, &count);

	if (rc >= 0)
		return rc;
	rc = cluster_facts(self, &cluster, &k.facts, &config);
	if (rc > 0)
		return rc;
	rc = check(self, files, count, &k, output);
	if (rc == CLI_OK && ((require && k.unasked > 0) ||
				    (strict && k.gap_count + k.misspelt_count + k.own_count > 0)))
		return CLI_NO;
	return rc;
}
