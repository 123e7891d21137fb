/*
 * Adding to struct policy_errors: lines "file:line:column: message", each of one line whatever the
 * message quotes.
 * Limits: ERRORS_MAX lines are kept, more are counted only. Threads: one at a time.
 */
#pragma once

#include "policy/tree.h"

#define ERRORS_MAX 100u

/* file: NULL when the problem is in none; line: 0 when it is the whole file's. */
void errors_add(struct policy_errors *errors, const struct tree_file *file, uint32_t line,
	uint32_t column, const char *fmt, ...) _printf_(5, 6);
/* Where the node begins. */
void errors_add_at(struct policy_errors *errors, const struct node *at, const char *fmt, ...)
	_printf_(3, 4);
/* At the byte `offset` of the value of a scalar. */
void errors_add_in(struct policy_errors *errors, const struct node *at, size_t offset,
	const char *fmt, ...) _printf_(4, 5);

/* Puts the lines of each file in the order of their places; files stay in theirs. */
void errors_sort(struct policy_errors *errors);
