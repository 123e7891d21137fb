/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the subcommands of `holdpoint` share: the table of them, reading their flags, talking to the
 * database, and how errors and answers reach a person.
 *
 * A subcommand is one file with one function cli_NAME(); commands.c lists them all. It declares its
 * flags as one table, calls cli_parse(), does its work and returns an exit code.
 */
#pragma once

#include "cli/common_flags.h"
#include "cli/when.h"
#include "common/base/buf.h"
#include "common/pg/pg_conn.h"

enum cli_exit {
	CLI_OK = 0,
	CLI_FAILED = 1, /* it did not work */
	CLI_USAGE = 2,	/* the command line is wrong */
	CLI_NO = 3,	/* it worked, and the answer is no */
	CLI_NOT_YET = 4 /* it worked, and the answer is not known yet */
};

struct command {
	const char *name;    /* the words people type: "holds list"; NULL ends the table */
	const char *args;    /* "ID…", or "" */
	const char *summary; /* one line, no full stop */
	int (*run)(const struct command *self, int argc, char **argv);
	const char *examples; /* lines for --help, or NULL */
	bool hidden;	      /* another spelling of a command that is listed already */
};

/* What the process may be called as. */
struct cli_program {
	const char *file;		/* the last part of argv[0]; NULL ends the table */
	const char *name;		/* as people type it: "kubectl holdpoint" */
	const struct command *commands; /* ends with an empty name */
	const struct command *more[8];	/* those of other folders; NULL ends them */
	bool completes; /* its arguments are a command line to complete (cli/complete.h) */
};

/*
 * Finds and runs the subcommand that argv names, of the program that argv[0] names, else of the
 * first. Returns the exit code. What comes behind "__complete" is not run but completed, for
 * shells.
 */
int cli_main(const struct cli_program *programs, int argc, char **argv);

/*
 * Reads flags and positional arguments (argv[0] is the last word of the command's name). Returns -1
 * to go on, or the exit code when --help was printed or the line is wrong.
 */
int cli_parse(const struct command *c, const struct flag *flags, int argc, char **argv,
	size_t min_args, size_t max_args, const char **ret_args, size_t *ret_count);

/* "holdpoint approve: …" on stderr. Returns the exit code given. */
int cli_error(const struct command *c, enum cli_exit code, const char *fmt, ...) _printf_(3, 4);

/* Ends the program with CLI_FAILED: half of an answer is none. */
_Noreturn void cli_no_memory(void);

/*
 * The text of a buffer that is about to be printed. One that could not hold it all, for lack of
 * memory or room, ends the program with CLI_FAILED and the reason: half of an answer is none.
 */
const char *cli_text(struct buf *b);

bool cli_wants_json(const char *output);

/* Appends a whole file; "-" is standard input. 0, or the exit code with the error said. */
int cli_read_file(const struct command *c, const char *path, struct buf *out);

/* Connects, or says why not and returns an exit code > 0. */
int cli_connect(const struct command *c, const char *database_url, struct pg_conn **ret);

/* Runs a statement; 0 and the rows, or the exit code with the error said (SQLSTATE HP0xx: CLI_NO).
 */
int cli_query(const struct command *c, struct pg_conn *conn, const struct pg_stmt *stmt,
	const struct span *params, struct pg_result **ret);

/* One query as statements: rows for people, one JSON text for programs, rows for spreadsheets. */
struct cli_statements {
	const struct pg_stmt *rows, *json, *csv;
	int64_t limit;	   /* of their rows; 0: none */
	int64_t *ret_rows; /* how many came, whatever is printed; NULL: not asked */
};
/*
 * What a limit may have cut is said, on stderr, behind what is shown: cli_ask() does for what it
 * prints. A limit of 0 is none.
 */
void cli_say_more(int64_t rows, int64_t limit);
/* A limit as a parameter: SQL NULL, and 0 for cli_say_more(), where all is asked for. */
struct span cli_param_limit(bool all, int64_t *limit, char text[static 24]);

/*
 * Connects and asks; with -o json or csv that is printed, and *ret stays NULL, else *ret has the
 * rows. Returns the exit code, an error was said.
 */
int cli_ask(const struct command *c, const char *database_url, const char *output,
	const struct cli_statements *q, const struct span *params, struct pg_result **ret);

/* A NULL string is SQL NULL. */
static inline struct span cli_param(const char *s)
{
	return span_of(s);
}
/* A number as a parameter, written into text. */
struct span cli_param_int(int64_t v, char text[static 24]);
/* The same for flags that are only given when they are positive; SQL NULL else. */
struct span cli_param_positive(int64_t v, char text[static 24]);

/* Appends "claude-*" as LIKE has it: "claude-%". */
void cli_put_pattern(struct buf *out, const char *glob);

/* What --since and --until say, as parameters for SQL_WHEN(), which point into the texts. */
struct cli_range {
	struct span since, until;
	char since_text[24], until_text[24];
	int64_t since_ms, until_ms; /* since 1970, by the clock here; no end: 0 */
};
/* As since: without a beginning. */
#define CLI_EVER "1970-01-01"
/*
 * Both may be NULL: the range begins a day ago then, and has no end. One in which nothing can be is
 * an error: it ends before it begins, or begins in the future. Returns 0, or the exit code with the
 * error said.
 */
int cli_when(const struct command *c, const char *since, const char *until, struct cli_range *ret);

/* "No events found from 2026-01-02 16:04:09 until now." on stderr, of "No events found". */
void cli_say_none(const char *what, const struct cli_range *range);

/* From now on Ctrl-C and SIGTERM do not end the process but make cli_interrupted() true. */
void cli_catch_interrupt(void);
bool cli_interrupted(void);

/* Makes SQL that gives one row out of a SELECT: one JSON array, and how long it is. */
#define CLI_AS_JSON(select) "SELECT coalesce(json_agg(t), '[]'), count(*) FROM (" select ") t"

/*
 * Prints JSON indented, by json_put_shown(). Text that is no JSON is not printed: an error is said.
 * Returns the exit code.
 */
int cli_print_json(const struct command *c, struct span text);

/* Prints rows for spreadsheets (csv.h), with the columns' names before them or not. */
void cli_print_csv(const struct pg_result *r, bool with_header);

/* Prints JSON text in one line, by json_put_shown_line(), without the newline. */
void cli_print_json_line(struct span text);
