/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/complete.h"

#include <stdio.h>

#include "common/base/utf8.h"

#define DESCRIPTION_MAX 100

enum directive { OFFER_FILES = 0, OFFER_NO_FILES = 4 };

struct completion completion_of(int argc, char **argv)
{
	static char nothing[] = "";

	if (argc == 0)
		return (struct completion){.words = argv, .last = nothing};
	return (struct completion){.words = argv, .count = argc - 1, .last = argv[argc - 1]};
}

static void end_with(enum directive directive)
{
	printf(":%d\n", directive);
}

void complete_end(void)
{
	end_with(OFFER_NO_FILES);
}

static bool begins(struct span word, const char *with)
{
	size_t len = strlen(with);

	return word.len >= len && memcmp(word.ptr, with, len) == 0;
}

/* Tabs and newlines would end the description, which is cut between two characters. */
static void offer(const char *before, struct span word, const char *description)
{
	size_t len = strcspn(description, "\t\n");

	if (len > DESCRIPTION_MAX)
		for (len = DESCRIPTION_MAX; utf8_is_tail(description[len]); len--)
			;
	printf("%s%.*s%s%.*s\n", before, SPAN_FMT(word), len > 0 ? "\t" : "", (int)len,
		description);
}

/* ---- commands ---- */

/* The word of the command's name that stands at the cursor; empty when the name has none there. */
static struct span next_word(const struct command *c, const struct completion *line)
{
	const char *name = c->name;

	for (int i = 0; i < line->count; i++) {
		size_t len = strcspn(name, " ");

		if (strlen(line->words[i]) != len || memcmp(line->words[i], name, len) != 0 ||
			!name[len])
			return (struct span){0};
		name += len + 1;
	}
	return (struct span){name, strcspn(name, " ")};
}

/* A group (policy) is offered once, at its first command. */
static bool is_repeated(
	const struct command *table, const struct command *c, const struct completion *line)
{
	struct span word = next_word(c, line);

	for (const struct command *before = table; before < c; before++)
		if (!before->hidden && span_eq(next_word(before, line), word))
			return true;
	return false;
}

bool complete_commands(const struct command *table, const struct completion *line)
{
	bool any = false;

	for (const struct command *c = table; c->name; c++) {
		struct span word = next_word(c, line);

		if (c->hidden || word.len == 0 || !begins(word, line->last) ||
			is_repeated(table, c, line))
			continue;
		offer("", word, word.ptr[word.len] ? "a group of commands" : c->summary);
		any = true;
	}
	return any;
}

/* ---- flags and their values ---- */

static bool takes_file(const char *placeholder)
{
	static const char *const files[] = {"FILE", "DIR", "PATH", "FOLDER"};

	for (size_t i = 0; placeholder && i < ARRAY_LEN(files); i++)
		if (strstr(placeholder, files[i]))
			return true;
	return false;
}

static const struct flag *flag_named(const struct flag *flags, struct span name)
{
	for (const struct flag *f = flags; f->name; f++)
		if ((name.len > 2 && begins(name, "--") &&
			    span_eq(span_of(f->name), (struct span){name.ptr + 2, name.len - 2})) ||
			(f->short_name && name.len == 2 && name.ptr[0] == '-' &&
				name.ptr[1] == f->short_name))
			return f;
	return NULL;
}

/* before: "--output=" where the value stands in the same word. */
static void offer_values(const struct flag *f, const char *before, const char *value)
{
	static const char *const switches[] = {"true", "false", NULL};
	const char *const *all = f->type == FLAG_BOOL ? switches : f->one_of;

	for (; all && *all; all++)
		if (begins(span_of(*all), value))
			offer(before, span_of(*all), "");
	end_with(takes_file(f->arg) ? OFFER_FILES : OFFER_NO_FILES);
}

/* bash gives "--output=json" as three words: the flag, "=", and the value. */
static const struct flag *flag_before(const struct flag *flags, const struct completion *line)
{
	const bool split = line->count > 0 && strcmp(line->words[line->count - 1], "=") == 0;
	const int at = line->count - (split ? 2 : 1);
	const struct flag *f;

	if (at < 0)
		return NULL;
	if (strcmp(line->last, "=") == 0 || split)
		return flag_named(flags, span_of(line->words[at]));
	f = flag_named(flags, span_of(line->words[at]));
	return f && f->type != FLAG_BOOL ? f : NULL;
}

static void offer_flags(const struct flag *flags, const char *begun)
{
	for (const struct flag *f = flags; f->name; f++) {
		char name[64];

		snprintf(name, sizeof(name), "--%s", f->name);
		if (begins(span_of(name), begun))
			offer("", span_of(name), f->help);
	}
	if (begins(span_of("--help"), begun))
		offer("", span_of("--help"), "Shows what the command does, and its flags");
	complete_end();
}

/* "bash|zsh|fish" is a choice, FILE… are files, a HOLD is nothing that could be offered. */
static void offer_positional(const struct command *c, const char *begun)
{
	const char *args = c->args;

	if (!strchr(args, '|')) {
		end_with(takes_file(args) ? OFFER_FILES : OFFER_NO_FILES);
		return;
	}
	while (*args) {
		size_t len = strcspn(args, "|");

		if (begins((struct span){args, len}, begun))
			offer("", (struct span){args, len}, "");
		args += len + (args[len] == '|');
	}
	complete_end();
}

void complete_arguments(
	const struct command *c, const struct flag *flags, const struct completion *line)
{
	const char *equals = strchr(line->last, '=');
	const struct flag *f = flag_before(flags, line);
	char before[80];

	if (f) {
		offer_values(f, "", strcmp(line->last, "=") == 0 ? "" : line->last);
	} else if (line->last[0] != '-') {
		offer_positional(c, line->last);
	} else if (!equals) {
		offer_flags(flags, line->last);
	} else if ((f = flag_named(
			    flags, (struct span){line->last, (size_t)(equals - line->last)}))) {
		snprintf(before, sizeof(before), "--%s=", f->name);
		offer_values(f, before, equals + 1);
	} else {
		complete_end();
	}
}
