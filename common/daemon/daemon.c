/* SPDX-License-Identifier: Apache-2.0 */
#include "common/daemon/daemon.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>

#include "common/base/log.h"
#include "common/base/log_queue.h"
#include "common/daemon/sd_notify.h"

#define LOG_QUEUE_BYTES ((size_t)1 << 20)
#define LOG_FLUSH_MS	2000 /* at the end, for whoever reads stderr */

enum { EXIT_FINE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

const char *const daemon_log_levels[] = {"debug", "info", "warn", "error", NULL};

/* Secrets pass through this process: none may end up in a core file. */
static void refuse_core_dumps(void)
{
	(void)setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
	/* Sanitizers inspect their own process at the end, which this would forbid them. */
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
#endif
}

/*
 * A look-up of a host's name blocks its thread, whatever deadline the connection that it is for
 * has. With the C library's own settings a name server that is silent costs ten seconds, three of
 * them thirty; so, two and six. Before any thread: each reads the environment once.
 */
static void bound_look_ups(void)
{
	(void)setenv("RES_OPTIONS", "timeout:1 attempts:2", false);
}

/* ---- signals ---- */

static void block_signals(sigset_t *ret)
{
	sigemptyset(ret);
	sigaddset(ret, SIGTERM);
	sigaddset(ret, SIGINT);
	sigaddset(ret, SIGHUP);
	pthread_sigmask(SIG_BLOCK, ret, NULL);
}

static void signals_that_end(sigset_t *ret)
{
	sigemptyset(ret);
	sigaddset(ret, SIGTERM);
	sigaddset(ret, SIGINT);
}

/* One that ends us goes first: the kernel would hand out SIGHUP, which may come again and again. */
static int pending_end(void)
{
	static const struct timespec now = {0};
	sigset_t ends;

	signals_that_end(&ends);
	return sigtimedwait(&ends, NULL, &now);
}

/* The next signal; meanwhile the service manager's watchdog is told that we live. */
static int next_signal(const sigset_t *signals)
{
	const uint64_t every_us = sd_notify_watchdog_us() / 2;
	const struct timespec pause = {.tv_sec = (time_t)(every_us / 1000000),
		.tv_nsec = (long)(every_us % 1000000) * 1000};
	int got;

	for (;;) {
		if (every_us > 0)
			sd_notify_send("WATCHDOG=1");
		got = pending_end();
		if (got > 0)
			return got;
		got = every_us > 0 ? sigtimedwait(signals, NULL, &pause)
				   : sigwaitinfo(signals, NULL);
		if (got > 0)
			return got;
		assert(errno == EAGAIN || errno == EINTR);
	}
}

static void reload(const struct daemon *d)
{
	if (!d->reload)
		return;
	sd_notify_reloading();
	d->reload(d->arg);
	sd_notify_send("READY=1");
}

/* Load balancers need a moment to see that /readyz says no. A second signal cuts it short. */
static void wait_for_load_balancers(int64_t delay_ms)
{
	const struct timespec delay = {
		.tv_sec = delay_ms / 1000, .tv_nsec = delay_ms % 1000 * 1000000};
	sigset_t again;

	if (delay_ms <= 0)
		return;
	signals_that_end(&again);
	sigtimedwait(&again, NULL, &delay);
}

static void serve_until_stopped(const struct daemon *d, const sigset_t *signals)
{
	int got;

	sd_notify_send("READY=1");
	while ((got = next_signal(signals)) == SIGHUP)
		reload(d);
	log_info("stopping", LOG_STR("signal", got == SIGTERM ? "SIGTERM" : "SIGINT"));
	sd_notify_send("STOPPING=1");
	d->leave(d->arg);
	if (got == SIGTERM)
		wait_for_load_balancers(d->options->shutdown_delay_ms);
}

/* ---- start ---- */

static int fail(const struct daemon *d, const struct err *e, int code)
{
	fprintf(stderr, "%s: %s\n", d->name, e->msg);
	return code;
}

static int run(const struct daemon *d)
{
	sigset_t signals;
	struct err e;

	block_signals(&signals);
	if (log_queue_start(LOG_QUEUE_BYTES, &e) != 0)
		return fail(d, &e, EXIT_FAILED);
	if (d->start(d->arg, &e) != 0) {
		d->stop(d->arg);
		log_queue_stop(LOG_FLUSH_MS);
		return fail(d, &e, EXIT_FAILED);
	}
	serve_until_stopped(d, &signals);
	d->stop(d->arg);
	log_info("stopped");
	log_queue_stop(LOG_FLUSH_MS);
	return EXIT_FINE;
}

static int print_help(const struct daemon *d)
{
	_cleanup_(buf_free) struct buf out = BUF_INIT(1 << 20);

	buf_printf(&out, "Usage: %s [FLAGS]\n\n%s\n\n", d->name, d->about);
	flags_put_help(&out, d->flags);
	buf_add_str(&out, "\nEach flag can also be given in the environment, as\n"
			  "HOLDPOINT_DATABASE_URL for --database-url; the command line wins.\n");
	return fwrite(out.ptr, 1, out.len, stdout) == out.len ? EXIT_FINE : EXIT_FAILED;
}

static bool asks_for_version(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (strcmp(argv[i], "--version") == 0)
			return true;
	return false;
}

int daemon_main(const struct daemon *d, int argc, char **argv)
{
	enum log_level level;
	size_t count;
	struct err e;
	int rc;

	assert(d->name && d->about && d->flags && d->options && d->start && d->leave && d->stop);
	refuse_core_dumps();
	bound_look_ups();
	if (asks_for_version(argc, argv))
		return printf("%s " HOLDPOINT_VERSION "\n", d->name) > 0 ? EXIT_FINE : EXIT_FAILED;
	rc = flags_parse(d->flags, argc, argv, NULL, 0, &count, &e);
	if (rc == 1)
		return print_help(d);
	if (rc == 0 && d->check)
		rc = d->check(&e);
	if (rc != 0)
		return fail(d, &e, EXIT_USAGE);
	if (log_level_parse(d->options->log_level, &level) == 0)
		log_set_level(level);
	return run(d);
}
