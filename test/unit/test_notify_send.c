/* SPDX-License-Identifier: Apache-2.0 */
/* Notifications that cannot be delivered: private addresses, nobody there, a database that is away.
 */
#include "webhook/notify/notify_send.h"

#include <check.h>
#include <stdio.h>
#include <unistd.h>

#include "support/run_tests.h"
#include "webhook/notify/notifier.h"

/* Nobody listens there. */
#define NO_DATABASE "postgresql://nobody@127.0.0.1:1/none?connect_timeout=1"

static const struct notify_event event = {.cluster = "c1",
	.id = 7,
	.event = "hold.pending",
	.hold_id = 42,
	.created_at = "2026-01-02T03:04:05Z",
	.payload = SPAN("{\"requester\":\"agent\"}")};

static const struct {
	enum notify_status status;
	const char *why;
	enum notify_type type;
	const char *url, *secret;
	bool allow_private;
	const char *payload;
} cases[] = {
	{NOTIFY_TRY_AGAIN, "a private address needs allowPrivate: true", NOTIFY_SLACK,
		"https://127.0.0.1:1/token", NULL, false, NULL},
	{NOTIFY_TRY_AGAIN, "a private address needs allowPrivate: true", NOTIFY_WEBHOOK,
		"https://[::1]:1/token", "a secret of at least 24 bytes", false, NULL},
	{NOTIFY_TRY_AGAIN, "", NOTIFY_WEBHOOK, "https://127.0.0.1:1/token",
		"a secret of at least 24 bytes", true, NULL},
	{NOTIFY_NEVER, "the event cannot be put into words", NOTIFY_SLACK,
		"https://127.0.0.1:1/token", NULL, true, "no JSON"},
};

START_TEST(notify_send__not_delivered_and_why)
{
	const struct notify_target target = {.name = (char *)"t",
		.type = cases[_i].type,
		.url = (char *)cases[_i].url,
		.secret = (char *)cases[_i].secret,
		.secret_len = cases[_i].secret ? strlen(cases[_i].secret) : 0,
		.allow_private = cases[_i].allow_private};
	struct notify_sender *s = notify_sender_new();
	struct notify_event ev = event;
	struct err e = {0};

	ck_assert_ptr_nonnull(s);
	if (cases[_i].payload)
		ev.payload = span_of(cases[_i].payload);
	ck_assert_int_eq(notify_send(s, &target, &ev, &e), cases[_i].status);
	ck_assert_msg(strstr(e.msg, cases[_i].why) != NULL, "%s", e.msg);
	ck_assert_str_ne(e.msg, "");
	/* The URL may be a secret. */
	ck_assert_ptr_null(strstr(e.msg, "token"));
	notify_sender_free(s);
}
END_TEST

static char path[64];

static int open_notifier(const char *text, struct notifier **ret, struct err *e)
{
	FILE *f;
	int rc;

	snprintf(path, sizeof(path), "/tmp/test_notify_send.%d.yaml", (int)getpid());
	f = fopen(path, "w");
	ck_assert_ptr_nonnull(f);
	ck_assert_int_ge(fputs(text, f), 0);
	ck_assert_int_eq(fclose(f), 0);
	rc = notifier_open(path, NO_DATABASE, "c1", ret, e);
	unlink(path);
	return rc;
}

/* Reads what is logged until the event comes; the test's own timeout ends the wait. */
static void read_log_until(int fd, const char *name)
{
	char seen[4096];
	size_t len = 0;

	do {
		ssize_t n = read(fd, seen + len, sizeof(seen) - 1 - len);

		ck_assert_int_gt(n, 0);
		len += (size_t)n;
		seen[len] = '\0';
	} while (!strstr(seen, name));
}

START_TEST(notifier__ends_at_once_while_the_database_is_away)
{
	struct notifier *n = NULL;
	struct err e;
	int log_pipe[2], saved = dup(STDERR_FILENO);

	ck_assert_int_eq(pipe(log_pipe), 0);
	ck_assert_int_ge(dup2(log_pipe[1], STDERR_FILENO), 0);

	ck_assert_msg(open_notifier("targets: [{name: a, type: slack, url: 'https://a.example'}]",
			      &n, &e) == 0,
		"%s", e.msg);
	read_log_until(log_pipe[0], "notifications_wait"); /* and now it waits, for seconds */
	notifier_close(n);
	notifier_close(NULL);
	ck_assert_int_ge(dup2(saved, STDERR_FILENO), 0);
	close(saved);
	close(log_pipe[0]);
	close(log_pipe[1]);
}
END_TEST

START_TEST(notifier__does_not_begin_with_a_file_that_is_wrong)
{
	struct notifier *n = NULL;
	struct err e = {0};

	ck_assert_int_eq(open_notifier("targets: 7", &n, &e), -1);
	ck_assert_ptr_null(n);
	ck_assert_ptr_nonnull(strstr(e.msg, "expected a list called targets"));
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("notify_send");

	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, notify_send__not_delivered_and_why, 0, ARRAY_LEN(cases));
	tcase_add_test(t, notifier__ends_at_once_while_the_database_is_away);
	tcase_add_test(t, notifier__does_not_begin_with_a_file_that_is_wrong);
	return run_tests(t);
}
