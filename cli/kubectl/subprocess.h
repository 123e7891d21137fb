/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a program and takes what it prints. */
#pragma once

#include "common/base/buf.h"
#include "common/base/err.h"

/*
 * argv[0] is looked up in PATH; stdin and stderr are ours, stdout goes to out (bounded by its max).
 * extra_env: "NAME=value" texts, or NULL. Returns 0 when it exited with 0; else -1. Blocks.
 */
int subprocess_output(const char *const *argv, const char *const *extra_env, struct buf *out,
	struct err *e) _must_check_;
