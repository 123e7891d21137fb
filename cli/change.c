/* See change.h. */
#include "cli/change.h"

#include "cli/pretty.h"
#include "cli/table.h"
#include "common/json/json.h"

#define LINES_MAX 200 /* of one value; the rest is there with -o json */

struct printer {
	FILE *out;
	const struct json_doc *doc;
	struct arena *arena;
};

static void print_line(const struct printer *p, char sign, struct span text)
{
	_cleanup_(buf_free) struct buf b = BUF_INIT(1 << 20);
	enum colour c = sign == '+' ? COLOUR_GREEN : sign == '-' ? COLOUR_RED : COLOUR_NONE;

	for (size_t i = 0; i < text.len && text.ptr[i] == ' '; i++)
		buf_add_char(&b, ' ');
	put_printable(&b, (struct span){text.ptr + b.len, text.len - b.len});
	fprintf(p->out, "%s%c %s%s\n", colour_on(c, p->out), sign,
		buf_str(&b) ? b.ptr : "(too long)", colour_off(p->out));
}

static void print_lines(const struct printer *p, char sign, const char *text)
{
	for (unsigned n = 0; *text; n++) {
		size_t len = strcspn(text, "\n");

		if (n == LINES_MAX) {
			print_line(p, sign, SPAN("… and more: see it whole with -o json"));
			return;
		}
		print_line(p, sign, (struct span){text, len});
		text += len + (text[len] == '\n');
	}
}

/* The value's JSON, indented when it has an inside. */
static void print_value(const struct printer *p, char sign, struct span path, json_ref value)
{
	_cleanup_(buf_free) struct buf b = BUF_INIT(4 << 20);
	struct span text = json_text(p->doc, value);
	char *copy = NULL;

	if (path.len > 0)
		buf_printf(&b, "%.*s: ", SPAN_FMT(path));
	if (json_node(p->doc, value)->count > 0)
		copy = arena_strndup(p->arena, text.ptr, text.len);
	if (!copy || put_pretty_json(&b, copy) < 0)
		buf_add_span(&b, text);
	print_lines(p, sign, buf_str(&b) ? b.ptr : "(too large to show)");
}

static void print_difference(const struct printer *p, json_ref change)
{
	struct span path = json_string(p->doc, json_get_str(p->doc, change, "path"), p->arena);
	json_ref old = json_get_str(p->doc, change, "old");
	json_ref new = json_get_str(p->doc, change, "new");
	json_ref order = json_get_str(p->doc, change, "order");

	if (old != JSON_NONE)
		print_value(p, '-', path, old);
	if (new != JSON_NONE)
		print_value(p, '+', path, new);
	if (order != JSON_NONE)
		print_value(
			p, '~', arena_printf(p->arena, "%.*s, new order", SPAN_FMT(path)), order);
}

static void print_document(const struct printer *p)
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
		print_value(p, is_delete ? '-' : '+', SPAN(""), object);
	if (options != JSON_NONE)
		print_value(p, '+', SPAN(""), options);
	if (json_int64(d, json_get_str(d, JSON_ROOT, "omitted"), &omitted) == 0 && omitted > 0)
		fprintf(p->out, "… and %lld more differences\n", (long long)omitted);
}

void print_change(FILE *out, struct span change)
{
	static const struct json_limits limits = {
		.max_bytes = 1 << 20, .max_depth = 1000, .max_nodes = 1 << 17};
	_cleanup_(arena_freep) struct arena *arena = arena_new(1 << 16, 64 << 20);
	struct json_doc doc;
	struct printer p = {.out = out, .doc = &doc, .arena = arena};

	if (arena && json_read(change.ptr, change.len, &limits, arena, &doc, NULL) == 0 &&
		json_type(&doc, JSON_ROOT) == JSON_OBJECT)
		print_document(&p);
	else
		print_line(&p, ' ', change);
}
