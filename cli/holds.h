/* SPDX-License-Identifier: Apache-2.0 */
/* What the commands about holds share. */
#pragma once

#include "cli/command.h"
#include "cli/table.h"

/* "DELETE deployments.apps prod/checkout": what a hold is about. */
void holds_put_what(struct buf *out, const char *operation, const char *resource,
	const char *namespace_, const char *name);

/* The colour that a hold's state has. */
enum colour holds_state_colour(const char *state);

/* Numbers, or --user with what narrows it? 0, or the exit code with the error said. */
int holds_check_deny(
	const struct command *c, const struct cli_hold_filter *f, bool narrowed, size_t numbers);

/* Asks a person on the terminal. 0: yes; else the exit code with the reason said. */
int holds_confirm(const struct command *c, const char *prompt);

#define CLI_HOLDS_MAX 64 /* numbers in one command */

/* Holds' numbers as people type them ("42", "#42"). 0, or the exit code with the error said. */
int holds_parse_numbers(
	const struct command *c, const char *const *args, size_t count, char (*ret)[24]);
