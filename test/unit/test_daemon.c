/* SPDX-License-Identifier: Apache-2.0 */
/* What both daemons do alike: flags, start, signals, what a service manager is told, side listener.
 */
#include <check.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/daemon/daemon.h"
#include "common/daemon/ops.h"
#include "common/daemon/sd_notify.h"
#include "support/raw_http.h"
#include "support/run_tests.h"

#define WAIT_MS 10000

/* ---- a service manager ---- */

static char socket_path[108]; /* as NOTIFY_SOCKET says it */
static int manager;

static void listen_as_manager(bool abstract)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	socklen_t len;

	snprintf(socket_path, sizeof(socket_path), "%sholdpoint-notify-%d",
		abstract ? "@" : "/tmp/", (int)getpid());
	memcpy(a.sun_path, socket_path, strlen(socket_path));
	if (abstract)
		a.sun_path[0] = 0;
	else
		unlink(socket_path);
	len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(socket_path));
	manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(bind(manager, (struct sockaddr *)&a, len), 0);
	setenv("NOTIFY_SOCKET", socket_path, 1);
}

static void end_manager(void)
{
	close(manager);
	if (socket_path[0] == '/')
		unlink(socket_path);
	unsetenv("NOTIFY_SOCKET");
}

static const char *next_message(void)
{
	static char text[256];
	struct pollfd p = {.fd = manager, .events = POLLIN};
	ssize_t n;

	ck_assert_msg(poll(&p, 1, WAIT_MS) == 1, "no message came");
	n = recv(manager, text, sizeof(text) - 1, 0);
	ck_assert_int_ge(n, 0);
	text[n] = 0;
	return text;
}

START_TEST(sd_notify__both_kinds_of_sockets)
{
	long long us;

	listen_as_manager(_i == 1);
	ck_assert_int_eq(sd_notify_send("READY=1"), 1);
	ck_assert_str_eq(next_message(), "READY=1");
	ck_assert_int_eq(sd_notify_reloading(), 1);
	ck_assert_int_eq(sscanf(next_message(), "RELOADING=1\nMONOTONIC_USEC=%lld", &us), 1);
	ck_assert_int_gt(us, 0);
	end_manager();
}
END_TEST

static const struct {
	int expected;
	const char *path; /* NULL: not set */
} sockets[] = {
	{0, NULL},
	{0, ""},
	{-1, "relative"},
	{-1, "@"},
	{-1, "/"},
	{-1, "/nonexistent/socket"},
	{-1, "@holdpoint-nobody-listens"},
	{-1, "/tmp/"
	     "ccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"
	     "ccccccccccccccccccc"},
};

START_TEST(sd_notify__sockets_that_are_none)
{
	if (sockets[_i].path)
		setenv("NOTIFY_SOCKET", sockets[_i].path, 1);
	else
		unsetenv("NOTIFY_SOCKET");
	ck_assert_int_eq(sd_notify_send("READY=1"), sockets[_i].expected);
	unsetenv("NOTIFY_SOCKET");
}
END_TEST

static const struct {
	uint64_t expected;
	const char *usec, *pid; /* "self" */
} watchdogs[] = {
	{0, NULL, NULL},
	{2000000, "2000000", NULL},
	{2000000, "2000000", "self"},
	{0, "2000000", "1"},
	{0, "-1", NULL},
	{0, "2s", NULL},
	{0, "", NULL},
};

START_TEST(sd_notify__whether_a_watchdog_waits_for_us)
{
	char self[16];

	snprintf(self, sizeof(self), "%d", (int)getpid());
	if (watchdogs[_i].usec)
		setenv("WATCHDOG_USEC", watchdogs[_i].usec, 1);
	if (watchdogs[_i].pid)
		setenv("WATCHDOG_PID", strcmp(watchdogs[_i].pid, "self") ? watchdogs[_i].pid : self,
			1);
	ck_assert_uint_eq(sd_notify_watchdog_us(), watchdogs[_i].expected);
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
}
END_TEST

/* ---- a daemon ---- */

static struct daemon_options options = DAEMON_OPTIONS_DEFAULT;
static const char *listen_on = "127.0.0.1:0";

static const struct flag flags[] = {
	{.name = "listen",
		.type = FLAG_STRING,
		.value = &listen_on,
		.arg = "ADDR",
		.help = "Where."},
	DAEMON_FLAGS(options),
};

static int check_flags(struct err *e)
{
	return strcmp(listen_on, "nowhere") == 0 ? err_set(e, "--listen nowhere: must be somewhere")
						 : 0;
}

/* Its steps, one letter each, to a pipe. */
static int steps[2];

static void step(char c)
{
	ck_assert_int_eq(write(steps[1], &c, 1), 1);
}

static int start(void *arg _unused_, struct err *e)
{
	struct rlimit core;

	step('s');
	getrlimit(RLIMIT_CORE, &core);
	if (core.rlim_max != 0)
		return err_set(e, "core files could be made");
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
	/* A handler of core files is started whatever the limit is. */
	if (prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 0)
		return err_set(e, "core files could be handed to a program");
#endif
	return strcmp(listen_on, "taken") == 0
		       ? err_set(e, "--listen taken: in use; choose another")
		       : 0;
}

static void leave(void *arg _unused_)
{
	step('l');
}

static unsigned storm; /* so often a reload asks for another one, and for the end */

static void reload(void *arg _unused_)
{
	step('r');
	if (storm == 0)
		return;
	storm--;
	kill(getpid(), SIGTERM);
	kill(getpid(), SIGHUP);
}

static void stop(void *arg _unused_)
{
	step('e');
}

static FILE *output; /* stdout and stderr of the daemon */

static pid_t run_daemon(const char *flag)
{
	static const struct daemon d = {.name = "holdpoint-test",
		.about = "Tests.",
		.flags = flags,
		.options = &options,
		.check = check_flags,
		.start = start,
		.leave = leave,
		.reload = reload,
		.stop = stop};
	char *argv[] = {(char *)(uintptr_t) "x", (char *)(uintptr_t)flag, NULL};
	pid_t pid;

	output = tmpfile();
	ck_assert_int_eq(pipe(steps), 0);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		int rc;

		dup2(fileno(output), 1);
		dup2(fileno(output), 2);
		rc = daemon_main(&d, flag ? 2 : 1, argv);
		fflush(NULL);
		_exit(rc);
	}
	close(steps[1]);
	return pid;
}

static int end_of(pid_t pid, char ret_steps[16], char ret_output[2048])
{
	int status;
	ssize_t n;

	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	n = read(steps[0], ret_steps, 15);
	ret_steps[n > 0 ? n : 0] = 0;
	close(steps[0]);
	rewind(output);
	ret_output[fread(ret_output, 1, 2047, output)] = 0;
	fclose(output);
	ck_assert(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static const struct {
	int code;
	const char *steps;
	const char *output; /* all of it, or what it begins with, up to '|' */
	const char *flag;
} ends[] = {
	{0, "", "holdpoint-test " HOLDPOINT_VERSION "\n", "--version"},
	{0, "", "Usage: holdpoint-test [FLAGS]\n\nTests.\n\n|", "--help"},
	{2, "", "holdpoint-test: --listen nowhere: must be somewhere\n", "--listen=nowhere"},
	{2, "", "holdpoint-test: |", "--log-level=loud"},
	{1, "se", "holdpoint-test: --listen taken: in use; choose another\n", "--listen=taken"},
};

START_TEST(daemon__that_ends_by_itself)
{
	const char *expected = ends[_i].output, *bar = strchr(expected, '|');
	char went[16], said[2048];

	ck_assert_int_eq(end_of(run_daemon(ends[_i].flag), went, said), ends[_i].code);
	ck_assert_str_eq(went, ends[_i].steps);
	if (bar)
		ck_assert_msg(strncmp(said, expected, (size_t)(bar - expected)) == 0, "%s", said);
	else
		ck_assert_str_eq(said, expected);
}
END_TEST

static void expect(const char *message)
{
	const char *got;

	do {
		got = next_message();
	} while (strcmp(got, "WATCHDOG=1") == 0);
	ck_assert_msg(strncmp(got, message, strlen(message)) == 0, "%s", got);
}

START_TEST(daemon__tells_its_service_manager)
{
	char went[16], said[2048];
	pid_t pid;

	listen_as_manager(true);
	setenv("WATCHDOG_USEC", "40000", 1);
	pid = run_daemon("--shutdown-delay=100ms");
	expect("READY=1");
	for (int i = 0; i < 3; i++)
		ck_assert_str_eq(next_message(), "WATCHDOG=1");
	kill(pid, SIGHUP);
	expect("RELOADING=1\nMONOTONIC_USEC=");
	expect("READY=1");
	kill(pid, SIGTERM);
	expect("STOPPING=1");
	ck_assert_int_eq(end_of(pid, went, said), 0);
	ck_assert_str_eq(went, "srle");
	unsetenv("WATCHDOG_USEC");
	end_manager();
}
END_TEST

START_TEST(daemon__a_second_signal_cuts_the_delay_short)
{
	char went[16], said[2048];
	pid_t pid;

	listen_as_manager(false);
	pid = run_daemon("--shutdown-delay=10m");
	expect("READY=1");
	kill(pid, SIGTERM);
	expect("STOPPING=1");
	kill(pid, SIGTERM);
	ck_assert_int_eq(end_of(pid, went, said), 0);
	ck_assert_str_eq(went, "sle");
	end_manager();
}
END_TEST

/* Whoever sends SIGHUP without end must not keep the daemon from being stopped. */
START_TEST(daemon__ends_in_a_storm_of_reloads)
{
	char went[16], said[2048];
	pid_t pid;

	listen_as_manager(true);
	storm = 5;
	pid = run_daemon(NULL);
	storm = 0;
	expect("READY=1");
	kill(pid, SIGHUP);
	ck_assert_int_eq(end_of(pid, went, said), 0);
	ck_assert_str_eq(went, "srle");
	end_manager();
}
END_TEST

/* ---- the side listener ---- */

static const char *why;

static const char *not_ready(void *arg _unused_)
{
	return why;
}

static struct metric *const *no_metrics(size_t *ret_count)
{
	static struct metric table[] = {
		{.name = "holdpoint_test_total", .help = "Of the test."}, {.name = NULL}};
	static struct metric *const tables[] = {table};

	*ret_count = 1;
	return tables;
}

static const struct {
	int status;
	const char *body; /* a part of it */
	const char *why, *path;
} asked[] = {
	{200, "ok\n", NULL, "/livez"},
	{200, "ok\n", "stopping", "/livez"},
	{200, "ok\n", NULL, "/readyz"},
	{503, "not ready: stopping\n", "stopping", "/readyz"},
	{200, "\nholdpoint_test_total 0\n", NULL, "/metrics"},
	{200, "\nprocess_resident_memory_bytes ", NULL, "/metrics"},
	{200, "{\"program\":\"holdpoint-test\",\"version\":\"" HOLDPOINT_VERSION "\"}\n", NULL,
		"/version"},
	{404, "no such path", NULL, "/"},
};

START_TEST(ops__what_it_answers)
{
	static const ops_metrics_fn tables[] = {no_metrics, NULL};
	const struct ops_config config = {.program = "holdpoint-test",
		.listen = "127.0.0.1:0",
		.metrics = tables,
		.not_ready = not_ready};
	static struct raw_answer a;
	char request[128];
	struct ops *o;
	struct err e;
	int fd;

	why = asked[_i].why;
	ck_assert_msg(ops_start(&config, &o, &e) == 0, "%s", e.msg);
	fd = raw_connect(ops_address(o));
	snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", asked[_i].path);
	ck_assert_int_eq(raw_send_str(fd, request), 0);
	raw_read(fd, &a);
	close(fd);
	ops_stop(o);
	ck_assert_int_eq(a.status, asked[_i].status);
	ck_assert_msg(strstr(a.body, asked[_i].body) != NULL, "%s", a.body);
}
END_TEST

/* The file descriptors that a stranger holds open. */
#define STRANGER 300

/* Whoever holds connections, says nothing on them, or reads no answers, keeps no probe out. */
START_TEST(ops__answers_whoever_holds_connections)
{
	static const char *const first[] = {
		"", "GET /met", "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"};
	static const ops_metrics_fn tables[] = {no_metrics, NULL};
	const struct ops_config config = {.program = "holdpoint-test",
		.listen = "127.0.0.1:0",
		.metrics = tables,
		.not_ready = not_ready};
	static struct raw_answer a;
	int fds[STRANGER];
	struct ops *o;
	struct err e;

	why = NULL;
	ck_assert_msg(ops_start(&config, &o, &e) == 0, "%s", e.msg);
	for (size_t i = 0; i < STRANGER; i++) {
		fds[i] = raw_connect(ops_address(o));
		raw_send_str(fds[i], first[_i]);
		if (i % 20 != 19)
			continue;
		int probe = raw_connect(ops_address(o));

		raw_send_str(probe, "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n");
		raw_read(probe, &a);
		ck_assert_msg(a.status == 200, "with %zu held: %d", i + 1, a.status);
		ck_assert(raw_has_header(&a, "Connection: close"));
		close(probe);
	}
	for (size_t i = 0; i < STRANGER; i++)
		close(fds[i]);
	ops_stop(o);
}
END_TEST

START_TEST(ops__an_address_that_is_none)
{
	static const ops_metrics_fn tables[] = {NULL};
	const struct ops_config config = {
		.program = "x", .listen = "nowhere", .metrics = tables, .not_ready = not_ready};
	struct ops *o;
	struct err e;

	ck_assert_int_eq(ops_start(&config, &o, &e), -1);
	ck_assert_ptr_nonnull(strstr(e.msg, "--metrics-listen: listen address nowhere: must be"));
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("daemon");

	log_set_level(LOG_LEVEL_ERROR);
	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, sd_notify__both_kinds_of_sockets, 0, 2);
	tcase_add_loop_test(t, sd_notify__sockets_that_are_none, 0, ARRAY_LEN(sockets));
	tcase_add_loop_test(t, sd_notify__whether_a_watchdog_waits_for_us, 0, ARRAY_LEN(watchdogs));
	tcase_add_loop_test(t, daemon__that_ends_by_itself, 0, ARRAY_LEN(ends));
	tcase_add_test(t, daemon__tells_its_service_manager);
	tcase_add_test(t, daemon__a_second_signal_cuts_the_delay_short);
	tcase_add_test(t, daemon__ends_in_a_storm_of_reloads);
	tcase_add_loop_test(t, ops__what_it_answers, 0, ARRAY_LEN(asked));
	tcase_add_loop_test(t, ops__answers_whoever_holds_connections, 0, 3);
	tcase_add_test(t, ops__an_address_that_is_none);
	return run_tests(t);
}
