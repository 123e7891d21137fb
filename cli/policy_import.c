/* SPDX-License-Identifier: Apache-2.0 */
/* holdpoint policy import FILE…: admission policies of Kubernetes as guardrail policies. */
#include <stdio.h>

#include "cli/policy.h"
#include "policy/import.h"

int cli_policy_import(const struct command *self, int argc, char **argv)
{
	const char *files[CLI_POLICY_MAX_FILES];
	_cleanup_(policy_imported_free) struct policy_imported imported = {0};
	size_t count;
	const struct flag flags[] = {{0}};
	int rc = cli_parse(self, flags, argc, argv, 1, ARRAY_LEN(files), files, &count);

	if (rc >= 0)
		return rc;
	rc = policy_import(files, count, &imported);
	if (imported.problems.count)
		fputs(cli_text(&imported.problems.text), stderr);
	if (imported.notes.count)
		fputs(cli_text(&imported.notes.text), stderr);
	if (rc < 0)
		return CLI_FAILED;
	if (imported.written)
		fputs(cli_text(&imported.text), stdout);
	fprintf(stderr, "%u %s written, %u left out\n", imported.written,
		imported.written == 1 ? "policy" : "policies", imported.left_out);
	return imported.left_out ? CLI_NO : CLI_OK;
}
