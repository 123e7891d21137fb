/* SPDX-License-Identifier: Apache-2.0 */
/* What stands in the place of a secret, and the keys that it depends on. */
#include "support/run_tests.h"
#include "unit/mask_cases.h"

START_TEST(mask__pseudonyms)
{
	_cleanup_(buf_free) struct buf out = BUF_INIT(1 << 20);
	uint8_t mac[SHA256_LEN];
	char want[128];

	hmac_sha256(MASK_TEST_KEY, strlen(MASK_TEST_KEY), S, strlen(S), mac);
	snprintf(want, sizeof(want),
		"{\"token\":\"[masked hmac-sha256:%02x%02x%02x%02x%02x%02x%02x%02x len:13]\"}",
		mac[0], mac[1], mac[2], mac[3], mac[4], mac[5], mac[6], mac[7]);
	mask_json(masker, "{\"token\":\"" S "\"}", &out);
	ck_assert_str_eq(buf_str(&out), want);
	/* However it is spelled, the same value has the same pseudonym. */
	mask_json(masker, "{\"token\":\"h\\u0075nter2secret\"}", &out);
	ck_assert_str_eq(buf_str(&out), want);
	/* Masking what is masked changes nothing. */
	mask_json(masker, want, &out);
	ck_assert_str_eq(buf_str(&out), want);
}
END_TEST

START_TEST(mask__data_and_string_data_have_one_pseudonym)
{
	_cleanup_(buf_free) struct buf out = BUF_INIT(1 << 20);
	const char *first, *second;

	mask_json(masker,
		"{\"kind\":\"Secret\",\"data\":{\"k\":\"" B64 "\"},\"stringData\":{\"k\":\"" S
		"\"}}",
		&out);
	first = strstr(buf_str(&out), "[masked");
	second = strstr(first + 1, "[masked");
	ck_assert_ptr_nonnull(second);
	ck_assert_int_eq(strncmp(first, second, 40), 0);
}
END_TEST

START_TEST(mask__numbers_and_objects_become_strings)
{
	_cleanup_(buf_free) struct buf out = BUF_INIT(1 << 20);
	struct json_doc d;

	mask_json(masker, "{\"pin\":123456,\"n\":{\"kind\":\"Secret\",\"data\":[1]}}", &out);
	read_doc(buf_span(&out), arena, &d);
	ck_assert_int_eq(json_type(&d, json_get_str(&d, JSON_ROOT, "pin")), JSON_STRING);
	/* … in a string with their quotes escaped */
	mask_json(masker, "{\"x\":\"{\\\"a\\\":\\\"{\\\\\\\"pin\\\\\\\":123456}\\\"}\"}", &out);
	read_doc(buf_span(&out), arena, &d);
	ck_assert_ptr_null(strstr(buf_str(&out), "123456"));
	ck_assert_ptr_nonnull(strstr(buf_str(&out), "\\\\\\\"[masked"));
}
END_TEST

#define KEY_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define KEY_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

START_TEST(mask__keys_rotate)
{
	_cleanup_(buf_free) struct buf out = BUF_INIT(1 << 20), both = BUF_INIT(1 << 20);
	struct masker *old = new_masker("k1: " KEY_A "\n", NULL);
	struct masker *new = new_masker("# newest first\n\nk2: " KEY_B "\nk1: " KEY_A "\n", NULL);
	char pseudonym[128];

	mask_json(old, "\"Bearer " S "12345678\"", &out);
	ck_assert_ptr_nonnull(strstr(buf_str(&out), "[masked hmac-sha256:k1:"));
	snprintf(pseudonym, sizeof(pseudonym), "%s", strstr(buf_str(&out), "[masked"));
	*(strchr(pseudonym, ']') + 1) = '\0';
	mask_json(new, "\"Bearer " S "12345678\"", &out);
	ck_assert_ptr_nonnull(strstr(buf_str(&out), "[masked hmac-sha256:k2:"));
	/* The old pseudonym is found again under the old key. */
	mask_put_pseudonyms(new, SPAN(S "12345678"), &both);
	ck_assert_ptr_nonnull(strstr(buf_str(&both), pseudonym));
	ck_assert_int_eq(strncmp(buf_str(&both), "[masked hmac-sha256:k2:", 23), 0);
	masker_free(old);
	masker_free(new);
}
END_TEST

START_TEST(mask__bad_key_files)
{
	static const struct {
		const char *text, *says;
	} cases[] = {{"short", "32 to 1024 bytes"}, {"k1: " KEY_A "\nk1: " KEY_B "\n", "twice"},
		{"k1: zz", "neither hex nor base64"}, {"k1: abcd", "32 to 1024 bytes"},
		{"k1: " KEY_A "\nK 2: " KEY_B "\n", "key id"}, {"k1: " KEY_A "\nfoo\n", "line 2"}};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char path[] = "/tmp/holdpoint-mask-key.XXXXXX";
		struct masker *m = NULL;
		struct err e;

		put_file(path, cases[i].text);
		ck_assert_int_eq(masker_new(path, NULL, &m, &e), -1);
		ck_assert_ptr_null(m);
		ck_assert_msg(strstr(e.msg, cases[i].says) && strstr(e.msg, path), "%s", e.msg);
		unlink(path);
	}
}
END_TEST

START_TEST(mask__random_key_differs)
{
	_cleanup_(buf_free) struct buf a = BUF_INIT(1 << 20), b = BUF_INIT(1 << 20);
	struct masker *m = NULL, *n = NULL;
	struct err e;

	ck_assert_int_eq(masker_new(NULL, NULL, &m, &e), 0);
	ck_assert_int_eq(masker_new(NULL, NULL, &n, &e), 0);
	mask_json(m, "{\"token\":\"" S "\"}", &a);
	mask_json(n, "{\"token\":\"" S "\"}", &b);
	ck_assert_str_ne(buf_str(&a), buf_str(&b));
	masker_free(m);
	masker_free(n);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("mask_pseudonyms");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, mask__pseudonyms);
	tcase_add_test(tc, mask__data_and_string_data_have_one_pseudonym);
	tcase_add_test(tc, mask__numbers_and_objects_become_strings);
	tcase_add_test(tc, mask__keys_rotate);
	tcase_add_test(tc, mask__bad_key_files);
	tcase_add_test(tc, mask__random_key_differs);
	return run_tests(tc);
}
