/* SPDX-License-Identifier: Apache-2.0 */
/* holdpoint policy reference: docs/policy-reference.md, from the tables in the code. */
#include <stdio.h>

#include "cli/policy.h"
#include "policy/reference.h"

int cli_policy_reference(const struct command *self, int argc, char **argv)
{
	_cleanup_(buf_free) struct buf out = BUF_INIT(4u << 20);
	const struct flag flags[] = {{0}};
	int rc = cli_parse(self, flags, argc, argv, 0, 0, NULL, NULL);

	if (rc >= 0)
		return rc;
	policy_reference_put(&out);
	fputs(cli_text(&out), stdout);
	return CLI_OK;
}
