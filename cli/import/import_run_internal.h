/* SPDX-License-Identifier: Apache-2.0 */
/* What reading and sending a log have in common. */
#pragma once

#include "cli/command.h"
#include "cli/import/import_state.h"
#include "cli/import/import_unwrap.h"
#include "cli/import/sink_client.h"

/* How often something happened, by what became of it. */
struct import_sums {
	uint64_t stored, known, spooled, quarantined; /* events; known: the sink had them already */
	uint64_t others;			      /* records of something else */
	uint64_t unreadable;			      /* records of which nothing was made */
};

/* One run of the command. */
struct import {
	const struct command *self;
	struct sink_client *sink;   /* NULL: only read */
	struct import_state *state; /* NULL: not kept */
	struct arena *arena;	    /* of one record */
	bool skip_unreadable;
	struct import_sums total;
};

/* What the first reading of a log says. */
struct import_survey {
	uint64_t events, cut, others, unreadable;
	unsigned formats;	/* bits of enum import_format */
	uint64_t line;		/* the first unreadable record's */
	char why[160];		/* why it is */
	uint64_t end;		/* bytes until here are whole records */
	uint64_t unfinished;	/* bytes behind: a line that is still being written */
	struct import_log *log; /* what is known of it; NULL without a state */
};

/* "reading", "sending": on standard error, where that is a terminal. size: 0: not known. */
void import_show_progress(
	const char *path, const char *what, uint64_t at, uint64_t size, uint64_t events);
/* Takes the line of progress away. */
void import_end_progress(void);

/* Opens a log and its records, both the caller's. Returns the exit code, the error was said. */
int import_open(struct import *im, const char *path, struct import_source **ret_source,
	struct import_records **ret_records);

/* Reads all of a log; path "-" is standard input. Returns the exit code, the error was said. */
int import_survey(struct import *im, const char *path, struct import_survey *ret);

/*
 * Sends a log's first `end` bytes (0: all there are), from where it got to. Records that cannot be
 * read are counted and left out. Returns the exit code, the error was said; sums say what was done.
 */
int import_send(struct import *im, const char *path, const struct import_survey *survey,
	struct import_sums *sums);
