/* SPDX-License-Identifier: Apache-2.0 */
/* What holdpoint and kubectl holdpoint share of stop and resume. */
#pragma once

#include "cli/command.h"

#define CLI_FLAG_STOPPED_GROUP(var)                                                                \
	CLI_FLAG_TEXT("group", var, "NAME", "all members of this Kubernetes group, not one user")
#define CLI_FLAG_STOP_REASON(var)                                                                  \
	{                                                                                          \
		.name = "reason", .short_name = 'r', .type = FLAG_STRING, .value = &(var),         \
		.arg = "TEXT", .no_env = true, .required = true,                                   \
		.help = "why; kept in the record, and told to whoever is stopped"                  \
	}
#define CLI_FLAG_STOP_FOR(var)                                                                     \
	CLI_FLAG_DURATION("for", var, 1000, 366 * CLI_DAY_MS,                                      \
		"it ends by itself after this; else when somebody resumes it")

/*
 * As cli_parse(); besides, exactly one of USER and --group must be said. group: where the flag is
 * kept. *ret_user stays as it is without a USER.
 */
int stops_parse(const struct command *self, const struct flag *flags, int argc, char **argv,
	const char *const *group, const char **ret_user);
