/* SPDX-License-Identifier: Apache-2.0 */
/* What an API server has: its resources by discovery, their objects page by page. */
#include <stdio.h>

#include "cli/kubectl/kubectl_review.h"
#include "cli/scan/scan_internal.h"

#define PATH_BYTES  65536
#define PAGES_MAX   100000u /* of one resource: against a server that never ends */
#define TOKEN_BYTES 16384

const struct json_limits scan_limits = {
	.max_bytes = 16u << 20, .max_depth = 100, .max_nodes = 8u << 20};

void scan_put_escaped(struct buf *out, struct span s)
{
	for (size_t i = 0; i < s.len; i++) {
		const unsigned char c = (unsigned char)s.ptr[i];

		if ((c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z') || c == '-' ||
			c == '.' || c == '_' || c == '~')
			buf_add_char(out, (char)c);
		else
			buf_printf(out, "%%%02X", c);
	}
}

static void put_group(struct buf *out, struct span group, struct span version)
{
	buf_add_str(out, group.len ? "/apis/" : "/api/");
	scan_put_escaped(out, group);
	buf_add_str(out, group.len ? "/" : "");
	scan_put_escaped(out, version);
}

void scan_put_path(struct buf *out, const struct scan_resource *r, struct span namespace_)
{
	put_group(out, r->group, r->version);
	if (r->in_namespaces && namespace_.len) {
		buf_add_str(out, "/namespaces/");
		scan_put_escaped(out, namespace_);
	}
	buf_add_char(out, '/');
	scan_put_escaped(out, r->resource);
}

const char *scan_fault(const struct kube_answer *a, struct arena *arena)
{
	struct span text = buf_span(&a->body);
	const char *message = "";
	struct json_doc doc;

	if (json_read(text.ptr, text.len, &scan_limits, arena, &doc, NULL) == 0)
		message = kubectl_field(&doc, JSON_ROOT, "/message", arena);
	struct span s = arena_printf(
		arena, "%s (HTTP %ld)", *message ? message : "no reason given", a->status);
	return s.ptr ? s.ptr : "out of memory";
}

/* ---- which resources ---- */

/* A document in the page's arena. *ret_why: what is wrong, in it as well. */
static int get_document(
	struct scan_cluster *c, const char *path, struct json_doc *ret, const char **ret_why)
{
	_cleanup_(kube_answer_free) struct kube_answer a = {0};
	struct err e;

	*ret_why = "it is no JSON, or too large";
	if (kube_request(&c->config, path, NULL, &a, &e) < 0) {
		*ret_why = arena_strndup(c->page, e.msg, strlen(e.msg));
		return -1;
	}
	if (a.status != 200) {
		*ret_why = scan_fault(&a, c->page);
		return -1;
	}
	char *copy = arena_strndup(c->page, a.body.ptr, a.body.len);
	if (!copy || json_read(copy, a.body.len, &scan_limits, c->page, ret, NULL) < 0)
		return -1;
	return 0;
}

static struct span kept(struct scan_cluster *c, const struct json_doc *d, json_ref r)
{
	struct span s = json_type(d, r) == JSON_STRING ? json_string(d, r, c->arena) : SPAN("");
	char *copy = arena_strndup(c->arena, s.ptr ? s.ptr : "", s.len);

	return (struct span){copy, copy ? s.len : 0};
}

static bool has_verb(const struct json_doc *d, json_ref resource, struct span verb)
{
	json_ref verbs = json_get_str(d, resource, "verbs");

	if (json_type(d, verbs) != JSON_ARRAY)
		return false;
	json_foreach (v, d, verbs)
		if (json_string_is(d, v, verb))
			return true;
	return false;
}

/* Of a group's versions the one that comes first is enough. */
static bool is_known(const struct scan_cluster *c, struct span group, struct span resource)
{
	for (const struct scan_resource *r = c->first; r; r = r->next)
		if (span_eq(r->group, group) && span_eq(r->resource, resource))
			return true;
	return false;
}

static int take_resource(struct scan_cluster *c, struct span group, struct span version,
	const struct json_doc *d, json_ref one)
{
	struct span name = kept(c, d, json_get_str(d, one, "name"));
	json_ref namespaced = json_get_str(d, one, "namespaced");

	if (!name.ptr || !name.len || memchr(name.ptr, '/', name.len) || is_known(c, group, name))
		return name.ptr ? 0 : -1;
	struct scan_resource *r = arena_calloc(c->arena, 1, sizeof(*r));
	if (!r)
		return -1;
	*r = (struct scan_resource){.group = group,
		.version = version,
		.resource = name,
		.kind = kept(c, d, json_get_str(d, one, "kind")),
		.in_namespaces = json_type(d, namespaced) == JSON_TRUE,
		.listed = has_verb(d, one, SPAN("list")) && has_verb(d, one, SPAN("create"))};
	*c->end = r;
	c->end = &r->next;
	return r->kind.ptr ? 0 : -1;
}

static int discover_version(
	struct scan *s, struct scan_cluster *c, struct span group, struct span version)
{
	_cleanup_(buf_free) struct buf path = BUF_INIT(PATH_BYTES);
	struct json_doc d;
	const char *why;

	put_group(&path, group, version);
	if (!buf_str(&path))
		return -1;
	if (get_document(c, path.ptr, &d, &why) < 0) {
		report_incomplete(&s->report, path.ptr, "%s", why);
		return 0;
	}
	json_ref list = json_get_str(&d, JSON_ROOT, "resources");
	if (json_type(&d, list) != JSON_ARRAY)
		return 0;
	json_foreach (one, &d, list)
		if (take_resource(c, group, version, &d, one) < 0)
			return -1;
	return 0;
}

static int discover_group(
	struct scan *s, struct scan_cluster *c, const struct json_doc *d, json_ref group)
{
	struct span name = kept(c, d, json_get_str(d, group, "name"));
	json_ref versions = json_get_str(d, group, "versions");

	if (!name.ptr || json_type(d, versions) != JSON_ARRAY)
		return name.ptr ? 0 : -1;
	json_foreach (v, d, versions) {
		struct span version = kept(c, d, json_get_str(d, v, "version"));

		if (!version.ptr || discover_version(s, c, name, version) < 0)
			return -1;
	}
	return 0;
}

static int discover(struct scan *s, struct scan_cluster *c)
{
	struct json_doc d;
	const char *why;

	c->end = &c->first;
	if (get_document(c, "/apis", &d, &why) < 0)
		return cli_error(s->self, CLI_FAILED, "the API server's groups: %s", why);
	if (discover_version(s, c, SPAN(""), SPAN("v1")) < 0)
		return cli_error(s->self, CLI_FAILED, "out of memory");
	json_ref groups = json_get_str(&d, JSON_ROOT, "groups");
	if (json_type(&d, groups) != JSON_ARRAY)
		return CLI_OK;
	json_foreach (g, &d, groups)
		if (discover_group(s, c, &d, g) < 0)
			return cli_error(s->self, CLI_FAILED, "out of memory");
	return CLI_OK;
}

/* ---- their objects ---- */

struct listing {
	struct scan *s;
	struct scan_cluster *c;
	const struct scan_resource *r;
	struct buf path, token, name;
	unsigned limit;
};

/* Items of a list leave out what is the same of all. */
static struct span item_text(struct listing *l, const struct json_doc *d, json_ref item)
{
	struct span text = json_text(d, item);
	struct buf b = BUF_IN_ARENA(l->s->scratch, 16u << 20);

	if (json_get_str(d, item, "kind") != JSON_NONE || text.len < 3)
		return text;
	buf_add_str(&b, "{\"apiVersion\":\"");
	buf_printf(&b, "%.*s%s%.*s\",\"kind\":\"%.*s\",", SPAN_FMT(l->r->group),
		l->r->group.len ? "/" : "", SPAN_FMT(l->r->version), SPAN_FMT(l->r->kind));
	buf_add(&b, text.ptr + 1, text.len - 1);
	return b.failed ? (struct span){0} : buf_span(&b);
}

static int take_item(struct listing *l, const struct json_doc *d, json_ref item)
{
	json_ref metadata = json_get_str(d, item, "metadata");
	struct manifest_object o = {.group = l->r->group,
		.version = l->r->version,
		.kind = l->r->kind,
		.resource = l->r->resource};

	if (json_type(d, metadata) != JSON_OBJECT)
		return 0;
	arena_reset(l->s->scratch);
	o.namespace_ = json_string(d, json_get_str(d, metadata, "namespace"), l->c->page);
	o.name = json_string(d, json_get_str(d, metadata, "name"), l->c->page);
	if (!o.namespace_.ptr)
		o.namespace_ = SPAN("");
	o.text = item_text(l, d, item);
	if (!o.name.ptr || !o.text.ptr) {
		report_incomplete(&l->s->report, l->name.ptr, "an object is too large");
		return 0;
	}
	return scan_object(l->s, &o);
}

static void remember_token(struct listing *l, const struct json_doc *d)
{
	json_ref token = json_pointer_str(d, JSON_ROOT, "/metadata/continue");

	buf_reset(&l->token);
	if (json_type(d, token) == JSON_STRING)
		buf_add_span(&l->token, json_string(d, token, l->c->page));
}

static int take_page(struct listing *l, const struct kube_answer *a)
{
	struct json_doc d;

	if (json_read(a->body.ptr, a->body.len, &scan_limits, l->c->page, &d, NULL) < 0) {
		report_incomplete(&l->s->report, l->name.ptr, "the answer is no JSON");
		return -1;
	}
	remember_token(l, &d);
	json_ref items = json_get_str(&d, JSON_ROOT, "items");
	if (json_type(&d, items) != JSON_ARRAY)
		return 0;
	json_foreach (item, &d, items)
		if (take_item(l, &d, item) < 0)
			return -1;
	return 0;
}

/* The list has become too old to go on with (410): the server says where it goes on all the same.
 */
static bool goes_on(struct listing *l, const struct kube_answer *a)
{
	struct json_doc d;

	if (a->status != 410 || !l->token.len ||
		json_read(a->body.ptr, a->body.len, &scan_limits, l->c->page, &d, NULL) < 0)
		return false;
	remember_token(l, &d);
	return l->token.len > 0;
}

/* 0: go on with the next page, if there is one. */
static int next_page(struct listing *l)
{
	_cleanup_(kube_answer_free) struct kube_answer a = {0};
	const char *ns = l->s->wanted->namespace_;
	struct err e;

	arena_reset(l->c->page);
	buf_reset(&l->path);
	scan_put_path(&l->path, l->r, span_of(ns ? ns : ""));
	buf_printf(&l->path, "?limit=%u", l->limit);
	if (l->token.len) {
		buf_add_str(&l->path, "&continue=");
		scan_put_escaped(&l->path, buf_span(&l->token));
	}
	if (!buf_str(&l->path))
		return -1;
	int rc = kube_request(&l->c->config, l->path.ptr, NULL, &a, &e);
	if (rc == KUBE_TOO_LARGE && l->limit > 1) {
		l->limit /= 2;
		return 1;
	}
	if (rc < 0) {
		report_incomplete(&l->s->report, l->name.ptr, "%s", e.msg);
		return -1;
	}
	if (a.status == 200)
		return take_page(l, &a);
	if (goes_on(l, &a))
		return 1;
	report_incomplete(&l->s->report, l->name.ptr, "%s", scan_fault(&a, l->c->page));
	return -1;
}

static void scan_list(struct scan *s, struct scan_cluster *c, const struct scan_resource *r)
{
	struct listing l = {.s = s,
		.c = c,
		.r = r,
		.path = BUF_INIT(PATH_BYTES),
		.token = BUF_INIT(TOKEN_BYTES),
		.name = BUF_INIT(1024),
		.limit = SCAN_PAGE};
	unsigned pages = 0;
	int rc;

	buf_printf(&l.name, "%.*s%s%.*s", SPAN_FMT(r->resource), r->group.len ? "." : "",
		SPAN_FMT(r->group));
	if (!buf_str(&l.name))
		report_incomplete(&s->report, "a resource", "its name is too long");
	else
		do
			rc = next_page(&l);
		while (rc > 0 || (rc == 0 && l.token.len && ++pages < PAGES_MAX));
	if (pages == PAGES_MAX)
		report_incomplete(&s->report, l.name.ptr, "the list does not end");
	buf_free(&l.path);
	buf_free(&l.token);
	buf_free(&l.name);
}

/* ---- all ---- */

/* "deployments.apps" */
static bool is_named(const struct scan_resource *r, const char *name)
{
	const size_t len = strlen(name);

	if (len < r->resource.len || memcmp(name, r->resource.ptr, r->resource.len) != 0)
		return false;
	if (len == r->resource.len)
		return true;
	return name[r->resource.len] == '.' && span_eq_str(r->group, name + r->resource.len + 1);
}

/* Webhooks are not asked about these, by the registration. */
static bool is_left_out(const struct scan_resource *r)
{
	return span_eq_str(r->resource, "events") || span_eq_str(r->resource, "leases");
}

static bool is_wanted(const struct scan *s, const struct scan_resource *r)
{
	const struct flag_list *named = &s->wanted->resources;
	bool wanted = named->count == 0 && !is_left_out(r);

	for (size_t i = 0; i < named->count && !wanted; i++)
		wanted = is_named(r, named->items[i]);
	return wanted && r->listed && (!s->wanted->namespace_ || r->in_namespaces) &&
	       policy_set_is_about(s->set, r->group, r->version, r->resource);
}

static int check_names(const struct scan *s, const struct scan_cluster *c)
{
	const struct flag_list *named = &s->wanted->resources;

	for (size_t i = 0; i < named->count; i++) {
		bool found = false;

		for (const struct scan_resource *r = c->first; r && !found; r = r->next)
			found = is_named(r, named->items[i]);
		if (!found)
			return cli_error(s->self, CLI_USAGE,
				"--resource %s: the API server has none of this name",
				named->items[i]);
	}
	return CLI_OK;
}

int scan_all(struct scan *s, struct scan_cluster *c)
{
	int rc = discover(s, c);

	if (rc == CLI_OK)
		rc = check_names(s, c);
	if (rc != CLI_OK)
		return rc;
	for (const struct scan_resource *r = c->first; r; r = r->next)
		if (is_wanted(s, r)) {
			s->report.kinds++;
			scan_list(s, c, r);
		}
	if (!s->report.kinds)
		return cli_error(s->self, CLI_FAILED,
			"no rule is about creating anything that was to be looked at");
	return CLI_OK;
}
