/* SPDX-License-Identifier: Apache-2.0 */
/* See kubectl_body.h. */
#include "cli/kubectl_body.h"

#include "cli/kubectl_line_internal.h"

#define SHOWN_MAX (1 << 20)

static const struct json_doc *doc_of(const struct kubectl_call *c)
{
	return c->doc;
}

/* The only member of an object, if it is this one; else none. */
static json_ref only(const struct json_doc *d, json_ref object, struct span key)
{
	if (json_type(d, object) != JSON_OBJECT || json_node(d, object)->count != 1)
		return JSON_NONE;
	return json_get(d, object, key);
}

/* As JSON on one line, in which everything can be seen. */
static void put_shown(struct buf *out, struct span json)
{
	_cleanup_(buf_free) struct buf shown = BUF_INIT(SHOWN_MAX);

	json_put_shown_line(&shown, json);
	if (!buf_str(&shown))
		out->failed = true;
	kubectl_put_quoted(out, buf_span(&shown));
}

static void put_target(struct buf *out, const struct kubectl_call *c)
{
	if (c->name.len == 0 || c->name.ptr[0] != '-')
		kubectl_put_resource(out, c);
	kubectl_put_name(out, c);
	kubectl_put_namespace(out, c);
}

static void put_subresource(struct buf *out, const struct kubectl_call *c)
{
	if (c->subresource.len == 0)
		return;
	buf_add_str(out, " --subresource=");
	kubectl_put_quoted(out, c->subresource);
}

/* ---- changes that have a command of their own ---- */

static bool put_scale(struct buf *out, const struct kubectl_call *c)
{
	json_ref replicas = json_pointer_str(doc_of(c), c->body, "/spec/replicas");
	int64_t n;

	if (!span_eq_str(c->subresource, "scale") || json_int64(doc_of(c), replicas, &n) < 0)
		return false;
	buf_add_str(out, " scale");
	put_target(out, c);
	buf_printf(out, " --replicas=%lld", (long long)n);
	return true;
}

/* "a=b c-": false when one of them cannot be said so. */
static bool put_pairs(
	struct buf *out, const struct json_doc *d, json_ref pairs, struct arena *arena)
{
	json_foreach_member (k, d, pairs) {
		_cleanup_(buf_free) struct buf pair = BUF_INIT(SHOWN_MAX);
		struct span key = json_string(d, k, arena), value = json_string(d, k + 1, arena);
		bool gone = json_type(d, k + 1) == JSON_NULL;

		if (!key.ptr || key.len == 0 || key.ptr[0] == '-' ||
			memchr(key.ptr, '=', key.len) || (!gone && !value.ptr))
			return false;
		buf_add_span(&pair, key);
		buf_add_char(&pair, gone ? '-' : '=');
		if (!gone)
			buf_add_span(&pair, value);
		buf_add_char(out, ' ');
		kubectl_put_quoted(out, buf_span(&pair));
	}
	return true;
}

static bool put_labels(struct buf *out, const struct kubectl_call *c, struct arena *arena)
{
	static const struct {
		const char *member, *command;
	} kinds[] = {{"labels", "label"}, {"annotations", "annotate"}};
	const struct json_doc *d = doc_of(c);
	json_ref metadata = only(d, c->body, SPAN("metadata"));

	if (c->subresource.len > 0)
		return false;
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		_cleanup_(buf_free) struct buf words = BUF_INIT(SHOWN_MAX);
		json_ref pairs = only(d, metadata, span_of(kinds[i].member));

		if (json_type(d, pairs) != JSON_OBJECT || json_node(d, pairs)->count == 0 ||
			!put_pairs(&words, d, pairs, arena) || words.failed)
			continue;
		buf_printf(out, " %s --overwrite", kinds[i].command);
		put_target(out, c);
		buf_add_span(out, buf_span(&words));
		return true;
	}
	return false;
}

static bool put_cordon(struct buf *out, const struct kubectl_call *c)
{
	const struct json_doc *d = doc_of(c);
	json_ref cordoned = only(d, only(d, c->body, SPAN("spec")), SPAN("unschedulable"));

	if (!span_eq_str(c->resource, "nodes") || cordoned == JSON_NONE || c->subresource.len > 0)
		return false;
	buf_add_str(out, json_type(d, cordoned) == JSON_TRUE ? " cordon" : " uncordon");
	kubectl_put_name(out, c);
	return true;
}

static bool put_restart(struct buf *out, const struct kubectl_call *c)
{
	static const char *const path[] = {
		"spec", "template", "metadata", "annotations", "kubectl.kubernetes.io/restartedAt"};
	json_ref at = c->body;

	for (size_t i = 0; i < ARRAY_LEN(path) && at != JSON_NONE; i++)
		at = only(doc_of(c), at, span_of(path[i]));
	if (at == JSON_NONE)
		return false;
	buf_add_str(out, " rollout restart");
	put_target(out, c);
	return true;
}

/* ---- anything else ---- */

bool kubectl_body_is_raw(const struct kubectl_call *c)
{
	static const char *const known[] = {"status", "scale", "resize"};

	if (c->subresource.len == 0)
		return false;
	for (size_t i = 0; i < ARRAY_LEN(known) && span_eq_str(c->verb, "update"); i++)
		if (span_eq_str(c->subresource, known[i]))
			return false;
	return span_eq_str(c->verb, "create") || span_eq_str(c->verb, "update");
}

/* Types of Kubernetes itself merge lists by name; others are patched as JSON (RFC 7386). */
static bool is_custom(struct span group)
{
	static const char ours[] = ".k8s.io";
	size_t len = sizeof(ours) - 1;

	return group.ptr && memchr(group.ptr, '.', group.len) &&
	       (group.len < len || memcmp(group.ptr + group.len - len, ours, len) != 0);
}

static void put_patch(struct buf *out, const struct kubectl_call *c)
{
	buf_add_str(out, " patch");
	put_target(out, c);
	put_subresource(out, c);
	if (json_type(doc_of(c), c->body) == JSON_ARRAY)
		buf_add_str(out, " --type=json");
	else if (is_custom(c->group))
		buf_add_str(out, " --type=merge");
	buf_add_str(out, " -p ");
	put_shown(out, json_text(doc_of(c), c->body));
}

/* From standard input, as bash, zsh and ksh give a word. */
static void put_input(struct buf *out, struct span json)
{
	buf_add_str(out, " -f - <<<");
	put_shown(out, json);
}

static void put_apply(struct buf *out, const struct kubectl_call *c, bool forced)
{
	_cleanup_(buf_free) struct buf manager = BUF_INIT(4096);

	buf_add_str(out, " apply --server-side");
	if (forced)
		buf_add_str(out, " --force-conflicts");
	if (kubectl_uri_param(c->uri, "fieldManager", &manager) &&
		!span_eq_str(buf_span(&manager), "kubectl")) {
		buf_add_str(out, " --field-manager=");
		kubectl_put_quoted(out, buf_span(&manager));
	}
	kubectl_put_namespace(out, c);
	put_subresource(out, c);
	put_input(out, json_text(doc_of(c), c->body));
}

/* What the API server would compare with an object that is another by now, or refuse. */
static void put_replace(struct buf *out, const struct kubectl_call *c)
{
	_cleanup_(buf_free) struct buf edited = BUF_INIT(SHOWN_MAX);
	const struct json_doc *d = doc_of(c);
	json_ref metadata = json_get_str(d, c->body, "metadata");
	struct json_edit edits[3];
	size_t count = 0;

	json_foreach_member (k, d, metadata) {
		bool version = json_string_is(d, k, SPAN("resourceVersion")) ||
			       json_string_is(d, k, SPAN("uid"));

		if ((version || json_string_is(d, k, SPAN("managedFields"))) &&
			count < ARRAY_LEN(edits))
			edits[count++] =
				(struct json_edit){k + 1, version ? SPAN("\"\"") : SPAN("null")};
	}
	json_put_edited(&edited, d, c->body, edits, count);
	if (!buf_str(&edited))
		out->failed = true;
	buf_add_str(out, " replace");
	if (kubectl_body_is_raw(c)) {
		buf_add_str(out, " --raw ");
		kubectl_put_quoted(out, c->uri);
	} else {
		kubectl_put_namespace(out, c);
		put_subresource(out, c);
	}
	put_input(out, buf_span(&edited));
}

static void put_create(struct buf *out, const struct kubectl_call *c)
{
	_cleanup_(buf_free) struct buf manager = BUF_INIT(4096);
	if (kubectl_body_is_raw(c)) {
		buf_add_str(out, " create --raw ");
		kubectl_put_quoted(out, c->uri);
	} else if (kubectl_uri_param(c->uri, "fieldManager", &manager) &&
		   span_eq_str(buf_span(&manager), "kubectl-client-side-apply")) {
		buf_add_str(out, " apply");
		kubectl_put_namespace(out, c);
	} else {
		buf_add_str(out, " create");
		kubectl_put_namespace(out, c);
	}
	put_input(out, json_text(doc_of(c), c->body));
}

/* `kubectl auth can-i`. */
static bool put_can_i(struct buf *out, const struct kubectl_call *c, struct arena *arena)
{
	const struct json_doc *d = doc_of(c);
	json_ref what = json_pointer_str(d, c->body, "/spec/resourceAttributes");
	struct span verb = json_string(d, json_get_str(d, what, "verb"), arena);
	struct span ns = json_string(d, json_get_str(d, what, "namespace"), arena);
	struct kubectl_call asked = {
		.resource = json_string(d, json_get_str(d, what, "resource"), arena),
		.group = json_string(d, json_get_str(d, what, "group"), arena),
		.name = json_string(d, json_get_str(d, what, "name"), arena),
		.subresource = json_string(d, json_get_str(d, what, "subresource"), arena),
		.namespace_ = ns};

	if (!span_eq_str(c->resource, "selfsubjectaccessreviews") || verb.len == 0 ||
		verb.ptr[0] == '-' || asked.resource.len == 0 || asked.resource.ptr[0] == '-')
		return false;
	buf_add_str(out, " auth can-i ");
	kubectl_put_quoted(out, verb);
	kubectl_put_resource(out, &asked);
	if (asked.name.len > 0) {
		buf_add_char(out, '/');
		kubectl_put_quoted(out, asked.name);
	}
	put_subresource(out, &asked);
	kubectl_put_namespace(out, &asked);
	return true;
}

bool kubectl_body_put(struct buf *out, const struct kubectl_call *c, struct arena *arena)
{
	_cleanup_(buf_free) struct buf force = BUF_INIT(4096);
	int type = c->doc ? json_type(doc_of(c), c->body) : -1;
	bool patch = span_eq_str(c->verb, "patch"), update = span_eq_str(c->verb, "update");

	if (type != JSON_OBJECT && !(patch && type == JSON_ARRAY))
		return false;
	if ((patch || update) && put_scale(out, c))
		return true;
	if (patch && kubectl_uri_param(c->uri, "force", &force)) {
		put_apply(out, c, span_eq_str(buf_span(&force), "true"));
		return true;
	}
	if (patch) {
		if (!put_labels(out, c, arena) && !put_cordon(out, c) && !put_restart(out, c))
			put_patch(out, c);
		return true;
	}
	if (update) {
		put_replace(out, c);
		return true;
	}
	if (!span_eq_str(c->verb, "create") || span_eq_str(c->subresource, "token") ||
		span_eq_str(c->resource, "selfsubjectrulesreviews") ||
		span_eq_str(c->resource, "selfsubjectreviews"))
		return false;
	if (!put_can_i(out, c, arena))
		put_create(out, c);
	return true;
}

void kubectl_body_put_delete_flags(struct buf *out, const struct kubectl_call *c)
{
	static const struct {
		const char *policy, *flag;
	} cascades[] = {{"Orphan", "orphan"}, {"Foreground", "foreground"}};
	json_ref policy;
	int64_t seconds;

	if (!c->doc)
		return;
	if (json_int64(doc_of(c), json_get_str(doc_of(c), c->body, "gracePeriodSeconds"),
		    &seconds) == 0 &&
		seconds >= 0)
		buf_printf(out, " --grace-period=%lld%s", (long long)seconds,
			seconds == 0 ? " --force" : "");
	policy = json_get_str(doc_of(c), c->body, "propagationPolicy");
	for (size_t i = 0; i < ARRAY_LEN(cascades); i++)
		if (json_string_is(doc_of(c), policy, span_of(cascades[i].policy)))
			buf_printf(out, " --cascade=%s", cascades[i].flag);
}
