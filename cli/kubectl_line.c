/* SPDX-License-Identifier: Apache-2.0 */
/* See kubectl_line.h. One table from verb and subresource to the words of the command. */
#include "cli/kubectl_line_internal.h"

#include "cli/kubectl_body.h"
#include "common/base/hex.h"

#define PARAM_MAX 4096

static void put_decoded(struct buf *out, struct span s)
{
	for (size_t i = 0; i < s.len; i++) {
		int hi, lo;

		if (s.ptr[i] == '%' && i + 2 < s.len && (hi = hex_value(s.ptr[i + 1])) >= 0 &&
			(lo = hex_value(s.ptr[i + 2])) >= 0) {
			buf_add_char(out, (char)(hi << 4 | lo));
			i += 2;
		} else {
			buf_add_char(out, s.ptr[i] == '+' ? ' ' : s.ptr[i]);
		}
	}
}

/* A query parameter of a request URI, decoded; the n-th of that name. False if there is none. */
static bool uri_param(struct span uri, const char *name, unsigned nth, struct buf *ret)
{
	const char *p = memchr(uri.ptr ? uri.ptr : "", '?', uri.len);
	const char *end = uri.ptr + uri.len;
	size_t name_len = strlen(name);

	while (p && p < end) {
		const char *amp = memchr(p + 1, '&', (size_t)(end - p - 1));
		size_t len = (size_t)((amp ? amp : end) - ++p);

		if (len > name_len && p[name_len] == '=' && memcmp(p, name, name_len) == 0 &&
			nth-- == 0) {
			buf_reset(ret);
			put_decoded(ret, (struct span){p + name_len + 1, len - name_len - 1});
			return true;
		}
		p = amp;
	}
	return false;
}

void kubectl_put_quoted(struct buf *out, struct span s)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				    "-_./:=@%+,";
	bool quote = s.len == 0;

	for (size_t i = 0; i < s.len; i++)
		quote |= s.ptr[i] == 0 || !strchr(plain, s.ptr[i]);
	if (!quote) {
		buf_add_span(out, s);
		return;
	}
	buf_add_char(out, '\'');
	for (size_t i = 0; i < s.len; i++)
		if (s.ptr[i] == '\'')
			buf_add_str(out, "'\\''");
		else
			buf_add_char(out, s.ptr[i]);
	buf_add_char(out, '\'');
}

bool kubectl_uri_param(struct span uri, const char *name, struct buf *ret)
{
	return uri_param(uri, name, 0, ret);
}

static void put_word(struct buf *out, struct span s)
{
	buf_add_char(out, ' ');
	kubectl_put_quoted(out, s);
}

void kubectl_put_namespace(struct buf *out, const struct kubectl_call *c)
{
	/* A Namespace is its own namespace in an objectRef. */
	if (c->namespace_.len == 0 || span_eq_str(c->resource, "namespaces"))
		return;
	buf_add_str(out, " -n");
	put_word(out, c->namespace_);
}

void kubectl_put_resource(struct buf *out, const struct kubectl_call *c)
{
	put_word(out, c->resource);
	if (c->group.len > 0) {
		buf_add_char(out, '.');
		kubectl_put_quoted(out, c->group);
	}
}

/* One that begins as a flag does stands behind its resource: pods/--all. */
void kubectl_put_name(struct buf *out, const struct kubectl_call *c)
{
	if (c->name.len == 0)
		return;
	if (c->name.ptr[0] != '-') {
		put_word(out, c->name);
		return;
	}
	kubectl_put_resource(out, c);
	buf_add_char(out, '/');
	kubectl_put_quoted(out, c->name);
}

/* exec and attach: everything is in the query. */
static void put_exec(struct buf *out, const struct kubectl_call *c)
{
	_cleanup_(buf_free) struct buf v = BUF_INIT(PARAM_MAX);
	bool in = uri_param(c->uri, "stdin", 0, &v) && span_eq_str(buf_span(&v), "true");
	bool tty = uri_param(c->uri, "tty", 0, &v) && span_eq_str(buf_span(&v), "true");

	kubectl_put_name(out, c);
	kubectl_put_namespace(out, c);
	if (uri_param(c->uri, "container", 0, &v)) {
		buf_add_str(out, " -c");
		put_word(out, buf_span(&v));
	}
	if (in || tty)
		buf_printf(out, " -%s%s", in ? "i" : "", tty ? "t" : "");
	for (unsigned i = 0; uri_param(c->uri, "command", i, &v); i++) {
		if (i == 0)
			buf_add_str(out, " --");
		put_word(out, buf_span(&v));
	}
}

static void put_log(struct buf *out, const struct kubectl_call *c)
{
	_cleanup_(buf_free) struct buf v = BUF_INIT(PARAM_MAX);

	kubectl_put_name(out, c);
	kubectl_put_namespace(out, c);
	if (uri_param(c->uri, "container", 0, &v)) {
		buf_add_str(out, " -c");
		put_word(out, buf_span(&v));
	}
	if (uri_param(c->uri, "follow", 0, &v) && span_eq_str(buf_span(&v), "true"))
		buf_add_str(out, " -f");
}

static void put_raw(struct buf *out, const struct kubectl_call *c)
{
	put_word(out, c->uri);
}

static void put_object(struct buf *out, const struct kubectl_call *c)
{
	_cleanup_(buf_free) struct buf v = BUF_INIT(PARAM_MAX);

	if (c->name.len == 0 || c->name.ptr[0] != '-')
		kubectl_put_resource(out, c);
	kubectl_put_name(out, c);
	kubectl_put_namespace(out, c);
	if (c->subresource.len > 0) {
		buf_add_str(out, " --subresource=");
		kubectl_put_quoted(out, c->subresource);
	}
	if (uri_param(c->uri, "labelSelector", 0, &v)) {
		buf_add_str(out, " -l");
		put_word(out, buf_span(&v));
	}
	if (span_eq_str(c->verb, "delete"))
		kubectl_body_put_delete_flags(out, c);
}

static void put_named(struct buf *out, const struct kubectl_call *c)
{
	kubectl_put_name(out, c);
	kubectl_put_namespace(out, c);
}

/* Without the body; what it was about stands in a comment, put_end(). */
static void put_from_file(struct buf *out, const struct kubectl_call *c)
{
	kubectl_put_namespace(out, c);
	buf_add_str(out, " -f -");
}

static void put_all(struct buf *out, const struct kubectl_call *c)
{
	_cleanup_(buf_free) struct buf v = BUF_INIT(PARAM_MAX);

	kubectl_put_resource(out, c);
	kubectl_put_namespace(out, c);
	if (uri_param(c->uri, "labelSelector", 0, &v)) {
		buf_add_str(out, " -l");
		put_word(out, buf_span(&v));
	} else {
		buf_add_str(out, " --all");
	}
	kubectl_body_put_delete_flags(out, c);
}

/* First match wins; NULL matches anything, "" only nothing. */
static const struct {
	const char *verb, *resource, *subresource;
	const char *words;
	void (*put_rest)(struct buf *out, const struct kubectl_call *c);
} lines[] = {
	{NULL, "pods", "exec", "exec", put_exec},
	{NULL, "pods", "attach", "attach", put_exec},
	{NULL, "pods", "portforward", "port-forward", put_named},
	{NULL, "pods", "log", "logs", put_log},
	{NULL, NULL, "proxy", "get --raw", put_raw},
	{"create", "pods", "eviction", "drain  # evicts pod", put_named},
	{"create", "pods", "binding", "create -f -  # binds pod", put_named},
	{"create", "serviceaccounts", "token", "create token", put_named},
	{NULL, NULL, "scale", "scale", put_object},
	{"create", "selfsubjectaccessreviews", NULL, "auth can-i", NULL},
	{"create", "selfsubjectrulesreviews", NULL, "auth can-i --list", NULL},
	{"create", "selfsubjectreviews", NULL, "auth whoami", NULL},
	{"get", NULL, NULL, "get", put_object},
	{"list", NULL, NULL, "get", put_object},
	{"watch", NULL, NULL, "get --watch", put_object},
	{"create", NULL, NULL, "create", put_from_file},
	{"update", NULL, NULL, "replace", put_from_file},
	{"delete", NULL, NULL, "delete", put_object},
	{"deletecollection", NULL, NULL, "delete", put_all},
	{"patch", NULL, NULL, "patch", put_object},
};

/* What kubectl calls itself in ?fieldManager= when it patches for another subcommand. */
static const struct {
	const char *manager, *words;
} managers[] = {
	{"kubectl-rollout", "rollout restart"},
	{"kubectl-edit", "edit"},
	{"kubectl-label", "label"},
	{"kubectl-annotate", "annotate"},
	{"kubectl-set", "set"},
	{"kubectl-taint", "taint"},
	{"kubectl-cordon", "cordon"},
	{"kubectl-autoscale", "autoscale"},
};

static bool matches(const char *pattern, struct span s)
{
	return !pattern || span_eq_str(s, pattern);
}

static bool put_by_manager(struct buf *out, const struct kubectl_call *c)
{
	_cleanup_(buf_free) struct buf v = BUF_INIT(PARAM_MAX);
	/* The API server takes ?force= with apply patches only. */
	bool is_apply = span_eq_str(c->verb, "patch") && uri_param(c->uri, "force", 0, &v);

	if (is_apply || (uri_param(c->uri, "fieldManager", 0, &v) &&
				span_eq_str(buf_span(&v), "kubectl-client-side-apply"))) {
		buf_add_str(out, is_apply ? " apply --server-side" : " apply");
		put_from_file(out, c);
		return true;
	}
	if (!v.ptr || !span_eq_str(c->verb, "patch"))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(managers); i++)
		if (span_eq_str(buf_span(&v), managers[i].manager)) {
			buf_printf(out, " %s", managers[i].words);
			put_object(out, c);
			return true;
		}
	return false;
}

/* What no API has: the path of a request is the requester's to choose, and recorded as it came. */
static bool is_odd(struct span s)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyz0123456789-.";

	if (s.len > 0 && s.ptr[0] == '-')
		return true;
	for (size_t i = 0; i < s.len; i++)
		if (!s.ptr[i] || !strchr(plain, s.ptr[i]))
			return true;
	return false;
}

static void put_as_comment(struct buf *out, const struct kubectl_call *c)
{
	buf_add_str(out, "  #");
	put_word(out, c->verb);
	put_object(out, c);
}

static void put_by_table(struct buf *out, const struct kubectl_call *c)
{
	for (size_t i = 0; i < ARRAY_LEN(lines); i++)
		if (matches(lines[i].verb, c->verb) && matches(lines[i].resource, c->resource) &&
			matches(lines[i].subresource, c->subresource)) {
			buf_printf(out, " %s", lines[i].words);
			if (lines[i].put_rest)
				lines[i].put_rest(out, c);
			return;
		}
	put_as_comment(out, c);
}

/* A write of which only the place is known does not run as it is, and says so. */
static void put_lack(struct buf *out, const struct kubectl_call *c)
{
	bool file = span_eq_str(c->verb, "create") || span_eq_str(c->verb, "update");
	bool patch = span_eq_str(c->verb, "patch");

	if (!(patch || (file && c->subresource.len == 0)) || c->resource.len == 0 ||
		is_odd(c->resource) || is_odd(c->group) || is_odd(c->subresource) ||
		span_eq_str(c->group, "authorization.k8s.io") ||
		span_eq_str(c->group, "authentication.k8s.io"))
		return;
	buf_add_str(out, "  #");
	if (file) {
		kubectl_put_resource(out, c);
		kubectl_put_name(out, c);
		buf_add_char(out, ',');
	}
	buf_add_str(out, " without its body");
}

void kubectl_line_put(struct buf *out, const struct kubectl_call *c, struct arena *arena)
{
	_cleanup_(buf_free) struct buf v = BUF_INIT(64);
	bool with_body = false, is_raw;

	buf_add_str(out, "kubectl");
	if (c->as_user.len > 0) {
		buf_add_str(out, " --as");
		put_word(out, c->as_user);
	}
	if (c->resource.len == 0) {
		buf_add_str(out, " get --raw");
		put_raw(out, c);
	} else if (is_odd(c->resource) || is_odd(c->group) || is_odd(c->subresource)) {
		put_as_comment(out, c);
	} else {
		with_body = kubectl_body_put(out, c, arena);
		if (!with_body && !put_by_manager(out, c))
			put_by_table(out, c);
	}
	is_raw = with_body && kubectl_body_is_raw(c);
	if (!is_raw && uri_param(c->uri, "dryRun", 0, &v) && span_eq_str(buf_span(&v), "All"))
		buf_add_str(out, " --dry-run=server");
	if (!with_body)
		put_lack(out, c);
}
