/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/import/import.h"

#include <errno.h>
#include <fts.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#include "cli/import/import_run_internal.h"

#define PATHS_MAX   256
#define ARENA_FIRST ((size_t)1 << 20)
#define ARENA_MAX   ((size_t)1 << 30)

/* ---- what is said of a log ---- */

static const char *plural(uint64_t n)
{
	return n == 1 ? "" : "s";
}

/* ", 3 quarantined"; nothing of nothing. */
static void put_count(struct buf *out, const char *before, uint64_t n, const char *what)
{
	if (n > 0)
		buf_printf(out, "%s%" PRIu64 " %s", out->len > 0 ? before : "", n, what);
}

static void put_formats(struct buf *out, unsigned formats)
{
	const char *before = " (";

	/* What wraps it says more than that there is an event in the end. */
	if (formats & ~(1u << IMPORT_EVENT))
		formats &= ~(1u << IMPORT_EVENT);
	if (formats & (1u << IMPORT_AKS | 1u << IMPORT_CLOUDWATCH | 1u << IMPORT_CLOUD_AUDIT))
		formats &= ~(1u << IMPORT_COLLECTOR | 1u << IMPORT_EVENT_LIST);
	for (unsigned f = 0; f < IMPORT_FORMATS; f++) {
		if (!(formats >> f & 1))
			continue;
		buf_printf(out, "%s%s", before, import_format_name(f));
		before = ", ";
	}
	buf_add_str(out, formats ? ")" : "");
}

static void print_survey(const char *path, const struct import_survey *s)
{
	_cleanup_(buf_free) struct buf out = BUF_INIT(1024);

	buf_printf(&out, "%" PRIu64 " event%s", s->events, plural(s->events));
	put_formats(&out, s->formats);
	put_count(&out, ", ", s->cut, "cut off (for the quarantine)");
	put_count(&out, ", ", s->others, "other records");
	put_count(&out, ", ", s->unreadable, "that cannot be read");
	put_count(&out, ", ", s->unfinished, "bytes of a line that has no end yet");
	printf("%s: %s\n", path, cli_text(&out));
}

static void print_sums(const char *path, const struct import_sums *s)
{
	_cleanup_(buf_free) struct buf out = BUF_INIT(1024);
	const uint64_t all = s->stored + s->known + s->spooled + s->quarantined;

	put_count(&out, ", ", s->stored, "stored");
	put_count(&out, ", ", s->known, "stored before");
	put_count(
		&out, ", ", s->spooled, "spooled (the sink stores them when its database answers)");
	put_count(&out, ", ", s->quarantined, "quarantined (see holdpoint.audit_quarantine)");
	printf("%s: %" PRIu64 " event%s%s%s", path, all, plural(all), out.len > 0 ? ": " : "",
		cli_text(&out));
	if (s->others > 0)
		printf("; %" PRIu64 " other record%s skipped", s->others, plural(s->others));
	if (s->unreadable > 0)
		printf("; %" PRIu64 " that cannot be read left out", s->unreadable);
	putchar('\n');
}

static void add_sums(struct import_sums *to, const struct import_sums *s)
{
	to->stored += s->stored;
	to->known += s->known;
	to->spooled += s->spooled;
	to->quarantined += s->quarantined;
	to->others += s->others;
	to->unreadable += s->unreadable;
}

/* ---- one log ---- */

/* Is there anything in it to send, and nothing that it would be wrong to leave out? */
static int judge(const struct import *im, const char *path, const struct import_survey *s)
{
	if (s->unreadable > 0 && !im->skip_unreadable)
		return cli_error(im->self, CLI_FAILED,
			"%s: line %" PRIu64 ": %s; nothing of this file was sent "
			"(--skip-unreadable sends the rest)",
			path, s->line, s->why);
	if (s->events == 0 && s->cut + s->others + s->unreadable > 0)
		return cli_error(im->self, CLI_FAILED,
			"%s: holds no audit event, but %" PRIu64
			" other record%s; nothing was sent",
			path, s->cut + s->others + s->unreadable,
			plural(s->cut + s->others + s->unreadable));
	return CLI_OK;
}

static int import_log(struct import *im, const char *path)
{
	struct import_survey survey;
	struct import_sums sums = {0};
	int rc = import_survey(im, path, &survey);

	if (rc != CLI_OK)
		return rc;
	if (!im->sink)
		print_survey(path, &survey);
	rc = judge(im, path, &survey);
	if (rc != CLI_OK || !im->sink)
		return rc;
	rc = import_send(im, path, &survey, &sums);
	add_sums(&im->total, &sums);
	if (rc != CLI_OK)
		return rc;
	print_sums(path, &sums);
	if (survey.unfinished > 0)
		printf("%s: the last %" PRIu64
		       " bytes are a line without an end: left for the next "
		       "run\n",
			path, survey.unfinished);
	return CLI_OK;
}

/* What can be read once only, as a pipe: what cannot be read is left out, and said at the end. */
static int import_stream(struct import *im, const char *path)
{
	const char *name = strcmp(path, "-") == 0 ? "standard input" : path;
	struct import_survey survey;
	struct import_sums sums = {0};
	int rc;

	if (!im->sink) {
		rc = import_survey(im, path, &survey);
		if (rc != CLI_OK)
			return rc;
		print_survey(name, &survey);
		return judge(im, name, &survey);
	}
	rc = import_send(im, path, NULL, &sums);
	add_sums(&im->total, &sums);
	if (rc != CLI_OK)
		return rc;
	print_sums(name, &sums);
	if (sums.unreadable > 0 && !im->skip_unreadable)
		return cli_error(im->self, CLI_FAILED,
			"%s: %" PRIu64
			" record%s cannot be read; a file is refused before anything "
			"of it is sent",
			name, sums.unreadable, plural(sums.unreadable));
	if (sums.others > 0 && sums.stored + sums.known + sums.spooled + sums.quarantined == 0)
		return cli_error(im->self, CLI_FAILED, "%s: holds no audit event", name);
	return CLI_OK;
}

/* ---- folders ---- */

static int by_name(const FTSENT **a, const FTSENT **b)
{
	return strcmp((*a)->fts_name, (*b)->fts_name);
}

/* A folder's files in the order of their names; what is hidden, or no file, is left out. */
static int import_path(struct import *im, const char *path, uint64_t *logs)
{
	char *const paths[] = {(char *)(uintptr_t)path, NULL};
	FTS *fts = fts_open(paths, FTS_COMFOLLOW | FTS_PHYSICAL | FTS_NOCHDIR, by_name);
	const FTSENT *f;
	int rc = CLI_OK, one;

	if (!fts)
		return cli_error(im->self, CLI_FAILED, "%s: %s", path, strerror(errno));
	while ((errno = 0, f = fts_read(fts))) {
		if (f->fts_level > 0 && f->fts_name[0] == '.') {
			fts_set(fts, (FTSENT *)(uintptr_t)f, FTS_SKIP);
			continue;
		}
		one = CLI_OK;
		if (f->fts_info == FTS_F || (f->fts_info == FTS_DEFAULT && f->fts_level == 0)) {
			++*logs;
			one = f->fts_info == FTS_F ? import_log(im, f->fts_path)
						   : import_stream(im, f->fts_path);
		} else if (f->fts_info == FTS_ERR || f->fts_info == FTS_NS ||
			   f->fts_info == FTS_DNR) {
			one = cli_error(im->self, CLI_FAILED, "%s: %s", f->fts_path,
				strerror(f->fts_errno));
		}
		rc = one != CLI_OK ? one : rc;
	}
	fts_close(fts);
	return rc;
}

/* ---- the command line ---- */

/* Where it is kept how far logs got, unless --state-dir says otherwise. false: too long. */
static bool default_state_dir(char ret[PATH_MAX])
{
	const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
	int n = state && *state ? snprintf(ret, PATH_MAX, "%s/holdpoint", state)
				: snprintf(ret, PATH_MAX, "%s/.local/state/holdpoint",
					  home ? home : "/root");

	return n < PATH_MAX;
}

static int import_paths(struct import *im, const char *const *paths, size_t count)
{
	uint64_t logs = 0;
	int rc = CLI_OK;

	for (size_t i = 0; i < count; i++) {
		int one = strcmp(paths[i], "-") == 0 ? import_stream(im, "-")
						     : import_path(im, paths[i], &logs);

		rc = one != CLI_OK ? one : rc;
	}
	if (logs == 0 && rc == CLI_OK && strcmp(paths[0], "-") != 0)
		return cli_error(im->self, CLI_FAILED, "%s: no files in it", paths[0]);
	if (logs > 1 && im->sink)
		print_sums("all", &im->total);
	return rc;
}

static int open_sink(
	struct import *im, const struct sink_client_config *config, const char *state_dir)
{
	char path[PATH_MAX];
	struct err e = {0};

	if (sink_client_new(config, &im->sink, &e) < 0)
		return cli_error(im->self, CLI_FAILED, "%s", e.msg);
	if (!state_dir && !default_state_dir(path))
		return cli_error(im->self, CLI_USAGE, "--state-dir: the default is too long");
	if (import_state_open(state_dir ? state_dir : path, config->url, &im->state, &e) < 0)
		return cli_error(im->self, CLI_FAILED, "--state-dir: %s", e.msg);
	return CLI_OK;
}

struct options {
	struct sink_client_config config;
	const char *state_dir; /* NULL: the default */
	bool check, skip_unreadable;
	const char *paths[PATHS_MAX];
	size_t count;
};

/* Where the sink is, and who asks it. */
#define SINK_FLAGS(config)                                                                         \
	SINK_FLAG("sink", (config).url, "URL",                                                     \
		"https://HOST:PORT/audit/CLUSTER of the sink; needed to send"),                    \
		SINK_FLAG(                                                                         \
			"sink-ca-file", (config).ca_file, "FILE", "CA of the sink's certificate"), \
		SINK_FLAG("client-cert-file", (config).cert_file, "FILE",                          \
			"certificate that the sink knows as a source"),                            \
		SINK_FLAG("client-key-file", (config).key_file, "FILE", "its private key"),        \
		SINK_FLAG("bearer-token-file", (config).token_file, "FILE",                        \
			"token that the sink knows")
#define SINK_FLAG(flag_name, var, placeholder, text)                                               \
	{                                                                                          \
		.name = flag_name, .type = FLAG_STRING, .value = &(var), .arg = placeholder,       \
		.help = text                                                                       \
	}

/* -1: go on; else the exit code. */
static int parse(const struct command *self, int argc, char **argv, struct options *ret)
{
	const struct flag flags[] = {SINK_FLAGS(ret->config),
		{.name = "patience",
			.type = FLAG_DURATION_MS,
			.value = &ret->config.patience_ms,
			.arg = "DURATION",
			.min = 0,
			.max = 86400000,
			.help = "how long to go on trying while the sink takes nothing"},
		{.name = "state-dir",
			.type = FLAG_STRING,
			.value = &ret->state_dir,
			.arg = "DIR",
			.help = "where it is kept how far each file got (default "
				"~/.local/state/holdpoint)"},
		{.name = "check",
			.type = FLAG_BOOL,
			.value = &ret->check,
			.help = "only read, and say what the logs hold; nothing is sent"},
		{.name = "skip-unreadable",
			.type = FLAG_BOOL,
			.value = &ret->skip_unreadable,
			.help = "send the rest of a log that holds records which cannot be read"},
		{0}};
	int rc = cli_parse(self, flags, argc, argv, 1, PATHS_MAX, ret->paths, &ret->count);

	if (rc < 0 && !ret->check && !ret->config.url)
		return cli_error(self, CLI_USAGE, "--sink is needed to send; --check only reads");
	return rc;
}

static int run(const struct command *self, int argc, char **argv)
{
	struct options o = {.config = {.patience_ms = 600000}};
	struct import im = {.self = self};
	int rc = parse(self, argc, argv, &o);

	if (rc >= 0)
		return rc;
	im.skip_unreadable = o.skip_unreadable;
	im.arena = arena_new(ARENA_FIRST, ARENA_MAX);
	rc = im.arena ? CLI_OK : cli_error(self, CLI_FAILED, "out of memory");
	if (rc == CLI_OK && !o.check)
		rc = open_sink(&im, &o.config, o.state_dir);
	if (rc == CLI_OK)
		rc = import_paths(&im, o.paths, o.count);
	import_state_close(im.state);
	sink_client_free(im.sink);
	arena_free(im.arena);
	return rc;
}

const struct command import_commands[] = {
	{.name = "import",
		.args = "FILE…",
		.run = run,
		.summary = "Send audit logs, also those of EKS, GKE and AKS, to the sink",
		.examples = "  holdpoint import --check eks-export/\n"
			    "  holdpoint import --sink https://sink:8444/audit/prod --sink-ca-file "
			    "ca.pem \\\n"
			    "      --bearer-token-file token /var/log/kubernetes/audit.log\n"},
	{.name = NULL},
};
