/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mutation: the rules change the object one after the other, each seeing what the former left; the
 * answer is the difference between the first and the last.
 *
 * A rule that would change its own result again is refused (the API server may ask a second time
 * after other webhooks changed the object), and so is one that would make another object of it.
 */
#include "policy/decide_internal.h"
#include "policy/review/json_edit.h"

#define MAX_OPERATIONS 1000u

struct mutating {
	struct deciding d;
	const struct json_doc *object; /* as it is now, root at JSON_ROOT */
	bool changed;
};

/* ---- one rule ---- */

/* Of objects and patches alike. */
static const struct json_limits document_limits = {
	.max_bytes = EDIT_MAX_BYTES, .max_depth = EDIT_MAX_DEPTH, .max_nodes = 1u << 20};

/* A patch that was written here, as a document in the arena. */
static int read_patch(const struct buf *text, struct arena *a, struct json_doc *ret, struct err *e)
{
	struct json_error je;
	char *copy = text->failed ? NULL : arena_strndup(a, buf_span(text).ptr, text->len);
	if (!copy)
		return err_set(e, "the patch needs too much memory");
	if (json_read(copy, text->len, &document_limits, a, ret, &je) < 0)
		return json_error_to_err(&je, e);
	return 0;
}

/* The merge patch with its templates filled in, as a document. */
static int build_merge_patch(const struct mutation *m, struct evaluation *ev, struct arena *a,
	struct json_doc *ret, struct err *e)
{
	_cleanup_(buf_free) struct buf text = BUF_INIT(EDIT_MAX_BYTES);
	for (size_t i = 0; i < m->piece_count; i++) {
		buf_add_span(&text, m->pieces[i].literal);
		if (!m->pieces[i].value)
			continue;
		struct cel_value v = evaluation_template_value(m->pieces[i].value, ev);
		if (v.kind == CEL_ERROR)
			return err_set(e, "%.*s", SPAN_FMT(cel_error_message(v, a)));
		if (cel_put_json(&text, v, e) < 0)
			return -1;
	}
	return read_patch(&text, a, ret, e);
}

static struct edit_value *run_merge_patch(
	struct mutating *m, const struct rule *rule, struct evaluation *ev, struct err *e)
{
	struct arena *a = m->d.arena;
	struct json_doc *patch = arena_alloc(a, sizeof *patch);
	struct edit_value *v = edit_of(m->object, JSON_ROOT, a);
	if (!patch || !v) {
		err_set(e, "the patch needs too much memory");
		return NULL;
	}
	if (build_merge_patch(rule->mutation, ev, a, patch, e) < 0)
		return NULL;
	return edit_merge(v, patch, JSON_ROOT, a, e);
}

static int read_operations(
	struct cel_value list, struct arena *a, struct json_doc *ret, struct err *e)
{
	_cleanup_(buf_free) struct buf text = BUF_INIT(EDIT_MAX_BYTES);
	if (list.kind != CEL_LIST || cel_size(list) > MAX_OPERATIONS)
		return err_set(e, "jsonPatch must give a list of at most %u operations, not %s",
			MAX_OPERATIONS, cel_type_name(list));
	if (cel_put_json(&text, list, e) < 0)
		return -1;
	return read_patch(&text, a, ret, e);
}

static struct edit_value *run_json_patch(
	struct mutating *m, const struct rule *rule, struct evaluation *ev, struct err *e)
{
	struct arena *a = m->d.arena;
	struct cel_value list = evaluation_value(rule->mutation->json_patch, ev);
	struct json_doc *patch = arena_alloc(a, sizeof *patch);
	struct edit_value *v = edit_of(m->object, JSON_ROOT, a);
	if (list.kind == CEL_ERROR) {
		err_set(e, "%.*s", SPAN_FMT(cel_error_message(list, a)));
		return NULL;
	}
	if (!patch || !v) {
		err_set(e, "the patch needs too much memory");
		return NULL;
	}
	if (read_operations(list, a, patch, e) < 0)
		return NULL;
	json_foreach (operation, patch, JSON_ROOT) {
		int rc = edit_apply(&v, patch, operation, a, e);
		if (rc < 0)
			return NULL;
		if (rc == EDIT_TEST_FALSE) { /* as in MutatingAdmissionPolicy: no change at all */
			v = edit_of(m->object, JSON_ROOT, a);
			break;
		}
	}
	if (!v)
		err_set(e, "the patch needs too much memory");
	return v;
}

/* The same object as before, whatever else has changed? */
static int check_identity(
	const struct json_doc *before, const struct json_doc *after, struct err *e)
{
	static const char *const pointers[] = {"/apiVersion", "/kind", "/metadata/name",
		"/metadata/namespace", "/metadata/uid", "/metadata/generateName"};
	if (json_type(after, JSON_ROOT) != JSON_OBJECT)
		return err_set(e, "a mutation must leave an object behind");
	for (size_t i = 0; i < ARRAY_LEN(pointers); i++) {
		json_ref x = json_pointer(before, JSON_ROOT, span_of(pointers[i]));
		json_ref y = json_pointer(after, JSON_ROOT, span_of(pointers[i]));
		if ((x == JSON_NONE) != (y == JSON_NONE) ||
			(x != JSON_NONE && !json_same(before, x, after, y)))
			return err_set(e, "a mutation must not touch %s", pointers[i]);
	}
	return 0;
}

/* Applies the rule to the object as it is now: 1 changed, 0 unchanged, -1 with e set. */
static int change_object(struct mutating *m, const struct rule *rule, struct evaluation *ev,
	const struct json_doc **ret, struct err *e)
{
	struct json_doc *after = arena_alloc(m->d.arena, sizeof *after);
	struct edit_value *v = rule->mutation->json_patch ? run_json_patch(m, rule, ev, e)
							  : run_merge_patch(m, rule, ev, e);
	if (!v)
		return -1;
	if (!after)
		return err_set(e, "the patch needs too much memory");
	if (edit_finish(v, m->d.arena, after, e) < 0 || check_identity(m->object, after, e) < 0)
		return -1;
	*ret = after;
	return !json_same(m->object, JSON_ROOT, after, JSON_ROOT);
}

/* Does the rule, asked again about its own result, leave it alone? */
static int check_settled(
	struct mutating *m, const struct rule *rule, struct evaluation *ev, struct err *e)
{
	const struct json_doc *again;
	struct evaluation_error unused;
	if (evaluation_replace_object(ev, m->object) < 0)
		return err_set(e, "the request needs too much memory");
	if (deciding_test(rule, ev, NULL, &unused) != VERDICT_TRUE)
		return 0;
	int rc = change_object(m, rule, ev, &again, e);
	if (rc < 0)
		return err_prefix(e, "applied again");
	if (rc == 0)
		return 0;
	return err_set(e, "applied again it would change the object again: say under \"when\" what "
			  "is still to be done");
}

static int fail_rule(struct mutating *m, const struct rule *rule, const struct err *e)
{
	struct evaluation_error error = {
		.text = {arena_strndup(m->d.arena, e->msg, strlen(e->msg)), strlen(e->msg)}};
	return error.text.ptr ? deciding_add_failed(rule, &m->d, &error) : -1;
}

static int mutate_by(struct mutating *m, const struct rule *rule)
{
	struct evaluation *ev = deciding_evaluation(&m->d);
	const struct json_doc *before = m->object, *after;
	struct evaluation_error error;
	struct err e;
	if (!ev || evaluation_replace_object(ev, m->object) < 0)
		return -1;
	enum verdict verdict = deciding_test(rule, ev, m->d.reach, &error);
	if (verdict == VERDICT_FALSE)
		return 0;
	if (verdict == VERDICT_ERROR)
		return deciding_add_failed(rule, &m->d, &error);
	int rc = change_object(m, rule, ev, &after, &e);
	if (rc < 0)
		return fail_rule(m, rule, &e);
	if (!rc)
		return 0;
	if (rule->policy->enforcement != POLICY_ENFORCE)
		return deciding_add(rule, &m->d);
	m->object = after;
	if (check_settled(m, rule, ev, &e) < 0) {
		m->object = before;
		return evaluation_replace_object(ev, before) < 0 ? -1 : fail_rule(m, rule, &e);
	}
	m->changed = true;
	return deciding_add(rule, &m->d);
}

/* An Allow rule exempts from the Mutate rules below it as from all others. */
static int exempt_by(struct mutating *m, const struct rule *rule)
{
	struct evaluation *ev = deciding_evaluation(&m->d);
	struct evaluation_error unused;
	if (!ev || evaluation_replace_object(ev, m->object) < 0)
		return -1;
	m->d.exempt = deciding_test(rule, ev, m->d.reach, &unused) == VERDICT_TRUE;
	if (m->d.reach)
		m->d.reach->applied |= m->d.exempt;
	return 0;
}

/* Whether its match applies is not known: so the change cannot be made, unless a condition says no.
 */
static int mutate_unmatched(struct mutating *m, const struct rule *rule)
{
	struct evaluation *ev = deciding_evaluation(&m->d);
	const struct evaluation_error error = {.text = m->d.unknown};
	struct evaluation_error unused;
	if (!ev || evaluation_replace_object(ev, m->object) < 0)
		return -1;
	if (deciding_test(rule, ev, m->d.reach, &unused) == VERDICT_FALSE)
		return 0;
	return deciding_add_failed(rule, &m->d, &error);
}

static int look_at_rule(struct mutating *m, const struct rule *rule)
{
	bool mutates = rule->info.action == POLICY_MUTATE;
	if (!mutates && rule->info.action != POLICY_ALLOW)
		return 0;
	if (!deciding_enter(&m->d, rule) || m->d.exempt)
		return 0;
	switch (deciding_matches(rule, &m->d)) {
	case VERDICT_FALSE:
		return 0;
	case VERDICT_ERROR:
		return mutates ? mutate_unmatched(m, rule) : 0;
	case VERDICT_TRUE:
		break;
	}
	if (m->d.reach)
		m->d.reach->asked = true;
	return mutates ? mutate_by(m, rule) : exempt_by(m, rule);
}

/* ---- the request ---- */

/* The object alone, as a document of its own: patches count from its root. */
static const struct json_doc *object_alone(const struct policy_request *r, struct arena *a)
{
	struct json_doc *d = arena_alloc(a, sizeof *d);
	struct span text = json_text(r->doc, r->object);
	if (!d || json_read(text.ptr, text.len, &document_limits, a, d, NULL) < 0)
		return NULL;
	return d;
}

static int put_patch(const struct json_doc *before, const struct json_doc *after, struct arena *a,
	struct span *ret)
{
	_cleanup_(buf_free) struct buf out = BUF_INIT(EDIT_MAX_BYTES);
	json_diff(&out, before, JSON_ROOT, after, JSON_ROOT, a);
	char *copy = out.failed ? NULL : arena_strndup(a, out.ptr, out.len);
	if (!copy)
		return -1;
	*ret = (struct span){copy, out.len};
	return 0;
}

int policy_mutate_within(const struct policy_set *s, const struct policy_request *r,
	const struct policy_limits *limits, struct arena *arena, struct policy_mutation *ret)
{
	struct mutating m = {0};
	const uint32_t *ids;
	size_t count;
	*ret = (struct policy_mutation){0};
	if (!s->mutates || request_is_access(r) || json_type(r->doc, r->object) != JSON_OBJECT)
		return 0;
	if (deciding_start(&m.d, s, r, arena, &ids, &count) < 0)
		return -1;
	m.d.limits = limits;
	const struct json_doc *before = NULL;
	for (size_t i = 0; i < count; i++) {
		if (!before && !(before = m.object = object_alone(r, arena)))
			return -1;
		m.d.reach = reach_of(limits, ids[i]);
		if (look_at_rule(&m, s->rules[ids[i]]) < 0)
			return -1;
		if (m.d.evaluation && evaluation_is_unfinished(m.d.evaluation))
			return POLICY_UNFINISHED;
	}
	deciding_finish(&m.d, &ret->decision);
	return m.changed ? put_patch(before, m.object, arena, &ret->patch) : 0;
}

int policy_mutate(const struct policy_set *s, const struct policy_request *r, struct arena *arena,
	struct policy_mutation *ret)
{
	return policy_mutate_within(s, r, NULL, arena, ret);
}
