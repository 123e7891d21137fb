/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The members of an object that decide how its others are read: its kind, a name beside a value,
 * the op and path of a patch, and what the names of its members say.
 */
#include "common/mask/mask_bytes_internal.h"
#include "common/mask/mask_walk_internal.h"

struct mask_name mask_key_name(struct mask_frame *f, json_ref key)
{
	struct span name = mask_string(f, key);

	/* No room to look at it: the value is masked, if that still works. */
	if (!name.ptr)
		return (struct mask_name){.class = NAME_STRONG, .rule = RULE_UNREADABLE};
	return mask_name_of(f->ctx->m, name);
}

bool mask_string_is(struct mask_frame *f, json_ref r, struct span s)
{
	struct span v;

	if (json_type(f->doc, r) != JSON_STRING)
		return false;
	v = mask_string(f, r);
	return v.ptr && v.len == s.len && strncasecmp(v.ptr, s.ptr, s.len) == 0;
}

static void note_name(struct mask_frame *f, json_ref value, struct mask_shape *ret)
{
	enum name_class class;
	struct span text;

	if (json_type(f->doc, value) != JSON_STRING)
		return;
	text = mask_string(f, value);
	class = text.ptr ? mask_name_class(f->ctx->m, text) : NAME_STRONG;
	if (class > ret->value_class)
		ret->value_class = (uint8_t) class;
}

static void note(struct mask_shape *s, enum mask_field field, json_ref v)
{
	switch (field) {
	case FIELD_API_VERSION:
		s->api_version = v;
		break;
	case FIELD_VALUE:
		s->value = v;
		break;
	case FIELD_OP:
		s->op = v;
		break;
	case FIELD_PATH:
		s->path = v;
		break;
	case FIELD_DATA:
		s->data = v;
		break;
	case FIELD_STRING_DATA:
		s->string_data = v;
		break;
	case FIELD_TYPE:
		s->type = v;
		break;
	case FIELD_COLUMNS:
		s->columns = v;
		break;
	case FIELD_ROWS:
		s->rows = v;
		break;
	case FIELD_RESOURCE:
		s->resource = v;
		break;
	case FIELD_IMAGE:
		s->image = v;
		break;
	case FIELD_KTY:
		s->kty = v;
		break;
	case FIELD_COMMAND:
		s->words[s->words[0] != JSON_NONE] = v;
		break;
	case FIELD_OBJECT:
	case FIELD_OLD_OBJECT:
		s->object = v;
		break;
	default:
		break;
	}
}

/* With the key twice, a kind that says Secret wins. */
static void note_kind(struct mask_frame *f, struct mask_shape *s, json_ref v)
{
	if (s->kind == JSON_NONE || mask_string_is(f, v, SPAN("Secret")) ||
		mask_string_is(f, v, SPAN("SecretList")))
		s->kind = v;
}

void mask_read_shape(struct mask_frame *f, json_ref obj, struct mask_shape *ret)
{
	uint32_t i = 0;
	bool named = false;

	ret->kind = ret->api_version = ret->value = ret->op = ret->path = JSON_NONE;
	ret->data = ret->string_data = ret->type = ret->columns = ret->rows = JSON_NONE;
	ret->resource = ret->object = ret->image = ret->kty = ret->words[0] = ret->words[1] =
		JSON_NONE;
	ret->value_class = NAME_PLAIN;
	json_foreach_member (k, f->doc, obj) {
		struct mask_name name = mask_key_name(f, k);

		if (i < MASK_SHAPE_NAMES)
			ret->names[i++] = name;
		if (name.field == FIELD_KIND)
			note_kind(f, ret, k + 1);
		else if (name.field == FIELD_NAME)
			named = true;
		else if (name.field != FIELD_NONE)
			note(ret, name.field, k + 1);
	}
	if (ret->value == JSON_NONE || !(named || ret->path != JSON_NONE))
		return;
	i = 0;
	json_foreach_member (k, f->doc, obj) {
		struct mask_name name = i < MASK_SHAPE_NAMES ? ret->names[i] : mask_key_name(f, k);

		i++;
		if (name.field == FIELD_NAME || name.field == FIELD_PATH)
			note_name(f, k + 1, ret);
	}
}
