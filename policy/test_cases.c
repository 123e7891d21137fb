/* SPDX-License-Identifier: Apache-2.0 */
/* Reading and running tests of policies; see test_cases.h. */
#include "policy/test_cases.h"
#include "common/base/file.h"
#include "policy/objects.h"
#include "policy/test_language_internal.h"

#include "common/yaml/errors.h"
#include "policy/files_internal.h"
#include "policy/pattern_internal.h"
#include "policy/review/json_edit.h"
#include "policy/review/review.h"

#include <libgen.h>
#include <stdio.h>
#include <time.h>

#define ARENA_MAX_BYTES	     (256u << 20)
#define CASE_ARENA_MAX_BYTES (64u << 20)
#define DEFAULT_NOW_US	     INT64_C(1767225600000000) /* 2026-01-01T00:00:00Z, a Thursday */

/* ---- requests ---- */

struct running {
	struct arena *arena;   /* of the files */
	struct arena *scratch; /* of one case */
	struct yaml_errors *errors;
	case_result_fn report;
	void *userdata;
	const struct source_test *test;
	struct policy_set *set;
	struct reach_ledger *ledger;   /* or NULL */
	struct policy_reach reach;     /* of the set */
	struct policy_limits watched;  /* no limits, but where it is noted what is reached */
	struct policy_objects objects; /* of all cases; none: nothing is known of the cluster */
};

static const struct json_limits limits = {
	.max_bytes = 16u << 20, .max_depth = 200, .max_nodes = 1u << 20};

static struct span in_scratch(struct running *r, const struct buf *b)
{
	char *copy = b->failed ? NULL : arena_strndup(r->scratch, buf_span(b).ptr, b->len);
	return (struct span){copy, copy ? b->len : 0};
}

/* A YAML value as a document; null when n is NULL. */
static int node_to_json(
	struct running *r, const struct node *n, struct json_doc *ret, struct err *e)
{
	_cleanup_(buf_free) struct buf b = BUF_INIT(16u << 20);
	struct json_error je;
	if (n)
		node_put_json(&b, n);
	else
		buf_add_str(&b, "{}");
	struct span text = in_scratch(r, &b);
	if (!text.ptr)
		return err_set(e, "it is too large");
	if (json_read(text.ptr, text.len, &limits, r->scratch, ret, &je) < 0)
		return json_error_to_err(&je, e);
	return 0;
}

/* head, {base} merged with what all cases have and with what this one has, tail. */
static struct span merged(struct running *r, struct span base, const struct node *all,
	const struct node *one, const char *head, struct err *e)
{
	struct json_doc *docs = arena_calloc(r->scratch, 3, sizeof *docs);
	_cleanup_(buf_free) struct buf b = BUF_INIT(16u << 20);
	if (!docs || json_read(base.ptr, base.len, &limits, r->scratch, &docs[0], NULL) < 0 ||
		node_to_json(r, all, &docs[1], e) < 0 || node_to_json(r, one, &docs[2], e) < 0)
		return (struct span){0};
	struct edit_value *v = edit_of(&docs[0], JSON_ROOT, r->scratch);
	for (size_t i = 1; v && i < 3; i++)
		v = edit_merge(v, &docs[i], JSON_ROOT, r->scratch, e);
	if (!v)
		return (struct span){0};
	buf_add_str(&b, head);
	edit_put(&b, v);
	buf_add_char(&b, '}');
	return in_scratch(r, &b);
}

/* A file beside the test file. */
static struct span read_beside(struct running *r, const struct yaml_str *name, struct err *e)
{
	_cleanup_(freep) char *copy = strdup(name->at->file->path);
	struct span path =
		arena_printf(r->scratch, "%s/%.*s", copy ? dirname(copy) : ".", SPAN_FMT(name->s));
	_cleanup_(buf_free) struct buf b = BUF_INIT(limits.max_bytes);
	if (!path.ptr) {
		err_set(e, "the name of a file is too long");
		return (struct span){0};
	}
	if (file_read(name->s.ptr[0] == '/' ? name->s.ptr : path.ptr, &b, e) < 0)
		return (struct span){0};
	struct span text = in_scratch(r, &b);
	if (!text.ptr)
		err_set(e, "%.*s is too large", SPAN_FMT(path));
	return text;
}

static struct span case_text(struct running *r, const struct source_case *c, struct err *e)
{
	if (c->review.at)
		return read_beside(r, &c->review, e);
	if (c->request)
		return merged(r, SPAN("{\"uid\":\"00000000-0000-4000-8000-000000000000\"}"),
			r->test->request, c->request,
			"{\"apiVersion\":\"admission.k8s.io/v1\",\"kind\":\"AdmissionReview\","
			"\"request\":",
			e);
	return merged(r, SPAN("{}"), r->test->access, c->access,
		"{\"apiVersion\":\"authorization.k8s.io/v1\",\"kind\":\"SubjectAccessReview\","
		"\"spec\":",
		e);
}

static int case_request(
	struct running *r, const struct source_case *c, struct policy_request *ret, struct err *e)
{
	struct span text = case_text(r, c, e);
	struct review *review = arena_alloc(r->scratch, sizeof *review);
	if (!text.ptr || !review)
		return -1;
	if (review_read(text, limits.max_nodes, r->scratch, review, e) != REVIEW_OK)
		return -1;
	*ret = review->request;
	return 0;
}

static int read_now(struct running *r, const struct yaml_str *s, int64_t *ret_us)
{
	struct tm tm = {0};
	if (!s->at)
		return 0;
	const char *end = strptime(s->s.ptr, "%Y-%m-%dT%H:%M:%SZ", &tm);
	if (!end || *end) {
		errors_add_at(
			r->errors, s->at, "now must be a time such as \"2026-01-01T00:00:00Z\"");
		return -1;
	}
	*ret_us = (int64_t)timegm(&tm) * 1000000;
	return 0;
}

/* ---- expectations ---- */

/* "Deny p/r" of what was decided, in the terms in which it was expected. */
static void put_decision(
	struct buf *out, const struct source_expect *x, const struct policy_decision *d)
{
	const struct policy_match *m = d->decisive;
	buf_add_str(out, policy_action_name(d->action));
	if (m && x->rule.at && memchr(x->rule.s.ptr, '/', x->rule.s.len))
		buf_printf(out, " %s/%s", m->rule->policy, m->rule->rule);
	else if (m)
		buf_printf(out, " %s", m->rule->rule);
	if (x->rules.at) {
		buf_add_str(out, " of [");
		for (size_t i = 0; i < d->match_count; i++)
			buf_printf(out, "%s%s", i ? " " : "", d->matches[i].rule->rule);
		buf_add_char(out, ']');
	}
}

static void put_expected(
	struct buf *out, const struct source_expect *x, const struct policy_decision *d)
{
	const struct yaml_str *rules = x->rules.items;
	buf_add_str(out, policy_action_name((enum policy_action)x->action.v));
	if (x->rule.at)
		buf_printf(out, " %.*s", SPAN_FMT(x->rule.s));
	else if (d->decisive)
		buf_printf(out, " %s", d->decisive->rule->rule);
	if (x->rules.at) {
		buf_add_str(out, " of [");
		for (size_t i = 0; i < x->rules.count; i++)
			buf_printf(out, "%s%.*s", i ? " " : "", SPAN_FMT(rules[i].s));
		buf_add_char(out, ']');
	}
}

static int check_decision(struct running *r, const struct policy_request *q,
	const struct source_expect *x, struct buf *expected, struct buf *got)
{
	struct policy_decision d;
	if (policy_decide_within(r->set, q, &r->watched, r->scratch, &d) < 0) {
		buf_add_str(got, "the request needs too much memory");
		return -1;
	}
	put_expected(expected, x, &d);
	put_decision(got, x, &d);
	bool same = span_eq(buf_span(expected), buf_span(got));
	struct span message = d.decisive ? d.decisive->message : SPAN("");
	bool said = !x->message.at || pattern_matches(pattern_of(x->message.s), message);
	if (!said)
		buf_printf(expected, ", saying %.*s", SPAN_FMT(x->message.s));
	if (!said || (!same && message.len))
		buf_printf(got, ", saying %.*s", SPAN_FMT(message));
	return same && said ? 0 : -1;
}

static int check_patch(struct running *r, const struct policy_request *q,
	const struct source_expect *x, struct buf *expected, struct buf *got)
{
	struct policy_mutation m;
	struct json_doc wanted, patch;
	struct err e;
	if (policy_mutate_within(r->set, q, &r->watched, r->scratch, &m) < 0) {
		buf_add_str(got, "the request needs too much memory");
		return -1;
	}
	bool refused = m.decision.action == POLICY_DENY;
	struct span reason = refused ? m.decision.decisive->message : SPAN("");
	if (x->patch)
		node_put_json(expected, x->patch);
	else
		buf_printf(expected, "Deny, saying %.*s", SPAN_FMT(x->refused.s));
	if (refused) {
		buf_printf(got, "Deny, saying %.*s", SPAN_FMT(reason));
		return x->refused.at && pattern_matches(pattern_of(x->refused.s), reason) ? 0 : -1;
	}
	struct span text = m.patch.len ? m.patch : SPAN("[]");
	buf_add_span(got, text);
	if (!x->patch || node_to_json(r, x->patch, &wanted, &e) < 0 ||
		json_read(text.ptr, text.len, &limits, r->scratch, &patch, NULL) < 0)
		return -1;
	return json_same(&wanted, JSON_ROOT, &patch, JSON_ROOT) ? 0 : -1;
}

/* What exists for this case; NULL when the file says nothing of it. -1: the errors are added. */
static int case_cluster(struct running *r, const struct source_case *c,
	struct policy_objects *objects, struct cluster_source *room, struct policy_request *q)
{
	const unsigned before = r->errors->count;
	*objects = (struct policy_objects){.arena = r->scratch, .rest = &r->objects};
	if (c->objects)
		policy_objects_add(objects, c->objects, r->errors);
	if (r->errors->count != before)
		return -1;
	*room = policy_objects_source(objects);
	q->cluster = c->objects || r->test->objects ? room : NULL;
	return 0;
}

static void run_case(struct running *r, const struct source_case *c, int64_t now_us)
{
	struct policy_objects objects;
	struct cluster_source cluster;
	_cleanup_(buf_free) struct buf expected = BUF_INIT(1u << 20), got = BUF_INIT(1u << 20);
	const struct source_expect *x = c->expect.value;
	struct policy_request q;
	struct err e = {.msg = "the request needs too much memory"};
	bool passed = true;
	arena_reset(r->scratch);
	if (case_request(r, c, &q, &e) < 0) {
		errors_add_at(r->errors, c->name.at, "%s", e.msg);
		return;
	}
	if (case_cluster(r, c, &objects, &cluster, &q) < 0)
		return;
	q.now_us = now_us;
	if (x->action.at)
		passed = check_decision(r, &q, x, &expected, &got) == 0;
	if ((x->patch || x->refused.at) && passed) {
		buf_reset(&expected);
		buf_reset(&got);
		passed = check_patch(r, &q, x, &expected, &got) == 0;
	}
	struct case_result result = {.file = c->name.at->file->path,
		.name = c->name.s.ptr,
		.line = c->name.at->line,
		.passed = passed,
		.expected = buf_span(&expected),
		.got = buf_span(&got)};
	r->report(&result, r->userdata);
}

/* ---- files ---- */

static void check_case(struct running *r, const struct source_case *c)
{
	const struct source_expect *x = c->expect.value;
	int sources = !!c->review.at + !!c->request + !!c->access;
	if (sources != 1)
		errors_add_at(r->errors, c->name.at,
			"a case has exactly one of review, request and access");
	if (x && x->patch && x->refused.at)
		errors_add_at(
			r->errors, x->refused.at, "expect has a patch or is refused, not both");
	if (x && !x->action.at && !x->patch && !x->refused.at)
		errors_add_at(
			r->errors, c->expect.at, "expect needs an action, a patch or refused");
	if (x && x->rule.at && !x->action.at)
		errors_add_at(r->errors, x->rule.at, "rule needs an action as well");
}

static int watch_set(struct running *r)
{
	r->watched = (struct policy_limits){0};
	if (!r->ledger)
		return 0;
	r->watched.reach = &r->reach;
	return policy_reach_begin(r->set, r->arena, &r->reach);
}

/* Loads what the test names; its errors are the test's. */
static int load_policies(struct running *r)
{
	const struct yaml_str *names = r->test->policies.items;
	const char *paths[64];
	size_t count = 0;
	struct yaml_errors errors;
	for (size_t i = 0; i < r->test->policies.count && count < ARRAY_LEN(paths); i++) {
		_cleanup_(freep) char *copy = strdup(names[i].at ? names[i].at->file->path : "");
		if (!names[i].at || !copy)
			return -1;
		struct span path =
			names[i].s.ptr[0] == '/'
				? names[i].s
				: arena_printf(r->arena, "%s/%s", dirname(copy), names[i].s.ptr);
		if (!path.ptr)
			return -1;
		paths[count++] = path.ptr;
	}
	int rc = policy_set_load(paths, count, &r->set, &errors);
	if (rc < 0) {
		if (!r->errors->text.max)
			r->errors->text = BUF_INIT(4u << 20);
		buf_add_span(&r->errors->text, buf_span(&errors.text));
		r->errors->count += errors.count;
	}
	buf_free(&errors.text);
	return rc == 0 ? watch_set(r) : -1;
}

/* 0, or -1: with an error added, or for lack of memory. */
static int run_test(struct running *r, const struct node *root)
{
	struct source_document *s = arena_calloc(r->arena, 1, sizeof *s);
	unsigned before = r->errors->count;
	int64_t now_us = DEFAULT_NOW_US;

	if (!s || language_check_head(root, "GuardrailPolicyTest", r->errors) < 0 ||
		schema_read(&language_test, root, s, r->arena, r->errors) < 0)
		return -1;
	r->test = s->spec.value;
	const struct source_case *cases = r->test->cases.items;
	for (size_t i = 0; i < r->test->cases.count; i++)
		check_case(r, &cases[i]);
	r->objects = (struct policy_objects){.arena = r->arena};
	if (r->test->objects)
		policy_objects_add(&r->objects, r->test->objects, r->errors);
	if (read_now(r, &r->test->now, &now_us) < 0 || r->errors->count != before ||
		load_policies(r) < 0)
		return -1;
	for (size_t i = 0; i < r->test->cases.count; i++) {
		int64_t case_now = now_us;
		if (read_now(r, &cases[i].now, &case_now) == 0)
			run_case(r, &cases[i], case_now);
	}
	return r->ledger ? reach_ledger_add(r->ledger, &r->reach) : 0;
}

/* A document of which nothing was run is never a success without a word. */
static void run_document(const struct node *root, void *arg)
{
	struct running *r = arg;
	unsigned before = r->errors->count;

	if (run_test(r, root) < 0 && r->errors->count == before)
		errors_add_at(r->errors, root, "there is not enough memory to run it");
	policy_set_unref(r->set);
	r->set = NULL;
}

int test_cases_run(const char *const *paths, size_t path_count, case_result_fn report,
	void *userdata, struct reach_ledger *reach, struct yaml_errors *errors)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new(1u << 16, ARENA_MAX_BYTES);
	_cleanup_(arena_freep) struct arena *scratch = arena_new(1u << 20, CASE_ARENA_MAX_BYTES);
	struct running r = {.arena = arena,
		.scratch = scratch,
		.errors = errors,
		.report = report,
		.userdata = userdata,
		.ledger = reach};
	struct tree_file *files;
	size_t count;
	*errors = (struct yaml_errors){0};
	if (!arena || !scratch) {
		errors_add(errors, NULL, 0, 0, "out of memory");
		return -1;
	}
	files_read(paths, path_count, arena, errors, &files, &count);
	if (!count && !errors->count)
		errors_add(errors, NULL, 0, 0, "no test file found");
	for (size_t i = 0; i < count; i++)
		tree_read(&files[i], arena, errors, run_document, &r);
	errors_sort(errors);
	return errors->count ? -1 : 0;
}
