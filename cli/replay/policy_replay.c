/* SPDX-License-Identifier: Apache-2.0 */
/*
 * holdpoint policy replay FILE…: what these policies would have said to what was recorded, beside
 * what was said then; and of what it cannot be known, since not everything is recorded.
 */
#include "cli/replay/policy_replay.h"

#include <inttypes.h>
#include <stdio.h>

#include "cli/csv.h"
#include "cli/policy.h"
#include "cli/replay/policy_replay_sql.h"
#include "cli/table.h"
#include "common/base/local_time.h"
#include "common/base/utf8.h"
#include "policy/objects.h"
#include "policy/replayed.h"
#include "policy/review/review.h"

#define PAGE_TEXT    "500"
#define REASONS_MAX  100u /* more of them are counted only */
#define ARENA_MAX    ((size_t)256 << 20)
#define FINDINGS_MAX ((size_t)256 << 20)

/* In order of strength. */
enum said { SAID_PASSES, SAID_WARNED, SAID_HELD, SAID_DENIED };
static const char *const said_names[] = {"passes", "warned", "held", "denied"};

struct reason {
	const struct policy_rule_info *rule; /* NULL: of the request itself */
	const char *why;
	uint64_t count;
};

struct wanted {
	const char *url, *output, *objects, *user, *ns, *resource, *cluster, *since, *until;
	int64_t limit, max_requests;
	bool all;
};

struct replay {
	const struct command *self;
	const struct wanted *wanted;
	const struct policy_set *set;
	const struct cluster_source *cluster;
	struct arena *kept, *scratch;
	struct table *table; /* NULL: JSON */
	struct buf findings;
	uint64_t requests, same, changed, unknown, others, masked, shown;
	uint64_t from_to[4][4];
	struct reason reasons[REASONS_MAX];
	size_t reason_count;
	bool has_more; /* than --max-requests */
	struct buf after_cluster;
	int64_t after_seq;
};

static enum said said_of(enum policy_action a)
{
	return a == POLICY_DENY	  ? SAID_DENIED
	       : a == POLICY_HOLD ? SAID_HELD
	       : a == POLICY_WARN ? SAID_WARNED
				  : SAID_PASSES;
}

static enum said said_then(const char *action)
{
	return strcmp(action, "Deny") == 0   ? SAID_DENIED
	       : strcmp(action, "Hold") == 0 ? SAID_HELD
	       : strcmp(action, "Warn") == 0 ? SAID_WARNED
					     : SAID_PASSES;
}

/* ---- one request ---- */

/* What is certain, and what may be, of both questions that are asked about a request. */
static void join(struct policy_replayed *to, const struct policy_replayed *from)
{
	if (from->action > to->action) {
		to->action = from->action;
		to->rule = from->rule;
	}
	if (from->possible > to->possible) {
		to->possible = from->possible;
		to->depends = from->depends;
		to->why = from->why;
	}
}

static int ask(struct replay *p, const struct pg_result *r, int row, const char *column,
	struct policy_replayed *ret)
{
	const struct policy_recorded recorded = {
		pg_result_bool_of(r, row, "has_object"), pg_result_bool_of(r, row, "has_old")};
	struct review *review = arena_alloc(p->scratch, sizeof(*review));
	struct policy_replayed one;
	struct err e;

	if (pg_result_is_null_of(r, row, column))
		return 0;
	if (!review || review_read(span_of(pg_result_str_of(r, row, column)), REVIEW_NODES_DEFAULT,
			       p->scratch, review, &e) != REVIEW_OK)
		return -1;
	review->request.now_us = pg_result_int_of(r, row, "at") * 1000;
	review->request.cluster = p->cluster;
	if (policy_replay(p->set, &review->request, &recorded, p->scratch, &one) < 0)
		return -1;
	join(ret, &one);
	return 0;
}

static void note_unknown(struct replay *p, const struct policy_rule_info *rule, const char *why)
{
	struct reason *found = NULL;

	p->unknown++;
	for (size_t i = 0; i < p->reason_count && !found; i++)
		if (p->reasons[i].rule == rule && strcmp(p->reasons[i].why, why) == 0)
			found = &p->reasons[i];
	if (!found && p->reason_count < REASONS_MAX) {
		const char *copy = arena_strndup(p->kept, why, strlen(why));

		if (!copy)
			cli_no_memory();
		found = &p->reasons[p->reason_count++];
		*found = (struct reason){rule, copy, 0};
	}
	if (found)
		found->count++;
}

static void put_object(struct buf *out, const struct pg_result *r, int row)
{
	const char *ns = pg_result_str_of(r, row, "namespace"),
		   *name = pg_result_str_of(r, row, "name");

	buf_printf(out, "%s%s%s%s%s", pg_result_str_of(r, row, "what"), *ns || *name ? " " : "", ns,
		*ns && *name ? "/" : "", name);
}

static void add_row(struct replay *p, const struct pg_result *r, int row, enum said then,
	const struct policy_replayed *now)
{
	_cleanup_(buf_free) struct buf object = BUF_INIT(65536), rule = BUF_INIT(4096),
				       event = BUF_INIT(4096);
	const enum said said = said_of(now->action);
	char at[LOCAL_TIME_MAX];

	put_object(&object, r, row);
	if (now->rule && said != SAID_PASSES)
		buf_printf(&rule, "%s/%s", now->rule->policy, now->rule->rule);
	buf_printf(&event, "%s/%s", pg_result_str_of(r, row, "cluster"),
		pg_result_str_of(r, row, "seq"));
	table_add(p->table, local_time(pg_result_int_of(r, row, "at"), at), NULL);
	table_add(p->table, pg_result_str_of(r, row, "username"), NULL);
	table_add(p->table, pg_result_str_of(r, row, "verb"), NULL);
	table_add(p->table, cli_text(&object), NULL);
	table_add(p->table, said_names[then], NULL);
	table_add(p->table, said_names[said],
		said > then ? colour_on(COLOUR_RED, stdout) : colour_on(COLOUR_GREEN, stdout));
	table_add(p->table, rule.len ? cli_text(&rule) : "", NULL);
	table_add(p->table, cli_text(&event), NULL);
}

static void put(struct buf *out, const char *key, const char *value)
{
	json_put_key(out, key);
	json_put_string(out, span_of(value));
}

static void add_json(struct replay *p, const struct pg_result *r, int row, enum said then,
	const struct policy_replayed *now)
{
	static const char *const copied[] = {
		"cluster", "time", "username", "verb", "what", "namespace", "name", NULL};
	struct buf *out = &p->findings;

	buf_add_str(out, out->len ? ",{" : "{");
	for (size_t i = 0; copied[i]; i++)
		put(out, copied[i], pg_result_str_of(r, row, copied[i]));
	buf_printf(out, ",\"seq\":%s", pg_result_str_of(r, row, "seq"));
	put(out, "then", said_names[then]);
	put(out, "now", said_names[said_of(now->action)]);
	if (now->rule) {
		put(out, "policy", now->rule->policy);
		put(out, "rule", now->rule->rule);
	}
	buf_printf(out, ",\"masked\":%s}", pg_result_bool_of(r, row, "masked") ? "true" : "false");
}

static void note_changed(struct replay *p, const struct pg_result *r, int row, enum said then,
	const struct policy_replayed *now)
{
	p->changed++;
	p->masked += pg_result_bool_of(r, row, "masked");
	p->from_to[then][said_of(now->action)]++;
	if (!p->wanted->all && p->shown >= (uint64_t)p->wanted->limit)
		return;
	p->shown++;
	if (p->table)
		add_row(p, r, row, then, now);
	else
		add_json(p, r, row, then, now);
}

static void replay_row(struct replay *p, const struct pg_result *r, int row)
{
	const char *then_text = pg_result_str_of(r, row, "said");
	const char *missing = pg_result_str_of(r, row, "missing");
	struct policy_replayed now = {0};
	const enum said then = said_then(then_text);

	p->requests++;
	arena_reset(p->scratch);
	if (strcmp(then_text, "other") == 0)
		p->others++; /* no rule said so, and none can change it */
	else if (*missing)
		note_unknown(p, NULL, missing);
	else if (ask(p, r, row, "admission", &now) < 0 || ask(p, r, row, "access", &now) < 0)
		note_unknown(p, NULL, "what is recorded of it is no request that can be read");
	else if (!policy_replayed_is_certain(&now) && said_of(now.possible) != said_of(now.action))
		note_unknown(p, now.depends, now.why);
	else if (said_of(now.action) == then)
		p->same++;
	else
		note_changed(p, r, row, then, &now);
}

/* ---- all ---- */

static int next_page(struct replay *p, struct pg_conn *conn, const struct cli_range *range)
{
	_cleanup_(pg_result_freep) struct pg_result *r = NULL;
	const struct wanted *w = p->wanted;
	char seq[24];
	const struct span params[] = {range->since, range->until, cli_param(w->user),
		cli_param(w->ns), cli_param(w->resource), cli_param(w->cluster),
		cli_param(cli_text(&p->after_cluster)), cli_param_int(p->after_seq, seq),
		cli_param(PAGE_TEXT)};
	int rc = cli_query(p->self, conn, &policy_replay_page, params, &r);

	if (rc != CLI_OK)
		return -rc;
	const int rows = pg_result_rows(r);
	for (int i = 0; i < rows; i++) {
		if (p->requests >= (uint64_t)w->max_requests) {
			p->has_more = true;
			return 0;
		}
		replay_row(p, r, i);
	}
	if (rows > 0) {
		buf_reset(&p->after_cluster);
		buf_add_str(&p->after_cluster, pg_result_str_of(r, rows - 1, "cluster"));
		p->after_seq = pg_result_int_of(r, rows - 1, "seq");
	}
	return rows;
}

static int replay_all(struct replay *p)
{
	_cleanup_(pg_conn_closep) struct pg_conn *conn = NULL;
	struct cli_range range;
	int rc = cli_when(p->self, p->wanted->since, p->wanted->until, &range);

	if (rc != CLI_OK)
		return rc;
	if ((rc = cli_connect(p->self, p->wanted->url, &conn)) != CLI_OK)
		return rc;
	do
		rc = next_page(p, conn, &range);
	while (rc > 0);
	if (rc == 0 && p->requests == 0 && !cli_wants_json(p->wanted->output))
		cli_say_none("No requests found", &range);
	return -rc;
}

/* ---- the end ---- */

static void put_changes(struct buf *out, const struct replay *p)
{
	for (int to = SAID_DENIED; to >= SAID_PASSES; to--)
		for (int from = SAID_PASSES; from <= SAID_DENIED; from++)
			if (p->from_to[from][to])
				buf_printf(out, "  %" PRIu64 " %s -> %s\n", p->from_to[from][to],
					said_names[from], said_names[to]);
}

static void put_reasons(struct buf *out, const struct replay *p)
{
	uint64_t named = 0;

	for (size_t i = 0; i < p->reason_count; i++) {
		const struct reason *r = &p->reasons[i];

		named += r->count;
		buf_printf(out, "  %" PRIu64 ": ", r->count);
		if (r->rule)
			buf_printf(out, "%s/%s: ", r->rule->policy, r->rule->rule);
		utf8_put_printable(out, span_of(r->why));
		buf_add_char(out, '\n');
	}
	if (named < p->unknown)
		buf_printf(out, "  %" PRIu64 ": for other reasons\n", p->unknown - named);
}

static void print_people(struct replay *p)
{
	_cleanup_(buf_free) struct buf out = BUF_INIT(1u << 20);

	if (p->shown)
		table_print(p->table, stdout);
	buf_printf(&out,
		"%s%" PRIu64 " request%s: %" PRIu64 " as then, %" PRIu64 " otherwise, %" PRIu64
		" not known, %" PRIu64 " refused by others\n",
		p->shown ? "\n" : "", p->requests, p->requests == 1 ? "" : "s", p->same, p->changed,
		p->unknown, p->others);
	put_changes(&out, p);
	if (p->unknown)
		buf_add_str(&out, "Not known:\n");
	put_reasons(&out, p);
	fputs(cli_text(&out), stdout);
	if (p->changed > p->shown)
		fprintf(stderr, "Only %" PRIu64 " are shown; --all shows the rest.\n", p->shown);
	if (p->masked)
		fprintf(stderr,
			"Of %" PRIu64 " that changed, secrets are masked in the record: rules saw "
			"pseudonyms.\n",
			p->masked);
	if (p->has_more)
		fprintf(stderr, "There are more requests than --max-requests.\n");
}

static int print_json(struct replay *p)
{
	_cleanup_(buf_free) struct buf out = BUF_INIT(FINDINGS_MAX + (4u << 20));

	buf_printf(&out,
		"{\"requests\":%" PRIu64 ",\"same\":%" PRIu64 ",\"changed\":%" PRIu64
		",\"unknown\":%" PRIu64 ",\"refusedByOthers\":%" PRIu64 ",\"complete\":%s",
		p->requests, p->same, p->changed, p->unknown, p->others,
		p->has_more ? "false" : "true");
	buf_add_str(&out, ",\"notKnown\":[");
	for (size_t i = 0; i < p->reason_count; i++) {
		const struct reason *r = &p->reasons[i];

		buf_printf(&out, "%s{\"count\":%" PRIu64, i ? "," : "", r->count);
		if (r->rule) {
			put(&out, "policy", r->rule->policy);
			put(&out, "rule", r->rule->rule);
		}
		put(&out, "why", r->why);
		buf_add_char(&out, '}');
	}
	buf_add_str(&out, "],\"changes\":[");
	buf_add_str(&out, cli_text(&p->findings));
	buf_add_str(&out, "]}");
	return cli_print_json(p->self, span_of(cli_text(&out)));
}

static int end(struct replay *p)
{
	int rc = CLI_OK;

	if (p->table)
		print_people(p);
	else
		rc = print_json(p);
	if (rc != CLI_OK)
		return rc;
	return p->changed ? CLI_NO : p->unknown || p->has_more ? CLI_NOT_YET : CLI_OK;
}

/* ---- the command ---- */

static int read_objects(const struct wanted *w, struct policy_objects *objects)
{
	struct yaml_errors errors = {0};
	int rc = w->objects ? policy_objects_read(objects, &w->objects, 1, &errors) : 0;

	if (rc < 0)
		fputs(cli_text(&errors.text), stderr);
	buf_free(&errors.text);
	return rc < 0 ? CLI_FAILED : CLI_OK;
}

static int run(struct replay *p)
{
	char title[LOCAL_TIME_MAX];
	const struct table_column columns[] = {
		{.title = local_time_title("TIME", title), .rank = TABLE_TIME},
		{.title = "USER", .rank = TABLE_NAME}, {.title = "VERB"},
		{.title = "OBJECT", .rank = TABLE_OBJECT, .cut = TABLE_CUT_START},
		{.title = "THEN"}, {.title = "NOW"},
		{.title = "RULE", .rank = TABLE_RULE, .cut = TABLE_CUT_MIDDLE, .distinct = true},
		{.title = "EVENT"}};
	struct policy_objects objects = {.arena = p->kept};
	const struct cluster_source source = policy_objects_source(&objects);
	int rc = read_objects(p->wanted, &objects);

	if (rc != CLI_OK)
		return rc;
	p->cluster = p->wanted->objects ? &source : NULL;
	if (!cli_wants_json(p->wanted->output))
		p->table = table_new(columns, ARRAY_LEN(columns), p->wanted->output != NULL);
	rc = replay_all(p);
	if (rc == CLI_OK)
		rc = end(p);
	if (p->table)
		table_free(p->table);
	p->cluster = NULL;
	return rc;
}

static int replay(
	const struct command *self, const char *const *files, size_t count, const struct wanted *w)
{
	_cleanup_(policy_set_unrefp) struct policy_set *set = NULL;
	_cleanup_(arena_freep) struct arena *kept = arena_new(1u << 16, ARENA_MAX);
	_cleanup_(arena_freep) struct arena *scratch = arena_new(1u << 20, ARENA_MAX);
	struct replay p = {.self = self,
		.wanted = w,
		.kept = kept,
		.scratch = scratch,
		.findings = BUF_INIT(FINDINGS_MAX),
		.after_cluster = BUF_INIT(4096)};
	int rc;

	if (!kept || !scratch)
		return cli_error(self, CLI_FAILED, "out of memory");
	if ((rc = cli_policy_load(self, files, count, &set)) != CLI_OK)
		return rc;
	p.set = set;
	rc = run(&p);
	buf_free(&p.findings);
	buf_free(&p.after_cluster);
	return rc;
}

static int run_command(const struct command *self, int argc, char **argv)
{
	const char *files[CLI_POLICY_MAX_FILES];
	struct wanted w = {.limit = 100, .max_requests = 100000};
	size_t count;
	const struct flag flags[] = {CLI_FLAG_SINCE_TIME(w.since, "requests since then (1d)"),
		CLI_FLAG_UNTIL_TIME(w.until, "requests until then"),
		CLI_FLAG_USER(w.user, "only requests of this user"),
		CLI_FLAG_NAMESPACE(w.ns, "only requests in this namespace"),
		CLI_FLAG_TEXT("resource", w.resource, "RESOURCE",
			"only this resource: pods, deployments.apps, pods/exec"),
		CLI_FLAG_CLUSTER(w.cluster, "only requests to this cluster"),
		CLI_FLAG_TEXT("objects", w.objects, "PATH",
			"manifests of what rules look up, a file or a folder: Namespaces, "
			"parameters"),
		CLI_FLAG_LIMIT(w.limit, "changes that are shown"),
		CLI_FLAG_SWITCH("all", w.all, "no limit: all changes"),
		CLI_FLAG_NUMBER("max-requests", w.max_requests, "N", 1, 100000000,
			"requests that are looked at, at most"),
		CLI_FLAG_OUTPUT(w.output), CLI_FLAG_DATABASE(w.url), {0}};
	int rc = cli_parse(self, flags, argc, argv, 1, ARRAY_LEN(files), files, &count);

	return rc < 0 ? replay(self, files, count, &w) : rc;
}

const struct command replay_commands[] = {
	{.name = "policy replay",
		.args = "FILE…",
		.run = run_command,
		.summary = "Say what policies would have said to what was recorded",
		.examples = "  holdpoint policy replay new-policies/ --since 7d\n"
			    "  holdpoint policy replay new-policies/ --since yesterday --user "
			    "claude-code@agents.example.com\n"},
	{.name = NULL},
};
