/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Own names, paths and tokens, from one YAML file:
 *
 *	names:                       # in addition to the built-in judgement
 *	- "*_licence"                # any case; * stands for any characters
 *	keep:                        # names that are no secret although they look like one
 *	- "tokenizer"
 *	paths:                       # values masked whatever they are called
 *	- {group: example.com, resource: backups, path: /spec/encryption/material}
 *	- {kind: Backup, path: /spec/targets/X/key}       # X: * for one segment, ** for any
 *	tokens:                      # recognised by their beginning, in any text
 *	- {prefix: acme_, min_length: 20}
 *	- {form: 'acme\.[0-9a-f]{32}'}                   # see mask_pattern_internal.h
 *	exec_words: program-only     # keep-plain (default): see the rule command-word
 *
 * Anything that is not understood is an error that says the place: a rule that is silently not
 * there would be a leak.
 */
#include <stdio.h>

#include "common/base/file.h"
#include "common/mask/mask_config_internal.h"
#include "common/yaml/errors.h"
#include "common/yaml/schema.h"

#define CONFIG_BYTES_MAX   (1u << 20)
#define CONFIG_ARENA_MAX   (64u << 20)
#define CONFIG_ENTRIES_MAX 1000

/* ---- as written ---- */

struct source_path {
	struct yaml_str group, resource, kind, path;
};

struct source_token {
	struct yaml_str prefix, form;
	struct yaml_int min_length;
};

struct source {
	struct yaml_list names, keep, paths, tokens;
	struct yaml_int exec_words;
};

enum { EXEC_KEEP_PLAIN, EXEC_PROGRAM_ONLY };

static const struct choice exec_words[] = {{"keep-plain", EXEC_KEEP_PLAIN, ""},
	{"program-only", EXEC_PROGRAM_ONLY, ""}, {NULL, 0, NULL}};

#define AT(type, member) offsetof(struct type, member)

static const struct field path_fields[] = {
	{.name = "group", .type = FIELD_STRING, .offset = AT(source_path, group)},
	{.name = "resource", .type = FIELD_STRING, .offset = AT(source_path, resource)},
	{.name = "kind", .type = FIELD_STRING, .offset = AT(source_path, kind)},
	{.name = "path", .type = FIELD_STRING, .offset = AT(source_path, path), .required = true},
	{0},
};
static const struct kind path_kind = {
	.name = "a path", .size = sizeof(struct source_path), .fields = path_fields};

static const struct field token_fields[] = {
	{.name = "prefix", .type = FIELD_STRING, .offset = AT(source_token, prefix)},
	{.name = "form", .type = FIELD_STRING, .offset = AT(source_token, form)},
	{.name = "min_length",
		.type = FIELD_INT,
		.offset = AT(source_token, min_length),
		.min = 1,
		.max = 4096},
	{0},
};
static const struct kind token_kind = {
	.name = "a token", .size = sizeof(struct source_token), .fields = token_fields};

static const struct field fields[] = {
	{.name = "names", .type = FIELD_STRINGS, .offset = AT(source, names)},
	{.name = "keep", .type = FIELD_STRINGS, .offset = AT(source, keep)},
	{.name = "paths", .type = FIELD_OBJECTS, .offset = AT(source, paths), .of = &path_kind},
	{.name = "tokens", .type = FIELD_OBJECTS, .offset = AT(source, tokens), .of = &token_kind},
	{.name = "exec_words",
		.type = FIELD_ENUM,
		.offset = AT(source, exec_words),
		.choices = exec_words},
	{0},
};
static const struct kind config_kind = {
	.name = "a masking configuration", .size = sizeof(struct source), .fields = fields};

/* ---- from there to what is asked ---- */

struct reader {
	struct mask_config *config;
	struct yaml_errors *errors;
	bool read; /* a document */
};

/* Zeroed room for what a list has; NULL when it is absent, or with the error added. */
static void *items_of(struct reader *r, const struct yaml_list *list, size_t size)
{
	if (!list->at)
		return NULL;
	if (list->count > CONFIG_ENTRIES_MAX) {
		errors_add_at(r->errors, list->at, "too many entries (at most %d); use wildcards",
			CONFIG_ENTRIES_MAX);
		return NULL;
	}
	void *items = arena_calloc(r->config->arena, list->count + 1, size);
	if (!items)
		errors_add_at(r->errors, list->at, "out of memory");
	return items;
}

/* NULL when absent, or with the error added. */
static const char *text_of(struct reader *r, const struct yaml_str *s)
{
	if (!s->at)
		return NULL;
	if (s->s.len > 0)
		return s->s.ptr; /* without NUL: a tree has no control characters */
	errors_add_at(r->errors, s->at, "expected a text that is not empty");
	return NULL;
}

static void take_patterns(
	struct reader *r, const struct yaml_list *list, struct own_pattern **ret, size_t *ret_count)
{
	const struct yaml_str *items = list->items;
	struct own_pattern *out = items_of(r, list, sizeof *out);
	size_t count = 0;

	for (size_t i = 0; out && i < list->count; i++) {
		const char *text = text_of(r, &items[i]);
		if (!text)
			continue;
		if (strspn(text, "*") == items[i].s.len)
			errors_add_at(r->errors, items[i].at,
				"a name pattern of only * matches everything; name a part");
		char *copy = arena_strndup(r->config->arena, text, items[i].s.len);
		if (!copy) {
			errors_add_at(r->errors, items[i].at, "out of memory");
			return;
		}
		for (char *p = copy; *p; p++)
			*p = (char)(*p >= 'A' && *p <= 'Z' ? *p | 0x20 : *p);
		out[count++].text = copy;
	}
	*ret = out;
	*ret_count = count;
}

/* "/a~1b/c" into its segments, unescaped. */
static void cut_path(struct reader *r, const struct yaml_str *at, struct own_path *p)
{
	const char *text = text_of(r, at);
	char *in = text ? arena_strndup(r->config->arena, text, at->s.len) : NULL, *out = in;

	if (!in)
		return;
	if (*in != '/') {
		errors_add_at(r->errors, at->at, "a path begins with '/' (JSON Pointer)");
		return;
	}
	while (*in) {
		if (p->segment_count == MASK_SEGMENTS_MAX) {
			errors_add_at(r->errors, at->at, "a path has at most %d segments; use **",
				MASK_SEGMENTS_MAX);
			return;
		}
		struct span *s = &p->segments[p->segment_count++];
		in++; /* the slash */
		s->ptr = out;
		while (*in && *in != '/') {
			char c = *in++;

			if (c == '~' && (*in == '0' || *in == '1'))
				c = *in++ == '1' ? '/' : '~';
			*out++ = c;
		}
		s->len = (size_t)(out - s->ptr);
	}
}

static void take_paths(struct reader *r, const struct yaml_list *list)
{
	struct mask_config *c = r->config;
	const struct source_path *items = list->items;
	const struct node *at = list->at ? list->at->first : NULL;

	c->paths = items_of(r, list, sizeof *c->paths);
	for (size_t i = 0; c->paths && i < list->count; i++, at = at->next) {
		struct own_path *p = &c->paths[c->path_count++];
		p->group = text_of(r, &items[i].group);
		p->resource = text_of(r, &items[i].resource);
		p->kind = text_of(r, &items[i].kind);
		if (!items[i].resource.at && !items[i].kind.at)
			errors_add_at(r->errors, at, "say resource or kind");
		if (items[i].path.at)
			cut_path(r, &items[i].path, p);
	}
}

static void take_form(struct reader *r, const struct source_token *in, struct own_token *t)
{
	struct mask_step *steps = arena_calloc(r->config->arena, MASK_STEPS_MAX, sizeof *steps);
	const char *text = text_of(r, &in->form), *wrong = "out of memory";

	if (in->min_length.at)
		errors_add_at(r->errors, in->form.at, "a form says itself how long the token is");
	if (text && (!steps || mask_pattern_read(text, &t->form, steps, &wrong) < 0))
		errors_add_at(r->errors, in->form.at, "%s", wrong);
}

static void take_prefix(struct reader *r, const struct source_token *in, struct own_token *t)
{
	t->prefix = text_of(r, &in->prefix);
	if (t->prefix && in->prefix.s.len < 2)
		errors_add_at(
			r->errors, in->prefix.at, "a token needs a prefix of two or more bytes");
	t->min_length = in->min_length.at ? (size_t)in->min_length.v : in->prefix.s.len + 8;
}

static void take_tokens(struct reader *r, const struct yaml_list *list)
{
	struct mask_config *c = r->config;
	const struct source_token *items = list->items;
	const struct node *at = list->at ? list->at->first : NULL;

	c->tokens = items_of(r, list, sizeof *c->tokens);
	for (size_t i = 0; c->tokens && i < list->count; i++, at = at->next) {
		struct own_token *t = &c->tokens[c->token_count++];

		if (!items[i].prefix.at == !items[i].form.at)
			errors_add_at(r->errors, at, "say prefix or form");
		else if (items[i].form.at)
			take_form(r, &items[i], t);
		else
			take_prefix(r, &items[i], t);
	}
}

static void take_document(const struct node *root, void *arg)
{
	struct reader *r = arg;
	struct mask_config *c = r->config;
	struct source s = {0};

	if (r->read) {
		errors_add_at(r->errors, root, "a masking configuration is one document");
		return;
	}
	r->read = true;
	/* What was not understood is in the errors; the rest is looked at all the same. */
	if (schema_read(&config_kind, root, &s, c->arena, r->errors) < 0 && root->type != NODE_MAP)
		return;
	take_patterns(r, &s.names, &c->names, &c->name_count);
	take_patterns(r, &s.keep, &c->keep, &c->keep_count);
	take_paths(r, &s.paths);
	take_tokens(r, &s.tokens);
	c->program_only = s.exec_words.v == EXEC_PROGRAM_ONLY;
}

/* ---- the file ---- */

static int say_first(const struct yaml_errors *errors, struct err *e)
{
	struct span all = buf_span(&errors->text);
	const char *end = all.ptr ? memchr(all.ptr, '\n', all.len) : NULL;

	if (errors->count == 1)
		return err_set(e, "%.*s", end ? (int)(end - all.ptr) : 0, all.ptr);
	return err_set(e, "%.*s (and %u more)", end ? (int)(end - all.ptr) : 0, all.ptr,
		errors->count - 1);
}

static int load(const char *path, struct mask_config *c, struct err *e)
{
	struct yaml_errors errors = {.text = BUF_INIT(65536)};
	_cleanup_(buf_free) struct buf text = BUF_INIT(CONFIG_BYTES_MAX);
	struct reader r = {.config = c, .errors = &errors};
	struct tree_file file = {.path = path};
	int rc = file_read(path, &text, e);

	if (rc == 0) {
		file.text = buf_span(&text);
		tree_read(&file, c->arena, &errors, take_document, &r);
		errors_sort(&errors);
		rc = errors.count > 0 ? say_first(&errors, e) : 0;
	}
	buf_free(&errors.text);
	return rc;
}

int mask_config_load(const char *file, struct mask_config **ret, struct err *e)
{
	struct arena *arena = arena_new(16384, CONFIG_ARENA_MAX);
	struct mask_config *c = arena ? arena_calloc(arena, 1, sizeof *c) : NULL;

	if (!c) {
		arena_free(arena);
		return err_set(e, "out of memory");
	}
	c->arena = arena;
	if (load(file, c, e) < 0) {
		mask_config_free(c);
		return err_prefix(e, "masking configuration");
	}
	*ret = c;
	return 0;
}

void mask_config_free(struct mask_config *c)
{
	if (c)
		arena_free(c->arena);
}
