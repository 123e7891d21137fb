/* SPDX-License-Identifier: Apache-2.0 */
/* The strict reader behind the field tables; see schema.h. */
#include "common/yaml/schema.h"

#include "common/base/flags_value.h"
#include "common/base/suggest.h"
#include "common/yaml/errors.h"

#include <inttypes.h>
#include <stdio.h>

#define NAMES_MAX 64

struct context {
	struct arena *arena;
	struct yaml_errors *errors;
	bool failed;
};

static void fail(struct context *c)
{
	c->failed = true;
}

/* ---- did you mean ---- */

/* The nearest name that is less than best_distance away. */
static const char *nearest(struct span wrong, const char *const *names, unsigned best_distance)
{
	const char *best = NULL;
	for (; *names; names++) {
		unsigned d = edit_distance(wrong, span_of(*names));
		if (d < best_distance) {
			best_distance = d;
			best = *names;
		}
	}
	return best;
}

const char *schema_closest(struct span wrong, const char *const *names)
{
	return nearest(wrong, names, wrong.len > 8 ? 4 : wrong.len > 3 ? 3 : 2);
}

const char *schema_slip_of(struct span wrong, const char *const *names)
{
	const char *name = nearest(wrong, names, 2);
	return name && edit_distance(wrong, span_of(name)) == 1 ? name : NULL;
}

static void unknown_key(struct context *c, const struct kind *kind, const struct node *key)
{
	fail(c);
	for (const struct hint *h = kind->hints; h && h->name; h++) {
		if (span_eq_str(key->text, h->name)) {
			errors_add_at(c->errors, key, "unknown field \"%s\" in %s: %s", h->name,
				kind->name, h->say);
			return;
		}
	}
	const char *names[NAMES_MAX];
	size_t count = 0;
	for (const struct field *f = kind->fields; f->name && count < NAMES_MAX - 1; f++)
		names[count++] = f->name;
	names[count] = NULL;
	const char *close = schema_closest(key->text, names);
	if (close)
		errors_add_at(c->errors, key, "unknown field \"%.*s\" in %s; did you mean \"%s\"?",
			SPAN_FMT(key->text), kind->name, close);
	else
		errors_add_at(c->errors, key, "unknown field \"%.*s\" in %s", SPAN_FMT(key->text),
			kind->name);
}

/* ---- values ---- */

static void wrong_type(
	struct context *c, const struct node *n, const char *field, const char *wanted)
{
	fail(c);
	errors_add_at(c->errors, n, "%s must be %s, not %s", field, wanted, node_kind_name(n));
}

static void *alloc(struct context *c, const struct node *n, size_t count, size_t size)
{
	void *p = arena_calloc(c->arena, count ? count : 1, size);
	if (!p) {
		fail(c);
		errors_add_at(c->errors, n, "this needs too much memory; split the file");
	}
	return p;
}

static void read_string(
	struct context *c, const char *name, const struct node *n, struct yaml_str *ret)
{
	if (n->type != NODE_SCALAR || n->kind == SCALAR_NULL) {
		wrong_type(c, n, name, "a string");
		return;
	}
	if (n->kind != SCALAR_STRING) {
		fail(c);
		errors_add_at(c->errors, n, "%s must be a string; put it in quotes: \"%.*s\"", name,
			SPAN_FMT(n->text));
		return;
	}
	ret->s = n->text;
	ret->at = n;
}

static void read_bool(
	struct context *c, const char *name, const struct node *n, struct yaml_int *ret)
{
	if (n->type != NODE_SCALAR || n->kind != SCALAR_BOOL) {
		wrong_type(c, n, name, "true or false");
		return;
	}
	ret->v = n->text.ptr[0] == 't';
	ret->at = n;
}

static void read_int(
	struct context *c, const struct field *f, const struct node *n, struct yaml_int *ret)
{
	char *end = NULL;
	if (n->type != NODE_SCALAR || n->kind != SCALAR_INT || n->text.len > 18) {
		wrong_type(c, n, f->name, "a whole number");
		return;
	}
	long long v = strtoll(n->text.ptr, &end, 10);
	if (v < f->min || v > f->max) {
		fail(c);
		errors_add_at(c->errors, n, "%s must be %" PRId64 " to %" PRId64 ", not %lld",
			f->name, f->min, f->max, v);
		return;
	}
	ret->v = v;
	ret->at = n;
}

static void read_duration(
	struct context *c, const struct field *f, const struct node *n, struct yaml_int *ret)
{
	int64_t ms = 0;
	if (n->type != NODE_SCALAR || duration_parse_ms(n->text, &ms) < 0) {
		fail(c);
		errors_add_at(
			c->errors, n, "%s must be a duration such as 30s, 15m or 1h30m", f->name);
		return;
	}
	if (ms < f->min || ms > f->max) {
		_cleanup_(buf_free) struct buf range = BUF_INIT(100);
		duration_put(&range, f->min);
		buf_add_str(&range, " to ");
		duration_put(&range, f->max);
		fail(c);
		errors_add_at(c->errors, n, "%s must be %s, not %.*s", f->name, buf_str(&range),
			SPAN_FMT(n->text));
		return;
	}
	ret->v = ms;
	ret->at = n;
}

static void read_enum(
	struct context *c, const struct field *f, const struct node *n, struct yaml_int *ret)
{
	const char *names[NAMES_MAX];
	size_t count = 0;
	char list[256] = "";
	if (n->type != NODE_SCALAR) {
		wrong_type(c, n, f->name, "a string");
		return;
	}
	for (const struct choice *o = f->choices; o->name; o++) {
		if (span_eq_str(n->text, o->name)) {
			ret->v = o->value;
			ret->at = n;
			return;
		}
		names[count++] = o->name;
		size_t used = strlen(list);
		snprintf(list + used, sizeof list - used, "%s%s", used ? ", " : "", o->name);
	}
	names[count] = NULL;
	fail(c);
	const char *close = schema_closest(n->text, names);
	if (close)
		errors_add_at(c->errors, n, "%s \"%.*s\" is not known; did you mean \"%s\"?",
			f->name, SPAN_FMT(n->text), close);
	else
		errors_add_at(c->errors, n, "%s \"%.*s\" is not known; it is one of %s", f->name,
			SPAN_FMT(n->text), list);
}

static bool is_list(struct context *c, const char *name, const struct node *n)
{
	if (n->type != NODE_SEQ) {
		wrong_type(c, n, name, "a list");
		return false;
	}
	if (n->count > SCHEMA_MAX_ITEMS) {
		fail(c);
		errors_add_at(c->errors, n, "%s has more than %u items", name, SCHEMA_MAX_ITEMS);
		return false;
	}
	return true;
}

static void read_strings(
	struct context *c, const char *name, const struct node *n, struct yaml_list *ret)
{
	char item_name[80];
	snprintf(item_name, sizeof item_name, "each of %s", name);
	if (!is_list(c, name, n))
		return;
	struct yaml_str *items = alloc(c, n, n->count, sizeof *items);
	if (!items)
		return;
	size_t count = 0;
	node_foreach(item, n) read_string(c, item_name, item, &items[count++]);
	*ret = (struct yaml_list){items, count, n};
}

static void read_object(
	struct context *c, const struct kind *kind, const struct node *n, void *value);

static void read_objects(
	struct context *c, const struct field *f, const struct node *n, struct yaml_list *ret)
{
	if (!is_list(c, f->name, n))
		return;
	char *items = alloc(c, n, n->count, f->of->size);
	if (!items)
		return;
	size_t count = 0;
	node_foreach(item, n) read_object(c, f->of, item, items + f->of->size * count++);
	*ret = (struct yaml_list){items, count, n};
}

/* A free value must mean the same to every YAML reader. */
static void check_any(struct context *c, const char *name, const struct node *n)
{
	if (n->type == NODE_SCALAR && n->kind == SCALAR_UNSURE) {
		fail(c);
		errors_add_at(c->errors, n,
			"YAML versions disagree about %.*s: write true or false, or put it in "
			"quotes",
			SPAN_FMT(n->text));
	} else if (n->type != NODE_SCALAR) {
		bool value = n->type == NODE_SEQ;
		node_foreach(child, n)
		{
			if (value)
				check_any(c, name, child);
			value = n->type == NODE_SEQ || !value;
		}
	}
}

static void read_labels(struct context *c, const char *name, const struct node *n)
{
	struct yaml_str unused;
	if (n->type != NODE_MAP) {
		wrong_type(c, n, name, "an object");
		return;
	}
	node_foreach_member(key, n) read_string(c, name, key->next, &unused);
}

static void read_field(struct context *c, const struct field *f, const struct node *n, char *value)
{
	void *to = value + f->offset;
	switch (f->type) {
	case FIELD_STRING:
	case FIELD_EXPRESSION:
		read_string(c, f->name, n, to);
		break;
	case FIELD_BOOL:
		read_bool(c, f->name, n, to);
		break;
	case FIELD_INT:
		read_int(c, f, n, to);
		break;
	case FIELD_DURATION:
		read_duration(c, f, n, to);
		break;
	case FIELD_ENUM:
		read_enum(c, f, n, to);
		break;
	case FIELD_STRINGS:
	case FIELD_EXPRESSIONS:
		read_strings(c, f->name, n, to);
		break;
	case FIELD_OBJECT: {
		struct yaml_object *object = to;
		object->at = n;
		object->value = alloc(c, n, 1, f->of->size);
		if (object->value)
			read_object(c, f->of, n, object->value);
		break;
	}
	case FIELD_OBJECTS:
		read_objects(c, f, n, to);
		break;
	case FIELD_LABELS:
		read_labels(c, f->name, n);
		*(const struct node **)to = n;
		break;
	case FIELD_ANY:
		check_any(c, f->name, n);
		*(const struct node **)to = n;
		break;
	}
}

static void set_default(const struct field *f, char *value)
{
	switch (f->type) {
	case FIELD_BOOL:
	case FIELD_INT:
	case FIELD_DURATION:
	case FIELD_ENUM:
		((struct yaml_int *)(value + f->offset))->v = f->def;
		break;
	default:
		break;
	}
}

/* "name: x" without its colon is the text "name x". */
static const char *field_without_colon(const struct kind *kind, const struct node *n)
{
	for (const struct field *f = kind->fields; n->type == NODE_SCALAR && f->name; f++) {
		size_t len = strlen(f->name);
		if (n->text.len >= len && !memcmp(n->text.ptr, f->name, len) &&
			(n->text.len == len || memchr(" :=", n->text.ptr[len], 3)))
			return f->name;
	}
	return NULL;
}

static void not_an_object(struct context *c, const struct kind *kind, const struct node *n)
{
	const char *field = field_without_colon(kind, n);
	if (!field) {
		wrong_type(c, n, kind->name, "an object");
		return;
	}
	fail(c);
	errors_add_at(c->errors, n,
		"%s must be an object, not %s; is the colon and a space missing after \"%s\"?",
		kind->name, node_kind_name(n), field);
}

static void read_object(
	struct context *c, const struct kind *kind, const struct node *n, void *value)
{
	if (n->type != NODE_MAP) {
		not_an_object(c, kind, n);
		return;
	}
	for (const struct field *f = kind->fields; f->name; f++) {
		const struct node *member = node_get(n, f->name);
		set_default(f, value);
		if (member) {
			read_field(c, f, member, value);
		} else if (f->required) {
			fail(c);
			errors_add_at(
				c->errors, n, "%s needs the field \"%s\"", kind->name, f->name);
		}
	}
	node_foreach_member(key, n)
	{
		const struct field *f = kind->fields;
		while (f->name && !span_eq_str(key->text, f->name))
			f++;
		if (!f->name)
			unknown_key(c, kind, key);
	}
}

int schema_read(const struct kind *kind, const struct node *n, void *value, struct arena *arena,
	struct yaml_errors *errors)
{
	struct context c = {.arena = arena, .errors = errors};
	read_object(&c, kind, n, value);
	return c.failed ? -1 : 0;
}
