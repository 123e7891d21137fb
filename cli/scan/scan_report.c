/* SPDX-License-Identifier: Apache-2.0 */
/* What a scan found: a table for people, one object for programs. */
#include <inttypes.h>
#include <stdarg.h>

#include "cli/scan/scan_internal.h"
#include "common/base/utf8.h"

#define TEXT_MAX ((size_t)256 << 20)

static const struct table_column columns[] = {
	{.title = "WOULD BE"},
	{.title = "RESOURCE"},
	{.title = "OBJECT", .rank = TABLE_OBJECT, .cut = TABLE_CUT_MIDDLE},
	{.title = "RULE", .rank = TABLE_RULE, .cut = TABLE_CUT_MIDDLE, .distinct = true},
	{.title = "MESSAGE", .rank = TABLE_FILLER},
};

void report_begin(struct scan_report *r, const struct scan_wanted *w)
{
	*r = (struct scan_report){.json = cli_wants_json(w->output),
		.limit = w->all ? 0 : w->limit,
		.findings = BUF_INIT(TEXT_MAX),
		.incomplete = BUF_INIT(1u << 20)};
	if (!r->json)
		r->table = table_new(columns, ARRAY_LEN(columns), w->output != NULL);
}

void report_free(struct scan_report *r)
{
	if (r->table)
		table_free(r->table);
	buf_free(&r->findings);
	buf_free(&r->incomplete);
}

/* ---- one object ---- */

static const char *would_be(enum policy_action a)
{
	return a == POLICY_DENY ? "denied" : a == POLICY_HOLD ? "held" : "warned of";
}

static void put_resource(struct buf *out, const struct policy_request *q)
{
	utf8_put_printable(out, q->resource);
	if (q->api_group.len) {
		buf_add_char(out, '.');
		utf8_put_printable(out, q->api_group);
	}
}

static void put_object(struct buf *out, const struct policy_request *q)
{
	if (q->namespace_.len) {
		utf8_put_printable(out, q->namespace_);
		buf_add_char(out, '/');
	}
	utf8_put_printable(out, q->name.len ? q->name : SPAN("(no name)"));
}

static void add_row(
	struct scan_report *r, const struct policy_request *q, const struct policy_decision *d)
{
	_cleanup_(buf_free) struct buf resource = BUF_INIT(4096), object = BUF_INIT(4096),
				       rule = BUF_INIT(4096), message = BUF_INIT(65536);
	const enum colour colour = d->action >= POLICY_HOLD ? COLOUR_RED : COLOUR_YELLOW;

	put_resource(&resource, q);
	put_object(&object, q);
	buf_printf(&rule, "%s/%s", d->decisive->rule->policy, d->decisive->rule->rule);
	utf8_put_printable(&message, d->decisive->message);
	table_add(r->table, would_be(d->action), colour_on(colour, stdout));
	table_add(r->table, cli_text(&resource), NULL);
	table_add(r->table, cli_text(&object), NULL);
	table_add(r->table, cli_text(&rule), NULL);
	table_add(r->table, cli_text(&message), NULL);
}

static void put(struct buf *out, const char *key, struct span value)
{
	json_put_key(out, key);
	json_put_string(out, value);
}

static void add_json(struct scan_report *r, const struct policy_request *q,
	const struct policy_decision *d, struct arena *arena)
{
	struct buf *out = &r->findings;

	buf_add_str(out, out->len ? ",{" : "{");
	put(out, "action", span_of(policy_action_name(d->action)));
	put(out, "group", q->api_group);
	put(out, "version", q->version);
	put(out, "resource", q->resource);
	put(out, "namespace", q->namespace_);
	put(out, "name", q->name);
	put(out, "message", policy_decision_reasons(d, d->action, arena));
	json_put_key(out, "rules");
	buf_add_char(out, '[');
	for (size_t i = 0, n = 0; i < d->match_count; i++) {
		const struct policy_match *m = &d->matches[i];

		if (m->effective != d->action)
			continue;
		buf_add_str(out, n++ ? ",{" : "{");
		put(out, "policy", span_of(m->rule->policy));
		put(out, "rule", span_of(m->rule->rule));
		buf_printf(out, ",\"error\":%s}", m->error ? "true" : "false");
	}
	buf_add_str(out, "]}");
}

void report_add(struct scan_report *r, const struct policy_request *q,
	const struct policy_decision *d, struct arena *arena)
{
	if (d->action < POLICY_WARN)
		return;
	r->denied += d->action == POLICY_DENY;
	r->held += d->action == POLICY_HOLD;
	r->warned += d->action == POLICY_WARN;
	r->failed += d->decisive->error;
	if (r->limit && r->shown >= (uint64_t)r->limit)
		return;
	r->shown++;
	if (r->json)
		add_json(r, q, d, arena);
	else
		add_row(r, q, d);
}

void report_incomplete(struct scan_report *r, const char *what, const char *fmt, ...)
{
	struct buf *out = &r->incomplete;
	char text[2048];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	r->incomplete_count++;
	if (r->json) {
		buf_add_str(out, out->len ? ",{" : "{");
		put(out, "what", span_of(what));
		put(out, "why", span_of(text));
		buf_add_char(out, '}');
		return;
	}
	buf_add_str(out, "not looked at: ");
	utf8_put_printable(out, span_of(what));
	buf_add_str(out, ": ");
	utf8_put_printable(out, span_of(text));
	buf_add_char(out, '\n');
}

/* ---- the end ---- */

static void print_people(struct scan_report *r)
{
	const uint64_t found = r->denied + r->held + r->warned;

	if (found)
		table_print(r->table, stdout);
	printf("%s%" PRIu64 " object%s: %" PRIu64 " would be denied, %" PRIu64 " held, %" PRIu64
	       " warned of\n",
		found ? "\n" : "", r->objects, r->objects == 1 ? "" : "s", r->denied, r->held,
		r->warned);
	if (found > r->shown)
		fprintf(stderr, "Only %" PRIu64 " are shown; --all shows the rest.\n", r->shown);
	if (r->failed)
		fprintf(stderr, "Of %" PRIu64 " it could not be evaluated what a rule says.\n",
			r->failed);
	if (r->incomplete_count)
		fputs(cli_text(&r->incomplete), stderr);
}

static int print_json(struct scan_report *r, const struct command *self)
{
	_cleanup_(buf_free) struct buf out = BUF_INIT(TEXT_MAX + (2u << 20));

	buf_printf(&out,
		"{\"objects\":%" PRIu64 ",\"denied\":%" PRIu64 ",\"held\":%" PRIu64
		",\"warned\":%" PRIu64 ",\"failed\":%" PRIu64 ",\"complete\":%s,\"notLookedAt\":[",
		r->objects, r->denied, r->held, r->warned, r->failed,
		r->incomplete_count ? "false" : "true");
	buf_add_str(&out, cli_text(&r->incomplete));
	buf_add_str(&out, "],\"findings\":[");
	buf_add_str(&out, cli_text(&r->findings));
	buf_add_str(&out, "]}");
	if (out.failed)
		return cli_error(self, CLI_FAILED, "there is too much to show; lower --limit");
	return cli_print_json(self, buf_span(&out));
}

int report_end(struct scan_report *r, const struct command *self)
{
	int rc = CLI_OK;

	if (r->json)
		rc = print_json(r, self);
	else
		print_people(r);
	if (rc != CLI_OK)
		return rc;
	return r->denied + r->held ? CLI_NO : r->incomplete_count ? CLI_FAILED : CLI_OK;
}
