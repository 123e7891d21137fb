/*
 * Shapes of the Kubernetes API that masking reads more closely than any object: Secrets, patches,
 * Tables, managed fields, the extras of a user, and admission requests.
 *
 * Of a Secret only what is known to be no secret stays: kind, type, and of its metadata what the
 * API server needs. Everything else in it is masked, field names excepted.
 */
#include "common/mask_internal.h"

/* ---- Secrets ---- */

/* Kinds whose fields are not a Secret's although the request is about Secrets. */
static bool is_envelope(struct mask_frame *f, const struct mask_shape *s)
{
	static const char *const kinds[] = {"Status", "Table", "List", "SecretList",
		"PartialObjectMetadataList", "DeleteOptions", "WatchEvent", "AdmissionReview"};

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		if (mask_string_is(f, s->kind, span_of(kinds[i])))
			return true;
	}
	return false;
}

static bool has_secret_type(struct mask_frame *f, const struct mask_shape *s)
{
	static const char *const types[] = {"Opaque", "kubernetes.io/service-account-token",
		"kubernetes.io/dockercfg", "kubernetes.io/dockerconfigjson",
		"kubernetes.io/basic-auth", "kubernetes.io/ssh-auth", "kubernetes.io/tls",
		"bootstrap.kubernetes.io/token", "helm.sh/release.v1"};

	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		if (mask_string_is(f, s->type, span_of(types[i])))
			return true;
	}
	return false;
}

/* {"kind":"Secret","name":"db"}: only says which Secret is meant. */
static bool is_reference(struct mask_frame *f, json_ref r, const struct mask_shape *s)
{
	uint32_t i = 0;

	json_foreach_member (k, f->doc, r) {
		int type = json_type(f->doc, k + 1);
		bool scalar = type != JSON_OBJECT && type != JSON_ARRAY;
		bool flag = type == JSON_TRUE || type == JSON_FALSE || type == JSON_NULL;

		if (i >= MASK_SHAPE_NAMES || !((scalar && s->names[i].reference) || flag))
			return false;
		i++;
	}
	return true;
}

bool mask_is_secret(
	struct mask_frame *f, json_ref r, const struct mask_shape *s, struct mask_where w)
{
	if (w.flags & WHERE_SCHEMA)
		return false;
	if (w.flags & WHERE_SECRET)
		return !is_envelope(f, s);
	if (s->kind != JSON_NONE && mask_string_is(f, s->kind, SPAN("Secret")))
		return !is_reference(f, r, s);
	if (json_type(f->doc, s->string_data) == JSON_OBJECT)
		return true;
	return json_type(f->doc, s->data) == JSON_OBJECT && s->type != JSON_NONE &&
	       has_secret_type(f, s);
}

/* The pseudonym of data is made of what its base64 spells, so that it equals stringData's. */
static int mask_data_value(struct mask_frame *f, json_ref v)
{
	struct span text, decoded;

	if (json_type(f->doc, v) != JSON_STRING)
		return mask_unless_harmless(f, v, RULE_SECRET_DATA);
	text = mask_string(f, v);
	if (!text.ptr)
		return -1;
	if (base64_decode(text, false, f->ctx->arena, &decoded) < 0)
		decoded = text;
	return mask_node_as(f, v, decoded, RULE_SECRET_DATA);
}

static int mask_each(struct mask_frame *f, json_ref v, bool base64, enum mask_rule rule)
{
	if (json_type(f->doc, v) != JSON_OBJECT)
		return mask_unless_harmless(f, v, rule);
	json_foreach_member (k, f->doc, v) {
		int ret;

		if (mask_key_text(f, k) < 0)
			return -1;
		if (base64)
			ret = mask_data_value(f, k + 1);
		else if (json_type(f->doc, k + 1) == JSON_STRING)
			ret = mask_node(f, k + 1, rule);
		else
			ret = mask_unless_harmless(f, k + 1, rule);
		if (ret < 0)
			return -1;
	}
	return 0;
}

int mask_secret_values(struct mask_frame *f, json_ref v, bool base64)
{
	return mask_each(f, v, base64, RULE_SECRET_DATA);
}

static int mask_secret_metadata(struct mask_frame *f, json_ref v, struct mask_where w)
{
	struct mask_where c = {.flags = w.flags & WHERE_SECRETS, .depth = (uint16_t)(w.depth + 2)};

	if (json_type(f->doc, v) != JSON_OBJECT)
		return mask_unless_harmless(f, v, RULE_SECRET_OTHER);
	json_foreach_member (k, f->doc, v) {
		struct mask_name name = mask_key_name(f, k);
		int ret;

		if (name.field == FIELD_NAME || name.field == FIELD_META_KEPT ||
			name.field == FIELD_LABELS)
			ret = mask_walk(f, k + 1, c);
		else if (name.field == FIELD_MANAGED_FIELDS)
			ret = mask_managed_fields(f, k + 1, c);
		else if (name.field == FIELD_ANNOTATIONS)
			ret = mask_each(f, k + 1, false, RULE_SECRET_ANNOTATION);
		else
			ret = mask_unless_harmless(f, k + 1, RULE_SECRET_OTHER);
		if (ret < 0)
			return -1;
	}
	return 0;
}

/* kind, apiVersion and type are short words; anything else there is no such thing. */
static int mask_secret_word(struct mask_frame *f, json_ref v)
{
	struct span text;

	if (json_type(f->doc, v) != JSON_STRING)
		return mask_unless_harmless(f, v, RULE_SECRET_OTHER);
	text = mask_string(f, v);
	if (!text.ptr || text.len > 253 ||
		(mask_looks_random(text) && !memchr(text.ptr, '/', text.len)))
		return mask_node(f, v, RULE_SECRET_OTHER);
	return mask_string_value(f, v, (struct mask_where){0});
}

static int mask_secret_member(
	struct mask_frame *f, json_ref v, struct mask_name name, struct mask_where w)
{
	switch (name.field) {
	case FIELD_KIND:
	case FIELD_API_VERSION:
	case FIELD_TYPE:
		return mask_secret_word(f, v);
	case FIELD_METADATA:
		return mask_secret_metadata(f, v, w);
	case FIELD_DATA:
		return mask_secret_values(f, v, true);
	case FIELD_STRING_DATA:
		return mask_secret_values(f, v, false);
	case FIELD_ITEMS:
		if (json_type(f->doc, v) == JSON_ARRAY) {
			w.flags |= WHERE_SECRET;
			w.depth++;
			return mask_walk(f, v, w);
		}
		break;
	default:
		break;
	}
	return mask_unless_harmless(f, v, RULE_SECRET_OTHER);
}

int mask_secret(struct mask_frame *f, json_ref r, struct mask_where w)
{
	json_foreach_member (k, f->doc, r) {
		struct mask_name name = mask_key_name(f, k);

		if (!name.known && mask_key_text(f, k) < 0)
			return -1;
		if (mask_secret_member(f, k + 1, name, w) < 0)
			return -1;
	}
	return 0;
}

/* What the API server says about Secrets quotes only names in these messages. */
int mask_secret_message(struct mask_frame *f, json_ref r)
{
	static const char *const kept[] = {"secrets \"", "secrets is forbidden",
		"Operation cannot be fulfilled on secrets", "admission webhook \"",
		"Connection closed early", "resource name may not be empty"};
	static const char *const quoting[] = {
		"Invalid value", "Error in #", "invalid:", "unmarshal", "decod", "pars"};
	struct span text = mask_string(f, r);
	bool keep = false;

	if (!text.ptr)
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(kept); i++)
		keep |= text.len >= strlen(kept[i]) &&
			memcmp(text.ptr, kept[i], strlen(kept[i])) == 0;
	for (size_t i = 0; i < ARRAY_LEN(quoting); i++)
		keep &= !memmem(text.ptr, text.len, quoting[i], strlen(quoting[i]));
	if (!keep)
		return mask_unless_harmless(f, r, RULE_SECRET_MESSAGE);
	return mask_string_value(f, r, (struct mask_where){0});
}

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

static int mask_patch_value(
	struct mask_frame *f, json_ref v, struct path_says says, struct mask_where w)
{
	if (w.flags & (WHERE_SECRET | WHERE_SECRETS))
		return mask_unless_harmless(f, v, RULE_SECRET_PATCH);
	if (says.secret || says.env_value)
		return mask_unless_harmless(f, v, RULE_PATCH_PATH);
	if (json_type(f->doc, v) == JSON_ARRAY && (says.where.flags & WHERE_COMMAND))
		return mask_command_list(f, v, NULL, says.where);
	says.where.flags = 0;
	says.where.depth = (uint16_t)(w.depth + 1);
	if (w.infected)
		says.where.infected = w.infected;
	return mask_walk(f, v, says.where);
}

int mask_patch_op(struct mask_frame *f, json_ref r, const struct mask_shape *s, struct mask_where w)
{
	struct path_says says = {0};
	struct span path = {0};

	if (json_type(f->doc, s->path) == JSON_STRING) {
		path = mask_string(f, s->path);
		if (!path.ptr || (path.len > 0 && read_path(f, path, &says) < 0))
			return -1;
	}
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

/* ---- managed fields ---- */

/* The name that a value in fieldsV1 belongs to: of the nearest "f:" key above it. */
static bool field_is_secret(struct mask_frame *f, json_ref key)
{
	struct span name = key == JSON_NONE ? SPAN("") : mask_string(f, key);

	if (!name.ptr)
		return true;
	return name.len > 2 &&
	       mask_name_of(f->ctx->m, (struct span){name.ptr + 2, name.len - 2}).class ==
		       NAME_STRONG;
}

/* An element of a set: everything behind "v:". */
static int mask_set_element(struct mask_frame *f, json_ref k)
{
	const struct json_node *n = json_node(f->doc, k);
	struct mask_frame child;

	f->at = k;
	if (mask_frame_open(&child, f, n->off, n->len, ESCAPE_JSON) < 0 ||
		mask_range(&child, 2, child.text.len - 2, RULE_MANAGED_FIELDS) < 0)
		return -1;
	return mask_frame_close(&child);
}

static bool has_sign(struct span name, char sign)
{
	return name.len > 2 && name.ptr[0] == sign && name.ptr[1] == ':';
}

/* The string that begins at s->ptr ("…"), taken off *s; absent if none does. */
static struct span take_string(struct span *s)
{
	const char *close =
		s->len > 1 && s->ptr[0] == '"' ? memchr(s->ptr + 1, '"', s->len - 1) : NULL;
	struct span ret = {close ? s->ptr + 1 : NULL, close ? (size_t)(close - s->ptr) - 1 : 0};

	if (close) {
		s->len -= ret.len + 2;
		s->ptr = close + 1;
	}
	return ret;
}

/* {"name":"app"}, {"containerPort":80,"protocol":"TCP"}: plain values under names that are known.
 */
static bool is_plain_list_key(struct mask_frame *f, struct span s)
{
	while (s.len > 2 && (*s.ptr == '{' || *s.ptr == ',')) {
		const struct mask_name *known;
		struct span name, value;

		s.ptr++;
		s.len--;
		name = take_string(&s);
		known = name.ptr ? mask_known_field(name) : NULL;
		if (!known || known->class != NAME_PLAIN || s.len < 2 || *s.ptr != ':')
			return false;
		s.ptr++;
		s.len--;
		value = take_string(&s);
		if (value.ptr && (memchr(value.ptr, '\\', value.len) ||
					 (value.len > 0 && !mask_is_plain(f->ctx->m, value))))
			return false;
		while (!value.ptr && s.len > 0 && *s.ptr >= '0' && *s.ptr <= '9') {
			s.ptr++;
			s.len--;
		}
	}
	return s.len == 1 && *s.ptr == '}';
}

/* The quick answer for most keys of fieldsV1; false when in doubt. */
static bool is_plain_key(struct mask_frame *f, struct span name)
{
	struct span rest = {name.ptr + 2, name.len - 2};

	if (name.len < 3)
		return true;
	if (f->ctx->m->config)
		return false;
	if (has_sign(name, 'f'))
		return name.len < 16 || mask_known_field(rest) || mask_is_plain(f->ctx->m, rest);
	return has_sign(name, 'k') && is_plain_list_key(f, rest);
}

/*
 * fieldsV1 has names in its keys (f:), and values too: `v:"x"` is an element of a set, `k:{…}` the
 * key of a list element.
 */
static int mask_fields(struct mask_frame *f, json_ref r, json_ref above, unsigned depth)
{
	if (depth >= MASK_DEPTH_MAX) {
		f->ctx->whole = true;
		return mask_node(f, r, RULE_TOO_DEEP);
	}
	json_foreach_member (k, f->doc, r) {
		struct span name = mask_string(f, k);
		bool field = name.ptr && has_sign(name, 'f');
		int ret = 0;

		if (!name.ptr)
			return -1;
		if (has_sign(name, 'v') && field_is_secret(f, above))
			ret = mask_set_element(f, k);
		else if (!is_plain_key(f, name))
			ret = mask_string_value(f, k, (struct mask_where){0});
		if (ret < 0)
			return -1;
		if (json_type(f->doc, k + 1) != JSON_OBJECT)
			ret = mask_walk(f, k + 1, (struct mask_where){.depth = (uint16_t)depth});
		else if (json_node(f->doc, k + 1)->count > 0)
			ret = mask_fields(f, k + 1, field ? k : above, depth + 1);
		if (ret < 0)
			return -1;
	}
	return 0;
}

int mask_managed_fields(struct mask_frame *f, json_ref r, struct mask_where w)
{
	struct mask_where c = {.depth = (uint16_t)(w.depth + 2)};

	if (json_type(f->doc, r) != JSON_ARRAY)
		return mask_walk(f, r, c);
	json_foreach (entry, f->doc, r) {
		if (json_type(f->doc, entry) != JSON_OBJECT) {
			if (mask_walk(f, entry, c) < 0)
				return -1;
			continue;
		}
		json_foreach_member (k, f->doc, entry) {
			int ret;

			if (json_type(f->doc, k + 1) != JSON_OBJECT)
				ret = mask_walk(f, k + 1, c);
			else
				ret = mask_fields(f, k + 1, JSON_NONE, c.depth);
			if (ret < 0)
				return -1;
		}
	}
	return 0;
}

/* ---- users ---- */

/* user.extra comes from authenticators: whatever is not known to be harmless may be a credential.
 */
int mask_user_extra(struct mask_frame *f, json_ref r)
{
	static const char *const kept[] = {"authentication.kubernetes.io/credential-id",
		"authentication.kubernetes.io/node-name", "authentication.kubernetes.io/node-uid",
		"authentication.kubernetes.io/pod-name", "authentication.kubernetes.io/pod-uid"};

	json_foreach_member (k, f->doc, r) {
		struct span name = mask_string(f, k);
		bool keep = false;
		int ret = 0;

		if (!name.ptr)
			return -1;
		for (size_t i = 0; i < ARRAY_LEN(kept); i++)
			keep |= span_eq_str(name, kept[i]);
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

	if (span_eq(resource, SPAN("secrets")) && group.len == 0)
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
