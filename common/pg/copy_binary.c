/* SPDX-License-Identifier: Apache-2.0 */
#include "common/pg/copy_binary.h"

#define TEXT_OID	 25
#define POSTGRES_EPOCH_S 946684800 /* 2000-01-01 as seconds since 1970 */

static void put_be16(struct buf *out, uint16_t v)
{
	v = __builtin_bswap16(v);
	buf_add(out, &v, sizeof(v));
}

static void put_be32(struct buf *out, uint32_t v)
{
	v = __builtin_bswap32(v);
	buf_add(out, &v, sizeof(v));
}

static void put_be64(struct buf *out, uint64_t v)
{
	v = __builtin_bswap64(v);
	buf_add(out, &v, sizeof(v));
}

struct span copy_header(void)
{
	/* The signature with its NUL, and no flags, and no extension: with the literal's own NUL.
	 */
	static const char header[] = "PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0";

	_Static_assert(sizeof(header) == 11 + 4 + 4, "signature, flags, length of the extension");
	return (struct span){header, sizeof(header)};
}

struct span copy_trailer(void)
{
	return SPAN("\xff\xff");
}

void copy_put_row(struct buf *out, unsigned fields)
{
	put_be16(out, (uint16_t)fields);
}

void copy_put_null(struct buf *out)
{
	put_be32(out, UINT32_MAX);
}

/* The text with every NUL, which PostgreSQL's text cannot hold, replaced. */
static void put_without_nul(struct buf *out, struct span text)
{
	size_t at = out->len;

	put_be32(out, 0);
	for (size_t i = 0; i < text.len; i++) {
		if (text.ptr[i] == '\0')
			buf_add_str(out, "\xef\xbf\xbd");
		else
			buf_add_char(out, text.ptr[i]);
	}
	if (!out->failed) {
		uint32_t len = __builtin_bswap32((uint32_t)(out->len - at - 4));

		memcpy(out->ptr + at, &len, sizeof(len));
	}
}

void copy_put_text(struct buf *out, struct span text)
{
	if (!text.ptr)
		copy_put_null(out);
	else if (text.len > 0 && memchr(text.ptr, '\0', text.len))
		put_without_nul(out, text);
	else
		copy_put_bytes(out, text.ptr, text.len);
}

void copy_put_bytes(struct buf *out, const void *data, size_t len)
{
	put_be32(out, (uint32_t)len);
	buf_add(out, data, len);
}

void copy_put_bool(struct buf *out, bool v)
{
	char c = v;

	copy_put_bytes(out, &c, 1);
}

void copy_put_int4(struct buf *out, int32_t v)
{
	put_be32(out, 4);
	put_be32(out, (uint32_t)v);
}

void copy_put_int8(struct buf *out, int64_t v)
{
	put_be32(out, 8);
	put_be64(out, (uint64_t)v);
}

void copy_put_time(struct buf *out, int64_t unix_us)
{
	copy_put_int8(out, unix_us - (int64_t)POSTGRES_EPOCH_S * 1000000);
}

/* A field's length, one dimension, no nulls, the element type, its size and lower bound. */
#define ARRAY_SIZE_AT 16

struct copy_array copy_array_begin(struct buf *out)
{
	struct copy_array a = {.at = out->len};

	put_be32(out, 0); /* the field's length: later */
	put_be32(out, 1); /* dimensions */
	put_be32(out, 0); /* no nulls in it */
	put_be32(out, TEXT_OID);
	put_be32(out, 0); /* its size: later */
	put_be32(out, 1); /* lower bound */
	return a;
}

void copy_array_add(struct buf *out, struct copy_array *a, struct span text)
{
	copy_put_text(out, text.ptr ? text : SPAN(""));
	a->count++;
}

void copy_array_add_parts(
	struct buf *out, struct copy_array *a, const struct span *parts, size_t count)
{
	size_t len = 0;

	for (size_t i = 0; i < count; i++)
		len += parts[i].len;
	put_be32(out, (uint32_t)len);
	for (size_t i = 0; i < count; i++)
		buf_add(out, parts[i].ptr, parts[i].len);
	a->count++;
}

void copy_array_end(struct buf *out, const struct copy_array *a)
{
	uint32_t v;

	if (out->failed)
		return;
	if (a->count == 0) { /* an empty array has no dimension: cut after the element type */
		out->len = a->at + ARRAY_SIZE_AT;
		memset(out->ptr + a->at + 4, 0, 4);
	} else {
		v = __builtin_bswap32(a->count);
		memcpy(out->ptr + a->at + ARRAY_SIZE_AT, &v, sizeof(v));
	}
	v = __builtin_bswap32((uint32_t)(out->len - a->at - 4));
	memcpy(out->ptr + a->at, &v, sizeof(v));
}

void copy_patch_int8(char *at, int64_t v)
{
	uint64_t be = __builtin_bswap64((uint64_t)v);

	memcpy(at, &be, sizeof(be));
}

/* ---- reading ---- */

static bool take_be32(struct span *s, uint32_t *ret)
{
	if (s->len < sizeof(*ret))
		return false;
	memcpy(ret, s->ptr, sizeof(*ret));
	*ret = __builtin_bswap32(*ret);
	s->ptr += sizeof(*ret);
	s->len -= sizeof(*ret);
	return true;
}

/* How many fields a row has; -1: not even that is there. */
static int take_field_count(struct span *s)
{
	uint16_t n;

	if (s->len < sizeof(n))
		return -1;
	memcpy(&n, s->ptr, sizeof(n));
	s->ptr += sizeof(n);
	s->len -= sizeof(n);
	return __builtin_bswap16(n);
}

static bool take_field(struct span *s, struct span *ret)
{
	uint32_t len;

	if (!take_be32(s, &len))
		return false;
	*ret = (struct span){NULL, 0};
	if (len == UINT32_MAX)
		return true;
	if (len > s->len)
		return false;
	*ret = (struct span){s->ptr, len};
	s->ptr += len;
	s->len -= len;
	return true;
}

bool copy_next_row(struct span *rest, struct span *ret_row)
{
	struct span at = *rest, field;

	for (int n = take_field_count(&at); n != 0; n--) {
		if (n < 0 || !take_field(&at, &field))
			return false;
	}
	*ret_row = (struct span){rest->ptr, rest->len - at.len};
	*rest = at;
	return true;
}

struct span copy_field(struct span row, unsigned field)
{
	struct span value = {NULL, 0};
	int n = take_field_count(&row);

	for (unsigned i = 0; i <= field; i++) {
		if ((int)i >= n || !take_field(&row, &value))
			return (struct span){NULL, 0};
	}
	return value;
}

unsigned copy_column(const char *columns, const char *name)
{
	size_t len = strlen(name);
	unsigned n = 0;

	for (const char *p = columns; *p; n++) {
		size_t word = strcspn(p, ",");

		if (word == len && memcmp(p, name, len) == 0)
			return n;
		p += word;
		p += strspn(p, ", ");
	}
	return n;
}

int32_t copy_int4(struct span field)
{
	uint32_t v;

	if (field.len != sizeof(v) || !take_be32(&field, &v))
		return -1;
	return (int32_t)v;
}
