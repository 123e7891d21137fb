/* Reading reviews; see request.h. */
#include "policy/request.h"

struct reader {
	const struct json_doc *doc;
	struct arena *arena;
	struct err *e;
	bool failed;
};

static struct span fail(struct reader *r, const char *path, const char *what)
{
	if (!r->failed)
		err_set(r->e, "%s %s", path, what);
	r->failed = true;
	return SPAN("");
}

/* A member that is a string, "" when absent or null. path is its last part's name in messages. */
static struct span text(struct reader *r, json_ref object, const char *key, const char *path)
{
	json_ref v = json_get(r->doc, object, span_of(key));
	if (json_type(r->doc, v) <= JSON_NULL)
		return SPAN("");
	if (json_type(r->doc, v) != JSON_STRING)
		return fail(r, path, "must be a string");
	struct span s = json_string(r->doc, v, r->arena);
	return s.ptr ? s : fail(r, path, "cannot be read");
}

static struct span needed(struct reader *r, json_ref object, const char *key, const char *path)
{
	struct span s = text(r, object, key, path);
	return s.len || r->failed ? s : fail(r, path, "is missing");
}

static json_ref object(struct reader *r, json_ref parent, const char *key, const char *path)
{
	json_ref v = json_get(r->doc, parent, span_of(key));
	if (json_type(r->doc, v) <= JSON_NULL)
		return JSON_NONE;
	if (json_type(r->doc, v) != JSON_OBJECT)
		fail(r, path, "must be an object");
	return v;
}

static void groups(struct reader *r, json_ref list, const char *path, struct policy_request *ret)
{
	int type = json_type(r->doc, list);
	if (type <= JSON_NULL)
		return;
	uint32_t count = type == JSON_ARRAY ? json_node(r->doc, list)->count : 0;
	if (type != JSON_ARRAY || count > REQUEST_MAX_GROUPS) {
		fail(r, path, type == JSON_ARRAY ? "has too many items" : "must be a list");
		return;
	}
	struct span *items = arena_calloc(r->arena, count + 1, sizeof *items);
	if (!items) {
		fail(r, path, "needs too much memory");
		return;
	}
	json_foreach (v, r->doc, list) {
		struct span s = json_string(r->doc, v, r->arena);
		items[ret->group_count++] = s.ptr ? s : fail(r, path, "must be strings");
	}
	ret->groups = items;
}

static void expect_head(struct reader *r, const char *kind, const char *group)
{
	struct span k = text(r, JSON_ROOT, "kind", "kind");
	struct span v = text(r, JSON_ROOT, "apiVersion", "apiVersion");
	size_t len = strlen(group);
	if (json_type(r->doc, JSON_ROOT) != JSON_OBJECT || !span_eq_str(k, kind))
		fail(r, "kind", "is not the expected one");
	else if (v.len <= len || memcmp(v.ptr, group, len) != 0)
		fail(r, "apiVersion", "is not the expected one");
}

static enum policy_verb operation(struct reader *r, struct span name)
{
	static const struct {
		const char *name;
		enum policy_verb op;
	} table[] = {
		{"CREATE", POLICY_OP_CREATE},
		{"UPDATE", POLICY_OP_UPDATE},
		{"DELETE", POLICY_OP_DELETE},
		{"CONNECT", POLICY_OP_CONNECT},
	};
	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		if (span_eq_str(name, table[i].name))
			return table[i].op;
	fail(r, "request.operation", "is not CREATE, UPDATE, DELETE or CONNECT");
	return POLICY_VERB_OTHER;
}

static struct span old_name(struct reader *r, json_ref old)
{
	json_ref name = json_pointer_str(r->doc, old, "/metadata/name");
	struct span s = json_string(r->doc, name, r->arena);
	return s.ptr ? s : SPAN("");
}

int policy_request_read_admission(const struct json_doc *doc, struct arena *arena,
	struct policy_request *ret, struct span *ret_uid, struct err *e)
{
	struct reader r = {doc, arena, e, false};
	if (ret_uid)
		*ret_uid = (struct span){0};
	expect_head(&r, "AdmissionReview", "admission.k8s.io/");
	json_ref request = r.failed ? JSON_NONE : object(&r, JSON_ROOT, "request", "request");
	if (request == JSON_NONE)
		return r.failed ? -1 : err_set(e, "request is missing");
	struct span uid = needed(&r, request, "uid", "request.uid");
	if (ret_uid && !r.failed)
		*ret_uid = uid;

	json_ref resource = object(&r, request, "resource", "request.resource");
	json_ref user = object(&r, request, "userInfo", "request.userInfo");
	struct policy_request q = {
		.doc = doc,
		.request = request,
		.object = object(&r, request, "object", "request.object"),
		.old_object = object(&r, request, "oldObject", "request.oldObject"),
		.verb = needed(&r, request, "operation", "request.operation"),
		.group = text(&r, resource, "group", "request.resource.group"),
		.version = text(&r, resource, "version", "request.resource.version"),
		.resource = needed(&r, resource, "resource", "request.resource.resource"),
		.subresource = text(&r, request, "subResource", "request.subResource"),
		.namespace_ = text(&r, request, "namespace", "request.namespace"),
		.name = text(&r, request, "name", "request.name"),
		.username = text(&r, user, "username", "request.userInfo.username"),
		.dry_run = json_type(doc, json_get_str(doc, request, "dryRun")) == JSON_TRUE,
	};
	q.op = operation(&r, q.verb);
	groups(&r, json_get_str(doc, user, "groups"), "request.userInfo.groups", &q);
	if (q.op == POLICY_OP_DELETE && !q.name.len)
		q.name = old_name(&r, q.old_object);
	if (r.failed)
		return -1;
	*ret = q;
	return 0;
}

int policy_request_read_access(
	const struct json_doc *doc, struct arena *arena, struct policy_request *ret, struct err *e)
{
	struct reader r = {doc, arena, e, false};
	expect_head(&r, "SubjectAccessReview", "authorization.k8s.io/");
	json_ref spec = r.failed ? JSON_NONE : object(&r, JSON_ROOT, "spec", "spec");
	if (spec == JSON_NONE)
		return r.failed ? -1 : err_set(e, "spec is missing");
	json_ref a = object(&r, spec, "resourceAttributes", "spec.resourceAttributes");
	json_ref n = object(&r, spec, "nonResourceAttributes", "spec.nonResourceAttributes");
	if (!r.failed && (a == JSON_NONE) == (n == JSON_NONE))
		fail(&r, "spec", "needs resourceAttributes or nonResourceAttributes");

	struct policy_request q = {
		.op = POLICY_VERB_OTHER,
		.authorize = true,
		.doc = doc,
		.request = spec,
		.object = JSON_NONE,
		.old_object = JSON_NONE,
		.verb = text(&r, a != JSON_NONE ? a : n, "verb", "verb"),
		.group = text(&r, a, "group", "spec.resourceAttributes.group"),
		.version = text(&r, a, "version", "spec.resourceAttributes.version"),
		.resource = text(&r, a, "resource", "spec.resourceAttributes.resource"),
		.subresource = text(&r, a, "subresource", "spec.resourceAttributes.subresource"),
		.namespace_ = text(&r, a, "namespace", "spec.resourceAttributes.namespace"),
		.name = text(&r, a, "name", "spec.resourceAttributes.name"),
		.path = n != JSON_NONE ? needed(&r, n, "path", "spec.nonResourceAttributes.path")
				       : (struct span){0},
		.username = text(&r, spec, "user", "spec.user"),
	};
	groups(&r, json_get_str(doc, spec, "groups"), "spec.groups", &q);
	if (!q.group_count) /* v1beta1 calls it so */
		groups(&r, json_get_str(doc, spec, "group"), "spec.group", &q);
	if (r.failed)
		return -1;
	*ret = q;
	return 0;
}

int policy_request_read(
	const struct json_doc *doc, struct arena *arena, struct policy_request *ret, struct err *e)
{
	json_ref kind = json_get_str(doc, JSON_ROOT, "kind");
	if (json_string_is(doc, kind, SPAN("SubjectAccessReview")))
		return policy_request_read_access(doc, arena, ret, e);
	return policy_request_read_admission(doc, arena, ret, NULL, e);
}
