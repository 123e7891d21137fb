/* SPDX-License-Identifier: Apache-2.0 */
/* See change.h. */
#include "cli/change.h"

#include "cli/command.h"
#include "cli/table.h"
#include "common/json/json.h"

#define LINES_MAX 200	    /* of one value; the rest is there with -o json */
#define SHOWN_MAX (8 << 20) /* bytes of one value */

struct printer {
	FILE *out;
	const struct json_doc *doc;
	bool too_large; /* a value could not be shown */
};

static void print_line(const struct printer *p, char sign, struct span text)
{
	enum colour c = sign == '+' ? COLOUR_GREEN : sign == '-' ? COLOUR_RED : COLOUR_NONE;

	fprintf(p->out, "%s%c ", colour_on(c, p->out), sign);
	fwrite(text.ptr, 1, text.len, p->out);
	fprintf(p->out, "%s\n", colour_off(p->out));
}

static void print_lines(const struct printer *p, char sign, struct span text)
{
	for (unsigned n = 0; text.len > 0; n++) {
		const char *end = memchr(text.ptr, '\n', text.len);
		size_t len = end ? (size_t)(end - text.ptr) : text.len;

		if (n == LINES_MAX) {
			print_line(p, sign, SPAN("… and more: see it whole with -o json"));
			return;
		}
		print_line(p, sign, (struct span){text.ptr, len});
		len += end != NULL;
		text = (struct span){text.ptr + len, text.len - len};
	}
}

/* path: the string that names the place, or JSON_NONE. */
static void print_value(
	struct printer *p, char sign, json_ref path, const char *note, json_ref value)
{
	_cleanup_(buf_free) struct buf b = BUF_INIT(SHOWN_MAX);

	if (path != JSON_NONE) {
		json_put_shown_string(&b, p->doc, path);
		buf_printf(&b, "%s: ", note);
	}
	json_put_shown(&b, p->doc, value);
	if (b.failed)
		p->too_large = true;
	else
		print_lines(p, sign, buf_span(&b));
}

/* ", after \"web\"": what beside the value makes the change of a list. */
static void put_place(struct buf *out, const struct json_doc *d, json_ref change)
{
	json_ref place = json_get_str(d, change, "place"), after = json_get_str(d, change, "after");

	if (json_string_is(d, place, SPAN("start")))
		buf_add_str(out, ", at the start");
	else if (json_string_is(d, place, SPAN("end")))
		buf_add_str(out, ", at the end");
	else if (place != JSON_NONE || after != JSON_NONE) {
		buf_add_str(out, ", after ");
		json_put_shown(out, d, after != JSON_NONE ? after : place);
	}
}

static void print_difference(struct printer *p, json_ref change)
{
	json_ref path = json_get_str(p->doc, change, "path");
	json_ref old = json_get_str(p->doc, change, "old");
	json_ref new = json_get_str(p->doc, change, "new");
	json_ref order = json_get_str(p->doc, change, "order");
	_cleanup_(buf_free) struct buf place = BUF_INIT(SHOWN_MAX);

	put_place(&place, p->doc, change);
	if (old != JSON_NONE)
		print_value(p, '-', path, "", old);
	if (new != JSON_NONE)
		print_value(p, '+', path, cli_text(&place), new);
	if (order != JSON_NONE)
		print_value(p, '~', path, ", new order", order);
}

static void print_document(struct printer *p)
{
	const struct json_doc *d = p->doc;
	json_ref changes = json_get_str(d, JSON_ROOT, "changes");
	json_ref object = json_get_str(d, JSON_ROOT, "object");
	json_ref options = json_get_str(d, JSON_ROOT, "options");
	bool is_delete = json_string_is(d, json_get_str(d, JSON_ROOT, "operation"), SPAN("DELETE"));
	int64_t omitted = 0;

	json_foreach (change, d, changes)
		print_difference(p, change);
	if (object != JSON_NONE)
		print_value(p, is_delete ? '-' : '+', JSON_NONE, "", object);
	if (options != JSON_NONE)
		print_value(p, '+', JSON_NONE, "", options);
	if (json_int64(d, json_get_str(d, JSON_ROOT, "omitted"), &omitted) == 0 && omitted > 0)
		fprintf(p->out, "… and %lld more differences\n", (long long)omitted);
}

int change_read(struct span change, struct arena *arena, struct json_doc *ret, struct err *e)
{
	static const struct json_limits limits = {
		.max_bytes = 1 << 20, .max_depth = 1000, .max_nodes = 1 << 17};
	struct json_error je;

	if (json_read(change.ptr, change.len, &limits, arena, ret, &je) < 0)
		return json_error_to_err(&je, e);
	if (json_type(ret, JSON_ROOT) != JSON_OBJECT)
		return err_set(e, "it is no JSON object");
	return 0;
}

int change_print(FILE *out, struct span change, bool cut, struct err *e)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new(1 << 16, 64 << 20);
	struct json_doc doc;
	struct printer p = {.out = out, .doc = &doc};
	int rc;

	fputs("\nChange (secrets masked):\n", out);
	rc = arena ? change_read(change, arena, &doc, e) : err_set(e, "out of memory");
	if (rc == 0) {
		print_document(&p);
		if (cut)
			fputs("… cut here: too large to keep whole; the approval covers all of "
			      "it\n",
				out);
		rc = p.too_large ? err_set(e, "a value is too large") : 0;
	}
	if (rc < 0) {
		fputs("CANNOT BE SHOWN: ", out);
		print_printable(out, e->msg);
		fputs("\nDo not approve what you cannot see. The stored text: -o json\n", out);
	}
	return rc;
}
