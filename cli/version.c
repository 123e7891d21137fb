/* SPDX-License-Identifier: Apache-2.0 */
/* holdpoint version */
#include <stdio.h>

#include "cli/commands.h"

int cli_version(const struct command *self, int argc, char **argv)
{
	const char *output = NULL;
	const struct flag flags[] = {CLI_FLAG_OUTPUT(output), {0}};
	int rc = cli_parse(self, flags, argc, argv, 0, 0, NULL, NULL);

	if (rc >= 0)
		return rc;
	if (cli_wants_json(output))
		printf("{\"version\": \"%s\"}\n", HOLDPOINT_VERSION);
	else
		puts("holdpoint " HOLDPOINT_VERSION);
	return CLI_OK;
}
