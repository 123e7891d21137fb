/* SPDX-License-Identifier: Apache-2.0 */
/* holdpoint policy explain FILE… --review REVIEW | -f MANIFEST: every rule, every condition, the
 * values. */
#include <stdio.h>

#include "cli/policy.h"
#include "cli/table.h"
#include "common/base/flags_value.h"
#include "common/base/utf8.h"
#include "policy/manifests.h"
#include "policy/objects.h"

struct explained {
	const struct policy_request *request;
	const struct policy_explained_rule *rules;
	size_t rule_count;
	struct policy_decision decision;
	struct policy_mutation mutation;
	struct arena *arena;
};

/* ---- for people ---- */

static enum colour verdict_colour(const struct policy_explained_rule *r)
{
	if (r->verdict == POLICY_CONDITION_FAILED)
		return COLOUR_YELLOW;
	if (r->verdict != POLICY_APPLIES)
		return COLOUR_DIM;
	return r->rule->action >= POLICY_HOLD ? COLOUR_RED : COLOUR_GREEN;
}

/* Text of several lines, each behind `indent` spaces. */
static void put_indented(struct buf *out, struct span text, int indent)
{
	while (text.len) {
		const char *end = memchr(text.ptr, '\n', text.len);
		size_t len = end ? (size_t)(end - text.ptr) : text.len;
		buf_printf(out, "%*s", indent, "");
		utf8_put_printable(out, (struct span){text.ptr, len});
		buf_add_char(out, '\n');
		len += end ? 1 : 0;
		text = (struct span){text.ptr + len, text.len - len};
	}
}

static void put_condition(struct buf *out, const struct policy_explained_condition *c)
{
	struct span source = c->source;

	while (source.len && source.ptr[source.len - 1] == '\n')
		source.len--;
	buf_printf(out, "        %-5s ", c->verdict);
	const char *newline = memchr(source.ptr, '\n', source.len);
	utf8_put_printable(
		out, newline ? (struct span){source.ptr, (size_t)(newline - source.ptr)} : source);
	buf_add_char(out, '\n');
	if (newline)
		put_indented(out,
			(struct span){newline + 1, source.len - (size_t)(newline + 1 - source.ptr)},
			14);
	put_indented(out, c->values, 16);
}

static void put_rule(struct buf *out, const struct policy_explained_rule *r)
{
	buf_printf(out, "    %-6s %-40s %s%s%s%s%s\n", policy_action_name(r->rule->action),
		r->rule->rule, colour_on(verdict_colour(r), stdout),
		policy_verdict_name(r->verdict), r->why ? ": " : "", r->why ? r->why : "",
		colour_off(stdout));
	for (size_t i = 0; i < r->condition_count; i++)
		put_condition(out, &r->conditions[i]);
}

/* "; a Window of 15m, at most 20 requests, scope Namespace" */
static void put_window(
	struct buf *out, const char *title, int64_t ms, unsigned uses, enum policy_scope scope)
{
	buf_add_str(out, title);
	if (ms > 0) {
		buf_add_str(out, " of ");
		duration_put(out, ms);
	}
	if (uses > 0)
		buf_printf(out, ", at most %u request%s", uses, uses == 1 ? "" : "s");
	buf_printf(out, ", scope %s", policy_scope_name(scope));
}

static void put_hold(struct buf *out, const struct policy_hold *h)
{
	buf_add_str(out, "Approval: ");
	if (h->grant == POLICY_GRANT_WINDOW)
		put_window(out, "a Window", h->window_ms, h->max_uses, h->scope);
	else
		buf_add_str(out, "this one change");
	if (h->like_ms > 0)
		put_window(out, "; with --like a Window", h->like_ms, h->like_uses, h->scope);
	buf_add_char(out, '\n');
}

static void put_decision(struct buf *out, const struct explained *x)
{
	const struct policy_decision *d = &x->decision;

	buf_printf(out, "\nDecision: %s%s%s", colour_on(COLOUR_BOLD, stdout),
		d->action == POLICY_NONE ? "allowed, no rule applies"
					 : policy_action_name(d->action),
		colour_off(stdout));
	if (d->decisive)
		buf_printf(out, " by %s/%s", d->decisive->rule->policy, d->decisive->rule->rule);
	buf_add_char(out, '\n');
	if (d->decisive)
		put_indented(out, policy_decision_reasons(d, d->action, x->arena), 2);
	if (d->action == POLICY_HOLD) {
		size_t rules;
		struct policy_hold terms = policy_decision_hold(d, &rules);

		put_hold(out, &terms);
	}
	if (x->mutation.decision.action == POLICY_DENY) {
		buf_add_str(out, "Patch: refused\n");
		put_indented(out, x->mutation.decision.decisive->message, 2);
	} else if (x->mutation.patch.len) {
		buf_add_str(out, "Patch:\n");
		put_indented(out, x->mutation.patch, 2);
	}
}

static void put_rules(struct buf *out, const struct explained *x)
{
	const char *policy = NULL;

	buf_add_str(out, "\n\n");
	for (size_t i = 0; i < x->rule_count; i++) {
		const struct policy_explained_rule *r = &x->rules[i];
		bool same = policy && policy == r->rule->policy;
		policy = r->rule->policy;
		if (!same)
			buf_printf(out, "  policy %s%s\n", policy,
				r->verdict == POLICY_NOT_CONCERNED ? ": not about this user" : "");
		if (r->verdict != POLICY_NOT_CONCERNED)
			put_rule(out, r);
	}
}

static void print_text(const struct explained *x, bool rules)
{
	_cleanup_(buf_free) struct buf out = BUF_INIT(64u << 20);

	cli_policy_put_request(&out, x->request);
	if (rules)
		put_rules(&out, x);
	put_decision(&out, x);
	fputs(cli_text(&out), stdout);
}

/* ---- for programs ---- */

static void put_string(struct buf *out, const char *key, struct span s)
{
	json_put_key(out, key);
	json_put_string(out, s);
}

static void put_json_rule(struct buf *out, const struct policy_explained_rule *r)
{
	buf_add_char(out, '{');
	put_string(out, "policy", span_of(r->rule->policy));
	put_string(out, "rule", span_of(r->rule->rule));
	put_string(out, "action", span_of(policy_action_name(r->rule->action)));
	put_string(out, "verdict", span_of(policy_verdict_name(r->verdict)));
	if (r->why)
		put_string(out, "why", span_of(r->why));
	buf_add_str(out, ",\"conditions\":[");
	for (size_t i = 0; i < r->condition_count; i++) {
		buf_add_str(out, i ? ",{" : "{");
		put_string(out, "expression", r->conditions[i].source);
		put_string(out, "result", span_of(r->conditions[i].verdict));
		put_string(out, "values", r->conditions[i].values);
		buf_add_char(out, '}');
	}
	buf_add_str(out, "]}");
}

static void put_json_duration(struct buf *out, const char *key, int64_t ms)
{
	if (ms == 0)
		return;
	json_put_key(out, key);
	buf_add_char(out, '"');
	duration_put(out, ms);
	buf_add_char(out, '"');
}

static void put_json_uses(struct buf *out, unsigned uses)
{
	if (uses == 0)
		return;
	json_put_key(out, "maxUses");
	json_put_int(out, uses);
}

/* What an approval is good for, in the words of a rule's `hold`. */
static void put_json_hold(struct buf *out, const struct policy_decision *d)
{
	size_t rules;
	struct policy_hold h = policy_decision_hold(d, &rules);

	json_put_key(out, "hold");
	buf_add_char(out, '{');
	put_string(out, "grant", h.grant == POLICY_GRANT_WINDOW ? SPAN("Window") : SPAN("Once"));
	put_json_duration(out, "window", h.window_ms);
	put_json_uses(out, h.max_uses);
	if (h.like_ms > 0) {
		json_put_key(out, "allowWindow");
		buf_add_char(out, '{');
		put_json_duration(out, "upTo", h.like_ms);
		put_json_uses(out, h.like_uses);
		buf_add_char(out, '}');
	}
	if (h.grant == POLICY_GRANT_WINDOW || h.like_ms > 0)
		put_string(out, "scope", span_of(policy_scope_name(h.scope)));
	buf_add_char(out, '}');
}

static int print_json(const struct command *c, const struct explained *x)
{
	_cleanup_(buf_free) struct buf out = BUF_INIT(64u << 20);
	const struct policy_decision *d = &x->decision;

	buf_add_char(&out, '{');
	put_string(&out, "action", span_of(policy_action_name(d->action)));
	if (d->decisive) {
		put_string(&out, "policy", span_of(d->decisive->rule->policy));
		put_string(&out, "rule", span_of(d->decisive->rule->rule));
		put_string(&out, "message", policy_decision_reasons(d, d->action, x->arena));
	}
	if (d->action == POLICY_HOLD)
		put_json_hold(&out, d);
	if (x->mutation.patch.len) {
		json_put_key(&out, "patch");
		buf_add_span(&out, x->mutation.patch);
	}
	buf_add_str(&out, ",\"rules\":[");
	for (size_t i = 0; i < x->rule_count; i++) {
		if (i)
			buf_add_char(&out, ',');
		put_json_rule(&out, &x->rules[i]);
	}
	buf_add_str(&out, "]}");
	return cli_print_json(c, buf_span(&out));
}

static int explain(const struct command *c, const struct policy_set *set, struct explained *x)
{
	if (policy_explain(set, x->request, x->arena, &x->rules, &x->rule_count) < 0 ||
		policy_decide(set, x->request, x->arena, &x->decision) < 0 ||
		policy_mutate(set, x->request, x->arena, &x->mutation) < 0)
		return cli_error(c, CLI_FAILED, "the request needs too much memory");
	return CLI_OK;
}

static int read_objects(const char *path, struct policy_objects *objects)
{
	struct yaml_errors errors = {0};
	int rc = path ? policy_objects_read(objects, &path, 1, &errors) : 0;

	if (rc < 0)
		fputs(cli_text(&errors.text), stderr);
	buf_free(&errors.text);
	return rc < 0 ? CLI_FAILED : CLI_OK;
}

/* ---- which requests ---- */

struct wanted {
	const char *output, *review, *objects, *username, *namespace_, *operation;
	struct flag_list manifests, groups;
	bool rules;
};

static const char *const operations[] = {"CREATE", "DELETE", NULL};

static int check_wanted(const struct command *c, const struct wanted *w)
{
	bool of_manifests =
		w->username || w->groups.count || w->namespace_ || w->operation || w->rules;

	if (!w->review == !w->manifests.count)
		return cli_error(c, CLI_USAGE, "say either --review or --manifest");
	if (w->review && of_manifests)
		return cli_error(c, CLI_USAGE,
			"--as, --as-group, --namespace, --operation and --rules are for "
			"--manifest: a review has its own");
	if (w->manifests.count && !w->username)
		return cli_error(c, CLI_USAGE, "--manifest needs --as: who applies it");
	return CLI_OK;
}

static int read_manifests(const struct wanted *w, struct arena *arena, struct manifest **ret)
{
	const struct manifest_sender sender = {.username = w->username,
		.groups = w->groups.items,
		.group_count = w->groups.count,
		.namespace_ = w->namespace_,
		.deletes = w->operation && strcmp(w->operation, "DELETE") == 0};
	struct yaml_errors errors = {0};
	int rc = manifests_read(
		w->manifests.items, w->manifests.count, &sender, arena, &errors, ret);

	if (rc < 0)
		fputs(cli_text(&errors.text), stderr);
	buf_free(&errors.text);
	return rc < 0 ? CLI_FAILED : CLI_OK;
}

static int explain_one(const struct command *c, const struct policy_set *set,
	const struct wanted *w, struct explained *x)
{
	int rc = explain(c, set, x);

	if (rc == CLI_OK && cli_wants_json(w->output))
		return print_json(c, x);
	if (rc == CLI_OK)
		print_text(x, w->review || w->rules);
	return rc;
}

/* One after the other; as JSON, an object each. */
static int explain_manifests(const struct command *c, const struct policy_set *set,
	const struct wanted *w, const struct cluster_source *cluster, struct arena *arena)
{
	struct manifest *first;
	int rc = read_manifests(w, arena, &first);

	for (struct manifest *m = first; m && rc == CLI_OK; m = m->next) {
		struct explained x = {.request = &m->review.request, .arena = arena};

		m->review.request.cluster = cluster;
		if (m != first && !cli_wants_json(w->output))
			putchar('\n');
		rc = explain_one(c, set, w, &x);
		if (m->guessed)
			fprintf(stderr,
				"note: resource %.*s is a guess, the kind is none of Kubernetes' "
				"own\n",
				SPAN_FMT(m->review.request.resource));
	}
	return rc;
}

static int explain_review(const struct command *c, const struct policy_set *set,
	const struct wanted *w, const struct cluster_source *cluster, struct arena *arena)
{
	struct policy_request request;
	struct explained x = {.request = &request, .arena = arena};
	int rc = cli_policy_read_review(c, w->review, arena, &request);

	if (rc != CLI_OK)
		return rc;
	request.cluster = cluster;
	return explain_one(c, set, w, &x);
}

static int run(
	const struct command *c, const char *const *files, size_t count, const struct wanted *w)
{
	_cleanup_(policy_set_unrefp) struct policy_set *set = NULL;
	_cleanup_(arena_freep) struct arena *arena = arena_new(1u << 20, 1u << 28);
	struct policy_objects objects = {.arena = arena};
	const struct cluster_source source = policy_objects_source(&objects),
				    *cluster = w->objects ? &source : NULL;
	int rc;

	if (!arena)
		return cli_error(c, CLI_FAILED, "out of memory");
	if ((rc = cli_policy_load(c, files, count, &set)) != CLI_OK ||
		(rc = read_objects(w->objects, &objects)) != CLI_OK)
		return rc;
	return w->review ? explain_review(c, set, w, cluster, arena)
			 : explain_manifests(c, set, w, cluster, arena);
}

int cli_policy_explain(const struct command *self, int argc, char **argv)
{
	const char *files[CLI_POLICY_MAX_FILES];
	struct wanted w = {0};
	size_t count;
	const struct flag flags[] = {CLI_FLAG_OUTPUT(w.output),
		{.name = "review",
			.short_name = 'r',
			.type = FLAG_STRING,
			.value = &w.review,
			.arg = "FILE",
			.no_env = true,
			.help = "AdmissionReview or SubjectAccessReview, as JSON; - is standard "
				"input"},
		{.name = "manifest",
			.short_name = 'f',
			.type = FLAG_STRING_LIST,
			.value = &w.manifests,
			.arg = "PATH",
			.no_env = true,
			.help = "what --as applies, a YAML or JSON file or a folder: each object "
				"without the API server's defaults"},
		CLI_FLAG_TEXT("as", w.username, "USER", "who applies the manifests"),
		{.name = "as-group",
			.type = FLAG_STRING_LIST,
			.value = &w.groups,
			.arg = "GROUP",
			.no_env = true,
			.help = "a group of that user; may be repeated"},
		CLI_FLAG_NAMESPACE(w.namespace_, "of objects that name none (default)"),
		{.name = "operation",
			.type = FLAG_STRING,
			.value = &w.operation,
			.arg = "OPERATION",
			.one_of = operations,
			.no_env = true,
			.help = "CREATE or DELETE (CREATE)"},
		CLI_FLAG_SWITCH("rules", w.rules, "each manifest rule by rule, as a review is"),
		CLI_FLAG_TEXT("objects", w.objects, "PATH",
			"manifests of what exists in the cluster, a file or a folder: the "
			"Namespace that the request is about"),
		{0}};
	int rc = cli_parse(self, flags, argc, argv, 1, ARRAY_LEN(files), files, &count);

	if (rc < 0)
		rc = check_wanted(self, &w);
	else
		return rc;
	return rc == CLI_OK ? run(self, files, count, &w) : rc;
}
