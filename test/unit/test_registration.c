/* SPDX-License-Identifier: Apache-2.0 */
/* The namespaces that nothing is asked about: the programs say the same as what is registered. */
#include "policy/registration.h"

#include <stdio.h>

#include "common/base/file.h"
#include "support/run_tests.h"

static struct buf text = BUF_INIT(1 << 20);

static void setup(void)
{
	buf_reset(&text);
}

static void teardown(void)
{
	buf_free(&text);
}

/* How many lists stand behind `key`, and each is the one that the programs know. */
static unsigned lists_of(const char *path, const char *key, const char *quote)
{
	_cleanup_(buf_free) struct buf list = BUF_INIT(1024);
	unsigned count = 0;
	struct err e;

	for (size_t i = 0; i < REGISTRATION_EXEMPT_COUNT; i++)
		buf_printf(&list, "%s%s%s%s", i ? ", " : "[", quote, registration_exempt[i], quote);
	buf_add_char(&list, ']');
	ck_assert_msg(file_read(path, &text, &e) == 0, "%s", e.msg);
	for (const char *at = buf_str(&text); (at = strstr(at, key)) != NULL; count++) {
		at += strlen(key);
		ck_assert_msg(strncmp(at, buf_str(&list), list.len) == 0, "%s: %.80s", path, at);
	}
	return count;
}

START_TEST(registration__leaves_out_what_the_manifest_leaves_out)
{
	ck_assert_uint_eq(3, lists_of(HOLDPOINT_SOURCE_DIR "/manifests/base/admission.yaml",
				     "      values: ", ""));
}
END_TEST

START_TEST(registration__is_guarded_at_authorization_by_the_library)
{
	ck_assert_uint_eq(2, lists_of(HOLDPOINT_SOURCE_DIR "/policy/library/ai-agents.yaml",
				     "      namespaces: ", "\""));
}
END_TEST

START_TEST(registration__says_in_words_what_it_lists)
{
	char words[128];

	snprintf(words, sizeof(words), "%s, %s and %s", registration_exempt[0],
		registration_exempt[1], registration_exempt[2]);
	ck_assert_str_eq(REGISTRATION_EXEMPT_TEXT, words);
}
END_TEST

START_TEST(registration__exempts_those_alone)
{
	for (size_t i = 0; i < REGISTRATION_EXEMPT_COUNT; i++)
		ck_assert(registration_exempts(span_of(registration_exempt[i])));
	ck_assert(!registration_exempts(SPAN("kube-public")));
	ck_assert(!registration_exempts(SPAN("kube-system2")));
	ck_assert(!registration_exempts(SPAN("kube-syste")));
	ck_assert(!registration_exempts(SPAN("")));
	ck_assert(!registration_exempts((struct span){0}));
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("registration");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, registration__leaves_out_what_the_manifest_leaves_out);
	tcase_add_test(t, registration__is_guarded_at_authorization_by_the_library);
	tcase_add_test(t, registration__says_in_words_what_it_lists);
	tcase_add_test(t, registration__exempts_those_alone);
	return run_tests(t);
}
