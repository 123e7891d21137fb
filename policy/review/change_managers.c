/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who owns which field. The API server keeps that itself: whoever changes a field owns it
 * afterwards, and others no longer do. What it would not have done so, the requester wrote, and it
 * decides what somebody else's server-side apply takes away later.
 */
#include <stdlib.h>
#include <string.h>

#include "policy/review/change_managers_internal.h"
#include "policy/review/json_edit.h"

/* Looked at of one update; beyond, what changes is not explained. */
#define STEPS_MAX 400000u

/* Those that say who and what, without the fields. */
static const char *const manager_identity[] = {"manager", "operation", "apiVersion", "subresource"};

uint32_t change_managers(const struct json_doc *d, json_ref object, json_ref *ret)
{
	*ret = json_pointer(d, object, SPAN("/metadata/managedFields"));
	return json_type(d, *ret) == JSON_ARRAY ? json_node(d, *ret)->count : 0;
}

static bool same_member(const struct json_doc *d, json_ref a, json_ref b, const char *name)
{
	json_ref x = json_get(d, a, span_of(name)), y = json_get(d, b, span_of(name));

	if (x == JSON_NONE || y == JSON_NONE)
		return x == y;
	return json_same(d, x, d, y);
}

static bool same_manager(const struct json_doc *d, json_ref a, json_ref b, bool with_fields)
{
	for (size_t i = 0; i < ARRAY_LEN(manager_identity); i++)
		if (!same_member(d, a, b, manager_identity[i]))
			return false;
	return !with_fields || same_member(d, a, b, "fieldsV1");
}

/* The one of the list that a is; JSON_NONE: none. */
static json_ref find_manager(const struct json_doc *d, json_ref a, json_ref list, bool with_fields)
{
	json_foreach (x, d, list)
		if (same_manager(d, a, x, with_fields))
			return x;
	return JSON_NONE;
}

bool change_managers_are_in(const struct json_doc *d, json_ref a, json_ref b, bool with_fields)
{
	json_foreach (x, d, a)
		if (find_manager(d, x, b, with_fields) == JSON_NONE)
			return false;
	return true;
}

bool change_keeps_managers(const struct policy_request *r)
{
	json_ref before, after;
	uint32_t n = change_managers(r->doc, r->old_object, &before);

	if (n == 0)
		return true;
	return n <= MANAGERS_MAX && change_managers(r->doc, r->object, &after) == n &&
	       change_managers_are_in(r->doc, before, after, true) &&
	       change_managers_are_in(r->doc, after, before, true);
}

/* ---- what the rest of an update explains ---- */

struct owned {
	const struct json_doc *d;
	struct arena *arena;
	uint32_t steps;
};

/* One place in the object before and after; JSON_NONE where it is not there. */
struct sides {
	json_ref before, after;
};

/* An object's members, sorted: of thousands each is looked for. */
struct members {
	struct change_member *m;
	uint32_t n;
};

static bool members_of(struct owned *o, json_ref object, struct members *ret)
{
	*ret = (struct members){0};
	if (json_type(o->d, object) != JSON_OBJECT)
		return true;
	o->steps += json_node(o->d, object)->count;
	return o->steps <= STEPS_MAX &&
	       change_sorted_members(o->d, object, o->arena, &ret->m, &ret->n) == 0;
}

static int compare_key(const void *key, const void *element)
{
	const struct span *a = key, *b = &((const struct change_member *)element)->key;
	size_t len = a->len < b->len ? a->len : b->len;
	int rc = len > 0 ? memcmp(a->ptr, b->ptr, len) : 0;

	return rc != 0 ? rc : (a->len > b->len) - (a->len < b->len);
}

static json_ref member(const struct members *of, struct span key)
{
	const struct change_member *found =
		of->n > 0 ? bsearch(&key, of->m, of->n, sizeof(*of->m), compare_key) : NULL;

	return found ? found->value : JSON_NONE;
}

/* Has the element the members of a key of a list, {"name":"app"}? */
static bool has_members(struct owned *o, json_ref element, const struct json_doc *key)
{
	json_foreach_member (k, key, JSON_ROOT) {
		struct span name = json_string(key, k, o->arena);
		json_ref v = name.ptr ? json_get(o->d, element, name) : JSON_NONE;

		o->steps++;
		if (v == JSON_NONE || !json_same(o->d, v, key, k + 1))
			return false;
	}
	return json_type(key, JSON_ROOT) == JSON_OBJECT;
}

/* The element that "k:{…}" or "v:…" means. */
static json_ref element(struct owned *o, json_ref list, char kind, const struct json_doc *said)
{
	json_foreach (e, o->d, list) {
		o->steps++;
		if (o->steps > STEPS_MAX)
			break;
		if (kind == 'k' ? has_members(o, e, said) : json_same(o->d, e, said, JSON_ROOT))
			return e;
	}
	return JSON_NONE;
}

/* Where the key of a FieldsV1 leads from here. false: it cannot be told. */
static bool step_into(struct owned *o, struct sides at, const struct members own[2],
	struct span key, struct sides *ret)
{
	const struct json_limits limits = {.max_bytes = 1 << 16, .max_depth = 8, .max_nodes = 256};
	struct span rest = {key.ptr + 2, key.len - 2};
	struct json_doc said;

	if (key.len < 2 || key.ptr[1] != ':')
		return false;
	switch (key.ptr[0]) {
	case 'f':
		*ret = (struct sides){member(&own[0], rest), member(&own[1], rest)};
		return true;
	case 'k':
	case 'v':
		if (json_read(rest.ptr, rest.len, &limits, o->arena, &said, NULL) != 0)
			return false;
		*ret = (struct sides){element(o, at.before, key.ptr[0], &said),
			element(o, at.after, key.ptr[0], &said)};
		return o->steps <= STEPS_MAX;
	default:
		return false;
	}
}

/* Come, gone or another one; what never was there is nobody's. */
static bool differs(struct owned *o, struct sides at)
{
	return at.before == JSON_NONE || at.after == JSON_NONE ||
	       !json_same(o->d, at.before, o->d, at.after);
}

/* Is each field of `some` (a FieldsV1), that is none of `others`, at a place that differs? */
static bool are_explained(struct owned *o, json_ref some, json_ref others, struct sides at)
{
	struct members mine, theirs, own[2];

	if (!members_of(o, some, &mine) || !members_of(o, others, &theirs) ||
		!members_of(o, at.before, &own[0]) || !members_of(o, at.after, &own[1]))
		return false;
	for (uint32_t i = 0; i < mine.n; i++) {
		struct arena_mark mark = arena_mark(o->arena);
		json_ref v = mine.m[i].value, other = member(&theirs, mine.m[i].key);
		bool is_leaf = json_type(o->d, v) != JSON_OBJECT || json_node(o->d, v)->count == 0,
		     ok = true;
		struct sides below;

		if (other != JSON_NONE && (is_leaf || json_same(o->d, v, o->d, other)))
			continue;
		if (span_eq(mine.m[i].key, SPAN(".")))
			ok = differs(o, at);
		else if (!step_into(o, at, own, mine.m[i].key, &below))
			ok = false;
		else
			ok = is_leaf ? differs(o, below) : are_explained(o, v, other, below);
		arena_rewind(o->arena, mark);
		if (!ok)
			return false;
	}
	return true;
}

/*
 * Is this the entry of a server-side apply under the name that the request gives itself? It may own
 * whatever it names: whoever takes another's name here could apply under it just as well. (Options
 * say UpdateOptions for a patch, too.)
 */
static bool is_own_apply(const struct policy_request *r, json_ref entry)
{
	const struct json_doc *d = r->doc;
	json_ref options = json_get_str(d, r->request, "options");
	json_ref own = json_get_str(d, options, "fieldManager");

	return json_string_is(d, json_get_str(d, entry, "operation"), SPAN("Apply")) &&
	       own != JSON_NONE && json_same(d, own, d, json_get_str(d, entry, "manager"));
}

/* Kubernetes keeps ten of those that update, and the oldest ones under this name. */
static bool is_ancient(const struct json_doc *d, json_ref entry)
{
	return json_string_is(d, json_get_str(d, entry, "manager"), SPAN("ancient-changes"));
}

static json_ref find_ancient(const struct json_doc *d, json_ref list)
{
	json_foreach (x, d, list)
		if (is_ancient(d, x))
			return x;
	return JSON_NONE;
}

/* Do the entries of `some` own no more than those of `others`, but for what differs? */
static bool side_is_explained(struct owned *o, const struct policy_request *r, json_ref some,
	json_ref others, bool is_before)
{
	json_foreach (x, o->d, some) {
		json_ref y = find_manager(o->d, x, others, false);

		if (is_own_apply(r, x) || (!is_before && is_ancient(o->d, x)))
			continue;
		if (y == JSON_NONE && is_before &&
			json_string_is(o->d, json_get_str(o->d, x, "operation"), SPAN("Update")))
			y = find_ancient(o->d, others);
		if (!are_explained(o, json_get_str(o->d, x, "fieldsV1"),
			    json_get_str(o->d, y, "fieldsV1"),
			    (struct sides){r->old_object, r->object}))
			return false;
	}
	return true;
}

bool change_explains_managers(const struct policy_request *r, struct arena *arena)
{
	struct owned o = {.d = r->doc, .arena = arena};
	json_ref before, after;
	uint32_t n = change_managers(r->doc, r->old_object, &before), m;

	if (n == 0 || change_keeps_managers(r))
		return true;
	m = change_managers(r->doc, r->object, &after);
	return n <= MANAGERS_MAX && m <= MANAGERS_MAX &&
	       side_is_explained(&o, r, before, after, true) &&
	       side_is_explained(&o, r, after, before, false);
}
