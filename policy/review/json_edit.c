/* SPDX-License-Identifier: Apache-2.0 */
/* Changing JSON: RFC 7396 merge patches and RFC 6902 operations; see json_edit.h. */
#include "policy/review/json_edit.h"

enum form { FORM_REF, FORM_ARRAY, FORM_OBJECT };

/* Children of an unfolded container, in order. */
struct child {
	struct span key; /* of an object's member: its value, unescaped */
	struct edit_value *value;
	struct child *next;
};

struct edit_value {
	enum form form;
	const struct json_doc *doc; /* FORM_REF */
	json_ref ref;
	struct child *first;
	size_t count;
};

static int no_memory(struct err *e)
{
	return err_set(e, "the changed object needs too much memory");
}

struct edit_value *edit_of(const struct json_doc *d, json_ref ref, struct arena *a)
{
	struct edit_value *v = arena_calloc(a, 1, sizeof *v);
	if (!v)
		return NULL;
	v->form = FORM_REF;
	v->doc = d;
	v->ref = ref;
	return v;
}

static int edit_type(const struct edit_value *v)
{
	if (v->form == FORM_REF)
		return json_type(v->doc, v->ref);
	return v->form == FORM_ARRAY ? JSON_ARRAY : JSON_OBJECT;
}

static struct child *new_child(struct span key, struct edit_value *value, struct arena *a)
{
	struct child *c = value ? arena_calloc(a, 1, sizeof *c) : NULL;
	if (c) {
		c->key = key;
		c->value = value;
	}
	return c;
}

/* Puts a child where *at points; the link after it, or NULL when the arena is full. */
static struct child **insert(struct edit_value *v, struct child **at, struct span key,
	struct edit_value *value, struct arena *a)
{
	struct child *c = new_child(key, value, a);
	if (!c)
		return NULL;
	c->next = *at;
	*at = c;
	v->count++;
	return &c->next;
}

/* Makes a container's children values of their own. Anything else stays as it is. */
static int unfold(struct edit_value *v, struct arena *a)
{
	const struct json_doc *d = v->doc;
	struct child **end = &v->first;
	if (v->form != FORM_REF || edit_type(v) < JSON_ARRAY)
		return 0;
	bool object = edit_type(v) == JSON_OBJECT;
	json_foreach (item, d, v->ref) {
		if (!(end = insert(v, end, (struct span){0}, edit_of(d, item, a), a)))
			return -1;
	}
	json_foreach_member (k, d, v->ref) {
		struct span key = json_string(d, k, a);
		if (!key.ptr || !(end = insert(v, end, key, edit_of(d, k + 1, a), a)))
			return -1;
	}
	v->form = object ? FORM_OBJECT : FORM_ARRAY;
	return 0;
}

static struct child **find_member(struct edit_value *object, struct span key)
{
	struct child **at = &object->first;
	while (*at && !span_eq((*at)->key, key))
		at = &(*at)->next;
	return at;
}

static void remove_at(struct edit_value *v, struct child **at)
{
	*at = (*at)->next;
	v->count--;
}

/* ---- RFC 7396 ---- */

static struct edit_value *merge(struct edit_value *target, const struct json_doc *p, json_ref at,
	unsigned depth, struct arena *a, struct err *e)
{
	if (json_type(p, at) != JSON_OBJECT)
		return edit_of(p, at, a);
	if (depth > EDIT_MAX_DEPTH) {
		err_set(e, "the merge patch is nested too deeply");
		return NULL;
	}
	if (!target || edit_type(target) != JSON_OBJECT) {
		target = arena_calloc(a, 1, sizeof *target);
		if (target)
			target->form = FORM_OBJECT;
	}
	if (!target || unfold(target, a) < 0)
		return NULL;
	json_foreach_member (k, p, at) {
		struct span key = json_string(p, k, a);
		struct child **member = find_member(target, key);
		if (json_type(p, k + 1) == JSON_NULL) {
			if (*member)
				remove_at(target, member);
			continue;
		}
		struct edit_value *old = *member ? (*member)->value : NULL;
		struct edit_value *value = merge(old, p, k + 1, depth + 1, a, e);
		if (!value)
			return NULL;
		if (*member)
			(*member)->value = value;
		else if (!insert(target, member, key, value, a))
			return NULL;
	}
	return target;
}

struct edit_value *edit_merge(struct edit_value *target, const struct json_doc *patch, json_ref at,
	struct arena *a, struct err *e)
{
	no_memory(e); /* unless something else is the matter */
	return merge(target, patch, at, 0, a, e);
}

/* ---- RFC 6901 pointers into changing documents ---- */

/* The next reference token of a pointer, unescaped; false at its end. */
static bool next_token(struct span *pointer, struct arena *a, struct span *ret)
{
	if (!pointer->len)
		return false;
	const char *start = pointer->ptr + 1, *end = pointer->ptr + pointer->len;
	const char *slash = memchr(start, '/', (size_t)(end - start));
	size_t len = (size_t)((slash ? slash : end) - start), n = 0;
	*pointer = (struct span){start + len, (size_t)(end - start) - len};
	char *text = arena_alloc(a, len + 1);
	if (!text)
		return false;
	for (size_t i = 0; i < len; i++) {
		bool escape = start[i] == '~' && i + 1 < len &&
			      (start[i + 1] == '0' || start[i + 1] == '1');
		text[n++] = !escape ? start[i] : start[++i] == '0' ? '~' : '/';
	}
	*ret = (struct span){text, n};
	return true;
}

/* The link to element `token` of an array; "-" and the index behind the last only if at_end. */
static struct child **find_element(struct edit_value *array, struct span token, bool at_end)
{
	size_t index = 0;
	if (span_eq_str(token, "-"))
		index = array->count;
	else if (!token.len || token.len > 9 || (token.len > 1 && token.ptr[0] == '0'))
		return NULL;
	else
		for (size_t i = 0; i < token.len; i++) {
			if (token.ptr[i] < '0' || token.ptr[i] > '9')
				return NULL;
			index = index * 10 + (size_t)(token.ptr[i] - '0');
		}
	if (index > array->count || (index == array->count && !at_end))
		return NULL;
	struct child **at = &array->first;
	while (index--)
		at = &(*at)->next;
	return at;
}

struct place {
	struct edit_value *parent; /* NULL: the root itself */
	struct child **at;	   /* *at is NULL where something may be added */
	struct span key;
};

static int not_there(struct err *e, struct span path)
{
	return err_set(e, "path \"%.*s\" does not exist", SPAN_FMT(path));
}

/* Where a path leads. add: its last token may name something new. */
static int find_place(struct edit_value *root, struct span path, bool add, struct arena *a,
	struct place *ret, struct err *e)
{
	struct span rest = path, token;
	struct edit_value *v = root;
	*ret = (struct place){0};
	if (path.len && path.ptr[0] != '/')
		return err_set(e, "path \"%.*s\" does not begin with \"/\"", SPAN_FMT(path));
	while (next_token(&rest, a, &token)) {
		if (unfold(v, a) < 0)
			return no_memory(e);
		struct child **at = v->form == FORM_OBJECT ? find_member(v, token)
				    : v->form == FORM_ARRAY
					    ? find_element(v, token, add && !rest.len)
					    : NULL;
		if (!at || (!*at && !(add && !rest.len)))
			return not_there(e, path);
		*ret = (struct place){v, at, token};
		if (*at)
			v = (*at)->value;
	}
	return rest.len ? no_memory(e) : 0;
}

/* ---- RFC 6902 ---- */

struct operation {
	struct span op, path, from;
	const struct json_doc *patch;
	json_ref value;
};

static int add(struct edit_value **root, struct span path, struct edit_value *value,
	struct arena *a, struct err *e)
{
	struct place p;
	if (find_place(*root, path, true, a, &p, e) < 0)
		return -1;
	if (!value)
		return no_memory(e);
	if (!p.parent)
		*root = value;
	else if (p.parent->form == FORM_OBJECT && *p.at)
		(*p.at)->value = value;
	else if (!insert(p.parent, p.at, p.key, value, a))
		return no_memory(e);
	return 0;
}

static int take(struct edit_value *root, struct span path, bool remove, struct edit_value **ret,
	struct arena *a, struct err *e)
{
	struct place p;
	if (find_place(root, path, false, a, &p, e) < 0)
		return -1;
	if (!p.parent && remove)
		return err_set(e, "the whole object cannot be removed");
	*ret = p.parent ? (*p.at)->value : root;
	if (remove)
		remove_at(p.parent, p.at);
	return 0;
}

/* Also of a member that is not there, of an object that is: as Kubernetes' library does. */
static int replace(
	struct edit_value **root, const struct operation *o, struct arena *a, struct err *e)
{
	struct place p;
	if (find_place(*root, o->path, true, a, &p, e) < 0)
		return -1;
	if (p.parent && p.parent->form != FORM_OBJECT && !*p.at)
		return not_there(e, o->path);
	struct edit_value *value = edit_of(o->patch, o->value, a);
	if (!value)
		return no_memory(e);
	if (p.parent && *p.at) {
		(*p.at)->value = value;
		return 0;
	}
	return add(root, o->path, value, a, e);
}

static int test(struct edit_value *root, const struct operation *o, struct arena *a, struct err *e)
{
	struct edit_value *v = root;
	struct json_doc d;
	struct place p;
	if (find_place(root, o->path, true, a, &p, e) < 0)
		return -1;
	if (p.parent && p.parent->form != FORM_OBJECT && !*p.at)
		return not_there(e, o->path);
	if (p.parent && !*p.at)
		return json_type(o->patch, o->value) == JSON_NULL ? 0 : EDIT_TEST_FALSE;
	if (p.parent)
		v = (*p.at)->value;
	if (edit_finish(v, a, &d, e) < 0)
		return -1;
	return json_same(&d, JSON_ROOT, o->patch, o->value) ? 0 : EDIT_TEST_FALSE;
}

/* A copy that shares nothing which could be changed later. */
static struct edit_value *copy_of(const struct edit_value *v, struct arena *a, struct err *e)
{
	struct json_doc *d = arena_alloc(a, sizeof *d);
	if (!d || edit_finish(v, a, d, e) < 0)
		return NULL;
	return edit_of(d, JSON_ROOT, a);
}

static bool is_inside(struct span path, struct span from)
{
	return path.len > from.len && !memcmp(path.ptr, from.ptr, from.len) &&
	       path.ptr[from.len] == '/';
}

static int run(struct edit_value **root, const struct operation *o, struct arena *a, struct err *e)
{
	struct edit_value *v;
	bool move = span_eq_str(o->op, "move");
	if (span_eq_str(o->op, "remove"))
		return take(*root, o->path, true, &v, a, e);
	if (move || span_eq_str(o->op, "copy")) {
		if (!o->from.ptr)
			return err_set(e, "%.*s needs \"from\"", SPAN_FMT(o->op));
		if (move && is_inside(o->path, o->from))
			return err_set(e, "a value cannot be moved into itself");
		if (take(*root, o->from, move, &v, a, e) < 0)
			return -1;
		return add(root, o->path, move ? v : copy_of(v, a, e), a, e);
	}
	if (o->value == JSON_NONE)
		return err_set(e, "%.*s needs \"value\"", SPAN_FMT(o->op));
	if (span_eq_str(o->op, "add"))
		return add(root, o->path, edit_of(o->patch, o->value, a), a, e);
	if (span_eq_str(o->op, "replace"))
		return replace(root, o, a, e);
	return test(*root, o, a, e);
}

int edit_apply(struct edit_value **root, const struct json_doc *patch, json_ref operation,
	struct arena *a, struct err *e)
{
	static const char *const known[] = {"add", "remove", "replace", "move", "copy", "test"};
	struct operation o = {
		.op = json_string(patch, json_get_str(patch, operation, "op"), a),
		.path = json_string(patch, json_get_str(patch, operation, "path"), a),
		.from = json_string(patch, json_get_str(patch, operation, "from"), a),
		.patch = patch,
		.value = json_get_str(patch, operation, "value"),
	};
	if (!o.op.ptr || !o.path.ptr)
		return err_set(e, "a patch operation needs \"op\" and \"path\"");
	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (span_eq_str(o.op, known[i])) {
			int rc = run(root, &o, a, e);
			return rc < 0 ? err_prefix(e, "%s", known[i]) : rc;
		}
	return err_set(e, "\"%.*s\" is no patch operation", SPAN_FMT(o.op));
}

/* ---- writing ---- */

void edit_put(struct buf *out, const struct edit_value *v)
{
	if (v->form == FORM_REF) {
		buf_add_span(out, json_text(v->doc, v->ref));
		return;
	}
	bool object = v->form == FORM_OBJECT;
	buf_add_char(out, object ? '{' : '[');
	for (const struct child *c = v->first; c; c = c->next) {
		if (c != v->first)
			buf_add_char(out, ',');
		if (object) {
			json_put_string(out, c->key);
			buf_add_char(out, ':');
		}
		edit_put(out, c->value);
	}
	buf_add_char(out, object ? '}' : ']');
}

int edit_finish(const struct edit_value *v, struct arena *a, struct json_doc *ret, struct err *e)
{
	static const struct json_limits limits = {
		.max_bytes = EDIT_MAX_BYTES, .max_depth = EDIT_MAX_DEPTH, .max_nodes = 1u << 20};
	_cleanup_(buf_free) struct buf out = BUF_INIT(EDIT_MAX_BYTES);
	struct json_error je;
	edit_put(&out, v);
	char *text = out.failed ? NULL : arena_strndup(a, buf_span(&out).ptr, out.len);
	if (!text)
		return no_memory(e);
	if (json_read(text, out.len, &limits, a, ret, &je) < 0)
		return json_error_to_err(&je, e);
	return 0;
}
