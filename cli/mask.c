/* SPDX-License-Identifier: Apache-2.0 */
/*
 * holdpoint mask: shows what the masking of the audit sink does to events, lists or objects, before
 * anything is stored anywhere. Needs no database. --explain says which rule masked which place;
 * --pseudonyms gives the pseudonyms of one known secret, to look for it in what was stored.
 */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/table.h"
#include "common/base/crypto.h"
#include "common/mask/mask.h"

#define INPUT_MAX  ((size_t)1 << 30)
#define OUTPUT_MAX ((size_t)4 << 30)
#define ARENA_MAX  ((size_t)8 << 30)
#define FILES_MAX  64

/* As strict as the sink, but larger. */
static const struct json_limits limits = {.max_bytes = INPUT_MAX,
	.max_depth = 1000,
	.max_nodes = 200000000,
	.allow_lone_surrogates = true};

struct mask_run {
	const struct command *self;
	struct masker *masker;
	struct arena *arena;
	const char *path;   /* for messages */
	uint64_t documents; /* events or objects */
	uint64_t masked;
	uint64_t whole;
	bool explain;
	struct buf explained; /* of the document at hand */
};

/* ---- one document ---- */

static void note_rule(void *userdata, const char *rule, struct span pointer)
{
	struct mask_run *run = userdata;
	const size_t begin = run->explained.len;

	buf_printf(&run->explained, "%-18s %.*s", rule, SPAN_FMT(pointer));
	/* Names of fields come from the cluster and must not drive a terminal. */
	for (size_t i = begin; i < run->explained.len; i++)
		if ((unsigned char)run->explained.ptr[i] < 0x20 || run->explained.ptr[i] == 0x7f)
			run->explained.ptr[i] = '?';
	buf_add_char(&run->explained, '\n');
}

static bool is_kind(const struct json_doc *d, json_ref v, const char *kind)
{
	return json_string_is(d, json_get_str(d, v, "kind"), span_of(kind));
}

static void put_explained(struct mask_run *run, const struct json_doc *d, json_ref v)
{
	char number[32];
	struct span id = json_raw_string(d, json_get_str(d, v, "auditID"));

	if (!run->explain || run->explained.len == 0)
		return;
	snprintf(number, sizeof(number), "number %llu", (unsigned long long)run->documents);
	fprintf(stderr, "%s%s %.*s%s\n", colour_on(COLOUR_BOLD, stderr),
		id.ptr ? "event" : "document", SPAN_FMT(id.ptr ? id : span_of(number)),
		colour_off(stderr));
	fwrite(run->explained.ptr, 1, run->explained.len, stderr);
	buf_reset(&run->explained);
}

/* Events by their own rules; anything else as the object that it says it is. */
static void mask_one(struct mask_run *run, const struct json_doc *d, json_ref v, struct buf *out)
{
	struct mask_result result = {0};
	const bool event = is_kind(d, v, "Event") || json_get_str(d, v, "auditID") != JSON_NONE;

	if (event)
		mask_audit_event(run->masker, d, v, run->arena, out, &result);
	else
		mask_object(run->masker, d, v, (struct mask_target){0}, run->arena, out, &result);
	run->documents++;
	run->masked += result.masked;
	run->whole += result.whole;
	put_explained(run, d, v);
}

/* The list's own text around its masked elements. */
static int mask_list(
	struct mask_run *run, const struct json_doc *d, json_ref items, struct buf *out)
{
	const size_t count = json_node(d, items)->count;
	struct json_edit *edits = arena_calloc(run->arena, count ? count : 1, sizeof(*edits));
	size_t n = 0;

	if (!edits)
		return -1;
	json_foreach (item, d, items) {
		struct buf masked _cleanup_(buf_free) = BUF_INIT(OUTPUT_MAX);
		mask_one(run, d, item, &masked);
		const char *copy = arena_strndup(run->arena, masked.ptr, masked.len);
		if (masked.failed || !copy)
			return -1;
		edits[n++] = (struct json_edit){item, {copy, masked.len}};
	}
	json_put_edited(out, d, JSON_ROOT, edits, n);
	return 0;
}

static int mask_document(struct mask_run *run, const struct json_doc *d)
{
	struct buf out _cleanup_(buf_free) = BUF_INIT(OUTPUT_MAX);
	const json_ref items = json_get_str(d, JSON_ROOT, "items");
	int rc = 0;

	if (is_kind(d, JSON_ROOT, "EventList") && json_type(d, items) == JSON_ARRAY)
		rc = mask_list(run, d, items, &out);
	else
		mask_one(run, d, JSON_ROOT, &out);
	buf_add_char(&out, '\n');
	if (rc < 0 || out.failed)
		return cli_error(run->self, CLI_FAILED, "%s: out of memory", run->path);
	if (fwrite(out.ptr, 1, out.len, stdout) != out.len)
		return cli_error(run->self, CLI_FAILED, "cannot write: %s", strerror(errno));
	return CLI_OK;
}

/* ---- the input ---- */

static size_t skip_space(const char *text, size_t len, size_t at)
{
	while (at < len && strchr(" \t\r\n", text[at]) && text[at])
		at++;
	return at;
}

/* One JSON value after another: a list, JSON lines, or both. */
static int mask_text_of_file(struct mask_run *run, const char *text, size_t len)
{
	int rc = CLI_OK;

	for (size_t at = skip_space(text, len, 0); at < len && rc == CLI_OK;
		at = skip_space(text, len, at)) {
		struct json_error why;
		struct json_doc d;
		struct err e;

		arena_reset(run->arena);
		if (json_read_value(text + at, len - at, &limits, run->arena, &d, &why) < 0) {
			json_error_to_err(&why, &e);
			return cli_error(run->self, CLI_FAILED,
				"%s: value %llu, from byte %zu on: %s", run->path,
				(unsigned long long)run->documents + 1, at, e.msg);
		}
		rc = mask_document(run, &d);
		at += d.len;
	}
	return rc;
}

/* "-" is standard input. */
static int read_input(struct mask_run *run, const char *path, struct buf *into)
{
	const bool standard = strcmp(path, "-") == 0;

	run->path = standard ? "standard input" : path;
	if (standard && isatty(STDIN_FILENO))
		fputs("holdpoint mask: reading standard input, end with Ctrl-D\n", stderr);
	return cli_read_file(run->self, path, into);
}

static int mask_file(struct mask_run *run, const char *path)
{
	struct buf text _cleanup_(buf_free) = BUF_INIT(INPUT_MAX);
	int rc = read_input(run, path, &text);

	if (rc == CLI_OK)
		rc = mask_text_of_file(run, text.ptr ? text.ptr : "", text.len);
	if (text.ptr)
		crypto_wipe(text.ptr, text.cap);
	return rc;
}

/* The pseudonyms of one secret, the final newline of the file not counted. */
static int put_pseudonyms(struct mask_run *run, const char *path)
{
	struct buf value _cleanup_(buf_free) = BUF_INIT(INPUT_MAX);
	struct buf out _cleanup_(buf_free) = BUF_INIT(OUTPUT_MAX);
	int rc = read_input(run, path, &value);

	if (rc != CLI_OK)
		return rc;
	if (value.len > 0 && value.ptr[value.len - 1] == '\n')
		value.len--;
	mask_put_pseudonyms(run->masker, buf_span(&value), &out);
	if (value.ptr)
		crypto_wipe(value.ptr, value.cap);
	fwrite(out.ptr ? out.ptr : "", 1, out.len, stdout);
	return CLI_OK;
}

static int put_rules(void)
{
	struct buf out _cleanup_(buf_free) = BUF_INIT(OUTPUT_MAX);
	mask_put_rules_markdown(&out);
	fwrite(out.ptr, 1, out.len, stdout);
	return CLI_OK;
}

static int run_files(struct mask_run *run, const char *const *files, size_t count)
{
	int rc = CLI_OK;

	for (size_t i = 0; i < count && rc == CLI_OK; i++)
		rc = mask_file(run, files[i]);
	fflush(stdout);
	if (run->explain && rc == CLI_OK)
		fprintf(stderr,
			"%llu documents, %llu values masked, %llu of them unread as a whole\n",
			(unsigned long long)run->documents, (unsigned long long)run->masked,
			(unsigned long long)run->whole);
	return rc;
}

struct mask_inputs {
	const char *key_file, *config;
	bool pseudonyms;
	const char *const *files;
	size_t count;
};

static int mask_inputs(struct mask_run *run, const struct mask_inputs *in)
{
	struct err e;
	int rc;

	if (masker_new(in->key_file, in->config, &run->masker, &e) < 0)
		return cli_error(run->self, CLI_FAILED, "%s", e.msg);
	run->arena = arena_new(1 << 20, ARENA_MAX);
	if (run->explain)
		masker_set_explain(run->masker, note_rule, run);
	if (!run->arena)
		rc = cli_error(run->self, CLI_FAILED, "out of memory");
	else if (in->pseudonyms)
		rc = put_pseudonyms(run, in->files[0]);
	else
		rc = run_files(run, in->files, in->count);
	buf_free(&run->explained);
	arena_free(run->arena);
	masker_free(run->masker);
	return rc;
}

int cli_mask(const struct command *self, int argc, char **argv)
{
	const char *key_file = NULL, *config = NULL, *files[FILES_MAX] = {"-"};
	bool explain = false, pseudonyms = false, rules = false;
	size_t count = 0;
	const struct flag flags[] = {
		{.name = "mask-key-file",
			.type = FLAG_STRING,
			.value = &key_file,
			.arg = "FILE",
			.help = "the sink's key, for the pseudonyms that it makes; without it the "
				"pseudonyms are of this run only"},
		{.name = "mask-config",
			.type = FLAG_STRING,
			.value = &config,
			.arg = "FILE",
			.help = "own patterns and paths (YAML), beside the built-in rules"},
		{.name = "explain",
			.type = FLAG_BOOL,
			.value = &explain,
			.no_env = true,
			.help = "also say, on standard error, which rule masked which place"},
		{.name = "pseudonyms",
			.type = FLAG_BOOL,
			.value = &pseudonyms,
			.no_env = true,
			.help = "the input is one secret: print its pseudonyms, to search stored "
				"events for. Needs --mask-key-file."},
		{.name = "rules",
			.type = FLAG_BOOL,
			.value = &rules,
			.no_env = true,
			.help = "print the built-in rules as a Markdown table"},
		{0},
	};
	int rc = cli_parse(self, flags, argc, argv, 0, FILES_MAX, files, &count);

	if (rc >= 0)
		return rc;
	if (rules)
		return put_rules();
	if (pseudonyms && (!key_file || count > 1))
		return cli_error(self, CLI_USAGE,
			"--pseudonyms needs --mask-key-file, and one FILE or standard input");
	return mask_inputs(
		&(struct mask_run){
			.self = self, .explain = explain, .explained = BUF_INIT(OUTPUT_MAX)},
		&(struct mask_inputs){key_file, config, pseudonyms, files, count ? count : 1});
}
