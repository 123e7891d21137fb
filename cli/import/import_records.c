/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/import/import_records.h"

#include "cli/import/import_source.h"
#include "common/base/crypto.h"
#include "common/base/rfc3339.h"

#define WINDOW_MIN ((size_t)1 << 20)

/* The bytes at..len of the window are still to be read; all of it when the text is in memory. */
struct import_records {
	struct import_source *source; /* NULL: the text is all in memory */
	char *window;
	const char *bytes; /* the window, or the text in memory */
	size_t at, len, cap;
	bool ended;
	uint64_t base; /* of the window's first byte in the log */
	uint64_t line; /* on which `at` is */
	struct sha256 *hash;
	struct buf joined; /* what a container runtime had split */
};

static const struct json_limits limits = {.max_bytes = IMPORT_RECORD_MAX,
	.max_depth = 10000,
	.max_nodes = 8u << 20,
	.allow_lone_surrogates = true,
	.allow_duplicate_keys = true};

struct import_records *import_records_new(struct import_source *source)
{
	_cleanup_(import_records_freep) struct import_records *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->window = malloc(WINDOW_MIN);
	r->hash = sha256_new();
	if (!r->window || !r->hash)
		return NULL;
	r->bytes = r->window;
	r->cap = WINDOW_MIN;
	r->source = source;
	r->line = 1;
	r->joined = BUF_INIT(IMPORT_RECORD_MAX);
	return TAKE_PTR(r);
}

struct import_records *import_records_of(struct span text)
{
	struct import_records *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->bytes = text.ptr;
	r->len = text.len;
	r->ended = true;
	r->line = 1;
	r->joined = BUF_INIT(IMPORT_RECORD_MAX);
	return r;
}

void import_records_free(struct import_records *r)
{
	if (!r)
		return;
	free(r->window);
	sha256_free(r->hash);
	buf_free(&r->joined);
	free(r);
}

/* ---- the window ---- */

/* Drops what was read, then reads some more behind the rest. *ret_full: there is no room. */
static int fill(struct import_records *r, bool *ret_full, struct err *e)
{
	ssize_t n;

	if (r->at > 0) {
		memmove(r->window, r->window + r->at, r->len - r->at);
		r->len -= r->at;
		r->base += r->at;
		r->at = 0;
	}
	if (r->len == r->cap) {
		const size_t cap = r->cap < WINDOW_MIN ? WINDOW_MIN : r->cap * 2;
		char *larger = cap <= IMPORT_RECORD_MAX ? realloc(r->window, cap) : NULL;

		*ret_full = !larger;
		if (!larger)
			return 0;
		r->window = larger;
		r->bytes = larger;
		r->cap = cap;
	}
	n = import_source_read(r->source, r->window + r->len, r->cap - r->len, e);
	if (n < 0)
		return -1;
	r->ended = n == 0;
	r->len += (size_t)n;
	return 0;
}

static int need_more(struct import_records *r, struct err *e)
{
	bool full = false;

	if (fill(r, &full, e) < 0)
		return -1;
	return full ? err_set(e, "line %llu: a record of more than %zu MiB",
			      (unsigned long long)r->line, r->cap >> 20)
		    : 0;
}

/* Moves on behind n bytes. */
static void pass(struct import_records *r, size_t n)
{
	const char *p = r->bytes + r->at, *end = p + n;

	if (r->hash)
		sha256_add(r->hash, p, n);
	while ((p = memchr(p, '\n', (size_t)(end - p)))) {
		r->line++;
		p++;
	}
	r->at += n;
}

/* Between records: white space, the comma of a list that was cut out, the mark of UTF-8. */
static size_t gap(const struct import_records *r)
{
	static const char mark[] = "\xef\xbb\xbf";
	const char *p = r->bytes + r->at;
	const size_t left = r->len - r->at;
	size_t n = 0;

	while (n < left) {
		if (memchr(" \t\r\n,", p[n], 5))
			n++;
		else if (left - n >= 3 && memcmp(p + n, mark, 3) == 0)
			n += 3;
		else
			break;
	}
	return n;
}

static int pass_gap(struct import_records *r, struct err *e)
{
	for (;;) {
		pass(r, gap(r));
		/* Three bytes and more: else a mark may be cut in two. */
		if (r->ended || r->len - r->at >= 3)
			return 0;
		if (need_more(r, e) < 0)
			return -1;
	}
}

/* ---- records ---- */

static struct span rest(const struct import_records *r)
{
	return (struct span){r->bytes + r->at, r->len - r->at};
}

/* The line at `at`, as far as it is there; *ret_whole: with its end. */
static struct span line_here(const struct import_records *r, bool *ret_whole)
{
	struct span s = rest(r);
	const char *end = memchr(s.ptr, '\n', s.len);

	*ret_whole = end != NULL;
	if (end)
		s.len = (size_t)(end - s.ptr);
	return s;
}

/* May an error at this place be due to bytes that are still to come? Only on the last line. */
static bool may_go_on(const struct import_records *r, size_t offset)
{
	struct span s = rest(r);

	return !r->ended && !memchr(s.ptr + offset, '\n', s.len - offset);
}

static int take_line(struct import_records *r, enum import_record_kind kind,
	struct import_record *ret, struct err *e)
{
	bool whole;
	struct span line = line_here(r, &whole);

	while (!whole && !r->ended) {
		if (need_more(r, e) < 0)
			return -1;
		line = line_here(r, &whole);
	}
	while (line.len > 0 && line.ptr[line.len - 1] == '\r')
		line.len--;
	ret->kind = kind;
	ret->text = line;
	ret->ends_log = !whole;
	return 0;
}

/*
 * "2026-11-26T10:00:00.01Z stdout P …", as container runtimes write lines (Kubernetes' CRI): what
 * follows, and whether the next line goes on with it.
 */
static bool is_cri(struct span line, struct span *ret_content, bool *ret_partial)
{
	const char *p = line.ptr, *end = line.ptr + line.len, *space = memchr(p, ' ', line.len);
	struct rfc3339 time;

	if (!space || rfc3339_parse((struct span){p, (size_t)(space - p)}, &time) < 0)
		return false;
	p = space + 1;
	if (end - p < 9 || (memcmp(p, "stdout ", 7) != 0 && memcmp(p, "stderr ", 7) != 0))
		return false;
	p += 7;
	space = memchr(p, ' ', (size_t)(end - p));
	if ((*p != 'P' && *p != 'F') || !space)
		return false;
	*ret_partial = *p == 'P';
	*ret_content = (struct span){space + 1, (size_t)(end - space - 1)};
	return true;
}

/* ret: a line. One that a container runtime wrote becomes what was said in it and in those that go
 * on with it. */
static int join_cri(struct import_records *r, struct import_record *ret, struct err *e)
{
	struct span content;
	bool partial;

	if (!is_cri(ret->text, &content, &partial))
		return 0;
	ret->is_cri = true;
	buf_reset(&r->joined);
	for (;;) {
		buf_add_span(&r->joined, content);
		if (r->joined.failed)
			return err_set(e, "line %llu: a record of more than %zu MiB",
				(unsigned long long)ret->line, IMPORT_RECORD_MAX >> 20);
		pass(r, ret->text.len);
		if (!partial)
			break;
		if (pass_gap(r, e) < 0)
			return -1;
		if (rest(r).len == 0) {
			ret->ends_log = true; /* the rest is still to come */
			break;
		}
		if (take_line(r, IMPORT_LINE, ret, e) < 0)
			return -1;
		if (!is_cri(ret->text, &content, &partial))
			break; /* the next record */
	}
	ret->text = buf_span(&r->joined);
	return 0;
}

static int take_json(
	struct import_records *r, struct arena *arena, struct import_record *ret, struct err *e)
{
	for (;;) {
		struct arena_mark mark = arena_mark(arena);
		struct span s = rest(r);

		if (json_read_value(s.ptr, s.len, &limits, arena, &ret->doc, &ret->why) == 0) {
			ret->kind = IMPORT_JSON;
			ret->text = (struct span){s.ptr, ret->doc.len};
			ret->ends_log = r->ended && ret->doc.len == s.len;
			return 0;
		}
		arena_rewind(arena, mark);
		if (ret->why.limit || !may_go_on(r, ret->why.offset))
			return take_line(r, IMPORT_BROKEN, ret, e);
		if (need_more(r, e) < 0)
			return -1;
	}
}

int import_records_next(
	struct import_records *r, struct arena *arena, struct import_record *ret, struct err *e)
{
	struct span s;
	int rc;

	*ret = (struct import_record){.kind = IMPORT_END};
	if (pass_gap(r, e) < 0)
		return -1;
	s = rest(r);
	ret->line = r->line;
	if (s.len == 0) {
		ret->from = ret->to = import_records_position(r);
		return 0;
	}
	rc = *s.ptr == '{' || *s.ptr == '[' ? take_json(r, arena, ret, e)
					    : take_line(r, IMPORT_LINE, ret, e);
	if (rc < 0)
		return -1;
	ret->from = import_records_position(r);
	if (ret->kind == IMPORT_LINE && join_cri(r, ret, e) < 0)
		return -1;
	if (!ret->is_cri)
		pass(r, ret->text.len);
	ret->to = import_records_position(r);
	return 0;
}

/* ---- where it is ---- */

void import_records_digest(const struct import_records *r, uint8_t ret[])
{
	sha256_peek(r->hash, ret);
}

uint64_t import_records_position(const struct import_records *r)
{
	return r->base + r->at;
}

int import_records_skip(struct import_records *r, uint64_t to, struct err *e)
{
	while (import_records_position(r) < to) {
		const uint64_t left = to - import_records_position(r);
		const size_t here = r->len - r->at;

		pass(r, here < left ? here : (size_t)left);
		if (r->at < r->len)
			return 0;
		if (r->ended)
			return err_set(e, "became shorter while it was read");
		if (need_more(r, e) < 0)
			return -1;
	}
	return 0;
}
