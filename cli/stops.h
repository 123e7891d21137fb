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

/* 0: exactly one of USER and --group is said. Else the exit code, the error was said. */
int stops_check_whom(const struct command *self, size_t count, const char *group);
