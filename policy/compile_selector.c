/* SPDX-License-Identifier: Apache-2.0 */
/* A namespaceSelector: what no API server would take as a label is refused, for it never matches.
 */
#include "common/yaml/errors.h"
#include "policy/compile_internal.h"

#define MAX_NAME 63u

static bool is_alphanumeric(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* The name in a key, or a value that is not empty. */
static bool is_label_name(struct span s)
{
	if (s.len == 0 || s.len > MAX_NAME || !is_alphanumeric(s.ptr[0]) ||
		!is_alphanumeric(s.ptr[s.len - 1]))
		return false;
	for (size_t i = 0; i < s.len; i++)
		if (!is_alphanumeric(s.ptr[i]) && !strchr("-_.", s.ptr[i]))
			return false;
	return true;
}

static bool is_label_key(struct span s)
{
	const char *slash = s.len > 0 ? memchr(s.ptr, '/', s.len) : NULL;
	if (!slash)
		return is_label_name(s);
	const struct span prefix = {s.ptr, (size_t)(slash - s.ptr)};
	return compiler_is_name(prefix, true, 253) &&
	       is_label_name((struct span){slash + 1, s.len - prefix.len - 1});
}

static void check_key(struct compiler *c, struct span key, const struct node *at)
{
	if (!is_label_key(key))
		errors_add_at(c->errors, at,
			"\"%.*s\" is no name of a label: letters, digits, \"-\", \"_\" and \".\", "
			"with PREFIX/ before it or not",
			SPAN_FMT(key));
}

static void check_value(struct compiler *c, struct span value, const struct node *at)
{
	if (memchr(value.ptr, '*', value.len))
		errors_add_at(c->errors, at,
			"a label's value is compared as it is: there are no globs (operator: "
			"Exists asks for any)");
	else if (value.len > 0 && !is_label_name(value))
		errors_add_at(c->errors, at,
			"no label can have the value \"%.*s\": letters, digits, \"-\", \"_\" and "
			"\".\", at most %u",
			SPAN_FMT(value), MAX_NAME);
}

static void compile_label(struct compiler *c, const struct node *key, struct label_requirement *ret)
{
	const struct node *value = key->next;
	struct span *one = compiler_alloc(c, key, 1, sizeof *one);
	*ret = (struct label_requirement){key->text, SELECTOR_IN, one, one ? 1 : 0};
	check_key(c, key->text, key);
	if (!one || value->type != NODE_SCALAR)
		return; /* said when it was read */
	*one = value->text;
	check_value(c, value->text, value);
}

static void check_values(struct compiler *c, const struct source_requirement *s)
{
	const bool wants = s->op.v == SELECTOR_IN || s->op.v == SELECTOR_NOT_IN;
	if (wants && s->values.count == 0)
		errors_add_at(c->errors, s->op.at,
			"In and NotIn need \"values\" (any at all: Exists, DoesNotExist)");
	else if (!wants && s->values.at)
		errors_add_at(c->errors, s->values.at,
			"Exists and DoesNotExist have no values (with values: In, NotIn)");
}

static void compile_requirement(
	struct compiler *c, const struct source_requirement *s, struct label_requirement *ret)
{
	const struct yaml_str *items = s->values.items;
	struct span *values;
	if (!s->key.at || !s->op.at)
		return;
	check_key(c, s->key.s, s->key.at);
	check_values(c, s);
	*ret = (struct label_requirement){.key = s->key.s, .op = (enum selector_operator)s->op.v};
	if (s->values.count == 0)
		return;
	values = compiler_alloc(c, s->values.at, s->values.count, sizeof *values);
	for (size_t i = 0; values && i < s->values.count; i++) {
		if (!items[i].at)
			continue;
		values[i] = items[i].s;
		check_value(c, items[i].s, items[i].at);
	}
	ret->values = values;
	ret->value_count = values ? s->values.count : 0;
}

const struct label_selector *compile_selector(struct compiler *c, const struct yaml_object *source)
{
	const struct source_selector *s = source->value;
	if (!s)
		return NULL;
	const size_t labels = s->labels && s->labels->type == NODE_MAP ? s->labels->count : 0;
	const size_t count = labels + s->expressions.count;
	const struct source_requirement *expressions = s->expressions.items;
	struct label_selector *out = compiler_alloc(c, source->at, 1, sizeof *out);
	struct label_requirement *items = compiler_alloc(c, source->at, count + 1, sizeof *items);
	if (!out || !items)
		return NULL;
	if (count == 0)
		errors_add_at(c->errors, source->at,
			"an empty namespaceSelector means every namespace; leave it out");
	if (count > SET_MAX_LIST) {
		errors_add_at(c->errors, source->at, "a namespaceSelector of more than %u labels",
			SET_MAX_LIST);
		return NULL;
	}
	size_t n = 0;
	if (labels)
		node_foreach_member(key, s->labels) compile_label(c, key, &items[n++]);
	for (size_t i = 0; i < s->expressions.count; i++)
		compile_requirement(c, &expressions[i], &items[n++]);
	*out = (struct label_selector){items, n};
	return out;
}
