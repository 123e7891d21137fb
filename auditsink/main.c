/* SPDX-License-Identifier: Apache-2.0 */
/*
 * holdpoint-auditsink: takes the audit events of API servers, takes the secrets out, and stores
 * each once before it says 200. sink.c is the daemon; here it is handed to what runs daemons.
 */
#include "auditsink/sink_flags.h"
#include "common/base/log.h"

static struct sink *sink;

static int start(void *arg _unused_, struct err *e)
{
	if (sink_start(&sink_options.sink, &sink, e) < 0)
		return -1;
	log_info("started", LOG_STR("version", HOLDPOINT_VERSION));
	return 0;
}

static void leave(void *arg _unused_)
{
	sink_leave(sink);
}

static void stop(void *arg _unused_)
{
	sink_stop(sink);
}

int main(int argc, char **argv)
{
	const struct daemon d = {.name = "holdpoint-auditsink",
		.about = "Takes audit events of Kubernetes API servers, masks secrets in them and "
			 "stores\neach once in PostgreSQL.",
		.flags = sink_flags,
		.options = &sink_options.daemon,
		.check = sink_flags_check,
		.start = start,
		.leave = leave,
		.stop = stop};

	return daemon_main(&d, argc, argv);
}
