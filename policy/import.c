/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A policy and each of its bindings become one document, which is then loaded as any policy is:
 * what the loader says of it is said of the place in the policy that was imported.
 */
#include "policy/import_internal.h"

#include "policy/files_internal.h"

#define ARENA_MAX_BYTES ((size_t)1 << 30)

/* ---- reading ---- */

struct span import_span(struct import *i, const struct buf *b)
{
	i->failed |= b->failed;
	return buf_span(b);
}

struct span import_text(const struct node *n, const char *key)
{
	const struct node *v = n && n->type == NODE_MAP ? node_get(n, key) : NULL;

	return v && v->type == NODE_SCALAR ? v->text : (struct span){0};
}

bool import_is(const struct node *n, const char *key, const char *value)
{
	return span_eq_str(import_text(n, key), value);
}

const struct node *import_list(struct import *i, const struct node *n, const char *key)
{
	const struct node *v = n && n->type == NODE_MAP ? node_get(n, key) : NULL;

	if (!v || v->type == NODE_SEQ)
		return v;
	if (v->type != NODE_SCALAR || v->kind != SCALAR_NULL)
		errors_add_at(
			&i->ret->problems, v, "%s must be a list, not %s", key, node_kind_name(v));
	return NULL;
}

void import_check_keys(struct import *i, const struct node *n, const char *const *keys)
{
	if (!n)
		return;
	if (n->type != NODE_MAP) {
		errors_add_at(
			&i->ret->problems, n, "it must be a mapping, not %s", node_kind_name(n));
		return;
	}
	node_foreach_member(key, n)
	{
		const char *const *k = keys;

		while (*k && !span_eq_str(key->text, *k))
			k++;
		if (!*k)
			errors_add_at(&i->ret->problems, key,
				"field \"%.*s\" is not known, and nothing is guessed",
				SPAN_FMT(key->text));
	}
}

static void take_object(struct import *i, const struct node *n)
{
	static const char group[] = "admissionregistration.k8s.io/";
	struct span api = import_text(n, "apiVersion"), kind = import_text(n, "kind");
	const bool mutates = kind.len > 8 && memcmp(kind.ptr, "Mutating", 8) == 0;
	const bool binding = span_eq_str(kind, "ValidatingAdmissionPolicyBinding") ||
			     span_eq_str(kind, "MutatingAdmissionPolicyBinding");
	struct import_object *o;

	if (span_eq_str(kind, "List") && node_get(n, "items")) {
		const struct node *items = import_list(i, n, "items");

		if (items)
			node_foreach(item, items) take_object(i, item);
		return;
	}
	if (api.len < sizeof(group) || memcmp(api.ptr, group, sizeof(group) - 1) != 0)
		return;
	if (!binding && !span_eq_str(kind, "ValidatingAdmissionPolicy") &&
		!span_eq_str(kind, "MutatingAdmissionPolicy"))
		return;
	o = arena_calloc(i->arena, 1, sizeof(*o));
	if (!o) {
		errors_add_at(&i->ret->problems, n, "there is not enough memory");
		return;
	}
	*o = (struct import_object){.root = n, .binding = binding, .mutates = mutates};
	*i->end = o;
	i->end = &o->next;
}

static void take_document(const struct node *root, void *arg)
{
	take_object(arg, root);
}

/* ---- all ---- */

static bool binds(const struct import_object *b, const struct import_object *policy)
{
	return b->binding && b->mutates == policy->mutates &&
	       span_eq(import_text(node_get(b->root, "spec"), "policyName"),
		       import_text(node_get(policy->root, "metadata"), "name"));
}

static void import_policy(struct import *i, const struct import_object *policy)
{
	unsigned bindings = 0;

	for (const struct import_object *b = i->first; b; b = b->next)
		bindings += binds(b, policy);
	if (!bindings)
		errors_add_at(&i->ret->notes, policy->root,
			"note: policy \"%.*s\" has no binding here, so it does nothing, and "
			"nothing is "
			"written",
			SPAN_FMT(import_text(node_get(policy->root, "metadata"), "name")));
	for (const struct import_object *b = i->first; b; b = b->next)
		if (binds(b, policy))
			import_write(i, policy, b, bindings > 1);
}

static void note_unbound(struct import *i, const struct import_object *binding)
{
	for (const struct import_object *p = i->first; p; p = p->next)
		if (!p->binding && binds(binding, p))
			return;
	errors_add_at(&i->ret->problems, binding->root,
		"its policy \"%.*s\" is in none of the files",
		SPAN_FMT(import_text(node_get(binding->root, "spec"), "policyName")));
	i->ret->left_out++;
}

int policy_import(const char *const *paths, size_t count, struct policy_imported *ret)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new(1u << 16, ARENA_MAX_BYTES);
	struct import i = {.arena = arena, .ret = ret, .end = &i.first};
	struct tree_file *files;
	size_t n;

	*ret = (struct policy_imported){.text = BUF_INIT(IMPORT_MAX_BYTES)};
	if (!arena) {
		errors_add(&ret->problems, NULL, 0, 0, "out of memory");
		return -1;
	}
	files_read(paths, count, arena, &ret->problems, &files, &n);
	for (size_t k = 0; k < n; k++)
		tree_read(&files[k], arena, &ret->problems, take_document, &i);
	if (ret->problems.count)
		return -1;
	for (const struct import_object *o = i.first; o; o = o->next) {
		if (o->binding)
			note_unbound(&i, o);
		else
			import_policy(&i, o);
	}
	if (!i.first)
		errors_add(&ret->problems, NULL, 0, 0,
			"there is no ValidatingAdmissionPolicy or MutatingAdmissionPolicy");
	errors_sort(&ret->problems);
	errors_sort(&ret->notes);
	return i.first && !ret->text.failed ? 0 : -1;
}

void policy_imported_free(struct policy_imported *p)
{
	buf_free(&p->text);
	buf_free(&p->problems.text);
	buf_free(&p->notes.text);
}
