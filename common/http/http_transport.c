/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How bytes of a TLS connection reach GnuTLS and leave it. By default an exchange costs two reads
 * (record header, record) and two writes (libmicrohttpd hands over head and body of an answer one
 * after the other), and each write wakes the client. Here a read takes what is there, and the head
 * waits for the body, so that an ordinary exchange is one read and one write.
 *
 * What was read too far stays in a buffer of the thread until another connection of that thread
 * needs it; only then is it copied into memory of its own. So an idle or suspended connection holds
 * no read buffer.
 */
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "common/http/http_internal.h"

#define STAGE_BYTES  20480 /* a whole TLS record, 16 KiB and overhead */
#define HELD_MAX     2048  /* a longer head is sent at once */
#define IOV_MAX_OURS 8

struct http_spill {
	size_t at, len;
	char data[];
};

static _Thread_local struct {
	struct http_conn *owner; /* whose bytes at..len are */
	uint64_t owner_id;	 /* the pointer may be another connection's by now */
	size_t at, len;
	char data[STAGE_BYTES];
} stage;

static bool owns_stage(const struct http_conn *c)
{
	return stage.at < stage.len && stage.owner == c && stage.owner_id == c->id;
}

/* ---- in ---- */

/* Moves what another connection left in the stage into its own memory. */
static int make_room(void)
{
	size_t len = stage.len - stage.at;
	if (len == 0)
		return 0;
	struct http_spill *s = malloc(sizeof(*s) + len);
	if (!s)
		return -1;
	memcpy(s->data, stage.data + stage.at, len);
	s->at = 0;
	s->len = len;
	stage.owner->spill = s;
	stage.at = stage.len = 0;
	return 0;
}

static size_t serve(
	struct http_conn *c, const char *data, size_t *at, size_t len, void *into, size_t wanted)
{
	size_t n = len - *at < wanted ? len - *at : wanted;
	memcpy(into, data + *at, n);
	*at += n;
	/* The first byte of a request starts its deadline. */
	if (!atomic_load_explicit(&c->busy, memory_order_relaxed) &&
		atomic_load_explicit(&c->deadline_us, memory_order_relaxed) == 0)
		http_conn_set_deadline(c);
	return n;
}

static ssize_t pull(gnutls_transport_ptr_t arg, void *into, size_t wanted)
{
	struct http_conn *c = arg;

	if (c->spill) {
		size_t n = serve(c, c->spill->data, &c->spill->at, c->spill->len, into, wanted);
		if (c->spill->at == c->spill->len)
			free(TAKE_PTR(c->spill));
		return (ssize_t)n;
	}
	if (!owns_stage(c)) {
		if (make_room() < 0) {
			errno = ENOMEM; /* ends this connection, not the other one */
			return -1;
		}
		ssize_t n = recv(c->fd, stage.data, sizeof(stage.data), 0);
		if (n <= 0)
			return n;
		stage.owner = c;
		stage.owner_id = c->id;
		stage.at = 0;
		stage.len = (size_t)n;
		if (c->first_byte == 0)
			c->first_byte = (unsigned char)stage.data[0];
	}
	return (ssize_t)serve(c, stage.data, &stage.at, stage.len, into, wanted);
}

/* ---- out ---- */

static size_t iov_bytes(const giovec_t *iov, int count)
{
	size_t n = 0;
	for (int i = 0; i < count; i++)
		n += iov[i].iov_len;
	return n;
}

/* Keeps an answer's head back. False: too long, or no memory. */
static bool hold_back(struct http_conn *c, const giovec_t *iov, int count)
{
	size_t len = iov_bytes(iov, count), at = 0;
	char *copy = len <= HELD_MAX ? arena_alloc(c->held_arena, len) : NULL;

	if (!copy)
		return false;
	for (int i = 0; i < count; i++) {
		memcpy(copy + at, iov[i].iov_base, iov[i].iov_len);
		at += iov[i].iov_len;
	}
	c->held = (struct span){copy, len};
	return true;
}

static ssize_t send_vector(struct http_conn *c, const giovec_t *iov, int count)
{
	struct iovec all[IOV_MAX_OURS + 1];
	struct msghdr m = {.msg_iov = all};

	if (c->held.len > 0)
		all[m.msg_iovlen++] = (struct iovec){(void *)(uintptr_t)c->held.ptr, c->held.len};
	for (int i = 0; i < count && i < IOV_MAX_OURS; i++)
		all[m.msg_iovlen++] = (struct iovec){iov[i].iov_base, iov[i].iov_len};
	ssize_t n = sendmsg(c->fd, &m, MSG_NOSIGNAL);
	if (n < 0 || c->held.len == 0)
		return n;
	if ((size_t)n < c->held.len) {
		c->held.ptr += n;
		c->held.len -= (size_t)n;
		errno = EAGAIN;
		return -1;
	}
	n -= (ssize_t)c->held.len;
	c->held = (struct span){0};
	if (n > 0)
		return n;
	errno = EAGAIN; /* the head went out, nothing of the rest did */
	return -1;
}

static ssize_t push(gnutls_transport_ptr_t arg, const giovec_t *iov, int count)
{
	struct http_conn *c = arg;

	if (c->body_follows) {
		c->body_follows = false;
		if (hold_back(c, iov, count))
			return (ssize_t)c->held.len;
	}
	return send_vector(c, iov, count);
}

/*
 * What libmicrohttpd 0.9.75 refuses by itself while it reads a head (a length that is none, no
 * Host) it answers with two heads in one write: it builds a second where it has queued the first.
 * As gnutls_handshake() in http_handshake.c, this stands before the library's.
 */
static bool is_one_head_twice(const char *data, size_t len)
{
	static const char begin[] = "HTTP/1.", end[] = "\r\n\r\n";
	const size_t half = len / 2;

	return len % 2 == 0 && half > sizeof(begin) + sizeof(end) &&
	       memcmp(data + half, begin, sizeof(begin) - 1) == 0 &&
	       memcmp(data + half - (sizeof(end) - 1), end, sizeof(end) - 1) == 0 &&
	       memcmp(data, data + half, half) == 0;
}

typedef ssize_t (*record_send_fn)(gnutls_session_t, const void *, size_t);

static record_send_fn library_record_send(void)
{
	static _Atomic(record_send_fn) found;
	record_send_fn fn = atomic_load_explicit(&found, memory_order_relaxed);

	if (!fn) {
		fn = (record_send_fn)(uintptr_t)dlsym(RTLD_NEXT, "gnutls_record_send");
		atomic_store(&found, fn);
	}
	return fn;
}

ssize_t gnutls_record_send(gnutls_session_t session, const void *data, size_t len)
{
	record_send_fn fn = library_record_send();
	ssize_t n;

	if (!fn)
		return GNUTLS_E_UNIMPLEMENTED_FEATURE;
	if (!data || !is_one_head_twice(data, len) || !http_conn_of(session))
		return fn(session, data, len);
	n = fn(session, data, len / 2);
	return n == (ssize_t)(len / 2) ? (ssize_t)len : n;
}

/* ---- */

void http_transport_adopt(struct http_conn *c, gnutls_session_t session)
{
	gnutls_transport_set_ptr(session, c);
	gnutls_transport_set_pull_function(session, pull);
	gnutls_transport_set_vec_push_function(session, push);
}

void http_transport_expect_body(struct http_conn *c, struct arena *arena)
{
	c->held_arena = arena;
	c->body_follows = true;
}

void http_transport_end_request(struct http_conn *c)
{
	/* Not with the libmicrohttpd we know: it would have sent head and body in one. */
	if (c->held.len > 0 &&
		send(c->fd, c->held.ptr, c->held.len, MSG_NOSIGNAL) != (ssize_t)c->held.len)
		shutdown(c->fd, SHUT_RDWR);
	c->body_follows = false;
	c->held = (struct span){0};
	c->held_arena = NULL;
}

void http_transport_end(struct http_conn *c)
{
	if (owns_stage(c))
		stage.at = stage.len = 0;
	free(TAKE_PTR(c->spill));
}
