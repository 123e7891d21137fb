/* SPDX-License-Identifier: Apache-2.0 */
/* What the `holdpoint policy …` commands share. */
#pragma once

#include "cli/commands.h"
#include "policy/policy.h"

#define CLI_POLICY_MAX_FILES 256

/* Loads policies, or prints every error. 0, or the exit code. */
int cli_policy_load(
	const struct command *c, const char *const *paths, size_t count, struct policy_set **ret);

/* Reads a review ("-" is standard input) into the arena. 0, or the exit code with the error said.
 */
int cli_policy_read_review(
	const struct command *c, const char *path, struct arena *arena, struct policy_request *ret);

/* "CREATE pods prod/web by claude-code@… (groups ai-agents …)": one line. */
void cli_policy_put_request(struct buf *out, const struct policy_request *r);
