/* SPDX-License-Identifier: Apache-2.0 */
/*
 * metadata.managedFields: its keys are names of fields ("f:spec"), but also values, as elements of
 * sets (`v:"…"`) and keys of lists (`k:{…}`).
 */
#include "common/mask/mask_kube_internal.h"
#include "common/mask/mask_text_internal.h"

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
