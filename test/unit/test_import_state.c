/* SPDX-License-Identifier: Apache-2.0 */
/* How far logs got is kept between imports, each by what it begins with. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/import/import_state.h"
#include "common/base/crypto.h"
#include "support/run_tests.h"

static uint8_t digest_a[SHA256_LEN] = {1}, digest_b[SHA256_LEN] = {2};

static struct import_state *state_of(const char *folder, const char *sink)
{
	struct import_state *s = NULL;
	struct err e = {0};

	ck_assert_msg(import_state_open(folder, sink, &s, &e) == 0, "%s", e.msg);
	return s;
}

/* The log whose first bytes have one of these digests, at whatever length is asked about. */
static struct import_log *search(struct import_state *s, const uint8_t digest[SHA256_LEN])
{
	import_state_rewind(s);
	while (import_state_wanted(s) != UINT64_MAX)
		import_state_try(s, digest);
	return import_state_found(s);
}

START_TEST(import_state__how_far_a_log_got_is_known_by_what_it_begins_with)
{
	char made[] = "/tmp/holdpoint-import.XXXXXX", folder[64], command[80];
	struct import_state *s, *other;
	struct import_log *l;
	struct err e = {0};

	ck_assert_ptr_nonnull(mkdtemp(made));
	snprintf(folder, sizeof(folder), "%s/state/deeper", made);
	s = state_of(folder, "https://sink/audit/a");
	l = search(s, digest_a);
	ck_assert_uint_eq(import_log_done(l), 0);
	/* Sent as far as 700, stored as far as 400. */
	ck_assert_int_eq(import_log_save(s, l, 400, 700, digest_a, &e), 0);
	l = search(s, digest_b);
	ck_assert_uint_eq(import_log_done(l), 0);
	ck_assert_int_eq(import_log_save(s, l, 900, 900, digest_b, &e), 0);
	/* One import at a time. */
	ck_assert_int_lt(import_state_open(folder, "https://sink/audit/a", &other, &e), 0);
	ck_assert_ptr_nonnull(strstr(e.msg, "another import"));
	import_state_close(s);

	s = state_of(folder, "https://sink/audit/a");
	l = search(s, digest_a);
	ck_assert_uint_eq(import_log_done(l), 400);
	ck_assert_uint_eq(import_log_planned(l), 700);
	l = search(s, digest_b);
	ck_assert_uint_eq(import_log_done(l), 900);
	ck_assert_uint_eq(import_log_planned(l), 0);
	import_state_close(s);

	/* Another sink has got nothing of either. */
	s = state_of(folder, "https://sink/audit/b");
	ck_assert_uint_eq(import_log_done(search(s, digest_a)), 0);
	import_state_close(s);
	snprintf(command, sizeof(command), "rm -r %s", made);
	ck_assert_int_eq(system(command), 0);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("import_state");

	tcase_add_test(t, import_state__how_far_a_log_got_is_known_by_what_it_begins_with);
	return run_tests(t);
}
