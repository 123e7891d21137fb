/* What both kinds of reviews have in common; see review.h and review_impl.h. */
#include "common/base/clock.h"
#include "policy/review/review_internal.h"

/* Bytes are limited by whoever holds them. */
#define BODY_MAX ((size_t)1 << 30)

int review_begin(struct span body, uint32_t max_nodes, struct arena *arena, struct review *ret,
	struct json_error *ret_error)
{
	const struct json_limits limits = {
		.max_bytes = BODY_MAX, .max_depth = REVIEW_DEPTH_MAX, .max_nodes = max_nodes};

	*ret = (struct review){.request = {.doc = &ret->doc,
				       .request = JSON_NONE,
				       .object = JSON_NONE,
				       .old_object = JSON_NONE,
				       .now_us = realtime_us(),
				       .api_group = SPAN(""),
				       .version = SPAN(""),
				       .resource = SPAN(""),
				       .subresource = SPAN(""),
				       .namespace_ = SPAN(""),
				       .name = SPAN(""),
				       .username = SPAN("")}};
	return json_read(body.ptr, body.len, &limits, arena, &ret->doc, ret_error);
}

enum review_status review_read(struct span body, uint32_t max_nodes, struct arena *arena,
	struct review *ret, struct err *e)
{
	struct json_error je;
	json_ref kind;

	if (review_begin(body, max_nodes, arena, ret, &je) != 0) {
		json_error_to_err(&je, e);
		return REVIEW_MALFORMED;
	}
	kind = json_get_str(&ret->doc, JSON_ROOT, "kind");
	if (json_string_is(&ret->doc, kind, SPAN("AdmissionReview")))
		return review_take_admission(ret, arena, e);
	if (json_string_is(&ret->doc, kind, SPAN("SubjectAccessReview")))
		return review_take_access(ret, arena, e);
	err_set(e, "/kind: expected \"AdmissionReview\" or \"SubjectAccessReview\"");
	return REVIEW_MALFORMED;
}

/* ---- single members ---- */

int fields_wrong(const struct fields *f, json_ref v, const char *expected)
{
	struct buf at = BUF_INIT(256);
	const char *pointer;

	json_put_pointer_to(&at, f->d, v);
	pointer = buf_str(&at);
	err_set(f->e, "%s: expected %s", pointer ? pointer : "a member", expected);
	buf_free(&at);
	return -1;
}

int fields_string(const struct fields *f, json_ref v, struct span *ret)
{
	if (json_type(f->d, v) == JSON_NULL) {
		*ret = SPAN("");
		return 0;
	}
	*ret = json_string(f->d, v, f->arena);
	if (!ret->ptr)
		return fields_wrong(f, v, "a string");
	/* No name in Kubernetes has a NUL, and to a database it would end the text there. JSON has
	 * it as an escape only. */
	if (json_node(f->d, v)->escaped && memchr(ret->ptr, '\0', ret->len))
		return fields_wrong(f, v, "a string without NUL");
	return 0;
}

int fields_string_member(const struct fields *f, json_ref object, struct span key, struct span *ret)
{
	json_ref v = json_get(f->d, object, key);

	if (v == JSON_NONE) {
		*ret = SPAN("");
		return 0;
	}
	return fields_string(f, v, ret);
}

int fields_strings(
	const struct fields *f, json_ref v, size_t max, const struct span **ret, size_t *ret_count)
{
	struct span *all;
	size_t n = 0;

	if (v == JSON_NONE || json_type(f->d, v) == JSON_NULL)
		return 0;
	if (json_type(f->d, v) != JSON_ARRAY)
		return fields_wrong(f, v, "a list of strings");
	if (json_node(f->d, v)->count > max)
		return fields_wrong(f, v, "fewer strings");
	all = arena_calloc(f->arena, json_node(f->d, v)->count + 1, sizeof(*all));
	if (!all)
		return err_set(f->e, "the review needs more memory than one request may use");
	json_foreach (s, f->d, v) {
		if (json_type(f->d, s) != JSON_STRING)
			return fields_wrong(f, s, "a string");
		if (fields_string(f, s, &all[n++]) != 0)
			return -1;
	}
	*ret = all;
	*ret_count = n;
	return 0;
}
