/* SPDX-License-Identifier: Apache-2.0 */
/* See cluster_flags.h. */
#include "cli/cluster_flags.h"

#include <stdio.h>

const char *const cluster_authorizers[] = {"unknown", "present", "absent", NULL};

int cluster_minor(const struct command *c, const char *version, unsigned *ret)
{
	unsigned minor = 0;

	if (version && sscanf(version + (*version == 'v'), "1.%u", &minor) != 1)
		return cli_error(
			c, CLI_USAGE, "--kubernetes-version: \"%s\" is not like 1.36", version);
	*ret = minor;
	return 0;
}

int cluster_facts(const struct command *c, const struct cluster_flags *flags,
	struct coverage_facts *ret, struct authorizer_config **ret_config)
{
	struct coverage_facts facts = {
		.managed = flags->managed, .static_manifests = flags->static_manifests};
	struct yaml_errors errors;
	int rc = cluster_minor(c, flags->version, &facts.minor);

	*ret_config = NULL;
	if (rc > 0)
		return rc;
	for (int i = COVERAGE_UNKNOWN; flags->authorizer && i <= COVERAGE_ABSENT; i++)
		if (strcmp(flags->authorizer, cluster_authorizers[i]) == 0)
			facts.authorizer = (enum coverage_authorizer)i;
	if (flags->managed && (facts.authorizer == COVERAGE_PRESENT || flags->authorization_config))
		return cli_error(c, CLI_USAGE,
			"--managed: such a control plane has no authorization webhook");
	if (flags->managed)
		facts.authorizer = COVERAGE_ABSENT;
	if (flags->authorization_config) {
		if (authorizer_config_read(flags->authorization_config, ret_config, &errors) < 0)
			fputs(cli_text(&errors.text), stderr);
		buf_free(&errors.text);
		if (!*ret_config)
			return cli_error(
				c, CLI_FAILED, "%s cannot be used", flags->authorization_config);
		facts.authorizer = COVERAGE_PRESENT;
		facts.authorizer_config = *ret_config;
	}
	*ret = facts;
	return 0;
}
