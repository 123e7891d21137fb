/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of lists and maps that evaluation wants inline. Inside the CEL engine only. */
#pragma once

#include "policy/cel/program_internal.h"

/* Numbers and strings with escapes. */
struct cel_value cel_json_slow(const struct json_doc *d, json_ref r, struct arena *a);

/* cel_json() of a node that is there. */
static inline struct cel_value cel_json_value(const struct json_doc *d, json_ref r, struct arena *a)
{
	const struct json_node *n = &d->nodes[r];

	switch ((enum json_type)n->type) {
	case JSON_NULL:
		return cel_null();
	case JSON_FALSE:
		return cel_bool(false);
	case JSON_TRUE:
		return cel_bool(true);
	case JSON_ARRAY:
		return (struct cel_value){.kind = CEL_LIST, .rep = CEL_REP_JSON, .n = r, .p = d};
	case JSON_OBJECT:
		return (struct cel_value){.kind = CEL_MAP, .rep = CEL_REP_JSON, .n = r, .p = d};
	case JSON_STRING:
		if (likely(!n->escaped))
			return cel_string((struct span){d->text + n->off, n->len});
		break;
	case JSON_NUMBER:
		break;
	}
	return cel_json_slow(d, r, a);
}

/* The value under key in the object o, or JSON_NONE. */
static inline json_ref cel_json_member(const struct json_doc *d, json_ref o, struct span key)
{
	const struct json_node *nodes = d->nodes;
	json_ref end = nodes[o].next;

	for (json_ref k = o + 1; k < end; k = nodes[k + 1].next) {
		const struct json_node *n = &nodes[k];
		if (unlikely(n->escaped)) {
			if (json_string_is(d, k, key))
				return k + 1;
		} else if (n->len == key.len &&
			   (key.len == 0 ||
				   (d->text[n->off] == key.ptr[0] &&
					   memcmp(d->text + n->off, key.ptr, key.len) == 0))) {
			return k + 1;
		}
	}
	return JSON_NONE;
}
