/* The table of subcommands, from which dispatch and `holdpoint --help` come. */
#include "cli/commands.h"

const struct command commands[] = {
	{.name = "db migrate",
		.args = "",
		.run = cli_db_migrate,
		.summary = "Bring the database schema up to date"},
	{.name = "version",
		.args = "",
		.run = cli_version,
		.summary = "Print the version of this program"},
	{.name = NULL},
};
