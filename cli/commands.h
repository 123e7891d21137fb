/* The entry points of all subcommands, one file each. */
#pragma once

#include "cli/command.h"

int cli_db_migrate(const struct command *self, int argc, char **argv);
int cli_version(const struct command *self, int argc, char **argv);
