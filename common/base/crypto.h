/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256, HMAC, random bytes, base64 and hex over OpenSSL. Threads: any; a hash context, one. */
#pragma once

#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/err.h"

#define SHA256_LEN 32

struct sha256; /* an incremental hash */

struct sha256 *sha256_new(void); /* NULL: no memory */
void sha256_free(struct sha256 *h);
DEFINE_CLEANUP(struct sha256 *, sha256_free)
void sha256_reset(struct sha256 *h);
void sha256_add(struct sha256 *h, const void *data, size_t len);
void sha256_finish(struct sha256 *h, uint8_t ret[SHA256_LEN]); /* needs sha256_reset() to go on */
/* Of what was added until now; more may be added. */
void sha256_peek(const struct sha256 *h, uint8_t ret[SHA256_LEN]);

void sha256_of(const void *data, size_t len, uint8_t ret[SHA256_LEN]);

void hmac_sha256(
	const void *key, size_t key_len, const void *data, size_t len, uint8_t ret[SHA256_LEN]);

/* An HMAC key prepared once for many short messages. */
struct hmac_key;
struct hmac_key *hmac_key_new(const void *key, size_t len); /* NULL: no memory */
void hmac_key_free(struct hmac_key *k);
DEFINE_CLEANUP(struct hmac_key *, hmac_key_free)
void hmac_key_sign(const struct hmac_key *k, const void *data, size_t len, uint8_t ret[SHA256_LEN]);

/* Aborts when the system has no randomness: nothing sensible can go on without. */
void random_bytes(void *ret, size_t len);
/* RFC 9562 version 7: the time, to about a quarter of a microsecond, and 62 random bits. Those made
 * one after the other lie side by side in an index. */
#define UUID_LEN 16
void uuid_at(int64_t unix_us, uint8_t ret[UUID_LEN]);
/* Lower case, 36 characters and NUL. */
void uuid_write(const uint8_t uuid[UUID_LEN], char ret[37]);

/* Equal, in time that depends on len only. */
bool crypto_equal(const void *a, const void *b, size_t len);
/* Overwrites memory in a way the compiler keeps. */
void crypto_wipe(void *p, size_t len);

void base64_put(struct buf *out, const void *data, size_t len);
enum base64_kind {
	BASE64,		 /* RFC 4648, padding required */
	BASE64_UNPADDED, /* padding in full, or none */
	BASE64_URL,	 /* base64url, the same */
};
/* -1 if it is none, or the arena is full. */
int base64_decode(struct span in, enum base64_kind kind, struct arena *arena, struct span *ret);
/* The same into dst, which has room for BASE64_ROOM(in.len) bytes. */
int base64_decode_to(struct span in, enum base64_kind kind, void *dst, size_t *ret_len);
#define BASE64_ROOM(len) ((len) / 4 * 3 + 3)
void hex_put(struct buf *out, const void *data, size_t len);
int hex_decode(struct span in, void *ret, size_t len); /* exactly len bytes */

/*
 * A secret from a file: at most max bytes, trailing newline cut, refused when others may read it
 * (mode & 077) unless it is mounted so by Kubernetes (group-readable is accepted, world is not).
 * Ownership: malloc'ed, NUL-terminated; wipe with secret_free().
 */
int secret_read_file(const char *path, size_t max, char **ret, size_t *ret_len, struct err *e);
void secret_free(char *secret, size_t len);
