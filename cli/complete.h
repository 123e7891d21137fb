/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a shell offers when somebody presses Tab, out of the tables of commands and flags alone: no
 * file is read and no server asked. What is offered is printed as kubectl expects of its plugins:
 *
 *   WORD<TAB>what it is        one a line; the second part may be missing
 *   :4                         the last line: names of files are no answer here; ":0": they are
 */
#pragma once

#include "cli/command.h"

/* A command line as it stands before the cursor; the last word may be empty or half. */
struct completion {
	char **words;
	int count; /* without the last */
	const char *last;
};

/* argv holds the words behind the program's name; none is the same as an empty one. */
struct completion completion_of(int argc, char **argv);

/*
 * Offers words that spell a command of the table, all of whose words before the cursor fit. Returns
 * whether there were any.
 */
bool complete_commands(const struct command *table, const struct completion *line);

/* Offers flags of a command, values of a flag, or what its arguments are, and ends the answer. */
void complete_arguments(
	const struct command *c, const struct flag *flags, const struct completion *line);

/* Ends an answer without names of files. */
void complete_end(void);
