/* SPDX-License-Identifier: Apache-2.0 */
/* Single members of a review, with errors that name the place; see review_internal.h. */
#include "policy/review/review_internal.h"

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
