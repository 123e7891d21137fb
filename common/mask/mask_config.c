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
 *	exec_words: program-only     # keep-plain (default): see the rule command-word
 *
 * Anything that is not understood is an error that says the line: a rule that is silently not
 * there would be a leak.
 */
#include <errno.h>
#include <yaml.h>

#include "common/mask/mask_internal.h"

#define CONFIG_BYTES_MAX   (1u << 20)
#define CONFIG_ENTRIES_MAX 1000
#define SEGMENTS_MAX	   32

struct pattern {
	char *text; /* lower case */
};

struct path {
	char *group, *resource, *kind; /* NULL: any */
	char *text;
	struct span segments[SEGMENTS_MAX]; /* unescaped, into text */
	size_t segment_count;
};

struct token {
	char *prefix;
	size_t min_length;
};

struct mask_config {
	struct pattern *names, *keep;
	struct path *paths;
	struct token *tokens;
	size_t name_count, keep_count, path_count, token_count;
	bool program_only;
};

/* ---- reading ---- */

struct reader {
	yaml_document_t doc;
	struct mask_config *config;
	struct err *e;
};

static int fail(const struct reader *r, const yaml_node_t *n, const char *what)
{
	return err_set(r->e, "line %zu: %s", n ? n->start_mark.line + 1 : (size_t)1, what);
}

static int scalar(struct reader *r, const yaml_node_t *n, char **ret)
{
	if (!n || n->type != YAML_SCALAR_NODE || n->data.scalar.length == 0)
		return fail(r, n, "expected a text that is not empty");
	if (strlen((const char *)n->data.scalar.value) != n->data.scalar.length)
		return fail(r, n, "a text must not contain NUL");
	free(*ret);
	*ret = strdup((const char *)n->data.scalar.value);
	return *ret ? 0 : err_set(r->e, "out of memory");
}

/* A zeroed array for the items of a sequence; NULL with the error set. */
static void *items_of(struct reader *r, const yaml_node_t *n, size_t size, size_t *ret_count)
{
	void *items;

	if (n->type != YAML_SEQUENCE_NODE) {
		fail(r, n, "expected a list");
		return NULL;
	}
	*ret_count = (size_t)(n->data.sequence.items.top - n->data.sequence.items.start);
	if (*ret_count > CONFIG_ENTRIES_MAX) {
		*ret_count = 0;
		fail(r, n, "too many entries (at most 1000)");
		return NULL;
	}
	items = calloc(*ret_count + 1, size);
	if (!items) {
		*ret_count = 0;
		err_set(r->e, "out of memory");
	}
	return items;
}

static yaml_node_t *item(struct reader *r, const yaml_node_t *n, size_t i)
{
	return yaml_document_get_node(&r->doc, n->data.sequence.items.start[i]);
}

static int read_patterns(
	struct reader *r, const yaml_node_t *n, struct pattern **ret, size_t *ret_count)
{
	if (*ret)
		return fail(r, n, "appears twice");
	*ret = items_of(r, n, sizeof(**ret), ret_count);
	if (!*ret)
		return -1;
	for (size_t i = 0; i < *ret_count; i++) {
		if (scalar(r, item(r, n, i), &(*ret)[i].text) < 0)
			return -1;
		for (char *p = (*ret)[i].text; *p; p++)
			*p = (char)(*p >= 'A' && *p <= 'Z' ? *p | 0x20 : *p);
		if (strspn((*ret)[i].text, "*") == strlen((*ret)[i].text))
			return fail(
				r, item(r, n, i), "a name pattern of only * matches everything");
	}
	return 0;
}

typedef int (*field_fn)(
	struct reader *r, const char *name, const yaml_node_t *value, void *userdata);

static int each_field(struct reader *r, const yaml_node_t *n, field_fn fn, void *userdata)
{
	if (!n || n->type != YAML_MAPPING_NODE)
		return fail(r, n, "expected fields (name: value)");
	for (const yaml_node_pair_t *p = n->data.mapping.pairs.start; p < n->data.mapping.pairs.top;
		p++) {
		const yaml_node_t *key = yaml_document_get_node(&r->doc, p->key);

		if (!key || key->type != YAML_SCALAR_NODE)
			return fail(r, key, "expected a field's name");
		if (fn(r, (const char *)key->data.scalar.value,
			    yaml_document_get_node(&r->doc, p->value), userdata) < 0)
			return -1;
	}
	return 0;
}

static int read_path_field(
	struct reader *r, const char *name, const yaml_node_t *value, void *userdata)
{
	struct path *p = userdata;

	if (strcmp(name, "group") == 0)
		return scalar(r, value, &p->group);
	if (strcmp(name, "resource") == 0)
		return scalar(r, value, &p->resource);
	if (strcmp(name, "kind") == 0)
		return scalar(r, value, &p->kind);
	if (strcmp(name, "path") == 0)
		return scalar(r, value, &p->text);
	return fail(r, value, "unknown field: a path has group, resource, kind and path");
}

/* "/a~1b/c" into its segments, unescaped in place. */
static int cut_path(struct reader *r, const yaml_node_t *n, struct path *p)
{
	char *in = p->text, *out = p->text;

	if (*in != '/')
		return fail(r, n, "a path begins with '/' (JSON Pointer)");
	while (*in) {
		struct span *s = &p->segments[p->segment_count];

		if (p->segment_count++ == SEGMENTS_MAX)
			return fail(r, n, "a path has at most 32 segments");
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
	return 0;
}

static int read_paths(struct reader *r, const yaml_node_t *n)
{
	struct mask_config *c = r->config;

	if (c->paths)
		return fail(r, n, "paths appears twice");
	c->paths = items_of(r, n, sizeof(*c->paths), &c->path_count);
	if (!c->paths)
		return -1;
	for (size_t i = 0; i < c->path_count; i++) {
		struct path *p = &c->paths[i];
		yaml_node_t *at = item(r, n, i);

		if (each_field(r, at, read_path_field, p) < 0)
			return -1;
		if (!p->text)
			return fail(r, at, "path is missing");
		if (!p->resource && !p->kind)
			return fail(r, at, "say resource or kind");
		if (cut_path(r, at, p) < 0)
			return -1;
	}
	return 0;
}

static int read_token_field(
	struct reader *r, const char *name, const yaml_node_t *value, void *userdata)
{
	struct token *t = userdata;
	_cleanup_(freep) char *text = NULL;
	char *end;

	if (strcmp(name, "prefix") == 0)
		return scalar(r, value, &t->prefix);
	if (strcmp(name, "min_length") != 0)
		return fail(r, value, "unknown field: a token has prefix and min_length");
	if (scalar(r, value, &text) < 0)
		return -1;
	t->min_length = strtoul(text, &end, 10);
	if (*end || t->min_length == 0 || t->min_length > 4096)
		return fail(r, value, "min_length is a number from 1 to 4096");
	return 0;
}

static int read_tokens(struct reader *r, const yaml_node_t *n)
{
	struct mask_config *c = r->config;

	if (c->tokens)
		return fail(r, n, "tokens appears twice");
	c->tokens = items_of(r, n, sizeof(*c->tokens), &c->token_count);
	if (!c->tokens)
		return -1;
	for (size_t i = 0; i < c->token_count; i++) {
		if (each_field(r, item(r, n, i), read_token_field, &c->tokens[i]) < 0)
			return -1;
		if (!c->tokens[i].prefix || strlen(c->tokens[i].prefix) < 2)
			return fail(
				r, item(r, n, i), "a token needs a prefix of two or more bytes");
		if (c->tokens[i].min_length == 0)
			c->tokens[i].min_length = strlen(c->tokens[i].prefix) + 8;
	}
	return 0;
}

static int read_exec_words(struct reader *r, const yaml_node_t *n)
{
	_cleanup_(freep) char *text = NULL;

	if (scalar(r, n, &text) < 0)
		return -1;
	r->config->program_only = strcmp(text, "program-only") == 0;
	if (!r->config->program_only && strcmp(text, "keep-plain") != 0)
		return fail(r, n, "exec_words is keep-plain or program-only");
	return 0;
}

static int read_field(struct reader *r, const char *name, const yaml_node_t *value, void *userdata)
{
	struct mask_config *c = r->config;

	(void)userdata;
	if (!value)
		return fail(r, value, "a value is missing");
	if (strcmp(name, "names") == 0)
		return read_patterns(r, value, &c->names, &c->name_count);
	if (strcmp(name, "keep") == 0)
		return read_patterns(r, value, &c->keep, &c->keep_count);
	if (strcmp(name, "paths") == 0)
		return read_paths(r, value);
	if (strcmp(name, "tokens") == 0)
		return read_tokens(r, value);
	if (strcmp(name, "exec_words") == 0)
		return read_exec_words(r, value);
	return fail(r, value, "unknown field: there are names, keep, paths, tokens and exec_words");
}

static int read_document(struct reader *r, FILE *in)
{
	yaml_parser_t parser;
	yaml_node_t *root;
	int ret;

	if (!yaml_parser_initialize(&parser))
		return err_set(r->e, "out of memory");
	yaml_parser_set_input_file(&parser, in);
	if (!yaml_parser_load(&parser, &r->doc)) {
		ret = err_set(r->e, "line %zu: %s", parser.problem_mark.line + 1,
			parser.problem ? parser.problem : "not YAML");
		yaml_parser_delete(&parser);
		return ret;
	}
	root = yaml_document_get_root_node(&r->doc);
	ret = root ? each_field(r, root, read_field, NULL) : 0;
	yaml_document_delete(&r->doc);
	yaml_parser_delete(&parser);
	return ret;
}

static int read_file(const char *file, struct mask_config *c, struct err *e)
{
	struct reader r = {.config = c, .e = e};
	FILE *in = fopen(file, "re");
	int ret;

	if (!in)
		return err_set_errno(e, errno, "cannot open it");
	if (fseek(in, 0, SEEK_END) == 0 && ftell(in) > (long)CONFIG_BYTES_MAX)
		ret = err_set(e, "larger than 1 MiB");
	else if (fseek(in, 0, SEEK_SET) != 0)
		ret = err_set_errno(e, errno, "cannot read it");
	else
		ret = read_document(&r, in);
	fclose(in);
	return ret;
}

int mask_config_load(const char *file, struct mask_config **ret, struct err *e)
{
	struct mask_config *c = calloc(1, sizeof(*c));

	if (!c)
		return err_set(e, "out of memory");
	if (read_file(file, c, e) < 0) {
		mask_config_free(c);
		return err_prefix(e, "masking configuration %s", file);
	}
	*ret = c;
	return 0;
}

static void free_patterns(struct pattern *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(p[i].text);
	free(p);
}

void mask_config_free(struct mask_config *c)
{
	if (!c)
		return;
	free_patterns(c->names, c->name_count);
	free_patterns(c->keep, c->keep_count);
	for (size_t i = 0; i < c->path_count; i++) {
		free(c->paths[i].group);
		free(c->paths[i].resource);
		free(c->paths[i].kind);
		free(c->paths[i].text);
	}
	for (size_t i = 0; i < c->token_count; i++)
		free(c->tokens[i].prefix);
	free(c->paths);
	free(c->tokens);
	free(c);
}

/* ---- asking ---- */

/* pattern is lower case, * stands for any bytes; linear but for the last *. */
static bool matches(const char *pattern, struct span s)
{
	const char *star = NULL;
	size_t at = 0, back = 0;

	while (at < s.len) {
		char c = s.ptr[at];

		c = (char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
		if (*pattern == '*') {
			star = ++pattern;
			back = at;
		} else if (*pattern == c && c) {
			pattern++;
			at++;
		} else if (star) {
			pattern = star;
			at = ++back;
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return *pattern == '\0';
}

static bool matches_any(const struct pattern *p, size_t n, struct span name)
{
	for (size_t i = 0; i < n; i++) {
		if (matches(p[i].text, name))
			return true;
	}
	return false;
}

bool mask_config_name(const struct mask_config *c, struct span name, struct mask_name *ret)
{
	const struct mask_name *known = mask_known_field(name);

	/* The shape of an object cannot be configured away. */
	if (known && known->field != FIELD_NONE)
		return false;
	if (matches_any(c->names, c->name_count, name)) {
		*ret = (struct mask_name){.class = NAME_STRONG, .rule = RULE_OWN_NAME};
		return true;
	}
	*ret = (struct mask_name){.class = NAME_PLAIN};
	return matches_any(c->keep, c->keep_count, name);
}

bool mask_config_program_only(const struct mask_config *c)
{
	return c->program_only;
}

static bool goes_on(char c)
{
	return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') ||
	       (c && strchr("-_.=+/", c));
}

bool mask_config_has_tokens(const struct mask_config *c)
{
	return c->token_count > 0;
}

size_t mask_config_token(const struct mask_config *c, struct span text, size_t off)
{
	for (size_t i = 0; i < c->token_count; i++) {
		const struct token *t = &c->tokens[i];
		size_t n = strlen(t->prefix);

		if (text.len - off < n || memcmp(text.ptr + off, t->prefix, n) != 0)
			continue;
		while (off + n < text.len && goes_on(text.ptr[off + n]))
			n++;
		if (n >= t->min_length)
			return n;
	}
	return 0;
}

/* ---- paths ---- */

/* backups of Backup, policies of Policy, ingresses of Ingress. */
static bool is_resource_of_kind(const char *resource, struct span kind)
{
	size_t n = strlen(resource);

	if (kind.len == 0 || n <= kind.len - 1 ||
		strncasecmp(resource, kind.ptr, kind.len - 1) != 0)
		return false;
	if (n == kind.len + 2 && (kind.ptr[kind.len - 1] | 0x20) == 'y')
		return strcmp(resource + kind.len - 1, "ies") == 0;
	return strncasecmp(resource, kind.ptr, kind.len) == 0 &&
	       (strcmp(resource + kind.len, "s") == 0 || strcmp(resource + kind.len, "es") == 0 ||
		       resource[kind.len] == '\0');
}

static bool group_is(struct span api_version, const char *group)
{
	size_t n = strlen(group);

	return api_version.len > n && memcmp(api_version.ptr, group, n) == 0 &&
	       api_version.ptr[n] == '/';
}

static bool is_meant(
	const struct path *p, struct mask_frame *f, const struct mask_shape *s, bool is_target)
{
	const struct mask_target *t = &f->ctx->target;
	struct span kind = {0}, version = {0};

	if (json_type(f->doc, s->kind) == JSON_STRING)
		kind = mask_string(f, s->kind);
	if (json_type(f->doc, s->api_version) == JSON_STRING)
		version = mask_string(f, s->api_version);
	if (p->kind && span_eq_str(kind, p->kind))
		return !p->group || group_is(version, p->group);
	if (!p->resource)
		return false;
	if (is_target && span_eq_str(t->resource, p->resource))
		return !p->group || span_eq_str(t->group, p->group);
	return is_resource_of_kind(p->resource, kind) && (!p->group || group_is(version, p->group));
}

static int want(struct mask_frame *f, json_ref r)
{
	size_t at = f->wanted_count;

	if (f->wanted_count == f->wanted_cap) {
		size_t cap = f->wanted_cap ? f->wanted_cap * 2 : 16;
		json_ref *wanted = arena_alloc(f->ctx->arena, cap * sizeof(*wanted));

		if (!wanted)
			return -1;
		if (f->wanted_count > 0)
			memcpy(wanted, f->wanted, f->wanted_count * sizeof(*wanted));
		f->wanted = wanted;
		f->wanted_cap = cap;
	}
	while (at > 0 && f->wanted[at - 1] > r)
		at--;
	memmove(f->wanted + at + 1, f->wanted + at, (f->wanted_count - at) * sizeof(*f->wanted));
	f->wanted[at] = r;
	f->wanted_count++;
	return 0;
}

static int find_path(struct mask_frame *f, json_ref r, const struct span *s, size_t n)
{
	bool any = n > 0 && span_eq_str(s[0], "*"), deep = n > 0 && span_eq_str(s[0], "**");
	int type = json_type(f->doc, r);
	uint32_t index = 0;
	char digits[12];

	if (n == 0)
		return want(f, r);
	if (deep && find_path(f, r, s + 1, n - 1) < 0)
		return -1;
	if (type == JSON_OBJECT) {
		json_foreach_member (k, f->doc, r) {
			if ((any || deep || json_string_is(f->doc, k, s[0])) &&
				find_path(f, k + 1, deep ? s : s + 1, deep ? n : n - 1) < 0)
				return -1;
		}
		return 0;
	}
	json_foreach (v, f->doc, r) {
		snprintf(digits, sizeof(digits), "%u", index++);
		if ((any || deep || span_eq_str(s[0], digits)) &&
			find_path(f, v, deep ? s : s + 1, deep ? n : n - 1) < 0)
			return -1;
	}
	return 0;
}

int mask_config_paths(const struct mask_config *c, struct mask_frame *f, json_ref obj,
	const struct mask_shape *s, bool is_target)
{
	for (size_t i = 0; i < c->path_count; i++) {
		const struct path *p = &c->paths[i];

		if (is_meant(p, f, s, is_target) &&
			find_path(f, obj, p->segments, p->segment_count) < 0)
			return -1;
	}
	return 0;
}
