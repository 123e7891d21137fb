/* SPDX-License-Identifier: Apache-2.0 */
/* Writing JSON text: small documents of our own, and a tape's text with some values replaced. */
#include "common/base/utf8.h"
#include "common/json/json.h"
#include "common/json/json_scan.h"

static void put_escaped(struct buf *out, unsigned char c)
{
	static const char short_form[] = "\"\"\\\\\bb\ff\nn\rr\tt";

	for (const char *p = short_form; *p; p += 2) {
		if ((unsigned char)*p == c) {
			buf_add_char(out, '\\');
			buf_add_char(out, p[1]);
			return;
		}
	}
	buf_printf(out, "\\u%04x", c);
}

void json_put_string(struct buf *out, struct span s)
{
	const char *p = s.ptr, *from = p, *end = p + s.len;

	buf_add_char(out, '"');
	while ((p = skip_plain(p, end)) < end) {
		size_t n = utf8_sequence(p, end);

		if (n > 1) {
			p += n;
			continue;
		}
		buf_add(out, from, (size_t)(p - from));
		if (n == 0)
			buf_add_str(out, "\xef\xbf\xbd");
		else
			put_escaped(out, (unsigned char)*p);
		from = ++p;
	}
	buf_add(out, from, (size_t)(end - from));
	buf_add_char(out, '"');
}

void json_put_key(struct buf *out, const char *key)
{
	if (out->len > 0 && out->ptr[out->len - 1] != '{')
		buf_add_char(out, ',');
	json_put_string(out, span_of(key));
	buf_add_char(out, ':');
}

void json_put_int(struct buf *out, int64_t v)
{
	buf_printf(out, "%lld", (long long)v);
}

void json_put_edited(struct buf *out, const struct json_doc *d, json_ref root,
	const struct json_edit *edits, size_t edit_count)
{
	struct span whole = json_text(d, root);
	const char *p = whole.ptr;
	json_ref from = root;

	for (size_t i = 0; i < edit_count; i++) {
		struct span old;

		if (edits[i].ref < from) /* before root, or inside the value just replaced */
			continue;
		if (edits[i].ref >= d->nodes[root].next)
			break;
		old = json_text(d, edits[i].ref);
		buf_add(out, p, (size_t)(old.ptr - p));
		buf_add_span(out, edits[i].text);
		p = old.ptr + old.len;
		from = d->nodes[edits[i].ref].next;
	}
	buf_add(out, p, (size_t)(whole.ptr + whole.len - p));
}
