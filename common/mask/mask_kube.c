/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shapes of the Kubernetes API that masking reads more closely than any object: patches, Tables,
 * the extras of a user, and admission requests. Secrets: mask_secret.c; managed fields:
 * mask_managed.c.
 */
#include "common/mask/mask_bytes_internal.h"
#include "common/mask/mask_command_internal.h"
#include "common/mask/mask_kube_internal.h"
#include "common/mask/mask_own_internal.h"

/* ---- patches ---- */

static bool is_index(struct span s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (s.ptr[i] != '-' && (s.ptr[i] < '0' || s.ptr[i] > '9'))
			return false;
	}
	return s.len > 0;
}

static struct span unescape_segment(struct span s, struct arena *arena)
{
	char *out = arena_alloc(arena, s.len + 1);
	size_t n = 0;

	if (!out)
		return (struct span){0};
	for (size_t i = 0; i < s.len; i++) {
		char c = s.ptr[i];

		if (c == '~' && i + 1 < s.len)
			c = s.ptr[++i] == '1' ? '/' : '~';
		out[n++] = c;
	}
	return (struct span){out, n};
}

/* What a path says of the value it points to. */
struct path_says {
	struct mask_where where;
	bool env_value;
	bool secret;
};

static int read_path(struct mask_frame *f, struct span path, struct path_says *ret)
{
	bool env = false, list = false;
	const char *p = path.ptr, *end = path.ptr + path.len;

	while (p < end) {
		const char *stop = memchr(p + 1, '/', (size_t)(end - p - 1));
		struct span segment = {p + 1, (size_t)((stop ? stop : end) - p - 1)};
		struct mask_name name;

		p = stop ? stop : end;
		if (is_index(segment)) {
			list = true;
			continue;
		}
		segment = unescape_segment(segment, f->ctx->arena);
		if (!segment.ptr)
			return -1;
		name = mask_name_of(f->ctx->m, segment);
		ret->env_value |= env && list && name.field == FIELD_VALUE;
		env = segment.len == 3 && memcmp(segment.ptr, "env", 3) == 0;
		list = false;
		ret->where.class = name.class;
		ret->secret |= name.field == FIELD_STRING_DATA;
		if (name.class == NAME_STRONG)
			ret->where.infected =
				name.rule == RULE_OWN_NAME ? RULE_OWN_NAME : RULE_PATCH_PATH;
		else if (name.reference)
			ret->where.infected = RULE_NONE;
		if (name.field == FIELD_COMMAND)
			ret->where.flags |= WHERE_COMMAND;
	}
	return 0;
}

/* What the path of an operation says; given twice, what both say. */
static int read_paths(struct mask_frame *f, json_ref op, struct path_says *ret)
{
	json_foreach_member (k, f->doc, op) {
		struct path_says says = {0};
		struct span path;

		if (mask_key_name(f, k).field != FIELD_PATH ||
			json_type(f->doc, k + 1) != JSON_STRING)
			continue;
		path = mask_string(f, k + 1);
		if (!path.ptr || (path.len > 0 && read_path(f, path, &says) < 0))
			return -1;
		ret->env_value |= says.env_value;
		ret->secret |= says.secret;
		ret->where.flags |= says.where.flags;
		if (says.where.class > ret->where.class)
			ret->where.class = says.where.class;
		if (says.where.infected)
			ret->where.infected = says.where.infected;
	}
	return 0;
}

/* One word of a command line that may be the value of an option that a patch does not show. */
static bool is_bare_argument(struct span word)
{
	bool digit = false;

	for (size_t i = 0; i < word.len; i++) {
		if (is_in(word.ptr[i], "-=:/. ") && (word.ptr[i] != '-' || i == 0))
			return false;
		digit |= is_digit(word.ptr[i]);
	}
	return word.len >= 8 && digit && !mask_harmless_word(word);
}

static int mask_patch_value(
	struct mask_frame *f, json_ref v, struct path_says says, struct mask_where w)
{
	if (w.flags & (WHERE_SECRET | WHERE_SECRETS))
		return mask_unless_harmless(f, v, RULE_SECRET_PATCH);
	if (says.secret || says.env_value)
		return mask_unless_harmless(f, v, RULE_PATCH_PATH);
	if (json_type(f->doc, v) == JSON_ARRAY && (says.where.flags & WHERE_COMMAND))
		return mask_command_list(f, v, NULL, says.where);
	if (json_type(f->doc, v) == JSON_STRING && (says.where.flags & WHERE_COMMAND)) {
		struct span word = mask_string(f, v);

		if (!word.ptr || is_bare_argument(word))
			return mask_unless_harmless(f, v, RULE_PATCH_PATH);
	}
	says.where.flags = 0;
	says.where.depth = (uint16_t)(w.depth + 1);
	if (w.infected)
		says.where.infected = w.infected;
	return mask_walk(f, v, says.where);
}

int mask_patch_op(struct mask_frame *f, json_ref r, struct mask_where w)
{
	struct path_says says = {0};

	if (read_paths(f, r, &says) < 0)
		return -1;
	json_foreach_member (k, f->doc, r) {
		struct mask_name name = mask_key_name(f, k);
		int type = json_type(f->doc, k + 1), ret;

		if (!name.known && mask_key_text(f, k) < 0)
			return -1;
		if (type == JSON_STRING && (name.field == FIELD_OP || name.field == FIELD_PATH ||
						   name.field == FIELD_FROM))
			ret = mask_string_value(f, k + 1, (struct mask_where){0});
		else
			ret = mask_patch_value(f, k + 1, says, w);
		if (ret < 0)
			return -1;
	}
	return 0;
}

/* ---- Tables ---- */

#define TABLE_COLUMNS_MAX 64

static uint64_t secret_columns(struct mask_frame *f, json_ref columns)
{
	uint64_t set = 0;
	unsigned i = 0;

	json_foreach (column, f->doc, columns) {
		json_ref name = json_get_str(f->doc, column, "name");
		struct span text = json_type(f->doc, name) == JSON_STRING ? mask_string(f, name)
									  : (struct span){0};

		if (text.ptr && mask_name_class(f->ctx->m, text) == NAME_STRONG)
			set |= UINT64_C(1) << (i < TABLE_COLUMNS_MAX ? i : TABLE_COLUMNS_MAX - 1);
		i++;
	}
	return set;
}

static int mask_row(struct mask_frame *f, json_ref row, uint64_t secret, struct mask_where w)
{
	struct mask_where c = {.flags = w.flags & WHERE_SECRETS,
		.infected = w.infected,
		.depth = (uint16_t)(w.depth + 2)};

	json_foreach_member (k, f->doc, row) {
		struct mask_name name = mask_key_name(f, k);
		unsigned i = 0;

		if (name.field != FIELD_CELLS) {
			struct mask_where o = c;

			if (name.field == FIELD_OBJECT && (w.flags & WHERE_SECRETS))
				o.flags |= WHERE_SECRET;
			if (name.field == FIELD_OBJECT)
				o.flags |= w.flags & WHERE_TARGET;
			if (mask_walk(f, k + 1, o) < 0)
				return -1;
			continue;
		}
		json_foreach (cell, f->doc, k + 1) {
			struct mask_where o = c;

			if (secret >> (i < TABLE_COLUMNS_MAX ? i : TABLE_COLUMNS_MAX - 1) & 1)
				o.infected = RULE_TABLE_CELL;
			i++;
			if (mask_walk(f, cell, o) < 0)
				return -1;
		}
		if (json_type(f->doc, k + 1) != JSON_ARRAY && mask_walk(f, k + 1, c) < 0)
			return -1;
	}
	return 0;
}

int mask_table(struct mask_frame *f, json_ref r, const struct mask_shape *s, struct mask_where w)
{
	uint64_t secret = secret_columns(f, s->columns);
	struct mask_where c = {.flags = w.flags & WHERE_SECRETS,
		.infected = w.infected,
		.depth = (uint16_t)(w.depth + 1)};

	json_foreach_member (k, f->doc, r) {
		if (k + 1 != s->rows || json_type(f->doc, s->rows) != JSON_ARRAY) {
			if (mask_walk(f, k + 1, c) < 0)
				return -1;
			continue;
		}
		json_foreach (row, f->doc, s->rows) {
			int ret = json_type(f->doc, row) == JSON_OBJECT
					  ? mask_row(f, row, secret, w)
					  : mask_walk(f, row, c);
			if (ret < 0)
				return -1;
		}
	}
	return 0;
}

/* ---- users ---- */

/* Who it was: Kubernetes' own, EKS (also behind sigs.k8s.io/aws-iam-authenticator/), AKS, Rancher,
 * OpenShift. Or a name that the configuration keeps. */
static bool identifies(struct mask_frame *f, struct span name)
{
	static const char *const kept[] = {"credential-id", "node-name", "node-uid", "pod-name",
		"pod-uid", "arn", "canonicalarn", "principalid", "sessionname", "accesskeyid",
		"oid", "upn", "tid", "username", "requesthost", "scopes.authorization.openshift.io",
		"email", "groups"};
	const struct mask_config *config = f->ctx->m->config;
	const char *slash = memrchr(name.ptr, '/', name.len);
	struct mask_name own = {0};

	if (config && mask_own_name(config, name, &own))
		return own.class == NAME_PLAIN;
	if (slash)
		name = (struct span){slash + 1, (size_t)(name.ptr + name.len - slash - 1)};
	for (size_t i = 0; i < ARRAY_LEN(kept); i++) {
		if (name.len == strlen(kept[i]) && strncasecmp(name.ptr, kept[i], name.len) == 0)
			return true;
	}
	return false;
}

/* user.extra comes from authenticators: whatever is not known to identify somebody may be a
 * credential. */
int mask_user_extra(struct mask_frame *f, json_ref r)
{
	json_foreach_member (k, f->doc, r) {
		struct span name = mask_string(f, k);
		int ret = 0;
		bool keep;

		if (!name.ptr)
			return -1;
		keep = identifies(f, name);
		if (!keep && mask_key_text(f, k) < 0)
			return -1;
		if (keep)
			ret = mask_walk(f, k + 1, (struct mask_where){0});
		else if (json_type(f->doc, k + 1) == JSON_ARRAY)
			json_foreach (v, f->doc, k + 1)
				ret |= mask_unless_harmless(f, v, RULE_USER_EXTRA);
		else
			ret = mask_unless_harmless(f, k + 1, RULE_USER_EXTRA);
		if (ret < 0)
			return -1;
	}
	return 0;
}

/* ---- requests ---- */

static bool is_one_of(struct span s, const char *a, const char *b)
{
	return span_eq_str(s, a) || span_eq_str(s, b);
}

unsigned mask_target_flags(struct span group, struct span resource, struct span subresource)
{
	unsigned flags = WHERE_TARGET;

	if (resource.len == 7 && strncasecmp(resource.ptr, "secrets", 7) == 0 && group.len == 0)
		flags |= WHERE_SECRET | WHERE_SECRETS;
	if (is_one_of(subresource, "exec", "attach"))
		flags |= WHERE_EXEC;
	if (span_eq_str(subresource, "proxy"))
		flags |= WHERE_PROXY;
	return flags;
}

/* The request of an AdmissionReview as a whole: it says itself what its objects are. */
int mask_admission_request(struct mask_frame *f, json_ref r, struct mask_where w)
{
	json_ref resource = json_get_str(f->doc, r, "resource");
	json_ref sub = json_get_str(f->doc, r, "subResource");
	struct span name =
		json_string(f->doc, json_get_str(f->doc, resource, "resource"), f->ctx->arena);
	struct span group =
		json_string(f->doc, json_get_str(f->doc, resource, "group"), f->ctx->arena);
	unsigned flags = mask_target_flags(group, name, json_string(f->doc, sub, f->ctx->arena));

	json_foreach_member (k, f->doc, r) {
		struct mask_name key = mask_key_name(f, k);
		struct mask_where c = {.depth = (uint16_t)(w.depth + 1)};
		int ret;

		c.class = key.class;
		c.infected = key.class == NAME_STRONG ? key.rule : w.infected;
		if (key.field == FIELD_OBJECT || key.field == FIELD_OLD_OBJECT)
			c.flags = (uint8_t)flags;
		ret = key.field == FIELD_EXTRA && json_type(f->doc, k + 1) == JSON_OBJECT
			      ? mask_user_extra(f, k + 1)
			      : mask_walk(f, k + 1, c);
		if (ret < 0)
			return -1;
	}
	return 0;
}
