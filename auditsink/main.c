/*
 * holdpoint-auditsink: takes the audit events of API servers, takes the secrets out, and stores
 * each once before it says 200. This file is flags, signals and exit codes; sink.c is the rest.
 */
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "auditsink/sink_flags.h"
#include "common/base/log.h"

#define EXIT_USAGE 2

/* Bodies hold secrets until they are masked: no core file may be made of this process. */
static void forbid_core_dumps(void)
{
	(void)setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
	/* Sanitizers inspect their own process at the end, which this would forbid them. */
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
#endif
}

static int usage(const struct err *e)
{
	fprintf(stderr, "holdpoint-auditsink: %s\n", e->msg);
	return EXIT_USAGE;
}

static int print_help(const struct flag *table)
{
	_cleanup_(buf_free) struct buf out = BUF_INIT(65536);

	buf_add_str(&out, "Usage: holdpoint-auditsink [FLAGS]\n\n"
			  "Takes audit events of Kubernetes API servers, masks secrets in them and "
			  "stores\neach once in PostgreSQL.\n\n");
	flags_put_help(&out, table);
	return fputs(buf_str(&out), stdout) >= 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int run(const struct sink_config *config)
{
	struct sink *s = NULL;
	struct err e;
	sigset_t signals;
	int got;

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	pthread_sigmask(SIG_BLOCK, &signals, NULL);
	if (sink_start(config, &s, &e) < 0) {
		fprintf(stderr, "holdpoint-auditsink: %s\n", e.msg);
		return EXIT_FAILURE;
	}
	log_info("started", LOG_STR("version", HOLDPOINT_VERSION));
	sigwait(&signals, &got);
	log_info("stopping", LOG_STR("signal", got == SIGTERM ? "SIGTERM" : "SIGINT"));
	sink_stop(s);
	log_info("stopped");
	return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	struct sink_options o;
	struct flag table[SINK_FLAGS_MAX];
	enum log_level level;
	struct err e;
	size_t count;
	int rc;

	forbid_core_dumps();
	sink_flags(&o, table);
	if (argc == 2 && strcmp(argv[1], "--version") == 0) /* nothing else is required then */
		return puts("holdpoint-auditsink " HOLDPOINT_VERSION) < 0;
	rc = flags_parse(table, argc, argv, NULL, 0, &count, &e);
	if (rc < 0)
		return usage(&e);
	if (rc > 0)
		return print_help(table);
	if (sink_flags_check(&o, &e) < 0)
		return usage(&e);
	if (log_level_parse(o.log_level, &level) == 0)
		log_set_level(level);
	return run(&o.sink);
}
