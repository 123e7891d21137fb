/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The head of a request, read so that no two readers can disagree on it: how long the body is, and
 * where the next request begins. What RFC 9112 lets a server repair (folded lines, lines that end
 * in a bare LF, space before a colon) is refused, since a proxy before us may repair it otherwise.
 *
 * libmicrohttpd 0.9.75 (Debian 12) repairs all of that and tells nobody. But it parses in place:
 * names and values are pointers into the bytes that came, with nothing but line ends between them.
 * So a head is as it should be when what is said of it lies there without a gap. Later versions
 * refuse such requests themselves.
 */
#include <ctype.h>
#include <stdio.h>
#include <strings.h>

#include "common/http/http_internal.h"

#define LINE_END 2 /* CR and LF */

struct head_reader {
	struct http_framing *framing;
	bool check_layout;
	const char *line; /* where the next line must begin */
	bool bad_layout, bad_name, bad_value;
	unsigned hosts, content_types;
	struct span coding;
};

bool http_head_shows_repairs(void)
{
	return strcmp(MHD_get_version(), "0.9.75") == 0;
}

static bool name_is(struct span name, const char *wanted)
{
	return name.len == strlen(wanted) && strncasecmp(name.ptr, wanted, name.len) == 0;
}

/*
 * RFC 9110, 5.6.2: letters, digits and !#$%&'*+-.^_`|~, one bit a character. Every byte of every
 * head is looked up here: a table costs a sixth of isalnum() and strchr().
 */
static const uint32_t token_characters[8] = {0, 0x03ff6cfa, 0xc7fffffe, 0x57ffffff};

static bool is_token(struct span s)
{
	uint32_t all = 1;

	for (size_t i = 0; i < s.len; i++) {
		const unsigned char c = (unsigned char)s.ptr[i];
		all &= token_characters[c >> 5] >> (c & 31);
	}
	return s.len > 0 && all;
}

static bool has_control_character(struct span s)
{
	bool found = false;

	for (size_t i = 0; i < s.len; i++) {
		const unsigned char c = (unsigned char)s.ptr[i];
		found |= (c < ' ' && c != '\t') || c == 0x7f;
	}
	return found;
}

static void read_length(struct http_framing *f, struct span value)
{
	f->content_lengths++;
	f->length = 0;
	f->length_bad |= value.len == 0 || value.len > 18;
	for (size_t i = 0; i < value.len && !f->length_bad; i++) {
		f->length_bad = !isdigit((unsigned char)value.ptr[i]);
		f->length = f->length * 10 + (uint64_t)(value.ptr[i] - '0');
	}
}

static enum MHD_Result read_header(void *arg, enum MHD_ValueKind kind, const char *name_at,
	size_t name_len, const char *value_at, size_t value_len)
{
	struct head_reader *h = arg;
	struct http_framing *f = h->framing;
	const struct span name = {name_at, name_len}, value = {value_at ? value_at : "", value_len};
	(void)kind;

	h->bad_layout |= name_at != h->line || value_at <= name_at + name_len;
	h->line = value_at + value_len + LINE_END;
	h->bad_name |= !is_token(name);
	h->bad_value |= has_control_character(value);
	if (name_is(name, "content-length")) {
		read_length(f, value);
	} else if (name_is(name, "transfer-encoding")) {
		f->transfer_encodings++;
		h->coding = value;
	} else if (name_is(name, "content-type")) {
		f->content_type = value;
		h->content_types++;
	} else if (name_is(name, "content-encoding")) {
		if (value.len > 0 && !name_is(value, "identity"))
			f->content_encoding = value;
	} else if (name_is(name, "host")) {
		h->hosts++;
	}
	return MHD_YES;
}

/* Does the blank line follow the last header, and is that the head's end? */
static bool ends_as_it_should(
	const struct head_reader *h, struct MHD_Connection *mhd, const char *method)
{
	const union MHD_ConnectionInfo *size =
		MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);

	return size && h->line + LINE_END == method + size->header_size;
}

const char *http_head_read(struct MHD_Connection *mhd, const char *method, const char *url,
	const char *version, struct http_framing *ret)
{
	struct head_reader h = {.framing = ret,
		.check_layout = http_head_shows_repairs(),
		.bad_layout = url != method + strlen(method) + 1,
		.line = version + strlen(version) + LINE_END};
	const bool old = strcmp(version, MHD_HTTP_VERSION_1_0) == 0;

	MHD_get_connection_values_n(mhd, MHD_HEADER_KIND, read_header, &h);
	ret->last = old || ret->transfer_encodings > 0;
	if (!old && strcmp(version, MHD_HTTP_VERSION_1_1) != 0)
		return "unknown version of HTTP";
	if (h.bad_name)
		return "a header's name holds what it may not";
	if (h.check_layout && (h.bad_layout || !ends_as_it_should(&h, mhd, method)))
		return "a line of the head is folded, has a space too many, or does not end in CR "
		       "LF";
	if (h.bad_value)
		return "a header's value holds a control character";
	if (h.hosts > 1 || (h.hosts == 0 && !old))
		return "there must be one Host";
	if (h.content_types > 1)
		return "there must be one Content-Type";
	if (ret->content_lengths + ret->transfer_encodings > 1 || ret->length_bad ||
		(old && ret->transfer_encodings > 0))
		return "ambiguous length of the body";
	if (ret->transfer_encodings > 0 && !name_is(h.coding, "chunked"))
		return "unknown Transfer-Encoding";
	return NULL;
}
