/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asking the own rules of a configuration: what it says of a name, where a token of its own stands,
 * which values its paths mean.
 */
#include <stdio.h>

#include "common/mask/mask_config_internal.h"
#include "common/mask/mask_own_internal.h"

/* ---- names and tokens ---- */

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

static bool matches_any(const struct own_pattern *p, size_t n, struct span name)
{
	for (size_t i = 0; i < n; i++) {
		if (matches(p[i].text, name))
			return true;
	}
	return false;
}

bool mask_own_name(const struct mask_config *c, struct span name, struct mask_name *ret)
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

bool mask_own_program_only(const struct mask_config *c)
{
	return c->program_only;
}

static bool goes_on(char c)
{
	return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') ||
	       (c && strchr("-_.=+/", c));
}

bool mask_own_has_tokens(const struct mask_config *c)
{
	return c->token_count > 0;
}

static size_t form_len(const struct own_token *t, struct span text, size_t off, size_t *ret_before)
{
	size_t n = mask_pattern_match(
		&t->form, text.ptr, text.ptr + off, text.ptr + text.len, ret_before);

	while (n > 0 && !t->form.whole && off - *ret_before + n < text.len &&
		goes_on(text.ptr[off - *ret_before + n]))
		n++;
	return n;
}

static size_t prefix_len(const struct own_token *t, struct span text, size_t off)
{
	size_t n = strlen(t->prefix);

	if (text.len - off < n || memcmp(text.ptr + off, t->prefix, n) != 0)
		return 0;
	while (off + n < text.len && goes_on(text.ptr[off + n]))
		n++;
	return n >= t->min_length ? n : 0;
}

size_t mask_own_token(const struct mask_config *c, struct span text, size_t off, size_t *ret_before)
{
	for (size_t i = 0; i < c->token_count; i++) {
		const struct own_token *t = &c->tokens[i];
		size_t n;

		*ret_before = 0;
		n = t->prefix ? prefix_len(t, text, off) : form_len(t, text, off, ret_before);
		if (n > 0)
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
	const struct own_path *p, struct mask_frame *f, const struct mask_shape *s, bool is_target)
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

int mask_own_paths(const struct mask_config *c, struct mask_frame *f, json_ref obj,
	const struct mask_shape *s, bool is_target)
{
	for (size_t i = 0; i < c->path_count; i++) {
		const struct own_path *p = &c->paths[i];

		if (is_meant(p, f, s, is_target) &&
			find_path(f, obj, p->segments, p->segment_count) < 0)
			return -1;
	}
	return 0;
}
