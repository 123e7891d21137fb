/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bytes of a log: a file or standard input, as it is or compressed by gzip (RFC 1952, several
 * members too) or zstd (RFC 8878, several frames too), which is told by its first bytes.
 *
 * Threads: one source, one thread at a time.
 */
#pragma once

#include "common/base/err.h"

struct import_source;

/* path "-" is standard input. Errors: -1, without the file's name. */
int import_source_open(const char *path, struct import_source **ret, struct err *e) _must_check_;
void import_source_close(struct import_source *s);
DEFINE_CLEANUP(struct import_source *, import_source_close)

/*
 * Puts up to room (> 0) bytes of the log into `into`, decompressed. Returns how many, 0 at its end,
 * -1 with e when it cannot be read on: a file that was cut off while it is compressed, for one.
 * Blocks.
 */
ssize_t import_source_read(
	struct import_source *s, char *into, size_t room, struct err *e) _must_check_;

/* A file that somebody may still be writing. Not one that was compressed, nor a pipe: that has
 * ended.
 */
bool import_source_may_grow(const struct import_source *s);
/* Bytes of a plain regular file when it was opened, else 0. */
uint64_t import_source_size(const struct import_source *s);
