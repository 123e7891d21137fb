/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A log as records: JSON values one behind the other, on a line each or over many, and lines of
 * text. Where a line begins a value that does not end as it should, it is a record by itself, so
 * that it costs none of its neighbours.
 *
 * Threads: one reader, one thread at a time.
 */
#pragma once

#include "common/base/arena.h"
#include "common/json/json.h"

#define IMPORT_RECORD_MAX ((size_t)256 << 20) /* bytes */

enum import_record_kind {
	IMPORT_END,
	IMPORT_JSON,   /* an object or array, whole */
	IMPORT_LINE,   /* of text; may hold JSON behind other things. Of a container runtime: what
			  it split is one again */
	IMPORT_BROKEN, /* a line that begins an object or array that cannot be read */
};

struct import_record {
	enum import_record_kind kind;
	struct span text;      /* without the line's end */
	struct json_doc doc;   /* of IMPORT_JSON */
	uint64_t from, to;     /* bytes of the log, decompressed */
	uint64_t line;	       /* on which it begins, from 1 */
	bool ends_log;	       /* nothing follows it, not even the end of a line */
	bool is_cri;	       /* what a container said: the runtime's prefix is taken off */
	struct json_error why; /* of IMPORT_BROKEN */
};

struct import_source;
struct import_records;

/* Reads a source, which must stay. NULL: no memory. */
struct import_records *import_records_new(struct import_source *source);
/* The records of a text in memory, which must stay. */
struct import_records *import_records_of(struct span text);
void import_records_free(struct import_records *r);
DEFINE_CLEANUP(struct import_records *, import_records_free)

/*
 * The next record. Text and nodes are valid until the next call; the nodes are in the arena, which
 * the caller resets. Errors: -1, it cannot be read on, with the place. Blocks.
 */
int import_records_next(struct import_records *r, struct arena *arena, struct import_record *ret,
	struct err *e) _must_check_;

/*
 * SHA-256 of the log's first bytes: as far as the end of the record that came last. Only where a
 * source is read.
 */
void import_records_digest(const struct import_records *r, uint8_t ret[]);

/* Passes over the log's first `to` bytes, for the digest only. Before the first record. */
int import_records_skip(struct import_records *r, uint64_t to, struct err *e) _must_check_;

/* Bytes read of the log until now. */
uint64_t import_records_position(const struct import_records *r);
