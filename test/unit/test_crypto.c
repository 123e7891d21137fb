/* SPDX-License-Identifier: Apache-2.0 */
/* Hashes and HMAC against published vectors; decoders against what must be refused. */
#include <check.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/crypto.h"
#include "support/run_tests.h"

static void assert_hex(const uint8_t *got, const char *expected)
{
	struct buf hex _cleanup_(buf_free) = BUF_INIT(256);
	hex_put(&hex, got, SHA256_LEN);
	ck_assert_str_eq(buf_str(&hex), expected);
}

/* FIPS 180-4 examples, and the empty Merkle leaf of RFC 6962. */
static const struct {
	const char *expected;
	struct span given;
} hashes[] = {
	{"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", SPAN("")},
	{"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", SPAN("abc")},
	{"248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
		SPAN("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")},
	{"6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d", SPAN("\0")},
};

START_TEST(crypto__sha256_vectors)
{
	uint8_t digest[SHA256_LEN];
	struct sha256 *h = sha256_new();
	sha256_of(hashes[_i].given.ptr, hashes[_i].given.len, digest);
	assert_hex(digest, hashes[_i].expected);
	for (int round = 0; round < 2; round++) {
		for (size_t i = 0; i < hashes[_i].given.len; i++)
			sha256_add(h, hashes[_i].given.ptr + i, 1);
		sha256_finish(h, digest);
		assert_hex(digest, hashes[_i].expected);
		sha256_reset(h);
	}
	sha256_free(h);
}
END_TEST

/* RFC 4231, test cases 1, 2, 4 and 6. */
static const struct {
	const char *expected;
	const char *key_hex;
	size_t key_repeat;
	struct span data;
} macs[] = {
	{"b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7", "0b", 20,
		SPAN("Hi There")},
	{"5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843", "4a656665", 1,
		SPAN("what do ya want for nothing?")},
	{"60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54", "aa", 131,
		SPAN("Test Using Larger Than Block-Size Key - Hash Key First")},
};

START_TEST(crypto__hmac_vectors)
{
	uint8_t key[160], digest[SHA256_LEN];
	size_t unit = strlen(macs[_i].key_hex) / 2, len = unit * macs[_i].key_repeat;
	for (size_t i = 0; i < len; i += unit)
		ck_assert_int_eq(hex_decode(span_of(macs[_i].key_hex), key + i, unit), 0);
	hmac_sha256(key, len, macs[_i].data.ptr, macs[_i].data.len, digest);
	assert_hex(digest, macs[_i].expected);

	struct hmac_key *k = hmac_key_new(key, len);
	for (int round = 0; round < 3; round++) {
		/* An ordinary hash in between must not disturb the key, nor be disturbed. */
		sha256_of("abc", 3, digest);
		assert_hex(digest, hashes[1].expected);
		hmac_key_sign(k, macs[_i].data.ptr, macs[_i].data.len, digest);
		assert_hex(digest, macs[_i].expected);
	}
	hmac_key_free(k);
}
END_TEST

static void *hash_in_thread(void *arg)
{
	uint8_t digest[SHA256_LEN];
	for (int i = 0; i < 1000; i++) {
		hmac_key_sign(arg, macs[1].data.ptr, macs[1].data.len, digest);
		sha256_of("abc", 3, digest);
	}
	assert_hex(digest, hashes[1].expected);
	return NULL;
}

START_TEST(crypto__one_key_in_many_threads)
{
	pthread_t threads[4];
	struct hmac_key *k = hmac_key_new("Jefe", 4);
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, hash_in_thread, k), 0);
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		pthread_join(threads[i], NULL);
	hmac_key_free(k);
}
END_TEST

/* OpenSSL's memory, while it has any. */
static atomic_bool exhausted;

static void *ssl_malloc(size_t n, const char *file, int line)
{
	(void)file;
	(void)line;
	return atomic_load(&exhausted) ? NULL : malloc(n);
}

static void *ssl_realloc(void *p, size_t n, const char *file, int line)
{
	(void)file;
	(void)line;
	return atomic_load(&exhausted) ? NULL : realloc(p, n);
}

static void ssl_free(void *p, const char *file, int line)
{
	(void)file;
	(void)line;
	free(p);
}

START_TEST(crypto__hashes_without_memory)
{
	pthread_t threads[4];
	struct hmac_key *k = hmac_key_new("Jefe", 4);
	uint8_t digest[SHA256_LEN];
	uint8_t uuid[16];

	atomic_store(&exhausted, true);
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, hash_in_thread, k), 0);
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		pthread_join(threads[i], NULL);
	hmac_sha256("Jefe", 4, macs[1].data.ptr, macs[1].data.len, digest);
	assert_hex(digest, macs[1].expected);
	uuid_at(0, uuid);
	atomic_store(&exhausted, false);
	hmac_key_free(k);
}
END_TEST

/* The time of RFC 9562's own example of version 7 (appendix A.6). */
START_TEST(crypto__uuid_begins_with_its_time)
{
	uint8_t bytes[16];
	char a[37], b[37];

	uuid_at(INT64_C(1645557742000999), bytes);
	uuid_write(bytes, a);
	uuid_at(INT64_C(1645557742000999), bytes);
	uuid_write(bytes, b);
	ck_assert_str_ne(a, b);
	ck_assert_uint_eq(strlen(a), 36);
	ck_assert_uint_eq(strspn(a, "0123456789abcdef-"), 36);
	ck_assert_mem_eq(a, "017f22e2-79b0-7ffb-", 19);
	ck_assert_mem_eq(b, a, 19);
	ck_assert_ptr_nonnull(strchr("89ab", a[19]));
	ck_assert_int_eq(a[23], '-');
}
END_TEST

/* More than are asked of the kernel at once. */
START_TEST(crypto__uuids_of_one_moment_differ)
{
	static uint8_t made[400][16];

	for (size_t i = 0; i < ARRAY_LEN(made); i++) {
		uuid_at(1, made[i]);
		for (size_t k = 0; k < i; k++)
			ck_assert_mem_ne(made[i], made[k], 16);
	}
}
END_TEST

START_TEST(crypto__uuids_follow_the_clock)
{
	uint8_t earlier[16], later[16];

	uuid_at(INT64_C(1645557742000000), earlier);
	for (int64_t us = 1; us < 3000; us++) {
		uuid_at(INT64_C(1645557742000000) + us, later);
		ck_assert_int_lt(memcmp(earlier, later, 8), 0);
		memcpy(earlier, later, sizeof(later));
	}
}
END_TEST

START_TEST(crypto__equal)
{
	ck_assert(crypto_equal("same", "same", 4));
	ck_assert(!crypto_equal("same", "sane", 4));
	ck_assert(crypto_equal("", "x", 0));
}
END_TEST

/* RFC 4648, section 10, then what must be refused. NULL: refused. */
static const struct {
	const char *expected;
	const char *text;
	enum base64_kind kind;
} base64_cases[] = {
	{"", "", BASE64},
	{"f", "Zg==", BASE64},
	{"fo", "Zm8=", BASE64},
	{"foo", "Zm9v", BASE64},
	{"foob", "Zm9vYg==", BASE64},
	{"fooba", "Zm9vYmE=", BASE64},
	{"foobar", "Zm9vYmFy", BASE64},
	{"\xfb\xff", "+/8=", BASE64},
	{"\xfb\xff", "-_8=", BASE64_URL},
	{"\xfb\xff", "-_8", BASE64_URL},
	{"f", "Zg", BASE64_URL},
	{"f", "Zg", BASE64_UNPADDED},
	{"f", "Zg==", BASE64_UNPADDED},
	{"\xfb\xff", "+/8", BASE64_UNPADDED},
	{NULL, "Zg=", BASE64_UNPADDED},
	{NULL, "Z", BASE64_UNPADDED},
	{NULL, "Zm9v=", BASE64_UNPADDED},
	{NULL, "-_8", BASE64_UNPADDED},
	{NULL, "Zg", BASE64},
	{NULL, "Zg=", BASE64},
	{NULL, "Zg=", BASE64_URL},
	{NULL, "Zm9vY", BASE64_URL},
	{NULL, "-_8=", BASE64},
	{NULL, "+/8=", BASE64_URL},
	{NULL, "Zm9v\n", BASE64},
	{NULL, "Zm 9v", BASE64},
	{NULL, "Zg==Zg==", BASE64},
	{NULL, "====", BASE64},
	{NULL, "=", BASE64_URL},
	{NULL, "Z===", BASE64},
	{NULL, "Zm9\xc3", BASE64},
};

START_TEST(crypto__base64)
{
	struct arena *a = arena_new(1024, 4096);
	struct span out = {0};
	int rc = base64_decode(span_of(base64_cases[_i].text), base64_cases[_i].kind, a, &out);
	if (!base64_cases[_i].expected) {
		ck_assert_msg(rc == -1, "%s was accepted", base64_cases[_i].text);
	} else {
		ck_assert_int_eq(rc, 0);
		ck_assert(span_eq_str(out, base64_cases[_i].expected));
	}
	if (rc == 0 && base64_cases[_i].kind == BASE64) {
		struct buf text _cleanup_(buf_free) = BUF_INIT(64);
		base64_put(&text, out.ptr, out.len);
		ck_assert_str_eq(buf_str(&text), base64_cases[_i].text);
	}
	arena_free(a);
}
END_TEST

START_TEST(crypto__base64_keeps_to_the_buffer_limit)
{
	struct buf text _cleanup_(buf_free) = BUF_INIT(8);
	base64_put(&text, "0123456789", 10);
	ck_assert(text.failed);
}
END_TEST

START_TEST(crypto__hex_refuses_what_is_not_exactly_len)
{
	uint8_t out[2];
	ck_assert_int_eq(hex_decode(SPAN("00fF"), out, 2), 0);
	ck_assert_uint_eq(out[1], 0xff);
	ck_assert_int_eq(hex_decode(SPAN("00f"), out, 2), -1);
	ck_assert_int_eq(hex_decode(SPAN("00ff0"), out, 2), -1);
	ck_assert_int_eq(hex_decode(SPAN("00ff00"), out, 2), -1);
	ck_assert_int_eq(hex_decode(SPAN("0x11"), out, 2), -1);
	ck_assert_int_eq(hex_decode(SPAN("00g0"), out, 2), -1);
}
END_TEST

static const struct {
	const char *expected; /* the secret, or what the error holds when rc is -1 */
	int rc;
	mode_t mode;
	struct span content;
} secrets[] = {
	{"k3y", 0, 0600, SPAN("k3y")},
	{"k3y", 0, 0440, SPAN("k3y\n")},
	{"k3y", 0, 0400, SPAN("k3y\r\n")},
	{" k3y \n", 0, 0640, SPAN(" k3y \n\n")},
	{"chmod 0600", -1, 0644, SPAN("k3y")},
	{"chmod 0600", -1, 0660, SPAN("k3y")},
	{"chmod 0600", -1, 0601, SPAN("k3y")},
	{"larger than 16 bytes", -1, 0600, SPAN("0123456789abcdefg")},
	{"empty", -1, 0600, SPAN("\n")},
	{"empty", -1, 0600, SPAN("")},
};

START_TEST(crypto__secret_file)
{
	char path[] = "/tmp/holdpoint-secret-XXXXXX", *secret = NULL;
	struct err e = {0};
	size_t len = 0;
	int fd = mkstemp(path);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, secrets[_i].content.ptr, secrets[_i].content.len),
		(ssize_t)secrets[_i].content.len);
	fchmod(fd, secrets[_i].mode);
	close(fd);
	int rc = secret_read_file(path, 16, &secret, &len, &e);
	unlink(path);
	ck_assert_int_eq(rc, secrets[_i].rc);
	if (rc == 0) {
		ck_assert_str_eq(secret, secrets[_i].expected);
		ck_assert_uint_eq(len, strlen(secrets[_i].expected));
		secret_free(secret, len);
	} else {
		ck_assert_msg(strstr(e.msg, secrets[_i].expected) != NULL, "%s", e.msg);
		ck_assert_ptr_null(strstr(e.msg, "k3y"));
	}
}
END_TEST

START_TEST(crypto__secret_file_must_be_a_file)
{
	struct err e;
	char *secret;
	size_t len;
	ck_assert_int_eq(secret_read_file("/nonexistent", 16, &secret, &len, &e), -1);
	ck_assert_str_eq(e.msg, "/nonexistent: No such file or directory");
	ck_assert_int_eq(secret_read_file("/tmp", 16, &secret, &len, &e), -1);
	ck_assert_str_eq(e.msg, "/tmp: not a regular file");
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("crypto");

	/* Before OpenSSL takes any. */
	if (!CRYPTO_set_mem_functions(ssl_malloc, ssl_realloc, ssl_free))
		return 1;
	tcase_add_loop_test(t, crypto__sha256_vectors, 0, ARRAY_LEN(hashes));
	tcase_add_loop_test(t, crypto__hmac_vectors, 0, ARRAY_LEN(macs));
	tcase_add_test(t, crypto__one_key_in_many_threads);
	tcase_add_test(t, crypto__hashes_without_memory);
	tcase_add_test(t, crypto__uuid_begins_with_its_time);
	tcase_add_test(t, crypto__uuids_of_one_moment_differ);
	tcase_add_test(t, crypto__uuids_follow_the_clock);
	tcase_add_test(t, crypto__equal);
	tcase_add_loop_test(t, crypto__base64, 0, ARRAY_LEN(base64_cases));
	tcase_add_test(t, crypto__base64_keeps_to_the_buffer_limit);
	tcase_add_test(t, crypto__hex_refuses_what_is_not_exactly_len);
	tcase_add_loop_test(t, crypto__secret_file, 0, ARRAY_LEN(secrets));
	tcase_add_test(t, crypto__secret_file_must_be_a_file);
	return run_tests(t);
}
