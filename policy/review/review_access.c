/* SPDX-License-Identifier: Apache-2.0 */
/* SubjectAccessReview: may this identity do this? Asked for every request, reads and impersonation
 * included. */
#include "policy/review/review_internal.h"

static const char *const versions[] = {"authorization.k8s.io/v1", "authorization.k8s.io/v1beta1"};

static int read_resource(const struct fields *f, json_ref v, struct policy_request *q)
{
	const struct {
		struct span key;
		struct span *to;
	} members[] = {{SPAN("verb"), &q->verb}, {SPAN("group"), &q->api_group},
		{SPAN("version"), &q->version}, {SPAN("resource"), &q->resource},
		{SPAN("subresource"), &q->subresource}, {SPAN("namespace"), &q->namespace_},
		{SPAN("name"), &q->name}};

	if (json_type(f->d, v) != JSON_OBJECT)
		return fields_wrong(f, v, "an object");
	for (size_t i = 0; i < ARRAY_LEN(members); i++)
		if (fields_string_member(f, v, members[i].key, members[i].to) != 0)
			return -1;
	return 0;
}

static int read_path(const struct fields *f, json_ref v, struct policy_request *q)
{
	if (json_type(f->d, v) != JSON_OBJECT)
		return fields_wrong(f, v, "an object");
	if (fields_string_member(f, v, SPAN("path"), &q->path) != 0)
		return -1;
	return fields_string_member(f, v, SPAN("verb"), &q->verb);
}

static bool is_there(const struct fields *f, json_ref v)
{
	return v != JSON_NONE && json_type(f->d, v) != JSON_NULL;
}

static int read_spec(const struct fields *f, bool beta, struct policy_request *q)
{
	json_ref spec = q->request;
	json_ref resource = json_get_str(f->d, spec, "resourceAttributes");
	json_ref path = json_get_str(f->d, spec, "nonResourceAttributes");
	json_ref groups = json_get(f->d, spec, beta ? SPAN("group") : SPAN("groups"));

	if (fields_string_member(f, spec, SPAN("user"), &q->username) != 0 ||
		fields_strings(f, groups, REVIEW_GROUPS_MAX, &q->groups, &q->group_count) != 0)
		return -1;
	if (is_there(f, resource) == is_there(f, path))
		return err_set(f->e, "/spec: expected either resourceAttributes or "
				     "nonResourceAttributes");
	if (is_there(f, resource) ? read_resource(f, resource, q) != 0 : read_path(f, path, q) != 0)
		return -1;
	return 0;
}

static int read_envelope(struct review *review, struct err *e)
{
	const struct json_doc *d = &review->doc;
	struct policy_request *q = &review->request;
	json_ref version = json_get_str(d, JSON_ROOT, "apiVersion");

	if (!json_string_is(d, json_get_str(d, JSON_ROOT, "kind"), SPAN("SubjectAccessReview")))
		return err_set(e, "/kind: expected \"SubjectAccessReview\"");
	for (size_t i = 0; i < ARRAY_LEN(versions) && !review->api_version; i++)
		if (json_string_is(d, version, span_of(versions[i])))
			review->api_version = versions[i];
	if (!review->api_version)
		return err_set(
			e, "/apiVersion: expected \"%s\" or \"%s\"", versions[0], versions[1]);
	q->request = json_get_str(d, JSON_ROOT, "spec");
	if (json_type(d, q->request) != JSON_OBJECT)
		return err_set(e, "/spec: expected an object");
	return 0;
}

enum review_status review_take_access(struct review *review, struct arena *arena, struct err *e)
{
	const struct fields f = {&review->doc, arena, e};
	struct policy_request *q = &review->request;

	q->endpoint = ENDPOINT_AUTHORIZE;
	if (review->doc.len > REVIEW_ACCESS_MAX_BYTES) {
		err_set(e, "a SubjectAccessReview has at most %zu bytes", REVIEW_ACCESS_MAX_BYTES);
		return REVIEW_MALFORMED;
	}
	if (read_envelope(review, e) != 0)
		return REVIEW_MALFORMED;
	if (read_spec(&f, review->api_version == versions[1], q) != 0)
		return REVIEW_MALFORMED;
	if (q->verb.len == 0) {
		/* An HTTP OPTIONS, which the API server may pass on to what it proxies. */
		err_set(e, "it has no verb, as an HTTP OPTIONS has none, so that no rule can be "
			   "about it; send another method");
		return REVIEW_UNDECIDABLE;
	}
	return REVIEW_OK;
}

enum review_status review_read_access(struct span body, uint32_t max_nodes, struct arena *arena,
	struct review *ret, struct err *e)
{
	struct json_error je;

	if (review_begin(body, max_nodes, arena, ret, &je) != 0) {
		json_error_to_err(&je, e);
		return REVIEW_MALFORMED;
	}
	return review_take_access(ret, arena, e);
}
