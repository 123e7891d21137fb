/*
 * A request that stays suspended for long, made small: its arena goes, its body stays, compressed
 * when that is worth it. Ten thousand may wait at once, and what one of them holds counts that
 * often. The compressed body is kept until the end, so that to pack once more costs nothing and
 * leaves no holes in the heap.
 */
#include <lz4.h>

#include "common/http/http_internal.h"

#define COMPRESS_FROM 512
#define ON_STACK      ((size_t)16 << 10)

/* A body within the arena gets memory of its own. */
static int move_body_out(struct http_request *r)
{
	char *copy = malloc(r->body_len + 1);

	if (!copy)
		return -1;
	memcpy(copy, r->body, r->body_len + 1);
	r->body = copy;
	r->body_malloced = true;
	return 0;
}

/* Compresses the body where it stands: so its memory shrinks in place. */
static void compress_body(struct http_request *r)
{
	size_t bound = (size_t)LZ4_compressBound((int)r->body_len);
	char small[ON_STACK], *out = bound <= sizeof(small) ? small : malloc(bound);
	int n = out ? LZ4_compress_default(r->body, out, (int)r->body_len, (int)bound) : 0;
	char *shrunk;

	if (n > 0 && (size_t)n < r->body_len) {
		memcpy(r->body, out, (size_t)n);
		shrunk = realloc(r->body, (size_t)n);
		r->packed = shrunk ? shrunk : r->body;
		r->packed_len = (size_t)n;
		r->body = NULL;
		r->body_malloced = false;
	}
	if (out != small)
		free(out);
}

int http_request_pack(struct http_request *r)
{
	if (r->packed)
		r->body = NULL; /* in the arena: http_request_unpack() made it */
	else if (r->body && !r->body_malloced && move_body_out(r) != 0)
		return -1;
	else if (r->body && r->body_len >= COMPRESS_FROM && r->body_len <= LZ4_MAX_INPUT_SIZE)
		compress_body(r);
	r->path = (struct span){0};
	arena_release(r->arena);
	return 0;
}

int http_request_unpack(struct http_request *r)
{
	char *body;

	if (!r->packed)
		return 0;
	body = arena_alloc(r->arena, r->body_len + 1);
	if (!body || LZ4_decompress_safe(r->packed, body, (int)r->packed_len, (int)r->body_len) !=
			     (int)r->body_len)
		return -1;
	body[r->body_len] = '\0';
	r->body = body;
	return 0;
}
