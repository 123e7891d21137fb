/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What all our daemons do alike: flags, --help and --version, start, the wait for signals, stop.
 *
 * A daemon that cannot start says why in one line on stderr: what, where, what to do. From its
 * start on it writes the log (common/base/log.h). No core file is made of it: secrets pass through.
 * Where a service manager asks for it (NOTIFY_SOCKET, WATCHDOG_USEC), it is told what goes on.
 */
#pragma once

#include "common/base/err.h"
#include "common/base/flags.h"

/* For a table of flags, in this order at its end. */
#define DAEMON_FLAGS(options)                                                                      \
	{.name = "log-level",                                                                      \
		.type = FLAG_STRING,                                                               \
		.value = &(options).log_level,                                                     \
		.arg = "LEVEL",                                                                    \
		.one_of = daemon_log_levels,                                                       \
		.help = "Least level that is logged."},                                            \
		{.name = "shutdown-delay",                                                         \
			.type = FLAG_DURATION_MS,                                                  \
			.value = &(options).shutdown_delay_ms,                                     \
			.arg = "DURATION",                                                         \
			.max = 600000,                                                             \
			.help = "After SIGTERM, go on serving that long while /readyz says no, "   \
				"so that load balancers can turn away."},                          \
		{.name = "version",                                                                \
			.type = FLAG_BOOL,                                                         \
			.value = &(options).version,                                               \
			.no_env = true,                                                            \
			.help = "Print the version and exit."},                                    \
	{                                                                                          \
		.name = NULL                                                                       \
	}

/* The values of those flags. */
struct daemon_options {
	const char *log_level;
	int64_t shutdown_delay_ms;
	bool version; /* read before the others: nothing else is required then */
};

#define DAEMON_OPTIONS_DEFAULT                                                                     \
	{                                                                                          \
		.log_level = "info"                                                                \
	}

extern const char *const daemon_log_levels[];

struct daemon {
	const char *name;  /* "holdpoint-webhook" */
	const char *about; /* for --help, below the usage, in lines of 80 columns */
	const struct flag *flags;
	const struct daemon_options *options;
	/* What a table of flags cannot say. -1: one line. */
	int (*check)(struct err *e);
	/* Returns when requests are served; also logs "started". -1: one line that says what, where
	 * and what to do; what was started until then is stop()'s. Signals are blocked. */
	int (*start)(void *arg, struct err *e);
	/* Requests are served for a little longer, but /readyz says no. */
	void (*leave)(void *arg);
	void (*reload)(void *arg); /* SIGHUP; NULL: it is ignored */
	void (*stop)(void *arg);
	void *arg;
};

/*
 * All of main(). Returns the exit code: 0, 1 (not started), 2 (flags). Threads: the first, once; it
 * calls each function of d itself.
 */
int daemon_main(const struct daemon *d, int argc, char **argv);
