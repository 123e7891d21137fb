/* SPDX-License-Identifier: Apache-2.0 */
/* What --since and --until say together: see command.h. */
#include <stdio.h>

#include "cli/command.h"
#include "cli/when.h"
#include "common/base/clock.h"
#include "common/base/local_time.h"

#define CLOCKS_DIFFER_MS 60000 /* at most, the one here and others */

static int check_range(
	const struct command *c, const char *since, const char *until, const struct cli_range *r)
{
	int64_t now_ms = realtime_us() / 1000;

	if (r->since_ms > now_ms + CLOCKS_DIFFER_MS)
		return cli_error(c, CLI_USAGE, "--since=%.64s: is in the future", since);
	if (r->until_ms == 0 || r->until_ms > r->since_ms)
		return 0;
	return cli_error(c, CLI_USAGE, "--until=%.64s: is before --since%s%.64s", until,
		since ? "=" : ", which is a day ago unless given", since ? since : "");
}

int cli_when(const struct command *c, const char *since, const char *until, struct cli_range *ret)
{
	int64_t now_ms = realtime_us() / 1000, since_ms = -CLI_DAY_MS, until_ms;
	struct err e;

	*ret = (struct cli_range){0};
	if (since && when_read(since, now_ms, WHEN_SINCE, &since_ms, &e) < 0)
		return cli_error(c, CLI_USAGE, "--since=%s", e.msg);
	ret->since = cli_param_int(since_ms, ret->since_text);
	ret->since_ms = since_ms > 0 ? since_ms : now_ms + since_ms;
	if (until && when_read(until, now_ms, WHEN_UNTIL, &until_ms, &e) < 0)
		return cli_error(c, CLI_USAGE, "--until=%s", e.msg);
	if (until) {
		ret->until = cli_param_int(until_ms, ret->until_text);
		ret->until_ms = until_ms > 0 ? until_ms : now_ms + until_ms;
	}
	return check_range(c, since, until, ret);
}

void cli_say_none(const char *what, const struct cli_range *range)
{
	char from[LOCAL_TIME_MAX], until[LOCAL_TIME_MAX];

	bool ever = range->since_ms < 2 * CLI_DAY_MS;

	fprintf(stderr, "%s%s%s until %s.\n", what, ever ? "" : " from ",
		ever ? "" : local_time(range->since_ms, from),
		range->until_ms ? local_time(range->until_ms, until) : "now");
}
