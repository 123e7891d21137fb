/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Command line flags in Kubernetes style: one table per program, from which parsing, validation,
 * --help (of which the man pages are made) and the environment names all come.
 *
 * "--listen=ADDR", "--listen ADDR", booleans "--x" and "--x=false". Each flag is also read from the
 * environment (HOLDPOINT_LISTEN for --listen) when the command line does not give it; a repeatable
 * flag is comma-separated there. Durations are Go durations ("1h30m", "250ms"), sizes "64Mi",
 * "10k".
 */
#pragma once

#include "common/base/buf.h"
#include "common/base/err.h"

enum flag_type {
	FLAG_STRING,	  /* const char **  */
	FLAG_STRING_LIST, /* struct flag_list * : repeatable */
	FLAG_BOOL,	  /* bool * */
	FLAG_INT,	  /* int64_t *, min..max */
	FLAG_BYTES,	  /* int64_t *, min..max */
	FLAG_DURATION_MS, /* int64_t *, min..max, in milliseconds */
};

#define FLAG_LIST_MAX 64

struct flag_list {
	const char *items[FLAG_LIST_MAX];
	size_t count;
};

struct flag {
	const char *name; /* without the dashes; NULL ends the table */
	char short_name;  /* 'o' for -o, 0 for none */
	enum flag_type type;
	void *value;	  /* as the type says; holds the default before parsing */
	const char *arg;  /* placeholder in --help: "ADDR" */
	const char *help; /* one sentence; the default is appended by --help itself */
	int64_t min, max; /* for numbers; both 0: no bound */
	bool required;
	bool no_env; /* not read from the environment */
	/* FLAG_STRING: NULL-terminated list of what is allowed, in any case; value becomes one */
	const char *const *one_of;
};

/*
 * Parses argv[1..] against the table. What is no flag goes to ret_args (positional arguments, "--"
 * ends the flags), at most max_args.
 * Errors: -1, one line that names the flag and the value and, where close, what may be meant.
 * Returns 1 when --help was given (nothing validated), else 0. Strings point into argv/environ.
 * Threads: before there are others, as the environment is read.
 */
int flags_parse(const struct flag *table, int argc, char **argv, const char **ret_args,
	size_t max_args, size_t *ret_arg_count, struct err *e) _must_check_;

/* The table as --help shows it, 80 columns. */
void flags_put_help(struct buf *out, const struct flag *table);

/* "1h30m", "20s", "250ms", "7d" → milliseconds. -1 if it is no Go duration (or days) or negative.
 */
int duration_parse_ms(struct span s, int64_t *ret_ms);
/* "64Mi", "10k", "123" → bytes. */
int bytes_parse(struct span s, int64_t *ret);
