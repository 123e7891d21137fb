/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AdmissionReview v1 from its bytes to struct policy_request. The members of a review are few and
 * come in one fixed order from a real API server, so each object is walked once and every known
 * member handed to the reader of its kind.
 */
#include "policy/review/review_internal.h"

struct reader {
	struct fields f;
	struct review *review;
	bool has_resource, has_operation, has_user;
};

typedef int (*member_fn)(struct reader *r, json_ref v);

struct member {
	struct span key;
	member_fn read;
};

/* Calls the reader of each member that is known. */
static int read_members(
	struct reader *r, json_ref object, const struct member *members, size_t count)
{
	json_foreach_member (k, r->f.d, object) {
		struct span key = json_raw_string(r->f.d, k);

		for (size_t i = 0; i < count; i++) {
			bool same = json_node(r->f.d, k)->escaped
					    ? json_string_is(r->f.d, k, members[i].key)
					    : span_eq(key, members[i].key);

			if (!same)
				continue;
			if (members[i].read(r, k + 1) != 0)
				return -1;
			break;
		}
	}
	return 0;
}

static int read_resource(struct reader *r, json_ref v)
{
	struct policy_request *q = &r->review->request;

	if (json_type(r->f.d, v) != JSON_OBJECT)
		return fields_wrong(&r->f, v, "an object with group, version and resource");
	if (fields_string_member(&r->f, v, SPAN("group"), &q->api_group) != 0 ||
		fields_string_member(&r->f, v, SPAN("version"), &q->version) != 0 ||
		fields_string_member(&r->f, v, SPAN("resource"), &q->resource) != 0)
		return -1;
	if (q->resource.len == 0)
		return fields_wrong(&r->f, v, "a resource that is not empty");
	r->has_resource = true;
	return 0;
}

static int read_subresource(struct reader *r, json_ref v)
{
	return fields_string(&r->f, v, &r->review->request.subresource);
}

static int read_name(struct reader *r, json_ref v)
{
	return fields_string(&r->f, v, &r->review->request.name);
}

static int read_namespace(struct reader *r, json_ref v)
{
	return fields_string(&r->f, v, &r->review->request.namespace_);
}

static int read_operation(struct reader *r, json_ref v)
{
	static const struct {
		struct span name;
		enum operation operation;
	} operations[] = {{SPAN("CREATE"), OPERATION_CREATE}, {SPAN("UPDATE"), OPERATION_UPDATE},
		{SPAN("DELETE"), OPERATION_DELETE}, {SPAN("CONNECT"), OPERATION_CONNECT}};

	for (size_t i = 0; i < ARRAY_LEN(operations); i++) {
		if (!json_string_is(r->f.d, v, operations[i].name))
			continue;
		r->review->request.operation = operations[i].operation;
		r->has_operation = true;
		return 0;
	}
	return fields_wrong(&r->f, v, "CREATE, UPDATE, DELETE or CONNECT");
}

static int read_user(struct reader *r, json_ref v)
{
	struct policy_request *q = &r->review->request;

	if (json_type(r->f.d, v) != JSON_OBJECT)
		return fields_wrong(&r->f, v, "an object with username and groups");
	if (fields_string_member(&r->f, v, SPAN("username"), &q->username) != 0)
		return -1;
	if (q->username.len == 0)
		return fields_wrong(&r->f, v, "a username that is not empty");
	r->has_user = true;
	return fields_strings(&r->f, json_get_str(r->f.d, v, "groups"), REVIEW_GROUPS_MAX,
		&q->groups, &q->group_count);
}

static int read_some_object(struct reader *r, json_ref v, json_ref *ret)
{
	int type = json_type(r->f.d, v);

	if (type != JSON_OBJECT && type != JSON_NULL)
		return fields_wrong(&r->f, v, "an object or null");
	*ret = type == JSON_OBJECT ? v : JSON_NONE;
	return 0;
}

static int read_object(struct reader *r, json_ref v)
{
	return read_some_object(r, v, &r->review->request.object);
}

static int read_old_object(struct reader *r, json_ref v)
{
	return read_some_object(r, v, &r->review->request.old_object);
}

static int read_dry_run(struct reader *r, json_ref v)
{
	int type = json_type(r->f.d, v);

	if (type != JSON_TRUE && type != JSON_FALSE && type != JSON_NULL)
		return fields_wrong(&r->f, v, "true or false");
	r->review->request.dry_run = type == JSON_TRUE;
	return 0;
}

/* In the order in which an API server writes them. */
static const struct member request_members[] = {
	{SPAN("resource"), read_resource},
	{SPAN("subResource"), read_subresource},
	{SPAN("name"), read_name},
	{SPAN("namespace"), read_namespace},
	{SPAN("operation"), read_operation},
	{SPAN("userInfo"), read_user},
	{SPAN("object"), read_object},
	{SPAN("oldObject"), read_old_object},
	{SPAN("dryRun"), read_dry_run},
};

/* deletecollection comes as one call per object with an empty name: the old object has it. */
static int name_from_old_object(struct reader *r)
{
	struct policy_request *q = &r->review->request;
	json_ref metadata;
	struct span namespace_;

	if (q->operation != OPERATION_DELETE || q->name.len > 0 || q->old_object == JSON_NONE)
		return 0;
	metadata = json_get_str(r->f.d, q->old_object, "metadata");
	if (metadata == JSON_NONE)
		return 0;
	if (json_type(r->f.d, metadata) != JSON_OBJECT)
		return fields_wrong(&r->f, metadata, "an object");
	if (fields_string_member(&r->f, metadata, SPAN("name"), &q->name) != 0 ||
		fields_string_member(&r->f, metadata, SPAN("namespace"), &namespace_) != 0)
		return -1;
	if (q->namespace_.len == 0)
		q->namespace_ = namespace_;
	return 0;
}

static int read_request(struct reader *r)
{
	struct policy_request *q = &r->review->request;

	if (read_members(r, q->request, request_members, ARRAY_LEN(request_members)) != 0)
		return -1;
	if (!r->has_operation)
		return err_set(r->f.e, "/request/operation is missing");
	if (!r->has_resource)
		return err_set(r->f.e, "/request/resource is missing");
	if (!r->has_user)
		return err_set(r->f.e, "/request/userInfo is missing");
	return name_from_old_object(r);
}

static bool uid_is_fit(const struct json_doc *d, json_ref v)
{
	return json_type(d, v) == JSON_STRING && json_node(d, v)->len > 0 &&
	       json_node(d, v)->len <= REVIEW_UID_MAX;
}

/* What makes it an AdmissionReview at all, and the uid without which nothing can be answered. */
static int read_envelope(const struct json_doc *d, struct review *review, struct err *e)
{
	static const char version[] = "admission.k8s.io/v1";
	json_ref uid;

	if (json_type(d, JSON_ROOT) != JSON_OBJECT)
		return err_set(e, "the body is not a JSON object: expected an AdmissionReview");
	if (!json_string_is(d, json_get_str(d, JSON_ROOT, "kind"), SPAN("AdmissionReview")))
		return err_set(e, "/kind: expected \"AdmissionReview\"");
	if (!json_string_is(d, json_get_str(d, JSON_ROOT, "apiVersion"), span_of(version)))
		return err_set(e, "/apiVersion: expected \"%s\"", version);
	review->api_version = version;
	review->request.request = json_get_str(d, JSON_ROOT, "request");
	if (json_type(d, review->request.request) != JSON_OBJECT)
		return err_set(e, "/request: expected an object");
	uid = json_get_str(d, review->request.request, "uid");
	if (uid == JSON_NONE)
		return err_set(e, "/request/uid is missing");
	if (!uid_is_fit(d, uid))
		return err_set(
			e, "/request/uid: expected a string of 1 to %d bytes", REVIEW_UID_MAX);
	review->uid = json_raw_string(d, uid);
	return 0;
}

/*
 * The uid of a review that is too deep, has too many values, or has something in its objects that
 * is no JSON of ours (a key twice, bytes that are not UTF-8). The API server writes it before the
 * objects, so the text up to there is a small one: cut after it and closed, it can be read.
 */
static int salvage_uid(struct span body, struct arena *arena, struct review *review)
{
	static const char key[] = "\"uid\":\"";
	const struct json_limits limits = {.max_bytes = 4096, .max_depth = 4, .max_nodes = 64};
	size_t head = body.len < 2048 ? body.len : 2048;
	const char *at = memmem(body.ptr, head, key, sizeof(key) - 1), *end;
	struct span closed;
	struct json_doc d;

	if (!at)
		return -1;
	at += sizeof(key) - 1;
	end = memchr(at, '"', head - (size_t)(at - body.ptr));
	if (!end)
		return -1;
	closed = arena_printf(arena, "%.*s}}", (int)(end + 1 - body.ptr), body.ptr);
	if (!closed.ptr || json_read(closed.ptr, closed.len, &limits, arena, &d, NULL) != 0)
		return -1;
	if (read_envelope(&d, review, NULL) != 0)
		return -1;
	review->request.request = JSON_NONE;
	return 0;
}

enum review_status review_take_admission(struct review *review, struct arena *arena, struct err *e)
{
	struct reader r = {.f = {&review->doc, arena, e}, .review = review};

	if (read_envelope(&review->doc, review, e) != 0)
		return REVIEW_MALFORMED;
	return read_request(&r) == 0 ? REVIEW_OK : REVIEW_UNDECIDABLE;
}

enum review_status review_read_admission(struct span body, uint32_t max_nodes, struct arena *arena,
	struct review *ret, struct err *e)
{
	struct json_error je;

	if (review_begin(body, max_nodes, arena, ret, &je) != 0) {
		json_error_to_err(&je, e);
		return salvage_uid(body, arena, ret) == 0 ? REVIEW_UNDECIDABLE : REVIEW_MALFORMED;
	}
	return review_take_admission(ret, arena, e);
}
