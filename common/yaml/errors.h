/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All that is wrong with a set of YAML files, every error and not just the first: lines
 * "file:line:column: message", each of one line whatever the message quotes.
 * Limits: ERRORS_MAX lines are kept, more are counted only. Threads: one at a time.
 */
#pragma once

#include "common/base/buf.h"
#include "common/yaml/tree.h"

#define ERRORS_MAX 100u

/* Zeroed to begin with; buf_free(&text) in the end. */
struct yaml_errors {
	struct buf text;
	unsigned count;
};

/* file: NULL when the problem is in none; line: 0 when it is the whole file's. */
void errors_add(struct yaml_errors *errors, const struct tree_file *file, uint32_t line,
	uint32_t column, const char *fmt, ...) _printf_(5, 6);
/* Where the node begins. */
void errors_add_at(struct yaml_errors *errors, const struct node *at, const char *fmt, ...)
	_printf_(3, 4);
/* At the byte `offset` of the value of a scalar. */
void errors_add_in(struct yaml_errors *errors, const struct node *at, size_t offset,
	const char *fmt, ...) _printf_(4, 5);

/* Puts the lines of each file in the order of their places; files stay in theirs. */
void errors_sort(struct yaml_errors *errors);
