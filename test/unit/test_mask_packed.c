/* SPDX-License-Identifier: Apache-2.0 */
/* What is encoded and not opened, and passwords without a name beside them. */
#include "support/run_tests.h"
#include "unit/mask_cases.h"

static void mask_value(const char *value, struct buf *out)
{
	_cleanup_(buf_free) struct buf in = BUF_INIT(1 << 16);
	struct mask_result r;
	struct json_doc d;

	buf_printf(&in, "{\"binaryData\":{\"x\":\"%s\"}}", value);
	arena_reset(arena);
	read_doc(buf_span(&in), arena, &d);
	mask_object(masker, &d, JSON_ROOT, target_of(""), arena, out, &r);
	ck_assert_ptr_nonnull(buf_str(out));
}

/* Made up for this test, the keys too. */
START_TEST(mask_packed__is_masked_unopened)
{
	static const char *const values[] = {
		/* bzip2 */
		"QlpoOTFBWSZTWVvjbjoAAA9ZgAAQQAQAEDbj3oAgAEDTVNqPJpGaNQphNNAaYkh/"
		"uoZYffk6wI92BfS93NjmXNqRqpJwGKq1FPxdyRThQkFvjbjo",
		/* xz */
		"/Td6WFoAAATm1rRGAgAhARYAAAB0L+Wj4AA2ADJdADaYSL5Lmbo+"
		"jibu6tGMSpu5G3rHh4PXxJbOlvNr6oPfFjcWYYlUv9rXKrENzO4faAAAAAAAuoKtXMtn1JMAAU43r3LB9h"
		"+2830BAAAAAARZWg==",
		/* zip */
		"UEsDBBQAAAAIAEiZe12KYDt6NAAAAKUAAAAFAAAAYS50eHTLTUxJVSgtsFLIyy/"
		"JyMxLV8gsVsjMU8hILUpVSCotUSjPL0op1oFQCol5KRAWVy5dtQEAUEsBAhQDFAAAAAgASJl7XYpgO3o0A"
		"AAApQAAAAUAAAAAAAAAAAAAAIABAAAAAGEudHh0UEsFBgAAAAABAAEA",
		/* sec1 */
		"MHcCAQEEIDkOlFtf0m1toyH3+lAY+"
		"xF7QCGgdbqgRA2NOHKN9sBJoAoGCCqGSM49AwEHoUQDQgAEzzzeQ0DpH51VzX6TOBPteABq2ddNcU5oXko"
		"sgGPLMbx2fd6HC/OLAY9VqmLCfKu04QFmVumzUMS0efb8w1IiBw==",
		/* pkcs8 */
		"MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgOQ6UW1/"
		"SbW2jIff6UBj7EXtAIaB1uqBEDY04co32wEmhRANCAATPPN5DQOkfnVXNfpM4E+"
		"14AGrZ101xTmheSiyAY8sxvHZ93ocL84sBj1WqYsJ8q7ThAWZW6bNQxLR59vzDUiIH",
		/* openssh */
		"b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAARub25lAAAABG5vbmUAAAAEbm9uZQAAAARub2"
		"5l",
	};

	for (size_t i = 0; i < ARRAY_LEN(values); i++) {
		_cleanup_(buf_free) struct buf out = BUF_INIT(1 << 16);

		mask_value(values[i], &out);
		ck_assert_msg(!strstr(buf_str(&out), values[i]), "%s", values[i]);
	}
}
END_TEST

START_TEST(mask_packed__a_certificate_stays)
{
	static const char certificate[] =
		"MIIBeTCCAR+"
		"gAwIBAgIUQ9GVWFNMdrxii187r9RUSbaPuLgwCgYIKoZIzj0EAwIwEjEQMA4GA1UEAwwHbWFkZS11cDAeF"
		"w0yNjExMjcxOTEwMTZaFw0yNjEyMDYxOTEwMTZaMBIxEDAOBgNVBAMMB21hZGUtdXAwWTATBgcqhkjOPQI"
		"BBggqhkjOPQMBBwNCAATPPN5DQOkfnVXNfpM4E+"
		"14AGrZ101xTmheSiyAY8sxvHZ93ocL84sBj1WqYsJ8q7ThAWZW6bNQxLR59vzDUiIHo1MwUTAdBgNVHQ4E"
		"FgQUn6Qxz14/HRGY7cAORHpwKQuSqbswHwYDVR0jBBgwFoAUn6Qxz14/"
		"HRGY7cAORHpwKQuSqbswDwYDVR0TAQH/BAUwAwEB/"
		"zAKBggqhkjOPQQDAgNIADBFAiEA02cSgRxntv65knMSfpFwS8xVZOh2mSyf6h1TFCBV0fECIG3oA5FnpSU"
		"dOksHgtMPEJWp/WnOSif6LI6I1g36pg6y";
	_cleanup_(buf_free) struct buf out = BUF_INIT(1 << 16);

	mask_value(certificate, &out);
	ck_assert_ptr_nonnull(strstr(buf_str(&out), certificate));
}
END_TEST

START_TEST(mask_packed__other_alphabets)
{
	static const struct mask_case cases[] = {
		{GONE, "", "{\"x\":\"IRBF6UCBKNJVOT2SIQ6WQ5LOORSXEMTTMVRXEZLU\"}"},
		{GONE, "",
			"{\"x\":\"exec(base64.b64decode(\\\"UEFTU1dPUkQ9aHVudGVyMnNlY3JldA==\\\"))"
			"\"}"},
		{GONE, "", "{\"x\":\"eval(atob('UEFTU1dPUkQ9aHVudGVyMnNlY3JldA=='))\"}"},
		{SAME, "", "{\"x\":\"KUBERNETESSERVICEPORTHTTPS\"}"},
		{SAME, "", "{\"x\":\"b64decode(\\\"YSBwbGFpbiBncmVldGluZw==\\\")\"}"},
	};

	CHECK_CASES(cases);
}
END_TEST

START_TEST(mask_packed__passwords_without_a_name)
{
	static const char *const passwords[] = {
		"Hydrangea77!", "Blue5Otter!", "WetRiver2024#", "Moss-Garden8$", "q8Zt3L!wP0aV"};
	static const char *const texts[] = {"%s", "run it with %s please", "tool -x user%%%s",
		"send \\\"%s\\r\\\"", "('kim','%s')", "kim:%s\\n", "is %s.", "a|%s|b"};
	static const struct mask_case others[] = {
		{SAME, "", "{\"x\":\"see Ticket#1234567 and Class2#method\"}"},
		{SAME, "", "{\"x\":\"^[a-z]UserName2$ and $Version12Beta\"}"},
		{SAME, "", "{\"x\":\"app-Version12${SUFFIX} of Outer2$Inner\"}"},
		{SAME, "", "{\"x\":\"https://example.com/Page12!#Top3\"}"},
		{SAME, "", "{\"x\":\"Hello World 2!\"}"},
		{SAME, "", "{\"x\":\"#!/bin/sh\"}"},
	};

	for (size_t i = 0; i < ARRAY_LEN(passwords); i++) {
		for (size_t j = 0; j < ARRAY_LEN(texts); j++) {
			_cleanup_(buf_free) struct buf out = BUF_INIT(1 << 16),
						       in = BUF_INIT(1 << 16);
			const char *at = strstr(texts[j], "%s");

			buf_add(&in, texts[j], (size_t)(at - texts[j]));
			buf_add_str(&in, passwords[i]);
			buf_add_str(&in, at + 2);
			mask_value(buf_str(&in), &out);
			expect_gone(buf_span(&out), passwords[i], buf_str(&in));
		}
	}
	CHECK_CASES(others);
}
END_TEST

/* Whoever knows the address of a hook may use it. */
START_TEST(mask_packed__keys_in_addresses)
{
	static const struct mask_case cases[] = {
		{GONE, "", "{\"x\":\"https://h/webhooks/12/" S "x9Kq2Zt8Lw3Pv0Nb5Xc\"}"},
		{GONE, "", "{\"x\":\"url: https://h/api/y?code=" S "x9Kq2Zt8Lw3Pv0Nb5Xc\"}"},
		{GONE, "", "{\"x\":\"define('AUTH_SALT', '" S "x9Kq2Zt8Lw3Pv0Nb5Xc');\"}"},
		{SAME, "", "{\"x\":\"https://h/webhooks/deployments-of-the-shop-2026\"}"},
		{SAME, "", "{\"x\":\"https://h/webhook/v1/validate?timeout=5s\"}"},
	};

	CHECK_CASES(cases);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("mask_packed");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, mask_packed__is_masked_unopened);
	tcase_add_test(t, mask_packed__a_certificate_stays);
	tcase_add_test(t, mask_packed__other_alphabets);
	tcase_add_test(t, mask_packed__passwords_without_a_name);
	tcase_add_test(t, mask_packed__keys_in_addresses);
	return run_tests(t);
}
