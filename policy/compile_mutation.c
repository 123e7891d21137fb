/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `mutate`: a merge patch is cut into literal JSON and templates when it is loaded, so that a
 * request only has to fill in the values; see compile_internal.h.
 */
#include "common/yaml/errors.h"
#include "policy/compile_internal.h"

/* What a mutation must never touch: it would be another object, or another kind of one. */
static const char *const untouchable_fields[] = {"apiVersion", "kind", NULL};
static const char *const untouchable_metadata[] = {
	"name", "namespace", "uid", "generateName", NULL};

static void refuse_fields(
	struct compiler *c, const struct node *map, const char *const *names, const char *prefix)
{
	if (!map || map->type != NODE_MAP)
		return;
	node_foreach_member(key, map) for (const char *const *n = names; *n;
					   n++) if (span_eq_str(key->text, *n))
		errors_add_at(c->errors, key,
			"a mutation must not touch %s%s: it would be another object", prefix, *n);
}

/* A patch as it is built: literal text up to a template, the template, and so on. */
struct builder {
	struct compiler *c;
	struct expressions *x;
	struct buf literal;
	struct mutation_piece *pieces;
	size_t count, cap;
};

static void end_piece(struct builder *b, const struct node *at, const struct template *t)
{
	if (b->count == b->cap) {
		size_t cap = b->cap ? 2 * b->cap : 8;
		struct mutation_piece *more = compiler_alloc(b->c, at, cap, sizeof *more);
		if (!more)
			return;
		if (b->count)
			memcpy(more, b->pieces, b->count * sizeof *more);
		b->pieces = more;
		b->cap = cap;
	}
	char *copy = arena_strndup(b->c->arena, buf_span(&b->literal).ptr, b->literal.len);
	if (!copy || b->literal.failed)
		errors_add_at(b->c->errors, at, "the patch needs too much memory");
	b->pieces[b->count++] = (struct mutation_piece){{copy, b->literal.len}, t};
	buf_reset(&b->literal);
}

static void put_value(struct builder *b, const struct node *n)
{
	if (n->type == NODE_SCALAR) {
		bool template =
			n->kind == SCALAR_STRING && memmem(n->text.ptr, n->text.len, "{{", 2);
		if (!template) {
			node_put_json(&b->literal, n);
			return;
		}
		struct yaml_str source = {n->text, n};
		const struct template *t = expressions_compile_template(
			b->x, &source, ENDPOINTS_ADMISSION, b->c->errors);
		if (t)
			end_piece(b, n, t);
		return;
	}
	bool map = n->type == NODE_MAP;
	buf_add_char(&b->literal, map ? '{' : '[');
	for (const struct node *child = n->first; child; child = child->next) {
		if (child != n->first)
			buf_add_char(&b->literal, ',');
		if (map) {
			if (memmem(child->text.ptr, child->text.len, "{{", 2))
				errors_add_at(b->c->errors, child, "a key cannot have {{ }} in it");
			json_put_string(&b->literal, child->text);
			buf_add_char(&b->literal, ':');
			child = child->next;
		}
		put_value(b, child);
	}
	buf_add_char(&b->literal, map ? '}' : ']');
}

static void compile_merge_patch(
	struct compiler *c, struct expressions *x, const struct node *patch, struct mutation *ret)
{
	struct builder b = {.c = c, .x = x, .literal = BUF_INIT(1u << 20)};
	if (patch->type != NODE_MAP) {
		errors_add_at(c->errors, patch, "mergePatch must be an object, not %s",
			node_kind_name(patch));
		return;
	}
	refuse_fields(c, patch, untouchable_fields, "");
	refuse_fields(c, node_get(patch, "metadata"), untouchable_metadata, "metadata.");
	const struct node *metadata = node_get(patch, "metadata");
	if (metadata && metadata->type != NODE_MAP)
		errors_add_at(c->errors, metadata, "metadata of a merge patch must be an object");
	put_value(&b, patch);
	end_piece(&b, patch, NULL);
	buf_free(&b.literal);
	ret->pieces = b.pieces;
	ret->piece_count = b.count;
	ret->merge_patch = patch;
}

const struct mutation *compile_mutation(struct compiler *c, struct expressions *x,
	const struct source_mutate *m, const struct node *at)
{
	const struct source_json_patch *jp = m->json_patch.value;
	struct mutation *ret = compiler_alloc(c, at, 1, sizeof *ret);
	if (!ret)
		return NULL;
	if (!m->merge_patch == !m->json_patch.at) {
		errors_add_at(c->errors, at, "mutate needs either \"mergePatch\" or \"jsonPatch\"");
		return NULL;
	}
	if (m->merge_patch)
		compile_merge_patch(c, x, m->merge_patch, ret);
	if (jp && jp->expression.at)
		ret->json_patch = expressions_compile(
			x, &jp->expression, "list(dyn)", ENDPOINTS_ADMISSION, c->errors);
	return ret;
}
