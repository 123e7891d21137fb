/* SPDX-License-Identifier: Apache-2.0 */
/* Whole files. Of secrets: secret_read_file() in crypto.h. */
#pragma once

#include "common/base/buf.h"
#include "common/base/err.h"

/*
 * Appends all that fd gives until its end. -1: it cannot be read, or there is more than out may
 * hold; out is not to be used then. Blocks. Errors: without the file's name.
 */
int file_read_fd(int fd, struct buf *out, struct err *e) _must_check_;

/* The same of the file called path, which stands at the beginning of errors. */
int file_read(const char *path, struct buf *out, struct err *e) _must_check_;

/*
 * Puts text in the place of the file called path: who opens it finds the old text or the new one,
 * whole. The new one is written to path.new first. Not synced to the disk.
 */
int file_replace(const char *path, struct span text, struct err *e) _must_check_;
