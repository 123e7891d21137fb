/* SPDX-License-Identifier: Apache-2.0 */
/*
 * holdpoint import: sends audit log files (JSON lines, as --audit-log-path writes them) to the
 * sink, for clusters whose API server cannot call a webhook.
 *
 * The sink masks and stores them like any other list. Lists are cut at fixed numbers of lines, so
 * that the same file always gives the same lists: what is sent twice is stored once. How far a file
 * got is kept beside, so that a second run goes on where the first one ended, and a log that grows
 * can be imported again and again.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/sink_client.h"
#include "common/base/crypto.h"
#include "common/base/file.h"
#include "common/json/json.h"

#define FILES_MAX  256
#define LINES_MAX  400		      /* a list; what API servers send too */
#define LIST_BYTES ((size_t)8 << 20)  /* a list is not made longer than that … */
#define LINE_BYTES ((size_t)32 << 20) /* … but for a line that is longer itself */

static const char list_head[] =
	"{\"kind\":\"EventList\",\"apiVersion\":\"audit.k8s.io/v1\",\"metadata\":{},\"items\":[";

struct import {
	const struct command *self;
	struct sink_client *sink;
	struct arena *arena;
	const char *state_dir; /* NULL: not kept */

	const char *path;
	FILE *file;
	off_t size, done; /* bytes in all (0: not known), and stored by the sink */
	off_t planned; /* end of a list that was sent once, but perhaps not stored: cut there again
			*/
	struct buf list;
	unsigned lines; /* in the list */
	uint64_t events, broken;
	char state_path[PATH_MAX];
};

/* ---- how far a file got ---- */

/* A file is known by its first line: logs are renamed when they are rotated. */
static int state_open(struct import *im, struct span first_line)
{
	_cleanup_(buf_free) struct buf hex = BUF_INIT(2 * SHA256_LEN + 1);
	uint8_t digest[SHA256_LEN];
	long long done = 0, planned = 0;
	FILE *f;

	im->state_path[0] = 0;
	if (!im->state_dir)
		return 0;
	sha256_of(first_line.ptr, first_line.len, digest);
	hex_put(&hex, digest, 16);
	if (snprintf(im->state_path, sizeof(im->state_path), "%s/import-%s", im->state_dir,
		    buf_str(&hex)) >= (int)sizeof(im->state_path))
		return cli_error(im->self, CLI_USAGE, "--state-dir: too long");
	f = fopen(im->state_path, "re");
	if (!f)
		return 0;
	if (fscanf(f, "%lld %lld", &done, &planned) == 2 && done >= 0 && done <= im->size &&
		(done == 0 || fseeko(im->file, (off_t)done, SEEK_SET) == 0)) {
		im->done = (off_t)done;
		im->planned = (off_t)planned;
	}
	fclose(f);
	return 0;
}

static int state_save(const struct import *im)
{
	char text[64];
	struct err e;

	if (!im->state_path[0])
		return 0;
	snprintf(text, sizeof(text), "%lld %lld\n", (long long)im->done, (long long)im->planned);
	if (file_replace(im->state_path, span_of(text), &e) < 0)
		return cli_error(im->self, CLI_FAILED, "--state-dir: %s", e.msg);
	return 0;
}

/* ---- progress ---- */

static void show_progress(const struct import *im, bool last)
{
	if (!isatty(STDERR_FILENO))
		return;
	if (im->size > 0)
		fprintf(stderr, "\r%s: %3d%%  %llu events", im->path,
			(int)(100 * im->done / im->size), (unsigned long long)im->events);
	else
		fprintf(stderr, "\r%s: %llu events", im->path, (unsigned long long)im->events);
	if (last)
		fputc('\n', stderr);
}

/* ---- lists ---- */

/* Sends what was gathered; at is the offset behind its last line. */
static int flush_list(struct import *im, off_t at)
{
	struct err e = {0};
	int rc;

	if (im->lines > 0) {
		im->planned = at;
		if ((rc = state_save(im)) > 0)
			return rc;
		buf_add_str(&im->list, "]}\n");
		if (im->list.failed)
			return cli_error(im->self, CLI_FAILED, "%s: out of memory", im->path);
		rc = sink_client_post(im->sink, buf_span(&im->list), &e);
		buf_reset(&im->list);
		if (rc < 0)
			return cli_error(im->self, CLI_FAILED,
				"%s: %s; run the same command again to go on at byte %lld",
				im->path, e.msg, (long long)im->done);
	}
	im->lines = 0;
	im->done = at;
	show_progress(im, false);
	return state_save(im);
}

static void add_line(struct import *im, struct span line)
{
	if (im->lines == 0)
		buf_add_str(&im->list, list_head);
	else
		buf_add_char(&im->list, ',');
	buf_add_span(&im->list, line);
	im->lines++;
}

/* Is it one JSON object? Only then can it stand in a list without hurting its neighbours. */
static bool is_object(struct import *im, struct span line)
{
	static const struct json_limits limits = {.max_bytes = LINE_BYTES,
		.max_depth = 10000,
		.max_nodes = 8u << 20,
		.allow_lone_surrogates = true,
		.allow_duplicate_keys = true};
	struct json_doc doc;
	bool ok = json_read(line.ptr, line.len, &limits, im->arena, &doc, NULL) == 0 &&
		  json_type(&doc, JSON_ROOT) == JSON_OBJECT;

	arena_reset(im->arena);
	return ok;
}

/* A log's line says what it is; an event in a list does not. Without that the two are the same
 * text, so that an event that came both ways is seen to be one. */
static struct span as_item(struct span line)
{
	static const char type[] = "{\"kind\":\"Event\",\"apiVersion\":\"audit.k8s.io/v1\",";
	const size_t len = sizeof(type) - 1;

	if (line.len <= len || memcmp(line.ptr, type, len) != 0)
		return line;
	line.len -= len - 1;
	line.ptr += len - 1;
	((char *)line.ptr)[0] = '{';
	return line;
}

/* A line that begins at `from` and ends at `at`. */
static int take_line(struct import *im, struct span line, off_t from, off_t at)
{
	int rc;

	if (line.len == 0)
		return 0;
	if (is_object(im, line)) {
		line = as_item(line);
		if (im->lines > 0 && im->list.len + line.len > LIST_BYTES &&
			(rc = flush_list(im, from)) > 0)
			return rc;
		im->events++;
		add_line(im, line);
		return im->lines == LINES_MAX || at == im->planned ? flush_list(im, at) : 0;
	}
	/* By itself: the sink puts it into quarantine, and its neighbours are safe. */
	im->broken++;
	if ((rc = flush_list(im, from)) > 0)
		return rc;
	add_line(im, line);
	return flush_list(im, at);
}

static int read_lines(struct import *im)
{
	char *text = NULL;
	size_t cap = 0;
	ssize_t n;
	bool first = true;
	off_t at = 0;
	int rc = 0;

	while (rc == 0 && (n = getline(&text, &cap, im->file)) > 0) {
		off_t from = at;
		bool whole = text[n - 1] == '\n';

		at += n;
		if (first && im->size > 0) {
			first = false;
			rc = state_open(im, (struct span){text, (size_t)n});
			if (im->done > 0) {
				at = im->done;
				continue;
			}
		}
		if (!whole && im->size > 0) {
			at = from; /* the log's writer is not done with this line */
			break;
		}
		if ((size_t)n > LINE_BYTES)
			rc = cli_error(im->self, CLI_FAILED, "%s: a line over %zu MiB at byte %lld",
				im->path, LINE_BYTES >> 20, (long long)from);
		else if (rc == 0)
			rc = take_line(im, (struct span){text, (size_t)n - whole}, from, at);
	}
	free(text);
	if (rc == 0 && ferror(im->file))
		rc = cli_error(im->self, CLI_FAILED, "%s: %s", im->path, strerror(errno));
	return rc > 0 ? rc : flush_list(im, at);
}

static int import_file(struct import *im, const char *path)
{
	struct stat st;
	int rc;

	im->path = strcmp(path, "-") == 0 ? "standard input" : path;
	im->file = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
	if (!im->file || fstat(fileno(im->file), &st) != 0)
		return cli_error(im->self, CLI_FAILED, "%s: %s", path, strerror(errno));
	im->size = S_ISREG(st.st_mode) ? st.st_size : 0;
	im->done = im->planned = 0;
	im->events = im->broken = 0;
	im->state_path[0] = 0;
	rc = read_lines(im);
	if (im->file != stdin)
		fclose(im->file);
	show_progress(im, true);
	if (rc > 0)
		return rc;
	printf("%s: %llu events sent", im->path, (unsigned long long)im->events);
	if (im->broken > 0)
		printf(", %llu lines that are no events: see holdpoint.audit_quarantine",
			(unsigned long long)im->broken);
	putchar('\n');
	return CLI_OK;
}

/* ---- the command line ---- */

/* Where the offsets are kept unless --state-dir says otherwise. NULL: nowhere. */
static const char *default_state_dir(char ret[PATH_MAX])
{
	const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
	int n = state && *state ? snprintf(ret, PATH_MAX, "%s/holdpoint", state)
				: snprintf(ret, PATH_MAX, "%s/.local/state/holdpoint",
					  home ? home : "/root");

	if (n >= PATH_MAX)
		return NULL;
	for (char *p = ret + 1; *p; p++)
		if (*p == '/') {
			*p = 0;
			mkdir(ret, 0700);
			*p = '/';
		}
	return mkdir(ret, 0700) == 0 || errno == EEXIST ? ret : NULL;
}

static int import_files(const struct command *self, const struct sink_client_config *config,
	const char *state_dir, const char *const *files, size_t count)
{
	_cleanup_(sink_client_freep) struct sink_client *sink = NULL;
	_cleanup_(arena_freep) struct arena *arena = arena_new(1 << 20, 256 << 20);
	struct import im = {.self = self, .list = BUF_INIT(LINE_BYTES + LIST_BYTES)};
	char path[PATH_MAX];
	struct err e = {0};
	int rc = 0;

	if (!arena)
		return cli_error(self, CLI_FAILED, "out of memory");
	if (sink_client_new(config, &sink, &e) < 0)
		return cli_error(self, CLI_FAILED, "%s", e.msg);
	im.sink = sink;
	im.arena = arena;
	im.state_dir = state_dir ? state_dir : default_state_dir(path);
	for (size_t i = 0; i < count && rc == 0; i++)
		rc = import_file(&im, files[i]);
	buf_free(&im.list);
	return rc;
}

int cli_import(const struct command *self, int argc, char **argv)
{
	struct sink_client_config config = {.patience_ms = 600000};
	const char *files[FILES_MAX], *state_dir = NULL;
	const struct flag flags[] = {{.name = "sink",
					     .type = FLAG_STRING,
					     .value = &config.url,
					     .arg = "URL",
					     .required = true,
					     .help = "https://HOST:PORT/audit/CLUSTER of the sink"},
		{.name = "sink-ca-file",
			.type = FLAG_STRING,
			.value = &config.ca_file,
			.arg = "FILE",
			.help = "CA of the sink's certificate"},
		{.name = "client-cert-file",
			.type = FLAG_STRING,
			.value = &config.cert_file,
			.arg = "FILE",
			.help = "certificate that the sink knows as a source"},
		{.name = "client-key-file",
			.type = FLAG_STRING,
			.value = &config.key_file,
			.arg = "FILE",
			.help = "its private key"},
		{.name = "bearer-token-file",
			.type = FLAG_STRING,
			.value = &config.token_file,
			.arg = "FILE",
			.help = "token that the sink knows"},
		{.name = "patience",
			.type = FLAG_DURATION_MS,
			.value = &config.patience_ms,
			.arg = "DURATION",
			.min = 0,
			.max = 86400000,
			.help = "how long to go on trying while the sink takes nothing"},
		{.name = "state-dir",
			.type = FLAG_STRING,
			.value = &state_dir,
			.arg = "DIR",
			.help = "where it is kept how far each file got (default "
				"~/.local/state/holdpoint)"},
		{0}};
	size_t count;
	int rc = cli_parse(self, flags, argc, argv, 1, FILES_MAX, files, &count);

	if (rc >= 0)
		return rc;
	return import_files(self, &config, state_dir, files, count);
}
