/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SHA-256 and HMAC over OpenSSL 3, secrets and randomness. Each thread keeps one hash context, so
 * that hashing something small allocates nothing; the algorithm is fetched once per process,
 * because OpenSSL's implicit fetch costs more than hashing a short message. Base64 and hex stand in
 * crypto_text.c.
 */
#include "common/base/crypto.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/hex.h"

#define HMAC_BLOCK 64 /* of SHA-256, RFC 2104 */

struct sha256 {
	EVP_MD_CTX *ctx;
};

struct hmac_key {
	EVP_MD_CTX *inner; /* after the block of key ^ 0x36 */
	EVP_MD_CTX *outer; /* after the block of key ^ 0x5c */
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t thread_ctx_key;
static EVP_MD *sha256_md;

/* A hash that fails leaves nothing that could be decided or proven. */
static void must(bool ok)
{
	if (!ok) {
		fputs("holdpoint: no hash can be made: OpenSSL failed, or there is no memory\n",
			stderr);
		abort();
	}
}

static void free_thread_ctx(void *ctx)
{
	EVP_MD_CTX_free(ctx);
}

static void init_once(void)
{
	sha256_md = EVP_MD_fetch(NULL, "SHA256", NULL);
	must(sha256_md != NULL && pthread_key_create(&thread_ctx_key, free_thread_ctx) == 0);
}

/* Also frees the main thread's context, whose key destructor never runs. */
static void __attribute__((destructor)) free_all(void)
{
	if (!sha256_md)
		return;
	EVP_MD_CTX_free(pthread_getspecific(thread_ctx_key));
	pthread_setspecific(thread_ctx_key, NULL);
}

static EVP_MD_CTX *new_ctx(void)
{
	must(pthread_once(&once, init_once) == 0);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	must(ctx && EVP_DigestInit_ex2(ctx, sha256_md, NULL));
	return ctx;
}

static EVP_MD_CTX *thread_ctx(void)
{
	must(pthread_once(&once, init_once) == 0);
	EVP_MD_CTX *ctx = pthread_getspecific(thread_ctx_key);
	if (!ctx) {
		ctx = new_ctx();
		must(pthread_setspecific(thread_ctx_key, ctx) == 0);
	}
	return ctx;
}

struct sha256 *sha256_new(void)
{
	struct sha256 *h = malloc(sizeof(*h));
	must(h != NULL);
	h->ctx = new_ctx();
	return h;
}

void sha256_free(struct sha256 *h)
{
	if (!h)
		return;
	EVP_MD_CTX_free(h->ctx);
	free(h);
}

void sha256_reset(struct sha256 *h)
{
	must(EVP_DigestInit_ex2(h->ctx, NULL, NULL));
}

void sha256_add(struct sha256 *h, const void *data, size_t len)
{
	must(EVP_DigestUpdate(h->ctx, data, len));
}

void sha256_finish(struct sha256 *h, uint8_t ret[SHA256_LEN])
{
	must(EVP_DigestFinal_ex(h->ctx, ret, NULL));
}

void sha256_of(const void *data, size_t len, uint8_t ret[SHA256_LEN])
{
	EVP_MD_CTX *ctx = thread_ctx();
	must(EVP_DigestInit_ex2(ctx, NULL, NULL) && EVP_DigestUpdate(ctx, data, len) &&
		EVP_DigestFinal_ex(ctx, ret, NULL));
}

static EVP_MD_CTX *keyed_ctx(const uint8_t block[HMAC_BLOCK], uint8_t pad)
{
	uint8_t padded[HMAC_BLOCK];
	EVP_MD_CTX *ctx = new_ctx();

	for (size_t i = 0; i < HMAC_BLOCK; i++)
		padded[i] = block[i] ^ pad;
	must(EVP_DigestUpdate(ctx, padded, sizeof(padded)));
	crypto_wipe(padded, sizeof(padded));
	return ctx;
}

struct hmac_key *hmac_key_new(const void *key, size_t len)
{
	uint8_t block[HMAC_BLOCK] = {0};
	struct hmac_key *k = malloc(sizeof(*k));

	must(k != NULL);
	if (len > HMAC_BLOCK)
		sha256_of(key, len, block);
	else if (len > 0)
		memcpy(block, key, len);
	k->inner = keyed_ctx(block, 0x36);
	k->outer = keyed_ctx(block, 0x5c);
	crypto_wipe(block, sizeof(block));
	return k;
}

void hmac_key_free(struct hmac_key *k)
{
	if (!k)
		return;
	EVP_MD_CTX_free(k->inner);
	EVP_MD_CTX_free(k->outer);
	free(k);
}

void hmac_key_sign(const struct hmac_key *k, const void *data, size_t len, uint8_t ret[SHA256_LEN])
{
	EVP_MD_CTX *ctx = thread_ctx();
	uint8_t digest[SHA256_LEN];

	must(EVP_MD_CTX_copy_ex(ctx, k->inner) && EVP_DigestUpdate(ctx, data, len) &&
		EVP_DigestFinal_ex(ctx, digest, NULL));
	must(EVP_MD_CTX_copy_ex(ctx, k->outer) && EVP_DigestUpdate(ctx, digest, sizeof(digest)) &&
		EVP_DigestFinal_ex(ctx, ret, NULL));
	/* The context is kept by the thread: nothing of the key may stay in it. */
	must(EVP_DigestInit_ex2(ctx, NULL, NULL));
}

void hmac_sha256(
	const void *key, size_t key_len, const void *data, size_t len, uint8_t ret[SHA256_LEN])
{
	struct hmac_key *k = hmac_key_new(key, key_len);
	hmac_key_sign(k, data, len, ret);
	hmac_key_free(k);
}

void random_bytes(void *ret, size_t len)
{
	must(len <= INT32_MAX && RAND_bytes(ret, (int)len) == 1);
}

void random_uuid(char ret[37])
{
	uint8_t b[16];
	char *out = ret;

	random_bytes(b, sizeof(b));
	b[6] = (uint8_t)((b[6] & 0x0f) | 0x40);
	b[8] = (uint8_t)((b[8] & 0x3f) | 0x80);
	for (size_t i = 0; i < sizeof(b); i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*out++ = '-';
		out = hex_write(out, b + i, 1);
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
