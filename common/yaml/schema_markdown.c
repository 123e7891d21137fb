/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of fields as Markdown, for the documentation; see schema.h. */
#include "common/yaml/schema.h"

#include "common/base/flags_value.h"

#include <ctype.h>
#include <inttypes.h>

#define KINDS_MAX 64

/* To the heading of that name, which what shows Markdown knows in lower case. */
static void put_link(struct buf *out, const char *name)
{
	buf_printf(out, "[%s](#", name);
	for (; *name; name++)
		buf_add_char(out, (char)tolower((unsigned char)*name));
	buf_add_char(out, ')');
}

static void put_type(struct buf *out, const struct field *f)
{
	static const char *const names[] = {
		[FIELD_STRING] = "string",
		[FIELD_BOOL] = "true, false",
		[FIELD_INT] = "integer",
		[FIELD_DURATION] = "duration",
		[FIELD_ENUM] = "one of",
		[FIELD_STRINGS] = "list of strings",
		[FIELD_OBJECT] = "",
		[FIELD_OBJECTS] = "list of ",
		[FIELD_EXPRESSION] = "CEL",
		[FIELD_EXPRESSIONS] = "list of CEL",
		[FIELD_ANY] = "any value",
		[FIELD_LABELS] = "strings by name",
	};
	buf_add_str(out, names[f->type]);
	if (f->of)
		put_link(out, f->of->name);
	if (f->type == FIELD_INT)
		buf_printf(out, ", %" PRId64 " to %" PRId64, f->min, f->max);
	if (f->type == FIELD_DURATION) {
		buf_add_str(out, ", ");
		duration_put(out, f->min);
		buf_add_str(out, " to ");
		duration_put(out, f->max);
	}
	for (const struct choice *o = f->choices; o && o->name; o++)
		buf_printf(out, "%s`%s`", o == f->choices ? " " : ", ", o->name);
}

static void put_default(struct buf *out, const struct field *f)
{
	if (f->required) {
		buf_add_str(out, "required");
		return;
	}
	if (f->type == FIELD_INT)
		buf_printf(out, "`%" PRId64 "`", f->def);
	else if (f->type == FIELD_BOOL)
		buf_add_str(out, f->def ? "`true`" : "`false`");
	else if (f->type == FIELD_DURATION && f->def) {
		buf_add_char(out, '`');
		duration_put(out, f->def);
		buf_add_char(out, '`');
	}
	for (const struct choice *o = f->choices; o && o->name; o++)
		if (o->value == f->def)
			buf_printf(out, "`%s`", o->name);
}

static void put_choices(struct buf *out, const struct field *f)
{
	const struct choice *o = f->choices;
	if (!o || !o->doc)
		return;
	buf_printf(out, "\n`%s`:\n\n", f->name);
	for (; o->name; o++)
		if (o->doc)
			buf_printf(out, "- `%s`: %s\n", o->name, o->doc);
}

static void put_kind(struct buf *out, const struct kind *kind)
{
	buf_printf(out, "\n### %s\n\n%s\n\n| field | type | default | |\n|---|---|---|---|\n",
		kind->name, kind->doc);
	for (const struct field *f = kind->fields; f->name; f++) {
		buf_printf(out, "| `%s` | ", f->name);
		put_type(out, f);
		buf_add_str(out, " | ");
		put_default(out, f);
		buf_printf(out, " | %s |\n", f->doc);
	}
	for (const struct field *f = kind->fields; f->name; f++)
		put_choices(out, f);
}

struct kinds {
	const struct kind *seen[KINDS_MAX];
	size_t count;
};

static void put_kinds(struct buf *out, const struct kind *kind, struct kinds *done)
{
	for (size_t i = 0; i < done->count; i++)
		if (done->seen[i] == kind)
			return;
	if (done->count < KINDS_MAX)
		done->seen[done->count++] = kind;
	put_kind(out, kind);
	for (const struct field *f = kind->fields; f->name; f++)
		if (f->of)
			put_kinds(out, f->of, done);
}

void schema_put_markdown(struct buf *out, const struct kind *kind)
{
	struct kinds done = {.count = 0};
	put_kinds(out, kind, &done);
}
