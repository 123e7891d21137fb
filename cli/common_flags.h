/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The flags that several commands have, each written down once: called, bounded and read alike
 * wherever it is. Only the database is also read from the environment.
 */
#pragma once

#include "common/base/flags.h"

#define CLI_DAY_MS INT64_C(86400000)

#define CLI_FLAG_DATABASE(var)                                                                     \
	{                                                                                          \
		.name = "database-url", .type = FLAG_STRING, .value = &(var), .arg = "URL",        \
		.help = "PostgreSQL to talk to (or HOLDPOINT_DATABASE_URL); without it libpq's "   \
			"PGHOST, PGSERVICE … are used"                                           \
	}

/* A string without a meaning of its own for the reader of flags. */
#define CLI_FLAG_TEXT(flag_name, var, placeholder, text)                                           \
	{                                                                                          \
		.name = flag_name, .type = FLAG_STRING, .value = &(var), .arg = placeholder,       \
		.no_env = true, .help = text                                                       \
	}
/* One of a fixed set. */
#define CLI_FLAG_WORD(flag_name, var, placeholder, words, text)                                    \
	{                                                                                          \
		.name = flag_name, .type = FLAG_STRING, .value = &(var), .arg = placeholder,       \
		.no_env = true, .one_of = words, .help = text                                      \
	}
/* What rules say, and how far a policy is followed. */
extern const char *const cli_actions[];
extern const char *const cli_enforcements[];
#define CLI_FLAG_USER(var, text)    CLI_FLAG_TEXT("user", var, "NAME", text)
#define CLI_FLAG_CLUSTER(var, text) CLI_FLAG_TEXT("cluster", var, "NAME", text)
#define CLI_FLAG_NAMESPACE(var, text)                                                              \
	{                                                                                          \
		.name = "namespace", .short_name = 'n', .type = FLAG_STRING, .value = &(var),      \
		.arg = "NAME", .no_env = true, .help = text                                        \
	}
#define CLI_FLAG_REASON(var, needed)                                                               \
	{                                                                                          \
		.name = "reason", .short_name = 'r', .type = FLAG_STRING, .value = &(var),         \
		.arg = "TEXT", .no_env = true, .required = needed,                                 \
		.help = "why; kept in the record"                                                  \
	}

#define CLI_FLAG_OUTPUT_ONE_OF(var, formats, text)                                                 \
	{                                                                                          \
		.name = "output", .short_name = 'o', .type = FLAG_STRING, .value = &(var),         \
		.arg = "FORMAT", .no_env = true, .one_of = formats, .help = text                   \
	}
#define CLI_FLAG_OUTPUT(var)                                                                       \
	CLI_FLAG_OUTPUT_ONE_OF(var, cli_output_formats, "wide (nothing is cut) or json")
extern const char *const cli_output_formats[];
/* Of what people put into reports. */
#define CLI_FLAG_OUTPUT_REPORT(var)                                                                \
	CLI_FLAG_OUTPUT_ONE_OF(                                                                    \
		var, cli_report_formats, "wide (nothing is cut), json or csv (for a spreadsheet)")
extern const char *const cli_report_formats[];

#define CLI_FLAG_DURATION(flag_name, var, at_least, at_most, text)                                 \
	{                                                                                          \
		.name = flag_name, .type = FLAG_DURATION_MS, .value = &(var), .arg = "DURATION",   \
		.no_env = true, .min = at_least, .max = at_most, .help = text                      \
	}
/* Both say how long ago. */
#define CLI_FLAG_SINCE(var, text) CLI_FLAG_DURATION("since", var, 1, 3660 * CLI_DAY_MS, text)
#define CLI_FLAG_UNTIL(var, text) CLI_FLAG_DURATION("until", var, 1, 3660 * CLI_DAY_MS, text)

/* The same as people say times: read with cli_when(). */
#define CLI_FLAG_SINCE_TIME(var, text)                                                             \
	CLI_FLAG_TEXT("since", var, "TIME", text "; also today, 16:04, or as in RFC 3339")
#define CLI_FLAG_UNTIL_TIME(var, text) CLI_FLAG_TEXT("until", var, "TIME", text)

#define CLI_FLAG_NUMBER(flag_name, var, placeholder, at_least, at_most, text)                      \
	{                                                                                          \
		.name = flag_name, .type = FLAG_INT, .value = &(var), .arg = placeholder,          \
		.no_env = true, .min = at_least, .max = at_most, .help = text                      \
	}
#define CLI_FLAG_LIMIT(var, text) CLI_FLAG_NUMBER("limit", var, "N", 1, 100000, text)
#define CLI_FLAG_ALL(var)	  CLI_FLAG_SWITCH("all", var, "no limit: all that match")

/* Which holds: for holdpoint and kubectl alike. */
struct cli_hold_filter {
	const char *user, *ns, *resource, *policy, *rule;
};
#define CLI_FLAGS_HOLD_FILTER(f)                                                                   \
	CLI_FLAG_USER((f).user, "only holds of this requester"),                                   \
		CLI_FLAG_NAMESPACE((f).ns, "only holds in this namespace"),                        \
		CLI_FLAG_TEXT("resource", (f).resource, "RESOURCE",                                \
			"only holds of this resource: pods, deployments.apps, pods/exec"),         \
		CLI_FLAG_TEXT("policy", (f).policy, "POLICY", "only holds by this policy"),        \
		CLI_FLAG_TEXT("rule", (f).rule, "[POLICY/]RULE", "only holds by this rule")
/* Of `deny`: the holds of one requester instead of numbers. */
#define CLI_FLAGS_DENY_USER(f, yes)                                                                \
	CLI_FLAG_USER((f).user, "deny everything of this requester that waits for you"),           \
		CLI_FLAG_NAMESPACE((f).ns, "with --user: only in this namespace"),                 \
		CLI_FLAG_TEXT("resource", (f).resource, "RESOURCE",                                \
			"with --user: only this resource: pods, deployments.apps, pods/exec"),     \
		CLI_FLAG_TEXT("policy", (f).policy, "POLICY", "with --user: only by this policy"), \
		CLI_FLAG_TEXT(                                                                     \
			"rule", (f).rule, "[POLICY/]RULE", "with --user: only by this rule"),      \
		CLI_FLAG_SWITCH("yes", yes, "with --user: do not ask")
#define CLI_FLAG_BEFORE(var)                                                                       \
	CLI_FLAG_NUMBER("before", var, "HOLD", 1, INT64_MAX,                                       \
		"only holds of smaller numbers: the page behind")

#define CLI_FLAG_SWITCH(flag_name, var, text)                                                      \
	{                                                                                          \
		.name = flag_name, .type = FLAG_BOOL, .value = &(var), .no_env = true,             \
		.help = text                                                                       \
	}

/* How an approval can be narrowed: by psql, holdpoint and kubectl alike. */
struct cli_narrowing {
	int64_t for_ms, uses; /* 0: not */
	const char *ns, *name;
	bool like; /* the like of the change, too */
};
#define CLI_FLAGS_NARROW(n)                                                                        \
	CLI_FLAG_DURATION("for", (n).for_ms, 1000, 366 * CLI_DAY_MS,                               \
		"narrow: the approval ends after this, at the latest"),                            \
		CLI_FLAG_NUMBER("uses", (n).uses, "N", 1, 1000000,                                 \
			"narrow a Window: at most so many changes"),                               \
		CLI_FLAG_NAMESPACE((n).ns, "narrow a Window: only in this namespace"),             \
		CLI_FLAG_TEXT("name", (n).name, "NAME",                                            \
			"narrow a Window: only the object of this name"),                          \
		CLI_FLAG_SWITCH("like", (n).like,                                                  \
			"not this change alone: open a Window for the like of it, where the rule " \
			"allows one")
/* Nobody approves unknowingly what they were not shown. */
#define CLI_FLAG_UNSEEN(var)                                                                       \
	CLI_FLAG_SWITCH("unseen", var, "approve also what is too large to be shown")
