/* SPDX-License-Identifier: Apache-2.0 */
/* The file of --notify-targets: what it may say, and what is wrong with others. */
#include "webhook/notify/notify_targets.h"

#include <check.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "support/run_tests.h"

static char path[64], secret_path[64];

static void write_file(const char *to, const char *text)
{
	FILE *f = fopen(to, "w");

	ck_assert_ptr_nonnull(f);
	ck_assert_int_ge(fputs(text, f), 0);
	ck_assert_int_eq(fclose(f), 0);
	ck_assert_int_eq(chmod(to, 0600), 0);
}

static void setup(void)
{
	snprintf(path, sizeof(path), "/tmp/test_notify_targets.%d.yaml", (int)getpid());
	snprintf(secret_path, sizeof(secret_path), "/tmp/test_notify_targets.%d.secret",
		(int)getpid());
	write_file(secret_path, "a secret of at least 24 bytes");
}

static void teardown(void)
{
	unlink(path);
	unlink(secret_path);
}

/* Writes the file, SECRET in it being the secret's path. */
static int read_targets(const char *text, struct notify_targets *ret, struct err *e)
{
	_cleanup_(buf_free) struct buf b = BUF_INIT(1 << 20);
	const char *at;

	while ((at = strstr(text, "SECRET"))) {
		buf_add(&b, text, (size_t)(at - text));
		buf_add_str(&b, secret_path);
		text = at + strlen("SECRET");
	}
	buf_add_str(&b, text);
	write_file(path, buf_str(&b));
	return notify_targets_read(path, ret, e);
}

START_TEST(notify_targets__both_types)
{
	struct notify_targets t;
	struct err e;

	ck_assert_msg(read_targets("targets:\n"
				   "- name: oncall\n"
				   "  type: slack\n"
				   "  url: https://hooks.example.com/x\n"
				   "- name: bot\n"
				   "  type: webhook\n"
				   "  url: https://bot.example.com/holds\n"
				   "  secretFile: SECRET\n"
				   "  events: [hold.approved, hold.denied]\n"
				   "  caFile: /etc/ca.crt\n"
				   "  allowPrivate: true\n",
			      &t, &e) == 0,
		"%s", e.msg);
	ck_assert_uint_eq(t.count, 2);
	ck_assert_str_eq(t.items[0].name, "oncall");
	ck_assert_int_eq(t.items[0].type, NOTIFY_SLACK);
	ck_assert(!t.items[0].allow_private);
	ck_assert_ptr_null(t.items[0].secret);
	ck_assert(notify_target_wants(&t.items[0], "hold.pending"));
	ck_assert(notify_target_wants(&t.items[0], "hold.impersonated"));
	ck_assert(!notify_target_wants(&t.items[0], "hold.approved"));
	ck_assert_int_eq(t.items[1].type, NOTIFY_WEBHOOK);
	ck_assert_str_eq(t.items[1].url, "https://bot.example.com/holds");
	ck_assert_mem_eq(t.items[1].secret, "a secret of at least 24 bytes", t.items[1].secret_len);
	ck_assert_str_eq(t.items[1].ca_file, "/etc/ca.crt");
	ck_assert(t.items[1].allow_private);
	ck_assert(!notify_target_wants(&t.items[1], "hold.pending"));
	ck_assert(notify_target_wants(&t.items[1], "hold.denied"));
	notify_targets_free(&t);
	ck_assert_uint_eq(t.count, 0);
}
END_TEST

START_TEST(notify_targets__standard_webhooks_secret_is_decoded)
{
	struct notify_targets t;
	struct err e;

	write_file(secret_path, "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz\n");
	ck_assert_msg(read_targets("targets: [{name: b, type: webhook, url: 'https://b.example', "
				   "secretFile: SECRET}]",
			      &t, &e) == 0,
		"%s", e.msg);
	ck_assert_uint_eq(t.items[0].secret_len, 24);
	ck_assert_mem_eq(t.items[0].secret, "012345678901234567890123", 24);
	notify_targets_free(&t);
}
END_TEST

START_TEST(notify_targets__a_url_that_is_a_secret)
{
	struct notify_targets t;
	struct err e;

	write_file(secret_path, "https://hooks.example.com/secret\n");
	ck_assert_msg(
		read_targets("targets: [{name: b, type: slack, urlFile: SECRET}]", &t, &e) == 0,
		"%s", e.msg);
	ck_assert_str_eq(t.items[0].url, "https://hooks.example.com/secret");
	notify_targets_free(&t);
}
END_TEST

static const struct {
	const char *error, *text, *secret;
} wrong[] = {
	{"expected a list called targets", "{}", NULL},
	{"expected a list called targets", "targets: 7", NULL},
	{"a target must be a mapping", "targets: [7]", NULL},
	{"a target needs a name", "targets: [{type: slack, url: 'https://a'}]", NULL},
	{"two targets are called a",
		"targets: [{name: a, type: slack, url: 'https://a'}, {name: a, type: slack, url: "
		"'https://b'}]",
		NULL},
	{"type must be slack or webhook", "targets: [{name: a, type: mail, url: 'https://a'}]",
		NULL},
	{"type must be slack or webhook", "targets: [{name: a, url: 'https://a'}]", NULL},
	{"a webhook needs a secretFile to sign with",
		"targets: [{name: a, type: webhook, url: 'https://a'}]", NULL},
	{"a target needs either url or urlFile", "targets: [{name: a, type: slack}]", NULL},
	{"a target needs either url or urlFile",
		"targets: [{name: a, type: slack, url: 'https://a', urlFile: SECRET}]", NULL},
	{"the URL must begin with https://", "targets: [{name: a, type: slack, url: 'http://a'}]",
		NULL},
	{"unknown key colour", "targets: [{name: a, type: slack, url: 'https://a', colour: red}]",
		NULL},
	{"name must be a text", "targets: [{name: [], type: slack, url: 'https://a'}]", NULL},
	{"events must be a list of 1 to 8 events",
		"targets: [{name: a, type: slack, url: 'https://a', events: []}]", NULL},
	{"there are hold.pending, hold.approved, hold.denied, hold.used, hold.expired, "
	 "hold.withdrawn, hold.impersonated, identity.stopped and identity.resumed",
		"targets: [{name: a, type: slack, url: 'https://a', events: [hold.lost]}]", NULL},
	{"allowPrivate must be true or false",
		"targets: [{name: a, type: slack, url: 'https://a', allowPrivate: perhaps}]", NULL},
	{"the secret must have at least 24 bytes",
		"targets: [{name: a, type: webhook, url: 'https://a', secretFile: SECRET}]",
		"too short"},
	{"what follows whsec_ must be base64",
		"targets: [{name: a, type: webhook, url: 'https://a', secretFile: SECRET}]",
		"whsec_!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!"},
	{"/nowhere/secret",
		"targets: [{name: a, type: webhook, url: 'https://a', secretFile: "
		"/nowhere/secret}]",
		NULL},
};

START_TEST(notify_targets__what_is_wrong_is_said)
{
	struct notify_targets t;
	struct err e = {0};

	if (wrong[_i].secret)
		write_file(secret_path, wrong[_i].secret);
	ck_assert_int_eq(read_targets(wrong[_i].text, &t, &e), -1);
	ck_assert_msg(strstr(e.msg, wrong[_i].error) != NULL, "%s", e.msg);
	if (wrong[_i].secret)
		ck_assert_ptr_null(strstr(e.msg, wrong[_i].secret));
}
END_TEST

START_TEST(notify_targets__no_such_file)
{
	struct notify_targets t;
	struct err e = {0};

	ck_assert_int_eq(notify_targets_read("/nowhere/targets.yaml", &t, &e), -1);
	ck_assert_ptr_nonnull(strstr(e.msg, "/nowhere/targets.yaml"));
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("notify_targets");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, notify_targets__both_types);
	tcase_add_test(t, notify_targets__standard_webhooks_secret_is_decoded);
	tcase_add_test(t, notify_targets__a_url_that_is_a_secret);
	tcase_add_loop_test(t, notify_targets__what_is_wrong_is_said, 0, ARRAY_LEN(wrong));
	tcase_add_test(t, notify_targets__no_such_file);
	return run_tests(t);
}
