/* SPDX-License-Identifier: Apache-2.0 */
/* The entry points of all subcommands, one file each. */
#pragma once

#include "cli/command.h"

extern const struct command commands[];

int cli_db_migrate(const struct command *self, int argc, char **argv);
int cli_policy_authorizer(const struct command *self, int argc, char **argv);
int cli_policy_bench(const struct command *self, int argc, char **argv);
int cli_policy_check(const struct command *self, int argc, char **argv);
int cli_policy_explain(const struct command *self, int argc, char **argv);
int cli_policy_reference(const struct command *self, int argc, char **argv);
int cli_policy_test(const struct command *self, int argc, char **argv);
int cli_approvers(const struct command *self, int argc, char **argv);
int cli_missing(const struct command *self, int argc, char **argv);
int cli_policy_history(const struct command *self, int argc, char **argv);
int cli_policy_import(const struct command *self, int argc, char **argv);
int cli_completion(const struct command *self, int argc, char **argv);
int cli_version(const struct command *self, int argc, char **argv);
int cli_holds_list(const struct command *self, int argc, char **argv);
int cli_holds_show(const struct command *self, int argc, char **argv);
int cli_holds_watch(const struct command *self, int argc, char **argv);
int cli_approve(const struct command *self, int argc, char **argv);
int cli_deny(const struct command *self, int argc, char **argv);
int cli_withdraw(const struct command *self, int argc, char **argv);
int cli_stop(const struct command *self, int argc, char **argv);
int cli_resume(const struct command *self, int argc, char **argv);
int cli_stops(const struct command *self, int argc, char **argv);
int cli_sessions(const struct command *self, int argc, char **argv);
int cli_sources(const struct command *self, int argc, char **argv);
int cli_replay(const struct command *self, int argc, char **argv);
int cli_events(const struct command *self, int argc, char **argv);
int cli_decisions(const struct command *self, int argc, char **argv);
int cli_retention(const struct command *self, int argc, char **argv);
int cli_erase(const struct command *self, int argc, char **argv);
int cli_mask(const struct command *self, int argc, char **argv);
