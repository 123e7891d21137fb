/* SPDX-License-Identifier: Apache-2.0 */
/* What an API server would ask about the subjects of a policy; see coverage_internal.h. */
#include "policy/coverage_internal.h"

#include <stdio.h>

#define SPEC_MAX   (64u << 10)
#define SOMEBODY   "somebody@example.com"
#define ACCOUNT_OF "system:serviceaccount"

/* A name that a pattern matches. */
static void put_sample(struct buf *out, struct pattern p)
{
	for (size_t i = 0; i < p.text.len; i++)
		buf_add_char(out, p.glob && strchr("*?", p.text.ptr[i]) ? 'x' : p.text.ptr[i]);
}

static void put_json_sample(struct buf *out, const char *before, struct pattern p)
{
	_cleanup_(buf_free) struct buf name = BUF_INIT(4096);

	buf_add_str(&name, before);
	put_sample(&name, p);
	out->failed |= name.failed;
	json_put_string(out, buf_span(&name));
}

static void put_account(struct buf *out, const struct subject *s)
{
	_cleanup_(buf_free) struct buf namespace_ = BUF_INIT(4096), before = BUF_INIT(8192);

	put_sample(&namespace_, s->namespace_);
	buf_printf(&before, ACCOUNT_OF ":%.*s:", SPAN_FMT(buf_span(&namespace_)));
	if (!buf_str(&before)) {
		out->failed = true;
		return;
	}
	buf_add_str(out, "\"user\":");
	put_json_sample(out, before.ptr, s->name);
	buf_add_str(out, ",\"groups\":[\"" ACCOUNT_OF "s\",");
	put_json_sample(out, ACCOUNT_OF "s:", s->namespace_);
}

/* NULL: somebody whom nothing is known of. */
static void put_subject(struct buf *out, const struct subject *s)
{
	if (s && s->kind == SUBJECT_SERVICE_ACCOUNT) {
		put_account(out, s);
	} else if (s && s->kind == SUBJECT_USER) {
		buf_add_str(out, "\"user\":");
		put_json_sample(out, "", s->name);
		buf_add_str(out, ",\"groups\":[");
	} else {
		buf_add_str(out, "\"user\":\"" SOMEBODY "\",\"groups\":[");
		if (s)
			put_json_sample(out, "", s->name);
	}
	if (s && s->kind != SUBJECT_USER)
		buf_add_char(out, ',');
	buf_add_str(out, "\"system:authenticated\"],\"uid\":\"\",\"extra\":{}");
}

static struct pattern first(struct patterns list, const char *otherwise)
{
	bool has = list.count > 0 && !span_eq_str(list.items[0].text, "*");

	return has ? list.items[0] : pattern_of(span_of(otherwise));
}

static void put_member(struct buf *out, const char *key, struct pattern value)
{
	buf_printf(out, "%s\"%s\":", out->len && out->ptr[out->len - 1] == '{' ? "" : ",", key);
	put_json_sample(out, "", value);
}

static void put_attributes(struct buf *out, const struct match *m)
{
	if (m->urls) {
		buf_add_str(out, "\"nonResourceAttributes\":{");
		put_member(out, "path", first(m->paths, "/metrics"));
		put_member(out, "verb", first(m->verbs, "get"));
		buf_add_char(out, '}');
		return;
	}
	const struct resource_pattern *r = &m->resources[0];
	buf_add_str(out, "\"resourceAttributes\":{");
	put_member(out, "verb", first(m->verbs, "get"));
	put_member(out, "group", first(m->api_groups, ""));
	put_member(out, "version", first(m->versions, "v1"));
	put_member(out, "resource", pattern_of(r->any_resource ? SPAN("configmaps") : r->resource));
	put_member(out, "subresource", pattern_of(r->any_subresource ? SPAN("") : r->subresource));
	put_member(out, "namespace", first(m->namespaces.include, "default"));
	put_member(out, "name", first(m->names.include, ""));
	buf_add_char(out, '}');
}

void coverage_put_spec(
	struct buf *out, const struct subject *s, const struct match *m, const char *attributes)
{
	buf_add_char(out, '{');
	put_subject(out, s);
	buf_add_char(out, ',');
	if (attributes)
		buf_add_str(out, attributes);
	else
		put_attributes(out, m);
	buf_add_char(out, '}');
}

struct span coverage_subject_name(const struct subject *s, struct arena *arena)
{
	static const char *const kinds[] = {[SUBJECT_USER] = "user",
		[SUBJECT_GROUP] = "group",
		[SUBJECT_SERVICE_ACCOUNT] = "service account"};

	if (!s)
		return SPAN("everybody");
	return arena_printf(arena, "%s %.*s%s%.*s", kinds[s->kind], SPAN_FMT(s->namespace_.text),
		s->kind == SUBJECT_SERVICE_ACCOUNT ? "/" : "", SPAN_FMT(s->name.text));
}

static const struct match *first_of_authorization(const struct policy *p)
{
	for (size_t i = 0; i < p->rule_count; i++)
		for (size_t k = 0; k < p->rules[i].match_count; k++)
			if (match_is_access(&p->rules[i].matches[k]))
				return &p->rules[i].matches[k];
	return NULL;
}

void coverage_each_subject(const struct policy_set *s, const char *attributes,
	bool (*take)(const char *policy, const char *subject, struct span spec, void *arg),
	void *arg)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new(16u << 10, 16u << 20);
	bool goes_on = arena != NULL;

	for (size_t i = 0; i < s->policy_count && goes_on; i++) {
		const struct policy *p = s->policies[i];
		const struct match *m = first_of_authorization(p);
		size_t count = p->subjects.count ? p->subjects.count : 1;

		for (size_t k = 0; m && k < count && goes_on; k++) {
			const struct subject *one =
				p->subjects.count ? &p->subjects.items[k] : NULL;
			struct span name = coverage_subject_name(one, arena);
			_cleanup_(buf_free) struct buf spec = BUF_INIT(SPEC_MAX);

			coverage_put_spec(&spec, one, m, attributes);
			goes_on = name.ptr && buf_str(&spec) &&
				  take(p->name, name.ptr, buf_span(&spec), arg);
		}
	}
}
