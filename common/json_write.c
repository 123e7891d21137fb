/* Writing JSON text: small documents of our own, and a tape's text with some values replaced. */
#include "common/json.h"

/* Length of the valid UTF-8 sequence at s[0], 0 if it is none. */
static size_t utf8_len(const unsigned char *s, size_t left)
{
	size_t n = s[0] < 0x80 ? 1 : s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;

	if (s[0] < 0x80)
		return 1;
	if (s[0] < 0xc2 || s[0] > 0xf4 || n > left)
		return 0;
	for (size_t i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	}
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
		(s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
		return 0;
	return n;
}

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
	const unsigned char *p = (const unsigned char *)s.ptr;
	size_t from = 0, i = 0;

	buf_add_char(out, '"');
	while (i < s.len) {
		size_t n = utf8_len(p + i, s.len - i);

		if (n > 0 && p[i] >= 0x20 && p[i] != '"' && p[i] != '\\') {
			i += n;
			continue;
		}
		buf_add(out, p + from, i - from);
		if (n == 0)
			buf_add_str(out, "\xef\xbf\xbd");
		else
			put_escaped(out, p[i]);
		from = ++i;
	}
	buf_add(out, p ? p + from : NULL, i - from);
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
