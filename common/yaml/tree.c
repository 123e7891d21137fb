/* SPDX-License-Identifier: Apache-2.0 */
/* libyaml's events to a tree with positions; see tree.h. */
#include "common/yaml/tree.h"

#include "common/json/json.h"
#include "common/yaml/errors.h"

#include <stdio.h>
#include <yaml.h>

/* ---- what a plain scalar is ---- */

static bool is_one_of(struct span s, const char *const *words)
{
	for (; *words; words++)
		if (span_eq_str(s, *words))
			return true;
	return false;
}

static size_t digits(struct span s, size_t from)
{
	size_t n = from;
	while (n < s.len && s.ptr[n] >= '0' && s.ptr[n] <= '9')
		n++;
	return n - from;
}

/* JSON's number grammar; whatever else looks like one to some YAML reader is SCALAR_UNSURE. */
static enum scalar_kind number_kind(struct span s)
{
	size_t i = s.len && s.ptr[0] == '-' ? 1 : 0;
	size_t whole = digits(s, i);
	if (!whole)
		return SCALAR_STRING;
	bool padded = whole > 1 && s.ptr[i] == '0';
	i += whole;
	if (i == s.len)
		return padded ? SCALAR_UNSURE : SCALAR_INT;
	if (s.ptr[i] == '.' && digits(s, i + 1))
		i += 1 + digits(s, i + 1);
	if (i < s.len && (s.ptr[i] == 'e' || s.ptr[i] == 'E')) {
		size_t e = i + 1;
		if (e < s.len && (s.ptr[e] == '+' || s.ptr[e] == '-'))
			e++;
		if (digits(s, e))
			i = e + digits(s, e);
	}
	if (i == s.len)
		return padded ? SCALAR_UNSURE : SCALAR_FLOAT;
	return SCALAR_STRING;
}

/* 0x1f, 0o17, 1_000, .5, 5., .inf, +3: numbers to some, strings to others. */
static bool looks_like_a_number(struct span s)
{
	static const char *const words[] = {".inf", "-.inf", "+.inf", ".Inf", "-.Inf", "+.Inf",
		".INF", "-.INF", "+.INF", ".nan", ".NaN", ".NAN", NULL};
	if (is_one_of(s, words))
		return true;
	if (s.len > 2 && s.ptr[0] == '0' && strchr("xXoObB", s.ptr[1]))
		return strspn(s.ptr + 2, "0123456789abcdefABCDEF_") == s.len - 2;
	return strpbrk(s.ptr, "0123456789") && strspn(s.ptr, "+-0123456789_.") == s.len &&
	       (digits(s, 0) || strchr("+-.", s.ptr[0])) && !strstr(s.ptr, "..") &&
	       strchr(s.ptr, '.') == strrchr(s.ptr, '.') && !strpbrk(s.ptr + 1, "+-");
}

static enum scalar_kind plain_kind(struct span s)
{
	static const char *const nulls[] = {"", "~", "null", "Null", "NULL", NULL};
	static const char *const bools[] = {"true", "false", NULL};
	static const char *const unsure[] = {"True", "TRUE", "False", "FALSE", "yes", "Yes", "YES",
		"no", "No", "NO", "on", "On", "ON", "off", "Off", "OFF", "y", "Y", "n", "N", NULL};
	if (is_one_of(s, nulls))
		return SCALAR_NULL;
	if (is_one_of(s, bools))
		return SCALAR_BOOL;
	if (is_one_of(s, unsure))
		return SCALAR_UNSURE;
	enum scalar_kind kind = number_kind(s);
	if (kind == SCALAR_STRING && looks_like_a_number(s))
		return SCALAR_UNSURE;
	return kind;
}

/* ---- reading ---- */

struct reader {
	yaml_parser_t yaml;
	const struct tree_file *file;
	struct arena *arena;
	struct yaml_errors *errors;
	uint32_t nodes;
	struct node *stack[TREE_MAX_DEPTH]; /* open containers */
	struct node *last[TREE_MAX_DEPTH];  /* their newest child */
	unsigned depth;
	struct node *root;
};

static int refuse(struct reader *r, const yaml_mark_t *mark, const char *what)
{
	errors_add(r->errors, r->file, (uint32_t)mark->line + 1, (uint32_t)mark->column + 1, "%s",
		what);
	return -1;
}

static struct node *new_node(struct reader *r, const yaml_event_t *event, enum node_type type)
{
	const yaml_mark_t *mark = &event->start_mark;
	if (++r->nodes > TREE_MAX_NODES) {
		refuse(r, mark, "too many values in one file; split it");
		return NULL;
	}
	struct node *n = arena_calloc(r->arena, 1, sizeof *n);
	if (!n) {
		refuse(r, mark, "this needs too much memory; split the file");
		return NULL;
	}
	n->type = type;
	n->line = (uint32_t)mark->line + 1;
	n->column = (uint32_t)mark->column + 1;
	n->offset = mark->index;
	n->file = r->file;
	return n;
}

static bool same_key_before(const struct node *map, const struct node *key)
{
	for (const struct node *k = map->first; k && k != key; k = k->next ? k->next->next : NULL)
		if (span_eq(k->text, key->text))
			return true;
	return false;
}

/* Hangs n under the innermost open container, or makes it the document's root. */
static int attach(struct reader *r, struct node *n)
{
	if (!r->depth) {
		r->root = n;
		return 0;
	}
	struct node *parent = r->stack[r->depth - 1];
	struct node **last = &r->last[r->depth - 1];
	if (*last)
		(*last)->next = n;
	else
		parent->first = n;
	*last = n;
	parent->count++;
	if (parent->type != NODE_MAP || parent->count % 2 == 0)
		return 0;
	if (n->type != NODE_SCALAR) {
		errors_add_at(r->errors, n, "a key must be a string");
		return -1;
	}
	if (span_eq_str(n->text, "<<")) {
		errors_add_at(r->errors, n, "merge keys are not supported: write the values out");
		return -1;
	}
	if (parent->count > 2 * TREE_MAX_KEYS) {
		errors_add_at(r->errors, n, "more than %u keys in one object", TREE_MAX_KEYS);
		return -1;
	}
	if (same_key_before(parent, n)) {
		errors_add_at(r->errors, n, "duplicate key \"%.*s\"", SPAN_FMT(n->text));
		return -1;
	}
	return 0;
}

static bool has_control_character(struct span s)
{
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.ptr[i];
		if ((c < 0x20 && c != '\n' && c != '\t') || c == 0x7f)
			return true;
	}
	return false;
}

static int take_scalar(struct reader *r, const yaml_event_t *event)
{
	struct span value = {(const char *)event->data.scalar.value, event->data.scalar.length};
	if (value.len > TREE_MAX_SCALAR)
		return refuse(r, &event->start_mark, "a value longer than 64 KiB");
	if (has_control_character(value))
		return refuse(r, &event->start_mark, "a value with a control character");
	struct node *n = new_node(r, event, NODE_SCALAR);
	if (!n)
		return -1;
	char *copy = arena_strndup(r->arena, value.ptr, value.len);
	if (!copy)
		return refuse(r, &event->start_mark, "this needs too much memory; split the file");
	n->text = (struct span){copy, value.len};
	yaml_scalar_style_t style = event->data.scalar.style;
	n->block = style == YAML_LITERAL_SCALAR_STYLE || style == YAML_FOLDED_SCALAR_STYLE;
	n->kind = style == YAML_PLAIN_SCALAR_STYLE ? plain_kind(n->text) : SCALAR_STRING;
	return attach(r, n);
}

static int open_container(struct reader *r, const yaml_event_t *event, enum node_type type)
{
	if (r->depth == TREE_MAX_DEPTH)
		return refuse(r, &event->start_mark, "nested too deeply");
	struct node *n = new_node(r, event, type);
	if (!n || attach(r, n) < 0)
		return -1;
	r->stack[r->depth] = n;
	r->last[r->depth] = NULL;
	r->depth++;
	return 0;
}

static void close_container(struct reader *r)
{
	struct node *n = r->stack[--r->depth];
	if (n->type == NODE_MAP)
		n->count /= 2;
}

static int refuse_decoration(struct reader *r, const yaml_event_t *event)
{
	const yaml_char_t *anchor = NULL, *tag = NULL;
	switch (event->type) {
	case YAML_ALIAS_EVENT:
		anchor = event->data.alias.anchor;
		break;
	case YAML_SCALAR_EVENT:
		anchor = event->data.scalar.anchor;
		tag = event->data.scalar.tag;
		break;
	case YAML_SEQUENCE_START_EVENT:
		anchor = event->data.sequence_start.anchor;
		tag = event->data.sequence_start.tag;
		break;
	case YAML_MAPPING_START_EVENT:
		anchor = event->data.mapping_start.anchor;
		tag = event->data.mapping_start.tag;
		break;
	default:
		break;
	}
	if (anchor)
		return refuse(r, &event->start_mark,
			"anchors and aliases are not supported: write the value out");
	if (tag)
		return refuse(r, &event->start_mark, "tags are not supported: leave it out");
	return 0;
}

static int take_event(struct reader *r, const yaml_event_t *event)
{
	if (refuse_decoration(r, event) < 0)
		return -1;
	switch (event->type) {
	case YAML_SCALAR_EVENT:
		return take_scalar(r, event);
	case YAML_SEQUENCE_START_EVENT:
		return open_container(r, event, NODE_SEQ);
	case YAML_MAPPING_START_EVENT:
		return open_container(r, event, NODE_MAP);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		close_container(r);
		return 0;
	default:
		return 0;
	}
}

/* Is there a tab in the space that this line (from 0) begins with? */
static bool indented_with_tab(struct span text, size_t line)
{
	const char *p = text.ptr, *end = text.ptr + text.len;
	for (; line && p; line--) {
		p = memchr(p, '\n', (size_t)(end - p));
		p = p ? p + 1 : NULL;
	}
	while (p && p < end && *p == ' ')
		p++;
	return p && p < end && *p == '\t';
}

/* libyaml's words are about its scanner; what people did is one of a few things. */
static const char *syntax_hint(struct reader *r)
{
	const char *problem = r->yaml.problem ? r->yaml.problem : "";
	if (indented_with_tab(r->file->text, r->yaml.problem_mark.line))
		return "; this line is indented with a tab: YAML wants spaces";
	if (strstr(problem, "mapping values are not allowed"))
		return "; is a colon missing on the line above, or a text with \": \" not quoted?";
	if (strstr(problem, "could not find expected ':'"))
		return "; is a colon missing, or the space behind it?";
	if (strstr(problem, "did not find expected key") ||
		strstr(problem, "block sequence entries are not allowed"))
		return "; is this line indented like those above it?";
	return "";
}

static void report_syntax_error(struct reader *r)
{
	const yaml_parser_t *y = &r->yaml;
	const char *problem = y->problem ? y->problem : "not YAML";
	if (y->error == YAML_READER_ERROR) {
		errors_add(r->errors, r->file, 0, 0, "byte %zu: %s", y->problem_offset, problem);
		return;
	}
	errors_add(r->errors, r->file, (uint32_t)y->problem_mark.line + 1,
		(uint32_t)y->problem_mark.column + 1, "%s%s%s%s", problem, y->context ? " " : "",
		y->context ? y->context : "", syntax_hint(r));
}

static bool empty_document(const struct node *root)
{
	return !root || (root->type == NODE_SCALAR && root->kind == SCALAR_NULL);
}

/* libyaml would count it as a column, and then the first line stands deeper than the others. */
static void skip_byte_order_mark(struct span *text)
{
	if (text->len >= 3 && !memcmp(text->ptr, "\xef\xbb\xbf", 3))
		*text = (struct span){text->ptr + 3, text->len - 3};
}

void tree_read(struct tree_file *file, struct arena *arena, struct yaml_errors *errors,
	void (*take)(const struct node *root, void *arg), void *arg)
{
	struct reader r = {.file = file, .arena = arena, .errors = errors};
	skip_byte_order_mark(&file->text);
	if (!yaml_parser_initialize(&r.yaml)) {
		errors_add(errors, file, 0, 0, "out of memory");
		return;
	}
	yaml_parser_set_encoding(&r.yaml, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(
		&r.yaml, (const unsigned char *)file->text.ptr, file->text.len);
	for (bool done = false; !done;) {
		yaml_event_t event;
		if (!yaml_parser_parse(&r.yaml, &event)) {
			report_syntax_error(&r);
			break;
		}
		done = event.type == YAML_STREAM_END_EVENT || take_event(&r, &event) < 0;
		if (event.type == YAML_DOCUMENT_END_EVENT && !empty_document(r.root))
			take(r.root, arg);
		if (event.type == YAML_DOCUMENT_END_EVENT)
			r.root = NULL;
		yaml_event_delete(&event);
	}
	yaml_parser_delete(&r.yaml);
}

/* ---- looking ---- */

const struct node *node_get(const struct node *m, const char *key)
{
	if (!m || m->type != NODE_MAP)
		return NULL;
	node_foreach_member(k, m) if (span_eq_str(k->text, key)) return k->next;
	return NULL;
}

const char *node_kind_name(const struct node *n)
{
	static const char *const scalars[] = {
		[SCALAR_STRING] = "a string",
		[SCALAR_NULL] = "nothing (null)",
		[SCALAR_BOOL] = "true or false",
		[SCALAR_INT] = "a number",
		[SCALAR_FLOAT] = "a number",
		[SCALAR_UNSURE] = "a word that YAML versions read differently",
	};
	switch (n->type) {
	case NODE_SEQ:
		return "a list";
	case NODE_MAP:
		return "an object";
	default:
		return scalars[n->kind];
	}
}

/* ---- canonical JSON ---- */

static int by_key(const void *a, const void *b)
{
	const struct node *x = *(const struct node *const *)a, *y = *(const struct node *const *)b;
	size_t shorter = x->text.len < y->text.len ? x->text.len : y->text.len;
	int c = memcmp(x->text.ptr, y->text.ptr, shorter);
	return c ? c : (x->text.len > y->text.len) - (x->text.len < y->text.len);
}

static void put_map(struct buf *out, const struct node *n)
{
	_cleanup_(freep) const struct node **keys = calloc(n->count + 1u, sizeof *keys);
	if (!keys) {
		out->failed = true;
		return;
	}
	size_t count = 0;
	node_foreach_member(k, n) keys[count++] = k;
	qsort(keys, count, sizeof *keys, by_key);
	buf_add_char(out, '{');
	for (size_t i = 0; i < count; i++) {
		if (i)
			buf_add_char(out, ',');
		json_put_string(out, keys[i]->text);
		buf_add_char(out, ':');
		node_put_json(out, keys[i]->next);
	}
	buf_add_char(out, '}');
}

static void put_scalar(struct buf *out, const struct node *n)
{
	switch (n->kind) {
	case SCALAR_NULL:
		buf_add_str(out, "null");
		return;
	case SCALAR_BOOL:
	case SCALAR_INT:
	case SCALAR_FLOAT:
		buf_add_span(out, n->text);
		return;
	default:
		json_put_string(out, n->text);
	}
}

void node_put_json(struct buf *out, const struct node *n)
{
	if (n->type == NODE_SCALAR) {
		put_scalar(out, n);
		return;
	}
	if (n->type == NODE_MAP) {
		put_map(out, n);
		return;
	}
	buf_add_char(out, '[');
	node_foreach(item, n)
	{
		if (item != n->first)
			buf_add_char(out, ',');
		node_put_json(out, item);
	}
	buf_add_char(out, ']');
}
