/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SHA-256 and HMAC over OpenSSL, secrets and randomness. What is hashed is what is decided and
 * proven by, so hashing must not fail: OpenSSL's EVP interface takes memory with each hash, which
 * there may be none of; its older one works on the stack alone (ADR 11). Base64 and hex stand in
 * crypto_text.c.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "common/base/crypto.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/hex.h"

#define HMAC_BLOCK SHA256_CBLOCK /* RFC 2104 */

struct sha256 {
	SHA256_CTX ctx;
};

struct hmac_key {
	SHA256_CTX inner; /* after the block of key ^ 0x36 */
	SHA256_CTX outer; /* after the block of key ^ 0x5c */
};

struct sha256 *sha256_new(void)
{
	struct sha256 *h = malloc(sizeof(*h));

	if (h)
		SHA256_Init(&h->ctx);
	return h;
}

void sha256_free(struct sha256 *h)
{
	free(h);
}

void sha256_reset(struct sha256 *h)
{
	SHA256_Init(&h->ctx);
}

void sha256_add(struct sha256 *h, const void *data, size_t len)
{
	SHA256_Update(&h->ctx, data, len);
}

void sha256_finish(struct sha256 *h, uint8_t ret[SHA256_LEN])
{
	SHA256_Final(ret, &h->ctx);
}

void sha256_peek(const struct sha256 *h, uint8_t ret[SHA256_LEN])
{
	SHA256_CTX ctx = h->ctx;

	SHA256_Final(ret, &ctx);
}

void sha256_of(const void *data, size_t len, uint8_t ret[SHA256_LEN])
{
	SHA256_CTX ctx;

	SHA256_Init(&ctx);
	SHA256_Update(&ctx, data, len);
	SHA256_Final(ret, &ctx);
}

static void begin_keyed(SHA256_CTX *ctx, const uint8_t block[HMAC_BLOCK], uint8_t pad)
{
	uint8_t padded[HMAC_BLOCK];

	for (size_t i = 0; i < HMAC_BLOCK; i++)
		padded[i] = block[i] ^ pad;
	SHA256_Init(ctx);
	SHA256_Update(ctx, padded, sizeof(padded));
	crypto_wipe(padded, sizeof(padded));
}

static void set_key(struct hmac_key *k, const void *key, size_t len)
{
	uint8_t block[HMAC_BLOCK] = {0};

	if (len > HMAC_BLOCK)
		sha256_of(key, len, block);
	else if (len > 0)
		memcpy(block, key, len);
	begin_keyed(&k->inner, block, 0x36);
	begin_keyed(&k->outer, block, 0x5c);
	crypto_wipe(block, sizeof(block));
}

struct hmac_key *hmac_key_new(const void *key, size_t len)
{
	struct hmac_key *k = malloc(sizeof(*k));

	if (k)
		set_key(k, key, len);
	return k;
}

void hmac_key_free(struct hmac_key *k)
{
	if (!k)
		return;
	crypto_wipe(k, sizeof(*k));
	free(k);
}

void hmac_key_sign(const struct hmac_key *k, const void *data, size_t len, uint8_t ret[SHA256_LEN])
{
	SHA256_CTX ctx = k->inner;
	uint8_t digest[SHA256_LEN];

	SHA256_Update(&ctx, data, len);
	SHA256_Final(digest, &ctx);
	ctx = k->outer;
	SHA256_Update(&ctx, digest, sizeof(digest));
	SHA256_Final(ret, &ctx);
	crypto_wipe(&ctx, sizeof(ctx)); /* nothing of the key stays on the stack */
}

void hmac_sha256(
	const void *key, size_t key_len, const void *data, size_t len, uint8_t ret[SHA256_LEN])
{
	struct hmac_key k;

	set_key(&k, key, key_len);
	hmac_key_sign(&k, data, len, ret);
	crypto_wipe(&k, sizeof(k));
}

/* Straight from the kernel: OpenSSL's generator takes memory for each thread, and may get none. */
void random_bytes(void *ret, size_t len)
{
	uint8_t *at = ret;

	while (len > 0) {
		ssize_t n = getrandom(at, len, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			fputs("holdpoint: the system has no randomness\n", stderr);
			abort();
		}
		at += n;
		len -= (size_t)n;
	}
}

/* Randomness of the thread: the kernel is asked once for many identifiers, and what was given out
 * is wiped here. */
static void take_random(void *ret, size_t len)
{
	static _Thread_local struct {
		uint8_t bytes[640];
		size_t left;
	} pool;

	if (pool.left < len) {
		random_bytes(pool.bytes, sizeof(pool.bytes));
		pool.left = sizeof(pool.bytes);
	}
	pool.left -= len;
	memcpy(ret, pool.bytes + pool.left, len);
	crypto_wipe(pool.bytes + pool.left, len);
}

void uuid_at(int64_t unix_us, uint8_t ret[UUID_LEN])
{
	uint64_t ms = (uint64_t)unix_us / 1000;
	unsigned fraction = (unsigned)((uint64_t)unix_us % 1000 * 4096 / 1000);

	for (int i = 0; i < 6; i++)
		ret[i] = (uint8_t)(ms >> (40 - 8 * i));
	ret[6] = (uint8_t)(0x70 | fraction >> 8);
	ret[7] = (uint8_t)fraction;
	take_random(ret + 8, 8);
	ret[8] = (uint8_t)((ret[8] & 0x3f) | 0x80);
}

void uuid_write(const uint8_t uuid[UUID_LEN], char ret[37])
{
	char *out = ret;

	for (size_t i = 0; i < UUID_LEN; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*out++ = '-';
		out = hex_write(out, uuid + i, 1);
	}
	*out = 0;
}

bool crypto_equal(const void *a, const void *b, size_t len)
{
	return CRYPTO_memcmp(a, b, len) == 0;
}

void crypto_wipe(void *p, size_t len)
{
	OPENSSL_cleanse(p, len);
}

static int check_secret_file(int fd, const char *path, size_t max, struct err *e)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_set_errno(e, errno, "%s", path);
	if (!S_ISREG(st.st_mode))
		return err_set(e, "%s: not a regular file", path);
	/* Kubernetes mounts secrets group-readable for fsGroup; nothing beyond that. */
	if (st.st_mode & (S_IRWXO | S_IWGRP))
		return err_set(e,
			"%s: mode %04o lets others at this secret: chmod 0600 it "
			"(or mount it with defaultMode 0440)",
			path, st.st_mode & 07777);
	if ((uint64_t)st.st_size > max)
		return err_set(e, "%s: larger than %zu bytes", path, max);
	return 0;
}

/* Reads to the end of the file, at most max bytes. */
static int read_secret(
	int fd, const char *path, size_t max, char *into, size_t *ret_len, struct err *e)
{
	size_t len = 0;

	for (;;) {
		/* One byte more than allowed shows that the file has grown. */
		ssize_t n = read(fd, into + len, max + 1 - len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_set_errno(e, errno, "%s", path);
		len += (size_t)n;
		if (len > max)
			return err_set(e, "%s: larger than %zu bytes", path, max);
		if (n == 0)
			break;
	}
	if (len > 0 && into[len - 1] == '\n')
		len--;
	if (len > 0 && into[len - 1] == '\r')
		len--;
	if (len == 0)
		return err_set(e, "%s: empty", path);
	*ret_len = len;
	return 0;
}

int secret_read_file(const char *path, size_t max, char **ret, size_t *ret_len, struct err *e)
{
	char *text = NULL;
	size_t len = 0;
	int rc = -1, fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0)
		return err_set_errno(e, errno, "%s", path);
	if (check_secret_file(fd, path, max, e) < 0)
		goto out;
	text = malloc(max + 2);
	if (!text) {
		err_set(e, "%s: out of memory", path);
		goto out;
	}
	if (read_secret(fd, path, max, text, &len, e) < 0)
		goto out;
	text[len] = 0;
	*ret_len = len;
	*ret = TAKE_PTR(text);
	rc = 0;
out:
	if (text)
		secret_free(text, max + 2);
	close(fd);
	return rc;
}

void secret_free(char *secret, size_t len)
{
	if (!secret)
		return;
	crypto_wipe(secret, len);
	free(secret);
}
