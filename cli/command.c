/* SPDX-License-Identifier: Apache-2.0 */
/* Dispatch, --help, errors and database access for the subcommands. */
#include "cli/command.h"

#include <assert.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "cli/complete.h"
#include "cli/table.h"
#include "common/base/file.h"
#include "common/base/suggest.h"

const char *const cli_output_formats[] = {"wide", "json", NULL};
const char *const cli_report_formats[] = {"wide", "json", "csv", NULL};
const char *const cli_actions[] = {"Allow", "Audit", "Warn", "Hold", "Deny", "Mutate", NULL};
const char *const cli_enforcements[] = {"Enforce", "Warn", "DryRun", NULL};

bool cli_wants_json(const char *output)
{
	return output && strcmp(output, "json") == 0;
}

#define COMMANDS_MAX 63

/* What this process was called as, and its commands. Set once, in cli_main(). */
static const char *program = "holdpoint";
static struct command table[COMMANDS_MAX + 1];
/* What is to be completed in place of being run, or NULL. Set once, too. */
static const struct completion *completing;

/* How many words of argv spell the command's name, or 0 if they do not. */
static int words_matched(const struct command *c, int argc, char **argv)
{
	const char *name = c->name;
	int words = 0;

	while (*name) {
		size_t len = strcspn(name, " ");

		if (words >= argc || strlen(argv[words]) != len ||
			strncmp(argv[words], name, len) != 0)
			return 0;
		words++;
		name += len + (name[len] == ' ');
	}
	return words;
}

static const struct command *find(int argc, char **argv, int *ret_words)
{
	const struct command *found = NULL;

	*ret_words = 0;
	for (const struct command *c = table; c->name; c++) {
		int words = words_matched(c, argc, argv);

		if (words > *ret_words) {
			*ret_words = words;
			found = c;
		}
	}
	return found;
}

/* Is it a command of two words, the first of which is this one? */
static bool is_of_group(const struct command *c, const char *group)
{
	size_t len = strlen(group);

	return strncmp(c->name, group, len) == 0 && c->name[len] == ' ';
}

static bool is_group(const char *word)
{
	for (const struct command *c = table; c->name; c++)
		if (is_of_group(c, word))
			return true;
	return false;
}

/* All commands, or with a group ("policy") those of it. */
static void print_overview(FILE *out, const char *group)
{
	fprintf(out,
		"Approve what agents want to change, and prove what they did.\n\n"
		"Usage: %s COMMAND [ARGUMENTS] [FLAGS]\n\nCommands:\n",
		program);
	for (const struct command *c = table; c->name; c++)
		if (!c->hidden && (!group || is_of_group(c, group)))
			fprintf(out, "  %-17s %s\n", c->name, c->summary);
	fputs("\nEach explains its flags with --help, or help COMMAND. "
	      "Exit codes: 0 fine, 1 failed, 2 usage, 3 no, 4 not yet.\n",
		out);
}

static void print_help(const struct command *c, const struct flag *flags)
{
	_cleanup_(buf_free) struct buf help = BUF_INIT(1 << 16);

	printf("%s.\n\nUsage: %s %s%s%s [FLAGS]\n\nFlags:\n", c->summary, program, c->name,
		c->args[0] ? " " : "", c->args);
	flags_put_help(&help, flags);
	fputs(cli_text(&help), stdout);
	if (c->examples)
		printf("\nExamples:\n%s", c->examples);
}

/* The command of two words that is nearest to "policy chek", or NULL. */
static const char *nearest_of_group(char **argv)
{
	const char *names[COMMANDS_MAX];
	char both[128];
	size_t count = 0;

	if (!argv[1] || argv[1][0] == '-')
		return NULL;
	for (const struct command *c = table; c->name; c++)
		if (is_of_group(c, argv[0]))
			names[count++] = c->name;
	snprintf(both, sizeof(both), "%s %s", argv[0], argv[1]);
	return suggest(span_of(both), names, count);
}

/* First words that begin a command of two words: "db" alone, or "holds lst". */
static int unknown_command(char **argv)
{
	char words[64][32]; /* what commands begin with: "polcy" is near to "policy" alone */
	const char *names[ARRAY_LEN(words)];
	size_t count = 0;
	const char *close = nearest_of_group(argv);
	bool is_prefix = false;

	if (close) {
		fprintf(stderr,
			"%s: no command \"%.64s %.64s\" (did you mean %s?); see %s --help\n",
			program, argv[0], argv[1], close, program);
		return CLI_USAGE;
	}

	for (const struct command *c = table; c->name && count < ARRAY_LEN(names); c++) {
		snprintf(words[count], sizeof(words[count]), "%.*s", (int)strcspn(c->name, " "),
			c->name);
		names[count] = words[count];
		count++;
		if (is_of_group(c, argv[0])) {
			if (!is_prefix)
				fprintf(stderr, "%s: %s needs one more word:", program, argv[0]);
			fprintf(stderr, "%s %s", is_prefix ? "," : "", c->name);
			is_prefix = true;
		}
	}
	if (is_prefix) {
		fputc('\n', stderr);
		return CLI_USAGE;
	}
	close = suggest(span_of(argv[0]), names, count);
	fprintf(stderr, "%s: no command \"%.64s\"%s%s%s; see %s --help\n", program, argv[0],
		close ? " (did you mean " : "", close ? close : "", close ? "?)" : "", program);
	return CLI_USAGE;
}

static void put_commands(const struct command *commands)
{
	size_t n = 0;

	while (table[n].name)
		n++;
	for (; commands && commands->name; commands++) {
		assert(n < COMMANDS_MAX);
		table[n++] = *commands;
	}
}

static const struct cli_program *choose_program(
	const struct cli_program *programs, const char *argv0)
{
	const char *slash = argv0 ? strrchr(argv0, '/') : NULL;
	const struct cli_program *chosen = programs;

	for (const struct cli_program *p = programs; argv0 && p->file; p++)
		if (strcmp(slash ? slash + 1 : argv0, p->file) == 0)
			chosen = p;
	program = chosen->name;
	put_commands(chosen->commands);
	for (size_t i = 0; i < ARRAY_LEN(chosen->more) && chosen->more[i]; i++)
		put_commands(chosen->more[i]);
	return chosen;
}

/* What a full disk did not take is no success. */
static int end_output(int rc)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return rc;
	fprintf(stderr, "%s: the output could not be written: is the disk full?\n", program);
	return rc == CLI_OK ? CLI_FAILED : rc;
}

/* A command that is run now comes no further than cli_parse(), where its flags are known. */
static int complete(int argc, char **argv)
{
	struct completion line = completion_of(argc, argv);
	const struct command *c;
	int words;

	completing = &line;
	/* "help COMMAND": the same words as without it. */
	if (line.count > 0 && strcmp(line.words[0], "help") == 0) {
		line.words++;
		line.count--;
		complete_commands(table, &line);
		complete_end();
		return CLI_OK;
	}
	if (!complete_commands(table, &line) && (c = find(line.count, line.words, &words)))
		return c->run(c, line.count - words + 1, argv + words - 1);
	complete_end();
	return CLI_OK;
}

static bool asks_for_help(const char *word)
{
	return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

/* `help WORDS…`: what the command's --help says, or which commands begin with the word. */
static int help_of(int argc, char **argv)
{
	static char help[] = "--help";
	char *const line[] = {argv[0], help};
	int words;
	const struct command *c = find(argc, argv, &words);

	if (c)
		return c->run(c, ARRAY_LEN(line), (char **)line);
	if (!is_group(argv[0]) || argc > 1)
		return unknown_command(argv);
	print_overview(stdout, argv[0]);
	return CLI_OK;
}

int cli_main(const struct cli_program *programs, int argc, char **argv)
{
	const struct command *c;
	int words;

	if (choose_program(programs, argv[0])->completes)
		return end_output(complete(argc - 1, argv + 1));
	if (argc < 2) {
		print_overview(stderr, NULL);
		return CLI_USAGE;
	}
	if (strcmp(argv[1], "__complete") == 0)
		return end_output(complete(argc - 2, argv + 2));
	if (strcmp(argv[1], "help") == 0 && argc > 2 && !asks_for_help(argv[2]))
		return end_output(help_of(argc - 2, argv + 2));
	if (asks_for_help(argv[1]) || strcmp(argv[1], "help") == 0) {
		print_overview(stdout, NULL);
		return end_output(CLI_OK);
	}
	if (strcmp(argv[1], "--version") == 0)
		argv[1] += 2;
	c = find(argc - 1, argv + 1, &words);
	if (!c && argc > 2 && asks_for_help(argv[2]) && is_group(argv[1])) {
		print_overview(stdout, argv[1]);
		return end_output(CLI_OK);
	}
	if (!c)
		return unknown_command(argv + 1);
	return end_output(c->run(c, argc - words, argv + words));
}

int cli_error(const struct command *c, enum cli_exit code, const char *fmt, ...)
{
	char msg[ERR_MSG_MAX + 256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(msg, sizeof(msg), fmt, ap);
	va_end(ap);
	fprintf(stderr, "%s %s: ", program, c->name);
	print_printable(stderr, msg); /* it may repeat what somebody named their object */
	fputc('\n', stderr);
	return code;
}

int cli_read_file(const struct command *c, const char *path, struct buf *out)
{
	struct err e;

	if (strcmp(path, "-") != 0)
		return file_read(path, out, &e) < 0 ? cli_error(c, CLI_FAILED, "%s", e.msg) : 0;
	if (file_read_fd(STDIN_FILENO, out, &e) < 0)
		return cli_error(c, CLI_FAILED, "standard input: %s", e.msg);
	return 0;
}

void cli_no_memory(void)
{
	fprintf(stderr, "%s: there is not enough memory to show the answer\n", program);
	exit(CLI_FAILED);
}

const char *cli_text(struct buf *b)
{
	const char *text = buf_str(b);

	if (!text)
		cli_no_memory();
	return text;
}

int cli_parse(const struct command *c, const struct flag *flags, int argc, char **argv,
	size_t min_args, size_t max_args, const char **ret_args, size_t *ret_count)
{
	struct err e = {0};
	size_t count = 0;
	int rc;

	if (completing) {
		complete_arguments(c, flags, completing);
		return CLI_OK;
	}
	rc = flags_parse(flags, argc, argv, ret_args, max_args, &count, &e);
	if (rc > 0) {
		print_help(c, flags);
		return CLI_OK;
	}
	if (rc < 0)
		return cli_error(c, CLI_USAGE, "%s", e.msg);
	if (count < min_args)
		return cli_error(
			c, CLI_USAGE, "%s is missing; see %s %s --help", c->args, program, c->name);
	if (ret_count)
		*ret_count = count;
	return -1;
}

int cli_connect(const struct command *c, const char *database_url, struct pg_conn **ret)
{
	struct err e;

	if (!database_url && !getenv("PGHOST") && !getenv("PGSERVICE") && !getenv("PGDATABASE"))
		return cli_error(c, CLI_USAGE,
			"which database? Give --database-url or set HOLDPOINT_DATABASE_URL");
	if (pg_conn_open(database_url ? database_url : "", "holdpoint", 0, ret, &e) < 0)
		return cli_error(c, CLI_FAILED,
			"%s; does it run, and is it what --database-url or HOLDPOINT_DATABASE_URL "
			"says?",
			e.msg);
	return 0;
}

/* "relation holdpoint.x does not exist" means something simpler to its reader. */
static const char *advice(const char *sqlstate)
{
	if (strcmp(sqlstate, "42P01") == 0 || strcmp(sqlstate, "3F000") == 0 ||
		strcmp(sqlstate, "42883") == 0)
		return "; is the schema there? Run holdpoint db migrate";
	if (strcmp(sqlstate, "42501") == 0)
		return "; who grants roles can mend that: holdpoint_approver is to decide, "
		       "holdpoint_stopper to stop and resume, holdpoint_auditor to read, "
		       "holdpoint_retention to drop or erase";
	return "";
}

int cli_query(const struct command *c, struct pg_conn *conn, const struct pg_stmt *stmt,
	const struct span *params, struct pg_result **ret)
{
	char sqlstate[6] = "";
	struct err e;

	if (pg_exec(conn, stmt, params, ret, sqlstate, &e) == PG_OK)
		return 0;
	if (strncmp(sqlstate, "HP", 2) == 0)
		return cli_error(c, CLI_NO, "%s", e.msg);
	return cli_error(c, CLI_FAILED, "%s%s", e.msg, advice(sqlstate));
}

int cli_ask(const struct command *c, const char *database_url, const char *output,
	const struct cli_statements *q, const struct span *params, struct pg_result **ret)
{
	_cleanup_(pg_conn_closep) struct pg_conn *conn = NULL;
	_cleanup_(pg_result_freep) struct pg_result *r = NULL;
	bool json = cli_wants_json(output), csv = output && strcmp(output, "csv") == 0;
	int64_t count = 0;
	int rc = cli_connect(c, database_url, &conn);

	if (rc > 0)
		return rc;
	rc = cli_query(c, conn, json ? q->json : csv ? q->csv : q->rows, params, &r);
	if (rc > 0)
		return rc;
	/* Only statements with a limit, or that are counted, say how long their JSON is. */
	if (q->limit > 0 || q->ret_rows)
		count = json ? pg_result_int(r, 0, 1) : pg_result_rows(r);
	if (q->ret_rows)
		*q->ret_rows = count;
	if (!json && !csv) {
		*ret = TAKE_PTR(r);
		return CLI_OK;
	}
	if (json)
		rc = cli_print_json(c, pg_result_span(r, 0, 0));
	else
		cli_print_csv(r, true);
	if (rc == 0)
		cli_say_more(count, q->limit);
	return rc;
}

void cli_put_pattern(struct buf *out, const char *glob)
{
	for (const char *p = glob; *p; p++) {
		if (strchr("%_\\", *p))
			buf_add_char(out, '\\');
		buf_add_char(out, *p == '*' ? '%' : *p == '?' ? '_' : *p);
	}
}

void cli_say_more(int64_t rows, int64_t limit)
{
	if (limit > 0 && rows >= limit)
		fprintf(stderr,
			"%lld are shown, and there may be more: repeat with a larger --limit, or "
			"--all\n",
			(long long)rows);
}

struct span cli_param_limit(bool all, int64_t *limit, char text[static 24])
{
	if (all)
		*limit = 0;
	return cli_param_positive(*limit, text);
}

struct span cli_param_int(int64_t v, char text[static 24])
{
	return (struct span){text, (size_t)snprintf(text, 24, "%lld", (long long)v)};
}

struct span cli_param_positive(int64_t v, char text[static 24])
{
	return v > 0 ? cli_param_int(v, text) : (struct span){0};
}

static volatile sig_atomic_t interrupted;

static void on_signal(int signal _unused_)
{
	interrupted = 1;
}

void cli_catch_interrupt(void)
{
	const struct sigaction action = {.sa_handler = on_signal};

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
}

bool cli_interrupted(void)
{
	return interrupted;
}
